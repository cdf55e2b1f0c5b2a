"""XML of unknown kind."""

from __future__ import annotations

import io
import tracemalloc
from typing import Any

import pytest

from recommend.errors import SourceError
from recommend.sources import xml
from recommend.sources.limits import LINE_LIMIT, NODES, TAG_LIMIT
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a>" * 1_001, "is nested deeper than 1,000 elements"),
        ("<a>" + "".join(f"<b{number}/>" for number in range(10_001)), "has more than 10,000 names"),
        (f"<a xmlns='urn:{'x' * 2_048}'/>", "names a namespace of more than 2,048 characters"),
        ("<a>" + f"<b c='{'x' * (2 * TAG_LIMIT)}'/></a>", "holds a tag or a comment of more than 1,048,576 bytes"),
        ("<a><!--" + "-x" * TAG_LIMIT, "holds a tag or a comment of more than 1,048,576 bytes"),
    ],
)
def test_what_no_document_needs_is_refused(text: str, message: str) -> None:
    with pytest.raises(SourceError, match=f"a.xml is refused: it {message}"):
        list(xml.elements(stream(text), "item"))


@pytest.mark.parametrize("inside", ["x" * (LINE_LIMIT + 1), "<b/>" * (NODES + 1), "<b c='d'/>" * (NODES // 2 + 1)])
def test_an_element_that_is_too_large_is_none_and_the_next_is_read(inside: str) -> None:
    large, small = xml.elements(stream(f"<a><item>{inside}</item><item>y</item></a>"), "item")
    assert large is None
    assert small is not None
    assert small.text == "y"


def test_comments_that_never_end_cost_work_in_proportion() -> None:
    start = b"<!--" * 2**15
    found: list[int] = []

    class Counted(bytes):
        def find(self, *arguments: Any) -> int:
            found.append(1)
            return super().find(*arguments)

    assert xml.kind(Counted(start)) == "feed"
    assert len(found) <= 2
    assert xml.kind(b"<!-- x -->" * 10_000 + b"<urlset>") == "sitemap"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_white_space_and_the_encoding_of_a_declaration_do_not_matter(encoding: str) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><a><item>ü</item></a>'
    (element,) = xml.elements(ByteStream(io.BytesIO(text.encode(encoding)), "a.xml"), "item")
    assert element is not None
    assert element.text == "ü"
    assert len(list(xml.elements(stream(f"\n \n{text}"), "item"))) == 1
