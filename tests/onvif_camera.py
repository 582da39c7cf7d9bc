"""A device that speaks WS-Discovery on a real socket, its messages written by hand."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

GROUP, PORT = "239.255.255.250", 3702

_REPLY = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"
 xmlns:wprt="http://schemas.microsoft.com/windows/2006/08/wdp/print"><s:Header>
<a:MessageID>urn:uuid:reply-{key}</a:MessageID><a:RelatesTo>{relates}</a:RelatesTo>
<a:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches</a:Action></s:Header><s:Body><d:ProbeMatches>
<d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:camera-{key}</a:Address></a:EndpointReference>
<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{addresses}</d:XAddrs>
<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"""


def matches(
    key: str,
    relates: str = "urn:uuid:question",
    *,
    name: str = "Dock",
    hardware: str = "IPC-1",
    types: str = "dn:NetworkVideoTransmitter",
    scopes: str | None = None,
    addresses: str = "http://192.0.2.7/onvif/device_service",
) -> bytes:
    """A ProbeMatches message of one device."""
    if scopes is None:
        base = "onvif://www.onvif.org"
        scopes = f"{base}/type/video_encoder {base}/name/{name} {base}/hardware/{hardware}"
    return _REPLY.format(key=key, relates=relates, types=types, scopes=scopes, addresses=addresses).encode()


Answers = Callable[[str], Sequence[bytes]]


class Responder:
    """What was asked, and by whom."""

    def __init__(self, opened: socket.socket) -> None:
        self.port: int = opened.getsockname()[1]
        self.asked: list[bytes] = []
        self.askers: set[tuple[str, int]] = set()


@contextmanager
def responder(answers: Answers, *, multicast: bool = False) -> Iterator[Responder]:
    """Answer each probe with `answers(its id)`: at a free port of loopback, or in the multicast group there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        if multicast:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((GROUP, PORT))
            member = socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1")
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        else:
            opened.bind(("127.0.0.1", 0))
        told = Responder(opened)
        thread = threading.Thread(target=_answer, args=(opened, answers, told))
        thread.start()
        try:
            yield told
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
                ender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
                ender.sendto(b"end", opened.getsockname())
            thread.join(10)


def _answer(opened: socket.socket, answers: Answers, told: Responder) -> None:
    while True:
        data, asker = opened.recvfrom(65_535)
        if data == b"end":
            return
        told.asked.append(data)
        told.askers.add(asker)
        found = re.search(rb"MessageID>([^<]+)<", data)
        assert found is not None
        for reply in answers(found[1].decode()):
            opened.sendto(reply, asker)
