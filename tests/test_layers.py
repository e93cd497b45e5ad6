"""The layers: tables say which module may use which, and the sources keep to them.

A module is a file, or a file and the folder of its name. An edge that no table declares fails; so does a module that no
table names, so that a new one must say where it belongs. Rust's test code may use any module.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUST = ROOT / "src"
PYTHON = ROOT / "python" / "stripe_raw_rs"

VALUES = {"error", "options", "stripe"}

# Each module and the modules it may use, from the bottom up.
RUST_MODULES: dict[str, set[str]] = {
    "secrets": set(),
    "text": {"secrets"},
    # Messages are made of `text`; the errors come with the code that makes text from outside fit for them.
    "error": {"remedy", "text"},
    "remedy": set(),
    "digest": set(),
    "options": {"error", "secrets"},
    "columns": {"error"},
    "store": {"error"},
    "stripe": {"error", "options"},
    "page": VALUES | {"digest"},
    "pace": VALUES,
    "checkpoint": VALUES | {"columns"},
    "changes": VALUES | {"columns"},
    "parents": VALUES | {"columns"},
    "raw": VALUES | {"changes", "columns", "digest", "page"},
    "walk": VALUES | {"changes", "page", "parents"},
    "read": VALUES | {"columns", "page", "raw", "walk"},
    "ask": VALUES | {"page"},
    "run": VALUES | {"changes", "checkpoint", "columns", "digest", "page", "parents", "raw", "walk"},
    # A module that reads a key makes sure that no message shows it.
    "http_client": VALUES | {"pace", "page", "read", "run", "secrets", "text", "walk"},
    "simulator": {"error", "stripe"},
    "python": VALUES
    | {
        "ask",
        "changes",
        "checkpoint",
        "columns",
        "digest",
        "http_client",
        "pace",
        "page",
        "parents",
        "raw",
        "read",
        "run",
        "secrets",
        "simulator",
        "store",
    }
    | {"walk"},
}

# Crates that only some modules may name: sockets, time and chance outside, Python at the very top.
RUST_CRATES: dict[str, set[str]] = {
    "pyo3": {"python"},
    "pyo3_arrow": {"python"},
    "pyo3_async_runtimes": {"python"},
    "tracing_subscriber": {"python"},
    "getrandom": {"http_client"},
    "reqwest": {"http_client"},
    "rustls": {"http_client"},
    "secrecy": {"http_client", "python"},
    "tokio": {"http_client", "python", "simulator"},
    "tracing": {"http_client", "python"},
    "httparse": {"simulator"},
    "flate2": {"http_client", "simulator"},
}

ANSWER = {"markup", "text", "value"}
BASE = {"_core", "exceptions", "surface"}
WRITERS = {"raw_writer", "state_store"}

PYTHON_MODULES: dict[str, set[str]] = {
    # At the bottom: the extension, words, and facts about this process.
    "_core": set(),
    "options": {"_core"},
    "suggestions": set(),
    "surface": {"_core", "options"},
    "exceptions": set(),
    "owner": set(),
    "threads": set(),
    "environment": {"_core"},
    "panics": BASE,
    "text": BASE,
    # The answers: what they have in common, and their looks.
    "value": {"suggestions"},
    "markup": set(),
    "account_outcomes": BASE | {"text"},
    "entity_result": BASE | ANSWER | {"account_outcomes"},
    "report": BASE | ANSWER | {"entity_result"},
    "tracker": BASE | {"entity_result"},
    "start": BASE,
    # What the user wrote, and where.
    "settings_file": BASE | {"options", "suggestions"},
    "written": BASE | {"options", "settings_file"},
    "checks": BASE | {"options", "start", "written"},
    # The tables, and their writers.
    # Spark is a child process.
    "tables": BASE | {"environment"},
    "telemetry": BASE | {"text"},
    "counters": BASE | {"entity_result"},
    "commit": BASE | {"tables", "telemetry"},
    "raw_writer": BASE | {"commit", "tables"},
    "state_store": BASE | {"commit", "owner", "tables"},
    "lost_commits": BASE | WRITERS,
    "followed_events": BASE | WRITERS | {"tables"},
    "followed_parents": BASE | WRITERS | {"tables", "text"},
    # The calls that a user starts.
    "api_key": BASE | {"environment"},
    "executors": BASE | {"options", "tables"},
    "client": BASE | {"api_key", "options"},
    "config": BASE | {"checks", "options", "tables", "written"},
    "notebook": BASE | {"entity_result", "markup", "progress", "text", "tracker"},
    "request_rate": BASE | {"entity_result", "progress", "tracker"},
    "keywords": BASE | {"checks", "config", "options", "progress", "suggestions", "tables", "written"},
    "keyword_help": {"keywords", "options"},
    "progress": BASE | {"entity_result", "text"},
    "account": BASE | WRITERS | {"tables"},
    "accounts": BASE | WRITERS | {"options", "text"},
    "attempt": BASE
    | WRITERS
    | {
        "executors",
        "followed_events",
        "followed_parents",
        "lost_commits",
        "owner",
        "panics",
        "progress",
        "tables",
        "text",
    },
    "rivals": BASE | {"attempt", "panics"},
    "distributed": BASE
    | WRITERS
    | {"accounts", "attempt", "executors", "lost_commits", "owner", "progress", "rivals", "tables", "text"},
    "entity_job": BASE | {"account_outcomes", "attempt", "distributed", "entity_result", "panics", "rivals", "text"},
    "pipeline": BASE
    | WRITERS
    | {
        "account",
        "accounts",
        "client",
        "counters",
        "attempt",
        "distributed",
        "entity_job",
        "entity_result",
        "followed_events",
        "followed_parents",
        "keyword_help",
        "keywords",
        "notebook",
        "owner",
        "panics",
        "progress",
        "report",
        "request_rate",
        "start",
    }
    | {"tables", "telemetry", "text", "threads", "upkeep"},
    "plan_report": BASE | ANSWER,
    "plan_list": BASE | WRITERS | {"followed_events", "lost_commits", "owner", "panics", "plan_report", "tables"},
    "plan": BASE
    | WRITERS
    | {
        "account",
        "accounts",
        "distributed",
        "client",
        "followed_events",
        "keyword_help",
        "keywords",
        "panics",
        "plan_list",
        "plan_report",
    }
    | {"progress", "start", "tables", "threads"},
    "upkeep": BASE | {"panics", "tables", "text"},
    "key_check": BASE | ANSWER | {"client", "entity_check", "keyword_help", "keywords", "panics"},
    "entity_check": BASE | {"followed_events", "markup", "value"},
    "entity_list": BASE | ANSWER,
    "entity_status": BASE | WRITERS | {"accounts", "owner", "panics", "tables", "text", "value"},
    "list_status": BASE | ANSWER | {"entity_status"},
    "table_size": BASE | {"panics", "tables", "value"},
    "status": BASE
    | ANSWER
    | {"accounts", "entity_status", "keyword_help", "keywords", "list_status", "options", "panics", "table_size"},
    "audit": BASE | ANSWER | WRITERS | {"accounts", "followed_events", "panics", "tables"},
    "verify": BASE | ANSWER | {"accounts", "audit", "keyword_help", "keywords", "panics"},
    "read": BASE | {"accounts", "client", "keyword_help", "keywords", "panics", "start"},
    "spark_options": BASE | {"accounts", "options", "start", "suggestions"},
    "spark_partitions": BASE | {"accounts", "executors", "spark_options", "tables"},
    "spark_stream": BASE | {"executors", "spark_options", "spark_partitions"},
    "spark_source": BASE
    | {"client", "environment", "executors", "keyword_help", "keywords", "panics", "spark_partitions", "spark_stream"}
    | {"tables"},
    "community_connector": BASE | {"executors", "options", "spark_options", "spark_partitions", "spark_stream"},
    "dialects": set(),
    "latest": BASE | ANSWER | {"dialects", "keyword_help", "keywords", "panics", "tables", "views"},
    "views": BASE | {"dialects", "followed_events", "panics", "tables"},
    "query": BASE | {"dialects", "followed_events", "panics", "suggestions", "tables", "text", "views"},
    "simulator": BASE,
    # The command line.
    "cli": BASE
    | {"config", "key_check", "options", "panics", "pipeline", "progress", "report", "simulator", "status", "tables"}
    | {"entity_list", "entity_result", "followed_events", "text", "tracker", "value", "verify", "views"}
    | {"accounts", "checks", "list_status", "plan", "query", "suggestions", "threads", "written"},
    "main": BASE | {"cli", "tables", "text"},
    "__init__": BASE
    | {"audit", "config", "entity_check", "entity_list", "entity_result", "entity_status", "key_check", "latest"}
    | {"list_status", "main", "pipeline", "plan", "plan_report", "query", "read", "report", "spark_source", "status"}
    | {"table_size", "verify", "views"},
    "__main__": {"main"},
}

PYTHON_PACKAGES: dict[str, set[str]] = {
    "deltalake": {"tables"},
    "delta": {"tables"},
    "pyspark": {"community_connector", "spark_partitions", "spark_source", "spark_stream", "tables"},
    "pyarrow": {"cli", "distributed", "query", "spark_partitions", "spark_source", "spark_stream", "tables"},
    "IPython": {"notebook"},
    "opentelemetry": {"telemetry"},
    "duckdb": {"cli", "query", "tables"},
    "databricks": {"api_key", "tables"},
}

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|r(#*)".*?"\1|"(?:\\.|[^"\\])*"', re.DOTALL)
TEST_MODULE = re.compile(r"#\[cfg\(test\)\]\s*mod\s+\w+\s*\{.*\Z", re.DOTALL)
# `crate::module`, `crate::{module::Thing, other}`, and `super::module` in a module's own file.
RUST_PATH = re.compile(r"\b(?:crate|super)::(\w+)")
RUST_GROUP = re.compile(r"\bcrate::\{((?:[^{}]|\{[^{}]*\})*)\}")
RUST_NAME = re.compile(r"\b([a-z_][a-z0-9_]*)\s*(?:::|;)")


def rust_uses(source: str) -> tuple[set[str], set[str]]:
    """The modules, and the crates of the table, that a Rust source names."""
    code = TEST_MODULE.sub("", COMMENT_OR_STRING.sub(" ", source))
    modules = set(RUST_PATH.findall(code))
    for group in RUST_GROUP.findall(code):
        modules.update(re.findall(r"\w+", re.sub(r"::\s*(\{[^{}]*\}|[\w:]+)", "", group)))
    return modules & RUST_MODULES.keys(), set(RUST_NAME.findall(code)) & RUST_CRATES.keys()


def python_uses(source: str) -> tuple[set[str], set[str]]:
    """The modules, and the foreign packages, that a Python source imports, wherever in it."""
    modules: set[str] = set()
    packages: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        imported: list[str] = []
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = f"stripe_raw_rs.{node.module or ''}".rstrip(".") if node.level else node.module or ""
            imported = [f"{module}.{alias.name}" for alias in node.names] if module == "stripe_raw_rs" else [module]
        for name in imported:
            package, *rest = name.split(".")
            if package != "stripe_raw_rs":
                packages.add(package)
            elif rest:
                modules.add(rest[0])
            else:
                modules.add("__init__")
    return modules & PYTHON_MODULES.keys(), packages


def undeclared(
    module: str, uses: tuple[set[str], set[str]], modules: Mapping[str, set[str]], outside: Mapping[str, set[str]]
) -> Iterator[str]:
    """The things that a module uses although no table allows it."""
    inner, outer = uses
    if module not in modules:
        yield f"{module} stands in no table"
        return
    for used in sorted(inner - modules[module] - {module}):
        yield f"{module} uses {used}"
    for used in sorted(outer & outside.keys()):
        if module not in outside[used]:
            yield f"{module} uses {used}"


def rust_module(path: Path) -> str:
    return path.relative_to(RUST).parts[0].removesuffix(".rs")


RUST_FILES = [path for path in sorted(RUST.rglob("*.rs")) if path.name not in {"lib.rs", "tests.rs"}]
PYTHON_FILES = sorted([*PYTHON.rglob("*.py"), *PYTHON.rglob("*.pyi")])


@pytest.mark.parametrize("path", RUST_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_rust_file_uses_only_what_its_module_may(path: Path) -> None:
    assert list(undeclared(rust_module(path), rust_uses(path.read_text()), RUST_MODULES, RUST_CRATES)) == []


@pytest.mark.parametrize("path", PYTHON_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_python_file_uses_only_what_its_module_may(path: Path) -> None:
    module = path.relative_to(PYTHON).parts[0].split(".")[0]
    assert list(undeclared(module, python_uses(path.read_text()), PYTHON_MODULES, PYTHON_PACKAGES)) == []


@pytest.mark.parametrize("modules", [RUST_MODULES, PYTHON_MODULES], ids=["rust", "python"])
def test_the_tables_have_no_cycle(modules: dict[str, set[str]]) -> None:
    placed: set[str] = set()
    while ready := {module for module, uses in modules.items() if module not in placed and uses <= placed}:
        placed |= ready
    assert placed == modules.keys()


@pytest.mark.parametrize(
    "source",
    [
        "use crate::run::Run;",
        "use crate::{error::Error, run::{Run, Group}};",
        "use crate::{\n    error,\n    run,\n};",
        "fn f() { crate::run::start(); }",
        "use super::run::Run;",
        'const NAME: &str = "\\""; use crate::run::Run; const END: &str = "";',
    ],
)
def test_an_upward_import_in_rust_is_caught(source: str) -> None:
    assert list(undeclared("page", rust_uses(source), RUST_MODULES, RUST_CRATES)) == ["page uses run"]


@pytest.mark.parametrize(
    "source",
    [
        "//! Feeds [`crate::run::Run`].",
        'const NAME: &str = "crate::run";',
        "use crate::error::Error;\n#[cfg(test)]\nmod tests {\n    use crate::run::Run;\n}\n",
        "use crate::{error::run, options::Options};",
    ],
)
def test_words_that_only_look_like_an_import_are_ignored(source: str) -> None:
    assert list(undeclared("page", rust_uses(source), RUST_MODULES, RUST_CRATES)) == []


def test_a_crate_in_the_wrong_module_is_caught() -> None:
    assert list(undeclared("run", rust_uses("use tokio::time::sleep;"), RUST_MODULES, RUST_CRATES)) == [
        "run uses tokio"
    ]


@pytest.mark.parametrize(
    "source",
    [
        "from stripe_raw_rs.pipeline import Pipeline",
        "from stripe_raw_rs import pipeline",
        "from . import pipeline",
        "from .pipeline import Pipeline",
        "import stripe_raw_rs.pipeline",
        "def late():\n    from stripe_raw_rs.pipeline import Pipeline",
    ],
)
def test_an_upward_import_in_python_is_caught(source: str) -> None:
    assert list(undeclared("tables", python_uses(source), PYTHON_MODULES, PYTHON_PACKAGES)) == ["tables uses pipeline"]


def test_an_engine_outside_of_tables_is_caught() -> None:
    uses = python_uses("def late():\n    import pyspark.sql")
    assert list(undeclared("pipeline", uses, PYTHON_MODULES, PYTHON_PACKAGES)) == ["pipeline uses pyspark"]


def test_a_module_that_no_table_names_is_caught() -> None:
    assert list(undeclared("helper", (set(), set()), RUST_MODULES, RUST_CRATES)) == ["helper stands in no table"]
