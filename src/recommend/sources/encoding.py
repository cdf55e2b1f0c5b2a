"""The characters of a document: decoded once, by what is told of it, and by a guess where nothing is."""

from __future__ import annotations

import codecs
import re
from email.message import Message

_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
]
_DECLARED = re.compile(
    rb"""<(?:\?xml|meta)\b[^<>]{0,1000}?\b(?:encoding|charset)\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})""", re.I
)
_DECLARATION = re.compile(r"\s*<\?xml[^<>]{0,1000}\?>")
_HEAD = 4096
_MEANT = {  # what those who write the one mean, as browsers read it (https://encoding.spec.whatwg.org)
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_GUESSED_FROM = 2**16


def encoding_by_mark(start: bytes) -> str | None:
    """The encoding that the first bytes of a document give away: a byte order mark, or XML in UTF-16 without one."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


def decode(data: bytes, content_type: str = "") -> str:
    """Markup as text: by its byte order mark, the header of the answer, its own declaration, or else as UTF-8; by a
    guess where it is none of those. An XML declaration is left out, as what it says of the encoding holds no longer.
    """
    declared = encoding_by_mark(data) or _of_header(content_type) or _of_head(data)
    for encoding in filter(None, (declared, "utf-8")):
        try:
            return _plain(data.decode(encoding))
        except UnicodeDecodeError:
            continue
    if declared not in {None, "utf-8"}:
        return _plain(data.decode(str(declared), errors="replace"))
    text = data.decode(errors="replace")
    foreign = sum(not character.isascii() for character in text[:_GUESSED_FROM])
    if text.count("\ufffd", 0, _GUESSED_FROM) * 10 > foreign:  # more than a bad byte here and there
        text = data.decode(_guess(data), errors="replace")
    return _plain(text)


def known_encoding(label: str) -> str | None:
    """The codec that a label means; None for one that nobody knows."""
    try:
        name = codecs.lookup(label.strip()).name
    except (LookupError, ValueError):
        return None
    name = _MEANT.get(name, name)
    return name if getattr(codecs.lookup(name), "_is_text_encoding", True) else None


def _plain(text: str) -> str:
    text = text.removeprefix("\ufeff")
    declaration = _DECLARATION.match(text)
    return text[declaration.end() :] if declaration else text.lstrip() if text[:1].isspace() else text


def _of_header(content_type: str) -> str | None:
    message = Message()
    message["content-type"] = content_type
    charset = message.get_content_charset()
    return known_encoding(charset) if charset else None


def _of_head(data: bytes) -> str | None:
    declared = _DECLARED.search(data[:_HEAD])
    if declared is None:
        return None
    name = known_encoding(declared[1].decode("ascii"))
    return "utf-8" if name is not None and name.startswith(("utf-16", "utf-32")) else name  # it could not be read so


def _guess(data: bytes) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return "cp1252"
    best = from_bytes(data[:_GUESSED_FROM]).best()
    return "cp1252" if best is None else best.encoding
