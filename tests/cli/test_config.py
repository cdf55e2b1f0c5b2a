"""The settings in words: what is in force, what each means, and the page of all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recommend.cli.config import all_settings, page

ROOT = Path(__file__).parents[2]
Recommend = Callable[..., Any]


def test_the_page_of_settings_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    assert written == page(), "recommend config reference > docs/reference/settings.md"


def test_every_setting_says_what_it_means() -> None:
    assert [setting.name for setting in all_settings() if not setting.field.description] == []


def test_what_is_in_force_is_shown_without_secrets(recommend: Recommend) -> None:
    assert recommend("config", "show", "--all").out.count("\n") == len([*all_settings()])
    Path("recommend.toml").write_text('store = "postgresql://me:pw@db/x"\n[policy]\nfloor = 0.2\n', encoding="utf-8")
    ran = recommend("config", "show")
    assert (ran.code, "policy.floor = 0.2" in ran.out, "pw" in ran.out) == (0, True, False)
    assert recommend("config", "show", "--json").json["store"] == "***"


def test_a_setting_is_explained_and_a_mistyped_one_is_guessed(recommend: Recommend) -> None:
    ran = recommend("config", "explain", "policy.floor")
    assert "lowest score of what is called related" in ran.out
    assert "number from 0 to 1; default 0." in ran.out
    assert "RECOMMEND_POLICY__FLOOR" in ran.out
    assert "sources.map" in recommend("config", "explain", "sources").out
    ran = recommend("config", "explain", "policy.flor")
    assert (ran.code, "did you mean policy.floor?" in ran.err) == (1, True)
    assert "did you mean policy.floor?" in recommend("config", "explain", "floor").err


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[policy]\non = true\nflor = 0.2\n", 3),
        ("[policy]\nfloor = 7\n", 2),
        ("store = 'sqlite:///a.db'\npolicy.floor = 7\n", 2),
        ("[service.variants.a]\nweight = -1\n", 2),
        ("[sources.map]\nx = 1\n", 2),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(recommend: Recommend, text: str, line: int) -> None:
    Path("recommend.toml").write_text(text, encoding="utf-8")
    ran = recommend("config", "show")
    assert (ran.code, f"recommend.toml, line {line}: setting" in ran.err) == (1, True), ran.err
