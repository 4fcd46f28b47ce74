"""The service on the tiny corpus as a process of its own: `python toy_service.py`, set by the environment.

`SLOW_MS` makes each question take so long; `BEGUN_FILE` gets a byte when one begins. While `BROKEN_FILE` exists, a
process cannot make the application: it says what stands in that file, or is killed where nothing does.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from conftest import MAILBOX, FixedDetector, ToyEncoder, constant_judge
from fastapi import FastAPI

from index.fusion import load_fusion
from index.hybrid import HybridRetriever
from index.snapshot import load_snapshot
from service.answers import Answer
from service.app import create_app
from service.pipeline import Ask, Pipeline
from service.serving import serve
from service.settings import Settings


class Slow(Pipeline):
    """Takes its time."""

    def answer(self, ask: Ask) -> Answer:
        if name := os.environ.get("BEGUN_FILE"):
            with open(name, "ab") as file:
                file.write(b".")
        time.sleep(int(os.environ.get("SLOW_MS", "0")) / 1000)
        return super().answer(ask)


def app() -> FastAPI:
    broken = Path(os.environ.get("BROKEN_FILE", "none"))
    if broken.exists():
        if reason := broken.read_text():
            raise RuntimeError(reason)
        os.kill(os.getpid(), signal.SIGKILL)
    settings = Settings()

    def open_version(version: str) -> Pipeline:
        encoder = ToyEncoder()
        snapshot = load_snapshot(settings.index_dir, encoder.fingerprint, version)
        return Slow(HybridRetriever(snapshot, encoder, load_fusion()), constant_judge(), FixedDetector("en"), MAILBOX)

    return create_app(settings, open_version=open_version)


if __name__ == "__main__":
    serve(Settings(), "toy_service:app")
