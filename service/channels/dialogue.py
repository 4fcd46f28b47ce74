"""Follow-up questions, resolved without a language model: "and for those who do not sign?" leans on what came before.

The rules, in order; they are the same for the same conversation every time:

1. The question is asked as it stands. Where its language is unsure (a short text), it is taken to be the language of
   the question before.
2. If it lies outside the subject ("thank you", the weather), or does not lean on the one before it, that is the answer.
   A question leans when it opens with a conjunction, is at most SHORT_WORDS long, or has a word that points back
   (`data/follow_ups.yaml`) and no more than LONG_WORDS: long questions say themselves what they are about.
3. Otherwise it is asked again with the question before written behind it; and where that one was a follow-up itself,
   with the last one before it that stood alone.
4. Where both are answered, each by another entry, neither is given as the answer: both are shown, and the asker is
   asked which was meant. On its own such a question is often answered surely and wrongly.
5. Where only the first is answered, or both alike, the first counts; otherwise the second when it is clearly more
   probable, by MUCH_MORE.

Measured by `python -m eval.dialogues` on eval/data/dialogues; MUCH_MORE, the order of the two questions and rule 4 were
chosen on its development half.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from corpus.detection import Detector
from service.answers import Answer, AnswerPassage
from service.pipeline import Ask, which_is_meant

MUCH_MORE = 0.1
"""By how much more probable, of 1, the answer to the combined question has to be."""

SHORT_WORDS = 4
"""A question of so few words leaves out what it is about."""

LONG_WORDS = 12
"""In a longer question a word that points back points within it."""

SURE = 0.9
"""From this confidence on, in [0, 1], a detected language is believed against the conversation's."""

CUES_FILE = Path(__file__).parent / "data" / "follow_ups.yaml"

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Cues:
    """Phrases that begin a follow-up, and phrases that point back, as tuples of lower-case words."""

    opens: frozenset[tuple[str, ...]]
    refers: frozenset[tuple[str, ...]]


@cache
def cues() -> dict[str, Cues]:
    """Language to its cues, for the official languages of the Union. Source: CUES_FILE."""
    loaded = yaml.safe_load(CUES_FILE.read_text(encoding="utf-8"))
    return {
        language: Cues(*(frozenset(_words(phrase) for phrase in lists[name]) for name in ("opens", "refers")))
        for language, lists in loaded.items()
    }


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def is_follow_up(question: str, languages: Iterable[str]) -> bool:
    """Whether the question leans on the one before it, by the cues of any of the languages; False without cues."""
    words = _words(question)
    known = [cues()[language] for language in languages if language in cues()]
    if not words or not known:
        return False
    if len(words) <= SHORT_WORDS or any(_opens(words, cue) for cue in known):
        return True
    return len(words) <= LONG_WORDS and any(_refers(words, cue) for cue in known)


def _opens(words: tuple[str, ...], cue: Cues) -> bool:
    return any(words[: len(phrase)] == phrase for phrase in cue.opens)


def _refers(words: tuple[str, ...], cue: Cues) -> bool:
    return any(words[start : start + len(phrase)] == phrase for phrase in cue.refers for start in range(len(words)))


def combined(questions: Sequence[str], languages: Iterable[str], max_chars: int) -> str | None:
    """The last question with what it leans on behind it; None when it leans on nothing, or that would be too long.

    `questions` are the user's, in order. What is asked comes first: it has to weigh more than what it refers to.
    """
    known = tuple(languages)
    if len(questions) < 2 or not is_follow_up(questions[-1], known):
        return None
    parts = [questions[-1], questions[-2]]
    if is_follow_up(questions[-2], known):
        standing = next((q for q in reversed(questions[:-2]) if not is_follow_up(q, known)), None)
        if standing is not None:
            parts.append(standing)
    while len(" ".join(parts)) > max_chars and len(parts) > 1:
        parts.pop()
    return " ".join(parts) if len(parts) > 1 else None


async def converse(
    ask: Callable[[Ask], Awaitable[Answer]],
    questions: Sequence[str],
    detector: Detector,
    max_chars: int,
    mailbox: str,
) -> Answer:
    """The answer to the last question of a conversation, by the rules above. Raises what `ask` raises.

    A single question is asked as it stands, exactly as `POST /v1/answers` asks it.
    """
    if len(questions) == 1:
        return await ask(Ask(questions[0]))
    question, before = questions[-1], detector.detect(questions[-2])
    detected = detector.detect(question)
    language = detected.code if detected.confidence >= SURE else before.code
    plain = await ask(Ask(question, None if language == detected.code else language))
    together = combined(questions, (language, before.code), max_chars)
    if plain.outcome == "out_of_scope" or together is None:
        return plain
    resolved = await ask(Ask(together, language))
    if plain.outcome == "answered":
        return plain if resolved.outcome != "answered" or _alike(plain, resolved) else _either(plain, resolved, mailbox)
    return resolved if resolved.confidence > plain.confidence + MUCH_MORE else plain


def _alike(one: Answer, other: Answer) -> bool:
    """Whether two answers name the same entry first."""
    first, second = (answer.passages[0].citation for answer in (one, other))
    return (first.document.doc_id, first.entry.entry_id) == (second.document.doc_id, second.entry.entry_id)


def _either(plain: Answer, resolved: Answer, mailbox: str) -> Answer:
    """The first passages of two answers that differ, each half as probable, and the question that separates them."""
    both = plain.passages[0], resolved.passages[0]
    return replace(
        plain,
        outcome="low_confidence",
        confidence=plain.confidence / 2,
        message=which_is_meant(both, plain.language.code, mailbox),
        passages=(),
        related=tuple(_halved(passage) for passage in both),
    )


def _halved(passage: AnswerPassage) -> AnswerPassage:
    return replace(passage, confidence=passage.confidence / 2)
