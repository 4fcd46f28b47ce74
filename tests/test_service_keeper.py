"""The keeper: a new snapshot is taken up once it passes the check; else the old one goes on, and it is said why."""

from __future__ import annotations

import gc
import json
import logging
import re
import time
import weakref
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from conftest import NEGATIVES, ToyEncoder, constant_judge, make_settings
from starlette.testclient import TestClient

from corpus.collection import read_collection
from index.encoder import Encoder
from index.shelf import activate, prune, rollback, versions
from index.snapshot import build_snapshot
from index.store import current_version, set_current
from service import keeper as keeping
from service.app import create_app
from service.keeper import Keeper, Opener
from service.settings import Settings

WITHDRAW = "can we withdraw our signature"


@pytest.fixture(autouse=True)
def toy_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.load_judge", constant_judge)
    monkeypatch.setattr("service.app.make_encoder", lambda chosen: ToyEncoder())


@pytest.fixture
def build(corpus_folder: Path, index_root: Path) -> Callable[[str], str]:
    """Builds another snapshot and makes it current; returns its version."""

    def another(text: str, encoder: Encoder | None = None) -> str:
        (corpus_folder / "questions/unanswered/en.yaml").write_text(f'{NEGATIVES}  - "{text}"\n')
        collection = read_collection(corpus_folder)
        arguments: dict[str, Any] = {"threads": 1, "progress": lambda *_: None}
        return build_snapshot(collection, encoder or ToyEncoder(), index_root, **arguments)[0].version

    return another


@pytest.fixture
def settings(index_root: Path) -> Settings:
    return make_settings(index_dir=index_root, index_poll_ms=1)


@pytest.fixture
def keeper(settings: Settings) -> Keeper:
    kept = Keeper(settings, Opener(settings, lambda chosen: ToyEncoder()))
    assert kept.refresh()
    return kept


def answering(keeper: Keeper) -> str:
    assert keeper.engine is not None
    return keeper.engine.snapshot.manifest.version


def problem_of(keeper: Keeper) -> str | None:
    """What is wrong now; a function, since the type checker takes an attribute once compared for settled."""
    return keeper.problem


def damage(root: Path, version: str) -> None:
    path = root / version / "passages.vectors.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_new_snapshot_is_taken_up_and_a_rollback_too(
    keeper: Keeper, index_root: Path, build: Callable[[str], str]
) -> None:
    old = current_version(index_root)
    assert (answering(keeper), problem_of(keeper)) == (old, None)
    assert not keeper.refresh(), "nothing is new"
    new = build("one more")
    assert answering(keeper) == old
    assert keeper.refresh()
    assert (answering(keeper), problem_of(keeper)) == (new, None)
    rollback(index_root)
    assert keeper.refresh()
    assert answering(keeper) == old


def test_naming_the_same_snapshot_again_loads_nothing(keeper: Keeper, index_root: Path) -> None:
    engine = keeper.engine
    activate(index_root, current_version(index_root))
    assert not keeper.refresh()
    assert keeper.engine is engine


