"""Databricks' work on the bundle's wheel task, on this machine: build, install, call, with the secret at hand.

The wheel is built by the bundle's own command and found by the bundle's own globs. It is installed beside the packages
of a Databricks Runtime and may not add others. Its entry point is called in a process of its own, with the arguments
that the job's parameters become. Spark and Delta are the open ones.
"""

from __future__ import annotations

import base64
import fcntl
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tests.databricks.bundle import ROOT, Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A wheel for tests need not be as fast as one for others, and is built in a fraction of the time.
_QUICK = {
    "CARGO_PROFILE_DIST_LTO": "off",
    "CARGO_PROFILE_DIST_CODEGEN_UNITS": "16",
    "CARGO_PROFILE_DIST_OPT_LEVEL": "1",
}
# The build must not see the environment in which the tests themselves run.
_NOT_FOR_THE_BUILD = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stripe-raw-rs"
_TOKEN = "token-of-the-job"  # noqa: S105 - of the fake workspace
# Values that a job may ask Databricks to fill in.
_DYNAMIC = {"job.id": "407151", "job.run_id": "5519", "job.name": "stripe_ingestion_job", "task.name": "ingest"}
_DYNAMIC_REFERENCE = re.compile(r"\{\{([\w.]+)\}\}")

# The call, as Databricks makes it. An entry point that exits, even with 0, fails its task. For an error the program
# prints everything that error reporters send out: the variables of each frame.
_CALL = """
import sys
from contextlib import suppress
from importlib import metadata

def show(error):
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            for value in list(trace.tb_frame.f_locals.values()):
                with suppress(Exception):
                    print(repr(value), file=sys.stderr)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__

_, package, name, *arguments = sys.argv
sys.argv = [package, *arguments]
(entry,) = [entry for entry in metadata.distribution(package).entry_points if entry.name == name]
try:
    entry.load()()
except SystemExit as error:
    raise RuntimeError(f"the entry point exited with {error.code!r}") from error
except Exception as error:
    show(error)
    raise
"""


@dataclass(frozen=True)
class Runtime:
    """A Databricks Runtime: its Python, and the versions of its packages that the wheel meets."""

    name: str
    version: str
    python: str
    spark: str
    packages: tuple[str, ...]


RUNTIMES = (
    Runtime(
        "DBR 15.4",
        "15.4",
        "3.11",
        "spark35",
        ("databricks-sdk==0.20.0", "numpy==1.23.5", "pandas==1.5.3", "pyarrow==14.0.1", "pyspark==3.5.9"),
    ),
    Runtime(
        "DBR 17.3",
        "17.3",
        "3.12",
        "spark40",
        ("databricks-sdk==0.49.0", "numpy==2.1.3", "pandas==2.2.3", "pyarrow==19.0.1", "pyspark[connect]==4.0.5"),
    ),
)


class BuildError(Exception):
    """The bundle's build command failed, or made other files than its globs name."""


def build(target: Target, place: Path) -> Path:
    """The wheel that the bundle's command makes, found by its globs and copied to a place.

    The command runs in a copy of the tree, since it empties `dist`. The copy stays in the cache, always at the same
    path and with the files' own times, so that the next build compiles only changed files.
    """
    tree = _CACHE / "wheel-tree"
    tree.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "wheel-tree.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _copy_sources(tree)
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_THE_BUILD}
        environment |= {**_QUICK, "CARGO_TARGET_DIR": str(_CACHE / "wheel-target")}
        done = subprocess.run(
            ["bash", "-c", target.artifact["build"]],
            cwd=tree / target.artifact["path"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError(done.stdout + done.stderr)
        wheel = only_wheel(target, tree)
        return Path(shutil.copy2(wheel, place))


def only_wheel(target: Target, tree: Path) -> Path:
    """The wheel that the artifact's glob and each of the task's globs find: one and the same, alone in its folder."""
    built = sorted((tree / "dist").iterdir())
    globs = [*(file["source"] for file in target.artifact["files"]), *target.wheel_globs()]
    for pattern in globs:
        found = [Path(path) for path in glob.glob(str(tree / pattern))]  # noqa: PTH207 - as the CLI does, hidden files too
        if found != built or len(built) != 1:
            names = ", ".join(path.name for path in built)
            raise BuildError(f"{pattern} finds {len(found)} files, of {len(built)} that were built: {names}")
    return built[0]


def _copy_sources(tree: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    for path in [path for path in tree.iterdir() if path.name != ".venv"]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name in names:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)


def find_python(version: str) -> Path | None:
    """A Python of this version on this machine, if there is one."""
    found = _uv("python", "find", "--no-project", "--system", "--no-python-downloads", version)
    places = [Path(found.stdout.strip())] if found.returncode == 0 else []
    # The shims of pyenv find its versions only while they are activated.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places += sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    return next((place for place in places if place.is_file()), None)


def fresh_environment(place: Path, python: Path, *packages: str) -> Path:
    """Make a new virtual environment with these packages and nothing else; answers its Python."""
    _checked(_uv("venv", "--quiet", "--python", str(python), str(place)))
    program = place / "bin" / "python"
    if packages:
        _checked(_uv("pip", "install", "--quiet", "--python", str(program), *packages))
    return program


def install(python: Path, wheel: str, constraints: tuple[str, ...] = ()) -> set[str]:
    """Install a wheel; answers the other packages that it brought or changed."""
    before = _installed(python)
    file = python.parents[1] / "constraints.txt"
    # A constraint names no extras.
    file.write_text("".join(re.sub(r"\[.*\]", "", line) + "\n" for line in constraints), encoding="utf-8")
    _checked(_uv("pip", "install", "--quiet", "--python", str(python), "--constraint", str(file), wheel))
    return {line for line in _installed(python) - before if not line.startswith("stripe-raw-rs")}


def _installed(python: Path) -> set[str]:
    return set(_checked(_uv("pip", "freeze", "--quiet", "--python", str(python))).stdout.split("\n"))


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([os.environ.get("UV", "uv"), *arguments], capture_output=True, text=True, check=False)


def _checked(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert done.returncode == 0, done.stderr
    return done


@dataclass
class Workspace:
    """A fake workspace for secrets: `/api/2.0/secrets/get`, for a client with the job's token."""

    url: str
    secrets: dict[tuple[str, str], str]
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str]]:
        """Status and body of the answer to a GET."""
        url = urlsplit(path)
        if authorization != f"Bearer {_TOKEN}":
            return 403, {"error_code": "PERMISSION_DENIED", "message": "Invalid access token."}
        if url.path != "/api/2.0/secrets/get":
            return 404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"No API found for 'GET {url.path}'"}
        query = parse_qs(url.query)
        scope, key = query["scope"][0], query["key"][0]
        self.asked.append((scope, key))
        if (scope, key) not in self.secrets:
            message = f"Secret does not exist with scope: {scope} and key: {key}"
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message}
        return 200, {"key": key, "value": base64.b64encode(self.secrets[scope, key].encode()).decode()}


