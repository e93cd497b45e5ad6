"""Files of a table that are torn, empty or gone: the message names the file and a remedy, and the remedy helps."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from deltalake import DeltaTable

from stripe_raw_rs import TableError, ingest, status, verify
from stripe_raw_rs import commit as committing
from stripe_raw_rs.tables.delta_rs.log import emptied, missing_data, unreadable
from tests.conftest import KEY, SCHEMA, Columns, HandMade, assert_whole, rows_of
from tests.places import tables_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs import Report
    from stripe_raw_rs.simulator import StripeSimulator

RAW = "stripe_charges_raw"
CHECKPOINTS = "stripe_ingestion_checkpoints"
RESTORE = "restore it from a backup, or land everything into another lake"


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    each: dict[str, Any] = {"commit_interval_seconds": 0, "max_concurrent_requests": 1, "lookback_seconds": 0}
    return ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{**each, "entities": "charges,refunds", **options})


def commit_file(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020}.json"


def newest(table: Path) -> int:
    return max(int(file.stem) for file in (table / "_delta_log").glob("*.json"))


def cut(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 3])


def blank(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def hint(table: Path) -> Path:
    return table / "_delta_log" / "_last_checkpoint"


def delta_checkpoint(table: Path) -> Path:
    (file,) = (table / "_delta_log").glob("*.checkpoint.parquet")
    return file


def forget_checkpoint(table: Path) -> None:
    delta_checkpoint(table).unlink()
    hint(table).unlink()


def condense(table: Path) -> None:
    """Make the log as Delta's clean-up leaves it: a checkpoint, and nothing from before."""
    before = newest(table)
    DeltaTable(table).create_checkpoint()
    for version in range(before):
        commit_file(table, version).unlink()


class Case(NamedTuple):
    """Damage to a table: the damage, the message about it, and the remedy; a restore always helps."""

    spoil: Callable[[Path], Any]
    what: str
    remedy: str = RESTORE
    before: Callable[[Path], Any] = newest
    helps: Callable[[Path], Any] | None = None


def checkpointed(table: Path) -> None:
    DeltaTable(table).create_checkpoint()


REMOVE = "restore it from a backup, or remove it: the next run then finds out what else it needs"
SAME = "its commit files say the same"
CASES = {
    "the newest commit is torn": Case(
        lambda table: cut(commit_file(table, newest(table))),
        "its commit file '_delta_log/{newest}.json' is torn",
        REMOVE,
        helps=lambda table: commit_file(table, newest(table)).unlink(),
    ),
    "the newest commit is zeros": Case(
        lambda table: blank(commit_file(table, newest(table))),
        "its commit file '_delta_log/{newest}.json' is torn",
        REMOVE,
        helps=lambda table: commit_file(table, newest(table)).unlink(),
    ),
    "an older commit is torn": Case(
        lambda table: cut(commit_file(table, 2)), "its commit file '_delta_log/00000000000000000002.json' is torn"
    ),
    "an older commit is gone": Case(
        lambda table: commit_file(table, 2).unlink(),
        "its commit file '_delta_log/00000000000000000002.json' is missing",
    ),
    "the first commit is empty": Case(
        lambda table: empty(commit_file(table, 0)), "its commit file '_delta_log/00000000000000000000.json' is empty"
    ),
    "the first commit is gone": Case(
        lambda table: commit_file(table, 0).unlink(),
        "its commit file '_delta_log/00000000000000000000.json' is missing",
    ),
    "the checkpoint is gone and the commits are there": Case(
        lambda table: delta_checkpoint(table).unlink(),
        "its checkpoint file of version {version} is missing or empty",
        "remove '_delta_log/_last_checkpoint': " + SAME,
        before=checkpointed,
        helps=lambda table: hint(table).unlink(),
    ),
    "the checkpoint is empty and the commits are there": Case(
        lambda table: empty(delta_checkpoint(table)),
        "its checkpoint file of version {version} is missing or empty",
        "remove '_delta_log/_last_checkpoint': " + SAME,
        before=checkpointed,
        helps=lambda table: hint(table).unlink(),
    ),
    "the checkpoint is torn and the commits are there": Case(
        lambda table: cut(delta_checkpoint(table)),
        "its checkpoint file '_delta_log/{newest}.checkpoint.parquet' is torn",
        "remove '_delta_log/{newest}.checkpoint.parquet' and '_delta_log/_last_checkpoint': " + SAME,
        before=checkpointed,
        helps=forget_checkpoint,
    ),
    "the checkpoint is gone and the commits are, too": Case(
        lambda table: delta_checkpoint(table).unlink(),
        "its checkpoint file of version {version} is missing or empty",
        before=condense,
    ),
    "the checkpoint is torn and the commits are gone": Case(
        lambda table: cut(delta_checkpoint(table)),
        "its checkpoint file '_delta_log/{newest}.checkpoint.parquet' is torn",
        before=condense,
    ),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.fixture
def whole(lake: Path, stripe: StripeSimulator) -> Path:
    # A checkpoint of the log would take the place of the commits that are to be spoiled.
    land(lake, stripe, maintenance="no").raise_for_status()
    stripe.add("charges", 120)
    return lake


def test_a_torn_commit_that_a_checkpoint_of_the_log_covers_is_not_missed(lake: Path, stripe: StripeSimulator) -> None:
    land(lake, stripe).raise_for_status()
    log = lake / CHECKPOINTS / "_delta_log"
    DeltaTable(lake / CHECKPOINTS).create_checkpoint()
    cut(max(log.glob("*.json")))
    stripe.add("charges", 120)
    land(lake, stripe).raise_for_status()
    assert_whole(lake, stripe, "charges")


def spoiled(table: Path, case: Case) -> str:
    """Spoil a table, and answer the message to expect."""
    case.before(table)
    version = newest(table)
    shutil.copytree(table, table.parent.with_name("kept"))
    case.spoil(table)
    said = f"table '{table}' cannot be read: {case.what}; {case.remedy}"
    return said.format(newest=f"{version:020}", version=version)


def restore(table: Path) -> None:
    shutil.rmtree(table)
    table.parent.with_name("kept").rename(table)


def lines_of(lake: Path) -> tuple[list[str], str]:
    try:
        found = verify(tables=tables_of(lake))
    except TableError as error:
        return [], str(error)
    assert found.exit_code == 1
    *lines, last = str(found).splitlines()
    return lines, last


@each_case
def test_a_raw_table_that_cannot_be_read_stops_its_own_list_and_its_file_is_named(
    whole: Path, stripe: StripeSimulator, case: Case
) -> None:
    said = spoiled(whole / RAW, case)
    report = land(whole, stripe)
    assert [(result.exit_code, result.message) for result in report.entities] == [(1, f"charges: {said}"), (0, None)]
    lines, _ = lines_of(whole)
    assert lines[:2] == ["charges: not audited: 1 finding", f"  unreadable: {said}"]
    assert lines[2].startswith("refunds: ")
    restore(whole / RAW)
    land(whole, stripe).raise_for_status()
    assert_whole(whole, stripe, "charges")
    verify(tables=tables_of(whole)).raise_for_status()


@each_case
def test_a_checkpoint_table_that_cannot_be_read_is_refused_and_its_file_is_named(
    whole: Path, stripe: StripeSimulator, case: Case
) -> None:
    said = spoiled(whole / CHECKPOINTS, case)
    with pytest.raises(TableError) as raised:
        land(whole, stripe)
    assert str(raised.value) == said
    assert lines_of(whole) == ([], said)
    with pytest.raises(TableError) as raised:
        status(tables=tables_of(whole), lookback_seconds=0)
    assert str(raised.value) == said
    restore(whole / CHECKPOINTS)
    land(whole, stripe).raise_for_status()
    assert_whole(whole, stripe, "charges")


@pytest.mark.parametrize("name", [RAW, CHECKPOINTS])
@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.helps], ids=[name for name, case in CASES.items() if case.helps]
)
def test_the_remedy_in_the_message_helps(whole: Path, stripe: StripeSimulator, name: str, case: Case) -> None:
    spoiled(whole / name, case)
    assert case.helps is not None
    case.helps(whole / name)
    report = land(whole, stripe)
    if name == RAW and case.remedy == REMOVE:
        # Events name the rows that were in it, so they are missed.
        assert "are lost: it lacks rows that the checkpoint table records" in str(report.entities[0].message)
        report = land(whole, stripe, entities="charges", give_up="scratch")
    report.raise_for_status()
    assert_whole(whole, stripe, "charges")


