"""The door: who may do what, how often, and from where; over REST, chat, MCP, Slack and Teams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from channel_support import (
    FORM,
    SLACK_SECRET,
    TEAMS_SECRET,
    serving,
    slack_headers,
    slash_command,
    teams_activity,
    teams_headers,
)
from conftest import make_settings
from fastapi import Depends, FastAPI
from openai import AuthenticationError, OpenAI, RateLimitError
from starlette.testclient import TestClient

from service.app import create_app
from service.doors import needed_scope, needs
from service.engine import Engine
from service.keys import KeyFile, Scope
from service.pipeline import Pipeline

QUESTION = {"question": "can we withdraw our signature"}
CHAT = {"model": "gpai-faq", "messages": [{"role": "user", "content": QUESTION["question"]}]}
MCP = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
MCP_HEADERS = {"Accept": "application/json, text/event-stream", "Host": "localhost"}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def opened(pipeline: Pipeline, key_file: Path) -> Callable[..., Any]:
    @contextmanager
    def opening(*, client: str = "203.0.113.7", **changes: object) -> Iterator[TestClient]:
        settings = make_settings(api_keys_file=key_file, **changes)
        app = create_app(settings, lambda chosen: Engine(chosen, pipeline))
        with TestClient(app, client=(client, 50000), raise_server_exceptions=False) as found:
            yield found

    return opening


def key(path: Path, *scopes: Scope, **more: Any) -> dict[str, str]:
    token, _ = KeyFile(path).create("test", scopes, **more)
    return {"Authorization": f"Bearer {token}"}


def asks(client: TestClient, headers: dict[str, str] | None = None) -> dict[str, int]:
    """The status of a request at each kind of door."""
    sent = headers or {}
    return {
        "answers": client.post("/v1/answers", json=QUESTION, headers=sent).status_code,
        "search": client.get("/v1/search?q=x", headers=sent).status_code,
        "documents": client.get("/v1/documents", headers=sent).status_code,
        "verify": client.post("/v1/citations/verify", json={}, headers=sent).status_code,
        "chat": client.post("/v1/chat/completions", json=CHAT, headers=sent).status_code,
        "models": client.get("/v1/models", headers=sent).status_code,
        "mcp": client.post("/mcp", json=MCP, headers=MCP_HEADERS | sent).status_code,
        "feedback": client.post("/v1/feedback", json={"id": "1", "helpful": True}, headers=sent).status_code,
        "metrics": client.get("/metrics", headers=sent).status_code,
        "admin": client.get("/v1/admin/index", headers=sent).status_code,
    }


ASKING = {"answers": 200, "search": 200, "documents": 200, "verify": 422, "chat": 200, "models": 200, "mcp": 200}
OTHERS = {"feedback": 202, "metrics": 200, "admin": 200}


def test_by_default_anyone_may_ask_and_nobody_may_administer(opened: Callable[..., Any]) -> None:
    with opened() as client:
        assert asks(client) == {**ASKING, **OTHERS, "admin": 401}


def test_closed_doors_open_for_the_right_key_only(opened: Callable[..., Any], key_file: Path) -> None:
    with opened(anonymous_scopes=[]) as client:
        assert asks(client) == dict.fromkeys([*ASKING, *OTHERS], 401)
        assert asks(client, key(key_file, "ask")) == {**ASKING, **dict.fromkeys(OTHERS, 403)}
        for scope, name in (("feedback", "feedback"), ("metrics", "metrics"), ("admin", "admin")):
            expected = dict.fromkeys([*ASKING, *OTHERS], 403) | {name: OTHERS[name]}
            assert asks(client, key(key_file, scope)) == expected  # type: ignore[arg-type]
        for path in ("/", "/healthz", "/readyz", "/static/widget.js", "/openapi.json", "/v1/texts/de"):
            assert client.get(path).status_code == 200, path


def test_one_anonymous_scope_opens_no_other(opened: Callable[..., Any]) -> None:
    with opened(anonymous_scopes=["feedback"]) as client:
        assert asks(client) == {**dict.fromkeys([*ASKING, *OTHERS], 401), "feedback": 202}


def test_a_refusal_says_what_is_missing_and_how_to_get_it(opened: Callable[..., Any], key_file: Path) -> None:
    with opened(anonymous_scopes=[]) as client:
        none = client.post("/v1/answers", json=QUESTION)
        assert none.headers["content-type"] == "application/problem+json"
        assert none.headers["www-authenticate"].startswith("Bearer")
        assert "'ask'" in none.json()["detail"] and "keys create" in none.json()["detail"]
        wrong = client.post("/v1/answers", json=QUESTION, headers=key(key_file, "feedback"))
        assert (wrong.status_code, wrong.json()["title"]) == (403, "Forbidden")
        assert "'ask'" in wrong.json()["detail"]


def test_a_key_that_is_no_longer_one_is_refused_even_where_nobody_needs_one(
    opened: Callable[..., Any], key_file: Path
) -> None:
    headers = key(key_file, "ask")
    with opened() as client:
        assert client.post("/v1/answers", json=QUESTION, headers=headers).status_code == 200
        KeyFile(key_file).revoke(next(iter(KeyFile(key_file).load())))
        assert client.post("/v1/answers", json=QUESTION, headers=headers).status_code == 401
        # Clients of OpenAI's API always send some token; that is nobody's.
        assert client.post("/v1/answers", json=QUESTION, headers={"Authorization": "Bearer none"}).status_code == 200


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer  ", "bearer faq_", "Basic eDp5", "\xff", "faq_x", "Bearer faq_" + "a" * 5000]
)
def test_a_header_that_is_no_key_opens_nothing(opened: Callable[..., Any], value: str) -> None:
    with opened(anonymous_scopes=[]) as client:
        response = client.post("/v1/answers", json=QUESTION, headers={"Authorization": value.encode("latin-1")})
        assert response.status_code == 401


def test_the_scheme_is_read_in_any_case(opened: Callable[..., Any], key_file: Path) -> None:
    token = key(key_file, "ask")["Authorization"].split()[1]
    with opened(anonymous_scopes=[]) as client:
        assert client.get("/v1/models", headers={"Authorization": f"bEARER {token}"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/admin", "/v1/admin/", "/v1/admin/index/", "/v1/admin/no-such", "/v1/admin/../admin/index"]
)
def test_no_spelling_of_an_administrators_path_is_open(opened: Callable[..., Any], path: str) -> None:
    with opened() as client:
        assert client.get(path).status_code in (401, 404)
        assert "version" not in client.get(path).text


def test_every_endpoint_needs_something_but_for_those_named(pipeline: Pipeline) -> None:
    app = create_app(make_settings(), lambda chosen: Engine(chosen, pipeline))
    paths = set(app.openapi()["paths"]) | {"/", "/mcp", "/v1/some-day"}
    free = {path for path in paths if needed_scope(path) is None}
    signed = {"/v1/channels/slack", "/v1/channels/teams"}
    assert free == {"/", "/healthz", "/readyz", "/v1/texts/{language}"} | signed
    assert {path for path in paths if needed_scope(path) == "admin"} == {path for path in paths if "/admin" in path}
    for path in ("/healthzz", "/static-x", "/v1/channelsx", "/v1/textsx", "//healthz"):
        assert needed_scope(path) == "ask", path


def test_an_administrators_endpoint_is_closed_without_the_door_too() -> None:
    app = FastAPI()
    from service.problems import install_problem_handlers

    install_problem_handlers(app)

    @app.get("/anywhere", dependencies=[Depends(needs("admin"))])
    async def anywhere() -> str:
        return "secret"

    assert TestClient(app).get("/anywhere").status_code == 401


# How often


def statuses(client: TestClient, count: int, **more: Any) -> list[int]:
    return [client.get("/v1/models", **more).status_code for _ in range(count)]


def limited(found: list[int], limit: int) -> bool:
    """Whether no more got in than the limit, or twice of it where a minute began meanwhile."""
    return found[:limit] == [200] * limit and limit <= found.count(200) <= 2 * limit and set(found) == {200, 429}


def test_an_address_is_limited_and_told_when_to_come_back(opened: Callable[..., Any]) -> None:
    with opened(address_requests_per_minute=3) as client:
        assert limited(statuses(client, 10), 3)
        response = client.get("/v1/languages")
        if response.status_code == 200:
            response = [client.get("/v1/languages") for _ in range(5)][-1]
        assert response.status_code == 429
        assert response.headers["content-type"] == "application/problem+json"
        assert 1 <= int(response.headers["retry-after"]) <= 60
        assert response.headers["retry-after"] in response.json()["detail"]
        assert client.get("/healthz").status_code == 200


def test_a_key_is_limited_by_itself_and_by_its_own_limit(opened: Callable[..., Any], key_file: Path) -> None:
    plain, own, other = key(key_file, "ask"), key(key_file, "ask", requests_per_minute=2), key(key_file, "ask")
    with opened(address_requests_per_minute=1, key_requests_per_minute=4) as client:
        assert limited(statuses(client, 12, headers=plain), 4)
        assert limited(statuses(client, 8, headers=own), 2)
        assert statuses(client, 1, headers=other) == [200]


def test_keys_that_are_guessed_are_limited_by_address(opened: Callable[..., Any]) -> None:
    with opened(address_requests_per_minute=3) as client:
        wrong = {"Authorization": f"Bearer faq_00000000_{'x' * 43}"}
        found = statuses(client, 10, headers=wrong)
        assert found[:3] == [401] * 3 and 429 in found


def test_this_machine_is_not_limited_but_a_proxy_on_it_is(opened: Callable[..., Any]) -> None:
    for address in ("127.0.0.1", "::1"):
        with opened(client=address, address_requests_per_minute=2) as client:
            assert statuses(client, 8) == [200] * 8
            assert limited(statuses(client, 8, headers={"X-Forwarded-For": "198.51.100.1"}), 2)


def test_a_forwarded_address_of_strangers_is_not_believed(opened: Callable[..., Any]) -> None:
    with opened(address_requests_per_minute=2, trusted_proxies=["10.0.0.0/8"]) as client:
        found = [
            client.get("/v1/models", headers={"X-Forwarded-For": f"198.51.100.{last}"}).status_code for last in range(8)
        ]
        assert limited(found, 2)


def test_a_forwarded_address_of_trusted_proxies_is(opened: Callable[..., Any]) -> None:
    with opened(
        client="10.1.2.3", address_requests_per_minute=2, trusted_proxies=["10.0.0.0/8", "2001:db8::/32"]
    ) as client:

        def through(forwarded: str, count: int = 1) -> list[int]:
            return statuses(client, count, headers={"X-Forwarded-For": forwarded})

        assert limited(through("198.51.100.1", 8), 2)
        assert through("198.51.100.2") == [200]
        # The client's own claim stands before what the proxy saw, and changes nothing.
        assert limited([through(f"192.0.2.{last}, 198.51.100.3, 10.9.9.9")[0] for last in range(8)], 2)
        # Nor does the claim to be this machine lift the limit.
        assert limited([through("127.0.0.1")[0] for _ in range(8)], 2)


def test_signed_webhooks_need_no_key_but_are_limited(opened: Callable[..., Any]) -> None:
    with opened(
        anonymous_scopes=[],
        address_requests_per_minute=1,
        key_requests_per_minute=3,
        slack_signing_secret=SLACK_SECRET,
        teams_hmac_secret=TEAMS_SECRET,
    ) as client:
        body = slash_command("can we withdraw our signature")
        slack = client.post("/v1/channels/slack", content=body, headers=slack_headers(body, kind=FORM))
        sent = teams_activity("can we withdraw our signature", "1")
        teams = client.post("/v1/channels/teams", content=sent, headers=teams_headers(sent))
        assert (slack.status_code, teams.status_code) == (200, 200)
        forged = [client.post("/v1/channels/teams", content=sent).status_code for _ in range(10)]
        assert set(forged) == {401, 429}


def test_openai_clients_are_refused_in_their_own_shape(pipeline: Pipeline, key_file: Path) -> None:
    """By OpenAI's own client, over a real port."""
    good = key(key_file, "ask", requests_per_minute=1)["Authorization"].split()[1]
    settings = make_settings(api_keys_file=key_file, anonymous_scopes=[])
    with serving(create_app(settings, lambda chosen: Engine(chosen, pipeline))) as address:

        def chat(api_key: str) -> Any:
            with OpenAI(base_url=f"{address}/v1", api_key=api_key, max_retries=0) as client:
                return client.chat.completions.create(**CHAT)  # type: ignore[call-overload]

        with pytest.raises(AuthenticationError) as unknown:
            chat("sk-none")
        assert (unknown.value.status_code, unknown.value.code) == (401, "invalid_api_key")
        assert unknown.value.response.headers["www-authenticate"].startswith("Bearer")
        assert chat(good).choices[0].message.content
        with pytest.raises(RateLimitError) as often:
            [chat(good) for _ in range(3)]
        assert often.value.code == "rate_limit_exceeded"
        assert int(often.value.response.headers["retry-after"]) > 0


