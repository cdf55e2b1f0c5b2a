"""Names are names: whole, as written, and rare enough to tell one thing from others."""

import numpy as np
import pytest

from recommend.index import term_weights
from recommend.index.term_counts import TermCounts
from recommend.ranking.names import Names, names_among, names_among_each, names_in, unheard


@pytest.mark.parametrize(
    ("phrases", "texts", "names"),
    [
        (["Hamas releases"], ["Hamas releases three", "On Monday Hamas releases two"], ["Hamas"]),
        (["Israeli hostages"], ["Israeli hostages are freed", "Three Israeli hostages come home"], []),
        (["Oblast"], ["A strike in Kharkiv Oblast", "A fire in Poltava Oblast"], []),
        (["Eby"], ["They ask what David Eby said", "A day with David Eby"], ["David Eby"]),
        (["Kyiv", "Kyiv Oblast"], ["Kyiv Oblast is hit", "A train to Kyiv Oblast"], ["Kyiv Oblast"]),
        (["Berlin"], ["In Berlin it rains", "Berlin's mayor"], ["Berlin"]),
        (["Iran"], ["Iran Strikes Back At Last", "A Long Night For Iran"], ["Iran"]),
        (["Indianapolis 500"], ["He wins the Indianapolis 500", "The Indianapolis 500 begins"], ["Indianapolis 500"]),
        (["東京都"], ["今日の東京都知事", "東京都"], ["東京都"]),
        (["वेल्मोरा"], ["वेल्मोरा में बाढ़", "बाढ़ के बाद वेल्मोरा"], ["वेल्मोरा"]),
        (["Bashar"], ["Syria without Bashar al-Assad", "Where Bashar al-Assad lives"], ["Bashar al-Assad"]),
        (
            ["Democratic Republic", "Congo"],
            ["In the Democratic Republic of the Congo", "The Democratic Republic of the Congo votes"],
            ["Democratic Republic of the Congo"],
        ),
        (["Laurence"], ["They hear Laurence des Cars today", "Laurence des Cars resigns"], ["Laurence des Cars"]),
        (["Laurence"], ["Laurence des Cars resigns", "The director resigns"], ["Laurence des Cars"]),
        (["Laurence"], ["They hear Laurence des Cars today", "Who is Laurence?"], ["Laurence"]),
        (["Lago"], ["A guest at Mar-a-Lago", "Mar-a-Lago is searched"], ["Mar-a-Lago"]),
        (["Lago"], ["A guest at Mar-a-Lago", "The Lago Maggiore"], []),
        (["Piper"], ["there a Piper PA-46 crashes", "where a Piper PA-24 crashes"], []),
        (["Pfizer"], ["What Pfizer-BioNTech sells", "What Pfizer sells"], ["Pfizer"]),
        (["Kingdom"], ["in the United Kingdom's Department for trade", "The United Kingdom votes"], ["United Kingdom"]),
        (["Putin"], ["the President of Russia Vladimir Putin", "as Vladimir Putin is"], ["Vladimir Putin"]),
        (["Magyar"], ["They ask Peter Magyar, whom Magyar voters like", "What Magyar said"], ["Magyar"]),
        (["Johnson"], ["They ask Mike Johnson", "When Boris Johnson left, Johnson wept"], []),
        (["Manchester"], ["A day for Manchester City", "A day for Manchester United"], []),
        (["Leyen", "Ursula"], ["So Ursula von der Leyen won", "That Ursula von der Leyen"], ["Ursula von der Leyen"]),
        (["Caledonia"], ["New Caledonia votes", "A vote in New Caledonia"], ["New Caledonia"]),
        (["Greek-flagged"], ["The Greek-flagged Sounion", "A Greek-flagged ship"], []),
        (["Yemeni", "Prime Minister"], ["A Yemeni said", "Their Prime Minister said"], []),
        ([], ["", ""], []),
    ],
)  # fmt: skip
def test_a_name_is_a_run_of_capitals_that_both_texts_have_and_no_piece_of_another(
    phrases: list[str], texts: list[str], names: list[str]
) -> None:
    assert names_in(phrases, texts, None) == names


