"""The compiled half: Stripe paging, retries, hashing, checkpoints and Arrow batches.

Values go in, values come out; nothing here touches a table. Errors are the classes of `stripe_raw_rs.exceptions`.
All times are UTC; `created` values are whole seconds since 1970, `_micros` microseconds.

Each constant that ends in `_COLUMNS` names the columns of a read: the method that takes its rows says which one.
`CHECKPOINT_TABLE` is the usual name of the checkpoint table, `KEY_VARIABLE` the environment variable of the key,
`LAYOUT_VERSION` the version of the tables' columns. `MOST_SURVEY_REQUESTS` is the most requests of one survey, and
`SMALLEST_ALLOCATION` the number of reads that Stripe allots to the smallest platform in 30 days.
"""

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Literal, Protocol, TypeAlias, TypedDict, final

from typing_extensions import Self, Unpack, disjoint_base

__all__ = [
    "AUDITED_EVENT_COLUMNS",
    "AUDITED_PARENT_COLUMNS",
    "CHECKPOINT_TABLE",
    "DUE_COLUMNS",
    "EVENT_COLUMNS",
    "FRESH_COLUMNS",
    "KEY_VARIABLE",
    "LAYOUT_VERSION",
    "MOST_SURVEY_REQUESTS",
    "OVERLAP_COLUMNS",
    "PARENT_COLUMNS",
    "RECOVERY_COLUMNS",
    "SHOWN_COLUMNS",
    "SMALLEST_ALLOCATION",
    "ApiKey",
    "Attempt",
    "Audit",
    "AuditedEvents",
    "Checkpoint",
    "Client",
    "Commit",
    "Ending",
    "Entity",
    "EventIndex",
    "Finding",
    "Histories",
    "History",
    "NextRun",
    "Option",
    "Outlook",
    "ParentRows",
    "Probe",
    "Progress",
    "Promise",
    "Reading",
    "RecordBatch",
    "Rows",
    "Schema",
    "Stream",
    "StripeSimulator",
    "Survey",
    "Wave",
    "__version__",
    "all_entities",
    "check_account",
    "check_raw_table",
    "checkpoint_schema",
    "enter_delta_rs",
    "entities",
    "entities_to_land",
    "expose",
    "histories",
    "history_reads",
    "log_records",
    "one_line",
    "options",
    "plain",
    "raw_schema",
    "stray_secret",
    "without_secrets",
]

__version__: str

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

class _ArrowSchema(Protocol):
    def __arrow_c_schema__(self) -> object: ...

class _Options(TypedDict, total=False):
    page_size: int
    lookback_seconds: int
    relist_days: int
    whole_every_days: int
    repeats: Literal["skip", "land"]
    changes: Literal["read", "events", "no"]
    expand: str
    max_requests_per_second: float | Literal["auto"]
    max_requests_per_second_per_endpoint: float | Literal["auto"]
    max_concurrent_requests: int
    max_requests: int
    max_retries: int
    request_timeout_seconds: float
    backoff_base_seconds: float
    backoff_max_seconds: float
    backoff_jitter: float
    commit_interval_seconds: float
    api_base_url: str
    ca_file: str
    stripe_version: str

# (column, operator, value, type): one condition of a read; conditions are joined by AND. A value of None with "=" means
# IS NULL, and "in" has a list. Values of type "timestamp" are microseconds since 1970.
_Condition: TypeAlias = tuple[
    str,
    Literal["=", "<>", "<", ">", ">=", "in", "contains"],
    str | int | list[str] | None,
    Literal["string", "long", "timestamp"],
]

@final
class Entity:
    """One Stripe list of the registry, with the facts that Stripe's documents and answers give about it."""

    @property
    def name(self) -> str:
        """Name in options, tables and events, e.g. `charges`."""

    @property
    def path(self) -> str:
        """Path of the list, e.g. `/v1/charges`; `{id}` stands where the id of an object that has the list belongs."""

    @property
    def object(self) -> str:
        """Value of `object` in each element, e.g. `charge`; several values have a bar between them."""

    @property
    def table(self) -> str:
        """Name of the raw table, e.g. `stripe_charges_raw`."""

    @property
    def time_field(self) -> str:
        """Name of the field that dates an object, in whole seconds since 1970; "" if its objects have no time."""

    @property
    def window(self) -> Literal["server", "client", "whole"]:
        """How a time window limits a run: "server", "client" or "whole".

        Stripe filters by time, or the reading ends below the window, or each run reads the whole list.
        """

    @property
    def has_pages(self) -> bool:
        """Whether Stripe answers in pages; if not, no request may ask for a number of objects."""

    @property
    def group(self) -> str:
        """The name by which a selection can take it with the lists of the same section of Stripe's reference."""

    @property
    def product(self) -> str:
        """What an account must have switched on to have the list; "" if each account has it."""

    @property
    def fixed_query(self) -> dict[str, str]:
        """Query parameters that each request carries, so that Stripe leaves no object out; empty for most lists."""

    @property
    def can_vanish(self) -> bool:
        """Whether objects can leave the list: they are deleted, or age out."""

    @property
    def is_witness(self) -> bool:
        """Whether its objects can show whose a lake is: the list has a window and never loses objects."""

    @property
    def default(self) -> bool:
        """Whether a run lands it if no entities are named."""

    @property
    def event_coverage(self) -> Literal["full", "partial", "none"]:
        """How much of the later changes of its objects Stripe's events report: "full", "partial" or "none"."""

    @property
    def event_types(self) -> list[str]:
        """The types of events whose `data.object` is one of its objects, sorted."""

    @property
    def deleted_event_type(self) -> str | None:
        """The type of event that reports that an object has left the list; None if no type does."""

    @property
    def is_named(self) -> bool:
        """Whether the selection has its own name, or it is one of the default ones: then the account must have it."""

    @property
    def permission(self) -> str:
        """Permission that lets a restricted key read the list; "" if only Stripe's refusal names it."""

    @property
    def note(self) -> str:
        """A remark about the list for its users; "" if nothing is special."""

    @property
    def parent(self) -> str | None:
        """Name of the list whose objects have the list; None if the account has it."""

    @property
    def parameter(self) -> str:
        """The query parameter that names an object of `parent`; "" if the path has its id."""

    @property
    def member(self) -> str:
        """Where an object of `parent` shows the first items, with slashes between the names; "" if it shows none."""

    @property
    def is_shown(self) -> bool:
        """Whether each object of `parent` shows the first items unasked.

        If so, an object is asked for its list only if it shows less than all.
        """

    @property
    def is_reported(self) -> bool:
        """Whether rows of `parent` show when the list has changed; if not, all its objects are asked again at times."""

@final
class Option:
    """One option of a run, as the command line, the environment and the documents show it."""

    @property
    def name(self) -> str:
        """Name in snake case: the keyword in Python. The command line writes it with hyphens."""

    @property
    def kind(self) -> Literal["integer", "decimal", "auto or decimal", "text"]:
        """How its value is written: "integer", "decimal", "auto or decimal" or "text"."""

    @property
    def default(self) -> str:
        """The default, as a user would write it; "" for none."""

    @property
    def unit(self) -> str:
        """Unit of a number, e.g. `seconds`; "" for a text."""

    @property
    def choices(self) -> list[str]:
        """The words that it can be; empty if any text is possible."""

    @property
    def help(self) -> str:
        """Its effect, in one line."""

