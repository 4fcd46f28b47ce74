"""The HTTP service, as the contract has it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi import Query as Parameter
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp
from threadpoolctl import threadpool_limits
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from corpus.documents import Document, reference_document
from corpus.languages import EU_LANGUAGES, LANGUAGES
from index.errors import IndexProblem
from service.admin import router as admin_router
from service.channels.mcp_door import install_mcp, mcp_running
from service.channels.openai import install_chat
from service.channels.slack import slack_router
from service.channels.teams import teams_router
from service.citations import verify_citation
from service.desk import desk_of
from service.doors import Door, describe_door
from service.engine import Engine, make_encoder
from service.keeper import Keeper, Opener
from service.keys import KeyFile
from service.limits import BodyLimit, SecurityHeaders, TimeLimit
from service.logs import configure_logging
from service.observability import FEEDBACK, QUESTIONS_ROOM, metrics_response, show_index
from service.pipeline import Ask, Pipeline
from service.problems import PROBLEM_RESPONSES, PROBLEM_TYPE, Refusal, install_problem_handlers
from service.question_writer import questions_kept
from service.schemas import (
    AnswerRequest,
    AnswerResponse,
    DocumentInfo,
    DocumentResponse,
    DocumentsResponse,
    EntryOut,
    FeedbackRequest,
    FeedbackResponse,
    Health,
    LanguageCode,
    LanguageInfo,
    LanguagesResponse,
    SearchResponse,
    VerifyRequest,
    VerifyResponse,
    VersionInfo,
)
from service.settings import Settings
from service.sources import source_of
from service.summary import summariser_running
from service.texts import text_languages, texts
from service.tracing import open_tracing
from service.version import VERSION
from service.visits import Visits

_WEB = Path(__file__).parent / "web"

DESCRIPTION = """Answers questions on the General-Purpose AI Code of Practice in the languages of the Union, quoted
to the character, each with a citation that can be checked by slicing the cited document."""

# Browsers ask each time whether a file has changed (a few bytes when not): modules of two versions never mix.
_REVALIDATE = {"Cache-Control": "no-cache"}


class WebFiles(StaticFiles):
    """The page's files, revalidated at each use."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:
        response = super().file_response(*arguments, **named)
        response.headers.update(_REVALIDATE)
        return response


router = APIRouter(responses=PROBLEM_RESPONSES)


@router.post("/v1/answers", tags=["answers"], summary="Answer a question with quotes and citations")
async def answers(body: AnswerRequest, request: Request) -> AnswerResponse:
    desk = desk_of(request.app)
    documents = None if body.documents is None else tuple(body.documents)
    return await desk.written(await desk.answer(Ask(body.question, body.language, body.top_k, documents, body.as_of)))


@router.get("/v1/search", tags=["answers"], summary="Ranked passages, without judgement")
async def search(
    request: Request,
    q: Annotated[str, Parameter(min_length=1, description="The question", json_schema_extra={"pattern": r"\S"})],
    k: Annotated[int, Parameter(ge=1, le=100, description="At most so many passages")] = 10,
    language: Annotated[LanguageCode | None, Parameter(description="Language of the question")] = None,
    documents: Annotated[str | None, Parameter(description="Document ids, separated by commas")] = None,
) -> SearchResponse:
    chosen = None if documents is None else [part.strip() for part in documents.split(",") if part.strip()]
    return await desk_of(request.app).search(q, k, language, chosen, field="q")


@router.get("/v1/languages", tags=["corpus"], summary="Languages that are understood, and what stands in them")
def languages(request: Request) -> LanguagesResponse:
    snapshot = desk_of(request.app).engine.snapshot
    return LanguagesResponse(
        languages=[
            LanguageInfo(
                code=code,
                name=name,
                eu=code in EU_LANGUAGES,
                documents=[doc_id for doc_id, versions in snapshot.documents.items() if code in versions],
                questions=snapshot.question_counts.get(code, 0),
            )
            for code, name in LANGUAGES.items()
        ]
    )


