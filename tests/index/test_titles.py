"""What titles say, and what in them says nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommend.articles.article import parse_article
from recommend.index import term_weights, titles
from recommend.index.lexicon import Lexicon, TermVector
from recommend.index.table import ArticleTable, row_of
from recommend.index.term_counts import TermCounts

TEXTS = ["Storm closes harbour", "Harbour fees rise again", "Minister on harbour storm"]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    vectors = np.eye(3, 4, dtype=np.float32)
    return term_weights.fit(TermCounts.of(TEXTS), vectors)[0]


def query(lexicon: Lexicon, text: str) -> TermVector:
    return lexicon.weigh(text)


def test_a_title_is_told_as_far_as_its_terms_are_in_the_text_by_their_weight(lexicon: Lexicon) -> None:
    matrix = titles.fit([*TEXTS, "Xyzzy", ""], [None] * 5, lexicon)
    rows = np.arange(5)
    whole = titles.mentioned([query(lexicon, TEXTS[0])], matrix, [rows])
    assert whole[0] == pytest.approx(1.0)
    assert 0 < whole[1] < whole[2] < 1, "of the second it has one word, of the third two"
    assert np.isnan(whole[3:]).all(), "titles without a term that the corpus has"
    assert titles.mentioned([query(lexicon, "nothing of it")], matrix, [rows[:3]]).tolist() == [0, 0, 0]


def test_a_title_is_told_alike_from_either_side(lexicon: Lexicon) -> None:
    _, texts = term_weights.fit(TermCounts.of(TEXTS), np.eye(3, 4, dtype=np.float32))
    matrix = titles.fit([*TEXTS, ""], [None] * 4, lexicon)
    for row in range(4):
        seen = titles.mentions(texts, np.arange(3), matrix.vector(row))
        wanted = titles.mentioned([texts.vector(one) for one in range(3)], matrix, [np.array([row])] * 3)
        assert seen == pytest.approx(wanted, abs=1e-6, nan_ok=True)


def test_an_article_that_arrives_later_has_the_title_it_would_have_in_the_snapshot(lexicon: Lexicon) -> None:
    matrix = titles.fit(TEXTS, ["en", None, "en"], lexicon)
    for row, (text, language) in enumerate(zip(TEXTS, ["en-GB", None, "en"], strict=True)):
        made = titles.weigh(text, language, lexicon)
        assert made.terms.tolist() == matrix.vector(row).terms.tolist()
        assert made.weights == pytest.approx(matrix.vector(row).weights)


def test_what_a_column_repeats_in_its_titles_is_left_out_at_its_own_site() -> None:
    column = [(f"Trends on Tuesday: Topic {n}", "a") for n in range(titles.LEAST_IN_SERIES)]
    template = [(f"Ferry {n} sinks | Harbour News", None) for n in range(titles.LEAST_IN_SERIES)]
    found = titles.series([*column, *template, ("Trends on Tuesday: Once", "b"), ("Rates: up", "a")])
    assert found == {"": ["harbour news"], "a": ["trends on tuesday"]}
    assert titles.without_series("Trends on TUESDAY: Phones: new ones", "a", found) == "Phones: new ones"
    assert titles.without_series("Ferry 7 sinks | Harbour News", None, found) == "Ferry 7 sinks"
    assert titles.without_series("Trends on Tuesday: Once", "b", found) == "Trends on Tuesday: Once"
    assert titles.without_series("Rates: up", "a", found) == "Rates: up"


def test_what_the_name_of_a_series_says_counts_for_nothing_and_else_stays() -> None:
    told = [("Trends on Tuesday: Phones", "a"), ("Trends on Tuesday: Trends in fares", "a"), ("Tuesday", "b")]
    told += [(f"Trends on Tuesday: Topic {n}", "a") for n in range(titles.LEAST_IN_SERIES)]
    articles = [
        parse_article({"id": f"{n:02}", "title": title, "text": f"Said by word{n}.", "site": site, "language": "en"})
        for n, (title, site) in enumerate(told)
    ]
    table = ArticleTable.of_rows([row_of(article) for article in articles])
    counts, languages = TermCounts.of([article.full_text for article in articles]), ["en"] * len(articles)
    left = titles.without_names(counts, table, languages)
    assert left.rows.indices.tolist() == counts.rows.indices.tolist()
    words = [
        {left.vocabulary[at]: int(left.rows[[row]].toarray()[0, at]) for at in counts.rows[[row]].indices.tolist()}
        for row in range(3)
    ]
    assert {word for word, count in words[0].items() if not count} == {"Trend", "Tuesd", "trend", "tuesd"}
    assert {word for word, count in words[0].items() if count} == {"Phone", "Said", "phone", "said", "word0"}
    assert (words[1]["Trend"], words[1]["tuesd"], words[2]["tuesd"]) == (1, 0, 1)
    lexicon, matrix = term_weights.fit(left, np.eye(len(articles), dtype=np.float32), languages)
    names = titles.series(told)
    for row, article in enumerate(articles):
        name = titles.series_of(article.title, article.site, names)
        made = lexicon.weigh(article.full_text, "en", name)
        assert made.terms.tolist() == matrix.vector(row).terms.tolist()
        assert made.weights == pytest.approx(matrix.vector(row).weights)


def test_what_is_written_is_read_again(lexicon: Lexicon, tmp_path: Path) -> None:
    matrix = titles.fit(TEXTS, [None] * 3, lexicon)
    titles.save(matrix, {"a": ["trends"]}, tmp_path / "titles")
    read, names = titles.load(tmp_path / "titles", len(lexicon))
    assert (read.rows != matrix.rows).nnz == 0
    assert names == {"a": ["trends"]}
