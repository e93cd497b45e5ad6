"""The sources of the key, and the messages for a text that cannot be one."""

from __future__ import annotations

import copy
import os
import pickle
import threading
from typing import TYPE_CHECKING

import pytest

from stripe_raw_rs import ApiKey, Client, UsageError, check
from stripe_raw_rs._core import expose
from stripe_raw_rs.api_key import read_api_key
from stripe_raw_rs.environment import key_of_environment, without_key
from tests.conftest import CANARY, KEY
from tests.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from stripe_raw_rs.simulator import StripeSimulator

LIVE = f"sk_live_{CANARY}"


def reads(key: ApiKey, stripe: StripeSimulator) -> bool:
    """Say whether it is the key that the server knows."""
    (probe,) = check(api_key=key, api_base_url=stripe.url, entities="charges").entities
    return probe.error is None


def test_a_key_shows_its_mode_and_kind_and_nothing_else() -> None:
    key, live = ApiKey(KEY), ApiKey(LIVE)
    assert (repr(key), key.mode, key.is_restricted) == ("ApiKey(test mode)", "test", True)
    assert (repr(live), live.mode, live.is_restricted) == ("ApiKey(live mode)", "live", False)
    assert Client(ApiKey(key), api_base_url="http://127.0.0.1:9").mode == "test"
    assert key != ApiKey(KEY)
    shown = " ".join(repr(getattr(key, name)) for name in dir(key))
    assert CANARY not in shown
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(key)
    with pytest.raises(TypeError, match="pickle"):
        copy.deepcopy(key)


def test_the_text_of_a_key_is_taken_out_for_the_executors_of_spark_alone() -> None:
    assert expose(ApiKey(f" {KEY}\n")) == KEY
    sources = (ROOT / "python" / "stripe_raw_rs").rglob("*.py")
    assert [file.name for file in sources if "expose" in file.read_text()] == ["executors.py"]


def test_a_key_comes_from_the_environment_or_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", f" {KEY}\n")
    assert read_api_key().mode == "test"
    file = tmp_path / "key"
    file.write_text(LIVE + "\n")
    assert read_api_key(file=file).mode == "live", "the named file counts, not a variable that happens to be set"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-sig"])
@pytest.mark.parametrize("text", ["{}", "{}\n", "  {}\r\n\r\n", "\u200b{}\u200b"])
def test_a_key_file_is_read_however_editors_write_it(
    text: str, encoding: str, tmp_path: Path, stripe: StripeSimulator
) -> None:
    file = tmp_path / "key"
    content = text.format(KEY)
    if encoding.endswith("be-sig"):
        file.write_bytes(b"\xfe\xff" + content.encode("utf-16-be"))
    else:
        file.write_text(content, encoding=encoding)
    assert reads(read_api_key(file=file), stripe)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n", "does not hold a key: the key is empty"),
        (b"\xff\xfe\xff", "cannot be read: it is not a text"),
        (b"rk_test_\xe9", "cannot be read: it is not a text"),
        (f'"{KEY}"\n'.encode(), "does not hold a key: the key stands in quotes: write it without them"),
        (f"\u2018{KEY}\u2019".encode(), "does not hold a key: the key stands in quotes: write it without them"),
        (f"STRIPE_API_KEY={KEY}".encode(), "does not hold a key: there is more than the key: write the key alone"),
        (f"{KEY}\n{KEY}\n".encode(), "does not hold a key: the key has characters no Stripe key has"),
        (b"hello", "does not hold a key: this is not a Stripe API key"),
        (KEY.encode() + b"\n" * 4096, "is larger than 4 KiB"),
    ],
)
def test_a_file_without_a_key_is_refused_with_the_reason(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read_api_key(file=file)
    assert str(refused.value).startswith(f"the key file '{file}' {said}")
    assert CANARY not in str(refused.value)


def test_a_key_file_that_is_not_a_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    places: list[tuple[str | Path, str]] = [
        (pipe, "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("/dev/stdin", "it is not a regular file"),
        (tmp_path, "it is not a regular file"),
        (tmp_path / "none", "No such file or directory"),
        (tmp_path / "x\0y", "unexpected NUL byte"),
        ("~nobody-of-that-name/key", "cannot be found"),
    ]
    for place, said in places:
        with pytest.raises(UsageError, match=said):
            read_api_key(file=place)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "there is no key; set STRIPE_API_KEY to a restricted key"),
        (" ", "there is no key; set STRIPE_API_KEY to a restricted key"),
        (f"'{KEY}'", "STRIPE_API_KEY: the key stands in quotes: write it without them"),
        (f"{KEY}\udcff", "STRIPE_API_KEY: the key has characters no Stripe key has"),
        ("pk_test_1", "STRIPE_API_KEY: a publishable key"),
    ],
)
def test_a_variable_without_a_key_is_refused_with_the_reason(
    value: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("STRIPE_API_KEY", value)
    with pytest.raises(UsageError) as refused:
        read_api_key()
    assert str(refused.value).startswith(said)


def test_an_argument_that_is_empty_is_not_replaced_by_a_key_that_happens_to_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    with pytest.raises(UsageError, match="the key is empty"):
        check(api_key="")


def test_a_secret_has_a_scope_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    for half in ({"secret_scope": "stripe"}, {"secret_key": "api_key"}):
        with pytest.raises(UsageError, match="stripe_secret_scope and stripe_secret_key belong together"):
            read_api_key(**half)


def test_a_secret_that_was_named_is_not_replaced_by_a_key_that_happens_to_be_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    with pytest.raises(UsageError, match="needs the package databricks-sdk"):
        read_api_key(secret_scope="stripe", secret_key="api_key")  # noqa: S106 - names


def test_a_reader_of_the_key_waits_while_another_thread_has_it_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    hidden, read = threading.Event(), threading.Event()
    modes: list[str] = []

    def reader() -> None:
        hidden.wait()
        modes.append(key_of_environment().mode)
        read.set()

    thread = threading.Thread(target=reader)
    thread.start()
    with without_key():
        assert "STRIPE_API_KEY" not in os.environ
        hidden.set()
        assert not read.wait(0.2)
    thread.join()
    assert modes == ["test"]
    assert os.environ["STRIPE_API_KEY"] == KEY
