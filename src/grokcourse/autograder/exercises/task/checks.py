"""Hidden tests of chapter 01, the task."""

import contextlib
import itertools
import math
import random

import numpy as np
import torch

from ..questions import expect_prediction, wrong_number, wrong_values
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake


def _numbers(got):
    """Lists of numbers as a tensor: that they should be one has a test of its own."""
    if isinstance(got, list):
        with contextlib.suppress(RuntimeError, TypeError, ValueError):
            return torch.tensor(got)
    return got


# --- all_questions ----------------------------------------------------------------------------------------------------


@checks("all_questions", "a tensor of dtype int64, one row of three tokens a question", side=True)
def test_all_questions_shape(student, draw):
    for p in (2, 3, draw.integer(5, 20)):
        reply = student.make("call_on_views", student.value("all_questions"), p)
        expect_tensor(reply["value"], (p * p, 3), torch.int64, on=f"p = {p}")


@checks("all_questions", "every pair of numbers stands there exactly once")
def test_all_questions_every_pair_once(student, draw):
    for p in (2, 3, draw.integer(5, 20)):
        got = expect_tensor(_numbers(student.all_questions(p)), (p * p, 3), on=f"p = {p}")
        pairs = {(a, b) for a, b, _ in got.tolist()}
        all_pairs = {(a, b) for a in range(p) for b in range(p)}
        expect(pairs == all_pairs, "each pair (a, b) should stand there once", f"p = {p}")


@checks("all_questions", "the third token is always =, and no other is")
def test_all_questions_equals(student, draw):
    for p in (2, draw.integer(5, 20)):
        got = expect_tensor(_numbers(student.all_questions(p)), (p * p, 3), on=f"p = {p}")
        expect(bool((got[:, 2] == p).all()), "the last column should hold the index of the token =", f"p = {p}")
        expect(bool((got[:, :2] != p).all()), "the columns of a and b should hold numbers, not the token =", f"p = {p}")


