"""Snapshots: an index is an immutable folder with a manifest; `current` names the one to serve.

A snapshot is built beside the others under a temporary name, written through to disk, renamed, and only then
named in `current`, itself replaced in one step. Whatever is interrupted leaves the old snapshot serving.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from index.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing

FORMAT = "10"
"""Of the files in a snapshot; another format is built anew."""

CURRENT = "current"
MANIFEST = "manifest.json"
_TEMPORARY = ".building-"
_REBUILD = "Run `make index` to build it again."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds and what it was made from. `files` maps a path to its SHA-256."""

    version: str
    format: str
    built: str
    encoder: str
    fingerprint: str
    dimension: int
    token_dimension: int
    corpus_sha256: str
    splitter: str
    counts: dict[str, int]
    packages: dict[str, str]
    files: dict[str, str]


def index_version(corpus_sha256: str, fingerprint: str, splitter: str, analysis: str) -> str:
    """The same corpus, encoder and ways of splitting and analysing give the same version, 16 hexadecimal digits."""
    parts = (FORMAT, corpus_sha256, fingerprint, splitter, analysis)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """The only right to change `root`: to build, to name another snapshot current, to delete.

    Raises IndexBusy when another process has it. Remains of builds that were killed are cleared away.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise IndexBusy(f"Another build is at work in {root}. Wait for it to end, or stop it.") from error
        for remains in root.glob(f"{_TEMPORARY}*"):
            if remains.is_dir():
                shutil.rmtree(remains, ignore_errors=True)
            else:
                remains.unlink(missing_ok=True)
        yield


@contextmanager
def building(root: Path) -> Iterator[Path]:
    """A temporary folder in `root` to build in, with the only right to build; removed at the end.

    Raises IndexBusy when another build runs.
    """
    with locked(root):
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=root))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, root: Path, manifest: Manifest) -> Path:
    """Give the finished folder its name and make it current. Both steps are atomic."""
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True), encoding="utf-8")
    return adopt(folder, root, manifest.version)


def adopt(folder: Path, root: Path, version: str) -> Path:
    """Give a folder with its manifest, in `root` under a temporary name, its own name and make it current."""
    for path in [*folder.rglob("*"), folder]:
        _sync(path)
    final = root / version
    if final.exists():  # damaged, or it would have been kept
        os.replace(final, root / f"{_TEMPORARY}old-{version}")
    os.replace(folder, final)
    _sync(root)
    set_current(root, version)
    shutil.rmtree(root / f"{_TEMPORARY}old-{version}", ignore_errors=True)
    return final


def set_current(root: Path, version: str) -> None:
    """Name the snapshot to serve, in one step."""
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=root)
    with os.fdopen(handle, "w") as file:
        file.write(version + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, root / CURRENT)
    _sync(root)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def current_version(root: Path) -> str:
    """Raises IndexMissing."""
    try:
        version = (root / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise IndexMissing(f"There is no index in {root}. Run `make index` to build it.") from error
    if not version or not (root / version).is_dir():
        raise IndexMissing(f"{root / CURRENT} names {version!r}, which is not there. {_REBUILD}")
    return version


def read_manifest(folder: Path) -> Manifest:
    """Raises IndexDamaged or IndexMismatch."""
    try:
        stored = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if stored.get("format") != FORMAT:
            raise IndexMismatch(f"The index {folder} has format {stored.get('format')!r}, not {FORMAT!r}. {_REBUILD}")
        return Manifest(**stored)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise IndexDamaged(f"The manifest of the index {folder} cannot be read ({error}). {_REBUILD}") from error


def verify(folder: Path, manifest: Manifest) -> None:
    """Every file of the manifest is there, unchanged. Raises IndexDamaged naming the file."""
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise IndexDamaged(f"The index file {path} is missing. {_REBUILD}")
        if (found := file_sha256(path)) != expected:
            raise IndexDamaged(f"The index file {path} has checksum {found[:12]}, not {expected[:12]}. {_REBUILD}")


def checksums(folder: Path) -> dict[str, str]:
    """Relative path to SHA-256 of every file below the folder, the manifest excepted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in paths}
