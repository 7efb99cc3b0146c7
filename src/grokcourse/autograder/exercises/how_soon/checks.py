"""Hidden tests of "How soon can it grok?"."""

import math

import numpy as np
import torch

from ..questions import expect_prediction, wrong_number
from ..side_conditions import TYPES, UNCHANGED, expect_dtypes, expect_unchanged, expect_values
from ..testing import checks, expect, expect_close, expect_number, mistake
from . import answers

# --- scaled_wait ------------------------------------------------------------------------------------------------------


@checks("scaled_wait", "the step that the clock 1/(ηλ) predicts, give or take three in a hundred")
def test_scaled_wait(student, draw):
    right = answers.scaled_wait()
    got = expect_prediction(student, "scaled_wait")
    expect(abs(got - right) < 0.03 * right, "the clock predicts another step")


wrong_number("scaled_wait", "That counts one of the two factors: both are three times as large.", 2133.0)
wrong_number("scaled_wait", "That adds the two factors of three; the share taken off is a product.", 1067.0)
wrong_number("scaled_wait", "A faster clock makes the wait shorter, not longer.", 57_600.0)
wrong_number("scaled_wait", "The wait goes like 1/(ηλ), not like 1/(ηλ)².", 79.0)
wrong_number("scaled_wait", "Each factor of three counts once; this divides by three once too often.", 237.0)
wrong_number("scaled_wait", "Nothing would change then, and both factors are three times as large.", 6_400.0)

# --- fit_power_law ----------------------------------------------------------------------------------------------------


def _runs(draw, n, noise=0.0):
    """Rates, waits, C and α: waits that follow a law, but for noise; rates an order apart at least."""
    steps = torch.cumsum(0.4 + draw.normal(n, dtype=torch.float64).abs(), dim=0)
    rate = (steps - steps[-1] - 2.5).exp()[draw.order(n)]
    constant, exponent = draw.number(2.5, 8.0), draw.number(0.5, 0.85)
    bent = noise * draw.normal(n, dtype=torch.float64)
    return rate, constant / rate**exponent * bent.exp(), constant, exponent


def _two(got, on):
    expect(isinstance(got, list) and len(got) == 2, "should return two numbers: C and α", on)
    return [expect_number(part, on) for part in got]


def _ask_for_law(student, draw, sizes, noise=0.0):
    cases = []
    for n in sizes:
        rate, wait, *law = _runs(draw, n, noise)
        cases.append((f"{n} runs", rate, wait, law, student.fit_power_law(rate, wait)))
    return cases


@checks("fit_power_law", "runs that follow a law to the last digit: that law")
def test_fit_power_law_exact(student, draw):
    for on, _, _, (constant, exponent), got in _ask_for_law(student, draw, (2, 3, draw.integer(5, 9))):
        on = f"{on} without noise"
        found = _two(got, on)
        expect_close(found[1], exponent, "the second number should be the exponent that the waits follow", on)
        expect_close(found[0], constant, "the first number should be the C that the waits follow", on)


@checks("fit_power_law", "with noise: the least sum of squares between logarithms", weight=2)
def test_fit_power_law_noise(student, draw):
    for on, rate, wait, _, got in _ask_for_law(student, draw, (3, draw.integer(5, 9), 40), noise=0.5):
        on = f"{on} with noise"
        slope, height = np.polyfit(np.log(rate.numpy()), np.log(wait.numpy()), 1)
        found = _two(got, on)
        expect_close(found[1], -slope, "the exponent should be that of the line of least squares", on)
        expect_close(found[0], math.exp(height), "C should be that of the line of least squares", on)


@checks("fit_power_law", "twice as long waits: twice the C, and the same exponent")
def test_fit_power_law_scales(student, draw):
    for n in (4, 12):
        rate, wait, *_ = _runs(draw, n, noise=0.3)
        asked = [student.fit_power_law(rate, wait), student.fit_power_law(rate, 2 * wait)]
        on = f"{n} runs, and the same with waits twice as long"
        (constant, exponent), (other_constant, other_exponent) = (_two(got, on) for got in asked)
        expect(constant > 0, "C should be positive", on)
        expect_close(other_constant, 2 * constant, "C should be twice as large", on)
        slope = np.polyfit(np.log(rate.numpy()), np.log(wait.numpy()), 1)[0]
        expect_close(exponent, -slope, "the exponent should be that of the line of least squares", on)
        expect_close(other_exponent, exponent, "the exponent should be the same", on)


