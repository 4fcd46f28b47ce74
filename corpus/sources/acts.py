"""A legal act as a tree, whichever format it came in: EUR-Lex HTML and Formex both end here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ProvisionKind = Literal["preamble", "recital", "article", "annex", "final"]


@dataclass(frozen=True, slots=True)
class Point:
    """A labelled piece of text; `label` as printed: `1.`, `(a)`, `a)`, `3.1.`.

    `paragraph` tells a numbered paragraph of an article from a point of a list.
    """

    label: str
    blocks: tuple[Block, ...]
    paragraph: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of an annex, as printed: `Section A. ...`, or `4. ...`."""

    title: str
    blocks: tuple[Block, ...]


Block = str | Point | Section
"""A str is one paragraph of text, on one line."""


@dataclass(frozen=True, slots=True)
class Division:
    """A chapter or section heading among the articles, or the heading above the recitals."""

    level: int
    title: str


@dataclass(frozen=True, slots=True)
class Provision:
    """A citable unit: `number` is language-free (`53`, `XI`), `name` is as printed (`Article 53`)."""

    kind: ProvisionKind
    number: str
    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Act:
    """An act in one language. `eli_type` is the ELI's (`reg`, `dir`, `dec` ...), `published` a date or year."""

    language: str
    title: str
    eli_type: str
    year: str
    number: str
    published: str
    publisher: str
    parts: tuple[Division | Provision, ...]


def folded(blocks: tuple[Block, ...]) -> Iterator[str]:
    """The blocks as plain lines, labels before their text: what is not an entry of its own is kept so."""
    for block in blocks:
        match block:
            case str():
                yield block
            case Point():
                lines = list(folded(block.blocks))
                yield " ".join([block.label, *lines[:1]])
                yield from lines[1:]
            case Section():
                yield block.title
                yield from folded(block.blocks)
