"""What parent and child tell each other. The job goes over stdin, the rest over a socket that keeps messages apart."""

from __future__ import annotations

from enum import StrEnum

import msgspec

# A message is a few fields; the job holds a URL or a path, and credentials.
MAX_MESSAGE_BYTES = 1024
MAX_JOB_BYTES = 32 * 1024


class Kind(StrEnum):
    """How a camera is read."""

    RTSP = "rtsp"
    MJPEG = "mjpeg"
    V4L2 = "v4l2"
    IMAGES = "images"


class Reason(StrEnum):
    """Why an attempt to read a camera ended; a closed set, since it is a metric's label."""

    CREDENTIALS = "credentials"
    OPEN_TIMEOUT = "open_timeout"
    READ_TIMEOUT = "read_timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    OPEN_FAILED = "open_failed"
    NOT_A_STREAM = "not_a_stream"
    TOO_LARGE = "too_large"
    ENDED = "ended"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """All that a child needs; `user` and `password` exist in no other message, and in no argument or variable."""

    kind: Kind
    target: str
    parent: int
    user: str | None = None
    password: str = ""
    transport: str = "tcp"
    ca: str | None = None
    max_header_bytes: int = 8192
    max_part_bytes: int = 16 * 1024 * 1024
    fps: float = 1.0
    loop: bool = False
    fast: bool = False

    def __repr__(self) -> str:
        return f"Job({self.kind})"


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The source is open; frames follow."""


class NewRing(msgspec.Struct, frozen=True, tag="ring"):
    """Frames come in this ring from now on; its descriptor travels with the message."""

    width: int
    height: int


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """Look into the ring; `undecodable` counts from the child's start."""

    undecodable: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The child ends. `detail` is made of the child's own words and numbers, never of a URL or a library's text."""

    reason: Reason
    detail: str


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The source has come to its natural end, as a folder of images does."""


Message = Opened | NewRing | Tick | Failed | Finished

_decoder = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """Return the message as one datagram."""
    return msgspec.json.encode(message)


def decode(data: bytes) -> Message | None:
    """Return the message; None when it is none, as a child whose memory a decoder overwrote may send."""
    try:
        message: Message = _decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return message


class Failure(Exception):
    """Reading cannot go on; told to the parent as `Failed`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail
