"""Quotes: the sentence that answers, the same one in every language whose sentences correspond."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import ENGLISH, FRENCH, ToyEncoder

from corpus.collection import read_collection
from corpus.passages import MAX_CHARS
from index.encoder import Encoded
from index.quotes import COSINE_WEIGHT, Quote, select_quotes
from index.retrieval import Query
from index.snapshot import Snapshot, build_snapshot, load_snapshot

DEADLINE = ("faq", "deadline")
BOTH = ("en", "fr")


def encoded(text: str) -> Encoded:
    return ToyEncoder().encode(text, "query")


def ask(text: str, language: str = "de") -> tuple[Query, Encoded]:
    """Asked in a language that the entries lack, unless told: then no words are compared."""
    return Query(text, language), encoded(text)


def text_of(snapshot: Snapshot, language: str, quote: Quote) -> str:
    return snapshot.documents["faq"][language].text[quote.start : quote.end]


def rebuilt(folder: Path, root: Path, **texts: str) -> Snapshot:
    """The tiny corpus with these texts in place of its own."""
    for language, text in texts.items():
        (folder / f"data/faq/{language}.md").write_text(text, encoding="utf-8")
    build_snapshot(read_collection(folder), ToyEncoder(), root, threads=1, progress=lambda *_: None)
    return load_snapshot(root, ToyEncoder.fingerprint)


@pytest.mark.parametrize(
    ("question", "english", "french"),
    [
        ("sign before 1 August", "We ask you to sign before 1 August.", "Nous demandons de signer avant le 1er août."),
        ("there is no deadline", "There is no deadline.", "Il n'y a pas de date limite."),
        ("noms publiés en ligne", "The names are published online.", "Les noms sont publiés en ligne."),
    ],
)
def test_the_same_sentence_is_quoted_in_both_languages(
    snapshot: Snapshot, question: str, english: str, french: str
) -> None:
    quotes = select_quotes(snapshot, *ask(question), DEADLINE, BOTH)
    assert {language: text_of(snapshot, language, quote) for language, quote in quotes.items()} == {
        "en": english,
        "fr": french,
    }


def test_a_quote_lies_in_the_passage_it_names(snapshot: Snapshot) -> None:
    for entry in snapshot.entries:
        for language, quote in select_quotes(snapshot, *ask("sign before 1 August"), entry, BOTH).items():
            passage = quote.passage
            assert passage in snapshot.passages
            assert (passage.doc_id, passage.entry_id, passage.language) == (*entry, language)
            assert passage.start <= quote.start < quote.end <= passage.end


def test_only_languages_that_the_entry_has_are_quoted(snapshot: Snapshot) -> None:
    assert set(select_quotes(snapshot, *ask("x"), DEADLINE, ("fr", "de"))) == {"fr"}
    assert select_quotes(snapshot, *ask("x"), DEADLINE, ("de",)) == {}
    assert select_quotes(snapshot, *ask("x"), DEADLINE, ()) == {}


def plain_scores(question: Encoded, sentences: list[str]) -> list[float]:
    """MaxSim from the question's side plus the weighted cosine, sentence by sentence."""
    scores = []
    for sentence in sentences:
        own = ToyEncoder().encode(sentence, "passage")
        nearest = [max(float(q @ t) for t in own.tokens) for q in question.tokens]
        likeness = sum(float(w) * near for w, near in zip(question.weights, nearest, strict=True))
        scores.append(likeness + COSINE_WEIGHT * float(question.sentence @ own.sentence))
    return scores


