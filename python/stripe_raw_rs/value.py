"""What the library's answers have in common: they can be compared, and their lists be found by name."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from stripe_raw_rs.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = TypeVar("Row")


class Value(ABC):
    """An answer. Two of them are equal if they say the same, as `to_dict()` has it."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Values only, fit for JSON."""

    def to_text(self, columns: int | None = None) -> str:
        """The text for people. If a terminal of so many columns has no room for a table, some of it may be left out."""
        del columns
        return str(self)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict(), sort_keys=True))


class Listing(Value, Generic[Row]):
    """An answer with one row for each list: `answer["charges"]` gives one of them, and iterating gives all."""

    entities: tuple[Row, ...]

    def __getitem__(self, entity: str | int) -> Row:
        """Give the row of a list by its name; a number counts from the first one."""
        if isinstance(entity, int):
            return self.entities[entity]
        for row in self.entities:
            if _name(row) == entity:
                return row
        names = [_name(row) for row in self.entities]
        raise KeyError(f"{entity!r} is not among the {len(names)} lists{nearest(str(entity), names)}")

    def __iter__(self) -> Iterator[Row]:
        return iter(self.entities)

    def __len__(self) -> int:
        return len(self.entities)

    def __bool__(self) -> bool:
        """An answer is true even if it has no list."""
        return True

    def __contains__(self, entity: object) -> bool:
        return any(entity in (row, _name(row)) for row in self.entities)


def _name(row: object) -> str:
    return str(getattr(row, "entity", None) or getattr(row, "name", ""))
