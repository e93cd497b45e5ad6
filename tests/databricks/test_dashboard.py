"""The dashboard: its widgets have their data, and show the truth about a history with every kind of event."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stripe_raw_rs import History, checkpoint_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

DASHBOARD: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "resources" / "stripe_ingestion.lvdash.json").read_text(encoding="utf-8")
)
DATASETS = {dataset["name"]: "".join(dataset["queryLines"]) for dataset in DASHBOARD["datasets"]}
WIDGETS = {item["widget"]["name"]: item["widget"] for page in DASHBOARD["pages"] for item in page["layout"]}
# Text has no query.
SHOWN = [name for name, widget in WIDGETS.items() if "queries" in widget]
COLUMNS = 6
TABLE = "stripe_ingestion_checkpoints"
SCHEMA = "dashboard_test"


def query_of(widget: dict[str, Any]) -> dict[str, Any]:
    (query,) = widget["queries"]
    described: dict[str, Any] = query["query"]
    return described


def encoded(encodings: object) -> Iterator[str]:
    """All field names that a widget's encodings use, at any depth."""
    if isinstance(encodings, dict):
        for key, value in encodings.items():
            if key == "fieldName":
                yield value
            else:
                yield from encoded(value)
    elif isinstance(encodings, list):
        for value in encodings:
            yield from encoded(value)


def test_no_two_widgets_share_a_name_or_a_place() -> None:
    assert len(WIDGETS) == sum(len(page["layout"]) for page in DASHBOARD["pages"])
    for page in DASHBOARD["pages"]:
        taken: set[tuple[int, int]] = set()
        for item in page["layout"]:
            at = item["position"]
            cells = {(at["x"] + x, at["y"] + y) for x in range(at["width"]) for y in range(at["height"])}
            assert not cells & taken, item["widget"]["name"]
            assert at["x"] + at["width"] <= COLUMNS, item["widget"]["name"]
            taken |= cells
        # The grid closes gaps by itself, and then no widget is where it was put.
        assert len(taken) == COLUMNS * (max(y for _, y in taken) + 1), page["name"]


def test_every_dataset_is_shown_and_every_shown_dataset_is_there() -> None:
    assert {query_of(WIDGETS[name])["datasetName"] for name in SHOWN} == set(DATASETS)


@pytest.mark.parametrize("name", SHOWN)
def test_a_widget_shows_the_fields_it_asks_for_and_no_others(name: str) -> None:
    """If a field is encoded under another name than it is asked for, the widget stays empty, without a word."""
    widget = WIDGETS[name]
    asked = [field["name"] for field in query_of(widget)["fields"]]
    assert sorted(encoded(widget["spec"]["encodings"])) == sorted(asked)


def test_widgets_are_of_the_versions_that_are_rendered() -> None:
    kinds = {(widget["spec"]["widgetType"], widget["spec"]["version"]) for widget in map(WIDGETS.get, SHOWN) if widget}
    assert kinds == {("counter", 2), ("table", 2), ("bar", 3), ("line", 3)}


def test_queries_name_the_table_alone() -> None:
    """The bundle sets catalog and schema."""
    for sql in DATASETS.values():
        assert set(re.findall(r"\b(?:FROM|JOIN)\s+([\w.`]+)", sql)) <= {
            TABLE,
            "folded",
            "runs",
            "accounts",
            "looked",
            "behind",
            "lists",
        }


def test_each_dataset_defines_a_run_in_the_same_words() -> None:
    """Datasets cannot share a part of their queries, so only this test keeps the copies equal."""
    folded = [sql.split("FROM folded")[0] for sql in DATASETS.values() if "FROM folded" in sql]
    assert len(folded) == 3
    assert len(set(folded)) == 1


# From here on Spark runs the queries.