@checks("fit_power_law", UNCHANGED, side=True)
def test_fit_power_law_unchanged(student, draw):
    cases = [_runs(draw, n, noise=0.3)[:2] for n in (3, 8)]
    expect_unchanged(student, "fit_power_law", cases, "rate and wait")


def _line(rate, wait):
    x, y = rate.double().log(), wait.double().log()
    across, up = x - x.mean(), y - y.mean()
    return x, y, (across * up).sum() / across.square().sum()


@mistake("fit_power_law", "This fits a line to rates and waits themselves; a power law is a line of their logarithms.")
def without_logarithms(rate, wait):
    x, y = rate.double(), wait.double()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() - slope * x.mean()).item(), -slope.item()


@mistake("fit_power_law", "The law divides by rateᵅ: α is the slope with the other sign.")
def the_slope_itself(rate, wait):
    x, y, slope = _line(rate, wait)
    return (y.mean() - slope * x.mean()).exp().item(), slope.item()


@mistake("fit_power_law", "The line's height at 0 is the logarithm of C, not C.")
def logarithm_of_the_constant(rate, wait):
    x, y, slope = _line(rate, wait)
    return (y.mean() - slope * x.mean()).item(), -slope.item()


@mistake("fit_power_law", "A logarithm to base 10 is undone by a power of 10, not by exp.")
def undone_with_the_wrong_base(rate, wait):
    x, y, slope = _line(rate, wait)
    return ((y.mean() - slope * x.mean()) / math.log(10)).exp().item(), -slope.item()


@mistake("fit_power_law", "The line need not go through the origin: it has a height as well, the logarithm of C.")
def through_the_origin(rate, wait):
    x, y, _ = _line(rate, wait)
    return 1.0, -((x * y).sum() / x.square().sum()).item()


@mistake("fit_power_law", "This lets the rate depend on the wait; it is the waits' distances that should be small.")
def the_other_way_round(rate, wait):
    x, y, _ = _line(rate, wait)
    slope = (y - y.mean()).square().sum() / ((x - x.mean()) * (y - y.mean())).sum()
    return (y.mean() - slope * x.mean()).exp().item(), -slope.item()


@mistake("fit_power_law", "The ratio of the two spreads is no slope of least squares: how well both agree counts too.")
def ratio_of_spreads(rate, wait):
    x, y, slope = _line(rate, wait)
    slope = slope.sign() * y.std() / x.std()
    return (y.mean() - slope * x.mean()).exp().item(), -slope.item()


@mistake("fit_power_law", "The right numbers in the wrong order: C comes first, then α.")
def exponent_first(rate, wait):
    x, y, slope = _line(rate, wait)
    return -slope.item(), (y.mean() - slope * x.mean()).exp().item()


@mistake("fit_power_law", "This takes the exponent for 1, which is what the fit is to find out.")
def exponent_one(rate, wait):
    x, y, _ = _line(rate, wait)
    return (y + x).mean().exp().item(), 1.0


@mistake("fit_power_law", "This draws the line through two of the runs; all of them count.")
def through_the_ends(rate, wait):
    x, y = rate.double().log(), wait.double().log()
    first, last = x.argmin(), x.argmax()
    slope = (y[last] - y[first]) / (x[last] - x[first])
    return (y[first] - slope * x[first]).exp().item(), -slope.item()


@mistake("fit_power_law", "The logarithm of the mean is not the mean of the logarithms: take the logarithms first.")
def logarithm_of_the_means(rate, wait):
    *_, slope = _line(rate, wait)
    return (wait.mean().log() - slope * rate.mean().log()).exp().item(), -slope.item()


@mistake("fit_power_law", "`log_` and the like change what the caller passed in; `log` makes a new tensor.")
def in_place(rate, wait):
    x, y = rate.log_(), wait.log_()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() - slope * x.mean()).exp().item(), -slope.item()


# --- expected_beyond --------------------------------------------------------------------------------------------------


def _integral(mean, spread, bound):
    """The mean of a normal density's part above the bound, by the trapezium rule."""
    x = np.linspace(bound, np.maximum(bound, mean) + 12 * spread, 40_001)
    exponent = -(((x - mean) / spread) ** 2) / 2
    density = np.exp(exponent - exponent.max(axis=0))
    return np.trapezoid(x * density, x, axis=0) / np.trapezoid(density, x, axis=0)


