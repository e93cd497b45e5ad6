"""A process ends, or its storage fails, at each single write and each request.

tests/test_kill.py ends processes between the calls of the library that writes the tables. Here they end within these
calls, when a file is half there. tests/effects.c counts the effects of a process, and acts. The number of effects comes
from an undisturbed run, so that the effects of another version of the library are tried as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from deltalake import DeltaTable

from stripe_raw_rs.simulator import StripeSimulator
from tests.children import Child
from tests.conftest import EACH_PAGE, IN_PARTS, KEY, account, events, land
from tests.lakes.make import OPTIONS as OLD_OPTIONS
from tests.lakes.make import account_after
from tests.test_kill import MODES
from tests.test_upgrade import unpack
from tests.truth import assert_true

EVERY = "EVERY_CRASH_POINT" in os.environ
SHARES = 4
# A test that tries many points comes in shares, so that they can be spread over processes.
in_shares = pytest.mark.parametrize("share", range(SHARES))
pytestmark = [pytest.mark.effects, pytest.mark.timeout(3_600 if EVERY else 300)]

RAW = "stripe_charges_raw"
CHECKPOINTS = "stripe_ingestion_checkpoints"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/effects.c, compiled."""
    if sys.platform != "linux":
        pytest.skip("only Linux has LD_PRELOAD")
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler: cc")
    built = tmp_path_factory.mktemp("effects") / "effects.so"
    source = Path(__file__).with_name("effects.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-o", built, source, "-ldl"], check=True)
    return built


class Act(NamedTuple):
    """The act, and the effect to act at, of some kinds or of all; see tests/effects.c."""

    at: int = 0
    do: str = ""
    kinds: str = ""


def watched(library: Path, lake: Path, act: Act = Act()) -> dict[str, str]:  # noqa: B008 - it never changes
    """The environment of a process whose effects on a lake are counted."""
    place = {"FOLDER": str(lake.resolve()), "LOG": str(log_of(lake))}
    settings = {**place, "AT": str(act.at), "DO": act.do, "KINDS": act.kinds}
    return {"LD_PRELOAD": str(library), **{f"EFFECTS_{name}": text for name, text in settings.items() if text}}


def log_of(lake: Path) -> Path:
    return lake.with_name(f"{lake.name}.effects")


def effects_of(library: Path, lake: Path, stripe: StripeSimulator, **options: Any) -> list[tuple[str, str]]:
    """Kind and path of each effect of an undisturbed process."""
    with Child(lake, stripe, environment=watched(library, lake), **options) as child:
        assert child.ended() == 0, child.said
    return [(kind, path) for kind, _, path in (line.partition(" ") for line in log_of(lake).read_text().splitlines())]


def points(count: int, usual: int, every: int = 1) -> range:
    """Effects to try: their distance usually, and the one if every crash point is asked for.

    A page of its own is fourteen effects. With a distance that has no common divisor with fourteen, each kind of effect
    gets its turn, a page for each.
    """
    return range(1, count + 1, every if EVERY else usual)


def shared(tried: range, share: int, count: int) -> range:
    """One share of the points."""
    mine = tried[share::SHARES]
    print(f"{len(mine)} of {count} effects")  # noqa: T201 - how many were tried
    return mine


def die(library: Path, lake: Path, stripe: StripeSimulator, act: Act, options: dict[str, Any]) -> None:
    with Child(lake, stripe, environment=watched(library, lake, act), **options) as child:
        assert child.ended() == -signal.SIGKILL


def go_on(lake: Path, stripe: StripeSimulator, options: dict[str, Any]) -> None:
    """Let the next process, undisturbed, make the lake whole."""
    land(lake, stripe, options)
    assert_true(lake, stripe, "charges")


def die_and_go_on(library: Path, lake: Path, stripe: StripeSimulator, act: Act, options: dict[str, Any]) -> None:
    die(library, lake, stripe, act, options)
    go_on(lake, stripe, options)


@pytest.mark.parametrize("options", [EACH_PAGE, IN_PARTS], ids=["one at a time", "in parts"])
def test_the_count_misses_no_effect_of_a_process(tmp_path: Path, library: Path, options: dict[str, Any]) -> None:
    lake = tmp_path / "lake"
    with account() as stripe:
        effects = effects_of(library, lake, stripe, **options)
        kinds = Counter(kind for kind, _ in effects)
        assert kinds["send"] == stripe.requests
    files = {str(path) for path in lake.rglob("*") if path.is_file()}
    # The first link tests whether the disk has links, with a file that is removed again.
    first = next(path for kind, path in effects if kind == "link").removesuffix(".link")
    effects = [(kind, path) for kind, path in effects if not path.startswith(first)]
    assert files == {path for kind, path in effects if kind in {"link", "rename"}}
    # Each was made as a whole file of another name.
    made = {path.removesuffix("#1") for kind, path in effects if kind == "open"}
    assert files == made == {path.removesuffix("#1") for kind, path in effects if kind == "write"}
    assert not kinds["sync"], "resources/docs/guarantees.md says that there is no sync"


