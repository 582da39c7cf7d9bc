"""One error vocabulary: what stops a start, and what a client is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class StartError(Exception):
    """A bad setting, file or bundle: one line on stderr, exit code 2."""


class EdgeError(Exception):
    """An error a client may read; status, slug and retry advice belong to the class."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retry_after_s: ClassVar[int | None] = None


class InvalidInput(EdgeError):
    """The client's fault; the text says what was wanted and what came."""

    status = 400
    code = "invalid_input"


class GraphFails(InvalidInput):
    """Inputs that fit what the model declares, and that it cannot work with all the same.

    The client reads 400, for others may well be answered; it is counted as the model's failure, since nobody else can
    know what the declaration leaves out.
    """


class NotFound(EdgeError):
    """Unknown model, version or path."""

    status = 404
    code = "not_found"


class MethodNotAllowed(EdgeError):
    """The path exists, the method does not; `allowed` goes into the Allow header."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(f"{method[:20]} is not allowed here; want {', '.join(self.allowed)}")


class BodyTimeout(EdgeError):
    """The body did not arrive within the time limit, or the client went away."""

    status = 408
    code = "body_timeout"


class BodyTooLarge(EdgeError):
    """The body is over the limit, as sent or after decompression."""

    status = 413
    code = "body_too_large"


class UnsupportedEncoding(EdgeError):
    """A Content-Encoding other than gzip, deflate and identity."""

    status = 415
    code = "unsupported_encoding"


class Overloaded(EdgeError):
    """Every slot and the short queue are taken: a newer request will be worth more than this one."""

    status = 429
    code = "overloaded"
    retry_after_s = 1


class NotImplementedHere(EdgeError):
    """Asked for something this server leaves out on purpose."""

    status = 501
    code = "not_implemented"


class NotReady(EdgeError):
    """Loading, failed its self-check, or draining."""

    status = 503
    code = "not_ready"
    retry_after_s = 1


class DeadlinePassed(EdgeError):
    """The request's own deadline passed before it ran."""

    status = 504
    code = "deadline_passed"
