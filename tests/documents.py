"""The documents: README.md and those in resources/docs, their blocks of code, and the folder in which a reader is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "resources" / "docs"
DOCUMENTS = (README, *sorted(DOCS.glob("*.md")))

# Each kind of block, and the test that runs it, or the reason why none does.
KINDS = {
    "sh": "tests/test_readme.py runs each command",
    "python": "tests/test_docs_programs.py runs each program",
    "python spark4": "tests/spark/test_spark_docs.py runs each program on Spark 4",
    "python spark42": "tests/spark/test_spark_docs.py runs each program on Spark 4.2",
    "py": "needs a workspace's secrets; tests/test_docs_programs.py checks that the keywords exist",
    "sql": "tests/test_docs_sql.py, test_docs_audit.py and, on Spark, databricks/test_readme_sql.py run each one",
    "sql duckdb": "tests/test_docs_audit.py runs each statement",
    "sql spark4": "tests/databricks/test_readme_sql.py runs each statement on Spark 4",
    "yaml": "tests/test_docs_databricks.py puts it into the bundle",
    "toml": "tests/test_docs_reference.py reads it as the settings file",
    "text mistakes": "tests/test_docs_reference.py compares it with the mistakes of a call",
    "cron": "tests/test_docs_laptop.py reads each command as the command line would",
    "ini": "tests/test_docs_laptop.py has systemd verify the units",
    "dockerfile": "tests/test_docs_laptop.py reads its commands; no test builds an image",
    "console": "needs root, a container engine or a workspace; tests/test_docs_laptop.py checks names and words",
    "text": "shows an output of a former run",
    "text verify": "tests/test_docs_audit.py compares it with the output of a run",
}


@dataclass(frozen=True)
class Block:
    """One block of code."""

    document: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        """Name it in the ids of tests."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(*kinds: str, of: Path | None = None) -> list[Block]:
    """All blocks of these kinds, in the order in which a reader meets them."""
    return [block for document in DOCUMENTS if of in (None, document) for block in _of(document) if block.kind in kinds]


def all_blocks() -> list[Block]:
    return [block for document in DOCUMENTS for block in _of(document)]


def _of(document: Path) -> Iterator[Block]:
    text = document.read_text(encoding="utf-8")
    for found in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
        yield Block(document, text[: found.start()].count("\n") + 1, found[1], found[2])


def prose(document: Path) -> str:
    """The text without its blocks of code."""
    text = document.read_text(encoding="utf-8")
    return re.sub(r"^```[^\n]*\n.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def section(document: Path, anchor: str) -> list[str]:
    """The lines of a section, from its heading to the next one of its rank or a higher one."""
    lines: list[str] = []
    rank = 0
    is_code = False
    for line in document.read_text(encoding="utf-8").splitlines():
        is_code ^= line.startswith("```")
        marks = re.match(r"(#+) (.*)", line)
        if marks and not is_code:
            if rank and len(marks[1]) <= rank:
                break
            if anchor_of(marks[2]) == anchor:
                rank = len(marks[1])
        if rank:
            lines.append(line)
    assert lines, f"{document} has no section {anchor}"
    return lines


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")


def run(command: list[str], folder: Path, url: str, key: str = "rk_test_any") -> str:
    """Run a command in a reader's folder, with the simulator in Stripe's place; what it printed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "STRIPE_API_KEY": key, "STRIPE_RAW_API_BASE_URL": url}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
