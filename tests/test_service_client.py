"""A client generated from the OpenAPI document, without a warning, calls the service."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from channel_support import serving, toy_engine
from conftest import make_settings

from service.app import create_app


@pytest.fixture(scope="module")
def generated(built_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The service's address, and what the generator said."""
    folder = tmp_path_factory.mktemp("client")
    app = create_app(make_settings(), lambda _: toy_engine(built_index))
    (folder / "openapi.json").write_text(json.dumps(app.openapi()), encoding="utf-8")
    (folder / "config.yaml").write_text("post_hooks: []\npackage_name_override: faq_client\n", encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json"]
    command += ["--config", "config.yaml", "--meta", "none", "--output-path", "faq_client", "--fail-on-warning"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    sys.path.insert(0, str(folder))
    try:
        with serving(app) as address:
            yield address, result.stdout + result.stderr
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "faq_client"]:
            del sys.modules[name]


def test_nothing_in_the_document_is_beyond_the_generator(generated: tuple[str, str]) -> None:
    assert "warning" not in generated[1].casefold()


def load(name: str) -> Any:
    return importlib.import_module(f"faq_client.{name}")


def test_the_client_asks_verifies_and_is_told_what_is_wrong(generated: tuple[str, str]) -> None:
    models = load("models")
    with load("client").Client(base_url=generated[0]) as client:
        body = models.AnswerRequest(question="Can we withdraw our signature?", top_k=2)
        answer = load("api.answers.answers_v1_answers_post").sync(client=client, body=body)
        assert answer.outcome == "answered"
        passage = answer.passages[0]
        assert passage.text[passage.start : passage.end] == passage.quote
        cited = passage.citation
        claim = models.VerifyRequest(
            doc_id=cited.doc_id, language=cited.language, quote=cited.quote, start=cited.start, end=cited.end,
            passage_id=cited.passage_id, sha256=cited.sha256,
        )  # fmt: skip
        assert load("api.corpus.verify_v1_citations_verify_post").sync(client=client, body=claim).valid is True
        found = load("api.answers.search_v1_search_get").sync(client=client, q="deadline", k=2)
        assert [hit.rank for hit in found.hits] == [1, 2]
        document = load("api.corpus.document_v1_documents_doc_id_get").sync(cited.doc_id, client=client, language="fr")
        assert document.sha256 == cited.sha256
        problem = load("api.corpus.document_v1_documents_doc_id_get").sync("nothing", client=client)
        assert (problem.status, type(problem).__name__) == (404, "Problem")
        problem = load("api.answers.answers_v1_answers_post").sync(
            client=client, body=models.AnswerRequest(question="x" * 3000)
        )
        assert (problem.status, problem.errors[0].field) == (422, "question")
