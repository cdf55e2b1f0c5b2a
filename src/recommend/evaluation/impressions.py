"""The log of impressions as arrays: each item of each look at a box, whether it was seen, whether it was clicked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommend.articles.events import Event

Clusters = Literal["unit", "view", "impression"]
Counted = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ImpressionLog:
    """One row for each item of each look at a box; all arrays have length n.

    An item that came into view in one look at an answer was in every other look at it as well, only not in view: it has
    a row there, too, whose ``seen`` is False.

    Attributes:
        articles, items, arms: names that the codes stand for; the arm of the service's own settings is ``""``.
        article, item, arm: codes.
        position: 1 for the first; ``base`` where the ranking would have put the item.
        up, down: chances that it stood one position higher or lower than ``base``.
        team: of two interleaved rankings, 1 or 2; 0 for neither.
        seen, clicked: booleans; what was clicked was seen.
        impression, view, unit: codes of what was shown, of one look at it, and of the reader's unit, or of the look
            where no unit is kept.
        unsigned: events that name no impression and are not in here.
        unseen_clicks: clicks on what no event says was seen in the same look; they are not in here either.
        with_units: the share of rows with a unit, 0…1.
    """

    articles: Sequence[str]
    items: Sequence[str]
    arms: Sequence[str]
    article: Counted
    item: Counted
    arm: Counted
    position: Counted
    base: Counted
    up: NDArray[np.float64]
    down: NDArray[np.float64]
    team: Counted
    seen: NDArray[np.bool_]
    clicked: NDArray[np.bool_]
    impression: Counted
    view: Counted
    unit: Counted
    unsigned: int = 0
    unseen_clicks: int = 0
    with_units: float = 0.0

    def __len__(self) -> int:
        return len(self.article)

    def where(self, rows: NDArray[np.bool_]) -> ImpressionLog:
        """The rows for which a mask (n,) is true."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _ARRAYS})

    def cluster(self, by: Clusters) -> Counted:
        """(n,) codes of what rows are taken to depend on each other within."""
        return {"unit": self.unit, "view": self.view, "impression": self.impression}[by]

    def sections(self, of: Mapping[str, str | None]) -> tuple[list[str], Counted]:
        """Names of sections, and (n,) codes of the section that each row's article is in; ``""`` for none."""
        named = [of.get(article) or "" for article in self.articles]
        names, codes = np.unique(np.array(named, dtype=object).astype(str), return_inverse=True)
        return names.tolist(), codes.astype(np.int64)[self.article] if named else np.zeros(0, np.int64)

    def to_arrow(self) -> pa.Table:
        """The rows as a table, names in the place of codes."""
        named = {"article": self.articles, "item": self.items, "arm": self.arms}
        columns = {name: np.asarray(getattr(self, name)) for name in _ARRAYS}
        texts = {name: pa.array([names[code] for code in columns[name]]) for name, names in named.items()}
        return pa.table({**columns, **texts})


_ARRAYS = (
    "article", "item", "arm", "position", "base", "up", "down", "team", "seen", "clicked", "impression", "view", "unit",
)  # fmt: skip

_Shown = tuple[str, str, int, int, float, float, int]  # article, item, position, base, up, down, team


class _Codes:
    """Numbers for names, in the order in which they come."""

    def __init__(self) -> None:
        self.names: dict[object, int] = {}

    def __call__(self, name: object) -> int:
        return self.names.setdefault(name, len(self.names))


def impression_log(events: Iterable[Event]) -> ImpressionLog:
    """The log of events: clicks joined with what was seen, by impression, look and item."""
    shown: dict[str, dict[str, _Shown]] = {}
    looks: dict[tuple[str, str], tuple[str, str | None]] = {}
    seen: set[tuple[str, str, str]] = set()
    clicked: set[tuple[str, str, str]] = set()
    unsigned = 0
    for one in events:
        if one.impression is None:
            unsigned += 1
            continue
        view = one.view or ""
        key = one.impression, view, one.item_id
        (seen if one.kind == "impression" else clicked).add(key)
        base = one.position if one.base is None else one.base
        place = one.article_id, one.item_id, one.position, base, one.up, one.down, one.team
        shown.setdefault(one.impression, {}).setdefault(one.item_id, place)
        looks.setdefault((one.impression, view), (one.variant or "", one.unit))
    articles, items, arms, impressions, units = (_Codes() for _ in range(5))
    rows = []
    for number, ((impression, view), (arm, unit)) in enumerate(looks.items()):
        own = arms(arm), impressions(impression), number, units(("unit", unit) if unit else ("view", number))
        for article, item, position, base, up, down, team in shown[impression].values():
            key = impression, view, item
            was = key in seen
            row = articles(article), items(item), position, base, up, down, team, was, was and key in clicked
            rows.append((*row, *own))
    names = ("article", "item", "position", "base", "up", "down", "team", "seen", "clicked", "arm", "impression",
             "view", "unit")  # fmt: skip
    kinds: dict[str, Any] = {"up": np.float64, "down": np.float64, "seen": np.bool_, "clicked": np.bool_}
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    arrays: dict[str, Any] = {n: np.array(c, kinds.get(n, np.int64)) for n, c in zip(names, columns, strict=True)}
    with_units = sum(unit is not None for _, unit in looks.values()) / len(looks) if looks else 0.0
    return ImpressionLog(
        [*map(str, articles.names)], [*map(str, items.names)], [*map(str, arms.names)],
        **arrays, unsigned=unsigned, unseen_clicks=len(clicked - seen), with_units=with_units,
    )  # fmt: skip
