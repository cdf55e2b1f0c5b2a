"""What a rule adds to an answer that is not kept: one that is computed, and one from a ready list."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.exposure import SETS
from recommend.articles.rule_documents import read_rules
from recommend.configuration import load_settings
from recommend.evaluation.experiment import scratch
from recommend.index.dense import set_threads
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.lists import make_lists
from recommend.ranking.ready import ReadyShortlists
from recommend.recommender import Recommender

ANSWERS, ROUNDS = 200, 2
SECTION = "Armed conflicts and attacks"
RULES: dict[str, list[dict[str, Any]]] = {
    "none": [],
    "one that holds of no story asked for": [{"when": {"section": "-"}, "then": {"leave_out": {"section": SECTION}}}],
    "`leave_out` by tag or author": [{"then": {"leave_out": {"any": [{"tag": "-"}, {"author": "-"}]}}}],
    "`prefer` a section": [{"then": {"prefer": {"section": SECTION}, "factor": 3}}],
    "`only` the same section": [{"then": {"only": {"same": "section"}}}],
    "`at_most` 1 of an author": [{"then": {"at_most": 1, "per": "author"}}],
    "`latest_of_story`": [{"then": {"latest_of_story": True}}],
    "`ignore` a section": [{"then": {"ignore": {"section": SECTION}}}],
    "`pin`": [{"then": {"pin": "", "position": 2}}],
    "`at_most` 2 of a section, of few": [{"then": {"at_most": 2, "per": "section"}}],
}


class NothingReady(ReadyShortlists):
    """No shortlist is ready."""

    def read(self, *_: object) -> None:
        """None, whatever is asked for."""


def main() -> None:
    """Writes the part ``cost`` of docs/rules.md."""
    articles, _ = SETS[-1].read()
    settings = load_settings(None, ["policy=on"], {"models": report.ROOT / "models"})
    with scratch(articles, settings, folder=report.KEPT / SETS[-1].name) as recommender:
        settings = recommender.settings
        make_lists(settings, current_name(IndexLayout(settings.index)) or "")
        set_threads(1)
        ids = recommender.listing.spread(ANSWERS)
        ways = [{name: _ruled(recommender, rules, ids[0]) for name, rules in RULES.items()} for _ in range(2)]
        for one in ways[1].values():
            one.ranking.ready = NothingReady(settings.policy)
        listed, computed = (_times(way, ids) for way in ways)
        rows = [[name, *_cells(computed, name), *_cells(listed, name)] for name in RULES]
    header = ["rule", "computed", "of none", "from a list", "of none"]
    what = f"{len(articles):,} stories of 2025, {ANSWERS} boxes of five; medians by the processor's clock, in turn."
    report.write("rules.md", "cost", f"{what} {report.machine()}\n\n{report.table(header, rows)}")


def _ruled(recommender: Recommender, rules: Sequence[dict[str, Any]], pinned: str) -> Recommender:
    given = [{"name": str(n), **rule} for n, rule in enumerate(rules)]
    for rule in given:
        if "pin" in rule["then"]:
            rule["then"] = {**rule["then"], "pin": pinned}
    return recommender.pinned(replace(recommender.view(), rules=read_rules({"rules": given})))


def _times(ways: dict[str, Recommender], ids: Sequence[str]) -> dict[str, float]:
    """Median seconds of an answer by rules, the better of some rounds."""
    for one in ways.values():
        one.answer(ids[-1], 5)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for article_id in ids:
        for name, one in ways.items():
            found[name].append(min(_timed(one, article_id) for _ in range(ROUNDS)))
    return {name: float(np.median(times)) for name, times in found.items()}


def _timed(recommender: Recommender, article_id: str) -> float:
    started = time.thread_time()
    recommender.answer(article_id, 5)
    return time.thread_time() - started


def _cells(times: dict[str, float], name: str) -> list[str]:
    return [f"{1000 * times[name]:.2f} ms", f"{times[name] / times['none']:.2f}"]
