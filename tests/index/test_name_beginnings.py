"""First names are counted, not listed."""

from recommend.index.name_beginnings import name_beginnings


def test_a_word_that_mostly_stands_before_the_rest_of_a_name_is_the_beginning_of_names() -> None:
    headlines = [
        "Peter Magyar wins\nIn Budapest, Peter Magyar wins",
        "A book by Peter Handke",
        "A film by Peter Jackson, of Lower Province",
        "Peter's friends, a province",
        "What Ursula von der Leyen said in Ghor Province",
        "Ursula von der Leyen stays in Ghor Province",
        "After Ursula von der Leyen, in Ghor Province",
    ]
    assert name_beginnings(headlines) == {"Peter", "Ursula"}
    assert name_beginnings([*headlines, "What Peter said", "a day for Peter", "they ask Peter"]) == {"Ursula"}


def test_a_word_that_is_often_written_small_begins_no_names_and_headline_case_tells_nothing() -> None:
    assert name_beginnings(["The Guardian reports the rain"] * 3) == frozenset()
    assert name_beginnings(["When Peter Magyar Wins"] * 3) == frozenset()
    assert name_beginnings([]) == frozenset()
