"""A corpus as large as wanted, made of real passages: copies whose vectors are jittered and whose words are swapped.

The first copy is the real one. A further copy's vector is its passage's plus a quarter of the difference of two others
chosen at random, so that it strays the way that real texts differ; its text has one word in five replaced by a word of
the same language's passages, as often as that occurs there, and one replacement in twenty is a coined word, two words
in one, so that the vocabulary grows as well. The same row is the same text and vector on every run.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from corpus.collection import read_collection
from corpus.importing import import_sources
from corpus.passages import Passage, split_document
from index.dense import DenseIndex
from index.encoder import Encoder
from index.snapshot import PASSAGE_TOKENS, WORDING_ENTRIES, Snapshot, read_lexical, read_passages
from index.texts import EncodedTexts, digest, encode_texts, known_rows, mapped

OFFICIAL = ("ai-act.*.html", "code-*.pdf")
"""The official files among others: one file a text and language."""

STRAY, NOISE, SWAPPED, COINED = 0.25, 0.02, 0.2, 0.05
_SEED = 5
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Base:
    """The real passages, sorted by entry: `entries[i]` is the number of passage i's entry, int64 (n,), and
    `names[e]` its document and entry id. The snapshot's own come first."""

    passages: tuple[Passage, ...]
    entries: npt.NDArray[np.int64]
    names: tuple[tuple[str, str], ...]
    texts: EncodedTexts


def read_base(snapshot: Snapshot, official: Path | None, encoder: Encoder, folder: Path, threads: int) -> Base:
    """The snapshot's passages and, where the folder of official files is given, theirs, imported and encoded;
    `folder` keeps what is encoded for the next time."""
    more: list[Passage] = []
    if official is not None:
        if not (folder / "corpus").is_dir():
            files = sorted(str(path) for pattern in OFFICIAL for path in official.glob(pattern))
            import_sources(
                files, folder / "corpus", doc_id=None, language=None, retrieved="2026-01-01", timeout_seconds=600
            )
        documents = read_collection(folder / "corpus").documents
        more = [passage for document in documents for passage in split_document(document)]
    more = [replace(passage, doc_id=f"official-{passage.doc_id}") for passage in more]
    passages = [*snapshot.passages, *more]
    names = list(snapshot.entries)
    numbers = {name: number for number, name in enumerate(names)}
    for passage in more:
        name = (passage.doc_id, passage.entry_id)
        if name not in numbers:
            numbers[name] = len(names)
            names.append(name)
    passages.sort(key=lambda passage: (numbers[passage.doc_id, passage.entry_id], passage.language, passage.start))
    texts = _encoded([passage.searchable for passage in passages], snapshot, encoder, folder, threads)
    entries = np.array([numbers[passage.doc_id, passage.entry_id] for passage in passages], np.int64)
    return Base(tuple(passages), entries, tuple(names), texts)


def _encoded(texts: list[str], snapshot: Snapshot, encoder: Encoder, folder: Path, threads: int) -> EncodedTexts:
    """Mapped from disk, so that the base takes no memory of its own; encoded only where it is not there yet."""
    kept = folder / encoder.fingerprint
    known = [snapshot.passage_texts]
    if kept.is_dir():
        known.append(EncodedTexts.load(kept, "passages"))
        wanted = [digest(text, "passage", PASSAGE_TOKENS) for text in texts]
        if [bytes(row) for row in known[-1].digests] == wanted:
            return known[-1]
    kept.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(texts), desc="encode", disable=None) as bar:
        rows, _ = encode_texts(encoder, texts, "passage", known_rows(known), threads, bar.update, PASSAGE_TOKENS)
    rows.save(folder, "passages")
    for path in folder.glob("passages.*.npy"):
        path.replace(kept / path.name)  # whoever has the old ones mapped keeps them
    return EncodedTexts.load(kept, "passages")


