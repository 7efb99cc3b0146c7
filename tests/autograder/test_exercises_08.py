"""Other correct solutions to the exercises of chapter 08."""

import numpy as np
import torch

from grokcourse import groups


def logarithm_by_search(p):
    root = groups.primitive_root(p)
    entries = [-1] + [next(i for i in range(p - 1) if pow(root, i, p) == a) for a in range(1, p)]
    return torch.tensor(entries)


def logarithm_by_sorting(p):
    root, powers = groups.primitive_root(p), [1]
    while len(powers) < p - 1:
        powers.append(powers[-1] * root % p)
    return torch.cat([torch.tensor([-1]), torch.tensor(powers).argsort()])


def inverses_in_a_loop(table):
    rows = table.tolist()
    neutral = rows.index(list(range(len(rows))))
    return torch.tensor([row.index(neutral) for row in rows])


def inverses_by_nonzero(table):
    a = next(e for e in range(len(table)) if table[e, e] == e)
    return (table == a).nonzero()[:, 1]


def inverses_in_numpy(table):
    numbers = table.numpy()
    neutral = np.flatnonzero((numbers == np.arange(len(numbers))).all(axis=1))[0]
    return torch.from_numpy(np.argwhere(numbers == neutral)[:, 1])


def part_in_a_loop(function, table, character):
    n, back = len(table), groups.inverses(table).tolist()
    degree = character.max()
    part = torch.zeros_like(function)
    for g in range(n):
        for h in range(n):
            part[g] += (degree / n * character[table[g, back[h]]]).to(function.dtype) * function[h]
    return part


def part_by_einsum(function, table, character):
    inverse = groups.inverses(table)
    weights = character[table[inverse, :].T].to(function.dtype)  # h⁻¹ · g is in the class of g · h⁻¹
    return character.max().to(function.dtype) * torch.einsum("gh,h...->g...", weights, function) / len(table)


def task_in_a_loop(table):
    n, rows = len(table), table.tolist()
    questions = [[a, b, n] for a in range(n) for b in range(n)]
    return torch.tensor(questions), torch.tensor([rows[a][b] for a, b, _ in questions])


def task_by_division(table):
    n = len(table)
    number = torch.arange(n * n)
    a, b = number // n, number % n
    return torch.stack([a, b, torch.full_like(a, n)], dim=1), table[a, b]


def losses_in_a_loop(logits, table, characters, questions):
    n, losses = len(table), []
    for character in characters:
        total = 0.0
        for question in questions.tolist():
            a, b = question // n, question % n
            row = groups.keep_representation(logits[a, b], table, character)
            total = total + row.logsumexp(0) - row[table[a, b]]
        losses.append(total / len(questions))
    return torch.stack(losses)


def losses_of_all_then_some(logits, table, characters, questions):
    losses = []
    for character in characters:
        kept = groups.keep_representation(logits.permute(2, 0, 1), table, character)  # (c, a, b)
        right = kept.log_softmax(dim=0).gather(0, table[None])[0]
        losses.append(-right.flatten()[questions].mean())
    return torch.stack(losses)


def numbers_of_the_questions(table):
    n = len(table)
    return torch.arange(n * n).repeat(3, 1).T, table.flatten()


def misses_the_powers(p):
    return torch.arange(-1, p - 1)


def orders_not_inverses(table):
    return table[:, 0].clone()


WRONG = [
    ("discrete_logarithm", misses_the_powers),
    ("inverses", orders_not_inverses),
    ("task_of_table", numbers_of_the_questions),
]

ALTERNATIVES = [
    ("discrete_logarithm", logarithm_by_search),
    ("discrete_logarithm", logarithm_by_sorting),
    ("inverses", inverses_in_a_loop),
    ("inverses", inverses_by_nonzero),
    ("inverses", inverses_in_numpy),
    ("task_of_table", task_in_a_loop),
    ("task_of_table", task_by_division),
    ("restricted_loss_per_representation", losses_in_a_loop),
    ("restricted_loss_per_representation", losses_of_all_then_some),
    ("keep_representation", part_in_a_loop),
    ("keep_representation", part_by_einsum),
    ("random_answers_unseen", "B"),
    ("random_answers_unseen", " (b)"),
]
