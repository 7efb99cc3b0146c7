"""Hidden tests of chapter 03, weight decay."""

import math

import numpy as np
import torch
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from ....model import Transformer
from ..questions import expect_choice, expect_prediction, wrong_number, wrong_values
from ..side_conditions import TYPES
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake
from . import answers

BOTH = torch.float32, torch.float64

# --- sgd_update -------------------------------------------------------------------------------------------------------


def _pairs(draw, dtype=torch.float32):
    """Weights and gradients: one of each, a few, a matrix; no weight close to zero."""
    for shape in ((1,), (draw.integer(3, 6),), (draw.integer(2, 4), draw.integer(5, 7))):
        weight = draw.normal(*shape, dtype=dtype)
        yield weight + 0.5 * weight.sign(), draw.normal(*shape, dtype=dtype)


def _size(weight):
    return "one weight" if weight.numel() == 1 else f"weights of shape {tuple(weight.shape)}"


@checks("sgd_update", "without decay it is plain gradient descent", weight=3)
def test_sgd_update_without_decay(student, draw):
    lr = draw.number(0.2, 0.6)
    cases = [(w, g, student.sgd_update(w, g, lr=lr, weight_decay=0.0)) for w, g in _pairs(draw)]
    student.sgd_update(*cases[0][:2], lr=lr, weight_decay=0.5)  # for the hints: without decay, several are alike
    for weight, grad, got in cases:
        on = f"{_size(weight)}, weight_decay = 0"
        expect_tensor(got, weight.shape, on=on)
        expected = weight.numpy() - lr * grad.numpy()
        expect_close(got, expected, "the step should go against the gradient, as far as lr times its size", on)


@checks("sgd_update", "decay takes the same share off every weight, whatever its gradient", weight=3)
def test_sgd_update_share(student, draw):
    lr, decay = draw.number(0.2, 0.6), draw.number(0.3, 0.9)
    cases = [
        (w, student.sgd_update(w, g, lr=lr, weight_decay=0.0), student.sgd_update(w, g, lr=lr, weight_decay=decay))
        for w, g in _pairs(draw)
    ]
    for weight, without, with_decay in cases:
        on = f"{_size(weight)}, once without decay and once with it"
        taken = expect_tensor(without, weight.shape, on=on) - expect_tensor(with_decay, weight.shape, on=on)
        share = torch.full_like(weight, lr * decay)
        expect_close(taken / weight, share, "the share should be lr · λ of each weight", on)


