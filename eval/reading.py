"""What a cross-encoder is worth: its weight fitted on development, hits and loss with and without it on either half."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from eval.fitting import Reading, fit_reading, mean_loss
from eval.gold import Split
from eval.runs import RunRow
from index.cross_encoder import Reranker

Readings = Mapping[Split, Sequence[Reading]]


def read_questions(rows: Sequence[RunRow], reranker: Reranker) -> Readings:
    """The entries that the cross-encoder reads of each ranking, by half."""
    found: dict[Split, list[Reading]] = {"dev": [], "test": []}
    for row in rows:
        logits = reranker.logits(row.ranking)
        if len(logits):
            scores = np.array([entry.score for entry in row.ranking.entries[: len(logits)]], np.float64)
            relevant = np.array([key in row.question.relevant for key in row.keys[: len(logits)]])
            found[row.question.split].append(Reading(scores, logits.astype(np.float64), relevant))
    return found


def hits(readings: Sequence[Reading], weight: float) -> float:
    """Share of the questions whose first entry is relevant; nan of none."""
    right = [reading.relevant[np.argmax(reading.scores + weight * reading.logits)] for reading in readings]
    return float(np.mean(right)) if right else float("nan")


def reading_table(readings: Readings) -> str:
    """Markdown, and the weight to set."""
    without, with_it = fit_reading(readings["dev"])
    lines = [
        "| half | questions | hit@1 without | with | listwise loss without | with |",
        "|---|---|---|---|---|---|",
    ]
    for name, own in (("development", readings["dev"]), ("test", readings["test"])):
        figures = (hits(own, 0.0), hits(own, with_it.weight), mean_loss(own, without), mean_loss(own, with_it))
        lines.append(f"| {name} | {len(own)} | " + " | ".join(f"{figure:.3f}" for figure in figures) + " |")
    if with_it.weight:
        setting = f"CROSS_ENCODER_WEIGHT={with_it.weight}"
        advice = f"{setting}; with it, run `python -m eval calibrate`: the order tells on confidence."
    else:
        advice = "It does not help on development: leave CROSS_ENCODER out."
    return "\n".join([*lines, "", advice])
