"""Hidden tests of chapter 04, training."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from ....model import Transformer
from ....training import exact_cross_entropy
from ...sandbox.untrusted import fixtures
from ..questions import expect_choice, expect_prediction, wrong_number, wrong_values
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake
from . import answers

# --- learning_rate ----------------------------------------------------------------------------------------------------


LATE = (1_000, 10_000, 100_000)
"""Steps at which every warm-up is long over."""


def _rates(student, draw, warmups, until, late=()):
    """The rates of the steps 0, 1, … and then of some late ones, for several lengths of warm-up."""
    function = student.value("learning_rate")
    for warmup in warmups:
        lr = draw.number(0.5, 2)
        values = {"lr": lr, "warmup_steps": warmup, "weight_decay": 0.0, "steps": draw.integer(300, 400)}
        steps = [*range(until(warmup)), *late]
        rates = [student.make("call_with_config", function, step, **values) for step in steps]
        yield f"warmup_steps = {warmup}, lr = {lr:.2f}", lr, warmup, rates


@checks("learning_rate", "during the warm-up it rises by the same amount at every step", weight=4)
def test_learning_rate_rises(student, draw):
    warmups = 3, draw.integer(4, 6), draw.integer(12, 20)
    for on, lr, warmup, rates in list(_rates(student, draw, warmups, lambda warmup: warmup + 3)):
        rises = np.diff([expect_number(rate, on) for rate in rates[:warmup]])
        is_even = ((rises > 0.5 * lr / warmup) & (rises < 2 * lr / warmup)).all()
        expect(bool(is_even), "it should rise at every step, from nearly nothing to lr", on)
        expect_close(rises, np.full(warmup - 1, rises[0]), "it should rise by equal amounts", on)


@checks("learning_rate", "step 0 already has the first of these amounts")
def test_learning_rate_first(student, draw):
    warmups = 2, draw.integer(3, 6), draw.integer(12, 20)
    for on, lr, warmup, rates in list(_rates(student, draw, warmups, lambda warmup: warmup + 3)):
        rate = rates[0]
        first = expect_number(rate, on)
        expect(first > 0, "step 0 should not be wasted: its rate should be above zero", on)
        expect_close(first, lr / warmup, "step 0 should have one of warmup_steps equal amounts", on)


@checks("learning_rate", "the last step of the warm-up has the full rate, and so have all later ones")
def test_learning_rate_stays(student, draw):
    warmups = 2, draw.integer(3, 6), draw.integer(12, 20)
    for on, lr, warmup, rates in list(_rates(student, draw, warmups, lambda warmup: 2 * warmup + 20, LATE)):
        before = expect_number(rates[warmup - 2], on)
        expect(before < 0.99 * lr, f"step {warmup - 2} should not have the full rate yet", on)
        steps = [*range(2 * warmup + 20), *LATE]
        for step, rate in list(zip(steps, rates, strict=True))[warmup - 1 :]:
            expect_close(
                expect_number(rate, on), lr, f"from step {warmup - 1} on it should be lr", f"step {step}, {on}"
            )


@checks("learning_rate", "without a warm-up every step has the full rate", side=True)
def test_learning_rate_without_warmup(student, draw):
    for on, lr, _, rates in list(_rates(student, draw, (0, 1, 0), lambda warmup: 15)):
        for step, rate in enumerate(rates):
            message = "every step should have the config's lr, the first one too"
            expect_close(expect_number(rate, on), lr, message, f"step {step}, {on}")


def _wrong_rate(hint):
    """Plant a mistake as those make it who think of a config without warm-up, in two ways, and as those who do not.

    The answer gets lr, the length of the warm-up, the step, and how many steps there are.
    """

    def register(answer):
        def at_least_one(config, step):
            return answer(config.lr, max(1, config.warmup_steps), step, config.steps)

        def full_without(config, step):
            if not config.warmup_steps:
                return config.lr
            return answer(config.lr, config.warmup_steps, step, config.steps)

        def careless(config, step):
            return answer(config.lr, config.warmup_steps, step, config.steps)

        for flavour in (at_least_one, full_without, careless):
            flavour.__name__ = answer.__name__ if flavour is at_least_one else f"{answer.__name__}_{flavour.__name__}"
            mistake("learning_rate", hint)(flavour)
        return answer

    return register


@_wrong_rate("Steps are counted from 0: this rate is zero at the first, which then changes nothing.")
def first_step_wasted(lr, warmup, step, steps):
    return lr * min(1.0, step / warmup)


@mistake("learning_rate", "There is no warm-up here: `warmup_steps` has no effect.")
def no_warm_up(config, step):
    return config.lr


@_wrong_rate("The rate goes on rising after the warm-up.")
def never_stops_rising(lr, warmup, step, steps):
    return lr * (step + 1) / warmup


@mistake("learning_rate", "The length of the warm-up stands in the config; here it is always 10.")
def always_ten_steps(config, step):
    return config.lr * min(1.0, (step + 1) / 10)


@mistake("learning_rate", "The length of the warm-up stands in the config; here it is always 10.")
def always_ten_steps_if_any(config, step):
    return config.lr * min(1.0, (step + 1) / 10) if config.warmup_steps else config.lr


@_wrong_rate("The full rate stands in the config; here it is always 0.001.")
def always_a_thousandth(lr, warmup, step, steps):
    return 1e-3 * min(1.0, (step + 1) / warmup)


@mistake("learning_rate", "The full rate stands in the config; here it is always 0.001.")
def always_a_thousandth_without_a_warm_up_too(config, step):
    return 1e-3 * min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1e-3


@mistake("learning_rate", "A warm-up of 0 steps is allowed, and nothing can be divided by 0.")
def divides_by_zero(config, step):
    return config.lr * min(1.0, (step + 1) / config.warmup_steps)


@_wrong_rate("`//` divides whole numbers and rounds down: the steps in between come out as 0.")
def integer_division(lr, warmup, step, steps):
    return lr * min(1, (step + 1) // warmup)


@mistake("learning_rate", "This is the share of the full rate, and not the rate.")
def only_the_share(config, step):
    return min(1.0, (step + 1) / max(1, config.warmup_steps))


@_wrong_rate("After the warm-up the rate is constant here; many recipes let it fall, this one does not.")
def falls_afterwards(lr, warmup, step, steps):
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr * (steps - step) / (steps - warmup + 1)


@_wrong_rate("This starts at the full rate and falls: a warm-up rises.")
def falls_first(lr, warmup, step, steps):
    return lr * max(1 / warmup, 1 - step / warmup)


@mistake(
    "learning_rate", "Without a warm-up every step has the full rate; here it is 0, so that nothing is ever learnt."
)
def nothing_without_warm_up(config, step):
    return config.lr * min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 0.0


@mistake(
    "learning_rate",
    "Step 0 has the first share, 1/warmup_steps, and not nothing: count the steps that are in the rise.",
)
def reaches_it_too_soon(config, step):
    return config.lr * min(1.0, step / max(1, config.warmup_steps - 1))


@_wrong_rate("The full rate should be reached at the last step of the warm-up; this is there a step sooner.")
def one_step_too_short(lr, warmup, step, steps):
    return lr * min(1.0, (step + 2) / warmup)


@_wrong_rate("`min` and `max` are exchanged: the line is cut off below instead of above.")
def cut_off_below(lr, warmup, step, steps):
    return lr * max(1.0, (step + 1) / warmup)


@mistake("learning_rate", "The warm-up has the first shares right; after it the rate is the whole lr, not 0.")
def nothing_afterwards(config, step):
    return (
        config.lr * (step + 1) / config.warmup_steps
        if step < config.warmup_steps
        else config.lr * (not config.warmup_steps)
    )


@_wrong_rate("This rises along a curve; a linear warm-up adds the same amount at every step.")
def along_a_sine(lr, warmup, step, steps):
    return lr * math.sin(math.pi / 2 * min(1.0, (step + 1) / warmup))


@_wrong_rate("`round` leaves nothing between 0 and the full rate: a share of it need not be whole.")
def rounded_share(lr, warmup, step, steps):
    return lr * round(min(1.0, (step + 1) / warmup))


@_wrong_rate("Only step 0 has a smaller rate here; the warm-up takes `warmup_steps` steps.")
def only_the_first_step(lr, warmup, step, steps):
    return lr / warmup if step == 0 else lr


@mistake("learning_rate", "It takes a step too long: the full rate should be reached at the last step of the warm-up.")
def one_step_too_long(config, step):
    return config.lr * min(1.0, (step + 1) / (config.warmup_steps + 1))


@mistake("learning_rate", "It takes a step too long: the full rate should be reached at the last step of the warm-up.")
def one_step_too_long_if_any(config, step):
    return config.lr * min(1.0, (step + 1) / (config.warmup_steps + 1)) if config.warmup_steps else config.lr


# --- train_step -------------------------------------------------------------------------------------------------------

BETAS = [0.9, 0.98]


class _Twin:
    """The model and its AdamW once more, on this side: gradients by autograd, AdamW by its formula, all in float64."""

    def __init__(self, weights, decay, eps):
        self.model = Transformer.from_weights({name: weight.double() for name, weight in weights.items()})
        self.decay, self.eps, self.step = decay, eps, 0
        self.means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in self.model.parameters()]

    def train(self, tokens, labels, lr):
        """Take one step; returns the loss before it and the weights after it, by name."""
        loss = F.cross_entropy(self.model(tokens), labels)
        grads = torch.autograd.grad(loss, list(self.model.parameters()))
        self.step += 1
        (beta, gamma), t = BETAS, self.step
        for i, (weight, grad) in enumerate(zip(self.model.parameters(), grads, strict=True)):
            mean, square = self.means[i]
            self.means[i] = mean, square = beta * mean + (1 - beta) * grad, gamma * square + (1 - gamma) * grad**2
            move = mean / (1 - beta**t) / ((square / (1 - gamma**t)).sqrt() + self.eps)
            weight.data = weight.data - lr * move - lr * self.decay * weight.data
        return loss.item(), {name: weight.detach().clone() for name, weight in self.model.named_parameters()}


SIZES = ((2, 2, 1, 3), (3, 4, 2, 5), (5, 6, 3, 8))
"""p, d_model, n_heads, d_mlp."""
LOOKED_AT = ("W_E", "attn.W_V", "mlp.b_in", "W_U")


def _weights(draw, p, d_model, n_heads, d_mlp):
    """A transformer's weights in float64, all random."""
    model = Transformer(p, d_model, n_heads, d_mlp)
    return {name: draw.normal(*w.shape, dtype=torch.float64) / d_model**0.5 for name, w in model.named_parameters()}


