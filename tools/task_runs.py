"""Train the course's model on other tasks, over fractions of the questions and over seeds.

    OMP_NUM_THREADS=1 nice python tools/task_runs.py [--out FOLDER] [--seeds 3]

Settings are quick ones (learning rate 3e-3, weight decay 3), so that a run takes a minute or two. It stops AFTER steps
after 99 % of the test set is answered, or at its bound. The evaluations of all finished runs are written, whole, to
FOLDER/runs.csv after each; runs that it holds already are not trained again. Of some, the weights at the beginning and
at the end are kept beside it, in float16.
"""

import argparse
import csv
import io
from pathlib import Path
from typing import Any

import torch

from grokcourse import runs, training
from grokcourse.config import RunConfig
from grokcourse.sweep import table

QUICK = RunConfig(lr=3e-3, weight_decay=3.0, eval_every=20)
AFTER = 100
KEPT = {("multiply", 0.3), ("compose", 0.6)}
"""Operation and fraction of the runs with seed 0 whose weights are kept."""

PLAN: list[tuple[str, float, int]] = [
    ("multiply", 0.3, 1_500),
    ("compose", 0.6, 1_500),
    ("add", 0.3, 1_500),
    ("divide", 0.4, 1_500),
    ("subtract", 0.3, 2_000),
    ("random", 0.3, 1_000),
    ("maximum", 0.3, 1_500),
    ("quadratic", 0.4, 1_500),
    ("cubic", 0.5, 1_000),
    ("divide", 0.3, 1_500),
    ("compose", 0.5, 1_500),
]
"""Operation, fraction of the questions that is trained on, and the steps at which a run is given up."""


def planned(seeds: int) -> list[RunConfig]:
    """The configs, seed by seed."""
    return [
        QUICK.replace(
            operation=operation,
            p=120 if operation == "compose" else QUICK.p,
            train_fraction=fraction,
            steps=steps,
            seed=seed,
            split_seed=seed,
        )
        for seed in range(seeds)
        for operation, fraction, steps in PLAN
    ]


def main() -> None:
    """Parse the command line, and train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=runs.RECORDED / "tasks")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    place = options.out / "runs.csv"
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(place.read_text()))) if place.exists() else []
    done = {(row["operation"], float(row["fraction"]), int(row["seed"])) for row in rows}
    for config in planned(options.seeds):
        if (config.operation, config.train_fraction, config.seed) in done:
            continue
        run = training.train(config, device="cpu", until=training.grokked, then=AFTER, progress_bar=False)
        if config.seed == 0 and (config.operation, config.train_fraction) in KEPT:
            ends = runs.thin(run, [0, run.steps[-1]])
            runs.save(ends, options.out / f"{config.operation}-seed{config.seed}", half=True)
        which = {"operation": config.operation, "fraction": config.train_fraction, "seed": config.seed}
        rows += table.evaluations(run, which)
        table.write(rows, place)
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
