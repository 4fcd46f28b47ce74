"""The ONNX graph of the default encoder, written from the 4-bit weights in some seconds.

One text a run: input `input_ids` (1, n) int64, outputs `sentence` (384,) and `tokens` (n, 128), those in the space of
`index/token_space.py`, both float32 of unit length. With no padding there is no mask, and a text's vector cannot depend
on other texts. The matrices multiply as 8-bit integers (`index/quantisation.py`); `write_exact_graph` writes the same
model in float32, which the tests and benchmarks compare with. The embedding table stays 4-bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from index.graph_format import GRAPH_FORMAT, WEIGHTS_FILE
from index.quantisation import GELU_LOW, LEVELS, IntegerMatrix, Statistics, Way, quantise
from index.token_space import TokenSpace
from index.weights import BLOCK, Adapt, Weights

_MICROSOFT = "com.microsoft"


_WAYS = {
    "qkv": Way(centred=True, balanced=True),
    "projected": Way(),
    "widened": Way(centred=True, balanced=True),
    "narrowed": Way(low=GELU_LOW),
}


def write_graph(
    weights: Weights, path: Path, statistics: Statistics, space: TokenSpace, adapt: Adapt | None = None
) -> None:
    """Write the graph of these weights, changed by `adapt` where given."""
    _save(_Graph(weights, adapt, statistics, space).build(), path)


def write_exact_graph(weights: Weights, path: Path, adapt: Adapt | None = None, probes: Sequence[str] = ()) -> None:
    """Write the same model in float32, its tokens (n, 384) as they are; the inner values that `probes` names, float32
    (1, n, columns), are outputs as well."""
    _save(_Graph(weights, adapt, None, None).build(probes), path)


def _save(model: onnx.ModelProto, path: Path) -> None:
    """The constants go into a file beside the graph, which ONNX Runtime maps into memory: what a question does not
    touch, most of the embedding table, takes none, and processes share the rest."""
    onnx.save(model, str(path), save_as_external_data=True, location=WEIGHTS_FILE, size_threshold=1024)
    path.with_name(WEIGHTS_FILE).chmod(0o644)  # onnx makes it for its owner alone; a server may run as another user


class _Graph:
    def __init__(
        self, weights: Weights, adapt: Adapt | None, statistics: Statistics | None, space: TokenSpace | None
    ) -> None:
        self._w = weights
        self._adapt = adapt
        self._statistics = statistics
        self._space = space
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def _constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        if name not in self._constants:
            # ascontiguousarray makes a scalar a row.
            stored = np.ascontiguousarray(values) if values.ndim else values
            self._constants[name] = numpy_helper.from_array(stored, name)
        return name

    def _node(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
        self._nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def _dense(self, names: list[str]) -> npt.NDArray[np.float32]:
        """float32 (rows, columns), the matrices stacked, with the adapter."""
        parts = [(name, self._w.matrices[name].dense()) for name in names]
        return np.concatenate([self._adapt(name, part) if self._adapt is not None else part for name, part in parts])

    def _project(
        self, source: str, names: list[str], bias: npt.NDArray[np.float32], output: str
    ) -> tuple[str, npt.NDArray[np.float32]]:
        """The product and the bias to add to it."""
        dense = self._dense(names)
        if self._statistics is None:
            return self._node("MatMul", [source, self._constant(f"{output}.values", dense.T)], output), bias
        kind = output.rsplit(".", 1)[1]
        matrix = quantise(dense, self._statistics[source], _WAYS[kind])
        if matrix.shift is not None:
            shift = self._constant(f"{output}.shift", matrix.shift)
            source = self._node("Sub", [source, shift], f"{output}.shifted")
        if matrix.balance is not None:
            balance = self._constant(f"{output}.balance", 1 / matrix.balance)
            source = self._node("Mul", [source, balance], f"{output}.balanced")
        return self._integer_product(source, matrix, output, _WAYS[kind].positive), bias + matrix.offset

    def _integer_product(self, source: str, matrix: IntegerMatrix, output: str, positive: bool) -> str:
        """The product of (1, n, columns) with the matrix, each token in 8 bits of its own scale."""
        sign = "positive" if positive else "signed"
        zero = self._constant(f"zero.{sign}", np.array(0 if positive else 128, np.uint8))
        step = self._constant(f"step.{sign}", np.array(1 / LEVELS[sign], np.float32))
        last = self._constant("axis.last", np.array([-1], np.int64))
        size = source if positive else self._node("Abs", [source], f"{output}.abs")
        largest = self._node("ReduceMax", [size, last], f"{output}.largest", keepdims=1)
        unit = self._node("Div", [source, largest], f"{output}.unit")
        quantised = self._node("QuantizeLinear", [unit, step, zero], f"{output}.quantised")
        inputs = [quantised, self._constant(f"{output}.values", matrix.values.T), step]
        inputs += [self._constant(f"{output}.scales", matrix.scales), zero]
        product = self._node("MatMulIntegerToFloat", inputs, f"{output}.product", _MICROSOFT)
        return self._node("Mul", [product, largest], f"{output}.scaled")

    def _normalised_sum(self, residual: str, source: str, layer: str, part: str, norm: str, output: str) -> str:
        """A projection of `source`, added to `residual` and normalised."""
        vectors = self._w.vectors
        name = {"ao": "projected", "fo": "narrowed"}[part]
        update, bias = self._project(source, [f"{layer}.{part}.w"], vectors[f"{layer}.{part}.b"], f"{layer}.{name}")
        biased = self._node("Add", [update, self._constant(f"{layer}.{part}.b", bias)], f"{output}.update")
        # ONNX Runtime's SkipLayerNormalization, which does all three at once, takes twice their time on processors.
        summed = self._node("Add", [residual, biased], f"{output}.sum")
        return self._normalise(summed, f"{layer}.{norm}", output)

    def _normalise(self, source: str, norm: str, output: str) -> str:
        scale, shift = (self._constant(f"{norm}.{part}", self._w.vectors[f"{norm}.{part}"]) for part in "wb")
        return self._node("LayerNormalization", [source, scale, shift], output, axis=-1, epsilon=self._w.epsilon)

    def _embed(self) -> str:
        w, table = self._w, self._w.matrices["emb.word"]
        packed = table.nibbles[:, 0::2] | (table.nibbles[:, 1::2] << 4)
        words = self._node(
            "GatherBlockQuantized",
            [self._constant("words", packed), "input_ids", self._constant("words.scales", table.scales)],
            "embedded",
            _MICROSOFT,
            bits=4,
            block_size=BLOCK,
            gather_axis=0,
            quantize_axis=1,
        )
        length = self._node("Shape", ["input_ids"], "length", start=1, end=2)
        zero = self._constant("zero", np.array([0], np.int64))
        table_name = self._constant("positions", w.vectors["emb.pos"] + w.vectors["emb.type"])
        places = self._node("Slice", [table_name, zero, length], "places")
        summed = self._node("Add", [words, places], "embedded.sum")
        return self._normalise(summed, "emb.ln", "layer.0")

    def _layer(self, number: int, source: str) -> str:
        w, layer = self._w, f"l{number}"
        bias = np.concatenate([w.vectors[f"{layer}.{part}.b"] for part in "qkv"])
        merged, bias = self._project(source, [f"{layer}.{part}.w" for part in "qkv"], bias, f"{layer}.qkv")
        parts = [f"{layer}.query", f"{layer}.key", f"{layer}.value"]
        self._nodes.append(helper.make_node("Split", [merged], parts, name=f"{layer}.split", axis=-1, num_outputs=3))
        biased = [*parts, self._constant(f"{layer}.qkv.b", bias)]
        attended = self._node("MultiHeadAttention", biased, f"{layer}.attended", _MICROSOFT, num_heads=w.heads)
        middle = self._normalised_sum(source, attended, layer, "ao", "aln", f"{layer}.middle")
        widened, gate = self._project(middle, [f"{layer}.fi.w"], w.vectors[f"{layer}.fi.b"], f"{layer}.widened")
        gated = [widened, self._constant(f"{layer}.fi.b", gate)]
        activated = self._node("BiasGelu", gated, f"{layer}.activated", _MICROSOFT)
        return self._normalised_sum(middle, activated, layer, "fo", "oln", f"layer.{number + 1}")

    def _tokens(self, hidden: str) -> int:
        """Writes the output `tokens`; returns their dimension."""
        if self._space is None:
            self._node("LpNormalization", [hidden], "tokens", axis=-1, p=2)
            return self._w.hidden
        unit = self._node("LpNormalization", [hidden], "tokens.unit", axis=-1, p=2)
        moved = self._node("Sub", [unit, self._constant("tokens.mean", self._space.mean)], "tokens.moved")
        centred = self._node("LpNormalization", [moved], "tokens.centred", axis=-1, p=2)
        turned = self._node("MatMul", [centred, self._constant("tokens.axes", self._space.axes)], "tokens.turned")
        self._node("LpNormalization", [turned], "tokens", axis=-1, p=2)
        return len(self._space.axes.T)

    def build(self, probes: Sequence[str] = ()) -> onnx.ModelProto:
        hidden = self._embed()
        for number in range(self._w.layers):
            hidden = self._layer(number, hidden)
        axis = self._constant("axis.0", np.array([0], np.int64))
        flat = self._node("Squeeze", [hidden, axis], "hidden")
        tokens = self._tokens(flat)
        mean = self._node("ReduceMean", [flat, axis], "mean", keepdims=0)
        self._node("LpNormalization", [mean], "sentence", axis=-1, p=2)
        graph = helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])],
            [
                helper.make_tensor_value_info("sentence", TensorProto.FLOAT, [self._w.hidden]),
                helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", tokens]),
                *(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in probes),
            ],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name=GRAPH_FORMAT)
