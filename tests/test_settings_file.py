"""The settings file and its profiles: which value wins, what is refused, and what is shown."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, check, ingest, main
from stripe_raw_rs.cli.arguments import parse
from stripe_raw_rs.keywords import with_environment
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import call
from tests.conftest import CANARY, KEY
from tests.test_frames import assert_in_no_frame

if TYPE_CHECKING:
    from stripe_raw_rs.config import Config

TEXT = """
lake = "lake"
entities = ["charges", "refunds"]
page_size = 50
take_over = true
start = 2024-01-31
backoff_jitter = 0.5

[profiles.eu]
lake = "~/lake-eu"
page_size = 20
api_key_file = "keys/eu"

[profiles.spark]
catalog = "main"
schema = "raw"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, and no settings of whoever runs the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def read(*arguments: str, **environment: str) -> Config:
    return parse(arguments, {"XDG_CONFIG_HOME": "/nowhere", **environment}.get)


def refusal(text: str, *arguments: str) -> str:
    Path("stripe-raw.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        read("run", *arguments)
    assert_in_no_frame(refused.value)
    assert CANARY not in str(refused.value)
    return str(refused.value)


def test_values_of_the_file_are_those_of_the_command_line(folder: Path) -> None:
    Path("stripe-raw.toml").write_text(TEXT)
    assert read("run").keywords() == {
        "lake": str(folder / "lake"),
        "entities": "charges,refunds",
        "page_size": "50",
        "take_over": True,
        "start": "2024-01-31",
        "backoff_jitter": "0.5",
    }


def test_an_option_wins_over_a_variable_and_this_over_the_profile_and_this_over_the_file(folder: Path) -> None:
    Path("stripe-raw.toml").write_text(TEXT)
    environment = {"STRIPE_RAW_PROFILE": "eu"}
    assert read("run").text("page_size") == "50"
    assert read("run", "--profile", "eu").text("page_size") == "20"
    assert read("run", **environment).text("page_size") == "20"
    environment["STRIPE_RAW_PAGE_SIZE"] = "30"
    assert read("run", **environment).text("page_size") == "30"
    assert read("run", "--page-size", "40", **environment).text("page_size") == "40"
    assert read("run", "--profile=", **environment).text("api_key_file") == str(folder / "keys" / "eu")
    assert read("check", "--profile", "eu").keywords().keys() == {"api_key_file", "entities"}


def test_a_profile_that_says_it_in_another_way_wins_over_the_file_too() -> None:
    Path("stripe-raw.toml").write_text(TEXT)
    keywords = read("run", "--profile", "spark").keywords()
    assert (keywords["catalog"], keywords["schema"], "lake" in keywords) == ("main", "raw", False)
    assert "catalog" not in read("run", "--profile", "spark", "--lake", "l").keywords()
    assert "catalog" not in read("run", "--profile", "spark", STRIPE_RAW_LAKE="l").keywords()


def test_the_file_is_named_or_lies_here_or_in_the_folder_of_the_user(tmp_path: Path) -> None:
    home, named = tmp_path / "home" / "stripe-raw", tmp_path / "named.toml"
    home.mkdir(parents=True)
    (home / "stripe-raw.toml").write_text('lake = "of-the-user"')
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    assert read("run", **environment).text("lake") == str(home / "of-the-user")
    Path("stripe-raw.toml").write_text('lake = "here"')
    assert read("run", **environment).text("lake") == str(Path.cwd() / "here")
    named.write_text('lake = "/named"')
    assert read("run", "--settings", str(named), **environment).text("lake") == "/named"
    assert read("run", STRIPE_RAW_SETTINGS=str(named), **environment).text("lake") == "/named"
    assert read("run", "--settings", os.devnull, **environment).text("lake") is None


def test_accounts_of_the_file_are_names_or_a_file_beside_it(folder: Path) -> None:
    for written, text in [
        ('"all"', "all"),
        ('["acct_1", "acct_2"]', "acct_1,acct_2"),
        ('"acct_1"', "acct_1"),
        ('"accounts.txt"', str(folder / "accounts.txt")),
    ]:
        Path("stripe-raw.toml").write_text(f"accounts = {written}")
        assert read("run").text("accounts") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lakes = 'x'", "lakes in 'stripe-raw.toml' is no setting, did you mean lake?"),
        (
            "[profiles.eu]\nretries = 3",
            "retries in [profiles.eu] of 'stripe-raw.toml' is no setting, did you mean max_re",
        ),
        ("page_size = '7'", "page_size in 'stripe-raw.toml' must be a whole number, not '7'"),
        ("page_size = true", "page_size in 'stripe-raw.toml' must be a whole number, not True"),
        ("page_size = 7.0", "page_size in 'stripe-raw.toml' must be a whole number, not 7.0"),
        ("backoff_jitter = 'x'", "backoff_jitter in 'stripe-raw.toml' must be a number, not 'x'"),
        ("max_requests_per_second = 'x'", "max_requests_per_second in 'stripe-raw.toml' must be \"auto\" or a number"),
        ("take_over = 'yes'", "take_over in 'stripe-raw.toml' must be true or false, not 'yes'"),
        ("entities = [1]", "entities in 'stripe-raw.toml' must be a text or a list of texts, not [1]"),
        ("lake = ['x']", "lake in 'stripe-raw.toml' must be a text, not ['x']"),
        ("start = 5", "start in 'stripe-raw.toml' must be a date, a date-time or a text, not 5"),
        ("from_scratch = true", "from_scratch in 'stripe-raw.toml' cannot be kept in a settings file"),
        ("profiles = 1", "profiles in 'stripe-raw.toml' must be tables, as in [profiles.eu]"),
        ("[profiles]\neu = 1", "[profiles.eu] of 'stripe-raw.toml' must be a table"),
        ("page_size = ", "the settings file 'stripe-raw.toml' is not TOML: "),
        ("page_size = 101", "page_size in 'stripe-raw.toml' must be a whole number from 1 to 100 (objects), not '101'"),
        ("api_base_url = 'https://example.com'", "api_base_url in 'stripe-raw.toml' holds only if the file is named"),
        (f"api_key = '{KEY}'", "api_key in 'stripe-raw.toml': the key is not written into this file"),
        (f"owner = 'job {KEY}'", "owner in 'stripe-raw.toml' holds a Stripe secret"),
        (f"entities = ['{KEY}']", "entities in 'stripe-raw.toml' holds a Stripe secret"),
        (f'owner = "{KEY[:2]}\\u005f{KEY[3:]}"', "owner in 'stripe-raw.toml' holds a Stripe secret"),
        (f'[profiles.eu]\n"{KEY}" = 1', "rk_*** in [profiles.eu] of 'stripe-raw.toml' is no setting"),
        (f"owner = {KEY}", "the settings file 'stripe-raw.toml' is not TOML: "),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_with_its_place(text: str, said: str) -> None:
    line = refusal(text)
    assert line.startswith(said)
    assert "\n" not in line


@pytest.mark.parametrize("call", [ingest, check])
def test_no_frame_of_the_library_holds_a_key_that_is_in_the_file(call: Any) -> None:
    for text in (f"owner = '{KEY}'", f"api_key = '{KEY}'", f"[profiles.eu]\nentities = ['{KEY}']", f"owner = {KEY}"):
        Path("stripe-raw.toml").write_text(text)
        with pytest.raises(UsageError) as refused:
            call()
        assert_in_no_frame(refused.value)
        assert CANARY not in str(refused.value)


def test_all_mistakes_of_a_file_and_of_a_call_are_told_at_once() -> None:
    Path("stripe-raw.toml").write_text("page_sise = 1\n[profiles.eu]\nlake = 5\n")
    done = call("run", "--page-size", "x", "--vebose", "--profile", "eu", XDG_CONFIG_HOME="/nowhere")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "stripe-raw: error: unknown option '--vebose' of run, did you mean --verbose?; see stripe-raw run --help",
        "stripe-raw: error: page_sise in 'stripe-raw.toml' is no setting, did you mean page_size?",
        "stripe-raw: error: lake in [profiles.eu] of 'stripe-raw.toml' must be a text, not 5",
        "stripe-raw: error: --page-size must be a whole number from 1 to 100 (objects), not 'x'",
    ]


