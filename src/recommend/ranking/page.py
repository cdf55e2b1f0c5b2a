"""Several boxes on one page: no story stands in two of them, and each stays full."""

from __future__ import annotations

from collections.abc import Callable, Collection

from recommend.ranking.answer import Answer, Recommendation

_ROUNDS = 4

Ask = Callable[[int, Collection[int]], Answer]
"""The box of a number, without some stories."""


def share_out(count: int, ask: Ask, story_of: Callable[[str], int], shown: Collection[int]) -> list[Answer]:
    """The boxes of a page, each story in the one that has the best claim to it.

    Deferred acceptance (Gale & Shapley, American Mathematical Monthly 69, 1962): every box proposes its best stories,
    each story stays with the best claim, and the boxes that lose one ask for others. A pin is a better claim than any
    score; of equal claims that of the earlier box wins. Boxes that do not agree within a few rounds are then settled
    one after the other, so that the work is bounded.

    Args:
        count: of boxes.
        ask: gives the box of a number 0…count-1, full if it can be, without any article of some stories.
        story_of: tells the story of an article by its id: near-duplicates are one story.
        shown: stories that the page shows outside the boxes.
    """
    without: list[set[int]] = [set(shown) for _ in range(count)]
    boxes = [ask(number, shown) for number in range(count)]
    for _ in range(_ROUNDS):
        lost = _lost(boxes, story_of)
        if not lost:
            return boxes
        for number, stories in lost.items():
            without[number] |= stories
            boxes[number] = ask(number, without[number])
    taken: set[int] = set()
    for number in range(count):
        if taken & _stories(boxes[number], story_of):
            boxes[number] = ask(number, without[number] | taken)
        taken |= _stories(boxes[number], story_of)
    return boxes


def _lost(boxes: list[Answer], story_of: Callable[[str], int]) -> dict[int, set[int]]:
    """By box, the stories in it that another one has the better claim to."""
    best: dict[int, tuple[bool, float, int]] = {}
    for number, box in enumerate(boxes):
        for item in box.items:
            story = story_of(item.id)
            best[story] = max(best.get(story, (False, -1.0, 0)), _claim(item, number))
    lost = {n: {story for story in _stories(box, story_of) if best[story][2] != -n} for n, box in enumerate(boxes)}
    return {number: stories for number, stories in lost.items() if stories}


def _claim(item: Recommendation, number: int) -> tuple[bool, float, int]:
    return item.reason.kind == "pinned", item.score, -number


def _stories(box: Answer, story_of: Callable[[str], int]) -> set[int]:
    return {story_of(item.id) for item in box.items}
