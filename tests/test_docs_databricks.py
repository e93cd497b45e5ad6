"""The guide for Databricks says what the CLI takes, and looks at the tables that it has made."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
import yaml

from stripe_raw_rs import entities
from tests.databricks.bundle import ROOT, USER, merged, read, resolved
from tests.databricks.test_bundle import faults
from tests.documents import DOCS, DOCUMENTS, blocks, section

if TYPE_CHECKING:
    from pathlib import Path

GUIDE = DOCS / "databricks.md"
TEXT = GUIDE.read_text(encoding="utf-8")
BUNDLE = read()
# Where a reader may find how to set a variable.
PLACES = (*DOCUMENTS, ROOT / "databricks.yml", *sorted((ROOT / "resources").glob("*.yml")))
COMPLEX = {name for name, entry in BUNDLE["variables"].items() if entry.get("type") == "complex"}
# Named by a reader who follows the guide.
YOU = "you"


def refusals(text: str) -> list[str]:
    """Say what the CLI refuses of the variables that a text sets: its flag is a list, and complex ones are in files."""
    found = []
    for name, value in re.findall(r"--var[= ][\"']?(\w+)=([^`\n]*)", text):
        if name not in BUNDLE["variables"] or name in COMPLEX or re.search(r"[,\"'\[{]", value.strip("\"' ")):
            found.append(f"--var {name}")
    found += [f"BUNDLE_VAR_{name}" for name in re.findall(r"BUNDLE_VAR_(\w+)", text) if name not in BUNDLE["variables"]]
    found += [f"BUNDLE_VAR_{name}" for name in re.findall(r"BUNDLE_VAR_(\w+)", text) if name in COMPLEX]
    # A run starts the job as it was deployed.
    found += re.findall(r"bundle run [^`\n]*--var|(?:BUNDLE_VAR_\w+=\S+ )+databricks bundle run|run with `--var", text)
    return found


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_no_document_sets_a_variable_as_the_cli_refuses_it(place: Path) -> None:
    assert refusals(place.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "such as `--var='entities=events,charges,refunds'`",
        """`--var=failure_emails='["you@example.com"]'`""",
        "databricks bundle deploy --var failure_emails=you",
        "databricks bundle deploy --var shcema=raw",
        "BUNDLE_VAR_job_permissions='[]' databricks bundle deploy",
        "BUNDLE_VAR_entity=events databricks bundle deploy",
        "databricks bundle run stripe_ingestion_job --var=entities=refunds",
        "BUNDLE_VAR_entities=refunds databricks bundle run stripe_ingestion_job",
    ],
)
def test_what_the_cli_refuses_is_seen(text: str) -> None:
    assert refusals(text)


def test_what_the_guide_sets_for_production_is_a_bundle() -> None:
    (block,) = blocks("yaml", of=GUIDE)
    bundle = merged(BUNDLE, yaml.safe_load(block.text))
    assert list(faults(bundle)) == []
    target = resolved(bundle, "prod")
    (alert,) = target.tree["resources"]["alerts"].values()
    assert alert["evaluation"]["notification"]["subscriptions"] == [{"user_email": "you@example.com"}]
    assert target.job["email_notifications"]["on_failure"] == ["you@example.com"]
    assert target.job["schedule"]["pause_status"] == "UNPAUSED"
    named = target.task["python_wheel_task"]["named_parameters"]["entities"]
    assert {"events"} | {entity.name for entity in entities("")} == {*named.split(",")}


def test_the_form_for_the_key_gives_what_production_reads() -> None:
    given = set(re.findall(r"permissions\[\]=(\w+)", TEXT))
    read_there = yaml.safe_load(blocks("yaml", of=GUIDE)[0].text)["targets"]["prod"]["variables"]["entities"]
    assert {entity.permission for entity in entities(read_there)} == given


def test_the_guide_looks_where_it_has_deployed() -> None:
    schemas = {
        name: resolved(BUNDLE, name)
        .task["python_wheel_task"]["named_parameters"]["schema"]
        .replace(USER["workspace.current_user.short_name"], YOU)
        for name in ("dev", "prod")
    }
    steps = "\n".join(section(GUIDE, "land-it"))
    assert re.findall(r"bundle deploy --target (\w+)", steps) == ["dev"]
    assert re.findall(r"main\.(\w+)", "".join(re.findall(r"```sql\n(.*?)```", steps, re.DOTALL))) == [schemas["dev"]]
    later = "\n".join(section(GUIDE, "in-production"))
    assert re.findall(r"bundle deploy --target (\w+)", later) == ["prod"]
    assert set(re.findall(r"\bmain\.(\w+)", later)) == {schemas["prod"]}
    programs = "".join(block.text for block in blocks("py", of=GUIDE))
    assert set(re.findall(r'schema="(\w+)"', programs)) == {schemas["dev"]}


def test_the_list_of_the_trial_is_the_one_that_is_looked_at() -> None:
    (trial,) = re.findall(r"BUNDLE_VAR_entities=(\S+) databricks bundle deploy --target dev", TEXT)
    looked_at = set(re.findall(r"stripe_(\w+)_raw\b", "\n".join(section(GUIDE, "land-it"))))
    assert looked_at <= {*trial.split(",")}


def test_a_service_principal_is_named_by_its_application_id() -> None:
    """Unity Catalog knows no display name of one: that would be a group."""
    (identity,) = re.findall(r"service_principal_name: (\S+)", (ROOT / "databricks.yml").read_text(encoding="utf-8"))
    given = {name for block in blocks("sql", of=GUIDE) for name in re.findall(r"TO `([^`]+)`", block.text)}
    assert given == {identity, "stripe-operators"}


def test_every_command_of_the_cli_is_written_out() -> None:
    lines = [shlex.split(line) for block in blocks("console", of=GUIDE) for line in block.text.splitlines()]
    verbs = [" ".join(line[line.index("databricks") + 1 :][:2]) for line in lines]
    wanted = [
        "auth login",
        "secrets create-scope",
        "secrets put-secret",
        "bundle validate",
        "bundle deploy",
        "bundle run",
    ]
    wanted += ["service-principals create", "secrets put-acl", "bundle deploy", "bundle run"]
    assert verbs == wanted
