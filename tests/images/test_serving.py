"""Both sample models serve from their images: read-only root, no privileges, limits, and nothing that is not needed."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from image_support import BELT, CAMERA, INFERENCE, PUMP, ROOT, Container, built, python

pytestmark = pytest.mark.images

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        try:
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        except ModuleNotFoundError as exc:
            # The extra "discover": for the people who look for cameras, not for the pod that reads them.
            if exc.name not in ("ifaddr", "wsdiscovery"):
                raise
print(len(sys.modules))
"""
UNWANTED = """
import pathlib
found = [str(p) for name in ("pip", "setuptools", "gcc", "sh", "bash", "dash", "apt", "tests", "*.a", "*.h", "libonnxruntime.so*")
         for top in ("/usr", "/etc", "/var") for p in pathlib.Path(top).rglob(name)]
print(found)
"""


@pytest.fixture(autouse=True)
def _images() -> None:
    built()


def _frame() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    capture = cv2.VideoCapture(str(ROOT / "models/belt-detector/belt.mp4"))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 60)
    done, frame = capture.read()
    capture.release()
    assert done
    return np.asarray(frame[:, :, ::-1], np.uint8)


def _encoded(form: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(_frame()).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize(("image", "name", "samples"), [(BELT, "belt-detector", 3), (PUMP, "pump-failure", 2)])
def test_self_check_passes_and_sigterm_reaches_the_server(tmp_path: Path, image: str, name: str, samples: int) -> None:
    # Half a core makes the latency of the budget another matter; hash and golden samples are checked all the same.
    with Container(image, tmp_path / "log", options=("--env=EDGE_BUDGET=false",)) as container:
        container.ready()
        model = container.request("GET", f"/v2/models/{name}").json()
        assert (model["name"], model["versions"]) == (name, ["1.0.0"])
        assert any("ready after" in line and "1 threads" in line for line in container.messages()), container.log()
        assert all(line.startswith("{") for line in container.log().splitlines()), container.log()
        assert container.request("GET", "/").status == 200
        assert container.stop() == 0
    checked = python(image, _CHECK, "--env=EDGE_BUDGET=false")
    assert f"{name} 1.0.0: ok: sha256, {samples} golden samples" in checked


_CHECK = "import sys; sys.argv = ['edge-inference', '--check']; from edge_inference.main import main; main()"


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_pictures_are_decoded_and_found_in(tmp_path: Path, form: str) -> None:
    with Container(BELT, tmp_path / "log", options=("--env=EDGE_BUDGET=false",)) as container:
        reply = container.ready().request(
            "POST", "/predict", _encoded(form), **{"Content-Type": f"image/{form.lower()}"}
        )
        assert reply.status == 200, reply.data
        found = reply.json()["predictions"]
        assert [(one["label"], one["score"] > 0.9) for one in found] == [("7", True), ("1", True), ("1", True)]
        assert np.allclose(found[0]["box"], [252.3, 215.0, 429.5, 394.2], atol=2.0)


def test_every_module_of_the_services_can_be_imported() -> None:
    for image, package in ((INFERENCE, "edge_inference"), (CAMERA, "edge_camera")):
        program = IMPORT_ALL.replace("sys.argv[1:]", f"('edge_common', '{package}')")
        assert int(python(image, program)) > 100


@pytest.mark.parametrize("image", [INFERENCE, CAMERA], ids=["inference", "camera"])
def test_nothing_of_the_build_is_left(image: str) -> None:
    assert python(image, UNWANTED).strip() == "[]"


@pytest.mark.parametrize("image", [INFERENCE, CAMERA], ids=["inference", "camera"])
def test_runs_as_a_numeric_user_that_owns_nothing(image: str) -> None:
    program = (
        "import os\nowned = [d for d, _, _ in os.walk('/usr') if os.stat(d).st_uid]\n"
        "print(os.getuid(), os.getgid(), owned, os.access('/usr', os.W_OK), os.access('/tmp', os.W_OK))"
    )
    assert python(image, program).split() == ["65532", "65532", "[]", "False", "False"]


def test_onnx_runtime_tells_its_maker_nothing() -> None:
    assert python(INFERENCE, "import os; print(os.environ['ORT_DISABLE_TELEMETRY'])").strip() == "1"
