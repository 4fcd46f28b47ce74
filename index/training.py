"""Fine-tuning the default encoder on the question bank: a LoRA adapter, trained on CPU by sentence-transformers.

A batch holds one question for each of many entries, so that no other row of it is a right answer. Its entries are
neighbours, groups whose questions the untrained encoder finds alike, for these are what it confuses. In some batches
an unanswered question goes beside each row as one more wrong answer. The right answers are other questions for the
entry, in any language, or in some batches its passages. Gold questions take no part.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from corpus.collection import Collection
from corpus.passages import split_document
from corpus.questions import BankQuestion
from index.sentence_transformer import export_model, matrix_name
from index.weights import read_weights, weights_path


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """What is trained and how long; kept beside the adapter."""

    rank: int = 8
    alpha: int = 16
    steps: int = 450
    batch: int = 32
    learning_rate: float = 4e-4
    warmup: float = 0.1
    scale: float = 30.0
    passage_share: float = 0.2
    negative_share: float = 0.4
    neighbours: int = 8
    max_tokens: int = 44
    seed: int = 7


@dataclass(frozen=True, slots=True)
class _Triple:
    anchor: str
    positive: str
    negative: str


Neighbours = dict[tuple[str, str], list[tuple[str, str]]]
"""Entry to the other entries, the one most like it first."""


def nearest_entries(centres: dict[tuple[str, str], Any]) -> Neighbours:
    """Entries by the cosine of their questions' mean vectors, float32 (d,) each."""
    entries = sorted(centres)
    vectors = np.stack([centres[entry] for entry in entries])
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    order = np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")
    return {entry: [entries[other] for other in order[place] if other != place] for place, entry in enumerate(entries)}


def _batches(collection: Collection, settings: TrainingSettings, neighbours: Neighbours) -> Iterator[list[_Triple]]:
    """Batches of triples, each batch over distinct entries, the entries with many questions oftener."""
    rng = random.Random(settings.seed)  # noqa: S311 - for shuffling
    questions = _questions(collection.bank)
    passages: dict[tuple[str, str], list[str]] = defaultdict(list)
    for document in collection.documents:
        for passage in split_document(document):
            passages[passage.doc_id, passage.entry_id].append(passage.searchable)
    negatives = [negative.text for negative in collection.negatives]
    entries = sorted(questions)
    # An entry's share grows with the square root of its questions, so the summaries are heard beside the FAQ.
    weights = {entry: len(questions[entry]) ** 0.5 for entry in entries}
    decks: dict[tuple[str, str], list[str]] = {}

    def draw(entry: tuple[str, str]) -> str:
        deck = decks.get(entry)
        if not deck:
            deck = decks[entry] = rng.sample(questions[entry], len(questions[entry]))
        return deck.pop()

    for _ in range(settings.steps):
        chosen: dict[tuple[str, str], None] = {}
        for seed in sorted(entries, key=lambda entry: rng.random() ** (1 / weights[entry]), reverse=True):
            for entry in [seed, *neighbours[seed][: settings.neighbours - 1]]:
                if len(chosen) < settings.batch:
                    chosen.setdefault(entry)
        # Passages are long: a whole batch of them wastes less padding than a few in every batch.
        with_passages = rng.random() < settings.passage_share
        with_negatives = bool(negatives) and rng.random() < settings.negative_share
        batch = []
        for entry in chosen:
            anchor = draw(entry)
            if with_passages:
                positive = "passage: " + rng.choice(passages[entry])
            else:
                positive = "query: " + rng.choice([text for text in questions[entry] if text != anchor] or [anchor])
            # Without one the row is nearly empty: it costs nothing and is like no question.
            negative = "query: " + (rng.choice(negatives) if with_negatives else "")
            batch.append(_Triple("query: " + anchor, positive, negative))
        yield batch


