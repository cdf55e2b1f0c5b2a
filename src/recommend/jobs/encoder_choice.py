"""Which encoder ``encoder.name = auto`` stands for: looked at before the first embedding, and not again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from recommend.articles.article import Article
from recommend.articles.foreign_words import foreign_words
from recommend.articles.languages import primary_language
from recommend.encoder.encoder import AUTO, DEFAULT, MULTILINGUAL, encoder_fingerprint
from recommend.encoder.manifest import MANIFEST, read_manifest
from recommend.errors import EncoderError
from recommend.index.snapshot.catalog import live_manifest
from recommend.index.snapshot.layout import IndexLayout
from recommend.resources import model_file
from recommend.settings import Settings
from recommend.store import Store

logger = logging.getLogger(__name__)

_LOOKED_AT = 1000
_SHOWN = 5


def decided(settings: Settings, store: Store | None = None, *, anew: bool = False) -> Settings:
    """The settings with the name of an encoder where they say ``auto``.

    That of the live snapshot; without one, that of the embeddings in the store; without any, the multilingual one where
    most of the store's articles are not in English and it is installed, else the default one.

    Args:
        settings: as given.
        store: where the articles are; None decides by the snapshot alone.
        anew: look at the articles whatever the encoder was before.
    """
    if settings.encoder.name != AUTO:
        return settings
    name = None if anew else _known(settings, store)
    if name is None and store is not None:
        lacking = store.embeddings.lacking("" if anew else _fingerprint(settings, DEFAULT), _LOOKED_AT)
        name = _choice(settings, lacking)
    return _named(settings, name or DEFAULT)


def decided_by(settings: Settings, store: Store, articles: Iterable[Article]) -> tuple[Settings, Iterable[Article]]:
    """The same where articles are about to come into a store; where nothing else decides, the first of them do.

    Returns:
        The settings, and all the articles.
    """
    if settings.encoder.name != AUTO:
        return settings, articles
    name = _known(settings, store)
    if name is not None:
        return _named(settings, name), articles
    coming = iter(articles)
    first = list(islice(coming, _LOOKED_AT))
    stored = store.embeddings.lacking(_fingerprint(settings, DEFAULT), _LOOKED_AT)
    return _named(settings, _choice(settings, [*stored, *first])), _Resumed(first, coming)


class _Resumed:
    """Articles some of which were looked at already."""

    def __init__(self, first: list[Article], coming: Iterator[Article]) -> None:
        self._all = chain(first, coming)

    def __iter__(self) -> Iterator[Article]:
        return self._all


def _named(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"encoder": settings.encoder.model_copy(update={"name": name})})


def _known(settings: Settings, store: Store | None) -> str | None:
    live = live_manifest(IndexLayout(settings.index))
    if live is not None:
        return live.encoder_name
    if store is None:
        return None
    for name in (DEFAULT, MULTILINGUAL):
        counts = store.counts(_fingerprint(settings, name))
        if counts["published"] > counts["unembedded"]:
            return name
    return None


def _fingerprint(settings: Settings, name: str) -> str:
    return encoder_fingerprint(_named(settings, name).encoder, settings.models)


def _choice(settings: Settings, articles: list[Article]) -> str:
    count, found = _foreign(articles)
    if 2 * count <= len(articles):
        return DEFAULT
    manifest = model_file(settings.models, f"{MULTILINGUAL}/{MANIFEST}")
    try:
        read_manifest(manifest.parent).installed()
    except EncoderError:
        logger.warning(
            "%s: encoder %s, which is made for English, is used, because the multilingual one is not installed; "
            "pip install 'related-articles[multilingual]', then recommend reindex --encoder %s",
            found,
            DEFAULT,
            MULTILINGUAL,
        )
        return DEFAULT
    logger.warning("%s: encoder %s is used", found, MULTILINGUAL)
    return MULTILINGUAL


def _foreign(articles: list[Article]) -> tuple[int, str]:
    """How many articles are not in English, as they say, else by their words; and a clause that says so."""
    named = [article.language for article in articles if article.language is not None]
    others = sum(primary_language(language) != "en" for language in named)
    words = [each for each in foreign_words(one.full_text for one in articles if one.language is None) if each]
    finding = f"{others + len(words):,} of the first {len(articles):,} articles are not in English"
    if words:
        seen = Counter(word for each in words for word in dict.fromkeys(each)).most_common(_SHOWN)
        finding += f" ({len(words):,} by words such as {', '.join(word for word, _ in seen)})"
    return others + len(words), finding
