"""Hidden tests of chapter 08, other tasks. The oracles are powers, and group laws, tried one by one."""

import itertools
import math

import torch

from .... import groups
from ..questions import expect_choice, wrong_values
from ..side_conditions import TYPES, UNCHANGED, expect_dtypes, expect_unchanged, expect_values
from ..testing import checks, expect, expect_close, expect_tensor, mistake
from . import answers

# --- random_answers_unseen --------------------------------------------------------------------------------------------


@checks("random_answers_unseen", "how many unseen questions are answered")
def test_random_answers_unseen(student, draw):
    got = expect_choice(student, "random_answers_unseen", "abcd")
    expect(got == answers.random_answers_unseen(), "the recorded runs with random answers end otherwise")


wrong_values(
    "random_answers_unseen", "To be right less often than a blind guess, it would have to know the answers.", "a", "A"
)
wrong_values("random_answers_unseen", "Each answer was drawn for itself: one does not stand for another.", "c", "C")
wrong_values("random_answers_unseen", "There is no rule behind random answers, however long one trains.", "d", "D")
wrong_values("random_answers_unseen", "Give the letter of your answer, not the share.", 0, 0.3, 1 / 113, "1/113")


# --- discrete_logarithm -----------------------------------------------------------------------------------------------


def _root(p):
    """The least number whose powers are all but 0."""
    return next(g for g in range(1, p) if len({pow(g, i, p) for i in range(p - 1)}) == p - 1)


def _primes(draw):
    return 3, 5, 7, draw.prime(11, 23), draw.prime(29, 61)


@checks("discrete_logarithm", "p entries, whole numbers, and −1 at 0, which is no power")
def test_discrete_logarithm_shape(student, draw):
    for p, got in [(p, student.discrete_logarithm(p)) for p in (2, *_primes(draw))]:
        on = f"p = {p}"
        got = expect_tensor(got, (p,), torch.int64, on)
        expect(int(got[0]) == -1, "entry 0 should be −1", on)


@checks("discrete_logarithm", "the root to the power of each exponent is the number again", weight=2)
def test_discrete_logarithm_powers(student, draw):
    for p, got in [(p, student.discrete_logarithm(p)) for p in _primes(draw)]:
        on, root = f"p = {p}, primitive root {_root(p)}", _root(p)
        exponents = expect_values(got, (p,), on).tolist()
        whole = all(exponent == round(exponent) >= 0 for exponent in exponents[1:])
        expect(whole, "the exponents of 1 … p − 1 should be whole numbers from 0 on", on)
        back = [pow(root, round(exponent), p) for exponent in exponents[1:]]
        expect(back == list(range(1, p)), "the root to the power of entry a should be a, modulo p", on)


@checks("discrete_logarithm", "the logarithm of a product is the sum of the logarithms, modulo p − 1")
def test_discrete_logarithm_products(student, draw):
    for p, got in [(p, student.discrete_logarithm(p)) for p in _primes(draw)]:
        on, log = f"p = {p}", expect_values(got, (p,), f"p = {p}").tolist()
        expect(len(set(log[1:])) == p - 1, "different numbers should have different exponents", on)
        for a, b in itertools.product(range(1, p), repeat=2):
            message = "the entry of a · b should be that of a plus that of b, modulo p − 1"
            expect((log[a] + log[b] - log[a * b % p]) % (p - 1) == 0, message, on)


@checks("discrete_logarithm", "each exponent from 0 to p − 2 occurs once, and the root that of the least root is 1")
def test_discrete_logarithm_once(student, draw):
    for p, got in [(p, student.discrete_logarithm(p)) for p in _primes(draw)]:
        on, log = f"p = {p}", expect_values(got, (p,), f"p = {p}").tolist()
        expect(sorted(log[1:]) == list(range(p - 1)), "each of 0 … p − 2 should occur once", on)
        expect(log[1] == 0, "the exponent of 1 should be 0", on)
        expect(log[_root(p)] == 1, "the exponent of the least primitive root should be 1", on)


