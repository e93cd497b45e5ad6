"""A gateway between a client and Stripe: a proxy on loopback that changes answers on their way."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

# Headers that each connection sets for itself.
_PER_CONNECTION = ("Connection", "Content-Length", "Transfer-Encoding")
_PASSED_ON = ("Authorization", "Stripe-Version", "Stripe-Account")


@dataclass
class Answer:
    """An answer on its way."""

    number: int
    target: str
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def is_list(self) -> bool:
        """Whether the request was for a list, and not for the account."""
        return not self.target.startswith("/v1/account")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Gateway:
    """Serves the answers of the server behind it, changed."""

    def __init__(self, url: str, change: Callable[[Answer], None]) -> None:
        self.requests: list[str] = []
        gateway, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with lock:
                    gateway.requests.append(self.path)
                    number = len(gateway.requests)
                answer = _fetched(number, url, self.path, {name: self.headers[name] for name in _PASSED_ON})
                change(answer)
                self.send_response_only(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _fetched(number: int, url: str, target: str, headers: dict[str, str | None]) -> Answer:
    request = urllib.request.Request(  # noqa: S310 - the simulator's address
        url + target, headers={name: value for name, value in headers.items() if value is not None}
    )
    try:
        with urllib.request.urlopen(request) as found:  # noqa: S310 - the simulator's address
            return Answer(number, target, found.status, _kept(dict(found.headers)), found.read())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(number, target, refused.code, _kept(dict(refused.headers)), refused.read())


def _kept(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _PER_CONNECTION}
