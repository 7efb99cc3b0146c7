"""The right answers to the "predict before you run" questions, each computed from the package."""

import functools
import math

import torch

from .. import fourier, measures, runs, tasks, training
from ..config import RunConfig
from ..model import Transformer
from ..torch_state import usual_torch

RECORDED_MAIN = runs.RECORDED / "main"


@functools.cache
def _main_run() -> tuple[runs.Run, measures.Measures]:
    """Read once a process: a class is asked often."""
    return runs.load(RECORDED_MAIN), measures.load(RECORDED_MAIN)


@usual_torch()
def halving_steps() -> int:
    """Half is left as soon as (1 − ηλ)ⁿ ≤ ½, that is n ≥ log 2 / (ηλ), nearly: 0.69 times the clock's 1,000 steps."""
    config, nothing = RunConfig(), torch.zeros((), dtype=torch.float64)
    weight, steps = torch.ones((), dtype=torch.float64), 0
    while weight > 0.5:
        weight = training.sgd_update(weight, nothing, lr=config.lr, weight_decay=config.weight_decay)
        steps += 1
    return steps


@usual_torch()
def first_to_grok() -> str:
    """The stronger the decay, the sooner what is not paid for is gone: the clock is 1/(ηλ), and so is the wait."""
    lr, one = RunConfig().lr, torch.ones((), dtype=torch.float64)
    decays = {"a": 0.1, "b": 0.3, "c": 1.0, "d": 3.0}
    left = {letter: training.sgd_update(one, 0 * one, lr=lr, weight_decay=decay) for letter, decay in decays.items()}
    return min(left, key=lambda letter: float(left[letter]))


@usual_torch()
def twin_share() -> float:
    """About as large as the training set's own share, 30 %: the split draws a question's twin like any other question.

    (A shade less, since a question a + a is its own twin.)
    """
    data = tasks.dataset(RunConfig())
    trained_on_twin = data.train_mask().T.flatten()
    return trained_on_twin[data.test_index].double().mean().item()


@usual_torch()
def sure_and_wrong() -> float:
    """The right answer is one of 112 that share the remaining tenth, and minus the logarithm of that is 7.02.

    So it costs half as much again as guessing, which costs 4.73.
    """
    return -math.log((1 - 0.9) / (RunConfig().p - 1))


@usual_torch()
def lost_gap() -> int:
    """Next to 1, float32 resolves 6e-8, and the sum 112 · exp(−gap) is less than that from a gap of 21.4 on."""
    others, gap = RunConfig().p - 1, 0
    while 1 + others * torch.exp(torch.tensor(-float(gap))) > 1:
        gap += 1
    return gap


@usual_torch()
def plateau_test_loss() -> str:
    """Above, for the model is sure and wrong: 99 % on a wrong answer costs 9.3, guessing only 4.73."""
    config, right_answer = RunConfig(), torch.tensor([0])
    probabilities = torch.full((1, config.p), 0.01 / (config.p - 1))
    probabilities[0, 1] = 0.99  # on a wrong answer
    sure_and_wrong = training.exact_cross_entropy(probabilities.log(), right_answer)
    return "c" if sure_and_wrong > config.chance_loss else "b"


@usual_torch()
def patched_answer() -> str:
    """15, the answer to 5 + 10: all that "=" ever learns about the two numbers comes to it through `attn_out`.

    Its own start is the same in every question. So from there on the model computes just what it computes for 5 + 10,
    to the last digit, trained or not.
    """
    model = Transformer.from_config(RunConfig())
    question, other = torch.tensor([[100, 50, model.p]]), torch.tensor([[5, 10, model.p]])
    logits, cache = model.run_with_cache(other)
    patched, _ = model.run_with_cache(question, {"attn_out": lambda _: cache["attn_out"]})
    return "b" if patched.equal(logits) else "d"


@usual_torch()
def shifted_spectrum() -> str:
    """A shift turns each frequency's cosine and sine into one another, and the sum of their squares does not notice."""
    n = torch.arange(RunConfig().p, dtype=torch.float64)
    distance = torch.minimum(n, len(n) - n)
    before, after = (fourier.energy_per_frequency(values) for values in (distance, distance.roll(3)))
    return "b" if torch.allclose(before, after) else "d"


@usual_torch()
def excluded_end() -> str:
    """Above chance. The list is gone, or it would answer; and what is left besides the waves is not nothing.

    It differs from candidate to candidate for reasons that have nothing to do with the answer, and being a little sure
    of something wrong costs more than guessing.
    """
    run, measured = _main_run()
    settled, chance = float(measured["excluded_loss"][-1]), run.config.chance_loss
    if settled > 1.1 * chance:
        return "d"
    return "c" if settled > 0.9 * chance else "b" if settled > 0.1 * chance else "a"


@usual_torch()
def first_to_announce() -> str:
    """The excluded loss: once the logits hold a wave of the sum, the answers begin to lean on it, memorised or not."""
    run, measured = _main_run()
    history = run.history
    memorised = history["step"][history["train_accuracy"] >= 0.99][0]
    names = {"a": "restricted_loss", "b": "excluded_loss", "c": "gini_W_E", "d": "specialised"}
    dates = {
        letter: measures.announced(measured.steps, measured[name], memorised, log="loss" in name)
        for letter, name in names.items()
    }
    return min(dates, key=lambda letter: (dates[letter] is None, dates[letter]))


@usual_torch()
def opposite_numbers() -> str:
    """Nothing: both pairs have their midpoint in the centre of the dial, and 1 + 7 is 8 where 2 + 8 is 10."""
    hours = torch.arange(12, dtype=torch.float64) * 2 * math.pi / 12
    dial = torch.stack([hours.sin(), hours.cos()], dim=1)
    midpoints = (dial[1] + dial[7]) / 2, (dial[2] + dial[8]) / 2
    return "c" if torch.allclose(*midpoints, atol=1e-12) and (1 + 7) % 12 != (2 + 8) % 12 else "a"
