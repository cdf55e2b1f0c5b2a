"""The API as a page."""

from __future__ import annotations

from typing import Any

from selectolax.lexbor import LexborHTMLParser

from recommend_service.http.reference import render_reference


def test_the_page_has_every_operation_every_parameter_and_every_shape_and_asks_nothing_of_others(reader: Any) -> None:
    document = reader.get("/openapi.json").json()
    found = reader.get("/docs")
    tree = LexborHTMLParser(found.text)
    ids = {node.attributes.get("id") for node in tree.css("section")}
    for methods in document["paths"].values():
        for described in methods.values():
            assert described["operationId"] in ids
            said = tree.css_first(f"#{described['operationId']}")
            assert said is not None
            assert all(one["name"] in said.text() for one in described.get("parameters", []))
    assert {f"shape-{name}" for name in document["components"]["schemas"]} <= ids
    for link in tree.css("a"):
        to = link.attributes["href"] or ""
        assert not to.startswith("#") or tree.css(f"[id='{to[1:]}']"), to
    assert tree.css("script, style, [style]") == []
    assert "http" not in "".join(node.attributes.get("href") or "" for node in tree.css("link"))


def test_what_a_description_says_stays_text() -> None:
    told = {"operationId": "x", "description": "<script>alert(1)</script> `code`", "responses": {}}
    page = render_reference({"info": {"title": "T", "version": "1"}, "paths": {"/x": {"get": told}}}, "")
    assert "<script>" not in page
    assert "<code>code</code>" in page
