"""service/OWASP.md: the ten points, each with tests that exist."""

from __future__ import annotations

import ast
import re
from typing import Any

from conftest import CHECKOUT
from starlette.testclient import TestClient

PAGE = (CHECKOUT / "service" / "OWASP.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


def rows() -> dict[int, str]:
    return {int(number): line for number, line in re.findall(r"^\| API(\d+) (.*)$", PAGE, re.M)}


def test_each_of_the_ten_points_names_a_test() -> None:
    assert sorted(rows()) == list(range(1, 11))
    assert [number for number, line in rows().items() if not NAMED.search(line)] == []


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for file, name in NAMED.findall(PAGE):
        tree = ast.parse((CHECKOUT / "tests" / file).read_text(encoding="utf-8"))
        if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{file}::{name}")
    assert missing == []


def test_no_request_names_an_address_to_fetch(client: TestClient) -> None:
    """Neither a parameter nor a field of a body that is an address, by its name or its format."""
    described = client.get("/openapi.json").json()
    schemas = described["components"]["schemas"]
    seen: set[str] = set()

    def names(schema: Any) -> set[str]:
        if isinstance(schema, list):
            return set().union(*map(names, schema)) if schema else set()
        if not isinstance(schema, dict):
            return set()
        found = set(schema.get("properties", {}))
        if str(schema.get("format", "")).startswith(("uri", "iri")):
            found.add("url")
        if "$ref" in schema and schema["$ref"] not in seen:
            seen.add(schema["$ref"])
            found |= names(schemas[schema["$ref"].rsplit("/", 1)[1]])
        return found.union(*(names(value) for value in schema.values()))

    asked: set[str] = set()
    for methods in described["paths"].values():
        for operation in methods.values():
            asked |= {parameter["name"] for parameter in operation.get("parameters", [])}
            asked |= names(operation.get("requestBody", {}))
    assert {"question", "q", "doc_id", "ids"} <= asked  # it looks where it should
    assert [name for name in asked if re.search("url|uri|href|link|callback|webhook|host", name)] == []
