"""Where the index is kept that answers: a folder of snapshots, or Milvus where a setting names one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from index.encoder import Encoder
from index.errors import IndexDamaged, StoreUnavailable
from index.fusion import Fusion, load_fusion
from index.hybrid import HybridRetriever
from index.retrieval import Ranker
from index.shelf import versions
from index.snapshot import load_snapshot, require_encoder
from index.store import CURRENT, current_version, read_manifest
from service.settings import Settings

if TYPE_CHECKING:
    from index.milvus import Milvus


class Source(Protocol):
    def stamp(self) -> object:
        """Another whenever another version may be current; None where that cannot be told. Never raises."""
        ...

    def current(self) -> str:
        """The version to serve. Raises IndexProblem."""
        ...

    def versions(self) -> list[str]:
        """Versions that may stand in for it, the one to try first in front. Raises IndexProblem."""
        ...

    def fingerprint(self, version: str) -> str:
        """Of the encoder that it was built with. Raises IndexProblem."""
        ...

    def open(self, version: str | None, encoder: Callable[[], Encoder], fusion: Fusion | None = None) -> Ranker:
        """Open the version, the current one where it is None, with the fitted weights unless others are given.

        `encoder` is asked for last. Raises IndexProblem.
        """
        ...


def source_of(settings: Settings) -> Source:
    return FolderSource(settings.index_dir) if settings.milvus_uri is None else MilvusSource(settings)


class FolderSource:
    """Snapshots on disk, memory-mapped."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stamp(self) -> object:
        """The pointer's inode and time of change."""
        try:
            status = (self._root / CURRENT).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def current(self) -> str:
        return current_version(self._root)

    def versions(self) -> list[str]:
        return versions(self._root)

    def fingerprint(self, version: str) -> str:
        return read_manifest(self._root / version).fingerprint

    def open(self, version: str | None, encoder: Callable[[], Encoder], fusion: Fusion | None = None) -> Ranker:
        snapshot = load_snapshot(self._root, None, version)
        found = encoder()
        require_encoder(snapshot.manifest, found.fingerprint)
        return HybridRetriever(snapshot, found, fusion or load_fusion())


class MilvusSource:
    """The versions of an index in Milvus; an alias names the current one. Connected when first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._milvus: Milvus | None = None
        self._lock = Lock()

    def stamp(self) -> object:
        try:
            return self.current()
        except Exception:  # whatever it is, `current` says it when the version is taken up
            return None

    def current(self) -> str:
        return self._connected().current()

    def versions(self) -> list[str]:
        return [loaded.version for loaded in self._connected().versions() if loaded.complete]

    def fingerprint(self, version: str) -> str:
        stored = self._connected().stored(version)
        if stored is None:
            raise IndexDamaged(
                f"Version {version} was not loaded to its end. Load it again with `python -m index milvus load`."
            )
        return str(stored["manifest"]["fingerprint"])

    def open(self, version: str | None, encoder: Callable[[], Encoder], fusion: Fusion | None = None) -> Ranker:
        from index.milvus_contents import MilvusContents
        from index.milvus_retriever import MilvusRetriever

        contents = MilvusContents(self._connected(), version or self.current())
        found = encoder()
        require_encoder(contents.manifest, found.fingerprint)
        return MilvusRetriever(contents, found, fusion or load_fusion())

    def _connected(self) -> Milvus:
        from index.milvus import Milvus

        if self._settings.milvus_uri is None:
            raise StoreUnavailable("There is no Milvus. Set MILVUS_URI.")
        token = self._settings.milvus_token
        with self._lock:
            if self._milvus is None:
                self._milvus = Milvus(
                    self._settings.milvus_uri,
                    self._settings.milvus_index,
                    token=None if token is None else token.get_secret_value(),
                    timeout_s=self._settings.milvus_timeout_ms / 1000,
                )
            return self._milvus
