"""Each link of the documents leads somewhere: to a file and a heading of the repository, or to an address over TLS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from stripe_raw_rs import entities
from tests.documents import DOCS, DOCUMENTS, README, ROOT, anchor_of, prose, section
from tests.pictures import PICTURES

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = re.compile(r"<(?:source|img)\b[^>]*?\b(?:srcset|src)=\"(?P<target>[^\"]+)\"")
# With its text for those who do not see it.
SHOWN = re.compile(r"!\[(?P<alt>[^]]*)\]\(|<img\b[^>]*?\balt=\"(?P<html>[^\"]*)\"")
LINK = re.compile(r"\[(?:[^]\[]|\[[^]]*\])*\]\((?P<target>(?:[^()\s]|\([^()]*\))+)\)")


def links(document: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "", prose(document))
    return [found["target"] for pattern in (LINK, PICTURE) for found in pattern.finditer(text)]


def anchors(document: Path) -> set[str]:
    return {anchor_of(heading) for heading in re.findall(r"^#+ (.*)$", prose(document), flags=re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_link_leads_to_a_file_and_a_heading_that_exist(document: Path) -> None:
    for target in links(document):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        assert place.is_relative_to(ROOT), target
        assert place.exists(), target
        if anchor:
            assert anchor in anchors(place), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_link_to_elsewhere_is_an_address_over_tls(document: Path) -> None:
    for target in (target for target in links(document) if "://" in target):
        parts = urlsplit(target)
        assert parts.scheme == "https", target
        assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc), target
        assert parts.username is None, target


def test_each_picture_is_in_a_document_and_has_a_text_for_those_who_do_not_see_it() -> None:
    named = {(document.parent / target).resolve() for document in DOCUMENTS for target in links(document)}
    assert {*PICTURES.iterdir()} == {path for path in named if path.parent == PICTURES}
    texts = [found["alt"] or found["html"] for document in DOCUMENTS for found in SHOWN.finditer(prose(document))]
    assert texts
    for text in texts:
        assert len(text.split()) >= 12, text
        assert text.endswith("."), text


def test_the_readme_and_the_index_lead_to_every_document() -> None:
    names = {document.name for document in DOCS.glob("*.md")} - {"README.md"}
    assert names <= {target.partition("#")[0] for target in links(DOCS / "README.md")}
    assert names <= {target.removeprefix("resources/docs/").partition("#")[0] for target in links(README)}


def test_the_number_of_lists_is_that_of_the_registry() -> None:
    assert f"All [{len(entities('all'))} lists]" in README.read_text(encoding="utf-8")


def test_the_differences_of_a_list_are_fields_of_the_registry() -> None:
    rows = (ROOT / "src" / "stripe" / "entities.rs").read_text(encoding="utf-8")
    named = re.findall(r"`(\w+): ", "\n".join(section(DOCS / "contributing.md", "to-add-a-list")))
    assert len(named) >= 7
    assert all(f"    pub {name}: " in rows for name in named)


def test_a_broken_link_would_be_seen() -> None:
    assert [found["target"] for found in PICTURE.finditer('<img alt="a" src="b.png"><source srcset="c.png">')] == [
        "b.png",
        "c.png",
    ]
    assert LINK.search("see [this [x] one](a.md#b) and")["target"] == "a.md#b"  # type: ignore[index]
    assert anchor_of("What `verify` says, now") == "what-verify-says-now"
