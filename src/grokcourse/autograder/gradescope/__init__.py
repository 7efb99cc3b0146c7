"""Gradescope's autograder: the zip file that an instructor uploads there, and what runs in Gradescope's container.

The formats: https://gradescope-autograders.readthedocs.io/en/latest/specs/ (the zip file, the folders,
``results.json``) and …/submission_metadata/ (when a submission came in, and when it was due).
"""

import importlib.metadata
import io
import json
import re
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from ... import __version__
from .. import policy as policies
from ..exercises.select import CHAPTERS, UnknownNameError, named_exercises
from ..reports.gradescope import VISIBILITIES

PACKAGE = Path(__file__).parents[2]
SCRIPTS = ("setup.sh", "run_autograder")
LEFT_OUT = {"__pycache__", "notebooks", "publishing"}
"""Of the package, what grading does not need."""


class GradescopeError(ValueError):
    """The zip file cannot be made, or a submission not graded; the message says why in one sentence."""


@dataclass(frozen=True)
class Assignment:
    """What is graded on Gradescope, and how; it travels in the zip file."""

    exercises: tuple[str, ...]
    """These count, whether a submission has them or not."""
    seed: str
    """Which random inputs; every submission gets the same."""
    visibility: str = "visible"
    """When students see the tests' results."""
    only_own_tests: bool = False
    require_isolation: bool = False
    """Grade nothing where a protection is not in force."""

    @classmethod
    def of(cls, names: Collection[str], seed: str, **options: Any) -> "Assignment":
        """An assignment of chapters and exercises.

        Raises:
            GradescopeError: if there is no such chapter or exercise, or none is named.
        """
        try:
            exercises = named_exercises(names)
        except UnknownNameError as error:
            known = ", ".join(chapter for chapter, inside in CHAPTERS.items() if inside)
            raise GradescopeError(
                f"there is neither a chapter nor an exercise {error.args[0]!r}; chapters: {known}"
            ) from None
        if not exercises:
            raise GradescopeError("no exercise is to be graded: name a chapter or an exercise")
        if options.get("visibility", "visible") not in VISIBILITIES:
            raise GradescopeError(f"visibility has to be one of {', '.join(VISIBILITIES)}")
        return cls(tuple(exercises), seed, **options)


# --- on the instructor's machine ---


def write_zip(path: Path, assignment: Assignment, *, policy: str = "", tests: Iterable[tuple[str, str]] = ()) -> None:
    """Write the zip file to upload: scripts, the package as it is installed here, and the assignment.

    Args:
        path: where.
        assignment: what is graded.
        policy: the text of a policy file.
        tests: the instructor's own tests, their names and text.

    Raises:
        GradescopeError: if it cannot be written.
        policy.PolicyError: if the policy cannot be used.
    """
    policies.parse(policy)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, text: str | bytes, mode: int = 0o644) -> None:
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same content, the same file
            member.external_attr = (0o100000 | mode) << 16
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, text)

        for name in SCRIPTS:
            add(name, Path(__file__).with_name(name).read_bytes(), 0o755)
        add("requirements.txt", "\n".join(requirements()) + "\n")
        add("assignment.json", json.dumps(asdict(assignment), indent=1) + "\n")
        add("policy.toml", policy)
        for name, text in tests:
            add(f"tests/{name}", text)
        for file in sorted(PACKAGE.rglob("*")):
            inside = file.relative_to(PACKAGE)
            if file.is_file() and not LEFT_OUT & set(inside.parts):
                add(f"package/grokcourse/{inside.as_posix()}", file.read_bytes())
    try:
        path.write_bytes(content.getvalue())
    except OSError as error:
        raise GradescopeError(f"{path} cannot be written: {error.strerror}") from None


def worth(assignment: Assignment, policy: policies.Policy) -> str:
    """What full marks are worth; the assignment on Gradescope should be worth as much."""
    exercises = policy.counted(assignment.exercises)
    return policies.decimal(policy.out_of(sum((policy.weight(one) * one.points for one in exercises), Fraction(0))))


