"""`edgectl model build` without any framework: the original is an .onnx file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import model_graphs_quantise as graphs
import onnx_models
from edge_common.bundle import read_bundle
from edgectl_support import Run
from live import until

# For people it is a second; the figures' meaning is the same.
BENCH = "[bench]\nseconds = 0.02\n"
HEAD = 'name = "quadrants"\nversion = "1.0.0"\ntask = "classification"\nlabels = ["a", "b", "c", "d"]\n'
SOURCE = '[source]\nmodel = "work/model.onnx"\n'
DATA = '[data]\nverify = "held-out.npz"\ncalibration = "calibration.npz"\n'
CLASSES = '[output.classes]\nactivation = "none"\n'
WHOLE = HEAD + SOURCE + DATA + CLASSES + BENCH

Write = Callable[[str], Path]


@pytest.fixture
def recipe(tmp_path: Path) -> Write:
    """Write a recipe beside a small CNN that tells four classes apart, and samples with labels."""
    (tmp_path / "work").mkdir()
    graphs.cnn(tmp_path / "work" / "model.onnx")
    for seed, count, name in ((3, 500, "held-out"), (4, 60, "calibration")):
        x, truth = graphs.quadrants(count, seed)
        np.savez(tmp_path / f"{name}.npz", x=x, labels=truth)

    def write(text: str) -> Path:
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        return path

    return write


def _report(printed: str) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(printed)
    return report


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_recipe_becomes_a_bundle_that_holds(recipe: Write, run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    path = recipe(WHOLE + '[optimise]\nlevel = "portable"\n[golden]\nsamples = 3\n[budget]\np95_ms = 50\n')
    monkeypatch.chdir("/")
    code, printed, err = run("model", "build", path, "--json")
    assert code == 0, err
    report, out = _report(printed), tmp_path / "quadrants"
    assert report["bundle"] == str(out) and report["passed"] == []
    assert [step["step"] for step in report["steps"]] == ["converted", "prepared", "optimised"]
    assert all(step["verify"]["holds"] and step["cost"]["p50_ms"] > 0 for step in report["steps"])
    (metric,) = report["steps"][-1]["verify"]["metrics"]
    assert metric["name"] == "accuracy" and metric["original"] == metric["converted"] > 0.8
    assert run("bundle", "check", out)[0] == 0
    bundle = read_bundle(out)
    assert (bundle.answer.label, bundle.answer.probabilities) == ("label", "probabilities")
    assert len(bundle.golden_files) == 3 and bundle.labels == ("a", "b", "c", "d") and bundle.budget.p95_ms == 50
    assert bundle.source.framework == "onnx" and bundle.source.original_sha256 is not None
    assert bundle.source.metric is not None and bundle.source.metric.name == "accuracy"
    assert {"onnx", "onnxruntime", "edgectl"} <= bundle.source.tools.keys()
    assert bundle.reference is not None and bundle.reference.predictions == 500
    assert _left(tmp_path) == {"work", "held-out.npz", "calibration.npz", "recipe.toml", "quadrants"}


def test_every_step_says_what_it_did_and_the_table_sums_up(recipe: Write, run: Run, tmp_path: Path) -> None:
    code, printed, _ = run("model", "build", recipe(WHOLE), "--output", tmp_path / "other")
    assert code == 0
    lines = [line for line in printed.splitlines() if line.startswith(("converted: ", "prepared: "))]
    assert len(lines) == 2 and "accuracy" in lines[1] and "p50" in lines[0] and "kB (+" in lines[1]
    table = printed[printed.index("quadrants 1.0.0: 1 thread, 500 samples") :]
    assert all(word in table for word in ("accuracy", "p95", "converted", "prepared")) and "…" not in table
    assert f"written to {tmp_path / 'other'}" in printed and not (tmp_path / "quadrants").exists()


def test_the_card_has_the_figures_where_it_wants_them(recipe: Write, run: Run, tmp_path: Path) -> None:
    (tmp_path / "card.md").write_text("# Quadrants\n\n<!-- figures -->\n\n## Limits\n\nNone known.\n")
    path = recipe('card = "card.md"\n' + WHOLE)
    assert run("model", "build", path)[0] == 0
    card = (tmp_path / "quadrants" / "README.md").read_text()
    assert card.startswith("# Quadrants\n") and card.endswith("## Limits\n\nNone known.\n")
    assert card.index("| prepared |") < card.index("`probabilities`") < card.index("## Limits")


def test_quantised_within_its_bound(recipe: Write, run: Run, tmp_path: Path) -> None:
    path = recipe(WHOLE + '[quantise]\nmethod = "static"\nmax_drop = 0.05\n')
    code, printed, err = run("model", "build", path, "--json")
    assert code == 0, err
    step = _report(printed)["steps"][-1]
    assert step["step"] == "quantised" and step["note"].startswith("static, ")
    assert step["verify"]["bounds"].items() >= {"max_difference": 0.5, "min_agreement": 0.95, "max_drop": 0.05}.items()
    shown = json.loads(run("bundle", "inspect", tmp_path / "quadrants", "--json")[1])
    assert "int8" in json.dumps(shown)


def test_a_quantisation_that_is_refused_writes_no_bundle(run: Run, tmp_path: Path) -> None:
    graphs.mlp(tmp_path / "mlp.onnx", width=64)
    (tmp_path / "recipe.toml").write_text(
        'name = "mlp"\nversion = "1.0.0"\ntask = "tensor"\n[source]\nmodel = "mlp.onnx"\n[data]\ngenerate = 3\n'
        '[quantise]\nmethod = "dynamic"\nmeasure = "error"\nmax_drop = 0.0\n' + BENCH
    )
    before = _left(tmp_path)
    code, _, err = run("model", "build", tmp_path / "recipe.toml")
    assert code == 1 and "edgectl: quantised: quantise.max_drop: want a relative error of at most 0.00%" in err
    assert "no bundle is written" in err and _left(tmp_path) == before


def test_noise_stands_in_and_says_so(recipe: Write, run: Run, tmp_path: Path) -> None:
    path = recipe(HEAD + SOURCE + "[data]\ngenerate = 5\n" + CLASSES + BENCH)
    code, printed, err = run("model", "build", path, "--json")
    assert code == 0, err
    report = _report(printed)
    assert report["samples"] == {"origin": "noise, seed 5", "used": 5} and "noise" in report["no_reference"]
    assert report["steps"][-1]["verify"]["metrics"] == []
    assert "reference" not in tomllib.loads((tmp_path / "quadrants" / "model.toml").read_text())


def test_other_samples_than_the_recipes(recipe: Write, run: Run, tmp_path: Path) -> None:
    x, truth = graphs.quadrants(40, 9)
    np.savez(tmp_path / "new.npz", x=x, labels=truth)
    (tmp_path / "card.md").write_text("# Quadrants\n")
    path = recipe('card = "card.md"\n' + WHOLE)
    code, printed, err = run("model", "build", path, "--data", tmp_path / "new.npz", "--json")
    assert code == 0, err
    assert "# Quadrants\n\n## Figures\n\n|  | size kB |" in (tmp_path / "quadrants" / "README.md").read_text()
    assert _report(printed)["samples"] == {"origin": str(tmp_path / "new.npz"), "used": 40}


@pytest.fixture
def bright(tmp_path: Path) -> Path:
    """A recipe that puts a resize before the mean of each channel, with noisy pictures to try it on."""
    onnx_models.brightness(tmp_path / "model.onnx")
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "held-out.npz", image=rng.integers(0, 256, (6, 9, 7, 3), np.uint8))
    path = tmp_path / "recipe.toml"
    path.write_text(
        'name = "bright"\nversion = "1.0.0"\ntask = "tensor"\n[source]\nmodel = "model.onnx"\n'
        '[data]\nverify = "held-out.npz"\n[image]\nmax_side = 64\n'
        '[input]\nkind = "image"\nresize = "stretch"\nsize = [8, 6]\ninterpolation = "cv2-linear"\n' + BENCH
    )
    return path


def test_pictures_go_through_the_pre_processing(bright: Path, run: Run, tmp_path: Path) -> None:
    bright.write_text(bright.read_text() + "[verify]\nmax_difference = 0.01\n")
    code, printed, err = run("model", "build", bright, "--json")
    assert code == 0, err
    assert [step["step"] for step in _report(printed)["steps"]] == ["converted", "prepared"]
    image = read_bundle(tmp_path / "bright").image
    assert image is not None and (image.input, image.max_side) == ("image", 64)


def test_a_bound_that_is_passed_writes_no_bundle(bright: Path, run: Run, tmp_path: Path) -> None:
    # OpenCV rounds once more than the graph does.
    bright.write_text(bright.read_text() + "[verify]\nmax_difference = 1e-9\n")
    before = _left(tmp_path)
    code, printed, err = run("model", "build", bright, "--json")
    assert code == 1
    assert "edgectl: prepared: 'share': want a difference of at most 1e-09 (verify.max_difference), found" in err
    assert "no bundle is written" in err and "Traceback" not in err
    report = _report(printed)
    assert report["bundle"] is None and len(report["passed"]) == 1 and not report["steps"][-1]["verify"]["holds"]
    assert _left(tmp_path) == before


BAD = {
    "no-recipe": (None, "nowhere.toml"),
    "not-toml": ("name = ", "not valid TOML"),
    "unknown-key": (WHOLE + "[quantize]\n", "quantize"),
    "unknown-inner-key": (WHOLE.replace('model = "work', 'modle = "work'), "modle"),
    "bad-version": (WHOLE.replace("1.0.0", "1.0"), "version: want a semantic version"),
    "no-model": (WHOLE.replace("work/model.onnx", "work/gone.onnx"), "work/gone.onnx: no such file"),
    "no-data": (WHOLE.replace("held-out.npz", "gone.npz"), "gone.npz: no such file"),
    "no-card": ('card = "gone.md"\n' + WHOLE, "gone.md: no such file"),
    "labels-of-another-count": (WHOLE.replace('["a", "b", "c", "d"]', '["a", "b"]'), "want"),
    "labels-twice": (WHOLE + '[answer]\nlabels = "labels.txt"\n', "answer.labels: want it left out"),
    "no-such-output": (WHOLE + '[answer]\nlabel = "lable"\n', "lable"),
    "static-without-calibration": (
        WHOLE.replace('calibration = "calibration.npz"\n', "") + '[quantise]\nmethod = "static"\n',
        "calibration",
    ),
    "neither-input-nor-picture": (WHOLE + '[input]\nresize = "stretch"\ninterpolation = "cv2-linear"\n', "input."),
    "share-over-one": (WHOLE + "[quantise]\nmax_drop = 2\n", "quantise.max_drop: want a share from 0 to 1"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line(recipe: Write, run: Run, tmp_path: Path, text: str | None, words: str) -> None:
    path = recipe(text) if text is not None else tmp_path / "nowhere.toml"
    before = _left(tmp_path)
    code, _, err = run("model", "build", path)
    last = [line for line in err.splitlines() if line.startswith("edgectl: ")]
    assert code == 2 and len(last) == 1 and words in last[0] and "Traceback" not in err, err
    assert _left(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        pytest.param(SOURCE, [], "recipe.toml: source.model: work/model.onnx: no such file", id="model"),
        pytest.param(SOURCE + DATA, [], "recipe.toml: source.model: work/model.onnx: no such file", id="model-first"),
        pytest.param(
            '[source]\nmodel = "recipe.toml"\n' + DATA,
            [],
            "recipe.toml: data.verify: held-out.npz: no such file",
            id="samples",
        ),
        pytest.param(
            '[source]\nmodel = "recipe.toml"\n' + DATA,
            ["--data", "new.npz"],
            "--data new.npz: no such file",
            id="samples-of-the-option",
        ),
    ],
)
def test_a_file_that_is_not_there_is_told_by_its_key(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, options: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text(HEAD + text)
    assert run("model", "build", "recipe.toml", *options)[::2] == (2, f"edgectl: {told}\n")


def test_a_model_that_is_not_trained_yet_names_its_script(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text(HEAD + SOURCE)
    (tmp_path / "train.py").touch()
    told = "recipe.toml: source.model: work/model.onnx: no such file; python train.py may make it\n"
    assert run("model", "build", "recipe.toml")[::2] == (2, f"edgectl: {told}")


def test_a_bundle_in_the_way_stays_unless_forced(recipe: Write, run: Run, tmp_path: Path) -> None:
    path, out = recipe(WHOLE), tmp_path / "quadrants"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    code, printed, err = run("model", "build", path)
    assert code == 2 and "--force" in err and "converted" not in printed
    assert run("model", "build", path, "--force")[0] == 0
    assert (out / "notes.txt").read_text() == "mine" and run("bundle", "check", out)[0] == 0


def test_an_interrupted_build_leaves_nothing(recipe: Write, tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    path = recipe(WHOLE.replace("seconds = 0.02", "seconds = 60"))
    before = _left(tmp_path)
    command = [str(Path(sys.executable).parent / "edgectl"), "model", "build", str(path)]
    env = os.environ | {"TMPDIR": str(scratch)}
    building = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    # The first graph is there, and being measured for a minute.
    until(lambda: list(scratch.glob("edgectl-build-*/converted.onnx")), "a graph in the scratch folder")
    building.send_signal(signal.SIGINT)
    _, err = building.communicate(timeout=30)
    assert building.returncode != 0 and b"Traceback" not in err
    assert _left(tmp_path) == before
    assert not list(scratch.glob("edgectl-build-*"))
