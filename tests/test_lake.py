"""The folder that a lake is in: its name, its disk, its rights, and its contents."""

from __future__ import annotations

import errno
import os
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import UsageError, ingest, status, verify
from stripe_raw_rs.commit import commit
from stripe_raw_rs.tables import open_tables
from tests.conftest import KEY, PROPERTIES, SCHEMA, Columns, HandMade, assert_whole, ids, rows_of
from tests.places import tables_of

if TYPE_CHECKING:
    from stripe_raw_rs.simulator import StripeSimulator


def land(lake: Path | str, stripe: StripeSimulator, **options: Any) -> None:
    ingest(lake=lake, api_key=KEY, api_base_url=stripe.url, **{"entities": "charges", **options}).raise_for_status()


@pytest.mark.parametrize("lake", ["", "  ", "s3://bucket/lake", "a\0b"])
def test_a_lake_must_be_a_folder(lake: str) -> None:
    with pytest.raises(UsageError, match="folder"):
        open_tables({"lake": lake})


def test_a_lake_has_its_real_path_as_its_location(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert open_tables({"lake": tmp_path / "link" / ".." / "link"}).location == str(tmp_path / "real")


def test_a_lake_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for lake in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="cannot be created"):
            tables_of(lake).table("t").create(Columns(SCHEMA), {}, "")  # type: ignore[arg-type]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="permissions of folders")
def test_a_lake_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "lake").mkdir(mode=0o555)
    with pytest.raises(UsageError, match="not writable"):
        tables_of(tmp_path / "lake").table("t").create(Columns(SCHEMA), {}, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        " a",
        "a'b",
        'a"b',
        "a*b",
        "a%b",
        "a%",
        "%zz",
        "~a",
        "a;b",
        "$HOME",
        "ä",
        "e\u0301",
        "日本",
        "💳",
        "x" * 255,
    ],
)
def test_a_lake_of_an_unusual_name_works(tmp_path: Path, stripe: StripeSimulator, name: str) -> None:
    lake = tmp_path / name / "lake"
    land(lake, stripe)
    stripe.add("charges", 3)
    land(lake, stripe)
    assert_whole(lake, stripe, "charges")
    verify(tables=tables_of(lake)).raise_for_status()
    assert [one.state for one in status(tables=tables_of(lake), lookback_seconds=0)] == ["complete"]
    assert os.listdir(tmp_path) == [name]  # noqa: PTH208 - the names alone


