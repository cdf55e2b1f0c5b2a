"""Imports follow the flow of the data, and the core knows no web framework."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import recommend

PACKAGE = Path(recommend.__file__).parent
LAYERS = [
    {"errors", "text", "article", "settings", "bundled"},
    {"sources", "store", "encoder", "lexical", "vectors", "table", "duplicates", "projection", "ranking", "policy"}
    | {"reasons", "segment"},
    {"ingest", "snapshot"},
    {"live", "reindex"},
    {"recommender"},
    {"export", "status", "evaluation", ""},
    {"cli"},
]
"""From the base up; the empty name is the package itself, with its few public names."""

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def unit(module: str) -> str:
    """'store' of 'recommend.store.schema'."""
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, at the top, in a function or for type checking only."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module is not None
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            submodules = [
                name for name in names if (PACKAGE.parent / name.replace(".", "/")).with_suffix(".py").is_file()
            ]
            packages = [name for name in names if (PACKAGE.parent / name.replace(".", "/")).is_dir()]
            yield from [*submodules, *packages] or [node.module]


@cache
def graph() -> dict[str, set[str]]:
    """For each unit of the library the other units that it imports."""
    found: dict[str, set[str]] = {name: set() for name in RANK}
    for path in PACKAGE.rglob("*.py"):
        importer = path.relative_to(PACKAGE).parts[0].removesuffix(".py").removeprefix("__init__")
        for module in imported(path):
            if module.split(".")[0] == "recommend" and unit(module) != importer:
                found[importer].add(unit(module))
    return found


def closure(name: str) -> set[str]:
    """Everything that importing a unit brings along."""
    reached, ahead = set[str](), {name}
    while ahead:
        reached |= ahead
        ahead = set().union(*(graph()[one] for one in ahead)) - reached
    return reached


def test_every_unit_has_its_layer() -> None:
    units = {
        path.name.removesuffix(".py")
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert units - {"__init__"} == RANK.keys() - {""}


def test_imports_point_downwards_and_never_in_a_circle() -> None:
    upwards = [(a, b) for a, others in graph().items() for b in others if RANK[b] > RANK[a]]
    assert upwards == []
    assert list(TopologicalSorter(graph()).static_order())


def test_the_write_side_and_the_read_side_share_store_and_snapshot_only() -> None:
    assert not {"ingest", "reindex", "sources"} & closure("recommender")
    assert not {"live", "recommender", "policy", "reasons"} & closure("reindex")
    assert {"store", "snapshot"} <= closure("recommender") & closure("reindex")


def test_the_library_knows_nothing_of_the_service_or_of_web_frameworks() -> None:
    foreign = {"recommend_service", "fastapi", "starlette", "jinja2"}
    found = {
        (path.name, module)
        for path in PACKAGE.rglob("*.py")
        for module in imported(path)
        if module.split(".")[0] in foreign
    }
    assert found == set()


def test_the_check_sees_imports_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import recommend.cli.app\n"
        "def f():\n    from recommend import policy, lexical\n    from recommend.store import Store\n",
        encoding="utf-8",
    )
    found = set(imported(tmp_path / "x.py"))
    assert found == {"typing", "recommend.cli.app", "recommend.policy", "recommend.lexical", "recommend.store"}