@final
class Schema:
    """The columns of a table: `__arrow_c_schema__` with each column's comment as field metadata `comment`."""

    def __arrow_c_schema__(self) -> object:
        """The columns, in the form in which Arrow libraries take them."""

    @property
    def names(self) -> list[str]:
        """Names of the columns, in their order."""

    def difference(self, actual: _ArrowSchema) -> str | None:
        """One line about the first column that keeps rows of these columns out of `actual`; None if they fit.

        Columns are appended by name: their order does not matter, and other columns may be there if they allow null.
        Columns that a later layout added may be missing: `additions` names them.
        """

    def additions(self, actual: _ArrowSchema) -> Schema:
        """The columns that a later layout added and that are missing in `actual`; all allow null."""

def entities(selection: str = "all") -> list[Entity]:
    """The entities that a selection names: `all`, a comma list of entities and groups, or "" for the default five.

    Raises UsageError for a name that is neither an entity's nor a group's, and says the nearest one.
    """

def entities_to_land(selection: str) -> list[Entity]:
    """The entities that a selection lands: those that it names, and the lists that their objects show.

    The selection is that of `entities`, and so are the errors.
    """

def all_entities() -> list[Entity]:
    """All entities that can be landed: the lists of the account, then those of single objects."""

def options() -> list[Option]:
    """All options that the compiled half reads: those that `Client` takes."""

def one_line(text: object) -> str:
    """A message of ours on one plain line: control characters escaped, keys masked, nothing cut."""

def plain(text: object) -> str:
    """Text from outside on one plain line: control characters escaped, keys masked, cut after 500 characters."""

def without_secrets(text: str) -> str:
    """The text with everything masked that looks like a secret of Stripe's, if it holds one; else the text itself.

    A name may begin like an old key, and a path may be in another encoding than Unicode: such a text stays as it is.
    """

def stray_secret(values: Mapping[str, object]) -> Exception | None:
    """The error to raise if the value of an option holds a secret of Stripe's; None if no value does.

    `values` are by the names of the options; a value of None was not given.
    """

def raw_schema() -> Schema:
    """The columns of a raw table."""

def checkpoint_schema() -> Schema:
    """The columns of the checkpoint table."""

def check_account(account: str) -> None:
    """Raise UsageError if it is not the id of a connected account, or the path to one: `acct_1`, or `org_1/acct_1`."""

def check_raw_table(properties: Mapping[str, str], store_id: str, place: str) -> None:
    """Raise TableError if the raw table at `place`, which has these properties, is not of the lake `store_id`."""

def log_records() -> list[tuple[int, str]]:
    """The log of the compiled half since the last call: pairs of the level, as in `logging`, and the line.

    The newest 10,000 lines are kept.
    """

def enter_delta_rs() -> None:
    """Say that this process uses delta-rs; to be called before each use.

    Raises UsageError in a process that was forked from one that has called it: delta-rs' threads are not copied.
    """

CHECKPOINT_TABLE: str
KEY_VARIABLE: str
LAYOUT_VERSION: str

@final
class History:
    """The state of one entity of one account in the checkpoint table: folded from its events, in any order.

    A run is planned by all events of the entity and account, or by those from the newest RUN_COMPLETED on that has a
    `landed_version`: it carries the facts about older runs. The latest run is the one with the newest attempt.

    account: the connected account; None for the key's own.
    lifecycle: events of the entity and account; None if it never ran. Other events are left out.

    Raises UsageError for an unknown entity, and TableError for events that cannot be read.
    """

    def __new__(cls, entity: str, account: str | None = None, lifecycle: _ArrowStream | None = None) -> Self: ...
    def add_pages(self, pages: _ArrowStream) -> None:
        """Add more events, such as the PAGE_COMMITTED events of the run `run_id`."""

    @property
    def run_id(self) -> str | None:
        """Id of the latest run; None if it never ran."""

    @property
    def state(self) -> Literal["never ran", "unfinished", "failed", "complete", "given up"]:
        """The state of the latest run: "never ran", "unfinished", "failed", "complete" or "given up".

        "unfinished" says that no event has ended the newest attempt: a process works on it, or was killed.
        """

    @property
    def epoch(self) -> int:
        """Number of the newest attempt, over all runs; 0 if there was none."""

    @property
    def attempts(self) -> int:
        """Number of attempts at the latest run; 0 if it never ran."""

    @property
    def owner(self) -> str | None:
        """Name of the process that wrote the newest event; None if it never ran."""

    def holder(self) -> tuple[str, int] | None:
        """The process presumed to work on the latest run, and its last sign of life (microseconds since 1970).

        None if the newest attempt has ended, or if its newest event is older than ten minutes.
        """

    @property
    def pages(self) -> int:
        """Number of pages of the latest run that have landed, as far as their events were given."""

    @property
    def rows(self) -> int:
        """Number of rows in the pages of the latest run that have landed, as far as their events were given."""

    @property
    def has_completed(self) -> bool:
        """Whether a run is complete, since the last reset."""

    @property
    def followed_to(self) -> int | None:
        """The time up to which complete runs have followed changes, in seconds since 1970.

        Of `events` it is the time up to which all have landed. None if the newest complete run follows no changes.
        """

    @property
    def watermark(self) -> int | None:
        """The largest `created` that complete runs have seen, in seconds since 1970; None if they saw none."""

    @property
    def newest_rows(self) -> list[_Condition] | None:
        """Conditions for the rows of the raw table in the newest second that has landed; None if nothing has."""

    @property
    def newest_event_at_micros(self) -> int | None:
        """The time of the newest event, in microseconds since 1970; None if it never ran."""

    @property
    def error_class(self) -> str | None:
        """Class of the error that ended the newest attempt, as its RUN_FAILED has it; None if no error did."""

    @property
    def error_message(self) -> str | None:
        """Message of the error that ended the newest attempt, in one line; None if no error did."""

    @property
    def refused(self) -> list[str]:
        """One line for each object that cannot be a row, since the last reset, in no order."""

    def promise(
        self, store_id: str, what: Literal["everything", "rows", "earlier rows"] = "everything"
    ) -> Promise | None:
        """The rows that the raw table holds according to the events; None if they report no row.

        "rows" leaves fences out, and "earlier rows" the latest run, too: both for a history with the pages of all runs.
        """

    def next_run(self, lookback_seconds: int | str) -> str:
        """One line that says what the next run will do with that lookback. Raises UsageError if it is out of bounds."""

@final
class Histories:
    """The histories of one list, of all accounts that its events name."""

    @property
    def entity(self) -> str:
        """Name of the list."""

    @property
    def epoch(self) -> int:
        """Number of the newest attempt at the list, over all accounts; 0 if there was none."""

    def were_before(self, epoch: int) -> None:
        """Take in that the attempts up to that number were made before this call."""

    @property
    def owners(self) -> set[str]:
        """Names of the processes that the newest attempts at the list belong to."""

    def any_completed(self, accounts: list[str | None]) -> bool:
        """Whether a run of one of these accounts is complete, since its last reset."""

    @property
    def is_fresh(self) -> bool:
        """Whether nothing of any account has landed."""

    @property
    def newest(self) -> History:
        """The history of the account with the newest attempt."""

    def promises(self, store_id: str, accounts: Sequence[str | None]) -> list[Promise]:
        """The rows of the newest commit of all accounts, and those of the one of these that is furthest behind.

        A table that was set back lacks the newest commits, and one that was made again the oldest ones.
        """

    @property
    def parent_rows(self) -> ParentRows:
        """What complete runs have landed, for the runs of the objects' own lists."""

    def of(self, account: str | None = None) -> History:
        """The history of one account; None for the key's own."""