class _Set:
    """A small transformer, its optimiser, a batch, and their twin.

    AdamW does not see how large a gradient is, unless its ε is about as large. So it is, or a step along the gradient
    of the sum would pass for one along the mean's.
    """

    def __init__(self, student, draw, size, n, own_lr):
        p = size[0]
        decay, eps = draw.number(0.3, 0.9), draw.number(0.05, 0.1)
        self.student = student
        self.on = "a transformer with p = {}, d_model = {}, n_heads = {}, d_mlp = {}, ".format(*size)
        self.on += f"{n} questions" if n > 1 else "one question"
        self.tokens = torch.cat([draw.integers(0, p - 1, n, 2), torch.full((n, 1), p)], 1)
        self.labels = draw.integers(0, p - 1, n)
        self.weights = _weights(draw, *size)
        self.twin = _Twin(self.weights, decay, eps)
        self.model = student.make("transformer", self.weights)
        self.optimizer = student.make("adamw", self.model, lr=own_lr, betas=BETAS, eps=eps, weight_decay=decay)

    def train(self, lr):
        """Let the student take one step; returns the loss and the weights, and the twin's."""
        got = self.student.train_step(self.model, self.optimizer, self.tokens, self.labels, lr)
        weights = {name: self.model.get(name) for name in LOOKED_AT}
        self.model.get("W_E.grad")  # for the hints: were there gradients left?
        expected, right = self.twin.train(self.tokens, self.labels, lr)
        return got, weights, expected, {name: right[name] for name in LOOKED_AT}


