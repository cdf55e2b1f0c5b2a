"""Adapters: how the one for an encoder is found, what is refused, and the one that comes along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.articles.article import Article
from recommend.encoder import DEFAULT, Encoder, encode_articles, encoder_fingerprint, open_encoder
from recommend.encoder.adapter import MANIFEST, WEIGHTS, AdapterManifest, find_adapter, save_adapter
from recommend.errors import EncoderError
from recommend.fingerprint import base_fingerprint
from recommend.index.projection import Projection
from recommend.index.snapshot.build import Recipe
from recommend.resources import bundled
from recommend.settings import EncoderSettings, IndexSettings

Write = Callable[..., Path]


def turned(dimension: int, seed: int = 0) -> NDArray[np.float32]:
    """The identity and a little of everything else."""
    noise = np.random.default_rng(seed).normal(size=(dimension, dimension))
    return (np.eye(dimension) + 0.1 * noise).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an adapter into the folder ``models`` of the test."""

    def written(
        name: str, encoder: str = "toy", weights: NDArray[np.float32] | None = None, *, default: bool = True
    ) -> Path:
        manifest = AdapterManifest(
            name=name, encoder=encoder, sha256="", recipe={"seed": 3}, data="toys", step=7, default=default
        )
        save_adapter(tmp_path / "models" / name, turned(4) if weights is None else weights, manifest)
        return tmp_path / "models" / name

    return written


def test_the_adapter_is_found_by_the_encoder_it_was_made_for(tmp_path: Path, write: Write) -> None:
    write("b-second", "toy", turned(4, 2))
    write("a-other", "other toy")
    write("b-first", "toy")
    found = find_adapter("auto", tmp_path / "models", "toy")
    assert found is not None
    assert (found.manifest.name, found.manifest.recipe, found.manifest.step) == ("b-first", {"seed": 3}, 7)
    assert found.weights.dtype == np.float32
    assert found.weights == pytest.approx(turned(4), abs=1e-3)


def test_an_adapter_that_merely_lies_there_is_not_used(tmp_path: Path, write: Write) -> None:
    write("mine", default=False)
    assert find_adapter("auto", tmp_path / "models", "toy") is None
    named = find_adapter("mine", tmp_path / "models", "toy")
    by_path = find_adapter(str(tmp_path / "models" / "mine"), tmp_path / "elsewhere", "toy")
    assert named is not None
    assert by_path is not None
    assert np.array_equal(named.weights, by_path.weights)


def test_the_adapter_in_the_folder_of_its_encoder_comes_with_it(tmp_path: Path, write: Write) -> None:
    (write("a-stranger", default=False) / "README.md").write_text("An experiment.")
    (write("tuned", default=False) / "manifest.json").write_text("{}")
    found = find_adapter("auto", tmp_path / "models", "toy")
    assert found is not None
    assert found.manifest.name == "tuned"


def test_an_encoder_without_an_adapter_gets_none(tmp_path: Path, write: Write) -> None:
    write("mine", "other toy")
    assert find_adapter("auto", tmp_path / "models", "toy") is None
    assert find_adapter("auto", tmp_path / "no such folder", "toy") is None


def test_none_stands_for_no_adapter_even_where_there_is_one(tmp_path: Path, write: Write) -> None:
    write("mine")
    write("none")
    assert find_adapter("none", tmp_path / "models", "toy") is None


def test_an_adapter_can_be_named(tmp_path: Path, write: Write) -> None:
    write("first")
    write("second")
    found = find_adapter("second", tmp_path / "models", "toy")
    assert found is not None
    assert found.manifest.name == "second"


def test_a_name_that_is_not_there_is_refused_with_a_way_out(tmp_path: Path, write: Write) -> None:
    write("mine")
    with pytest.raises(EncoderError, match=r"'theirs' is not in .*models; set encoder.adapter to auto or none"):
        find_adapter("theirs", tmp_path / "models", "toy")


def test_an_adapter_made_for_another_encoder_is_refused(tmp_path: Path, write: Write) -> None:
    write("mine", "other toy")
    with pytest.raises(EncoderError, match="'mine' was made for encoder other toy != toy"):
        find_adapter("mine", tmp_path / "models", "toy")


