"""Make belt-detector: generate scenes, train, convert, measure, and write bundle, clip and card.

python models/belt-detector/recipe.py                 # everything, about 20 minutes on two cores
python models/belt-detector/recipe.py --scenes 200 --epochs 1 --out /tmp/try
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from scenes import Image, Truth, random_scene, split_digits

HERE = Path(__file__).parent
SEED = 7
CHUNK = 100
HELD_OUT_SCENES = 400
console = Console()


def progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )


def scenes_of(split: str, seed: int, count: int) -> list[tuple[Image, list[Truth]]]:
    """Return `count` scenes of one split's digits; the same for the same seed on any machine."""
    cv2.setNumThreads(1)
    digits, rng = split_digits(SEED)[split], np.random.default_rng([SEED, seed])
    return [random_scene(rng, digits) for _ in range(count)]


def held_out() -> list[tuple[Image, list[Truth]]]:
    """Return the scenes that the figures are of, and the reference that drift is told against."""
    return scenes_of("test", 10_000, HELD_OUT_SCENES)


def _training_chunk(seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    from network import NET_HEIGHT, NET_WIDTH, targets

    scenes = scenes_of("train", seed, CHUNK)
    small = [cv2.resize(frame, (NET_WIDTH, NET_HEIGHT), interpolation=cv2.INTER_LINEAR) for frame, _ in scenes]
    return np.stack(small).astype(np.uint8), np.stack([targets(truth) for _, truth in scenes])


def training_set(count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Render `count` training scenes in as many processes as there are cores."""
    context = multiprocessing.get_context("spawn")
    chunks = max(1, count // CHUNK)
    with progress() as bar, ProcessPoolExecutor(mp_context=context) as pool:
        task = bar.add_task("rendering scenes", total=chunks * CHUNK)
        parts = []
        for part in pool.map(_training_chunk, range(chunks)):
            parts.append(part)
            bar.advance(task, CHUNK)
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=4000, help="training scenes (default 4000)")
    parser.add_argument("--epochs", type=int, default=9, help="passes over them (default 9)")
    parser.add_argument("--out", type=Path, default=HERE, help="where the bundle goes (default: this directory)")
    parser.add_argument("--weights", type=Path, help="a .keras file from an earlier run: skip the training")
    parser.add_argument("--save-weights", type=Path, help="keep the trained .keras file here")
    options = parser.parse_args()
    if options.scenes < CHUNK or options.epochs < 1:
        parser.error(f"want at least {CHUNK} scenes and 1 epoch")

    import keras

    import network

    if options.weights:
        model = keras.models.load_model(options.weights, compile=False)
    else:
        images, wanted = training_set(options.scenes)
        with progress() as bar:
            task = bar.add_task("training", total=options.epochs * (len(images) // 16))
            model = network.train(
                images,
                wanted,
                options.epochs,
                SEED,
                lambda value: bar.update(task, advance=1, description=f"training, loss {value:.3f}"),
            )
    if options.save_weights:
        model.save(options.save_weights)
    _finish(model, options.out)


def _finish(model: Any, out: Path) -> None:
    """Convert, measure on held-out scenes and the clip, write everything."""
    import card
    import clip
    from edgectl.bundle.create import create_bundle
    from edgectl.bundle.reference import reference_of
    from edgectl.bundle.session import Model
    from goldens import golden_inputs
    from graph import export

    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        export(model, graph)
        digits = split_digits(SEED)["test"]
        clip.write_clip(Path(scratch), digits, SEED)
        scenes = held_out()
        figures = card.measure(model, graph, Path(scratch), scenes, digits, SEED, progress)
        console.print(card.table(figures))
        create_bundle(
            graph,
            out,
            inputs=golden_inputs(graph, scenes_of("test", 20_000, 40), Path(scratch)),
            extra={"README.md": card.markdown(figures)},
            reference=reference_of(
                Model(graph), card.FACTS["answer"], card.LABELS, ({"image": frame[None]} for frame, _ in scenes)
            ),
            source=card.source(figures, {name: installed(name) for name in card.TOOLS}),
            force=True,
            **card.FACTS,
        )
        for name in ("belt.mp4", "belt.truth.jsonl"):
            (out / name).write_bytes((Path(scratch) / name).read_bytes())
    console.print(f"written: {out}")


if __name__ == "__main__":
    main()
