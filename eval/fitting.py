"""Fitting the fusion weights and the judge on development questions. Needs scipy and scikit-learn."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from eval.runs import RunRow
from index.fusion import FEATURES
from service.confidence import SIGNALS, signals

PROMISE = 0.97
"""Of the questions answered, at least this share is answered rightly."""

MARGIN = 0.004
"""What the probabilities of questions held out promise beyond what is kept on others (eval/LOG.md)."""

LANGUAGE_GROUPS: dict[str, tuple[str, ...]] = {
    "text of every document": ("fr", "en"),
    "Germanic and Romance": ("da", "de", "es", "it", "nl", "pt", "ro", "sv"),
    "Slavic": ("bg", "cs", "hr", "pl", "sk", "sl"),
    "Baltic, Celtic, Finnic, Greek, Hungarian, Maltese": ("el", "et", "fi", "ga", "hu", "lt", "lv", "mt"),
}
"""Each keeps the promise with a threshold of its own: by the text it finds in its language, then by family."""

REFERENCE_WEIGHT = 0.4
"""The least weight of a reference: who names a paragraph, a point or a measure is given it first. Too few development
questions do so for the fit to learn it."""

LEAST_OF_A_GROUP = 100
"""Fewer questions say too little about a promise of 97 in 100: the group then has the threshold of all."""

_L2 = 0.02
_FOLDS = 10


def fit_fusion(rows: Sequence[RunRow]) -> dict[str, float]:
    """Feature to weight, none negative: maximises the chance of a relevant entry under a softmax over the candidates.

    Source: ListNet's top-one probability (Cao et al., 2007), with an L2 penalty. Questions whose candidates hold no
    relevant entry teach nothing and are left out.
    """
    lists: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]] = []
    for row in rows:
        relevant = np.array([key in row.question.relevant for key in row.keys])
        if relevant.any():
            lists.append((np.stack([entry.features for entry in row.ranking.entries]).astype(np.float64), relevant))
    width = max(len(features) for features, _ in lists)
    features = np.zeros((len(lists), width, len(FEATURES)))
    present = np.zeros((len(lists), width), bool)
    right = np.zeros((len(lists), width), bool)
    for place, (values, relevant) in enumerate(lists):
        features[place, : len(values)], present[place, : len(values)] = values, True
        right[place, : len(values)] = relevant

    def loss(weights: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        scores = np.where(present, features @ weights, -1e9)
        scores -= scores.max(axis=1, keepdims=True)
        odds = np.exp(scores)
        chance = odds / odds.sum(axis=1, keepdims=True)
        good = np.where(right, chance, 0)
        total = np.maximum(good.sum(axis=1, keepdims=True), 1e-12)
        gradient = ((chance - good / total)[:, :, None] * features).sum(axis=(0, 1)) / len(lists)
        value = -np.log(total).mean() + _L2 * (weights @ weights) / len(FEATURES) / 100
        return float(value), gradient + 2 * _L2 * weights / len(FEATURES) / 100

    start = np.full(len(FEATURES), 5.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(FEATURES))
    # Scores keep a readable size; only their order and their gaps matter.
    scale = found.x.sum() / 4
    weights = {name: round(float(weight / scale), 4) for name, weight in zip(FEATURES, found.x, strict=True)}
    return weights | {"reference": max(weights["reference"], REFERENCE_WEIGHT)}


@dataclass(frozen=True, slots=True)
class Reading:
    """A question's fused scores and a cross-encoder's logits, float64 (n,) each, and which entries are relevant."""

    scores: npt.NDArray[np.float64]
    logits: npt.NDArray[np.float64]
    relevant: npt.NDArray[np.bool_]

    def loss(self, scale: float, weight: float) -> float:
        """Negative log of the chance of a relevant entry under a softmax over scale * (scores + weight * logits)."""
        scores = scale * (self.scores + weight * self.logits)
        return float(logsumexp(scores) - logsumexp(scores[self.relevant]))


@dataclass(frozen=True, slots=True)
class Weighing:
    """`weight` of the logits beside the fused scores, and the `scale` of both that makes chances of them."""

    scale: float
    weight: float


def mean_loss(readings: Sequence[Reading], weighing: Weighing) -> float:
    """Of the questions with a relevant entry among those read; nan where there is none."""
    losses = [reading.loss(weighing.scale, weighing.weight) for reading in readings if reading.relevant.any()]
    return float(np.mean(losses)) if losses else math.nan


def fit_reading(readings: Sequence[Reading]) -> tuple[Weighing, Weighing]:
    """Without the logits, and with the weight of theirs, at least 0, that makes the loss least.

    The scale is fitted in both: fused scores are no log-odds, and a weight that only sharpened them would seem to help.
    """

    def fitted(free: bool) -> Weighing:
        def loss(values: npt.NDArray[np.float64]) -> float:
            scale = math.exp(values[0])
            return mean_loss(readings, Weighing(scale, values[1] / scale if free else 0.0))

        start = np.array([1.0, 0.5 if free else 0.0])
        bounds = [(-5.0, 5.0), (0.0, 10.0 if free else 0.0)]
        found = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
        scale = math.exp(found.x[0])
        return Weighing(scale, round(float(found.x[1]) / scale, 3))

    if math.isnan(mean_loss(readings, Weighing(1.0, 0.0))):
        return Weighing(1.0, 0.0), Weighing(1.0, 0.0)
    without, with_it = fitted(False), fitted(True)
    return without, with_it if mean_loss(readings, with_it) < mean_loss(readings, without) else without


def fit_judge(rows: Sequence[RunRow]) -> dict[str, Any]:
    """Both logistic models and the thresholds, as `service/data/calibration.json` stores them.

    Thresholds come from cross-validated probabilities, so that a fitted question does not vouch for itself.
    """
    values = np.stack([signals(row.ranking) for row in rows]).astype(np.float64)
    right = np.array([row.first_is_right for row in rows])
    in_scope = np.array([row.question.kind not in ("off_topic", "hostile") for row in rows])
    answering, held_out = _logistic(values, right)
    scope, scope_held_out = _logistic(values, in_scope)
    answer = _answer_thresholds(held_out, [row.language for row in rows])
    return {
        "signals": list(SIGNALS),
        "answering": answering,
        "scope": scope,
        "thresholds": {
            "answer": answer,
            "related": round(min(_related_threshold(held_out, right), min(answer.values()) * 0.75), 4),
            "scope": round(_scope_threshold(scope_held_out, in_scope), 4),
        },
        "promise": PROMISE,
        "questions": len(rows),
    }


def _answer_thresholds(probabilities: npt.NDArray[np.float64], languages: Sequence[str]) -> dict[str, float]:
    """Language to the threshold of its group; `*`, for all others, is that of all questions together.

    What is promised is counted in probabilities, not in answers that are right: a group has a handful of wrong ones,
    and thresholds that hang on these are as often too high as too low.
    """

    def least(own: npt.NDArray[np.float64]) -> float:
        return round(promise_threshold(own, own, PROMISE + MARGIN), 4)

    thresholds = {"*": least(probabilities)}
    for members in LANGUAGE_GROUPS.values():
        own = probabilities[np.isin(languages, members)]
        if len(own) >= LEAST_OF_A_GROUP:
            thresholds |= dict.fromkeys(members, least(own))
    return thresholds


def _logistic(values: npt.NDArray[np.float64], labels: npt.NDArray[np.bool_]) -> tuple[dict[str, Any], Any]:
    """The fitted model, and cross-validated probabilities of the positive class."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=2000))
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=5)
    held_out = cross_val_predict(model, values, labels, cv=folds, method="predict_proba")[:, 1]
    model.fit(values, labels)
    scaler, regression = model[0], model[1]
    stored = {
        "mean": [round(float(v), 6) for v in scaler.mean_],
        "scale": [round(float(v), 6) for v in scaler.scale_],
        "weights": [round(float(v), 6) for v in regression.coef_[0]],
        "bias": round(float(regression.intercept_[0]), 6),
    }
    return stored, held_out