@checks("all_questions", "b runs fastest: (0, 0), (0, 1), (0, 2), …")
def test_all_questions_order(student, draw):
    for p in (2, draw.integer(5, 20), draw.prime(127, 150)):
        got = expect_tensor(_numbers(student.all_questions(p)), (p * p, 3), on=f"p = {p}")
        row = torch.arange(p * p)
        in_order = bool((got[:, 0] == row // p).all() and (got[:, 1] == row % p).all())
        expect(in_order, "row a · p + b should ask about a and b", f"p = {p}")


def _pairs(p):
    numbers = torch.arange(p)
    return torch.cartesian_prod(numbers, numbers)


def _with_equals(pairs, equals):
    return torch.cat([pairs, torch.full((len(pairs), 1), equals)], 1)


@mistake("all_questions", "The token `=` has an index of its own; this index belongs to a number.")
def equals_is_the_last_number(p):
    return _with_equals(_pairs(p), p - 1)


@mistake("all_questions", "The token `=` has an index of its own; 0 is a number.")
def equals_is_zero(p):
    return _with_equals(_pairs(p), 0)


@mistake("all_questions", "113 is the token `=` for one modulus only: the function has to work for every p.")
def equals_is_always_113(p):
    return _with_equals(_pairs(p), 113)


@mistake("all_questions", "These are the questions modulo 113, whatever p is: the function has to work for every p.")
def only_for_113(p):
    return _with_equals(_pairs(113), 113)


@mistake("all_questions", "Here a runs fastest: the two columns are exchanged.")
def columns_exchanged(p):
    return _with_equals(_pairs(p).flip(1), p)


@mistake("all_questions", "(a, b) and (b, a) are two questions: none may be left out.")
def only_half_the_table(p):
    return _with_equals(torch.combinations(torch.arange(p), with_replacement=True), p)


@mistake("all_questions", "The numbers of a question may be equal: a + a is a question, too.")
def without_the_diagonal(p):
    return _with_equals(torch.tensor([[a, b] for a in range(p) for b in range(p) if a != b]), p)


@mistake("all_questions", "The question lacks its third token.")
def without_equals(p):
    return _pairs(p)


@mistake("all_questions", "Tokens are used as indices: they have to be whole numbers (int64).")
def as_floats(p):
    return _with_equals(_pairs(p), p).float()


@mistake("all_questions", "The rows are right, but they are a list; the model wants them as one tensor.")
def as_a_list(p):
    return _with_equals(_pairs(p), p).tolist()


@mistake("all_questions", "Numbers run from 0 to p − 1; these run from 1 to p.")
def counted_from_one(p):
    return _with_equals(_pairs(p) + 1, p)


@mistake("all_questions", "The rows are right, but their dtype is int32; indices are int64, torch's own whole numbers.")
def in_int32(p):
    return _with_equals(_pairs(p), p).int()


@mistake("all_questions", "The rows are right, but they are a numpy array; the model wants a tensor.")
def as_an_array(p):
    return _with_equals(_pairs(p), p).numpy()


@mistake("all_questions", "There is an axis each for a and b here; one row a question makes two axes, not three.")
def as_a_square(p):
    return _with_equals(_pairs(p), p).view(p, p, 3)


@mistake(
    "all_questions",
    "The first p indices, 0 … p − 1, belong to the numbers, and the next one to `=`: that is not p + 1.",
)
def equals_is_one_too_far(p):
    return _with_equals(_pairs(p), p + 1)


@mistake("all_questions", "The token `=` stands last in a question, after both numbers.")
def equals_in_the_middle(p):
    return _with_equals(_pairs(p), p)[:, [0, 2, 1]]


@mistake(
    "all_questions", "`zip` and `stack` of two equally long lists go through both at once: that gives p rows, not p²."
)
def only_the_diagonal(p):
    return _with_equals(torch.arange(p)[:, None].expand(p, 2), p)


@mistake("all_questions", "A question is a row; here it is a column.")
def questions_in_columns(p):
    return _with_equals(_pairs(p), p).T


@mistake("all_questions", "The third column is the token `=`, not the answer.")
def the_answer_in_the_question(p):
    pairs = _pairs(p)
    return torch.cat([pairs, pairs.sum(1, keepdim=True) % p], 1)


# --- add_modulo -------------------------------------------------------------------------------------------------------


def _expect_turned(student, pairs_by_modulus, message):
    """Each sum should stand where the hand stops that starts at a and is turned on by b hours, one by one."""
    answers = {p: student.add_modulo(*torch.tensor(pairs).T, p) for p, pairs in pairs_by_modulus.items()}
    for p, pairs in pairs_by_modulus.items():
        got = expect_tensor(_numbers(answers[p]), (len(pairs),), on=f"p = {p}, {len(pairs)} pairs").tolist()
        for (a, b), answer in zip(pairs, got, strict=True):
            hand = a
            for _ in range(b):
                hand = 0 if hand == p - 1 else hand + 1
            expect(answer == hand, message, f"a = {a}, b = {b}, p = {p}")


@checks("add_modulo", "where a + b is less than p, nothing wraps around")
def test_add_modulo_below(student, draw):
    pairs = {p: [(a, b) for a in range(p) for b in range(p - a)] for p in (2, 3, draw.integer(8, 12))}
    _expect_turned(student, pairs, "a sum that does not reach p should stay as it is")


@checks("add_modulo", "where a + b is more than p, it wraps around", weight=3)
def test_add_modulo_wraps(student, draw):
    pairs = {p: [(a, b) for a in range(2, p) for b in range(p - a + 1, p)] for p in (3, draw.integer(8, 12))}
    large = draw.prime(131, 200)  # a sum that a byte cannot hold
    pairs[large] = [(a, draw.integer(large - a + 1, large - 1)) for a in draw.integers(2, large - 1, 20).tolist()]
    pairs[large].append((large - 1, large - 1))
    _expect_turned(student, pairs, "beyond p − 1 the counting should start again at 0")


@checks("add_modulo", "where a + b is just p, the answer is 0", side=True)
def test_add_modulo_once_around(student, draw):
    pairs = {p: [(a, p - a) for a in range(1, p)] for p in (2, 3, draw.integer(8, 12), draw.prime(127, 200))}
    _expect_turned(student, pairs, "at p the counting should start again at 0")


@checks("add_modulo", "a single pair or many, small moduli or large", weight=2)
def test_add_modulo_sizes(student, draw):
    pairs = {p: draw.integers(0, p - 1, n, 2).tolist() for n, p in ((1, 5), (20, 113), (30, draw.prime(500, 900)))}
    for p in list(pairs)[1:]:
        pairs[p] += [(1, 1), (1, p - 1), (2, p - 1), (p - 1, p - 1)]
    _expect_turned(student, pairs, "should be where the hand stops that starts at a and turns b hours on")


@checks("add_modulo", "a tensor of dtype int64 comes out", side=True)
def test_add_modulo_dtype(student, draw):
    p = draw.prime(127, 200)
    a, b = draw.integers(0, p - 1, 2, 20)
    reply = student.make("call_on_views", student.value("add_modulo"), a, b, p)
    expect_tensor(reply["value"], (20,), torch.int64, on=f"20 pairs, p = {p}")


@checks("add_modulo", "a and b are left as they were", side=True)
def test_add_modulo_unchanged(student, draw):
    p = draw.prime(127, 200)
    a, b = draw.integers(0, p - 1, 2, 20)
    a[0], b[0] = p - 1, p - 1
    reply = student.make("call_on_views", student.value("add_modulo"), a, b, p)
    expect(not reply["changed"], "a and b should be left as they were, but one was changed in place", f"p = {p}")


@mistake("add_modulo", "Nothing wraps around here. (If there is a `%`: it binds more tightly than `+`.)")
def never_wraps(a, b, p):
    return a + b % p


@mistake("add_modulo", "The hour p is the hour 0: a sum that is just p has to wrap around as well.")
def p_itself_does_not_wrap(a, b, p):
    return torch.where(a + b > p, a + b - p, a + b)


@mistake("add_modulo", "The clock has p hours; the token `=` is not one of them.")
def modulo_the_vocabulary(a, b, p):
    return (a + b) % (p + 1)


@mistake("add_modulo", "The last hour is p − 1, but the number of hours is p.")
def modulo_the_last_hour(a, b, p):
    return (a + b) % max(1, p - 1)


@mistake("add_modulo", "The modulus is an argument: this is right on a clock with 113 hours only.")
def always_modulo_113(a, b, p):
    return (a + b) % 113


@mistake("add_modulo", "This is how often p goes into the sum; what is wanted is what remains.")
def quotient(a, b, p):
    return (a + b) // p


@mistake("add_modulo", "These are the products, not the sums.")
def product(a, b, p):
    return a * b % p


@mistake("add_modulo", "The hand was turned back instead of on.")
def difference(a, b, p):
    return (a - b) % p


_LABELS = "The answers are right, but labels have to be whole numbers (int64)."


@mistake("add_modulo", _LABELS)
def sum_as_floats(a, b, p):
    return torch.remainder(a.float() + b, p)


@mistake("add_modulo", _LABELS)
def sum_as_doubles(a, b, p):
    return torch.remainder(a.double() + b, p)


@mistake("add_modulo", _LABELS)
def sum_in_int32(a, b, p):
    return ((a + b) % p).int()


@mistake("add_modulo", "The answers are right, but they are a list; the caller wants one tensor.")
def sums_as_a_list(a, b, p):
    return ((a + b) % p).tolist()


@mistake("add_modulo", "The answers are right, but they are a numpy array; the caller wants a tensor.")
def sums_as_an_array(a, b, p):
    return ((a + b) % p).numpy()


@mistake("add_modulo", "`/` divides; what remains after dividing by p is `%`.")
def divided(a, b, p):
    return (a + b) / p


@mistake("add_modulo", "The modulus is an argument: this is right on a clock with 12 hours only.")
def always_modulo_12(a, b, p):
    return (a + b) % 12


@mistake("add_modulo", "Where the sum wraps around, the counting starts again at 0, not at 1.")
def starts_again_at_one(a, b, p):
    return torch.where(a + b >= p, a + b - p + 1, a + b)


@mistake("add_modulo", "One sum for all the pairs is not what is asked: each pair has an answer of its own.")
def all_added_up(a, b, p):
    return (a + b).sum() % p


@mistake("add_modulo", "`+=` and `%=` write into the tensor a itself, which the caller may still need.")
def sum_in_place(a, b, p):
    a += b
    a %= p
    return a


# --- split ------------------------------------------------------------------------------------------------------------


def _two_parts(got, on, *, as_they_are=False):
    if isinstance(got, list) and not as_they_are:
        got = [_numbers(part) for part in got]
    is_pair = isinstance(got, list) and len(got) == 2 and all(isinstance(part, torch.Tensor) for part in got)
    expect(is_pair, "should return two tensors, the training rows and the test rows", on)
    is_rows = all(part.ndim == 1 and not part.is_floating_point() and part.dtype != torch.bool for part in got)
    expect(is_rows, "both parts should be lists of row numbers: one-dimensional tensors of whole numbers", on)
    return got


def _ask_for_splits(student, draw, cases):
    """The splits of each (n, train_fraction), with a sentence saying which it is, from the smallest to the largest."""
    asked = [(n, fraction, draw.integer(0, 10_000)) for n, fraction in cases]
    answers = [student.split(*case) for case in asked]
    for (n, fraction, seed), answer in zip(asked, answers, strict=True):
        on = f"n = {n}, train_fraction = {fraction:g}, seed = {seed}"
        train, test = _two_parts(answer, on)
        yield n, fraction, train, test, on


@checks("split", "every row is in exactly one of the two parts", side=True)
def test_split_partition(student, draw):
    cases = [(6, 0.5), (7, 0.4), (draw.integer(10, 20), 0.3), (draw.integer(50, 90), 0.6)]
    for n, _, train, test, on in _ask_for_splits(student, draw, cases):
        rows = sorted(train.tolist() + test.tolist())
        expect(len(rows) <= n, "no row should stand there twice", on)
        expect(len(rows) >= n, "no row should be missing", on)
        expect(rows == list(range(n)), "each of the rows 0 … n − 1 should be in one part, and in one only", on)


@checks("split", "the training set has its share of the rows, rounded down")
def test_split_sizes(student, draw):
    cases = [(7, 0.4), (8, 0.25), *((draw.integer(2, 40) * 10 + 9, tenths / 10) for tenths in (3, 6, 7, 4, 2))]
    for n, fraction, train, test, on in _ask_for_splits(student, draw, sorted(cases)):
        n_train = n * round(100 * fraction) // 100  # in whole numbers, so that nothing is rounded
        expect(len(train) == n_train, "the training set should be that share of the rows, rounded down", on)
        expect(len(test) == n - n_train, "all other rows should be in the test set", on)
        expect(len(set(train.tolist())) == n_train, "no row should stand in the training set twice", on)


@checks("split", "both parts are tensors of dtype int64, in rising order", side=True)
def test_split_rising(student, draw):
    for n, fraction in ((draw.integer(50, 70), 0.5), (draw.integer(80, 99), 0.4)):
        seed, on = draw.integer(0, 10_000), f"n = {n}, train_fraction = {fraction}"
        reply = student.make("call_on_views", student.value("split"), n, fraction, seed)
        for part in _two_parts(reply["value"], on, as_they_are=True):
            expect(part.dtype == torch.int64, "row numbers are used as an index: they should be int64", on)
            expect(bool((part.diff() > 0).all()), "each row number should be larger than the one before it", on)


@checks("split", "the same seed always gives the same split", side=True)
def test_split_same_seed(student, draw):
    n, seed = draw.integer(30, 60), draw.integer(0, 10_000)
    on = f"n = {n}, train_fraction = 0.4, seed = {seed}"
    first, _, again = (student.split(n, 0.4, s) for s in (seed, seed + 1, seed))
    pairs = zip(_two_parts(first, on), _two_parts(again, on), strict=True)
    same = all(one.tolist() == other.tolist() for one, other in pairs)
    expect(same, "two calls with the same seed should give the same rows, whatever was drawn in between", on)


@checks("split", "another seed gives another split", weight=3)
def test_split_other_seed(student, draw):
    n, start = draw.integer(40, 50), draw.integer(0, 10_000)
    on = f"n = {n}, train_fraction = 0.5, seeds {start} to {start + 23}"
    trains = {frozenset(_two_parts(student.split(n, 0.5, start + i), on)[0].tolist()) for i in range(24)}
    expect(len(trains) == 24, "different seeds should choose different rows", on)


@checks("split", "every row has its chance, whatever becomes of the others", weight=2)
def test_split_every_row(student, draw):
    n, start = draw.integer(40, 50), draw.integer(0, 10_000)
    on = f"n = {n}, train_fraction = 0.5, seeds {start} to {start + 31}"
    trains = [set(_two_parts(student.split(n, 0.5, start + i), on)[0].tolist()) for i in range(32)]
    chosen = [[row in train for train in trains] for row in range(n)]
    expect(all(map(any, chosen)), "every row should be chosen for training with some of the seeds", on)
    expect(not any(map(all, chosen)), "no row should be chosen for training with every seed", on)
    fates = {tuple(fate) for row in chosen for fate in (row, [not once for once in row])}
    message = "no two rows should be bound together: with some seeds in the same part, with some in different ones"
    expect(len(fates) == 2 * n, message, on)


def _by_randomstate(n, seed):
    return torch.from_numpy(np.random.RandomState(seed).permutation(n))


def _by_default_rng(n, seed):
    return torch.from_numpy(np.random.default_rng(seed).permutation(n))


def _by_torch(n, seed):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def _by_random(n, seed):
    return torch.tensor(random.Random(seed).sample(range(n), n))


def _by_shuffle(n, seed):
    order = list(range(n))
    random.Random(seed).shuffle(order)
    return torch.tensor(order)


def _split_mistake(hint):
    """Register a mistake once for each usual shuffle: a hint is found by comparing numbers, and each gives its own."""

    def register(build):
        for shuffle in (_by_randomstate, _by_default_rng, _by_torch, _by_random, _by_shuffle):

            def answer(n, train_fraction, seed, shuffle=shuffle):
                return build(shuffle, n, train_fraction, seed)

            answer.__name__ = build.__name__ + shuffle.__name__
            mistake("split", hint)(answer)
        return build

    return register


def _cut(order, n_train):
    return order[:n_train].sort().values, order[n_train:].sort().values


@_split_mistake("The rows are chosen well, but left in the order of the shuffle.")
def not_sorted(shuffle, n, train_fraction, seed):
    order, n_train = shuffle(n, seed), int(train_fraction * n)
    return order[:n_train], order[n_train:]


@_split_mistake("The size was rounded to the nearest whole number; it should be rounded down.")
def rounded_to_nearest(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, seed), round(train_fraction * n))


@_split_mistake("The size was rounded up; it should be rounded down.")
def rounded_up(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, seed), math.ceil(train_fraction * n))


