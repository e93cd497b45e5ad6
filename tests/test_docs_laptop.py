"""The files of the guides are ones that cron, systemd and a container engine take, and their words are ours."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from stripe_raw_rs.cli.arguments import parse
from stripe_raw_rs.options import OPTIONS
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.documents import DOCS, ROOT, Block, blocks

if TYPE_CHECKING:
    from stripe_raw_rs.config import Config

LAPTOP = DOCS / "laptop.md"
OURS = "stripe-raw"
LISTS = "events,charges,refunds"


def read(words: list[str], **variables: str) -> Config:
    """Read a command as the command line does."""
    assert Path(words[0]).name == OURS, words
    return parse(words[1:], variables.get)


def units() -> tuple[str, str]:
    service, timer = (block.text for block in blocks("ini", of=LAPTOP))
    return service, timer


def container() -> list[tuple[str, str]]:
    """The instructions of the Containerfile."""
    (block,) = blocks("dockerfile", of=LAPTOP)
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", block.text, flags=re.MULTILINE)).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


@pytest.mark.parametrize("block", blocks("cron"), ids=str)
def test_a_line_of_the_crontab_is_a_command_of_ours(block: Block) -> None:
    (line,) = block.text.splitlines()
    *times, command = line.split(maxsplit=5)
    assert all(re.fullmatch(r"\*|\d+", time) for time in times)
    assert "%" not in command, "cron would make a line of it"
    enter, words = command.split(" && ")
    assert shlex.split(enter)[0] == "cd"
    config = read(shlex.split(words.partition(" >>")[0]))
    assert config.command == "run"
    assert config.text("entities") == LISTS
    assert {"lake", "api_key_file"} <= config.written.keys()


@pytest.mark.parametrize("block", blocks("cron"), ids=str)
def test_cron_has_nothing_to_mail_unless_something_is_wrong(block: Block, tmp_path: Path) -> None:
    *_, command = block.text.splitlines()[0].split(maxsplit=5)
    config = read(shlex.split(command.split(" && ")[1].partition(" >>")[0]))
    key = tmp_path / (config.text("api_key_file") or "")
    key.parent.mkdir(mode=0o700, exist_ok=True)
    key.write_text(KEY, encoding="utf-8")
    key.chmod(0o600)
    here = command.replace("/srv/stripe", str(tmp_path)).replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    with StripeSimulator(counts={"charges": 12, "refunds": 1}) as stripe:
        assert mailed(here, stripe.url) == ""
        stripe.set_denied(["refunds"])
        assert "refunds" in mailed(here, stripe.url)
    report, log = tmp_path / "stripe-raw.log", tmp_path / "log"
    assert (report if report.exists() else log).read_text(encoding="utf-8").count("charges") == 2


def mailed(command: str, url: str) -> str:
    """What a command prints, on either stream, in an environment as empty as cron's."""
    variables = {"PATH": os.environ["PATH"], "STRIPE_RAW_API_BASE_URL": url, "HOME": "/nonexistent"}
    variables |= {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    both = subprocess.STDOUT
    done = subprocess.run(["sh", "-c", command], env=variables, stdout=subprocess.PIPE, stderr=both, check=False)
    return done.stdout.decode()


def test_the_service_runs_a_command_of_ours() -> None:
    service = configparser.ConfigParser(interpolation=None)
    service.read_string(units()[0])
    config = read(shlex.split(service["Service"]["ExecStart"]))
    assert config.text("lake") == service["Service"]["ReadWritePaths"]
    name, place = service["Service"]["LoadCredential"].split(":")
    assert config.text("api_key_file") == f"${{CREDENTIALS_DIRECTORY}}/{name}"
    assert place.endswith("secrets/stripe-key")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    service, timer = units()
    # It looks for the program, the user and the folders of a machine on which all is installed.
    service = service.replace("/srv/stripe/.venv/bin/stripe-raw", sys.executable)
    names = tmp_path / "stripe-raw.service", tmp_path / "stripe-raw.timer"
    for name, text in zip(names, (service, timer), strict=True):
        name.write_text(text, encoding="utf-8")
    verify = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, names)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "stripe-raw" not in done.stderr, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_would_not_take_any_unit(tmp_path: Path) -> None:
    unit = tmp_path / "stripe-raw.service"
    unit.write_text(units()[0].replace("Type=oneshot", "Typ=oneshot"), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "Typ" in done.stderr


def test_the_container_runs_a_command_of_ours() -> None:
    instructions = dict(container())
    assert instructions.keys() == {"FROM", "COPY", "RUN", "USER", "VOLUME", "ENV", "ENTRYPOINT", "CMD"}
    variables = dict(word.split("=") for word in shlex.split(instructions["ENV"]))
    words = [*yaml.safe_load(instructions["ENTRYPOINT"]), *yaml.safe_load(instructions["CMD"])]
    config = read(words, **variables)
    assert config.text("entities") == LISTS
    assert config.text("lake") == instructions["VOLUME"]
    assert config.text("owner") == variables["STRIPE_RAW_OWNER"]
    assert f"-o {instructions['USER']} {instructions['VOLUME']}" in instructions["RUN"]


def test_the_container_installs_what_the_package_needs() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (needed,) = re.findall(r'^delta = \["(.*)"\]$', project, flags=re.MULTILINE)
    assert f"/tmp/*.whl '{needed}'" in dict(container())["RUN"]  # noqa: S108 - in the image
    (python,) = re.findall(r"python:3\.(\d+)-slim", dict(container())["FROM"])
    assert f"Python :: 3.{python}" in project
    (wheels,) = {dict(container())["COPY"].split("/")[0]}
    assert re.search(rf"maturin build .*--out {wheels}", (ROOT / ".justfile").read_text(encoding="utf-8"), re.DOTALL)


def test_a_container_engine_is_told_the_name_of_the_file() -> None:
    """Docker looks for `Dockerfile`."""
    (line,) = [line for block in blocks("console") for line in block.text.splitlines() if " build " in line]
    (name,) = re.findall(r"put this into a file `(\w+)`", LAPTOP.read_text(encoding="utf-8"))
    assert f" --file {name} " in line


def test_the_stand_in_for_an_account_is_where_the_simulator_serves() -> None:
    (port,) = re.findall(r"STRIPE_RAW_API_BASE_URL=http://127\.0\.0\.1:(\d+)", LAPTOP.read_text(encoding="utf-8"))
    assert port == OPTIONS["port"].default


# What needs root, an engine or a workspace is not run. These are its lines, and the words beside which each one stands.
CONSOLE = {
    r"pip install (opentelemetry-distro) (opentelemetry-exporter-otlp-proto-http)": "extras",
    r"podman build --file Containerfile --tag (stripe-raw) \.": "container",
    r"podman run .*--volume stripe-lake:(/\w+) stripe-raw( verify)?": "container",
    r"databricks bundle (validate)": "bundle",
    r"databricks auth login --host https://<your workspace> --profile DEFAULT": "bundle",
    r"(?:BUNDLE_VAR_(\w+)=[\w,]+ )?databricks bundle deploy --target (\w+)": "bundle",
    r"databricks bundle run (\w+) --target (\w+)": "bundle",
    r"databricks secrets create-scope (\w+)": "bundle",
    r"databricks secrets put-secret (\w+) (\w+)": "bundle",
    r"databricks secrets put-acl (\w+) <application id> READ": "bundle",
    r"databricks service-principals create --display-name stripe-ingestion": "bundle",
    r'sudo install -d -o "\$USER" (/srv/stripe)': "units",
    r"/usr/bin/python3 -m venv (/srv/stripe/.venv)": "units",
    r"(/srv/stripe/.venv)/bin/pip install dist/\*\.whl '(deltalake.*)'": "environment",
    r"cd (/srv/stripe)": "units",
    r"sudo useradd --system --home-dir (/srv/stripe) (stripe)": "units",
    r"sudo install -d -m 700 -o (stripe) (/srv/stripe/lake)": "units",
    r"sudo chown -R (stripe) (/srv/stripe/lake)": "units",
    r"sudo cp stripe-raw.service stripe-raw.timer (/etc/systemd/system)/": "units",
    r"sudo systemctl (daemon-reload)": "units",
    r"sudo systemctl enable --now (stripe-raw).timer": "units",
    r"journalctl --unit (stripe-raw).service": "units",
}
OF_ITS_PROGRAM = {"validate", "daemon-reload", "/etc/systemd/system", " verify", ""}


def test_the_console_names_what_there_is() -> None:
    bundle = (ROOT / "databricks.yml", *(ROOT / "resources").glob("*.yml"))
    beside = {
        "bundle": "".join(path.read_text(encoding="utf-8") for path in bundle),
        "extras": (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
        "units": "".join(units()),
        "container": "".join(block.text for block in blocks("dockerfile")),
        "environment": "".join(units()) + dict(container())["RUN"],
    }
    for line in (line for block in blocks("console") for line in block.text.splitlines()):
        ((words, where),) = [
            (found.groups(""), where) for form, where in CONSOLE.items() if (found := re.fullmatch(form, line))
        ]
        for word in {*words} - OF_ITS_PROGRAM:
            assert word in beside[where], f"{line}: {word}"
