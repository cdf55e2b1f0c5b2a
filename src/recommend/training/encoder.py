"""A small change to a transformer's weights, and the adapter behind it, that bring articles of one story together.

Low-rank adaptation (LoRA; Hu et al., ICLR 2022) of the upper layers with the loss of :mod:`recommend.training.adapter`.
Half of each batch is from the same days, so that negatives are what candidates are in production: other news of the
time. Embeddings are held near those that the encoder gave before, so that what it knows of texts unlike the training
ones is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recommend.encoder.quantise import TOKENIZER, add_tuning
from recommend.offline import use_local_models
from recommend.training.contrast import contrast, descend, learn
from recommend.training.pairs import Batch, Pairs

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

_CHUNK = 64
_WARM_UP = 10
_CHECKS = 2


@dataclass(frozen=True, slots=True)
class TuningRecipe:
    """How an encoder is tuned.

    Attributes:
        rank: columns of the thin matrices; ``layers`` how many of the upper layers change.
        tokens: read of each text while training.
        title_only: share of texts of which only the title is read.
        days: how near the second half of a batch is to one moment.
        hold: penalty on the cosine distance of embeddings from those before; ``identity`` on the adapter's change.
    """

    steps: int = 300
    batch: int = 128
    rank: int = 8
    layers: int = 3
    tokens: int = 64
    title_only: float = 0.1
    days: int = 20
    temperature: float = 0.05
    learning_rate: float = 1e-3
    adapter_rate: float = 3e-4
    hold: float = 1.0
    identity: float = 0.03
    check_every: int = 50
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Texts:
    """n articles to learn from.

    Attributes:
        texts: what the encoder reads of each; ``titles`` the titles alone.
        days: (n,) days since some day.
        embeddings: (n, d) float32 of unit length, from the encoder as it is.
    """

    texts: Sequence[str]
    titles: Sequence[str]
    days: IntArray
    embeddings: FloatArray


def tune_encoder(
    source: Path,
    articles: Texts,
    adapter: FloatArray,
    training: Pairs,
    validation: Pairs,
    recipe: TuningRecipe,
    tuning: Path | None = None,
    progress: Callable[[int, float], None] = lambda *_: None,
) -> tuple[dict[str, NDArray[np.float16]], FloatArray, int]:
    """Learns the change, and keeps the state that was best on the validation pairs.

    Args:
        source: folder of the original model; ``tuning`` a change that it has already, which the new one is added to.
        articles: texts and what they are embedded as before.
        adapter: (d, d) float32, the map to start from.
        training, validation: pairs of earlier and of later articles, as rows.
        recipe: how.
        progress: called with step and validation loss at every check.

    Returns:
        Thin matrices by name (see :func:`recommend.encoder.quantise.add_tuning`), the map (d, d) that goes with them,
        and the step they are from.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    tokenizer = _tokenizer(source, recipe)
    model, thin = _opened(source, tuning, recipe)
    before = torch.from_numpy(articles.embeddings)
    mean, first = before.mean(dim=0), torch.from_numpy(adapter)
    weight = first.clone().requires_grad_()
    optimiser = torch.optim.Adam(
        [{"params": list(thin.values()), "lr": recipe.learning_rate}, {"params": [weight], "lr": recipe.adapter_rate}]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / _WARM_UP) * (1 + np.cos(np.pi * step / recipe.steps)) / 2
    )

    def embed(rows: IntArray, title_only: float) -> torch.Tensor:
        texts = [(articles.titles if rng.random() < title_only else articles.texts)[row] for row in rows.tolist()]
        tokens = [torch.tensor(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts)]
        order = np.argsort([len(one) for one in tokens], kind="stable")
        parts = []
        for chunk in np.array_split(order, -(-len(order) // _CHUNK)):
            ids = torch.nn.utils.rnn.pad_sequence([tokens[i] for i in chunk.tolist()], batch_first=True)
            lengths = torch.tensor([len(tokens[i]) for i in chunk.tolist()])
            mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            parts.append((hidden * mask[..., None]).sum(1) / lengths[:, None])
        return functional.normalize(torch.cat(parts)[torch.from_numpy(np.argsort(order))], dim=1)

    def losses(batch: Batch, title_only: float) -> tuple[torch.Tensor, torch.Tensor]:
        rows = np.concatenate([batch.queries, batch.documents])
        embeddings = embed(rows, title_only)
        mapped = functional.normalize(functional.normalize(embeddings - mean, dim=1) @ weight, dim=1)
        queries, documents = mapped.chunk(2)
        loss = contrast(queries, documents, batch.hidden, recipe.temperature)
        return loss, 1 - (embeddings * before[torch.from_numpy(rows)]).sum(dim=1).mean()

    def state() -> tuple[dict[str, NDArray[np.float16]], FloatArray]:
        changes = {name: part.detach().numpy().astype(np.float16) for name, part in thin.items()}
        return changes, weight.detach().numpy().copy()

    def step() -> None:
        loss, away = losses(_batch(training, articles.days, recipe, rng), recipe.title_only)
        total = loss + recipe.hold * away + recipe.identity * ((weight - first) ** 2).sum()
        descend(total, optimiser, schedule)

    chance = np.random.default_rng(recipe.seed)
    checks = [_batch(validation, articles.days, recipe, chance) for _ in range(_CHECKS)]

    def held_out() -> list[torch.Tensor]:
        return [losses(batch, 0.0)[0] for batch in checks]

    (best, best_map), taken = learn(recipe.steps, recipe.check_every, step, held_out, state, progress)
    return _joined(tuning, best), best_map, taken


def _tokenizer(source: Path, recipe: TuningRecipe) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(source / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(recipe.tokens)
    return tokenizer


def _joined(tuning: Path | None, thin: dict[str, NDArray[np.float16]]) -> dict[str, NDArray[np.float16]]:
    """Thin matrices whose products are the sums of those of two sets."""
    if tuning is None:
        return thin
    joined = dict(thin)
    with np.load(tuning, allow_pickle=False) as before:
        for name in before.files:
            axis = 1 if name.endswith(".in") else 0
            joined[name] = np.concatenate([before[name], thin[name]], axis) if name in thin else before[name]
    return joined


def _opened(
    source: Path, tuning: Path | None, recipe: TuningRecipe
) -> tuple[torch.nn.Module, dict[str, torch.nn.Parameter]]:
    """The model with thin matrices beside the linear layers at its top, and these by name."""
    use_local_models()
    import torch
    from transformers import AutoModel

    class Changed(torch.nn.Module):
        """A linear layer plus the product of two thin matrices, zero at first."""

        def __init__(self, layer: torch.nn.Linear) -> None:
            super().__init__()
            inner = torch.randn(layer.in_features, recipe.rank) / layer.in_features**0.5
            self.layer, self.inner = layer, torch.nn.Parameter(inner)
            self.outer = torch.nn.Parameter(torch.zeros(recipe.rank, layer.out_features))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            outputs: torch.Tensor = self.layer(inputs) + (inputs @ self.inner) @ self.outer
            return outputs

    model = AutoModel.from_pretrained(source, attn_implementation="sdpa").eval().requires_grad_(False)
    if tuning is not None:
        add_tuning(model, tuning)
    upper = tuple(f"encoder.layer.{len(model.encoder.layer) - 1 - i}." for i in range(recipe.layers))
    thin: dict[str, torch.nn.Parameter] = {}
    for name, layer in list(model.named_modules()):
        if isinstance(layer, torch.nn.Linear) and name.startswith(upper):
            changed = Changed(layer)
            thin |= {f"{name}.in": changed.inner, f"{name}.out": changed.outer}
            model.set_submodule(name, changed)
    return model, thin


def _batch(pairs: Pairs, days: IntArray, recipe: TuningRecipe, rng: np.random.Generator) -> Batch:
    """Queries, half of them from the same days, and one related article each."""
    rows, chances = pairs.queries, pairs.chances()
    size = min(recipe.batch, len(rows))
    anywhere = rng.choice(rows, size // 2, replace=False, p=chances)
    near = rows[np.abs(days[rows] - days[rng.choice(rows, p=chances)]) <= recipe.days]
    near = near[~np.isin(near, anywhere)]
    queries = np.concatenate([anywhere, rng.choice(near, min(size - size // 2, len(near)), replace=False)])
    return pairs.batch(queries, np.array([pairs.related(row, rng) for row in queries.tolist()]))
