"""edge-camera discover: what devices say becomes a table, JSON or TOML, whatever they say."""

from __future__ import annotations

import errno
import json
import struct
import tomllib
from pathlib import Path

import pytest

from edge_camera.config import read_config
from edge_camera.tools import onvif, v4l2
from edge_camera.tools.devices import Device, as_json, as_table, as_toml
from edge_camera.tools.probe import BrokenReply, devices_in, probes
from onvif_camera import matches, responder

CAPTURE, METADATA, DEVICE_CAPS = 0x1, 0x00800000, 0x80000000


def _capability(card: bytes, of_all: int, of_this: int) -> bytes:
    return struct.pack("=16s32s32sIII12x", b"uvcvideo", card, b"usb-0000:00:14.0-1", 0x60600, of_all, of_this)


def _sysfs(root: Path, names: dict[str, str]) -> Path:
    for device, name in names.items():
        folder = root / "class" / "video4linux" / device
        folder.mkdir(parents=True)
        (folder / "name").write_text(name + "\n")
    return root


def test_v4l2_devices_that_capture(tmp_path: Path) -> None:
    names = {"video10": "Late", "video0": "HD Cam: HD Cam", "video1": "HD Cam: HD Cam", "video2": "Shut", "vbi0": "TV"}
    answers = {
        "video0": _capability(b"HD Cam: HD Cam", CAPTURE | METADATA | DEVICE_CAPS, CAPTURE | DEVICE_CAPS),
        "video1": _capability(b"HD Cam: HD Cam", CAPTURE | METADATA | DEVICE_CAPS, METADATA | DEVICE_CAPS),
        "video10": _capability(b"Old driver", CAPTURE, 0),
    }

    def ask(device: Path) -> v4l2.Capability:
        if device.name not in answers:
            raise OSError(errno.EACCES, "Permission denied")
        return v4l2.parse(answers[device.name])

    found = v4l2.find(_sysfs(tmp_path, names), Path("/dev"), ask)
    assert [(one.address, one.name, one.model, one.note) for one in found] == [
        ("/dev/video0", "HD Cam: HD Cam", "HD Cam: HD Cam", "usb-0000:00:14.0-1"),
        ("/dev/video2", "Shut", "Shut", "cannot be asked: permission denied"),
        ("/dev/video10", "Late", "Old driver", "usb-0000:00:14.0-1"),
    ]


def test_a_machine_without_cameras(tmp_path: Path) -> None:
    assert v4l2.find(tmp_path) == []


def test_a_file_that_is_no_video_device_says_so(tmp_path: Path) -> None:
    (tmp_path / "video0").write_text("")
    (found,) = v4l2.find(_sysfs(tmp_path / "sys", {"video0": "Fake"}), tmp_path)
    assert found.note == "cannot be asked: inappropriate ioctl for device"


def test_questions_are_for_video_transmitters_and_for_all() -> None:
    typed, untyped = (question.decode() for question in probes())
    assert "dn:NetworkVideoTransmitter" in typed and 'xmlns:dn="http://www.onvif.org/ver10/network/wsdl"' in typed
    assert "Types" not in untyped
    assert typed.count("schemas.xmlsoap.org/ws/2005/04/discovery/Probe<") == 1


def _only(data: bytes) -> Device:
    (device,) = devices_in(data, "192.0.2.7").values()
    assert device is not None
    return device


def test_a_reply_names_the_camera() -> None:
    addresses = "http://10.0.0.9/onvif http://192.0.2.7:8000/onvif/device_service"
    device = _only(matches("1", name="Dock%20North", hardware="IPC-5M", addresses=addresses))
    assert (device.name, device.model, device.address) == ("Dock North", "IPC-5M", "192.0.2.7")
    assert (device.url, device.service) == ("rtsp://192.0.2.7:554/", "http://192.0.2.7:8000/onvif/device_service")


@pytest.mark.parametrize(
    "addresses", ["", "http://", "ftp://192.0.2.9/x", "http://user:secret@192.0.2.7/", "http://[::1/"]
)
def test_a_reply_without_a_usable_address_has_its_senders(addresses: str) -> None:
    device = _only(matches("1", addresses=addresses))
    assert (device.address, device.service, device.url) == ("192.0.2.7", "", "rtsp://192.0.2.7:554/")
    assert "secret" not in repr(device)


