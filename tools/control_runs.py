"""Train the controls of chapter 3: quick runs with and without weight decay, over three seeds.

    OMP_NUM_THREADS=1 nice python tools/control_runs.py [--store FOLDER] [--jobs 1]

At a learning rate of 3e-3, weight decay 3 groks within some 600 steps. The controls, without decay, get
6,000 each. They are a sweep: a run that the store holds is not trained again, and what was
interrupted goes on. When all are there, their evaluations are written, whole, to recorded/controls/runs.csv. On one
quiet core this takes some 30 minutes.
"""

import argparse
from pathlib import Path
from typing import Any

from grokcourse import runs, sweep, training
from grokcourse.runs import Run
from grokcourse.sweep import table

PLAN = (
    *sweep.make_plan(
        {
            "lr": 3e-3,
            "weight_decay": 3.0,
            "seeds": "0-2",
            "steps": 1_500,
            "eval_every": 20,
            "checkpoint_every": 500,
            "until": "grokked",
            "and_then": 200,
        }
    ),
    *sweep.make_plan(
        {
            "lr": 3e-3,
            "weight_decay": 0.0,
            "seeds": "0-2",
            "steps": 6_000,
            "eval_every": 50,
            "checkpoint_every": 1_000,
        }
    ),
)
QUANTITIES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def rows_of(run: Run) -> list[dict[str, Any]]:
    """A run's evaluations, one a row; ``seconds`` are those of the whole run."""
    config = training.asked(run)
    of_run = {"weight_decay": config.weight_decay, "seed": config.seed}
    norms = (run.history["weight_norms"] ** 2).sum(axis=1) ** 0.5
    return [
        of_run
        | {"step": int(step)}
        | {name: f"{run.history[name][at]:.5g}" for name in QUANTITIES}
        | {"weight_norm": f"{norms[at]:.5g}", "seconds": run.provenance["seconds"]}
        for at, step in enumerate(run.history["step"])
    ]


def main() -> None:
    """Parse the command line, train what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/controls"))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    result = sweep.sweep(PLAN, options.store, jobs=options.jobs, device="cpu")
    for name, why in result.failed.items():
        print(f"{name}: {why}")
    if not result.failed:
        rows = [row for planned in PLAN for row in rows_of(runs.load(options.store / planned.name))]
        table.write(rows, runs.RECORDED / "controls" / "runs.csv")


if __name__ == "__main__":
    main()