def _logarithm(p, root=None, *, first=0, at_zero=-1, dtype=torch.int64):
    root = _root(p) if root is None else root
    out = torch.full((p,), at_zero, dtype=dtype)
    for exponent in range(p - 1):
        out[pow(root, exponent, p)] = exponent + first
    return out


@mistake("discrete_logarithm", "These are the powers of the root: what is asked for leads back from a power.")
def powers_for_exponents(p):
    return torch.tensor([-1] + [pow(_root(p), exponent, p) for exponent in range(p - 1)])


@mistake("discrete_logarithm", "0 is no power of anything: its entry should be −1, which is no exponent.")
def zero_at_zero(p):
    return _logarithm(p, at_zero=0)


@mistake("discrete_logarithm", "The exponents begin with 0: g⁰ is 1.")
def counted_from_one(p):
    return _logarithm(p, first=1)


@mistake("discrete_logarithm", "The exponents begin with 0: g⁰ is 1.")
def one_has_the_last(p):
    log = _logarithm(p)
    log[1] = p - 1
    return log


@mistake("discrete_logarithm", "2 is not always a primitive root: modulo 7 its powers are 1, 2 and 4 alone.")
def always_two(p):
    return _logarithm(p, 2 % p or 1)


@mistake("discrete_logarithm", "This is a primitive root, but not the least.")
def the_largest_root(p):
    roots = [g for g in range(1, p) if len({pow(g, i, p) for i in range(p - 1)}) == p - 1]
    return _logarithm(p, roots[-1])


@mistake("discrete_logarithm", "This is the logarithm of real numbers: modulo p, powers are no longer in order.")
def the_real_logarithm(p):
    return torch.tensor([-1.0] + [math.log(a) / math.log(max(_root(p), 2)) for a in range(1, p)])


@mistake("discrete_logarithm", "This is the logarithm of real numbers: modulo p, powers are no longer in order.")
def the_real_logarithm_rounded(p):
    return torch.tensor([-1] + [round(math.log(a) / math.log(max(_root(p), 2))) for a in range(1, p)])


@mistake("discrete_logarithm", "Exponents are whole numbers: an int64 tensor is asked for, so that it can be an index.")
def in_floats(p):
    return _logarithm(p).float()


@mistake("discrete_logarithm", "There are p numbers: the entry of 0 is missing.")
def without_zero(p):
    return _logarithm(p)[1:]


@mistake("discrete_logarithm", "Modulo p a power is a number below p: take the remainder before it is an index.")
def without_remainder(p):
    out = torch.full((p,), -1)
    for exponent in range(p - 1):
        out[_root(p) ** exponent] = exponent
    return out


# --- groups for the other two -----------------------------------------------------------------------------------------


def _of(elements, product):
    """The table of some elements, which are numbered in their order."""
    number = {element: place for place, element in enumerate(elements)}
    return torch.tensor([[number[product(a, b)] for b in elements] for a in elements])


def _permutations(n):
    return list(itertools.permutations(range(n)))


def _composed(a, b):
    return tuple(a[i] for i in b)


def _sign(permutation):
    swaps = sum(permutation[i] > permutation[j] for i, j in itertools.combinations(range(len(permutation)), 2))
    return -1.0 if swaps % 2 else 1.0


def _stays(permutation):
    return float(sum(i == x for i, x in enumerate(permutation)))


def _renumbered(draw, table, *values):
    """The same group with its elements in another order, the one that changes nothing not in front."""
    while True:
        order = draw.order(len(table))
        if int(order[0]) != 0 or len(table) == 1:
            break
    place = order.argsort()
    return place[table[order][:, order]], *(value[order] for value in values)


def _tables(draw):
    """Groups by name, small ones first."""
    n = draw.integer(5, 9)
    yield "the numbers modulo 3", _of(range(3), lambda a, b: (a + b) % 3)
    yield f"the numbers modulo {n}, in another order", _renumbered(draw, _of(range(n), lambda a, b: (a + b) % n))[0]
    yield "the permutations of 3 things", _of(_permutations(3), _composed)
    yield "the permutations of 3 things, in another order", _renumbered(draw, _of(_permutations(3), _composed))[0]
    yield "the numbers 1 … 6 with multiplication modulo 7", _of(range(1, 7), lambda a, b: a * b % 7)
    yield "the permutations of 4 things, in another order", _renumbered(draw, _of(_permutations(4), _composed))[0]


