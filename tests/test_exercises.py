"""The release gate: our own solution gets full marks, the stub none, and every planted mistake its own hint."""

import importlib
import inspect

import pytest

from grokcourse.autograder.feedback import Feedback, run_checks
from grokcourse.autograder.registry import CHAPTERS, EXERCISES
from grokcourse.autograder.testing import hidden_tests, planted_mistakes

SEEDS = ("one", "two", "three")
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
    assert [outcome.status for outcome in outcomes] == ["missing"]


@pytest.mark.parametrize(("exercise", "planted"), MISTAKES)
def test_a_planted_mistake_fails_and_gets_its_own_hint(exercise, planted):
    for seed in SEEDS:
        answer = planted.answer() if exercise.question else planted.answer
        failed = [outcome for outcome in run_checks(exercise, answer, seed) if not outcome.passed]
        assert failed
        assert {outcome.hint for outcome in failed} == {planted.hint}, failed


@pytest.mark.parametrize(("exercise", "answer"), ALTERNATIVES)
def test_other_correct_solutions_pass(exercise, answer):
    for seed in SEEDS:
        feedback = Feedback(exercise, run_checks(exercise, answer, seed))
        assert feedback.passed, feedback


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


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_has_four_to_eight_exercises(chapter):
    assert 4 <= len(CHAPTERS[chapter]) <= 8
    assert all(exercise.chapter == chapter for exercise in CHAPTERS[chapter])
