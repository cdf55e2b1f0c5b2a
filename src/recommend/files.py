"""Files that are written whole or not at all, and what an output may take the place of."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from recommend.errors import OutputError, truncated_repr

PRIVATE = 0o600
"""The mode of files that hold articles' texts or keys: for their owner alone."""
_PRIVATE_FOLDER = 0o700


def sync(path: Path) -> None:
    """Makes a file's content, or a folder's list of names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(root: Path) -> None:
    """Makes a folder and all below it durable."""
    for path in sorted(root.rglob("*"), reverse=True):
        sync(path)
    sync(root)


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a small file durably: readers see the old content or the new, never anything between."""
    temp_path = path.with_name(f"{path.name}.{token_hex(4)}")  # containers that share a folder share process ids, too
    try:
        with named(path):
            temp_path.write_bytes(content)
            _take_place(temp_path, path)
    finally:
        temp_path.unlink(missing_ok=True)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Another path to write to: what is there when the block ends takes the place of ``path``, durably; nothing does
    when it raises. A link stays one: what it leads to is replaced. A device or a pipe is written to as it is. Of
    several that write to one path at once, the last to end stays; what killed ones left is removed.

    Raises:
        OSError: that names the file, whatever it is.
    """
    if path.exists() and not path.is_file():
        with named(path):
            yield path
        return
    target = path.resolve()
    temp_path = target.with_name(f".{target.stem}.{token_hex(4)}.part{target.suffix}")
    try:
        with named(path, temp_path), _held(temp_path):
            _sweep(target)
            yield temp_path
            _take_place(temp_path, target)
    finally:
        temp_path.unlink(missing_ok=True)


@contextmanager
def folder_aside(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in ``parent`` to fill, and then to rename into its place; what has not been renamed when the block
    ends is removed."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def named(path: Path, temp_path: Path | None = None) -> Iterator[None]:
    """Errors of writing a file tell which: those of the system do not where it is open already, or name the one
    ``temp_path``, which nobody asked for."""
    try:
        yield
    except OSError as problem:
        if problem.errno is not None and problem.filename in {None, str(temp_path)}:
            raise OSError(problem.errno, problem.strerror, str(path)) from problem
        raise


def write_private(path: Path) -> None:
    """Creates an empty file that its owner alone may read, unless there is one.

    Raises:
        OSError: when it cannot be created.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
    except FileExistsError:
        return


def follow_mode(root: Path, folder: Path) -> None:
    """Gives a folder and all below it to those who may read ``folder``, which its owner decided, and to nobody else."""
    mode = folder.stat().st_mode & 0o777 | _PRIVATE_FOLDER
    for path in (root, *root.rglob("*")):
        path.chmod(mode if path.is_dir() else mode & ~0o111)


@contextmanager
def _held(temp_path: Path) -> Iterator[None]:
    """A new file that others find locked while the block runs, and unlocked once its process was killed."""
    while True:
        with temp_path.open("xb") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if temp_path.exists():  # else it was swept away before it was locked
                yield
                return


def _sweep(target: Path) -> None:
    """Removes what killed processes left on their way to a file."""
    beside = f".{glob.escape(target.stem)}.{'[0-9a-f]' * 8}.part{glob.escape(target.suffix)}"
    for leftover in target.parent.glob(beside):
        with suppress(OSError), leftover.open("rb") as file:  # BlockingIOError: somebody writes it
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in (*target.parent.glob(f"{glob.escape(leftover.name)}-*"), leftover):  # a journal of SQLite's
                path.unlink()


def _take_place(temp_path: Path, path: Path) -> None:
    sync(temp_path)
    temp_path.replace(path)
    sync(path.parent)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of output: its name, whether a file or folder that exists is one, and which of the two it is."""

    name: str
    is_one: Callable[[Path], bool]
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A file, or a folder with all below it, that no output may take the place of, and what a message calls it."""

    path: Path
    name: str

    def holds(self, target: Path) -> bool:
        """Whether that is this file, by whatever name or link, or lies in this folder."""
        try:
            if target.exists() and self.path.exists() and target.samefile(self.path):
                return True
            resolved, own = target.resolve(), self.path.resolve()
        except OSError:  # a name too long, a loop of links: opening it tells
            return False
        return resolved == own or (self.path.is_dir() and resolved.is_relative_to(own))


def check_output(option: str, target: Path, kind: Kind, kept: Iterable[Kept], *, force: bool = False) -> None:
    """Decides whether an output may be written: never over what is to be kept, and over what exists only when it is
    empty, of the same kind, or ``force`` says so.

    Raises:
        OutputError: naming both files and the way out.
    """
    given = f"{option} {truncated_repr(target)}"
    for one in kept:
        if one.holds(target):
            verb = "lies in" if one.path.is_dir() else "would overwrite"
            raise OutputError(f"{given} {verb} {one.name} {truncated_repr(one.path)}; give another name")
    try:
        if not target.exists() or target.is_char_device() or target.is_fifo() or target.is_socket():
            return
        if target.is_dir() != kind.folder:
            raise OutputError(f"{given} is {'a file' if kind.folder else 'a folder'}; give another name")
        if _is_empty(target) or force or kind.is_one(target):
            return
    except OSError as problem:
        raise OutputError(f"{given} cannot be looked at: {problem.strerror}; give another file") from None
    raise OutputError(f"{given} exists and is not {kind.name}; give another name, or --force to replace it")


def starts_with(path: Path, *beginnings: bytes) -> bool:
    """Whether a file begins with one of these; False for a folder."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(max(map(len, beginnings))).startswith(beginnings)


def first_line(path: Path, *, most: int = 65_536) -> str:
    """The beginning of a file up to the end of its first line or ``most`` bytes; empty for a folder."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.readline(most).decode(errors="replace")


def _is_empty(path: Path) -> bool:
    return not any(path.iterdir()) if path.is_dir() else path.stat().st_size == 0


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal; that of nothing when the file is missing."""
    if not path.is_file():
        return hashlib.sha256().hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
