"""The last state of each camera as the broker has to retain it, and none of a camera that is gone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from edge_camera.sinks.mqtt_link import Message

# A process has at most 64 cameras at a time, and some more after reloads.
_MOST = 256


class States:
    """Used by the courier; `keep` may come from any thread. `topic_of` tells where a camera's state is retained."""

    def __init__(self, topic_of: Callable[[str], str]) -> None:
        self._topic_of = topic_of
        self._lock = threading.Lock()
        self._last: OrderedDict[str, Message] = OrderedDict()
        self._cameras: frozenset[str] | None = None
        self._gone: dict[str, Message] = {}

    def keep(self, cameras: frozenset[str]) -> None:
        """From now on there are no other cameras. Until the first call, every camera counts as one that is there."""
        with self._lock:
            for name in (self._cameras or frozenset()) - cameras:
                topic = self._topic_of(name)
                self._last.pop(topic, None)
                self._gone[topic] = Message(topic=topic, payload=b"", retain=True)
                if len(self._gone) > _MOST:
                    del self._gone[next(iter(self._gone))]
            for name in cameras:
                self._gone.pop(self._topic_of(name), None)
            self._cameras = cameras

    def kept(self, camera: str) -> bool:
        """Return False for a camera that is gone: what still waits of it must not be retained again."""
        with self._lock:
            return self._cameras is None or camera in self._cameras

    def all(self) -> list[Message]:
        """Return what a new connection tells: a broker that was started anew may have forgotten."""
        with self._lock:
            return list(self._last.values())

    def gone(self) -> list[Message]:
        """Return what takes the states of cameras that are gone off the broker."""
        with self._lock:
            return list(self._gone.values())

    def told(self, message: Message) -> None:
        """The broker has acknowledged a retained message."""
        with self._lock:
            if not message.payload:
                if self._gone.get(message.topic) is message:
                    del self._gone[message.topic]
                return
            if message.topic in self._gone:
                return  # it was under way when the camera went
            self._last[message.topic] = message
            self._last.move_to_end(message.topic)
            if len(self._last) > _MOST:
                self._last.popitem(last=False)