@router.get("/v1/documents", tags=["corpus"], summary="The documents of the corpus")
def documents(request: Request) -> DocumentsResponse:
    desk = desk_of(request.app)
    return DocumentsResponse(
        documents=[_document_info(versions) for versions in desk.engine.snapshot.documents.values()],
        index=desk.index_out(),
    )


def _document_info(versions: Mapping[str, Document]) -> DocumentInfo:
    reference = reference_document(versions)
    return DocumentInfo(
        doc_id=reference.doc_id,
        title=reference.title,
        url=reference.url,
        publisher=reference.publisher,
        authority=reference.authority,
        licence=reference.licence,
        published=reference.published,
        retrieved=reference.retrieved,
        reference_language=reference.language,
        entries=len(reference.entries),
        versions=[
            VersionInfo(language=v.language, title=v.title, authority=v.authority, sha256=v.sha256)
            for v in versions.values()
        ],
    )


@router.get("/v1/documents/{doc_id}", tags=["corpus"], summary="One document as stored, with its entries")
def document(
    doc_id: str,
    request: Request,
    language: Annotated[
        str | None, Parameter(description="Which version; the reference version when not given")
    ] = None,
) -> DocumentResponse:
    snapshot = desk_of(request.app).engine.snapshot
    versions = snapshot.documents.get(doc_id)
    if versions is None:
        raise Refusal(404, f"The document {doc_id!r} is unknown. Use one of {', '.join(snapshot.documents)}.")
    if language is not None and language not in versions:
        raise Refusal(404, f"{doc_id} has no version in {language!r}. Use one of {', '.join(versions)}.")
    found = versions[language] if language is not None else reference_document(versions)
    return DocumentResponse(
        **{name: getattr(found, name) for name in DocumentResponse.model_fields if name != "entries"},
        entries=[
            EntryOut(
                entry_id=entry.entry_id,
                heading=list(entry.path),
                reference=entry.reference,
                url=entry.url or found.url,
                text=found.body(entry),
                start=entry.start,
                end=entry.end,
            )
            for entry in found.entries
        ],
    )


@router.post("/v1/citations/verify", tags=["corpus"], summary="Does a citation hold to the character?")
def verify(body: VerifyRequest, request: Request) -> VerifyResponse:
    return verify_citation(body, desk_of(request.app).engine.snapshot)


@router.post("/v1/feedback", tags=["answers"], summary="Say whether an answer helped", status_code=202)
async def feedback(body: FeedbackRequest, request: Request) -> FeedbackResponse:
    FEEDBACK.labels(helpful=str(body.helpful).lower()).inc()
    if request.app.state.writer is not None:
        request.app.state.writer.put((body.id, body.helpful))
    return FeedbackResponse(accepted=True)


@router.get("/v1/texts/{language}", tags=["interface"], summary="Texts of the user interface")
async def interface_texts(request: Request, language: str) -> dict[str, dict[str, str]]:
    if language not in text_languages():
        raise Refusal(404, f"There are no texts in {language!r}. Use one of {', '.join(text_languages())}.")
    told = texts(language)
    if request.app.state.settings.question_log_file is None:
        return told
    return {**told, "page": {**told["page"], "privacy": ""}}  # the page does not say that nothing is stored


@router.get("/healthz", tags=["operation"], summary="The process is alive")
async def healthz() -> Health:
    return Health(status="ok")


@router.get(
    "/readyz", tags=["operation"], summary="Questions can be answered; if not, why", responses={503: {"model": Health}}
)
async def readyz(request: Request, response: Response) -> Health:
    engine: Engine | None = request.app.state.engine
    if engine is None:
        response.status_code = 503
        return Health(status="unready", reason=request.app.state.problem)
    # An older snapshot may answer because the newest was refused: ready, and the reason says so.
    return Health(status="ok", reason=request.app.state.problem, index=desk_of(request.app).index_out())


