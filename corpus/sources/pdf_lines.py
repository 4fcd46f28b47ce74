"""The lines of a PDF with their place, size and weight; running heads, page numbers and footnotes removed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ctypes import byref, c_double, c_int, create_string_buffer
from dataclasses import dataclass
from typing import Any

from pypdfium2 import PdfDocument, PdfiumError
from pypdfium2 import raw as pdfium

from corpus.errors import ImportRefused

MAX_PAGES = 400
MAX_CHARS = 4_000_000
_LINE_ENDS = "\r\n"
_HYPHEN_AT_END = "\x02"  # pdfium's sign for a hyphen that ends a line
_SOFT_HYPHEN = "\u00ad"
_FOOTNOTE_SHARE = 0.87
_MARK_SHARE = 0.75
_BOLD_WEIGHT = 600
_SAME_HEIGHT = 3.0


@dataclass(frozen=True, slots=True)
class Word:
    """`x` is where the word begins, in points from the left edge."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. `y` is the baseline's height above the page's lower edge, `size` in points.

    `hyphenated` says that the line ended in a hyphen, which is not in the text.
    """

    page: int
    x: float
    right: float
    y: float
    size: float
    bold: bool
    words: tuple[Word, ...]
    hyphenated: bool = False

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class PdfText:
    """A PDF's lines in reading order, the size of its running text, and its metadata."""

    lines: tuple[Line, ...]
    body_size: float
    metadata: dict[str, str]


def first_page(data: bytes, name: str) -> str:
    """The text of the first page as it comes, to tell what the file is. Raises ImportRefused as `read_pdf` does."""
    with _opened(data, name) as document:
        return str(document[0].get_textpage().get_text_bounded()) if len(document) else ""


def read_pdf(data: bytes, name: str, max_pages: int = MAX_PAGES) -> PdfText:
    """Raises ImportRefused for a PDF that is locked, broken, too long, or a mere picture of text."""
    lines: list[Line] = []
    sizes: Counter[float] = Counter()
    with _opened(data, name) as document:
        pages = len(document)
        if pages > max_pages:
            raise ImportRefused(f"{name} has {pages} pages, more than {max_pages}. Split it into parts.")
        for number in range(pages):
            glyphs = _page_glyphs(document[number])
            sizes.update(glyph.size for glyph in glyphs if glyph.char.strip())
            if sum(sizes.values()) > MAX_CHARS:
                raise ImportRefused(f"{name} has more than {MAX_CHARS} characters. Split it into parts.")
            lines.extend(_lines(glyphs, number + 1))
        metadata = {key: value for key, value in document.get_metadata_dict().items() if value}
    if not lines:
        raise ImportRefused(f"{name} holds no text, perhaps only scanned pictures. Run text recognition on it first.")
    body = sizes.most_common(1)[0][0]
    return PdfText(tuple(_without_notes(_without_running_heads(lines, pages), body)), body, metadata)


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[Any]:
    """The document; what pdfium cannot do with it or with a page of it becomes a refusal."""
    try:
        with closing(PdfDocument(data)) as document:
            yield document
    except PdfiumError as error:
        raise ImportRefused(
            f"{name} cannot be opened ({error}). Save it without a password, or fetch it again."
        ) from error


@dataclass(frozen=True, slots=True)
class _Glyph:
    char: str
    left: float
    right: float
    y: float
    size: float
    bold: bool


def _page_glyphs(page: Any) -> list[_Glyph]:
    text_page = page.get_textpage()
    glyphs: list[_Glyph] = []
    x, y = c_double(), c_double()
    for index in range(text_page.count_chars()):
        char = chr(pdfium.FPDFText_GetUnicode(text_page, index))
        left, _, right, _ = text_page.get_charbox(index)
        pdfium.FPDFText_GetCharOrigin(text_page, index, byref(x), byref(y))
        size = round(pdfium.FPDFText_GetFontSize(text_page, index), 1)
        glyphs.append(_Glyph(char, left, right, y.value, size, _bold(text_page, index)))
    return glyphs


