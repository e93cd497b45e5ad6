"""A run that is claimed late: what it may rely on, what it may say of itself, and what it says of a rival."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from stripe_raw_rs import Client, History, StripeRawError, TableError, attempt, ingest
from stripe_raw_rs import commit as committing
from stripe_raw_rs.exceptions import BudgetError, FencedError
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import CommitUnknownError, open_tables
from tests.conftest import KEY, events, landed, tamper
from tests.stepped import SteppedTables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDE: dict[str, Any] = {"entities": "charges", "lookback_seconds": 10 * 365 * 86_400}
RAW = "stripe_charges_raw"
CHECKPOINTS = "stripe_ingestion_checkpoints"


@pytest.fixture
def account() -> Iterator[StripeSimulator]:
    names = ("charges", "payment_intents", "invoices", "refunds")
    with StripeSimulator(seed=5, counts={name: 30 if name != "refunds" else 0 for name in names}) as simulator:
        yield simulator


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Any:
    where: dict[str, Any] = {} if "tables" in options else {"lake": lake}
    report = ingest(**where, api_key=KEY, api_base_url=stripe.url, **{**WIDE, **options})
    report.raise_for_status()
    return report.entities[0]


def test_rows_of_a_given_up_run_that_a_later_run_relies_on_are_promised(
    lake: Path, account: StripeSimulator, tmp_path: Path
) -> None:
    """Run 2 lands it and is given up, and run 3 finds it unchanged. If its commit is lost then, run 4 must say so."""
    land(lake, account)
    shutil.copytree(lake / RAW, tmp_path / "backup")
    newest = account.created("charges", account.ids("charges")[0]) or 0
    (new,) = account.add("charges", 1, created=newest + 7200)
    account.add("charges", 1, created=newest + 5 * 7200)
    options: dict[str, Any] = {"page_size": 5, "max_concurrent_requests": 1, "commit_interval_seconds": 0}
    with pytest.raises(BudgetError):
        land(lake, account, max_requests=1, **options)
    third = land(lake, account, give_up="restart")
    assert third.rows == 0
    shutil.rmtree(lake / RAW)
    (tmp_path / "backup").rename(lake / RAW)
    with suppress(TableError):
        land(lake, account, lookback_seconds=3600)
        assert new in landed(lake, "charges", "_stripe_id").column(0).to_pylist(), "lost, and no run said so"


class SilentTables:
    """Tables that skip a version that is taken, silently, as Spark does, and judge lost commits as Spark's do."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.location = inner.location

    def table(self, name: str) -> Any:
        return SilentTable(self._inner.table(name))


class SilentTable:
    skips_silently = True

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.name = inner.name
        self.location = inner.location

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def append(self, commit: Any) -> None:
        with suppress(FencedError):
            self._inner.append(commit)

    def outcome(self, commit: Any) -> str:
        found: str = self._inner.outcome(commit)
        return "absent" if found == "superseded" else found

    def kept(self, promise: Any) -> str:
        table = self._inner._load()  # noqa: SLF001 - as its own method
        if self._inner._any(table, promise.newest_rows):  # noqa: SLF001
            return "all"
        if not self._inner._any(table, promise.any_rows):  # noqa: SLF001
            return "none"
        commits = list(table.history())
        metadata = [entry["userMetadata"] for entry in commits if entry.get("userMetadata")]
        return "all" if promise.may_be_among(metadata, any(entry["version"] == 0 for entry in commits)) else "some"


def test_on_spark_rows_are_not_dropped_after_the_checkpoint_table_was_restored(
    lake: Path, account: StripeSimulator, tmp_path: Path
) -> None:
    """The raw table has newer transactions then: an engine that skips silently would drop the rows of a new run."""
    land(lake, account, tables=SilentTables(open_tables({"lake": lake})))
    shutil.copytree(lake / CHECKPOINTS, tmp_path / "backup")
    account.add("charges", 3)
    land(lake, account, tables=SilentTables(open_tables({"lake": lake})))
    account.add("charges", 3)
    land(lake, account, tables=SilentTables(open_tables({"lake": lake})))
    shutil.rmtree(lake / CHECKPOINTS)
    (tmp_path / "backup").rename(lake / CHECKPOINTS)
    new = account.add("charges", 3)
    with suppress(StripeRawError):
        land(lake, account, tables=SilentTables(open_tables({"lake": lake})))
    promised = sum(event["row_count"] for event in events(lake, "event_type = 'PAGE_COMMITTED'"))
    runs = {event["run_id"] for event in events(lake)}
    there = sum(row["_ingest_run_id"] in runs for row in landed(lake, "charges").to_pylist())
    ids = landed(lake, "charges", "_stripe_id").column(0).to_pylist()
    complete = events(lake, "event_type = 'RUN_COMPLETED' AND epoch = 2")
    assert not complete or set(new) <= set(ids), "the run is complete, and its rows are not there"
    assert promised == there


def test_a_run_whose_end_was_committed_is_not_interrupted_any_more(account: StripeSimulator) -> None:
    """Ctrl-C while the last pair is committed: its events have RUN_COMPLETED already."""
    client = Client(KEY, api_base_url=account.url)
    run = client.attempt("charges", History("charges"), store_id="s", owner="me")
    kinds = []
    for _rows, checkpoint in run:
        kinds += pa.table(checkpoint)["event_type"].to_pylist()
        if "RUN_COMPLETED" in kinds:
            client.interrupt()
    assert kinds[-1] == "RUN_COMPLETED"
    run.ended()
    with pytest.raises(StripeRawError):
        run.failed("Interrupted", "no")


