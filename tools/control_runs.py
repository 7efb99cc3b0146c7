"""Train the controls of chapter 3: quick runs with and without weight decay, over three seeds.

    OMP_NUM_THREADS=1 nice python tools/control_runs.py [--store FOLDER] [--jobs 1]

At a learning rate of 3e-3, weight decay 3 groks within some 600 steps. The controls, without decay, get
6,000 each. They are a sweep: a run that the store holds is not trained again, and what was
interrupted goes on. When all are there, their evaluations are written, whole, to recorded/controls/runs.csv. On one
quiet core this takes some 30 minutes.
"""

import argparse
from pathlib import Path

from grokcourse import quick_runs, runs, sweep, training
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


def rows_of(run: Run) -> list[table.Row]:
    """A run's evaluations, with the norm of all its weights together."""
    config = training.asked(run)
    norm = (run.history["weight_norms"] ** 2).sum(axis=1) ** 0.5
    which = {"weight_decay": config.weight_decay, "seed": config.seed}
    return table.evaluations(run, which, {"weight_norm": norm})


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
        table.write(rows, quick_runs.FOLDER / "runs.csv")


if __name__ == "__main__":
    main()