@contextmanager
def fake_workspace(secrets: Mapping[tuple[str, str], str]) -> Iterator[Workspace]:
    """A workspace on 127.0.0.1 that knows these secrets, by scope and key."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = workspace.answer(self.path, self.headers.get("Authorization", ""))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        workspace = Workspace(f"http://127.0.0.1:{server.server_port}", dict(secrets))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield workspace
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Outcome:
    """The end of a run of the task, and its output."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class JobRunner:
    """Runs the bundle's task in the environment of a runtime, again and again over one warehouse."""

    runtime: Runtime
    python: Path
    jars: tuple[Path, ...]
    target: Target
    place: Path

    @property
    def lake(self) -> Path:
        """The folder that the job's schema has in the warehouse."""
        return self.place / "warehouse" / f"{self.parameters['schema']}.db"

    @property
    def parameters(self) -> dict[str, str]:
        """The task's named parameters, with the values that Databricks fills in."""

        def filled(found: re.Match[str]) -> str:
            return _DYNAMIC[found.group(1)]

        named: dict[str, str] = self.target.task["python_wheel_task"]["named_parameters"]
        return {name: _DYNAMIC_REFERENCE.sub(filled, value) for name, value in named.items()}

    def run(self, workspace: Workspace, stripe_url: str, **variables: str) -> Outcome:
        """Run the task to its end."""
        with self.started(workspace, stripe_url, **variables) as child:
            child.wait()
        return Outcome(child.returncode, *(self._said(name) for name in ("output", "errors")))

    @contextmanager
    def started(self, workspace: Workspace, stripe_url: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        """The task's process, in a process group with the JVM that it starts; the group is killed at the end."""
        self._configure()
        task = self.target.task["python_wheel_task"]
        parameters = [f"--{name}={value}" for name, value in self.parameters.items()]
        command = [str(self.python), "-c", _CALL, task["package_name"], task["entry_point"], *parameters]
        environment = {
            **{name: os.environ[name] for name in ("HOME", "JAVA_HOME", "LANG", "PATH") if name in os.environ},
            "DATABRICKS_HOST": workspace.url,
            "DATABRICKS_RUNTIME_VERSION": self.runtime.version,
            "DATABRICKS_TOKEN": _TOKEN,
            "PYSPARK_PYTHON": str(self.python),
            "SPARK_CONF_DIR": str(self.place / "conf"),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "STRIPE_RAW_API_BASE_URL": stripe_url,
            **variables,
        }
        with (self.place / "output").open("wb") as output, (self.place / "errors").open("wb") as errors:
            child = subprocess.Popen(
                command, cwd=self.place, env=environment, stdout=output, stderr=errors, start_new_session=True
            )
        try:
            yield child
        finally:
            kill_group(child)

    def _said(self, name: str) -> str:
        return (self.place / name).read_text(encoding="utf-8", errors="replace")

    def _configure(self) -> None:
        """Make a cluster as it is before a task comes: Spark with Delta, and a catalog that outlives the process."""
        metastore = f"jdbc:derby:;databaseName={self.place}/metastore;create=true"
        settings = {
            "spark.databricks.delta.snapshotPartitions": 1,
            "spark.driver.bindAddress": "127.0.0.1",
            # The quick compiler alone halves the time of a short session, but gets so little room for code that Spark
            # fills it and stands still.
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.hadoop.javax.jdo.option.ConnectionURL": metastore,
            "spark.jars": ",".join(map(str, self.jars)),
            "spark.master": "local[2]",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
            "spark.sql.catalogImplementation": "hive",
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.shuffle.partitions": 1,
            "spark.sql.warehouse.dir": self.place / "warehouse",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        (self.place / "conf").mkdir(exist_ok=True)
        (self.place / "conf" / "spark-defaults.conf").write_text(lines, encoding="utf-8")


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a process and all processes that it started, as the loss of a machine does."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
