"""Languages as publishers name them."""

from contextlib import suppress

import langcodes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.languages import read_language


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("en", "en"), ("EN", "en"), ("eng", "en"), ("ger", "de"), ("deu", "de"), ("English", "en"), ("Deutsch", "de"),
        ("日本語", "ja"), ("en_US.UTF-8", "en-US"), ("de_AT@euro", "de-AT"), ("en-us, de", "en-US"), ("en;q=0.8", "en"),
        ("PT_br", "pt-BR"), ("zh-hans-cn", "zh-Hans-CN"), ("cmn", "zh"), ("iw", "he"), ("arb", "ar"),
        ("und", None), ("mul", None), ("zxx", None), ("und-US", None), ("C", None), ("POSIX", None), ("", None),
        (" ", None), ("-", None),
    ],
)  # fmt: skip
def test_a_language_is_read_however_it_is_written(written: str, tag: str | None) -> None:
    assert read_language(written) == tag


@pytest.mark.parametrize("written", ["the English one", "in English!", "xx", "a", "1", "\x00\x01\x02\x03", "x" * 201])
def test_what_is_no_language_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a BCP 47 language tag|more than 200"):
        read_language(written)


CODES = st.sampled_from(
    ["en", "de", "fr", "es", "pt", "hi", "bn", "ta", "he", "ar", "fa", "ru", "uk", "el", "ja", "ko", "th"]
)


@given(CODES, st.sampled_from(["", "US", "IN", "BR"]))
def test_a_tag_a_locale_and_codes_of_three_letters_name_one_language(code: str, territory: str) -> None:
    tag = f"{code}-{territory}".rstrip("-")
    assert read_language(tag) == tag == read_language(tag.lower().replace("-", "_") + ".UTF-8")
    assert read_language(langcodes.Language.get(code).to_alpha3()) == code


@given(CODES)
def test_a_language_is_found_by_its_name_in_english_and_its_own(code: str) -> None:
    language = langcodes.Language.get(code)
    assert read_language(language.display_name()) == code
    assert read_language(language.autonym()) == code


@given(st.text() | st.text("abcDE-_,.;@ "))
def test_what_was_read_is_read_as_the_same(written: str) -> None:
    with suppress(ValueError):
        tag = read_language(written)
        assert tag is None or read_language(tag) == tag
