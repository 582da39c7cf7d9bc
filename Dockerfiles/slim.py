"""Remove from installed wheels what a service never loads: `slim.py DIRECTORY inference|camera|guard`.

Runs once in a build stage. Every line below is held by tests/images: the built image serves both sample models, decodes
H.264 from a camera, and imports all that the services import.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

# Of any wheel: not code that runs.
COMMON = (
    "**/tests",
    "**/*.pyi",
    "**/*.pyx",
    "**/*.pxd",
    "**/*.a",
    "**/*.h",
    "**/*.c",
    # The list of what was installed is no longer true; names, versions and licences stay for scanners and readers.
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
)
_NUMPY = (
    # Fortran to Python, and the compiler-driven kind of building.
    "numpy/f2py",
    "numpy/distutils",
    "numpy/_pyinstaller",
    # CPU kernels bound for numpy's own tests.
    "numpy/_core/_simd.*.so",
    "numpy/_core/_*_tests.*.so",
    # Imported by numpy at the first use of their names, by none of its functions and by nothing here. (Not numpy.ma:
    # numpy.percentile needs it.)
    "numpy/random",
    "numpy/fft",
    "numpy/polynomial",
    "numpy/testing",
)
PROFILES = {
    "inference": (
        *_NUMPY,
        # Once more what onnxruntime_pybind11_state has inside, for programs in C++.
        "onnxruntime/capi/libonnxruntime.so.*",
        # Tools to make and change models; that is edgectl's work.
        "onnxruntime/backend",
        "onnxruntime/datasets",
        "onnxruntime/quantization",
        "onnxruntime/tools",
        "onnxruntime/transformers",
        # Dependencies of those tools.
        "flatbuffers",
        "flatbuffers-*.dist-info",
        "google",
        "protobuf-*.dist-info",
        "packaging",
        "packaging-*.dist-info",
        # Other pictures than JPEG and PNG, fonts, colour profiles, windows.
        "PIL/_avif.*.so",
        "PIL/_webp.*.so",
        "PIL/_imagingft.*.so",
        "PIL/_imagingcms.*.so",
        "PIL/_imagingtk.*.so",
    ),
    "camera": (
        *_NUMPY,
        # Face cascades.
        "cv2/data",
    ),
    "guard": (),
}


def remove(root: Path, patterns: tuple[str, ...]) -> None:
    """Delete what matches. A pattern that matches nothing is left over from another version, and stops the build."""
    for pattern in patterns:
        found = sorted(root.glob(pattern))
        if not found and "**" not in pattern:
            sys.exit(f"slim: {root}: want a match for {pattern}, found none; take it out of slim.py if it is gone")
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def strip(root: Path) -> None:
    """Remove the symbol tables of extension modules; the bundled libraries were rewritten and are left alone."""
    modules = [path for path in root.rglob("*.so") if not path.parent.name.endswith(".libs")]
    subprocess.run(["strip", "--strip-unneeded", *modules], check=True)


def needed(library: Path) -> set[str]:
    """Return the names of the shared libraries that `library` is linked to."""
    dump = subprocess.run(["objdump", "-p", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[1] for line in dump.splitlines() if line.strip().startswith("NEEDED")}


def orphans(root: Path) -> list[Path]:
    """Return the wheels' bundled libraries that nothing left in `root` is linked to."""
    bundled = {path.name: path for path in root.glob("*.libs/*")}
    todo = [path for path in root.rglob("*.so*") if path not in bundled.values()]
    used: set[str] = set()
    while todo:
        for name in needed(todo.pop()) & bundled.keys() - used:
            used.add(name)
            todo.append(bundled[name])
    return [path for name, path in bundled.items() if name not in used]


def main(argv: list[str]) -> None:
    root, profile = Path(argv[1]), argv[2]
    remove(root, COMMON + PROFILES[profile])
    for path in orphans(root):
        path.unlink()
    strip(root)


if __name__ == "__main__":
    main(sys.argv)
