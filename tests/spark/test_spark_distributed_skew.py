"""One account that has as many objects as all others together: each object lands once, in as few commits as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.connected import assert_each_once, land, landed_of, platform
from tests.places import commits

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark40

ACCOUNTS, EACH = 40, 20
# A table is made in one commit. All runs begin in one, and end in one.
EXPECTED = {"stripe_charges_raw": 1 + 1, "stripe_ingestion_checkpoints": 1 + 2}


def test_one_account_as_large_as_all_others_together_lands_with_them(lake: Path, spark: SparkSession) -> None:
    assert spark
    counts = {"charges": EACH}
    with platform(1 + ACCOUNTS, counts={"charges": 0}, account_counts=counts, object_events=False) as stripe:
        large, *others = stripe.accounts()
        stripe.add("charges", ACCOUNTS * EACH - EACH, account=large)
        report = land(lake, stripe, distributed=True, distributed_tasks=2)
        report.raise_for_status()
        (result,) = report.entities
        assert (result.rows, result.accounts.complete) == (2 * ACCOUNTS * EACH, 2 + ACCOUNTS)
        made = commits(lake)
        assert landed_of(lake) == {large: ACCOUNTS * EACH, **dict.fromkeys(others, EACH)}
        assert_each_once(lake, stripe, [None, large, *others])
        assert made == EXPECTED
