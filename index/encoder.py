"""Encoders: text to vectors, by two verbs for two sides.

`OnnxEncoder` is the default: multilingual-e5-small with no model hub and no torch, token vectors included.
`index/sentence_transformer.py` brings any other model.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from index.errors import EncoderUnavailable
from index.tokenizer import Tokenizer
from index.weights import Adapt, weights_path

Side = Literal["query", "passage"]
Vectors = npt.NDArray[np.float32]

MAX_TOKENS = 512
ENCODER_NAME = "multilingual-e5-small"
ADAPTER_FILE = Path(__file__).parent / "data" / "adapter.npz"
"""The fine-tuned adapter that `python -m index train` writes; the default encoder applies it when it is there."""

STATISTICS_FILE = Path(__file__).parent / "data" / "statistics.npz"
"""The encoder's inner values over many texts, for its quantisation; `python -m index statistics` writes it."""

TOKENS_FILE = Path(__file__).parent / "data" / "tokens.npz"
"""The space of its token vectors, measured at the same time."""

MODEL_FOLDER = Path(__file__).parent / "models"
"""Where generated graphs are cached, by fingerprint. Never committed, always rebuilt."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One text: `sentence` float32 (d,), `tokens` float32 (t, k) of its content tokens, `weights` float32 (t,)
    that sum to 1 (how telling each token is), all vectors of unit length."""

    sentence: Vectors
    tokens: Vectors
    weights: Vectors


@runtime_checkable
class Encoder(Protocol):
    """`name` says which, `fingerprint` changes whenever vectors may, `dimension` is d."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dimension(self) -> int: ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), unit length."""
        ...

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """float32 (n, d), unit length."""
        ...

    def encode(self, text: str, side: Side) -> Encoded:
        """Sentence and token vectors of one text."""
        ...

    def encode_many(self, texts: Iterable[str], side: Side, threads: int = 1) -> Iterator[Encoded]:
        """Each text as `encode` gives it, in order, so many at a time."""
        ...


class OnnxEncoder:
    """Multilingual-e5-small by ONNX Runtime. Callers in many threads share one session; each call uses one thread.

    `folder` is one that `ensure_model` returned. The fingerprint is the folder's name.
    """

    name = ENCODER_NAME

    def __init__(self, folder: Path) -> None:
        # Its official builds send events to their maker unless told not to before they begin.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self.fingerprint = folder.name
        self._tokenizer = Tokenizer(folder)
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._prefix = {side: self._tokenizer.content_ids(f"{side}:") for side in ("query", "passage")}
        self.dimension = int(self._session.get_outputs()[0].shape[0])

    def token_ids(self, text: str, side: Side) -> npt.NDArray[np.int64]:
        """int64 (n,): `<s> query : text </s>`, cut to 512."""
        prefix = self._prefix[side]
        room = MAX_TOKENS - len(prefix) - 2
        ids = [self._tokenizer.bos, *prefix, *self._tokenizer.content_ids(text)[:room], self._tokenizer.eos]
        return np.array(ids, np.int64)

    def encode(self, text: str, side: Side) -> Encoded:
        ids = self.token_ids(text, side)
        sentence, tokens = self._session.run(["sentence", "tokens"], {"input_ids": ids[None, :]})
        # The prefix and the end marks stand in every text and say nothing about this one.
        first, last = 1 + len(self._prefix[side]), len(ids) - 1
        if last <= first:
            first, last = 0, len(ids)
        telling = -self._tokenizer.log_probabilities(ids[first:last])
        weights = np.maximum(telling, 0.1)
        return Encoded(sentence, tokens[first:last], (weights / weights.sum()).astype(np.float32))

    def inner(self, text: str, side: Side, names: Sequence[str]) -> dict[str, Vectors]:
        """Further outputs of a graph that was written with them, by name."""
        ids = self.token_ids(text, side)
        return dict(zip(names, self._session.run(list(names), {"input_ids": ids[None, :]}), strict=True))

    def encode_many(self, texts: Iterable[str], side: Side, threads: int = 1) -> Iterator[Encoded]:
        if threads == 1:
            yield from (self.encode(text, side) for text in texts)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(lambda text: self.encode(text, side), texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._stack(texts, "query")

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._stack(texts, "passage")

    def _stack(self, texts: Sequence[str], side: Side) -> Vectors:
        rows = [encoded.sentence for encoded in self.encode_many(texts, side)]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), np.float32)


def exact_encoder(folder: Path, adapt: Adapt | None = None, probes: Sequence[str] = ()) -> OnnxEncoder:
    """The same model in float32, its token vectors as they are, written into an empty folder: what measurements and
    tests compare with."""
    from index.graph import write_exact_graph
    from index.tokenizer import save_tokenizer
    from index.weights import read_weights

    weights = read_weights(weights_path())
    write_exact_graph(weights, folder / "model.onnx", adapt, probes)
    save_tokenizer(weights.vocabulary, folder)
    return OnnxEncoder(folder)


def model_fingerprint(adapter: Path | None = ADAPTER_FILE) -> str:
    """Names the vectors that the default encoder gives: weights, graph format, adapter."""
    from index.graph_format import GRAPH_FORMAT

    digest = hashlib.sha256(GRAPH_FORMAT.encode())
    path = weights_path()
    # The whole file is 70 MB; its size and a sample of it tell one release from another in a millisecond.
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        for offset in range(0, size, max(1, size // 64)):
            file.seek(offset)
            digest.update(file.read(4096))
    for data in (STATISTICS_FILE, TOKENS_FILE, adapter):
        if data is not None and data.is_file():
            digest.update(data.read_bytes())
    return f"{ENCODER_NAME}-{digest.hexdigest()[:16]}"


def ensure_model(folder: Path = MODEL_FOLDER, adapter: Path | None = ADAPTER_FILE) -> Path:
    """The cached graph's folder, generated first when it is not there (about two seconds, with onnx and numpy).

    Raises EncoderUnavailable when the weights are missing or the folder cannot be written.
    """
    final = folder / model_fingerprint(adapter)
    if (final / "meta.json").is_file():
        return final
    from index.adapter import load_adapter
    from index.graph import write_graph
    from index.graph_format import GRAPH_FORMAT
    from index.quantisation import load_statistics
    from index.token_space import TokenSpace
    from index.tokenizer import save_tokenizer
    from index.weights import read_weights

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (final / "meta.json").is_file():
                return final
            temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=folder))
            try:
                weights = read_weights(weights_path())
                adapt = load_adapter(adapter) if adapter is not None and adapter.is_file() else None
                statistics, space = load_statistics(STATISTICS_FILE), TokenSpace.load(TOKENS_FILE)
                write_graph(weights, temporary / "model.onnx", statistics, space, adapt)
                save_tokenizer(weights.vocabulary, temporary)
                meta = {"format": GRAPH_FORMAT, "weights": weights.sha256, "adapter": adapt is not None}
                (temporary / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
                temporary.chmod(0o755)  # mkdtemp's 0700 would hide it from a server that runs as another user
                shutil.rmtree(final, ignore_errors=True)
                os.replace(temporary, final)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise EncoderUnavailable(
            f"The encoder cannot be generated in {folder} ({error}). Set MODEL_DIR to a writable folder."
        ) from error
    return final
