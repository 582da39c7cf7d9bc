"""What the tests of edgectl share: how it is called, and the input of its smallest model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

X = {"x": np.array([[1, 2]], np.float32)}
# Called with a command line; returns exit code, stdout and stderr.
Run = Callable[..., tuple[int, str, str]]