# --- inverses ---------------------------------------------------------------------------------------------------------


def _compare_inverses(cases):
    for name, table, got in cases:
        rows = table.tolist()
        got = expect_values(got, (len(rows),), name).tolist()
        within = all(b == round(b) and 0 <= b < len(rows) for b in got)
        expect(within, "each entry should be the number of an element", name)
        neutral = next(e for e in range(len(rows)) if rows[e] == list(range(len(rows))))
        for a, b in enumerate(got):
            products = (rows[a][round(b)], rows[round(b)][a])
            message = "an element times its entry, and the entry times it, should be the one that changes nothing"
            expect(products == (neutral, neutral), message, name)


@checks("inverses", "numbers with addition: the element that changes nothing is 0, or any other")
def test_inverses_of_numbers(student, draw):
    _compare_inverses([(name, table, student.inverses(table)) for name, table in list(_tables(draw))[:2]])


@checks("inverses", "permutations, where the order of two elements matters", weight=2)
def test_inverses_of_permutations(student, draw):
    tables = [(name, table) for name, table in _tables(draw) if "permutations" in name]
    _compare_inverses([(name, table, student.inverses(table)) for name, table in tables])


@checks("inverses", "numbers with multiplication")
def test_inverses_of_products(student, draw):
    tables = [(name, table) for name, table in _tables(draw) if "multiplication" in name]
    n = draw.integer(3, 6)
    one = torch.zeros(1, 1, dtype=torch.int64)
    four = _of(list(itertools.product(range(2), range(n))), lambda a, b: ((a[0] + b[0]) % 2, (a[1] + b[1]) % n))
    tables += [("a group of one element", one), (f"pairs of a number modulo 2 and one modulo {n}", four)]
    _compare_inverses([(name, table, student.inverses(table)) for name, table in tables])


@checks("inverses", "one whole number an element, in an int64 tensor", side=True)
def test_inverses_dtype(student, draw):
    for name, table, got in [(name, table, student.inverses(table)) for name, table in _tables(draw)]:
        expect_tensor(got, (len(table),), torch.int64, name)


@checks("inverses", UNCHANGED, side=True)
def test_inverses_unchanged(student, draw):
    expect_unchanged(student, "inverses", [(table,) for _, table in _tables(draw)], "the table")


def _neutral(table):
    return (table == torch.arange(len(table))).all(dim=1).int().argmax()


@mistake("inverses", "The element that changes nothing need not be number 0: look for it.")
def neutral_is_zero(table):
    return (table == 0).int().argmax(dim=1)


@mistake("inverses", "n − a is the inverse where the task is addition modulo n: in general the table has to tell.")
def minus_modulo(table):
    return -torch.arange(len(table)) % len(table)


@mistake("inverses", "Here every element is its own inverse.")
def itself(table):
    return torch.arange(len(table))


@mistake("inverses", "Here every element has the one that changes nothing as its inverse: look for where it stands.")
def the_neutral_for_all(table):
    return _neutral(table).expand(len(table)).clone()


@mistake("inverses", "`argmin` finds the first place where the element does *not* stand.")
def where_it_is_not(table):
    return (table == _neutral(table)).int().argmin(dim=1)


@mistake("inverses", "This looks for the largest number of each row, not for the element that changes nothing.")
def the_largest_of_each_row(table):
    return table.argmax(dim=1)


@mistake("inverses", "These are pairs of places: of each only the column is asked for.")
def pairs_of_places(table):
    return (table == _neutral(table)).nonzero()


@mistake("inverses", "These are the places as a mask: what is asked for is one number an element.")
def a_mask(table):
    return table == _neutral(table)


