"""The read side: the stories that belong under a given one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import CLOCK_SKEW, Article
from recommend.encoder import Encoder, check_encoder, encode_articles, open_encoder
from recommend.errors import EncoderError, UnknownArticleError
from recommend.index.filters import Filters
from recommend.index.live import LiveView
from recommend.index.segment import Query
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.view import FixedView, View
from recommend.ranking import history
from recommend.ranking.answer import Answer, Recommendation, listed, recommendations
from recommend.ranking.candidates import Candidates
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.kept import Comparison
from recommend.ranking.model import Ranker, length_weight
from recommend.ranking.near_misses import near_misses
from recommend.ranking.pipeline import Selection, newest
from recommend.ranking.reasons import LATEST, PINNED
from recommend.ranking.shortlist import Scoring
from recommend.resources import model_file
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.store import Store

_REMOVED_BY = {"blocked": "editors"}
_THREADS_A_TEXT = 2  # drafts and changes come one at a time


class Recommender:
    """Answers from the published snapshot and every change since; safe to share between threads."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        encoder: Encoder | None = None,
        *,
        view: FixedView | None = None,
        serving: bool = False,
    ) -> None:
        """
        Args:
            store: the truth that the view follows.
            settings: index folder, ranking, policy.
            encoder: for drafts; opened at first use when not given.
            view: what is answered from instead of the published snapshot and every change since.
            serving: see :class:`~recommend.index.live.LiveView`.

        Raises:
            SnapshotError: when no usable snapshot is published.
            SettingsError: when the ranker's file is missing or malformed.
        """
        self.store = store
        self.settings = settings
        self._encoders = {} if encoder is None else {encoder.fingerprint: encoder}
        self._encoder_failed = False
        self._eligible: Eligibility | None = None
        self._live: FixedView | LiveView = view or LiveView(store, IndexLayout(settings.index), serving=serving)
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
        """A recommender on the same view of the same store that ranks, or filters, by other settings.

        Raises:
            SettingsError: when the ranker's file is missing or malformed.
        """
        given = {name: group for name, group in (("ranking", ranking), ("policy", policy)) if group is not None}
        other = copy(self)
        other.settings = self.settings.model_copy(update=given)
        other._load_ranker()
        return other

    @property
    def encoder(self) -> Encoder:
        """The encoder of the live snapshot, whatever the settings name by now; opened at first use.

        Raises:
            EncoderError: when it cannot be opened, or is not the one it was: vectors of two never meet.
        """
        return self._encoder_of(self.view())

    @property
    def fingerprint(self) -> str:
        """The fingerprint of that encoder, without opening it."""
        return self.view().snapshot.manifest.encoder

    def _encoder_of(self, view: View) -> Encoder:
        manifest = view.snapshot.manifest
        found = self._encoders.get(manifest.encoder)
        if found is None:
            settings = manifest.encoder_settings(self.settings.encoder)
            try:
                found = open_encoder(settings, self.settings.models, manifest.encoder, threads_a_text=_THREADS_A_TEXT)
            except EncoderError:
                self._encoder_failed = True
                raise
            self._encoder_failed = False
            self._encoders.clear()  # one in memory is enough: the one before serves no snapshot any more
            self._encoders[manifest.encoder] = found
        return found

    def check_encoder(self) -> None:
        """Looks whether the encoder's files are there; opens it only where that failed before.

        Raises:
            EncoderError: when it cannot be used.
        """
        manifest = self.view().snapshot.manifest
        if self._encoder_failed:
            _ = self.encoder
        elif manifest.encoder not in self._encoders:
            check_encoder(manifest.encoder_settings(self.settings.encoder), self.settings.models)

    def pinned(self) -> Recommender:
        """A recommender that keeps answering from the present view, whatever changes after."""
        other = copy(self)
        other._live = FixedView(self.view())
        return other

    def view(self) -> View:
        """The present state of everything that can be recommended."""
        return self._live.refresh()

    @property
    def problem(self) -> str | None:
        """Why the published snapshot is not the one that is served, None when it is."""
        return self._live.problem

    @property
    def set_aside(self) -> Mapping[str, str]:
        """Why articles of the store are not recommended although they should be, by id: rows that cannot be used."""
        return self.view().set_aside

    @property
    def overlay_size(self) -> int:
        """Articles that are served from changes since the snapshot."""
        return self._live.overlay_size

    def related(self, article_id: str, k: int = 5, **filters: Any) -> list[Recommendation]:
        """The k best stories under a published article.

        Args:
            article_id: the article's id.
            k: how many.
            filters: fields of :class:`~recommend.index.filters.Filters`.

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
        query, eligibility = view.segments[number].query(row), self._eligibility(view, filters)
        return self._box(self._selection(view), eligibility, query, article_id, k, explain)

    def answers(self, ids: Sequence[str], k: int) -> Iterator[Answer | None]:
        """What :meth:`answer` gives for each of the ids, of one view, sooner than one by one."""
        view = self.view()
        selection, eligibility = self._selection(view), self._eligibility(view, Filters())
        places = {one: place for one in ids if (place := view.locate(one)) is not None}
        queries = [view.segments[number].query(row) for number, row in places.values()]
        found = dict(zip(places, selection.scoring.looked_up(queries), strict=True))
        for one in ids:
            yield self._box(selection, eligibility, found[one], one, k) if one in found else None

    def answer_to(
        self,
        article: Article,
        k: int,
        filters: Filters = Filters(),
        *,
        explain: bool = False,
        nameless: bool = False,
    ) -> Answer:
        """The box under an article that need not be stored.

        Args:
            article: if one of its id is stored, that is left out, and its curation holds.
            k: how many.
            filters: which articles may be in it.
            explain: whether to tell each feature's part in the ranking.
            nameless: whether its id is a stand-in, and so that of no article, whatever is stored under it.

        Raises:
            EncoderError: when the snapshot's encoder cannot be opened.
        """
        view = self.view()
        embedding = encode_articles(self._encoder_of(view), [article])[0]
        query = view.snapshot.prepare(article, embedding).query()
        name = None if nameless else article.id
        return self._box(self._selection(view), self._eligibility(view, filters), query, name, k, explain)

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
        read = [place for place in located if place is not None]
        if not read:
            return self.latest_answer(None, k, filters)
        groups = np.array([view.segments[number].groups[row] for number, row in read], np.uint64)
        queries = [view.segments[number].query(row) for number, row in read[: history.READ]]
        selection, eligibility = self._selection(view), self._eligibility(view, filters)
        chosen, owing, removed = selection.choose_for_history(queries, groups, k, eligibility)
        found = (recommendations(view, query, chosen, [i], explain=explain) for i, query in enumerate(owing))
        items = list(chain.from_iterable(found))
        others = len(view) - len(read)
        short = None if len(items) >= k else f"only {len(items)} of {others} other articles are eligible"
        return Answer(None, view.snapshot.manifest.name, view.revision, None, items, short, removed)

    def rank(self, article_id: str, depth: int) -> list[tuple[str, float]]:
        """Ids and ranking scores of the ``depth`` best, best first: the same path without cards and reasons.

        Raises:
            UnknownArticleError: when no published article has the id.
        """
        view = self.view()
        _, query = _published(view, article_id)
        selection = self._selection(view)
        chosen = selection.choose(query, article_id, depth, self._eligibility(view, Filters())).candidates
        return [(selection.scoring.id(chosen, i), float(chosen.scores[i])) for i in range(len(chosen))]

    def candidates(self, article_id: str) -> tuple[list[str], Candidates, float]:
        """Ids and features of all candidates, best first, before any policy, and the query's length weight: what a
        ranker is fitted on.

        Raises:
            UnknownArticleError: when no published article has the id.
        """
        view = self.view()
        place, query = _published(view, article_id)
        selection, allowed = self._selection(view), self._eligibility(view, Filters()).under(query)
        ranked = selection.ranked(query, allowed, place, self.settings.ranking.candidates)
        return [selection.scoring.id(ranked, i) for i in range(len(ranked))], ranked, length_weight(query.term_count)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) calibrated probabilities of being related, 0…1, for ranking scores (n,)."""
        return self._ranker.calibration.probabilities(scores)

    def latest_answer(self, article_id: str | None, k: int, filters: Filters = Filters()) -> Answer:
        """The newest articles, labelled as such: what stands in where nothing is related.

        Pins and blocks of the article hold here too.
        """
        view = self.view()
        pins, blocks = self._eligibility(view, filters).curated(article_id)
        own = frozenset() if article_id is None else frozenset({article_id})
        items = self._latest(view, k, replace(filters, exclude=filters.exclude | own | blocks), pins)
        short = None if len(items) >= k else f"only {len(items)} articles pass the filters"
        return Answer(article_id, view.snapshot.manifest.name, view.revision, "latest", items, short)

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> list[Recommendation]:
        """The k newest published articles of any genre after the first ``offset``: what a front page lists."""
        return self._latest(self.view(), offset + k, Filters(section=section), any_kind=True)[offset:]

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

    def under_embargo(self, article_id: str) -> bool:
        """Whether the date of an article is yet to come: its box would tell readers of it before its time."""
        view = self.view()
        place = view.locate(article_id)
        if place is None:
            return False
        return int(view.segments[place[0]].table.published_at[place[1]]) > time.time() + CLOCK_SKEW.total_seconds()

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
        self._ranker = Ranker.load(model_file(self.settings.models, f"{self.settings.ranking.model}.json")).without(
            self.settings.ranking.without
        )
        self._foreign_ranker = self._ranker.foreign()

    @property
    def comparison(self) -> Callable[[View], Comparison]:
        """What tells, of a view, which of the answers that were made before it still hold."""
        return partial(Comparison.of, settings=self.settings, ranker=self._ranker, foreign=self._foreign_ranker)

    def _selection(self, view: View) -> Selection:
        scoring = Scoring(view, self.settings.ranking, self._ranker, self._foreign_ranker)
        return Selection(self.settings.policy, scoring)

    def _eligibility(self, view: View, filters: Filters) -> Eligibility:
        now, kept = time.time(), self._eligible
        if kept is None or not kept.holds(view, filters, now, self.settings):
            kept = self._eligible = Eligibility(view, filters, now, self.settings)
        return kept

    def _box(
        self,
        selection: Selection,
        eligibility: Eligibility,
        query: Query,
        article_id: str | None,
        k: int,
        explain: bool = False,
    ) -> Answer:
        view = selection.view
        place = None if article_id is None else view.locate(article_id)
        chosen, pinned, removed, basis = selection.choose(query, article_id, k, eligibility)
        items = recommendations(view, query, chosen, range(len(chosen)), explain=explain)
        items[:pinned] = [replace(item, reason=PINNED) for item in items[:pinned]]
        missed = None
        if explain:
            allowed = eligibility.under(query, any_kind=True)
            ranked = selection.ranked(query, allowed, place, self.settings.ranking.candidates)
            _, blocked = eligibility.curated(article_id)
            missed = near_misses(
                view, query, ranked, chosen, self.settings.policy,
                pinned=pinned, blocked=blocked, readable=eligibility.readable,
            )  # fmt: skip
        short = None
        if len(items) < k:
            counts = ((_REMOVED_BY.get(rule, rule), count) for rule, count in removed.items() if rule != "pinned")
            taken = ", ".join(f"{count} removed by {rule}" for rule, count in counts if count)
            others = len(view) - (place is not None)
            short = f"only {len(items)} of {others} other articles are eligible" + (f" ({taken})" if taken else "")
        return Answer(
            article_id,
            view.snapshot.manifest.name,
            view.revision,
            None,
            items,
            short,
            removed,
            missed,
            None if explain else basis,
        )

    def _latest(
        self, view: View, k: int, filters: Filters, pins: Sequence[str] = (), *, any_kind: bool = False
    ) -> list[Recommendation]:
        rules = self.settings.policy
        readable = rules.readable if rules.on and not any_kind else 0
        eligibility = self._eligibility(view, filters)
        found, pinned = newest(eligibility, k, pins, any_kind=any_kind, readable=readable)
        return [
            listed(view.segments[number].table.card(row), rank, PINNED if rank <= pinned else LATEST)
            for rank, (number, row) in enumerate(found, start=1)
        ]


def _published(view: View, article_id: str) -> tuple[tuple[int, int], Query]:
    """Where a published article is, and the query it makes."""
    place = view.locate(article_id)
    if place is None:
        raise UnknownArticleError(article_id)
    number, row = place
    return place, view.segments[number].query(row)
