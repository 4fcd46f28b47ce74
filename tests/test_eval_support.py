"""The sentences that the writer's check is measured on, and what is kept of them by the floor in use."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from conftest import CHECKOUT, make_settings

from corpus.collection import read_collection
from eval.gold import GoldError
from eval.support import KINDS, SUPPORT_FILE, floor_of, judge, read_sentences, table
from index.errors import IndexProblem
from service.engine import make_encoder
from service.support import LIKENESS_FLOOR, likeness_by


def test_sentences_cite_entries_that_there_are_and_halves_are_about_equal() -> None:
    sentences = read_sentences()
    versions = read_collection(CHECKOUT / "corpus").versions()
    for judged in sentences:
        doc_id, entry_id = judged.cited.split("#")
        assert any(entry_id in {e.entry_id for e in d.entries} for d in versions[doc_id].values()), judged
    assert {judged.kind for judged in sentences} == set(KINDS)
    assert len({judged.language for judged in sentences}) >= 8
    halves = Counter((judged.kind, judged.split) for judged in sentences)
    assert all(abs(halves[kind, "dev"] - halves[kind, "test"]) <= 1 for kind in KINDS)


@pytest.mark.parametrize("line", ["{", "{}", '{"id": 1}'])
def test_a_sentence_that_is_none_is_refused_by_its_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "support.jsonl"
    path.write_text(f"{SUPPORT_FILE.read_text(encoding='utf-8').splitlines()[0]}\n{line}\n", encoding="utf-8")
    with pytest.raises(GoldError, match=r"support\.jsonl:2: "):
        read_sentences(path)


def test_the_floor_in_use_is_the_measured_one_and_holds_on_the_other_half() -> None:
    """With the real encoder: nearly all that is supported is kept, nearly nothing else."""
    try:
        encoder = make_encoder(make_settings())
    except IndexProblem as error:
        pytest.skip(f"The real encoder is not there: {error}")
    verdicts = judge(read_sentences(), read_collection(CHECKOUT / "corpus"), likeness_by(encoder))
    assert pytest.approx(floor_of(verdicts), abs=0.02) == LIKENESS_FLOOR
    test = [v for v in verdicts if v.judged.split == "test"]
    kept = Counter((v.judged.kind == "supported", v.kept(LIKENESS_FLOOR)) for v in test)
    assert kept[True, True] >= 0.9 * (kept[True, True] + kept[True, False])
    assert kept[False, True] <= 0.05 * (kept[False, True] + kept[False, False])
    assert "supported" in table(verdicts, LIKENESS_FLOOR)