def histories(entities: list[str], newest: Mapping[str, int], events: _ArrowStream) -> dict[str, Histories]:
    """The histories of some lists by name, from one read of their events.

    `newest` are the numbers of their newest attempts that are known of: a new attempt gets a larger one.
    """

def history_reads(
    entities: list[str],
    accounts: list[str | None],
    completed: Mapping[tuple[str, str | None], int],
    started: Mapping[tuple[str, str | None], int],
) -> list[list[_Condition]]:
    """The reads of the checkpoint table for `histories`, each a list of conditions.

    `completed` and `started` are the numbers of the newest attempts, by list and account, that have a RUN_COMPLETED
    with a `landed_version`, and of those that were begun.
    """

@final
class ParentRows:
    """What the complete runs of a list have landed, for the runs of its objects' own lists, by account.

    Its length is the number of accounts.
    """

    def and_newer(self, newer: ParentRows) -> ParentRows:
        """These with those of `newer`, which take the place of those of the same accounts."""

    def __len__(self) -> int: ...

@final
class EventIndex:
    """Events of some accounts, by the objects that they are about: those that runs follow, and the ones around them.

    The order is `add_fresh`, then `add`, each with the rows of the reads beside it. `lists` are the lists whose events
    it keeps. Raises UsageError if no run of the attempt follows events.
    """

    def __new__(cls, attempt: Attempt, lists: list[str]) -> Self: ...
    def covers(self, attempt: Attempt) -> bool:
        """Whether the runs of another attempt can follow these events, too."""

    @property
    def fresh(self) -> list[list[_Condition]]:
        """The rows of `events` that landed since the position from which the runs follow, as alternatives.

        Their times say how far back to read.
        """

    def add_fresh(self, rows: _ArrowStream) -> None:
        """Take in the rows of `fresh`, with the columns `FRESH_COLUMNS`."""

    @property
    def rows(self) -> list[list[_Condition]]:
        """The rows of `events` that are needed, as alternatives; empty if `fresh` has none."""

    def add(self, rows: _ArrowStream) -> None:
        """Take in the rows of `rows`, with the columns `EVENT_COLUMNS`."""

@final
class Promise:
    """The rows that a raw table holds according to the events, as questions to it."""

    @property
    def app_ids(self) -> list[str]:
        """Application ids that the raw table's transaction may have: the list's, and that of version 0.1."""

    @property
    def version(self) -> int:
        """The least version that the transaction can stand at."""

    @property
    def needs_rows(self) -> bool:
        """Whether `version` is no proof unless the account has a row: other accounts have made later commits."""

    @property
    def newest_rows(self) -> list[_Condition]:
        """The rows that must be there: those of the newest commit, if it is known, else any of the account."""

    @property
    def any_rows(self) -> list[_Condition]:
        """The rows of the account."""

    def is_of_table(self, created_at_micros: int | None) -> bool:
        """Whether a table that was created then had the rows: then their owner has erased them.

        The time is in microseconds since 1970; None says that the table does not give it, and the answer is False.
        """

    def may_be_among(self, commits: list[str], from_creation: bool) -> bool:
        """Whether the newest commit can have landed although none of its rows remains.

        `commits`: the user metadata of the table's commits; `from_creation`: whether its creation is among them.
        """

@disjoint_base
class Commit:
    """One Delta commit: the rows to append, and the transaction identifier that fences it.

    An Arrow stream that can be read more than once: pyarrow, polars, duckdb, deltalake and Spark take it. Its length is
    the number of rows.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows, as the stream that Arrow libraries take; with other types of columns if they ask for them."""

    def __arrow_c_schema__(self) -> object:
        """The columns of the rows, in the form in which Arrow libraries take them."""

    def __len__(self) -> int: ...
    @property
    def app_id(self) -> str:
        """Application id of the transaction identifier: one for each entity of a lake."""

    @property
    def commit_version(self) -> int:
        """Version of the transaction identifier: `epoch << 32 | sequence`."""

    @property
    def nonce(self) -> str:
        """Distinguishes this attempt's commits from those of any other."""

    @property
    def metadata(self) -> str:
        """User metadata of the commit, as JSON."""

    @property
    def must_be_seen(self) -> bool:
        """Whether it must be seen in the table before anything else is committed.

        An engine that drops a repeated transaction silently (Spark) has to be asked; one that refuses it (delta-rs
        under a compare-and-swap) has answered already.
        """

@final
class Rows(Commit):
    """Rows for one commit of a raw table; without rows it is a fence."""

@final
class Checkpoint(Commit):
    """Events for one commit of the checkpoint table."""

    @property
    def pages(self) -> int:
        """Number of PAGE_COMMITTED events in it."""

    @property
    def rows(self) -> int:
        """Number of rows that its pages have in the raw table."""

    @property
    def reached(self) -> int | None:
        """`created` of the oldest object in its pages, in seconds since 1970; None if none has a time."""

@final
class RecordBatch:
    """Rows of one answer, newest first, as an Arrow record batch: pyarrow, polars, duckdb and others take it.

    Its length is the number of rows.
    """

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """The rows, as the array that Arrow libraries take; with other types of columns if they ask for them."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows, as a stream of one batch that Arrow libraries take."""

    def __arrow_c_schema__(self) -> object:
        """The columns of the rows, in the form in which Arrow libraries take them."""

    def __len__(self) -> int: ...

@final
class Stream:
    """One list of an account as a stream of rows, newest first.

    It can be read more than once. Each loop and each library that takes it asks Stripe again; nothing is asked before.
    Parts of the list are read in parallel, and about 64 MiB of pages wait at most. An error comes after the rows before
    it: a loop raises it as a class of `stripe_raw_rs.exceptions`, and a library that takes Arrow streams raises an
    error of its own with the same line. An object that cannot be a row is left out, with a warning in the log.
    """

    @property
    def entity(self) -> str:
        """Name of the list."""

    @property
    def account(self) -> str | None:
        """Id of the connected account; None for the key's own."""

    @property
    def schema(self) -> Schema:
        """The columns of the rows."""

    @property
    def refused(self) -> int:
        """Number of objects that cannot be rows, in the newest reading, so far."""

    @property
    def error(self) -> Exception | None:
        """The error that has ended the newest reading; None if none has."""

    def __iter__(self) -> Reading: ...
    def __aiter__(self) -> AsyncIterator[RecordBatch]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A new reading, as the stream that Arrow libraries take.

        It has other types of columns if the library asks for them. Stripe is asked while the library reads it.
        """

    def __arrow_c_schema__(self) -> object:
        """The columns of the rows, in the form in which Arrow libraries take them. Nothing is asked."""

@final
class Reading:
    """One reading of a stream, as an iterator of record batches. Dropping it ends its requests."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> RecordBatch: ...
    def ready(self) -> Awaitable[None]:
        """Come back when `poll` may have something new to say; to be awaited in a running loop."""

    def poll(self) -> RecordBatch | None:
        """The next rows if they are there; None if not.

        Raises StopAsyncIteration at the end, or the error that has ended the reading.
        """

    def close(self) -> None:
        """End the requests, and drop the rows that wait."""

