"""The task: all p² questions ``a ∘ b =``, their answers, and the seeded split into training and test pairs.

Shapes: ``n`` pairs in a batch; a question is three tokens ``[a, b, =]``, with ``=`` at index p.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .config import ConfigError, RunConfig


@dataclass(frozen=True)
class Operation:
    """A binary operation on the numbers 0 … p − 1."""

    symbol: str
    """How it is written between a and b."""
    answer: Callable[[Tensor, Tensor, int], Tensor]
    """(a, b, p) → the answers: elementwise on int64 tensors of one shape, with values in 0 … p − 1."""
    formula: str = ""
    """How it is written as a whole; by default a, the symbol, b."""

    def __str__(self) -> str:
        return self.formula or f"a {self.symbol} b"


def add_modulo(a: Tensor, b: Tensor, p: int) -> Tensor:
    """(a + b) mod p, for each pair.

    Args:
        a: (n,) int64 in 0 … p − 1.
        b: (n,) int64 in 0 … p − 1.
        p: the modulus.

    Returns:
        (n,) int64 in 0 … p − 1.
    """
    return (a + b) % p


def divide_modulo(a: Tensor, b: Tensor, p: int) -> Tensor:
    """The c with b · c = a modulo p, for each pair; where b is 0, there is none
    (or any), and the answer is 0.

    Args:
        a: (n,) int64 in 0 … p − 1.
        b: (n,) int64 in 0 … p − 1.
        p: the modulus, a prime: else not every b has an inverse.

    Returns:
        (n,) int64 in 0 … p − 1.

    Raises:
        ConfigError: if p is not a prime.
    """
    if p < 2 or any(p % factor == 0 for factor in range(2, math.isqrt(p) + 1)):
        raise ConfigError(f"division needs a prime modulus, and {p} is not one")
    inverse = torch.tensor([pow(number, p - 2, p) if p > 2 else number for number in range(p)])
    return a * inverse.to(b.device)[b] % p


def compose_permutations(a: Tensor, b: Tensor, p: int) -> Tensor:
    """The permutation "first b, then a" of n things, for each pair.

    The permutations are numbered in lexicographic order; 0 changes nothing.

    Args:
        a: (n,) int64 in 0 … p − 1.
        b: (n,) int64 in 0 … p − 1.
        p: how many permutations there are: 2, 6, 24, 120 or 720.

    Returns:
        (n,) int64 in 0 … p − 1.

    Raises:
        ConfigError: if there are never so many permutations.
    """
    sizes = {math.factorial(n): n for n in range(2, 7)}
    if p not in sizes:
        raise ConfigError(
            f"the numbers stand for permutations: p must be how many there are ({', '.join(map(str, sizes))}), not {p}"
        )
    elements = list(itertools.permutations(range(sizes[p])))
    number = {element: index for index, element in enumerate(elements)}
    pairs = zip(a.tolist(), b.tolist(), strict=True)
    composed = [number[tuple(elements[last][i] for i in elements[first])] for last, first in pairs]
    return torch.tensor(composed, device=a.device)


def random_answers(a: Tensor, b: Tensor, p: int) -> Tensor:
    """For each pair an answer that was drawn at random, once and for all: there
    is nothing to learn but the list.

    The draw is numpy's ``RandomState``, seeded with p (see ``split``).

    Args:
        a: (n,) int64 in 0 … p − 1.
        b: (n,) int64 in 0 … p − 1.
        p: how many numbers there are.

    Returns:
        (n,) int64 in 0 … p − 1.
    """
    drawn = torch.from_numpy(np.random.RandomState(p).randint(0, p, (p, p)))
    return drawn.to(a.device)[a, b]


OPERATIONS = {
    "add": Operation("+", add_modulo),
    "subtract": Operation("−", lambda a, b, p: (a - b) % p),
    "multiply": Operation("·", lambda a, b, p: a * b % p),
    "divide": Operation("/", divide_modulo),
    "quadratic": Operation("∘", lambda a, b, p: (a * a + a * b + b * b) % p, "a² + ab + b²"),
    "cubic": Operation("∘", lambda a, b, p: (a**3 + a * b) % p, "a³ + ab"),
    "compose": Operation("∘", compose_permutations, "permutation b, then a"),
    "maximum": Operation("max", lambda a, b, p: torch.maximum(a, b), "the larger of a and b"),
    "random": Operation("?", random_answers, "random answers"),
}
"""The tasks by name. A new task is a new row."""


@dataclass(frozen=True)
class Dataset:
    """All questions of one config with their answers, and which of them are trained on."""

    tokens: Tensor
    """(p², 3) int64: row a · p + b is the question ``[a, b, =]``."""
    labels: Tensor
    """(p²,) int64: the answers."""
    train_index: Tensor
    """(n_train,) int64: the rows trained on, in rising order."""
    test_index: Tensor
    """(n_test,) int64: all other rows, in rising order."""

    @property
    def train(self) -> tuple[Tensor, Tensor]:
        """Tokens (n_train, 3) and labels (n_train,) of the training set."""
        return self.tokens[self.train_index], self.labels[self.train_index]

    @property
    def test(self) -> tuple[Tensor, Tensor]:
        """Tokens (n_test, 3) and labels (n_test,) of the test set."""
        return self.tokens[self.test_index], self.labels[self.test_index]

    def train_mask(self) -> Tensor:
        """(p, p) bool: entry [a, b] says whether that pair is trained on."""
        return train_mask(self.train_index, self.p)

    @property
    def p(self) -> int:
        """The modulus."""
        return int(self.tokens[0, 2])


def all_questions(p: int) -> Tensor:
    """Every question, once: ``[a, b, p]`` for all a, b in 0 … p − 1, with b
    running fastest.

    Args:
        p: the modulus; the token ``=`` has index p.

    Returns:
        (p², 3) int64.
    """
    numbers = torch.arange(p, device="cpu")
    pairs = torch.cartesian_prod(numbers, numbers)
    equals = torch.full((p * p, 1), p, device="cpu")
    return torch.cat([pairs, equals], dim=1)


def answers(tokens: Tensor, p: int, operation: str = "add") -> Tensor:
    """The right answer to each question.

    Args:
        tokens: (n, 3) int64 questions ``[a, b, =]``.
        p: the modulus.
        operation: a name in ``OPERATIONS``.

    Returns:
        (n,) int64 in 0 … p − 1.

    Raises:
        ConfigError: if there is no such operation, or not with this p.
    """
    if operation not in OPERATIONS:
        known = ", ".join(f"{name} ({one})" for name, one in OPERATIONS.items())
        raise ConfigError(f"there is no operation {operation!r}; there are: {known}")
    return OPERATIONS[operation].answer(tokens[:, 0], tokens[:, 1], p)


def split(n: int, train_fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Choose at random which of ``n`` rows are trained on: the same seed gives
    the same rows on every machine.

    The shuffle is numpy's ``RandomState``, whose stream is frozen for good (NEP
    19), so neither the device nor a later release of torch or numpy can change
    it.

    Args:
        n: rows there are.
        train_fraction: share of the rows to train on, rounded down.
        seed: 0 … 2³² − 1.

    Returns:
        The training rows (⌊train_fraction · n⌋,) and the test rows (all
        others), each int64 in rising order.
    """
    order = torch.from_numpy(np.random.RandomState(seed).permutation(n).astype(np.int64))
    n_train = int(train_fraction * n)
    return order[:n_train].sort().values, order[n_train:].sort().values