# Browsers of other sites


def test_a_browser_may_send_a_key_and_read_a_refusal(opened: Callable[..., Any]) -> None:
    origin = "https://chat.example.org"
    with opened(cors_origins=[origin], anonymous_scopes=[]) as client:
        asked = "authorization, content-type, x-stainless-os"
        preflight = client.options(
            "/v1/chat/completions",
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": asked,
            },
        )
        assert preflight.status_code == 200
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert all(name in allowed for name in ("authorization", "content-type", "x-stainless-os"))
        refused = client.post("/v1/chat/completions", json=CHAT, headers={"Origin": origin})
        assert refused.status_code == 401 and refused.headers["access-control-allow-origin"] == origin
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in refused.headers
        stranger = client.post("/v1/answers", json=QUESTION, headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in stranger.headers


def test_without_origins_no_other_site_may_read(opened: Callable[..., Any]) -> None:
    with opened() as client:
        response = client.get("/v1/models", headers={"Origin": "https://chat.example.org"})
        assert not [name for name in response.headers if name.startswith("access-control")]


# What goes back


def test_a_refusal_has_security_headers_and_answers_are_not_cached(opened: Callable[..., Any]) -> None:
    with opened(anonymous_scopes=["ask"]) as client:
        for response in (
            client.post("/v1/answers", json=QUESTION),
            client.get("/v1/search?q=x"),
            client.get("/v1/admin/index"),
        ):
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-frame-options"] == "DENY"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert "strict-transport-security" not in response.headers
        assert client.get("https://testserver/healthz").headers["strict-transport-security"].startswith("max-age=")
        assert client.get("/static/widget.js").headers["cache-control"] == "no-cache"


def test_the_description_of_the_api_names_the_keys(opened: Callable[..., Any]) -> None:
    with opened() as client:
        described = client.get("/openapi.json").json()
    assert described["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    assert described["paths"]["/v1/answers"]["post"]["security"] == [{}, {"key": []}]
    assert described["paths"]["/v1/admin/index"]["get"]["security"] == [{"key": []}]
    assert "security" not in described["paths"]["/healthz"]["get"]
