"""The training loop: full batch, AdamW, the exact loss at ``=``; resumable and bit-for-bit repeatable.

Shapes: n — questions in a batch; vocab — tokens (p + 1).
"""

import contextlib
import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW
from tqdm import tqdm

from . import __version__, runs, tasks
from .config import RunConfig
from .model import Transformer
from .runs import Progress, Run, RunError
from .torch_state import usual_torch

Record = Mapping[str, Callable[[Transformer], Tensor | float]]
Until = Callable[[Mapping[str, Sequence[Any]]], bool]
"""Whether a run has come far enough: asked of its history so far at each evaluation."""


def pick_device(name: str | None = None) -> torch.device:
    """The device of that name; without one the fastest there is: CUDA, then Apple's MPS, then the CPU.

    Raises:
        ValueError: if this machine has no such device.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"this machine has no device {name!r} that torch can use: {error}") from error
    return device


def exact_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each question, log(1 + Σ_{j≠y} exp(l_j − l_y)),
    exact however small it is.

    The usual −log softmax loses everything below about 1e-7 in float32: it
    takes the logarithm of a number that has been rounded to 1. Here the 1 is
    never formed: with m = log Σ_{j≠y} exp(l_j) − l_y the loss is log1p(exp(m)).

    Args:
        logits: (n, vocab).
        labels: (n,) int64.

    Returns:
        (n,) losses in nats, in the dtype of the logits or in float64.
    """
    right = labels.unsqueeze(-1)
    others = logits.scatter(-1, right, -torch.inf).logsumexp(dim=-1)
    return F.softplus(others - logits.gather(-1, right).squeeze(-1), threshold=40)


def make_optimizer(model: Transformer, config: RunConfig) -> AdamW:
    """AdamW on every weight, with the config's betas and weight decay."""
    return AdamW(model.parameters(), lr=config.lr, betas=config.betas, weight_decay=config.weight_decay, fused=True)


def learning_rate(config: RunConfig, step: int) -> float:
    """The learning rate of a step (counted from 0): a linear warm-up, then
    constant.
    """
    return config.lr * min(1.0, (step + 1) / max(1, config.warmup_steps))


def train_step(model: Transformer, optimizer: AdamW, tokens: Tensor, labels: Tensor, lr: float) -> Tensor:
    """One step of gradient descent on the whole batch.

    Args:
        model: changed in place.
        optimizer: of that model's weights.
        tokens: (n, 3) questions.
        labels: (n,) answers.
        lr: this step's learning rate.

    Returns:
        The mean loss before the step, exact however small it is: a scalar on
        the model's device, cut off from its graph.
    """
    loss = exact_cross_entropy(model.fast_logits(tokens[:, 0], tokens[:, 1]), labels).mean()
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return loss.detach()


def sgd_update(weight: Tensor, grad: Tensor, *, lr: float, weight_decay: float) -> Tensor:
    """One step of plain gradient descent with weight decay, for a whole tensor
    of weights.

    Args:
        weight: any shape.
        grad: the loss's gradient, of the same shape.
        lr: learning rate.
        weight_decay: λ.

    Returns:
        The new weight; nothing is changed in place.
    """
    return weight - lr * grad - lr * weight_decay * weight


