"""Whoever asks Python for help gets an answer: each public thing says what it is, at runtime and in the stub."""

from __future__ import annotations

import ast
import inspect
import pydoc
import types
from typing import TYPE_CHECKING

import pytest

import stripe_raw_rs
from stripe_raw_rs import _core
from tests.stub_docs import STUB, docstrings, nodes, with_docstrings

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_each_public_thing_of_the_extension_has_a_docstring() -> None:
    assert not [name for name, text in docstrings().items() if not text]


def test_each_public_thing_of_the_package_has_a_docstring() -> None:
    assert not [name for name, text in _of_the_package() if not text]


def _of_the_package() -> Iterator[tuple[str, str | None]]:
    """The docstrings of all that is public, and of the public members that a class has from this package."""
    yield "", stripe_raw_rs.__doc__
    for name in stripe_raw_rs.__all__:
        thing = getattr(stripe_raw_rs, name)
        if callable(thing):
            yield name, thing.__doc__ if not inspect.isclass(thing) else vars(thing)["__doc__"]
        for owner in inspect.getmro(thing) if inspect.isclass(thing) else ():
            if owner.__module__.startswith("stripe_raw_rs"):
                yield from ((f"{owner.__name__}.{each}", text) for each, text in _members(owner))


def _members(owner: type) -> Iterator[tuple[str, str | None]]:
    for name, value in vars(owner).items():
        is_described = isinstance(value, types.FunctionType) or inspect.isdatadescriptor(value)
        if not name.startswith("_") and (is_described or isinstance(value, classmethod | staticmethod)):
            yield name, getattr(owner, name).__doc__


def test_the_stub_has_the_docstrings_of_the_extension() -> None:
    of_the_stub = {name: ast.get_docstring(node, clean=True) for name, node in nodes(STUB.read_text(encoding="utf-8"))}
    assert {name: text for name, text in of_the_stub.items() if text} == docstrings()


def test_the_stub_is_as_the_recipe_would_write_it() -> None:
    text = STUB.read_text(encoding="utf-8")
    assert with_docstrings(text) == text, "run `just readme`"


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (stripe_raw_rs.Entity, ("One Stripe list of the registry", "Name of the raw table, e.g.")),
        (stripe_raw_rs.Client, ("Client(api_key, **options)", "attempt(", "Raises UsageError for a key")),
        (stripe_raw_rs.Checkpoint, ("Number of PAGE_COMMITTED events in it.", "Methods inherited from Commit")),
        (_core.StripeSimulator, ("StripeSimulator(*, port=0, seed=1", "port: 0 is any free one.", "revoke(")),
        (stripe_raw_rs.raw_schema, ("raw_schema()", "The columns of a raw table.")),
    ],
    ids=lambda thing: getattr(thing, "__name__", ""),
)
def test_help_says_how_a_thing_is_called_and_what_it_is(thing: object, said: tuple[str, ...]) -> None:
    shown = pydoc.plain(pydoc.render_doc(thing))
    assert not [text for text in said if text not in shown], shown