def test_a_printer_is_no_camera() -> None:
    printer = matches("1", types="wprt:PrintDeviceType", scopes="ldap:///ou=floor2")
    assert list(devices_in(printer, "192.0.2.7").values()) == [None]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"GET / HTTP/1.1", id="other"),
        pytest.param(b"\xff\xfe\x00" * 100, id="binary"),
        pytest.param(matches("1")[:-20], id="cut"),
        pytest.param(matches("1").replace(b"a:Address>", b"a:Other>"), id="no-id"),
        pytest.param(matches("1").replace(b"a:RelatesTo>", b"a:Other>"), id="no-relation"),
        pytest.param(matches("1").replace(b"urn:uuid:camera-1", b""), id="empty-id"),
        pytest.param(matches("1").replace(b"discovery/ProbeMatches", b"discovery/Bye"), id="bye"),
        pytest.param(matches("1").replace(b"discovery/ProbeMatches", b"discovery/Odd"), id="unknown-action"),
        pytest.param(b'<!DOCTYPE a [<!ENTITY b "c">]>' + matches("1"), id="entities"),
        pytest.param(matches("1").replace(b"a:Action>", b"a:Other>"), id="no-action"),
        pytest.param(matches("1").decode().replace("UTF-8", "UTF-16").encode("utf-16"), id="utf-16"),
        pytest.param(probes()[0], id="a-question"),
    ],
)
def test_a_broken_reply_is_told_as_such(data: bytes) -> None:
    with pytest.raises(BrokenReply):
        devices_in(data, "192.0.2.7")


STRANGE = Device(
    name='"]\n[inference]',
    address="192.0.2.8",
    model="x\x1b[2J",
    kind="onvif",
    url='rtsp://192.0.2.8:554/"\n',
    service="",
)
DEVICES = [
    Device(name="Dock North", address="192.0.2.7", model="IPC", kind="onvif", url="rtsp://192.0.2.7:554/"),
    Device(name="dock north", address="192.0.2.9", model="IPC", kind="onvif", url="rtsp://192.0.2.9:554/"),
    Device(name="北门", address="192.0.2.10", model="IPC", kind="onvif", url="rtsp://192.0.2.10:554/"),
    Device(name="x" * 80, address="/dev/video0", model="HD", kind="v4l2", url="v4l2:/dev/video0"),
    Device(name="x" * 80, address="/dev/video1", model="HD", kind="v4l2", url="v4l2:/dev/video1"),
]


def test_toml_is_a_config_once_it_is_pasted(tmp_path: Path) -> None:
    path = tmp_path / "cameras.toml"
    path.write_text('[inference]\nurl = "http://127.0.0.1:8080"\nmodel = "belt-detector"\n' + as_toml(DEVICES))
    cameras = read_config(path).camera
    assert [camera.url for camera in cameras] == [device.url for device in DEVICES]
    names = [camera.name for camera in cameras]
    assert names == ["dock-north", "dock-north-2", "192-0-2-10", "x" * 63, "x" * 58 + "-2"]


def test_what_a_camera_says_breaks_neither_toml_nor_a_terminal() -> None:
    text = as_toml([STRANGE])
    assert tomllib.loads(text) == {"camera": [{"name": "inference", "url": STRANGE.url}]}
    assert all(char.isprintable() or char == "\n" for char in text)


def test_table_and_json() -> None:
    lines = as_table(DEVICES[:1] + DEVICES[3:4]).splitlines()
    assert lines[0].split() == ["name", "address", "model", "kind"]
    assert lines[1].split() == ["Dock", "North", "192.0.2.7", "IPC", "onvif"]
    assert [one["address"] for one in json.loads(as_json(DEVICES))] == [one.address for one in DEVICES]


def test_as_many_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "MAX_DEVICES", 5)
    with responder(lambda asked: [matches(str(number), asked) for number in range(8)]) as told:
        found = onvif.search(["127.0.0.1"], ("127.0.0.1", told.port), 10.0)
    assert (len(found.devices), found.full) == (5, True)


def test_a_network_that_never_stops_answering_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onvif, "MAX_REPLIES", 20)
    with responder(lambda asked: [matches("1", asked)] * 15) as told:
        found = onvif.search(["127.0.0.1"], ("127.0.0.1", told.port), 10.0)
    assert (len(found.devices), found.replies, found.full) == (1, 20, True)


def test_own_addresses_without_loopback() -> None:
    assert "127.0.0.1" not in onvif.interfaces()
