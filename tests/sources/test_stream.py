from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommend.errors import SourceError
from recommend.sources.limits import LINE_LIMIT, RATIO_FROM
from recommend.sources.row import Reject
from recommend.sources.stream import ByteStream


class FailingFile(io.RawIOBase):
    """Gives one line, then fails as a disk may."""

    def __init__(self) -> None:
        self._left = b"first\n"

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            raise OSError("input/output error")
        data, self._left = self._left, b""
        return data


def numbered(data: bytes) -> list[tuple[int, bytes | Reject]]:
    return list(ByteStream(io.BytesIO(data), "x").lines())


def test_lines_are_numbered_from_one_and_keep_their_ends() -> None:
    assert numbered(b"a\r\n\nb") == [(1, b"a\r\n"), (2, b"\n"), (3, b"b")]


def test_a_byte_order_mark_is_no_part_of_a_line() -> None:
    assert numbered(b"\xef\xbb\xbfa\n") == [(1, b"a\n")]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("packed", [False, True])
def test_utf_16_is_read_as_utf_8(encoding: str, packed: bool) -> None:
    data = "\ufefffür\nß\n".encode(encoding)
    stream = ByteStream(io.BytesIO(gzip.compress(data) if packed else data), "x")
    assert [line for _, line in stream.lines()] == ["für\n".encode(), "ß\n".encode()]
    assert stream.is_utf8


@pytest.mark.parametrize("surplus", [0, 1])
def test_a_line_may_have_as_many_bytes_as_the_limit(surplus: int) -> None:
    (_, first), (number, second) = numbered(b"a" * (LINE_LIMIT - 1 + surplus) + b"\nb\n")
    assert isinstance(first, Reject) == bool(surplus)
    assert (number, second) == (2, b"b\n")


@pytest.mark.parametrize("end", [b"", b"\n", b"\nb\n"])
def test_a_line_over_the_limit_is_skipped_to_its_end_and_rejected_with_its_size(end: bytes) -> None:
    (number, reject), *rest = numbered(b"a" * (2 * LINE_LIMIT + 7) + end)
    assert isinstance(reject, Reject)
    assert (number, reject.line) == (1, 1)
    assert reject.reason == f"has {2 * LINE_LIMIT + 7 + len(end[:1]):,} bytes, more than {LINE_LIMIT:,}"
    assert reject.value.startswith("'aaa")
    assert rest == ([(2, b"b\n")] if end == b"\nb\n" else [])


@pytest.mark.parametrize("gzipped", [False, True])
def test_gzip_is_unpacked_whether_announced_or_not(gzipped: bool) -> None:
    packed = gzip.compress(b"a\n") + gzip.compress(b"b\n")
    stream = ByteStream(io.BytesIO(packed), "x", gzipped=gzipped)
    assert list(stream.lines()) == [(1, b"a\n"), (2, b"b\n")]
    assert stream.damage is None


@pytest.mark.parametrize(
    "data", [b"plain text", b"\x1f\x8b", gzip.compress(b"", mtime=0)[:5], b"\x1f\x8b\x08" + b"\xff" * 20]
)
def test_what_must_be_gzip_and_is_damaged_from_its_start_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"x\.gz cannot be read"):
        ByteStream(io.BytesIO(data), "x.gz", gzipped=True)


@settings(deadline=None)
@given(st.integers(min_value=1, max_value=2_000))
def test_a_truncated_gzip_gives_all_bytes_before_the_break(cut: int) -> None:
    data = b"".join(b"%d:%d\n" % (number, number**5) for number in range(3_000))
    packed = gzip.compress(data)
    stream = ByteStream(io.BytesIO(packed[:-cut]), "x", gzipped=True)
    read = stream.read(2 * len(data))
    assert data.startswith(read)
    assert len(read) >= len(data) * (len(packed) - cut - 200) / len(packed) * 0.8
    assert stream.damage is not None


def test_the_bytes_before_a_cut_in_the_gzip_checksum_are_all_there() -> None:
    stream = ByteStream(io.BytesIO(gzip.compress(b"a\nb")[:-4]), "x", gzipped=True)
    assert list(stream.lines()) == [(1, b"a\n"), (2, b"b")]
    assert stream.damage is not None


def test_garbage_behind_a_gzip_stream_is_damage() -> None:
    stream = ByteStream(io.BytesIO(gzip.compress(b"a\n") + b"garbage"), "x", gzipped=True)
    assert list(stream.lines()) == [(1, b"a\n")]
    assert stream.damage is not None


def test_a_failing_disk_ends_the_lines_and_is_named() -> None:
    stream = ByteStream(FailingFile(), "x")  # type: ignore[arg-type]
    assert list(stream.lines()) == [(1, b"first\n")]
    assert stream.breakage(1).reason == "breaks off here, nothing after it can be read: input/output error"


def test_a_caller_keeps_the_file_open() -> None:
    raw = io.BytesIO(gzip.compress(b"a\n"))
    list(ByteStream(raw, "x").lines())
    assert not raw.closed


@pytest.mark.parametrize("size", [30 * 2**20, 200 * 2**20])
def test_what_unpacks_to_far_more_than_it_is_breaks_off(size: int) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for _ in range(size // 2**20):
            file.write(b"\x00" * 2**20)
    stream = ByteStream(io.BytesIO(packed.getvalue()), "x")
    read = 0
    while data := stream.read(2**16):
        read += len(data)
    bounded = size > RATIO_FROM
    assert read == (RATIO_FROM if bounded else size)
    assert stream.damage == ("unpacks to more than 200 times its size" if bounded else None)
