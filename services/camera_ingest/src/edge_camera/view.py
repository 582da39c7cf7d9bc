"""The live page, its streams, status and health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, cast

import msgspec
from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.http import quote_etag

from edge_camera.live import Gallery, Screen
from edge_common.errors import EdgeError, NotFound, Overloaded

BOUNDARY = "edge-frame"
# The page needs nothing from elsewhere; a browser need not even try.
_CSP = "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'self'; script-src 'self'"
_FRESH = {"Cache-Control": "no-store"}
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}


def create_app(gallery: Gallery, status: Callable[[], dict[str, Any]]) -> Flask:
    """Return the app; `status` gives the document of `/status`."""
    app = Flask("edge_camera", static_folder=None)
    _health(app)
    _errors(app)
    _page(app, status)
    _pictures(app, gallery)
    return app


def _page(app: Flask, status: Callable[[], dict[str, Any]]) -> None:
    folder = files("edge_camera").joinpath("static")
    contents = {name: folder.joinpath(name).read_bytes() for name in _KINDS}

    def static(name: str) -> ResponseReturnValue:
        headers = {"Content-Security-Policy": _CSP, "X-Content-Type-Options": "nosniff", **_FRESH}
        return Response(contents[name], mimetype=_KINDS[name], headers=headers)

    app.add_url_rule("/", "index", static, defaults={"name": "page.html"})
    app.add_url_rule("/page.css", "style", static, defaults={"name": "page.css"})
    app.add_url_rule("/page.js", "script", static, defaults={"name": "page.js"})

    @app.get("/status")
    def current() -> ResponseReturnValue:
        return _json(status())


def _pictures(app: Flask, gallery: Gallery) -> None:
    @app.get("/snapshot/<camera>.jpg")
    def snapshot(camera: str) -> ResponseReturnValue:
        screen = _screen(gallery, camera)
        # Asked before the picture is made: a viewer who has it already costs no encoding.
        if (tag := screen.tag) and tag in request.if_none_match:
            return Response(status=304, headers={"ETag": quote_etag(tag), **_FRESH})
        picture = screen.picture()
        if picture is None:
            raise NotFound(f"camera {camera} has given no frame yet")
        return Response(picture.jpeg, mimetype="image/jpeg", headers={"ETag": quote_etag(picture.tag), **_FRESH})

    @app.get("/stream/<camera>")
    def stream(camera: str) -> ResponseReturnValue:
        _screen(gallery, camera)
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


def _screen(gallery: Gallery, camera: str) -> Screen:
    screen = gallery.screens.get(camera)
    if screen is None:
        raise NotFound(f"no camera {camera!r}; there are {', '.join(gallery.screens)}")
    return screen


def _json(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode(document)
    return Response(body, status, mimetype="application/json", headers={**_FRESH, **(headers or {})})