def _questions(bank: Iterable[BankQuestion]) -> dict[tuple[str, str], list[str]]:
    questions: dict[tuple[str, str], list[str]] = defaultdict(list)
    for question in bank:
        questions[question.doc_id, question.entry_id].append(question.text)
    return questions


def _centres(model: Any, collection: Collection, each: int = 6) -> dict[tuple[str, str], Any]:
    """Each entry's mean vector, of its first questions in English and French, else in any language."""
    chosen: list[tuple[tuple[str, str], str]] = []
    main = _questions([question for question in collection.bank if question.language in ("en", "fr")])
    for entry, texts in sorted(_questions(collection.bank).items()):
        chosen += [(entry, "query: " + text) for text in main.get(entry, texts)[:each]]
    vectors = model.encode([text for _, text in chosen], convert_to_numpy=True)
    gathered: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for (entry, _), vector in zip(chosen, vectors, strict=True):
        gathered[entry].append(vector)
    return {entry: np.mean(rows, axis=0) for entry, rows in gathered.items()}


def train(collection: Collection, out: Path, settings: TrainingSettings) -> dict[str, Any]:
    """Train and write `out` (npz of the low-rank matrices, fp16) and `out` with .json (settings, data hash, losses)."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, TaskType
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from torch.utils.data import BatchSampler, SequentialSampler

    torch.manual_seed(settings.seed)

    def in_order(data: Any, batch_size: int, drop_last: bool, **_: Any) -> Any:
        return BatchSampler(SequentialSampler(data), batch_size, drop_last)

    with TemporaryDirectory() as name:
        folder = Path(name)
        export_model(read_weights(weights_path()), folder / "base")
        model = SentenceTransformer(str(folder / "base"), device="cpu")
        model.max_seq_length = settings.max_tokens
        model.prompts = {}
        neighbours = nearest_entries(_centres(model, collection))
        rows = [triple for batch in _batches(collection, settings, neighbours) for triple in batch]
        dataset = Dataset.from_dict(
            {name: [getattr(row, name) for row in rows] for name in ("anchor", "positive", "negative")}
        )
        model.add_adapter(
            LoraConfig(
                task_type=TaskType.FEATURE_EXTRACTION,
                r=settings.rank,
                lora_alpha=settings.alpha,
                # All matrices of the layers, and not the pooler's `dense`.
                target_modules=r".*layer\.\d+\..*\.(query|key|value|dense)",
            )
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=SentenceTransformerTrainingArguments(
                output_dir=str(folder / "run"),
                per_device_train_batch_size=settings.batch,
                max_steps=settings.steps,
                learning_rate=settings.learning_rate,
                warmup_steps=int(settings.warmup * settings.steps),
                lr_scheduler_type="cosine",
                batch_sampler=in_order,
                logging_steps=20,
                save_strategy="no",
                report_to=[],
                seed=settings.seed,
                use_cpu=True,
                dataloader_num_workers=0,
            ),
            train_dataset=dataset,
            loss=MultipleNegativesRankingLoss(model, scale=settings.scale),
        )
        trainer.train()
        losses = [round(row["loss"], 4) for row in trainer.state.log_history if "loss" in row]
        tensors = _low_rank(model)
    tensors["scale"] = np.array(settings.alpha / settings.rank, np.float32)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **tensors)
    report = {
        "settings": asdict(settings),
        "corpus_sha256": collection.sha256,
        "adapter_sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
        "questions": len(collection.bank),
        "losses": losses,
    }
    out.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def _low_rank(model: Any) -> dict[str, Any]:
    """`<matrix>.a` (rank, input) and `<matrix>.b` (output, rank), fp16."""
    tensors = {}
    for name, parameter in model.named_parameters():
        for part, short in (("lora_A", "a"), ("lora_B", "b")):
            if f".{part}." in name:
                inside = name.split(f".{part}.")[0]
                bert = "encoder.layer." + inside.split("layer.", 1)[1]
                tensors[f"{matrix_name(bert)}.{short}"] = parameter.detach().numpy().astype(np.float16)
    return tensors
