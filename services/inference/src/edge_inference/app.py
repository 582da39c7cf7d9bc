"""Every endpoint but infer and health: metadata, statistics, /predict, the page, and the errors of all."""

from __future__ import annotations

import time
from importlib import resources
from importlib.metadata import version as installed_version
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from edge_common.errors import InvalidInput, MethodNotAllowed, NotFound, NotImplementedHere
from edge_inference import describe
from edge_inference.openapi import openapi
from edge_inference.service import Service

EXTENSIONS = ["binary_tensor_data", "statistics", "model_configuration", "model_repository"]


def create_app(service: Service) -> Flask:
    """Return the app; unknown exceptions propagate to the door, which answers 500."""
    app = Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    app.url_map.strict_slashes = False
    # A redirect would be an answer outside the contract, with an address made from the client's Host header.
    app.url_map.merge_slashes = False
    app.register_error_handler(HTTPException, _http_error)
    _add_server(app, service)
    _add_model(app, service)
    _add_people(app, service)
    return app


def _add_server(app: Flask, service: Service) -> None:
    @app.get("/v2")
    def server() -> Response:
        return reply(
            {"name": service.settings.name, "version": installed_version("edge-inference"), "extensions": EXTENSIONS}
        )

    @app.get("/v2/models/stats")
    def all_stats() -> Response:
        return reply(describe.statistics(service))

    @app.post("/v2/repository/index")
    def index() -> Response:
        return reply(describe.index(service))

    @app.post("/v2/repository/models/<name>/<any(load,unload):action>")
    def load_or_unload(name: str, action: str) -> Response:
        raise NotImplementedHere(f"{action}: not offered; a new version of {name[:80]!r} is a new container")


def _add_model(app: Flask, service: Service) -> None:
    def route(rule: str, view: Any) -> None:
        for base in ("/v2/models/<name>", "/v2/models/<name>/versions/<version>"):
            endpoint = f"{view.__name__}{len(app.view_functions)}"
            app.add_url_rule(base + rule, endpoint, view, methods=["GET"], defaults=None)

    def metadata(name: str, version: str | None = None) -> Response:
        _check_name(service, name, version)
        return reply(describe.metadata(service))

    def ready(name: str, version: str | None = None) -> Response:
        _check_name(service, name, version)
        service.check_ready()
        return reply({"name": service.bundle.name, "ready": True})

    def config(name: str, version: str | None = None) -> Response:
        _check_name(service, name, version)
        return reply(describe.config(service))

    def stats(name: str, version: str | None = None) -> Response:
        _check_name(service, name, version)
        return reply(describe.statistics(service))

    for rule, view in (("", metadata), ("/ready", ready), ("/config", config), ("/stats", stats)):
        route(rule, view)

    # The right name is answered at the door; what comes here has a wrong name or version, or ends in a slash.
    @app.post("/v2/models/<name>/infer")
    @app.post("/v2/models/<name>/versions/<version>/infer")
    def infer(name: str, version: str | None = None) -> Response:
        _check_name(service, name, version)
        raise NotFound(f"no such path: {request.path[:120]!r}")


def _add_people(app: Flask, service: Service) -> None:
    # Answered at the door; here it makes the 405 of another method, and the 404 of a slash too many.
    @app.post("/predict")
    def predict() -> Response:
        raise NotFound(f"no such path: {request.path[:120]!r}")

    @app.get("/")
    def page() -> Response:
        html = resources.files("edge_inference").joinpath("static/page.html").read_text(encoding="utf-8")
        return Response(html, content_type="text/html; charset=utf-8", headers=PAGE_HEADERS)

    @app.get("/status")
    def status() -> Response:
        return reply(describe.status(service, time.time()))

    @app.get("/openapi.json")
    def api() -> Response:
        return reply(openapi(service.bundle.name, service.bundle.version, service.settings.name))


# The page is one file: whatever else it might be made to load is refused.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def reply(body: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), status=status, content_type="application/json"
    )


def _check_name(service: Service, name: str, version: str | None) -> None:
    bundle = service.bundle
    if name != bundle.name:
        raise NotFound(f"Request for unknown model: {name[:80]!r} is not found; this server has {bundle.name!r}")
    if version is not None and version != bundle.version:
        raise NotFound(
            f"Request for unknown model: {name!r} version {version[:40]!r} is not found; "
            f"this server has version {bundle.version!r}"
        )


def _http_error(exc: HTTPException) -> Response:
    """Werkzeug's own refusals take the one wire shape, too: raised on, the door renders them."""
    if isinstance(exc, WrongMethod):
        raise MethodNotAllowed(request.method, sorted(exc.valid_methods or [])) from None
    if exc.code == 404:
        raise NotFound(f"no such path: {request.path[:120]!r}") from None
    raise InvalidInput(f"{exc.name}: {exc.description}") from None
