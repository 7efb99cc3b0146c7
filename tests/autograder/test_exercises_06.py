"""Other correct solutions to the exercises of chapter 06."""

import math

import numpy as np
import torch

from grokcourse import fourier


def neuron_weights_by_einsum(W_E, W_V, W_O, W_in):
    return torch.einsum("nd,hde,hef,fm->hnm", W_E, W_V, W_O, W_in)


def neuron_weights_in_a_loop(W_E, W_V, W_O, W_in):
    return torch.stack([W_E @ W_V[h] @ W_O[h] @ W_in for h in range(len(W_V))])


def energy_2d_in_a_loop(table):
    p = len(table)
    components = fourier.transform_2d(table)
    energy = table.new_zeros(p // 2 + 1, p // 2 + 1, *table.shape[2:])
    for i in range(p):
        for j in range(p):
            energy[(i + 1) // 2, (j + 1) // 2] += components[i, j] ** 2
    return energy


def energy_2d_by_fft(table):
    p = len(table)
    power = (torch.fft.fft2(table, dim=(0, 1)) / p).abs().square()
    for dim in (0, 1):
        power = power.movedim(dim, 0)
        first = power[: p // 2 + 1].clone()
        first[1 : (p + 1) // 2] += power[p // 2 + 1 :].flip(0)
        power = first.movedim(0, dim)
    return power


def energy_2d_by_one_hot(table):
    p = len(table)
    belongs = torch.nn.functional.one_hot(fourier.frequencies(p)).to(table.dtype)  # (row, frequency)
    return torch.einsum("ij...,ik,jl->kl...", fourier.transform_2d(table) ** 2, belongs, belongs)


def shares_in_a_loop(activations):
    p, n = activations.shape[1:]
    components = fourier.transform_2d(activations).square()
    variance = components.sum(dim=(0, 1)) - components[0, 0]
    shares = activations.new_zeros(p // 2 + 1, n)
    for k in range(1, p // 2 + 1):
        rows = [0, 2 * k - 1, 2 * k] if 2 * k < p else [0, 2 * k - 1]
        block = components[rows][:, rows].sum(dim=(0, 1)) - components[0, 0]
        shares[k] = torch.where(variance > 0, block / variance, torch.zeros(n, dtype=block.dtype))
    return shares


def shares_of_centred(activations):
    p = len(activations)
    k = fourier.frequencies(p)
    energy = fourier.transform_2d(activations - activations.mean(dim=(0, 1))).square()
    found = []
    for frequency in range(p // 2 + 1):
        inside = ((k == frequency) | (k == 0)).to(energy.dtype)
        found.append(torch.einsum("i,j,ijn->n", inside, inside, energy))
    found[0] = torch.zeros_like(found[0])
    return torch.stack(found) / energy.sum(dim=(0, 1)).clamp(min=1e-12)


def directions_by_matrix(W_logit, frequencies):
    p = W_logit.shape[1]
    angle = 2 * math.pi / p * torch.outer(torch.tensor(frequencies), torch.arange(p)).to(W_logit.dtype)
    return 2 / p * angle.cos() @ W_logit.T, 2 / p * angle.sin() @ W_logit.T


def directions_by_least_squares(W_logit, frequencies):
    p = W_logit.shape[1]
    angle = 2 * np.pi / p * np.outer(np.arange(p), frequencies)
    fit = np.linalg.lstsq(np.hstack([np.cos(angle), np.sin(angle)]), W_logit.double().numpy().T, rcond=None)[0]
    u, v = torch.tensor(fit, dtype=W_logit.dtype).split(len(frequencies))
    return [u, v]


def project_in_a_loop(table, frequencies):
    p = len(table)
    numbers = torch.arange(p, dtype=table.dtype)
    out = table.new_zeros(len(frequencies), 2, *table.shape[2:])
    for i, k in enumerate(frequencies):
        angle = 2 * math.pi * k * (numbers[:, None] + numbers) / p
        for j, direction in enumerate((angle.cos(), angle.sin())):
            out[i, j] = torch.einsum("ab,ab...->...", direction / direction.norm(), table)
    return out


def project_by_2d_transform(table, frequencies):
    components = fourier.transform_2d(table)
    found = []
    for k in frequencies:
        c, s = 2 * k - 1, 2 * k
        cos = (components[c, c] - components[s, s]) / math.sqrt(2)
        sin = (components[s, c] + components[c, s]) / math.sqrt(2)
        found.append(torch.stack([cos, sin]))
    return torch.stack(found)


def clock_with_complex_numbers(a, b, p, frequencies, coefficients=None):
    alpha = coefficients or [1.0] * len(frequencies)
    circle = torch.exp(2j * math.pi / p * torch.outer(torch.arange(p).double(), torch.tensor(frequencies).double()))
    return ((circle[a] * circle[b] * torch.tensor(alpha, dtype=torch.float64)) @ circle.conj().T).real


def clock_in_a_loop(a, b, p, frequencies, coefficients=None):
    logits = torch.zeros(len(a), p, dtype=torch.float64)
    for i, k in enumerate(frequencies):
        w = 2 * math.pi * k / p
        for row in range(len(a)):
            x, y = w * int(a[row]), w * int(b[row])
            cos = math.cos(x) * math.cos(y) - math.sin(x) * math.sin(y)
            sin = math.sin(x) * math.cos(y) + math.cos(x) * math.sin(y)
            for c in range(p):
                weight = 1 if coefficients is None else coefficients[i]
                logits[row, c] += weight * (cos * math.cos(w * c) + sin * math.sin(w * c))
    return logits


def clock_by_einsum(a, b, p, frequencies, coefficients=None):
    w = 2 * np.pi / p * np.array(frequencies, dtype=float)
    alpha = np.ones(len(w)) if coefficients is None else np.array(coefficients)
    points = np.stack([np.cos(np.outer(np.arange(p), w)), np.sin(np.outer(np.arange(p), w))])  # (2, p, K)
    rule = np.array([[[1, 0], [0, -1]], [[0, 1], [1, 0]]])  # cos and sin of a sum, from those of a and of b
    return torch.from_numpy(
        np.einsum("zxy,xnk,ynk,k,zck->nc", rule, points[:, a.numpy()], points[:, b.numpy()], alpha, points)
    )


def clock_that_adds_for_the_sine(a, b, p, frequencies, coefficients=None):
    alpha = [1.0] * len(frequencies) if coefficients is None else coefficients
    logits = torch.zeros(len(a), p, dtype=torch.float64)
    for k, weight in zip(frequencies, alpha, strict=True):
        x, y, z = (2 * math.pi * k / p * n.double() for n in (a, b, torch.arange(p)))
        cos, sin = x.cos() * y.cos() - x.sin() * y.sin(), (x + y).sin()
        logits += weight * (torch.outer(cos, z.cos()) + torch.outer(sin, z.sin()))
    return logits


MISSES_THE_POINT = [
    ("neuron_weights", "heads_added"),
    ("energy_2d", "not_added_up"),
    ("energy_2d", "added_before_squaring"),
    ("frequency_shares", "products_only"),
    ("frequency_shares", "constant_as_variance"),
    ("unembedding_directions", "in_unit_waves"),
    ("project_logits", "of_the_difference"),
    ("clock_logits", "averages"),
    ("clock_logits", "adds_the_numbers"),
    ("clock_logits", "adds_and_reads_out"),
    ("clock_logits", "adds_the_angles"),
    ("clock_logits", "looked_up"),
]
MISSES_A_DETAIL = [
    ("neuron_weights", "in_float32"),
    ("energy_2d", "row_p_of_even_p"),
    ("energy_2d", "last_two_dimensions"),
    ("frequency_shares", "nothing_by_nothing"),
    ("frequency_shares", "millionth_in_the_denominator"),
    ("unembedding_directions", "in_rising_order"),
    ("project_logits", "projected_in_float32"),
    ("clock_logits", "coefficients_ignored"),
    ("clock_logits", "single_precision"),
    ("clock_logits", "rounded_coefficients"),
]
WRONG = [("clock_logits", clock_that_adds_for_the_sine)]

ALTERNATIVES = [
    ("neuron_weights", neuron_weights_by_einsum),
    ("neuron_weights", neuron_weights_in_a_loop),
    ("energy_2d", energy_2d_in_a_loop),
    ("energy_2d", energy_2d_by_fft),
    ("energy_2d", energy_2d_by_one_hot),
    ("frequency_shares", shares_in_a_loop),
    ("frequency_shares", shares_of_centred),
    ("unembedding_directions", directions_by_matrix),
    ("unembedding_directions", directions_by_least_squares),
    ("opposite_numbers", "C"),
    ("project_logits", project_in_a_loop),
    ("project_logits", project_by_2d_transform),
    ("clock_logits", clock_with_complex_numbers),
    ("clock_logits", clock_in_a_loop),
    ("clock_logits", clock_by_einsum),
]
