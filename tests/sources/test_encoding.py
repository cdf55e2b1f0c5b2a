"""How the encoding of markup is found: told, declared, or guessed, and never a reason to lose the document."""

from __future__ import annotations

import pytest

from recommend.sources.encoding import decode, encoding_by_mark, known_encoding

GERMAN = "Überraschung: Zwölf Boote fahren über den Fluss, und fünf Körbe bleiben am Ufer stehen. " * 4
CHINESE = "河水上涨，村民连夜转移到高处，救援队已经到达现场，学校改为临时安置点。" * 4


def test_a_byte_order_mark_counts_for_more_than_what_is_told() -> None:
    data = b"\xef\xbb\xbf" + GERMAN.encode()
    assert decode(data, "text/html; charset=latin-1") == GERMAN
    assert encoding_by_mark(b"plain") is None


def test_what_the_header_tells_counts_for_more_than_what_the_document_declares() -> None:
    assert decode(GERMAN.encode("latin-1"), "text/html; charset=iso-8859-1") == GERMAN
    page = b'<meta charset="utf-8">' + "Ü".encode("cp1252")
    assert decode(page, "text/html; charset=windows-1252").endswith("Ü")


def test_a_declaration_is_followed_and_left_out() -> None:
    data = '<?xml version="1.0" encoding="iso-8859-1"?><rss>Ü</rss>'.encode("latin-1")
    assert decode(data) == "<rss>Ü</rss>"


def test_a_declaration_of_utf_16_in_bytes_that_could_be_read_so_far_means_utf_8() -> None:
    data = '<?xml version="1.0" encoding="utf-16"?><rss>Ü</rss>'.encode()
    assert decode(data) == "<rss>Ü</rss>"


def test_what_is_told_wrongly_is_read_as_utf_8_where_it_is_that() -> None:
    assert decode("Zwölf Boot".encode(), "text/html; charset=utf-16") == "Zwölf Boot"


def test_what_is_neither_what_is_told_nor_utf_8_keeps_what_can_be_read() -> None:
    text = decode(b"Good \xff\xff and \x82\xa0 good", "text/html; charset=shift_jis")
    assert text.startswith("Good ")
    assert "あ" in text


@pytest.mark.parametrize(("encoding", "text"), [("cp1252", GERMAN), ("gb18030", CHINESE)])
def test_what_nothing_tells_is_guessed(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_a_bad_byte_here_and_there_makes_no_other_encoding_of_utf_8() -> None:
    assert decode(GERMAN.encode() + b"\xff") == GERMAN + "\ufffd"


@pytest.mark.parametrize(
    ("label", "name"),
    [
        (" UTF-8 ", "utf-8"),
        ("latin-1", "cp1252"),
        ("gb2312", "gb18030"),
        ("no such", None),
        ("rot13", None),
        ("\0", None),
    ],
)
def test_a_label_means_what_browsers_mean_by_it(label: str, name: str | None) -> None:
    assert known_encoding(label) == name