@final
class Progress:
    """Counters of one attempt so far, over all its runs."""

    @property
    def pages(self) -> int:
        """Pages that were received."""

    @property
    def rows(self) -> int:
        """Objects that became rows, whether their commit has landed or not."""

    @property
    def landed(self) -> int:
        """Of the rows, those whose commit is known to be in the table."""

    @property
    def unchanged(self) -> int:
        """Objects that did not become rows because their newest rows have the same content."""

    @property
    def requests(self) -> int:
        """Requests that were sent, with the repeated ones."""

    @property
    def retries(self) -> int:
        """Of the requests, those that repeated another one."""

    @property
    def retries_by_reason(self) -> dict[str, int]:
        """The retries, by the class of the error that each would have been without another try, such as `RateLimit`."""

    @property
    def remaining(self) -> int:
        """Requests that remain, as far as the pages show; 0 while the list's end is not in sight."""

    @property
    def bytes(self) -> int:
        """Bytes of the bodies received, after decompression."""

    @property
    def reached(self) -> int | None:
        """`created` of the oldest row so far, in seconds since 1970; None if no row has a time."""

    @property
    def newest(self) -> int | None:
        """The largest `created` seen in the whole run, in seconds since 1970; None if there was none.

        The next run begins from it.
        """

    @property
    def undated(self) -> int:
        """Of the rows, those whose time should be there and cannot be used: their `_stripe_created_at` is null."""

    @property
    def refused(self) -> int:
        """Objects that cannot be rows, each named by an OBJECT_REFUSED event."""

    @property
    def changed(self) -> int:
        """Older objects that have changed, as events or they themselves report: each gets a row, or is unchanged."""

    @property
    def of_events(self) -> int:
        """Of the rows, those whose payload was in an event."""

    @property
    def deleted(self) -> int:
        """Of the rows, those that say that the object has left its list."""

@final
class Ending:
    """The state in which an attempt leaves the run of one account."""

    @property
    def account(self) -> str | None:
        """Id of the connected account; None for the key's own."""

    @property
    def run_id(self) -> str:
        """Id of the run."""

    @property
    def is_continued(self) -> bool:
        """Whether an earlier attempt has begun the run."""

    @property
    def is_complete(self) -> bool:
        """Whether it has come to its end: for a run that was given up, its last event."""

    @property
    def is_skipped(self) -> bool:
        """Whether the account does not have the list, nobody has named it, and nothing of it was ever read."""

    @property
    def error(self) -> Exception | None:
        """What went wrong with the run of this account alone, or the objects of it that cannot be rows.

        None if nothing did.
        """

@final
class Attempt:
    """One attempt at a list, for one account or many: the machine that decides the requests and the commits.

    Each account has a run of its own; all commit together, under one fence. The order is the write protocol's: the
    pairs, then `ended`. A new run is claimed by the first pair that has events of it. If the attempt continues or ends
    earlier runs (`is_new` is False), `started`, the fences, `recover_events`, `recover_rows` and `stop_if_over` come
    before. In both cases `follow` and `compare` may come right before the pairs. After the pairs, `next_runs` lets more
    runs begin while any remain. A step that is out of order raises UsageError.

    A loop over it (`for`, `async for`) gives the pairs: rows for the raw table, to be appended first, and the events
    about them. It reads Stripe meanwhile, and raises what ends the reading as a class of `stripe_raw_rs.exceptions`. In
    an `async for`, a wait that is cancelled ends the attempt: the pair that it waited for may be lost to it.
    """

    @property
    def entity(self) -> str:
        """Name of the list."""

    @property
    def run_id(self) -> str | None:
        """Id of the run of its one account; None if it has many."""

    @property
    def epoch(self) -> int:
        """Number of the attempt over all runs of the list."""

    @property
    def number(self) -> int | None:
        """Number of the attempt at its one run, from 1; None if it has many."""

    @property
    def resumed(self) -> bool:
        """Whether it goes on with its one run, which an earlier attempt has begun: a fresh window follows then."""

    @property
    def was_ever_read(self) -> bool:
        """Whether an earlier attempt has read anything of its one account's list, since it was begun from scratch."""

    @property
    def is_new(self) -> bool:
        """Whether all its runs are new: nothing of them can have landed before its first pair."""

    @property
    def is_claimed(self) -> bool:
        """Whether RUN_STARTED is known to be in the checkpoint table: then no other attempt has this one's `epoch`."""

    @property
    def given_up(self) -> list[str | None]:
        """The accounts whose earlier runs it only ends (`--restart-run`, `--from-scratch`); None is the key's own."""

    @property
    def warnings(self) -> list[str]:
        """Lines for the user: an ignored `--start`, a short lookback. The same line of many accounts comes once."""

    @property
    def notices(self) -> list[str]:
        """Lines for the user: the runs that are resumed."""

    @property
    def refusal(self) -> Exception | None:
        """The reason that its one run is not a success although it goes to its end: objects that cannot be rows.

        None if there is no such object, and if it has many runs.
        """

    @property
    def runs(self) -> int:
        """Number of runs that it has planned so far."""

    @property
    def finished(self) -> int:
        """Number of its runs that are over, of several."""

    @property
    def without_news(self) -> int:
        """Number of accounts that get no run: their `events`, as this call has read them, are as before."""

    @property
    def remaining(self) -> int:
        """Number of accounts whose runs are begun later."""

    @property
    def left(self) -> list[str | None]:
        """The accounts that need another attempt (None: the key's own): their runs are others than they had seemed."""

    def started(self) -> Checkpoint:
        """The RUN_STARTED events of the runs that it continues or ends. Raises UsageError if all are new."""

    def fence(self) -> Rows:
        """The commit without rows that keeps earlier attempts from committing."""

    @property
    def earlier_fences(self) -> list[tuple[Rows, Checkpoint]]:
        """The commits that do the same as `fence` to attempts of version 0.1, for both tables; they come before it."""

    @property
    def continued_runs(self) -> list[list[_Condition]]:
        """The reads of the checkpoint table for `recover_events`, each a list of conditions."""

    def recover_events(self, events: _ArrowStream) -> list[list[_Condition]]:
        """Take in all events of the runs that it continues, read after all fences.

        Returns the reads of the raw table that are wanted, each a list of conditions. Raises TableError for events that
        cannot be read or do not fit together.
        """

    def recover_rows(self, rows: _ArrowStream) -> None:
        """Take in the rows of the reads that `recover_events` returns, with the columns `RECOVERY_COLUMNS`."""

    def stop_if_over(self) -> None:
        """Leave the new runs to another attempt if each run that it continues was over before its fence."""

    def next_runs(
        self, history: History | Histories, events: Histories | None = None, parents: ParentRows | None = None
    ) -> None:
        """Plan some hundreds more runs, those whose account has waited longest first; see `Client.attempt`."""

    @property
    def endings(self) -> list[Ending]:
        """The state of each run so far, in no order."""

    @property
    def follows(self) -> bool:
        """Whether a run that is about to begin follows events: then `follow` has to come first."""

    def follow(self, events: EventIndex) -> None:
        """Give the runs that are about to begin the events that they follow, before anything else."""

    def due_rows(self) -> list[list[_Condition]]:
        """The rows of the raw table that show objects which announced a change of their own, as alternatives.

        They come before those of `overlap`.
        """

    def add_due(self, rows: _ArrowStream) -> None:
        """Take in the rows of `due_rows`, with the columns `DUE_COLUMNS`."""

    @property
    def is_idle(self) -> bool:
        """Whether it asks for lists of single objects, and none need be asked: nothing is to be done or written."""

    @property
    def asks_parents(self) -> bool:
        """Whether it asks for lists of single objects, and so needs their rows before the first pair."""

    def shown_rows(self) -> list[list[_Condition]]:
        """The reads of the parents' raw table for `add_shown`, as alternatives."""

    def add_shown(self, rows: _ArrowStream) -> None:
        """Take in rows of `shown_rows`, with the columns `SHOWN_COLUMNS`."""

    def rows_of_parents(self) -> list[list[_Condition]]:
        """The reads of the parents' raw table for `add_parents`, which comes second, as alternatives."""

    def add_parents(self, rows: _ArrowStream) -> None:
        """Take in rows of `rows_of_parents`, with the columns `PARENT_COLUMNS`."""

    @property
    def parents_to_ask(self) -> int:
        """Number of parents that it asks for their lists; 0 until it was given their rows."""

    @property
    def landed_parents(self) -> ParentRows:
        """What its complete runs have landed, for the runs of the objects' own lists."""

    def overlap(self) -> list[list[_Condition]]:
        """The rows of the raw table that show objects which may be listed again, or have changed: alternatives.

        They are read after the events that the runs were planned by, or after the fences; nothing if there are none.
        """

    def compare(self, rows: _ArrowStream) -> None:
        """Take in the rows of `overlap`, with the columns `OVERLAP_COLUMNS`.

        An object with the same content lands no more.
        """

    def __iter__(self) -> Iterator[tuple[Rows, Checkpoint]]: ...
    def __next__(self) -> tuple[Rows, Checkpoint]: ...
    def __aiter__(self) -> AsyncIterator[tuple[Rows, Checkpoint]]: ...
    async def __anext__(self) -> tuple[Rows, Checkpoint]: ...
    def close(self) -> None:
        """End the fetching and free the buffers, even if something still holds the attempt. `failed` still works."""

    def ended(self) -> Checkpoint | None:
        """The closing event of its one run: RUN_COMPLETED, or RUN_FAILED (Abandoned, Reset) if it is given up.

        It has no rows, and needs no commit, if the event came with the last pair. None for many runs: their closing
        events always come with pairs.
        """

    def failed(self, error_class: str, message: str) -> Checkpoint:
        """RUN_FAILED events of the runs that are not over; the message is masked, and made one line."""

    def progress(self) -> Progress:
        """The counters so far."""

