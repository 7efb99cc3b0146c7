"""Many runs as one: their weights stacked, so that each step is one batched product instead of a product a run.

A graphics card is idle most of the time when it trains one of our models; with some thirty of them side by side it is
busy, and thirty runs take little longer than one. On the CPU nothing is gained: there, one process a run is faster.

Shapes: r — runs side by side, each in a slot; size — weights in one model; n — training questions.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, vmap
from tqdm import tqdm

from . import runs, tasks, training
from .config import ConfigError, RunConfig
from .model import Transformer
from .runs import Run
from .torch_state import usual_torch
from .training import Until, grokked

__all__ = ["MAY_DIFFER", "SLOTS", "Loss", "Transform", "Until", "grokked", "same_shape", "train_together"]

Weights = Mapping[str, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Transform = Callable[[Weights, Weights, dict[str, Tensor]], None]

MAY_DIFFER = ("operation", "lr", "betas", "weight_decay", "warmup_steps", "steps", "seed", "split_seed")
"""The hyperparameters in which runs side by side may differ; all others give their arrays the same shapes."""

SLOTS = 32
"""How many runs stand side by side unless told otherwise: enough to keep an H100 busy with the course's model."""


def same_shape(config: RunConfig) -> tuple[Any, ...]:
    """What two configs must share to be trained side by side."""
    return tuple(value for name, value in sorted(config.to_dict().items()) if name not in MAY_DIFFER)


@usual_torch()
def train_together(
    configs: Iterable[RunConfig],
    *,
    device: str | None = None,
    slots: int = SLOTS,
    until: Until | None = None,
    then: int = 0,
    loss: Loss = training.exact_cross_entropy,
    transform: Transform | None = None,
    dtype: torch.dtype = torch.float32,
    done: Callable[[Run], None] | None = None,
    progress_bar: bool = True,
) -> list[Run]:
    """Train many runs side by side.

    Each run is the one that ``training.train`` makes of its config, up to
    rounding: the products are added in another order. (Rounding grows: while
    the model memorises, a change of one weight in its last bit changes the
    loss a thousandfold more within fifty steps. In float64 both agree.) When a
    run ends, the next one takes its slot.

    Args:
        configs: the runs; they may differ in ``MAY_DIFFER`` alone.
        device: as for ``training.train``.
        slots: how many runs stand side by side.
        until: ends a run early: a function of its history so far (lists by
            name, as in ``Run.history``), asked at each evaluation; ``grokked``
            for instance.
        then: how many more steps a run is given after that.
        loss: (logits, labels) → the loss of each question, for training. The
            history always holds the exact cross-entropy.
        transform: changes the gradients in place before each step: a function
            of the weights, the gradients (each by name, stacked: (r, …)) and a
            dict for what it has to remember, tensors with r as first axis,
            which are set to zero in a slot where a new run begins.
        dtype: of weights and activations; float64 is for checks.
        done: called with each run as soon as it is finished, to save it for
            instance.
        progress_bar: show one.

    Returns:
        The runs, in the order of their configs. A run that ended early says
        so: its config's ``steps`` are the steps it took.

    Raises:
        ConfigError: if the configs cannot stand side by side, or there is no
            such operation.
        ValueError: if this machine has no such device.
    """
    waiting = deque(enumerate(configs))
    if not waiting:
        return []
    if len({same_shape(config) for _, config in waiting}) > 1:
        raise ConfigError(f"runs side by side may differ only in {', '.join(MAY_DIFFER)}: group them by same_shape")
    torch_device = training.pick_device(device)
    made: dict[int, Run] = {}
    began = time.monotonic()
    bar = tqdm(total=len(waiting), disable=not progress_bar, unit="run", mininterval=0.5)
    first = [waiting.popleft() for _ in range(min(slots, len(waiting)))]
    stack = _Stack(first, torch_device, dtype, loss, transform)
    with bar, training.deterministic(torch_device):
        while stack.slots:
            stack.observe()
            for slot in stack.over(until, then):
                number, run = stack.finished(slot, time.monotonic() - began)
                made[number] = run
                bar.update()
                if done is not None:
                    done(run)
                if waiting:
                    stack.fill(slot, *waiting.popleft())
                    stack.observe()
            stack.tidy()
            for _ in range(stack.steps_ahead()):
                stack.step()
    return [made[number] for number in sorted(made)]


class _Slot:
    """One run in the making."""

    def __init__(self, number: int, config: RunConfig) -> None:
        self.number, self.config = number, config
        self.step = 0
        self.ending: int | None = None
        self.history: dict[str, list[Any]] = {}
        self.checkpoints: dict[int, runs.Weights] = {}
        self.eval_steps, self.checkpoint_steps = set(config.eval_steps), set(config.checkpoint_steps)

    def ends(self, until: Until | None, then: int) -> bool:
        """Whether the run is over at its latest step."""
        if until is not None and self.ending is None and self.history["step"][-1] == self.step and until(self.history):
            self.ending = min(self.step + then, self.config.steps)
        return self.step >= self.last

    @property
    def last(self) -> int:
        """The run's last step, as far as is known."""
        return self.config.steps if self.ending is None else self.ending

    def steps_ahead(self) -> int:
        """How many steps there are until this run is to be looked at again."""
        every, kept = self.config.eval_every, self.config.checkpoint_every
        return min(every - self.step % every, kept - self.step % kept, self.last - self.step)


