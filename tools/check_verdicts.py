"""Whether a verdict depends on luck: every kind of answer, tested on the inputs of many seeds.

    python tools/check_verdicts.py [--seeds 200] [--chapter 05-fourier ...] [--exercise gini ...] [--jobs 2]

The course's own answers and the alternatives in the tests have to pass every hidden test with every seed. Planted
mistakes, and the wrong answers in the tests, have to fail, and always in the same tests: one that is caught only with
some seeds needs an input that always catches it. A warning of numpy or torch in a hidden test counts as a failure.
"""

import argparse
import importlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch

from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.spec import Exercise
from grokcourse.autograder.exercises.student import Student
from grokcourse.autograder.exercises.testing import hidden_tests, planted_mistakes
from grokcourse.autograder.exercises.trial import run_test
from grokcourse.autograder.sandbox.untrusted.host import Host
from grokcourse.machine import usable_cores

RIGHT, WRONG = "right", "wrong"
TESTS = Path(__file__).parents[1] / "tests" / "autograder"

Answers = dict[tuple[str, str], tuple[str, Any]]
"""(exercise, what it is) → whether it is right, and the answer."""


def all_answers() -> Answers:
    """Every answer there is: the course's own, the alternatives, the planted mistakes, the nearly right."""
    found = {}
    for exercise, kind, name, answer in _answers():
        while (exercise.name, name) in found:
            name += "'"
        found[exercise.name, name] = kind, answer
    return found


def _answers() -> Iterator[tuple[Exercise, str, str, Any]]:
    sys.path.insert(0, str(TESTS))
    for chapter, exercises in CHAPTERS.items():
        beside = importlib.import_module(f"test_exercises_{chapter[:2]}")
        for exercise in exercises:
            yield exercise, RIGHT, "the course's own", exercise.solution
            for kind, rows in ((RIGHT, beside.ALTERNATIVES), (WRONG, getattr(beside, "WRONG", ()))):
                for name, answer in rows:
                    if name == exercise.name:
                        yield exercise, kind, getattr(answer, "__name__", repr(answer)), answer
            for planted in planted_mistakes(exercise):
                answer = planted.answer() if exercise.question else planted.answer
                yield exercise, WRONG, f"mistake {planted.answer.__name__}", answer


def verdict(exercise: Exercise, answer: Any, seed: str) -> tuple[str, ...]:
    """The titles of the tests that fail with this seed's inputs."""
    student = Student(Host({exercise.name: answer}))
    failed = []
    for test in hidden_tests(exercise):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                outcome = run_test(exercise, test, student, seed)
        except Exception as error:  # in the test itself, and so nobody's fault but ours
            failed.append(f"{test.title} [BROKEN: {type(error).__name__}: {error}]")
            continue
        if not outcome.passed:
            failed.append(test.title)
    return tuple(failed)


def complaints(place: tuple[str, str], seeds: int) -> list[str]:
    """What is wrong with the verdicts on one answer, if anything."""
    exercise, (kind, answer) = EXERCISES[place[0]], ANSWERS[place]
    verdicts = Counter(verdict(exercise, answer, f"seed {number}") for number in range(seeds))
    times = Counter(title for failed, count in verdicts.items() for title in failed for _ in range(count))
    about = f"{place[0]}, {place[1]}"
    said = [f"{about}: {title}" for title in times if "[BROKEN" in title]
    if kind == RIGHT:
        said += [f"{about}: fails {count} of {seeds} times: {title}" for title, count in times.items()]
    elif () in verdicts:
        said.append(f"{about}: passes everything {verdicts[()]} of {seeds} times")
    if kind == WRONG:
        some = {title: count for title, count in times.items() if count < seeds}
        said += [f"{about}: caught only {count} of {seeds} times: {title}" for title, count in some.items()]
    return said


ANSWERS: Answers = {}
"""``all_answers()``, in every process."""


def _prepare() -> None:
    torch.set_num_threads(1)
    ANSWERS.update(all_answers())


def _complaints(job: tuple[tuple[str, str], int]) -> list[str]:
    return complaints(*job)


def main() -> int:
    """Check what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=200, metavar="N", help="how many (200)")
    parser.add_argument("--chapter", nargs="+", choices=CHAPTERS, default=list(CHAPTERS), metavar="CHAPTER")
    parser.add_argument("--exercise", nargs="+", choices=EXERCISES, default=list(EXERCISES), metavar="NAME")
    parser.add_argument("--jobs", type=int, default=usable_cores(), metavar="N", help="processes at a time")
    wanted = parser.parse_args()
    _prepare()
    places = [
        place for place in ANSWERS if place[0] in wanted.exercise and EXERCISES[place[0]].chapter in wanted.chapter
    ]
    with ProcessPoolExecutor(wanted.jobs, initializer=_prepare) as pool:
        said = []
        for lines in pool.map(_complaints, [(place, wanted.seeds) for place in places]):
            said += lines
            print(*lines, sep="\n", end="\n" if lines else "", flush=True)
    counted = Counter(ANSWERS[place][0] for place in places)
    print(
        f"{counted[RIGHT]} right answers and {counted[WRONG]} wrong ones to {len({name for name, _ in places})} "
        f"exercises, {wanted.seeds} seeds each: {f'{len(said)} complaints' if said else 'the same verdict every time'}"
    )
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
