"""The pytest plugin: ``pytest 01-task.ipynb`` grades a notebook.

It collects notebooks that hold exercises of the course, and .py files that are named on the command line and do. In a
folder of ordinary tests it changes nothing. Nothing heavy is imported until there is something to grade.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .exercises.spec import Exercise
    from .intake.submission import Submission
    from .records import Outcome
    from .sandbox.trusted.fork_server import ForkServer
    from .sandbox.trusted.session import SandboxSession, SkippedStatements

KEY = "grokcourse"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the grading options."""
    group = parser.getgroup("grokcourse", "grading grokcourse notebooks")
    group.addoption(
        "--grokcourse-seed", metavar="SEED", help="which random inputs (by default new ones, which it prints)"
    )
    group.addoption(
        "--grokcourse-timeout", type=float, default=10.0, metavar="SECONDS", help="for one call of a student's function"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed once, so that xdist's workers share it."""
    if config.getoption("--grokcourse-seed") is None:
        config.option.grokcourse_seed = secrets.token_hex(4)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a notebook: any that is named on the command line, and in folders those with our exercises."""
    if file_path.suffix.lower() != ".ipynb" or ".ipynb_checkpoints" in file_path.parts:
        return None
    named = parent.session.isinitpath(file_path)
    return SubmissionFile.from_parent(parent, path=file_path) if named or _is_ours(file_path) else None


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Grade a .py file that is named on the command line and defines exercises; it must not be imported here."""
    patterns = parent.config.getini("python_files")
    is_test = any(module_path.match(pattern) for pattern in patterns)
    if is_test or not parent.session.isinitpath(module_path) or not _is_ours(module_path):
        return None
    return SubmissionFile.from_parent(parent, path=module_path)


def _is_ours(path: Path) -> bool:
    from .intake import submission

    try:
        submission.read(path)
    except submission.SubmissionError:
        return False
    return True


class SubmissionFile(pytest.File):
    """A notebook or .py file that a student handed in."""

    def collect(self) -> Iterator[pytest.Collector | pytest.Item]:
        """An ``ExerciseNode`` for each exercise, or one failing item that says why there is none."""
        from .exercises.select import find_exercise
        from .intake import submission
        from .sandbox.trusted.session import SkippedStatements

        try:
            read = submission.read(self.path)
        except submission.SubmissionError as error:
            yield Unreadable.from_parent(self, name="unreadable", reason=str(error))
            return
        _fork_server(self.config)  # it imports torch while we collect
        skipped = SkippedStatements()
        for name in read.exercises:
            exercise = find_exercise(name)
            more = {"submission": read, "skipped": skipped, "modules": self._modules()}
            yield ExerciseNode.from_parent(self, name=name, exercise=exercise, **more)

    def _modules(self) -> list[tuple[str, str]]:
        """The Python files in the same folder that are named on the command line as well: it may import them.

        Others are not looked at: where a class's files stand in one folder, they are somebody else's.
        """
        from .intake.submission import read_module

        named = {self.session.path / argument.partition("::")[0] for argument in self.config.args}
        beside = [path for path in sorted(named) if path.parent == self.path.parent and path != self.path]
        return [module for path in beside if (module := read_module(path))]


class ExerciseNode(pytest.Collector):
    """One exercise in one submission."""

    def __init__(
        self,
        exercise: Exercise,
        submission: Submission,
        skipped: SkippedStatements,
        modules: list[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.modules = modules
        self.exercise = exercise
        self.submission = submission
        self.skipped = skipped
        self.sandbox: SandboxSession | None = None
        self.outcomes: list[Outcome] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Its hidden tests."""
        from .exercises.testing import hidden_tests

        for number, test in enumerate(hidden_tests(self.exercise)):
            yield GradedTest.from_parent(self, name=test.title, number=number)

    def outcome(self, number: int) -> Outcome:
        """How one of the tests did; all are run when the first is asked for, since a hint has to fit them all."""
        from .exercises.student import Student
        from .grade import run_tests

        if self.outcomes is None:
            seed = self.config.getoption("--grokcourse-seed")
            self.outcomes = run_tests(self.exercise, Student(self.connect().sender(self.exercise)), seed)
        return self.outcomes[number]

    def connect(self) -> SandboxSession:
        """The session with this exercise's worker; one for all its tests."""
        from .records import Limits
        from .sandbox.trusted.session import SandboxSession

        if self.sandbox is None:
            limits = Limits(seconds=self.config.getoption("--grokcourse-timeout"))
            server = _fork_server(self.config)
            more: dict[str, Any] = {"modules": self.modules, "own": self.submission.exercises, "skipped": self.skipped}
            self.sandbox = SandboxSession(server, self.submission.cells, self.exercise, limits, **more)
        return self.sandbox

    def teardown(self) -> None:
        """Stop the worker."""
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None


class GradedTest(pytest.Item):
    """One hidden test of one submission."""

    parent: ExerciseNode

    def __init__(self, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def runtest(self) -> None:
        """Run it: the student's code in the sandbox, the test here."""
        outcome = self.parent.outcome(self.number)
        self.user_properties.append((KEY, json.dumps(asdict(outcome))))
        if not outcome.passed:
            raise NotPassed(outcome, self.parent.connect().problems)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the student reads: never the hidden test's source."""
        return str(excinfo.value) if isinstance(excinfo.value, NotPassed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands and what it is called."""
        return self.path, None, f"{self.parent.name}: {self.name}"


class Unreadable(pytest.Item):
    """A file that cannot be graded."""

    def __init__(self, reason: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason

    def runtest(self) -> None:
        """Fail with the reason."""
        raise NotPassed(None, [self.reason])

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The reason, in one sentence."""
        return str(excinfo.value) if isinstance(excinfo.value, NotPassed) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it stands and what it is called."""
        return self.path, None, self.name


class NotPassed(Exception):  # noqa: N818
    """A test did not pass; its text is for the student."""

    def __init__(self, outcome: Outcome | None, problems: list[str]) -> None:
        lines = []
        if outcome:
            hint = f"Hint: {outcome.hint}" if outcome.hint else ""
            lines = [f"{outcome.title}: {outcome.message}", *filter(None, [outcome.evidence, hint])]
        for problem in problems:
            if outcome is None:
                lines.append(problem)
            elif (
                outcome.status in ("missing", "error") or outcome.exercise in problem
            ) and problem not in outcome.message:
                lines.append(f"In the file: {problem}")
        super().__init__("\n".join(lines))


FORK_SERVER = pytest.StashKey["ForkServer"]()


def _fork_server(config: pytest.Config) -> ForkServer:
    from .sandbox.trusted.fork_server import ForkServer

    if FORK_SERVER not in config.stash:
        config.stash[FORK_SERVER] = ForkServer()
        config.add_cleanup(config.stash[FORK_SERVER].close)
    return config.stash[FORK_SERVER]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """End with a table of points for each submission."""
    by_file: dict[str, list[Outcome]] = {}
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        for key, content in getattr(report, "user_properties", []):
            if key == KEY and report.when == "call":
                from .records import Outcome

                by_file.setdefault(report.nodeid.split("::")[0], []).append(Outcome(**json.loads(content)))
    if not by_file:
        return
    from .scoring import marks, table

    terminalreporter.section("points")
    for name, outcomes in by_file.items():
        terminalreporter.line(f"{name} (seed {config.getoption('--grokcourse-seed')})", bold=True)
        terminalreporter.line(table(marks(outcomes)))
