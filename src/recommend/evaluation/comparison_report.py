"""One page on runs beside each other: the verdict, where it comes from, and the boxes that changed most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from recommend.evaluation.judgements import Qrels, Run
from recommend.evaluation.paired import Comparison
from recommend.evaluation.plots import Row, forest
from recommend.evaluation.templates import inline, page_begins, page_of
from recommend.files import Kind

SHOWN = 5


def render_comparison(
    found: Comparison,
    qrels: Qrels,
    runs: Mapping[str, Run],
    *,
    titles: Mapping[str, str] | None = None,
    made_by: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """A comparison as one HTML page that needs no other file.

    Args:
        found: the comparison.
        qrels: the judgements.
        runs: that were compared, by name.
        titles: of articles by id; an id stands for what has none.
        made_by: provenance of runs by name, where it is known.
    """
    read_by = found.read_by
    rows = [
        Row(
            one.name,
            one.differences[measure].difference,
            f"p {one.corrected[measure]:.3f}",
            head=measure if one is found.contrasts[0] else None,
        )
        for measure in found.values[found.first]
        for one in found.contrasts
    ]
    segments = {
        one.name: _drawn(
            [
                Row(part.value, part.difference.difference, f"{part.queries:,}", head=part.facet if first else None)
                for part, first in zip(one.segments, _firsts([part.facet for part in one.segments]), strict=True)
            ],
            f"{read_by} of {one.name} by segment",
        )
        for one in found.contrasts
    }
    return page_of("comparison.html").render(
        found=found,
        qrels=qrels,
        verdicts=found.verdicts(),
        means=found.means,
        differences={one.name: one.differences for one in found.contrasts},
        corrected={one.name: one.corrected for one in found.contrasts},
        forest=_drawn(rows, f"differences from {found.first}"),
        segments=segments,
        titles=titles or {},
        boxes={
            name: {query: [d for d, _ in ranked[:SHOWN]] for query, ranked in run.items()} for name, run in runs.items()
        },
        made_by={name: one for name, one in (made_by or {}).items() if one},
    )


COMPARISON = Kind("a comparison report", lambda path: page_begins(path, "Comparison report"))


def _drawn(rows: list[Row], title: str) -> Markup | None:
    return inline(forest(rows, zero=True, digits=4, title=title)) if rows else None


def _firsts(values: list[str]) -> list[bool]:
    return [not place or value != values[place - 1] for place, value in enumerate(values)]