_SEED_IGNORED = "The argument seed never reaches the shuffle."


@_split_mistake(_SEED_IGNORED)
def seed_ignored(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, 0), int(train_fraction * n))


@_split_mistake(_SEED_IGNORED)
def seed_always_42(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, 42), int(train_fraction * n))


@_split_mistake("The training rows are in rising order, but the test rows are not.")
def only_training_rows_sorted(shuffle, n, train_fraction, seed):
    order, n_train = shuffle(n, seed), int(train_fraction * n)
    return order[:n_train].sort().values, order[n_train:]


@_split_mistake("Both sizes were rounded down, and so a row is lost: all that is not trained on is tested.")
def both_sizes_rounded_down(shuffle, n, train_fraction, seed):
    order, n_train, n_test = shuffle(n, seed), int(train_fraction * n), int((1 - train_fraction) * n)
    return order[:n_train].sort().values, order[n_train : n_train + n_test].sort().values


@_split_mistake("`int(train_fraction) * n` is 0: round the product down, not the share.")
def share_rounded_first(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, seed), int(train_fraction) * n)


@_split_mistake("The rows are chosen well, but they are lists; the caller wants two tensors.")
def as_lists(shuffle, n, train_fraction, seed):
    return [part.tolist() for part in _cut(shuffle(n, seed), int(train_fraction * n))]


