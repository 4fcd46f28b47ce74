"""Prometheus metrics. No question text is ever a label."""

from __future__ import annotations

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

ANSWERS = Counter("faq_answers_total", "Questions answered or refused", ["outcome", "language"])
ANSWER_SECONDS = Histogram(
    "faq_answer_seconds",
    "Time of one question at the server",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12),
)
QUESTIONS_REFUSED = Counter("faq_questions_busy_total", "Questions turned away because too many were waiting")
DOOR_REFUSALS = Counter("faq_door_refusals_total", "Requests refused before they were read", ["reason"])
FEEDBACK = Counter("faq_feedback_total", "Feedback on answers", ["helpful"])


def metrics_response() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
