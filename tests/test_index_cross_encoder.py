"""A cross-encoder behind a setting: what it changes in a ranking, that the service asks it, and how a bad one is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import MAILBOX, FixedDetector, ToyEncoder, constant_judge, make_settings
from hypothesis import given
from hypothesis import strategies as st

from corpus.passages import Passage
from index.cross_encoder import (
    Logits,
    RerankedRetriever,
    Reranker,
    SentenceTransformerCrossEncoder,
    reordered,
)
from index.encoder import Encoded
from index.errors import EncoderUnavailable
from index.fusion import FEATURES
from index.hybrid import HybridRetriever
from index.retrieval import Query, RankedEntry, Ranking
from service import engine
from service.engine import make_pipeline, make_reranker
from service.pipeline import Ask, Pipeline

QUESTION = "Can we revoke the signature?"


class Fixed:
    """Gives the text that holds `word` the logit 5, every other -5."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.read: list[tuple[str, tuple[str, ...]]] = []

    def logits(self, question: str, texts: Sequence[str]) -> Logits:
        self.read.append((question, tuple(texts)))
        return np.array([5.0 if self._word in text else -5.0 for text in texts], np.float32)


def ranking_of(scores: Sequence[float]) -> Ranking:
    passage = Passage("p", "faq", "e", "fr", (), "", 0, 0)
    features = np.zeros(len(FEATURES), np.float32)
    entries = tuple(RankedEntry("faq", f"e{i}", score, features, passage) for i, score in enumerate(scores))
    return Ranking(Query(QUESTION, "en"), entries, {}, Encoded(*(np.zeros(1, np.float32) for _ in range(3))))


def names(ranking: Ranking) -> list[str]:
    return [entry.entry_id for entry in ranking.entries]


def test_the_first_entries_are_ordered_by_both_scores_and_the_others_follow() -> None:
    ranking = ranking_of([4.0, 3.0, 2.0, 1.0])
    logits = np.array([-2.0, 0.0, 8.0], np.float32)
    assert names(reordered(ranking, logits, 0.0)) == ["e0", "e1", "e2", "e3"]
    found = reordered(ranking, logits, 0.5)
    assert names(found) == ["e2", "e0", "e1", "e3"]  # 2.0, 4.0 - 5.0, 3.0 - 4.0 and, not read, the last
    assert [entry.score for entry in found.entries] == pytest.approx([2.0, -1.0, -1.0, 1.0])
    assert reordered(ranking_of([]), np.zeros(0, np.float32), 0.5).entries == ()


@given(
    st.lists(st.tuples(st.floats(0, 9), st.floats(-20, 20)), min_size=1, max_size=8), st.floats(0, 3), st.integers(0, 3)
)
def test_no_entry_is_lost_and_no_score_grows(read: list[tuple[float, float]], weight: float, others: int) -> None:
    scores = sorted((score for score, _ in read), reverse=True) + [-1.0] * others
    before = ranking_of(scores)
    after = reordered(before, np.array([logit for _, logit in read], np.float32), weight)
    assert sorted(names(after)) == sorted(names(before))
    grown = {entry.entry_id: entry.score for entry in after.entries}
    assert all(grown[entry.entry_id] <= entry.score for entry in before.entries)


def test_a_retriever_is_read_once_more(retriever: HybridRetriever) -> None:
    plain = retriever.rank(Query(QUESTION, "en"))
    assert len(plain.entries) > 1
    last = plain.entries[-1]
    fixed = Fixed(last.passage.text)
    reranked = RerankedRetriever(retriever, Reranker(fixed, len(plain.entries), 1.0))
    assert names(reranked.rank(Query(QUESTION, "en")))[0] == last.entry_id
    assert reranked.search(Query(QUESTION, "en"), 1)[0].passage == last.passage
    assert fixed.read[0] == (QUESTION, tuple(entry.passage.searchable for entry in plain.entries))
    assert (reranked.snapshot, reranked.encoder) == (retriever.snapshot, retriever.encoder)


def test_it_reads_no_more_entries_than_it_is_given(retriever: HybridRetriever) -> None:
    fixed = Fixed("no such word")
    RerankedRetriever(retriever, Reranker(fixed, 2, 1.0)).rank(Query(QUESTION, "en"))
    assert [len(texts) for _, texts in fixed.read] == [2]


def test_answers_come_in_its_order(retriever: HybridRetriever) -> None:
    def first(ranker: HybridRetriever | RerankedRetriever) -> str:
        answer = Pipeline(ranker, constant_judge(), FixedDetector("en"), MAILBOX).answer(Ask(QUESTION))
        return answer.passages[0].citation.entry.entry_id

    last = retriever.rank(Query(QUESTION, "en")).entries[-1]
    assert first(retriever) != last.entry_id
    assert first(RerankedRetriever(retriever, Reranker(Fixed(last.passage.text), 10, 1.0))) == last.entry_id


def test_the_setting_puts_it_into_the_service(index_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []

    def load(model: str) -> Fixed:
        loaded.append(model)
        return Fixed("nothing")

    monkeypatch.setattr(engine, "SentenceTransformerCrossEncoder", load)
    engine._cross_encoder.cache_clear()
    settings = make_settings(index_dir=index_root, cross_encoder="some/model", cross_encoder_entries=3)
    try:
        found = [make_pipeline(settings, ToyEncoder()).retriever for _ in range(2)]
    finally:
        engine._cross_encoder.cache_clear()
    assert loaded == ["some/model"], "one for all snapshots"
    for retriever in found:
        assert isinstance(retriever, RerankedRetriever)
        assert (retriever.reranker.entries, retriever.reranker.weight) == (3, settings.cross_encoder_weight)
    assert make_reranker(make_settings()) is None
    assert isinstance(make_pipeline(make_settings(index_dir=index_root), ToyEncoder()).retriever, HybridRetriever)


def write_model(folder: Path, outputs: int) -> Path:
    """A cross-encoder of one small layer with random weights."""
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir()
    words = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{c}" for c in "aeinrst"),
    ]
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
        num_labels=outputs,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("default::DeprecationWarning", "default::FutureWarning")
class TestSentenceTransformers:
    @pytest.fixture(autouse=True)
    def _models(self) -> None:
        pytest.importorskip("sentence_transformers", reason="the group `models` is not installed", exc_type=ImportError)

    def test_a_model_in_a_folder_gives_a_number_for_each_text(self, tmp_path: Path) -> None:
        import torch

        torch.manual_seed(1)
        model = SentenceTransformerCrossEncoder(str(write_model(tmp_path / "model", 1)))
        found = model.logits("can we sign", ["sign a form", "", "sign a form", "x " * 500])
        assert found.shape == (4,)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert found[0] == pytest.approx(found[2], abs=1e-5)
        assert len(set(np.round(found, 6).tolist())) >= 3
        assert model.logits("x", []).shape == (0,)

    def test_a_model_that_does_not_score_is_told(self, tmp_path: Path) -> None:
        folder = write_model(tmp_path / "three", 3)
        with pytest.raises(EncoderUnavailable, match=r"three' has 3 outputs.*Set CROSS_ENCODER to a reranking model"):
            SentenceTransformerCrossEncoder(str(folder))

    def test_a_model_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(
            EncoderUnavailable, match=r"no-such' cannot be loaded .*Set CROSS_ENCODER to .*leave it out"
        ):
            SentenceTransformerCrossEncoder(str(tmp_path / "no-such"))


def test_packages_that_are_missing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EncoderUnavailable, match=r"'some/model' needs sentence-transformers\. .*`make models`"):
        SentenceTransformerCrossEncoder("some/model")