@MODES
@in_shares
def test_a_kill_just_before_any_effect_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, options: dict[str, Any], share: int
) -> None:
    with account() as stripe:
        count = len(effects_of(library, tmp_path / "counted", stripe, **options))
        for at in shared(points(count, 5), share, count):
            lake = tmp_path / f"lake{at}"
            die_and_go_on(library, lake, stripe, Act(at, "kill"), options)


@in_shares
def test_a_kill_just_after_an_effect_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, share: int
) -> None:
    with account() as stripe:
        count = len(effects_of(library, tmp_path / "counted", stripe, **EACH_PAGE))
        for at in shared(points(count, 9, 2), share, count):
            lake = tmp_path / f"lake{at}"
            die_and_go_on(library, lake, stripe, Act(at, "kill-after"), EACH_PAGE)


@in_shares
def test_a_kill_at_an_effect_while_the_list_is_read_in_parts_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, share: int
) -> None:
    """The number of effects depends on time here, so a process may end before the chosen one comes."""
    options = {**IN_PARTS, "commit_interval_seconds": 0.02}
    with StripeSimulator(seed=11, counts={"charges": 120}, latency_ms=10) as stripe:
        count = len(effects_of(library, tmp_path / "counted", stripe, **options))
        parts = {event["range_lt"] for event in events(tmp_path / "counted", "event_type = 'PAGE_COMMITTED'")}
        assert len(parts) > 3, "the list is read in parts"
        for at in shared(points(count, 11), share, count):
            lake = tmp_path / f"lake{at}"
            with Child(lake, stripe, environment=watched(library, lake, Act(at, "kill")), **options) as child:
                assert child.ended() in {-signal.SIGKILL, 0}
            go_on(lake, stripe, options)


@in_shares
def test_a_kill_while_the_tables_logs_are_condensed_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, share: int
) -> None:
    """Delta writes a checkpoint of its own log every hundred commits; here it does so at every second one."""
    options = {**EACH_PAGE, "lookback_seconds": 3_600}
    with account() as stripe:
        land(tmp_path / "lake", stripe, options)
        for name in (RAW, CHECKPOINTS):
            DeltaTable(tmp_path / "lake" / name).alter.set_table_properties({"delta.checkpointInterval": "2"})
        stripe.add("charges", 8)
        shutil.copytree(tmp_path / "lake", tmp_path / "counted")
        effects = effects_of(library, tmp_path / "counted", stripe, **options)
        assert any(".checkpoint" in path for _, path in effects)
        for at in shared(points(len(effects), 5), share, len(effects)):
            lake = tmp_path / f"lake{at}"
            shutil.copytree(tmp_path / "lake", lake)
            die_and_go_on(library, lake, stripe, Act(at, "kill"), options)


@in_shares
def test_a_kill_while_the_tables_are_maintained_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, share: int
) -> None:
    many = {**EACH_PAGE, "page_size": 1, "lookback_seconds": 0, "maintenance": "no"}
    options = {**EACH_PAGE, "lookback_seconds": 0}
    with StripeSimulator(seed=11, counts={"charges": 60}) as stripe:
        land(tmp_path / "lake", stripe, many)
        shutil.copytree(tmp_path / "lake", tmp_path / "counted")
        effects = effects_of(library, tmp_path / "counted", stripe, **options)
        for name in (RAW, CHECKPOINTS):
            assert len(DeltaTable(tmp_path / "counted" / name).file_uris()) < 8, "it was maintained"
        for at in shared(points(len(effects), 3), share, len(effects)):
            lake = tmp_path / f"lake{at}"
            shutil.copytree(tmp_path / "lake", lake)
            die_and_go_on(library, lake, stripe, Act(at, "kill"), options)


@in_shares
def test_a_kill_while_an_old_lake_is_given_its_columns_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, share: int
) -> None:
    options = {**OLD_OPTIONS, "entities": "charges"}
    with account_after("unfinished") as stripe:
        lake = unpack("unfinished", tmp_path / "counted", stripe)
        effects = effects_of(library, lake, stripe, **options)
        entries = [path for kind, path in effects if kind == "link" and path.endswith(".json")]
        assert len([path for path in entries if "metaData" in Path(path).read_text()]) == 4
        for at in shared(points(len(effects), 3), share, len(effects)):
            lake = unpack("unfinished", tmp_path / f"lake{at}", stripe)
            die(library, lake, stripe, Act(at, "kill"), options)
            land(lake, stripe, options)
            assert_true(lake, stripe, "charges")


