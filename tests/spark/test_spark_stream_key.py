"""The key of a stream is seen nowhere: not in its offsets, its checkpoint, Spark's UI, event log, logs and errors."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.spark.key_places import watch

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.spark42

CLIENT = """
import logging, sys, traceback
from pathlib import Path
from pyspark.sql import SparkSession
from stripe_raw_rs import register_stripe

mode, key, url, folder = sys.argv[-4:]
sys.stdout = sys.stderr
logging.basicConfig(level="DEBUG")
session = SparkSession.builder.getOrCreate()
register_stripe(session, api_key_file=key, api_base_url=url, max_retries=0)

def land(entity):
    stream = session.readStream.format("stripe").options(entity=entity, created_gte="2020-01-01").load()
    writer = stream.writeStream.option("checkpointLocation", f"{folder}/{entity}").trigger(availableNow=True)
    writer.start(f"{folder}/rows/{entity}").awaitTermination()

land("charges")
assert session.read.parquet(f"{folder}/rows/charges").count() == 40
# The UI shows jobs of the session's own.
session.createDataFrame([(1,)], ["one"]).collect()
try:
    land("refunds")
except Exception as error:
    print("refused:", error)
    traceback.print_exception(error)
else:
    raise AssertionError("it was answered")
"""


def test_the_key_of_a_stream_is_seen_nowhere(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Behind Spark Connect, whose server has all that a classic Spark shows, and the client's part as well."""
    end = int(time.time()) - 7_200
    with StripeSimulator(counts={"charges": 40}, denied=["refunds"], end=end) as stripe:
        lane = str(request.config.getoption("lane"))
        seen = watch(lane, "connect", tmp_path, CLIENT, KEY, stripe.url, str(tmp_path / "stream"))
    assert "PermissionMissingError: refunds: " in seen.log
    offset = json.loads((tmp_path / "stream" / "charges" / "offsets" / "0").read_text().splitlines()[-1])
    assert [*offset] == ["charges"]
    assert str(offset["charges"]) in seen.events
    assert "StreamingQuery" in seen.pages