def train_mask(train_index: Tensor, p: int) -> Tensor:
    """Where the training pairs lie in the addition table.

    Args:
        train_index: (n_train,) int64 rows of ``all_questions(p)``.
        p: the modulus.

    Returns:
        (p, p) bool: entry [a, b] says whether the pair (a, b) is trained on.
    """
    mask = torch.zeros(p * p, dtype=torch.bool, device=train_index.device)
    mask[train_index] = True
    return mask.view(p, p)


def dataset_of(p: int, train_index: Tensor, operation: str = "add") -> Dataset:
    """All questions modulo p, some of them to train on: for models whose training pairs no config describes.

    Args:
        p: the modulus.
        train_index: (n_train,) int64 rows of ``all_questions(p)``, a · p + b for the pair (a, b), in any order.
        operation: a name in ``OPERATIONS``.

    Returns:
        The dataset, on the device of ``train_index``. All other rows are its test set.

    Raises:
        ConfigError: if there is no such operation.
        ValueError: if a row occurs twice or is out of range, or there are none to train or none to test on.
    """
    rows = train_index.sort().values
    if rows.ndim != 1 or not 0 < len(rows) < p * p or rows[0] < 0 or rows[-1] >= p * p or not rows.diff().all():
        raise ValueError(
            f"the training pairs modulo {p} have to be different rows a · {p} + b, from 0 to {p * p - 1}, "
            "at least one and not all"
        )
    tokens = all_questions(p)
    labels = answers(tokens, p, operation)
    test_index = (~train_mask(rows, p)).flatten().nonzero().flatten()
    return Dataset(tokens.to(rows.device), labels.to(rows.device), rows, test_index)


def dataset(config: RunConfig, device: torch.device | str = "cpu") -> Dataset:
    """The questions, answers and split of a config, on a device.

    Raises:
        ConfigError: if there is no such operation.
    """
    tokens = all_questions(config.p)
    labels = answers(tokens, config.p, config.operation)
    train_index, test_index = split(config.n_pairs, config.train_fraction, config.split_seed)
    return Dataset(*(tensor.to(device) for tensor in (tokens, labels, train_index, test_index)))
