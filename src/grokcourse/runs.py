"""A training run as a value, and as a folder on disk: config, history, checkpoints, provenance.

A run's folder holds three files::

    run.json                 config, provenance, and the SHA-256 of the other two files (and of itself)
    history.safetensors      ``step`` and one float64 array per recorded quantity
    checkpoints.safetensors  the weights at each kept step, named STEP/PARAMETER

The folder is written beside its final place and renamed into it, so that a run is there whole or not at all. A run in
the making stands in FOLDER.partial instead (see ``save_progress``). Nothing is ever unpickled.

Precision: the reference runs that ship with the package keep their weights in float16, which halves their size;
``storage_error`` measures what that costs. History is float64, as recorded.
"""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from . import storage
from .config import ConfigError, RunConfig
from .model import Transformer
from .torch_state import usual_torch

FORMAT = "grokcourse run 1"
RECORDED = Path(__file__).with_name("recorded")
"""The reference runs that ship with the package."""
RUNS_VARIABLE = "GROKCOURSE_RUNS"
"""The environment variable that names a folder of runs; it is searched before the recorded ones."""

Weights = dict[str, Tensor]


class RunError(Exception):
    """A run cannot be read or written; the message says why and what to do."""


class RunNotFoundError(RunError):
    """There is no such run; the message says how to make it."""


class RunIsBeingMadeError(RunError):
    """Another process trains the run at this moment."""


@dataclass(frozen=True)
class Run:
    """A training run: what was asked for, what happened, and the weights along the way."""

    config: RunConfig
    history: dict[str, np.ndarray]
    """``step`` (n,) int64 and, for each recorded quantity, a float64 array whose first axis is n."""
    checkpoints: dict[int, Weights] = field(repr=False)
    """Weights by step: parameter name → float32 tensor on the CPU, as in ``Transformer.state_dict()``."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """Where, when and with what the run was made: versions, device, threads, wall time."""

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps at which weights are kept, rising."""
        return tuple(sorted(self.checkpoints))

    @usual_torch()
    def model(self, step: int | None = None) -> Transformer:
        """The model with the weights of a checkpoint (by default the last), on the CPU, ready for use.

        Raises:
            RunNotFoundError: if no weights are kept for that step.
        """
        step = self.steps[-1] if step is None else step
        if step not in self.checkpoints:
            raise RunNotFoundError(f"no weights are kept for step {step}; there are: {', '.join(map(str, self.steps))}")
        return Transformer.from_weights(self.checkpoints[step])

    def at(self, quantity: str, step: int) -> float:
        """One recorded value, for instance ``run.at("test_loss", 5_000)``.

        Raises:
            RunNotFoundError: if that quantity, or that step, was not recorded.
        """
        if quantity not in self.history:
            raise RunNotFoundError(f"{quantity!r} was not recorded; there are: {', '.join(self.history)}")
        found = np.flatnonzero(self.history["step"] == step)
        if not len(found):
            raise RunNotFoundError(f"step {step} was not recorded: this run records every {self.config.eval_every}")
        value: float = self.history[quantity][found[0]]
        return value


def save(run: Run, folder: Path | str, *, half: bool = False) -> Path:
    """Write a run to a new folder: whole or not at all.

    Args:
        run: the run.
        folder: where to; it must not exist yet, or be empty.
        half: keep the weights in float16 (see ``storage_error``), not float32.

    Returns:
        The folder.

    Raises:
        RunError: if there is something in that place already, or it cannot be written.
    """
    folder = Path(folder)
    check_free(folder)
    dtype = torch.float16 if half else torch.float32
    checkpoints = {
        f"{step}/{name}": weight.detach().to("cpu", dtype).contiguous()
        for step, weights in run.checkpoints.items()
        for name, weight in weights.items()
    }
    files = {
        "history.safetensors": save_arrays({name: np.ascontiguousarray(v) for name, v in run.history.items()}),
        "checkpoints.safetensors": save_tensors(checkpoints),
    }
    header = {
        "format": FORMAT,
        "config": run.config.to_dict(),
        "provenance": run.provenance,
        "weights": str(dtype).removeprefix("torch."),
        "files": {name: storage.sha256(content) for name, content in files.items()},
    }
    header["digest"] = _digest(header)
    files["run.json"] = (json.dumps(header, indent=2, ensure_ascii=False) + "\n").encode()
    try:
        storage.write_folder(folder, files)
    except OSError as error:
        raise RunError(f"the run could not be written to {folder}: {error.strerror}") from error
    return folder


