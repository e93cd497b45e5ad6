"""The output of `status`, from the tables alone."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.table_size import TableSize, sizes
from tests.children import wait_for
from tests.command import call, start
from tests.conftest import KEY, events, tamper

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.keywords import IngestKeywords

CHECKPOINTS = "stripe_ingestion_checkpoints"
RAW = "stripe_charges_raw"


def test_status_names_the_process_that_writes_a_lake_and_its_last_sign_of_life(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 20_000}, latency_ms=50) as stripe:
        given = ("--lake", lake, "--api-base-url", stripe.url, "--entities", "charges", "--page-size", 5)
        child = start("run", *given, "--commit-interval-seconds", 0.2)
        try:
            wait_for(lambda: events(lake, "event_type = 'PAGE_COMMITTED'"))
            shown = call("status", "--lake", lake, key=None).stdout
            read = json.loads(call("status", "--lake", lake, "--output", "json", key=None).stdout)
        finally:
            child.kill()
            child.communicate()
        assert "running" in shown.splitlines()[1]
        assert re.search(
            rf"^charges: \S+/{child.pid} works on it \(last sign of life \d{{4}}-[\d-]+ [\d:]+ UTC\)$",
            shown,
            re.MULTILINE,
        )
        assert read["entities"][0]["holder"].endswith(f"/{child.pid}")
        # Once the process is gone, nobody works on it, however young its last event is.
        gone = call("status", "--lake", lake, key=None).stdout
        assert "works on it" not in gone
        assert "unfinished" in gone.splitlines()[1]


def test_status_counts_the_attempts_of_the_latest_run(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 30}) as stripe:
        for _ in range(3):
            ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges").raise_for_status()
    (row,) = json.loads(call("status", "--lake", lake, "--output", "json", key=None).stdout)["entities"]
    assert (row["state"], row["attempts"], row["holder"]) == ("complete", 1, None)


def test_status_names_a_list_whose_events_cannot_be_read_and_shows_the_others(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 30, "refunds": 30}) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges,refunds").raise_for_status()

    def of_a_newer_version(rows: pa.Table) -> pa.Table:
        kinds = [
            "RUN_PAUSED" if (entity, kind) == ("refunds", "RUN_COMPLETED") else kind
            for entity, kind in zip(rows["entity"].to_pylist(), rows["event_type"].to_pylist(), strict=True)
        ]
        return rows.set_column(rows.schema.get_field_index("event_type"), "event_type", pa.array(kinds))

    tamper(lake, "stripe_ingestion_checkpoints", of_a_newer_version)
    done = call("status", "--lake", lake, key=None)
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:3]] == ["charges", "refunds"]
    assert "unreadable" in done.stdout.splitlines()[2]
    assert re.search(
        r"^refunds: next: fails the same; last error: .*event type 'RUN_PAUSED'", done.stdout, re.MULTILINE
    )


def test_status_counts_the_files_and_log_entries_of_each_table(lake: Path) -> None:
    def measured() -> dict[str, dict[str, object]]:
        read = json.loads(call("status", "--lake", lake, "--output", "json", key=None).stdout)
        return {size.pop("table"): size for size in read["sizes"]}

    with StripeSimulator(counts={"charges": 30}) as stripe:
        options: IngestKeywords = {"lake": lake, "api_key": KEY, "api_base_url": stripe.url, "entities": "charges"}
        ingest(**options).raise_for_status()
        young = measured()
        assert list(young) == [CHECKPOINTS, RAW]
        for name, size in young.items():
            table = DeltaTable(lake / name)
            actions = table.get_add_actions()
            assert size["files"] == len(actions)
            assert size["bytes"] == sum(actions["size_bytes"].to_pylist())
            assert size["log_entries"] == table.version() + 1
        shown = call("status", "--lake", lake, key=None).stdout
        number = rf"30 +{young[RAW]['files']} +0\.\d +{young[RAW]['log_entries']}"
        assert re.search(rf"^{RAW} +{number}$", shown, re.MULTILINE)
        # A checkpoint of the log takes the place of the entries before it.
        DeltaTable(lake / CHECKPOINTS).create_checkpoint()
        assert measured()[CHECKPOINTS]["log_entries"] == 0
        before = DeltaTable(lake / CHECKPOINTS).version()
        ingest(**options).raise_for_status()
        assert measured()[CHECKPOINTS]["log_entries"] == DeltaTable(lake / CHECKPOINTS).version() - before


def test_status_names_a_table_that_cannot_be_read_beside_the_sizes_of_the_others(lake: Path) -> None:
    with StripeSimulator(counts={"charges": 30}) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges").raise_for_status()
    (lake / RAW / "_delta_log" / f"{1:020}.json").write_text("{")
    done = call("status", "--lake", lake, key=None)
    assert done.returncode == 0
    assert re.search(rf"^{RAW} +- +- +- +-$", done.stdout, re.MULTILINE)
    assert re.search(rf"^{RAW}: table .* cannot be read: its commit file .* is torn", done.stdout, re.MULTILINE)
    read = json.loads(call("status", "--lake", lake, "--output", "json", key=None).stdout)["sizes"]
    assert [(size["table"], size["files"] is None, size["error"] is None) for size in read] == [
        (CHECKPOINTS, False, True),
        (RAW, True, False),
    ]


def test_the_sizes_of_tables_that_cannot_measure_themselves_are_unknown() -> None:
    class OfACallersOwn:
        location = "elsewhere"

        def table(self, name: str) -> object:
            return SimpleNamespace(name=name, exists=lambda: name in {CHECKPOINTS, RAW})

    assert sizes(OfACallersOwn()) == [TableSize(CHECKPOINTS), TableSize(RAW)]  # type: ignore[arg-type]
    assert TableSize(RAW).cells() == (RAW, "-", "-", "-", "-")


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_a_folder_with_an_accent_works_if_the_locale_is_ascii(tmp_path: Path, locale: dict[str, str]) -> None:
    lake = tmp_path / "lac-\u00e9t\u00e9-\u6e56"
    ascii_only = {"LC_ALL": "C", "LANG": "C", **locale}
    with StripeSimulator(counts={"charges": 30}) as stripe:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges").raise_for_status()
        given = ("run", "--lake", lake, "--api-base-url", stripe.url, "--entities", "charges")
        done = [call(*given, **ascii_only)]
        done += [call(command, "--lake", lake, **ascii_only) for command in ("status", "verify")]
        done += [call("status", "--lake", lake / "\u00e9", **ascii_only)]
    assert [one.returncode for one in done] == [0, 0, 0, 2], [one.stderr for one in done]
    assert all("charges" in one.stdout for one in done[:3])
    assert "holds no tables of stripe-raw" in done[3].stderr