def requirements() -> list[str]:
    """What the container installs: grokcourse's dependencies and those of its extra ``grade``, as installed here."""
    wanted = []
    for line in importlib.metadata.requires("grokcourse") or []:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        if marker and not re.search(r"extra\s*==\s*['\"]grade['\"]", marker):
            continue
        name = re.match(r"[\w.-]+", requirement)
        assert name
        try:
            version = importlib.metadata.version(name[0])
            requirement = f"{name[0]}=={version.partition('+')[0]}"  # torch's build is for this machine
        except importlib.metadata.PackageNotFoundError:
            pass  # as grokcourse asks for it
        marker = re.sub(r"\(?\s*\band\b\s*\)?|\bextra\s*==\s*['\"]grade['\"]", " ", marker).strip(" ()")
        wanted.append(f"{requirement}; {marker}" if marker else requirement)
    return wanted


# --- in Gradescope's container ---


def grade_submission(base: Path) -> dict[str, Any]:
    """Grade what lies in ``submission`` and write ``results/results.json``, whole; returns its content.

    Args:
        base: Gradescope's folder, ``/autograder``.

    Raises:
        GradescopeError: if nothing may be graded here; no results are written then, so that nobody gets a mark for it.
    """
    import tempfile
    import time
    from dataclasses import replace

    from ..batch.work import grade
    from ..exercises import testing
    from ..files import write_whole
    from ..intake.find import one_work
    from ..records import RunInfo, Settings
    from ..reports.gradescope import gradescope
    from ..sandbox.trusted import fork_server, probes

    source = base / "source"
    content = json.loads((source / "assignment.json").read_text(encoding="utf-8"))
    assignment = Assignment(**content | {"exercises": tuple(content["exercises"])})
    policy = policies.load(source / "policy.toml")
    own = testing.read_tests(source / "tests") if (source / "tests").is_dir() else ()
    settings = Settings(
        assignment.seed, exercises=assignment.exercises, tests=own, only_own_tests=assignment.only_own_tests
    )
    started, began = datetime.now().astimezone().isoformat(timespec="seconds"), time.monotonic()
    with fork_server.ForkServer() as server, tempfile.TemporaryDirectory(prefix="grokcourse-") as unpacked:
        found = probes.protections(server)
        print(describe(found))
        missing = [protection.name for protection in found if not protection.in_force]
        if assignment.require_isolation and missing:
            raise GradescopeError(f"not in force here: {', '.join(missing)}; nothing is graded (--require-isolation)")
        late, handed_in = times(base)
        work = replace(one_work("submission", base / "submission", Path(unpacked)), late_days=late, handed_in=handed_in)
        graded = grade(work, settings, server)
    if graded.status == "failed":
        raise GradescopeError(graded.reason)
    info = RunInfo(
        assignment.seed, __version__, started, time.monotonic() - began, found, exercises=assignment.exercises
    )
    results = gradescope(graded, policy, info, visibility=assignment.visibility)
    results["extra_data"]["protections"] = {protection.name: protection.in_force for protection in found}
    write_whole(base / "results" / "results.json", json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    return results


def describe(protections: Iterable[Any]) -> str:
    """What is in force, for the instructor, who alone sees what the autograder prints."""
    lines = ["Students' code runs in a process of its own. On this machine:"]
    for one in protections:
        lines.append(f"  {'in force' if one.in_force else 'MISSING '}  {one.name}: {one.what}")
        lines += [f"            {one.missing}"] if one.missing else []
    return "\n".join(lines)


def times(base: Path) -> tuple[float | None, str]:
    """How many days late it came in, and when, by Gradescope's metadata; None or nothing where that does not tell.

    Who has an extension has a deadline of their own. A group's work is due when it is for the last of its members.
    """
    try:
        metadata = json.loads((base / "submission_metadata.json").read_text(encoding="utf-8"))
        came = datetime.fromisoformat(metadata["created_at"])
    except (OSError, ValueError, LookupError, TypeError):
        return None, ""
    users = metadata.get("users")
    own = [_due(user, came) for user in users] if isinstance(users, list) else []
    due = max([moment for moment in own if moment], default=_due(metadata, came))
    return max((came - due).total_seconds() / 86400, 0.0) if due else None, came.isoformat()


def _due(of: Any, came: datetime) -> datetime | None:
    """The deadline that a user, or the whole submission, has; without an offset it is taken in that of ``came``."""
    try:
        due = datetime.fromisoformat(of["assignment"]["due_date"])
    except (ValueError, LookupError, TypeError):
        return None
    return due if due.tzinfo or not came.tzinfo else due.replace(tzinfo=came.tzinfo)
