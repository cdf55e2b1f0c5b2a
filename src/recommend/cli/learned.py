"""What a training ends with: a comparison with what is in use and with nothing, files with a card, or a refusal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.cli.console import meter, out, plain
from recommend.cli.intake import Intake
from recommend.encoder import Encoder
from recommend.errors import EvaluationError
from recommend.evaluation.experiment import scratch, take_only
from recommend.evaluation.judgements import Qrels
from recommend.files import replace_file
from recommend.settings import Settings
from recommend.store import Store
from recommend.training.card import Card
from recommend.training.held_out import Verdict, query_values

FloatArray = NDArray[np.float32]

README = "README.md"


@contextmanager
def working_folder(keep: Path | None) -> Iterator[Path]:
    """The folder to keep store and index in, or one that is removed afterwards."""
    with TemporaryDirectory(prefix="recommend-") as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


def embedded(encoder: Encoder, articles: str, folder: Path) -> tuple[list[Article], FloatArray]:
    """The articles and what the encoder makes of them, (n, d)."""
    intake = Intake([articles])
    with closing(Store(f"sqlite:///{folder / 'store.db'}")) as store:
        with meter("embedding", intake.total) as bar:
            take_only(store, encoder, intake, progress=lambda batch: bar.advance(batch.total, done=intake.consumed))
        with store.published(encoder.fingerprint) as (_, changes):
            pairs = [(c.article, c.embedding) for c in changes if c.article is not None and c.embedding is not None]
    return [article for article, _ in pairs], np.array([embedding for _, embedding in pairs], np.float32)


def encoder_arms(settings: Settings, **values: tuple[str, ...]) -> list[Settings]:
    """The settings with each of some values for fields of the encoder."""
    return [
        settings.model_copy(update={"encoder": settings.encoder.model_copy(update=dict(zip(values, row, strict=True)))})
        for row in zip(*values.values(), strict=True)
    ]


def compare_arms(
    later: list[Article], queries: Qrels, arms: list[Settings], folders: list[Path], day: datetime
) -> Verdict:
    """Ranks the held-out queries among the held-out articles with nothing, with what is in use, with what was
    learned."""
    values = []
    with meter("comparing", float(len(arms))) as bar:
        for arm, folder in zip(arms, folders, strict=True):
            with scratch(later, arm, folder=folder) as recommender:
                values.append(query_values(recommender, queries))
            bar.advance(1)
    nothing, in_use, learned = values
    return Verdict.of(nothing, in_use, learned, day)


def check_unused(destination: Path, used: Mapping[str, str], settings: Settings, *, force: bool) -> None:
    """What is learned must not take the place of what is in use, which would be used from then on without being named.

    Raises:
        EvaluationError: when it would.
    """
    for setting, name in used.items():
        if (settings.models / name).resolve() == destination.resolve() and not force:
            raise EvaluationError(
                f"--out {plain(str(destination))} is in use ({setting} = {name!r}); give another name and compare, or "
                "--force to replace it"
            )


def switch_to(setting: str, destination: Path, settings: Settings) -> str:
    """The line of recommend.toml, as ``--set`` takes it, that names what was learned."""
    beside = destination.resolve().parent == settings.models.resolve()
    return f'{setting} = "{destination.name if beside else destination.resolve()}"'


def conclude(card: Card, staged: Path, destination: Path, *, force: bool) -> None:
    """Says how good it is; writes it, with its card, unless it is worse.

    Raises:
        EvaluationError: when it is worse and nobody forces it.
    """
    for line in card.verdict.lines():
        out.print(line)
    if card.worse is not None and not force:
        raise EvaluationError(f"what was learned is worse: {card.worse}; nothing is written (--force writes it)")
    folder = staged.is_dir()
    files = sorted(staged.iterdir(), key=lambda file: file.suffix == ".json") if folder else [staged]
    (destination if folder else destination.parent).mkdir(parents=True, exist_ok=True)
    for file in files:
        if file.is_file():  # the quantised weights are made again at first use
            replace_file(destination / file.name if folder else destination, file.read_bytes())
    card.save(destination / README if folder else destination.with_suffix(".md"))
    step = "" if card.step is None else f" of step {card.step}"
    out.print(f"what was learned{step} is in {plain(str(destination))}; nothing uses it until recommend.toml says")
    out.print(plain(card.switch))


def data_named(articles: Iterable[str], qrels: Iterable[Path], day: datetime) -> str:
    """What was learned from, in a few words."""
    names = [*(Path(source).name for source in articles), *(file.name for file in qrels)]
    return f"{', '.join(names)}; held out from {day:%Y-%m-%d}"
