"""Lines of a PDF put together to headings and paragraphs, words that were divided at a line's end mended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from corpus.sources.pdf_lines import Line

HEADING_EXTRA_POINTS = 0.5
_MARKER = re.compile(r"\((?:\d{1,3}|[a-z]|[ivxl]{1,6})\)|\d{1,2}\.(?!\d)|[A-Z]\.(?=$|\s)|[a-z]\)|[•▪–—-](?=$|\s)")
_ENDS = (".", ";", ":", "?", "!", "and", "or", "and/or")
_WORD = re.compile(r"\w+(?:-\w+)*")
_NUMBERED_HEADING = re.compile(r"(?:Commitment|Measure|Appendix|Annex|Chapter|Section|Article)\s+\d")
_INDENT = 4.0
_GAP_SHARE = 1.9


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading with the size it is printed in, in points."""

    text: str
    size: float


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph's lines; see `Joiner.text` for its text."""

    lines: tuple[Line, ...]


def is_heading(line: Line, body_size: float) -> bool:
    """Larger than the running text, and bold or numbered as a heading is."""
    larger = line.size > body_size + HEADING_EXTRA_POINTS
    return larger and (line.bold or bool(_NUMBERED_HEADING.match(line.text)))


class Joiner:
    """Joins lines. A divided word is written with a hyphen unless the document writes it without one elsewhere."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._words = {word.lower() for line in lines for word in _WORD.findall(line.text)}

    def text(self, lines: Sequence[Line]) -> str:
        joined = ""
        for line in lines:
            if joined.endswith("\x02"):
                joined = self._mended(joined[:-1], line.text)
            else:
                joined = f"{joined} {line.text}" if joined else line.text
            if line.hyphenated:
                joined += "\x02"
        return joined.replace("\x02", "-")

    def _mended(self, before: str, after: str) -> str:
        first = re.search(r"[\w-]+$", before)
        second = re.match(r"[\w-]+", after)
        if first and second:
            whole, divided = (first[0] + mark + second[0] for mark in ("", "-"))
            if whole.lower() in self._words and divided.lower() not in self._words:
                return before + after
        return f"{before}-{after}"


def blocks(lines: Sequence[Line], body_size: float, joiner: Joiner) -> list[Heading | Paragraph]:
    """The lines as headings and paragraphs, in order."""
    found: list[Heading | Paragraph] = []
    open_lines: list[Line] = []
    open_heading = False

    def close() -> None:
        if open_lines and open_heading:
            found.append(Heading(joiner.text(open_lines), open_lines[0].size))
        elif open_lines:
            found.append(Paragraph(tuple(open_lines)))
        open_lines.clear()

    for line in lines:
        heading = is_heading(line, body_size)
        if open_lines and (heading != open_heading or _begins(open_lines, line, heading)):
            close()
        open_heading = heading
        open_lines.append(line)
    close()
    return found


def _begins(open_lines: list[Line], line: Line, heading: bool) -> bool:
    """Whether the line begins a new paragraph, or a new heading after another."""
    last, first = open_lines[-1], open_lines[0]
    if heading:
        apart = line.page != last.page or last.y - line.y > 2 * line.size
        return apart or abs(line.size - last.size) > 0.2 or bool(_NUMBERED_HEADING.match(line.text))
    if last.hyphenated:
        return False
    marker = bool(_MARKER.match(line.words[0].text))
    continues_at = _hanging(first)
    indented = abs(line.x - continues_at) > _INDENT
    if line.page != last.page:
        return (marker and indented) or last.text.endswith(_ENDS)
    if last.y - line.y > _GAP_SHARE * line.size or line.y > last.y + line.size:
        return True
    return (marker and indented) or line.x < first.x - _INDENT


def _hanging(first: Line) -> float:
    """Where the further lines of a paragraph begin: after its marker, or where its first line does."""
    if len(first.words) > 1 and _MARKER.fullmatch(first.words[0].text):
        return first.words[1].x
    return first.x
