"""Files that come with the package: beside the sources in a checkout, inside the package once it is installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parents[1]


def bundled(name: str) -> Path:
    """The folder ``name`` (``models``, ``examples``) as shipped; it may not exist."""
    packaged = _PACKAGE / "_bundled" / name
    return packaged if packaged.exists() else _CHECKOUT / name


def model_folders(models: Path) -> tuple[Path, Path]:
    """Where models are looked up: in the folder of the settings first, then among those that come with the package."""
    return models, bundled("models")


def model_file(models: Path, name: str) -> Path:
    """A file of ``models``, else the one of this name that comes with the package, which need not exist."""
    own, shipped = (folder / name for folder in model_folders(models))
    return own if own.is_file() else shipped
