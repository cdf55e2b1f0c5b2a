"""Links to set while a text is written: words in it, and the story that each should lead to."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

from recommend.articles.links import Link as Written
from recommend.articles.passages import Passage
from recommend.articles.text import Span, runs, spans
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.chosen import Chosen
from recommend.ranking.names import Names, frequencies, names_among, names_in
from recommend.ranking.places import extent

_RARE, _FEW = 0.005, 10
_APART = 60
_AROUND = 200


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
) -> list[Link]:
    """The links that a draft should have, in order of place.

    A link stands on the first name that the draft and the story share with few others: that of a person, a work, an
    organisation, an event or a place within a country, whole, that the story's title or summary holds as well. The
    story that is more probably related comes first; a story gets one link, a name too, and there is at most one link
    in sixty words.

    Args:
        view: where the stories are.
        query: the draft.
        chosen: stories under it, of which the related ones get links.
        passages: of the draft, where links may be set, in order.
        most: how many links.
        only: the id of the one story that may get a link.
        linked: links that the draft has: none stands near one of them, nor on its words.
    """
    own = frozenset(view.snapshot.lexicon.terms(query.terms.terms))
    candidates = chosen.candidates
    stories = []
    for i in range(chosen.related):
        table, row = view.segments[candidates.segments[i]].table, int(candidates.rows[i])
        if only is not None and table.id(row) != only:
            continue
        told = {term for span in spans(table.headline(row), own) for term in span.terms} & own
        stories.append((table, row, told, float(candidates.probabilities[i])))
    shared = frozenset().union(*(told for _, _, told, _ in stories))
    names = names_among(shared, view.snapshot.lexicon, view.segments[0].matrix)
    rare = _few(view, names.rare)
    found = [(passage, spans(passage.text, shared)) for passage in passages]
    counts = [*accumulate((len(passage.text.split()) for passage in passages), initial=0)]
    starts = [passage.start for passage in passages]
    before = dict(zip(starts, counts, strict=False))
    taken = [counts[bisect(starts, link.offset)] for link in linked]
    said = {link.words for link in linked}
    links: list[Link] = []
    for table, row, told, probability in stories:
        headline = table.headline(row)
        for passage, words in found:
            places = runs(passage.text, [word for word in words if not told.isdisjoint(word.terms)])
            named = (_name_at(passage.text, run, headline, names, rare, query.language) for run in places)
            place = next((one for one in named if one is not None), None)
            if place is None:
                continue
            start, written = place
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
        if any(not rare.isdisjoint(span.terms) for span in spans(name, rare)):
            return at, name
    return None


def _few(view: View, names: Set[str]) -> frozenset[str]:
    """Those of some names that few articles of the snapshot have."""
    lexicon, matrix = view.snapshot.lexicon, view.segments[0].matrix
    ordered = sorted(names)
    counts = frequencies(ordered, lexicon, matrix)
    most = max(_FEW, _RARE * matrix.articles)
    return frozenset(name for name, count in zip(ordered, counts.tolist(), strict=True) if count <= most)
