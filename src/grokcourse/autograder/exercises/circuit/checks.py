"""Hidden tests of chapter 06, the circuit. The oracles are loops, numpy's FFT, and numpy's least squares."""

import functools
import math

import numpy as np
import torch

from .... import circuit, fourier
from ..questions import expect_choice, wrong_values
from ..select import find_exercise
from ..side_conditions import (
    TYPES,
    UNCHANGED,
    also_in_float32,
    expect_digits,
    expect_dtypes,
    expect_unchanged,
    expect_values,
)
from ..testing import checks, expect, expect_close, expect_tensor, mistake, planted_mistakes


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
        got = expect_values(got, (heads, n, d_mlp), on)
        message = "each entry should be the number's row through values, output and W_in, and through nothing else"
        expect_close(got, _one_by_one(*weights), message, on, rtol=1e-3, atol=1e-4)


@checks("neuron_weights", "several heads, each for itself")
def test_neuron_weights_heads(student, draw):
    sizes = (2, 2, 3, 2, 4), (5, 3, 4, 2, 7), (draw.integer(6, 9), 4, 12, 3, draw.integer(10, 14))
    cases = [(size, _weights(draw, *size)) for size in sizes]
    for size, weights, got in [(size, weights, student.neuron_weights(*weights)) for size, weights in cases]:
        n, heads, _, _, d_mlp = size
        on = f"{n} numbers, {heads} heads, {d_mlp} neurons"
        got = expect_values(got, (heads, n, d_mlp), on)
        message = "entry [h, n] should be what number n adds to the neurons through head h alone"
        expect_close(got, _one_by_one(*weights), message, on, rtol=1e-3, atol=1e-4)


@checks("neuron_weights", TYPES, side=True)
def test_neuron_weights_dtype(student, draw):
    cases = [_weights(draw, *size, dtype=torch.float64) for size in ((2, 1, 3, 2, 4), (5, 2, 4, 3, 6))]
    expect_dtypes(student, "neuron_weights", cases, _one_by_one)


@checks("neuron_weights", UNCHANGED, side=True)
def test_neuron_weights_unchanged(student, draw):
    expect_unchanged(student, "neuron_weights", [_weights(draw, 5, 2, 4, 3, 6)], "the weights")


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


@mistake("neuron_weights", "There is nothing to divide by: each head keeps its own row, with the whole of its weight.")
def divided_by_the_heads(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in) / len(W_V)


@mistake("neuron_weights", "All heads are given the values of the first.")
def first_heads_values(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V[:1].expand_as(W_V), W_O, W_in)


@mistake("neuron_weights", "All heads are given the output of the first.")
def first_heads_output(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O[:1].expand_as(W_O), W_in)


@mistake("neuron_weights", "The heads are averaged; each should keep its own row, for each attends differently.")
def heads_averaged(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in).mean(dim=0)


@mistake("neuron_weights", "Values and output are exchanged: W_V comes first, and neither needs turning round.")
def output_before_values(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_O.mT, W_V.mT, W_in)


@mistake("neuron_weights", "A softmax stands here: it belongs to the attention scores, not to what the values carry.")
def with_a_softmax(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E, W_V, W_O, W_in).softmax(dim=-1)


@mistake("neuron_weights", "The output stops at the residual stream: the neurons read it through W_in.")
def without_the_neurons(W_E, W_V, W_O, W_in):
    return W_E @ W_V @ W_O


@mistake("neuron_weights", "Everything is converted to float32 on the way.")
def in_float32(W_E, W_V, W_O, W_in):
    return circuit.neuron_weights(W_E.float(), W_V.float(), W_O.float(), W_in.float())


also_in_float32("neuron_weights")


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


