"""Ids that were made from headings, matched with those that the corpus already has.

A question's heading is another in every language and may be reworded, but its entry must keep its id:
the question bank and the other translations hang on it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from corpus.documents import Document
from corpus.errors import ImportRefused
from corpus.sources.parts import ImportedDocument

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """The ids and headings of a version of a document, in order."""

    language: str
    ids: tuple[str, ...]
    headings: tuple[str, ...]


def known_version(document: Document) -> Known:
    entries = document.entries
    return Known(document.language, tuple(e.entry_id for e in entries), tuple(e.heading for e in entries))


def aligned(documents: Sequence[ImportedDocument], versions: Mapping[str, Sequence[Known]]) -> list[ImportedDocument]:
    """The documents with ids taken over from `versions`, document id to what the corpus holds, reference first.

    A document without another language keeps the id of each heading that its former version had. Where
    there is another language, entries are matched by their place. Raises ImportRefused when the numbers
    of entries differ, since then no place can be trusted.
    """
    known: dict[str, list[Known]] = {doc_id: list(held) for doc_id, held in versions.items()}
    result: list[ImportedDocument] = []
    for document in documents:
        held = known.setdefault(document.doc_id, [])
        former = next((version for version in held if version.language == document.language), None)
        if not document.stable_ids:
            others = [version for version in held if version.language != document.language]
            document = _matched(document, former, others)
        held[:] = [version for version in held if version.language != document.language]
        held.append(_as_known(document))
        result.append(document)
    return result


def _as_known(document: ImportedDocument) -> Known:
    entries = [entry for entry in document.entries if entry.entry_id is not None]
    ids = tuple(entry.entry_id or "" for entry in entries)
    return Known(document.language, ids, tuple(entry.title for entry in entries))


def _matched(document: ImportedDocument, former: Known | None, others: Sequence[Known]) -> ImportedDocument:
    own = _as_known(document)
    name = f"{document.doc_id}/{document.language}.md"
    kept = _by_heading(own, former) if former else {}
    if own.ids and len(kept) == len(own.ids):
        return _with_ids(document, kept)
    for other in others:
        if len(other.ids) == len(own.ids):
            if other.ids != own.ids:
                _LOG.warning("%s: ids taken from the %s version by place; compare the headings.", name, other.language)
            return _with_ids(document, dict(zip(own.ids, other.ids, strict=True)))
    if former is None and not others:
        return document
    if former is None:
        raise ImportRefused(
            f"{name} would have {len(own.ids)} entries, but the {others[0].language} version has {len(others[0].ids)}; "
            "translations need the same entries in the same order. Pass another --doc-id, or the matching page."
        )
    if others and 2 * len(kept) < len(former.ids):
        raise ImportRefused(
            f"{name} would keep {len(kept)} of {len(former.ids)} headings, and its translations would lose their "
            "places. Pass another --doc-id, or remove the old versions first."
        )
    if others:
        told = "%s: its entries are no longer those of %s; run `python -m corpus check`."
        _LOG.warning(told, name, others[0].language)
    return _with_ids(document, _with_fresh(own.ids, kept))


def _by_heading(own: Known, former: Known) -> dict[str, str]:
    """Own id to the id that the same heading had; a repeated heading is met once only."""
    free = dict(zip(reversed(former.headings), reversed(former.ids), strict=True))
    return {mine: free.pop(heading) for mine, heading in zip(own.ids, own.headings, strict=True) if heading in free}


def _with_fresh(ids: Sequence[str], kept: Mapping[str, str]) -> dict[str, str]:
    """An id for the other headings too, none that an old heading keeps."""
    chosen, taken = dict(kept), set(kept.values())
    for mine in ids:
        if mine not in chosen:
            fresh, number = mine, 1
            while fresh in taken:
                number += 1
                fresh = f"{mine}-{number}"
            chosen[mine] = fresh
            taken.add(fresh)
    return chosen


def _with_ids(document: ImportedDocument, ids: Mapping[str, str]) -> ImportedDocument:
    entries = tuple(
        entry if entry.entry_id is None else replace(entry, entry_id=ids[entry.entry_id]) for entry in document.entries
    )
    return replace(document, entries=entries)
