"""The smoke questions: what does not find them, or cannot be quoted, is not served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import CHECKOUT, MAILBOX, FixedDetector, ToyEncoder, constant_judge, make_settings

from corpus.collection import read_collection
from corpus.languages import EU_LANGUAGES
from corpus.questions import BankQuestion
from eval.gold import read_gold
from index.errors import IndexMismatch, IndexMissing, IndexUnfit
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.lease import Lease
from index.snapshot import Snapshot
from index.store import MANIFEST
from service.engine import make_encoder, make_pipeline
from service.pipeline import Pipeline
from service.smoke import SmokeQuestion, check_smoke, read_smoke

WITHDRAW = SmokeQuestion("en", "can we withdraw our signature later", "faq", ("withdraw",))
DEADLINE = SmokeQuestion("en", "is there any deadline for signing", "faq", ("deadline", "person"))
WRONG = SmokeQuestion("en", "can we withdraw our signature later", "faq", ("deadline",))
ELSEWHERE = SmokeQuestion("en", "can we withdraw our signature later", "another", ("x",))


def over(snapshot: Snapshot) -> Pipeline:
    retriever = HybridRetriever(snapshot, ToyEncoder(), Fusion(np.ones(len(FEATURES), np.float32)))
    return Pipeline(retriever, constant_judge(), FixedDetector("en"), MAILBOX)


def test_the_share_found_is_held_against_the_floor(pipeline: Pipeline) -> None:
    assert check_smoke(pipeline, [WITHDRAW, DEADLINE], 1.0) == 1.0
    assert check_smoke(pipeline, [WITHDRAW, DEADLINE, DEADLINE, WRONG], 0.75) == 0.75
    with pytest.raises(
        IndexUnfit, match=r"finds 75% .* less than SMOKE_FLOOR 76% \(missed: en: faq#deadline\)\. Check"
    ):
        check_smoke(pipeline, [WITHDRAW, DEADLINE, DEADLINE, WRONG], 0.76)


def test_questions_on_documents_it_lacks_are_passed_over(pipeline: Pipeline) -> None:
    assert check_smoke(pipeline, [WITHDRAW, ELSEWHERE, ELSEWHERE], 1.0) == 1.0


def test_another_corpus_is_asked_its_own_bank(pipeline: Pipeline, snapshot: Snapshot, tmp_path: Path) -> None:
    assert check_smoke(pipeline, [ELSEWHERE], 1.0) == 1.0
    keys = list(snapshot.questions())
    turned = [replace(key, text=keys[-1 - n].text) for n, key in enumerate(keys)]
    with pytest.raises(IndexUnfit, match="less than SMOKE_FLOOR 100%"):
        check_smoke(over(with_bank(snapshot, turned, tmp_path)), [ELSEWHERE], 1.0)
    assert check_smoke(over(with_bank(snapshot, [], tmp_path)), [ELSEWHERE], 1.0) == 1.0, "no bank, nothing to ask"


def with_bank(snapshot: Snapshot, bank: Sequence[BankQuestion], folder: Path) -> Snapshot:
    """The snapshot as if those were its bank's questions."""
    shutil.copy(snapshot.lease.folder / MANIFEST, folder)
    (folder / "keys.jsonl").write_text("".join(json.dumps(asdict(question)) + "\n" for question in bank))
    return replace(snapshot, lease=Lease(folder))


def test_an_index_without_a_passage_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(IndexUnfit, match=r"holds no passage\. Run `make index`"):
        check_smoke(over(replace(snapshot, manifest=replace(snapshot.manifest, counts={"passages": 0}))), [], 0.0)


def test_an_entry_that_is_gone_is_missed(snapshot: Snapshot) -> None:
    gone = SmokeQuestion("en", "can we withdraw our signature later", "faq", ("renamed",))
    with pytest.raises(IndexUnfit, match="faq#renamed"):
        check_smoke(over(snapshot), [gone], 0.5)


@pytest.mark.parametrize("line", ["{", "[]", '{"question": "x"}', '{"language": "en", "question": "x", "doc_id": "y"}'])
def test_a_file_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "smoke.jsonl"
    whole = {"language": "en", "question": "x", "doc_id": "y", "entries": ["z"]}
    path.write_text(json.dumps(whole) + "\n" + line + "\n")
    with pytest.raises(IndexUnfit, match=r"smoke\.jsonl:2: .*language, question, doc_id and entries"):
        read_smoke(path)
    with pytest.raises(IndexUnfit, match="Set SMOKE_FILE"):
        read_smoke(tmp_path / "none")


def test_the_bundled_questions_are_ours_alone_and_in_all_languages() -> None:
    bundled = read_smoke(make_settings().smoke_file)
    assert {question.language for question in bundled} == set(EU_LANGUAGES)
    collection = read_collection(CHECKOUT / "corpus")
    known = {(d.doc_id, entry.entry_id) for d in collection.documents for entry in d.entries}
    assert {(q.doc_id, entry) for q in bundled for entry in q.entries} <= known
    texts = {q.question for q in bundled}
    assert not texts & ({key.text for key in collection.bank} | {gold.text for gold in read_gold()})


def test_the_shipped_index_finds_the_bundled_questions() -> None:
    chosen = make_settings()
    try:
        opened = make_pipeline(chosen, make_encoder(chosen))
    except (IndexMissing, IndexMismatch) as error:
        pytest.skip(f"the shipped corpus has no index yet: {error}")
    assert check_smoke(opened, read_smoke(chosen.smoke_file), chosen.smoke_floor) >= chosen.smoke_floor
