"""Seeing inside: request ids, log lines, metrics, traces, and the dashboard and alerts made of them."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
import yaml
from conftest import CHECKOUT, MAILBOX, FixedDetector, constant_judge, make_settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.testclient import TestClient

from index.errors import IndexMissing
from index.hybrid import HybridRetriever
from service.app import create_app
from service.engine import Engine
from service.logs import JsonFormatter, TextFormatter, configure_logging
from service.pipeline import Ask, Pipeline
from service.settings import Settings
from service.tracing import TracingUnavailable, open_tracing
from service.visits import request_id_of

QUESTION = "can we withdraw our signature"
OPERATIONS = CHECKOUT / "service" / "operations"


# Request ids


def test_the_clients_request_id_comes_back(client: TestClient) -> None:
    for path, status in (("/healthz", 200), ("/no-such", 404), ("/v1/search", 422), ("/v1/admin/index", 401)):
        response = client.get(path, headers={"X-Request-ID": "trace-7.A_b"})
        assert (response.status_code, response.headers["x-request-id"]) == (status, "trace-7.A_b")


@pytest.mark.parametrize("sent", [None, "", "a" * 65, "a b", "a\nb", "é", "{}", "can we sign?"])
def test_what_is_no_id_is_replaced(sent: str | None) -> None:
    assert re.fullmatch("[0-9a-f]{32}", request_id_of(sent))
    assert request_id_of(sent) != request_id_of(sent)


def test_a_fault_has_an_id_too(retriever: HybridRetriever) -> None:
    class Failing(Pipeline):
        def answer(self, ask: Ask) -> Any:
            raise RuntimeError(ask.question)

    failing = Failing(retriever, constant_judge(), FixedDetector("en"), MAILBOX)
    with TestClient(
        create_app(make_settings(), lambda chosen: Engine(chosen, failing)), raise_server_exceptions=False
    ) as client:
        response = client.post("/v1/answers", json={"question": QUESTION}, headers={"X-Request-ID": "abc"})
        metrics = client.get("/metrics").text
    assert (response.status_code, response.headers["x-request-id"]) == (500, "abc")
    assert 'faq_http_requests_total{method="POST",route="/v1/answers",status="500"}' in metrics


# Logs


def test_a_request_is_one_line_that_tells_what_became_of_it(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "service.visits"):
        client.post("/v1/answers", json={"question": QUESTION}, headers={"X-Request-ID": "abc"})
    (record,) = (record for record in caplog.records if record.name == "service.visits")
    told = json.loads(JsonFormatter().format(record))
    assert told["duration_ms"] > 0 and told["index"] and told["time"].endswith("Z")
    assert {name: told[name] for name in ("level", "logger", "method", "route", "status", "request_id", "outcome")} == {
        "level": "info", "logger": "service.visits", "method": "POST", "route": "/v1/answers", "status": 200,
        "request_id": "abc", "outcome": "answered",
    }  # fmt: skip
    line = TextFormatter().format(record)
    assert "route=/v1/answers" in line and "request_id=abc" in line and "\n" not in line
    assert QUESTION not in line and QUESTION not in json.dumps(told)


def fault() -> logging.LogRecord:
    try:
        try:
            raise KeyError("a secret key")
        except KeyError as error:
            raise ExceptionGroup("secrets", [ValueError("a secret value")]) from error
    except ExceptionGroup:
        return logging.LogRecord("service.x", logging.ERROR, __file__, 1, "Fault: %s", ("it",), sys.exc_info())


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_fault_is_told_by_type_and_place_and_not_by_its_message(formatter: logging.Formatter) -> None:
    line = formatter.format(fault())
    assert all(
        name in line for name in ("KeyError", "ExceptionGroup", "ValueError", "test_service_seeing.py", "Fault: it")
    )
    assert "secret" not in line.replace('raise KeyError("a secret key")', "").replace(
        'raise ExceptionGroup("secrets", [ValueError("a secret value")])', ""
    ).replace(r'raise KeyError(\"a secret key\")', "").replace(
        r'raise ExceptionGroup(\"secrets\", [ValueError(\"a secret value\")])', ""
    )  # fmt: skip


def test_what_other_libraries_say_is_withheld_and_lines_stay_whole() -> None:
    foreign = logging.LogRecord("asyncio", logging.ERROR, "x.py", 7, "Task failed: a secret", (), None)
    assert "secret" not in JsonFormatter().format(foreign) and "x:7" in TextFormatter().format(foreign)
    forged = logging.LogRecord("service.x", logging.INFO, "x.py", 7, "one\n2026 INFO forged", (), None)
    assert "\n" not in TextFormatter().format(forged) and "\n" not in JsonFormatter().format(forged)


def test_logging_is_set_up_as_the_settings_say(capsys: pytest.CaptureFixture[str]) -> None:
    root, handlers, level = logging.root, logging.root.handlers[:], logging.root.level
    try:
        configure_logging(make_settings(log_format="json", log_level="warning"))
        logging.getLogger("service.x").warning("heard")
        logging.getLogger("service.x").info("not heard")
        logging.getLogger("uvicorn.access").info("GET /v1/search?q=secret")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("uvicorn.access").disabled = False
        for name in ("service", "index", "corpus", "uvicorn", "uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "heard"


# Metrics


def samples(client: TestClient) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def test_metrics_tell_time_by_stage_confidence_index_and_queue(client: TestClient) -> None:
    before = samples(client)
    found = client.post("/v1/answers", json={"question": f"{QUESTION} now"}).json()
    after = samples(client)

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0)

    for stage in ("wait", "detect", "search", "judge", "quote"):
        assert grown(f'faq_stage_seconds_count{{stage="{stage}"}}') == 1, stage
    assert grown('faq_answer_confidence_bucket{le="1.0",outcome="answered"}') == 1
    assert grown('faq_answer_confidence_bucket{le="0.8",outcome="answered"}') == 0
    assert grown('faq_http_requests_total{method="POST",route="/v1/answers",status="200"}') == 1
    (index,) = (name for name, value in after.items() if name.startswith("faq_index_info") and value == 1)
    assert f'version="{found["index"]["version"]}"' in index
    assert 0 < after["faq_index_built_timestamp_seconds"] < after["process_start_time_seconds"] + 1e6
    settings = make_settings()
    assert after["faq_questions_room"] == settings.concurrent_questions + settings.queued_questions
    assert (after["faq_ready"], after["faq_questions_inside"]) == (1, 0)


def test_metrics_say_that_there_is_no_index() -> None:
    def load(chosen: Settings) -> Engine:
        raise IndexMissing("There is no index.")

    with TestClient(create_app(make_settings(), load)) as client:
        assert samples(client)["faq_ready"] == 0


def test_no_path_and_no_method_of_strangers_becomes_a_label(client: TestClient) -> None:
    client.get("/xylophone/7")
    client.request("XYLOPHONE", "/v1/answers")
    client.get("/v1/documents/xylophone")
    client.get("/static/xylophone.js")
    text = client.get("/metrics").text
    assert "xylophone" not in text.lower()
    assert 'route="/v1/documents/{doc_id}",status="404"' in text and 'method="OTHER"' in text


# The dashboard and the alerts


_NAME = re.compile(r"\b(?:faq|process|python)_[a-z0-9_]+")
_OF_PROMETHEUS = {"up"}


def expressions() -> Iterator[tuple[str, str]]:
    for group in yaml.safe_load((OPERATIONS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"] and rule["annotations"]["description"], rule["alert"]
            assert rule["labels"]["severity"] in ("page", "ticket")
            yield rule["alert"], rule["expr"]
    dashboard = json.loads((OPERATIONS / "dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]


@pytest.fixture
def exposed(client: TestClient) -> dict[str, set[str]]:
    """Every metric at /metrics and the labels that it can have: a counter shows no sample before it has counted."""
    from prometheus_client import REGISTRY

    client.post("/v1/answers", json={"question": QUESTION})
    text = client.get("/metrics").text
    found: dict[str, set[str]] = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        labels = set(getattr(REGISTRY._names_to_collectors.get(name), "_labelnames", ()))
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            found[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def test_dashboard_and_alerts_use_metrics_and_labels_that_exist(exposed: dict[str, set[str]]) -> None:
    used = set()
    for title, expression in expressions():
        names = set(_NAME.findall(expression))
        assert names or any(name in expression for name in _OF_PROMETHEUS), title
        assert names <= set(exposed), (title, names - set(exposed))
        known = {"job"}.union(*(exposed[name] for name in names))
        said = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
        for group in re.findall(r"\bby \(([^)]*)\)", expression):
            said |= {label.strip() for label in group.split(",")}
        assert said <= known, (title, said - known)
        used |= names
    ours = {name for name in exposed if name.startswith("faq_") and not name.endswith(("_created", "_sum", "_count"))}
    assert len(used & ours) >= 12


def test_a_name_that_does_not_exist_would_be_found(exposed: dict[str, set[str]]) -> None:
    assert not set(_NAME.findall("rate(faq_no_such_total[5m])")) <= set(exposed)


# Traces


class Collector(BaseHTTPRequestHandler):
    received: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[str]:
    Collector.received.clear()
    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_traces_go_to_the_collector_without_the_question(pipeline: Pipeline, collector: str) -> None:
    app = create_app(make_settings(otlp_endpoint=collector), lambda chosen: Engine(chosen, pipeline))
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with TestClient(app) as client:
        headers = {"traceparent": f"00-{trace}-{parent}-01", "X-Request-ID": "abc"}
        client.post("/v1/answers", json={"question": f"{QUESTION} xylophone"}, headers=headers)
    spans = []
    for body in Collector.received:
        assert b"xylophone" not in body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            spans += [span for scope in resource.scope_spans for span in scope.spans]
    by_name = {span.name: span for span in spans}
    assert set(by_name) == {"POST /v1/answers", "detect", "search", "judge", "quote"}
    whole = by_name["POST /v1/answers"]
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (trace, parent)
    assert all(span.parent_span_id == whole.span_id for span in spans if span is not whole)
    told = {item.key: item.value.string_value for item in whole.attributes}
    assert (told["http.route"], told["faq.outcome"], told["faq.request_id"]) == ("/v1/answers", "answered", "abc")


def test_traces_without_their_packages_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(TracingUnavailable, match=r"requirements-traces\.lock"):
        open_tracing("http://127.0.0.1:4318")
    assert (CHECKOUT / "requirements-traces.lock").is_file()


def test_without_the_setting_nothing_of_opentelemetrys_sdk_is_loaded(run_python: Callable[[str], str]) -> None:
    code = "import sys, service.app; print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    assert run_python(code).strip() == "[]"


@pytest.fixture
def run_python() -> Callable[[str], str]:
    import subprocess

    def run(code: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code], cwd=Path(CHECKOUT), capture_output=True, check=True, text=True
        ).stdout

    return run
