"""The matrix of faults: a fault on the wire ends in complete data or in one clear line, never in silence.

Each row of `MATRIX` is a fault. It is tried at the first page of a list, at one in the middle and at the last, once
(the next request is served) and for good (every request from there on), if these two differ. Faults of many requests
at once are for tests/test_limits.py and tests/histories.rs. The latter also have the jumps of the clock: the machine
gets the time as an argument, so it can jump there, and no real clock is touched.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from deltalake import DeltaTable

from stripe_raw_rs import (
    AnswerError,
    AuthenticationError,
    ConnectionFailedError,
    PermissionMissingError,
    RateLimitError,
    RequestError,
    ServerError,
    ingest,
    verify,
)
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY, assert_whole, events, landed
from tests.places import tables_of
from tests.truth import assert_true, served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stripe_raw_rs import Report, StripeRawError

    How = Callable[["Account", Path, int, bool], Report]

QUICK: dict[str, Any] = {
    "entities": "charges",
    "backoff_base_seconds": 0.01,
    "backoff_max_seconds": 0.02,
    "request_timeout_seconds": 0.5,
    # The fourth request is for the fourth page.
    "max_concurrent_requests": 1,
}


def land(lake: Path, stripe: StripeSimulator, **options: Any) -> Report:
    return ingest(lake=lake, **{"api_key": KEY, "api_base_url": stripe.url, **QUICK, **options})


# --- the matrix

PAGES = {"first": 1, "middle": 4, "last": 7}
PAGE = 10
OBJECTS = 65
RETRIES = 3
ROLLED = "rk_test_ROLLEDrolled0123456789"


class Account:
    """An account of seven pages that goes away and comes back as it was, at the same address."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._port = 0
        self.open()
        self.before = served(self.stripe, "charges")

    def open(self) -> None:
        self.stripe = StripeSimulator(
            port=self._port,
            seed=7,
            counts={"charges": OBJECTS},
            history_days=self._row.days,
            end=1_790_000_000,
            latency_ms=self._row.latency_ms,
        )
        self._port = self.stripe.port

    def land(self, lake: Path, **options: Any) -> Report:
        return land(lake, self.stripe, **{"page_size": PAGE, "max_retries": RETRIES, **options})

    def at(self, page: int, act: Callable[[], None]) -> threading.Thread:
        """Act while the request for that page waits for its answer."""

        def wait() -> None:
            while self.stripe.entity_requests("charges") < page:
                time.sleep(0.001)
            act()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread


def faulty(fault: str) -> How:
    """The simulator's own faults."""

    def run(account: Account, lake: Path, page: int, lasting: bool) -> Report:  # noqa: FBT001 - of one shape
        account.stripe.set_faults(f"{fault}@charges:n{page}{'+' if lasting else ''}")
        return account.land(lake)

    return run


def away(account: Account, lake: Path, page: int, lasting: bool) -> Report:  # noqa: FBT001 - of one shape
    """Nobody listens any more; if it does not last, until one attempt to connect has been refused."""

    def act() -> None:
        account.stripe.stop()
        if not lasting:
            time.sleep(0.15)
            account.open()

    url = account.stripe.url
    thread = account.at(page, act)
    slow = {"backoff_base_seconds": 0.1, "backoff_max_seconds": 0.1, "backoff_jitter": 0.0}
    report = account.land(lake, **({} if lasting else {**slow, "max_retries": 20}), api_base_url=url)
    thread.join()
    if lasting:
        account.open()
    return report


def move(lake: Path, url: str) -> None:
    properties = {"stripe_raw.origin": url}
    DeltaTable(lake / "stripe_ingestion_checkpoints").alter.set_table_properties(properties, raise_if_not_exists=False)


def stirred(change: Callable[[StripeSimulator, list[str], int], None]) -> How:
    """The list changes while the page is asked for; if it lasts, at every page from there on."""

    def run(account: Account, lake: Path, page: int, lasting: bool) -> Report:  # noqa: FBT001 - of one shape
        stripe, ids = account.stripe, list(account.before)

        def act() -> None:
            for number in range(page, max(PAGES.values()) + 1 if lasting else page + 1):
                account.at(number, lambda: None).join(5)
                change(stripe, ids, number)

        thread = account.at(page, act)
        report = account.land(lake)
        thread.join()
        return report

    return run


def arrive(stripe: StripeSimulator, ids: list[str], page: int) -> None:
    """Objects that are new, and one that becomes visible late, in the second where the page begins."""
    stripe.add("charges", 3)
    stripe.add("charges", 1, stripe.created("charges", ids[(page - 1) * PAGE]))


