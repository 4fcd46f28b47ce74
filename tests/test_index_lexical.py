"""BM25 against the formula, written out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.lexical import GRAMS, WORDS, Analyzer, LexicalIndex

TEXTS = [
    "the signature can be withdrawn at any time",
    "there is no deadline for the signature, sign at any time",
    "a senior manager signs the form",
    "the form the form the form",
]


def build(texts: list[str], language: str = "en", analyzer: Analyzer = WORDS) -> LexicalIndex:
    return LexicalIndex.build(language, texts, np.arange(len(texts)), analyzer)


def plain_bm25(texts: list[str], question: str, language: str = "en", analyzer: Analyzer = WORDS) -> list[float]:
    """Lucene's BM25, summed over the question's distinct known terms, over the sum of each term's best weight."""
    rows = [analyzer.split(text, language) for text in texts]
    mean = sum(len(row) or 1 for row in rows) / len(rows)

    def weight(term: str, row: list[str]) -> float:
        holding = sum(term in other for other in rows)
        idf = math.log(1 + (len(rows) - holding + 0.5) / (holding + 0.5))
        count = row.count(term)
        return idf * count / (count + analyzer.k1 * (1 - analyzer.b + analyzer.b * (len(row) or 1) / mean))

    known = [term for term in dict.fromkeys(analyzer.split(question, language)) if any(term in row for row in rows)]
    bound = sum(max(weight(term, row) for row in rows) for term in known)
    return [sum(weight(term, row) for term in known) / bound if known else 0.0 for row in rows]


@pytest.mark.parametrize(
    "question",
    ["signature", "withdraw the signature", "the the the", "form form deadline", "who signs the form?", "form zebra"],
)
@pytest.mark.parametrize("analyzer", [WORDS, GRAMS], ids=["words", "grams"])
def test_scores_are_those_of_the_formula(question: str, analyzer: Analyzer) -> None:
    found = build(TEXTS, analyzer=analyzer).scores(question)
    np.testing.assert_allclose(found, plain_bm25(TEXTS, question, analyzer=analyzer), rtol=1e-5)


@pytest.mark.parametrize("question", ["", "?", "zebra", "日本"])
def test_a_question_of_unknown_words_scores_nothing(question: str) -> None:
    scores = build(TEXTS).scores(question)
    assert scores.tolist() == [0.0] * len(TEXTS)
    assert scores.dtype == np.float32


def test_the_best_row_of_a_single_word_scores_one() -> None:
    assert build(TEXTS).scores("deadline").tolist() == pytest.approx([0, 1, 0, 0])


def test_rows_without_terms_are_never_found() -> None:
    texts = ["?!", "sign", ""]
    assert build(texts).scores("sign").tolist() == pytest.approx([0, 1, 0])


SENTENCES = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "5"]), max_size=6).map(" ".join)


@given(st.lists(SENTENCES, min_size=1, max_size=6).filter(any), SENTENCES)
def test_any_rows_score_as_the_formula_says(texts: list[str], question: str) -> None:
    scores = build(texts).scores(question)
    np.testing.assert_allclose(scores, plain_bm25(texts, question), rtol=1e-4, atol=1e-6)
    assert (scores >= 0).all()
    assert (scores <= 1 + 1e-6).all()


def test_a_saved_index_scores_the_same(tmp_path: Path) -> None:
    rows: npt.NDArray[np.int64] = np.array([7, 7, 9, 11], np.int64)
    built = LexicalIndex.build("en", TEXTS, rows)
    built.save(tmp_path / "en")
    loaded = LexicalIndex.load("en", tmp_path / "en")
    assert (loaded.language, loaded.rows.tolist()) == ("en", rows.tolist())
    for question in ("withdraw the signature", "zebra"):
        assert loaded.scores(question).tolist() == built.scores(question).tolist()
