"""The judge: how probably the first entry answers, and what follows from it.

A logistic model over signals of the ranking, fitted by `python -m eval calibrate` into
`service/data/calibration.json` together with the thresholds that keep the stated promise.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.fusion import FEATURES
from index.retrieval import Ranking
from service.answers import Outcome

CALIBRATION_FILE = Path(__file__).parent / "data" / "calibration.json"

_NEGATIVE_KINDS = ("near_miss", "off_topic", "hostile")
SIGNALS = (
    *(f"first_{name}" for name in FEATURES),
    *(f"gap_{name}" for name in FEATURES),
    "score_gap",
    "agreement",
    *(f"negative_{kind}" for kind in _NEGATIVE_KINDS),
    "key_over_near_miss",
    "key_over_off_topic",
    "question_words",
)


def signals(ranking: Ranking) -> npt.NDArray[np.float32]:
    """float32 (len(SIGNALS),): the first entry's features, its lead over the second, how many single features would
    have put it first, how near unanswered questions come. Zeros when nothing was found."""
    if not ranking.entries:
        return np.zeros(len(SIGNALS), np.float32)
    first = ranking.entries[0]
    features = np.stack([entry.features for entry in ranking.entries])
    second = features[1] if len(features) > 1 else np.zeros_like(first.features)
    gap = first.score - (ranking.entries[1].score if len(ranking.entries) > 1 else 0.0)
    agreement = float((first.features >= features.max(axis=0)).mean())
    negative = [ranking.negative.get(kind, 0.0) for kind in _NEGATIVE_KINDS]
    key = float(first.features[FEATURES.index("key_best")])
    return np.array(
        [
            *first.features,
            *(first.features - second),
            gap,
            agreement,
            *negative,
            key - negative[0],
            key - max(negative[1:]),
            math.log1p(len(ranking.query.text.split())),
        ],
        np.float32,
    )


@dataclass(frozen=True, slots=True)
class LogisticModel:
    """p = 1 / (1 + exp(-(bias + ((x - mean) / scale) @ weights)))."""

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]
    bias: float

    def probability(self, values: npt.NDArray[np.float32]) -> float:
        logit = self.bias + float(((values - self.mean) / self.scale) @ self.weights)
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, logit))))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, the probability that the first entry answers, and that the question is within our subject."""

    outcome: Outcome
    confidence: float
    in_scope: float


@dataclass(frozen=True, slots=True)
class Judge:
    """Thresholds: `answer` is the least confidence to answer with, per language where listed; below `related`
    nothing is shown; below `scope` a refusal is called out of scope."""

    answering: LogisticModel
    scope: LogisticModel
    answer: dict[str, float]
    related: float
    scope_threshold: float

    def judge(self, ranking: Ranking) -> Verdict:
        values = signals(ranking)
        confidence = self.answering.probability(values) if ranking.entries else 0.0
        in_scope = self.scope.probability(values)
        threshold = self.answer.get(ranking.query.language, self.answer["*"])
        if confidence >= threshold:
            outcome: Outcome = "answered"
        elif in_scope < self.scope_threshold:
            outcome = "out_of_scope"
        elif confidence >= self.related:
            outcome = "low_confidence"
        else:
            outcome = "no_match"
        return Verdict(outcome, confidence, in_scope)


def load_judge(path: Path = CALIBRATION_FILE) -> Judge:
    """Raises ValueError when the file was fitted on other signals than this code computes."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    if tuple(stored["signals"]) != SIGNALS:
        raise ValueError(f"{path} was fitted on other signals. Run `python -m eval calibrate`.")

    def model(name: str) -> LogisticModel:
        part = stored[name]
        mean, scale, weights = (np.array(part[key], np.float64) for key in ("mean", "scale", "weights"))
        return LogisticModel(mean, scale, weights, float(part["bias"]))

    thresholds = stored["thresholds"]
    return Judge(model("answering"), model("scope"), thresholds["answer"], thresholds["related"], thresholds["scope"])