def depart(stripe: StripeSimulator, ids: list[str], page: int) -> None:
    """The object before the page, one in it and its last, which is the next cursor."""
    start = (page - 1) * PAGE
    for at in {max(start - 1, 0), start + 3, min(start + PAGE, OBJECTS) - 1}:
        if ids[at] in stripe.ids("charges"):
            stripe.delete("charges", ids[at])


class Whole:
    """The run is complete, and so is what landed."""


class Unseen:
    """The run is complete and something is missing, which neither it nor `verify` can know.

    Such an answer looks like the end of a list. The guarantees say so under what is not promised. The next run reads
    only new objects, so only one from scratch brings the missing ones.
    """


class Odd:
    """The run is complete, and one object has landed as it was answered: without a time."""


class Refused:
    """The run is complete but for an object that cannot be a row; an event names it, and the exit code is 1.

    Only a run from scratch brings the object that should have been in its place.
    """


class Fails(NamedTuple):
    """The run has failed with this error, which says these words; the next one makes it whole."""

    error: type[StripeRawError]
    words: str


Outcome = type[Whole] | type[Unseen] | type[Odd] | type[Refused] | Fails | None
"""None: not tried, because it would be the same thing again."""
Each = Outcome | tuple[Outcome, Outcome, Outcome]
"""The outcomes at the first page, at one in the middle, and at the last."""


class Row(NamedTuple):
    name: str
    how: How
    once: Each
    lasting: Each
    # With 0 days all objects have the same second, so times do not distinguish one page from another.
    days: int = 730
    # Time to do something while a request waits for its answer.
    latency_ms: int = 0


def simulated(fault: str, once: Each, lasting: Each = None) -> Row:
    """A row of the simulator's fault. If the run does not try again, once and for good are the same."""
    return Row(fault, faulty(fault), once, lasting)


GONE = f"after {RETRIES} retries"
NO_CONNECTION = f"no connection to the API {GONE}"
CUT_OFF = Fails(ConnectionFailedError, f"the answer was cut off {GONE}")
TOO_LATE = Fails(ConnectionFailedError, f"no complete answer in time {GONE}")
TOO_SHORT = Fails(AnswerError, rf"the body ends too early.*{RETRIES} retries")
NOT_ADVANCING = Fails(AnswerError, "earlier page again|not newest first")
EARLIER = Fails(AnswerError, "earlier page again")
EMPTY_FIRST = Fails(AnswerError, "empty first page")
STANDING = Fails(AnswerError, "vanished twice without any progress")
ENDLESS = Fails(AnswerError, "twice with a page without objects")


def refusal(status: int, error: type[StripeRawError], reason: str = "") -> Fails:
    return Fails(error, f"Stripe answered {status}{reason} {GONE}")


MATRIX = [
    # No answer at all.
    Row("connection refused", away, Whole, Fails(ConnectionFailedError, rf"{NO_CONNECTION} .*refused"), latency_ms=30),
    simulated("reset_head", Whole, CUT_OFF),
    simulated("reset", Whole, CUT_OFF),
    simulated("cut", Whole, CUT_OFF),
    simulated("hang", Whole, TOO_LATE),
    simulated("slow=2000", Whole, TOO_LATE),
    simulated("slow=100", Whole, Whole),
    # No page.
    simulated("truncate", Whole, TOO_SHORT),
    simulated("wrong_type=created", Odd),
    simulated("wrong_type=has_more", Fails(AnswerError, "no boolean 'has_more'")),
    simulated("wrong_type=data", Fails(AnswerError, "no array 'data'")),
    simulated("wrong_object", Refused),
    simulated("error_body", Fails(AnswerError, "the answer is not a list.*: Sorry!.*check the base URL")),
    simulated("html", Fails(AnswerError, "not JSON.*check the base URL")),
    # Refusals. The run after them has another key.
    simulated("status=302", Fails(ConnectionFailedError, "never followed")),
    simulated("status=400", Fails(RequestError, "Stripe answered 400")),
    simulated("status=401", Fails(AuthenticationError, "check that the key")),
    simulated("status=403", Fails(PermissionMissingError, "read permission")),
    simulated("status=404", Fails(RequestError, "check the base URL")),
    simulated("status=500/should-retry=false", Fails(ServerError, "Stripe answered 500:")),
    simulated("status=400/should-retry=true", Whole, refusal(400, RequestError)),
    simulated("status=409", Whole, refusal(409, ServerError)),
    simulated("status=424", Whole, refusal(424, ServerError)),
    simulated("status=429/reason=endpoint-rate", Whole, refusal(429, RateLimitError, r" \(endpoint-rate\)")),
    simulated("status=429/reason=none", Whole, refusal(429, RateLimitError)),
    simulated("status=500", Whole, refusal(500, ServerError)),
    simulated("status=502", Whole, refusal(502, ServerError)),
    simulated("status=503/retry-after=0", Whole, refusal(503, ServerError)),
    simulated("status=504", Whole, refusal(504, ServerError)),
    # Pages that lie. A full page is not believed to be the last; one that is not full is.
    simulated("no_more", Whole, Whole),
    simulated("short", Unseen),
    simulated("more", Whole, ENDLESS),
    simulated("empty", (EMPTY_FIRST, Whole, Whole), EMPTY_FIRST),
    # A first page has no cursor that could be ignored; there, the second request is answered like this.
    simulated("repeat", (Whole, NOT_ADVANCING, NOT_ADVANCING), NOT_ADVANCING),
    simulated("stuck", (Whole, NOT_ADVANCING, NOT_ADVANCING), NOT_ADVANCING),
    Row("repeat in one second", faulty("repeat"), (Whole, EARLIER, EARLIER), EARLIER, days=0),
    Row("stuck in one second", faulty("stuck"), (Whole, EARLIER, EARLIER), EARLIER, days=0),
    # Lists that change.
    simulated("vanish", Whole, Whole),
    # If the walk cannot leave the second, a cursor that vanishes each time leads nowhere.
    Row("vanish in one second", faulty("vanish"), Whole, (Whole, STANDING, STANDING), days=0),
    Row("objects arrive", stirred(arrive), Whole, Whole, latency_ms=30),
    Row("objects depart", stirred(depart), Whole, Whole, latency_ms=30),
]