@in_shares
def test_a_second_kill_at_an_effect_of_the_recovery_neither_loses_nor_doubles_an_object(
    tmp_path: Path, library: Path, share: int
) -> None:
    """The first kill leaves rows without events: the raw table's newest log entry is there, its events are not."""
    with account() as stripe:
        effects = effects_of(library, tmp_path / "counted", stripe, **EACH_PAGE)
        landing = [at for at, (kind, path) in enumerate(effects, 1) if kind == "link" and f"/{RAW}/" in path]
        once = tmp_path / "once"
        die(library, once, stripe, Act(landing[3], "kill-after"), EACH_PAGE)
        shutil.copytree(once, tmp_path / "again")
        count = len(effects_of(library, tmp_path / "again", stripe, **EACH_PAGE))
        for at in shared(points(count, 9), share, count):
            lake = tmp_path / f"lake{at}"
            shutil.copytree(once, lake)
            die_and_go_on(library, lake, stripe, Act(at, "kill"), EACH_PAGE)


# The command as the tests call it; only the waits of a commit between its tries are taken away.
COMMAND = (
    "import sys; from stripe_raw_rs import commit; commit._WAITS = (0, 0, 0, 0); "
    "from stripe_raw_rs.main import console; sys.exit(console())"
)
CHANGES = "open,write,sync,rename,link,mkdir,truncate"
WORDS = {
    "ENOSPC": "No space left on device",
    "EDQUOT": "quota exceeded",
    "EROFS": "Read-only file system",
    "EIO": "Input/output error",
}


