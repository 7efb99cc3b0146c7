"""Hidden tests of chapter 03, weight decay."""

import math

import numpy as np
import torch
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from .. import answers
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake
from .questions import expect_choice, expect_prediction, wrong_number, wrong_values

# --- sgd_update -------------------------------------------------------------------------------------------------------


def _pairs(draw, dtype=torch.float32):
    """Weights and gradients: one of each, a few, a matrix; no weight close to zero."""
    for shape in ((1,), (draw.integer(3, 6),), (draw.integer(2, 4), draw.integer(5, 7))):
        weight = draw.normal(*shape, dtype=dtype)
        yield weight + 0.5 * weight.sign(), draw.normal(*shape, dtype=dtype)


def _size(weight):
    return "one weight" if weight.numel() == 1 else f"weights of shape {tuple(weight.shape)}"


@checks("sgd_update", "without decay it is plain gradient descent")
def test_sgd_update_without_decay(student, draw):
    lr = draw.number(0.2, 0.6)
    cases = [(w, g, student.sgd_update(w, g, lr=lr, weight_decay=0.0)) for w, g in _pairs(draw)]
    student.sgd_update(*cases[0][:2], lr=lr, weight_decay=0.5)  # for the hints: without decay, several are alike
    for weight, grad, got in cases:
        on = f"{_size(weight)}, weight_decay = 0"
        expect_tensor(got, weight.shape, on=on)
        expected = weight.numpy() - lr * grad.numpy()
        expect_close(got, expected, "the step should go against the gradient, as far as lr times its size", on)


@checks("sgd_update", "decay takes the same share off every weight, whatever its gradient")
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


@checks("sgd_update", "gradient and decay together: the same step as PyTorch's")
def test_sgd_update_against_torch(student, draw):
    lr, decay = draw.number(0.2, 0.6), draw.number(0.3, 0.9)
    cases = [(w, g, student.sgd_update(w, g, lr=lr, weight_decay=decay)) for w, g in _pairs(draw)]
    for weight, grad, got in cases:
        theirs, plain = weight.clone(), {"momentum": 0.0, "dampening": 0.0, "nesterov": False, "maximize": False}
        sgd([theirs], [grad], [None], lr=lr, weight_decay=decay, **plain)  # its decay is L2: for plain SGD the same
        expect_tensor(got, weight.shape, on=_size(weight))
        expect_close(got, theirs, "the new weight should be that of torch.optim.SGD", _size(weight))


@checks("sgd_update", "float64 stays float64, and what was passed in stays as it was")
def test_sgd_update_care(student, draw):
    lr, decay = draw.number(0.2, 0.6), draw.number(0.3, 0.9)
    function = student.value("sgd_update")
    cases = []
    for weight, grad in _pairs(draw, torch.float64):
        settings = {"lr": lr, "weight_decay": decay}
        cases.append((weight, grad, student.make("call_on_views", function, weight, grad, **settings)))
    for weight, grad, got in cases:
        on = f"{_size(weight)} in float64"
        expect_tensor(got["value"], weight.shape, torch.float64, on=on)
        expected = weight.numpy() * (1 - lr * decay) - lr * grad.numpy()
        expect_close(got["value"], expected, "the step should be exact to float64's digits", on, rtol=1e-12, atol=1e-12)
        expect(not got["changed"], "weight and grad should not be changed in place", on)


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
        cases.append((weight, grad, student.adamw_update(weight, grad, zeros, zeros, 1, **settings)))
    for weight, grad, got in cases:
        on = f"{_size(weight)}, running means of zero, no decay, gradients between 1 and 5e-5"
        new, _, _ = _three(got, weight.shape, on=on)
        message = "each weight should move by lr, against its gradient's sign"
        expect_close(new - weight, -lr * grad.sign(), message, on, rtol=0, atol=1e-2 * lr)


@checks("adamw_update", "ten steps agree with torch.optim.AdamW")
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


@checks("adamw_update", "the running means are of the gradient alone, and uncorrected")
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


@checks("adamw_update", "decay takes the share lr · λ off every weight, whatever its gradients have been")
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


@checks("adamw_update", "float64 stays float64, and what was passed in stays as it was")
def test_adamw_update_care(student, draw):
    function = student.value("adamw_update")
    cases = []
    for shape in _shapes(draw):
        inputs, step = _moments(draw, *shape), draw.integer(2, 9)
        settings = {"lr": 0.1, "betas": [0.8, 0.95], "weight_decay": 0.8}
        cases.append((inputs, step, student.make("call_on_views", function, *inputs, step, **settings)))
    for (weight, grad, mean, square), step, got in cases:
        on = f"{_size(weight)} in float64"
        new, _, _ = _three(got["value"], weight.shape, torch.float64, on)
        theirs = _theirs(weight, grad, mean, square, step, lr=0.1, betas=(0.8, 0.95), weight_decay=0.8)
        message = "from these running means the weight should move as torch.optim.AdamW moves it"
        expect_close(new, theirs[0], message, on, rtol=1e-11, atol=1e-11)
        expect(not got["changed"], "no argument should be changed in place", on)


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


