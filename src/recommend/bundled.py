"""Files that come with the package: beside the sources in a checkout, inside the package once it is installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parents[1]


def bundled(name: str) -> Path:
    """The folder ``name`` (``models``, ``examples``) as shipped; it may not exist."""
    packaged = _PACKAGE / "_bundled" / name
    return packaged if packaged.exists() else _CHECKOUT / name
