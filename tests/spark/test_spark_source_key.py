"""The key of the format `stripe` is seen nowhere: not in Spark's UI, event log and plans, not in logs and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.spark.key_places import MODES, watch

if TYPE_CHECKING:
    from pathlib import Path

# It takes a minute and more, as the tests that end processes do.
pytestmark = [pytest.mark.spark40, pytest.mark.spark41, pytest.mark.kill]

# An option is seen: so the places are looked for in the right way.
WITNESS = "2020-01-01T00:00:07"

CLIENT = """
import logging, sys, traceback
from contextlib import suppress
from pyspark.sql import SparkSession
from stripe_raw_rs import UsageError, register_stripe

mode, key, url, witness = sys.argv[-4:]
sys.stdout = sys.stderr
logging.basicConfig(level="DEBUG")
session = SparkSession.builder.getOrCreate()
options = {"api_key_file": key, "api_base_url": url, "max_retries": 0}
register_stripe(session, **options)

def frame(entity="charges"):
    return session.read.format("stripe").options(entity=entity, created_gte=witness).load()

def stopped(session):
    session.stop()
    try:
        register_stripe(session, **options)
    except UsageError as error:
        assert str(error).startswith("the format stripe cannot be registered: "), error
        assert error.__context__ is None
        trace = error.__traceback__
        while trace is not None:
            for value in trace.tb_frame.f_locals.values():
                print(repr(value)[:100_000])
            trace = trace.tb_next
    else:
        raise AssertionError("it was registered")

frame().explain(True)
assert frame().count() == 120
frame().createOrReplaceTempView("charges")
assert session.sql("SELECT count(DISTINCT _stripe_id) FROM charges").collect()[0][0] == 120
session.sql(f"CREATE TEMPORARY VIEW more USING stripe OPTIONS (entity 'charges', created_gte '{witness}')")
assert session.sql("SELECT * FROM more").count() == 120
for broken in (lambda: frame("refunds").collect(), lambda: frame("nothing").count()):
    try:
        broken()
    except Exception as error:
        print("refused:", error)
        traceback.print_exception(error)
    else:
        raise AssertionError("it was answered")
if mode == "connect":
    stopped(session)
"""


@pytest.mark.parametrize("mode", MODES)
def test_the_key_is_seen_nowhere(mode: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with StripeSimulator(counts={"charges": 120}, denied=["refunds"]) as stripe:
        seen = watch(request.config.getoption("lane"), mode, tmp_path, CLIENT, KEY, stripe.url, WITNESS)
    assert "PermissionMissingError: refunds: " in seen.log
    assert "unknown entity 'nothing'" in seen.log
    assert WITNESS in seen.events
    assert WITNESS in seen.pages