RECOVERY_COLUMNS: list[str]
AUDITED_PARENT_COLUMNS: list[str]
PARENT_COLUMNS: list[str]
SHOWN_COLUMNS: list[str]
OVERLAP_COLUMNS: list[str]
DUE_COLUMNS: list[str]
EVENT_COLUMNS: list[str]
SMALLEST_ALLOCATION: int
MOST_SURVEY_REQUESTS: int
FRESH_COLUMNS: list[str]
AUDITED_EVENT_COLUMNS: list[str]

@final
class Probe:
    """The result of one request for one object of an entity: whether the key can read the list, and if not, why."""

    @property
    def entity(self) -> str:
        """Name of the list."""

    @property
    def state(self) -> Literal["readable", "permission missing", "not available", "failed"]:
        """Whether the key can read it: "readable", "permission missing", "not available" or "failed".

        "not available" says that the account has no such list, "failed" that anything else went wrong.
        """

    @property
    def permission(self) -> str:
        """Permission to read the list: as Stripe's refusal names it, else as the registry does, else ""."""

    @property
    def api_version(self) -> str | None:
        """`Stripe-Version` as answered; None if there was no answer, or it did not say."""

    @property
    def clock_offset_seconds(self) -> int | None:
        """How far this machine's clock is ahead of Stripe's, in seconds; None if the answer had no date."""

    @property
    def error(self) -> Exception | None:
        """The reason that the list cannot be read; None if it can."""

@final
class Survey:
    """About how many objects a list has, and whether the key may read it."""

    @property
    def probe(self) -> Probe:
        """What the first answer shows."""

    @property
    def objects(self) -> int:
        """Objects of the window, without those that have landed; rounded to two digits if they are estimated."""

    @property
    def accuracy(self) -> Literal["exact", "about", "at least"]:
        """How the number is to be read: "exact", "about", or "at least" if nobody knows how many there are."""

    @property
    def requests(self) -> int:
        """Requests that a run needs for these objects, with the client's `page_size`."""

    @property
    def sent(self) -> int:
        """Requests that were sent to find it out, `MOST_SURVEY_REQUESTS` at most."""

class _Wishes(TypedDict):
    owner: str
    dead_owners: list[str]
    take_over: bool
    give_up: Literal["restart", "scratch"] | None
    start: int | None
    follows: bool
    account: str | None

@final
class NextRun:
    """What the next run of an account would do."""

    @property
    def run_id(self) -> str | None:
        """The run that it goes on with, or gives up; None for a new one."""

    @property
    def goes_on(self) -> bool:
        """Whether it goes on with an unfinished run."""

    @property
    def start_created_gte(self) -> int | None:
        """Lower end of its window, in seconds since 1970; None if it is open."""

    @property
    def landed(self) -> int:
        """Objects that the unfinished run has landed already."""

    @property
    def was_ever_read(self) -> bool:
        """Whether an earlier attempt has ever read anything of the list."""

    @property
    def line(self) -> str:
        """What it would do, in words: one line."""

    @property
    def warnings(self) -> list[str]:
        """Things that would be done in another way than asked, or that are unwise: a line each."""

    @property
    def notices(self) -> list[str]:
        """Lines about the run that goes on."""

@final
class Outlook:
    """The runs that the next attempt at a list would have."""

    @property
    def continued(self) -> int:
        """Number of runs that go on, or are given up first."""

    @property
    def new(self) -> int:
        """Number of runs that are new."""

    @property
    def without_news(self) -> int:
        """Number of accounts that get no run, unless something happens in them."""

    @property
    def given_up(self) -> list[str | None]:
        """Accounts whose unfinished runs are given up; None for the key's own."""

    @property
    def one(self) -> NextRun | None:
        """The run of the account that was asked about; None if it gets none."""

def expose(key: ApiKey) -> str:
    """The text of a key, to be pickled for Spark's executors, which can have it in no other way.

    Nothing else may call it.
    """

@final
class ApiKey:
    """A Stripe API key: no text of it is seen from here on.

    It cannot be printed or pickled, and is wiped from memory when nothing holds it any more. Once it is made, no
    message of this process shows it, or its base64 form. White space around the text is dropped. Raises UsageError if
    it is not an `sk_`/`rk_` secret; the message does not repeat the text.
    """

    def __new__(cls, key: str | ApiKey) -> Self: ...
    @staticmethod
    def from_environment() -> ApiKey:
        """The key in the environment variable `STRIPE_API_KEY`. Raises UsageError if there is none."""

    @staticmethod
    def from_file(path: str | PathLike[str]) -> ApiKey:
        """The key that a file has, and nothing else. A pipe or a device is not waited for.

        Raises UsageError if the file cannot be read, or does not hold a key.
        """

    @property
    def mode(self) -> Literal["test", "live"]:
        """The data that it reads: "test" or "live". A key whose prefix says neither counts as live."""

    @property
    def is_restricted(self) -> bool:
        """Whether it is an `rk_` key, which may do only what it was given permission for."""

