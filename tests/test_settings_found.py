"""A settings file that cannot be looked at or read, and the commands that need none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError
from stripe_raw_rs.cli.arguments import as_far_as_possible
from tests.command import call
from tests.conftest import CANARY, KEY
from tests.test_frames import assert_in_no_frame
from tests.test_settings_file import folder, read, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["folder"]
BROKEN = "page_sise = 1\nowner = \n"


def failing(method: str, error: Exception) -> Callable[[Path], Any]:
    real: Callable[[Path], Any] = getattr(Path, method)

    def look(self: Path) -> Any:
        if "hidden" in str(self) or str(self).startswith("~"):
            raise error
        return real(self)

    return look


@pytest.mark.parametrize(
    ("method", "error"),
    [("is_file", PermissionError(13, "Permission denied")), ("expanduser", RuntimeError("no home"))],
)
def test_a_folder_of_settings_that_cannot_be_looked_at_has_no_file(
    method: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, method, failing(method, error))
    assert read("status", "hidden-lake", XDG_CONFIG_HOME="~/hidden").text("lake") == "hidden-lake"
    with pytest.raises(UsageError, match=f"the settings file '.*/hidden' cannot be (read|found): {error.args[-1]}"):
        read("run", "--settings", "~/hidden")


def test_a_file_that_is_nested_deeply_is_refused_and_no_frame_holds_what_is_in_it() -> None:
    nested = "[" * 20_000
    assert "nested too deeply" in refusal(f"owner = {nested}")
    escaped = f'"{KEY[:2]}\\u005f{KEY[3:]}"'
    assert "is not TOML" in refusal(f"owner = {escaped}\nlake = ")
    assert "nested too deeply" in refusal(f"owner = {escaped}\nlake = {nested}")


def test_an_error_is_told_although_the_settings_cannot_be_read() -> None:
    Path("stripe-raw.toml").write_text(f"owner = {'[' * 20_000}")
    done = call("run", "--log-format", "json")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("{")
    assert "nested too deeply" in line


def test_an_error_is_told_whatever_else_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr("stripe_raw_rs.cli.arguments.behind", fail)
    config = as_far_as_possible(["run", "--color", "never"])
    assert (config.chosen("color"), config.chosen("log_format")) == ("never", "text")
    monkeypatch.setattr("stripe_raw_rs.cli.arguments.Words", fail)
    assert as_far_as_possible(["run", "--color", "never"]).chosen("color") == "auto"


@pytest.mark.parametrize("text", [BROKEN, "[profiles.eu]\nlake = 5\n", "profiles = 1", f"owner = '{KEY}'"])
@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["help"], ["help", "run"], ["completions", "bash"], ["entities"]]
)
def test_a_command_that_needs_no_settings_works_whatever_a_found_file_says(words: list[str], text: str) -> None:
    Path("stripe-raw.toml").write_text(text)
    assert read(*words).command in ("help", "completions", "entities")
    if words == ["entities"]:
        done = call(*words)
        assert (done.returncode, done.stderr) == (0, "")
        with pytest.raises(UsageError) as refused:
            read(*words, "--settings", "stripe-raw.toml")
        assert CANARY not in str(refused.value)


def test_entities_still_has_its_settings_from_the_file() -> None:
    Path("stripe-raw.toml").write_text('output = "json"')
    assert read("entities").text("output") == "json"
    with pytest.raises(UsageError, match="has no profile"):
        read("entities", "--profile", "eu")
    with pytest.raises(UsageError, match="has no profile"):
        read("entities", STRIPE_RAW_PROFILE="eu")


@pytest.mark.parametrize("name", ["accounts", "entities"])
@pytest.mark.parametrize("value", ["[]", '[""]', '[" ", ","]'])
def test_a_list_without_a_name_is_refused(name: str, value: str) -> None:
    assert refusal(f"{name} = {value}").startswith(
        f"{name} in 'stripe-raw.toml' must be a list with a name in it, not "
    )


def test_a_path_may_begin_at_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").write_text("no certificate")
    Path("mine.toml").write_text('ca_file = "~/ca.pem"\nlake = "~/lake"\naccounts = "~/ids"\n')
    with pytest.raises(UsageError) as refused:
        read("run", "--settings", "mine.toml")
    assert f"'{tmp_path / 'ca.pem'}'" in str(refused.value)
    Path("mine.toml").write_text('lake = "~/lake"\naccounts = "~/ids"\n')
    config = read("run", "--settings", "mine.toml")
    assert (config.text("lake"), config.text("accounts")) == (str(tmp_path / "lake"), str(tmp_path / "ids"))
    assert_in_no_frame(refused.value)
