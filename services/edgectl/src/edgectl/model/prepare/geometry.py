"""How a picture came to lie in the model's input, so that answers find back to the pixels that were sent.

The contract between the two sides of a prepared graph, which prepare.run joins:

    before.build.build(spec: before.spec.Before, tensor: TensorSpec, one_frame: bool) -> ModelProto
        `tensor` is the model's input that it feeds (-1 a free extent). Graph input "image", UINT8 [1, H, W, 3] or,
        free batch, [N, H, W, 3], RGB; graph outputs: TENSOR, typed as `tensor`, and SCALE, OFFSET, FRAME and SIZE.
        For kind = "tensor" the input, IMAGE too, is typed and in the end named as `tensor`; there is no geometry.
    after.build.build(spec: after.spec.After, outputs: Sequence[TensorSpec], labels: Sequence[str], geometry: bool)
            -> ModelProto
        `outputs` are the model's, named and typed as they are (-1 a free extent). Graph inputs: those of `outputs`
        that it uses, by their names, and, only with `geometry`, those of SCALE, OFFSET, FRAME and SIZE that it uses.
        Graph outputs: the answers by their final names. The names in `spec.keep` prepare.run keeps itself, used or
        not; the model's other outputs are gone. Unless `geometry`, boxes stay in the model's pixels.
        Where `spec.spatial`, prepare.run makes the frame one: a batch of 1 (`one_frame` of the other side).
    before.reference.apply(spec, tensor: TensorSpec, one_frame: bool, array) -> tuple[array, Geometry | None]
    after.reference.apply(spec, outputs: Mapping[str, Array], labels, geometry: Geometry | None) -> dict[str, Array]
        the same with numpy and OpenCV, answers named as the graph's. Missing there: OpenCV (the extra `pictures`).

Both graphs are of opset OPSET and IR_VERSION (edgectl.model.graphs) and of standard operators alone. prepare.run
prefixes every inner name (before/, model/, after/), so the sides choose theirs freely; a free extent should be named
something other than "N", "H" and "W" unless it is the same. Faults are ModelError("[output] key: want ..., found ...");
prepare.command puts the file's name in front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_common.tensors import Array

# float32 [2], x then y: model pixel = frame pixel * SCALE + OFFSET, pixels counted from the picture's edge (a box's
# x1 of 0 is the left edge), so frame = (model - OFFSET) / SCALE. A letterbox has OFFSET >= 0, a crop <= 0.
SCALE, OFFSET = "scale", "offset"
# float32 [2]: width and height of the frame that was sent, to clip boxes to, and of the model's input.
FRAME, SIZE = "frame", "size"
GEOMETRY = (SCALE, OFFSET, FRAME, SIZE)
# The pixels' input of a prepared graph, and, inside, what the model takes.
IMAGE, TENSOR = "image", "tensor"


@dataclass(frozen=True, slots=True)
class Geometry:
    """The four as numpy arrays, float32 [2] each, for the references."""

    scale: Array
    offset: Array
    frame: Array
    size: Array
