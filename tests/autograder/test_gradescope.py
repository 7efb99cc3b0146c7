"""Gradescope's autograder: the zip file, set up and run as Gradescope does, in folders like its own."""

import json
import os
import stat
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
import pytest
from helpers import filled

import grokcourse
from grokcourse import start
from grokcourse.autograder import gradescope
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.cli import main

pytestmark = pytest.mark.sandbox

OWN = """
from grokcourse.autograder.testing import checks, expect


@checks("add_modulo", "on a clock with one hour")
def test_one_hour(student, draw):
    import torch
    expect(student.add_modulo(torch.tensor([0]), torch.tensor([0]), 1).tolist() == [0], "0 + 0 should be 0")
"""
POLICY = "[late]\nper_day = 10\n"
PYTHON = """#!{python}
# A Python whose environments find what is installed here, so that nothing need be downloaded.
import os, subprocess, sys

if sys.argv[1:3] == ["-m", "venv"]:
    subprocess.run([{python!r}, *sys.argv[1:]], check=True)
    found = subprocess.run(
        [sys.argv[3] + "/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    )
    with open(found.stdout.strip() + "/zz-here.pth", "w") as file:
        file.write("import site; site.addsitedir({packages!r})")
else:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Gradescope has as ``/autograder``, set up with a zip file of ours."""
    base = tmp_path_factory.mktemp("gradescope") / "autograder"
    (base / "results").mkdir(parents=True)
    files = base.parent
    (files / "own").mkdir()
    (files / "own" / "test_own.py").write_text(OWN)
    (files / "policy.toml").write_text(POLICY)
    packed = files / "autograder.zip"
    arguments = ["--exercises", "01-task", "--tests", files / "own", "--policy", files / "policy.toml", "--seed", "s"]
    assert main(["gradescope", str(packed), *map(str, arguments)]) == 0
    with zipfile.ZipFile(packed) as archive:
        for member in archive.infolist():
            path = Path(archive.extract(member, base / "source"))
            path.chmod(stat.S_IMODE(member.external_attr >> 16))
    (base / "run_autograder").write_bytes((base / "source" / "run_autograder").read_bytes())
    (base / "run_autograder").chmod(0o755)
    python = files / "python"
    python.write_text(PYTHON.format(python=sys.executable, packages=sysconfig.get_path("purelib")))
    python.chmod(0o755)
    said = run(base, base / "source" / "setup.sh", PYTHON=str(python), PIP_NO_INDEX="1", PIP_NO_DEPS="1")
    assert "process of its own" in said  # it has tried what is in force
    return base


