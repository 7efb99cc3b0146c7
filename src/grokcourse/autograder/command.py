"""What ``grokcourse grade`` and ``grokcourse gradescope`` do with their options; ``cli`` says what these are."""

import argparse
import secrets
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..machine import usable_cores
from . import policy
from .batch.plan import (
    ClassRunError,
    Plan,
    Record,
    find_exercises,
    former_run,
    make_plan,
    now,
    read_grades,
    run_plan,
)
from .batch.pool import GraderError, Pool
from .intake.files import ClassroomError
from .intake.find import find_works
from .records import Limits, OwnTestsError, ReportError, Settings


class CommandError(Exception):
    """A command ends with this sentence and exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def grade(options: argparse.Namespace) -> int:
    """Grade a class and write its reports; returns the exit code, 1 if there is work that could not be graded.

    Raises:
        CommandError: if nothing can be graded, or grading breaks off; what was graded is kept.
    """
    from . import reports

    with tempfile.TemporaryDirectory(prefix="grokcourse-") as unpacked:
        try:
            settings = _settings(options)
            rules = policy.load(options.policy) if options.policy else policy.Policy()
            found = find_works(options.submissions, Path(unpacked))
            plan = make_plan(found.works, Record(settings, now()), options.output, resume=options.resume)
        except (ClassroomError, ClassRunError, policy.PolicyError, ReportError, OwnTestsError) as error:
            raise CommandError(str(error), code=2) from error
        count = len(plan.works)
        print(f"{options.submissions}: {count} {'submission' if count == 1 else 'submissions'}, {found.layout}.")
        for note in found.notes:
            print(f"  {note}.")
        print(f"Seed: {settings.seed}")
        try:
            if plan.waiting:
                with _graders(options, settings, len(plan.waiting)) as graders:
                    plan = plan.with_protections(graders.protections())
                    _print_protections(plan)
                    if options.require_isolation and not plan.is_isolated:
                        raise CommandError("nothing was graded: --require-isolation, and a protection is missing")
                    plan = run_plan(plan, graders.grade_all)
            grades = read_grades(plan)
            info = replace(plan.record.info, notes=found.notes)
            reports.write_all(options.output, grades, rules, info)
        except (GraderError, ReportError) as error:
            raise CommandError(f"{error} (what was graded is kept; --resume goes on from there)") from error
        except KeyboardInterrupt:
            kept = len(read_grades(plan))
            print(f"\nInterrupted: {kept} of {count} are kept; add --resume to go on from there.", file=sys.stderr)
            raise
    print(f"\n{reports.class_table(grades, rules, info)}")
    print(f"Written to {options.output}: report.html, grades.csv, results.json, junit.xml, and feedback/ to hand out.")
    return 0 if all(grade.status == "graded" for grade in grades) else 1


def gradescope(options: argparse.Namespace) -> int:
    """Write the zip file for Gradescope; returns the exit code.

    Raises:
        CommandError: if it cannot be made or written.
    """
    from . import gradescope

    try:
        own = _own_tests(options)
        assignment = gradescope.Assignment.of(
            options.exercises,
            options.seed or secrets.token_hex(4),
            visibility=options.visibility,
            only_own_tests=options.only_own_tests,
            require_isolation=options.require_isolation,
        )
        rules = policy.load(options.policy) if options.policy else policy.Policy()
        worth = gradescope.worth(assignment, rules)
        text = options.policy.read_text(encoding="utf-8-sig") if options.policy else ""
    except (gradescope.GradescopeError, policy.PolicyError, OwnTestsError) as error:
        raise CommandError(str(error), code=2) from error
    try:
        gradescope.write_zip(options.zip, assignment, policy=text, tests=own)
    except gradescope.GradescopeError as error:
        raise CommandError(str(error)) from error
    count = len(assignment.exercises)
    print(f"{options.zip}: {count} {'exercise' if count == 1 else 'exercises'}, seed {assignment.seed}.")
    print(f"On Gradescope, the assignment is worth {worth} {'point' if worth == '1' else 'points'}.")
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """How a class is graded, from the options; the seed of the run that is resumed, unless another is given."""
    own = _own_tests(options)
    if options.timeout is not None and not 0 < options.timeout <= 3600:
        raise ClassRunError("--timeout has to be a number of seconds from 0 to 3600")
    if options.jobs is not None and options.jobs < 1:
        raise ClassRunError("--jobs has to be at least 1")
    if options.jobs and options.scheduler:
        raise ClassRunError("--jobs is for this machine; a cluster has as many as its workers have threads")
    former = former_run(options.output) if options.resume else None
    return Settings(
        seed=options.seed or (former["settings"]["seed"] if former else secrets.token_hex(4)),
        limits=Limits(seconds=options.timeout) if options.timeout else Limits(),
        exercises=find_exercises(options.exercises),
        tests=own,
        only_own_tests=options.only_own_tests,
    )


def _own_tests(options: argparse.Namespace) -> tuple[tuple[str, str], ...]:
    """An instructor's own tests, tried out only to see now whether they can be used."""
    if not options.tests:
        if options.only_own_tests:
            raise OwnTestsError("--only-own-tests needs --tests DIR")
        return ()
    from .exercises import testing

    own = testing.read_tests(options.tests)
    testing.use_tests(own, only=options.only_own_tests)
    return own


def _graders(options: argparse.Namespace, settings: Settings, works: int) -> Any:
    """What grades so many works: processes on this machine, or a Dask cluster."""
    if not options.scheduler:
        return Pool(settings, min(options.jobs or usable_cores(), works))
    try:
        from .batch import cluster
    except ImportError as error:
        raise GraderError("--scheduler needs Dask: pip install 'grokcourse[cluster]'") from error
    return cluster.Cluster(settings, options.scheduler)


def _print_protections(plan: Plan) -> None:
    """Say in plain words what students' code is kept from, and what not."""
    print("Students' code is kept in a process of its own, and from the rest as follows:")
    for protection in plan.record.protections:
        print(f"  {'yes' if protection.in_force else 'NO ':<3}  {protection.name:<10} {protection.what}")
        if protection.missing:
            print(f"       {'':<10} Why not: {protection.missing}")
