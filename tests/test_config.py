"""What a user may write, and what is answered to what cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import _core
from stripe_raw_rs.api_key import read_api_key
from stripe_raw_rs.arguments import parse
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.options import COMMANDS, OPTIONS
from stripe_raw_rs.start import start_seconds
from stripe_raw_rs.tables import open_tables

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.config import Config

SECRET = "rk_test_CANARYcanary0123456789"  # noqa: S105 - made up, to be looked for


def read(*arguments: str, **environment: str) -> Config:
    return parse(arguments, environment)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--lake", "l", "--page-size", "7"),
        ("run", "--lake=l", "--page-size=7"),
        ("run", "--lake=l", "--page_size=7"),
        ("--page_size", "7", "--lake", "l"),
        ("--lake=l", "--page-size=7"),
    ],
)
def test_one_option_may_be_written_in_many_ways(arguments: tuple[str, ...]) -> None:
    config = read(*arguments)
    assert (config.command, config.required("lake")) == ("run", "l")
    assert config.client_options() == {"page_size": 7}


def test_the_environment_stands_behind_the_command_line() -> None:
    environment = {"STRIPE_RAW_LAKE": "env", "STRIPE_RAW_PAGE_SIZE": "9", "STRIPE_RAW_TAKE_OVER": "true"}
    assert read("run", **environment).required("lake") == "env"
    config = read("run", "--lake", "mine", **environment)
    assert config.required("lake") == "mine"
    assert config.client_options() == {"page_size": 9}
    assert config.flag("take_over")
    assert not read("run", "--take-over=no", **environment).flag("take_over")


def test_no_words_at_all_are_the_main_job() -> None:
    assert read(STRIPE_RAW_LAKE="l").command == "run"


def test_an_empty_job_parameter_is_none() -> None:
    config = read("--lake", "l", "--start=", "--entities", "")
    assert config.start() is None
    assert config.text("entities") is None


def test_every_compiled_option_is_an_option_of_run() -> None:
    for option in _core.options():
        assert option.name in COMMANDS["run"].options
        assert OPTIONS[option.name].default == option.default


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_defaults_and_units(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read(command, "--help")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in COMMANDS[command].options:
        assert OPTIONS[name].flag in text
        assert " ".join(OPTIONS[name].help.split()) in text
    if command == "run":
        assert "(seconds) [default: 3600]" in text


def test_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read("--version")
    assert capsys.readouterr().out == f"stripe-raw {_core.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rum",), "unknown command 'rum', did you mean run?; see stripe-raw --help"),
        (("run", "--pagesize", "1"), "unknown option '--pagesize' of run, did you mean --page-size?"),
        (("run", "--page", "1"), "unknown option '--page' of run"),
        (("run", "extra"), "unexpected argument 'extra'; options begin with --"),
        (("run", "--lake"), "argument --lake: expected one argument; see stripe-raw run --help"),
        (("run", f"--api-key={SECRET}"), "the key is not given as an option"),
        (("run", "--api-key", SECRET), "the key is not given as an option"),
        (("run", "--api_key", SECRET), "the key is not given as an option"),
        (("run", SECRET), "unexpected argument 'rk_***'"),
        (("run", f"--secret={SECRET}"), "unknown option '--secret' of run"),
        ((SECRET,), "unknown command 'rk_***'"),
    ],
)
def test_what_is_no_option_is_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(*arguments)
    line = str(refused.value)
    assert line.startswith(message)
    assert SECRET not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--page-size", "x"), "page_size must be a whole number, not 'x'"),
        (("--page-size", "1.5"), "page_size must be a whole number, not '1.5'"),
        (("--backoff-jitter", "x"), "backoff_jitter must be a number, not 'x'"),
        (("--start", "tomorrow"), "start 'tomorrow' must be a date or date-time in UTC, such as"),
        (("--start", "2999-01-01"), "start '2999-01-01' is in the future"),
        (("--start", "1969-12-31"), "start '1969-12-31' is before 1970"),
        (("--restart-run", "--from-scratch"), "--restart-run and --from-scratch exclude each other"),
        (("--take-over=maybe",), "STRIPE_RAW_TAKE_OVER must be yes or no, not 'maybe'"),
        (("--log-format", "xml"), "log_format must be text or json, not 'xml'"),
        (("--liquid-clustering", "on"), "liquid_clustering must be auto, yes or no, not 'on'"),
    ],
)
def test_what_cannot_be_a_value_is_refused(arguments: tuple[str, ...], message: str) -> None:
    config = read("run", *arguments)
    with pytest.raises(UsageError) as refused:
        _ = (
            config.client_options(),
            config.start(),
            config.give_up(),
            config.flag("take_over"),
            config.log_format(),
            config.place(),
        )
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("2024-01-01", 1_704_067_200),
        ("2024-01-01T00:00:01", 1_704_067_201),
        ("2024-01-01 00:00:01", 1_704_067_201),
        ("2024-01-01T00:00:01Z", 1_704_067_201),
        ("2024-01-01T02:00:00+02:00", 1_704_067_200),
        (1_704_067_200, 1_704_067_200),
    ],
)
def test_a_start_is_utc(written: str | int, seconds: int) -> None:
    assert start_seconds(written) == seconds


def test_the_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    assert read_api_key(environment={"STRIPE_API_KEY": f" {SECRET}\n"}) == SECRET
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    assert read_api_key(file=file, environment={"STRIPE_API_KEY": "rk_test_other"}) == SECRET


def test_a_key_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    for file, message in [
        (None, "no key: set STRIPE_API_KEY"),
        (tmp_path / "none", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / "binary", "cannot be read: it is no text"),
        (SECRET, "'rk_***' cannot be read"),
    ]:
        with pytest.raises(UsageError, match=message.replace("*", r"\*")) as refused:
            read_api_key(file=file, environment={})
        assert SECRET not in str(refused.value)


def test_a_secret_has_a_scope_and_a_name() -> None:
    for half in ({"secret_scope": "stripe"}, {"secret_key": "api_key"}):
        with pytest.raises(UsageError, match="--stripe-secret-scope and --stripe-secret-key belong together"):
            read_api_key(**half, environment={"STRIPE_API_KEY": SECRET})


def test_a_secret_that_was_named_is_not_replaced_by_a_key_that_happens_to_be_set() -> None:
    with pytest.raises(UsageError, match="needs the package databricks-sdk"):
        read_api_key(secret_scope="stripe", secret_key="api_key", environment={"STRIPE_API_KEY": SECRET})  # noqa: S106


def test_tables_are_in_a_lake_or_in_a_catalog() -> None:
    for arguments, message in [
        ((), "it must be said where the tables are: --lake DIR .* --catalog NAME and --schema NAME"),
        (("--catalog", "main"), "--catalog NAME and --schema NAME belong together"),
        (("--schema", "raw"), "--catalog NAME and --schema NAME belong together"),
        (("--lake", "l", "--catalog", "main", "--schema", "raw"), "a lake and a catalog exclude each other"),
        (("--catalog", "main", "--schema", "raw"), "a catalog is written by Spark, and there is no pyspark here"),
    ]:
        with pytest.raises(UsageError, match=message):
            open_tables(read("run", *arguments).place())


def test_a_config_shows_no_secret() -> None:
    assert SECRET not in repr(read("run", "--lake", SECRET, "--owner", SECRET))
