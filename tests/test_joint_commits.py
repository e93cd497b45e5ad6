"""With delta-rs, commits of several lists that wait for one table become one Delta commit, and stay independent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from deltalake import DeltaTable

from stripe_raw_rs.commit import commit
from stripe_raw_rs.exceptions import FencedError
from stripe_raw_rs.tables import CommitUnknownError
from stripe_raw_rs.tables.delta_rs.commit import write
from tests.conftest import HandMade, ids, rows_of
from tests.places import tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stripe_raw_rs.tables import Table

NUMBERS = range(6)
# The name under which the table calls the function that writes.
WRITE = "stripe_raw_rs.tables.delta_rs.table.write"


def item(number: int, version: int = 2) -> HandMade:
    return HandMade(rows_of(f"ch_{number}_{version}"), version, app_id=f"app/{number}")


@pytest.fixture
def together(table: Table, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Commits items so that all but the first wait for it, and so for each other; gives what each ended in."""
    sizes: list[int] = []

    def slow(delta: DeltaTable, commits: Sequence[Any]) -> None:
        sizes.append(len(commits))
        if len(sizes) == 1:
            begun.set()
            assert all_wait.wait(30)
        writer[0](delta, commits)

    writer: list[Callable[[DeltaTable, Sequence[Any]], None]] = [write]
    begun, all_wait = threading.Event(), threading.Event()

    def outcome_of(one: HandMade) -> str:
        try:
            commit(table, one)
        except FencedError:
            return "fenced"
        return "landed"

    def run(items: Sequence[HandMade], through: Callable[..., None] = write) -> list[Any]:
        writer[0] = through
        monkeypatch.setattr(WRITE, slow)
        with ThreadPoolExecutor(len(items) + 1) as threads:
            first = threads.submit(outcome_of, item(99))
            assert begun.wait(30)
            others = [threads.submit(outcome_of, one) for one in items]
            waiting = table._commits._waiting  # type: ignore[attr-defined] # noqa: SLF001 - nothing else shows who waits
            while len(waiting) < len(items):
                all_wait.wait(0.01)
            all_wait.set()
            assert first.result() == "landed"
            return [*(other.result() for other in others), sizes]

    return run


def test_all_that_wait_are_written_at_once(lake: Path, table: Table, together: Callable[..., list[Any]]) -> None:
    items = [item(number) for number in NUMBERS]
    before = DeltaTable(lake / table.name).version()
    *outcomes, sizes = together(items)
    assert outcomes == ["landed"] * len(items)
    assert sizes == [1, len(items)]
    delta = DeltaTable(lake / table.name)
    assert delta.version() == before + 2
    assert [delta.transaction_version(one.app_id) for one in items] == [2] * len(items)
    assert {table.outcome(one) for one in items} == {"landed"}
    assert table.outcome(item(0)) == "superseded", "the same version, from somebody else"
    assert set(ids(table)) == {"ch_99_2", *(f"ch_{number}_2" for number in NUMBERS)}


def test_one_that_is_superseded_does_not_keep_the_others_away(
    lake: Path, table: Table, together: Callable[..., list[Any]]
) -> None:
    commit(tables_of(lake).table(table.name), item(3, version=9))
    *outcomes, sizes = together([item(number) for number in NUMBERS])
    assert outcomes == ["fenced" if number == 3 else "landed" for number in NUMBERS]
    assert sizes == [1, len(NUMBERS) - 1]
    assert "ch_3_2" not in ids(table)


def test_a_rival_of_one_that_comes_in_between_fences_that_one_alone(
    lake: Path, table: Table, together: Callable[..., list[Any]]
) -> None:
    rivals: list[HandMade] = []

    def overtaken(delta: DeltaTable, commits: Sequence[Any]) -> None:
        if len(commits) == len(NUMBERS) and not rivals:
            rivals.append(item(3, version=9))
            other = DeltaTable(lake / table.name)
            write(other, rivals)
        write(delta, commits)

    *outcomes, sizes = together([item(number) for number in NUMBERS], overtaken)
    assert outcomes == ["fenced" if number == 3 else "landed" for number in NUMBERS]
    # The joint one was in vain; then each of the other five is written by itself.
    assert sorted(sizes) == [1] * (1 + len(NUMBERS) - 1) + [len(NUMBERS)]
    assert sorted(ids(table)) == sorted(["ch_99_2", "ch_3_9", *(f"ch_{number}_2" for number in NUMBERS if number != 3)])


def test_one_that_cannot_be_written_does_not_keep_the_others_away(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe_raw_rs.commit._WAITS", ())

    class Torn(HandMade):
        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            raise OSError("torn")

    torn = Torn(rows_of("ch_torn"), 2, app_id="app/torn")
    with pytest.raises(CommitUnknownError, match="torn"):
        table.append(torn)
    failed: list[str] = []

    def tolerant(one: HandMade) -> None:
        try:
            commit(table, one)
        except Exception as error:  # noqa: BLE001 - any error of the torn one, and none of the others
            failed.append(str(error))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tolerant, [*(item(number) for number in NUMBERS), torn]))
    assert len(failed) == 1
    assert set(ids(table)) == {f"ch_{number}_2" for number in NUMBERS}
