"""`query` runs a SELECT over a lake: the lists are tables, and nothing but the lake is read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import duckdb
import pytest

from stripe_raw_rs import TableError, UsageError, ingest, query
from stripe_raw_rs.cli.query import write
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call, command, on_terminal, variables
from tests.conftest import CANARY, KEY, landed

if TYPE_CHECKING:
    from pathlib import Path

LISTS = "charges,refunds,invoices,events"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with two runs: a charge changed in between."""
    lake = tmp_path_factory.mktemp("query") / "it's a lake"
    counts = {"charges": 40, "refunds": 7, "invoices": 12}
    with StripeSimulator(counts=counts, object_events=True) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities=LISTS).raise_for_status()
        stripe.change("charges", stripe.ids("charges")[3])
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities=LISTS).raise_for_status()
    return lake


def one(lake: Path, sql: str) -> object:
    (row,) = query(sql, lake=lake).fetchall()
    return row[0] if len(row) == 1 else row


def test_a_list_is_its_latest_state_its_rows_and_its_history(lake: Path) -> None:
    raw = landed(lake, "charges").num_rows
    assert raw > 40, "objects that changed landed again"
    assert one(lake, "SELECT count(*), count(DISTINCT _stripe_id) FROM charges") == (40, 40)
    assert one(lake, "SELECT count(*) FROM charges_raw") == raw
    assert one(lake, "FROM charges_history SELECT count(*) >= 40") is True
    assert one(lake, "SELECT count(*) FROM stripe_charges_raw") == raw, "by its own name, too"
    assert one(lake, 'SELECT count(*) FROM "Charges" AS c JOIN charges_raw USING (_stripe_id)') == raw
    assert one(lake, "WITH refunds AS (SELECT 5 AS n) SELECT n FROM refunds") == 5, "the statement's own name wins"


def test_checkpoints_are_the_events_of_all_runs(lake: Path) -> None:
    counted = "SELECT count(*) FILTER (WHERE event_type = 'RUN_COMPLETED') FROM checkpoints"
    assert one(lake, f"{counted} WHERE entity = 'charges'") == 2
    assert one(lake, "SELECT count(*) FROM events") == landed(lake, "events").num_rows > 0
    assert one(lake, "SELECT count(*) FROM events_history") == landed(lake, "events").num_rows


def test_a_pivot_is_a_query(lake: Path) -> None:
    pivot = query("PIVOT checkpoints ON event_type USING count(*) GROUP BY entity", lake=lake)
    assert {"entity", "RUN_COMPLETED", "RUN_STARTED"} <= set(pivot.columns)


def test_times_are_in_utc_wherever_the_reader_is(lake: Path) -> None:
    sql = "SELECT CAST(max(_stripe_created_at) AS VARCHAR) AS newest FROM charges"
    done = call("query", sql, "--lake", lake, "--output", "json", key=None, TZ="Asia/Tokyo")
    ((newest,),) = [row.values() for row in json.loads(done.stdout)["rows"]]
    assert newest.endswith("+00")