def _cells() -> list[Any]:
    cells = []
    for row in MATRIX:
        for lasting, outcomes in enumerate((row.once, row.lasting)):
            each = outcomes if type(outcomes) is tuple else (outcomes,) * 3
            for (where, page), outcome in zip(PAGES.items(), each, strict=True):
                if outcome is not None:
                    name = f"{row.name}-{where}-{'for good' if lasting else 'once'}"
                    cells.append(pytest.param(row, page, bool(lasting), outcome, id=name))
    return cells


CELLS = _cells()


def test_each_fault_is_tried_at_the_first_a_middle_and_the_last_page() -> None:
    print(f"{len(MATRIX)} faults, {len(CELLS)} cells")  # noqa: T201 - how many were tried
    assert len({row.name for row in MATRIX}) == len(MATRIX)
    for row in MATRIX:
        assert {cell.values[1] for cell in CELLS if cell.values[0] is row} == set(PAGES.values()), row.name


@pytest.mark.timeout(60)  # Nothing may hang: the longest cell waits four times for half a second.
@pytest.mark.parametrize(("row", "page", "lasting", "outcome"), CELLS)
def test_a_fault_ends_in_complete_data_or_in_one_clear_line(
    lake: Path,
    row: Row,
    page: int,
    lasting: bool,  # noqa: FBT001 - a column of the table
    outcome: Outcome,
) -> None:
    account = Account(row)
    report = row.how(account, lake, page, lasting)
    stripe = account.stripe
    stripe.reset_faults()
    if isinstance(outcome, Fails):
        assert_one_clear_line(lake, report, outcome)
    elif outcome is Refused:
        assert_refused(lake, report)
    else:
        report.raise_for_status()
    if outcome is Unseen:
        assert_unseen(lake, account)
    elif outcome is Odd:
        assert_odd(lake, account)
    elif outcome is Refused:
        account.land(lake, give_up="scratch").raise_for_status()
        assert_whole(lake, account.stripe, "charges")
    else:
        if outcome is Whole and stripe.ids("charges") == list(account.before):
            assert_true(lake, stripe, "charges")
        # Nothing that was read is lost, and the next run goes on from there; it finds objects that arrived unseen.
        account.land(lake, api_key=ROLLED).raise_for_status()
        assert_true(lake, stripe, "charges", account.before)
    stripe.stop()


