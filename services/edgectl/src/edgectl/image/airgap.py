"""edgectl image airgap: one file for a gateway without a network, or for one whose uplink is paid by the byte."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from edgectl.model.report import AsJson

if TYPE_CHECKING:
    from rich.table import Table

    from edgectl.image.gap import Gap
    from edgectl.image.gapfile import Contents
    from edgectl.image.sources import Sources

_CHARTS = Path("charts")


def airgap(
    images: Annotated[
        list[str] | None,
        Argument(
            metavar="[[NAME=]IMAGE]...", help="oci:DIR, an OCI archive, containers-storage:NAME, or HOST/NAME:TAG."
        ),
    ] = None,
    output: Annotated[Path | None, Option(metavar="FILE.tar", help="The file to write.")] = None,
    manifests: Annotated[
        Path | None,
        Option(
            metavar="DIR", help="Your site's HelmCharts (as k3s/manifests): they, their charts and images go along."
        ),
    ] = None,
    charts: Annotated[Path, Option(metavar="DIR", help="Sources of the charts.")] = _CHARTS,
    since: Annotated[
        Path | None, Option(metavar="EARLIER", help="Leave out what this file, or the airgap.json in it, has brought.")
    ] = None,
    check: Annotated[Path | None, Option(metavar="FILE.tar", help="Only check a file against the sums in it.")] = None,
    platform: Annotated[str, Option(help="OS/ARCHITECTURE, where images have several.")] = "",
    plain_http: Annotated[bool, Option("--plain-http", help="Pull without TLS: for a lab.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    force: Annotated[bool, Option("--force", help="Replace what is at --output.")] = False,
    as_json: AsJson = False,
) -> None:
    """Pack images, charts, values and checksums for `k3s ctr images import` and K3s' air-gap folder.

    On the gateway: `tar xf FILE apply.sh && sudo sh apply.sh FILE` checks it and puts everything where K3s finds it.
    """
    from contextlib import ExitStack

    from edgectl.image.sources import Sources
    from edgectl.model.errors import ModelError

    if check is not None:
        _check(check, as_json)
        return
    if output is None or not (images or manifests):
        raise ModelError("image airgap: want --output FILE.tar, and images or --manifests DIR; see --help")
    with ExitStack() as stack:
        contents = _contents(Sources(stack, platform, plain_http), images or [], manifests, charts, since)
        _announce(contents, output, as_json)
        if not dry_run:
            _write(contents, output, force)
    _end(contents.gap(), output, dry_run, as_json)


airgap.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\n"
    "edgectl image airgap oci:belt oci:pump containers-storage:localhost/edge-camera-ingest:0.1.0 "
    "--manifests k3s/manifests --output site-1.tar\n\n"
    "edgectl image airgap oci:pump-1.1.0 oci:belt --since site-1.tar --output site-2.tar\n\n"
    "edgectl image airgap --check site-2.tar"
)


def _contents(sources: Sources, given: list[str], manifests: Path | None, charts: Path, since: Path | None) -> Contents:
    from edgectl.image.charts import packed
    from edgectl.image.collect import collect, platform_of
    from edgectl.image.gap import Earlier, read_gap
    from edgectl.image.gapfile import Contents, value_files
    from edgectl.image.releases import images, releases

    earlier = Earlier(since, read_gap(since)) if since is not None else None
    found = releases(manifests, charts) if manifests is not None else []
    named = collect(given, images(found), sources)
    extras = value_files(found, manifests, packed(found)) if manifests is not None else {}
    return Contents(named, platform_of(named), extras, earlier)


def _announce(contents: Contents, output: Path, as_json: bool) -> None:
    """Say all sizes before anything is fetched or written; on stderr, for programs read the one document on stdout."""
    from rich.console import Console

    from edgectl.image.sizes import megabytes

    lines = [_total(contents, output)]
    if far := sum(blob.size for blob, image in contents.carried().values() if image.store.far([blob])):
        lines.insert(0, f"{megabytes(far)} cross the uplink to here, from registries")
    if gone := contents.dropped():
        lines.append(f"not in this file, so no longer in the gateway's archive: {', '.join(gone)}")
    if not as_json:
        Console().print(_table(contents))
    print(*lines, sep="\n", file=sys.stderr if as_json else sys.stdout, flush=True)


def _total(contents: Contents, output: Path) -> str:
    from edgectl.image.gapfile import file_size
    from edgectl.image.sizes import megabytes

    gap = contents.gap()
    left = f"; {megabytes(sum(gap.blobs[each] for each in gap.left_out))} are left out" if contents.earlier else ""
    return f"{megabytes(file_size(contents))} go into {output}, for {gap.platform}{left}"


def _table(contents: Contents) -> Table:
    from rich.table import Table

    from edgectl.image.sizes import megabytes

    new = {digest: blob.size for digest, (blob, _) in contents.carried().items()}
    table = Table("what")
    for column in ("size", "carried"):
        table.add_column(column, justify="right")
    for each in contents.images:
        # A layer that several share counts with the first of them.
        blobs = (each.image.manifest, *each.image.blobs)
        table.add_row(each.name, megabytes(each.image.size), megabytes(sum(new.pop(blob.digest, 0) for blob in blobs)))
    for name, data in contents.extras.items():
        table.add_row(name, megabytes(len(data)), megabytes(len(data)))
    return table


def _write(contents: Contents, output: Path, force: bool) -> None:
    from edgectl.image.bar import bar
    from edgectl.image.gapfile import write
    from edgectl.model.aside import written

    carried = contents.carried()
    with written(output, force, "file") as aside:
        with bar("fetching, kB", sum(blob.size for blob, image in carried.values() if image.store.far([blob]))) as tick:
            for blob, image in carried.values():
                image.store.fetch([blob], tick)
        with bar("writing, kB", contents.gap().size) as tick:
            write(contents, aside, tick)


def _end(gap: Gap, output: Path, dry_run: bool, as_json: bool) -> None:
    from edgectl.model.report import show

    if as_json:
        show(_facts(gap, output, None if dry_run else output.stat().st_size), [], as_json)
    elif not dry_run:
        then = f"tar xf {output.name} apply.sh && sudo sh apply.sh {output.name}"
        print(f"{output}: {len(gap.images)} images; on the gateway: {then}")


def _check(path: Path, as_json: bool) -> None:
    from edgectl.image.bar import bar
    from edgectl.image.gapcheck import check_gap
    from edgectl.image.sizes import megabytes
    from edgectl.model.report import show

    size = path.stat().st_size if path.is_file() else 0
    with bar("checking, kB", size) as tick:
        gap = check_gap(path, tick)
    if as_json:
        show(_facts(gap, path, size), [], as_json)
        return
    whole = f"a difference: it stands on the file whose airgap.json is {gap.since[:12]}" if gap.since else "whole"
    print(f"{path}: ok: {len(gap.images)} images for {gap.platform}, {megabytes(size)}, {whole}")


def _facts(gap: Gap, path: Path, size: int | None) -> dict[str, Any]:
    images = [{"name": each.name, "digest": each.digest, "size": each.size} for each in gap.images]
    left = sum(gap.blobs[each] for each in gap.left_out)
    return {
        "file": str(path), "file_size": size, "platform": gap.platform, "since": gap.since, "images": images,
        "bytes_of_blobs": gap.size, "bytes_left_out": left,
    }  # fmt: skip
