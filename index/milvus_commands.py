"""Shell commands for an index in Milvus: load, activate, list, drop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from index.errors import StoreUnavailable


def add_milvus_commands(commands: Any, out: Mapping[str, Any]) -> None:
    """Add `milvus` to the subcommands of `python -m index`."""
    milvus = commands.add_parser(
        "milvus", help="an index in Milvus: load a snapshot, make a version current, list, drop"
    )
    actions = milvus.add_subparsers(required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--uri", required=True, help="http://host:19530, or a Milvus Lite file ending in .db")
    common.add_argument("--name", default="faq", help="name of the index: the alias that is served; default faq")
    common.add_argument("--token-file", type=Path, help="file with the token, user:password, where Milvus wants one")
    common.add_argument("--timeout-ms", type=int, default=10_000, help="longest wait for one request, default 10000")

    load = actions.add_parser("load", parents=[common], help="load a snapshot as a version of its own")
    load.add_argument("--out", **out)
    load.add_argument("--version", help="as `snapshots` lists it; the current one when not given")
    load.add_argument("--activate", action="store_true", help="make it current at the end")
    load.set_defaults(run=_load)

    activate = actions.add_parser("activate", parents=[common], help="make a loaded version current, newer or older")
    activate.add_argument("version", help="as `list` names it")
    activate.set_defaults(run=_activate)

    listed = actions.add_parser("list", parents=[common], help="the versions in Milvus, and which is current")
    listed.set_defaults(run=_list)

    drop = actions.add_parser("drop", parents=[common], help="delete a version that is not current")
    drop.add_argument("version", help="as `list` names it; no service may still answer from it")
    drop.set_defaults(run=_drop)


def _connect(arguments: argparse.Namespace, create: bool = False) -> Any:
    from index.milvus import Milvus

    token = None
    if arguments.token_file is not None:
        try:
            token = arguments.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StoreUnavailable(f"The token cannot be read ({error}). Name a file that can.") from error
    return closing(
        Milvus(arguments.uri, arguments.name, token=token, timeout_s=arguments.timeout_ms / 1000, create=create)
    )


def _load(arguments: argparse.Namespace) -> int:
    from index.milvus_load import load_into
    from index.snapshot import load_snapshot

    snapshot = load_snapshot(arguments.out, None, arguments.version)
    version = snapshot.manifest.version
    last = -1

    def say(done: int, total: int) -> None:
        nonlocal last
        if (tenth := 10 * done // total) != last:
            last = tenth
            print(f"Loading: {done} of about {total} rows", file=sys.stderr, flush=True)

    with _connect(arguments, create=True) as milvus:
        new = load_into(milvus, snapshot, say)
        print(f"Index {version} {'is' if new else 'was already'} in Milvus at {milvus.place}.")
        if arguments.activate:
            milvus.activate(version)
            print(f"{arguments.name} names it now. Running services take it up by themselves.")
    return 0


def _activate(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as milvus:
        milvus.activate(arguments.version)
    print(f"{arguments.name} names {arguments.version} now. Running services take it up by themselves.")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as milvus:
        found = milvus.versions()
        place = milvus.place
    for one in found:
        print(", ".join([one.version, "complete" if one.complete else "not complete", *(["current"] * one.current)]))
    if not found:
        print(f"Milvus at {place} has no {arguments.name!r}. Run `python -m index milvus load`.", file=sys.stderr)
    return 0 if found else 1


def _drop(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as milvus:
        milvus.drop(arguments.version)
    print(f"Version {arguments.version} of {arguments.name} is deleted.")
    return 0
