"""Builds what browsers load, `related-articles.js` and, for boxes without script, `related-box.css`, of `source.js` and
`box.css`:

    make element

Needs npx, which fetches the version of esbuild that is pinned here. Nobody else does: what it makes is kept with the
sources, and names their hash, by which a test sees that it is of these.
"""

from __future__ import annotations

import json
import subprocess
from hashlib import sha256
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = ("source.js", "box.css")
_ESBUILD = ["npx", "--yes", "esbuild@0.28.2", "--minify", "--log-level=error"]


def banner() -> str:
    """The first line of what is built of the present sources."""
    digest = sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    return f"/*! <related-articles>, Apache-2.0, of {' and '.join(SOURCES)} {digest[:16]} */\n"


def build() -> dict[str, str]:
    """What browsers load, by name."""
    script, style = ((HERE / name).read_text(encoding="utf-8") for name in SOURCES)
    small = _minified(style, "css")
    light = f"related-box {{ {style.replace(':host([hidden])', '&[hidden]').replace(':host', '&')} }}"
    return {
        "related-articles.js": _minified(script, "js", f"--define:BOX_CSS={json.dumps(small)}", "--charset=utf8"),
        "related-box.css": _minified(light, "css"),
    }


def _minified(text: str, kind: str, *more: str) -> str:
    ran = subprocess.run([*_ESBUILD, f"--loader={kind}", *more], input=text, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


if __name__ == "__main__":
    for name, text in build().items():
        (HERE / name).write_text(f"{banner()}{text}\n", encoding="utf-8")
