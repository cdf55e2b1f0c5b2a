"""Where in a text a link may be set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.passages import passages


def texts(body: str) -> list[str]:
    return [passage.text.strip() for passage in passages(body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Plain text of two\n\nparagraphs.", ["Plain text of two\n\nparagraphs."]),
        ("# Heading\nText below.\n## Another\nMore.", ["Text below.", "More."]),
        ("He said “no comment at all” and left.", ["He said", "and left."]),
        ('She called it "a bad day" twice.', ["She called it", "twice."]),
        ("<p>One <b>bold</b> word</p>", ["One", "bold", "word"]),
        ("<h2>Heading</h2><p>Text</p>", ["Text"]),
        ('<p>See <a href="/x">this story</a> first</p>', ["See", "first"]),
        ("<blockquote><p>Said</p></blockquote><p>Then</p>", ["Then"]),
        ("<script>var a = '<p>no</p>';</script><p>Yes</p>", ["Yes"]),
        ("<p title='a > b'>Inside</p>", ["Inside"]),
        ("<p>Fish &amp; chips</p>", ["Fish", "chips"]),
        ("<!-- <p>hidden</p> --><p>Shown</p>", ["Shown"]),
        ("<p>2 < 3 is true</p>", ["2 < 3 is true"]),
        ("<p>Before</p><p title='never closed>After</p>", ["Before"]),
        ("<blockquote>Never closed<p>After</p>", []),
    ],
)
def test_links_are_set_in_running_text_only(body: str, expected: list[str]) -> None:
    assert texts(body) == expected


PIECES = ["<p>", "</p>", "<a href='x'>", "</a>", "“", "”", '"', "<", ">", "&amp;", "word ", "é"]


@given(st.lists(st.sampled_from(PIECES)))
def test_a_passage_stands_where_it_says(parts: list[str]) -> None:
    body = "".join(parts)
    found = passages(body)
    assert all(body[one.start : one.start + len(one.text)] == one.text for one in found)
    assert [one.start for one in found] == sorted(one.start for one in found)
