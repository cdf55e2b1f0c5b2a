"""Sentences that stand under many headlines of a site: notices, cookie banners, sign-offs, agency footers.

Search, duplicate detection and standfirsts ignore them. :mod:`recommend.index.boilerplate` finds them by counting over
the corpus; this module gives sentences their identity and removes boilerplate from an article.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.articles.text import sentences

Keys = NDArray[np.uint64]

MOST_SENTENCES = 1_000
_LEAST_BYTES = 16
_BETWEEN_WORDS = re.compile(r"\W+")
_TELLING = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}|\b[^\W\d_]{5}"
)


@dataclass(frozen=True, slots=True)
class Boilerplate:
    """The boilerplate sentences of a corpus, as a set of their :func:`identity`."""

    found: frozenset[int] = frozenset()

    @classmethod
    def of(cls, identities: Keys) -> Boilerplate:
        """From identities (m,)."""
        return cls(frozenset(identities.tolist()))

    def without(self, article: Article) -> Article:
        """The article as search and readers of standfirsts see it; the same object where none of it is boilerplate."""
        if not self.found:
            return article
        site = site_of(article)
        text, summary = self._rest(article.text, site), self._rest(article.summary or "", site)
        if text == article.text and summary == (article.summary or ""):
            return article
        return article.model_copy(update={"text": text, "summary": summary or None})

    def _rest(self, text: str, site: str) -> str:
        """The text without its boilerplate; unchanged where it has none."""
        if not text:
            return text
        split = list(sentences(text))
        keep = [key is None or key not in self.found for key in (identity(sentence, site) for sentence in split)]
        if all(keep):
            return text
        kept = "".join(sentence for sentence, wanted in zip(split, keep, strict=True) if wanted)
        return re.sub(r"\n{3,}", "\n\n", kept).strip()


NOTHING = Boilerplate()


def site_of(article: Article) -> str:
    """The site whose articles the sentences are counted over: ``site``, else the host of the URL, else ""."""
    return article.site or (article.url or "").partition("//")[2].partition("/")[0].removeprefix("www.")


def identity(sentence: str, site: str) -> int | None:
    """63 bits that the same sentence on the same site shares, whatever its case; None for one too short to tell
    anything by."""
    words = " ".join(sentence.casefold().split()).encode(errors="surrogatepass")
    if len(words) < _LEAST_BYTES:
        return None
    digest = blake2b(b"%s\0%s" % (site.encode(errors="surrogatepass"), words), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def sentence_keys(article: Article) -> Keys:
    """What counting needs of an article: (m,) ascending, for each of its different sentences, of the first 1,000, twice
    the identity, and one more where its body says something of its headline."""
    site = site_of(article)
    found = {identity(sentence, site) for sentence in _first(article)} - {None}
    speaks = _speaks_of_headline(article)
    return np.array(sorted(2 * key + speaks for key in found if key is not None), np.uint64)


def _first(article: Article) -> Iterator[str]:
    for text in (article.text, article.summary):
        for _, sentence in zip(range(MOST_SENTENCES), sentences(text or ""), strict=False):
            yield sentence


def _speaks_of_headline(article: Article) -> bool:
    body = article.body.casefold()
    return any(word in body for word in telling_words(article.title))


def telling_words(title: str) -> set[str]:
    """The beginnings, of five letters, of the longer words of a headline; pairs of characters where a script has no
    spaces."""
    return set(_TELLING.findall(title.casefold()))


def headline(title: str) -> str:
    """What two headlines share that differ in case and punctuation alone."""
    return _BETWEEN_WORDS.sub(" ", title.casefold()).strip()
