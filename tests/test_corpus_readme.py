"""The worked example of corpus/README.md: another helpdesk's corpus, checked, built and searched."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from conftest import CHECKOUT, ToyEncoder

from corpus.collection import read_collection
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.retrieval import Query
from index.snapshot import build_snapshot, load_snapshot

README = (CHECKOUT / "corpus" / "README.md").read_text(encoding="utf-8")


def test_the_example_is_a_corpus_that_can_be_searched(tmp_path: Path) -> None:
    document = re.search(r"```markdown\n(.*?)```", README, re.DOTALL)
    bank = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert document is not None
    assert bank is not None
    for name, text in {"helpdesk/en.md": document[1], "../questions/helpdesk/en.yaml": bank[1]}.items():
        path = tmp_path / "corpus" / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    collection = read_collection(tmp_path / "corpus")
    assert [entry.entry_id for entry in collection.documents[0].entries] == ["cancel", "parcel"]
    assert collection.documents[0].entry("parcel").reference == "Terms, point 4"
    encoder = ToyEncoder()
    build_snapshot(collection, encoder, tmp_path / "index", threads=1, progress=lambda *_: None)
    snapshot = load_snapshot(tmp_path / "index", encoder.fingerprint)
    retriever = HybridRetriever(snapshot, encoder, Fusion(np.ones(len(FEATURES), np.float32)))
    assert retriever.search(Query("where is my parcel", "en"), 1)[0].passage.entry_id == "parcel"