@dataclass
class Story:
    """Events as the ingestion writes them, with times in hours before now."""

    events: list[dict[str, Any]] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def add(self, hours: float, kind: str, run: Attempt, **values: Any) -> None:
        sequence = sum(event["run_id"] == run.run_id and event["epoch"] == run.epoch for event in self.events)
        self.events.append(
            {
                "event_id": f"{run.run_id}/{run.epoch}/{sequence}/0",
                "event_type": kind,
                "event_at": self.now - timedelta(hours=hours),
                "entity": run.entity,
                "stripe_account": run.account,
                "run_id": run.run_id,
                "epoch": run.epoch,
                "sequence": sequence,
                "owner": f"job/{run.epoch}",
                **values,
            }
        )

    def table(self) -> pa.Table:
        return pa.Table.from_pylist(self.events, schema=pa.schema(checkpoint_schema()))


@dataclass
class Attempt:
    """One attempt of a run; each call adds an event, so many hours before now."""

    story: Story
    run_id: str
    epoch: int
    entity: str
    account: str | None = None

    def started(self, hours: float) -> Attempt:
        self.story.add(hours, "RUN_STARTED", self, settings="{}", library_version="0")
        return self

    def page(self, hours: float, number: int, rows: int, seen: float, *, recovered: bool = False) -> Attempt:
        newest = self.seconds(seen)
        self.story.add(
            hours,
            "PAGE_COMMITTED",
            self,
            page_number=number,
            row_count=rows,
            unchanged_count=number,
            range_closed=False,
            next_cursor=f"id_{number}",
            has_more=True,
            rows_digest="0" * 64,
            recovered=recovered,
            http_status=200,
            max_created=newest,
            max_created_seen=newest,
        )
        return self

    def completed(self, hours: float, seen: float | None) -> None:
        self.story.add(hours, "RUN_COMPLETED", self, max_created_seen=None if seen is None else self.seconds(seen))

    def failed(self, hours: float, error_class: str, message: str) -> None:
        self.story.add(hours, "RUN_FAILED", self, error_class=error_class, error_message=message)

    def seconds(self, hours: float) -> int:
        return int((self.story.now - timedelta(hours=hours)).timestamp())


def story() -> Story:
    """Nine lists, each with a past of its own."""
    past = Story()

    # Complete, then failed, resumed with a page recovered, and complete: nothing is wrong with it now.
    Attempt(past, "C1", 1, "charges").started(51).page(51, 1, 100, 52).page(50.5, 2, 50, 52).completed(50, 52)
    Attempt(past, "C2", 2, "charges").started(26).page(26, 1, 100, 27).failed(25, "Server", "500 from Stripe")
    last = Attempt(past, "C2", 3, "charges").started(2.5).page(2.4, 2, 70, 27, recovered=True)
    last.page(2.2, 3, 30, 27).completed(2, 3)

    # A list of a connected account: it fails now, and has not landed a page of this run.
    Attempt(past, "D1", 1, "topups", "acct_1A").started(31).page(31, 1, 5, 32).completed(30, 32)
    Attempt(past, "D2", 2, "topups", "acct_1A").started(1.5).failed(1, "Authentication", "no such key")

    # Failed, given up on request, and a new run complete.
    Attempt(past, "R1", 1, "refunds").started(20).page(20, 1, 100, 21).failed(19, "Connection", "time-out")
    Attempt(past, "R1", 2, "refunds").started(6).failed(6, "Abandoned", "given up: the next run reads its window again")
    Attempt(past, "R2", 3, "refunds").started(5.9).page(5.9, 1, 8, 40).completed(5, 40)

    # Complete, reset, and running from the beginning: objects seen before the reset do not count any more.
    Attempt(past, "I1", 1, "invoices").started(73).page(73, 1, 9, 74).completed(72, 74)
    Attempt(past, "I2", 2, "invoices").started(4).failed(
        4, "Reset", "given up: the next run begins at the beginning of the account"
    )
    Attempt(past, "I3", 3, "invoices").started(0.1).page(0.05, 1, 100, 1)

    # Killed four hours ago, without a word.
    Attempt(past, "P1", 1, "payouts").started(101).page(101, 1, 3, 110).completed(100, 110)
    Attempt(past, "P2", 2, "payouts").started(4.5).page(4, 1, 100, 5)

    # Given up, and not run since.
    Attempt(past, "S1", 1, "disputes").started(10).failed(9, "Permission", "may not read disputes")
    Attempt(past, "S1", 2, "disputes").started(8).failed(
        8, "Abandoned", "given up: the next run reads its window again"
    )

    # Failed, and going on: not failing any more, not complete yet.
    Attempt(past, "E1", 1, "events").started(3).page(3, 1, 100, 4).failed(2.9, "RateLimit", "too many")
    Attempt(past, "E1", 2, "events").started(0.01)

    # Complete, with nothing in it.
    Attempt(past, "N1", 1, "customers").started(12).page(12, 1, 0, 12).completed(12, None)
    past.events[-2].update(max_created=None, max_created_seen=None, next_cursor=None, has_more=False, range_closed=True)

    # Thirty accounts in one attempt. One of them fails, and one was not looked at for two days.
    for number in range(30):
        run = Attempt(past, f"M{number}", 4, "transfers", f"acct_{number:02}").started(3.0).page(3, 1, 2, 4)
        if number == 7:
            run.failed(2.5, "Permission", "access was revoked")
        else:
            run.completed(2.5, 4)
    Attempt(past, "M30", 3, "transfers").started(48.2).page(48.1, 1, 2, 49).completed(48, 49)
    return past


