"""A secret that strays into a query is refused, and neither the error nor any frame of it holds one."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from stripe_raw_rs import UsageError, ingest, latest, main, query
from stripe_raw_rs.cli.query import write
from stripe_raw_rs.simulator import StripeSimulator
from tests.command import command, variables
from tests.conftest import CANARY, KEY
from tests.test_frames import assert_in_no_frame

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose checkpoint table `other` has a secret in a row."""
    lake = tmp_path_factory.mktemp("secrets") / "lake"
    with StripeSimulator(counts={"charges": 10}) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges").raise_for_status()
    write_deltalake(lake / "other", pa.table({"said": [KEY]}))
    return lake


@pytest.mark.parametrize(
    "given",
    [
        {"sql": f"SELECT '{KEY}'"},
        {"sql": f"SELEC {KEY}"},
        {"sql": f'SELECT * FROM "{KEY}"'},  # noqa: S608 - nothing runs it
        {"lake": KEY},
        {"checkpoint_table": KEY},
    ],
)
def test_the_library_refuses_a_secret_in_a_query(lake: Path, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="holds a Stripe secret") as raised:
        query(**{"sql": "SELECT 1", "lake": lake, **given})
    assert CANARY not in str(raised.value)
    assert_in_no_frame(raised.value)


def test_a_secret_in_a_statement_on_stdin_is_refused(lake: Path) -> None:
    done = subprocess.run(
        command("query", "-", "--lake", lake, "--log-format", "json"),
        input=f"SELECT '{KEY}' FROM nothing",  # noqa: S608 - nothing runs it
        env=variables(None, {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "the statement holds a Stripe secret" in done.stderr) == (2, True), done.stderr
    assert CANARY not in done.stdout + done.stderr


@pytest.mark.parametrize("output", ["json", "text"])
def test_no_frame_holds_a_secret_that_duckdb_quotes(lake: Path, output: str) -> None:
    with pytest.raises(UsageError, match="Could not convert string 'rk_") as raised:
        write(query("SELECT said::INTEGER AS n FROM checkpoints", lake=lake, checkpoint_table="other"), output)
    assert CANARY not in str(raised.value)
    assert_in_no_frame(raised.value)
    words = ["query", "SELECT said::INTEGER AS n FROM checkpoints", "--lake", str(lake), "--checkpoint-table", "other"]
    with pytest.raises(UsageError) as raised:
        main([*words, "--output", output])
    assert_in_no_frame(raised.value)


def test_no_frame_holds_a_key_that_is_taken_for_the_name_of_a_list(lake: Path) -> None:
    with pytest.raises(UsageError) as raised:
        latest(KEY, lake=lake)
    assert CANARY not in str(raised.value)
    assert_in_no_frame(raised.value)
