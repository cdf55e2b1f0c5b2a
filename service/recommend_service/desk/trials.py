"""Settings of the policy, tried on ten boxes before anybody publishes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import orjson
from pydantic import ValidationError
from starlette.responses import Response

from recommend.articles.card import Card
from recommend.articles.fields import same_id
from recommend.index.filters import Prefer
from recommend.ranking.trial import Trial, compare
from recommend.recommender import Recommender
from recommend.settings import PolicySettings
from recommend_service.desk.stories import K
from recommend_service.desk.visit import RefusalError, Visit, signed_in

BOXES = 10
_MOST_NAMED = 20
FILLS = {
    "related": "the next best",
    "section": "the newest of the section, then of all",
    "latest": "the newest",
    "none": "nothing",
}
ORDERS = {"any": "the highest score", "near": "what is of the story's own time", "fresh": "what is new"}
assert ORDERS.keys() == {*get_args(Prefer)}


@signed_in()
async def show(visit: Visit) -> Response:
    """A form with the present settings, or the boxes before and after those that it was sent with."""
    present = visit.state.settings.policy
    wanted, trials = present, list[tuple[Card, Trial]]()
    if visit.given("try"):
        wanted = _wanted(visit, present)
        named = [same_id(one) for one in visit.given("ids").split()][:_MOST_NAMED]
        trials = await visit.compute(_tried, visit.recommender, wanted, named)
    return visit.page(
        "try.html",
        present=present,
        wanted=wanted,
        trials=trials,
        tried=bool(visit.given("try")),
        ids=visit.given("ids"),
        fills=FILLS,
        orders=ORDERS,
        lines=_lines(present, wanted),
    )


def _wanted(visit: Visit, present: PolicySettings) -> PolicySettings:
    given: dict[str, Any] = {
        "floor": visit.given("floor"),
        "fill": visit.given("fill"),
        "freshness": visit.given("freshness"),
        "diversity": visit.given("diversity"),
        "duplicate_lexical": visit.given("duplicate_lexical"),
        "hide_duplicates": bool(visit.given("hide_duplicates")),
    }
    try:
        return PolicySettings.model_validate(present.model_dump() | {k: v for k, v in given.items() if v != ""})
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        raise RefusalError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _tried(recommender: Recommender, wanted: PolicySettings, named: Sequence[str]) -> list[tuple[Card, Trial]]:
    present = recommender.pinned()
    other = present.with_settings(policy=wanted)
    changes = []
    for article_id in named or present.listing.spread(BOXES):
        article, before, after = recommender.article(article_id), present.answer(article_id, K), None
        if article is not None and before is not None:
            after = other.answer(article_id, K)
        if article is not None and before is not None and after is not None:
            changes.append((recommender.card(article), compare(before, after)))
    return changes


def _lines(present: PolicySettings, wanted: PolicySettings) -> list[str]:
    """What recommend.toml is to say."""
    then, now = present.model_dump(mode="json"), wanted.model_dump(mode="json")
    return [f"{name} = {orjson.dumps(value).decode()}" for name, value in now.items() if value != then[name]]
