"""gzip and deflate, bounded on the way in, only when worth it on the way out."""

from __future__ import annotations

import zlib
from typing import Any

from edge_common.errors import BodyTooLarge, InvalidInput, UnsupportedEncoding

_GZIP, _ZLIB, _RAW = 31, 15, -15
# Only the beginning is tried: a frame of float noise is not worth 30 ms of a gateway's core.
SAMPLE_BYTES = 4096
WORTH_RATIO = 0.7
_FASTEST = 1


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the decoded body of at most `limit` bytes.

    Raises:
        UnsupportedEncoding: neither gzip, deflate nor identity.
        BodyTooLarge: it would unpack to more; unpacking stops there.
        InvalidInput: damaged, or followed by other bytes.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip", "deflate"):
        raise UnsupportedEncoding(f"Content-Encoding {encoding[:40]!r}: want gzip, deflate or identity")
    wbits = _GZIP if "gzip" in name else _ZLIB
    if wbits == _ZLIB and not _is_zlib(body):
        wbits = _RAW
    inflater = zlib.decompressobj(wbits)
    try:
        data = inflater.decompress(body, limit + 1)
    except zlib.error as exc:
        raise InvalidInput(f"body is not valid {name}: {exc}") from None
    if len(data) > limit:
        raise BodyTooLarge(f"body unpacks to more than {limit} bytes: at most that many are accepted")
    if not inflater.eof or inflater.unused_data:
        raise InvalidInput(f"body is not valid {name}: it ends early or has bytes after its end")
    return data


def _is_zlib(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] * 256 + body[1]) % 31 == 0


def compress(
    accepted: str, pieces: list[Any], headers: list[tuple[str, str]], least: int
) -> tuple[list[Any], list[tuple[str, str]]]:
    """Return (pieces, headers), compressed when the client asks for gzip or deflate and it pays."""
    name = _choose(accepted)
    if name is None or sum(map(len, pieces)) < least:
        return pieces, headers
    body = b"".join(pieces)
    sample = body[-SAMPLE_BYTES:]
    if len(zlib.compress(sample, _FASTEST)) > len(sample) * WORTH_RATIO:
        return [body], headers
    packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, _GZIP if name == "gzip" else _ZLIB)
    packed = packer.compress(body) + packer.flush()
    return [packed], [*headers, ("Content-Encoding", name), ("Vary", "Accept-Encoding")]


def _choose(accepted: str) -> str | None:
    offers = {}
    for part in accepted.lower().split(","):
        name, _, rest = part.strip().partition(";")
        offers[name.strip()] = rest.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return next((name for name in ("gzip", "deflate") if offers.get(name)), None)
