"""How a receiver knows that a webhook's body came from here, unchanged and just now.

`X-Edge-Timestamp` holds epoch seconds, `X-Edge-Signature` is `v1=` and the hexadecimal HMAC-SHA256, under the shared
key, of the timestamp, a dot and the body's bytes. A receiver takes both from the request, computes the same over the
bytes it got, compares in constant time, and refuses a timestamp far from its own clock (a gateway may have no
synchronised clock: allow for that). In Python:

    wanted = hmac.new(key, timestamp.encode() + b"." + body, "sha256").hexdigest()
    good = hmac.compare_digest("v1=" + wanted, signature) and abs(time.time() - int(timestamp)) < 300
"""

from __future__ import annotations

import hmac

TIMESTAMP_HEADER = "X-Edge-Timestamp"
SIGNATURE_HEADER = "X-Edge-Signature"


def signature_headers(key: bytes, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the two headers; `timestamp` is in epoch seconds."""
    digest = hmac.new(key, f"{timestamp}.".encode() + body, "sha256").hexdigest()
    return {TIMESTAMP_HEADER: str(timestamp), SIGNATURE_HEADER: f"v1={digest}"}
