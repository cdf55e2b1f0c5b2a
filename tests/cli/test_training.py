"""Training on the sample corpus: nothing is used unless it is named, and nothing that harms is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import orjson
import pytest

from recommend.encoder import Encoder, encoder_fingerprint, open_encoder
from recommend.encoder.adapter import find_adapter
from recommend.encoder.manifest import TUNING, read_manifest
from recommend.ranking.candidates import FEATURES
from recommend.ranking.model import Ranker
from recommend.settings import EncoderSettings
from recommend.training.card import CARD
from recommend.training.encoder import TuningRecipe
from running import Ran, Recommend

ROOT = Path(__file__).parents[2]
CORPUS, JUDGEMENTS = (ROOT / "examples" / "corpus" / name for name in ("articles.jsonl", "judgements.tsv"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sample corpus, once embedded, is kept."""
    return tmp_path_factory.mktemp("scratch") / "kept"


@pytest.fixture
def train(recommend: Recommend, kept: Path) -> Recommend:
    """Runs ``train`` on the sample corpus."""

    def run(what: str, *arguments: object) -> Ran:
        sample = ("--articles", CORPUS, "--qrels", JUDGEMENTS, "--scratch", kept)
        return recommend("train", what, *sample, "--hold-out", "2025-12-01", *arguments)

    return run


@pytest.fixture
def contrary(tmp_path: Path) -> Path:
    """Judgements that call what has nothing to do with each other related, before the day; true ones afterwards."""
    dates = {row["id"]: row["published_at"] for row in map(orjson.loads, CORPUS.read_bytes().splitlines())}
    early = [i for i, date in dates.items() if date < "2025-12-01"]
    chance = np.random.default_rng(3)
    lines = [f"{i}\t0\t{other}\t3" for i in early for other in chance.choice(early, 3).tolist() if other != i]
    for line in JUDGEMENTS.read_text(encoding="utf-8").splitlines():
        query, _, document, _ = line.split("\t")[:4]
        if min(dates[query], dates[document]) >= "2025-12-01":
            lines.append(line)
    path = tmp_path / "contrary.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_an_adapter_is_written_with_a_card_and_used_only_when_it_is_named(train: Recommend, encoder: Encoder) -> None:
    ran = train("adapter", "--out", "new/ours", "--steps", 20, "--seed", 3, "--force")
    assert ran.code == 0, ran.err
    found = find_adapter("ours", Path("new"), encoder.fingerprint)
    assert found is not None
    assert found.weights.shape == (encoder.dimension, encoder.dimension)
    assert (found.manifest.recipe["steps"], found.manifest.recipe["seed"]) == (20, 3)
    assert found.manifest.data == "articles.jsonl, judgements.tsv; held out from 2025-12-01"
    in_use = find_adapter("auto", Path("new"), encoder.fingerprint)
    assert in_use is not None
    assert in_use.manifest.name == "news-minilm"
    line = f'encoder.adapter = "{Path("new/ours").resolve()}"'
    assert ran.out.splitlines()[-1] == line
    card = Path("new/ours/README.md").read_text()
    assert f"`{line}`" in card
    assert f"step {found.manifest.step} was kept" in card
    for row in ("| nothing | 0.", "| what was in use | 0.", "| this | 0."):
        assert row in card


