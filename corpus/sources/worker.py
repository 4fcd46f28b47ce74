"""The process that parses foreign files, apart from ours and within limits of time and memory.

It reads one JSON request from standard input and writes one JSON answer; nothing is unpickled, so a
file that takes this process over gains no more than the power to hand in a wrong text.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from corpus.documents import AUTHORITIES
from corpus.errors import ImportRefused
from corpus.sources.parts import ImportedDocument, ImportedEntry, SourceFile
from corpus.sources.reading import read_sources

MEMORY_BYTES = 2 << 30
MAX_ANSWER_BYTES = 256 << 20
"""Of the texts handed back: five times the largest file that is read."""

_CHECKOUT = Path(__file__).parents[2]
_MODULE = "corpus.sources.worker"


def read_apart(
    sources: Sequence[tuple[str, SourceFile]],
    doc_id: str | None,
    language: str | None,
    timeout_seconds: float,
    memory_bytes: int = MEMORY_BYTES,
) -> list[ImportedDocument]:
    """`read_sources` in a process of its own. Raises ImportRefused, also when the process goes beyond its limits."""
    request = {
        "sources": [_sent(kind, source) for kind, source in sources],
        "doc_id": doc_id,
        "language": language,
        "memory_bytes": memory_bytes,
        "cpu_seconds": int(timeout_seconds) + 1,
    }
    names = ", ".join(source.name for _, source in sources[:3])
    command = [sys.executable, "-m", _MODULE]
    # An environment of its own: whatever secrets ours holds are no business of a foreign file.
    environment = {"PYTHONPATH": str(_CHECKOUT), "PYTHONUTF8": "1"}
    asked = json.dumps(request).encode()
    try:
        # Into a file, whose size the process's limits bound: a pipe would fill our memory with whatever it sends.
        with TemporaryFile() as told:
            done = subprocess.run(  # noqa: S603 - our own module, no shell
                command,
                input=asked,
                stdout=told,
                stderr=subprocess.DEVNULL,
                timeout=timeout_seconds,
                cwd=_CHECKOUT,
                env=environment,
                check=False,
            )
            told.seek(0)
            sent = told.read(MAX_ANSWER_BYTES + 1)
    except subprocess.TimeoutExpired as error:
        raise ImportRefused(f"{names}: not read after {timeout_seconds:g} seconds. Split the file.") from error
    try:
        answer = json.loads(sent)
    except ValueError as error:
        raise ImportRefused(
            f"{names}: the reader stopped (exit code {done.returncode}), most likely for want of memory "
            f"({memory_bytes >> 20} MiB are allowed). Split the file."
        ) from error
    if "refused" in answer:
        raise ImportRefused(answer["refused"])
    return [_document(document) for document in answer["documents"]]


def _sent(kind: str, source: SourceFile) -> dict[str, Any]:
    path = str(source.path) if source.path else None
    data = base64.b64encode(source.data).decode("ascii")
    return {"kind": kind, "name": source.name, "url": source.url, "path": path, "data": data}


def _document(sent: dict[str, Any]) -> ImportedDocument:
    sent["entries"] = tuple(ImportedEntry(**entry) for entry in sent["entries"])
    sent["authority"] = next(known for known in AUTHORITIES if known == sent["authority"])
    return ImportedDocument(**sent)


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    """Memory, CPU time, and no core dump and few files; for good, since hard limits cannot be raised.

    The answer is the only file it may write, a temporary one of the parent's, and no longer than the memory.
    """
    try:
        import resource
    except ImportError:  # a system without these limits; the time limit of the parent remains
        return
    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: MAX_ANSWER_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = wanted if hard < 0 else min(wanted, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    sources = []
    for sent in request["sources"]:
        path = Path(sent["path"]) if sent["path"] else None
        source = SourceFile(sent["name"], base64.b64decode(sent["data"]), sent["url"], path)
        sources.append((sent["kind"], source))
    names = ", ".join(source.name for _, source in sources[:3])
    try:
        documents = read_sources(sources, request["doc_id"], request["language"])
    except ImportRefused as error:
        return {"refused": str(error)}
    except (MemoryError, RecursionError) as error:
        return {"refused": f"{names}: too large or too deeply nested ({type(error).__name__}). Split the file."}
    except Exception as error:  # whatever a hostile file provokes becomes a refusal
        return {"refused": f"{names}: cannot be read ({type(error).__name__}: {error}). Fetch the file again."}
    return {"documents": [asdict(document) for document in documents]}


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    _limit(request["memory_bytes"], request["cpu_seconds"])
    sys.stdout.write(json.dumps(_answer(request)))


if __name__ == "__main__":
    main()