def _sets(student, draw, own_lr):
    return [_Set(student, draw, size, n, own_lr) for size, n in zip(SIZES, (1, 6, draw.integer(20, 30)), strict=True)]


def _expect_weights(weights, right, message, on):
    for name, weight in weights.items():
        expect_tensor(weight, right[name].shape, on=on)
        expect_close(weight, right[name], f"{name} {message}", on)


@checks("train_step", "it returns the mean loss of the batch, as it was before the step")
def test_train_step_loss(student, draw):
    cases = [(one.on, one.train(0.05)) for one in _sets(student, draw, 0.05)]
    for on, (got, _, expected, _) in cases:
        message = "should be the mean cross-entropy of the answers, with the weights as they were before the step"
        expect_close(expect_number(got, on), expected, message, on)


@checks("train_step", "every weight moves as AdamW says", weight=2)
def test_train_step_moves(student, draw):
    for one in _sets(student, draw, 0.05):
        _, weights, _, right = one.train(0.05)
        for name, weight in weights.items():
            expect(not weight.equal(one.weights[name]), f"the step should change the model's own {name}", one.on)
        _expect_weights(weights, right, "should be where one AdamW step along this batch's mean loss puts it", one.on)


@checks("train_step", "no step sees the gradients of the step before")
def test_train_step_fresh_gradients(student, draw):
    for one in _sets(student, draw, 0.05):
        one.train(0.05)
        for step in (2, 3, 4):
            _, weights, _, right = one.train(0.05)
            message = f"should, after {step} steps in a row, be where {step} steps of AdamW put it"
            _expect_weights(weights, right, message, one.on)


@checks("train_step", "each step has the learning rate that it is given")
def test_train_step_learning_rate(student, draw):
    for one in _sets(student, draw, 0.02):
        for lr, (got, weights, _, right) in [(lr, one.train(lr)) for lr in (0.08, 0.05, 0.0)]:
            expect_number(got, one.on)
            on = f"{one.on}, an optimiser made with lr = 0.02, a step with lr = {lr}"
            _expect_weights(weights, right, "should move as far as this step's learning rate says", on)


@checks("train_step", "a model that is very sure, in float32: the exact loss, down to a hundred-millionth")
def test_train_step_very_sure(student, draw):
    lr, size, n = 0.05, (5, 8, 2, 6), 3
    weights = _weights(draw, *size)
    tokens = torch.tensor([[0, 1, 5], [2, 2, 5], [4, 3, 5]])
    labels = draw.integers(0, 4, n)
    _, cache = Transformer.from_weights(weights).run_with_cache(tokens)
    logits = 20.0 * F.one_hot(labels, 6).double()  # what W_U makes of the stream at =
    weights["W_U"] = torch.linalg.pinv(cache["resid_post"][:, -1].detach()) @ logits
    weights = {name: weight.float() for name, weight in weights.items()}
    model = student.make("transformer", weights)
    optimizer = student.make("adamw", model, lr=lr, betas=BETAS, eps=1e-8, weight_decay=0.5)
    got = student.train_step(model, optimizer, tokens, labels, lr)
    unembedding = model.get("W_U")
    expected, right = _Twin(weights, 0.5, 1e-8).train(tokens, labels, lr)
    on = f"{n} questions, whose right answers lead by 20"
    message = "should be the mean loss, exact although it is tiny; the usual formula would find 0"
    expect_close(expect_number(got, on), expected, message, on, rtol=0.02, atol=0)
    expect_tensor(unembedding, right["W_U"].shape, on=on)
    message = "W_U should move along the gradient of the exact loss; the usual formula loses the right answers' part"
    expect_close(unembedding, right["W_U"], message, on, rtol=1e-4, atol=0.1 * lr)


