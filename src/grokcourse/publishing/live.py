"""Train the main run during the build, where the machine can: the pages then load it instead of the recorded one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from grokcourse.config import RunConfig

VARIABLE = "GROKCOURSE_LIVE_TRAINING"
RUNS_VARIABLE = "GROKCOURSE_RUNS"  # as in grokcourse.runs, which imports torch
SETTINGS = {
    "auto": "live if torch finds a CUDA device (the default)",
    "always": "live whatever the machine",
    "never": "the recorded run",
}


class SettingError(ValueError):
    """The environment variable has a value that means nothing."""


class LiveTrainingError(Exception):
    """The run could not be trained."""


def is_wanted(setting: str | None) -> bool:
    """Whether the main run is to be trained live, given the environment variable's value.

    Raises:
        SettingError: if the value is none of ``SETTINGS``.
    """
    match setting or "auto":
        case "auto":
            return has_cuda()
        case "always":
            return True
        case "never":
            return False
    meanings = "; ".join(f"{name}: {meaning}" for name, meaning in SETTINGS.items())
    raise SettingError(f"{VARIABLE} is {setting!r}, which means nothing. It may be one of {meanings}")


def has_cuda() -> bool:
    """Whether torch can use a CUDA device here."""
    if version("torch").endswith("+cpu"):
        return False  # known without importing torch, which costs more than a build with nothing to do
    import torch

    return torch.cuda.is_available()


def prepare(place: Path, config: RunConfig, say: Callable[[str], None]) -> Path:
    """The folder of runs with a sound ``main`` of that config in it, trained now unless it is there already.

    Args:
        place: the folder of runs; an unsound ``main`` in it, or one of another config, is replaced.
        config: the run wanted.
        say: is told what happens.
    """
    from grokcourse import runs

    folder = place / "main"
    if folder.exists():
        try:
            run = runs.load(folder)
        except runs.RunError as error:
            say(f"the run trained earlier is not sound ({error}); training it again")
        else:
            if run.config == config:
                say(f"the main run was trained live for an earlier build ({folder}), and is sound")
                return place
            say("the run trained earlier is of another config; training again")
        shutil.rmtree(folder)
    if not _can_go_on(folder, config):
        runs.discard_progress(folder)
    say(f"training the main run live: {config.steps:,} steps")
    _train(folder, config)
    run = runs.load(folder)
    say(f"trained the main run live: {', '.join(f'{name} {value}' for name, value in run.provenance.items())}")
    return place


def _can_go_on(folder: Path, config: RunConfig) -> bool:
    """Whether an interrupted build left checkpoints of this run that can be relied on."""
    from grokcourse import runs

    try:
        progress = runs.load_progress(folder)
    except runs.RunError:
        return False
    return progress is not None and progress.config == config


def _train(folder: Path, config: RunConfig) -> None:
    """Run ``grokcourse train``, in a process of its own: it ends with what it held on the GPU, before the pages run."""
    usual = RunConfig().to_dict()
    options = ["train", "--resume", "--folder", str(folder)]
    for name, value in config.to_dict().items():
        if value != usual[name]:
            values = value if isinstance(value, list) else [value]
            options += [f"--{name.replace('_', '-')}", *map(str, values)]
    if subprocess.run([sys.executable, "-m", "grokcourse", *options]).returncode:
        raise LiveTrainingError(f"the live training failed; see above. {VARIABLE}=never builds from the recorded run")
    # If this fails, the page that needs the measures computes them itself.
    subprocess.run([sys.executable, "-m", "grokcourse", "measures", str(folder)])


def choose_runs(place: Path, config: RunConfig, say: Callable[[str], None]) -> Path | None:
    """Settle which runs the pages load, and tell the kernels by the environment variable that ``runs`` reads.

    If training is live, that is the run trained in ``place``. Otherwise it is the folder that the variable names
    already, if the caller set it, unless the setting is ``never``: then only the recorded runs count.

    Returns:
        The folder of runs that come before the recorded ones, or None if there is none.
    """
    setting = os.environ.get(VARIABLE)
    if is_wanted(setting):
        os.environ[RUNS_VARIABLE] = str(prepare(place, config, say).resolve())
    elif setting == "never":
        os.environ.pop(RUNS_VARIABLE, None)
    if not os.environ.get(RUNS_VARIABLE):
        return None
    folder = Path(os.environ[RUNS_VARIABLE])
    if not folder.is_dir():
        raise SettingError(f"{RUNS_VARIABLE} names {folder}, which is not a folder")
    os.environ[RUNS_VARIABLE] = str(folder.resolve())  # the pages run in another directory
    say(f"pages load runs from {folder} before the recorded ones")
    return folder
