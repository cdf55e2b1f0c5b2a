from __future__ import annotations

from defusedxml import ElementTree

from recommend_service.http.pictures import picture

HOSTILE = '"><script>alert(1)</script>'


def test_a_picture_is_small_well_formed_and_always_the_same() -> None:
    drawn = {picture(f"story-{n}", "World") for n in range(60)}
    assert len(drawn) == 60
    for one in drawn:
        assert ElementTree.fromstring(one).attrib["viewBox"] == "0 0 300 200"
        assert len(one) < 1_200
    assert picture("story-1", "World") == picture("story-1", "World")


def test_sections_differ_in_colour_and_nothing_of_a_story_is_written_into_it() -> None:
    grounds = {picture("story-3", section) for section in ("World", "Sport", "Science", "Culture", None)}
    assert len(grounds) > 1
    assert "script" not in picture(HOSTILE, HOSTILE)
    ElementTree.fromstring(picture("\udc2f\x00", "\ud800"))
