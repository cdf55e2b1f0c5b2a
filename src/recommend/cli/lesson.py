"""What training an adapter or an encoder begins with: checks, articles and their embeddings, what is held out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.cli.app import read_settings
from recommend.cli.learned import check_unused, embedded, working_folder
from recommend.cli.output import check_scratch, check_target
from recommend.encoder import Encoder
from recommend.evaluation.judgements import Qrels, read_qrels
from recommend.files import Kind
from recommend.jobs.encoder_choice import decided
from recommend.settings import Settings
from recommend.training.held_out import Division, held_out_queries
from recommend.training.pairs import Pairs

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is learned from, and by what it is judged.

    Attributes:
        articles: n of them.
        embeddings: (n, d) of the articles.
        division: which are held out.
        earlier: judged pairs to learn from; ``later`` those held out.
        queries: held out, with their judgements.
        folder: to work in.
    """

    articles: list[Article]
    embeddings: FloatArray
    division: Division
    earlier: Pairs
    later: Pairs
    queries: Qrels
    folder: Path

    @property
    def held_out(self) -> list[Article]:
        """The articles that are."""
        return [self.articles[row] for row in self.division.later.values()]


def checked(
    context: typer.Context,
    destination: Path,
    kind: Kind,
    field: str,
    articles: str,
    qrels: Path,
    keep: Path | None,
    assignments: list[str] | None,
    *,
    force: bool,
) -> tuple[Settings, Qrels]:
    """The settings and the judgements of a training, once what it writes can be written.

    Args:
        context: of the command.
        destination: where files of a ``kind`` shall be.
        field: of the encoder's settings, that could name them.
        articles, qrels: to learn from.
        keep: where store and index are kept.
        assignments: settings of the command line.
        force: whether what is there, or in use, may be replaced.

    Raises:
        RecommendError: when it cannot, or one of the files cannot be read.
    """
    settings = decided(read_settings(context, ["policy=off", *(assignments or [])]))
    check_target(context, "--out", destination, kind, settings, inputs=[articles, qrels], force=force)
    check_unused(destination, {f"encoder.{field}": getattr(settings.encoder, field)}, settings, force=force)
    check_scratch(context, "--scratch", keep, settings)
    return settings, read_qrels(qrels)


@contextmanager
def lesson(
    encoder: Encoder, articles: str, judged: Qrels, hold_out: datetime | None, seed: int, keep: Path | None
) -> Iterator[Lesson]:
    """Embeds the articles, and divides them and their judged pairs."""
    with working_folder(keep) as folder:
        stored, embeddings = embedded(encoder, articles, folder)
        division = Division.at(stored, hold_out)
        queries = held_out_queries(judged, division.later, division.later, seed)
        earlier, later = (Pairs.of(judged, rows) for rows in (division.earlier, division.later))
        yield Lesson(stored, embeddings, division, earlier, later, queries, folder)
