"""Hidden tests of chapter 04, training."""

import numpy as np
import torch
import torch.nn.functional as F

from .. import answers, toys
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake
from .questions import expect_choice, expect_prediction, wrong_number, wrong_values

# --- learning_rate ----------------------------------------------------------------------------------------------------


def _rates(student, draw, warmups, until):
    """The rates of the steps 0, 1, …, for several lengths of warm-up."""
    for warmup in warmups:
        lr = draw.number(0.5, 2)
        config = student.make("config", lr=lr, warmup_steps=warmup, weight_decay=0.0, steps=draw.integer(300, 400))
        rates = [student.learning_rate(config, step) for step in range(until(warmup))]
        yield f"warmup_steps = {warmup}, lr = {lr:.2f}", lr, warmup, rates


@checks("learning_rate", "during the warm-up it rises by the same amount at every step")
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
        first = expect_number(rates[0], on)
        expect(first > 0, "step 0 should not be wasted: its rate should be above zero", on)
        expect_close(first, lr / warmup, "step 0 should have one of warmup_steps equal amounts", on)


@checks("learning_rate", "the last step of the warm-up has the full rate, and so have all later ones")
def test_learning_rate_stays(student, draw):
    warmups = 2, draw.integer(3, 6), draw.integer(12, 20)
    for on, lr, warmup, rates in list(_rates(student, draw, warmups, lambda warmup: 2 * warmup + 20)):
        rates = [expect_number(rate, on) for rate in rates]
        expect(rates[warmup - 2] < 0.99 * lr, f"step {warmup - 2} should not have the full rate yet", on)
        expect_close(rates[warmup - 1 :], np.full(warmup + 21, lr), f"from step {warmup - 1} on it should be lr", on)


@checks("learning_rate", "without a warm-up every step has the full rate", side=True)
def test_learning_rate_without_warmup(student, draw):
    for on, lr, _, rates in list(_rates(student, draw, (0, 1, 0), lambda warmup: 15)):
        rates = [expect_number(rate, on) for rate in rates]
        expect_close(rates, np.full(15, lr), "every step should have the config's lr, the first one too", on)


@mistake("learning_rate", "Steps are counted from 0: this rate is zero at the first, which then changes nothing.")
def first_step_wasted(config, step):
    return config.lr * min(1.0, step / max(1, config.warmup_steps))


@mistake("learning_rate", "There is no warm-up here: `warmup_steps` has no effect.")
def no_warm_up(config, step):
    return config.lr


@mistake("learning_rate", "The rate goes on rising after the warm-up.")
def never_stops_rising(config, step):
    return config.lr * (step + 1) / max(1, config.warmup_steps)


@mistake("learning_rate", "The length of the warm-up stands in the config; here it is always 10.")
def always_ten_steps(config, step):
    return config.lr * min(1.0, (step + 1) / 10)


@mistake("learning_rate", "The full rate stands in the config; here it is always 0.001.")
def always_a_thousandth(config, step):
    return 1e-3 * min(1.0, (step + 1) / max(1, config.warmup_steps))


@mistake("learning_rate", "A warm-up of 0 steps is allowed, and nothing can be divided by 0.")
def divides_by_zero(config, step):
    return config.lr * min(1.0, (step + 1) / config.warmup_steps)


@mistake("learning_rate", "`//` divides whole numbers and rounds down: the steps in between come out as 0.")
def integer_division(config, step):
    return config.lr * min(1, (step + 1) // max(1, config.warmup_steps))


@mistake("learning_rate", "This is the share of the full rate, and not the rate.")
def only_the_share(config, step):
    return min(1.0, (step + 1) / max(1, config.warmup_steps))


@mistake("learning_rate", "After the warm-up the rate is constant here; many recipes let it fall, this one does not.")
def falls_afterwards(config, step):
    warmup = max(1, config.warmup_steps)
    if step < warmup:
        return config.lr * (step + 1) / warmup
    return config.lr * (config.steps - step) / (config.steps - warmup + 1)


@mistake("learning_rate", "This starts at the full rate and falls: a warm-up rises.")
def falls_first(config, step):
    return config.lr * max(1 / max(1, config.warmup_steps), 1 - step / max(1, config.warmup_steps))


@mistake("learning_rate", "It takes a step too long: the full rate should be reached at the last step of the warm-up.")
def one_step_too_long(config, step):
    return config.lr * min(1.0, (step + 1) / (config.warmup_steps + 1))


# --- train_step -------------------------------------------------------------------------------------------------------

BETAS = [0.9, 0.98]


class _Twin:
    """The toy model and its AdamW once more, on this side: gradients by autograd, AdamW by its formula, all float64."""

    def __init__(self, weights, unembedding, decay):
        self.model, self.decay, self.step = toys.toy_model(weights, unembedding), decay, 0
        self.means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in self.model.parameters()]

    def train(self, tokens, labels, lr):
        """Take one step; returns the loss before it and the weights after it."""
        loss = F.cross_entropy(self.model(tokens), labels)
        grads = torch.autograd.grad(loss, list(self.model.parameters()))
        self.step += 1
        (beta, gamma), t = BETAS, self.step
        for i, (weight, grad) in enumerate(zip(self.model.parameters(), grads, strict=True)):
            mean, square = self.means[i]
            self.means[i] = mean, square = beta * mean + (1 - beta) * grad, gamma * square + (1 - gamma) * grad**2
            move = mean / (1 - beta**t) / ((square / (1 - gamma**t)).sqrt() + 1e-8)
            weight.data = weight.data - lr * move - lr * self.decay * weight.data
        return loss.item(), [weight.detach() for weight in self.model.parameters()]