@checks("sgd_update", "gradient and decay together: the same step as PyTorch's", weight=3)
def test_sgd_update_against_torch(student, draw):
    lr, decay = draw.number(0.2, 0.6), draw.number(0.3, 0.9)
    cases = [(w, g, student.sgd_update(w, g, lr=lr, weight_decay=decay)) for w, g in _pairs(draw)]
    for weight, grad, got in cases:
        theirs, plain = weight.clone(), {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
        sgd([theirs], [grad], [None], lr=lr, weight_decay=decay, **plain)  # its decay is L2: for plain SGD the same
        expect_tensor(got, weight.shape, on=_size(weight))
        expect_close(got, theirs, "the new weight should be that of torch.optim.SGD", _size(weight))


def _sgd_on_views(student, draw, dtype=torch.float64):
    lr, decay = draw.number(0.2, 0.6), draw.number(0.3, 0.9)
    function, settings = student.value("sgd_update"), {"lr": lr, "weight_decay": decay}
    pairs = list(_pairs(draw, dtype))
    replies = [student.make("call_on_views", function, weight, grad, **settings) for weight, grad in pairs]
    return [(weight, reply) for (weight, _), reply in zip(pairs, replies, strict=True)]


@checks("sgd_update", TYPES, side=True)
def test_sgd_update_dtype(student, draw):
    for dtype in BOTH:
        for weight, reply in _sgd_on_views(student, draw, dtype):
            expect_tensor(reply["value"], weight.shape, dtype, on=f"{_size(weight)} in {str(dtype)[6:]}")


@checks("sgd_update", "what was passed in stays as it was", side=True)
def test_sgd_update_care(student, draw):
    for weight, reply in _sgd_on_views(student, draw):
        expect(not reply["changed"], "weight and grad should not be changed in place", _size(weight))


@mistake("sgd_update", "The decay, too, is multiplied by the learning rate; without it each step takes far too much.")
def decay_without_learning_rate(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - weight_decay * weight


@mistake("sgd_update", "This step goes up the loss: the gradient points to where the loss grows.")
def uphill(weight, grad, *, lr, weight_decay):
    return weight + lr * grad - lr * weight_decay * weight


@mistake("sgd_update", "Here the decay makes weights larger: it should pull them towards zero.")
def decay_pushes_away(weight, grad, *, lr, weight_decay):
    return weight - lr * grad + lr * weight_decay * weight


@mistake("sgd_update", "The decay is a share of the weight as it was before this step, not of the one just moved.")
def decay_of_the_moved_weight(weight, grad, *, lr, weight_decay):
    moved = weight - lr * grad
    return moved - lr * weight_decay * moved


@mistake("sgd_update", "The decay is a share of the weight; this takes a share of the gradient.")
def decay_of_the_gradient(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - lr * weight_decay * grad


@mistake("sgd_update", "This takes the same amount off every weight, large or small; the decay takes the same share.")
def the_same_amount(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - lr * weight_decay * weight.sign()


@mistake("sgd_update", "Here the decay is twice as strong; the derivative's factor 2 is not in our equation.")
def decay_doubled(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - 2 * lr * weight_decay * weight


@mistake("sgd_update", "`weight_decay` has no effect here.")
def no_decay(weight, grad, *, lr, weight_decay):
    return weight - lr * grad


@mistake("sgd_update", "λ says how strongly weights decay, not which part of them is kept.")
def decay_is_what_is_kept(weight, grad, *, lr, weight_decay):
    return weight_decay * weight - lr * grad


@mistake("sgd_update", "The gradient has to be multiplied by the learning rate as well.")
def gradient_without_learning_rate(weight, grad, *, lr, weight_decay):
    return weight - grad - lr * weight_decay * weight


@mistake(
    "sgd_update", "`weight_decay` is multiplied by the weight; here it stands by itself, the same for every weight."
)
def decay_without_the_weight(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - lr * weight_decay


@mistake("sgd_update", "The learning rate stands before the decay once, not twice.")
def decay_with_the_learning_rate_squared(weight, grad, *, lr, weight_decay):
    return weight - lr * (grad + lr * weight_decay * weight)


@mistake("sgd_update", "The brackets cover too much: the gradient's part is not to be multiplied by λ.")
def everything_times_decay(weight, grad, *, lr, weight_decay):
    return weight - lr * weight_decay * (grad + weight)


@mistake("sgd_update", "This shrinks the moved weight: the decay is a share of the weight as it was before this step.")
def moved_and_then_kept(weight, grad, *, lr, weight_decay):
    return (weight - lr * grad) * (1 - weight_decay)


@mistake("sgd_update", "This is what the step takes off the weight; asked for is the weight after the step.")
def only_what_is_taken(weight, grad, *, lr, weight_decay):
    return lr * grad + lr * weight_decay * weight


@mistake("sgd_update", "This is by how much the weight moves; asked for is the weight after the step.")
def only_the_move(weight, grad, *, lr, weight_decay):
    return -lr * grad - lr * weight_decay * weight


@mistake("sgd_update", "The decay takes a share of the weight's square here; its share is of the weight itself.")
def decay_of_the_square(weight, grad, *, lr, weight_decay):
    return weight - lr * grad - lr * weight_decay * weight**2


@mistake("sgd_update", "The numbers are right, but they are a numpy array; the caller wants a tensor.")
def as_an_array(weight, grad, *, lr, weight_decay):
    return (weight - lr * grad - lr * weight_decay * weight).numpy()


_IN_PLACE = "`-=` and methods that end in an underscore change the caller's own tensor: return a new one."


@mistake("sgd_update", _IN_PLACE)
def in_place_and_nothing_returned(weight, grad, *, lr, weight_decay):
    weight -= lr * grad + lr * weight_decay * weight


@mistake("sgd_update", _IN_PLACE)
def gradient_in_place(weight, grad, *, lr, weight_decay):
    grad += weight_decay * weight
    return weight - lr * grad


@mistake("sgd_update", "`-=` and methods that end in an underscore change the caller's own tensor: return a new one.")
def in_place(weight, grad, *, lr, weight_decay):
    weight -= lr * grad + lr * weight_decay * weight
    return weight


@mistake("sgd_update", "The result is always float32; it should have the type of the weight.")
def always_float32(weight, grad, *, lr, weight_decay):
    return (weight - lr * grad - lr * weight_decay * weight).float()


# --- adamw_update -----------------------------------------------------------------------------------------------------


def _three(got, shape, dtype=None, on=""):
    expect(isinstance(got, list) and len(got) == 3, "should return three tensors: weight, mean, square", on)
    return [expect_tensor(part, shape, dtype, on) for part in got]


def _moments(draw, *shape):
    """A weight, its gradient and running means as they might be in the middle of training."""
    weight, grad, mean = (draw.normal(*shape, dtype=torch.float64) for _ in range(3))
    return weight + 0.5 * weight.sign(), grad, mean, draw.normal(*shape, dtype=torch.float64).square() + 0.5


def _theirs(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    """PyTorch's own step, as ``torch.optim.AdamW`` takes it (whose making would import a second's worth of modules)."""
    new = [tensor.clone() for tensor in (weight, mean, square)]
    before, named = torch.tensor(step - 1.0), {"lr": lr, "beta1": betas[0], "beta2": betas[1], "eps": eps}
    named |= {"weight_decay": weight_decay, "amsgrad": False, "maximize": False}
    adamw([new[0]], [grad], [new[1]], [new[2]], [], [before], foreach=False, **named)
    return new


def _shapes(draw):
    return (1,), (draw.integer(3, 5),), (draw.integer(2, 4), draw.integer(5, 7))


@checks("adamw_update", "at the first step every weight moves by one learning rate, however large its gradient")
def test_adamw_update_first_step(student, draw):
    lr = draw.number(0.05, 0.2)
    settings = {"lr": lr, "betas": [0.9, 0.98], "weight_decay": 0.0}
    cases = []
    for n in (1, 6):
        weight, zeros = draw.normal(n, dtype=torch.float64), torch.zeros(n, dtype=torch.float64)
        sizes = torch.logspace(0, -4.3, n, dtype=torch.float64)
        grad = sizes * torch.where(draw.normal(n) < 0, -1.0, 1.0)
        grad[1:2] = 0  # as of a token that is not in the batch
        cases.append((weight, grad, student.adamw_update(weight, grad, zeros, zeros, 1, **settings)))
    for weight, grad, got in cases:
        on = f"{_size(weight)}, running means of zero, no decay, gradients between 1 and 5e-5" + (
            ", one of them 0" if len(weight) > 1 else ""
        )
        new, _, _ = _three(got, weight.shape, on=on)
        message = "each weight should move by lr, against its gradient's sign; not at all where the gradient is 0"
        expect_close(new - weight, -lr * grad.sign(), message, on, rtol=0, atol=1e-2 * lr)


@checks("adamw_update", "ten steps agree with torch.optim.AdamW", weight=3)
def test_adamw_update_against_torch(student, draw):
    for shape in _shapes(draw):
        for eps in (1e-8, 0.3):
            settings = {"lr": draw.number(0.05, 0.2), "weight_decay": draw.number(0.5, 1.5)}
            betas = [draw.number(0.7, 0.85), draw.number(0.9, 0.98)]
            weight, *_ = _moments(draw, *shape)
            mean = square = torch.zeros(shape, dtype=torch.float64)
            theirs, steps = (weight, mean, square), []
            for step in range(1, 11):  # all steps first, each from what the one before returned; then the comparison
                grad, settings["betas"] = draw.normal(*shape, dtype=torch.float64), betas
                named = settings if eps == 1e-8 else settings | {"eps": eps}
                theirs = _theirs(theirs[0], grad, *theirs[1:], step, **named)
                got = student.adamw_update(weight, grad, mean, square, step, **named)
                on = f"{_size(weight)}, step {step}" + ("" if eps == 1e-8 else f", eps = {eps}")
                weight, mean, square = _three(got, shape, on=on)
                steps.append((on, weight, theirs[0]))
            for on, weight, right in steps:
                expect_close(weight, right, "the weight should be where torch.optim.AdamW moves it", on)


@checks("adamw_update", "the running means are of the gradient alone, and uncorrected", weight=2)
def test_adamw_update_means(student, draw):
    cases = []
    for shape in _shapes(draw):
        inputs, step = _moments(draw, *shape), draw.integer(2, 9)
        settings = {"lr": 0.1, "betas": [draw.number(0.6, 0.8), draw.number(0.85, 0.98)], "weight_decay": 0.8}
        cases.append((inputs, settings["betas"], student.adamw_update(*inputs, step, **settings)))
    for (weight, grad, mean, square), (beta, gamma), got in cases:
        _, new_mean, new_square = _three(got, weight.shape, on=_size(weight))
        g, m, v = grad.numpy(), mean.numpy(), square.numpy()
        message = (
            "should mix the old running mean and the gradient{}, in shares that add up to one: betas[{}] is the old's"
        )
        expect_close(new_mean, m + (1 - beta) * (g - m), "mean " + message.format("", 0), _size(weight))
        expect_close(
            new_square, v + (1 - gamma) * (g * g - v), "square " + message.format("'s square", 1), _size(weight)
        )


@checks("adamw_update", "decay takes the share lr · λ off every weight, whatever its gradients have been", weight=3)
def test_adamw_update_decay(student, draw):
    cases = []
    for shape in _shapes(draw):
        inputs, step = _moments(draw, *shape), draw.integer(2, 9)
        lr, decay = draw.number(0.05, 0.2), draw.number(0.5, 1.5)
        settings = {"lr": lr, "betas": [0.8, 0.95]}
        replies = [student.adamw_update(*inputs, step, weight_decay=value, **settings) for value in (0.0, decay)]
        cases.append((inputs[0], lr * decay, replies))
    for weight, share, replies in cases:
        on = f"{_size(weight)}, once without decay and once with it"
        without, with_decay = (_three(reply, weight.shape, on=on)[0] for reply in replies)
        message = "the two new weights should differ by the share lr · λ of the old one"
        expect_close((without - with_decay) / weight, torch.full_like(weight, share), message, on)


def _adamw_on_views(student, draw, dtype=torch.float64):
    function, settings = student.value("adamw_update"), {"lr": 0.1, "betas": [0.8, 0.95], "weight_decay": 0.8}
    cases = []
    for shape in _shapes(draw):
        inputs, step = [tensor.to(dtype) for tensor in _moments(draw, *shape)], draw.integer(2, 9)
        cases.append((inputs[0], student.make("call_on_views", function, *inputs, step, **settings)))
    return cases


@checks("adamw_update", TYPES, side=True)
def test_adamw_update_dtype(student, draw):
    for dtype in BOTH:
        for weight, reply in _adamw_on_views(student, draw, dtype):
            _three(reply["value"], weight.shape, dtype, f"{_size(weight)} in {str(dtype)[6:]}")


@checks("adamw_update", "what was passed in stays as it was", side=True)
def test_adamw_update_care(student, draw):
    for weight, reply in _adamw_on_views(student, draw):
        message = "weight, grad, mean and square should not be changed in place"
        expect(not reply["changed"], message, _size(weight))


def _adamw(
    weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8,
    new_mean=lambda m, g, beta: beta * m + (1 - beta) * g,
    new_square=lambda v, g, gamma: gamma * v + (1 - gamma) * g**2,
    corrected=lambda value, beta, step: value / (1 - beta**step),
    ratio=lambda m, v, eps: m / (v.sqrt() + eps),
):  # fmt: skip
    """AdamW with one part exchanged."""
    mean, square = new_mean(mean, grad, betas[0]), new_square(square, grad, betas[1])
    part = lr * ratio(corrected(mean, betas[0], step), corrected(square, betas[1], step), eps)
    return weight - part - lr * weight_decay * weight, mean, square


@mistake("adamw_update", "Both running means start at zero and are too small in the first steps: they need correcting.")
def no_correction(*args, **kwargs):
    return _adamw(*args, **kwargs, corrected=lambda value, beta, step: value)


@mistake("adamw_update", "The corrected means are for this step's move only: hand back the running means themselves.")
def hands_back_the_corrected(weight, grad, mean, square, step, *, betas, **kwargs):
    new, mean, square = _adamw(weight, grad, mean, square, step, betas=betas, **kwargs)
    return new, mean / (1 - betas[0] ** step), square / (1 - betas[1] ** step)


@mistake("adamw_update", "Here the decay goes through the running means: that is L2 regularisation, the W is missing.")
def decay_in_the_gradient(weight, grad, *args, weight_decay, **kwargs):
    return _adamw(weight, grad + weight_decay * weight, *args, weight_decay=0.0, **kwargs)


@mistake("adamw_update", "ε is added to the square root, not under it.")
def eps_under_the_root(*args, **kwargs):
    return _adamw(*args, **kwargs, ratio=lambda m, v, eps: m / (v + eps).sqrt())


@mistake("adamw_update", "ε is missing: it is added to the square root, and keeps the division finite.")
def no_eps(*args, **kwargs):
    return _adamw(*args, **kwargs, ratio=lambda m, v, eps: m / v.sqrt())


@mistake("adamw_update", "ε is an argument; here it is always 1e-8.")
def eps_always_the_usual(*args, eps=0.0, **kwargs):
    return _adamw(*args, **kwargs)


@mistake("adamw_update", "ε is added to the root of the corrected mean; here the correction comes after it.")
def eps_before_the_correction(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean, square = betas[0] * mean + (1 - betas[0]) * grad, betas[1] * square + (1 - betas[1]) * grad**2
    correction = math.sqrt(1 - betas[1] ** step) / (1 - betas[0] ** step)
    return weight - lr * correction * mean / (square.sqrt() + eps) - lr * weight_decay * weight, mean, square


@mistake(
    "adamw_update", "The decay stands inside the fraction here, and is divided by the root: it meets the weight alone."
)
def decay_in_the_fraction(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean, square = betas[0] * mean + (1 - betas[0]) * grad, betas[1] * square + (1 - betas[1]) * grad**2
    root = (square / (1 - betas[1] ** step)).sqrt() + eps
    return weight - lr * (mean / (1 - betas[0] ** step) + weight_decay * weight) / root, mean, square


@mistake("adamw_update", "`weight_decay` has no effect here.")
def adamw_without_decay(*args, weight_decay, **kwargs):
    return _adamw(*args, weight_decay=0.0, **kwargs)


@mistake("adamw_update", "Here the decay makes weights larger: it should pull them towards zero.")
def adamw_decay_pushes_away(*args, weight_decay, **kwargs):
    return _adamw(*args, weight_decay=-weight_decay, **kwargs)


@mistake("adamw_update", "This step goes up the loss: the mean gradient points to where the loss grows.")
def adamw_uphill(*args, lr, weight_decay, **kwargs):
    return _adamw(*args, lr=-lr, weight_decay=-weight_decay, **kwargs)


@mistake("adamw_update", "The learning rate is missing before the gradient's part.")
def adamw_gradient_without_learning_rate(*args, lr, weight_decay, **kwargs):
    return _adamw(*args, lr=1.0, weight_decay=lr * weight_decay, **kwargs)


@mistake("adamw_update", "The first mean needs its correction, 1 − β₁ᵗ, as well; only the second has one here.")
def only_the_square_corrected(*args, betas, **kwargs):
    return _adamw(
        *args, betas=betas, **kwargs, corrected=lambda v, beta, t: v / (1 - beta**t) if beta == betas[1] else v
    )


@mistake("adamw_update", "The second mean needs its correction, 1 − β₂ᵗ, as well; only the first has one here.")
def only_the_mean_corrected(*args, betas, **kwargs):
    return _adamw(
        *args, betas=betas, **kwargs, corrected=lambda v, beta, t: v / (1 - beta**t) if beta == betas[0] else v
    )


@mistake("adamw_update", "Both means are corrected with the same β; each has its own.")
def corrected_with_one_beta(*args, betas, **kwargs):
    return _adamw(*args, betas=betas, **kwargs, corrected=lambda v, _, t: v / (1 - betas[0] ** t))


@mistake("adamw_update", "The correction divides by 1 − βᵗ; here it divides by 1 − β, whatever the step.")
def corrected_without_the_step(*args, **kwargs):
    return _adamw(*args, **kwargs, corrected=lambda value, beta, step: value / (1 - beta))


@mistake("adamw_update", "The correction divides by 1 − βᵗ: it makes the means larger, not smaller.")
def corrected_the_wrong_way(*args, **kwargs):
    return _adamw(*args, **kwargs, corrected=lambda value, beta, step: value * (1 - beta**step))


@mistake("adamw_update", "`^` or `*` is no power: the correction is 1 − β to the power of the step.")
def corrected_by_a_product(*args, **kwargs):
    return _adamw(*args, **kwargs, corrected=lambda value, beta, step: value / (1 - beta * step))


@mistake("adamw_update", "The betas are arguments; here they are always PyTorch's usual ones, 0.9 and 0.999.")
def betas_always_the_usual(*args, betas, **kwargs):
    return _adamw(*args, betas=(0.9, 0.999), **kwargs)


@mistake("adamw_update", "The betas are arguments; here they are always those of our model, 0.9 and 0.98.")
def betas_always_ours(*args, betas, **kwargs):
    return _adamw(*args, betas=(0.9, 0.98), **kwargs)


@mistake(
    "adamw_update",
    "The weight moves by the means as they are with this step's gradient in them, not as they were before.",
)
def moved_by_the_old_means(weight, grad, mean, square, step, **kwargs):
    _, new_mean, new_square = _adamw(weight, grad, mean, square, step, **kwargs)
    kwargs["betas"], betas = (1.0, 1.0), kwargs["betas"]
    corrections = iter([1 - betas[0] ** step, 1 - betas[1] ** step])
    moved, *_ = _adamw(weight, grad, mean, square, step, **kwargs, corrected=lambda v, *_: v / next(corrections))
    return moved, new_mean, new_square


@mistake(
    "adamw_update", "The gradient itself is divided by the root here; it is the running mean that moves the weight."
)
def gradient_instead_of_its_mean(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean, square = betas[0] * mean + (1 - betas[0]) * grad, betas[1] * square + (1 - betas[1]) * grad**2
    root = (square / (1 - betas[1] ** step)).sqrt() + eps
    return weight - lr * grad / root - lr * weight_decay * weight, mean, square


@mistake("adamw_update", "`square` is the mean of the gradient's squares; here it is one of its sizes, never squared.")
def sizes_for_squares(*args, **kwargs):
    return _adamw(*args, **kwargs, new_square=lambda v, g, gamma: gamma * v + (1 - gamma) * g.abs())


@mistake("adamw_update", "Weight, mean, square: the three come back in this order.")
def means_first(*args, **kwargs):
    weight, mean, square = _adamw(*args, **kwargs)
    return mean, square, weight


@mistake("adamw_update", "Weight, mean, square: the two means come back in the other order.")
def means_exchanged(*args, **kwargs):
    weight, mean, square = _adamw(*args, **kwargs)
    return weight, square, mean


@mistake("adamw_update", "The means that come back are those of before the step: return the new ones.")
def old_means_returned(weight, grad, mean, square, *args, **kwargs):
    return _adamw(weight, grad, mean, square, *args, **kwargs)[0], mean, square


@mistake("adamw_update", "The results are always float32; they should have the type of the weight.")
def adamw_always_float32(*args, **kwargs):
    return [part.float() for part in _adamw(*args, **kwargs)]


@mistake("adamw_update", "The numbers are right, but they are numpy arrays; the caller wants tensors.")
def adamw_as_arrays(*args, **kwargs):
    return [part.numpy() for part in _adamw(*args, **kwargs)]


_CHANGED = "`-=`, `mul_` and `add_` change the caller's own tensors, the weight or its running means: make new ones."


@mistake("adamw_update", _CHANGED)
def weight_in_place(weight, *args, **kwargs):
    new, mean, square = _adamw(weight, *args, **kwargs)
    return weight.copy_(new), mean, square


@mistake("adamw_update", "The two betas are exchanged: the first is for the mean, the second for the square.")
def betas_exchanged(*args, betas, **kwargs):
    return _adamw(*args, betas=betas[::-1], **kwargs)


@mistake("adamw_update", "A running mean keeps the share β of the old and takes 1 − β of the new; here it is reversed.")
def old_and_new_exchanged(*args, **kwargs):
    return _adamw(
        *args, **kwargs,
        new_mean=lambda m, g, beta: (1 - beta) * m + beta * g,
        new_square=lambda v, g, gamma: (1 - gamma) * v + gamma * g**2,
    )  # fmt: skip


@mistake("adamw_update", "This adds the whole new gradient; the two shares of a mean must add up to one.")
def sums_for_means(*args, **kwargs):
    return _adamw(
        *args, **kwargs,
        new_mean=lambda m, g, beta: beta * m + g,
        new_square=lambda v, g, gamma: gamma * v + g**2,
    )  # fmt: skip


@mistake("adamw_update", "`square` is the mean of the gradient's squares; this squares the mean.")
def square_of_the_mean(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean = betas[0] * mean + (1 - betas[0]) * grad
    square = betas[1] * square + (1 - betas[1]) * mean**2
    part = lr * mean / (1 - betas[0] ** step) / ((square / (1 - betas[1] ** step)).sqrt() + eps)
    return weight - part - lr * weight_decay * weight, mean, square


@mistake("adamw_update", "The root is missing: divided by a mean of squares, the gradient's size does not drop out.")
def no_root(*args, **kwargs):
    return _adamw(*args, **kwargs, ratio=lambda m, v, eps: m / (v + eps))


@mistake("adamw_update", "The decay, too, is multiplied by the learning rate; without it each step takes far too much.")
def adamw_decay_without_learning_rate(*args, lr, weight_decay, **kwargs):
    return _adamw(*args, lr=lr, weight_decay=weight_decay / lr, **kwargs)


@mistake("adamw_update", "Steps are counted from 1: with step − 1 the first correction divides by 0.")
def one_step_behind(*args, **kwargs):
    return _adamw(*args, **kwargs, corrected=lambda value, beta, step: value / (1 - beta ** (step - 1)))


@mistake("adamw_update", "Steps are counted from 1 already; the correction is one step ahead.")
def one_step_ahead(*args, **kwargs):
    return _adamw(*args, **kwargs, corrected=lambda value, beta, step: value / (1 - beta ** (step + 1)))


@mistake("adamw_update", "The decay is a share of the weight as it was before this step, not of the one just moved.")
def adamw_decay_of_the_moved_weight(*args, lr, weight_decay, **kwargs):
    new, mean, square = _adamw(*args, lr=lr, weight_decay=0.0, **kwargs)
    return new * (1 - lr * weight_decay), mean, square


@mistake("adamw_update", "The optimiser needs the two running means again at the next step: return them as well.")
def only_the_weight(*args, **kwargs):
    return _adamw(*args, **kwargs)[0]


@mistake("adamw_update", _CHANGED)
def means_in_place(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean.mul_(betas[0]).add_((1 - betas[0]) * grad)
    square.mul_(betas[1]).add_((1 - betas[1]) * grad**2)
    part = lr * mean / (1 - betas[0] ** step) / ((square / (1 - betas[1] ** step)).sqrt() + eps)
    return weight - part - lr * weight_decay * weight, mean, square


# --- weight_norm ------------------------------------------------------------------------------------------------------


SIZES = ((2, 2, 1, 3), (3, 4, 2, 5), (5, 6, 3, 8))
"""p, d_model, n_heads, d_mlp."""


def _random_weights(draw, p, d_model, n_heads, d_mlp):
    """Every weight of a transformer by name, all random, its biases too."""
    model = Transformer(p, d_model, n_heads, d_mlp)
    return {name: draw.normal(*weight.shape) for name, weight in model.named_parameters()}


def _about(size):
    return "a transformer with p = {}, d_model = {}, n_heads = {}, d_mlp = {}".format(*size)


def _length(weights):
    return float(np.linalg.norm(np.concatenate([weight.double().numpy().ravel() for weight in weights.values()])))


def _ask_for_norms(student, draw, prepare=lambda weights: weights):
    cases = []
    for size in SIZES:
        weights = prepare(_random_weights(draw, *size))
        cases.append((_about(size), weights, student.weight_norm(student.make("transformer", weights))))
    return cases


@checks("weight_norm", "one long vector: the root of the sum of all weights' squares", weight=2)
def test_weight_norm_one_long_vector(student, draw):
    for on, weights, got in _ask_for_norms(student, draw):
        message = "should be the Euclidean length of all the weights, written one after another as one vector"
        expect_close(expect_number(got, on), _length(weights), message, on)


@checks("weight_norm", "where all weights but two are 0, and these are 3 and −4, the norm is 5", weight=2)
def test_weight_norm_three_four_five(student, draw):
    def three_and_four(weights):
        zero = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        zero["W_E"][0, 0], zero["mlp.W_in"][0, 0] = 3, -4
        return zero

    for on, _, got in _ask_for_norms(student, draw, three_and_four):
        message = "a weight of 3 in W_E and one of −4 in W_in should have a norm of 5 together"
        expect_close(expect_number(got, on), 5.0, message, on)


@checks("weight_norm", "every part of the model counts, biases too")
def test_weight_norm_every_part(student, draw):
    weights = _random_weights(draw, *SIZES[1])
    cases = []
    for name, weight in weights.items():
        alone = {other: value if other == name else torch.zeros_like(value) for other, value in weights.items()}
        cases.append((name, weight, student.weight_norm(student.make("transformer", alone))))
    for name, weight, got in cases:
        on = f"{_about(SIZES[1])}, all of it 0 but {name}"
        expect_close(expect_number(got, on), _length({name: weight}), f"the weights in {name} should count", on)


@checks("weight_norm", "all weights doubled, their signs turned: twice the norm")
def test_weight_norm_scales(student, draw):
    for size in SIZES:
        weights = _random_weights(draw, *size)
        before = student.weight_norm(student.make("transformer", weights))
        doubled = {name: -2 * weight for name, weight in weights.items()}
        after = student.weight_norm(student.make("transformer", doubled))
        message, on = "multiplying all weights by −2 should double the norm", _about(size)
        expect_close(expect_number(after, on), 2 * expect_number(before, on), message, on)
        expect(expect_number(before, on) > 0, "random weights should have a norm above zero", on)


@checks("weight_norm", "what is not learnt does not count")
def test_weight_norm_constants(student, draw):
    for size in SIZES:
        weights, on = _random_weights(draw, *size), f"{_about(size)}, which also holds a constant (a buffer)"
        got = student.weight_norm(student.make("transformer", weights, [3 + draw.normal(5)]))
        expect_close(expect_number(got, on), _length(weights), "only what is learnt should count", on)


@checks("weight_norm", "a plain number comes out, a Python float", side=True)
def test_weight_norm_plain(student, draw):
    for on, _, got in _ask_for_norms(student, draw):
        expect(not isinstance(got, torch.Tensor), "should return a plain number, but returned a tensor", on)
        expect_number(got, on)


@checks("weight_norm", "looking at the weights does not change them", side=True)
def test_weight_norm_changes_nothing(student, draw):
    for size in SIZES:
        weights = _random_weights(draw, *size)
        model, on = student.make("transformer", weights), _about(size)
        student.weight_norm(model)
        for name, weight in weights.items():
            expect_close(model.get(name), weight, f"{name} should be as it was before", on)


def _weights(model):
    return [weight.detach() for weight in model.parameters()]


@mistake("weight_norm", "Norms do not add up, as the sides of a right-angled triangle do not: their squares do.")
def sum_of_norms(model):
    return sum(weight.norm().item() for weight in _weights(model))


@mistake("weight_norm", "This is the norm's square.")
def no_square_root(model):
    return sum(weight.square().sum().item() for weight in _weights(model))


@mistake("weight_norm", "A length is the root of a sum; this is the root of a mean.")
def root_mean_square(model):
    return torch.cat([weight.flatten() for weight in _weights(model)]).square().mean().sqrt().item()


@mistake("weight_norm", "This adds up the weights' sizes: the Euclidean length is a sum of squares.")
def sum_of_sizes(model):
    return sum(weight.abs().sum().item() for weight in _weights(model))


@mistake("weight_norm", "This looks at a single parameter: the norm is that of all together.")
def only_the_first(model):
    return _weights(model)[0].norm().item()


@mistake("weight_norm", "Biases are weights too: none may be left out for having one dimension.")
def only_matrices(model):
    return math.sqrt(sum(weight.square().sum().item() for weight in _weights(model) if weight.ndim > 1))


@mistake("weight_norm", "A model's `state_dict` and buffers hold more than what is learnt: use its parameters.")
def buffers_too(model):
    return math.sqrt(sum(value.square().sum().item() for value in model.state_dict().values()))


@mistake("weight_norm", "The model's parts have parameters as well, and those are missing here.")
def not_its_parts(model):
    return math.sqrt(sum(weight.square().sum().item() for weight in model.parameters(recurse=False)))


@mistake("weight_norm", "The number is right, but it is a tensor; `.item()` makes a plain number of it.")
def norm_as_a_tensor(model):
    return torch.cat([weight.flatten() for weight in _weights(model)]).norm()


@mistake("weight_norm", "These are the norms of the parameters one by one; asked for is one number for them all.")
def norms_one_by_one(model):
    return [weight.norm().item() for weight in _weights(model)]


@mistake("weight_norm", "This is the mean of the parameters' norms; asked for is the length of all weights together.")
def mean_of_norms(model):
    return sum(weight.norm().item() for weight in _weights(model)) / len(_weights(model))


@mistake("weight_norm", "This is the largest of the parameters' norms; the length of all weights together is more.")
def largest_norm(model):
    return max(weight.norm().item() for weight in _weights(model))


@mistake("weight_norm", "The weights are added up first, and so they cancel; square each of them before adding.")
def squared_sums(model):
    return math.sqrt(sum(weight.sum().item() ** 2 for weight in _weights(model)))


@mistake("weight_norm", "The sum of all weights is no length: square each of them first, and take the root at the end.")
def plain_sum(model):
    return sum(weight.sum().item() for weight in _weights(model))


@mistake("weight_norm", "This averages the squares within each parameter; a length adds them up.")
def root_of_mean_squares(model):
    return math.sqrt(sum(weight.square().mean().item() for weight in _weights(model)))


@mistake("weight_norm", "This keeps only the last parameter: add to the sum in the loop instead of setting it anew.")
def only_the_last(model):
    return _weights(model)[-1].norm().item()


@mistake("weight_norm", "The model's own three matrices are left out: attention and MLP are not all of it.")
def only_its_parts(model):
    parts = [*model.attn.parameters(), *model.mlp.parameters()]
    return math.sqrt(sum(weight.square().sum().item() for weight in parts))


def _without(name):
    def answer(model):
        others = (weight for other, weight in model.named_parameters() if other != name)
        return math.sqrt(sum(weight.square().sum().item() for weight in others))

    answer.__name__ = f"norm_without_{name.replace('.', '_')}"
    return answer


for _name in ("W_E", "W_pos", "W_U", "attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O", "mlp.W_in", "mlp.W_out"):
    mistake("weight_norm", f"One of the model's parameters is left out: {_name}.")(_without(_name))
for _name in ("mlp.b_in", "mlp.b_out"):
    mistake("weight_norm", f"A bias is a weight too, and one is left out: {_name}.")(_without(_name))


@mistake("weight_norm", "Methods that end in an underscore change the model's own weights.")
def squares_in_place(model):
    return math.sqrt(sum(weight.data.square_().sum().item() for weight in model.parameters()))


# --- halving_steps ----------------------------------------------------------------------------------------------------


@checks("halving_steps", "the number of steps, give or take one in a hundred")
def test_halving_steps(student, draw):
    right = answers.halving_steps()
    got = expect_prediction(student, "halving_steps")
    expect(abs(got - right) < 7.5, "after another number of steps half of the weight is left")


wrong_number(
    "halving_steps", "Each step takes a thousandth of what is still there, not of what there was at the start.", 500.0
)
wrong_number("halving_steps", "That is 1/(ηλ): by then only about a third is left.", 1000.0)
wrong_number("halving_steps", "After about 1/(ηλ) steps only a third is left, and half must come sooner.", 1443.0)
wrong_number("halving_steps", "That would fit a decay of 0.1; here λ is 1.", 6931.0)
wrong_number("halving_steps", "Powers of 1 − ηλ ask for the natural logarithm; this used the one to base 10.", 301.0)
wrong_number("halving_steps", "That is in units of 1/(ηλ): how many steps are in one of them?", 0.693)


# --- first_to_grok ----------------------------------------------------------------------------------------------------


@checks("first_to_grok", "which of the four runs is first")
def test_first_to_grok(student, draw):
    got = expect_choice(student, "first_to_grok", "abcd")
    expect(got == answers.first_to_grok(), "another run answers its test set first")


wrong_values("first_to_grok", "A gentle decay disturbs the memoriser the least, and so it can stay for long.", "a", "A")
wrong_values("first_to_grok", "More decay than this would wear the list down faster.", "b", "B")
wrong_values("first_to_grok", "This is the course's usual decay; compare 1/(ηλ) of all four runs.", "c", "C")

wrong_values("first_to_grok", "Give the letter of your answer, not the weight decay.", 3, 3.0, "3", 1, 1.0, "1")
