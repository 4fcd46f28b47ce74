"""One shape for every error."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel
from starlette.testclient import TestClient

from service.problems import Refusal, install_problem_handlers


class Body(BaseModel):
    name: str
    parts: list[int]


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/refused")
    async def refused() -> None:
        raise Refusal(503, "Too busy. Come back.", headers={"Retry-After": "7"})

    @app.get("/field")
    async def field() -> None:
        raise Refusal(422, "The day is unknown. Use a weekday.", "day")

    @app.get("/http")
    async def http() -> None:
        raise HTTPException(418, "I am a teapot.", headers={"X-Pot": "1"})

    @app.get("/fault")
    async def fault() -> None:
        raise RuntimeError("the secret path /srv/key")

    @app.post("/body")
    async def body(value: Body, n: Annotated[int, Query(ge=1)]) -> None: ...

    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert set(found) == {"type", "title", "status", "detail", "errors"}
    assert (found["type"], found["status"]) == ("about:blank", status)
    assert found["title"] == HTTPStatus(status).phrase
    return found


def test_refusal_says_what_and_when_to_come_back(client: TestClient) -> None:
    response = client.get("/refused")
    assert problem(response, 503)["detail"] == "Too busy. Come back."
    assert problem(response, 503)["errors"] == []
    assert response.headers["retry-after"] == "7"


def test_refusal_names_its_field(client: TestClient) -> None:
    found = problem(client.get("/field"), 422)
    assert found["errors"] == [{"field": "day", "message": found["detail"]}]


def test_http_exception_keeps_its_headers(client: TestClient) -> None:
    response = client.get("/http")
    assert problem(response, 418)["detail"] == "I am a teapot."
    assert response.headers["x-pot"] == "1"


def test_unknown_path_and_method(client: TestClient) -> None:
    problem(client.get("/no-such"), 404)
    response = client.delete("/body")
    problem(response, 405)
    assert response.headers["allow"] == "POST"


def test_validation_names_every_field(client: TestClient) -> None:
    found = problem(client.post("/body?n=0", json={"parts": [1, "x"]}), 422)
    assert sorted(error["field"] for error in found["errors"]) == ["n", "name", "parts.1"]
    assert all(error["field"] in found["detail"] and error["message"] in found["detail"] for error in found["errors"])


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"\xff"])
def test_body_that_is_none_is_the_clients_to_mend(client: TestClient, content: bytes) -> None:
    response = client.post("/body?n=1", content=content)
    problem(response, response.status_code)
    assert response.status_code in (400, 422)


def test_fault_gives_nothing_away(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("/fault")
    problem(response, 500)
    assert not [word for word in ("secret", "srv", "RuntimeError", "Traceback") if word in response.text]
    assert "RuntimeError" in caplog.text  # but the log has it


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"name": }', "at character 9"),
        (b"\xff\xfe{}", "at character 0"),
        (b"name=x", "at character 0"),
    ],
)
def test_a_body_that_is_not_json_is_told_where_and_what_to_send(client: TestClient, body: bytes, why: str) -> None:
    sent = client.post("/body?n=1", content=body, headers={"content-type": "application/json"})
    found = problem(sent, 422)
    (told,) = found["errors"]
    assert told["field"] == "body"
    assert why in told["message"]
    assert "Send one JSON object" in told["message"]
    assert told["message"] in found["detail"]


def test_a_body_that_cannot_be_read_at_all_is_told_the_remedy(client: TestClient) -> None:
    """Nested deeper than the parser goes."""
    sent = client.post("/body?n=1", content=b"[" * 200_000, headers={"content-type": "application/json"})
    assert "Send one JSON object" in problem(sent, sent.status_code)["detail"]
    assert sent.status_code in (400, 422)