def promise_threshold(
    probabilities: npt.NDArray[np.float64], right: npt.NDArray[np.bool_ | np.float64], promise: float
) -> float:
    """The least threshold from which on at least `promise` of the questions are right, by verdict or by chance; 1.0
    when there is none."""
    order = np.argsort(-probabilities)
    ordered = probabilities[order]
    precision = np.cumsum(right[order].astype(np.float64)) / np.arange(1, len(order) + 1)
    last_of_equals = np.append(ordered[1:] < ordered[:-1], True)  # equals are answered together
    kept = np.flatnonzero((precision >= promise) & last_of_equals)
    return float(ordered[kept[-1]]) if len(kept) else 1.0


def _related_threshold(probabilities: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> float:
    """Below it fewer than one in seven first passages is right: showing them would waste the reader's time."""
    order = np.argsort(probabilities)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    below = np.flatnonzero(share <= 1 / 7)
    return float(probabilities[order[below[-1]]]) if len(below) else 0.0


def _scope_threshold(probabilities: npt.NDArray[np.float64], in_scope: npt.NDArray[np.bool_]) -> float:
    """Between the sides at equal error rates."""
    best = (2.0, 0.5)
    for threshold in np.unique(probabilities):
        called_out = probabilities < threshold
        errors = called_out[in_scope].mean() + (~called_out[~in_scope]).mean()
        best = min(best, (float(errors), float(threshold)))
    return best[1]


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
