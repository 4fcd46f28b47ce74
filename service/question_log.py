"""Questions kept for the helpdesk, where a setting says so: masked, for some days, in one SQLite file.

Deleted rows are overwritten with zeros. Readers and writers in several processes wait for each other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from service.privacy import mask

_SCHEMA = """
CREATE TABLE IF NOT EXISTS questions (
    id TEXT PRIMARY KEY, asked TEXT NOT NULL, channel TEXT NOT NULL, key_id TEXT, language TEXT NOT NULL,
    question TEXT NOT NULL, outcome TEXT NOT NULL, confidence REAL NOT NULL, entry TEXT, helpful INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS questions_asked ON questions (asked);
"""
_WAIT_SECONDS = 10


class LogUnreadable(OSError):  # noqa: N818 - said to whoever runs the service, as it is
    """A question log that is none; says which file, and what to do."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question as it was asked and answered. `answer_id` is the id that the asker was given; `entry` the entry that
    came first, `document/entry`; `key_id` the API key, None for none. `asked` is UTC."""

    answer_id: str
    asked: datetime
    channel: str
    key_id: str | None
    language: str
    question: str
    outcome: str
    confidence: float
    entry: str | None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What was asked and not answered, in the same words: how often, when last (UTC), the likeliest entry."""

    language: str
    count: int
    question: str
    outcome: str
    entry: str | None
    last_asked: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class QuestionLog:
    """The file. Every method opens and closes it; raises LogUnreadable for what is no question log."""

    def __init__(self, path: Path, retention_days: int, clock: Callable[[], datetime] = _now) -> None:
        self._path = path
        self._retention = timedelta(days=retention_days)
        self._clock = clock

    def add(self, asked: Sequence[AskedQuestion]) -> None:
        """Keep questions, masked. One that was kept before stays as it is."""
        rows = [
            (
                question.answer_id,
                _text(question.asked),
                question.channel,
                question.key_id,
                question.language,
                mask(question.question),
                question.outcome,
                question.confidence,
                question.entry,
            )
            for question in asked
        ]
        with self._open() as file:
            file.executemany(
                "INSERT OR IGNORE INTO questions (id, asked, channel, key_id, language, question, outcome, confidence,"
                " entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def rate(self, answer_id: str, helpful: bool) -> None:
        """Note what the asker said of an answer; nothing happens when it is not kept."""
        with self._open() as file:
            file.execute("UPDATE questions SET helpful = ? WHERE id = ?", (helpful, answer_id))

    def prune(self) -> int:
        """Delete what is older than its days; the number of questions deleted."""
        with self._open() as file:
            return file.execute("DELETE FROM questions WHERE asked < ?", (self._oldest(),)).rowcount

    def unanswered(self, language: str | None = None, days: int | None = None) -> list[Unanswered]:
        """By language, the most frequent first; of the last `days`. What is past its days is never shown."""
        since = self._oldest()
        if days is not None:
            since = max(since, _text(self._clock() - timedelta(days=days)))
        with self._open() as file:
            rows = file.execute(
                "SELECT language, question, outcome, entry, asked FROM questions"
                " WHERE outcome <> 'answered' AND asked >= ? AND (? IS NULL OR language = ?) ORDER BY asked",
                (since, language, language),
            ).fetchall()
        return _grouped(rows)

    def forget(self, *, ids: Sequence[str] = (), containing: str | None = None, key_id: str | None = None) -> int:
        """Delete by the answers' ids, by words (in any case), or by API key; the number of questions deleted."""
        with self._open() as file:
            doomed = set(ids)
            if containing is not None:
                wanted = " ".join(containing.split()).casefold()
                for found, question in file.execute("SELECT id, question FROM questions"):
                    if wanted in question.casefold():
                        doomed.add(found)
            if key_id is not None:
                doomed |= {row[0] for row in file.execute("SELECT id FROM questions WHERE key_id = ?", (key_id,))}
            deleted = file.executemany("DELETE FROM questions WHERE id = ?", [(one,) for one in doomed]).rowcount
        return max(deleted, 0)

    def _oldest(self) -> str:
        return _text(self._clock() - self._retention)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            if not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._path.touch(mode=0o600)
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS)) as file:
                file.execute("PRAGMA secure_delete = ON")
                file.executescript(_SCHEMA)
                with file:
                    yield file
        except (sqlite3.Error, OSError) as error:
            remedy = "Check the file and the space beside it, or set QUESTION_LOG_FILE to another."
            raise LogUnreadable(f"The question log {self._path} cannot be used ({error}). {remedy}") from error


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _grouped(rows: list[tuple[str, str, str, str | None, str]]) -> list[Unanswered]:
    """Same words, whatever their case and last marks, are the same question; the latest wording stands for all."""
    groups: dict[tuple[str, str], list[tuple[str, str, str, str | None, str]]] = {}
    for row in rows:
        groups.setdefault((row[0], row[1].casefold().strip(" ?!.¿¡;")), []).append(row)
    found = []
    for group in groups.values():
        language, question, outcome, entry, asked = group[-1]
        found.append(Unanswered(language, len(group), question, outcome, entry, datetime.fromisoformat(asked)))
    return sorted(found, key=lambda row: (row.language, -row.count, row.question))
