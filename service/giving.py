"""What happens when an answer is given, whatever the channel: it is counted, told to the log, and kept if set so."""

from __future__ import annotations

from datetime import UTC, datetime

from service.answers import Answer
from service.observability import ANSWERS, CONFIDENCE
from service.question_log import AskedQuestion
from service.question_writer import QuestionWriter
from service.schemas import AnswerResponse
from service.visits import current_visit


def given(answer: Answer, out: AnswerResponse, writer: QuestionWriter | None) -> AnswerResponse:
    """The same answer, given."""
    language = answer.language.code
    ANSWERS.labels(outcome=answer.outcome, language=language).inc()
    CONFIDENCE.labels(outcome=answer.outcome).observe(answer.confidence)
    visit = current_visit()
    if visit is not None:
        visit.outcome, visit.language, visit.index = answer.outcome, language, out.index.version
        visit.confidence = out.confidence
    if writer is not None:
        first = out.passages[0].citation if out.passages else None
        writer.put(
            AskedQuestion(
                answer_id=out.id,
                asked=datetime.now(UTC),
                channel="mcp" if visit is None else visit.channel,
                key_id=None if visit is None else visit.key_id,
                language=language,
                question=answer.question,
                outcome=answer.outcome,
                confidence=out.confidence,
                entry=None if first is None else f"{first.doc_id}/{first.entry_id}",
            )
        )
    return out