@pytest.mark.parametrize("page", PAGES.values())
@pytest.mark.parametrize(
    ("address", "why"), [("https://name.invalid", "resolving DNS"), ("https://127.0.0.1:{port}", "corrupt|invalid")]
)
def test_an_address_that_leads_nowhere_is_reported_at_once_and_nothing_is_written(
    lake: Path, page: int, address: str, why: str
) -> None:
    """The run is at that page. The lake is assigned to the bad address, since a lake belongs to one address."""
    account = Account(Row("", away, None, None))
    bad = address.format(port=account.stripe.port)
    if page > 1:
        assert account.land(lake, max_requests=page - 1).exit_code == 1
        move(lake, bad)
    before = len(events(lake)) if lake.exists() else 0
    with pytest.raises(ConnectionFailedError, match=rf"^{bad}: no connection to the API {GONE} .*({why})") as raised:
        account.land(lake, api_base_url=bad)
    assert str(raised.value).isprintable()
    assert (len(events(lake)) if lake.exists() else 0) == before
    if lake.exists():
        move(lake, account.stripe.url)
    account.land(lake).raise_for_status()
    assert_true(lake, account.stripe, "charges")
    account.stripe.stop()


def assert_odd(lake: Path, account: Account) -> None:
    rows = landed(lake, "charges", "_stripe_id, _stripe_created_at, _raw_json").to_pylist()
    assert {row["_stripe_id"] for row in rows} == account.before.keys()
    (odd,) = [row for row in rows if row["_stripe_created_at"] is None]
    assert [row for row in rows if row["_raw_json"] != account.before[row["_stripe_id"]][0]] == [odd]
    verify(tables=tables_of(lake)).raise_for_status()


def assert_refused(lake: Path, report: Report) -> None:
    with pytest.raises(AnswerError, match=r"cannot be a row and did not land: .*not a 'charge'") as raised:
        report.raise_for_status()
    (event,) = events(lake, "event_type = 'OBJECT_REFUSED'")
    assert event["error_message"] == str(raised.value)
    assert events(lake, "event_type = 'RUN_COMPLETED'")
    verify(tables=tables_of(lake)).raise_for_status()


def assert_unseen(lake: Path, account: Account) -> None:
    for _ in range(2):
        assert 0 < len(set(landed(lake, "charges", "_stripe_id").column(0).to_pylist())) < OBJECTS
        verify(tables=tables_of(lake)).raise_for_status()
        account.land(lake).raise_for_status()
    account.land(lake, give_up="scratch").raise_for_status()
    assert_whole(lake, account.stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()


def assert_one_clear_line(lake: Path, report: Report, outcome: Fails) -> None:
    assert report.exit_code == 1
    with pytest.raises(outcome.error, match=outcome.words) as raised:
        report.raise_for_status()
    line = str(raised.value)
    assert line.isprintable()
    assert line.startswith("charges: ")
    failed = events(lake, "event_type = 'RUN_FAILED'")[-1]
    assert (failed["error_class"], failed["error_message"]) == (outcome.error.error_class, line)
    print(line)  # noqa: T201 - a reader sees whether it is clear


# --- tests that are more than a cell


def test_retries_come_to_an_end(lake: Path, stripe: StripeSimulator) -> None:
    stripe.set_faults("status=503@charges:n3+")
    with pytest.raises(ServerError, match="after 4 retries"):
        land(lake, stripe, max_retries=4).raise_for_status()
    assert stripe.entity_requests("charges") == 2 + 1 + 4


def test_a_cursor_that_vanishes_each_time_still_ends_whole(lake: Path) -> None:
    with StripeSimulator(seed=3, counts={"invoices": 230}) as stripe:
        everything = stripe.ids("invoices")
        stripe.set_faults("vanish@invoices:p0.2")
        land(lake, stripe, entities="invoices", page_size=10).raise_for_status()
        assert len(stripe.ids("invoices")) < len(everything), "some did vanish"
        rows = landed(lake, "invoices", "_stripe_id").column(0).to_pylist()
        # Each was read before it vanished.
        assert sorted(rows) == sorted(everything)
        verify(tables=tables_of(lake)).raise_for_status()


def test_a_permission_that_is_missing_is_named_and_the_others_go_on(lake: Path) -> None:
    with StripeSimulator(objects=200, denied=["refunds"]) as stripe:
        report = land(lake, stripe, entities="")
        states = {result.entity: result.state for result in report.entities}
        assert states.pop("refunds") == "failed"
        assert set(states.values()) == {"complete"}
        with pytest.raises(PermissionMissingError, match=r"rak_\w+_read.*request req_") as raised:
            report.raise_for_status()
        assert raised.value.status == 403
        assert (raised.value.request_id or "").startswith("req_")


def test_a_list_lands_whole_under_a_limit_however_many_tries_it_takes(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 1_500}, endpoint_rate_limit=40) as stripe:
        report = land(lake, stripe, page_size=20, backoff_max_seconds=0.1, max_retries=50)
        report.raise_for_status()
        assert_whole(lake, stripe, "charges")
