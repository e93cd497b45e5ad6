"""A lake that is older than its real runs: copies of its last runs, written in the shape in which upkeep leaves them.

A run costs a second or two, so nobody waits for ten thousand. The copies have their own run ids, epochs, event ids and
times; everything else is as the last run of each list wrote it, as if each of them had found nothing new. They end with
the transaction versions that real runs would have left, so that `verify` stays clean and the next run goes on.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from stripe_raw_rs.tables import SMALL_FILE
from stripe_raw_rs.tables.delta_rs.commit import WRITER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CHECKPOINTS = "stripe_ingestion_checkpoints"
# The digits of a ULID. Its first ten are a time, and the run's number stands in the other sixteen.
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# The columns in which a run is named or numbered, beside `run_id`, `epoch`, `event_id` and `event_at`: they are copied
# with the run if they mean the run itself, and stay if they mean an older one.
_NAMED, _NUMBERED = "landed_run_id", "landed_version"
_EPOCH_BITS = 32


class LastRun(NamedTuple):
    """The events of the last run of a list, which must be complete and have found nothing new."""

    entity: str
    account: str | None
    run_id: str
    epoch: int
    events: pa.Table


def write_runs(lake: Path, runs: int) -> None:
    """Write so many copies of the last run of each list, one after the other.

    If a last run has landed rows all the same, because its window begins at an object that it knew, the rows are copied
    with it. What upkeep removes only after a week is not there: commits that a checkpoint of the log took the place of,
    and files that others took the place of.
    """
    if runs <= 0:
        return
    checkpoints = DeltaTable(lake / CHECKPOINTS)
    last = _last_runs(checkpoints)
    now = time.time_ns() // 1_000
    # The copies end at this moment, since no event may be of the future.
    newest = max(pc.max(run.events["event_at"]).cast(pa.int64()).as_py() for run in last)
    step = max(1, (now - newest) // runs)
    ids = {run.run_id: _run_ids(at, len(last), runs, now) for at, run in enumerate(last)}
    events = [_copies_of_events(run, ids[run.run_id], step) for run in last]
    versions = {_suffix(checkpoints, run): run.epoch + runs for run in last}
    _append(checkpoints, _run_by_run(events, runs), _transactions(lake / CHECKPOINTS, versions, runs))
    for run in last:
        folder = lake / f"stripe_{run.entity}_raw"
        raw = DeltaTable(folder)
        transactions = _transactions(folder, {_suffix(checkpoints, run): run.epoch + runs}, runs)
        if transactions:
            mine = raw.to_pyarrow_table(filters=[("_ingest_run_id", "=", run.run_id)])
            _append(raw, _copies_of_rows(mine, ids[run.run_id], step), transactions)


def _last_runs(checkpoints: DeltaTable) -> list[LastRun]:
    events = checkpoints.to_pyarrow_table()
    lists = events.group_by(["entity", "stripe_account"]).aggregate([("epoch", "max")]).to_pylist()
    found = []
    for one in sorted(lists, key=lambda one: (one["entity"], one["stripe_account"] or "")):
        entity, account, epoch = one["entity"], one["stripe_account"], one["epoch_max"]
        of_account = pc.field("stripe_account").is_null() if account is None else pc.field("stripe_account") == account
        mine = events.filter((pc.field("entity") == entity) & of_account)
        attempt = mine.filter(pc.field("epoch") == epoch).sort_by("sequence")
        run_id = attempt["run_id"][0].as_py()
        kinds = set(attempt["event_type"].to_pylist())
        is_whole = {"RUN_STARTED", "RUN_COMPLETED"} <= kinds <= {"RUN_STARTED", "PAGE_COMMITTED", "RUN_COMPLETED"}
        if not is_whole or pc.count_distinct(mine.filter(pc.field("run_id") == run_id)["epoch"]).as_py() != 1:
            message = f"the last run of {entity} is not one attempt that is complete: {sorted(kinds)}"
            raise ValueError(message)
        if pc.count_distinct(attempt["max_created_seen"], mode="all").as_py() != 1:
            message = f"the last run of {entity} has found new objects: let one without news follow"
            raise ValueError(message)
        found.append(LastRun(entity, account, run_id, epoch, attempt))
    return found


def _run_ids(at: int, lists: int, runs: int, now: int) -> pa.Array:
    """Run ids that no other run has, in the form of ULIDs, sorted as the runs are."""
    began = _digits(now // 1_000, 10)
    return pa.array([began + _digits(number * lists + at, 16) for number in range(runs)])


def _digits(number: int, length: int) -> str:
    return "".join(_DIGITS[(number >> 5 * place) & 31] for place in reversed(range(length)))


def _copies(rows: pa.Table, runs: int) -> tuple[pa.Table, pa.Array]:
    """The rows again and again, and the number of the copy of each, from 1."""
    every = pa.array([*range(rows.num_rows)] * runs, pa.int64())
    return rows.take(every), pa.array([copy for copy in range(1, runs + 1) for _ in range(rows.num_rows)], pa.int64())


def _copies_of_events(run: LastRun, run_ids: pa.Array, step: int) -> pa.Table:
    rows, copy = _copies(run.events, len(run_ids))
    names, epoch = run_ids.take(pc.subtract(copy, 1)), pc.add(rows["epoch"], copy)
    # run_id/epoch/sequence/ordinal
    end = pc.replace_substring_regex(rows["event_id"], "^[^/]*/[^/]*", "")
    event_id = pc.binary_join_element_wise(names, "/", epoch.cast(pa.string()), end, "")
    changed = {"run_id": names, "epoch": epoch, "event_id": event_id, "event_at": _later(rows["event_at"], copy, step)}
    if _NAMED in rows.schema.names:
        own = pc.fill_null(pc.equal(rows[_NAMED], run.run_id), fill_value=False)
        changed[_NAMED] = pc.if_else(own, names, rows[_NAMED])
        changed[_NUMBERED] = pc.if_else(own, pc.add(rows[_NUMBERED], _epochs(copy)), rows[_NUMBERED])
    return _with(rows, changed)


def _copies_of_rows(rows: pa.Table, run_ids: pa.Array, step: int) -> pa.Table:
    rows, copy = _copies(rows, len(run_ids))
    return _with(
        rows,
        {
            "_ingest_run_id": run_ids.take(pc.subtract(copy, 1)),
            "_ingested_at": _later(rows["_ingested_at"], copy, step),
            "_commit_version": pc.add(rows["_commit_version"], _epochs(copy)),
        },
    )


def _epochs(copy: pa.Array) -> pa.Array:
    """So many epochs, as a difference of commit versions."""
    return pc.shift_left(copy, _EPOCH_BITS)


def _later(moments: pa.ChunkedArray, copy: pa.Array, step: int) -> pa.ChunkedArray:
    return pc.add(moments.cast(pa.int64()), pc.multiply(copy, step)).cast(moments.type)


def _with(rows: pa.Table, changed: dict[str, pa.Array]) -> pa.Table:
    columns = [changed.get(name, rows[name]) for name in rows.schema.names]
    return pa.table(columns, schema=rows.schema)


def _run_by_run(lists: Sequence[pa.Table], runs: int) -> pa.Table:
    """The copies of all lists, as they would have been written: all lists of the first copy, then of the second."""
    copy = [at // (rows.num_rows // runs) for rows in lists for at in range(rows.num_rows)]
    # It is a stable sort.
    return pa.concat_tables(lists).take(pc.sort_indices(pa.array(copy)))


def _suffix(checkpoints: DeltaTable, run: LastRun) -> str:
    """The end of the application id of a list's transactions."""
    store = checkpoints.metadata().configuration["stripe_raw.store_id"]
    return "/".join(filter(None, [store, run.entity, run.account]))


def _transactions(folder: Path, epochs: dict[str, int], runs: int) -> list[Transaction]:
    """The transaction versions at the end of the copies; none for a list whose last run made no commit here."""
    table = DeltaTable(folder)
    log = (json.loads(line) for file in folder.glob("_delta_log/*.json") for line in file.read_text().splitlines())
    ids = {action["txn"]["appId"] for action in log if "txn" in action}
    found = []
    for suffix, epoch in epochs.items():
        for app_id in (name for name in ids if name.endswith(f"/{suffix}")):
            stored = table.transaction_version(app_id)
            assert stored is not None
            if stored >> _EPOCH_BITS == epoch - runs:
                found.append(Transaction(app_id, stored + (runs << _EPOCH_BITS)))
    return found


def _append(table: DeltaTable, rows: pa.Table, transactions: list[Transaction]) -> None:
    write_deltalake(
        table,
        rows,
        mode="append",
        target_file_size=SMALL_FILE,
        writer_properties=WRITER,
        commit_properties=CommitProperties(app_transactions=transactions),
    )
    table.update_incremental()
    table.create_checkpoint()