def _bold(text_page: Any, index: int) -> bool:
    if pdfium.FPDFText_GetFontWeight(text_page, index) >= _BOLD_WEIGHT:
        return True
    name, flags = create_string_buffer(128), c_int()
    pdfium.FPDFText_GetFontInfo(text_page, index, name, len(name), byref(flags))
    return b"bold" in name.value.lower()


def _lines(glyphs: list[_Glyph], page: int) -> list[Line]:
    lines: list[Line] = []
    row: list[_Glyph] = []

    def close(hyphenated: bool = False) -> None:
        line = _line(row, page, hyphenated)
        row.clear()
        if line is None:
            return
        before = lines[-1] if lines else None
        # A raised mark makes pdfium begin a new line at the same height: put the two together again.
        if before and abs(before.y - line.y) < _SAME_HEIGHT and line.x >= before.right - 1 and not before.hyphenated:
            lines[-1] = _joined(before, line)
        else:
            lines.append(line)

    for glyph in glyphs:
        if glyph.char in _LINE_ENDS:
            close()
        elif glyph.char in (_HYPHEN_AT_END, _SOFT_HYPHEN):
            close(hyphenated=True)
        else:
            row.append(glyph)
    close()
    return lines


def _line(row: list[_Glyph], page: int, hyphenated: bool) -> Line | None:
    visible = [glyph for glyph in row if glyph.char.strip()]
    if not visible:
        return None
    size = Counter(glyph.size for glyph in visible).most_common(1)[0][0]
    words: list[Word] = []
    open_word = ""
    begin = 0.0
    for glyph in row:
        if glyph.size < _MARK_SHARE * size and glyph.char.isdigit():
            if not open_word[-1:].isdigit() and "^" not in open_word:
                continue  # a footnote's mark; after a digit it is an exponent
            open_word += glyph.char if "^" in open_word else f"^{glyph.char}"
            continue
        if glyph.char.isspace():
            if open_word:
                words.append(Word(begin, open_word))
            open_word = ""
        else:
            begin = begin if open_word else glyph.left
            open_word += glyph.char
    if open_word:
        words.append(Word(begin, open_word))
    if not words:
        return None
    bold = all(glyph.bold for glyph in visible)
    y = Counter(round(glyph.y, 1) for glyph in visible if glyph.size == size).most_common(1)[0][0]
    return Line(page, visible[0].left, visible[-1].right, y, size, bold, tuple(words), hyphenated)


def _joined(first: Line, second: Line) -> Line:
    words = first.words + second.words
    if second.x - first.right < 0.15 * first.size and first.words and second.words:
        touching = Word(first.words[-1].x, first.words[-1].text + second.words[0].text)
        words = (*first.words[:-1], touching, *second.words[1:])
    bold = first.bold and second.bold
    return Line(first.page, first.x, second.right, first.y, first.size, bold, words, second.hyphenated)


def _without_running_heads(lines: list[Line], pages: int) -> list[Line]:
    """Lines that stand at the same height with the same text, digits aside, on half of the pages."""
    seen: dict[tuple[float, str], set[int]] = defaultdict(set)

    def key(line: Line) -> tuple[float, str]:
        return round(line.y / 4), re.sub(r"\d+", "0", line.text)

    for line in lines:
        seen[key(line)].add(line.page)
    return [line for line in lines if len(seen[key(line)]) < max(3, pages / 2)]


def _without_notes(lines: list[Line], body: float) -> list[Line]:
    """Small print below the last line of running text of its page."""
    lowest: dict[int, float] = {}
    for line in lines:
        if line.size >= _FOOTNOTE_SHARE * body:
            lowest[line.page] = min(line.y, lowest.get(line.page, line.y))
    return [line for line in lines if line.size >= _FOOTNOTE_SHARE * body or line.y > lowest.get(line.page, -1.0)]
