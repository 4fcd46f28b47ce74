"""Snapshots of the tiny corpus: what they hold, when they are built anew, and what a killed build leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import BANK, CHECKOUT, ENGLISH, FRENCH, NEGATIVES, ToyEncoder, write_corpus

from corpus.collection import Collection, read_collection
from corpus.passages import SPLITTER, split_document
from corpus.sentences import sentence_spans
from index.analysis import ANALYSIS
from index.encoder import ENCODER_NAME, OnnxEncoder, Vectors, ensure_model
from index.errors import IndexDamaged, IndexMismatch, IndexMissing
from index.lexical import GRAMS, WORDS, Analyzer, LexicalIndex
from index.projection import fit_projection
from index.snapshot import KEY_TOKENS, PASSAGE_TOKENS, Snapshot, build_snapshot, centred, load_snapshot
from index.spelling import SPELLING
from index.store import Manifest, current_version, index_version, read_manifest

COUNTS = {"documents": 2, "entries": 3, "passages": 6, "sentences": 10, "keys": 5, "negatives": 3}
TEXTS = sum(COUNTS[name] for name in ("passages", "sentences", "keys", "negatives"))


def build(collection: Collection, root: Path, encoder: ToyEncoder) -> tuple[Manifest, int]:
    return build_snapshot(collection, encoder, root, threads=1, progress=lambda *_: None)


def other_encoder() -> ToyEncoder:
    encoder = ToyEncoder()
    encoder.fingerprint = "toy-2"
    return encoder


def test_the_manifest_says_what_was_built_from_what(tmp_path: Path, collection: Collection) -> None:
    manifest, new = build(collection, tmp_path, ToyEncoder())
    assert manifest.counts == COUNTS
    assert manifest.counts["sentences"] == sum(
        len(sentence_spans(d.body(e), d.language)) for d in collection.documents for e in d.entries
    )
    assert new == TEXTS
    assert manifest.version == index_version(
        collection.sha256, "toy-1", SPLITTER, f"{ANALYSIS} {SPELLING} {PASSAGE_TOKENS} {KEY_TOKENS}"
    )
    assert (manifest.encoder, manifest.fingerprint, manifest.dimension) == ("toy", "toy-1", ToyEncoder.dimension)
    assert (manifest.corpus_sha256, manifest.splitter) == (collection.sha256, SPLITTER)
    assert {"faiss-cpu", "bm25s", "numpy"} <= set(manifest.packages)
    assert read_manifest(tmp_path / manifest.version) == manifest


def test_a_snapshot_holds_the_corpus_by_entry(snapshot: Snapshot, collection: Collection) -> None:
    assert snapshot.entries == (("faq", "withdraw"), ("faq", "deadline"), ("faq", "person"))
    assert snapshot.documents == collection.versions()
    expected = sorted(
        (passage for document in collection.documents for passage in split_document(document)),
        key=lambda p: (snapshot.entries.index((p.doc_id, p.entry_id)), p.language),
    )
    assert snapshot.passages == tuple(expected)
    for number, (doc_id, entry_id) in enumerate(snapshot.entries):
        start, end = snapshot.passage_ranges[number]
        rows = [row for row, p in enumerate(snapshot.passages) if (p.doc_id, p.entry_id) == (doc_id, entry_id)]
        assert rows == list(range(start, end)) == np.flatnonzero(snapshot.passage_entries == number).tolist()
        start, end = snapshot.key_ranges[number]
        rows = [row for row, key in enumerate(snapshot.questions()) if (key.doc_id, key.entry_id) == (doc_id, entry_id)]
        assert rows == list(range(start, end)) == np.flatnonzero(snapshot.key_entries == number).tolist()
    assert set(snapshot.questions()) == set(collection.bank)
    assert snapshot.negatives == collection.negatives


def test_vectors_are_those_of_the_texts_they_stand_for(snapshot: Snapshot) -> None:
    encoder = ToyEncoder()
    for row, passage in enumerate(snapshot.passages):
        expected = encoder.encode(passage.searchable, "passage").sentence
        assert snapshot.passage_texts.vectors[row].tolist() == expected.tolist()
    for row, key in enumerate(snapshot.questions()):
        assert snapshot.key_texts.vectors[row].tolist() == encoder.encode(key.text, "query").sentence.tolist()


def test_sentences_are_document_offsets_by_passage(snapshot: Snapshot) -> None:
    for row, passage in enumerate(snapshot.passages):
        start, end = snapshot.sentence_ranges[row]
        text = snapshot.documents[passage.doc_id][passage.language].text
        found = [text[a:b] for a, b in snapshot.sentence_spans[start:end]]
        assert found == [passage.text[a:b] for a, b in sentence_spans(passage.text, passage.language)]
        for sentence, place in zip(found, range(start, end), strict=True):
            expected = ToyEncoder().encode(sentence, "passage").sentence
            assert snapshot.sentence_texts.vectors[place].tolist() == expected.tolist()
    assert len(snapshot.sentence_spans) == COUNTS["sentences"]


def test_questions_are_centred_on_the_mean_of_their_language(snapshot: Snapshot) -> None:
    encoder = ToyEncoder()
    asked = [key.text for key in snapshot.questions()] + [negative.text for negative in snapshot.negatives]
    mean = np.mean([encoder.encode(text, "query").sentence for text in asked], axis=0)
    assert set(snapshot.language_means) == {"en"}
    np.testing.assert_allclose(snapshot.language_means["en"], mean, atol=1e-6)
    moved = [encoder.encode(text, "query").sentence - mean for text in asked]
    expected = np.stack([vector / np.linalg.norm(vector) for vector in moved])
    np.testing.assert_allclose(np.concatenate([snapshot.key_vectors, snapshot.negative_vectors]), expected, atol=1e-5)


def test_centring_without_a_mean_or_of_the_mean_itself() -> None:
    vectors = np.array([[3, 4], [1, 0]], np.float32)
    np.testing.assert_allclose(centred(vectors, None), [[0.6, 0.8], [1.0, 0.0]], atol=1e-6)
    assert centred(vectors[1], vectors[1]).tolist() == [0, 0], "no division by zero"


def test_each_language_has_its_lexical_index(snapshot: Snapshot) -> None:
    assert set(snapshot.lexical_text) == {"en", "fr"}
    assert set(snapshot.lexical_key) == {"en"}
    for language, leg in snapshot.lexical_text.items():
        rows = [row for row, passage in enumerate(snapshot.passages) if passage.language == language]
        assert leg.rows.tolist() == snapshot.passage_entries[rows].tolist()
    assert set(snapshot.lexical_entry) == {"en", "fr"}
    for language, leg in snapshot.lexical_entry.items():
        spoken = {
            e
            for e, p in zip(snapshot.passage_entries.tolist(), snapshot.passages, strict=True)
            if p.language == language
        }
        asked = {
            e
            for e, q in zip(snapshot.key_entries.tolist(), snapshot.questions(), strict=True)
            if q.language == language
        }
        assert leg.rows.tolist() == sorted(spoken | asked), "each entry once"
    best = snapshot.lexical_text["fr"].scores("cadre supérieur").argmax()
    assert snapshot.entries[snapshot.lexical_text["fr"].rows[best]] == ("faq", "person")


def test_an_entry_s_words_are_those_of_its_text_and_its_questions(snapshot: Snapshot) -> None:
    english = snapshot.lexical_entry["en"]
    texts: dict[int, list[str]] = {}
    for entry, passage in zip(snapshot.passage_entries.tolist(), snapshot.passages, strict=True):
        if passage.language == "en":
            texts.setdefault(entry, []).append(passage.searchable)
    for entry, question in zip(snapshot.key_entries.tolist(), snapshot.questions(), strict=True):
        texts.setdefault(entry, []).append(question.text)
    plain = LexicalIndex.build("en", ["\n".join(texts[e]) for e in sorted(texts)], np.array(sorted(texts)), GRAMS)
    for asked in ("signature withdrawn", "deadline to sign", "senior managr"):
        assert english.scores(asked).tolist() == plain.scores(asked).tolist()
        assert english.scores(asked).max() > 0


def test_only_the_languages_that_changed_are_analysed_anew(
    index_root: Path, corpus_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_snapshot(index_root, None)
    built: list[tuple[str, float]] = []
    analyse = LexicalIndex.build.__func__  # type: ignore[attr-defined]

    def counted(
        cls: type[LexicalIndex], language: str, texts: object, rows: object, analyzer: Analyzer
    ) -> LexicalIndex:
        built.append((language, analyzer.k1))
        found: LexicalIndex = analyse(cls, language, texts, rows, analyzer)
        return found

    monkeypatch.setattr(LexicalIndex, "build", classmethod(counted))
    path = corpus_folder / "questions/faq/en.yaml"
    path.write_text(BANK + '  - "whose name goes on the form"\n', encoding="utf-8")
    manifest, _ = build(read_collection(corpus_folder), index_root, ToyEncoder())
    assert sorted(built) == [("en", GRAMS.k1), ("en", WORDS.k1)], "the questions and the wordings, no passage"
    afresh, _ = build(read_collection(corpus_folder), index_root.parent / "afresh", ToyEncoder())
    assert manifest.files == afresh.files
    again = load_snapshot(index_root, None)
    assert again.lexical_entry["fr"].scores("cadre").tolist() == before.lexical_entry["fr"].scores("cadre").tolist()


def test_many_entries_are_not_searched_by_pieces(
    tmp_path: Path, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.snapshot.WORDING_ENTRIES", 1)
    build(collection, tmp_path / "many", ToyEncoder())
    many = load_snapshot(tmp_path / "many", None)
    assert (many.lexical_entry, many.spelling.stored) == ({}, {})


def test_the_same_corpus_gives_the_same_version_and_files(tmp_path: Path, collection: Collection) -> None:
    one, _ = build(collection, tmp_path / "one", ToyEncoder())
    two, _ = build(read_collection(write_corpus(tmp_path / "again")), tmp_path / "two", ToyEncoder())
    assert one.version == two.version
    assert one.files == two.files


def test_building_again_encodes_nothing(index_root: Path, collection: Collection) -> None:
    encoder = ToyEncoder()
    before = current_version(index_root)
    manifest, new = build(collection, index_root, encoder)
    assert (manifest.version, new, encoder.encoded) == (before, 0, 0)


def test_only_what_changed_is_encoded_again(index_root: Path, corpus_folder: Path) -> None:
    before = current_version(index_root)
    path = corpus_folder / "questions/faq/en.yaml"
    path.write_text(BANK + '  - "whose name goes on the form"\n', encoding="utf-8")
    path = corpus_folder / "data/faq/en.md"
    path.write_text(ENGLISH.replace("by a senior manager", "by a director"), encoding="utf-8")
    encoder = ToyEncoder()
    manifest, new = build(read_collection(corpus_folder), index_root, encoder)
    changed = 1 + 1 + 1  # the question, the passage, its one sentence
    assert (new, encoder.encoded) == (changed, changed)
    assert manifest.version == current_version(index_root) != before
    afresh, _ = build(read_collection(corpus_folder), index_root.parent / "afresh", ToyEncoder())
    assert manifest.files == afresh.files, "what was kept is what would be encoded"


def test_the_projection_is_fitted_anew_only_for_other_questions(
    index_root: Path, corpus_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(questions: Vectors, entries: npt.NDArray[np.int64], unanswered: Vectors) -> Vectors:
        sizes.append(len(questions))
        return fit_projection(questions, entries, unanswered)

    monkeypatch.setattr("index.snapshot.fit_projection", counted)
    path = corpus_folder / "data/faq/en.md"
    path.write_text(ENGLISH.replace("by a senior manager", "by a director"), encoding="utf-8")
    build(read_collection(corpus_folder), index_root, ToyEncoder())
    assert sizes == [], "the text has changed, no question has"
    path = corpus_folder / "questions/faq/en.yaml"
    path.write_text(BANK + '  - "whose name goes on the form"\n', encoding="utf-8")
    manifest, _ = build(read_collection(corpus_folder), index_root, ToyEncoder())
    assert sizes == [manifest.counts["keys"]]


def test_another_encoder_shares_nothing(index_root: Path, collection: Collection) -> None:
    before = current_version(index_root)
    manifest, new = build(collection, index_root, other_encoder())
    assert new == TEXTS
    assert manifest.version != before
    with pytest.raises(IndexMismatch, match=r"built with the encoder toy-2, not toy-1.*Run `make index`"):
        load_snapshot(index_root, "toy-1")
    assert load_snapshot(index_root, "toy-1", version=before).manifest.version == before
    assert load_snapshot(index_root, None).manifest.fingerprint == "toy-2"


def test_going_back_to_an_index_that_is_there_only_makes_it_current(index_root: Path, collection: Collection) -> None:
    before = current_version(index_root)
    build(collection, index_root, other_encoder())
    encoder = ToyEncoder()
    manifest, new = build(collection, index_root, encoder)
    assert (manifest.version, new, encoder.encoded) == (before, 0, 0)
    assert current_version(index_root) == before


def test_a_damaged_index_is_refused_and_built_anew(index_root: Path, collection: Collection) -> None:
    version = current_version(index_root)
    path = index_root / version / "keys.vectors.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexDamaged, match=r"keys\.vectors\.npy has checksum"):
        load_snapshot(index_root, "toy-1")
    manifest, new = build(collection, index_root, ToyEncoder())
    assert (manifest.version, new) == (version, TEXTS), "nothing of the damaged index is trusted"
    load_snapshot(index_root, "toy-1")


def test_no_index_is_missing(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match="Run `make index`"):
        load_snapshot(tmp_path, "toy-1")


def test_an_unreadable_index_format_is_not_reused(index_root: Path, collection: Collection) -> None:
    path = index_root / current_version(index_root) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": "0"}))
    with pytest.raises(IndexMismatch, match="has format '0'"):
        load_snapshot(index_root, "toy-1")
    _, new = build(collection, index_root, ToyEncoder())
    assert new == TEXTS


def test_progress_counts_every_text_up_to_the_total(tmp_path: Path, collection: Collection) -> None:
    heard: list[tuple[str, int, int]] = []
    build_snapshot(collection, ToyEncoder(), tmp_path, threads=1, progress=lambda *step: heard.append(step))
    assert [step for step in heard if step[0] == "encode"] == [("encode", n, TEXTS) for n in range(1, TEXTS + 1)]
    assert heard[-2:] == [("index", 0, 1), ("index", 1, 1)]


def test_a_corpus_without_questions_can_be_indexed(tmp_path: Path) -> None:
    path = tmp_path / "faq" / "fr.md"
    path.parent.mkdir()
    path.write_text(FRENCH, encoding="utf-8")
    build(read_collection(tmp_path), tmp_path / "out", ToyEncoder())
    snapshot = load_snapshot(tmp_path / "out", "toy-1")
    assert (tuple(snapshot.questions()), snapshot.negatives, snapshot.language_means, snapshot.lexical_key) == (
        (),
        (),
        {},
        {},
    )
    assert len(snapshot.passages) == len(snapshot.entries) == 3


def test_a_killed_build_leaves_the_old_index_serving_and_its_remains_go(tmp_path: Path) -> None:
    corpus, root = write_corpus(tmp_path / "corpus"), tmp_path / "snapshots"
    encoder = OnnxEncoder(ensure_model())
    build_snapshot(read_collection(corpus), encoder, root, threads=1, progress=lambda *_: None)
    before = current_version(root)
    many = "".join(f'  - "may the form number {number} be sent by post"\n' for number in range(2000))
    (corpus / "questions/unanswered/en.yaml").write_text(NEGATIVES + "near_miss:\n" + many, encoding="utf-8")

    command = [sys.executable, "-m", "index", "build", "--corpus", str(corpus), "--out", str(root), "--threads", "1"]
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Encoding: "):
                process.kill()
                break
    assert process.returncode == -9
    assert list(root.glob(".building-*")), "the build was killed halfway"
    assert current_version(root) == before
    snapshot = load_snapshot(root, encoder.fingerprint)
    assert snapshot.manifest.encoder == ENCODER_NAME
    assert len(snapshot.negatives) == COUNTS["negatives"]

    (corpus / "questions/unanswered/en.yaml").write_text(NEGATIVES, encoding="utf-8")
    (corpus / "questions/faq/en.yaml").write_text(BANK + '  - "one more"\n', encoding="utf-8")
    manifest, new = build_snapshot(read_collection(corpus), encoder, root, threads=1, progress=lambda *_: None)
    assert (manifest.version, new) == (current_version(root), 1)
    assert not list(root.glob(".building-*"))
