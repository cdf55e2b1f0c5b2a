"""Messages that are complete without a traceback."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import ArticleError, UnknownArticleError, truncated_repr, visible


@given(st.text() | st.binary() | st.lists(st.integers()) | st.none())
def test_a_value_is_shown_as_its_repr_cut_to_eighty_characters(value: object) -> None:
    assert len(truncated_repr(value)) <= 80
    assert truncated_repr(value) == repr(value) or repr(value).startswith(truncated_repr(value).removesuffix("…")[:70])


def test_a_path_is_shown_whole_as_its_end_names_the_file() -> None:
    path = Path("/srv", *["a folder with a long name"] * 9, "boxes.jsonl")
    assert truncated_repr(path) == f"'{path}'"


@given(st.text(st.characters()))
def test_what_is_made_visible_steers_no_terminal_and_keeps_all_else(text: str) -> None:
    made = visible(text)
    assert visible(made) == made
    assert not set(made) & {*map(chr, range(9)), *map(chr, range(0x7F, 0xA0)), "\x1b", "\u202e", "\u2066"}
    made.encode()
    assert made == text or not text.isprintable() or set(text) & {"\u200e", "\u200f"}
    assert visible("Ünïcode, 日本語, \tעברית\n") == "Ünïcode, 日本語, \tעברית\n"


def test_an_article_error_names_article_field_value_and_reason() -> None:
    assert str(ArticleError("a1", "url", "x", "is no URL")) == "article 'a1': url 'x' is no URL"
    assert str(ArticleError(None, None, 3, "is not an object")) == "row: is not an object"
    assert str(ArticleError("a1", "title", None, "is missing")) == "article 'a1': title is missing"
    assert ArticleError("a1", "text", "y" * 200, "…").value == f"'{'y' * 78}…"
    assert str(UnknownArticleError("a1")) == "article 'a1' is unknown or not published"
