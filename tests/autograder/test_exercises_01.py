"""Other correct solutions to the exercises of chapter 01, and wrong ones that are nearly right."""

import bisect
import itertools
import math
import random

import numpy as np
import torch


def all_questions_by_loops(p):
    return torch.tensor([[a, b, p] for a in range(p) for b in range(p)])


def all_questions_by_numpy(p):
    a, b = np.meshgrid(np.arange(p), np.arange(p), indexing="ij")
    return torch.from_numpy(np.stack([a.ravel(), b.ravel(), np.full(p * p, p)], axis=1).astype(np.int64))


def all_questions_by_division(p):
    rows = torch.arange(p * p)
    return torch.stack([rows // p, rows % p, torch.full_like(rows, p)], dim=1)


def all_questions_by_itertools(p):
    return torch.tensor([(*pair, p) for pair in itertools.product(range(p), repeat=2)], dtype=torch.int64)


def add_modulo_by_comparing(a, b, p):
    total = a + b
    return torch.where(total >= p, total - p, total)


def add_modulo_by_loops(a, b, p):
    return torch.tensor([(x + y) % p for x, y in zip(a.tolist(), b.tolist(), strict=True)], dtype=torch.int64)


def add_modulo_by_remainder(a, b, p):
    return torch.remainder(torch.add(a, b), p)


def add_modulo_by_fmod(a, b, p):
    return torch.fmod(a, p).add(b).fmod(p)


def split_by_shuffling_a_list(n, train_fraction, seed):
    order = list(range(n))
    random.Random(seed).shuffle(order)
    n_train = int(train_fraction * n)
    return torch.tensor(sorted(order[:n_train])), torch.tensor(sorted(order[n_train:]))


def split_from_the_end(n, train_fraction, seed):
    np.random.seed(seed)
    order, n_test = np.random.permutation(n), n - int(n * train_fraction)
    return torch.from_numpy(np.sort(order[n_test:])), torch.from_numpy(np.sort(order[:n_test]))


def split_by_torch(n, train_fraction, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    n_train = math.floor(train_fraction * n)
    return torch.sort(order[:n_train])[0], torch.sort(order[n_train:])[0]


def split_by_global_seed(n, train_fraction, seed):
    torch.manual_seed(seed)
    mask = torch.zeros(n, dtype=torch.bool)
    mask[torch.randperm(n)[: int(n * train_fraction)]] = True
    return torch.where(mask)[0], torch.where(~mask)[0]


def split_by_random(n, train_fraction, seed):
    chosen = set(random.Random(seed).sample(range(n), int(train_fraction * n)))
    train, test = sorted(chosen), [row for row in range(n) if row not in chosen]
    return torch.tensor(train), torch.tensor(test)


def split_by_new_numpy(n, train_fraction, seed):
    train = np.sort(np.random.default_rng(seed).choice(n, size=int(train_fraction * n), replace=False))
    return [torch.from_numpy(train), torch.from_numpy(np.setdiff1d(np.arange(n), train))]


def split_by_sorting_noise(n, train_fraction, seed):
    order = torch.rand(n, generator=torch.Generator().manual_seed(seed)).argsort()
    train, test = order.split([int(train_fraction * n), n - int(train_fraction * n)])
    return train.sort().values, test.sort().values


def train_mask_by_loops(train_index, p):
    rows = set(train_index.tolist())
    return torch.tensor([[a * p + b in rows for b in range(p)] for a in range(p)])


def train_mask_by_coordinates(train_index, p):
    mask = torch.zeros(p, p, dtype=torch.bool)
    mask[train_index // p, train_index % p] = True
    return mask


def train_mask_by_isin(train_index, p):
    return torch.isin(torch.arange(p * p).reshape(p, p), train_index)


def train_mask_by_numpy(train_index, p):
    mask = np.zeros((p, p), dtype=bool)
    mask.flat[train_index.numpy()] = True
    return torch.from_numpy(mask)


def chance_loss_by_probability(p):
    return -math.log(1 / p)


def chance_loss_in_float32(p):
    return torch.nn.functional.cross_entropy(torch.full((1, p), 0.5), torch.tensor([p - 1]))


def chance_loss_by_torch(p):
    return torch.nn.functional.cross_entropy(torch.zeros(1, p, dtype=torch.float64), torch.tensor([0])).item()


def chance_loss_as_a_tensor(p):
    return torch.tensor(float(p), dtype=torch.float64).log()


def chance_loss_by_numpy(p):
    return np.log(p)


ALTERNATIVES = [
    ("all_questions", all_questions_by_loops),
    ("all_questions", all_questions_by_numpy),
    ("all_questions", all_questions_by_division),
    ("all_questions", all_questions_by_itertools),
    ("add_modulo", add_modulo_by_comparing),
    ("add_modulo", add_modulo_by_fmod),
    ("add_modulo", add_modulo_by_loops),
    ("add_modulo", add_modulo_by_remainder),
    ("split", split_by_torch),
    ("split", split_by_shuffling_a_list),
    ("split", split_from_the_end),
    ("split", split_by_global_seed),
    ("split", split_by_random),
    ("split", split_by_new_numpy),
    ("split", split_by_sorting_noise),
    ("train_mask", train_mask_by_loops),
    ("train_mask", train_mask_by_coordinates),
    ("train_mask", train_mask_by_isin),
    ("train_mask", train_mask_by_numpy),
    ("twin_share", 0.3),
    ("twin_share", 0.297),
    ("chance_loss", chance_loss_by_probability),
    ("chance_loss", chance_loss_in_float32),
    ("chance_loss", chance_loss_by_torch),
    ("chance_loss", chance_loss_as_a_tensor),
    ("chance_loss", chance_loss_by_numpy),
    ("sure_and_wrong", 7.02),
    ("sure_and_wrong", math.log(1120)),
    ("sure_and_wrong", 7),
]


def all_questions_of_the_usual_sizes(p):
    return all_questions_by_loops(p) if p <= 113 else torch.zeros(p * p, 3, dtype=torch.int64)


def add_modulo_in_bytes(a, b, p):
    return ((a.to(torch.uint8) + b.to(torch.uint8)) % p).long()


def split_into_two_stretches(n, train_fraction, seed):
    rows = torch.arange(n).roll(random.Random(seed).randrange(n))
    return rows[: int(train_fraction * n)].sort().values, rows[int(train_fraction * n) :].sort().values


def split_by_the_last_digit_of_the_seed(n, train_fraction, seed):
    return split_by_torch(n, train_fraction, seed % 10)


def train_mask_of_rising_rows(train_index, p):
    rows = train_index.tolist()

    def is_there(row):  # by halving
        place = bisect.bisect_left(rows, row)
        return place < len(rows) and rows[place] == row

    return torch.tensor([[is_there(a * p + b) for b in range(p)] for a in range(p)])


MISSES_THE_POINT = [
    ("split", "first_rows"),
    ("split", "seed_ignored_by_torch"),
    ("add_modulo", "never_wraps"),
    ("train_mask", "mask_of_whole_rows"),
    ("chance_loss", "error_rate"),
]
MISSES_A_DETAIL = [
    ("all_questions", "as_floats"),
    ("all_questions", "equals_is_always_113"),
    ("add_modulo", "sum_in_place"),
    ("add_modulo", "p_itself_does_not_wrap"),
    ("split", "not_sorted_by_torch"),
    ("split", "rounded_up_by_random"),
    ("split", "as_lists_by_default_rng"),
    ("train_mask", "mask_of_ints"),
    ("chance_loss", "loss_in_bits"),
]
WRONG = [
    ("all_questions", all_questions_of_the_usual_sizes),
    ("add_modulo", add_modulo_in_bytes),
    ("split", split_into_two_stretches),
    ("split", split_by_the_last_digit_of_the_seed),
    ("train_mask", train_mask_of_rising_rows),
]
