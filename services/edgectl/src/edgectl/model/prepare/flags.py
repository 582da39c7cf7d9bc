"""The options of `edgectl model prepare`, with what `--help` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

# The same words as prepare.before.spec and prepare.after.spec, which a test holds together: those cost an import.
ResizeWay = Literal["letterbox", "stretch", "crop", "none"]
InterpolationWay = Literal["cv2-linear", "cv2-cubic", "cv2-nearest", "pil-bilinear", "pil-bicubic", "tf-bilinear"]
ColourOrder = Literal["RGB", "BGR", "grey"]
ActivationWay = Literal["none", "sigmoid", "softmax"]

Model = Annotated[Path, Argument(metavar="MODEL.onnx|BUNDLE", help="The graph to wrap, or a bundle's.")]
DeclarationFile = Annotated[
    Path | None, Option(metavar="FILE.toml", help="What is done, in full; in place of the options below.")
]
Output = Annotated[Path, Option(metavar="OUT.onnx", help="File to write.")]
Labels = Annotated[
    Path | None, Option(metavar="FILE", help="Text file, one class a line: checked against the classes.")
]
Resize = Annotated[ResizeWay | None, Option(help="How a picture of any size gets the model's.")]
Interpolation = Annotated[
    InterpolationWay | None, Option(help="The library's resizing that the training pictures went through.")
]
Size = Annotated[str | None, Option(metavar="WIDTHxHEIGHT", help="The model's size, where its graph leaves it free.")]
Colour = Annotated[ColourOrder | None, Option(help="What the model takes; RGB by default. RGB is always sent.")]
Range = Annotated[
    str | None, Option("--range", metavar="LOW,HIGH", help="What 0 and 255 become, such as 0,1; 0,255 by default.")
]
Mean = Annotated[str | None, Option(metavar="M,..", help="Subtracted after that, one number or one per channel.")]
Std = Annotated[str | None, Option(metavar="S,..", help="Divided by after that, one number or one per channel.")]
Pad = Annotated[str | None, Option(metavar="LEVEL,..", help="What a letterbox is padded with, 0 to 255, or R,G,B; 0.")]
Classes = Annotated[
    ActivationWay | None, Option(help="Make probabilities and label of the model's scores, through this.")
]
Force = Annotated[bool, Option("--force", help="Replace what is there.")]