@final
class Client:
    """A Stripe key, an API address and the options of a run; one HTTP client shared by all entities.

    The key is a text or an `ApiKey`, and is shown nowhere. The options are keywords, those that `_core.options` lists,
    e.g. `max_requests_per_second=50`; one that is None has its default. No variable of the environment and no settings
    file counts, `STRIPE_RAW_API_BASE_URL` neither. Nothing is sent yet.

    Raises UsageError for a key that is not an `sk_`/`rk_` secret, an option that is unknown or out of bounds, or an
    address that the key may not be sent to: a live key goes to Stripe alone.
    """

    def __new__(cls, api_key: str | ApiKey, **options: Unpack[_Options]) -> Self: ...
    @property
    def mode(self) -> Literal["test", "live"]:
        """The data that its key reads: "test" or "live". A key whose prefix says neither counts as live."""

    @property
    def origin(self) -> str:
        """The address of the API, from `api_base_url`: scheme and host, and the port if it is not the usual one."""

    @property
    def max_requests_per_second(self) -> float | None:
        """The most requests a second over all lists; None if nothing limits them."""

    @property
    def authorities(self) -> str:
        """The source of the trusted certificate authorities: the machine, the environment in its place, `ca_file`."""

    def ask_account_id(self) -> None:
        """Ask for the account behind the key, and do not wait: a later call of `account_id` waits for less."""

    def account_id(self) -> str | None:
        """The account behind the key; None if no answer names it. One request, however often it is called.

        Raises ConnectionFailedError if no connection can be made: there is no network.
        """

    def seconds(self, requests: list[int]) -> float | None:
        """The time that so many requests to each of some lists take at the limits; None if nothing limits them."""

    def survey(self, entity: str, account: str | None = None, *, since: int | None = None, landed: int = 0) -> Survey:
        """Ask for some pages of the list from second `since` on, to find out about how many objects it has.

        Raises for bad input only; Stripe's errors are in the answer's probe. `since` is in seconds since 1970; None is
        the whole list. `landed` of the objects have landed already.
        """

    def outlook(
        self,
        entity: str,
        histories: History | Histories | None = None,
        *,
        accounts: list[str | None],
        wishes: _Wishes,
        events: Histories | None = None,
        parents: ParentRows | None = None,
    ) -> Outlook:
        """Say what the next attempt at the list would do. Nothing is asked, and nothing begins.

        Raises as `attempt` does: HeldError if another process works on the list.
        """

    def connected_accounts(self) -> list[str]:
        """Ids of the accounts that are connected to the key's own, as Stripe lists them now. Writes nothing.

        Raises as a run of that list does, and BudgetError if `max_requests` is used up before all are known.
        """

    def estimate(self, accounts: int, lists: int) -> str:
        """One line: how many requests so many lists of so many accounts are, one page each, and how long they take."""

    def reach_by(self, paths: list[str]) -> None:
        """Name these paths from now on when the accounts at their ends are asked: requests carry `Stripe-Context`.

        A path is ids with slashes between them, e.g. `org_1/acct_1`. Raises UsageError for anything else.
        """

    def is_same_account(self, history: History, rows: _ArrowStream) -> bool:
        """Ask whether the entity's newest landed objects are still in its list: `rows` are its `newest_rows`.

        False if the answer does not show it. Raises UsageError if none is there: the lake has the objects of another
        account.
        """

    def probe(self, entity: str, account: str | None = None) -> Probe:
        """Ask once for one object of the list. Raises for bad input only; Stripe's errors are in the answer.

        `account` is a connected account; None is the key's own.
        """

    def read(
        self,
        entity: str,
        *,
        account: str | None = None,
        start: int | None = None,
        end: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Stream:
        """One list as a stream of rows, from second `start` on and below second `end`; see `stripe_raw_rs.read`.

        `account` is a connected account, None the key's own. `start` and `end` are in seconds since 1970, None for no
        limit. `columns` are those of the raw table that need no run, None for all of them. Raises UsageError if
        something cannot be used as given.
        """

    def store_properties(self, store_id: str, account_id: str | None = None) -> dict[str, str]:
        """Properties of a new checkpoint table: which account, mode and server the lake belongs to.

        `account_id` is the key's account; None if it is not known.
        """

    def rebinding_properties(self, properties: dict[str, str], account_id: str | None = None) -> dict[str, str] | None:
        """Properties that make a lake without rows this client's; None if it is already, or is not a lake of ours."""

    def check_store(self, properties: Mapping[str, str], place: str, account_id: str | None = None) -> None:
        """Raise UsageError if the lake at `place` belongs to another account, mode, server or layout."""

    def missing_properties(self, properties: Mapping[str, str], account_id: str | None = None) -> dict[str, str]:
        """Properties that a checkpoint table lacks and that are known now: the account."""

    def attempt(
        self,
        entity: str,
        history: History | Histories,
        *,
        store_id: str,
        owner: str,
        accounts: Sequence[str | None] | None = None,
        dead_owners: Sequence[str] | None = None,
        take_over: bool = False,
        give_up: Literal["restart", "scratch"] | None = None,
        start: int | None = None,
        settings: Mapping[str, str] | None = None,
        follows: bool = False,
        events: Histories | None = None,
        parents: ParentRows | None = None,
        has_asked_lists: bool = False,
        may_lack: bool = False,
        among_others: bool = False,
        in_wave: bool = False,
    ) -> Attempt:
        """The next attempt at `entity`: for each account a new window, or its unfinished run. Sends nothing yet.

        `store_id` is the lake's (`stripe_raw.store_id`), `owner` names this process. `accounts` are those to read, None
        among them for the key's own; the default is the one of the history, or the key's own. `dead_owners` are
        processes known to be gone: their runs need not be waited for. `take_over` takes a run from a process that is
        presumed alive. `give_up` ends an unfinished run: after "restart" the next window begins where the last complete
        run ended, after "scratch" it is open at the bottom. `start` is the lower end of the first window, in seconds
        since 1970; None leaves it open. `settings` are recorded with the options in RUN_STARTED.

        `follows` says whether changes are followed, `events` what `events` has landed, `parents` what has landed of the
        objects whose lists these are, `has_asked_lists` whether lists that its own objects do not show are asked for in
        this call, `may_lack` whether an account that does not have the list is skipped, `among_others` whether the call
        has other accounts, too: then an error is one of its account. `in_wave` makes pairs that do not land one by one:
        a `Wave` commits those of many accounts together; only a first run can be part of one.

        Raises HeldError if another process holds the list and is presumed alive: its newest event is younger than ten
        minutes. Raises UsageError for bad input, and for a text that holds a secret of Stripe's.
        """

    def interrupt(self) -> None:
        """Ask all attempts of this client to stop: each hands over what it has, then raises InterruptedRunError."""

@final
class Finding:
    """One thing an audit found wrong."""

    @property
    def kind(self) -> str:
        """The kind of fault, in one or two words, e.g. "altered", "rows missing" or "gap"."""

    @property
    def run_id(self) -> str | None:
        """Id of the run that it was found in; None if it is not about one run."""

    @property
    def page_number(self) -> int | None:
        """Number of the page in the run, from 1; None if it is not about one page."""

    @property
    def request_id(self) -> str | None:
        """`Request-Id` of Stripe's answer with that page; None if it is not about one page, or none is known."""

    @property
    def message(self) -> str:
        """What is wrong, and where: one line."""

@final
class AuditedEvents:
    """The events of all accounts, to compare lists with. It takes a few hundred bytes an event."""

    def __new__(cls) -> Self: ...
    def add(self, rows: _ArrowStream) -> None:
        """Add rows of `events`, with the columns `AUDITED_EVENT_COLUMNS`.

        Raises UsageError if an audit uses these events already.
        """

@final
class Audit:
    """An audit of one entity, from its events and rows alone, in any order and in bounded pieces.

    `accounts` are those to look at, None among them for the key's own; without it all are looked at. Events and rows of
    a form that this project does not write raise TableError.
    """

    def __new__(cls, entity: str, accounts: Sequence[str | None] | None = None) -> Self: ...
    @property
    def accounts(self) -> int:
        """Number of accounts seen."""

    def add_events(self, events: _ArrowStream) -> None:
        """Take in rows of the checkpoint table with all columns; those of other entities are left out."""

    def add_rows(self, rows: _ArrowStream) -> None:
        """Take in rows of the raw table with all columns; every payload is hashed again."""

    def add_parents(self, rows: _ArrowStream) -> None:
        """Take in the rows of the parents, with `AUDITED_PARENT_COLUMNS`, for a list of single objects."""

    def follow(self, events: AuditedEvents) -> None:
        """Compare with the events that runs followed; to be called before the rows are added."""

    def without_table(self) -> None:
        """Say that there is no raw table: that is one finding then, and not one for each page."""

    def finish(self) -> list[Finding]:
        """Compare events and rows, and give everything that is wrong; empty if nothing is. To be called once."""

    @property
    def runs(self) -> int:
        """Number of runs that have events."""

    @property
    def pages(self) -> int:
        """Number of PAGE_COMMITTED events seen."""

    @property
    def rows(self) -> int:
        """Number of rows of the raw table seen."""

    @property
    def notes(self) -> list[str]:
        """Facts that are not faults but worth knowing: unfinished runs, runs from before a reset.

        Empty before `finish`.
        """

@final
class StripeSimulator:
    """A fake Stripe on 127.0.0.1, running from its construction until `stop()`, the end of its `with`, or its deletion.

    The same seed, counts, history and end give the same objects, byte for byte. An argument that cannot be used
    raises a ValueError of one plain line.

    port: 0 is any free one.
    seed: all chance follows from it.
    objects: of the five default entities together (30 % balance transactions, 25 % charges, 25 % payment intents,
        15 % invoices, 5 % refunds); every other entity has 36, or as many as this if that is fewer.
    counts: objects of single entities, by name, in place of the above.
    rate_limit, endpoint_rate_limit: requests a second, over all endpoints and for each; None means no limit. A
        request over a limit is answered with 429 and its reason.
    retry_after: seconds that `Retry-After` says then; None sends none, as Stripe does.
    latency_ms, latency_jitter_ms: wait before each answer, and the most that chance adds to it.
    faults: the requests that go wrong; see `set_faults`.
    arrivals, arrivals_every: after every so many pages of an entity that many objects are created in it.
    denied: entities (or "account") that no key may read, in any account: 403; see `set_denied`.
    products_off: products that no account has, e.g. "Issuing": their lists are refused with 400 or 404; see
        `set_products_off`.
    keys: those that are known; None or none: every `sk_` and `rk_` key that does not contain "invalid".
    gzip: compress answers for clients that accept it.
    history_days, end: the objects were created in these days before `end` (seconds since 1970; None: now). The
        simulator's clock goes on from `end`.
    threads: the number that serve.
    object_events: new objects have events, if Stripe has a type for them, and the events at the start are those of
        the objects of the last 30 days. If not, the events at the start are made-up ones, which show no state
        that an object had, never age out, and can be left out with `counts={"events": 0}`.
    event_delay: the most seconds after its `created` that an event becomes visible; every second one is late.
    sublist_items: the most items of one sub-list, from 11 on: of invoices, subscriptions, credit notes, transfers,
        application fees and radar value lists every third then has more items than the ten that it shows, and its
        sub-list can be read at its `url`. 0: sub-lists are as they come, and cannot be read further.
    frozen_clock: the simulator's clock stands still until `advance` moves it.
    connected_accounts: accounts with data of their own, which follow from the seed and are made when they are asked
        for. The platform's list of accounts has exactly these (objects added to it are more of them). A request
        reads one with `Stripe-Account`, or with `Stripe-Context`; other accounts are refused: 403. A key that
        begins with `sk_org_` needs `Stripe-Context`, which is the platform's id, or that, a slash and a connected
        account's id, and `Stripe-Version`. 0: `Stripe-Account` may name any account, with the platform's data.
    account_objects: of the five default entities together in each connected account, with the shares of `objects`;
        every other entity has 36, or as many as this if that is fewer. 0: none.
    account_counts: objects of single entities in each connected account, by name, in place of the above.
    limits_per_account: each account has the rate limits for itself; if not, all accounts share them.
    """

    def __new__(
        cls,
        *,
        port: int = 0,
        seed: int = 1,
        objects: int = 20_000,
        counts: dict[str, int] | None = None,
        rate_limit: float | None = None,
        endpoint_rate_limit: float | None = None,
        retry_after: int | None = None,
        latency_ms: int = 0,
        latency_jitter_ms: int = 0,
        faults: str | None = None,
        arrivals: int = 0,
        arrivals_every: int = 1,
        denied: Sequence[str] | None = None,
        products_off: Sequence[str] | None = None,
        keys: Sequence[str] | None = None,
        gzip: bool = False,
        history_days: int = 730,
        end: int | None = None,
        threads: int = 2,
        object_events: bool = False,
        event_delay: int = 0,
        sublist_items: int = 0,
        frozen_clock: bool = False,
        connected_accounts: int = 0,
        account_objects: int = 0,
        account_counts: dict[str, int] | None = None,
        limits_per_account: bool = False,
    ) -> Self: ...
    @property
    def url(self) -> str:
        """Its address, e.g. `http://127.0.0.1:8080`, which a client takes as Stripe's base URL."""

    @property
    def port(self) -> int:
        """Its port."""

    @property
    def account(self) -> str:
        """Id of the platform's account, e.g. `acct_1PgafTB7WZ01zgkW`."""

    def accounts(self) -> list[str]:
        """Ids of the connected accounts, newest first, as a complete walk of the platform's list of accounts sees them.

        `account` of the other methods is one of these, or one that is revoked. None is the platform, and all accounts
        together where requests are counted. An unknown one raises a ValueError.
        """

    def revoke(self, account: str) -> None:
        """Revoke the platform's access to a connected account: it is in no list, and answers as an unknown one: 403.

        Its data stay, and can still be looked at and changed. Revoking it once more changes nothing.
        """

    def restore(self, account: str) -> None:
        """Give the platform access to a revoked account again: it is back at its place in the list, with its data."""

    def set_denied(self, denied: Sequence[str], *, account: str | None = None) -> None:
        """Set the entities (or "account") that no key may read in an account, in place of those set before."""

    def set_products_off(self, products_off: Sequence[str], *, account: str | None = None) -> None:
        """Set the products that an account does not have, in place of those set before."""

    @property
    def requests(self) -> int:
        """Requests received over all endpoints, answered or not."""

    def entity_requests(self, entity: str, *, account: str | None = None) -> int:
        """Requests received for the list of one entity, to one account; None is all accounts together."""

    def retrieves(self, entity: str, *, account: str | None = None) -> int:
        """Requests received for single objects of one entity, by their ids, to one account; None is all together."""

    def request_log(self, *, account: str | None = None) -> list[tuple[int, str, int]]:
        """The latest 10,000 requests, oldest first: number, path and query, status (0: no answer was given).

        With an account, only those to that account; the platform's own have its id.
        """

    def request_accounts(self) -> dict[int, str]:
        """The account of each request of the log, by the request's number; an unknown one as the request names it."""

    def ids(self, entity: str, *, account: str | None = None) -> list[str]:
        """Ids of all objects of an entity that are there, newest first, as a complete walk of its list sees them."""

    def raw(self, entity: str, id: str, *, account: str | None = None) -> bytes:
        """An object as it is served: its bytes in `data`, without the indent of its first line.

        Raises a ValueError if there is no such object, as does each method that takes an id.
        """

    def created(self, entity: str, id: str, *, account: str | None = None) -> int | None:
        """The time of creation that an object states, in seconds since 1970; None if it states none."""

    def add(self, entity: str, count: int = 1, created: int | None = None, *, account: str | None = None) -> list[str]:
        """Add objects created at that time (seconds since 1970; None: now); their ids, newest first.

        Among objects of one second those added later are the newer ones.
        """

    def replace(self, entity: str, id: str, raw: bytes, *, account: str | None = None) -> None:
        """Give an object other bytes from now on, at its place in the list: any bytes, even if they are not JSON."""

    def change(
        self, entity: str, ids: str | Sequence[str], event_type: str | None = None, *, account: str | None = None
    ) -> list[str]:
        """Change objects: in their list, in the answers by their ids, and by one event for each, in the order of `ids`.

        An id may be given twice: then the object changes twice in one second. The event holds the object as it is then,
        and stays in the list of events for 30 days. Its type is `event_type`, one of the list's, or the one that Stripe
        has for changes of these objects.

        Returns the ids of the events: none if Stripe has no such type, as for balance transactions. Nothing changes if
        one of the objects is not there.
        """

    def delete(self, entity: str, id: str, *, account: str | None = None) -> None:
        """Delete an object: it is in no list and no cursor any more.

        An event reports it, with the object as it was last, if Stripe has a type for that. A GET by its id answers
        404, or, for customers and for configurations, locations and readers of terminals, that it was deleted.
        """

    def change_items(
        self,
        entity: str,
        id: str,
        added: int = 1,
        removed: int = 0,
        event_type: str | None = None,
        *,
        account: str | None = None,
    ) -> list[str]:
        """Add items at the ends of the lists that an object has, remove the first ones, and return the events' ids.

        The object itself does not change, but for what it shows of these lists. The event is one of a change of the
        object, or of `event_type`, e.g. `customer.tax_id.created`, which is about the newest item. It needs
        `sublist_items`. Raises ValueError if there is no such object, or no such type.
        """

    def items(self, child: str, parent: str, *, account: str | None = None) -> list[str]:
        """The items of the list that an object has, as JSON, in the order of the list. It needs `sublist_items`."""

    def advance(self, seconds: int) -> None:
        """Move the simulator's clock forward: late events become visible, and events older than 30 days are gone."""

    def set_faults(self, faults: str) -> None:
        """Set the requests that go wrong from now on, in place of those set before.

        Rules are separated by commas, `kind@when`, e.g. `status=500@p0.01,reset@n7,hang@charges:n12`; the first that
        fits a request counts.

        kind: `status=N` (300 to 599; `/reason=…`, `/retry-after=…`, `/should-retry=…` after it set that header, `none`
        removes it), `reset_head` (the connection, before the first byte), `reset` (in mid-body), `cut` (it ends before
        the promised length), `truncate` (complete HTTP, broken JSON), `hang` (no answer), `slow` or `slow=N` (drips for
        N ms, 2000), `html` (200 with a page for people), `error_body` (200 with Stripe's error body), `wrong_type=M`
        (the member `created` of an object, `has_more` or `data` is of another type), `empty` (no objects, but
        has_more), `more` and `no_more` (has_more is true, or false, in any case), `short` (half of the objects, and
        not has_more), `wrong_object` (one of another list among the others), `repeat` (the page before once more),
        `stuck` (the first page, for any cursor), `vanish` (the cursor's object is deleted just before).

        when: `p0.01` (that share), `n7` (the seventh request from now), `n3-5`, `n3+`; with `charges:` before it only
        that entity's requests are looked at and counted.
        """

    def reset_faults(self) -> None:
        """From now on no request goes wrong."""

    def stop(self) -> None:
        """Stop listening and end all connections. The requests and the objects can still be looked at.

        In a process that was forked off, it does nothing: the simulator runs in the other one.
        """

    def __enter__(self) -> Self:
        """Give the simulator itself, which runs already."""

    def __exit__(self, *_exception: object) -> None:
        """Stop it."""

@final
class Wave:
    """The commits of one attempt at the first runs of many accounts, which other processes have read.

    Each run was read by an attempt `in_wave`. Its events are added here, and its rows wait elsewhere. Once `check_rows`
    has found that they are all there, `claims`, `refusals`, the rows under `rows`, and `pages` are appended, in this
    order. Raises TableError for events that cannot be read.
    """

    def __new__(cls, entity: str, store_id: str, epoch: int) -> Self: ...
    def add_events(self, events: _ArrowStream) -> None:
        """Take in events of a run, in any order."""

    @property
    def epoch(self) -> int:
        """Number of its attempt."""

    @property
    def row_count(self) -> int:
        """Number of rows that the events report."""

    @property
    def refused(self) -> int:
        """Number of objects that cannot be rows."""

    @property
    def page_count(self) -> int:
        """Number of pages that the events report."""

    @property
    def newest(self) -> int | None:
        """The largest `created` seen, in seconds since 1970; None if there was none."""

    @property
    def endings(self) -> list[Ending]:
        """How the runs have ended. One that is not complete is for a later attempt to go on with."""

    def check_rows(self, counts: _ArrowStream) -> None:
        """Check that the rows which wait are those that the events report: an engine may have lost or doubled some.

        `counts` has the columns `_ingest_run_id`, `_page_number` and `count`. Raises StripeRawError if they differ.
        """

    def claims(self) -> Checkpoint:
        """The RUN_STARTED events of all runs, and all events of runs without objects."""

    def refusals(self) -> Checkpoint:
        """The events about objects that cannot be rows."""

    def rows(self) -> Rows:
        """The commit of the rows, without the rows."""

    def pages(self) -> Checkpoint:
        """The events about the rows."""
