"""What a run is worth, on answers of the tiny corpus made to come out as wanted."""

from __future__ import annotations

import math

import pytest
from conftest import MAILBOX, FixedDetector, constant_judge

from eval.gold import GoldQuestion
from eval.metrics import auroc, expected_calibration_error
from eval.runs import RunRow
from eval.scores import (
    Scored,
    by_language,
    confidence_figures,
    detection_figure,
    headline,
    language_figures,
    quote_figures,
    ranking_figures,
    refusal_figures,
)
from index.hybrid import HybridRetriever
from index.retrieval import Query
from service.answers import QuestionLanguage
from service.pipeline import Ask, Pipeline

TEXTS = {
    "withdraw": "can we withdraw our signature",
    "deadline": "is there a deadline for signing",
    "person": "who must sign the form",
}


def scored(
    retriever: HybridRetriever,
    found: str,
    relevant: str | None,
    confidence: float = 0.9,
    *,
    kind: str = "near_miss",
    language: str = "en",
    detected: str = "en",
    quote: str | None = None,
) -> Scored:
    """The entry `found` comes first, `relevant` is the right one; answered from a confidence of 0.8."""
    keys = () if relevant is None else (("faq", relevant),)
    question = GoldQuestion("x", "faq", language, TEXTS[found], "plain" if keys else kind, keys, quote, "test")
    ranking = retriever.rank(Query(question.text, detected))
    assert ranking.entries[0].entry_id == found
    pipeline = Pipeline(retriever, constant_judge(confidence), FixedDetector(detected), MAILBOX)
    answer = pipeline.judge_ranking(Ask(question.text), ranking, QuestionLanguage(detected, 1.0, "detected"))
    return Scored(RunRow(question, ranking, detected), answer)


@pytest.fixture
def run(retriever: HybridRetriever) -> list[Scored]:
    return [
        scored(retriever, "withdraw", "withdraw", 0.95),
        scored(retriever, "deadline", "deadline", 0.85, language="mt"),
        scored(retriever, "person", "person", 0.5),  # right, but not answered
        scored(retriever, "deadline", "withdraw", 0.9),  # answered wrongly
        scored(retriever, "deadline", None, 0.85, kind="near_miss"),  # answered though nothing answers it
        scored(retriever, "deadline", None, 0.3, kind="near_miss"),
        scored(retriever, "person", None, 0.2, kind="off_topic"),
    ]


def test_refusals(run: list[Scored]) -> None:
    found = refusal_figures(run)
    assert math.isnan(found.pop("refused_hostile"))
    assert found == pytest.approx(
        {
            "precision": 2 / 4,
            "coverage": 3 / 4,
            "refusal_precision": 2 / 3,
            "refusal_recall": 2 / 3,
            "refused_near_miss": 1 / 2,
            "refused_off_topic": 1 / 1,
        }
    )


def test_ranking_counts_answerable_questions(run: list[Scored]) -> None:
    found = ranking_figures(run)
    assert found["hit@1"] == 3 / 4
    assert found["hit@3"] == found["recall@5"] == 1.0
    place = run[3].row.keys.index(("faq", "withdraw")) + 1
    assert found["MRR"] == pytest.approx((3 + 1 / place) / 4)
    assert found["nDCG@10"] == pytest.approx((3 + 1 / math.log2(place + 1)) / 4)


def test_confidence(run: list[Scored]) -> None:
    confidences, right = [0.95, 0.85, 0.5, 0.9, 0.85, 0.3, 0.2], [True, True, True, False, False, False, False]
    found = confidence_figures(run)
    assert found["ECE"] == pytest.approx(expected_calibration_error(confidences, right))
    assert found["AUROC"] == pytest.approx(auroc(confidences, right))


def test_languages_stand_apart_and_means_weigh_them_alike(run: list[Scored]) -> None:
    assert {code: len(members) for code, members in by_language(run).items()} == {"en": 6, "mt": 1}
    figures = language_figures(run)
    assert (figures["en"]["questions"], figures["mt"]["questions"]) == (6, 1)
    assert (figures["en"]["hit@1"], figures["mt"]["hit@1"]) == (2 / 3, 1.0)
    assert figures["en"]["low"] <= 2 / 3 <= figures["en"]["high"]
    whole = headline(run)
    assert whole["hit@1 mean"] == pytest.approx((2 / 3 + 1) / 2)
    assert whole["hit@1 worst"] == 2 / 3
    assert math.isnan(whole["hit@1 fr"])


def test_detection(run: list[Scored]) -> None:
    assert detection_figure(run) == 6 / 7  # the Maltese one was taken for English


@pytest.mark.parametrize(
    ("gold", "shared"),
    [
        ("Il n'y a pas de date limite.", 28),
        ("date limite. Nous", 12),
        ("Les noms sont publiés en ligne.", 0),
    ],
)
def test_quote_overlap_is_f1_over_characters(retriever: HybridRetriever, gold: str, shared: int) -> None:
    quoted = "Il n'y a pas de date limite."
    one = scored(retriever, "deadline", "deadline", quote=gold)
    assert one.answer.passages[0].citation.quote == quoted
    precision, recall = shared / len(quoted), shared / len(gold)
    expected = 2 * precision * recall / (precision + recall) if shared else 0.0
    assert one.quote_overlap == pytest.approx(expected)


def test_quote_overlap_is_undefined_without_both_quotes(retriever: HybridRetriever) -> None:
    quote = "Il n'y a pas de date limite."
    for one in (
        scored(retriever, "deadline", "deadline"),
        scored(retriever, "withdraw", "deadline", quote=quote),
        scored(retriever, "deadline", "deadline", 0.1, quote=quote),
        scored(retriever, "deadline", "deadline", quote="Words that stand nowhere."),
    ):
        assert math.isnan(one.quote_overlap)


def test_quote_figures(retriever: HybridRetriever) -> None:
    run = [
        scored(retriever, "deadline", "deadline", quote="Il n'y a pas de date limite."),
        scored(retriever, "deadline", "deadline", quote="Les noms sont publiés en ligne."),
        scored(retriever, "deadline", "deadline"),
    ]
    found = quote_figures(run)
    assert found == {"quotes_exact": 1.0, "quote_F1": 1 / 2, "quote_hit": 1 / 2, "quotes_judged": 2.0}


def test_nothing_is_undefined() -> None:
    figures = headline([])
    assert figures.pop("quotes_judged") == 0
    assert all(math.isnan(value) for value in figures.values())
