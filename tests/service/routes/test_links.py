from __future__ import annotations

from typing import Any

import pytest

from recommend.articles.article import Article
from recommend_service.http.schemas import LinksBody


def test_a_draft_is_told_which_words_should_lead_to_which_story(reader: Any, corpus: list[Article]) -> None:
    found = []
    for article in corpus[:40]:
        body = f"<p>{article.text}</p>"
        draft = {"title": article.title, "text": body, "language": article.language, "id": article.id}
        response = reader.post("/v1/links", json=draft, params={"limit": 3})
        links = LinksBody.model_validate_json(response.content).links
        assert response.headers["Cache-Control"] == "no-store"
        assert len(links) <= 3
        assert all(body[link.offset : link.offset + link.length] == link.text for link in links)
        assert article.id not in {link.id for link in links}
        found += links
    assert found


def test_a_field_that_articles_do_not_have_is_refused_with_the_one_that_was_meant(reader: Any) -> None:
    refused = reader.post("/v1/links", json={"title": "T", "txt": "Words"})
    assert refused.status_code == 422
    assert refused.json()["detail"] == "body.'txt': is not a field; did you mean text?"
    assert reader.post("/v1/links", json={"title": "T", "section": "World", "id": None}).status_code == 200


@pytest.mark.parametrize(("query", "name"), [("k=3", "limit"), ("limit=0", "limit"), ("limit=51", "limit")])
def test_a_parameter_that_is_unknown_or_out_of_range_is_refused(reader: Any, query: str, name: str) -> None:
    refused = reader.post(f"/v1/links?{query}", json={"title": "T"})
    assert (refused.status_code, name in refused.json()["detail"]) == (422, True)
