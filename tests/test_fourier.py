"""The Fourier module against numpy's FFT and against identities; the rule for key frequencies on planted spectra."""

import math

import numpy as np
import pytest
import torch

from grokcourse.fourier import (
    basis_names,
    circle,
    energy_per_frequency,
    fourier_basis,
    frequencies,
    inverse_transform,
    inverse_transform_2d,
    keep_frequencies,
    key_frequencies,
    transform,
    transform_2d,
)

MODULI = [2, 3, 4, 5, 9, 12, 31, 50, 113]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_numpy(x: np.ndarray) -> np.ndarray:
    """The components along axis 0 in the real orthonormal basis, from numpy's complex FFT."""
    p = len(x)
    spectrum = np.fft.rfft(x, axis=0)
    rows = [spectrum[0].real / math.sqrt(p)]
    for k in range(1, p // 2 + 1):
        if 2 * k == p:
            rows.append(spectrum[k].real / math.sqrt(p))
        else:
            rows += [spectrum[k].real * math.sqrt(2 / p), -spectrum[k].imag * math.sqrt(2 / p)]
    return np.stack(rows)


def wave(p: int, k: int, shift: float = 0.0) -> torch.Tensor:
    return torch.cos(2 * math.pi * k * torch.arange(p, dtype=torch.float64) / p - shift)


@pytest.mark.parametrize("p", MODULI)
def test_the_basis_is_orthonormal_and_named(p):
    basis = fourier_basis(p, torch.float64)
    assert basis.shape == (p, p)
    torch.testing.assert_close(basis @ basis.T, torch.eye(p, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(basis[0], torch.full((p,), 1 / math.sqrt(p), dtype=torch.float64))
    assert (basis[0::2, 0] >= 0).all()
    names, k = basis_names(p), frequencies(p)
    assert len(names) == len(k) == p
    assert names[:2] == ["constant", "cos 1"]
    assert [0 if name == "constant" else int(name[4:]) for name in names] == k.tolist()


@pytest.mark.parametrize("p", MODULI)
def test_each_row_is_the_wave_that_its_name_says(p):
    for name, row in zip(basis_names(p), fourier_basis(p, torch.float64), strict=True):
        kind, _, k = name.partition(" ")
        expected = torch.ones(p) if kind == "constant" else wave(p, int(k), 0 if kind == "cos" else math.pi / 2)
        torch.testing.assert_close(row, expected.double() / expected.double().norm(), rtol=0, atol=1e-12)


def test_an_even_modulus_ends_with_the_alternating_wave():
    last = fourier_basis(6, torch.float64)[-1] * math.sqrt(6)
    torch.testing.assert_close(last, torch.tensor([1, -1, 1, -1, 1, -1], dtype=torch.float64))


def test_the_basis_has_the_type_asked_for():
    assert fourier_basis(5).dtype == torch.float32
    assert fourier_basis(5, torch.float64, "cpu").dtype == torch.float64
    torch.testing.assert_close(fourier_basis(113), fourier_basis(113, torch.float64).float(), rtol=0, atol=0)


@pytest.mark.parametrize("p", MODULI)
def test_transform_agrees_with_numpy(p):
    x = random(p, 7)
    np.testing.assert_allclose(transform(x).numpy(), by_numpy(x.numpy()), atol=1e-11)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_transform_works_along_any_dimension(dim):
    x = random(6, 5, 9)
    expected = np.moveaxis(by_numpy(np.moveaxis(x.numpy(), dim, 0)), 0, dim)
    np.testing.assert_allclose(transform(x, dim).numpy(), expected, atol=1e-11)
    torch.testing.assert_close(inverse_transform(transform(x, dim), dim), x)


@pytest.mark.parametrize("p", MODULI)
def test_the_inverse_brings_everything_back(p):
    x = random(p, p, 3)
    torch.testing.assert_close(inverse_transform(transform(x)), x)
    torch.testing.assert_close(inverse_transform_2d(transform_2d(x)), x)


def test_a_view_that_is_not_contiguous_and_float32():
    x = random(20, 14)
    strided = x[::2, ::3].T
    assert not strided.is_contiguous()
    torch.testing.assert_close(transform(strided, dim=1), transform(strided.contiguous(), dim=1))
    single = transform(x.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), transform(x), rtol=0, atol=1e-5)


def test_gradients_flow_through():
    x = random(7, 2).requires_grad_()
    energy_per_frequency(x)[1:].sum().backward()
    torch.testing.assert_close(x.grad, 2 * (x - x.mean(dim=0)).detach())


@pytest.mark.parametrize("p", MODULI)
def test_energies_are_those_of_numpys_fft_and_lose_nothing(p):
    x = random(p, 6)
    energy = energy_per_frequency(x)
    power = (np.abs(np.fft.rfft(x.numpy(), axis=0)) ** 2).sum(axis=1) / p
    twice = np.array([1 if k == 0 or 2 * k == p else 2 for k in range(p // 2 + 1)])
    np.testing.assert_allclose(energy.numpy(), power * twice, rtol=1e-10)
    torch.testing.assert_close(energy.sum(), x.square().sum())
    torch.testing.assert_close(energy_per_frequency(x.T, dim=1), energy)
    assert energy_per_frequency(x[:, 0]).shape == (p // 2 + 1,)


@pytest.mark.parametrize("p", [3, 8, 31, 113])
def test_a_pure_wave_has_its_own_frequency_and_no_other(p):
    for k in range(p // 2 + 1):
        energy = energy_per_frequency(wave(p, k, shift=0.4))
        assert energy[k] > 0.1
        assert energy.sum() - energy[k] < 1e-18 * p**2


def test_cos_of_a_sum_is_two_products():
    p, k = 13, 4
    a_plus_b = torch.arange(p)[:, None] + torch.arange(p)[None, :]
    components = transform_2d(torch.cos(2 * math.pi * k * a_plus_b.double() / p))
    cos, sin = basis_names(p).index(f"cos {k}"), basis_names(p).index(f"sin {k}")
    expected = torch.zeros(p, p, dtype=torch.float64)
    expected[cos, cos], expected[sin, sin] = p / 2, -p / 2
    torch.testing.assert_close(components, expected, rtol=0, atol=1e-11)


def test_transform_2d_of_a_product_is_the_product_of_transforms():
    f, g = random(10), random(10, seed=1)
    torch.testing.assert_close(transform_2d(torch.outer(f, g)), torch.outer(transform(f), transform(g)))


@pytest.mark.parametrize("p", [2, 3, 8, 31])
def test_keeping_frequencies_keeps_just_those(p):
    x = random(p, 4)
    before = energy_per_frequency(x)
    for kept in ([], [0], [1], [p // 2], list(range(p // 2 + 1))):
        expected = torch.zeros_like(before)
        expected[kept] = before[kept]
        torch.testing.assert_close(energy_per_frequency(keep_frequencies(x, kept)), expected)
    rest = keep_frequencies(x, range(1, p // 2 + 1))
    torch.testing.assert_close(x - rest, x.mean(dim=0).expand(p, 4))
    torch.testing.assert_close(keep_frequencies(x[:, 0], [1]), keep_frequencies(x, [1])[:, 0])


def test_keeping_frequencies_leaves_the_matrix_as_it_is():
    x = random(5, 2)
    copy = x.clone()
    keep_frequencies(x, [1])
    torch.testing.assert_close(x, copy, rtol=0, atol=0)


def planted(p: int, shares: dict[int, float], noise: float = 0.02, d: int = 32) -> torch.Tensor:
    """A (p, d) matrix of waves in random directions, on a background of noise of that much energy."""
    matrix = random(p, d, seed=7) * math.sqrt(noise / (p * d))
    for seed, (k, share) in enumerate(shares.items()):
        of_k = fourier_basis(p, torch.float64)[frequencies(p) == k]
        directions = random(len(of_k), d, seed=seed)
        matrix = matrix + of_k.T @ directions * (share / directions.square().sum()).sqrt()
    return matrix


@pytest.mark.parametrize(
    ("p", "shares"),
    [
        (113, {36: 0.26, 30: 0.25, 10: 0.222, 49: 0.218, 15: 0.04}),
        (31, {5: 0.5, 11: 0.3, 2: 0.2}),
        (43, {20: 0.9}),
        (12, {6: 0.6, 1: 0.4}),
        (50, {25: 0.4, 7: 0.6}),
    ],
)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_planted_frequencies_are_found_in_order_at_any_scale(p, shares, scale):
    by_energy = sorted(shares, key=shares.get, reverse=True)
    assert key_frequencies(energy_per_frequency(planted(p, shares) * scale)) == by_energy


def test_weak_echoes_of_a_real_spectrum_are_not_key():
    shares = {11: 0.369, 17: 0.364, 19: 0.244, 34: 0.009, 38: 0.004}  # a run at p = 113 after 25,000 steps
    assert key_frequencies(energy_per_frequency(planted(113, shares, noise=0.01))) == [11, 17, 19]


@pytest.mark.parametrize("noise", [0.0, 1e-12, 0.3])
def test_the_background_may_be_anything_from_nothing_to_a_third(noise):
    assert key_frequencies(energy_per_frequency(planted(59, {8: 0.5, 21: 0.45}, noise))) == [8, 21]


@pytest.mark.parametrize(("p", "d"), [(7, 16), (31, 48), (59, 64), (113, 128), (114, 128), (500, 32)])
def test_nothing_stands_out_of_noise(p, d):
    for seed in range(20):
        assert key_frequencies(energy_per_frequency(random(p, d, seed=seed).float())) == []


@pytest.mark.parametrize("p", [5, 31, 113])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_rounding_leaves_of_a_constant_has_no_key_frequencies(p, dtype):
    constant = torch.full((p, 1), 0.3, dtype=dtype) @ random(1, 64).to(dtype)
    assert key_frequencies(energy_per_frequency(constant)) == []
    wave = (2 * math.pi * 2 * torch.arange(p, dtype=torch.float64) / p).cos().to(dtype)
    if p > 5:  # a wave of a thousandth of the constant is one
        assert key_frequencies(energy_per_frequency(1 + 1e-3 * wave[:, None])) == [2]


def test_nothing_at_all_or_a_single_frequency_has_no_key_frequencies():
    assert key_frequencies(torch.zeros(16)) == []
    for p in (2, 3):
        assert key_frequencies(energy_per_frequency(random(p, 4))) == []


def test_a_perfect_circle_turns_by_the_same_angle_at_each_step():
    p, k = 17, 5
    points = circle(planted(p, {k: 1.0, 3: 2.0}, noise=0.0, d=400), k)
    assert points.shape == (p, 2)
    clean = planted(p, {k: 1.0}, noise=0.0, d=400)
    cos, sin = (transform(clean)[basis_names(p).index(f"{name} {k}")] for name in ("cos", "sin"))
    radii = torch.stack([cos.norm(), sin.norm()]) * math.sqrt(2 / p)
    ideal = torch.stack([wave(p, k), wave(p, k, math.pi / 2)], dim=1)
    overlap = cos @ sin / (cos.norm() * sin.norm())  # of the two random directions
    mixing = torch.tensor([[1.0, overlap], [overlap, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(circle(clean, k), (ideal * radii) @ mixing)


def test_a_circle_does_not_see_the_other_dimensions():
    p, k = 11, 2
    ideal = torch.stack([wave(p, k), wave(p, k, math.pi / 2)], dim=1) * 3
    noise = random(p, 4)
    for j in (2 * k - 1, 2 * k):  # noise without that frequency, in dimensions of its own
        row = fourier_basis(p, torch.float64)[j]
        noise = noise - torch.outer(row, row @ noise)
    torch.testing.assert_close(circle(torch.cat([noise, ideal], dim=1), k), ideal)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fourier_basis(1), "at least 2"),
        (lambda: fourier_basis(-3), "at least 2"),
        (lambda: transform(torch.ones(1, 4)), "at least 2"),
        (lambda: transform(torch.ones(4, 0), dim=1), "at least 2"),
        (lambda: transform(torch.arange(5)), "floats"),
        (lambda: inverse_transform(torch.ones(5, dtype=torch.bool)), "floats"),
        (lambda: transform_2d(torch.ones(5)), r"\(p, p, …\)"),
        (lambda: transform_2d(torch.ones(5, 6)), r"\(5, 6\)"),
        (lambda: inverse_transform_2d(torch.ones(5, 6, 5)), r"\(p, p, …\)"),
        (lambda: energy_per_frequency(torch.arange(10).view(5, 2)), "floats"),
        (lambda: key_frequencies(torch.ones(1)), "p // 2"),
        (lambda: key_frequencies(torch.ones(5, 5)), "p // 2"),
        (lambda: key_frequencies(torch.tensor([1.0, -1.0])), "negative"),
        (lambda: key_frequencies(torch.tensor([1.0, math.nan])), "NaN"),
        (lambda: keep_frequencies(torch.ones(7, 3), [4]), "0 … 3"),
        (lambda: keep_frequencies(torch.ones(7, 3), [-1]), "0 … 3"),
        (lambda: circle(torch.ones(7, 3), 0), "1 … 3"),
        (lambda: circle(torch.ones(8, 3), 4), "1 … 3"),
        (lambda: circle(torch.zeros(7, 3), 2), "no wave"),
    ],
)
def test_bad_input_is_refused_with_a_reason(call, words):
    with pytest.raises(ValueError, match=words):
        call()