def check_free(folder: Path) -> None:
    """Raise ``RunError`` if a run cannot be saved there because there is something already."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        kind = "holds a run already" if is_run(folder) else "exists and is not an empty folder"
        raise RunError(f"{folder} {kind}: choose another folder, or remove it first. Nothing was changed")


def load(run: Path | str) -> Run:
    """Read a run, and refuse one that is not exactly what was written.

    Args:
        run: a folder, or the name of a run in ``$GROKCOURSE_RUNS`` or among the recorded ones, such as ``"main"``.

    Raises:
        RunNotFoundError: if there is no such folder or name.
        RunError: if a file is missing, truncated or altered, or the folder is not a run of ours.
    """
    folder = _locate(run)
    header = _read_header(folder)
    contents = _read_files(folder, header)
    try:
        config = RunConfig.from_dict(header["config"])
        history = load_arrays(contents["history.safetensors"])
        stored = load_tensors(contents["checkpoints.safetensors"])
    except (ConfigError, SafetensorError) as error:
        raise RunError(f"{folder} cannot be read: {error}") from error
    checkpoints: dict[int, Weights] = {}
    for key in stored:
        step, name = key.split("/")
        checkpoints.setdefault(int(step), {})[name] = stored[key].float()
    return Run(config, history, dict(sorted(checkpoints.items())), header["provenance"])


def find(config: RunConfig) -> Run:
    """The run of a config, from ``$GROKCOURSE_RUNS`` or the recorded ones.

    Raises:
        RunNotFoundError: if there is none; the message is the command that makes it.
    """
    for folder in available().values():
        try:
            found = _read_header(folder)["config"]
        except RunError:
            continue  # some other run's header is broken: no reason not to find this one
        if found == config.to_dict():
            return load(folder)
    changed = [
        f"--{name.replace('_', '-')} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in config.to_dict().items()
        if value != RunConfig().to_dict()[name]
    ]
    raise RunNotFoundError(
        "no run of this config is recorded. Make it with\n"
        f"    {' '.join(['grokcourse train', *changed, '--folder runs/my-run'])}\n"
        f"and read it with grokcourse.runs.load('runs/my-run'), or set {RUNS_VARIABLE}=runs to have it found"
    )


def available() -> dict[str, Path]:
    """Every run that ``load`` knows by name: those of ``$GROKCOURSE_RUNS`` before the recorded ones."""
    places = [Path(os.environ[RUNS_VARIABLE])] if os.environ.get(RUNS_VARIABLE) else []
    found: dict[str, Path] = {}
    for place in [*places, RECORDED]:
        for folder in sorted(place.iterdir()) if place.is_dir() else []:
            if is_run(folder):
                found.setdefault(folder.name, folder)
    return found


def digest(run: Path | str) -> str:
    """The SHA-256 that stands for a run on disk: of its settings, its provenance, and the digests of its other files.

    Args:
        run: as for ``load``, which compares the files with their digests; this does not.

    Raises:
        RunNotFoundError: if there is no such folder or name.
        RunError: if the folder is not a run of ours, or its header was altered.
    """
    found: str = _read_header(_locate(run))["digest"]
    return found


def differing(there: RunConfig, here: RunConfig) -> str:
    """In what two configs differ, in words: ``lr 0.001 there, 0.01 here``; nothing if they are equal."""
    found, asked = there.to_dict(), here.to_dict()
    return ", ".join(f"{name} {found[name]} there, {asked[name]} here" for name in asked if asked[name] != found[name])


def thin(run: Run, steps: list[int]) -> Run:
    """The same run with the weights of some steps only; raises ``RunNotFoundError`` if one of them is not kept."""
    missing = sorted(set(steps) - set(run.checkpoints))
    if missing:
        raise RunNotFoundError(
            f"no weights are kept for step {missing[0]}; there are: {', '.join(map(str, run.steps))}"
        )
    return dataclasses.replace(run, checkpoints={step: run.checkpoints[step] for step in sorted(steps)})


@usual_torch()
def storage_error(weights: Weights, tokens: Tensor) -> tuple[float, float]:
    """What keeping weights in float16 changes: the largest error of a logit, and the root mean square of the logits.

    Args:
        weights: a float32 state dict of a ``Transformer``.
        tokens: (n, 3) the questions to compare the logits on.

    Returns:
        The largest absolute difference between the logits of the rounded and of the exact weights, and the root mean
        square of the exact logits, to compare it with.
    """
    a, b = tokens[:, 0], tokens[:, 1]
    with torch.no_grad():
        exact = Transformer.from_weights(weights).fast_logits(a, b)
        half = {name: weight.half().float() for name, weight in weights.items()}
        rounded = Transformer.from_weights(half).fast_logits(a, b)
    return float((rounded - exact).abs().max()), float(exact.square().mean().sqrt())


@dataclass(frozen=True)
class Progress:
    """A run in the making, right after a checkpoint: all that is needed to go on bit-equal."""

    config: RunConfig
    step: int
    seconds: float
    """Wall time spent so far."""
    weights: Weights
    optimizer: Weights
    """The optimiser's running means, by parameter: exp_avg/NAME and exp_avg_sq/NAME."""
    history: dict[str, np.ndarray]
    checkpoints: dict[int, Weights] = field(repr=False)


