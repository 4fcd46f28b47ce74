"""Growth at toy sizes: what is made, that the real search runs over it, and the figures' arithmetic."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import ToyEncoder

from corpus.passages import Passage
from eval.benchmarks.curves import write_curves
from eval.benchmarks.grown import Base, Grown, opened, read_base, write_rows
from eval.benchmarks.growth import Ground, apart, build, gold_questions, report
from eval.benchmarks.kinds import KINDS
from eval.benchmarks.memory import resident_mib, watched
from eval.benchmarks.nearest import exact_rows, shared
from eval.benchmarks.tables import Row
from index import dense, lexical, records
from index.dense import DenseIndex
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.retrieval import Query
from index.snapshot import Snapshot, write_lexical

SMALL, LARGE = 60, 400
QUESTIONS = [("can the signature be withdrawn", "en"), ("qui signe le formulaire", "fr"), ("is there a deadline", "en")]


@pytest.fixture
def base(snapshot: Snapshot, toy_encoder: ToyEncoder, tmp_path: Path) -> Base:
    return read_base(snapshot, None, toy_encoder, tmp_path / "base", 1)


@pytest.fixture
def ground(built_index: Path, tmp_path: Path) -> Ground:
    return Ground(built_index, None, tmp_path / "work", 1, ToyEncoder)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is done otherwise from a size on is so from a hundred rows on."""
    monkeypatch.setattr(dense, "FLAT_UP_TO", 100)
    monkeypatch.setattr(dense, "COMPARED_UP_TO", 10)
    monkeypatch.setattr(lexical, "SCORED_UP_TO", 100)
    monkeypatch.setattr(records, "HELD_UP_TO", 100)


def at_once(work: Callable[..., Row], *arguments: object) -> Row:
    return work(*arguments)


def test_every_size_is_built_searched_and_measured(few: None, ground: Ground) -> None:
    found = report(ground, [SMALL, LARGE], [], True, at_once, lambda _: QUESTIONS)
    assert [row["passages"] for row in found["build"]] == [row["passages"] for row in found["search"]] == [SMALL, LARGE]
    small, large = found["search"]
    assert small["recall@10"] == small["recall@200"] == 1.0
    assert 0.9 <= float(str(large["recall@10"])) <= 1.0
    times = [name for name in large if name.endswith((" p50", " p95", " ms"))]
    assert len(times) == 13
    for row in found["search"]:
        assert all(float(str(row[name])) > 0 for name in times)
        assert float(str(row["p50 ms"])) <= float(str(row["p95 ms"]))
        assert float(str(row["own MiB"])) > 10
    first, second = found["build"]
    assert first["vectors and texts, MiB on disk"] == pytest.approx(
        sum((ground.folder(SMALL) / name).stat().st_size for name in ("passages.vectors.npy", "passages.jsonl")) / 2**20
    )
    assert float(str(second["dense, MiB on disk"])) > LARGE * ToyEncoder.dimension * 4 / 2**20


def test_every_kind_of_dense_index_is_measured(few: None, ground: Ground) -> None:
    found = report(ground, [LARGE], list(KINDS), False, at_once, lambda _: QUESTIONS)
    assert not ground.folder(LARGE).exists()
    kinds = {str(row["kind"]): row for row in found["kinds"]}
    assert list(kinds) == list(KINDS)
    assert kinds["flat"]["recall@10"] == 1.0
    assert all(float(str(row["recall@10"])) > 0.8 for row in kinds.values())
    assert float(str(kinds["lists, 8 bits"]["MiB on disk"])) < float(str(kinds["lists"]["MiB on disk"]))


