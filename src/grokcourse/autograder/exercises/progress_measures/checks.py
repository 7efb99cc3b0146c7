"""Hidden tests of chapter 07, progress measures. The oracle is numpy: waves written out, and sums over all pairs."""

import numpy as np
import torch

from .... import circuit, measures
from ..questions import expect_choice, wrong_values
from ..side_conditions import UNCHANGED, also_in_float32, expect_digits, expect_unchanged, expect_values
from ..testing import checks, expect, expect_close, expect_number, expect_tensor, mistake
from . import answers

EXACT = {"rtol": 1e-5, "atol": 1e-12}


def _flat_losses(logits):
    """The loss of every question, (p²,), from (p, p, p) logits."""
    logits = np.asarray(logits, dtype=np.float64)
    p = len(logits)
    rows = logits.reshape(p * p, p)
    right = np.add.outer(np.arange(p), np.arange(p)).ravel() % p
    others = np.exp(rows - rows[np.arange(p * p), right][:, None])
    others[np.arange(p * p), right] = 0
    return np.log1p(others.sum(axis=1))


def _loss(logits, questions=None):
    losses = _flat_losses(logits)
    return losses.mean() if questions is None else losses[np.asarray(questions)].mean()


def _waves(logits, key):
    """The part of the logits along cos ω_k(a + b) and sin ω_k(a + b), by dot products with those tables."""
    logits = np.asarray(logits, dtype=np.float64)
    p = len(logits)
    total = np.add.outer(np.arange(p), np.arange(p))
    part = np.zeros_like(logits)
    for k in key:
        for wave in (np.cos, np.sin):
            table = wave(2 * np.pi * k * total / p)
            length = (table**2).sum()
            if length > 1e-9:
                part += table[:, :, None] * np.einsum("ab,abc->c", table, logits) / length
    return part


def _without(logits, key):
    """The logits without those waves."""
    return np.asarray(logits, dtype=np.float64) - _waves(logits, key)


def _mean(logits):
    return np.asarray(logits, dtype=np.float64).mean(axis=(0, 1))


