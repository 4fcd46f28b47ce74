"""The gold questions: enough of them, of every kind, their answers in the corpus, their split fair and fixed."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from conftest import CHECKOUT

from corpus.collection import Collection, read_collection
from corpus.documents import reference_document
from corpus.languages import EU_LANGUAGES
from eval.gold import GOLD_FOLDER, KINDS, UNANSWERABLE, GoldError, GoldQuestion, read_gold

FAQ = "faq-signing"


@pytest.fixture(scope="module")
def gold() -> list[GoldQuestion]:
    return read_gold()


@pytest.fixture(scope="module")
def shipped() -> Collection:
    return read_collection(CHECKOUT / "corpus")


def by_language(gold: list[GoldQuestion]) -> dict[str, list[GoldQuestion]]:
    groups: dict[str, list[GoldQuestion]] = defaultdict(list)
    for question in gold:
        groups[question.language].append(question)
    return groups


def test_every_line_of_every_file_is_read_once(gold: list[GoldQuestion]) -> None:
    lines = [line for path in GOLD_FOLDER.glob("*/*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(gold) == len(lines) == len({question.question_id for question in gold})
    stored = {row["id"]: row for row in map(json.loads, lines)}
    for question in gold:
        row = stored[question.question_id]
        assert (question.text, question.kind, question.language) == (row["question"], row["kind"], row["language"])
        assert [f"{doc_id}#{entry_id}" for doc_id, entry_id in question.relevant] == row["relevant"]


def test_files_are_named_after_their_language() -> None:
    for path in GOLD_FOLDER.glob("*/*.jsonl"):
        languages = {json.loads(line)["language"] for line in path.read_text(encoding="utf-8").splitlines()}
        assert languages == {path.stem}


def test_there_are_enough_in_each_language(gold: list[GoldQuestion]) -> None:
    counts = {language: len(questions) for language, questions in by_language(gold).items()}
    assert set(counts) == set(EU_LANGUAGES)
    assert counts["fr"] >= 300
    assert {language: count for language, count in counts.items() if count < 60} == {}


def test_there_are_enough_for_each_entry_of_the_faq(gold: list[GoldQuestion], shipped: Collection) -> None:
    entries = {entry.entry_id for entry in reference_document(shipped.versions()[FAQ]).entries}
    assert len(entries) == 14
    counts = Counter(
        (question.language, entry_id) for question in gold for doc_id, entry_id in question.relevant if doc_id == FAQ
    )
    few = {
        (language, entry_id): counts[language, entry_id]
        for language in EU_LANGUAGES
        for entry_id in entries
        if counts[language, entry_id] < (5 if language in ("fr", "en") else 2)
    }
    assert few == {}


def test_about_a_third_has_no_answer(gold: list[GoldQuestion]) -> None:
    for language, questions in by_language(gold).items():
        share = sum(not question.answerable for question in questions) / len(questions)
        assert 1 / 4 <= share <= 2 / 5, language
        assert {question.kind for question in questions} >= set(UNANSWERABLE), language
    assert {question.kind for question in gold} == set(KINDS)


def test_what_answers_stands_in_the_corpus(gold: list[GoldQuestion], shipped: Collection) -> None:
    versions = shipped.versions()
    known = {
        (doc_id, entry.entry_id)
        for doc_id, documents in versions.items()
        for entry in reference_document(documents).entries
    }
    assert {key for question in gold for key in question.relevant} <= known
    for question in gold:
        assert len(set(question.relevant)) == len(question.relevant), question.question_id


def test_quotes_stand_in_the_reference_text_of_the_first_entry(gold: list[GoldQuestion], shipped: Collection) -> None:
    references = {doc_id: reference_document(documents) for doc_id, documents in shipped.versions().items()}
    quoted = [question for question in gold if question.quote is not None]
    assert len(quoted) > len(gold) / 3
    for question in quoted:
        doc_id, entry_id = question.relevant[0]
        document = references[doc_id]
        assert question.quote and question.quote in document.body(document.entry(entry_id)), question.question_id


def test_no_question_is_asked_twice_in_a_language(gold: list[GoldQuestion]) -> None:
    seen = Counter((question.language, " ".join(question.text.casefold().split())) for question in gold)
    assert [key for key, count in seen.items() if count > 1] == []
    assert all(question.text.strip() == question.text != "" for question in gold)


# The split


def test_split_halves_every_language_and_kind(gold: list[GoldQuestion]) -> None:
    strata: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for question in gold:
        strata[question.language, question.kind][question.split] += 1
    for stratum, counts in strata.items():
        assert abs(counts["dev"] - counts["test"]) <= 1, stratum
    for language, questions in by_language(gold).items():
        share = sum(question.split == "dev" for question in questions) / len(questions)
        assert 0.45 <= share <= 0.55, language


def write_gold(folder: Path, rows: list[dict[str, object]]) -> Path:
    for row in rows:
        path = folder / "faq" / f"{row['language']}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    return folder


def question(number: int, language: str = "fr", **changes: object) -> dict[str, object]:
    row = {"id": f"{language}-{number}", "language": language, "question": f"q{number}", "kind": "plain"}
    return row | {"relevant": ["faq#withdraw"], "quote": None} | changes


def splits(folder: Path) -> dict[str, str]:
    return {question.question_id: question.split for question in read_gold(folder)}


def test_split_depends_on_ids_alone(tmp_path: Path) -> None:
    rows = [question(number) for number in range(41)]
    expected = splits(write_gold(tmp_path / "a", rows))
    shuffled = random.Random(1).sample(rows, len(rows))
    reworded = [row | {"question": f"other {row['id']}", "relevant": ["faq#deadline"]} for row in shuffled]
    assert splits(write_gold(tmp_path / "b", reworded)) == expected
    more = [*rows, *(question(number, "de") for number in range(9)), question(99, kind="near_miss", relevant=[])]
    found = splits(write_gold(tmp_path / "c", more))
    assert {identity: found[identity] for identity in expected} == expected
    assert sorted(Counter(expected.values()).values()) == [20, 21]


# Reading


def test_reads_what_stands_there(tmp_path: Path) -> None:
    rows = [question(2, relevant=["faq#a", "act#b"], quote="Oui."), question(1, kind="hostile", relevant=[])]
    first, second = read_gold(write_gold(tmp_path, rows))
    assert (first.question_id, first.relevant, first.answerable, first.quote) == ("fr-1", (), False, None)
    assert (second.part, second.relevant, second.quote) == ("faq", (("faq", "a"), ("act", "b")), "Oui.")
    assert read_gold(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (question(1, kind="funny"), "kind 'funny' is unknown. Use one of plain"),
        (question(1, kind="off_topic"), "do not agree"),
        (question(1, relevant=[]), "do not agree"),
        ({"id": "fr-1", "language": "fr", "question": "q", "kind": "plain"}, "not a gold question ('relevant')"),
        (question(0), "the id 'fr-0' stands already at"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, row: dict[str, object], said: str) -> None:
    folder = write_gold(tmp_path, [question(0), row])
    with pytest.raises(GoldError) as error:
        read_gold(folder)
    assert said in str(error.value)
    assert f"{folder / 'faq' / 'fr.jsonl'}:2: " in str(error.value)


def test_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    path = write_gold(tmp_path, [question(0)]) / "faq" / "fr.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    with pytest.raises(GoldError, match=r"fr\.jsonl:2: not a gold question"):
        read_gold(tmp_path)
