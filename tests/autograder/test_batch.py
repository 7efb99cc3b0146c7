"""Grading a class: the command, the processes that grade, and what happens when something goes wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest
from helpers import filled

from grokcourse import start
from grokcourse.autograder import batch
from grokcourse.autograder.batch.plan import (
    ClassRunError,
    Plan,
    Record,
    find_exercises,
    make_plan,
    read_grades,
    run_plan,
)
from grokcourse.autograder.batch.pool import MAX_REPLY, Grader, GraderError, Pool, settings_from
from grokcourse.autograder.batch.work import grade
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.records import Grade, Outcome, Protection, ReportError, Settings, Work, digest
from grokcourse.autograder.sandbox.trusted.fork_server import ForkServer, SandboxError
from grokcourse.autograder.scoring import marks_of
from grokcourse.cli import main
from grokcourse.publishing import exercises

pytestmark = pytest.mark.sandbox

COMMAND = [str(Path(sys.executable).with_name("grokcourse")), "grade"]
RIGHT = "import math\ndef chance_loss(p):\n    return math.log(p)\n"
WRONG = "def chance_loss(p):\n    return p\n"
ENDLESS = "def chance_loss(p):\n    while True:\n        pass\n"


def solved(chapter: str) -> str:
    """A chapter's student notebook, with the package's own sources as the answers."""
    notebook = json.loads((start.NOTEBOOKS / f"{chapter}.ipynb").read_bytes())
    answers = {
        one.name: f"{one.name} = {one.solution!r}" if one.question else exercises.self_contained(one)
        for one in CHAPTERS[chapter]
    }
    return json.dumps(filled(notebook, answers))


def write_class(folder: Path) -> Path:
    folder.mkdir()
    (folder / "ann.ipynb").write_text(solved("01-task"))
    (folder / "bob.ipynb").write_bytes((start.NOTEBOOKS / "01-task.ipynb").read_bytes())
    (folder / "cy.py").write_text(WRONG)
    return folder


@pytest.fixture
def subs(tmp_path: Path) -> Path:
    return write_class(tmp_path / "subs")


def children() -> set[psutil.Process]:
    """All processes below this one, but for multiprocessing's own helper, which stays to the end."""
    found = psutil.Process().children(recursive=True)
    return {process for process in found if "resource_tracker" not in " ".join(process.cmdline())}


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Every process that a test started has ended when it is over, after a moment to do so."""
    before = children()
    yield
    _, alive = psutil.wait_procs(children() - before, timeout=120)
    assert alive == []


def points(grades: list[Grade]) -> dict[str, float]:
    return {grade.student: sum(mark.points for mark in marks_of(grade)) for grade in grades}


# --- With real grading ---


@pytest.mark.usefixtures("nothing_left")
def test_a_pool_grades_as_one_process_does(subs: Path):
    files = sorted(subs.iterdir())
    works = [Work(path.stem, (path,)) for path in files]
    works += [Work("both", tuple(files[1:])), Work("open", (files[0],), problem="which one counts?")]
    settings = Settings("seed")
    with ForkServer() as server:
        alone = [grade(work, settings, server) for work in works]
    with Pool(settings, 2) as pool:
        together = sorted(
            pool.grade_all(works), key=lambda grade: [work.student for work in works].index(grade.student)
        )
        assert [protection.name for protection in pool.protections()][:2] == ["wall", "time"]
    assert [replace(grade, seconds=0) for grade in together] == [replace(grade, seconds=0) for grade in alone]
    full = sum(exercise.points for exercise in CHAPTERS["01-task"])
    assert points(together) == {"ann": full, "bob": 0, "cy": 0, "both": 0, "open": 0}
    assert [grade.status for grade in together] == ["graded"] * 4 + ["unreadable"]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A class that the command has graded: its folder, with ``grades`` in it, and what was said."""
    folder = tmp_path_factory.mktemp("class")
    write_class(folder / "subs")
    (folder / "torch.py").write_text("raise SystemExit('a student's file was imported')")
    command = [*COMMAND, "subs", "--seed", "1", "--jobs", "2"]
    return folder, subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_grades_a_class(graded: tuple[Path, subprocess.CompletedProcess[str]]):
    folder, done = graded
    assert done.returncode == 0, done.stderr
    assert "subs: 3 submissions, a file per student." in done.stdout
    assert "Seed: 1" in done.stdout
    assert "Code that takes too long is ended." in done.stdout  # one of the protections
    assert "ann " in done.stdout  # the table
    assert "Written to grades" in done.stdout
    assert "3/3" in done.stderr  # the bar
    written = {str(path.relative_to(folder / "grades")) for path in (folder / "grades").rglob("*") if path.is_file()}
    assert written == {
        *("run.json", "grades.csv", "report.html", "results.json", "junit.xml"),
        *(f"grades/{name}.json" for name in ("ann", "bob", "cy")),
        *(f"feedback/{name}.html" for name in ("ann", "bob", "cy")),
    }
    record = json.loads((folder / "grades" / "run.json").read_text())
    assert record["settings"]["seed"] == "1"
    assert record["ended"] >= record["started"]
    assert record["protections"][0]["name"] == "wall"