def _compare_energies(student, tables):
    for table, got in [(table, student.energy_2d(table)) for table in tables]:
        p = len(table)
        on = f"a random table of shape {tuple(table.shape)}"
        got = expect_values(got, (p // 2 + 1, p // 2 + 1, *table.shape[2:]), on)
        message = "together the energies should be the sum of all squares"
        expect_close(got.sum(), table.square().sum(), message, on, rtol=1e-3)
        expect_close(got, _energy(table), "each pair should have the energy of its own waves", on, rtol=1e-3, atol=1e-4)


@checks("energy_2d", "a wave of a times a wave of b has energy at one pair of frequencies only")
def test_energy_2d_one_pair(student, draw):
    cases = []
    for p, least in ((3, 0), (5, 1), (draw.prime(7, 13), 0)):  # with frequency 0 in b alone, half of the mistakes hide
        j, k = draw.integer(1, p // 2), draw.integer(least, p // 2)
        table = np.outer(_wave(p, j, np.arange(p), "sin"), 1 + _wave(p, k, np.arange(p)))
        table = torch.tensor(table, dtype=torch.float32)
        cases.append((p, j, k, table, student.energy_2d(table)))
    for p, j, k, table, got in cases:
        on = f"sin(ω{j} a) · (1 + cos(ω{k} b)), p = {p}"
        got = expect_values(got, (p // 2 + 1, p // 2 + 1), on)
        message = "rows should be the frequency in a, columns that in b, and everything else empty"
        expect_close(got, _energy(table), message, on, atol=1e-4)


@checks("energy_2d", "any table, odd p: no energy is lost")
def test_energy_2d_odd(student, draw):
    _compare_energies(student, [draw.normal(p, p) for p in (3, 5, draw.prime(7, 23))])


@checks("energy_2d", "even p: the last frequency has a cosine only")
def test_energy_2d_even(student, draw):
    _compare_energies(student, [draw.normal(p, p) for p in (2, 4, 2 * draw.integer(3, 8))])


@checks("energy_2d", "many tables at once, each by itself")
def test_energy_2d_many(student, draw):
    shapes = (3, 3, 2), (5, 5, 5), (7, 7, 2, 3)
    _compare_energies(student, [draw.normal(*shape) for shape in shapes])


@checks("energy_2d", TYPES, side=True)
def test_energy_2d_dtype(student, draw):
    cases = [(draw.normal(p, p, dtype=torch.float64),) for p in (3, draw.prime(5, 7))]
    expect_dtypes(student, "energy_2d", cases, _energy)


@checks("energy_2d", UNCHANGED, side=True)
def test_energy_2d_unchanged(student, draw):
    expect_unchanged(student, "energy_2d", [(draw.normal(5, 5),)], "the table")


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


@mistake("energy_2d", "Only products of two cosines and of two sines count here: cosine times sine has its share, too.")
def without_mixed_products(table):
    components = fourier.transform_2d(table)
    row, p = torch.arange(len(table)), len(table)
    alike = (row == 0) | (row % 2 == 1)
    is_kept = (alike[:, None] == alike) | (row[:, None] == 0) | (row == 0)
    kept = components * is_kept.reshape(p, p, *[1] * (table.ndim - 2))
    return circuit.energy_2d(fourier.inverse_transform_2d(kept))


@mistake("energy_2d", "Frequency k owns the rows 2k − 1 and 2k, but for even p there is no row p, and no column.")
def row_p_of_even_p(table):
    squares, size = fourier.transform_2d(table).square(), len(table) // 2 + 1
    energy = squares.new_zeros(size, size, *table.shape[2:])
    for j in range(size):
        for k in range(size):
            for row in [2 * j - 1, 2 * j] if j else [0]:
                for column in [2 * k - 1, 2 * k] if k else [0]:
                    energy[j, k] += squares[row, column]
    return energy


@mistake("energy_2d", "The rows and columns are paired wrongly: the constant, row and column 0, has no partner.")
def pairs_with_the_constant(table):
    squares, size = fourier.transform_2d(table).square(), len(table) // 2 + 1
    energy = squares.new_zeros(size, size, *table.shape[2:])
    for j in range(size):
        for k in range(size):
            energy[j, k] = squares[2 * j : 2 * j + 2, 2 * k : 2 * k + 2].sum(dim=(0, 1))
    return energy


@mistake("energy_2d", "For frequency 0 a slice from 2k − 1 begins at −1, and is empty: the constant is lost.")
def empty_slices_for_the_constant(table):
    squares, size = fourier.transform_2d(table).square(), len(table) // 2 + 1
    energy = squares.new_zeros(size, size, *table.shape[2:])
    for j in range(size):
        for k in range(size):
            energy[j, k] = squares[2 * j - 1 : 2 * j + 1, 2 * k - 1 : 2 * k + 1].sum(dim=(0, 1))
    return energy


def _one_by_one_2d(table, energy, add):
    squares, k = fourier.transform_2d(table).square(), fourier.frequencies(len(table)).tolist()
    for i, row in enumerate(squares):
        for j, square in enumerate(row):
            if add:
                energy[k[i], k[j]] += square
            else:
                energy[k[i], k[j]] = square
    return energy


@mistake("energy_2d", "Each component of a pair is put in the place of the one before; they are to be added up.")
def overwritten(table):
    size = len(table) // 2 + 1
    return _one_by_one_2d(table, table.new_zeros(size, size, *table.shape[2:]), add=False)


@mistake("energy_2d", "There is no room for further dimensions: the result should have them, too, as the table has.")
def no_room_for_more_tables(table):
    size = len(table) // 2 + 1
    return _one_by_one_2d(table, table.new_zeros(size, size), add=True)


@mistake("energy_2d", "`rfft2` has half of the places along the last dimension only, and all p along the other.")
def half_of_the_places(table):
    return torch.fft.rfft2(table, dim=(0, 1), norm="ortho").abs().square()


@mistake("energy_2d", "`rfft2` has half of the places along the last dimension only, and all p along the other.")
def half_of_the_places_not_scaled(table):
    return torch.fft.rfft2(table, dim=(0, 1)).abs().square()


@mistake("energy_2d", "The rows of a frequency are added up here, and its columns are not.")
def rows_added_only(table):
    squares = fourier.transform_2d(table).square()
    energy = squares.new_zeros(len(table) // 2 + 1, *table.shape[1:])
    return energy.index_add(0, fourier.frequencies(len(table)), squares)


@mistake("energy_2d", "Waves of a alone and of b alone are missing: 0 is a frequency like any other.")
def without_single_waves(table):
    energy = circuit.energy_2d(table)
    energy[0, 1:] = 0
    energy[1:, 0] = 0
    return energy


PLACES = "Of the FFT, a frequency owns the places k and p − k along each dimension: these are the first of them only."


@mistake("energy_2d", PLACES)
def first_places_of_the_fft(table):
    p, size = len(table), len(table) // 2 + 1
    return (torch.fft.fft2(table, dim=(0, 1)) / p).abs().square()[:size, :size]


@mistake("energy_2d", PLACES)
def first_places_of_the_fft_not_scaled(table):
    size = len(table) // 2 + 1
    return torch.fft.fft2(table, dim=(0, 1)).abs().square()[:size, :size]


@mistake(
    "energy_2d", "All tables have to have two dimensions here; each entry of the further ones is a table of its own."
)
def last_two_dimensions(table):
    p = len(table)
    basis, k = fourier.fourier_basis(p, table.dtype), fourier.frequencies(p)
    squares = (basis @ table @ basis.T).square()
    rows = squares.new_zeros(p // 2 + 1, *squares.shape[1:]).index_add(0, k, squares)
    return rows.new_zeros(p // 2 + 1, p // 2 + 1, *squares.shape[2:]).index_add(1, k, rows)


@mistake("energy_2d", "The result is always float32; it should have the dtype of the table.")
def energy_in_float32(table):
    return circuit.energy_2d(table.float())


@mistake("energy_2d", "The mean of the table is taken away first, and its energy with it.")
def centred(table):
    return circuit.energy_2d(table - table.mean(dim=(0, 1)))


@mistake("energy_2d", "The tables of all neurons are added up; each should keep its own energies.")
def neurons_added_up(table):
    energy = circuit.energy_2d(table)
    return energy.sum(dim=tuple(range(2, energy.ndim))) if energy.ndim > 2 else energy


also_in_float32("energy_2d")


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
        got = expect_values(got, (p_ // 2 + 1, 3), on)
        expected = np.zeros((p_ // 2 + 1, 3))
        expected[ks, range(3)] = 1
        message = "waves of a, waves of b and their products should all count, and the constant not"
        expect_close(got, expected, message, on, atol=1e-3)
    on = f"one neuron, 2 cos(ω{j} a) + cos(ω{k} b) + 2 cos(ω{j} a) cos(ω{k} b) + 1, p = {p}"
    expected = np.zeros((p // 2 + 1, 1))
    expected[j], expected[k] = 4 / 7, 1 / 7
    message = "each frequency's share should be that of its own waves, and the product of both belongs to neither"
    expect_close(expect_values(got_mixed, expected.shape, on), expected, message, on, atol=1e-3)


def _compare_shares(student, cases):
    for neurons, got in [(neurons, student.frequency_shares(neurons)) for neurons in cases]:
        p, n = neurons.shape[1:]
        on = f"{n} random {'neuron' if n == 1 else 'neurons'}, p = {p}"
        got = expect_values(got, (p // 2 + 1, n), on)
        message = "row k should be the share of each neuron's variance that the eight terms of frequency k explain"
        expect_close(got, _fit_shares(neurons), message, on, rtol=1e-3, atol=1e-4)


def _neurons(draw, p, n, dtype=torch.float32):
    """Random neurons, each of which is silent for some questions and not for others."""
    neurons = draw.normal(p, p, n, dtype=dtype)
    neurons[0, 0], neurons[0, 1] = neurons[0, 0].abs() + 1, -1.0
    return neurons.relu()


@checks("frequency_shares", "any neurons: the share that the best fit explains")
def test_frequency_shares_fit(student, draw):
    _compare_shares(student, [_neurons(draw, p, n) for p, n in ((3, 1), (5, 2), (draw.prime(7, 11), 3))])


@checks("frequency_shares", "even p: the last frequency has a cosine only")
def test_frequency_shares_even(student, draw):
    _compare_shares(student, [_neurons(draw, p, 2) for p in (2, 4, 2 * draw.integer(3, 5))])


@checks("frequency_shares", "quiet neurons and loud ones: a share does not depend on the size of the activations")
def test_frequency_shares_scale(student, draw):
    neurons = _neurons(draw, draw.prime(5, 7), 2)
    cases = [(factor, student.frequency_shares(factor * neurons)) for factor in (1e-4, 1e4)]
    for factor, got in cases:
        on = f"2 random neurons, p = {len(neurons)}, with activations of about {factor:g}"
        got = expect_values(got, (len(neurons) // 2 + 1, 2), on)
        expect_close(got, _fit_shares(neurons), "should be the same shares as for any other size", on, rtol=1e-3)


@checks("frequency_shares", TYPES, side=True)
def test_frequency_shares_dtype(student, draw):
    cases = [(_neurons(draw, p, 2, torch.float64),) for p in (3, draw.prime(5, 7))]
    expect_dtypes(student, "frequency_shares", cases, _fit_shares)


@checks("frequency_shares", UNCHANGED, side=True)
def test_frequency_shares_unchanged(student, draw):
    expect_unchanged(student, "frequency_shares", [(_neurons(draw, 5, 2),)], "the activations")


@checks("frequency_shares", "a silent neuron has no variance, and no share")
def test_frequency_shares_silent(student, draw):
    cases = []
    for p in (3, draw.prime(5, 11)):
        neurons = torch.stack([torch.zeros(p, p), _polynomial(draw, p, 1)], dim=-1)
        cases.append((p, student.frequency_shares(neurons)))
    for p, got in cases:
        on = f"a silent neuron and another, p = {p}"
        got = expect_values(got, (p // 2 + 1, 2), on)
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


@mistake("frequency_shares", "Row 0 should be zeros: the constant explains no variance.")
def share_of_the_constant(activations):
    energy = circuit.energy_2d(activations)
    shares = circuit.frequency_shares(activations)
    variance = energy.sum(dim=(0, 1)) - energy[0, 0]
    shares[0] = torch.where(variance > 0, 3 * energy[0, 0] / variance, 0.0)
    return shares


QUIET = "What is added to the variance, so as not to divide by 0, makes the shares of quiet neurons too small."


@mistake("frequency_shares", QUIET)
def millionth_in_the_denominator(activations):
    return _shares(activations, _three, lambda energy: energy.sum(dim=(0, 1)) - energy[0, 0] + 1e-6)


@mistake("frequency_shares", QUIET)
def hundred_millionth_in_the_denominator(activations):
    return _shares(activations, _three, lambda energy: energy.sum(dim=(0, 1)) - energy[0, 0] + 1e-8)


@mistake("frequency_shares", "A neuron may be quiet without being silent: what is small beside nothing is no zero.")
def quiet_taken_for_silent(activations):
    energy = circuit.energy_2d(activations)
    variance = energy.sum(dim=(0, 1)) - energy[0, 0]
    return circuit.frequency_shares(activations) * (variance > 1e-6)


@mistake(
    "frequency_shares", "A variance is a mean over the p² questions; the energies that it is set against are sums."
)
def mean_under_sums(activations):
    size = len(activations) ** 2
    return _shares(activations, _three, lambda energy: (energy.sum(dim=(0, 1)) - energy[0, 0]) / size)


@mistake(
    "frequency_shares", "A variance is a mean over the p² questions; the energies that it is set against are sums."
)
def sample_variance_under_sums(activations):
    size = len(activations) ** 2
    return _shares(activations, _three, lambda energy: (energy.sum(dim=(0, 1)) - energy[0, 0]) / (size - 1))


@mistake("frequency_shares", "The last frequency, p // 2, is missing.")
def without_the_last_row(activations):
    return circuit.frequency_shares(activations)[:-1]


@mistake("frequency_shares", "The last frequency, p // 2, is missing.")
def with_an_empty_last_row(activations):
    shares = circuit.frequency_shares(activations)
    shares[-1] = 0
    return shares


@mistake("frequency_shares", "The result is always float32; it should have the dtype of the activations.")
def shares_in_float32(activations):
    return circuit.frequency_shares(activations.float())


@mistake("frequency_shares", "These are shares of the length, not of the variance: a square root is too much.")
def square_roots(activations):
    return circuit.frequency_shares(activations).sqrt()


@mistake("frequency_shares", "Row 0 is missing: row k should belong to frequency k.")
def without_row_0(activations):
    return circuit.frequency_shares(activations)[1:]


@mistake("frequency_shares", "This is turned round: a row should be a frequency, a column a neuron.")
def turned_round(activations):
    return circuit.frequency_shares(activations).T


also_in_float32("frequency_shares")


# --- unembedding_directions -------------------------------------------------------------------------------------------


def _least_squares(W_logit, frequencies):
    """What numpy finds for u and v, each (K, d_mlp)."""
    p, c = W_logit.shape[1], np.arange(W_logit.shape[1])
    waves = np.stack([_wave(p, k, c, name) for name in ("cos", "sin") for k in frequencies], axis=1)
    fit = np.linalg.lstsq(waves, W_logit.double().numpy().T, rcond=None)[0]
    return fit[: len(frequencies)], fit[len(frequencies) :]


def _expect_pair(got, shape, on):
    is_one = isinstance(got, torch.Tensor) and got.ndim == 3
    expect((isinstance(got, list) or is_one) and len(got) == 2, "should return two tensors, u and v", on)
    return [expect_values(part, shape, on) for part in got]


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
        for part, planted, name in zip(_expect_pair(got, (1, n), on), (u, v), ("u", "v"), strict=True):
            expect_close(part[0], planted, f"{name} should be what it was made with", on, atol=1e-4)


@checks("unembedding_directions", "any matrix: the best fit, for all frequencies that are asked for, in their order")
def test_directions_fit(student, draw):
    cases = []
    for p, n in ((5, 2), (8, 3), (draw.prime(11, 23), 6)):
        ks = (draw.order((p - 1) // 2) + 1)[:3].tolist()
        ks = {5: [1, 2], 8: sorted(ks, reverse=True)}.get(p, ks)  # neither order will do for all
        cases.append((draw.normal(n, p), ks))
    for W_logit, ks, got in [(*case, student.unembedding_directions(*case)) for case in cases]:
        n, p = W_logit.shape
        on = f"{n} neurons, frequencies {ks}, p = {p}"
        expected = _least_squares(W_logit, ks)
        for part, fit, name in zip(_expect_pair(got, (len(ks), n), on), expected, ("u", "v"), strict=True):
            message = f"row i of {name} should be the amounts of the i-th frequency's wave in each neuron's row"
            expect_close(part, fit, message, on, rtol=1e-3, atol=1e-4)


@checks("unembedding_directions", TYPES, side=True)
def test_directions_dtype(student, draw):
    cases = [(draw.normal(n, p, dtype=torch.float64), [1, (p - 1) // 2]) for n, p in ((2, 5), (3, 13))]
    expect_dtypes(student, "unembedding_directions", cases, _least_squares)


@checks("unembedding_directions", UNCHANGED, side=True)
def test_directions_unchanged(student, draw):
    expect_unchanged(student, "unembedding_directions", [(draw.normal(3, 11), [2, 1])], "W_logit")


@mistake("unembedding_directions", "These are components in waves of length one; plain cosines and sines are longer.")
def in_unit_waves(W_logit, frequencies):
    scale = math.sqrt(W_logit.shape[1] / 2)
    return tuple(part * scale for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake(
    "unembedding_directions", "These are plain dot products with the waves, too large by the waves' squared length."
)
def dot_products(W_logit, frequencies):
    return tuple(part * W_logit.shape[1] / 2 for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake(
    "unembedding_directions",
    "The components are divided by p/2; a plain wave is the root of that longer than one of length one.",
)
def divided_by_the_squared_length(W_logit, frequencies):
    return tuple(
        part * math.sqrt(2 / W_logit.shape[1]) for part in circuit.unembedding_directions(W_logit, frequencies)
    )


_ALWAYS_113 = "The scale is that of 113 candidates, however many there are: p stands in the shape of W_logit."


@mistake("unembedding_directions", _ALWAYS_113)
def scaled_for_113(W_logit, frequencies):
    scale = math.sqrt(W_logit.shape[1] / 113)
    return tuple(part * scale for part in circuit.unembedding_directions(W_logit, frequencies))


@mistake("unembedding_directions", _ALWAYS_113)
def dot_products_scaled_for_113(W_logit, frequencies):
    scale = W_logit.shape[1] / 113
    return tuple(part * scale for part in circuit.unembedding_directions(W_logit, frequencies))


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


def _rows(W_logit, rows):
    components = fourier.transform(W_logit, dim=1) * math.sqrt(2 / W_logit.shape[1])
    return tuple(torch.stack([components[:, row] for row in chosen]) for chosen in rows)


@mistake("unembedding_directions", "Component 0 is the constant, so frequency k has the components 2k − 1 and 2k.")
def one_component_too_far(W_logit, frequencies):
    p = W_logit.shape[1]
    return _rows(W_logit, ([2 * k for k in frequencies], [(2 * k + 1) % p for k in frequencies]))


@mistake(
    "unembedding_directions", "Frequency k is not component k: the constant comes first, then two for each frequency."
)
def components_k_and_the_next(W_logit, frequencies):
    return _rows(W_logit, (list(frequencies), [k + 1 for k in frequencies]))


@mistake(
    "unembedding_directions", "The candidates run along dimension 1 of W_logit; the transform runs along 0 by itself."
)
def along_the_neurons(W_logit, frequencies):
    components = fourier.transform(W_logit) * math.sqrt(2 / W_logit.shape[1])
    return torch.stack([components[2 * k - 1] for k in frequencies]), torch.stack(
        [components[2 * k] for k in frequencies]
    )


@mistake("unembedding_directions", "u and v are one below the other in one tensor; they should be two.")
def one_below_the_other(W_logit, frequencies):
    return torch.cat(circuit.unembedding_directions(W_logit, frequencies))


@mistake("unembedding_directions", "Only the first of the frequencies is looked at.")
def first_frequency_only(W_logit, frequencies):
    return circuit.unembedding_directions(W_logit, list(frequencies)[:1])


@mistake("unembedding_directions", "The results are always float32; they should have the dtype of W_logit.")
def directions_in_float32(W_logit, frequencies):
    return circuit.unembedding_directions(W_logit.float(), frequencies)


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
        got = expect_values(got, (len(ks), 2, 1), on)
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
        got = expect_values(got, (len(ks), 2, n), on)
        message = "entry [i, 0] should be the dot products with the i-th cosine of a + b, [i, 1] with its sine"
        expect_close(got, _projected(table, ks), message, on, rtol=1e-3, atol=1e-3)


@checks("project_logits", TYPES, side=True)
def test_project_logits_dtype(student, draw):
    cases = [(draw.normal(p, p, n, dtype=torch.float64), [1, (p - 1) // 2]) for p, n in ((5, 3), (8, 8))]
    expect_dtypes(student, "project_logits", cases, _projected)


@checks("project_logits", UNCHANGED, side=True)
def test_project_logits_unchanged(student, draw):
    expect_unchanged(student, "project_logits", [(draw.normal(7, 7, 3), [2, 1])], "the table")


def _project(table, frequencies, angle=np.add, scale=None, names=("cos", "sin")):
    """The projections with one part exchanged."""
    p = len(table)
    grid = angle.outer(np.arange(p), np.arange(p))
    rows = []
    for k in frequencies:
        for name in names:
            direction = torch.tensor(_wave(p, k, grid, name))
            length = direction.norm() if scale is None else scale(p)
            rows.append(torch.tensordot(direction / length, table.double(), dims=2))
    return torch.stack(rows).reshape(len(frequencies), 2, *table.shape[2:]).to(table.dtype)


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


@mistake(
    "project_logits", "The means over equal sums are projected: a direction over p² questions is √p times as long."
)
def components_of_the_means(table, frequencies):
    return circuit.project_logits(table, frequencies) / math.sqrt(len(table))


@mistake(
    "project_logits", "The two products are added, but their sum has the length √2: it is to be scaled to length one."
)
def products_added_without_scale(table, frequencies):
    return circuit.project_logits(table, frequencies) * math.sqrt(2)


@mistake(
    "project_logits", "These are cosine times cosine and sine times sine; the waves of the sum are made of two each."
)
def two_products_for_two_waves(table, frequencies):
    components = fourier.transform_2d(table)
    parts = [[components[2 * k - 1, 2 * k - 1], components[2 * k, 2 * k]] for k in frequencies]
    return torch.stack([torch.stack(pair) for pair in parts])


@mistake("project_logits", "The cosine's two parts are taken with a plus: that is the wave of the difference a − b.")
def plus_for_minus(table, frequencies):
    of_difference = _project(table, frequencies, np.subtract)
    return torch.stack([of_difference[:, 0], circuit.project_logits(table, frequencies)[:, 1]], dim=1)


@mistake("project_logits", "Component 0 is the constant, so frequency k has the components 2k − 1 and 2k.")
def project_one_row_too_far(table, frequencies):
    components = fourier.transform(circuit.by_sum(table)) * math.sqrt(len(table))
    return torch.stack([torch.stack([components[2 * k], components[(2 * k + 1) % len(table)]]) for k in frequencies])


@mistake(
    "project_logits", "Frequencies and waves are one dimension here; the result should be (frequencies, 2, columns)."
)
def waves_in_one_row(table, frequencies):
    return circuit.project_logits(table, frequencies).flatten(0, 1)


@mistake("project_logits", "The columns are added up; each candidate should keep its own component.")
def candidates_added_up(table, frequencies):
    return circuit.project_logits(table, frequencies).sum(dim=-1)


@mistake("project_logits", "The result is always float32; it should have the dtype of the table.")
def projected_in_float32(table, frequencies):
    return circuit.project_logits(table.float(), frequencies)


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
        got = expect_values(got, (p * p, p), on)
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
        got = expect_values(got, (len(a), p), on)
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
        plain = expect_values(plain, (9, p), on)
        expect_close(plain, _scores(a, b, p, ks), "without coefficients all should count once", on, atol=1e-4)
        on += f", coefficients {alphas}"
        weighted = expect_values(weighted, (9, p), on)
        expect_close(weighted, _scores(a, b, p, ks, alphas), "each should count as its coefficient says", on, atol=1e-4)


@checks("clock_logits", "a and b are never added, nor their angles: all is made of waves of a, of b and of c", weight=6)
def test_clock_logits_never_adds(student, draw):
    """As for ``cos_of_sum``: where angles are too large to be added, products of waves are what they were.

    As a matrix with a row for each a, the logits then have rank 2: they are cos ωa times something of b and c, plus
    sin ωa times something else. With a sum a + b in them, in whole numbers or as an angle, they have not.
    """
    moduli = 11, draw.prime(13, 19)
    pairs = [_all_pairs(p) for p in moduli]
    small = [draw.integer(1, p // 2) for p in moduli]
    large = [(2**63 - 1) // (p - 1) - draw.integer(1, 1000) for p in moduli]
    plain = [student.clock_logits(a, b, p, [k]) for p, k, (a, b) in zip(moduli, small, pairs, strict=True)]
    for p, k, (a, b), logits in zip(moduli, small, pairs, plain, strict=True):
        on = f"p = {p}, frequency {k}, all {p * p} questions"
        logits = expect_values(logits, (p * p, p), on)
        message = "the right answer should get 1, and every other the cosine of its angle to it"
        expect_close(logits, _scores(a, b, p, [k]), message, on, atol=1e-4)
    got = [student.clock_logits(a, b, p, [k]) for p, k, (a, b) in zip(moduli, large, pairs, strict=True)]
    for p, k, logits in zip(moduli, large, got, strict=True):
        on = f"p = {p}, frequency {k}: angles so large that a sum of two of them is rounded to another angle"
        logits = expect_values(logits, (p * p, p), on)
        expect(bool(logits.isfinite().all()), "all logits should be numbers", on)
        by_a, by_b = logits.reshape(p, -1), logits.reshape(p, p, p).transpose(0, 1).reshape(p, -1)
        message = (
            "the logits should still be sums of products, a wave of a times a wave of b times a wave of c, and they "
            "are not: somewhere a and b are added, or their angles"
        )
        for sizes in (torch.linalg.svdvals(by_a), torch.linalg.svdvals(by_b)):
            expect(float(sizes[2]) < 1e-3 * float(sizes[0]), message, on)


@checks("clock_logits", "the dtype is float64, with all its digits", side=True)
def test_clock_logits_dtype(student, draw):
    cases = []
    for p in (5, 113, draw.prime(50, 200)):
        a, b = draw.integers(0, p - 1, 1), draw.integers(0, p - 1, 1)
        ks, alphas = [1, p // 2], [1 / 3, draw.number(0.5, 3)]
        cases.append((p, a, b, ks, None, student.clock_logits(a, b, p, ks)))
        cases.append((p, a, b, ks, alphas, student.clock_logits(a, b, p, ks, alphas)))
    for p, a, b, ks, alphas, got in cases:
        on = f"p = {p}, {a.item()} + {b.item()}" + (f", coefficients {alphas}" if alphas else "")
        got = expect_tensor(got, (1, p), torch.float64, on)
        expect_digits(got, _scores(a, b, p, ks, alphas), on)


@checks("clock_logits", UNCHANGED, side=True)
def test_clock_logits_unchanged(student, draw):
    cases = [(draw.integers(0, p - 1, 4), draw.integers(0, p - 1, 4), p, [1, 2]) for p in (5, draw.prime(7, 13))]
    expect_unchanged(student, "clock_logits", cases, "a and b")


def _clock(a, b, p, frequencies, coefficients=None, *, product=None, read=None, dtype=torch.float64, turns=1, order=0):
    """The clock with one part exchanged, and its angles multiplied in one order or another."""
    k, n = torch.tensor(list(frequencies), dtype=dtype), torch.arange(p, dtype=dtype)
    alpha = torch.ones_like(k) if coefficients is None else torch.tensor(list(coefficients), dtype=dtype)
    angle = turns * 2 * math.pi / p * torch.outer(n, k)
    if order:
        angle = turns * (torch.outer(n, 2 * math.pi * k / p) if order == 1 else torch.outer(n, 2 * math.pi * k) / p)
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


@mistake("clock_logits", "With a minus the second of the two is the sine of a − b.")
def sine_of_the_difference(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, product=lambda c, s, d, t: (c * d - s * t, s * d - c * t))


_ROUNDED = "`torch.tensor` of a list of numbers is float32, if not told dtype: the coefficients have lost digits."


@mistake("clock_logits", _ROUNDED)
def rounded_coefficients(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, None if coefficients is None else torch.tensor(coefficients).tolist())


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
def coefficients_ignored(a, b, p, frequencies, coefficients=None, order=0):
    return _clock(a, b, p, frequencies, order=order)


@mistake("clock_logits", "The mean over the frequencies is taken; their cosines should be added up.")
def mean_over_frequencies(a, b, p, frequencies, coefficients=None, order=0):
    return _clock(a, b, p, frequencies, coefficients, order=order) / len(list(frequencies))


@mistake("clock_logits", "A factor of two is missing in the angle: a full turn is 2π.")
def half_turns(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, turns=0.5)


@mistake("clock_logits", "Everything is computed in float32: digits that are lost do not come back.")
def single_precision(a, b, p, frequencies, coefficients=None, order=0):
    return _clock(a, b, p, frequencies, coefficients, dtype=torch.float32, order=order)


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


ADDED = "This adds a and b first. Multiply their waves instead: cosine and sine of each alone."


@mistake("clock_logits", ADDED)
def adds_the_numbers(a, b, p, frequencies, coefficients=None):
    return _of_sums((a + b) % p, p, frequencies, coefficients)


@mistake("clock_logits", ADDED)
def adds_the_numbers_without_a_remainder(a, b, p, frequencies, coefficients=None):
    return _of_sums(a + b, p, frequencies, coefficients)


def _of_sums(total, p, frequencies, coefficients):
    alpha = [1.0] * len(frequencies) if coefficients is None else coefficients
    distance = (total[:, None] - torch.arange(p)).double()
    return sum(al * (2 * math.pi * k / p * distance).cos() for k, al in zip(frequencies, alpha, strict=True))


@mistake("clock_logits", ADDED)
def adds_and_reads_out(a, b, p, frequencies, coefficients=None):
    return _added(a, b, p, frequencies, coefficients, lambda angle, a, b: angle[(a + b) % p])


@mistake("clock_logits", "This adds the two angles. Multiply the waves instead: cosine and sine of each alone.")
def adds_the_angles(a, b, p, frequencies, coefficients=None):
    return _added(a, b, p, frequencies, coefficients, lambda angle, a, b: angle[a] + angle[b])


def _added(a, b, p, frequencies, coefficients, angle_of_sum):
    k = torch.tensor(frequencies, dtype=torch.float64)
    alpha = torch.ones_like(k) if coefficients is None else torch.tensor(coefficients, dtype=torch.float64)
    angle = 2 * math.pi / p * torch.outer(torch.arange(p, dtype=torch.float64), k)
    total = angle_of_sum(angle, a, b)
    return (alpha * total.cos()) @ angle.cos().T + (alpha * total.sin()) @ angle.sin().T


@mistake("clock_logits", "The angle is not in radians: a full turn is 2π, and the factor is missing.")
def without_two_pi(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients, turns=1 / (2 * math.pi))


@mistake("clock_logits", "Only the first of the frequencies counts.")
def first_of_the_frequencies(a, b, p, frequencies, coefficients=None, order=0):
    coefficients = None if coefficients is None else list(coefficients)[:1]
    return _clock(a, b, p, list(frequencies)[:1], coefficients, order=order)


@mistake(
    "clock_logits", "The coefficients come as a list, which cannot be multiplied with a tensor: make a tensor of it."
)
def coefficients_left_a_list(a, b, p, frequencies, coefficients=None, order=0):
    if coefficients is not None:
        torch.ones(len(a), len(coefficients), dtype=torch.float64) * coefficients
    return _clock(a, b, p, frequencies, order=order)


@mistake("clock_logits", "Each coefficient is multiplied in twice: at the product and at the read-out.")
def coefficients_squared(a, b, p, frequencies, coefficients=None, order=0):
    coefficients = None if coefficients is None else [alpha**2 for alpha in coefficients]
    return _clock(a, b, p, frequencies, coefficients, order=order)


@mistake("clock_logits", "It should be a row per question and a column per candidate; this is turned round.")
def candidates_first(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients).T


@mistake("clock_logits", "These are the answers; the logits of all candidates are asked for.")
def answers_for_logits(a, b, p, frequencies, coefficients=None):
    return _clock(a, b, p, frequencies, coefficients).argmax(dim=1)


@mistake("clock_logits", "The result is converted to float32 at the end.")
def converted_to_float32(a, b, p, frequencies, coefficients=None, order=0):
    return _clock(a, b, p, frequencies, coefficients, order=order).float()


also_in_float32("clock_logits")


def _in_other_orders(*answers):
    """Plant mistakes with the angles multiplied in other orders: of the largest, each order makes another angle."""
    for planted in planted_mistakes(find_exercise("clock_logits")):
        for order in (1, 2) if planted.answer in answers else ():
            answer = functools.wraps(planted.answer)(functools.partial(planted.answer, order=order))
            answer.__name__ += f"_in_order_{order}"
            mistake("clock_logits", planted.hint)(answer)


_in_other_orders(
    coefficients_ignored,
    mean_over_frequencies,
    single_precision,
    first_of_the_frequencies,
    coefficients_squared,
    coefficients_left_a_list,
    converted_to_float32,
)