def refuse_by(kind: str, root: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Spoil the snapshot in one way; returns what must be said."""
    folder = root / version
    if kind == "flipped":
        damage(root, version)
        return "passages.vectors.npy has checksum"
    if kind == "cut":
        path = folder / "keys.faiss"
        path.write_bytes(path.read_bytes()[:-7])
        return "keys.faiss has checksum"
    if kind == "manifest":
        (folder / "manifest.json").write_text("{")
        return "manifest"
    if kind == "format":
        stored = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(stored | {"format": "0"}))
        return "format '0'"
    if kind == "encoder":
        stored = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(stored | {"fingerprint": "other-1"}))
        return "built with the encoder other-1"
    if kind == "gone":
        set_current(root, "gone")
        return "names 'gone'"
    if kind == "pointer":
        (root / "current").unlink()
        return "There is no index"

    def fail(*_: object) -> float:
        raise MemoryError("no room")

    monkeypatch.setattr(keeping, "check_smoke", fail)
    return "MemoryError: no room"


KINDS = ("flipped", "cut", "manifest", "format", "encoder", "gone", "pointer", "fault")


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_that_cannot_be_opened_is_refused_and_the_old_one_answers(
    keeper: Keeper,
    index_root: Path,
    build: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
) -> None:
    old, engine = current_version(index_root), keeper.engine
    new = build("one more")
    said = refuse_by(kind, index_root, new, monkeypatch)
    with caplog.at_level(logging.ERROR):
        assert keeper.refresh()
    assert keeper.engine is engine
    assert keeper.problem is not None
    assert said in keeper.problem
    assert f"Index {old} still answers." in keeper.problem
    assert len(caplog.records) == 1 and said in caplog.text
    assert not keeper.refresh(), "it is not tried again each time"


# A fault of our own would strike every snapshot: the test after this one has that.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "fault"])
def test_at_start_the_last_good_snapshot_stands_in(
    settings: Settings, index_root: Path, build: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    old = current_version(index_root)
    new = build("one more")
    said = refuse_by(kind, index_root, new, monkeypatch)
    if kind == "gone":
        damage(index_root, new)
    kept = Keeper(settings, Opener(settings, lambda chosen: ToyEncoder()))
    assert kept.refresh()
    assert kept.problem is not None and said in kept.problem
    stand_in = new if kind == "pointer" else old
    assert answering(kept) == stand_in
    assert f"Until then index {stand_in} answers." in kept.problem
    text = build("yet another")
    assert kept.refresh()
    assert (answering(kept), problem_of(kept)) == (text, None)


def test_with_no_good_snapshot_nothing_answers_and_the_remedy_is_said(settings: Settings, index_root: Path) -> None:
    version = current_version(index_root)
    damage(index_root, version)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unready")
        assert "Run `make index`" in ready.json()["reason"]
        assert client.post("/v1/answers", json={"question": WITHDRAW}).status_code == 503
        assert "faq_index_refused 1.0" in client.get("/metrics").text


def test_a_snapshot_that_misses_the_smoke_questions_is_refused(
    settings: Settings, index_root: Path, build: Callable[[str], str], tmp_path: Path
) -> None:
    smoke = tmp_path / "smoke.jsonl"
    rows = [{"language": "en", "question": WITHDRAW, "doc_id": "faq", "entries": ["withdraw"]}]
    smoke.write_text("".join(json.dumps(row) + "\n" for row in rows))
    chosen = settings.model_copy(update={"smoke_file": smoke})
    kept = Keeper(chosen, Opener(chosen, lambda _: ToyEncoder()))
    assert kept.refresh() and problem_of(kept) is None
    old = answering(kept)
    rows[0]["entries"] = ["deadline"]
    smoke.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build("one more")
    assert kept.refresh()
    assert answering(kept) == old
    assert "less than SMOKE_FLOOR 85%" in (problem_of(kept) or "")


def test_what_was_refused_is_tried_again_after_a_while(
    keeper: Keeper, index_root: Path, build: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = build("one more")
    path = index_root / new / "keys.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert keeper.refresh()
    path.write_bytes(whole)
    assert not keeper.refresh()
    now = time.monotonic()
    monkeypatch.setattr(keeping, "monotonic", lambda: now + keeping.RETRY_S + 1)
    assert keeper.refresh()
    assert (answering(keeper), problem_of(keeper)) == (new, None)


def test_an_index_that_comes_with_another_encoder_gets_it(
    settings: Settings, index_root: Path, build: Callable[..., str]
) -> None:
    class Retrained(ToyEncoder):
        fingerprint = "toy-2"

    at_hand: list[Encoder] = [ToyEncoder()]
    kept = Keeper(settings, Opener(settings, lambda chosen: at_hand[-1]))
    assert kept.refresh()
    old = answering(kept)
    new = build("one more", Retrained())
    assert kept.refresh()
    assert answering(kept) == old
    assert "toy-2, not toy-1" in (problem_of(kept) or "")
    at_hand.append(Retrained())
    activate(index_root, new)
    assert kept.refresh()
    assert (answering(kept), problem_of(kept)) == (new, None)


def test_the_old_snapshot_leaves_memory_and_may_then_be_pruned(
    keeper: Keeper, index_root: Path, build: Callable[[str], str]
) -> None:
    old = current_version(index_root)
    assert keeper.engine is not None
    gone = weakref.ref(getattr(keeper.engine.snapshot, "lease"))  # noqa: B009 - an index elsewhere has none
    new = build("one more")
    assert prune(index_root, keep=0) == [], "the old one still answers"
    keeper.refresh()
    gc.collect()
    assert gone() is None
    assert prune(index_root, keep=0) == [old]
    assert versions(index_root) == [new]


# Through the front door


def until(condition: Callable[[], bool]) -> None:
    waited = Event()
    for _ in range(6000):
        if condition():
            return
        waited.wait(0.01)
    raise AssertionError("it never came to that")


def test_a_running_service_takes_up_and_refuses_and_says_so(
    settings: Settings, index_root: Path, build: Callable[[str], str]
) -> None:
    old = current_version(index_root)
    with TestClient(create_app(settings)) as client:

        def ready() -> dict[str, Any]:
            response = client.get("/readyz")
            assert response.status_code == 200
            found: dict[str, Any] = response.json()
            return found

        assert (ready()["index"]["version"], ready()["reason"]) == (old, None)
        new = build("one more")
        until(lambda: ready()["index"]["version"] == new)
        rollback(index_root)
        until(lambda: ready()["index"]["version"] == old)
        damage(index_root, new)
        set_current(index_root, new)
        until(lambda: ready()["reason"] is not None)
        assert "has checksum" in ready()["reason"] and f"Index {old} still answers" in ready()["reason"]
        assert ready()["status"] == "ok"
        assert client.post("/v1/answers", json={"question": WITHDRAW}).json()["index"]["version"] == old
        assert "faq_index_refused 1.0" in client.get("/metrics").text
        rollback(index_root)
        until(lambda: ready()["reason"] is None)
        assert "faq_index_refused 0.0" in client.get("/metrics").text


def test_no_watch_where_the_setting_says_so(settings: Settings, build: Callable[[str], str]) -> None:
    unwatched = settings.model_copy(update={"index_poll_ms": 0})
    kept = Keeper(unwatched, Opener(unwatched, lambda chosen: ToyEncoder()))
    with kept.watching(lambda: pytest.fail("it watches")):
        build("one more")
        Event().wait(0.05)


RELOADS = 100


def marked(text: str, name: str) -> str:
    """The same document, each paragraph ending in the name."""
    for other in ("odd", "even"):
        text = text.replace(f" ({other}).\n", ".\n")
    return text.replace(".\n", f" ({name}).\n")


class Asker:
    """Asks on until it is told to stop; notes what failed, and what named one index and held text of another."""

    def __init__(self, client: TestClient, names: dict[str, str]) -> None:
        self._client, self._names = client, names
        self.answers = dict.fromkeys(names, 0)
        self.failures: list[str] = []

    def __call__(self, first: int, done: Event) -> None:
        number = first
        while not done.is_set():
            question = f"{WITHDRAW} {number}"
            number += 1000
            try:
                self._note("answer", self._client.post("/v1/answers", json={"question": question, "language": "en"}))
                self._note("search", self._client.get("/v1/search", params={"q": question, "language": "en"}))
                self._note("documents", self._client.get("/v1/documents"))
            except Exception as error:
                self.failures.append(repr(error))

    def _note(self, kind: str, response: Any) -> None:
        if response.status_code != HTTPStatus.OK:
            self.failures.append(f"{kind}: {response.status_code} {response.text}")
            return
        version = response.json()["index"]["version"]
        name, text = self._names[version], response.text
        others = [other for other in self._names.values() if other != name]
        if f"({name})" not in text or any(f"({other})" in text for other in others):
            self.failures.append(f"{kind} of {name}: {text}")
        self.answers[version] += 1


def answers_meanwhile(
    settings: Settings, names: dict[str, str], turns: Sequence[str], switch: Callable[[str], object], clients: int
) -> dict[str, int]:
    """How many answers each version gave while so many clients asked and `switch` made one version after the other
    current; fails where a request failed or an answer mixed versions."""
    done = Event()
    with TestClient(create_app(settings)) as client:
        askers = [Asker(client, names) for _ in range(clients)]
        threads = [Thread(target=asker, args=(number, done)) for number, asker in enumerate(askers)]
        for thread in threads:
            thread.start()
        try:
            for version in turns:
                switch(version)
                until(lambda wanted=version: ready_version(client) == wanted)  # type: ignore[misc]
        finally:
            done.set()
            for thread in threads:
                thread.join()
    assert [failure for asker in askers for failure in asker.failures] == []
    return {version: sum(asker.answers[version] for asker in askers) for version in names}


def test_100_reloads_under_load_fail_none_and_mix_none(
    settings: Settings, index_root: Path, corpus_folder: Path, build: Callable[[str], str]
) -> None:
    """Two snapshots, whose texts and titles name them, take turns while four clients ask."""
    names = {}
    for name in ("odd", "even"):
        for path in (corpus_folder / "data/faq").glob("*.md"):
            text = re.sub(r"^title: .*$", f"title: Questions ({name})", path.read_text(), flags=re.M)
            path.write_text(marked(text, name))
        names[build(name)] = name
    turns = [list(names)[number % 2] for number in range(RELOADS)]
    answers = answers_meanwhile(settings, names, turns, lambda version: activate(index_root, version), clients=4)
    assert min(answers.values()) > RELOADS, "each version answered between reloads"


def ready_version(client: TestClient) -> object:
    return client.get("/readyz").json()["index"]["version"]
