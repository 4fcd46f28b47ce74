"""An index in Milvus (Lite): the same features as the local one, versions behind an alias, errors that say what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import CHECKOUT, NEGATIVES, ToyEncoder, write_corpus
from test_index_hybrid import EQUAL, QUERIES, add, document

from corpus.collection import read_collection
from index import __main__ as command
from index import hybrid, milvus_retriever
from index.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, StoreUnavailable
from index.hybrid import HybridRetriever
from index.lexical import term_hash
from index.milvus import Milvus
from index.milvus_contents import MilvusContents, among, quoted
from index.milvus_load import load_into
from index.milvus_retriever import MilvusRetriever
from index.milvus_rows import MANIFEST_ID, dimension_of, manifest_row, read_texts, row_id, row_number
from index.quotes import select_quotes
from index.retrieval import Query
from index.snapshot import Snapshot, build_snapshot, load_snapshot

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed (requirements-milvus.lock)")

ARTICLES = {
    "art-53-1": "Le formulaire du fournisseur est signé par un cadre supérieur.",
    "art-53-1-b": "Une documentation est tenue à jour.",
    "art-530": "Un autre article.",
}


def silent(done: int, total: int) -> None:
    """Hears of progress."""


def built(corpus: Path, root: Path) -> Snapshot:
    build_snapshot(read_collection(corpus), ToyEncoder(), root, threads=1, progress=lambda *_: None)
    return load_snapshot(root, ToyEncoder.fingerprint)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("local")
    write_corpus(folder / "corpus")
    add(folder / "corpus", "data/act/fr.md", document("fr", ARTICLES))
    return built(folder / "corpus", folder / "out")


@pytest.fixture(scope="module")
def milvus(local: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Milvus]:
    """A Milvus that holds the local index, current. Other versions may come and go."""
    connected = Milvus(str(tmp_path_factory.mktemp("milvus") / "lite.db"), create=True, timeout_s=60)
    assert load_into(connected, local, silent)
    connected.activate(local.manifest.version)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def contents(milvus: Milvus, local: Snapshot) -> MilvusContents:
    return MilvusContents(milvus, local.manifest.version)


@pytest.fixture
def both(local: Snapshot, contents: MilvusContents) -> tuple[HybridRetriever, MilvusRetriever]:
    return HybridRetriever(local, ToyEncoder(), EQUAL), MilvusRetriever(contents, ToyEncoder(), EQUAL)


ASKED = [
    *QUERIES,
    Query("what does article 53(1)(b) say", "en"),
    Query("le formulaire est signe par un cadre superieur", "fr"),
    Query("is the signuture withdrawn", "en"),
    Query("le formulaire est signé par un cadre supérieur", "fr", ("act",)),
    Query("can we withdraw our signature", "en", ("faq", "no-such")),
    Query("can we withdraw our signature", "en", ("no-such",)),
    Query("can we withdraw our signature", "en", ()),
    Query('"]) or id > 0 or name in ["', "en", ('"] or id > 0 or doc_id in ["',)),
]


def assert_same(both: tuple[HybridRetriever, MilvusRetriever], query: Query) -> None:
    expected, found = (retriever.rank(query) for retriever in both)
    assert found.query == expected.query
    assert found.negative == pytest.approx(expected.negative, abs=1e-6)
    assert [(e.doc_id, e.entry_id) for e in found.entries] == [(e.doc_id, e.entry_id) for e in expected.entries]
    for one, other in zip(found.entries, expected.entries, strict=True):
        np.testing.assert_allclose(one.features, other.features, atol=1e-5)
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert one.passage == other.passage


@pytest.mark.parametrize("query", ASKED, ids=lambda query: f"{query.text[:20]} {query.documents}")
def test_ranking_is_that_of_the_local_index(both: tuple[HybridRetriever, MilvusRetriever], query: Query) -> None:
    assert_same(both, query)


def test_it_is_so_where_a_search_brings_too_few_rows(
    both: tuple[HybridRetriever, MilvusRetriever], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search asks again for candidates that got too few rows, and for more entries where rows are of few."""
    monkeypatch.setattr(milvus_retriever, "ROWS", 4)
    for module in (hybrid, milvus_retriever):
        monkeypatch.setattr(module, "RERANKED_ROWS", 4)
    for query in ASKED:
        assert_same(both, query)


def test_a_hit_is_a_passage_and_its_score(both: tuple[HybridRetriever, MilvusRetriever]) -> None:
    expected, found = (retriever.search(QUERIES[0], 2) for retriever in both)
    assert [hit.passage for hit in found] == [hit.passage for hit in expected]


