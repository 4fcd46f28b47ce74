"""Runs: gold questions ranked, and written so that others read our figures from them."""

from __future__ import annotations

from pathlib import Path

import ir_measures
import pytest
from ir_measures import R, Success, nDCG, parse_measure

from eval.gold import GoldQuestion
from eval.metrics import hit_at, mean, ndcg_at, recall_at, reciprocal_rank
from eval.runs import RunRow, make_run, write_trec
from index.hybrid import HybridRetriever
from index.retrieval import Query

QUESTIONS = {
    "en-1": ("can we withdraw our signature", [("faq", "withdraw")]),
    "en-2": ("until when can we sign", [("faq", "person"), ("faq", "deadline")]),
    "en-3": ("the weather tomorrow", []),
    "en-4": ("must the form be signed", [("faq", "withdraw")]),
    "en-5": ("a senior manager signs", [("other", "entry")]),
}


@pytest.fixture
def questions() -> list[GoldQuestion]:
    return [
        GoldQuestion(name, "faq", "en", text, "plain" if relevant else "off_topic", tuple(relevant), None, "dev")
        for name, (text, relevant) in QUESTIONS.items()
    ]


@pytest.fixture
def rows(questions: list[GoldQuestion], retriever: HybridRetriever) -> list[RunRow]:
    return make_run(questions, retriever, dict.fromkeys(QUESTIONS, "en"))


def test_run_ranks_every_question_in_order(
    rows: list[RunRow], questions: list[GoldQuestion], retriever: HybridRetriever
) -> None:
    assert [row.question for row in rows] == questions
    for row in rows:
        expected = retriever.rank(Query(row.question.text, "en")).entries
        assert row.keys == [(entry.doc_id, entry.entry_id) for entry in expected]
        assert [entry.score for entry in row.ranking.entries] == [entry.score for entry in expected]
    assert [row.first_is_right for row in rows] == [
        bool(row.keys) and row.keys[0] in row.question.relevant for row in rows
    ]
    assert rows[0].first_is_right and not rows[2].first_is_right and not rows[4].first_is_right


def test_run_is_in_the_language_given(questions: list[GoldQuestion], retriever: HybridRetriever) -> None:
    languages = {name: "fr" if name == "en-2" else "en" for name in QUESTIONS}
    rows = make_run(questions, retriever, languages, threads=1)
    assert {row.question.question_id: row.ranking.query.language for row in rows} == languages
    assert {row.question.question_id: row.language for row in rows} == languages


def test_others_read_our_figures_from_the_files(rows: list[RunRow], tmp_path: Path) -> None:
    run, qrels = tmp_path / "run.trec", tmp_path / "qrels.trec"
    write_trec(rows, run, qrels, "ours")
    theirs = ir_measures.calc_aggregate(
        [nDCG @ 10, parse_measure("RR@10"), Success @ 1, R @ 5],
        list(ir_measures.read_trec_qrels(str(qrels))),
        list(ir_measures.read_trec_run(str(run))),
    )
    ours = {
        "nDCG@10": mean([ndcg_at(row.keys, row.question.relevant, 10) for row in rows]),
        "RR@10": mean([reciprocal_rank(row.keys, row.question.relevant, 10) for row in rows]),
        "Success@1": mean([hit_at(row.keys, row.question.relevant, 1) for row in rows]),
        "R@5": mean([recall_at(row.keys, row.question.relevant, 5) for row in rows]),
    }
    assert {str(measure): value for measure, value in theirs.items()} == pytest.approx(ours)
    assert 0 < ours["nDCG@10"] < 1


def test_files_are_trecs(rows: list[RunRow], tmp_path: Path) -> None:
    run, qrels = tmp_path / "run.trec", tmp_path / "qrels.trec"
    write_trec(rows, run, qrels, "ours")
    lines = [line.split(" ") for line in run.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == sum(len(row.keys) for row in rows)
    first = [line for line in lines if line[0] == "en-1"]
    assert [line[3] for line in first] == [str(rank) for rank in range(1, len(first) + 1)]
    assert [float(line[4]) for line in first] == sorted((float(line[4]) for line in first), reverse=True)
    assert first[0] == ["en-1", "Q0", "faq#withdraw", "1", first[0][4], "ours"]
    assert qrels.read_text(encoding="utf-8").splitlines() == [
        "en-1 0 faq#withdraw 1",
        "en-2 0 faq#person 1",
        "en-2 0 faq#deadline 1",
        "en-4 0 faq#withdraw 1",
        "en-5 0 other#entry 1",
    ]
