"""Other correct solutions to the exercises of chapter 03, and whether its questions' answers are true of the runs."""

import math

import numpy as np
import torch

from grokcourse import runs, training
from grokcourse.autograder.exercises.weight_decay import answers


def sgd_shrink_first(weight, grad, *, lr, weight_decay):
    return (1 - lr * weight_decay) * weight - lr * grad


def sgd_with_l2(weight, grad, *, lr, weight_decay):
    return weight.add(grad + weight_decay * weight, alpha=-lr)


def sgd_one_by_one(weight, grad, *, lr, weight_decay):
    moved = [w - lr * (g + weight_decay * w) for w, g in zip(weight.flatten(), grad.flatten(), strict=True)]
    return torch.stack(moved).reshape(weight.shape)


def adamw_decay_first(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean, square = torch.lerp(grad, mean, betas[0]), torch.lerp(grad.square(), square, betas[1])
    correction = math.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step)
    root = square.sqrt() + eps * math.sqrt(1 - betas[1] ** step)
    return weight * (1 - lr * weight_decay) - lr * correction * mean / root, mean, square


def adamw_in_numpy(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    w, g, m, v = (tensor.numpy() for tensor in (weight, grad, mean, square))
    m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
    ratio = m / (1 - betas[0] ** step) / (np.sqrt(v / (1 - betas[1] ** step)) + eps)
    return [torch.from_numpy(array) for array in (w - lr * (ratio + weight_decay * w), m, v)]


def norm_of_one_long_vector(model):
    return torch.nn.utils.parameters_to_vector(model.parameters()).norm().item()


def norm_in_a_loop(model):
    total = 0.0
    for _, weight in model.named_parameters():
        for value in weight.detach().flatten().tolist():
            total += value * value
    return math.sqrt(total)


def norm_of_norms(model):
    return torch.stack([weight.detach().norm() for weight in model.parameters()]).norm().item()


def sgd_in_float32(weight, grad, *, lr, weight_decay):
    new = torch.zeros(weight.shape)
    new += weight.float() - lr * grad.float()
    return (new - lr * weight_decay * weight.float()).to(weight.dtype)


def sgd_by_torch(weight, grad, *, lr, weight_decay):
    parameter = torch.nn.Parameter(weight.clone())
    parameter.grad = grad.clone()
    torch.optim.SGD([parameter], lr=lr, weight_decay=weight_decay).step()
    return parameter.detach()


def norm_by_name(model):
    attn, mlp = model.attn, model.mlp
    weights = [model.W_E, model.W_pos, attn.W_Q, attn.W_K, attn.W_V, attn.W_O]
    weights += [mlp.W_in, mlp.b_in, mlp.W_out, mlp.b_out, model.W_U]
    return sum(float((weight**2).sum()) for weight in weights) ** 0.5


def norm_by_numpy(model):
    return float(np.sqrt(sum(np.sum(weight.detach().numpy() ** 2) for weight in model.parameters())))


def sgd_with_a_root(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - lr * weight_decay * weight.sign() * weight.abs().sqrt()


MISSES_THE_POINT = [
    ("sgd_update", "no_decay"),
    ("sgd_update", "uphill"),
    ("adamw_update", "decay_in_the_gradient"),
    ("adamw_update", "adamw_without_decay"),
    ("weight_norm", "sum_of_norms"),
]
MISSES_A_DETAIL = [
    ("sgd_update", "in_place"),
    ("sgd_update", "always_float32"),
    ("adamw_update", "no_eps"),
    ("adamw_update", "means_in_place"),
    ("weight_norm", "only_matrices"),
    ("weight_norm", "norm_as_a_tensor"),
]
WRONG = [("sgd_update", sgd_with_a_root)]
ALTERNATIVES = [
    ("halving_steps", 700),
    ("sgd_update", sgd_shrink_first),
    ("sgd_update", sgd_with_l2),
    ("sgd_update", sgd_one_by_one),
    ("sgd_update", sgd_in_float32),
    ("sgd_update", sgd_by_torch),
    ("weight_norm", norm_by_name),
    ("weight_norm", norm_by_numpy),
    ("adamw_update", adamw_decay_first),
    ("adamw_update", adamw_in_numpy),
    ("weight_norm", norm_of_one_long_vector),
    ("weight_norm", norm_in_a_loop),
    ("weight_norm", norm_of_norms),
    ("halving_steps", math.log(2) / 1e-3),
    ("halving_steps", 693),
    ("first_to_grok", " D "),
]


def test_half_of_a_weight_is_left_where_the_logarithm_says():
    assert answers.halving_steps() == math.ceil(math.log(0.5) / math.log(1 - 1e-3))


def test_the_run_said_to_grok_first_does():
    grokked = {}
    for letter, decay in {"a": 0.1, "b": 0.3, "c": 1, "d": 3}.items():
        recorded = [runs.load(name) for name in runs.available() if name != "small"]
        (run,) = [run for run in recorded if (run.config.weight_decay, run.config.seed) == (decay, 0)]
        columns = [run.history[name] for name in ("step", "train_accuracy", "test_accuracy", "test_loss")]
        grokked[letter] = training.find_phases(*columns, run.config.chance_loss).grokked or math.inf
    assert min(grokked, key=grokked.get) == answers.first_to_grok()
