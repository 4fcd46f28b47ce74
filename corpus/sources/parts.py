"""What an importer yields: a document in one language, as a flat list of headings and entries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corpus.documents import Authority

MAX_LEVEL = 6
"""Markdown knows six levels of headings."""

COMMISSION_LICENCE = "CC-BY-4.0 (reuse of Commission documents, Decision 2011/833/EU)"
UNKNOWN_LICENCE = "unknown"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read or fetched. `url` is empty for a local file, `path` None for a fetched one."""

    name: str
    data: bytes
    url: str = ""
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class ImportedEntry:
    """A heading of level 1 to 6 with its text; `entry_id` None makes it a mere section heading without text."""

    level: int
    title: str
    entry_id: str | None = None
    text: str = ""
    reference: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ImportedDocument:
    """One document in one language, not yet written.

    `stable_ids` says that the ids come from the source and are the same in every language; otherwise
    they were made from headings and are matched with the versions the corpus already holds.
    `verbatim` is the whole file of a document that is already in our format; it is taken over unchanged.
    """

    doc_id: str
    language: str
    title: str
    url: str
    publisher: str
    authority: Authority
    licence: str
    published: str
    entries: tuple[ImportedEntry, ...]
    state: str = ""
    note: str = ""
    stable_ids: bool = True
    verbatim: str = ""
