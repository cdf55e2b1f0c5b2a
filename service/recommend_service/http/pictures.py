"""Pictures for stories that bring none, drawn: the section gives the colours, the id the rest."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

_WIDTH, _HEIGHT = 300, 200
_PALETTES = (  # ground, far, near, spot
    ("#e3d9c8", "#c5a687", "#75543f", "#b5482f"),
    ("#d3d9dd", "#93a4ae", "#445768", "#cf9d4b"),
    ("#d9dfd1", "#9aab8b", "#4a5f4e", "#c8744f"),
    ("#ddd5db", "#a996a6", "#57465f", "#d3a25c"),
    ("#cfdcda", "#7fa5a3", "#2d5860", "#d98a5b"),
    ("#e6d7ce", "#c39382", "#6b3d38", "#e0b26a"),
    ("#d2d7e1", "#8795b3", "#323d60", "#cf6f56"),
    ("#e0ddcb", "#b4ad7d", "#5b5d36", "#a5512f"),
)


def picture(article_id: str, section: str | None) -> str:
    """An SVG, 3 by 2, always the same for the same story."""
    drawn = sha256(article_id.encode(errors="replace")).digest()
    tones = _PALETTES[sha256((section or "").encode(errors="replace")).digest()[0] % len(_PALETTES)]
    ground, far, near, spot = tones if drawn[1] % 3 else (tones[1], tones[0], tones[2], tones[3])
    shapes = _KINDS[drawn[0] % len(_KINDS)](drawn[2:], far, near, spot)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}">'
        f'<path fill="{ground}" d="M0 0h{_WIDTH}v{_HEIGHT}H0z"/>{shapes}</svg>'
    )


def _hills(drawn: bytes, far: str, near: str, spot: str) -> str:
    heights = [70 + one % 70 for one in drawn[:6]]
    low, high = heights[4], heights[5] + 45
    return (
        f'<circle fill="{spot}" cx="{60 + drawn[6] % 180}" cy="{50 + drawn[7] % 50}" r="{18 + drawn[8] % 22}"/>'
        f'<path fill="{far}" d="M0 {heights[0]}Q75 {heights[1] - 40} 150 {heights[2]}T300 {heights[0]}V200H0z"/>'
        f'<path fill="{near}" d="M0 {heights[3] + 50}Q90 {low} 170 {high}T300 {low + 40}V200H0z"/>'
    )


def _blocks(drawn: bytes, far: str, near: str, spot: str) -> str:
    bars = "".join(
        f'<path fill="{near if n % 3 == drawn[9] % 3 else far}" d="M{20 + 38 * n} 200v-{40 + one % 120}h30v200z"/>'
        for n, one in enumerate(drawn[:7])
    )
    return f'{bars}<circle fill="{spot}" cx="{40 + drawn[7]}" cy="{35 + drawn[8] % 40}" r="16"/>'


def _arcs(drawn: bytes, far: str, near: str, spot: str) -> str:
    x, y = (0, 300)[drawn[0] % 2], (0, 200)[drawn[1] % 2]
    rings = zip((190, 145, 100, 55), (far, near, far, spot), strict=True)
    return "".join(f'<circle fill="{fill}" cx="{x}" cy="{y}" r="{size + drawn[2] % 40}"/>' for size, fill in rings)


def _bands(drawn: bytes, far: str, near: str, spot: str) -> str:
    lean = 40 + drawn[0] % 80
    bands = zip(
        (20 + drawn[1] % 40, 120 + drawn[2] % 40, 215 + drawn[3] % 30), (far, near, spot), (70, 55, 22), strict=True
    )
    return "".join(f'<path fill="{fill}" d="M{x} 200l{lean}-200h{wide}l-{lean} 200z"/>' for x, fill, wide in bands)


_KINDS: tuple[Callable[[bytes, str, str, str], str], ...] = (_hills, _blocks, _arcs, _bands)