def test_what_an_answer_is_composed_of_is_the_same(local: Snapshot, contents: MilvusContents) -> None:
    assert contents.manifest.version == local.manifest.version
    assert contents.manifest.counts == local.manifest.counts
    assert list(contents.documents) == list(local.documents)
    for doc_id, versions in local.documents.items():
        assert dict(contents.documents[doc_id]) == versions
        assert all(language in contents.documents[doc_id] for language in versions)
    assert contents.question_counts == dict(local.question_counts)
    assert list(contents.questions()) == list(local.questions())
    for passage in local.passages:
        assert contents.passage(passage.doc_id, passage.passage_id) == passage
    assert contents.passage("faq", 'no-such" or id > 0 or name == "') is None
    assert "no-such" not in contents.documents
    assert contents.documents.get("no-such") is None
    query = Query("sign before 1 August", "en")
    question = ToyEncoder().encode(query.text, "query")
    for entry in local.entries:
        for languages in (("en", "fr"), ("fr",), ("de",), ()):
            expected = select_quotes(local, query, question, entry, languages)
            assert select_quotes(contents, query, question, entry, languages) == expected


def test_documents_come_back_to_the_character(tmp_path: Path) -> None:
    """Long ones in pieces, with characters of every width."""
    text = "Il n'y a pas de date. \N{GRINNING FACE} Ñandú — “où” ἄνθρωπος. " * 900
    add(tmp_path / "corpus", "data/long/fr.md", document("fr", {"one": text.strip()}))
    snapshot = built(tmp_path / "corpus", tmp_path / "out")
    connected = Milvus(str(tmp_path / "lite.db"), create=True, timeout_s=60)
    load_into(connected, snapshot, silent)
    stored = MilvusContents(connected, snapshot.manifest.version).documents["long"]["fr"]
    assert len(stored.text) > 2 * 16_000
    assert (stored.text, stored.sha256) == (
        snapshot.documents["long"]["fr"].text,
        snapshot.documents["long"]["fr"].sha256,
    )
    connected.close()


def test_token_vectors_survive_to_the_byte(local: Snapshot, contents: MilvusContents) -> None:
    ids = [row_id("keys", number) for number in range(len(local.key_texts))]
    rows = contents.milvus.query(contents.version, None, f"id in {ids}", ["id", "tokens"])
    texts = read_texts(sorted(rows, key=lambda row: int(row["id"])), local.manifest)
    np.testing.assert_array_equal(texts.tokens, local.key_texts.tokens)
    np.testing.assert_array_equal(texts.weights, local.key_texts.weights)
    np.testing.assert_array_equal(texts.offsets, local.key_texts.offsets)


def test_a_term_has_its_place_by_language() -> None:
    assert term_hash("sign", "en") == term_hash("sign", "en") != term_hash("sign", "de")
    assert all(0 < dimension_of(term_hash(str(n), "en")) < 2**32 - 1 for n in range(1000))
    assert row_number(row_id("keys", 7)) == 7
    assert MANIFEST_ID < 2**63


def test_text_in_a_filter_stays_text() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
    assert among("doc_id", ["a", "b"]) == 'doc_id in ["a", "b"]'


# Versions


@pytest.fixture
def another(tmp_path: Path) -> Callable[[str], Snapshot]:
    """Builds another version; the text makes it one."""

    def build(text: str) -> Snapshot:
        corpus = write_corpus(tmp_path / "corpus")
        add(corpus, "questions/unanswered/en.yaml", f'{NEGATIVES}  - "{text}"\n')
        return built(corpus, tmp_path / "out")

    return build


def test_a_version_is_current_once_it_is_named_and_the_former_stays(
    milvus: Milvus, local: Snapshot, another: Callable[[str], Snapshot]
) -> None:
    snapshot = another("one more")
    version = snapshot.manifest.version
    assert load_into(milvus, snapshot, silent)
    assert not load_into(milvus, snapshot, silent), "it was there"
    assert milvus.current() == local.manifest.version
    milvus.activate(version)
    assert milvus.current() == version
    assert {(one.version, one.current, one.complete) for one in milvus.versions()} == {
        (local.manifest.version, False, True),
        (version, True, True),
    }
    with pytest.raises(IndexBusy, match=rf"{version} answers\. Activate another"):
        milvus.drop(version)
    milvus.activate(local.manifest.version)
    milvus.drop(version)
    assert [one.version for one in milvus.versions()] == [local.manifest.version]
    with pytest.raises(IndexMissing, match=rf"no collection 'faq_{version}'.*milvus load"):
        milvus.activate(version)
    assert milvus.current() == local.manifest.version


def test_a_load_that_was_interrupted_is_not_served_and_is_done_again(
    milvus: Milvus, another: Callable[[str], Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = another("interrupted")
    version = snapshot.manifest.version

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_into(milvus, snapshot, stop)
    assert [one.complete for one in milvus.versions() if one.version == version] == [False]
    with pytest.raises(IndexDamaged, match=r"not loaded to its end\. Load it again"):
        milvus.activate(version)
    with pytest.raises(IndexDamaged, match="not loaded to its end"):
        MilvusContents(milvus, version)
    assert load_into(milvus, snapshot, silent)
    assert len(MilvusContents(milvus, version).documents) == 1
    milvus.drop(version)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"format": "0"}, IndexMismatch, "has format '0', not '4'"),
        ({"rows": 3}, IndexDamaged, r"rows, not 3\. Load it again"),
        ({"manifest": {"version": "0" * 16}}, IndexMismatch, f"holds version '{'0' * 16}'"),
    ],
)
def test_what_is_stored_must_fit(
    milvus: Milvus,
    local: Snapshot,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
    error: type[Exception],
    told: str,
) -> None:
    stored = milvus.stored(local.manifest.version)
    assert stored is not None
    monkeypatch.setattr(milvus, "stored", lambda version: stored | change)
    with pytest.raises(error, match=told):
        milvus.check(local.manifest.version)


