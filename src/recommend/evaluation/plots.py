"""Small plots as SVG that takes the colours of the page it stands in, or its own where it stands alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from math import ceil, floor, log10
from pathlib import Path

from recommend.errors import visible
from recommend.evaluation.facets import Segment
from recommend.evaluation.intervals import Interval
from recommend.files import replace_file

NAMESPACE = "http://www.w3.org/2000/svg"
_SEGMENTS = 8
_WIDTH, _ROW, _LABEL, _VALUE = 720, 26, 250, 150
_STYLE = (
    "<style>"
    "svg.plot{font:13px -apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;color:#1a1814;"
    "--mark:#8c1c13;--soft:#a8a296;--line:#ddd8cc}"
    "@media (prefers-color-scheme:dark){svg.plot{color:#ebe7de;--mark:#f0978a;--soft:#8d877b;--line:#3a3731}}"
    "svg.plot text{fill:currentColor;font-variant-numeric:tabular-nums}svg.plot .soft{fill:var(--soft)}"
    "svg.plot line{stroke:var(--line)}svg.plot .span{stroke:var(--soft);stroke-width:7;stroke-linecap:butt}"
    "svg.plot .zero{stroke:currentColor}svg.plot .mark{fill:var(--mark)}svg.plot .path{fill:none;stroke:var(--mark);"
    "stroke-width:2}svg.plot .ideal{stroke:var(--soft);stroke-dasharray:4 4}"
    "</style>"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a forest plot: what it is, its interval, a few words beside it, and whether it begins a group."""

    label: str
    interval: Interval
    note: str = ""
    head: str | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture, which notebooks show."""

    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: Path) -> None:
        """Writes it as an SVG file."""
        replace_file(path, self.svg.encode())


def forest(rows: Sequence[Row], *, zero: bool = False, digits: int = 3, title: str = "") -> str:
    """Means as marks on their intervals, one below the other; ``zero`` draws the line of no difference."""
    intervals = [one.interval for one in rows if one.interval.is_known]
    ends = [one.interval.mean for one in rows] + [end for one in intervals for end in (one.low, one.high)]
    ends += [0.0] if zero else []
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    ticks = _ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    left, right = _LABEL, _WIDTH - _VALUE

    def x(value: float) -> float:
        return left + (right - left) * (value - low) / max(high - low, 1e-12)

    parts, y = [], 8
    for one in rows:
        if one.head is not None:
            y += 8
            parts.append(f'<text x="0" y="{y + 14}" font-weight="600">{_text(one.head)}</text>')
            y += _ROW
        middle = y + _ROW / 2
        span = one.interval
        parts.append(f'<text x="0" y="{middle + 4}">{_text(_cut(one.label))}</text>')
        if span.is_known:
            parts.append(
                f'<line class="span" x1="{x(span.low):.1f}" x2="{x(span.high):.1f}" y1="{middle}" y2="{middle}"/>'
            )
        parts.append(f'<circle class="mark" cx="{x(span.mean):.1f}" cy="{middle}" r="4.5"/>')
        sign = "+" if zero else ""
        parts.append(f'<text x="{right + 14}" y="{middle + 4}">{span.mean:{sign}.{digits}f}</text>')
        parts.append(f'<text class="soft" x="{_WIDTH}" y="{middle + 4}" text-anchor="end">{_text(one.note)}</text>')
        y += _ROW
    grid = "".join(
        f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="{y + 2}"{_zero(zero, tick)}/>'
        f'<text class="soft" x="{x(tick):.1f}" y="{y + 18}" text-anchor="middle">{tick:g}</text>'
        for tick in ticks
    )
    return _svg(_WIDTH, y + 26, grid + "".join(parts), title)


def segment_rows(segments: Iterable[Segment]) -> list[Row]:
    """Lines of a forest plot, of the eight largest segments of each facet."""
    return [
        Row(one.value, one.interval, f"{one.queries:,}", head=facet if place == 0 else None)
        for facet, group in groupby(segments, lambda one: one.facet)
        for place, one in enumerate(list(group)[:_SEGMENTS])
    ]


def reliability(points: Sequence[tuple[float, float, int]], *, title: str = "") -> str:
    """Predicted probability against the share judged related, of (predicted, related, items), the marks as large as
    there are items, beside the line where both are the same."""
    size, edge = 300, 40

    def x(value: float) -> float:
        return edge + (size - edge) * value

    def y(value: float) -> float:
        return (size - edge) * (1.0 - value) + 8

    most = max((count for *_, count in points), default=1)
    parts = [
        f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{y(0):.1f}" y2="{y(1):.1f}"/>'
        f'<line x1="{x(0):.1f}" x2="{x(1):.1f}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
        f'<text class="soft" x="{x(t):.1f}" y="{y(0) + 16:.1f}" text-anchor="middle">{t:g}</text>'
        f'<text class="soft" x="{edge - 6}" y="{y(t) + 4:.1f}" text-anchor="end">{t:g}</text>'
        for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts.append(f'<line class="ideal" x1="{x(0):.1f}" y1="{y(0):.1f}" x2="{x(1):.1f}" y2="{y(1):.1f}"/>')
    path = " ".join(f"{x(p):.1f},{y(r):.1f}" for p, r, _ in points)
    parts.append(f'<polyline class="path" points="{path}"/>')
    parts += [
        f'<circle class="mark" cx="{x(p):.1f}" cy="{y(r):.1f}" r="{2.5 + 5 * (count / most) ** 0.5:.1f}">'
        f"<title>predicted {p:.3f}, related {r:.3f}, {count:,} items</title></circle>"
        for p, r, count in points
    ]
    caption = f'<text class="soft" x="{(size + edge) / 2}" y="{size + 22}" text-anchor="middle">'
    parts.append(f"{caption}predicted (across), judged related (up)</text>")
    return _svg(size + 12, size + 30, "".join(parts), title)


def histogram(counts: Sequence[int], low: float = 0.0, high: float = 1.0, *, title: str = "") -> str:
    """How many queries lie in each of some bins of equal width from ``low`` to ``high``."""
    width, height, top = _WIDTH, 150, 18
    bar = width / max(len(counts), 1)
    most = max(counts, default=0) or 1
    parts = []
    for place, count in enumerate(counts):
        tall = height * count / most
        left = place * bar
        start = low + (high - low) * place / len(counts)
        parts.append(
            f'<rect class="mark" x="{left + 1.5:.1f}" y="{top + height - tall:.1f}" width="{bar - 3:.1f}" '
            f'height="{tall:.1f}"/><text x="{left + bar / 2:.1f}" y="{top + height - tall - 4:.1f}" '
            f'text-anchor="middle">{count:,}</text><text class="soft" x="{left + bar / 2:.1f}" '
            f'y="{top + height + 16}" text-anchor="middle">{start:.1f}</text>'
        )
    parts.append(f'<line x1="0" x2="{width}" y1="{top + height}" y2="{top + height}"/>')
    return _svg(width, top + height + 24, "".join(parts), title)


def _svg(width: float, height: float, content: str, title: str) -> str:
    label = f"<title>{_text(title)}</title>" if title else ""
    return (
        f'<svg class="plot" xmlns="{NAMESPACE}" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'style="width:100%;max-width:{1.1 * width:g}px;height:auto">{label}{_STYLE}{content}</svg>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that span a range, four to eight of them."""
    span = max(high - low, 1e-9)
    step = 10.0 ** floor(log10(span / 4))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= 6)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, max(last, first + 1) + 1)]


def _zero(wanted: bool, tick: float) -> str:
    return ' class="zero"' if wanted and tick == 0.0 else ""


def _cut(text: str) -> str:
    return text if len(text) <= 36 else f"{text[:35]}…"


def _text(text: str) -> str:
    return escape(visible(text))
