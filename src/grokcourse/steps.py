"""Ways to take a step of training, by name: what races against AdamW in "How soon can it grok?"."""

from collections.abc import Callable

import torch
from torch import Tensor

from . import training
from .config import RunConfig
from .model import Transformer
from .optimisers import orthogonal_gradient, stablemax_cross_entropy, with_slow_part

TORCHS_MUON = 0.2
"""The root mean square of the step of torch's Muon at a learning rate of 1, with ``match_rms_adamw``."""
Step = Callable[[Tensor, Tensor, float], None]
"""One step of training: (n, 3) tokens, (n,) labels, and the learning rate."""


def make_step(method: str, model: Transformer, config: RunConfig) -> Step:
    """A way to train a model, by name.

    Args:
        method: one of ``METHODS``.
        model: changed in place by each step.
        config: of which betas and weight decay are taken.

    Returns:
        A function that takes one step on (n, 3) tokens and (n,) labels at a
        learning rate.

    Raises:
        KeyError: if there is no such method.
    """
    return METHODS[method](model, config)


def _adamw(model: Transformer, config: RunConfig) -> Step:
    optimizer = training.make_optimizer(model, config)

    def step(tokens: Tensor, labels: Tensor, lr: float) -> None:
        training.train_step(model, optimizer, tokens, labels, lr)

    return step


def _orthogonal(model: Transformer, config: RunConfig) -> Step:
    optimizer = training.make_optimizer(model, config)

    def step(tokens: Tensor, labels: Tensor, lr: float) -> None:
        _set_gradients(model, training.exact_cross_entropy, tokens, labels)
        for weight, grad in _gradients(model):
            weight.grad = orthogonal_gradient(weight.detach(), grad)
        _take(optimizer, lr)

    return step


def _stablemax(model: Transformer, config: RunConfig) -> Step:
    optimizer = training.make_optimizer(model, config)

    def step(tokens: Tensor, labels: Tensor, lr: float) -> None:
        _set_gradients(model, stablemax_cross_entropy, tokens, labels)
        _take(optimizer, lr)

    return step


def _grokfast(model: Transformer, config: RunConfig) -> Step:
    optimizer = training.make_optimizer(model, config)
    means = [torch.zeros_like(weight) for weight in model.parameters()]

    def step(tokens: Tensor, labels: Tensor, lr: float) -> None:
        _set_gradients(model, training.exact_cross_entropy, tokens, labels)
        for place, (weight, grad) in enumerate(_gradients(model)):
            means[place], weight.grad = with_slow_part(means[place], grad)
        _take(optimizer, lr)

    return step


def _muon(model: Transformer, config: RunConfig) -> Step:
    """Muon on every matrix of attention (head by head) and MLP; AdamW on embedding, unembedding and biases.

    Its step is scaled to a root mean square of lr over a matrix's entries, the most that one of AdamW's has, and its
    decay takes as large a share off a weight: a learning rate and a decay mean the same for both.
    """
    inside = {name: weight for name, weight in model.named_parameters() if name.partition(".")[2].startswith("W_")}
    others = [weight for name, weight in model.named_parameters() if name not in inside]
    heads = [
        (weight, head) for weight in inside.values() for head in (range(len(weight)) if weight.ndim == 3 else [...])
    ]
    matrices = [torch.nn.Parameter(weight.detach()[head]) for weight, head in heads]  # they share their memory
    muon = torch.optim.Muon(
        matrices, lr=config.lr, weight_decay=TORCHS_MUON * config.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    adamw = torch.optim.AdamW(others, lr=config.lr, betas=config.betas, weight_decay=config.weight_decay, fused=True)

    def step(tokens: Tensor, labels: Tensor, lr: float) -> None:
        _set_gradients(model, training.exact_cross_entropy, tokens, labels)
        for matrix, (weight, head) in zip(matrices, heads, strict=True):
            if weight.grad is not None:
                matrix.grad = weight.grad[head]
        _take(muon, lr / TORCHS_MUON)
        _take(adamw, lr)

    return step


METHODS: dict[str, Callable[[Transformer, RunConfig], Step]] = {
    "adamw": _adamw,
    "orthogonal": _orthogonal,
    "stablemax": _stablemax,
    "grokfast": _grokfast,
    "muon": _muon,
}
"""The ways to train, by name: AdamW as the course uses it; AdamW with ⊥Grad's gradients, with StableMax's loss, with
Grokfast's gradients; Muon (Jordan et al. 2024, torch's own), with AdamW for what is no matrix of a hidden layer."""


def _set_gradients(
    model: Transformer, loss: Callable[[Tensor, Tensor], Tensor], tokens: Tensor, labels: Tensor
) -> None:
    model.zero_grad()
    loss(model.fast_logits(tokens[:, 0], tokens[:, 1]), labels).mean().backward()


def _gradients(model: Transformer) -> list[tuple[Tensor, Tensor]]:
    return [(weight, weight.grad) for weight in model.parameters() if weight.grad is not None]


def _take(optimizer: torch.optim.Optimizer, lr: float) -> None:
    optimizer.param_groups[0]["lr"] = lr
    optimizer.step()
