"""The workflow that instructors copy: sound YAML, and its steps do what they say, run here as a runner would."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

import grokcourse
from grokcourse import start

pytestmark = pytest.mark.sandbox

WORKFLOW = ROOT / "book" / "assets" / "grade-on-github.yml"
TEXT = WORKFLOW.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def job() -> dict:
    workflow = yaml.safe_load(TEXT)
    assert workflow["name"] == "Autograding Tests"
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"push", "workflow_dispatch"}  # YAML reads "on" as true
    (job,) = workflow["jobs"].values()
    return job


def test_it_installs_this_version_with_what_grading_needs(job: dict):
    assert job["env"]["COURSE"].endswith(f"@v{grokcourse.__version__}")
    assert "grokcourse[grade] @ $COURSE" in step(job, "Install the course")["run"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    assert job["env"]["COURSE"].startswith(f"git+{config['url']}@")


def test_actions_are_pinned_as_ours_are(job: dict):
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []
    ours = "".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    assert [action for action in used if not action.startswith("actions/upload") and action not in ours] == []


def step(job: dict, name: str) -> dict:
    return next(step for step in job["steps"] if step.get("name") == name)


@pytest.mark.parametrize("wanted", ["", "01-task split"])
def test_a_push_gets_points_and_feedback(job: dict, wanted: str, tmp_path: Path):
    repository = tmp_path / "repository"
    (repository / ".ipynb_checkpoints").mkdir(parents=True)
    for name in ("01-task.ipynb", "02-transformer.ipynb"):
        shutil.copy(start.NOTEBOOKS / name, repository)
    shutil.copy(start.NOTEBOOKS / "01-task.ipynb", repository / ".ipynb_checkpoints" / "01-task-checkpoint.ipynb")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "EXERCISES": wanted,
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "OMP_NUM_THREADS": "1",
    }

    def run(name: str) -> str:
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(job, name)["run"]]  # as runners do
        done = subprocess.run(shell, cwd=repository, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "1 submission" in run("Grade")
    student = json.loads((repository / "grades" / "results.json").read_text(encoding="utf-8"))["students"][0]
    assert student["files"] == ["01-task.ipynb", "02-transformer.ipynb"]
    chapters = {exercise["chapter"] for exercise in student["exercises"] if "chapter" in exercise}
    assert not wanted or chapters <= {"01-task"}
    path = repository / step(job, "Hand out the feedback")["with"]["path"]
    assert [page.name for page in path.iterdir()] == ["work.html"]
    if shutil.which("jq") is None:
        pytest.skip("the notices need jq, which GitHub's runners have")
    said = run("Show the points").splitlines()
    assert said[0] == f"::notice title=Autograding complete::Points 0/{student['maximum']}"
    report = json.loads(said[1].removeprefix("::notice title=Autograding report::"))
    assert report == {"totalPoints": 0, "maxPoints": student["maximum"]}
    assert "student" in (tmp_path / "summary").read_text()