class _Set:
    """A toy model, its optimiser, a batch, and their twin."""

    def __init__(self, student, draw, p, n, own_lr):
        width = draw.integer(2, 4)
        weights = draw.normal(p, width, dtype=torch.float64), draw.normal(width, p + 1, dtype=torch.float64)
        decay = draw.number(0.3, 0.9)
        self.student = student
        self.on = f"p = {p}, {n} questions" if n > 1 else f"p = {p}, one question"
        self.tokens = torch.cat([draw.integers(0, p - 1, n, 2), torch.full((n, 1), p)], 1)
        self.labels = draw.integers(0, p - 1, n)
        self.weights, self.twin = weights, _Twin(*weights, decay)
        self.model = student.make("toy_model", *weights)
        self.optimizer = student.make("adamw", self.model, own_lr, BETAS, decay)

    def train(self, lr):
        """Let the student take one step; returns the loss and the weights, and the twin's."""
        got = self.student.train_step(self.model, self.optimizer, self.tokens, self.labels, lr)
        weights = [self.model.get("W_E"), self.model.get("W_U")]
        self.model.get("W_E.grad")  # for the hints: were there gradients left?
        self.optimizer.get("param_groups")  # likewise: which learning rate was set?
        return got, weights, *self.twin.train(self.tokens, self.labels, lr)


def _sets(student, draw, own_lr):
    return [_Set(student, draw, p, n, own_lr) for p, n in ((3, 1), (4, 6), (draw.integer(5, 9), draw.integer(20, 30)))]


@checks("train_step", "it returns the mean loss of the batch, as it was before the step")
def test_train_step_loss(student, draw):
    cases = [(one.on, one.train(0.05)) for one in _sets(student, draw, 0.05)]
    for on, (got, _, expected, _) in cases:
        message = "should be the mean cross-entropy of the answers, with the weights as they were before the step"
        expect_close(expect_number(got, on), expected, message, on)


@checks("train_step", "every weight moves as AdamW says")
def test_train_step_moves(student, draw):
    for one in _sets(student, draw, 0.05):
        _, weights, _, expected = one.train(0.05)
        for name, weight, right, before in zip(("W_E", "W_U"), weights, expected, one.weights, strict=True):
            expect_tensor(weight, right.shape, on=one.on)
            expect(not weight.equal(before), f"the step should change the model's own {name}", one.on)
            message = f"{name} should be where one AdamW step with the gradient of this batch's loss puts it"
            expect_close(weight, right, message, one.on)


@checks("train_step", "no step sees the gradients of the step before")
def test_train_step_fresh_gradients(student, draw):
    for one in _sets(student, draw, 0.05):
        one.train(0.05)
        for step in (2, 3, 4):
            _, weights, _, expected = one.train(0.05)
            for name, weight, right in zip(("W_E", "W_U"), weights, expected, strict=True):
                message = f"after {step} steps in a row {name} should be where {step} steps of AdamW put it"
                expect_close(weight, right, message, one.on)


@checks("train_step", "each step has the learning rate that it is given")
def test_train_step_learning_rate(student, draw):
    for one in _sets(student, draw, 0.02):
        for lr in (0.08, 0.05, 0.0):
            got, weights, _, expected = one.train(lr)
            expect_number(got, one.on)
            on = f"{one.on}, an optimiser made with lr = 0.02, a step with lr = {lr}"
            for name, weight, right in zip(("W_E", "W_U"), weights, expected, strict=True):
                expect_close(weight, right, f"{name} should move as far as this step's learning rate says", on)


