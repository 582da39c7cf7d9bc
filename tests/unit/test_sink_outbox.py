"""What a sink may say about part of a batch, and what becomes of the rest."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edge_camera.metrics import Delivery
from edge_camera.spool.outbox import SpooledOutbox, Undeliverable, Unfinished
from spool_support import Bench, line

WAIT_S = 20.0


class PartSink:
    """Takes 3 of each batch and then fails; will never take event 5."""

    name = "part"
    max_batch = 8

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.batches: list[int] = []
        self.done = threading.Event()

    def send(self, line: bytes) -> None:
        self.send_many([line])

    def send_many(self, lines: Sequence[bytes]) -> None:
        self.batches.append(len(lines))
        for count, one in enumerate(lines):
            if one.startswith(b'{"id": 5}'):
                raise Undeliverable("not that one", count)
            if count == 3:
                raise Unfinished("enough", count)
            self.lines.append(one)
        if len(self.lines) == 15:
            self.done.set()


def test_what_was_taken_of_a_batch_is_not_sent_again(tmp_path: Path) -> None:
    sink, bench, counts = PartSink(), Bench(tmp_path), Counter[Delivery]()
    box = SpooledOutbox(
        bench.spool, [sink], lambda _sink, outcome: counts.update([outcome]), bench.tally, jitter=lambda: 0.0
    )
    events = [line(number) for number in range(16)]
    for one in events:
        box.put(one, "normal")
    box.start()
    assert sink.done.wait(WAIT_S)
    box.stop(5)
    assert sink.lines == [one for one in events if one != events[5]]
    assert counts[Delivery.OK] == 15
    assert counts[Delivery.DROPPED] == 1
    assert counts[Delivery.FAILED] == 3
    assert sum(size for size in sink.batches) < 40, "no batch from its beginning again"
    assert bench.open().reader("part").next(9) == [], "all of it is acknowledged"
    bench.spool.close()