def test_a_name_that_no_article_has_is_what_both_texts_write_with_a_capital_inside_of_a_sentence() -> None:
    texts = ["Rain in Tunis", "Workers strike in Sfax", "A dam breaks"]
    lexicon, _ = term_weights.fit(TermCounts.of(texts), np.ones((len(texts), 2), np.float32))
    both = ["Unheard: dams near Velmora and Tunis", "Unheard. The Velmora dams fell"]
    assert unheard(both, ["en", "en"], lexicon) == {"Velmo"}
    assert unheard(["What Velmora says", "velmora"], ["en", None], lexicon) == frozenset()
    assert unheard(["What Dam says", "Our Dam"], ["en", "en"], lexicon) == frozenset()


def test_names_are_not_given_unless_one_of_them_is_rare() -> None:
    known = Names(frozenset({"iran", "Iran", "kerma", "Kerma"}), frozenset({"kerma", "Kerma"}))
    texts = ["Iran says that Kermanshah was hit", "Kermanshah, in Iran, burns"]
    assert names_in(["Iran"], texts, known) == []
    assert names_in(["Iran", "Kermanshah"], texts, known) == ["Iran", "Kermanshah"]
    assert names_in(["Kermanshah", "Fire"], ["A Fire in Kermanshah", "Kermanshah Fire"], known) == ["Kermanshah"]


def test_a_word_that_begins_names_is_none_alone_unless_it_is_a_place() -> None:
    words = frozenset({"peter", "Peter", "magya", "Magya", "kursk", "Kursk"})
    known = Names(words, words, frozenset({"Peter", "Kursk"}))
    assert names_in(["Peter"], ["What Peter Magyar says", "So Peter said"], known) == []
    assert names_in(["Peter"], ["What Peter Magyar says", "Peter Magyar won"], known) == ["Peter Magyar"]
    assert names_in(["Magyar"], ["Peter Magyar says", "Viktor Magyar won"], known) == ["Magyar"]
    assert names_in(["Magyar"], ["Peter Magyar says", "And Viktor Magyar won"], known) == []
    assert names_in(["Kursk"], ["A fire in Kursk", "To Kursk Oblast"], known) == ["Kursk"]


def test_in_a_script_without_capitals_a_name_is_what_is_rare() -> None:
    known = Names(frozenset({"عدن", "قال"}), frozenset({"عدن"}))
    texts = ["قال في عدن", "عدن قال"]
    assert names_in(["عدن", "قال"], texts, known, "ar") == ["عدن"]


def test_a_word_that_a_corpus_seldom_writes_with_a_capital_is_no_name() -> None:
    texts = ["Protesters march in Tunis", "the protesters of Tunis", "more protesters", *["The rain in Spain"] * 30]
    lexicon, matrix = term_weights.fit(TermCounts.of(texts), np.ones((len(texts), 2), np.float32))
    found = names_among({"prote", "Prote", "tunis", "spain", "nobody"}, lexicon, matrix)
    assert found == Names(frozenset({"tunis", "Tunis", "spain", "Spain"}), frozenset({"tunis", "Tunis"}))
    assert names_among(frozenset(), lexicon, matrix) == Names(frozenset(), frozenset())
    several = [frozenset({"tunis"}), frozenset[str](), frozenset({"Spain", "rain"})]
    assert names_among_each(several, lexicon, matrix) == [names_among(terms, lexicon, matrix) for terms in several]


@pytest.mark.parametrize(
    ("text", "names"), [("A McDavid, a _David and a McEby", []), ("A McDavid, David and a McEby", ["David Eby"])]
)
def test_a_word_that_only_ends_another_one_is_in_no_text(text: str, names: list[str]) -> None:
    assert names_in(["Eby"], ["They ask what David Eby said", text], None) == names
