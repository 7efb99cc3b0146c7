"""The one list of exercises. Pages, student notebooks, feedback and marks all read it.

It holds nothing secret, but for what the choices of a question would mean, which a page tells once one has chosen.
"""

from collections.abc import Collection

from . import (
    circuit,
    fourier,
    how_soon,
    other_tasks,
    progress_measures,
    superposition,
    task,
    training,
    transformer,
    weight_decay,
)
from .spec import Exercise

CHAPTERS: dict[str, tuple[Exercise, ...]] = {
    "01-task": task.EXERCISES,
    "02-transformer": transformer.EXERCISES,
    "03-weight-decay": weight_decay.EXERCISES,
    "04-training": training.EXERCISES,
    "05-fourier": fourier.EXERCISES,
    "06-circuit": circuit.EXERCISES,
    "07-progress-measures": progress_measures.EXERCISES,
    "08-other-tasks": other_tasks.EXERCISES,
    "09-superposition": superposition.EXERCISES,
    "11-how-soon": how_soon.EXERCISES,
}
"""The exercises of each chapter, in the order in which its page has them."""

EXERCISES: dict[str, Exercise] = {exercise.name: exercise for chapter in CHAPTERS.values() for exercise in chapter}
"""Every exercise of the course by name, in order."""


def checks_module(chapter: str) -> str:
    """The module with a chapter's hidden tests and planted mistakes, from the package on."""
    return f"autograder.exercises.{chapter.partition('-')[2].replace('-', '_')}.checks"


class UnknownNameError(LookupError):
    """There is neither an exercise nor a chapter of this name, the only argument."""


def named_exercises(names: Collection[str]) -> list[str]:
    """The exercises that are named, by themselves or by their chapter, in the order of the course.

    Raises:
        UnknownNameError: if there is none of a name.
    """
    for name in names:
        if name not in EXERCISES and name not in CHAPTERS:
            raise UnknownNameError(name)
    return [name for name, exercise in EXERCISES.items() if name in names or exercise.chapter in names]


def find_exercise(name: str) -> Exercise:
    """The exercise of that name; raises ``KeyError`` if there is none."""
    if name not in EXERCISES:
        raise KeyError(f"there is no exercise {name!r}; there are: {', '.join(EXERCISES)}")
    return EXERCISES[name]
