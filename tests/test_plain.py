"""Text for one line, and names of processes."""

from __future__ import annotations

from stripe_raw_rs._core import plain
from stripe_raw_rs.owner import default_owner, is_dead
from tests.conftest import KEY as SECRET


def test_plain_text_is_one_line_without_secrets() -> None:
    assert plain(f"a\nb\t{SECRET} \x1b[2J\u202e") == r"a b rk_*** \u{1b}[2J\u{202e}"
    assert plain("task_force and disk_x") == "task_force and disk_x"
    assert len(plain("x" * 10_000)) == 500


def test_only_a_missing_process_of_this_host_is_dead() -> None:
    mine = default_owner()
    host = mine.rpartition("/")[0]
    assert not is_dead(mine)
    assert is_dead(f"{host}/{2**22 + 1}")
    for owner in (
        None,
        "",
        "job/7",
        f"elsewhere-{host}/1",
        f"{host}/",
        f"{host}/0",
        f"{host}/-1",
        f"{host}/" + "9" * 30,
    ):
        assert not is_dead(owner)
