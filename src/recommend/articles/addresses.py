"""Addresses: read as the URL standard says, and the form under which a page is looked up."""

from __future__ import annotations

import re

from ada_url import URL

from recommend.articles.limits import LINE_LIMIT
from recommend.articles.tracking import is_tracking

_UNFIT = re.compile(  # blanks, control characters, characters without width, turns of direction, and what URLs escape
    r"[\x00-\x20\"<>\\^`{|}\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_BARE = {ord(character): f"%{ord(character):02X}" for character in "\"'<>[\\]^`{|}"}
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_IN_PATH = frozenset(f"{_UNRESERVED}!$&()*+,;=:@")
_IN_QUERY = frozenset(f"{_UNRESERVED}!$()*,;:@/?")
_WEB = frozenset({"http:", "https:"})
_NO_SITE = "https://no-site.invalid"


def read_address(text: str, base_url: str | None = None) -> str | None:
    """An address of the web as it was written, without blanks around it; None where there is nothing but blanks.

    ``//host/…`` gets its scheme, https where nothing names another, and with ``base_url`` a relative address becomes
    absolute. A path that starts with ``/`` stays one without. Blanks, characters without width and those that turn the
    direction of writing are escaped.

    Raises:
        ValueError: a clause that says what is wrong with it.
    """
    text = text.strip()
    if not text:
        return None
    if len(text) > LINE_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {LINE_LIMIT}")
    if _CONTROL.search(text):
        raise ValueError("is not a valid URL: it contains a control character")
    url = _parsed(text) or (None if base_url is None else _parsed(text, base_url))
    if url is None and _is_rooted(text):
        return _UNFIT.sub(_escape, text)
    if url is None and text.startswith("//"):
        url = _parsed(f"https:{text}")
    if url is None and text.startswith(("http://", "https://")):
        raise ValueError("is not a valid URL")
    if url is None or url.protocol not in _WEB or not url.hostname:
        raise ValueError("is neither an http(s) URL nor a path that starts with '/'")
    whole = text[:8].lower().startswith(("http://", "https://"))
    return text if whole and not _UNFIT.search(text) else str(url.href)


def canonical_url(url: str) -> str:
    """The form under which an article's URL is looked up.

    http and https are alike, as are the cases of letters of the host, ports that go without saying, and the ways to
    escape a character; fragments, tracking parameters and slashes at the end are dropped. All else names a page: the
    query, whatever its form, and a fragment that begins with ``!`` or ``/``. What is no URL stays as it is.
    """
    text = url.strip()
    rooted = _is_rooted(text)
    parsed = None if len(text) > LINE_LIMIT or _CONTROL.search(text) else _parsed(text, _NO_SITE if rooted else None)
    if parsed is None or parsed.protocol not in _WEB:
        return text
    pieces = (_settled(piece.replace("+", "%20"), _IN_QUERY) for piece in parsed.search[1:].split("&"))
    query = "&".join(piece for piece in pieces if piece and not is_tracking(piece.partition("=")[0]))
    path = _settled(parsed.pathname, _IN_PATH).rstrip("/") or "/"
    fragment = parsed.hash if parsed.hash[1:2] in {"!", "/"} and len(parsed.hash) > 2 else ""
    port = "" if parsed.port in {"", "80", "443"} else f":{parsed.port}"
    site = "" if rooted else f"https://{parsed.hostname.rstrip('.') or '.'}{port}"
    return f"{site}{path}{'?' if query else ''}{query}{_settled(fragment, _IN_QUERY)}"


def _is_rooted(text: str) -> bool:
    return text.startswith("/") and not text.startswith(("//", "/\\"))


def _parsed(text: str, base_url: str | None = None) -> URL | None:
    try:
        return URL(text, base=base_url)
    except ValueError:
        return None


def _settled(part: str, plain: frozenset[str]) -> str:
    """A part of an address in which each character is escaped in one way: those of ``plain`` never."""

    def one(escape: re.Match[str]) -> str:
        if escape[1] is None:
            return "%25"
        character = chr(int(escape[1], 16))
        return character if character in plain else escape[0].upper()

    return _ESCAPE.sub(one, part).translate(_BARE)


def _escape(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="replace"))
