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
    children: dict[str, list[str]] = {}
    for child in _core.all_entities():
        if child.parent is not None:
            children.setdefault(child.parent, []).append(child.name if child.is_shown else f"({child.name})")
    head = ["| list | group | window | events | its objects' lists | needs | |", "|---|---|---|---|---|---|---|"]
    for entity in _core.entities("all"):
        lists = " ".join(sorted(children.get(entity.name, []), key=lambda name: name.startswith("(")))
        needs = ", ".join(filter(None, (entity.product, entity.permission and f"`{entity.permission}`")))
        facts = (f"`{entity.name}`", entity.group, entity.window, entity.event_coverage, lists, needs)
        head.append(f"| {' | '.join((*facts, entity.note))} |")
    return "\n".join(head)


def _children() -> str:
    rows = ["| list | of each object of | shown | all asked again | needs | |", "|---|---|---|---|---|---|"]
    for entity in _core.all_entities():
        if entity.parent is None:
            continue
        asked = f"with `--expand` ({entity.member})" if entity.member else ""
        shown = f"ten ({entity.member})" if entity.is_shown else asked
        again = "" if entity.is_reported else "yes"
        facts = (f"`{entity.name}`", f"`{entity.parent}`", shown, again, entity.product, entity.note)
        rows.append(f"| {' | '.join(facts)} |")
    return "\n".join(rows)


def with_tables(text: str) -> str:
    """Put the tables between their marks."""
    tables = {
        "options": _options(),
        "lists": _lists(),
        "children": _children(),
        "columns": _columns(),
        "permissions": _permissions(),
    }
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
