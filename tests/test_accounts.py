"""The accounts that a call names: as a list, as a text, in a file, as `all`, by paths and by the key's own id."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError
from tests.command import call
from tests.conftest import CANARY, KEY
from tests.connected import EACH, OWN, assert_each_once, land, landed_of, platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stripe_raw_rs.simulator import StripeSimulator


@pytest.fixture
def stripe() -> Iterator[StripeSimulator]:
    with platform() as simulator:
        yield simulator


@pytest.mark.parametrize(
    "given",
    [
        list,
        tuple,
        set,
        iter,
        ",".join,
        lambda names: " , ".join(names) + ",",
        lambda names: [names[0], f"{names[1]},{names[2]}"],
    ],
    ids=["list", "tuple", "set", "iterator", "text", "text with spaces", "list with a comma"],
)
def test_accounts_can_be_a_list_or_a_text(
    lake: Path, stripe: StripeSimulator, given: Callable[[list[str]], Any]
) -> None:
    names = stripe.accounts()[:3]
    land(lake, stripe, accounts=given(names)).raise_for_status()
    assert landed_of(lake) == dict.fromkeys(names, EACH)
    assert_each_once(lake, stripe, names)


@pytest.mark.parametrize("kind", [Path, str])
@pytest.mark.parametrize(("encoding", "end"), [("utf-8", "\n"), ("utf-8-sig", "\n"), ("utf-8-sig", "\r\n")])
def test_accounts_can_be_a_file_with_comments_blank_lines_and_commas(
    lake: Path, stripe: StripeSimulator, kind: type, encoding: str, end: str
) -> None:
    one, two, three, left_out = stripe.accounts()
    lines = ["# the shops", "", f"{one} # the first", f"  {two},{three} ,", f"# {left_out}"]
    file = lake.with_name("accounts.txt")
    file.write_bytes(end.join(lines).encode(encoding))
    land(lake, stripe, accounts=kind(file)).raise_for_status()
    assert landed_of(lake) == dict.fromkeys([one, two, three], EACH)


@pytest.mark.parametrize("given", ["acct_list.txt", "./acct_list", "~/acct_list", "~/acct.list"])
def test_a_file_may_begin_like_an_id_and_may_be_in_the_home_folder(
    lake: Path, stripe: StripeSimulator, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    one, *_ = stripe.accounts()
    Path(given).expanduser().write_text(one)
    land(lake, stripe, accounts=given).raise_for_status()
    place = ("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
    assert call(*place, "--accounts", given).returncode == 0
    assert landed_of(lake) == {one: EACH}


@pytest.mark.parametrize("given", ["all", " all ", ["all"]])
def test_all_is_the_keys_own_account_and_those_connected_to_it(
    lake: Path, stripe: StripeSimulator, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    land(lake, stripe, accounts=given).raise_for_status()
    assert landed_of(lake) == dict.fromkeys(stripe.accounts(), EACH) | {None: OWN}
    assert_each_once(lake, stripe, [None, *stripe.accounts()])
    assert "4 accounts are connected to the key's own" in caplog.text
    assert "1 list of 5 accounts: 5 requests" in caplog.text


def test_a_path_names_the_account_at_its_end(lake: Path, stripe: StripeSimulator) -> None:
    one, two, *_ = stripe.accounts()
    land(lake, stripe, accounts=[f"{stripe.account}/{one}", two]).raise_for_status()
    assert landed_of(lake) == dict.fromkeys([one, two], EACH)
    # However it is named, it is the same account.
    for given in ({"accounts": one}, {"accounts": None, "stripe_account": f"{stripe.account}/{two}"}):
        land(lake, stripe, **given).raise_for_status()
    assert_each_once(lake, stripe, [one, two])


def test_the_key_of_an_organisation_goes_to_stripe_alone(lake: Path, stripe: StripeSimulator) -> None:
    """Nothing shows whether it is a test key, so the simulator never sees one; its headers are tested in Rust."""
    given = ("--accounts", f"{stripe.account}/{stripe.accounts()[0]}", "--entities", "charges")
    done = call("run", "--lake", lake, "--api-base-url", stripe.url, *given, key=f"sk_org_test_{CANARY}")
    assert (done.returncode, done.stderr.count("\n"), stripe.requests) == (2, 1, 0)
    assert "a live key goes to https://api.stripe.com only" in done.stderr


def test_an_account_that_is_named_twice_is_read_once(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    one, two, *_ = stripe.accounts()
    land(lake, stripe, accounts=[one, two, one]).raise_for_status()
    assert "named twice" not in caplog.text, "the same name twice needs no word"
    land(lake, stripe, accounts=[one, f"{stripe.account}/{one}", two]).raise_for_status()
    assert f"named twice, and read once: {one}\n" in caplog.text
    assert stripe.entity_requests("charges", account=one) == 2
    assert_each_once(lake, stripe, [one, two])


@pytest.mark.parametrize("named", [{"stripe_account": True}, {"accounts": True}, {"accounts": True, "more": True}])
def test_the_keys_own_id_means_the_account_that_is_read_without_a_name(
    lake: Path, stripe: StripeSimulator, named: dict[str, bool]
) -> None:
    others = stripe.accounts()[:2] if "more" in named else []
    option = next(iter(named))
    names: Any = stripe.account if option == "stripe_account" else [stripe.account, *others]
    for given in ({"accounts": None, option: names}, {"accounts": None}, {"accounts": "all"}):
        land(lake, stripe, **given).raise_for_status()
    assert landed_of(lake) == dict.fromkeys(stripe.accounts(), EACH) | {None: OWN}
    assert_each_once(lake, stripe, [None, *stripe.accounts()])


@pytest.mark.parametrize("given", ["all", "named", "stripe_account"])
def test_a_lake_that_has_the_own_account_under_its_id_goes_on_so(
    lake: Path, stripe: StripeSimulator, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version did not know that the id is the key's own."""
    own = stripe.account
    with monkeypatch.context() as patch:
        patch.setattr("stripe_raw_rs.accounts.of_lake", lambda names, *_: names)
        land(lake, stripe, accounts=own).raise_for_status()
    assert landed_of(lake) == {own: OWN}
    stripe.add("charges", 2)
    one = stripe.accounts()[0]
    names: dict[str, Any] = {
        "all": {"accounts": "all"},
        "named": {"accounts": [own, one]},
        "stripe_account": {"accounts": None, "stripe_account": own},
    }
    land(lake, stripe, **names[given]).raise_for_status()
    found = landed_of(lake)
    assert (found[own], None in found) == (OWN + 2, False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.txt", r"'nowhere\.txt' is not the id of an account, and as a file it cannot be read: No such file"),
        (["acct_1", "cus_2"], "'cus_2' is not the id of a connected account"),
        ("acct_1,acct_", "'acct_' is not the id of a connected account"),
        ("acct_1/,acct_2", "'acct_1/' is not the id of a connected account"),
        ("acct_1/cus_1", "'acct_1/cus_1' is not the id of a connected account"),
        ("all,acct_1", "accounts: 'all' stands alone"),
        (["acct_1", "all"], "accounts: 'all' stands alone"),
        ("acct_list.txt", r"accounts: 'acct_list\.txt' is not the id of an account, .* cannot be read: No such file"),
        (
            "~nobody-here/a",
            "accounts: '~nobody-here/a' is not .* cannot be read: Could not determine home",
        ),
        ("a\0b", "cannot be read: embedded null byte"),
        ("", "names no account"),
        (" , ", "names no account"),
        ([], "names no account"),
        ([1], "accounts must be a text, a list of texts or a pathlib.Path"),
        (["acct_1", None], "accounts must be a text, a list of texts or a pathlib.Path"),
    ],
)
def test_names_that_are_none_end_in_one_line(lake: Path, stripe: StripeSimulator, given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        land(lake, stripe, accounts=given)
    assert "\n" not in str(raised.value)
    assert (stripe.requests, lake.exists()) == (0, False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "names no account"),
        (b"# acct_1\n\n", "names no account"),
        (b"acct_1\n# more\nacct_2, cus_1 # mine\n", "line 3 of '[^']*': 'cus_1' is not the id of a connected account"),
        (b"acct_1\nall\n", "accounts: line 2 of '[^']*': 'all' stands alone"),
        (b"acct_1\0\n", r"line 1 of '[^']*': 'acct_1\\u\{0\}' is not the id"),
        (bytes(range(256)), "it is not a text in UTF-8"),
        (f"acct_1\n{KEY}\n".encode(), r"line 2 of '[^']*': 'rk_\*\*\*' is not the id"),
    ],
)
def test_a_file_that_holds_something_else_ends_in_one_line(
    tmp_path: Path, lake: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "accounts"
    file.write_bytes(content)
    with platform() as stripe, pytest.raises(UsageError, match=said) as raised:
        land(lake, stripe, accounts=file)
    assert "\n" not in str(raised.value)
    assert CANARY not in str(raised.value)
    assert not lake.exists()


def test_the_command_says_its_option_first(lake: Path, tmp_path: Path) -> None:
    file = tmp_path / "accounts.txt"
    file.write_text("acct_1\ncus_1\n")
    for given, said in {
        "all,acct_1": "'all' stands alone",
        "acct_1,cus_1": "'cus_1' is not the id of a connected account",
        "acct_1.txt": "'acct_1.txt' is not the id of an account, and as a file it cannot be read",
        str(file): f"line 2 of '{file}': 'cus_1' is not",
    }.items():
        for command in ("run", "status", "verify"):
            done = call(command, "--lake", lake, "--accounts", given)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1)
            assert f"--accounts IDS: {said}" in done.stderr


