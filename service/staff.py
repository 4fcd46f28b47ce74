"""Commands for those who run the service: API keys."""

from __future__ import annotations

import argparse
import sys

from service.keys import SCOPES, ApiKey, KeyFile
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


def print_table(head: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as their widest cell, for a terminal."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
