"""The main job against stripe-mock: Stripe's own server, with Stripe's validation of requests and Stripe's fixtures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import Entity, entities
from stripe_raw_rs._core import all_entities
from tests.conftest import compact, landed
from tests.gateway import Answer, Gateway
from tests.recipes import output_of
from tests.specification import NEWER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk_test_123"
_LISTENING = "Listening for HTTP at address: "


@pytest.fixture(scope="module")
def binary() -> str:
    """The path of stripe-mock, which is built if it is missing; that takes Go."""
    return output_of("stripe-mock").split()[-1]


@pytest.fixture(scope="module")
def url(binary: str) -> Iterator[str]:
    """One stripe-mock on ports that were free; it writes the address once it listens."""
    addresses = ("-http-addr", "127.0.0.1:", "-https-addr", "127.0.0.1:")
    with subprocess.Popen([binary, *addresses], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        assert server.stdout is not None
        said = next((line for line in server.stdout if line.startswith(_LISTENING)), None)
        assert said is not None, "stripe-mock ended without listening"
        # Its further output is read and dropped, so that it never has to wait for a reader.
        threading.Thread(target=server.stdout.read, daemon=True).start()
        try:
            yield f"http://{said.removeprefix(_LISTENING).strip()}"
        finally:
            server.kill()


def stripe_raw(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stripe_raw_rs", *map(str, arguments)]
    environment = {**os.environ, "STRIPE_API_KEY": KEY}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def served(url: str, entity: Entity, parent: str = "") -> str:
    """The first page of a list as stripe-mock sends it, without the whitespace between tokens."""
    limit = {"limit": 100} if entity.has_pages else {}
    named = {entity.parameter: parent} if entity.parameter else {}
    query = urllib.parse.urlencode({**limit, **named, **entity.fixed_query})
    # The server is on this machine, and nothing from outside chooses the address.
    request = urllib.request.Request(  # noqa: S310
        f"{url}{entity.path.replace('{id}', parent)}?{query}", headers={"Authorization": f"Bearer {KEY}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return compact(answer.read())


def in_test_mode(answer: Answer) -> None:
    """Change the mode of an answer: some of Stripe's fixtures are of live data, and the key is a test key."""
    answer.body = answer.body.replace(b'"livemode":true', b'"livemode":false')


@pytest.mark.parametrize(("selection", "count"), [("", 5), ("all", 75)], ids=["the default five", "all"])
def test_every_list_lands_as_stripe_serves_it(lake: Path, url: str, selection: str, count: int) -> None:
    chosen = ("--entities", selection) if selection else ()
    with Gateway(url, in_test_mode) as gateway:
        done = stripe_raw("run", "--lake", lake, "--api-base-url", gateway.url, "--max-retries", 0, *chosen)
        assert done.returncode == 0, done.stderr
        assert_as_served(lake, gateway.url, selection, count)
    checked = stripe_raw("verify", "--lake", lake)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "no findings")


def cut_off(answer: Answer) -> None:
    """Cut off each list that an object shows: then all of them have to be asked for."""
    in_test_mode(answer)
    page = json.loads(answer.body)
    shown = [value for each in page.get("data", []) for value in each.values() if isinstance(value, dict)]
    lists = [value for value in shown if value.get("object") == "list"]
    for each in lists:
        each["has_more"] = True
    if lists:
        answer.body = json.dumps(page).encode()


def test_every_list_of_single_objects_lands_as_stripe_serves_it(lake: Path, url: str) -> None:
    # It makes one of these objects up, with an empty id.
    made_up = {"products_features"}
    children = [entity for entity in all_entities() if entity.parent is not None and entity.name not in made_up]
    selection = ",".join(sorted({*(child.parent or "" for child in children), *(child.name for child in children)}))
    with Gateway(url, cut_off) as gateway:
        place = ("--lake", lake, "--api-base-url", gateway.url, "--max-retries", 0)
        done = stripe_raw("run", *place, "--entities", selection)
        assert done.returncode == 0, done.stderr
        for child in children:
            rows = landed(lake, child.name, "_raw_json, _parent_id").to_pylist()
            assert len(rows) >= 1, child.name
            for row in rows:
                assert f'"data":[{row["_raw_json"]}]' in served(gateway.url, child, row["_parent_id"])
    checked = stripe_raw("verify", "--lake", lake)
    assert (checked.returncode, checked.stdout.splitlines()[-1]) == (0, "no findings")


def test_every_expansion_is_one_that_stripe_knows(lake: Path, url: str) -> None:
    with Gateway(url, in_test_mode) as gateway:
        place = ("--lake", lake, "--api-base-url", gateway.url, "--max-retries", 0)
        done = stripe_raw("run", *place, "--entities", "all", "--expand", "all")
        assert done.returncode == 0, done.stderr
    for name, member in (("accounts", "external_accounts"), ("charges", "refunds")):
        (text, *_) = landed(lake, name, "_raw_json")["_raw_json"].to_pylist()
        assert json.loads(text)[member]["object"] == "list"


def assert_as_served(lake: Path, url: str, selection: str, count: int) -> None:
    names = [entity for entity in entities(selection) if entity.path not in NEWER]
    assert len(names) == count
    for entity in names:
        texts: list[str] = landed(lake, entity.name, "_raw_json")["_raw_json"].to_pylist()
        assert len(texts) >= 1
        # The list's `data` is its objects and the commas between them: nothing of it is missing, nothing was added.
        assert f'"data":[{",".join(texts)}]' in served(url, entity)
