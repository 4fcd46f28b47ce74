"""The body of a Word file as entries: what lies below each heading, and each labelled row of a form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docx.document import Document
from lxml.etree import _Element

from corpus.sources.parts import MAX_LEVEL, ImportedEntry
from corpus.sources.slugs import UniqueSlugs
from corpus.sources.word_xml import W, blocks_of, cell_lines, nested, paragraph_text

_BOXES = re.compile(r"[☐☒☑]")
_HEADING_STYLE = re.compile(r"(?:heading|titre|überschrift|kop|título|titolo)\s*(\d)", re.IGNORECASE)


class WordBody:
    """Walks a document's body and collects entries."""

    def __init__(self, word: Document, title: str) -> None:
        self._word = word
        self._slugs = UniqueSlugs()
        self._found: list[ImportedEntry] = []
        self._title, self._level, self._lines = title, 1, list[str]()
        self._columns: list[str] = []
        self._titled = False

    def entries(self) -> list[ImportedEntry]:
        for block in blocks_of(self._word.element.body):
            if block.tag == f"{W}tbl":
                self._table(block)
                continue
            text = paragraph_text(block)
            level = self._heading_level(block)
            if level and text:
                self._open(level, text)
            elif text:
                self._lines.append(text)
        self._close()
        return self._found

    def _open(self, level: int, title: str) -> None:
        self._close()
        self._level, self._title = min(level, MAX_LEVEL), title

    def _close(self) -> None:
        if self._lines:
            text = "\n".join(self._lines)
            self._found.append(ImportedEntry(self._level, self._title, self._slugs.of(self._title), text))
        elif self._title and self._found:
            self._found.append(ImportedEntry(self._level, self._title))
        self._lines = []

    def _heading_level(self, paragraph: _Element) -> int:
        """1 to 6 for a heading's style, or an outline level set on the paragraph; else 0."""
        properties = paragraph.find(f"{W}pPr")
        if properties is None:
            return 0
        outline = properties.find(f"{W}outlineLvl")
        if outline is not None and (outline.get(f"{W}val") or "9").isdigit():
            number = int(outline.get(f"{W}val") or "9")
            return number + 1 if number < MAX_LEVEL else 0
        style = properties.find(f"{W}pStyle")
        if style is None:
            return 0
        wanted = style.get(f"{W}val")
        name = next((known.name or "" for known in self._word.styles if known.style_id == wanted), "")
        if name.lower() == "title":
            return 1
        match = _HEADING_STYLE.match(name)
        return int(match[1]) if match else 0

    def _table(self, table: _Element) -> None:
        for row in nested(table, "tr"):
            cells = [cell_lines(cell) for cell in nested(row, "tc")]
            filled = [cell for cell in cells if any(cell)]
            if not filled:
                continue
            first, rest = cells[0], [cell for cell in cells[1:] if cell]
            if len(filled) > 1 and first and _is_header(filled):
                self._open(1, " ".join(first))
                self._columns = [" ".join(cell) for cell in rest]
            elif len(filled) > 1 and first and first[0].endswith(":") and rest:
                self._open(2, first[0].rstrip(": "))
                self._lines.extend(first[1:])
                self._lines.extend(self._row_lines(rest))
            elif not (self._titled or self._found or self._lines) and len(filled) == 1 and len(filled[0]) == 1:
                self._titled = True
                self._open(1, filled[0][0])
            else:
                self._lines.extend(self._row_lines(filled))

    def _row_lines(self, cells: list[list[str]]) -> Iterator[str]:
        """The cells as lines; ticked and empty boxes at the end with the names of their columns."""
        boxes = [cell for cell in cells if all(_BOXES.fullmatch(line) for line in cell)]
        texts = [cell for cell in cells if cell not in boxes]
        if len(texts) > 1 and all(len(cell) == 1 for cell in texts):
            yield " | ".join(cell[0] for cell in texts)
        else:
            for cell in texts:
                yield from cell
        if boxes and len(boxes) == len(self._columns):
            for ticks in zip(*boxes, strict=False):
                yield ", ".join(f"{name} {tick}" for name, tick in zip(self._columns, ticks, strict=True))
        elif boxes:
            yield " ".join(" ".join(cell) for cell in boxes)


def _is_header(cells: list[list[str]]) -> bool:
    """A title and then the short names of columns, as `AIO`."""
    names = [" ".join(cell) for cell in cells[1:]]
    return not cells[0][-1].endswith(":") and all(len(n) <= 12 and n.isalpha() for n in names)
