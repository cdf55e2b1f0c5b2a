"""Quantised weights: looked for before they are opened, and made only where they can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from recommend.encoder.encoder import DEFAULT
from recommend.encoder.manifest import EncoderManifest, read_manifest
from recommend.encoder.quantise import MODEL, RECORD, TOKENIZER, check_weights, ensure_weights
from recommend.errors import EncoderError
from recommend.resources import bundled


@pytest.fixture
def manifest() -> EncoderManifest:
    return read_manifest(bundled("models") / DEFAULT)


@pytest.mark.parametrize("missing", [MODEL, TOKENIZER])
def test_a_file_that_is_missing_is_named_with_the_way_out(
    manifest: EncoderManifest, tmp_path: Path, missing: str
) -> None:
    check_weights(manifest, tmp_path)  # not made yet: that comes with first use
    for name in (RECORD, MODEL, TOKENIZER):
        (tmp_path / name).touch()
    check_weights(manifest, tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(EncoderError, match=f"{missing} is missing; delete .* and run again to rebuild it"):
        check_weights(manifest, tmp_path)


def test_where_nothing_can_be_written_weights_cannot_be_made(manifest: EncoderManifest, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EncoderError, match="cannot be made: "):
        ensure_weights(manifest, bundled("models") / DEFAULT, tmp_path / "file" / "weights")
