"""The adapter to Databricks' community connectors, driven as their framework drives it: dicts pass through JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import stripe_raw_rs
from stripe_raw_rs import UsageError, read
from stripe_raw_rs.community_connector import StripeConnector
from tests.conftest import KEY
from tests.test_canary import assert_absent

if TYPE_CHECKING:
    from stripe_raw_rs.simulator import StripeSimulator

# What two readings of one object do not share.
_OF_THE_REQUEST = ("_ingested_at", "_request_id")


def connector(stripe: StripeSimulator, **options: str) -> StripeConnector:
    # Among the options are always those of the framework.
    return StripeConnector({"api_key": KEY, "api_base_url": stripe.url, "tablename": "charges", **options})


def window(
    to: StripeConnector, entity: str, start: dict[str, int] | None, end: dict[str, int] | None, **options: str
) -> list[list[dict[str, Any]]]:
    """Read the rows between two offsets, task by task."""
    parts = json.loads(json.dumps(to.get_partitions(entity, options, start, end)))
    return [[*to.read_partition(entity, part, options)] for part in parts]


def ids(tasks: list[list[dict[str, Any]]]) -> list[str]:
    return [row["_stripe_id"] for rows in tasks for row in rows]


def trigger(
    to: StripeConnector, entity: str, start: dict[str, int], **options: str
) -> tuple[list[str], dict[str, int]]:
    """Read batches until the offset stands still."""
    found: list[str] = []
    while (end := json.loads(json.dumps(to.latest_offset(entity, options, start)))) != start:
        found += ids(window(to, entity, start, end, **options))
        start = end
    return found, start


def created_of(stripe: StripeSimulator) -> list[int]:
    return sorted(created for one in stripe.ids("charges") if (created := stripe.created("charges", one)) is not None)


def age_of(moment: int) -> str:
    return str(int(time.time()) - moment)


def test_triggers_read_each_object_once_whatever_arrives_between_them(stripe: StripeSimulator) -> None:
    middle = created_of(stripe)[300]
    first, offset = trigger(connector(stripe, settle_seconds=age_of(middle)), "charges", {})
    assert 290 < len(first) < 310
    assert abs(offset["created_lt"] - middle) < 5
    stripe.add("charges", 7, created=int(time.time()) - 60)
    second, offset = trigger(connector(stripe, settle_seconds="0"), "charges", offset)
    assert sorted(first + second) == sorted(stripe.ids("charges"))
    nothing, _ = trigger(connector(stripe, settle_seconds="0"), "charges", offset)
    assert nothing == []


def test_an_object_is_read_when_it_is_an_hour_old(stripe: StripeSimulator) -> None:
    now = int(time.time())
    (young,), (old,) = stripe.add("charges", created=now - 3_500), stripe.add("charges", created=now - 3_700)
    streamed, offset = trigger(connector(stripe), "charges", {}, created_gte=str(now - 5_000))
    assert old in streamed
    assert young not in streamed
    assert young not in ids(window(connector(stripe), "charges", None, None))
    # An offset goes never back, also if the delay is raised.
    assert connector(stripe, settle_seconds="9000").latest_offset("charges", {}, offset) == offset


def test_a_batch_that_is_tried_again_asks_for_the_same_window(stripe: StripeSimulator) -> None:
    created = created_of(stripe)
    start, end = {"created_lt": created[100]}, {"created_lt": created[500]}
    first = window(connector(stripe), "charges", start, end)
    stripe.add("charges", 5)
    again = window(connector(stripe, settle_seconds="0"), "charges", start, end, created_gte="2001-01-01")
    assert sorted(ids(first)) == sorted(ids(again))
    assert len(ids(first)) == sum(created[100] <= each < created[500] for each in created)


def test_a_window_is_read_in_tasks_that_share_no_row(stripe: StripeSimulator) -> None:
    start = str(created_of(stripe)[0])
    tasks = window(connector(stripe), "charges", None, None, created_gte=start, num_partitions="3")
    assert len(tasks) == 3
    assert sorted(ids(tasks)) == sorted(stripe.ids("charges"))


@pytest.mark.parametrize("entity", ["payment_links", "tax_ids"])
def test_a_list_without_a_filter_by_time_is_read_as_a_whole(entity: str) -> None:
    with stripe_raw_rs.simulator.StripeSimulator(seed=7, counts={entity: 120}) as stripe:
        to = connector(stripe)
        assert to.read_table_metadata(entity, {})["ingestion_type"] == "snapshot"
        assert sorted(ids(window(to, entity, None, None))) == sorted(stripe.ids(entity))
        # A pipeline may stream it nevertheless: each trigger has it once.
        for _ in range(2):
            found, _ = trigger(connector(stripe), entity, {"created_lt": 1_000_000_000})
            assert sorted(found) == sorted(stripe.ids(entity))


def test_read_table_gives_the_rows_of_read_as_json(stripe: StripeSimulator) -> None:
    to = connector(stripe)
    rows, offset = to.read_table("charges", None, {})
    found = json.loads(json.dumps([*rows]))
    expected = pa.table(read("charges", api_key=KEY, api_base_url=stripe.url))
    assert [*found[0]] == expected.schema.names
    assert by_id(found) == by_id(json.loads(json.dumps(expected.to_pylist(), default=lambda time: time.isoformat())))
    rows, same = to.read_table("charges", offset, {})
    assert [*rows] == []
    assert same == offset


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    kept = [{name: value for name, value in row.items() if name not in _OF_THE_REQUEST} for row in rows]
    return {row["_stripe_id"]: row for row in kept}


def test_each_list_of_the_account_is_a_table(stripe: StripeSimulator) -> None:
    to = connector(stripe)
    assert to.list_tables() == [each.name for each in stripe_raw_rs.entities()]
    kinds = {name: to.read_table_metadata(name, {}) for name in to.list_tables()}
    assert kinds["charges"] == {
        "ingestion_type": "append",
        "primary_keys": ["_stripe_id"],
        "cursor_field": "_stripe_created_at",
    }
    assert {kind["ingestion_type"] for kind in kinds.values()} == {"append", "snapshot"}


@pytest.mark.parametrize(
    ("connection", "table", "said"),
    [
        ({"api_key": "hello"}, {}, "this is not a Stripe API key"),
        ({"settle_seconds": "soon"}, {}, "settle_seconds must be a whole number, not 'soon'"),
        ({"request_timeout_seconds": "-1"}, {}, "request_timeout_seconds must be a number"),
        ({}, {"num_partitions": "0"}, "num_partitions must be a whole number from 1 to 1,000, not '0'"),
        ({}, {"created_gte": "yesterday"}, "created_gte 'yesterday' must be a date"),
        ({}, {"created_gte": KEY}, "option 'created_gte' looks like a secret"),
        ({"settle_seconds": KEY}, {}, "settle_seconds must be a whole number, not '"),
    ],
)
def test_a_bad_option_is_one_plain_line_without_the_key(
    stripe: StripeSimulator, connection: dict[str, str], table: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(said)) as caught:
        connector(stripe, **connection).read_table("charges", None, table)
    assert "\n" not in str(caught.value)
    assert_absent("".join(traceback.format_exception(caught.value)), "the traceback")


def test_a_connection_without_a_key_is_refused() -> None:
    with pytest.raises(UsageError, match="the connection has no option api_key: give it a restricted key"):
        StripeConnector({"tablename": "charges"})


def test_nothing_that_the_framework_sees_or_keeps_has_the_key(stripe: StripeSimulator) -> None:
    to = connector(stripe)
    plan = to.get_partitions("charges", {"created_gte": "2020-01-01"})
    seen = [to, vars(to), to.latest_offset("charges", {}), plan, to.read_table_metadata("charges", {})]
    assert_absent(repr(seen), "what is kept")
    stripe.set_faults("status=401@n1")
    with pytest.raises(stripe_raw_rs.AuthenticationError) as caught:
        window(to, "charges", None, None)
    assert_absent("".join(traceback.format_exception(caught.value)), "the traceback")


def test_the_adapter_is_imported_on_demand_only_and_adds_no_public_name() -> None:
    code = (
        "import sys, stripe_raw_rs\n"
        "assert 'stripe_raw_rs.community_connector' not in sys.modules\n"
        "names = dir(stripe_raw_rs)\n"
        "import stripe_raw_rs.community_connector\n"
        "assert dir(stripe_raw_rs) == names and 'pyspark' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
