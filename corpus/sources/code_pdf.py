"""The chapters of the Code of Practice: commitments, measures, appendices and glossary as entries.

Other PDFs come in by their headings (larger and bold), or page by page when they have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from corpus.errors import ImportRefused
from corpus.sources.code_documents import PUBLISHED, PUBLISHER, STATE, CodePart, code_part
from corpus.sources.glossary_table import glossary_entries
from corpus.sources.parts import (
    COMMISSION_LICENCE,
    MAX_LEVEL,
    UNKNOWN_LICENCE,
    ImportedDocument,
    ImportedEntry,
    SourceFile,
)
from corpus.sources.pdf_lines import Line, PdfText, first_page, read_pdf
from corpus.sources.pdf_paragraphs import Heading, Joiner, Paragraph, blocks
from corpus.sources.slugs import UniqueSlugs, name_parts

_NUMBERED = re.compile(r"(Commitment|Measure|Appendix)\s+(\d+(?:\.\d+)*)\s*(.*)")
_LEGAL_ACT = re.compile(r"ELI: ?http://data\.europa\.eu/eli/")
_PDF_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")


def import_pdf(source: SourceFile) -> ImportedDocument:
    """A chapter of the Code, or any other PDF with text. Raises ImportRefused; the language may come out empty."""
    if _LEGAL_ACT.search(first_page(source.data, source.name)):
        remedy = "Import the act's HTML page of EUR-Lex or its Formex files"
        raise ImportRefused(
            f"{source.name} is a legal act as PDF, which does not tell its articles reliably. {remedy}."
        )
    text = read_pdf(source.data, source.name)
    title_page = "\n".join(line.text for line in text.lines if line.page == 1)
    part = code_part(title_page)
    if part is not None:
        return _code(text, part)
    return _general(text, source)


def _code(text: PdfText, part: CodePart) -> ImportedDocument:
    lines = [line for line in text.lines if line.page > 1]
    joiner = Joiner(text.lines)
    entries: list[ImportedEntry] = []
    slugs = UniqueSlugs()
    for heading, below in _headed(lines, text.body_size, joiner):
        if heading is None:
            continue
        numbered = _NUMBERED.fullmatch(heading.text)
        if numbered:
            kind, number, title = numbered[1], numbered[2], numbered[3].strip()
            level = {"Commitment": 1, "Measure": 2, "Appendix": 2}[kind] + (
                number.count(".") if kind == "Appendix" else 0
            )
            name = f"{kind} {number}"
            entry_id, title = f"{kind.lower()}-{number.replace('.', '-')}", f"{name} – {title}" if title else name
        else:
            name = title = heading.text.rstrip(".")
            level, entry_id = 1, slugs.of(title)
        reference = f"Code of Practice, {part.marker}, {name}"
        if title == "Glossary":
            entries.extend(glossary_entries(below, joiner, reference))
            continue
        body = "\n".join(joiner.text(p.lines) for p in _paragraphs(below, text.body_size, joiner))
        if body or numbered:
            entries.append(ImportedEntry(min(level, MAX_LEVEL), title, entry_id, body, reference))
        else:
            entries.append(ImportedEntry(level, title))
    if not entries:
        raise ImportRefused(f"No heading was found in {part.title}. Fetch the PDF again from {part.url}.")
    return ImportedDocument(
        doc_id=part.doc_id,
        language="en",
        title=part.title,
        url=part.url,
        publisher=PUBLISHER,
        authority="official",
        licence=COMMISSION_LICENCE,
        published=PUBLISHED,
        state=STATE,
        entries=tuple(entries),
    )


def _headed(lines: Sequence[Line], size: float, joiner: Joiner) -> Iterator[tuple[Heading | None, list[Line]]]:
    """Each heading with the lines below it; None before the first."""
    heading: Heading | None = None
    below: list[Line] = []
    for block in blocks(lines, size, joiner):
        if isinstance(block, Heading):
            if heading is not None or below:
                yield heading, below
            heading, below = block, []
        else:
            below.extend(block.lines)
    yield heading, below


def _paragraphs(lines: Sequence[Line], size: float, joiner: Joiner) -> list[Paragraph]:
    return [block for block in blocks(lines, size, joiner) if isinstance(block, Paragraph)]


def _general(text: PdfText, source: SourceFile) -> ImportedDocument:
    joiner = Joiner(text.lines)
    slugs = UniqueSlugs()
    sections = list(_headed(text.lines, text.body_size, joiner))
    sizes = sorted({heading.size for heading, _ in sections if heading}, reverse=True)
    doc_id, language = name_parts(source.url or source.name)
    title = text.metadata.get("Title", "").strip() or next((h.text for h, _ in sections if h), "") or doc_id
    entries: list[ImportedEntry] = []
    if not sizes:
        pages = sorted({line.page for line in text.lines})
        sections = [(Heading(f"{title}, {page}", 0.0), [ln for ln in text.lines if ln.page == page]) for page in pages]
        sizes = [0.0]
    for heading, below in sections:
        name = heading.text if heading else title
        body = "\n".join(joiner.text(p.lines) for p in _paragraphs(below, text.body_size, joiner))
        level = sizes.index(heading.size) + 1 if heading else 1
        entries.append(ImportedEntry(min(level, MAX_LEVEL), name, slugs.of(name), body))
    created = _PDF_DATE.match(text.metadata.get("CreationDate", ""))
    return ImportedDocument(
        doc_id=doc_id,
        language=language,
        title=title,
        url=source.url,
        publisher=text.metadata.get("Author", ""),
        authority="summary",
        licence=UNKNOWN_LICENCE,
        published="-".join(created.groups()) if created else "",
        entries=tuple(entries),
        stable_ids=False,
    )
