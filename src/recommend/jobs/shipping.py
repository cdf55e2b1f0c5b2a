"""Snapshots on their way to other machines: put where all can read, fetched and verified before they are used.

What was taken down since a snapshot was built is read from the store, by every machine, as on the one that built it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from recommend.errors import SnapshotError, truncated_repr
from recommend.files import file_sha256, folder_aside, follow_mode, sync, sync_tree
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout, Manifest, SnapshotLayout, is_name
from recommend.index.snapshot.open import verify
from recommend.index.snapshot.publishing import locked, prune, publish

if TYPE_CHECKING:
    import fsspec

_MOST_MANIFEST = 64_000_000
_MOST_NAME = 1_000


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one run moved.

    Attributes:
        name: of the snapshot that is there now.
        files: that were copied; the others were there already.
        size: of these in bytes.
    """

    name: str
    files: int
    size: int


def ship(layout: IndexLayout, destination: str, *, on_file: Callable[[str], None] = lambda _: None) -> Shipment:
    """Copies the live snapshot to a folder that other machines read, its name last, so that nobody sees half of one.

    Args:
        layout: the index folder.
        destination: a folder, or a URL of one that fsspec can write to, as ``s3://bucket/path``.
        on_file: called with the path of each file before it is copied.

    Raises:
        SnapshotError: when no snapshot is live, it fails verification, or the destination cannot be written to or
            holds another one of its name.
    """
    name = current_name(layout)
    if name is None:
        raise SnapshotError(f"{layout.root} holds no published snapshot; run recommend reindex")
    manifest = verify(layout, name)
    parts = layout.snapshot(name)
    with _Remote(destination) as remote:
        sizes = remote.names(f"snapshots/{name}")
        there = _digests(remote, name, manifest) if "manifest.json" in sizes else {}
        moved = size = 0
        for file in [*sorted(manifest.sha256), "manifest.json"]:
            path = parts.root / file
            if file in there and sizes.get(file) == path.stat().st_size:
                continue
            on_file(file)
            remote.put(path, f"snapshots/{name}/{file}")
            moved, size = moved + 1, size + path.stat().st_size
        remote.write("CURRENT", f"{name}\n".encode())
    return Shipment(name, moved, size)


def fetch(
    layout: IndexLayout, source: str, *, keep: int, on_file: Callable[[str], None] = lambda _: None
) -> Shipment | None:
    """Brings the snapshot that is live at a source, verifies it and publishes it here; None where it is live already.

    Files that the live snapshot has as well are not fetched again.

    Args:
        layout: the index folder, of this machine's own.
        source: what :func:`ship` was given.
        keep: how many snapshots stay here.
        on_file: called with the path of each file before it is fetched.

    Raises:
        SnapshotError: when the source cannot be read, what it holds fails verification, or it is not the snapshot that
            has its name here; nothing changes here then.
    """
    with _Remote(source) as remote:
        name = remote.read("CURRENT", _MOST_NAME).decode("utf-8", "replace").strip()
        if not is_name(name):
            raise SnapshotError(f"{source}: CURRENT names {truncated_repr(name)}, which is not a snapshot")
        live, held = current_name(layout), layout.snapshot(name).root.exists()
        if held:
            _digests(remote, name, layout.snapshot(name).read_manifest())
        if held and name == live:
            return None
        with locked(layout):
            layout.snapshots.mkdir(mode=0o700, exist_ok=True)
            moved = size = 0
            if not held:
                moved, size = _bring(layout, remote, name, live, on_file)
            publish(layout, name)
            prune(layout, keep)
    return Shipment(name, moved, size)


