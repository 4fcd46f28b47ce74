"""Products in 8-bit integers against the plain ones: near, never overflowing, and the same on every processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from index.encoder import ADAPTER_FILE, STATISTICS_FILE, OnnxEncoder, Side, ensure_model, exact_encoder
from index.quantisation import (
    GELU_LOW,
    LEVELS,
    Columns,
    IntegerMatrix,
    Way,
    load_statistics,
    quantise,
    save_statistics,
)
from index.statistics import PROBES, measure

Array = npt.NDArray[np.float32]
TEXTS = [
    "Kann ein Unterzeichner seine Unterschrift zurückziehen?",
    "Oui, un signataire peut retirer sa signature au Code à tout moment.",
    "Cine semnează formularul?",
    "x",
    "What happens if a provider does not sign the Code and places a model on the market after August 2025? " * 4,
]


def product(x: Array, matrix: IntegerMatrix, way: Way) -> Array:
    """What the graph computes, said plainly: tokens in 8 bits of their own scale, sums in integers."""
    moved = x if matrix.shift is None else x - matrix.shift
    balanced = moved if matrix.balance is None else moved / matrix.balance
    levels = LEVELS["positive" if way.positive else "signed"]
    largest = (balanced if way.positive else np.abs(balanced)).max(axis=1, keepdims=True)
    rounded = np.rint(balanced / largest * levels).astype(np.int64)
    total = (rounded @ matrix.values.T.astype(np.int64)) * (largest / levels) * matrix.scales
    return np.asarray(total + matrix.offset, np.float32)


def relative_error(found: Array, expected: Array) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def outliers(rng: np.random.Generator, rows: int) -> Array:
    """Inputs as a transformer has them: a few columns are much larger than the rest, and far from 0."""
    x = rng.standard_normal((rows, 384))
    x[:, ::97] *= 8
    x[:, ::131] += 30
    return x.astype(np.float32)


def columns_of(x: Array) -> Columns:
    mean = x.mean(axis=0)
    return Columns(mean, np.abs(x - mean).max(axis=0))


def error_of(way: Way, seed: int = 2) -> float:
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((64, 384)).astype(np.float32)
    x = outliers(rng, 40)
    if way.low is not None:
        x = np.maximum(x, way.low)
    return relative_error(product(x, quantise(w, columns_of(x), way), way), x @ w.T)


def test_a_product_is_near_the_plain_one() -> None:
    assert error_of(Way(centred=True, balanced=True)) < 0.01
    assert error_of(Way(low=GELU_LOW, balanced=True)) < 0.01


def test_each_measure_brings_it_nearer() -> None:
    plain, centred, both = error_of(Way()), error_of(Way(centred=True)), error_of(Way(centred=True, balanced=True))
    assert both < centred < plain
    assert error_of(Way(low=GELU_LOW, balanced=True)) < error_of(Way(low=GELU_LOW)) < error_of(Way(balanced=True))


def test_the_mean_input_comes_out_exactly() -> None:
    rng = np.random.default_rng(4)
    w, x = rng.standard_normal((64, 384)).astype(np.float32), outliers(rng, 40)
    columns = columns_of(x)
    way = Way(centred=True, balanced=True)
    found = product(x, quantise(w, columns, way), way).mean(axis=0)
    # What is left is the rounding of tokens alone, each to its own side.
    assert relative_error(found, w @ columns.mean) < error_of(way) / 3


def test_no_pair_of_weights_can_overflow_16_bits() -> None:
    rng = np.random.default_rng(3)
    for w in (rng.standard_normal((32, 64)), np.ones((4, 64)), np.eye(64), rng.standard_cauchy((32, 64))):
        values = quantise(w.astype(np.float32), Columns(*np.ones((2, 64), np.float32)), Way()).values
        pairs = values.reshape(len(values), -1, 2).astype(np.int64)
        assert (np.maximum(pairs, 0).sum(axis=2) * 255).max() <= 32767
        assert (np.maximum(-pairs, 0).sum(axis=2) * 255).max() <= 32768


def test_the_runtime_sums_the_worst_case_exactly() -> None:
    """All inputs at their most, all weights at theirs: where 16 bits overflowed, the sum would be short."""
    plain = Columns(*np.ones((2, 384), np.float32))
    values = quantise(np.ones((4, 384), np.float32), plain, Way()).values
    one, zero = (
        numpy_helper.from_array(np.array(1, np.float32), "one"),
        numpy_helper.from_array(np.array(0, np.uint8), "0"),
    )
    weights = numpy_helper.from_array(np.ascontiguousarray(values.T), "weights")
    scales = numpy_helper.from_array(np.ones(4, np.float32), "scales")
    node = helper.make_node(
        "MatMulIntegerToFloat", ["x", "weights", "one", "scales", "0"], ["y"], domain="com.microsoft"
    )
    graph = helper.make_graph(
        [node],
        "worst",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, "n", 384])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "n", 4])],
        [one, zero, weights, scales],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model, full_check=False)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for rows in (1, 5, 16):
        (found,) = session.run(None, {"x": np.full((1, rows, 384), 255, np.uint8)})
        expected = 255 * values.astype(np.int64).sum(axis=1)
        assert found.astype(np.int64).tolist() == [[expected.tolist()] * rows]


def test_the_encoder_is_near_the_same_model_in_float32(tmp_path: Path) -> None:
    quick, exact = OnnxEncoder(ensure_model(adapter=None)), exact_encoder(tmp_path)
    sides: tuple[Side, ...] = ("query", "passage")
    for text in TEXTS:
        for side in sides:
            one, other = quick.encode(text, side), exact.encode(text, side)
            assert float(one.sentence @ other.sentence) >= 0.999, text


def test_statistics_are_kept_for_whatever_goes_into_a_matrix(tmp_path: Path) -> None:
    kept = load_statistics(STATISTICS_FILE)
    assert set(kept) == set(PROBES)
    save_statistics(kept, tmp_path / "again.npz")
    again = load_statistics(tmp_path / "again.npz")
    for name, columns in kept.items():
        assert (columns.spread > 0).all()
        assert np.array_equal(again[name].mean, columns.mean)
        assert np.array_equal(again[name].spread, columns.spread)


def test_statistics_are_those_of_texts() -> None:
    measured, kept = measure([(text, "query") for text in TEXTS], ADAPTER_FILE), load_statistics(STATISTICS_FILE)
    for name in ("layer.0", "l5.middle", "l11.activated"):
        for part in ("mean", "spread"):
            one, other = (getattr(found[name], part) for found in (measured, kept))
            assert one.shape == other.shape
            assert np.corrcoef(one, other)[0, 1] > 0.8, (name, part)