def test_resume_grades_what_changed_and_nothing_else(graded: tuple[Path, subprocess.CompletedProcess[str]]):
    folder, _ = graded
    files = {path.stem: path for path in (folder / "grades" / "grades").iterdir()}
    before = {name: path.stat().st_ino for name, path in files.items()}  # a file that is written anew is another one
    (folder / "subs" / "cy.py").write_text(RIGHT)
    (folder / "subs" / "dee.py").write_text("def chance_loss(): (")
    done = subprocess.run([*COMMAND, "subs", "--resume"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Seed: 1" in done.stdout  # that of the run it goes on with
    assert "2/4" in done.stderr  # where the bar begins
    assert "0/4" not in done.stderr
    after = {name: path.stat().st_ino for name, path in files.items()}
    assert {name for name in before if before[name] != after[name]} == {"cy"}
    grades = [Grade.from_dict(json.loads(path.read_text())) for path in (folder / "grades" / "grades").iterdir()]
    assert points(grades)["cy"] == EXERCISES["chance_loss"].points
    assert {grade.student: grade.status for grade in grades}["dee"] == "graded"


def test_one_student_changes_nothing_for_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Eve claims Anna's work with metadata of her own, and defines exercises that nobody was asked for."""
    subs = tmp_path / "subs"
    stray = "".join(f"{name} = 1\n" for name in EXERCISES)
    claim = "eve.ipynb:\n  :submitters:\n  - :name: anna\nanna.ipynb:\n  :submitters:\n  - :name: eve\n"
    files = {"anna/anna.ipynb": solved("01-task"), "ben/ben.ipynb": solved("01-task"), "eve/eve.ipynb": "{}"}
    files |= {"eve/more.py": stray, "eve/submission_metadata.yml": claim}
    for name, content in files.items():
        (subs / name).parent.mkdir(parents=True, exist_ok=True)
        (subs / name).write_text(content)
    output = tmp_path / "out"
    assert main(["grade", str(subs), "--output", str(output), "--seed", "1", "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "and is ignored: eve/submission_metadata.yml" in shown
    students = json.loads((output / "results.json").read_text())["students"]
    full = sum(exercise.points for exercise in CHAPTERS["01-task"])
    percents = {student["student"]: (student["percent"], student["maximum"]) for student in students}
    assert percents == {"anna": (100, full), "ben": (100, full), "eve": (0, full)}


@pytest.mark.usefixtures("nothing_left")
def test_ctrl_c_loses_nothing_and_leaves_no_process(tmp_path: Path):
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs" / "a.py").write_text(RIGHT)
    (tmp_path / "subs" / "b.py").write_text(ENDLESS)
    command = [*COMMAND, "subs", "--jobs", "1", "--seed", "1", "--exercises", "chance_loss"]
    heeds = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 (a background job is born ignoring it)
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=heeds
    )
    first = tmp_path / "grades" / "grades" / "a.json"
    while process.poll() is None and not first.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert "Interrupted: 1 of 2 are kept; add --resume" in err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "grades" / "run.json").read_text())["ended"] == ""
    kept = first.stat().st_ino

    (tmp_path / "subs" / "b.py").write_text(WRONG)
    done = subprocess.run([*command, "--resume"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert first.stat().st_ino == kept
    assert {path.name for path in first.parent.iterdir()} == {"a.json", "b.json"}


@pytest.mark.usefixtures("nothing_left")
def test_if_the_run_is_killed_no_process_stays(tmp_path: Path):
    (tmp_path / "b.py").write_text(ENDLESS)
    code = (
        "from grokcourse.autograder.records import Limits\n"
        "from test_batch import *\n"
        "with Pool(Settings('s', limits=Limits(seconds=600, total_seconds=600)), 1) as pool:\n"
        "    pool.protections()\n"
        "    print('up', flush=True)\n"
        f"    list(pool.grade_all([Work('b', (Path({str(tmp_path / 'b.py')!r}),))]))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        below = psutil.Process(process.pid).children(recursive=True)
        assert below
        process.kill()
    _, alive = psutil.wait_procs(below, timeout=120)
    assert alive == []


@pytest.mark.usefixtures("nothing_left")
def test_own_tests_and_isolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs" / "cy.py").write_text(WRONG)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_mine.py").write_text(
        "from grokcourse.autograder.testing import checks, expect\n"
        "print('printed by a test')\n"
        "@checks('chance_loss', 'mine')\n"
        "def test_mine(student, draw):\n"
        "    print('printed by a test')\n"
        "    expect(student.chance_loss(7) == 7, 'should be 7')\n"
    )
    arguments = ["grade", str(tmp_path / "subs"), "--output", str(tmp_path / "grades")]
    arguments += ["--tests", str(tmp_path / "tests"), "--only-own-tests", "--exercises", "chance_loss"]
    assert main([*arguments, "--require-isolation"]) in (0, 1)
    out, err = capsys.readouterr()
    if "nothing was graded" in err:  # a machine that lacks something
        assert "NO " in out
        assert main([*arguments, "--resume"]) == 0
    content = json.loads((tmp_path / "grades" / "grades" / "cy.json").read_text())
    assert [outcome["title"] for outcome in content["outcomes"]] == ["mine"]
    assert content["outcomes"][0]["status"] == "passed"
    record = (tmp_path / "grades" / "run.json").read_text()
    assert "test_mine.py" in record
    assert "should be 7" not in record  # the tests stay private


# --- With a stand-in for grading ---


def stand_in(work: Work, settings: Settings, server: ForkServer) -> Grade:
    """Do what the submission says to the process that grades."""
    order = work.files[0].read_text()
    match order:
        case "die":
            os._exit(7)
        case "die once" if not (mark := work.files[0].with_suffix(".mark")).exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(10_000)
        case "loop":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                pass
        case order if order.startswith("wait"):
            time.sleep(0.2)
        case "raise":
            raise RuntimeError("a hidden test is broken")
        case "no server":
            raise SandboxError("students' code cannot be run")
        case "large":
            return Grade(work.student, (), "", "graded", problems=("x" * MAX_REPLY,))
        case "print":
            print('{"grade": "forged"}', flush=True)
            os.write(1, b'{"grade": "forged"}\n')
    outcome = Outcome("chance_loss", f"{settings.seed}: {order}", "passed")
    return Grade(work.student, (work.files[0].name,), digest(work.files), "graded", outcomes=(outcome,))


STAND_IN = f"{__name__}:stand_in"


def orders(folder: Path, *texts: str) -> list[Work]:
    folder.mkdir(exist_ok=True)
    works = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.py"
        path.write_text(text)
        works.append(Work(f"student {number}", (path,)))
    return works


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    before = children()
    with Pool(Settings("s"), 2, STAND_IN, seconds=5) as pool:
        yield pool
    _, alive = psutil.wait_procs(children() - before, timeout=120)
    assert alive == []


def test_whatever_one_does_the_others_are_graded(pool: Pool, tmp_path: Path):
    works = orders(
        tmp_path / "subs", "a", "die", "b", "hang", "c", "raise", "loop", "print", "d", "die once", "e", "large"
    )
    grades = {grade.student: grade for grade in pool.grade_all(works)}
    assert len(grades) == len(works)
    failed = {student: grade.reason for student, grade in grades.items() if grade.status == "failed"}
    assert failed == {
        "student 1": "the process that graded it ended: exit code 7",
        "student 3": "grading it took longer than 5 seconds and was broken off",
        "student 5": "grading it broke off: RuntimeError: a hidden test is broken",
        "student 6": "grading it took longer than 5 seconds and was broken off",
        "student 11": "the process that graded it ended: what it found takes up more than 32 MB",
    }
    for number in (0, 2, 4, 7, 8, 9, 10):
        title = f"s: {works[number].files[0].read_text()}"
        assert grades[f"student {number}"].outcomes == (Outcome("chance_loss", title, "passed"),)


def test_if_nothing_can_be_graded_nobody_is_marked(pool: Pool, tmp_path: Path):
    with pytest.raises(GraderError, match="students' code cannot be run"):
        list(pool.grade_all(orders(tmp_path / "subs", "no server")))


@pytest.mark.usefixtures("nothing_left")
def test_a_process_that_does_not_start_is_one_sentence():
    with (
        Grader(Settings("s"), "nowhere:nothing") as grader,
        pytest.raises(GraderError, match=r"does not start: exit code 1 \(ModuleNotFoundError"),
    ):
        grader.protections()


@pytest.mark.usefixtures("nothing_left")
def test_closing_ends_what_is_being_graded(tmp_path: Path):
    (work,) = orders(tmp_path / "subs", "hang")
    with Pool(Settings("s"), 1, STAND_IN) as pool:
        assert pool.protections()
        grades = pool.grade_all([work, work])
        assert next(pool.grade_all(orders(tmp_path / "other", "a"))).status == "graded"
        grades.close()
    with pytest.raises(GraderError, match="grading was ended"):
        next(pool.grade_all([work]))


GRADE_WITH_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
from grokcourse.autograder.batch.work import grade
from grokcourse.autograder.intake import archive
from grokcourse.autograder.records import Settings, Work
from grokcourse.autograder.sandbox.trusted.fork_server import ForkServer
from grokcourse.autograder.scoring import marks_of

archive.little_memory.__wrapped__.__defaults__ = (2**26,)
before = resource.getrlimit(resource.RLIMIT_AS)
with ForkServer() as server:
    found = grade(Work("ed", tuple(map(Path, sys.argv[1:]))), Settings("s"), server)
print(sum(mark.points for mark in marks_of(found)), resource.getrlimit(resource.RLIMIT_AS) == before, found.problems[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
def test_a_file_that_takes_too_much_memory_to_read_is_one_sentence(tmp_path: Path):
    (tmp_path / "01.ipynb").write_bytes(b"[" + b"{}," * 3_000_000 + b"{}]")
    (tmp_path / "05.py").write_text(RIGHT)
    # In a process of its own: one that has run other tests may hold enough freed memory to read the file.
    command = [sys.executable, "-c", GRADE_WITH_LITTLE_MEMORY, tmp_path / "01.ipynb", tmp_path / "05.py"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    marks, put_back, problem = run.stdout.split(" ", 2)
    assert "01.ipynb cannot be read: it takes too much memory" in problem
    assert (float(marks), put_back) == (EXERCISES["chance_loss"].points, "True")


def test_settings_travel():
    settings = Settings("s", exercises=("split",), tests=(("test_a.py", "x"),), only_own_tests=True)
    assert settings_from(json.loads(json.dumps(asdict(settings)))) == settings


class Recorder:
    """Grades at once, in this process, and remembers whom."""

    def __init__(self, settings: Settings, stop_after: int = 1000, stop_with: type[BaseException] = KeyboardInterrupt):
        self.settings, self.stop_after, self.stop_with = settings, stop_after, stop_with
        self.asked: list[str] = []

    def grade_all(self, works: list[Work]) -> Iterator[Grade]:
        for work in works:
            if len(self.asked) == self.stop_after:
                raise self.stop_with
            self.asked.append(work.student)
            yield stand_in(work, self.settings, None)


def plan(works: list[Work], folder: Path, settings: Settings | None = None, *, resume: bool = False) -> Plan:
    return make_plan(works, Record(settings or Settings("s"), "2026-11-22T14:00:00+00:00"), folder, resume=resume)


def run(
    works: list[Work], folder: Path, settings: Settings | None = None, *, resume: bool = False, **stop
) -> list[str]:
    """Grade, and return whom."""
    recorder = Recorder(settings or Settings("s"), **stop)
    made = plan(works, folder, settings, resume=resume)
    done = run_plan(made, recorder.grade_all)
    assert [grade.student for grade in read_grades(done)] == [work.student for work in works]
    assert done.waiting == ()
    return recorder.asked


def test_resume_grades_what_is_missing_changed_or_failed(tmp_path: Path):
    works = orders(tmp_path / "subs", "a", "b", "c", "d")
    with pytest.raises(KeyboardInterrupt):
        run(works, tmp_path / "out", stop_after=3)
    assert len(list((tmp_path / "out" / "grades").iterdir())) == 3
    works[1].files[0].write_text("B")
    broken = tmp_path / "out" / "grades" / "student-2.json"
    failed = replace(Grade.from_dict(json.loads(broken.read_text())), status="failed")
    broken.write_text(json.dumps(failed.to_dict()))
    assert run(works, tmp_path / "out", resume=True) == ["student 1", "student 2", "student 3"]
    assert run(works, tmp_path / "out", resume=True) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"student": "student 0"}', "\0"])
def test_a_grade_that_is_not_whole_is_made_anew(tmp_path: Path, content: str):
    works = orders(tmp_path / "subs", "a", "b")
    run(works, tmp_path / "out")
    (tmp_path / "out" / "grades" / "student-0.json").write_text(content)
    assert run(works, tmp_path / "out", resume=True) == ["student 0"]


def test_who_joins_or_leaves_mixes_nothing_up(tmp_path: Path):
    """Names that make the same file name: each grade stays its student's."""
    first = replace(orders(tmp_path / "subs", "a")[0], student="A b")
    second = replace(orders(tmp_path / "other", "b")[0], student="A-b")
    run([second], tmp_path / "out")
    assert run([first, second], tmp_path / "out", resume=True) == ["A b"]
    grades = read_grades(plan([first, second], tmp_path / "out", resume=True))
    assert [grade.outcomes[0].title for grade in grades] == ["s: a", "s: b"]
    assert run([second], tmp_path / "out", resume=True) == []


def test_what_the_platform_says_of_lateness_is_taken_over(tmp_path: Path):
    works = orders(tmp_path / "subs", "a")
    run(works, tmp_path / "out")
    late = [replace(works[0], late_days=2.0, handed_in="2026-11-21T10:00:00+00:00")]
    assert run(late, tmp_path / "out", resume=True) == []
    (grade,) = read_grades(plan(late, tmp_path / "out", resume=True))
    assert (grade.late_days, grade.handed_in) == (2, late[0].handed_in)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Settings("t"), r"another --seed \(s then, t now\)"),
        (Settings("s", exercises=("split",)), r"another --exercises \(\[\] then, \['split'\] now\)"),
        (
            Settings("s", limits=replace(Settings("s").limits, seconds=3)),
            r"another --timeout \(seconds 10 then, seconds 3 now\)",
        ),
        (Settings("s", tests=(("test_a.py", ""),)), "another --tests, and"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, other: Settings, says: str):
    works = orders(tmp_path / "subs", "a")
    run(works, tmp_path / "out")
    with pytest.raises(ClassRunError, match=says):
        plan(works, tmp_path / "out", other, resume=True)
    assert len(read_grades(plan(works, tmp_path / "out", resume=True))) == 1


def test_grades_are_not_overwritten(tmp_path: Path):
    works = orders(tmp_path / "subs", "a")
    run(works, tmp_path / "out")
    with pytest.raises(ClassRunError, match="holds grades already: add --resume"):
        plan(works, tmp_path / "out")


@pytest.mark.parametrize(
    "damage", [{"settings": 3}, {"started": 5}, {"seconds": "x"}, {"protections": ["x"]}, {"protections": None}]
)
def test_a_damaged_record_is_told_and_the_grades_stay(tmp_path: Path, damage: dict[str, object]):
    works = orders(tmp_path / "subs", "a")
    run(works, tmp_path / "out")
    record = tmp_path / "out" / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | damage))
    with pytest.raises(ClassRunError, match=r"holds grades, but its run\.json is damaged: choose another --output"):
        plan(works, tmp_path / "out", resume=True)
    assert (tmp_path / "out" / "grades" / "student-0.json").exists()


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("content", ["", "{}", '{"settings": {"seed": 1}}', "[1]"])
def test_a_folder_with_something_else_is_not_touched(tmp_path: Path, content: str, resume: bool):
    works = orders(tmp_path / "subs", "a")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text(content)
    with pytest.raises(ClassRunError, match="holds something else than grades: choose another --output"):
        plan(works, tmp_path / "out", resume=resume)
    with pytest.raises(ClassRunError, match="holds something else"):
        plan(works, tmp_path / "subs", resume=resume)
    with pytest.raises(ClassRunError, match="holds something else"):
        plan(works, tmp_path / "out" / "run.json", resume=resume)
    assert [path.read_text() for path in (tmp_path / "out").iterdir()] == [content]


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    works = orders(tmp_path / "subs", *"abcd")
    fsync, left = os.fsync, [4]  # run.json twice, and two grades

    def full(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ReportError, match=r"student-2\.json cannot be written: the disk is full"):
            run(works, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").rglob("*")} == {
        *("run.json", "grades", "student-0.json", "student-1.json")
    }
    assert run(works, tmp_path / "out", resume=True) == ["student 2", "student 3"]


# --- Wrong usage ---


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["empty"], "empty is empty: there is nothing to grade"),
        (["subs", "--exercises", "splitt"], "neither a chapter nor an exercise 'splitt'; did you mean split"),
        (["subs", "--exercises", "\x1b[31m"], "neither a chapter nor an exercise ''"),
        (["subs", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"], "--jobs is for this machine"),
        (["subs", "--jobs", "0"], "--jobs has to be at least 1"),
        (["subs", "--timeout", "0"], "--timeout has to be a number of seconds"),
        (["subs", "--timeout", "nan"], "--timeout has to be a number of seconds"),
        (["subs", "--only-own-tests"], "--only-own-tests needs --tests"),
        (["subs", "--tests", "nowhere"], "there is no folder nowhere"),
        (["subs", "--tests", "empty"], "empty has no files test_*.py"),
        (["subs", "--policy", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["subs", "--output", "subs"], "subs holds something else than grades"),
        (["subs", "--output", "subs/ann.ipynb"], "ann.ipynb holds something else than grades"),
        (["subs", "--output", "subs/ann.ipynb/out"], "cannot be written: there is a file where its folder should be"),
        pytest.param(
            ["subs", "--output", "/sys/grades"],
            "cannot be written: its folder may not be written to",
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="a folder that nobody may write to, not even root"
            ),
        ),
    ],
)
def test_wrong_usage_is_one_sentence_and_no_folder(
    subs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
):
    monkeypatch.chdir(subs.parent)
    Path("empty").mkdir()
    assert main(["grade", *arguments]) == 2
    out, err = capsys.readouterr()
    assert says in err
    assert err.count("\n") == 1
    assert out == ""
    assert {path.name for path in Path().iterdir()} == {"subs", "empty"}


def test_chapters_and_exercises_can_be_chosen():
    chapter = [exercise.name for exercise in CHAPTERS["01-task"]]
    assert find_exercises(["05-fourier", "01-task"])[: len(chapter)] == tuple(chapter)
    assert find_exercises(["split", "split"]) == ("split",)
    assert find_exercises([]) == ()


@pytest.mark.usefixtures("nothing_left")
def test_missing_protections_can_be_required(
    subs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    missing = Protection("network", "It can reach no network.", False, "there is no unshare: install util-linux")
    monkeypatch.setattr(Pool, "protections", lambda self: [missing])
    output = subs.parent / "grades"
    assert main(["grade", str(subs), "--output", str(output), "--require-isolation"]) == 1
    out, err = capsys.readouterr()
    assert "NO   network" in out
    assert "Why not: there is no unshare: install util-linux" in out
    assert "nothing was graded" in err
    assert not (output / "grades").exists()


def test_without_dask_a_scheduler_is_one_sentence(
    subs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "grokcourse.autograder.batch.cluster", raising=False)
    monkeypatch.delattr(batch, "cluster", raising=False)
    arguments = ["grade", str(subs), "--output", str(subs.parent / "out"), "--scheduler", "tcp://127.0.0.1:1"]
    assert main(arguments) == 1
    assert "pip install 'grokcourse[cluster]'" in capsys.readouterr().err


@pytest.mark.parametrize("submissions", ["--help", "nowhere"])
def test_torch_is_only_for_those_who_grade(tmp_path: Path, submissions: str):
    """The command itself hands works on and writes reports: what it does before its graders start, delays them."""
    code = f"""
import sys
from grokcourse.cli import main
try:
    main(["grade", {submissions!r}])
except SystemExit:
    pass
import grokcourse.autograder.reports
assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("--scheduler" if submissions == "--help" else "nowhere") in done.stdout + done.stderr
