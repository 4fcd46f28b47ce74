"""The whole OpenAPI document against the running service, by Schemathesis with all of its checks."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from conftest import MAILBOX, FixedDetector, ToyEncoder, constant_judge, make_settings
from fastapi import FastAPI
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder
from starlette.testclient import TestClient

from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.snapshot import load_snapshot
from service.app import create_app
from service.engine import Engine
from service.pipeline import Pipeline

EXAMPLES = 25
"""Random requests for each operation, beside those that its schema calls for (examples, bounds, other methods)."""


@pytest.fixture
def app(built_index: Path) -> Iterator[FastAPI]:
    """The service with every channel set up."""
    snapshot = load_snapshot(built_index, ToyEncoder.fingerprint)
    retriever = HybridRetriever(snapshot, ToyEncoder(), Fusion(np.ones(len(FEATURES), np.float32)))
    pipeline = Pipeline(retriever, constant_judge(), FixedDetector("en"), MAILBOX)
    settings = make_settings(
        slack_signing_secret="a secret", teams_hmac_secret=base64.b64encode(b"another secret").decode()
    )
    app = create_app(settings, lambda chosen: Engine(chosen, pipeline))
    with TestClient(app):
        yield app


def excused(check: str, response: Any) -> bool:
    """Whether a schema could not have said so: the documents that the index holds, and which message comes last.

    The refusal has to name the field in the error shape of its endpoint.
    """
    if check != "positive_data_acceptance":
        return False
    told = response.json()
    if response.status_code == 422:
        return [error["field"] for error in told["errors"]] == ["documents"]
    return response.status_code == 400 and told["error"]["param"] is not None


def complaints(recorder: ScenarioRecorder) -> Iterator[str]:
    for case_id, checks in recorder.checks.items():
        response = recorder.interactions[case_id].response
        for check in checks:
            if check.failure_info is not None and not excused(check.name, response):
                failure = check.failure_info.failure
                yield f"{check.name}: {failure.title}: {failure.message}\n{check.failure_info.code_sample}"


def test_every_operation_keeps_its_description(app: FastAPI, generated: Counter[str]) -> None:
    config = SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "continue-on-failure": True,
            "request-timeout": 600,  # no verdict by the clock
            "generation": {"mode": "all", "max-examples": EXAMPLES, "deterministic": True, "no-shrink": True},
        }
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    found: list[str] = []
    operations = set()
    for event in from_schema(schema).execute():
        if isinstance(event, ScenarioFinished):
            generated["requests after the OpenAPI document"] += len(event.recorder.interactions)
            operations.add(event.label)
            found += complaints(event.recorder)
        elif isinstance(event, FatalError | NonFatalError):
            found.append(str(event))
    described = app.openapi()["paths"]
    assert {f"{method.upper()} {path}" for path, methods in described.items() for method in methods} <= operations
    assert generated["requests after the OpenAPI document"] > 500
    assert found == []
