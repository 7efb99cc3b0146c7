"""Train the course's model on other tasks, over fractions of the questions and over seeds.

    OMP_NUM_THREADS=1 nice python tools/task_runs.py [--out FOLDER] [--scratch runs]

Settings are quick ones (learning rate 3e-3, weight decay 3), so that a run takes a minute or two. It stops AFTER steps
after 99 % of the test set is answered, or at its bound. The evaluations of all finished runs are written, whole, to
FOLDER/runs.csv after each; runs that it holds already are not trained again. Of some, the weights at the beginning and
at the end are kept beside it, in float16.
"""

import argparse
import csv
import io
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grokcourse import runs, storage, tasks, training
from grokcourse.config import CompositeModulusWarning, RunConfig
from grokcourse.model import Transformer

QUICK = RunConfig(lr=3e-3, weight_decay=3.0, eval_every=20)
AFTER = 100
ANSWERED = 0.99
KEPT = {("multiply", 0), ("compose", 0), ("compose", 1), ("compose", 2)}
"""Operation and seed of the runs whose weights are kept, of those with the least fraction that is listed."""

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


def trained(config: RunConfig) -> tuple[list[dict[str, Any]], dict[int, runs.Weights]]:
    """Train one run as far as it goes: its evaluations, and its weights at the beginning and at the end."""
    data = tasks.dataset(config)
    model = Transformer.from_config(config)
    optimizer = training.make_optimizer(model, config)
    (tokens, labels), began = data.train, time.monotonic()
    rows: list[dict[str, Any]] = []
    last, weights = config.steps, {0: snapshot(model)}
    with training.deterministic(torch.device("cpu")):
        for step in range(config.steps + 1):
            if step % config.eval_every == 0:
                now = training.evaluate(model, data)
                rows.append(
                    {
                        "operation": config.operation,
                        "fraction": config.train_fraction,
                        "seed": config.seed,
                        "step": step,
                    }
                    | {name: f"{value:.5g}" for name, value in now.items()}
                    | {"seconds": f"{time.monotonic() - began:.1f}"}
                )
                if now["test_accuracy"] >= ANSWERED:
                    last = min(last, step + AFTER)
            if step >= last:
                break
            training.train_step(model, optimizer, tokens, labels, training.learning_rate(config, step))
    weights[step] = snapshot(model)
    return rows, weights


def snapshot(model: Transformer) -> runs.Weights:
    """A copy of a model's weights."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def main() -> None:
    """Parse the command line, and train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=runs.RECORDED / "tasks")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    training.keep_freed_memory()
    warnings.simplefilter("ignore", CompositeModulusWarning)  # compose has 120 numbers
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "runs.csv"
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(table.read_text()))) if table.exists() else []
    done = {(row["operation"], float(row["fraction"]), int(row["seed"])) for row in rows}
    for config in planned(options.seeds):
        if (config.operation, config.train_fraction, config.seed) in done:
            continue
        found, weights = trained(config)
        least = min(fraction for operation, fraction, _ in PLAN[:9] if operation == config.operation)
        if (config.operation, config.seed) in KEPT and config.train_fraction == least:
            names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
            history = {name: np.array([float(row[name]) for row in found]) for name in names}
            history["step"] = np.array([row["step"] for row in found])
            seconds = float(found[-1]["seconds"])
            provenance = training.provenance(config, torch.device("cpu"), seconds)
            run = runs.Run(config, history, weights, provenance)
            runs.save(run, options.out / f"{config.operation}-seed{config.seed}", half=True)
        rows += found
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        storage.write_whole(table, text.getvalue().encode())
        print(found[-1], flush=True)


if __name__ == "__main__":
    main()
