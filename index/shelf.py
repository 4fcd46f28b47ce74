"""The shelf of snapshots: which there are, which one is current, which may go."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from index.errors import IndexDamaged, IndexMismatch, IndexMissing
from index.lease import unleased
from index.store import CURRENT, Manifest, current_version, locked, read_manifest, set_current, verify


@dataclass(frozen=True, slots=True)
class Shelved:
    """One snapshot. `manifest` is None where it cannot be read; `in_use` when some process has it open."""

    version: str
    manifest: Manifest | None
    current: bool
    in_use: bool


def versions(root: Path) -> list[str]:
    """Names of the snapshots, the one last made current first.

    A folder's time of change is when it was built or last activated; a rollback does not change it, so that the next
    one goes further back.
    """
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return [path.name for path in sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


def shelved(root: Path) -> list[Shelved]:
    """The snapshots in the order of `versions`."""
    try:
        current = current_version(root)
    except IndexMissing:
        current = ""
    found = []
    for version in versions(root):
        try:
            manifest = read_manifest(root / version)
        except (IndexDamaged, IndexMismatch):
            manifest = None
        with unleased(root / version) as free:
            found.append(Shelved(version, manifest, version == current, not free))
    return found


def activate(root: Path, version: str) -> None:
    """Make a snapshot the current one, after checking its files. Raises IndexMissing, IndexDamaged, IndexMismatch or
    IndexBusy; then nothing has changed."""
    with locked(_there(root)):
        _check(root, version)
        os.utime(root / version)
        set_current(root, version)


def rollback(root: Path) -> str:
    """Make the snapshot that was current before this one current again; returns its version.

    Those that are damaged are passed over. Raises IndexMissing when there is none, or IndexBusy.
    """
    with locked(_there(root)):
        order = versions(root)
        # What `current` names may itself be gone: then the newest that is there.
        pointer = root / CURRENT
        named = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ""
        older = order[order.index(named) + 1 :] if named in order else order
        for version in older:
            try:
                _check(root, version)
            except (IndexDamaged, IndexMismatch):
                continue
            set_current(root, version)
            return version
    raise IndexMissing(
        f"{root} has no sound snapshot older than {named or 'none'}. Run `make index` to build one, "
        "or name a newer one with `python -m index activate`."
    )


def prune(root: Path, keep: int) -> list[str]:
    """Delete all but the current and the newest `keep` other snapshots; returns the versions deleted.

    One that some process has open stays. Raises IndexMissing or IndexBusy.
    """
    with locked(_there(root)):
        current = current_version(root)
        deleted = []
        for version in [version for version in versions(root) if version != current][keep:]:
            with unleased(root / version) as free:
                if free:
                    shutil.rmtree(root / version)
                    deleted.append(version)
        return deleted


def _there(root: Path) -> Path:
    if not root.is_dir():
        raise IndexMissing(f"There is no index in {root}. Run `make index` to build it.")
    return root


def _check(root: Path, version: str) -> None:
    if version not in versions(root):
        known = ", ".join(versions(root)) or "none"
        raise IndexMissing(f"There is no snapshot {version!r} in {root}. Use one of: {known}.")
    verify(root / version, read_manifest(root / version))
