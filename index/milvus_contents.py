"""What a version of an index in Milvus holds: documents and sentences are fetched when they are wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.documents import Document, parse_document
from corpus.passages import Passage
from corpus.questions import BankQuestion
from index.contents import Sentences
from index.errors import IndexDamaged
from index.milvus import Milvus
from index.milvus_rows import read_arrays, read_passage, read_texts, row_id
from index.projection import project
from index.snapshot import centred
from index.spelling import Spelling
from index.store import Manifest

CHARS_KEPT = 50_000_000
"""Of documents' texts, characters that stay in memory, those last used."""

_PAGE = 4096  # questions fetched at once


class MilvusContents:
    """One version, opened. Thread-safe. Nothing of it that grows with the passages is in memory."""

    def __init__(self, milvus: Milvus, version: str) -> None:
        """Raises IndexMissing, IndexDamaged, IndexMismatch or StoreUnavailable."""
        stored = milvus.check(version)
        self.milvus = milvus
        self.version = version
        self.manifest = Manifest(**stored["manifest"])
        self.documents: Mapping[str, Mapping[str, Document]] = _Documents(milvus, version, stored["documents"])
        self.question_counts: Mapping[str, int] = stored["question_counts"]
        self.negative_kinds = np.array(stored["negative_kinds"])
        rows = milvus.query(version, "state", f"id < {row_id('state', 1 << 47)}", ["body"])
        arrays = read_arrays([row["body"] for row in sorted(rows, key=_id)])
        self.negative_vectors = arrays["negatives"]
        self.spelling = Spelling.decoded(arrays["spelling"].tobytes())
        self._projection = arrays["projection"]
        self._means = {name.removeprefix("mean_"): mean for name, mean in arrays.items() if name.startswith("mean_")}

    def comparable(self, vector: npt.NDArray[np.float32], language: str) -> npt.NDArray[np.float32]:
        """A question's sentence vector as it compares with keys and negatives: float32 (d,), unit length."""
        return project(centred(vector, self._means.get(language)), self._projection)

    def questions(self) -> Iterator[BankQuestion]:
        first, last = row_id("keys", 0), row_id("keys", self.manifest.counts["keys"])
        for start in range(first, last, _PAGE):
            where = f"id >= {start} and id < {min(start + _PAGE, last)}"
            rows = self.milvus.query(self.version, "keys", where, ["id", "doc_id", "entry_id", "language", "body"])
            for row in sorted(rows, key=_id):
                yield BankQuestion(row["doc_id"], row["entry_id"], row["language"], row["body"])

    def passage(self, doc_id: str, passage_id: str) -> Passage | None:
        where = f"name == {quoted(passage_id)} and doc_id == {quoted(doc_id)}"
        rows = self.milvus.query(self.version, "passages", where, ["body"])
        return read_passage(rows[0]["body"]) if rows else None

    def sentences(self, entry: tuple[str, str], languages: Sequence[str]) -> dict[str, Sentences]:
        """Language to the entry's sentences, for those of `languages` that it has."""
        if not languages:
            return {}
        where = f"doc_id == {quoted(entry[0])} and entry_id == {quoted(entry[1])} and {among('language', languages)}"
        rows = self.milvus.query(self.version, "sentences", where, ["id", "language", "body", "tokens", "dense"])
        rows.sort(key=_id)
        spans = [_span(row["body"]) for row in rows]
        passages = self.passages(sorted({passage for passage, _, _ in spans}))
        texts = read_texts(rows, self.manifest)
        found = {}
        for language in dict.fromkeys(row["language"] for row in rows):
            own = [number for number, row in enumerate(rows) if row["language"] == language]
            found[language] = Sentences(
                texts=texts,
                numbers=own,
                spans=[spans[number][1:] for number in own],
                passages=[passages[spans[number][0]] for number in own],
            )
        return found

    def passages(self, identities: Sequence[int]) -> dict[int, Passage]:
        """Row id to passage. Raises IndexDamaged where one is not there."""
        if not identities:
            return {}
        rows = self.milvus.query(self.version, "passages", f"id in {list(identities)}", ["id", "body"])
        if len(rows) < len(identities):
            raise IndexDamaged(
                f"Milvus at {self.milvus.place} has lost rows of version {self.version}. "
                "Load it again with `python -m index milvus load`."
            )
        return {row["id"]: read_passage(row["body"]) for row in rows}


class _Documents(Mapping[str, Mapping[str, Document]]):
    """Document id to versions by language. Which there are is known; a document's texts are fetched when wanted."""

    def __init__(self, milvus: Milvus, version: str, known: Mapping[str, Sequence[str]]) -> None:
        self._milvus = milvus
        self._version = version
        self._known = known
        self._kept: OrderedDict[str, dict[str, Document]] = OrderedDict()
        self._lock = Lock()

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, doc_id: object) -> bool:
        return doc_id in self._known

    def __getitem__(self, doc_id: str) -> Mapping[str, Document]:
        return _Versions(self._known[doc_id], partial(self._texts, doc_id))

    def _texts(self, doc_id: str) -> dict[str, Document]:
        with self._lock:
            if doc_id in self._kept:
                self._kept.move_to_end(doc_id)
                return self._kept[doc_id]
        found = self._fetch(doc_id, self._known[doc_id])
        with self._lock:
            self._kept[doc_id] = found
            while len(self._kept) > 1 and self._chars() > CHARS_KEPT:
                self._kept.popitem(last=False)
        return found

    def _chars(self) -> int:
        return sum(len(document.text) for versions in self._kept.values() for document in versions.values())

    def _fetch(self, doc_id: str, languages: Sequence[str]) -> dict[str, Document]:
        rows = self._milvus.query(self._version, "texts", f"doc_id == {quoted(doc_id)}", ["id", "language", "body"])
        rows.sort(key=_id)
        texts = {language: "".join(r["body"] for r in rows if r["language"] == language) for language in languages}
        place = Path(self._version)
        return {
            language: parse_document(text, doc_id=doc_id, language=language, path=place / f"{doc_id}.{language}")
            for language, text in texts.items()
        }


class _Versions(Mapping[str, Document]):
    """A document's versions by language."""

    def __init__(self, languages: Sequence[str], fetch: Callable[[], Mapping[str, Document]]) -> None:
        self._languages = languages
        self._fetch = fetch

    def __iter__(self) -> Iterator[str]:
        return iter(self._languages)

    def __len__(self) -> int:
        return len(self._languages)

    def __contains__(self, language: object) -> bool:
        return language in self._languages

    def __getitem__(self, language: str) -> Document:
        return self._fetch()[language]


def quoted(text: str) -> str:
    """A string as Milvus's filters write it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def among(field: str, values: Sequence[str]) -> str:
    return f"{field} in [{', '.join(quoted(value) for value in values)}]"


def _id(row: Mapping[str, Any]) -> int:
    return int(row["id"])


def _span(body: str) -> tuple[int, int, int]:
    passage, start, end = (int(part) for part in body.strip("[]").split(","))
    return passage, start, end
