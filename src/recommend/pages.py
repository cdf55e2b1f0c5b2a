"""The boxes of several articles that stand on one page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from recommend.index.filters import Filters
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.ranking.page import share_out
from recommend.recommender import Recommender
from recommend.stand_ins import latest_answer


def boxes_of_page(
    recommender: Recommender, ids: Sequence[str], k: int, filters: Filters = Filters(), *, explain: bool = False
) -> list[Answer]:
    """The boxes under the articles of one page, in their order: no story is in two of them, nor one of ``ids``, which
    the page shows already, nor one that the filters exclude, under any id; where there is nothing else, a box holds the
    newest articles. See :func:`~recommend.ranking.page.share_out` for which box a story is in.

    Args:
        recommender: makes the boxes.
        ids: of the articles.
        k: items of a box.
        filters: which articles may be in one.
        explain: whether to tell each feature's part in the ranking, and of near misses.
    """
    fixed = recommender.pinned()
    view = fixed.view()

    def stories_of(ids: Sequence[str]) -> set[int]:
        def groups(view: View) -> set[int]:
            return {*map(view.group, view.locate_each(ids))}

        return fixed.over(groups)

    def story_of(article_id: str) -> int:
        (story,) = stories_of([article_id])
        return story

    def ask(number: int, stories: Collection[int]) -> Answer:
        narrowed = replace(filters, exclude=filters.exclude.union(*map(view.of_group, stories)))
        one = ids[number]
        answer = None if fixed.under_embargo(one) else fixed.answer(one, k, narrowed, explain=explain)
        return answer if answer is not None and answer.items else latest_answer(fixed, one, k, narrowed)

    return share_out(len(ids), ask, story_of, stories_of([*ids, *filters.exclude]))
