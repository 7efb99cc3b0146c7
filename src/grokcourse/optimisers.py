"""What is done to a gradient before the optimiser sees it, where that is more than nothing.

Shapes: any; a weight and its gradient have the same.
"""

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