def test_what_is_measured_is_the_service_s_own_search(
    snapshot: Snapshot, base: Base, toy_encoder: ToyEncoder, tmp_path: Path
) -> None:
    """The first copy alone, opened as a grown corpus is, ranks to the bit as the snapshot does."""
    grown = Grown(base, len(base.passages))
    write_rows(grown, tmp_path)
    DenseIndex.build(np.load(tmp_path / "passages.vectors.npy")).save(tmp_path / "passages.faiss")
    write_lexical(tmp_path / "lexical_text", list(grown.passages()), lambda p: p.searchable, grown.entries())
    fusion = Fusion(np.ones(len(FEATURES), np.float32))
    retrievers = [HybridRetriever(one, toy_encoder, fusion) for one in (snapshot, opened(grown, tmp_path, snapshot))]
    for text, language in QUESTIONS:
        for documents in (None, ("faq",), ("none",)):
            real, same = (retriever.rank(Query(text, language, documents)) for retriever in retrievers)
            assert [(e.doc_id, e.entry_id, e.score, e.passage) for e in same.entries] == [
                (e.doc_id, e.entry_id, e.score, e.passage) for e in real.entries
            ]


def test_a_grown_search_finds_copies_and_keeps_to_the_documents_asked(few: None, ground: Ground) -> None:
    build(ground, LARGE)
    grown, snapshot, encoder = ground.grown(LARGE)
    retriever = HybridRetriever(
        opened(grown, ground.folder(LARGE), snapshot), encoder, Fusion(np.ones(len(FEATURES), np.float32))
    )
    hits = retriever.search(Query("can the signature be withdrawn", "en"), 10)
    assert {hit.passage.entry_id for hit in hits[:5]} == {"withdraw"}
    assert any("~" in hit.passage.doc_id for hit in hits)
    for documents in (("faq~7",), tuple(f"faq~{copy}" for copy in range(2, 40))):
        hits = retriever.search(Query("can the signature be withdrawn", "en", documents), 10)
        assert hits
        assert {hit.passage.doc_id for hit in hits} <= set(documents)


def test_the_first_copy_is_real_and_the_others_stay_near_it(base: Base) -> None:
    size = len(base.passages)
    grown = Grown(base, 5 * size - 2)
    vectors = np.concatenate(list(grown.vectors()))
    assert vectors.shape == (5 * size - 2, ToyEncoder.dimension)
    np.testing.assert_array_equal(vectors[:size], base.texts.vectors)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert len({row.tobytes() for row in vectors}) == len(vectors)
    originals = np.tile(base.texts.vectors, (5, 1))[: len(vectors)]
    assert (vectors * originals).sum(axis=1).min() > 0.85
    again = np.concatenate(list(Grown(base, 5 * size - 2).vectors()))
    np.testing.assert_array_equal(vectors, again)


def test_copies_have_their_own_documents_and_one_word_in_five_another(base: Base) -> None:
    size = len(base.passages)
    grown = Grown(base, 40 * size - 1)
    passages = list(grown.passages())
    assert passages == list(grown.passages())
    assert tuple(passages[:size]) == base.passages
    names, entries = grown.names(), grown.entries()
    assert (np.diff(entries) >= 0).all()
    assert len(set(names)) == len(names)
    assert [(p.doc_id, p.entry_id) for p in passages] == [names[entry] for entry in entries]
    assert len({p.passage_id for p in passages}) == len(passages)
    known = {word for p in base.passages for word in p.text.split()}
    changed = total = coined = 0
    for number, passage in enumerate(passages[size:]):
        original = base.passages[number % size]
        assert (passage.language, passage.entry_id) == (original.language, original.entry_id)
        words = passage.text.split()
        assert len(words) == len(original.text.split())
        changed += sum(a != b for a, b in zip(words, original.text.split(), strict=True))
        coined += sum(word not in known for word in words)
        total += len(words)
    assert 0.1 < changed / total < 0.25
    assert 0 < coined < 0.1 * changed


def test_token_vectors_of_a_copy_are_its_original_s(base: Base) -> None:
    size = len(base.passages)
    texts = Grown(base, 3 * size).texts(np.zeros((3 * size, ToyEncoder.dimension), np.float32))
    for row in range(3 * size):
        start, end = int(texts.offsets[row]), int(texts.offsets[row + 1])
        np.testing.assert_array_equal(
            texts.tokens[start:end], base.texts.tokens[slice(*base.texts.offsets[[row % size, row % size + 1]])]
        )