def test_ctrl_c_in_the_last_commit_leaves_a_complete_run_without_a_failure(
    lake: Path, account: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients: list[Client] = []

    def step(what: str) -> None:
        if what == f"after append {CHECKPOINTS}" and events(lake, "event_type = 'RUN_COMPLETED'"):
            clients[0].interrupt()

    real = attempt.write

    def write(attempt: Any, job: Any, *more: Any) -> None:
        clients.append(job.client)
        real(attempt, job, *more)

    monkeypatch.setattr(attempt, "write", write)
    tables = SteppedTables(open_tables({"lake": lake}), step)
    report = ingest(tables=tables, api_key=KEY, api_base_url=account.url, **WIDE)
    kinds = [event["event_type"] for event in events(lake)]
    assert "RUN_FAILED" not in kinds, (kinds, report.entities[0].message)
    assert report.exit_code == 0


class Older:
    """Tables as somebody wrote them for 0.1.0: without the methods that layout 2 needs."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.location = inner.location

    def table(self, name: str) -> Any:
        return OlderTable(self._inner.table(name))


class OlderTable(SilentTable):
    skips_silently = False

    def __getattr__(self, name: str) -> Any:
        if name in {"read_any", "largest", "add_columns", "maintain", "size"}:
            raise AttributeError(f"'OlderTable' object has no attribute '{name}'")
        return getattr(self._inner, name)

    def append(self, commit: Any) -> None:
        self._inner.append(commit)


def test_tables_of_a_callers_own_without_the_new_methods_are_refused_before_anything_is_written(
    lake: Path, account: StripeSimulator
) -> None:
    with pytest.raises(StripeRawError) as error:
        ingest(tables=Older(open_tables({"lake": lake})), api_key=KEY, api_base_url=account.url, **WIDE)
    assert "largest" in str(error.value)
    assert not lake.exists()


def test_the_loser_of_a_race_reports_no_rows(lake: Path, account: StripeSimulator) -> None:
    """A new run that loses its claim has landed nothing, though it has read pages."""
    done: list[int] = []

    def step(what: str) -> None:
        if what == f"before append {CHECKPOINTS}" and not done:
            done.append(1)
            land(lake, account, owner="rival")

    tables = SteppedTables(open_tables({"lake": lake}), step)
    report = ingest(tables=tables, api_key=KEY, api_base_url=account.url, **WIDE)
    (result,) = report.entities
    assert report.exit_code == 75
    assert len(landed(lake, "charges")) == 30
    assert result.rows == 0
    assert "holds run" not in str(result.message), result.message


def test_after_the_checkpoint_table_was_restored_no_run_says_that_it_is_its_own_rival(
    lake: Path, account: StripeSimulator, tmp_path: Path
) -> None:
    land(lake, account)
    shutil.copytree(lake / CHECKPOINTS, tmp_path / "backup")
    account.add("charges", 3)
    land(lake, account)
    shutil.rmtree(lake / CHECKPOINTS)
    (tmp_path / "backup").rename(lake / CHECKPOINTS)
    account.add("charges", 3)
    report = ingest(lake=lake, api_key=KEY, api_base_url=account.url, **WIDE, owner="me")
    assert "me holds run" not in str(report.entities[0].message), report.entities[0].message


def test_giving_up_a_run_does_not_hide_lost_commits_of_earlier_ones(lake: Path, account: StripeSimulator) -> None:
    """The fence of the attempt that gives up raises the raw table's version above all that is promised."""
    each: dict[str, Any] = {"page_size": 5, "max_concurrent_requests": 1, "commit_interval_seconds": 0}
    land(lake, account, **each)
    newest = account.created("charges", account.ids("charges")[0]) or 0
    account.add("charges", 1, created=newest + 7200)
    account.set_faults("status=403@charges:p1")
    with pytest.raises(StripeRawError):
        land(lake, account, **each)
    account.reset_faults()
    max((lake / RAW / "_delta_log").glob("*.json")).unlink()
    with suppress(TableError):
        land(lake, account, give_up="restart", lookback_seconds=0)
        assert set(account.ids("charges")) <= set(landed(lake, "charges", "_stripe_id").column(0).to_pylist()), "lost"


def test_on_spark_a_lake_of_layout_1_whose_rows_were_all_recovered_is_not_called_damaged(
    lake: Path, account: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the fence of the rows' attempt is known then; events carry its version with the id of another run."""
    monkeypatch.setattr(committing, "_WAITS", ())

    class Failing(SilentTable):
        def append(self, commit: Any) -> None:
            if self.name == CHECKPOINTS and commit.commit_version == (1 << 32) + 1:
                message = "no"
                raise CommitUnknownError(message)
            super().append(commit)

    class Each(SilentTables):
        def table(self, name: str) -> Any:
            return Failing(self._inner.table(name))

    ingest(tables=Each(open_tables({"lake": lake})), api_key=KEY, api_base_url=account.url, **WIDE)
    land(lake, account)
    pages = events(lake, "event_type = 'PAGE_COMMITTED' AND row_count > 0")
    assert [page["recovered"] for page in pages] == [True]

    def as_layout_1(table: pa.Table) -> pa.Table:
        for name in ("landed_run_id", "landed_version", "first_start_created_gte", "unchanged_count"):
            at = table.schema.get_field_index(name)
            table = table.set_column(at, table.schema.field(at), pa.nulls(len(table), table.schema.field(at).type))
        return table

    tamper(lake, CHECKPOINTS, as_layout_1)
    for _ in range(3):
        land(lake, account, tables=SilentTables(open_tables({"lake": lake})))
