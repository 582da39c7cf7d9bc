"""A recipe: everything that makes a bundle of a trained model, as one TOML file. docs/models/recipe.md explains it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from edge_common.manifest import Absolute, Answer, Budget, Name, Part, Relative, Task, Text, Version
from edge_common.tomlfile import ConfigError, read_toml
from edgectl.model.convert.options import Framework, Precision
from edgectl.model.data import MAX_SAMPLES
from edgectl.model.errors import ModelError
from edgectl.model.prepare.after.spec import After
from edgectl.model.prepare.before.spec import Before
from edgectl.model.quantise.plan import Calibrate, Measure, Method

Share = Annotated[float, Meta(ge=0, le=1, description="a share from 0 to 1, such as 0.005 for half a per cent")]
Samples = Annotated[int, Meta(ge=1, le=MAX_SAMPLES, description=f"1 to {MAX_SAMPLES} samples")]
Extent = Annotated[int, Meta(ge=1, le=2**20, description="an extent of 1 or more")]


class Original(Part, frozen=True):
    """What is converted: a path, or `module:function` for PyTorch; the rest as `edgectl model convert` has it."""

    model: Text
    framework: Framework | None = None
    trust: bool = False
    example: Text | None = None
    dtype: Precision | None = None
    batch: Extent | None = None
    shapes: dict[Text, list[Extent]] = field(default_factory=dict)


class Data(Part, frozen=True):
    """Real samples: `verify` with labels where the metric is to be known, `calibration` for static quantisation.

    Without `verify`, `generate` samples of noise stand in, which show a wrong conversion and no more.
    """

    verify: Text | None = None
    labels: Text | None = None
    calibration: Text | None = None
    limit: Samples = MAX_SAMPLES
    generate: Samples = 50


class Frame(Part, frozen=True):
    """For a model that takes pixels: a client downscales to `max_side` first."""

    max_side: Annotated[int, Meta(ge=16, le=16384, description="16 to 16384 pixels")] = 1280


class Optimise(Part, frozen=True):
    level: Literal["portable", "target"] = "portable"


class Quantise(Part, frozen=True):
    """As `edgectl model quantise` has it; `max_drop` is a share of 1."""

    method: Method = "auto"
    calibrate: Calibrate = "minmax"
    max_drop: Share = 0.005
    measure: Measure = "auto"
    exclude: list[Text] = field(default_factory=list)
    full_range: bool = False


class Within(Part, frozen=True):
    """How far a graph may be from the original; a key that is left out is as `edgectl model verify` has it."""

    max_difference: Absolute | None = None
    max_relative: Absolute | None = None
    min_agreement: Share | None = None
    max_drop: Share | None = None


class Verify(Within, frozen=True):
    """Bounds of a float graph that answers as the bundle will.

    `converted` is of one that has yet to be prepared, which a resize does not blur, `quantised` of one in eight bits.
    """

    converted: Within = field(default_factory=Within)
    quantised: Within = field(default_factory=Within)


class Golden(Part, frozen=True):
    """How many samples the bundle keeps, and how far a gateway's answers may be from those recorded here."""

    samples: Annotated[int, Meta(ge=1, le=100, description="1 to 100 samples")] = 4
    rtol: Relative = 1e-3
    atol: Absolute = 1e-4


class Bench(Part, frozen=True):
    """For the cost after each step: threads of ONNX Runtime, and for how long each graph is run."""

    threads: Annotated[int, Meta(ge=1, le=256, description="1 to 256 threads")] = 1
    seconds: Annotated[float, Meta(gt=0, le=600, description="a number above 0, at most 600")] = 1.0


class Recipe(Part, frozen=True):
    """A recipe as written. Steps whose table is missing are left out; convert, verify and bundle always are."""

    name: Name
    version: Version
    task: Task
    source: Original
    description: Annotated[str, Meta(max_length=2000)] = ""
    bundle: Text | None = None
    labels: list[Text] | Text = field(default_factory=list)
    card: Text | None = None
    data: Data = field(default_factory=Data)
    image: Frame = field(default_factory=Frame)
    input: Before | None = None
    output: After | None = None
    answer: Answer | None = None
    optimise: Optimise | None = None
    quantise: Quantise | None = None
    verify: Verify = field(default_factory=Verify)
    golden: Golden = field(default_factory=Golden)
    bench: Bench = field(default_factory=Bench)
    budget: Budget = field(default_factory=Budget)


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in the file `path`, its own paths made such that they hold from here.

    Raises:
        ModelError: unreadable, not TOML, an unknown key or a value that does not fit, in one line with file and key.
    """
    try:
        recipe = read_toml(path, Recipe)
    except ConfigError as exc:
        raise ModelError(str(exc)) from None
    if recipe.answer is not None and recipe.answer.labels is not None:
        raise ModelError(f"{path}: answer.labels: want it left out, the build writes labels.txt; give labels = [...]")
    return _from_here(recipe, path.parent)


def _from_here(recipe: Recipe, folder: Path) -> Recipe:
    """Paths in a recipe are relative to it, wherever it is called from."""

    def moved(name: str | None) -> str | None:
        return None if name is None else str(folder / name)

    source, data = recipe.source, recipe.data
    return replace(
        recipe,
        bundle=str(folder / (recipe.bundle or recipe.name)),
        labels=str(folder / recipe.labels) if isinstance(recipe.labels, str) else recipe.labels,
        card=moved(recipe.card),
        source=replace(source, model=_model(source.model, folder), example=moved(source.example)),
        data=replace(data, verify=moved(data.verify), labels=moved(data.labels), calibration=moved(data.calibration)),
        output=recipe.output and recipe.output.beside(folder / "recipe.toml"),
    )


def _model(source: str, folder: Path) -> str:
    """A factory `module:function` is no path, unless there happens to be one of that name."""
    return source if ":" in source and not (folder / source).exists() else str(folder / source)
