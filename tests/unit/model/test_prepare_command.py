"""`edgectl model prepare` as its user calls it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import onnx
import pytest

from edgectl.model.prepare import flags
from edgectl.model.prepare.after.spec import Activation
from edgectl.model.prepare.before import spec
from edgectl.model.prepare.declaration import Declaration
from edgectl_support import Run
from model_graphs_before import network, session

LETTERBOX = ["--resize", "letterbox", "--interpolation", "cv2-linear", "--range", "0,1"]
DECLARATION = """
[input]
resize = "letterbox"
interpolation = "cv2-linear"
range = [0, 1]

[output.classes]
from = "scores"
activation = "softmax"
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """x FP32 [batch, 3, 16, 16] -> scores FP32 [batch, 4], spare FP32 [batch, 8]."""
    onnx.save(network("NCHW"), str(tmp_path / "net.onnx"))
    return tmp_path / "net.onnx"


@pytest.fixture
def declaration(tmp_path: Path) -> Path:
    (tmp_path / "net.toml").write_text(DECLARATION)
    return tmp_path / "net.toml"


def test_a_declaration_is_put_into_the_graph(run: Run, net: Path, declaration: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    code, shown, err = run("model", "prepare", net, "--declaration", declaration, "--output", out)
    assert (code, err) == (0, "")
    for said in ("x float [batch, 3, 16, 16]", "image uint8 [1, H, W, 3]", "probabilities float [1, 4]", "1 Resize"):
        assert said in shown
    running = session(onnx.load(str(out)))
    answers = running.run(None, {"image": np.zeros((1, 31, 77, 3), np.uint8)})
    assert [value.name for value in running.get_outputs()] == ["probabilities", "label"]
    assert answers[0].sum() == pytest.approx(1)


def test_a_bundle_gives_its_graph(run: Run, net: Path, declaration: Path, tmp_path: Path) -> None:
    code, _, err = run("model", "convert", net, "--name", "net", "--version", "1.0.0", "--output", tmp_path / "b")
    assert code == 0, err
    out = tmp_path / "out.onnx"
    assert run("model", "prepare", tmp_path / "b", "--declaration", declaration, "--output", out)[::2] == (0, "")
    assert [value.name for value in session(onnx.load(str(out))).get_outputs()] == ["probabilities", "label"]


def test_json_tells_before_after_and_what_was_added(run: Run, net: Path, declaration: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    code, shown, _ = run("model", "prepare", net, "--declaration", declaration, "--output", out, "--json")
    facts = json.loads(shown)
    assert code == 0
    assert facts["before"]["inputs"] == [{"name": "x", "type": "float", "shape": ["batch", 3, 16, 16]}]
    assert facts["after"]["inputs"] == [{"name": "image", "type": "uint8", "shape": [1, "H", "W", 3]}]
    assert facts["after"]["outputs"][0] == {"name": "probabilities", "type": "float", "shape": [1, 4]}
    assert facts["added"]["input"]["Resize"] == 1
    assert facts["added"]["output"]["Softmax"] == 1
    assert facts["size_bytes"] == out.stat().st_size


def test_options_stand_for_a_declaration(run: Run, net: Path, declaration: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.onnx", tmp_path / "other.onnx"
    declaration.write_text(DECLARATION.partition("[output")[0])
    assert run("model", "prepare", net, "--declaration", declaration, "--output", one)[0] == 0
    assert run("model", "prepare", net, *LETTERBOX, "--output", other)[0] == 0
    assert one.read_bytes() == other.read_bytes()


def test_classes_stand_for_output_too(run: Run, net: Path, tmp_path: Path) -> None:
    """Of two outputs that could be scores the model's user has to say which, in a declaration."""
    code, _, err = run("model", "prepare", net, "--classes", "softmax", "--output", tmp_path / "out.onnx")
    assert (code, "the options: output.classes.from: want the name of one" in err) == (2, True)


@pytest.mark.parametrize(
    ("options", "key", "value"),
    [
        pytest.param(["--range", "-1,1"], "range", (-1.0, 1.0), id="range"),
        pytest.param(["--size", "32x24"], "size", (32, 24), id="size"),
        pytest.param(["--mean", "1,2,3"], "mean", (1.0, 2.0, 3.0), id="mean"),
        pytest.param(["--std", "0.5"], "std", (0.5,), id="std"),
        pytest.param(["--pad", "114"], "pad", (114,), id="pad"),
        pytest.param(["--colour", "BGR"], "colour", "BGR", id="colour"),
    ],
)
def test_each_option_is_a_key(
    run: Run, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], key: str, value: object
) -> None:
    seen: list[Declaration] = []

    def kept(model: onnx.ModelProto, declared: Declaration, labels: Sequence[str]) -> onnx.ModelProto:
        seen.append(declared)
        return model

    monkeypatch.setattr("edgectl.model.prepare.run.prepare", kept)
    basics = ["--resize", "letterbox", "--interpolation", "cv2-linear"]
    assert run("model", "prepare", net, *basics, *options, "--output", tmp_path / "out.onnx")[0] == 0
    assert getattr(seen[0].input, key) == value


def test_the_options_offer_what_a_declaration_takes() -> None:
    assert get_args(flags.ResizeWay) == get_args(spec.Resize)
    assert get_args(flags.InterpolationWay) == get_args(spec.Interpolation)
    assert get_args(flags.ColourOrder) == get_args(spec.Colour)
    assert set(get_args(flags.ActivationWay)) == set(get_args(Activation))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[input]\nresize = 'none'\nsize = [20, 16]", "input.size: want [16, 16]", id="size"),
        pytest.param("[input]\nresize = 'none'\ncolor = 'RGB'", "input.color: unknown key", id="key"),
        pytest.param("[input]\nresize = 'none'\ncolour = 'grey'", "found grey of 1 channel", id="channels"),
        pytest.param("[input]\nresize = 'none'\nname = 'image'", "input of the model, ['x'], found 'image'", id="name"),
        pytest.param("[output.classes]\nfrom = 'scors'", "output.classes.from: want an output of the model", id="from"),
        pytest.param(
            "[output]\nkeep = ['y']\n[output.classes]\nfrom = 'scores'", "['scores', 'spare'], found 'y'", id="keep"
        ),
    ],
)
def test_a_declaration_that_does_not_fit(run: Run, net: Path, declaration: Path, text: str, said: str) -> None:
    declaration.write_text(text)
    out = net.with_name("out.onnx")
    code, shown, err = run("model", "prepare", net, "--declaration", declaration, "--output", out)
    assert (code, shown, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"edgectl: {declaration}: ")
    assert said in err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param([], "want --declaration FILE.toml, or options such as", id="nothing"),
        pytest.param(["--resize", "crop"], "the options: input.interpolation: want the one", id="no-interpolation"),
        pytest.param([*LETTERBOX, "--size", "16"], "input.size: want [width, height]", id="one-side"),
        pytest.param(
            [*LETTERBOX, "--size", "axb"], "--size: want WIDTHxHEIGHT, such as 224x224, found 'axb'", id="size"
        ),
        pytest.param([*LETTERBOX, "--mean", "a"], "--mean: want numbers with commas between, found 'a'", id="mean"),
        pytest.param([*LETTERBOX, "--size", "17x17"], "the options: input.size: want [16, 16]", id="fixed-size"),
        pytest.param([*LETTERBOX, "--labels", "l.txt"], "--labels l.txt: want [output] beside it", id="labels"),
        pytest.param(["--declaration", "none.toml"], "none.toml: no such file", id="no-file"),
        pytest.param(["--declaration", "a.toml", "--pad", "0"], "want it or --pad, found both", id="both"),
    ],
)
def test_options_that_say_too_little_or_too_much(run: Run, net: Path, options: list[str], said: str) -> None:
    code, _, err = run("model", "prepare", net, *options, "--output", net.with_name("out.onnx"))
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_the_models_fault_names_the_model(run: Run, net: Path, tmp_path: Path) -> None:
    foreign = network("NCHW")
    foreign.graph.node[0].domain = "com.microsoft"
    foreign.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(foreign, str(net))
    code, _, err = run("model", "prepare", net, *LETTERBOX, "--output", tmp_path / "out.onnx")
    assert code == 2
    assert f"edgectl: {net}: want standard ONNX operators only" in err
    assert "found com.microsoft.Conv in 'conv'" in err


def test_a_file_that_is_there_is_replaced_when_asked_but_never_the_source(run: Run, net: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    out.write_bytes(b"another")
    code, _, err = run("model", "prepare", net, *LETTERBOX, "--output", out)
    assert (code, "--force replaces it" in err) == (2, True)
    assert run("model", "prepare", net, *LETTERBOX, "--output", out, "--force")[0] == 0
    was = net.read_bytes()
    code, _, err = run("model", "prepare", net, *LETTERBOX, "--output", net, "--force")
    assert code == 2 and f"want a place beside what is read, found {net} there" in err and net.read_bytes() == was


def test_a_file_that_is_no_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_text("[input]")
    code, _, err = run("model", "prepare", tmp_path / "no.onnx", *LETTERBOX, "--output", tmp_path / "out.onnx")
    assert (code, err.count("\n")) == (2, 1)
    assert "want an ONNX model" in err
