from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from recommend.settings import ServiceSettings, Settings, VariantSettings
from recommend.store import Store
from recommend_service.routes.variants import assign

STORY, TWIN = "a-central-asia-condemns-drone-attack", "a-wire-central-asia-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
NAMES = st.text("abcxyz", min_size=1, max_size=3)
WEIGHTS = st.dictionaries(NAMES, st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]), min_size=1, max_size=4)
READERS = 2_000


@given(st.text(max_size=20), WEIGHTS)
def test_a_unit_has_the_same_variant_each_time_in_any_order_of_the_weights(
    unit: str, weights: dict[str, float]
) -> None:
    found = assign(unit, weights)
    assert assign(unit, dict(reversed(weights.items()))) == found
    assert (found is None) == (max(weights.values()) == 0)
    assert found is None or weights[found] > 0


@hypothesis_settings(max_examples=25)
@given(WEIGHTS, st.integers(0, 10**9))
def test_each_variant_has_its_share_of_units(weights: dict[str, float], seed: int) -> None:
    assigned = [assign(f"{seed}-{number}", weights) for number in range(READERS)]
    total = sum(weights.values())
    for name, weight in weights.items():
        share = weight / total if total else 0.0
        tolerance = 5 * (share * (1 - share) / READERS) ** 0.5  # five standard deviations
        assert abs(assigned.count(name) / READERS - share) <= tolerance


@given(st.text(max_size=20), WEIGHTS, NAMES)
def test_a_new_variant_takes_units_and_moves_none_between_the_others(
    unit: str, weights: dict[str, float], new: str
) -> None:
    assert assign(unit, {**weights, new: 2.0}) in {assign(unit, {n: w for n, w in weights.items() if n != new}), new}


@pytest.fixture(scope="module")
def testing(sample: Settings, serve: Any) -> Iterator[Any]:
    """A service under test: the control, one that ranks by dense similarity alone, one that shows duplicates."""
    variants = {
        "control": {},
        "dense": {"weight": 2, "ranking": {"without": "lexical,context,time,section"}},
        "copies": {"weight": 0, "policy": {"hide_duplicates": False}},
        "mixed": {"weight": 0, "interleave": ["control", "dense"]},
    }
    service = ServiceSettings.model_validate({**sample.service.model_dump(), "variants": variants})
    with serve(sample.model_copy(update={"service": service})) as running:
        yield running.reader


def _ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_variant_answers_by_its_own_settings_and_says_which_it_is(testing: Any) -> None:
    answers = {name: testing.get(BOX, params={"variant": name, "limit": 20}) for name in ("control", "dense", "copies")}
    assert [answer.headers["X-Variant"] for answer in answers.values()] == list(answers)
    plain = testing.get(BOX, params={"limit": 20})
    assert "X-Variant" not in plain.headers
    assert _ids(answers["control"]) == _ids(plain)
    assert sorted(_ids(answers["dense"])) != sorted(_ids(plain))
    assert TWIN in _ids(answers["copies"])
    assert TWIN not in _ids(plain)
    assert len({answer.json()["revision"] for answer in answers.values()}) == 1


def test_variants_hold_by_url_and_for_answers_that_have_not_changed(testing: Any) -> None:
    url = "https://meridian-courier.example/world/2025/12/central-asia-condemns-drone-attack"
    asked = {"url": url, "variant": "copies", "limit": 20}
    answer = testing.get("/v1/related", params=asked)
    assert TWIN in _ids(answer)
    again = testing.get("/v1/related", params=asked, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.headers["X-Variant"]) == (304, "copies")


def test_a_unit_is_given_its_variant_by_hash(testing: Any) -> None:
    weights = {"control": 1.0, "dense": 2.0, "copies": 0.0, "mixed": 0.0}
    for reader in ("reader-1", "reader-2", "reader-3", "ré:ader", ""):
        answer = testing.get(BOX, params={"variant": f"auto:{reader}"})
        assert answer.headers["X-Variant"] == assign(reader, weights)
        assert _ids(answer) == _ids(testing.get(BOX, params={"variant": answer.headers["X-Variant"]}))


