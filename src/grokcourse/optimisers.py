"""What is done to a gradient before the optimiser sees it, where that is more than nothing, and another loss.

Shapes: any; a weight and its gradient have the same.
"""

import torch
from torch import Tensor


def orthogonal_gradient(weight: Tensor, grad: Tensor) -> Tensor:
    """⊥Grad (Prieto et al. 2025): the gradient without its part
    along the weight, as long as it was before.

    Along the weight itself, a step can only make it longer or shorter: logits
    grow, and a loss that is nearly zero falls further, while no answer changes.

    Args:
        weight: any shape, taken as one long vector.
        grad: the loss's gradient, of the same shape.

    Returns:
        A gradient of that shape, at right angles to the weight; nothing is
        changed in place. Of a weight of zeros, the gradient as it is.
    """
    share = (weight * grad).sum() / (weight.square().sum() + 1e-30)
    across = grad - share * weight
    return across * (grad.norm() / (across.norm() + 1e-30))


def with_slow_part(mean: Tensor, grad: Tensor, momentum: float = 0.98, strength: float = 2.0) -> tuple[Tensor, Tensor]:
    """Grokfast (Lee et al. 2024): the gradient and, on top, its moving average,
    which keeps what changes slowly from step to step.

    Args:
        mean: the average so far, of the gradient's shape; zeros at first.
        grad: this step's gradient.
        momentum: the share of the average that is kept, 0 to 1.
        strength: how many times the average is added.

    Returns:
        The new average, ``momentum * mean + (1 - momentum) * grad``, and the
        gradient to step with; nothing is changed in place. The defaults are
        the paper's for modular arithmetic.
    """
    mean = momentum * mean + (1 - momentum) * grad
    return mean, grad + strength * mean


def stablemax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each question if probabilities are made by StableMax
    (Prieto et al. 2025) instead of softmax.

    In place of exp(l) stands s(l) = l + 1 for l ≥ 0 and 1 / (1 − l) below: it
    grows no faster than l does, so that nothing is rounded away, and longer
    weights gain little.

    Args:
        logits: (n, vocab).
        labels: (n,) int64.

    Returns:
        (n,) losses in nats, in float64, as in the authors' code.
    """
    logits = logits.double()
    sizes = torch.where(logits < 0, 1 / (1 - logits.clamp(max=0)), logits + 1)
    right = sizes.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return sizes.sum(dim=-1).log() - right.log()
