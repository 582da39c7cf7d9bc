"""edgectl image build: a runtime image and a bundle become an OCI layout, without a daemon."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from edgectl.model.report import AsJson

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.table import Table

    from edge_common.bundle import Bundle
    from edgectl.image.image import Image
    from edgectl.image.make import Made
    from edgectl.image.sources import Sources
    from edgectl.image.store import Tick

# A site's own registry is named where the image is pushed.
_REGISTRY = "localhost"


def build(
    bundle: Annotated[Path, Argument(metavar="BUNDLE", help="The bundle's directory.")],
    runtime: Annotated[
        str,
        Option(
            metavar="IMAGE",
            help="The edge-inference image: oci:DIR, an OCI archive, containers-storage:NAME, or HOST/NAME:TAG.",
        ),
    ],
    output: Annotated[Path, Option(metavar="DIR", help="The OCI layout to write.")],
    registry: Annotated[
        str, Option(help="First part of the image's name, REGISTRY/edge-model-NAME:VERSION.")
    ] = _REGISTRY,
    platform: Annotated[str, Option(help="OS/ARCHITECTURE, such as linux/arm64; the only one there is if empty.")] = "",
    answers: Annotated[bool, Option(help="Ask the bundle its golden samples first.")] = True,
    plain_http: Annotated[bool, Option("--plain-http", help="Fetch the runtime without TLS: for a lab.")] = False,
    force: Annotated[bool, Option("--force", help="Replace what is at --output.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a bundle to the runtime as one layer. The same two always give the same bytes."""
    from contextlib import ExitStack

    from edgectl.image.make import checked_bundle
    from edgectl.image.sources import Sources
    from edgectl.model.report import show

    checked = checked_bundle(bundle, answers)
    with ExitStack() as stack:
        made = _made(Sources(stack, platform, plain_http), checked, runtime, registry, output, force)
        facts = _facts(made, output)
    show(facts, [_table(made, output)], as_json)
    if not as_json:
        # A digest is copied from here: no console may break the line.
        print(f"{made.name}@{made.manifest.digest}")


build.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl image build models/pump-failure --runtime containers-storage:localhost/edge-inference:0.1.0 "
    "--output pump\n\n"
    "edgectl image build bundles/dock --runtime registry.example.com/edge/edge-inference:0.1.0 --output dock"
)


def _made(sources: Sources, bundle: Bundle, runtime: str, registry: str, output: Path, force: bool) -> Made:
    from edgectl.image.make import make
    from edgectl.image.reference import reference
    from edgectl.model.aside import written

    name = str(reference(f"{registry.rstrip('/')}/edge-model-{bundle.name}:{bundle.version.replace('+', '_')}"))
    with written(output, force, "directory", reads=[bundle.directory]) as aside:
        image = sources.image(runtime)
        with _bar(image) as tick:
            return make(bundle, image, name, aside, tick)


def _bar(image: Image) -> AbstractContextManager[Tick]:
    from edgectl.image.bar import bar
    from edgectl.image.sizes import megabytes

    size = sum(blob.size for blob in image.store.far(image.layers))
    if size:
        print(f"{megabytes(size)} of the runtime cross the uplink to here", file=sys.stderr)
    return bar("fetching, kB", size)


def _facts(made: Made, output: Path) -> dict[str, Any]:
    return {
        "image": made.name,
        "digest": made.manifest.digest,
        "layout": str(output),
        "size": made.size,
        "layer": {
            "digest": made.layer.descriptor.digest,
            "diff_id": made.layer.diff_id,
            "size": made.layer.descriptor.size,
        },
        "runtime": {"name": made.runtime.name, "digest": made.runtime.manifest.digest},
    }


def _table(made: Made, output: Path) -> Table:
    from rich.table import Table

    from edgectl.image.sizes import megabytes

    table = Table("what", title=f"an OCI layout in {output}", title_justify="left")
    table.add_column("size", justify="right")
    table.add_column("digest")
    layer, runtime = made.layer.descriptor, made.runtime
    table.add_row("runtime", megabytes(sum(each.size for each in runtime.layers)), runtime.manifest.digest[:19])
    table.add_row("bundle", megabytes(layer.size), layer.digest[:19])
    table.add_row("image", megabytes(made.size), made.manifest.digest[:19])
    return table
