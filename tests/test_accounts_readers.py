"""`status` and `verify` of a lake with many accounts: by list, with counts, and narrowed to some accounts."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.command import call
from tests.conftest import tamper
from tests.connected import EACH, OWN, land, platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

MANY = 30
RAW, CHECKPOINTS = "stripe_charges_raw", "stripe_ingestion_checkpoints"


@pytest.fixture(scope="module")
def stripe() -> Iterator[StripeSimulator]:
    with platform(MANY) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def landed(stripe: StripeSimulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One account is revoked, one may not be read, the others are complete, and so is the platform."""
    lake = tmp_path_factory.mktemp("many") / "lake"
    names = stripe.accounts()
    land(lake, stripe).raise_for_status()
    stripe.revoke(names[3])
    stripe.set_denied(["charges"], account=names[4])
    assert land(lake, stripe, accounts=[stripe.account, *names]).exit_code == 1
    stripe.restore(names[3])
    stripe.set_denied([], account=names[4])
    return lake


@pytest.fixture
def whole(landed: Path, tmp_path: Path) -> Path:
    shutil.copytree(landed, tmp_path / "lake")
    return tmp_path / "lake"


def shown(command: str, lake: Path, *more: object) -> tuple[int, str]:
    done = call(command, "--lake", lake, *more, key=None)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_status_counts_the_accounts_of_a_list_and_names_those_that_need_a_look(
    whole: Path, stripe: StripeSimulator
) -> None:
    names = stripe.accounts()
    code, text = shown("status", whole)
    assert code == 0
    lines = text.splitlines()
    assert re.match(rf"charges +{MANY - 1} of {MANY + 1} complete +\d.* +{MANY + 1} accounts$", lines[1])
    assert f"charges: {MANY - 1} of {MANY + 1} accounts complete, 2 failed" in lines
    named = [line for line in lines if line.startswith("charges/")]
    assert [line.split(": ")[0] for line in named] == sorted(f"charges/{names[number]}" for number in (3, 4))
    assert all(": failed: " in line for line in named)


def test_status_as_json_has_each_account(whole: Path, stripe: StripeSimulator) -> None:
    _, text = shown("status", whole, "--output", "json")
    rows = json.loads(text)["entities"]
    assert {row["stripe_account"] for row in rows} == {None, *stripe.accounts()}
    states = {row["stripe_account"]: row["state"] for row in rows}
    assert [states[name] for name in stripe.accounts()[3:5]] == ["failed", "failed"]
    assert [*states.values()].count("complete") == MANY - 1


@pytest.mark.parametrize("named", ["one", "own", "path", "two", "file", "all"])
def test_status_is_narrowed_to_accounts(whole: Path, stripe: StripeSimulator, tmp_path: Path, named: str) -> None:
    names = stripe.accounts()
    file = tmp_path / "accounts"
    file.write_text(f"{names[0]}\n{names[3]}\n")
    given, expected = {
        "one": (names[0], {names[0]}),
        "own": (stripe.account, {None}),
        "path": (f"{stripe.account}/{names[3]}", {names[3]}),
        "two": (f"{names[0]},{stripe.account}", {names[0], None}),
        "file": (file, {names[0], names[3]}),
        "all": ("all", {None, *names}),
    }[named]
    _, text = shown("status", whole, "--accounts", given, "--output", "json")
    assert {row["stripe_account"] for row in json.loads(text)["entities"]} == expected


@pytest.mark.parametrize("command", ["status", "verify"])
def test_a_name_that_the_lake_does_not_know_is_said(whole: Path, stripe: StripeSimulator, command: str) -> None:
    code, text = shown(command, whole, "--accounts", ",".join(f"acct_{number}" for number in range(22)))
    assert (code, text.count("\n")) == (2, 1)
    assert "acct_19, and 2 more\n" in text
    code, text = shown(command, whole, "--accounts", f"{stripe.accounts()[0]},acct_1")
    assert (code, "the lake has nothing of acct_1\n" in text) == (0, True)


