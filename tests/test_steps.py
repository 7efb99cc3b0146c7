"""The ways to take a step: against their formulas, written out, and against torch's own optimisers."""

import math

import numpy as np
import pytest
import torch

from grokcourse import steps, tasks, training
from grokcourse.config import RunConfig
from grokcourse.model import Transformer
from grokcourse.optimisers import stablemax_cross_entropy, with_slow_part

SMALL = RunConfig(p=13, train_fraction=0.5, d_model=16, d_mlp=24, lr=5e-3, warmup_steps=0, weight_decay=0.5)


def begun(method: str) -> tuple[Transformer, steps.Step, tuple[torch.Tensor, torch.Tensor]]:
    """A small model before its first step, the step, and what it trains on."""
    model = Transformer.from_config(SMALL)
    return model, steps.make_step(method, model, SMALL), tasks.dataset(SMALL).train


def change(method: str) -> dict[str, np.ndarray]:
    """What the first step adds to each weight, but for the decay."""
    model, step, data = begun(method)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    step(*data, SMALL.lr)
    kept = 1 - SMALL.lr * SMALL.weight_decay
    return {name: (weight.detach() - kept * before[name]).numpy() for name, weight in model.named_parameters()}


def test_stablemax_is_its_formula():
    logits = torch.tensor([[0.0, 3.0, -1.0, 100.0], [-2.0, -0.5, 0.25, -700.0]])
    labels = torch.tensor([1, 3])

    def size(logit: float) -> float:
        return logit + 1 if logit >= 0 else 1 / (1 - logit)

    right = [
        -math.log(size(row[label]) / sum(map(size, row)))
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    np.testing.assert_allclose(stablemax_cross_entropy(logits, labels).numpy(), right, rtol=1e-12)


def test_stablemax_has_a_gradient_everywhere():
    logits = torch.tensor([[0.0, 2.0, -2.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda logits: stablemax_cross_entropy(logits + 1e-3, torch.tensor([2])), logits, eps=1e-7
    )


def test_the_slow_part_is_the_moving_average_of_all_gradients():
    grads = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mean = torch.zeros(3, dtype=torch.float64)
    for grad in grads:
        mean, found = with_slow_part(mean, grad, momentum=0.7, strength=5.0)
    shares = 0.3 * 0.7 ** np.arange(5, -1, -1)
    np.testing.assert_allclose(mean.numpy(), shares @ grads.numpy(), rtol=1e-12)
    np.testing.assert_allclose(found.numpy(), grads[-1].numpy() + 5 * (shares @ grads.numpy()), rtol=1e-12)


def test_adamw_steps_as_training_does():
    model, step, data = begun("adamw")
    other = Transformer.from_config(SMALL)
    optimizer = training.make_optimizer(other, SMALL)
    for _ in range(3):
        step(*data, SMALL.lr)
        training.train_step(other, optimizer, *data, SMALL.lr)
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), other.parameters(), strict=True))


def test_a_first_step_of_grokfast_is_adamws():
    """All gradients grow by one factor, and AdamW divides by their size."""
    usual, found = change("adamw"), change("grokfast")
    for name in usual:
        np.testing.assert_allclose(found[name], usual[name], atol=2e-5, err_msg=name)


def test_a_step_of_muon_turns_hidden_matrices_and_leaves_the_rest_to_adamw():
    usual, found = change("adamw"), change("muon")
    outside = {"W_E", "W_pos", "W_U", "mlp.b_in", "mlp.b_out"}
    assert outside < set(usual)
    for name, moved in found.items():
        if name in outside:
            np.testing.assert_allclose(moved, usual[name], atol=1e-7, err_msg=name)
            continue
        for matrix, signs in zip(*(x.reshape(-1, *x.shape[-2:]) for x in (moved, usual[name])), strict=True):
            lengths = np.linalg.svd(matrix, compute_uv=False)
            assert 0.5 < lengths[0] / (math.sqrt(max(matrix.shape)) * SMALL.lr) < 1.3, name
            assert directions(matrix) > directions(signs), name


def directions(matrix: np.ndarray) -> float:
    """Over how many directions a matrix is spread: its stable rank."""
    lengths = np.linalg.svd(matrix, compute_uv=False)
    return float((lengths**2).sum() / lengths[0] ** 2)


@pytest.mark.parametrize("method", steps.METHODS)
def test_each_learns(method: str):
    model, step, data = begun(method)
    before = training.exact_cross_entropy(model(data[0]), data[1]).mean()
    for _ in range(60):
        step(*data, SMALL.lr)
    assert training.exact_cross_entropy(model(data[0]), data[1]).mean() < 0.9 * before


def test_an_unknown_method_is_a_key_error():
    with pytest.raises(KeyError, match="adam_who"):
        steps.make_step("adam_who", Transformer.from_config(SMALL), SMALL)
