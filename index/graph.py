"""The ONNX graph of the default encoder, written from the 4-bit weights in about a second.

One text a run: input `input_ids` (1, n) int64, outputs `sentence` (384,) and `tokens` (n, 384), both float32 of
unit length. With no padding there is no mask, and a text's vector cannot depend on other texts. Matrices are 8-bit
`MatMulNBits` in blocks of 32: (nibble + 120) with zero point 128 is the very weight of the 4-bit file. A matrix that
an adapter has changed is rounded to 8 bits anew. The embedding table stays 4-bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from index.graph_format import GRAPH_FORMAT
from index.weights import BLOCK, Adapt, BlockMatrix, Weights

_MICROSOFT = "com.microsoft"


def write_graph(weights: Weights, path: Path, adapt: Adapt | None = None) -> None:
    """Write the graph of these weights, changed by `adapt` where given."""
    onnx.save(_Graph(weights, adapt).build(), str(path))


class _Graph:
    def __init__(self, weights: Weights, adapt: Adapt | None) -> None:
        self._w = weights
        self._adapt = adapt
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def _constant(self, name: str, values: npt.NDArray[np.generic]) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(self, op: str, inputs: list[str], output: str, domain: str = "", **attributes: object) -> str:
        self._nodes.append(helper.make_node(op, inputs, [output], name=output, domain=domain, **attributes))
        return output

    def _blocks(self, names: list[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """uint8 values with zero point 128 (rows, columns) and scales (rows, columns / 32), matrices stacked."""
        parts = [self._eight_bit(name, self._w.matrices[name]) for name in names]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def _eight_bit(self, name: str, matrix: BlockMatrix) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        dense = matrix.dense()
        adapted = self._adapt(name, dense) if self._adapt is not None else dense
        if adapted is dense:
            return matrix.nibbles + np.uint8(120), matrix.scales
        rows, columns = adapted.shape
        blocks = adapted.reshape(rows, columns // BLOCK, BLOCK)
        scales = np.maximum(np.abs(blocks).max(axis=2) / 127.0, 1e-12).astype(np.float32)
        values = np.rint(blocks / scales[:, :, None]) + 128
        return values.astype(np.uint8).reshape(rows, columns), scales

    def _project(self, source: str, names: list[str], output: str) -> str:
        values, scales = self._blocks(names)
        rows, columns = values.shape
        quantised = self._constant(f"{output}.values", values.reshape(rows, columns // BLOCK, BLOCK))
        scale = self._constant(f"{output}.scales", scales.ravel())
        return self._node(
            "MatMulNBits",
            [source, quantised, scale],
            output,
            _MICROSOFT,
            K=columns,
            N=rows,
            bits=8,
            block_size=BLOCK,
            accuracy_level=4,
        )

    def _normalised_sum(self, residual: str, update: str, layer: str, norm: str, bias: str, output: str) -> str:
        vectors = self._w.vectors
        return self._node(
            "SkipLayerNormalization",
            [
                residual,
                update,
                self._constant(f"{layer}.{norm}.w", vectors[f"{layer}.{norm}.w"]),
                self._constant(f"{layer}.{norm}.b", vectors[f"{layer}.{norm}.b"]),
                self._constant(f"{layer}.{bias}", vectors[f"{layer}.{bias}"]),
            ],
            output,
            _MICROSOFT,
            epsilon=self._w.epsilon,
        )

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
        scale, shift = (self._constant(f"emb.ln.{part}", w.vectors[f"emb.ln.{part}"]) for part in "wb")
        return self._node("LayerNormalization", [summed, scale, shift], "layer.0", axis=-1, epsilon=w.epsilon)

    def _layer(self, number: int, source: str) -> str:
        w, layer = self._w, f"l{number}"
        merged = self._project(source, [f"{layer}.{part}.w" for part in "qkv"], f"{layer}.qkv")
        parts = [f"{layer}.query", f"{layer}.key", f"{layer}.value"]
        self._nodes.append(helper.make_node("Split", [merged], parts, name=f"{layer}.split", axis=-1, num_outputs=3))
        bias = self._constant(f"{layer}.qkv.b", np.concatenate([w.vectors[f"{layer}.{part}.b"] for part in "qkv"]))
        attended = self._node("MultiHeadAttention", [*parts, bias], f"{layer}.attended", _MICROSOFT, num_heads=w.heads)
        projected = self._project(attended, [f"{layer}.ao.w"], f"{layer}.projected")
        middle = self._normalised_sum(source, projected, layer, "aln", "ao.b", f"{layer}.middle")
        widened = self._project(middle, [f"{layer}.fi.w"], f"{layer}.widened")
        gate = self._constant(f"{layer}.fi.b", w.vectors[f"{layer}.fi.b"])
        activated = self._node("BiasGelu", [widened, gate], f"{layer}.activated", _MICROSOFT)
        narrowed = self._project(activated, [f"{layer}.fo.w"], f"{layer}.narrowed")
        return self._normalised_sum(middle, narrowed, layer, "oln", "fo.b", f"layer.{number + 1}")

    def build(self) -> onnx.ModelProto:
        hidden = self._embed()
        for number in range(self._w.layers):
            hidden = self._layer(number, hidden)
        axis = self._constant("axis.0", np.array([0], np.int64))
        flat = self._node("Squeeze", [hidden, axis], "hidden")
        self._node("LpNormalization", [flat], "tokens", axis=-1, p=2)
        mean = self._node("ReduceMean", [flat, axis], "mean", keepdims=0)
        self._node("LpNormalization", [mean], "sentence", axis=-1, p=2)
        graph = helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])],
            [
                helper.make_tensor_value_info("sentence", TensorProto.FLOAT, [self._w.hidden]),
                helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["n", self._w.hidden]),
            ],
            self._constants,
        )
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name=GRAPH_FORMAT)
