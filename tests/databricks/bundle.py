"""The bundle as the Databricks CLI reads it: files merged, a target's overrides applied, references resolved.

No CLI and no workspace is asked. The code understands as much as this repo's bundle uses, as the CLI's documentation
describes it; a reference that cannot be resolved is an error, so that nothing is ignored in silence.
"""

from __future__ import annotations

import copy
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Tree = dict[str, Any]

ROOT = Path(__file__).parents[2]
JOB = "stripe_ingestion_job"
# The user who deploys, as a workspace would answer.
USER = {
    "workspace.current_user.userName": "someone@example.com",
    "workspace.current_user.short_name": "someone",
}
_REFERENCE = re.compile(r"\$\{([\w.-]+)\}")


class BundleError(Exception):
    """A bundle that the CLI would refuse."""


@dataclass(frozen=True)
class Target:
    """The bundle for one target, without references."""

    name: str
    tree: Tree

    @property
    def job(self) -> Tree:
        found: Tree = self.tree["resources"]["jobs"][JOB]
        return found

    @property
    def task(self) -> Tree:
        tasks = self.job["tasks"]
        if len(tasks) != 1:
            raise BundleError(f"the job has the tasks {[task['task_key'] for task in tasks]}")
        found: Tree = tasks[0]
        return found

    @property
    def artifact(self) -> Tree:
        (artifact,) = self.tree["artifacts"].values()
        found: Tree = artifact
        return found

    def wheel_globs(self) -> list[str]:
        """The globs by which the task finds its wheel on any compute, relative to the bundle's root."""
        environments = {entry["environment_key"]: entry["spec"] for entry in self.job.get("environments", ())}
        installed = environments.get(self.task.get("environment_key"), {}).get("dependencies", [])
        return [*installed, *(library["whl"] for library in self.task.get("libraries", ()))]


def read(root: Path = ROOT) -> Tree:
    """The bundle of all targets: `databricks.yml` with the files that it includes."""
    tree = _file(root / "databricks.yml", root)
    for pattern in tree.get("include", ()):
        for path in sorted(root.glob(pattern)):
            tree = merged(tree, _file(path, root))
    return tree


def overridden(tree: Tree, target: str) -> Tree:
    """The bundle for one target, still with references."""
    if target not in tree["targets"]:
        raise BundleError(f"no target {target}, only {', '.join(tree['targets'])}")
    override: Tree = copy.deepcopy(tree["targets"][target])
    for name, value in override.pop("variables", {}).items():
        override.setdefault("variables", {})[name] = {"default": value}
    whole: Tree = merged({name: value for name, value in tree.items() if name != "targets"}, override)
    for name, entry in override.get("variables", {}).items():
        if name not in tree["variables"]:
            raise BundleError(f"target {target} sets the variable {name}, which is not declared")
        whole["variables"][name] = {**tree["variables"][name], **entry}
    for job in whole["resources"]["jobs"].values():
        for part, key in (("tasks", "task_key"), ("job_clusters", "job_cluster_key")):
            if part in job:
                job[part] = _merged_by_key(job[part], key)
    return whole


def resolved(tree: Tree, target: str, variables: Mapping[str, object] | None = None) -> Target:
    """The bundle for one target; `variables` are those given with `--var`."""
    whole = overridden(tree, target)
    given = variables or {}
    if strangers := given.keys() - whole["variables"].keys():
        raise BundleError(f"no variable {', '.join(sorted(strangers))}")
    known: dict[str, Any] = {**USER, "bundle.name": whole["bundle"]["name"], "bundle.target": target}
    for name, entry in whole.pop("variables").items():
        known[f"var.{name}"] = given[name] if name in given else _default(name, entry)

    def value_of(name: str) -> Any:
        if name not in known:
            raise BundleError(f"${{{name}}} refers to nothing")
        return _replaced(known[name], value_of)

    return Target(target, _replaced(whole, value_of))


def merged(left: Any, right: Any) -> Any:
    """Two values as the CLI merges them: maps by name, lists one after the other; else the right one counts."""
    if isinstance(left, dict) and isinstance(right, dict):
        both = [name for name in left if name in right]
        return {**copy.deepcopy({**left, **right}), **{name: merged(left[name], right[name]) for name in both}}
    if isinstance(left, list) and isinstance(right, list):
        return copy.deepcopy([*left, *right])
    # A missing value does not replace a value: an override takes nothing away.
    return copy.deepcopy(left if right is None else right)


def references(value: Any) -> Iterator[str]:
    """The names of all references in a value."""
    for _, text in texts(value):
        yield from _REFERENCE.findall(text)


def texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a value, each with its place."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from texts(entry, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from texts(entry, f"{place}[{number}]")
    elif isinstance(value, str):
        yield place, value


def _file(path: Path, root: Path) -> Tree:
    """One file, whose relative paths are made relative to the root: in the files, they are to the file's own folder."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))

    def rebased(written: str) -> str:
        return os.path.normpath(path.parent.relative_to(root) / written)

    # With YAML's aliases one object is in several places, and each of these is changed by itself.
    tree = _unshared(tree)
    for part in (tree, *tree.get("targets", {}).values()):
        for artifact in part.get("artifacts", {}).values():
            for file in artifact.get("files", ()):
                file["source"] = rebased(file["source"])
        for job in part.get("resources", {}).get("jobs", {}).values():
            for environment in job.get("environments", ()):
                spec = environment["spec"]
                spec["dependencies"] = [rebased(entry) for entry in spec.get("dependencies", ())]
            for library in (library for task in job["tasks"] for library in task.get("libraries", ())):
                library["whl"] = rebased(library["whl"])
    found: Tree = tree
    return found


def _default(name: str, entry: Tree) -> Any:
    if "default" in entry:
        return entry["default"]
    # A workspace would be asked for the id of the thing with this name.
    for kind, looked_up in entry.get("lookup", {}).items():
        return f"id of the {kind} {looked_up}"
    raise BundleError(f"the variable {name} has no value")


def _unshared(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unshared(entry) for name, entry in value.items()}
    return [_unshared(entry) for entry in value] if isinstance(value, list) else value


def _merged_by_key(entries: list[Tree], key: str) -> list[Tree]:
    by_key: dict[str, Tree] = {}
    for entry in entries:
        by_key[entry[key]] = merged(by_key.get(entry[key], {}), entry)
    return list(by_key.values())


def _replaced(value: Any, value_of: Callable[[str], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(entry, value_of) for name, entry in value.items()}
    if isinstance(value, list):
        return [_replaced(entry, value_of) for entry in value]
    if not isinstance(value, str):
        return value
    # A reference that is the whole text may mean a list; inside a text it is text.
    if alone := _REFERENCE.fullmatch(value):
        return value_of(alone.group(1))
    return _REFERENCE.sub(lambda found: str(value_of(found.group(1))), value)
