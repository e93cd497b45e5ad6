"""Finding out what the key may read: one request of one object for each entity. Nothing is written."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core
from stripe_raw_rs._core import one_line
from stripe_raw_rs.api_key import read_api_key
from stripe_raw_rs.exceptions import AuthenticationError, ConnectionFailedError, ProductMissingError, StripeRawError
from stripe_raw_rs.followed_events import EVENTS
from stripe_raw_rs.keywords import signature, take_key, with_environment
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.text import counted, text_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Unpack

    from stripe_raw_rs._core import ApiKey, Client, Entity, Probe
    from stripe_raw_rs.keywords import CheckKeywords

logger = logging.getLogger("stripe_raw_rs")

_HEADINGS = ("entity", "state", "permission", "changes")
# What the events report of a list's later changes, as a user would ask: can they be followed?
_FOLLOWED = {"full": "fully", "partial": "partly", "none": "not"}


@dataclass(frozen=True)
class Check:
    """The result of `check`. Its text is a table for people, with a line for each thing to do."""

    origin: str
    mode: str
    account: str | None
    authorities: str
    entities: tuple[Probe, ...]
    # A key that is refused altogether, or a server that cannot be reached, is not asked again.
    not_tried: tuple[str, ...] = ()
    # Entities that the account may lack: they were not named, but came with a group, or with all.
    may_lack: frozenset[str] = frozenset()

    def _errors(self) -> dict[str, BaseException]:
        """Give the errors, without those of entities that the account may lack."""
        errors = {probe.entity: probe.error for probe in self.entities if probe.error is not None}
        lacks = {name for name, error in errors.items() if isinstance(error, ProductMissingError)} & self.may_lack
        return {name: error for name, error in errors.items() if name not in lacks}

    @property
    def api_version(self) -> str | None:
        """Stripe-Version as answered."""
        return next((probe.api_version for probe in self.entities if probe.api_version), None)

    @property
    def clock_offset_seconds(self) -> int | None:
        """How far this machine's clock is ahead of Stripe's, in seconds, to about one."""
        offsets = [offset for probe in self.entities if (offset := probe.clock_offset_seconds) is not None]
        return min(offsets, key=abs, default=None)

    def __str__(self) -> str:
        """Show the table, the facts, and what to do."""
        changes = {entity.name: _changes(entity) for entity in _core.all_entities()}
        rows: list[tuple[str, ...]] = [
            (probe.entity, probe.state, probe.permission or "-", changes[probe.entity]) for probe in self.entities
        ]
        offset = self.clock_offset_seconds
        clock = "unknown" if offset is None else f"{offset:+d} s against Stripe's"
        facts = (
            f"{self.mode} mode at {self.origin}, account {self.account or 'unknown (the key need not show it)'}, "
            f"API version {self.api_version or 'unknown'}, clock {clock}, certificate authorities {self.authorities}"
        )
        rows += [(name, "not tried", "-", changes[name]) for name in self.not_tried]
        errors = [one_line(error) for error in self._errors().values()]
        return "\n".join([text_table(_HEADINGS, rows), facts, *errors])

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        coverage = {entity.name: entity.event_coverage for entity in _core.all_entities()}
        return {
            "origin": self.origin,
            "mode": self.mode,
            "account": self.account,
            "authorities": self.authorities,
            "api_version": self.api_version,
            "clock_offset_seconds": self.clock_offset_seconds,
            "entities": [
                {
                    "entity": probe.entity,
                    "state": probe.state,
                    "permission": probe.permission,
                    "event_coverage": coverage[probe.entity],
                    "error": None if probe.error is None else one_line(probe.error),
                }
                for probe in self.entities
            ],
            "not_tried": list(self.not_tried),
        }

    def raise_for_status(self) -> None:
        """Raise the error of the first entity that cannot be read; one that the account lacks, if it was named."""
        errors = self._errors()
        for error in errors.values():
            of = f"of {counted(len(self.entities), 'list')}"
            if isinstance(error, StripeRawError) and not self.not_tried:
                error.summary = f"{len(errors)} {of} cannot be read ({', '.join(errors)})"
            elif isinstance(error, StripeRawError):
                rest = counted(len(self.not_tried), "other list")
                error.summary = f"{', '.join(errors)} cannot be read, and {rest} would fail the same and were not tried"
            raise error


def _changes(entity: Entity) -> str:
    """Say whether later changes of a list's objects can be followed; an event never changes."""
    return "-" if entity.name == EVENTS else _FOLLOWED[entity.event_coverage]


def check(**given: Unpack[CheckKeywords]) -> Check:
    """Try to read each entity: whether the key can, and if not, which permission is missing or what else is wrong.

    One request of one object for each entity, and one for the account's id. A key that is refused altogether, or a
    server that cannot be reached, is not asked again. Keywords are those of `ingest`, with the environment behind them.
    Raises UsageError if something cannot be used as given.
    """
    keywords = cast("dict[str, Any]", given)
    key = take_key(keywords)
    with panics_as_errors():
        return try_lists(key, with_environment("check", keywords))


check.__signature__ = signature("check")  # type: ignore[attr-defined]


def try_lists(key: ApiKey | None, options: Mapping[str, Any]) -> Check:
    """Do what `check` does with exactly these keywords, whatever the environment says."""
    account = options.get("stripe_account")
    key = key or read_api_key(
        secret_scope=options.get("stripe_secret_scope"),
        secret_key=options.get("stripe_secret_key"),
        file=options.get("api_key_file"),
    )
    if not key.is_restricted:
        logger.warning("the key is a secret key (sk_...), which may do anything: a restricted key (rk_...) is enough")
    names = {option.name for option in _core.options()}
    client = _core.Client(key, **{name: value for name, value in options.items() if name in names})
    del key
    selection = _core.entities(options.get("entities", ""))
    # A list of single objects cannot be tried without one: the list of these objects stands for it.
    entities = list(dict.fromkeys(entity.parent or entity.name for entity in selection))
    may_lack = frozenset(entity.name for entity in selection if not entity.is_named)
    found = tuple(_probes(client, entities, account))
    account_id = account or (client.account_id() if found[-1].api_version else None)
    not_tried = tuple(entities[len(found) :])
    return Check(client.origin, client.mode, account_id, client.authorities, found, not_tried, may_lack)


def _probes(client: Client, names: list[str], account: str | None) -> Iterable[Probe]:
    for name in names:
        probe = client.probe(name, account)
        yield probe
        if isinstance(probe.error, (AuthenticationError, ConnectionFailedError)):
            return