def _logits(draw, p):
    """Logits with something of everything: a circuit, a memory of each question, and a liking for some candidates."""
    clock = torch.tensor(_waves(3 * draw.normal(p, p, p), range(1, p // 2 + 1)) * p**0.5, dtype=torch.float64)
    return clock + 1.5 * draw.normal(p, p, p, dtype=torch.float64) + 2 * draw.normal(p, dtype=torch.float64)


def _cases(draw, moduli, n_key):
    """(logits, key) for each modulus; the frequencies are drawn, in no order."""
    cases = []
    for p in moduli:
        key = (draw.order((p - 1) // 2)[:n_key] + 1).tolist()
        cases.append((_logits(draw, p), key))
    return cases


def _in_float32(cases):
    return [(logits.float(), key) for logits, key in cases]


def _some_questions(draw, p):
    """Some of the p² questions, as a training set is."""
    return draw.order(p * p)[: max(2, p * p // 3)].sort().values


def _surely_right(draw, p, key, lead=26):
    """Logits that are nothing but their circuit; with the usual lead, a loss of about a millionth of a millionth."""
    total = np.add.outer(np.add.outer(np.arange(p), np.arange(p)), -np.arange(p))
    scores = sum(np.cos(2 * np.pi * k * total / p) for k in key)
    second, first = np.sort(scores[0, 0])[-2:]
    return torch.tensor(draw.number(lead, lead + 1) / (first - second) * scores + 5)


def _finished(draw):
    """Logits in float32, as a model's are, that a circuit decides and other things disturb; and its frequencies."""
    cases = []
    for p, key in ((7, [1, 2]), (draw.prime(11, 13), [1, 2, 4])):
        difference = np.subtract.outer(np.arange(p), np.arange(p))
        of_difference = torch.tensor(sum(np.cos(2 * np.pi * k * difference / p) for k in key))
        liked = 1 + draw.order(p).double() / p  # by how much each candidate goes with these
        disturbed = _surely_right(draw, p, key) + 0.2 * _logits(draw, p) + of_difference[:, :, None] * liked
        cases.append((disturbed.float(), key))
    return cases


def _on(logits, key=None, questions=None):
    asked = "all questions" if questions is None else f"{len(questions)} of the questions"
    frequencies = "" if key is None else f", key = {key}"
    return f"p = {len(logits)}{frequencies}, {asked}"


def _edited(logits, part, questions=None, **chosen):
    """What a planted mistake needs: an ablation of the package's, and its loss."""
    return measures.mean_loss(circuit.ablate_frequencies(logits, part=part, **chosen), questions)


def _float32_loss(logits, questions=None):
    p = len(logits)
    rows, right = logits.reshape(p * p, p).float(), circuit.sum_labels(p).flatten()
    if questions is not None:
        rows, right = rows[questions], right[questions]
    return -rows.log_softmax(dim=-1).gather(1, right[:, None]).mean().double()


# --- restricted_loss --------------------------------------------------------------------------------------------------


def _compare_losses(student, name, cases, expected, message, **tolerance):
    function = getattr(student, name)
    asked = [(case, function(*case)) for case in cases]
    for case, got in asked:
        on, value, right = _on(*case), expect_number(got, _on(*case)), expected(*case)
        said = _of_tiny(value, right, message) if tolerance else message
        expect_close(value, right, said, on, **(tolerance or {"rtol": 1e-4}))


EXACT_LOSS = {"rtol": 1e-2, "atol": 1e-16}


def _of_tiny(got, expected, message):
    """The message; and why digits are lost, if the losses are right but for those that float32 cannot hold."""
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    lost = "float32 cannot tell a probability so near to 1 from 1: convert the logits to float64 before the loss"
    is_near = got.shape == expected.shape and (np.abs(got - expected) < 1e-6).all()
    return f"{message}; {lost}" if is_near else message


def _expect_float64(student, name, cases):
    function = getattr(student, name)
    for case, got in [(case, function(*case)) for case in cases]:
        on = f"float32 logits, {_on(*case)}"
        expect_number(got, on)
        if isinstance(got, torch.Tensor):
            kind = str(got.dtype).removeprefix("torch.")
            expect(got.dtype == torch.float64, f"should return a float64 scalar, but returned {kind}", on)


@checks("restricted_loss", "one key frequency: its two waves of the sum, and the mean of each candidate's logit")
def test_restricted_loss_one(student, draw):
    cases = _in_float32(_cases(draw, (3, draw.prime(5, 7), draw.prime(11, 13)), 1))
    message = "only cos ω(a + b), sin ω(a + b) and each candidate's mean should be left in the logits"
    _compare_losses(student, "restricted_loss", cases, lambda x, key: _loss(_waves(x, key) + _mean(x)), message)


@checks("restricted_loss", "several key frequencies together, in any order")
def test_restricted_loss_several(student, draw):
    cases = _cases(draw, (5, 7, draw.prime(11, 17)), 2) + _cases(draw, (draw.prime(11, 17),), 4)
    message = "the waves of all key frequencies should be left, those of no other, and the mean"
    _compare_losses(student, "restricted_loss", cases, lambda x, key: _loss(_waves(x, key) + _mean(x)), message)


@checks("restricted_loss", "the loss on some questions, while the waves are found with all of them")
def test_restricted_loss_questions(student, draw):
    drawn = _cases(draw, (3,), 1) + _cases(draw, (draw.prime(5, 7), draw.prime(11, 13)), 2)
    cases = [(x, key, _some_questions(draw, len(x))) for x, key in drawn]
    message = "the mean should be over the questions given, and the waves those of all questions"
    _compare_losses(
        student, "restricted_loss", cases, lambda x, key, rows: _loss(_waves(x, key) + _mean(x), rows), message
    )


@checks("restricted_loss", "a finished network, in float32: a tiny loss, to its digits", weight=2)
def test_restricted_loss_tiny(student, draw):
    def expected(logits, key):
        return _loss(_waves(logits, key) + _mean(logits))

    message = "what these waves leave should have its loss, however small"
    _compare_losses(student, "restricted_loss", _finished(draw), expected, message, **EXACT_LOSS)


@checks("restricted_loss", "the dtype of the result is float64", side=True)
def test_restricted_loss_dtype(student, draw):
    _expect_float64(student, "restricted_loss", _in_float32(_cases(draw, (5, 7), 1)))


@checks("restricted_loss", UNCHANGED, side=True)
def test_restricted_loss_unchanged(student, draw):
    expect_unchanged(student, "restricted_loss", _cases(draw, (5, 7), 2), "the logits")


@mistake("restricted_loss", "This takes the key frequencies out and keeps the rest: the other way round.")
def kept_the_others(logits, key, questions=None):
    return measures.excluded_loss(logits, key, questions)


@mistake(
    "restricted_loss",
    "The mean has gone: each candidate's average logit belongs to no wave, and has to be put back in.",
)
def without_the_mean(logits, key, questions=None):
    kept = circuit.ablate_frequencies(logits, keep=key)
    return measures.mean_loss(kept - logits.mean(dim=(0, 1)), questions)


@mistake(
    "restricted_loss",
    "All four products of two waves are kept: two of the combinations are waves of a − b, and know nothing of the sum.",
)
def kept_all_products(logits, key, questions=None):
    return _edited(logits, "products", questions, keep=key)


@mistake("restricted_loss", "The waves of a alone and of b alone are kept as well; only those of the sum should be.")
def kept_single_waves(logits, key, questions=None):
    return _edited(logits, "polynomial", questions, keep=key)


@mistake("restricted_loss", "Only the cosine of each frequency is kept. A shifted wave needs its sine as well.")
def only_cosines(logits, key, questions=None):
    p = len(logits)
    cosines = circuit.key_cosines(p, key).to(logits.dtype)[:, circuit.sum_labels(p)]  # (K, p, p)
    weights = torch.einsum("kab,abc->kc", cosines, logits) / cosines.square().sum(dim=(1, 2))[:, None]
    return measures.mean_loss(torch.einsum("kab,kc->abc", cosines, weights) + logits.mean(dim=(0, 1)), questions)


@mistake("restricted_loss", "The argument `questions` has no effect: the loss is always taken over all of them.")
def questions_ignored(logits, key, questions=None):
    return measures.restricted_loss(logits, key)


@mistake(
    "restricted_loss",
    "Logits of other questions than those given are set to zero before the waves are sought. Look for waves first.",
)
def waves_of_some_questions(logits, key, questions=None):
    if questions is not None:
        chosen = torch.zeros(len(logits) ** 2, 1, dtype=logits.dtype).index_fill(0, questions, 1)
        logits = logits * chosen.reshape(len(logits), len(logits), 1)
    return measures.restricted_loss(logits, key, questions)


ROWS = "`questions` are rows a · p + b of all p² questions; and the waves need them all: ablate first, pick rows then."


@mistake("restricted_loss", ROWS)
def rows_of_the_table(logits, key, questions=None):
    return measures.restricted_loss(logits if questions is None else logits[questions], key)


@mistake("restricted_loss", "The losses are added up; their mean is asked for.")
def summed(logits, key, questions=None):
    count = len(logits) ** 2 if questions is None else len(questions)
    return measures.restricted_loss(logits, key, questions) * count


@mistake("restricted_loss", "Each frequency's loss is taken by itself, and they are added up: keep all at once.")
def restricted_one_by_one(logits, key, questions=None):
    return torch.stack([measures.restricted_loss(logits, [k], questions) for k in key]).sum()


@mistake("restricted_loss", "Each frequency's loss is taken by itself, and they are averaged: keep all at once.")
def restricted_one_by_one_averaged(logits, key, questions=None):
    return torch.stack([measures.restricted_loss(logits, [k], questions) for k in key]).mean()


@mistake("restricted_loss", "The mean is added once for every key frequency; it should be there once.")
def mean_with_every_frequency(logits, key, questions=None):
    kept = sum(circuit.ablate_frequencies(logits, keep=[k]) for k in key)
    return measures.mean_loss(kept, questions)


@mistake("restricted_loss", "Only one of the frequencies is left in the logits; all should be, at the same time.")
def restricted_to_the_last(logits, key, questions=None):
    return measures.restricted_loss(logits, list(key)[-1:], questions)


@mistake("restricted_loss", "Only one of the frequencies is left in the logits; all should be, at the same time.")
def restricted_to_the_first(logits, key, questions=None):
    return measures.restricted_loss(logits, list(key)[:1], questions)


@mistake("restricted_loss", "Nothing is taken out here: this is the loss of the logits as they are.")
def not_restricted(logits, key, questions=None):
    return measures.mean_loss(logits, questions)


@mistake("restricted_loss", "The logits that are left are returned; the mean loss on the questions is asked for.")
def restricted_logits(logits, key, questions=None):
    return circuit.ablate_frequencies(logits, keep=key)


@mistake("restricted_loss", "The result is converted to float32.")
def restricted_converted(logits, key, questions=None):
    return measures.restricted_loss(logits, key, questions).float()


ROUNDED = "A loss below 1e-7 is lost here: float32 cannot tell a probability so near to 1 from 1."


def _loss_as_it_comes(logits, questions):
    p = len(logits)
    rows, right = logits.reshape(p * p, p), circuit.sum_labels(p).flatten()
    if questions is not None:
        rows, right = rows[questions], right[questions]
    return torch.nn.functional.cross_entropy(rows, right)


@mistake("restricted_loss", ROUNDED)
def restricted_in_the_logits_dtype(logits, key, questions=None):
    return _loss_as_it_comes(circuit.ablate_frequencies(logits, keep=key), questions)


@mistake("restricted_loss", ROUNDED)
def rounded_and_converted(logits, key, questions=None):
    return _float32_loss(circuit.ablate_frequencies(logits, keep=key), questions).float()


@mistake("restricted_loss", ROUNDED)
def rounded(logits, key, questions=None):
    return _float32_loss(circuit.ablate_frequencies(logits, keep=key), questions)


# --- by_chance --------------------------------------------------------------------------------------------------------


def _pairs(p):
    """Every pair of frequencies modulo p."""
    return [[i, j] for i in range(1, (p - 1) // 2 + 1) for j in range(i + 1, (p - 1) // 2 + 1)]


def _ranked(draw, p, questions=None):
    """Logits in which all pairs of frequencies differ in what they can do, and the pairs, the best first."""
    numbers = np.arange(p)
    distance = np.add.outer(np.add.outer(numbers, numbers), -numbers)
    strengths = (draw.order((p - 1) // 2) + 1).tolist()  # no two alike
    clock = sum(0.5 * strength * np.cos(2 * np.pi * k * distance / p) for k, strength in enumerate(strengths, start=1))
    logits = torch.tensor(clock) + 0.05 * draw.normal(p, p, p, dtype=torch.float64)
    mean = _mean(logits)
    pairs = sorted(_pairs(p), key=lambda pair: _loss(_waves(logits, pair) + mean, questions))
    return logits, pairs


def _share(logits, key, draws, questions=None):
    mean = _mean(logits)
    ours, *theirs = [_loss(_waves(logits, some) + mean, questions) for some in (key, *draws)]
    # the same frequencies in another order have the same loss, but for rounding
    return (1 + sum(loss <= ours * (1 + 1e-9) for loss in theirs)) / (1 + len(draws))


def _compare_shares(student, cases, message):
    function = student.by_chance
    for case, got in [(case, function(*case)) for case in cases]:
        logits, key, draws, *questions = case
        on = f"{_on(logits, key, *questions)}, {len(draws)} draws"
        expect_close(expect_number(got, on), _share(*case), message, on, rtol=1e-6)


AMONG = "should be the share of all draws that do as well, with the key frequencies as one of them"


@checks("by_chance", "key frequencies that are the best, among the best, and the worst", weight=2)
def test_by_chance_ranks(student, draw):
    cases = []
    for p in (11, 13):
        logits, pairs = _ranked(draw, p)
        for place in (0, 2, len(pairs) - 1):
            others = [pair for pair in pairs if pair != pairs[place]]
            others = [others[i] for i in draw.order(len(others)).tolist()]
            cases.append((logits, pairs[place], others))
    _compare_shares(student, cases, AMONG)


@checks("by_chance", "draws that do exactly as well")
def test_by_chance_ties(student, draw):
    logits, pairs = _ranked(draw, 11)
    cases = [(logits, pairs[3], [pairs[3], pairs[5], pairs[3]]), (logits, pairs[0], [pairs[0], pairs[4]])]
    _compare_shares(student, cases, "a draw that does exactly as well counts")


@checks("by_chance", "the losses are those on the questions given", weight=2)
def test_by_chance_questions(student, draw):
    p = 11
    logits, pairs = _ranked(draw, p)
    logits = logits + circuit.of_sum(draw.normal(p, p, dtype=torch.float64))  # another ranking for every sum
    mean = _mean(logits)
    losses = np.stack([_flat_losses(_waves(logits, pair) + mean) for pair in pairs])  # (pair, question)

    def places(rows):
        """For each pair, how many do better on these questions."""
        on_these = losses[:, rows].mean(axis=1)
        return (on_these[None, :] < on_these[:, None]).sum(axis=1)

    found = []
    for total in range(p):
        rows = (circuit.sum_labels(p).flatten() == total).nonzero().flatten()
        moved = np.abs(places(rows.numpy()) - places(slice(None)))
        found += [(change, pair, rows) for change, pair in zip(moved.tolist(), pairs, strict=True)]
    found.sort(key=lambda case: -case[0])
    cases = [(logits, pair, [other for other in pairs if other != pair], rows) for _, pair, rows in found[:4]]
    _compare_shares(student, cases, "the losses should be those on the questions given")


@checks("by_chance", "no draws at all: then nothing speaks against chance", side=True)
def test_by_chance_none(student, draw):
    logits, pairs = _ranked(draw, 11)
    _compare_shares(student, [(logits, pairs[0], [])], "without draws there is only the one set, which is all of them")


@checks("by_chance", UNCHANGED, side=True)
def test_by_chance_unchanged(student, draw):
    logits, pairs = _ranked(draw, 11)
    expect_unchanged(student, "by_chance", [(logits, pairs[1], pairs[2:5])], "the logits and the draws")


def _as_good(logits, key, draws, questions=None, loss=measures.restricted_loss, better=lambda one, ours: one <= ours):
    """How many draws do as well as the key frequencies."""
    ours = loss(logits, key, questions)
    return sum(bool(better(loss(logits, drawn, questions), ours)) for drawn in draws)


@mistake(
    "by_chance", "The key frequencies are not counted among the draws: a p-value of 0 is more than draws can show."
)
def chance_without_our_own(logits, key, draws, questions=None):
    return _as_good(logits, key, draws, questions) / len(draws)


@mistake(
    "by_chance", "The key frequencies are not counted among the draws: a p-value of 0 is more than draws can show."
)
def chance_without_our_own_unless_none(logits, key, draws, questions=None):
    return _as_good(logits, key, draws, questions) / max(1, len(draws))


@mistake("by_chance", "The key frequencies are counted as a draw below the line, and not above it as well.")
def chance_with_our_own_below(logits, key, draws, questions=None):
    return _as_good(logits, key, draws, questions) / (1 + len(draws))


@mistake("by_chance", "The key frequencies are counted as a draw above the line, and not below it as well.")
def chance_with_our_own_above(logits, key, draws, questions=None):
    return (1 + _as_good(logits, key, draws, questions)) / max(1, len(draws))


@mistake("by_chance", "A draw that does exactly as well counts.")
def chance_strictly(logits, key, draws, questions=None):
    return (1 + _as_good(logits, key, draws, questions, better=lambda one, ours: one < ours)) / (1 + len(draws))


@mistake("by_chance", "Those that do worse are counted: a small loss is a good one.")
def chance_of_the_worse(logits, key, draws, questions=None):
    return (1 + _as_good(logits, key, draws, questions, better=lambda one, ours: one >= ours)) / (1 + len(draws))


@mistake("by_chance", "This is the share of the draws that do worse; asked for is the share that does as well.")
def chance_turned_over(logits, key, draws, questions=None):
    return 1 - measures.by_chance(logits, key, draws, questions)


@mistake("by_chance", "This is how many do as well; their share of all draws is asked for.")
def chance_counted(logits, key, draws, questions=None):
    return 1 + _as_good(logits, key, draws, questions)


@mistake("by_chance", "The excluded loss is taken; what frequencies can do alone is the restricted one.")
def chance_by_the_excluded_loss(logits, key, draws, questions=None):
    return (1 + _as_good(logits, key, draws, questions, measures.excluded_loss)) / (1 + len(draws))


@mistake("by_chance", "`questions` has no effect: the losses are taken on all of them.")
def chance_on_all_questions(logits, key, draws, questions=None):
    return measures.by_chance(logits, key, draws)


@mistake("by_chance", "`questions` counts for the key frequencies only; the draws are to be measured on the same.")
def chance_of_draws_on_all_questions(logits, key, draws, questions=None):
    ours = measures.restricted_loss(logits, key, questions)
    return (1 + sum(bool(measures.restricted_loss(logits, d) <= ours) for d in draws)) / (1 + len(draws))


# --- excluded_loss ----------------------------------------------------------------------------------------------------


@checks("excluded_loss", "one frequency: its two waves of the sum are gone, everything else is there")
def test_excluded_loss_one(student, draw):
    cases = _in_float32(_cases(draw, (3, draw.prime(5, 7), draw.prime(11, 13)), 1))
    message = "cos ω(a + b) and sin ω(a + b) should be gone from the logits, and nothing else"
    _compare_losses(student, "excluded_loss", cases, lambda x, key: _loss(_without(x, key)), message)


@checks("excluded_loss", "several frequencies are taken out together")
def test_excluded_loss_several(student, draw):
    cases = _cases(draw, (5, 7, draw.prime(11, 17)), 2) + _cases(draw, (draw.prime(11, 17),), 4)
    message = "the waves of all these frequencies should be gone at the same time"
    _compare_losses(student, "excluded_loss", cases, lambda x, key: _loss(_without(x, key)), message)


@checks("excluded_loss", "the loss on some questions, while the waves are found with all of them")
def test_excluded_loss_questions(student, draw):
    drawn = _cases(draw, (3,), 1) + _cases(draw, (draw.prime(5, 7), draw.prime(11, 13)), 2)
    cases = [(x, key, _some_questions(draw, len(x))) for x, key in drawn]
    message = "the mean should be over the questions given, and the waves those of all questions"
    _compare_losses(student, "excluded_loss", cases, lambda x, key, rows: _loss(_without(x, key), rows), message)


@checks("excluded_loss", "a finished network, in float32, without frequencies that it does not need: a tiny loss")
def test_excluded_loss_tiny(student, draw):
    cases = [(logits, [3, 5][: len(key) - 1]) for logits, key in _finished(draw)]
    message = "what is left without these waves should have its loss, however small"
    _compare_losses(student, "excluded_loss", cases, lambda x, key: _loss(_without(x, key)), message, **EXACT_LOSS)


@checks("excluded_loss", "the dtype of the result is float64", side=True)
def test_excluded_loss_dtype(student, draw):
    _expect_float64(student, "excluded_loss", _in_float32(_cases(draw, (5, 7), 1)))


@checks("excluded_loss", UNCHANGED, side=True)
def test_excluded_loss_unchanged(student, draw):
    expect_unchanged(student, "excluded_loss", _cases(draw, (5, 7), 2), "the logits")


@mistake(
    "excluded_loss", "The key frequencies are still in the logits: they are to be taken out, and everything else kept."
)
def excluded_the_others(logits, key, questions=None):
    return measures.restricted_loss(logits, key, questions)


@mistake("excluded_loss", "The mean is taken out as well; it belongs to none of the waves, and stays.")
def excluded_the_mean(logits, key, questions=None):
    return measures.mean_loss(logits - circuit.ablate_frequencies(logits, keep=key), questions)


@mistake(
    "excluded_loss",
    "All four products of two waves are taken out: two of the combinations are waves of a − b, and should stay.",
)
def excluded_all_products(logits, key, questions=None):
    return _edited(logits, "products", questions, drop=key)


@mistake("excluded_loss", "The waves of a alone and of b alone are taken out as well; they should stay.")
def excluded_single_waves(logits, key, questions=None):
    return _edited(logits, "polynomial", questions, drop=key)


@mistake("excluded_loss", "Each frequency is taken out by itself here, and the losses averaged: take all out at once.")
def excluded_one_by_one(logits, key, questions=None):
    return torch.stack([measures.excluded_loss(logits, [k], questions) for k in key]).mean()


@mistake("excluded_loss", "Each frequency is taken out by itself here, and the losses added up: take all out at once.")
def excluded_one_by_one_added(logits, key, questions=None):
    return torch.stack([measures.excluded_loss(logits, [k], questions) for k in key]).sum()


@mistake("excluded_loss", "Only one of the frequencies is missing from the logits; all should be, at the same time.")
def excluded_the_last(logits, key, questions=None):
    return measures.excluded_loss(logits, list(key)[-1:], questions)


@mistake("excluded_loss", "Nothing is taken out here: this is the loss of the logits as they are.")
def not_excluded(logits, key, questions=None):
    return measures.mean_loss(logits, questions)


@mistake(
    "excluded_loss",
    "Logits of other questions than those given are set to zero before the waves are sought. Look for waves first.",
)
def excluded_waves_of_some_questions(logits, key, questions=None):
    if questions is not None:
        chosen = torch.zeros(len(logits) ** 2, 1, dtype=logits.dtype).index_fill(0, questions, 1)
        logits = logits * chosen.reshape(len(logits), len(logits), 1)
    return measures.excluded_loss(logits, key, questions)


@mistake("excluded_loss", ROWS)
def excluded_rows_of_the_table(logits, key, questions=None):
    return measures.excluded_loss(logits if questions is None else logits[questions], key)


@mistake("excluded_loss", "Only the cosine of each frequency is taken out. A shifted wave has its sine as well.")
def excluded_cosines(logits, key, questions=None):
    p = len(logits)
    cosines = circuit.key_cosines(p, key).to(logits.dtype)[:, circuit.sum_labels(p)]  # (K, p, p)
    weights = torch.einsum("kab,abc->kc", cosines, logits) / cosines.square().sum(dim=(1, 2))[:, None]
    return measures.mean_loss(logits - torch.einsum("kab,kc->abc", cosines, weights), questions)


@mistake("excluded_loss", ROUNDED)
def excluded_in_the_logits_dtype(logits, key, questions=None):
    return _loss_as_it_comes(circuit.ablate_frequencies(logits, drop=key), questions)


@mistake("excluded_loss", ROUNDED)
def excluded_in_float32(logits, key, questions=None):
    return _float32_loss(circuit.ablate_frequencies(logits, drop=key), questions)


@mistake("excluded_loss", ROUNDED)
def excluded_in_float32_and_converted(logits, key, questions=None):
    return _float32_loss(circuit.ablate_frequencies(logits, drop=key), questions).float()


@mistake("excluded_loss", "Only one of the frequencies is missing from the logits; all should be, at the same time.")
def excluded_the_first(logits, key, questions=None):
    return measures.excluded_loss(logits, list(key)[:1], questions)


@mistake("excluded_loss", "The argument `questions` has no effect: the loss is always taken over all of them.")
def excluded_on_all_questions(logits, key, questions=None):
    return measures.excluded_loss(logits, key)


@mistake("excluded_loss", "The losses are added up; their mean is asked for.")
def excluded_summed(logits, key, questions=None):
    count = len(logits) ** 2 if questions is None else len(questions)
    return measures.excluded_loss(logits, key, questions) * count


# --- excluded_end -----------------------------------------------------------------------------------------------------


@checks("excluded_end", "where the excluded loss settles")
def test_excluded_end(student, draw):
    got = expect_choice(student, "excluded_end", "abcd")
    expect(got == answers.excluded_end(), "the excluded loss settles somewhere else")


wrong_values(
    "excluded_end", "That would mean that the list of training answers is still there when all is over.", "a", "A"
)
wrong_values(
    "excluded_end",
    "Half of what? Either something of the list still answers, or nothing does.",
    "b",
    "B",
)
wrong_values(
    "excluded_end",
    "Guessing costs log p if all candidates are alike. Are they, once the waves are gone? Think of what else is there.",
    "c",
    "C",
)
wrong_values("excluded_end", "Give the letter of your answer, not the loss.", 4.73, 0, 0.0, "0")


# --- excluded_loss_each -----------------------------------------------------------------------------------------------


def _each(logits, questions=None):
    p = len(logits)
    return [_loss(_without(logits, [k] if k else []), questions) for k in range(p // 2 + 1)]


def _compare_each(student, cases, message, **tolerance):
    asked = [(case, student.excluded_loss_each(*case)) for case in cases]
    for case, got in asked:
        on = _on(case[0], None, *case[1:])
        values, right = expect_values(got, (len(case[0]) // 2 + 1,), on), _each(*case)
        said = _of_tiny(values, right, message) if tolerance else message
        expect_close(values, right, said, on, **tolerance)


@checks("excluded_loss_each", "odd p: every frequency by itself, with the unharmed loss in front")
def test_each_frequency(student, draw):
    cases = [(_logits(draw, p),) for p in (3, draw.prime(5, 7), draw.prime(11, 13))]
    _compare_each(student, cases, "entry k should be the loss without frequency k alone, entry 0 the loss unharmed")


@checks("excluded_loss_each", "even p: the last frequency has a cosine only, and is one of them")
def test_each_frequency_even(student, draw):
    cases = [(_logits(draw, p),) for p in (2, 2 * draw.integer(3, 4))]
    _compare_each(student, cases, "entry k should be the loss without frequency k alone, entry 0 the loss unharmed")


@checks("excluded_loss_each", "on some of the questions")
def test_each_frequency_on_some(student, draw):
    cases = [(x, _some_questions(draw, len(x))) for x in (_logits(draw, p) for p in (3, 5, draw.prime(7, 11)))]
    _compare_each(student, cases, "the mean should be over the questions given, and the waves those of all questions")


@checks("excluded_loss_each", "a finished network, in float32: tiny losses, to their digits")
def test_each_frequency_tiny(student, draw):
    message = "what is left without a frequency should have its loss, however small"
    liked = [(logits, draw.order(len(logits)).float() / len(logits)) for logits, _ in _finished(draw)]
    _compare_each(student, [(logits + bias,) for logits, bias in liked], message, **EXACT_LOSS)  # their mean counts


@checks("excluded_loss_each", "the result is a tensor, and its dtype is float64", side=True)
def test_each_frequency_dtype(student, draw):
    for logits in [_logits(draw, p).float() for p in (3, 5)]:
        on = f"float32 logits, p = {len(logits)}"
        got = expect_tensor(student.excluded_loss_each(logits), (len(logits) // 2 + 1,), torch.float64, on)
        expect_close(got, _each(logits), "should be the losses", on)


@checks("excluded_loss_each", UNCHANGED, side=True)
def test_each_frequency_unchanged(student, draw):
    expect_unchanged(student, "excluded_loss_each", [(_logits(draw, p),) for p in (3, 7)], "the logits")


@mistake("excluded_loss_each", "The entries are shifted by one: entry 0 is for the logits as they are.")
def each_without_the_first(logits, questions=None):
    return measures.excluded_loss_each(logits, questions)[1:]


@mistake("excluded_loss_each", "Entry 0 is zero; it should be the loss with nothing taken out.")
def each_with_a_zero(logits, questions=None):
    return measures.excluded_loss_each(logits, questions).index_fill(0, torch.tensor(0), 0)


@mistake("excluded_loss_each", "Entry 0 has lost the mean; it should be the loss with nothing taken out.")
def each_without_the_mean(logits, questions=None):
    losses = measures.excluded_loss_each(logits, questions)
    losses[0] = measures.mean_loss(logits - logits.mean(dim=(0, 1)), questions)
    return losses


@mistake("excluded_loss_each", "What one round takes out is missing in the next: start each from the whole logits.")
def each_after_the_other(logits, questions=None):
    losses = []
    for k in range(len(logits) // 2 + 1):
        logits = circuit.ablate_frequencies(logits, drop=[k] if k else [])
        losses.append(measures.mean_loss(logits, questions))
    return torch.stack(losses)


@mistake("excluded_loss_each", "This keeps one frequency at a time; it should take one out.")
def each_kept(logits, questions=None):
    losses = [measures.restricted_loss(logits, [k], questions) for k in range(1, len(logits) // 2 + 1)]
    return torch.stack([measures.mean_loss(logits, questions), *losses])


@mistake("excluded_loss_each", "The argument `questions` has no effect: the loss is always taken over all of them.")
def each_on_all_questions(logits, questions=None):
    return measures.excluded_loss_each(logits)


@mistake("excluded_loss_each", "Entry 0 is taken over all questions; `questions` is for it as for the others.")
def each_with_the_first_on_all(logits, questions=None):
    losses = measures.excluded_loss_each(logits, questions)
    losses[0] = measures.mean_loss(logits)
    return losses


@mistake("excluded_loss_each", "The last frequency is missing: p // 2 belongs to them.")
def each_but_the_last(logits, questions=None):
    return measures.excluded_loss_each(logits, questions)[:-1]


@mistake("excluded_loss_each", "The last frequency is missing: p // 2 belongs to them.")
def each_with_an_empty_last(logits, questions=None):
    return measures.excluded_loss_each(logits, questions).index_fill(0, torch.tensor(len(logits) // 2), 0)


@mistake(
    "excluded_loss_each", "0 is no frequency that could be taken out: entry 0 is the loss of the logits as they are."
)
def each_from_frequency_zero(logits, questions=None):
    return torch.stack([measures.excluded_loss(logits, [k], questions) for k in range(len(logits) // 2 + 1)])


@mistake("excluded_loss_each", "The losses are added up; there should be one for each frequency.")
def each_added_up(logits, questions=None):
    return measures.excluded_loss_each(logits, questions)[1:].sum()


@mistake("excluded_loss_each", "These are by how much the losses grow; the losses themselves are asked for.")
def each_growth(logits, questions=None):
    losses = measures.excluded_loss_each(logits, questions)
    return torch.cat([losses[:1], losses[1:] - losses[0]])


@mistake("excluded_loss_each", "The loss with nothing taken out stands at the end; it is entry 0.")
def each_with_the_first_at_the_end(logits, questions=None):
    return measures.excluded_loss_each(logits, questions).roll(-1)


def _each_by(loss, logits, questions):
    keys = [[k] if k else [] for k in range(len(logits) // 2 + 1)]
    return torch.stack([loss(circuit.ablate_frequencies(logits, drop=key), questions) for key in keys])


@mistake("excluded_loss_each", ROUNDED)
def each_in_the_logits_dtype(logits, questions=None):
    return _each_by(_loss_as_it_comes, logits, questions)


@mistake("excluded_loss_each", ROUNDED)
def each_in_float32(logits, questions=None):
    return _each_by(_float32_loss, logits, questions)


@mistake(
    "excluded_loss_each", "The result is float32: `torch.tensor` makes that of a list of numbers, if not told dtype."
)
def each_converted(logits, questions=None):
    return measures.excluded_loss_each(logits, questions).float()


@mistake(
    "excluded_loss_each", "The losses are right; asked for is a tensor, and `torch.stack` makes one of a list of them."
)
def each_in_a_list(logits, questions=None):
    return list(measures.excluded_loss_each(logits, questions))


@mistake("excluded_loss_each", "For even p the frequency p/2 is missing; it has a cosine, and can be taken out.")
def each_but_half_of_even_p(logits, questions=None):
    losses = measures.excluded_loss_each(logits, questions)
    return losses if len(logits) % 2 else losses[:-1]


@mistake(
    "excluded_loss_each",
    "All four products of two waves are taken out: two of the combinations are waves of a − b, and should stay.",
)
def each_with_all_products(logits, questions=None):
    losses = [_edited(logits, "products", questions, drop=[k]) for k in range(1, len(logits) // 2 + 1)]
    return torch.stack([measures.mean_loss(logits, questions), *losses])


also_in_float32("excluded_loss_each")


# --- two_voices -------------------------------------------------------------------------------------------------------


def _voices(logits, key, questions=None):
    """The leads of the circuit and of the rest, (questions,) each, one question at a time."""
    whole = np.asarray(logits, dtype=np.float64)
    p, waves = len(whole), _waves(whole, key)
    rest = whole - waves
    leads = []
    for row in range(p * p) if questions is None else np.asarray(questions).tolist():
        a, b = divmod(row, p)
        right = (a + b) % p
        rival = max((c for c in range(p) if c != right), key=lambda c: whole[a, b, c])
        leads.append([table[a, b, right] - table[a, b, rival] for table in (waves, rest)])
    return list(torch.tensor(np.array(leads).T))


def _compare_voices(student, cases, message):
    function = student.two_voices
    for case, got in [(case, function(*case)) for case in cases]:
        on, expected = _on(*case), _voices(*case)
        expect(isinstance(got, list) and len(got) == 2, "should return two tensors, the circuit's first", on)
        for one, right in zip(got, expected, strict=True):
            expect_close(expect_values(one, right.shape, on), right, message, on, rtol=1e-4, atol=1e-4)


@checks("two_voices", "every question's lead, split in two, on all questions", weight=2)
def test_two_voices_all(student, draw):
    cases = _cases(draw, (3, draw.prime(5, 7)), 1) + _cases(draw, (draw.prime(11, 13),), 3)
    message = "should be the right answer's logit minus the rival's, in the key waves and in the rest"
    _compare_voices(student, cases, message)


@checks("two_voices", "on some of the questions, in the order in which they are given")
def test_two_voices_some(student, draw):
    cases = []
    for x, key in _cases(draw, (5, draw.prime(7, 11)), 2):
        rows = _some_questions(draw, len(x))
        rows = rows[draw.order(len(rows))]
        x.view(len(x) ** 2, -1)[rows[0], sum(divmod(int(rows[0]), len(x))) % len(x)] += 40  # one that is surely right
        cases.append((x, key, rows))
    _compare_voices(student, cases, "should be the leads on the questions given, with the waves of all questions")


@checks("two_voices", "where the circuit, the rest and the whole have three different rivals")
def test_two_voices_rivals(student, draw):
    cases = []
    for p in (5, draw.prime(7, 11)):
        clock = _surely_right(draw, p, [1, 2], lead=2)
        total = torch.tensor(np.add.outer(np.arange(p), np.arange(p))) % p
        places = [(total + shift) % p for shift in (1, 2, 3)]
        liked = sum(size * torch.nn.functional.one_hot(place, p) for size, place in zip((5, 7, 6), places, strict=True))
        cases.append((clock + liked * (1 + draw.normal(p, p, 1, dtype=torch.float64).abs()), [1]))
    _compare_voices(student, cases, "the rival should be the highest wrong candidate of the whole, for both voices")


@checks("two_voices", "the two voices keep the dtype of the logits", side=True)
def test_two_voices_dtype(student, draw):
    for x, key in _cases(draw, (5, 7), 1):
        for logits in (x.float(), x):
            got, on = student.two_voices(logits, key), f"{str(logits.dtype).removeprefix('torch.')} logits"
            expect(isinstance(got, list) and len(got) == 2, "should return two tensors, the circuit's first", on)
            for one in got:
                expect_tensor(one, (len(x) ** 2,), on=on)
                expect(one.dtype == logits.dtype, "the leads should have the logits' dtype", on)


@checks("two_voices", UNCHANGED, side=True)
def test_two_voices_unchanged(student, draw):
    expect_unchanged(student, "two_voices", _cases(draw, (5, 7), 2), "the logits")


def _ahead(table, rivals, questions=None, right=None):
    """What a planted mistake needs: the right answers' entries minus the rivals', (questions,)."""
    p = len(table)
    scores = table.reshape(p * p, p)
    right = circuit.sum_labels(p).reshape(-1, 1) if right is None else right
    found = (scores.gather(1, right) - scores.gather(1, rivals)).squeeze(1)
    return found if questions is None else found[questions]


def _highest_wrong(table):
    p = len(table)
    masked = table.reshape(p * p, p).scatter(1, circuit.sum_labels(p).reshape(-1, 1), -torch.inf)
    return masked.argmax(dim=1, keepdim=True)


def _both_voices(rest_of, rivals_of=lambda logits, waves, rest: (_highest_wrong(logits),) * 2):
    """A wrong answer: another rest, or other rivals of the circuit and of the rest."""

    def answer(logits, key, questions=None):
        rest = rest_of(logits, key)
        tables = logits - rest, rest
        rivals = rivals_of(logits, *tables)
        return tuple(_ahead(table, rival, questions) for table, rival in zip(tables, rivals, strict=True))

    return answer


def _rest(logits, key):
    return circuit.ablate_frequencies(logits, drop=key)


@mistake(
    "two_voices", "Each voice is measured against a rival of its own; there is one rival, that of the whole logits."
)
def voices_with_rivals_of_their_own(logits, key, questions=None):
    own = _both_voices(_rest, lambda logits, waves, rest: (_highest_wrong(waves), _highest_wrong(rest)))
    return own(logits, key, questions)


@mistake("two_voices", "The rival is looked for in the rest; it is the highest wrong candidate of the whole logits.")
def voices_with_the_rests_rival(logits, key, questions=None):
    return _both_voices(_rest, lambda logits, waves, rest: (_highest_wrong(rest),) * 2)(logits, key, questions)


@mistake("two_voices", "The rival is looked for in the circuit; it is the highest wrong candidate of the whole logits.")
def voices_with_the_circuits_rival(logits, key, questions=None):
    return _both_voices(_rest, lambda logits, waves, rest: (_highest_wrong(waves),) * 2)(logits, key, questions)


@mistake(
    "two_voices", "Where the model is right, the highest logit is the right answer's own: the rival must be wrong."
)
def voices_without_a_rival(logits, key, questions=None):
    highest = logits.flatten(0, 1).argmax(dim=1, keepdim=True)
    return _both_voices(_rest, lambda logits, waves, rest: (highest,) * 2)(logits, key, questions)


@mistake(
    "two_voices", "The right answer is not among the others: set it to −∞, for logits below 0 would lose to a zero."
)
def voices_with_a_zero_for_the_right(logits, key, questions=None):
    p = len(logits)
    masked = (logits - logits.max() - 1).flatten(0, 1).scatter(1, circuit.sum_labels(p).reshape(-1, 1), 0)
    return _both_voices(_rest, lambda *tables: (masked.argmax(dim=1, keepdim=True),) * 2)(logits, key, questions)


@mistake("two_voices", "The means of the candidates went to the circuit; they belong to no wave, and to the rest.")
def voices_with_the_mean_in_the_circuit(logits, key, questions=None):
    kept = circuit.ablate_frequencies(logits, keep=key)
    return _both_voices(lambda logits, key: logits - kept)(logits, key, questions)


@mistake("two_voices", "The means of the candidates are in neither voice: together they should be the whole lead.")
def voices_without_the_mean(logits, key, questions=None):
    without = logits - logits.mean(dim=(0, 1))
    rivals = _highest_wrong(logits)
    rest = circuit.ablate_frequencies(without, drop=key)
    return _ahead(without - rest, rivals, questions), _ahead(rest, rivals, questions)


@mistake("two_voices", "The means of the candidates are in both voices: together they should be the whole lead.")
def voices_with_the_mean_twice(logits, key, questions=None):
    rivals = _highest_wrong(logits)
    kept = circuit.ablate_frequencies(logits, keep=key)
    return _ahead(kept, rivals, questions), _ahead(_rest(logits, key), rivals, questions)


@mistake("two_voices", "The second is the whole lead; it should be what the rest gives, without the circuit.")
def voices_with_the_whole(logits, key, questions=None):
    rivals = _highest_wrong(logits)
    return _ahead(logits - _rest(logits, key), rivals, questions), _ahead(logits, rivals, questions)


@mistake("two_voices", "The two are the wrong way round: the circuit comes first.")
def voices_the_other_way_round(logits, key, questions=None):
    return measures.two_voices(logits, key, questions)[::-1]


@mistake("two_voices", "The sign is wrong: the lead is positive where the right answer is ahead.")
def voices_of_the_rival(logits, key, questions=None):
    return tuple(-lead for lead in measures.two_voices(logits, key, questions))


@mistake(
    "two_voices", "The second has the sign turned over: it is the right answer's lead in the rest, not the rival's."
)
def voices_against_each_other(logits, key, questions=None):
    ours, theirs = measures.two_voices(logits, key, questions)
    return ours, -theirs


@mistake("two_voices", "The argument `questions` has no effect: there is a lead for every question.")
def voices_on_all_questions(logits, key, questions=None):
    return measures.two_voices(logits, key)


@mistake("two_voices", "The questions are sorted here; they should stay in the order in which they are given.")
def voices_sorted(logits, key, questions=None):
    return measures.two_voices(logits, key, None if questions is None else questions.sort().values)


@mistake("two_voices", "These are means; there should be a lead for each question.")
def voices_averaged(logits, key, questions=None):
    return tuple(lead.mean() for lead in measures.two_voices(logits, key, questions))


@mistake("two_voices", "The right answer is compared with the mean of all candidates; it should be with its rival.")
def voices_over_the_mean(logits, key, questions=None):
    return tuple(_over_others(table, questions, 0) for table in (logits - _rest(logits, key), _rest(logits, key)))


@mistake("two_voices", "The right answer is compared with the mean of the wrong ones; it should be with its rival.")
def voices_over_the_mean_of_the_others(logits, key, questions=None):
    return tuple(_over_others(table, questions, 1) for table in (logits - _rest(logits, key), _rest(logits, key)))


def _over_others(table, questions, left_out):
    p = len(table)
    scores, right = table.reshape(p * p, p), circuit.sum_labels(p).reshape(-1, 1)
    own = scores.gather(1, right).squeeze(1)
    found = own - (scores.sum(dim=1) - left_out * own) / (p - left_out)
    return found if questions is None else found[questions]


@mistake("two_voices", "Logits of other questions than those given are set to zero first. Look for the waves before.")
def voices_with_waves_of_some(logits, key, questions=None):
    if questions is None:
        return measures.two_voices(logits, key)
    p, rivals = len(logits), _highest_wrong(logits)
    chosen = torch.zeros(p * p, 1, dtype=logits.dtype).index_fill(0, questions, 1).reshape(p, p, 1)
    rest = _rest(logits * chosen, key)
    return _ahead(logits * chosen - rest, rivals, questions), _ahead(rest, rivals, questions)


@mistake("two_voices", "All four products of two waves are in the circuit; those of a − b know nothing of the sum.")
def voices_with_all_products(logits, key, questions=None):
    return _both_voices(lambda x, k: circuit.ablate_frequencies(x, drop=k, part="products"))(logits, key, questions)


@mistake(
    "two_voices", "The waves of a alone and of b alone are in the circuit as well; only those of the sum belong to it."
)
def voices_with_single_waves(logits, key, questions=None):
    return _both_voices(lambda x, k: circuit.ablate_frequencies(x, drop=k, part="polynomial"))(logits, key, questions)


@mistake("two_voices", "Only one of the frequencies is in the circuit; all belong to it, together.")
def voices_of_one_frequency(logits, key, questions=None):
    return measures.two_voices(logits, list(key)[:1], questions)


@mistake("two_voices", "Only one of the frequencies is in the circuit; all belong to it, together.")
def voices_of_the_last_frequency(logits, key, questions=None):
    return measures.two_voices(logits, list(key)[-1:], questions)


@mistake(
    "two_voices",
    "The right answers are set to −∞ in the caller's own logits: use `scatter`, not `scatter_`, or a copy.",
)
def voices_in_place(logits, key, questions=None):
    found = measures.two_voices(logits, key, questions)
    logits.reshape(len(logits) ** 2, -1).scatter_(1, circuit.sum_labels(len(logits)).reshape(-1, 1), -torch.inf)
    return found


@mistake("two_voices", "The result is converted to float64: it should have the dtype of the logits.")
def voices_in_float64(logits, key, questions=None):
    return tuple(lead.double() for lead in measures.two_voices(logits, key, questions))


@mistake("two_voices", "The result is converted to float32: it should have the dtype of the logits.")
def voices_in_float32(logits, key, questions=None):
    return tuple(lead.float() for lead in measures.two_voices(logits, key, questions))


# --- balance_tips -----------------------------------------------------------------------------------------------------


@checks("balance_tips", "where the two voices are equally loud")
def test_balance_tips(student, draw):
    got = expect_choice(student, "balance_tips", "abcd")
    expect(got == answers.balance_tips(), "the sum of the two leads comes through zero somewhere else")


wrong_values(
    "balance_tips",
    "There the circuit is only beginning: its lead is far too small to hold against the list.",
    "a",
    "A",
)
wrong_values(
    "balance_tips",
    "The excluded loss is about the training questions; on all others the list still speaks, and is louder.",
    "b",
    "B",
)
wrong_values(
    "balance_tips",
    "Where the mean lead is zero, about half of the questions are still answered wrongly.",
    "d",
    "D",
)
wrong_values("balance_tips", "Give the letter of your answer, not a step.", 5000, 5100, "onset")


# --- lead_on_the_list -------------------------------------------------------------------------------------------------


@checks("lead_on_the_list", "what the lead on the training questions does along the plateau")
def test_lead_on_the_list(student, draw):
    got = expect_choice(student, "lead_on_the_list", "abc")
    expect(got == answers.lead_on_the_list(), "the sum of the two leads does something else")


wrong_values(
    "lead_on_the_list",
    "The gradient asks for more at every step, and decay takes some at every step: what if they are equal?",
    "a",
    "A",
)
wrong_values(
    "lead_on_the_list",
    "The weights shrink, but a lead hangs on how they are used as well. What does the training loss do meanwhile?",
    "b",
    "B",
)
wrong_values("lead_on_the_list", "Give the letter of your answer, not a number or a word.", 16, "still")


# --- gini -------------------------------------------------------------------------------------------------------------


def _gini(values):
    x = np.asarray(values, dtype=np.float64)
    return np.abs(x[:, None] - x).sum() / (2 * len(x) * x.sum())


@checks("gini", "two, three and many unequal values, in any order")
def test_gini_values(student, draw):
    cases = [draw.normal(m).abs() + 0.01 for m in (2, 3, draw.integer(5, 9), draw.integer(50, 113))]
    cases = [x.sort().values.roll(1) for x in cases]  # never in order, rising or falling
    for x, got in [(x, student.gini(x)) for x in cases]:
        on = f"{len(x)} values in no order"
        expect_close(expect_number(got, on), _gini(x), "should be the mean difference over twice the mean", on)


@checks("gini", "the two ends: all alike, and one has everything")
def test_gini_ends(student, draw):
    cases = [(4, student.gini(torch.full((4,), 2.0)), student.gini(torch.tensor([0.0, 0.0, 0.0, 1.0])))]
    for m in (2, draw.integer(5, 20)):
        one = torch.zeros(m)
        one[draw.integer(0, m - 2)] = draw.number(1, 9)  # never in order
        cases.append((m, student.gini(torch.full((m,), draw.number(1, 9))), student.gini(one)))
    for m, alike, rich in cases:
        expect_close(expect_number(alike), 0, "should be zero if all have the same", f"{m} equal values")
        message = "should be the largest value that m numbers can have: 1 − 1/m"
        expect_close(expect_number(rich), 1 - 1 / m, message, f"{m} values, all but one of them zero")


@checks("gini", "the scale does not count")
def test_gini_scale(student, draw):
    x = draw.normal(draw.integer(5, 9)).abs() + 0.01
    x = x.sort().values.roll(1)
    for factor, got in [(factor, student.gini(factor * x)) for factor in (1e-5, 1e5)]:
        on = f"{len(x)} values of about {factor:g}"
        expect_close(expect_number(got, on), _gini(x), "should not depend on the scale", on)


@checks("gini", "float64 keeps its digits", side=True)
def test_gini_digits(student, draw):
    x = (draw.normal(draw.integer(5, 9), dtype=torch.float64).abs() + 0.01).sort().values.roll(1)
    got, on = student.gini(x), f"{len(x)} values in float64"
    expect_digits(expect_number(got, on), _gini(x), on, rtol=1e-12, atol=1e-12)


@checks("gini", UNCHANGED, side=True)
def test_gini_unchanged(student, draw):
    cases = [((draw.normal(m).abs() + 0.01).sort().values.roll(1),) for m in (5, 9)]
    expect_unchanged(student, "gini", cases, "the list of values")


@mistake("gini", "The formula with i = 1 … m is about the sorted values, the smallest first.")
def gini_unsorted(values):
    m = len(values)
    return ((2 * torch.arange(1, m + 1, dtype=values.dtype) - m - 1) * values).sum() / (m * values.sum())


@mistake("gini", "`.sort()` of a tensor gives the values and their places: take its `.values`.")
def gini_of_values_and_places(values):
    return (torch.arange(1, len(values) + 1) * values.sort()).sum()


@mistake("gini", "The sign is wrong: the values are sorted, but with the largest first.")
def gini_descending(values):
    return -measures.gini(values)


@mistake("gini", "This is twice too large: it is the mean difference over twice the mean.")
def gini_doubled(values):
    return 2 * measures.gini(values)


@mistake("gini", "A value's difference from itself counts as well: there are m² pairs, not m(m − 1).")
def gini_of_pairs(values):
    return measures.gini(values) * len(values) / max(1, len(values) - 1)


@mistake("gini", "This is 1 minus the coefficient: it measures how equal the values are.")
def gini_turned_over(values):
    return 1 - measures.gini(values)


@mistake("gini", "The count begins at 1 in the formula, and at 0 in Python.")
def gini_from_zero(values):
    m = len(values)
    return ((2 * torch.arange(m, dtype=values.dtype) - m - 1) * values.sort().values).sum() / (m * values.sum())


@mistake(
    "gini", "The differences cancel: each pair occurs once with a plus and once with a minus. Take absolute values."
)
def gini_without_absolutes(values):
    m = len(values)
    return (values[:, None] - values).sum() / (2 * m * values.sum())


@mistake("gini", "This is half of it: every pair counts twice, once in each order.")
def gini_of_pairs_once(values):
    return measures.gini(values) / 2


@mistake("gini", "It is to be divided by the sum of the values: it should not depend on their scale.")
def gini_not_divided_by_the_sum(values):
    return measures.gini(values) * values.sum()


@mistake("gini", "It is to be divided by the mean of the values: it should not depend on their scale.")
def gini_not_divided_by_the_mean(values):
    return measures.gini(values) * values.mean()


@mistake("gini", "It is to be divided by the sum of the values once; m is there once, too.")
def gini_divided_by_m_squared(values):
    return measures.gini(values) / len(values)


@mistake("gini", "It is to be divided by m: otherwise it grows with the number of values.")
def gini_not_divided_by_m(values):
    return measures.gini(values) * len(values)


@mistake("gini", "The differences are squared here; their absolute values are to be added up.")
def gini_of_squared_differences(values):
    return (values[:, None] - values).square().sum() / (2 * len(values) * values.sum())


@mistake("gini", "What is added to the sum, so as not to divide by 0, makes the result too small for small values.")
def gini_with_a_millionth(values):
    return measures.gini(values) * values.sum() / (values.sum() + 1e-6)


@mistake("gini", "The caller's list is sorted in place: `.sort()` of a tensor, or `sorted`, makes a new one.")
def gini_in_place(values):
    coefficient = measures.gini(values)
    values.copy_(values.sort().values)
    return coefficient


@mistake("gini", "Everything is converted to float32 on the way.")
def gini_in_float32(values):
    return measures.gini(values.float())


@mistake("gini", "The values are squared first; that is the coefficient of energies, and another number.")
def gini_of_squares(values):
    return measures.gini(values.square())


@mistake("gini", "This is the Gini impurity of decision trees, 1 − Σ share²: another thing of the same name.")
def gini_impurity(values):
    return 1 - (values / values.sum()).square().sum()


# --- weight_norms -----------------------------------------------------------------------------------------------------


def _modules(draw):
    """Weights of a module: its own, and those of a part; and constants, which are none."""
    return [
        ([draw.normal(2, 3)], [], []),
        ([draw.normal(7, 5), draw.normal(2)], [draw.normal(2, 2, 5)], []),
        ([draw.normal(draw.integer(2, 9))], [draw.normal(4, draw.integer(2, 9)), draw.normal(1)], [draw.normal(3)]),
    ]


def _norms(own, inner, constants):
    return [float(np.sqrt((weight.double().numpy() ** 2).sum())) for weight in [*own, *inner]]


@checks("weight_norms", "one length for each weight, in the model's order", weight=2)
def test_weight_norms_values(student, draw):
    cases = [(parts, student.weight_norms(student.make("module", *parts))) for parts in _modules(draw)]
    for parts, got in cases:
        count = len(parts[0]) + len(parts[1])
        on = f"a module with {count} weights" + (" and a constant, which is not learnt" if parts[2] else "")
        message = "each weight's squares should be added up and the root taken, in the order of its parameters"
        expect_close(expect_values(got, (count,), on), _norms(*parts), message, on)


@checks("weight_norms", "a tensor of numbers only: nothing that the gradient would flow through", side=True)
def test_weight_norms_graph(student, draw):
    function = student.value("weight_norms")
    parts = _modules(draw)[1]
    model = student.make("module", *parts)
    got, hangs = student.weight_norms(model), student.make("returns_attached", function, model)
    on = "a module with 3 weights"
    expect_close(expect_tensor(got, (3,), on=on), _norms(*parts), "should be the length of each weight", on)
    expect(not hangs, "what is returned should not hang on the graph: it is a measurement", on)


def _of_weights(model, function):
    with torch.no_grad():
        return torch.stack([function(weight) for weight in model.parameters()])


@mistake("weight_norms", "These are the sums of squares; the length is the root of each.")
def norms_squared(model):
    return _of_weights(model, lambda weight: weight.square().sum())


@mistake("weight_norms", "This is one length for the whole model; each weight should have its own.")
def norms_of_all(model):
    return _of_weights(model, lambda weight: weight.square().sum()).sum().sqrt()


@mistake("weight_norms", "These are averages: a large matrix is longer than a small one with entries of the same size.")
def norms_as_averages(model):
    return _of_weights(model, lambda weight: weight.square().mean().sqrt())


@mistake("weight_norms", "The lengths are right; asked for is a tensor, and `torch.stack` makes one of a list of them.")
def norms_in_a_list(model):
    return list(_of_weights(model, torch.norm))


@mistake("weight_norms", "There is a length for each row here; each weight has one, whatever its shape.")
def norms_of_rows(model):
    with torch.no_grad():
        return torch.cat([weight.norm(dim=-1).flatten() for weight in model.parameters()])


@mistake("weight_norms", "Absolute values are added up; the Euclidean length adds squares.")
def norms_of_absolutes(model):
    return _of_weights(model, lambda weight: weight.abs().sum())


@mistake("weight_norms", "These are the largest entries; every entry counts.")
def norms_of_the_largest(model):
    return _of_weights(model, lambda weight: weight.abs().max())


@mistake("weight_norms", "The model's constants are in the list; they are not learnt, and are no parameters.")
def norms_of_the_state(model):
    return torch.stack([value.detach().norm() for value in model.state_dict().values()])


@mistake("weight_norms", "Only the module's own weights are here; those of its parts belong to it.")
def norms_of_the_outside(model):
    with torch.no_grad():
        return torch.stack([weight.norm() for weight in model.parameters(recurse=False)])


@mistake(
    "weight_norms", "Vectors are weights too: none may be left out for having another number of dimensions than two."
)
def norms_of_matrices(model):
    with torch.no_grad():
        return torch.stack([weight.norm() for weight in model.parameters() if weight.ndim == 2])


@mistake(
    "weight_norms", "Vectors are weights too: none may be left out for having another number of dimensions than two."
)
def norms_without_vectors(model):
    with torch.no_grad():
        return torch.stack([weight.norm() for weight in model.parameters() if weight.ndim > 1])


@mistake("weight_norms", "The lengths are sorted here, or their names; asked for is the order of the parameters.")
def norms_by_name(model):
    with torch.no_grad():
        return torch.stack([weight.norm() for _, weight in sorted(model.named_parameters(), key=lambda one: one[0])])


@mistake("weight_norms", "The lengths are sorted here, or their names; asked for is the order of the parameters.")
def norms_by_size(model):
    return _of_weights(model, torch.norm).sort().values


@mistake("weight_norms", "The numbers are right, but still hang on the graph: `torch.no_grad` is for measurements.")
def norms_with_graph(model):
    return torch.stack([weight.norm() for weight in model.parameters()])


# --- first_to_announce ------------------------------------------------------------------------------------------------


@checks("first_to_announce", "which of them moves first")
def test_first_to_announce(student, draw):
    got = expect_choice(student, "first_to_announce", "abcd")
    expect(got == answers.first_to_announce(), "another measure has moved a tenth of its way before this one")


wrong_values(
    "first_to_announce",
    "It must fall through many powers of ten before a tenth of its way in logarithms is behind it.",
    "a",
    "A",
)
wrong_values("first_to_announce", "The spectrum sharpens steadily, but mostly in the clean-up.", "c", "C")
wrong_values(
    "first_to_announce",
    "A neuron counts as specialised only once 85 % of it is one frequency: that is a late mark, not an early one.",
    "d",
    "D",
)
wrong_values("first_to_announce", "Give the letter of your answer, not a step or a name.", 1000, "excluded")


# --- announced --------------------------------------------------------------------------------------------------------


def _course(draw, n, rises=True):
    """Steps, a measure that goes its way with ups and downs, and a start after the first entries."""
    steps = 100 * torch.cumsum(draw.integers(1, 3, n), 0) - 100
    way = torch.linspace(0, 1, n, dtype=torch.float64) ** 2
    begin = 2 + n % 2
    way[begin], way[-1] = 0, 1
    way[begin + 1 : begin + 3] = torch.tensor([0.03, -0.105 if rises else 0.05])  # a little, then the wrong way
    way[n // 2 + 2] = 2 if rises else 1.25  # further than at the end
    way[:begin] = torch.tensor([-0.5, -0.3, -0.4])[:begin]
    values = draw.number(1.15, 1.25) + 2 * (way if rises else 1 - way)
    return steps, values, int(steps[begin]) - draw.integer(1, 40)


LENGTHS = (12, 55, 110)
"""Of courses: not drawn, since the place of a checkpoint decides which mistake is seen."""


def _just_after(way):
    """A share of a way that is a little more than one of its checkpoints, and so nearer to that than to the next."""
    place = round(0.65 * len(way))
    return round(float(way[place] + 0.3 * (way[place + 1] - way[place])), 6)


def _back_and_forth(draw, rises, early=True):
    """A measure that has a tenth of its way behind it, falls back, and gets there again later."""
    way = [0, 0.15, 0.05, 0.02, 0.08, 0.03, 0.06, 0.02, 0.09, 0.01, 0.05, 0.2, 0.4, 0.7, 0.9, 1]
    if not early:  # where a search that halves the list finds the first time nevertheless
        way = [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.15, 0.2, 0.05, 0.2, 0.3, 0.4, 0.7, 0.9, 1]
    way = torch.tensor([0.5, 0.3, *way], dtype=torch.float64)
    steps = 100 * torch.cumsum(draw.integers(1, 3, len(way)), 0)
    size = draw.number(1, 3)
    base = draw.number(0.65, 0.85) * size  # a tenth of the last value is between the same two of the way
    return steps, base + size * (way if rises else 1 - way), int(steps[2])


def _announced(steps, values, start, share=0.1, log=False):
    kept = [(step, value) for step, value in zip(steps.tolist(), values.tolist(), strict=True) if step >= start]
    kept = [(step, np.log(value) if log else value) for step, value in kept]
    first, last = kept[0][1], kept[-1][1]
    for step, value in kept:
        if first != last and (value - first) / (last - first) >= share:
            return step
    return None


def _compare_dates(student, cases, message):
    function = student.value("announced")
    asked = [(case, student.make("call_with_arrays", function, *case[:3], **case[3])) for case in cases]
    for (steps, values, start, options), got in asked:
        more = "".join(f", {name} = {value}" for name, value in options.items())
        on = f"{len(steps)} checkpoints, start = {start}{more}"
        expected = _announced(steps, values, start, **options)
        if expected is None:
            expect(got is None, "a measure that has nowhere to go announces nothing: None", on)
        else:
            expect(got is not None, "the measure goes its way, but None was returned", on)
            expect_close(expect_number(got, on), expected, message, on, rtol=0, atol=0.1)


@checks("announced", "a measure that rises, from its value at the start to its last one")
def test_announced_rising(student, draw):
    cases = [(*_course(draw, n), {}) for n in LENGTHS]
    _compare_dates(student, cases, "should be the first step by which a tenth of the way is behind the measure")


@checks("announced", "a measure that falls does it in the same way", weight=2)
def test_announced_falling(student, draw):
    cases = [(*_course(draw, n, rises=False), {}) for n in LENGTHS]
    _compare_dates(student, cases, "down counts as well as up: a tenth of the way, whichever its direction")


@checks("announced", "another share, or a way in logarithms", weight=2)
def test_announced_options(student, draw):
    steps, values = 100 * torch.arange(1, 6), draw.integer(1, 9) + torch.arange(5, dtype=torch.float64)
    cases = [
        (steps, values, 50, {"share": 0.5}),
        (steps, values, 100, {"share": 0.45}),
    ]  # just reached; from 100 itself
    for n in (14, 65):
        steps, values, start = _course(draw, n)
        cases.append((steps, values, start, {"share": _just_after((torch.arange(n) / (n - 1)) ** 2)}))
        loss = torch.cat([torch.full((4,), 10.0), torch.logspace(1, -7, n - 4)]).double()
        cases.append((steps, loss, start, {"log": True, "share": _just_after(torch.linspace(0, 1, n - 4))}))
    _compare_dates(student, cases, "should be the first step by which that share of the way is behind the measure")


@checks("announced", "a measure that goes back and forth: the first time counts")
def test_announced_back_and_forth(student, draw):
    cases = [(*_back_and_forth(draw, *how), {}) for how in ((True,), (False,), (True, False))]
    steps, values, start = _back_and_forth(draw, rises=True)
    cases.append((steps, values.exp(), start, {"log": True}))
    _compare_dates(student, cases, "a tenth of the way was behind the measure earlier than that, or is not yet")


@checks("announced", "a measure that has nowhere to go", side=True)
def test_announced_never(student, draw):
    steps, values, start = _course(draw, 12)
    _compare_dates(student, [(steps, torch.full_like(values, draw.number(1, 2)), start, {})], "")


@checks("announced", "a measure that is NaN at either end announces nothing", side=True)
def test_announced_nan(student, draw):
    steps, values, _ = _course(draw, 12)
    cases = []
    for place in (4, -1):
        broken = values.clone()
        broken[place] = torch.nan
        cases.append((steps, broken, int(steps[4]), {}))
    _compare_dates(student, cases, "")


@checks("announced", UNCHANGED, side=True)
def test_announced_unchanged(student, draw):
    steps, values, start = _course(draw, 12)
    changed = student.make("changes_arrays", student.value("announced"), steps, values, start)
    expect(changed is False, "steps and values should not be changed in place", "12 checkpoints")


def _dated(steps, gone):
    """The first step at which it holds, as the package answers."""
    return int(steps[np.argmax(gone)])


def _cut(steps, values, start, log):
    values = np.log(values) if log else values
    return steps[steps >= start], values[steps >= start]


def _careless(steps, values, start, share=0.1, log=False):
    """The date of a measure, by those who do not think of NaN."""
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, (values - values[0]) / (values[-1] - values[0]) >= share)


def _careful(steps, values, start, share=0.1, log=False):
    """The date of a measure, by those who think of NaN at the ends of what they have cut out."""
    _, left = _cut(steps, values, start, log)
    return None if np.isnan(left[[0, -1]]).any() else _careless(steps, values, start, share, log)


def _wrong_date(hint):
    """Plant a mistake with and without thought of NaN at the ends; it is given what finds the right date."""

    def register(answer):
        def thinking_of_nan(steps, values, start, share=0.1, log=False):
            _, left = _cut(steps, values, start, log)
            if np.isnan(left[[0, -1]]).any():
                return None
            return answer(_careless, steps, values, start, share, log)

        def careless(steps, values, start, share=0.1, log=False):
            return answer(_careless, steps, values, start, share, log)

        def thinking_of_nan_too_late(steps, values, start, share=0.1, log=False):
            return answer(_careful, steps, values, start, share, log)

        for flavour in (careless, thinking_of_nan, thinking_of_nan_too_late):
            flavour.__name__ = f"{answer.__name__}_{flavour.__name__}"
            mistake("announced", hint)(flavour)
        return answer

    return register


@_wrong_date("What was before `start` counts here: the way begins at the first checkpoint from there on.")
def announced_from_the_beginning(date, steps, values, start, share, log):
    return date(steps, values, int(steps[0]), share, log)


@_wrong_date(
    "This only sees a measure that rises. A quotient, what is behind it by its whole way, has the right sign for both.",
)
def announced_only_upwards(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, values - values[0] >= share * abs(values[-1] - values[0]))


@_wrong_date("This waits for a share of the last value, not of the way to it.")
def announced_share_of_the_end(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, abs(values - values[0]) >= share * abs(values[-1]))


@_wrong_date("This waits for a share of the last value, not of the way to it.")
def announced_quotient_of_the_end(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, values / values[-1] >= share)


@_wrong_date("This is a place in the array; the step that stands there is asked for.")
def announced_index(date, steps, values, start, share, log):
    found = date(steps, values, start, share, log)
    return None if found is None else int(np.flatnonzero(steps == found)[0])


@_wrong_date("This is a place in what is left from `start` on; the step that stands there is asked for.")
def announced_index_from_the_start(date, steps, values, start, share, log):
    found = date(steps, values, start, share, log)
    return None if found is None else int(np.flatnonzero(steps[steps >= start] == found)[0])


@_wrong_date("The place is one among what is left from `start` on, but is looked up among all steps.")
def announced_looked_up_among_all(date, steps, values, start, share, log):
    place = announced_index_from_the_start(date, steps, values, start, share, log)
    return None if place is None else int(steps[place])


@_wrong_date("This is the value; the step at which the measure has it is asked for.")
def announced_value(date, steps, values, start, share, log):
    found = date(steps, values, start, share, log)
    return None if found is None else float(values[steps == found][0])


SORTED = "`np.searchsorted` looks in what is sorted; a measure that goes back and forth is not."


@_wrong_date(SORTED)
def announced_by_searching(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return int(steps[np.searchsorted((values - values[0]) / (values[-1] - values[0]), share)])


@_wrong_date("That is the last time that it gets there; the first time counts.")
def announced_the_last_time(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    gone = (values - values[0]) / (values[-1] - values[0])
    return int(steps[np.flatnonzero(gone < share)[-1] + 1])


@_wrong_date("That is the last checkpoint at which the share is behind it; the first one counts.")
def announced_the_last_of_all(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    gone = (values - values[0]) / (values[-1] - values[0])
    return int(steps[np.flatnonzero(gone >= share)[-1]])


@_wrong_date("The checkpoint nearest to the share is taken; the first by which it is behind the measure counts.")
def announced_the_nearest(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    gone = (values - values[0]) / (values[-1] - values[0])
    return int(steps[np.argmin(abs(gone - share))])


@_wrong_date("The next checkpoint after it is returned; the one by which the share is behind it counts.")
def announced_one_too_late(date, steps, values, start, share, log):
    found = date(steps, values, start, share, log)
    return None if found is None else int(steps[min(len(steps) - 1, int(np.flatnonzero(steps == found)[0]) + 1)])


NAN_ENDS = "Where either end is NaN, no comparison is true, and `np.argmax` of nothing true is 0: ask for it first."


mistake("announced", NAN_ENDS)(_careless)


@mistake("announced", "NaN at an end leaves no checkpoint to choose from: ask for it first, and return None.")
def announced_no_place_for_nan(steps, values, start, share=0.1, log=False):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return int(steps[np.flatnonzero((values - values[0]) / (values[-1] - values[0]) >= share)[0]])


@mistake(
    "announced",
    "A measure that has nowhere to go gets a step here: nothing by nothing is NaN, and nowhere at least the share.",
)
def announced_nothing_by_nothing(steps, values, start, share=0.1, log=False):
    steps, values = _cut(steps, values, start, log)
    return _dated(steps, (values - values[0]) / (values[-1] - values[0]) >= share)


@_wrong_date("The way is taken to lead to the highest or lowest value; it leads to the last one.")
def announced_to_the_extreme(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    far = values.max() if values[-1] > values[0] else values.min()
    return _dated(steps, (values - values[0]) / (far - values[0]) >= share)


@_wrong_date("The way is taken to lead from the lowest value to the highest; it leads from the first to the last one.")
def announced_from_lowest_to_highest(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, abs(values - values[0]) >= share * (values.max() - values.min()))


@_wrong_date("The way is taken to lead from the lowest value to the highest; it leads from the first to the last one.")
def announced_above_the_lowest(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, (values - values.min()) / (values.max() - values.min()) >= share)


@_wrong_date("A step in the wrong direction counts here as part of the way.")
def announced_at_any_distance(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, abs(values - values[0]) >= share * abs(values[-1] - values[0]))


@_wrong_date("A checkpoint at `start` itself is not before it: it counts.")
def announced_after_the_start(date, steps, values, start, share, log):
    return date(steps, values, start + 1, share, log)


@_wrong_date("A share that is just reached is behind the measure: at least, not more than.")
def announced_strictly(date, steps, values, start, share, log):
    steps, values = _cut(steps, values, start, log)
    if values[-1] == values[0]:
        return None
    return _dated(steps, (values - values[0]) / (values[-1] - values[0]) > share)


@_wrong_date("Logarithms are taken here although nobody asked for them.")
def announced_always_in_logarithms(date, steps, values, start, share, log):
    return date(steps[steps >= start], values[steps >= start], start, share, log=True)


@_wrong_date("`log` has no effect.")
def announced_without_logarithms(date, steps, values, start, share, log):
    return date(steps, values, start, share)


@_wrong_date("`share` has no effect: it is always a tenth.")
def announced_always_a_tenth(date, steps, values, start, share, log):
    return date(steps, values, start, log=log)


@_wrong_date("That is the last step before that share is behind it; the first step by which it is counts.")
def announced_one_too_early(date, steps, values, start, share, log):
    found = date(steps, values, start, share, log)
    return None if found is None else int(steps[max(0, int(np.flatnonzero(steps == found)[0]) - 1)])


# --- alarm ------------------------------------------------------------------------------------------------------------


def _alarm(steps, each, start, line=0.1):
    for step, row in zip(steps.tolist(), each.tolist(), strict=True):
        damage = [loss - row[0] for loss in row[1:]]
        if step >= start and max(damage) > line:
            return [step, 1 + damage.index(max(damage))]
    return None


def _quiet(draw, n, frequencies, level=0.0):
    """Steps, and losses without each frequency of a run in which nothing hurts: all near the loss itself."""
    steps = 100 * torch.cumsum(draw.integers(1, 3, n), 0)
    loss = level + draw.number(1, 2) * torch.logspace(0, -3, n, dtype=torch.float64)
    noise = 0.001 * draw.normal(n, frequencies, dtype=torch.float64).abs().clamp(max=2)
    return steps, torch.cat([loss[:, None], loss[:, None] + noise], dim=1)


def _compare_alarms(student, cases, message):
    function = student.value("alarm")
    asked = [(case, student.make("call_with_arrays", function, *case[:3], **case[3])) for case in cases]
    for (steps, each, start, options), got in asked:
        on = f"{len(steps)} checkpoints, {each.shape[1] - 1} frequencies, start = {start}"
        on += "".join(f", {name} = {value:.2g}" for name, value in options.items())
        expected = _alarm(steps, each, start, **options)
        if expected is None:
            expect(got is None, "where no frequency's damage is above the line there is no alarm: None", on)
            continue
        expect(got is not None, "a frequency's damage is above the line, but None was returned", on)
        kind = isinstance(got, list) and len(got) == 2
        expect(kind, "should return two numbers, the step and the frequency", on)
        for one, right in zip(got, expected, strict=True):
            expect_close(expect_number(one, on), right, message, on, rtol=0, atol=0.1)


@checks("alarm", "the first checkpoint at which one frequency hurts", weight=2)
def test_alarm_first(student, draw):
    cases = []
    for n, frequencies in ((6, 3), (9, draw.integer(5, 8)), (30, 11)):
        steps, each = _quiet(draw, n, frequencies)
        place, k = draw.integer(2, n - 3), draw.integer(1, frequencies)
        each[place:, k] += draw.number(1, 2)
        each[place + 1 :, 1 + k % frequencies] += 5  # later, and more
        cases.append((steps, each, int(steps[1]), {}))
    _compare_alarms(student, cases, "should be the first step at which a damage is above the line, and its frequency")


@checks("alarm", "what happens before the start does not count, and the start itself does")
def test_alarm_start(student, draw):
    cases = []
    for at in (3, 5):
        steps, each = _quiet(draw, 9, 6, level=draw.number(1, 2))
        each[:2, 2] += 3
        each[at:, 4] += 2
        each[-1, 4] += 1
        cases.append((steps, each, int(steps[3]), {}))
    _compare_alarms(student, cases, "should be the first such step from the start on")


@checks("alarm", "several frequencies at the same checkpoint: that which hurts most", weight=2)
def test_alarm_largest(student, draw):
    cases = []
    for one, other in ((2, 5), (6, 1)):
        steps, each = _quiet(draw, 8, 7)
        each[4:, one] += draw.number(0.5, 1)
        each[4:, other] += draw.number(2, 3)
        each[5:, 3] += 9
        cases.append((steps, each, int(steps[1]), {}))
    _compare_alarms(student, cases, "should be the frequency with the largest damage at that checkpoint")


@checks("alarm", "the damage counts, not the loss, and the line can be another", weight=2)
def test_alarm_line(student, draw):
    cases = []
    for line in (None, draw.number(1, 2)):
        steps, each = _quiet(draw, 12, 5, level=draw.number(3, 4))
        each[6:, 2] += 0.8 * (line or 0.1)
        each[8:, 4] += 2 * (line or 0.1) + 0.1
        cases.append((steps, each, int(steps[2]), {} if line is None else {"line": line}))
    steps, each = _quiet(draw, 7, 4)
    each[2, 3] -= 4  # a loss that falls is no damage
    each[3, 1:] += 0.04  # nor are many small damages a large one
    each[5, 2] += 1
    each[6, 1] += 0.05
    cases.append((steps, each, int(steps[1]), {}))
    _compare_alarms(student, cases, "should be the first step at which a damage is above the line, and its frequency")


@checks("alarm", "just on the line is not above it", side=True)
def test_alarm_on_the_line(student, draw):
    steps = 100 * torch.arange(1, 6)
    each = torch.full((5, 4), float(draw.integer(1, 3)), dtype=torch.float64)
    each[2, 2] += 0.5
    each[3, 3] += 1
    _compare_alarms(student, [(steps, each, 100, {"line": 0.5})], "a damage as large as the line is not above it")


@checks("alarm", "a run in which nothing hurts", side=True)
def test_alarm_never(student, draw):
    steps, each = _quiet(draw, 8, 5)
    hurt = each.clone()
    hurt[:3, 2] += 4
    cases = [(steps, each, int(steps[1]), {}), (steps, hurt, int(steps[3]), {})]
    _compare_alarms(student, cases, "")


@checks("alarm", UNCHANGED, side=True)
def test_alarm_unchanged(student, draw):
    steps, each = _quiet(draw, 8, 5)
    each[4:, 2] += 3
    changed = student.make("changes_arrays", student.value("alarm"), steps, each, int(steps[1]))
    expect(changed is False, "steps and losses should not be changed in place", "8 checkpoints")


def _rings(steps, damage, start, line):
    """The places of the checkpoints that ring."""
    return np.flatnonzero((steps >= start) & (damage > line).any(axis=1))


def _ringing(steps, damage, start, line, first=1):
    """The alarm for a table of damages, whose column 0 is frequency ``first``."""
    places = _rings(steps, damage, start, line)
    return (int(steps[places[0]]), first + int(damage[places[0]].argmax())) if len(places) else None


@mistake("alarm", "The loss itself is held against the line; the damage is what it has more than column 0.")
def alarm_by_the_loss(steps, each, start, line=0.1):
    return _ringing(steps, each[:, 1:], start, line)


@mistake("alarm", "Column 0, with nothing taken out, is held against the line as if it were a frequency.")
def alarm_by_all_columns(steps, each, start, line=0.1):
    return _ringing(steps, each, start, line, first=0)


@mistake("alarm", "The frequency is one too small: column 0 was cut off before the largest was looked for.")
def alarm_of_the_frequency_below(steps, each, start, line=0.1):
    return _ringing(steps, each[:, 1:] - each[:, :1], start, line, first=0)


@mistake("alarm", "The frequency is one too large: in the whole table column k is frequency k.")
def alarm_of_the_frequency_above(steps, each, start, line=0.1):
    return _ringing(steps, each[:, 1:] - each[:, :1], start, line, first=2)


@mistake("alarm", "What was before `start` counts here.")
def alarm_from_the_beginning(steps, each, start, line=0.1):
    return measures.alarm(steps, each, 0, line)


@mistake("alarm", "A checkpoint at `start` itself counts.")
def alarm_after_the_start(steps, each, start, line=0.1):
    return measures.alarm(steps, each, start + 1, line)


@mistake("alarm", "`line` has no effect: it is always a tenth of a nat.")
def alarm_always_a_tenth(steps, each, start, line=0.1):
    return measures.alarm(steps, each, start)


@mistake("alarm", "Just on the line is not above it.")
def alarm_on_the_line(steps, each, start, line=0.1):
    return measures.alarm(steps, each, start, np.nextafter(line, 0))


@mistake(
    "alarm", "This is the frequency that hurts most at the end; asked for is the one at the checkpoint that rings."
)
def alarm_of_the_last_checkpoint(steps, each, start, line=0.1):
    found = measures.alarm(steps, each, start, line)
    return None if found is None else (found[0], 1 + int((each[-1, 1:] - each[-1, 0]).argmax()))


@mistake("alarm", "This is the frequency that hurts most of all; asked for is the one at the checkpoint that rings.")
def alarm_of_the_largest_of_all(steps, each, start, line=0.1):
    found, damage = measures.alarm(steps, each, start, line), each[:, 1:] - each[:, :1]
    return None if found is None else (found[0], 1 + int(damage[steps >= start].max(axis=0).argmax()))


@mistake("alarm", "This is the first frequency above the line; of several, that with the largest damage counts.")
def alarm_of_the_first_frequency(steps, each, start, line=0.1):
    found, damage = measures.alarm(steps, each, start, line), each[:, 1:] - each[:, :1]
    return None if found is None else (found[0], 1 + int(np.argmax(damage[steps == found[0]][0] > line)))


@mistake("alarm", "This is the checkpoint with the largest damage; the first above the line is asked for.")
def alarm_at_the_largest(steps, each, start, line=0.1):
    damage = np.where((steps >= start)[:, None], each[:, 1:] - each[:, :1], -np.inf)
    place, k = np.unravel_index(damage.argmax(), damage.shape)
    return (int(steps[place]), 1 + int(k)) if damage.max() > line else None


@mistake("alarm", "This is the last checkpoint above the line; the first is asked for.")
def alarm_the_last_time(steps, each, start, line=0.1):
    damage = each[:, 1:] - each[:, :1]
    places = _rings(steps, damage, start, line)
    return (int(steps[places[-1]]), 1 + int(damage[places[-1]].argmax())) if len(places) else None


@mistake("alarm", "This is a place in the array; the step that stands there is asked for.")
def alarm_index(steps, each, start, line=0.1):
    found = measures.alarm(steps, each, start, line)
    return None if found is None else (int(np.flatnonzero(steps == found[0])[0]), found[1])


@mistake("alarm", "The place is one among what is left from `start` on, but is looked up among all steps.")
def alarm_looked_up_among_all(steps, each, start, line=0.1):
    found = measures.alarm(steps, each, start, line)
    return None if found is None else (int(steps[np.flatnonzero(steps[steps >= start] == found[0])[0]]), found[1])


@mistake("alarm", "The absolute difference is taken: a loss that falls is no damage.")
def alarm_by_any_change(steps, each, start, line=0.1):
    return _ringing(steps, np.abs(each[:, 1:] - each[:, :1]), start, line)


@mistake("alarm", "The damages of all frequencies are added up; a single one must be above the line.")
def alarm_by_the_sum(steps, each, start, line=0.1):
    damage = each[:, 1:] - each[:, :1]
    places = np.flatnonzero((steps >= start) & (damage.sum(axis=1) > line))
    return (int(steps[places[0]]), 1 + int(damage[places[0]].argmax())) if len(places) else None


@mistake("alarm", "The step and the frequency are the wrong way round.")
def alarm_the_other_way_round(steps, each, start, line=0.1):
    found = measures.alarm(steps, each, start, line)
    return None if found is None else found[::-1]


@mistake("alarm", "Only the step is returned; the frequency is asked for as well.")
def alarm_without_the_frequency(steps, each, start, line=0.1):
    found = measures.alarm(steps, each, start, line)
    return None if found is None else found[0]


@mistake("alarm", "`np.argmax` of nothing true is 0: if no checkpoint rings there is no first one. Return None.")
def alarm_that_always_rings(steps, each, start, line=0.1):
    damage = each[:, 1:] - each[:, :1]
    place = int(np.argmax((steps >= start) & (damage > line).any(axis=1)))
    return int(steps[place]), 1 + int(damage[place].argmax())


@mistake("alarm", "The damage is written into the caller's array: `each[:, 1:] - each[:, :1]` makes a new one.")
def alarm_in_place(steps, each, start, line=0.1):
    found = measures.alarm(steps, each, start, line)
    each[:, 1:] -= each[:, :1]
    return found
