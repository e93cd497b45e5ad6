"""The lakes of layout 1 in this folder: the accounts that they were read from, and the program that made them.

The program must run with the code of version 0.1.0, the last one that wrote layout 1. In a clone of this repo:

    git worktree add /tmp/stripe_raw_0.1.0 616fb55
    cp tests/lakes/make.py /tmp/stripe_raw_0.1.0/make.py
    cd /tmp/stripe_raw_0.1.0 && uv sync && PYTHONPATH=. uv run python make.py FOLDER

It writes `whole.tar.xz`, `unfinished.tar.xz` and `two_accounts.tar.xz` into FOLDER. The simulator's objects follow from
its settings, so the tests make the same accounts again. If the simulator ever makes other objects of the same settings,
make the lakes again.
"""

from __future__ import annotations

import io
import lzma
import signal
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stripe_raw_rs import ingest
from stripe_raw_rs.simulator import StripeSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The accounts' objects were made before this second, so that no clock of a test machine is behind them.
END = 1_700_000_000
CONNECTED = "acct_connected1"
OWNER = "earlier/1"
LISTS: dict[str, tuple[str, ...]] = {
    "whole": ("charges", "customers", "refunds"),
    "unfinished": ("charges",),
    "two_accounts": ("charges", "refunds"),
}
OPTIONS: dict[str, Any] = {
    "owner": OWNER,
    "page_size": 5,
    "max_concurrent_requests": 1,
    "backoff_base_seconds": 0.01,
}
# Steps of a process that commits each page by itself: four for creating the tables, two for RUN_STARTED, two for the
# fence, then four for each page. This one is just after the rows of the third page.
ROWS_WITHOUT_EVENT = 8 + 4 * 2 + 2


@contextmanager
def account_of(lake: str) -> Iterator[StripeSimulator]:
    """The account as it was when the lake's first run began."""
    with StripeSimulator(seed=17, counts=dict.fromkeys(LISTS[lake], 16), history_days=30, end=END) as stripe:
        yield stripe


def grow(stripe: StripeSimulator, lake: str, run: int) -> None:
    """Add the objects that are new in a later run: `run` is 1 for the second."""
    for name in LISTS[lake]:
        stripe.add(name, 7, created=END - 1_000 + run)


@contextmanager
def account_after(lake: str) -> Iterator[StripeSimulator]:
    """The account as it was when the lake's last run ended."""
    with account_of(lake) as stripe:
        for run in range(1, RUNS[lake]):
            grow(stripe, lake, run)
        yield stripe


RUNS = {"whole": 3, "unfinished": 2, "two_accounts": 2}


def make_whole(folder: Path, stripe: StripeSimulator) -> None:
    """Three complete runs of three lists."""
    for run in range(RUNS["whole"]):
        if run:
            grow(stripe, "whole", run)
        land(folder, stripe, "whole")


def make_unfinished(folder: Path, stripe: StripeSimulator) -> None:
    """One complete run, and one that was killed when the rows of its third page had no event yet."""
    from tests.children import Child  # noqa: PLC0415 - the tests that import this module do not make lakes

    land(folder, stripe, "unfinished")
    grow(stripe, "unfinished", 1)
    options = {**OPTIONS, "commit_interval_seconds": 0, "lookback_seconds": 30 * 86_400, "entities": "charges"}
    with Child(folder, stripe, ROWS_WITHOUT_EVENT, "SIGKILL", **options) as child:
        assert child.ended() == -signal.SIGKILL


def make_two_accounts(folder: Path, stripe: StripeSimulator) -> None:
    """Two complete runs of the key's own account, and two of a connected one."""
    for run in range(RUNS["two_accounts"]):
        if run:
            grow(stripe, "two_accounts", run)
        land(folder, stripe, "two_accounts")
        land(folder, stripe, "two_accounts", stripe_account=CONNECTED)


def land(folder: Path, stripe: StripeSimulator, lake: str, **more: Any) -> None:
    """Make one complete run of each list, with maintenance left out."""
    options = {**OPTIONS, "entities": ",".join(LISTS[lake]), "maintenance": "no", **more}
    ingest(lake=folder, api_key="rk_test_1", api_base_url=stripe.url, **options).raise_for_status()


MAKERS: dict[str, Callable[[Path, StripeSimulator], None]] = {
    "whole": make_whole,
    "unfinished": make_unfinished,
    "two_accounts": make_two_accounts,
}


def pack(folder: Path, archive: Path) -> None:
    """Write a lake into an archive, the same bytes for the same files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = tarfile.TarInfo(str(file.relative_to(folder)))
            entry.size = file.stat().st_size
            tar.addfile(entry, io.BytesIO(file.read_bytes()))
    archive.write_bytes(lzma.compress(packed.getvalue(), preset=9 | lzma.PRESET_EXTREME))


def main(target: Path) -> None:
    """Make all lakes."""
    target.mkdir(exist_ok=True)
    for name, make in MAKERS.items():
        with tempfile.TemporaryDirectory() as scratch, account_of(name) as stripe:
            folder = Path(scratch, "lake")
            make(folder, stripe)
            pack(folder, target / f"{name}.tar.xz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
