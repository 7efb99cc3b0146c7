"""Other correct solutions to the exercises of chapter 04, and the toys that its hidden tests train."""

import numpy as np
import torch
import torch.nn.functional as F

from grokcourse.autograder import answers, toys
from grokcourse.training import Phases, find_phases


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
    loss = F.cross_entropy(model(tokens), labels)
    loss.backward()
    optimizer.step()
    return loss.detach().clone()


def step_zeroing_last(model, optimizer, tokens, labels, lr):
    optimizer.param_groups[0]["lr"] = lr
    logits = model.fast_logits(tokens[:, 0], tokens[:, 1])
    picked = logits.log_softmax(dim=-1)[torch.arange(len(labels)), labels]
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


def phases_unless_at_step_0(steps, train, test, loss, chance, answered=0.99):
    def first(reached, after):
        return next((int(step) for step, there in zip(steps, reached, strict=True) if there and step >= after), None)

    memorised = first(train >= answered, 0)
    onset = first(loss < chance, memorised) if memorised else None
    return Phases(memorised, onset, first(test >= answered, onset) if onset else None)


def phases_in_place(steps, train, test, loss, chance, answered=0.99):
    found = find_phases(steps, train, test, loss, chance, answered)
    loss -= chance
    return found


def rate_of_a_square(config, step):
    return config.lr * min(1, (step + 1) / max(1, config.warmup_steps)) ** 2


WRONG = [
    ("learning_rate", rate_of_a_square),
    ("find_phases", phases_unless_at_step_0),
    ("find_phases", phases_in_place),
]
ALTERNATIVES = [
    ("learning_rate", rate_by_cases),
    ("learning_rate", rate_from_a_table),
    ("train_step", step_zeroing_first),
    ("train_step", step_zeroing_last),
    ("find_phases", phases_row_by_row),
    ("find_phases", phases_by_slices),
    ("find_phases", phases_with_generators),
    ("lost_gap", 21),
    ("lost_gap", 22.0),
    ("plateau_test_loss", "C"),
]


def test_the_toy_optimiser_is_torchs():
    torch.manual_seed(0)
    weights, unembedding = torch.randn(5, 3), torch.randn(3, 6)
    tokens = torch.tensor([[0, 1, 5], [3, 3, 5], [4, 2, 5]])
    models = [toys.toy_model(weights, unembedding) for _ in range(2)]
    settings = {"lr": 0.05, "betas": [0.9, 0.98], "weight_decay": 0.5}
    optimizers = [toys.adamw(models[0], **settings), torch.optim.AdamW(models[1].parameters(), **settings)]
    for lr in (0.05, 0.02, 0.1):
        for model, optimizer in zip(models, optimizers, strict=True):
            loss = F.cross_entropy(model(tokens), tokens[:, 1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.param_groups[0]["lr"] = lr
            optimizer.step()
    for ours, theirs in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_usual_loss_is_lost_about_where_the_answer_says():
    """The order in which a machine adds the 112 terms can move it a little."""
    label = torch.tensor([0])
    for gap, is_lost in ((answers.lost_gap() + 2, True), (answers.lost_gap() - 5, False)):
        logits = torch.zeros(1, 113)
        logits[0, 0] = gap
        assert (F.cross_entropy(logits, label).item() == 0) == is_lost
