"""nbgrader takes the student notebooks as they are: it makes an assignment of them, validates and grades them."""

import itertools
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import nbformat
import pytest
from conftest import peer
from helpers import filled

from grokcourse import start
from grokcourse.autograder import check, feedback
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES

CHAPTER = "01-task"
SCORES = """
import json, sys
from nbgrader.api import Gradebook

with Gradebook("sqlite:///gradebook.db") as gradebook:
    scores = {
        submission.student.id: {
            grade.name: [grade.score, grade.max_score]
            for notebook in submission.notebooks if notebook.name == sys.argv[1]
            for grade in notebook.grades
        }
        for submission in gradebook.assignment_submissions("course")
    }
print(json.dumps(scores))
"""
MIXED = {
    # passes where b runs fastest is not asked for: some of its tests, so some of its points
    "all_questions": "def all_questions(p):\n    pairs = torch.cartesian_prod(torch.arange(p), torch.arange(p))\n"
    "    return torch.cat([pairs.flip(1), torch.full((p * p, 1), p)], 1)",
    # right, and with a warning on stderr, which nbgrader takes for a failure where it is in a test's cell
    "add_modulo": "def add_modulo(a, b, p):\n    import warnings\n    warnings.warn('careful')\n    return (a + b) % p",
    "split": "def split(n, train_fraction, seed)\n    return",  # a syntax error
    "twin_share": "twin_share = 1.5",
}


def read(chapter: str) -> nbformat.NotebookNode:
    return nbformat.read(start.NOTEBOOKS / f"{chapter}.ipynb", as_version=nbformat.NO_CONVERT)


def solutions(chapter: str) -> dict[str, str]:
    return {
        exercise.name: f"{exercise.name} = {exercise.solution!r}" if exercise.question else exercise.source
        for exercise in CHAPTERS[chapter]
    }


@pytest.mark.parametrize("chapter", [chapter for chapter, inside in CHAPTERS.items() if inside])
def test_every_exercise_is_followed_by_a_locked_cell_with_its_points(chapter: str):
    cells = read(chapter).cells
    found = [
        (before.id, cell.id, cell.source, cell.metadata["nbgrader"])
        for before, cell in itertools.pairwise(cells)
        if "nbgrader" in cell.metadata
    ]
    assert found == [
        (
            f"exercise-{exercise.name}",
            f"points-{exercise.name}",
            f'check.points("{exercise.name}")',
            {
                "cell_type": "code",
                "grade": True,
                "grade_id": exercise.name,
                "locked": True,
                "points": exercise.points,
                "schema_version": 3,
                "solution": False,
                "task": False,
            },
        )
        for exercise in CHAPTERS[chapter]
    ]


def test_the_cell_shows_the_points_as_a_number_and_in_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(feedback, "LATEST", {})
    assert repr(check.points("add_modulo")) == "0.0"
    assert "run the cell above first" in check.points("add_modulo")._repr_html_()
    check(EXERCISES["add_modulo"].solution)
    check(lambda p: EXERCISES["all_questions"].solution(p).flip(0), "all_questions")
    assert repr(check.points("add_modulo")) == "1.0"
    some = float(check.points("all_questions"))
    assert 0 < some < EXERCISES["all_questions"].points
    total = sum(exercise.points for exercise in CHAPTERS[CHAPTER])
    assert f"{some:.3g} of 2 points" in check.points("all_questions")._repr_html_()
    assert f"in this chapter, {1 + some:.3g} of {total} so far" in check.points("all_questions")._repr_html_()
    check(lambda p: None, "all_questions")  # the latest counts, for better or worse
    assert float(check.points("all_questions")) == 0
    with pytest.raises(KeyError, match="no exercise 'nonsense'"):
        check.points("nonsense")


# --- nbgrader itself ---


