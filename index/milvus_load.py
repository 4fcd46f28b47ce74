"""Writes a snapshot into Milvus as a collection of its own; what answers meanwhile goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from index.milvus import Milvus
from index.milvus_rows import (
    Row,
    entry_rows,
    key_rows,
    manifest_row,
    passage_rows,
    sentence_rows,
    state_rows,
    text_rows,
)
from index.snapshot import Snapshot

BATCH = 200
"""Rows sent at once: at most some ten megabytes."""


def load_into(milvus: Milvus, snapshot: Snapshot, progress: Callable[[int, int], None]) -> bool:
    """Load the snapshot; `progress` hears how many rows are done, of about how many. False where it was there.

    What an interrupted load left is deleted first. The manifest's row comes last, when all others can be searched:
    a collection without it is not served. Raises StoreUnavailable.
    """
    version, counts = snapshot.manifest.version, snapshot.manifest.counts
    found = {loaded.version: loaded.complete for loaded in milvus.versions()}
    if found.get(version):
        milvus.check(version)
        return False
    if version in found:
        milvus.client.drop_collection(milvus.collection(version))
    milvus.create(version, snapshot.manifest.dimension)
    about = counts["passages"] + counts["keys"] + counts["sentences"]
    done = 0
    parts: dict[str, Callable[[Snapshot], Iterator[Row]]] = {
        "passages": passage_rows,
        "keys": key_rows,
        "sentences": sentence_rows,
        "texts": text_rows,
        "state": state_rows,
        "entries": entry_rows,
    }
    for partition, rows in parts.items():
        for batch in _batches(rows(snapshot)):
            milvus.insert(version, partition, batch)
            done += len(batch)
            progress(done, max(about, done))
    milvus.flush(version)
    milvus.insert(version, "state", [manifest_row(snapshot, done + 1)])
    milvus.flush(version)
    milvus.check(version)
    return True


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch
