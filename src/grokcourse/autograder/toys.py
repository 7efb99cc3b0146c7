"""Small things that hidden tests make on the student's side, to pass them to the student's functions."""

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw as adamw_step

from ..config import RunConfig


class ToyModel(nn.Module):
    """Answers questions by a look-up for each number and each answer: small, smooth, and quick to train."""

    def __init__(self, weights: Tensor, unembedding: Tensor) -> None:
        super().__init__()
        self.p = len(weights)
        self.W_E = nn.Parameter(weights.clone())
        self.W_U = nn.Parameter(unembedding.clone())

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, 3) → (n, p + 1)."""
        return self.fast_logits(tokens[:, 0], tokens[:, 1])

    def fast_logits(self, a: Tensor, b: Tensor) -> Tensor:
        """(n,), (n,) → (n, p + 1)."""
        return torch.tanh(self.W_E[a] + self.W_E[b]) @ self.W_U


def toy_model(weights: Tensor, unembedding: Tensor) -> ToyModel:
    """A model with these weights: (p, d) and (d, p + 1)."""
    return ToyModel(weights, unembedding)


class ToyAdamW:
    """What a training step needs of ``torch.optim.AdamW``, whose making would import a second's worth of modules."""

    def __init__(self, weights: Iterable[Tensor], lr: float, betas: Sequence[float], weight_decay: float) -> None:
        settings = {"lr": lr, "betas": tuple(betas), "eps": 1e-8, "weight_decay": weight_decay}
        self.param_groups: list[dict[str, Any]] = [{"params": list(weights), **settings}]
        self.state: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad = None if set_to_none or weight.grad is None else torch.zeros_like(weight)

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            named = {name: group[name] for name in ("lr", "eps", "weight_decay")} | {"beta1": beta1, "beta2": beta2}
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                fresh = torch.zeros_like(weight), torch.zeros_like(weight), torch.tensor(0.0)
                mean, square, steps = self.state.setdefault(weight, fresh)
                named |= {"foreach": False, "amsgrad": False, "maximize": False}
                adamw_step([weight], [weight.grad], [mean], [square], [], [steps], **named)


def adamw(model: nn.Module, lr: float, betas: list[float], weight_decay: float) -> ToyAdamW:
    """An optimiser of that model."""
    return ToyAdamW(model.parameters(), lr, betas, weight_decay)


def module(own: list[Tensor], inner: list[Tensor], constants: list[Tensor]) -> nn.Module:
    """A module with weights of its own, ``own_0`` …, weights of its part, ``inner.0`` …, and constants (not learnt)."""
    made = nn.Module()
    for i, weight in enumerate(own):
        made.register_parameter(f"own_{i}", nn.Parameter(weight.clone()))
    made.inner = nn.ParameterList(nn.Parameter(weight.clone()) for weight in inner)
    for i, constant in enumerate(constants):
        made.register_buffer(f"constant_{i}", constant.clone())
    return made


def config(**values: Any) -> SimpleNamespace:
    """A config as a namespace of its hyperparameters; those not given have the main run's values."""
    return SimpleNamespace(**RunConfig(**values).to_dict())


def call_with_dtype(function: Callable[..., Any], dtype: str, *args: Any) -> Any:
    """What the function returns for these arguments and ``dtype=torch.DTYPE``."""
    return function(*args, dtype=getattr(torch, dtype))


def call_with_arrays(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the function returns, given numpy arrays in place of tensors."""
    return function(*(arg.numpy() if isinstance(arg, Tensor) else arg for arg in args), **kwargs)


def call_on_views(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What the function returns, given each tensor as a view that is not contiguous; and whether it changed any.

    A numpy array crosses the wall as a tensor does; what is a numpy array here is told apart.
    """
    views = [_view(arg) if isinstance(arg, Tensor) else arg for arg in args]
    value = _told_apart(function(*views, **kwargs))
    pairs = zip(args, views, strict=True)
    return {"value": value, "changed": any(isinstance(arg, Tensor) and not arg.equal(view) for arg, view in pairs)}


def call_with_copies(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What the function returns, given copies; whether it changed any of them, and whether it returned numpy arrays."""
    copies = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
    value = function(*copies, **kwargs)
    parts = value if isinstance(value, (tuple, list)) else [value]
    return {
        "value": value,
        "changed": any(isinstance(a, Tensor) and not a.equal(b) for a, b in zip(args, copies, strict=True)),
        "is_numpy": any(isinstance(part, (np.ndarray, np.generic)) for part in parts),
    }


def generator(items: Iterable[Any]) -> Iterable[Any]:
    """The items one after the other, and only once."""
    return (item for item in items)


class NumpyArray:
    """Stands for an array where a tensor should be."""


def _told_apart(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_told_apart(part) for part in value]
    return NumpyArray() if isinstance(value, np.ndarray) else value


def changes_arrays(function: Callable[..., Any], *args: Any) -> bool:
    """Whether the function, given numpy arrays in place of tensors, changes one of them."""
    before = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
    call_with_arrays(function, *args)
    return any(isinstance(arg, Tensor) and not arg.equal(then) for arg, then in zip(args, before, strict=True))


def out_of_reach(module: nn.Module, *args: Any) -> list[str]:
    """The names of those of a module's weights that no gradient reaches from what it returns."""
    names, weights = zip(*module.named_parameters(), strict=True)
    with torch.enable_grad():
        value = module(*args)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return list(names)
        gradients = torch.autograd.grad(value.sum(), weights, allow_unused=True)
    return [name for name, gradient in zip(names, gradients, strict=True) if gradient is None]


def hangs_on_graph(function: Callable[..., Any], *args: Any) -> bool:
    """Whether what the function returns still hangs on the graph that it was computed with."""
    value = function(*args)
    return isinstance(value, Tensor) and value.requires_grad


def gradient(function: Callable[..., Any], x: Tensor, *args: Any) -> Tensor | None:
    """The gradient, with respect to x, of the sum of what the function returns; None if none finds its way back."""
    with torch.enable_grad():
        x = x.clone().requires_grad_()
        value = function(x.clone(), *args)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return None
        return torch.autograd.grad(value.sum(), x)[0]


def _view(tensor: Tensor) -> Tensor:
    """The same numbers in every second place of something larger, and in reverse order of dimensions."""
    larger = tensor.new_zeros(*reversed(tensor.shape), 2)
    view = larger[..., 0].permute(*reversed(range(tensor.ndim)))
    return view.copy_(tensor)
