"""Imports follow the flow of the data, and the core knows no web framework."""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import recommend
from imports import statements

PACKAGE = Path(recommend.__file__).parent
LAYERS = [  # from the base up; "recommend" is the package itself, with its few public names
    "arrays articles configuration cpus errors files fingerprint offline resources retries settings",
    "encoder sources store",
    "collisions index ingest",
    "ranking",
    "listing",
    "recommender",
    "inspection stand_ins",
    "jobs linking pages rule_trial story",
    "evaluation recommend",
    "training",
    "cli",
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}
FOREIGN = {"recommend_service", "fastapi", "starlette", "jinja2"}
ALLOWED = {("evaluation", "jinja2")}  # its report is a page; autoescape keeps articles from writing into it


def unit(path: Path) -> str:
    """'store' of '…/recommend/store/schema.py'."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "recommend" if name == "__init__" else name


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports."""
    for module, name in statements(path):
        yield f"recommend.{name}" if module == "recommend" and name in RANK else module


@cache
def graph() -> dict[str, set[str]]:
    """For each unit of the library the other units that it imports."""
    found: dict[str, set[str]] = {name: set() for name in RANK}
    for path in PACKAGE.rglob("*.py"):
        parts = [module.split(".") for module in imported(path)]
        found[unit(path)] |= {part[min(1, len(part) - 1)] for part in parts if part[0] == "recommend"} - {unit(path)}
    return found


def closure(name: str) -> set[str]:
    """Everything that importing a unit brings along."""
    reached, ahead = set[str](), {name}
    while ahead:
        reached |= ahead
        ahead = set().union(*(graph()[one] for one in ahead)) - reached
    return reached


def reached(module: str) -> set[str]:
    """The units that importing one module brings along, module by module."""
    seen, ahead = set[str](), {module}
    while ahead:
        name = ahead.pop()
        seen.add(name)
        stem = PACKAGE.parent.joinpath(*name.split("."))
        path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
        ahead |= {other for other in imported(path) if other.startswith("recommend.")} - seen
    return {name.split(".")[1] for name in seen}


def test_every_unit_has_its_layer() -> None:
    assert {unit(path) for path in PACKAGE.rglob("*.py")} == RANK.keys()


def test_imports_point_downwards_and_never_in_a_circle() -> None:
    assert [(a, b) for a, others in graph().items() for b in others if RANK[b] > RANK[a]] == []
    assert set(TopologicalSorter(graph()).static_order()) == RANK.keys()


def test_the_write_side_and_the_read_side_share_store_encoder_and_index_only() -> None:
    assert not {"ingest", "jobs", "sources"} & closure("recommender")
    assert not {"ranking", "recommender"} & reached("recommend.jobs.reindex")
    assert {"store", "encoder", "index"} <= closure("recommender") & reached("recommend.jobs.reindex")


def test_the_library_knows_nothing_of_the_service_or_of_web_frameworks() -> None:
    found = {(unit(path), module.split(".")[0]) for path in PACKAGE.rglob("*.py") for module in imported(path)}
    assert {(name, module) for name, module in found if module in FOREIGN} == ALLOWED


def test_the_check_sees_imports_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(
        "if TYPE_CHECKING:\n    import recommend.cli.app\n"
        "def f():\n    from recommend import recommender, settings\n    from recommend.store import Store\n",
        encoding="utf-8",
    )
    names = ["cli.app", "recommender", "settings", "store"]
    assert set(imported(tmp_path / "x.py")) == {f"recommend.{name}" for name in names}


def test_a_public_name_is_brought_in_when_it_is_asked_for_and_not_before() -> None:
    script = (
        "import sys, recommend\n"
        "heavy = {'numpy', 'faiss', 'pyarrow', 'sqlalchemy'}\n"
        "assert {*recommend.__all__} <= {*dir(recommend)}\n"
        "assert recommend.Article(id='a', title='Storm').id == 'a'\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
        "from recommend import *\n"
        "assert heavy <= sys.modules.keys()\n"
        "assert [globals()[name].__name__ for name in recommend.__all__] == recommend.__all__\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="module 'recommend' has no attribute 'Recomender'"):
        getattr(recommend, "Recomender")  # noqa: B009 - a name that type checkers would refuse
