"""The read side: the stories that belong under a given one."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from recommend.articles.article import Article
from recommend.articles.card import Card, card_of
from recommend.encoder import Encoder
from recommend.errors import UnknownArticleError
from recommend.index.filters import UNFILTERED, Filters
from recommend.index.lists import LISTED
from recommend.index.live import LiveView
from recommend.index.opening import open_live
from recommend.index.over import over
from recommend.index.query import Query
from recommend.index.snapshot.encoding import SnapshotEncoder
from recommend.index.view import FixedView, View
from recommend.listing import Listing
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.box import history_box, related_box
from recommend.ranking.many_boxes import many_boxes
from recommend.ranking.ranking import Ranking
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.store import Store

T = TypeVar("T")


class Recommender:
    """Answers from the published snapshot and every change since; safe to share between threads.

    Attributes:
        store: the truth.
        settings: of index, ranking and policy.
        ranking: how a view is ranked and filtered.
        listing: what there is, whatever it is about.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        encoder: Encoder | SnapshotEncoder | None = None,
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
        if not isinstance(encoder, SnapshotEncoder):
            encoder = SnapshotEncoder(settings.encoder, settings.models, encoder)
        self._encoder = encoder
        self._live = view or open_live(store, settings, serving=serving)
        self.ranking = Ranking(settings, public=serving)
        self.listing = Listing(store, self._live, self.ranking)

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
        return Recommender(self.store, settings, self._encoder, view=self._live, serving=self.ranking.public)

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
        return self._encoder.of(self.view().snapshot)

    def encoder_beside(self, made: Collection[str]) -> Encoder | None:
        """An encoder that answers rest on, or will as soon as the published snapshot is open, whose fingerprint is not
        among ``made``; None when there is none.

        Raises:
            EncoderError: as :attr:`encoder`.
        """
        awaited = self._live.awaited()  # before the view: one that is open by then is in it
        snapshot = self.view().snapshot
        if snapshot.manifest.encoder not in made:
            return self._encoder.of(snapshot)
        return None if awaited is None or awaited.encoder in made else self._encoder.of_awaited(awaited)

    def check_encoder(self) -> None:
        """Looks whether the encoder's files are there; opens it only where that failed before.

        Raises:
            EncoderError: when it cannot be used.
        """
        self._encoder.check(self.view().snapshot)

    def check_searchable(self) -> None:
        """Looks whether the index can be searched, wherever it is.

        Raises:
            StoreUnreachableError: when it is on a server that does not answer.
        """
        self.view().segments[0].check()

    def pinned(self, view: View | None = None) -> Recommender:
        """A recommender that keeps answering from a view, by default the present one, whatever changes after."""
        fixed = FixedView(self.view() if view is None else view)
        return Recommender(self.store, self.settings, self._encoder, view=fixed, serving=self.ranking.public)

    def view(self) -> View:
        """The present state of everything that can be recommended."""
        return self._live.refresh()

    def over(self, work: Callable[[View], T]) -> T:
        """The result of ``work`` on the current view, wherever its rows are; see :func:`~recommend.index.over.over`."""
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
        self, article_id: str, k: int, filters: Filters = UNFILTERED, *, explain: bool = False, view: View | None = None
    ) -> Answer | None:
        """The box under a published article, in a view that was given or in the present one; None when no published
        article has the id."""

        def answered(view: View) -> Answer | None:
            place = view.locate(article_id)
            if place is None:
                return None
            number, row = place
            query, eligibility = view.segments[number].query(row), self.ranking.eligibility(view, filters)
            selection = self.ranking.selection(view)
            ready = None if explain or k > LISTED else self.ranking.ready.read(selection.scoring, query, place)
            return related_box(selection, eligibility, query, article_id, k, explain=explain, ready=ready)

        return over(self.view() if view is None else view, answered)

    def answers(self, ids: Sequence[str], k: int) -> Iterator[Answer | None]:
        """What :meth:`answer` gives for each of the ids, of one view, sooner than one by one."""
        view = self.view()
        if not view.segments[0].is_whole:
            pinned = self.pinned(view)
            yield from (pinned.answer(one, k) for one in ids)
            return
        yield from many_boxes(self.ranking, view, ids, k)

    def answer_to(
        self, article: Article, k: int, filters: Filters = Filters(), *, explain: bool = False, nameless: bool = False
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
            return related_box(
                self.ranking.selection(view), self.ranking.eligibility(view, filters), query, name, k, explain=explain
            )

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
            selection, eligibility = self.ranking.selection(view), self.ranking.eligibility(view, filters)
            return history_box(selection, eligibility, latest_first, k, explain=explain)

        return self.over(answered)

    def under_embargo(self, article_id: str, view: View | None = None) -> bool:
        """Whether the date of an article is yet to come: its box would tell readers of it before its time."""
        return over(self.view() if view is None else view, lambda view: view.under_embargo(article_id, time.time()))

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

    def query_of(self, view: View, article: Article) -> Query:
        """The query that an article makes which need not be stored.

        Raises:
            EncoderError: when the snapshot's encoder cannot be opened.
        """
        return self._encoder.query(view.snapshot, article)
