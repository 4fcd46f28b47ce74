"""What leaves the pipeline: an answer is quotes with citations, or a named reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from corpus.documents import Authority, Document, Entry

Outcome = Literal["answered", "no_match", "low_confidence", "out_of_scope"]
LanguageSource = Literal["detected", "stated"]


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote inside a passage inside a document, all in characters, half-open.

    `document.text[passage_start:passage_end] == text` and `text[start:end] == quote`, so
    `document.text[passage_start + start:passage_start + end] == quote`: anyone can check it by slicing.
    """

    document: Document
    entry: Entry
    passage_id: str
    passage_start: int
    passage_end: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.end <= self.passage_end - self.passage_start):
            raise ValueError(f"The quote {self.start}:{self.end} lies outside its passage {self.passage_id}.")
        if self.passage_end > len(self.document.text):
            raise ValueError(f"The passage {self.passage_id} lies outside its document.")

    @property
    def text(self) -> str:
        return self.document.text[self.passage_start : self.passage_end]

    @property
    def quote(self) -> str:
        return self.text[self.start : self.end]

    @property
    def authority(self) -> Authority:
        return self.document.authority


@dataclass(frozen=True, slots=True)
class DateNote:
    """A date that the cited text mentions, and whether it has passed on the day asked. Never changes the quote."""

    day: date
    excerpt: str
    about: str
    status: Literal["past", "today", "coming"]
    message: str


@dataclass(frozen=True, slots=True)
class AnswerPassage:
    """One passage of an answer: `shown` in the asker's language where there is one, `citation` the reference text."""

    confidence: float
    shown: Citation
    citation: Citation
    notes: tuple[DateNote, ...] = ()


@dataclass(frozen=True, slots=True)
class QuestionLanguage:
    code: str
    confidence: float
    source: LanguageSource


@dataclass(frozen=True, slots=True)
class Answer:
    """Answered if and only if there is a citation that answers; passages that are perhaps related stand apart.

    `confidence` is the probability, in [0, 1], that the first passage answers the question.
    """

    question: str
    language: QuestionLanguage
    outcome: Outcome
    confidence: float
    message: str | None
    passages: tuple[AnswerPassage, ...]
    related: tuple[AnswerPassage, ...]
    index_version: str

    def __post_init__(self) -> None:
        if (self.outcome == "answered") != bool(self.passages):
            raise ValueError(f"An answer with outcome {self.outcome} has {len(self.passages)} passages.")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence as a model wrote it, without its marks, and the ranks of the passages that it cites."""

    text: str
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a model wrote above the quotes and the check left standing. Never a quote, never cited."""

    sentences: tuple[Claim, ...]
    language: str
    model: str

    @property
    def text(self) -> str:
        """The sentences, each followed by its marks: `Yes, at any time. [1]`."""
        return " ".join(f"{s.text} {''.join(f'[{mark}]' for mark in s.marks)}" for s in self.sentences)
