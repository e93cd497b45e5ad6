"""The command line as it may be written, and the answers to one that cannot be used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, _core, main
from stripe_raw_rs.cli.arguments import parse
from stripe_raw_rs.options import COMMANDS, OPTIONS
from stripe_raw_rs.start import start_seconds
from tests.command import call

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.config import Config

SECRET = "rk_test_CANARYcanary0123456789"  # noqa: S105 - made up, to be looked for


def read(*arguments: str, **environment: str) -> Config:
    return parse(arguments, environment.get)


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
    assert config.keywords() == {"lake": "l", "page_size": "7"}


def test_a_command_line_without_words_means_the_main_job() -> None:
    assert read(STRIPE_RAW_LAKE="l").command == "run"


def test_an_empty_job_parameter_counts_as_missing() -> None:
    config = read("--lake", "l", "--start=", "--entities", "")
    assert config.keywords() == {"lake": "l"}
    config = read("--lake=l", "--checkpoint-table=", STRIPE_RAW_CHECKPOINT_TABLE="mine")
    assert config.keywords() == {"lake": "l", "checkpoint_table": "mine"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_shows_defaults_and_units(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for name in COMMANDS[command].options:
        assert OPTIONS[name].flag in text
        assert " ".join(OPTIONS[name].help.split()) in text
    if command == "run":
        assert "(seconds) [default: 3600]" in text
    # Only a run makes tables, and to an audit the code means something else than that it failed.
    assert text.count("if it is absent") == text.count("a run creates it if it is absent")
    assert (" 1 there are findings" in text) == (command == "verify")


def test_the_command_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"stripe-raw {_core.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rum",), "unknown command 'rum', did you mean run?; see stripe-raw --help"),
        (("run", "--pagesize", "1"), "unknown option '--pagesize' of run, did you mean --page-size?"),
        (("run", "--page", "1"), "unknown option '--page' of run, did you mean --page-size?"),
        (("run", "--restart"), "unknown option '--restart' of run, did you mean --restart-run?"),
        (("run", "--retries"), "unknown option '--retries' of run, did you mean --max-retries?"),
        (("run", "--retrys"), "unknown option '--retrys' of run, did you mean --max-retries?"),
        (("run", "--json"), "unknown option '--json' of run, did you mean --output?"),
        (("run", "--quack"), "unknown option '--quack' of run; see"),
        (("run", "--owner", "job\udcff"), "owner must be UTF-8, and 'job\\udcff' is not"),
        (("run", "--entities", "\udcff"), "entities must be UTF-8, and '\\udcff' is not"),
        (("check", "extra"), "unexpected argument 'extra'; options begin with --"),
        (("run", "one", "two"), "unexpected argument 'two'; options begin with --"),
        (("run", "--lake"), "--lake needs a value: --lake DIR"),
        (("run", f"--api-key={SECRET}"), "the key is not given as an option"),
        (("run", "--api-key", SECRET), "the key is not given as an option"),
        (("run", "--api_key", SECRET), "the key is not given as an option"),
        (("run", SECRET), "lake holds a Stripe secret"),
        (("check", SECRET), "unexpected argument 'rk_***'"),
        (("run", f"--secret={SECRET}"), "unknown option '--secret' of run"),
        ((SECRET,), "unknown command 'rk_***'"),
    ],
)
def test_an_argument_that_is_not_an_option_is_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(*arguments)
    line = str(refused.value)
    assert line.startswith(message)
    assert SECRET not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--page-size", "x"), "--page-size must be a whole number from 1 to 100 (objects), not 'x'"),
        (("--page-size", "1.5"), "--page-size must be a whole number from 1 to 100 (objects), not '1.5'"),
        (("--backoff-jitter", "x"), "--backoff-jitter must be a number from 0 to 1 (share), not 'x'"),
        (("--start", "tomorrow"), "--start 'tomorrow' must be a date or date-time in UTC, such as"),
        (("--start", "2999-01-01"), "--start '2999-01-01' is in the future"),
        (("--start", "1969-12-31"), "--start '1969-12-31' is before 1970"),
        (("--restart-run", "--from-scratch"), "--restart-run and --from-scratch exclude each other"),
        (("--take-over=maybe",), "--take-over must be yes or no, not 'maybe'"),
        (("--log-format", "xml"), "--log-format must be text or json, not 'xml'"),
        (("--liquid-clustering", "on"), "--liquid-clustering must be auto, yes or no, not 'on'"),
    ],
)
def test_an_impossible_value_is_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", SECRET)
    with pytest.raises(UsageError) as refused:
        main(["run", "--lake", str(tmp_path / "lake"), *arguments])
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
def test_a_start_is_read_as_utc(written: str | int, seconds: int) -> None:
    assert start_seconds(written) == seconds


@pytest.mark.parametrize("option", OPTIONS)
def test_no_option_takes_a_secret_for_its_value(option: str) -> None:
    command = next(name for name, row in COMMANDS.items() if option in row.options)
    value = f"x/{SECRET}"
    row = OPTIONS[option]
    for arguments, environment in [
        ((row.flag, value), {}),
        ((f"{row.flag}={value}",), {}),
        ((), {row.variable: value}),
    ]:
        # A word behind a flag is not its value.
        written = "lake" if row.kind == "flag" and value in arguments else option
        written = f"{row.variable} ({option})" if environment else written
        with pytest.raises(UsageError, match=f"^{re.escape(written)} holds a Stripe secret") as refused:
            read(command, *arguments, **environment)
        assert "CANARY" not in str(refused.value)
        assert refused.value.exit_code == 2


def test_names_that_begin_like_an_old_key_are_accepted(tmp_path: Path) -> None:
    for name in ("sk_lake", "rk_warehouse_of_many_letters", "desk_4"):
        assert read("run", "--lake", str(tmp_path / name), "--owner", name).required("owner") == name
        assert read("run", STRIPE_RAW_LAKE=name).required("lake") == name


@pytest.mark.parametrize("command", ["run", "status", "verify", "views", "demo"])
@pytest.mark.parametrize("words", [("./l",), ("./l", "--verbose"), ("--verbose", "./l"), ("-v", "--", "./l")])
def test_the_lake_may_be_a_word_of_its_own(command: str, words: tuple[str, ...]) -> None:
    config = read(command, *words)
    assert (config.text("lake"), config.flag("verbose")) == ("./l", len(words) > 1)


def test_a_lake_that_is_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="--lake DIR and the word 'b' say the same: give one"):
        read("status", "--lake", "a", "b")


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("--entities", "charges", "refunds"), {"entities": "charges,refunds"}),
        (("--entities", "charges,", "refunds"), {"entities": "charges,refunds"}),
        (("--entities=charges", "refunds", "-v"), {"entities": "charges,refunds"}),
        (("--entities", "charges", "refunds", "./l"), {"entities": "charges,refunds", "lake": "./l"}),
        (("--entities", "charges", "/l"), {"entities": "charges", "lake": "/l"}),
        (("l", "--entities", "charges", "--page-size", "7"), {"entities": "charges", "lake": "l", "page_size": "7"}),
        (("--accounts", "acct_1", "acct_2"), {"accounts": "acct_1,acct_2"}),
        (("--take-over", "l"), {"take_over": True, "lake": "l"}),
        (("--take-over", "no", "l"), {"take_over": False, "lake": "l"}),
        (("--max-requests", "1", "--start", "2024-01-31"), {"max_requests": "1", "start": "2024-01-31"}),
    ],
)
def test_some_options_take_several_words(words: tuple[str, ...], given: dict[str, Any]) -> None:
    assert read("run", *words).keywords() == given


def test_a_misspelt_list_is_never_taken_for_the_lake() -> None:
    with pytest.raises(UsageError, match="unknown entity 'refundz'"):
        read("run", "--entities", "charges", "refundz")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_all_mistakes_of_a_call_are_told_at_once(log_format: str) -> None:
    words = (
        "--retries",
        "4",
        "--page-size=x",
        "--take-over=maybe",
        "--entities",
        "charge",
        "--owner",
        SECRET,
        "--what",
    )
    done = call("run", *words, "--lake", "--log-format", log_format, STRIPE_RAW_MAX_RETRIES="-1")
    assert done.returncode == 2
    said = [
        "unknown option '--retries' of run, did you mean --max-retries?",
        "unknown option '--what' of run; see stripe-raw run --help",
        "--lake needs a value: --lake DIR",
        "STRIPE_RAW_MAX_RETRIES (--max-retries) must be a whole number from 0 to 1000 (retries), not '-1'",
        "--page-size must be a whole number from 1 to 100 (objects), not 'x'",
        "--take-over must be yes or no, not 'maybe'",
        "--entities: unknown entity 'charge': did you mean 'charges'?",
        "--owner holds a Stripe secret",
    ]
    lines = done.stderr.splitlines()
    assert len(lines) == len(said)
    for part, line in zip(said, lines, strict=True):
        assert part in line
    assert "CANARY" not in done.stderr


def test_the_error_in_python_has_all_mistakes() -> None:
    with pytest.raises(UsageError) as refused:
        read("run", "--page-size", "x", "--what")
    assert len(refused.value.mistakes) == 2
    assert str(refused.value) == f"2 mistakes: {'; '.join(refused.value.mistakes)}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-q", "-v"), "quiet=True and verbose=True exclude each other"),
        (("--quiet", "--verbose=yes"), "quiet=True and verbose=True exclude each other"),
    ],
)
def test_a_log_is_either_short_or_long(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read("status", *words)
    assert not read("status", "-q", STRIPE_RAW_VERBOSE="yes").flag("verbose")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("help", "rum"), "unknown command 'rum', did you mean run?"),
        (("completions",), "completions needs a shell: bash, zsh, fish"),
        (("completions", "fsh"), "unknown shell 'fsh', did you mean fish?"),
        (("completions", "bash", "zsh"), "unexpected argument 'zsh'"),
    ],
)
def test_a_word_that_a_command_does_not_know_is_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(*words)
    assert str(refused.value).startswith(said)