def adamw_update(
    weight: Tensor,
    grad: Tensor,
    mean: Tensor,
    square: Tensor,
    step: int,
    *,
    lr: float,
    betas: tuple[float, float],
    weight_decay: float,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:
    """One step of AdamW, by hand (Loshchilov and Hutter 2019, algorithm 2):
    what the optimiser does to each weight.

    The decay pulls the weight towards zero by itself; it never enters the
    running means of the gradient.

    Args:
        weight: any shape.
        grad: the loss's gradient, of the same shape.
        mean: running mean of the gradient before this step, of the same shape
            (zeros at first).
        square: running mean of the gradient's square before this step, of the
            same shape (zeros at first).
        step: this step's number, counted from 1.
        lr: learning rate.
        betas: decay rates of the two running means.
        weight_decay: λ.
        eps: keeps the division finite.

    Returns:
        The new weight, mean and square; nothing is changed in place.
    """
    mean = betas[0] * mean + (1 - betas[0]) * grad
    square = betas[1] * square + (1 - betas[1]) * grad**2
    unbiased_mean = mean / (1 - betas[0] ** step)  # both means start at zero and would be too small at first
    unbiased_square = square / (1 - betas[1] ** step)
    gradient_part = lr * unbiased_mean / (unbiased_square.sqrt() + eps)
    decay_part = lr * weight_decay * weight
    return weight - gradient_part - decay_part, mean, square


@torch.no_grad()
def weight_norm(model: Transformer) -> float:
    """The Euclidean length of all weights together.

    Args:
        model: any module; its parameters count, and those of its parts.

    Returns:
        A plain number.
    """
    return torch.stack([weight.square().sum() for weight in model.parameters()]).sum().sqrt().item()


@torch.no_grad()
def evaluate(model: Transformer, data: tasks.Dataset) -> dict[str, float]:
    """Mean loss in nats and accuracy on the training and on the test set.

    Returns:
        ``train_loss``, ``test_loss``, ``train_accuracy`` and ``test_accuracy``.
    """
    logits = model.fast_logits(data.tokens[:, 0], data.tokens[:, 1])
    losses = exact_cross_entropy(logits, data.labels)
    right = (logits.argmax(dim=-1) == data.labels).to(losses.dtype)
    return {
        f"{part}_{name}": values[index].mean().item()
        for name, values in (("loss", losses), ("accuracy", right))
        for part, index in (("train", data.train_index), ("test", data.test_index))
    }


ANSWERED = 0.99
"""The accuracy at which a set of questions counts as answered."""


def grokked(history: Mapping[str, Sequence[Any]], answered: float = ANSWERED) -> bool:
    """Whether the latest evaluation has the test set answered: an ``until``."""
    return bool(history["test_accuracy"][-1] >= answered)


@usual_torch()
def train(
    config: RunConfig,
    folder: Path | str | None = None,
    *,
    device: str | None = None,
    record: Record | None = None,
    until: Until | None = None,
    then: int = 0,
    last_weights_only: bool = False,
    progress_bar: bool = True,
) -> Run:
    """Train a model as the config says; with a folder, go on from where an earlier call was interrupted.

    The same config on the same machine with the same number of threads gives the same history to the last bit, and
    so does a run that was killed and started again. Another default device or dtype of torch, or gradients that are
    switched off, make no difference: all this is as usual while it trains, and put back afterwards.

    Args:
        config: the run.
        folder: where to save the finished run; until then its checkpoints are kept in FOLDER.partial.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by default the fastest there is.
        record: what else to record at each evaluation: functions of the model by name, each returning a number or an
            array of the same shape every time.
        until: ends the run early: a function of its history so far (lists by name, as in ``Run.history``), asked at
            each evaluation; ``grokked``, for instance.
        then: how many more steps the run is given after that.
        last_weights_only: of the finished run's weights, keep the last.
        progress_bar: show one, with the losses in it.

    Returns:
        The finished run. Its history holds ``step``, the four numbers of ``evaluate``, ``weight_norms`` (the
        Euclidean norm of each parameter, in the order of ``Transformer.named_parameters()``) and what ``record`` names.
        The config of a run that ended early has the steps that it took, and its provenance those that were asked for,
        as ``steps_asked``.

    Raises:
        ConfigError: if there is no such operation.
        RunError: if the folder is taken, holds the checkpoints of another config, or another process trains a run
            into it at this moment.
        ValueError: if this machine has no such device.
        KeyboardInterrupt: on Ctrl-C; what has been checkpointed is kept.
    """
    torch_device = pick_device(device)
    if torch_device.type == "cpu":
        keep_freed_memory()
    data = tasks.dataset(config, torch_device)

    def made() -> Run:
        run = _train(config, folder, data, torch_device, record or {}, until, then, progress_bar)
        return runs.thin(run, [run.steps[-1]]) if last_weights_only else run

    if folder is None:
        return made()
    with runs.in_the_making(folder):
        run = made()
        runs.save(run, folder)
    runs.discard_progress(folder)
    return run


def _train(
    config: RunConfig,
    folder: Path | str | None,
    data: tasks.Dataset,
    device: torch.device,
    record: Record,
    until: Until | None,
    then: int,
    progress_bar: bool,
) -> Run:
    model = Transformer.from_config(config).to(device)
    optimizer = make_optimizer(model, config)
    progress = _restore(config, folder, model, optimizer) if folder else None
    history = {name: list(values) for name, values in progress.history.items()} if progress else {}
    checkpoints = dict(progress.checkpoints) if progress else {}
    start, seconds_before = (progress.step, progress.seconds) if progress else (0, 0.0)
    eval_steps, checkpoint_steps = set(config.eval_steps), set(config.checkpoint_steps)
    reached = _reached(history, until)
    began = time.monotonic()

    def last() -> int:
        return config.steps if reached is None else min(reached + then, config.steps)

    bar = tqdm(total=config.steps, initial=start, disable=not progress_bar, unit="step", mininterval=0.5)
    with bar, deterministic(device):
        tokens, labels = data.train
        for step in range(start, config.steps + 1):
            if (step in eval_steps or step == last()) and step not in history.get("step", [])[-1:]:
                values = _observe(model, data, record)
                for name, value in ({"step": step} | values).items():
                    history.setdefault(name, []).append(value)
                bar.set_postfix({name: f"{values[name]:.2g}" for name in ("train_loss", "test_loss")}, refresh=False)
                if reached is None and until is not None and until(history):
                    reached = step
            if (step in checkpoint_steps or step == last()) and step not in checkpoints:
                checkpoints[step] = _snapshot(model)
                if folder:
                    seconds = seconds_before + time.monotonic() - began
                    state = _optimizer_tensors(model, optimizer)
                    arrays = {name: np.asarray(values) for name, values in history.items()}
                    runs.save_progress(
                        Progress(config, step, seconds, checkpoints[step], state, arrays, checkpoints), folder
                    )
            if step == last():
                break
            train_step(model, optimizer, tokens, labels, learning_rate(config, step))
            bar.update()

    arrays = {name: np.asarray(values) for name, values in history.items()}
    seconds = seconds_before + time.monotonic() - began
    config, made = ended_at(step, config, provenance(config, device, seconds))
    return Run(config, arrays, checkpoints, made)


def _reached(history: Mapping[str, list[Any]], until: Until | None) -> int | None:
    """The first step of a history so far at which ``until`` held."""
    for count, step in enumerate(history.get("step", []) if until else [], 1):
        if until and until({name: values[:count] for name, values in history.items()}):
            return int(step)
    return None


def ended_at(step: int, config: RunConfig, made: dict[str, object]) -> tuple[RunConfig, dict[str, object]]:
    """The config and the provenance of a run whose last step this is; see ``asked``."""
    if step == config.steps:
        return config, made
    return config.replace(steps=step), made | {"steps_asked": config.steps}


def asked(run: Run) -> RunConfig:
    """The config that a run was asked for: its own, with all the steps that it
    would have taken if it had not ended early.
    """
    return run.config.replace(steps=run.provenance.get("steps_asked", run.config.steps))


@dataclass(frozen=True)
class Phases:
    """Where a run's phases end, in steps; None for an end that the run does not
    reach.
    """

    memorised: int | None
    """Memorisation ends: the training set is answered."""
    onset: int | None
    """The plateau ends, and grokking begins: on unseen questions, the model
    becomes better than guessing."""
    grokked: int | None
    """Grokking ends: the test set is answered too."""

    def bands(self) -> dict[str, tuple[int, int]]:
        """Each phase that ends, with its first and last step, as
        ``plots.loss_curves`` shades them.
        """
        ends = {"memorisation": self.memorised, "plateau": self.onset, "grokking": self.grokked}
        found, start = {}, 1
        for name, end in ends.items():
            if end is not None:
                found[name], start = (start, end), end
        return found


def find_phases(
    steps: np.ndarray,
    train_accuracy: np.ndarray,
    test_accuracy: np.ndarray,
    test_loss: np.ndarray,
    chance_loss: float,
    answered: float = 0.99,
) -> Phases:
    """Find the three phases of a run in its history. The rule is ours.

    Memorisation lasts until the training accuracy first reaches ``answered``.
    The plateau lasts from there until the test loss, which had risen above it,
    first falls below the loss of guessing; grokking from there until the test
    accuracy first reaches ``answered``. From there on means that step included.

    Args:
        steps: (n,) rising; the other columns are as long.
        train_accuracy: (n,) at those steps, in 0 … 1.
        test_accuracy: (n,) likewise.
        test_loss: (n,) in nats.
        chance_loss: the loss of guessing, log p.
        answered: accuracy at which a set counts as answered.
    """
    columns = [np.asarray(column) for column in (steps, train_accuracy, test_accuracy, test_loss)]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"the columns differ in length: {', '.join(str(len(column)) for column in columns)}")
    steps, train_accuracy, test_accuracy, test_loss = columns

    def first(reached: np.ndarray) -> int | None:
        return int(steps[reached.argmax()]) if reached.any() else None

    memorised = first(train_accuracy >= answered)
    after = steps >= (np.inf if memorised is None else memorised)
    onset = first(after & (test_loss < chance_loss))
    after = steps >= (np.inf if onset is None else onset)
    return Phases(memorised, onset, first(after & (test_accuracy >= answered)))


