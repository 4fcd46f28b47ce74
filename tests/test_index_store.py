"""Snapshots on disk: published in one step, checked on load, one builder at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest
from conftest import CHECKOUT

from index.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing
from index.store import (
    FORMAT,
    Manifest,
    building,
    checksums,
    current_version,
    index_version,
    publish,
    read_manifest,
    set_current,
    verify,
)


def manifest(version: str, files: dict[str, str] | None = None) -> Manifest:
    return Manifest(
        version=version,
        format=FORMAT,
        built="2026-11-24T00:00:00+00:00",
        encoder="toy",
        fingerprint="toy-1",
        dimension=3,
        token_dimension=3,
        corpus_sha256="0" * 64,
        splitter="s",
        counts={"passages": 1},
        packages={"numpy": "2"},
        files=files or {},
    )


def make(root: Path, version: str, content: str = "content") -> Path:
    """Publish a snapshot of two files."""
    with building(root) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a.txt").write_text(content)
        (folder / "b.txt").write_text("b")
        return publish(folder, root, manifest(version, checksums(folder)))


def names(root: Path) -> set[str]:
    return {path.name for path in root.iterdir()}


def test_a_published_snapshot_is_whole_and_current(tmp_path: Path) -> None:
    folder = make(tmp_path, "one")
    assert folder == tmp_path / "one"
    assert current_version(tmp_path) == "one"
    loaded = read_manifest(folder)
    assert loaded == manifest("one", loaded.files)
    assert loaded.files == {
        "b.txt": sha256(b"b").hexdigest(),
        "deep/a.txt": sha256(b"content").hexdigest(),
    }
    verify(folder, loaded)
    assert names(tmp_path) == {"one", "current", ".lock"}


def test_everyone_may_read_what_is_published(tmp_path: Path) -> None:
    folder = make(tmp_path, "one")
    assert folder.stat().st_mode & 0o055 == 0o055
    assert (tmp_path / "current").stat().st_mode & 0o044 == 0o044


def test_publishing_again_replaces_a_damaged_snapshot(tmp_path: Path) -> None:
    (make(tmp_path, "one") / "b.txt").unlink()
    folder = make(tmp_path, "one", "new content")
    verify(folder, read_manifest(folder))
    assert (folder / "deep" / "a.txt").read_text() == "new content"
    assert names(tmp_path) == {"one", "current", ".lock"}


@pytest.mark.parametrize("step", [0, 1])
def test_whatever_stops_publishing_the_old_snapshot_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    make(tmp_path, "one")
    replace_path = os.replace
    calls: list[object] = []

    def stopping(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) > step:
            raise KeyboardInterrupt
        replace_path(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", stopping)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, "two")
    monkeypatch.undo()
    assert len(calls) == step + 1
    assert current_version(tmp_path) == "one"
    verify(tmp_path / "one", read_manifest(tmp_path / "one"))
    make(tmp_path, "three")
    assert not [name for name in names(tmp_path) if name.startswith(".building")]


def test_the_temporary_folder_and_the_remains_of_killed_builds_go(tmp_path: Path) -> None:
    (tmp_path / ".building-killed" / "deep").mkdir(parents=True)
    (tmp_path / ".building-pointer").write_text("half a version")

    def fail() -> None:
        with building(tmp_path) as folder:
            assert names(tmp_path) == {".lock", folder.name}
            (folder / "x").write_text("x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(tmp_path) == {".lock"}


def test_only_one_process_builds_at_a_time(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from index.store import building\n"
        f"with building(Path({str(tmp_path)!r})):\n    print('building', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "building\n"
        with pytest.raises(IndexBusy, match=r"Another build is at work in .*Wait for it"), building(tmp_path):
            pass
        assert len([name for name in names(tmp_path) if name.startswith(".building")]) == 1, (
            "the other's folder is safe"
        )
        holder.stdin.close()
    assert holder.returncode == 0
    make(tmp_path, "one")


@pytest.mark.parametrize("damage", ["missing", "changed", "cut"])
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, damage: str) -> None:
    folder = make(tmp_path, "one")
    path = folder / "deep" / "a.txt"
    if damage == "missing":
        path.unlink()
    else:
        path.write_text({"changed": "Content", "cut": "conten"}[damage])
    with pytest.raises(IndexDamaged, match=r"deep/a\.txt (is missing|has checksum).*Run `make index`"):
        verify(folder, read_manifest(folder))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", json.dumps({"format": FORMAT}), None])
def test_a_manifest_that_cannot_be_read_is_damage(tmp_path: Path, text: str | None) -> None:
    folder = make(tmp_path, "one")
    (folder / "manifest.json").unlink()
    if text is not None:
        (folder / "manifest.json").write_text(text)
    with pytest.raises(IndexDamaged, match=r"manifest .*cannot be read.*Run `make index`"):
        read_manifest(folder)


def test_another_format_is_told_from_damage(tmp_path: Path) -> None:
    folder = make(tmp_path, "one")
    (folder / "manifest.json").write_text(json.dumps(asdict(replace(manifest("one"), format="0"))))
    with pytest.raises(IndexMismatch, match=rf"format '0', not '{FORMAT}'.*Run `make index`"):
        read_manifest(folder)


def test_no_index_and_an_index_that_went_away_are_missing(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"no index in .*Run `make index`"):
        current_version(tmp_path)
    for version in ("gone", ""):
        set_current(tmp_path, version)
        with pytest.raises(IndexMissing, match=rf"names '{version}', which is not there"):
            current_version(tmp_path)


def test_a_version_is_one_for_the_same_parts_and_another_for_any_other() -> None:
    parts = list(product(("corpus", "corpus2"), ("encoder", "encoder2"), ("splitter", "splitter2"), ("a", "b")))
    versions = [index_version(*part) for part in parts]
    assert len(set(versions)) == len(parts)
    assert versions == [index_version(*part) for part in parts]
    assert versions[0] == sha256("\0".join((FORMAT, "corpus", "encoder", "splitter", "a")).encode()).hexdigest()[:16]
