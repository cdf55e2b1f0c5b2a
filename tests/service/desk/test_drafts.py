"""Links that are taken over into a draft."""

from recommend.ranking.links import Link
from recommend_service.desk.drafts import with_links

TEXT = "Tokayev met Putin in Astana. Putin left."


def link(words: str, url: str | None) -> Link:
    return Link(TEXT.index(words), len(words), words, words.lower(), f"About {words}", url, 0.9)


LINKS = [link("Tokayev", "https://news.example/t?a=1&b=2"), link("Putin", None), link("Astana", "/astana")]


def test_those_that_are_taken_stand_at_their_words_and_the_rest_stays_as_it_was() -> None:
    done = with_links(TEXT, LINKS, {"tokayev", "astana", "nobody"})
    first, second = '<a href="https://news.example/t?a=1&amp;b=2">Tokayev</a>', '<a href="/astana">Astana</a>'
    assert done == f"{first} met Putin in {second}. Putin left."
    assert with_links(TEXT, LINKS, set()) == TEXT


def test_a_story_without_an_address_is_not_linked() -> None:
    assert with_links(TEXT, LINKS, {"putin"}) == TEXT


def test_an_address_cannot_break_out_of_its_place() -> None:
    hostile = link("Astana", 'https://x/"><script>alert(1)</script>')
    assert "<script>" not in with_links(TEXT, [hostile], {"astana"})
