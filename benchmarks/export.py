"""The whole related table beside the bare search for its candidates: FAISS Flat, exact, all cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

from benchmarks import report
from benchmarks.servers import ENVIRONMENT, run
from recommend.cpus import available_cores
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.store import Store

DEPTH = 200
STORIES = 20
LIMIT = int(os.environ.get("EXPORT_ARTICLES", "0"))
"""Articles, for a try; 0: all."""

_BARE = f"""
import sys
import faiss
import numpy as np
vectors = np.load(sys.argv[1]).astype(np.float32)
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(vectors)
faiss.omp_set_num_threads({available_cores()})
started = time.perf_counter()
for block in np.array_split(vectors, len(vectors) // 10_000 + 1):
    index.search(block, {DEPTH})
"""
_EXPORT = """
import sys
import recommend.cli.main
from recommend.cli.app import app
started = time.perf_counter()
app(sys.argv[1:], standalone_mode=False)
"""
_TOLD = """
told = [time.perf_counter() - started]
told += [resource.getrusage(whose).ru_maxrss / 1000 for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps(told))
"""


def main() -> None:
    """Writes the part ``export`` of docs/benchmarks.md."""
    folder = report.KEPT / "current_events_2002_2024"
    if not (folder / "recommend.db").exists():
        sys.exit("run the benchmark main_job first: its store has the articles")
    if LIMIT:
        folder = _limited(folder)
    run(folder, "reindex")
    layout = IndexLayout(folder / "index")
    snapshot = layout.snapshot(current_name(layout) or "")
    manifest = snapshot.read_manifest()
    steps = {
        f"*bare:* FAISS Flat, the {DEPTH} nearest of every article": _measured(_BARE, folder, str(snapshot.embeddings)),
        f"`recommend export -k {STORIES}`": _measured(
            _EXPORT, folder, "export", "--out", "related.parquet", "-k", str(STORIES)
        ),
    }
    bare = next(iter(steps.values()))[0]
    rows = [
        [name, f"{seconds:.1f}", f"{manifest.articles / seconds:,.0f}", f"{seconds / bare:.2f}", memory]
        for name, (seconds, memory) in steps.items()
    ]
    text = "\n\n".join(
        [
            f"{manifest.articles:,} articles, index kind {manifest.kind}, all cores, one after the other. The export "
            f"is whole: found by meaning and by words, ranked, filtered by policy, with reasons. {report.machine()}",
            report.table(["step", "seconds", "articles a second", "to bare", "peak memory"], rows),
        ]
    )
    report.write("benchmarks.md", "export", text)


def _limited(folder: Path) -> Path:
    """Another folder with a store of the first few articles."""
    few = report.KEPT / f"export_{LIMIT}"
    few.mkdir(parents=True, exist_ok=True)
    run(folder, "reindex")
    layout = IndexLayout(folder / "index")
    fingerprint = layout.snapshot(current_name(layout) or "").read_manifest().encoder
    source, target = Store(f"sqlite:///{folder}/recommend.db"), Store(f"sqlite:///{few}/recommend.db")
    with source.published(fingerprint) as (_, changes):
        found = [(one.article, one.embedding) for one in islice(changes, LIMIT) if one.article is not None]
        target.put(found, fingerprint)
    source.close()
    target.close()
    return few


def _measured(script: str, folder: Path, *arguments: str) -> tuple[float, str]:
    """Seconds of the timed part, and the peak memory of the process and of the largest of those it started."""
    program = f"import json, resource, time\n{script}{_TOLD}"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True
    )
    seconds, own, largest = json.loads(done.stdout.splitlines()[-1])
    return seconds, f"{own:,.0f} MB" + (f", {largest:,.0f} MB a process" if largest > 1 else "")
