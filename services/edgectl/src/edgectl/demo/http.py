"""The demo's own calls: is a service ready, how far is the camera, what says the pump model."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import urllib3

from edgectl.demo.processes import ChildFailed

TIMEOUT_S = 5.0


class Http:
    """Short calls to services on this machine."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S)

    def ready(self, port: int) -> str:
        """Return "" when the service on `port` is ready, else why it is not."""
        try:
            reply = self._pool.request("GET", f"http://127.0.0.1:{port}/v2/health/ready")
        except urllib3.exceptions.HTTPError:
            return "it does not answer yet"
        return "" if reply.status == 200 else reply.data.decode(errors="replace")[:300]

    def version(self, port: int, model: str) -> str:
        """Return the version that is served on `port`.

        Raises:
            ChildFailed: the service does not tell.
        """
        try:
            reply = self._pool.request("GET", f"http://127.0.0.1:{port}/v2/models/{model}")
            return msgspec.json.decode(reply.data, type=_Metadata).versions[0]
        except (urllib3.exceptions.HTTPError, msgspec.DecodeError) as exc:
            raise ChildFailed(f"{model} does not tell its version: {exc}") from None

    def frames_read(self, port: int) -> int | None:
        """Return how many frames the camera on `port` has read; None when it does not say."""
        try:
            reply = self._pool.request("GET", f"http://127.0.0.1:{port}/status")
            status = msgspec.json.decode(reply.data, type=_Status)
        except (urllib3.exceptions.HTTPError, msgspec.DecodeError):
            return None
        return status.cameras[0].totals.captured if status.cameras else None

    def predict(self, port: int, instance: Any) -> Prediction:
        """Return what the model on `port` says about one instance.

        Raises:
            ChildFailed: the service answers anything but a labelled prediction, or not at all.
        """
        body = msgspec.json.encode({"instances": [instance]})
        headers = {"Content-Type": "application/json"}
        try:
            reply = self._pool.request("POST", f"http://127.0.0.1:{port}/predict", body=body, headers=headers)
            answer = msgspec.json.decode(reply.data, type=_Predicted)
        except urllib3.exceptions.HTTPError as exc:
            raise ChildFailed(f"port {port} did not answer /predict: {exc}") from None
        except msgspec.DecodeError:
            text = reply.data.decode(errors="replace")[:300]
            raise ChildFailed(f"port {port} answered /predict with {reply.status}: {text}") from None
        return answer.predictions[0]

    def close(self) -> None:
        """Close every connection."""
        self._pool.clear()


class Prediction(msgspec.Struct, frozen=True):
    """A label and how sure the model is of it, 0 to 1."""

    label: str
    score: float


class _Predicted(msgspec.Struct, frozen=True):
    predictions: Annotated[list[Prediction], msgspec.Meta(min_length=1)]


class _Metadata(msgspec.Struct, frozen=True):
    versions: Annotated[list[str], msgspec.Meta(min_length=1)]


class _Totals(msgspec.Struct, frozen=True):
    captured: int


class _Camera(msgspec.Struct, frozen=True):
    totals: _Totals


class _Status(msgspec.Struct, frozen=True):
    cameras: list[_Camera]
