"""The README's tables that follow from the code; `just readme` writes them, and a test checks them."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa

from stripe_raw_rs import _core
from stripe_raw_rs.options import COMMANDS, OPTIONS

README = Path(__file__).parent.parent / "README.md"


def _options() -> str:
    rows = ["| option of `stripe-raw run` | default | what |", "|---|---|---|"]
    for name in COMMANDS["run"].options:
        option = OPTIONS[name]
        written = f"`{option.flag}`" if option.kind == "flag" else f"`{option.flag} {option.metavar}`"
        rows.append(f"| {written} | {option.default} | {option.help} |")
    return "\n".join(rows)


def _columns() -> str:
    rows = ["| column of a raw table | type | what |", "|---|---|---|"]
    for field in pa.schema(_core.raw_schema()):
        comment = (field.metadata or {})[b"comment"].decode()
        kind = "timestamp" if pa.types.is_timestamp(field.type) else str(field.type).replace("64", "").replace("32", "")
        kind = {"int": "long" if field.type == pa.int64() else "int"}.get(kind, kind)
        rows.append(f"| `{field.name}` | {kind}{'' if field.nullable else ', not null'} | {comment} |")
    return "\n".join(rows)


def _permissions() -> str:
    lists: dict[str, list[str]] = {}
    for entity in _core.entities("all"):
        if entity.permission:
            lists.setdefault(entity.permission, []).append(entity.name)
    rows = [f"| `{permission}` | {', '.join(names)} |" for permission, names in sorted(lists.items())]
    return "\n".join(["| permission | lists |", "|---|---|", *rows])


def _lists() -> str:
    rows = [
        (f"`{entity.name}`", entity.group, entity.window, entity.event_coverage, entity.product, entity.note)
        for entity in _core.entities("all")
    ]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["| list | group | window | events | needs | |", "|---|---|---|---|---|---|", *lines])


def with_tables(text: str) -> str:
    """Put the tables between their marks."""
    tables = {"options": _options(), "lists": _lists(), "columns": _columns(), "permissions": _permissions()}
    for name, table in tables.items():
        text = re.sub(
            rf"(<!-- {name}: begin[^\n]*\n).*?(<!-- {name}: end -->)",
            lambda found, table=table: found[1] + table + "\n" + found[2],  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text(encoding="utf-8")), encoding="utf-8")