def _normals(draw):
    """Means, spreads, and how many spreads above its mean each bound lies."""
    for n, spread in ((1, draw.number(0.3, 0.7)), (draw.integer(3, 6), draw.number(1.6, 3.0))):
        yield 7 + draw.normal(n, dtype=torch.float64), spread, draw.normal(n, dtype=torch.float64).clamp(-2, 2)


def _numbered(mean):
    return "one number" if len(mean) == 1 else f"{len(mean)} numbers"


@checks("expected_beyond", "the mean of the density's part above the bound", weight=2)
def test_expected_beyond_integral(student, draw):
    cases = []
    for mean, spread, z in _normals(draw):
        bound = mean + spread * z
        cases.append((mean, spread, bound, student.expected_beyond(mean, spread, bound)))
    for mean, spread, bound, got in cases:
        on = f"{_numbered(mean)} with a spread of {spread:.2f}"
        got = expect_values(got, mean.shape, on)
        right = _integral(mean.numpy(), spread, bound.numpy())
        expect_close(got, right, "should be the mean of the part of the density above the bound", on, rtol=1e-5)


@checks("expected_beyond", "a bound far below tells nothing; with one at the mean it is the upper half's mean")
def test_expected_beyond_known(student, draw):
    cases = []
    for mean, spread, _ in _normals(draw):
        pair = [student.expected_beyond(mean, spread, mean + spread * z) for z in (-7.0, 0.0)]
        cases.append((mean, spread, pair))
    for mean, spread, (below, half) in cases:
        on = f"{_numbered(mean)} with a spread of {spread:.2f}"
        below, half = expect_values(below, mean.shape, on), expect_values(half, mean.shape, on)
        expect_close(below, mean, "with a bound seven spreads below the mean, should be the mean", on)
        middle = mean + spread * math.sqrt(2 / math.pi)
        expect_close(half, middle, "with the bound at the mean, should be the mean of the upper half", on)


@checks("expected_beyond", "above a bound that is far out: just above it")
def test_expected_beyond_far(student, draw):
    cases = []
    for mean, spread, _ in _normals(draw):
        bound = mean + 4.5 * spread
        cases.append((mean, spread, bound, student.expected_beyond(mean, spread, bound)))
    for mean, spread, bound, got in cases:
        on = f"{_numbered(mean)} with a spread of {spread:.2f}, a bound 4.5 spreads above the mean"
        over = (expect_values(got, mean.shape, on) - bound) / spread
        expect(bool((over > 0).all()), "should be more than the bound", on)
        expect(bool((over < 0.25).all()), "should be closer to the bound than a quarter of the spread", on)


@checks("expected_beyond", UNCHANGED, side=True)
def test_expected_beyond_unchanged(student, draw):
    cases = [(mean, spread, mean + spread * z) for mean, spread, z in _normals(draw)]
    expect_unchanged(student, "expected_beyond", cases, "mean and bound")


def _phi(z):
    return (-z.square() / 2).exp() / math.sqrt(2 * math.pi)


def _above(z):
    return torch.special.erfc(z / math.sqrt(2)) / 2


@mistake("expected_beyond", "This takes the bound for the wait: what is larger than the bound is so by something.")
def the_bound(mean, spread, bound):
    return bound.clone()


@mistake("expected_beyond", "That the number is larger than the bound changes nothing here.")
def the_mean(mean, spread, bound):
    return mean.clone()


@mistake("expected_beyond", "The larger of mean and bound is less than one can expect: both count, and the spread.")
def the_larger(mean, spread, bound):
    return mean.maximum(bound)


