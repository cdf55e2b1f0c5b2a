"""Tables in docs/: each benchmark owns the part between its two markers."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from recommend.cpus import available_cores
from recommend.evaluation.differences import Difference
from recommend.evaluation.intervals import interval

ROOT = Path(__file__).parents[1]
KEPT = Path(os.environ.get("RECOMMEND_SCRATCH", tempfile.gettempdir())) / "recommend-benchmarks"
DATA = Path(os.environ.get("RECOMMEND_TEST_DATA", ROOT.parent / "shared" / "data"))


def data(name: str) -> Path:
    """A file of the real news sets; ends the benchmark with the reason when it is absent."""
    path = DATA / name
    if not path.exists():
        sys.exit(f"{path} is absent; set RECOMMEND_TEST_DATA to the folder that has it")
    return path


def machine() -> str:
    """One line on where figures come from."""
    return f"Measured on {available_cores()} cores ({platform.machine()}), Python {platform.python_version()}."


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def measured(values: Mapping[str, float], difference: Difference | None) -> list[str]:
    """Cells on a measure by query: its mean, the difference from another run, and whether that is significant; None
    is for the run that the others are compared with."""
    mean = interval(list(values.values()))
    first = f"{mean.mean:.4f} ({mean.low:.4f} … {mean.high:.4f})"
    if difference is None:
        return [first, "", ""]
    change = difference.difference
    told = f"{change.mean:+.4f} ({change.low:+.4f} … {change.high:+.4f})"
    return [first, told, "yes" if difference.p_value < 0.05 else "no"]


def write(document: str, part: str, text: str) -> None:
    """Replaces one part of docs/``document`` and prints it."""
    path = ROOT / "docs" / document
    start, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    block = f"{start}\n{text}\n{end}"
    old = path.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    path.write_text(pattern.sub(lambda _: block, old) if pattern.search(old) else f"{old}\n{block}\n", encoding="utf-8")
    print(text)
