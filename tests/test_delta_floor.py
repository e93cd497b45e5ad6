"""The oldest delta-rs that is allowed: pyproject.toml, the check, and a lane of its own agree on it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import deltalake
import pytest

from stripe_raw_rs import UsageError, ingest
from stripe_raw_rs.tables import open_tables
from stripe_raw_rs.tables.opening import OLDEST_DELTALAKE
from tests.conftest import KEY

if TYPE_CHECKING:
    from stripe_raw_rs.simulator import StripeSimulator

FLOOR = ".".join(map(str, OLDEST_DELTALAKE))
PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


@pytest.mark.parametrize("version", ["0.25.5", "1.6.0", "1.6.3", "1.6.5"])
def test_a_delta_rs_that_is_too_old_is_refused_before_anything_is_written(
    lake: Path, stripe: StripeSimulator, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltalake, "__version__", version)
    with pytest.raises(UsageError) as refused:
        ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, entities="charges")
    assert str(refused.value) == f"deltalake {version} is too old: pip install 'deltalake>={FLOOR}'"
    assert not lake.exists()


def test_the_message_says_what_to_install_if_delta_rs_is_missing(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(UsageError) as refused:
        open_tables({"lake": lake})
    assert str(refused.value) == f"a lake needs the package deltalake: pip install 'deltalake>={FLOOR}'"


@pytest.mark.parametrize("version", [FLOOR, "1.7.0rc1", "2.0", "10.0.0"])
def test_a_delta_rs_that_is_new_enough_is_used(lake: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltalake, "__version__", version)
    assert open_tables({"lake": lake}).location == str(lake)


def test_the_extra_the_check_and_the_lane_agree_on_the_oldest_delta_rs() -> None:
    named = re.findall(r'"deltalake([><=]=)([\d.]+)"', PYPROJECT.read_text(encoding="utf-8"))
    assert sorted(named) == [("==", FLOOR), (">=", FLOOR), (">=", FLOOR)], "the lane, the extra, the tests' own"
