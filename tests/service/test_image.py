"""The image that answers holds what answering needs: the service runs with every other package out of reach."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

ROOT = Path(__file__).parents[2]
GUARD = r"""
import re
import sys
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions

allowed = set(sys.argv.pop(1).split(","))
owners = packages_distributions()

class Guard:
    @staticmethod
    def find_spec(name, path=None, target=None):
        owned = {re.sub(r"[-_.]+", "-", one).lower() for one in owners.get(name.partition(".")[0], ())}
        if owned and not owned & allowed:
            raise ModuleNotFoundError(f"the image has no {name}")
        return None

sys.meta_path.insert(0, Guard)
from recommend.cli import main
main()
"""


def installed() -> set[str]:
    """The names of all packages that the list of the image brings along."""
    ahead = [
        Requirement(line) for line in (ROOT / "service/requirements.txt").read_text().splitlines() if line[0] != "#"
    ]
    found: dict[tuple[str, frozenset[str]], None] = {}
    while ahead:
        one = ahead.pop()
        key = re.sub(r"[-_.]+", "-", one.name).lower(), frozenset(one.extras)
        if key in found:
            continue
        found[key] = None
        try:
            needed = [Requirement(line) for line in requires(one.name) or ()]
        except PackageNotFoundError:  # only for another system
            continue
        extras = one.extras or {""}
        ahead += [n for n in needed if n.marker is None or any(n.marker.evaluate({"extra": e}) for e in extras)]
    return {name for name, _ in found} | {"related-articles"}


@pytest.fixture
def image(copied: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of a service that imports nothing but what the image has."""
    flags = ["--store", copied.store, "--index", str(copied.index)]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-c", GUARD, ",".join(sorted(installed())), *flags, "serve", "--port", str(port)]
    environment = {
        "RECOMMEND_MODELS": str(copied.models),
        "PYTHONPATH": ":".join(filter(None, sys.path)),
        "HOME": "/nowhere",
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                if httpx.get(f"{address}/readyz", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_the_image_reads_writes_and_embeds(image: str, copied: Settings) -> None:
    store = Store(copied.store)
    secret = store.keys.create("image", list(Scope))
    store.close()
    key = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=image, headers=key, trust_env=False, timeout=60) as client:
        put = client.put(
            "/v1/articles/new", json={"title": "Drones over the port", "text": "A long text.", "language": "eng"}
        )
        assert put.status_code == 201, put.text
        box = client.get("/v1/articles/new/related").json()
        assert len(box["items"]) == 5
        draft = client.post("/v1/related", json={"title": "Drones over the port"})
        assert (draft.status_code, len(draft.json()["items"])) == (200, 5)
        bulk = client.post("/v1/articles:bulk", content=b'{"id":"b","title":"x"}\n')
        assert bulk.json()["status"] == "created"
        assert client.put("/v1/articles/new/curation", json={"blocked": [{"id": "b"}]}).status_code == 200
        for path in ("/v1/articles/new", "/v1/status", "/metrics", "/openapi.json"):
            assert client.get(path).status_code == 200, path


def test_the_image_has_no_torch_no_ray_no_pandas_and_no_reader_of_feeds() -> None:
    assert not installed() & {"torch", "ray", "pandas", "feedparser", "sentence-transformers", "scikit-learn", "onnx"}


def test_the_guard_keeps_out_what_the_image_lacks(tmp_path: Path) -> None:
    script = GUARD.replace("from recommend.cli import main\nmain()", "import torch")
    ran = subprocess.run([sys.executable, "-c", script, "numpy"], capture_output=True, text=True, check=False)
    assert "the image has no torch" in ran.stderr
