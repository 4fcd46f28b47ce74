"""Kill -9 at every step, a full disk, cut and flipped files, two builders: the last good snapshot is always there."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import numpy as np
import pytest
from conftest import CHECKOUT, ToyEncoder

from corpus.collection import Collection, read_collection
from index.errors import IndexBusy, IndexDamaged
from index.shelf import rollback, versions
from index.snapshot import build_snapshot, load_snapshot
from index.store import current_version, read_manifest, verify

ANOTHER = """near_miss:
  - "may the form be sent by post"
  - "a question that makes another index of it"
"""


def build(collection: Collection, root: Path) -> str:
    manifest, _ = build_snapshot(collection, ToyEncoder(), root, threads=1, progress=lambda *_: None)
    return manifest.version


@pytest.fixture
def changed(corpus_folder: Path) -> Collection:
    """Another corpus than the one that `index_root` was built from."""
    (corpus_folder / "questions/unanswered/en.yaml").write_text(ANOTHER)
    return read_collection(corpus_folder)


# A process that is killed in the midst: forked from one that has everything imported, so that each is quick. The hook
# hears of every file opened to be written, renamed, removed, and every folder made, below the index's folder.
KILLED_AT_EACH_STEP = """
import json, os, signal, sys
from pathlib import Path
from shutil import copytree, rmtree
from conftest import ToyEncoder
from corpus.collection import read_collection
from index.shelf import activate, rollback
from index.snapshot import build_snapshot
from index.store import current_version, read_manifest, verify

os.fsync = lambda handle: None  # for a power cut; what a killed process wrote, the system keeps
task, corpus, start, root = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])
collection = read_collection(corpus)
left = None

def hook(event, arguments):
    global left
    if left is None or not arguments or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    if not os.fsdecode(arguments[0]).startswith(str(root)):
        return
    if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        return
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)

def work():
    if task == "build":
        build_snapshot(collection, ToyEncoder(), root, threads=1, progress=lambda *_: None)
    elif task == "rollback":
        rollback(root)
    else:
        activate(root, task)

def served():
    version = current_version(root)
    verify(root / version, read_manifest(root / version))  # raises unless it is whole
    return version

step, found = 0, []
while True:
    step += 1
    copytree(start, root)
    child = os.fork()
    if child == 0:
        left = step
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    version = served()
    if task != "rollback" or version == current_version(start):
        work()  # the next one finds its way through what was left
    after = served()
    remains = [path.name for path in root.iterdir() if path.name.startswith(".building")]
    found.append([version, after, remains])
    rmtree(root)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0
        break
print(json.dumps(found))
"""


def killed_at_each_step(task: str, corpus: Path, start: Path, root: Path) -> list[tuple[str, str, list[str]]]:
    """For each step at which the task was killed, and at last for none: the version that was served then, the version
    after the task was done again, and what lay about after that."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_STEP, task, str(corpus), str(start), str(root)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(version, after, remains) for version, after, remains in json.loads(done.stdout)]


def test_a_build_killed_at_any_step_leaves_the_old_index_or_the_new_one(
    index_root: Path, corpus_folder: Path, changed: Collection, tmp_path: Path
) -> None:
    old = current_version(index_root)
    reference = Path(copytree(index_root, tmp_path / "reference"))
    new = build(changed, reference)
    found = killed_at_each_step("build", corpus_folder, index_root, tmp_path / "killed")
    assert len(found) > 60, "files are opened, renamed and removed at so many places"
    served = [version for version, _, _ in found]
    assert set(served) == {old, new}
    assert served == sorted(served, key=[old, new].index), "old up to the switch, new from there"
    assert {after for _, after, _ in found} == {new}
    assert not [name for _, _, remains in found for name in remains]


@pytest.mark.parametrize("task", ["activate", "rollback"])
def test_a_switch_killed_at_any_step_leaves_the_one_or_the_other(
    index_root: Path, corpus_folder: Path, changed: Collection, tmp_path: Path, task: str
) -> None:
    old = current_version(index_root)
    new = build(changed, index_root)
    named = old if task == "activate" else task
    found = killed_at_each_step(named, corpus_folder, index_root, tmp_path / "killed")
    assert len(found) > 4
    assert {version for version, _, _ in found} == {old, new}
    assert {after for _, after, _ in found} == {old}


# A full disk


