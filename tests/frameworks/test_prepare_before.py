"""tf-bilinear is what TensorFlow does; the reference without it uses OpenCV in its place."""

from __future__ import annotations

import os

import numpy as np
import pytest

from edge_common.tensors import TensorSpec
from edgectl.model.prepare.before.build import build
from edgectl.model.prepare.before.reference import apply
from edgectl.model.prepare.before.spec import Before
from model_graphs_before import LEVELS, session

pytestmark = pytest.mark.frameworks
# Of 255: the runtime's places of pixels are FP32.
TOLERANCE = 0.05


@pytest.mark.parametrize("size", [(1, 1), (501, 333), (33, 77), (640, 480)], ids=str)
def test_tf_bilinear_is_tensorflows(size: tuple[int, int]) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tensorflow = pytest.importorskip("tensorflow")
    image = np.random.default_rng(0).integers(0, 256, (1, size[1], size[0], 3), dtype=np.uint8)
    wanted = tensorflow.image.resize(image, (48, 64), method="bilinear").numpy()
    spec = Before(resize="stretch", interpolation="tf-bilinear", size=(64, 48))
    tensor = TensorSpec("x", "FP32", (1, 48, 64, 3))
    graph = build(spec, tensor, True)
    for level in LEVELS:
        made = session(graph, level).run(["tensor"], {"image": image})[0]
        assert np.abs(made - wanted).max() <= TOLERANCE
    assert np.abs(apply(spec, tensor, True, image)[0] - wanted).max() <= TOLERANCE