@checks("train_step", "the loss that it returns no longer hangs on the graph it was computed with", side=True)
def test_train_step_detached(student, draw):
    function = student.value("train_step")
    for one in _sets(student, draw, 0.05):
        hangs = student.make("returns_attached", function, one.model, one.optimizer, one.tokens, one.labels, 0.05)
        expect(not hangs, "should return a loss that needs no gradient any more, or memory fills up", one.on)


def mean_loss(logits, labels):
    return exact_cross_entropy(logits, labels).mean()


def _step(
    model, optimizer, tokens, labels, lr, *,
    loss_of=mean_loss,
    parts=("zero", "backward", "lr", "step"),
    result=lambda loss: loss.detach(),
):  # fmt: skip
    """A training step with its parts in this order."""
    loss = loss_of(model(tokens), labels)
    for part in parts:
        if part == "zero":
            optimizer.zero_grad()
        elif part == "backward":
            loss.backward()
        elif part == "lr":
            for group in optimizer.param_groups:
                group["lr"] = lr
        else:
            optimizer.step()
    return result(loss)


_NO_GRADIENTS = "The optimiser finds no gradients: `backward` is missing, or they are thrown away before its step."
_NO_STEP = "The optimiser takes no step with these gradients: `step` is missing, or comes before `backward`."
_OWN_RATE = (
    "The optimiser goes on with its own learning rate: `lr` has to be put into each of `optimizer.param_groups`, under "
    "the key `lr`. (An attribute, or `defaults`, has no effect.)"
)


@mistake("train_step", "`backward` adds to the gradients that are there: those of earlier steps must go first.")
def gradients_pile_up(*args):
    return _step(*args, parts=("backward", "lr", "step"))


@mistake("train_step", _NO_GRADIENTS)
def gradients_thrown_away(*args):
    return _step(*args, parts=("backward", "zero", "lr", "step"))


@mistake("train_step", _NO_STEP)
def no_step_taken(*args):
    return _step(*args, parts=("zero", "backward", "lr"))


@mistake("train_step", _OWN_RATE)
def learning_rate_ignored(*args):
    return _step(*args, parts=("zero", "backward", "step"))


@mistake("train_step", "The learning rate is set after the step has been taken, so it comes one step late.")
def learning_rate_late(*args):
    return _step(*args, parts=("zero", "backward", "step", "lr"))


@mistake(
    "train_step", "This is the sum over the batch; the loss is the mean, or it would grow with the number of questions."
)
def summed_loss(*args):
    return _step(*args, loss_of=lambda logits, labels: exact_cross_entropy(logits, labels).sum())


@mistake("train_step", "Cross-entropy takes logits: here the softmax is taken twice.")
def softmax_twice(*args):
    return _step(*args, loss_of=lambda logits, labels: mean_loss(logits.softmax(dim=-1), labels))


@mistake("train_step", "This is the loss after the step; asked for is the one that the gradient was taken of.")
def loss_after_the_step(model, optimizer, tokens, labels, lr):
    _step(model, optimizer, tokens, labels, lr)
    return mean_loss(model(tokens), labels).detach()


@mistake(
    "train_step", "Whoever keeps this loss keeps its whole graph, and so every activation of the step: cut it off."
)
def loss_not_detached(*args):
    return _step(*args, result=lambda loss: loss)


@mistake("train_step", "This is a step of plain gradient descent, by hand: the optimiser is left out.")
def plain_gradient_descent(model, optimizer, tokens, labels, lr):
    loss = mean_loss(model(tokens), labels)
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight -= lr * weight.grad
    return loss.detach()


_NEW = "A new optimiser at each step has forgotten the running means, and the settings: use the one that is passed in."


@mistake("train_step", _NEW)
def a_new_optimizer(model, optimizer, tokens, labels, lr):
    settings = {name: optimizer.defaults[name] for name in ("betas", "eps", "weight_decay")}
    return _step(model, fixtures.adamw(model, lr=lr, **settings), tokens, labels, lr)


@mistake("train_step", _NEW)
def a_new_usual_optimizer(model, optimizer, tokens, labels, lr):
    return _step(model, fixtures.adamw(model, lr=lr), tokens, labels, lr)


@mistake("train_step", _NEW)
def a_new_optimizer_of_ours(model, optimizer, tokens, labels, lr):
    return _step(model, fixtures.adamw(model, lr=lr, betas=(0.9, 0.98), weight_decay=1.0), tokens, labels, lr)


@mistake(
    "train_step",
    "`F.cross_entropy` rounds a tiny loss, and its gradient, to 0: use `exact_cross_entropy` of chapter 2.",
)
def usual_loss(*args):
    return _step(*args, loss_of=F.cross_entropy)


