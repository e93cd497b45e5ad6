"""The compiled half: Stripe paging, retries, hashing, checkpoints and Arrow batches.

Values go in, values come out; nothing here ever calls back into Python or touches a table. Errors are the classes of
`stripe_raw_rs.exceptions`. All times are UTC; `created` values are whole seconds since 1970, `_micros` microseconds.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Literal, Protocol, Self, TypeAlias, TypedDict, Unpack, final

__version__: str

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class _ArrowSchema(Protocol):
    def __arrow_c_schema__(self) -> object: ...

class _Options(TypedDict, total=False):
    page_size: int
    lookback_seconds: int
    max_retries: int
    request_timeout_seconds: float
    backoff_base_seconds: float
    backoff_max_seconds: float
    backoff_jitter: float
    commit_interval_seconds: float
    api_base_url: str
    stripe_version: str

# (column, operator, value, type): one condition of a read; conditions are joined by AND. A value of None with "=" means
# IS NULL. Values of type "timestamp" are microseconds since 1970.
_Condition: TypeAlias = tuple[
    str, Literal["=", "<>", ">", ">="], str | int | None, Literal["string", "long", "timestamp"]
]

@final
class Entity:
    """One Stripe list of the registry."""

    name: str
    path: str
    object: str
    table: str
    time_field: str
    has_window: bool
    fixed_query: dict[str, str]
    can_vanish: bool
    default: bool
    note: str

@final
class Option:
    """One option of a run, as the command line, the environment and the README show it."""

    name: str
    kind: Literal["integer", "decimal", "text"]
    default: str
    unit: str
    help: str

@final
class Schema:
    """The columns of a table: `__arrow_c_schema__` with each column's comment as field metadata `comment`."""

    def __arrow_c_schema__(self) -> object: ...
    names: list[str]
    def difference(self, actual: _ArrowSchema) -> str | None:
        """One line on the first column where `actual` differs in name, type or order; None where it fits."""

def entities(selection: str = "all") -> list[Entity]:
    """The entities that a selection names: `all`, a comma list, or "" for the default five. Raises UsageError."""

def options() -> list[Option]: ...
def raw_schema() -> Schema: ...
def checkpoint_schema() -> Schema: ...
def log_records() -> list[tuple[int, str]]:
    """What the compiled half logged since the last call: (level as in `logging`, line). Bounded; oldest are dropped."""

CHECKPOINT_TABLE: str
LAYOUT_VERSION: str

@final
class History:
    """What the checkpoint table says of one entity: folded from its events, in any order."""

    def __new__(cls, entity: str, account: str | None, lifecycle: _ArrowStream) -> Self:
        """`lifecycle`: all events of the entity and account but PAGE_COMMITTED."""

    def add_pages(self, pages: _ArrowStream) -> None:
        """The PAGE_COMMITTED events of the run `run_id`."""

    run_id: str | None
    state: Literal["never ran", "unfinished", "failed", "complete"]
    epoch: int
    owner: str | None
    pages: int
    rows: int
    watermark: int | None
    has_rows: bool
    """Whether events since the last reset say that the raw table holds rows."""
    started_at_micros: int | None
    newest_event_at_micros: int | None
    error_class: str | None
    error_message: str | None
    def next_run(self, lookback_seconds: int) -> str:
        """What the next run will do, in one line."""

@final
class Rows:
    """Rows for one commit of a raw table. An Arrow stream: pyarrow, polars, duckdb, deltalake and Spark take it."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def __len__(self) -> int: ...
    app_id: str
    commit_version: int
    nonce: str
    metadata: str
    nbytes: int

@final
class Checkpoint:
    """Events for one commit of the checkpoint table; the same surface as `Rows`."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def __len__(self) -> int: ...
    app_id: str
    commit_version: int
    nonce: str
    metadata: str
    nbytes: int
    pages: int
    """PAGE_COMMITTED events in it."""
    rows: int
    """Rows that those pages hold."""
    reached: int | None
    """`created` of the oldest object in them."""

@final
class Progress:
    """Counters of one attempt so far."""

    pages: int
    rows: int
    requests: int
    retries: int
    bytes: int
    """Bytes of the bodies received, after decompression."""
    reached: int | None
    newest: int | None
    """The largest `created` seen in the whole run: what the next run begins from."""

