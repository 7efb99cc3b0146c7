"""One student's feedback as an HTML page that can be handed out.

It has the titles of tests, what property was expected, hints and the student's own errors; no hidden test, no answer,
no seed, and nothing of anybody else.
"""

from collections.abc import Iterator
from fractions import Fraction

from ..grades import Outcome
from ..policy import decimal
from ..registry import CHAPTERS, Exercise
from .page import bar, block, document, items, line, moment, prose
from .results import NOT_HANDED_IN, ClassResult, Row, days, status_of
from .text import MAX_EVIDENCE
from .words import BROKE_OFF, STATUSES, points, said

MAX_PROBLEMS = 20
"""More of them are counted, but not shown."""


def feedback_page(row: Row, result: ClassResult) -> str:
    """The page."""
    parts = [f"<h1>Feedback for {line(row.name)}</h1>", *_head(row)]
    if row.grade.status == "graded":
        parts += [*_marks(row, result), *_problems(row), *_chapters(row, result)]
    info = result.info
    parts.append(f'<p class="muted small">{line(moment(info.started))} · grokcourse {line(info.version)}</p>')
    return document(f"Feedback for {row.name}", "\n".join(parts))


def _head(row: Row) -> Iterator[str]:
    if row.grade.files:
        yield f'<p class="muted">{line(row.files)}</p>'
    if row.grade.status == "failed":
        yield f'<div class="note"><p>{line(BROKE_OFF)}</p></div>'
    elif row.grade.status != "graded":
        yield '<div class="note"><p>Your work could not be read, so nothing in it was marked:</p>'
        yield f"<p>{block(row.grade.reason)}</p>"
        yield "<p>Please mend the file, or ask your instructor, and hand it in again.</p></div>"


def _marks(row: Row, result: ClassResult) -> Iterator[str]:
    got, most = row.points or Fraction(0), row.most
    share = float(got / most) if most else 0.0
    counted = [row.marks[exercise.name] for exercise in result.exercises]
    solved = sum(mark.status == "ok" for mark in counted)
    exercises = "exercise" if len(counted) == 1 else "exercises"
    yield (
        f"<p><strong>{_points(got, most)}</strong>"
        + (f" ({decimal(row.percent or Fraction(0), 0)} %)" if most else "")
        + f"; {solved} of {len(counted)} {exercises} fully solved.</p>{bar(share)}"
    )
    if most and got == most:
        yield "<p>Everything passes. Well done!</p>"
    if row.late_percent and row.late_days is not None:
        what = "your points" if result.policy.late.of == "points" else "the full marks"
        off = f"{decimal(row.late_percent, 2)} % of {what} are taken off ({line(row.lateness.source)})"
        yield f"<p>Handed in {days(row.late_days)} late: {off}.</p>"
    if row.final is not None and most and (row.final != got or row.out_of != most):
        yield f"<p>Final mark: <strong>{decimal(row.final)} of {decimal(row.out_of)}</strong>.</p>"


def _problems(row: Row) -> Iterator[str]:
    problems = row.grade.problems
    if problems:
        more = f"<p>And {len(problems) - MAX_PROBLEMS} more.</p>" if len(problems) > MAX_PROBLEMS else ""
        yield (
            '<div class="note"><p><strong>When your work was read</strong></p>'
            f"{items(problems[:MAX_PROBLEMS])}{more}"
            "<p>What stands there could not be used, and counts as not written. The rest was tested all the same.</p>"
            "</div>"
        )


def _chapters(row: Row, result: ClassResult) -> Iterator[str]:
    for chapter, exercises in CHAPTERS.items():
        shown = [exercise for exercise in exercises if exercise.name in row.marks]
        if not shown:
            continue
        counted = [exercise for exercise in shown if exercise in result.exercises]
        got = sum((result.weighted(row, exercise) for exercise in counted), Fraction(0))
        most = sum((result.most(exercise) for exercise in counted), Fraction(0))
        worth = f' <span class="muted small">{_points(got, most)}</span>' if counted else ""
        yield f"<h2>{line(chapter)}{worth}</h2>"
        if all(status_of(row.marks[exercise.name]) == NOT_HANDED_IN for exercise in shown):
            yield f"<p>Not handed in: {', '.join(f'<code>{line(exercise.name)}</code>' for exercise in shown)}.</p>"
            continue
        yield from (_exercise(row, exercise, result) for exercise in shown)


def _exercise(row: Row, exercise: Exercise, result: ClassResult) -> str:
    mark = row.marks[exercise.name]
    status = status_of(mark)
    unreadable = " or not readable, see above" if status == "missing" and row.grade.problems else ""
    if exercise in result.exercises:
        weight = result.policy.weight(exercise)
        worth = _points(weight * mark.exact, result.most(exercise))
    else:
        worth = "does not count"
    # the tests of what is not written yet all say the same
    tests = [] if all(outcome.status == "missing" for outcome in mark.outcomes) else said(mark)
    hints = list(dict.fromkeys(outcome.hint for outcome in mark.outcomes if outcome.hint))
    return (
        f'<section class="exercise"><header><h3><code>{line(exercise.name)}</code></h3>'
        f'<span class="small">{_said(status)}{unreadable} · {worth}</span></header>'
        + (f"<ul>{''.join(_test(*test) for test in tests)}</ul>" if tests else "")
        + "".join(f"<p><strong>Hint:</strong> {prose(hint)}</p>" for hint in hints)
        + "</section>"
    )


def _points(got: Fraction, most: Fraction) -> str:
    return f"{decimal(got, 2)} of {points(most)}"


def _said(status: str) -> str:
    kind = {"ok": "good", "missing": "muted", "not handed in": "muted", "not run": "muted"}.get(status, "bad")
    return f'<span class="{kind}">{line(STATUSES.get(status, status))}</span>'


def _test(outcome: Outcome, said: str, evidence: str) -> str:
    sign, kind = ("✓", "good") if outcome.passed else ("✗", "bad")
    message = f'<span class="message">{block(said)}</span>' if said else ""
    message += f'<span class="evidence">{block(evidence, MAX_EVIDENCE)}</span>' if evidence else ""
    state = STATUSES.get(outcome.status, outcome.status)
    return (
        f'<li><span class="{kind}" role="img" aria-label="{line(state)}">{sign}</span>'
        f"<span>{prose(outcome.title)}{message}</span></li>"
    )
