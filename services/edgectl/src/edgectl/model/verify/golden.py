"""Golden samples of a bundle from what a verification found: the hardest inputs and usual ones."""

from __future__ import annotations

from typing import cast

from edge_common.bundle import Bundle
from edge_common.manifest import Metric, Task
from edge_common.tensors import TensorSpec
from edgectl.bundle.create import create_bundle
from edgectl.model.data_npz import narrowed
from edgectl.model.verify.verdict import Verdict


def record(bundle: Bundle, inputs: tuple[TensorSpec, ...], verdict: Verdict, count: int) -> Bundle:
    """Write `bundle` anew with `count` samples of `verdict` in place of its golden ones, and its metric if measured.

    Every other file and fact stays. Each file is made aside and renamed, model.toml last.

    Raises:
        BundleError: samples that are too large, or answers that differ from one run to the next.
    """
    from msgspec.structs import replace

    source = bundle.source
    if verdict.metrics:
        metric = verdict.metrics[0]
        source = replace(source, metric=Metric(name=metric.name, original=metric.original, converted=metric.converted))
    return create_bundle(
        bundle.model_path,
        bundle.directory,
        inputs=[narrowed(feed, inputs) for feed in verdict.chosen(count)],
        labels=bundle.labels,
        rtol=bundle.golden.rtol,
        atol=bundle.golden.atol,
        force=True,
        name=bundle.name,
        version=bundle.version,
        task=cast("Task", bundle.task),  # read from a manifest, which allows nothing else
        description=bundle.description,
        image=bundle.image,
        answer=bundle.answer,
        reference=bundle.reference,
        budget=bundle.budget,
        source=source,
    )