def phases(run: Run) -> Phases:
    """The phases of a run: ``find_phases`` of its history."""
    history = run.history
    return find_phases(
        history["step"],
        history["train_accuracy"],
        history["test_accuracy"],
        history["test_loss"],
        run.config.chance_loss,
    )


def keep_freed_memory() -> None:
    """Have the C library keep large freed blocks for the next step, instead of handing them back to the system.

    glibc returns them at once, and the system then clears every page anew when the next step asks for the same amount:
    about a tenth of a step on the CPU. With another C library than glibc this does nothing.
    """
    M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):
            libc = ctypes.CDLL(None)
            libc.mallopt(M_MMAP_THRESHOLD, 2**30)
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _observe(model: Transformer, data: tasks.Dataset, record: Record) -> dict[str, float | np.ndarray]:
    with torch.no_grad():
        norms = torch.stack([weight.norm() for weight in model.parameters()])
        others = {name: torch.as_tensor(function(model)) for name, function in record.items()}
    arrays = {"weight_norms": norms} | others
    return evaluate(model, data) | {
        name: value.detach().cpu().numpy().astype(np.float64) for name, value in arrays.items()
    }


def _snapshot(model: Transformer) -> runs.Weights:
    return {name: weight.detach().cpu().clone() for name, weight in model.state_dict().items()}


