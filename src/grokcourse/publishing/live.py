"""Train the main run during the build, where the machine can: the pages then load it instead of the recorded one."""

import os
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from grokcourse.config import RunConfig

VARIABLE = "GROKCOURSE_LIVE_TRAINING"
SETTINGS = {
    "auto": "live if torch finds a CUDA device (the default)",
    "always": "live whatever the machine",
    "never": "the recorded run",
}


class SettingError(ValueError):
    """The environment variable has a value that means nothing."""


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
    from grokcourse import runs, training

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
    try:
        waiting = runs.load_progress(folder)
    except runs.RunError:
        waiting = None
        runs.discard_progress(folder)
    if waiting and waiting.config != config:
        runs.discard_progress(folder)
    say(f"training the main run live: {config.steps:,} steps")
    run = training.train(config, folder)
    say(f"trained the main run live: {', '.join(f'{name} {value}' for name, value in run.provenance.items())}")
    return place


def choose_runs(place: Path, config: RunConfig, say: Callable[[str], None]) -> Path | None:
    """Settle which runs the pages load, and tell the kernels by the environment variable that ``runs`` reads.

    A folder of runs that the variable named before is not used: a site is built from the recorded runs, or from what
    this build trained, and from nothing else.

    Returns:
        The folder of live runs, or None if the recorded ones are used.
    """
    from_here = prepare(place, config, say) if is_wanted(os.environ.get(VARIABLE)) else None
    if from_here is None:
        os.environ.pop("GROKCOURSE_RUNS", None)
    else:
        os.environ["GROKCOURSE_RUNS"] = str(from_here.resolve())
    return from_here
