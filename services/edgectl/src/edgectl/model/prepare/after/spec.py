"""[output] of a declaration: from what the model gives to answers. docs/models/prepare-output.md explains every key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from edge_common.manifest import Figure, Part, Text

Suppress = Literal["per-class", "class-blind", "none"]
Activation = Literal["none", "sigmoid", "softmax"]
Share = Annotated[float, Meta(ge=0, lt=1, description="a number from 0 to below 1")]
Overlap = Annotated[float, Meta(ge=0, le=1, description="a number from 0 to 1")]
# A frame with more boxes is answered by nobody; the suppression's time grows with the boxes kept times those met.
MAX_BOXES = 1000
Most = Annotated[int, Meta(ge=1, le=MAX_BOXES, description=f"a whole number from 1 to {MAX_BOXES}")]
Top = Annotated[int, Meta(ge=1, le=100, description="a whole number from 1 to 100")]
# A class of a mask is one byte a pixel.
MAX_MASK_CLASSES = 256


class Classes(Part, frozen=True):
    """Scores [N, C] of each class to `probabilities` [N, C] and `label` [N], the class of the largest.

    One column (C = 1) is the score of the second of two classes. `top` adds `top_labels` and `top_scores` [N, top],
    largest first. `text` gives labels as text in place of their index.
    """

    source: Text | None = msgspec.field(default=None, name="from")
    activation: Activation = "none"
    top: Top | None = None
    text: bool = False


class Boxes(Part, frozen=True):
    """A detector's raw outputs to `boxes` [n, 4], `scores` [n] and `classes` [n], the strongest first.

    `source` is the one output of the YOLO styles, the boxes of the SSD ones, whose scores are in the output `scores`.
    A box is one of its best class, or with `many` one of each class over `min_score`.
    """

    style: Literal["yolo-v5", "yolo-v8", "yolo-v10", "ssd", "ssd-decoded"]
    source: Text | None = msgspec.field(default=None, name="from")
    scores: Text | None = None
    classes: Text | None = None
    activation: Activation = "none"
    min_score: Share = 0.25
    iou: Overlap = 0.45
    max_boxes: Most = 100
    suppress: Suppress | None = None
    many: bool = False
    normalised: bool | None = None
    order: Literal["xy", "yx"] | None = None
    first_class: Annotated[int, Meta(ge=0, le=100, description="a whole number from 0 to 100")] = 0
    anchors: Text | None = None
    anchor_form: Literal["centre", "corners"] = "centre"
    variances: tuple[Figure, Figure, Figure, Figure] = (0.1, 0.1, 0.2, 0.2)

    def __post_init__(self) -> None:
        """Raise ValueError for keys that do not go together."""
        for key, wrong, want in self._contradictions():
            if wrong:
                found = getattr(self, key)
                raise ValueError(f"{key}: want {want}, found {'nothing' if found is None else repr(found)}")

    def _contradictions(self) -> tuple[tuple[str, bool, str], ...]:
        ssd = self.style in ("ssd", "ssd-decoded")
        given = self.classes is not None or self.style == "yolo-v10"
        single = given and (self.many or self.suppress == "per-class" or self.activation == "softmax")
        return (
            ("scores", ssd and self.scores is None, f"the output with the scores, as style is {self.style!r}"),
            ("scores", not ssd and self.scores is not None, f"none: {self.style!r} has all in the output of from"),
            ("classes", self.classes is not None and self.style != "ssd-decoded", "it with 'ssd-decoded' only"),
            ("anchors", (self.anchors is not None) != (self.style == "ssd"), "an .npy file with 'ssd', else none"),
            ("order", self.order is not None and not ssd, "it with the styles 'ssd' and 'ssd-decoded' only"),
            ("style", single, "neither many, softmax nor suppress 'per-class' where the model names a box's class"),
            ("activation", self.style == "yolo-v5" and self.activation == "softmax", "'none' or 'sigmoid'"),
            ("suppress", self.many and self.suppress == "class-blind", "'per-class' or 'none' beside many"),
            ("variances", 0 in self.variances, "none that is 0"),
        )

    @property
    def class_given(self) -> bool:
        """Whether the model names one class a box instead of scoring each."""
        return self.style == "yolo-v10" or self.classes is not None

    @property
    def in_shares(self) -> bool:
        """Whether boxes are in shares of the model's input and not in its pixels."""
        return self.style.startswith("ssd") if self.normalised is None else self.normalised

    @property
    def suppression(self) -> Suppress:
        """`suppress`, or what is usual: where the model names the class, it has suppressed already."""
        return self.suppress or ("none" if self.class_given else "per-class")

    @property
    def y_first(self) -> bool:
        """Whether a box is written y before x, as TensorFlow's detectors do once they have decoded it."""
        return self.style == "ssd-decoded" if self.order is None else self.order == "yx"


class Mask(Part, frozen=True):
    """Scores of each class and pixel to `mask` uint8 [1, H, W], in the pixels that were sent: a class each.

    One class (C = 1) becomes 1 where its score, after `activation`, is above `threshold`, else 0. Layout "map" is for
    a model that gives the classes itself, [1, h, w] or [1, 1, h, w] of whole numbers.
    """

    source: Text | None = msgspec.field(default=None, name="from")
    layout: Literal["nchw", "nhwc", "map"] = "nchw"
    activation: Literal["none", "sigmoid"] = "none"
    threshold: Figure = 0.5
    resize: Literal["nearest", "linear"] = "nearest"

    def __post_init__(self) -> None:
        """Raise ValueError for a class map that is to be interpolated: between class 1 and 3 is not class 2."""
        if self.layout == "map" and (self.resize != "nearest" or self.activation != "none"):
            raise ValueError("layout: want 'nchw' or 'nhwc' beside resize 'linear' or an activation, found 'map'")


class Anomaly(Part, frozen=True):
    """A score a row, [N] or [N, 1], to `score` [N], `label` [N] (1 where anomalous, else 0) and `threshold` [1].

    Of scikit-learn's decision_function the anomalous are those below 0. `flip` gives minus the score, and minus the
    threshold, so that more is more anomalous. `text` gives labels as text in place of their index.
    """

    threshold: Figure
    anomalous: Literal["above", "below"]
    source: Text | None = msgspec.field(default=None, name="from")
    flip: bool = False
    text: bool = False


_OPERATIONS = ("classes", "boxes", "mask", "anomaly")


class After(Part, frozen=True):
    """One of the four, and the model's own outputs that are to stay outputs, as they are."""

    classes: Classes | None = None
    boxes: Boxes | None = None
    mask: Mask | None = None
    anomaly: Anomaly | None = None
    keep: Annotated[tuple[Text, ...], Meta(max_length=32, description="at most 32 names of outputs")] = ()

    def __post_init__(self) -> None:
        """Raise ValueError unless exactly one is there."""
        found = [key for key in _OPERATIONS if getattr(self, key) is not None]
        if len(found) != 1:
            tables = "classes, boxes, mask or anomaly"
            raise ValueError(f"{tables}: want one of these tables, found {' and '.join(found) or 'none'}")

    @property
    def spatial(self) -> bool:
        """Whether the answers lie in pixels, and so are of one frame: boxes [n, 4] do not say whose they are."""
        return self.boxes is not None or self.mask is not None

    def beside(self, file: Path) -> After:
        """Return the same with its own files named as seen from here: the declaration `file` names them from there."""
        if self.boxes is None or self.boxes.anchors is None:
            return self
        return replace(self, boxes=replace(self.boxes, anchors=str(file.parent / self.boxes.anchors)))
