"""Events of a spool to the sinks of a config, once more, each with its own id."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from edge_camera.sinks.base import Sink
from edge_camera.sinks.file_config import FileConfig
from edge_camera.sinks.make import close_sinks, make_sinks, sink_faults
from edge_camera.sinks.mqtt_config import MqttConfig
from edge_camera.sinks.webhook_config import WebhookConfig
from edge_camera.spool.format import Entry
from edge_camera.spool.outbox import BATCH, BatchSink, Undeliverable, Unfinished
from edge_common.clock import SystemClock
from edge_common.errors import StartError
from edge_common.tomlfile import read_toml

_MAX_CONFIG_BYTES = 256 * 1024
# A sink is tried so often without getting anything through, with pauses of 0.5 to 8 s: about half a minute.
_TRIES = 7
_FIRST_S, _LONGEST_S = 0.5, 8.0
_PROGRESS_S = 2.0


class SinksTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[sinks]`, with every key that edge_camera.config.Sinks has, which brings OpenCV.

    Where the pod's own spool and pictures are does not matter here.
    """

    stdout: bool = False
    mqtt: MqttConfig | None = None
    webhook: WebhookConfig | None = None
    file: FileConfig | None = None
    spool: object = None
    snapshots: object = None


class _File(msgspec.Struct, frozen=True):
    sinks: SinksTable = SinksTable()


def read_sinks(path: Path) -> list[Sink]:
    """Return the sinks of a config; the rest of the file is not looked at.

    Raises:
        StartError: the file or its `[sinks]` cannot be used.
    """
    table = read_toml(path, _File, _MAX_CONFIG_BYTES).sinks
    for key, wanted, found in sink_faults(table):
        raise StartError(f"{path}: {key}: want {wanted}, found {found!r}")
    if table.mqtt is not None:
        table = msgspec.structs.replace(table, mqtt=_beside_the_pod(table.mqtt))
    sinks = make_sinks(table, socket.gethostname(), SystemClock())
    if not sinks:
        raise StartError(f"{path}: sinks: want stdout, mqtt, webhook or file, found none of them")
    return sinks


def _beside_the_pod(config: MqttConfig) -> MqttConfig:
    """A broker ends the older of two connections with the same id, and old states must not pass for present ones."""
    return msgspec.structs.replace(
        config,
        client_id=f"{config.client_id}-replay",
        state_topic=f"{config.state_topic}/replay",
        status_topic=f"{config.status_topic}/replay",
    )


class Sender:
    """Deliver to one sink in order; events that it will never take are left out and counted."""

    def __init__(self, sink: Sink, pause: Callable[[float], None] = time.sleep) -> None:
        self._sink, self._pause = sink, pause
        self._size = min(BATCH, sink.max_batch) if isinstance(sink, BatchSink) else 1
        self._failures = 0
        self.name = sink.name
        self.delivered = self.refused = 0

    def bring(self, lines: list[bytes]) -> None:
        """Deliver, trying again for a while.

        Raises:
            StartError: the sink takes nothing.
            BrokenPipeError: nobody reads stdout any more.
        """
        while lines:
            lines = lines[self._try(lines[: self._size]) :]

    def _try(self, lines: list[bytes]) -> int:
        """Return how many events are done with."""
        try:
            if isinstance(self._sink, BatchSink):
                self._sink.send_many(lines)
            else:
                self._sink.send(lines[0])
        except Undeliverable as exc:
            self._count(exc.done)
            self.refused += 1
            return exc.done + 1
        except OSError as exc:
            if isinstance(exc, BrokenPipeError) and self.name == "stdout":
                raise
            done, wait_s = (exc.done, exc.wait_s) if isinstance(exc, Unfinished) else (0, 0.0)
            self._count(done)
            self._fail(exc, wait_s)
            return done
        self._count(len(lines))
        return len(lines)

    def _count(self, done: int) -> None:
        self.delivered += done
        if done:
            self._failures = 0

    def _fail(self, exc: OSError, wait_s: float) -> None:
        self._failures += 1
        if self._failures >= _TRIES:
            raise StartError(
                f"sink {self.name}: {exc}; it has {self.delivered} of the events: start again when it works, "
                "receivers know an event that comes twice by its id"
            )
        self._pause(max(wait_s, min(_LONGEST_S, _FIRST_S * 2.0 ** (self._failures - 1))))


def send(entries: Iterable[Entry], senders: list[Sender], clock: Callable[[], float] = time.monotonic) -> bool:
    """Bring every event to every sink, with progress on stderr; return False when some were refused.

    Raises:
        StartError: a sink takes nothing.
    """
    told = clock()
    for lines in _batches(entries):
        for sender in senders:
            sender.bring(lines)
        if clock() - told >= _PROGRESS_S:
            told = clock()
            _progress(senders)
    _progress(senders)
    return not any(sender.refused for sender in senders)


def send_to(config: Path, entries: Iterable[Entry]) -> bool:
    """Bring events to the sinks of a config; errors as those of `read_sinks` and `send`."""
    sinks = read_sinks(config)
    try:
        return send(entries, [Sender(sink) for sink in sinks])
    finally:
        close_sinks(sinks)


def _batches(entries: Iterable[Entry]) -> Iterator[list[bytes]]:
    rest = iter(entries)
    while batch := [entry.line for entry in islice(rest, BATCH)]:
        yield batch


def _progress(senders: list[Sender]) -> None:
    counts = (f"{one.name} {one.delivered}" + (f" (refused {one.refused})" * (one.refused > 0)) for one in senders)
    print(f"edge-camera replay: delivered: {', '.join(counts)}", file=sys.stderr)