def call(lake: Path, stripe: StripeSimulator, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`stripe-raw run`, one page after the other; it must come to an end."""
    arguments = ["--entities=charges", "--page-size=5", "--commit-interval-seconds=0", "--max-concurrent-requests=1"]
    return subprocess.run(
        [sys.executable, "-c", COMMAND, "run", f"--lake={lake}", f"--api-base-url={stripe.url}", *arguments, *more],
        env={**os.environ, "STRIPE_API_KEY": KEY, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(done: subprocess.CompletedProcess[str], place: Path, codes: tuple[int, ...] = (1,)) -> str:
    """The only line in which a run says what went wrong, and where."""
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("stripe-raw: error: ")
    # The log reports an error of a list, and the last line reports a value that cannot be used: each once.
    (line,) = [line for line in lines if str(place) in line and (" error   " in line or line == lines[-1])]
    assert "\\u{" not in line, "colours"
    # The only other text is from a thread of delta-rs 1.6, which panics when it gives up a file.
    panics = [said for said in done.stderr.splitlines() if "panicked at" in said]
    assert all("object_store" in said and "buffered.rs" in said for said in panics), done.stderr
    return line


def suffer(library: Path, lake: Path, stripe: StripeSimulator, act: Act) -> int:
    """Run into a fault, which ends in complete data or one clear line. Once it is gone, the next run ends whole."""
    done = call(lake, stripe, **watched(library, lake, act))
    if done.returncode == 0:
        assert_true(lake, stripe, "charges")
    else:
        # If not even the folder can be made, nothing was written, which has a code of its own.
        line = refusal(done, lake, (1, 2) if not lake.exists() else (1,))
        assert WORDS[act.do.partition("-")[0]].lower() in line.lower()
        if "cannot commit" in line:
            assert line.endswith(
                "; nothing of this commit is stored: once that is mended, the next run goes on from here"
            )
    go_on(lake, stripe, EACH_PAGE)
    return done.returncode


def changes(library: Path, lake: Path, stripe: StripeSimulator, kinds: str = CHANGES) -> int:
    """The number of effects of some kinds in an undisturbed run."""
    done = call(lake, stripe, **watched(library, lake, Act(kinds=kinds)))
    assert done.returncode == 0, done.stderr
    return len(log_of(lake).read_text().splitlines())


@in_shares
def test_a_moment_without_space_is_waited_out(
    tmp_path: Path, library: Path, few_charges: StripeSimulator, share: int
) -> None:
    count = changes(library, tmp_path / "counted", few_charges)
    for at in shared(points(count, 9), share, count):
        # The tables are created before there is anything to lose, and their creation is not repeated.
        assert suffer(library, tmp_path / f"lake{at}", few_charges, Act(at, "ENOSPC", CHANGES)) == 0 or at < 14


@pytest.mark.parametrize("do", ["ENOSPC-on", "EROFS-on", "EDQUOT-on", "EIO-on"])
def test_storage_that_fails_from_some_moment_on_ends_in_one_clear_line(
    tmp_path: Path, library: Path, few_charges: StripeSimulator, do: str
) -> None:
    count = changes(library, tmp_path / "counted", few_charges)
    for at in points(count, 17, 3):
        assert suffer(library, tmp_path / f"lake{at}", few_charges, Act(at, do, CHANGES)) != 0


@pytest.mark.parametrize("do", ["ENOSPC-on", "EROFS-on"])
def test_a_lake_that_can_no_longer_be_written_ends_in_one_clear_line(
    landed_lake: Path, library: Path, few_charges: StripeSimulator, do: str
) -> None:
    assert suffer(library, landed_lake, few_charges, Act(1, do, CHANGES)) == 1


@pytest.mark.parametrize("do", ["EPERM-on", "ENOSYS-on", "EOPNOTSUPP-on"])
@pytest.mark.parametrize("is_there", [False, True])
def test_a_disk_without_hard_links_is_found_out_before_anything_is_written(
    landed_lake: Path, library: Path, few_charges: StripeSimulator, do: str, *, is_there: bool
) -> None:
    lake = landed_lake if is_there else landed_lake.with_name("new")
    before = contents(landed_lake.parent)
    done = call(lake, few_charges, **watched(library, lake, Act(1, do, "link")))
    line = refusal(done, lake, (2,))
    assert "is on a disk without hard links, by which delta-rs commits: choose another disk; on Databricks" in line
    assert "goes on" not in line
    log_of(lake).unlink()
    assert contents(landed_lake.parent) == before
    go_on(lake, few_charges, EACH_PAGE)


@pytest.mark.parametrize("kind", ["open", "write", "rename", "link"])
def test_a_raw_table_that_fails_alone_is_reported_in_the_events(
    landed_lake: Path, library: Path, few_charges: StripeSimulator, kind: str
) -> None:
    done = call(landed_lake, few_charges, **watched(library, landed_lake / RAW, Act(2, "ENOSPC-on", kind)))
    line = refusal(done, landed_lake / RAW)
    (failed,) = events(landed_lake, "event_type = 'RUN_FAILED'")
    assert failed["error_class"] == "Table"
    assert failed["error_message"] in line
    assert WORDS["ENOSPC"] in failed["error_message"]
    go_on(landed_lake, few_charges, EACH_PAGE)


@pytest.mark.parametrize("kind", ["open", "write", "rename", "link", "unlink"])
def test_an_error_of_the_disk_is_tried_again_and_leaves_nothing_half_done(
    tmp_path: Path, library: Path, few_charges: StripeSimulator, kind: str
) -> None:
    count = changes(library, tmp_path / "counted", few_charges, kind)
    assert count > 10
    for at in points(count, 5):
        code = suffer(library, tmp_path / f"lake{at}", few_charges, Act(at, "EIO", kind))
        assert code == 0 or at < 5


@pytest.mark.parametrize("kind", ["rename", "link"])
def test_a_file_that_is_there_although_its_disk_reported_an_error_is_not_written_twice(
    tmp_path: Path, library: Path, few_charges: StripeSimulator, kind: str
) -> None:
    """A link makes the entry of a table's log: the commit is there, and its answer is lost."""
    count = changes(library, tmp_path / "counted", few_charges, kind)
    entries = {name: DeltaTable(tmp_path / "counted" / name).version() for name in (RAW, CHECKPOINTS)}
    for at in points(count, 3):
        lake = tmp_path / f"lake{at}"
        done = call(lake, few_charges, **watched(library, lake, Act(at, "EIO-after", kind)))
        assert done.returncode == 0, done.stderr
        assert_true(lake, few_charges, "charges")
        assert entries == {name: DeltaTable(lake / name).version() for name in (RAW, CHECKPOINTS)}


def test_a_raw_table_dropped_before_events_named_its_rows_is_filled_again(
    tmp_path: Path, library: Path, few_charges: StripeSimulator
) -> None:
    effects = effects_of(library, tmp_path / "counted", few_charges, **EACH_PAGE)
    landing = [at for at, (kind, path) in enumerate(effects, 1) if kind == "link" and f"/{RAW}/" in path]
    lake = tmp_path / "lake"
    # The table has its creation and the first page.
    die(library, lake, few_charges, Act(landing[1], "kill-after"), EACH_PAGE)
    assert len(DeltaTable(lake / RAW).file_uris()) == 1
    shutil.rmtree(lake / RAW)
    go_on(lake, few_charges, EACH_PAGE)


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}