@mistake("train_step", "The mean is returned, but the step goes along the gradient of the sum.")
def trains_on_the_sum(model, optimizer, tokens, labels, lr):
    return _step(model, optimizer, tokens, labels, lr, loss_of=_sum_of_losses) / len(labels)


def _sum_of_losses(logits, labels):
    return exact_cross_entropy(logits, labels).sum()


@mistake(
    "train_step", "Asked for is the loss before the step, the mean over the batch: not one loss for each question."
)
def losses_one_by_one(model, optimizer, tokens, labels, lr):
    losses = exact_cross_entropy(model(tokens), labels)
    return _step(model, optimizer, tokens, labels, lr, result=lambda _: losses.detach())


@mistake("train_step", "Nothing is returned: the caller wants the loss before the step.")
def nothing_returned(*args):
    return _step(*args, result=lambda _: None)


@mistake("train_step", _OWN_RATE)
def learning_rate_as_an_attribute(model, optimizer, tokens, labels, lr):
    optimizer.lr = lr
    return _step(model, optimizer, tokens, labels, lr, parts=("zero", "backward", "step"))


@mistake("train_step", _OWN_RATE)
def learning_rate_as_a_default(model, optimizer, tokens, labels, lr):
    optimizer.defaults["lr"] = lr
    return _step(model, optimizer, tokens, labels, lr, parts=("zero", "backward", "step"))


@mistake("train_step", _NO_STEP)
def step_before_backward(*args):
    return _step(*args, parts=("zero", "lr", "step", "backward"))


@mistake("train_step", "This steps twice: once is what one training step is.")
def two_steps(*args):
    return _step(*args, parts=("zero", "backward", "lr", "step", "step"))


@mistake("train_step", _NO_GRADIENTS)
def no_backward(*args):
    return _step(*args, parts=("zero", "lr", "step"))


@mistake(
    "train_step",
    "The loss pushes the weights the wrong way: `backward` is called on its negative, or its sign is wrong.",
)
def uphill(*args):
    return _step(*args, loss_of=lambda logits, labels: -mean_loss(logits, labels), result=lambda loss: -loss.detach())


@mistake("train_step", "This is the share of right answers, or of wrong ones; asked for is the loss.")
def accuracy_returned(model, optimizer, tokens, labels, lr):
    right = (model(tokens).argmax(-1) == labels).float().mean()
    return _step(model, optimizer, tokens, labels, lr, result=lambda _: right)


# --- find_phases ------------------------------------------------------------------------------------------------------

ENDS = ("memorised", "onset", "grokked")


def _history(draw, n):
    """A run that groks: steps, training and test accuracy, test loss, the loss of guessing; nothing in it is clear-cut.

    The test loss dips under chance before memorisation ends, comes back over it after the plateau, and the accuracies
    fall again after they have been high; that of the test set is high at first as well.
    """
    chance = draw.number(1, 2)
    steps = torch.cumsum(draw.integers(1, 4, n), 0) * 25
    memorised = draw.integer(2, 4)
    onset = draw.integer(memorised + 2, n - 6)
    grokked = draw.integer(onset + 2, n - 3)
    train, test, loss = (torch.rand(n, generator=draw.generator, dtype=torch.float64) for _ in range(3))
    train, test, loss = 0.1 + 0.8 * train, 0.1 + 0.8 * test, chance * (1.2 + 2 * loss)
    train[memorised:] = 0.995
    train[memorised + 1] = 0.98
    loss[1], loss[memorised] = 0.7 * chance, 1.1 * chance
    test[0] = test[memorised + 1] = 0.996
    loss[onset:] = chance * (0.1 + 0.5 * torch.rand(n - onset, generator=draw.generator))
    loss[onset + 1] = 1.3 * chance
    test[grokked:] = 0.997
    test[grokked + 1] = 0.9
    return [steps, train, test, loss, chance]


