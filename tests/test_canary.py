"""The tests look for the key at every place where a run leaves anything, in whichever way the run ends."""

from __future__ import annotations

import base64
import os
import pickle
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import Client, StripeRawError, check, ingest, status, verify
from stripe_raw_rs.simulator import StripeSimulator
from tests.conftest import CANARY, KEY, events, landed

if TYPE_CHECKING:
    from pathlib import Path

# The key as it is, and as HTTP's Basic scheme would send it, at any offset.
TRACES = [CANARY, *(base64.b64encode(b"." * lead + CANARY.encode()).decode()[4:24] for lead in range(3))]
QUICK = ("--backoff-base-seconds", "0.01", "--backoff-max-seconds", "0.02", "--max-retries", "2")
SOON = ("--request-timeout-seconds", "0.3")
# The fault, and how the simulator and the command line bring it about.
PATHS: dict[str, tuple[dict[str, Any], tuple[str, ...], int]] = {
    "nothing": ({}, (), 0),
    "the key is refused": ({"keys": ["rk_test_another"]}, (), 1),
    "a permission is missing": ({"denied": ["charges"]}, (), 1),
    "the server fails": ({"faults": "status=500@n4+"}, (), 1),
    "the limit is hit": ({"faults": "status=429@n4+"}, (), 1),
    "a redirect": ({"faults": "status=302@n4+"}, (), 1),
    "a page for people": ({"faults": "html@n4+"}, (), 1),
    "a cut answer": ({"faults": "truncate@n4+"}, (), 1),
    "a reset connection": ({"faults": "reset@n4+"}, (), 1),
    "no answer": ({"faults": "hang@n4+"}, SOON, 1),
    "another object": ({"faults": "wrong_object@n4+"}, (), 1),
    "requests used up": ({}, ("--max-requests", "3"), 1),
    "an impossible version": ({}, ("--stripe-version", "a b"), 2),
    "an unknown entity": ({}, ("--entities", KEY), 2),
    "the key as an option": ({}, (f"--api-key={KEY}",), 2),
    "the key as an option's value": ({}, ("--page-size", KEY), 2),
    "the key in the address": ({}, ("--api-base-url", f"https://{KEY}@localhost"), 2),
    "the key as an account": ({}, ("--stripe-account", KEY), 2),
    "the key as a file of authorities": ({}, ("--ca-file", KEY), 2),
    "the key as a file with a key": ({}, ("--api-key-file", KEY), 2),
    "the key as a version": ({}, ("--stripe-version", KEY), 2),
    "the key as an owner": ({}, ("--owner", f"job/{KEY}"), 2),
    "the key as a bundle's target": ({}, ("--bundle-target", KEY), 2),
    "the key as a table": ({}, ("--checkpoint-table", KEY), 2),
    "the key as a lake": ({}, ("--lake", KEY), 2),
    "no server": ({}, ("--api-base-url", "http://127.0.0.1:9"), 1),
}


def assert_absent(text: str | bytes, where: str) -> None:
    found = text.decode("latin-1") if isinstance(text, bytes) else text
    assert not [trace for trace in TRACES if trace in found], f"the key is in {where}"


def assert_absent_below(folder: Path) -> None:
    for file in folder.rglob("*"):
        assert_absent(file.name, "a name")
        if file.is_file():
            assert_absent(file.read_bytes(), str(file))


def assert_absent_in_tables(lake: Path) -> None:
    """Check the columns' values, too, since Parquet is compressed."""
    if (lake / "stripe_ingestion_checkpoints").exists():
        assert_absent(repr(events(lake)), "the events")
    if (lake / "stripe_charges_raw").exists():
        assert_absent(repr(landed(lake, "charges").to_pylist()), "the rows")


@pytest.mark.parametrize(("source", "log"), [("environment", "text"), ("file", "json")])
@pytest.mark.parametrize("path", PATHS)
def test_no_command_leaves_the_key_anywhere(tmp_path: Path, path: str, source: str, log: str) -> None:
    settings, arguments, code = PATHS[path]
    lake, secret = tmp_path / "lake", tmp_path / "secret"
    secret.write_text(KEY + "\n")
    environment = {**os.environ, "RUST_LOG": "trace", "RUST_BACKTRACE": "full", "PYTHONFAULTHANDLER": "1"}
    how = {"environment": ((), {"STRIPE_API_KEY": KEY}), "file": (("--api-key-file", str(secret)), {})}
    options, variables = how[source]
    with StripeSimulator(seed=5, counts={"charges": 450}, **settings) as stripe:
        given = ("--lake", str(lake), "--api-base-url", stripe.url, "--entities", "charges")
        log_options = ("--log-format", log, "--verbose")
        command = [sys.executable, "-m", "stripe_raw_rs", "run", *given, *QUICK, *log_options, *options, *arguments]
        environment |= variables
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    assert_absent(done.stdout, "stdout")
    assert_absent(done.stderr, "stderr")
    secret.unlink()
    assert_absent_below(tmp_path)
    assert_absent_in_tables(lake)


# Faults that only the command line brings about make no difference here.
@pytest.mark.parametrize("path", ["nothing", *(path for path, (settings, _, _) in PATHS.items() if settings)])
def test_no_exception_of_the_library_holds_the_key(tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    settings, _, _ = PATHS[path]
    caplog.set_level("DEBUG")
    with StripeSimulator(seed=5, counts={"charges": 450}, **settings) as stripe:
        options: dict[str, Any] = {"entities": "charges", "max_retries": 1, "backoff_base_seconds": 0.01}
        options |= {"api_base_url": stripe.url, "request_timeout_seconds": 0.3, "api_key": KEY}
        report = ingest(lake=tmp_path / "lake", **options)
        found = check(api_key=KEY, api_base_url=stripe.url, entities="charges", request_timeout_seconds=0.3)
    assert_absent(f"{report} {report!r} {report.to_dict()} {report._repr_html_()}", "the report")
    assert_absent(f"{found} {found!r} {found.to_dict()} {found._repr_html_()}", "the check")
    for answer in (
        (status(lake=tmp_path / "lake"), verify(lake=tmp_path / "lake")) if (tmp_path / "lake").exists() else ()
    ):
        assert_absent(f"{answer} {answer!r} {answer.to_dict()} {answer._repr_html_()}", "an answer about the tables")
    for result in report.entities:
        if result.error is not None:
            error = result.error
            assert_absent("".join(traceback.format_exception(error)) + repr(vars(error)), "the error")
            assert_absent(pickle.dumps(error), "the error, pickled")
    assert_absent(caplog.text, "the log")
    assert_absent_in_tables(tmp_path / "lake")


def test_a_client_does_not_show_its_key() -> None:
    client = Client(KEY, api_base_url="http://127.0.0.1:9")
    shown = [repr(client), str(client), *(repr(getattr(client, name)) for name in dir(client))]
    assert_absent(" ".join(shown), "the client")
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(client)
    with pytest.raises(StripeRawError) as raised:
        Client(f"{KEY} {KEY}")
    assert_absent(repr(raised.value) + "".join(traceback.format_exception(raised.value)), "the error")


def test_the_search_for_the_key_would_find_it() -> None:
    with pytest.raises(AssertionError, match="stdout"):
        assert_absent(f"... {KEY} ...", "stdout")
    with pytest.raises(AssertionError, match="stderr"):
        assert_absent(base64.b64encode(f"x{KEY}:".encode()), "stderr")
