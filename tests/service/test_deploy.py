"""What ships for Prometheus and Grafana asks for metrics that the service has, and says what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

DEPLOY = Path(__file__).parents[2] / "deploy"
OF_PROMETHEUS = {"up"}
_NAME = re.compile(r"\b(recommend_\w+|up)(?=\s*[{)\[>]|$|\s)")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


@pytest.fixture(scope="module")
def families(newsroom: Any) -> dict[str, set[str]]:
    """What the service measures, by name, each with its labels."""
    newsroom.reader.box("a-central-asia-condemns-drone-attack")
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(newsroom.reader.get("/metrics").text):
        names = {f"{family.name}_total"} if family.type == "counter" else {family.name}
        names |= (
            {f"{family.name}_{part}" for part in ("bucket", "count", "sum")} if family.type == "histogram" else set()
        )
        labels = {label for sample in family.samples for label in sample.labels}
        found |= dict.fromkeys(names | {sample.name for sample in family.samples}, labels)
    return found


def test_every_metric_that_is_asked_for_is_one_that_the_service_has(families: dict[str, set[str]]) -> None:
    asked = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert asked - OF_PROMETHEUS <= families.keys()
    assert len(asked) > 8


def test_every_label_that_is_asked_for_is_one_that_its_metric_may_have(families: dict[str, set[str]]) -> None:
    own = {"job", "instance", "le", "outcome", "reason", "rule"}  # what has none yet shows no labels
    for expression in expressions():
        for name, selector in re.findall(r"(recommend_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selector))
            assert labels <= families[name] | own, expression


def test_every_alert_says_what_is_wrong_how_bad_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 5
    for rule in rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.fullmatch(r"\d+[mh]", rule["for"])
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_panels_of_the_dashboard_lie_beside_each_other() -> None:
    taken = set[tuple[int, int]]()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_prometheus_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is absent: apt-get install prometheus")
    told = subprocess.run(
        [promtool, "check", "rules", str(DEPLOY / "alerts.yml")], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
