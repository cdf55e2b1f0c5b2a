"""Whether rankings are what they were, to the bit: those of this tree against those of a commit.

    python -m benchmarks.rankings COMMIT [--set NAME]…

Both store and index the sample corpus by the command line, export every box with its reasons, and rank the sample's
judged queries to depth 100; and so for each set of $RECOMMEND_TEST_DATA that is named. Ends with 1 where anything
differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import orjson

from benchmarks import report

SAMPLE = report.ROOT / "examples" / "corpus"
QUARANTINED = 3
_SHOWN = 5
_OF_THE_RUN = ("snapshot", "revision")


def main() -> None:
    """Prints what differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rankings", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("commit", help="what to compare this tree with")
    parser.add_argument("--set", action="append", default=[], help="a judged set of $RECOMMEND_TEST_DATA, as ecbplus")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        git = ["git", "-C", str(report.ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", tree, given.commit], check=True)
        try:
            before = rankings(tree, Path(folder) / "before", given.set)
        finally:
            subprocess.run([*git, "remove", "--force", tree], check=True)
        after = rankings(report.ROOT, Path(folder) / "after", given.set)
    different = [differs(name, before[name], lines) for name, lines in after.items()]
    sys.exit(int(any(different)))


def rankings(tree: Path, folder: Path, sets: Sequence[str]) -> dict[str, list[str]]:
    """By name, the lines of the boxes and of the runs that the sources at ``tree`` make in a folder of their own."""
    folder.mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (tree / "src", tree / "service"))),
        "RECOMMEND_STORE": f"sqlite:///{folder / 'recommend.db'}",
        "RECOMMEND_INDEX": str(folder / "index"),
        "RECOMMEND_MODELS": str(tree / "models"),
    }
    boxes = folder / "boxes.jsonl"
    _run(environment, "ingest", SAMPLE / "articles.jsonl", "--rejects", folder / "rejects.jsonl")
    _run(environment, "reindex")
    _run(environment, "export", "--out", boxes)
    made = {"boxes of the sample": [_plain(line) for line in boxes.read_bytes().splitlines()]}
    judged = {"sample": (SAMPLE / "articles.jsonl", SAMPLE / "judgements.tsv")}
    judged |= {name: (report.data(f"{name}.articles.jsonl.gz"), report.data(f"{name}.qrels.tsv.gz")) for name in sets}
    for name, (articles, qrels) in judged.items():
        run = folder / f"{name}.run"
        _run(environment, "evaluate", "--articles", articles, "--qrels", qrels, "--run-out", run)
        lines = run.read_text(encoding="utf-8").splitlines()
        made[f"run on {name}"] = [line.rpartition(" ")[0] for line in lines]  # the name of a run tells its code
    return made


def differs(name: str, before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether two lists of lines do, which it prints."""
    other = [(one, two) for one, two in zip_longest(before, after) if one != two]
    print(f"{name}: " + (f"{len(other)} of {len(after)} lines differ" if other else f"{len(after)} lines, the same"))
    for one, two in other[:_SHOWN]:
        print(f"  - {one}\n  + {two}")
    return bool(other)


def _run(environment: Mapping[str, str], *arguments: object) -> None:
    line = [sys.executable, "-c", "from recommend.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode not in {0, QUARANTINED}:
        sys.exit(f"recommend {' '.join(map(str, arguments))}: {done.stderr.decode(errors='replace')}")


def _plain(line: bytes) -> str:
    row = orjson.loads(line)
    return orjson.dumps({name: value for name, value in row.items() if name not in _OF_THE_RUN}).decode()


if __name__ == "__main__":
    main()
