"""What made a ranking: everything it depends on, and one hash of that, by which it is named and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from recommend.evaluation.differences import SEED
from recommend.evaluation.judgements import Run
from recommend.files import Kind, file_sha256, replace_file, starts_with
from recommend.recommender import Recommender
from recommend.resources import model_file

GROUPS = ("encoder", "indexing", "ranking", "policy")
"""Settings that rankings depend on."""
_LENGTH = 16
_ARTICLES = ("articles.arrow", "content_hashes.npy")  # the one has no texts and no links, the other no order
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a ranking comes from.

    Attributes:
        hash: 16 hexadecimal digits of all that decides the ranking: settings, encoder, ranker, articles and code; it
            names runs. The judgements, and when the snapshot was built, are not in it.
        settings: every one that rankings depend on, by group.
        encoder: its name, fingerprint and adapter.
        ranker: its name, and the SHA-256 of its file.
        snapshot: its name and revision, how many articles it holds, and a SHA-256 of all that these say.
        data: SHA-256 of the files that were read, by name.
        version: of this package, and ``code``, a SHA-256 of its sources, which tells uncommitted changes as well.
        seed: of every draw.
    """

    hash: str
    settings: dict[str, dict[str, Any]]
    encoder: dict[str, str | None]
    ranker: dict[str, str]
    snapshot: dict[str, str | int]
    data: dict[str, str]
    version: str
    code: str
    seed: int = SEED

    def save(self, path: Path, run: Run) -> None:
        """Writes it, with the queries whose ranking is empty, which the lines of a run cannot tell, as JSON."""
        empty = [query for query, documents in run.items() if not documents]
        content = {"run": self.hash, **asdict(self), "queries": len(run), "empty": empty}
        replace_file(path, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def provenance(recommender: Recommender, data: Mapping[str, str] | None = None) -> Provenance:
    """That of the rankings of a recommender.

    Args:
        recommender: that ranks.
        data: SHA-256 of the files that were read, by name.
    """
    settings, manifest = recommender.settings, recommender.view().snapshot.manifest
    groups = {name: getattr(settings, name).model_dump(mode="json") for name in GROUPS}
    encoder = {"name": manifest.encoder_name, "fingerprint": manifest.encoder, "adapter": manifest.adapter}
    model = settings.ranking.model
    ranker = {"name": model, "sha256": file_sha256(model_file(settings.models, f"{model}.json"))}
    said = hashlib.sha256(orjson.dumps([manifest.sha256.get(name, "") for name in _ARTICLES])).hexdigest()
    snapshot: dict[str, str | int] = {
        "name": manifest.name, "revision": manifest.revision, "articles": manifest.articles, "sha256": said,
    }  # fmt: skip
    release, code = version("related-articles"), code_digest()
    deciding = {
        name: {key: value for key, value in group.items() if (name, key) not in _IDLE} for name, group in groups.items()
    }
    content = orjson.dumps([deciding, encoder, ranker, said, release, code], option=orjson.OPT_SORT_KEYS)
    return Provenance(
        hashlib.sha256(content).hexdigest()[:_LENGTH],
        groups,
        encoder,
        ranker,
        snapshot,
        dict(data or {}),
        release,
        code,
    )


_IDLE = {
    ("encoder", "batch"), ("encoder", "threads"), ("encoder", "device"), ("encoder", "name"), ("indexing", "keep"),
    ("indexing", "due"), ("indexing", "lists"), ("indexing", "verify_sample"), ("indexing", "verify_recall"),
    ("indexing", "verify_empty"), ("indexing", "verify_shrink"),
}  # fmt: skip
"""Settings that say how the work is done, or that something else in the hash says in full."""


def run_notes(path: Path) -> Path:
    """Where the provenance of a run lies: beside it."""
    return path.with_name(f"{path.name}.json")


def read_notes(path: Path) -> dict[str, Any] | None:
    """The provenance beside a run; None where there is none that can be read."""
    try:
        notes = orjson.loads(run_notes(path).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return notes if isinstance(notes, dict) and "hash" in notes else None


def unlike(notes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the provenance of runs, by name, says against holding them against the first, a sentence each; runs without
    any say nothing."""
    known = {name: found for name, found in notes.items() if found}
    sentences = []
    for name, found in list(known.items())[1:]:
        first, own = next(iter(known.items()))
        if found["hash"] == own["hash"]:
            sentences.append(f"{name} and {first} were made by the same settings from the same articles")
        elif found["snapshot"]["sha256"] != own["snapshot"]["sha256"]:
            sentences.append(f"{name} and {first} ranked different articles")
    return sentences


@cache
def code_digest() -> str:
    """SHA-256 of this package's sources."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


NOTES = Kind("the provenance of a run", lambda path: starts_with(path, b'{\n  "run": "'))