def test_a_row_that_is_lost_is_noticed(milvus: Milvus, another: Callable[[str], Snapshot]) -> None:
    snapshot = another("lost")
    version = snapshot.manifest.version
    load_into(milvus, snapshot, silent)
    milvus.client.delete(milvus.collection(version), ids=[row_id("passages", 0)])
    with pytest.raises(IndexDamaged, match="rows, not"):
        milvus.activate(version)
    milvus.drop(version)


def test_two_indexes_in_one_milvus_do_not_mix(milvus: Milvus, tmp_path: Path) -> None:
    add(tmp_path / "corpus", "data/other/fr.md", document("fr", {"only": "Texte."}))
    snapshot = built(tmp_path / "corpus", tmp_path / "out")
    other = Milvus(milvus.uri, "faq_other", timeout_s=60)
    load_into(other, snapshot, silent)
    other.activate(snapshot.manifest.version)
    assert other.current() == snapshot.manifest.version != milvus.current()
    assert [one.version for one in milvus.versions()] == [milvus.current()]
    assert set(MilvusContents(other, other.current()).documents) == {"other"}


# Errors


def test_what_is_no_milvus_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"no Milvus Lite file .*none\.db.*milvus load"):
        Milvus(str(tmp_path / "none.db"))
    with pytest.raises(StoreUnavailable, match=r"'localhost' is no Milvus\. Use http://host:19530"):
        Milvus("localhost")
    with pytest.raises(StoreUnavailable, match="index name 'a-b' is not one"):
        Milvus(str(tmp_path / "a.db"), "a-b", create=True)


def test_an_address_where_nothing_listens_is_said_without_its_password() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(StoreUnavailable) as raised:
            Milvus(f"http://user:secret@127.0.0.1:{port}", timeout_s=0.5)
    assert f"Milvus at http://127.0.0.1:{port} could not connect" in str(raised.value)
    assert "Check that it runs" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_no_alias_is_said(milvus: Milvus) -> None:
    with pytest.raises(IndexMissing, match=r"no alias 'empty'\. Load an index with .* and name it"):
        Milvus(milvus.uri, "empty").current()


def test_without_the_package_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(StoreUnavailable, match=r"pip install -r requirements-milvus\.lock"):
        Milvus(str(tmp_path / "x.db"), create=True)
    assert (CHECKOUT / "requirements-milvus.lock").is_file()


def test_serving_from_a_folder_loads_nothing_of_milvus() -> None:
    code = "import sys, service.app, index.__main__; print([m for m in sys.modules if 'milvus' in m and 'index.' not in m])"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The command


def run(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["index", "milvus", *map(str, arguments)])
    return command.main()


def test_the_command_loads_activates_lists_and_drops(
    another: Callable[[str], Snapshot],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = another("first").manifest.version
    two = another("second").manifest.version
    where = ("--uri", tmp_path / "lite.db", "--timeout-ms", 60_000)
    root = ("--out", tmp_path / "out")
    assert run("list", *where, monkeypatch=monkeypatch) == 1
    assert "There is no Milvus Lite file" in capsys.readouterr().err
    assert run("load", *where, *root, "--version", one, "--activate", monkeypatch=monkeypatch) == 0
    told = capsys.readouterr()
    assert f"Index {one} is in Milvus" in told.out
    assert "faq names it now" in told.out
    assert "Loading: " in told.err
    assert run("load", *where, *root, monkeypatch=monkeypatch) == 0
    assert run("load", *where, *root, monkeypatch=monkeypatch) == 0
    assert f"Index {two} was already in Milvus" in capsys.readouterr().out
    assert run("activate", two, *where, monkeypatch=monkeypatch) == 0
    assert run("drop", one, *where, monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    assert run("list", *where, monkeypatch=monkeypatch) == 0
    assert capsys.readouterr().out == f"{two}, complete, current\n"
    assert run("activate", one, *where, monkeypatch=monkeypatch) == 1
    assert f"no collection 'faq_{one}'" in capsys.readouterr().err
    assert run("list", *where, "--token-file", tmp_path / "none", monkeypatch=monkeypatch) == 1
    assert "The token cannot be read" in capsys.readouterr().err


def test_the_manifest_tells_how_many_rows_there_are(local: Snapshot) -> None:
    assert manifest_row(local, 5)["id"] == MANIFEST_ID
