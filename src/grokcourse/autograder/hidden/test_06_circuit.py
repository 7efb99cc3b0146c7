"""Hidden tests of chapter 06, the circuit. The oracles are loops, numpy's FFT, and numpy's least squares."""

import math

import numpy as np
import torch

from ... import circuit, fourier
from ..testing import checks, expect, expect_close, expect_tensor, mistake
from .questions import expect_choice, wrong_values

TIGHT = {"rtol": 1e-9, "atol": 1e-9}


def _wave(p, k, n, name="cos"):
    """The cosine or sine of 2πkn/p, for whole numbers n in any shape."""
    return getattr(np, name)(2 * np.pi * k * np.asarray(n) / p)


def _sums(p):
    return np.add.outer(np.arange(p), np.arange(p))


# --- neuron_weights ---------------------------------------------------------------------------------------------------


def _weights(draw, n, heads, d_model, d_head, d_mlp, dtype=torch.float32):
    shapes = (n, d_model), (heads, d_model, d_head), (heads, d_head, d_model), (d_model, d_mlp)
    return [draw.normal(*shape, dtype=dtype) for shape in shapes]


def _one_by_one(W_E, W_V, W_O, W_in):
    """Each number and head for itself."""
    W_E, W_V, W_O, W_in = (weight.double().numpy() for weight in (W_E, W_V, W_O, W_in))
    return np.stack([np.stack([row @ W_V[h] @ W_O[h] @ W_in for row in W_E]) for h in range(len(W_V))])


@checks("neuron_weights", "one head: what one number adds to one neuron")
def test_neuron_weights_one_head(student, draw):
    sizes = (1, 1, 2, 1, 1), (2, 1, 3, 2, 4), (draw.integer(4, 6), 1, 5, 3, draw.integer(7, 9))
    cases = [(size, _weights(draw, *size)) for size in sizes]
    for size, weights, got in [(size, weights, student.neuron_weights(*weights)) for size, weights in cases]:
        n, heads, d_model, d_head, d_mlp = size
        on = f"{n} numbers, one head, d_model {d_model}, d_head {d_head}, {d_mlp} neurons"
        got = expect_tensor(got, (heads, n, d_mlp), on=on)
        message = "each entry should be the number's row through values, output and W_in, and through nothing else"
        expect_close(got, _one_by_one(*weights), message, on, rtol=1e-3, atol=1e-4)


@checks("neuron_weights", "several heads, each for itself")
def test_neuron_weights_heads(student, draw):
    sizes = (2, 2, 3, 2, 4), (5, 3, 4, 2, 7), (draw.integer(6, 9), 4, 12, 3, draw.integer(10, 14))
    cases = [(size, _weights(draw, *size)) for size in sizes]
    for size, weights, got in [(size, weights, student.neuron_weights(*weights)) for size, weights in cases]:
        n, heads, _, _, d_mlp = size
        on = f"{n} numbers, {heads} heads, {d_mlp} neurons"
        got = expect_tensor(got, (heads, n, d_mlp), on=on)
        message = "entry [h, n] should be what number n adds to the neurons through head h alone"
        expect_close(got, _one_by_one(*weights), message, on, rtol=1e-3, atol=1e-4)


