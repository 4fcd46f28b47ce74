"""An index as an artefact: packed, fetched from a folder or over HTTP, checked before it is current."""

from __future__ import annotations

import http.server
import io
import json
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from conftest import ToyEncoder

from corpus.collection import Collection
from index import __main__ as command
from index.artefact import LATEST, fetch, pack
from index.errors import ArtefactProblem, IndexDamaged, IndexMissing
from index.shelf import versions
from index.snapshot import build_snapshot, load_snapshot
from index.store import current_version, file_sha256


@pytest.fixture
def bucket(index_root: Path, tmp_path: Path) -> Path:
    """A folder with the tiny index, packed."""
    pack(index_root, current_version(index_root), tmp_path / "bucket")
    return tmp_path / "bucket"


@pytest.fixture
def served(bucket: Path) -> Iterator[str]:
    """The same over HTTP."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(bucket))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_was_packed_is_fetched_checked_and_current(bucket: Path, index_root: Path, tmp_path: Path) -> None:
    replica = tmp_path / "replica"
    artefact, new = fetch(str(bucket), replica)
    assert new
    assert current_version(replica) == artefact.version == current_version(index_root)
    loaded = load_snapshot(replica, ToyEncoder.fingerprint)
    assert loaded.manifest == load_snapshot(index_root, ToyEncoder.fingerprint).manifest
    assert [path.name for path in replica.iterdir() if path.name.startswith(".building")] == []
    assert fetch(str(bucket), replica) == (artefact, False)


def test_it_is_fetched_over_http_and_a_signature_stays_behind_the_path(served: str, tmp_path: Path) -> None:
    artefact, new = fetch(f"{served}/?signature=a%2Fb", tmp_path / "replica")
    assert new
    assert current_version(tmp_path / "replica") == artefact.version


def test_the_same_snapshot_gives_the_same_archive(index_root: Path, tmp_path: Path) -> None:
    version = current_version(index_root)
    assert pack(index_root, version, tmp_path / "a") == pack(index_root, version, tmp_path / "b")


def test_a_newer_one_is_taken_up_and_an_older_one_again(
    bucket: Path, index_root: Path, tmp_path: Path, collection: Collection
) -> None:
    """Rolling back is packing, or naming, the older version again; it is not fetched twice."""
    replica = tmp_path / "replica"
    older, _ = fetch(str(bucket), replica)
    latest = (bucket / LATEST).read_text()

    class Newer(ToyEncoder):
        fingerprint = "toy-2"

    manifest, _ = build_snapshot(collection, Newer(), index_root, threads=1, progress=lambda *_: None)
    pack(index_root, manifest.version, bucket)
    newer, new = fetch(str(bucket), replica)
    assert (newer.version, new, current_version(replica)) == (manifest.version, True, manifest.version)
    (bucket / LATEST).write_text(latest)
    assert fetch(str(bucket), replica) == (older, False)
    assert current_version(replica) == older.version


def flipped(bucket: Path) -> None:
    path = next(bucket.glob("*.tar"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(bucket: Path) -> None:
    path = next(bucket.glob("*.tar"))
    path.write_bytes(path.read_bytes()[:-10_000])


def gone(bucket: Path) -> None:
    next(bucket.glob("*.tar")).unlink()


def unnamed(bucket: Path) -> None:
    (bucket / LATEST).unlink()


def garbled(bucket: Path) -> None:
    (bucket / LATEST).write_text("{")


def elsewhere(bucket: Path) -> None:
    stored = json.loads((bucket / LATEST).read_text())
    (bucket / LATEST).write_text(json.dumps(stored | {"file": "../secret.tar"}))


def repacked(bucket: Path, change: Callable[[tarfile.TarFile, str], None]) -> None:
    """Another archive whose checksum fits: what is in it must be checked too."""
    stored = json.loads((bucket / LATEST).read_text())
    path = bucket / stored["file"]
    with tarfile.open(path, "a") as archive:
        change(archive, stored["version"])
    (bucket / LATEST).write_text(json.dumps(stored | {"sha256": file_sha256(path)}))


def escaping(bucket: Path) -> None:
    def change(archive: tarfile.TarFile, version: str) -> None:
        archive.addfile(tarfile.TarInfo(f"{version}/../../outside"), io.BytesIO())

    repacked(bucket, change)


def linking(bucket: Path) -> None:
    def change(archive: tarfile.TarFile, version: str) -> None:
        link = tarfile.TarInfo(f"{version}/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)

    repacked(bucket, change)


def altered(bucket: Path) -> None:
    def change(archive: tarfile.TarFile, version: str) -> None:
        member = tarfile.TarInfo(f"{version}/passages.jsonl")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"{}\n"))

    repacked(bucket, change)


def no_archive(bucket: Path) -> None:
    stored = json.loads((bucket / LATEST).read_text())
    path = bucket / stored["file"]
    path.write_bytes(b"x" * 5000)
    (bucket / LATEST).write_text(json.dumps(stored | {"sha256": file_sha256(path)}))


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        (flipped, ArtefactProblem, "has checksum .*Fetch it again"),
        (cut, ArtefactProblem, "has checksum"),
        (gone, ArtefactProblem, "cannot be read|cannot be fetched"),
        (unnamed, ArtefactProblem, "latest.json.*(cannot be read|cannot be fetched)"),
        (garbled, ArtefactProblem, "latest.json.* cannot be read .*Pack the index anew"),
        (elsewhere, ArtefactProblem, "names '../secret.tar', which is no index"),
        (escaping, ArtefactProblem, "outside', which is no file of an index"),
        (linking, ArtefactProblem, "link', which is no file of an index"),
        (altered, IndexDamaged, "passages.jsonl has checksum"),
        (no_archive, ArtefactProblem, "is no archive"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("over_http", [False, True])
def test_what_is_wrong_is_said_and_nothing_changes(
    spoil: Callable[[Path], None],
    error: type[Exception],
    told: str,
    over_http: bool,
    bucket: Path,
    served: str,
    tmp_path: Path,
    built_index: Path,
    collection: Collection,
) -> None:
    replica = tmp_path / "replica"

    class Other(ToyEncoder):
        fingerprint = "toy-2"

    manifest, _ = build_snapshot(collection, Other(), replica, threads=1, progress=lambda *_: None)
    spoil(bucket)
    with pytest.raises(error, match=told):
        fetch(served if over_http else str(bucket), replica)
    assert versions(replica) == [current_version(replica)] == [manifest.version]
    assert not (tmp_path / "outside").exists()
    assert [path.name for path in replica.iterdir() if path.name.startswith(".building")] == []


def test_a_snapshot_that_is_not_there_or_damaged_is_not_packed(index_root: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"no snapshot 'none'.*index snapshots"):
        pack(index_root, "none", tmp_path / "bucket")
    (index_root / current_version(index_root) / "passages.jsonl").write_text("")
    with pytest.raises(IndexDamaged, match=r"passages\.jsonl"):
        pack(index_root, current_version(index_root), tmp_path / "bucket")
    assert not (tmp_path / "bucket" / LATEST).exists()


def test_an_address_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtefactProblem, match=r"'s3://bucket' cannot be fetched from\. Use a folder, or an address"):
        fetch("s3://bucket", tmp_path / "replica")
    with pytest.raises(ArtefactProblem, match=r"latest\.json cannot be fetched .*Check the address"):
        fetch("http://127.0.0.1:1", tmp_path / "replica")


def test_the_commands_pack_and_fetch(
    index_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["index", *map(str, arguments)])
        return command.main()

    version = current_version(index_root)
    assert run("pack", "--out", index_root, "--to", tmp_path / "bucket") == 0
    assert f"{version}.tar" in capsys.readouterr().out
    assert run("fetch", tmp_path / "bucket", "--out", tmp_path / "replica") == 0
    assert f"Index {version} fetched and checked" in capsys.readouterr().out
    assert run("fetch", tmp_path / "bucket", "--out", tmp_path / "replica") == 0
    assert "was there already" in capsys.readouterr().out
    assert run("fetch", tmp_path / "none", "--out", tmp_path / "replica") == 1
    assert "cannot be read" in capsys.readouterr().err