def progress_folder(folder: Path | str) -> Path:
    """Where the run that will be saved to ``folder`` stands while it is in the making."""
    folder = Path(folder)
    return folder.with_name(folder.name + ".partial")


@contextmanager
def in_the_making(folder: Path | str) -> Iterator[None]:
    """Keep FOLDER.partial to oneself while the run that will be saved to ``folder`` is trained.

    The lock is the system's: it ends with the process that holds it, however that ends. The file stays.

    Raises:
        RunIsBeingMadeError: (a ``RunError``) if another process trains a run there at this moment.
        RunError: if the folder is taken, or cannot be written.
    """
    from filelock import FileLock, Timeout

    folder = Path(folder)
    check_free(folder)
    place = progress_folder(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{place} cannot be made: {error.strerror}") from error
    lock = FileLock(place / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RunIsBeingMadeError(
            f"a run is being trained into {folder} at this moment, by another process: wait for its end, or choose "
            "another folder. Nothing was changed"
        ) from None
    except (OSError, NotImplementedError):
        pass  # a file system without locks, such as some network drives: no reason not to train there
    try:
        check_free(folder)  # the other may have finished just now
        yield
    finally:
        lock.release()


def is_in_the_making(folder: Path | str) -> bool:
    """Whether a process trains the run that will be saved to ``folder`` at this moment."""
    from filelock import FileLock, Timeout

    place = progress_folder(folder) / "lock"
    if not place.exists():
        return False
    try:
        with FileLock(place, timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):
        return False  # locks cannot be had there, or not by us


def progress_step(folder: Path | str) -> int | None:
    """The step of the latest checkpoint of the run in the making, as its file's name tells; None if there is none."""
    return max(_progress_files(progress_folder(folder), "state"), default=None)


def save_progress(progress: Progress, folder: Path | str) -> None:
    """Keep a run in the making, in FOLDER.partial; killed at any moment, the latest or the one before is there.

    Each file's name ends in the start of the SHA-256 of its content, and no file is ever changed: a file
    ``weights-STEP-HASH`` per checkpoint, and one ``state-STEP-HASH``, which takes the place of the one before.

    Raises:
        RunError: if it cannot be written.
    """
    place = progress_folder(folder)
    state = {
        f"{part}/{name}": tensor.detach().cpu().contiguous()
        for part, tensors in (("weights", progress.weights), ("optimizer", progress.optimizer))
        for name, tensor in tensors.items()
    } | {f"history/{name}": torch.from_numpy(np.ascontiguousarray(v)) for name, v in progress.history.items()}
    metadata = {"config": json.dumps(progress.config.to_dict()), "seconds": repr(progress.seconds)}
    try:
        place.mkdir(parents=True, exist_ok=True)
        for step in progress.checkpoints.keys() - _progress_files(place, "weights").keys():
            _write_hashed(place, "weights", step, save_tensors(progress.checkpoints[step]))
        _write_hashed(place, "state", progress.step, save_tensors(state, metadata))
        for step, path in _progress_files(place, "state").items():
            if step < progress.step:
                path.unlink()
    except OSError as error:
        raise RunError(f"the run's progress could not be written to {place}: {error.strerror}") from error


def load_progress(folder: Path | str) -> Progress | None:
    """The run in the making that ``save_progress`` kept for this folder, or None if there is none.

    Raises:
        RunError: if a file is missing, truncated or altered.
    """
    place = progress_folder(folder)
    states = _progress_files(place, "state")
    if not states:
        return None
    step = max(states)
    content = _read_hashed(states[step])
    header = storage.metadata(content)
    parts: dict[str, Weights] = {"weights": {}, "optimizer": {}, "history": {}}
    for key, tensor in load_tensors(content).items():
        part, _, name = key.partition("/")
        parts[part][name] = tensor
    return Progress(
        RunConfig.from_dict(json.loads(header["config"])),
        step,
        float(header["seconds"]),
        parts["weights"],
        parts["optimizer"],
        {name: tensor.numpy() for name, tensor in parts["history"].items()},
        {
            kept: load_tensors(_read_hashed(path))
            for kept, path in sorted(_progress_files(place, "weights").items())
            if kept <= step
        },
    )


def discard_progress(folder: Path | str) -> None:
    """Remove FOLDER.partial, if it is there."""
    shutil.rmtree(progress_folder(folder), ignore_errors=True)


def _progress_files(place: Path, kind: str) -> dict[int, Path]:
    return {int(path.name.split("-")[1]): path for path in place.glob(f"{kind}-*-*.safetensors")}


def _write_hashed(place: Path, kind: str, step: int, content: bytes) -> None:
    storage.write_whole(place / f"{kind}-{step:06}-{storage.sha256(content)[:16]}.safetensors", content)


def _read_hashed(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    if storage.sha256(content)[:16] != path.stem.split("-")[-1]:
        raise RunError(f"{path} is truncated or was altered. Remove {path.parent} to start the run afresh")
    return content


def is_run(folder: Path) -> bool:
    """Whether a folder holds a finished run, as far as its names tell."""
    return (folder / "run.json").is_file()


def _locate(run: Path | str) -> Path:
    folder = Path(run)
    if folder.is_dir():
        return folder
    known = available()
    if str(run) in known:
        return known[str(run)]
    raise RunNotFoundError(f"there is no run {str(run)!r}: it is neither a folder nor one of {', '.join(known)}")


def _digest(header: Mapping[str, Any]) -> str:
    content = {name: value for name, value in header.items() if name != "digest"}
    return storage.sha256(json.dumps(content, sort_keys=True).encode())


def _read_header(folder: Path) -> dict[str, Any]:
    try:
        header = json.loads((folder / "run.json").read_bytes())
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run: it has no run.json") from None
    except OSError as error:
        raise RunError(f"{folder / 'run.json'} cannot be read: {error}") from error
    except ValueError:
        raise RunError(f"{folder / 'run.json'} is truncated or was altered: it is not JSON") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RunError(f"{folder} is not a run that this version can read: run.json does not say {FORMAT!r}")
    if header.get("digest") != _digest(header):
        raise RunError(f"{folder / 'run.json'} was altered: its digest does not fit. Get the run again or retrain it")
    return header


def _read_files(folder: Path, header: Mapping[str, Any]) -> dict[str, bytes]:
    contents = {}
    for name, digest in header["files"].items():
        try:
            contents[name] = (folder / name).read_bytes()
        except OSError as error:
            raise RunError(f"{folder} is incomplete: {name} cannot be read ({error.strerror})") from error
        if storage.sha256(contents[name]) != digest:
            raise RunError(f"{folder / name} is truncated or was altered. Get the run again or retrain it")
    return contents