@pytest.fixture(scope="module")
def past() -> Story:
    return story()


@pytest.fixture(scope="module")
def checkpoints(spark: SparkSession, past: Story, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A checkpoint table with the story in it, in the current schema, as the bundle sets it for the queries."""
    # Not every Spark takes Arrow; all read Parquet.
    place = tmp_path_factory.mktemp("story") / "events.parquet"
    pq.write_table(past.table(), place)
    before, zone = spark.catalog.currentDatabase(), spark.conf.get("spark.sql.session.timeZone")
    spark.sql(f"CREATE SCHEMA {SCHEMA}")
    spark.catalog.setCurrentDatabase(SCHEMA)
    # A day is in the session's time zone, which is UTC on a warehouse without another setting.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    spark.read.parquet(str(place)).write.format("delta").saveAsTable(TABLE)
    yield spark
    spark.conf.set("spark.sql.session.timeZone", zone)
    spark.catalog.setCurrentDatabase(before)
    spark.sql(f"DROP SCHEMA {SCHEMA} CASCADE")


def rows(spark: SparkSession, sql: str) -> list[dict[str, Any]]:
    return [row.asDict() for row in spark.sql(sql).collect()]


@pytest.mark.spark35
def test_the_state_of_each_list_is_its_latest_run(checkpoints: SparkSession) -> None:
    found = {row["list"]: row for row in rows(checkpoints, DATASETS["lists"])}
    hours = ("hours_since_complete", "lag_hours")
    numbers = ("attempts", "pages", "objects", "recovered_pages")
    assert {
        name: (row["state"], row["run_id"], *(row[key] for key in (*hours, *numbers))) for name, row in found.items()
    } == {
        "charges": ("complete", "C2", 2.0, 3.0, 2, 3, 200, 1),
        "topups/acct_1A": ("failed", "D2", 30.0, 32.0, 1, 0, 0, 0),
        "refunds": ("complete", "R2", 5.0, 40.0, 1, 1, 8, 0),
        "invoices": ("running", "I3", 72.0, None, 1, 1, 100, 0),
        "payouts": ("stalled", "P2", 100.0, 110.0, 1, 1, 100, 0),
        "disputes": ("given up", "S1", None, None, 2, 0, 0, 0),
        "events": ("running", "E1", None, None, 2, 1, 100, 0),
        "customers": ("complete", "N1", 12.0, None, 1, 1, 0, 0),
        "transfers": ("30 of 31 complete", None, 48.0, 4.0, 1, 31, 62, 0),
    }
    assert {name: row["error"] for name, row in found.items() if row["error"] is not None} == {
        "topups/acct_1A": "Authentication: no such key",
        "transfers": "acct_07: Permission: access was revoked",
    }
    assert {row["list"]: (row["accounts"], row["behind"]) for row in found.values() if row["accounts"] > 1} == {
        "transfers": (31, "acct_07, own account")
    }
    flags = {name: (row["failed"], row["running"], row["stalled"]) for name, row in found.items()}
    assert {name for name, (failed, _, _) in flags.items() if failed} == {"topups/acct_1A", "transfers"}
    assert {name for name, (_, running, _) in flags.items() if running} == {"events", "invoices"}
    assert {name for name, (_, _, stalled) in flags.items() if stalled} == {"payouts"}
    assert found["payouts"]["owner"] == "job/2"


@pytest.mark.spark35
def test_the_worst_list_comes_first(checkpoints: SparkSession) -> None:
    order = [row["list"] for row in rows(checkpoints, DATASETS["lists"])]
    assert order[:5] == ["transfers", "topups/acct_1A", "payouts", "disputes", "events"]
    assert order[-1] == "charges"


@pytest.mark.spark35
def test_the_dashboard_shows_the_same_states_as_the_product(checkpoints: SparkSession, past: Story) -> None:
    """`stripe-raw status` folds the same events in Rust: both must see the same state."""
    states = {"running": "unfinished", "stalled": "unfinished"}
    table = past.table()
    for row in rows(checkpoints, DATASETS["lists"]):
        if row["accounts"] > 1:
            continue
        entity, _, account = row["list"].partition("/")
        mine = [
            event for event in past.events if event["entity"] == entity and event["stripe_account"] == (account or None)
        ]
        lifecycle = [event for event in mine if event["event_type"] != "PAGE_COMMITTED"]
        history = History(entity, account or None, pa.Table.from_pylist(lifecycle, schema=table.schema))
        pages = [
            event for event in mine if event["event_type"] == "PAGE_COMMITTED" and event["run_id"] == row["run_id"]
        ]
        history.add_pages(pa.Table.from_pylist(pages, schema=table.schema))
        newest = row["newest_created"]
        assert (row["run_id"], row["pages"], row["objects"]) == (history.run_id, history.pages, history.rows)
        assert states.get(row["state"], row["state"]) == history.state, row["list"]
        assert (None if newest is None else int(newest.timestamp())) == history.watermark, row["list"]


@pytest.mark.spark35
def test_each_run_is_there_once_with_all_its_attempts(checkpoints: SparkSession) -> None:
    found = rows(checkpoints, DATASETS["runs"])
    # Each page has as many unchanged objects as its number says.
    assert {row["unchanged"] for row in found} >= {0, 1, 3}
    assert {
        (row["list"], row["run_id"]): (row["state"], row["attempts"], row["pages"], row["objects"]) for row in found
    } == {
        ("charges", "C1"): ("complete", 1, 2, 150),
        ("charges", "C2"): ("complete", 2, 3, 200),
        ("transfers", None): ("29 of 30 complete", 1, 30, 60),
        ("transfers", "M30"): ("complete", 1, 1, 2),
        ("topups/acct_1A", "D1"): ("complete", 1, 1, 5),
        ("topups/acct_1A", "D2"): ("failed", 1, 0, 0),
        ("refunds", "R1"): ("given up", 2, 1, 100),
        ("refunds", "R2"): ("complete", 1, 1, 8),
        ("invoices", "I1"): ("complete", 1, 1, 9),
        ("invoices", "I2"): ("given up", 1, 0, 0),
        ("invoices", "I3"): ("running", 1, 1, 100),
        ("payouts", "P1"): ("complete", 1, 1, 3),
        ("payouts", "P2"): ("stalled", 1, 1, 100),
        ("disputes", "S1"): ("given up", 2, 0, 0),
        ("events", "E1"): ("running", 2, 1, 100),
        ("customers", "N1"): ("complete", 1, 1, 0),
    }
    assert len(found) == 16
    minutes = {row["run_id"]: row["minutes"] for row in found if row["run_id"]}
    assert (minutes["C1"], minutes["C2"]) == (60.0, 1_440.0)
    assert [row["run_id"] for row in found if row["recovered_pages"]] == ["C2"]


@pytest.mark.spark35
def test_each_failure_shows_its_outcome(checkpoints: SparkSession) -> None:
    """A failure counts only if no attempt has followed it; a run that was completed later, or given up, is the past."""
    found = rows(checkpoints, DATASETS["failures"])
    assert [
        (row["list"], row["run_id"], row["epoch"], row["error_class"], row["error_message"], row["outcome"])
        for row in found
    ] == [
        ("topups/acct_1A", "D2", 2, "Authentication", "no such key", "failed"),
        ("transfers/acct_07", "M7", 4, "Permission", "access was revoked", "failed"),
        ("events", "E1", 1, "RateLimit", "too many", "resumed since"),
        ("invoices", "I2", 2, "Reset", "given up: the next run begins at the beginning of the account", "given up"),
        ("refunds", "R1", 2, "Abandoned", "given up: the next run reads its window again", "given up"),
        ("disputes", "S1", 2, "Abandoned", "given up: the next run reads its window again", "given up"),
        ("disputes", "S1", 1, "Permission", "may not read disputes", "given up"),
        ("refunds", "R1", 1, "Connection", "time-out", "given up"),
        ("charges", "C2", 2, "Server", "500 from Stripe", "complete since"),
    ]


@pytest.mark.spark35
def test_the_days_add_up_to_all_pages(checkpoints: SparkSession, past: Story) -> None:
    pages = [event for event in past.events if event["event_type"] == "PAGE_COMMITTED"]
    expected: dict[tuple[Any, str], list[int]] = {}
    for event in pages:
        day = expected.setdefault((event["event_at"].date(), event["entity"]), [0, 0, 0])
        for at, number in enumerate((event["row_count"], 1, int(event["recovered"]))):
            day[at] += number
    found = rows(checkpoints, DATASETS["days"])
    assert {
        (row["day"], row["list"]): [row["objects"], row["pages"], row["recovered_pages"]] for row in found
    } == expected


@pytest.mark.spark35
@pytest.mark.parametrize("name", SHOWN)
def test_every_widget_has_its_columns(checkpoints: SparkSession, name: str) -> None:
    """A dashboard asks a dataset for a widget's fields in this form."""
    query = query_of(WIDGETS[name])
    fields = [f"{described['expression']} AS `{described['name']}`" for described in query["fields"]]
    groups = [described["expression"] for described in query["fields"] if described["expression"].startswith("`")]
    grouped = f" GROUP BY {', '.join(groups)}" if groups and not query["disaggregated"] else ""
    found = checkpoints.sql(f"SELECT {', '.join(fields)} FROM ({DATASETS[query['datasetName']]}){grouped}")  # noqa: S608
    assert found.columns == [described["name"] for described in query["fields"]]
    assert found.collect()


@pytest.mark.spark35
@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("now_lists", 9),
        ("now_failed", 2),
        ("now_stalled", 1),
        ("now_running", 2),
        ("now_hours", 100.0),
        ("now_lag", 110.0),
    ],
)
def test_the_counters_count(checkpoints: SparkSession, name: str, number: float) -> None:
    query = query_of(WIDGETS[name])
    ((described,), dataset) = query["fields"], DATASETS[query["datasetName"]]
    assert checkpoints.sql(f"SELECT {described['expression']} FROM ({dataset})").collect()[0][0] == number  # noqa: S608


@pytest.mark.spark35
def test_a_table_without_events_is_not_an_error(checkpoints: SparkSession) -> None:
    """The dashboard is deployed before the first run has written anything."""
    for name, sql in DATASETS.items():
        none = sql.replace(f"FROM {TABLE}", f"FROM (SELECT * FROM {TABLE} WHERE event_type = 'NONE')")  # noqa: S608
        assert none != sql, name
        assert checkpoints.sql(none).collect() == []