def test_one_account_and_many_exclude_each_other(lake: Path, stripe: StripeSimulator) -> None:
    place = ("run", "--lake", lake, "--api-base-url", stripe.url)
    done = call(*place, "--stripe-account", "acct_1", "--accounts", "acct_2,acct_3")
    assert (done.returncode, done.stderr.count("\n"), lake.exists()) == (2, 1, False)
    assert all(name in done.stderr for name in ("--stripe-account", "--accounts"))


def test_a_key_in_the_place_of_accounts_is_masked(lake: Path, stripe: StripeSimulator) -> None:
    for given in (KEY, f"acct_1,{KEY}"):
        done = call("run", "--lake", lake, "--api-base-url", stripe.url, "--accounts", given)
        assert (done.returncode, done.stderr.count("\n"), CANARY in done.stderr) == (2, 1, False)
        assert "accounts holds a Stripe secret" in done.stderr
        with pytest.raises(UsageError, match="accounts holds a Stripe secret"):
            land(lake, stripe, accounts=[given])
    assert not lake.exists()


def test_an_empty_option_is_none_but_an_empty_text_in_a_program_is_a_mistake(
    lake: Path, stripe: StripeSimulator
) -> None:
    place = ("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
    assert call(*place, "--accounts", "").returncode == 0
    assert landed_of(lake) == {None: OWN}
    with pytest.raises(UsageError, match="accounts names no account"):
        land(lake, stripe, accounts="")


def test_the_environment_names_accounts_behind_the_option(
    lake: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, *_ = stripe.accounts()
    monkeypatch.setenv("STRIPE_RAW_ACCOUNTS", one)
    place = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
    assert call("run", *place).returncode == 0
    assert landed_of(lake) == {one: EACH}
    assert call("run", *place, "--accounts", two).returncode == 0
    land(lake, stripe, accounts=None).raise_for_status()
    assert landed_of(lake) == dict.fromkeys([one, two], EACH)
