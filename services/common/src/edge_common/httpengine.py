"""Granian's compiled HTTP engine, and what its WSGI worker needs of Python: one function a request.

`import granian` brings asyncio, ssl and multiprocessing for its own command line: 9 MB and a third of a cold start
that a small service has no use for (docs/adr/0001-granian-in-process.md). Only the extension module is loaded.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from edge_common.errors import StartError

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]

_MODULE = "granian._granian"
# Its allocator keeps what bodies took in a heap per core, and gives it back only while it is used. With one heap and
# a thread that gives back, belt-detector is at 109 MB ten seconds after 300 clients' frames instead of 300, at the
# same speed (measured as `burst` in benchmarks does, with larger frames).
_ALLOCATOR = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true"
# What PEP 3333 asks for beyond the engine's own keys; the engine ends the input itself.
_ENVIRON: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.input_terminated": True,
    "wsgi.multiprocess": False,
    "wsgi.multithread": True,
    "wsgi.run_once": False,
    "wsgi.version": (1, 0),
}


@dataclass(frozen=True, slots=True)
class Http1:
    """The engine's HTTP/1 options, by the names it reads; the header timeout is in milliseconds."""

    header_read_timeout: int
    keep_alive: bool = True
    max_buffer_size: int = 8192 + 4096 * 100
    pipeline_flush: bool = False


def load_engine() -> Any:
    """Return the extension module, loaded once a process."""
    loaded = sys.modules.get(_MODULE)
    if loaded is not None:
        return loaded
    package = importlib.util.find_spec("granian")
    for folder in (package and package.submodule_search_locations) or ():
        for file in Path(folder).glob("_granian*.so"):
            return _load(file)
    raise StartError("granian's HTTP engine is not installed: want granian/_granian*.so")


def _load(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_MODULE, file)
    if spec is None or spec.loader is None:
        raise StartError(f"{file}: this Python cannot load it")
    # Read as the library is loaded.
    os.environ.setdefault("_RJEM_MALLOC_CONF", _ALLOCATOR)
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def scheduler(engine: Any, app: WsgiApp) -> Any:
    """Return what the worker calls for each request. The loop is asked for its methods, and never used by WSGI."""
    return engine.CallbackScheduler(SimpleNamespace(call_soon=None), _runner(app), None, None, None)


def _runner(app: WsgiApp) -> Callable[[Any, dict[str, Any]], int]:
    def run(protocol: Any, environ: dict[str, Any]) -> int:
        environ.update(_ENVIRON)
        environ["wsgi.errors"] = sys.stderr
        started = _Started()
        pieces = app(environ, started)
        if type(pieces) is list:
            protocol.response_bytes(started.status, started.headers, b"".join(pieces))
        else:
            protocol.response_iter(started.status, started.headers, _Pieces(pieces))
        return started.status

    return run


class _Started:
    """WSGI's start_response: keeps the status and the headers."""

    __slots__ = ("headers", "status")

    def __call__(self, status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
        self.status = int(status[:3])
        self.headers = headers


class _Pieces:
    """An answer without a known end, as the engine reads it: `__next__` and `close`."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._next = iter(pieces).__next__

    def __next__(self) -> bytes:
        return self._next()

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
