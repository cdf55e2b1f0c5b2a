from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile import NAMES, hostile
from recommend.articles.article import Article
from recommend.articles.boilerplate import NOTHING, Boilerplate, identity, sentence_keys, site_of
from recommend.articles.text import sentences

NOTICE = "Sign up for our morning letter and never miss a story."


def boilerplate(*found: str, site: str = "") -> Boilerplate:
    return Boilerplate.of(np.array([identity(sentence, site) for sentence in found], np.uint64))


@given(st.lists(st.sampled_from([*NAMES, ".", " ", "\n", "Port ", "J. ", "。"]) | st.text(max_size=9), max_size=30))
def test_sentences_joined_are_the_text_again(parts: list[str]) -> None:
    text = "".join(hostile(part, 20) if part in NAMES else part for part in parts)
    assert "".join(sentences(text)) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The port closes. Ferries wait!", ["The port closes. ", "Ferries wait!"]),
        ("Dr. Ruiz met J. Olmo on 3. May. They left.", ["Dr. Ruiz met J. Olmo on 3. May. ", "They left."]),
        ("It stays in the U.S.\n\nRead more here", ["It stays in the U.S.\n\n", "Read more here"]),
        ("港が閉鎖された。フェリーは待つ。", ["港が閉鎖された。", "フェリーは待つ。"]),
    ],
)
def test_a_text_is_cut_behind_its_sentences(text: str, found: list[str]) -> None:
    assert list(sentences(text)) == found


def test_case_and_white_space_make_no_other_sentence_and_another_site_does() -> None:
    assert identity(NOTICE, "a") == identity(f"  {NOTICE.upper()}\n\n", "a") != identity(NOTICE, "b")
    assert identity("Read more", "a") is None


def test_an_article_is_read_without_boilerplate_wherever_it_stands() -> None:
    body = f"{NOTICE} A crane fell onto the quay. {NOTICE}\n\nFerries wait in the bay.\n\n{NOTICE}"
    read = boilerplate(NOTICE).without(Article(id="a", title="Port closes", text=body, summary=NOTICE))
    assert read.text == "A crane fell onto the quay. Ferries wait in the bay."
    assert read.summary is None
    assert read.standfirst == "A crane fell onto the quay."


def test_an_article_that_has_none_or_is_of_another_site_stays_the_object_it_is() -> None:
    article = Article(id="a", title="Port closes", text=f"Ferries wait. {NOTICE}", url="https://www.quay.example/1")
    assert site_of(article) == "quay.example"
    assert NOTHING.without(article) is article
    assert boilerplate(NOTICE, site="other.example").without(article) is article
    assert boilerplate(NOTICE, site="quay.example").without(article).text == "Ferries wait."


def test_a_body_of_nothing_else_leaves_the_headline_and_the_summary() -> None:
    article = Article(id="a", title="Port closes", text=NOTICE, summary="A crane fell.")
    read = boilerplate(NOTICE).without(article)
    assert (read.full_text, read.standfirst) == ("Port closes\nA crane fell.", "A crane fell.")
    assert boilerplate(NOTICE).without(article.model_copy(update={"summary": None})).standfirst is None


@pytest.mark.parametrize(
    ("title", "text", "told"),
    [
        ("Harbour of Velmora closes", f"The harbour is shut. {NOTICE}", True),
        ("Harbour of Velmora closes", NOTICE, False),
        ("ベルモラ港が閉鎖", "ベルモラの港は閉まった。復旧の見通しは立っていない。", True),
        ("ベルモラ港が閉鎖", "この記事は有料会員限定です。ログインしてください。", False),
    ],
)
def test_what_is_counted_tells_whether_a_body_speaks_of_its_headline(title: str, text: str, *, told: bool) -> None:
    keys = sentence_keys(Article(id="a", title=title, text=text)).tolist()
    assert keys
    assert {key % 2 for key in keys} == {int(told)}


def test_a_sentence_counts_once_an_article_however_often_it_is_said() -> None:
    article = Article(id="a", title="Port closes", text=f"{NOTICE} {NOTICE.upper()}\n\n{NOTICE}", summary=NOTICE)
    assert len(sentence_keys(article)) == 1
