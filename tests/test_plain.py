"""Text for one line, and names of processes."""

from __future__ import annotations

import base64
import sys
import unicodedata

import pytest

from stripe_raw_rs import Client
from stripe_raw_rs._core import plain
from stripe_raw_rs.owner import default_owner, is_dead
from tests.conftest import KEY as SECRET


def test_plain_makes_one_line_without_secrets() -> None:
    assert plain(f"a\nb\t{SECRET} \x1b[2J\u202e") == r"a b rk_*** \u{1b}[2J\u{202e}"
    assert len(plain("x" * 10_000)) == 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rk_test_aB1", "rk_***"),
        ("xrk_test_aB1", "xrk_***"),
        ("Bearer%20rk_test_aB1", "Bearer%20rk_***"),
        ("Bearer%20sk_aB1", "Bearer%20sk_***"),
        ("*rk_live_aB1*", "*rk_***"),
        ("_sk_test_aB1", "_sk_***"),
        ("_sk_aB1", "_sk_***"),
        (r"key\nrk_test_aB1\n", r"key\nrk_***\n"),
        (r"key\nsk_aB1", r"key\nsk_***"),
        (r"key\x20sk_aB1", r"key\x20sk_***"),
        (r"key\u0020sk_aB1", r"key\u0020sk_***"),
        ("RK_TEST_AB1", "RK_***"),
        ("sk_org_aB1 rk_org_aB1", "sk_*** rk_***"),
        ("ek_test_aB1, ek_live_aB1", "ek_***, ek_***"),
        ("whsec_aB1 xwhsec_aB1", "whsec_*** xwhsec_***"),
        ("rk_test_aB1rk_test_aB1", "rk_***"),
        ("rk_***", "rk_***"),
        ("task_force and disk_x", "task_force and disk_x"),
        ("rak_charge_read", "rak_charge_read"),
        ("1sk_a", "1sk_a"),
        ("sk_", "sk_"),
        ("éclairsk_test_a sk_é", "éclairsk_*** sk_é"),
    ],
)
def test_a_secret_is_masked_wherever_it_stands(text: str, said: str) -> None:
    assert plain(text) == said


# A process knows its own key, and not only the form of keys: this one has none of the prefixes.
ALONE = "rk_" + "CANARYcanary0123456789xyz"


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode], ids=["standard", "for addresses"])
@pytest.mark.parametrize("lead", range(4))
@pytest.mark.parametrize("tail", [b"", b":", b"::", b":::"])
def test_the_own_key_is_also_masked_in_base64(encode: object, lead: int, tail: bytes) -> None:
    assert callable(encode)
    Client(ALONE, api_base_url="https://api.stripe.com")
    sent = encode(b"?" * lead + ALONE.encode() + tail).decode()
    # A character has six bits: one at the key's ends may have bits of its neighbour as well, and stays.
    begin, end = -(-lead * 8 // 6), (lead + len(ALONE)) * 8 // 6
    assert plain(f"Basic {sent} was refused") == f"Basic {sent[:begin]}***{sent[end:]} was refused"


def test_the_own_key_is_masked_within_a_word() -> None:
    Client(ALONE, api_base_url="https://api.stripe.com")
    assert plain(f"x{ALONE}y") == "x***y"


@pytest.mark.parametrize("before", [480, 495, 499])
def test_a_key_that_is_cut_is_masked_as_well(before: int) -> None:
    Client(ALONE, api_base_url="https://api.stripe.com")
    for text in (SECRET, f"x{ALONE}", base64.b64encode(ALONE.encode()).decode()):
        assert "***" in plain(text)
        assert plain("." * before + text) == ("." * before + plain(text))[:500]


def test_invisible_characters_are_escaped() -> None:
    unseen = [
        chr(number)
        for number in range(sys.maxunicode + 1)
        if unicodedata.category(chr(number)) in {"Cc", "Cf", "Zl", "Zp"}
    ]
    fillers = ["\u034f", "\u115f", "\u1160", "\u17b4", "\u3164", "\uffa0", "\ufe0f", "\U000e0100"]
    assert {"\u200b", "\u200f", "\u061c", "\ufeff", "\U000e0041"} <= {*unseen}
    for character in [*unseen, *fillers]:
        said = plain(f"a{character}b")
        assert said in {"a b", f"a\\u{{{ord(character):x}}}b"}, hex(ord(character))
    assert plain("Überweisung, 請求書, ❤, naïve") == "Überweisung, 請求書, ❤, naïve"


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
