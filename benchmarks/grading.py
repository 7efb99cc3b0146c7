"""How fast is a class graded? ``grokcourse grade`` against otter-grader and nbgrader, on the same submissions.

    python benchmarks/grading.py [--submissions 100] [--rounds 2] [--sample 40] [--with-loops] [--environment DIR]

Submissions are notebooks with four exercises of chapter 1, in a mix as of a real class: half of them right, the others
with a wrong function, an unwritten one, or a syntax error; with ``--with-loops`` one in fifty has an endless loop
(otter, which has no limit of time, is stopped after two minutes).
All three tools run the same code cells and test the same four exercises, ours with the course's hidden tests, the peers
with two plain tests an exercise, which cost them next to nothing.

The peers are installed from PyPI into an environment of their own (by default benchmarks/.cache/grading, or
``--environment``), behind which this environment's packages stand, so that all import one torch. Every tool is started
by its own command, and its start-up counts:

otter      ``otter run`` for each submission, which is how otter grades without Docker
nbgrader   ``nbgrader autograde`` for all submissions of a round at once
grokcourse ``grokcourse grade`` for the whole class at once, once with ``--jobs 1`` and once as it comes

One round takes each tool in turn, so that a machine that slows down slows all of them. A peer gets a part of the class
in each round, another one each time: in all rounds together, ``--sample`` of the class, in which the mix is the same as
in the whole. Ours gets the whole class in each round. (So nbgrader's start-up, about two seconds, weighs a little more
than it would for a whole class: give it at least 20 in each round. otter starts anew for every submission anyway.)

Prints submissions a second for each (the median over the rounds), the ratios ours / peer, round by round, how much more
jobs help us, and how long we take for a single submission, which is nearly all start-up. Prints also on how many
submissions the tools agree about who has full marks.

With the defaults on two cores that nobody else uses, ten minutes: otter takes about 9 s for a submission, nbgrader 3 s.
(``--sample 100 --rounds 5``: 25 minutes.)
"""

import argparse
import contextlib
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grokcourse.autograder.exercises.select import EXERCISES
from grokcourse.machine import usable_cores