@pytest.mark.parametrize("place", ["{}", "{}/lake", "{}/between/lake"])
@pytest.mark.parametrize(
    ("name", "said"),
    [
        *((f"a{sign}b", f"'{sign}'") for sign in "#?[]^|\\"),
        ("a\tb", "the character U+0009"),
        ("a\nb", "the character U+000A"),
        ("a\x7fb", "the character U+007F"),
        ("a%20b", "'%20'"),
        ("100%ab", "'%ab'"),
        ("_delta_log", "'_delta_log'"),
        (os.fsdecode(b"a\xffb"), "a byte that is not UTF-8"),
    ],
)
def test_a_lake_of_a_name_that_delta_rs_cannot_use_is_refused_before_anything_is_made(
    tmp_path: Path, stripe: StripeSimulator, name: str, place: str, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        land(tmp_path / place.format(name), stripe)
    assert f": its path has {said}, and delta-rs cannot work with that; choose another folder" in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert not [path for _, path, _ in stripe.request_log() if path != "/v1/account"]


def test_no_sign_in_a_name_is_left_to_chance(tmp_path: Path) -> None:
    """Either the name is refused, or every operation on a table works, and in the right folder."""
    for sign in [*string.punctuation, " "]:
        lake = tmp_path / f"a{sign}b" if sign != "/" else tmp_path / "a" / "b"
        try:
            table = tables_of(lake).table("stripe_charges_raw")
        except UsageError:
            assert not lake.exists()
            continue
        table.create(Columns(SCHEMA), PROPERTIES, "")  # type: ignore[arg-type]
        # So many commits that delta-rs has to go on from its own state, and to begin again.
        made = [HandMade(rows_of(f"ch_{version:02}"), version) for version in range(1, 20)]
        for one in made:
            commit(table, one)
        assert [table.outcome(one) for one in made] == ["landed"] * len(made), sign
        assert ids(table) == [f"ch_{version:02}" for version in range(1, 20)]
        assert table.properties().items() >= PROPERTIES.items()
        assert tables_of(lake).table(table.name).exists()
        assert len(list((lake / table.name).glob("*.parquet"))) == 19, sign


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["x" * 200] * 19, "its path is too long"),
        (["x" * 256], "name in its path is"),
        (["\u6e56" * 86, "a"], "name in its"),
    ],
)
def test_a_path_that_leaves_no_room_for_the_tables_files_is_refused(
    tmp_path: Path, names: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        tables_of(tmp_path.joinpath(*names))
    assert list(tmp_path.iterdir()) == []


def test_the_root_of_all_folders_cannot_be_a_lake() -> None:
    before = set(os.listdir("/"))  # noqa: PTH208 - the names alone
    for root in ("/", "//", "/tmp/.."):  # noqa: S108 - nothing is written there
        with pytest.raises(UsageError, match="lake '/' is the root of this machine: choose a folder in it"):
            tables_of(Path(root))
    assert set(os.listdir("/")) == before  # noqa: PTH208


@pytest.mark.parametrize("dangling", [False, True])
@pytest.mark.parametrize("name", ["stripe_charges_raw", "stripe_ingestion_checkpoints"])
@pytest.mark.parametrize("linked", ["", "_delta_log"])
def test_a_table_that_is_a_symbolic_link_is_refused_before_anything_is_written(
    tmp_path: Path, stripe: StripeSimulator, name: str, linked: str, *, dangling: bool
) -> None:
    lake, outside = tmp_path / "lake", tmp_path / "outside"
    link = lake / name / linked if linked else lake / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    if not dangling:
        outside.mkdir()
    with pytest.raises(UsageError) as refused:
        land(lake, stripe)
    assert str(refused.value) == (
        f"table '{lake / name}' is not in the lake: '{link}' is a symbolic link; put the folder itself there"
    )
    assert [path for path in lake.rglob("*") if path.is_file()] == []
    assert outside.exists() != dangling
    if not dangling:
        assert list(outside.iterdir()) == []


def test_a_lake_that_is_a_symbolic_link_works(tmp_path: Path, stripe: StripeSimulator) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "lake").symlink_to(tmp_path / "real")
    land(tmp_path / "lake", stripe)
    assert_whole(tmp_path / "real", stripe, "charges")


@pytest.mark.skipif(os.name != "posix", reason="rights of folders")
def test_a_lake_is_made_for_its_owner_alone_and_one_that_is_there_is_left_as_it_is(
    tmp_path: Path, stripe: StripeSimulator
) -> None:
    previous = os.umask(0o022)
    try:
        land(tmp_path / "between" / "made", stripe)
        (tmp_path / "there").mkdir(mode=0o755)
        land(tmp_path / "there", stripe)
    finally:
        os.umask(previous)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("between", "between/made", "there")}
    assert modes == {"between": 0o755, "between/made": 0o700, "there": 0o755}


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_lake_on_a_disk_without_hard_links_is_not_even_made(
    tmp_path: Path, stripe: StripeSimulator, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(UsageError, match="on a disk without hard links"):
        land(tmp_path / "between" / "lake", stripe)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_is_tried_once_for_all_tables(
    tmp_path: Path, stripe: StripeSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []
    real = os.link

    def link(source: Path, target: Path) -> None:
        tried.append(source)
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    land(tmp_path / "lake", stripe, entities="charges,refunds")
    assert len(tried) == 1
    assert sorted(path.name for path in (tmp_path / "lake").iterdir()) == [
        "stripe_charges_raw",
        "stripe_ingestion_checkpoints",
        "stripe_refunds_raw",
    ]
