"""The desk that every channel asks at: the same answer, search and document as over HTTP, with the same limits."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from uuid import uuid4

from starlette.applications import Starlette

from corpus.detection import detector
from corpus.languages import LANGUAGES
from index.retrieval import Query
from service.answers import Answer
from service.engine import Engine
from service.giving import given
from service.observability import ANSWER_SECONDS, QUESTIONS_INSIDE, QUESTIONS_REFUSED
from service.pipeline import Ask, UnknownDocument, UnknownLanguage
from service.problems import Refusal
from service.question_writer import QuestionWriter
from service.questions import legible
from service.schemas import (
    AnswerResponse,
    HitOut,
    IndexOut,
    LanguageOut,
    SearchResponse,
    answer_out,
    index_out,
    summary_out,
)
from service.settings import Settings
from service.stages import submitted
from service.summary import Summariser


@dataclass(frozen=True, slots=True)
class Desk:
    """An engine and the settings that bound it, for one request: all it says is of one index.
    Every refusal is a Refusal that names value and remedy."""

    engine: Engine
    settings: Settings
    writer: QuestionWriter | None = None
    summariser: Summariser | None = None

    async def answer(self, ask: Ask) -> Answer:
        """Ask one question. Raises Refusal: 422 for what the asker can mend, 503 when too busy."""
        self._check_question(ask.question, "question")
        started = perf_counter()
        submitted()
        try:
            with QUESTIONS_INSIDE.track_inprogress():
                answer = await self.engine.answer(ask)
        except UnknownLanguage as error:
            raise Refusal(422, str(error), "language") from error
        except UnknownDocument as error:
            raise Refusal(422, str(error), "documents") from error
        except Refusal:
            QUESTIONS_REFUSED.inc()
            raise
        ANSWER_SECONDS.observe(perf_counter() - started)
        return answer

    def out(self, answer: Answer) -> AnswerResponse:
        """The answer as `POST /v1/answers` gives it, counted as given, and kept where a setting says so."""
        return given(answer, answer_out(answer, uuid4().hex, self.index_out()), self.writer)

    async def written(self, answer: Answer) -> AnswerResponse:
        """As `out`, with a summary above it where the settings name a writer and it wrote one that is supported."""
        response = self.out(answer)
        summary = None if self.summariser is None else await self.summariser.summarise(answer, self.engine)
        return response if summary is None else response.model_copy(update={"summary": summary_out(summary)})

    async def search(
        self, text: str, k: int, language: str | None, documents: list[str] | None, field: str = "query"
    ) -> SearchResponse:
        """Ranked passages without judgement, as `GET /v1/search` gives them. Raises Refusal (422, 503)."""
        text = text.strip()
        self._check_question(text, field)
        if language is not None and language not in LANGUAGES:
            raise Refusal(422, f"The language {language!r} is unknown. Use one of {', '.join(LANGUAGES)}.", "language")
        known = self.engine.snapshot.documents
        for doc_id in documents or ():
            if doc_id not in known:
                raise Refusal(422, f"The document {doc_id!r} is unknown. Use some of {', '.join(known)}.", "documents")
        found = detector(self.settings.language_detector).detect(legible(text))
        chosen = None if documents is None else tuple(documents)
        hits = await self.engine.search(Query(legible(text), language or found.code, chosen), k)
        if language is None:
            told = LanguageOut(code=found.code, confidence=round(found.confidence, 4), source="detected")
        else:
            told = LanguageOut(code=language, confidence=1.0, source="stated")
        return SearchResponse(
            query=text,
            language=told,
            hits=[
                HitOut(
                    rank=rank,
                    doc_id=hit.passage.doc_id,
                    entry_id=hit.passage.entry_id,
                    passage_id=hit.passage.passage_id,
                    language=hit.passage.language,
                    score=round(hit.score, 6),
                    text=hit.passage.text,
                )
                for rank, hit in enumerate(hits, start=1)
            ],
            index=self.index_out(),
        )

    def index_out(self) -> IndexOut:
        """Which index answers."""
        return index_out(self.engine.snapshot.manifest)

    def _check_question(self, text: str, field: str) -> None:
        limit = self.settings.max_question_chars
        if len(text) > limit:
            raise Refusal(422, f"The {field} has {len(text)} characters. Use at most {limit}.", field)
        if not legible(text):
            raise Refusal(422, f"The {field} is empty, or nothing in it can be seen. Pass a question.", field)


def desk_of(app: Starlette) -> Desk:
    """The desk of a running application. Raises Refusal (503) while there is no index."""
    engine: Engine | None = app.state.engine
    if engine is None:
        raise Refusal(503, str(app.state.problem), headers={"Retry-After": "30"})
    return Desk(engine, app.state.settings, app.state.writer, app.state.summariser)