@mistake("inverses", "The diagonal has the squares of the elements, not their inverses.")
def squares(table):
    return table.diagonal().clone()


# --- task_of_table ----------------------------------------------------------------------------------------------------


def _compare_tasks(cases):
    for name, table, got in cases:
        rows, n = table.tolist(), len(table)
        expect(isinstance(got, list) and len(got) == 2, "the questions and the answers should be returned", name)
        asked = expect_values(got[0], (n * n, 3), f"{name}; the questions").tolist()
        told = expect_values(got[1], (n * n,), f"{name}; the answers").tolist()
        places = itertools.product(range(n), range(n))
        for (a, b), question, answer in zip(places, asked, told, strict=True):
            expect(question[2] == n, "the third token should be n, the sign =", name)
            expect(question[:2] == [a, b], "the questions should be in the order of the table, b fastest", name)
            expect(answer == rows[a][b], "the answer should be the table's entry at row a, column b", name)


@checks("task_of_table", "numbers with addition")
def test_task_of_table_numbers(student, draw):
    _compare_tasks([(name, table, student.task_of_table(table)) for name, table in list(_tables(draw))[:2]])


@checks("task_of_table", "permutations, where the order of a and b matters", weight=2)
def test_task_of_table_permutations(student, draw):
    tables = [(name, table) for name, table in _tables(draw) if "permutations" in name]
    _compare_tasks([(name, table, student.task_of_table(table)) for name, table in tables])


@checks("task_of_table", "pairs of a symmetry of a polygon and a number")
def test_task_of_table_pairs(student, draw):
    n, m = draw.integer(3, 4), draw.integer(2, 3)
    elements = list(itertools.product(range(2), range(n), range(m)))

    def product(one, other):
        turn = (one[1] + (-other[1] if one[0] else other[1])) % n
        return ((one[0] + other[0]) % 2, turn, (one[2] + other[2]) % m)

    table = _of(elements, product)
    _compare_tasks([(f"the symmetries of a {n}-gon, and numbers modulo {m}", table, student.task_of_table(table))])


@checks("task_of_table", "whole numbers, in int64 tensors", side=True)
def test_task_of_table_dtype(student, draw):
    for name, table, got in [(name, table, student.task_of_table(table)) for name, table in list(_tables(draw))[:3]]:
        expect(isinstance(got, list) and len(got) == 2, "the questions and the answers should be returned", name)
        expect_tensor(got[0], (len(table) ** 2, 3), torch.int64, f"{name}; the questions")
        expect_tensor(got[1], (len(table) ** 2,), torch.int64, f"{name}; the answers")


@checks("task_of_table", UNCHANGED, side=True)
def test_task_of_table_unchanged(student, draw):
    expect_unchanged(student, "task_of_table", [(table,) for _, table in _tables(draw)], "the table")


def _task(table, *, pairs=None, equals=None, labels=None):
    """The task with a piece exchanged."""
    n = len(table)
    numbers = torch.arange(n)
    pairs = torch.cartesian_prod(numbers, numbers) if pairs is None else pairs
    sign = torch.full((len(pairs), 1), n if equals is None else equals)
    return torch.cat([pairs, sign], dim=1), (table.flatten() if labels is None else labels).clone()


@mistake("task_of_table", "The answer is at row a, column b: these are the answers to b and a.")
def answers_turned_round(table):
    return _task(table, labels=table.T.flatten())


@mistake("task_of_table", "In the order of the table b runs fastest: here a does, and the answers belong to others.")
def a_runs_fastest(table):
    numbers = torch.arange(len(table))
    return _task(table, pairs=torch.cartesian_prod(numbers, numbers).flip(1))


@mistake("task_of_table", "The elements are numbered from 0: n − 1 is one of them, and cannot be the sign = as well.")
def sign_is_an_element(table):
    return _task(table, equals=len(table) - 1)


@mistake("task_of_table", "The elements are numbered from 0 to n − 1, so that the first free number is n.")
def sign_leaves_a_gap(table):
    return _task(table, equals=len(table) + 1)


