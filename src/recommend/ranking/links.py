"""Links to set while a text is written: words in it, and the story that each should lead to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from recommend.articles.passages import Passage
from recommend.articles.text import Span, spans
from recommend.index.segment import Query
from recommend.index.view import View
from recommend.ranking.chosen import Chosen
from recommend.ranking.names import names_among

_RARE, _FEW = 0.005, 10
_APART = 60
_LONGEST = 6


@dataclass(frozen=True, slots=True)
class Link:
    """A place in a text, and the story that a link there should lead to.

    Attributes:
        offset: where the words begin, in characters of the text as it was given.
        text: the words.
        score: calibrated probability that the story is related, 0…1.
        terms: the rare names among the words, for which the place was taken.
    """

    offset: int
    length: int
    text: str
    id: str
    title: str
    url: str | None
    score: float
    terms: tuple[str, ...]


def propose(
    view: View, query: Query, chosen: Chosen, passages: Sequence[Passage], most: int, only: str | None = None
) -> list[Link]:
    """The links that a draft should have, in order of place.

    A link stands on the first words that name what the draft and the story share with few others: a run of words, one
    of them a rare name, that the story's title or summary holds as well. The story that is more probably related comes
    first; a story gets one link, a run of words too, and there is at most one link in sixty words.

    Args:
        view: where the stories are.
        query: the draft.
        chosen: stories under it, of which the related ones get links.
        passages: of the draft, where links may be set, in order.
        most: how many links.
        only: the id of the one story that may get a link.
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
    rare = _rare(view, frozenset().union(*(told for _, _, told, _ in stories)))
    found = [(passage, spans(passage.text, own)) for passage in passages]
    counts = accumulate((len(passage.text.split()) for passage in passages), initial=0)
    before = dict(zip((passage.start for passage in passages), counts, strict=False))
    taken: list[int] = []
    links: list[Link] = []
    for table, row, told, probability in stories:
        for passage, words in found:
            place = next(_places(passage, words, told, rare), None)
            if place is None:
                continue
            start, end, names = place
            at = before[passage.start] + len(passage.text[:start].split())
            written = passage.text[start:end]
            if all(abs(at - other) >= _APART for other in taken) and written not in {link.text for link in links}:
                taken.append(at)
                card = table.card(row)
                score = round(probability, 4)
                offset = passage.start + start
                links.append(Link(offset, end - start, written, card.id, card.title, card.url, score, names))
            break
        if len(links) == most:
            break
    return sorted(links, key=lambda link: link.offset)


def _places(
    passage: Passage, words: Sequence[Span], told: Set[str], rare: Set[str]
) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Runs of neighbouring words of a passage that a story's headline holds, one of them rare: where they begin and end
    in it, and the rare ones."""
    run: list[Span] = []
    for word in [*words, None]:
        joins = word is not None and not told.isdisjoint(word.terms)
        if joins and word and run and passage.text[run[-1].end : word.start] not in {" ", "-"}:
            joins = False
        if joins and word:
            run.append(word)
            continue
        names = [passage.text[span.start : span.end] for span in run if not rare.isdisjoint(span.terms)]
        if names and len(run) <= _LONGEST:
            yield run[0].start, run[-1].end, tuple(dict.fromkeys(names))
        run = [word] if word is not None and not told.isdisjoint(word.terms) else []


def _rare(view: View, terms: Set[str]) -> frozenset[str]:
    """Those of some terms that are names, and that few articles of the snapshot have."""
    lexicon, matrix = view.snapshot.lexicon, view.segments[0].matrix
    names = sorted(names_among(terms, lexicon, matrix).rare)
    columns = lexicon.columns(names)
    starts = matrix.postings.indptr
    known = np.maximum(columns, 0)
    counts = np.where(columns < 0, 0, starts[known + 1] - starts[known])
    few = max(_FEW, _RARE * matrix.rows.shape[0])
    return frozenset(name for name, count in zip(names, counts.tolist(), strict=True) if count <= few)
