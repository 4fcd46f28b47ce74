"""MaxSim against plain loops, and by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.encoder import Encoded
from index.late_interaction import max_sim
from index.texts import EncodedTexts

DIMENSION = 4
_INT8 = 127


def encoded(tokens: npt.NDArray[np.float32]) -> Encoded:
    """Tokens of unit length, weights growing from token to token and summing to 1."""
    count = len(tokens)
    weights = np.arange(1, count + 1, dtype=np.float32)
    weights /= max(1.0, weights.sum())
    return Encoded(np.zeros(DIMENSION, np.float32), tokens, weights)


def texts_of(rows: list[Encoded]) -> EncodedTexts:
    offsets = np.cumsum([0, *(len(row.weights) for row in rows)])
    return EncodedTexts(
        vectors=np.zeros((len(rows), DIMENSION), np.float32),
        tokens=np.concatenate([np.rint(row.tokens * _INT8) for row in rows]).astype(np.int8),
        offsets=offsets.astype(np.int64),
        weights=np.concatenate([row.weights for row in rows]).astype(np.float32),
        digests=np.zeros((len(rows), 16), np.uint8),
    )


def random_tokens(count: int, seed: int) -> npt.NDArray[np.float32]:
    tokens = np.random.default_rng(seed).standard_normal((count, DIMENSION))
    return np.asarray(tokens / np.linalg.norm(tokens, axis=1, keepdims=True), np.float32)


def plain(query: Encoded, texts: EncodedTexts, number: int, symmetric: bool) -> float:
    start, end = texts.offsets[number], texts.offsets[number + 1]
    own = [texts.tokens[at].astype(float) / _INT8 for at in range(start, end)]
    if not own or not len(query.weights):
        return 0.0

    def cosine(a: npt.NDArray[np.float32], b: npt.NDArray[np.float64]) -> float:
        return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))

    forward = sum(float(w) * max(cosine(q, t) for t in own) for w, q in zip(query.weights, query.tokens, strict=True))
    if not symmetric:
        return forward
    weights = texts.weights[start:end]
    backward = sum(float(w) * max(cosine(q, t) for q in query.tokens) for w, t in zip(weights, own, strict=True))
    return (forward + backward) / 2


AXES = np.eye(DIMENSION, dtype=np.float32)


def test_by_hand() -> None:
    question = encoded(AXES[[0, 1]])  # weights 1/3 and 2/3
    texts = texts_of([encoded(AXES[[1, 2]]), encoded(AXES[[0]]), encoded(AXES[[0, 1]]), encoded(AXES[[3]])])
    forward = [2 / 3, 1 / 3, 1, 0]
    backward = [1 / 3, 1, 1, 0]  # the first text's token 1 has weight 1/3
    assert max_sim(question, texts, [0, 1, 2, 3], symmetric=False).tolist() == pytest.approx(forward)
    mean = [(f + b) / 2 for f, b in zip(forward, backward, strict=True)]
    assert max_sim(question, texts, [0, 1, 2, 3], symmetric=True).tolist() == pytest.approx(mean)


def test_rows_come_in_the_order_asked_for() -> None:
    question = encoded(AXES[[0]])
    texts = texts_of([encoded(AXES[[1]]), encoded(AXES[[0]])])
    assert max_sim(question, texts, [1, 0, 1], symmetric=False).tolist() == pytest.approx([1, 0, 1])
    assert max_sim(question, texts, [], symmetric=False).tolist() == []


@given(
    st.integers(0, 4),
    st.lists(st.integers(0, 4), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), max_size=6),
    st.booleans(),
    st.integers(0, 1000),
)
def test_as_plain_loops_say(asked: int, sizes: list[int], numbers: list[int], symmetric: bool, seed: int) -> None:
    question = encoded(random_tokens(asked, seed))
    texts = texts_of([encoded(random_tokens(size, seed + place + 1)) for place, size in enumerate(sizes)])
    numbers = [number % len(sizes) for number in numbers]
    found = max_sim(question, texts, numbers, symmetric)
    np.testing.assert_allclose(found, [plain(question, texts, number, symmetric) for number in numbers], atol=1e-5)
    assert found.dtype == np.float32
