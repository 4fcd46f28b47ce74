"""The MCP server, by the SDK's own client over both transports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx2
import pytest
from channel_support import serving, toy_engine
from conftest import CHECKOUT, NEGATIVES, ToyEncoder, make_settings
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, TextContent
from starlette.testclient import TestClient

from corpus.collection import read_collection
from index.errors import IndexMissing, IndexProblem
from index.snapshot import build_snapshot
from index.store import current_version
from service.app import create_app
from service.channels.mcp import DocumentText
from service.channels.rendering import markdown, reply
from service.engine import Engine, make_encoder, make_pipeline
from service.schemas import AnswerResponse, SearchResponse
from service.settings import Settings

QUESTION = "can we withdraw our signature"
T = TypeVar("T")

TOOLS = {"ask", "search", "read_document", "verify_citation"}


@pytest.fixture(scope="module")
def address(built_index: Path) -> Iterator[str]:
    with serving(create_app(make_settings(), lambda _: toy_engine(built_index))) as found:
        yield f"{found}/mcp"


def talk(server: str | StdioServerParameters, speak: Callable[[Client], Awaitable[T]], mode: str = "auto") -> T:
    async def run() -> T:
        async with Client(server, mode=mode) as client:
            return await speak(client)

    return anyio.run(run)


def call(server: str | StdioServerParameters, tool: str, **arguments: Any) -> CallToolResult:
    return talk(server, lambda client: client.call_tool(tool, arguments))


def structured(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result.content
    found: dict[str, Any] | None = result.structured_content
    assert found is not None
    return found


def refusal(result: CallToolResult) -> str:
    assert result.is_error
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_tools_are_listed_with_schemas_for_both_sides(address: str, mode: str) -> None:
    listed = talk(address, lambda client: client.list_tools(), mode)
    assert {tool.name for tool in listed.tools} == TOOLS
    for tool in listed.tools:
        assert tool.description and tool.title
        assert tool.annotations is not None and tool.annotations.read_only_hint
        assert tool.output_schema is not None and tool.output_schema["type"] == "object"
        for name, schema in tool.input_schema["properties"].items():
            assert schema["description"], (tool.name, name)


def test_ask_gives_the_answer_of_rest(address: str, client: TestClient) -> None:
    result = call(address, "ask", question=QUESTION)
    found = structured(result)
    same = client.post("/v1/answers", json={"question": QUESTION}).json()
    assert found.pop("id") != same.pop("id")
    assert found == same
    assert isinstance(result.content[0], TextContent)
    assert result.content[0].text == markdown(reply(AnswerResponse.model_validate({"id": "", **same})))


def test_ask_takes_all_that_rest_takes(address: str, client: TestClient) -> None:
    body = {"question": QUESTION, "language": "fr", "top_k": 1, "documents": ["faq"], "as_of": "2025-07-20"}
    found, same = structured(call(address, "ask", **body)), client.post("/v1/answers", json=body).json()
    assert (found["passages"], found["language"]) == (same["passages"], same["language"])


def test_search_gives_the_hits_of_rest(address: str, client: TestClient) -> None:
    found = structured(call(address, "search", query=QUESTION, k=2, documents=["faq"]))
    assert found == client.get("/v1/search", params={"q": QUESTION, "k": 2, "documents": "faq"}).json()
    stated = structured(call(address, "search", query=QUESTION, language="fr"))
    assert stated == client.get("/v1/search", params={"q": QUESTION, "language": "fr"}).json()


def test_documents_are_read_in_parts_that_join(address: str, client: TestClient) -> None:
    whole = client.get("/v1/documents/faq", params={"language": "en"}).json()
    text, start, parts = "", 0, 0
    while True:
        part = structured(call(address, "read_document", doc_id="faq", language="en", start=start, max_chars=200))
        assert part["start"] == start
        text, parts = text + part["text"], parts + 1
        if part["next_start"] is None:
            break
        start = part["next_start"]
    assert parts > 2
    assert text == whole["text"]
    assert (part["sha256"], part["total_chars"]) == (whole["sha256"], len(whole["text"]))


def test_an_entry_is_read_where_it_stands(address: str, client: TestClient) -> None:
    whole = client.get("/v1/documents/faq").json()
    entry = next(e for e in whole["entries"] if e["entry_id"] == "deadline")
    part = structured(call(address, "read_document", doc_id="faq", entry_id="deadline"))
    assert part["language"] == "fr"
    assert [part[name] for name in ("text", "start", "end")] == [entry[name] for name in ("text", "start", "end")]
    assert part["next_start"] is None
    assert [e["entry_id"] for e in part["entries"]] == ["deadline"]
    cut = structured(call(address, "read_document", doc_id="faq", entry_id="deadline", max_chars=5))
    assert cut["next_start"] == entry["start"] + 5
    rest = structured(call(address, "read_document", doc_id="faq", entry_id="deadline", start=cut["next_start"]))
    assert cut["text"] + rest["text"] == entry["text"]


def test_citations_of_an_answer_verify_and_others_do_not(address: str) -> None:
    citation = structured(call(address, "ask", question=QUESTION))["passages"][0]["citation"]
    wanted = ("doc_id", "language", "quote", "start", "end", "passage_id", "text", "sha256")
    claim = {name: citation[name] for name in wanted}
    assert structured(call(address, "verify_citation", **claim)) == {
        "valid": True,
        "reason": None,
        "document_sha256": citation["sha256"],
    }
    altered = structured(call(address, "verify_citation", **{**claim, "quote": claim["quote"].upper()}))
    assert altered["valid"] is False
    assert "otherwise" in altered["reason"]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("ask", {"question": "   "}, "empty"),
        ("ask", {"question": "x" * 2001}, "2001 characters. Use at most 2000"),
        ("ask", {"question": QUESTION, "language": "xx"}, "'xx' is unknown"),
        ("ask", {"question": QUESTION, "documents": ["atlas"]}, "'atlas' is unknown"),
        ("ask", {"question": QUESTION, "top_k": 11}, "top_k"),
        ("ask", {}, "question"),
        ("search", {"query": " "}, "empty"),
        ("search", {"query": QUESTION, "language": "xx"}, "'xx' is unknown"),
        ("search", {"query": QUESTION, "documents": ["atlas"]}, "'atlas' is unknown"),
        ("read_document", {"doc_id": "atlas"}, "'atlas' is unknown. Use one of faq"),
        ("read_document", {"doc_id": "faq", "language": "xx"}, "no version in 'xx'. Use one of en, fr"),
        ("read_document", {"doc_id": "faq", "entry_id": "none"}, "no entry 'none'"),
        ("read_document", {"doc_id": "faq", "start": 10**6}, "Begin before that"),
        ("verify_citation", {"doc_id": "faq", "language": "fr", "quote": "", "start": 0, "end": 1}, "quote"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(address: str, tool: str, arguments: dict[str, Any], said: str) -> None:
    assert said in refusal(call(address, tool, **arguments))


def test_results_fit_the_schemas_that_were_announced(address: str) -> None:
    """The SDK's client checks each result against the schema that the tool was listed with."""

    async def run(client: Client) -> list[dict[str, Any]]:
        await client.list_tools()
        asked = {"ask": {"question": QUESTION}, "search": {"query": QUESTION}, "read_document": {"doc_id": "faq"}}
        return [structured(await client.call_tool(name, arguments)) for name, arguments in asked.items()]

    answer, hits, document = talk(address, run)
    assert AnswerResponse.model_validate(answer).outcome == "answered"
    assert SearchResponse.model_validate(hits).hits
    assert DocumentText.model_validate(document).doc_id == "faq"


