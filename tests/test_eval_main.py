"""The terminal of the evaluation: help of every command, a run on the tiny corpus, errors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import make_settings

from corpus.languages import EU_LANGUAGES
from eval import __main__ as command
from eval.gold import GoldError, GoldQuestion
from eval.scores import headline
from index.errors import IndexMissing
from service.pipeline import Pipeline


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["eval", *arguments])
    return command.main()


def gold(number: int, text: str, entry_id: str | None, language: str = "en") -> GoldQuestion:
    relevant = () if entry_id is None else (("faq", entry_id),)
    kind = "plain" if relevant else "off_topic"
    return GoldQuestion(
        f"{language}-{number}", "faq", language, text, kind, relevant, None, "dev" if number % 2 else "test"
    )


GOLD = [
    gold(0, "can we withdraw our signature later", "withdraw"),
    gold(1, "until when can we sign the code", "deadline"),
    gold(2, "who must sign the form for us", "person"),
    gold(3, "what is the weather like tomorrow", None),
    gold(4, "pouvons-nous retirer notre signature ?", "person", "fr"),
]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline, tmp_path: Path) -> Path:
    """The commands on the tiny corpus; returns where results go."""
    results = tmp_path / "eval" / "results"
    results.parent.mkdir()
    monkeypatch.setattr(command, "_HERE", results.parent)
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr(command, "EXPECTED_FILE", results.parent / "expected.json")
    monkeypatch.setattr(command, "load_pipeline", lambda: pipeline)
    monkeypatch.setattr(command, "load_ranker", lambda fusion=None: pipeline.retriever)
    monkeypatch.setattr(command, "read_gold", lambda: GOLD)
    monkeypatch.setattr(command, "read_dialogues", list)
    monkeypatch.setattr(command, "settings", make_settings)
    monkeypatch.setattr("eval.report.write_report", lambda *_: [results / "report.html"])  # has its own tests
    return results


@pytest.mark.parametrize("name", [[], ["run"], ["fit"], ["calibrate"], ["languages"]])
def test_help_of_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: list[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, *name, "--help")
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(" ".join(["usage: python -m eval", *name]))


def test_without_a_command_there_is_help_to_find(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as left:
        run(monkeypatch)
    assert left.value.code == 2


def test_run_prints_the_table_and_writes_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Path, pipeline: Pipeline
) -> None:
    assert run(monkeypatch, "run", "--split", "all") == 0
    said = capsys.readouterr().out
    lines = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.split()}
    assert lines["en"][:2] == ["4", "1.000"]  # questions, hit@1
    assert lines["fr"][:2] == ["1", "0.000"]
    assert lines["mean"][1] == f"{(1 + 0) / 2:.3f}"
    scored = command.score_rows(pipeline, command.run_questions(pipeline.retriever, GOLD))
    for name, value in headline(scored).items():
        assert f"{name:20} {value:.4f}" in said
    ranked = {line.split(" ")[0] for line in (tiny / "run.txt").read_text(encoding="utf-8").splitlines()}
    assert ranked == {question.question_id for question in GOLD}
    qrels = (tiny / "qrels.txt").read_text(encoding="utf-8").splitlines()
    assert len(qrels) == sum(len(question.relevant) for question in GOLD)


def test_run_keeps_to_its_split(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Path
) -> None:
    assert run(monkeypatch, "run", "--split", "dev") == 0
    capsys.readouterr()
    ranked = {line.split(" ")[0] for line in (tiny / "run.txt").read_text(encoding="utf-8").splitlines()}
    assert ranked == {"en-1", "en-3"}


def test_expected_figures_are_kept_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Path, pipeline: Pipeline
) -> None:
    expected = tiny.parent / "expected.json"
    assert run(monkeypatch, "run", "--split", "all") == 0
    assert not expected.exists()
    assert run(monkeypatch, "run", "--split", "all", "--expect") == 0
    capsys.readouterr()
    kept = json.loads(expected.read_text(encoding="utf-8"))
    assert kept["index"] == pipeline.snapshot.manifest.version
    assert kept["hit@1"] == {"en": 1.0, "fr": 0.0}
    assert kept["missed"] == ["fr-4"]


def test_languages_prints_both_detectors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Path
) -> None:
    assert run(monkeypatch, "languages") == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["lang", "py3langid", "langdetect"]
    assert [line[0] for line in lines[1:-1]] == list(EU_LANGUAGES)
    rows = {line[0]: line[1:] for line in lines}
    assert rows["fr"][0] == "1.000"
    assert rows["de"] == ["nan", "nan"]  # no question, no share


@pytest.mark.parametrize(
    "error", [IndexMissing("There is no index. Run `make index`."), GoldError("x.jsonl:3: wrong.")]
)
def test_what_is_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny: Path, error: Exception
) -> None:
    def fail() -> Pipeline:
        raise error

    monkeypatch.setattr(command, "load_pipeline", fail)
    assert run(monkeypatch, "run") == 1
    assert capsys.readouterr().err == f"{error}\n"
