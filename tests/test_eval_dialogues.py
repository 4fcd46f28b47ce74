"""Dialogues in the report: both conditions, by kind and by language."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from eval.dialogues import Condition, Dialogue, DialogueResult, figures, read_dialogues, table
from eval.gold import GoldError
from eval.report import _dialogue_kind_table, _dialogue_language_table


def result(language: str, kind: str, outcome: str, *shown: str) -> DialogueResult:
    relevant = () if kind == "unanswerable" else ("faq#a",)
    dialogue = Dialogue(f"{language}-{kind}", language, kind, ("first", "second"), relevant, "dev")
    return DialogueResult(dialogue, outcome, shown)


RESULTS: dict[Condition, list[DialogueResult]] = {
    "without": [
        result("de", "follow_up", "no_match"),
        result("de", "switch", "answered", "faq#a"),
        result("fr", "follow_up", "answered", "faq#b"),
        result("fr", "unanswerable", "out_of_scope"),
    ],
    "with": [
        result("de", "follow_up", "answered", "faq#a", "faq#b"),
        result("de", "switch", "answered", "faq#a"),
        result("fr", "follow_up", "low_confidence", "faq#a"),
        result("fr", "unanswerable", "answered", "faq#b"),
    ],
}


def test_figures_are_counted() -> None:
    found = figures(RESULTS["with"])
    assert (found.count, found.hit, found.answered, found.wrongly) == (4, (1 + 1 + 1) / 3, 3, 1)
    assert math.isnan(figures([]).hit)


def test_the_report_has_a_row_for_each_kind_and_language() -> None:
    _, columns, rows = _dialogue_kind_table(RESULTS)
    assert ["follow_up", "without", "2", "0.000", "1", "1"] in rows
    assert ["follow_up", "with", "2", "1.000", "1", "0"] in rows
    assert ["unanswerable", "with", "1", "", "1", "1"] in rows
    assert {len(row) for row in rows} == {len(columns)}
    _, columns, rows = _dialogue_language_table(RESULTS)
    assert rows == [
        ["de", "1", "0.000", "1.000", "1", "1.000", "1.000", "0"],
        ["fr", "1", "0.000", "1.000", "0", "", "", "1"],
    ]
    assert {len(row) for row in rows} == {len(columns)}


def test_the_terminal_has_a_line_for_each_kind_and_condition() -> None:
    assert len(table(RESULTS).splitlines()) == 1 + 2 * 3


@pytest.mark.parametrize(
    "change", [{"kind": "other"}, {"turns": ["one"]}, {"relevant": []}, {"kind": "unanswerable"}, {"id": None}]
)
def test_a_dialogue_that_is_none_is_refused_by_its_place(tmp_path: Path, change: dict[str, object]) -> None:
    row = {"id": "en-1", "language": "en", "kind": "switch", "turns": ["a", "b"], "relevant": ["faq#a"]} | change
    if row["id"] is None:
        del row["id"]
    (tmp_path / "en.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(GoldError, match=r"en\.jsonl:1: "):
        read_dialogues(tmp_path)
