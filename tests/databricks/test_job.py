"""The bundle's job on this machine: the wheel that the bundle builds, in the packages of a Databricks Runtime.

This repo's Python is not on the path of the processes that are tested here: they have only the wheel.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import subprocess
import time
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from stripe_raw_rs.main import main
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import DEFAULT, KEY, assert_whole, events
from tests.databricks import job_runner
from tests.databricks.bundle import ROOT, read, resolved
from tests.databricks.job_runner import RUNTIMES, BuildError, JobRunner, Outcome, Runtime, Workspace
from tests.spark.lanes import LANES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# All tests are in one process, since the wheel is built once; the first build of a machine compiles everything.
pytestmark = [pytest.mark.wheel, pytest.mark.timeout(3600)]

STRAY_KEY = "rk_test_STRAYstray0123456789"
SECRETS = {("stripe", "api_key"): KEY}
# The variables that `--var` sets for these tests. The catalog is the one that Spark has by itself.
VARIABLES = {"catalog": "spark_catalog", "schema": "stripe_raw"}
BY_EACH_RUNTIME = pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name, indirect=True)
# Serverless compute and an own cluster differ in the place of the installed wheel, but both name it by the same globs.
TARGET_OF = {"DBR 15.4": "dev_classic", "DBR 17.3": "dev"}


# The newest Python of this machine; 3.14.10 and 3.15.2 were tried by hand.
NEWEST = next((version for version in ("3.15", "3.14") if job_runner.find_python(version)), "3.13")


def unable(reason: str) -> None:
    """Skip, and say why. The gate may not skip, because everything that the tests need is installed there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def python(version: str) -> Path:
    found = job_runner.find_python(version)
    if found is None:
        unable(f"there is no Python {version} on this machine")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the bundle's own command."""
    return job_runner.build(resolved(read(), "dev"), tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def environments(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Runtime], Path]:
    """The Python of a runtime's environment with the wheel in it, made once."""
    made: dict[str, Path] = {}

    def environment(runtime: Runtime) -> Path:
        if runtime.name not in made:
            place = tmp_path_factory.mktemp("runtime") / "venv"
            program = job_runner.fresh_environment(place, python(runtime.python), *runtime.packages)
            assert job_runner.install(program, str(wheel), runtime.packages) == set(), "the wheel brings no packages"
            made[runtime.name] = program
        return made[runtime.name]

    return environment


@pytest.fixture
def runtime(request: pytest.FixtureRequest) -> Runtime:
    found: Runtime = request.param
    return found


@pytest.fixture
def job(runtime: Runtime, environments: Callable[[Runtime], Path], tmp_path: Path) -> JobRunner:
    lane = LANES[runtime.spark]
    if reason := lane.unable():
        unable(reason)
    target = resolved(read(), TARGET_OF[runtime.name], VARIABLES)
    return JobRunner(runtime, environments(runtime), tuple(lane.jars()), target, tmp_path)


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with job_runner.fake_workspace(SECRETS) as found:
        yield found


@pytest.fixture
def account() -> Iterator[StripeSimulator]:
    """An account that one key may read; a stray key is refused."""
    counts = {name: 240 if name == "charges" else 30 for name in DEFAULT}
    with StripeSimulator(seed=13, counts=counts, keys=[KEY]) as stripe:
        yield stripe


def assert_no_key(*outcomes: Outcome) -> None:
    for outcome in outcomes:
        for text in (outcome.output, outcome.errors):
            for key in (KEY, STRAY_KEY):
                assert key not in text
                assert base64.b64encode(key.encode()).decode() not in text


