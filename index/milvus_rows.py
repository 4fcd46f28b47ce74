"""A snapshot as rows of one Milvus collection, and rows as what they were.

Partitions keep apart what is searched apart: passages, question keys, sentences, the documents' texts in pieces, the
state (manifest, means, projection, unanswered questions, words), and entries as their pieces of words. Every row has a
dense vector and a sparse one.

BM25 is our own: the sparse vector of a row holds the weight that `index.lexical` computed for each of its terms, so
its inner product with the terms of a question is the BM25 score. Milvus's own BM25 function has no stemmer for
eleven of the languages, takes its statistics over all languages of a collection at once, and in Milvus Lite knows two
analysers; ours are the same everywhere.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.passages import Passage
from index.lexical import LexicalIndex
from index.references import reference_of
from index.snapshot import Snapshot
from index.store import Manifest
from index.texts import EncodedTexts

FORMAT = "4"
"""Of the rows in a collection; another format is loaded anew."""

PARTITIONS = ("passages", "keys", "sentences", "texts", "state", "entries")
LENGTHS = {"doc_id": 512, "entry_id": 512, "language": 16, "name": 1024, "reference": 512, "body": 65_535}
"""Text fields and their greatest length in bytes."""

_PIECE = 16_000  # characters: at most 64,000 bytes of UTF-8
_BLOB_PIECE = 60_000  # bytes of base64

Row = dict[str, Any]


def row_id(partition: str, number: int) -> int:
    return PARTITIONS.index(partition) << 48 | number


def row_number(identity: int) -> int:
    return identity & ((1 << 48) - 1)


MANIFEST_ID = row_id("state", 1 << 47)
"""The row that is written last."""


def dimension_of(term: int) -> int:
    """The place of a term, known by its hash, in sparse vectors: 1 to 2^32 - 2; two terms share one about once in four
    billion pairs."""
    return 1 + term % (2**32 - 2)


def filled(vector: npt.NDArray[np.float32], dimension: int) -> npt.NDArray[np.float32]:
    """With zeros to the one dimension that a collection's vectors have: keys have fewer."""
    return np.pad(vector, (0, dimension - len(vector)))


def passage_rows(snapshot: Snapshot) -> Iterator[Row]:
    weights = _weights(snapshot.lexical_text, [passage.language for passage in snapshot.passages])
    for number, passage in enumerate(snapshot.passages):
        yield _row(
            "passages",
            number,
            snapshot.passage_texts,
            weights[number],
            entry=int(snapshot.passage_entries[number]),
            doc_id=passage.doc_id,
            entry_id=passage.entry_id,
            language=passage.language,
            name=passage.passage_id,
            reference="-".join(reference_of(passage.entry_id)),
            body=json.dumps(asdict(passage), ensure_ascii=False),
        )


def key_rows(snapshot: Snapshot) -> Iterator[Row]:
    """The keys of entries that have a passage: without one there is nothing to quote."""
    questions = list(snapshot.questions())
    weights = _weights(snapshot.lexical_key, [question.language for question in questions])
    for number, question in enumerate(questions):
        entry = int(snapshot.key_entries[number])
        start, end = snapshot.passage_ranges[entry].tolist()
        if start < end:
            yield _row(
                "keys",
                number,
                snapshot.key_texts,
                weights[number],
                dense=filled(snapshot.key_vectors[number], snapshot.manifest.dimension),
                entry=entry,
                doc_id=question.doc_id,
                entry_id=question.entry_id,
                language=question.language,
                body=question.text,
            )


def entry_rows(snapshot: Snapshot) -> Iterator[Row]:
    """The entries that have a passage, a row for each language."""
    number = 0
    for language, leg in snapshot.lexical_entry.items():
        weights = _weights({language: leg}, [language] * len(leg.rows))
        for entry, terms in zip(leg.rows.tolist(), weights, strict=True):
            start, end = snapshot.passage_ranges[entry].tolist()
            if start < end:
                doc_id, entry_id = snapshot.entries[entry]
                row = _plain("entries", number, snapshot, "", doc_id, language)
                yield row | {"entry": entry, "entry_id": entry_id, "terms": terms or row["terms"]}
            number += 1


def sentence_rows(snapshot: Snapshot) -> Iterator[Row]:
    for number, passage in enumerate(snapshot.passages):
        for sentence in range(*snapshot.sentence_ranges[number].tolist()):
            start, end = snapshot.sentence_spans[sentence].tolist()
            yield _row(
                "sentences",
                sentence,
                snapshot.sentence_texts,
                entry=int(snapshot.passage_entries[number]),
                doc_id=passage.doc_id,
                entry_id=passage.entry_id,
                language=passage.language,
                body=json.dumps([row_id("passages", number), start, end]),
            )


def text_rows(snapshot: Snapshot) -> Iterator[Row]:
    """Each document's text in pieces, in order."""
    number = 0
    for doc_id, versions in snapshot.documents.items():
        for language, document in versions.items():
            for start in range(0, len(document.text), _PIECE):
                yield _plain("texts", number, snapshot, document.text[start : start + _PIECE], doc_id, language)
                number += 1


