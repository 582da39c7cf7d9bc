"""The live page, its streams, status and health."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, cast

from flask import Flask, Response, request
from flask.typing import ResponseReturnValue
from werkzeug.http import quote_etag

from edge_camera.live import Gallery, Screen
from edge_camera.replies import FRESH, add_errors, refusal, reply
from edge_common.errors import NotFound, NotReady, Overloaded

BOUNDARY = "edge-frame"
# The page needs nothing from elsewhere; a browser need not even try.
_CSP = "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'self'; script-src 'self'"
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}


def create_app(
    gallery: Gallery, status: Callable[[], dict[str, Any]], leaving: Callable[[], bool] = lambda: False
) -> Flask:
    """Return the app; `status` gives the document of `/status`, `leaving` is true once the process is to end."""
    app = Flask("edge_camera", static_folder=None)
    # A redirect would be an answer outside the contract, with an address made from the client's Host header.
    app.url_map.merge_slashes = False
    add_errors(app)
    _health(app, leaving)
    _page(app, status)
    _pictures(app, gallery)
    return app


def _page(app: Flask, status: Callable[[], dict[str, Any]]) -> None:
    folder = files("edge_camera").joinpath("static")
    contents = {name: folder.joinpath(name).read_bytes() for name in _KINDS}

    def static(name: str) -> ResponseReturnValue:
        headers = {"Content-Security-Policy": _CSP, "X-Content-Type-Options": "nosniff", **FRESH}
        return Response(contents[name], mimetype=_KINDS[name], headers=headers)

    app.add_url_rule("/", "index", static, defaults={"name": "page.html"})
    app.add_url_rule("/page.css", "style", static, defaults={"name": "page.css"})
    app.add_url_rule("/page.js", "script", static, defaults={"name": "page.js"})

    @app.get("/status")
    def current() -> ResponseReturnValue:
        return reply(status())


def _pictures(app: Flask, gallery: Gallery) -> None:
    @app.get("/snapshot/<camera>.jpg")
    def snapshot(camera: str) -> ResponseReturnValue:
        screen = _screen(gallery, camera)
        # Asked before the picture is made: a viewer who has it already costs no encoding.
        if (tag := screen.tag) and tag in request.if_none_match:
            return Response(status=304, headers={"ETag": quote_etag(tag), **FRESH})
        picture = screen.picture()
        if picture is None:
            raise NotFound(f"camera {camera} has given no frame yet")
        return Response(picture.jpeg, mimetype="image/jpeg", headers={"ETag": quote_etag(picture.tag), **FRESH})

    @app.get("/stream/<camera>")
    def stream(camera: str) -> ResponseReturnValue:
        _screen(gallery, camera)
        headers = {"Content-Type": f"multipart/x-mixed-replace; boundary={BOUNDARY}", **FRESH}
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


def _health(app: Flask, leaving: Callable[[], bool]) -> None:
    """Health is the process's own: were it a camera's, one broken cable would restart the pod."""

    @app.get("/v2/health/live")
    def live() -> ResponseReturnValue:
        return reply({"live": True})

    @app.get("/v2/health/ready")
    def ready() -> ResponseReturnValue:
        return refusal(NotReady("the process is stopping"), ready=False) if leaving() else reply({"ready": True})


def _screen(gallery: Gallery, camera: str) -> Screen:
    screen = gallery.screens.get(camera)
    if screen is None:
        raise NotFound(f"no camera {camera[:80]!r}; there are {', '.join(gallery.screens)}")
    return screen