def test_verify_counts_the_accounts(whole: Path, stripe: StripeSimulator) -> None:
    code, text = shown("verify", whole)
    assert code == 0
    rows = MANY * EACH + OWN
    assert f"charges: {MANY + 1} accounts, {2 * MANY + 2} runs, {2 * MANY} pages, {rows} rows: every payload" in text
    for name in stripe.accounts()[3:5]:
        assert re.search(rf"^  note: run \w+ of {name} is not complete$", text, re.MULTILINE)
    code, text = shown("verify", whole, "--accounts", f"{stripe.accounts()[0]},{stripe.account}")
    assert (code, f"charges: 2 accounts, 4 runs, 4 pages, {EACH + OWN} rows: " in text) == (0, True)


def of(account: str, rows: pa.Table, name: str = "_stripe_account") -> Any:
    return pc.fill_null(pc.equal(rows[name], account), fill_value=False)


def without(account: str, kind: str) -> Callable[[pa.Table], pa.Table]:
    return lambda rows: rows.filter(
        pc.invert(pc.and_(of(account, rows, "stripe_account"), pc.equal(rows["event_type"], kind)))
    )


def altered(account: str, change: Callable[[str], str], name: str) -> Callable[[pa.Table], pa.Table]:
    def alter(rows: pa.Table) -> pa.Table:
        at = rows.schema.get_field_index(name)
        pairs = zip(rows[name].to_pylist(), rows["_stripe_account"].to_pylist(), strict=True)
        values = [change(value) if found == account else value for value, found in pairs]
        return rows.set_column(at, rows.schema.field(at), pa.array(values))

    return alter


DAMAGES: dict[str, tuple[str, Callable[[str, str], Callable[[pa.Table], pa.Table]], str]] = {
    "rows gone": (RAW, lambda bad, _: lambda rows: rows.filter(pc.invert(of(bad, rows))), "the table has 0"),
    "a row twice": (
        RAW,
        lambda bad, _: lambda rows: pa.concat_tables([rows, rows.filter(of(bad, rows)).slice(3, 1)]),
        "is there twice",
    ),
    "altered": (
        RAW,
        lambda bad, _: altered(bad, lambda text: text.replace("charge", "chargE", 1), "_raw_json"),
        "does not have the hash",
    ),
    "of another account": (
        RAW,
        lambda bad, other: altered(bad, lambda _: other, "_stripe_account"),
        "the table has 0",
    ),
    "pages without events": (CHECKPOINTS, lambda bad, _: without(bad, "PAGE_COMMITTED"), "no event describes"),
    "a run without its beginning": (CHECKPOINTS, lambda bad, _: without(bad, "RUN_STARTED"), "0 RUN_STARTED"),
    "no events at all": (
        CHECKPOINTS,
        lambda bad, _: lambda rows: rows.filter(pc.invert(of(bad, rows, "stripe_account"))),
        "events were removed",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_finding_names_its_account_and_concerns_that_one_alone(
    whole: Path, stripe: StripeSimulator, damage: str
) -> None:
    bad, other, sound = stripe.accounts()[10:13]
    table, change, said = DAMAGES[damage]
    tamper(whole, table, change(bad, other))
    code, text = shown("verify", whole)
    assert code == 1
    assert re.search(rf"run \w+ of {bad}\b.* {said}", text), text
    others = set(re.findall(r"^  \w[^:]*: run \w+ of (\w+)", text, re.MULTILINE)) - {bad, *stripe.accounts()[3:5]}
    assert others == ({other} if damage == "of another account" else set())
    if damage != "no events at all":
        code, text = shown("verify", whole, "--accounts", bad)
        assert (code, bad in text) == (1, True)
    assert shown("verify", whole, "--accounts", f"{sound},{stripe.account}")[0] == 0
