"""The parent's hold on one child."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from edge_camera.capture.messages import MAX_MESSAGE_BYTES, Job, Message, decode

# A process that SIGKILL does not end hangs in a driver; it is left to the kernel.
_REAP_S = 2.0
_PAGE = os.sysconf("SC_PAGE_SIZE")
# numpy's threads would be started and never used, at some MiB each.
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Gone(Exception):
    """The child has closed its socket: it has ended."""


class Child:
    """One running child. It dies with the thread that made it (prctl), so that thread is to stay with it."""

    def __init__(self, job: Job) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._sock = ours
        with theirs:
            # -P: modules come from where the program's do, never from the working directory.
            command = [sys.executable, "-P", "-m", "edge_camera.capture.child", str(theirs.fileno())]
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={**os.environ, **_QUIET},
                )
            except OSError:
                ours.close()
                raise
        self._poll = select.poll()
        self._poll.register(ours, select.POLLIN)
        self._tell(job)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def _tell(self, job: Job) -> None:
        assert self._process.stdin is not None
        # Smaller than a pipe's buffer, so this waits for nobody; a child that is dead already shows by its socket.
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(msgspec.json.encode(job))

    def receive(self, timeout_s: float) -> tuple[Message | None, list[int]] | None:
        """Return the next message with its descriptors, which are the caller's; None when none came in time.

        Raises:
            Gone: the child has ended, and all it said was received.
        """
        if not self._poll.poll(timeout_s * 1000):
            return None
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, MAX_MESSAGE_BYTES, 1, socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            raise Gone from None
        if not data:
            raise Gone
        return decode(data), fds

    def taken(self) -> None:
        """Let a child that works in lockstep go on."""
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._sock.send(b"a", socket.MSG_DONTWAIT)

    def resident_mb(self) -> float:
        """Return the child's resident memory in MiB, its frames in shared memory included; 0 when it has ended."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_bytes().split()[1]) * _PAGE / 2**20
        except (OSError, IndexError):
            return 0.0

    def end(self, grace_s: float = 0.0) -> str:
        """Kill the child if it runs after `grace_s`; return how it ended, in words."""
        self._sock.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        running = self._process.returncode is None
        self._process.kill()
        try:
            code = self._process.wait(_REAP_S)
        except subprocess.TimeoutExpired:
            return f"process {self.pid} does not end by SIGKILL"
        if running:
            return "killed"
        return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
