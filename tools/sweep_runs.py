"""Train the many runs that chapters compare: how soon a model groks, at which settings, on which tasks.

    python tools/sweep_runs.py OUT [--only law controls ...] [--device cuda] [--jobs 1] [--minutes 9]

On a graphics card the runs stand side by side (``grokcourse.batched``); on the CPU each has a process of its own
(``--jobs``). The groups are trained in the order below, until the minutes are over; what was under way then is kept as
far as it got. OUT receives, whole after each group: ``runs.csv`` (a line a run), ``histories.npz`` (the evaluations of
each, in float32) and ``weights-GROUP.safetensors`` (the last weights of some, in float16).
"""

import argparse
import csv
import io
import itertools
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from grokcourse import batched, optimisers, storage, training
from grokcourse.config import CompositeModulusWarning, RunConfig
from grokcourse.runs import Run

QUICK = RunConfig(lr=3e-3, weight_decay=3.0, steps=8_000, eval_every=20, checkpoint_every=10**6)
OWN = RunConfig(steps=60_000, eval_every=100, checkpoint_every=10**6)
UNSEEN = 200
"""Runs of this many steps or fewer at the end of the time say nothing, and are left out."""


@dataclass(frozen=True)
class Group:
    """Runs that answer one question."""

    configs: list[RunConfig]
    then: int = 200
    """Steps after 99 % of the test set is answered; a negative number: all of the config's."""
    keep: Callable[[RunConfig], bool] = lambda config: False
    """Of which runs the last weights are kept."""
    method: str = "adamw"
    methods: dict[str, Any] = field(default_factory=dict)


def seeded(config: RunConfig, seeds: int) -> list[RunConfig]:
    """The config with seeds 0 … of weights and split alike."""
    return [config.replace(seed=seed, split_seed=seed) for seed in range(seeds)]


def over(base: RunConfig, seeds: int, **values: Any) -> list[RunConfig]:
    """Every combination of some hyperparameters' values, with so many seeds each."""
    return [
        config
        for combination in itertools.product(*values.values())
        for config in seeded(base.replace(**dict(zip(values, combination, strict=True))), seeds)
    ]


def law(slow: bool) -> list[RunConfig]:
    """The map of learning rate and decay; each run may take four times what the law says."""
    cells = itertools.product((3e-4, 1e-3, 2e-3, 3e-3, 5e-3, 1e-2, 2e-2), (0.1, 0.3, 1, 2, 3, 5, 10))
    kept = [(lr, decay) for lr, decay in cells if (1e-4 <= lr * decay < 1e-3 if slow else lr * decay >= 1e-3)]
    kept.sort(key=lambda cell: -cell[0] * cell[1])
    every = 100 if slow else 20
    return [
        config
        for lr, decay in kept
        for config in seeded(
            QUICK.replace(
                lr=lr,
                weight_decay=decay,
                eval_every=every,
                steps=min(60_000, max(1_500, round(20 / (lr * decay) / every) * every)),
            ),
            3 if slow else 5,
        )
    ]


# ---------------------------------------------------------------------------------------------------- other tasks


def other_tasks(p: int) -> list[RunConfig]:
    """The tasks of one size of vocabulary, at five fractions."""
    names = ("add", "subtract", "multiply", "divide", "quadratic", "cubic", "maximum", "random")
    names = ("compose",) if p == 120 else names
    return over(QUICK.replace(p=p, steps=3_000), 3, operation=names, train_fraction=(0.3, 0.4, 0.5, 0.6, 0.8))


# ------------------------------------------------------------------------------------------------- other optimisers


def orthogonal(weights: batched.Weights, gradients: batched.Weights, memory: dict[str, Tensor]) -> None:
    """⊥Grad (Prieto et al. 2025), of each run by itself."""
    for name, gradient in gradients.items():
        gradient.copy_(torch.func.vmap(optimisers.orthogonal_gradient)(weights[name], gradient))


def grokfast(alpha: float, amplitude: float) -> batched.Transform:
    """Grokfast-EMA (Lee et al. 2024): the slow part of the gradient, amplified."""

    def transform(weights: batched.Weights, gradients: batched.Weights, memory: dict[str, Tensor]) -> None:
        for name, gradient in gradients.items():
            slow = memory.setdefault(name, torch.zeros_like(gradient))
            slow.mul_(alpha).add_(gradient, alpha=1 - alpha)
            gradient.add_(slow, alpha=amplitude)

    return transform


