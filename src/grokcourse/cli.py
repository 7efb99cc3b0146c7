"""The command ``grokcourse``. Commands import what they need when they run, so that ``--help`` is instant."""

import argparse
import dataclasses
import os
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
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without ─ or é is no reason to stop
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        if sys.stdout:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # nobody reads on, as in: grokcourse runs | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


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
        kind, shape = field.type, dict[str, Any]()
        if typing.get_origin(kind) is tuple:
            kind, shape = float, {"nargs": 2, "metavar": ("BETA1", "BETA2")}
        option = f"--{field.name.replace('_', '-')}"
        hyperparameters.add_argument(option, type=kind, default=field.default, help=field.metadata["meaning"], **shape)

    sweep = commands.add_parser(
        "sweep",
        help="train many runs on all cores: grids of hyperparameters and seeds",
        description="Train many runs on all cores, one thread each, into one folder, and write a table of when each "
        "grokked. Values stand with commas between them, ranges as 0-4: --weight-decay 0.3,1,3 --seeds 0-4 makes 15 "
        "runs. A finished run is never made twice; the same command, called again, goes on with what was interrupted. "
        "Exit codes: 0 all runs are there, 1 some could not be made, 2 wrong usage, 130 interrupted.",
    )
    sweep.set_defaults(command=_sweep)
    sweep.add_argument("file", nargs="?", type=Path, metavar="FILE.toml", help="the grids; options come on top of it")
    sweep.add_argument(
        "--store", type=Path, default=Path("runs/sweep"), metavar="DIR", help="where the runs are kept (runs/sweep)"
    )
    sweep.add_argument("--until", metavar="grokked", help="end each run when 99 %% of the test set is answered")
    sweep.add_argument("--and-then", type=int, metavar="N", help="and N steps later")
    sweep.add_argument("--jobs", type=int, metavar="N", help="how many at once; by default one for each core")
    sweep.add_argument("--device", help="cuda, mps or cpu; by default CUDA if there is any, else the CPU")
    sweep.add_argument(
        "--side-by-side",
        type=int,
        metavar="N",
        help="train N runs as one batched model, as is done on CUDA anyway (with 32); they have no checkpoints",
    )
    sweep.add_argument("--all-weights", action="store_true", help="keep the weights at all checkpoints, not the last")
    sweep.add_argument("--table", type=Path, metavar="FILE", help="where the table goes: .csv or .parquet")
    sweep.add_argument(
        "--figure", type=Path, metavar="FILE", help="draw the steps to grok against a hyperparameter: .png, .svg, .pdf"
    )
    sweep.add_argument("--by", metavar="NAME", help="which one; by default the one with the most values")
    sweep.add_argument("--status", action="store_true", help="only say how far the sweep is, or the whole store")
    sweep.add_argument("--resume", action="store_true", help="go on with what was interrupted, as it does anyway")
    sweep.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="train on a Dask cluster that shares the store's disk: its scheduler, tcp://HOST:8786",
    )
    grid = sweep.add_argument_group("hyperparameters, one or several values of each")
    grid.add_argument("--seeds", metavar="VALUES", help="Seeds of weights and split alike.")
    for field in dataclasses.fields(RunConfig):
        option = f"--{field.name.replace('_', '-')}"
        grid.add_argument(option, metavar="VALUES", help=field.metadata["meaning"])

    show = commands.add_parser("runs", help="list the recorded runs, and check that they are intact")
    show.set_defaults(command=_runs)
    show.add_argument("run", nargs="*", help="names or folders; by default every run that is recorded")

    measures = commands.add_parser(
        "measures",
        help="compute a run's progress measures, and store them with it",
        description="Compute the progress measures at every checkpoint of a run, and store them in its "
        "folder. Measures that are there already and cover every checkpoint are kept.",
    )
    measures.set_defaults(command=_measures)
    measures.add_argument("run", help="a folder, or the name of a run, such as main")

    plot = commands.add_parser(
        "plot",
        help="draw a run's loss curves into a file",
        description="Draw the losses along a run, with its phases, into a picture.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    plot.set_defaults(command=_plot)
    plot.add_argument("run", help="a folder, or the name of a run, such as main")
    plot.add_argument(
        "--output", type=Path, default=Path("losses.png"), metavar="FILE", help="the picture: .png, .svg or .pdf"
    )

    start = commands.add_parser(
        "start",
        help="write the chapters as notebooks into a folder of yours, to work through",
        description="Write the chapters as notebooks into a folder of yours. A notebook that you have changed is never "
        "overwritten; one that you have not is brought up to date.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    start.set_defaults(command=_start)
    start.add_argument("folder", nargs="?", type=Path, default=Path("grokking-course"), help="where to write them")

    grade = commands.add_parser(
        "grade",
        help="grade what a class handed in: a folder of notebooks, or what a platform exports",
        description="Grade what a class handed in: a file, a zip file or a folder per student, or an export of Canvas, "
        "Moodle, Blackboard, Brightspace, Gradescope or nbgrader (its folder submitted). Students' code runs behind a "
        "wall. Results "
        "are written as they come, and --resume grades only what is missing or has changed. Exit codes: 0 all were "
        "graded, 1 some could not be, 2 wrong usage, 130 interrupted.",
    )
    grade.set_defaults(command=_grade)
    grade.add_argument("submissions", type=Path, help="a folder or a zip file")
    grade.add_argument(
        "--output", type=Path, default=Path("grades"), metavar="DIR", help="where the results go (default: grades)"
    )
    grade.add_argument("--resume", action="store_true", help="go on with the results that are in --output already")
    grade.add_argument("--jobs", type=int, metavar="N", help="how many at once; by default one for each core")
    grade.add_argument("--seed", help="which random inputs, the same for everybody; by default new ones, and recorded")
    grade.add_argument("--tests", type=Path, metavar="DIR", help="tests of your own, beside the course's")
    grade.add_argument("--only-own-tests", action="store_true", help="your own tests instead of the course's")
    grade.add_argument(
        "--exercises", nargs="+", default=(), metavar="NAME", help="only these chapters and exercises: 01-task, split"
    )
    grade.add_argument("--policy", type=Path, metavar="FILE", help="weights, late days and rounding: a TOML file")
    grade.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="for one call of a student's function (default: 10)"
    )
    grade.add_argument(
        "--require-isolation", action="store_true", help="grade nothing if a protection is missing on this machine"
    )
    grade.add_argument("--scheduler", metavar="ADDRESS", help="grade on a Dask cluster: its scheduler, tcp://HOST:8786")

    gradescope = commands.add_parser(
        "gradescope",
        help="make the zip file that turns an assignment on Gradescope into one that grades itself",
        description="Make the zip file that turns a programming assignment on Gradescope into one that grades itself: "
        "upload it there, under Configure Autograder.",
    )
    gradescope.set_defaults(command=_gradescope)
    gradescope.add_argument("zip", type=Path, help="the file to write, such as autograder.zip")
    gradescope.add_argument(
        "--exercises",
        nargs="+",
        required=True,
        metavar="NAME",
        help="chapters and exercises that count: 01-task, split",
    )
    gradescope.add_argument("--policy", type=Path, metavar="FILE", help="weights, late days and rounding: a TOML file")
    gradescope.add_argument("--tests", type=Path, metavar="DIR", help="tests of your own, beside the course's")
    gradescope.add_argument("--only-own-tests", action="store_true", help="your own tests instead of the course's")
    gradescope.add_argument("--seed", help="which random inputs; by default new ones, the same for every submission")
    gradescope.add_argument(
        "--visibility",
        default="visible",
        help="when students see the tests' results: visible (the default), after_due_date, after_published or hidden",
    )
    gradescope.add_argument(
        "--require-isolation", action="store_true", help="grade nothing if a protection is missing in the container"
    )

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
        if options.resume and runs.is_run(options.folder):
            return _finished_before(config, options.folder)
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
    print(f"{_last_losses(run)} Saved to {options.folder} after {run.provenance['seconds']:.0f} s.")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    from .sweep import command
    from .sweep.plan import SweepError

    try:
        return command.run(options)
    except SweepError as error:
        return _fail(str(error), code=2)


def _finished_before(config: RunConfig, folder: Path) -> int:
    """What ``--resume`` says where a finished run stands already, so that a script may call it until it is done."""
    from . import runs

    run = runs.load(folder)
    if run.config != config:
        return _fail(
            f"{folder} holds a finished run of another config ({runs.differing(run.config, config)}): choose another "
            "folder, or remove it first. Nothing was changed"
        )
    print(f"This run is finished: there is nothing to go on with. {_last_losses(run)} It is in {folder}.")
    return 0


def _last_losses(run: Any) -> str:
    last = {name: values[-1] for name, values in run.history.items() if values.ndim == 1}
    if not {"train_loss", "test_loss", "train_accuracy", "test_accuracy"} <= last.keys():
        return f"Step {run.steps[-1]}."  # a run that others trained has no losses
    return (
        f"Step {last['step']}: train loss {last['train_loss']:.2g} (accuracy {last['train_accuracy']:.1%}), "
        f"test loss {last['test_loss']:.2g} (accuracy {last['test_accuracy']:.1%})."
    )


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
        accuracy = run.history.get("test_accuracy")  # a run that others trained has none
        special = [f"{key}={value}" for key, value in run.config.to_dict().items() if value != default[key]]
        print(
            f"{name:<16} intact  {run.config.steps:>6,} steps, weights at {len(run.steps):>2} of them, "
            f"test accuracy {'not known' if accuracy is None else f'{accuracy[-1]:>6.1%}'}  "
            f"{' '.join(special) or '(the defaults)'}"
        )
    return 1 if broken else 0


def _measures(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from . import measures, runs

    try:
        run = runs.load(options.run)
        stored = measures.find(options.run)
        if stored is None or not set(run.steps) <= set(stored.steps.tolist()):
            with tqdm(total=len(run.steps), unit="checkpoint") as bar:
                stored = measures.measure_run(run, progress=lambda step: bar.update())
            print(f"Stored in {measures.store(stored, options.run)}.")
    except (runs.RunError, ValueError) as error:
        return _fail(str(error))
    phases = measures.find_hidden_phases(stored.steps, stored["excluded_loss"], stored["gini_W_logit"])
    ends = {"memorisation": phases.memorised, "circuit formation": phases.formed, "clean-up": phases.cleaned}
    print(f"Measured at {len(stored.steps)} checkpoints, with the key frequencies {list(stored.key) or '(none)'}.")
    for phase, end in ends.items():
        print(f"{phase:<18} {'not ended' if end is None else f'until step {end:,}'}")
    return 0


def _plot(options: argparse.Namespace) -> int:
    from . import plots, runs, training

    try:
        run = runs.load(options.run)
        figure = plots.loss_curves(
            run.history["step"],
            run.history["train_loss"],
            run.history["test_loss"],
            chance=run.config.chance_loss,
            phases=training.phases(run).bands(),
            log_steps=True,
        )
        figure.savefig(options.output, dpi=200)
    except KeyError as error:
        return _fail(f"{options.run} has no history to draw: {error} was not recorded")
    except (runs.RunError, ValueError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{options.output} cannot be written: {error.strerror}")
    print(f"Drawn into {options.output}.")
    return 0


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


def _grade(options: argparse.Namespace) -> int:
    from .autograder import command

    try:
        return command.grade(options)
    except command.CommandError as error:
        return _fail(str(error), error.code)


def _gradescope(options: argparse.Namespace) -> int:
    from .autograder import command

    try:
        return command.gradescope(options)
    except command.CommandError as error:
        return _fail(str(error), error.code)


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
