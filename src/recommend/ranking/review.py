"""Quality checks of boxes for editors: what looks wrong with an answer, judged by answers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from recommend.ranking.answer import Answer

Flaw = Literal["empty", "short", "filled", "one day", "alike", "nameless", "boilerplate", "nowhere"]

_ALIKE = 0.8
_LEAST_OF_A_DAY = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the box of an article.

    Attributes:
        flaw: ``empty`` no box, ``short`` fewer items than asked for, ``filled`` none of them related, ``one day`` all
            related ones of the same day, ``alike`` two headlines much the same, ``nameless`` no reason names anything,
            ``boilerplate`` most of its text is that of others,
            ``nowhere`` the article itself stands in no box that was looked at.
        told: the same in a sentence, with what shows it.
    """

    article_id: str
    flaw: Flaw
    told: str


def flaws(answer: Answer, k: int) -> list[tuple[Flaw, str]]:
    """What is wrong with a box of k items."""
    items, related = answer.items, answer.items[: answer.related]
    if answer.fallback is not None or not items:
        return [("empty", "nothing belongs under it")]
    verdicts = list[tuple[Flaw, str]]()
    if len(items) < k:
        verdicts.append(("short", answer.short or f"only {len(items)} of {k}"))
    if not related:
        verdicts.append(("filled", f"none of its {len(items)} items is related"))
    days = {None if item.published_at is None else item.published_at.date() for item in related}
    if len(related) >= _LEAST_OF_A_DAY and len(days) == 1 and None not in days:
        verdicts.append(("one day", f"all {len(related)} related ones are of {next(iter(days))}"))
    pair = _alike([item.title for item in items])
    if pair is not None:
        verdicts.append(("alike", f"“{pair[0]}” and “{pair[1]}” may tell the same"))
    reasons = [item.reason for item in related if item.reason.kind != "pinned"]
    if reasons and not any(reason.terms for reason in reasons):
        verdicts.append(("nameless", "no reason names anything that the stories share"))
    return verdicts


def review(boxes: Iterable[tuple[str, Answer | None]], k: int) -> list[Finding]:
    """What is wrong with boxes, in their order; last the articles that stand in none of them.

    Args:
        boxes: ids of articles and their boxes of k items.
        k: how many items a box should have.
    """
    found, shown, looked_at = list[Finding](), Counter[str](), list[str]()
    for article_id, answer in boxes:
        if answer is None:
            continue
        looked_at.append(article_id)
        shown.update(item.id for item in answer.items)
        found += [Finding(article_id, flaw, told) for flaw, told in flaws(answer, k)]
    lonely = [one for one in looked_at if not shown[one]]
    return found + [Finding(one, "nowhere", f"stands in none of these {len(looked_at):,} boxes") for one in lonely]


def _alike(titles: Sequence[str]) -> tuple[str, str] | None:
    """The first two titles that are much the same."""
    matcher = SequenceMatcher(autojunk=False)
    for i, one in enumerate(titles):
        matcher.set_seq2(one.casefold())
        for other in titles[i + 1 :]:
            matcher.set_seq1(other.casefold())
            if matcher.real_quick_ratio() > _ALIKE and matcher.quick_ratio() > _ALIKE and matcher.ratio() > _ALIKE:
                return one, other
    return None
