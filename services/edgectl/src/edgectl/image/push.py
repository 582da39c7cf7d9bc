"""edgectl image push: an image to a registry, as little of it as can be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from edgectl.model.report import AsJson

if TYPE_CHECKING:
    from rich.table import Table

    from edgectl.image.image import Image
    from edgectl.image.plan import Plan
    from edgectl.image.reference import Reference
    from edgectl.image.registry import Registry

# Where `make images` and the charts have the runtime: its layers are most of a model's image.
_RUNTIME = "edge-inference"


def push(
    image: Annotated[
        str, Argument(metavar="LAYOUT", help="What image build wrote; or oci-archive:FILE, containers-storage:NAME.")
    ],
    to: Annotated[str, Argument(metavar="REFERENCE", help="HOST[:PORT]/NAME:TAG to push it to.")],
    link_from: Annotated[
        list[str] | None,
        Option(metavar="NAME", help="Repository there to link layers from; the edge-inference beside it by default."),
    ] = None,
    platform: Annotated[str, Option(help="OS/ARCHITECTURE, where the layout has several.")] = "",
    plain_http: Annotated[bool, Option("--plain-http", help="Without TLS: for a lab.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Push to a registry: says first how many bytes cross the uplink, goes on after a cut, and in the next run.

    The login is the one of `docker login` or `podman login` (REGISTRY_AUTH_FILE names another file).
    """
    from contextlib import ExitStack

    from edgectl.image.plan import plan
    from edgectl.image.reference import reference
    from edgectl.image.registry import Registry
    from edgectl.image.sources import Sources
    from edgectl.model.errors import ModelError
    from edgectl.model.report import show

    target = reference(to)
    if not target.tag or target.digest:
        raise ModelError(f"{to}: want HOST/NAME:TAG to push to, found {'a digest' if target.digest else 'no tag'}")
    with ExitStack() as stack:
        found = Sources(stack, platform, plain_http).image(image)
        registry = Registry(target.host, target.repository, plain_http, pushes=True)
        todo = plan(found, registry, target, link_from or _beside(target))
        _announce(todo, target, as_json)
        sent = None if dry_run else _send(todo, found, registry, target)
    facts = {"reference": str(target), "digest": found.manifest.digest, **todo.facts(), "bytes_sent": sent}
    if as_json:
        show(facts, [], as_json)
    elif not dry_run:
        print(f"pushed {target}@{found.manifest.digest}")


push.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl image push pump registry.example.com/edge/edge-model-pump-failure:1.0.0 --dry-run\n\n"
    "edgectl image push pump 198.18.1.2:5000/edge-model-pump-failure:1.0.0 --plain-http"
)


def _beside(target: Reference) -> list[str]:
    folder, slash, _ = target.repository.rpartition("/")
    beside = f"{folder}{slash}{_RUNTIME}"
    return [] if beside == target.repository else [beside]


def _announce(todo: Plan, target: Reference, as_json: bool) -> None:
    """Say it before anything is sent; on stderr, for programs read the one document on stdout."""
    from edgectl.image.sizes import megabytes

    line = f"{megabytes(todo.bytes)} of {megabytes(todo.size)} will cross the uplink to {target.host}"
    if as_json:
        print(line, file=sys.stderr)
        return
    from rich.console import Console

    Console().print(_table(todo), line, sep="\n")


def _send(todo: Plan, image: Image, registry: Registry, target: Reference) -> int:
    from edgectl.image.bar import bar
    from edgectl.image.kept import kept_uploads
    from edgectl.image.send import send
    from edgectl.image.upload import Uploader

    with bar("sending, kB", todo.bytes) as tick:
        return send(todo, image, Uploader(registry, kept_uploads()), target, tick)


def _table(todo: Plan) -> Table:
    from rich.table import Table

    from edgectl.image.plan import LINK, SEND, THERE
    from edgectl.image.sizes import megabytes

    words: dict[str, Any] = {SEND: "to send", THERE: "there", LINK: "linked from {}"}
    table = Table("kind", "digest")
    table.add_column("size", justify="right")
    table.add_column("registry")
    for row in todo.rows:
        table.add_row(row.kind, row.blob.digest[:19], megabytes(row.blob.size), words[row.action].format(row.source))
    return table
