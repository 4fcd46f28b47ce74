"""Hybrid search with a toy encoder: each feature as defined, computed again in plain loops."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import FRENCH, FRONT, ToyEncoder, write_corpus

from corpus.collection import read_collection
from index import hybrid
from index.encoder import Encoded
from index.fusion import FEATURES, Fusion
from index.hybrid import CANDIDATES, HybridRetriever
from index.retrieval import Query
from index.snapshot import Snapshot, build_snapshot, load_snapshot

INT8 = 0.01  # tokens are kept as int8

EQUAL = Fusion(np.ones(len(FEATURES), np.float32))


def retriever_of(folder: Path, root: Path, fusion: Fusion = EQUAL) -> HybridRetriever:
    build_snapshot(read_collection(folder), ToyEncoder(), root, threads=1, progress=lambda *_: None)
    return HybridRetriever(load_snapshot(root, ToyEncoder.fingerprint), ToyEncoder(), fusion)


def only(feature: str) -> Fusion:
    return Fusion(np.array([name == feature for name in FEATURES], np.float32))


def document(language: str, entries: dict[str, str]) -> str:
    front = FRONT.format(title="T", language=language, authority="official", section="S")
    return front + "".join(f"## About {entry_id} {{#{entry_id}}}\n\n{text}\n\n" for entry_id, text in entries.items())


def add(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


Vector = npt.NDArray[np.float32]


def cosine(a: Vector, b: Vector) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-6))


def max_sim(question: Encoded, text: Encoded) -> float:
    return sum(
        float(w) * max(cosine(q, t) for t in text.tokens)
        for w, q in zip(question.weights, question.tokens, strict=True)
    )


def plain_features(snapshot: Snapshot, query: Query) -> dict[str, dict[str, float]]:
    """Entry id to feature to value, by the definitions in index/fusion.py."""
    encoder = ToyEncoder()
    question = encoder.encode(query.text, "query")
    asked = [(k.language, k.text) for k in snapshot.questions()] + [(n.language, n.text) for n in snapshot.negatives]
    means: dict[str, Vector] = {
        language: np.mean([encoder.encode(text, "query").sentence for own, text in asked if own == language], axis=0)
        for language in {language for language, _ in asked}
    }

    def moved(vector: Vector, language: str) -> Vector:
        return vector - means[language] if language in means else vector

    def lexical(index_name: str, language: str, entry: int) -> float:
        index = getattr(snapshot, index_name).get(language)
        scores = [] if index is None else zip(index.rows.tolist(), index.scores(query.text).tolist(), strict=True)
        return max((score for row, score in scores if row == entry), default=0.0)

    features: dict[str, dict[str, float]] = {}
    for number, (doc_id, entry_id) in enumerate(snapshot.entries):
        texts = [
            encoder.encode(p.searchable, "passage")
            for p in snapshot.passages
            if (p.doc_id, p.entry_id) == (doc_id, entry_id)
        ]
        keys = [
            (encoder.encode(k.text, "query"), k.language)
            for k in snapshot.questions()
            if (k.doc_id, k.entry_id) == (doc_id, entry_id)
        ]
        likeness = sorted(
            (cosine(moved(k.sentence, language), moved(question.sentence, query.language)) for k, language in keys),
            reverse=True,
        )
        features[entry_id] = {
            "text_dense": max(cosine(question.sentence, text.sentence) for text in texts),
            "text_maxsim": max(max_sim(question, text) for text in texts),
            "key_dense": sum(likeness[:3]) / max(1, len(likeness[:3])),
            "key_best": likeness[0] if likeness else 0.0,
            "key_maxsim": max((max_sim(question, k) + max_sim(k, question)) / 2 for k, _ in keys) if keys else 0.0,
            "lexical_text": lexical("lexical_text", query.language, number),
            "lexical_key": lexical("lexical_key", query.language, number),
            "lexical_reference": lexical("lexical_text", "fr", number),
            "lexical_entry": lexical("lexical_entry", query.language, number),
            "reference": 0.0,  # no entry of the tiny corpus has an article's id
        }
    return features


QUERIES = [
    Query("can the signature be withdrawn", "en"),
    Query("until when should we sign the code", "en"),
    Query("qui signe le formulaire, un cadre supérieur ?", "fr"),
    Query("kann man die Unterschrift zurückziehen", "de"),
    Query("zebra quokka", "en"),
    Query("", "en"),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.text or "empty")
def test_features_are_as_defined(retriever: HybridRetriever, query: Query) -> None:
    ranking = retriever.rank(query)
    expected = plain_features(retriever.snapshot, query)
    assert {entry.entry_id for entry in ranking.entries} == set(expected)
    for entry in ranking.entries:
        assert entry.features.dtype == np.float32
        found = dict(zip(FEATURES, entry.features.tolist(), strict=True))
        assert found == pytest.approx(expected[entry.entry_id], abs=INT8), entry.entry_id


def test_the_score_is_the_weighted_sum_and_orders_the_entries(snapshot: Snapshot, toy_encoder: ToyEncoder) -> None:
    weights = np.random.default_rng(5).random(len(FEATURES)).astype(np.float32)
    ranking = HybridRetriever(snapshot, toy_encoder, Fusion(weights)).rank(QUERIES[1])
    for entry in ranking.entries:
        assert entry.score == pytest.approx(
            sum(float(w) * float(f) for w, f in zip(weights, entry.features, strict=True))
        )
    scores = [entry.score for entry in ranking.entries]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("feature", sorted(set(FEATURES) - {"reference"}))
def test_each_signal_alone_finds_the_entry_it_can_see(
    snapshot: Snapshot, toy_encoder: ToyEncoder, feature: str
) -> None:
    """The English words of the question are in text and key, the French ones in the French text."""
    query = Query("who signs the form: cadre supérieur", "en")
    ranking = HybridRetriever(snapshot, toy_encoder, only(feature)).rank(query)
    assert ranking.entries[0].entry_id == "person"
    assert ranking.entries[0].score > ranking.entries[1].score


def test_a_hit_is_the_best_passage_of_an_entry_in_whatever_language(retriever: HybridRetriever) -> None:
    hits = retriever.search(Query("le formulaire est signé par un cadre supérieur", "de"), 3)
    assert hits[0].passage.passage_id == "faq.fr.person"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len({hit.passage.entry_id for hit in hits}) == 3
    assert retriever.search(QUERIES[0], 1)[0].passage.passage_id == "faq.en.withdraw"
    assert len(retriever.search(QUERIES[0], 2)) == 2
    assert list(retriever.search(QUERIES[0], 0)) == []


def test_unknown_words_match_nothing_by_word(retriever: HybridRetriever) -> None:
    for entry in retriever.rank(Query("zebra quokka", "en")).entries:
        assert [entry.features[FEATURES.index(name)] for name in FEATURES if name.startswith("lexical")] == [0] * 4


@pytest.mark.parametrize("typed", ["widthdrawl of signatures", "WITHDRAWN signatur"])
def test_a_mistyped_or_inflected_word_is_found_by_its_pieces(
    snapshot: Snapshot, toy_encoder: ToyEncoder, typed: str
) -> None:
    ranking = HybridRetriever(snapshot, toy_encoder, only("lexical_entry")).rank(Query(typed, "en"))
    assert ranking.entries[0].entry_id == "withdraw"
    assert 0 < ranking.entries[0].score < 1


def test_likeness_to_unanswered_questions_is_told_by_kind(retriever: HybridRetriever) -> None:
    s = retriever.snapshot
    ranking = retriever.rank(Query("what is the weather tomorrow", "en"))
    question = ToyEncoder().encode("what is the weather tomorrow", "query").sentence - s.language_means["en"]
    for negative in s.negatives:
        own = ToyEncoder().encode(negative.text, "query").sentence - s.language_means["en"]
        assert ranking.negative[negative.kind] == pytest.approx(max(0.0, cosine(question, own)), abs=1e-5)
    assert ranking.negative["off_topic"] == pytest.approx(1.0, abs=1e-5)
    assert set(ranking.negative) == {"near_miss", "off_topic", "hostile"}


@pytest.fixture
def two_documents(corpus_folder: Path, tmp_path: Path) -> HybridRetriever:
    add(corpus_folder, "data/act/fr.md", document("fr", {"art-1": "Le formulaire est signé par un cadre supérieur."}))
    return retriever_of(corpus_folder, tmp_path / "two")


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        (None, {"faq", "act"}),
        (("act",), {"act"}),
        (("faq",), {"faq"}),
        (("faq", "act"), {"faq", "act"}),
        (("no-such",), set()),
        ((), set()),
    ],
)
def test_a_search_may_be_limited_to_documents(
    two_documents: HybridRetriever, documents: tuple[str, ...] | None, found: set[str]
) -> None:
    query = Query("le formulaire est signé par un cadre supérieur", "fr", documents)
    ranking = two_documents.rank(query)
    assert {entry.doc_id for entry in ranking.entries} == found
    assert {hit.passage.doc_id for hit in two_documents.search(query, 10)} == found
    assert ranking.query == query
    assert set(ranking.negative) == {"near_miss", "off_topic", "hostile"}


def test_a_question_that_names_an_article_finds_it(two_documents: HybridRetriever) -> None:
    retriever = HybridRetriever(two_documents.snapshot, ToyEncoder(), only("reference"))
    scores = {entry.entry_id: entry.score for entry in retriever.rank(Query("zebra in Article 1", "en")).entries}
    assert scores.pop("art-1") == 0.25  # a whole article; a paragraph of it would be worth 1
    assert set(scores.values()) == {0}


def test_limiting_changes_no_score(two_documents: HybridRetriever) -> None:
    text = "qui signe le formulaire ?"
    everywhere = {(e.doc_id, e.entry_id): e.score for e in two_documents.rank(Query(text, "fr")).entries}
    limited = {(e.doc_id, e.entry_id): e.score for e in two_documents.rank(Query(text, "fr", ("act",))).entries}
    assert limited == {("act", "art-1"): pytest.approx(everywhere["act", "art-1"])}


def test_among_many_entries_the_one_meant_is_found(tmp_path: Path) -> None:
    count = CANDIDATES + 30
    entries = {
        f"e-{number}": f"The topic word{number} is treated here with word{number + 1}." for number in range(count)
    }
    add(tmp_path / "corpus", "faq/fr.md", document("fr", entries))
    retriever = retriever_of(tmp_path / "corpus", tmp_path / "out")
    for number in (0, 33, count - 1):
        ranking = retriever.rank(Query(f"what of topic word{number} and e {number}", "fr"))
        assert len(ranking.entries) == CANDIDATES
        assert ranking.entries[0].entry_id == f"e-{number}"


def test_each_entry_is_compared_even_where_few_rows_are(
    retriever: HybridRetriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = QUERIES[0]
    in_full = {entry.entry_id: entry.features for entry in retriever.rank(query).entries}
    monkeypatch.setattr(hybrid, "RERANKED_ROWS", 1)
    for entry in retriever.rank(query).entries:
        for name in ("text_maxsim", "key_maxsim"):
            assert 0 < entry.features[FEATURES.index(name)] <= in_full[entry.entry_id][FEATURES.index(name)]


def test_a_corpus_without_questions_is_searched_by_its_texts(tmp_path: Path) -> None:
    add(tmp_path / "corpus", "faq/fr.md", FRENCH)
    retriever = retriever_of(tmp_path / "corpus", tmp_path / "out")
    ranking = retriever.rank(Query("la signature peut être retirée", "fr"))
    assert ranking.entries[0].entry_id == "withdraw"
    assert ranking.negative == {}
    for entry in ranking.entries:
        assert [entry.features[FEATURES.index(name)] for name in FEATURES if "key" in name] == [0, 0, 0, 0]


@pytest.mark.parametrize("text", ["", "?", "\ud800", "\x00", "x" * 100_000, "الرمز 😀"])
def test_any_text_can_be_asked(retriever: HybridRetriever, text: str) -> None:
    ranking = retriever.rank(Query(text, "en"))
    assert len(ranking.entries) == 3
    assert all(np.isfinite(entry.score) for entry in ranking.entries)


def test_threads_share_a_retriever(retriever: HybridRetriever) -> None:
    def scores(query: Query) -> list[tuple[str, float]]:
        return [(entry.entry_id, entry.score) for entry in retriever.rank(query).entries]

    alone = [scores(query) for query in QUERIES] * 5
    ask: Callable[[Query], list[tuple[str, float]]] = scores
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, QUERIES * 5)) == alone


def test_two_corpora_side_by_side_do_not_mix(tmp_path: Path) -> None:
    one = retriever_of(write_corpus(tmp_path / "one"), tmp_path / "out-one")
    add(tmp_path / "two", "act/fr.md", document("fr", {"art-1": "Texte."}))
    two = retriever_of(tmp_path / "two", tmp_path / "out-two")
    assert {e.doc_id for e in one.rank(QUERIES[0]).entries} == {"faq"}
    assert {e.doc_id for e in two.rank(QUERIES[0]).entries} == {"act"}
