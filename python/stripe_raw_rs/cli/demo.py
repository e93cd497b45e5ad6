"""A made-up account to try everything on: `stripe-raw demo` and `stripe-raw simulate`."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from stripe_raw_rs._core import plain
from stripe_raw_rs.cli.queries import programs
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.pipeline import land
from stripe_raw_rs.simulator import StripeSimulator

if TYPE_CHECKING:
    from typing import Any, Protocol

    from stripe_raw_rs.progress import Display
    from stripe_raw_rs.report import Report

    class Say(Protocol):
        """Print a text for people, or values for programs."""

        def __call__(self, text: str, /, **values: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
            """Print one of both."""


_LOOK_UP_SECONDS = 0.5
_KEY = "rk_test_demo"
_OBJECTS = 20_000
_NEW_OBJECTS = 25
_CHANGED_CHARGES = 10
# Marks a folder whose tables were made here, from made-up objects, and may be made again.
_MARKER = ".stripe-raw-demo"


def demo(lake: str | Path, *, say: Say, display: Display | None = None, columns: int | None = None) -> None:
    """Land a simulated account, let some objects arrive, land those, and say how to query the tables.

    `columns` are those of the terminal, if what is said goes to one.
    """
    folder = Path(lake).expanduser()

    def land_and_say(stripe: StripeSimulator) -> None:
        report = _land(folder, stripe, display)
        say(report.table(columns), event="landed", **report.to_dict())
        report.raise_for_status()

    _prepare(folder, say)
    with StripeSimulator(objects=_OBJECTS, seed=1, object_events=True) as stripe:
        begin = (
            f"a made-up Stripe account with {_OBJECTS:,} objects is at {stripe.url}\n\nthe first run reads all of it:"
        )
        say(begin, event="serving", url=stripe.url, objects=_OBJECTS)
        land_and_say(stripe)
        for entity in _core.entities(""):
            stripe.add(entity.name, _NEW_OBJECTS)
        stripe.change("charges", stripe.ids("charges")[-_CHANGED_CHARGES:])
        say(
            f"\n{_NEW_OBJECTS} objects are new in each list, and {_CHANGED_CHARGES} charges of long ago have changed; "
            "the second run reads\nthe new ones, the lookback before them, and what events report as changed:"
        )
        land_and_say(stripe)
    table = folder / "stripe_charges_raw"
    say(f"\nquery it, in Python:\n\n{programs(table)}", event="ended", tables=str(folder))


def simulate(  # noqa: PLR0913 - keywords only, each an option of the command line
    *,
    port: int,
    seed: int,
    objects: int,
    connected_accounts: int,
    account_objects: int,
    sublist_items: int,
    rate_limit: float | None,
    latency_ms: int,
    faults: str | None,
    say: Say,
) -> None:
    """Serve a simulated account until Ctrl-C."""
    try:
        served = StripeSimulator(
            port=port,
            seed=seed,
            objects=objects,
            connected_accounts=connected_accounts,
            account_objects=account_objects,
            sublist_items=sublist_items,
            rate_limit=rate_limit,
            latency_ms=latency_ms,
            faults=faults,
        )
    except ValueError as error:
        raise UsageError(plain(error)) from None
    with served as stripe:
        try:
            say(
                f"a made-up Stripe account with {objects:,} objects is at {stripe.url}; any rk_test_ key opens it\n"
                f"  curl -H 'Authorization: Bearer rk_test_any' '{stripe.url}/v1/charges?limit=1'\n"
                f"  STRIPE_API_KEY=rk_test_any stripe-raw run --lake ./lake --api-base-url {stripe.url}\n"
                f"{_connected(stripe)}Ctrl-C ends it",
                event="serving",
                url=stripe.url,
                objects=objects,
                accounts=stripe.accounts(),
            )
            # A signal that comes just before a wait without end would not end it.
            while not threading.Event().wait(_LOOK_UP_SECONDS):
                pass
        except KeyboardInterrupt:
            say("ended", event="ended")


def _connected(stripe: StripeSimulator) -> str:
    """Say how to read a connected account, if there is one."""
    accounts = stripe.accounts()
    if not accounts:
        return ""
    return f"{len(accounts):,} accounts are connected to it; one is read with --stripe-account {accounts[0]}\n"


def _land(folder: Path, stripe: StripeSimulator, display: Display | None) -> Report:
    options = {"lake": folder, "api_base_url": stripe.url, "display": display}
    return land(_core.ApiKey(_KEY), {**options, "entities": ",".join(_lists())})


def _lists() -> list[str]:
    """Name the default lists, and the events that say what becomes of their objects."""
    return [EVENTS, *(entity.name for entity in _core.entities(""))]


def _prepare(folder: Path, say: Say) -> None:
    """Make the folder, or remove the tables that an earlier demo made in it. Nothing else is ever removed."""
    marker = folder / _MARKER
    try:
        if folder.exists() and not marker.exists() and any(folder.iterdir()):
            message = f"'{plain(folder)}' was not made by the demo; name another folder with --lake"
            raise UsageError(message)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = [_core.CHECKPOINT_TABLE, *(entity.table for entity in _core.entities(",".join(_lists())))]
        if marker.exists():
            say(f"the tables of an earlier demo in '{folder}' are made again")
            for name in names:
                shutil.rmtree(folder / name, ignore_errors=True)
        marker.write_text("Tables of a made-up Stripe account; `stripe-raw demo` makes them again.\n", encoding="utf-8")
    except OSError as error:
        message = f"'{plain(folder)}' cannot be used for the demo: {plain(error.strerror or error)}"
        raise UsageError(message) from None
