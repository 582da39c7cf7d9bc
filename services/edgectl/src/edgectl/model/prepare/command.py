"""`edgectl model prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgectl.model.prepare import flags
from edgectl.model.report import AsJson, show

if TYPE_CHECKING:
    import onnx

    from edgectl.model.prepare.declaration import Declaration


def prepare(
    model: flags.Model,
    output: flags.Output,
    declaration: flags.DeclarationFile = None,
    labels: flags.Labels = None,
    resize: flags.Resize = None,
    interpolation: flags.Interpolation = None,
    size: flags.Size = None,
    colour: flags.Colour = None,
    range_: flags.Range = None,
    mean: flags.Mean = None,
    std: flags.Std = None,
    pad: flags.Pad = None,
    classes: flags.Classes = None,
    force: flags.Force = False,
    as_json: AsJson = False,
) -> None:
    """Put pre- and post-processing into a graph: pixels of any size in, answers out.

    Standard ONNX operators only. A declaration says what is done, or options do in the common cases.

    `edgectl model verify --declaration` then compares with OpenCV and Pillow.
    """
    from edgectl.model.aside import written
    from edgectl.model.graphs import read_model, write_model
    from edgectl.model.prepare.report import facts_of, tables

    options = {
        "resize": resize, "interpolation": interpolation, "size": size, "colour": colour, "range": range_,
        "mean": mean, "std": std, "pad": pad, "classes": classes,
    }  # fmt: skip
    declared = _declared(declaration, options)
    names = _labels(labels, declared) if labels else []
    model = _graph(model)
    own = read_model(model)
    with written(output, force, "file", reads=[model, declaration, labels]) as path:
        whole = _prepared(own, model, declared, declaration, names)
        write_model(whole, path)
    facts = facts_of(own, whole, model, output)
    show(facts, tables(facts), as_json)


prepare.epilog = (  # type: ignore[attr-defined]
    "Examples:\n\nedgectl model prepare detector.onnx --declaration detector.toml --labels labels.txt "
    "--output dock.onnx\n\n"
    "edgectl model prepare net.onnx --resize crop --interpolation pil-bilinear --range 0,1 "
    "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --classes softmax --output parcels.onnx"
)


def _graph(model: Path) -> Path:
    """Return the graph in a bundle, as `edgectl model convert` writes one; any other path as it is."""
    from edge_common.bundle import MANIFEST, read_bundle

    if not (model / MANIFEST).is_file():
        return model
    bundle = read_bundle(model)
    bundle.check_hash()
    return bundle.model_path


def _declared(file: Path | None, options: dict[str, str | None]) -> Declaration:
    from edgectl.model.errors import ModelError
    from edgectl.model.prepare.declaration import declared, read_declaration
    from edgectl.model.prepare.options import document

    given = [f"--{key}" for key, text in options.items() if text is not None]
    if file is None and not given:
        raise ModelError("want --declaration FILE.toml, or options such as --resize and --classes, found neither")
    if file is None:
        return declared(document(options))
    if given:
        raise ModelError(f"--declaration {file}: want it or {', '.join(given)}, found both; put all into the file")
    return read_declaration(file)


def _labels(file: Path, declared: Declaration) -> list[str]:
    from edgectl.bundle.options import read_labels
    from edgectl.model.errors import ModelError

    if declared.output is None:
        raise ModelError(f"--labels {file}: want [output] beside it, whose answers have them, found none")
    return read_labels(file)


def _prepared(
    own: onnx.ModelProto, path: Path, declared: Declaration, file: Path | None, labels: list[str]
) -> onnx.ModelProto:
    """Return the prepared graph; a ModelError names the file whose fault it is."""
    from edgectl.model.errors import ModelError
    from edgectl.model.prepare.run import prepare as run

    try:
        return run(own, declared, labels)
    except ModelError as exc:
        about_declaration = str(exc).startswith(("input.", "output."))
        raise ModelError(f"{(file or 'the options') if about_declaration else path}: {exc}") from None
