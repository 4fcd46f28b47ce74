"""Building the shipped corpus's index from nothing, and again after one entry has changed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from corpus.collection import Collection, read_collection
from eval.benchmarks.tables import Row
from index.encoder import Encoder
from index.snapshot import build_snapshot


class _Clock:
    """Seconds by stage, as the build tells of them."""

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.encoded = self.started

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage == "encode" and done == total:
            self.encoded = time.perf_counter()


def benchmark(corpus: Path, encoder: Encoder, folder: Path, threads: int) -> list[Row]:
    """`folder` is empty at first."""
    copy = folder / "corpus"
    for name in ("data", "questions"):
        if (corpus / name).is_dir():
            shutil.copytree(corpus / name, copy / name)
    rows = [_build("from nothing", lambda: read_collection(copy), encoder, folder / "snapshots", threads)]
    changed = sorted((copy / "data").glob("*/fr.md"))[0]
    text = changed.read_text(encoding="utf-8").rstrip("\n")
    changed.write_text(f"{text} Une phrase de plus.\n", encoding="utf-8")
    rows.append(_build("one entry changed", lambda: read_collection(copy), encoder, folder / "snapshots", threads))
    return rows


def _build(name: str, read: Callable[[], Collection], encoder: Encoder, root: Path, threads: int) -> Row:
    clock = _Clock()
    manifest, new = build_snapshot(read(), encoder, root, threads=threads, progress=clock)
    ended = time.perf_counter()
    files = [path.stat().st_size for path in (root / manifest.version).rglob("*") if path.is_file()]
    return {
        "build": name,
        "texts": sum(manifest.counts[part] for part in ("passages", "sentences", "keys", "negatives")),
        "encoded anew": new,
        "encode s": clock.encoded - clock.started,
        "index s": ended - clock.encoded,
        "whole s": ended - clock.started,
        "size MiB": sum(files) / 2**20,
    }
