"""The options of `edgectl model convert`, with what `--help` says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from edgectl.model.convert.options import Framework, Precision

Source = Annotated[
    str,
    Argument(
        metavar="SOURCE",
        help="Keras .keras or .h5, SavedModel directory, .tflite, .skops, .joblib or .pkl, XGBoost .json or .ubj, "
        "LightGBM .txt, PyTorch .pt2, TorchScript .pt, module:function, or .onnx.",
    ),
]
Output = Annotated[Path | None, Option("--output", "-o", metavar="DIR", help="Directory to write; ./NAME by default.")]
FrameworkOption = Annotated[
    Framework | None, Option("--framework", help="Refuse any other; found out from the content by default.")
]
Trust = Annotated[
    bool,
    Option("--trust", help="Run code that the file holds: pickles, Lambda layers. Only when you know who made it."),
]
Example = Annotated[
    Path | None,
    Option(
        metavar="FILE.npz",
        help="Real inputs, one array each, samples along the first axis: parity and golden samples are of them.",
    ),
]
Shape = Annotated[
    list[str] | None,
    Option(metavar="INPUT=1,3,32,32", help="Shape of an input that the model leaves open; the batch comes first."),
]
Dtype = Annotated[
    Precision | None, Option("--dtype", help="scikit-learn: the precision; by default what agrees with predict.")
]
Batch = Annotated[int | None, Option(min=1, max=65536, help="A fixed batch; any by default.")]
Golden = Annotated[int, Option(min=0, max=100, help="Golden samples to record.")]
