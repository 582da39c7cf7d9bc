"""Multipart streams in every slicing, and every way for a camera to send without end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_camera.capture.messages import Failure, Reason
from edge_camera.capture.multipart import Multipart

BODIES = st.lists(st.binary(max_size=60).filter(lambda body: b"--cut" not in body), min_size=1, max_size=5)


def _slices(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


@given(bodies=BODIES, cuts=st.lists(st.integers(0, 10_000), max_size=30), eol=st.sampled_from([b"\r\n", b"\n"]))
def test_parts_with_lengths_come_out_however_they_are_sliced(bodies: list[bytes], cuts: list[int], eol: bytes) -> None:
    head = b"--cut" + eol + b"Content-Type: image/jpeg" + eol + b"content-length: %d" + eol + eol
    data = b"hello" + eol + b"".join(head % len(body) + body + eol for body in bodies)
    parser = Multipart("--cut", 1000, 1000)
    assert [part for piece in _slices(data, cuts) for part in parser.feed(piece)] == bodies


@given(bodies=BODIES, cuts=st.lists(st.integers(0, 10_000), max_size=30))
def test_parts_without_lengths_end_at_the_next_boundary(bodies: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"--cut\r\n\r\n" + body + b"\r\n" for body in bodies) + b"--cut\r\n"
    parser = Multipart('"cut"', 1000, 1000)
    assert [part for piece in _slices(data, cuts) for part in parser.feed(piece)] == [body + b"\r\n" for body in bodies]


@pytest.mark.parametrize(
    ("start", "more", "reason"),
    [
        pytest.param(b"", b"x", Reason.TOO_LARGE, id="no-boundary"),
        pytest.param(b"--cut\r\nX: ", b"y", Reason.TOO_LARGE, id="endless-header-line"),
        pytest.param(b"--cut\r\n", b"X: y\r\n", Reason.TOO_LARGE, id="endless-headers"),
        pytest.param(b"--cut\r\n\r\n", b"y", Reason.TOO_LARGE, id="endless-part"),
        pytest.param(b"--cut\r\nContent-Length: 5001\r\n\r\n", b"", Reason.TOO_LARGE, id="announced-too-large"),
        pytest.param(b"--cut\r\nContent-Length: -1\r\n\r\n", b"", Reason.NOT_A_STREAM, id="negative"),
        pytest.param(b"--cut\r\nContent-Length: \xb2\r\n\r\n", b"", Reason.NOT_A_STREAM, id="no-number"),
        pytest.param(b"--cut--\r\n", b"", Reason.ENDED, id="closing-boundary"),
    ],
)
def test_every_bound_holds(start: bytes, more: bytes, reason: Reason) -> None:
    parser = Multipart("cut", 200, 5000)
    held = 0
    with pytest.raises(Failure) as caught:  # how many it takes is the point
        parser.feed(start)
        for _ in range(6000):
            parser.feed(more)
            held = max(held, len(parser._buffer))
    assert caught.value.reason is reason
    assert held <= 5000 + len(more)


@given(st.lists(st.binary(max_size=80), max_size=20))
def test_no_bytes_upset_the_parser(pieces: list[bytes]) -> None:
    parser = Multipart("c", 50, 50)
    try:
        for piece in pieces:
            parser.feed(b"--c\n\n" + piece)
    except Failure:
        pass