def failing_after(count: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """As the real one, until the disk is full."""
    calls = 0

    def write(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > count:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **named)

    return write


@pytest.mark.parametrize(
    ("owner", "name", "before"),
    [
        (np, "save", 0),
        (np, "save", 9),
        (np, "savez", 0),
        (Path, "write_text", 0),
        (Path, "write_text", 4),
        (os, "fsync", 3),
    ],
)
def test_a_full_disk_leaves_the_old_index(
    index_root: Path, changed: Collection, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, before: int
) -> None:
    old = current_version(index_root)
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing_after(before, getattr(owner, name)))
        with pytest.raises(OSError, match="No space left"):
            build(changed, index_root)
    assert load_snapshot(index_root, ToyEncoder.fingerprint).manifest.version == old
    assert sorted(path.name for path in index_root.iterdir()) == sorted([".lock", "current", old])
    assert build(changed, index_root) == current_version(index_root) != old


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from shutil import copytree
from conftest import ToyEncoder
from corpus.collection import read_collection
from index import __main__ as command
from index.snapshot import load_snapshot

corpus, start, disk = (Path(name) for name in sys.argv[1:4])
root = Path(copytree(start, disk / "snapshots"))
full = disk / "ballast"
with full.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(b"0" * 4096)
    except OSError:
        pass
room = int(sys.argv[4])
with full.open("r+b") as file:
    file.truncate(max(0, full.stat().st_size - room))
command._encoder = lambda arguments: ToyEncoder()
sys.argv = ["index", "build", "--corpus", str(corpus), "--out", str(root)]
code = command.main()
print(code, load_snapshot(root, ToyEncoder.fingerprint).manifest.version, *(p.name for p in root.glob(".building*")))
"""


def mounts_permitted() -> bool:
    trial = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        check=False,
    )
    return trial.returncode == 0


@pytest.mark.parametrize("room", [0, 20_000, 60_000])
def test_a_disk_that_is_truly_full_leaves_the_old_index_and_says_so(
    index_root: Path, corpus_folder: Path, changed: Collection, tmp_path: Path, room: int
) -> None:
    if not mounts_permitted():
        pytest.skip("this machine lets no one mount a small disk; the test above stands in")
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "program.py").write_text(ON_A_SMALL_DISK)
    arguments = [str(path) for path in (corpus_folder, index_root, disk)]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c",
         'mount -t tmpfs -o size=16m tmpfs "$3" && exec "$0" "$5" "$1" "$2" "$3" "$4"',
         sys.executable, *arguments, str(room), str(tmp_path / "program.py")],
        cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'tests'}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["1", current_version(index_root)], done.stderr
    assert "No space left on device" in done.stderr
    assert "The index that was current still is" in done.stderr
    assert "Traceback" not in done.stderr


# Damage


def test_any_file_cut_or_with_one_bit_flipped_is_refused_by_name(index_root: Path, tmp_path: Path) -> None:
    version = current_version(index_root)
    files = read_manifest(index_root / version).files
    assert len(files) > 30
    for name in files:
        path = index_root / version / name
        whole = path.read_bytes()
        for damaged in (
            whole[:-1],
            whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :],
        ):
            path.write_bytes(damaged)
            with pytest.raises(IndexDamaged, match=r"Run `make index`") as refused:
                load_snapshot(index_root, ToyEncoder.fingerprint)
            assert str(path) in str(refused.value)
        path.write_bytes(whole)
    load_snapshot(index_root, ToyEncoder.fingerprint)


def test_a_damaged_index_is_built_again_and_one_can_go_back_before_it(index_root: Path, changed: Collection) -> None:
    old = current_version(index_root)
    new = build(changed, index_root)
    (index_root / new / "keys.jsonl").write_text("")
    assert rollback(index_root) == old
    load_snapshot(index_root, ToyEncoder.fingerprint)
    assert build(changed, index_root) == new
    verify(index_root / new, read_manifest(index_root / new))
    assert versions(index_root) == [new, old]


# Two builders


def test_a_second_builder_is_turned_away_and_the_first_ends_well(
    index_root: Path, changed: Collection, collection: Collection
) -> None:
    refused: list[IndexBusy] = []

    class Meeting(ToyEncoder):
        """While it encodes, another build begins."""

        def encode(self, text: str, side: Any) -> Any:
            if not refused:
                with pytest.raises(IndexBusy, match="Another build is at work") as caught:
                    build(collection, index_root)
                refused.append(caught.value)
            return super().encode(text, side)

    manifest, new = build_snapshot(changed, Meeting(), index_root, threads=1, progress=lambda *_: None)
    assert (len(refused), new) == (1, 1)
    assert load_snapshot(index_root, ToyEncoder.fingerprint).manifest == manifest
    rmtree(index_root / manifest.version)