@_split_mistake("The rows are chosen well, but they are numpy arrays; the caller wants tensors.")
def as_arrays(shuffle, n, train_fraction, seed):
    return [part.numpy() for part in _cut(shuffle(n, seed), int(train_fraction * n))]


# With Python's two ways to shuffle these two cut the same rows off.
EACH_OTHERS_SHARE = "The training set got the other part: it has the share that was asked for, and its rows come first."


@_split_mistake(EACH_OTHERS_SHARE)
def share_of_the_test_set(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, seed), n - int(train_fraction * n))


@_split_mistake(EACH_OTHERS_SHARE)
def parts_exchanged(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, seed), int(train_fraction * n))[::-1]


@_split_mistake("Two different shuffles were cut: the test rows have to come from the same one as the training rows.")
def shuffled_twice(shuffle, n, train_fraction, seed):
    n_train = int(train_fraction * n)
    return _cut(shuffle(n, seed), n_train)[0], _cut(shuffle(n, seed + 1), n_train)[1]


@_split_mistake("`sort` of a tensor gives the values and their places: take its `.values`.")
def with_their_places(shuffle, n, train_fraction, seed):
    order, n_train = shuffle(n, seed), int(train_fraction * n)
    return tuple(order[:n_train].sort()), tuple(order[n_train:].sort())


