"""Take the folder of this checkout out of the lists of parts in the wheels in `dist`.

maturin names the project there by the folder in which it was built, and has no option for another name.
"""
# ruff: noqa: INP001 - a program, in no package

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Write each wheel again; its other files stay the same."""
    for wheel in sorted(ROOT.glob("dist/*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            entries = [(entry, archive.read(entry)) for entry in archive.infolist()]
        changed = {
            entry.filename: content.replace(ROOT.as_uri().encode(), b"file:///stripe-raw-rs")
            for entry, content in entries
            if ".dist-info/sboms/" in entry.filename
        }
        written = wheel.with_suffix(".written")
        with zipfile.ZipFile(written, "w") as archive:
            for entry, content in entries:
                text = recorded(content, changed) if entry.filename.endswith(".dist-info/RECORD") else content
                archive.writestr(entry, changed.get(entry.filename, text))
        written.replace(wheel)


def recorded(record: bytes, changed: dict[str, bytes]) -> bytes:
    """Put hash and length of changed files into the wheel's own list of files."""
    lines = {line.partition(",")[0]: line for line in record.decode().splitlines(keepends=True)}
    lines |= {name: line_of(name, content) for name, content in changed.items()}
    return "".join(lines.values()).encode()


def line_of(name: str, content: bytes) -> str:
    """One line of that list."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


if __name__ == "__main__":
    main()
