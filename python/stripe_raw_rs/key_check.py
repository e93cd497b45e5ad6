"""Finding out what the key may read: one request of one object for each entity. Nothing is written."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from stripe_raw_rs import _core, markup
from stripe_raw_rs._core import one_line
from stripe_raw_rs.client import client_of, key_of
from stripe_raw_rs.entity_check import HEADINGS, EntityCheck
from stripe_raw_rs.exceptions import AuthenticationError, ConnectionFailedError, ProductMissingError, StripeRawError
from stripe_raw_rs.keyword_help import with_keywords
from stripe_raw_rs.keywords import keywords_of, take_key
from stripe_raw_rs.panics import panics_as_errors
from stripe_raw_rs.text import counted, text_table
from stripe_raw_rs.value import Listing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from typing_extensions import Unpack

    from stripe_raw_rs._core import ApiKey, Client, Probe
    from stripe_raw_rs.keywords import CheckKeywords

logger = logging.getLogger("stripe_raw_rs")


@dataclass(frozen=True, eq=False)
class Check(Listing[EntityCheck]):
    """The result of `check`: `check["charges"]` is one list. Its text is a table for people, in a notebook HTML.

    `origin` is the server, `mode` the key's ("test" or "live"), `stripe_account` the account that is read, None if the
    key does not show it. `authorities` says whose certificates are trusted, and `api_version` is Stripe-Version as
    answered. `clock_offset_seconds` is how far this machine's clock is ahead of Stripe's, to about one second.
    `not_tried` are lists that would fail like the last one, and lists of single objects (`of_objects`).
    """

    origin: str
    mode: str
    stripe_account: str | None
    authorities: str
    entities: tuple[EntityCheck, ...]
    api_version: str | None = None
    clock_offset_seconds: int | None = None
    # A key that is refused altogether, or a server that cannot be reached, is not asked again.
    not_tried: tuple[str, ...] = ()
    # Those of them that nobody can try without the id of an object: the list of these objects is tried.
    of_objects: frozenset[str] = frozenset()
    # Entities that the account may lack: they were not named, but came with a group, or with all.
    may_lack: frozenset[str] = frozenset()

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each list of single objects, which is not tried: why not, and what stands for it."""
        parents = {entity.name: entity.parent for entity in _core.all_entities()}
        return tuple(
            f"{name} was not tried, since it cannot be asked without the id of one of the {parents[name]}, which were "
            "tried in its place; if it needs a permission of its own, a run names it"
            for name in self.not_tried
            if name in self.of_objects
        )

    def _refused(self) -> list[str]:
        """Give the lists that would fail like the last one."""
        return [name for name in self.not_tried if name not in self.of_objects]

    def _errors(self) -> dict[str, BaseException]:
        """Give the errors, without those of entities that the account may lack."""
        errors = {row.entity: row.error for row in self.entities if row.error is not None}
        lacks = {name for name, error in errors.items() if isinstance(error, ProductMissingError)} & self.may_lack
        return {name: error for name, error in errors.items() if name not in lacks}

    def _rows(self) -> list[tuple[str, ...]]:
        coverage = {entity.name: entity.event_coverage for entity in _core.all_entities()}
        rest = (EntityCheck(name, "not tried", None, coverage[name]).cells() for name in self._refused())
        of_objects = ((name, "not tried", "-", "-") for name in self.not_tried if name in self.of_objects)
        return [*(row.cells() for row in self.entities), *rest, *of_objects]

    def _facts(self) -> str:
        offset = self.clock_offset_seconds
        clock = "unknown" if offset is None else f"{offset:+d} s against Stripe's"
        account = self.stripe_account or "unknown (the key need not show it)"
        return (
            f"{self.mode} mode at {self.origin}, account {account}, API version {self.api_version or 'unknown'}, "
            f"clock {clock}, certificate authorities {self.authorities}"
        )

    def _summary(self) -> str:
        count = counted(len(self.entities) + len(self.not_tried), "list")
        return f"{sum(row.state == 'readable' for row in self.entities)} of {count} readable"

    def __str__(self) -> str:
        """Show all of it."""
        return self.to_text()

    def to_text(self, columns: int | None = None) -> str:
        """Show the table, within so many columns, the facts, and what to do."""
        errors = [one_line(error) for error in self._errors().values()]
        table = text_table(HEADINGS, self._rows(), left=len(HEADINGS), columns=columns, spare=("changes",))
        return "\n".join([table, self._facts(), *self.notes, *errors])

    def __repr__(self) -> str:
        """Say the server, and how many lists can be read."""
        return f"Check({self.mode} mode at {self.origin}: {self._summary()})"

    def _repr_html_(self) -> str:
        errors = self._errors()
        wrong = [number for number, row in enumerate(self.entities) if row.entity in errors]
        what = "give the key what the lines above name" if errors else "land the lists: stripe_raw_rs.ingest"
        return markup.block(
            markup.title(self._summary(), self._facts()),
            markup.table(HEADINGS, self._rows(), bad=wrong),
            markup.lines(self.notes, "muted"),
            markup.lines((one_line(error) for error in errors.values()), "bad"),
            markup.line(f"next: {what}", "muted"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        names = ("origin", "mode", "stripe_account", "authorities", "api_version", "clock_offset_seconds")
        rows = {
            "entities": [row.to_dict() for row in self.entities],
            "not_tried": list(self.not_tried),
            "notes": list(self.notes),
        }
        return {**{name: getattr(self, name) for name in names}, **rows}

    def raise_for_status(self) -> None:
        """Raise the error of the first entity that cannot be read; one that the account lacks, if it was named."""
        errors = self._errors()
        for error in errors.values():
            of = f"of {counted(len(self.entities), 'list')}"
            if isinstance(error, StripeRawError) and not self._refused():
                error.summary = f"{len(errors)} {of} cannot be read ({', '.join(errors)})"
            elif isinstance(error, StripeRawError):
                rest = counted(len(self._refused()), "other list")
                error.summary = f"{', '.join(errors)} cannot be read, and {rest} would fail the same and were not tried"
            raise error


@with_keywords("check")
def check(**given: Unpack[CheckKeywords]) -> Check:
    """Try to read each entity: whether the key can, and if not, which permission is missing or what else is wrong.

    One request of one object for each entity, and one for the account's id. A key that is refused altogether, or a
    server that cannot be reached, is not asked again. Keywords are those of `ingest`, with the environment and the
    settings file behind them. Raises UsageError if something cannot be used as given.
    """
    keywords = cast("dict[str, Any]", given)
    key = take_key(keywords)
    with panics_as_errors(), keywords_of("check", keywords) as options:
        return try_lists(key, options)


def try_lists(key: ApiKey | None, options: Mapping[str, Any]) -> Check:
    """Do what `check` does with exactly these keywords, whatever the environment says."""
    account = options.get("stripe_account")
    key = key_of(key, options)
    if not key.is_restricted:
        logger.warning("the key is a secret key (sk_...), which may do anything: a restricted key (rk_...) is enough")
    client = client_of(key, options)
    selection = _core.entities(options.get("entities", ""))
    entities = list(dict.fromkeys(entity.parent or entity.name for entity in selection))
    of_objects = [entity.name for entity in selection if entity.parent]
    may_lack = frozenset(entity.name for entity in selection if not entity.is_named)
    found = tuple(_probes(client, entities, account))
    coverage = {entity.name: entity.event_coverage for entity in _core.all_entities()}
    offsets = [offset for probe in found if (offset := probe.clock_offset_seconds) is not None]
    return Check(
        origin=client.origin,
        mode=client.mode,
        stripe_account=account or (client.account_id() if found[-1].api_version else None),
        authorities=client.authorities,
        entities=tuple(
            EntityCheck(probe.entity, probe.state, probe.permission or None, coverage[probe.entity], probe.error)
            for probe in found
        ),
        api_version=next((probe.api_version for probe in found if probe.api_version), None),
        clock_offset_seconds=min(offsets, key=abs, default=None),
        not_tried=(*entities[len(found) :], *of_objects),
        of_objects=frozenset(of_objects),
        may_lack=may_lack,
    )


def _probes(client: Client, names: list[str], account: str | None) -> Iterable[Probe]:
    for name in names:
        probe = client.probe(name, account)
        yield probe
        if isinstance(probe.error, (AuthenticationError, ConnectionFailedError)):
            return
