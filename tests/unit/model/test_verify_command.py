"""`edgectl model verify` as its user calls it, with .onnx originals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest

import model_graphs_verify as graphs
import onnx_models
from edge_common.bundle import read_bundle
from edge_common.golden import load_golden
from edge_common.manifest import Answer, Task
from edgectl.bundle.check import check_bundle
from edgectl.bundle.create import create_bundle
from edgectl.model.convert.options import Framework
from edgectl.model.verify import flags
from edgectl_support import Run

SHARES = Answer(label="label", probabilities="probabilities")
WRONG = graphs.BIAS + np.array([0, 0, 1], np.float32)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return graphs.classifier(tmp_path / "original.onnx")


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Sixty rows with the classes that the right model gives them."""
    rows = np.random.default_rng(3).standard_normal((60, 4)).astype(np.float32)
    truth = graphs.Linear().predict({"features": rows})["label"]
    np.savez(tmp_path / "in.npz", features=rows, labels=truth)
    return tmp_path / "in.npz"


def bundled(tmp_path: Path, graph: Path, labels: Sequence[str] = ("a", "b", "c")) -> Path:
    one = [{"features": np.zeros((1, 4), np.float32)}]
    facts = {"name": "net", "version": "1.2.0", "inputs": one, "labels": labels, "extra": {"README.md": "card"}}
    return create_bundle(graph, tmp_path / "net", task="classification", answer=SHARES, **facts).directory  # type: ignore[arg-type]


def test_a_right_graph_of_noise(run: Run, original: Path) -> None:
    code, out, err = run("model", "verify", original, original)
    assert (code, err) == (0, "")
    assert "100 (noise, seed 0)" in out and "100 % (0 of 100 differ)" in out and "Noise shows" in out
    assert out.endswith("Every bound holds.\n")


