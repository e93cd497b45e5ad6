"""The documents' tables that follow from the code; `just readme` writes them, and a test checks them."""

from __future__ import annotations

import dataclasses
import inspect
import re

import pyarrow as pa

import stripe_raw_rs
from stripe_raw_rs import _core, exceptions
from stripe_raw_rs.options import COMMANDS, OPTIONS
from tests.documents import DOCUMENTS
from tests.stub_docs import STUB, with_docstrings

# The options of `run`, by what a reader needs them for. One that no row names comes under the last heading.
NEEDS = {
    "Say where the tables are": ("lake", "catalog", "schema", "checkpoint_table"),
    "Say what to read": ("entities", "expand", "start", "stripe_account", "accounts", "dry_run"),
    "Give the key": ("api_key_file", "stripe_secret_scope", "stripe_secret_key"),
    "Follow changes": ("changes", "lookback_seconds", "relist_days", "whole_every_days", "repeats"),
    "Go on with an unfinished run, or begin again": ("take_over", "restart_run", "from_scratch", "owner"),
    "Set the pace": (
        "max_requests_per_second",
        "max_requests_per_second_per_endpoint",
        "max_concurrent_requests",
        "max_requests",
        "page_size",
        "commit_interval_seconds",
    ),
    "Try again": (
        "max_retries",
        "request_timeout_seconds",
        "backoff_base_seconds",
        "backoff_max_seconds",
        "backoff_jitter",
    ),
    "Reach Stripe": ("api_base_url", "ca_file", "stripe_version"),
    "Shape the tables": ("liquid_clustering", "maintenance", "check_payloads", "staging_volume"),
    "See what happens": ("output", "log_format", "color", "quiet", "verbose"),
    "Keep settings in a file": ("settings", "profile", "show_settings"),
}
_OTHERWISE = "The rest"
_OF_ALL = ("See what happens", "Keep settings in a file")


def _options() -> str:
    known = COMMANDS["run"].options
    named = {name for names in NEEDS.values() for name in names}
    needs = {**NEEDS, _OTHERWISE: tuple(name for name in known if name not in named)}
    tables = []
    for need, names in needs.items():
        rows = [_option(name) for name in names if name in known]
        if rows:
            tables.append("\n".join([f"### {need}\n", "| option | default | what |", "|---|---|---|", *rows]))
    return "\n" + "\n\n".join(tables) + "\n"


def _option(name: str) -> str:
    option = OPTIONS[name]
    written = f"`{option.flag}`" if option.kind == "flag" else f"`{option.flag} {option.metavar}`"
    return f"| {written} | {option.default} | {option.help} |"


def _commands() -> str:
    rows = ["| command | what | options |", "|---|---|---|"]
    # The document says once that each command has these.
    of_all = {name for need in _OF_ALL for name in NEEDS[need]}
    for command in COMMANDS.values():
        names = " ".join(f"`{OPTIONS[name].flag}`" for name in command.options if name not in of_all)
        options = "[below](#options-by-need)" if command.name in ("run", "plan") else names
        rows.append(f"| `{command.name}` | {command.help} | {options} |")
    return "\n".join(rows)


def _errors() -> str:
    rows = ["| class | exit code | exception | means |", "|---|---|---|---|"]
    for name, kind in vars(exceptions).items():
        if inspect.isclass(kind) and issubclass(kind, exceptions.StripeRawError) and "error_class" in vars(kind):
            line = (kind.__doc__ or "").split("\n")[0]
            rows.append(f"| `{kind.error_class}` | {kind.exit_code} | `{name}` | {line} |")
    return "\n".join(rows)


# Each function, its answer, and what the answer has for each list.
_ANSWERS = {
    "ingest": (stripe_raw_rs.Report, stripe_raw_rs.EntityResult),
    "check": (stripe_raw_rs.Check, stripe_raw_rs.EntityCheck),
    "plan": (stripe_raw_rs.Plan, stripe_raw_rs.PlannedList),
    "status": (stripe_raw_rs.Status, stripe_raw_rs.ListStatus),
    "verify": (stripe_raw_rs.Verification, stripe_raw_rs.EntityAudit),
}


def _answers() -> str:
    rows = ["| answer of | its attributes | those of each of its `entities` |", "|---|---|---|"]
    for name, (answer, row) in _ANSWERS.items():
        rows.append(f"| `{name}`: `{answer.__name__}` | {_attributes(answer)} | `{row.__name__}`: {_attributes(row)} |")
    return "\n".join(rows)


def _attributes(kind: type) -> str:
    fields = [field.name for field in dataclasses.fields(kind)]
    properties = [name for name, value in inspect.getmembers(kind) if isinstance(value, property)]
    return ", ".join(f"`{name}`" for name in dict.fromkeys([*fields, *properties]) if not name.startswith("_"))


def _checkpoints() -> str:
    comments = {field.name: (field.metadata or {})[b"comment"] for field in pa.schema(_core.checkpoint_schema())}
    rows = [f"| `{name}` | {comment.decode()} |" for name, comment in comments.items()]
    return "\n".join(["| column of the checkpoint table | what |", "|---|---|", *rows])


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
        "commands": _commands(),
        "options": _options(),
        "errors": _errors(),
        "answers": _answers(),
        "checkpoints": _checkpoints(),
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
    for document in DOCUMENTS:
        document.write_text(with_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
    STUB.write_text(with_docstrings(STUB.read_text(encoding="utf-8")), encoding="utf-8")
