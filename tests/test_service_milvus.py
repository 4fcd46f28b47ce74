"""The service over Milvus (Lite): it answers from the version that the alias names, and switches in one step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from conftest import ToyEncoder, constant_judge, make_settings, write_corpus
from starlette.testclient import TestClient
from test_service_keeper import answers_meanwhile, marked

from corpus.collection import read_collection
from index.errors import StoreUnavailable
from index.milvus import Milvus
from index.milvus_load import load_into
from index.snapshot import build_snapshot, load_snapshot
from service.app import create_app
from service.keeper import Keeper, Opener
from service.settings import Settings

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed (requirements-milvus.lock)")

QUESTION = {"question": "can we withdraw our signature"}
SWITCHES = 4


@pytest.fixture(autouse=True)
def toy_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.load_judge", constant_judge)
    monkeypatch.setattr("service.app.make_encoder", lambda chosen: ToyEncoder())


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Milvus, dict[str, str]]]:
    """A Milvus with two versions, whose texts and titles name them; version to name."""
    folder = tmp_path_factory.mktemp("versions")
    milvus = Milvus(str(folder / "lite.db"), create=True, timeout_s=60)
    names = {}
    for name in ("odd", "even"):
        corpus = write_corpus(folder / name)
        for path in (corpus / "data/faq").glob("*.md"):
            text = re.sub(r"^title: .*$", f"title: Questions ({name})", path.read_text(), flags=re.M)
            path.write_text(marked(text, name))
        root = folder / f"{name}-out"
        build_snapshot(read_collection(corpus), ToyEncoder(), root, threads=1, progress=lambda *_: None)
        snapshot = load_snapshot(root, ToyEncoder.fingerprint)
        load_into(milvus, snapshot, lambda done, total: None)
        names[snapshot.manifest.version] = name
    yield milvus, names
    milvus.close()


@pytest.fixture
def settings(versions: tuple[Milvus, dict[str, str]], tmp_path: Path) -> Settings:
    """Of a service without any snapshot on disk."""
    milvus, names = versions
    milvus.activate(next(iter(names)))
    patient = {"milvus_timeout_ms": 60_000, "timeout_ms": 600_000, "request_timeout_ms": 600_000}
    return make_settings(milvus_uri=milvus.uri, index_dir=tmp_path / "none", index_poll_ms=1, **patient)


def test_it_answers_quotes_and_cites_from_milvus_alone(settings: Settings) -> None:
    with TestClient(create_app(settings)) as client:
        answer = client.post("/v1/answers", json=QUESTION).json()
        assert answer["outcome"] == "answered"
        passage = answer["passages"][0]
        citation = passage["citation"]
        assert citation["entry_id"] == "withdraw" if "entry_id" in citation else passage["entry_id"] == "withdraw"
        assert citation["quote"] == citation["text"][citation["start"] : citation["end"]]
        stored = client.get(f"/v1/documents/{citation['doc_id']}", params={"language": citation["language"]}).json()
        assert citation["quote"] in stored["text"]
        assert stored["sha256"] == citation["sha256"]
        claim = {
            name: citation[name] for name in ("doc_id", "language", "quote", "start", "end", "passage_id", "sha256")
        }
        assert client.post("/v1/citations/verify", json=claim).json()["valid"]
        assert not client.post("/v1/citations/verify", json=claim | {"start": 1}).json()["valid"]
        assert [d["doc_id"] for d in client.get("/v1/documents").json()["documents"]] == ["faq"]
        english = next(one for one in client.get("/v1/languages").json()["languages"] if one["code"] == "en")
        assert (english["documents"], english["questions"]) == (["faq"], 5)
        hits = client.get("/v1/search", params={"q": QUESTION["question"], "documents": "faq"}).json()["hits"]
        assert hits[0]["entry_id"] == "withdraw"
        refused = client.get("/v1/search", params={"q": QUESTION["question"], "documents": "no-such"})
        assert refused.status_code == HTTPStatus.UNPROCESSABLE_ENTITY


def test_readers_see_one_version_in_each_answer_while_the_alias_moves(
    settings: Settings, versions: tuple[Milvus, dict[str, str]]
) -> None:
    milvus, names = versions
    turns = [list(names)[(number + 1) % 2] for number in range(SWITCHES)]
    answers = answers_meanwhile(settings, names, turns, milvus.activate, clients=2)
    assert min(answers.values()) > 0, "each version answered between switches"


def test_while_milvus_is_away_questions_get_503_and_it_comes_back_by_itself(
    settings: Settings, versions: tuple[Milvus, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(settings.model_copy(update={"index_poll_ms": 0, "answer_cache_entries": 0}))
    with TestClient(app) as client:
        assert client.post("/v1/answers", json=QUESTION).status_code == HTTPStatus.OK

        def away(*arguments: object, **named: object) -> None:
            raise StoreUnavailable("Milvus at http://inside:19530 could not search (gone). Check that it runs.")

        with monkeypatch.context() as patch:
            patch.setattr(Milvus, "search", away)
            refused = client.post("/v1/answers", json=QUESTION)
        assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert refused.headers["retry-after"] == "5"
        assert "Try again" in refused.json()["detail"]
        assert "inside" not in refused.text
        assert client.post("/v1/answers", json=QUESTION).status_code == HTTPStatus.OK


def test_a_keeper_goes_on_while_the_alias_cannot_be_read(
    settings: Settings, versions: tuple[Milvus, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    milvus, _ = versions
    keeper = Keeper(settings, Opener(settings, lambda chosen: ToyEncoder()))
    assert keeper.refresh()
    engine = keeper.engine
    assert engine is not None
    assert engine.snapshot.manifest.version == milvus.current()

    def away(self: Milvus) -> str:
        raise StoreUnavailable("Milvus at x could not list the aliases (gone). Check that it runs.")

    with monkeypatch.context() as patch:
        patch.setattr(Milvus, "current", away)
        assert keeper.refresh()
        assert keeper.engine is engine
        assert "could not list the aliases" in str(keeper.problem)
        assert "still answers" in str(keeper.problem)
    assert keeper.refresh()
    assert (keeper.engine, keeper.problem) == (engine, None)


@pytest.mark.parametrize(
    ("uri", "name", "told"),
    [
        ("none.db", "faq", "There is no Milvus Lite file"),
        (None, "unnamed", "has no alias 'unnamed'"),
    ],
)
def test_what_is_missing_at_start_is_said_at_readyz(
    settings: Settings, tmp_path: Path, uri: str | None, name: str, told: str
) -> None:
    changes = {"milvus_uri": str(tmp_path / uri) if uri else settings.milvus_uri, "milvus_index": name}
    with TestClient(create_app(settings.model_copy(update=changes))) as client:
        ready = client.get("/readyz")
        assert ready.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert told in ready.text
        assert client.post("/v1/answers", json=QUESTION).status_code == HTTPStatus.SERVICE_UNAVAILABLE


def test_an_index_of_another_encoder_is_refused(settings: Settings) -> None:
    class Other(ToyEncoder):
        fingerprint = "other-1"

    keeper = Keeper(settings, Opener(settings, lambda chosen: Other()))
    keeper.refresh()
    assert keeper.engine is None
    assert "was built with the encoder toy-1, not other-1" in str(keeper.problem)
