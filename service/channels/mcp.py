"""The Model Context Protocol: `/mcp` over HTTP (stateless) and `python -m service mcp` over standard streams.

Source: https://modelcontextprotocol.io/specification, by the official SDK. Four tools, each with a schema for what it
takes and what it gives; every answer carries the same citations as `POST /v1/answers`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field, ValidationError
from starlette.applications import Starlette

from corpus.documents import Authority, Document, reference_document
from service.channels.rendering import markdown, reply
from service.citations import verify_citation as verify
from service.desk import Desk
from service.pipeline import Ask
from service.problems import Refusal
from service.schemas import AnswerResponse, SearchResponse, Strict, VerifyRequest, VerifyResponse
from service.settings import Settings
from service.version import VERSION

INSTRUCTIONS = """Answers questions about signing the EU's General-Purpose AI Code of Practice, in any language, with
word-for-word quotes from the official texts. Use `ask` first. Pass its quotes and links on unchanged. When the outcome
is not `answered`, say so: the passages are then at most related. Passages can be read in context with `read_document`,
by their offsets, and checked with `verify_citation`."""

_MAX_CHARS = 20_000
_READ_ONLY = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

Question = Annotated[str, Field(description="The question, in any language, in the asker's own words.", min_length=1)]
Language = Annotated[str | None, Field(description="ISO 639-1 code; null: the question's own.", pattern="^[a-z]{2}$")]
Documents = Annotated[list[str] | None, Field(description="Ids of the documents to search; null: all.", min_length=1)]


class EntrySpan(Strict):
    """A citable entry and where its text stands in the document, in characters, half-open."""

    entry_id: str
    heading: list[str]
    reference: str
    start: int
    end: int


class DocumentText(Strict):
    """A part of a stored document: `text` stands at `start` to `end` of its `total_chars` characters, `next_start` is
    where the next part begins, null at the end. `sha256` is the whole document's."""

    doc_id: str
    language: str
    languages: list[str] = Field(description="Languages that the document can be read in.")
    title: str
    url: str
    publisher: str
    authority: Authority
    licence: str
    published: str
    retrieved: str
    sha256: str
    text: str
    start: int
    end: int
    total_chars: int
    next_start: int | None
    entries: list[EntrySpan] = Field(description="The entries that the text touches.")


def make_server(desk: Callable[[], Desk]) -> MCPServer:
    """The server with its tools; `desk` is called for each of them, and may raise Refusal."""
    # The SDK sets up logging for the whole process unless someone has; that is not a channel's business.
    silent = logging.NullHandler()
    logging.root.addHandler(silent)
    try:
        server = MCPServer("gpai-faq", title="GPAI Code of Practice FAQ", instructions=INSTRUCTIONS, version=VERSION)
    finally:
        logging.root.removeHandler(silent)

    @server.tool(title="Ask a question", annotations=_READ_ONLY)
    async def ask(
        question: Question,
        language: Language = None,
        top_k: Annotated[int, Field(ge=1, le=10, description="At most so many passages.")] = 3,
        documents: Documents = None,
        as_of: Annotated[date | None, Field(description="Day that dates are compared with; null: today.")] = None,
    ) -> Annotated[CallToolResult, AnswerResponse]:
        """Answer a question with word-for-word quotes and citations. The outcome is `answered`, `low_confidence`
        (passages perhaps related, not an answer), `no_match` or `out_of_scope`."""
        chosen = None if documents is None else tuple(documents)
        with_desk = _open(desk)
        try:
            answer = await with_desk.answer(Ask(question.strip(), language, top_k, chosen, as_of))
        except Refusal as error:
            raise ToolError(error.detail) from error
        out = await with_desk.written(answer)
        text = TextContent(type="text", text=markdown(reply(out)))
        return CallToolResult(content=[text], structured_content=out.model_dump(mode="json"))

    @server.tool(title="Search the texts", annotations=_READ_ONLY)
    async def search(
        query: Question,
        k: Annotated[int, Field(ge=1, le=100, description="At most so many passages.")] = 10,
        language: Language = None,
        documents: Documents = None,
    ) -> SearchResponse:
        """Ranked passages for a query, without judging whether they answer it."""
        try:
            return await _open(desk).search(query, k, language, documents)
        except Refusal as error:
            raise ToolError(error.detail) from error

    @server.tool(title="Read a document", annotations=_READ_ONLY)
    async def read_document(
        doc_id: Annotated[str, Field(description="Id of the document, as citations give it.")],
        language: Annotated[str | None, Field(description="Which version; null: the reference version.")] = None,
        entry_id: Annotated[str | None, Field(description="Read only this entry.")] = None,
        start: Annotated[int, Field(ge=0, description="First character, where no entry is named.")] = 0,
        max_chars: Annotated[int, Field(ge=1, le=_MAX_CHARS, description="At most so many characters.")] = _MAX_CHARS,
    ) -> DocumentText:
        """Read a stored document, or one of its entries, with the offsets that citations refer to."""
        opened = _open(desk)
        return _read(opened, _version(opened, doc_id, language), entry_id, start, max_chars)

    @server.tool(title="Verify a citation", annotations=_READ_ONLY)
    async def verify_citation(
        doc_id: Annotated[str, Field(description="Id of the cited document.")],
        *,
        language: Annotated[str, Field(description="Language of the cited text.")],
        quote: Annotated[str, Field(min_length=1, description="The quote, to the character.")],
        start: Annotated[int, Field(ge=0, description="Where it begins in its passage, or in `text`.")],
        end: Annotated[int, Field(ge=0, description="Where it ends, half-open.")],
        passage_id: Annotated[str | None, Field(description="The cited passage.")] = None,
        text: Annotated[str | None, Field(description="The passage's text as cited.")] = None,
        sha256: Annotated[str | None, Field(description="The document's checksum as cited.")] = None,
    ) -> VerifyResponse:
        """Whether a citation holds to the character in the document as stored now; if not, why."""
        snapshot = _open(desk).engine.snapshot
        try:
            claim = VerifyRequest(
                doc_id=doc_id,
                language=language,
                quote=quote,
                start=start,
                end=end,
                passage_id=passage_id,
                text=text,
                sha256=sha256,
            )
        except ValidationError as error:
            raise ToolError(str(error)) from error
        return verify(claim, snapshot)

    return server


