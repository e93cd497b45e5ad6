"""The lists that can be landed, as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core, markup
from stripe_raw_rs.text import counted, text_table
from stripe_raw_rs.value import Listing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stripe_raw_rs._core import Entity

_ABOUT = ("path", "object", "table", "group", "product", "permission", "note")
_BEHIND = ("time_field", "window", "event_coverage", "can_vanish", "default", "parent", "is_shown")
_HEADINGS = ("entity", "group", "window", "default", "note")


class Entities(Listing["Entity"]):
    """The result of `entities`: `entities()["charges"]` is one list. Its text is a table for people."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        """Keep the rows of the registry."""
        self.entities = tuple(entities)

    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""
        return {
            "entities": [
                {"entity": entity.name, **{name: getattr(entity, name) for name in (*_ABOUT, *_BEHIND)}}
                for entity in self.entities
            ]
        }

    def __repr__(self) -> str:
        """Say how many lists there are."""
        names = [entity.name for entity in self.entities]
        return f"Entities({counted(len(names), 'list')}: {', '.join([*names[:5], *(['...'] * (len(names) > 5))])})"  # noqa: PLR2004

    def __str__(self) -> str:
        """Show the table."""
        return text_table(_HEADINGS, [_cells(entity) for entity in self.entities], left=len(_HEADINGS))

    def _repr_html_(self) -> str:
        return markup.block(
            markup.title(counted(len(self.entities), "list")),
            markup.table(_HEADINGS, [_cells(entity) for entity in self.entities]),
        )


def entities(selection: str | Iterable[str] = "all") -> Entities:
    """Give the lists that a selection names: a comma list, or several texts, of entities and groups, or "all".

    With "" it is the five default ones. "all" are the lists of an account; lists of single objects are there by name.
    Raises UsageError for an unknown name.
    """
    return Entities(_core.entities(selection if isinstance(selection, str) else ",".join(selection)))


def _cells(entity: Entity) -> tuple[str, ...]:
    needs = f"needs {entity.product}" if entity.product else ""
    of = f"of each object of {entity.parent}" if entity.parent else ""
    with_parents = "comes with them where they are cut off" if entity.is_shown else ""
    note = "; ".join(filter(None, (of, with_parents, needs, entity.note)))
    return (entity.name, entity.group, entity.window, "default" if entity.default else "", note)
