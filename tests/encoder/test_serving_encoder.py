"""Commands embed with the encoder that serves, and change it only when they are told to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from typer.testing import CliRunner, Result

from recommend.cli.app import app
from recommend.cli.encoders import embed_as_served
from recommend.encoder import Encoder, resolve_encoder_name
from recommend.ingest import put

if TYPE_CHECKING:
    from conftest import Newsroom


@pytest.fixture
def real(newsroom: Newsroom, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Newsroom:
    """The newsroom with the default encoder's snapshot live."""
    monkeypatch.setenv("RECOMMEND_MODELS", str(newsroom.settings.models))
    found = replace(newsroom, encoder=encoder)
    found.reindex()
    return found


def run(newsroom: Newsroom, *arguments: str) -> Result:
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    return CliRunner().invoke(app, [*where, *arguments])


def test_the_encoder_changes_when_it_is_asked_for_and_never_because_of_the_settings(
    real: Newsroom, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    live = real.live
    monkeypatch.setenv("RECOMMEND_ENCODER", '{"max_tokens": 48}')
    refused = run(real, "reindex")
    assert (refused.exit_code, real.live.name) == (1, live.name)
    assert "max_tokens = 48 and encoder.max_words = 900 is not the encoder of the live snapshot" in str(
        refused.exception
    )
    done = run(real, "reindex", "--encoder", "all-MiniLM-L6-v2", "--json")
    assert done.exit_code == 0, done.output
    assert (real.live.max_tokens, real.live.encoder != live.encoder) == (48, True)
    monkeypatch.delenv("RECOMMEND_ENCODER")
    assert run(real, "reindex").exit_code == 1
    story = tmp_path / "new.jsonl"
    story.write_bytes(orjson.dumps({"id": "late", "title": "Late news"}) + b"\n")
    assert run(real, "ingest", str(story), "--rejects", str(tmp_path / "rejects.jsonl")).exit_code == 0
    assert real.store.embeddings.text_hashes(["late"], real.live.encoder).keys() == {"late"}
    assert real.store.embeddings.text_hashes(["late"], live.encoder) == {}
    back = run(real, "rollback", "--json")
    assert (back.exit_code, real.live.name) == (0, live.name), back.output
    assert real.store.embeddings.text_hashes(["late"], live.encoder).keys() == {"late"}


def test_what_an_ingest_stored_while_the_encoder_changed_is_embedded_at_its_end(
    real: Newsroom, toy_encoder: Encoder
) -> None:
    recommender = real.recommender()
    put(real.store, toy_encoder, real.store.embeddings.lacking("nobody", 1)[0].model_copy(update={"id": "late"}))
    before = recommender.view().revision
    assert embed_as_served(real.store, real.settings, toy_encoder) == 1
    assert recommender.view().revision == before + 1
    assert embed_as_served(real.store, real.settings, real.encoder) == 0


def test_a_folder_is_known_by_its_whole_path_and_a_model_by_its_name(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert resolve_encoder_name("mine", models) == str(tmp_path / "mine")
    assert resolve_encoder_name("all-MiniLM-L6-v2", models) == "all-MiniLM-L6-v2"
    assert resolve_encoder_name("vendor/model", models) == "vendor/model"