@_split_mistake("One row is lost at the cut: the second part starts where the first one ends.")
def off_by_one(shuffle, n, train_fraction, seed):
    order, n_train = shuffle(n, seed), int(train_fraction * n)
    return order[:n_train].sort().values, order[n_train + 1 :].sort().values


@_split_mistake("These are masks, true or false for every row; what is wanted are the row numbers.")
def as_masks(shuffle, n, train_fraction, seed):
    mask = torch.zeros(n, dtype=torch.bool)
    mask[shuffle(n, seed)[: int(train_fraction * n)]] = True
    return mask, ~mask


@_split_mistake("Only the training rows come back; the test rows are missing.")
def without_test_rows(shuffle, n, train_fraction, seed):
    return _cut(shuffle(n, seed), int(train_fraction * n))[0]


@mistake(
    "split",
    "The training set is just the first rows: cut without a shuffle, or sorted before the cut instead of after it.",
)
def first_rows(n, train_fraction, seed):
    return _cut(torch.arange(n), int(train_fraction * n))


_COIN = "A coin was tossed for each row, so that the number of training rows is itself left to chance."


@mistake("split", _COIN)
def coin_by_numpy(n, train_fraction, seed):
    mask = torch.from_numpy(np.random.RandomState(seed).rand(n) < train_fraction)
    return mask.nonzero().flatten(), (~mask).nonzero().flatten()


