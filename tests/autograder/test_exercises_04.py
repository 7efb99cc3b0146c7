"""Other correct solutions to the exercises of chapter 04."""

import numpy as np
import torch
import torch.nn.functional as F

from grokcourse.autograder.exercises.training import answers
from grokcourse.training import Phases, exact_cross_entropy


def rate_by_cases(config, step):
    if step >= config.warmup_steps:
        return config.lr
    return config.lr * (step + 1) / config.warmup_steps


def rate_from_a_table(config, step):
    rising = np.linspace(0, config.lr, config.warmup_steps + 1)[1:]
    return float(rising[step]) if step < len(rising) else config.lr


def step_zeroing_first(model, optimizer, tokens, labels, lr):
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.zero_grad(set_to_none=False)
    loss = exact_cross_entropy(model(tokens), labels).mean()
    loss.backward()
    optimizer.step()
    return loss.detach().clone()


def step_in_float64(model, optimizer, tokens, labels, lr):
    """As in Nanda et al.'s code."""
    optimizer.param_groups[0].update(lr=lr)
    loss = F.cross_entropy(model(tokens).double(), labels)
    model.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def step_by_closure(model, optimizer, tokens, labels, lr):
    for group in optimizer.state_dict()["param_groups"]:
        assert group["betas"] == optimizer.defaults["betas"]
    for group in optimizer.param_groups:
        group["lr"] = lr

    def closure():
        optimizer.zero_grad()
        loss = exact_cross_entropy(model(tokens), labels).mean()
        loss.backward()
        return loss

    return float(optimizer.step(closure))


def step_by_name(model, optimizer, tokens, labels, lr):
    """Through the model's eleven matrices; gradients by hand."""
    optimizer.param_groups[0]["lr"] = lr
    resid = model.W_E[tokens] + model.W_pos
    resid = resid + model.attn(resid)
    resid = resid + model.mlp(resid)
    loss = exact_cross_entropy(resid[:, -1] @ model.W_U, labels).mean()
    for weight, grad in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
        weight.grad = grad
    optimizer.step()
    return loss.detach()


def step_of_stale_half(model, optimizer, tokens, labels, lr):
    half = len(labels) // 2 + 1
    step_by_closure(model, optimizer, tokens[:half], labels[:half], lr)
    return exact_cross_entropy(model(tokens), labels).mean().item()


def step_zeroing_last(model, optimizer, tokens, labels, lr):
    optimizer.param_groups[0]["lr"] = lr
    logits = model.fast_logits(tokens[:, 0], tokens[:, 1])
    picked = logits.double().log_softmax(dim=-1)[torch.arange(len(labels)), labels]
    (-picked.mean()).backward()
    optimizer.step()
    optimizer.zero_grad()
    return -picked.mean().item()


def phases_row_by_row(steps, train_accuracy, test_accuracy, test_loss, chance_loss, answered=0.99):
    memorised = onset = grokked = None
    for i in range(len(steps)):
        if memorised is None and train_accuracy[i] >= answered:
            memorised = steps[i]
        if memorised is not None and onset is None and test_loss[i] < chance_loss:
            onset = steps[i]
        if onset is not None and grokked is None and test_accuracy[i] >= answered:
            grokked = steps[i]
    return Phases(memorised, onset, grokked)


def phases_by_slices(steps, train_accuracy, test_accuracy, test_loss, chance_loss, answered=0.99):
    found, start = [], 0
    for reached in (train_accuracy >= answered, test_loss < chance_loss, test_accuracy >= answered):
        places = np.flatnonzero(reached[start:]) if start is not None else []
        start = start + int(places[0]) if len(places) else None
        found.append(None if start is None else int(steps[start]))
    return Phases(*found)


def phases_with_generators(steps, train_accuracy, test_accuracy, test_loss, chance_loss, answered=0.99):
    memorised = next((s for s, a in zip(steps, train_accuracy, strict=True) if a >= answered), None)
    late = np.inf if memorised is None else memorised
    onset = next((s for s, c in zip(steps, test_loss, strict=True) if s >= late and c < chance_loss), None)
    late = np.inf if onset is None else onset
    grokked = next((s for s, a in zip(steps, test_accuracy, strict=True) if s >= late and a >= answered), None)
    return {"memorised": memorised, "onset": onset, "grokked": grokked}


def rate_of_a_square(config, step):
    return config.lr * min(1, (step + 1) / max(1, config.warmup_steps)) ** 2


MISSES_THE_POINT = [
    ("learning_rate", "no_warm_up"),
    ("train_step", "no_step_taken"),
    ("train_step", "trains_on_the_sum"),
    ("train_step", "gradients_thrown_away"),
    ("find_phases", "onset_anywhere"),
]
MISSES_A_DETAIL = [
    ("learning_rate", "divides_by_zero"),
    ("learning_rate", "first_step_wasted"),
    ("train_step", "usual_loss"),
    ("train_step", "learning_rate_ignored"),
    ("find_phases", "always_99_per_cent"),
    ("find_phases", "as_a_tuple"),
    ("find_phases", "onset_from_the_step_after"),
]
WRONG = [
    ("learning_rate", rate_of_a_square),
    ("train_step", step_of_stale_half),
]
ALTERNATIVES = [
    ("learning_rate", rate_by_cases),
    ("learning_rate", rate_from_a_table),
    ("train_step", step_zeroing_first),
    ("train_step", step_in_float64),
    ("train_step", step_by_closure),
    ("train_step", step_by_name),
    ("train_step", step_zeroing_last),
    ("find_phases", phases_row_by_row),
    ("find_phases", phases_by_slices),
    ("find_phases", phases_with_generators),
    ("lost_gap", 21),
    ("lost_gap", 22.0),
    ("plateau_test_loss", "C"),
]


def test_the_usual_loss_is_lost_about_where_the_answer_says():
    """The order in which a machine adds the 112 terms can move it a little."""
    label = torch.tensor([0])
    for gap, is_lost in ((answers.lost_gap() + 2, True), (answers.lost_gap() - 5, False)):
        logits = torch.zeros(1, 113)
        logits[0, 0] = gap
        assert (F.cross_entropy(logits, label).item() == 0) == is_lost
