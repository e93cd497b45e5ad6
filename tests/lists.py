"""Accounts whose objects have lists, for the tests of these lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stripe_raw_rs import ingest
from stripe_raw_rs._core import all_entities
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.places import place_of

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs import Report

HOUR, DAY = 3_600, 86_400
CHILDREN = [entity for entity in all_entities() if entity.parent is not None]
PARENTS = sorted({entity.parent for entity in CHILDREN if entity.parent is not None})


def account(count: int = 12, **settings: Any) -> StripeSimulator:
    """Objects of each list whose objects have lists; a third of these lists are longer than objects show."""
    counts = {**dict.fromkeys(PARENTS, count), "events": 0}
    return StripeSimulator(seed=5, counts=counts, frozen_clock=True, history_days=50, sublist_items=130, **settings)


def land(lake: Path, stripe: StripeSimulator, entities: str, **options: Any) -> Report:
    """Land these lists; all of them must be complete."""
    report = ingest(**place_of(lake), api_key=KEY, api_base_url=stripe.url, entities=entities, **options)
    report.raise_for_status()
    return report


def result(report: Report, name: str) -> Any:
    """The outcome of one list; None if it is not in the report."""
    return next((each for each in report.entities if each.entity == name), None)


def cut(stripe: StripeSimulator, child: str) -> list[str]:
    """The objects that do not show the whole of their lists."""
    (parent,) = (entity.parent for entity in CHILDREN if entity.name == child)
    return [id_ for id_ in stripe.ids(parent or "") if len(stripe.items(child, id_)) > 10]
