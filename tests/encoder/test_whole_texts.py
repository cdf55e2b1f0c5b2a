"""Long texts are read whole, short ones as ever."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.articles.article import parse_article
from recommend.encoder import Encoder, encode_articles, encoder_fingerprint, open_encoder
from recommend.encoder.adapter import find_adapter
from recommend.encoder.preparation import is_short
from recommend.encoder.whole_texts import WholeTexts
from recommend.fingerprint import base_fingerprint, words_read
from recommend.ingest import embed_missing, ingest
from recommend.jobs.reindex import reindex
from recommend.settings import EncoderSettings

if TYPE_CHECKING:
    from conftest import Newsroom

WORDS = 90  # of a piece, at 128 tokens


def words(count: int, word: str = "storm") -> str:
    """So many words."""
    return " ".join(f"{i}{word}" for i in range(count))


def test_a_text_of_fewer_than_three_pieces_keeps_its_embedding_to_the_bit(toy_encoder: Encoder) -> None:
    whole = WholeTexts(toy_encoder, 900)
    texts = ["", "Vote", words(3 * WORDS - 1), "x" * 5000]
    limited = [text[: 128 * 16] for text in texts]
    assert np.array_equal(whole.encode(texts), toy_encoder.encode(limited))
    assert whole.encode([]).shape == (0, toy_encoder.dimension)


def test_what_a_long_text_says_further_down_counts_up_to_the_last_word_read(toy_encoder: Encoder) -> None:
    whole = WholeTexts(toy_encoder, 400)
    start = words(3 * WORDS)
    plain, harbour, beyond = whole.encode(
        [start, f"{start} {words(WORDS, 'harbour')}", f"{start} {words(400 - 3 * WORDS)} {words(WORDS, 'harbour')}"]
    )
    about = toy_encoder.encode([words(WORDS, "harbour")])[0]
    assert harbour @ about > plain @ about + 0.03
    assert np.array_equal(beyond, whole.encode([f"{start} {words(400 - 3 * WORDS)}"])[0])
    assert np.linalg.norm([plain, harbour, beyond], axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_a_long_text_is_the_mean_of_its_pieces_with_twice_its_beginning(toy_encoder: Encoder) -> None:
    text = words(3 * WORDS + 29)  # the rest is less than a third of a piece
    pieces = [" ".join(text.split()[i : i + WORDS]) for i in range(0, 3 * WORDS, WORDS)]
    mean = toy_encoder.encode(pieces).mean(axis=0)
    mixed = mean / np.linalg.norm(mean) + 2.0 * toy_encoder.encode([text[: 128 * 16]])[0]
    assert WholeTexts(toy_encoder, 900).encode([text])[0] == pytest.approx(mixed / np.linalg.norm(mixed), abs=1e-6)


def test_the_fingerprint_tells_how_much_is_read_and_adapters_suit_all(models: Path) -> None:
    plain, whole = (encoder_fingerprint(EncoderSettings(max_words=n), models) for n in (0, 900))
    assert (words_read(plain), words_read(whole), base_fingerprint(whole)) == (0, 900, plain)
    assert open_encoder(EncoderSettings(), models).fingerprint == whole
    adapters = [find_adapter("auto", models, fingerprint) for fingerprint in (plain, whole)]
    assert adapters[0] is not None
    assert adapters[1] is not None
    assert np.array_equal(adapters[0].weights, adapters[1].weights)


def test_only_long_texts_are_embedded_anew_when_more_of_them_is_read(newsroom: Newsroom) -> None:
    long = parse_article({"id": "long", "title": "Harbour", "text": words(400)})
    ingest(newsroom.store, newsroom.encoder, [long])
    before = newsroom.store.counts(newsroom.encoder.fingerprint)["published"]
    seen: list[str] = []

    class Watched(WholeTexts):
        def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
            """Notes what is encoded."""
            seen.extend(texts)
            return super().encode(texts)

    whole = Watched(newsroom.encoder, 900)
    assert embed_missing(newsroom.store, whole) == 1
    assert seen == [long.full_text]
    with newsroom.store.published(whole.fingerprint) as (_, changes):
        found = {c.article.id: c.embedding for c in changes if c.article is not None}
    assert len(found) == before
    with newsroom.store.published(newsroom.encoder.fingerprint) as (_, changes):
        for change in changes:
            assert change.article is not None
            same = np.array_equal(found[change.article.id], change.embedding)  # type: ignore[arg-type]
            assert same == is_short(change.article, 128)


def test_a_nightly_file_is_not_embedded_anew_either_and_old_embeddings_go(newsroom: Newsroom) -> None:
    article = parse_article({"id": "new", "title": "Harbour closed"})
    assert ingest(newsroom.store, newsroom.encoder, [article]).embedded == 1
    whole = WholeTexts(newsroom.encoder, 900)
    assert ingest(newsroom.store, whole, [article]).embedded == 0
    assert newsroom.store.embeddings.text_hashes(["new"], whole.fingerprint)
    assert reindex(newsroom.store, whole, newsroom.indexing(keep=1).settings).dropped > 0
    assert not newsroom.store.embeddings.text_hashes(["new"], newsroom.encoder.fingerprint)
    vectors = encode_articles(whole, [article])
    assert np.array_equal(vectors, encode_articles(newsroom.encoder, [article]))
