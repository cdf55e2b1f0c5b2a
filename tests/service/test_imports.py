"""Imports of the service point down: routes and middleware know the state, the state the caches, those the words of
HTTP, and the library none of them."""

from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import recommend_service
from imports import statements

PACKAGE = Path(recommend_service.__file__).parent
LAYERS = [  # from the base up; modules and packages of the service
    "connections counters group_commit http in_use logs probe put_groups robots settings_keys threads",
    "checks followed impressions metrics cache popular",
    "event_intake recommenders",
    "state",
    "answering running_story",
    "warming",
    "desk judging middleware reindex_watch routes",
    "app",
    "start",
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}
WEB = {"fastapi", "starlette"}


def unit(path: Path) -> str:
    """'routes' of '…/recommend_service/routes/related.py'."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module or name that a file imports."""
    for module, name in statements(path):
        yield module if name is None else f"{module}.{name}"


def graph() -> dict[str, set[str]]:
    """For each unit of the service the other units that it imports."""
    edges: dict[str, set[str]] = {name: set() for name in RANK}
    for path in PACKAGE.rglob("*.py"):
        if path.name == "__init__.py":
            assert list(imported(path)) == [], f"{path} brings along what nobody asked for"
            continue
        own = [module.split(".")[1] for module in imported(path) if module.startswith("recommend_service.")]
        edges[unit(path)] |= set(own) - {unit(path)}
    return edges


def test_every_unit_of_the_service_has_its_layer() -> None:
    assert {unit(path) for path in PACKAGE.rglob("*.py")} - {"__init__"} == RANK.keys()


def test_imports_of_the_service_point_downwards_and_never_in_a_circle() -> None:
    edges = graph()
    assert [(a, b) for a, others in edges.items() for b in others if RANK[b] > RANK[a]] == []
    assert set(TopologicalSorter(edges).static_order()) == RANK.keys()


def test_routes_do_not_know_each_other_beside_what_they_share() -> None:
    shared = {"articles", "variants"}  # how an article is embedded, and who answers
    for path in (PACKAGE / "routes").glob("*.py"):
        others = {m.split(".")[2] for m in imported(path) if m.startswith("recommend_service.routes.")}
        assert others <= shared, path.name


def test_what_waits_and_counts_knows_no_web_framework() -> None:
    plain = {"counters", "group_commit", "in_use", "probe", "threads", "checks", "followed"}
    found = {(unit(path), module.split(".")[0]) for path in PACKAGE.glob("*.py") for module in imported(path)}
    assert {name for name, module in found if module in WEB} & plain == set()