class _Stack:
    """The weights, the optimiser's running means and the data of all slots, one row a slot."""

    def __init__(
        self,
        numbered: list[tuple[int, RunConfig]],
        device: torch.device,
        dtype: torch.dtype,
        loss: Loss,
        transform: Transform | None,
    ) -> None:
        self.device, self.loss, self.transform = device, loss, transform
        first, r = numbered[0][1], len(numbered)
        self.skeleton = Transformer.from_config(first).to(device, dtype)
        self.shapes = {name: weight.shape for name, weight in self.skeleton.named_parameters()}
        size = sum(shape.numel() for shape in self.shapes.values())
        tokens = tasks.all_questions(first.p).to(device)
        self.all_a, self.all_b = tokens[:, 0], tokens[:, 1]
        self.slots: list[_Slot | None] = [None] * r

        def zeros(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
            return torch.zeros(r, *shape, dtype=dtype, device=device)

        numbers = ("step", "lr", "decay", "beta1", "beta2", "warmup")
        self.rows = {name: zeros(size) for name in ("weights", "grad", "mean", "square")}
        self.rows |= {name: zeros(first.n_train, dtype=torch.int64) for name in ("a", "b", "labels")}
        self.rows |= {"all_labels": zeros(first.n_pairs, dtype=torch.int64)}
        self.rows |= {"is_train": zeros(first.n_pairs, dtype=torch.bool)}
        self.rows |= {name: zeros(1, dtype=torch.float64) for name in numbers}
        self.memory: dict[str, Tensor] = {}
        self._name_views()
        for slot, (number, config) in enumerate(numbered):
            self.fill(slot, number, config)

    def _name_views(self) -> None:
        """The rows of weights as the model's parameters, and likewise their gradients: views, nothing is copied."""
        self.graph: torch.cuda.CUDAGraph | None = None
        self.parameters: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = zip(*(self.rows[name].split(sizes, dim=1) for name in ("weights", "grad")), strict=True)
        for (name, shape), (weight, grad) in zip(self.shapes.items(), parts, strict=True):
            self.parameters[name] = weight.unflatten(1, shape).detach().requires_grad_()
            self.gradients[name] = grad.unflatten(1, shape)

    @torch.no_grad()
    def fill(self, slot: int, number: int, config: RunConfig) -> None:
        """Let a run begin in a slot."""
        data = tasks.dataset(config)
        tokens, labels = data.train
        weights = [weight.flatten() for weight in Transformer.from_config(config).parameters()]
        values = {
            "weights": torch.cat(weights),
            "a": tokens[:, 0],
            "b": tokens[:, 1],
            "labels": labels,
            "all_labels": data.labels,
            "is_train": data.train_mask().flatten(),
            "lr": config.lr,
            "decay": config.weight_decay,
            "beta1": config.betas[0],
            "beta2": config.betas[1],
            "warmup": max(1, config.warmup_steps),
        }
        for row in (*self.rows.values(), *self.memory.values()):
            row[slot] = 0
        for name, value in values.items():
            self.rows[name][slot].copy_(torch.as_tensor(value))
        self.slots[slot] = _Slot(number, config)

    @torch.no_grad()
    def tidy(self) -> None:
        """Once half of the slots are empty (no run is waiting), drop them."""
        taken = [slot for slot, one in enumerate(self.slots) if one is not None]
        if 2 * len(taken) > len(self.slots) or len(taken) == len(self.slots):
            self.slots = self.slots if taken else []
            return
        index = torch.tensor(taken, dtype=torch.int64, device=self.device)
        self.rows = {name: row.index_select(0, index) for name, row in self.rows.items()}
        self.memory = {name: row.index_select(0, index) for name, row in self.memory.items()}
        self.slots = [self.slots[slot] for slot in taken]
        self._name_views()

    def logits(self, a: Tensor, b: Tensor) -> Tensor:
        """The logits of every slot's model: ``Transformer.fast_logits``, batched.

        Args:
            a: (r, n), or (n,) for the same questions in every slot.
            b: likewise.

        Returns:
            (r, n, vocab).
        """

        def one(weights: dict[str, Tensor], a: Tensor, b: Tensor) -> Tensor:
            logits: Tensor = functional_call(_Fast(self.skeleton), _under(weights), (a, b))
            return logits

        axis = 0 if a.ndim == 2 else None
        stacked: Tensor = vmap(one, in_dims=(0, axis, axis))(self.parameters, a, b)
        return stacked

    def step(self) -> None:
        """One step of every slot; on a graphics card as a recorded graph of kernels, started as one."""
        if self.device.type != "cuda":
            self._step()
        elif self.graph is None:
            self._record()
        else:
            self.graph.replay()
        for one in self.slots:
            if one is not None:
                one.step += 1

    def _record(self) -> None:
        """Take one step, and record it to be replayed: torch asks for a step on another stream first."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        self.graph = graph

    def _step(self) -> None:
        rows = self.rows
        losses = self.loss(self.logits(rows["a"], rows["b"]), rows["labels"]).mean(dim=1)
        gradients = torch.autograd.grad(losses.sum(), list(self.parameters.values()))
        with torch.no_grad():
            torch.cat([gradient.flatten(1) for gradient in gradients], dim=1, out=rows["grad"])
            if self.transform is not None:
                self.transform(self.parameters, self.gradients, self.memory)
            rows["step"].add_(1)
            lr = rows["lr"] * (rows["step"] / rows["warmup"]).clamp(max=1)
            adamw_(rows["weights"], rows["grad"], rows["mean"], rows["square"], rows["step"], lr=lr, rows=rows)

    @property
    def running(self) -> list[tuple[int, _Slot]]:
        """The slots that hold a run."""
        return [(slot, one) for slot, one in enumerate(self.slots) if one is not None]

    def steps_ahead(self) -> int:
        """How many steps all can take before one of them is to be looked at."""
        return min((one.steps_ahead() for _, one in self.running), default=0)

    def over(self, until: Until | None, then: int) -> list[int]:
        """The slots whose runs end here."""
        return [slot for slot, one in self.running if one.ends(until, then)]

    @torch.no_grad()
    def observe(self) -> None:
        """Evaluate the runs for which this is due, and keep the weights of those for which that is due."""
        due = [
            (slot, one)
            for slot, one in self.running
            if one.history.get("step", [-1])[-1] != one.step and (one.step in one.eval_steps or one.step == one.last)
        ]
        values = self._evaluated() if due else {}
        for slot, one in due:
            for name, value in ({"step": [one.step] * len(self.slots)} | values).items():
                one.history.setdefault(name, []).append(value[slot])
        for slot, one in self.running:
            if one.step in one.checkpoint_steps and one.step not in one.checkpoints:
                one.checkpoints[one.step] = self._snapshot(slot)

    def finished(self, slot: int, seconds: float) -> tuple[int, Run]:
        """Empty a slot: its run's number, and the run (its seconds are those of all that ran so far)."""
        one = self.slots[slot]
        assert one is not None
        self.slots[slot] = None
        history = {name: np.asarray(values) for name, values in one.history.items()}
        checkpoints = {one.step: self._snapshot(slot)} | one.checkpoints
        made = training.provenance(one.config, self.device, seconds) | {"side_by_side": len(self.slots)}
        config, made = training.ended_at(one.step, one.config, made)
        return one.number, Run(config, history, checkpoints, made)

    def _snapshot(self, slot: int) -> runs.Weights:
        return {name: weight[slot].detach().cpu().clone() for name, weight in self.parameters.items()}

    def _evaluated(self) -> dict[str, np.ndarray]:
        """What ``training.evaluate`` tells, and the norm of each weight, for every slot: (r,) or (r, weights)."""
        labels, is_train = self.rows["all_labels"], self.rows["is_train"]
        logits = self.logits(self.all_a, self.all_b)
        losses = training.exact_cross_entropy(logits, labels).double()
        right = (logits.argmax(dim=-1) == labels).double()
        found = {
            f"{part}_{name}": values.where(mask, 0).sum(dim=1) / mask.sum(dim=1)
            for name, values in (("loss", losses), ("accuracy", right))
            for part, mask in (("train", is_train), ("test", ~is_train))
        }
        found["weight_norms"] = torch.stack([w.flatten(1).norm(dim=1) for w in self.parameters.values()], dim=1)
        return {name: value.double().cpu().numpy() for name, value in found.items()}


class _Fast(torch.nn.Module):
    """A model whose forward pass is its fast one, for ``functional_call``."""

    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.model.fast_logits(a, b)


def _under(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"model.{name}": weight for name, weight in weights.items()}


def adamw_(
    weights: Tensor,
    grad: Tensor,
    mean: Tensor,
    square: Tensor,
    step: Tensor,
    *,
    lr: Tensor,
    rows: Mapping[str, Tensor],
    eps: float = 1e-8,
) -> None:
    """One step of AdamW (Loshchilov and Hutter 2019) for every row, each with its own learning rate, decay and betas.

    Args:
        weights: (r, size), changed in place, as are ``mean`` and ``square``.
        grad: (r, size).
        mean: (r, size) running mean of the gradient.
        square: (r, size) running mean of its square.
        step: (r, 1) float64, counted from 1.
        lr: (r, 1) float64.
        rows: ``decay``, ``beta1`` and ``beta2``, each (r, 1) float64.
        eps: keeps the division finite.
    """
    beta1, beta2 = rows["beta1"], rows["beta2"]
    weights.mul_((1 - lr * rows["decay"]).to(grad.dtype))
    mean.lerp_(grad, (1 - beta1).to(grad.dtype).expand_as(grad))
    square.mul_(beta2.to(grad.dtype)).addcmul_(grad, grad * (1 - beta2).to(grad.dtype))
    denominator = (square / (1 - beta2**step).to(grad.dtype)).sqrt_().add_(eps)
    weights.sub_(mean.div(denominator).mul_((lr / (1 - beta1**step)).to(grad.dtype)))