@BY_EACH_RUNTIME
def test_the_job_lands_all_five_entities(job: JobRunner, workspace: Workspace, account: StripeSimulator) -> None:
    outcome = job.run(workspace, account.url, STRIPE_API_KEY=STRAY_KEY)
    assert outcome.code == 0, outcome.errors
    assert_no_key(outcome)
    assert set(workspace.asked) == {("stripe", "api_key")}
    for name in DEFAULT:
        assert_whole(job.lake, account, name)
        # The summary of the run, where Databricks shows it.
        assert re.search(rf"^ *{name} +complete\b", outcome.output, re.MULTILINE), outcome.output
    started = events_of(job, "RUN_STARTED")
    assert {event["entity"] for event in started} == set(DEFAULT)
    for event in started:
        assert json.loads(event["settings"])["bundle_target"] == job.target.name
        assert job.parameters["owner"] in event["owner"]
    verify(job)


@pytest.mark.parametrize("runtime", RUNTIMES[-1:], ids=lambda runtime: runtime.name, indirect=True)
def test_a_job_that_is_killed_goes_on_where_it_was(
    job: JobRunner, workspace: Workspace, account: StripeSimulator
) -> None:
    each_page = {"STRIPE_RAW_COMMIT_INTERVAL_SECONDS": "0", "STRIPE_RAW_PAGE_SIZE": "10"}
    with job.started(workspace, account.url, **each_page) as child:
        while len(events_of(job, "PAGE_COMMITTED")) < 3:
            assert child.poll() is None, "it ended before it could be killed"
            time.sleep(0.2)
        job_runner.kill_group(child)
    committed = events_of(job, "PAGE_COMMITTED")
    completed = {event["entity"] for event in events_of(job, "RUN_COMPLETED")}
    killed = {event["entity"]: event["run_id"] for event in committed if event["entity"] not in completed}
    assert killed, "it had almost ended before it was killed"

    outcome = job.run(workspace, account.url)
    assert outcome.code == 0, outcome.errors
    for name in DEFAULT:
        assert_whole(job.lake, account, name)
    # Committed pages stay, and the runs that were killed went on under their own ids.
    ids_after = {event["event_id"] for event in events_of(job, "PAGE_COMMITTED")}
    assert {event["event_id"] for event in committed} < ids_after
    started = [(event["entity"], event["run_id"]) for event in events_of(job, "RUN_STARTED")]
    assert all(started.count(run) == 2 for run in killed.items())
    verify(job)


@pytest.mark.parametrize("runtime", RUNTIMES[:1], ids=lambda runtime: runtime.name, indirect=True)
def test_a_job_without_its_secret_fails_and_names_it(job: JobRunner, account: StripeSimulator) -> None:
    with job_runner.fake_workspace({}) as workspace:
        outcome = job.run(workspace, account.url, STRIPE_API_KEY=STRAY_KEY)
    assert outcome.code == 1
    # The error is raised, as a task's failure must be, and it is of the package's own kind.
    raised = re.search(r"^stripe_raw_rs\.exceptions\.UsageError: .*$", outcome.errors, re.MULTILINE)
    assert raised is not None, outcome.errors
    assert "'api_key' of scope 'stripe'" in raised[0]
    assert_no_key(outcome)
    assert account.requests == 0, "another key was used"


@pytest.mark.parametrize("runtime", RUNTIMES[:1], ids=lambda runtime: runtime.name, indirect=True)
def test_a_job_whose_key_is_refused_fails_and_does_not_show_the_key(job: JobRunner, account: StripeSimulator) -> None:
    with job_runner.fake_workspace({("stripe", "api_key"): STRAY_KEY}) as workspace:
        outcome = job.run(workspace, account.url)
    assert outcome.code == 1
    assert "stripe_raw_rs.exceptions.AuthenticationError: " in outcome.errors
    assert_no_key(outcome)


def events_of(job: JobRunner, event_type: str) -> list[dict[str, Any]]:
    """The events of a type; none before the table is there."""
    if not DeltaTable.is_deltatable(str(job.lake / "stripe_ingestion_checkpoints")):
        return []
    return events(job.lake, f"event_type = '{event_type}'")


def verify(job: JobRunner) -> None:
    """Audit by delta-rs, which is not the engine that the job writes with. It raises if it finds anything."""
    main(["verify", "--lake", str(job.lake)])


