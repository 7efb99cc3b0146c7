"""Train the reference runs that ship with the package, and record them in src/grokcourse/recorded/.

    python tools/train_reference_runs.py [--only main ...] [--scratch runs] [--jobs 2]

Every run is trained on the CPU with one thread (so that several can train side by side) and kept whole, in float32, in
the scratch folder; an interrupted one goes on from its last checkpoint, a finished one is not trained again. The
recorded copy keeps the weights of a few steps, in float16, and the progress measures of every checkpoint that the whole
run has. Remove a folder in recorded/ to have it recorded anew, or its measures.safetensors alone.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from grokcourse import measures, runs, training
from grokcourse.cli import RECORD
from grokcourse.config import RunConfig

MAIN_STEPS = [*range(0, 10_001, 500), *range(12_500, 25_001, 2_500)]
LAST = [-1]

# Chosen among a dozen small settings and seeds because it groks soonest: seconds on one thread, so a test can train it.
SMALL = RunConfig(
    p=43, train_fraction=0.6, d_model=64, d_mlp=128, lr=2e-3, steps=1_500, seed=2, split_seed=2, eval_every=50
)

REFERENCE_RUNS: dict[str, tuple[RunConfig, list[int]]] = {
    "small": (SMALL, LAST),
    "main": (RunConfig(), MAIN_STEPS),
    "wd1-seed1": (RunConfig(seed=1, split_seed=1), LAST),
    "wd1-seed2": (RunConfig(seed=2, split_seed=2, steps=12_000), LAST),
    "wd0-seed0": (RunConfig(weight_decay=0.0, steps=18_500), LAST),
    "wd0-seed1": (RunConfig(weight_decay=0.0, seed=1, split_seed=1, steps=6_000), LAST),
    "wd0-seed2": (RunConfig(weight_decay=0.0, seed=2, split_seed=2, steps=5_000), LAST),
    "wd0.01-seed0": (RunConfig(weight_decay=0.01, steps=4_000), LAST),
    "wd0.1-seed0": (RunConfig(weight_decay=0.1, steps=70_000), [12_000, *LAST]),
    "wd0.3-seed0": (RunConfig(weight_decay=0.3), LAST),
    "wd3-seed0": (RunConfig(weight_decay=3.0, steps=5_000), LAST),
}
"""Name → config, and the steps whose weights are recorded (−1: the last)."""


def make(name: str, scratch: Path) -> str:
    """Train one run if need be, record it and its measures; returns a line that says what was done."""
    config, steps = REFERENCE_RUNS[name]
    whole, recorded = scratch / name, runs.RECORDED / name
    torch.set_num_threads(1)
    if not whole.exists():
        training.train(config, whole, device="cpu", record=RECORD, progress_bar=False)
    run = runs.load(whole)
    done = []
    if not recorded.exists():
        kept = [config.steps if step == -1 else step for step in steps]
        runs.save(runs.thin(run, kept), recorded, half=True)
        done.append(f"recorded {len(kept)} of {len(run.steps)} checkpoints")
    if not (recorded / measures.FILE).exists():
        measures.store(measures.measure_run(run), recorded)
        done.append(f"measured {len(run.steps)} checkpoints")
    return f"{name}: {' and '.join(done) or 'is recorded already'}"


def main() -> None:
    """Parse the command line and make the runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=REFERENCE_RUNS, default=list(REFERENCE_RUNS), metavar="NAME")
    parser.add_argument("--scratch", type=Path, default=Path("runs"))
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        for line in pool.map(make, options.only, [options.scratch] * len(options.only)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
