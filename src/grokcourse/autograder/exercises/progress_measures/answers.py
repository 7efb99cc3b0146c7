"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import functools

from .... import measures, runs
from ....torch_state import usual_torch

RECORDED_MAIN = runs.RECORDED / "main"


@functools.cache
def _main_run() -> tuple[runs.Run, measures.Measures]:
    """Read once a process: a class is asked often."""
    return runs.load(RECORDED_MAIN), measures.load(RECORDED_MAIN)


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