class Course:
    """A folder as nbgrader wants it."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        (folder / "nbgrader_config.py").touch()

    def run(self, *command: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
        environment["PATH"] = f"{self.python.parent}{os.pathsep}{environment['PATH']}"  # nbgrader calls alembic
        environment |= {"HOME": str(self.folder), "IPYTHONDIR": str(self.folder / "ipython"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [self.python, *command], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
        return done.stdout + done.stderr

    def nbgrader(self, *command: str) -> str:
        return self.run("-m", "nbgrader", *command)

    def submit(self, student: str, notebook: nbformat.NotebookNode) -> None:
        path = self.folder / "submitted" / student / "course" / f"{CHAPTER}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course whose one assignment has every chapter with exercises in it, as they are; released."""
    made = Course(tmp_path_factory.mktemp("course"), peer("nbgrader"))
    source = made.folder / "source" / "course"
    source.mkdir(parents=True)
    for chapter in (chapter for chapter, inside in CHAPTERS.items() if inside):
        (source / f"{chapter}.ipynb").write_bytes((start.NOTEBOOKS / f"{chapter}.ipynb").read_bytes())
    made.nbgrader("generate_assignment", "course", "--create")
    return made


@pytest.fixture(scope="module")
def scores(course: Course) -> dict[str, dict[str, list[float]]]:
    """By student and exercise, what nbgrader gives, and the most that it would give."""
    released = nbformat.read(course.folder / "release" / "course" / f"{CHAPTER}.ipynb", as_version=4)
    course.submit("solved", filled(read(CHAPTER), solutions(CHAPTER)))  # downloaded from the site, and handed in
    course.submit("mixed", filled(released, MIXED))
    forger = filled(released, {})  # writes nothing but marks
    for cell in forger.cells:
        if "nbgrader" in cell.metadata:
            cell.source = str(cell.metadata["nbgrader"]["points"])
    course.submit("forger", forger)
    course.nbgrader("autograde", "course", "--notebook", CHAPTER, "--create")
    return json.loads(course.run("-c", SCORES, CHAPTER).splitlines()[-1])


FULL = {exercise.name: [exercise.points, exercise.points] for exercise in CHAPTERS[CHAPTER]}
NONE = {name: [0, points] for name, (_, points) in FULL.items()}


@pytest.mark.peer
def test_what_is_released_is_what_we_wrote(course: Course):
    """The stubs above all; nbgrader adds checksums and locks the cells with points."""
    for chapter in (chapter for chapter, inside in CHAPTERS.items() if inside):
        released = nbformat.read(course.folder / "release" / "course" / f"{chapter}.ipynb", as_version=4)
        ours = read(chapter)
        assert [cell.source for cell in released.cells] == [cell.source for cell in ours.cells]
        locked = [cell for cell in released.cells if "nbgrader" in cell.metadata]
        assert len(locked) == len(CHAPTERS[chapter])
        assert all(cell.metadata["editable"] is cell.metadata["deletable"] is False for cell in locked)


@pytest.mark.peer
def test_full_marks(scores: dict[str, dict[str, list[float]]]):
    assert scores["solved"] == FULL


@pytest.mark.peer
def test_no_marks_for_no_work(scores: dict[str, dict[str, list[float]]]):
    assert scores["forger"] == NONE


@pytest.mark.peer
def test_marks_for_what_is_right(scores: dict[str, dict[str, list[float]]]):
    got = scores["mixed"]
    some, most = got.pop("all_questions")
    assert 0 < some < most == EXERCISES["all_questions"].points
    expected = {name: marks for name, marks in NONE.items() if name != "all_questions"}
    assert got == expected | {"add_modulo": FULL["add_modulo"]}


@pytest.mark.peer
def test_validating_as_a_student_does(course: Course):
    released = nbformat.read(course.folder / "release" / "course" / f"{CHAPTER}.ipynb", as_version=4)
    for name, answers in (("solved", solutions(CHAPTER)), ("mixed", MIXED)):
        nbformat.write(filled(released, answers), course.folder / f"{name}.ipynb")
    with ThreadPoolExecutor(2) as pool:
        solved, said = pool.map(partial(course.nbgrader, "validate"), ("solved.ipynb", "mixed.ipynb"))
    assert "Success! Your notebook passes all the tests." in solved
    assert f"FAILED ON {len(FULL) - 1} CELL(S)" in said.upper()
    assert 'check.points("add_modulo")' not in said
    assert 'check.points("split")' in said
