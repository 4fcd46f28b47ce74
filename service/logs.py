"""Logs: a line of text, or a JSON object, for each record; and nothing in them that somebody asked.

An exception's message may hold what a person wrote, and so may whatever other libraries say. Of exceptions the log
therefore has the types and places, of other libraries the place only.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from service.settings import Settings
from service.visits import current_visit

_OURS = ("corpus", "eval", "index", "service", "uvicorn")
_OURSELVES_AT = ("service", "index", "corpus")


def message_of(record: logging.LogRecord) -> str:
    """What a record says, if it is one of ours."""
    if record.name.partition(".")[0] in _OURS:
        return record.getMessage()
    return f"{record.module}:{record.lineno} had something to say, which is withheld: it may quote a request"


def fault_of(error: BaseException) -> str:
    """The types and places of an exception and of what it came from, without their messages."""
    parts = []
    chain: BaseException | None = error
    seen: set[int] = set()
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        frames = "".join(traceback.format_tb(chain.__traceback__))
        parts.append(f"{type(chain).__module__}.{type(chain).__qualname__}, at\n{frames}".rstrip())
        parts += [fault_of(inner) for inner in getattr(chain, "exceptions", ())]
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return "\nafter ".join(parts)


class _Formatter(logging.Formatter):
    def formatException(  # noqa: N802 - logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return fault_of(ei[1]) if ei[1] is not None else ""

    def told(self, record: logging.LogRecord) -> dict[str, Any]:
        visit = current_visit()
        facts: dict[str, Any] = {} if visit is None else {"request_id": visit.request_id}
        fields: dict[str, Any] = getattr(record, "fields", {})
        return facts | fields

    def moment(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(_Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and what is known of the request."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": self.moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
            **self.told(record),
        }
        if record.exc_info:
            told["fault"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


class TextFormatter(_Formatter):
    """One line for a person to read; a fault's places follow it."""

    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={value}" for name, value in self.told(record).items())
        line = f"{self.moment(record)} {record.levelname:<7} {record.name}: {message_of(record)} {facts}".rstrip()
        line = line.replace("\r", "\\r").replace("\n", "\\n")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logging(settings: Settings) -> None:
    """Send the process's logs to standard error, in the form and from the level that the settings name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in _OURSELVES_AT:
        logging.getLogger(name).setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
        logger.setLevel(logging.INFO)
    # It would write addresses, with the questions that stand in some of them.
    logging.getLogger("uvicorn.access").disabled = True