@mistake("expected_beyond", "This divides by the chance of less than z; known is that the number is *more*.")
def divided_by_the_chance_of_less(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + spread * _phi(z) / _above(-z)


@mistake("expected_beyond", "This is what to expect of a number *below* the bound.")
def expected_below(mean, spread, bound):
    z = (bound - mean) / spread
    return mean - spread * _phi(z) / _above(-z)


@mistake("expected_beyond", "φ/Φ counts in units of the spread: multiply by it before it is added to the mean.")
def without_the_spread(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + _phi(z) / _above(z)


@mistake("expected_beyond", "z is the bound's distance from the mean *in units of the spread*.")
def z_without_the_spread(mean, spread, bound):
    z = bound - mean
    return mean + spread * _phi(z) / _above(z)


@mistake("expected_beyond", "z is the bound's distance *from the mean*; here the mean is not taken off.")
def z_without_the_mean(mean, spread, bound):
    z = bound / spread
    return mean + spread * (-z.square() / 2 - math.log(2 * math.pi) / 2 - torch.special.log_ndtr(-z)).exp()


@mistake("expected_beyond", "It is the mean that is raised by this much, not the bound.")
def added_to_the_bound(mean, spread, bound):
    z = (bound - mean) / spread
    return bound + spread * _phi(z) / _above(z)


@mistake("expected_beyond", "φ is the *standard* normal density: its factor 1/√(2π) is missing.")
def without_the_root(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + spread * (-z.square() / 2).exp() / _above(z)


@mistake("expected_beyond", "Φ is not erf: Φ(z) = (1 + erf(z/√2)) / 2.")
def erf_for_the_distribution(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + spread * _phi(z) / torch.special.erfc(z)


@mistake("expected_beyond", "Here the two are multiplied: φ(z) is to be divided by Φ(−z).")
def multiplied(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + spread * _phi(z) * _above(z)


@mistake("expected_beyond", "φ(z) is not divided by the chance of being above the bound.")
def density_alone(mean, spread, bound):
    z = (bound - mean) / spread
    return mean + spread * _phi(z)


@mistake("expected_beyond", "Methods that end in an underscore, and `-=`, change what the caller passed in.")
def bound_in_place(mean, spread, bound):
    z = bound.sub_(mean).div_(spread)
    return mean + spread * _phi(z) / _above(z)


# --- orthogonal_gradient ----------------------------------------------------------------------------------------------


def _pairs(draw):
    """Weights and gradients that are neither along each other nor at right angles: vectors, a matrix, three axes."""
    for shape in ((2,), (draw.integer(3, 6),), (draw.integer(2, 4), draw.integer(5, 7)), (2, 3, 4)):
        weight = draw.normal(*shape, dtype=torch.float64)
        across = draw.normal(*shape, dtype=torch.float64)
        across = across - (across * weight).sum() / weight.square().sum() * weight
        yield weight, draw.number(0.4, 0.9) * weight + draw.number(1.3, 2.5) * across / across.norm() * weight.norm()


def _projected(weight, grad):
    """By the projection matrix, as long as before."""
    w, g = weight.flatten().numpy(), grad.flatten().numpy()
    left = (np.eye(len(w)) - np.outer(w, w) / np.dot(w, w)) @ g
    return torch.from_numpy(left * np.linalg.norm(g) / np.linalg.norm(left)).reshape(weight.shape)


def _shaped(weight):
    return f"a weight of shape {tuple(weight.shape)}"


def _ask_for_gradients(student, draw):
    return [(weight, grad, student.orthogonal_gradient(weight, grad)) for weight, grad in _pairs(draw)]


@checks("orthogonal_gradient", "w = (1, 0) and g = (3, 4): (0, 5)")
def test_orthogonal_gradient_small(student, draw):
    got = student.orthogonal_gradient(torch.tensor([1.0, 0.0]), torch.tensor([3.0, 4.0]))
    on = "w = (1, 0), g = (3, 4)"
    expect_close(expect_values(got, (2,), on), torch.tensor([0.0, 5.0]), "should be (0, 5)", on)


@checks("orthogonal_gradient", "at right angles to the weight, and as long as the gradient")
def test_orthogonal_gradient_angle_and_length(student, draw):
    for weight, grad, got in _ask_for_gradients(student, draw):
        on = _shaped(weight)
        got = expect_values(got, weight.shape, on)
        cosine = (got * weight).sum() / (weight.norm() * grad.norm())
        expect(abs(cosine.item()) < 1e-6, "its dot product with the weight, as one long vector, should be 0", on)
        expect_close(got.norm(), grad.norm(), "should be as long as the gradient was", on)


@checks("orthogonal_gradient", "the gradient less its part along the weight", weight=2)
def test_orthogonal_gradient_projection(student, draw):
    for weight, grad, got in _ask_for_gradients(student, draw):
        got = expect_values(got, weight.shape, _shaped(weight))
        message = "should point where the gradient does once its part along the weight is taken off"
        expect_close(got, _projected(weight, grad), message, _shaped(weight))


@checks("orthogonal_gradient", "of a weight of zeros, as biases begin: the gradient as it is", side=True)
def test_orthogonal_gradient_zeros(student, draw):
    for shape in ((draw.integer(3, 5),), (2, draw.integer(3, 5))):
        grad = draw.normal(*shape, dtype=torch.float64)
        got = expect_values(student.orthogonal_gradient(torch.zeros_like(grad), grad), shape, "a weight of zeros")
        expect_close(got, grad, "of a weight of zeros, should be the gradient as it is", "a weight of zeros")


@checks("orthogonal_gradient", TYPES, side=True)
def test_orthogonal_gradient_dtype(student, draw):
    expect_dtypes(student, "orthogonal_gradient", list(_pairs(draw)), _projected)


@checks("orthogonal_gradient", UNCHANGED, side=True)
def test_orthogonal_gradient_unchanged(student, draw):
    expect_unchanged(student, "orthogonal_gradient", list(_pairs(draw)), "weight and grad")


def _planted(hint):
    """Plant a mistake twice: with a tiny number that keeps divisions finite, and without."""

    def register(answer):
        for tiny in (1e-30, 0.0):

            def planted(weight, grad, tiny=tiny):
                return answer(weight, grad, tiny)

            planted.__name__ = answer.__name__ + ("" if tiny else "_unguarded")
            mistake("orthogonal_gradient", hint)(planted)
        return answer

    return register


def _as_long(vector, other, tiny):
    return vector * (other.norm() / (vector.norm() + tiny))


@_planted("What is left is shorter than the gradient was: make it as long again.")
def not_as_long(weight, grad, tiny):
    return grad - (weight * grad).sum() / (weight.square().sum() + tiny) * weight


@_planted("The share along w is (w · g) / (w · w); here it is divided by the length of w only once.")
def divided_once(weight, grad, tiny):
    return _as_long(grad - (weight * grad).sum() / (weight.norm() + tiny) * weight, grad, tiny)


@mistake("orthogonal_gradient", "The dot product w · g is not yet the share along w: w is not of length one.")
def not_divided(weight, grad):
    return _as_long(grad - (weight * grad).sum() * weight, grad, 1e-30)


@_planted("This adds the part along the weight once more; it is to be taken off.")
def added(weight, grad, tiny):
    return _as_long(grad + (weight * grad).sum() / (weight.square().sum() + tiny) * weight, grad, tiny)


@_planted("This is the part along the weight; asked for is what is left without it.")
def the_part_along(weight, grad, tiny):
    return _as_long((weight * grad).sum() / (weight.square().sum() + tiny) * weight, grad, tiny)


@_planted("Weight and gradient have changed places: this takes the gradient's part off the weight.")
def changed_places(weight, grad, tiny):
    return _as_long(weight - (weight * grad).sum() / (grad.square().sum() + tiny) * grad, grad, tiny)


@_planted("The share along w divides by w · w, not by g · g.")
def divided_by_the_gradient(weight, grad, tiny):
    return _as_long(grad - (weight * grad).sum() / (grad.square().sum() + tiny) * weight, grad, tiny)


@_planted("It should be as long as the gradient was, not as the weight is.")
def as_long_as_the_weight(weight, grad, tiny):
    return _as_long(not_as_long(weight, grad, tiny), weight, tiny)


@_planted("It should be as long as the gradient was, not of length one.")
def of_length_one(weight, grad, tiny):
    left = not_as_long(weight, grad, tiny)
    return left / (left.norm() + tiny)


@_planted("This treats each row by itself; the whole tensor is one long vector.")
def row_by_row(weight, grad, tiny):
    share = (weight * grad).sum(dim=-1, keepdim=True) / (weight.square().sum(dim=-1, keepdim=True) + tiny)
    return _as_long(grad - share * weight, grad, tiny)


@mistake("orthogonal_gradient", "A weight of zeros, as biases begin, makes this divide 0 by 0.")
def unguarded(weight, grad):
    return _as_long(grad - (weight * grad).sum() / weight.square().sum() * weight, grad, 0.0)


@mistake("orthogonal_gradient", "`-=` and methods that end in an underscore change the caller's own tensor.")
def gradient_in_place(weight, grad):
    length = grad.norm()
    grad -= (weight * grad).sum() / (weight.square().sum() + 1e-30) * weight
    return grad * (length / grad.norm())


@mistake("orthogonal_gradient", "The result is always float32; it should have the type of the gradient.")
def always_float32(weight, grad):
    return _as_long(not_as_long(weight, grad, 1e-30), grad, 1e-30).float()
