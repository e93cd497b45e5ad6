"""The options of all subcommands, one row each. Command line, environment and help are made from these rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stripe_raw_rs import _core

Kind = Literal["text", "integer", "decimal", "auto or decimal", "flag"]


@dataclass(frozen=True)
class OptionRow:
    """One option: `--name VALUE`, or `STRIPE_RAW_NAME`."""

    name: str
    kind: Kind
    metavar: str
    default: str
    help: str
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """The option as it is written on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment variable that stands for it."""
        return "STRIPE_RAW_" + self.name.upper()


@dataclass(frozen=True)
class CommandRow:
    """One subcommand, the names of its options, and what a word without an option's name is, if it takes one."""

    name: str
    help: str
    options: tuple[str, ...]
    word: OptionRow | None = None


def _text(name: str, metavar: str, default: str, help_line: str, *choices: str) -> OptionRow:
    return OptionRow(name, "text", metavar, default, help_line, choices)


def _flag(name: str, help_line: str) -> OptionRow:
    return OptionRow(name, "flag", "", "", help_line)


_PLACE = ("lake", "catalog", "schema")
_KEY = ("api_key_file", "stripe_secret_scope", "stripe_secret_key")
OUTPUT = ("output", "log_format", "color", "quiet", "verbose", "settings", "profile", "show_settings")
_CONNECTION = ("api_base_url", "ca_file", "stripe_version", "request_timeout_seconds")
# The options that the compiled half reads.
COMPILED = tuple(option.name for option in _core.options())

_ROWS = (
    _text("lake", "DIR", "", "folder that the tables are in, written by delta-rs; a run creates it if it is absent"),
    _text("catalog", "NAME", "", "instead of a lake: catalog that the tables are in, written by Spark"),
    _text("schema", "NAME", "", "schema of that catalog; a run creates it if it is absent"),
    _text("staging_volume", "DIR", "", "Spark 3.5: folder of a volume, which is faster than passing through pandas"),
    _text(
        "liquid_clustering",
        "WHEN",
        "auto",
        "cluster new raw tables by _stripe_created_at: auto (on Databricks), yes, no",
        *("auto", "yes", "no"),
    ),
    _text(
        "maintenance",
        "WHEN",
        "auto",
        "compact small files and shorten logs after a run, if many have gathered: auto (unless Databricks does it), no",
        *("auto", "no"),
    ),
    _flag("check_payloads", "with Spark: a constraint on raw tables that each payload has its hash"),
    _text("bundle_target", "NAME", "", "target of the bundle that runs this; recorded in the events' settings"),
    _text("stripe_secret_scope", "SCOPE", "", "Databricks secret scope that has the key"),
    _text("stripe_secret_key", "NAME", "", "name of the secret in that scope"),
    _text(
        "entities",
        "NAMES",
        "",
        "comma list of entities and groups, or all, and lists of single objects; without it the five default ones",
    ),
    _flag("take_over", "take an unfinished run over although its process may still be alive"),
    _flag("restart_run", "give an unfinished run up and begin again where the last complete one left off"),
    _flag("dry_run", "do not run: say what the run would do, as the command plan does; nothing is written"),
    _flag("from_scratch", "begin again at the beginning of the account; rows that are there stay"),
    _text("start", "DATE", "", "first run of an entity: nothing created before this date or date-time (UTC)"),
    _flag("distributed", "with Spark: its executors read the first runs of many accounts"),
    OptionRow("distributed_tasks", "integer", "N", "4", "tasks of Spark that may read at once; they share the limits"),
    _text("checkpoint_table", "NAME", _core.CHECKPOINT_TABLE, "name of the checkpoint table"),
    _text("owner", "NAME", "", "name of this job; a run it left unfinished is taken over at once (else host/pid)"),
    _text("stripe_account", "ID", "", "connected account to read; without it the key's own"),
    _text(
        "accounts",
        "IDS",
        "",
        "connected accounts to read, in one run: a comma list, a file of them, or all; among them the key's own",
    ),
    _text("api_key_file", "FILE", "", "file with the key; without it STRIPE_API_KEY has the key"),
    _text("output", "FORMAT", "text", "what is printed (stdout): text, or json for programs", "text", "json"),
    _text("log_format", "FORMAT", "text", "the log (stderr): text, or json for programs", "text", "json"),
    _text("color", "WHEN", "auto", "colors: auto (on a terminal), always, never", "auto", "always", "never"),
    _flag("quiet", "log errors only"),
    _flag("verbose", "log more, and tracebacks of errors"),
    _text("settings", "FILE", "", "settings file; without it stripe-raw.toml here or in the user's folder of settings"),
    _text("profile", "NAME", "", "profile of the settings file"),
    _flag("show_settings", "show the value of each option and where it is from; do nothing else"),
    OptionRow("port", "integer", "PORT", "8420", "port to listen on; 0 takes a free one"),
    OptionRow("seed", "integer", "N", "1", "the same seed makes the same objects"),
    OptionRow("objects", "integer", "N", "20000", "objects over the five default entities"),
    OptionRow("connected_accounts", "integer", "N", "0", "connected accounts with data of their own"),
    OptionRow("account_objects", "integer", "N", "0", "objects over the five default entities in each of these"),
    OptionRow("rate_limit", "decimal", "N", "", "requests allowed per second; without it no limit"),
    OptionRow("latency_ms", "integer", "MS", "0", "milliseconds before each answer"),
    OptionRow("sublist_items", "integer", "N", "0", "most items in a list of a single object, from 11 on; 0 adds none"),
    _text("faults", "SPEC", "", "faults to answer with, such as status=503@p0.01,reset@n7"),
    *(
        OptionRow(
            option.name,
            option.kind,
            {"integer": "N", "decimal": "F", "auto or decimal": "F"}.get(option.kind, "VALUE"),
            option.default,
            f"{option.help} ({option.unit})" if option.unit else option.help,
            tuple(option.choices),
        )
        for option in _core.options()
    ),
)

