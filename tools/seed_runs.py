"""Train addition quickly with ten seeds, and measure each circuit: how far one run speaks for others.

    OMP_NUM_THREADS=1 nice python tools/seed_runs.py [--store FOLDER] [--jobs 1]

At a learning rate of 3e-3 and weight decay 3; each run ends 200 steps after it has grokked. They are a sweep: a run
that the store holds is not trained again, and what was interrupted goes on. The measures along a run are kept with it.
When all are there, one line for each is written, whole, to recorded/controls/seeds.csv. On one quiet core this takes
some 15 minutes, a third of it for the measures; the store takes 350 MB.
"""

import argparse
from pathlib import Path

import torch

from grokcourse import claims, measures, quick_runs, runs, sweep
from grokcourse.sweep import table

PLAN = sweep.make_plan(
    {
        "lr": 3e-3,
        "weight_decay": 3.0,
        "seeds": "0-9",
        "steps": 1_500,
        "eval_every": 20,
        "checkpoint_every": 20,
        "until": "grokked",
        "and_then": 200,
    }
)
MEASURED_EVERY = 40
"""In steps: by 1 / (lr · λ) a step is worth nine of the main run's, which is measured every 500."""
ANNOUNCED = (
    "test_loss",
    "restricted_loss",
    "excluded_loss",
    "cosine_share",
    "gini_W_E",
    "gini_W_logit",
    "neuron_share",
    "specialised",
    "squared_weights",
)
"""The measures of chapter 7 whose dates are compared there."""
FINAL = ("train_loss", *(name for name in ANNOUNCED if name != "neuron_share"))
"""Those whose last value is recorded."""


@torch.no_grad()
def row_of(folder: Path) -> table.Row:
    """What is recorded of a run: a line of the table."""
    if measures.find(folder) is None:
        run = runs.load(folder)
        chosen = [step for step in run.steps if step % MEASURED_EVERY == 0 or step == run.steps[-1]]
        measures.store(measures.measure_run(runs.thin(run, chosen)), folder)
    case = claims.Case(str(folder))
    run, measured, phases = case.run, case.measured, case.phases
    assert phases.memorised is not None
    energy = measured["energy_W_E"][-1]
    rung = measures.alarm(measured.steps, measured["excluded_loss_each"], phases.memorised)
    return {
        "seed": run.config.seed,
        "memorised": phases.memorised,
        "onset": phases.onset,
        "grokked": phases.grokked,
        "steps": run.steps[-1],
        "seconds": run.provenance["seconds"],
        "key": " ".join(map(str, case.key)),
        "alarm": rung[0] if rung else "",
        **{
            f"announced:{name}": measures.announced(
                measured.steps, measured[name], phases.memorised, log=name.endswith("loss")
            )
            for name in ANNOUNCED
        },
        **{f"final:{name}": f"{measured[name][-1]:.5g}" for name in FINAL},
        "final:energy_W_E_in_key": f"{energy[case.key].sum() / energy[1:].sum():.5g}",
        **{f"claim:{name}": f"{value:.5g}" for name, value in claims.measure_quick(case).items()},
    }


def main() -> None:
    """Parse the command line, train what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("runs/seeds"))
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    result = sweep.sweep(PLAN, options.store, jobs=options.jobs, device="cpu", all_weights=True)
    for name, why in result.failed.items():
        print(f"{name}: {why}")
    if not result.failed:
        rows = [row_of(options.store / planned.name) for planned in PLAN]
        table.write(rows, quick_runs.FOLDER / "seeds.csv")


if __name__ == "__main__":
    main()
