"""A linear map fitted to a question bank when its index is built: questions for one entry move together, across
languages and wordings, and away from other entries' and from unanswered ones.

Supervised contrastive loss (Khosla et al., 2020) over centred question vectors, plain numpy, some seconds; starts at
the identity and is held near it, so that what the bank does not speak of stays as the encoder has it. Of what comes
out, the principal axes alone are kept: the others tell nothing and cost each question their time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LEAST_QUESTIONS = 500
"""A smaller bank says too little to fit 150,000 numbers: the identity stays."""

PROJECTION = "contrastive-2"
"""Names this way of fitting: another name, and no matrix fitted before is used again."""

DIMENSIONS = 256
"""At most, of what comes out (eval/LOG.md)."""

EPOCHS, BATCH, TEMPERATURE, LEARNING_RATE, HOLD, DROPOUT = 10, 1024, 0.06, 1e-3, 1e-2, 0.1

Matrix = npt.NDArray[np.float32]


def fit_projection(questions: Matrix, entries: npt.NDArray[np.int64], unanswered: Matrix, seed: int = 3) -> Matrix:
    """float32 (k, d), k at most DIMENSIONS, from unit vectors (n, d) with their entries' numbers (n,) and unanswered
    ones (m, d).

    The same input gives the same matrix on the same machine. The identity, (d, d), for a small bank.
    """
    dimension = questions.shape[1]
    identity = np.eye(dimension, dtype=np.float32)
    if len(questions) < LEAST_QUESTIONS:
        return identity
    vectors = np.concatenate([questions, unanswered]).astype(np.float32)
    # Each unanswered question is a class of its own: a wrong answer to all others, an anchor to none.
    labels = np.concatenate([entries, -1 - np.arange(len(unanswered))])
    rng = np.random.default_rng(seed)
    weights = identity.copy()
    moment, square = np.zeros_like(weights), np.zeros_like(weights)
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(vectors))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            kept = rng.random((len(rows), dimension), dtype=np.float32) >= DROPOUT
            gradient = _gradient(weights, vectors[rows] * kept / (1 - DROPOUT), labels[rows])
            if gradient is None:
                continue
            gradient += 2 * HOLD * (weights - identity)
            step += 1
            moment = 0.9 * moment + 0.1 * gradient
            square = 0.999 * square + 0.001 * gradient**2
            rate = LEARNING_RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights = (weights - rate * moment / (np.sqrt(square) + 1e-8)).astype(np.float32)
    moved = project(questions, weights)
    axes = np.linalg.eigh(moved.T @ moved)[1][:, ::-1][:, :DIMENSIONS]
    result: Matrix = (axes.T @ weights).astype(np.float32)
    return result


def project(vectors: Matrix, matrix: Matrix) -> Matrix:
    """Rows through the map, of unit length again."""
    moved = vectors @ matrix.T
    norms = np.linalg.norm(moved, axis=-1, keepdims=True)
    result: Matrix = (moved / np.maximum(norms, 1e-6)).astype(np.float32)
    return result


def _gradient(weights: Matrix, vectors: Matrix, labels: npt.NDArray[np.int64]) -> Matrix | None:
    """Of the loss by the weights, (d, d); None when no two rows share a label."""
    same = labels[:, None] == labels[None, :]
    np.fill_diagonal(same, False)
    positives = same.sum(axis=1)
    anchors = positives > 0
    if not anchors.any():
        return None
    moved = vectors @ weights.T
    norms = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-6)
    unit = moved / norms
    likeness = unit @ unit.T / TEMPERATURE
    np.fill_diagonal(likeness, -np.inf)
    likeness -= likeness.max(axis=1, keepdims=True)
    chance = np.exp(likeness)
    chance /= chance.sum(axis=1, keepdims=True)
    pull = chance - same / np.maximum(positives, 1)[:, None]
    pull[~anchors] = 0.0
    pull /= anchors.sum()
    by_unit = ((pull + pull.T) @ unit) / TEMPERATURE
    by_moved = (by_unit - (by_unit * unit).sum(axis=1, keepdims=True) * unit) / norms
    result: Matrix = (by_moved.T @ vectors).astype(np.float32)
    return result
