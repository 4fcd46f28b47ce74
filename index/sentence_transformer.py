"""Encoders from sentence-transformers: any model by hub id or local folder, and the default's own weights as one.

Needs the packages of the group `models` (torch), which serving with the default encoder never imports.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from index.encoder import Encoded, Side, Vectors
from index.errors import EncoderUnavailable
from index.weights import Adapt, Vocabulary, Weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BERT_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class SentenceTransformerEncoder:
    """Any sentence-transformers model. Prompts are the model's own `query` and `passage` (or `document`) prompts
    unless given. Token vectors are those of the model's token embeddings, special tokens left out, equal weights.

    Raises EncoderUnavailable when the packages or the model are missing.
    """

    def __init__(self, model: str, query_prompt: str | None = None, passage_prompt: str | None = None) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EncoderUnavailable(
                f"The encoder {model!r} needs sentence-transformers. Install it with `make models`."
            ) from error
        try:
            self._model: SentenceTransformer = SentenceTransformer(model, device="cpu")
        except Exception as error:  # the library raises a different type for each way a model can be missing
            raise EncoderUnavailable(
                f"The encoder {model!r} cannot be loaded ({error}). Set ENCODER to a hub id that can be reached, "
                "a local folder, or `default`."
            ) from error
        prompts = self._model.prompts
        self._prompts = {
            "query": query_prompt if query_prompt is not None else prompts.get("query", ""),
            "passage": passage_prompt
            if passage_prompt is not None
            else prompts.get("passage", prompts.get("document", "")),
        }
        self._lock = threading.Lock()
        self.name = model
        self.dimension = int(self._model.get_embedding_dimension() or 0)
        probe = self.encode_queries(["fingerprint"])
        settings = f"{model}\0{self._prompts}\0".encode()
        self.fingerprint = (
            f"{Path(model).name}-{hashlib.sha256(settings + np.round(probe, 4).tobytes()).hexdigest()[:16]}"
        )

    def encode(self, text: str, side: Side) -> Encoded:
        with self._lock:
            outputs: dict[str, Any] = self._model.encode(
                [self._prompts[side] + text], output_value=None, show_progress_bar=False, prompt=""
            )[0]
        sentence = outputs["sentence_embedding"].float().numpy()
        tokens = outputs["token_embeddings"].float().numpy()
        real = outputs["attention_mask"].bool().numpy()[: len(tokens)]
        content = tokens[real][1:-1] if real.sum() > 2 else tokens[real]
        content = content / np.maximum(np.linalg.norm(content, axis=1, keepdims=True), 1e-6)
        weights = np.full(len(content), 1.0 / max(1, len(content)), np.float32)
        return Encoded(_unit(sentence), content.astype(np.float32), weights)

    def encode_many(self, texts: Iterable[str], side: Side, threads: int = 1) -> Iterator[Encoded]:
        return (self.encode(text, side) for text in texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._sentences(texts, "query")

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._sentences(texts, "passage")

    def _sentences(self, texts: Sequence[str], side: Side) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        with self._lock:
            vectors = self._model.encode(
                [self._prompts[side] + text for text in texts], prompt="", show_progress_bar=False
            )
        return _unit(np.asarray(vectors))


def _unit(vectors: Any) -> Vectors:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-6), np.float32)


def bert_state(weights: Weights, adapt: Adapt | None = None) -> dict[str, Any]:
    """The weights, changed by `adapt` where given, under the names of transformers' BertModel, float32."""
    state: dict[str, Any] = {
        "embeddings.word_embeddings.weight": weights.matrices["emb.word"].dense(),
        "embeddings.position_embeddings.weight": weights.vectors["emb.pos"],
        "embeddings.token_type_embeddings.weight": weights.vectors["emb.type"][None, :],
        "embeddings.LayerNorm.weight": weights.vectors["emb.ln.w"],
        "embeddings.LayerNorm.bias": weights.vectors["emb.ln.b"],
    }
    for layer in range(weights.layers):
        for short, long in _BERT_NAMES.items():
            for part, name in (("w", "weight"), ("b", "bias")):
                key = f"l{layer}.{short}.{part}"
                values = weights.matrices[key].dense() if key in weights.matrices else weights.vectors[key]
                if adapt is not None and key in weights.matrices:
                    values = adapt(key, values)
                state[f"encoder.layer.{layer}.{long}.{name}"] = values
    return state


def matrix_name(bert_name: str) -> str:
    """`encoder.layer.3.attention.self.query` -> `l3.q.w`. Raises KeyError for what is no matrix of ours."""
    layer, _, part = bert_name.removeprefix("encoder.layer.").partition(".")
    short = {long: short for short, long in _BERT_NAMES.items()}[part]
    return f"l{int(layer)}.{short}.w"


def export_model(weights: Weights, folder: Path, adapt: Adapt | None = None) -> None:
    """Write the default encoder's weights, dequantised and changed by `adapt` where given, as a sentence-transformers
    model (about 470 MB)."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    config = BertConfig(
        vocab_size=len(weights.matrices["emb.word"].nibbles),
        hidden_size=weights.hidden,
        num_hidden_layers=weights.layers,
        num_attention_heads=weights.heads,
        intermediate_size=weights.feed_forward,
        max_position_embeddings=weights.positions,
        type_vocab_size=1,
        layer_norm_eps=weights.epsilon,
        pad_token_id=weights.vocabulary.pad,
        # Fine-tuning is so short that dropout would cost more time than it saves overfitting.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config, add_pooling_layer=False)
    state = {
        name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in bert_state(weights, adapt).items()
    }
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or [name for name in missing if "position_ids" not in name]:
        raise EncoderUnavailable(f"The weights do not fit transformers' BertModel: {missing} {unexpected}.")
    bare = folder / "transformer"
    model.save_pretrained(bare)
    pieces = weights.vocabulary.pieces
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_fast_tokenizer(weights.vocabulary),
        bos_token=pieces[weights.vocabulary.bos],
        eos_token=pieces[weights.vocabulary.eos],
        cls_token=pieces[weights.vocabulary.bos],
        sep_token=pieces[weights.vocabulary.eos],
        pad_token=pieces[weights.vocabulary.pad],
        unk_token=pieces[weights.vocabulary.unk],
        model_max_length=weights.positions,
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(bare)
    transformer = Transformer(str(bare), max_seq_length=weights.positions)
    modules = [transformer, Pooling(weights.hidden, "mean"), Normalize()]
    SentenceTransformer(modules=modules, prompts={"query": "query: ", "passage": "passage: "}, device="cpu").save(
        str(folder)
    )
    shutil.rmtree(bare)


def _fast_tokenizer(vocabulary: Vocabulary) -> Any:
    """The tokenizer in the form of the `tokenizers` library; NFKC stands in for the codepoint map."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    scored = list(zip(vocabulary.pieces, vocabulary.scores.tolist(), strict=True))
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=vocabulary.unk, byte_fallback=False))
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), spaces, normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)]
    )
    return tokenizer
