"""Hidden tests of chapter 05, Fourier analysis. The oracle is numpy's FFT, or a wave written out."""

import math

import numpy as np
import torch

from .... import fourier
from ..questions import expect_choice, wrong_values
from ..side_conditions import (
    TYPES,
    UNCHANGED,
    also_in_float32,
    expect_digits,
    expect_dtypes,
    expect_unchanged,
    expect_values,
)
from ..testing import checks, expect, expect_close, expect_tensor, mistake
from . import answers

TIGHT = {"rtol": 1e-11, "atol": 1e-11}


def _wave(p, k, phase=0.0):
    """cos(2πkn/p − phase) for n = 0 … p − 1; a quarter of a turn as the phase makes it the sine."""
    return np.cos(2 * np.pi * k * np.arange(p) / p - phase)


def _components(x, axis=0):
    """The components in the basis of chapter 05, from numpy's FFT."""
    x = np.moveaxis(np.asarray(x, dtype=np.float64), axis, 0)
    p, spectrum = len(x), np.fft.rfft(x, axis=0)
    rows = [spectrum[0].real / np.sqrt(p)]
    for k in range(1, p // 2 + 1):
        both = 2 * k < p
        rows.append(spectrum[k].real * np.sqrt((2 if both else 1) / p))
        if both:
            rows.append(-spectrum[k].imag * np.sqrt(2 / p))
    return np.moveaxis(np.stack(rows), 0, axis)


def _moduli(draw):
    """2, 3, 4, then larger ones, odd and even."""
    return 2, 3, 4, draw.prime(5, 13), 2 * draw.integer(3, 7), draw.prime(17, 31)


# --- fourier_basis ----------------------------------------------------------------------------------------------------


@checks("fourier_basis", "p waves, each of length one, and at right angles to each other")
def test_fourier_basis_orthonormal(student, draw):
    moduli = 3, 5, draw.prime(7, 13), draw.prime(17, 31)
    for p, got in [(p, student.fourier_basis(p)) for p in moduli]:
        on = f"p = {p}"
        got = expect_values(got, (p, p), on)
        products = got @ got.T
        expect_close(products.diagonal(), torch.ones(p), "each row should have length one", on, atol=1e-4)
        message = "the dot product of two different rows should be zero"
        expect_close(products, torch.eye(p), message, on, atol=1e-4)
        message = "each wave should go as far down as up: all rows but the first add up to zero"
        expect_close(got[1:].sum(dim=1), torch.zeros(p - 1), message, on, atol=1e-3)


@checks("fourier_basis", "odd p: a constant, then cosine and sine of frequency 1, of frequency 2, and so on")
def test_fourier_basis_odd(student, draw):
    moduli = 3, 5, draw.prime(7, 13), draw.prime(17, 31)
    for p, got in [(p, student.fourier_basis(p)) for p in moduli]:
        on = f"p = {p}"
        got = expect_values(got, (p, p), on)
        expect_close(got[0], np.full(p, p**-0.5), "row 0 should be the constant of length one", on, atol=1e-4)
        for k in range(1, p // 2 + 1):
            for row, name, phase in ((2 * k - 1, "cosine", 0), (2 * k, "sine", np.pi / 2)):
                wave = _wave(p, k, phase) * np.sqrt(2 / p)
                message = f"row {row} should be the {name} of frequency {k}, scaled to length one"
                expect_close(got[row], wave, message, on, atol=1e-4)


@checks("fourier_basis", "even p: the last row alternates between plus and minus, and has no sine")
def test_fourier_basis_even(student, draw):
    moduli = 2, 4, 2 * draw.integer(3, 5), 2 * draw.integer(6, 10)
    for p, got in [(p, student.fourier_basis(p)) for p in moduli]:
        on = f"p = {p}"
        got = expect_values(got, (p, p), on)
        signs = 1.0 - 2.0 * (np.arange(p) % 2)
        message = "the last row should be plus, minus, plus, minus, …, scaled to length one"
        expect_close(got[-1], signs / np.sqrt(p), message, on, atol=1e-4)
        expected = _components(np.eye(p))
        expect_close(got, expected, "the other rows should be as for odd p", on, atol=1e-4)


@checks("fourier_basis", "the dtype is float32, or the one that is asked for, with all its digits")
def test_fourier_basis_dtype(student, draw):
    function, moduli = student.value("fourier_basis"), (3, draw.prime(5, 20), draw.prime(90, 130))
    plain = [student.fourier_basis(p) for p in moduli]
    exact = [student.make("call_with_dtype", function, "float64", p) for p in moduli]
    for p, got in zip(moduli, plain, strict=True):
        on = f"p = {p}"
        expect_tensor(got, (p, p), torch.float32, on)
        expect_close(got, _components(np.eye(p)), "the rows should be the waves in order", on, atol=1e-4)
    for p, got in zip(moduli, exact, strict=True):
        on = f"p = {p}, dtype = torch.float64"
        got = expect_tensor(got, (p, p), torch.float64, on)
        message = "the rows should be the waves in order, exact to float64's digits"
        expect_close(got, _components(np.eye(p)), message, on, **TIGHT)


def _basis(p, dtype=torch.float32, device=None, *, n=None, turns=1.0, names=("cos", "sin"), scale=None):
    """The basis with one part exchanged."""
    n = torch.arange(p, dtype=torch.float64) if n is None else n
    rows = [torch.ones(p, dtype=torch.float64)]
    for k in range(1, p // 2 + 1):
        angle = turns * 2 * math.pi * k * n / p
        rows += [getattr(angle, name)() for name in names]
    rows = torch.stack(rows[:p])
    return (rows / rows.norm(dim=1, keepdim=True) if scale is None else rows * scale).to(dtype)


@mistake("fourier_basis", "Each wave should be a row; here they are the columns.")
def waves_as_columns(p, dtype=torch.float32, device=None):
    return _basis(p, dtype).T


@mistake("fourier_basis", "The waves have the right shape, but not length one: they have to be scaled.")
def without_scale(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, scale=1.0)


@mistake("fourier_basis", "The constant has a larger length than a cosine: it needs a scale of its own.")
def one_scale_for_all(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, scale=math.sqrt(2 / p))


@mistake("fourier_basis", "Only the constant has length one here: the squares of a cosine add up to p/2, not to p.")
def everything_as_long_as_the_constant(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, scale=math.sqrt(1 / p))


@mistake("fourier_basis", "The sines have the wrong sign: the FFT multiplies with exp(−iω n), whose sine is negative.")
def negative_sines(p, dtype=torch.float32, device=None):
    basis = _basis(p, dtype)
    basis[2::2] *= -1
    return basis


@mistake(
    "fourier_basis", "For even p the last wave never comes near zero: it is as long as the constant, not as a cosine."
)
def even_last_row_like_a_cosine(p, dtype=torch.float32, device=None):
    basis = _basis(p, torch.float64)
    if p % 2 == 0:
        basis[-1] *= math.sqrt(2)
    return basis.to(dtype)


NO_LAST_SINE = "For even p the fastest sine is zero at every whole number: it is no wave to build with."


@mistake("fourier_basis", NO_LAST_SINE)
def even_with_a_zero_sine(p, dtype=torch.float32, device=None):
    basis = _basis(p, dtype)
    return torch.cat([basis, torch.zeros(1, p, dtype=dtype)]) if p % 2 == 0 else basis


def _with_every_sine(p, angles, dtype):
    """Scaled by its own length, what rounding leaves of the last sine becomes a row of noise."""
    rows = [torch.ones(p, dtype=torch.float64)]
    for angle in angles:
        rows += [angle.cos(), angle.sin()]
    rows = torch.stack(rows)
    return (rows / rows.norm(dim=1, keepdim=True)).to(dtype)


@mistake("fourier_basis", NO_LAST_SINE)
def even_with_rounding_for_a_sine(p, dtype=torch.float32, device=None):
    n = torch.arange(p, dtype=torch.float64)
    return _with_every_sine(p, [2 * math.pi * k * n / p for k in range(1, p // 2 + 1)], dtype)


@mistake("fourier_basis", NO_LAST_SINE)
def even_with_rounding_for_a_sine_too(p, dtype=torch.float32, device=None):
    n = torch.arange(p, dtype=torch.float64)
    return _with_every_sine(p, [2 * math.pi * k / p * n for k in range(1, p // 2 + 1)], dtype)


def _in_float32(p, orders):
    """All in float32 and with every sine, as the formula reads."""
    n = torch.arange(p)
    rows = [torch.ones(p)]
    for k in range(1, p // 2 + 1):
        angle = 2 * math.pi * k * n / p if orders else 2 * math.pi * k / p * n
        rows += [angle.cos(), angle.sin()]
    return torch.stack(rows)


@mistake("fourier_basis", NO_LAST_SINE)
def float32_with_rounding_for_a_sine(p, dtype=torch.float32, device=None):
    rows = _in_float32(p, True)
    return rows / rows.norm(dim=1, keepdim=True)


@mistake("fourier_basis", NO_LAST_SINE)
def float32_with_rounding_for_a_sine_too(p, dtype=torch.float32, device=None):
    rows = _in_float32(p, False)
    return rows / rows.norm(dim=1, keepdim=True)


@mistake("fourier_basis", "For even p a wave is missing: frequency p/2 has a cosine, so that there are p rows.")
def even_without_the_last(p, dtype=torch.float32, device=None):
    return _basis(p, dtype)[: p - 1 if p % 2 == 0 else p]


@mistake("fourier_basis", "Frequency 0 has no sine: that would be zero everywhere. After the constant comes cos 1.")
def with_a_sine_of_frequency_zero(p, dtype=torch.float32, device=None):
    basis = _basis(p, dtype)
    return torch.cat([basis[:1], torch.zeros_like(basis[:1]), basis[1:]])[:p]


@mistake("fourier_basis", "Frequency 0 has no sine: that is zero everywhere, and has no length to be scaled by.")
def with_nothing_by_nothing(p, dtype=torch.float32, device=None):
    basis = with_a_sine_of_frequency_zero(p, dtype)
    return basis / basis.norm(dim=1, keepdim=True)


@mistake("fourier_basis", "Cosine and sine of each frequency are exchanged.")
def sine_first(p, dtype=torch.float32, device=None):
    basis = _basis(p, dtype)
    order = [0] + [row for k in range(1, (p + 1) // 2) for row in (2 * k, 2 * k - 1)] + [p - 1] * (p % 2 == 0)
    return basis[order]


@mistake("fourier_basis", "Here all cosines come first and all sines after them; they should take turns.")
def cosines_first(p, dtype=torch.float32, device=None):
    basis = _basis(p, dtype)
    return torch.cat([basis[:1], basis[1::2], basis[2::2]])


@mistake(
    "fourier_basis", "The seam is in the wrong place: p steps are a full turn, so the step from p − 1 to 0 counts too."
)
def full_turn_too_early(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, turns=p / (p - 1))


SEAM = "The seam is in the wrong place: of p + 1 points, `linspace` has the last where the turn is full: leave it out."


@mistake("fourier_basis", SEAM)
def linspace_with_both_ends(p, dtype=torch.float32, device=None):
    return _of_points(torch.linspace(0, 2 * math.pi, p), p).to(dtype)


@mistake("fourier_basis", SEAM)
def linspace_with_both_ends_in_float64(p, dtype=torch.float32, device=None):
    return _of_points(torch.linspace(0, 2 * math.pi, p, dtype=torch.float64), p).to(dtype)


def _of_points(x, p):
    rows = [torch.ones_like(x)]
    for k in range(1, p // 2 + 1):
        rows += [(k * x).cos(), (k * x).sin()]
    rows = torch.stack(rows[:p])
    return rows / rows.norm(dim=1, keepdim=True)


@mistake("fourier_basis", "The waves are shifted by one number: the first column belongs to n = 0.")
def counted_from_one(p, dtype=torch.float32, device=None):
    return _basis(p, dtype).roll(-1, dims=1)


@mistake("fourier_basis", "A factor of two is missing in the angle: a full turn is 2π.")
def half_a_turn(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, turns=0.5)


@mistake("fourier_basis", "The angle is not in radians: a full turn is 2π, and the factor is missing.")
def without_two_pi(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, turns=1 / (2 * math.pi))


@mistake("fourier_basis", "The result is float64, whatever is asked for: convert it at the end, with `.to(dtype)`.")
def always_float64(p, dtype=torch.float32, device=None):
    return _basis(p, torch.float64)


@mistake("fourier_basis", "The argument `dtype` has no effect: compute in float64, and convert at the end.")
def float32_as_it_comes(p, dtype=torch.float32, device=None):
    rows = _in_float32(p, True)[:p]
    return rows / rows.norm(dim=1, keepdim=True)


@mistake("fourier_basis", "The argument `dtype` has no effect: compute in float64, and convert at the end.")
def float32_as_it_comes_too(p, dtype=torch.float32, device=None):
    rows = _in_float32(p, False)[:p]
    return rows / rows.norm(dim=1, keepdim=True)


@mistake("fourier_basis", "The argument `dtype` has no effect.")
def dtype_ignored(p, dtype=torch.float32, device=None):
    return _basis(p)


@mistake(
    "fourier_basis",
    "The waves are computed in float32 and converted afterwards: digits that are lost do not come back.",
)
def converted_too_late(p, dtype=torch.float32, device=None):
    return _basis(p, torch.float32, n=torch.arange(p, dtype=torch.float32)).to(dtype)


# --- transform --------------------------------------------------------------------------------------------------------


@checks("transform", "a single function: its dot product with each wave, in the basis's order")
def test_transform_function(student, draw):
    functions = [torch.tensor([5.0, 2.0, 2.0]), *(draw.normal(p) for p in _moduli(draw))]
    for x, got in [(x, student.transform(x)) for x in functions]:
        on = f"one function on p = {len(x)} numbers"
        message = "component i should be the dot product with row i of the basis"
        expect_close(expect_values(got, x.shape, on), _components(x), message, on, atol=1e-4)


@checks("transform", "a table: along the dimension that is asked for, and in place of it", weight=2)
def test_transform_dim(student, draw):
    p, d, e = 2 * draw.integer(2, 4) + 1, 2 * draw.integer(5, 7), draw.integer(2, 4)
    cases = [((3, 2), 0), ((2, 3), 1), ((p, d), 0), ((d, p), 1), ((d, p), -1), ((p, p), 1)]
    cases += [((e, p, d), 1), ((p, e, d), 0), ((e, d, p), 2)]
    cases = [(draw.normal(*shape), dim) for shape, dim in cases]
    for x, dim, got in [(x, dim, student.transform(x, dim)) for x, dim in cases]:
        on = f"shape {tuple(x.shape)}, dim = {dim}"
        message = "along `dim` there should be the components, elsewhere everything should stay in its place"
        expect_close(expect_values(got, x.shape, on), _components(x, dim), message, on, atol=1e-4)


@checks("transform", "a wave of the basis has a single component, and no energy is lost")
def test_transform_wave(student, draw):
    cases = []
    for p, k, is_sine in ((3, 1, 0), (draw.prime(5, 13), 1, 1), (draw.prime(17, 31), draw.integer(2, 8), 0)):
        wave = torch.tensor(_wave(p, k, is_sine * np.pi / 2) * np.sqrt(2 / p) * 3, dtype=torch.float32)
        noise = draw.normal(p)
        cases.append((p, k, is_sine, noise, student.transform(wave), student.transform(noise)))
    for p, k, is_sine, noise, of_wave, of_noise in cases:
        on = f"three times the {'sine' if is_sine else 'cosine'} of frequency {k}, scaled to length one, p = {p}"
        expected = torch.zeros(p)
        expected[2 * k - 1 + is_sine] = 3
        expect_close(expect_values(of_wave, (p,), on), expected, "only its own component should be 3", on, atol=1e-4)
        on = f"a random function, p = {p}"
        energy = expect_values(of_noise, (p,), on).square().sum()
        expect_close(energy, noise.square().sum(), "the squares should add up to the same before and after", on)


@checks("transform", TYPES, side=True)
def test_transform_dtype(student, draw):
    cases = [(draw.normal(p, d, dtype=torch.float64),) for p, d in ((3, 2), (draw.integer(7, 12), 3))]
    expect_dtypes(student, "transform", cases, _components)


@checks("transform", UNCHANGED, side=True)
def test_transform_unchanged(student, draw):
    expect_unchanged(student, "transform", [(draw.normal(5, 3),), (draw.normal(draw.integer(7, 12)),)], "x")


@mistake("transform", "This is the way back: it adds up waves, with x as the amounts.")
def the_way_back(x, dim=0):
    return fourier.inverse_transform(x, dim)


@mistake("transform", "`dim` has no effect: this always runs over the first dimension.")
def always_the_first_dimension(x, dim=0):
    return fourier.transform(x, 0)


@mistake("transform", "`dim` has no effect: this always runs over the last dimension.")
def always_the_last_dimension(x, dim=0):
    return fourier.transform(x, -1)


@mistake("transform", "The new dimension has come out first; it belongs where the old one was.")
def components_come_first(x, dim=0):
    return fourier.transform(x, dim).movedim(dim, 0)


@mistake(
    "transform", "A `reshape` never moves a dimension, it only cuts anew: bring the new one to its place by `movedim`."
)
def reshaped_for_moved_back(x, dim=0):
    return fourier.transform(x, dim).movedim(dim, 0).reshape(x.shape)


_EXCHANGED = (
    "Two dimensions are exchanged, and a third one moves with them on the way back: use one of the two ways only."
)


@mistake("transform", _EXCHANGED)
def exchanged_and_moved_back(x, dim=0):
    return fourier.transform(x.transpose(0, dim)).movedim(0, dim)


@mistake("transform", _EXCHANGED)
def moved_and_exchanged_back(x, dim=0):
    return fourier.transform(x.movedim(dim, 0)).transpose(0, dim)


@mistake("transform", "`torch.fft` and `numpy.fft` do not scale their waves to length one.")
def without_scaling(x, dim=0):
    p = x.shape[dim]
    lengths = torch.tensor([p**0.5] + [(p / 2) ** 0.5] * (p - 1 - (p % 2 == 0)) + [p**0.5] * (p % 2 == 0))
    return (fourier.transform(x, dim).movedim(dim, -1) * lengths.to(x.dtype)).movedim(-1, dim)


@mistake("transform", "The sines have the wrong sign: the FFT multiplies with exp(−iω n), whose sine is negative.")
def sine_with_the_wrong_sign(x, dim=0):
    p = x.shape[dim]
    signs = torch.ones(p, dtype=x.dtype)
    signs[2::2] = -1
    return (fourier.transform(x, dim).movedim(dim, -1) * signs).movedim(-1, dim)


@mistake("transform", "This takes the mean away first; the constant is a part of the function like any other.")
def without_the_constant(x, dim=0):
    return fourier.transform(x - x.mean(dim=dim, keepdim=True), dim)


@mistake("transform", "These are the components squared; asked for are the components, with their signs.")
def squared_components(x, dim=0):
    return fourier.transform(x, dim).square()


@mistake("transform", "The result is always float32; it should have the type of x.")
def transform_in_float32(x, dim=0):
    return fourier.transform(x.float(), dim)


@mistake("transform", "The basis is float32, whatever x is: `fourier_basis` takes a dtype as an argument.")
def basis_of_another_dtype(x, dim=0):
    return torch.tensordot(fourier.fourier_basis(x.shape[dim]), x, dims=([1], [dim])).movedim(0, dim)


LAST_TWO = "`@` multiplies along the last two dimensions: with more of them, use `tensordot`, or put `dim` last."


@mistake("transform", LAST_TWO)
def matrix_product_after_movedim(x, dim=0):
    return (fourier.fourier_basis(x.shape[dim], x.dtype) @ x.movedim(dim, 0)).movedim(0, dim)


@mistake("transform", LAST_TWO)
def matrix_product_after_transpose(x, dim=0):
    if x.ndim == 1:
        return fourier.transform(x)
    return (fourier.fourier_basis(x.shape[dim], x.dtype) @ x.transpose(0, dim)).transpose(0, dim)


@mistake("transform", LAST_TWO)
def two_dimensions_only(x, dim=0):
    basis = fourier.fourier_basis(x.shape[dim], x.dtype)
    return basis @ x if dim == 0 else x @ basis.T


@mistake(
    "transform",
    "Where the numbers run along the last dimension the basis has to be turned round (with more than two: `movedim`).",
)
def two_dimensions_and_the_way_back(x, dim=0):
    basis = fourier.fourier_basis(x.shape[dim], x.dtype)
    return basis @ x if dim == 0 else x @ basis


@mistake("transform", "`dim` has no effect: this is the product with a matrix, along its first dimension, in float32.")
def product_without_dim(x, dim=0):
    return fourier.fourier_basis(x.shape[dim]) @ x


@mistake("transform", "`dim` has no effect: this is the product with a matrix, along its first dimension.")
def product_without_dim_in_its_dtype(x, dim=0):
    return fourier.fourier_basis(x.shape[dim], x.dtype) @ x


@mistake(
    "transform", "`.T` turns all dimensions round, and `@` takes the last two: this works for tables of two dimensions."
)
def turned_for_dim(x, dim=0):
    def turned(table):
        return table.permute(*reversed(range(table.ndim)))

    basis = fourier.fourier_basis(x.shape[dim], x.dtype)
    return basis @ x if dim == 0 else turned(basis @ turned(x))


@mistake("transform", "Where the numbers run along the second dimension, this multiplies with the basis turned round.")
def the_way_back_for_other_dims(x, dim=0):
    return fourier.transform(x) if dim == 0 else fourier.inverse_transform(x, dim)


@mistake(
    "transform",
    "`reshape` moves no dimension, it only counts the entries off anew: `movedim` and `transpose` move one.",
)
def reshaped_for_moved(x, dim=0):
    p = x.shape[dim]
    return fourier.transform(x.reshape(p, -1)).reshape(x.shape)


@mistake("transform", "Only the cosines are here: of an FFT's result `.imag` holds the sines, with a minus.")
def real_half_of_the_spectrum(x, dim=0):
    return torch.fft.rfft(x, dim=dim).real


@mistake("transform", "Only the cosines are here: of an FFT's result `.imag` holds the sines, with a minus.")
def real_half_scaled(x, dim=0):
    return torch.fft.rfft(x, dim=dim, norm="ortho").real


@mistake("transform", "An FFT's result is complex. Its `.real` holds the cosines, its `.imag` the sines with a minus.")
def complex_spectrum(x, dim=0):
    return torch.fft.rfft(x, dim=dim)


@mistake("transform", "An FFT's result is complex. Its `.real` holds the cosines, its `.imag` the sines with a minus.")
def complex_full_spectrum(x, dim=0):
    return torch.fft.fft(x, dim=dim)


@mistake("transform", "The real part of a full FFT has each cosine twice, and no sine.")
def real_part_of_the_fft(x, dim=0):
    return torch.fft.fft(x, dim=dim).real


@mistake("transform", "The real part of a full FFT has each cosine twice, and no sine.")
def real_part_scaled(x, dim=0):
    return torch.fft.fft(x, dim=dim, norm="ortho").real


@mistake("transform", "All cosines come first here and all sines after them; in the basis they take turns.")
def transform_cosines_first(x, dim=0):
    rows = list(range(x.shape[dim]))
    return fourier.transform(x, dim).index_select(dim, torch.tensor(rows[:1] + rows[1::2] + rows[2::2]))


@mistake("transform", "`copy_` and `x[…] = …` change the caller's own tensor: return a new one.")
def transform_in_place(x, dim=0):
    return x.copy_(fourier.transform(x, dim))


# --- energy_per_frequency ---------------------------------------------------------------------------------------------


def _energies(x, axis=0):
    """Entry k is the energy of frequency k, from numpy's FFT."""
    power = np.abs(np.fft.rfft(np.asarray(x, dtype=np.float64), axis=axis)) ** 2
    power = np.moveaxis(power, axis, 0).reshape(power.shape[axis], -1).sum(1) / x.shape[axis]
    twice = [2.0 if 0 < k < x.shape[axis] / 2 else 1.0 for k in range(len(power))]
    return power * twice


def _compare_energies(student, cases):
    function = student.energy_per_frequency
    for x, dim, got in [(x, dim, function(x, dim) if dim else function(x)) for x, dim in cases]:
        on = f"a random table of shape {tuple(x.shape)}, dim = {dim}"
        got = expect_values(got, (x.shape[dim] // 2 + 1,), on)
        expect(bool((got > -1e-6).all()), "no energy should be negative", on)
        expect_close(got.sum(), x.square().sum(), "the energies should add up to the sum of all squared entries", on)
        message = "entry k should be the sum of the squared components of frequency k, over everything but `dim`"
        expect_close(got, _energies(x, dim), message, on, atol=1e-4)


@checks("energy_per_frequency", "odd p: the squares of cosine and sine, over all columns; together all squared entries")
def test_energy_per_frequency_odd(student, draw):
    shapes = (3, 1), (3, 2), (5, 3), (draw.prime(7, 13), 4), (draw.prime(17, 31), 5)
    _compare_energies(student, [(draw.normal(*shape) + 0.5, 0) for shape in shapes])


@checks("energy_per_frequency", "a wave's energy is all at its own frequency, however the wave is shifted")
def test_energy_per_frequency_wave(student, draw):
    cases = []
    for p in (3, 5, draw.prime(7, 13), draw.prime(17, 31)):
        for k in (0, draw.integer(1, (p - 1) // 2)):
            height, phase = draw.number(1, 3), draw.number(0.3, 1.2) if k else 0.0
            wave = torch.tensor(height * _wave(p, k, phase), dtype=torch.float32)
            cases.append((p, k, wave, student.energy_per_frequency(wave.unsqueeze(1))))
    for p, k, wave, got in cases:
        on = f"p = {p}, one column: a shifted wave of frequency {k}" if k else f"p = {p}, one column: a constant"
        expected = torch.zeros(p // 2 + 1)
        expected[k] = wave.square().sum()
        message = f"entry {k} should hold all of it, the others nothing"
        expect_close(expect_values(got, expected.shape, on), expected, message, on, atol=1e-4)


@checks("energy_per_frequency", "even p: the last frequency has one component only")
def test_energy_per_frequency_even(student, draw):
    shapes = (2, 1), (4, 2), (2 * draw.integer(3, 7), 3)
    _compare_energies(student, [(draw.normal(*shape) + 0.5, 0) for shape in shapes])


@checks("energy_per_frequency", "along another dimension; a single function; a table with more dimensions")
def test_energy_per_frequency_dim(student, draw):
    p, d, e = 2 * draw.integer(2, 4) + 1, 2 * draw.integer(5, 7), draw.integer(2, 4)
    cases = [((2, 3), 1), ((d, p), 1), ((d, p), -1), ((p, p), 1), ((p,), 0), ((p, d, e), 0), ((e, p, d), 1)]
    example = torch.tensor([5.0, 2.0, 2.0])
    _compare_energies(student, [(example, 0), *((draw.normal(*shape) + 0.5, dim) for shape, dim in cases)])


@checks("energy_per_frequency", TYPES, side=True)
def test_energy_per_frequency_dtype(student, draw):
    cases = [(draw.normal(p, d, dtype=torch.float64) + 0.5,) for p, d in ((3, 2), (draw.prime(7, 13), 3))]
    expect_dtypes(student, "energy_per_frequency", cases, _energies)


@checks("energy_per_frequency", UNCHANGED, side=True)
def test_energy_per_frequency_unchanged(student, draw):
    cases = [(draw.normal(5, 3) + 0.5,), (draw.normal(draw.prime(7, 13), 2) + 0.5,)]
    expect_unchanged(student, "energy_per_frequency", cases, "the matrix")


def _spectrum(
    x, dim=0, *,
    frequency=fourier.frequencies,
    size=torch.square,
    over=torch.sum,
):  # fmt: skip
    """The spectrum with one part exchanged."""
    p = x.shape[dim]
    sizes = over(size(fourier.transform(x, dim)).movedim(dim, 0).reshape(p, -1), dim=1)
    return sizes.new_zeros(p // 2 + 1).index_add(0, frequency(p), sizes)


@mistake("energy_per_frequency", "Energy is a sum of squares; these are the components' sizes.")
def sizes_for_squares(x, dim=0):
    return _spectrum(x, dim, size=torch.abs)


@mistake("energy_per_frequency", "Energy is a sum of squares; here the components themselves are added up, and cancel.")
def components_for_squares(x, dim=0):
    return _spectrum(x, dim, size=lambda components: components)


@mistake("energy_per_frequency", "The columns' energies are averaged; they should be added.")
def averaged_over_columns(x, dim=0):
    return _spectrum(x, dim, over=torch.mean)


@mistake("energy_per_frequency", "This is the energy's square root.")
def root_of_the_energy(x, dim=0):
    return _spectrum(x, dim).sqrt()


@mistake("energy_per_frequency", "Only the cosines count here: the sines have their share as well.")
def only_cosines(x, dim=0):
    p = x.shape[dim]
    kept = torch.tensor([row == 0 or row % 2 == 1 for row in range(p)]).to(x.dtype)
    return _spectrum(x, dim, frequency=lambda p: fourier.frequencies(p), size=lambda c: _kept(c, kept, dim))


def _kept(components, kept, dim):
    return (components.movedim(dim, -1) * kept).movedim(-1, dim).square()


@mistake("energy_per_frequency", "The constant is a frequency too, number 0: it is missing here.")
def without_frequency_zero(x, dim=0):
    return _spectrum(x, dim)[1:]


@mistake("energy_per_frequency", "The rows are paired wrongly: row 0, the constant, has no partner.")
def wrong_partners(x, dim=0):
    return _spectrum(x, dim, frequency=lambda p: torch.arange(p) // 2)


def _in_pairs(squares):
    """Row 0 with row 1, row 2 with row 3, and so on; the last one alone if there is an odd number."""
    squares = torch.cat([squares, squares.new_zeros(len(squares) % 2)])
    return squares.reshape(-1, 2).sum(dim=1)


@mistake("energy_per_frequency", "The rows are paired wrongly: row 0, the constant, has no partner.")
def pairs_from_the_constant_on(x, dim=0):
    return _in_pairs(fourier.transform(x, dim).movedim(dim, 0).reshape(x.shape[dim], -1).square().sum(dim=1))


@mistake("energy_per_frequency", "The rows are paired wrongly: row 0, the constant, has no partner.")
def pairs_from_the_constant_on_of_matrices(x, dim=0):
    return _in_pairs(fourier.transform(x, dim).movedim(dim, 0).flatten(1).square().sum(dim=1))


@mistake(
    "energy_per_frequency",
    "The FFT's squared sizes are p times too large, and the waves between 0 and p/2 count twice.",
)
def raw_power(x, dim=0):
    p = x.shape[dim]
    return torch.fft.rfft(x, dim=dim).abs().square().movedim(dim, 0).reshape(p // 2 + 1, -1).sum(1)


@mistake("energy_per_frequency", "For even p the frequency p/2 has no sine, so its square must not be counted twice.")
def last_of_even_p_twice(x, dim=0):
    energy = _spectrum(x, dim)
    if x.shape[dim] % 2 == 0:
        energy[-1] *= 2
    return energy


@mistake("energy_per_frequency", "Frequency 0 comes out empty: the mean is a part of the function like any other.")
def mean_removed(x, dim=0):
    return _spectrum(x - x.mean(dim=dim, keepdim=True), dim)


@mistake("energy_per_frequency", "`dim` has no effect: this always runs over the first dimension.")
def energy_along_the_first(x, dim=0):
    return _spectrum(x, 0)


@mistake(
    "energy_per_frequency",
    "The components lie along `dim`, but the rows are taken along the first dimension: move `dim` to the front.",
)
def rows_of_the_first_dimension(x, dim=0):
    components, energy = fourier.transform(x, dim), x.new_zeros(x.shape[dim] // 2 + 1)
    for row, k in enumerate(fourier.frequencies(x.shape[dim]).tolist()):
        energy[k] += components[row].square().sum()
    return energy


@mistake("energy_per_frequency", "Frequency k owns two rows, 2k − 1 and 2k, but for even p there is no row p.")
def row_p_of_even_p(x, dim=0):
    p = x.shape[dim]
    components, energy = fourier.transform(x, dim).movedim(dim, 0), x.new_zeros(p // 2 + 1)
    energy[0] = components[0].square().sum()
    for k in range(1, p // 2 + 1):
        energy[k] = components[2 * k - 1].square().sum() + components[2 * k].square().sum()
    return energy


@mistake(
    "energy_per_frequency",
    "`reshape` does not move a dimension: bring `dim` to the front first, then flatten the others.",
)
def energy_reshaped_for_moved(x, dim=0):
    p = x.shape[dim]
    squares = fourier.transform(x, dim).reshape(p, -1).square().sum(dim=1)
    return squares.new_zeros(p // 2 + 1).index_add(0, fourier.frequencies(p), squares)


ONE_OTHER = "This works for tables of two dimensions only: there may be no other dimension to add over, or several."


@mistake("energy_per_frequency", ONE_OTHER)
def one_other_dimension(x, dim=0):
    p = x.shape[dim]
    squares = fourier.transform(x, dim).movedim(dim, 0).square().sum(dim=1)
    return squares.new_zeros(p // 2 + 1).index_add(0, fourier.frequencies(p), squares)


@mistake("energy_per_frequency", ONE_OTHER)
def one_other_dimension_to_add_over(x, dim=0):
    p = x.shape[dim]
    squares = fourier.transform(x, dim).square().sum(dim=1 - dim)
    return squares.new_zeros(p // 2 + 1).index_add(0, fourier.frequencies(p), squares)


@mistake("energy_per_frequency", "The columns' components are added up before they are squared, so that they cancel.")
def added_before_the_squares(x, dim=0):
    p = x.shape[dim]
    sums = fourier.transform(x, dim).movedim(dim, 0).reshape(p, -1).sum(dim=1)
    return sums.new_zeros(p // 2 + 1).index_add(0, fourier.frequencies(p), sums.square())


@mistake("energy_per_frequency", "The squares of a frequency's components are averaged; they should be added.")
def mean_of_each_frequency(x, dim=0):
    p = x.shape[dim]
    components = fourier.transform(x, dim).movedim(dim, 0).reshape(p, -1)
    return torch.stack([components[fourier.frequencies(p) == k].square().mean() for k in range(p // 2 + 1)])


@mistake(
    "energy_per_frequency", "For frequency 0 the slice from 2k − 1 begins at −1, and is empty: the constant is lost."
)
def empty_slice_for_the_constant(x, dim=0):
    components = fourier.transform(x, dim).movedim(dim, 0)
    return torch.stack([components[2 * k - 1 : 2 * k + 1].square().sum() for k in range(len(components) // 2 + 1)])


@mistake("energy_per_frequency", "The sine's energy is put in the place of the cosine's; add the two.")
def overwritten(x, dim=0):
    p = x.shape[dim]
    squares, energy = (
        fourier.transform(x, dim).movedim(dim, 0).reshape(p, -1).square().sum(dim=1),
        x.new_zeros(p // 2 + 1),
    )
    for row, k in enumerate(fourier.frequencies(p).tolist()):
        energy[k] = squares[row]
    return energy


@mistake("energy_per_frequency", "Cosine and sine are added up before they are squared; their squares are to be added.")
def waves_added_before_the_squares(x, dim=0):
    p = x.shape[dim]
    components = fourier.transform(x, dim).movedim(dim, 0).reshape(p, -1)
    pairs = components.new_zeros(p // 2 + 1, components.shape[1])
    return pairs.index_add(0, fourier.frequencies(p), components).square().sum(dim=1)


@mistake("energy_per_frequency", "This is one number a wave; cosine and sine of a frequency belong together.")
def one_number_a_wave(x, dim=0):
    p = x.shape[dim]
    return fourier.transform(x, dim).movedim(dim, 0).reshape(p, -1).square().sum(dim=1)


@mistake(
    "energy_per_frequency", "There is one number for each column here: the energies of all columns are to be added."
)
def one_number_a_column(x, dim=0):
    p = x.shape[dim]
    squares = fourier.transform(x, dim).movedim(dim, 0).square()
    return squares.new_zeros(p // 2 + 1, *squares.shape[1:]).index_add(0, fourier.frequencies(p), squares)


@mistake("energy_per_frequency", "The last frequency, p // 2, is missing: `range` ends before its second argument.")
def without_the_last_frequency(x, dim=0):
    return _spectrum(x, dim)[:-1]


@mistake("energy_per_frequency", "The last frequency, p // 2, is missing: `range` ends before its second argument.")
def with_an_empty_last_frequency(x, dim=0):
    energy = _spectrum(x, dim)
    energy[-1] = 0
    return energy


@mistake(
    "energy_per_frequency", "`rfft` has each wave between 0 and p/2 once, and so half of its energy: count these twice."
)
def half_of_the_spectrum(x, dim=0):
    p = x.shape[dim]
    power = torch.fft.rfft(x, dim=dim, norm="ortho").abs().square()
    return power.movedim(dim, 0).reshape(p // 2 + 1, -1).sum(1)


@mistake("energy_per_frequency", "`.real` of an FFT's result is the cosines' part only: the sines are in `.imag`.")
def real_part_squared(x, dim=0):
    p = x.shape[dim]
    return torch.fft.rfft(x, dim=dim).real.square().movedim(dim, 0).reshape(p // 2 + 1, -1).sum(1)


@mistake("energy_per_frequency", "`.real` of an FFT's result is the cosines' part only: the sines are in `.imag`.")
def real_part_scaled_and_squared(x, dim=0):
    p = x.shape[dim]
    return torch.fft.rfft(x, dim=dim, norm="ortho").real.square().movedim(dim, 0).reshape(p // 2 + 1, -1).sum(1)


@mistake("energy_per_frequency", "The values themselves are squared here; the transform is missing.")
def values_for_components(x, dim=0):
    p = x.shape[dim]
    squares = x.movedim(dim, 0).reshape(p, -1).square().sum(dim=1)
    return squares.new_zeros(p // 2 + 1).index_add(0, fourier.frequencies(p), squares)


also_in_float32("energy_per_frequency")


# --- key_frequencies --------------------------------------------------------------------------------------------------


def _planted(draw, n, spikes, background=1.0, constant=0.5):
    """A spectrum of n frequencies: a background that varies by a tenth, and spikes (energy by frequency) on it."""
    energy = background * (1 + 0.1 * torch.rand(n + 1, generator=draw.generator, dtype=torch.float64))
    energy[0] = constant
    for k, value in spikes.items():
        energy[k] = value
    return energy


def _places(draw, n, count):
    """Some frequencies from 1 to n; three or more of them stand in neither rising nor falling order."""
    places = (draw.order(n)[:count] + 1).tolist()
    return places if count < 3 or sorted(places) not in (places, places[::-1]) else _places(draw, n, count)


def _expect_keys(got, expected, message, on):
    if isinstance(got, torch.Tensor) and got.ndim == 1:
        got = got.tolist()
    expect(isinstance(got, list), "should return a list of frequencies", on)
    numbers = [k.item() if isinstance(k, torch.Tensor) and k.numel() == 1 else k for k in got]
    is_whole = all(isinstance(k, (int, float)) and not isinstance(k, bool) and k == k // 1 for k in numbers)
    expect(is_whole, "the frequencies should be whole numbers", on)
    expect([int(k) for k in numbers] == expected, message, on)


def _ask_keys(student, cases):
    """Ask about every spectrum before looking at any answer."""
    return [(on, expected, student.key_frequencies(energy, *limits)) for on, energy, limits, expected in cases]


@checks("key_frequencies", "clear spikes are found, the largest first, at any scale")
def test_key_frequencies_spikes(student, draw):
    example = torch.tensor([50.0, 1.0, 40.0, 1.0, 10.0, 1.0])
    cases = [("the energies 50, 1, 40, 1, 10, 1", example, (), [2, 4])]
    for n, count in ((6, 1), (15, 3), (56, 7)):
        places = _places(draw, n, count)
        spikes = {k: 100.0 * 0.8**i for i, k in enumerate(places)}
        for scale in (1.0, 1e-3):
            on = f"a spectrum of {n} frequencies with {count} {'spike' if count == 1 else 'spikes'}"
            cases.append((on, scale * _planted(draw, n, spikes), (), places))
    for on, expected, got in _ask_keys(student, cases):
        _expect_keys(got, expected, "should be the frequencies of the spikes, by falling energy", on)


@checks("key_frequencies", "the constant is never key, and does not raise what others are compared with")
def test_key_frequencies_constant(student, draw):
    cases = []
    for n, count in ((6, 1), (15, 3), (56, 5)):
        places = _places(draw, n, count)
        energy = _planted(draw, n, {k: 100.0 * 0.85**i for i, k in enumerate(places)}, constant=1e5)
        cases.append(
            (f"a spectrum of {n} frequencies whose constant is a thousand times the spikes", energy, (), places)
        )
    small = (0.0, (0.1, 0.2, 1, 3, 10), 1), (1e4, (0.1, 0.2, 1, 5, 10), 2), (1e4, (0.1, 0.2, 0.3, 0.4, 2, 50, 100), 2)
    for constant, waves, count in small:  # in the first two, counting the constant moves the median past a frequency
        order = draw.order(len(waves))
        energy = torch.tensor([constant, *waves], dtype=torch.float64)[[0, *(order + 1).tolist()]]
        keys = (energy[1:].argsort(descending=True) + 1)[:count].tolist()
        on = f"the energies {', '.join(map(str, waves))} in some order, and {constant:g} in entry 0"
        cases.append((on, energy, (), keys))
    for on, expected, got in _ask_keys(student, cases):
        _expect_keys(got, expected, "entry 0 should play no part: the spikes are as key as without it", on)


@checks("key_frequencies", "nothing stands out of a flat spectrum; above an empty background spikes do")
def test_key_frequencies_flat(student, draw):
    places = _places(draw, 20, 3)
    spikes = {k: 2.0 * 0.8**i for i, k in enumerate(places)}
    cases = [
        ("a flat spectrum of 6 frequencies", _planted(draw, 6, {}), (), []),
        ("a flat spectrum of 56 frequencies of energy 100", _planted(draw, 56, {}, background=100.0), (), []),
        ("a spectrum of zeros", torch.zeros(8, dtype=torch.float64), (), []),
        ("three spikes with nothing between them", _planted(draw, 20, spikes, background=0.0), (), places),
        (
            "a large spike, one with 3 % of its energy and one with 1 %",
            _planted(draw, 9, {7: 1000.0, 2: 30.0, 4: 10.0}),
            (),
            [7],
        ),
    ]
    for on, expected, got in _ask_keys(student, cases):
        _expect_keys(got, expected, "should be the frequencies that stand out, and no others", on)


@checks("key_frequencies", "both conditions have to hold")
def test_key_frequencies_both(student, draw):
    cases = []
    for n in (9, 15, 40):
        big, small, tiny = _places(draw, n, 3)
        energy = _planted(draw, n, {big: 1000.0, small: 30.0, tiny: 10.0}, constant=2000.0)
        on = f"{n} frequencies; one spike, and two small ones with 3 % and 1 % of its energy"
        cases.append((on, energy, (4.0, 0.1), [big]))
        energy = _planted(draw, n, {big: 6.0, small: 2.5}, constant=10.0)
        cases.append((f"{n} frequencies; one has 6 times the background, one 2.5 times", energy, (4.0, 0.1), [big]))
    for on, expected, got in _ask_keys(student, cases):
        _expect_keys(got, expected, "should be the one frequency that is large by both measures", on)


@checks("key_frequencies", "the limits are arguments")
def test_key_frequencies_limits(student, draw):
    cases = []
    for n in (12, 30):
        big, middle, small = places = _places(draw, n, 3)
        energy = _planted(draw, n, {big: 100.0, middle: 40.0, small: 8.0}, constant=1000.0)
        limits = (2, 0.02, 3), (2, 0.2, 2), (2, 0.7, 1), (2, 1, 1), (20, 0.02, 2), (60, 0.02, 1)
        for over_median, of_largest, count in limits:
            on = f"{n} frequencies, over_median = {over_median}, of_largest = {of_largest}"
            cases.append((on, energy, (float(over_median), float(of_largest)), places[:count]))
    for on, expected, got in _ask_keys(student, cases):
        _expect_keys(got, expected, "should be the frequencies that stand out by these limits", on)


@checks("key_frequencies", "just at the limits: more than so many times the median, at least so large a share")
def test_key_frequencies_ties(student, draw):
    energy = torch.tensor([9, 1, 16, 1, 4, 1, 1, 8, 1, 1], dtype=torch.float64) / 2.0 ** draw.integer(3, 6)
    cases = [
        ("one has exactly four times the median", energy, (4.0, 0.125), [2, 7]),
        ("one has exactly half of the largest energy", energy, (4.0, 0.5), [2, 7]),
        ("the largest has exactly eight times the median of the others", energy[[0, 1, 3, 7, 5, 6]], (8.0, 0.5), []),
    ]
    for on, expected, got in _ask_keys(student, cases):
        message = "exactly `over_median` times the median is not more than that; exactly the share is at least that"
        _expect_keys(got, expected, message, on)


@checks("key_frequencies", "a list of whole numbers, and a spectrum that stays as it was", side=True)
def test_key_frequencies_list(student, draw):
    function, cases = student.value("key_frequencies"), []
    for n, count in ((6, 1), (15, 3)):
        places = _places(draw, n, count)
        cases.append((_planted(draw, n, {k: 100.0 * 0.8**i for i, k in enumerate(places)}), places))
    for energy, places, got in [(*case, student.make("call_with_copies", function, case[0])) for case in cases]:
        on, value = f"a spectrum of {len(energy) - 1} frequencies", got["value"]
        _expect_keys(value, places, "should be the frequencies of the spikes, by falling energy", on)
        is_list = isinstance(value, list) and all(isinstance(k, int) for k in value)
        expect(is_list, "should return a list of whole numbers: `.tolist()` makes one of a tensor", on)
        expect(got["changed"] is False, "the spectrum should not be changed in place", on)


def _keys(
    energy, over_median=4.0, of_largest=0.1, *,
    waves=lambda energy: energy[1:],
    first=1,
    middle=lambda waves: waves.quantile(0.5),
    both=torch.logical_and,
    largest=torch.max,
    descending=True,
):  # fmt: skip
    """The rule with one part exchanged."""
    waves = waves(energy)
    stands_out = both(waves > over_median * middle(waves), waves >= of_largest * largest(waves))
    by_energy = waves.argsort(descending=descending, stable=True)
    return (by_energy[stands_out[by_energy]] + first).tolist()


@mistake("key_frequencies", "Without entry 0 the places count from 0 again, and the frequencies from 1.")
def off_by_one(*args, **kwargs):
    return _keys(*args, **kwargs, first=0)


@mistake("key_frequencies", "The constant takes part here: entry 0 says nothing about a wave.")
def constant_takes_part(*args, **kwargs):
    return _keys(*args, **kwargs, waves=lambda energy: energy, first=0)


@mistake("key_frequencies", "The smallest comes first.")
def smallest_first(*args, **kwargs):
    return _keys(*args, **kwargs, descending=False)


@mistake("key_frequencies", "They stand in the order of the frequencies; asked for is the order of the energies.")
def in_order_of_frequency(*args, **kwargs):
    return sorted(_keys(*args, **kwargs))


@mistake("key_frequencies", "A few large spikes raise the mean; the background is measured by the median.")
def mean_for_median(*args, **kwargs):
    return _keys(*args, **kwargs, middle=torch.mean)


@mistake("key_frequencies", "One of the conditions is enough here; a key frequency fulfils both.")
def either_condition(*args, **kwargs):
    return _keys(*args, **kwargs, both=torch.logical_or)


@mistake("key_frequencies", "How many frequencies stand out is not settled beforehand: this always returns five.")
def always_five(energy, over_median=4.0, of_largest=0.1):
    return (energy[1:].argsort(descending=True)[:5] + 1).tolist()


@mistake("key_frequencies", "The median tells nothing if it isn't multiplied: this compares with a fixed energy.")
def fixed_energy(*args, **kwargs):
    return _keys(*args, **kwargs, middle=lambda waves: torch.tensor(1.1))


@mistake("key_frequencies", "The two limits are arguments; here they are always the same.")
def limits_ignored(energy, over_median=4.0, of_largest=0.1):
    return _keys(energy)


@mistake("key_frequencies", "The share is meant of the largest energy; here it is one of the sum of all.")
def share_of_the_sum(*args, **kwargs):
    return _keys(*args, **kwargs, largest=torch.sum)


@mistake("key_frequencies", "The second condition is missing: ripples of a very low background are no spikes.")
def only_the_median(*args, **kwargs):
    return _keys(*args, **kwargs, largest=lambda waves: 0.0 * waves.max())


@mistake("key_frequencies", "Energies are squares already, and are compared as they are; here their roots are.")
def roots_compared(energy, over_median=4.0, of_largest=0.1):
    return _keys(energy.sqrt(), over_median, of_largest)


@mistake("key_frequencies", "A share of exactly `of_largest` is enough: at least, not more than.")
def more_than_the_share(energy, over_median=4.0, of_largest=0.1):
    waves = energy[1:]
    return [k for k in _keys(energy, over_median, of_largest) if energy[k] > of_largest * waves.max()]


@mistake("key_frequencies", "More than `over_median` times the median: exactly so many times is not enough.")
def at_least_the_median(energy, over_median=4.0, of_largest=0.1):
    waves = energy[1:]
    stands_out = (waves >= over_median * waves.median()) & (waves >= of_largest * waves.max())
    by_energy = waves.argsort(descending=True, stable=True)
    return (by_energy[stands_out[by_energy]] + 1).tolist()


@mistake("key_frequencies", "Entry 0 is never returned, but still counts among those whose median is taken.")
def constant_in_the_median(energy, over_median=4.0, of_largest=0.1):
    return _keys(energy, over_median, of_largest, middle=lambda waves: energy.quantile(0.5))


@mistake("key_frequencies", "Entry 0 is never returned, but still counts among those whose median is taken.")
def constant_in_the_lower_median(energy, over_median=4.0, of_largest=0.1):
    return _keys(energy, over_median, of_largest, middle=lambda waves: energy.median())


@mistake("key_frequencies", "Entry 0 is never returned, but still counts when the largest energy is looked for.")
def constant_as_the_largest(energy, over_median=4.0, of_largest=0.1):
    return _keys(energy, over_median, of_largest, largest=lambda waves: energy.max())


@mistake("key_frequencies", "Entry 0 is never returned, but still counts for the median and for the largest.")
def constant_in_both(energy, over_median=4.0, of_largest=0.1):
    limits = {"middle": lambda waves: energy.quantile(0.5), "largest": lambda waves: energy.max()}
    return _keys(energy, over_median, of_largest, **limits)


@mistake("key_frequencies", "Entry 0 is never returned, but still counts for the median and for the largest.")
def constant_in_both_with_the_lower_median(energy, over_median=4.0, of_largest=0.1):
    limits = {"middle": lambda waves: energy.median(), "largest": lambda waves: energy.max()}
    return _keys(energy, over_median, of_largest, **limits)


def _zero_in_front(energy):
    return torch.cat([torch.zeros_like(energy[:1]), energy[1:]])


@mistake("key_frequencies", "Setting entry 0 to zero does not leave it out: the median still counts it.")
def constant_set_to_zero(energy, over_median=4.0, of_largest=0.1):
    middle = _zero_in_front(energy).quantile(0.5)
    return _keys(energy, over_median, of_largest, middle=lambda waves: middle)


@mistake("key_frequencies", "Setting entry 0 to zero does not leave it out: the median still counts it.")
def constant_set_to_zero_with_the_lower_median(energy, over_median=4.0, of_largest=0.1):
    middle = _zero_in_front(energy).median()
    return _keys(energy, over_median, of_largest, middle=lambda waves: middle)


@mistake("key_frequencies", "Entry 0 is set to zero in the caller's own spectrum: work on `energy[1:]` or on a clone.")
def constant_set_to_zero_in_place(energy, over_median=4.0, of_largest=0.1):
    keys = constant_set_to_zero_with_the_lower_median(energy, over_median, of_largest)
    energy[0] = 0
    return keys


@mistake(
    "key_frequencies",
    "The mask is in the order of the frequencies, the places are in that of the energies: they don't fit.",
)
def mask_in_another_order(energy, over_median=4.0, of_largest=0.1):
    waves = energy[1:]
    stands_out = (waves > over_median * waves.median()) & (waves >= of_largest * waves.max())
    return (waves.argsort(descending=True, stable=True)[stands_out] + 1).tolist()


@mistake("key_frequencies", "These are places among those picked; the frequencies that stand there are asked for.")
def places_among_the_picked(energy, over_median=4.0, of_largest=0.1):
    keys = torch.tensor(sorted(_keys(energy, over_median, of_largest)), dtype=torch.int64)
    return (energy[keys].argsort(descending=True) + 1).tolist()


@mistake("key_frequencies", "These are energies; asked for are the frequencies that have them.")
def energies_for_frequencies(energy, over_median=4.0, of_largest=0.1):
    return energy[_keys(energy, over_median, of_largest)].tolist()


@mistake("key_frequencies", "The frequencies are right; asked for is a list, and `.tolist()` makes one of a tensor.")
def keys_in_a_tensor(energy, over_median=4.0, of_largest=0.1):
    return torch.tensor(_keys(energy, over_median, of_largest), dtype=torch.int64)


@mistake(
    "key_frequencies",
    "The first condition is missing: in a flat spectrum all are close to the largest, and none stands out.",
)
def only_the_largest(*args, **kwargs):
    return _keys(*args, **kwargs, middle=lambda waves: torch.tensor(-1.0))


# --- circle -----------------------------------------------------------------------------------------------------------


def _circle(matrix, k):
    """Each row's coordinates along the two directions, number by number."""
    matrix = np.asarray(matrix, dtype=np.float64)
    points = []
    for phase in (0.0, np.pi / 2):
        direction = sum(height * row for height, row in zip(_wave(len(matrix), k, phase), matrix, strict=True))
        points.append([row @ direction / np.sqrt(direction @ direction) for row in matrix])
    return np.array(points).T


def _tables(draw, dtype=torch.float32):
    shapes = (2 * draw.integer(3, 6), draw.integer(2, 5)), (draw.prime(17, 31), draw.integer(6, 9))
    for k, p, d in ((1, 3, 2), (2, 5, 3), *((draw.integer(1, (p - 1) // 2), p, d) for p, d in shapes)):
        yield k, draw.normal(p, d, dtype=dtype) + 0.3


@checks("circle", "a matrix that is a circle comes out as one, with the numbers in their order", weight=2)
def test_circle_ideal(student, draw):
    cases = []
    for p in (3, 5, 2 * draw.integer(3, 6), draw.prime(17, 31)):
        k, radius = draw.integer(1, (p - 1) // 2) if p != 5 else 2, draw.number(1.5, 3)
        points = radius * np.stack([_wave(p, k), _wave(p, k, np.pi / 2)], 1)
        middle = np.array([draw.number(0.5, 1), -draw.number(0.5, 1)])
        turned = np.linalg.qr(draw.normal(4, 4, dtype=torch.float64).numpy())[0]
        other = k % ((p - 1) // 2) + 1  # a larger circle, at right angles to the one that is asked for
        larger = 2 * radius * (other != k) * np.stack([_wave(p, other), _wave(p, other, np.pi / 2)], 1)
        matrix = torch.tensor(np.hstack([middle + points, larger]) @ turned, dtype=torch.float32)
        cases.append((p, k, radius, points, student.circle(matrix, k)))
    for p, k, radius, points, got in cases:
        on = f"p = {p}: a circle of frequency {k} and radius {radius:.2f} in 4 dimensions, with other waves across it"
        got = expect_values(got, (p, 2), on)
        around = got - got.mean(dim=0)
        message = "all numbers should be at that distance from the middle"
        expect_close(around.norm(dim=1), np.full(p, radius), message, on, atol=1e-3)
        message = (
            "from the middle, number 0 should lie along the first axis, and each next one a turn of frequency k further"
        )
        expect_close(around, points, message, on, atol=1e-3)


@checks("circle", "a random matrix: each row's dot product with the two directions")
def test_circle_random(student, draw):
    cases = [(k, matrix, student.circle(matrix, k)) for k, matrix in _tables(draw)]
    for k, matrix, got in cases:
        on = f"a random matrix of shape {tuple(matrix.shape)}, k = {k}"
        got = expect_values(got, (len(matrix), 2), on)
        message = "should be the rows' dot products with the cosine's and the sine's direction, each of length one"
        expect_close(got, _circle(matrix, k), message, on, atol=1e-3)


@checks("circle", "turning the embedding changes nothing, and the picture grows and moves with it")
def test_circle_turned(student, draw):
    cases = []
    for k, matrix in _tables(draw):
        d, factor = matrix.shape[1], draw.number(2, 3)
        turn, row = torch.linalg.qr(draw.normal(d, d))[0], draw.normal(d)
        changed = [matrix, factor * matrix @ turn, matrix + row]
        cases.append((k, matrix, row, factor, [student.circle(one, k) for one in changed]))
    for k, matrix, row, factor, pictures in cases:
        on = f"a random matrix of shape {tuple(matrix.shape)}, k = {k}; and turned, {factor:.1f} times as large"
        one, other, moved = (expect_values(got, (len(matrix), 2), on) for got in pictures)
        message = "the second picture should be the first, that much larger"
        expect_close(other, factor * one, message, on, rtol=1e-3, atol=1e-3)
        on = f"a random matrix of shape {tuple(matrix.shape)}, k = {k}; and with one row added to all rows"
        shift = (moved - one).mean(dim=0)
        expect_close(moved, one + shift, "the picture should move, and keep its shape", on, rtol=1e-3, atol=1e-3)
        waves = [_wave(len(matrix), k, phase) for phase in (0.0, np.pi / 2)]
        along = [wave @ matrix.double().numpy() for wave in waves]
        expected = [row.double().numpy() @ direction / np.linalg.norm(direction) for direction in along]
        message = "the picture should move by as much as the added row reaches along the two directions"
        expect_close(shift, np.array(expected), message, on, rtol=1e-3, atol=1e-3)


@checks("circle", TYPES, side=True)
def test_circle_dtype(student, draw):
    cases = [(matrix, k) for k, matrix in _tables(draw, torch.float64)]
    expect_dtypes(student, "circle", cases[1:3], _circle)


@checks("circle", UNCHANGED, side=True)
def test_circle_unchanged(student, draw):
    expect_unchanged(student, "circle", [(draw.normal(p, 3), 1) for p in (7, 10)], "the matrix")


def _directions(matrix, k, rows=(-1, 0)):
    components = fourier.transform(matrix)
    return torch.stack([components[(2 * k + row) % len(matrix)] for row in rows])


def _unit(vectors):
    return vectors / vectors.norm(dim=1, keepdim=True)


@mistake("circle", "The sine comes first here.")
def sine_on_the_first_axis(matrix, k):
    return matrix @ _unit(_directions(matrix, k, (0, -1))).T


@mistake("circle", "The directions must have length one, or the picture's size depends on them.")
def directions_not_scaled(matrix, k):
    return matrix @ _directions(matrix, k).T


@mistake("circle", "These are the wrong rows: the constant stands before all cosines and sines.")
def next_rows(matrix, k):
    return matrix @ _unit(_directions(matrix, k, (0, 1))).T


@mistake("circle", "This looks at the components; asked for is where the numbers' own rows lie.")
def components_seen(matrix, k):
    return fourier.transform(matrix) @ _unit(_directions(matrix, k)).T


@mistake("circle", "It should be a row per number, with its two coordinates; this is turned round.")
def two_rows(matrix, k):
    return _unit(_directions(matrix, k)) @ matrix.T


@mistake("circle", "The two directions are scaled together; each should have length one by itself.")
def scaled_together(matrix, k):
    directions = _directions(matrix, k)
    return matrix @ (directions / directions.norm()).T


@mistake("circle", "Every number comes out at distance 1 from 0; how far out it lies should be read off the matrix.")
def the_ideal_circle(matrix, k):
    angle = 2 * math.pi * k * torch.arange(len(matrix), dtype=torch.float64) / len(matrix)
    return torch.stack([angle.cos(), angle.sin()], 1).to(matrix.dtype)


@mistake("circle", "The lengths are taken along the wrong dimension: each direction is one row.")
def lengths_along_the_wrong_dimension(matrix, k):
    directions = _directions(matrix, k)
    return matrix @ (directions / directions.norm(dim=0, keepdim=True)).T


@mistake("circle", "The mean row is taken away first; the numbers should stay where they are.")
def mean_row_removed(matrix, k):
    return (matrix - matrix.mean(dim=0)) @ _unit(_directions(matrix, k)).T


@mistake("circle", "These are the two directions; asked for is where the numbers lie along them.")
def directions_for_points(matrix, k):
    return _unit(_directions(matrix, k)).T


@mistake("circle", "The sine has the wrong sign, so that the numbers run the other way round.")
def the_other_way_round(matrix, k):
    points = fourier.circle(matrix, k)
    return torch.stack([points[:, 0], -points[:, 1]], dim=1)


@mistake("circle", "The numbers are brought to distance 1 from 0; how far out they lie should be read off the matrix.")
def points_of_length_one(matrix, k):
    return torch.nn.functional.normalize(fourier.circle(matrix, k), dim=1)


@mistake("circle", "The second direction is made perpendicular to the first; each is scaled by itself, and no more.")
def perpendicular_directions(matrix, k):
    one, other = _unit(_directions(matrix, k))
    return matrix @ _unit(torch.stack([one, other - (one @ other) * one])).T


@mistake("circle", "The directions are divided by their squared length.")
def divided_by_the_square(matrix, k):
    directions = _directions(matrix, k)
    return matrix @ (directions / directions.square().sum(dim=1, keepdim=True)).T


@mistake("circle", "These are the wrong rows: the constant stands before all cosines and sines.")
def next_rows_out_of_range(matrix, k):
    components = fourier.transform(matrix)
    return matrix @ _unit(torch.stack([components[2 * k], components[2 * k + 1]])).T


@mistake("circle", "These are the wrong rows: the constant stands before all cosines and sines.")
def next_rows_cut_off(matrix, k):
    return matrix @ _unit(fourier.transform(matrix)[2 * k : 2 * k + 2]).T


@mistake("circle", "Row k is not frequency k: each frequency has two rows of components, after that of the constant.")
def rows_k_and_the_next(matrix, k):
    return matrix @ _unit(fourier.transform(matrix)[k : k + 2]).T


@mistake("circle", "These are the waves of the ideal circle, scaled to length one: the matrix is not looked at.")
def waves_for_points(matrix, k):
    return fourier.fourier_basis(len(matrix), matrix.dtype)[2 * k - 1 : 2 * k + 1].T


@mistake("circle", "The result is always float32; it should have the type of the matrix.")
def circle_in_float32(matrix, k):
    return fourier.circle(matrix.float(), k)


@mistake("circle", "The matrix is changed in place: the caller still needs it.")
def circle_in_place(matrix, k):
    points = fourier.circle(matrix, k)
    matrix /= matrix.norm()
    return points


# --- keep_frequencies -------------------------------------------------------------------------------------------------


def _kept_part(matrix, kept):
    """The part of a matrix in some frequencies, by numpy's FFT and back."""
    matrix = np.asarray(matrix, dtype=np.float64)
    spectrum = np.fft.rfft(matrix, axis=0)
    spectrum[[k for k in range(len(spectrum)) if k not in kept]] = 0
    return np.fft.irfft(spectrum, n=len(matrix), axis=0)


def _choices(draw):
    """Matrices, each with some of its frequencies."""
    shapes = (3, 1), (4, 2), (draw.prime(7, 13), 3), (2 * draw.integer(7, 10), 2), (draw.prime(17, 31), 5)
    for p, d in shapes:
        kept = draw.order(p // 2 + 1)[: draw.integer(1, max(1, p // 4))].tolist()
        yield draw.normal(p, d) + 0.5, kept


def _odd_choices(draw):
    """The same for odd p and without the constant, where side conditions are asked for."""
    return [
        (draw.normal(p, d) + 0.5, (draw.order(p // 2)[:2] + 1).tolist()) for p, d in ((5, 2), (draw.prime(7, 13), 3))
    ]


@checks("keep_frequencies", "a sum of waves: the waves of the kept frequencies stay, the others go")
def test_keep_frequencies_waves(student, draw):
    cases = []
    for p in (5, draw.prime(7, 13), draw.prime(17, 31)):
        keep, drop = (draw.order(p // 2)[:2] + 1).tolist()
        wave, other = (
            torch.tensor(_wave(p, k, draw.number(0, 6)) * draw.number(1, 2), dtype=torch.float32).unsqueeze(1)
            for k in (keep, drop)
        )
        cases.append((p, keep, drop, wave, student.keep_frequencies(wave + other + 0.7, [keep])))
    for p, keep, drop, wave, got in cases:
        on = f"p = {p}: a constant, a wave of frequency {keep} and one of {drop}; only {keep} is kept"
        message = "just the wave of the kept frequency should be left, shifted as it was"
        expect_close(expect_values(got, wave.shape, on), wave, message, on, atol=1e-4)


def _compare_parts(student, cases):
    for matrix, kept, got in [(*case, student.keep_frequencies(*case)) for case in cases]:
        on = f"shape {tuple(matrix.shape)}, kept = {kept}"
        message = "should be the part of the table that is made of these frequencies' waves"
        expect_close(expect_values(got, matrix.shape, on), _kept_part(matrix, kept), message, on, atol=1e-4)


@checks("keep_frequencies", "random matrices, some frequencies, the constant too if it is asked for")
def test_keep_frequencies_random(student, draw):
    matrix = draw.normal(7, 2) + 0.5
    cases = [(table, kept) for table, kept in _choices(draw) if len(table) % 2]
    _compare_parts(student, [*cases, *((matrix, kept) for kept in ([0], [3, 1], [2, 0]))])


@checks("keep_frequencies", "what is kept and what is removed add up to the matrix; all or none can be kept")
def test_keep_frequencies_parts(student, draw):
    cases = []
    for matrix, kept in list(_choices(draw))[1:4]:
        others = [k for k in range(len(matrix) // 2 + 1) if k not in kept]
        every = list(range(len(matrix) // 2 + 1))
        cases.append((matrix, kept, *(student.keep_frequencies(matrix, ks) for ks in (kept, others, every, []))))
    for matrix, kept, *parts in cases:
        on = f"shape {tuple(matrix.shape)}, kept = {kept}, and all others"
        one, other, of_all, of_none = (expect_values(got, matrix.shape, on) for got in parts)
        expect_close(one + other, matrix, "the two parts should add up to the matrix", on, atol=1e-4)
        expect_close((one * other).sum(), 0.0, "the two parts should be at right angles", on, atol=1e-3)
        expect_close(of_all, matrix, "with all frequencies kept the matrix should come back", on, atol=1e-4)
        expect_close(of_none, torch.zeros_like(matrix), "with none kept nothing should be left", on, atol=1e-4)


@checks("keep_frequencies", "a single function, and tables with more dimensions")
def test_keep_frequencies_shapes(student, draw):
    p, d, e = draw.prime(5, 11), draw.integer(2, 3), draw.integer(2, 4)
    cases = [(torch.tensor([5.0, 2.0, 2.0]), [0]), (draw.normal(p) + 0.5, [1, 0]), (draw.normal(6) + 0.5, [3])]
    cases += [(draw.normal(p, d, e) + 0.5, [2]), (draw.normal(p, p, 2) + 0.5, [0, 1])]
    cases += [(draw.normal(4, 1, 2, 3), [2, 1])]
    _compare_parts(student, cases)


@checks("keep_frequencies", "the frequencies may come in anything that can be gone through once", side=True)
def test_keep_frequencies_iterables(student, draw):
    cases = [(matrix, kept, student.make("generator", kept)) for matrix, kept in _odd_choices(draw)]
    _compare_parts(student, [(matrix, kept) for matrix, kept, _ in cases])
    for matrix, kept, got in [(m, kept, student.keep_frequencies(m, one_by_one)) for m, kept, one_by_one in cases]:
        on = f"shape {tuple(matrix.shape)}, kept = (k for k in {kept}), a generator"
        message = "should be as for a list: a generator can be gone through only once, so make a list of it first"
        expect_close(expect_values(got, matrix.shape, on), _kept_part(matrix, kept), message, on, atol=1e-4)


@checks("keep_frequencies", TYPES, side=True)
def test_keep_frequencies_dtype(student, draw):
    cases = [(matrix.double(), kept) for matrix, kept in _odd_choices(draw)]
    expect_dtypes(student, "keep_frequencies", cases, _kept_part)


@checks("keep_frequencies", UNCHANGED, side=True)
def test_keep_frequencies_unchanged(student, draw):
    expect_unchanged(student, "keep_frequencies", _odd_choices(draw), "the matrix")


def _keep(matrix, is_kept, back=fourier.inverse_transform):
    """Keep the components of the rows that a function of the row's number chooses."""
    rows = torch.tensor([bool(is_kept(row)) for row in range(len(matrix))])
    return back(torch.where(rows.reshape(-1, *[1] * (matrix.ndim - 1)), fourier.transform(matrix), 0.0))


def _wrong_part(hint):
    """Plant a mistake as those make it who make a list of the frequencies first, and who ask ``in kept``."""

    def register(answer):
        def from_a_list(matrix, kept):
            return answer(matrix, list(kept))

        for flavour in (answer, from_a_list):
            name = "" if flavour is answer else f"_{flavour.__name__}"
            flavour.__name__ = answer.__name__ + name
            mistake("keep_frequencies", hint)(flavour)
        return answer

    return register


@_wrong_part("These are the components; the last step, back to numbers, is missing.")
def not_back_again(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept, back=lambda components: components)


@_wrong_part("The frequencies named are the ones to keep; here they are removed.")
def removes_them(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 not in kept)


@_wrong_part("Only the cosine of each frequency is kept, so that shifted waves are cut in two.")
def keeps_only_cosines(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept and (row % 2 == 1 or row == 0))


@_wrong_part("The constant is frequency 0, and stays only if 0 is among those to keep.")
def keeps_the_constant(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept or row == 0)


@_wrong_part("The constant is frequency 0: it may be asked for like any other.")
def loses_the_constant(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept and row > 0)


@_wrong_part("Frequencies are not rows: each frequency has two of them, save the constant (and p/2).")
def rows_for_frequencies(matrix, kept):
    return _keep(matrix, lambda row: row in kept)


@_wrong_part("The rows are paired wrongly: row 0, the constant, has no partner.")
def keeps_the_wrong_partner(matrix, kept):
    return _keep(matrix, lambda row: row // 2 in kept)


@_wrong_part("The way there is taken twice; the second time it should be the way back.")
def transformed_twice(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept, back=fourier.transform)


@_wrong_part("Frequencies are not rows: each frequency has two of them, save the constant (and p/2).")
def rows_for_frequencies_in_the_first_half(matrix, kept):
    return _keep(matrix, lambda row: row > len(matrix) // 2 or row in kept)


@mistake("keep_frequencies", "The matrix is changed in place: the caller still needs the whole.")
def kept_in_place(matrix, kept):
    kept = list(kept)
    return matrix.copy_(_keep(matrix, lambda row: (row + 1) // 2 in kept))


@mistake("keep_frequencies", "A generator can be gone through only once, and here it is asked again for each row.")
def gone_through_again_and_again(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept)


@mistake("keep_frequencies", "`torch.tensor` makes no tensor of a generator: make a list of the frequencies first.")
def tensor_of_a_generator(matrix, kept):
    rows = torch.isin(fourier.frequencies(len(matrix)), torch.tensor(kept, dtype=torch.int64))
    return _keep(matrix, lambda row: rows[row])


@_wrong_part("A mask as a column fits a matrix only: for one or three dimensions it pairs rows with columns.")
def mask_for_matrices_only(matrix, kept):
    rows = torch.isin(fourier.frequencies(len(matrix)), torch.tensor(list(kept), dtype=torch.int64))
    return fourier.inverse_transform(fourier.transform(matrix) * rows[:, None])


@mistake(
    "keep_frequencies",
    "`@` multiplies along the last two dimensions, so this works for a matrix only: use `transform` or `tensordot`.",
)
def products_for_matrices_only(matrix, kept):
    basis, kept = fourier.fourier_basis(len(matrix), matrix.dtype), list(kept)
    rows = basis[[row for row in range(len(basis)) if (row + 1) // 2 in kept]]
    return rows.T @ (rows @ matrix)


@mistake(
    "keep_frequencies", "For even p the last frequency has one row, the last; it is not among those that are kept."
)
def loses_half_of_even_p(matrix, kept):
    kept, last = list(kept), len(matrix) - 1
    return _keep(matrix, lambda row: (row + 1) // 2 in kept and not (row == last and row % 2 == 1))


@mistake("keep_frequencies", "For even p there is no row p: the last frequency has a cosine only.")
def row_p_to_keep(matrix, kept):
    components = fourier.transform(matrix)
    out = torch.zeros_like(components)
    for k in kept:
        for row in [2 * k - 1, 2 * k] if k else [0]:
            out[row] = components[row]
    return fourier.inverse_transform(out)


@_wrong_part("For frequency 0, rows 2k − 1 and 2k are −1 and 0; and for even p and k = p/2 there is no row 2k.")
def rows_2k_for_every_k(matrix, kept):
    components = fourier.transform(matrix)
    out = torch.zeros_like(components)
    for k in kept:
        out[2 * k - 1] = components[2 * k - 1]
        out[2 * k] = components[2 * k]
    return fourier.inverse_transform(out)


@_wrong_part("The products and the mask are made for matrices: with one dimension, or three, they go another way.")
def products_and_mask_for_matrices(matrix, kept):
    basis = fourier.fourier_basis(len(matrix), matrix.dtype)
    rows = torch.tensor([k in kept for k in fourier.frequencies(len(matrix)).tolist()])
    return basis.T @ ((basis @ matrix) * rows[:, None])


@_wrong_part("The products and the mask are made for matrices only, and the basis is float32 whatever the matrix is.")
def products_and_mask_in_float32(matrix, kept):
    basis = fourier.fourier_basis(len(matrix))
    rows = torch.tensor([k in kept for k in fourier.frequencies(len(matrix)).tolist()])
    return basis.T @ ((basis @ matrix) * rows[:, None])


@mistake("keep_frequencies", "For frequency 0, rows 2k − 1 and 2k are −1 and 0: the last row of all is kept, too.")
def last_row_with_the_constant(matrix, kept):
    components = fourier.transform(matrix)
    out = torch.zeros_like(components)
    for k in kept:
        for row in (2 * k - 1, 2 * k):
            if row < len(matrix):
                out[row] = components[row]
    return fourier.inverse_transform(out)


@mistake("keep_frequencies", "Only those rows are left that were kept; the others should be zero, not gone.")
def rows_cut_out(matrix, kept):
    rows = torch.isin(fourier.frequencies(len(matrix)), torch.tensor(list(kept), dtype=torch.int64))
    return fourier.transform(matrix)[rows]


@mistake("keep_frequencies", "Each frequency's part is found, but only that of the last one is returned: add them up.")
def only_the_last_of_them(matrix, kept):
    part = torch.zeros_like(matrix)
    for k in kept:
        part = fourier.keep_frequencies(matrix, [k])
    return part


@mistake("keep_frequencies", "The result is always float32; it should have the type of the matrix.")
def kept_in_float32(matrix, kept):
    return fourier.keep_frequencies(matrix.float(), list(kept))


# --- cos_of_sum -------------------------------------------------------------------------------------------------------


def _frequencies(draw):
    pairs = [(2, 1), (3, 1), (5, 2), (8, 3)]
    pairs += [(p, draw.integer(1, p // 2)) for p in (draw.prime(7, 13), 2 * draw.integer(7, 10), draw.prime(17, 31))]
    return [(k, p) for p, k in pairs]


def _expect_cosines(got, k, p):
    on = f"k = {k}, p = {p}"
    got = expect_values(got, (p, p), on)
    expected = torch.tensor([[math.cos(2 * math.pi * k * (a + b) / p) for b in range(p)] for a in range(p)])
    wrong = (~((got - expected).abs() < 1e-3)).nonzero().tolist()
    message = "at a = {} and b = {} it should be the cosine of 2πk(a + b)/p"
    expect(not wrong, message.format(*wrong[0]) if wrong else "", on)


@checks("cos_of_sum", "entry [a, b] is the cosine for a + b")
def test_cos_of_sum_table(student, draw):
    for k, p, got in [(k, p, student.cos_of_sum(k, p)) for k, p in [*_frequencies(draw), (0, draw.integer(5, 9))]]:
        _expect_cosines(got, k, p)


@checks(
    "cos_of_sum", "a and b are never added, nor their angles: the table is made of waves of a and waves of b", weight=4
)
def test_cos_of_sum_never_adds(student, draw):
    """For a frequency so large that angles have no digits left, a sum of angles is rounded to another angle.

    What the identity makes is a sum of two products all the same, a matrix of rank 2, however the angles were
    computed. And k(a + b), in whole numbers, does not fit into 63 bits, where ka and kb do.
    """
    moduli = 11, draw.prime(17, 31)
    small = [(draw.integer(1, p // 2), p) for p in moduli]
    large = [((2**63 - 1) // (p - 1) - draw.integer(1, 1000), p) for p in moduli]
    for k, p, got in [(k, p, student.cos_of_sum(k, p)) for k, p in small]:
        _expect_cosines(got, k, p)
    for k, p, got in [(k, p, student.cos_of_sum(k, p)) for k, p in large]:
        on = f"k = {k}, p = {p}: angles so large that a sum of two of them is rounded to another angle"
        got = expect_values(got, (p, p), on)
        expect(bool(got.isfinite().all()), "all entries should be numbers", on)
        sizes = torch.linalg.svdvals(got)
        message = (
            "the table should still be the sum of two products, a wave of a times a wave of b, and it is not: "
            "somewhere a and b are added, or their angles"
        )
        expect(float(sizes[2]) < 1e-3 * float(sizes[0]), message, on)


@checks("cos_of_sum", "the dtype is float64, with all its digits", side=True)
def test_cos_of_sum_dtype(student, draw):
    for k, p, got in [(k, p, student.cos_of_sum(k, p)) for k, p in _frequencies(draw)]:
        on = f"k = {k}, p = {p}"
        expect_tensor(got, (p, p), torch.float64, on)
        angles = np.add.outer(np.arange(p), np.arange(p)) * 2 * np.pi * k / p
        expect_digits(got, np.cos(angles), on, **TIGHT)


def _waves_of(k, p, turn=2 * math.pi):
    angle = turn * k * torch.arange(p, dtype=torch.float64) / p
    return angle.cos(), angle.sin()


@mistake("cos_of_sum", "With a plus it is the cosine of a − b.")
def cosine_of_the_difference(k, p):
    cos, sin = _waves_of(k, p)
    return torch.outer(cos, cos) + torch.outer(sin, sin)


@mistake("cos_of_sum", "The cosine of a sum is not the product of the cosines: a second product is missing.")
def product_of_the_cosines(k, p):
    cos, _ = _waves_of(k, p)
    return torch.outer(cos, cos)


@mistake("cos_of_sum", "The cosine of a sum is not the sum of the cosines.")
def sum_of_the_cosines(k, p):
    cos, _ = _waves_of(k, p)
    return cos[:, None] + cos[None, :]


@mistake("cos_of_sum", "That is the identity for the sine of a + b.")
def sine_of_the_sum(k, p):
    cos, sin = _waves_of(k, p)
    return torch.outer(sin, cos) + torch.outer(cos, sin)


@mistake("cos_of_sum", "A factor of two is missing in the angle: a full turn is 2π.")
def cos_of_sum_half_a_turn(k, p):
    cos, sin = _waves_of(k, p, math.pi)
    return torch.outer(cos, cos) - torch.outer(sin, sin)


@mistake("cos_of_sum", "The frequency has no effect: the wave turns k times as far from one number to the next.")
def frequency_ignored(k, p):
    cos, sin = _waves_of(1, p)
    return torch.outer(cos, cos) - torch.outer(sin, sin)


@mistake("cos_of_sum", "cos and sin take radians, where a full turn is 2π, not degrees.")
def in_degrees(k, p):
    cos, sin = _waves_of(k, p, 360)
    return torch.outer(cos, cos) - torch.outer(sin, sin)


@mistake("cos_of_sum", "This has only the pairs with a = b: make one of the waves a column and the other a row.")
def only_equal_pairs(k, p):
    cos, sin = _waves_of(k, p)
    return cos * cos - sin * sin


@mistake("cos_of_sum", "This works for p = 113 only: the modulus is an argument.")
def always_113(k, p):
    cos, sin = _waves_of(k * p / 113, p)
    return torch.outer(cos, cos) - torch.outer(sin, sin)


@mistake("cos_of_sum", "Numbers run from 0 to p − 1; these run from 1 to p.")
def cos_of_sum_from_one(k, p):
    cos, sin = _waves_of(k, p)
    return (torch.outer(cos, cos) - torch.outer(sin, sin)).roll((-1, -1), (0, 1))


def _sums(p):
    return torch.arange(p)[:, None] + torch.arange(p)


ADDED = "This adds a and b first. Take cosine and sine of a alone and of b alone, and multiply these."


@mistake("cos_of_sum", ADDED)
def adds_the_numbers(k, p):
    return (2 * math.pi * k * _sums(p).double() / p).cos()


@mistake("cos_of_sum", ADDED)
def adds_the_numbers_too(k, p):
    return (2 * math.pi * k / p * _sums(p).double()).cos()


@mistake("cos_of_sum", ADDED)
def adds_the_numbers_in_float32(k, p):
    return (2 * math.pi * k * _sums(p) / p).cos()


@mistake("cos_of_sum", ADDED)
def adds_the_numbers_in_float32_too(k, p):
    return (2 * math.pi * k / p * _sums(p)).cos()


@mistake("cos_of_sum", ADDED)
def adds_in_python(k, p):
    w = 2 * math.pi * k / p
    return torch.tensor([[math.cos(w * (a + b)) for b in range(p)] for a in range(p)])


@mistake("cos_of_sum", "This adds a and b and takes the remainder. That is what the waves can do without.")
def looks_the_answer_up(k, p):
    return (2 * math.pi * k / p * (_sums(p) % p).double()).cos()


@mistake("cos_of_sum", "This adds a and b and takes the remainder. That is what the waves can do without.")
def looks_the_answer_up_too(k, p):
    return (2 * math.pi * k * (_sums(p) % p).double() / p).cos()


@mistake("cos_of_sum", "This adds the two angles. Take the cosine and sine of each alone, and multiply these.")
def adds_the_angles(k, p):
    angle = 2 * math.pi * k * torch.arange(p, dtype=torch.float64) / p
    return (angle[:, None] + angle).cos()


@mistake("cos_of_sum", "This adds the two angles. Take the cosine and sine of each alone, and multiply these.")
def adds_the_angles_too(k, p):
    angle = 2 * math.pi * k / p * torch.arange(p, dtype=torch.float64)
    return (angle[:, None] + angle).cos()


@mistake("cos_of_sum", "A sine found as √(1 − cos²) has lost its sign: in the second half of the turn it is negative.")
def sine_without_its_sign(k, p):
    cos, sin = _waves_of(k, p)
    return torch.outer(cos, cos) - torch.outer(sin.abs(), sin.abs())


@mistake("cos_of_sum", "π is missing in the angle, or the 2: a full turn is 2π.")
def without_pi(k, p):
    cos, sin = _waves_of(k, p, 1)
    return torch.outer(cos, cos) - torch.outer(sin, sin)


@mistake("cos_of_sum", "The result is float32. `torch.arange(p, dtype=torch.float64)` keeps all digits.")
def table_in_float32(k, p):
    angle = 2 * math.pi * k * torch.arange(p) / p
    return torch.outer(angle.cos(), angle.cos()) - torch.outer(angle.sin(), angle.sin())


@mistake("cos_of_sum", "The result is float32. `torch.arange(p, dtype=torch.float64)` keeps all digits.")
def table_in_float32_too(k, p):
    angle = 2 * math.pi * k / p * torch.arange(p)
    return torch.outer(angle.cos(), angle.cos()) - torch.outer(angle.sin(), angle.sin())


also_in_float32("cos_of_sum")


# --- shifted_spectrum -------------------------------------------------------------------------------------------------


@checks("shifted_spectrum", "what a shift does to the energies")
def test_shifted_spectrum(student, draw):
    got = expect_choice(student, "shifted_spectrum", "abcd")
    expect(got == answers.shifted_spectrum(), "a shift does something else to the energies")


wrong_values("shifted_spectrum", "Shifted by three numbers, a wave still has as many periods as before.", "a", "A")
wrong_values(
    "shifted_spectrum", "Energy gets lost nowhere: the sum of all squared values is the same after a shift.", "c", "C"
)
wrong_values(
    "shifted_spectrum", "Cosine and sine do change, but both belong to one frequency: add their squares.", "d", "D"
)

wrong_values("shifted_spectrum", "Give the letter of your answer, not the shift.", 3, 3.0, "3", 0)
