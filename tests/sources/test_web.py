"""Fetching over HTTP."""

from __future__ import annotations

import gzip
import socket
from typing import Any

import pytest

from recommend.errors import SourceError
from recommend.sources import web
from recommend.sources.web import Web

LOCAL = Web(allow_private=True, pause=0)


def test_redirects_are_followed_and_the_last_address_and_type_are_told(site: Any) -> None:
    url, handler = site
    handler.answers["/old"] = [(301, {"Location": "/new"}, b"")]
    handler.answers["/new"] = [(200, {"Content-Type": "text/plain; charset=koi8-r"}, b"body")]
    fetched = LOCAL.fetch(f"{url}/old", 100)
    assert (fetched.data, fetched.url, fetched.content_type) == (b"body", f"{url}/new", "text/plain; charset=koi8-r")


def test_a_packed_answer_is_unpacked(site: Any) -> None:
    url, handler = site
    handler.answers["/"] = [(200, {"Content-Encoding": "gzip"}, gzip.compress(b"body"))]
    assert LOCAL.fetch(f"{url}/", 100).data == b"body"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(site: Any, status: int) -> None:
    url, handler = site
    handler.answers["/"] = [(status, {}, b""), (status, {}, b""), (200, {}, b"body")]
    assert LOCAL.fetch(f"{url}/", 100).data == b"body"
    assert len(handler.asked) == 3


def test_a_lasting_failure_is_not_tried_again_and_names_no_password(site: Any) -> None:
    url, handler = site
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:\d+/missing answered 404 Not Found") as caught:
        LOCAL.fetch(url.replace("//", "//user:secret@") + "/missing", 100)
    assert "secret" not in str(caught.value)
    assert handler.asked == ["/missing"]


def test_an_answer_that_breaks_off_is_tried_again(site: Any) -> None:
    url, handler = site
    handler.answers["/"] = [(200, {"Content-Length": "99999"}, b"bo"), (200, {}, b"body")]
    assert LOCAL.fetch(f"{url}/", 100).data == b"body"


def test_of_more_than_was_wanted_one_byte_more_is_kept_as_a_sign(site: Any) -> None:
    url, handler = site
    handler.answers["/"] = [(200, {}, b"x" * 1000)]
    assert len(LOCAL.fetch(f"{url}/", 100).data) == 101


def test_an_answer_that_takes_too_long_is_given_up(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = site
    monkeypatch.setattr(web, "_DEADLINE", -1.0)
    handler.answers["/"] = [(200, {}, b"body")]
    with pytest.raises(SourceError, match="took longer than"):
        LOCAL.fetch(f"{url}/", 100)


def test_a_server_that_is_not_there_is_named(site: Any) -> None:
    with pytest.raises(SourceError, match=r"http://127\.0\.0\.1:1/ cannot be fetched: "):
        LOCAL.fetch("http://127.0.0.1:1/", 100)


@pytest.mark.parametrize("url", ["http://", "https://a\x00b/", "http://a:b/"])
def test_an_address_that_is_none_is_refused(site: Any, url: str) -> None:
    with pytest.raises(SourceError):
        LOCAL.fetch(url, 100)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.1.2.3", "169.254.169.254", "192.168.0.1"])
def test_private_addresses_are_not_asked_unless_allowed(site: Any, host: str) -> None:
    url, handler = site
    with pytest.raises(
        SourceError, match=r"private address .*: allow such with --allow-private or sources.allow_private"
    ):
        Web().fetch(f"http://{host}:{url.rpartition(':')[2]}/", 100)
    assert handler.asked == []


def test_a_name_that_leads_to_a_private_address_is_not_asked_either(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = site
    port = int(url.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(SourceError, match=r"news.example resolves to the private address 127.0.0.1"):
        Web().fetch(f"http://news.example:{port}/", 100)
    assert handler.asked == []


def test_a_name_is_asked_at_the_address_that_was_looked_at(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = site
    port = int(url.rpartition(":")[2])
    monkeypatch.setattr(web, "_resolved", lambda _: ["127.0.0.1"])
    monkeypatch.setattr(web, "_is_public", lambda _: True)
    handler.answers["/"] = [(200, {}, b"body")]
    assert Web().fetch(f"http://news.example:{port}/", 100).url == f"http://news.example:{port}/"
    assert handler.hosts == [f"news.example:{port}"]


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "100.64.0.1",
        "224.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "fe80::1%1",
        "ff02::1",
    ],
)
def test_no_way_of_writing_an_address_leads_past_the_guard(address: str) -> None:
    assert not web._is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"])
def test_public_addresses_are_asked(address: str) -> None:
    assert web._is_public(address)


@pytest.fixture
def proxy(site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site that is the proxy of the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", site[0].removeprefix("http://"))
    return site


def test_a_proxy_carries_the_connection_and_decides(proxy: Any) -> None:
    _, handler = proxy
    handler.answers["http://news.example/a"] = [(200, {}, b"body")]
    assert Web().fetch("http://news.example/a", 100).data == b"body"


@pytest.mark.parametrize("bypass", ["127.0.0.1,localhost", "*", ".internal,127.0.0.1"])
def test_a_connection_that_no_proxy_carries_is_guarded(
    proxy: Any, monkeypatch: pytest.MonkeyPatch, bypass: str
) -> None:
    url, handler = proxy
    monkeypatch.setenv("no_proxy", bypass)
    with pytest.raises(SourceError, match="resolves to the private address 127"):
        Web().fetch(f"{url}/", 100)
    assert handler.asked == []


def test_a_redirect_past_the_proxy_is_guarded(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = proxy
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler.answers["http://news.example/a"] = [(302, {"Location": f"{url}/secret"}, b"")]
    with pytest.raises(SourceError, match="resolves to the private address 127"):
        Web().fetch("http://news.example/a", 100)
    assert handler.asked == ["http://news.example/a"]


def test_a_redirect_is_guarded_where_the_first_address_was_public(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = site
    port = url.rpartition(":")[2]
    monkeypatch.setattr(web, "_resolved", lambda host: ["127.0.0.1" if host == "news.example" else host])
    answers = [True, False]
    monkeypatch.setattr(web, "_is_public", lambda _: answers.pop(0))
    handler.answers["/a"] = [(302, {"Location": f"{url}/secret"}, b"")]
    with pytest.raises(SourceError, match="resolves to the private address 127"):
        Web().fetch(f"http://news.example:{port}/a", 100)
    assert handler.asked == ["/a"]


def test_what_is_packed_otherwise_than_was_asked_for_is_not_unpacked(site: Any) -> None:
    url, handler = site
    handler.answers["/"] = [(200, {"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b"body")))]
    with pytest.raises(SourceError, match="is encoded with 'gzip, gzip', which was not requested"):
        LOCAL.fetch(f"{url}/", 100)
