"""Other correct solutions to the exercises of chapter 07."""

import math

import numpy as np
import torch

from grokcourse import circuit, fourier, measures


def _by_hand(logits, questions):
    """The loss in plain log-softmax, float64."""
    p = len(logits)
    rows = logits.double().reshape(p * p, p).log_softmax(dim=-1)
    right = torch.arange(p).repeat(p) + torch.arange(p).repeat_interleave(p)
    losses = -rows[torch.arange(p * p), right % p]
    return losses.mean() if questions is None else losses[questions].mean()


def _by_projection(logits, key):
    """The waves of the sum in the logits, by a basis of tables over a and b."""
    p = len(logits)
    total = (torch.arange(p)[:, None] + torch.arange(p)).double()
    part = torch.zeros_like(logits)
    for k in key:
        for wave in (torch.cos, torch.sin):
            table = wave(2 * math.pi * k * total / p).to(logits.dtype)
            if table.norm() > 1e-3:
                table = table / table.norm()
                part = part + table[:, :, None] * torch.einsum("ab,abc->c", table, logits)
    return part


def restricted_by_projection(logits, key, questions=None):
    return _by_hand(_by_projection(logits, key) + logits.mean(dim=(0, 1), keepdim=True), questions)


def restricted_as_bias_correction(logits, key, questions=None):
    kept = logits - circuit.ablate_frequencies(logits, drop=key)
    return float(_by_hand(kept + (logits - kept).mean(dim=(0, 1)), questions))


def restricted_with_the_constant(logits, key, questions=None):
    kept = circuit.of_sum(fourier.keep_frequencies(circuit.by_sum(logits), [0, *key]))
    return measures.mean_loss(kept, questions).item()


def chance_in_a_loop(logits, key, draws, questions=None):
    count, ours = 1, restricted_by_projection(logits, key, questions)
    for drawn in draws:
        if restricted_by_projection(logits, drawn, questions) <= ours + 1e-12:
            count += 1
    return count / (len(draws) + 1)


def chance_by_numpy(logits, key, draws, questions=None):
    losses = np.array([float(measures.restricted_loss(logits, some, questions)) for some in [key, *draws]])
    return np.mean(losses <= losses[0])


def excluded_by_projection(logits, key, questions=None):
    return _by_hand(logits - _by_projection(logits, key), questions)


def excluded_one_after_the_other(logits, key, questions=None):
    left = logits.clone()
    for k in key:
        left = circuit.ablate_frequencies(left, drop=[k])
    return _by_hand(left, questions).item()


