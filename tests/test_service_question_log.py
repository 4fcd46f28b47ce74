"""Questions kept by setting: masked, for some days, shown to the helpdesk, deleted for a person."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from channel_support import SLACK_SECRET, TEAMS_SECRET, slack_headers, slash_command, teams_activity, teams_headers
from conftest import MAILBOX, FixedDetector, constant_judge, make_settings
from starlette.testclient import TestClient

from index.hybrid import HybridRetriever
from service.__main__ import main
from service.app import create_app
from service.engine import Engine
from service.keys import KeyFile
from service.pipeline import Pipeline
from service.question_log import AskedQuestion, LogUnreadable, QuestionLog

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARY = "anna.kovacs@example.hu"


def asked(identity: str, question: str, **changes: Any) -> AskedQuestion:
    known: dict[str, Any] = {
        "answer_id": identity,
        "asked": NOW,
        "channel": "rest",
        "key_id": None,
        "language": "en",
        "question": question,
        "outcome": "no_match",
        "confidence": 0.1,
        "entry": None,
    }
    return AskedQuestion(**(known | changes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "questions.db"


@pytest.fixture
def log(path: Path) -> QuestionLog:
    return QuestionLog(path, 30, lambda: NOW)


def raw(path: Path) -> bytes:
    """Everything on disk beside the file, its journals included."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_personal_data_is_masked_before_it_reaches_the_disk(log: QuestionLog, path: Path) -> None:
    log.add([asked("1", f"May I, {CANARY}, +32 2 299 11 11, BE71 0961 2345 6769, 36574261809, sign?")])
    (row,) = log.unanswered()
    assert row.question == "May I, [e-mail], [phone], [IBAN], [national id], sign?"
    for secret in (CANARY, "299 11 11", "0961", "36574261809"):
        assert secret.encode() not in raw(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_same_words_are_counted_together_by_language(log: QuestionLog) -> None:
    log.add([asked("1", "Who pays?"), asked("2", "who pays", asked=NOW - timedelta(hours=1)), asked("3", "And when?")])
    log.add([asked("4", "Wer zahlt?", language="de", entry="faq/person", outcome="low_confidence")])
    log.add([asked("5", "Who signs?", outcome="answered")])
    rows = [(row.language, row.count, row.question, row.outcome, row.entry) for row in log.unanswered()]
    assert rows == [
        ("de", 1, "Wer zahlt?", "low_confidence", "faq/person"),
        ("en", 2, "Who pays?", "no_match", None),
        ("en", 1, "And when?", "no_match", None),
    ]
    assert [row.language for row in log.unanswered(language="de")] == ["de"]


def test_what_is_past_its_days_is_neither_shown_nor_kept(path: Path) -> None:
    QuestionLog(path, 30, lambda: NOW).add(
        [asked("1", "an old question on xylophones"), asked("2", "a new one", asked=NOW + timedelta(days=2))]
    )
    later = QuestionLog(path, 30, lambda: NOW + timedelta(days=30, seconds=1))
    assert [row.question for row in later.unanswered()] == ["a new one"]
    assert later.prune() == 1
    assert b"xylophones" not in raw(path) and b"a new one" in raw(path)
    assert later.prune() == 0
    assert [row.question for row in later.unanswered(days=1)] == []


@pytest.mark.parametrize(
    ("whose", "left"),
    [
        ({"ids": ["1", "no-such"]}, {"2", "3"}),
        ({"containing": "ANNA  Kovács"}, {"3"}),
        ({"key_id": "k1"}, {"1", "2"}),
        ({"ids": ["1"], "key_id": "k1"}, {"2"}),
        ({"containing": "%"}, {"1", "2", "3"}),
    ],
)
def test_a_persons_questions_are_deleted_from_the_disk(
    log: QuestionLog, path: Path, whose: dict[str, Any], left: set[str]
) -> None:
    texts = {"1": "I am Anna Kovács, xylo1", "2": "anna kovács, xylo2", "3": "another, xylo3"}
    log.add([asked(i, text, key_id="k1" if i == "3" else None) for i, text in texts.items()])
    assert log.forget(**whose) == len(texts) - len(left)
    for identity in texts:
        assert (f"xylo{identity}".encode() in raw(path)) == (identity in left)


def test_a_file_that_is_none_is_named_with_the_remedy(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LogUnreadable, match="QUESTION_LOG_FILE"):
        QuestionLog(path, 30).add([asked("1", "x")])


# Through the front door


@pytest.fixture
def opened(retriever: HybridRetriever, tmp_path: Path, path: Path) -> Callable[..., Any]:
    @contextmanager
    def opening(confidence: float = 0.1, **changes: object) -> Iterator[TestClient]:
        pipeline = Pipeline(retriever, constant_judge(confidence, 0.9), FixedDetector("en"), MAILBOX)
        settings = make_settings(
            **{"question_log_file": path, "api_keys_file": tmp_path / "keys.json", "slack_signing_secret": SLACK_SECRET,
               "teams_hmac_secret": TEAMS_SECRET} | changes
        )  # fmt: skip
        with TestClient(create_app(settings, lambda chosen: Engine(chosen, pipeline))) as client:
            yield client

    return opening


@pytest.fixture
def admin(tmp_path: Path) -> dict[str, str]:
    token, _ = KeyFile(tmp_path / "keys.json").create("helpdesk", ("admin", "ask"))
    return {"Authorization": f"Bearer {token}"}


def ask_everywhere(client: TestClient, text: str) -> None:
    client.post("/v1/answers", json={"question": f"{text} rest"}).raise_for_status()
    chat = {"model": "gpai-faq", "messages": [{"role": "user", "content": f"{text} chat"}]}
    client.post("/v1/chat/completions", json=chat).raise_for_status()
    tool = {"name": "ask", "arguments": {"question": f"{text} mcp"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool}
    headers = {"Accept": "application/json, text/event-stream", "Host": "localhost"}
    client.post("/mcp", json=call, headers=headers).raise_for_status()
    body = slash_command(f"{text} slack")
    form = "application/x-www-form-urlencoded"
    client.post("/v1/channels/slack", content=body, headers=slack_headers(body, kind=form)).raise_for_status()
    body = teams_activity(f"{text} teams", "7")
    client.post("/v1/channels/teams", content=body, headers=teams_headers(body)).raise_for_status()


def test_every_channel_keeps_what_was_not_answered_and_search_does_not(opened: Callable[..., Any], path: Path) -> None:
    import sqlite3

    with opened() as client:
        ask_everywhere(client, "zebra")
        client.get("/v1/search?q=giraffe").raise_for_status()
    rows = QuestionLog(path, 30).unanswered()
    assert sorted(row.question for row in rows) == [
        f"zebra {name}" for name in ("chat", "mcp", "rest", "slack", "teams")
    ]
    found = dict(sqlite3.connect(path).execute("SELECT question, channel FROM questions"))
    assert found == {f"zebra {name}": name for name in ("chat", "mcp", "rest", "slack", "teams")}


def test_administrators_see_what_was_not_answered_and_delete_it(
    opened: Callable[..., Any], admin: dict[str, str], path: Path
) -> None:
    with opened() as client:
        kept = client.post("/v1/answers", json={"question": f"May {CANARY} sign?"}, headers=admin).json()
        assert client.post("/v1/feedback", json={"id": kept["id"], "helpful": False}).status_code == 202
    with opened() as client:  # the first has written all that it had
        assert client.get("/v1/admin/unanswered").status_code == 401
        (row,) = client.get("/v1/admin/unanswered", headers=admin).json()["questions"]
        assert (row["question"], row["count"], row["outcome"]) == ("May [e-mail] sign?", 1, "no_match")
        assert client.get("/v1/admin/unanswered?language=de", headers=admin).json() == {"questions": []}
        assert client.post("/v1/admin/forget", json={}, headers=admin).status_code == 422
        assert client.post("/v1/admin/forget", json={"ids": [kept["id"]]}).status_code == 401
        assert client.post("/v1/admin/forget", json={"ids": [kept["id"]]}, headers=admin).json() == {"deleted": 1}
        assert client.get("/v1/admin/unanswered", headers=admin).json() == {"questions": []}
    assert kept["id"].encode() not in raw(path)


def test_feedback_is_kept_beside_its_question(opened: Callable[..., Any], path: Path) -> None:
    import sqlite3

    with opened() as client:
        kept = client.post("/v1/answers", json={"question": "zebra"}).json()
        for identity in (kept["id"], "no-such"):
            client.post("/v1/feedback", json={"id": identity, "helpful": False})
    assert sqlite3.connect(path).execute("SELECT id, helpful FROM questions").fetchall() == [(kept["id"], 0)]


def test_without_the_setting_there_is_nothing_to_see(
    opened: Callable[..., Any], admin: dict[str, str], path: Path
) -> None:
    with opened(question_log_file=None) as client:
        ask_everywhere(client, "zebra")
        for response in (
            client.get("/v1/admin/unanswered", headers=admin),
            client.post("/v1/admin/forget", json={"ids": ["1"]}, headers=admin),
        ):
            assert response.status_code == 404 and "QUESTION_LOG_FILE" in response.json()["detail"]
    assert not path.parent.exists()


def test_answers_go_on_when_the_log_cannot_be_written(
    opened: Callable[..., Any], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir(parents=True)
    with opened() as client:
        assert client.post("/v1/answers", json={"question": f"zebra {CANARY}"}).status_code == 200
    assert "QUESTION_LOG_FILE" in caplog.text
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("service")]
    assert not [message for message in messages if "zebra" in message or CANARY in message]


# From the shell


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, path: Path) -> Callable[..., int]:
    def run(*arguments: str, **changes: object) -> int:
        settings = make_settings(**{"question_log_file": path} | changes)
        monkeypatch.setattr("service.__main__.settings", lambda: settings)
        monkeypatch.setattr(sys, "argv", ["service", *arguments])
        return main()

    return run


def test_the_helpdesk_sees_a_table_or_a_file(
    shell: Callable[..., int], path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = datetime.now(UTC)
    rows = [
        asked("1", "Who pays?", asked=now),
        asked("2", "who pays?", asked=now),
        asked("3", "=1+1", language="de", asked=now),
    ]
    QuestionLog(path, 30).add(rows)
    assert shell("unanswered") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["language", "count"]
    assert [line.split()[:2] for line in lines[1:]] == [["de", "1"], ["en", "2"]]
    out = tmp_path / "out.csv"
    assert shell("unanswered", "--csv", str(out), "--language", "de", "--days", "1") == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["language"], row["count"], row["question"]) == ("de", "1", "'=1+1")  # no formula for a spreadsheet


def test_forgetting_from_the_shell(shell: Callable[..., int], path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    QuestionLog(path, 30).add(
        [asked("1", "I am Anna", asked=datetime.now(UTC)), asked("2", "x", key_id="k", asked=datetime.now(UTC))]
    )
    assert shell("forget") == 2 and shell("forget", "--containing", " ") == 2
    assert shell("forget", "--containing", "anna") == 0 and shell("forget", "--key", "k", "--id", "1") == 0
    assert capsys.readouterr().out == "1 questions deleted.\n1 questions deleted.\n"
    assert QuestionLog(path, 30).unanswered() == []
    assert shell("unanswered", question_log_file=None) == 1
    assert "QUESTION_LOG_FILE" in capsys.readouterr().err
