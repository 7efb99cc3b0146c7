"""Questions, answers and the split, against brute force and python's own arithmetic."""

import hashlib
import math

import pytest
import torch

from grokcourse import tasks
from grokcourse.config import ConfigError, RunConfig

MODULI = [2, 3, 31, 113]
THINGS = {2: 2, 6: 3, 24: 4, 120: 5}
"""By their permutations."""


def unrank(number, p):
    """The permutation of that number in lexicographic order, by its digits in the factorial number system."""
    left = list(range(THINGS[p]))
    return [left.pop(number // math.factorial(rest) % (rest + 1)) for rest in reversed(range(THINGS[p]))]


def rank(permutation):
    """Its number: each place counts the smaller things that stand behind it."""
    behind = [sum(later < one for later in permutation[at:]) for at, one in enumerate(permutation)]
    return sum(count * math.factorial(len(behind) - 1 - at) for at, count in enumerate(behind))


PYTHON = {
    "add": lambda a, b, p: (a + b) % p,
    "subtract": lambda a, b, p: (a - b) % p,
    "multiply": lambda a, b, p: (a * b) % p,
    "divide": lambda a, b, p: next((c for c in range(p) if b * c % p == a), 0) if b else 0,
    "quadratic": lambda a, b, p: (a**2 + a * b + b**2) % p,
    "cubic": lambda a, b, p: (a**3 + a * b) % p,
    "compose": lambda a, b, p: rank([unrank(a, p)[image] for image in unrank(b, p)]),
    "maximum": lambda a, b, p: max(a, b),
}
"""By operation, the same on whole numbers. A new task has a row here and one in ``tasks.OPERATIONS``, and no more."""
SIZES = [(name, p) for name in PYTHON for p in ((2, 6, 24) if name == "compose" else MODULI)]


def test_every_task_is_compared_with_something():
    assert set(PYTHON) == set(tasks.OPERATIONS) - {"random"}


@pytest.mark.parametrize("p", MODULI)
def test_every_question_stands_once_in_order(p):
    expected = [[a, b, p] for a in range(p) for b in range(p)]
    questions = tasks.all_questions(p)
    assert questions.dtype == torch.int64
    assert questions.tolist() == expected


@pytest.mark.parametrize(("operation", "p"), SIZES)
def test_answers_against_python(operation, p):
    questions = tasks.all_questions(p)
    expected = [PYTHON[operation](a, b, p) for a, b, _ in questions.tolist()]
    found = tasks.answers(questions, p, operation)
    assert found.dtype == torch.int64
    assert found.tolist() == expected


def test_composition_is_a_group_whose_operands_may_not_be_swapped():
    table = tasks.answers(tasks.all_questions(120), 120, "compose").view(120, 120)
    everything = list(range(120))
    assert table[0].tolist() == table[:, 0].tolist() == everything  # 0 changes nothing
    assert all(sorted(row) == everything for row in (*table.tolist(), *table.T.tolist()))
    assert not table.equal(table.T)
    a, b, c = torch.randint(120, (3, 50), generator=torch.Generator().manual_seed(0))
    assert table[table[a, b], c].equal(table[a, table[b, c]])


def test_random_answers_are_the_same_at_every_call_and_follow_no_rule():
    questions = tasks.all_questions(113)
    drawn = tasks.answers(questions, 113, "random")
    order = torch.randperm(len(questions), generator=torch.Generator().manual_seed(1))
    assert tasks.answers(questions[order], 113, "random").equal(drawn[order])
    assert tasks.answers(questions[7:8], 113, "random").item() == drawn[7]
    shares = torch.bincount(drawn, minlength=113) / len(drawn)
    assert 0.5 / 113 < shares.min() < shares.max() < 1.5 / 113
    table = drawn.view(113, 113)
    assert (table == table.T).float().mean() < 0.03  # nothing is known from the twin: 1 / 113, and the diagonal
    assert not drawn.equal(tasks.answers(questions, 113, "add"))


@pytest.mark.parametrize(("operation", "p"), [("divide", 4), ("divide", 111), ("compose", 113), ("compose", 5)])
def test_a_task_that_this_p_does_not_allow_is_refused(operation, p):
    message = (
        f"needs a prime modulus, and {p}"
        if operation == "divide"
        else rf"how many there are \(2, 6, 24, 120, 720\), not {p}"
    )
    with pytest.raises(ConfigError, match=message):
        tasks.answers(tasks.all_questions(p), p, operation)


def test_the_examples_of_the_first_chapter():
    questions = torch.tensor([[0, 0, 113], [5, 10, 113], [100, 50, 113], [112, 1, 113]])
    assert tasks.answers(questions, 113).tolist() == [0, 15, 37, 0]


def test_an_unknown_operation_is_refused():
    told = r"no operation 'power'; there are: add \(a \+ b\), subtract \(a − b\), .* quadratic \(a² \+ ab \+ b²\)"
    with pytest.raises(ConfigError, match=told):
        tasks.dataset(RunConfig(operation="power"))


def test_the_split_is_a_partition_of_the_right_sizes():
    train, test = tasks.split(12_769, 0.3, seed=0)
    assert (len(train), len(test)) == (3_830, 8_939)
    assert torch.cat([train, test]).sort().values.tolist() == list(range(12_769))


def test_the_split_is_the_same_on_every_machine():
    """The digest was taken from the reference runs' split; a change would make every recorded test loss a lie."""
    train, _ = tasks.split(12_769, 0.3, seed=0)
    digest = hashlib.sha256(train.numpy().astype("<i8").tobytes()).hexdigest()
    assert digest == "d539cd3051da1ba67205e8735e77bcb73e93358c582d74db98de330a135df95a"


def test_another_seed_splits_otherwise():
    first, second = (set(tasks.split(12_769, 0.3, seed)[0].tolist()) for seed in (0, 1))
    overlap = len(first & second) / len(first)
    assert 0.27 < overlap < 0.33  # two independent choices of 30 % share 30 %


def test_the_split_looks_random_by_answer():
    """Each answer keeps about 30 % of its 113 questions for training: nothing is systematically left out."""
    data = tasks.dataset(RunConfig())
    share = torch.bincount(data.train[1], minlength=113) / 113
    assert share.min() > 0.15
    assert share.max() < 0.45


def test_dataset_hangs_together():
    data = tasks.dataset(RunConfig(p=7, train_fraction=0.5, d_model=8))
    assert data.p == 7
    tokens, labels = data.train
    assert len(tokens) == 24
    mask = data.train_mask()
    assert mask.sum() == 24
    assert all(mask[a, b] for a, b, _ in tokens.tolist())
    assert not any(mask[a, b] for a, b, _ in data.test[0].tolist())
    assert ((tokens[:, 0] + tokens[:, 1]) % 7).equal(labels)


def test_dataset_goes_to_the_device():
    data = tasks.dataset(RunConfig(p=5, train_fraction=0.5), device="meta")
    assert data.tokens.device.type == data.train_index.device.type == "meta"


@pytest.mark.parametrize("operation", sorted(set(PYTHON) - {"compose"}))
def test_a_dataset_of_given_rows_has_all_others_as_its_test_set(operation):
    data = tasks.dataset_of(5, torch.tensor([24, 3, 7]), operation)
    assert data.train_index.tolist() == [3, 7, 24]
    assert data.test_index.tolist() == [row for row in range(25) if row not in (3, 7, 24)]
    assert data.train[0].tolist() == [[0, 3, 5], [1, 2, 5], [4, 4, 5]]
    assert data.train[1].tolist() == [PYTHON[operation](a, b, 5) for a, b, _ in data.train[0].tolist()]
    for wrong in ([], [1, 1], [-1], [25], list(range(25)), [[1, 2]]):
        with pytest.raises(ValueError, match="different rows a · 5 \\+ b, from 0 to 24"):
            tasks.dataset_of(5, torch.tensor(wrong, dtype=torch.int64))
    with pytest.raises(ConfigError, match="no operation 'mix'"):
        tasks.dataset_of(5, torch.tensor([1]), "mix")
