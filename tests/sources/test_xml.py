"""XML of unknown kind."""

from __future__ import annotations

import io
import tracemalloc

import pytest

from recommend.errors import SourceError
from recommend.sources import xml
from recommend.sources.stream import ByteStream


def stream(text: str) -> ByteStream:
    return ByteStream(io.BytesIO(text.encode()), "a.xml")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ('<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">', "sitemap"),
        ("<!-- made <by hand> --><sm:sitemapindex>", "sitemap"),
        ("<!DOCTYPE html><html>", "page"),
        ("\ufeff\n<HTML lang='en'>", "page"),
        ('<rss xmlns:wp="http://wordpress.org/export/1.2/">', "wordpress"),
        ('<rss version="2.0">', "feed"),
        ("<feed>", "feed"),
        ("nothing of the kind", "feed"),
        ("", "feed"),
    ],
)
def test_the_beginning_tells_the_kind(start: str, kind: str) -> None:
    assert xml.kind(start.encode()) == kind


def test_elements_are_found_by_local_name_and_the_first_texts_of_their_children() -> None:
    found = list(xml.elements(stream('<a xmlns:n="urn:n"><n:b><n:c> 1 </n:c><c>2</c><d/></n:b><x><b/></x></a>'), "b"))
    assert [xml.texts(element) for element in found] == [{"c": "1"}, {}]


def test_a_long_document_is_read_in_bounded_memory() -> None:
    text = f"<a>{'<b><c>' + 'x' * 100 + '</c></b>'}</a>".replace("</a>", "<b><c>y</c></b>" * 100_000 + "</a>")
    tracemalloc.start()
    count = sum(1 for _ in xml.elements(stream(text), "b"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 100_001
    assert peak < 2 * len(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a><b></a>", "a.xml is not well-formed XML: "),
        ("", "a.xml is not well-formed XML: "),
        ('<!DOCTYPE a [<!ENTITY b "boom">]><a>&b;</a>', "a.xml is refused: "),
    ],
)
def test_what_is_no_xml_or_declares_entities_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(xml.elements(stream(text), "b"))
