"""Words with a capital that name nothing by themselves."""

import pytest

from recommend.ranking.common_names import names_nothing


@pytest.mark.parametrize(
    "written",
    ["Yemeni", "Saudis", "Saudi Arabian", "South Korean", "Israeli Prime Minister", "Parliament", "Monday", "Kurds"],
)
def test_nationalities_offices_and_days_name_nothing(written: str) -> None:
    assert names_nothing(written, "en")


@pytest.mark.parametrize("written", ["European Union", "Vatican", "Supreme Court", "White House", "Iran", "Mr Lee"])
def test_what_holds_any_other_word_is_a_name(written: str) -> None:
    assert not names_nothing(written, None)


def test_days_and_months_are_those_of_the_language() -> None:
    assert names_nothing("Montag", "de")
    assert not names_nothing("Montag", "en")
    assert not names_nothing("Montag", "no such language")
