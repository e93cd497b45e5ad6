"""What all tests share: commits made by hand for the tables, a simulator and a command line for the whole."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from stripe_raw_rs.tables.delta_rs import DeltaRsTables

if TYPE_CHECKING:
    from pathlib import Path

_SERIAL = itertools.count(1)


class HandMade:
    """A commit as `Rows` and `Checkpoint` offer it, of rows given as a table."""

    def __init__(self, rows: pa.Table, version: int, app_id: str = "app") -> None:
        self.app_id = app_id
        self.commit_version = version
        self.nonce = f"nonce-{next(_SERIAL)}"
        self.metadata = f'{{"nonce":"{self.nonce}","version":{version}}}'
        self._rows = rows

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._rows.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self._rows.num_rows)


class Columns:
    """A schema as the compiled half offers it."""

    def __init__(self, schema: pa.Schema) -> None:
        self.names: list[str] = schema.names
        self.arrow = schema

    def __arrow_c_schema__(self) -> object:
        return self.arrow.__arrow_c_schema__()

    def difference(self, actual: object) -> str | None:
        return None if pa.schema(actual).equals(self.arrow) else "other columns"


def _column(name: str, kind: pa.DataType, *, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"comment": f"what {name} says"})


SCHEMA = pa.schema(
    [
        _column("_stripe_id", pa.string(), nullable=False),
        _column("_stripe_created_at", pa.timestamp("us", "UTC")),
        _column("_stripe_account", pa.string()),
        _column("_page_number", pa.int64(), nullable=False),
        _column("_raw_json", pa.string(), nullable=False),
    ]
)


def rows_of(*ids: str, account: str | None = None) -> pa.Table:
    """Rows with these ids, one second apart."""
    return pa.table(
        {
            "_stripe_id": list(ids),
            "_stripe_created_at": [1_700_000_000_000_000 + number * 1_000_000 for number in range(len(ids))],
            "_stripe_account": [account] * len(ids),
            "_page_number": list(range(1, len(ids) + 1)),
            "_raw_json": [f'{{"id":"{identifier}"}}' for identifier in ids],
        },
        schema=SCHEMA,
    )


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def tables(lake: Path) -> DeltaRsTables:
    return DeltaRsTables(lake)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No option and no key from the environment the tests were started in."""
    for name in [name for name in os.environ if name.startswith(("STRIPE_RAW_", "STRIPE_API_KEY"))]:
        monkeypatch.delenv(name)
