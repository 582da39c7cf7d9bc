"""The cameras of this machine: what the kernel lists, and what each device says it can do."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_camera.tools.devices import Device, clean

# More than this is no machine with cameras.
MAX_DEVICES = 64

# VIDIOC_QUERYCAP and struct v4l2_capability of linux/videodev2.h; the same on x86-64 and ARM.
_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
_CAPTURE = 0x00000001 | 0x00001000
_HAS_DEVICE_CAPS = 0x80000000


@dataclass(frozen=True, slots=True)
class Capability:
    """What a driver says; `capture` is False for a camera's second device file, which carries only metadata."""

    card: str
    bus: str
    capture: bool


def query(device: Path) -> Capability:
    """Ask a device file what it can do.

    Raises:
        OSError: it cannot be opened, or is no V4L2 device.
    """
    # Without O_NONBLOCK some drivers wait for their hardware.
    descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    try:
        answer = bytearray(_CAPABILITY.size)
        fcntl.ioctl(descriptor, _QUERYCAP, answer)
    finally:
        os.close(descriptor)
    return parse(bytes(answer))


def parse(answer: bytes) -> Capability:
    """Return what a `struct v4l2_capability` says."""
    _, card, bus, _, of_all, of_this = _CAPABILITY.unpack(answer)
    # A driver that tells them apart counts the capabilities of all its device files in the first field.
    mine = of_this if of_all & _HAS_DEVICE_CAPS else of_all
    return Capability(_string(card), _string(bus), bool(mine & _CAPTURE))


def find(
    sysfs: Path = Path("/sys"), dev: Path = Path("/dev"), ask: Callable[[Path], Capability] = query
) -> list[Device]:
    """Return the devices that can capture, and those that cannot be asked, in the kernel's order."""
    try:
        names = [path.name for path in (sysfs / "class" / "video4linux").iterdir()]
    except OSError:
        return []
    numbers = sorted(int(found[1]) for name in names if (found := re.fullmatch(r"video([0-9]{1,4})", name)))
    devices = [_device(sysfs, dev / f"video{number}", ask) for number in numbers[:MAX_DEVICES]]
    return [device for device in devices if device is not None]


def _device(sysfs: Path, path: Path, ask: Callable[[Path], Capability]) -> Device | None:
    name = _name(sysfs / "class" / "video4linux" / path.name / "name") or path.name
    url = f"v4l2:{path}"
    try:
        found = ask(path)
    except OSError as exc:
        note = f"cannot be asked: {(exc.strerror or str(exc)).lower()}"
        return Device(name=name, address=str(path), model=name, kind="v4l2", url=url, note=note)
    if not found.capture:
        return None
    return Device(name=name, address=str(path), model=found.card or name, kind="v4l2", url=url, note=found.bus)


def _name(path: Path) -> str:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return _string(file.read(256))
    return ""


def _string(raw: bytes) -> str:
    return clean(raw.partition(b"\0")[0].decode("utf-8", "replace"))
