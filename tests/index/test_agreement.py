"""What embeddings are worth in a language, told by whether they agree with words."""

import numpy as np
import pytest

from recommend.index import lexical, term_weights
from recommend.index.agreement import LEAST, agreement
from recommend.index.term_counts import TermCounts

TOPICS = 6
COUNT = 60


def corpus(languages: list[str | None], blind: str) -> tuple[np.ndarray, lexical.TermMatrix]:
    """Articles on six topics; embeddings that see them, but in the language ``blind``."""
    chance = np.random.default_rng(3)
    topics = np.arange(len(languages)) % TOPICS
    words = [[f"{'abcdef'[topic] * 3}{chance.integers(4)}" for _ in range(6)] for topic in topics.tolist()]
    texts = [f"{' '.join(some)} own{n}" for n, some in enumerate(words)]
    embeddings = np.eye(TOPICS + 2)[topics] + chance.normal(0, 0.1, (len(languages), TOPICS + 2))
    unseen = np.array([language == blind for language in languages])
    embeddings[unseen] = chance.normal(size=(int(unseen.sum()), TOPICS + 2))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    _, matrix = term_weights.fit(TermCounts.of(texts), np.zeros((len(languages), 2), np.float32))
    return embeddings.astype(np.float32), matrix


def test_where_embeddings_see_what_words_see_they_agree_and_elsewhere_it_is_a_coins_toss() -> None:
    languages: list[str | None] = ["es"] * COUNT + ["ar"] * COUNT + [None] * COUNT + ["fr"] * (LEAST - 1)
    found = agreement(*corpus(languages, "ar"), languages)
    assert found.keys() == {"es", "ar"}
    assert found["es"][0] > 0.95
    assert found["ar"][0] == pytest.approx(0.5, abs=0.1)
    assert found["es"][1] == COUNT


def test_copies_say_nothing() -> None:
    texts = ["storm on the coast"] * LEAST
    _, matrix = term_weights.fit(TermCounts.of(texts), np.zeros((LEAST, 2), np.float32))
    assert agreement(np.eye(LEAST, dtype=np.float32), matrix, ["es"] * LEAST) == {}
