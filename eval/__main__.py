"""Measure the service on the gold questions; fit the fusion and the judge on the development half."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from corpus.detection import detector
from corpus.languages import EU_LANGUAGES
from eval.dialogues import read_dialogues, run_both
from eval.dialogues import table as dialogue_table
from eval.gold import GoldError, GoldQuestion, read_gold
from eval.metrics import mean
from eval.runs import RunRow, make_run, write_trec
from eval.scores import Scored, headline, language_figures
from index.errors import IndexProblem
from index.fusion import FEATURES, WEIGHTS_FILE, Fusion
from index.retrieval import Ranker
from service.answers import QuestionLanguage
from service.confidence import CALIBRATION_FILE
from service.engine import make_encoder, make_pipeline, make_reranker, open_ranker
from service.pipeline import Ask, Pipeline
from service.settings import settings

_HERE = Path(__file__).parent
EXPECTED_FILE = _HERE / "data" / "expected.json"
RESULTS = _HERE / "results"
AS_OF = date(2026, 1, 1)
"""Notes on dates do not depend on the day of the run."""


def load_pipeline() -> Pipeline:
    """The service's own pipeline, settings included."""
    chosen = settings()
    return make_pipeline(chosen, make_encoder(chosen))


def load_ranker(fusion: Fusion | None = None) -> Ranker:
    """The service's own ranking, without the judge, which is fitted on it; with the fitted weights unless given."""
    chosen = settings()
    return open_ranker(chosen, lambda: make_encoder(chosen), fusion=fusion)


def run_questions(retriever: Ranker, questions: Sequence[GoldQuestion]) -> list[RunRow]:
    """Each question ranked in its detected language, as the service does."""
    detect = detector(settings().language_detector).detect
    languages = {question.question_id: detect(question.text).code for question in questions}
    return make_run(questions, retriever, languages)


def score_rows(pipeline: Pipeline, rows: Sequence[RunRow]) -> list[Scored]:
    """The answer that the service gives to each ranked question."""
    return [
        Scored(
            row,
            pipeline.judge_ranking(
                Ask(row.question.text, as_of=AS_OF), row.ranking, QuestionLanguage(row.language, 1.0, "detected")
            ),
        )
        for row in rows
    ]


def _run(arguments: argparse.Namespace) -> int:
    pipeline = load_pipeline()
    questions = [question for question in read_gold() if arguments.split in ("all", question.split)]
    scored = score_rows(pipeline, run_questions(pipeline.retriever, questions))
    print(_table(scored))
    figures = headline(scored)
    print("\n".join(f"{name:20} {value:.4f}" for name, value in figures.items()))
    RESULTS.mkdir(exist_ok=True)
    write_trec([s.row for s in scored], RESULTS / "run.txt", RESULTS / "qrels.txt", pipeline.snapshot.manifest.version)
    from eval.report import write_report

    expected = json.loads(EXPECTED_FILE.read_text(encoding="utf-8")) if EXPECTED_FILE.is_file() else None
    dialogues = run_both([d for d in read_dialogues() if arguments.split in ("all", d.split)], pipeline)
    if dialogues["with"]:
        print(f"\n{dialogue_table(dialogues)}\n")
    for path in write_report(scored, RESULTS, arguments.split, expected, pipeline.snapshot.manifest, dialogues):
        print(f"Report: {path.relative_to(_HERE.parent)}")
    if arguments.expect:
        from eval.expected import write_expected

        write_expected(EXPECTED_FILE, scored, pipeline.snapshot.manifest)
        print(f"Expected figures: {EXPECTED_FILE.relative_to(_HERE.parent)}")
    return 0


def _table(scored: Sequence[Scored]) -> str:
    columns = ("questions", "hit@1", "low", "high", "hit@3", "recall@5", "MRR", "nDCG@10", "precision", "coverage",
               "refusal_recall", "detection")  # fmt: skip
    lines = ["lang  " + " ".join(f"{name[:9]:>9}" for name in columns)]
    languages = language_figures(scored)
    means = {name: mean([figures[name] for figures in languages.values()]) for name in columns}
    for code, figures in [*languages.items(), ("mean", means)]:
        cells = (f"{figures[name]:9.0f}" if name == "questions" else f"{figures[name]:9.3f}" for name in columns)
        lines.append(f"{code:5} " + " ".join(cells))
    return "\n".join(lines)


def _fit(arguments: argparse.Namespace) -> int:
    from eval.fitting import fit_fusion, write_json

    # Features are fitted, not their order, so any weights do: those of other features may be all there are.
    ranker = load_ranker(Fusion(np.ones(len(FEATURES), np.float32)))
    rows = run_questions(ranker, [question for question in read_gold() if question.split == "dev"])
    weights = fit_fusion(rows)
    write_json(WEIGHTS_FILE, {"weights": weights, "index": ranker.snapshot.manifest.version, "questions": len(rows)})
    print(json.dumps(weights, indent=1))
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    from eval.fitting import fit_judge, write_json

    ranker = load_ranker()
    rows = run_questions(ranker, [question for question in read_gold() if question.split == "dev"])
    calibration = fit_judge(rows)
    write_json(CALIBRATION_FILE, calibration | {"index": ranker.snapshot.manifest.version})
    print(json.dumps(calibration["thresholds"], indent=1))
    return 0


def _cross_encoder(arguments: argparse.Namespace) -> int:
    """Fits the weight on development and prints what either half gains by it."""
    from eval.reading import read_questions, reading_table

    chosen = settings()
    reranker = make_reranker(chosen)
    if reranker is None:
        print("CROSS_ENCODER is not set. Name a model by hub id or local folder.", file=sys.stderr)
        return 2
    ranker = open_ranker(chosen.model_copy(update={"cross_encoder": None}), lambda: make_encoder(chosen))
    rows = run_questions(ranker, [question for question in read_gold() if question.relevant])
    print(reading_table(read_questions(rows, reranker)))
    return 0


def _languages(arguments: argparse.Namespace) -> int:
    questions = read_gold()
    names = ("py3langid", "langdetect")
    print(f"{'lang':5} " + " ".join(f"{name:>10}" for name in names))
    shares: dict[str, list[float]] = {name: [] for name in names}
    for code in EU_LANGUAGES:
        texts = [question.text for question in questions if question.language == code]
        row = []
        for name in names:
            share = mean([float(detector(name).detect(text).code == code) for text in texts])
            shares[name].append(share)
            row.append("       nan" if math.isnan(share) else f"{share:10.3f}")
        print(f"{code:5} " + " ".join(row))
    print("mean  " + " ".join(f"{mean(shares[name]):10.3f}" for name in names))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eval", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="answer the gold questions, print the table, write eval/results/report.html")
    run.add_argument("--split", choices=("test", "dev", "all"), default="test", help="which half, default test")
    run.add_argument("--expect", action="store_true", help="keep the figures as those that `make test` expects")
    run.set_defaults(run=_run)
    fit = commands.add_parser("fit", help="fit the fusion weights on the development half")
    fit.set_defaults(run=_fit)
    calibrate = commands.add_parser("calibrate", help="fit the judge and its thresholds on the development half")
    calibrate.set_defaults(run=_calibrate)
    languages = commands.add_parser("languages", help="language detection on the gold questions, per language")
    languages.set_defaults(run=_languages)
    cross_encoder = commands.add_parser(
        "cross-encoder", help="fit the weight of CROSS_ENCODER on the development half; what it gains on either"
    )
    cross_encoder.set_defaults(run=_cross_encoder)
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except (GoldError, IndexProblem) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