@mistake("task_of_table", "A question is three tokens: the sign = is missing.")
def without_sign(table):
    questions, labels = _task(table)
    return questions[:, :2], labels


@mistake("task_of_table", "The answers are n² in a row, as the questions are, not the table as it is.")
def answers_as_a_table(table):
    return _task(table)[0], table.clone()


@mistake("task_of_table", "This asks each unordered pair once: a and b, and b and a, are two questions.")
def each_pair_once(table):
    pairs = torch.combinations(torch.arange(len(table)), with_replacement=True)
    return _task(table, pairs=pairs, labels=table[pairs[:, 0], pairs[:, 1]])


@mistake("task_of_table", "The answer is whatever the table says: a + b is that of one group alone.")
def always_addition(table):
    n = len(table)
    numbers = torch.arange(n)
    return _task(table, labels=((numbers[:, None] + numbers) % n).flatten())


@mistake("task_of_table", "Tokens and answers are whole numbers: int64 tensors are asked for, that can be indices.")
def task_in_floats(table):
    questions, labels = _task(table)
    return questions.float(), labels.float()


# --- keep_representation ----------------------------------------------------------------------------------------------


def _cases(draw, *shape):
    """Functions on groups, the groups' tables, and one of their characters."""
    five, three, four = list(range(4)), _permutations(3), _permutations(4)
    modulo = _of(five, lambda a, b: (a + b) % 4)
    of_three, of_four = _of(three, _composed), _of(four, _composed)
    signs = torch.tensor([_sign(one) for one in three])
    standard = torch.tensor([_stays(one) - 1 for one in three])
    larger = torch.tensor([_stays(one) - 1 for one in four])
    turned = larger * torch.tensor([_sign(one) for one in four])
    for name, table, character in (
        ("the numbers modulo 4, χ = 1, −1, 1, −1", modulo, torch.tensor([1.0, -1.0, 1.0, -1.0])),
        ("the numbers modulo 4, χ = 1", modulo, torch.ones(4)),
        ("the permutations of 3 things, χ = the sign", of_three, signs),
        ("the permutations of 3 things, χ = how many stay, less one", of_three, standard),
        ("the same in another order", *_renumbered(draw, of_three, standard)),
        (
            "the permutations of 4 things, χ = how many stay, less one",
            *_renumbered(draw, of_four, larger),
        ),
        ("the same, times the sign", *_renumbered(draw, of_four, turned)),
    ):
        yield name, draw.normal(len(table), *shape) + 0.5, table, character


def _expected(function, table, character):
    """The sum of the formula, term by term."""
    function, rows, n = function.double(), table.tolist(), len(table)
    neutral = next(e for e in range(n) if rows[e] == list(range(n)))
    back = [row.index(neutral) for row in rows]
    terms = [[float(character[rows[g][back[h]]]) * function[h] for h in range(n)] for g in range(n)]
    return torch.stack([sum(row) for row in terms]) * float(character[neutral]) / n


def _compare_kept(student, draw, *shape):
    asked = [(name, case, student.keep_representation(*case)) for name, *case in _cases(draw, *shape)]
    for name, case, got in asked:
        on = f"{name}; a function of shape {tuple(case[0].shape)}"
        message = "should be the part of the function in this representation"
        expect_close(expect_values(got, case[0].shape, on), _expected(*case), message, on, atol=1e-4)


@checks("keep_representation", "of a constant and an alternating function modulo 4, the one that is asked for")
def test_keep_representation_small(student, draw):
    numbers = torch.arange(4)
    table, alternating = (numbers[:, None] + numbers) % 4, torch.tensor([1.0, -1.0, 1.0, -1.0])
    height = draw.number(1, 3)
    function = height * alternating + 2.0
    for name, expected, got in [
        (name, expected, student.keep_representation(function, table, character))
        for name, character, expected in (
            ("χ = 1", torch.ones(4), torch.full((4,), 2.0)),
            ("χ = 1, −1, 1, −1", alternating, height * alternating),
        )
    ]:
        on = f"2 plus a function that alternates, modulo 4, {name}"
        expect_close(expect_values(got, (4,), on), expected, "should be that part alone", on, atol=1e-4)