def test_two_variants_are_interleaved_and_clicks_tell_whose_item_it_was(testing: Any) -> None:
    boxes = {name: testing.get(BOX, params={"variant": name, "limit": 8}).json() for name in ("control", "dense")}
    mixed = testing.get(BOX, params={"variant": "mixed", "limit": 8})
    assert mixed.headers["X-Variant"] == "mixed"
    box = mixed.json()
    ids = [item["id"] for item in box["items"]]
    assert [item["rank"] for item in box["items"]] == list(range(1, len(ids) + 1))
    related = {item["id"] for one in boxes.values() for item in one["items"][: one["related"]]}
    assert {*ids[: box["related"]]} <= related
    assert boxes["control"]["items"][0]["id"] in ids[:2]
    clicks = [
        {"kind": "click", "view": "v", "impression": box["impression"], "article_id": STORY, "item_id": item}
        for item in ids[: box["related"]]
    ]
    assert testing.post("/v1/events", json=clicks).json()["kept"] == len(clicks)
    again = testing.get(BOX, params={"variant": "mixed", "limit": 8}).json()
    assert [item["id"] for item in again["items"]] == ids


@pytest.mark.parametrize("teams", [["a"], ["a", "none"], ["a", "mixed"], ["a", "b", "c"]])
def test_only_two_plain_variants_are_interleaved(teams: list[str]) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings.model_validate({"variants": {"a": {}, "b": {}, "mixed": {"interleave": teams}}})


def test_neighbours_are_exchanged_on_the_days_that_the_setting_says_and_the_log_knows(
    copied: Settings, serve: Any
) -> None:
    boxes: dict[float, dict[str, Any]] = {}
    policy = copied.policy.model_copy(update={"floor": 0.0})
    for share in (0.0, 0.5):
        service = copied.service.model_copy(update={"swaps": share})
        settings = copied.model_copy(update={"service": service, "policy": policy})
        with serve(settings) as running, closing(Store(settings.store)) as store:
            names = sorted(running.state.recommender().view().ids())[:40]
            boxes[share] = {name: running.reader.get(f"/v1/articles/{name}/related").json() for name in names}
            seen = {"kind": "impression", "view": "v"}
            told = [
                {**seen, "impression": box["impression"], "article_id": name, "item_id": item["id"]}
                for name, box in boxes[share].items()
                for item in box["items"]
            ]
            for start in range(0, len(told), 100):
                assert running.reader.post("/v1/events", json=told[start : start + 100]).status_code == 202
            log = list(store.events.read())
    plain, mixed = (
        {name: [one["id"] for one in box["items"]] for name, box in each.items()} for each in boxes.values()
    )
    assert all(sorted(mixed[name]) == sorted(plain[name]) for name in plain)
    assert 5 < sum(mixed[name] != plain[name] for name in plain) < 35
    exchanged = [event for event in log if event.up or event.down]
    assert all(plain[event.article_id][(event.base or 0) - 1] == event.item_id for event in exchanged)
    assert {event.base == event.position for event in exchanged} == {True, False}
    assert any(event.down == pytest.approx(0.125, abs=1e-4) for event in exchanged)


@pytest.mark.parametrize("variant", ["unknown", "", "auto", "CONTROL"])
def test_an_unknown_variant_is_refused_and_the_known_ones_named(testing: Any, variant: str) -> None:
    refused = testing.get(BOX, params={"variant": variant})
    assert refused.status_code == 422
    known = "control, copies, dense, mixed, auto:UNIT"
    assert refused.json()["detail"] == f"query.variant: {variant!r} is not one of {known}"


def test_where_no_test_runs_a_unit_gets_the_plain_answer(reader: Any) -> None:
    answer = reader.get(BOX, params={"variant": "auto:reader-1"})
    assert "X-Variant" not in answer.headers
    assert _ids(answer) == _ids(reader.get(BOX))
    assert reader.get(BOX, params={"variant": "control"}).status_code == 422


def test_variants_share_one_view_that_follows_the_store(copied: Settings, serve: Any) -> None:
    service = ServiceSettings.model_validate({**copied.service.model_dump(), "variants": {"b": {}}})
    with serve(copied.model_copy(update={"service": service})) as running:
        state = running.state
        assert state.recommenders().variant("b").view() is state.recommender().view()
        assert running.writer.article("DELETE", TWIN).status_code == 204
        assert state.recommenders().variant("b").view() is state.recommender().view()


def test_a_variant_explains_no_more_to_readers_than_the_service_does(copied: Settings, serve: Any) -> None:
    service = copied.service.model_copy(update={"variants": {"same": VariantSettings()}})
    with serve(copied.model_copy(update={"service": service})) as running:
        first = running.reader.box(STORY).items[0].id
        curation = {"blocked": [{"id": first}]}
        assert running.writer.put(f"/v1/articles/{STORY}/curation", json=curation).status_code == 200
        for variant in ({}, {"variant": "same"}):
            told = running.reader.box(STORY, explain=True, **variant).near_misses
            assert told
            assert first not in {miss.id for miss in told}