@mistake("split", _COIN)
def coin_by_torch(n, train_fraction, seed):
    mask = torch.rand(n, generator=torch.Generator().manual_seed(seed)) < train_fraction
    return mask.nonzero().flatten(), (~mask).nonzero().flatten()


_REPLACED = "The rows were drawn one by one and put back each time, so that some come twice."


@mistake("split", _REPLACED)
def drawn_with_replacement_by_numpy(n, train_fraction, seed):
    train = np.sort(np.random.RandomState(seed).randint(0, n, int(train_fraction * n)))
    return torch.from_numpy(train), torch.from_numpy(np.setdiff1d(np.arange(n), train))


@mistake("split", _REPLACED)
def drawn_with_replacement_by_torch(n, train_fraction, seed):
    generator = torch.Generator().manual_seed(seed)
    train = torch.randint(n, (int(train_fraction * n),), generator=generator).sort().values
    return train, torch.from_numpy(np.setdiff1d(np.arange(n), train.numpy()))


# --- train_mask -------------------------------------------------------------------------------------------------------


def _ask_for_masks(student, draw, make_index):
    """Pairs of questions and answers, from the smallest modulus to the largest."""
    asked = [(make_index(p), p) for p in (2, 3, draw.integer(5, 12), draw.integer(40, 60))]
    answers = [student.train_mask(index, p) for index, p in asked]
    for (index, p), mask in zip(asked, answers, strict=True):
        yield p, index, mask, f"p = {p}, train_index {index.tolist() if len(index) < 6 else f'of {len(index)} rows'}"


