"""Languages as publishers name them, as BCP 47 tags."""

from __future__ import annotations

import re
from functools import lru_cache

from recommend.articles.limits import LANGUAGE_LIMIT

_COMMON = re.compile(r"[a-z]{2}(?:-[A-Z]{2})?")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*+")
_SETTLED = frozenset({
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu",
    "it", "ja", "ko", "lt", "lv", "nb", "nl", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk",
    "ur", "vi", "zh",
})  # fmt: skip
_UNKNOWN = frozenset({"und", "mul", "zxx", "mis", "art", "qaa", "c", "posix"})


@lru_cache(maxsize=4096)
def primary_language(name: str) -> str:
    """What languages are compared by: 'en' of 'en-GB', and of whatever else :func:`read_language` takes for it; empty
    where it is unknown. Of what that does not take, the part before the first hyphen."""
    try:
        tag = read_language(name)
    except ValueError:
        tag = name.lower()
    return (tag or "").partition("-")[0]


@lru_cache(maxsize=4096)
def read_language(text: str) -> str | None:
    """The BCP 47 tag of a language in its usual form ('pt-BR'), or None where it is said to be unknown or several.

    Takes tags however they are written, POSIX locales (``en_US.UTF-8``), ISO 639-2 and 639-3 codes (``eng``), names of
    languages in English or their own (``English``, ``Deutsch``), and the first of a list of those.

    Raises:
        ValueError: a clause that says what is wrong with it.
    """
    if len(text) > LANGUAGE_LIMIT:
        raise ValueError(f"has {len(text)} characters, more than {LANGUAGE_LIMIT}")
    first = next((part for part in re.split(r"[,;|]", text) if part.strip()), "")
    name = re.split(r"[.@]", first, maxsplit=1)[0].strip()
    tag = name.replace("_", "-").strip("-")
    if _COMMON.fullmatch(tag) and tag[:2] in _SETTLED:
        return tag
    if not tag or tag.lower().split("-")[0] in _UNKNOWN:
        return None
    import langcodes  # brings tables that most texts do without
    from langcodes.tag_parser import LanguageTagError

    try:
        if not _TAG.fullmatch(tag) and name.isprintable() and (len(tag) > 3 or not tag.isascii()):
            return str(langcodes.find(name).to_tag())
        if langcodes.tag_is_valid(tag):
            return str(langcodes.standardize_tag(tag, macro=True))
    except (LanguageTagError, LookupError):
        pass
    raise ValueError("is not a BCP 47 language tag such as 'en' or 'pt-BR'")


def same_language(left: str | None, right: str | None) -> bool:
    """Whether two languages have the same primary part ('en' of 'en-GB'); an unknown one is the same as any."""
    one, other = primary_language(left or ""), primary_language(right or "")
    return not one or not other or one == other
