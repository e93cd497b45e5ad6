"""Helpers and fixtures that all tests share: commits made by hand, lakes, accounts, and checks of a whole lake."""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from tests.places import place_of, schema_folder, tables_of
from tests.spark.lanes import FEW_ROWS, LANES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from pyspark.sql import SparkSession

    from stripe_raw_rs.tables import Condition, Table, Tables

_SERIAL = itertools.count(1)
_DELTA_RS = "delta-rs"
# The lane of Spark that tells whole stories, too: they take long, and go by what the contract holds on each lane.
_STORIES = "spark40"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", choices=[_DELTA_RS, *LANES], default=_DELTA_RS, help="whose tables the tests run on")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("lane") == _DELTA_RS:
        return
    # pyspark leaves sockets and files to the garbage collector, and uses features that its dependencies advise against.
    for kind in ("ResourceWarning", "pytest.PytestUnraisableExceptionWarning", "DeprecationWarning", "FutureWarning"):
        config.addinivalue_line("filterwarnings", f"ignore::{kind}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without Spark, its own tests cannot even be imported."""
    return True if config.getoption("lane") == _DELTA_RS and collection_path.name == "spark" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run all tests but Spark's own on delta-rs, and on a lane of Spark those and the ones that hold for any tables."""
    lane = config.getoption("lane")
    stories = {"story"} if lane == _STORIES else set()

    def belongs(item: pytest.Item) -> bool:
        marks = {mark.name for mark in item.iter_markers()}
        only = marks & LANES.keys()
        if lane == _DELTA_RS:
            return not only and "spark" not in marks
        return lane in only if only else bool(marks & {"contract", "spark", *stories})

    chosen = [item for item in items if belongs(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail every test that shows the key in text that it or its children print or log."""
    report = yield
    printed = "".join(text for name, text in report.sections if name.startswith("Captured "))
    if report.when != "setup" and report.passed and CANARY in printed:
        report.outcome = "failed"
        report.longrepr = f"the key is in the text that {item.name} printed or logged"
    return report


class HandMade:
    """A commit as `Rows` and `Checkpoint` offer it, with rows that are given as a table."""

    def __init__(self, rows: pa.Table, version: int, app_id: str = "app", *, must_be_seen: bool = True) -> None:
        self.app_id = app_id
        self.must_be_seen = must_be_seen
        self.commit_version = version
        self.nonce = f"nonce-{next(_SERIAL)}"
        self.metadata = f'{{"nonce":"{self.nonce}","version":{version}}}'
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self._rows.num_rows)


class Columns:
    """A schema as the compiled half offers it."""

    def __init__(self, schema: pa.Schema) -> None:
        self.names: list[str] = schema.names
        self.arrow = schema

    def __arrow_c_schema__(self) -> object:
        return self.arrow.__arrow_c_schema__()

    def difference(self, actual: object) -> str | None:
        return None if pa.schema(actual).equals(self.arrow) else "other columns"


def column(name: str, kind: pa.DataType, *, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"comment": f"what {name} says"})


SCHEMA = pa.schema(
    [
        column("_stripe_id", pa.string(), nullable=False),
        column("_stripe_created_at", pa.timestamp("us", "UTC")),
        column("_stripe_account", pa.string()),
        column("_page_number", pa.int64(), nullable=False),
        column("_raw_json", pa.string(), nullable=False),
    ]
)


def rows_of(*ids: str, account: str | None = None) -> pa.Table:
    """Rows with these ids, one second apart."""
    return pa.table(
        {
            "_stripe_id": list(ids),
            "_stripe_created_at": [1_700_000_000_000_000 + number * 1_000_000 for number in range(len(ids))],
            "_stripe_account": [account] * len(ids),
            "_page_number": list(range(1, len(ids) + 1)),
            "_raw_json": [f'{{"id":"{identifier}"}}' for identifier in ids],
        },
        schema=SCHEMA,
    )


@pytest.fixture(scope="session")
def warehouse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """The folder of Spark's tables, with everything set up so that this process and its children can have a session."""
    name = request.config.getoption("lane")
    if name == _DELTA_RS:
        yield None
        return
    lane = LANES[name]
    unable = lane.unable()
    if unable is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(unable)
        pytest.skip(unable)
    folder = tmp_path_factory.mktemp("spark")
    place = folder / "warehouse"
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in lane.environment(folder / "own", place, FEW_ROWS).items():
            patch.setenv(variable, value)
        session = lane.session()
        for variable, value in lane.childrens_environment(folder / "childrens", place).items():
            patch.setenv(variable, value)
        yield place
        session.stop()


@pytest.fixture(scope="session")
def spark(warehouse: Path | None) -> SparkSession:
    """The only session of this test run."""
    assert warehouse is not None
    from pyspark.sql import SparkSession  # noqa: PLC0415 - lanes of Spark alone have it

    session = SparkSession.getActiveSession()
    assert session is not None
    return session


@pytest.fixture
def lake(tmp_path: Path, warehouse: Path | None) -> Path:
    """A folder for tables that does not exist yet."""
    return tmp_path / "lake" if warehouse is None else schema_folder(warehouse, f"lake_{next(_SERIAL)}")


@pytest.fixture
def tables(lake: Path) -> Tables:
    return tables_of(lake)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove options and keys of the environment in which the tests were started."""
    for name in [name for name in os.environ if name.startswith(("STRIPE_RAW_", "STRIPE_API_KEY", "OTEL_"))]:
        monkeypatch.delenv(name)
    # The command line takes over the log, and writes it to the stderr of that moment.
    logger = logging.getLogger("stripe_raw_rs")
    for name, value in (("handlers", list(logger.handlers)), ("propagate", logger.propagate), ("level", logger.level)):
        monkeypatch.setattr(logger, name, value)


PROPERTIES = {"stripe_raw.store_id": "first", "stripe_raw.layout_version": "1"}


@pytest.fixture
def table(tables: Tables) -> Table:
    table = tables.table("stripe_charges_raw")
    table.create(Columns(SCHEMA), PROPERTIES, "Charges as sent")  # type: ignore[arg-type]
    return table


def ids(table: Table, *conditions: Condition) -> list[str]:
    return sorted(pa.table(table.read(["_stripe_id"], conditions))["_stripe_id"].to_pylist())


CANARY = "CANARYcanary0123456789"
KEY = f"rk_test_{CANARY}"
DEFAULT = ("payment_intents", "charges", "balance_transactions", "refunds", "invoices")
_SPACE = re.compile(rb'("(?:[^"\\]|\\.)*")|\s+')


def compact(body: bytes) -> str:
    """JSON without the whitespace between tokens; everything else untouched."""
    return _SPACE.sub(lambda found: found.group(1) or b"", body).decode()


# Files that were written before columns were added lack them.
_FILES = "read_parquet($files, union_by_name = true)"


def landed(lake: Path, name: str, columns: str = "*") -> pa.Table:
    """All rows of a raw table, read by DuckDB from the files that the Delta log names."""
    table = DeltaTable(lake / f"stripe_{name}_raw")
    return _query(f"SELECT {columns} FROM {_FILES}", table)  # noqa: S608 - columns are the tests' own


def events(lake: Path, condition: str = "TRUE") -> list[dict[str, Any]]:
    """All events that meet a condition, in commit order of each entity."""
    table = DeltaTable(lake / "stripe_ingestion_checkpoints")
    order = "ORDER BY entity, epoch, sequence, page_number"
    found = _query(f"SELECT * FROM {_FILES} WHERE {condition} {order}", table)  # noqa: S608
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def tamper(lake: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Write a table again, changed, with its properties, as no append-only writer would do."""
    place = lake / name
    old = DeltaTable(place)
    rows = old.to_pyarrow_table()
    configuration: dict[str, Any] = {**old.metadata().configuration, "delta.appendOnly": "false"}
    schema = old.schema()
    shutil.rmtree(place)
    DeltaTable.create(place, schema, configuration=configuration, raise_if_key_not_exists=False)
    write_deltalake(place, change(rows).select([field.name for field in schema.fields]), mode="append")


def erase(lake: Path, condition: str, name: str = "charges") -> None:
    """Erase rows as resources/docs/security.md says, as somebody who may."""
    table = DeltaTable(lake / f"stripe_{name}_raw")
    table.alter.set_table_properties({"delta.appendOnly": "false"})
    table.delete(condition)
    table.alter.set_table_properties({"delta.appendOnly": "true"})


def _query(sql: str, table: DeltaTable) -> pa.Table:
    files = [unquote(uri.removeprefix("file://")) for uri in table.file_uris()]
    if not files:
        return pa.table(table.schema().to_arrow().empty_table())
    found = duckdb.connect().sql(sql, params={"files": files})
    assert found is not None
    return found.to_arrow_table()


def assert_whole(lake: Path, stripe: StripeSimulator, name: str) -> None:
    """Check that every object is there, once per run, as it was sent."""
    rows = landed(lake, name, "_stripe_id, _ingest_run_id, _raw_json, _payload_sha256").to_pylist()
    assert {row["_stripe_id"] for row in rows} == set(stripe.ids(name))
    assert len({(row["_ingest_run_id"], row["_stripe_id"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["_raw_json"] == compact(stripe.raw(name, row["_stripe_id"]))
        assert row["_payload_sha256"] == hashlib.sha256(row["_raw_json"].encode()).hexdigest()


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    """A small account: seven pages of charges, some of the rest."""
    with StripeSimulator(seed=7, counts={name: 650 if name == "charges" else 120 for name in DEFAULT}) as simulator:
        yield simulator


# One request at a time makes the steps the same each time. The parts of a list depend on the time of the answers.
IN_PARTS: dict[str, Any] = {"entities": "charges", "page_size": 5, "lookback_seconds": 0}
ONE_AT_A_TIME: dict[str, Any] = {**IN_PARTS, "max_concurrent_requests": 1}
EACH_PAGE: dict[str, Any] = {**ONE_AT_A_TIME, "commit_interval_seconds": 0}


@contextmanager
def account() -> Iterator[StripeSimulator]:
    """23 charges, seven of them created in one second: pages of five begin and end inside it."""
    with StripeSimulator(seed=11, counts={"charges": 16}) as stripe:
        stripe.add("charges", 7, created=stripe.created("charges", stripe.ids("charges")[6]))
        yield stripe


def land(lake: Path, stripe: StripeSimulator, options: dict[str, Any]) -> None:
    """A clean run in this process; it takes over the run of a dead process by itself."""
    options = {**options, "backoff_base_seconds": 0.01}
    ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, **options).raise_for_status()


@pytest.fixture
def few_charges() -> Iterator[StripeSimulator]:
    with account() as simulator:
        yield simulator


@pytest.fixture
def landed_lake(tmp_path: Path, few_charges: StripeSimulator) -> Path:
    """A lake with one complete run, and an account that has more objects by now."""
    land(tmp_path / "lake", few_charges, EACH_PAGE)
    few_charges.add("charges", 8)
    return tmp_path / "lake"