def test_a_value_says_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rest = "must be a whole number from 1 to 100 (objects), not '0'"
    Path("stripe-raw.toml").write_text("[profiles.eu]\npage_size = 0\n")
    variable, profile = "STRIPE_RAW_PAGE_SIZE", "page_size in [profiles.eu] of 'stripe-raw.toml'"
    cases: list[tuple[list[str], dict[str, Any], dict[str, str], str, str]] = [
        (["--page-size=0"], {"page_size": 0}, {}, "--page-size", "page_size"),
        ([], {}, {variable: "0"}, f"{variable} (--page-size)", f"{variable} (page_size)"),
        (["--profile=eu"], {"profile": "eu"}, {}, f"{profile} (--page-size)", profile),
    ]
    for arguments, keywords, environment, on_command_line, in_python in cases:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            with pytest.raises(UsageError) as refused:
                main(["run", "--lake", "lake", *arguments])
            assert str(refused.value) == f"{on_command_line} {rest}"
            with pytest.raises(UsageError) as refused:
                ingest(lake="lake", api_key=KEY, **keywords)
            assert str(refused.value) == f"{in_python} {rest}"


def test_a_path_that_cannot_be_used_says_where_it_came_from(folder: Path) -> None:
    Path("stripe-raw.toml").write_text('lake = "none"\napi_key_file = "no-key"\n')
    done = call("status", key=None)
    assert done.stderr.strip().endswith("; lake in 'stripe-raw.toml' (--lake) says so")
    done = call("check", key=None)
    assert f"'{folder / 'no-key'}'" in done.stderr
    assert done.stderr.strip().endswith("; api_key_file in 'stripe-raw.toml' (--api-key-file) says so")
    with pytest.raises(UsageError, match=r"; api_key_file in 'stripe-raw\.toml' says so$"):
        check()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "ue"], "'stripe-raw.toml' has no profile 'ue'; it has eu, spark"),
        (["--profile", "sparc"], "'stripe-raw.toml' has no profile 'sparc', did you mean spark?"),
        (["--settings", "none.toml"], "the settings file 'none.toml' is not there, or is not a regular file"),
        (["--settings", "."], "the settings file '.' is not there, or is not a regular file"),
    ],
)
def test_a_profile_or_file_that_is_not_there_is_refused(arguments: list[str], said: str) -> None:
    assert refusal(TEXT, *arguments) == said


