"""URLs as the libraries will read them later: what they would refuse, or fall over, is found with the config."""

from __future__ import annotations

import re

from urllib3.util import Url, parse_url

# Any letters, which IDNA turns into ASCII; or an IPv6 address, perhaps with a zone.
_HOST = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+(%[\w.~%-]+)?\]")


def parsed(url: str) -> Url | None:
    """Return the parts of `url` as urllib3 has them; None when it, or the look-up of the host, would not take it.

    Without spaces and control characters, which would end a line of the protocol.
    """
    try:
        parts = parse_url(url)
        host = parts.host or ""
        host.encode("idna")
    except ValueError:
        return None
    sound = url.isprintable() and " " not in url and parts.port != 0 and _HOST.fullmatch(host)
    return parts if sound else None


def is_service(url: str) -> bool:
    """Return True for http(s)://HOST[:PORT][/PATH] without user, password, query or fragment."""
    parts = parsed(url)
    return (
        parts is not None
        and parts.scheme in {"http", "https"}
        and "@" not in url
        and parts.query is None
        and parts.fragment is None
    )