def test_beside_other_models_the_line_that_switches_is_short(
    train: Recommend, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("models").mkdir()
    (Path("models") / "news-minilm").symlink_to(models / "news-minilm")
    monkeypatch.setenv("RECOMMEND_MODELS", "models")
    ran = train("adapter", "--out", "models/ours", "--steps", 1, "--force")
    assert ran.out.splitlines()[-1] == 'encoder.adapter = "ours"', ran.err


def test_an_adapter_that_harms_is_refused_with_the_figures_unless_forced(train: Recommend, contrary: Path) -> None:
    harmful = ("--qrels", contrary, "--out", "ours", "--set", "encoder.adapter=none", "--steps", 20)
    refused = train("adapter", *harmful)
    assert refused.code == 1, refused.out
    assert "error: what was learned is worse: nDCG@10 0.8" in refused.err
    assert "with what is in use; nothing is written (--force writes it)" in refused.err
    assert not Path("ours").exists()
    forced = train("adapter", *harmful, "--force")
    assert forced.code == 0, forced.err
    assert "**It is worse**: nDCG@10 0.8" in Path("ours/README.md").read_text()


def test_without_a_later_article_nothing_is_learned(train: Recommend) -> None:
    refused = train("adapter", "--out", "none", "--hold-out", "2035-12-01")
    assert (refused.code, refused.err.count("error: --hold-out 2035-12-01: all dated articles lie on")) == (1, 1)
    assert not Path("none").exists()


def test_what_is_in_use_is_not_replaced_without_a_word(train: Recommend, models: Path) -> None:
    before = (models / "news-linear.json").read_bytes()
    refused = train("ranker", "--out", models / "news-linear.json")
    assert refused.code == 1
    assert "is in use (ranking.model = 'news-linear'); give another name and compare, or --force" in refused.err
    assert (models / "news-linear.json").read_bytes() == before


def test_the_card_of_a_ranker_takes_the_place_of_no_other_file(train: Recommend) -> None:
    Path("ours.md").write_text("Chapter one\n")
    refused = train("ranker", "--out", "ours.json")
    assert (refused.code, "the card of --out 'ours.md' exists and is not a model card" in refused.err) == (1, True)
    assert Path("ours.md").read_text() == "Chapter one\n"
    refused = train("ranker", "--out", "theirs.md", "--force")
    assert (refused.code, "the card of --out 'theirs.md' would overwrite --out" in refused.err) == (1, True)
    assert not Path("theirs.md").exists()


def test_a_ranker_is_written_with_a_card_and_then_named(recommend: Recommend, train: Recommend, kept: Path) -> None:
    ran = train("ranker", "--out", "new/folder/ours.json", "--steps", 200, "--force")
    assert ran.code == 0, ran.err
    ranker = Ranker.load(Path("new/folder/ours.json"))
    assert ranker.features.keys() <= set(FEATURES)
    for name, feature in ranker.features.items():
        assert f"{name:<10} {feature.short:.4f} for short items, {feature.long:.4f} for long ones" in ran.out
    setting, _, value = ran.out.splitlines()[-1].partition(" = ")
    assert (setting, value) == ("ranking.model", f'"{Path("new/folder/ours").resolve()}"')
    card = Path("new/folder/ours.md").read_text()
    assert CARD.is_one(Path("new/folder/ours.md"))
    assert "**Set by hand**, not learned: `foreign_dense` (0.25" in card
    sample = ("--articles", CORPUS, "--qrels", JUDGEMENTS, "--scratch", kept / "0", "--json")
    measured = recommend("evaluate", *sample, "--set", f"{setting}={orjson.loads(value)}")
    assert orjson.loads(measured.out)["measures"]["nDCG@10"]["mean"] > 0.8


def test_a_curve_is_fitted_anew_under_random_articles_and_the_weights_stay(train: Recommend, models: Path) -> None:
    ran = train("calibration", "--out", "curve.json", "--queries", 60, "--force")
    assert (ran.code, "ECE" in ran.out, 'ranking.model = "' in ran.out) == (0, True, True), ran.err
    before, after = Ranker.load(models / "news-linear.json"), Ranker.load(Path("curve.json"))
    assert (after.features, after.intercepts) == (before.features, before.intercepts)
    assert after.calibration != before.calibration


def test_a_ranker_is_fitted_to_several_sets_together(recommend: Recommend, kept: Path) -> None:
    file = Path("fewer.jsonl")
    file.write_text("".join(CORPUS.read_text(encoding="utf-8").splitlines(keepends=True)[:90]))
    one, fewer = (("--articles", articles, "--qrels", JUDGEMENTS) for articles in (CORPUS, file))
    weights = []
    for scratch, given in ((kept, one), (Path("fewer"), fewer), (Path("both"), (*one, *fewer))):
        if len(given) > len(one):  # what is embedded already
            shutil.copytree(kept / "0", scratch / "0")
            shutil.copytree(Path("fewer/0"), scratch / "1")
        ran = recommend(
            "train", "ranker", *given, "--scratch", scratch, "--out", "ours.json", "--steps", 100, "--force"
        )
        assert ran.code == 0, ran.err
        weights.append(Ranker.load(Path("ours.json")).features["dense"].long)
    assert len(set(weights)) == 3
    refused = recommend("train", "ranker", *one, "--articles", file, "--out", "none.json")
    assert "error: --articles is given 2 times, --qrels 1: every set needs both" in refused.err
    assert not Path("none.json").exists()


def test_the_default_encoder_is_tuned_further_and_the_result_used_once_it_is_named(
    train: Recommend, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(**given: int) -> TuningRecipe:
        return TuningRecipe(batch=8, rank=1, layers=1, tokens=8, **given)

    monkeypatch.setattr("recommend.cli.train_encoder.TuningRecipe", short)
    ran = train("encoder", "--out", "new/ours", "--steps", 2, "--force")
    assert ran.code == 0, ran.err
    assert f'encoder.name = "{Path("new/ours").resolve()}"' in ran.out
    manifest = read_manifest(Path("new/ours"))
    assert manifest.tuning not in {None, read_manifest(models / "news-minilm").tuning}
    with np.load(Path("new/ours") / TUNING) as ours, np.load(models / "news-minilm" / TUNING) as before:
        assert set(ours.files) == set(before.files)
    tuned = open_encoder(EncoderSettings(name="ours"), Path("new"))
    found = find_adapter("auto", Path("new"), tuned.fingerprint)
    assert found is not None
    assert found.manifest.name == "ours"
    assert encoder_fingerprint(EncoderSettings(), models) != tuned.fingerprint


def test_an_encoder_without_a_manifest_cannot_be_tuned_and_the_message_says_what_can(train: Recommend) -> None:
    refused = train("encoder", "--out", "ours", "--set", "encoder.name=some/transformer")
    assert refused.code == 1
    assert "encoder 'some/transformer' has no manifest.json" in refused.err
    assert "train adapter works with any encoder" in refused.err