@checks("keep_representation", "one column, for several groups and characters", weight=2)
def test_keep_representation_one(student, draw):
    _compare_kept(student, draw)


@checks("keep_representation", "matrices, and tables with more dimensions")
def test_keep_representation_shapes(student, draw):
    _compare_kept(student, draw, draw.integer(2, 4))
    _compare_kept(student, draw, 2, 3)


@checks("keep_representation", "the parts of all representations add up, and a part has no further parts")
def test_keep_representation_parts(student, draw):
    permutations = _permutations(3)
    characters = [
        torch.ones(6),
        torch.tensor([_sign(one) for one in permutations]),
        torch.tensor([_stays(one) - 1 for one in permutations]),
    ]
    table, *characters = _renumbered(draw, _of(permutations, _composed), *characters)
    function = draw.normal(6, 2)
    parts = [student.keep_representation(function, table, character) for character in characters]
    on = "the permutations of 3 things"
    parts = [expect_values(part, (6, 2), on) for part in parts]
    expect_close(sum(parts), function, "the three parts should add up to the function", on, atol=1e-4)
    again = student.keep_representation(parts[2].float(), table, characters[2])
    expect_close(
        expect_values(again, (6, 2), on), parts[2], "taken again, the part should stay as it is", on, atol=1e-4
    )


@checks("keep_representation", TYPES, side=True)
def test_keep_representation_dtype(student, draw):
    cases = [(function.double(), table, character.double()) for _, function, table, character in _cases(draw, 2)]
    expect_dtypes(student, "keep_representation", cases[3:5], _expected)


@checks("keep_representation", UNCHANGED, side=True)
def test_keep_representation_unchanged(student, draw):
    cases = [tuple(case) for _, *case in _cases(draw, 2)]
    expect_unchanged(student, "keep_representation", cases[3:5], "the function")


def _kept(function, table, character, *, factor=None, place=None):
    """The part with a piece of the formula exchanged."""
    inverse = groups.inverses(table)
    degree = character[table[0, inverse[0]]]
    factor = degree / len(table) if factor is None else factor(degree, len(table))
    place = table[:, inverse] if place is None else place(table, inverse)
    return torch.tensordot((factor * character[place]).to(function.dtype), function, dims=1)


@mistake("keep_representation", "The degree is missing: a representation of d × d matrices counts d times.")
def without_degree(function, table, character):
    return _kept(function, table, character, factor=lambda d, n: 1 / n)


@mistake("keep_representation", "The sum over all elements has to be divided by their number.")
def without_number(function, table, character):
    return _kept(function, table, character, factor=lambda d, n: d)


@mistake("keep_representation", "The degree counts once here, not squared.")
def degree_squared(function, table, character):
    return _kept(function, table, character, factor=lambda d, n: d * d / n)


@mistake("keep_representation", "The character is asked at g · h: the inverse of h is missing.")
def without_inverse(function, table, character):
    return _kept(function, table, character, place=lambda table, inverse: table)


@mistake(
    "keep_representation",
    "The degree is the character of the element that changes nothing, not of the first.",
)
def degree_of_the_first(function, table, character):
    return _kept(function, table, character, factor=lambda d, n: character[0] / n)


@mistake(
    "keep_representation",
    "Each value is multiplied with the character at its own place: a sum over all h is asked for.",
)
def value_by_value(function, table, character):
    shaped = character.to(function.dtype).reshape(-1, *[1] * (function.ndim - 1))
    return shaped * function


@mistake("keep_representation", "This is what is left when the part is removed: the part itself is asked for.")
def what_is_left(function, table, character):
    return function - _kept(function, table, character)


@mistake("keep_representation", "This is how much there is of it, one number: the part itself is asked for.")
def energy_alone(function, table, character):
    return _kept(function, table, character).square().sum()


