"""Fit heart-rate-anomaly on normal windows only; write model.skops and its data for `edgectl model build`.

.train/bin/python models/heart-rate-anomaly/train.py [--out DIR] [--quick]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skops.io
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from windows import windows

HERE = Path(__file__).parent
SEED = 23
# Of the held-out windows; far more than any wearer has, so that the figures rest on enough of them.
ANOMALOUS = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """How many windows and trees; a tree is grown on `samples` windows."""

    train: int
    held_out: int
    trees: int
    samples: int


FULL = Plan(train=6000, held_out=3000, trees=24, samples=256)
# To see that every step runs.
QUICK = Plan(train=300, held_out=100, trees=8, samples=64)


def fit(plan: Plan) -> IsolationForest:
    """Grow the forest; trees compare features as float32, so it needs no scaling before it."""
    features, _ = windows(plan.train, 0.0, SEED)
    forest = IsolationForest(n_estimators=plan.trees, max_samples=plan.samples, contamination=0.02, random_state=SEED)
    return forest.fit(features.astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "work", help="where model and data go")
    parser.add_argument("--quick", action="store_true", help="hardly train: to try the steps")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    forest = fit(plan)
    skops.io.dump(forest, out / "model.skops")
    features, labels = windows(plan.held_out, ANOMALOUS, SEED + 1)
    single = features.astype(np.float32)
    np.savez_compressed(out / "held-out.npz", features=single, labels=labels)
    print(f"ROC AUC {roc_auc_score(labels, -forest.score_samples(single)):.4f}; written: {out}")


if __name__ == "__main__":
    main()
