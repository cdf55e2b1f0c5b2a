"""Words as they are written."""

from recommend.articles.capitals import in_headline_case, without_possessive, words_of


def test_words_keep_what_a_hyphen_or_an_apostrophe_joins_and_lose_a_possessive() -> None:
    words = [word[0] for word in words_of("Peter's Mar-a-Lago, “Workers’ Party” (O’Neill’s)")]
    assert words == ["Peter's", "Mar-a-Lago", "Workers’", "Party", "O’Neill’s"]
    assert [*map(without_possessive, words)] == ["Peter", "Mar-a-Lago", "Workers’", "Party", "O’Neill"]


def test_a_line_in_which_most_words_have_a_capital_is_in_headline_case() -> None:
    assert in_headline_case(words_of("Iran Strikes Back At Last"))
    assert not in_headline_case(words_of("Iran strikes back, says Tehran"))
    assert not in_headline_case([])