@router.get("/metrics", tags=["operation"], summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    _show_gauges(request.app.state.settings, request.app.state.engine)
    return metrics_response()


def _show_gauges(settings: Settings, engine: Engine | None) -> None:
    """What is so of this process now. Each of several workers says it of itself, whichever is asked for metrics."""
    show_index(None if engine is None else engine.snapshot.manifest)
    QUESTIONS_ROOM.set(settings.concurrent_questions + settings.queued_questions)


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    return FileResponse(_WEB / "index.html", headers=_REVALIDATE)


@router.get("/docs", include_in_schema=False)
async def documentation() -> FileResponse:
    """The API's description for people. FastAPI's own page loads its script from a third party and runs inline code."""
    return FileResponse(_WEB / "docs.html", headers=_REVALIDATE)


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        # Outermost, so that a fault has them too.
        return SecurityHeaders(Visits(super().build_middleware_stack(), self.state.tracing))

    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, methods in described["paths"].items():
            for operation in methods.values():
                if "chat" in operation["tags"]:
                    operation["responses"].pop("422", None)  # FastAPI adds it; there it is 400 in that API's shape
                describe_door(path, operation)
                for response in operation["responses"].values():
                    content = response.get("content", {})
                    if PROBLEM_TYPE in content and "application/json" in content:  # FastAPI knows no other type
                        content[PROBLEM_TYPE] = content.pop("application/json")
        return described


def configured_app() -> FastAPI:
    """The application as the environment sets it, for each worker process to make; its logs go where they should."""
    settings = Settings()
    configure_logging(settings)
    # Questions run beside each other: two threads for one's matrices only take the other's processor (eval/LOG.md).
    threadpool_limits(1, user_api="blas")
    return create_app(settings)


def create_app(
    settings: Settings,
    load: Callable[[Settings], Engine] | None = None,
    open_version: Callable[[str], Pipeline] | None = None,
) -> FastAPI:
    """The application. The index is loaded at start, and new snapshots are taken up while it runs; without any it
    serves `/healthz` and says why it is not ready. `load` brings an engine that stays; `open_version` another way to
    open a snapshot."""

    @contextmanager
    def engine_kept(app: FastAPI) -> Iterator[None]:
        if load is not None:
            try:
                app.state.engine = load(settings)
                app.state.problem = None
            except IndexProblem as error:
                app.state.problem = str(error)
            yield
            return
        source = source_of(settings)
        keeper = Keeper(settings, open_version or Opener(settings, make_encoder, source), source)

        def show() -> None:
            app.state.engine, app.state.problem = keeper.engine, keeper.problem
            _show_gauges(settings, keeper.engine)

        _show_gauges(settings, None)
        keeper.refresh()
        show()
        with keeper.watching(show):
            yield

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with engine_kept(app), questions_kept(settings) as app.state.writer:
            async with summariser_running(settings) as summariser, mcp_running(app):
                app.state.summariser = summariser
                yield
        app.state.tracing.close()
        app.state.engine = None

    app = _Application(
        title="GPAI Code of Practice: questions and answers",
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    )
    app.state.settings = settings
    app.state.writer = None
    app.state.tracing = open_tracing(settings.otlp_endpoint)
    app.state.engine = None
    app.state.summariser = None
    app.state.problem = "The index is being loaded."
    install_problem_handlers(app)
    app.include_router(router)
    app.include_router(admin_router)
    app.mount("/static", WebFiles(directory=_WEB), name="static")
    swagger_ui = find_spec("fastapi_offline")  # a package that carries Swagger UI's files
    if swagger_ui is not None and swagger_ui.origin is not None:
        app.mount("/docs/files", WebFiles(directory=Path(swagger_ui.origin).parent / "static"), name="docs")
    app.include_router(slack_router(settings))
    app.include_router(teams_router(settings))
    install_mcp(app)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, larger={"/v1/chat/": settings.max_chat_body_bytes})
    app.add_middleware(Door, settings, KeyFile(settings.api_keys_file))
    app.add_middleware(TimeLimit, timeout_ms=settings.request_timeout_ms)
    install_chat(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["*"],  # those that a page asks for: Authorization, and what chat and MCP clients add
            expose_headers=["Retry-After", "WWW-Authenticate", "X-Request-ID", "Mcp-Session-Id"],
        )
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    return app
