"""HTML for notebooks: tables, lines and a chart, in the colours of the page that they stand in."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_LIGHT = "--bad:#b3261e;--good:#1a7f37;--muted:#636c76;--line:#d0d7de;--chart:#0969da"
_DARK = "--bad:#ff7b72;--good:#56d364;--muted:#9198a1;--line:#3d444d;--chart:#58a6ff"
# A notebook's own theme goes before what the system prefers: JupyterLab's, then that of Visual Studio Code.
# JupyterLab puts all cells to the right, by a rule with two classes and one element: ours need more of them.
_STYLE = f"""<style>
.stripe-raw{{{_LIGHT};color:inherit;font-size:13px;line-height:1.45;overflow-x:auto}}
@media (prefers-color-scheme:dark){{.stripe-raw{{{_DARK}}}}}
[data-jp-theme-light=true] .stripe-raw,.vscode-light .stripe-raw{{{_LIGHT}}}
[data-jp-theme-light=false] .stripe-raw,.vscode-dark .stripe-raw{{{_DARK}}}
.stripe-raw p{{margin:.35em 0}}
.stripe-raw .title{{font-weight:600;font-size:14px}}
.stripe-raw .muted{{color:var(--muted);font-weight:400}}
.stripe-raw .bad{{color:var(--bad)}}
.stripe-raw .good{{color:var(--good)}}
.stripe-raw table{{border-collapse:collapse;font-size:inherit;margin:.5em 0;font-variant-numeric:tabular-nums}}
.stripe-raw th,.stripe-raw td{{padding:2px 8px;white-space:nowrap;background:none;color:inherit}}
.stripe-raw th{{font-weight:600;font-size:12px;color:var(--muted);border-bottom:1px solid var(--line)}}
.stripe-raw tfoot td{{font-weight:600;border-top:1px solid var(--line)}}
.stripe-raw table tr>:not(.number){{text-align:left}}
.stripe-raw table tr>.number{{text-align:right}}
.stripe-raw tr.bad td{{color:var(--bad)}}
.stripe-raw svg{{display:block;margin:.5em 0;max-width:100%}}
.stripe-raw svg text{{fill:var(--muted);font-size:11px}}
</style>"""
_WIDTH, _HEIGHT, _TOP, _LEFT = 520, 96, 14, 4


def block(*parts: str) -> str:
    """Put parts together; their style concerns nothing else on the page."""
    return f'{_STYLE}<div class="stripe-raw">{"".join(parts)}</div>'


def title(text: str, note: str = "") -> str:
    """Name the answer; a note beside it says where it is from."""
    return f'<p class="title">{escape(text)} <span class="muted">{escape(note)}</span></p>'


def line(text: str, kind: str = "") -> str:
    """Write a line; its kind is "bad", "good", "muted" or none."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def lines(texts: Iterable[str], kind: str = "") -> str:
    """Write several lines."""
    return "".join(line(text, kind) for text in texts)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[str] = (),
    bad: Collection[int] = (),
    total: Sequence[str] = (),
) -> str:
    """Draw a table: the columns that `numbers` names to the right, the rows that `bad` counts marked, a last row."""
    kinds = [' class="number"' if heading in numbers else "" for heading in headings]

    def row(tag: str, cells: Sequence[str]) -> str:
        return "".join(f"<{tag}{kind}>{escape(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))

    body = "".join(
        f'<tr class="bad">{row("td", cells)}</tr>' if number in bad else f"<tr>{row('td', cells)}</tr>"
        for number, cells in enumerate(rows)
    )
    foot = f"<tfoot><tr>{row('td', total)}</tr></tfoot>" if total else ""
    return f"<table><thead><tr>{row('th', headings)}</tr></thead><tbody>{body}</tbody>{foot}</table>"


def chart(points: Sequence[tuple[float, float]], *, name: str, limit: float | None = None) -> str:
    """Draw a line over seconds as SVG, with its limit as a dashed one. Nothing for fewer than two points."""
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return ""
    last, most = points[-1][0], max(*(value for _, value in points), 1e-9)
    # A limit far above the line would flatten it: it is then only named.
    is_near = limit is not None and limit <= 4 * most
    top = 1.1 * max(most, limit if limit is not None and is_near else 0)

    def at(seconds: float, value: float) -> str:
        x = _LEFT + (_WIDTH - 2 * _LEFT) * seconds / last
        return f"{x:.1f},{_HEIGHT - (_HEIGHT - _TOP) * value / top:.1f}"

    path = " ".join(at(*point) for point in points)
    area = f"{at(points[0][0], 0)} {path} {at(last, 0)}"
    said = f"{name}: at most {most:,.0f}" + ("" if limit is None else f", the limit is {limit:,.0f}")
    dashed = ""
    if limit is not None and is_near:
        (x1, y1), (x2, y2) = (at(seconds, limit).split(",") for seconds in (0, last))
        dashed = (
            f'<line class="limit" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="var(--bad)" stroke-dasharray="4 3"/>'
        )
    return (
        f'<svg role="img" aria-label="{escape(said)}" width="{_WIDTH}" height="{_HEIGHT + 18}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT + 18}"><text x="{_LEFT}" y="10">{escape(said)}</text>'
        f'<polygon points="{area}" fill="var(--chart)" fill-opacity="0.15"/>'
        f'<polyline points="{path}" fill="none" stroke="var(--chart)" stroke-width="1.5"/>{dashed}'
        f'<line x1="{_LEFT}" y1="{_HEIGHT}" x2="{_WIDTH - _LEFT}" y2="{_HEIGHT}" stroke="var(--line)"/>'
        f'<text x="{_LEFT}" y="{_HEIGHT + 13}">0 s</text>'
        f'<text x="{_WIDTH - _LEFT}" y="{_HEIGHT + 13}" text-anchor="end">{last:,.0f} s</text></svg>'
    )
