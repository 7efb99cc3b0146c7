"""Hidden tests of chapter 05, Fourier analysis. The oracle is numpy's FFT, or a wave written out."""

import math

import numpy as np
import torch

from ... import fourier
from .. import answers
from ..testing import checks, expect, expect_close, expect_tensor, mistake
from .questions import expect_choice, wrong_values

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
    for p, got in [(p, student.fourier_basis(p)) for p in _moduli(draw)]:
        got = expect_tensor(got, (p, p), torch.float32, f"p = {p}")
        products = got @ got.T
        expect_close(products.diagonal(), torch.ones(p), "each row should have length one", f"p = {p}", atol=1e-4)
        message = "the dot product of two different rows should be zero"
        expect_close(products, torch.eye(p), message, f"p = {p}", atol=1e-4)
        message = "each wave should go as far down as up: all rows but the first add up to zero"
        expect_close(got[1:].sum(dim=1), torch.zeros(p - 1), message, f"p = {p}", atol=1e-3)


@checks("fourier_basis", "odd p: a constant, then cosine and sine of frequency 1, of frequency 2, and so on")
def test_fourier_basis_odd(student, draw):
    moduli = 3, 5, draw.prime(7, 13), draw.prime(17, 31)
    for p, got in [(p, student.fourier_basis(p)) for p in moduli]:
        got = expect_tensor(got, (p, p), on=f"p = {p}")
        expect_close(got[0], np.full(p, p**-0.5), "row 0 should be the constant of length one", f"p = {p}", atol=1e-4)
        for k in range(1, p // 2 + 1):
            for row, name, phase in ((2 * k - 1, "cosine", 0), (2 * k, "sine", np.pi / 2)):
                wave = _wave(p, k, phase) * np.sqrt(2 / p)
                message = f"row {row} should be the {name} of frequency {k}, scaled to length one"
                expect_close(got[row], wave, message, f"p = {p}", atol=1e-4)


@checks("fourier_basis", "even p: the last row alternates between plus and minus, and has no sine")
def test_fourier_basis_even(student, draw):
    moduli = 2, 4, 2 * draw.integer(3, 5), 2 * draw.integer(6, 10)
    for p, got in [(p, student.fourier_basis(p)) for p in moduli]:
        got = expect_tensor(got, (p, p), on=f"p = {p}")
        signs = 1.0 - 2.0 * (np.arange(p) % 2)
        message = "the last row should be plus, minus, plus, minus, …, scaled to length one"
        expect_close(got[-1], signs / np.sqrt(p), message, f"p = {p}", atol=1e-4)
        expected = _components(np.eye(p))
        expect_close(got, expected, "the other rows should be as for odd p", f"p = {p}", atol=1e-4)


@checks("fourier_basis", "float64 if asked for, with all its digits")
def test_fourier_basis_dtype(student, draw):
    function, moduli = student.value("fourier_basis"), (3, 4, draw.integer(5, 20), draw.prime(90, 130))
    for p, got in [(p, student.make("call_with_dtype", function, "float64", p)) for p in moduli]:
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


@mistake("fourier_basis", "For even p the fastest sine is zero at every whole number: it is no wave to build with.")
def even_with_a_zero_sine(p, dtype=torch.float32, device=None):
    basis = _basis(p, dtype)
    return torch.cat([basis, torch.zeros(1, p, dtype=dtype)]) if p % 2 == 0 else basis


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


@mistake("fourier_basis", "The waves are shifted by one number: the first column belongs to n = 0.")
def counted_from_one(p, dtype=torch.float32, device=None):
    return _basis(p, dtype).roll(-1, dims=1)


@mistake("fourier_basis", "A factor of two is missing in the angle: a full turn is 2π.")
def half_a_turn(p, dtype=torch.float32, device=None):
    return _basis(p, dtype, turns=0.5)


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
    functions = [draw.normal(p) for p in _moduli(draw)]
    for x, got in [(x, student.transform(x)) for x in functions]:
        on = f"one function on p = {len(x)} numbers"
        expect_tensor(got, x.shape, torch.float32, on)
        expect_close(
            got, _components(x), "component i should be the dot product with row i of the basis", on, atol=1e-4
        )


@checks("transform", "a table: along the dimension that is asked for, and in place of it")
def test_transform_dim(student, draw):
    p, d, e = 2 * draw.integer(2, 4) + 1, 2 * draw.integer(5, 7), draw.integer(2, 4)
    cases = [((3, 2), 0), ((2, 3), 1), ((p, d), 0), ((d, p), 1), ((d, p), -1)]
    cases += [((e, p, d), 1), ((p, e, d), 0), ((e, d, p), 2)]
    cases = [(draw.normal(*shape), dim) for shape, dim in cases]
    for x, dim, got in [(x, dim, student.transform(x, dim)) for x, dim in cases]:
        on = f"shape {tuple(x.shape)}, dim = {dim}"
        expect_tensor(got, x.shape, on=on)
        message = "along `dim` there should be the components, elsewhere everything should stay in its place"
        expect_close(got, _components(x, dim), message, on, atol=1e-4)


@checks("transform", "a wave of the basis has a single component, and no energy is lost")
def test_transform_wave(student, draw):
    cases = []
    for p in (3, draw.prime(5, 13), draw.prime(17, 31)):
        k, is_sine = draw.integer(1, p // 2), draw.integer(0, 1)
        wave = torch.tensor(_wave(p, k, is_sine * np.pi / 2) * np.sqrt(2 / p) * 3, dtype=torch.float32)
        noise = draw.normal(p)
        cases.append((p, k, is_sine, noise, student.transform(wave), student.transform(noise)))
    for p, k, is_sine, noise, of_wave, of_noise in cases:
        on = f"three times the {'sine' if is_sine else 'cosine'} of frequency {k}, scaled to length one, p = {p}"
        expected = torch.zeros(p)
        expected[2 * k - 1 + is_sine] = 3
        expect_close(expect_tensor(of_wave, (p,), on=on), expected, "only its own component should be 3", on, atol=1e-4)
        on = f"a random function, p = {p}"
        energy = expect_tensor(of_noise, (p,), on=on).square().sum()
        expect_close(energy, noise.square().sum(), "the squares should add up to the same before and after", on)


@checks("transform", "float64 stays float64, and what was passed in stays as it was")
def test_transform_care(student, draw):
    function = student.value("transform")
    cases = []
    for shape, dim in (((3, 2), 0), ((draw.integer(4, 6), draw.integer(7, 12)), 1), ((17, 3), 0)):
        x = draw.normal(*shape, dtype=torch.float64)
        cases.append((x, dim, student.make("call_on_views", function, x, dim)))
    for x, dim, got in cases:
        on = f"float64, shape {tuple(x.shape)}, dim = {dim}"
        value = expect_tensor(got["value"], x.shape, torch.float64, on)
        expect_close(value, _components(x, dim), "the components should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "x should not be changed in place", on)


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


@checks("energy_per_frequency", "one number for each frequency from 0 to p // 2, and together all squared entries")
def test_energy_per_frequency_parseval(student, draw):
    tables = [draw.normal(p, d) + 0.5 for p, d in zip(_moduli(draw), (1, 1, 2, 3, 4, 5), strict=True)]
    for x, got in [(x, student.energy_per_frequency(x)) for x in tables]:
        on = f"a random matrix of shape {tuple(x.shape)}"
        got = expect_tensor(got, (len(x) // 2 + 1,), torch.float32, on)
        expect(bool((got > -1e-6).all()), "no energy should be negative", on)
        expect_close(got.sum(), x.square().sum(), "the energies should add up to the sum of all squared entries", on)


@checks("energy_per_frequency", "a wave's energy is all at its own frequency, however the wave is shifted")
def test_energy_per_frequency_wave(student, draw):
    cases = []
    for p in (3, 6, draw.prime(7, 13), draw.prime(17, 31)):
        for k in (0, draw.integer(1, (p - 1) // 2), p // 2):
            height, phase = draw.number(1, 3), draw.number(0.3, 1.2) if 0 < 2 * k < p else 0.0
            wave = torch.tensor(height * _wave(p, k, phase), dtype=torch.float32)
            cases.append((p, k, wave, student.energy_per_frequency(wave.unsqueeze(1))))
    for p, k, wave, got in cases:
        on = f"p = {p}, one column: a shifted wave of frequency {k}" if k else f"p = {p}, one column: a constant"
        expected = torch.zeros(p // 2 + 1)
        expected[k] = wave.square().sum()
        message = f"entry {k} should hold all of it, the others nothing"
        expect_close(expect_tensor(got, expected.shape, on=on), expected, message, on, atol=1e-4)


@checks("energy_per_frequency", "random tables: cosine's and sine's squares, added over all columns")
def test_energy_per_frequency_random(student, draw):
    tables = [draw.normal(p, d) + 0.5 for p, d in zip(_moduli(draw), (1, 1, 2, 3, 4, 5), strict=True)]
    for x, got in [(x, student.energy_per_frequency(x)) for x in tables]:
        on = f"a random matrix of shape {tuple(x.shape)}"
        got = expect_tensor(got, (len(x) // 2 + 1,), on=on)
        message = "entry k should be the sum of the squared components of frequency k"
        expect_close(got, _energies(x), message, on, atol=1e-4)


@checks("energy_per_frequency", "along the dimension that is asked for, whatever the others are")
def test_energy_per_frequency_dim(student, draw):
    p, d, e = 2 * draw.integer(2, 4) + 1, 2 * draw.integer(5, 7), draw.integer(2, 4)
    cases = [((2, 3), 1), ((d, p), 1), ((d, p), -1), ((e, p, d), 1), ((p, d), 0), ((p,), 0)]
    cases = [(draw.normal(*shape) + 0.5, dim) for shape, dim in cases]
    for x, dim, got in [(x, dim, student.energy_per_frequency(x, dim)) for x, dim in cases]:
        on = f"shape {tuple(x.shape)}, dim = {dim}"
        got = expect_tensor(got, (x.shape[dim] // 2 + 1,), on=on)
        message = "entry k should be the energy of frequency k along `dim`, added over everything else"
        expect_close(got, _energies(x, dim), message, on, atol=1e-4)


@checks("energy_per_frequency", "float64 stays float64, and what was passed in stays as it was")
def test_energy_per_frequency_care(student, draw):
    function = student.value("energy_per_frequency")
    cases = []
    for shape, dim in (((3, 2), 0), ((draw.integer(4, 6), draw.integer(7, 12)), 1), ((17, 3), 0)):
        x = draw.normal(*shape, dtype=torch.float64) + 0.5
        cases.append((x, dim, student.make("call_on_views", function, x, dim)))
    for x, dim, got in cases:
        on = f"float64, shape {tuple(x.shape)}, dim = {dim}"
        value = expect_tensor(got["value"], (x.shape[dim] // 2 + 1,), torch.float64, on)
        expect_close(value, _energies(x, dim), "the energies should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "the matrix should not be changed in place", on)


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
    expect(isinstance(got, list), "should return a list of frequencies", on)
    is_whole = all(isinstance(k, int) or (isinstance(k, torch.Tensor) and k.numel() == 1) for k in got)
    expect(is_whole, "the frequencies should be whole numbers", on)
    expect([int(k) for k in got] == expected, message, on)


def _ask_keys(student, cases):
    """Ask about every spectrum before looking at any answer."""
    return [(on, expected, student.key_frequencies(energy, *limits)) for on, energy, limits, expected in cases]


@checks("key_frequencies", "clear spikes are found, the largest first, at any scale")
def test_key_frequencies_spikes(student, draw):
    cases = []
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
    on, energy, limits, _ = cases[0]
    viewed = student.make("call_on_views", student.value("key_frequencies"), energy, *limits)
    expect(not viewed["changed"], "the spectrum should not be changed in place", on)


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


@mistake("key_frequencies", "Entry 0 is never returned, but still counts among those whose median is taken.")
def constant_in_the_median(energy, over_median=4.0, of_largest=0.1):
    return _keys(energy, over_median, of_largest, middle=lambda waves: energy.quantile(0.5))


@mistake("key_frequencies", "Setting entry 0 to zero does not leave it out: the median still counts it.")
def constant_set_to_zero(energy, over_median=4.0, of_largest=0.1):
    middle = torch.cat([torch.zeros_like(energy[:1]), energy[1:]]).quantile(0.5)
    return _keys(energy, over_median, of_largest, middle=lambda waves: middle)


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
    for p, d in (
        (3, 2),
        (5, 3),
        (2 * draw.integer(3, 6), draw.integer(2, 5)),
        (draw.prime(17, 31), draw.integer(6, 9)),
    ):
        yield draw.integer(1, (p - 1) // 2), draw.normal(p, d, dtype=dtype) + 0.3


@checks("circle", "a matrix that is a circle comes out as one, with the numbers in their places")
def test_circle_ideal(student, draw):
    cases = []
    for p in (3, 5, 2 * draw.integer(3, 6), draw.prime(17, 31)):
        k, radius = draw.integer(1, (p - 1) // 2), draw.number(1.5, 3)
        points = radius * np.stack([_wave(p, k), _wave(p, k, np.pi / 2)], 1)
        middle = np.array([draw.number(0.5, 1), -draw.number(0.5, 1)])
        turned = np.linalg.qr(draw.normal(4, 4, dtype=torch.float64).numpy())[0]
        other = k % ((p - 1) // 2) + 1  # a larger circle, at right angles to the one that is asked for
        larger = 2 * radius * (other != k) * np.stack([_wave(p, other), _wave(p, other, np.pi / 2)], 1)
        matrix = torch.tensor(np.hstack([middle + points, larger]) @ turned, dtype=torch.float32)
        cases.append((p, k, radius, middle, points, student.circle(matrix, k)))
    for p, k, radius, middle, points, got in cases:
        on = f"p = {p}: a circle of frequency {k} and radius {radius:.2f} in 4 dimensions, with other waves across it"
        got = expect_tensor(got, (p, 2), torch.float32, on)
        around = got - got.mean(dim=0)
        expect_close(
            around.norm(dim=1),
            np.full(p, radius),
            "all numbers should be at that distance from the middle",
            on,
            atol=1e-3,
        )
        message = (
            "from the middle, number 0 should lie along the first axis, and each next one a turn of frequency k further"
        )
        expect_close(around, points, message, on, atol=1e-3)
        expect_close(got, middle + points, "the middle should lie where it lies in the matrix", on, atol=1e-3)


@checks("circle", "a random matrix: each row's dot product with the two directions")
def test_circle_random(student, draw):
    cases = [(k, matrix, student.circle(matrix, k)) for k, matrix in _tables(draw)]
    for k, matrix, got in cases:
        on = f"a random matrix of shape {tuple(matrix.shape)}, k = {k}"
        got = expect_tensor(got, (len(matrix), 2), on=on)
        message = "should be the rows' dot products with the cosine's and the sine's direction, each of length one"
        expect_close(got, _circle(matrix, k), message, on, atol=1e-3)


@checks("circle", "turning the embedding changes nothing, and the picture grows and moves with it")
def test_circle_turned(student, draw):
    cases = []
    for k, matrix in _tables(draw):
        d, factor = matrix.shape[1], draw.number(2, 3)
        turn, row = torch.linalg.qr(draw.normal(d, d))[0], draw.normal(d)
        changed = [matrix, factor * matrix @ turn, matrix + row]
        cases.append((k, matrix, factor, [student.circle(one, k) for one in changed]))
    for k, matrix, factor, pictures in cases:
        on = f"a random matrix of shape {tuple(matrix.shape)}, k = {k}; and turned, {factor:.1f} times as large"
        one, other, moved = (expect_tensor(got, (len(matrix), 2), on=on) for got in pictures)
        message = "the second picture should be the first, that much larger"
        expect_close(other, factor * one, message, on, rtol=1e-3, atol=1e-3)
        on = f"a random matrix of shape {tuple(matrix.shape)}, k = {k}; and with one row added to all rows"
        shift = (moved - one).mean(dim=0)
        expect_close(moved, one + shift, "the picture should move, and keep its shape", on, rtol=1e-3, atol=1e-3)
        expect(float(shift.norm()) > 1e-3, "the picture should move: the numbers stay where they are in the matrix", on)
        wave = _wave(len(matrix), k)
        expect(float(wave @ one[:, 0].double().numpy()) > 0, "the first coordinate should go with the cosine", on)


@checks("circle", "float64 stays float64, and what was passed in stays as it was")
def test_circle_care(student, draw):
    function = student.value("circle")
    cases = []
    for k, matrix in _tables(draw, torch.float64):
        cases.append((k, matrix, student.make("call_on_views", function, matrix, k)))
    for k, matrix, got in cases:
        on = f"float64, shape {tuple(matrix.shape)}, k = {k}"
        value = expect_tensor(got["value"], (len(matrix), 2), torch.float64, on)
        message = "the coordinates should be exact to float64's digits"
        expect_close(value, _circle(matrix, k), message, on, rtol=1e-9, atol=1e-9)
        expect(not got["changed"], "the matrix should not be changed in place", on)


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
        expect_tensor(got, wave.shape, torch.float32, on)
        expect_close(got, wave, "just the wave of the kept frequency should be left, shifted as it was", on, atol=1e-4)


@checks("keep_frequencies", "random tables, some frequencies, the constant too if it is asked for")
def test_keep_frequencies_random(student, draw):
    cases = [(matrix, kept, student.keep_frequencies(matrix, kept)) for matrix, kept in _choices(draw)]
    matrix = draw.normal(7, 2) + 0.5
    cases += [(matrix, kept, student.keep_frequencies(matrix, kept)) for kept in ([0], [3, 1], [2, 0])]
    for matrix, kept, got in cases:
        on = f"shape {tuple(matrix.shape)}, kept = {kept}"
        expect_tensor(got, matrix.shape, on=on)
        message = "should be the part of the matrix that is made of these frequencies' waves"
        expect_close(got, _kept_part(matrix, kept), message, on, atol=1e-4)


@checks("keep_frequencies", "what is kept and what is removed add up to the matrix; all or none can be kept")
def test_keep_frequencies_parts(student, draw):
    cases = []
    for matrix, kept in _choices(draw):
        others = [k for k in range(len(matrix) // 2 + 1) if k not in kept]
        every = list(range(len(matrix) // 2 + 1))
        cases.append((matrix, kept, *(student.keep_frequencies(matrix, ks) for ks in (kept, others, every, []))))
    for matrix, kept, of_kept, of_others, of_all, of_none in cases:
        on = f"shape {tuple(matrix.shape)}, kept = {kept}, and all others"
        one, other = (expect_tensor(got, matrix.shape, on=on) for got in (of_kept, of_others))
        expect_close(one + other, matrix, "the two parts should add up to the matrix", on, atol=1e-4)
        expect_close((one * other).sum(), 0.0, "the two parts should be at right angles", on, atol=1e-3)
        expect_close(of_all, matrix, "with all frequencies kept the matrix should come back", on, atol=1e-4)
        expect_close(of_none, torch.zeros_like(matrix), "with none kept nothing should be left", on, atol=1e-4)


@checks("keep_frequencies", "float64 stays float64, and what was passed in stays as it was")
def test_keep_frequencies_care(student, draw):
    function = student.value("keep_frequencies")
    cases = []
    for matrix, kept in [(matrix.double(), kept) for matrix, kept in _choices(draw)]:
        cases.append((matrix, kept, student.make("call_on_views", function, matrix, kept)))
    for matrix, kept, got in cases:
        on = f"float64, shape {tuple(matrix.shape)}, kept = {kept}"
        value = expect_tensor(got["value"], matrix.shape, torch.float64, on)
        expect_close(value, _kept_part(matrix, kept), "the part should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "the matrix should not be changed in place", on)


def _keep(matrix, is_kept, back=fourier.inverse_transform):
    """Keep the components of the rows that a function of the row's number chooses."""
    rows = torch.tensor([bool(is_kept(row)) for row in range(len(matrix))])
    return back(torch.where(rows.unsqueeze(1), fourier.transform(matrix), 0.0))


@mistake("keep_frequencies", "These are the components; the last step, back to numbers, is missing.")
def not_back_again(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept, back=lambda components: components)


@mistake("keep_frequencies", "The frequencies named are the ones to keep; here they are removed.")
def removes_them(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 not in kept)


@mistake("keep_frequencies", "Only the cosine of each frequency is kept, so that shifted waves are cut in two.")
def keeps_only_cosines(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept and (row % 2 == 1 or row == 0))


@mistake("keep_frequencies", "The constant is frequency 0, and stays only if 0 is among those to keep.")
def keeps_the_constant(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept or row == 0)


@mistake("keep_frequencies", "The constant is frequency 0: it may be asked for like any other.")
def loses_the_constant(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept and row > 0)


@mistake("keep_frequencies", "Frequencies are not rows: each frequency has two of them, save the constant (and p/2).")
def rows_for_frequencies(matrix, kept):
    return _keep(matrix, lambda row: row in kept)


@mistake("keep_frequencies", "The rows are paired wrongly: row 0, the constant, has no partner.")
def keeps_the_wrong_partner(matrix, kept):
    return _keep(matrix, lambda row: row // 2 in kept)


@mistake("keep_frequencies", "The way there is taken twice; the second time it should be the way back.")
def transformed_twice(matrix, kept):
    return _keep(matrix, lambda row: (row + 1) // 2 in kept, back=fourier.transform)


@mistake("keep_frequencies", "The matrix is changed in place: the caller still needs the whole.")
def kept_in_place(matrix, kept):
    return matrix.copy_(_keep(matrix, lambda row: (row + 1) // 2 in kept))


# --- cos_of_sum -------------------------------------------------------------------------------------------------------


def _frequencies(draw):
    pairs = [(2, 1), (3, 1), (5, 2), (8, 3)]
    pairs += [(p, draw.integer(1, p // 2)) for p in (draw.prime(7, 13), 2 * draw.integer(7, 10), draw.prime(17, 31))]
    return [(k, p) for p, k in pairs]


def _expect_table(got, p, on):
    got = expect_tensor(got, (p, p), on=on)
    expect(got.is_floating_point(), "should hold floats", on)
    return got.double()


@checks("cos_of_sum", "entry [a, b] is the cosine for a + b")
def test_cos_of_sum_table(student, draw):
    for k, p, got in [(k, p, student.cos_of_sum(k, p)) for k, p in _frequencies(draw)]:
        on = f"k = {k}, p = {p}"
        got = _expect_table(got, p, on)
        expected = torch.tensor([[math.cos(2 * math.pi * k * (a + b) / p) for b in range(p)] for a in range(p)])
        wrong = (~((got - expected).abs() < 1e-3)).nonzero().tolist()
        message = "at a = {} and b = {} it should be the cosine of 2πk(a + b)/p"
        expect(not wrong, message.format(*wrong[0]) if wrong else "", on)


@checks("cos_of_sum", "no seam: the table depends on (a + b) mod p only", side=True)
def test_cos_of_sum_wraps(student, draw):
    for k, p, got in [(k, p, student.cos_of_sum(k, p)) for k, p in _frequencies(draw)]:
        on = f"k = {k}, p = {p}"
        got = _expect_table(got, p, on)
        expect(abs(float(got[0, 0]) - 1) < 1e-3, "0 + 0 should have a cosine of 1", on)
        message = "one more for a and one less for b should change nothing, wrap-around included"
        expect_close(got, got.roll((1, -1), (0, 1)), message, on, rtol=0, atol=1e-3)
        message = "a and b may change places"
        expect_close(got, got.T, message, on, rtol=0, atol=1e-3)


@checks("cos_of_sum", "the two special cases: frequency 0 is constant, and each row is a wave that runs once through b")
def test_cos_of_sum_special(student, draw):
    flat = [(p, student.cos_of_sum(0, p)) for p in (2, draw.integer(5, 9))]
    waves = [(k, p, student.cos_of_sum(k, p)) for k, p in _frequencies(draw)]
    for p, got in flat:
        on = f"k = 0, p = {p}"
        expect_close(_expect_table(got, p, on), torch.ones(p, p), "a wave that never turns stays at 1", on, atol=1e-3)
    for k, p, got in waves:
        on = f"k = {k}, p = {p}"
        got = _expect_table(got, p, on)
        expect_close(got[0], _wave(p, k), "row a = 0 should be the cosine of b alone", on, atol=1e-3)
        message = "row a = 1 should be the same wave, one number further"
        expect_close(got[1], np.roll(_wave(p, k), -1), message, on, atol=1e-3)


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
