"""The read side: the stories that belong under a given one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recommend import history, policy
from recommend.article import CLOCK_SKEW, Article
from recommend.bundled import bundled
from recommend.curation import UNCURATED
from recommend.encoder import Encoder, encode_articles, open_encoder
from recommend.errors import EncoderError, UnknownArticleError
from recommend.explanation import NearMiss, contributions, near_misses
from recommend.live import LiveView, SnapshotView, View
from recommend.ranking import Candidates, Ranker, score
from recommend.reasons import LATEST, PINNED, Reason, reason, shared_terms
from recommend.segment import Query, Segment
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.snapshot import IndexLayout
from recommend.store import Store
from recommend.table import MISSING, Filters, same_language

BoolArray = NDArray[np.bool_]

_SPARE = 8
_REMOVED_BY = {"blocked": "editors"}


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One story in the box, with everything a card shows.

    Attributes:
        score: calibrated probability of being related, 0…1; 0 for the latest articles of a fallback.
        rank: 1 for the first.
        explanation: per feature its value and what it added to the ranking score, when that was asked for.
    """

    id: str
    title: str
    summary: str | None
    url: str | None
    image_url: str | None
    published_at: datetime | None
    section: str | None
    score: float
    rank: int
    reason: Reason
    explanation: dict[str, dict[str, float | None]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole box.

    Attributes:
        article_id: of the query; None for a draft without an id.
        fallback: ``latest`` when the items are the newest articles because none is related.
        short: why there are fewer items than asked for, None when there are enough.
        removed: how many candidates each rule of the policy took away; ``blocked`` by editors, and under ``pinned``
            those that editors put there and that may not be shown.
        near_misses: the best that are not shown and why, when that was asked for.
    """

    article_id: str | None
    snapshot: str
    revision: int
    fallback: Literal["latest"] | None
    items: list[Recommendation]
    short: str | None
    removed: dict[str, int] = field(default_factory=dict)
    near_misses: list[NearMiss] | None = None


class Recommender:
    """Answers from the published snapshot and every change since; safe to share between threads."""

    def __init__(
        self, store: Store, settings: Settings, encoder: Encoder | None = None, *, view: SnapshotView | None = None
    ) -> None:
        """
        Args:
            store: the truth that the view follows.
            settings: index folder, ranking, policy.
            encoder: for drafts; opened at first use when not given.
            view: what is answered from instead of the published snapshot and every change since.

        Raises:
            SnapshotError: when no usable snapshot is published.
            SettingsError: when the ranker's file is missing or malformed.
        """
        self.store = store
        self.settings = settings
        self._encoder = encoder
        self._live = view or LiveView(store, IndexLayout(settings.index))
        self._load_ranker()

    @classmethod
    def open(cls, index: str | Path, store: str, settings: Settings | None = None) -> Recommender:
        """A recommender on an index folder and a store URL.

        Raises:
            SnapshotError, StoreError, SettingsError: when one of the three cannot be used.
        """
        settings = (settings or Settings()).model_copy(update={"index": Path(index), "store": store})
        return cls(Store(store, staleness=settings.service.staleness), settings)

    def with_settings(
        self, *, ranking: RankingSettings | None = None, policy: PolicySettings | None = None
    ) -> Recommender:
        """A recommender on the same view of the same store that ranks, or spares readers, by other settings.

        Raises:
            SettingsError: when the ranker's file is missing or malformed.
        """
        given = {name: group for name, group in (("ranking", ranking), ("policy", policy)) if group is not None}
        other = copy(self)
        other.settings = self.settings.model_copy(update=given)
        other._load_ranker()
        return other

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of the live snapshot.

        Raises:
            EncoderError: when the settings name another one: its vectors and the snapshot's never meet.
        """
        encoder = self._encoder or open_encoder(self.settings.encoder, self.settings.models)
        self._check_encoder(encoder, self.view())
        return encoder

    def _check_encoder(self, encoder: Encoder, view: View) -> None:
        wanted = view.snapshot.manifest.encoder
        if encoder.fingerprint != wanted:
            raise EncoderError(
                f"encoder {self.settings.encoder.name!r} has fingerprint {encoder.fingerprint} != {wanted} of the "
                "snapshot; run recommend reindex, or set encoder.name and encoder.max_tokens back"
            )

    def view(self) -> View:
        """The present state of everything that can be recommended."""
        return self._live.refresh()

    @property
    def problem(self) -> str | None:
        """Why the published snapshot is not the one that is served, None when it is."""
        return self._live.problem

    @property
    def overlay_size(self) -> int:
        """Articles that are served from changes since the snapshot."""
        return self._live.overlay_size

    def related(self, article_id: str, k: int = 5, **filters: Any) -> list[Recommendation]:
        """The k best stories under a published article.

        Args:
            article_id: the article's id.
            k: how many.
            filters: fields of :class:`~recommend.table.Filters`.

        Raises:
            UnknownArticleError: when no published article has the id.
        """
        answer = self.answer(article_id, k, Filters(**filters))
        if answer is None:
            raise UnknownArticleError(article_id)
        return answer.items

    def related_to(self, article: Article, k: int = 5, **filters: Any) -> list[Recommendation]:
        """The k best stories under an article that need not be stored, such as a draft."""
        return self.answer_to(article, k, Filters(**filters)).items

    def answer(self, article_id: str, k: int, filters: Filters = Filters(), *, explain: bool = False) -> Answer | None:
        """The box under a published article; None when no published article has the id."""
        view = self.view()
        place = view.locate(article_id)
        if place is None:
            return None
        number, row = place
        return self._box(view, view.segments[number].query(row), article_id, k, filters, explain)

    def answer_to(self, article: Article, k: int, filters: Filters = Filters(), *, explain: bool = False) -> Answer:
        """The box under an article that need not be stored.

        Raises:
            EncoderError: when the snapshot's encoder cannot be opened.
        """
        view = self.view()
        self._check_encoder(self.encoder, view)  # again: the snapshot may be another than when it was opened
        embedding = encode_articles(self.encoder, [article])[0]
        query = view.snapshot.prepare(article, embedding).query()
        return self._box(view, query, article.id, k, filters, explain)

    def answer_history(
        self, ids: Sequence[str], k: int, filters: Filters = Filters(), *, explain: bool = False
    ) -> Answer:
        """The box for a reader of some articles: what belongs to the last of them, the later ones counting more.

        No article of the history is in it, nor a duplicate of one. Reasons speak of the article that counted most.

        Args:
            ids: what was read, the latest last; ids of no published article are passed over, and where there are no
                others, the answer is the newest articles.
            k: how many.
            filters: which articles may be in it.
            explain: whether to tell each feature's part in the ranking under the article that counted most.
        """
        view = self.view()
        filters = replace(filters, exclude=filters.exclude | frozenset(ids))
        located = [view.locate(article_id) for article_id in dict.fromkeys(reversed(ids))]
        places = [place for place in located if place is not None]
        if not places:
            return self.latest_answer(None, k, filters)
        groups = np.array([view.segments[number].groups[row] for number, row in places], np.uint64)
        queries = [view.segments[number].query(row) for number, row in places[: history.READ]]
        eligible = self._eligible(view, filters, time.time())
        allowed = [
            [self._allowed(view, n, query, filters, mask) for n, mask in enumerate(eligible)] for query in queries
        ]
        rules, count = self.settings.policy, max(self.settings.ranking.candidates, 2 * k)
        while True:
            lists = [self._ranked(view, *pair, None, count) for pair in zip(queries, allowed, strict=True)]
            if rules.on and rules.hide_duplicates:
                lists = history.without_read(lists, groups, rules.duplicate_dense, rules.duplicate_lexical)
            merged, strongest = history.combine(lists, history.weights(len(queries)))
            ranked = _best_first(view, merged)
            chosen, removed = self._policy(view, ranked.first(0), ranked, queries[0], k)
            if len(chosen) >= k or count >= max(map(len, view.segments)):
                break
            count *= 4
        owed = dict(zip(history.keys(merged).tolist(), strongest.tolist(), strict=True))
        owing = [queries[owed[key]] for key in history.keys(chosen).tolist()]
        items = [self._recommendation(view, query, chosen, i, explain) for i, query in enumerate(owing)]
        others = len(view) - len(places)
        short = None if len(items) >= k else f"only {len(items)} of {others} other articles are eligible"
        return Answer(None, view.snapshot.manifest.name, view.revision, None, items, short, removed)

    def rank(self, article_id: str, depth: int) -> list[tuple[str, float]]:
        """Ids and ranking scores of the ``depth`` best, best first: the same path without cards and reasons.

        Raises:
            UnknownArticleError: when no published article has the id.
        """
        view = self.view()
        _, query = _published(view, article_id)
        chosen, *_ = self._choose(view, query, article_id, depth, Filters())
        return [(_id(view, chosen, i), float(chosen.scores[i])) for i in range(len(chosen))]

    def candidates(self, article_id: str) -> tuple[list[str], Candidates]:
        """Ids and features of all candidates, best first, before any policy: what a ranker is fitted on.

        Raises:
            UnknownArticleError: when no published article has the id.
        """
        view = self.view()
        place, query = _published(view, article_id)
        eligible = self._eligible(view, Filters(), time.time())
        allowed = [self._allowed(view, number, query, Filters(), mask) for number, mask in enumerate(eligible)]
        ranked = self._ranked(view, query, allowed, place, self.settings.ranking.candidates)
        return [_id(view, ranked, i) for i in range(len(ranked))], ranked

    def latest_answer(self, article_id: str | None, k: int, filters: Filters = Filters()) -> Answer:
        """The newest articles, labelled as such: what stands in where nothing is related.

        Pins and blocks of the article hold here too.
        """
        view, now = self.view(), time.time()
        pins, blocks = self._curated(view, article_id, now)
        own = frozenset() if article_id is None else frozenset({article_id})
        items = self._latest(view, k, replace(filters, exclude=filters.exclude | own | blocks), now, pins)
        short = None if len(items) >= k else f"only {len(items)} articles pass the filters"
        return Answer(article_id, view.snapshot.manifest.name, view.revision, "latest", items, short)

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> list[Recommendation]:
        """The k newest published articles of any genre after the first ``offset``: what a front page lists."""
        filters = Filters(section=section)
        return self._latest(self.view(), offset + k, filters, time.time(), any_kind=True)[offset:]

    def sections(self) -> list[tuple[str, int]]:
        """Names of sections and their numbers of published articles, most first."""
        counts: dict[str, int] = {}
        view = self.view()
        for segment, alive in zip(view.segments, view.alive, strict=True):
            codes = segment.table.codes("section")
            present, numbers = np.unique(codes if alive is None else codes[alive], return_counts=True)
            names = segment.table.values("section")
            for code, number in zip(present.tolist(), numbers.tolist(), strict=True):
                if code >= 0:
                    counts[names[code]] = counts.get(names[code], 0) + number
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    def article(self, article_id: str) -> Article | None:
        """A published article in full, None when there is none of this id."""
        article = self.store.get(article_id)
        return article if article is not None and article.is_public(datetime.now(UTC)) else None

    @property
    def snapshot(self) -> str:
        """The name of the live snapshot."""
        return self.view().snapshot.manifest.name

    def __len__(self) -> int:
        return len(self.view())

    def _load_ranker(self) -> None:
        self._ranker = Ranker.load(_ranker_file(self.settings)).without(self.settings.ranking.without)
        self._foreign_ranker = self._ranker.foreign()

    def _box(self, view: View, query: Query, article_id: str, k: int, filters: Filters, explain: bool) -> Answer:
        chosen, pinned, removed = self._choose(view, query, article_id, k, filters)
        missed = self._near_misses(view, query, article_id, chosen, pinned, filters) if explain else None
        items = [self._recommendation(view, query, chosen, i, explain) for i in range(len(chosen))]
        items[:pinned] = [replace(item, reason=PINNED) for item in items[:pinned]]
        short = None
        if len(items) < k:
            counts = ((_REMOVED_BY.get(rule, rule), count) for rule, count in removed.items() if rule != "pinned")
            taken = ", ".join(f"{count} removed by {rule}" for rule, count in counts if count)
            others = len(view) - (view.locate(article_id) is not None)
            short = f"only {len(items)} of {others} other articles are eligible" + (f" ({taken})" if taken else "")
        return Answer(article_id, view.snapshot.manifest.name, view.revision, None, items, short, removed, missed)

    def _near_misses(
        self, view: View, query: Query, article_id: str, chosen: Candidates, pinned: int, filters: Filters
    ) -> list[NearMiss]:
        now = time.time()
        eligible = enumerate(self._eligible(view, filters, now))
        allowed = [self._allowed(view, number, query, filters, mask, any_kind=True) for number, mask in eligible]
        ranked = self._ranked(view, query, allowed, view.locate(article_id), self.settings.ranking.candidates)
        _, blocked = self._curated(view, article_id, now)
        return near_misses(view, query, ranked, chosen, self.settings.policy, pinned=pinned, blocked=blocked)

    def _choose(
        self, view: View, query: Query, article_id: str, k: int, filters: Filters
    ) -> tuple[Candidates, int, dict[str, int]]:
        """The k best after policy, how many of them are pinned, and how many each rule removed; looks further when
        rules leave too few."""
        now, own = time.time(), view.locate(article_id)
        wanted, blocks = self._curated(view, article_id, now)
        eligible = self._eligible(view, filters, now)
        places = [place for place in _places(view, eligible, wanted) if place != own]
        curated = {"pinned": len(wanted) - len(places)} if len(wanted) > len(places) else {}
        allowed = [self._allowed(view, number, query, filters, mask) for number, mask in enumerate(eligible)]
        blocked = [place for place in _places(view, allowed, blocks) if place != own]
        if blocked:
            allowed = _excluding(view, allowed, blocked)
            curated["blocked"] = len(blocked)
        count = max(self.settings.ranking.candidates, 2 * k)
        while True:
            ranked = self._ranked(view, query, allowed, own, count)
            pins, others = self._pinned(view, query, ranked, places[:k])
            chosen, removed = self._policy(view, pins, others, query, k)
            if len(chosen) >= k or count >= max(map(len, view.segments)):
                return chosen, len(pins), removed | curated
            count *= 4

    def _curated(self, view: View, article_id: str | None, now: float) -> tuple[list[str], frozenset[str]]:
        """Ids that editors pinned and blocked in the box of an article; none while the policy is off."""
        curation = view.curations.get(article_id, UNCURATED) if article_id and self.settings.policy.on else UNCURATED
        moment = datetime.fromtimestamp(now, UTC)
        return curation.pins(moment), curation.blocks(moment)

    def _pinned(
        self, view: View, query: Query, ranked: Candidates, places: Sequence[tuple[int, int]]
    ) -> tuple[Candidates, Candidates]:
        """The candidates at ``places``, in that order, and the others. One that the search did not bring is scored
        beside those that it did, whose scores stay."""
        if not places:
            return ranked.first(0), ranked
        found = {place: i for i, place in enumerate(zip(ranked.segments.tolist(), ranked.rows.tolist(), strict=True))}
        missing = [place for place in places if place not in found]
        parts = [view.segments[number].candidates(number, query, np.array([row])) for number, row in missing]
        beside = [self._scored(view, query, Candidates.joined([ranked, *parts]))] if parts else []
        both = Candidates.joined([ranked, *beside])
        position = found | {place: 2 * len(ranked) + i for i, place in enumerate(missing)}
        others = np.setdiff1d(np.arange(len(ranked)), [found[place] for place in places if place in found])
        return both.take(np.array([position[place] for place in places], np.int64)), ranked.take(others)

    def _ranked(
        self,
        view: View,
        query: Query,
        allowed: Sequence[BoolArray | None],
        own: tuple[int, int] | None,
        count: int,
    ) -> Candidates:
        parts = []
        for number, segment in enumerate(view.segments):
            rows = segment.retrieve(query, count, self.settings.ranking, allowed[number])
            if own is not None and own[0] == number:
                rows = rows[rows != own[1]]
            parts.append(segment.candidates(number, query, rows))
        return _best_first(view, self._scored(view, query, Candidates.joined(parts)))

    def _scored(self, view: View, query: Query, candidates: Candidates) -> Candidates:
        native = same_language(query.language, view.snapshot.manifest.language)
        return score(candidates, self._ranker if native else self._foreign_ranker)

    def _policy(
        self, view: View, pins: Candidates, ranked: Candidates, query: Query, k: int
    ) -> tuple[Candidates, dict[str, int]]:
        """The pins and the best of the others that no rule removes, k in all, and how many each rule removed."""
        rules = self.settings.policy
        if not rules.on:
            return ranked.first(k), {}
        kept, removed = ranked, {}
        if rules.hide_duplicates:
            kept = policy.collapse_groups(policy.hide_group(kept, query.group))
            kept = kept.take(~policy.retelling(kept, rules))
            if len(pins):
                kept = kept.take(~np.isin(kept.groups, pins.groups))
            removed["duplicates"] = len(ranked) - len(kept)
        if rules.floor > 0:
            above = policy.floor(kept, rules.floor)
            removed["floor"] = len(kept) - len(above)
            kept = above
        if rules.hide_duplicates or rules.diversity:
            kept, repeats = self._without_repeats(view, pins, kept, k)
            removed["duplicates"] = removed.get("duplicates", 0) + repeats
        elif len(pins):
            kept = Candidates.joined([pins, kept])
        return kept.first(k), removed

    def _without_repeats(self, view: View, pins: Candidates, kept: Candidates, k: int) -> tuple[Candidates, int]:
        """The k to show, pins first, and how many were passed over because they repeat one; compares only as many as
        needed."""
        rules, width = self.settings.policy, k + _SPARE
        while True:
            some = kept.first(width)
            both = Candidates.joined([pins, some]) if len(pins) else some
            dense, lexical = view.similarities(both)
            repeats = (dense >= rules.duplicate_dense) & (lexical >= rules.duplicate_lexical)
            repeats &= rules.hide_duplicates
            taken = policy.marginal(both, dense, repeats, k, rules.diversity, len(pins))
            if len(taken) == k or len(some) == len(kept):
                repeating = np.flatnonzero(repeats[taken].any(axis=0))
                return both.take(taken), len(np.setdiff1d(repeating, taken))
            width *= 4

    def _eligible(self, view: View, filters: Filters, now: float) -> list[BoolArray | None]:
        """Per segment (n,) which rows may be shown at all: alive, in their time, not hidden by editors, passing the
        request's filters; None when all may."""
        masks = []
        for number, segment in enumerate(view.segments):
            given = [view.alive[number]]
            if self.settings.policy.on:
                embargo = int(now) + int(CLOCK_SKEW.total_seconds())
                given.append(segment.table.allowed(filters, int(now), embargo=embargo))
                given.append(view.shown(number, now))
            else:
                given.append(segment.table.allowed(filters, None))
            masks.append(_all(given))
        return masks

    def _allowed(
        self,
        view: View,
        number: int,
        query: Query | None,
        filters: Filters,
        eligible: BoolArray | None,
        *,
        any_kind: bool = False,
    ) -> BoolArray | None:
        """(n,) which of the ``eligible`` rows of a segment the rules let stand under a query, None when all;
        ``any_kind`` lets every genre and language pass."""
        table, rules = view.segments[number].table, self.settings.policy
        masks = [eligible]
        if rules.on and not any_kind:
            genre, language = (None, None) if query is None else (query.genre, query.language)
            asked = filters.language is not None
            unwanted = policy.unwanted(table, rules, genre, None if asked else language)
            masks.extend(~mask for mask in unwanted.values())
        if self.settings.ranking.as_of == "query" and query is not None and query.published_at != MISSING:
            masks.append((table.published_at != MISSING) & (table.published_at < query.published_at))
        return _all(masks)

    def _latest(
        self,
        view: View,
        k: int,
        filters: Filters,
        now: float,
        pins: Sequence[str] = (),
        *,
        any_kind: bool = False,
    ) -> list[Recommendation]:
        eligible = self._eligible(view, filters, now)
        first = _places(view, eligible, pins)[:k]
        found: list[tuple[float, str, int, int]] = []
        for number, segment in enumerate(view.segments):
            allowed = self._allowed(view, number, None, filters, eligible[number], any_kind=any_kind)
            table, newest = segment.table, segment.table.newest_first
            rows = (newest if allowed is None else newest[allowed[newest]])[:k]
            found.extend((-float(table.published_at[row]), table.id(row), number, int(row)) for row in rows)
        others = [(number, row) for _, _, number, row in sorted(found) if (number, row) not in first]
        items = []
        for rank, (number, row) in enumerate([*first, *others][:k], start=1):
            card = view.segments[number].table.card(row)
            why = PINNED if rank <= len(first) else LATEST
            items.append(Recommendation(**_shown(card), score=0.0, rank=rank, reason=why))
        return items

    def _recommendation(self, view: View, query: Query, chosen: Candidates, i: int, explain: bool) -> Recommendation:
        segment, row = view.segments[chosen.segments[i]], int(chosen.rows[i])
        card = segment.table.card(row)
        asked = None if query.published_at == MISSING else datetime.fromtimestamp(query.published_at, UTC)
        why = reason(
            shared_terms(query.terms, segment.matrix.vector(row), view.snapshot.lexicon),
            float(chosen.feature("lexical")[i]),
            [card.title, card.summary or "", query.headline],
            None if card.published_at is None or asked is None else card.published_at - asked,
            card.section if card.section == query.section else None,
        )
        return Recommendation(
            **_shown(card),
            score=round(float(chosen.probabilities[i]), 4),
            rank=i + 1,
            reason=why,
            explanation=contributions(chosen, i) if explain else None,
        )


def _places(view: View, allowed: Sequence[BoolArray | None], ids: Iterable[str]) -> list[tuple[int, int]]:
    """Segments and rows of those of the articles that are alive and allowed."""
    places = [place for place in map(view.locate, ids) if place is not None]
    return [(number, row) for number, row in places if (mask := allowed[number]) is None or mask[row]]


def _excluding(
    view: View, allowed: Sequence[BoolArray | None], places: Sequence[tuple[int, int]]
) -> list[BoolArray | None]:
    """The masks without the rows at ``places``."""
    masks = list(allowed)
    for number in {number for number, _ in places}:
        mask, rows = allowed[number], [row for segment, row in places if segment == number]
        remaining = np.ones(len(view.segments[number]), np.bool_) if mask is None else mask.copy()
        remaining[rows] = False
        masks[number] = remaining
    return masks


def _all(masks: Iterable[BoolArray | None]) -> BoolArray | None:
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def _published(view: View, article_id: str) -> tuple[tuple[int, int], Query]:
    """Where a published article is, and the query it makes."""
    place = view.locate(article_id)
    if place is None:
        raise UnknownArticleError(article_id)
    number, row = place
    return place, view.segments[number].query(row)


def _best_first(view: View, scored: Candidates) -> Candidates:
    order = np.lexsort((scored.rows, scored.segments, -scored.scores))
    if len(view.segments) > 1 and (np.diff(scored.scores[order]) == 0).any():
        order = np.array(sorted(order, key=lambda i: (-scored.scores[i], _id(view, scored, i))), np.int64)
    return scored.take(order)


def _shown(card: Any) -> dict[str, Any]:
    return {name: getattr(card, name) for name in card.__slots__}


def _id(view: View, candidates: Candidates, i: int) -> str:
    segment: Segment = view.segments[candidates.segments[i]]
    return segment.table.id(int(candidates.rows[i]))


def _ranker_file(settings: Settings) -> Path:
    name = f"{settings.ranking.model}.json"
    own = settings.models / name
    return own if own.is_file() else bundled("models") / name
