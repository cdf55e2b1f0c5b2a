"""Several boxes on one page: no story stands in two of them, and each stays full."""

from __future__ import annotations

from collections.abc import Callable, Collection

from recommend.ranking.answer import Answer

_ROUNDS_OF_RELATED = 12
_ROUNDS_OF_ALL = 4

Ask = Callable[[int, Collection[int]], Answer]
"""The box of a number, without some stories."""

Claim = tuple[bool, bool, float, int]
"""Whether it is pinned, whether it is related, its score, and minus the number of the box: the greatest wins."""


def share_out(count: int, ask: Ask, story_of: Callable[[str], int], shown: Collection[int]) -> list[Answer]:
    """The boxes of a page, each story in the one that has the best claim to it.

    Deferred acceptance (Gale & Shapley, American Mathematical Monthly 69, 1962): every box proposes its best stories,
    each story stays with the best claim, and the boxes that lose one ask for others. A pin is a better claim than any
    score, and where a story is related it belongs rather than where it only fills; of equal claims that of the earlier
    box wins. First the boxes agree on what is related, then on what fills them. What they do not agree on within a few
    rounds is settled box after box, so that the work is bounded; no box then takes what is related in another one.

    Args:
        count: of boxes.
        ask: gives the box of a number 0…count-1, full if it can be, without any article of some stories.
        story_of: tells the story of an article by its id: near-duplicates are one story.
        shown: stories that the page shows outside the boxes.
    """
    without: list[set[int]] = [set(shown) for _ in range(count)]
    boxes = [ask(number, shown) for number in range(count)]
    for rounds, fillers in ((_ROUNDS_OF_RELATED, False), (_ROUNDS_OF_ALL, True)):
        for _ in range(rounds):
            lost = _lost([_claims(box, n, story_of, fillers=fillers) for n, box in enumerate(boxes)])
            if not any(lost):
                break
            for number in range(count):
                if lost[number]:
                    without[number] |= lost[number]
                    boxes[number] = ask(number, without[number])
    return _settled(boxes, ask, story_of, without)


def _settled(boxes: list[Answer], ask: Ask, story_of: Callable[[str], int], without: list[set[int]]) -> list[Answer]:
    """The boxes without shared stories: those that still share one are recomputed in turn."""
    claims = [_claims(box, number, story_of, fillers=True) for number, box in enumerate(boxes)]
    lost = _lost(claims)
    related = [{story for story, claim in of.items() if claim[1]} - lost[n] for n, of in enumerate(claims)]
    settled, taken = list[Answer](), set[int]()
    for number, box in enumerate(boxes):
        others = taken.union(*related[number + 1 :])
        kept = not others & claims[number].keys()
        settled.append(box if kept else ask(number, without[number] | others))
        taken |= _claims(settled[number], number, story_of, fillers=True).keys()
    return settled


def _lost(claims: list[dict[int, Claim]]) -> list[set[int]]:
    """By box, the stories that another one has the better claim to."""
    best: dict[int, Claim] = {}
    for of in claims:
        for story, claim in of.items():
            best[story] = max(best.get(story, claim), claim)
    return [{story for story, claim in of.items() if claim != best[story]} for of in claims]


def _claims(box: Answer, number: int, story_of: Callable[[str], int], *, fillers: bool) -> dict[int, Claim]:
    """The claims of a box by story; to what only fills it, too, where that is asked for."""
    claims: dict[int, Claim] = {}
    for item in box.items if fillers else box.items[: box.related]:
        claim = (item.reason.kind == "pinned", item.rank <= box.related, item.score, -number)
        claims.setdefault(story_of(item.id), claim)
    return claims