@checks("neuron_weights", "float64 stays float64, and what was passed in stays as it was")
def test_neuron_weights_care(student, draw):
    function = student.value("neuron_weights")
    cases = [_weights(draw, *size, dtype=torch.float64) for size in ((2, 1, 3, 2, 4), (5, 2, 4, 3, 6))]
    for weights, got in [(weights, student.make("call_on_views", function, *weights)) for weights in cases]:
        on = f"float64, {len(weights[0])} numbers, {len(weights[1])} heads"
        value = expect_tensor(got["value"], (len(weights[1]), len(weights[0]), weights[3].shape[1]), torch.float64, on)
        expect_close(value, _one_by_one(*weights), "the products should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "the weights should not be changed in place", on)


@mistake("neuron_weights", "The heads are added up; each should keep its own row, for each attends differently.")
def heads_added(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in).sum(dim=0)


@mistake("neuron_weights", "The numbers come first here; the heads should be the first dimension.")
def numbers_first(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in).transpose(0, 1)


@mistake("neuron_weights", "Numbers and neurons are exchanged: each head should have a row for each number.")
def neurons_first(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in).transpose(1, 2)


@mistake("neuron_weights", "There is a ReLU here: it comes after everything has been added up, not for one number.")
def bent(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in).relu()


@mistake("neuron_weights", "Dividing by √d_head belongs to the attention scores, not to what the values carry.")
def scaled_like_scores(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in) / math.sqrt(W_V.shape[-1])


@mistake("neuron_weights", "The way past the head is in it too: what the number's own row gives to the neurons.")
def with_the_residual(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in) + W_E @ W_in


@mistake("neuron_weights", "All heads are given the values of the first.")
def first_heads_values(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V[:1].expand_as(W_V), W_O, W_in)


@mistake("neuron_weights", "The output stops at the residual stream: the neurons read it through W_in.")
def without_the_neurons(W_E, W_V, W_O, W_in):
    return W_E @ W_V @ W_O


@mistake("neuron_weights", "Everything is converted to float32 on the way.")
def in_float32(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E.float(), W_V.float(), W_O.float(), W_in.float())


# --- energy_2d --------------------------------------------------------------------------------------------------------


def _energy(table):
    """By pair of frequencies, from numpy's FFT: the bins i and p − i are one frequency."""
    table = np.asarray(table, dtype=np.float64)
    p = len(table)
    power = np.abs(np.fft.fft2(table, axes=(0, 1))) ** 2 / p**2
    energy = np.zeros((p // 2 + 1, p // 2 + 1, *table.shape[2:]))
    for i in range(p):
        for j in range(p):
            energy[min(i, p - i), min(j, p - j)] += power[i, j]
    return energy


@checks("energy_2d", "a wave of a times a wave of b has energy at one pair of frequencies only")
def test_energy_2d_one_pair(student, draw):
    cases = []
    for p in (3, 5, draw.prime(7, 13)):
        j, k = draw.integer(1, p // 2), draw.integer(0, p // 2)
        table = np.outer(_wave(p, j, np.arange(p), "sin"), 1 + _wave(p, k, np.arange(p)))
        table = torch.tensor(table, dtype=torch.float32)
        cases.append((p, j, k, table, student.energy_2d(table)))
    for p, j, k, table, got in cases:
        on = f"sin(ω{j} a) · (1 + cos(ω{k} b)), p = {p}"
        got = expect_tensor(got, (p // 2 + 1, p // 2 + 1), on=on)
        message = "rows should be the frequency in a, columns that in b, and everything else empty"
        expect_close(got, _energy(table), message, on, atol=1e-4)


@checks("energy_2d", "any table, odd p: no energy is lost")
def test_energy_2d_odd(student, draw):
    cases = [draw.normal(*shape) for shape in ((3, 3), (5, 5, 2), (draw.prime(7, 23),) * 2)]
    for table, got in [(table, student.energy_2d(table)) for table in cases]:
        p = len(table)
        on = f"a random table of shape {tuple(table.shape)}"
        got = expect_tensor(got, (p // 2 + 1, p // 2 + 1, *table.shape[2:]), on=on)
        message = "together the energies should be the sum of all squares"
        expect_close(got.sum(), table.square().sum(), message, on, rtol=1e-3)
        expect_close(got, _energy(table), "each pair should have the energy of its own waves", on, rtol=1e-3, atol=1e-4)


@checks("energy_2d", "even p: the last frequency has a cosine only")
def test_energy_2d_even(student, draw):
    cases = [draw.normal(p, p) for p in (2, 4, 2 * draw.integer(3, 8))]
    for table, got in [(table, student.energy_2d(table)) for table in cases]:
        p = len(table)
        on = f"a random table, p = {p}"
        got = expect_tensor(got, (p // 2 + 1, p // 2 + 1), on=on)
        expect_close(got, _energy(table), "each pair should have the energy of its own waves", on, rtol=1e-3, atol=1e-4)


@checks("energy_2d", "many tables at once, each by itself; float64 stays float64")
def test_energy_2d_many(student, draw):
    function = student.value("energy_2d")
    cases = [draw.normal(*shape, dtype=torch.float64) for shape in ((3, 3, 2), (5, 5, 3), (4, 4, 2, 3))]
    for table, got in [(table, student.make("call_on_views", function, table)) for table in cases]:
        p = len(table)
        on = f"float64, shape {tuple(table.shape)}"
        value = expect_tensor(got["value"], (p // 2 + 1, p // 2 + 1, *table.shape[2:]), torch.float64, on)
        expect_close(value, _energy(table), "the dimensions after the first two should be left alone", on, **TIGHT)
        expect(not got["changed"], "the table should not be changed in place", on)


@mistake("energy_2d", "Energy is the sum of squares; these are lengths, its square root.")
def lengths(table):
    return circuit.energy_2d(table).sqrt()


@mistake("energy_2d", "The frequency in a should go down the rows; a and b are exchanged.")
def a_and_b_exchanged(table):
    return circuit.energy_2d(table.transpose(0, 1))


@mistake("energy_2d", "Only one of the two dimensions is transformed.")
def one_dimension(table):
    components = fourier.transform(table).square()
    k = fourier.frequencies(len(table))
    size = len(table) // 2 + 1
    rows = components.new_zeros(size, *components.shape[1:]).index_add(0, k, components)
    return rows.new_zeros(size, size, *table.shape[2:]).index_add(1, k, rows)


@mistake("energy_2d", "Components are added up before they are squared, so that they cancel.")
def added_before_squaring(table):
    components, k = fourier.transform_2d(table), fourier.frequencies(len(table))
    size = len(table) // 2 + 1
    rows = components.new_zeros(size, *components.shape[1:]).index_add(0, k, components)
    return rows.new_zeros(size, size, *table.shape[2:]).index_add(1, k, rows).square()


@mistake("energy_2d", "These are squared components, one for each pair of waves; a frequency's are to be added up.")
def not_added_up(table):
    return fourier.transform_2d(table).square()


@mistake(
    "energy_2d",
    "Energy is lost: most pairs of frequencies own four components (of the FFT: four places); add them, all of them.",
)
def means(table):
    counts = torch.bincount(fourier.frequencies(len(table))).to(table.dtype)
    pairs = torch.outer(counts, counts).reshape(len(counts), len(counts), *[1] * (table.ndim - 2))
    return circuit.energy_2d(table) / pairs


@mistake("energy_2d", "The constant is missing: frequency 0 has a row and a column as well.")
def without_the_constant(table):
    return circuit.energy_2d(table)[1:, 1:]


@mistake("energy_2d", "The mean of the table is taken away first, and its energy with it.")
def centred(table):
    return circuit.energy_2d(table - table.mean(dim=(0, 1)))


@mistake("energy_2d", "The tables of all neurons are added up; each should keep its own energies.")
def neurons_added_up(table):
    energy = circuit.energy_2d(table)
    return energy.sum(dim=tuple(range(2, energy.ndim))) if energy.ndim > 2 else energy


# --- frequency_shares -------------------------------------------------------------------------------------------------


def _fit_shares(neurons):
    """The share of each neuron's variance by least squares, one frequency after the other."""
    neurons = np.asarray(neurons, dtype=np.float64)
    p, n = len(neurons), neurons.shape[2]
    a, b = np.divmod(np.arange(p * p), p)
    values = neurons.reshape(p * p, n)
    centred = values - values.mean(axis=0)
    shares = np.zeros((p // 2 + 1, n))
    for k in range(1, p // 2 + 1):
        of_a, of_b = ([np.ones(p * p), _wave(p, k, x), _wave(p, k, x, "sin")] for x in (a, b))
        terms = np.stack([f * g for f in of_a for g in of_b], axis=1)
        left = centred - terms @ np.linalg.lstsq(terms, centred, rcond=None)[0]
        shares[k] = 1 - (left**2).sum(axis=0) / (centred**2).sum(axis=0)
    return shares


def _polynomial(draw, p, k):
    """A random polynomial of degree 2 in the waves of one frequency, with a constant: (p, p)."""
    n = np.arange(p)
    waves = np.stack([np.ones(p), _wave(p, k, n), _wave(p, k, n, "sin")])
    return torch.tensor(waves.T @ draw.normal(3, 3).double().numpy() @ waves, dtype=torch.float32)


@checks("frequency_shares", "neurons made of one frequency are explained by it, and one made of two by both in part")
def test_frequency_shares_planted(student, draw):
    cases = []
    for p in (3, 7, draw.prime(11, 17)):
        ks = [draw.integer(1, p // 2) for _ in range(3)]
        cases.append((p, ks, student.frequency_shares(torch.stack([_polynomial(draw, p, k) for k in ks], dim=-1))))
    p = draw.prime(11, 17)
    j, k = (draw.order(p // 2)[:2] + 1).tolist()
    one, other = (_wave(p, frequency, np.arange(p)) for frequency in (j, k))
    mixed = 2 * one[:, None] + other[None, :] + 2 * np.outer(one, other) + 1  # energies 4 : 1 : 2, the last of neither
    got_mixed = student.frequency_shares(torch.tensor(mixed, dtype=torch.float32)[:, :, None])
    for p_, ks, got in cases:
        on = f"three neurons of frequencies {ks}, p = {p_}"
        got = expect_tensor(got, (p_ // 2 + 1, 3), on=on)
        expected = np.zeros((p_ // 2 + 1, 3))
        expected[ks, range(3)] = 1
        message = "waves of a, waves of b and their products should all count, and the constant not"
        expect_close(got, expected, message, on, atol=1e-3)
    on = f"one neuron, 2 cos(ω{j} a) + cos(ω{k} b) + 2 cos(ω{j} a) cos(ω{k} b) + 1, p = {p}"
    expected = np.zeros((p // 2 + 1, 1))
    expected[j], expected[k] = 4 / 7, 1 / 7
    message = "each frequency's share should be that of its own waves, and the product of both belongs to neither"
    expect_close(expect_tensor(got_mixed, expected.shape, on=on), expected, message, on, atol=1e-3)


@checks("frequency_shares", "any neurons: the share that the best fit explains")
def test_frequency_shares_fit(student, draw):
    cases = [draw.normal(p, p, n).relu() for p, n in ((3, 1), (5, 2), (draw.prime(7, 11), 3))]
    for neurons, got in [(neurons, student.frequency_shares(neurons)) for neurons in cases]:
        p, n = neurons.shape[1:]
        on = f"{n} random neurons, p = {p}"
        got = expect_tensor(got, (p // 2 + 1, n), on=on)
        message = "row k should be the share of each neuron's variance that the eight terms of frequency k explain"
        expect_close(got, _fit_shares(neurons), message, on, rtol=1e-3, atol=1e-4)


@checks("frequency_shares", "even p, and float64; what was passed in stays as it was")
def test_frequency_shares_care(student, draw):
    function = student.value("frequency_shares")
    cases = [draw.normal(p, p, 2, dtype=torch.float64) for p in (2, 4, 2 * draw.integer(3, 5))]
    for neurons, got in [(neurons, student.make("call_on_views", function, neurons)) for neurons in cases]:
        p = len(neurons)
        on = f"float64, p = {p}"
        value = expect_tensor(got["value"], (p // 2 + 1, 2), torch.float64, on)
        expect_close(value, _fit_shares(neurons), "the shares should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "the activations should not be changed in place", on)


@checks("frequency_shares", "a silent neuron has no variance, and no share")
def test_frequency_shares_silent(student, draw):
    cases = []
    for p in (3, draw.prime(5, 11)):
        neurons = torch.stack([torch.zeros(p, p), _polynomial(draw, p, 1)], dim=-1)
        cases.append((p, student.frequency_shares(neurons)))
    for p, got in cases:
        on = f"a silent neuron and another, p = {p}"
        got = expect_tensor(got, (p // 2 + 1, 2), on=on)
        expected = np.zeros((p // 2 + 1, 2))
        expected[1, 1] = 1
        expect_close(got, expected, "the silent neuron's shares should be 0", on, atol=1e-3)


def _shares(activations, explained, variance=None):
    """Shares with one part exchanged: functions of the two-dimensional spectrum."""
    energy = circuit.energy_2d(activations)
    k = torch.arange(len(energy))
    whole = energy.sum(dim=(0, 1)) - energy[0, 0] if variance is None else variance(energy)
    found = explained(energy, k)
    shares = torch.where(whole > 0, found / whole.where(whole > 0, torch.ones_like(whole)), 0.0)
    shares[0] = 0
    return shares


def _three(energy, k):
    return energy[0] + energy[:, 0] + energy[k, k]


@mistake("frequency_shares", "The constant counts as variance here: a neuron's mean is to be left out of account.")
def constant_as_variance(activations):
    return _shares(activations, _three, lambda energy: energy.sum(dim=(0, 1)))


@mistake("frequency_shares", "Only the products are counted; waves of a alone and of b alone belong to it as well.")
def products_only(activations):
    return _shares(activations, lambda energy, k: energy[k, k])


@mistake("frequency_shares", "Only waves of a alone and of b alone are counted; the products are missing.")
def no_products(activations):
    return _shares(activations, lambda energy, k: energy[0] + energy[:, 0])


@mistake("frequency_shares", "Waves of b alone are missing.")
def waves_of_a_only(activations):
    return _shares(activations, lambda energy, k: energy[:, 0] + energy[k, k])


@mistake("frequency_shares", "Products with waves of other frequencies are counted, too.")
def whole_rows(activations):
    return _shares(activations, lambda energy, k: energy.sum(dim=1) + energy.sum(dim=0) - energy[k, k])


@mistake("frequency_shares", "All neurons' variance together is what is divided by; each has its own.")
def of_all_neurons(activations):
    return _shares(
        activations, _three, lambda energy: (energy.sum(dim=(0, 1)) - energy[0, 0]).sum().expand(energy[0, 0].shape)
    )


@mistake("frequency_shares", "A silent neuron gives NaN: nothing was divided by nothing.")
def nothing_by_nothing(activations):
    energy = circuit.energy_2d(activations)
    k = torch.arange(len(energy))
    shares = _three(energy, k) / (energy.sum(dim=(0, 1)) - energy[0, 0])
    shares[0] = 0
    return shares


@mistake("frequency_shares", "These are shares of the length, not of the variance: a square root is too much.")
def square_roots(activations):
    return circuit.frequency_shares(activations).sqrt()


@mistake("frequency_shares", "Row 0 is missing: row k should belong to frequency k.")
def without_row_0(activations):
    return circuit.frequency_shares(activations)[1:]


@mistake("frequency_shares", "This is turned round: a row should be a frequency, a column a neuron.")
def turned_round(activations):
    return circuit.frequency_shares(activations).T


# --- unembedding_directions -------------------------------------------------------------------------------------------


def _least_squares(W_logit, frequencies):
    """What numpy finds for u and v, each (K, d_mlp)."""
    p, c = W_logit.shape[1], np.arange(W_logit.shape[1])
    waves = np.stack([_wave(p, k, c, name) for name in ("cos", "sin") for k in frequencies], axis=1)
    fit = np.linalg.lstsq(waves, W_logit.double().numpy().T, rcond=None)[0]
    return fit[: len(frequencies)], fit[len(frequencies) :]


def _expect_pair(got, shape, dtype, on):
    is_pair = isinstance(got, (list, tuple)) and len(got) == 2
    if isinstance(got, torch.Tensor) and got.ndim == 3:
        is_pair, got = len(got) == 2, got
    expect(is_pair, "should return two tensors, u and v", on)
    return [expect_tensor(part, shape, dtype, on) for part in got]


@checks("unembedding_directions", "neurons that were given their waves get them back")
def test_directions_planted(student, draw):
    cases = []
    for p, n in ((3, 1), (7, 2), (draw.prime(11, 23), 4)):
        k, u, v = draw.integer(1, p // 2), draw.normal(n), draw.normal(n)
        waves = [torch.tensor(_wave(p, k, np.arange(p), name), dtype=torch.float32) for name in ("cos", "sin")]
        W_logit = torch.outer(u, waves[0]) + torch.outer(v, waves[1])
        cases.append((p, n, k, u, v, student.unembedding_directions(W_logit, [k])))
    for p, n, k, u, v, got in cases:
        on = f"{n} neurons, u cos(ω{k} c) + v sin(ω{k} c), p = {p}"
        for part, planted, name in zip(_expect_pair(got, (1, n), None, on), (u, v), ("u", "v"), strict=True):
            expect_close(part[0], planted, f"{name} should be what it was made with", on, atol=1e-4)


@checks("unembedding_directions", "any matrix: the best fit, for all frequencies that are asked for, in their order")
def test_directions_fit(student, draw):
    cases = []
    for p, n in ((5, 2), (8, 3), (draw.prime(11, 23), 6)):
        ks = (draw.order((p - 1) // 2) + 1)[:3].tolist()
        cases.append((draw.normal(n, p), ks))
    for W_logit, ks, got in [(*case, student.unembedding_directions(*case)) for case in cases]:
        n, p = W_logit.shape
        on = f"{n} neurons, frequencies {ks}, p = {p}"
        expected = _least_squares(W_logit, ks)
        for part, fit, name in zip(_expect_pair(got, (len(ks), n), None, on), expected, ("u", "v"), strict=True):
            message = f"row i of {name} should be the amounts of the i-th frequency's wave in each neuron's row"
            expect_close(part, fit, message, on, rtol=1e-3, atol=1e-4)


@checks("unembedding_directions", "float64 stays float64, and what was passed in stays as it was")
def test_directions_care(student, draw):
    function = student.value("unembedding_directions")
    cases = [(draw.normal(n, p, dtype=torch.float64), [(p - 1) // 2, 1]) for n, p in ((2, 5), (6, 8), (3, 13))]
    for (W_logit, ks), got in [(case, student.make("call_on_views", function, *case)) for case in cases]:
        on = f"float64, shape {tuple(W_logit.shape)}, frequencies {ks}"
        pair = _expect_pair(got["value"], (2, len(W_logit)), torch.float64, on)
        for part, fit in zip(pair, _least_squares(W_logit, ks), strict=True):
            expect_close(part, fit, "the directions should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "W_logit should not be changed in place", on)


@mistake("unembedding_directions", "These are components in waves of length one; plain cosines and sines are longer.")
def in_unit_waves(W_logit, frequencies):
    scale = math.sqrt(W_logit.shape[1] / 2)
    return tuple(part * scale for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake(
    "unembedding_directions", "These are plain dot products with the waves, too large by the waves' squared length."
)
def dot_products(W_logit, frequencies):
    return tuple(part * W_logit.shape[1] / 2 for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake("unembedding_directions", "Half is missing: over all numbers, cos² adds up to p/2 and not to p.")
def half_as_much(W_logit, frequencies):
    return tuple(part / 2 for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake("unembedding_directions", "Cosine and sine are exchanged: u goes with the cosine.")
def u_and_v_exchanged(W_logit, frequencies):
    return circuit.unembedding_directions(W_logit, frequencies)[::-1]


@mistake("unembedding_directions", "The directions should be rows: one for each frequency, with an entry per neuron.")
def as_columns(W_logit, frequencies):
    return tuple(part.T for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake("unembedding_directions", "The directions are scaled to length one; their lengths are part of the answer.")
def unit_directions(W_logit, frequencies):
    return tuple(
        torch.nn.functional.normalize(part, dim=1) for part in circuit.unembedding_directions(W_logit, frequencies)
    )


@mistake("unembedding_directions", "The frequencies are put into another order than they were asked for.")
def in_rising_order(W_logit, frequencies):
    return circuit.unembedding_directions(W_logit, sorted(frequencies))


@mistake("unembedding_directions", "The sign of the sines is wrong: the FFT multiplies with exp(−iω c).")
def sines_turned(W_logit, frequencies):
    u, v = circuit.unembedding_directions(W_logit, frequencies)
    return u, -v


@mistake("unembedding_directions", "The waves are shifted by one candidate: the first column belongs to c = 0.")
def from_one(W_logit, frequencies):
    return circuit.unembedding_directions(W_logit.roll(1, dims=1), frequencies)


# --- opposite_numbers -------------------------------------------------------------------------------------------------


@checks("opposite_numbers", "what the midpoint of two opposite hours tells")
def test_opposite_numbers(student, draw):
    is_right = expect_choice(student, "opposite_numbers", "abcd") == "c"
    expect(is_right, "that is not what happens: compare 1 and 7 with another pair of opposite hours")


wrong_values(
    "opposite_numbers", "For 1 and 3 that is so; but where is the midpoint of two hours that stand opposite?", "a", "A"
)
wrong_values("opposite_numbers", "Twice the midpoint is the sum of two points on the plane; of which hours?", "b", "B")
wrong_values(
    "opposite_numbers", "Even that would be more than the midpoint says: compare the sums of two such pairs.", "d", "D"
)


# --- project_logits ---------------------------------------------------------------------------------------------------


def _projected(table, frequencies):
    """The dot products with cos and sin of ω(a + b), scaled to length one, one after the other."""
    table = np.asarray(table, dtype=np.float64)
    p = len(table)
    rows = []
    for k in frequencies:
        for name in ("cos", "sin"):
            direction = _wave(p, k, _sums(p), name)
            rows.append(np.tensordot(direction / np.sqrt((direction**2).sum()), table, axes=([0, 1], [0, 1])))
    return np.stack(rows).reshape(len(frequencies), 2, *table.shape[2:])


@checks("project_logits", "a table made of waves of a + b and of a − b: the components of the former, and no others")
def test_project_logits_planted(student, draw):
    cases = []
    for p in (3, 7, draw.prime(11, 17)):
        k = draw.integer(1, p // 2)
        table = 3 * _wave(p, k, _sums(p)) - _wave(p, k, _sums(p), "sin")
        table += 2 * _wave(p, k, np.subtract.outer(np.arange(p), np.arange(p)))
        table = torch.tensor(table, dtype=torch.float32)[:, :, None]
        ks = list(range(1, p // 2 + 1))
        cases.append((p, k, ks, table, student.project_logits(table, ks)))
    for p, k, ks, table, got in cases:
        on = f"3 cos(ω{k}(a + b)) − sin(ω{k}(a + b)) + 2 cos(ω{k}(a − b)), frequencies {ks}, p = {p}"
        got = expect_tensor(got, (len(ks), 2, 1), on=on)
        message = "only that frequency's waves of the sum should have components, in directions of length one"
        expect_close(got, _projected(table, ks), message, on, rtol=1e-3, atol=1e-3)


@checks("project_logits", "any logits, each candidate by itself, frequencies in the order asked for")
def test_project_logits_any(student, draw):
    cases = []
    for p, n in ((3, 2), (6, 4), (draw.prime(7, 17), 5)):
        ks = (draw.order((p - 1) // 2) + 1)[:3].tolist()
        cases.append((draw.normal(p, p, n), ks))
    for table, ks, got in [(*case, student.project_logits(*case)) for case in cases]:
        p, n = table.shape[1:]
        on = f"shape {tuple(table.shape)}, frequencies {ks}"
        got = expect_tensor(got, (len(ks), 2, n), on=on)
        message = "entry [i, 0] should be the dot products with the i-th cosine of a + b, [i, 1] with its sine"
        expect_close(got, _projected(table, ks), message, on, rtol=1e-3, atol=1e-3)


@checks("project_logits", "float64 stays float64, and what was passed in stays as it was")
def test_project_logits_care(student, draw):
    function = student.value("project_logits")
    cases = [(draw.normal(p, p, n, dtype=torch.float64), [(p - 1) // 2, 1]) for p, n in ((5, 3), (8, 8), (11, 11))]
    for (table, ks), got in [(case, student.make("call_on_views", function, *case)) for case in cases]:
        on = f"float64, shape {tuple(table.shape)}, frequencies {ks}"
        value = expect_tensor(got["value"], (2, 2, table.shape[2]), torch.float64, on)
        expect_close(value, _projected(table, ks), "the components should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "the logits should not be changed in place", on)


def _project(table, frequencies, angle=np.add, scale=None, names=("cos", "sin")):
    """The projections with one part exchanged."""
    p = len(table)
    grid = angle.outer(np.arange(p), np.arange(p))
    rows = []
    for k in frequencies:
        for name in names:
            direction = torch.tensor(_wave(p, k, grid, name), dtype=table.dtype)
            length = direction.norm() if scale is None else scale(p)
            rows.append(torch.tensordot(direction / length, table, dims=2))
    return torch.stack(rows).reshape(len(frequencies), 2, *table.shape[2:])


@mistake("project_logits", "These are waves of the difference a − b.")
def of_the_difference(table, frequencies):
    return _project(table, frequencies, np.subtract)


@mistake("project_logits", "The directions are not scaled to length one.")
def not_scaled(table, frequencies):
    return _project(table, frequencies, scale=lambda p: 1)


@mistake("project_logits", "The mean over the questions is taken in place of the dot product with a unit direction.")
def mean_over_questions(table, frequencies):
    return _project(table, frequencies, scale=lambda p: p * p)


@mistake("project_logits", "The directions are scaled as if they ran over p numbers; they run over p² questions.")
def scaled_for_p_numbers(table, frequencies):
    return _project(table, frequencies, scale=lambda p: math.sqrt(p / 2))


@mistake("project_logits", "The sine comes first here.")
def sine_first(table, frequencies):
    return _project(table, frequencies, names=("sin", "cos"))


@mistake("project_logits", "Cosine and sine are the first dimension here; the frequencies should be.")
def waves_before_frequencies(table, frequencies):
    return circuit.project_logits(table, frequencies).transpose(0, 1)


@mistake("project_logits", "That is the component in cos(ωa) cos(ωb) alone; the cosine of the sum has a second part.")
def half_of_the_identity(table, frequencies):
    components = fourier.transform_2d(table)
    parts = [[components[2 * k - 1, 2 * k - 1], components[2 * k, 2 * k - 1]] for k in frequencies]
    return torch.stack([torch.stack(pair) for pair in parts])


@mistake("project_logits", "The squares of the components are energies; wanted are the components, with their signs.")
def squared(table, frequencies):
    return circuit.project_logits(table, frequencies).square()


@mistake("project_logits", "The frequencies are put into another order than they were asked for.")
def frequencies_sorted(table, frequencies):
    return circuit.project_logits(table, sorted(frequencies))


# --- clock_logits -----------------------------------------------------------------------------------------------------


def _all_pairs(p):
    a, b = np.divmod(np.arange(p * p), p)
    return torch.tensor(a), torch.tensor(b)


def _scores(a, b, p, frequencies, coefficients=None):
    """Σ α cos ω(a + b − c), written out."""
    coefficients = [1.0] * len(frequencies) if coefficients is None else coefficients
    distance = np.subtract.outer(a.numpy() + b.numpy(), np.arange(p))
    return sum(alpha * _wave(p, k, distance) for k, alpha in zip(frequencies, coefficients, strict=True))


@checks("clock_logits", "one frequency: the right answer has the largest logit, for every question")
def test_clock_logits_answers(student, draw):
    cases = [(p, draw.integer(1, p // 2)) for p in (2, 3, 5, draw.prime(7, 31))]
    cases = [(p, k, *_all_pairs(p)) for p, k in cases]
    for p, k, a, b, got in [(p, k, a, b, student.clock_logits(a, b, p, [k])) for p, k, a, b in cases]:
        on = f"p = {p}, frequency {k}, all {p * p} questions"
        got = expect_tensor(got, (p * p, p), on=on)
        right = got.argmax(dim=1).equal((a + b) % p)
        expect(right, "the largest logit should stand at (a + b) mod p", on)


@checks("clock_logits", "the logits are cosines of ω(a + b − c)")
def test_clock_logits_values(student, draw):
    cases = []
    for p, ks in ((3, [1]), (7, [2]), (12, [5]), (draw.prime(13, 31), [draw.integer(1, 3), draw.integer(4, 6)])):
        a, b = draw.integers(0, p - 1, 2 * p), draw.integers(0, p - 1, 2 * p)
        cases.append((p, ks, a, b, student.clock_logits(a, b, p, ks)))
    for p, ks, a, b, got in cases:
        on = f"p = {p}, frequencies {ks}, {len(a)} questions"
        got = expect_tensor(got, (len(a), p), on=on)
        message = "of each frequency the right answer should get 1, and every other the cosine of its angle to it"
        expect_close(got, _scores(a, b, p, ks), message, on, atol=1e-4)


@checks("clock_logits", "several frequencies: their cosines added up, each with its coefficient")
def test_clock_logits_several(student, draw):
    cases = []
    for p, count in ((5, 2), (11, 3), (draw.prime(13, 31), 4)):
        ks = (draw.order(p // 2) + 1)[:count].tolist()
        alphas = [round(draw.number(0.5, 3), 3) for _ in ks]
        a, b = draw.integers(0, p - 1, 9), draw.integers(0, p - 1, 9)
        cases.append((p, ks, alphas, a, b))
    replies = [
        (student.clock_logits(a, b, p, ks), student.clock_logits(a, b, p, ks, alphas)) for p, ks, alphas, a, b in cases
    ]
    for (p, ks, alphas, a, b), (plain, weighted) in zip(cases, replies, strict=True):
        on = f"p = {p}, frequencies {ks}"
        plain = expect_tensor(plain, (9, p), on=on)
        expect_close(plain, _scores(a, b, p, ks), "without coefficients all should count once", on, atol=1e-4)
        on += f", coefficients {alphas}"
        weighted = expect_tensor(weighted, (9, p), on=on)
        expect_close(weighted, _scores(a, b, p, ks, alphas), "each should count as its coefficient says", on, atol=1e-4)


@checks("clock_logits", "one question, in float64, with all its digits")
def test_clock_logits_care(student, draw):
    function, cases = student.value("clock_logits"), []
    for p in (3, 113, draw.prime(50, 200)):
        cases.append((p, draw.integers(0, p - 1, 1), draw.integers(0, p - 1, 1), [1, p // 2], [2.0, 1.0]))
    replies = [
        student.make("call_on_views", function, a, b, p, ks[: p // 2], al[: p // 2]) for p, a, b, ks, al in cases
    ]
    for (p, a, b, ks, alphas), got in zip(cases, replies, strict=True):
        on = f"p = {p}, {a.item()} + {b.item()}"
        value = expect_tensor(got["value"], (1, p), torch.float64, on)
        expected = _scores(a, b, p, ks[: p // 2], alphas[: p // 2])
        expect_close(value, expected, "the logits should be exact to float64's digits", on, **TIGHT)
        expect(not got["changed"], "a and b should not be changed in place", on)


def _clock(a, b, p, frequencies, coefficients=None, *, product=None, read=None, dtype=torch.float64, turns=1.0):
    """The clock with one part exchanged."""
    k = torch.tensor(list(frequencies), dtype=dtype)
    alpha = torch.ones_like(k) if coefficients is None else torch.tensor(list(coefficients), dtype=dtype)
    angle = turns * 2 * math.pi / p * torch.outer(torch.arange(p, dtype=dtype), k)
    cos, sin = angle.cos(), angle.sin()
    if product is None:
        x, y = cos[a] * cos[b] - sin[a] * sin[b], sin[a] * cos[b] + cos[a] * sin[b]
    else:
        x, y = product(cos[a], sin[a], cos[b], sin[b])
    return (alpha * x) @ cos.T + (alpha * y) @ sin.T if read is None else read(x, y, cos, sin, alpha)


@mistake("clock_logits", "The angles are subtracted: this finds a − b.")
def finds_the_difference(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, product=lambda c, s, d, t: (c * d + s * t, s * d - c * t))


@mistake("clock_logits", "With a plus the first of the two is the cosine of a − b.")
def cosine_of_the_difference(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, product=lambda c, s, d, t: (c * d + s * t, s * d + c * t))


@mistake("clock_logits", "The sign of the read-out is wrong: these are cosines of ω(a + b + c).")
def reads_the_other_way(a, b, p, frequencies, coefficients=None):
    return _clock(
        a, b, p, frequencies, coefficients, read=lambda x, y, cos, sin, al: (al * x) @ cos.T - (al * y) @ sin.T
    )


@mistake("clock_logits", "Only the cosines are read: a cosine alone cannot tell an angle from its mirror image.")
def without_sines(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, read=lambda x, y, cos, sin, al: (al * x) @ cos.T)


@mistake("clock_logits", "The points of a and b are averaged; to add their angles they must be multiplied.")
def averages(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, product=lambda c, s, d, t: ((c + d) / 2, (s + t) / 2))


@mistake("clock_logits", "The coordinates are multiplied one by one; the angle addition identity has four products.")
def coordinate_by_coordinate(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, product=lambda c, s, d, t: (c * d, s * t))


@mistake("clock_logits", "The coefficients have no effect.")
def coefficients_ignored(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies)


@mistake("clock_logits", "The mean over the frequencies is taken; their cosines should be added up.")
def mean_over_frequencies(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients) / len(list(frequencies))


@mistake("clock_logits", "A factor of two is missing in the angle: a full turn is 2π.")
def half_turns(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, turns=0.5)


@mistake("clock_logits", "Everything is computed in float32: digits that are lost do not come back.")
def single_precision(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, dtype=torch.float32)


@mistake("clock_logits", "This looks the answer up and gives it a 1; the logits should come from the waves.")
def looked_up(a, b, p, frequencies, coefficients=None):
    return torch.nn.functional.one_hot((a + b) % p, p).double()


@mistake("clock_logits", "These are probabilities: the softmax is no part of the network.")
def probabilities(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients).softmax(dim=1)


@mistake("clock_logits", "The token = is among the candidates; only the p numbers can be answers.")
def with_a_candidate_too_many(a, b, p, frequencies, coefficients=None):
    logits = _clock(a, b, p, frequencies, coefficients)
    return torch.cat([logits, torch.zeros(len(logits), 1, dtype=logits.dtype)], dim=1)