def test_a_wrong_graph_says_which_bounds_by_how_much(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    wrong = graphs.classifier(tmp_path / "wrong.onnx", WRONG)
    code, out, err = run("model", "verify", original, wrong, "--inputs", inputs)
    lines = err.splitlines()
    assert code == 1 and len(lines) == 3 and all(line.startswith("edgectl: ") for line in lines)
    assert "'probabilities': want a difference of at most 0.001 (--max-difference), found 0.2" in lines[0]
    assert "labels: want 99.9 % to agree (--min-agreement), found" in lines[1]
    assert "accuracy: want a drop of at most 0.5 % (--max-drop), found" in lines[2]
    assert "accuracy" in out and "worst samples" in out


def test_bounds_can_be_set(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    wrong = graphs.classifier(tmp_path / "wrong.onnx", WRONG)
    bounds = ("--max-difference", 1, "--min-agreement", "40%", "--max-drop", "60%")
    assert run("model", "verify", original, wrong, "--inputs", inputs, *bounds)[0] == 0


def test_json_has_every_figure(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    wrong = graphs.classifier(tmp_path / "wrong.onnx", WRONG)
    code, out, _ = run("model", "verify", original, wrong, "--inputs", inputs, "--samples", 30, "--json")
    facts = json.loads(out)
    assert code == 1 and facts["holds"] is False and len(facts["passed"]) == 3
    assert facts["inputs"] == {"origin": str(inputs), "used": 30, "found": 60}
    assert facts["metrics"][0]["original"] == 1.0 and facts["agreement"]["of"] == 30
    assert facts["bounds"] == {
        "max_difference": 0.001, "min_agreement": 0.999, "max_drop": 0.005, "max_relative": 0.001
    }  # fmt: skip
    assert [each["labels_differ"] for each in facts["worst"]] == [1.0] * 5


def test_worst_samples_are_saved(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    wrong = graphs.classifier(tmp_path / "wrong.onnx", WRONG)
    folder = tmp_path / "worst"
    assert run("model", "verify", original, wrong, "--inputs", inputs, "--worst", folder)[0] == 1
    files = sorted(folder.iterdir())
    assert len(files) == 6 and files[0].name.startswith("0-in-")
    assert [each["labels_differ"] for each in json.loads((folder / "worst.json").read_text())] == [1.0] * 5
    saved = np.load(files[0])
    assert saved["original.label"] != saved["out.label"] and saved["in.features"].shape == (1, 4)
    code, _, err = run("model", "verify", original, wrong, "--inputs", inputs, "--worst", folder)
    assert (code, err) == (
        2,
        f"edgectl: --worst {folder}: want a new name to write to, found something there; --force replaces it\n",
    )
    assert run("model", "verify", original, wrong, "--worst", folder, "--force")[0] == 1
    assert len(list(folder.glob("*-in-*"))) == 0 and len(list(folder.glob("*-noise-*"))) == 5
    assert len(list(tmp_path.glob(".*"))) == 0


def test_inputs_are_not_replaced_by_the_worst_of_them(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    keep.mkdir()
    inputs.rename(keep / "in.npz")
    code, _, err = run("model", "verify", original, original, "--inputs", keep, "--worst", keep, "--force")
    assert code == 2 and "want a directory that edgectl wrote" in err
    (keep / "worst.json").write_text("[]")
    code, _, err = run("model", "verify", original, original, "--inputs", keep, "--worst", keep, "--force")
    assert code == 2 and f"--worst {keep}: want a place beside what is read, found {keep} there" in err
    assert sorted(path.name for path in keep.iterdir()) == ["in.npz", "worst.json"]


def test_nothing_is_recorded_where_nothing_was_compared(run: Run, tmp_path: Path) -> None:
    path = graphs.logarithm(tmp_path / "m.onnx")
    np.savez(tmp_path / "in.npz", x=np.full(3, -1, np.float32))
    one = [{"x": np.ones(1, np.float32)}]
    bundle = create_bundle(path, tmp_path / "net", name="net", version="1.0.0", inputs=one).directory
    was = (bundle / "golden" / "000.npz").read_bytes()
    code, _, err = run("model", "verify", path, bundle, "--inputs", tmp_path / "in.npz", "--golden", 2)
    assert code == 1 and "found NaN or infinity only" in err and (bundle / "golden" / "000.npz").read_bytes() == was


def test_worst_pictures_are_saved_as_png(run: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for i, (name, colour) in enumerate({"blue": (250, 20, 20), "red": (20, 20, 250)}.items()):
        (photos / name).mkdir(parents=True)
        cv2.imwrite(str(photos / name / "a.png"), np.full((5 + i, 9, 3), colour, np.uint8))
    right, wrong = graphs.picture(tmp_path / "r.onnx"), graphs.picture(tmp_path / "w.onnx", (2, 1, 0))
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n")
    given = ("--inputs", photos, "--classes", tmp_path / "labels.txt", "--worst", tmp_path / "worst")
    code, out, err = run("model", "verify", right, wrong, *given)
    assert code == 1 and "100 %: 1 in the original, 0 converted" in err and "accuracy" in out
    saved = cv2.imread(str(next((tmp_path / "worst").glob("*red*image.png"))))
    assert saved is not None and saved[0, 0].tolist() == [20, 20, 250]


def test_golden_samples_are_recorded_and_the_bundle_holds(
    run: Run, original: Path, inputs: Path, tmp_path: Path
) -> None:
    near = graphs.classifier(tmp_path / "near.onnx", graphs.BIAS + np.array([0, 0, 1e-5], np.float32))
    bundle = bundled(tmp_path, near)
    before = read_bundle(bundle)
    code, _, err = run("model", "verify", original, bundle, "--inputs", inputs, "--golden", 3)
    after = read_bundle(bundle)
    assert (code, err) == (0, f"edgectl: {bundle}: 3 golden samples recorded\n")
    assert not check_bundle(bundle).differences and len(after.golden_files) == 3
    assert (after.name, after.version, after.labels) == (before.name, before.version, before.labels)
    assert after.source.metric is not None and after.source.metric.converted == 1.0
    assert (bundle / "README.md").read_text() == "card" and len(list((bundle / "golden").iterdir())) == 3
    assert load_golden(after.golden_files[0]).inputs["features"].any()


def test_a_bundle_that_fails_keeps_its_golden_samples(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    bundle = bundled(tmp_path, graphs.classifier(tmp_path / "wrong.onnx", WRONG))
    was = {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()}
    assert run("model", "verify", original, bundle, "--inputs", inputs, "--golden", 3)[0] == 1
    assert {path: path.read_bytes() for path in bundle.rglob("*") if path.is_file()} == was


def test_a_bundle_says_its_task_labels_and_answer(run: Run, original: Path, inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text("a\n" * 60)
    given = ("--inputs", inputs, "--labels", tmp_path / "truth.txt", "--json")
    code, out, _ = run("model", "verify", original, bundled(tmp_path, original), *given)
    facts = json.loads(out)
    assert code == 0 and facts["task"] == "classification" and 0 < facts["metrics"][0]["original"] < 1


@pytest.mark.parametrize(("options", "wrong"), [
    pytest.param(["--golden", 2], "--golden 2: want a bundle directory to record them in", id="golden-of-a-graph"),
    pytest.param(["--labels", "x.txt"], "--labels: want --inputs too; nothing is known to be true of noise",
                 id="labels-of-noise"),
    pytest.param(["--inputs", "none.npz"], "none.npz: want an .npz or a folder", id="no-inputs"),
    pytest.param(["--answer", "label=nothing"], "--answer label: want an output of the graph", id="no-such-output"),
    pytest.param(["--answer", "boxes=label"], "want scores and classes beside boxes", id="boxes-alone"),
    pytest.param(["--answer", "odd=label"], "--answer odd: want one of boxes", id="no-such-key"),
    pytest.param(["--min-agreement", "101%"], "--min-agreement: want a share", id="no-share"),
    pytest.param(["--declaration", "none.toml"], "none.toml: no such file", id="no-declaration"),
    pytest.param(["--framework", "keras"], "want keras as --framework says, found an ONNX model", id="framework"),
])  # fmt: skip
def test_bad_input_is_one_line(run: Run, original: Path, options: list[object], wrong: str) -> None:
    code, out, err = run("model", "verify", original, original, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("edgectl: ") and wrong in err


@pytest.mark.parametrize(("labels", "wrong"), [
    pytest.param("a\nb\n", "label: want 60 labels, one a sample, found 2", id="count"),
    pytest.param("a\n" * 59 + "zebra\n", "sample 59: want one of the model's 3 classes (a, b, c), found 'zebra'",
                 id="unknown-class"),
])  # fmt: skip
def test_labels_that_do_not_match(
    run: Run, original: Path, inputs: Path, tmp_path: Path, labels: str, wrong: str
) -> None:
    (tmp_path / "truth.txt").write_text(labels)
    given = ("--inputs", inputs, "--labels", tmp_path / "truth.txt")
    code, _, err = run("model", "verify", original, bundled(tmp_path, original), *given)
    assert (code, err.count("\n")) == (2, 1) and wrong in err


def test_a_bundle_is_not_told_what_it_says_itself(run: Run, original: Path, tmp_path: Path) -> None:
    code, _, err = run("model", "verify", original, bundled(tmp_path, original), "--task", "tabular")
    assert code == 2 and "--task: want it for a bare graph only" in err


def test_what_is_no_graph_or_no_original(run: Run, original: Path, tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no graph")
    assert run("model", "verify", original, tmp_path / "text.onnx")[0] == 2
    assert run("model", "verify", tmp_path / "none.keras", original)[0] == 2
    code, _, err = run("model", "verify", original, onnx_models.doubler(tmp_path / "other.onnx"))
    assert code == 2 and "inputs: want those of the original, 'features' FP32 [-1, 4]; found 'x' FP32 [-1, 2]" in err


def test_an_interrupted_run_leaves_nothing(
    run: Run, original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = graphs.classifier(tmp_path / "wrong.onnx", WRONG)
    before = set(tmp_path.iterdir())

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupt)
    assert run("model", "verify", original, wrong, "--worst", tmp_path / "worst")[0] != 0
    assert set(tmp_path.iterdir()) == before


def test_flags_have_the_words_of_the_manifest_and_of_convert() -> None:
    assert get_args(flags.Task) == get_args(Task) and get_args(flags.Framework) == get_args(Framework)


@pytest.mark.parametrize("key", ["score", "mask", "probabilities"])
def test_text_is_no_number(run: Run, tmp_path: Path, key: str) -> None:
    path = onnx_models.echo(tmp_path / "m.onnx")
    code, _, err = run("model", "verify", path, path, "--answer", f"{key}=said")
    assert code == 2 and f"--answer {key}: want an output of numbers, found text in 'said'" in err


@pytest.mark.parametrize(("bound", "code"), [("0.001", 1), ("0.1", 0)])
def test_the_relative_error_has_a_bound_of_its_own(run: Run, tmp_path: Path, bound: str, code: int) -> None:
    right, other = graphs.anomaly(tmp_path / "a.onnx", 1e-4), graphs.anomaly(tmp_path / "b.onnx", 1.05e-4)
    found, out, err = run("model", "verify", right, other, "--max-relative", bound)
    assert found == code and f"at most {bound}" in out and "0.05" in out and ("--max-relative" in err) is (code == 1)


def test_help_shows_examples(run: Run) -> None:
    _, out, _ = run("model", "verify", "--help")
    assert "edgectl model verify net.keras" in out and "--max-difference" in out


DECLARATION = """
[input]
size = [8, 8]
resize = "stretch"
interpolation = "cv2-linear"
range = [0, 1]
mean = [0.5, 0.4, 0.3]
std = [0.2, 0.2, 0.2]
"""


@pytest.mark.parametrize(("declared", "code"), [
    pytest.param(DECLARATION, 0, id="as-prepared"),
    pytest.param(DECLARATION.replace("0.5, 0.4, 0.3", "0.3, 0.4, 0.5"), 1, id="another-normalisation"),
    pytest.param(DECLARATION + 'colour = "BGR"\n', 1, id="another-colour-order"),
])  # fmt: skip
def test_a_prepared_graph_is_held_against_its_declaration(run: Run, tmp_path: Path, declared: str, code: int) -> None:
    pytest.importorskip("edgectl.model.prepare.command")
    inner, whole = graphs.colours(tmp_path / "inner.onnx"), tmp_path / "whole.onnx"
    (tmp_path / "right.toml").write_text(DECLARATION)
    (tmp_path / "other.toml").write_text(declared)
    prepared = run("model", "prepare", inner, "--declaration", tmp_path / "right.toml", "--output", whole)
    assert prepared[0] == 0, prepared[2]
    given = ("--declaration", tmp_path / "other.toml", "--samples", 6)
    found = run("model", "verify", inner, whole, *given)
    assert found[0] == code, found[2]
    assert "--declaration that made it" in run("model", "verify", inner, whole)[2]
