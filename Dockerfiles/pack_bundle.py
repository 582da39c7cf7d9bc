"""Copy a bundle, and nothing that lies beside it: `python3 -m pack_bundle SOURCE TARGET`.

Only the files that model.toml names go along, and the model card. Modes and times are fixed, so that the same bundle
gives the same layer wherever it was checked out. A bundle that docs/bundle.md forbids stops the build, as does a
wrong hash.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from edge_common.bundle import MANIFEST, Bundle, read_bundle
from edge_common.bundlefiles import files
from edge_common.errors import StartError

# What --timestamp 0 and SOURCE_DATE_EPOCH=0 set as well: one digest, with or without them.
WHEN = 0


def pack(source: Path, target: Path) -> Bundle:
    """Check the bundle `source` and copy it to `target`.

    Raises:
        StartError: the bundle is not as docs/bundle.md says.
    """
    if not source.is_dir():
        raise StartError(f"{source}: want a bundle directory")
    bundle = read_bundle(source)
    bundle.check_hash()
    for name in files(bundle):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, target / name)
    for path in [*target.rglob("*"), target]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (WHEN, WHEN))
    return bundle


def main(argv: list[str]) -> int:
    try:
        bundle = pack(Path(argv[1]), Path(argv[2]))
    except OSError as exc:
        print(f"pack_bundle: {exc.filename}: {(exc.strerror or str(exc)).lower()}", file=sys.stderr)
        return 2
    except StartError as exc:
        print(f"pack_bundle: {exc}", file=sys.stderr)
        return 2
    print(f"{bundle.name} {bundle.version}: {len(files(bundle))} files, sha256 as in {MANIFEST}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
