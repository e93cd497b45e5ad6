"""The completions, by the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import entities
from stripe_raw_rs.cli.completions import completions
from stripe_raw_rs.cli.help import EXIT_CODES, GROUPS
from stripe_raw_rs.options import COMMANDS, OPTIONS
from tests.command import call

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed"))
    for shell in ("bash", "zsh", "fish")
]
# What is typed before the key Tab, and some of what the shell then offers.
OFFERED = [
    ("stripe-raw st", ["status"]),
    ("stripe-raw help ver", ["verify"]),
    ("stripe-raw completions ", ["bash", "zsh", "fish"]),
    ("stripe-raw run --lookb", ["--lookback-seconds"]),
    ("stripe-raw status --lookb", ["--lookback-seconds"]),
    ("stripe-raw --lookb", ["--lookback-seconds"]),
    ("stripe-raw run --liquid-clustering ", ["auto", "yes", "no"]),
    ("stripe-raw run --changes e", ["events"]),
    ("stripe-raw run --entities refun", ["refunds"]),
    ("stripe-raw run --entities charges refun", ["refunds"]),
    ("stripe-raw run --entities charges,refun", ["charges,refunds"]),
    ("stripe-raw run --entities customers_balance_tr", ["customers_balance_transactions"]),
    ("stripe-raw run --api-key-file key", ["key file"]),
    ("stripe-raw run --lake la", ["lake here/"]),
    ("stripe-raw status la", ["lake here/"]),
]
ABSENT = [
    ("stripe-raw verify --page", "--page-size"),
    ("stripe-raw run --page-size ", "lake here"),
    ("stripe-raw run --lake k", "key file"),
    ("stripe-raw entities la", "lake here"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key file").touch()
    (tmp_path / "lake here").mkdir()
    for shell in ("bash", "zsh", "fish"):
        (tmp_path / f"script.{shell}").write_text(completions(shell))
    return tmp_path


def of_bash(typed: str, folder: Path) -> list[str]:
    """Bash itself splits the line into words: at spaces, and at the signs of COMP_WORDBREAKS."""
    words = [word for word in re.split(r"(=)| +", typed) if word]
    words += [""] if typed.endswith(" ") else []
    script = (
        'source script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _stripe_raw; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *words], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def of_fish(typed: str, folder: Path) -> list[str]:
    script = f"source script.fish; complete -C '{typed}'"
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "none")}
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def of_zsh(typed: str, folder: Path) -> list[str]:
    """All that zsh shows on a terminal when Tab is pressed, as it asks for the words that it offers."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": str(folder), "PS1": "> "}
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment)  # noqa: S606 - the shell itself
    try:
        setup = "autoload -U compinit; compinit -u -d dump; source script.zsh; setopt no_beep; echo rea''dy\n"
        assert "ready" in answer(terminal, setup, "ready\r")
        # The first Tab completes what is common, the second lists.
        shown = answer(terminal, f"{typed}\t\t", None)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return [shown.replace("\\ ", " ")]


def answer(terminal: int, typed: str, end: str | None) -> str:
    os.write(terminal, typed.encode())
    shown, until = "", time.monotonic() + 20
    while time.monotonic() < until and (end is None or end not in shown):
        ready, _, _ = select.select([terminal], [], [], 20 if not shown or end else 1.0)
        if not ready:
            break
        shown += os.read(terminal, 4096).decode(errors="replace")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|.\x08", "", shown)


def offered(shell: str, typed: str, folder: Path) -> list[str]:
    return {"bash": of_bash, "zsh": of_zsh, "fish": of_fish}[shell](typed, folder)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("typed", "words"), OFFERED)
def test_a_shell_completes_what_is_typed(shell: str, typed: str, words: list[str], folder: Path) -> None:
    found = offered(shell, typed, folder)
    for word in words:
        if shell == "zsh":
            assert word in found[0], found
        else:
            assert word.rstrip("/") in [one.rstrip("/") for one in found], found


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("typed", "word"), ABSENT)
def test_a_shell_offers_only_what_fits(shell: str, typed: str, word: str, folder: Path) -> None:
    assert not any(word in one for one in offered(shell, typed, folder))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_command_option_and_list(shell: str) -> None:
    script = call("completions", shell, key=None).stdout
    assert script == completions(shell) + "\n"
    for command in COMMANDS.values():
        assert command.name in script
        for name in command.options:
            assert (f"-l {OPTIONS[name].flag[2:]} " if shell == "fish" else OPTIONS[name].flag) in script
    for entity in entities():
        assert entity.name in script
    check = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}[shell]
    done = subprocess.run([*check, "/dev/stdin"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_behind_an_equals_sign(folder: Path) -> None:
    assert of_bash("stripe-raw run --changes=e", folder) == ["events"]
    assert of_bash("stripe-raw run --changes=", folder) == ["read", "events", "no"]


def test_the_help_has_each_option_in_one_group_and_each_exit_code() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    used = {name for command in COMMANDS.values() for name in command.options}
    assert sorted(grouped) == sorted(used)
    for arguments in [("--help",), ("help", "run"), ("run", "-h"), ("run", "--lake", "x", "--help", "--nonsense")]:
        done = call(*arguments, key=None)
        assert (done.returncode, done.stderr) == (0, "")
        section = done.stdout.split("exit codes:\n")[1].split("\n\n")[0]
        assert [int(code) for code in re.findall(r"^  (\d+) ", section, re.MULTILINE)] == list(EXIT_CODES)
    assert call("help", "run", key=None).stdout == call("run", "--help", key=None).stdout
