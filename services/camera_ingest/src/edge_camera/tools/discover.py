"""`edge-camera discover`: ONVIF cameras on the network and V4L2 cameras of this machine."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import sys
from collections.abc import Sequence

from edge_camera.tools import v4l2
from edge_camera.tools.devices import Device, as_json, as_table, as_toml
from edge_camera.tools.parser import CommandParser, valued
from edge_common.errors import StartError
from edge_common.settings import number

GROUP, PORT = "239.255.255.250", 3702
# From a checkout: an edge-camera on a public index would be someone else's.
_MISSING = (
    "ONVIF discovery wants the extra, found no such package: pip install -e services/common -e "
    "'services/camera_ingest[discover]' in a checkout of edge-serve; --local does without"
)


def run(argv: Sequence[str]) -> int:
    """Print what was found on stdout, and what it was on stderr.

    Raises:
        StartError: the network cannot be asked.
        OSError: stdout takes no more.
    """
    options = _parser().parse_args(argv)
    devices = v4l2.find()
    if not options.local:
        devices += _on_network(options)
    shown = as_json if options.json else as_toml if options.toml else as_table
    if devices or options.json:
        sys.stdout.write(shown(devices))
    if not devices:
        print("no cameras found", file=sys.stderr)
    return 0


def _on_network(options: argparse.Namespace) -> list[Device]:
    # Imported here: an optional extra.
    try:
        from edge_camera.tools import onvif
    except ImportError:
        raise StartError(_MISSING) from None
    # The library logs whole datagrams that it cannot read; without this Python prints them.
    logging.getLogger("wsdiscovery").addHandler(logging.NullHandler())
    found = onvif.search(
        [options.interface] if options.interface else onvif.interfaces(), options.target, options.timeout
    )
    left = [
        (found.broken, "broken replies ignored"),
        (found.others, "other devices ignored"),
        (len(found.unsent), f"own addresses that cannot send ({', '.join(found.unsent)})"),
    ]
    for count, what in left:
        if count:
            print(f"edge-camera discover: {count} {what}", file=sys.stderr)
    if found.full:
        print("edge-camera discover: there are more than are listed; ask one by one with --target", file=sys.stderr)
    return sorted(found.devices.values(), key=lambda device: (device.address, device.name))


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"want an IPv4 address, found {text!r}") from None


def _target(text: str) -> tuple[str, int]:
    host, _, port = text.partition(":")
    if port and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"want ADDR or ADDR:PORT, found {text!r}")
    return _address(host), int(port or PORT)


def _parser() -> CommandParser:
    parser = CommandParser(
        "discover",
        "Find cameras: ONVIF devices by WS-Discovery (multicast; the cameras' own network has to be reached,\n"
        "so in a container use the host's network), and V4L2 devices of this machine.",
        "An ONVIF camera tells its host and not its stream: add the path of the RTSP URL yourself.\n\n"
        "examples:  edge-camera discover\n"
        "           edge-camera discover --interface 192.168.7.1 --toml >> cameras.toml\n"
        "           edge-camera discover --target 192.168.9.20 --json",
    )
    parser.add_argument(
        "--timeout", type=valued(number(0.1, 60)), default=3.0, metavar="S", help="seconds to wait (default 3)"
    )
    parser.add_argument("--interface", type=_address, metavar="ADDR", help="ask only from this address of this machine")
    parser.add_argument(
        "--target", type=_target, default=(GROUP, PORT), metavar="ADDR[:PORT]",
        help="ask this address instead of the multicast group: for a camera behind a router",
    )  # fmt: skip
    parser.add_argument("--local", action="store_true", help="only V4L2 devices of this machine")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--toml", action="store_true", help="print [[camera]] blocks for the config")
    form.add_argument("--json", action="store_true", help="print a JSON array")
    return parser
