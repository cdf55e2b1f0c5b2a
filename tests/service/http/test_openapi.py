"""What the document promises. That it covers every answer seen is asserted by the clients of all service tests."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from recommend_service.http.problems import Problem

LIMITED = {"429", "503"}
KEYED = {"401", "403"}
ROUTES = {
    ("get", "/v1/articles/{article_id}/related"): {"200", "304", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/related"): {"200", "304", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/articles/{article_id}/related.html"): {"200", "304", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/related.html"): {"200", "304", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/articles"): {"200", "422"} | KEYED | LIMITED,
    ("get", "/v1/articles/{article_id}/why"): {"200", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/articles/{article_id}/story"): {"200", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/story"): {"200", "404", "422"} | KEYED | LIMITED,
    ("get", "/v1/rules"): {"200", "422"} | KEYED | LIMITED,
    ("put", "/v1/rules"): {"200", "400", "409", "413", "422"} | KEYED | LIMITED,
    ("post", "/v1/rules:try"): {"200", "400", "404", "413", "422"} | KEYED | LIMITED,
    ("post", "/v1/related:page"): {"200", "400", "413", "422"} | KEYED | LIMITED,
    ("post", "/v1/links"): {"200", "400", "413", "422"} | KEYED | LIMITED,
    ("post", "/v1/related"): {"200", "400", "413", "422"} | KEYED | LIMITED,
    ("post", "/v1/articles:bulk"): {"200", "413"} | KEYED | LIMITED,
    ("post", "/v1/events"): {"202", "413", "422"} | LIMITED,
    ("put", "/v1/articles/{article_id}/curation"): {"200", "400", "413", "422"} | KEYED | LIMITED,
    ("get", "/v1/articles/{article_id}/curation"): {"200", "404", "422"} | KEYED | LIMITED,
    ("put", "/v1/articles/{article_id}"): {"200", "201", "400", "413", "422"} | KEYED | LIMITED,
    ("get", "/v1/articles/{article_id}"): {"200", "404", "422"} | KEYED | LIMITED,
    ("delete", "/v1/articles/{article_id}"): {"204", "422"} | KEYED | LIMITED,
    ("get", "/healthz"): {"200"},
    ("get", "/readyz"): {"200", "503"},
    ("get", "/v1/status"): {"200"} | KEYED | LIMITED,
    ("get", "/metrics"): {"200", "503"} | KEYED,
}


@pytest.fixture(scope="module")
def document(reader: Any) -> Any:
    return reader.get("/openapi.json")


@pytest.fixture(scope="module")
def operations(document: Any) -> Any:
    return {(verb, path): one for path, verbs in document.json()["paths"].items() for verb, one in verbs.items()}


def test_it_is_openapi_3_1_and_lists_every_route_with_its_answers(document: Any, operations: Any) -> None:
    assert document.json()["openapi"].startswith("3.1.")
    assert {route: set(operation["responses"]) for route, operation in operations.items()} == ROUTES
    assert len({operation["operationId"] for operation in operations.values()}) == len(ROUTES)


def test_every_error_is_declared_as_a_problem_document_and_nothing_else(operations: Any) -> None:
    responses = [response for operation in operations.values() for response in operation["responses"].items()]
    assert all(response["description"] for _, response in responses)
    errors = [response["content"] for status, response in responses if status >= "400"]
    assert all(error == {"application/problem+json": {"schema": Problem.model_json_schema()}} for error in errors)


def test_every_reference_leads_to_a_schema(document: Any) -> None:
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', document.text))
    assert referred >= {"AnswerBody", "Article", "PublicArticle", "Draft", "Stored"}
    assert referred <= document.json()["components"]["schemas"].keys()


def test_the_length_of_a_box_and_the_need_for_a_key_are_declared(operations: Any) -> None:
    for route in (route for route in ROUTES if route[1].endswith("related")):
        limit = next(one["schema"] for one in operations[route]["parameters"] if one["name"] == "limit")
        assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 50, 5)
    for operation in operations.values():
        assert ("security" in operation) is (operation["responses"].keys() >= KEYED)


@pytest.mark.parametrize(
    ("status", "media_type", "complaint"),
    [(418, "application/problem+json", "undeclared 418"), (404, "application/json", "undeclared application/json")],
)
def test_the_clients_of_these_tests_notice_what_the_document_does_not_declare(
    contract: Any, status: int, media_type: str, complaint: str
) -> None:
    request = httpx.Request("GET", "http://service/v1/articles/a%2Fb/related")
    with pytest.raises(AssertionError, match=complaint):
        contract(httpx.Response(status, headers={"Content-Type": media_type}, request=request, content=b"{}"))
