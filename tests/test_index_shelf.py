"""The shelf: list, activate, roll back, prune; what is in use stays."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CHECKOUT, ToyEncoder
from test_index_store import make, names

from index.errors import IndexBusy, IndexDamaged, IndexMissing
from index.lease import Lease, unleased
from index.shelf import activate, prune, rollback, shelved, versions
from index.snapshot import load_snapshot
from index.store import current_version, locked, set_current


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Five snapshots, `a` the oldest, `e` current."""
    for age, version in enumerate("abcde"):
        make(tmp_path, version)
        os.utime(tmp_path / version, (age, age))
    return tmp_path


def test_the_newest_is_listed_first_with_what_it_is(shelf: Path) -> None:
    (shelf / "b" / "manifest.json").write_text("{")
    lease = Lease(shelf / "c")
    found = shelved(shelf)
    assert [one.version for one in found] == list("edcba") == versions(shelf)
    assert [one.version for one in found if one.current] == ["e"]
    assert [one.version for one in found if one.in_use] == ["c"]
    assert [one.version for one in found if one.manifest is None] == ["b"]
    del lease
    assert versions(shelf / "none") == []


def test_pruning_keeps_the_current_and_the_newest_others(shelf: Path) -> None:
    set_current(shelf, "a")  # the oldest, by a rollback
    assert prune(shelf, keep=2) == ["c", "b"]
    assert names(shelf) == {"a", "d", "e", "current", ".lock"}
    assert prune(shelf, keep=2) == []
    assert prune(shelf, keep=0) == ["e", "d"]
    assert current_version(shelf) == "a"


def test_pruning_clears_what_killed_builds_left_and_deletes_damaged_ones(shelf: Path) -> None:
    (shelf / ".building-killed").mkdir()
    (shelf / "a" / "manifest.json").unlink()
    os.utime(shelf / "a", (0, 0))
    assert prune(shelf, keep=3) == ["a"]
    assert names(shelf) == {"b", "c", "d", "e", "current", ".lock"}


def test_one_in_use_is_not_pruned_until_it_is_let_go(shelf: Path) -> None:
    lease = Lease(shelf / "a")
    assert prune(shelf, keep=0) == ["d", "c", "b"]
    del lease
    assert prune(shelf, keep=0) == ["a"]


def test_one_in_use_by_another_process_is_not_pruned_and_is_once_that_is_killed(shelf: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from index.lease import Lease\n"
        f"lease = Lease(Path({str(shelf / 'a')!r}))\nprint('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert prune(shelf, keep=0) == ["d", "c", "b"]
        holder.kill()
    assert prune(shelf, keep=0) == ["a"]


def test_a_snapshot_in_memory_holds_a_lease_and_lets_go_with_it(index_root: Path) -> None:
    version = current_version(index_root)
    snapshot = load_snapshot(index_root, ToyEncoder.fingerprint)
    with unleased(index_root / version) as free:
        assert not free
    del snapshot
    gc.collect()
    with unleased(index_root / version) as free:
        assert free


def test_rollback_goes_further_back_each_time_and_past_the_damaged(shelf: Path) -> None:
    (shelf / "c" / "b.txt").write_text("other")
    assert [rollback(shelf) for _ in range(3)] == ["d", "b", "a"]
    assert current_version(shelf) == "a"
    with pytest.raises(IndexMissing, match=r"no sound snapshot older than a\. Run `make index`"):
        rollback(shelf)
    assert current_version(shelf) == "a"


def test_rollback_from_a_snapshot_that_is_gone_takes_the_newest(shelf: Path) -> None:
    set_current(shelf, "gone")
    assert rollback(shelf) == "e"
    (shelf / "current").unlink()
    assert rollback(shelf) == "e"


def test_what_is_activated_is_the_newest(shelf: Path) -> None:
    activate(shelf, "b")
    assert current_version(shelf) == "b"
    assert versions(shelf) == list("bedca")
    assert rollback(shelf) == "e"


def test_a_damaged_or_unknown_snapshot_is_not_activated(shelf: Path) -> None:
    (shelf / "a" / "b.txt").write_text("other")
    with pytest.raises(IndexDamaged, match=r"b\.txt has checksum.*Run `make index`"):
        activate(shelf, "a")
    for name in ("f", "", "..", "../shelf", ".lock"):
        with pytest.raises(IndexMissing, match=r"There is no snapshot .* Use one of: e, d, c, b, a\."):
            activate(shelf, name)
    assert current_version(shelf) == "e"
    assert versions(shelf) == list("edcba")


def test_nothing_is_changed_while_another_changes_it(shelf: Path) -> None:
    with locked(shelf):
        for change in (lambda: activate(shelf, "a"), lambda: rollback(shelf), lambda: prune(shelf, 0)):
            with pytest.raises(IndexBusy, match=r"Another build is at work in .*Wait for it"):
                change()
    assert versions(shelf) == list("edcba")


def test_no_folder_is_made_where_there_is_no_index(tmp_path: Path) -> None:
    for change in (lambda path: activate(path, "a"), rollback, lambda path: prune(path, 0)):
        with pytest.raises(IndexMissing, match=r"no index in .*Run `make index`"):
            change(tmp_path / "none")
    assert not list(tmp_path.iterdir())
