"""The command ``grokcourse``. Commands import what they need when they run, so that ``--help`` is instant."""

import argparse
import dataclasses
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .config import ConfigError, RunConfig


def _embedding_energy(model: Any) -> Any:
    from .fourier import energy_per_frequency

    return energy_per_frequency(model.W_E[:-1])


RECORD = {"W_E_energy": _embedding_energy}
"""What ``grokcourse train`` records at each evaluation beyond what ``training.train`` does by itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("grokcourse", description="Train, inspect and take the course on grokking.")
    parser.add_argument("--version", action="version", version=f"grokcourse {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train a model and save the run",
        description="Train a model and save the run. Ctrl-C loses nothing: --resume goes on from the last checkpoint.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    train.set_defaults(command=_train)
    train.add_argument("--folder", type=Path, default=Path("runs/my-run"), help="where to save the run")
    train.add_argument("--resume", action="store_true", help="go on from where an earlier call was interrupted")
    train.add_argument("--device", help="cuda, mps or cpu; by default the fastest there is", default=argparse.SUPPRESS)
    train.add_argument("--threads", type=int, default=argparse.SUPPRESS, help="CPU threads; by default torch decides")
    hyperparameters = train.add_argument_group("hyperparameters")
    for field in dataclasses.fields(RunConfig):
        kind, shape = field.type, {}
        if typing.get_origin(kind) is tuple:
            kind, shape = float, {"nargs": 2, "metavar": ("BETA1", "BETA2")}
        option = f"--{field.name.replace('_', '-')}"
        hyperparameters.add_argument(option, type=kind, default=field.default, help=field.metadata["meaning"], **shape)

    show = commands.add_parser("runs", help="list the recorded runs, and check that they are intact")
    show.set_defaults(command=_runs)
    show.add_argument("run", nargs="*", help="names or folders; by default every run that is recorded")

    start = commands.add_parser(
        "start",
        help="write the chapters as notebooks into a folder of yours, to work through",
        description="Write the chapters as notebooks into a folder of yours. A notebook that you have changed is never "
        "overwritten; one that you have not is brought up to date.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    start.set_defaults(command=_start)
    start.add_argument("folder", nargs="?", type=Path, default=Path("grokking-course"), help="where to write them")

    notebooks = commands.add_parser(
        "notebooks",
        help="for the course's developers: take over the notebooks of the built site into the package",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    notebooks.set_defaults(command=_notebooks)
    notebooks.add_argument("--site", type=Path, default=Path("_build/html"), help="the built site")
    return parser


def _train(options: argparse.Namespace) -> int:
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(RunConfig)}
    try:
        config = RunConfig.from_dict(values)
    except ConfigError as error:
        return _fail(str(error), code=2)

    import torch

    from . import runs, training

    if hasattr(options, "threads"):
        if options.threads < 1:
            return _fail(f"--threads must be at least 1, not {options.threads}", code=2)
        torch.set_num_threads(options.threads)
    try:
        unfinished = runs.load_progress(options.folder)
        if unfinished and not options.resume:
            return _fail(
                f"{runs.progress_folder(options.folder)} holds a run that was interrupted at step {unfinished.step}: "
                "add --resume to go on with it, or remove it to start afresh"
            )
        run = training.train(
            config,
            options.folder,
            device=getattr(options, "device", None),
            record=RECORD,
        )
    except (runs.RunError, ConfigError, ValueError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        kept = runs.load_progress(options.folder)
        what = f"step {kept.step} is kept; add --resume to go on from there" if kept else "no checkpoint was reached"
        print(f"\nInterrupted: {what}.", file=sys.stderr)
        raise
    last = {name: values[-1] for name, values in run.history.items() if values.ndim == 1}
    print(
        f"Step {last['step']}: train loss {last['train_loss']:.2g} (accuracy {last['train_accuracy']:.1%}), "
        f"test loss {last['test_loss']:.2g} (accuracy {last['test_accuracy']:.1%}). "
        f"Saved to {options.folder} after {run.provenance['seconds']:.0f} s."
    )
    return 0


def _runs(options: argparse.Namespace) -> int:
    from . import runs

    names = options.run or list(runs.available())
    broken = 0
    for name in names:
        try:
            run = runs.load(name)
        except runs.RunError as error:
            broken += 1
            print(f"{name:<16} BROKEN  {error}")
            continue
        default = RunConfig().to_dict()
        special = [f"{key}={value}" for key, value in run.config.to_dict().items() if value != default[key]]
        print(
            f"{name:<16} intact  {run.config.steps:>6,} steps, weights at {len(run.steps):>2} of them, "
            f"test accuracy {run.history['test_accuracy'][-1]:>6.1%}  {' '.join(special) or '(the defaults)'}"
        )
    return 1 if broken else 0


def _start(options: argparse.Namespace) -> int:
    from . import start

    meanings = {"kept": "kept as it is: it is not as the course wrote it (rename it to get the course's own)"}
    try:
        for name, done in start.write_notebooks(options.folder):
            print(f"{options.folder / name}: {meanings.get(done, done)}")
    except start.StartError as error:
        return _fail(str(error))
    print(f"Open them in Jupyter (for instance: jupyter lab {options.folder}), and begin with the first.")
    return 0


def _notebooks(options: argparse.Namespace) -> int:
    from . import start

    try:
        for name, done in start.renew(options.site / "notebooks"):
            print(f"{start.NOTEBOOKS / name}: {done}")
    except start.StartError as error:
        return _fail(f"{error} (build the site first: make site)")
    return 0


def _fail(message: str, code: int = 1) -> int:
    print(f"grokcourse: {message}", file=sys.stderr)
    return code
