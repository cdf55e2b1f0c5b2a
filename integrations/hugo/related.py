"""Makes a data file for a static site of what `recommend export --out related.jsonl` wrote:

    python related.py related.jsonl data/related.json

For each article the ids of its related ones, best first, with their reasons; what only fills the box is left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def boxes(lines: list[str], most: int = 5) -> dict[str, list[dict[str, str]]]:
    """Of the rows of an export, by article."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in sorted(map(json.loads, filter(str.strip, lines)), key=lambda row: row["rank"]):
        if row["rank"] > 0 and row["related"]:
            box = found.setdefault(row["article_id"], [])
            if len(box) < most:
                box.append({"id": row["related_id"], "reason": row["reason"]})
    return found


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: related.py related.jsonl data/related.json")
    source, target = map(Path, sys.argv[1:])
    if source.resolve() == target.resolve():
        sys.exit("the data file would overwrite the export")
    written = json.dumps(boxes(source.read_text(encoding="utf-8").splitlines()), ensure_ascii=False, indent=0)
    target.write_text(f"{written}\n", encoding="utf-8")
