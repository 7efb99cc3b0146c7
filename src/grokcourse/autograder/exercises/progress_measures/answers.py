"""The right answers to the chapter's "predict before you run" questions, each computed from the package."""

import bisect
import functools

from .... import circuit, measures, runs, tasks, training
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


@functools.cache
def _leads(step: int) -> tuple[float, float]:
    """The right answer's mean lead at a checkpoint of the main run: on unseen questions, and on those of training."""
    run, measured = _main_run()
    data, logits = tasks.dataset(run.config), circuit.all_logits(run.model(step))
    unseen, seen = (
        sum(float(lead.mean()) for lead in measures.two_voices(logits, measured.key, questions))
        for questions in (data.test_index, data.train_index)
    )
    return unseen, seen


@usual_torch()
def balance_tips() -> str:
    """Where the test loss passes guessing: when the balance tips, the wrong voice is no longer the louder one.

    Until then it is, on the average question, and to be sure and wrong costs more than guessing. The two dates need not
    agree to the step: one is about the mean lead, the other about the mean loss.
    """
    run, measured = _main_run()
    onset, grokked = training.phases(run).onset, training.phases(run).grokked
    assert onset is not None, "the main run groks"
    assert grokked is not None, "the main run groks"
    excluded = measured["excluded_loss"]
    turn = int(excluded.argmin())
    passes = turn + int((excluded[turn:] > run.config.chance_loss).argmax())
    dates = {"a": measured.steps[turn], "b": measured.steps[passes], "c": onset, "d": grokked}
    steps = [step for step in run.steps if step >= measured.steps[turn]]
    first = bisect.bisect_left(steps, True, key=lambda step: _leads(step)[0] > 0)
    before, after = steps[first - 1], steps[first]
    low, high = _leads(before)[0], _leads(after)[0]
    crossing = before + (after - before) * -low / (high - low)
    return min(dates, key=lambda letter: abs(dates[letter] - crossing))


@usual_torch()
def lead_on_the_list() -> str:
    """It stands still: what the gradient adds at each step, decay takes away.

    That the training loss is flat does not mean that the model is done; it is in balance, while the circuit takes over
    from the list.
    """
    run, _ = _main_run()
    onset = training.phases(run).onset
    assert onset is not None, "the main run groks"
    plateau = [step for step in run.steps if 1_500 <= step <= onset]
    change = _leads(plateau[-1])[1] / _leads(plateau[0])[1]
    return "a" if change > 1.1 else "b" if change < 0.9 else "c"


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
