"""Where a setting comes from, and what is said about a wrong one."""

import os
from pathlib import Path

import pytest

from recommend.configuration import load_settings
from recommend.errors import SettingsError
from recommend.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RECOMMEND_")]:
        monkeypatch.delenv(name)


def toml(folder: Path, text: str) -> Path:
    (folder / "recommend.toml").write_text(text, encoding="utf-8")
    return folder / "recommend.toml"


def test_flags_beat_the_environment_that_beats_the_file_that_beats_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toml(
        tmp_path, 'store = "sqlite:///file.db"\n[ranking]\ncandidates = 40\nlexical_terms = 9\nas_of = "query"'
    )
    monkeypatch.setenv("RECOMMEND_STORE", "sqlite:///environment.db")
    monkeypatch.setenv("RECOMMEND_RANKING__CANDIDATES", "50")
    monkeypatch.setenv("RECOMMEND_RANKING__LEXICAL_TERMS", "8")
    settings = load_settings(config, ["ranking.lexical_terms=7"], {"store": "sqlite:///flag.db", "index": None})
    ranking = settings.ranking
    assert settings.store == "sqlite:///flag.db"
    assert (ranking.lexical_terms, ranking.candidates, ranking.as_of, ranking.model) == (7, 50, "query", "news-linear")
    assert load_settings(config).store == "sqlite:///environment.db"
    monkeypatch.delenv("RECOMMEND_STORE")
    assert load_settings(config).store == "sqlite:///file.db"
    assert load_settings().store == Settings().store == "sqlite:///recommend.db"


def test_policy_on_and_off_are_short_for_its_switch(tmp_path: Path) -> None:
    assert load_settings(assignments=["policy=off"]).policy.on is False
    assert load_settings(assignments=["policy=off", "policy=on"]).policy.on is True
    assert load_settings(toml(tmp_path, "policy = false")).policy.on is False
    mixed = load_settings(assignments=["policy=off", "policy.floor=0.5", "policy=on"]).policy
    assert (mixed.on, mixed.floor) == (True, 0.5)


def test_a_list_is_written_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings(assignments=['policy.hidden_genres=["live"]']).policy.hidden_genres == ["live"]
    monkeypatch.setenv("RECOMMEND_POLICY__HIDDEN_GENRES", "[]")
    assert load_settings().policy.hidden_genres == []


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("ranking.candidates", "setting 'ranking.candidates' is not of the form group.key=value"),
        ("ranking.depth=3", "setting ranking.depth is unknown: there are as_of, candidates, corpus_weights"),
        ("rankings.x=1", "setting rankings is unknown: there are encoder, events, index, indexing, models, pgvector"),
        ("ranking.candidates=9", "setting ranking.candidates = '9': input should be greater than or equal to 10"),
        ("ranking.as_of=now", "setting ranking.as_of = 'now': input should be 'any' or 'query'"),
        ("policy.floor=1.5", "setting policy.floor = '1.5': input should be less than or equal to 1"),
        ("policy=perhaps", "setting policy.on = 'perhaps': input should be a valid boolean"),
        ("policy.hidden_genres=[live", "setting 'policy.hidden_genres=[live' is not a JSON list"),
        ("ranking=fast", "setting ranking = 'fast': input should be a valid dictionary"),
        (
            "service.variants.b.ranking.depth=3",
            "service.variants.b.ranking = {'depth': '3'}: value error, depth",
        ),
        ("service.variants.b.policy.floor=2", "floor: Input should be less than or equal to 1"),
        (
            "service.variants.b.color=red",
            "service.variants.b.color is unknown: there are interleave, policy, ranking, weight",
        ),
        ("service.variants.b.weight=-1", "setting service.variants.b.weight = '-1': input should be greater than or"),
        ("ranking=fast ranking.as_of=any", "setting 'ranking.as_of=any' contradicts an earlier one"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_the_way_out(assignment: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(assignments=assignment.split())
    assert message in str(caught.value)


def test_a_file_that_is_missing_or_not_toml_or_has_unknown_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config file '.* does not exist"):
        load_settings(tmp_path / "nope.toml")
    with pytest.raises(SettingsError, match=r"config file .*Invalid value"):
        load_settings(toml(tmp_path, "store ="))
    with pytest.raises(SettingsError, match=r"setting service.port is unknown: there are access_log, api_keys, "):
        load_settings(toml(tmp_path, "[service]\nport = 1"))


def test_a_key_given_in_place_of_its_hash_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"^setting service.api_keys.0 = \*\*\*: string should match") as caught:
        load_settings(assignments=['service.api_keys=["ra_secret"]'])
    assert "ra_secret" not in str(caught.value)


def test_an_environment_variable_that_cannot_be_read_is_not_blamed_on_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMEND_POLICY", "off")
    with pytest.raises(SettingsError, match=r'^environment: .*"policy".*: write groups and lists as JSON$'):
        load_settings()


def test_a_variant_differs_in_what_it_names_and_in_nothing_else_in_worker_processes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "[ranking]\ncandidates = 40\n[policy]\nfloor = 0.3\n"
    variants = "[service.variants.a]\n[service.variants.b.ranking]\nwithout = 'time'"
    settings = load_settings(toml(tmp_path, own + variants))
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    for loaded in (settings, load_settings()):
        assert loaded.variant("a") == (loaded.ranking, loaded.policy)
        ranking, policy = loaded.variant("b")
        assert (ranking.candidates, ranking.without, policy.floor) == (40, ["time"], 0.3)


def test_a_name_of_the_last_release_is_read_and_said_to_have_changed(caplog: pytest.LogCaptureFixture) -> None:
    read = load_settings(assignments=["indexing.company=off", "indexing.company_time=2"]).indexing
    assert (read.expansion, read.expansion_time) == (False, 2.0)
    said = {record.message.split(" is called ")[0] for record in caplog.records}
    assert said == {"setting indexing.company", "setting indexing.company_time"}