@checks("train_mask", "a square tensor of true and false (dtype bool)", side=True)
def test_train_mask_shape(student, draw):
    def index(p):  # the first and the last row, and others between them
        between = 1 + draw.order(p * p - 2)[: p * p // 2 - 1]
        return torch.cat([torch.tensor([0, p * p - 1]), between]).sort().values

    for p, _, mask, on in _ask_for_masks(student, draw, index):
        expect_tensor(mask, (p, p), torch.bool, on)
    reply = student.make("call_on_views", student.value("train_mask"), torch.tensor([0, 3]), 2)
    expect_tensor(reply["value"], (2, 2), torch.bool, "p = 2")


@checks("train_mask", "a single training pair is marked in the row of its a and the column of its b")
def test_train_mask_single(student, draw):
    def index(p):
        a = draw.integer(0, p - 2)
        return torch.tensor([a * p + draw.integer(a + 1, p - 1)])  # above the diagonal

    for p, rows, mask, on in _ask_for_masks(student, draw, index):
        marked = expect_tensor(_numbers(mask), (p, p), on=on).nonzero().tolist()
        expect(len(marked) == 1, "just one entry should be true", on)
        a, b = marked[0]
        expect(a * p + b == rows.item(), "the entry [a, b] should be that of the question in this row", on)


@checks("train_mask", "all training pairs are marked, in whatever order they come, and no other")
def test_train_mask_all(student, draw):
    def index(p):
        return draw.order(p * p)[: draw.integer(2, p * p - 1)]

    for p, rows, mask, on in _ask_for_masks(student, draw, index):
        mask = expect_tensor(_numbers(mask), (p, p), on=on).tolist()
        marked = {a * p + b for a in range(p) for b in range(p) if mask[a][b]}
        expect(marked >= set(rows.tolist()), "every training pair should be marked", on)
        expect(marked <= set(rows.tolist()), "no test pair should be marked", on)


@mistake("train_mask", "Rows and columns are exchanged: a belongs to the first axis.")
def mask_transposed(train_index, p):
    return torch.isin(torch.arange(p * p), train_index).view(p, p).T


@mistake("train_mask", "It is the other way round: here the test pairs are marked.")
def mask_of_the_test_set(train_index, p):
    return ~torch.isin(torch.arange(p * p), train_index).view(p, p)


@mistake("train_mask", "The entries are right, but they are numbers; a mask says true or false.")
def mask_of_ints(train_index, p):
    return torch.isin(torch.arange(p * p), train_index).view(p, p).long()


@mistake("train_mask", "The entries are right, but they are numbers (floats); a mask says true or false.")
def mask_of_floats(train_index, p):
    return torch.isin(torch.arange(p * p), train_index).view(p, p).float()


@mistake("train_mask", "This is one long row of p² entries, and not yet a table.")
def mask_flat(train_index, p):
    return torch.isin(torch.arange(p * p), train_index)


@mistake("train_mask", "The first entries are marked, as many as there are training pairs; but which ones?")
def mask_of_the_first_rows(train_index, p):
    return (torch.arange(p * p) < len(train_index)).view(p, p)


@mistake("train_mask", "Indexing with a and b one after the other marks whole rows of the table, not single entries.")
def mask_of_whole_rows(train_index, p):
    mask = torch.zeros(p, p, dtype=torch.bool)
    mask[train_index // p] = True
    return mask


@mistake("train_mask", "A row of the table has p entries, not 113: the modulus is an argument.")
def mask_for_113(train_index, p):
    mask = torch.zeros(113 * 113, dtype=torch.bool)
    mask[train_index] = True
    return mask.view(113, 113)


@mistake("train_mask", "Rows are counted from 0, not from 1.")
def mask_off_by_one(train_index, p):
    return torch.isin(torch.arange(p * p), train_index - 1).view(p, p)


@mistake("train_mask", "Rows and columns are counted from 0: everything stands one place too far on.")
def mask_one_too_far(train_index, p):
    return torch.isin(torch.arange(p * p), train_index + 1).view(p, p)


@mistake(
    "train_mask", "`mask[rows][columns] = True` writes into a copy: give both in one pair of brackets, with a comma."
)
def mask_of_nothing(train_index, p):
    return torch.zeros(p, p, dtype=torch.bool)


@mistake("train_mask", "The entries are right, but they are a numpy array; the caller wants a tensor.")
def mask_as_an_array(train_index, p):
    return torch.isin(torch.arange(p * p), train_index).view(p, p).numpy()


@mistake("train_mask", "The entries are right, but they are a list of lists; the caller wants one tensor.")
def mask_as_a_list(train_index, p):
    return torch.isin(torch.arange(p * p), train_index).view(p, p).tolist()


@mistake("train_mask", "A question and its twin are two questions: only that which is trained on is marked.")
def mask_with_twins(train_index, p):
    mask = torch.isin(torch.arange(p * p), train_index).view(p, p)
    return mask | mask.T


@mistake("train_mask", "A row of the table has p entries: the token `=` has no column.")
def mask_with_equals(train_index, p):
    mask = torch.zeros(p + 1, p + 1, dtype=torch.bool)
    mask[train_index // p, train_index % p] = True
    return mask


@mistake(
    "train_mask", "A mask of tokens has p² rows of three entries; what is asked is one entry a question, as a square."
)
def mask_of_tokens(train_index, p):
    return torch.isin(torch.arange(p * p), train_index)[:, None].expand(-1, 3)


@mistake("train_mask", "Indexing with b alone marks whole columns of the table, not single entries.")
def mask_of_whole_columns(train_index, p):
    mask = torch.zeros(p, p, dtype=torch.bool)
    mask[:, train_index % p] = True
    return mask


# --- twin_share -------------------------------------------------------------------------------------------------------


@checks("twin_share", "the share of the test questions whose twin is trained on")
def test_twin_share(student, draw):
    got = expect_prediction(student, "twin_share")
    expect(0 <= got <= 1, "a share should lie between 0 and 1")
    has_a_twin, twin_is_trained_on = 112 / 113, 3830 / 12768
    expect(abs(got - has_a_twin * twin_is_trained_on) < 0.02, "should be right to within 0.02")


_SHARES = {
    0.09: "This is how likely a question and its twin are both trained on; but of ours we know that it is not.",
    0.21: "This is a share of all questions; what is asked is a share of the test questions.",
    0.42: "This counts both twins, as a share of all questions; take one test question at a time.",
    0.15: "Nothing is halved here: a question and its twin are two questions, each drawn by itself.",
    0.5: "The twin is not as likely to be in the one set as in the other: compare their sizes.",
    1.0: "Nearly every question has a twin; how likely is the twin to have been drawn for the training set?",
    0.6: "Only one twin can help a test question, namely its own.",
    0.7: "This is how likely the twin is to be a test question as well.",
    30.0: "This is in per cent; what is asked is a share between 0 and 1.",
}
for _share, _hint in _SHARES.items():
    wrong_number("twin_share", _hint, _share)
_EITHER = "This is how likely one of two questions is to be trained on; but of one of these we know that it is not."
wrong_values("twin_share", _EITHER, 0.51, 1 - 0.7**2)


# --- chance_loss ------------------------------------------------------------------------------------------------------


def _chance_losses(student, moduli):
    answers = [student.chance_loss(p) for p in moduli]
    return [(p, expect_number(answer, f"p = {p}")) for p, answer in zip(moduli, answers, strict=True)]


@checks("chance_loss", "where there is only one answer, guessing costs nothing; the more there are, the more it costs")
def test_chance_loss_rises(student, draw):
    losses = _chance_losses(student, (1, 2, 3, draw.integer(4, 50), draw.integer(51, 200)))
    expect(abs(losses[0][1]) < 1e-5, "with one possible answer the loss should be zero", "p = 1")
    for (p, before), (q, after) in itertools.pairwise(losses):
        expect(after > before, "more answers should make guessing cost more", f"p = {p} and p = {q}")


@checks("chance_loss", "the loss of a probability that is the same for every answer")
def test_chance_loss_uniform(student, draw):
    for p, got in _chance_losses(student, (2, 3, draw.integer(4, 50), draw.integer(51, 200))):
        expected = torch.nn.functional.cross_entropy(torch.zeros(1, p, dtype=torch.float64), torch.tensor([p - 1]))
        message = "should be the cross-entropy, in nats, of giving all p answers the same probability"
        expect_close(got, expected, message, f"p = {p}", rtol=1e-5, atol=0)


@checks("chance_loss", "guessing two things at once costs what guessing each of them costs")
def test_chance_loss_adds_up(student, draw):
    p, q = draw.integer(2, 20), draw.integer(21, 60)
    (_, one), (_, other), (_, both) = _chance_losses(student, (p, q, p * q))
    message = "one guess among p · q answers should cost as much as one among p and one among q"
    expect_close(both, one + other, message, f"p = {p} and {q}", rtol=1e-5, atol=0)
    expect(both > 1, "and it should cost more than one nat", f"p · q = {p * q}")


@mistake("chance_loss", "This is in bits: our loss is in nats, with the natural logarithm.")
def loss_in_bits(p):
    return math.log2(p)


@mistake("chance_loss", "This takes the logarithm to base 10: our loss is in nats, with the natural one.")
def loss_with_base_ten(p):
    return math.log10(p)


@mistake("chance_loss", "The token `=` is never an answer; we guess among the p numbers.")
def loss_over_the_vocabulary(p):
    return math.log(p + 1)


@mistake("chance_loss", "This is the probability of the right answer, not yet its loss.")
def probability(p):
    return 1 / p


@mistake("chance_loss", "This is how often a guess is wrong, not the cross-entropy.")
def error_rate(p):
    return 1 - 1 / p


@mistake("chance_loss", "A loss is never negative: the logarithm of a probability needs its minus sign.")
def without_the_minus(p):
    return math.log(1 / p)


@mistake("chance_loss", "This is right for one modulus only; p is an argument.")
def loss_for_113(p):
    return math.log(113)


@mistake("chance_loss", "There are p² questions, but p answers to guess among.")
def loss_over_all_questions(p):
    return math.log(p**2)


@mistake("chance_loss", "The right answer, too, is one of those that are guessed among: there are p of them.")
def loss_over_the_others(p):
    return math.log(p - 1)


@mistake("chance_loss", "This is how many answers there are; how much a guess costs is a logarithm.")
def number_of_answers(p):
    return p


@mistake("chance_loss", "This is the inverse of a probability's square root; the loss is a logarithm.")
def root_of_the_answers(p):
    return math.sqrt(p)


@mistake("chance_loss", "This is in bits, and its sign is wrong: the loss is minus a natural logarithm.")
def bits_without_the_minus(p):
    return math.log2(1 / p)


@mistake("chance_loss", "Here the loss of each of the p answers is added up; a question has only one right answer.")
def added_up_over_answers(p):
    return p * math.log(p)


@mistake("chance_loss", "The loss looks only at the right answer; here it is averaged over all p answers once more.")
def averaged_over_answers(p):
    return math.log(p) / p


# --- sure_and_wrong ---------------------------------------------------------------------------------------------------


@checks("sure_and_wrong", "the loss of somebody who is sure of a wrong answer")
def test_sure_and_wrong(student, draw):
    got = expect_prediction(student, "sure_and_wrong")
    expect(got > 0, "a loss should be positive")
    for_the_right_answer = 0.1 / 112
    expect(abs(got + math.log(for_the_right_answer)) < 0.06, "should be right to within 0.05")


_LOSSES = {
    -math.log(0.9): "This would be the loss if the favoured answer were the right one; but it is wrong.",
    -math.log(0.1): "The right answer does not get the whole remaining tenth: others share in it.",
    math.log(113): "This is what guessing costs; but a guesser would not have given nine tenths away.",
    math.log(0.1 / 112): "The logarithm of a small number is negative; the loss has a minus in front of it.",
    -math.log2(0.1 / 112): "This is in bits; our loss uses the natural logarithm.",
    -math.log10(0.1 / 112): "This uses the logarithm to base 10; our loss uses the natural one.",
    0.1 / 112: "This is the probability of the right answer; its loss is still to be taken.",
}
for _loss, _hint in _LOSSES.items():
    wrong_number("sure_and_wrong", _hint, _loss)