def state_rows(snapshot: Snapshot) -> Iterator[Row]:
    """What every question is compared with, and what is told of the whole; the manifest's row is not among them."""
    stream = io.BytesIO()
    arrays: dict[str, Any] = {f"mean_{language}": mean for language, mean in snapshot.language_means.items()}
    arrays |= {"projection": snapshot.projection, "negatives": snapshot.negative_vectors}
    arrays |= {"spelling": np.frombuffer(snapshot.spelling.encoded(), np.uint8)}
    np.savez(stream, **arrays)
    for number, piece in enumerate(_pieces(stream.getvalue())):
        yield _plain("state", number, snapshot, piece)


def manifest_row(snapshot: Snapshot, rows: int) -> Row:
    """The last row: it says that all `rows`, itself included, are there."""
    stored = {
        "format": FORMAT,
        "rows": rows,
        "manifest": asdict(snapshot.manifest) | {"files": {}},
        "documents": {doc_id: list(versions) for doc_id, versions in snapshot.documents.items()},
        "question_counts": dict(snapshot.question_counts),
        "negative_kinds": [negative.kind for negative in snapshot.negatives],
    }
    body = json.dumps(stored, ensure_ascii=False)
    return _plain("state", row_number(MANIFEST_ID), snapshot, "") | {"tokens": list(_pieces(body.encode("utf-8")))}


def read_stored(pieces: Sequence[str]) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(base64.b64decode("".join(pieces)))
    return stored


def read_arrays(pieces: Sequence[str]) -> dict[str, Any]:
    """What `state_rows` wrote, its pieces in order: float32 arrays, and `spelling`, the bytes of JSON."""
    with np.load(io.BytesIO(base64.b64decode("".join(pieces)))) as stored:
        return {name: stored[name] for name in stored.files}


def read_passage(body: str) -> Passage:
    stored = json.loads(body)
    return Passage(**{**stored, "path": tuple(stored["path"])})


def read_texts(rows: Sequence[Mapping[str, Any]], manifest: Manifest) -> EncodedTexts:
    """Rows with their `tokens`, and `dense` where the vectors are wanted, as encoded texts in the same order."""
    dimension = manifest.token_dimension
    blobs = [base64.b64decode("".join(row["tokens"])) for row in rows]
    counts = [len(blob) // (dimension + 4) for blob in blobs]
    tokens = [np.frombuffer(b, np.int8, n * dimension).reshape(n, -1) for b, n in zip(blobs, counts, strict=True) if n]
    weights = [np.frombuffer(b, "<f4", n, n * dimension) for b, n in zip(blobs, counts, strict=True) if n]
    vectors = [row["dense"] for row in rows if "dense" in row]
    return EncodedTexts(
        vectors=np.array(vectors, np.float32).reshape(len(vectors), manifest.dimension),
        tokens=np.concatenate(tokens) if tokens else np.zeros((0, dimension), np.int8),
        offsets=np.cumsum([0, *counts]).astype(np.int64),
        weights=np.concatenate(weights).astype(np.float32) if weights else np.zeros(0, np.float32),
        digests=np.zeros((len(rows), 16), np.uint8),
    )


def _row(
    partition: str, number: int, texts: EncodedTexts, terms: Mapping[int, float] | None = None, **fields: Any
) -> Row:
    start, end = int(texts.offsets[number]), int(texts.offsets[number + 1])
    blob = texts.tokens[start:end].tobytes() + texts.weights[start:end].astype("<f4").tobytes()
    return {
        "id": row_id(partition, number),
        "name": "",
        "reference": "",
        "tokens": list(_pieces(blob)),
        "dense": texts.vectors[number],
        "terms": terms or {0: 1.0},  # no term has place 0, and an empty vector is not taken everywhere
        **fields,
    }


def _plain(partition: str, number: int, snapshot: Snapshot, body: str, doc_id: str = "", language: str = "") -> Row:
    """A row that is only read, never searched."""
    return {
        "id": row_id(partition, number),
        "entry": -1,
        "doc_id": doc_id,
        "entry_id": "",
        "language": language,
        "name": "",
        "reference": "",
        "body": body,
        "tokens": [],
        "dense": np.zeros(snapshot.manifest.dimension, np.float32),
        "terms": {0: 1.0},
    }


def _pieces(blob: bytes) -> Iterator[str]:
    text = base64.b64encode(blob).decode("ascii")
    for start in range(0, len(text), _BLOB_PIECE):
        yield text[start : start + _BLOB_PIECE]


def _weights(legs: Mapping[str, LexicalIndex], languages: Sequence[str]) -> list[dict[int, float]]:
    """Each row's sparse vector; rows of one language stand in its leg in the same order."""
    found: list[dict[int, float]] = [{} for _ in languages]
    for language, leg in legs.items():
        own = [number for number, row_language in enumerate(languages) if row_language == language]
        for term, places, weights in leg.columns():
            place = dimension_of(term)
            for row, weight in zip(places.tolist(), weights.tolist(), strict=True):
                if weight > 0:
                    found[own[row]][place] = weight
    return found
