"""What only administrators see: closed without an API key that has the scope `admin`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Request
from fastapi import Query as Parameter
from pydantic import Field, StringConstraints

from service.desk import desk_of
from service.doors import needs
from service.problems import PROBLEM_RESPONSES, Refusal
from service.question_log import QuestionLog
from service.question_writer import QuestionWriter
from service.schemas import Strict

router = APIRouter(
    prefix="/v1/admin", tags=["administration"], dependencies=[Depends(needs("admin"))], responses=PROBLEM_RESPONSES
)


class IndexDetails(Strict):
    """The index that answers. `age_seconds` counts from when it was built."""

    version: str
    built: str
    age_seconds: int
    encoder: str
    corpus_sha256: str
    counts: dict[str, int]
    packages: dict[str, str]


@router.get("/index", summary="The index that answers: what it holds and what it was made with")
async def index_details(request: Request) -> IndexDetails:
    manifest = desk_of(request.app).engine.snapshot.manifest
    age = datetime.now(UTC) - datetime.fromisoformat(manifest.built)
    return IndexDetails(
        version=manifest.version,
        built=manifest.built,
        age_seconds=int(age.total_seconds()),
        encoder=manifest.fingerprint,
        corpus_sha256=manifest.corpus_sha256,
        counts=manifest.counts,
        packages=manifest.packages,
    )


class UnansweredOut(Strict):
    """Questions in the same words that were not answered. `entry` is the likeliest, `document/entry`."""

    language: str
    count: int
    question: str
    outcome: str
    entry: str | None
    last_asked: datetime


class UnansweredResponse(Strict):
    questions: list[UnansweredOut]


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class ForgetRequest(Strict):
    """Whose questions: by the ids of their answers, by words in them, by API key. Each deletes what it names."""

    ids: list[str] = Field([], description="Ids of answers.", max_length=1000)
    containing: Words | None = Field(None, description="Words, in any case.")
    key_id: str | None = Field(None, description="Id of an API key.")


class ForgetResponse(Strict):
    deleted: int


def _log_of(request: Request) -> QuestionLog:
    writer: QuestionWriter | None = request.app.state.writer
    if writer is None:
        raise Refusal(404, "Questions are not kept. Set QUESTION_LOG_FILE to a file to keep them in from now on.")
    return writer.log


@router.get("/unanswered", summary="What was asked and not answered, by language, the most frequent first")
async def unanswered(
    request: Request,
    language: Annotated[str | None, Parameter(description="Only this language")] = None,
    days: Annotated[int | None, Parameter(ge=1, le=36500, description="Only of the last days")] = None,
    limit: Annotated[int, Parameter(ge=1, le=10000, description="At most so many rows")] = 1000,
) -> UnansweredResponse:
    log = _log_of(request)
    rows = await run_sync(lambda: log.unanswered(language, days))
    return UnansweredResponse(
        questions=[
            UnansweredOut(
                language=row.language,
                count=row.count,
                question=row.question,
                outcome=row.outcome,
                entry=row.entry,
                last_asked=row.last_asked,
            )
            for row in rows[:limit]
        ]
    )


@router.post("/forget", summary="Delete kept questions of a person")
async def forget(body: ForgetRequest, request: Request) -> ForgetResponse:
    log = _log_of(request)
    if not body.ids and body.containing is None and body.key_id is None:
        raise Refusal(422, "Nothing says whose questions. Pass ids, containing or key_id.", "ids")
    job = lambda: log.forget(ids=body.ids, containing=body.containing, key_id=body.key_id)  # noqa: E731
    return ForgetResponse(deleted=await run_sync(job))
