"""`help` and completion know every keyword, with its unit and its default."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stripe_raw_rs import check, ingest, latest, read, register_stripe, status, verify
from stripe_raw_rs.keywords import keyword_names
from stripe_raw_rs.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "run": ingest,
    "check": check,
    "status": status,
    "verify": verify,
    "latest": latest,
    "read": read,
    "register_stripe": register_stripe,
}


@pytest.mark.parametrize("command", FUNCTIONS)
def test_help_has_a_line_for_each_keyword_with_its_default(command: str) -> None:
    function = FUNCTIONS[command]
    said = (function.__doc__ or "").split("Keywords:\n")[1]
    lines = {line.split(":")[0]: " ".join(line.split()) for line in re.split(r"\n    (?=\w)", said[4:])}
    names = [name for name, one in inspect.signature(function).parameters.items() if one.kind == one.KEYWORD_ONLY]
    assert [*lines] == names == keyword_names(command)
    for name, line in lines.items():
        row = OPTIONS.get(name)
        assert row is None or not row.default or line.endswith(f"default: {row.default}")
        assert len(line) > len(name) + 10


def test_help_says_the_units() -> None:
    said = " ".join((ingest.__doc__ or "").split())
    assert "(seconds); default: 3600" in said
    assert "page_size: objects per request, 1 to 100 (objects); default: 100" in said


def test_docstrings_may_be_left_out() -> None:
    program = "from stripe_raw_rs import ingest; import inspect; print('lake' in inspect.signature(ingest).parameters)"
    done = subprocess.run([sys.executable, "-OO", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_ipython_completes_the_keywords() -> None:
    shells = pytest.importorskip("IPython.core.interactiveshell", reason="IPython is not installed here")
    shell = shells.InteractiveShell()
    shell.run_cell("import stripe_raw_rs")
    provisional = pytest.importorskip("IPython.core.completer").provisionalcompleter

    def completed(begun: str) -> list[str]:
        with provisional():
            return [found.text.lstrip(".") for found in shell.Completer.completions(begun, len(begun))]

    for uses_jedi in (True, False):
        shell.Completer.use_jedi = uses_jedi
        for begun, keyword in (("la", "lake="), ("cat", "catalog="), ("page", "page_size=")):
            assert keyword in completed(f"stripe_raw_rs.ingest({begun}")
        assert {"ingest", "status", "latest"} < {*completed("stripe_raw_rs.")}
        assert "pipeline" not in completed("stripe_raw_rs.")
