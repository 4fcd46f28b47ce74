"""The projection's gradient is the loss's, it draws an entry's questions together, and small banks keep the identity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from index.projection import LEAST_QUESTIONS, TEMPERATURE, _gradient, fit_projection, project


def unit(rng: np.random.Generator, rows: int, dimension: int) -> npt.NDArray[np.float32]:
    vectors = rng.standard_normal((rows, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def plain_loss(weights: npt.NDArray[np.float64], vectors: npt.NDArray[np.float32], labels: list[int]) -> float:
    """Supervised contrastive loss, written out."""
    moved = vectors.astype(np.float64) @ weights.T
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    losses = []
    for i, label in enumerate(labels):
        others = [j for j in range(len(labels)) if j != i]
        same = [j for j in others if labels[j] == label]
        if same:
            total = np.log(sum(np.exp(moved[i] @ moved[j] / TEMPERATURE) for j in others))
            losses.append(np.mean([total - moved[i] @ moved[j] / TEMPERATURE for j in same]))
    return float(np.mean(losses))


def test_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = unit(rng, 8, 5), [0, 0, 1, 1, 1, 2, -1, -2]
    weights = rng.standard_normal((5, 5))
    found = _gradient(weights.astype(np.float32), vectors, np.array(labels))
    assert found is not None
    step = 1e-5
    for place in [(0, 0), (2, 3), (4, 1)]:
        up, down = weights.copy(), weights.copy()
        up[place] += step
        down[place] -= step
        expected = (plain_loss(up, vectors, labels) - plain_loss(down, vectors, labels)) / (2 * step)
        assert abs(found[place] - expected) < 1e-3 * max(1.0, abs(expected))


def test_no_two_questions_alike_teach_nothing() -> None:
    vectors = unit(np.random.default_rng(0), 3, 4)
    assert _gradient(np.eye(4, dtype=np.float32), vectors, np.array([0, 1, -1])) is None


def test_a_small_bank_keeps_the_identity() -> None:
    questions = unit(np.random.default_rng(0), LEAST_QUESTIONS - 1, 4)
    labels = np.zeros(len(questions), np.int64)
    assert np.array_equal(fit_projection(questions, labels, questions[:0]), np.eye(4, dtype=np.float32))


def test_an_entrys_questions_draw_together_and_the_fit_repeats_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(6), 100)
    common, telling = unit(rng, len(labels), 24), unit(rng, 6, 24)
    questions = project((common + 0.5 * telling[labels]).astype(np.float32), np.eye(24, dtype=np.float32))
    matrix = fit_projection(questions, labels, unit(rng, 20, 24))

    def gap(vectors: npt.NDArray[np.float32]) -> float:
        likeness = vectors @ vectors.T
        same = labels[:, None] == labels[None, :]
        return float(likeness[same].mean() - likeness[~same].mean())

    assert gap(project(questions, matrix)) > gap(questions)
    assert matrix.shape == (24, 24)
    monkeypatch.setattr("index.projection.DIMENSIONS", 8)
    fewer = fit_projection(questions, labels, unit(np.random.default_rng(2), 20, 24))
    assert fewer.shape == (8, 24)
    assert gap(project(questions, fewer)) > gap(questions)
    again = fit_projection(questions, labels, questions[:0])
    assert np.array_equal(again, fit_projection(questions, labels, questions[:0]))