def run(base: Path, command: Path, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "AUTOGRADER_BASE": str(base), "OMP_NUM_THREADS": "1", **variables}
    done = subprocess.run([command], env=environment, cwd="/", capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def submit(base: Path, answers: dict[str, str], created: str = "2026-11-20T12:00:00.000000-07:00") -> None:
    notebook = filled(nbformat.read(start.NOTEBOOKS / "01-task.ipynb", as_version=4), answers)
    (base / "submission").mkdir(exist_ok=True)
    for path in (base / "submission").iterdir():
        path.unlink()
    nbformat.write(notebook, base / "submission" / "my work.ipynb")
    metadata = {"created_at": created, "assignment": {"due_date": "2026-11-20T23:00:00.000000-07:00"}}
    (base / "submission_metadata.json").write_text(json.dumps(metadata))


def graded(base: Path) -> tuple[dict, str]:
    """What Gradescope would read, and what the autograder printed."""
    said = run(base, base / "run_autograder")
    return json.loads((base / "results" / "results.json").read_text(encoding="utf-8")), said


def solutions() -> dict[str, str]:
    return {
        exercise.name: f"{exercise.name} = {exercise.solution!r}" if exercise.question else exercise.source
        for exercise in CHAPTERS["01-task"]
    }


FULL = sum(exercise.points for exercise in CHAPTERS["01-task"])


def test_full_marks(base: Path):
    submit(base, solutions())
    results, said = graded(base)
    assert results["score"] == FULL
    assert {test["status"] for test in results["tests"]} == {"passed"}
    assert sum(test["max_score"] for test in results["tests"]) == pytest.approx(FULL)
    assert "add_modulo: on a clock with one hour" in {test["name"] for test in results["tests"]}
    assert set(results["extra_data"]["protections"]) >= {"wall", "files", "network", "memory"}
    assert "in force  wall" in said


def test_it_runs_the_package_from_the_zip_file_alone(base: Path):
    python = base / "source" / "venv" / "bin" / "python"
    code = "import grokcourse; print(grokcourse.__file__, grokcourse.__version__)"
    assert run_python(python, code) == f"{base}/source/package/grokcourse/__init__.py {grokcourse.__version__}"


def run_python(python: Path, code: str) -> str:
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_wrong_answers_and_lateness_cost_marks(base: Path):
    answers = solutions() | {"split": "def split(n, train_fraction, seed): return 0", "twin_share": "twin_share = ..."}
    submit(base, answers, created="2026-11-22T12:00:00.000000-07:00")  # the second day has begun
    results, _ = graded(base)
    lost = EXERCISES["split"].points + EXERCISES["twin_share"].points
    assert results["score"] == pytest.approx((FULL - lost) * 0.8)
    failed = {test["name"].split(":")[0] for test in results["tests"] if test["status"] == "failed"}
    assert failed == {"split", "twin_share"}
    assert "Late by" in results["output"]


DUE, LATER, LAST = (f"2026-11-{day}T23:00:00.000000-07:00" for day in (20, 22, 25))


@pytest.mark.parametrize(
    ("assignment", "users", "days"),
    [
        (DUE, [], 2),
        (DUE, [{"name": "Ann", "assignment": {"due_date": DUE, "late_due_date": LAST}}], 2),
        (DUE, [{"name": "Ann", "assignment": {"due_date": LATER}}], 0),  # an extension
        (DUE, [{"assignment": {"due_date": LATER}}, {"assignment": {"due_date": DUE}}], 0),  # of a group's one member
        (DUE, [{"assignment": {"due_date": DUE}}, {"assignment": {"due_date": LATER}}], 0),
        (DUE, [{"assignment": {"due_date": "2026-11-21T23:00:00.000000-07:00"}}], 1),  # it is late even so
        (DUE, [{"assignment": {"due_date": None}}], 2),
        (DUE, [{"assignment": None}, {"name": "Ann"}, None, 3, "x", {"assignment": []}], 2),
        (DUE, {"assignment": {"due_date": LATER}}, 2),
        (DUE, None, 2),
        (None, [{"assignment": {"due_date": DUE}}], 2),
        (None, [], None),
        ("soon", "x", None),
    ],
)
def test_who_has_an_extension_is_late_after_that(
    tmp_path: Path, assignment: str | None, users: object, days: float | None
):
    metadata = {
        "created_at": "2026-11-22T23:00:00.000000-07:00",
        "assignment": {"due_date": assignment},
        "users": users,
    }
    (tmp_path / "submission_metadata.json").write_text(json.dumps(metadata))
    late, came = gradescope.times(tmp_path)
    assert (late, came) == (days, "2026-11-22T23:00:00-07:00")


@pytest.mark.parametrize("content", ["", "[]", "3", "{}", '{"created_at": 3}', '{"created_at": "now"}'])
def test_metadata_that_tell_nothing(tmp_path: Path, content: str):
    (tmp_path / "submission_metadata.json").write_text(content)
    assert gradescope.times(tmp_path) == (None, "")


def test_nothing_gradable_gets_a_reason(base: Path):
    submit(base, {})
    (base / "submission" / "my work.ipynb").rename(base / "submission" / "work.docx")
    results, _ = graded(base)
    assert results["score"] == 0
    assert results["tests"] == []
    assert "work.docx" in results["output"]


def test_where_grading_breaks_off_there_are_no_results(base: Path):
    """So nobody gets a mark for it, and none of an earlier run stays."""
    submit(base, solutions())
    (base / "results" / "results.json").write_text("{}")
    kept = (base / "source" / "assignment.json").read_text()
    try:
        (base / "source" / "assignment.json").write_text("nonsense")
        environment = {"PATH": os.environ["PATH"], "AUTOGRADER_BASE": str(base)}
        done = subprocess.run([base / "run_autograder"], env=environment, cwd="/", capture_output=True, text=True)
    finally:
        (base / "source" / "assignment.json").write_text(kept)
    assert done.returncode == 1
    assert "Nothing was graded" in done.stderr
    assert not (base / "results" / "results.json").exists()


# --- the zip file ---


def test_the_zip_file_has_what_grading_needs(tmp_path: Path):
    assignment = gradescope.Assignment.of(["01-task", "split"], "s")
    assert assignment.exercises == tuple(exercise.name for exercise in CHAPTERS["01-task"])
    for name in ("one.zip", "two.zip"):
        gradescope.write_zip(tmp_path / name, assignment)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = archive.namelist()
        assert {"setup.sh", "run_autograder", "package/grokcourse/__init__.py"} <= set(names)
        assert not [name for name in names if "__pycache__" in name or "/notebooks/" in name]
        wanted = archive.read("requirements.txt").decode().splitlines()
    assert any(line.startswith("torch==") and "+" not in line for line in wanted)
    assert any(line.startswith("sandlock") and line.endswith("; sys_platform == 'linux'") for line in wanted)
    assert not [line for line in wanted if "extra" in line or line.startswith(("pytest", "jupyter"))]
    assert (tmp_path / "one.zip").stat().st_size < 50e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--exercises", "11-nothing"], "neither a chapter nor an exercise '11-nothing'"),
        (["--exercises", "split", "--visibility", "never"], "visibility has to be one of"),
        (["--exercises", "split", "--tests", "nowhere"], "nowhere"),
        (["--exercises", "split", "--policy", "nowhere.toml"], "nowhere.toml cannot be read: No such file"),
        (["--exercises", "split", "--only-own-tests"], "--only-own-tests needs --tests"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["gradescope", str(tmp_path / "a.zip"), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()


def test_a_place_that_cannot_be_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["gradescope", str(tmp_path / "no" / "a.zip"), "--exercises", "split"]) == 1
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("name", gradescope.SCRIPTS)
def test_the_scripts_are_sound(name: str):
    path = Path(gradescope.__file__).with_name(name)
    subprocess.run(["bash", "-n", path], check=True)
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
