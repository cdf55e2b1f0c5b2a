"""The read side: the stories that belong under a given one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article, released_until
from recommend.articles.card import Card, card_of
from recommend.encoder import Encoder, encode_articles
from recommend.encoder.opened import OpenEncoder
from recommend.errors import SnapshotError, UnknownArticleError
from recommend.index.filters import Filters
from recommend.index.lists import LISTED, ReadyLists
from recommend.index.live import LiveView
from recommend.index.opening import open_live
from recommend.index.over import over
from recommend.index.segment import Query
from recommend.index.snapshot.open import Snapshot
from recommend.index.view import FixedView, View
from recommend.ranking import catalogue, history
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.box import history_box, latest_box, related_box
from recommend.ranking.candidates import Candidates
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.kept import Comparison
from recommend.ranking.model import Ranker, length_weight
from recommend.ranking.pipeline import Selection
from recommend.ranking.popular import popular_box
from recommend.ranking.ready import read_shortlist, ready_lists
from recommend.ranking.search import Found, Mark, search
from recommend.ranking.shortlist import Place, Scoring, Shortlist
from recommend.ranking.trial import spread
from recommend.ranking.why import Why, explain_pair
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.store import Store

T = TypeVar("T")


class Recommender:
    """Answers from the published snapshot and every change since; safe to share between threads."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        encoder: Encoder | OpenEncoder | None = None,
        *,
        view: FixedView | LiveView | None = None,
        serving: bool = False,
    ) -> None:
        """
        Args:
            store: the truth that the view follows.
            settings: index folder, ranking, policy.
            encoder: for drafts; opened at first use when not given. Recommenders may share what one of them opens.
            view: what is answered from instead of the published snapshot and every change since.
            serving: see :class:`~recommend.index.live.LiveView`; explanations are for anybody then, and tell nothing
                of bodies that are not public.

        Raises:
            SnapshotError: when no usable snapshot is published.
            SettingsError: when the ranker's file is missing or malformed.
        """
        self.store = store
        self.settings = settings
        self._encoder = encoder if isinstance(encoder, OpenEncoder) else OpenEncoder(settings.models, encoder)
        self._eligible: Eligibility | None = None
        self._serving = serving
        self._live = view or open_live(store, settings, serving=serving)
        self._ranker = Ranker.of(settings.ranking, settings.models)
        self._foreign_ranker = self._ranker.foreign()
        self._lists: tuple[Snapshot, ReadyLists] | None = None

    @classmethod
    def open(cls, index: str | Path, store: str, settings: Settings | None = None) -> Recommender:
        """A recommender on an index folder and a store URL.

        Raises:
            SnapshotError, StoreError, SettingsError: when one of the three cannot be used.
        """
        given = settings or Settings()
        if str(index).startswith("postgresql"):
            place: dict[str, object] = {"pgvector": given.pgvector.model_copy(update={"url": str(index)})}
        else:
            place = {"index": Path(index)}
        settings = given.model_copy(update={**place, "store": store})
        return cls(Store(store, staleness=settings.service.staleness), settings)

    def with_settings(
        self, *, ranking: RankingSettings | None = None, policy: PolicySettings | None = None
    ) -> Recommender:
        """A recommender on the same view of the same store that ranks, or filters, by other settings.

        Raises:
            SettingsError: when the ranker's file is missing or malformed.
        """
        given = {name: group for name, group in (("ranking", ranking), ("policy", policy)) if group is not None}
        settings = self.settings.model_copy(update=given)
        return Recommender(self.store, settings, self._encoder, view=self._live, serving=self._serving)

    def for_editors(self) -> Recommender:
        """A recommender on the same view that explains to editors: what is blocked, and what bodies that are not public
        say, is told."""
        return Recommender(self.store, self.settings, self._encoder, view=self._live)

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
        return self._encoder.get(manifest.encoder_settings(self.settings.encoder), manifest.encoder)

    def check_encoder(self) -> None:
        """Looks whether the encoder's files are there; opens it only where that failed before.

        Raises:
            EncoderError: when it cannot be used.
        """
        manifest = self.view().snapshot.manifest
        self._encoder.check(manifest.encoder_settings(self.settings.encoder), manifest.encoder)

    def check_searchable(self) -> None:
        """Looks whether the index can be searched, wherever it is.

        Raises:
            StoreUnreachableError: when it is on a server that does not answer.
        """
        self.view().segments[0].check()

    def pinned(self, view: View | None = None) -> Recommender:
        """A recommender that keeps answering from a view, by default the present one, whatever changes after."""
        fixed = FixedView(self.view() if view is None else view)
        return Recommender(self.store, self.settings, self._encoder, view=fixed, serving=self._serving)

    def view(self) -> View:
        """The present state of everything that can be recommended."""
        return self._live.refresh()

    def over(self, work: Callable[[View], T]) -> T:
        """What work comes to over the present state, wherever its articles lie; see
        :func:`~recommend.index.over.over`."""
        return over(self.view(), work)

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

    def answer(
        self,
        article_id: str,
        k: int,
        filters: Filters = Filters(),
        *,
        explain: bool = False,
        view: View | None = None,
    ) -> Answer | None:
        """The box under a published article, in a view that was given or in the present one; None when no published
        article has the id."""

        def answered(view: View) -> Answer | None:
            place = view.locate(article_id)
            if place is None:
                return None
            number, row = place
            query, eligibility = view.segments[number].query(row), self.eligibility(view, filters)
            selection = self.selection(view)
            ready = None if explain or k > LISTED else self._ready(selection.scoring, query, place)
            return related_box(selection, eligibility, query, article_id, k, explain=explain, ready=ready)

        return over(self.view() if view is None else view, answered)

    def answers(self, ids: Sequence[str], k: int) -> Iterator[Answer | None]:
        """What :meth:`answer` gives for each of the ids, of one view, sooner than one by one."""
        view = self.view()
        if not view.segments[0].is_whole:
            pinned = self.pinned()
            yield from (pinned.answer(one, k) for one in ids)
            return
        selection, eligibility = self.selection(view), self.eligibility(view, Filters())
        places = {one: place for one in ids if (place := view.locate(one)) is not None}
        queries = {one: view.segments[number].query(row) for one, (number, row) in places.items()}
        listed = places.items() if k <= LISTED else ()
        ready = {one: self._ready(selection.scoring, queries[one], place) for one, place in listed}
        lacking = [one for one in places if ready.get(one) is None]
        queries |= zip(lacking, selection.scoring.looked_up([queries[one] for one in lacking]), strict=True)
        for one in ids:
            found = queries.get(one)
            yield None if found is None else related_box(selection, eligibility, found, one, k, ready=ready.get(one))

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
        query, name = self.query_of(view, article), None if nameless else article.id

        def answered(view: View) -> Answer:
            return related_box(self.selection(view), self.eligibility(view, filters), query, name, k, explain=explain)

        return over(view, answered)

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
        filters = replace(filters, exclude=filters.exclude | frozenset(ids))
        latest_first = [*dict.fromkeys(reversed(ids))]

        def answered(view: View) -> Answer:
            view.segments[0].bring(latest_first)
            located = [view.locate(article_id) for article_id in latest_first]
            read = [place for place in located if place is not None]
            if not read:
                return self.latest_answer(None, k, filters)
            groups = np.array([view.segments[number].groups[row] for number, row in read], np.uint64)
            queries = [view.segments[number].query(row) for number, row in read[: history.READ]]
            eligibility = self.eligibility(view, filters)
            return history_box(self.selection(view), eligibility, queries, groups, k, explain=explain)

        return self.over(answered)

    def rank(self, article_id: str, depth: int) -> list[tuple[str, float]]:
        """Ids and ranking scores of the ``depth`` best, best first: the same path without cards and reasons.

        Raises:
            UnknownArticleError: when no published article has the id.
        """

        def ranked(view: View) -> list[tuple[str, float]]:
            _, query = _published(view, article_id)
            selection = self.selection(view)
            chosen = selection.choose(query, article_id, depth, self.eligibility(view, Filters())).candidates
            return [(selection.scoring.id(chosen, i), float(chosen.scores[i])) for i in range(len(chosen))]

        return self.over(ranked)

    def candidates(self, article_id: str) -> tuple[list[str], Candidates, float]:
        """Ids and features of all candidates, best first, before any policy, and the query's length weight: what a
        ranker is fitted on.

        Raises:
            UnknownArticleError: when no published article has the id.
        """

        def found(view: View) -> tuple[list[str], Candidates, float]:
            place, query = _published(view, article_id)
            selection, allowed = self.selection(view), self.eligibility(view, Filters()).under(query)
            ranked = selection.ranked(query, allowed, place, self.settings.ranking.candidates)
            ids = [selection.scoring.id(ranked, i) for i in range(len(ranked))]
            return ids, ranked, length_weight(query.term_count)

        return self.over(found)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) calibrated probabilities of being related, 0…1, for ranking scores (n,)."""
        return self._ranker.calibration.probabilities(scores)

    def latest_answer(self, article_id: str | None, k: int, filters: Filters = Filters()) -> Answer:
        """The newest articles, labelled as such: what stands in where nothing is related.

        Pins and blocks of the article hold here too.
        """

        def answered(view: View) -> Answer:
            eligibility, pins = self._beside(view, article_id, filters)
            return latest_box(eligibility, article_id, k, pins)

        return self.over(answered)

    def popular_answer(
        self, article_id: str | None, k: int, popular: Sequence[str], filters: Filters = Filters()
    ) -> Answer:
        """The popular articles, labelled as such, and the newest after them: what stands in where nothing is related
        and that is asked for. Pins and blocks of the article hold here too.

        Args:
            article_id: of the article, None where it has none.
            k: how many.
            popular: ids, the most popular first, see :func:`~recommend.ranking.popular.most_clicked`.
            filters: which articles may be in it.
        """

        def answered(view: View) -> Answer:
            eligibility, pins = self._beside(view, article_id, filters)
            return popular_box(eligibility, article_id, k, popular, pins)

        return self.over(answered)

    def stand_in(
        self, fallback: str, article_id: str | None, k: int, popular: Sequence[str], filters: Filters = Filters()
    ) -> Answer:
        """What stands in where there is no box, by ``fallback``: :meth:`popular_answer`, or :meth:`latest_answer`."""
        if fallback == "popular":
            return self.popular_answer(article_id, k, popular, filters)
        return self.latest_answer(article_id, k, filters)

    def _beside(self, view: View, article_id: str | None, filters: Filters) -> tuple[Eligibility, list[str]]:
        """What may stand in for the box of an article, and what editors pinned there."""
        pins, blocks = self.eligibility(view, filters).curated(article_id)
        own = frozenset() if article_id is None else frozenset({article_id})
        narrowed = replace(filters, exclude=filters.exclude | own | blocks)
        return self.eligibility(view, narrowed), pins

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> list[Recommendation]:
        """The k newest published articles of any genre after the first ``offset``: what a front page lists."""

        def listed(view: View) -> list[Recommendation]:
            eligibility = self.eligibility(view, Filters(section=section))
            return catalogue.latest(eligibility, offset + k, any_kind=True)[offset:]

        return self.over(listed)

    def sections(self) -> list[tuple[str, int]]:
        """Names of sections and their numbers of published articles, most first."""
        return catalogue.sections(self.view())

    def search(
        self, words: str, count: int, filters: Filters = Filters(), after: Mark | None = None, *, hidden: bool = False
    ) -> Found:
        """A page of the published articles that pass the filters: found by words, best first, or newest first where
        there are none.

        Args:
            words: an id, a URL, or what the articles say.
            count: how many a page has.
            filters: which articles.
            after: where the page before ended.
            hidden: whether articles that editors hide are found, too.
        """
        view = self._listed()
        if words.strip().startswith(("https://", "http://")):
            words = self.store.find_url(words.strip()) or words
        ruled = self.settings.model_copy(update={"policy": PolicySettings(on=True)})
        eligibility = Eligibility(view, filters, time.time(), ruled)
        masks = eligibility.passing if hidden else eligibility.masks
        return search(view, masks, words, count, after, public=self._serving)

    def _listed(self) -> View:
        """The present view, of which all articles can be listed.

        Raises:
            SnapshotError: when they are on a server.
        """
        view = self.view()
        if not view.segments[0].is_whole:
            raise SnapshotError("articles cannot be listed where the index is on a server: that needs one of snapshots")
        return view

    def spread(self, count: int) -> list[str]:
        """Ids of some published articles from the newest to the oldest, evenly spread over the archive."""
        view = self._listed()
        return spread(view, self.eligibility(view, Filters()).masks, count)

    def why(self, article_id: str, other_id: str, k: int, filters: Filters = Filters()) -> Why:
        """Why one published article is, or is not, in the box of k of another.

        Raises:
            UnknownArticleError: when either is no published article.
        """

        def explained(view: View) -> Why:
            own, query = _published(view, article_id)
            other, _ = _published(view, other_id)
            selection, eligibility = self.selection(view), self.eligibility(view, filters)
            return explain_pair(selection, eligibility, query, article_id, own, other, k)

        return self.over(explained)

    def under_embargo(self, article_id: str, view: View | None = None) -> bool:
        """Whether the date of an article is yet to come: its box would tell readers of it before its time."""

        def embargoed(view: View) -> bool:
            place = view.locate(article_id)
            if place is None:
                return False
            return int(view.segments[place[0]].table.published_at[place[1]]) > released_until(time.time())

        return over(self.view() if view is None else view, embargoed)

    def article(self, article_id: str) -> Article | None:
        """A published article in full, None when there is none of this id."""
        article = self.store.get(article_id)
        return article if article is not None and article.is_public(datetime.now(UTC)) else None

    def card(self, article: Article) -> Card:
        """What everybody may see of an article of the store; no boilerplate is its summary."""
        return card_of(self.store.boilerplate.read().without(article))

    @property
    def snapshot(self) -> str:
        """The name of the live snapshot."""
        return self.view().snapshot.manifest.name

    def __len__(self) -> int:
        return len(self.view())

    @property
    def comparison(self) -> Callable[[View], Comparison]:
        """What tells, of a view, which of the answers that were made before it still hold."""
        return partial(Comparison.of, settings=self.settings, ranker=self._ranker, foreign=self._foreign_ranker)

    def query_of(self, view: View, article: Article) -> Query:
        """The query that an article makes which need not be stored.

        Raises:
            EncoderError: when the snapshot's encoder cannot be opened.
        """
        embedding = encode_articles(self._encoder_of(view), [view.snapshot.boilerplate.without(article)])[0]
        return view.snapshot.prepare(article, embedding).query()

    def selection(self, view: View) -> Selection:
        """What chooses from a view."""
        scoring = Scoring(view, self.settings.ranking, self._ranker, self._foreign_ranker)
        return Selection(self.settings, scoring, public=self._serving)

    def is_ready(self, view: View, article_id: str) -> bool:
        """Whether the best candidates of an article need only be looked up in a view."""
        if not view.segments[0].is_whole:
            return False
        place = view.locate(article_id)
        return place is not None and place[0] == 0 and self._lists_of(self.selection(view).scoring).has(place[1])

    def _ready(self, scoring: Scoring, query: Query, place: Place) -> Shortlist | None:
        """The shortlist under the article at a place, None where it is to be computed."""
        if not scoring.view.segments[0].is_whole:
            return None
        return read_shortlist(scoring, self._lists_of(scoring), query.language, place)

    def _lists_of(self, scoring: Scoring) -> ReadyLists:
        snapshot, kept = scoring.view.snapshot, self._lists
        if kept is None or kept[0] is not snapshot:
            kept = self._lists = snapshot, ready_lists(scoring, self.settings.policy)
        return kept[1]

    def eligibility(self, view: View, filters: Filters) -> Eligibility:
        """What may be shown of a view now."""
        now, kept = time.time(), self._eligible
        if kept is None or not kept.holds(view, filters, now, self.settings):
            kept = self._eligible = Eligibility(view, filters, now, self.settings)
        return kept


def _published(view: View, article_id: str) -> tuple[tuple[int, int], Query]:
    """Where a published article is, and the query it makes."""
    place = view.locate(article_id)
    if place is None:
        raise UnknownArticleError(article_id)
    number, row = place
    return place, view.segments[number].query(row)
