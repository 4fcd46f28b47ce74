"""The paragraphs, points and quotations inside an article, recital or annex of EUR-Lex HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from corpus.sources.acts import Block, Point, folded
from corpus.sources.html import classes
from corpus.sources.labels import DASHES, is_quoted
from corpus.sources.text import collapse

_PARAGRAPH_ID = re.compile(r"\d{3}[a-z]*\.0*(\d+[a-z]*)")
_NUMBER = re.compile(r"\(?(\d+[a-z]*)\s*[.)]\s+")
# A browser that saves the page may wrap a line after a hyphen ("High-" / "risk"); suspended hyphens stay.
_WRAPPED_HYPHEN = re.compile(r"\b([A-Z][a-z]+)-\n\s*(?!(?:and|or|et|ou|en|of|und|oder|bzw|e|o|y|i|lub|och)\b)(?=[a-z])")
_SKIPPED = {"oj-note", "oj-doc-ti", "oj-ti-art"}


def blocks_of(element: HtmlElement) -> Iterator[Block]:
    """An element's paragraphs and points, text that stands directly in it included."""
    lead = collapse(element.text or "")
    if lead:
        yield lead
    for child in element:
        yield from child_blocks(child)
        if tail := collapse(child.tail or ""):
            yield tail


def child_blocks(child: HtmlElement) -> Iterator[Block]:
    """The blocks of one element; titles and footnotes are none."""
    kinds = classes(child)
    if kinds & _SKIPPED or "eli-title" in kinds or child.tag in ("hr", "col", "colgroup", "script", "style"):
        return
    if child.tag == "table":
        yield from _table(child)
    elif "oj-enumeration-spacing" in kinds:
        cells = [cell for cell in child if text_of(cell)]
        yield Point(text_of(cells[0]), tuple(text_of(cell) for cell in cells[1:]))
    elif child.tag == "div" and (match := _PARAGRAPH_ID.fullmatch(child.get("id") or "")):
        blocks = tuple(blocks_of(child))
        inserted = blocks and isinstance(blocks[0], str) and is_quoted(blocks[0])
        yield from blocks if inserted else (_numbered(match[1], blocks),)
    elif child.tag == "div" and not child.get("id") and not kinds:
        # A div without id or class holds text that the article inserts into another act.
        yield from folded(tuple(blocks_of(child)))
    elif child.tag == "div":
        yield from blocks_of(child)
    elif text := text_of(child):
        yield text


def _numbered(number: str, blocks: tuple[Block, ...]) -> Point:
    """A paragraph without its printed number, which is misprinted at times; the element's id is not."""
    first = blocks[0] if blocks else ""
    if isinstance(first, str) and (match := _NUMBER.match(first)):
        blocks = (first[match.end() :], *blocks[1:])
    return Point(f"{number}.", blocks, paragraph=True)


def _table(table: HtmlElement) -> Iterator[Block]:
    """A row of label and text is a point; any other table is kept as lines, its cells divided by bars."""
    for row in table.xpath("./tr | ./tbody/tr | ./thead/tr"):
        cells = [cell for cell in row if cell.tag in ("td", "th")]
        filled = [cell for cell in cells if text_of(cell)]
        if "oj-table" in classes(table) or len(filled) != 2 or len(cells) > 3:
            if filled:
                yield " | ".join(" ".join(folded(tuple(blocks_of(cell)))) for cell in filled)
            continue
        label, blocks = text_of(filled[0]), tuple(blocks_of(filled[1]))
        point = Point(label, blocks)
        if label in DASHES or is_quoted(label):
            yield from folded((point,))
        else:
            yield point


def text_of(element: HtmlElement) -> str:
    """The element's text on one line, without footnote marks; a superscript number becomes `^25`."""
    pieces: list[str] = []
    _gather(element, pieces)
    return collapse(_WRAPPED_HYPHEN.sub(r"\1-", "".join(pieces)))


def _gather(element: HtmlElement, pieces: list[str]) -> None:
    if isinstance(element.tag, str):
        pieces.append(element.text or "")
        for child in element:
            if child.tag == "a" and (child.get("id") or "").startswith("ntc"):
                # The mark goes, and with it the space that EUR-Lex sets before it.
                pieces[:] = ["".join(pieces).rstrip()]
            elif "oj-super" in classes(child) and (raised := "".join(child.itertext())).strip().isdigit():
                pieces.append(f"^{raised.strip()}")
            elif child.tag == "br":
                pieces.append(" ")
            else:
                _gather(child, pieces)
            pieces.append(child.tail or "")
