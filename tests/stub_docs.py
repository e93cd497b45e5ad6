"""The stub's docstrings, from those of the compiled extension; `just readme` writes them, and a test checks them."""

from __future__ import annotations

import ast
import inspect
import types
from typing import TYPE_CHECKING

from stripe_raw_rs import _core
from tests.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

STUB = ROOT / "python" / "stripe_raw_rs" / "_core.pyi"


def docstrings() -> dict[str, str | None]:
    """The docstring of each public thing of the extension that has one of its own, by its name; the module's is ""."""
    found: dict[str, str | None] = {"": _core.__doc__}
    for name in _core.__all__:
        thing = getattr(_core, name)
        if callable(thing):
            found[name] = thing.__doc__
        if inspect.isclass(thing):
            members = (each for each, value in vars(thing).items() if hasattr(value, "__get__"))
            found |= {f"{name}.{each}": getattr(thing, each).__doc__ for each in members if not _is_slot(thing, each)}
    return found


def _is_slot(owner: type, name: str) -> bool:
    """CPython has a fixed text for the method of a slot (`__len__`, `__next__`, `__new__`), whatever the code says.

    The docstring of the class says what there is to say about it.
    """
    return isinstance(vars(owner)[name], types.WrapperDescriptorType | types.BuiltinMethodType)


def nodes(stub: str) -> Iterator[tuple[str, Documented]]:
    """The module, its classes and functions, and the methods and properties of its classes, by their names."""
    module = ast.parse(stub)
    yield "", module
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, node
        if isinstance(node, ast.ClassDef):
            members = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from ((f"{node.name}.{each.name}", each) for each in members)


def with_docstrings(stub: str) -> str:
    """Put the docstrings into the stub; its signatures stay as they are."""
    known = docstrings()
    lines = stub.splitlines()
    # From the bottom up: so the numbers of the lines above stay right.
    for name, node in reversed([*nodes(stub)]):
        if text := known.get(name):
            begin, end, head = _place(node, lines)
            written = _written(text, " " * 4 * (bool(name) + name.count(".")))
            gap = [""] if any(lines[end : end + 1]) else []
            lines[begin:end] = [*head, *written, *gap]
    return "\n".join(lines) + "\n"


def _place(node: Documented, lines: list[str]) -> tuple[int, int, list[str]]:
    """The lines that the docstring takes, from one to below another, and what stays of them: the end of a signature."""
    first = node.body[0]
    if isinstance(node, ast.ClassDef) and not isinstance(first, ast.Expr):
        return node.lineno, node.lineno, []
    # A docstring, or the dots in place of one, behind the signature.
    begin = first.lineno - 1
    signature = lines[begin][: first.col_offset].rstrip()
    return begin, first.end_lineno or first.lineno, [signature] if signature else []


def _written(text: str, indent: str) -> list[str]:
    """The lines of a docstring, as the formatter wants them."""
    first, *rest = text.split("\n")
    if not rest:
        return [f'{indent}"""{first}"""']
    return [f'{indent}"""{first}', *(indent + line if line else "" for line in rest), f'{indent}"""']