def each_in_a_loop(logits, questions=None):
    p = len(logits)
    losses = [measures.mean_loss(logits, questions)]
    for k in range(1, p // 2 + 1):
        losses.append(measures.excluded_loss(logits, [k], questions))
    return torch.stack(losses)


def each_by_projection(logits, questions=None):
    keys = [[], *([k] for k in range(1, len(logits) // 2 + 1))]
    losses = [float(_by_hand(logits - _by_projection(logits, key), questions)) for key in keys]
    return torch.tensor(losses, dtype=torch.float64)


def gini_by_definition(values):
    differences = (values[:, None] - values[None, :]).abs().sum()
    return differences / (2 * len(values) * values.sum())


def gini_by_the_lorenz_curve(values):
    x = np.sort(values.double().numpy())
    below = np.concatenate([[0], np.cumsum(x) / x.sum()])
    return float(1 - (below[1:] + below[:-1]).sum() / len(x))


def gini_in_a_loop(values):
    x = sorted(values.tolist())
    m = len(x)
    return sum((2 * i - m - 1) * value for i, value in enumerate(x, 1)) / (m * sum(x))


def norms_in_a_list(model):
    return torch.tensor([float(weight.detach().square().sum().sqrt()) for weight in model.parameters()])


def norms_by_linalg(model):
    with torch.no_grad():
        return torch.stack([torch.linalg.vector_norm(weight) for _, weight in model.named_parameters()])


def announced_in_a_loop(steps, values, start, share=0.1, log=False):
    kept = [(int(s), math.log(v) if log else float(v)) for s, v in zip(steps, values, strict=True) if s >= start]
    way = kept[-1][1] - kept[0][1]
    for step, value in kept:
        if way != 0 and (value - kept[0][1]) / way >= share:
            return step
    return None


def announced_with_log10(steps, values, start, share=0.1, log=False):
    steps, values = np.asarray(steps), np.asarray(values, dtype=float)
    chosen = steps >= start
    steps, values = steps[chosen], np.log10(values[chosen]) if log else values[chosen]
    if not np.isfinite(values[0] - values[-1]) or values[0] == values[-1]:
        return None
    rises = values[-1] > values[0]
    goal = values[0] + share * (values[-1] - values[0])
    return steps[np.flatnonzero(values >= goal if rises else values <= goal)[0]]


def announced_by_the_furthest_so_far(steps, values, start, share=0.1, log=False):
    left = values[steps >= start].astype(float)
    left = np.log(left) if log else left
    way = left[-1] - left[0]
    if way == 0 or np.isnan(way):
        return None
    furthest = np.maximum.accumulate((left - left[0]) / way)
    return int(steps[steps >= start][np.searchsorted(furthest, share)])


def voices_in_a_loop(logits, key, questions=None):
    p = len(logits)
    waves = _by_projection(logits, key)
    ours, theirs = [], []
    for row in range(p * p) if questions is None else questions.tolist():
        a, b = row // p, row % p
        scores, right = logits[a, b].clone(), (a + b) % p
        scores[right] = -math.inf
        rival = int(scores.argmax())
        ours.append(waves[a, b, right] - waves[a, b, rival])
        theirs.append(logits[a, b, right] - logits[a, b, rival] - ours[-1])
    return torch.stack(ours), torch.stack(theirs)


def voices_by_topk(logits, key, questions=None):
    p = len(logits)
    rows = torch.arange(p * p) if questions is None else questions
    right = (rows // p + rows % p) % p
    best = logits.reshape(p * p, p)[rows].topk(2, dim=1).indices
    rival = torch.where(best[:, 0] == right, best[:, 1], best[:, 0])
    waves = circuit.ablate_frequencies(logits, keep=key) - logits.mean(dim=(0, 1))
    at = rows // p, rows % p
    both = logits[(*at, right)] - logits[(*at, rival)]
    ours = waves[(*at, right)] - waves[(*at, rival)]
    return ours, both - ours


def alarm_in_a_loop(steps, each, start, line=0.1):
    for step, (plain, *losses) in zip(steps, each, strict=True):
        worst = max(losses)
        if step >= start and worst - plain > line:
            return step, losses.index(worst) + 1
    return None


def alarm_by_the_worst(steps, each, start, line=0.1):
    damage = each - each[:, [0]]
    worst = np.argmax(damage, axis=1)
    ringing = (damage.max(axis=1) > line) & (steps >= start)
    if not ringing.any():
        return None
    place = ringing.argmax()
    return [int(steps[place]), int(worst[place])]


MISSES_THE_POINT = [
    ("restricted_loss", "not_restricted"),
    ("restricted_loss", "kept_all_products"),
    ("restricted_loss", "restricted_one_by_one"),
    ("by_chance", "chance_of_the_worse"),
    ("by_chance", "chance_counted"),
    ("excluded_loss", "not_excluded"),
    ("excluded_loss", "excluded_the_mean"),
    ("excluded_loss_each", "each_after_the_other"),
    ("excluded_loss_each", "each_kept"),
    ("two_voices", "voices_with_rivals_of_their_own"),
    ("two_voices", "voices_over_the_mean"),
    ("gini", "gini_without_absolutes"),
    ("gini", "gini_of_squares"),
    ("weight_norms", "norms_squared"),
    ("announced", "announced_index_careless"),
    ("announced", "announced_only_upwards_thinking_of_nan"),
    ("alarm", "alarm_by_the_loss"),
    ("alarm", "alarm_at_the_largest"),
]
MISSES_A_DETAIL = [
    ("restricted_loss", "restricted_in_the_logits_dtype"),
    ("by_chance", "chance_on_all_questions"),
    ("by_chance", "chance_strictly"),
    ("excluded_loss", "excluded_in_the_logits_dtype"),
    ("excluded_loss_each", "each_in_the_logits_dtype"),
    ("excluded_loss_each", "each_but_half_of_even_p"),
    ("two_voices", "voices_in_place"),
    ("two_voices", "voices_in_float64"),
    ("gini", "gini_in_place"),
    ("weight_norms", "norms_in_a_list"),
    ("announced", "announced_by_searching_thinking_of_nan"),
    ("announced", "_careless"),
    ("alarm", "alarm_on_the_line"),
    ("alarm", "alarm_in_place"),
]

ALTERNATIVES = [
    ("restricted_loss", restricted_by_projection),
    ("restricted_loss", restricted_as_bias_correction),
    ("restricted_loss", restricted_with_the_constant),
    ("by_chance", chance_in_a_loop),
    ("by_chance", chance_by_numpy),
    ("excluded_loss", excluded_by_projection),
    ("excluded_loss", excluded_one_after_the_other),
    ("excluded_end", "D"),
    ("excluded_loss_each", each_in_a_loop),
    ("excluded_loss_each", each_by_projection),
    ("two_voices", voices_in_a_loop),
    ("two_voices", voices_by_topk),
    ("balance_tips", "C"),
    ("lead_on_the_list", "C"),
    ("gini", gini_by_definition),
    ("gini", gini_by_the_lorenz_curve),
    ("gini", gini_in_a_loop),
    ("weight_norms", norms_in_a_list),
    ("weight_norms", norms_by_linalg),
    ("first_to_announce", "B"),
    ("announced", announced_in_a_loop),
    ("announced", announced_with_log10),
    ("announced", announced_by_the_furthest_so_far),
    ("alarm", alarm_in_a_loop),
    ("alarm", alarm_by_the_worst),
]


def test_the_answers_to_the_questions_are_those_that_the_page_tells():
    from grokcourse.autograder.exercises.progress_measures import answers

    assert answers.excluded_end() == "d"
    assert answers.first_to_announce() == "b"
    assert answers.balance_tips() == "c"
    assert answers.lead_on_the_list() == "c"
