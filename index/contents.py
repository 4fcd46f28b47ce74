"""What an index holds beside its vectors: what an answer is composed of, wherever it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from corpus.documents import Document
from corpus.passages import Passage
from corpus.questions import BankQuestion
from index.store import Manifest
from index.texts import EncodedTexts


@dataclass(frozen=True, slots=True)
class Sentences:
    """An entry's sentences in one language, in the order of the text.

    Sentence i is encoded at place `numbers[i]` of `texts`, `spans[i]` are its document offsets, half-open, and
    `passages[i]` is the passage that it stands in.
    """

    texts: EncodedTexts
    numbers: Sequence[int]
    spans: Sequence[tuple[int, int]]
    passages: Sequence[Passage]


class Contents(Protocol):
    """One version of an index. Thread-safe."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def documents(self) -> Mapping[str, Mapping[str, Document]]:
        """Document id to its versions by language."""
        ...

    @property
    def question_counts(self) -> Mapping[str, int]:
        """Language to how many questions of the bank are in it."""
        ...

    def questions(self) -> Iterator[BankQuestion]:
        """The bank's questions, sorted by entry, language and text; read anew each time."""
        ...

    def passage(self, doc_id: str, passage_id: str) -> Passage | None:
        """The passage of that document, in whatever language; None where there is none."""
        ...

    def sentences(self, entry: tuple[str, str], languages: Sequence[str]) -> dict[str, Sentences]:
        """Language to the sentences of an entry (document and entry id), for those of `languages` that it has.

        Raises ValueError when there is no such entry.
        """
        ...
