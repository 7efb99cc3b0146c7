"""Questions, answers and the split, against brute force and python's own arithmetic."""

import hashlib

import pytest
import torch

from grokcourse import tasks
from grokcourse.config import ConfigError, RunConfig

MODULI = [2, 3, 31, 113]
PYTHON = {"add": int.__add__, "subtract": int.__sub__}
"""By operation, the same on whole numbers. A new task has a row here and one in ``tasks.OPERATIONS``, and no more."""


@pytest.mark.parametrize("p", MODULI)
def test_every_question_stands_once_in_order(p):
    expected = [[a, b, p] for a in range(p) for b in range(p)]
    questions = tasks.all_questions(p)
    assert questions.dtype == torch.int64
    assert questions.tolist() == expected


@pytest.mark.parametrize("p", MODULI)
@pytest.mark.parametrize("operation", tasks.OPERATIONS)
def test_answers_against_python(operation, p):
    questions = tasks.all_questions(p)
    expected = [PYTHON[operation](a, b) % p for a, b, _ in questions.tolist()]
    assert tasks.answers(questions, p, operation).tolist() == expected


def test_the_examples_of_the_first_chapter():
    questions = torch.tensor([[0, 0, 113], [5, 10, 113], [100, 50, 113], [112, 1, 113]])
    assert tasks.answers(questions, 113).tolist() == [0, 15, 37, 0]


def test_an_unknown_operation_is_refused():
    with pytest.raises(ConfigError, match=r"no operation 'divide'; there are: add \(a \+ b\), subtract \(a − b\)"):
        tasks.dataset(RunConfig(operation="divide"))


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


@pytest.mark.parametrize("operation", tasks.OPERATIONS)
def test_a_dataset_of_given_rows_has_all_others_as_its_test_set(operation):
    data = tasks.dataset_of(5, torch.tensor([24, 3, 7]), operation)
    assert data.train_index.tolist() == [3, 7, 24]
    assert data.test_index.tolist() == [row for row in range(25) if row not in (3, 7, 24)]
    assert data.train[0].tolist() == [[0, 3, 5], [1, 2, 5], [4, 4, 5]]
    assert data.train[1].tolist() == [PYTHON[operation](a, b) % 5 for a, b, _ in data.train[0].tolist()]
    for wrong in ([], [1, 1], [-1], [25], list(range(25)), [[1, 2]]):
        with pytest.raises(ValueError, match="different rows a · 5 \\+ b, from 0 to 24"):
            tasks.dataset_of(5, torch.tensor(wrong, dtype=torch.int64))
    with pytest.raises(ConfigError, match="no operation 'mix'"):
        tasks.dataset_of(5, torch.tensor([1]), "mix")
