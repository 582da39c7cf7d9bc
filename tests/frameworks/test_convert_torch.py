"""PyTorch, really installed: exported programs, TorchScript, and functions that make a module."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgectl_support import Run

pytestmark = pytest.mark.frameworks

NETS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Linear(4, 5)

    def forward(self, image):
        return self.head(torch.relu(self.norm(self.conv(image))).mean((2, 3)))

class Eigen(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvals(x.reshape(-1, 2, 2)).real

class Two(nn.Module):
    def forward(self, a, b):
        return {"sum": a + b, "difference": a - b}

class Fixed(nn.Module):
    def forward(self, x):
        return x.reshape(2, 3, 1)

class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(10, 3)

    def forward(self, ids):
        return self.table(ids)

class Bad(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.bad = nn.Linear(4, 4), Eigen()

    def forward(self, x):
        return self.bad(self.inner(x))

def net():
    torch.manual_seed(0)
    return Net()

def none():
    return 3

def fails():
    raise RuntimeError("no weights")

def exits():
    raise SystemExit(7)

def stopped():
    raise SystemExit(143)

bad, two, fixed, words = Bad, Two, Fixed, Words
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module `nets` in the current directory."""
    pytest.importorskip("torch")
    (tmp_path / "nets.py").write_text(textwrap.dedent(NETS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "nets", raising=False)
    import nets  # type: ignore[import-not-found]

    return nets


def convert(run: Run, source: object, *more: object) -> tuple[int, str, str]:
    return run("model", "convert", source, "--name", "small", "--version", "1.0.0", "--json", *more)


def test_an_exported_program_keeps_its_free_batch(run: Run, nets: Any) -> None:
    import torch

    example = (torch.randn(2, 3, 8, 8),)
    free = {"image": {0: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(nets.net().eval(), example, dynamic_shapes=free), "m.pt2")
    code, out, err = convert(run, "m.pt2")
    facts = json.loads(out)
    assert code == 0 and facts["parity"]["holds"], err
    assert facts["inputs"][0]["shape"] == [-1, 3, 8, 8] and facts["outputs"][0]["name"] == "output"


@pytest.mark.parametrize("make", ["trace", "script"])
def test_torchscript_needs_the_shape_of_its_inputs(run: Run, nets: Any, make: str) -> None:
    import torch

    example = torch.randn(2, 3, 8, 8)
    module = nets.net().eval()
    with pytest.warns(DeprecationWarning):
        script = torch.jit.trace(module, example) if make == "trace" else torch.jit.script(module)
        torch.jit.save(script, "m.pt")
    code, _, err = convert(run, "m.pt")
    assert code == 2 and "give --shape image=1,3,32,32 for each, or --example FILE.npz" in err
    code, out, err = convert(run, "m.pt", "--shape", "image=1,3,8,8")
    assert code == 0 and json.loads(out)["inputs"][0]["shape"] == [-1, 3, 8, 8], err


def test_a_factory_from_the_current_directory_with_an_example(run: Run, nets: Any) -> None:
    rows = np.random.default_rng(0).normal(size=(2, 5, 3))
    np.savez("rows.npz", a=rows[0], b=rows[1])
    code, out, err = convert(run, "nets:two", "--example", "rows.npz")
    facts = json.loads(out)
    assert code == 0 and facts["parity"]["holds"], err
    assert [tensor["name"] for tensor in facts["inputs"]] == ["a", "b"]
    assert [tensor["name"] for tensor in facts["outputs"]] == ["sum", "difference"]
    assert facts["parity"]["samples"] == 5 and Path("small/model.toml").is_file()


@pytest.mark.parametrize(
    ("source", "more", "told"),
    [
        pytest.param("nets:bad", ["--shape", "x=1,4"], "found aten.linalg_eig in 'bad'", id="operator"),
        pytest.param("nets:fixed", ["--shape", "x=1,3"], "want a module that takes any batch", id="batch"),
        pytest.param("nets:two", ["--shape", "a=1,3"], "--shape: want ['a', 'b'], found no 'b'", id="input"),
        pytest.param("nets:none", ["--shape", "x=1,3"], "want a function that returns a torch.nn.Module", id="module"),
        pytest.param("nets:gone", ["--shape", "x=1,3"], "want a function 'gone' in the module 'nets'", id="function"),
        pytest.param("nots:net", ["--shape", "x=1,3"], "want a module 'nots' in", id="no-module"),
        pytest.param("nets:exits", ["--shape", "x=1,3"], "found one that ends the program with 7", id="exits"),
        pytest.param(
            "nets:words", ["--shape", "ids=1,4"], "give real ones with --example FILE.npz", id="whole-numbers"
        ),
        pytest.param("nets:net", ["--shape", "image=0,3,8,8"], "want extents of 1 or more, found [0,", id="empty"),
        pytest.param("nets:fails", ["--shape", "x=1,3"], "the function failed: no weights", id="fails"),
    ],
)
def test_what_cannot_be_converted_is_one_line(
    run: Run,
    nets: Any,
    source: str,
    more: list[str],
    told: str,
) -> None:
    code, _, err = convert(run, source, *more)
    assert code == 2 and told in err.splitlines()[-1] and not Path("small").exists(), err


def test_whole_numbers_of_an_example_are_taken_as_they_are(run: Run, nets: Any) -> None:
    np.savez("rows.npz", ids=np.arange(8).reshape(2, 4))
    code, out, err = convert(run, "nets:words", "--example", "rows.npz")
    assert code == 0 and json.loads(out)["inputs"][0]["datatype"] == "INT64", err


def test_being_told_to_stop_is_no_fault_of_the_function(run: Run, nets: Any) -> None:
    """main.py leaves by SystemExit at SIGTERM, in whatever runs then."""
    assert convert(run, "nets:stopped", "--shape", "x=1,3")[0] == 143


def test_weights_alone_are_told_apart(run: Run, nets: Any) -> None:
    import torch

    torch.save(nets.net().state_dict(), "state.pt")
    code, _, err = convert(run, "state.pt")
    assert code == 2 and "give module:function that builds the module and loads these weights" in err
