"""The contents of a snapshot: built from a corpus, loaded for search."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from corpus.collection import Collection
from corpus.documents import Document, parse_document, read_text
from corpus.passages import SPLITTER, Passage, split_document
from corpus.questions import BankQuestion, Negative
from corpus.sentences import sentence_spans
from index.analysis import ANALYSIS
from index.contents import Sentences
from index.dense import DenseIndex
from index.encoder import Encoder, Side
from index.entries import entry_number, passage_rows
from index.errors import IndexDamaged, IndexMismatch, IndexMissing
from index.lease import Lease
from index.lexical import GRAMS, WORDS, Analyzer, LexicalIndex
from index.projection import PROJECTION, fit_projection, project
from index.records import read_records
from index.spelling import SPELLING, Spelling
from index.store import (
    FORMAT,
    Manifest,
    building,
    checksums,
    current_version,
    index_version,
    publish,
    read_manifest,
    set_current,
    verify,
)
from index.texts import EncodedTexts, encode_texts, known_rows, mapped

T = TypeVar("T", Passage, BankQuestion, "Wording")
Progress = Callable[[str, int, int], None]
"""Hears of the stage, how many are done, and of how many."""

PASSAGE_TOKENS = 64
"""Token vectors kept of a passage, its most telling: MaxSim over more finds nothing more (eval/LOG.md)."""

KEY_TOKENS = 12
"""And of a question key."""

WORDING_ENTRIES = 20_000
"""Entries up to which all that an entry says and is asked is searched by pieces of words, and questions are mended by
the words there are: beyond, the postings would take more disk and more of a question's time than all else."""

_FITTED_TO = "projection.sha256"
_INDEXED = "texts.sha256"
_BLOCKS = ("passages", "sentences", "keys", "negatives")
_PACKAGES = ("faiss-cpu", "bm25s", "numpy", "onnxruntime", "sentencepiece", "sentencex", "pystemmer")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An index in memory, its arrays memory-mapped, and its passages as well where they are many.

    Entries are numbered by document and place; passages and keys are sorted by entry, and
    `passage_ranges[e]`, `key_ranges[e]` are the half-open row ranges of entry e, int64 (e, 2).
    `sentence_spans[i]` are a sentence's document offsets and `sentence_ranges[p]` the sentences of passage row p.
    `language_means` maps a language to the mean vector of the questions asked in it; a question's vector less that
    mean, through `projection`, float32 (k, d), is comparable with `key_vectors` and `negative_vectors`, (n, k). While
    the snapshot is in memory, its lease keeps the files from being pruned.
    """

    manifest: Manifest
    lease: Lease
    documents: dict[str, dict[str, Document]]
    entries: tuple[tuple[str, str], ...]
    passages: Sequence[Passage]
    passage_entries: npt.NDArray[np.int64]
    passage_ranges: npt.NDArray[np.int64]
    passage_texts: EncodedTexts
    passage_index: DenseIndex
    sentence_spans: npt.NDArray[np.int64]
    sentence_ranges: npt.NDArray[np.int64]
    sentence_texts: EncodedTexts
    key_entries: npt.NDArray[np.int64]
    key_ranges: npt.NDArray[np.int64]
    key_texts: EncodedTexts
    key_vectors: npt.NDArray[np.float32]
    key_index: DenseIndex
    negatives: tuple[Negative, ...]
    negative_vectors: npt.NDArray[np.float32]
    language_means: dict[str, npt.NDArray[np.float32]]
    projection: npt.NDArray[np.float32]
    lexical_text: dict[str, LexicalIndex]
    lexical_key: dict[str, LexicalIndex]
    lexical_entry: dict[str, LexicalIndex]
    spelling: Spelling

    @property
    def question_counts(self) -> Mapping[str, int]:
        """Language to how many questions of the bank are in it."""
        return {language: len(leg.rows) for language, leg in self.lexical_key.items()}

    def questions(self) -> Iterator[BankQuestion]:
        """The bank's questions in the order of the keys, read anew: searching needs none of their texts."""
        with (self.lease.folder / "keys.jsonl").open(encoding="utf-8") as file:
            for line in file:
                yield BankQuestion(**json.loads(line))

    def passage(self, doc_id: str, passage_id: str) -> Passage | None:
        own = (self.passages[row] for row in passage_rows(self, doc_id))
        return next((passage for passage in own if passage.passage_id == passage_id), None)

    def sentences(self, entry: tuple[str, str], languages: Sequence[str]) -> dict[str, Sentences]:
        """Language to the entry's sentences, for those of `languages` that it has. Raises ValueError."""
        start, end = self.passage_ranges[entry_number(self, entry)].tolist()
        rows: dict[str, list[tuple[int, int]]] = {}
        for row in range(start, end):
            if self.passages[row].language in languages:
                own = rows.setdefault(self.passages[row].language, [])
                own.extend((sentence, row) for sentence in range(*self.sentence_ranges[row].tolist()))
        return {
            language: Sentences(
                texts=self.sentence_texts,
                numbers=[sentence for sentence, _ in own],
                spans=[(first, last) for first, last in self.sentence_spans[[s for s, _ in own]].tolist()],
                passages=[self.passages[row] for _, row in own],
            )
            for language, own in rows.items()
            if own
        }