@mistake("keep_representation", "`@` multiplies along the last two dimensions: with more than two use `tensordot`.")
def for_matrices_only(function, table, character):
    inverse = groups.inverses(table)
    degree = character[table[0, inverse[0]]]
    return (degree / len(table) * character[table[:, inverse]]).to(function.dtype) @ function


@mistake("keep_representation", "The function is changed in place: the caller still needs the whole.")
def kept_in_place(function, table, character):
    return function.copy_(_kept(function, table, character))


@mistake("keep_representation", "The result has the dtype of the function: float64 in, float64 out.")
def always_float32(function, table, character):
    return _kept(function, table, character).float()


# --- restricted_loss_per_representation -------------------------------------------------------------------------------


def _loss(logits, answers):
    """The mean cross-entropy, written out."""
    return sum(float(row.logsumexp(0) - row[answer]) for row, answer in zip(logits, answers, strict=True)) / len(
        answers
    )


def _logit_cases(draw):
    """Logits on groups, tables, characters, and the questions that count."""
    three = _permutations(3)
    of_three = _of(three, _composed)
    signs = torch.tensor([_sign(one) for one in three])
    standard = torch.tensor([_stays(one) - 1 for one in three])
    modulo = _of(range(4), lambda a, b: (a + b) % 4)
    alternating = torch.tensor([1.0, -1.0, 1.0, -1.0])
    of_four = _of(_permutations(4), _composed)
    larger = torch.tensor([_stays(one) - 1 for one in _permutations(4)])
    for name, table, *characters in (
        ("the numbers modulo 4", modulo, torch.ones(4), alternating),
        ("the permutations of 3 things", of_three, torch.ones(6), signs, standard),
        ("the same in another order", *_renumbered(draw, of_three, standard, signs)),
        ("the permutations of 4 things", of_four, larger),
    ):
        n = len(table)
        some = draw.order(n * n)[: n * n // 2]
        yield name, 2 * draw.normal(n, n, n) + 0.5, table, torch.stack(characters), some


def _restricted(logits, table, characters, questions):
    """The loss of each part, question by question."""
    n, rows = len(table), table.tolist()
    losses = []
    for character in characters:
        kept, told = [], []
        for question in questions.tolist():
            a, b = divmod(question, n)
            kept.append(_expected(logits[a, b], table, character))
            told.append(rows[a][b])
        losses.append(_loss(kept, told))
    return torch.tensor(losses, dtype=torch.float64)


def _compare_restricted(student, cases):
    asked = [(name, case, student.restricted_loss_per_representation(*case)) for name, *case in cases]
    for name, case, got in asked:
        on = f"{name}; {len(case[2])} characters, {len(case[3])} questions"
        message = "each should be the loss of the logits' part in that representation alone"
        expect_close(expect_values(got, (len(case[2]),), on), _restricted(*case), message, on, atol=1e-3)


@checks("restricted_loss_per_representation", "a constant part answers as a guess does")
def test_restricted_loss_constant(student, draw):
    numbers = torch.arange(4)
    table, logits = (numbers[:, None] + numbers) % 4, draw.normal(4, 4, 4)
    got = student.restricted_loss_per_representation(logits, table, torch.ones(1, 4), torch.arange(16))
    on = "the numbers modulo 4, χ = 1"
    message = "logits that are the same for all answers have the loss of guessing, ln 4"
    expect_close(expect_values(got, (1,), on), torch.tensor([math.log(4)]), message, on, atol=1e-3)


@checks("restricted_loss_per_representation", "numbers, and permutations of three things", weight=2)
def test_restricted_loss_small(student, draw):
    _compare_restricted(student, list(_logit_cases(draw))[:3])


@checks("restricted_loss_per_representation", "permutations of four things, of which some questions count")
def test_restricted_loss_large(student, draw):
    *_, (name, logits, table, characters, some) = _logit_cases(draw)
    _compare_restricted(student, [(name, logits, table, characters, some[:40])])


@checks("restricted_loss_per_representation", TYPES, side=True)
def test_restricted_loss_dtype(student, draw):
    for name, logits, table, characters, some in list(_logit_cases(draw))[:2]:
        double = (logits.double(), table, characters.double(), some)
        for case in ((logits, table, characters, some), double):
            got = student.restricted_loss_per_representation(*case)
            expect_tensor(got, (len(characters),), case[0].dtype, f"{name}; logits of {case[0].dtype}")


@checks("restricted_loss_per_representation", UNCHANGED, side=True)
def test_restricted_loss_unchanged(student, draw):
    cases = [tuple(case) for _, *case in list(_logit_cases(draw))[:2]]
    expect_unchanged(student, "restricted_loss_per_representation", cases, "the logits")


def _losses(logits, table, characters, questions, *, kept=None, loss=None, chosen=None):
    """The losses with a piece of the way exchanged."""
    questions = questions if chosen is None else chosen
    asked, told = logits.flatten(0, 1)[questions], table.flatten()[questions]
    kept = (lambda rows, chi: groups.keep_representation(rows.T, table, chi).T) if kept is None else kept
    loss = torch.nn.functional.cross_entropy if loss is None else loss
    return torch.stack([loss(kept(asked, chi), told) for chi in characters])


@mistake(
    "restricted_loss_per_representation",
    "This is the loss without each representation: what is asked for is that with nothing else.",
)
def loss_without_each(logits, table, characters, questions):
    def without(rows, chi):
        return rows - groups.keep_representation(rows.T, table, chi).T

    return _losses(logits, table, characters, questions, kept=without)


@mistake("restricted_loss_per_representation", "Only the questions that are given count, not all of them.")
def all_questions_count(logits, table, characters, questions):
    return _losses(logits, table, characters, questions, chosen=torch.arange(len(table) ** 2))


@mistake(
    "restricted_loss_per_representation",
    "The part is taken along a here: for each question the logits are a function of the answer c.",
)
def part_along_a(logits, table, characters, questions):
    told = table.flatten()[questions]
    kept = [groups.keep_representation(logits, table, chi).flatten(0, 1)[questions] for chi in characters]
    return torch.stack([torch.nn.functional.cross_entropy(one, told) for one in kept])


@mistake(
    "restricted_loss_per_representation",
    "The part is taken along b here: for each question the logits are a function of the answer c.",
)
def part_along_b(logits, table, characters, questions):
    told = table.flatten()[questions]
    kept = [groups.keep_representation(logits.transpose(0, 1), table, chi).transpose(0, 1) for chi in characters]
    return torch.stack([torch.nn.functional.cross_entropy(one.flatten(0, 1)[questions], told) for one in kept])


@mistake("restricted_loss_per_representation", "The losses are added up: the mean over the questions is asked for.")
def sum_over_questions(logits, table, characters, questions):
    def loss(rows, told):
        return torch.nn.functional.cross_entropy(rows, told, reduction="sum")

    return _losses(logits, table, characters, questions, loss=loss)


@mistake(
    "restricted_loss_per_representation",
    "Questions are numbered a · n + b: here a and b are turned round, and the answer is that to another question.",
)
def answers_to_b_and_a(logits, table, characters, questions):
    return _losses(logits, table.T, characters, questions, kept=lambda rows, chi: _kept(rows.T, table, chi).T)


@mistake("restricted_loss_per_representation", "This is the share of wrong answers: the cross-entropy is asked for.")
def wrong_answers(logits, table, characters, questions):
    def loss(rows, told):
        return (rows.argmax(dim=1) != told).to(rows.dtype).mean()

    return _losses(logits, table, characters, questions, loss=loss)


@mistake(
    "restricted_loss_per_representation", "The degree is missing: a representation of d × d matrices counts d times."
)
def losses_without_degree(logits, table, characters, questions):
    def kept(rows, chi):
        return _kept(rows.T, table, chi, factor=lambda d, n: 1 / n).T

    return _losses(logits, table, characters, questions, kept=kept)


@mistake("restricted_loss_per_representation", "One loss for each character is asked for, not their mean.")
def mean_of_all(logits, table, characters, questions):
    return _losses(logits, table, characters, questions).mean()
