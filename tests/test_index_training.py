"""What the adapter is trained on: batches over distinct, neighbouring entries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from corpus.collection import Collection, read_collection
from index.adapter import load_adapter
from index.training import TrainingSettings, _batches, nearest_entries, train
from index.weights import read_weights, weights_path

CORPUS = Path(__file__).parent.parent / "corpus"


@pytest.fixture(scope="module")
def shipped() -> Collection:
    return read_collection(CORPUS)


def neighbours(shipped: Collection) -> dict[tuple[str, str], list[tuple[str, str]]]:
    entries = sorted({(question.doc_id, question.entry_id) for question in shipped.bank})
    rng = np.random.default_rng(0)
    return nearest_entries({entry: rng.normal(size=8).astype(np.float32) for entry in entries})


def test_neighbours_are_ordered_by_cosine_and_leave_out_the_entry() -> None:
    centres = {("d", "a"): np.array([1.0, 0.0]), ("d", "b"): np.array([3.0, 1.0]), ("d", "c"): np.array([-1.0, 0.5])}
    assert nearest_entries(centres) == {
        ("d", "a"): [("d", "b"), ("d", "c")],
        ("d", "b"): [("d", "a"), ("d", "c")],
        ("d", "c"): [("d", "b"), ("d", "a")],
    }


def test_a_batch_holds_each_entry_once_and_a_seed_beside_its_neighbours(shipped: Collection) -> None:
    settings = TrainingSettings(steps=6, batch=12, neighbours=4)
    near = neighbours(shipped)
    entry_of = {"query: " + question.text: (question.doc_id, question.entry_id) for question in shipped.bank}
    batches = list(_batches(shipped, settings, near))
    assert [len(batch) for batch in batches] == [12] * 6
    for batch in batches:
        entries = [entry_of[triple.anchor] for triple in batch]
        assert len(set(entries)) == 12
        assert set(near[entries[0]][:3]) <= set(entries)
        for triple, entry in zip(batch, entries, strict=True):
            if triple.positive.startswith("query: "):
                assert triple.positive != triple.anchor
                assert entry_of[triple.positive] == entry
    assert batches == list(_batches(shipped, settings, near))


def test_batches_go_with_and_without_unanswered_questions(shipped: Collection) -> None:
    batches = list(_batches(shipped, TrainingSettings(steps=12, batch=4, negative_share=0.5), neighbours(shipped)))
    unanswered = {"query: " + negative.text for negative in shipped.negatives}
    kinds = {all(triple.negative in unanswered for triple in batch) for batch in batches}
    assert kinds == {True, False}
    assert all(triple.negative == "query: " or triple.negative in unanswered for batch in batches for triple in batch)


def test_two_steps_leave_an_adapter_that_changes_every_matrix_of_the_layers(
    collection: Collection, tmp_path: Path
) -> None:
    report = train(collection, tmp_path / "adapter.npz", TrainingSettings(steps=2, batch=2, warmup=0.0, max_tokens=12))
    assert report["corpus_sha256"] == collection.sha256
    adapt = load_adapter(tmp_path / "adapter.npz")
    matrices = {name: matrix.dense() for name, matrix in read_weights(weights_path()).matrices.items()}
    changed = {name for name, matrix in matrices.items() if (adapt(name, matrix) != matrix).any()}
    assert len(changed) == 12 * 6
