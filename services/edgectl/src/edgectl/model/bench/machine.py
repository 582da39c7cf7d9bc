"""The machine that the figures are of: without it they say nothing."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from edgectl.model.bench.plan import available

# From here on others took a good part of the CPUs while this measured.
_BUSY = 0.5


def machine() -> dict[str, Any]:
    """Return the CPU's name, how many there are to use, the kernel and ONNX Runtime's version."""
    from importlib.metadata import version

    return {
        "cpu": _cpu() or platform.machine(),
        "cpus": available(),
        "kernel": platform.release(),
        "onnxruntime": version("onnxruntime"),
    }


def busy() -> str:
    """Return a line about what else the machine does, "" when that is little; call it before measuring."""
    load, there = os.getloadavg()[0], available()
    if load < _BUSY * there:
        return ""
    return f"the machine was busy (load average {load:.1f} on {there} CPUs): the tails are longer than they need be"


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        # "Model" is what a Raspberry Pi calls itself at the end of the file.
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return ""
