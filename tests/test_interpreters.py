"""Interpreters that the extension does not work in say so in one line, and nothing crashes."""

from __future__ import annotations

import subprocess
import sys

import pytest

_EACH = {
    # The name of the module has lost its underscores since Python 3.13, and its answers have changed.
    "before 3.13": """
import _xxsubinterpreters as interpreters
try:
    interpreters.run_string(interpreters.create({isolated}), "import stripe_raw_rs")
except interpreters.RunFailedError as error:
    print(error)
""",
    "3.13 and later": """
import _interpreters as interpreters
print(interpreters.exec(interpreters.create({kind!r}), "import stripe_raw_rs").formatted)
""",
}


@pytest.mark.parametrize("before", ["", "import stripe_raw_rs"], ids=["alone", "after the main one"])
@pytest.mark.parametrize("kind", ["legacy", "isolated"])
def test_a_sub_interpreter_is_refused_in_one_line(before: str, kind: str) -> None:
    program = _EACH["3.13 and later" if sys.version_info >= (3, 13) else "before 3.13"]
    done = subprocess.run(
        [sys.executable, "-c", before + program.format(kind=kind, isolated=f"isolated={kind == 'isolated'}")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = done.stdout.splitlines()
    assert line.endswith(
        (
            "stripe_raw_rs works in the main interpreter only, and this is a sub-interpreter",
            # CPython's own words for interpreters with a lock of their own, since 3.12.
            "module stripe_raw_rs._core does not support loading in subinterpreters",
        )
    )


def test_the_main_interpreter_works_whatever_a_sub_interpreter_has_tried() -> None:
    program = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    interpreters.exec(interpreters.create("legacy"), "import stripe_raw_rs")
else:
    import _xxsubinterpreters as interpreters
    try:
        interpreters.run_string(interpreters.create(isolated=False), "import stripe_raw_rs")
    except interpreters.RunFailedError:
        pass
import stripe_raw_rs
print(len(stripe_raw_rs.entities()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) > 0
