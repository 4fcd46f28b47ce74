"""The space of token vectors: what is common to all goes, what tells them apart stays, and the graph computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from corpus.collection import read_collection
from index.encoder import ADAPTER_FILE, TOKENS_FILE, OnnxEncoder, ensure_model, exact_encoder
from index.statistics import measure_tokens, sample
from index.token_space import DIMENSIONS, TokenSpace, fit_token_space

Vectors = npt.NDArray[np.float32]
CORPUS = Path(__file__).parent.parent / "corpus"
TEXTS = [
    "Kann ein Unterzeichner seine Unterschrift zurückziehen?",
    "Oui, un signataire peut retirer sa signature au Code à tout moment.",
    "x",
]


def unit(vectors: npt.NDArray[np.float64]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def tokens_like(rng: np.random.Generator, rows: int) -> Vectors:
    """A common part larger than all else, variety in five directions, a little noise."""
    varied = np.zeros((rows, 40))
    varied[:, :5] = rng.standard_normal((rows, 5))
    varied[:, 39] = 6
    return unit(varied + rng.standard_normal((rows, 40)) * 0.01)


def test_the_common_part_goes_and_the_rest_stays_in_few_dimensions() -> None:
    rng = np.random.default_rng(1)
    tokens = tokens_like(rng, 500)
    assert (tokens @ tokens.T).mean() > 0.8
    space = fit_token_space(tokens, 6)  # bringing them to one length bends the five directions into a sixth
    found = space.apply(tokens)
    assert found.shape == (500, 6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert abs((found @ found.T).mean()) < 0.02
    centred = unit(tokens.astype(np.float64) - tokens.mean(axis=0))
    np.testing.assert_allclose(found @ found.T, centred @ centred.T, atol=0.03)
    np.testing.assert_allclose(space.axes.T @ space.axes, np.eye(6), atol=1e-5)


def test_the_axes_are_those_of_most_variety_in_order() -> None:
    rng = np.random.default_rng(2)
    tokens = unit(rng.standard_normal((800, 4)) * [4, 1, 0.1, 2])
    axes = fit_token_space(tokens, 3).axes
    assert np.abs(axes).argmax(axis=0).tolist() == [0, 3, 1]


def test_a_token_that_is_the_mean_is_no_number_that_breaks() -> None:
    space = TokenSpace(np.array([1, 0, 0], np.float32), np.eye(3, 2, dtype=np.float32))
    found = space.apply(np.array([[1, 0, 0], [0, 1, 0]], np.float32))
    assert np.isfinite(found).all()
    assert found[0].tolist() == [0, 0]


def test_it_is_kept_and_read(tmp_path: Path) -> None:
    space = fit_token_space(tokens_like(np.random.default_rng(3), 100), 4)
    space.save(tmp_path / "tokens.npz")
    again = TokenSpace.load(tmp_path / "tokens.npz")
    for part in ("mean", "axes"):
        one, other = getattr(again, part), getattr(space, part)
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_graph_gives_the_tokens_of_the_model_in_that_space(tmp_path: Path) -> None:
    quick, exact = OnnxEncoder(ensure_model(adapter=None)), exact_encoder(tmp_path)
    space = TokenSpace.load(TOKENS_FILE)
    assert space.axes.shape == (384, DIMENSIONS)
    for text in TEXTS:
        found, raw = quick.encode(text, "query").tokens, exact.encode(text, "query").tokens
        assert (found.shape, raw.shape) == ((len(raw), DIMENSIONS), (len(raw), 384))
        assert float((found * space.apply(raw)).sum(axis=1).mean()) >= 0.999, text


def test_the_space_is_that_of_the_corpus() -> None:
    """Of some of its texts much the same one comes out as the one that is kept."""
    texts = sample(read_collection(CORPUS), 80, 8)
    space, kept = measure_tokens(texts, ADAPTER_FILE), TokenSpace.load(TOKENS_FILE)
    assert space.axes.shape == kept.axes.shape
    assert np.corrcoef(space.mean, kept.mean)[0, 1] > 0.95
    # Cosines between the directions of most variety on both sides, those they share most first.
    shared = np.linalg.svd(space.axes[:, :16].T @ kept.axes[:, :32], compute_uv=False)
    assert shared[:10].min() > 0.8
