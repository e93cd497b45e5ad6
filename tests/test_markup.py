"""The HTML of the answers: escaped, marked, with a chart that is as small as it is."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from stripe_raw_rs import _core, markup
from stripe_raw_rs.audit import EntityAudit, EntityFinding
from stripe_raw_rs.entity_check import EntityCheck
from stripe_raw_rs.entity_result import EntityResult
from stripe_raw_rs.entity_status import EntityStatus
from stripe_raw_rs.exceptions import HeldError
from stripe_raw_rs.key_check import Check
from stripe_raw_rs.list_status import ListStatus
from stripe_raw_rs.plan_report import Plan, PlannedList
from stripe_raw_rs.report import Report
from stripe_raw_rs.request_rate import RequestRate
from stripe_raw_rs.status import Status
from stripe_raw_rs.table_size import TableSize
from stripe_raw_rs.verify import Verification
from tests.conftest import KEY

EVIL = "<script>alert('x')</script>&\""
ERROR = HeldError(EVIL)
ANSWERS: list[Any] = [
    Report(
        EVIL, (EntityResult(EVIL, error=ERROR), EntityResult("refunds", rows=7)), 3.0, ((0.0, 0.0), (1.0, 9.0)), 12.0
    ),
    Status(
        EVIL,
        (ListStatus(EVIL, (EntityStatus(EVIL, EVIL, next_run=EVIL, error=EVIL, state="failed"),)),),
        (TableSize(EVIL, error=EVIL),),
    ),
    Verification(EVIL, (EntityAudit(EVIL, 1, 1, 1, 1, (EntityFinding(EVIL, EVIL),), (EVIL,)),)),
    Check(EVIL, "test", EVIL, EVIL, (EntityCheck("charges", "failed", EVIL, "full", ERROR),)),
]


class Tags(HTMLParser):
    """The tags that a browser sees, which must all be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.bad_rows = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.bad_rows += (tag, attrs) == ("tr", [("class", "bad")])
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        del attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: type(answer).__name__)
def test_no_text_from_outside_becomes_a_tag_and_what_went_wrong_is_marked(answer: Any) -> None:
    for value in (answer, *answer):
        shown = value._repr_html_()
        tags = Tags(shown)
        assert "script" not in tags.seen
        assert not tags.open
        assert "&lt;script&gt;" in shown or value is not answer
    tags = Tags(answer._repr_html_())
    assert tags.bad_rows >= 1
    assert "table" in tags.seen


def test_a_plan_is_escaped_and_its_title_says_what_would_fail_and_what_is_a_lower_bound() -> None:
    lists = (
        PlannedList(EVIL, "failed", error=EVIL),
        PlannedList("charges", "readable", objects=100, accuracy="at least", requests=2),
        PlannedList("issuing_cards", "not available", skipped=EVIL),
    )
    plan = Plan(EVIL, EVIL, "test", None, 1, lists, follows=False, seconds_at_limit=None)
    shown = plan._repr_html_()
    tags = Tags(shown)
    assert "script" not in tags.seen
    assert not tags.open
    assert tags.bad_rows == 1
    assert f"2 requests at least for 3 lists; 1 of 3 lists would fail ({escape(EVIL)})" in shown
    assert "1 list would be skipped, because the account does not have it: issuing_cards" in shown


def test_a_page_is_light_or_dark_as_the_system_or_the_notebook_wishes() -> None:
    page = markup.block(markup.title("x"))
    assert "@media (prefers-color-scheme:dark)" in page
    assert "[data-jp-theme-light=false]" in page
    assert "color:inherit" in page
    # Each rule is about our own block, and leaves the rest of the notebook alone.
    style = page.split("<style>")[1].split("</style>")[0]
    selectors = re.findall(r"(?:^|\})\s*([^{}@]+)\{", re.sub(r"@media[^{]*\{(.*)\}\}", r"\1}", style))
    assert selectors
    assert all(".stripe-raw" in part for selector in selectors for part in selector.split(","))


def test_text_stands_to_the_left_and_numbers_to_the_right_against_the_rules_of_a_notebook() -> None:
    # `:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td`, with which JupyterLab puts all cells to the right.
    theirs = (2, 1)
    rules = re.findall(r"^(.*)\{text-align:(left|right)\}$", markup.block(), flags=re.MULTILINE)
    assert [side for _, side in rules] == ["left", "right"]
    for selector, _ in rules:
        elements = re.findall(r"(?<![.\w-])[a-z]+(?![\w-]*\()", selector)
        assert (selector.count("."), len(elements)) > theirs, selector


def test_a_report_has_rows_in_all_and_a_chart_with_the_limit() -> None:
    shown = ANSWERS[0]._repr_html_()
    assert "<tfoot>" in shown
    assert "answered requests a second: at most 9, the limit is 12" in shown
    assert 'class="limit"' in shown
    assert "next: " in shown


def test_a_limit_far_above_the_rate_is_named_and_does_not_flatten_the_line() -> None:
    shown = markup.chart([(0.0, 0.0), (1.0, 2.0)], name="rate", limit=75.0)
    assert "the limit is 75" in shown
    assert 'class="limit"' not in shown
    assert markup.chart([(0.0, 0.0)], name="rate") == ""


def test_the_rate_of_a_long_run_has_few_points() -> None:
    rate = RequestRate()
    for second in range(1, 40_000):
        moment: Any = SimpleNamespace(seconds=float(second), requests=20 * second)
        rate.add(moment)
    points = rate.per_second()
    assert 30 < len(points) <= 122
    assert {value for _, value in points[1:]} == {20.0}


def test_the_limit_is_the_one_that_the_help_of_the_option_names() -> None:
    (option,) = (each for each in _core.options() if each.name == "max_requests_per_second")
    far = {kind: _core.Client(f"rk_{kind}_any").max_requests_per_second for kind in ("live", "test")}
    assert far == {"live": 75.0, "test": 20.0}
    assert f"live key {far['live']:.0f}" in option.help
    assert f"test key {far['test']:.0f}" in option.help
    near = "http://127.0.0.1:8420"
    assert _core.Client(KEY, api_base_url=near).max_requests_per_second is None
    assert _core.Client(KEY, api_base_url=near, max_requests_per_second=7.0).max_requests_per_second == 7.0
