"""What commands print: text for people, JSON for programs, colors on terminals only; and how much they log."""

from __future__ import annotations

import io
import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import main
from stripe_raw_rs.cli.colors import is_colored, painted_states
from stripe_raw_rs.entity_status import EntityStatus
from stripe_raw_rs.list_status import ListStatus
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.status import Status
from tests.command import call, command, on_terminal, variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The names in the one object that a command prints.
SCHEMA = {
    "run": {"tables", "entities"},
    "check": {"stripe_account", "entities", "mode"},
    "status": {"tables", "entities", "sizes"},
    "verify": {"tables", "entities"},
    "views": {"statements"},
    "entities": {"entities"},
}


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, StripeSimulator]]:
    """A lake with two lists, and the server that they are from."""
    lake = tmp_path_factory.mktemp("output") / "lake"
    with StripeSimulator(counts={"charges": 30, "refunds": 5}, denied=["invoices"]) as stripe:
        done = call("run", lake, "--api-base-url", stripe.url, "--entities", "charges", "refunds")
        assert done.returncode == 0, done.stderr
        yield lake, stripe


def words_of(name: str, lake: Path, stripe: StripeSimulator) -> list[str]:
    chosen = ["--entities", "charges", "refunds"]
    place = [] if name in ("check", "entities") else [str(lake)]
    server = ["--api-base-url", stripe.url] if name in ("run", "check") else []
    return [name, *place, *server, *(chosen if name in ("run", "check", "views") else [])]


@pytest.mark.parametrize("name", SCHEMA)
def test_each_command_prints_one_object_that_names_the_command(name: str, whole: tuple[Path, StripeSimulator]) -> None:
    done = call(*words_of(name, *whole), "--output", "json")
    assert done.returncode == 0, done.stderr
    (found,) = objects(done.stdout)
    assert list(found)[0] == "command"  # noqa: RUF015 - the first name of the object
    assert found["command"] == name
    assert found.keys() >= SCHEMA[name]
    assert "{" not in done.stderr, "the log stays text"


@pytest.mark.parametrize("name", SCHEMA)
def test_the_format_of_the_log_does_not_change_what_is_printed(name: str, whole: tuple[Path, StripeSimulator]) -> None:
    words = words_of(name, *whole)
    done = call(*words, "--log-format", "json")
    assert done.returncode == 0, done.stderr
    assert not done.stdout.startswith("{")
    assert all(line["message"] for line in objects(done.stderr))


def test_the_last_line_of_a_failure_is_in_the_format_of_the_log(whole: tuple[Path, StripeSimulator]) -> None:
    words = ("check", "--api-base-url", whole[1].url, "--entities", "invoices", "--output", "json")
    done = call(*words)
    assert (done.returncode, objects(done.stdout)[0]["command"]) == (1, "check")
    assert done.stderr == "stripe-raw: error: 1 of 1 list cannot be read (invoices)\n"
    done = call(*words, "--log-format", "json")
    assert objects(done.stderr)[-1]["exit_code"] == 1


def test_the_demo_prints_one_object_for_each_step(tmp_path: Path) -> None:
    done = call("demo", tmp_path / "demo", "--output", "json", key=None)
    assert done.returncode == 0, done.stderr
    found = objects(done.stdout)
    assert {line["command"] for line in found} == {"demo"}
    assert [line["event"] for line in found] == ["serving", "landed", "landed", "ended"]
    assert {entity["state"] for entity in found[2]["entities"]} == {"complete"}
    assert found[3]["tables"] == str(tmp_path / "demo")


