"""WS-Discovery's messages, written and read by the WSDiscovery library (docs/adr/0009-discovery.md)."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

# It has no types of its own.
from wsdiscovery import QName, actions, message, namespaces  # type: ignore[import-untyped]

from edge_camera.tools.devices import Device, clean

_NETWORK = "http://www.onvif.org/ver10/network/wsdl"
_ONVIF = "onvif.org/"
_SCOPE = "onvif://www.onvif.org/"
# Devices told of in one reply; a camera tells of itself.
_MAX_MATCHES = 32


class BrokenReply(Exception):
    """A datagram that is no answer to a probe."""


def probes() -> list[bytes]:
    """Return the questions: for video transmitters, and for all, as some cameras answer one and not the other."""
    kinds = ([QName(_NETWORK, "NetworkVideoTransmitter", "dn")], None)
    return [message.createSOAPMessage(actions.constructProbe(kind, None)).encode() for kind in kinds]


def devices_in(data: bytes, sender: str) -> dict[str, Device | None]:
    """Return what a reply tells of, by its own id; None stands for what is no ONVIF device.

    Raises:
        BrokenReply: it cannot be read as ProbeMatches.
    """
    # SOAP allows no entities, with which a small document becomes a large one; ONVIF wants UTF-8, where NUL hides none.
    if b"<!DOCTYPE" in data or b"\0" in data:
        raise BrokenReply
    try:
        envelope = message.parseSOAPMessage(data, sender)
        if envelope is None or envelope.getAction() != namespaces.NS_ACTION_PROBE_MATCH:
            raise BrokenReply
        matches = envelope.getProbeResolveMatches()[:_MAX_MATCHES]
        return {clean(match.getEPR()): _device(match, sender) for match in matches}
    # What the library raises for elements that are missing, empty or not what they should be.
    except (AttributeError, IndexError, ValueError):
        raise BrokenReply from None


def _device(match: Any, sender: str) -> Device | None:
    scopes = [scope.getValue() for scope in match.getScopes()]
    kinds = [str(kind.getNamespace()) for kind in match.getTypes()]
    if not any(scope.startswith(_SCOPE) for scope in scopes) and not any(_ONVIF in kind for kind in kinds):
        return None
    service = _service(match.getXAddrs(), sender)
    host = urlsplit(service).hostname or sender
    return Device(
        name=_scope(scopes, "name") or host,
        address=host,
        model=_scope(scopes, "hardware"),
        kind="onvif",
        url=f"rtsp://{f'[{host}]' if ':' in host else host}:554/",
        service=service,
        note=clean(service),
    )


def _service(addresses: list[str], sender: str) -> str:
    """Return the address that the answer came from, if it is among them: a camera may name others that lead nowhere."""
    usable = [address for address in addresses if _is_http(address)]
    return next((address for address in usable if urlsplit(address).hostname == sender), (usable or [""])[0])


def _is_http(address: str) -> bool:
    try:
        parts = urlsplit(address)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
    return whole and address.isascii() and address.isprintable() and len(address) <= 300


def _scope(scopes: list[str], name: str) -> str:
    start = f"{_SCOPE}{name}/"
    return next((clean(unquote(scope[len(start) :])) for scope in scopes if scope.startswith(start)), "")
