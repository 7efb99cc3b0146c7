"""Small things that hidden tests make on the student's side, to pass them to the student's functions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ....config import RunConfig


def transformer(weights: Mapping[str, Tensor], constants: Sequence[Tensor] = ()) -> nn.Module:
    """The course's model with these weights, by the names of ``state_dict()``; constants are held, but not learnt."""
    from ....model import Transformer

    made = Transformer.from_weights(weights)
    for i, constant in enumerate(constants):
        made.register_buffer(f"constant_{i}", constant.clone())
    return made


def adamw(model: nn.Module, **settings: Any) -> torch.optim.AdamW:
    """An optimiser of that model."""
    return torch.optim.AdamW(model.parameters(), **settings)


def module(own: list[Tensor], inner: list[Tensor], constants: list[Tensor]) -> nn.Module:
    """A module with weights of its own, ``own_0`` …, weights of its part, ``inner.0`` …, and constants (not learnt)."""
    made = nn.Module()
    for i, weight in enumerate(own):
        made.register_parameter(f"own_{i}", nn.Parameter(weight.clone()))
    made.inner = nn.ParameterList(nn.Parameter(weight.clone()) for weight in inner)
    for i, constant in enumerate(constants):
        made.register_buffer(f"constant_{i}", constant.clone())
    return made


def call_with_config(function: Callable[..., Any], *args: Any, **values: Any) -> Any:
    """What the function returns for a config of these values (the others are the main run's) and the arguments."""
    return function(RunConfig(**values), *args)


def call_with_dtype(function: Callable[..., Any], dtype: str, *args: Any) -> Any:
    """What the function returns for these arguments and ``dtype=torch.DTYPE``."""
    return function(*args, dtype=getattr(torch, dtype))


def call_with_arrays(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What the function returns, given numpy arrays in place of tensors."""
    return function(*(arg.numpy() if isinstance(arg, Tensor) else arg for arg in args), **kwargs)


def call_on_views(function: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What the function returns, given each tensor as a view that is not contiguous; and whether it changed any.

    In a message a numpy array is as a tensor; what is a numpy array here is told apart.
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


NumpyArray.__name__ = "numpy array"  # as a message calls it


def _told_apart(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_told_apart(part) for part in value]
    return NumpyArray() if isinstance(value, np.ndarray) else value


def changes_arrays(function: Callable[..., Any], *args: Any) -> bool:
    """Whether the function, given numpy arrays in place of tensors, changes one of them."""
    before = [arg.clone() if isinstance(arg, Tensor) else arg for arg in args]
    call_with_arrays(function, *args)
    return any(isinstance(arg, Tensor) and not arg.equal(then) for arg, then in zip(args, before, strict=True))


def params_without_grad(module: nn.Module, *args: Any) -> list[str]:
    """The names of those of a module's weights that no gradient reaches from what it returns."""
    names, weights = zip(*module.named_parameters(), strict=True)
    with torch.enable_grad():
        value = module(*args)
        if not isinstance(value, Tensor) or not value.requires_grad:
            return list(names)
        gradients = torch.autograd.grad(value.sum(), weights, allow_unused=True)
    return [name for name, gradient in zip(names, gradients, strict=True) if gradient is None]


def returns_attached(function: Callable[..., Any], *args: Any) -> bool:
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