def test_a_profile_without_any_file_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"there is no profile 'eu': no stripe-raw\.toml is in this folder or the user's"
    ):
        read("run", "--profile", "eu")


def test_odd_files_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"owner = '\xe9'")
    (tmp_path / "large").write_bytes(b"#" * (1 << 21))
    for name, said in [
        ("pipe", "not a regular file"),
        ("latin", "not a text in UTF-8"),
        ("large", "larger than 1 MiB"),
    ]:
        with pytest.raises(UsageError, match=said):
            read("run", "--settings", str(tmp_path / name))


def test_without_a_reader_of_toml_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stripe-raw.toml").write_text(TEXT)
    monkeypatch.setitem(sys.modules, "tomllib", None)
    monkeypatch.setitem(sys.modules, "tomli", None)
    with pytest.raises(UsageError, match="needs the package tomli: pip install tomli"):
        read("run")


def test_a_named_file_may_say_where_the_api_is_and_the_library_takes_profiles(folder: Path) -> None:
    with StripeSimulator(counts={"charges": 30, "refunds": 5}) as stripe:
        (folder / "key").write_text(KEY)
        place = f'api_base_url = "{stripe.url}"\napi_key_file = "key"\n'
        Path("mine.toml").write_text(f'{place}[profiles.eu]\nlake = "eu"\nentities = ["charges"]\n')
        given: dict[str, Any] = {"settings": Path("mine.toml"), "profile": "eu"}
        assert [probe.entity for probe in check(**given).entities] == ["charges"]
        report = ingest(**given)
        assert (report.location, report.entities[0].rows) == (str(folder / "eu"), 30)
        assert [result.entity for result in ingest(entities="refunds", **given).entities] == ["refunds"]
    assert with_environment("run", dict(given), lambda _: None).keys() == {
        *("api_base_url", "api_key_file", "lake", "entities"),
    }


def test_the_settings_of_a_command_are_shown_with_their_sources_and_nothing_is_done() -> None:
    Path("stripe-raw.toml").write_text(TEXT)
    given = ("run", "--profile", "eu", "--max-retries", "3", "--show-settings")
    done = call(*given, STRIPE_RAW_OWNER="job", XDG_CONFIG_HOME="/nowhere")
    assert (done.returncode, done.stderr) == (0, "")
    shown = {name: rest for name, *rest in (re.split(" {2,}", line) for line in done.stdout.splitlines())}
    assert shown["max_retries"] == ["3", "--max-retries"]
    assert shown["owner"] == ["job", "STRIPE_RAW_OWNER"]
    assert shown["page_size"] == ["20", "page_size in [profiles.eu] of 'stripe-raw.toml'"]
    assert shown["entities"] == ["charges,refunds", "entities in 'stripe-raw.toml'"]
    assert shown["lookback_seconds"] == ["3600", "default"]
    assert shown["stripe_account"] == ["-", "-"]
    assert shown["(the key)"] == ["not shown", "api_key_file"]
    assert list(Path().iterdir()) == [Path("stripe-raw.toml")]
    (line,) = call(*given, "--output", "json", XDG_CONFIG_HOME="/nowhere").stdout.splitlines()
    rows = {row["option"]: row for row in json.loads(line)["settings"]}
    assert rows["max_retries"] == {"option": "max_retries", "value": "3", "from": "--max-retries"}
    assert CANARY not in line
