"""Ask the inference service about a frame, within the frame's deadline, once."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, cast
from urllib.parse import quote

import cv2
import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from edge_camera.answer import Answer, read_answers
from edge_camera.bounded import connection_pool
from edge_camera.card import AnswerError, Card, read_card
from edge_camera.frame import Frame, Pixels
from edge_camera.wire import HEADER, decode_reply, encode_request
from edge_common.clock import Clock

log = logging.getLogger(__name__)

# A detector's reply is some kilobytes; a server that sends more than this is not one.
MAX_REPLY_BYTES = 8 * 1024 * 1024
_CHUNK = 256 * 1024
# The reason of a failure is shown and logged; a strange server could make it megabytes.
MAX_DETAIL = 300
_STATES = {408: "timeout", 429: "rejected", 503: "rejected", 504: "timeout"}


class State(StrEnum):
    """What came of asking; `no_frame` is an event's state when there was nothing to ask about."""

    OK = "ok"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    ERROR = "error"
    STALE = "stale"
    NO_FRAME = "no_frame"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The outcome of one question. Only when `state` is ok do empty `answers` mean that nothing was seen."""

    state: State
    answers: tuple[Answer, ...] = ()
    model_version: str | None = None
    age_s: float
    inference_s: float = 0.0
    detail: str = ""
    track: Literal["main", "candidate"] = "main"


class _FailedError(Exception):
    def __init__(self, state: State, detail: str) -> None:
        super().__init__(detail)
        self.state = state


class InferenceClient:
    """One kept-alive connection to one model; for use by one thread.

    Nothing is retried: by the time a second try ends, the camera has a newer frame. `expected` labels that the model
    does not have are told in the log: rules that wait for them would be silent for ever.
    """

    def __init__(
        self,
        url: str,
        model: str,
        deadline_s: float,
        max_side: int,
        clock: Clock,
        expected: Collection[str] = (),
    ) -> None:
        self._expected = expected
        self._pool = connection_pool(url)
        self._path = f"{urllib3.util.parse_url(url).path or ''}".rstrip("/") + f"/v2/models/{quote(model)}"
        self._deadline_s = deadline_s
        self._max_side = max_side
        self._clock = clock
        self._card: Card | None = None
        self._told = ""

    def prepare(self) -> None:
        """Connect and read the model's metadata, so that the first frame need not wait for it; may fail."""
        try:
            self._card = self._read_card(self._deadline_s)
        except (_FailedError, AnswerError) as exc:
            log.warning("the model is not known yet: %.*s", MAX_DETAIL, exc)

    def ask(self, frame: Frame) -> Reply:
        """Return what the model says about `frame`, or why it says nothing; never raises for the world."""
        try:
            card = self._known_card(frame)
            asked = self._clock.monotonic()
            version, answers = self._infer(card, frame)
        except _FailedError as exc:
            return Reply(state=exc.state, age_s=self._age(frame), detail=str(exc)[:MAX_DETAIL])
        except AnswerError as exc:
            self._card = None
            return Reply(state=State.ERROR, age_s=self._age(frame), detail=str(exc)[:MAX_DETAIL])
        age, took = self._age(frame), self._clock.monotonic() - asked
        if age > self._deadline_s:
            late = f"the answer came after {age * 1000:.0f} ms, past the deadline"
            return Reply(state=State.TIMEOUT, age_s=age, detail=late)
        return Reply(state=State.OK, answers=tuple(answers), model_version=version, age_s=age, inference_s=took)

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()

    def _age(self, frame: Frame) -> float:
        return self._clock.monotonic() - frame.stamp.monotonic

    def _left(self, frame: Frame) -> float:
        left = self._deadline_s - self._age(frame)
        if left <= 0:
            raise _FailedError(State.STALE, "the frame was past its deadline before it could be sent")
        return left

    def _known_card(self, frame: Frame) -> Card:
        if self._card is None:
            self._card = self._read_card(self._left(frame))
        return self._card

    def _read_card(self, left_s: float) -> Card:
        body, _ = self._call("GET", self._path, left_s, {}, [])
        card = read_card(body)
        # Read anew at every misfit, so told only when it says something new.
        if card.version != self._told:
            log.info("model version %s: asking for %s", card.version, ", ".join(card.outputs))
            self._tell_unknown(card)
        self._told = card.version
        return card

    def _tell_unknown(self, card: Card) -> None:
        unknown = sorted(set(self._expected) - set(card.labels)) if card.labels else []
        if unknown:
            log.warning(
                "alert rules wait for %s, which model version %s does not know; it knows %s",
                ", ".join(unknown), card.version, ", ".join(card.labels)[:MAX_DETAIL],
            )  # fmt: skip

    def _infer(self, card: Card, frame: Frame) -> tuple[str, list[Answer]]:
        pixels, scale = fit(frame.pixels, min(self._max_side, card.max_side or self._max_side))
        headers, parts = encode_request(card, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8))
        body, json_length = self._call("POST", self._path + "/infer", self._left(frame), headers, parts)
        version, outputs = decode_reply(body, json_length)
        if version != card.version:
            # A rollout happened behind the address, and the new version may have other labels.
            self._card = None
            card = self._known_card(frame)
        if version != card.version:
            raise AnswerError(f"version {version} answered, but the metadata is of version {card.version}")
        return version, read_answers(card, outputs, scale, frame.size)

    def _call(
        self, method: str, path: str, left_s: float, headers: dict[str, str], parts: list[bytes | memoryview]
    ) -> tuple[bytes, str | None]:
        """Return the reply's body and its header length, or raise _FailedError; `left_s` bounds all of it."""
        try:
            response = self._pool.urlopen(
                method,
                path,
                body=cast("list[bytes]", parts) or None,  # urllib3 sends any buffer; its types say bytes
                headers={**headers, "X-Request-Timeout-Ms": str(max(1, int(left_s * 1000)))},
                timeout=urllib3.Timeout(total=left_s),
                preload_content=False,
            )
            body = _body(response)
        except NewConnectionError as exc:
            raise _FailedError(State.ERROR, f"cannot connect: {exc}") from None
        except TimeoutError:
            raise _FailedError(State.TIMEOUT, "no answer within the deadline") from None
        except HTTPError as exc:
            raise _FailedError(State.ERROR, f"{type(exc).__name__}: {exc}") from None
        if response.status != 200:
            state = State(_STATES.get(response.status, "error"))
            raise _FailedError(state, f"HTTP {response.status}: {body[:200].decode(errors='replace')}")
        return body, response.headers.get(HEADER)


def _body(response: urllib3.BaseHTTPResponse) -> bytes:
    pieces, size = [], 0
    try:
        while piece := response.read1(_CHUNK):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_REPLY_BYTES:
                raise _FailedError(State.ERROR, f"the reply is over {MAX_REPLY_BYTES} bytes")
        response.release_conn()
    finally:
        response.close()  # after release_conn the connection is the pool's again and stays open
    return b"".join(pieces)


def fit(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Shrink a picture so that its longer side is at most `side`; return it and the factor (at most 1)."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels, 1.0
    scale = side / longest
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), scale
