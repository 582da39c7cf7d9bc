"""The live page, its streams, status and health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, cast

import msgspec
from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from edge_camera.live import Gallery
from edge_common.errors import EdgeError, NotFound, Overloaded

BOUNDARY = "edge-frame"
# The page needs nothing from elsewhere; a browser need not even try.
_CSP = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
_FRESH = {"Cache-Control": "no-store"}


def create_app(gallery: Gallery, status: Callable[[], dict[str, Any]]) -> Flask:
    """Return the app; `status` gives the document of `/status`."""
    app = Flask("edge_camera", static_folder=None)
    _health(app)
    _errors(app)
    _page(app, status)
    _pictures(app, gallery)
    return app


def _page(app: Flask, status: Callable[[], dict[str, Any]]) -> None:
    page = files("edge_camera").joinpath("page.html").read_bytes()

    @app.get("/")
    def index() -> ResponseReturnValue:
        headers = {"Content-Security-Policy": _CSP, **_FRESH}
        return Response(page, mimetype="text/html", headers=headers)

    @app.get("/status")
    def current() -> ResponseReturnValue:
        return _json(status())


def _pictures(app: Flask, gallery: Gallery) -> None:
    @app.get("/snapshot/<camera>.jpg")
    def snapshot(camera: str) -> ResponseReturnValue:
        _known(gallery, camera)
        jpeg = gallery.screens[camera].jpeg()
        if jpeg is None:
            raise NotFound(f"camera {camera} has given no frame yet")
        return Response(jpeg, mimetype="image/jpeg", headers=_FRESH)

    @app.get("/stream/<camera>")
    def stream(camera: str) -> ResponseReturnValue:
        _known(gallery, camera)
        headers = {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}", **_FRESH}
        if request.method == "HEAD":
            return Response(headers=headers)
        pictures = gallery.watch(camera)
        if pictures is None:
            raise Overloaded("every place for live viewers is taken; close another stream")
        return Response(_Parts(pictures), headers=headers)


class _Parts(Iterator[bytes]):
    """MJPEG parts of a stream of pictures; the server calls `close` when the viewer has gone."""

    def __init__(self, pictures: Iterator[bytes]) -> None:
        self._pictures = pictures

    def __next__(self) -> bytes:
        jpeg = next(self._pictures)
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        return head.encode() + jpeg + b"\r\n"

    def close(self) -> None:
        cast(Any, self._pictures).close()


def _health(app: Flask) -> None:
    """Health is the process's own: were it a camera's, one broken cable would restart the pod."""

    @app.get("/v2/health/live")
    def live() -> ResponseReturnValue:
        return _json({"live": True})

    @app.get("/v2/health/ready")
    def ready() -> ResponseReturnValue:
        return _json({"ready": True})


def _errors(app: Flask) -> None:
    @app.errorhandler(EdgeError)
    def told(exc: EdgeError) -> ResponseReturnValue:
        headers = {} if exc.retry_after_s is None else {"Retry-After": str(exc.retry_after_s)}
        return _json({"error": str(exc), "code": exc.code}, exc.status, headers)

    @app.errorhandler(HTTPException)
    def routed(exc: HTTPException) -> ResponseReturnValue:
        text = f"{request.method} {request.path}: {exc.name}"
        return _json({"error": text, "code": exc.name.lower().replace(" ", "_")}, exc.code or 500)


def _known(gallery: Gallery, camera: str) -> None:
    if camera not in gallery.screens:
        raise NotFound(f"no camera {camera!r}; there are {', '.join(gallery.screens)}")


def _json(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, mimetype="application/json", headers={**_FRESH, **(headers or {})})