def _open(desk: Callable[[], Desk]) -> Desk:
    """The desk. Raises ToolError while there is no index."""
    try:
        return desk()
    except Refusal as error:
        raise ToolError(error.detail) from error


def _version(desk: Desk, doc_id: str, language: str | None) -> Document:
    """The version asked for, else the one that is cited. Raises ToolError naming what is known."""
    documents = desk.engine.snapshot.documents
    versions = documents.get(doc_id)
    if versions is None:
        raise ToolError(f"The document {doc_id!r} is unknown. Use one of {', '.join(documents)}.")
    if language is not None and language not in versions:
        raise ToolError(f"{doc_id} has no version in {language!r}. Use one of {', '.join(versions)}, or null.")
    return versions[language] if language is not None else reference_document(versions)


def _read(desk: Desk, document: Document, entry_id: str | None, start: int, max_chars: int) -> DocumentText:
    """A part of a document: from `start` on, or of an entry. Raises ToolError for what is not there."""
    doc_id = document.doc_id
    first, last = start, len(document.text)
    if entry_id is not None:
        try:
            entry = document.entry(entry_id)
        except KeyError as error:
            known = ", ".join(e.entry_id for e in document.entries[:20])
            raise ToolError(f"{doc_id} has no entry {entry_id!r}. It has {known} ...") from error
        first, last = max(entry.start, min(start, entry.end)), entry.end
    if first > len(document.text):
        raise ToolError(f"start is {start}, but {doc_id} has {len(document.text)} characters. Begin before that.")
    end = min(last, first + max_chars)
    return DocumentText(
        doc_id=doc_id,
        language=document.language,
        languages=list(desk.engine.snapshot.documents[doc_id]),
        title=document.title,
        url=document.url,
        publisher=document.publisher,
        authority=document.authority,
        licence=document.licence,
        published=document.published,
        retrieved=document.retrieved,
        sha256=document.sha256,
        text=document.text[first:end],
        start=first,
        end=end,
        total_chars=len(document.text),
        next_start=end if end < last else None,
        entries=[
            EntrySpan(
                entry_id=entry.entry_id,
                heading=list(entry.path),
                reference=entry.reference,
                start=entry.start,
                end=entry.end,
            )
            for entry in document.entries
            if entry.start < end and entry.end > first
        ],
    )


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _security(settings: Settings) -> TransportSecuritySettings:
    """Which Host and Origin headers are served: on loopback only loopback names and those of the settings, so that no
    web page can reach a local server by rebinding its name; elsewhere all, since everything served is public."""
    if settings.host not in _LOOPBACK or "*" in settings.mcp_hosts:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = ["127.0.0.1", "localhost", "[::1]", *settings.mcp_hosts]
    return TransportSecuritySettings(
        allowed_hosts=[form for host in hosts for form in (host, f"{host}:*")],
        allowed_origins=[
            f"{scheme}://{form}" for scheme in ("http", "https") for host in hosts for form in (host, f"{host}:*")
        ],
    )


def make_http_app(server: MCPServer, settings: Settings) -> Starlette:
    """The server over streamable HTTP at `/mcp`; answers while `server.session_manager.run()` is open."""
    return server.streamable_http_app(
        streamable_http_path="/mcp",
        json_response=True,
        stateless_http=True,
        max_request_body_size=settings.max_body_bytes,
        transport_security=_security(settings),
    )


def serve_stdio(desk: Callable[[], Desk]) -> None:
    """Serve over standard input and output until the input ends; `desk` is called for each tool."""
    make_server(desk).run("stdio")
