"""What every session of ONNX Runtime is told, so that a graph answers and is measured the same wherever it is opened.

This package does not import ONNX Runtime; who does hands its options in.
"""

from __future__ import annotations

from typing import Any

ENTRIES = (
    # Spinning threads eat the CPU quota that the next frame needs (three sessions: 41 ms against 15 ms).
    ("session.intra_op.allow_spinning", "0"),
    # x86 without VNNI adds two 8-bit products in 16 bits, which overflows for weights of the full range: a right int8
    # graph then answers wrongly. Exact, it is slower for such a graph (belt-detector int8: 9.6 against 5.5 ms) and no
    # slower for weights of 7 bits, which `edgectl model quantise` makes (5.2 against 5.3 ms; AVX2, least of 60 runs).
    ("session.x64quantprecision", "1"),
)


def share(options: Any) -> None:
    """Set on an onnxruntime.SessionOptions what all sessions have in common; its log stays silent."""
    for key, value in ENTRIES:
        options.add_session_config_entry(key, value)
    # Its faults are raised to us; on its own it would write coloured lines between our JSON ones.
    options.log_severity_level = 4