OPTIONS = {row.name: row for row in _ROWS}

# The options that name a file or a folder.
PATHS = ("lake", "staging_volume", "api_key_file", "ca_file", "settings")
# The options that take several words, or a comma list of them.
LISTS = ("entities", "accounts")
# One letter in place of a name.
SHORT = {"-q": "quiet", "-v": "verbose"}
_LAKE = OPTIONS["lake"]

COMMANDS = {
    row.name: row
    for row in (
        CommandRow(
            "run",
            "land what is new in Stripe (also without the word: stripe-raw --lake DIR)",
            (
                *(*_PLACE, "entities", "start", "take_over", "restart_run", "from_scratch"),
                *("stripe_account", "accounts"),
                *(*_KEY, *COMPILED),
                *("checkpoint_table", "liquid_clustering", "maintenance", "check_payloads", "staging_volume"),
                *("distributed", "distributed_tasks", "owner", "bundle_target", "dry_run", *OUTPUT),
            ),
            _LAKE,
        ),
        CommandRow(
            "plan",
            "say what the next run would do, and about what it would cost; write nothing",
            (
                *(*_PLACE, "entities", "start", "take_over", "restart_run", "from_scratch"),
                *("stripe_account", "accounts", *_KEY, *COMPILED),
                *("checkpoint_table", "liquid_clustering", "maintenance", "check_payloads", "staging_volume"),
                *("distributed", "distributed_tasks", "owner", "bundle_target", *OUTPUT),
            ),
            _LAKE,
        ),
        CommandRow(
            "check",
            "try each entity with one request of one object; write nothing",
            ("entities", "stripe_account", *_KEY, *_CONNECTION, *OUTPUT),
        ),
        CommandRow("entities", "list the entities that can be landed", OUTPUT),
        CommandRow("demo", "land a made-up account, twice, into ./demo-lake", ("lake", *OUTPUT), _LAKE),
        CommandRow(
            "status",
            "show the last run of each entity and what the next one will do",
            (*_PLACE, "accounts", "lookback_seconds", "checkpoint_table", *OUTPUT),
            _LAKE,
        ),
        CommandRow(
            "views",
            "print SQL that creates views of the latest state and of all states of each object",
            (*_PLACE, "entities", "checkpoint_table", *OUTPUT),
            _LAKE,
        ),
        CommandRow(
            "query",
            "run a SELECT over a lake with DuckDB, whose tables are charges, charges_raw, charges_history and so on",
            ("lake", "checkpoint_table", *OUTPUT),
            _text("statement", "SELECT|-", "", "one SELECT of DuckDB's SQL; - reads it from stdin"),
        ),
        CommandRow(
            "verify",
            "audit the tables, from the tables alone",
            (*_PLACE, "accounts", "checkpoint_table", *OUTPUT),
            _LAKE,
        ),
        CommandRow(
            "simulate",
            "serve a made-up Stripe account on this machine",
            (
                *("port", "seed", "objects", "connected_accounts", "account_objects"),
                *("sublist_items", "rate_limit", "latency_ms", "faults", *OUTPUT),
            ),
        ),
        CommandRow(
            "completions",
            "print a script that lets a shell complete commands, options and their values",
            (),
            _text("shell", "SHELL", "", "the shell that the script is for", "bash", "zsh", "fish"),
        ),
        CommandRow(
            "help", "show the help of a command", (), _text("topic", "COMMAND", "", "command; without it all of them")
        ),
    )
}

# The options of `read`, which is no command: those that a list has without a run.
_OF_RUNS = ("lookback_seconds", "relist_days", "whole_every_days", "repeats", "changes", "commit_interval_seconds")
READ = ("stripe_account", *_KEY, *(name for name in COMPILED if name not in _OF_RUNS))
# Those of `register_stripe`. Accounts are an option of the format; a task that is tried again asks again, so nobody
# could hold a number of requests.
SPARK_SOURCE = tuple(name for name in READ if name not in ("stripe_account", "max_requests"))


def are_accounts(text: str) -> bool:
    """Say whether a value of `accounts` has the accounts themselves; else it names a file of them.

    No id has a dot: what has one is a file, although it may begin like an id.
    """
    name = text.strip()
    return not name or name == "all" or "," in name or ("." not in name and name.startswith(("acct_", "org_")))