PEERS = ("otter-grader==7.0.0", "nbgrader==0.9.6")
CACHE = Path(__file__).with_name(".cache") / "grading"
NAMES = ("all_questions", "add_modulo", "split", "train_mask")
SETUP = "import numpy as np\nimport torch\nfrom torch import Tensor"
OTTER_SECONDS = 120
"""For one submission, with ``--with-loops``: otter itself would wait for ever."""
RIGHT = {
    "all_questions": (
        "def all_questions(p):\n    numbers = torch.arange(p)\n    pairs = torch.cartesian_prod(numbers, numbers)\n"
        "    return torch.cat([pairs, torch.full((p * p, 1), p)], 1)",
        "def all_questions(p):\n    return torch.tensor([[a, b, p] for a in range(p) for b in range(p)])",
    ),
    "add_modulo": (
        "def add_modulo(a, b, p):\n    return (a + b) % p",
        "def add_modulo(a, b, p):\n    total = a + b\n    return torch.where(total >= p, total - p, total)",
    ),
    "split": (
        "def split(n, train_fraction, seed):\n    order = torch.as_tensor(np.random.RandomState(seed).permutation(n))\n"
        "    cut = int(train_fraction * n)\n    return order[:cut].sort().values, order[cut:].sort().values",
        "def split(n, train_fraction, seed):\n    generator = torch.Generator().manual_seed(seed)\n"
        "    order = torch.randperm(n, generator=generator)\n    cut = int(train_fraction * n)\n"
        "    return order[:cut].sort().values, order[cut:].sort().values",
    ),
    "train_mask": (
        "def train_mask(train_index, p):\n    mask = torch.zeros(p * p, dtype=torch.bool)\n"
        "    mask[train_index] = True\n    return mask.view(p, p)",
        "def train_mask(train_index, p):\n    return torch.isin(torch.arange(p * p), train_index).reshape(p, p)",
    ),
}
WRONG = {
    "all_questions": "def all_questions(p):\n    numbers = torch.arange(p)\n"
    "    return torch.cat([torch.cartesian_prod(numbers, numbers), torch.zeros(p * p, 1, dtype=torch.int64)], 1)",
    "add_modulo": "def add_modulo(a, b, p):\n    return a + b",
    "split": "def split(n, train_fraction, seed):\n    cut = int(train_fraction * n)\n"
    "    return torch.arange(cut), torch.arange(cut, n)",
    "train_mask": "def train_mask(train_index, p):\n    mask = torch.zeros(p, p, dtype=torch.bool)\n"
    "    mask[train_index % p, train_index // p] = True\n    return mask",
}
SYNTAX_ERROR = "def train_mask(train_index, p)\n    return train_index"
LOOP = "def add_modulo(a, b, p):\n    while True:\n        pass"
TESTS = {
    "all_questions": (
        "assert all_questions(3).shape == (9, 3)",
        "assert all_questions(5).tolist() == [[a, b, 5] for a in range(5) for b in range(5)]",
    ),
    "add_modulo": (
        "assert add_modulo(torch.tensor([1, 4]), torch.tensor([1, 4]), 5).tolist() == [2, 3]",
        "assert all(add_modulo(torch.tensor([a]), torch.tensor([7]), 11).item() == (a + 7) % 11 for a in range(11))",
    ),
    "split": (
        "assert [len(part) for part in split(100, 0.3, 1)] == [30, 70]",
        "assert torch.cat(split(50, 0.5, 2)).sort().values.tolist() == list(range(50))\n"
        "assert not torch.equal(split(50, 0.5, 2)[0], split(50, 0.5, 3)[0])",
    ),
    "train_mask": (
        "assert train_mask(torch.tensor([1, 5]), 3).shape == (3, 3)",
        "assert train_mask(torch.tensor([1, 5]), 3).flatten().nonzero().flatten().tolist() == [1, 5]",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--sample", type=int, help="how many of the submissions the peers get (default: at most 40)")
    parser.add_argument("--with-loops", action="store_true", help="some submissions never end")
    parser.add_argument("--environment", type=Path, default=CACHE, help="where the peers are installed")
    options = parser.parse_args()
    sample = options.sample or min(40, options.submissions)
    if not 1 <= options.rounds <= sample <= options.submissions:
        parser.error("there must be at least one round, and no more rounds than submissions")
    os.environ["OMP_NUM_THREADS"] = "1"
    environment = install(options.environment.resolve())
    folder = CACHE.parent.resolve() / "run"
    shutil.rmtree(folder, ignore_errors=True)
    students = {f"student{number:03}": answers(number, options.with_loops) for number in range(options.submissions)}
    write_class(folder, students)
    write_otter(folder, environment)
    write_nbgrader(folder, environment)

    names = list(students)
    parts = [names[first : sample : options.rounds] for first in range(options.rounds)]
    jobs = usable_cores()
    contestants: dict[str, Callable[[Sequence[str]], None]] = {
        "otter": lambda part: otter(folder, environment, part),
        "nbgrader": lambda part: nbgrader(folder, environment, part),
        "grokcourse, 1 job": lambda part: grokcourse(folder, 1),
        f"grokcourse, {jobs} jobs": lambda part: grokcourse(folder, jobs),
    }
    speeds: dict[str, list[float]] = {name: [] for name in contestants}
    for number, part in enumerate(parts, start=1):
        for name, run in contestants.items():
            began = time.perf_counter()
            run(part)
            count = len(names) if name.startswith("grokcourse") else len(part)
            speeds[name].append(count / (time.perf_counter() - began))
            said = f"round {number} of {len(parts)}: {name}, {count} submissions, {speeds[name][-1]:.2f} a second"
            print(said, file=sys.stderr, flush=True)

    version = sys.version.split()[0]
    print(f"{len(names)} submissions, {len(parts)} round(s), {jobs} core(s), Python {version}; {', '.join(PEERS)}")
    print(f"of these, the peers got {sample}")
    for name, values in speeds.items():
        middle = statistics.median(values)
        print(f"{name:<20} {middle:8.2f} submissions a second ({1 / middle:6.2f} s each)")
    for ours in list(contestants)[2:]:
        for peer in list(contestants)[:2]:
            ratios = [a / b for a, b in zip(speeds[ours], speeds[peer], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
            print(f"{ours} / {peer}: {middle:.1f} (quartiles {low:.1f} to {high:.1f})")
    one, all_jobs = list(contestants)[2:]
    ratio = statistics.median(a / b for a, b in zip(speeds[all_jobs], speeds[one], strict=True))
    print(f"{all_jobs} / {one}: {ratio:.2f}")
    print(f"grokcourse, a single submission: {single(folder):.1f} seconds")
    full = {
        "otter": full_otter(folder),
        "nbgrader": full_nbgrader(folder, environment),
        "grokcourse": full_ours(folder),
    }
    for name, found in full.items():
        graded = names if name == "grokcourse" else names[:sample]
        expected = {student for student in graded if students[student][0] == "right"}
        others = len(found - expected)
        right = f"{len(found & expected)} of the {len(expected)} with right answers"
        print(f"{name}: full marks for {right}, and {others} others")


# --- the class ---


def answers(number: int, with_loops: bool) -> tuple[str, dict[str, str]]:
    """A student's kind, and what stands in the cell of each exercise."""
    written = {name: variants[number // 2 % 2] for name, variants in RIGHT.items()}
    kind = "right" if number % 2 else ("wrong", "stub", "wrong", "syntax error", "wrong")[number // 2 % 5]
    if with_loops and number % 50 == 0:
        kind = "loop"
        written["add_modulo"] = LOOP
    elif kind == "wrong":
        name = NAMES[number // 2 % len(NAMES)]
        written[name] = WRONG[name]
    elif kind == "stub":
        written |= {name: EXERCISES[name].stub for name in NAMES[number // 10 % len(NAMES) :]}
    elif kind == "syntax error":
        written["train_mask"] = SYNTAX_ERROR
    return kind, written


def base_notebook(written: dict[str, str], extra: Callable[[str], list]) -> nbformat.NotebookNode:
    """A notebook with these answers; ``extra`` gives the cells that a tool wants after each exercise."""
    cells = [new_markdown_cell("# The task", id="title"), new_code_cell(SETUP, id="setup")]
    for name in NAMES:
        cells += [new_code_cell(written[name], id=name.replace("_", "-")), *extra(name)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def write_class(folder: Path, students: dict[str, tuple[str, dict[str, str]]]) -> None:
    """For nbgrader and us the same files, ``submitted/STUDENT/class/task.ipynb``; for otter ones without test cells."""
    for student, (_, written) in students.items():
        for path, extra in (
            (folder / "submitted" / student / "class" / "task.ipynb", nbgrader_cells),
            (folder / "otter" / f"{student}.ipynb", lambda name: []),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(base_notebook(written, extra), path)


def install(environment: Path) -> Path:
    """Install the peers, unless they are there; returns the environment's folder of programs."""
    programs = environment / "bin"
    done = environment / "peers.json"
    if not done.exists() or json.loads(done.read_text()) != list(PEERS):
        print(f"installing {' and '.join(PEERS)} into {environment} …", file=sys.stderr)
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        python = programs / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        found = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
        behind = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
        (Path(found) / "grokcourse.pth").write_text(behind)
        done.write_text(json.dumps(PEERS))
    return programs


def call(
    command: Sequence[str | Path], folder: Path, programs: Path | None = None, seconds: float | None = None
) -> None:
    environment = dict(os.environ)
    if programs:
        environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {(done.stdout + done.stderr)[-3000:]}")


# --- the tools ---


def nbgrader_cells(name: str) -> list[nbformat.NotebookNode]:
    made = []
    for number, test in enumerate(TESTS[name], start=1):
        metadata = {"grade": True, "solution": False, "locked": True, "task": False, "schema_version": 3}
        metadata |= {"grade_id": f"{name}-{number}", "points": 1, "cell_type": "code"}
        made.append(new_code_cell(test, id=f"{name.replace('_', '-')}-{number}", metadata={"nbgrader": metadata}))
    return made


def write_nbgrader(folder: Path, programs: Path) -> None:
    source = folder / "source" / "class" / "task.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(base_notebook({name: EXERCISES[name].stub for name in NAMES}, nbgrader_cells), source)
    (folder / "nbgrader_config.py").write_text("c = get_config()\nc.Autograde.create_student = True\n")
    call([programs / "python", "-m", "nbgrader", "generate_assignment", "class"], folder, programs)


def nbgrader(folder: Path, programs: Path, students: Sequence[str]) -> None:
    """Grade some students by one command: the others' work is out of its sight meanwhile."""
    waiting = folder / "waiting"
    (folder / "submitted").rename(waiting)
    try:
        (folder / "submitted").mkdir()
        for student in students:
            (waiting / student).rename(folder / "submitted" / student)
        call([programs / "python", "-m", "nbgrader", "autograde", "class", "--force"], folder, programs)
    finally:
        for student in students:
            (folder / "submitted" / student).rename(waiting / student)
        (folder / "submitted").rmdir()
        waiting.rename(folder / "submitted")


def full_nbgrader(folder: Path, programs: Path) -> set[str]:
    call([programs / "python", "-m", "nbgrader", "export", "--to", "marks.csv"], folder, programs)
    with (folder / "marks.csv").open(newline="") as file:
        return {row["student_id"] for row in csv.DictReader(file) if float(row["score"]) == float(row["max_score"])}


def write_otter(folder: Path, programs: Path) -> None:
    tests = folder / "otter-tests"
    tests.mkdir()
    for name, lines in TESTS.items():
        cases = [
            {"code": "\n".join(f">>> {line}" for line in test.split("\n")), "hidden": bool(number), "locked": False}
            for number, test in enumerate(lines)
        ]
        suite = {"cases": cases, "scored": True, "setup": "", "teardown": "", "type": "doctest"}
        (tests / f"{name}.py").write_text(
            f"OK_FORMAT = True\n\ntest = { ({'name': name, 'points': len(lines), 'suites': [suite]})!r}\n"
        )
    command = [programs / "otter", "generate", "-t", tests, "-o", folder / "otter.zip"]
    call([*command, "--no-config", "--no-requirements", "--no-environment"], folder, programs)


def otter(folder: Path, programs: Path, students: Sequence[str]) -> None:
    for student in students:
        (folder / "otter-results" / student).mkdir(parents=True)
        command = [programs / "otter", "run", "-a", folder / "otter.zip", "-o", folder / "otter-results" / student]
        with contextlib.suppress(subprocess.TimeoutExpired):
            call([*command, "--no-logo", folder / "otter" / f"{student}.ipynb"], folder, programs, OTTER_SECONDS)


def full_otter(folder: Path) -> set[str]:
    found = set()
    for path in (folder / "otter-results").glob("*/results.json"):
        tests = [test for test in json.loads(path.read_text())["tests"] if test.get("max_score")]
        if tests and all(test["score"] == test["max_score"] for test in tests):
            found.add(path.parent.name)
    return found


def grokcourse(folder: Path, jobs: int, submitted: str = "submitted", output: str = "grades") -> None:
    shutil.rmtree(folder / output, ignore_errors=True)
    command = [sys.executable, "-m", "grokcourse", "grade", folder / submitted, "--output", folder / output]
    call([*command, "--jobs", str(jobs), "--exercises", *NAMES], folder)


def single(folder: Path) -> float:
    """Seconds for a class of one: the median of three."""
    student = "student001"
    shutil.copytree(folder / "submitted" / student, folder / "one" / student)
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        grokcourse(folder, 1, "one", "one-grades")
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def full_ours(folder: Path) -> set[str]:
    found = set()
    for path in (folder / "grades" / "grades").glob("*.json"):
        grade = json.loads(path.read_text())
        if grade["outcomes"] and all(outcome["status"] == "passed" for outcome in grade["outcomes"]):
            found.add(grade["student"])
    return found


if __name__ == "__main__":
    main()
