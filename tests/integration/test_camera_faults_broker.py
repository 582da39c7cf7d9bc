"""The broker is killed, the pod is killed with SIGKILL meanwhile, both come back: a subscriber misses no event."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from books import assert_valid
from edge_camera.spool.tools import read_all
from faults_support import Pod, config, standin, write_clip
from live import until
from sink_support import Broker, Subscriber

pytestmark = pytest.mark.broker
CAMERAS = ("dock-1", "dock-2")


def _spooled(spool: Path) -> list[dict[str, Any]]:
    """Every event on the disk, oldest first: delivered ones stay there until room is needed."""
    return [json.loads(entry.line) for entry in read_all(spool)]


def _heard(subscriber: Subscriber) -> list[dict[str, Any]]:
    """What came on the events' topics, in order."""
    return [json.loads(message.payload) for message in subscriber.got.copy() if message.topic.endswith("/events")]


def test_every_id_comes_exactly_once_when_duplicates_are_dropped(tmp_path: Path) -> None:
    clip, spool = write_clip(tmp_path / "clip.mp4", frames=30, fps=30), tmp_path / "spool"
    cameras = [f'name = "{name}"\nurl = "{clip}"\nfps = 30\nloop = true\nkeepalive_s = 0.1' for name in CAMERAS]
    with standin() as service, Broker(tmp_path) as broker:
        sinks = f'mqtt = {{url = "mqtt://127.0.0.1:{broker.port}"}}\nspool = {{path = "{spool}", fsync = "event"}}'
        text = config(service.url, *cameras, sinks=sinks)
        with Subscriber(broker.port) as early, Pod(tmp_path, text) as pod:
            until(lambda: len(_heard(early)) >= 20, "events come")
            broker.kill()
            already = len(_spooled(spool))
            until(lambda: len(_spooled(spool)) >= already + 20, "events are kept while nobody takes them")
            pod.process.send_signal(signal.SIGKILL)
            pod.process.wait(10)
        kept = {event["id"] for event in _spooled(spool)}
        assert kept > {event["id"] for event in _heard(early)}
        broker.start()
        with Subscriber(broker.port) as late:
            with Pod(tmp_path, text) as pod:
                until(lambda: len({event["id"] for event in _heard(late)} - kept) >= 20, "what was kept, then new ones")
                pod.stop()
            wanted = _spooled(spool)
            until(lambda: _heard(late) and _heard(late)[-1]["id"] == wanted[-1]["id"], "the last one")
            heard = [*_heard(early), *_heard(late)]
    for event in heard:
        assert_valid(event)
    once = list({event["id"]: event for event in heard}.values())
    assert Counter(event["id"] for event in once) == Counter(event["id"] for event in wanted)
    for camera in CAMERAS:
        order = [event["id"] for event in wanted if event["camera"] == camera]
        assert [event["id"] for event in once if event["camera"] == camera] == order, "in their order"
