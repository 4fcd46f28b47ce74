"""Follow-ups: recognised by words, resolved by a second question, and never in the way of one that stands alone."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from corpus.detection import Detection
from corpus.languages import EU_LANGUAGES
from eval.dialogues import KINDS, read_dialogues
from index.snapshot import Snapshot
from service.answers import Answer, AnswerPassage, Citation, Outcome, QuestionLanguage
from service.channels.dialogue import LONG_WORDS, MUCH_MORE, combined, converse, cues, is_follow_up
from service.pipeline import Ask
from service.texts import texts

MAILBOX = "office@example.eu"


class Words:
    """Finds English surely in long texts, Portuguese unsurely in short ones, French where it says so."""

    def detect(self, text: str) -> Detection:
        if text.startswith("fr:"):
            return Detection("fr", 1.0)
        return Detection("en", 1.0) if len(text) > 12 else Detection("pt", 0.4)


def answering(
    snapshot: Snapshot,
    found: Callable[[Ask], tuple[Outcome, float]],
    entry_of: Callable[[Ask], str] = lambda ask: "withdraw",
) -> tuple[list[Ask], Callable[[Ask], Answer]]:
    """What was asked, and one who answers as `found` says, by the entry that `entry_of` names."""
    asked: list[Ask] = []
    document = snapshot.documents["faq"]["fr"]

    def answer(ask: Ask) -> Answer:
        asked.append(ask)
        outcome, confidence = found(ask)
        entry = document.entry(entry_of(ask))
        citation = Citation(document, entry, "p", entry.start, entry.end, 0, 3)
        passages = (AnswerPassage(confidence, citation, citation),) if outcome == "answered" else ()
        language = QuestionLanguage(ask.language or "en", 1.0, "stated")
        return Answer(ask.question, language, outcome, confidence, None, passages, (), "v")

    return asked, answer


def talk(answer: Callable[[Ask], Answer], *questions: str, max_chars: int = 200) -> Answer:
    async def ask(question: Ask) -> Answer:
        return answer(question)

    async def run() -> Answer:
        return await converse(ask, questions, Words(), max_chars, MAILBOX)

    return anyio.run(run)


def test_cues_cover_the_languages_of_the_union() -> None:
    assert set(cues()) == set(EU_LANGUAGES)
    for language, cue in cues().items():
        assert cue.opens and cue.refers, language
        assert all(phrase and all(word == word.casefold() for word in phrase) for phrase in cue.opens | cue.refers)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("And what happens to companies that have decided to stay out?", "en"),
        ("What about the providers that stay outside of it altogether?", "en"),
        ("Who has to do that on our side?", "en"),
        ("Under which article?", "en"),
        ("Et pour ceux qui ne signent pas ?", "fr"),
        ("Und wer macht das im Unternehmen?", "de"),
        ("¿Y quién tiene que hacerlo en la empresa?", "es"),
        ("A co z tymi, którzy go nie podpiszą?", "pl"),
        ("E chi lo deve fare in azienda?", "it"),
        ("Κι αν δεν υπογράψουμε εμείς τον κώδικα;", "el"),
    ],
)
def test_follow_ups_are_recognised(question: str, language: str) -> None:
    assert is_follow_up(question, [language])


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Who in our company has to sign the signatory form?", "en"),
        ("Qui doit signer le formulaire pour l’entreprise ?", "fr"),
        ("Wie hoch sind die Geldbußen für Anbieter von KI-Modellen?", "de"),
        ("", "en"),
        ("???", "en"),
        ("And this one, in a language without cues, please?", "ja"),
    ],
)
def test_questions_that_stand_alone_are_not(question: str, language: str) -> None:
    assert not is_follow_up(question, [language])


def test_a_long_question_points_back_to_itself() -> None:
    long = "If a provider signs the Code in July " + "very " * (LONG_WORDS - 8) + "late, can it still withdraw"
    assert not is_follow_up(long, ["en"])


def test_the_question_comes_first_and_what_it_leans_on_behind() -> None:
    assert combined(["Can we sign the code later on?", "And withdraw?"], ["en"], 200) == (
        "And withdraw? Can we sign the code later on?"
    )


def test_a_chain_of_follow_ups_reaches_back_to_a_question_that_stands_alone() -> None:
    turns = ["Can a provider withdraw its signature?", "What does the Office ask of providers?", "And then?", "Why so?"]
    assert combined(turns, ["en"], 200) == "Why so? And then? What does the Office ask of providers?"


def test_too_long_a_context_is_left_out() -> None:
    turns = ["Can we sign the code later on?", "And then?", "Why so?"]
    assert combined(turns, ["en"], 20) == "Why so? And then?"
    assert combined(turns, ["en"], 10) is None


def test_nothing_before_nothing_combined() -> None:
    assert combined(["And then?"], ["en"], 200) is None


def test_a_single_question_is_asked_as_it_stands(snapshot: Snapshot) -> None:
    asked, answer = answering(snapshot, lambda ask: ("no_match", 0.1))
    talk(answer, "And then?")
    assert asked == [Ask("And then?")]


def test_what_is_off_the_subject_is_not_asked_again(snapshot: Snapshot) -> None:
    asked, answer = answering(snapshot, lambda ask: ("out_of_scope", 0.5))
    assert talk(answer, "Can we withdraw our signature?", "And thank you very much!").outcome == "out_of_scope"
    assert len(asked) == 1


def test_a_follow_up_that_is_answered_alike_with_the_question_before_keeps_its_answer(snapshot: Snapshot) -> None:
    asked, answer = answering(snapshot, lambda ask: ("answered", 0.9))
    told = talk(answer, "Can we withdraw our signature?", "And what if we do not?")
    assert (told.outcome, told.question, len(asked)) == ("answered", "And what if we do not?", 2)


def test_a_follow_up_that_only_stands_answered_alone_keeps_its_answer(snapshot: Snapshot) -> None:
    def found(ask: Ask) -> tuple[Outcome, float]:
        return ("no_match", 0.1) if "withdraw" in ask.question else ("answered", 0.9)

    _, answer = answering(snapshot, found)
    assert talk(answer, "Can we withdraw our signature?", "And what if we do not?").outcome == "answered"


def test_two_answers_that_differ_are_both_shown_and_neither_is_given_as_the_answer(snapshot: Snapshot) -> None:
    _, answer = answering(
        snapshot,
        lambda ask: ("answered", 0.9 if "withdraw" in ask.question else 0.8),
        lambda ask: "withdraw" if "withdraw" in ask.question else "deadline",
    )
    told = talk(answer, "Can we withdraw our signature?", "And what if we do not?")
    assert (told.outcome, told.question, told.passages) == ("low_confidence", "And what if we do not?", ())
    assert told.confidence == pytest.approx(0.4)
    assert [passage.citation.entry.entry_id for passage in told.related] == ["deadline", "withdraw"]
    assert [passage.confidence for passage in told.related] == pytest.approx([0.4, 0.45])
    first, second = (passage.shown.entry.heading for passage in told.related)
    said = texts("en")["answers"]["two_close"]
    assert told.message == said.format(first=first, second=second, mailbox=MAILBOX)


@pytest.mark.parametrize(("gain", "second"), [(MUCH_MORE + 0.01, True), (MUCH_MORE - 0.01, False)])
def test_the_combined_answer_counts_when_much_more_probable(snapshot: Snapshot, gain: float, second: bool) -> None:
    asked, answer = answering(snapshot, lambda ask: ("low_confidence", 0.5 + gain * ("withdraw" in ask.question)))
    told = talk(answer, "Can we withdraw our signature?", "And what if we do not?")
    assert [ask.question for ask in asked] == [
        "And what if we do not?",
        "And what if we do not? Can we withdraw our signature?",
    ]
    assert (told.question == asked[1].question) is second


def test_a_question_that_stands_alone_is_not_combined(snapshot: Snapshot) -> None:
    asked, answer = answering(snapshot, lambda ask: ("no_match", 0.1))
    talk(answer, "Can we withdraw our signature?", "Which person of our company signs the signatory form?")
    assert len(asked) == 1


def test_a_short_follow_up_is_in_the_language_of_the_conversation(snapshot: Snapshot) -> None:
    asked, answer = answering(snapshot, lambda ask: ("no_match", 0.1))
    talk(answer, "Can we withdraw our signature?", "Why so?")
    assert {ask.language for ask in asked} == {"en"}


def test_a_question_surely_in_another_language_is_answered_in_that(snapshot: Snapshot) -> None:
    asked, answer = answering(snapshot, lambda ask: ("no_match", 0.1))
    talk(answer, "Can we withdraw our signature?", "fr: et pour les autres ?")
    assert [ask.language for ask in asked] == [None, "fr"]


def test_dialogues_name_entries_that_there_are() -> None:
    from corpus.collection import read_collection
    from service.settings import Settings

    collection = read_collection(Settings().corpus_dir)
    entries = {f"{d.doc_id}#{e.entry_id}" for d in collection.documents for e in d.entries}
    bank = {" ".join(q.text.casefold().split()) for q in collection.bank}
    dialogues = read_dialogues()
    assert len([d for d in dialogues if d.kind == "follow_up"]) >= 40
    assert {d.language for d in dialogues} == {"fr", "en", "de", "es", "pl", "it"}
    assert {d.kind for d in dialogues} == set(KINDS)
    for dialogue in dialogues:
        assert set(dialogue.relevant) <= entries, dialogue.dialogue_id
        assert " ".join(dialogue.turns[1].casefold().split()) not in bank, dialogue.dialogue_id


def test_development_and_test_are_about_equal() -> None:
    dialogues = read_dialogues()
    development = sum(d.split == "dev" for d in dialogues)
    assert 0.4 < development / len(dialogues) < 0.6
