"""Logs of readers who behave as is written down: what is known to be true of them can be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.articles.impressions import Swap
from recommend.evaluation.impressions import ImpressionLog

THETA = np.array([1.0, 0.7, 0.5, 0.35, 0.25])
"""How probable a look is at each position."""


@dataclass(frozen=True)
class Readers:
    """Readers of boxes under ``articles`` articles, of five items each: an item is clicked if it is looked at, and then
    as often as it is worth it (the position-based model).

    Attributes:
        worth: (articles, items) how probable a click is of what is looked at; the ranking shows the first five.
    """

    worth: NDArray[np.float64]
    chance: np.random.Generator

    @classmethod
    def drawn(cls, seed: int, articles: int = 40, items: int = 7, most: float = 0.4) -> Readers:
        chance = np.random.default_rng(seed)
        return cls(chance.uniform(0.02, most, (articles, items)), chance)

    def log(self, looks: int, days: int = 20, share: float = 0.0) -> ImpressionLog:
        """What so many looks over some days tell, with a share of days on which neighbours are exchanged."""
        articles, shown = len(self.worth), len(THETA)
        drawn = self.chance.integers(1, shown, (articles, days)) * (self.chance.random((articles, days)) < share)
        orders = {swapped: Swap(share, 1, shown, swapped) for swapped in range(shown)}
        bases = np.array([[swap.base(p) for p in range(1, shown + 1)] for swap in orders.values()])
        chances = np.array([orders[0].chances(base) for base in range(1, shown + 1)])
        article, day = self.chance.integers(articles, size=looks), self.chance.integers(days, size=looks)
        base = bases[drawn[article, day]]
        clicked = self.chance.random(base.shape) < THETA * self.worth[article[:, None], base - 1]
        up, down = chances[base - 1].transpose(2, 0, 1)

        def wide(values: NDArray[np.int64]) -> NDArray[np.int64]:
            return np.repeat(values, shown)

        zeros, view = np.zeros(base.size, np.int64), wide(np.arange(looks))
        return ImpressionLog(
            [f"a{n}" for n in range(articles)], [f"b{n}" for n in range(self.worth.shape[1])], [""],
            article=wide(article), item=base.ravel() - 1, arm=zeros, position=np.tile(np.arange(1, shown + 1), looks),
            base=base.ravel(), up=up.ravel(), down=down.ravel(), team=zeros, seen=np.ones(base.size, bool),
            clicked=clicked.ravel(), impression=wide(article * days + day), view=view, unit=view,
        )  # fmt: skip

    def value(self, ranking: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
        """(articles,) clicks a look at the box of another ranking, in truth."""
        return np.array([
            self.worth[n, [int(item[1:]) for item in ranking[f"a{n}"]]] @ THETA for n in range(len(self.worth))
        ])  # fmt: skip


def arms_log(seed: int, readers: int, arms: Mapping[str, float], spread: float = 0.5) -> ImpressionLog:
    """What readers of 1 to 39 impressions each tell, each with a liking for clicks of its own, in arms by a coin.

    Args:
        arms: click-through by arm.
        spread: how unlike readers are.
    """
    chance = np.random.default_rng(seed)
    arm = chance.integers(len(arms), size=readers)
    liking = np.minimum(1.0, np.array([*arms.values()])[arm] * chance.gamma(1 / spread, spread, readers))
    unit = np.repeat(np.arange(readers), chance.integers(1, 40, readers))
    zeros, ones, never = np.zeros(len(unit), np.int64), np.ones(len(unit), np.int64), np.zeros(len(unit))
    return ImpressionLog(
        ["a"], ["b"], [*arms],
        article=zeros, item=zeros, arm=arm[unit], position=ones, base=ones, up=never, down=never,
        team=zeros, seen=ones > 0, clicked=chance.random(len(unit)) < liking[unit], impression=np.arange(len(unit)),
        view=np.arange(len(unit)), unit=unit, with_units=1.0,
    )  # fmt: skip


def teams_log(seed: int, looks: int, better: float, days: int = 60) -> ImpressionLog:
    """Looks at six items, three of each team by a coin a day, of which those of the second are clicked ``better`` times
    as often."""
    chance = np.random.default_rng(seed)
    teams = np.array([chance.permutation([1, 1, 1, 2, 2, 2]) for _ in range(days)])
    day = chance.integers(days, size=looks)
    team, places = teams[day].ravel(), np.tile(np.arange(1, 7), looks)
    zeros, never, view = np.zeros(len(team), np.int64), np.zeros(len(team)), np.repeat(np.arange(looks), 6)
    clicked = chance.random(len(team)) < 0.3 / places * np.where(team == 2, better, 1.0)
    return ImpressionLog(
        ["a"], [f"b{n}" for n in range(6)], ["mixed"],
        article=zeros, item=places - 1, arm=zeros, position=places, base=places, up=never, down=never,
        team=team, seen=zeros == 0, clicked=clicked, impression=np.repeat(day, 6), view=view, unit=view,
    )  # fmt: skip
