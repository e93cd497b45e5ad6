"""The key is in no variable of a traceback, because error reporters send these variables to others."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import StripeRawError, UsageError, check, ingest, main
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import KEY
from tests.test_canary import PATHS, QUICK, assert_absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = Path(__file__).parent
# The place of the key: the options of the command line, and the keywords of the library.
SOURCES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "argument": ((), {"api_key": KEY}),
    "environment": ((), {}),
    "file": (("--api-key-file", "key-file"), {"api_key_file": "key-file"}),
    "secret": (
        ("--stripe-secret-scope", "stripe", "--stripe-secret-key", "api_key"),
        {"stripe_secret_scope": "stripe", "stripe_secret_key": "api_key"},
    ),
}
FAILING = [path for path in PATHS if path != "nothing"]
# `check` asks once, and ends before most of the faults of a run.
CALLS = [("run", path) for path in FAILING]
CALLS += [("check", path) for path in FAILING if PATHS[path][2] == 2 or {"keys", "denied"} & PATHS[path][0].keys()]
REFUSED = [
    pytest.param(f"{KEY} {KEY}", id="two"),
    pytest.param(f'"{KEY}"', id="quoted"),
    pytest.param(f"Bearer {KEY}", id="more"),
    pytest.param(f"sk_{KEY}" * 20, id="long"),
]


def put(key: str, source: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put a key at the place that a source names."""
    monkeypatch.chdir(folder)
    if source == "environment":
        monkeypatch.setenv("STRIPE_API_KEY", key)
    if source == "file":
        Path("key-file").write_text(key + "\n")
    if source == "secret":
        # Databricks' runtime has it like this; its real package meets the key in the tests of the wheel.
        runtime = ModuleType("databricks.sdk.runtime")
        vars(runtime)["dbutils"] = SimpleNamespace(secrets=SimpleNamespace(get=lambda _scope, _name: key))
        monkeypatch.setitem(sys.modules, "databricks.sdk", ModuleType("databricks.sdk"))
        monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and all its causes."""
    seen: dict[int, BaseException] = {}
    remaining: list[BaseException | None] = [error]
    while remaining:
        found = remaining.pop()
        if found is not None and id(found) not in seen:
            seen[id(found)] = found
            remaining += [found.__cause__, found.__context__]
    yield from seen.values()


def held(error: BaseException) -> Iterator[tuple[str, object]]:
    """The variables of all frames of a traceback, each with its place. Frames of tests hold the key on purpose."""
    for link in chain(error):
        trace = link.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if not Path(code.co_filename).is_relative_to(TESTS):
                for name, value in trace.tb_frame.f_locals.items():
                    yield f"{name} of {code.co_name} ({Path(code.co_filename).name}:{trace.tb_lineno})", value
            trace = trace.tb_next


def shown(value: object, depth: int = 5) -> Iterator[str]:
    """All texts that a value shows: its own, and those of its items and of the attributes of this package's objects."""
    yield repr(value)
    if depth == 0 or isinstance(value, (str, bytes)):
        return
    inner: list[object] = []
    if isinstance(value, Mapping):
        inner += [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        inner += [*value]
    elif isinstance(value, BaseException):
        inner += [value.args, vars(value)]
    elif type(value).__module__.startswith("stripe_raw_rs"):
        inner += [getattr(value, "__dict__", {})]
    for part in inner:
        yield from shown(part, depth - 1)


def assert_in_no_frame(error: BaseException) -> None:
    for place, value in held(error):
        for text in shown(value):
            assert_absent(text, place)


@pytest.mark.parametrize("source", ["environment", "file", "secret"])
@pytest.mark.parametrize(("command", "path"), CALLS)
def test_no_frame_of_a_command_holds_the_key(
    command: str, path: str, source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, arguments, code = PATHS[path]
    put(KEY, source, monkeypatch, tmp_path)
    options, _ = SOURCES[source]
    with StripeSimulator(seed=5, counts={"charges": 450}, **settings) as stripe:
        given = ["--api-base-url", stripe.url, "--entities", "charges", *options]
        given += ["--lake", "lake", *QUICK, "--verbose"] if command == "run" else []
        with pytest.raises(StripeRawError) as raised:
            main([command, *given, *arguments])
    assert raised.value.exit_code == code
    assert {"main", "parse"} & {place.split()[2] for place, _ in held(raised.value)}, "there are frames to look at"
    assert_in_no_frame(raised.value)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("path", [path for path in FAILING if PATHS[path][0]])
def test_no_frame_of_the_library_holds_the_key(
    path: str, source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, _, _ = PATHS[path]
    put(KEY, source, monkeypatch, tmp_path)
    _, key = SOURCES[source]
    options: dict[str, Any] = {**key, "max_retries": 1, "backoff_base_seconds": 0.01, "request_timeout_seconds": 0.3}
    with StripeSimulator(seed=5, counts={"charges": 450}, **settings) as stripe:
        report = ingest(lake="lake", entities="charges", api_base_url=stripe.url, **options)
        with pytest.raises(StripeRawError) as raised:
            report.raise_for_status()
        found = check(entities="charges", api_base_url=stripe.url, request_timeout_seconds=0.3, **key)
    (result,) = report.entities
    assert result.error is not None
    assert_in_no_frame(result.error)
    assert_in_no_frame(raised.value)
    for probe in found.entities:
        if probe.error is not None:
            with pytest.raises(StripeRawError) as raised:
                found.raise_for_status()
            assert_in_no_frame(raised.value)


@pytest.mark.parametrize("source", ["environment", "file", "secret"])
@pytest.mark.parametrize("key", REFUSED)
def test_no_frame_of_a_command_holds_a_key_that_is_refused(
    key: str, source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(key, source, monkeypatch, tmp_path)
    for command in (["run", "--lake", "lake"], ["check"]):
        with pytest.raises(UsageError) as raised:
            main([*command, *SOURCES[source][0]])
        assert_in_no_frame(raised.value)


# A value that is not a text can be an argument, or Databricks' answer.
@pytest.mark.parametrize("source", ["argument", "secret"])
@pytest.mark.parametrize("key", [*REFUSED, pytest.param(f"{KEY}\ud800", id="no text")])
@pytest.mark.parametrize("call", [ingest, check])
def test_no_frame_of_the_library_holds_a_key_that_is_refused(
    call: Callable[..., object], key: str, source: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(key, source, monkeypatch, tmp_path)
    given = {name: key if name == "api_key" else value for name, value in SOURCES[source][1].items()}
    with pytest.raises(UsageError) as raised:
        call(**given)
    assert_in_no_frame(raised.value)


@pytest.mark.parametrize("name", ["entities", "owner", "bundle_target", "lake", "stripe_version", "api_kee"])
@pytest.mark.parametrize("call", [ingest, check])
def test_no_frame_holds_a_key_that_strayed_into_another_option(call: Callable[..., object], name: str) -> None:
    with pytest.raises(UsageError) as raised:
        call(api_key=KEY, **{name: KEY})
    assert str(raised.value).startswith((f"{name} holds", f"unknown option '{name}'"))
    assert_in_no_frame(raised.value)


@pytest.mark.parametrize(
    "entities",
    [
        lambda: (key for key in [KEY]),
        lambda: iter([KEY, None]),
        lambda: map(str, [KEY]),
        lambda: {KEY: 1},
        lambda: [KEY.encode()],
    ],
)
@pytest.mark.parametrize("call", [ingest, check])
def test_no_frame_holds_a_key_that_is_among_entities(
    call: Callable[..., object], entities: Callable[[], object]
) -> None:
    with pytest.raises(UsageError) as raised:
        call(api_key=KEY, entities=entities())
    assert_in_no_frame(raised.value)


@pytest.mark.parametrize("keyword", [{KEY: 1}, {"tables": KEY}, {"display": KEY}, {"give_up": KEY}, {"start": [KEY]}])
def test_no_frame_holds_a_key_that_is_a_name_or_is_given_in_place_of_an_object(keyword: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as raised:
        ingest(**{"api_key": KEY, **keyword})
    assert_in_no_frame(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        f"{KEY}\n".encode(),
        f"acct_1\nacct_2, {KEY} # mine\n".encode(),
        f"acct_1 # {KEY}\nshop\n".encode(),
        f"# {KEY}\n".encode(),
        f"{KEY}\xff\n".encode("latin-1"),
        f"{KEY}\n".encode() + b"# " + b"x" * 200,
    ],
    ids=["alone", "among accounts", "in a comment", "nothing else", "Latin-1", "too large"],
)
def test_no_frame_holds_a_key_that_is_in_the_file_of_accounts(
    content: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setattr("stripe_raw_rs.accounts._LARGEST", 200)
    file = tmp_path / "accounts.txt"
    file.write_bytes(content)
    lake = tmp_path / "lake"
    with StripeSimulator(counts={"charges": 1}) as stripe:
        ingest(lake=lake, entities="charges", api_base_url=stripe.url).raise_for_status()
    calls: list[Callable[[], object]] = [
        lambda: ingest(lake=lake, accounts=file),
        *(
            lambda command=command: main([command, "--lake", str(lake), "--accounts", str(file)])
            for command in ("run", "status", "verify")
        ),
    ]
    for call in calls:
        with pytest.raises(UsageError) as raised:
            call()
        assert "_of_file" in {place.split()[2] for place, _ in held(raised.value)}, "there are frames to look at"
        assert_in_no_frame(raised.value)


def test_the_search_in_frames_would_find_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    source = "def fails(given):\n    kept = {'one': [given]}\n    raise KeyError(kept)"
    for value in (KEY, os.environ, SimpleNamespace(key=KEY)):
        names: dict[str, Any] = {}
        exec(source, names)  # noqa: S102 - a frame that is not the tests' own
        with pytest.raises(KeyError) as raised:
            names["fails"](value)
        with pytest.raises(AssertionError, match="the key is in"):
            assert_in_no_frame(raised.value)
