"""Where the element and the templates of pages lie."""

from __future__ import annotations

from pathlib import Path

_INSIDE = Path(__file__).parents[1] / "web"
WEB = _INSIDE if _INSIDE.is_dir() else Path(__file__).parents[2] / "web"
"""The folder of the element and the templates: inside this package in the wheel, beside it in the sources."""
