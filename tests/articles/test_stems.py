"""Terms by language: what is one word to a reader is one term, stop words are the language's own, names are shared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.stems import BESIDE, stemmer, stop_words
from recommend.articles.text import spans, terms

LANGUAGES = st.sampled_from([None, "en", "es", "de", "fr", "tr", "ar", "hi", "vi", "ru", "uk", "kk", "ja"])


def words(text: str, language: str | None, stop: frozenset[str] = frozenset()) -> list[str]:
    """Terms of words, and not of what stands beside them."""
    return [term for term in terms(text, stop, language) if not term.startswith(BESIDE)]


def lower(text: str, language: str) -> set[str]:
    """Terms of words that are not there for their capital."""
    return {term for term in words(text, language) if term == term.lower()}


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("es", "gobernadores", "gobernador"),
        ("de", "Häuser", "Hauses"),
        ("fr", "élections", "élection"),
        ("tr", "depremlerin", "depremde"),
        ("tr", "Ankara'daki", "Ankara"),
        ("ar", "الوزير", "وزير"),
        ("hi", "समझौते", "समझौता"),
        ("ru", "выборами", "выборы"),
    ],
)
def test_forms_of_one_word_share_a_term(language: str, one: str, other: str) -> None:
    assert lower(one, language) & lower(other, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [("es", "por la tarde"), ("de", "auf der und das"), ("fr", "dans les rues"), ("tr", "ve ile"), ("vi", "những của")],
)
def test_stop_words_are_those_of_the_language(language: str, text: str) -> None:
    kept = words(text, language)
    assert len(kept) <= 1
    assert len(terms(text)) > len(kept)


def test_words_that_are_stop_words_in_english_alone_stay() -> None:
    english = frozenset({"thế", "ten", "may", "the", "on"})
    assert words("ten may", "vi", english) == ["ten", "may"]
    assert terms("ten may", english) == []


def test_vietnamese_syllables_keep_their_tones_and_neighbours_are_words() -> None:
    assert set(terms("ma mả má", language="vi")) >= {"ma", "mả", "má", "-ma_mả"}
    together = terms("kinh tế, y tế", language="vi")
    assert {"-kinh_tế", "-y_tế"} <= set(together)
    assert "-kinh_tế" not in terms("tế kinh", language="vi")


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [("de", "Hafenarbeiter", "Hilfsarbeiter"), ("tr", "gidemeyenler", "gidenler"), ("cs", "nejnovější", "novější")],
)
def test_words_that_share_a_piece_share_what_stands_beside_them(language: str, one: str, other: str) -> None:
    left, right = set(terms(one, language=language)), set(terms(other, language=language))
    assert left & right
    assert all(term.startswith(BESIDE) for term in left & right)


@pytest.mark.parametrize("language", [None, "en", "es", "it"])
def test_where_nothing_is_gained_by_pieces_there_are_none(language: str | None) -> None:
    assert terms("administrators", language=language) == words("administrators", language)


@pytest.mark.parametrize("text", ["2026", "٢٠٢٦", "B52"])
def test_a_number_has_no_pieces(text: str) -> None:
    assert terms(text, language="tr") == words(text, "tr")


@given(st.text(max_size=60), LANGUAGES)
def test_only_what_stands_beside_words_looks_as_if_it_did(text: str, language: str | None) -> None:
    assert not any(term.startswith(BESIDE) for term in terms(text, language="en"))
    assert set(words(text, language)) == {term for term in terms(text, language=language) if term[:1].isalnum()}


@pytest.mark.parametrize("language", ["es", "de", "fr", "tr", "vi"])
def test_a_name_is_the_same_term_as_in_english(language: str) -> None:
    assert "Macro" in terms("Macron", language=language)
    assert "Macro" in terms("Macron")


@given(st.text(max_size=60))
def test_english_and_an_unknown_language_are_read_alike(text: str) -> None:
    assert terms(text, frozenset({"the"}), "en") == terms(text, frozenset({"the"}))


@given(st.text(max_size=60), LANGUAGES)
def test_every_text_gives_terms_in_every_language(text: str, language: str | None) -> None:
    found = terms(text, language=language)
    assert found == terms(text, language=language)
    assert all(found)


@pytest.mark.parametrize(("language", "text"), [("ar", "الرئيس"), ("hi", "राष्ट्रपति"), ("es", "Ginebra"), ("vi", "Huế")])
def test_what_names_the_word_in_a_reason_is_found_as_written(language: str, text: str) -> None:
    found = spans(text, set(terms(text, language=language)))
    assert [text[span.start : span.end] for span in found] == [text]


def test_languages_without_a_stemmer_or_a_list_keep_the_first_letters() -> None:
    assert stemmer("kk") is None
    assert stop_words("kk") == stop_words("en") == stop_words(None) == frozenset()
    assert words("Қазақстан президенті", "kk") == terms("Қазақстан президенті")