def test_only_the_tables_that_a_statement_names_are_opened(lake: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(lake, torn)
    (torn / "stripe_refunds_raw" / "_delta_log" / f"{0:020}.json").write_text("{")
    assert one(torn, "SELECT count(*) FROM charges") == 40
    with pytest.raises(TableError, match="stripe_refunds_raw"):
        query("SELECT count(*) FROM refunds_raw", lake=torn)


@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("SELECT * FROM chargs", "the lake has no table 'chargs', did you mean charges?"),
        ("SELECT * FROM payouts", "nothing of that list has landed; it has charges, events, invoices, refunds"),
        ("SELECT * FROM 'x.parquet'", "Cannot access file"),
        ("SELECT * FROM read_text('/etc/hostname')", "Cannot access file"),
        ("COPY charges TO '/tmp/charges.csv'", "one SELECT"),
        ("SELECT getenv('STRIPE_API_KEY')", "getenv does not exist"),
        ("SELECT 1; SELECT 2", "one SELECT"),
        ("DROP TABLE charges", "one SELECT"),
        ("SET enable_external_access = true", "one SELECT"),
        ("INSERT INTO charges_raw VALUES (1)", "one SELECT"),
        ("SELEC 1", "syntax error"),
        ("SELECT nothing FROM charges", "nothing"),
        ("", "one SELECT"),
    ],
)
def test_a_statement_that_cannot_be_run_gets_one_plain_line(lake: Path, sql: str, line: str) -> None:
    with pytest.raises(UsageError) as raised:
        query(sql, lake=lake)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_query_reads_no_variable_of_its_caller_and_leaves_the_lake_as_it_is(lake: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in lake.rglob("*"))
    a_frame = landed(lake, "charges")
    with pytest.raises(UsageError, match="no table 'a_frame'"):
        query("SELECT * FROM a_frame", lake=lake)
    assert a_frame.num_rows
    query("SELECT count(*) FROM charges JOIN charges_history USING (_stripe_id)", lake=lake).fetchall()
    assert sorted((path, path.stat().st_mtime_ns) for path in lake.rglob("*")) == before


def test_a_folder_without_a_lake_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no tables of stripe-raw"):
        query("SELECT 1", lake=tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_a_table_fits_into_the_terminal(lake: Path) -> None:
    shown = on_terminal("query", "SELECT * FROM charges", "--lake", lake, columns=80)
    done = call("query", "SELECT * FROM charges", "--lake", lake, key=None, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert max(map(len, (shown or done.stdout).splitlines())) <= 80
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "40 rows" in done.stdout


def test_a_statement_can_come_from_stdin(lake: Path) -> None:
    done = subprocess.run(
        command("query", "-", "--lake", lake, "--output", "json"),
        input="-- how many\nSELECT count(*) AS n FROM charges\n",
        env=variables(None, {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == {"command": "query", "rows": [{"n": 40}]}


def test_json_has_moments_as_rfc_3339(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT _stripe_id, _stripe_created_at AS at, [1, 2] AS some FROM charges ORDER BY 1 LIMIT 2"
    write(query(sql, lake=lake), "json")
    first, _ = json.loads(capsys.readouterr().out)["rows"]
    assert first["at"].endswith("Z")
    assert first["some"] == [1, 2]
    write(query("SELECT 1 AS one WHERE false", lake=lake), "json")
    assert json.loads(capsys.readouterr().out)["rows"] == []


def test_an_error_of_a_row_is_one_line(lake: Path) -> None:
    done = call("query", "SELECT CAST(_raw_json AS INTEGER) FROM charges", "--lake", lake, key=None)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("stripe-raw: error: Conversion Error: ")


def test_a_query_needs_a_statement_and_a_lake(lake: Path) -> None:
    none = call("query", "--lake", lake, key=None)
    assert (none.returncode, "query needs a statement" in none.stderr) == (2, True)
    nowhere = call("query", "SELECT 1", key=None)
    assert (nowhere.returncode, "query needs --lake DIR" in nowhere.stderr) == (2, True)


def test_a_key_in_a_statement_is_not_repeated(lake: Path) -> None:
    done = call("query", f"SELECT '{KEY}' FROM charges", "--lake", lake, key=None)  # noqa: S608 - nothing runs it
    assert done.returncode == 2
    assert CANARY not in done.stdout + done.stderr


def test_without_duckdb_a_query_says_what_to_install(lake: Path) -> None:
    program = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from stripe_raw_rs import query, UsageError\n"
        f"try: query('SELECT 1', lake={str(lake)!r})\nexcept UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "a query needs the package duckdb: pip install duckdb deltalake pyarrow\n"


def test_the_relation_is_duckdbs(lake: Path) -> None:
    assert isinstance(query("SELECT 1", lake=lake), duckdb.DuckDBPyRelation)
