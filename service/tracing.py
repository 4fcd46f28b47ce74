"""OpenTelemetry traces, where a setting says so: a span for each request, and one for each stage of an answer.

The packages are an optional group (`traces` in pyproject.toml, requirements-traces.lock). No span holds a question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from service.version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

_INSTALL = (
    "`pip install -r requirements-traces.lock` installs what OTLP_ENDPOINT needs; without it there are no traces."
)


class TracingUnavailable(RuntimeError):  # noqa: N818 - said to whoever runs the service
    """Traces are wanted, but their packages are not installed."""


class RequestSpan:
    """What a request's span is told at its end; nothing where there are no traces."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def finish(self, name: str, status: int, facts: Mapping[str, object]) -> None:
        if self._span is None:
            return
        self._span.update_name(name)
        self._span.set_attribute("http.response.status_code", status)
        for fact, value in facts.items():
            self._span.set_attribute("http.route" if fact == "route" else f"faq.{fact}", value)
        if status >= 500:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR))


class Tracing:
    """No traces."""

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        """The span of a request, as a child of the caller's where it sent `traceparent`."""
        yield RequestSpan()

    def close(self) -> None:
        """Send what waits."""


_tracer: ContextVar[Any] = ContextVar("tracer", default=None)


class OtlpTracing(Tracing):
    """Traces sent by OTLP over HTTP, in batches. Raises TracingUnavailable when its packages are not installed."""

    def __init__(self, endpoint: str, exporter: SpanExporter | None = None) -> None:
        """`endpoint` is a collector's base address, such as http://localhost:4318."""
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TracingUnavailable(f"OpenTelemetry is not installed ({error.name}). {_INSTALL}") from error
        resource = Resource.create({"service.name": "gpai-faq", "service.version": VERSION})
        self._provider = TracerProvider(resource=resource)
        chosen = exporter or OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(chosen))
        self._own = self._provider.get_tracer("gpai-faq", VERSION)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[RequestSpan]:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({k: v for k, v in headers.items() if k.startswith("trace")})
        token = _tracer.set(self._own)
        try:
            # An exception's message may hold a question: the span is told of the fault by its status only.
            with self._own.start_as_current_span(
                method, parent, SpanKind.SERVER, {"http.request.method": method},
                record_exception=False, set_status_on_exception=False,
            ) as span:  # fmt: skip
                yield RequestSpan(span)
        finally:
            _tracer.reset(token)

    def close(self) -> None:
        self._provider.shutdown()


@contextmanager
def span(name: str) -> Iterator[None]:
    """A part of the request being worked on; nothing where it is not traced."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False):
        yield


def open_tracing(endpoint: str | None) -> Tracing:
    """Raises TracingUnavailable."""
    return Tracing() if endpoint is None else OtlpTracing(endpoint)
