"""Does a bundle hold what it says: hash, graph, golden samples?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_common.bundle import Bundle, check_graph, read_bundle, refuse_external_data
from edge_common.golden import Difference, check_golden_matches, compare, load_all
from edge_common.target import check_target
from edgectl.bundle.order import check_order
from edgectl.bundle.session import Model


@dataclass(frozen=True, slots=True)
class Result:
    """What was found; `differences` has the first one of each sample that is not within tolerance."""

    bundle: Bundle
    model: Model
    sha256: str
    samples: int
    differences: tuple[Difference, ...]


def check_bundle(path: Path) -> Result:
    """Check the bundle directory (or bare .onnx file) `path`.

    Raises:
        BundleError: it must not be served at all; a golden difference is no error but part of the result.
    """
    bundle = read_bundle(path)
    sha256 = bundle.check_hash()
    if bundle.sha256 is None:
        refuse_external_data(bundle.model_path)  # the hash shown would say nothing of the weights
    if bundle.target is not None:
        import onnxruntime

        check_target(bundle, onnxruntime.__version__)
    model = Model(bundle.model_path, optimised=bundle.target is not None)
    check_graph(bundle, model.inputs, model.outputs)
    samples = load_all(bundle)
    differences: list[Difference] = []
    for golden in samples:
        check_golden_matches(golden, model.inputs, model.outputs)
        difference = compare(golden, model.run(golden.inputs), bundle.golden.rtol, bundle.golden.atol)
        if difference is not None:
            differences.append(difference)
    check_order(bundle, samples)
    return Result(bundle, model, sha256, len(samples), tuple(differences))
