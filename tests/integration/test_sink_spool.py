"""Spool and sinks together: what a broker or a receiver does not take waits, and comes out once that is over."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_camera.metrics import Delivery
from edge_camera.sinks.base import Sink
from edge_camera.sinks.mqtt import MqttSink
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.webhook import WebhookSink
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_camera.spool.outbox import SpooledOutbox
from edge_common.clock import SystemClock
from live import until
from sink_support import GATEWAY, Answer, Broker, Post, Subscriber, detection_event, web_server
from spool_support import Bench


class House:
    """One sink on a spool."""

    def __init__(self, folder: Path, sink: Sink) -> None:
        self.bench = Bench(folder / "spool", None)
        self.counts: Counter[Delivery] = Counter()
        self.box = SpooledOutbox(self.bench.spool, [sink], self._count, self.bench.tally, jitter=lambda: 0.02)
        self.box.start()

    def _count(self, _sink: str, outcome: Delivery) -> None:
        self.counts[outcome] += 1

    def wait(self, outcome: Delivery, count: int) -> None:
        """Until so many have had this outcome."""
        until(lambda: self.counts[outcome] >= count, f"{count} are {outcome}")

    def put(self, numbers: range) -> None:
        for number in numbers:
            self.box.put(detection_event(number), "low")


def seqs(lines: list[bytes]) -> list[int]:
    return [json.loads(line)["frame"]["seq"] for line in lines]


class HeldSink(MqttSink):
    """Fails without a broker; one that is back gets nothing before somebody listens there."""

    def __init__(self, port: int) -> None:
        super().__init__(MqttConfig(f"mqtt://127.0.0.1:{port}", timeout_s=5), GATEWAY, SystemClock())
        self.listening = threading.Event()

    def send_many(self, lines: Sequence[bytes]) -> None:
        if not self.listening.is_set():
            raise OSError("nobody listens yet")
        super().send_many(lines)


@pytest.mark.broker
def test_a_broker_that_is_killed_twice_costs_no_event(tmp_path: Path) -> None:
    topic, broker = "edge/gw-1/dock-3/events", Broker(tmp_path)
    sink = HeldSink(broker.port)
    house = House(tmp_path, sink)
    got: list[int] = []
    for end in (300, 600, 900):
        sink.listening.set()
        house.put(range(end - 300, end))
        house.wait(Delivery.FAILED, house.counts[Delivery.FAILED] + 2)
        sink.listening.clear()
        with broker, Subscriber(broker.port) as subscriber:
            sink.listening.set()
            subscriber.wait(lambda: len(subscriber.texts(topic)) == 300, "what waited")
            house.wait(Delivery.OK, end)
            broker.kill()
            got += seqs(subscriber.texts(topic))
    house.box.stop(5)
    sink.close()
    assert got == list(range(900)), "in order, each once"
    assert house.counts[Delivery.DROPPED] == 0


def test_a_receiver_that_asks_for_a_pause_gets_it_and_then_all_but_what_it_refuses(tmp_path: Path) -> None:
    calls: list[float] = []
    clock = SystemClock()

    def answer(post: Post) -> Answer:
        calls.append(clock.monotonic())
        if len(calls) == 1:
            return Answer(503, (("Retry-After", "1"),))
        return Answer(400 if 7 in seqs_of(post) else 200)

    with web_server() as server:
        server.answer = answer
        sink = WebhookSink(WebhookConfig(server.url, max_batch=8), clock)
        house = House(tmp_path, sink)
        house.put(range(20))
        house.wait(Delivery.OK, 19)
        house.box.stop(5)
        sink.close()
        taken = [seq for post in server.posts[1:] if 7 not in seqs_of(post) for seq in seqs_of(post)]
    assert taken == [number for number in range(20) if number != 7]
    assert calls[1] - calls[0] >= 1.0, "the pause"
    assert house.counts == {Delivery.FAILED: 1, Delivery.DROPPED: 1, Delivery.OK: 19}


def seqs_of(post: Post) -> list[int]:
    return [event["frame"]["seq"] for event in json.loads(post.body)]


def test_a_pause_does_not_hold_up_the_end(tmp_path: Path) -> None:
    asked = threading.Event()

    def answer(_post: Post) -> Answer:
        asked.set()
        return Answer(429, (("Retry-After", "300"),))

    with web_server() as server:
        server.answer = answer
        sink = WebhookSink(WebhookConfig(server.url), SystemClock())
        house = House(tmp_path, sink)
        house.put(range(3))
        assert asked.wait(20)
        house.box.stop(5)
        sink.close()
        again = house.bench.open().reader("webhook")
        assert seqs([entry.line for entry in again.next(9)]) == [0, 1, 2]
        house.bench.spool.close()
        assert len(server.posts) == 1