def _optimizer_tensors(model: Transformer, optimizer: AdamW) -> runs.Weights:
    return {
        f"{key}/{name}": optimizer.state[weight][key]
        for name, weight in model.named_parameters()
        for key in optimizer.state[weight]
    }


def _restore(config: RunConfig, folder: Path | str, model: Transformer, optimizer: AdamW) -> Progress | None:
    """Put model and optimiser where an interrupted run left them; None if there is none to go on with."""
    progress = runs.load_progress(folder)
    if progress is None:
        return None
    if progress.config != config:
        raise RunError(
            f"{runs.progress_folder(folder)} holds the checkpoints of another run "
            f"({runs.differing(progress.config, config)}): choose another folder, or remove it to start afresh. "
            "Nothing was changed"
        )
    model.load_state_dict(progress.weights)
    for key, tensor in progress.optimizer.items():
        kind, _, name = key.partition("/")
        weight = model.get_parameter(name)
        optimizer.state[weight][kind] = tensor.to(weight.device) if kind != "step" else tensor
    return progress


@contextlib.contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Have torch use repeatable algorithms only, and put its setting back afterwards."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may add in any order
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)


def provenance(config: RunConfig, device: torch.device, seconds: float) -> dict[str, object]:
    """With what, where and in how many seconds a run was made."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "grokcourse": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "device": device.type,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 1),
        "seeds": {"weights": config.seed, "split": config.split_seed},
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
