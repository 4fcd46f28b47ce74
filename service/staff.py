"""Commands for those who run the service: API keys, and the questions that were kept."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from service.keys import SCOPES, ApiKey, KeyFile
from service.question_log import LogUnreadable, QuestionLog, Unanswered
from service.settings import Settings


def add_key_commands(parser: argparse.ArgumentParser) -> None:
    """`keys create`, `keys list` and `keys revoke`; each sets `run`, which takes the arguments and the settings."""
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser("create", help="make a key; it is printed once and kept as a hash")
    create.add_argument("--name", required=True, help="whose key it is")
    create.add_argument(
        "--scope", action="append", required=True, choices=SCOPES, help="what it may do; give it again for more"
    )
    create.add_argument(
        "--expires-days", type=_count, metavar="N", help="days that it is valid; for ever when not given"
    )
    create.add_argument(
        "--requests-per-minute", type=_count, metavar="N", help="its own limit, instead of KEY_REQUESTS_PER_MINUTE"
    )
    create.set_defaults(run_with=_create)
    listed = commands.add_parser("list", help="show the keys there are, without the keys themselves")
    listed.set_defaults(run_with=_list)
    revoke = commands.add_parser("revoke", help="make a key worthless from the next request on")
    revoke.add_argument("key_id", metavar="ID", help="the id that `keys list` shows")
    revoke.set_defaults(run_with=_revoke)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _create(arguments: argparse.Namespace, settings: Settings) -> int:
    token, key = KeyFile(settings.api_keys_file).create(
        arguments.name, tuple(dict.fromkeys(arguments.scope)), arguments.expires_days, arguments.requests_per_minute
    )
    print(token)
    print(f"Key {key.key_id} may {', '.join(key.scopes)}. Keep it now: it is not shown again.", file=sys.stderr)
    return 0


def _list(_: argparse.Namespace, settings: Settings) -> int:
    keys = KeyFile(settings.api_keys_file).load()
    if not keys:
        print(f"There are no keys in {settings.api_keys_file}.", file=sys.stderr)
        return 0
    print_table(["id", "name", "scopes", "created", "expires", "requests a minute"], [_row(k) for k in keys.values()])
    return 0


def _row(key: ApiKey) -> list[str]:
    expires = "never" if key.expires is None else f"{key.expires:%Y-%m-%d}"
    rate = "as set" if key.requests_per_minute is None else str(key.requests_per_minute)
    return [key.key_id, key.name, ",".join(key.scopes), f"{key.created:%Y-%m-%d}", expires, rate]


def _revoke(arguments: argparse.Namespace, settings: Settings) -> int:
    key = KeyFile(settings.api_keys_file).revoke(arguments.key_id)
    print(f"Key {key.key_id} ({key.name}) is revoked.")
    return 0


def add_question_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`unanswered` and `forget`, for where QUESTION_LOG_FILE says that questions are kept."""
    unanswered = commands.add_parser("unanswered", help="what was asked and not answered, by language and number")
    unanswered.add_argument("--language", metavar="CODE", help="only this language (ISO 639-1)")
    unanswered.add_argument(
        "--days", type=_count, metavar="N", help="only of the last days; all that are kept if not given"
    )
    unanswered.add_argument("--csv", type=Path, metavar="OUT.csv", help="write a CSV file instead of a table")
    unanswered.set_defaults(run_with=_unanswered)
    forget = commands.add_parser("forget", help="delete kept questions of a person")
    forget.add_argument("--id", action="append", default=[], metavar="ID", help="of an answer; give it again for more")
    forget.add_argument("--containing", metavar="TEXT", help="questions with these words, in any case")
    forget.add_argument("--key", metavar="ID", help="questions asked with this API key")
    forget.set_defaults(run_with=_forget)


def question_log(settings: Settings) -> QuestionLog:
    """Raises LogUnreadable when questions are not kept."""
    if settings.question_log_file is None:
        raise LogUnreadable("Questions are not kept. Set QUESTION_LOG_FILE to a file to keep them in from now on.")
    return QuestionLog(settings.question_log_file, settings.question_retention_days)


_COLUMNS = ["language", "count", "question", "outcome", "likeliest entry", "last asked"]


def _unanswered(arguments: argparse.Namespace, settings: Settings) -> int:
    rows = [_told(row) for row in question_log(settings).unanswered(arguments.language, arguments.days)]
    if arguments.csv is None:
        print_table(_COLUMNS, rows)
        return 0
    with arguments.csv.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows([_inert(cell) for cell in row] for row in rows)
    print(f"{len(rows)} questions in {arguments.csv}")
    return 0


def _told(row: Unanswered) -> list[str]:
    asked = f"{row.last_asked:%Y-%m-%d %H:%M}"
    return [row.language, str(row.count), row.question, row.outcome, row.entry or "", asked]


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: anyone may have asked it."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell


def _forget(arguments: argparse.Namespace, settings: Settings) -> int:
    words = (arguments.containing or "").strip() or None
    if not arguments.id and words is None and arguments.key is None:
        print("Nothing says whose questions. Pass --id, --containing or --key.", file=sys.stderr)
        return 2
    deleted = question_log(settings).forget(ids=arguments.id, containing=words, key_id=arguments.key)
    print(f"{deleted} questions deleted.")
    return 0


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell, for a terminal."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
