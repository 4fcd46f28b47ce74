"""Passages: the smallest units that can be cited on their own.

An entry is one passage unless it is long; then it is split at paragraphs, and those at sentences.
A passage keeps its heading path, which is searched with it, and exact offsets into its document.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from corpus.documents import Document, Entry
from corpus.sentences import sentence_spans

SPLITTER = "paragraphs-sentences-4"
"""Names this way of splitting; part of an index's version."""

MAX_CHARS = 1200
"""About 300 tokens, well under the encoder's 512, with room for the heading path."""

MAX_LEAD_IN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Passage:
    """`document.text[start:end] == text`, half-open, in characters.

    `path` is the heading path; `lead_in` the sentence of the enclosing entry that the passage
    continues ("Providers shall:"), empty where there is none.
    """

    passage_id: str
    doc_id: str
    entry_id: str
    language: str
    path: tuple[str, ...]
    text: str
    start: int
    end: int
    lead_in: str = ""

    @property
    def searchable(self) -> str:
        """What is encoded and analysed: the heading path, the lead-in and the text."""
        return "\n".join(part for part in (" › ".join(self.path[-3:]), self.lead_in, self.text) if part)


def split_document(document: Document, max_chars: int = MAX_CHARS) -> list[Passage]:
    """The document's passages in order. Passage ids are `<doc>.<language>.<entry>`, `.2` and so on for more."""
    passages: list[Passage] = []
    for entry in document.entries:
        spans = list(_entry_spans(document, entry, max_chars))
        for number, (start, end) in enumerate(spans, start=1):
            suffix = f".{number}" if number > 1 else ""
            passages.append(
                Passage(
                    passage_id=f"{document.doc_id}.{document.language}.{entry.entry_id}{suffix}",
                    doc_id=document.doc_id,
                    entry_id=entry.entry_id,
                    language=document.language,
                    path=entry.path,
                    text=document.text[start:end],
                    start=start,
                    end=end,
                    lead_in=_lead_in(document, entry),
                )
            )
    return passages


def _lead_in(document: Document, entry: Entry) -> str:
    if entry.parent_id is None:
        return ""
    body = document.body(document.entry(entry.parent_id))
    last = body.rsplit("\n", 1)[-1].strip()
    return last if last.endswith(":") and len(last) <= MAX_LEAD_IN_CHARS else ""


def _entry_spans(document: Document, entry: Entry, max_chars: int) -> Iterator[tuple[int, int]]:
    if entry.end == entry.start:
        return
    if entry.end - entry.start <= max_chars:
        yield entry.start, entry.end
        return
    yield from _pack(_pieces(document, entry, max_chars), max_chars)


def _pieces(document: Document, entry: Entry, max_chars: int) -> Iterator[tuple[int, int]]:
    """Lines of the entry; a line over the limit as sentences; a sentence over it cut at spaces."""
    offset = entry.start
    for line in document.body(entry).split("\n"):
        begin, offset = offset, offset + len(line) + 1
        if not line.strip():
            continue
        left = begin + len(line) - len(line.lstrip())
        right = begin + len(line.rstrip())
        if right - left <= max_chars:
            yield left, right
            continue
        for start, end in sentence_spans(document.text[left:right], document.language):
            yield from _cut(document.text, left + start, left + end, max_chars)


def _cut(text: str, start: int, end: int, max_chars: int) -> Iterator[tuple[int, int]]:
    while end - start > max_chars:
        space = text.rfind(" ", start + max_chars // 2, start + max_chars)
        middle = space if space > start else start + max_chars
        yield start, middle
        start = middle
        while start < end and text[start].isspace():
            start += 1
    if end > start:
        yield start, end


def _pack(pieces: Iterator[tuple[int, int]], max_chars: int) -> Iterator[tuple[int, int]]:
    """Join neighbouring pieces while they fit."""
    open_start: int | None = None
    open_end = 0
    for start, end in pieces:
        if open_start is not None and end - open_start > max_chars:
            yield open_start, open_end
            open_start = None
        if open_start is None:
            open_start = start
        open_end = end
    if open_start is not None:
        yield open_start, open_end
