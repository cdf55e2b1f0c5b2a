"""Links to set while a text is written: words in it, and the story that each should lead to."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

from recommend.articles.links import Link as Written
from recommend.articles.passages import Passage
from recommend.articles.text import Span, runs, spans
from recommend.index.query import Query
from recommend.index.table import ArticleTable
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


@dataclass(frozen=True, slots=True)
class Draft:
    """A text in which links are to be set.

    Attributes:
        query: the query that it makes.
        passages: where links may be set, in order.
        linked: links that it has: none is proposed near one of them, nor on its words.
    """

    query: Query
    passages: Sequence[Passage]
    linked: Sequence[Written] = ()


def propose(
    view: View, draft: Draft, chosen: Chosen, most: int, *, only: str | None = None, floor: float = 0.0
) -> list[Link]:
    """The links that a draft should have, in order of place.

    A link stands on the first name that the draft and the story share with few others: that of a person, a work, an
    organisation or an event, whole, that the story's title or summary holds as well; else on that of a place within a
    country in the first hundred words, where the story is probably related or shares more. The story that is more
    probably related comes first; a story gets one link, a name too, and there is at most one link in sixty words.

    Args:
        view: where the stories are.
        draft: the text.
        chosen: stories under it, of which the related ones get links.
        most: how many links.
        only: the id of the one story that may get a link.
        floor: least calibrated score of a story that gets one.
    """
    own = frozenset(view.snapshot.lexicon.terms(draft.query.terms.words.terms))
    stories = [*_stories(view, own, chosen, only, floor)]
    positions = _WordPositions(draft.passages)
    anchors = _Anchors(view, draft, own, frozenset().union(*(story.shared for story in stories)), positions)
    taken = [positions.of_offset(link.offset) for link in draft.linked]
    used = {link.words for link in draft.linked}
    links: list[Link] = []
    for story in stories:
        for passage, start, written in anchors.of(story):
            at = positions.of(passage, start)
            if all(abs(at - other) >= _APART for other in taken) and written not in used:
                taken.append(at)
                used.add(written)
                links.append(story.link(passage.start + start, written))
                break
        if len(links) == most:
            break
    return sorted(links, key=lambda link: link.offset)


@dataclass(frozen=True, slots=True)
class _Story:
    """A related story: ``shared`` are the terms of the draft that its title and summary hold."""

    table: ArticleTable
    row: int
    shared: frozenset[str]
    probability: float

    def link(self, offset: int, written: str) -> Link:
        """The link to it on some words of the draft."""
        card, score = self.table.card(self.row), round(self.probability, 4)
        return Link(offset, len(written), written, card.id, card.title, card.url, score)


def _stories(view: View, own: frozenset[str], chosen: Chosen, only: str | None, floor: float) -> Iterator[_Story]:
    candidates = chosen.candidates
    for i in range(chosen.related):
        table, row = view.segments[candidates.segments[i]].table, int(candidates.rows[i])
        if (only is None or table.id(row) == only) and candidates.probabilities[i] >= floor:
            shared = frozenset(term for span in spans(table.headline(row), own) for term in span.terms) & own
            yield _Story(table, row, shared, float(candidates.probabilities[i]))


class _WordPositions:
    """Positions in the draft, in words of its passages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._starts = [passage.start for passage in passages]
        self._counts = [*accumulate((len(passage.text.split()) for passage in passages), initial=0)]
        self._before = dict(zip(self._starts, self._counts, strict=False))

    def of_offset(self, offset: int) -> int:
        """How many words there are up to the end of the passage that begins last before an offset in characters."""
        return self._counts[bisect(self._starts, offset)]

    def of(self, passage: Passage, start: int) -> int:
        """How many words stand before a character of a passage."""
        return self._before[passage.start] + len(passage.text[:start].split())


class _Anchors:
    """Finds the words of a draft on which a link to a story may stand."""

    def __init__(
        self, view: View, draft: Draft, own: frozenset[str], shared: frozenset[str], positions: _WordPositions
    ) -> None:
        lexicon, matrix = view.snapshot.lexicon, view.segments[0].matrix
        self._names = names_among(shared, lexicon, matrix, view.snapshot.manifest.beginnings)
        self._rare = _few(view, self._names.rare)
        self._capitals = names_among(own, lexicon, matrix).all
        self._words = [(passage, spans(passage.text, shared)) for passage in draft.passages]
        self._language = draft.query.language
        self._positions = positions

    def of(self, story: _Story) -> list[tuple[Passage, int, str]]:
        """Passage, offset in it, and words, the best first: a name of no place, then one of a place."""
        near = (
            (passage, start, written)
            for passage, start, written in self._named(story)
            if extent(written, self._language) is None or self._positions.of(passage, start) < _SETTING
        )
        return _best(near, story.shared & self._rare, story.probability, self._language)

    def _named(self, story: _Story) -> Iterator[tuple[Passage, int, str]]:
        headline = story.table.headline(story.row)
        for passage, words in self._words:
            for run in runs(passage.text, [word for word in words if not story.shared.isdisjoint(word.terms)]):
                anchor = _name_at(passage.text, run, headline, self._names, self._rare, self._language)
                if anchor is not None:
                    yield passage, *_with_given_name(passage.text, *anchor, self._capitals, self._language)


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
