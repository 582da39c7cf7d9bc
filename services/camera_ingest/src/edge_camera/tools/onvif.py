"""ONVIF cameras on the network, by WS-Discovery: ask by multicast, listen for a bounded time to a bounded number."""

from __future__ import annotations

import ipaddress
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import ifaddr

from edge_camera.tools.devices import Device
from edge_camera.tools.probe import BrokenReply, devices_in, probes
from edge_common.errors import StartError

MAX_DEVICES = 256
# A network that answers more than this is no network of cameras; each datagram is at most 64 KiB.
MAX_REPLIES = 4096
_MAX_DATAGRAM = 65_535
# UDP loses things: a question is put again after these many seconds. Cameras answer at once, or within half a second.
_REPEATS_S = (0.0, 0.3, 1.0)


@dataclass(slots=True)
class Found:
    """Cameras by their own id; replies that could not be read, of other devices, and of addresses that took nothing."""

    devices: dict[str, Device] = field(default_factory=dict)
    broken: int = 0
    others: int = 0
    replies: int = 0
    unsent: dict[str, str] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """True when no more are taken."""
        return len(self.devices) >= MAX_DEVICES or self.replies >= MAX_REPLIES


def interfaces() -> list[str]:
    """Return this machine's own IPv4 addresses, one for each interface that a camera can be behind."""
    found = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if isinstance(ip.ip, str)]
    return [ip for ip in found if not ipaddress.ip_address(ip).is_loopback]


def search(
    addresses: Sequence[str], target: tuple[str, int], timeout_s: float, clock: Callable[[], float] = time.monotonic
) -> Found:
    """Ask `target` from each of these own addresses, and return what answered within `timeout_s`.

    Raises:
        StartError: nothing can be sent from any of them.
    """
    found, questions = Found(), probes()
    selector = selectors.DefaultSelector()
    sockets = {address: opened for address in addresses if (opened := _open(address, found)) is not None}
    try:
        for opened in sockets.values():
            selector.register(opened, selectors.EVENT_READ)
        start = clock()
        for pause in (*_REPEATS_S, timeout_s):
            _listen(selector, start + min(pause, timeout_s), found, clock)
            if pause < timeout_s:
                _ask(sockets, questions, target, found)
            if len(found.unsent) == len(addresses):
                raise StartError(_nowhere(found))
    finally:
        selector.close()
        for opened in sockets.values():
            opened.close()
    return found


def _nowhere(found: Found) -> str:
    why = "; ".join(f"{address}: {reason}" for address, reason in found.unsent.items())
    return f"cannot ask the network: {why or 'no interface has an IPv4 address'}; try --interface ADDR"


def _open(address: str, found: Found) -> socket.socket | None:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.bind((address, 0))
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
        # Discovery is for the network at hand: routers must not pass it on.
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
    except OSError as exc:
        opened.close()
        found.unsent[address] = (exc.strerror or str(exc)).lower()
        return None
    return opened


def _ask(sockets: dict[str, socket.socket], questions: Sequence[bytes], target: tuple[str, int], found: Found) -> None:
    for address, opened in sockets.items():
        try:
            for question in questions:
                opened.sendto(question, target)
            found.unsent.pop(address, None)
        except OSError as exc:
            found.unsent[address] = (exc.strerror or str(exc)).lower()


def _listen(selector: selectors.BaseSelector, until: float, found: Found, clock: Callable[[], float]) -> None:
    while not found.full and (left := until - clock()) > 0:
        for key, _ in selector.select(left):
            assert isinstance(key.fileobj, socket.socket)
            try:
                data, (sender, _) = key.fileobj.recvfrom(_MAX_DATAGRAM)
            except OSError:
                # The kernel passes on that a target has refused; others may still answer.
                continue
            _take(data, sender, found)


def _take(data: bytes, sender: str, found: Found) -> None:
    found.replies += 1
    try:
        told = devices_in(data, sender)
    except BrokenReply:
        found.broken += 1
        return
    found.others += sum(device is None for device in told.values())
    for key, device in told.items():
        if device is not None and not found.full:
            found.devices.setdefault(key, device)
