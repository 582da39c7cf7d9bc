"""The range of every tensor on real inputs, found once and used for every trial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgectl.model.data import Feed, spaced
from edgectl.model.quantise.layers import ACTIVATIONS, JOINTS, STATIC
from edgectl.model.quantise.source import quantiser
from edgectl.model.report import progress
from edgectl.model.scratch import scratch

if TYPE_CHECKING:
    import onnx

    from edgectl.model.quantise.plan import Calibrate

# Ranges settle within this; quantisers' own examples take 100 to 500.
MAX_CALIBRATION = 200
OPERATORS = (*STATIC, *ACTIVATIONS, *JOINTS)


def ranges(path: Path, model: onnx.ModelProto, feeds: Sequence[Feed], how: Calibrate) -> Any:
    """Return onnxruntime's TensorsData of `model`, which was read from `path`; at most MAX_CALIBRATION feeds count.

    Raises:
        ModelError: the graph cannot be run on the feeds.
    """
    import onnx

    picked = spaced(len(feeds), MAX_CALIBRATION)
    with progress() as bar, quantiser(f"{path}: cannot be calibrated"), scratch() as aside:
        file = aside / "model.onnx"
        onnx.save_model(model, str(file))
        calibrator = _calibrator(file, how)
        for index in bar.track(picked, description="calibrating"):
            # One at a time: the calibrator keeps every tensor of all feeds of a call in memory.
            calibrator.collect_data(_Once(feeds[index]))
        return calibrator.compute_data()


def _calibrator(file: Path, how: Calibrate) -> Any:
    from onnxruntime.quantization import CalibrationMethod, create_calibrator

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }
    # The percentile's default is a range symmetric around 0, half of which a Relu would never use.
    extra = {"symmetric": False}
    augmented = str(file.parent / "augmented.onnx")
    return create_calibrator(file, OPERATORS, augmented, calibrate_method=methods[how], extra_options=extra)


class _Once:
    """onnxruntime's CalibrationDataReader of one feed."""

    def __init__(self, feed: Feed) -> None:
        self._left: list[Feed] = [feed]

    def get_next(self) -> dict[str, Any] | None:
        return dict(self._left.pop()) if self._left else None