def test_a_simulator_tells_programs_its_address() -> None:
    words = command("simulate", "--port", 0, "--objects", 10, "--connected-accounts", 2, "--output", "json")
    with subprocess.Popen(words, env=variables(None, {}), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        serving = json.loads(child.stdout.readline())
        assert (serving["command"], serving["event"], serving["objects"]) == ("simulate", "serving", 10)
        assert serving["url"].startswith("http://127.0.0.1:")
        assert len(serving["accounts"]) == 2
        child.send_signal(signal.SIGTERM)
        assert objects(child.stdout.read()) == [{"command": "simulate", "event": "ended"}]
        assert child.wait(30) == 0


def test_quiet_leaves_errors_and_the_result(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 30}, denied=["refunds"]) as stripe:
        server = ("--api-base-url", stripe.url)
        done = call("run", lake, *server, "--entities", "charges", "-q")
        assert (done.returncode, done.stderr) == (0, "")
        assert "complete" in done.stdout
        done = call("run", lake, *server, "--entities", "charges", "refunds", "--quiet")
        assert done.returncode == 1
        assert {line.split()[1] for line in done.stderr.splitlines()} == {"error", "error:"}
        shown = on_terminal("run", lake, *server, "--entities", "charges", "-q")
        assert shown == "", "no live lines either"
        assert " debug " in call("run", lake, *server, "--entities", "charges", "-v").stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("choice", "environment", "pipe", "terminal"),
    [
        ("auto", {}, False, True),
        ("auto", {"TERM": "dumb"}, False, False),
        ("auto", {"NO_COLOR": "1"}, False, False),
        ("auto", {"NO_COLOR": ""}, False, True),
        ("auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
        ("auto", {"FORCE_COLOR": "1"}, True, True),
        ("auto", {"CLICOLOR_FORCE": "1"}, True, True),
        ("auto", {"FORCE_COLOR": "0"}, False, True),
        ("never", {"FORCE_COLOR": "1"}, False, False),
        ("always", {"NO_COLOR": "1"}, True, True),
    ],
)
def test_colors_are_for_terminals_unless_someone_says_otherwise(
    choice: str, environment: dict[str, str], *, pipe: bool, terminal: bool
) -> None:
    assert is_colored(choice, io.StringIO(), environment.get) == pipe
    assert is_colored(choice, Terminal(), environment.get) == terminal


def test_states_and_errors_are_colored_on_request_and_never_in_json(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 30}, denied=["refunds"]) as stripe:
        words = ("run", lake, "--api-base-url", stripe.url, "--entities", "charges", "refunds")
        done = call(*words, "--color", "always")
        assert "\x1b[32mcomplete\x1b[0m" in done.stdout
        assert "\x1b[31mfailed\x1b[0m" in done.stdout
        assert any("\x1b[31merror  \x1b[0m refunds: " in line for line in done.stderr.splitlines())
        assert done.stderr.splitlines()[-1].startswith("stripe-raw: \x1b[31merror\x1b[0m: ")
        plain = call(*words)
        assert "\x1b" not in plain.stdout + plain.stderr
        done = call(*words, "--color", "always", "--output", "json", "--log-format", "json")
        assert "\\u001b" not in done.stdout + done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        shown = on_terminal("status", lake)
    assert "\x1b" not in shown, "the standard output is no terminal here"


def test_only_states_of_a_table_are_colored() -> None:
    table = "entity   state     rows\ncharges  complete     3\na line that says complete"
    assert painted_states(table) == table.replace("complete    ", "\x1b[32mcomplete\x1b[0m    ")


@pytest.mark.parametrize("state", ["complete", "failed", "unfinished"])
def test_the_state_of_a_list_is_colored_in_status(state: str) -> None:
    row = EntityStatus("charges", None, next_run="reads what is new", error=None, state=state)
    painted = painted_states(str(Status("here", (ListStatus("charges", (row,)),), ())))
    assert re.search(rf"^charges  \x1b\[3[123]m{state}\x1b\[0m  ", painted, re.MULTILINE)


def test_a_command_in_this_process_prints_what_the_program_prints(
    whole: tuple[Path, StripeSimulator], capsys: pytest.CaptureFixture[str]
) -> None:
    main(words_of("status", *whole))
    assert capsys.readouterr().out == call(*words_of("status", *whole)).stdout
