"""The paragraphs, points, sections and quotations inside an article, recital or annex of Formex XML."""

from __future__ import annotations

from collections.abc import Iterator

from lxml.etree import _Element

from corpus.sources.acts import Block, Point, Section, folded
from corpus.sources.formex_text import line
from corpus.sources.xml import child

_HOLDERS = {"P", "ALINEA", "TXT"}
_LISTS = {"LIST", "DLIST"}


def blocks_of(element: _Element) -> Iterator[Block]:
    for part in element:
        if isinstance(part.tag, str):
            yield from block_of(part)


def block_of(part: _Element) -> Iterator[Block]:
    """One element of the text as paragraphs, points and sections."""
    if part.tag in _HOLDERS:
        yield from _holder(part)
    elif part.tag == "PARAG":
        number = part.get("IDENTIFIER", "").rpartition(".")[2].lstrip("0")
        printed = child(part, "NO.PARAG")
        label = f"{number}." if number else line(printed) if printed is not None else ""
        inside = tuple(block for piece in part if piece.tag != "NO.PARAG" for block in block_of(piece))
        yield Point(label, inside, paragraph=True)
    elif part.tag == "NP":
        printed = child(part, "NO.P")
        label = line(printed) if printed is not None else ""
        yield Point(label, tuple(block for piece in part if piece.tag != "NO.P" for block in block_of(piece)))
    elif part.tag in _LISTS:
        for item in part.iterfind("ITEM"):
            blocks = tuple(blocks_of(item))
            if part.get("TYPE") in ("DASH", "BULLET", "NDASH"):
                yield from folded((Point("—", blocks),))
            else:
                yield from blocks
    elif part.tag == "GR.SEQ":
        title = child(part, "TITLE")
        heads = [line(head) for name in ("TI", "STI") for head in (title.iterfind(name) if title is not None else ())]
        inside = tuple(block for piece in part if piece.tag != "TITLE" for block in block_of(piece))
        yield Section(" – ".join(head for head in heads if head), inside)
    elif part.tag == "QUOT.S":
        yield from folded(tuple(_quoted(part)))
    elif part.tag in ("NOTE", "BIB.INSTANCE"):
        return
    elif part.tag == "ROW":
        cells = (" ".join(folded(tuple(blocks_of(cell)) or (line(cell),))) for cell in part.iterfind("CELL"))
        yield " | ".join(cell for cell in cells if cell)
    elif part.find(".//P") is not None or part.find(".//ROW") is not None:
        yield from blocks_of(part)
    elif isinstance(part.tag, str) and (text := line(part)):
        yield text


def _quoted(part: _Element) -> Iterator[Block]:
    """Text that the act inserts into another act: its own numbers stay in its lines."""
    for block in blocks_of(part):
        if isinstance(block, Point) and block.paragraph:
            printed = next(iter(part.iter("NO.PARAG")), None)
            block = Point(line(printed) if printed is not None else block.label, block.blocks)
        yield block


def _holder(part: _Element) -> Iterator[Block]:
    """A paragraph: its own text, and any list or quotation that stands in it after that text."""
    below = [piece for piece in part if piece.tag in _LISTS | {"P", "QUOT.S", "NP", "TBL", "GR.SEQ", "ALINEA"}]
    if not below:
        if text := line(part):
            yield text
        return
    text = line(part, until=below[0])
    if text:
        yield text
    for piece in part[part.index(below[0]) :]:
        if piece in below:
            yield from block_of(piece)
        tail = " ".join((piece.tail or "").split())
        if tail:
            yield tail