def _bring(
    layout: IndexLayout, remote: _Remote, name: str, live: str | None, on_file: Callable[[str], None]
) -> tuple[int, int]:
    content = remote.read(f"snapshots/{name}/manifest.json", _MOST_MANIFEST)
    manifest = _manifest(remote, name, content)
    here = _held(layout, live)
    moved = size = 0
    with folder_aside(layout.snapshots, ".fetching-") as aside:
        for file, digest in sorted(manifest.sha256.items()):
            path = _inside(aside, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            if digest in here:
                shutil.copyfile(here[digest], path)
                continue
            on_file(file)
            remote.get(f"snapshots/{name}/{file}", path)
            if file_sha256(path) != digest:
                raise SnapshotError(f"{remote.url}: {file} of {name} is not the file that was shipped: SHA-256 differs")
            moved, size = moved + 1, size + path.stat().st_size
        (aside / "manifest.json").write_bytes(content)
        follow_mode(aside, layout.snapshots)
        sync_tree(aside)
        aside.rename(layout.snapshot(name).root)
        sync(layout.snapshots)
    return moved, size


def _manifest(remote: _Remote, name: str, content: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as problem:
        raise SnapshotError(f"{remote.url}: manifest.json of {name}: {problem.errors()[0]['msg']}") from None


def _digests(remote: _Remote, name: str, here: Manifest) -> dict[str, str]:
    """The digests of the files of a snapshot that is on either side: those of a store begun anew come to old names."""
    there = _manifest(remote, name, remote.read(f"snapshots/{name}/manifest.json", _MOST_MANIFEST)).sha256
    if any(there.get(file, digest) != digest for file, digest in here.sha256.items()):
        raise SnapshotError(
            f"{remote.url} holds another snapshot of the name {name} than this machine; recommend reindex --full, "
            "where they are built, gives a new one another name"
        )
    return there


def _inside(root: Path, file: str) -> Path:
    """The path of a file that a manifest names, which must lie below its folder."""
    parts = PurePosixPath(file)
    if parts.is_absolute() or ".." in parts.parts or "\\" in file or not parts.parts:
        raise SnapshotError(f"manifest.json names {truncated_repr(file)}, which is not a file of a snapshot")
    return root.joinpath(*parts.parts)


def _held(layout: IndexLayout, live: str | None) -> dict[str, Path]:
    """The files of the live snapshot by their digests."""
    if live is None:
        return {}
    parts: SnapshotLayout = layout.snapshot(live)
    try:
        manifest = parts.read_manifest()
    except SnapshotError:
        return {}
    return {digest: path for file, digest in manifest.sha256.items() if (path := parts.root / file).is_file()}


class _Remote:
    """A folder that fsspec reads and writes; what goes wrong with it is told as of an index."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> _Remote:
        import fsspec  # which takes a while, and is for these two commands only

        try:
            self._files: fsspec.AbstractFileSystem
            self._files, root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError, OSError) as problem:
            raise SnapshotError(f"{self.url} cannot be used: {problem}") from None
        self._root = root.rstrip("/")
        return self

    def __exit__(self, kind: object, problem: BaseException | None, _: object) -> None:
        # whatever a filesystem of whatever kind raises is its own; those of this package tell of themselves
        if isinstance(problem, Exception) and not isinstance(problem, SnapshotError):
            lines = str(problem).splitlines()
            raise SnapshotError(f"{self.url}: {lines[0] if lines else type(problem).__name__}") from problem

    def names(self, folder: str) -> dict[str, int]:
        """The files below a folder with their sizes."""
        root = f"{self._root}/{folder}"
        if not self._files.exists(root):
            return {}
        files: dict[str, dict[str, Any]] = self._files.find(root, detail=True)
        start = len(self._files._strip_protocol(root)) + 1
        return {name[start:]: int(details["size"]) for name, details in files.items()}

    def put(self, path: Path, name: str) -> None:
        """Copies a file there."""
        self._files.makedirs(str(PurePosixPath(f"{self._root}/{name}").parent), exist_ok=True)
        self._files.put_file(str(path), f"{self._root}/{name}")

    def get(self, name: str, path: Path) -> None:
        """Copies a file from there."""
        self._files.get_file(f"{self._root}/{name}", str(path))

    def read(self, name: str, most: int) -> bytes:
        """The content of a small file."""
        with self._files.open(f"{self._root}/{name}", "rb") as file:
            content: bytes = file.read(most + 1)
        if len(content) > most:
            raise SnapshotError(f"{self.url}: {name} has more than {most:,} bytes")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, whole at once where the filesystem can move."""
        self._files.makedirs(self._root, exist_ok=True)
        with self._files.open(f"{self._root}/.{name}.part", "wb") as file:
            file.write(content)
        self._files.mv(f"{self._root}/.{name}.part", f"{self._root}/{name}")
