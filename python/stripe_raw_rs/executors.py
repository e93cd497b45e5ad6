"""What Spark's executors need to ask Stripe: the key, the options of requests, and a share of the limits.

All of it is pickled by value, inside a class or a function, and so it stands in no option, plan or SQL of Spark. Other
machines have neither the variables nor the files of this one.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import _core
from stripe_raw_rs._core import ApiKey, Client, plain
from stripe_raw_rs.exceptions import InterruptedRunError, UsageError
from stripe_raw_rs.options import COMPILED, OPTIONS
from stripe_raw_rs.surface import option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType
    from typing import Protocol

    from stripe_raw_rs.tables import Engine, WaitingTable

    class HeldKey(Protocol):
        """The text of the key, as Spark carries it. It is passed on as a whole: variables are seen in tracebacks."""

        text: str


class Executors:
    """What the executors need of a call, beside its accounts, and what they do now."""

    def __init__(self, engine: Engine, key: HeldKey, settings: Mapping[str, Any], tasks: int) -> None:
        """Take the tables whose executors they are; nothing runs yet."""
        self.engine = engine
        self.key = key
        # Options of requests.
        self.settings = settings
        # Tasks of a wave at most, which may run all at once.
        self.tasks = tasks
        self.is_interrupted = False
        self._filling: WaitingTable | None = None
        # One list at a time fetches: the tasks have the whole limit.
        self._turn = threading.Lock()

    @contextmanager
    def turn(self, waiting: WaitingTable) -> Iterator[None]:
        """Wait until the executors have nothing else to do, and hold them. Raises InterruptedRunError after Ctrl-C."""
        with self._turn:
            if self.is_interrupted:
                message = "the call was interrupted"
                raise InterruptedRunError(message)
            self._filling = waiting
            try:
                yield
            finally:
                self._filling = None

    def interrupt(self) -> None:
        """End what they do, and let them begin nothing more."""
        self.is_interrupted = True
        self.tick()

    def tick(self) -> None:
        """End it again, if there was a Ctrl-C: it may have been about to begin then."""
        filling = self._filling
        if self.is_interrupted and filling is not None:
            filling.stop()


# Requests over which a rate is measured, and the lowest rate that a client takes.
_MANY = 1_000_000
_LOWEST_RATE = 0.001


def hold(key: ApiKey) -> HeldKey:
    """Make a key that can be pickled, by value as well; an `ApiKey` cannot, so that none gets into a file by chance."""

    class Key:
        """The text of the key. As an attribute, no traceback, message or `repr` shows it."""

        __slots__ = ("text",)
        text: str

    held = Key()
    held.text = _core.expose(key)
    return held


def importer(name: str) -> Callable[[], ModuleType]:
    """Make the function that imports a module of ours there. It is pickled by value, and imports nothing before.

    So a machine without this wheel can say that it lacks it.
    """

    def code() -> ModuleType:
        from importlib import import_module  # noqa: PLC0415 - on the executor

        try:
            return import_module(f"stripe_raw_rs.{name}")
        except ModuleNotFoundError as error:
            if error.name != "stripe_raw_rs":
                raise
            message = "stripe_raw_rs is missing here: install its wheel on each machine of Spark's cluster"
            raise ModuleNotFoundError(message, name=error.name) from None

    return code


def check_version(planned: str) -> None:
    """Raise UsageError if this machine has another wheel than the one that has planned the work."""
    if planned != _core.__version__:
        message = f"this machine has stripe_raw_rs {_core.__version__}, and the driver {planned}: install one wheel"
        raise UsageError(message)


def settings_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the options of requests as other machines can use them."""
    settings = {name: options[name] for name in COMPILED if name in options}
    if "ca_file" in settings:
        try:
            settings["ca_file"] = Path(settings["ca_file"]).read_bytes()
        except OSError as error:
            message = f"{option('ca_file')} '{plain(str(settings['ca_file']))}' cannot be read: {error.strerror}"
            raise UsageError(message) from None
    return settings


def client_at(key: HeldKey, settings: Mapping[str, Any]) -> Client:
    """Make a client there; the file of authorities is carried as its content."""
    if "ca_file" not in settings:
        return Client(ApiKey(key.text), **settings)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(settings["ca_file"])
        file.flush()
        return Client(ApiKey(key.text), **{**settings, "ca_file": file.name})


def share(of: Client, settings: Mapping[str, Any], tasks: int) -> dict[str, Any]:
    """Give each of some tasks the same share of the rate of one list, and of the requests in flight."""
    in_flight = int(settings.get("max_concurrent_requests", OPTIONS["max_concurrent_requests"].default))
    shared: dict[str, Any] = {"max_concurrent_requests": max(in_flight // tasks, 1)}
    seconds = of.seconds([_MANY])
    if seconds is not None:
        rate = max(_MANY / seconds / tasks, _LOWEST_RATE)
        shared |= {"max_requests_per_second": rate, "max_requests_per_second_per_endpoint": rate}
    return shared
