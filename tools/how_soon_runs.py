"""Train the runs of "How soon can it grok?": the course's model at other learning rates and weight decays.

    OMP_NUM_THREADS=1 nice -n 19 python tools/how_soon_runs.py [--out FOLDER] [--scratch FOLDER] [--seeds 3]
        [--race | --only METHOD LR DECAY]

One run at a time, on the CPU, with one thread. A run stops AFTER steps after the test set is answered to 99 %, or at
its bound: then it is censored, and its column ``grokked`` stays empty. The table, ``runs.csv``, is written whole after
every run; the runs that it holds already are not trained again. The cells that should grok soonest come first, seed by
seed. One run, FAST, is kept with weights and progress measures, in the folder ``fast``.
"""

import argparse
import csv
import io
import time
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from grokcourse import how_soon, measures, runs, tasks, training
from grokcourse.cli import RECORD
from grokcourse.config import RunConfig
from grokcourse.model import Transformer
from grokcourse.steps import METHODS, make_step
from grokcourse.sweep import table

RATES = (1e-3, 3e-3, 5e-3, 1e-2)
DECAYS = (1.0, 3.0, 5.0)
SLOWEST = 3e-3
"""The least lr · λ that is tried here: below it a run takes many minutes, and the recorded runs tell the rest."""
RECORDED_CELLS = ((1e-3, 3.0),)
"""Cells of which a run is recorded with the reference runs."""
MANY_SEEDS = 8e-3
"""Above this lr · λ a run takes a minute or so, and is trained with several seeds; below it with one."""
EVERY = 20
AFTER = 100
ANSWERED = 0.99
FAST = RunConfig(lr=3e-3, weight_decay=3.0, steps=1_200, eval_every=EVERY, checkpoint_every=100)
KEPT = (500, 1_200)


def bound(lr: float, weight_decay: float) -> int:
    """After how many steps a run is given up: some three times what lr · λ lets one expect, and 800 at least."""
    return max(800, round(15 / (lr * weight_decay) / 100) * 100)


def planned(seeds: int) -> list[tuple[str, RunConfig]]:
    """Method and config of the runs, in the order in which they are trained."""
    cells = [(lr, decay) for lr in RATES for decay in DECAYS if lr * decay > 0.99 * SLOWEST]
    cells = sorted((cell for cell in cells if cell not in RECORDED_CELLS), key=lambda cell: -cell[0] * cell[1])
    fast = [cell for cell in cells if cell[0] * cell[1] > MANY_SEEDS]
    others = range(1, seeds)
    stages = [("adamw", [cell for cell in fast if cell != (FAST.lr, FAST.weight_decay)], 0)]
    stages += [("adamw", fast[:1], seed) for seed in others]
    stages += [("orthogonal", [(FAST.lr, FAST.weight_decay)], 0)]
    stages += [("adamw", fast[1:], seed) for seed in others]
    stages += [("adamw", [cell for cell in cells if cell not in fast], 0), ("orthogonal", [(FAST.lr, 0.0)], 0)]
    return [(method, made(lr, decay, seed)) for method, settings, seed in stages for lr, decay in settings]


def race(rows: list[dict[str, Any]], seeds: int) -> list[tuple[str, RunConfig]]:
    """The next runs of the race: every try of every method, then each method's best try with the other seeds."""
    ahead = [(method, made(*cell, 0, how_soon.RACE_ENDS)) for method, cells in how_soon.TRIES.items() for cell in cells]
    done = {identity(row): row for row in rows}
    if any(identity_of(method, config) not in done for method, config in ahead):
        return ahead
    for method, cells in how_soon.TRIES.items():
        tried = [done[method, *cell, 0] for cell in cells]
        held = [row for row in tried if row["grokked"] and float(row["test_accuracy"]) >= ANSWERED]
        if held:
            best = min(held, key=lambda row: int(row["grokked"]))
            ahead += [(method, made(*identity(best)[1:3], seed, how_soon.RACE_ENDS)) for seed in range(1, seeds)]
    return ahead


def made(lr: float, weight_decay: float, seed: int, most: int = 0) -> RunConfig:
    """The config of one run, of as many steps at most."""
    return RunConfig(
        lr=lr,
        weight_decay=weight_decay,
        steps=most or bound(lr, weight_decay or 3.0),
        seed=seed,
        split_seed=seed,
        eval_every=EVERY,
    )


