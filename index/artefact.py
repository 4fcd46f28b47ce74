"""An index as an artefact: one file and its checksum, kept in object storage or any folder, fetched by each replica.

`latest.json` names the version to serve, its file and that file's SHA-256; it is written last and replaced in one
step, so whoever reads it finds the file that it names.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from index.errors import ArtefactProblem, IndexDamaged, IndexMismatch, IndexMissing
from index.shelf import activate
from index.store import adopt, building, current_version, file_sha256, read_manifest, verify

LATEST = "latest.json"
_CHUNK = 1 << 20
_TIMEOUT_S = 60.0
_VERSION = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Artefact:
    """A packed index: `file` beside `latest.json`, `size` in bytes."""

    version: str
    file: str
    sha256: str
    size: int


def pack(root: Path, version: str, folder: Path) -> Artefact:
    """Write the snapshot, after checking it, and `latest.json` into `folder`. Raises IndexMissing or IndexDamaged."""
    if not (root / version).is_dir():
        raise IndexMissing(f"There is no snapshot {version!r} in {root}. List them with `python -m index snapshots`.")
    verify(root / version, read_manifest(root / version))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{version}.tar"
    temporary = path.with_suffix(".tar.part")
    with tarfile.open(temporary, "w") as archive:
        for member in sorted((root / version).rglob("*")):
            if member.is_file():
                archive.add(member, member.relative_to(root).as_posix(), recursive=False, filter=_anonymous)
    os.replace(temporary, path)
    artefact = Artefact(version, path.name, file_sha256(path), path.stat().st_size)
    pointer = folder / f"{LATEST}.part"
    pointer.write_text(json.dumps(asdict(artefact), indent=1) + "\n", encoding="utf-8")
    os.replace(pointer, folder / LATEST)
    return artefact


def fetch(place: str, root: Path) -> tuple[Artefact, bool]:
    """Make the version that `place` names current in `root`; true when it had to be fetched.

    `place` is a folder or an address (http, https) under which `latest.json` lies. The archive's checksum and that of
    every file in it are checked before anything is made current. Raises ArtefactProblem, IndexDamaged, IndexMismatch
    or IndexBusy; then what was current still is.
    """
    artefact = _read_latest(place)
    if _sound(root, artefact.version):
        if not _is_current(root, artefact.version):
            activate(root, artefact.version)
        return artefact, False
    with building(root) as folder:
        archive = folder / "archive.tar"
        with _opened(place, artefact.file) as source, archive.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        if (found := file_sha256(archive)) != artefact.sha256:
            raise ArtefactProblem(
                f"{artefact.file} from {place} has checksum {found[:12]}, not {artefact.sha256[:12]}. "
                "Fetch it again; if it stays, pack and upload the index anew."
            )
        _unpack(archive, folder, artefact)
        archive.unlink()
        unpacked = folder / artefact.version
        manifest = read_manifest(unpacked)
        verify(unpacked, manifest)
        if manifest.version != artefact.version:
            raise ArtefactProblem(f"{artefact.file} holds version {manifest.version}. Pack the index anew.")
        adopt(unpacked, root, artefact.version)
    return artefact, True


def _read_latest(place: str) -> Artefact:
    with _opened(place, LATEST) as file:
        text = file.read(65536)
    try:
        artefact = Artefact(**json.loads(text))
        fits = _VERSION.fullmatch(artefact.version) and artefact.file == f"{artefact.version}.tar"
    except (ValueError, TypeError) as error:
        raise ArtefactProblem(f"{LATEST} in {place} cannot be read ({error}). Pack the index anew.") from error
    if not fits:
        raise ArtefactProblem(f"{LATEST} in {place} names {artefact.file!r}, which is no index. Pack the index anew.")
    return artefact


@contextmanager
def _opened(place: str, name: str) -> Iterator[IO[bytes]]:
    """The file `name` in the folder or under the address."""
    if "://" not in place:
        try:
            file = (Path(place) / name).open("rb")
        except OSError as error:
            raise ArtefactProblem(
                f"{Path(place) / name} cannot be read ({error.strerror}). Pack an index there."
            ) from error
        with file:
            yield file
        return
    if not place.startswith(("http://", "https://")):
        raise ArtefactProblem(f"{place!r} cannot be fetched from. Use a folder, or an address with http or https.")
    from http.client import HTTPException
    from urllib.error import URLError
    from urllib.request import urlopen

    base, _, query = place.partition("?")  # a signed address carries its signature behind the path
    address = f"{base.rstrip('/')}/{name}" + (f"?{query}" if query else "")
    try:
        with urlopen(address, timeout=_TIMEOUT_S) as response:  # noqa: S310 - http and https only
            yield response
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise ArtefactProblem(
            f"{base.rstrip('/')}/{name} cannot be fetched ({error}). Check the address and who may read it."
        ) from error


def _unpack(archive: Path, folder: Path, artefact: Artefact) -> None:
    """Plain files below the version's own folder, nothing else."""
    try:
        with tarfile.open(archive) as opened:
            for member in opened:
                parts = Path(member.name).parts
                if not member.isfile() or len(parts) < 2 or parts[0] != artefact.version or ".." in parts:
                    raise ArtefactProblem(f"{artefact.file} holds {member.name!r}, which is no file of an index.")
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                source = opened.extractfile(member)
                if source is not None:
                    with source, path.open("wb") as target:
                        shutil.copyfileobj(source, target, _CHUNK)
    except tarfile.TarError as error:
        raise ArtefactProblem(f"{artefact.file} is no archive ({error}). Pack the index anew.") from error


def _sound(root: Path, version: str) -> bool:
    try:
        verify(root / version, read_manifest(root / version))
    except (IndexDamaged, IndexMismatch):
        return False
    return True


def _is_current(root: Path, version: str) -> bool:
    try:
        return current_version(root) == version
    except IndexMissing:
        return False


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same snapshot gives the same archive, whoever packs it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    member.mode = 0o644
    return member
