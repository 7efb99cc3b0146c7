"""Clock or pizza: the measures by which Zhong et al. 2023 (arXiv 2306.17844) tell two ways of adding apart.

A clock multiplies what it holds of a with what it holds of b, and is as sure of every question. A pizza adds the two
first, and is the less sure the further apart on their circle the two numbers lie. A model may stand between the two.

Shapes as in ``circuit``: n — questions; p — the modulus; a table over all questions is (p, p, …).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .circuit import sum_labels
from .model import Transformer


def distance_irrelevance(logits: Tensor) -> float:
    """How little the right answer's logit depends on a − b: near 1 for a clock, 0 for a pizza.

    Take the logit of the right answer for every question. The measure is the standard deviation over questions with the
    same difference a − b, averaged over the differences, as a share of the standard deviation over all questions. A
    pizza's right answers have a logit that depends on the difference alone: no deviation is left within one.

    Source: Zhong et al. 2023 (arXiv 2306.17844), definition 4.2; the population's standard deviation.

    Args:
        logits: (p, p, p) floats.

    Returns:
        0 … 1. Where the right answers' logits do not vary at all, beyond rounding (the ideal clock), the definition is
        0 / 0, and the result is 1.

    Raises:
        ValueError: if the shape is not (p, p, p).
    """
    p = logits.shape[0]
    if logits.shape != (p, p, p):
        raise ValueError(f"logits of all questions have shape (p, p, p), not {tuple(logits.shape)}")
    numbers = torch.arange(p, device=logits.device)
    right = logits.gather(2, sum_labels(p).to(logits.device)[:, :, None])[:, :, 0].double()
    by_difference = right[numbers[:, None], (numbers[:, None] - numbers) % p]  # (a, difference)
    overall = right.std(unbiased=False)
    if overall <= 1e-6 * right.abs().max():
        return 1.0
    return float(by_difference.std(dim=0, unbiased=False).mean() / overall)


def gradient_symmetricity(network: Callable[[Tensor, Tensor], Tensor], embedding: Tensor, questions: Tensor) -> float:
    """How alike a logit's gradients with respect to the embeddings of a and of b are: 1 for a pizza.

    A network that first adds the two embeddings cannot tell them apart, and the two gradients are the same vector. One
    that multiplies them has at a what it holds of b. The measure is the cosine similarity of the two gradients of the
    logit of c, averaged over triples (a, b, c).

    Source: Zhong et al. 2023 (arXiv 2306.17844), definition 4.1.

    Args:
        network: from the embeddings of a and of b, (n, d) each, to the logits (n, p), such as ``on_embeddings`` gives.
        embedding: (p, d) floats, the numbers' rows.
        questions: (n, 3) int64: a, b, and the candidate c whose logit is meant.

    Returns:
        −1 … 1.

    Raises:
        ValueError: if the questions do not have three numbers each.
    """
    if questions.ndim != 2 or questions.shape[1] != 3:
        raise ValueError(f"questions are (n, 3): a, b and c, not {tuple(questions.shape)}")
    a, b, c = questions.T
    with torch.enable_grad():
        at_a, at_b = (embedding.detach()[number].requires_grad_() for number in (a, b))
        chosen = network(at_a, at_b).gather(1, c[:, None])
        of_a, of_b = torch.autograd.grad(chosen.sum(), (at_a, at_b))
    return float(torch.cosine_similarity(of_a.double(), of_b.double(), dim=1).mean())


def towards_uniform(pattern: Tensor, amount: float) -> Tensor:
    """Attention on the way from the model's own to half and half: (1 − amount) · pattern + amount · (½, ½, 0).

    Args:
        pattern: (3, …) attention to a, to b and to ``=``, such as from ``attention_from``.
        amount: from 0, the pattern as it is, to 1, half to each number whatever the question.
    """
    half = pattern.new_tensor([0.5, 0.5, 0.0]).reshape(3, *[1] * (pattern.ndim - 1))
    return (1 - amount) * pattern + amount * half


def on_embeddings(model: Transformer, uniform: float = 0.0) -> Callable[[Tensor, Tensor], Tensor]:
    """The model from the two numbers' embeddings on, so that one can ask for gradients at them.

    Args:
        model: it is not changed.
        uniform: how far the attention is moved ``towards_uniform``.

    Returns:
        A function of the embeddings of a and of b, each (n, d_model), without positions. It gives the logits of the p
        numbers at ``=``, (n, p).
    """
    attn, p = model.attn, model.p

    def logits(at_a: Tensor, at_b: Tensor) -> Tensor:
        equals = (model.W_E[p] + model.W_pos[2]).expand_as(at_a)
        stream = torch.stack([at_a + model.W_pos[0], at_b + model.W_pos[1], equals])  # (3, n, d_model)
        query = torch.einsum("nd,hde->nhe", equals, attn.W_Q)
        scores = torch.einsum("nhe,ind,hde->inh", query, stream, attn.W_K) / math.sqrt(attn.W_Q.shape[-1])
        pattern = towards_uniform(scores.softmax(dim=0), uniform)
        z = torch.einsum("inh,ind,hde->nhe", pattern, stream, attn.W_V)
        middle = equals + torch.einsum("nhe,hed->nd", z, attn.W_O)
        added: Tensor = model.mlp(middle)
        return (middle + added) @ model.W_U[:, :p]

    return logits
