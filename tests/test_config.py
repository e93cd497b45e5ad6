"""Options as a user may write them, and the answers to values that cannot be used."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import Client, History, _core, check, ingest, main
from stripe_raw_rs.cli.arguments import parse
from stripe_raw_rs.config import COMMAND_LINE_ONLY, Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.keywords import with_environment
from stripe_raw_rs.options import COMMANDS, OPTIONS
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.tables import Table, TableOptions, Tables, open_tables
from stripe_raw_rs.written import Written
from tests.conftest import events

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "rk_test_CANARYcanary0123456789"  # noqa: S105 - made up, to be looked for


def read(*arguments: str, **environment: str) -> Config:
    return parse(arguments, environment.get)


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"STRIPE_RAW_LAKE": "env", "STRIPE_RAW_PAGE_SIZE": "9", "STRIPE_RAW_TAKE_OVER": "true"}
    assert read("run", **environment).required("lake") == "env"
    config = read("run", "--lake", "mine", **environment)
    assert config.required("lake") == "mine"
    assert config.keywords() == {"lake": "mine", "page_size": "9", "take_over": True}
    assert not read("run", "--take-over=no", **environment).flag("take_over")


@pytest.mark.parametrize(
    ("arguments", "variables", "keywords"),
    [
        (("--lake", "l"), {"CATALOG": "main", "SCHEMA": "raw"}, {"lake": "l"}),
        (("--schema", "mine"), {"LAKE": "l", "CATALOG": "main"}, {"catalog": "main", "schema": "mine"}),
        (("--api-key-file", "f"), {"STRIPE_SECRET_SCOPE": "s", "STRIPE_SECRET_KEY": "k"}, {"api_key_file": "f"}),
        (("--stripe-secret-key", "k"), {"API_KEY_FILE": "f", "STRIPE_SECRET_SCOPE": "s"}, {"stripe_secret_scope": "s"}),
        (("--restart-run",), {"FROM_SCRATCH": "yes"}, {"give_up": "restart"}),
        ((), {"FROM_SCRATCH": "yes", "LAKE": "l"}, {"give_up": "scratch", "lake": "l"}),
    ],
)
def test_a_named_option_wins_over_a_variable_that_says_the_same_in_another_way(
    arguments: tuple[str, ...], variables: dict[str, str], keywords: dict[str, Any]
) -> None:
    environment = {f"STRIPE_RAW_{name}": value for name, value in variables.items()}
    assert read("run", *arguments, **environment).keywords().items() >= keywords.items()
    given = {**read("run", *arguments).keywords()}
    assert with_environment("run", given, environment.get) == read("run", *arguments, **environment).keywords()


def test_the_library_reads_the_variables_that_the_command_line_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StripeSimulator(counts={"charges": 30, "refunds": 5}) as stripe:
        monkeypatch.setenv("STRIPE_API_KEY", SECRET)
        monkeypatch.setenv("STRIPE_RAW_API_BASE_URL", stripe.url)
        monkeypatch.setenv("STRIPE_RAW_ENTITIES", "charges,refunds")
        monkeypatch.setenv("STRIPE_RAW_PAGE_SIZE", "10")
        monkeypatch.setenv("STRIPE_RAW_LAKE", str(tmp_path / "lake"))
        assert [probe.entity for probe in check().entities] == ["charges", "refunds"]
        report = ingest(entities=["charges"])
        assert [(result.entity, result.pages > 2, result.rows) for result in report.entities] == [("charges", True, 30)]
        assert report.location == str(tmp_path / "lake")
        monkeypatch.setenv("STRIPE_RAW_PAGE_SIZE", "many")
        said = r"STRIPE_RAW_PAGE_SIZE \(page_size\) must be a whole number from 1 to 100 \(objects\), not 'many'"
        with pytest.raises(UsageError, match=said):
            ingest()
        assert ingest(page_size=5).exit_code == 0


def test_the_library_has_the_keywords_of_the_command_line() -> None:
    for call, command in ((ingest, "run"), (check, "check")):
        names = inspect.signature(call).parameters
        assert COMMANDS[command].options != ()
        assert set(COMMANDS[command].options) - set(names) <= set(COMMAND_LINE_ONLY)
    declared = {*TableOptions.__annotations__, *(option.name for option in _core.options())}
    assert declared <= set(inspect.signature(ingest).parameters)


@pytest.mark.parametrize(
    ("call", "keyword", "meant"),
    [
        (ingest, "page_sise", "page_size"),
        (ingest, "lakes", "lake"),
        (check, "entity", "entities"),
        (check, "lake", None),
    ],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_known_one(
    call: Callable[..., object], keyword: str, meant: str | None
) -> None:
    near = "" if meant is None else f", did you mean {meant}?"
    with pytest.raises(UsageError) as refused:
        call(api_key=SECRET, **{keyword: "x"})
    assert str(refused.value) == f"unknown option '{keyword}'{near}"


@pytest.mark.parametrize("call", [ingest, check])
@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("entities", 5, "entities must be a text or a list of texts, not 5"),
        ("entities", ["charges", None], "entities must be a text or a list of texts, not ['charges', None]"),
        ("entities", b"charges", "entities must be a text or a list of texts, not b'charges'"),
        ("stripe_account", 5, "stripe_account must be a text, not 5"),
        ("api_key", b"rk_test_x", "api_key must be a text or an ApiKey"),
        ("api_key_file", 3, "api_key_file must be a text or a pathlib.Path, not 3"),
        ("page_size", [], "page_size must be a number, not []"),
        ("page_size", 10**20, f"page_size must be a whole number from 1 to 100 (objects), not '{10**20}'"),
    ],
)
def test_a_keyword_of_another_type_is_refused_by_its_name(
    call: Callable[..., object], keyword: str, value: object, said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        call(**{"api_key": SECRET, keyword: value})
    assert str(refused.value) == said


@pytest.mark.parametrize("call", [ingest, check])
def test_all_mistakes_of_the_keywords_are_told_at_once(call: Callable[..., object]) -> None:
    with pytest.raises(UsageError) as refused:
        call(
            api_key=SECRET, page_size=0, max_retries="x", entities=["charge"], stripe_account=5, lakes=1, changes="yes"
        )
    said = ["lakes'", "stripe_account must", "max_retries must", "unknown entity", "changes must", "page_size must"]
    assert len(refused.value.mistakes) == len(said)
    for part in said:
        assert any(part in mistake for mistake in refused.value.mistakes), part


@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("lake", 5, "lake must be a text or a pathlib.Path, not 5"),
        ("start", 1.5, "start must be a text, a date, a datetime or whole seconds since 1970, not 1.5"),
        ("start", True, "start must be a text, a date, a datetime or whole seconds since 1970, not True"),
        ("take_over", 1.5, "take_over must be True or False, not 1.5"),
        ("give_up", "Restart", "give_up must be 'restart' or 'scratch', not 'Restart'"),
        ("give_up", "", "give_up must be 'restart' or 'scratch', not ''"),
        ("tables", "lake", "tables must be an object with the methods of Tables, not 'lake'"),
        ("display", 5, "display must be a Display, not 5"),
        ("restart_run", True, "unknown option 'restart_run', write give_up=\"restart\""),
        ("owner", "job\udcff", "owner must be UTF-8, and 'job\\udcff' is not"),
    ],
)
def test_a_keyword_of_a_run_of_another_type_is_refused_too(keyword: str, value: object, said: str) -> None:
    given: dict[str, Any] = {"api_key": SECRET, keyword: value}
    with pytest.raises(UsageError) as refused:
        ingest(**given)
    assert str(refused.value) == said


def test_a_text_for_a_value_of_another_type_is_read_as_on_the_command_line(tmp_path: Path) -> None:
    assert with_environment("run", {"take_over": "no", "page_size": "7", "start": None}, lambda _name: None) == {
        "take_over": False,
        "page_size": "7",
    }
    with pytest.raises(UsageError, match="take_over must be yes or no, not 'maybe'"):
        ingest(lake=tmp_path, api_key=SECRET, take_over="maybe")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "variable", "kinds"),
    [
        ("--from-scratch=no", "STRIPE_RAW_FROM_SCRATCH", ["RUN_STARTED", "PAGE_COMMITTED", "RUN_COMPLETED"]),
        (
            "--from-scratch",
            "STRIPE_RAW_OWNER",
            ["RUN_STARTED", "RUN_FAILED", "RUN_STARTED", "PAGE_COMMITTED", "RUN_COMPLETED"],
        ),
    ],
)
def test_a_variable_changes_nothing_that_the_command_line_says(
    argument: str, variable: str, kinds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = tmp_path / "lake"
    with StripeSimulator(counts={"charges": 30}) as stripe:
        ingest(lake=lake, api_key=SECRET, api_base_url=stripe.url, entities="charges").raise_for_status()
        monkeypatch.setenv("STRIPE_API_KEY", SECRET)
        monkeypatch.setenv(variable, "yes")
        main(["run", "--lake", str(lake), "--api-base-url", stripe.url, "--entities", "charges", argument])
    found = sorted((event["epoch"], event["event_id"], event["event_type"]) for event in events(lake))
    assert [kind for epoch, _, kind in found if epoch > 1][: len(kinds)] == kinds


def test_a_key_on_the_command_line_is_refused_in_its_words() -> None:
    with pytest.raises(UsageError, match=r"a file \(--api-key-file FILE\)"):
        main(["run", "--lake", SECRET])
    with pytest.raises(UsageError, match=r"a file \(api_key_file\)"):
        ingest(lake=SECRET)


class Shown:
    """Tables whose text looks like a secret, and that count as false."""

    def __init__(self, inner: Tables) -> None:
        self._inner = inner
        self.location = inner.location

    def table(self, name: str) -> Table:
        return self._inner.table(name)

    def __repr__(self) -> str:
        return f"Shown({SECRET})"

    def __len__(self) -> int:
        return 0


def test_tables_of_ones_own_are_used_whatever_their_text(tmp_path: Path) -> None:
    with StripeSimulator(counts={"charges": 3}) as stripe:
        tables = Shown(open_tables({"lake": tmp_path / "lake"}))
        ingest(tables=tables, api_key=SECRET, api_base_url=stripe.url, entities="charges").raise_for_status()
    assert len(events(tmp_path / "lake")) == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [(5.0, "5.0"), (1e308, "1e308"), (10**20, "100000000000000000000"), (10**5000, "a number")],
    ids=["whole", "long", "beyond 64 bits", "of 5,001 digits"],
)
def test_a_number_that_is_refused_is_shown_as_it_was_written(value: Any, shown: str) -> None:
    with pytest.raises(UsageError, match=rf"page_size must be a whole number from 1 to 100 \(objects\), not '{shown}"):
        Client(SECRET, page_size=value)
    with pytest.raises(UsageError, match="page_size must be"):
        ingest(lake="x", api_key=SECRET, page_size=value)


@pytest.mark.parametrize("written", ["1_0", "-5", "99999999999"])
def test_status_reads_an_option_as_a_run_does(written: str, tmp_path: Path) -> None:
    with StripeSimulator(counts={"charges": 3}) as stripe:
        ingest(lake=tmp_path, api_key=SECRET, api_base_url=stripe.url, entities="charges").raise_for_status()
    with pytest.raises(UsageError, match="--lookback-seconds must be a whole number from 0 to"):
        main(["status", "--lake", str(tmp_path), f"--lookback-seconds={written}"])


def test_the_stub_names_the_options_of_the_compiled_half() -> None:
    stub = ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text(encoding="utf-8"))
    (declared,) = [node for node in stub.body if isinstance(node, ast.ClassDef) and node.name == "_Options"]
    names = [
        node.target.id
        for node in declared.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    assert names == [option.name for option in _core.options()]


def test_every_compiled_option_is_an_option_of_run() -> None:
    for option in _core.options():
        assert option.name in COMMANDS["run"].options
        assert OPTIONS[option.name].default == option.default


KEYWORDS = {"give_up", *COMMANDS["run"].options}


@pytest.mark.parametrize("keyword", sorted(KEYWORDS - set(COMMAND_LINE_ONLY)))
def test_no_keyword_takes_a_secret_for_its_value(keyword: str, tmp_path: Path) -> None:
    place: dict[str, Any] = {"lake": tmp_path / "lake"}
    calls: list[Callable[..., object]] = [lambda **options: ingest(**{**place, **options})]
    calls += [check] if keyword in COMMANDS["check"].options else []
    for call in calls:
        with pytest.raises(UsageError, match=f"^{keyword} holds a Stripe secret") as refused:
            call(api_key=SECRET, **{keyword: f"x/{SECRET}"})
        assert "CANARY" not in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["owner", "store_id", "accounts"])
def test_a_run_by_hand_takes_no_secret_either(name: str) -> None:
    client = Client(SECRET, api_base_url="http://127.0.0.1:9")
    history = History("charges", SECRET if name == "accounts" else None)
    given: dict[str, Any] = {"store_id": "mine", "owner": "me", name: [SECRET] if name == "accounts" else SECRET}
    with pytest.raises(UsageError) as refused:
        client.attempt("charges", history, **given)
    assert "CANARY" not in str(refused.value)
    with pytest.raises(UsageError, match="tables"):
        client.attempt("charges", History("charges"), store_id="mine", owner="me", settings={"tables": f"x/{SECRET}"})
    with pytest.raises(UsageError, match="the name of a setting holds a Stripe secret"):
        client.attempt("charges", History("charges"), store_id="mine", owner="me", settings={SECRET: "x"})


def test_a_config_shows_no_secret() -> None:
    assert SECRET not in repr(Config("run", {"lake": Written(SECRET), "owner": Written(SECRET)}))


def test_tables_must_be_in_a_lake_or_in_a_catalog() -> None:
    for arguments, message in [
        ((), "it must be said where the tables are: lake .* catalog and schema"),
        (("--catalog", "main"), "catalog and schema belong together"),
        (("--schema", "raw"), "catalog and schema belong together"),
        (("--lake", "l", "--catalog", "main", "--schema", "raw"), "a lake and a catalog exclude each other"),
        (("--catalog", "main", "--schema", "raw"), "a catalog is written by Spark, and pyspark is not installed here"),
    ]:
        with pytest.raises(UsageError, match=message):
            open_tables(read("run", *arguments).table_options())
