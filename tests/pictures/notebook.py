"""A cell of a notebook: a kernel runs it, and Chromium draws it with its outputs, light or dark."""

from __future__ import annotations

import html
import os
import re
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_MISSING = "Chromium is missing, which draws the notebook: apt-get install chromium"
_WIDTH = 960
# A screen with more pixels shows it sharp.
_SCALE = 1.25
_COLORS = {"light": ("#fff", "#212121", "#f5f5f5", "#bdbdbd"), "dark": ("#111", "#e0e0e0", "#212121", "#616161")}
# The rules that JupyterLab has for tables in outputs, which ours have to outdo, and a cell that looks like its cells.
_PAGE = """<!doctype html><meta charset="utf-8"><style>
body{{margin:0;padding:14px 18px;background:{back};color:{ink};font:14px system-ui,sans-serif;display:flow-root}}
pre{{margin:0;padding:6px 10px;background:{cell};border:1px solid {edge};font:13px/1.4 monospace}}
.row{{display:grid;grid-template-columns:64px 1fr;margin-bottom:10px}}
.prompt{{font:13px/1.4 monospace;color:{edge};padding:7px 8px 0 0;text-align:right}}
.jp-RenderedHTMLCommon td,.jp-RenderedHTMLCommon th,.jp-RenderedHTMLCommon tr{{vertical-align:middle;padding:.5em;
line-height:normal;white-space:normal;border:none}}
:not(.x).jp-RenderedHTMLCommon td,:not(.x).jp-RenderedHTMLCommon th{{text-align:right}}
.jp-RenderedHTMLCommon tbody tr:nth-child(even){{background:{cell}}}
.jp-RenderedHTMLCommon p{{margin:0 0 1em}}
</style><body data-jp-theme-light="{is_light}">
<div class="row"><div class="prompt">[1]:</div><pre>{code}</pre></div>{outputs}
<script>document.title = Math.ceil(document.body.getBoundingClientRect().height)</script>"""
_OUTPUT = '<div class="row"><div class="prompt">{prompt}</div><div class="jp-RenderedHTMLCommon">{shown}</div></div>'
_SIGNATURE, _CHUNK, _KEYWORD = b"\x89PNG\r\n\x1a\n", b"iTXt", b"Screen"


def run_cell(code: str, folder: Path, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Run a cell in a kernel of its own: its outputs, each with its prompt and its HTML."""
    import nbclient  # noqa: PLC0415 - only who runs a cell needs it
    import nbformat  # noqa: PLC0415

    new: Any = nbformat.v4
    sheet = new.new_notebook(cells=[new.new_code_cell(code)])
    place = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(sheet, timeout=120, kernel_name="python3", resources=place).execute(env={**environment})
    outputs: list[Any] = sheet.cells[0].outputs
    return [("[1]:" if out.output_type == "execute_result" else "", out.data["text/html"]) for out in outputs]


def text_of_html(shown: str) -> list[str]:
    """What a reader sees of HTML, a line for each text."""
    bare = re.sub(r"<style>.*?</style>", "", shown, flags=re.DOTALL)
    return [html.unescape(line) for line in re.sub(r"<[^>]*>", "\n", bare).split("\n") if line.strip()]


def draw(code: str, outputs: list[tuple[str, str]], theme: str, lines: list[str]) -> bytes:
    """The cell and its outputs as a picture, which keeps its lines, so that a test can compare them."""
    return _with_text(_png(_page(code, outputs, theme)), lines)


def chromium() -> str:
    """The program that draws; without one this ends the process, and says what to install."""
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        raise SystemExit(_MISSING)
    return program


def _page(code: str, outputs: list[tuple[str, str]], theme: str) -> str:
    back, ink, cell, edge = _COLORS[theme]
    return _PAGE.format(
        back=back,
        ink=ink,
        cell=cell,
        edge=edge,
        is_light="true" if theme == "light" else "false",
        code=html.escape(code),
        outputs="".join(_OUTPUT.format(prompt=prompt, shown=shown) for prompt, shown in outputs),
    )


def _png(text: str) -> bytes:
    """Draw a page, as high as it is."""
    # Chromium keeps its sandbox from the superuser; the page is our own.
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    options = ["--headless", "--disable-gpu", "--hide-scrollbars", f"--force-device-scale-factor={_SCALE}", *as_root]
    with tempfile.TemporaryDirectory() as folder:
        place, picture = Path(folder, "page.html"), Path(folder, "page.png")
        place.write_text(text, encoding="utf-8")

        def show(height: int, *what: str) -> str:
            command = [chromium(), *options, f"--window-size={_WIDTH},{height}", *what, place.as_uri()]
            return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

        (height,) = re.findall(r"<title>(\d+)</title>", show(800, "--dump-dom"))
        show(int(height), f"--screenshot={picture}")
        return picture.read_bytes()


def _with_text(picture: bytes, lines: list[str]) -> bytes:
    words = zlib.compress("\n".join(lines).encode(), 9)
    content = _CHUNK + _KEYWORD + b"\0\1\0\0\0" + words
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    # Behind the first chunk, which every picture has: its header of 13 bytes.
    end = len(_SIGNATURE) + 4 + 4 + 13 + 4
    return picture[:end] + chunk + picture[end:]


def text_of(picture: Path) -> list[str]:
    """The lines that a picture shows."""
    content = picture.read_bytes()
    start = content.index(_CHUNK + _KEYWORD)
    (length,) = struct.unpack(">I", content[start - 4 : start])
    words = content[start + 4 : start + 4 + length].removeprefix(_KEYWORD + b"\0\1\0\0\0")
    return zlib.decompress(words).decode().split("\n")
