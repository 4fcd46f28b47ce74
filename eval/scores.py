"""What a run is worth: ranking, refusal, confidence, quotes and language detection, whole and per language."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from corpus.languages import EU_LANGUAGES
from eval.gold import UNANSWERABLE
from eval.metrics import auroc, expected_calibration_error, hit_at, mean, ndcg_at, recall_at, reciprocal_rank
from eval.runs import RunRow
from eval.significance import bootstrap_interval
from service.answers import Answer, Citation
from service.schemas import citation_out


@dataclass(frozen=True, slots=True)
class Scored:
    """A gold question, its ranking, and the answer that the service gave."""

    row: RunRow
    answer: Answer

    @property
    def answered(self) -> bool:
        return self.answer.outcome == "answered"

    @property
    def right(self) -> bool:
        """The first passage answers the question."""
        return self.row.first_is_right

    @property
    def quote_overlap(self) -> float:
        """Share of the gold quote's characters that the first reference quote covers times its own share inside: F1
        over characters of the passage. NaN where there is no gold quote or another entry comes first."""
        gold = self.row.question.quote
        passages = self.answer.passages or self.answer.related
        if gold is None or not passages:
            return math.nan
        citation = passages[0].citation
        if (citation.document.doc_id, citation.entry.entry_id) != self.row.question.relevant[0]:
            return math.nan
        at = citation.text.find(gold)
        if at < 0:
            return math.nan
        shared = max(0, min(at + len(gold), citation.end) - max(at, citation.start))
        return 2 * shared / (len(gold) + citation.end - citation.start)


METRICS: dict[str, Callable[[RunRow], float]] = {
    "hit@1": lambda row: hit_at(row.keys, row.question.relevant, 1),
    "hit@3": lambda row: hit_at(row.keys, row.question.relevant, 3),
    "recall@5": lambda row: recall_at(row.keys, row.question.relevant, 5),
    "MRR": lambda row: reciprocal_rank(row.keys, row.question.relevant),
    "nDCG@10": lambda row: ndcg_at(row.keys, row.question.relevant),
}


def ranking_figures(scored: Iterable[Scored]) -> dict[str, float]:
    """Metric to mean over the answerable questions."""
    rows = [s.row for s in scored if s.row.question.answerable]
    return {name: mean([metric(row) for row in rows]) for name, metric in METRICS.items()}


def refusal_figures(scored: Sequence[Scored]) -> dict[str, float]:
    """`precision`: of the questions answered, those answered rightly. `coverage`: of the answerable questions, those
    answered. `refused_<kind>`: of the unanswerable of a kind, those not answered. `refusal_precision`: of the
    questions not answered, those unanswerable; `refusal_recall`: of the unanswerable, those not answered."""
    answerable = [s for s in scored if s.row.question.answerable]
    unanswerable = [s for s in scored if not s.row.question.answerable]
    figures = {
        "precision": mean([float(s.right) for s in scored if s.answered]),
        "coverage": mean([float(s.answered) for s in answerable]),
        "refusal_precision": mean([float(not s.row.question.answerable) for s in scored if not s.answered]),
        "refusal_recall": mean([float(not s.answered) for s in unanswerable]),
    }
    for kind in UNANSWERABLE:
        figures[f"refused_{kind}"] = mean([float(not s.answered) for s in unanswerable if s.row.question.kind == kind])
    return figures


def confidence_figures(scored: Sequence[Scored]) -> dict[str, float]:
    """`ECE`, and how well confidence tells right first passages (`AUROC`)."""
    confidences = [s.answer.confidence for s in scored]
    right = [s.right for s in scored]
    return {"ECE": expected_calibration_error(confidences, right), "AUROC": auroc(confidences, right)}


def _stands(citation: Citation) -> bool:
    """The citation as it goes over HTTP, checked as a reader would: by slicing the passage and the document."""
    out = citation_out(citation)
    in_document = slice(out.document_start + out.start, out.document_start + out.end)
    return out.text[out.start : out.end] == out.quote == citation.document.text[in_document]


def quote_figures(scored: Sequence[Scored]) -> dict[str, float]:
    """`quotes_exact`: quotes that stand to the character in both places; `quote_F1` and `quote_hit` (F1 over 0.5)
    against gold quotes, where the right entry came first."""
    passages = [p for s in scored for p in (*s.answer.passages, *s.answer.related)]
    exact = [float(_stands(citation)) for p in passages for citation in (p.shown, p.citation)]
    overlaps = [s.quote_overlap for s in scored]
    return {
        "quotes_exact": mean(exact),
        "quote_F1": mean(overlaps),
        "quote_hit": mean([math.nan if math.isnan(v) else float(v > 0.5) for v in overlaps]),
        "quotes_judged": float(sum(not math.isnan(v) for v in overlaps)),
    }


def detection_figure(scored: Sequence[Scored]) -> float:
    """Share of questions whose language was detected rightly."""
    return mean([float(s.row.language == s.row.question.language) for s in scored])


def by_language(scored: Sequence[Scored]) -> dict[str, list[Scored]]:
    """EU languages in order of code, those with questions."""
    groups = {code: [s for s in scored if s.row.question.language == code] for code in EU_LANGUAGES}
    return {code: members for code, members in groups.items() if members}


def language_figures(scored: Sequence[Scored]) -> dict[str, dict[str, float]]:
    """Language to its figures, `low` and `high` being the 95 % bootstrap interval of hit@1."""
    figures = {}
    for code, members in by_language(scored).items():
        hits = [METRICS["hit@1"](s.row) for s in members if s.row.question.answerable]
        low, high = bootstrap_interval(hits)
        figures[code] = {
            "questions": float(len(members)),
            **ranking_figures(members),
            "low": low,
            "high": high,
            **refusal_figures(members),
            "detection": detection_figure(members),
        }
    return figures


def headline(scored: Sequence[Scored]) -> dict[str, float]:
    """The figures that `eval/data/expected.json` keeps."""
    languages = language_figures(scored)
    hits = {code: figures["hit@1"] for code, figures in languages.items()}
    return {
        "hit@1 fr": hits.get("fr", math.nan),
        "hit@1 mean": mean(list(hits.values())),
        "hit@1 worst": min(hits.values(), default=math.nan),
        "hit@3 mean": mean([figures["hit@3"] for figures in languages.values()]),
        "recall@5 mean": mean([figures["recall@5"] for figures in languages.values()]),
        "MRR mean": mean([figures["MRR"] for figures in languages.values()]),
        "nDCG@10 mean": mean([figures["nDCG@10"] for figures in languages.values()]),
        **refusal_figures(scored),
        **confidence_figures(scored),
        **quote_figures(scored),
        "detection mean": mean([figures["detection"] for figures in languages.values()]),
    }
