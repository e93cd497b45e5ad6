"""The differences between the registry and Stripe's OpenAPI description, one line each.

    uv run python tests/specification.py GO_MODULE

`just specification` names the module: stripe-mock has the description in it. Searches are not lists, and not in the
registry.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import entities
from stripe_raw_rs._core import all_entities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs import Entity

# Other addresses of lists that the registry has.
ALIASES = {"/v1/balance/history": "balance_transactions", "/v1/linked_accounts": "financial_connections_accounts"}

# Lists of single objects that are left out: no list has their objects, or all that they must be asked with.
LEFT_OUT = (
    "/v1/apps/secrets",
    "/v1/billing/meters/{id}/event_summaries",
    "/v1/credit_notes/preview/lines",
    "/v1/financial_connections/accounts/{id}/owners",
    "/v1/sources/{id}/source_transactions",
    "/v1/tax/calculations/{id}/line_items",
    "/v1/tax/transactions/{id}/line_items",
)
# Other addresses of such lists.
CHILD_ALIASES = ("/v1/accounts/{id}/people", "/v1/linked_accounts/{id}/owners")

# Stripe's clients have these, and the description is older.
NEWER = (
    "/v1/apps/installs",
    "/v1/product_catalog/trial_offers",
    "/v1/tax/locations",
    "/v1/three_d_secure/authentications",
)
NEWER_EVENTS = ("apps.install.", "three_d_secure.authentication.")


# Beginnings of event types whose objects are in no list of the registry: parts of other objects, objects of a parent's
# list, and settings.
ELSEWHERE = (
    "account.application.",
    "account.external_account.",
    "balance.available",
    "balance_settings.",
    "billing.alert.triggered",
    "billing_portal.session.",
    "capability.",
    "cash_balance.",
    "customer.discount.",
    "financial_connections.authorization.",
    "mandate.",
    "person.",
    "reserve.",
    "source.",
    "tax.settings.",
)


def differences(specification: dict[str, Any]) -> list[str]:
    """Compare paths, filters, pages, times, types of objects, and types of events."""
    described, ours = dict(lists(specification)), {entity.path: entity for entity in entities()}
    found = [f"{path} is not in the registry" for path in described if path not in ours and path not in ALIASES]
    found += [f"{path} is not in the description" for path in ours if path not in described]
    both = [(entity, described[path]) for path, entity in ours.items() if path in described]
    found += [line for entity, described in both for line in _of_list(entity, described)]
    return sorted([*found, *_of_children(specification), *_of_events(_event_types(specification))])


def _event_types(specification: dict[str, Any]) -> set[str]:
    body = specification["paths"]["/v1/webhook_endpoints"]["post"]["requestBody"]["content"]
    members = body["application/x-www-form-urlencoded"]["schema"]["properties"]
    return {*members["enabled_events"]["items"]["enum"]} - {"*"}


def _of_events(described: set[str]) -> list[str]:
    ours = {event_type for entity in all_entities() for event_type in entity.event_types}
    missing = [f"event type {name} belongs to no list" for name in described - ours if not name.startswith(ELSEWHERE)]
    return missing + [f"event type {name} is not in the description" for name in ours - described]


def lists(specification: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the top-level lists that need no parameter: their paths, and what is described of each."""
    for path, operations in specification["paths"].items():
        answer = _resolved(specification, _json(operations.get("get", {}).get("responses", {}).get("200", {})))
        members = answer.get("properties", {})
        parameters = {parameter["name"]: parameter for parameter in operations.get("get", {}).get("parameters", [])}
        is_list = members.get("object", {}).get("enum") == ["list"] and "has_more" in members
        if "{" in path or not is_list or any(parameter.get("required") for parameter in parameters.values()):
            continue
        element = _resolved(specification, members["data"]["items"])
        times = [name for name in ("created", "date") if name in element["properties"]]
        yield (
            path,
            {
                "parameters": parameters,
                "object": element["properties"]["object"]["enum"][0],
                "time": times[0] if times else "",
                "is_dated": bool(times) and times[0] in element.get("required", []),
            },
        )