def measured(method: str, config: RunConfig) -> dict[str, Any]:
    """Train one run as far as it goes: its row of the table."""
    device = torch.device("cpu")
    data = tasks.dataset(config, device)
    model = Transformer.from_config(config)
    step = make_step(method, model, config)
    (tokens, labels), began = data.train, time.monotonic()
    memorised = grokked = seconds = None
    peak, lapse, last = 0.0, 1.0, config.steps
    with training.deterministic(device):
        for now_at in range(config.steps + 1):
            if now_at % EVERY == 0:
                now = training.evaluate(model, data)
                peak = max(peak, now["test_loss"])
                if memorised is not None:
                    lapse = min(lapse, now["train_accuracy"])
                elif now["train_accuracy"] >= ANSWERED:
                    memorised = now_at
                if grokked is None and now["test_accuracy"] >= ANSWERED:
                    grokked, seconds = now_at, time.monotonic() - began
                    last = min(config.steps, now_at + AFTER)
                if now_at >= last:
                    break
            step(tokens, labels, training.learning_rate(config, now_at))
    took = time.monotonic() - began
    return {
        "method": method,
        "lr": config.lr,
        "weight_decay": config.weight_decay,
        "seed": config.seed,
        "bound": config.steps,
        "memorised": memorised,
        "grokked": grokked,
        "steps": now_at,
        "peak_test_loss": f"{peak:.2f}",
        "least_train_accuracy": f"{lapse:.4f}" if memorised is not None else None,
        "train_accuracy": f"{now['train_accuracy']:.4f}",
        "test_accuracy": f"{now['test_accuracy']:.4f}",
        "key": " ".join(map(str, sorted(measures.key_frequencies(model)))),
        "seconds_to_grok": None if seconds is None else f"{seconds:.1f}",
        "seconds": f"{took:.1f}",
    }


def identity(row: dict[str, Any]) -> tuple[str, float, float, int]:
    """What tells a run from the others."""
    return row["method"], float(row["lr"]), float(row["weight_decay"]), int(row["seed"])


def identity_of(method: str, config: RunConfig) -> tuple[str, float, float, int]:
    """The same, of a run that is planned."""
    return method, config.lr, config.weight_decay, config.seed


def unfinished(ahead: list[tuple[str, RunConfig]], rows: list[dict[str, Any]]) -> list[tuple[str, RunConfig]]:
    """Those of the runs ahead that the table lacks."""
    done = {identity(row) for row in rows}
    return [(method, config) for method, config in ahead if identity_of(method, config) not in done]


def make_fast(folder: Path, scratch: Path) -> None:
    """Train the run that is kept, go on with it if it was interrupted, and record it."""
    if not scratch.exists():
        training.train(FAST, scratch, device="cpu", record=RECORD, progress_bar=False)
    whole = runs.load(scratch)
    runs.save(runs.thin(whole, KEPT), folder, half=True)
    measures.store(measures.measure_run(whole), folder)


def main() -> None:
    """Parse the command line, and train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=how_soon.FOLDER)
    parser.add_argument("--scratch", type=Path, default=Path("runs"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--race", action="store_true", help="the race: as many tries for each method, then its best")
    parser.add_argument("--only", nargs=3, metavar=("METHOD", "LR", "DECAY"), help="this one setting, with every seed")
    options = parser.parse_args()
    runs_ahead = planned(options.seeds)
    if options.only:
        method, lr, decay = options.only[0], float(options.only[1]), float(options.only[2])
        if method not in METHODS:
            parser.error(f"there is no method {method!r}; there are: {', '.join(METHODS)}")
        runs_ahead = [(method, made(lr, decay, seed)) for seed in range(options.seeds)]
    torch.set_num_threads(1)
    training.keep_freed_memory()
    options.out.mkdir(parents=True, exist_ok=True)
    place = options.out / "runs.csv"
    options.scratch.mkdir(parents=True, exist_ok=True)
    with FileLock(options.scratch / "how-soon.lock", timeout=0):
        if not (options.only or options.race) and not (options.out / "fast").exists():
            make_fast(options.out / "fast", options.scratch / "how-soon-fast")
        rows: list[dict[str, Any]] = []
        if place.exists():
            rows = list(csv.DictReader(io.StringIO(place.read_text())))
        while missing := unfinished(race(rows, options.seeds) if options.race else runs_ahead, rows):
            rows.append(measured(*missing[0]))
            table.write(rows, place)
            print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
