"""Options as a user may write them, and the answers to values that cannot be used."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import Client, History, _core, check, ingest, main
from stripe_raw_rs.cli.arguments import parse
from stripe_raw_rs.config import Config
from stripe_raw_rs.exceptions import UsageError
from stripe_raw_rs.keywords import with_environment
from stripe_raw_rs.options import COMMANDS, OPTIONS
from stripe_raw_rs.simulator import StripeSimulator
from stripe_raw_rs.start import start_seconds
from stripe_raw_rs.tables import Table, TableOptions, Tables, open_tables
from tests.conftest import events

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "rk_test_CANARYcanary0123456789"  # noqa: S105 - made up, to be looked for


def read(*arguments: str, **environment: str) -> Config:
    return parse(arguments, environment.get)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--lake", "l", "--page-size", "7"),
        ("run", "--lake=l", "--page-size=7"),
        ("run", "--lake=l", "--page_size=7"),
        ("--page_size", "7", "--lake", "l"),
        ("--lake=l", "--page-size=7"),
    ],
)
def test_one_option_may_be_written_in_many_ways(arguments: tuple[str, ...]) -> None:
    config = read(*arguments)
    assert (config.command, config.required("lake")) == ("run", "l")
    assert config.keywords() == {"lake": "l", "page_size": "7"}


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
        with pytest.raises(UsageError, match=r"page_size must be a whole number from 1 to 100 \(objects\), not 'many'"):
            ingest()
        assert ingest(page_size=5).exit_code == 0


def test_the_library_has_the_keywords_of_the_command_line() -> None:
    for call, command in ((ingest, "run"), (check, "check")):
        names = inspect.signature(call).parameters
        assert COMMANDS[command].options != ()
        assert set(COMMANDS[command].options) - set(names) <= {"restart_run", "from_scratch", "log_format", "verbose"}
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


def test_a_command_line_without_words_means_the_main_job() -> None:
    assert read(STRIPE_RAW_LAKE="l").command == "run"


def test_an_empty_job_parameter_counts_as_missing() -> None:
    config = read("--lake", "l", "--start=", "--entities", "")
    assert config.keywords() == {"lake": "l"}
    config = read("--lake=l", "--checkpoint-table=", STRIPE_RAW_CHECKPOINT_TABLE="mine")
    assert config.keywords() == {"lake": "l", "checkpoint_table": "mine"}


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
    with pytest.raises(UsageError, match="lookback_seconds must be a whole number from 0 to"):
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


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_shows_defaults_and_units(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read(command, "--help")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in COMMANDS[command].options:
        assert OPTIONS[name].flag in text
        assert " ".join(OPTIONS[name].help.split()) in text
    if command == "run":
        assert "(seconds) [default: 3600]" in text


def test_the_command_prints_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read("--version")
    assert capsys.readouterr().out == f"stripe-raw {_core.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rum",), "unknown command 'rum', did you mean run?; see stripe-raw --help"),
        (("run", "--pagesize", "1"), "unknown option '--pagesize' of run, did you mean --page-size?"),
        (("run", "--page", "1"), "unknown option '--page' of run, did you mean --page-size?"),
        (("run", "--restart"), "unknown option '--restart' of run, did you mean --restart-run?"),
        (("run", "--json"), "unknown option '--json' of run; see"),
        (("run", "--owner", "job\udcff"), "owner must be UTF-8, and 'job\\udcff' is not"),
        (("run", "--entities", "\udcff"), "entities must be UTF-8, and '\\udcff' is not"),
        (("run", "extra"), "unexpected argument 'extra'; options begin with --"),
        (("run", "--lake"), "argument --lake: expected one argument; see stripe-raw run --help"),
        (("run", f"--api-key={SECRET}"), "the key is not given as an option"),
        (("run", "--api-key", SECRET), "the key is not given as an option"),
        (("run", "--api_key", SECRET), "the key is not given as an option"),
        (("run", SECRET), "unexpected argument 'rk_***'"),
        (("run", f"--secret={SECRET}"), "unknown option '--secret' of run"),
        ((SECRET,), "unknown command 'rk_***'"),
    ],
)
def test_an_argument_that_is_not_an_option_is_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(*arguments)
    line = str(refused.value)
    assert line.startswith(message)
    assert SECRET not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--page-size", "x"), "page_size must be a whole number from 1 to 100 (objects), not 'x'"),
        (("--page-size", "1.5"), "page_size must be a whole number from 1 to 100 (objects), not '1.5'"),
        (("--backoff-jitter", "x"), "backoff_jitter must be a number from 0 to 1 (share), not 'x'"),
        (("--start", "tomorrow"), "start 'tomorrow' must be a date or date-time in UTC, such as"),
        (("--start", "2999-01-01"), "start '2999-01-01' is in the future"),
        (("--start", "1969-12-31"), "start '1969-12-31' is before 1970"),
        (("--restart-run", "--from-scratch"), "--restart-run and --from-scratch exclude each other"),
        (("--take-over=maybe",), "take_over must be yes or no, not 'maybe'"),
        (("--log-format", "xml"), "log_format must be text or json, not 'xml'"),
        (("--liquid-clustering", "on"), "liquid_clustering must be auto, yes or no, not 'on'"),
    ],
)
def test_an_impossible_value_is_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_API_KEY", SECRET)
    with pytest.raises(UsageError) as refused:
        main(["run", "--lake", str(tmp_path / "lake"), *arguments])
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("2024-01-01", 1_704_067_200),
        ("2024-01-01T00:00:01", 1_704_067_201),
        ("2024-01-01 00:00:01", 1_704_067_201),
        ("2024-01-01T00:00:01Z", 1_704_067_201),
        ("2024-01-01T02:00:00+02:00", 1_704_067_200),
        (1_704_067_200, 1_704_067_200),
    ],
)
def test_a_start_is_read_as_utc(written: str | int, seconds: int) -> None:
    assert start_seconds(written) == seconds


@pytest.mark.parametrize("option", OPTIONS)
def test_no_option_takes_a_secret_for_its_value(option: str) -> None:
    command = next(name for name, row in COMMANDS.items() if option in row.options)
    value = f"x/{SECRET}"
    row = OPTIONS[option]
    for arguments, environment in [
        ((row.flag, value), {}),
        ((f"{row.flag}={value}",), {}),
        ((), {row.variable: value}),
    ]:
        with pytest.raises(UsageError, match=f"^{option} holds a Stripe secret") as refused:
            read(command, *arguments, **environment)
        assert "CANARY" not in str(refused.value)
        assert refused.value.exit_code == 2


KEYWORDS = {"give_up", *COMMANDS["run"].options}


@pytest.mark.parametrize("keyword", sorted(KEYWORDS - {"restart_run", "from_scratch", "log_format", "verbose"}))
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


def test_names_that_begin_like_an_old_key_are_accepted(tmp_path: Path) -> None:
    for name in ("sk_lake", "rk_warehouse_of_many_letters", "desk_4"):
        assert read("run", "--lake", str(tmp_path / name), "--owner", name).required("owner") == name
        assert read("run", STRIPE_RAW_LAKE=name).required("lake") == name


def test_a_config_shows_no_secret() -> None:
    assert SECRET not in repr(Config("run", {"lake": SECRET, "owner": SECRET}))


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