def comparable(snapshot: Snapshot, vector: npt.NDArray[np.float32], language: str) -> npt.NDArray[np.float32]:
    """A question's sentence vector as it compares with keys and negatives: float32 (d,), unit length."""
    return project(centred(vector, snapshot.language_means.get(language)), snapshot.projection)


def centred(vectors: npt.NDArray[np.float32], mean: npt.NDArray[np.float32] | None) -> npt.NDArray[np.float32]:
    """Rows less their language's mean, of unit length again: e5 vectors of one language share a large common part."""
    moved = vectors if mean is None else vectors - mean
    norms = np.linalg.norm(moved, axis=-1, keepdims=True)
    result: npt.NDArray[np.float32] = (moved / np.maximum(norms, 1e-6)).astype(np.float32)
    return result


def _ranges(numbers: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    places = np.arange(count)
    starts, ends = np.searchsorted(numbers, places, "left"), np.searchsorted(numbers, places, "right")
    return np.stack([starts, ends], axis=1).astype(np.int64)


def _entry_numbers(documents: dict[str, dict[str, Document]]) -> dict[tuple[str, str], int]:
    numbers: dict[tuple[str, str], int] = {}
    for doc_id in sorted(documents):
        for language in sorted(documents[doc_id]):
            for entry in documents[doc_id][language].entries:
                numbers.setdefault((doc_id, entry.entry_id), len(numbers))
    return numbers


def build_snapshot(
    collection: Collection, encoder: Encoder, root: Path, *, threads: int, progress: Progress
) -> tuple[Manifest, int]:
    """Build and publish an index of the collection; returns its manifest and how many texts were encoded anew.

    Where the very same index is there already, undamaged, it is only made current. Raises IndexBusy.
    """
    analysis = f"{ANALYSIS} {SPELLING} {PASSAGE_TOKENS} {KEY_TOKENS}"
    version = index_version(collection.sha256, encoder.fingerprint, SPLITTER, analysis)
    with building(root) as folder:
        existing = root / version
        if existing.is_dir():
            try:
                manifest = read_manifest(existing)
                verify(existing, manifest)
            except (IndexDamaged, IndexMismatch):
                pass
            else:
                os.utime(existing)  # it is the newest again, for a rollback and for pruning
                set_current(root, version)
                return manifest, 0
        previous = _reusable(root, encoder)
        known = known_rows([] if previous is None else [EncodedTexts.load(previous, name) for name in _BLOCKS])
        documents = collection.versions()
        numbers = _entry_numbers(documents)
        passages = [passage for document in collection.documents for passage in split_document(document)]
        passages.sort(key=lambda p: (numbers[p.doc_id, p.entry_id], p.language, p.start))
        passage_entries = np.array([numbers[p.doc_id, p.entry_id] for p in passages], np.int64)
        bank = sorted(collection.bank, key=lambda q: (numbers[q.doc_id, q.entry_id], q.language, q.text))
        key_entries = np.array([numbers[q.doc_id, q.entry_id] for q in bank], np.int64)
        sentences = [
            (row, passage.start + start, passage.start + end)
            for row, passage in enumerate(passages)
            for start, end in sentence_spans(passage.text, passage.language)
        ]
        sentence_passages = np.array([row for row, _, _ in sentences], np.int64)
        sentence_texts = [
            documents[passages[row].doc_id][passages[row].language].text[start:end] for row, start, end in sentences
        ]
        total = len(passages) + len(sentences) + len(bank) + len(collection.negatives)
        done = new = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress("encode", done, total)

        blocks: dict[str, EncodedTexts] = {}
        todo: tuple[tuple[str, list[str], Side, int | None], ...] = (
            ("passages", [p.searchable for p in passages], "passage", PASSAGE_TOKENS),
            ("sentences", sentence_texts, "passage", None),
            ("keys", [q.text for q in bank], "query", KEY_TOKENS),
            ("negatives", [n.text for n in collection.negatives], "query", None),
        )
        for name, texts, side, most_tokens in todo:
            blocks[name], fresh = encode_texts(encoder, texts, side, known, threads, advance, most_tokens)
            blocks[name].save(folder, name)
            new += fresh
        progress("index", 0, 1)
        _write_lists(folder, numbers, passages, bank, collection)
        np.save(folder / "passage_entries.npy", passage_entries)
        np.save(folder / "key_entries.npy", key_entries)
        np.save(folder / "sentence_passages.npy", sentence_passages)
        np.save(folder / "sentence_spans.npy", np.array([s[1:] for s in sentences], np.int64).reshape(-1, 2))
        question_languages = np.array([q.language for q in bank] + [n.language for n in collection.negatives])
        question_vectors = np.concatenate([blocks["keys"].vectors, blocks["negatives"].vectors])
        means = {
            str(language): question_vectors[question_languages == language].mean(axis=0)
            for language in np.unique(question_languages)
        }
        np.savez(folder / "language_means.npz", **means)
        keys = _centre_all(blocks["keys"].vectors, [q.language for q in bank], means)
        negatives = _centre_all(blocks["negatives"].vectors, [n.language for n in collection.negatives], means)
        projection = _fitted(previous, folder, keys, key_entries, negatives)
        np.save(folder / "keys.projected.npy", project(keys, projection))
        np.save(folder / "negatives.projected.npy", project(negatives, projection))
        DenseIndex.build(blocks["passages"].vectors, blocks["keys"].vectors).save(folder / "passages.faiss")
        DenseIndex.build(np.load(folder / "keys.projected.npy")).save(folder / "keys.faiss")

        def lexical(
            name: str, members: Sequence[T], text: Callable[[T], str], entries: npt.NDArray[np.int64], by: Analyzer
        ) -> None:
            write_lexical(folder / name, members, text, entries, by, previous and previous / name)

        lexical("lexical_text", passages, lambda passage: passage.searchable, passage_entries, WORDS)
        lexical("lexical_key", bank, lambda question: question.text, key_entries, WORDS)
        spoken: list[tuple[str, str]] = []
        if len(numbers) <= WORDING_ENTRIES:
            wordings, wording_entries = _wordings(passages, passage_entries, bank, key_entries)
            lexical("lexical_entry", wordings, lambda wording: wording.text, wording_entries, GRAMS)
            spoken = [(wording.language, wording.text) for wording in wordings]
            spoken += [(negative.language, negative.text) for negative in collection.negatives]
        (folder / "spelling.json").write_bytes(Spelling.of(spoken).encoded())
        manifest = Manifest(
            version=version,
            format=FORMAT,
            built=datetime.now(UTC).isoformat(timespec="seconds"),
            encoder=encoder.name,
            fingerprint=encoder.fingerprint,
            dimension=encoder.dimension,
            token_dimension=blocks["passages"].tokens.shape[1],
            corpus_sha256=collection.sha256,
            splitter=SPLITTER,
            counts={
                "documents": len(collection.documents),
                "entries": len(numbers),
                "passages": len(passages),
                "sentences": len(sentences),
                "keys": len(bank),
                "negatives": len(collection.negatives),
            },
            packages={name: package_version(name) for name in _PACKAGES},
            files=checksums(folder),
        )
        publish(folder, root, manifest)
        progress("index", 1, 1)
    return manifest, new


def _reusable(root: Path, encoder: Encoder) -> Path | None:
    """The current index, where the same encoder encoded it and it is undamaged."""
    try:
        folder = root / current_version(root)
        manifest = read_manifest(folder)
        if manifest.fingerprint != encoder.fingerprint:
            return None
        verify(folder, manifest)
    except (IndexMissing, IndexDamaged, IndexMismatch):
        return None
    return folder


def _fitted(
    previous: Path | None,
    folder: Path,
    keys: npt.NDArray[np.float32],
    key_entries: npt.NDArray[np.int64],
    negatives: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """The projection, written to `folder`: that of the index before, where it was fitted to the very same questions."""
    groups = np.unique(key_entries, return_inverse=True)[1]  # another entry in between moves the numbers only
    inputs = hashlib.sha256(PROJECTION.encode())
    for part in (keys, groups, negatives):
        inputs.update(np.ascontiguousarray(part).data)
    (folder / _FITTED_TO).write_text(inputs.hexdigest(), encoding="ascii")
    if previous is not None and _holds(previous / _FITTED_TO, inputs.hexdigest()):
        projection = np.asarray(np.load(previous / "projection.npy"), np.float32)
    else:
        projection = fit_projection(keys, key_entries, negatives)
    np.save(folder / "projection.npy", projection)
    return projection


def _write_lists(
    folder: Path,
    numbers: dict[tuple[str, str], int],
    passages: list[Passage],
    bank: list[BankQuestion],
    collection: Collection,
) -> None:
    for document in collection.documents:
        path = folder / "documents" / document.doc_id / f"{document.language}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(document.text.encode("utf-8"))
    rows: dict[str, list[object]] = {
        "entries": [list(key) for key in numbers],
        "passages": [asdict(passage) for passage in passages],
        "keys": [asdict(question) for question in bank],
        "negatives": [asdict(negative) for negative in collection.negatives],
    }
    for name, values in rows.items():
        lines = (json.dumps(value, ensure_ascii=False) + "\n" for value in values)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _centre_all(
    vectors: npt.NDArray[np.float32], languages: list[str], means: dict[str, npt.NDArray[np.float32]]
) -> npt.NDArray[np.float32]:
    if not languages:
        return np.zeros((0, vectors.shape[1]), np.float32)
    return centred(vectors, np.stack([means[language] for language in languages]))


@dataclass(frozen=True, slots=True)
class Wording:
    """All that an entry says and is asked in one language."""

    language: str
    text: str


def _wordings(
    passages: Sequence[Passage],
    passage_entries: npt.NDArray[np.int64],
    bank: Sequence[BankQuestion],
    key_entries: npt.NDArray[np.int64],
) -> tuple[list[Wording], npt.NDArray[np.int64]]:
    """A wording for each entry and language, by entry, and their entries, int64 (n,)."""
    texts: dict[tuple[int, str], list[str]] = {}
    for number, passage in zip(passage_entries.tolist(), passages, strict=True):
        texts.setdefault((number, passage.language), []).append(passage.searchable)
    for number, question in zip(key_entries.tolist(), bank, strict=True):
        texts.setdefault((number, question.language), []).append(question.text)
    ordered = sorted(texts)
    wordings = [Wording(language, "\n".join(texts[number, language])) for number, language in ordered]
    return wordings, np.array([number for number, _ in ordered], np.int64)


def write_lexical(
    folder: Path,
    members: Sequence[T],
    text: Callable[[T], str],
    entries: npt.NDArray[np.int64],
    analyzer: Analyzer = WORDS,
    previous: Path | None = None,
) -> None:
    """One index for each language of the members (passages, questions or wordings), their texts taken one by one.

    A language whose texts are those of the `previous` folder is copied from there.
    """
    languages = np.array([member.language for member in members])
    for language in np.unique(languages).tolist():
        chosen = np.flatnonzero(languages == language)
        inputs = hashlib.sha256(f"{ANALYSIS} {analyzer.k1} {analyzer.b}".encode())
        inputs.update(entries[chosen].astype("<i8").tobytes())
        for number in chosen.tolist():
            inputs.update(hashlib.sha256(text(members[number]).encode("utf-8", "surrogatepass")).digest())
        known = None if previous is None else previous / language
        if known is not None and _holds(known / _INDEXED, inputs.hexdigest()):
            shutil.copytree(known, folder / language)
            continue
        texts = (text(members[number]) for number in chosen.tolist())
        LexicalIndex.build(language, texts, entries[chosen], analyzer).save(folder / language)
        (folder / language / _INDEXED).write_text(inputs.hexdigest(), encoding="ascii")


def _holds(path: Path, value: str) -> bool:
    return path.is_file() and path.read_text(encoding="ascii") == value


def require_encoder(manifest: Manifest, fingerprint: str) -> None:
    """Raises IndexMismatch when the index was built with another encoder."""
    if manifest.fingerprint != fingerprint:
        raise IndexMismatch(
            f"The index {manifest.version} was built with the encoder {manifest.fingerprint}, not {fingerprint}. "
            "Run `make index` to build it with this one."
        )


def load_snapshot(root: Path, encoder_fingerprint: str | None, version: str | None = None) -> Snapshot:
    """Load an index, the current one unless named, after checking every checksum and the encoder.

    Raises IndexMissing, IndexDamaged or IndexMismatch, each naming the remedy.
    """
    folder = root / (version or current_version(root))
    manifest = read_manifest(folder)
    lease = Lease(folder)  # before the checksums: what they hold for stays
    verify(folder, manifest)
    if encoder_fingerprint is not None:
        require_encoder(manifest, encoder_fingerprint)

    def lines(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]

    documents: dict[str, dict[str, Document]] = {}
    for path in sorted((folder / "documents").glob("*/*.md")):
        doc_id, language = path.parent.name, path.stem
        document = parse_document(read_text(path), doc_id=doc_id, language=language, path=path)
        documents.setdefault(doc_id, {})[language] = document
    entries = tuple((row[0], row[1]) for row in lines("entries"))  # type: ignore[index]
    passages = read_passages(folder)
    passage_entries = np.load(folder / "passage_entries.npy")
    key_entries = np.load(folder / "key_entries.npy")
    passage_texts = EncodedTexts.load(folder, "passages")
    key_vectors = mapped(folder / "keys.projected.npy")
    with np.load(folder / "language_means.npz") as stored:
        means = {name: stored[name].astype(np.float32) for name in stored.files}
    return Snapshot(
        manifest=manifest,
        lease=lease,
        documents=documents,
        entries=entries,
        passages=passages,
        passage_entries=passage_entries,
        passage_ranges=_ranges(passage_entries, len(entries)),
        passage_texts=passage_texts,
        passage_index=DenseIndex.load(folder / "passages.faiss", passage_texts.vectors),
        sentence_spans=np.load(folder / "sentence_spans.npy"),
        sentence_ranges=_ranges(np.load(folder / "sentence_passages.npy"), len(passages)),
        sentence_texts=EncodedTexts.load(folder, "sentences"),
        key_entries=key_entries,
        key_ranges=_ranges(key_entries, len(entries)),
        key_texts=EncodedTexts.load(folder, "keys"),
        key_vectors=key_vectors,
        key_index=DenseIndex.load(folder / "keys.faiss", key_vectors),
        negatives=tuple(Negative(**row) for row in lines("negatives")),
        negative_vectors=mapped(folder / "negatives.projected.npy"),
        language_means=means,
        projection=np.load(folder / "projection.npy"),
        lexical_text=read_lexical(folder / "lexical_text"),
        lexical_key=read_lexical(folder / "lexical_key"),
        lexical_entry=read_lexical(folder / "lexical_entry", GRAMS),
        spelling=Spelling.decoded((folder / "spelling.json").read_bytes()),
    )


def read_passages(folder: Path) -> Sequence[Passage]:
    return read_records(folder / "passages.jsonl", lambda row: Passage(**{**row, "path": tuple(row["path"])}))


def read_lexical(folder: Path, analyzer: Analyzer = WORDS) -> dict[str, LexicalIndex]:
    if not folder.is_dir():
        return {}
    return {path.name: LexicalIndex.load(path.name, path, analyzer) for path in sorted(folder.iterdir())}
