"""Which names are of places."""

import pytest

from recommend.ranking.places import extent


@pytest.mark.parametrize(
    ("name", "language", "found"),
    [
        ("Kyiv", None, "local"),
        ("Київ", "uk", "local"),
        ("أنقرة", "ar", "local"),
        ("Donetsk Oblast", "en", "local"),
        ("Gulf of Aden", "en", "local"),
        ("Kinshasa", "en", "local"),
        ("Congo", "en", "country"),
        ("Burma", "en", "country"),
        ("Ukraine", "en", "country"),
        ("the Gambia", "en", "country"),
        ("Deutschland", "de", "country"),
        ("Deutschland", "en", None),
        ("Hamas", "en", None),
        ("Jackson", "en", None),
        ("Sanaa", "no such language", "local"),
    ],
)
def test_towns_regions_and_countries_are_told_from_other_names(name: str, language: str | None, found: str) -> None:
    assert extent(name, language) == found