def test_the_opinion_of_both_languages_counts(snapshot: Snapshot) -> None:
    """The French words speak for the last sentence, the English for the first; the mean decides."""
    question = ask("is there no deadline noms publiés en ligne")
    languages = {
        "en": ["There is no deadline.", "We ask you to sign before 1 August.", "The names are published online."],
        "fr": ["Il n'y a pas de date limite.", "Nous demandons de signer avant le 1er août.", "Les noms sont publiés en ligne."],
    }  # fmt: skip
    scores = {language: plain_scores(question[1], sentences) for language, sentences in languages.items()}
    alone = {language: int(np.argmax(values)) for language, values in scores.items()}
    together = int(np.argmax(np.mean(list(scores.values()), axis=0)))
    assert alone["en"] != alone["fr"], "else this question tests nothing"
    for language in BOTH:
        (one,) = select_quotes(snapshot, *question, DEADLINE, (language,)).values()
        assert text_of(snapshot, language, one) == languages[language][alone[language]]
        both = select_quotes(snapshot, *question, DEADLINE, BOTH)
        assert text_of(snapshot, language, both[language]) == languages[language][together]


@pytest.mark.parametrize("languages", [BOTH, ("en",)], ids=["both", "one"])
def test_words_shared_in_the_asker_s_language_count(snapshot: Snapshot, languages: tuple[str, ...]) -> None:
    """Mistyped, so that no token is known: all sentences are as like, and the pieces of words decide."""
    mistyped = "onlin publishd nmaes"
    quotes = select_quotes(snapshot, *ask(mistyped, "en"), DEADLINE, languages)
    assert {language: text_of(snapshot, language, quote) for language, quote in quotes.items()} == {
        language: {"en": "The names are published online.", "fr": "Les noms sont publiés en ligne."}[language]
        for language in languages
    }
    assert select_quotes(snapshot, *ask(mistyped), DEADLINE, languages) != quotes


def test_words_count_in_their_language_alone_where_sentences_do_not_correspond(
    corpus_folder: Path, tmp_path: Path
) -> None:
    snapshot = rebuilt(corpus_folder, tmp_path / "out", en=ENGLISH.replace("We ask you to sign before 1 August. ", ""))
    mistyped = "deadlin"
    english, german = (select_quotes(snapshot, *ask(mistyped, code), DEADLINE, BOTH) for code in ("en", "de"))
    assert text_of(snapshot, "en", english["en"]) == "There is no deadline."
    assert english["en"] != german["en"]
    assert english["fr"] == german["fr"]


def test_each_language_decides_alone_where_sentences_do_not_correspond(corpus_folder: Path, tmp_path: Path) -> None:
    shorter = ENGLISH.replace("We ask you to sign before 1 August. ", "")
    snapshot = rebuilt(corpus_folder, tmp_path / "out", en=shorter)
    question = ask("is there no deadline noms publiés en ligne")
    quotes = select_quotes(snapshot, *question, DEADLINE, BOTH)
    assert text_of(snapshot, "en", quotes["en"]) == "There is no deadline."
    assert text_of(snapshot, "fr", quotes["fr"]) == "Les noms sont publiés en ligne."


def test_a_long_entry_is_quoted_from_the_passage_that_holds_the_sentence(corpus_folder: Path, tmp_path: Path) -> None:
    filler = " ".join(["Cette phrase remplit la page."] * (MAX_CHARS // 20))
    last = "Les noms sont publiés en ligne."
    snapshot = rebuilt(corpus_folder, tmp_path / "out", fr=FRENCH.replace(last, f"{filler} {last}"))
    rows = [row for row, p in enumerate(snapshot.passages) if (p.entry_id, p.language) == ("deadline", "fr")]
    assert len(rows) > 1
    (quote,) = select_quotes(snapshot, *ask("noms publiés en ligne"), DEADLINE, ("fr",)).values()
    assert text_of(snapshot, "fr", quote) == last
    assert quote.passage == snapshot.passages[rows[-1]]
    (quote,) = select_quotes(snapshot, *ask("date limite"), DEADLINE, ("fr",)).values()
    assert quote.passage == snapshot.passages[rows[0]]


def test_an_unknown_entry_is_an_error(snapshot: Snapshot) -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        select_quotes(snapshot, *ask("x"), ("faq", "no-such"), BOTH)
