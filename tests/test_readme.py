"""The tests run every command and program of the README, as it is written there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.readme_tables import README, with_tables

# In one process and in order, since the README goes on with the files that it has made.
pytestmark = pytest.mark.xdist_group("readme")

TEXT = README.read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines()]
# .ci/run runs the two as they are written; the third would activate the environment in which the tests run anyway.
INSTALL = "python3 -m pip install --quiet --target .tools uv && .tools/bin/uv run "
ELSEWHERE = (".tools/bin/uv run just test", "source .venv/bin/activate", "export ")
PROGRAMS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, since the README goes on with the files that it has made."""
    return tmp_path_factory.mktemp("readme")


def run(arguments: list[str], folder: Path, url: str, key: str) -> str:
    environment = {**os.environ, "STRIPE_API_KEY": key, "STRIPE_RAW_API_BASE_URL": url}
    done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def program_of(command: str) -> list[str]:
    words = shlex.split(command.removeprefix(INSTALL))
    assert words[0] == "stripe-raw", command
    return [str(Path(sys.executable).with_name("stripe-raw")), *words[1:]]


def test_every_command_of_the_readme_does_what_it_says(folder: Path) -> None:
    said: dict[str, str] = {}
    # In a folder of its own, so that the lake stays that of one server.
    with StripeSimulator(objects=2_000, seed=5, connected_accounts=3, account_objects=100) as stripe:
        for command in COMMANDS:
            if command.startswith(ELSEWHERE) or "simulate" in command:
                continue
            said[command] = run(program_of(command), folder, stripe.url, "rk_test_any")
    demo = said[f"{INSTALL}stripe-raw demo"]
    assert "complete" in demo
    assert "duckdb" in demo
    assert "polars" in demo
    assert "pyspark" in demo
    assert "complete" in said["stripe-raw status --lake ./lake"]
    assert said["stripe-raw verify --lake ./lake"].rstrip().endswith("no findings")


def test_the_simulator_serves_until_it_is_interrupted(folder: Path) -> None:
    (command,) = [command for command in COMMANDS if "simulate" in command]
    with subprocess.Popen(program_of(command), cwd=folder, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert "http://127.0.0.1:" in child.stdout.readline()
        child.terminate()
        child.wait(timeout=30)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_every_program_of_the_readme_runs(folder: Path, number: int) -> None:
    demo = folder / "demo-lake"
    if not demo.exists():
        run([sys.executable, "-m", "stripe_raw_rs", "demo"], folder, "", "")
    with StripeSimulator(objects=2_000, seed=5) as stripe:
        lake = folder / f"program-{number}"
        lake.mkdir()
        (lake / "demo-lake").symlink_to(demo)
        program = PROGRAMS[number]
        # The client by hand does not read the environment, so its address is changed, and nothing else.
        program = program.replace("from_environment())", f'from_environment(), api_base_url="{stripe.url}")')
        program = program.replace('lake="./lake",', f'lake="./lake", api_base_url="{stripe.url}",')
        run([sys.executable, "-W", "error", "-c", program], lake, stripe.url, "rk_test_any")


def test_the_tables_of_the_readme_follow_from_the_code() -> None:
    assert with_tables(TEXT) == TEXT, "run `just readme`"


def test_every_recipe_that_the_readme_names_exists() -> None:
    recipes = (README.parent / ".justfile").read_text(encoding="utf-8")
    for name in re.findall(r"`(?:uv run )?just (\w[\w-]*)`", TEXT):
        assert re.search(rf"^{name}\b.*:", recipes, flags=re.MULTILINE), name


def test_every_file_that_the_readme_names_exists() -> None:
    for name in re.findall(r"`((?:src|tests|python)/[\w./-]+)`", TEXT):
        assert (README.parent / name).exists(), name