@pytest.mark.parametrize("name", ["auto", "mine"])
def test_weights_that_changed_since_they_were_written_are_refused(tmp_path: Path, write: Write, name: str) -> None:
    weights = write("mine") / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(EncoderError, match=r"adapter 'mine': adapter\.npy has SHA-256 [0-9a-f]{64}, not [0-9a-f]{64}"):
        find_adapter(name, tmp_path / "models", "toy")


def test_weights_that_are_missing_are_refused(tmp_path: Path, write: Write) -> None:
    (write("mine") / WEIGHTS).unlink()
    with pytest.raises(EncoderError, match=r"'mine'.*adapter\.npy"):
        find_adapter("mine", tmp_path / "models", "toy")


@pytest.mark.parametrize("content", ["", "{}", '{"name": "mine", "encoder": 1}', "[1"])
def test_a_manifest_that_is_malformed_is_refused_by_its_path(tmp_path: Path, write: Write, content: str) -> None:
    manifest = write("mine") / MANIFEST
    manifest.write_text(content)
    with pytest.raises(EncoderError, match=r"mine/adapter\.json: "):
        find_adapter("mine", tmp_path / "models", "toy")


def test_an_own_adapter_comes_before_the_one_that_is_shipped(tmp_path: Path, write: Write, encoder: Encoder) -> None:
    shipped = find_adapter("auto", tmp_path / "models", encoder.fingerprint)
    write("zzz", encoder.fingerprint)
    own = find_adapter("auto", tmp_path / "models", encoder.fingerprint)
    assert shipped is not None
    assert own is not None
    assert (shipped.manifest.name, own.manifest.name) == ("news-minilm", "zzz")


SHIPPED = {DEFAULT: "news-minilm", "all-MiniLM-L6-v2": "news-adapter"}


@pytest.mark.parametrize(("encoder_name", "name"), SHIPPED.items())
def test_each_shipped_encoder_has_an_adapter_that_is_small(models: Path, encoder_name: str, name: str) -> None:
    fingerprint = encoder_fingerprint(EncoderSettings(name=encoder_name), models)
    found = find_adapter(EncoderSettings().adapter, models, fingerprint)
    assert found is not None
    assert (found.manifest.name, found.manifest.encoder) == (name, base_fingerprint(fingerprint))
    assert found.weights.shape == (384, 384)
    tracked = [file for file in (bundled("models") / name).iterdir() if file.is_file()]
    assert sum(file.stat().st_size for file in tracked) < 700_000


@pytest.mark.parametrize(("encoder_name", "name"), SHIPPED.items())
def test_a_shipped_adapter_keeps_most_of_what_its_encoder_says(
    models: Path, corpus: list[Article], encoder_name: str, name: str
) -> None:
    encoder = open_encoder(EncoderSettings(name=encoder_name), models)
    found = find_adapter(name, models, encoder.fingerprint)
    assert found is not None
    identity = np.eye(encoder.dimension)
    assert np.linalg.norm(found.weights - identity) < 0.3 * np.linalg.norm(identity)
    raw = encode_articles(encoder, corpus)
    plain = Projection.fit(raw).apply(raw)
    mapped = plain @ found.weights
    cosines = np.einsum("nd,nd->n", plain, mapped) / np.linalg.norm(mapped, axis=1)
    assert cosines.min() > 0.85
    assert not np.allclose(found.weights, identity, atol=1e-3)


def test_the_recipe_of_a_snapshot_changes_with_the_adapter(tmp_path: Path, write: Write, toy_encoder: Encoder) -> None:
    plain = Recipe(toy_encoder, "toy", None, IndexSettings(), 200)
    digests = {plain.digest}
    for seed in range(3):
        write("mine", "toy", turned(4, seed))
        recipe = replace(plain, adapter=find_adapter("mine", tmp_path / "models", "toy"))
        digests.add(recipe.digest)
        assert replace(recipe, depth=300, encoder_name="other").digest in digests
    assert len(digests) == 4
