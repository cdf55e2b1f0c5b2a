"""Ids in paths, whatever they are made of."""

from __future__ import annotations

from unicodedata import normalize
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Match, Route

from recommend_service.http.paths import ARTICLE, SLASH, keep_slashes

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text("a/%2Frelt", min_size=1)


async def _endpoint() -> None:
    """Is never called."""


ROUTES = [Route(f"/v1/articles/{ARTICLE}{end}", _endpoint) for end in ("/related", "/curation", "")]


def _matched(raw: str) -> tuple[int, str]:
    """The number of the route that a path leads to, and the id that is found there."""
    scope = {"type": "http", "method": "GET", "path": unquote(raw), "raw_path": raw.encode()}
    for number, route in enumerate(ROUTES):
        match, child = route.matches(keep_slashes(scope))
        if match == Match.FULL:
            return number, child["path_params"]["article_id"]
    raise AssertionError(raw)


@given(IDS)
def test_an_id_that_is_encoded_whole_leads_where_it_should_in_its_one_form(article_id: str) -> None:
    for number, end in enumerate(("/related", "/curation", "")):
        found = _matched(f"/v1/articles/{quote(article_id, safe='')}{end}")
        assert found == (number, normalize("NFC", article_id))


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("a/b", (2, "a/b")),
        ("a/related", (0, "a")),
        ("a/related/related", (0, "a/related")),
        ("a%2Frelated", (2, "a/related")),
        ("a%2frelated/related", (0, "a/related")),
        ("a%252Frelated", (2, "a%2Frelated")),
        ("a%2", (2, "a%2")),
        ("%ED%B0%AF", (2, "\ufffd\ufffd\ufffd")),
    ],
)
def test_a_slash_as_such_separates(raw: str, found: tuple[int, str]) -> None:
    assert _matched(f"/v1/articles/{raw}") == found


def test_no_path_decodes_to_what_stands_for_a_slash() -> None:
    assert SLASH not in unquote(quote(SLASH, errors="surrogatepass"))
