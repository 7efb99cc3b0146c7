"""Other correct solutions to the exercises of chapter 05, and the package's own table of cos(ω(a + b))."""

import math

import numpy as np
import pytest
import torch

from grokcourse import fourier


def basis_in_a_loop(p, dtype=torch.float32, device=None):
    basis = torch.zeros(p, p, dtype=torch.float64)
    for n in range(p):
        basis[0, n] = 1 / math.sqrt(p)
        for k in range(1, p // 2 + 1):
            scale = math.sqrt(2 / p) if 2 * k < p else math.sqrt(1 / p)
            basis[2 * k - 1, n] = scale * math.cos(2 * math.pi * k * n / p)
            if 2 * k < p:
                basis[2 * k, n] = scale * math.sin(2 * math.pi * k * n / p)
    return basis.to(dtype=dtype, device=device)


def basis_in_numpy(p, dtype=torch.float32, device=None):
    angle = 2 * np.pi * np.outer(np.arange(p // 2 + 1), np.arange(p)) / p
    rows = np.empty((2 * (p // 2) + 2, p))
    rows[0::2], rows[1::2] = np.cos(angle), np.sin(angle)
    rows = np.delete(rows, 1, axis=0)[:p]
    return torch.as_tensor(rows / np.linalg.norm(rows, axis=1)[:, None], dtype=dtype, device=device)


def transform_by_einsum(x, dim=0):
    moved = x.movedim(dim, -1)
    basis = fourier.fourier_basis(x.shape[dim], dtype=x.dtype)
    return torch.einsum("ij,...j->...i", basis, moved).movedim(-1, dim)


def transform_by_fft(x, dim=0):
    p = x.shape[dim]
    spectrum = torch.fft.rfft(x.movedim(dim, -1), norm="ortho")
    both = torch.stack([spectrum.real, -spectrum.imag], dim=-1).flatten(-2) * math.sqrt(2)
    both = torch.cat([both[..., :1] / math.sqrt(2), both[..., 2:]], dim=-1)[..., :p]
    if p % 2 == 0:
        both[..., -1] /= math.sqrt(2)
    return both.movedim(-1, dim)


def energy_by_fft(matrix, dim=0):
    p = matrix.shape[dim]
    power = torch.fft.rfft(matrix, dim=dim, norm="ortho").abs().square()
    others = [d for d in range(matrix.ndim) if d != dim % matrix.ndim]
    power = power.sum(dim=others) if others else power
    power[1 : (p + 1) // 2] *= 2
    return power


def energy_in_a_loop(matrix, dim=0):
    components = fourier.transform(matrix, dim).movedim(dim, 0)
    energy = [components[0].square().sum()]
    for k in range(1, len(components) // 2 + 1):
        energy.append(components[2 * k - 1 : 2 * k + 1].square().sum())
    return torch.stack(energy)


def energy_by_projection(matrix, dim=0):
    p = matrix.shape[dim]
    matrix = matrix.movedim(dim, 0).reshape(p, -1)
    parts = [fourier.keep_frequencies(matrix, [k]) for k in range(p // 2 + 1)]
    return torch.stack([part.square().sum() for part in parts])


def keys_in_a_loop(energy, over_median=4.0, of_largest=0.1):
    waves = energy[1:].tolist()
    middle = sorted(waves)[len(waves) // 2]
    found = [k for k, e in enumerate(waves, 1) if e > over_median * middle and e >= of_largest * max(waves)]
    return sorted(found, key=lambda k: -waves[k - 1])


def keys_with_the_lower_median(energy, over_median=4.0, of_largest=0.1):
    waves = energy[1:]
    is_key = (waves > over_median * waves.median()) & (waves >= of_largest * waves.amax())
    return [k + 1 for k in waves.argsort(descending=True).tolist() if is_key[k]]


def keys_in_numpy(energy, over_median=4.0, of_largest=0.1):
    waves = energy.numpy()[1:]
    order = np.argsort(-waves)
    return [
        int(i) + 1 for i in order if waves[i] > over_median * np.median(waves) and waves[i] >= of_largest * waves.max()
    ]


def circle_in_a_loop(matrix, k):
    p = len(matrix)
    angle = 2 * math.pi * k * torch.arange(p, dtype=torch.float64) / p
    columns = []
    for wave in (angle.cos(), angle.sin()):
        direction = sum(wave[n] * matrix[n].double() for n in range(p))
        columns.append(torch.stack([matrix[n].double() @ direction for n in range(p)]) / direction.norm())
    return torch.stack(columns, dim=1).to(matrix.dtype)


def circle_by_normalize(matrix, k):
    components = fourier.fourier_basis(len(matrix), dtype=matrix.dtype)[2 * k - 1 : 2 * k + 1] @ matrix
    return torch.einsum("nd,id->ni", matrix, torch.nn.functional.normalize(components, dim=1))


def table_by_broadcasting(k, p):
    angle = torch.arange(p).double() * (2 * math.pi * k / p)
    c, s = torch.cos(angle), torch.sin(angle)
    return c[:, None] * c[None, :] - s[:, None] * s[None, :]


def table_in_a_loop(k, p):
    w = 2 * math.pi * k / p
    return torch.tensor(
        [[math.cos(w * a) * math.cos(w * b) - math.sin(w * a) * math.sin(w * b) for b in range(p)] for a in range(p)],
        dtype=torch.float64,
    )


def table_in_numpy(k, p):
    angle = 2 * np.pi * k * np.arange(p) / p
    return torch.from_numpy(np.outer(np.cos(angle), np.cos(angle)) - np.outer(np.sin(angle), np.sin(angle)))


def table_with_complex_numbers(k, p):
    point = torch.polar(torch.ones(p).double(), 2 * math.pi * k / p * torch.arange(p).double())
    return torch.outer(point, point).real


def keep_by_projecting(matrix, kept):
    basis = fourier.fourier_basis(len(matrix), dtype=matrix.dtype)
    kept = set(kept)
    rows = basis[[row for row in range(len(basis)) if (row + 1) // 2 in kept]]
    return torch.einsum("ij,ik,k...->j...", rows, rows, matrix)


def keep_part_by_part(matrix, kept):
    components, belongs = fourier.transform(matrix), fourier.frequencies(len(matrix))
    left = torch.zeros_like(components)
    for k in kept:
        left[belongs == k] = components[belongs == k]
    return fourier.inverse_transform(left)


def keep_by_fft(matrix, kept):
    spectrum = torch.fft.rfft(matrix, dim=0)
    mask = torch.zeros(len(spectrum), *[1] * (matrix.ndim - 1), dtype=matrix.dtype)
    mask[list(kept)] = 1
    return torch.fft.irfft(spectrum * mask, n=len(matrix), dim=0)


def keep_in_float32_and_back(matrix, kept):
    return fourier.keep_frequencies(matrix.float(), list(kept)).to(matrix.dtype)


def energy_in_float32_and_back(matrix, dim=0):
    return fourier.energy_per_frequency(matrix.float(), dim).to(matrix.dtype)


def circle_with_a_trace_of_the_length(matrix, k):
    components = fourier.transform(matrix)[2 * k - 1 : 2 * k + 1]
    return matrix @ (components / (components.norm(dim=1, keepdim=True) + 1e-2)).T


WRONG = [
    ("energy_per_frequency", energy_in_float32_and_back),
    ("circle", circle_with_a_trace_of_the_length),
    ("keep_frequencies", keep_in_float32_and_back),
]
MISSES_THE_POINT = [
    ("transform", "the_way_back"),
    ("transform", "sine_with_the_wrong_sign"),
    ("energy_per_frequency", "one_number_a_wave"),
    ("energy_per_frequency", "only_cosines"),
    ("key_frequencies", "mean_for_median"),
    ("key_frequencies", "only_the_largest"),
    ("circle", "the_ideal_circle"),
    ("cos_of_sum", "adds_the_numbers"),
    ("cos_of_sum", "looks_the_answer_up"),
    ("cos_of_sum", "adds_the_angles"),
    ("keep_frequencies", "not_back_again"),
    ("keep_frequencies", "keeps_only_cosines"),
]
MISSES_A_DETAIL = [
    ("fourier_basis", "even_without_the_last"),
    ("fourier_basis", "converted_too_late"),
    ("transform", "matrix_product_after_movedim"),
    ("transform", "transform_in_float32"),
    ("energy_per_frequency", "row_p_of_even_p"),
    ("energy_per_frequency", "one_other_dimension"),
    ("key_frequencies", "limits_ignored"),
    ("key_frequencies", "keys_in_a_tensor"),
    ("circle", "circle_in_float32"),
    ("cos_of_sum", "table_in_float32"),
    ("keep_frequencies", "gone_through_again_and_again"),
    ("keep_frequencies", "mask_for_matrices_only"),
]

ALTERNATIVES = [
    ("fourier_basis", basis_in_a_loop),
    ("fourier_basis", basis_in_numpy),
    ("transform", transform_by_einsum),
    ("transform", transform_by_fft),
    ("energy_per_frequency", energy_by_fft),
    ("energy_per_frequency", energy_in_a_loop),
    ("energy_per_frequency", energy_by_projection),
    ("key_frequencies", keys_in_a_loop),
    ("key_frequencies", keys_with_the_lower_median),
    ("key_frequencies", keys_in_numpy),
    ("circle", circle_in_a_loop),
    ("circle", circle_by_normalize),
    ("cos_of_sum", table_by_broadcasting),
    ("cos_of_sum", table_in_a_loop),
    ("cos_of_sum", table_in_numpy),
    ("cos_of_sum", table_with_complex_numbers),
    ("keep_frequencies", keep_by_projecting),
    ("keep_frequencies", keep_by_fft),
    ("keep_frequencies", keep_part_by_part),
    ("shifted_spectrum", "B"),
    ("shifted_spectrum", " (b)"),
]


@pytest.mark.parametrize(("k", "p"), [(0, 5), (1, 2), (2, 7), (3, 12), (56, 113)])
def test_the_table_made_of_waves_of_a_and_of_b_is_the_cosine_of_the_answer(k, p):
    table = fourier.cos_of_sum(k, p)
    assert table.dtype == torch.float64
    answers = np.add.outer(np.arange(p), np.arange(p)) % p
    np.testing.assert_allclose(table.numpy(), np.cos(2 * np.pi * k * answers / p), atol=1e-11)
