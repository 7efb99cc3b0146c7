"""Other correct solutions to the exercises of "How soon can it grok?"."""

import math

import numpy as np
import torch
from torch.distributions import Normal


def law_by_polyfit(rate, wait):
    slope, height = np.polyfit(np.log(rate.numpy()), np.log(wait.numpy()), 1)
    return math.exp(height), -slope


def law_by_least_squares(rate, wait):
    columns = torch.stack([torch.ones_like(rate), -rate.log()], dim=1)
    height, exponent = torch.linalg.lstsq(columns, wait.log()[:, None]).solution.flatten()
    return height.exp(), exponent


def law_in_base_ten(rate, wait):
    x, y = rate.log10(), wait.log10()
    slope = ((x * y).mean() - x.mean() * y.mean()) / ((x * x).mean() - x.mean() ** 2)
    return float(10 ** (y.mean() - slope * x.mean())), float(-slope)


def law_in_a_loop(rate, wait):
    points = [(math.log(r), math.log(w)) for r, w in zip(rate.tolist(), wait.tolist(), strict=True)]
    x_mean, y_mean = (sum(column) / len(points) for column in zip(*points, strict=True))
    up = sum((x - x_mean) * (y - y_mean) for x, y in points)
    across = sum((x - x_mean) ** 2 for x, _ in points)
    return [math.exp(y_mean - up / across * x_mean), -up / across]


def beyond_by_distribution(mean, spread, bound):
    standard = Normal(torch.tensor(0.0).double(), torch.tensor(1.0).double())
    z = (bound - mean) / spread
    return mean + spread * standard.log_prob(z).exp() / standard.cdf(-z)


def beyond_by_error_function(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + spread * math.sqrt(2 / math.pi) * (-z * z / 2).exp() / torch.erfc(z / math.sqrt(2))


def beyond_one_by_one(mean, spread, bound):
    found = []
    for m, b in zip(mean.tolist(), bound.tolist(), strict=True):
        z = (b - m) / spread
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        found.append(m + spread * density / (math.erfc(z / math.sqrt(2)) / 2))
    return torch.tensor(found, dtype=mean.dtype)


def beyond_without_the_middle(mean, spread, bound):
    """With a z of the wrong sign where it makes no difference."""
    z = (mean - bound) / spread
    return mean + spread * (-z.square() / 2).exp() / (math.sqrt(2 * math.pi) * torch.special.ndtr(z))


def gradient_along_a_unit_vector(weight, grad):
    if not weight.any():
        return grad.clone()
    unit = weight / weight.norm()
    left = grad - (unit * grad).sum() * unit
    return left / left.norm() * grad.norm()


def gradient_flattened(weight, grad):
    w, g = weight.flatten(), grad.flatten()
    share = torch.dot(w, g) / (torch.dot(w, w) + 1e-30)
    left = g - share * w
    return (left * g.norm() / (left.norm() + 1e-30)).view_as(grad)


def gradient_in_numpy(weight, grad):
    w, g = weight.numpy(), grad.numpy()
    square = np.vdot(w, w)
    left = g - (np.vdot(w, g) / square * w if square > 0 else 0)
    return torch.from_numpy(left * (np.linalg.norm(g) / np.linalg.norm(left)).astype(g.dtype))


def gradient_by_pythagoras(weight, grad):
    """Its length from the angle instead of its own norm."""
    cosine = (weight * grad).sum() / (weight.norm() * grad.norm() + 1e-30)
    left = grad - cosine * grad.norm() * weight / (weight.norm() + 1e-30)
    return left / (1 - cosine**2).sqrt()


ALTERNATIVES = [
    ("scaled_wait", 711),
    ("scaled_wait", 6400 / 9),
    ("fit_power_law", law_by_polyfit),
    ("fit_power_law", law_by_least_squares),
    ("fit_power_law", law_in_base_ten),
    ("fit_power_law", law_in_a_loop),
    ("expected_beyond", beyond_by_distribution),
    ("expected_beyond", beyond_by_error_function),
    ("expected_beyond", beyond_one_by_one),
    ("expected_beyond", beyond_without_the_middle),
    ("orthogonal_gradient", gradient_along_a_unit_vector),
    ("orthogonal_gradient", gradient_flattened),
    ("orthogonal_gradient", gradient_in_numpy),
    ("orthogonal_gradient", gradient_by_pythagoras),
]


def law_of_medians(rate, wait):
    """Robust, and no least squares."""
    x, y = rate.double().log(), wait.double().log()
    slopes = [(y[i] - y[j]) / (x[i] - x[j]) for i in range(len(x)) for j in range(i)]
    slope = torch.stack(slopes).median()
    return (y - slope * x).median().exp().item(), -slope.item()


def gradient_clipped(weight, grad):
    left = grad - (weight * grad).sum() / (weight.square().sum() + 1e-30) * weight
    return left * min(2.0, float(grad.norm() / left.norm())) * (1 + 1e-3)


WRONG = [("fit_power_law", law_of_medians), ("orthogonal_gradient", gradient_clipped)]