@mistake("adamw_update", "`mul_`, `add_` and `+=` change the caller's own running means: make new tensors.")
def means_in_place(weight, grad, mean, square, step, *, lr, betas, weight_decay, eps=1e-8):
    mean.mul_(betas[0]).add_((1 - betas[0]) * grad)
    square.mul_(betas[1]).add_((1 - betas[1]) * grad**2)
    part = lr * mean / (1 - betas[0] ** step) / ((square / (1 - betas[1] ** step)).sqrt() + eps)
    return weight - part - lr * weight_decay * weight, mean, square


# --- weight_norm ------------------------------------------------------------------------------------------------------


def _modules(student, draw):
    """Small models, the smallest first: their own weights, their part's weights, and a handle."""
    cases = [([torch.tensor([3.0, 4.0])], [], [])]
    cases.append(([draw.normal(draw.integer(2, 5))], [draw.normal(3, 4)], []))
    cases.append(([draw.normal(2, 3), draw.normal(4)], [draw.normal(3, 2, 4), draw.normal(5)], [draw.normal(6, 6)]))
    return [(own, inner, student.make("module", own, inner, constants)) for own, inner, constants in cases]


def _about(own, inner):
    return "a model with weights of shape " + ", ".join(str(tuple(weight.shape)) for weight in (*own, *inner))


@checks("weight_norm", "weights of 3 and 4 have a norm of 5, and so on: the length of one long vector")
def test_weight_norm_one_long_vector(student, draw):
    cases = [(own, inner, student.weight_norm(model)) for own, inner, model in _modules(student, draw)]
    for own, inner, got in cases:
        expected = np.linalg.norm(np.concatenate([weight.numpy().ravel() for weight in (*own, *inner)]))
        on = _about(own, inner)
        message = "should be the Euclidean length of all the weights, written one after another as one vector"
        expect_close(expect_number(got, on), float(expected), message, on)


@checks("weight_norm", "a model with all weights doubled and their signs turned has twice the norm")
def test_weight_norm_scales(student, draw):
    cases = []
    for own, inner, model in _modules(student, draw):
        names = [f"own_{i}" for i in range(len(own))] + [f"inner.{i}" for i in range(len(inner))]
        before = student.weight_norm(model)
        model.load({name: -2 * weight for name, weight in zip(names, (*own, *inner), strict=True)})
        cases.append((_about(own, inner), before, student.weight_norm(model)))
    for on, before, after in cases:
        message = "multiplying all weights by −2 should double the norm"
        expect_close(expect_number(after, on), 2 * expect_number(before, on), message, on)
        expect(expect_number(before, on) > 0, "random weights should have a norm above zero", on)


@checks("weight_norm", "only what is learnt counts, wherever in the model it is")
def test_weight_norm_what_counts(student, draw):
    own, inner, constant = [draw.normal(3, 2)], [draw.normal(4), draw.normal(2, 2)], draw.normal(5)
    variants = {
        "the whole": (own, inner, []),
        "with a constant": (own, inner, [constant]),
        "with all weights in a part of it": ([], own + inner, []),
        "with all weights in one vector": ([torch.cat([weight.flatten() for weight in own + inner])], [], []),
    }
    norms = {name: student.weight_norm(student.make("module", *parts)) for name, parts in variants.items()}
    for name, norm in norms.items():
        message = "the same weights should have the same norm, however the model holds them"
        expect_close(expect_number(norm, name), expect_number(norms["the whole"]), message, f"a model {name}")
    expected = math.sqrt(sum(float(weight.square().sum()) for weight in own + inner))
    expect_close(norms["the whole"], expected, "all of the weights should count", "a model with a part")


@checks("weight_norm", "a plain number comes out, and looking at the weights does not change them")
def test_weight_norm_changes_nothing(student, draw):
    cases = []
    for own, inner, model in _modules(student, draw):
        first, again = student.weight_norm(model), student.weight_norm(model)
        cases.append((own, inner, first, again, model.get("own_0")))
    for own, inner, first, again, weight in cases:
        on = _about(own, inner)
        expect(not isinstance(first, torch.Tensor), "should return a plain number, but returned a tensor", on)
        expect_close(weight, own[0], "the weights should be as they were", on)
        expect_close(expect_number(again, on), expect_number(first, on), "a second look should give the same norm", on)
        most = max(float(w.norm()) for w in (*own, *inner))
        enough = most * (1 - 1e-5) <= expect_number(first, on) <= 1.0001 * sum(float(w.norm()) for w in (*own, *inner))
        expect(enough, "the norm should be no less than any matrix's, and no more than all of theirs together", on)


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
