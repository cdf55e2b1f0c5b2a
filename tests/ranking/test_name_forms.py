"""A name is found whole, whichever of two texts is looked at first."""

from hypothesis import given
from hypothesis import strategies as st

from recommend.ranking.name_forms import has_capitals, whole_name

_WORDS = st.lists(st.sampled_from(["Peter", "Magyar", "Viktor", "won", "in", "Budapest's", "New-Buda"]), max_size=6)


@given(_WORDS, _WORDS)
def test_a_name_is_the_same_whichever_text_comes_first(one: list[str], other: list[str]) -> None:
    texts = [f"here it says {' '.join(words)} and no more of it" for words in (one, other)]
    for run in ("Peter", "Magyar", "Budapest"):
        found = whole_name(run, texts, {"Peter", "Viktor"}, "en")
        assert found == whole_name(run, texts[::-1], {"Peter", "Viktor"}, "en")
        assert found is None or run in found


def test_a_word_that_begins_a_sentence_is_of_a_name_where_it_begins_others_or_the_other_text_has_it_inside() -> None:
    texts = ["Peter Magyar has won it", "what Viktor Magyar has won"]
    assert whole_name("Magyar", texts, {"Peter"}, "en") is None
    assert whole_name("Magyar", texts, set(), "en") == "Magyar"
    assert whole_name("Magyar", [texts[0], "so Peter Magyar has won"], set(), "en") == "Peter Magyar"


def test_in_a_script_without_capitals_words_are_as_they_are() -> None:
    assert whole_name("عدن", ["قال في عدن", "عدن قال"], set(), "ar") == "عدن"
    assert not has_capitals("عدن")
    assert has_capitals("aden")
