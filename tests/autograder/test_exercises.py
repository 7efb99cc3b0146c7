"""The release gate: our own solution gets full marks, the stub none, and every planted mistake its own hint."""

import copy
import dataclasses
import functools
import importlib
import inspect

import numpy as np
import pytest
import torch

from grokcourse.autograder.exercises import hints
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.testing import hidden_tests, planted_mistakes, use_tests
from grokcourse.autograder.feedback import Feedback, run_checks
from grokcourse.autograder.records import OwnTestsError

pytestmark = pytest.mark.slow

SEEDS = ("one", "two", "three")
"""Of right answers. ``tools/check_verdicts.py``, run before a release, tries every answer with 200 seeds."""
MISTAKES = [
    pytest.param(exercise, planted, id=f"{exercise.name}-{planted.answer.__name__}")
    for exercise in EXERCISES.values()
    for planted in planted_mistakes(exercise)
]
ALTERNATIVES = [
    pytest.param(EXERCISES[name], answer, id=f"{name}-{index}")
    for chapter in CHAPTERS
    for index, (name, answer) in enumerate(importlib.import_module(f"test_exercises_{chapter[:2]}").ALTERNATIVES)
]

WRONG = [
    pytest.param(EXERCISES[name], answer, id=f"{name}-{getattr(answer, '__name__', answer)}")
    for chapter in CHAPTERS
    for name, answer in getattr(importlib.import_module(f"test_exercises_{chapter[:2]}"), "WRONG", ())
]


def named(parameters):
    return pytest.mark.parametrize("exercise", [pytest.param(exercise, id=exercise.name) for exercise in parameters])


@named(EXERCISES.values())
def test_the_reference_gets_full_marks(exercise):
    for seed in SEEDS:
        feedback = Feedback(exercise, run_checks(exercise, exercise.solution, seed))
        assert feedback.passed, feedback


@named(EXERCISES.values())
def test_the_stub_gets_nothing(exercise):
    names = dict(vars(inspect.getmodule(exercise.target)))
    exec(exercise.stub, names)
    outcomes = run_checks(exercise, names[exercise.name])
    assert {outcome.status for outcome in outcomes} == {"missing"}


def filled(value, fill):
    """The same kind of value with other content: a tensor of the same shape, a tuple as long, another number."""
    match value:
        case torch.Tensor():
            return fill(value)
        case np.ndarray():
            return fill(torch.from_numpy(value)).numpy()
        case int() | float():
            return type(value)(fill(torch.tensor(float(value))).item())
        case list() | tuple():
            return type(value)(filled(item, fill) for item in value)
        case _ if dataclasses.is_dataclass(value):
            return type(value)(*(filled(item, fill) for item in vars(value).values()))
    return value


def answers_that_do_nothing(right):
    """Functions that return nothing, an argument, or what has the right shape only; ``right`` is what returns that."""

    def of_the_right_shape(*args, fill, **kwargs):
        args, kwargs = copy.deepcopy((args, kwargs))  # a training step, say, changes its model
        return filled(right(*args, **kwargs), fill)

    yield "None", lambda *args, **kwargs: None
    yield "0", lambda *args, **kwargs: 0
    for place in range(3):
        yield f"argument {place}", lambda *args, place=place, **kwargs: args[min(place, len(args) - 1)]
    fills = {
        "zeros": torch.zeros_like,
        "ones": torch.ones_like,
        "noise": lambda like: (9 * torch.rand(like.shape)).to(like),
    }
    for name, fill in fills.items():
        yield name, functools.partial(of_the_right_shape, fill=fill)


@named(exercise for exercise in EXERCISES.values() if not exercise.question)
def test_an_answer_that_does_nothing_gets_nothing(exercise):
    method = exercise.blank
    for name, answer in answers_that_do_nothing(getattr(exercise.target, method) if method else exercise.target):
        if method:

            def forward(self, *args, answer=answer):
                return answer(self, *args) if isinstance(answer, functools.partial) else answer(*args)

            answer = type(exercise.name, (exercise.target,), {method: forward})
        feedback = Feedback(exercise, run_checks(exercise, answer, "nothing", hints=False))
        assert feedback.points == 0, f"{name}: {feedback}"


def told_apart(exercise, planted, seed):
    """What to do about a planted mistake without its hint: the inputs that are missing."""
    alike = [
        other.answer.__name__
        for other in planted_mistakes(exercise)
        if other.hint != planted.hint and hints.are_alike(exercise, planted.answer, other.answer, seed)
    ]
    if not exercise.question and hints.are_alike(exercise, planted.answer, exercise.solution, seed):
        alike.append("the course's own answer")
    return f"an input that separates it from {', '.join(alike)} is missing" if alike else "it is told from all others"


@pytest.mark.parametrize(("exercise", "planted"), MISTAKES)
def test_a_planted_mistake_fails_and_gets_its_own_hint(exercise, planted):
    answer = planted.answer() if exercise.question else planted.answer
    seed = SEEDS[0]  # a hint is looked for on three draws anyway
    failed = [outcome for outcome in run_checks(exercise, answer, seed) if not outcome.passed]
    assert failed
    assert {outcome.hint for outcome in failed} == {planted.hint}, f"{told_apart(exercise, planted, seed)} {failed}"