def test_the_wheel_fits_any_python_from_3_10_on_and_any_linux_from_2014_on(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = next(name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name)
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        tags = Parser().parsestr(archive.read(f"{info}/WHEEL").decode()).get_all("Tag")
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
        (library,) = [archive.read(name) for name in archive.namelist() if name.endswith(".so")]
        (parts,) = [archive.read(name) for name in archive.namelist() if ".dist-info/sboms/" in name]
    assert {"reqwest", "rustls", "pyo3"} <= {part["name"] for part in json.loads(parts)["components"]}
    assert tags == ["cp310-abi3-manylinux2014_x86_64", "cp310-abi3-manylinux_2_17_x86_64"]
    assert metadata["Requires-Python"] == ">=3.10"
    assert [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line] == []
    assert re.search(r"^\[stripe_raw_rs\]\nmain ?= ?stripe_raw_rs\.main:main$", entry_points, re.MULTILINE)
    needed = [tuple(map(int, found)) for found in re.findall(rb"\0GLIBC_(\d+)\.(\d+)", library)]
    assert needed
    assert max(needed) <= (2, 17)


def test_the_wheel_does_not_show_where_it_was_built(wheel: Path) -> None:
    """The builder and the rest of that machine are private, and two machines must build the same wheel."""
    places = {
        str(Path.home()),
        str(ROOT),
        os.environ.get("CARGO_HOME", ""),
        os.environ.get("RUSTUP_HOME", ""),
    }
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            shown = [place for place in sorted(places - {""}) if place.encode() + b"/" in archive.read(name)]
            assert not shown, f"{name} has {shown}"
        (record,) = [name for name in archive.namelist() if name.endswith(".dist-info/RECORD")]
        for name, digest, length in csv.reader(archive.read(record).decode().splitlines()):
            content = archive.read(name)
            found = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert name == record or (digest, int(length)) == (f"sha256={found}", len(content)), name


@pytest.mark.parametrize("version", ["3.10", NEWEST])
def test_the_wheel_works_on_another_python(wheel: Path, version: str, tmp_path: Path, stripe: StripeSimulator) -> None:
    program = job_runner.fresh_environment(tmp_path / "venv", python(version))
    command = str(program.with_name("stripe-raw"))

    def said(*arguments: str, **variables: str) -> str:
        environment = {"PATH": os.environ["PATH"], **variables}
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert job_runner.install(program, str(wheel)) == set(), "the wheel brings no packages"
    released = wheel.name.split("-")[1]
    assert said(command, "--version") == f"stripe-raw {released}\n"
    assert set(DEFAULT) <= set(said(command, "entities").split())
    assert said(str(program), "-c", "import stripe_raw_rs; print(stripe_raw_rs.__version__)") == f"{released}\n"

    assert any(package.startswith("deltalake==") for package in job_runner.install(program, f"{wheel}[delta]"))
    lake = tmp_path / "lake"
    said(command, "run", "--lake", str(lake), "--api-base-url", stripe.url, STRIPE_API_KEY=KEY)
    for name in DEFAULT:
        assert_whole(lake, stripe, name)


def test_a_wheel_that_the_bundle_does_not_name_is_caught(tmp_path: Path) -> None:
    target = resolved(read(), "dev")
    (tmp_path / "dist").mkdir()
    with pytest.raises(BuildError, match="finds 0 files, of 0 that were built"):
        job_runner.only_wheel(target, tmp_path)
    made = tmp_path / "dist" / "stripe_raw_rs-0.1.0-cp310-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    made.touch()
    assert job_runner.only_wheel(target, tmp_path) == made
    (tmp_path / "dist" / made.name.replace("x86_64", "aarch64")).touch()
    with pytest.raises(BuildError, match="finds 1 files, of 2 that were built"):
        job_runner.only_wheel(target, tmp_path)
