"""TLS is always verified: a certificate that no authority signed is refused, and a file can name authorities."""

from __future__ import annotations

import os
import select
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from stripe_raw_rs import Client, ConnectionFailedError, UsageError, check, ingest
from stripe_raw_rs.options import OPTIONS
from tests.conftest import KEY, assert_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stripe_raw_rs import Report
    from stripe_raw_rs.simulator import StripeSimulator


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return str(file)


@contextmanager
def tls(stripe: StripeSimulator, authority: trustme.CA, name: str = "localhost") -> Iterator[str]:
    """The simulator behind TLS: bytes that come in on a port of its own are passed on to the simulator unchanged."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = [listener]
    threads: list[threading.Thread] = []

    def relay(outer: ssl.SSLSocket) -> None:
        # A client that trusts nobody hangs up in the handshake.
        with outer, suppress(OSError):
            outer.do_handshake()
            with socket.create_connection(("127.0.0.1", stripe.port)) as inner:
                pass_on(outer, inner)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                connections.append(context.wrap_socket(client, server_side=True, do_handshake_on_connect=False))
                threads.append(threading.Thread(target=relay, args=connections[-1:]))
                threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}"
    finally:
        # A thread that waits for input wakes up.
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        listener.close()


def pass_on(outer: ssl.SSLSocket, inner: socket.socket) -> None:
    other: dict[socket.socket, socket.socket] = {outer: inner, inner: outer}
    while True:
        for end in [outer] if outer.pending() else select.select([*other], [], [])[0]:
            piece = end.recv(65_536)
            if not piece:
                return
            other[end].sendall(piece)


def land(lake: Path, url: str, **options: Any) -> Report:
    return ingest(lake=lake, entities="charges", api_key=KEY, api_base_url=url, max_retries=0, **options)


def test_an_authority_of_the_file_is_trusted(
    lake: Path, stripe: StripeSimulator, authority: trustme.CA, ca_file: str
) -> None:
    with tls(stripe, authority) as url:
        land(lake, url, ca_file=ca_file).raise_for_status()
    assert_whole(lake, stripe, "charges")


def test_a_certificate_that_no_known_authority_signed_is_refused(
    lake: Path, stripe: StripeSimulator, authority: trustme.CA, tmp_path: Path
) -> None:
    another = tmp_path / "another.pem"
    trustme.CA().cert_pem.write_to_path(str(another))
    options: list[dict[str, Any]] = [{}, {"ca_file": str(another)}]
    with tls(stripe, authority) as url:
        for option in options:
            with pytest.raises(ConnectionFailedError, match="certificate"):
                land(lake, url, **option).raise_for_status()
    assert stripe.requests == 0, "nothing was sent, and above all not the key"


def test_a_certificate_for_another_name_is_refused(
    lake: Path, stripe: StripeSimulator, authority: trustme.CA, ca_file: str
) -> None:
    with tls(stripe, authority, "stripe.example") as url, pytest.raises(ConnectionFailedError, match="certificate"):
        land(lake, url, ca_file=ca_file).raise_for_status()
    assert stripe.requests == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file"),
        ("", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\n!\n", "CERTIFICATE"),
        ("#" * (4 * 1024 * 1024 + 1), "is larger than 4096 KiB"),
    ],
)
def test_a_file_without_certificates_is_refused(lake: Path, tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "file.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=said) as raised:
        land(lake, "https://localhost:9", ca_file=str(file))
    assert "\n" not in str(raised.value)
    assert not lake.exists()


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the authorities of the machine, whatever the tests were started with."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def test_a_file_of_authorities_that_is_not_a_regular_file_is_not_waited_for(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(UsageError, match=r"^ca_file '.*' cannot be read: it is not a regular file"):
            land(lake, "https://localhost:9", ca_file=str(place))
        with monkeypatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(place))
            with pytest.raises(UsageError, match=r"^SSL_CERT_FILE '.*' is not a regular file"):
                land(lake, "https://localhost:9")


MACHINE = "the machine's"


def named_authorities(url: str, caplog: pytest.LogCaptureFixture, lake: Path, **options: Any) -> str:
    """The authorities that the log's first line names; a check must name the same."""
    caplog.clear()
    with caplog.at_level("INFO"):
        land(lake, url, **options).raise_for_status()
    (first,) = [line for line in caplog.messages if line.startswith("stripe-raw ")]
    named = first.partition("; certificate authorities: ")[2]
    found = check(api_key=KEY, api_base_url=url, entities="charges", **options)
    found.raise_for_status()
    assert f"certificate authorities {named}" in str(found)
    assert found.to_dict()["authorities"] == found.authorities == named
    return named


@pytest.mark.parametrize("variables", [("SSL_CERT_FILE",), ("SSL_CERT_DIR",), ("SSL_CERT_FILE", "SSL_CERT_DIR")])
def test_authorities_of_the_environment_are_used_and_named(  # noqa: PLR0913, PLR0917 - fixtures
    lake: Path,
    stripe: StripeSimulator,
    authority: trustme.CA,
    ca_file: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    variables: tuple[str, ...],
) -> None:
    values = {"SSL_CERT_FILE": ca_file, "SSL_CERT_DIR": str(Path(ca_file).parent)}
    for name in variables:
        monkeypatch.setenv(name, values[name])
    with tls(stripe, authority) as url:
        named = named_authorities(url, caplog, lake)
    assert named == " and ".join(f"of {name} ({values[name]})" for name in variables) + ", in place of the machine's"


def test_a_file_of_authorities_is_named_beside_those_of_the_machine(
    lake: Path, stripe: StripeSimulator, authority: trustme.CA, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    with tls(stripe, authority) as url:
        assert named_authorities(url, caplog, lake, ca_file=ca_file) == f"the machine's, and of ca_file ({ca_file})"


def test_no_authorities_are_used_without_tls(
    lake: Path, stripe: StripeSimulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    assert named_authorities(stripe.url, caplog, lake) == "none, as http:// needs none"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_an_environment_that_takes_all_authorities_away_is_named(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "none"))
    with pytest.raises(ConnectionFailedError, match=rf"of {variable} \(.*/none\), in place of the machine's") as raised:
        land(lake, "https://localhost:9")
    assert "apt-get" not in str(raised.value), "the machine's authorities are not missing"
    assert not lake.exists()


def test_a_client_that_sends_nothing_names_the_authorities_of_the_machine() -> None:
    assert Client(KEY).authorities == MACHINE


def test_no_option_turns_verification_off() -> None:
    words = ("insecure", "verify", "unsafe", "skip", "proxy", "redirect")
    assert not [name for name in OPTIONS if any(word in name for word in words)]