def _of_children(specification: dict[str, Any]) -> Iterator[str]:
    described = dict(child_lists(specification))
    ours = {entity.path: entity for entity in all_entities() if entity.parent is not None}
    known = {*ours, *LEFT_OUT, *CHILD_ALIASES}
    yield from (f"{path} is not in the registry" for path in described if path not in known)
    yield from (f"{path} is not in the description" for path in known if path not in described)
    tops = {entity.name: entity for entity in all_entities()}
    for path, entity in ours.items():
        if path not in described or entity.parent is None:
            continue
        facts = described[path]
        shown = _shown(specification, tops[entity.parent], entity.member)
        for name, ours_is, theirs_is in (
            ("objects", [*entity.object.split("|")], facts["objects"]),
            ("parameter", entity.parameter, facts["parameter"]),
            ("has_pages", entity.has_pages, facts["has_pages"]),
            ("is_shown", entity.is_shown, shown == "always"),
            ("time_field", entity.time_field in facts["times"], bool(facts["times"])),
        ):
            if ours_is != theirs_is:
                yield f"{path}: {name} is {ours_is!r}, and described as {theirs_is!r}"
        if entity.member and shown is None:
            yield f"{path}: its objects have no list '{entity.member}'"


def child_lists(specification: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the lists that need an id in the path, or parameters: their paths, and what is described of each."""
    for path, operations in specification["paths"].items():
        answer = _resolved(specification, _json(operations.get("get", {}).get("responses", {}).get("200", {})))
        members = answer.get("properties", {})
        parameters = operations.get("get", {}).get("parameters", [])
        needed = [each["name"] for each in parameters if each.get("required") and each["in"] == "query"]
        ids = re.findall(r"\{\w+\}", path)
        if members.get("object", {}).get("enum") != ["list"] or "has_more" not in members or len(ids + needed) == 0:
            continue
        items = members["data"]["items"]
        elements = [_resolved(specification, each) for each in items.get("anyOf", [items])]
        # An object of a list that has no pages may have no time that dates it.
        times = {name for name in ("created", "transacted_at") if all(name in each["required"] for each in elements)}
        yield (
            re.sub(r"\{\w+\}", "{id}", path),
            {
                "objects": sorted(each["properties"]["object"]["enum"][0] for each in elements),
                "parameter": needed[0] if needed else "",
                "has_pages": any(each["name"] == "limit" for each in parameters),
                "times": times,
            },
        )


def _shown(specification: dict[str, Any], parent: Entity, member: str) -> str | None:
    """Say whether objects of a list always have a list of their own, or "sometimes"; None if never."""
    schema = specification["components"]["schemas"][parent.object]
    always = bool(member)
    for name in filter(None, member.split("/")):
        found = schema.get("properties", {}).get(name)
        if found is None:
            return None
        always = always and name in schema.get("required", []) and not found.get("nullable")
        schema = _resolved(specification, found.get("anyOf", [found])[0])
    return "always" if always else "sometimes"


def _of_list(entity: Entity, described: dict[str, Any]) -> Iterator[str]:
    parameters = described["parameters"]
    filters = "created" in parameters or "created_after" in parameters
    # A filter leaves out objects without a time.
    window = ("server" if filters else "client") if described["is_dated"] else "whole"
    facts = {
        "object": (entity.object, described["object"]),
        "time_field": (entity.time_field, described["time"]),
        "window": (entity.window, window),
    }
    for name, (ours, theirs) in facts.items():
        if ours != theirs:
            yield f"{entity.path}: {name} is '{ours}', and described as '{theirs}'"
    for name in entity.fixed_query:
        if name not in parameters:
            yield f"{entity.path}: parameter '{name}' is not described"


def _json(answer: dict[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _resolved(specification: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    described: dict[str, Any] = specification["components"]["schemas"][name] if name else schema
    return described


def described_in(module: str) -> dict[str, Any]:
    """Read the description in a Go module, e.g. `github.com/stripe/stripe-mock@v0.203.0`."""
    downloaded = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, check=True)
    folder = Path(json.loads(downloaded.stdout)["Dir"])
    specification: dict[str, Any] = json.loads((folder / "embedded" / "openapi" / "spec3.json").read_bytes())
    return specification


if __name__ == "__main__":
    lines = differences(described_in(sys.argv[1]))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
