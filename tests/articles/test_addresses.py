"""Addresses: which are one page, and which are two."""

import unicodedata
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.addresses import canonical_url, read_address
from recommend.articles.tracking import is_tracking


def test_addresses_of_one_page_have_one_canonical_url() -> None:
    one = ["https://example.com/A/?b=2", "http://Example.COM/A?b=2#top", " https://example.com/A//?mc_cid=9&b=2 "]
    one += ["HTTPS://example.com/A?utm_source=x&b=2&fbclid=1&gclid=2", "https://example.com:443/%41?%62=2&"]
    one += ["http://example.com.:80/x/../A?b=2&UTM_Campaign=y&wbraid=1&igsh=z&at_medium=a&_ga=1"]
    assert {canonical_url(url) for url in one} == {"https://example.com/A?b=2"}
    assert canonical_url("http://a.com") == canonical_url("https://a.com/")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://bücher.example/über uns", "https://xn--bcher-kva.example/%c3%bcber%20uns"),
        ("https://a.com/a,b~c", "https://a.com/a%2Cb%7ec"),
        ("https://a.com/?q=a+b", "https://a.com/?q=a%20b"),
        ("https://a.com/x[1]'", "https://a.com/x%5b1%5D%27"),
        ("/a?utm_source=x", "/a/"),
    ],
)
def test_what_names_no_other_page_does_not_matter(one: str, other: str) -> None:
    assert canonical_url(one) == canonical_url(other)


def test_addresses_of_different_pages_stay_different() -> None:
    pages = ["https://a.com/", "https://b.com/", "https://a.com/x", "https://a.com/X", "https://a.com/?id=1", "/x", "/"]
    pages += [f"https://a.com/read.php?{number}" for number in (1400, 1401)]
    pages += [
        "https://a.com/?a&b",
        "https://a.com/?b&a",
        "https://a.com/?a=",
        "https://a.com/?ref=1",
        "https://a.com/?p=2",
    ]
    pages += ["https://a.com/#!/story/1", "https://a.com/#!/story/2", "https://a.com/#/story/1", "https://a.com:8080/"]
    pages += [
        "https://a.com/a%2Fb",
        "https://a.com/a/b",
        "https://a.com/?q=a%26b",
        "https://a.com/?q=a&b",
        "https://a.com/%25",
    ]
    assert len({canonical_url(url) for url in pages}) == len(pages)


URLS = st.text() | st.from_regex(r"https?://[a-zA-Z\[\]:.0-9]{1,9}/?[a-z/?&=%#!+.0-9A-F]{0,20}", fullmatch=True)


@given(URLS)
def test_making_a_url_canonical_never_raises_and_twice_changes_nothing_more(url: str) -> None:
    assert canonical_url(canonical_url(url)) == canonical_url(url)


@given(URLS, st.sampled_from([None, "https://news.example/a/b", "feed.xml"]))
def test_an_address_that_was_read_is_read_as_the_same_and_is_the_same_page(url: str, base: str | None) -> None:
    address = None
    with suppress(ValueError):
        address = read_address(url, base)
    if address is not None:
        assert address.isprintable()
        assert read_address(address) == address
        if base is None and not url.strip().startswith("//"):
            assert canonical_url(address) == canonical_url(url)


WORDS = st.sampled_from(
    ["harbour", "überfahrt", "пристань", "λιμάνι", "बंदरगाह", "বন্দর", "துறைமுகம்", "נמל", "ميناء", "بندرگاه",
     "ნავსადგური", "նավահանգիստ", "港口", "ふ頭", "항구", "ท่าเรือ", "កំពង់ផែ"]
)  # fmt: skip


@given(WORDS, st.lists(WORDS, max_size=3), WORDS, st.booleans())
def test_an_address_in_any_script_is_one_page_escaped_or_not_and_in_punycode_or_not(
    host: str, path: list[str], query: str, lower: bool
) -> None:
    name = unicodedata.normalize("NFC", host)
    written = f"https://{name}.example/{'/'.join(path)}?q={query}"
    tail = quote("/".join(path)), quote(query)
    punycode = name if name.isascii() else f"xn--{name.encode('punycode').decode()}"
    escaped = f"https://{punycode}.example/{tail[0].lower() if lower else tail[0]}?q={tail[1]}"
    assert canonical_url(written) == canonical_url(escaped) == canonical_url(str(read_address(written)))


@given(WORDS, WORDS)
def test_words_of_any_script_tell_addresses_apart(one: str, other: str) -> None:
    for form in ("https://a.com/{}", "https://a.com/?q={}", "https://{}.example/", "/{}"):
        assert (canonical_url(form.format(one)) == canonical_url(form.format(other))) == (one == other)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.text(max_size=9))
def test_a_query_is_kept_but_for_tracking(name: str, value: str) -> None:
    bare = canonical_url("https://a.com/x")
    found = canonical_url(f"https://a.com/x?{name}={''.join(c for c in value if c.isalnum())}")
    assert (found == bare) == is_tracking(name)


@pytest.mark.parametrize(
    ("written", "base", "read"),
    [
        ("images/a.jpg", "https://a.com/x/y", "https://a.com/x/images/a.jpg"),
        ("//b.com/a", "http://a.com/", "http://b.com/a"),
        ("/a", "https://a.com/x", "https://a.com/a"),
        ("/a", None, "/a"),
        ("/a\u202eb", None, "/a%E2%80%AEb"),
        ("https://a.com/\u202eb", None, "https://a.com/%E2%80%AEb"),
        ("https://www.a.com/überfahrt", None, "https://www.a.com/überfahrt"),
        ("/a", "feed.xml", "/a"),
        ("https://a.com/b", "feed.xml", "https://a.com/b"),
    ],
)
def test_an_address_is_absolute_where_it_can_be_and_shows_what_it_holds(
    written: str, base: str | None, read: str
) -> None:
    assert read_address(written, base) == read


@pytest.mark.parametrize("written", ["javascript:alert(1)", "data:x", "mailto:a@b", "ftp://a/b", "https://[::1", "http://a\u202e/",
                                     "/\\evil", "x" * 5001])  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"URL|more than"):
        read_address(written)
