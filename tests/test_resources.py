"""Models are looked up in the folder of the settings, then among those that come with the package."""

from pathlib import Path

from recommend.resources import bundled, model_file, model_folders


def test_a_file_of_the_settings_folder_stands_before_the_shipped_one_and_the_shipped_one_where_it_has_none(
    tmp_path: Path,
) -> None:
    shipped = bundled("models") / "news-adapter" / "adapter.json"
    assert shipped.is_file()
    assert model_file(tmp_path, "news-adapter/adapter.json") == shipped
    own = tmp_path / "news-adapter" / "adapter.json"
    own.mkdir(parents=True)  # a folder is no file
    assert model_file(tmp_path, "news-adapter/adapter.json") == shipped
    own.rmdir()
    own.touch()
    assert model_file(tmp_path, "news-adapter/adapter.json") == own


def test_a_file_that_is_nowhere_is_named_where_it_would_be_shipped(tmp_path: Path) -> None:
    assert model_file(tmp_path, "nothing.json") == model_folders(tmp_path)[-1] / "nothing.json"
