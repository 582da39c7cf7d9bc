"""Write a bundle: golden outputs recorded from given inputs, model.toml last, nothing half-written left behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Required, TypedDict, Unpack

import msgspec

from edge_common.bundle import (
    MANIFEST,
    Bundle,
    BundleError,
    check_graph,
    read_bundle,
    refuse_external_data,
    sha256_of,
)
from edge_common.golden import Golden, check_golden_matches, compare, load_all, save_golden
from edge_common.manifest import (
    SCHEMA,
    Answer,
    Budget,
    File,
    GoldenSpec,
    Image,
    Manifest,
    Reference,
    Source,
    Task,
    manifest_dict,
)
from edge_common.tensors import Array
from edge_common.tomlfile import ConfigError, typed
from edgectl.bundle.graph import target_in
from edgectl.bundle.order import check_order
from edgectl.bundle.session import Model
from edgectl.deferred import deferred

MODEL, LABELS, GOLDEN = "model.onnx", "labels.txt", "golden"


class Facts(TypedDict, total=False):
    """What a caller says of a model, as docs/bundle.md has it; None is as good as left out."""

    name: Required[str]
    version: Required[str]
    task: Task
    description: str
    image: Image | None
    answer: Answer | None
    reference: Reference | None
    budget: Budget | None
    source: Source | None


def create_bundle(
    model: Path,
    out: Path,
    *,
    inputs: Sequence[Mapping[str, Array]],
    labels: Sequence[str] = (),
    rtol: float = 1e-3,
    atol: float = 1e-4,
    extra: Mapping[str, str] | None = None,
    force: bool = False,
    **facts: Unpack[Facts],
) -> Bundle:
    """Write the bundle directory `out` for the graph `model`, and return it read back.

    Each element of `inputs` (input name -> array) becomes golden/NNN.npz with the outputs the graph gives here.
    `labels` becomes labels.txt; `extra` holds further text files, file name -> content, e.g. README.md. The fact
    `reference` is what `edgectl.bundle.reference.reference_of` makes of many real inputs.
    An `out` that holds anything needs `force`: then the bundle's own files in it are replaced, others are kept.

    Raises:
        BundleError: bad metadata, a graph that does not load, inputs that do not fit it, answers that differ from
            one run to the next, or `out` in use.
    """
    refuse_used(out, force)
    golden = GoldenSpec(files=[f"{GOLDEN}/{i:03}.npz" for i in range(len(inputs))], rtol=rtol, atol=atol)
    manifest = _manifest(out, model, golden, bool(labels), facts)
    _build(out, model, manifest, inputs, _texts(out, labels, extra or {}))
    return read_bundle(out)


def _manifest(out: Path, model: Path, golden: GoldenSpec, labelled: bool, facts: Facts) -> Manifest:
    """A Struct made in Python is not checked; one read from plain data is."""
    sha256 = sha256_of(model)
    refuse_external_data(model)
    said = {"task": "tensor"} | {key: value for key, value in facts.items() if value is not None}
    if labelled:
        said["answer"] = msgspec.structs.replace(facts.get("answer") or Answer(), labels=LABELS)
    file = File(path=MODEL, sha256=sha256, target=target_in(model))
    said |= {"schema": SCHEMA, "file": file, "golden": golden}
    try:
        return typed(out / MANIFEST, msgspec.to_builtins(said), Manifest)
    except ConfigError as exc:
        raise BundleError(str(exc)) from None


def _texts(out: Path, labels: Sequence[str], extra: Mapping[str, str]) -> dict[str, str]:
    """Return the text files beside the graph, file name -> content."""
    for file in extra:
        if Path(file).name != file or file in (MODEL, MANIFEST, LABELS, GOLDEN):
            raise BundleError(f"{out}: extra: want a file name of its own, found {file!r}")
    return dict(extra) | ({LABELS: "".join(f"{label}\n" for label in labels)} if labels else {})


def _build(
    out: Path, model: Path, manifest: Manifest, inputs: Sequence[Mapping[str, Array]], texts: Mapping[str, str]
) -> None:
    aside = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        _write(aside, model, manifest, inputs, texts)
        _install(aside, out)
    except OSError as exc:
        raise BundleError(f"{out}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None
    except BundleError as exc:
        raise type(exc)(str(exc).replace(str(aside), str(out))) from None
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)


def refuse_used(out: Path, force: bool) -> None:
    """Raise BundleError unless a bundle may be written to `out`."""
    try:
        there, used = out.exists() and not out.is_dir(), out.is_dir() and any(out.iterdir())
    except OSError as exc:
        raise BundleError(f"{out}: cannot be written: {(exc.strerror or str(exc)).lower()}") from None
    if there:
        raise BundleError(f"{out}: want a directory to write, found a file; --output names another")
    if used and not force:
        raise BundleError(
            f"{out}: want a new or an empty directory, found files in it; --force replaces the bundle there"
        )


def _write(
    aside: Path, model: Path, manifest: Manifest, inputs: Sequence[Mapping[str, Array]], texts: Mapping[str, str]
) -> None:
    """Write a whole bundle to `aside` and read it back: what is installed has passed every check already."""
    import tomli_w

    (aside / GOLDEN).mkdir()
    shutil.copyfile(model, aside / MODEL)
    for file, text in texts.items():
        (aside / file).write_text(text, encoding="utf-8")
    graph = Model(aside / MODEL)
    for file, feed in zip(manifest.golden.files, inputs, strict=True):
        _record(graph, aside / file, feed, manifest.golden)
    (aside / MANIFEST).write_text(tomli_w.dumps(manifest_dict(manifest)), encoding="utf-8")
    bundle = read_bundle(aside)
    bundle.check_hash()
    check_graph(bundle, graph.inputs, graph.outputs)
    samples = load_all(bundle)
    for golden in samples:
        check_golden_matches(golden, graph.inputs, graph.outputs)
    check_order(bundle, samples)


def _record(graph: Model, path: Path, feed: Mapping[str, Array], golden: GoldenSpec) -> None:
    outputs = graph.run(feed)
    sample = Golden(path.stem, dict(feed), outputs)
    difference = compare(sample, graph.run(feed), golden.rtol, golden.atol)
    if difference is not None:
        raise BundleError(f"{difference} in a second run; want a graph that gives the same answer twice")
    save_golden(path, feed, outputs)


def _install(aside: Path, out: Path) -> None:
    """Move `aside` to `out` in one step when there is nothing; else file by file, model.toml last.

    A reader in between finds the old model.toml, whose hash does not fit the new graph, and refuses. Ctrl-C waits until
    all are in place.
    """
    aside.chmod(0o755)
    if not out.exists():
        aside.rename(out)
        return
    with deferred():
        _exchange(aside, out)


def _exchange(aside: Path, out: Path) -> None:
    (out / GOLDEN).mkdir(exist_ok=True)
    fresh = {path.relative_to(aside) for path in aside.rglob("*") if path.is_file()}
    for path in sorted(fresh, key=lambda p: (p.name == MANIFEST, p)):
        (aside / path).replace(out / path)
    for path in (out / GOLDEN).glob("*.npz"):
        if path.relative_to(out) not in fresh:
            path.unlink()
