"""The class as one HTML page, for its instructor."""

from collections.abc import Iterator
from fractions import Fraction
from urllib.parse import quote

from ..policy import decimal
from .page import OURS, bar, block, document, items, line, moment, prose, table
from .results import BINS, ClassResult, Row
from .text import MAX_EVIDENCE, plain
from .words import HEADS, points

SHOWN = 12
"""Misconceptions that are shown at once; the rest opens at a click."""


def class_page(result: ClassResult) -> str:
    """The page: distribution, exercises, misconceptions, who could not be graded, everybody's marks, how it was run."""
    parts = [*_head(result)]
    if result.rows:
        parts += [*_distribution(result), *_not_graded(result), *_exercises(result)]
        parts += [*_misconceptions(result), *_unexplained(result), *_students(result)]
    parts += [*_run(result)]
    return document("Class report", "\n".join(parts))


def _head(result: ClassResult) -> Iterator[str]:
    yield "<h1>Class report</h1>"
    chapters = ", ".join(result.chapters) or "no exercises"
    yield f'<p class="muted">{line(chapters)} · graded {line(moment(result.info.started))}</p>'
    if not result.rows:
        yield "<p>There are no submissions: nobody was graded.</p>"
        return
    full = sum(percent == 100 for percent in result.finals)
    figures = [(len(result.rows), _plural(len(result.rows), "submission")), (len(result.graded), "graded")]
    if result.finals:
        low, middle, high = result.quartiles
        figures += [
            (f"{middle:.0f} %", "median of the final marks"),
            (f"{low:.0f}–{high:.0f} %", "the middle half"),
            (full, "with full marks"),
        ]
    yield '<ul class="figures">'
    yield from (f"<li><strong>{line(str(value))}</strong> {line(name)}</li>" for value, name in figures)
    yield "</ul>"
    remarks = [f"In the submissions: {note}." for note in result.info.notes] + result.remarks
    if remarks:
        yield f'<div class="note"><p><strong>To know</strong></p>{items(remarks, OURS)}</div>'


def _distribution(result: ClassResult) -> Iterator[str]:
    if not result.finals:
        return
    yield "<h2>Distribution of the final marks</h2>"
    yield f"<figure>{_histogram(result.bins)}</figure>"


def _histogram(bins: list[int]) -> str:
    width, height, top = 44, 130, max(bins)
    parts, said = [], []
    for number, count in enumerate(bins):
        left, tall = 10 + number * (width + 4), height * count / top
        low, high = number * 100 // BINS, (number + 1) * 100 // BINS
        if count:
            parts.append(f'<rect x="{left}" y="{24 + height - tall:.1f}" width="{width}" height="{tall:.1f}" rx="3"/>')
            parts.append(f'<text x="{left + width / 2}" y="{18 + height - tall:.1f}">{count}</text>')
            said.append(f"{count} from {low} to {high} %")
        parts.append(f'<text x="{left - 2}" y="{height + 42}">{low}</text>')
    end = 10 + BINS * (width + 4)
    parts.append(f'<text x="{end - 2}" y="{height + 42}">100 %</text>')
    parts.append(f'<line x1="6" x2="{end}" y1="{height + 24.5}" y2="{height + 24.5}"/>')
    label = f"Histogram of the final marks in percent of full marks: {', '.join(said)}."
    size = f'viewBox="0 0 {end + 30} {height + 50}"'
    return f'<svg role="img" aria-label="{line(label)}" {size}>{"".join(parts)}</svg>'


def _not_graded(result: ClassResult) -> Iterator[str]:
    if not result.not_graded:
        return
    yield f"<h2>Not graded ({len(result.not_graded)})</h2>"
    rows = (
        f'<tr><th scope="row">{line(row.name)}</th><td>{line(row.grade.status)}</td>'
        f'<td class="text">{line("; ".join(row.notes))}</td>'
        f'<td class="text">{line(row.files)}</td></tr>'
        for row in result.not_graded
    )
    heads = [("Student", ""), ("Status", ""), ("Why", "text"), ("Files", "text")]
    yield table("Submissions that could not be graded", heads, rows)


def _exercises(result: ClassResult) -> Iterator[str]:
    if not result.by_difficulty:
        return
    yield "<h2>Exercises, the hardest first</h2>"
    yield (
        f'<p class="muted">Points on average, of {_plural(len(result.graded), "graded submission", True)}; and how '
        "many passed every test, or what went wrong first.</p>"
    )
    kinds = [kind for kind in HEADS if any(kind in found.statuses for found in result.by_difficulty)]
    rows = []
    for found in result.by_difficulty:
        counts = "".join(f'<td class="number">{found.statuses[kind] or "–"}</td>' for kind in kinds)
        rows.append(
            f'<tr><th scope="row"><code>{line(found.exercise.name)}</code><br><span class="muted small">'
            f'{line(found.exercise.chapter)}</span></th><td class="number">{float(found.share):.0%}</td>'
            f"<td>{bar(float(found.share))}</td>{counts}</tr>"
        )
    heads = [("Exercise", ""), ("Points", "number"), ("Share", ""), *((HEADS[kind], "number") for kind in kinds)]
    yield table("Exercises, the hardest first", heads, rows)