def _smooth(draw, n):
    """A run that groks as in a textbook: every curve rises or falls once."""
    chance = draw.number(1, 2)
    steps = torch.arange(n) * 100
    train = torch.linspace(0.1, 2, n, dtype=torch.float64).clamp(max=0.995)
    loss = chance * torch.cat([torch.linspace(1.1, 4, n // 2), torch.linspace(3.5, 0.1, n - n // 2)]).double()
    test = torch.cat([torch.full((n - 3,), 0.3), torch.tensor([0.7, 0.995, 0.999])]).double()
    return [steps, train, test, loss, chance]


def _expected(steps, train, test, loss, chance, answered=0.99):
    """The rule, read along the rows one by one."""
    found = dict.fromkeys(ENDS)
    for step, trained, tested, cost in zip(*(column.tolist() for column in (steps, train, test, loss)), strict=True):
        if found["memorised"] is None and trained >= answered:
            found["memorised"] = step
        if found["memorised"] is not None and found["onset"] is None and cost < chance:
            found["onset"] = step
        if found["onset"] is not None and found["grokked"] is None and tested >= answered:
            found["grokked"] = step
    return found


def _compare(student, histories, message, answered=None):
    function = student.value("find_phases")
    more = {} if answered is None else {"answered": answered}
    cases = [(on, history, student.make("call_with_arrays", function, *history, **more)) for on, history in histories]
    for on, history, got in cases:
        if isinstance(got, list) and len(got) == len(ENDS):  # that they should have names has a test of its own
            got = dict(zip(ENDS, got, strict=True))
        _expect_names(got, on)
        expected = _expected(*history, **more)
        for name in ENDS:
            value = got[name]
            if expected[name] is None:
                expect(value is None, f"{name} should be None where the run does not come to that end", on)
            else:
                expect(value is not None, f"the run comes to an end called {name}, but None was found", on)
                expect_close(expect_number(value, on), expected[name], f"{name} {message}", on, rtol=0, atol=0.1)


def _expect_names(got, on):
    is_phases = isinstance(got, dict) and all(name in got for name in ENDS)
    expect(is_phases, "should return Phases, with memorised, onset and grokked", on)


def _rows(history):
    return f"a run that was evaluated {len(history[0])} times"


@checks("find_phases", "the three ends of a run whose curves are smooth")
def test_find_phases_smooth(student, draw):
    histories = [_smooth(draw, n) for n in (12, draw.integer(14, 20), draw.integer(21, 40))]
    _compare(student, [(_rows(h), h) for h in histories], "should be the step at which the rule is first fulfilled")


@checks("find_phases", "one phase may end at the very step at which the one before has ended")
def test_find_phases_at_once(student, draw):
    histories = []
    for name in ("onset", "grokked", "onset and grokked"):
        for n in (14, draw.integer(15, 30)):
            steps, train, test, loss, chance = _history(draw, n)
            found = _expected(steps, train, test, loss, chance)
            if "onset" in name:
                loss[steps == found["memorised"]] = 0.9 * chance
            if "grokked" in name:
                onset = _expected(steps, train, test, loss, chance)["onset"]
                test[steps == onset] = 0.995
            histories.append((f"{_rows([steps])}, {name} at once", [steps, train, test, loss, chance]))
    _compare(student, histories, "should be found from the end of the phase before on, that step included")


@checks("find_phases", "each phase is looked for only after the one before, and the first time counts", weight=3)
def test_find_phases_in_order(student, draw):
    histories = [_history(draw, n) for n in (14, draw.integer(15, 20), draw.integer(21, 40))]
    histories[0][0] -= int(_expected(*histories[0])["memorised"])  # so that memorisation ends at step 0
    message = "should be the first step after the phase before at which its rule is fulfilled, even if not for good"
    _compare(student, [(f"{_rows(h)}, its curves going up and down", h) for h in histories], message)


@checks("find_phases", "an end that the run does not reach is None")
def test_find_phases_none(student, draw):
    whole = _history(draw, draw.integer(20, 30))
    found = _expected(*whole)
    histories = []
    for name, on in zip(ENDS, ("memorises", "leaves the plateau", "groks"), strict=True):
        cut = int((whole[0] < found[name]).sum())
        histories.append((f"a run that stops before it {on}", [*(column[:cut] for column in whole[:4]), whole[4]]))
    histories.append((f"{_rows(whole)}, its curves going up and down", whole))
    _compare(student, histories, "should be the step at which the rule is first fulfilled")


@checks("find_phases", "the limits: what counts as answered is an argument, and reaching it is enough")
def test_find_phases_limits(student, draw):
    answered = draw.number(0.6, 0.7)
    histories = []
    for n in (12, draw.integer(14, 20)):
        steps, train, test, loss, chance = _smooth(draw, n)
        train[train >= answered] = 0.8
        train[int((train < answered).sum())] = answered
        test = torch.where(test > 0.6, 0.98, test)
        test[-3] = answered
        falls = n // 2 + int((loss[n // 2 :] >= chance).sum())  # the first row below chance
        loss[falls] = chance  # not below yet
        loss[falls + 1 :] = loss[falls + 1 :].clamp(max=0.9 * chance)
        histories.append((f"{_rows([steps])}, answered = {answered:.3f}", [steps, train, test, loss, chance]))
    _compare(
        student, histories, "should be the first step that reaches (or, for the loss, is below) its limit", answered
    )


@checks("find_phases", "what is returned is Phases: the three ends by name", side=True)
def test_find_phases_names(student, draw):
    history = _history(draw, draw.integer(15, 20))
    _expect_names(student.make("call_with_arrays", student.value("find_phases"), *history), _rows(history))


@checks("find_phases", "the columns are left as they were", side=True)
def test_find_phases_care(student, draw):
    history = _history(draw, draw.integer(15, 20))
    function = student.value("find_phases")
    student.make("call_with_arrays", function, *history)  # for the hints
    changed = student.make("changes_arrays", function, *history)
    expect(not changed, "the arrays that were passed in should be left as they were", _rows(history))


def _find(
    steps, train, test, loss, chance, answered=0.99, *,
    first=lambda steps, reached: int(steps[reached.argmax()]) if reached.any() else None,
    reaches=lambda accuracy, answered: accuracy >= answered,
    onset_after=True,
    grokked_after=True,
    leaves=lambda loss, chance: loss < chance,
    later=lambda steps, end: steps >= end,
    begun=lambda end: end is not None,
):  # fmt: skip
    """The rule with one part exchanged."""
    memorised = first(steps, reaches(train, answered))
    after = later(steps, memorised if begun(memorised) else np.inf)
    onset = first(steps, leaves(loss, chance) & (after if onset_after else True))
    after = later(steps, onset if begun(onset) else np.inf)
    grokked = first(steps, reaches(test, answered) & (after if grokked_after else True))
    return {"memorised": memorised, "onset": onset, "grokked": grokked}


_PLACES = "These are places in the history; asked for are the training steps that stand there."


@mistake("find_phases", _PLACES)
def places_not_steps(steps, *args, **kwargs):
    found = _find(steps, *args, **kwargs)
    return {name: None if step is None else int((steps < step).sum()) for name, step in found.items()}


@mistake("find_phases", _PLACES)
def places_by_argmax(steps, *args, **kwargs):
    places = np.arange(len(steps))
    return _find(places, *args, **kwargs, first=lambda places, reached: int(places[reached.argmax()]))


@mistake("find_phases", _PLACES)
def places_by_argmax_of_what_is_left(steps, train, test, loss, chance, answered=0.99):
    memorised = int((train >= answered).argmax())
    onset = memorised + int((loss[memorised:] < chance).argmax())
    return dict(zip(ENDS, (memorised, onset, onset + int((test[onset:] >= answered).argmax())), strict=True))


@mistake(
    "find_phases", "The test loss may be below chance before it rises; the plateau can end only after memorisation."
)
def onset_anywhere(*args, **kwargs):
    return _find(*args, **kwargs, onset_after=False)


@mistake("find_phases", "The three ends are looked for in the whole run: each phase begins where the one before ends.")
def everything_anywhere(*args, **kwargs):
    return _find(*args, **kwargs, onset_after=False, grokked_after=False)


@mistake("find_phases", "Grokking can end only after it has begun: look at the test accuracy from the onset on.")
def grokked_anywhere(*args, **kwargs):
    return _find(*args, **kwargs, grokked_after=False)


@mistake("find_phases", "`argmax` of nothing but False is 0: a run that never gets there has no such step.")
def never_is_the_first_step(*args, **kwargs):
    return _find(*args, **kwargs, first=lambda steps, reached: int(steps[reached.argmax()]))


@mistake("find_phases", "The first time counts; this waits until it stays so for good.")
def only_for_good(*args, **kwargs):
    def first(steps, reached):
        good = np.logical_and.accumulate(reached[::-1])[::-1]
        return int(steps[good.argmax()]) if good.any() else None

    return _find(*args, **kwargs, first=first)


@mistake("find_phases", "The accuracy has to reach its limit, not exceed it.")
def more_than_answered(*args, **kwargs):
    return _find(*args, **kwargs, reaches=lambda accuracy, answered: accuracy > answered)


@mistake("find_phases", "What counts as answered is an argument; here it is always 0.99.")
def always_99_per_cent(steps, train, test, loss, chance, answered=0.99):
    return _find(steps, train, test, loss, chance)


@mistake("find_phases", "The plateau ends below the loss of guessing, not where the test loss starts to fall.")
def onset_at_the_peak(*args, **kwargs):
    return _find(*args, **kwargs, leaves=lambda loss, chance: loss == loss.max())


@mistake("find_phases", "This finds where the test loss is above the loss of guessing: the plateau ends below.")
def onset_above_chance(*args, **kwargs):
    return _find(*args, **kwargs, leaves=lambda loss, chance: loss > chance)


@mistake("find_phases", "The training set is memorised and the test set is grokked; here they are exchanged.")
def sets_exchanged(steps, train, test, *args, **kwargs):
    return _find(steps, test, train, *args, **kwargs)


@mistake("find_phases", "The loss of guessing is an argument, `chance_loss`; here it is always log 113.")
def always_log_113(steps, train, test, loss, chance, *args, **kwargs):
    return _find(steps, train, test, loss, math.log(113), *args, **kwargs)


_FROM_THE_NEXT = (
    "The search begins a step too late: a phase may end at the same step at which the one before has ended."
)


@mistake("find_phases", _FROM_THE_NEXT)
def everything_from_the_step_after(*args, **kwargs):
    return _find(*args, **kwargs, later=lambda steps, end: steps > end)


@mistake("find_phases", _FROM_THE_NEXT)
def onset_from_the_step_after(*args, **kwargs):
    calls = iter([np.greater, np.greater_equal])
    return _find(*args, **kwargs, later=lambda steps, end: next(calls)(steps, end))


@mistake("find_phases", _FROM_THE_NEXT)
def grokked_from_the_step_after(*args, **kwargs):
    calls = iter([np.greater_equal, np.greater])
    return _find(*args, **kwargs, later=lambda steps, end: next(calls)(steps, end))


@mistake("find_phases", "A step 0 counts as false: ask whether an end `is None`, not whether it is true.")
def step_0_is_none(*args, **kwargs):
    return _find(*args, **kwargs, begun=bool)


@mistake("find_phases", "A step 0 counts as false: ask whether an end `is None`, not whether it is true.")
def step_0_ends_the_search(*args, **kwargs):
    found = _find(*args, **kwargs)
    if not found["memorised"]:
        return dict.fromkeys(ENDS)
    return found if found["onset"] else found | {"onset": None, "grokked": None}


@mistake("find_phases", "Grokking ends after the onset, not only after memorisation: look from the onset on.")
def grokked_from_memorisation(steps, train, test, loss, chance, answered=0.99):
    found = _find(steps, train, test, loss, chance, answered)
    early = _find(steps, train, test, np.zeros(len(loss)), chance, answered)
    return found | {"grokked": early["grokked"]}


_NEVER = "An end that the run does not reach is None, and no number."


@mistake("find_phases", _NEVER)
def never_is_minus_one(*args, **kwargs):
    return {name: -1 if step is None else step for name, step in _find(*args, **kwargs).items()}


@mistake("find_phases", _NEVER)
def never_is_infinite(*args, **kwargs):
    return {name: np.inf if step is None else step for name, step in _find(*args, **kwargs).items()}


@mistake("find_phases", _NEVER)
def never_is_nan(*args, **kwargs):
    return {name: np.nan if step is None else step for name, step in _find(*args, **kwargs).items()}


@mistake("find_phases", _NEVER)
def never_is_the_last_step(steps, *args, **kwargs):
    return {name: int(steps[-1]) if step is None else step for name, step in _find(steps, *args, **kwargs).items()}


@mistake(
    "find_phases", "`next` without a second argument, or `[0]` of nothing, fails where a run does not reach an end."
)
def never_is_an_error(*args, **kwargs):
    return _find(*args, **kwargs, first=lambda steps, reached: int(steps[np.flatnonzero(reached)[0]]))


@mistake("find_phases", "The three steps are right, but have no names: return `Phases(memorised, onset, grokked)`.")
def as_a_tuple(*args, **kwargs):
    return tuple(_find(*args, **kwargs).values())


@mistake("find_phases", "This is how long each phase lasts; asked for are the steps at which they end.")
def lengths_of_phases(*args, **kwargs):
    found, before = _find(*args, **kwargs), 0
    for name in ENDS:
        if found[name] is not None:
            found[name], before = found[name] - before, found[name]
    return found


@mistake("find_phases", "This keeps the last time that the rule is fulfilled; the first time counts.")
def last_time(*args, **kwargs):
    return _find(*args, **kwargs, first=lambda s, reached: int(s[reached][-1]) if reached.any() else None)


@mistake("find_phases", "The plateau ends below the loss of guessing, not where the test accuracy leaves 0.")
def onset_by_accuracy(steps, train, test, loss, chance, answered=0.99):
    return _find(steps, train, test, chance * (1.5 - (test > 0.5)), chance, answered)


@mistake("find_phases", "`-=` changes the caller's own columns, which are still needed.")
def columns_in_place(steps, train, test, loss, chance, answered=0.99):
    found = _find(steps, train, test, loss, chance, answered)
    loss -= chance
    return found


@mistake("find_phases", "Not yet below is not below: on the line itself the model is no better than guessing.")
def onset_on_the_line(*args, **kwargs):
    return _find(*args, **kwargs, leaves=lambda loss, chance: loss <= chance)


# --- lost_gap ---------------------------------------------------------------------------------------------------------


@checks("lost_gap", "the gap from which on nothing is left, give or take two")
def test_lost_gap(student, draw):
    got = expect_prediction(student, "lost_gap")
    expect(abs(got - answers.lost_gap()) <= 2, "the usual formula's loss becomes exactly 0 at another gap")


wrong_number("lost_gap", "float32 has about 7 decimal digits; the gap, though, counts powers of e.", 7.0)
_ONE = "That is where one other answer would get lost; here there are 112."
wrong_number("lost_gap", _ONE, 17.0)
wrong_number("lost_gap", _ONE, 24 * math.log(2))
wrong_values("lost_gap", _ONE, 16, 16.0)
wrong_number("lost_gap", "That fits float64, with its 53 binary digits.", 41.0)
wrong_number("lost_gap", "That is where exp overflows in float32; digits are lost long before.", 88.0)
wrong_number("lost_gap", "That is where exp itself becomes 0 in float32; next to a 1 it is lost long before.", 104.0)
wrong_number("lost_gap", "That is where exp itself becomes 0 in float32; next to a 1 it is lost long before.", 103.0)


# --- plateau_test_loss ------------------------------------------------------------------------------------------------


@checks("plateau_test_loss", "what makes the test loss so high")
def test_plateau_test_loss(student, draw):
    got = expect_choice(student, "plateau_test_loss", "abcd")
    expect(got == answers.plateau_test_loss(), "the model does something else, and that costs more")


wrong_values(
    "plateau_test_loss",
    "Unsure, it would pay about log p. What have a thousand steps rewarded it for?",
    "a",
    "A",
)
wrong_values(
    "plateau_test_loss", "To hesitate between two answers costs 0.7. Is the test loss as low as that?", "b", "B"
)
wrong_values(
    "plateau_test_loss", "Small weights make a model less sure, and an unsure model pays about log p.", "d", "D"
)

wrong_values("plateau_test_loss", "Give the letter of your answer.", "above", "below", "Above", "Below")