@checks("train_step", "the loss that it returns no longer hangs on the graph it was computed with")
def test_train_step_detached(student, draw):
    function = student.value("train_step")
    for one in _sets(student, draw, 0.05):
        hangs = student.make("hangs_on_graph", function, one.model, one.optimizer, one.tokens, one.labels, 0.05)
        expect(not hangs, "should return a loss that needs no gradient any more, or memory fills up", one.on)
        one.twin.train(one.tokens, one.labels, 0.05)
        got, weights, expected, right = one.train(0.05)
        expect_close(weights[0], right[0], "and the steps should still be those of AdamW", one.on)
        expect_close(expect_number(got, one.on), expected, "and the loss should be that before the step", one.on)


def _step(
    model, optimizer, tokens, labels, lr, *,
    loss_of=F.cross_entropy,
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


@mistake("train_step", "`backward` adds to the gradients that are there: those of earlier steps must go first.")
def gradients_pile_up(*args):
    return _step(*args, parts=("backward", "lr", "step"))


@mistake("train_step", "The gradients are thrown away before the optimiser has seen them.")
def gradients_thrown_away(*args):
    return _step(*args, parts=("backward", "zero", "lr", "step"))


@mistake("train_step", "The optimiser is never asked to take its step.")
def no_step_taken(*args):
    return _step(*args, parts=("zero", "backward", "lr"))


@mistake("train_step", "The argument `lr` is not used: the optimiser goes on with its own.")
def learning_rate_ignored(*args):
    return _step(*args, parts=("zero", "backward", "step"))


@mistake("train_step", "The learning rate is set after the step has been taken, so it comes one step late.")
def learning_rate_late(*args):
    return _step(*args, parts=("zero", "backward", "step", "lr"))


@mistake(
    "train_step", "This is the sum over the batch; the loss is the mean, or it would grow with the number of questions."
)
def summed_loss(*args):
    return _step(*args, loss_of=lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"))


@mistake("train_step", "Cross-entropy takes logits: here the softmax is taken twice.")
def softmax_twice(*args):
    return _step(*args, loss_of=lambda logits, labels: F.cross_entropy(logits.softmax(dim=-1), labels))


@mistake("train_step", "This is the loss after the step; asked for is the one that the gradient was taken of.")
def loss_after_the_step(model, optimizer, tokens, labels, lr):
    _step(model, optimizer, tokens, labels, lr)
    return F.cross_entropy(model(tokens), labels).detach()


@mistake(
    "train_step", "Whoever keeps this loss keeps its whole graph, and so every activation of the step: cut it off."
)
def loss_not_detached(*args):
    return _step(*args, result=lambda loss: loss)


@mistake("train_step", "This is a step of plain gradient descent, by hand: the optimiser is left out.")
def plain_gradient_descent(model, optimizer, tokens, labels, lr):
    loss = F.cross_entropy(model(tokens), labels)
    optimizer.zero_grad()
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight -= lr * weight.grad
    return loss.detach()


@mistake("train_step", "A new optimiser at each step has forgotten the running means: use the one that is passed in.")
def a_new_optimizer(model, optimizer, tokens, labels, lr):
    group = optimizer.param_groups[0]
    new = toys.adamw(model, group["lr"], group["betas"], group["weight_decay"])
    return _step(model, new, tokens, labels, lr)


# --- find_phases ------------------------------------------------------------------------------------------------------

ENDS = ("memorised", "onset", "grokked")


def _history(draw, n):
    """A run that groks: steps, training and test accuracy, test loss, the loss of guessing; nothing in it is clear-cut.

    The test loss dips under chance before memorisation ends, comes back over it after the plateau, and the accuracies
    fall again after they have been high.
    """
    chance = draw.number(2, 5)
    steps = torch.cumsum(draw.integers(1, 4, n), 0) * 25
    memorised = draw.integer(2, 4)
    onset = draw.integer(memorised + 2, n - 6)
    grokked = draw.integer(onset + 2, n - 3)
    train, test, loss = (torch.rand(n, generator=draw.generator, dtype=torch.float64) for _ in range(3))
    train, test, loss = 0.1 + 0.8 * train, 0.1 + 0.8 * test, chance * (1.2 + 2 * loss)
    train[memorised:] = 0.995
    train[memorised + 1] = 0.98
    loss[1], loss[memorised] = 0.7 * chance, 1.1 * chance
    test[memorised + 1] = 0.996
    loss[onset:] = chance * (0.1 + 0.5 * torch.rand(n - onset, generator=draw.generator))
    loss[onset + 1] = 1.3 * chance
    test[grokked:] = 0.997
    test[grokked + 1] = 0.9
    return [steps, train, test, loss, chance]


def _smooth(draw, n):
    """A run that groks as in a textbook: every curve rises or falls once."""
    chance = draw.number(2, 5)
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
        is_phases = isinstance(got, dict) and all(name in got for name in ENDS)
        expect(is_phases, "should return Phases, with memorised, onset and grokked", on)
        expected = _expected(*history, **more)
        for name in ENDS:
            value = got[name]
            if expected[name] is None:
                expect(value is None, f"{name} should be None where the run does not come to that end", on)
            else:
                expect(value is not None, f"the run comes to an end called {name}, but None was found", on)
                expect_close(expect_number(value, on), expected[name], f"{name} {message}", on, rtol=0, atol=0.1)


def _rows(history):
    return f"a run that was evaluated {len(history[0])} times"


@checks("find_phases", "the three ends of a run whose curves are smooth")
def test_find_phases_smooth(student, draw):
    histories = [_smooth(draw, n) for n in (12, draw.integer(14, 20), draw.integer(21, 40))]
    _compare(student, [(_rows(h), h) for h in histories], "should be the step at which the rule is first fulfilled")


@checks("find_phases", "each phase is looked for only after the one before, and the first time counts")
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
        loss[n // 2] = chance  # not below yet
        histories.append((f"{_rows([steps])}, answered = {answered:.3f}", [steps, train, test, loss, chance]))
    _compare(
        student, histories, "should be the first step that reaches (or, for the loss, is below) its limit", answered
    )


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
):  # fmt: skip
    """The rule with one part exchanged."""
    memorised = first(steps, reaches(train, answered))
    after = steps >= (np.inf if memorised is None else memorised)
    onset = first(steps, leaves(loss, chance) & (after if onset_after else True))
    after = steps >= (np.inf if onset is None else onset)
    grokked = first(steps, reaches(test, answered) & (after if grokked_after else True))
    return {"memorised": memorised, "onset": onset, "grokked": grokked}


@mistake("find_phases", "These are places in the history; asked for are the training steps that stand there.")
def places_not_steps(steps, *args, **kwargs):
    found = _find(steps, *args, **kwargs)
    return {name: None if step is None else int((steps < step).sum()) for name, step in found.items()}


@mistake(
    "find_phases", "The test loss may be below chance before it rises; the plateau can end only after memorisation."
)
def onset_anywhere(*args, **kwargs):
    return _find(*args, **kwargs, onset_after=False)


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


@mistake("find_phases", "Not yet below is not below: on the line itself the model is no better than guessing.")
def onset_on_the_line(*args, **kwargs):
    return _find(*args, **kwargs, leaves=lambda loss, chance: loss <= chance)


# --- lost_gap ---------------------------------------------------------------------------------------------------------


@checks("lost_gap", "the gap from which on nothing is left, give or take two")
def test_lost_gap(student, draw):
    got = expect_prediction(student, "lost_gap")
    expect(abs(got - answers.lost_gap()) <= 2, "the usual formula's loss becomes exactly 0 at another gap")


wrong_number("lost_gap", "float32 has about 7 decimal digits; the gap, though, counts powers of e.", 7.0)
wrong_number("lost_gap", "That is where one other answer would get lost; here there are 112.", 17.0)
wrong_number("lost_gap", "That fits float64, with its 53 binary digits.", 41.0)
wrong_number("lost_gap", "That is where exp overflows in float32; digits are lost long before.", 88.0)
wrong_number("lost_gap", "That is where exp itself becomes 0 in float32; next to a 1 it is lost long before.", 104.0)


# --- plateau_test_loss ------------------------------------------------------------------------------------------------


@checks("plateau_test_loss", "where the test loss lies, and why")
def test_plateau_test_loss(student, draw):
    got = expect_choice(student, "plateau_test_loss", "abcd")
    expect(got == answers.plateau_test_loss(), "the test loss lies elsewhere, or there for another reason")


wrong_values(
    "plateau_test_loss", "A few right answers more do not help much if the others become very expensive.", "a", "A"
)
wrong_values(
    "plateau_test_loss", "To guess, a model must be unsure: is it, after a thousand steps of being rewarded?", "b", "B"
)
wrong_values(
    "plateau_test_loss", "Small weights make a model less sure, and an unsure model pays about log p.", "d", "D"
)

wrong_values("plateau_test_loss", "Give the letter of your answer.", "above", "below", "Above", "Below")
