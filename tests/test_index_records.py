"""Records read one by one are those that were written, held or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from index import records
from index.records import read_records

ROWS = [{"n": number, "text": text} for number, text in enumerate(["a", "é\u2028\x85", "", "line\nbreak", "日本" * 50])]


@pytest.fixture(params=[0, 4, 5], ids=["read", "read, one too many", "held"])
def found(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Any]:
    monkeypatch.setattr(records, "HELD_UP_TO", request.param)
    monkeypatch.setattr(records, "_CHUNK", 7)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    made = read_records(path, lambda row: (row["n"], row["text"]))
    assert isinstance(made, tuple) is (request.param == 5)
    return made


def test_they_are_those_that_were_written(found: Sequence[Any]) -> None:
    expected = [(row["n"], row["text"]) for row in ROWS]
    assert len(found) == len(expected)
    assert list(found) == expected
    assert [found[number] for number in range(-5, 5)] == expected + expected
    assert list(found[1:-1]) == expected[1:-1]
    assert list(found[::-2]) == expected[::-2]


@pytest.mark.parametrize("number", [5, -6])
def test_no_record_beyond_the_last(found: Sequence[Any], number: int) -> None:
    with pytest.raises(IndexError):
        found[number]


def test_a_file_without_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "none.jsonl").touch()
    for limit in (-1, 10):
        monkeypatch.setattr(records, "HELD_UP_TO", limit)
        assert list(read_records(tmp_path / "none.jsonl", dict)) == []