class Grown:
    """So many passages: the base, and copies of it as often as needed, the last one cut short. Row i is passage
    i % n of copy i // n; each copy has entries and documents of its own."""

    def __init__(self, base: Base, count: int) -> None:
        self.base = base
        self.count = count
        self._words = [passage.text.split() for passage in base.passages]
        self._pools: dict[str, list[str]] = defaultdict(list)
        for passage, words in zip(base.passages, self._words, strict=True):
            self._pools[passage.language].extend(words)

    @property
    def copies(self) -> int:
        return -(-self.count // len(self.base.passages))

    def vectors(self) -> Iterator[Vectors]:
        """Copy after copy, float32 (n, d) of unit length."""
        real = self.base.texts.vectors
        for copy in range(self.copies):
            rows = min(len(real), self.count - copy * len(real))
            if copy == 0:
                yield real[:rows]
                continue
            rng = np.random.default_rng((_SEED, copy))
            one, other = rng.integers(0, len(real), (2, len(real)))
            moved = real + STRAY * (real[one] - real[other])
            moved += NOISE / real.shape[1] ** 0.5 * rng.standard_normal(real.shape, np.float32)
            yield np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)[:rows]

    def passages(self) -> Iterator[Passage]:
        copies = chain([iter(self.base.passages)], map(self._copied, range(1, self.copies)))
        return islice(chain.from_iterable(copies), self.count)

    def names(self) -> list[tuple[str, str]]:
        """Document and entry id of each entry."""
        return [
            (doc_id if copy == 0 else f"{doc_id}~{copy}", entry_id)
            for copy in range(self.copies)
            for doc_id, entry_id in self.base.names
        ]

    def entries(self) -> npt.NDArray[np.int64]:
        """The entry number of each row, int64 (count,)."""
        starts = np.arange(self.copies, dtype=np.int64) * len(self.base.names)
        everything: npt.NDArray[np.int64] = (starts[:, None] + self.base.entries[None, :]).ravel()
        return everything[: self.count]

    def texts(self, vectors: Vectors) -> EncodedTexts:
        """As a snapshot holds them; each copy has the token vectors of its original, whose time is the same."""
        real = self.base.texts
        tokens = int(real.offsets[-1])
        starts = np.arange(self.copies, dtype=np.int64) * tokens
        offsets = np.append((starts[:, None] + real.offsets[None, :-1]).ravel(), self.copies * tokens)
        return EncodedTexts(vectors, _Repeated(real.tokens), offsets, real.weights, real.digests)  # type: ignore[arg-type]

    def _copied(self, copy: int) -> Iterator[Passage]:
        rng = np.random.default_rng((_SEED, copy, 1))
        for passage, words in zip(self.base.passages, self._words, strict=True):
            pool = self._pools[passage.language]
            swapped, picked, coined = rng.random((3, len(words)))
            places = np.flatnonzero(swapped < SWAPPED)
            ones = (picked[places] * len(pool)).astype(int).tolist()
            # Where a word is coined, the same draw says of which second word.
            others = (coined[places] / COINED * len(pool)).astype(int).tolist()
            text = words.copy()
            for place, one, other in zip(places.tolist(), ones, others, strict=True):
                text[place] = pool[one] + pool[other] if other < len(pool) else pool[one]
            yield replace(
                passage,
                passage_id=f"{passage.passage_id}~{copy}",
                doc_id=f"{passage.doc_id}~{copy}",
                text=" ".join(text),
            )


class _Repeated:
    """Rows of an array, over and over; a slice lies within one repetition."""

    def __init__(self, rows: npt.NDArray[np.int8]) -> None:
        self._rows = rows

    def __getitem__(self, span: slice) -> npt.NDArray[np.int8]:
        start = span.start % len(self._rows)
        return self._rows[start : start + span.stop - span.start]


def write_rows(grown: Grown, folder: Path) -> None:
    """The vectors and passages of a grown corpus, as a snapshot holds them, a copy at a time in memory."""
    dimension = grown.base.texts.vectors.shape[1]
    vectors = np.lib.format.open_memmap(
        folder / "passages.vectors.npy", mode="w+", dtype=np.float32, shape=(grown.count, dimension)
    )
    start = 0
    for part in grown.vectors():
        vectors[start : start + len(part)] = part
        start += len(part)
    vectors.flush()
    names = [field.name for field in fields(Passage)]
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as file:
        for passage in grown.passages():
            row = {name: getattr(passage, name) for name in names}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def opened(grown: Grown, folder: Path, snapshot: Snapshot) -> Snapshot:
    """The snapshot that the base began with, its passages replaced by the grown ones built in the folder; its question
    keys stay."""
    vectors = mapped(folder / "passages.vectors.npy")
    names, entries = grown.names(), grown.entries()
    ranges = np.searchsorted(entries, np.arange(len(names) + 1)).astype(np.int64)
    keys = np.full((len(names), 2), len(snapshot.key_entries), np.int64)
    keys[: len(snapshot.key_ranges)] = snapshot.key_ranges
    return replace(
        snapshot,
        entries=tuple(names),
        passages=read_passages(folder),
        passage_entries=entries,
        passage_ranges=np.stack([ranges[:-1], ranges[1:]], axis=1),
        passage_texts=grown.texts(vectors),
        passage_index=DenseIndex.load(folder / "passages.faiss", vectors),
        key_ranges=keys,
        lexical_text=read_lexical(folder / "lexical_text"),
        lexical_entry=snapshot.lexical_entry if len(names) <= WORDING_ENTRIES else {},
    )
