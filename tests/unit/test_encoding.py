"""Compressed bodies: read in every form clients send, bounded, and written only when it pays."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_common.errors import BodyTooLarge, InvalidInput, UnsupportedEncoding
from edge_inference.encoding import compress, decompress

LIMIT = 1000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


FORMS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("GZip ", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("identity", bytes),
    ("", bytes),
]
FORM_IDS = ["gzip", "any case", "x-gzip", "zlib", "raw deflate", "identity", "empty"]
PACKED, PACKED_IDS = FORMS[:5], FORM_IDS[:5]


@pytest.mark.parametrize(("name", "pack"), FORMS, ids=FORM_IDS)
@given(data=st.binary(max_size=LIMIT))
def test_round_trip(name: str, pack: Callable[[bytes], bytes], data: bytes) -> None:
    assert decompress(pack(data), name, LIMIT) == data


@pytest.mark.parametrize(("name", "pack"), PACKED, ids=PACKED_IDS)
def test_exactly_the_limit_passes_and_one_more_does_not(name: str, pack: Callable[[bytes], bytes]) -> None:
    assert len(decompress(pack(b"a" * LIMIT), name, LIMIT)) == LIMIT
    with pytest.raises(BodyTooLarge, match=f"more than {LIMIT} bytes"):
        decompress(pack(b"a" * (LIMIT + 1)), name, LIMIT)


@pytest.mark.parametrize(("name", "pack"), PACKED, ids=PACKED_IDS)
def test_a_bomb_is_not_unpacked(name: str, pack: Callable[[bytes], bytes]) -> None:
    bomb = pack(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            decompress(bomb, name, LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(("name", "pack"), PACKED, ids=PACKED_IDS)
def test_damage_is_the_clients_fault(name: str, pack: Callable[[bytes], bytes]) -> None:
    whole = pack(b"hello, hello, hello")
    for damaged in (whole[:-1], whole[: len(whole) // 2], whole + b"x", b""):
        with pytest.raises(InvalidInput, match="not valid"):
            decompress(damaged, name, LIMIT)


@given(body=st.binary(max_size=100), name=st.sampled_from(["gzip", "deflate"]))
def test_random_bytes_raise_nothing_else(body: bytes, name: str) -> None:
    with suppress(InvalidInput, BodyTooLarge):
        assert len(decompress(body, name, LIMIT)) <= LIMIT


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, gzip", "compress", "x" * 1000])
def test_other_encodings(name: str) -> None:
    with pytest.raises(UnsupportedEncoding, match="want gzip, deflate or identity") as caught:
        decompress(b"", name, LIMIT)
    assert len(str(caught.value)) < 200


TEXT = b"0.125," * 1000


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate, gzip", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0", None),
        ("gzip;q=0.000,deflate;q=0.0", None),
        ("br", None),
        ("identity", None),
        ("", None),
    ],
)
def test_what_the_client_accepts(accepted: str, chosen: str | None) -> None:
    pieces, headers = compress(accepted, [TEXT[:100], TEXT[100:]], [("A", "b")], 10)
    assert dict(headers).get("Content-Encoding") == chosen and ("A", "b") in headers
    body = b"".join(pieces)
    assert (decompress(body, chosen, len(TEXT)) if chosen else body) == TEXT
    assert ("Vary", "Accept-Encoding") in headers or not chosen


def test_only_when_worth_it() -> None:
    for pieces in ([TEXT[:9]], [os.urandom(5000)]):
        found, headers = compress("gzip", list(pieces), [], 10)
        assert b"".join(found) == b"".join(pieces) and headers == []