@final
class Run:
    """One attempt at one run of one entity: the machine that knows what to ask and what to commit, in which order.

    The order is the write protocol's: `started`, then `fence`, then `recover_events` and `recover_rows`, then the pairs,
    then `ended`.
    """

    entity: str
    run_id: str
    epoch: int
    resumed: bool
    """Whether this attempt goes on with an earlier one's run: a fresh window follows when it is done."""
    gives_up: bool
    """Whether this attempt only ends an earlier run (`--restart-run`, `--from-scratch`)."""
    notices: list[str]
    """Lines for the user: an ignored `--start`, a small lookback, what is resumed."""
    def started(self) -> Checkpoint: ...
    def fence(self) -> Rows: ...
    def recover_events(self, events: _ArrowStream) -> list[list[_Condition]]:
        """All events of `run_id`, read after both fences. Answers which rows of the raw table are wanted: a list of
        reads, each a list of conditions."""

    def recover_rows(self, rows: _ArrowStream) -> None:
        """The rows of one such read: the columns `RECOVERY_COLUMNS`."""

    def __iter__(self) -> Iterator[tuple[Rows, Checkpoint]]: ...
    def __next__(self) -> tuple[Rows, Checkpoint]: ...
    def __aiter__(self) -> AsyncIterator[tuple[Rows, Checkpoint]]: ...
    async def __anext__(self) -> tuple[Rows, Checkpoint]: ...
    def ended(self) -> Checkpoint:
        """The closing event: RUN_COMPLETED, or RUN_FAILED (Abandoned, Reset) where the attempt gives a run up."""

    def failed(self, error_class: str, message: str) -> Checkpoint:
        """A RUN_FAILED event; the message is masked and cut to one line."""

    def progress(self) -> Progress: ...

RECOVERY_COLUMNS: list[str]

@final
class Client:
    """A Stripe key, an API address and the options of a run; one HTTP client shared by all entities.

    Raises UsageError for a key that is no `sk_`/`rk_` secret, an option out of bounds, or an address the key may not
    be sent to. The key is kept in memory that is wiped, and shown nowhere.
    """

    def __new__(cls, api_key: str, **options: Unpack[_Options]) -> Self: ...
    mode: Literal["test", "live"]
    origin: str
    lookback_seconds: int
    def account_id(self) -> str | None:
        """The account behind the key, asked once; None where the key may not read it. One request."""

    def store_properties(self, store_id: str) -> dict[str, str]:
        """Properties of a new checkpoint table: which account, mode and server the lake belongs to."""

    def check_store(self, properties: Mapping[str, str], where: str) -> None:
        """UsageError where the lake at `where` belongs to another account, mode, server or layout."""

    def run(
        self,
        entity: str,
        history: History,
        *,
        store_id: str,
        owner: str,
        account: str | None = None,
        holder_is_dead: bool = False,
        take_over: bool = False,
        give_up: Literal["restart", "scratch"] | None = None,
        start: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Run:
        """The next attempt for `entity`: a new window, or the unfinished run. Sends nothing yet.

        `store_id` is the lake's (`stripe_raw.store_id`), `owner` names this process. Raises HeldError where another
        process holds the run and is presumed alive."""

    def interrupt(self) -> None:
        """Ask all runs of this client to stop: each hands over what it has fetched, then raises InterruptedRunError."""

@final
class Finding:
    """One thing an audit found wrong."""

    kind: str
    run_id: str | None
    page_number: int | None
    request_id: str | None
    message: str

@final
class Audit:
    """An audit of one entity, from its events and rows alone, in any order and in bounded pieces."""

    def __new__(cls, entity: str) -> Self: ...
    def add_events(self, events: _ArrowStream) -> None: ...
    def add_rows(self, rows: _ArrowStream) -> None:
        """Rows with all columns; every payload is hashed again."""

    def finish(self) -> list[Finding]: ...
    runs: int
    pages: int
    rows: int
    notes: list[str]
    """What is no fault but worth knowing: unfinished runs, runs from before a reset."""
