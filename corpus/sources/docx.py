"""Word files: headings become entries, and so do the labelled rows of a form.

A form's row is one whose first cell ends in a colon. Its cells become the entry's lines, and boxes to
tick are written with the names of their columns. Content controls are read as the text they hold.
"""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from zipfile import BadZipFile, ZipFile

from docx.api import Document as open_document  # noqa: N813 - a function, whatever its name
from docx.opc.exceptions import OpcError
from lxml.etree import XMLSyntaxError

from corpus.errors import ImportRefused
from corpus.sources.code_documents import FORM, NAME, PUBLISHED, PUBLISHER, STATE
from corpus.sources.parts import (
    COMMISSION_LICENCE,
    UNKNOWN_LICENCE,
    ImportedDocument,
    ImportedEntry,
    SourceFile,
)
from corpus.sources.slugs import name_parts
from corpus.sources.word_body import WordBody

MAX_UNPACKED_BYTES = 100_000_000
MAX_FILES = 2_000


def import_docx(source: SourceFile) -> ImportedDocument:
    """The file as a document. Raises ImportRefused for a broken file, or one that unpacks beyond the limits."""
    _check_archive(source)
    try:
        word = open_document(BytesIO(source.data))
    except (OpcError, BadZipFile, KeyError, ValueError, XMLSyntaxError) as error:
        raise ImportRefused(f"{source.name} is not a Word document ({error}). Save it as .docx again.") from error
    doc_id, language = name_parts(source.url or source.name)
    entries = WordBody(word, word.core_properties.title or doc_id).entries()
    if not any(entry.text for entry in entries):
        raise ImportRefused(f"{source.name} holds no text. Open it in Word and save it again.")
    opening = " ".join(f"{entry.title} {entry.text}" for entry in entries[:4])
    if FORM.marker in opening and "Code of Practice" in opening:
        return ImportedDocument(
            doc_id=FORM.doc_id,
            language="en",
            title=f"{NAME} – {FORM.marker}",
            url=source.url or FORM.url,
            publisher=PUBLISHER,
            authority="official",
            licence=COMMISSION_LICENCE,
            published=PUBLISHED,
            state=STATE,
            entries=tuple(_cited(entry) for entry in entries),
        )
    properties = word.core_properties
    date = properties.modified or properties.created
    return ImportedDocument(
        doc_id=doc_id,
        language=language or (properties.language or "").split("-")[0].lower(),
        title=properties.title or entries[0].title,
        url=source.url,
        publisher=properties.author or "",
        authority="summary",
        licence=UNKNOWN_LICENCE,
        published=date.date().isoformat() if date else "",
        entries=tuple(entries),
        stable_ids=False,
    )


def _cited(entry: ImportedEntry) -> ImportedEntry:
    where = f"Code of Practice, {FORM.marker}"
    return replace(entry, reference=where if entry.title == FORM.marker else f"{where}, {entry.title}")


def _check_archive(source: SourceFile) -> None:
    """Sizes as the archive states them, before anything is unpacked; zipfile stops at the stated size."""
    try:
        with ZipFile(BytesIO(source.data)) as archive:
            members = archive.infolist()
    except (BadZipFile, ValueError, OSError) as error:
        raise ImportRefused(f"{source.name} is not a Word document ({error}). Save it as .docx again.") from error
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or len(members) > MAX_FILES:
        what = f"{source.name} unpacks to {unpacked} bytes in {len(members)} files"
        raise ImportRefused(f"{what}; the limits are {MAX_UNPACKED_BYTES} and {MAX_FILES}. Remove pictures from it.")
