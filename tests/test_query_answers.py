"""What `query` writes: JSON that any program reads, one line for an error of a row, and an end at Ctrl-C."""

from __future__ import annotations

import json
import signal
import time
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, ingest, query
from stripe_raw_rs.cli.query import write
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call, start
from tests.conftest import KEY

if TYPE_CHECKING:
    from pathlib import Path

# DuckDB works ahead of its reader, but not by so many bytes.
LATE = (
    "SELECT CASE WHEN i < 40000 THEN '1' ELSE 'x' END::INTEGER AS n, repeat('a', 300) AS much FROM range(50000) AS t(i)"
)
ENDLESS = "SELECT count(*) AS n FROM range(100000000) AS a(i), range(100000000) AS b(i) WHERE a.i * b.i = 7"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("answers") / "lake"
    with StripeSimulator(counts={"charges": 10}) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges").raise_for_status()
    return lake


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("'NaN'::DOUBLE", "NaN"),
        ("['-Infinity'::FLOAT, 1.5]", ["-Infinity", 1.5]),
        ("{'a': 'Infinity'::DOUBLE}", {"a": "Infinity"}),
        ("sum(9007199254740993::BIGINT)", 9007199254740993),
        ("[1::HUGEINT]", [1]),
        ("1.50::DECIMAL(9, 2)", "1.50"),
        ("'\\x00\\xFFa'::BLOB", "AP9h"),
        ("DATE '2024-01-31'", "2024-01-31"),
        ("TIMESTAMPTZ '2024-01-31 00:00:00+01'", "2024-01-30T23:00:00Z"),
        ("NULL", None),
    ],
)
def test_each_kind_of_value_is_valid_json(
    lake: Path, sql: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    write(query(f'SELECT {sql} AS "a ""b"""', lake=lake), "json")
    (row,) = json.loads(capsys.readouterr().out, parse_constant=refuse)["rows"]
    assert row == {'a "b"': value}
    assert type(row['a "b"']) is type(value)


def test_two_columns_of_one_name_are_refused_in_json(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"each column needs a name of its own: a \(write AS\)"):
        write(query("SELECT 1 AS a, 2 AS b, 3 AS a", lake=lake), "json")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("output", ["json", "text"])
@pytest.mark.parametrize(
    "sql", ["SELECT 'x'::INTEGER FROM charges", "SELECT 'infinity'::TIMESTAMP AS t, 'x'::INTEGER FROM charges"]
)
def test_an_error_of_the_first_rows_writes_nothing(lake: Path, sql: str, output: str) -> None:
    done = call("query", sql, "--lake", lake, "--output", output, key=None)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done


def test_a_moment_that_python_does_not_have_is_one_line(lake: Path) -> None:
    done = call("query", "SELECT 'infinity'::TIMESTAMP AS t", "--lake", lake, "--output", "json", key=None)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("stripe-raw: error: OverflowError: ")


def test_an_error_of_a_later_row_ends_the_line_and_the_exit_code_says_so(lake: Path) -> None:
    done = call("query", LATE, "--lake", lake, "--output", "json", key=None)
    assert done.returncode == 2
    assert done.stdout.startswith('{"command": "query", "rows": [{"n": 1, "much": "aaa')
    assert done.stdout.endswith("}\n")
    assert "]" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("stripe-raw: error: Conversion Error: ")


@pytest.mark.parametrize("name", ["memory.main.charges_raw", "memory.charges", "memory.Checkpoints"])
def test_a_name_with_a_catalog_is_refused_with_the_name_to_write(lake: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"bare name .*: write {name.rpartition('.')[2]}$"):
        query(f"SELECT count(*) FROM {name}", lake=lake)  # noqa: S608 - ours


@pytest.mark.parametrize("output", ["json", "text"])
def test_ctrl_c_ends_a_query(lake: Path, output: str) -> None:
    child = start("query", ENDLESS, "--lake", lake, "--output", output)
    time.sleep(3)
    assert child.poll() is None
    child.send_signal(signal.SIGINT)
    out, said = child.communicate(timeout=20)
    assert (child.returncode, out, said) == (130, "", "stripe-raw: interrupted\n")


def test_rows_that_are_not_wanted_any_more_end_the_line(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopped = Event()
    stopped.set()
    write(query("SELECT 1 AS a", lake=lake), "json", stopped)
    assert capsys.readouterr().out == '{"command": "query", "rows": [\n'
