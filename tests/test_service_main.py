"""The terminal: one answer, a file of them, and what is said when something is wrong."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest
from conftest import MAILBOX, FixedDetector, constant_judge, make_settings
from uvicorn import Config

from corpus.languages import LANGUAGES
from index.errors import IndexMissing
from index.hybrid import HybridRetriever
from service.__main__ import main
from service.pipeline import Pipeline
from service.schemas import AnswerResponse
from service.settings import Settings
from service.texts import texts

WITHDRAW = "can we withdraw our signature"


@pytest.fixture(autouse=True)
def quiet_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.__main__.settings", make_settings)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, pipeline: Pipeline) -> None:
    monkeypatch.setattr("service.__main__._pipeline", lambda: pipeline)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["service", *map(str, arguments)])
    return main()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("command", [[], ["serve"], ["ensure-index"], ["ask"]])
def test_help_of_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, *command, "--help")
    said = capsys.readouterr().out
    assert left.value.code == 0
    assert said.startswith(" ".join(["usage: python -m service", *command]))
    for option in {"serve": ["--host", "--port"], "ask": ["--language", "--json", "--batch", "--out", "--top-k"]}.get(
        "".join(command), []
    ):
        assert option in said


@pytest.mark.usefixtures("served")
def test_answer_as_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "ask", f" {WITHDRAW} ", "--top-k", "1") == 0
    assert capsys.readouterr().out.splitlines() == [
        "answered (90%)",
        "",
        "[1] Can a signature be withdrawn?",
        "    “Yes, the signature can be withdrawn at any time.”",
        "    French original: “Oui, la signature peut être retirée à tout moment.”",
        "    Questions, withdraw",
        "    https://example.org/fr/faq#:~:text=Oui%2C%20la%20signature%20peut%20%C3%AAtre%20retir%C3%A9e%20%C3%A0%20tout%20moment.",
    ]


@pytest.mark.usefixtures("served")
def test_answer_in_the_reference_language_shows_no_original_and_notes_dates(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ask", "is there a deadline for signing", "--language", "fr", "--top-k", "1") == 0
    said = capsys.readouterr().out
    assert "“Il n'y a pas de date limite.”" in said
    assert texts("fr")["chat"]["original"] not in said
    assert "1er août 2025" in said.splitlines()[-1]


@pytest.mark.usefixtures("served")
def test_answer_as_json_is_that_of_the_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipeline: Pipeline
) -> None:
    assert run(monkeypatch, "ask", WITHDRAW, "--json", "--language", "fr", "--top-k", "2") == 0
    answer = AnswerResponse.model_validate_json(capsys.readouterr().out)
    assert (answer.question, answer.outcome, len(answer.passages)) == (WITHDRAW, "answered", 2)
    assert (answer.language.code, answer.language.source) == ("fr", "stated")
    assert answer.passages[0].citation.quote == "Oui, la signature peut être retirée à tout moment."
    assert answer.index.version == pipeline.snapshot.manifest.version


def test_refusal_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], retriever: HybridRetriever
) -> None:
    refusing = Pipeline(retriever, constant_judge(0.1), FixedDetector("de"), MAILBOX)
    monkeypatch.setattr("service.__main__._pipeline", lambda: refusing)
    assert run(monkeypatch, "ask", "zebra") == 0
    expected = ["no_match (10%)", texts("de")["answers"]["no_match"].format(mailbox=MAILBOX)]
    assert capsys.readouterr().out.splitlines() == expected


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ask"], 2, "There is no question"),
        (["ask", "  "], 2, "There is no question"),
        (["ask", "x", "--language", "xx"], 1, "The language 'xx' is unknown. Use one of bg, cs"),
        (["ask", "--batch", "in.csv"], 2, "--batch needs --out"),
        (["ask", "--batch", "no-such.csv", "--out", "out.csv"], 1, "no-such.csv"),
    ],
)
def test_what_is_wrong_is_said(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == code
    told = capsys.readouterr()
    assert said in told.err and told.out == ""


@pytest.mark.parametrize("top_k", ["0", "11", "many"])
def test_top_k_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, top_k: str) -> None:
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, "ask", "x", "--top-k", top_k)
    assert left.value.code == 2


def test_missing_index_is_said_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> Pipeline:
        raise IndexMissing("There is no index in X. Run `make index` to build it.")

    monkeypatch.setattr("service.__main__._pipeline", missing)
    assert run(monkeypatch, "ask", "x") == 1
    assert capsys.readouterr().err == "There is no index in X. Run `make index` to build it.\n"


def test_setting_that_cannot_be_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIMEOUT_MS", "soon")
    monkeypatch.setattr("service.__main__.settings", Settings)
    assert run(monkeypatch, "ask", "x") == 1
    assert "timeout_ms" in capsys.readouterr().err


# A file of questions


@pytest.mark.usefixtures("served")
def test_batch_adds_answers_to_the_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked, out = tmp_path / "in.csv", tmp_path / "out.csv"
    asked.write_text(
        f'\ufeffnumber,question,outcome\r\n1,{WITHDRAW},old\r\n2,,\r\n3,"who, exactly,\nmust sign the form"\r\n',
        encoding="utf-8",
    )
    assert run(monkeypatch, "ask", "--batch", asked, "--out", out) == 0
    assert "3 questions answered" in capsys.readouterr().out
    first, empty, third = rows(out)
    assert list(first) == [
        "number", "question", "outcome", "confidence", "language", "quote", "reference_quote", "doc_id", "entry_id", "url",
        "message",
    ]  # fmt: skip
    assert (first["number"], first["question"], first["outcome"]) == ("1", WITHDRAW, "answered")
    assert (first["confidence"], first["language"], first["message"]) == ("0.9", "en", "")
    assert first["quote"] == "Yes, the signature can be withdrawn at any time."
    assert first["reference_quote"] == "Oui, la signature peut être retirée à tout moment."
    assert (first["doc_id"], first["entry_id"]) == ("faq", "withdraw")
    assert first["url"].startswith("https://example.org/fr/faq#:~:text=Oui")
    assert (empty["number"], empty["outcome"], empty["quote"]) == ("2", "", "")
    assert (third["question"], third["entry_id"]) == ("who, exactly,\nmust sign the form", "person")
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".csv") == ["in.csv", "out.csv"]


@pytest.mark.usefixtures("served")
def test_batch_may_replace_its_own_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text(f"question\n{WITHDRAW}\n", encoding="utf-8")
    assert run(monkeypatch, "ask", "--batch", path, "--out", path, "--language", "fr") == 0
    (row,) = rows(path)
    assert (row["question"], row["language"]) == (WITHDRAW, "fr")
    assert row["quote"] == row["reference_quote"] == "Oui, la signature peut être retirée à tout moment."
    assert path.stat().st_mode & 0o444 == 0o444


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "answers" in path.name or path.suffix == ".csv")


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has the columns none. Add a column `question`"),
        (b"frage,id\nx,1\n", "has the columns frage, id. Add a column `question`"),
        (b"question\ncaf\xe9\n", "cannot be read"),
        (b'question\n"' + b"x" * 200_000 + b'"\n', "cannot be read"),
    ],
)
def test_batch_that_cannot_be_read_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes, said: str
) -> None:
    asked = tmp_path / "in.csv"
    asked.write_bytes(content)
    assert run(monkeypatch, "ask", "--batch", asked, "--out", tmp_path / "out.csv") == 1
    told = capsys.readouterr().err
    assert "in.csv" in told and said in told
    assert left_over(tmp_path) == ["in.csv"]


@pytest.mark.usefixtures("served")
def test_batch_that_stops_leaves_the_old_file_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked, out = tmp_path / "in.csv", tmp_path / "out.csv"
    asked.write_text("question\none\n", encoding="utf-8")
    out.write_text("old", encoding="utf-8")
    assert run(monkeypatch, "ask", "--batch", asked, "--out", out, "--language", "xx") == 1
    assert out.read_text(encoding="utf-8") == "old"
    assert left_over(tmp_path) == ["in.csv", "out.csv"]


# Serving


def test_serve_takes_options_before_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    called: dict[str, object] = {}

    class Fake:
        started = True

        def __init__(self, config: Config) -> None:
            called.update(vars(config))

        def run(self) -> None:
            pass

    monkeypatch.setattr("service.serving.Server", Fake)
    monkeypatch.setattr("service.serving.configure_logging", lambda chosen: None)
    for name, value in (("HOST", "127.0.0.1"), ("PORT", "8000")):
        monkeypatch.setenv(name, value)
    assert run(monkeypatch, "serve", "--port", "0") == 0
    assert (called["host"], called["port"]) == ("127.0.0.1", 0)
    monkeypatch.setenv("PORT", "8000")  # the option had gone before it, for the worker processes too
    assert run(monkeypatch, "serve", "--host", "0.0.0.0") == 0
    assert (called["host"], called["port"]) == ("0.0.0.0", 8000)
    # No banner, no questions in a log, and no proxy believed but those of the settings.
    assert not any(called[name] for name in ("server_header", "access_log", "proxy_headers", "log_config"))


def test_ensure_index_builds_what_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def build() -> int:
        seen.append(sys.argv[1:])
        return 7

    monkeypatch.setattr("index.__main__.main", build)
    assert run(monkeypatch, "ensure-index") == 7
    (arguments,) = seen
    chosen = make_settings()
    assert arguments[0] == "build"
    assert arguments[arguments.index("--corpus") + 1] == str(chosen.corpus_dir)
    assert arguments[arguments.index("--out") + 1] == str(chosen.index_dir)


def test_every_language_is_accepted_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], served: None
) -> None:
    for language in LANGUAGES:
        assert run(monkeypatch, "ask", "x", "--json", "--language", language) == 0
        assert json.loads(capsys.readouterr().out)["language"]["code"] == language
