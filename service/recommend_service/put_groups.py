"""Articles that come while others are embedded: they are embedded and stored together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from recommend.articles.article import Article

Written = tuple[int, bool]
"""The revision of an article, and whether it is new."""

Write = Callable[[Sequence[Article]], Awaitable[Sequence[Written | Exception]]]


class PutGroups:
    """Writes one group after the other: whatever has come meanwhile. For one event loop."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: articles of a group.
        """
        self._most = most
        self._waiting: list[tuple[Article, Write, asyncio.Future[Written]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, article: Article, write: Write) -> Written:
        """Returns when the article is written; who gives up before its turn has not written it.

        Args:
            article: to be written.
            write: writes articles of different ids, and tells of each what came of it, or why it was not written.
        """
        written: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting.append((article, write, written))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await written

    async def _drain(self) -> None:
        while group := self._next_group():
            try:
                results = await group[0][1]([article for article, *_ in group])
            except Exception as problem:
                results = [problem] * len(group)
            for (*_, written), result in zip(group, results, strict=True):
                if written.done():  # its request was cancelled
                    continue
                if isinstance(result, Exception):
                    written.set_exception(result)
                else:
                    written.set_result(result)

    def _next_group(self) -> list[tuple[Article, Write, asyncio.Future[Written]]]:
        """Those that came first, up to one whose id is there already: of two articles of an id the later one stays."""
        self._waiting = [one for one in self._waiting if not one[2].done()]
        ids = [article.id for article, *_ in self._waiting[: self._most]]
        end = next((i for i, one in enumerate(ids) if one in ids[:i]), len(ids))
        group, self._waiting = self._waiting[:end], self._waiting[end:]
        return group
