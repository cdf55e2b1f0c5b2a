"""Links to set while a text is written: words in it, and the story that each should lead to."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

from recommend.articles.links import Link as Written
from recommend.articles.passages import Passage
from recommend.articles.text import Span, runs, spans
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.chosen import Chosen
from recommend.ranking.common_names import names_nothing
from recommend.ranking.names import Names, frequencies, names_among, names_in
from recommend.ranking.places import extent

_RARE, _FEW = 0.005, 10
_APART = 60
_AROUND = 200
_PLACE_ALONE = 0.5
_SETTING = 100
_GOES_ON = re.compile(
    r" (?:\d|(?:(?:of|for|de|del|der|di|do|da|des|du|von|van)(?: (?:the|la))? )[^\W\d_a-z])"
    r"|(?<=\b[A-Z])\. [^\W\d_a-z]"
)
_BEFORE = re.compile(r"([^\W\d_a-z][\w’'-]*) $")
_INITIAL = re.compile(r"\b[^\W\d_a-z]\. $")
_OF_BEFORE = re.compile(r"(?<=[\w,] )([^\W\d_a-z][\w’'-]*) (?:of|for|de|del|do|da|des|du|von|van)(?: (?:the|la))? $")


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a text, and the story that a link there should lead to.

    Attributes:
        offset: where the words begin, in characters of the text as it was given.
        text: the words.
        score: calibrated probability that the story is related, 0…1.
    """

    offset: int
    length: int
    text: str
    id: str
    title: str
    url: str | None
    score: float


def propose(
    view: View,
    query: Query,
    chosen: Chosen,
    passages: Sequence[Passage],
    most: int,
    only: str | None = None,
    linked: Sequence[Written] = (),
    floor: float = 0.0,
) -> list[Link]:
    """The links that a draft should have, in order of place.

    A link stands on the first name that the draft and the story share with few others: that of a person, a work, an
    organisation or an event, whole, that the story's title or summary holds as well; else on that of a place within a
    country in the first hundred words, where the story is probably related or shares more. The story that is more
    probably related comes first; a story gets one link, a name too, and there is at most one link in sixty words.

    Args:
        view: where the stories are.
        query: the draft.
        chosen: stories under it, of which the related ones get links.
        passages: of the draft, where links may be set, in order.
        most: how many links.
        only: the id of the one story that may get a link.
        linked: links that the draft has: none stands near one of them, nor on its words.
        floor: least calibrated score of a story that gets one.
    """
    own = frozenset(view.snapshot.lexicon.terms(query.terms.words.terms))
    candidates = chosen.candidates
    stories = []
    for i in range(chosen.related):
        table, row = view.segments[candidates.segments[i]].table, int(candidates.rows[i])
        if (only is not None and table.id(row) != only) or candidates.probabilities[i] < floor:
            continue
        told = {term for span in spans(table.headline(row), own) for term in span.terms} & own
        stories.append((table, row, told, float(candidates.probabilities[i])))
    shared = frozenset().union(*(told for _, _, told, _ in stories))
    beginnings = view.snapshot.manifest.beginnings
    names = names_among(shared, view.snapshot.lexicon, view.segments[0].matrix, beginnings)
    rare = _few(view, names.rare)
    capitals = names_among(own, view.snapshot.lexicon, view.segments[0].matrix).all
    found = [(passage, spans(passage.text, shared)) for passage in passages]
    counts = [*accumulate((len(passage.text.split()) for passage in passages), initial=0)]
    starts = [passage.start for passage in passages]
    before = dict(zip(starts, counts, strict=False))
    taken = [counts[bisect(starts, link.offset)] for link in linked]
    said = {link.words for link in linked}
    links: list[Link] = []
    for table, row, told, probability in stories:
        headline = table.headline(row)
        named = (
            (passage, *_with_given_name(passage.text, *anchor, capitals, query.language))
            for passage, words in found
            for run in runs(passage.text, [word for word in words if not told.isdisjoint(word.terms)])
            if (anchor := _name_at(passage.text, run, headline, names, rare, query.language)) is not None
        )
        near = (
            (passage, start, written)
            for passage, start, written in named
            if extent(written, query.language) is None
            or before[passage.start] + len(passage.text[:start].split()) < _SETTING
        )
        for passage, start, written in _best(near, told & rare, probability, query.language):
            at = before[passage.start] + len(passage.text[:start].split())
            if all(abs(at - other) >= _APART for other in taken) and written not in said:
                taken.append(at)
                said.add(written)
                card = table.card(row)
                score = round(probability, 4)
                link = Link(passage.start + start, len(written), written, card.id, card.title, card.url, score)
                links.append(link)
                break
        if len(links) == most:
            break
    return sorted(links, key=lambda link: link.offset)


def _name_at(
    text: str, run: Sequence[Span], headline: str, names: Names, rare: Set[str], language: str | None
) -> tuple[int, str] | None:
    """The rare name, whole, that a run of words of a text is of and a headline holds too, and where it begins; None
    where it is of none, of a country, or of nothing that few others have."""
    start, end = run[0].start, run[-1].end
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line = text[max(first, start - _AROUND) : min(last if last >= 0 else len(text), end + _AROUND)]
    for name in names_in([text[start:end]], [line, headline], names, language):
        at = text.find(name, max(first, start - len(name)))
        if not 0 <= at < end or extent(name, language) == "country":
            continue
        if not _is_piece(text, at, at + len(name), language) and spans(name, rare):
            return at, name
    return None


def _is_piece(text: str, start: int, end: int, language: str | None) -> bool:
    """Whether a text goes on with the name that some words of it are of: "Stade" of "Stade de France"."""
    if _GOES_ON.match(text, end) or "-" in (text[end : end + 1], text[max(start - 1, 0) : start]):
        return True
    if _INITIAL.search(text, max(0, start - 4), start):
        return True
    before = _OF_BEFORE.search(text, max(0, start - _AROUND), start)
    return before is not None and not names_nothing(before[1], language)


def _best(
    named: Iterable[tuple[Passage, int, str]], shared: Set[str], probability: float, language: str | None
) -> list[tuple[Passage, int, str]]:
    """Of the names of a draft that a story has too, in order, the first that is of no place, then the first of a place
    where the story is related for its own sake or shares another rare term."""
    place: tuple[Passage, int, str] | None = None
    best: list[tuple[Passage, int, str]] = []
    for one in named:
        if extent(one[2], language) is None:
            best = [one]
            break
        place = place or one
    if place is None:
        return best
    own = {term for span in spans(place[2], shared) for term in span.terms}
    return [*best, place] if probability >= _PLACE_ALONE or shared - own else best


def _with_given_name(text: str, start: int, written: str, capitals: Set[str], language: str | None) -> tuple[int, str]:
    """Words of a text with the name before them that belongs to them: "Olaf" of "Olaf Scholz"."""
    before = _BEFORE.search(text, max(0, start - _AROUND), start)
    if before is None or not spans(before[1], capitals):
        return start, written
    if any(extent(one, language) or names_nothing(one, language) for one in (before[1], written)):
        return start, written
    return before.start(), text[before.start() : start] + written


def _few(view: View, names: Set[str]) -> frozenset[str]:
    """Those of some names that few articles of the snapshot have."""
    lexicon, matrix = view.snapshot.lexicon, view.segments[0].matrix
    ordered = sorted(names)
    counts = frequencies(ordered, lexicon, matrix)
    most = max(_FEW, _RARE * matrix.articles)
    return frozenset(name for name, count in zip(ordered, counts.tolist(), strict=True) if count <= most)
