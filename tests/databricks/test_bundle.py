"""The bundle, as far as it can be judged without a workspace: faults that the CLI or only a run would show."""

from __future__ import annotations

import copy
import fnmatch
import importlib
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from databricks.bundles.alerts import Alert
from databricks.bundles.jobs import Job

from stripe_raw_rs import _core
from stripe_raw_rs.options import COMMANDS
from tests.databricks.bundle import (
    JOB,
    ROOT,
    USER,
    BundleError,
    Target,
    Tree,
    merged,
    overridden,
    read,
    references,
    resolved,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BUNDLE = read()
TARGETS = sorted(BUNDLE["targets"])
EACH_TARGET = pytest.mark.parametrize("name", TARGETS)
# The permissions of others, as the CLI and the workspace name them.
PERMISSION_LEVELS = {
    "jobs": ("CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE"),
    "dashboards": ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE"),
}
ARCHITECTURES = ("x86_64", "aarch64")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
JUSTFILE = (ROOT / ".justfile").read_text(encoding="utf-8")


def wheel_of(architecture: str, version: str = "0.1.0") -> str:
    """The name that maturin gives to the wheel."""
    platform = f"manylinux2014_{architecture}.manylinux_2_17_{architecture}"
    return f"dist/stripe_raw_rs-{version}-cp310-abi3-{platform}.whl"


def entry_points(group: str) -> dict[str, str]:
    """The entry points of a group, as pyproject.toml declares them."""
    section = re.search(rf'^\[project\.entry-points\."?{group}"?\]\n((?:[\w-]+ = .*\n)*)', PROJECT, re.MULTILINE)
    return dict(re.findall(r'^([\w-]+) = "(.*)"', section.group(1), re.MULTILINE)) if section else {}


def job_of(tree: Any) -> Job:
    """The job, as Databricks' own package reads it; unknown fields are refused."""
    return Job.from_dict(tree)


def faults(bundle: Tree) -> Iterator[str]:
    """All faults of a bundle, a line each."""
    declared = bundle["variables"]
    used = {name.removeprefix("var.") for name in references(bundle) if name.startswith("var.")}
    yield from (f"the variable {name} is not declared" for name in sorted(used - declared.keys()))
    yield from (f"the variable {name} is used nowhere" for name in sorted(declared.keys() - used))
    yield from (f"the variable {name} is not described" for name in declared if not declared[name].get("description"))
    for name, entry in declared.items():
        if entry.get("type", "complex") != "complex":
            yield f"the variable {name} is of the type {entry['type']}"
        if isinstance(entry.get("default"), (dict, list)) != ("type" in entry):
            yield f"the variable {name} says another type than its default has"
    defaults = [name for name, target in bundle["targets"].items() if target.get("default")]
    if len(defaults) != 1:
        yield f"default targets are {defaults}"
    for name in bundle["targets"]:
        yield from (f"{name}: {fault}" for fault in faults_of_target(bundle, name))


def faults_of_target(bundle: Tree, name: str) -> Iterator[str]:
    try:
        yield from target_faults(resolved(bundle, name))
    except BundleError as error:
        yield str(error)


def target_faults(target: Target) -> Iterator[str]:
    mode = target.tree.get("mode")
    if mode not in {"development", "production"}:
        yield f"the mode is {mode}"
    if mode == "production" and not target.tree.get("workspace", {}).get("root_path"):
        yield "production has no root_path"
    try:
        job_of(target.job)
        for alert in target.tree["resources"]["alerts"].values():
            Alert.from_dict(alert)
            yield from schedule_faults(alert["schedule"]["quartz_cron_schedule"])
    except (TypeError, ValueError) as error:
        yield str(error)
        return
    yield from permission_faults(target)
    yield from compute_faults(target.job, target.task)
    yield from call_faults(target.task["python_wheel_task"])
    yield from wheel_faults(target)
    yield from schedule_faults(target.job["schedule"]["quartz_cron_expression"])


def permission_faults(target: Target) -> Iterator[str]:
    """Each resource has permissions for others; each goes to one name, and none makes an owner, who is the deployer."""
    for kind, levels in PERMISSION_LEVELS.items():
        for name, resource in target.tree["resources"][kind].items():
            if not resource.get("permissions"):
                yield f"{name} has no permissions"
            for entry in resource.get("permissions", ()):
                if entry["level"] not in levels:
                    yield f"{name} has the permission {entry['level']}"
                principals = entry.keys() & {"group_name", "service_principal_name", "user_name"}
                if len(principals) != 1 or len(entry) != 2:
                    yield f"{name} gives {entry['level']} to {sorted(principals)}"


def compute_faults(job: Tree, task: Tree) -> Iterator[str]:
    for part, key in (("environments", "environment_key"), ("job_clusters", "job_cluster_key")):
        there = {entry[key] for entry in job.get(part, ())}
        wanted = {task[key]} if key in task else set()
        yield from (f"there is no {key} {name}" for name in sorted(wanted - there))
        yield from (f"the {key} {name} is used nowhere" for name in sorted(there - wanted))
    ways = [key for key in ("environment_key", "job_cluster_key", "new_cluster", "existing_cluster_id") if key in task]
    if len(ways) != 1:
        yield f"the task runs on {ways}"
    # Serverless tasks refuse libraries of their own: their libraries are in their environment.
    if "environment_key" in task and "libraries" in task:
        yield "a serverless task has libraries"


def call_faults(call: Tree) -> Iterator[str]:
    package, entry = call["package_name"], call["entry_point"]
    if re.search(rf'^name = "{package.replace("_", "-")}"', PROJECT, re.MULTILINE) is None:
        yield f"the wheel is not called {package}"
    known = entry_points(package)
    if entry not in known:
        yield f"{package} has no entry point {entry}"
        return
    module, _, function = known[entry].partition(":")
    if not callable(getattr(importlib.import_module(module), function, None)):
        yield f"there is no {known[entry]}"
    options = COMMANDS["run"].options
    yield from (f"run has no option {name}" for name in call["named_parameters"] if name not in options)


def wheel_faults(target: Target) -> Iterator[str]:
    """The command builds for one architecture, and every glob finds this wheel, of any version, and no other."""
    artifact = target.artifact
    if artifact.get("type") != "whl":
        yield f"the artifact is of the type {artifact.get('type')}"
    command = re.fullmatch(r"uv run --only-dev just (\w+) (\w+)", artifact["build"])
    if command is None or re.search(rf"^{command[1]} .*:", JUSTFILE, re.MULTILINE) is None:
        yield f"there is no recipe for {artifact['build']}"
        return
    if command[2] not in ARCHITECTURES:
        yield f"no wheel is built for {command[2]}"
    globs = target.wheel_globs()
    if not globs:
        yield "the task installs no wheel"
    for pattern in (*(file["source"] for file in artifact["files"]), *globs):
        for version in ("0.1.0", "1.20.3rc1", "0.1.0+1741091696780123321"):
            found = [name for name in ARCHITECTURES if fnmatch.fnmatchcase(wheel_of(name, version), pattern)]
            if found != [command[2]]:
                yield f"{pattern} finds wheels of {found}"
                break


def schedule_faults(expression: str) -> Iterator[str]:
    """Quartz has seconds first, and one of the two kinds of day must be a question mark."""
    fields = expression.split()
    if len(fields) not in {6, 7} or [fields[3], fields[5]].count("?") != 1:
        yield f"'{expression}' is not a Quartz expression"


def test_the_bundle_has_no_faults() -> None:
    assert list(faults(BUNDLE)) == []


@EACH_TARGET
def test_databricks_accepts_the_job_with_its_references_and_without(name: str) -> None:
    for target in (resolved(BUNDLE, name), resolved(BUNDLE, name, {"failure_emails": ["someone@example.com"]})):
        assert job_of(target.job).name == JOB
        assert list(references(target.job)) == []
    assert job_of(overridden(BUNDLE, name)["resources"]["jobs"][JOB]).name == JOB


@EACH_TARGET
def test_the_alert_looks_after_the_daily_run_and_only_in_production(name: str) -> None:
    target = resolved(BUNDLE, name, {"alert_subscriptions": [{"user_email": "someone@example.com"}]})
    assert list(target_faults(target)) == []
    (alert,) = target.tree["resources"]["alerts"].values()
    assert alert["schedule"]["pause_status"] == target.job["schedule"]["pause_status"]
    (hour, minute), (job_hour, job_minute) = (
        (int(fields[2]), int(fields[1]))
        for schedule in (alert["schedule"]["quartz_cron_schedule"], target.job["schedule"]["quartz_cron_expression"])
        if (fields := schedule.split())
    )
    # A run of yesterday is stale then, and one of today has had its time.
    after = 60 * (hour - job_hour) + minute - job_minute
    (stale,) = re.findall(r"INTERVAL (\d+) HOURS", alert["query_text"])
    assert 24 * 60 + after > 60 * int(stale)
    assert 60 * after >= target.job["health"]["rules"][0]["value"]
    assert alert["evaluation"]["notification"]["subscriptions"] == [{"user_email": "someone@example.com"}]


@EACH_TARGET
def test_the_task_is_called_with_these_parameters(name: str) -> None:
    schema = "stripe_raw" if name.startswith("prod") else f"stripe_raw_dev_{USER['workspace.current_user.short_name']}"
    assert resolved(BUNDLE, name).task["python_wheel_task"] == {
        "package_name": "stripe_raw_rs",
        "entry_point": "main",
        "named_parameters": {
            "catalog": "main",
            "schema": schema,
            "bundle_target": name,
            "stripe_secret_scope": "stripe",
            "stripe_secret_key": "api_key",
            "entities": ",".join(entity.name for entity in _core.entities("all") if entity.default),
            "accounts": "",
            "distributed": "no",
            "owner": "{{job.id}}",
        },
    }


@EACH_TARGET
def test_the_job_has_one_run_at_a_time_is_tried_again_and_mails_its_failures(name: str) -> None:
    target = resolved(BUNDLE, name, {"failure_emails": ["someone@example.com"]})
    job, task = target.job, target.task
    assert job["max_concurrent_runs"] == 1
    assert job["queue"] == {"enabled": True}
    assert task["max_retries"] > 0
    assert task["retry_on_timeout"] is True
    (rule,) = job["health"]["rules"]
    assert rule["value"] < task["timeout_seconds"], "a slow run is reported before it is ended"
    assert set(job["email_notifications"]) == {"on_failure", "on_duration_warning_threshold_exceeded"}
    assert all(addresses == ["someone@example.com"] for addresses in job["email_notifications"].values())


@EACH_TARGET
def test_users_of_the_workspace_may_look_and_nobody_may_do_more(name: str) -> None:
    resources = resolved(BUNDLE, name).tree["resources"]
    (dashboard,) = resources["dashboards"].values()
    assert resources["jobs"][JOB]["permissions"] == [{"level": "CAN_VIEW", "group_name": "users"}]
    assert dashboard["permissions"] == [{"level": "CAN_READ", "group_name": "users"}]
    assert dashboard["embed_credentials"] is False, "viewers see only the data that they may see"
    given = [{"level": "CAN_MANAGE_RUN", "group_name": "stripe-operators"}]
    target = resolved(BUNDLE, name, {"job_permissions": given})
    assert job_of(target.job).permissions == job_of({"permissions": given}).permissions
    assert list(target_faults(target)) == []


def test_the_comment_about_the_identity_of_production_is_right() -> None:
    """The bundle cannot know the identity. The comment must be right once somebody takes its signs away."""
    text = (ROOT / "databricks.yml").read_text(encoding="utf-8")
    (block,) = re.findall(r"^( *)# resources:\n((?:\1# .*\n)+)", text, re.MULTILINE)
    bundle = merged(
        BUNDLE, {"targets": {"prod": yaml.safe_load("resources:\n" + block[1].replace(block[0] + "# ", ""))}}
    )
    job = resolved(bundle, "prod").job
    assert [*job["run_as"]] == ["service_principal_name"]
    assert job_of(job).run_as is not None
    assert list(faults(bundle)) == []
    assert resolved(BUNDLE, "prod").job.get("run_as") is None


@EACH_TARGET
def test_only_production_runs_by_itself_and_only_development_makes_up_versions(name: str) -> None:
    target = resolved(BUNDLE, name)
    development = target.tree["mode"] == "development"
    assert development == name.startswith("dev")
    assert target.job["schedule"]["pause_status"] == ("PAUSED" if development else "UNPAUSED")
    assert target.artifact.get("dynamic_version", False) is development


def test_a_plain_deploy_is_for_development_on_serverless_compute() -> None:
    assert [name for name in TARGETS if BUNDLE["targets"][name].get("default")] == ["dev"]
    assert resolved(BUNDLE, "dev").task["environment_key"] == "default"
    assert resolved(BUNDLE, "prod").task["environment_key"] == "default"


@pytest.mark.parametrize("name", ["dev_classic", "prod_classic"])
def test_the_classic_targets_differ_only_in_the_compute_of_the_task(name: str) -> None:
    serverless, classic = (resolved(BUNDLE, target) for target in (name.removesuffix("_classic"), name))
    assert "environments" not in classic.job
    (cluster,) = classic.job["job_clusters"]
    assert re.fullmatch(r"1[67]\.\d+\.x-scala2\.1[23]", cluster["new_cluster"]["spark_version"])
    for where in ("environments", "job_clusters"):
        serverless.job.pop(where, None)
        classic.job.pop(where, None)
    for where in ("environment_key", "job_cluster_key", "libraries"):
        serverless.task.pop(where, None)
        classic.task.pop(where, None)
    serverless.task["python_wheel_task"]["named_parameters"]["bundle_target"] = name
    serverless.job["tags"]["bundle_target"] = name
    assert classic.job == serverless.job


@EACH_TARGET
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_architecture_decides_which_wheel_is_built_and_found(name: str, architecture: str) -> None:
    target = resolved(BUNDLE, name, {"wheel_architecture": architecture})
    assert target.artifact["build"] == f"uv run --only-dev just wheel {architecture}"
    assert list(target_faults(target)) == []


def test_the_bundle_names_neither_a_workspace_nor_a_key() -> None:
    for place, text in texts(BUNDLE):
        assert not place.endswith(".host"), place
        assert re.search(r"\b[rs]k_(live|test)_", text) is None, place
        assert "://" not in text, place


def test_only_the_wheel_is_uploaded() -> None:
    assert BUNDLE["sync"] == {"paths": []}


def at(*path: Any) -> Callable[[Tree], Any]:
    """The place in a bundle that a path leads to."""

    def place(bundle: Tree) -> Any:
        found: Any = bundle
        for step in path:
            found = found[step]
        return found

    return place


JOB_OF_ALL = at("resources", "jobs", JOB)
ALERT = at("resources", "alerts", "stripe_ingestion_alert")
CALL = at("resources", "jobs", JOB, "tasks", 0, "python_wheel_task")
DEV_JOB = at("targets", "dev", "resources", "jobs", JOB)
CLASSIC_JOB = at("targets", "dev_classic", "resources", "jobs", JOB)
ARTIFACT = at("artifacts", "stripe_raw_rs")


@pytest.mark.parametrize(
    ("place", "change", "fault"),
    [
        (at("targets", "prod"), {"mode": "produktion"}, "prod: the mode is produktion"),
        (at("targets", "prod"), {"workspace": {}}, "prod: production has no root_path"),
        (at("targets", "prod"), {"default": True}, "default targets are ['dev', 'prod']"),
        (at("targets", "prod"), {"variables": {"shcema": "raw"}}, "prod: target prod sets the variable shcema"),
        (at("variables"), {"spare": {"description": "d", "default": "d"}}, "the variable spare is used nowhere"),
        (at("variables", "schema"), {"description": ""}, "the variable schema is not described"),
        (at("variables", "failure_emails"), {"type": "list"}, "the variable failure_emails is of the type list"),
        (at("variables", "failure_emails"), {"default": "a@b.c"}, "failure_emails says another type"),
        (at("variables", "schedule"), {"default": "17 3 * * *"}, "dev: '17 3 * * *' is not a Quartz expression"),
        (at("variables", "wheel_architecture"), {"default": "arm64"}, "dev: no wheel is built for arm64"),
        (at("variables", "schedule_pause_status"), {"default": "PAUSE"}, "dev: 'PAUSE' is not a valid PauseStatus"),
        (CALL, {"entry_point": "mian"}, "dev: stripe_raw_rs has no entry point mian"),
        (CALL, {"package_name": "stripe_raw"}, "dev: the wheel is not called stripe_raw"),
        (CALL, {"named_parameters": {"api_key": "x"}}, "dev: run has no option api_key"),
        (CALL, {"named_parameters": {"entities": "${var.entity}"}}, "the variable entity is not declared"),
        (CALL, {"named_parameters": {"entities": "${bundle.nmae}"}}, "dev: ${bundle.nmae} refers to nothing"),
        (JOB_OF_ALL, {"helath": {}}, "dev: Unexpected field 'helath' for class Job"),
        (JOB_OF_ALL, {"permissions": []}, "dev: stripe_ingestion_job has no permissions"),
        (at("variables", "job_permissions"), {"default": [{"level": "CAN_RUN"}]}, "dev: 'CAN_RUN' is not a valid"),
        (at("variables", "job_permissions"), {"default": [{"level": "CAN_VIEW"}]}, "gives CAN_VIEW to []"),
        (
            at("variables", "job_permissions"),
            {"default": [{"level": "IS_OWNER", "user_name": "a@b.c"}]},
            "dev: stripe_ingestion_job has the permission IS_OWNER",
        ),
        (
            at("variables", "dashboard_permissions"),
            {"default": [{"level": "CAN_VIEW", "group_name": "users"}]},
            "dev: stripe_ingestion_dashboard has the permission CAN_VIEW",
        ),
        (JOB_OF_ALL, {"email_notifications": {"on_failure": "a@b.c"}}, "dev: Unexpected type"),
        (ALERT, {"query": "SELECT 1"}, "dev: Unexpected field 'query' for class Alert"),
        (lambda bundle: ALERT(bundle)["evaluation"], {"comparison_operator": "MORE"}, "dev: 'MORE' is not a valid"),
        (at("variables", "alert_schedule"), {"default": "17 6 * * *"}, "dev: '17 6 * * *' is not a Quartz expression"),
        (at("variables", "alert_subscriptions"), {"default": ["a@b.c"]}, "dev: Unexpected type"),
        (at("resources", "jobs", JOB, "health", "rules", 0), {"op": "MORE"}, "dev: 'MORE' is not a valid"),
        (at("resources", "jobs", JOB, "health", "rules", 0), {"metric": "RUNS"}, "dev: 'RUNS' is not a valid"),
        (at("resources", "jobs", JOB, "tasks", 0), {"job_cluster_key": "single"}, "dev: there is no job_cluster_key"),
        (at("resources", "jobs", JOB, "tasks", 0), {"job_cluster_key": "single"}, "dev: the task runs on ['envir"),
        (at("resources", "jobs", JOB, "tasks", 0), {"libraries": []}, "dev: a serverless task has libraries"),
        (lambda bundle: DEV_JOB(bundle)["tasks"][0], {"environment_key": "o"}, "dev: there is no environment_key o"),
        (lambda bundle: DEV_JOB(bundle)["tasks"][0], {"task_key": "o"}, "dev: the job has the tasks ['ing"),
        (lambda bundle: CLASSIC_JOB(bundle)["tasks"][0], {"libraries": []}, "dev_classic: the task installs no wheel"),
        (
            lambda bundle: DEV_JOB(bundle)["environments"][0]["spec"],
            {"dependencies": ["dist/*.whl"]},
            "dev: dist/*.whl finds wheels of ['x86_64', 'aarch64']",
        ),
        (
            lambda bundle: CLASSIC_JOB(bundle)["tasks"][0],
            {"libraries": [{"whl": "resources/dist/*_x86_64.whl"}]},
            "dev_classic: resources/dist/*_x86_64.whl finds wheels of []",
        ),
        (ARTIFACT, {"files": [{"source": "dist/*-manylinux_2_17_x86_64.whl"}]}, "dev: dist/*-manylinux_2_17_x86_64"),
        (ARTIFACT, {"type": "wheel"}, "dev: the artifact is of the type wheel"),
        (ARTIFACT, {"build": "uv run --only-dev just whell x86_64"}, "dev: there is no recipe for"),
    ],
)
def test_a_wrong_bundle_is_caught(place: Callable[[Tree], Tree], change: Tree, fault: str) -> None:
    bundle = copy.deepcopy(BUNDLE)
    place(bundle).update(change)
    assert any(fault in found for found in faults(bundle)), list(faults(bundle))


def test_overrides_merge_tasks_by_key_join_lists_and_take_nothing_away() -> None:
    bundle = copy.deepcopy(BUNDLE)
    JOB_OF_ALL(bundle)["tasks"][0]["libraries"] = [{"whl": "one.whl"}]
    override = DEV_JOB(bundle)["tasks"][0]
    override.update({"libraries": [{"whl": "two.whl"}], "max_retries": None, "timeout_seconds": 1})
    task = resolved(bundle, "dev").task
    assert [library["whl"] for library in task["libraries"]] == ["one.whl", "two.whl"]
    assert task["max_retries"] == JOB_OF_ALL(BUNDLE)["tasks"][0]["max_retries"]
    assert task["timeout_seconds"] == 1
    assert merged({"a": {"b": [1], "c": 2}}, {"a": {"b": [3]}, "d": 4}) == {"a": {"b": [1, 3], "c": 2}, "d": 4}


def test_a_target_or_a_variable_that_is_not_there_is_refused() -> None:
    with pytest.raises(BundleError, match="no target staging, only dev"):
        resolved(BUNDLE, "staging")
    with pytest.raises(BundleError, match="no variable shcema"):
        resolved(BUNDLE, "dev", {"shcema": "raw"})
    bundle = copy.deepcopy(BUNDLE)
    del bundle["variables"]["schema"]["default"]
    with pytest.raises(BundleError, match="the variable schema has no value"):
        resolved(bundle, "prod")
