"""Prometheus metrics. No question text is ever a label."""

from __future__ import annotations

import os
from datetime import datetime

from fastapi import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from index.store import Manifest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24)

REQUESTS = Counter("faq_http_requests_total", "Requests", ["method", "route", "status"])
REQUEST_SECONDS = Histogram("faq_http_request_seconds", "Time of one request", ["route"], buckets=_SECONDS)
STAGE_SECONDS = Histogram(
    "faq_stage_seconds",
    "Time of one stage of an answer: wait, detect, search, judge, quote",
    ["stage"],
    buckets=_SECONDS,
)
CONFIDENCE = Histogram(
    "faq_answer_confidence", "Confidence of answers given", ["outcome"], buckets=[n / 10 for n in range(1, 11)]
)

ANSWERS = Counter("faq_answers_total", "Questions answered or refused", ["outcome", "language"])
ANSWER_SECONDS = Histogram(
    "faq_answer_seconds",
    "Time of one question at the server",
    buckets=_SECONDS,
)
QUESTIONS_REFUSED = Counter("faq_questions_busy_total", "Questions turned away because too many were waiting")
DOOR_REFUSALS = Counter("faq_door_refusals_total", "Requests refused before they were read", ["reason"])
SUMMARIES = Counter("faq_summaries_total", "Summaries asked of the writer", ["result"])
SUMMARY_SENTENCES = Counter("faq_summary_sentences_total", "Sentences of the writer, kept or why not", ["verdict"])
FEEDBACK = Counter("faq_feedback_total", "Feedback on answers", ["helpful"])
QUESTIONS_NOT_KEPT = Counter("faq_questions_not_kept_total", "Questions that the question log could not take")
READY = Gauge("faq_ready", "1 while questions can be answered", multiprocess_mode="livemin")
INDEX_INFO = Gauge(
    "faq_index_info",
    "1 for the index that answers, 0 for those before it",
    ["version", "encoder"],
    multiprocess_mode="livemax",
)
INDEX_BUILT = Gauge(
    "faq_index_built_timestamp_seconds", "When the index that answers was built", multiprocess_mode="livemin"
)
QUESTIONS_INSIDE = Gauge(
    "faq_questions_inside", "Questions worked on or waiting at this moment", multiprocess_mode="livesum"
)
QUESTIONS_ROOM = Gauge(
    "faq_questions_room", "Questions that can be worked on or wait; more are turned away", multiprocess_mode="livesum"
)


_SHOWN: set[tuple[str, str]] = set()


def show_index(manifest: Manifest | None) -> None:
    """Say which index answers, None for none."""
    READY.set(0 if manifest is None else 1)
    if manifest is not None:
        INDEX_BUILT.set(datetime.fromisoformat(manifest.built).timestamp())
        shown = (manifest.version, manifest.fingerprint)
        for old in _SHOWN - {shown}:
            INDEX_INFO.labels(*old).set(0)
        _SHOWN.add(shown)
        INDEX_INFO.labels(*shown).set(1)


INDEX_SWITCHES = Counter("faq_index_switches_total", "New index snapshots taken up, or refused", ["result"])
INDEX_REFUSED = Gauge(
    "faq_index_refused",
    "1 while the snapshot to serve is refused and another answers, or none",
    multiprocess_mode="livemax",
)


def metrics_response() -> Response:
    """The metrics of this process; of all worker processes where PROMETHEUS_MULTIPROC_DIR names their folder."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
