"""Pictures of alerts: bounded one by one and together, and a disk that refuses costs pictures only."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge_camera.answer import Answer
from edge_camera.client import Reply, State
from edge_camera.config import read_config
from edge_camera.events import AlertInfo, Event, EventMaker, new_id
from edge_camera.frame import Frame, Stamp
from edge_camera.metrics import Saved
from edge_camera.snapshots import SnapshotConfig, Snapshots
from edge_common.errors import StartError

REPLY = Reply(state=State.OK, answers=(Answer(label="a", score=0.9, box=(1.0, 2.0, 30.0, 40.0)),), age_s=0.01)


def _noise(seq: int) -> Frame:
    pixels = np.random.default_rng(seq).integers(0, 255, (480, 640, 3), np.uint8)
    stamp = Stamp(monotonic=1.0, wall=1_700_000_000.0 + seq, clock_synced=True)
    return Frame(camera="dock-3", seq=seq, pixels=pixels, stamp=stamp, position_s=0.0)


def _alert(frame: Frame) -> Event:
    info = AlertInfo(rule="r", label="a", score=0.9, since="2023-11-14T22:13:20.000Z")
    event = EventMaker("gw", "dock-3", "m").detection(frame, REPLY)
    return msgspec.structs.replace(event, kind="alert", priority="high", alert=info)


def _take(snapshots: Snapshots, seq: int) -> AlertInfo:
    frame = _noise(seq)
    info = snapshots.take(_alert(frame), frame, REPLY).alert
    assert isinstance(info, AlertInfo)
    return info


def test_even_noise_fits_and_the_folder_keeps_the_newest(tmp_path: Path) -> None:
    counted: list[Saved] = []
    config = SnapshotConfig(path=str(tmp_path / "s"), max_jpeg_bytes=8192, max_bytes=32_768)
    snapshots = Snapshots(config, counted.append)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "mine.jpg").write_bytes(b"x" * 40_000)
    names = [_take(snapshots, seq).snapshot for seq in range(12)]
    snapshots.start()
    snapshots.stop(10)
    assert counted == [Saved.SAVED] * 12
    held = sorted(path for path in (tmp_path / "s").iterdir() if path.name != "mine.jpg")
    assert [path.name for path in held] == names[-len(held) :] and len(held) >= 4
    assert all(path.stat().st_size <= 8192 for path in held) and sum(path.stat().st_size for path in held) <= 32_768
    assert (tmp_path / "s" / "mine.jpg").exists(), "what is not ours is left alone"
    assert cv2.imread(str(held[-1])) is not None


@pytest.mark.parametrize("boot", [100.0, 4_000_000_000.0], ids=["back to 1970", "far ahead"])
def test_the_newest_stay_whatever_the_clock_says(tmp_path: Path, boot: float) -> None:
    config = SnapshotConfig(path=str(tmp_path), max_jpeg_bytes=4096, max_bytes=16_384)
    earlier = [f"{new_id(1_700_000_000.0 + number)}.jpg" for number in range(4)]
    for name in earlier:
        (tmp_path / name).write_bytes(b"x" * 4096)
    snapshots = Snapshots(config, lambda _: None)
    # The clock is set right in the middle.
    walls = [boot, boot + 1, boot + 2, 1_700_000_100.0, 1_700_000_101.0]
    names = [f"{new_id(wall)}.jpg" for wall in walls]
    for count, name in enumerate(names, 1):
        snapshots._write(name, b"y" * 4096)
        held = {path.name for path in tmp_path.iterdir()}
        assert held == {*earlier[count:], *names[max(0, count - 4) : count]}


class HungSnapshots(Snapshots):
    """Hang in the first write until let go."""

    entered, let_go = threading.Event(), threading.Event()

    def _write(self, name: str, jpeg: bytes) -> None:
        self.entered.set()
        self.let_go.wait(10)
        super()._write(name, jpeg)


def test_pictures_that_are_left_at_the_end_are_counted(tmp_path: Path) -> None:
    counted: list[Saved] = []
    snapshots = HungSnapshots(SnapshotConfig(path=str(tmp_path)), counted.append)
    for seq in range(3):
        _take(snapshots, seq)
    snapshots.start()
    assert snapshots.entered.wait(10)
    snapshots.stop(0.1)
    assert counted == [Saved.DROPPED] * 2
    snapshots.let_go.set()


def test_a_folder_that_cannot_be_written_costs_pictures_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    counted: list[Saved] = []
    snapshots = Snapshots(SnapshotConfig(path=str(tmp_path / "file" / "s")), counted.append)
    for seq in range(2):
        _take(snapshots, seq)
    snapshots.start()
    snapshots.stop(10)
    assert counted == [Saved.FAILED, Saved.FAILED]
    assert len([record for record in caplog.records if "snapshots" in record.message]) == 1, "said once"


def test_a_disk_that_hangs_drops_and_the_event_goes_out_without_a_name() -> None:
    counted: list[Saved] = []
    snapshots = Snapshots(SnapshotConfig(path="/nowhere"), counted.append)
    infos = [_take(snapshots, seq) for seq in range(17)]
    assert counted == [Saved.DROPPED]
    assert isinstance(infos[0].snapshot, str) and infos[-1].snapshot is msgspec.UNSET


def test_sent_only(tmp_path: Path) -> None:
    snapshots = Snapshots(SnapshotConfig(send=True), lambda _: None)
    info = _take(snapshots, 1)
    assert isinstance(info.jpeg, str) and info.snapshot is msgspec.UNSET
    # base64 of 128 KiB and the rest of an event fit into a line of the spool.
    assert len(info.jpeg) <= 65_536 * 4 / 3 + 4


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("snapshots = {}", "sinks.snapshots.path: want a folder, or send = true"),
        ("snapshots = {send = true, max_side = 8}", "sinks.snapshots.max_side"),
        ("snapshots = {send = true, max_jpeg_bytes = 1}", "sinks.snapshots.max_jpeg_bytes"),
        ("snapshots = {send = true, max_bytes = 1}", "sinks.snapshots.max_bytes"),
        ("stdout = true", "alert.a.snapshot: want a table [sinks.snapshots] beside it"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: str, words: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(
        f'[inference]\nurl = "http://a:1"\nmodel = "m"\n[[camera]]\nname = "a"\nurl = "a.mp4"\n[sinks]\n{table}\n'
        '[alert.a]\nclass = "x"\nsnapshot = true\n'
    )
    with pytest.raises(StartError, match=words.replace("[", r"\[").replace("]", r"\]")):
        read_config(path)