def test_what_was_encoded_is_kept_for_the_next_time(snapshot: Snapshot, base: Base, tmp_path: Path) -> None:
    """And the snapshot's own passages are never encoded anew."""
    encoder = ToyEncoder()
    again = read_base(snapshot, None, encoder, tmp_path / "base", 1)
    assert encoder.encoded == 0
    assert again.passages == base.passages == tuple(snapshot.passages)


Rows = npt.NDArray[np.int64]


def test_exact_rows_are_a_plain_sort_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.benchmarks.nearest._ROWS", 7)
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((50, 8)).astype(np.float32)
    questions = list(rng.standard_normal((5, 8)).astype(np.float32))
    for question, rows in zip(questions, exact_rows(vectors, questions, 10), strict=True):
        assert rows.tolist() == sorted(range(50), key=lambda row: -float(vectors[row] @ question))[:10]
    assert [len(rows) for rows in exact_rows(vectors[:4], questions, 10)] == [4] * 5


@pytest.mark.parametrize(
    ("found", "right", "share"),
    [([[1, 2], [3]], [[2, 1], [4]], 2 / 3), ([[]], [[1, 2]], 0.0), ([[5, 6, 7]], [[7]], 1.0)],
)
def test_recall_is_the_share_of_right_rows(found: list[list[int]], right: list[list[int]], share: float) -> None:
    def rows(lists: list[list[int]]) -> list[Rows]:
        return [np.array(numbers, np.int64) for numbers in lists]

    assert shared(rows(found), rows(right)) == pytest.approx(share)
    plain = sum(len(set(a) & set(b)) for a, b in zip(found, right, strict=True)) / sum(map(len, right))
    assert shared(rows(found), rows(right)) == pytest.approx(plain)


def test_recall_of_nothing_is_undefined() -> None:
    assert np.isnan(shared([], []))


def test_own_memory_and_that_of_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "zeros.npy"
    np.save(path, np.ones(64 * 2**17))
    with watched() as mapping:
        before = resident_mib()
        np.load(path, mmap_mode="r").sum()
        held = np.load(path, mmap_mode="r")
        held.sum()
        after = resident_mib()
    with watched() as work:
        own = np.ones(64 * 2**17)
    assert after[1] - before[1] > 60
    assert mapping.grew_mib < 30
    assert work.grew_mib > 60
    assert work.seconds > 0
    assert len(own) == len(held)


def _own_mib(path: Path) -> Row:
    return {"own": resident_mib()[0], "seen": path.is_file()}


def test_work_is_done_in_a_process_of_its_own(tmp_path: Path) -> None:
    """What this process holds does not count there."""
    held = np.ones(256 * 2**17)
    path = tmp_path / "x"
    path.touch()
    row = apart(_own_mib, path)
    assert row["seen"] is True
    assert float(str(row["own"])) < held.nbytes / 2**20


def test_questions_are_gold_ones_of_the_languages_in_turn() -> None:
    questions = gold_questions(["en", "fr", "nl"])
    assert [language for _, language in questions[:6]] == ["en", "fr", "nl"] * 2
    assert len(questions) >= 100


def test_the_curves_show_every_figure_by_name(tmp_path: Path) -> None:
    names = (
        "p50 ms", "p95 ms", "encoder p50", "dense p50", "BM25 p50", "own MiB", "of files, MiB", "dense s", "BM25 s",
        "dense, MiB on disk", "BM25, MiB on disk", "vectors and texts, MiB on disk",
    )  # fmt: skip
    rows: list[Row] = [{"passages": size} | {name: float(size) for name in names} for size in (10, 1000)]
    write_curves(rows, rows, tmp_path / "growth.svg")
    drawn = (tmp_path / "growth.svg").read_text(encoding="utf-8")
    assert drawn.count("<svg") == 1
    for name in names:
        assert f">{name}<" in drawn


def test_passages_of_copies_are_written_as_they_are(base: Base, tmp_path: Path) -> None:
    grown = Grown(base, 2 * len(base.passages))
    write_rows(grown, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "passages.jsonl").read_text(encoding="utf-8").split("\n") if line]
    assert [Passage(**{**row, "path": tuple(row["path"])}) for row in rows] == list(grown.passages())