def _misconceptions(result: ClassResult) -> Iterator[str]:
    yield "<h2>Misconceptions</h2>"
    if not result.misconceptions:
        yield "<p>None of the mistakes that the course knows occurred.</p>"
        return
    most = max(len(found.rows) for found in result.misconceptions)
    rows = []
    for found in result.misconceptions:
        names = ", ".join(line(row.name) for row in found.rows)
        who = f"<details><summary>{_plural(len(found.rows), 'student', True)}</summary>{names}</details>"
        rows.append(
            f'<tr><td class="number">{len(found.rows)}</td><td class="text">{prose(found.hint)}</td>'
            f"<td><code>{line(found.exercise.name)}</code></td><td>{bar(len(found.rows) / most)}</td>"
            f'<td class="text">{who}</td></tr>'
        )
    heads = [("Students", "number"), ("Misconception", "text"), ("Exercise", ""), ("How often", ""), ("Who", "text")]
    yield table("Misconceptions, the most frequent first", heads, rows[:SHOWN])
    if rows[SHOWN:]:
        rest = table("Misconceptions, the rest", heads, rows[SHOWN:])
        yield f"<details><summary>{_plural(len(rows[SHOWN:]), 'rarer one', True)}</summary>{rest}</details>"


def _unexplained(result: ClassResult) -> Iterator[str]:
    """Tests that failed for no known mistake, the most frequent first, each with what one student got."""
    if not result.unexplained:
        return
    yield "<h2>Other mistakes</h2>"
    yield '<p class="muted">Tests that failed for no known mistake, each with what one student read.</p>'
    rows = []
    for found in result.unexplained:
        message, evidence = plain(found.example.message), plain(found.example.evidence, MAX_EVIDENCE)
        shown = f'<span class="message">{block(message)}</span>' if message else ""
        shown += f'<span class="evidence">{block(evidence, MAX_EVIDENCE)}</span>' if evidence else ""
        rows.append(
            f'<tr><td class="number">{len(found.rows)}</td><td><code>{line(found.exercise.name)}</code></td>'
            f'<td class="text">{prose(found.example.title)}</td><td class="text">{shown}<span class="muted small">'
            f'<a href="{quote(found.rows[0].feedback)}">{line(found.rows[0].name)}</a></span></td></tr>'
        )
    heads = [("Students", "number"), ("Exercise", ""), ("Test", "text"), ("For example", "text")]
    yield table("Other mistakes, the most frequent first", heads, rows[:SHOWN])
    if rows[SHOWN:]:
        rest = table("Other mistakes, the rest", heads, rows[SHOWN : 5 * SHOWN])
        yield f"<details><summary>{_plural(len(rows[SHOWN:]), 'rarer one', True)}</summary>{rest}</details>"


def _students(result: ClassResult) -> Iterator[str]:
    yield "<h2>Students</h2>"
    yield (
        '<p class="muted">A name leads to the feedback page, which is fit to be handed out. Points and percent are '
        "before lateness.</p>"
    )
    heads = [("Student", ""), ("Final", "number"), ("Percent", "number"), ("Points", "number"), ("Days late", "number")]
    heads += [(chapter, "number") for chapter in result.chapters]
    yield table("Students", [*heads, ("Note", "text")], (_student(row, result) for row in result.rows))


def _student(row: Row, result: ClassResult) -> str:
    numbers = [row.final, row.percent, row.points, row.late_days, *result.by_chapter(row)]
    cells = "".join(f'<td class="number">{"–" if value is None else decimal(value, 2)}</td>' for value in numbers)
    status = "" if row.grade.status == "graded" else f'<span class="bad">{line(row.grade.status)}</span> '
    return (
        f'<tr><th scope="row"><a href="{quote(row.feedback)}">{line(row.name)}</a></th>{cells}'
        f'<td class="text">{status}{line("; ".join(row.notes))}</td></tr>'
    )


def _run(result: ClassResult) -> Iterator[str]:
    info = result.info
    if result.exercises:
        yield "<h2>What counts</h2>"
        most = sum((result.most(exercise) for exercise in result.exercises), Fraction(0))
        worth = ", ".join(f"{exercise.name} {decimal(result.most(exercise), 2)}" for exercise in result.exercises)
        yield f"<p>{points(most)}: {line(worth, OURS)}.</p>"
    source = f" ({line(result.policy.source)})" if result.policy.source else ""
    yield f"<h2>Policy{source}</h2>{items(result.policy.describe(), OURS)}"
    yield "<h2>Protections</h2>"
    if info.protections:
        rows = (
            f'<tr><th scope="row">{line(protection.name)}</th><td>'
            + ('<span class="good">in force</span>' if protection.in_force else '<span class="bad">missing</span>')
            + f'</td><td class="text">{line(protection.what)}</td><td class="text">'
            + ("" if protection.in_force else line(protection.missing))
            + "</td></tr>"
            for protection in info.protections
        )
        heads = [("Protection", ""), ("State", ""), ("From what", "text"), ("Why not, and what to do", "text")]
        yield table("Protections on the machine that graded", heads, rows)
    else:
        yield "<p>The run did not say which protections were in force.</p>"
    yield (
        f"<h2>The run</h2><p>Seed <code>{line(info.seed)}</code> (everybody got the same random inputs; the same seed "
        f"gives them again) · grokcourse {line(info.version)} · {info.seconds:.0f} s.</p>"
    )


def _plural(number: int, noun: str, with_number: bool = False) -> str:
    word = noun if number == 1 else f"{noun}s"
    return f"{number} {word}" if with_number else word
