"""Changes by other hands to the tables' columns, or to a whole table, are noticed before anything is written."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.conftest import EACH_PAGE, assert_whole, land
from tests.test_effects import CHECKPOINTS, RAW, call, go_on, refusal
from tests.truth import assert_true

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator


def versions(lake: Path) -> dict[str, int]:
    return {name: DeltaTable(lake / name).version() for name in (RAW, CHECKPOINTS)}


def drop_column(table: Path) -> None:
    rewrite(table, lambda rows: rows.drop_columns([rows.column_names[3]]))


def retype_column(table: Path) -> None:
    rewrite(table, lambda rows: rows.set_column(3, rows.column_names[3], pa.array([7] * rows.num_rows)))


def require_column(table: Path) -> None:
    column = pa.field("mine", pa.int64(), nullable=False)
    rewrite(table, lambda rows: rows.append_column(column, pa.array([7] * rows.num_rows)))


def rewrite(table: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Put another table in the place of this one, with its properties."""
    old = DeltaTable(table)
    rows, configuration = change(old.to_pyarrow_table()), old.metadata().configuration
    shutil.rmtree(table)
    DeltaTable.create(table, rows.schema, configuration=configuration, raise_if_key_not_exists=False)
    write_deltalake(table, rows, mode="append")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop_column, " is missing"),
        (retype_column, " is Int64 and should be Utf8"),
        (require_column, "column 'mine' is not ours and must allow null"),
    ],
)
@pytest.mark.parametrize(
    "expected",
    [
        (RAW, 1, "mend the column, or move the table away and land everything again with --from-scratch"),
        (CHECKPOINTS, 2, "mend the column or choose another location"),
    ],
)
def test_a_table_whose_columns_were_changed_is_left_alone(
    landed_lake: Path, few_charges: StripeSimulator, change: Any, said: str, expected: tuple[str, int, str]
) -> None:
    name, code, remedy = expected
    shutil.copytree(landed_lake, landed_lake.with_name("kept"))
    change(landed_lake / name)
    before = versions(landed_lake)
    line = refusal(call(landed_lake, few_charges), landed_lake / name, (code,))
    assert said in line
    assert line.endswith(remedy)
    assert versions(landed_lake) == before, "nothing is written"
    shutil.rmtree(landed_lake)
    landed_lake.with_name("kept").rename(landed_lake)
    go_on(landed_lake, few_charges, EACH_PAGE)


def test_a_raw_table_that_was_dropped_is_not_made_again_unasked(
    landed_lake: Path, few_charges: StripeSimulator
) -> None:
    shutil.rmtree(landed_lake / RAW)
    for _again in range(2):
        line = refusal(call(landed_lake, few_charges), landed_lake / RAW)
        assert "are gone" in line
        assert "restore it, or land everything again into a new one with --from-scratch" in line
        assert not (landed_lake / RAW).exists()
    assert call(landed_lake, few_charges, "--from-scratch").returncode == 0
    assert_whole(landed_lake, few_charges, "charges")


def test_rows_whose_checkpoint_table_was_dropped_are_not_continued(
    landed_lake: Path, few_charges: StripeSimulator
) -> None:
    shutil.rmtree(landed_lake / CHECKPOINTS)
    rows = DeltaTable(landed_lake / RAW).version()
    for _again in range(2):
        line = refusal(call(landed_lake, few_charges), landed_lake / RAW)
        assert "one of them was replaced" in line
        assert "move the raw table away and use --from-scratch" in line
        assert DeltaTable(landed_lake / RAW).version() == rows
    (landed_lake / RAW).rename(landed_lake.with_name("away"))
    assert call(landed_lake, few_charges, "--from-scratch").returncode == 0
    assert_true(landed_lake, few_charges, "charges")


def test_removed_events_are_reported_as_removed_and_not_as_another_process(
    landed_lake: Path, few_charges: StripeSimulator
) -> None:
    events = DeltaTable(landed_lake / CHECKPOINTS)
    events.alter.set_table_properties({"delta.appendOnly": "false"})
    events.delete()
    events.alter.set_table_properties({"delta.appendOnly": "true"})
    for more in ((), ("--take-over",), ("--from-scratch",)):
        line = refusal(call(landed_lake, few_charges, *more), landed_lake / CHECKPOINTS)
        assert line.endswith("restore it from a backup, or land everything again into another lake")
    go_on(landed_lake.with_name("another"), few_charges, EACH_PAGE)


def test_a_raw_table_of_another_lake_is_left_alone(landed_lake: Path, few_charges: StripeSimulator) -> None:
    other = landed_lake.with_name("other")
    land(other, few_charges, EACH_PAGE)
    kept = landed_lake.with_name("kept")
    (landed_lake / RAW).rename(kept)
    shutil.copytree(other / RAW, landed_lake / RAW)
    line = refusal(call(landed_lake, few_charges), landed_lake / RAW)
    assert "belongs to store" in line
    assert DeltaTable(landed_lake / RAW).version() == DeltaTable(other / RAW).version()
    shutil.rmtree(landed_lake / RAW)
    kept.rename(landed_lake / RAW)
    go_on(landed_lake, few_charges, EACH_PAGE)
