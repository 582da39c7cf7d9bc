"""A graph optimised for one machine: what names the machine, and whether this is one like it."""

from __future__ import annotations

import platform
from pathlib import Path

from edge_common.bundle import MANIFEST, Bundle, BundleError
from edge_common.manifest import Target

# What ONNX Runtime picks kernels and the layout of weights by. A newer CPU is not a superset: AVX-512 packs weights
# in blocks of 16 where AVX2 has 8, so all of these must be the same.
DECIDING = frozenset(
    (
        *("sse4_1", "avx", "avx2", "fma", "f16c", "avx_vnni", "amx_int8", "amx_tile"),
        *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16"),
        *("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve"),
    )
)


def this_target(onnxruntime: str) -> Target:
    """Return this machine and ONNX Runtime's `onnxruntime`, "1.31.1", of which the first two numbers count."""
    return Target(machine=platform.machine(), cpu=_cpu(), onnxruntime=".".join(onnxruntime.split(".")[:2]))


def check_target(bundle: Bundle, onnxruntime: str) -> None:
    """Raise BundleError when the bundle's graph was optimised for another machine or ONNX Runtime than is here."""
    if bundle.target is not None and (difference := unlike(bundle.target, onnxruntime)):
        raise BundleError(
            f"{bundle.directory / MANIFEST}: file.target.{difference}; "
            "deploy the portable bundle here, or one optimised on a machine like this"
        )


def unlike(want: Target, onnxruntime: str) -> str:
    """Return in what this machine, or its ONNX Runtime, is not as `want`; "" where it is."""
    here = this_target(onnxruntime)
    lacks, more = sorted({*want.cpu} - {*here.cpu}), sorted({*here.cpu} - {*want.cpu})
    for key, wanted, found in (
        ("machine", want.machine, here.machine),
        ("onnxruntime", want.onnxruntime, here.onnxruntime),
        ("cpu", _cpu_with(lacks, more), _cpu_with(more, lacks)),
    ):
        if wanted != found:
            return f"{key}: want {wanted}, which the graph was optimised for, found {found}"
    return ""


def _cpu_with(flags: list[str], missing: list[str]) -> str:
    """Return how two CPUs differ, not all they have: among thirty flags nobody would see the one."""
    words = [f"{word} {', '.join(names)}" for word, names in (("with", flags), ("without", missing)) if names]
    return f"a CPU {' and '.join(words)}" if words else ""


def _cpu() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    # `flags` on x86, `Features` on Arm.
    text = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return sorted(DECIDING & {*text.split()})
