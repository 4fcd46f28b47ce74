"""The tokenizer of multilingual-e5-small, rebuilt from the weights' own vocabulary as a SentencePiece model.

Codepoints are mapped first, as the model's normaliser does, then SentencePiece segments. Special tokens typed
by a user (`</s>`) stay plain text: a question cannot end itself. Input is NFC-normalised and stripped.
"""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sentencepiece

from index.weights import Vocabulary

MODEL_FILE = "tokenizer.model"
CODEPOINTS_FILE = "codepoints.json"


def save_tokenizer(vocabulary: Vocabulary, folder: Path) -> None:
    """Write the SentencePiece model and the codepoint map."""
    from sentencepiece import sentencepiece_model_pb2

    model = sentencepiece_model_pb2.ModelProto()
    types = model.SentencePiece
    special = {vocabulary.bos, vocabulary.eos, vocabulary.pad, len(vocabulary.pieces) - 1}
    for number, (piece, score) in enumerate(zip(vocabulary.pieces, vocabulary.scores.tolist(), strict=True)):
        kind = types.UNKNOWN if number == vocabulary.unk else types.CONTROL if number in special else types.NORMAL
        model.pieces.add(piece=piece, score=score, type=kind)
    trainer = model.trainer_spec
    trainer.model_type = trainer.UNIGRAM
    trainer.vocab_size = len(vocabulary.pieces)
    trainer.unk_id, trainer.bos_id = vocabulary.unk, vocabulary.bos
    trainer.eos_id, trainer.pad_id = vocabulary.eos, vocabulary.pad
    trainer.bos_piece, trainer.eos_piece = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    trainer.pad_piece, trainer.unk_piece = vocabulary.pieces[vocabulary.pad], vocabulary.pieces[vocabulary.unk]
    normalizer = model.normalizer_spec
    normalizer.name = "identity"
    normalizer.add_dummy_prefix = True
    normalizer.remove_extra_whitespaces = True
    normalizer.escape_whitespaces = True
    (folder / MODEL_FILE).write_bytes(model.SerializeToString())
    (folder / CODEPOINTS_FILE).write_text(json.dumps(vocabulary.codepoints), encoding="utf-8")


class Tokenizer:
    """Thread-safe; about 70 MB. Source: a folder written by `save_tokenizer`."""

    def __init__(self, folder: Path) -> None:
        self._model = sentencepiece.SentencePieceProcessor(model_file=str(folder / MODEL_FILE))
        loaded = json.loads((folder / CODEPOINTS_FILE).read_text(encoding="utf-8"))
        self._codepoints = {int(codepoint): replacement for codepoint, replacement in loaded.items()}
        self.bos, self.eos = self._model.bos_id(), self._model.eos_id()

    def content_ids(self, text: str) -> list[int]:
        """Token ids of the text without special tokens. Lone surrogates become question marks."""
        clean = text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
        normal = unicodedata.normalize("NFC", clean).translate(self._codepoints).strip()
        ids: list[int] = self._model.encode(normal)
        return ids

    def log_probabilities(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The unigram log probability of each token, float32 of the same shape."""
        return np.array([self._model.get_score(int(i)) for i in ids.ravel()], np.float32).reshape(ids.shape)