@pytest.mark.parametrize(("exercise", "answer"), ALTERNATIVES)
def test_other_correct_solutions_pass(exercise, answer):
    for seed in SEEDS:
        feedback = Feedback(exercise, run_checks(exercise, answer, seed))
        assert feedback.passed, feedback


@pytest.mark.parametrize(("exercise", "answer"), WRONG)
def test_wrong_answers_that_are_nearly_right_do_not_pass(exercise, answer):
    for seed in SEEDS:
        feedback = Feedback(exercise, run_checks(exercise, answer, seed))
        assert not feedback.passed
        assert not feedback.hints, f"a false diagnosis: {feedback}"


@named(EXERCISES.values())
def test_there_is_enough_to_grade_with(exercise):
    tests = hidden_tests(exercise)
    assert len(tests) >= 1
    assert len({test.title for test in tests}) == len(tests)
    assert len({planted.hint for planted in planted_mistakes(exercise)}) >= (3 if exercise.question else 6)
    assert exercise.points >= 1
    assert 1 <= exercise.difficulty <= 5
    assert exercise.minutes >= 1
    assert len(exercise.hints) >= 2


@named(exercise for exercise in EXERCISES.values() if exercise.question)
def test_exactly_one_choice_of_a_question_is_right(exercise):
    """By the hidden test, whatever the page takes for right; and wrong ones are told apart from it."""
    passed = []
    for letter, (choice, value) in exercise.offered.items():
        if Feedback(exercise, run_checks(exercise, value, "choices", hints=False)).passed:
            passed.append(letter)
            assert value == exercise.solution
        assert choice.why.endswith((".", "?"))
    assert len(passed) == 1
    assert 3 <= len(exercise.choices) == len(exercise.offered) <= 4
    shown = [choice.text.format(value=value) if isinstance(value, float | int) else choice.text
             for choice, value in exercise.offered.values()]  # fmt: skip
    assert len(set(shown)) == len(shown)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_a_few_exercises_and_questions(chapter):
    asked = [exercise for exercise in CHAPTERS[chapter] if exercise.question]
    assert len(CHAPTERS[chapter]) >= 4
    assert 3 <= len(CHAPTERS[chapter]) - len(asked) <= 10
    assert len(asked) <= 4
    assert all(exercise.chapter == chapter for exercise in CHAPTERS[chapter])


def test_tests_of_nothing_but_side_conditions_are_refused():
    text = "from grokcourse.autograder.testing import checks\n@checks('gini', 'care', side=True)\ndef care(*_): ..."
    with pytest.raises(OwnTestsError, match="nobody could get points for gini"):
        use_tests((("test_a.py", text),), only=True)
    use_tests((("test_a.py", text),))
    assert [test.side for test in hidden_tests(EXERCISES["gini"])][-1]
    use_tests(())


def test_a_test_has_the_weight_that_it_is_given():
    text = "from grokcourse.autograder.testing import checks\n@checks('gini', 'main', weight={})\ndef main(*_): ..."
    use_tests((("test_a.py", text.format(3)),))
    assert [test.weight for test in hidden_tests(EXERCISES["gini"])][-1] == 3
    passed = run_checks(EXERCISES["gini"], EXERCISES["gini"].solution, "weights")
    assert passed[-1].weight == 3
    use_tests(())
    for weight in ("0", "-1", "1.5", "True", "None"):
        with pytest.raises(OwnTestsError, match="line 2: ValueError: a test's weight has to be a whole number"):
            use_tests((("test_a.py", text.format(weight)),))


def rows_of(name):
    """The rows (exercise, name of a planted mistake) of a table in the chapters' own test files."""
    modules = [importlib.import_module(f"test_exercises_{chapter[:2]}") for chapter in CHAPTERS]
    for exercise, planted in [row for module in modules for row in getattr(module, name, ())]:
        answers = {one.answer.__name__: one.answer for one in planted_mistakes(EXERCISES[exercise])}
        yield pytest.param(EXERCISES[exercise], answers[planted], id=f"{exercise}-{planted}")


@pytest.mark.parametrize(("exercise", "answer"), list(rows_of("MISSES_THE_POINT")))
def test_an_answer_that_misses_the_point_gets_less_than_half(exercise, answer):
    feedback = Feedback(exercise, run_checks(exercise, answer, "points", hints=False))
    assert feedback.points < exercise.points / 2, feedback


@pytest.mark.parametrize(("exercise", "answer"), list(rows_of("MISSES_A_DETAIL")))
def test_a_right_answer_that_misses_a_detail_gets_more_than_half(exercise, answer):
    feedback = Feedback(exercise, run_checks(exercise, answer, "points", hints=False))
    assert exercise.points / 2 < feedback.points < exercise.points, feedback


def test_the_gate_names_the_planted_mistakes_that_no_input_separates():
    text = """
from grokcourse.autograder.testing import mistake, checks
@checks("gini", "one")
def one(student, draw):
    assert student.gini([1]) == 2
@mistake("gini", "first")
def without_sign(x): return 7
@mistake("gini", "second")
def another(x): return 7
"""
    try:
        use_tests((("test_a.py", text),), only=True)
        exercise = EXERCISES["gini"]
        planted = next(one for one in planted_mistakes(exercise) if one.hint == "second")
        assert told_apart(exercise, planted, "one") == "an input that separates it from without_sign is missing"
        planted = planted_mistakes(exercise)[0]
        assert told_apart(exercise, planted, "one") == "it is told from all others"
    finally:
        use_tests(())