def muon(lr: float, momentum: float = 0.95) -> batched.Transform:
    """Muon (Jordan et al. 2024) on the inner matrices; AdamW keeps the rest, and the decay of all."""

    def transform(weights: batched.Weights, gradients: batched.Weights, memory: dict[str, Tensor]) -> None:
        for name, gradient in gradients.items():
            if gradient.ndim < 3 or name in ("W_E", "W_U", "W_pos"):
                continue
            kept = memory.setdefault(name, torch.zeros_like(gradient))
            kept.mul_(momentum).add_(gradient)
            update = orthogonalised(gradient.add(kept, alpha=momentum))
            weights[name].sub_(update, alpha=lr * max(1, gradient.shape[-2] / gradient.shape[-1]) ** 0.5)
            gradient.zero_()

    return transform


def orthogonalised(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest orthogonal matrix, about: Newton and Schulz's iteration with Jordan's coefficients."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrix / (matrix.flatten(-2).norm(dim=-1)[..., None, None] + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(steps):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


def stablemax(logits: Tensor, labels: Tensor) -> Tensor:
    """StableMax (Prieto et al. 2025): instead of the exponential, x + 1 above zero and 1 / (1 − x) below."""
    logits = logits.double()
    positive = torch.where(logits >= 0, logits + 1, 1 / (1 - logits.clamp(max=0)))
    right = positive.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return (positive.sum(dim=-1).log() - right.log()).float()


RACE = QUICK.replace(steps=1_000, eval_every=10)
RATES = {"lr": (3e-3, 5e-3, 1e-2, 2e-2), "weight_decay": (1.0, 2.0, 3.0)}
FEWER = {"lr": (3e-3, 1e-2), "weight_decay": (1.0, 3.0)}
CONTESTANTS: dict[str, list[tuple[dict[str, Any], dict[str, tuple[float, ...]]]]] = {
    "adamw": [({}, RATES)],
    "orthogonal": [({"transform": orthogonal}, RATES | {"weight_decay": (0.0, 1.0, 3.0)})],
    "stablemax": [({"loss": stablemax}, RATES)],
    "grokfast": [({"transform": grokfast(a, s)}, FEWER) for a, s in ((0.9, 2.0), (0.98, 2.0), (0.95, 5.0))],
    "muon": [({"transform": muon(lr)}, FEWER) for lr in (0.01, 0.02, 0.05)],
}
"""Twelve settings each: how a contestant is called, and the grid of learning rates and decays tried with it."""

# ---------------------------------------------------------------------------------------------------------- groups


def groups() -> dict[str, Group]:
    """All groups by name, in the order in which they matter."""
    found = {
        "own": Group(
            over(OWN.replace(steps=40_000), 10, weight_decay=(1.0, 3.0)) + seeded(OWN.replace(weight_decay=0.3), 3),
            2_000,
            lambda config: True,
        ),
        "law": Group(law(slow=False), 200, lambda c: c.seed == 0),
    }
    for name, tried in CONTESTANTS.items():
        for number, (options, grid) in enumerate(tried):
            found[f"race-{name}-{number}"] = Group(over(RACE, 3, **grid), 0, method=name, methods=options)
    for fraction in (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8):
        found[f"fraction-{fraction}"] = Group(seeded(QUICK.replace(train_fraction=fraction, steps=5_000), 10))
    for p in (113, 120):
        for fraction in (0.3, 0.4, 0.5, 0.6, 0.8):
            chosen = [config for config in other_tasks(p) if config.train_fraction == fraction]
            found[f"tasks-{p}-{fraction}"] = Group(
                chosen, 300, lambda c: c.seed == 0 and c.train_fraction in (0.4, 0.6)
            )
    controls = over(QUICK.replace(steps=20_000, eval_every=500), 10, weight_decay=(0.0, 0.01))
    own = over(OWN.replace(steps=100_000, eval_every=500), 3, weight_decay=(0.0, 0.01))
    found["controls"] = Group([*own, *controls], -1, lambda config: config.seed < 3)
    found["law-slow"] = Group(law(slow=True), 0)
    for p in (31, 43, 53, 73, 97, 151, 199):
        found[f"p-{p}"] = Group(seeded(QUICK.replace(p=p, steps=5_000), 5))
    for d_model, d_mlp in itertools.product((8, 16, 32, 64, 128), (16, 32, 64, 128, 256, 512)):
        heads = {"n_heads": min(4, d_model // 8)}
        found[f"width-{d_model}-{d_mlp}"] = Group(
            seeded(QUICK.replace(d_model=d_model, d_mlp=d_mlp, steps=4_000, **heads), 3)
        )
    return found


# --------------------------------------------------------------------------------------------------------- training


@dataclass
class Made:
    """What has been made so far."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    histories: dict[str, np.ndarray] = field(default_factory=dict)
    weights: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def add(self, name: str, group: Group, asked: RunConfig, run: Run) -> None:
        """Take a run in, unless it hardly began."""
        if run.config.steps <= UNSEEN and not batched.grokked(run.history):
            return
        phases, number = training.phases(run), len(self.rows)
        self.rows.append(
            {
                "run": number,
                "group": name,
                "method": group.method,
                **asked.to_dict(),
                "betas": " ".join(map(str, asked.betas)),
                "taken": run.config.steps,
                "memorised": phases.memorised,
                "onset": phases.onset,
                "grokked": phases.grokked,
                "device": run.provenance["device_name"],
            }
        )
        for column, values in run.history.items():
            self.histories[f"{number}/{column}"] = values.astype(np.int32 if column == "step" else np.float32)
        if group.keep(asked):
            kept = {f"{number}/{key}": weight.half() for key, weight in run.checkpoints[run.config.steps].items()}
            self.weights.setdefault(name.split("-")[0], {}).update(kept)

    def write(self, out: Path) -> None:
        """All of it, each file whole."""
        if not self.rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]))
        writer.writeheader()
        writer.writerows(self.rows)
        packed = io.BytesIO()
        np.savez_compressed(packed, **self.histories)
        files = {"runs.csv": text.getvalue().encode(), "histories.npz": packed.getvalue()}
        files |= {f"weights-{name}.safetensors": save_tensors(weights) for name, weights in self.weights.items()}
        for name, content in files.items():
            storage.write_whole(out / name, content)


def one(config: RunConfig, name: str, deadline: float) -> Run:
    """One run of a group, in a process of its own."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", CompositeModulusWarning)
    return together([config], groups()[name], deadline, "cpu")[0]


def together(configs: list[RunConfig], group: Group, deadline: float, device: str) -> list[Run]:
    """The runs of a group, side by side."""

    def until(history: Any) -> bool:
        return time.time() > deadline or (group.then >= 0 and batched.grokked(history))

    return batched.train_together(
        configs, device=device, until=until, then=max(0, group.then), progress_bar=False, **group.methods
    )


def main() -> None:
    """Parse the command line and train."""
    warnings.simplefilter("ignore", CompositeModulusWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="+", default=None, metavar="GROUP", help="groups whose name begins like this")
    parser.add_argument("--device", default=None)
    parser.add_argument("--jobs", type=int, default=0, help="processes, one run each; 0: side by side in this one")
    parser.add_argument("--minutes", type=float, default=10_000)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    deadline = time.time() + 60 * options.minutes
    made = Made()
    device = str(training.pick_device(options.device))
    chosen = {
        name: group
        for name, group in groups().items()
        if options.only is None or any(name.startswith(begin) for begin in options.only)
    }
    if options.jobs:
        with ProcessPoolExecutor(options.jobs) as pool:
            futures = {
                pool.submit(one, config, name, deadline): (name, group, config)
                for name, group in chosen.items()
                for config in group.configs
            }
            for number, future in enumerate(as_completed(futures), 1):
                made.add(*futures[future], future.result())
                if number % 20 == 0 or number == len(futures):
                    made.write(options.out)
                    print(f"{number} of {len(futures)} runs", flush=True)
        return
    for name, group in chosen.items():
        began, before = time.time(), len(made.rows)
        if began > deadline:
            print(f"{name}: no time left", flush=True)
            continue
        for config, run in zip(group.configs, together(group.configs, group, deadline, device), strict=True):
            made.add(name, group, config, run)
        made.write(options.out)
        rows = made.rows[before:]
        grokked = sorted(row["grokked"] for row in rows if row["grokked"] is not None)
        middle = grokked[len(grokked) // 2] if grokked else None
        steps, seconds = sum(row["taken"] for row in rows), time.time() - began
        print(
            f"{name}: {len(rows)} of {len(group.configs)} runs, {len(grokked)} grokked (median {middle}); "
            f"{seconds:.0f} s, {steps / seconds:.0f} run-steps a second",
            flush=True,
        )


if __name__ == "__main__":
    main()
