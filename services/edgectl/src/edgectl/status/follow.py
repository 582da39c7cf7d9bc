"""`edgectl logs --follow`: the pods that are there, and those that take their places."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from edge_common.errors import StartError
from edgectl.cluster.api import Refused
from edgectl.cluster.objects import Pod
from edgectl.cluster.pods import serving_status

_AGAIN_S = 1.0
# When a log has ended and its container goes on for so long, the connection has ended: an API server that restarts.
_STILL_S = 5.0
# A pod, and how often its container has begun anew: each is a log of its own.
Log = tuple[str, int]


@dataclass(slots=True)
class Follower:
    """`pods` lists those that are there now; `read` prints the log of one to its end.

    It is told whether there are several pods, so that each line needs a name, and of how many seconds (None: all).
    """

    pods: Callable[[], Sequence[Pod]]
    read: Callable[[Pod, bool, int | None], None]
    # When a log ended; None while it is followed.
    ends: dict[Log, float | None] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    any_log: bool = False
    faults: SimpleQueue[OSError | ValueError | Refused] = field(default_factory=SimpleQueue)

    def run(self) -> bool:
        """Print until Ctrl-C; return whether any pod had a log.

        Raises:
            Refused: no permission.
            OSError, ValueError: of stdout: nobody reads on, as after `| head`, or it cannot encode this.
        """
        try:
            while True:
                self._begin()
                try:
                    raise self.faults.get(timeout=_AGAIN_S)
                except Empty:
                    continue
        except KeyboardInterrupt:
            return self.any_log

    def _begin(self) -> None:
        """Follow each container that is not followed yet."""
        try:
            pods = self.pods()
        except Refused:
            raise
        except StartError as exc:
            # An API server that restarts is asked again.
            self._tell(str(exc))
            return
        if not pods:
            self._tell("no pods now: waiting for the next one")
        for pod in pods:
            log = _log(pod)
            if pod.status.phase == "Pending" or (log in self.ends and not self._broke(pod, log)):
                continue
            ended = self.ends.get(log)
            self.ends[log] = None
            several = len({name for name, _ in self.ends}) > 1
            missed = None if ended is None else int(time.monotonic() - ended)
            threading.Thread(target=self._follow, args=(pod, log, several, missed), daemon=True).start()

    def _broke(self, pod: Pod, log: Log) -> bool:
        ended = self.ends[log]
        return ended is not None and pod.status.phase == "Running" and time.monotonic() - ended >= _STILL_S

    def _follow(self, pod: Pod, log: Log, several: bool, missed: int | None) -> None:
        try:
            self.read(pod, several, missed)
            self.any_log = True
        except (OSError, ValueError, Refused) as exc:
            self.faults.put(exc)
        except StartError as exc:
            self._tell(str(exc))
        self.ends[log] = time.monotonic()

    def _tell(self, text: str) -> None:
        """Say it on stderr, once."""
        if text not in self.told:
            self.told.add(text)
            print(f"edgectl: {text}", file=sys.stderr)


def _log(pod: Pod) -> Log:
    status = serving_status(pod)
    return pod.metadata.name, status.restart_count if status else 0