def test_unprompted_reads_do_not_open_a_session(address: str) -> None:
    """Stateless: each request stands alone, and no session is handed out."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    response = httpx2.post(address, json=body, headers={"Accept": "application/json, text/event-stream"})
    assert response.status_code == 200
    assert {tool["name"] for tool in response.json()["result"]["tools"]} == TOOLS
    assert "mcp-session-id" not in response.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "faq.example.eu"}, 200),
        ({"Origin": "https://faq.example.eu"}, 200),
        ({"Host": "localhost:8000"}, 200),
    ],
)
def test_on_loopback_only_known_names_are_answered(built_index: Path, headers: dict[str, str], status: int) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    app = create_app(make_settings(mcp_hosts=["faq.example.eu"]), lambda _: toy_engine(built_index))
    accept = {"Accept": "application/json, text/event-stream", "Host": "127.0.0.1"}
    with TestClient(app) as opened:
        response = opened.post("/mcp", json=body, headers=accept | headers)
    assert response.status_code == status
    if status != 200:
        assert response.headers["content-type"] == "application/problem+json"
        assert "MCP_HOSTS" in response.json()["detail"]


@pytest.mark.parametrize("changes", [{"host": "0.0.0.0"}, {"mcp_hosts": ["*"]}])
def test_elsewhere_every_name_is_answered(built_index: Path, changes: dict[str, Any]) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    with TestClient(create_app(make_settings(**changes), lambda _: toy_engine(built_index))) as opened:
        headers = {"Accept": "application/json, text/event-stream"}
        assert opened.post("/mcp", json=body, headers=headers).status_code == 200


def test_without_an_index_the_tools_say_so() -> None:
    def missing(_: Settings) -> Engine:
        raise IndexMissing("There is no index. Run `make index`.")

    with serving(create_app(make_settings(), missing)) as found:
        for tool, arguments in (("ask", {"question": QUESTION}), ("read_document", {"doc_id": "faq"})):
            assert "make index" in refusal(call(f"{found}/mcp", tool, **arguments))


def test_before_the_start_it_says_when_to_come_back(built_index: Path) -> None:
    app = create_app(make_settings(), lambda _: toy_engine(built_index))
    response = TestClient(app).post("/mcp", json={})
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"


def test_the_protocol_is_loaded_for_the_first_request_only(built_index: Path) -> None:
    asked = """if True:
        import sys
        from pathlib import Path
        from channel_support import toy_engine
        from conftest import make_settings
        from fastapi.testclient import TestClient
        from service.app import create_app

        with TestClient(create_app(make_settings(), lambda _: toy_engine(Path(sys.argv[1])))) as client:
            client.post("/v1/answers", json={"question": "can we withdraw"}).raise_for_status()
            print("mcp" in sys.modules)
            client.post("/mcp", json={})
            print("mcp" in sys.modules)
        """
    command = [sys.executable, "-c", asked, str(built_index)]
    path = f"{CHECKOUT}:{CHECKOUT / 'tests'}"
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_an_application_can_be_started_twice(built_index: Path) -> None:
    app = create_app(make_settings(), lambda _: toy_engine(built_index))
    for _ in range(2):
        with serving(app) as found:
            assert structured(call(f"{found}/mcp", "ask", question=QUESTION))["outcome"] == "answered"


def test_command_without_an_index_names_the_remedy(tmp_path: Path) -> None:
    environment = {**os.environ, "INDEX_DIR": str(tmp_path), "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "service", "mcp"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "make index" in done.stderr
    assert done.stdout == ""


def test_command_serves_the_real_index() -> None:
    try:
        settings = make_settings()
        make_pipeline(settings, make_encoder(settings))
    except IndexProblem as error:
        pytest.skip(f"The real index is not there: {error}")
    server = StdioServerParameters(command=sys.executable, args=["-m", "service", "mcp"], cwd=str(CHECKOUT))
    found = structured(
        call(server, "verify_citation", doc_id="faq-signing", language="fr", quote="Oui", start=0, end=3)
    )
    assert found["valid"] is False
    assert found["document_sha256"]


def test_over_standard_streams_a_new_snapshot_answers_without_a_new_start(
    index_root: Path, corpus_folder: Path
) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(CHECKOUT / "tests" / "toy_server.py"), "mcp"],
        env={"PYTHONPATH": str(CHECKOUT), "INDEX_DIR": str(index_root), "INDEX_POLL_MS": "20"},
        cwd=str(index_root.parent),
    )

    async def run(opened: Client) -> None:
        async def version() -> str:
            told = structured(await opened.call_tool("ask", {"question": QUESTION, "language": "en"}))
            return str(told["index"]["version"])

        assert await version() == current_version(index_root)
        (corpus_folder / "questions/unanswered/en.yaml").write_text(NEGATIVES + '  - "one more"\n')
        collection = read_collection(corpus_folder)
        manifest, _ = build_snapshot(collection, ToyEncoder(), index_root, threads=1, progress=lambda *_: None)
        for _ in range(2400):
            if await version() == manifest.version:
                return
            await anyio.sleep(0.05)
        raise AssertionError("the new snapshot never answered")

    talk(server, run)


def test_the_same_tools_over_standard_streams(built_index: Path, client: TestClient) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=[str(CHECKOUT / "tests" / "channel_support.py"), str(built_index)],
        env={"PYTHONPATH": str(CHECKOUT)},
        cwd=str(CHECKOUT),
    )

    async def run(opened: Client) -> tuple[set[str], dict[str, Any], dict[str, Any]]:
        names = {tool.name for tool in (await opened.list_tools()).tools}
        asked = structured(await opened.call_tool("ask", {"question": QUESTION}))
        return names, asked, structured(await opened.call_tool("read_document", {"doc_id": "faq"}))

    names, asked, read = talk(server, run)
    assert names == TOOLS
    assert asked["passages"] == client.post("/v1/answers", json={"question": QUESTION}).json()["passages"]
    assert read["text"] == client.get("/v1/documents/faq").json()["text"]
