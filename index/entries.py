"""The numbers of a snapshot's entries: sorted by document, so that each is found without going through all."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index.snapshot import Snapshot


def entry_span(snapshot: Snapshot, doc_id: str) -> range:
    """The numbers of a document's entries; empty for a document that is not there."""
    return range(
        bisect_left(snapshot.entries, doc_id, key=lambda entry: entry[0]),
        bisect_right(snapshot.entries, doc_id, key=lambda entry: entry[0]),
    )


def entry_number(snapshot: Snapshot, entry: tuple[str, str]) -> int:
    """The number of an entry, named by document and id. Raises ValueError for one that is not there."""
    span = entry_span(snapshot, entry[0])
    return snapshot.entries.index(entry, span.start, span.stop)


def passage_rows(snapshot: Snapshot, doc_id: str) -> range:
    """The rows of a document's passages, in all its languages."""
    span = entry_span(snapshot, doc_id)
    return range(*snapshot.passage_ranges[[span.start, span.stop - 1], [0, 1]].tolist()) if span else range(0)