DATA = [
    pytest.param(lambda file: file.unlink(), "is missing", id="is gone"),
    pytest.param(empty, "has 0 of {size:,} bytes", id="is empty"),
    pytest.param(cut, "has {remaining:,} of {size:,} bytes", id="is torn"),
]


@pytest.mark.parametrize(("spoil", "what"), DATA)
def test_a_data_file_that_cannot_be_read_is_named(
    whole: Path, stripe: StripeSimulator, spoil: Callable[[Path], None], what: str
) -> None:
    for name in (RAW, CHECKPOINTS):
        file = min((whole / name).glob("*.parquet"))
        kept = file.read_bytes()
        spoil(file)
        wrong = what.format(size=len(kept), remaining=file.stat().st_size if file.exists() else 0)
        said = f"table '{whole / name}' cannot be read: its file '{file.name}' {wrong}; {RESTORE}"
        lines, error = lines_of(whole)
        if name == RAW:
            assert lines[:2] == ["charges: not audited: 1 finding", f"  unreadable: {said}"]
        else:
            assert (lines, error) == ([], said)
            with pytest.raises(TableError) as raised:
                status(tables=tables_of(whole), lookback_seconds=0)
            assert str(raised.value) == said
            report = land(whole, stripe)
            # The other files belong to the other list.
            messages = {result.message for result in report.entities} - {None}
            assert messages <= {f"charges: {said}", f"refunds: {said}"}
            assert messages
        file.write_bytes(kept)
    land(whole, stripe).raise_for_status()
    verify(tables=tables_of(whole)).raise_for_status()


def test_a_log_that_is_torn_while_a_run_writes_is_named_by_its_file(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "_WAITS", (0,))
    table = tables_of(lake).table(RAW)
    table.create(Columns(SCHEMA), {}, "")  # type: ignore[arg-type]
    committing.commit(table, HandMade(rows_of("ch_1"), 1))
    cut(commit_file(lake / RAW, 1))
    with pytest.raises(TableError) as raised:
        committing.commit(tables_of(lake).table(RAW), HandMade(rows_of("ch_2"), 2))
    file = "'_delta_log/00000000000000000001.json'"
    assert str(raised.value) == (
        f"the commit's outcome is unknown, table '{lake / RAW}': its commit file {file} is torn; {REMOVE}"
    )


def test_a_table_that_is_whole_has_no_damage(whole: Path) -> None:
    for change in (lambda _table: None, checkpointed, condense):
        for name in (RAW, CHECKPOINTS):
            change(whole / name)
            table = whole / name
            assert unreadable(table) is None
            assert missing_data(DeltaTable(table), table) is None
            assert emptied(table) is None
    assert unreadable(whole / "nothing") is None
