"""The reports of a class: right numbers, safe text, and nothing half-written."""

import csv
import errno
import io
import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from bs4 import BeautifulSoup
from jinja2 import nodes

import grokcourse
from grokcourse.autograder import policy, reports, sanitise, scoring
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.testing import hidden_tests, planted_mistakes
from grokcourse.autograder.exercises.trial import outcome_of
from grokcourse.autograder.feedback import Feedback, run_checks
from grokcourse.autograder.policy import Policy
from grokcourse.autograder.records import Grade, Outcome, Protection, ReportError, RunInfo
from grokcourse.autograder.reports import data, page, results, terminal
from grokcourse.autograder.reports.results import ClassResult
from grokcourse.autograder.scoring import Mark, marks, marks_of

FIRST = CHAPTERS["01-task"]
INFO = RunInfo(
    seed="5f3a",
    version=grokcourse.__version__,
    started="2026-11-22T14:03:11+00:00",
    seconds=12.5,
    protections=(
        Protection("network", "Reach another computer.", True),
        Protection("files", "Read other files.", False, "this kernel has no Landlock"),
    ),
)
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e&\"'\x00]]>\x1b]8;;http://evil\x07-\ud800\ufffe\n\n=1+1"


def outcomes_of(exercise, answer) -> tuple[Outcome, ...]:
    return tuple(run_checks(exercise, answer() if exercise.question else answer, "seed"))


def right(exercise) -> tuple[Outcome, ...]:
    return tuple(outcome_of(exercise, test, "passed") for test in hidden_tests(exercise))


def failing(exercise, status: str, message: str = "") -> tuple[Outcome, ...]:
    return tuple(outcome_of(exercise, test, status, message) for test in hidden_tests(exercise))


def a_grade(student: str, outcomes=(), **others) -> Grade:
    given = {"files": ("01-task.ipynb",), "digest": "0" * 64, "status": "graded", "seconds": 0.5} | others
    return Grade(student=student, outcomes=tuple(outcomes), **given)


def full(student: str, **others) -> Grade:
    return a_grade(student, [outcome for exercise in FIRST for outcome in right(exercise)], **others)


def made_up_class(size: int = 40) -> list[Grade]:
    """A class whose outcomes are those of real answers, right ones and planted mistakes."""
    draw = random.Random(1)
    answers = {
        exercise.name: [right(exercise)] * 4
        + [outcomes_of(exercise, planted.answer) for planted in planted_mistakes(exercise)[:3]]
        + [failing(exercise, "missing", "not written yet"), failing(exercise, "error", "raised KeyError: 3 (cell 4)")]
        for exercise in FIRST
    }
    grades = []
    for number in range(size):
        done = [outcome for exercise in FIRST for outcome in draw.choice(answers[exercise.name])]
        problems = ("01-task.ipynb, cell 9, line 2: expected ':': def split(n)",) if number % 7 == 3 else ()
        grades.append(a_grade(f"Student {number:03}", done, problems=problems, late_days=draw.choice([None, 0.0, 1.5])))
    grades[3] = full("Åse Øst")
    grades[5] = replace(grades[5], student=HOSTILE)
    grades[7] = a_grade("Unreadable Ümit", status="unreadable", reason="01-task.ipynb is empty")
    grades[8] = a_grade("Failed Fay", status="failed", reason="the process for students' code did not start")
    return grades


@pytest.fixture(scope="module")
def grades() -> list[Grade]:
    return made_up_class()


def written(folder: Path, grades, of: Policy | None = None, info: RunInfo = INFO) -> dict[str, str]:
    paths = reports.write_all(folder, grades, of or Policy(), info)
    assert sorted(paths) == sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def rows_of(content: str) -> list[dict[str, str]]:
    assert content.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))


# --- marks ------------------------------------------------------------------------------------------------------------


def test_points_are_exact():
    exercise = EXERCISES["add_modulo"]
    outcomes = right(exercise)
    total = sum(outcome.weight for outcome in outcomes)
    (mark,) = marks([*outcomes[:3], replace(outcomes[3], status="wrong"), *outcomes[4:]])
    assert mark.exact == Fraction(exercise.points * (total - outcomes[3].weight), total)
    assert mark.points == float(mark.exact)


def test_points_follow_the_weights_of_tests():
    exercise = EXERCISES["add_modulo"]
    outcomes = [Outcome(exercise.name, f"test {weight}", "passed", weight=weight) for weight in (1, 2, 5)]
    outcomes[1] = replace(outcomes[1], status="wrong", message="no")
    grade = a_grade("a", outcomes)
    (mark,) = marks_of(grade)
    assert [mark.share(outcome) for outcome in outcomes] == [Fraction(1, 8), 0, Fraction(5, 8)]
    assert mark.exact == Fraction(6, 8)
    told = reports.gradescope(grade, policy.parse("[weights]\nadd_modulo = 2"), INFO)["tests"]
    assert [test["score"] for test in told] == [0.25, 0, 1.25]
    assert [test["max_score"] for test in told] == [0.25, 0.5, 1.25]
    assert Grade.from_dict(json.loads(json.dumps(grade.to_dict()))) == grade


def test_a_grade_of_an_earlier_release_still_loads():
    grade = a_grade("a", [Outcome("split", "sizes", "passed"), Outcome("split", "order", "wrong", "no")])
    content = grade.to_dict()
    for outcome in content["outcomes"]:
        del outcome["weight"], outcome["evidence"]
    assert Grade.from_dict(content) == grade
    assert marks_of(grade)[0].exact == Fraction(EXERCISES["split"].points, 2)


def test_a_side_condition_gives_points_only_beside_another_test():
    exercise = EXERCISES["add_modulo"]
    tests = [Outcome(exercise.name, title, "wrong", "no") for title in ("sums", "wraps", "sizes")]
    side = Outcome(exercise.name, "left alone", "passed", side=True)
    for passed, points in [(0, 0), (1, 2), (3, 4)]:
        outcomes = [*(replace(test, status="passed", message="") for test in tests[:passed]), *tests[passed:], side]
        (mark,) = marks(outcomes, complete=True)
        assert mark.exact == Fraction(points, 4)
        assert ("no points by itself" in repr(Feedback(exercise, outcomes))) == (passed == 0)
        grade = a_grade("a", outcomes)
        told = reports.gradescope(grade, policy.parse("[weights]\nadd_modulo = 2"), INFO)["tests"]
        assert [test["score"] for test in told] == [0.5 * (passed > n) for n in range(3)] + [0.5 * (passed > 0)]
        (student,) = data.results(ClassResult.of([grade], Policy(), INFO))["students"]
        assert sum(test["points"] for test in student["exercises"][0]["tests"]) == student["points"] == points / 4


def test_a_choice_of_tests_is_no_full_mark_unless_they_are_said_to_be_all():
    outcomes = right(FIRST[0])[:2]
    (mark,) = marks(outcomes)
    assert (mark.exact, mark.status) == (Fraction(FIRST[0].points * 2, len(hidden_tests(FIRST[0]))), "not run")
    (mark,) = marks(outcomes, complete=True)
    assert (mark.exact, mark.status) == (FIRST[0].points, "ok")
    assert Mark(FIRST[0], (), True).exact == 0
    assert Mark(FIRST[0], (), True).status == "not run"


# --- the class --------------------------------------------------------------------------------------------------------


def test_everybody_is_measured_by_the_same_maximum():
    embed = EXERCISES["embed"]
    both = replace(full("both"), outcomes=(*full("both").outcomes, *right(embed)))
    result = ClassResult.of([full("one"), both], Policy(), INFO)
    one = next(row for row in result.rows if row.name == "one")
    assert one.most == sum(exercise.points for exercise in FIRST)
    assert one.percent == next(row for row in result.rows if row.name == "both").percent == 100
    asked = ClassResult.of([full("one"), both], Policy(), replace(INFO, exercises=(*(e.name for e in FIRST), "embed")))
    one = next(row for row in asked.rows if row.name == "one")
    assert one.most == sum(exercise.points for exercise in FIRST) + embed.points
    assert "not handed in: 02-transformer" in one.notes


def test_a_chapter_that_few_handed_in_is_remarked():
    stray = replace(full("both"), outcomes=right(EXERCISES["embed"]))
    result = ClassResult.of([full("a"), full("b"), stray], Policy(), INFO)
    assert (
        "02-transformer was handed in by 1 of 3, and does not count: to change that, name all that counts in a policy "
        '(count = ["01-task", "02-transformer"]) and add --resume.'
    ) in result.remarks
    result = ClassResult.of([full("a"), full("b"), stray], policy.parse('count = ["01-task"]'), INFO)
    assert not any("does not count" in remark for remark in result.remarks)
    both = replace(full("c"), outcomes=(*full("c").outcomes, *whole("02-transformer")))
    result = ClassResult.of(
        [full("a"), full("b"), full("d"), full("e"), both, replace(both, student="f")], Policy(), INFO
    )
    said = "02-transformer was handed in by 2 of 6, and counts for everybody"
    assert [remark for remark in result.remarks if remark.startswith(said)]


def whole(*chapters: str) -> tuple[Outcome, ...]:
    return tuple(outcome for chapter in chapters for exercise in CHAPTERS[chapter] for outcome in right(exercise))


ALL = {exercise.name for exercise in EXERCISES.values()}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 30])
@pytest.mark.parametrize("theirs", ["every exercise", "every chapter", "single exercises", "nothing of the others'"])
def test_no_submission_decides_what_the_others_are_measured_by(size: int, theirs: str):
    """Eve's holds whatever it likes; she is one of two at least."""
    stray = {
        "every exercise": whole(*CHAPTERS),
        "every chapter": whole(*CHAPTERS),
        "single exercises": (*whole("01-task"), *right(EXERCISES["embed"]), *right(EXERCISES["gini"])),
        "nothing of the others'": right(EXERCISES["gini"]),
    }[theirs]
    grades = [*(full(f"student {n}") for n in range(size)), a_grade("Eve", stray)]
    result = ClassResult.of(grades, Policy(), INFO)
    assert [exercise.name for exercise in result.exercises] == [exercise.name for exercise in FIRST]
    assert all(row.percent == 100 for row in result.rows if row.name != "Eve")


@pytest.mark.parametrize(
    ("handed_in", "expected"),
    [
        ([], set()),
        ([{"split"}], {"split"}),
        ([{"split"}] * 9 + [ALL], {"split"}),  # one hands in more than was asked for
        ([{"split", "add_modulo"}] * 3 + [{"split"}] * 6 + [{"gini"}], {"split", "add_modulo"} - {"add_modulo"}),
        ([{"split", "add_modulo"}] * 4 + [{"split"}] * 6, {"split", "add_modulo"}),
        ([{"split"}, {"gini"}], {"split", "gini"}),  # nothing in common: nobody can tell
        ([{"split"}, {"gini"}, {"split"}], {"split"}),
    ],
)
def test_what_a_class_was_asked_for(handed_in: list[set[str]], expected: set[str]):
    assert results.assigned(handed_in) == expected
    assert results.assigned(handed_in, ["embed"]) == {"embed"}


def test_a_last_chapter_that_a_third_did_counts_and_one_that_fewer_did_does_not():
    early, late = {e.name for e in FIRST}, {e.name for e in CHAPTERS["07-progress-measures"]}
    assert results.assigned([early | late] * 34 + [early] * 66) == early | late
    assert results.assigned([early | late] * 33 + [early] * 67) == early


def test_what_was_asked_for_and_not_handed_in_is_told_from_what_is_not_written():
    asked = failing(FIRST[0], "missing", "not handed in")
    page = reports.feedback_page(
        ClassResult.of([a_grade("a", asked)], Policy(), INFO).rows[0],
        ClassResult.of([a_grade("a", asked)], Policy(), INFO),
    )
    assert "Not handed in: <code>all_questions</code>." in page


def test_the_numbers_agree_with_a_count_by_hand(grades):
    made = policy.parse("maximum = 10\n[weights]\nsplit = 2\n[late]\nper_day = 10\n[rounding]\nstep = 0.1")
    result = ClassResult.of(grades, made, INFO)
    for row in result.graded:
        points = Fraction(0)
        for exercise in FIRST:
            tests = [outcome for outcome in row.grade.outcomes if outcome.exercise == exercise.name]
            main = [outcome for outcome in tests if outcome.passed and not outcome.side]
            got = sum(outcome.weight for outcome in tests if outcome.passed) if main else 0
            share = Fraction(got, sum(outcome.weight for outcome in tests))
            points += exercise.points * share * (2 if exercise.name == "split" else 1)
        assert row.points == points
        assert row.most == sum(exercise.points for exercise in FIRST) + 3
        kept = {None: 100, 0: 100, Fraction(3, 2): 80}[row.late_days]
        assert abs(row.final - points / row.most * kept / 10) <= Fraction(1, 20)
    assert sum(result.bins) == len(result.finals) == len(result.graded) == 38
    low, middle, high = result.quartiles
    assert result.finals[0] <= low <= middle <= high <= result.finals[-1]
    assert sum(percent <= middle for percent in result.finals) >= 19


def test_the_hardest_exercise_and_the_misconceptions_are_counted_by_students(grades):
    result = ClassResult.of(grades, Policy(), INFO)
    shares = [found.share for found in result.by_difficulty]
    assert shares == sorted(shares)
    assert all(found.statuses.total() == 38 for found in result.by_difficulty)
    assert result.misconceptions
    for found in result.misconceptions:
        expected = sum(
            any(outcome.hint == found.hint and outcome.exercise == found.exercise.name for outcome in grade.outcomes)
            for grade in grades
        )
        assert len(found.rows) == expected > 0


def test_full_marks_stand_in_the_last_bar():
    result = ClassResult.of([full("a")], Policy(), INFO)
    assert result.bins == [0] * 9 + [1]
    assert result.quartiles == (100, 100, 100)


def test_an_unreadable_submission_gets_what_the_policy_says_and_a_failed_one_never_marks():
    unreadable = a_grade("u", status="unreadable", reason="it is empty")
    failed = a_grade("f", status="failed", reason="no process")
    for made, expected in [(Policy(), None), (policy.parse('unreadable = "zero"'), 0)]:
        rows = {row.name: row for row in ClassResult.of([full("a"), unreadable, failed], made, INFO).rows}
        assert (rows["u"].points, rows["u"].final) == (expected, expected)
        assert (rows["f"].points, rows["f"].final) == (None, None)


@pytest.mark.parametrize("tests", [1, 9])
def test_an_instructors_own_tests_share_the_points_however_many_they_are(tests: int):
    outcomes = [Outcome("split", f"own test {number}", "passed") for number in range(tests)]
    (row,) = ClassResult.of([a_grade("a", outcomes)], Policy(), INFO).rows
    assert (row.points, row.most) == (EXERCISES["split"].points,) * 2


def test_names_are_in_the_order_of_the_alphabet():
    names = ["Zoë", "anna", "Åsa", "Bo"]
    assert [row.name for row in ClassResult.of(list(map(full, names)), Policy(), INFO).rows] == [
        "anna",
        "Åsa",
        "Bo",
        "Zoë",
    ]


# --- CSV --------------------------------------------------------------------------------------------------------------


def test_the_csv_adds_up(tmp_path, grades):
    made = policy.parse('drop = ["twin_share"]\n[weights]\nsplit = 0.5\n[late]\nper_day = 10', "p.toml")
    rows = rows_of(written(tmp_path, grades, made)["grades.csv"])
    names = [exercise.name for exercise in FIRST if exercise.name != "twin_share"]
    first = ["student", "files", "status", "points", "maximum", "percent", "late", "final"]
    assert list(rows[0]) == [*first, "01-task", *names, "note"]
    assert len(rows) == 40
    for row in rows:
        if row["status"] != "graded":
            assert {row[key] for key in ("points", "percent", "final", "01-task", *names)} == {""}
            assert row["note"]
            continue
        assert float(row["points"]) == pytest.approx(sum(float(row[name]) for name in names), abs=1e-3)
        assert row["points"] == row["01-task"]
        assert float(row["percent"]) == pytest.approx(100 * float(row["points"]) / float(row["maximum"]), abs=1e-2)
        assert float(row["final"]) == pytest.approx(
            float(row["points"]) * (0.8 if row["late"] == "1.5" else 1), abs=0.01
        )


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "\x00=1", "\u202e=1"])
def test_no_cell_is_a_formula(tmp_path, name: str):
    grade = full(name, files=(name,), problems=(name,))
    row = rows_of(written(tmp_path, [grade])["grades.csv"])[0]
    for cell in (row["student"], row["files"], row["note"]):
        assert cell[0] not in "=+-@＝＋－＠\t\r\x00"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', None])
@pytest.mark.parametrize(
    "name",
    [
        *(
            "x;=1+2;.py",
            "x; =1+2",
            'x;"=1+2";y',
            "x,=1+2",
            'x","=1+2',
            "x|@SUM(A1)",
            "x\t=1",
            "x;\u200b=1",
            "x;\ufeff-1",
        ),
        *(
            "＝1",
            "x;＝cmd|' /C calc'!A1",
            "=cmd|' /C calc'!A1",
            "﹢1",
            "⁻1",
            "'=1",
            '"=1',
            "a;;=1",
            ";=1;",
            "x\n=1",
            "x\r=1",
        ),
    ],
)
def test_no_cell_is_a_formula_whatever_separates_cells(tmp_path, name: str, separator: str, quote: str | None):
    grade = full(name, files=(name, "=1"), problems=(name,))
    content = written(tmp_path, [grade])["grades.csv"].removeprefix("\ufeff")
    options = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    for row in csv.reader(io.StringIO(content), delimiter=separator, **options):
        for cell in row:
            seen = "".join(c for c in cell if unicodedata.category(c) not in ("Cf", "Zs")).lstrip('"')
            assert not unicodedata.normalize("NFKC", seen[:1]).startswith(("=", "+", "-", "@"))


def test_commas_quotes_and_lines_stay_in_their_cell(tmp_path):
    grade = full('O\'Neill, "José"\nJr.', files=("a,b.ipynb", "c.ipynb"))
    row = rows_of(written(tmp_path, [grade])["grades.csv"])[0]
    assert row["student"] == 'O\'Neill, "José" Jr.'
    assert row["files"] == "a,b.ipynb, c.ipynb"


# --- JSON, JUnit, Gradescope ------------------------------------------------------------------------------------------


SCHEMA = json.loads(data.SCHEMA.read_text(encoding="utf-8"))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("size", [0, 1, 40])
def test_the_results_follow_their_schema(tmp_path, grades, size: int):
    made = policy.parse('count = ["01-task"]\n[weights]\nsplit = 0.1\n[late.days]\nAnn = 1', "p.toml")
    for of in (Policy(), made):
        content = json.loads(written(tmp_path / of.source / "x", grades[:size], of)["results.json"])
        jsonschema.Draft202012Validator(SCHEMA).validate(content)
        assert len(content["students"]) == size
    wrong = content | {"format": 2}
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(wrong)
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(content | {"more": 1})


def test_the_results_say_what_the_grades_say(tmp_path, grades):
    content = json.loads(written(tmp_path, grades)["results.json"])
    by_name = {student["student"]: student for student in content["students"]}
    ase = by_name["Åse Øst"]
    assert (ase["points"], ase["maximum"], ase["percent"], ase["final"]) == (11, 11, 100, 11)
    assert by_name["Failed Fay"]["points"] is None
    assert content["run"]["protections"][1]["in_force"] is False
    graded = [grade for grade in grades if grade.status == "graded"]
    tests = sum(len(exercise["tests"]) for student in content["students"] for exercise in student["exercises"])
    assert tests == sum(len(grade.outcomes) for grade in graded)


def test_junit_counts_what_it_holds(tmp_path, grades):
    root = ElementTree.fromstring(written(tmp_path, grades)["junit.xml"])
    suites = root.findall("testsuite")
    assert len(suites) == 40
    for suite in suites:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors")) == len(suite.findall("testcase/error"))
    failures = [o for grade in grades if grade.status == "graded" for o in grade.outcomes if not o.passed]
    assert int(root.get("failures")) == sum(outcome.status in ("wrong", "missing") for outcome in failures)
    assert int(root.get("errors")) == sum(outcome.status == "error" for outcome in failures) + 2
    assert int(root.get("tests")) == len(root.findall("testsuite/testcase"))


VISIBILITIES = {"hidden", "after_due_date", "after_published", "visible"}


def check_gradescope(content: dict) -> None:
    """What https://gradescope-autograders.readthedocs.io/en/latest/specs/ asks for."""
    content = json.loads(json.dumps(content, allow_nan=False))
    known = {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"}
    assert set(content) <= known | {"visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"}
    assert isinstance(content["score"], float)
    assert isinstance(content["execution_time"], int)
    assert {content["visibility"], content["stdout_visibility"]} <= VISIBILITIES
    assert {content["output_format"], content["test_output_format"], content["test_name_format"]} == {"text"}
    for test in content["tests"]:
        assert set(test) <= {"score", "max_score", "status", "name", "number", "output", "tags", "visibility"}
        assert 0 <= test["score"] <= test["max_score"]
        assert test["status"] == ("passed" if test["score"] == test["max_score"] else "failed")
        assert test["visibility"] in VISIBILITIES


def test_gradescopes_results(grades):
    made = policy.parse("[weights]\nsplit = 2\n[late]\nper_day = 10")
    for grade in grades:
        content = reports.gradescope(grade, made, INFO)
        check_gradescope(content)
        (row,) = ClassResult.of([grade], made, INFO).rows
        assert content["score"] == float(row.final or 0)
        if grade.status == "graded":
            assert sum(test["score"] for test in content["tests"]) == pytest.approx(float(row.points))
            assert sum(test["max_score"] for test in content["tests"]) == pytest.approx(float(row.most))
        else:
            assert content["tests"] == []
            assert content["output"]


def test_gradescope_shows_the_hint_and_the_lateness():
    planted = planted_mistakes(FIRST[0])[0]
    content = reports.gradescope(
        a_grade("a", outcomes_of(FIRST[0], planted.answer), late_days=1.0, problems=("cell 3, line 1: oh",)),
        policy.parse("[late]\nper_day = 10"),
        INFO,
        visibility="after_due_date",
    )
    assert any(test["output"].endswith(f"Hint: {planted.hint}") for test in content["tests"])
    assert "Late by 1 day: 10 % of the points are taken off (by the platform's own deadline)." in content["output"]
    assert "- cell 3, line 1: oh" in content["output"]
    assert {test["visibility"] for test in content["tests"]} == {"after_due_date"}
    with pytest.raises(ValueError, match="visibility has to be one of"):
        reports.gradescope(full("a"), Policy(), INFO, visibility="always")


# --- HTML -------------------------------------------------------------------------------------------------------------


def test_the_class_page_says_what_it_should(tmp_path, grades):
    made = policy.parse("[late]\nper_day = 10\n[late.days]\nNobody = 2", "p.toml")
    contents = written(tmp_path, grades, made)
    page = BeautifulSoup(contents["report.html"], "html.parser")
    shown = " ".join(page.get_text(" ").split())
    for expected in (
        "40 submissions",
        "38 graded",
        "22 November 2026, 14:03 UTC",
        "5f3a",
        f"grokcourse {grokcourse.__version__}",
        "01-task.ipynb is empty",
        "the process for students' code did not start",
        "this kernel has no Landlock",
        "Late work loses 10 % of the points got for every day begun.",
        "late.days names 'Nobody'",
        "11 points: all_questions 2, add_modulo 1,",
        "Not in force on this machine: files.",
    ):
        assert expected in shown
    states = page.select_one("[aria-label='Protections on the machine that graded']").select("tbody tr")
    assert [state.select_one("td").get_text() for state in states] == ["in force", "missing"]
    (figure,) = page.select("svg[role=img]")
    assert figure["aria-label"].startswith("Histogram of the final marks in percent of full marks: ")
    links = [link["href"] for link in page.select("[aria-label=Students] a")]
    assert len(links) == 40
    assert {requoted(link) for link in links} == {name for name in contents if name.startswith("feedback/")}


def requoted(link: str) -> str:
    from urllib.parse import unquote

    return unquote(link)


def test_pages_stand_alone(tmp_path, grades):
    for name, content in written(tmp_path, grades).items():
        if name.endswith(".html"):
            page = BeautifulSoup(content, "html.parser")
            assert not page.select("script, link, img, iframe, object, embed, form, base"), name
            assert not re.search(r"url\(|@import|javascript:|\son\w+=", re.sub(r">[^<]*<", "><", content)), name
            assert "default-src 'none'" in page.select_one("meta[http-equiv]")["content"]


def test_feedback_tells_a_student_what_is_theirs(tmp_path):
    split, planted = EXERCISES["split"], planted_mistakes(EXERCISES["split"])[0]
    outcomes = (*right(FIRST[0]), *outcomes_of(split, planted.answer), *failing(EXERCISES["add_modulo"], "missing"))
    own = Outcome(
        "train_mask", "a square tensor of true and false (dtype bool)", "error", "raised KeyError: 3 (cell 12, line 4)"
    )
    problem = "01-task.ipynb, cell 9, line 2: expected ':': def chance_loss(p)"
    grade = a_grade("Anna", (*outcomes, own), problems=(problem,), late_days=1.0)
    made = policy.parse("maximum = 20\n[late]\nper_day = 10")
    contents = written(tmp_path, [grade, full("Somebody Else")], made)
    shown = " ".join(BeautifulSoup(contents["feedback/Anna.html"], "html.parser").get_text(" ").split())
    for expected in (
        "Feedback for Anna",
        "22 November 2026, 14:03 UTC",
        "Handed in 1 day late: 10 % of your points are taken off (by the platform's own deadline).",
        "Final mark:",
        "raised KeyError: 3 (cell 12, line 4)",
        problem,
        f"Hint: {planted.hint.replace('`', '')}",
        "not written yet or not readable, see above",
    ):
        assert expected in shown, shown
    for outcome in outcomes:
        assert outcome.status == "missing" or outcome.title in shown
    assert "Somebody" not in shown
    assert "Everything passes" in contents["feedback/Somebody-Else.html"]


def test_of_very_many_problems_the_first_are_shown(tmp_path):
    problems = tuple(f"cell {number}, line 1: invalid syntax" for number in range(1, 51))
    page = written(tmp_path, [replace(full("a"), problems=problems)])["feedback/a.html"]
    assert "cell 20, line 1" in page
    assert "cell 21, line 1" not in page
    assert "And 30 more." in page


EVIDENCE = "split(7, 0.5, 1) gave\n    torch.tensor([1, 2])\nwhich has 2 numbers & not `7`"


def test_evidence_is_shown_wherever_the_message_is(tmp_path):
    tests = [replace(outcome, status="wrong", message="no", evidence=EVIDENCE) for outcome in right(EXERCISES["split"])]
    grade = a_grade("Ann", (replace(tests[0], message="sizes"), *tests[1:]))
    contents = written(tmp_path, [grade])
    for name in ("feedback/Ann.html", "report.html"):
        page = BeautifulSoup(contents[name], "html.parser")
        assert page.select_one(".evidence").get_text() == EVIDENCE.replace("`", "")
        assert page.select_one(".evidence code").get_text() == "7"
    told = json.loads(contents["results.json"])["students"][0]["exercises"][0]["tests"]
    assert [test["evidence"] for test in told] == [EVIDENCE] * len(tests)
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(contents["results.json"]))
    assert EVIDENCE in ElementTree.fromstring(contents["junit.xml"]).find(".//failure").text
    shown = reports.gradescope(grade, Policy(), INFO)["tests"]
    assert shown[0]["output"] == f"sizes\n{EVIDENCE}"


def test_what_several_tests_say_is_said_once(tmp_path):
    message = "raised KeyError: 3 (cell 4)"
    grade = a_grade("Ann", failing(EXERCISES["split"], "error", message))
    contents = written(tmp_path, [grade])
    shown = [test["output"] for test in reports.gradescope(grade, Policy(), INFO)["tests"]]
    assert contents["feedback/Ann.html"].count(message) == 1
    assert contents["feedback/Ann.html"].count("the same as above") == len(shown) - 1
    assert shown == [message, *["the same as above"] * (len(shown) - 1)]


def test_tests_that_failed_for_no_known_mistake_are_on_the_class_page(tmp_path):
    odd = [
        replace(full(f"odd {n}"), outcomes=failing(EXERCISES["split"], "wrong", f"odd answer {n}")) for n in range(3)
    ]
    shown = " ".join(BeautifulSoup(written(tmp_path, odd)["report.html"], "html.parser").get_text(" ").split())
    assert "Other mistakes" in shown
    assert f"3 split {right(EXERCISES['split'])[0].title} odd answer 0 odd 0" in shown
    assert "Other mistakes" not in written(tmp_path / "2", [full("a")])["report.html"]


def test_one_point_is_a_point_and_backticks_are_code(tmp_path):
    one = next(exercise for exercise in EXERCISES.values() if exercise.points == 1)
    wrong = [replace(outcome, status="wrong", message="give `torch.long`") for outcome in right(one)]
    grade = a_grade("Ann", wrong)
    contents = written(tmp_path, [grade])
    for name in ("feedback/Ann.html", "report.html"):
        assert "`" not in BeautifulSoup(contents[name], "html.parser").get_text()
        assert "<code>torch.long</code>" in contents[name]
    told = [*contents.values(), reports.gradescope(grade, Policy(), INFO)["output"], scoring.table(marks_of(grade))]
    assert not [text for text in told if re.search(r"\b1 (points|tests|exercises|students|submissions|days)\b", text)]


MARKS = "\u0301" * 20_000 + "\u0316" * 20_000


def test_names_that_are_slow_to_normalise_are_cut_first(tmp_path):
    """Doing with one of these what reports do with names would take minutes; here there are many."""
    grades = [
        replace(full(f"a{MARKS}{n}"), files=(f"{MARKS}.ipynb",) * 20, problems=(MARKS,) * 20, reason=MARKS)
        for n in range(30)
    ]
    made = policy.parse('[late.days]\n"a" = 1\n"b" = 2')
    contents = written(tmp_path, grades, made)
    assert all(len(content) < 5_000_000 for content in contents.values())
    assert len(sanitise.told_apart([f"a{MARKS}{n}" for n in range(30)])) == 30


def test_feedback_has_nothing_of_the_others_and_no_seed(tmp_path, grades):
    info = replace(INFO, seed="the-secret-seed")
    contents = written(tmp_path, grades, info=info)
    result = ClassResult.of(grades, Policy(), info)
    for row in result.rows:
        page = contents[row.feedback]
        assert info.seed not in page
        others = [other.name for other in result.rows if other is not row and other.name.startswith("Student")]
        assert not [name for name in others if name in page]


def test_feedback_shows_no_hidden_test_and_no_answer(tmp_path, grades):
    import inspect

    pages = [content for name, content in written(tmp_path, grades).items() if name.startswith("feedback/")]
    for exercise in FIRST:
        lines = {
            line.strip() for test in hidden_tests(exercise) for line in inspect.getsource(test.function).splitlines()
        }
        lines |= {line.strip() for line in exercise.source.splitlines() if "return" in line}
        secret = [line for line in lines if len(line) > 20 and not line.startswith(("@checks", "def "))]
        assert not [line for line in secret for page in pages if line in page]


def test_feedback_on_a_failed_run_does_not_show_the_graders_reason(tmp_path):
    grade = a_grade("Fay", status="failed", reason="/home/teacher/hidden/test_01.py is gone")
    page = written(tmp_path, [grade])["feedback/Fay.html"]
    assert "/home/teacher" not in page
    assert "says nothing about your work" in page


# --- hostile text -----------------------------------------------------------------------------------------------------


def hostile_class() -> list[Grade]:
    bad = tuple(replace(outcome, status="error", message=HOSTILE * 50) for outcome in right(FIRST[0]))
    others = {"files": (HOSTILE, "x" * 5000), "problems": (HOSTILE,) * 30}
    return [
        a_grade(HOSTILE, bad, **others),
        a_grade(HOSTILE, bad, **others),
        a_grade("", status="unreadable", reason=HOSTILE * 100),
        a_grade("../../etc/passwd", status="failed", reason=HOSTILE),
    ]


def test_hostile_text_stays_text(tmp_path):
    contents = written(tmp_path / "out", hostile_class())
    ElementTree.fromstring(contents["junit.xml"])
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(contents["results.json"]))
    for name, content in contents.items():
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\ufffe]", content), name
        if name.endswith(".html"):
            page = BeautifulSoup(content, "html.parser")
            assert not page.select("script")
            assert "alert(1)" in page.get_text() or "passwd" in name
            assert "evil" not in page.get_text()  # it stood in a terminal's own link
        assert len(content) < 150_000
    shown = reports.class_table(hostile_class(), Policy(), INFO)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    shown.encode()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("off", "gets_in"), [({"autoescape": False}, "<script>"), ({"finalize": None}, "\u202e")])
def test_hostile_text_would_get_in_without_the_environment_that_keeps_it_out(
    tmp_path, monkeypatch, off: dict, gets_in: str
):
    grades = [full("<script>alert(1)</script>", problems=("a\u202eb",))]

    def pages(folder: str) -> str:
        return "".join(text for name, text in written(tmp_path / folder, grades).items() if name.endswith(".html"))

    assert gets_in not in pages("on")
    unsafe = page.environment().overlay(**off)
    monkeypatch.setattr(page, "environment", lambda: unsafe)
    assert gets_in in pages("off")


def test_no_template_says_that_a_text_is_html():
    for template in page.environment().list_templates(extensions=["j2"]):
        source = (page.TEMPLATES / template).read_text(encoding="utf-8")
        filters = {found.name for found in page.environment().parse(source).find_all(nodes.Filter)}
        assert not filters & {"safe", "xmlattr", "tojson", "urlize"}, template
        assert "autoescape" not in source, template


def test_reports_do_without_torch(tmp_path):
    content = json.dumps([grade.to_dict() for grade in (full("Ann"), a_grade("Bo", failing(FIRST[0], "wrong", "no")))])
    code = f"""
import json, sys
from pathlib import Path
sys.modules["torch"] = None
from grokcourse.autograder import reports
from grokcourse.autograder.policy import Policy
from grokcourse.autograder.records import Grade, RunInfo
grades = [Grade.from_dict(one) for one in json.load(sys.stdin)]
reports.write_all(Path({str(tmp_path)!r}), grades, Policy(), RunInfo("1", "0", "now", 1.0))
print(reports.class_table(grades, Policy(), RunInfo("1", "0", "now", 1.0)))
"""
    shown = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "2 submissions, 2 graded" in shown.stdout
    assert "Feedback for Bo" in (tmp_path / "feedback/Bo.html").read_text(encoding="utf-8")


def test_titles_and_hints_with_control_characters_leave_the_xml_well_formed(tmp_path):
    odd = Outcome("split", "own\x00 test\ufffe", "wrong", "no", hint="a\x1b[1mb\x00")
    contents = written(tmp_path, [a_grade("Ann", [odd])])
    case = ElementTree.fromstring(contents["junit.xml"]).find(".//testcase")
    assert case.get("name") == "own\ufffd test\ufffd"
    assert case.find("failure").text == "no\nHint: ab\ufffd"


def test_the_same_name_twice_is_remarked_and_loses_nothing(tmp_path):
    grades = [full("Anna"), a_grade("ANNA", failing(FIRST[0], "missing")), full("Anna")]
    contents = written(tmp_path, grades)
    rows = rows_of(contents["grades.csv"])
    assert len(rows) == 3
    assert all("another submission has the same name" in row["note"] for row in rows)
    assert sum(name.startswith("feedback/") for name in contents) == 3
    assert "More than one submission is called Anna." in reports.class_table(grades, Policy(), INFO)


def test_file_names_are_safe_and_different():
    names = [
        "Anna",
        "anna",
        "ANNA-2",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        " ",
        "con",
        "LPT1.x",
        "aux.",
        "名前",
        "e\u0301",
        "é",
    ]
    names += ["x" * 500, "x" * 501, "名" * 300, "\ud800", "~root", "a:b", "a\x00b", "-rf", ".hidden", "COM¹"]
    found = sanitise.file_names(names)
    assert len({name.casefold() for name in found}) == len(names)
    for name in found:
        assert re.fullmatch(r"[\w][\w.\-]*", name), name
        assert not name.endswith(".")
        assert len(name.encode()) <= sanitise.MAX_FILE_NAME + 10
        assert name.split(".")[0].casefold() not in {"con", "aux", "lpt1", "com1", "com¹"}
    assert sanitise.file_names(["Anna Müller", "名前"]) == ["Anna-Müller", "名前"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("a\rb\x08c", "a\ufffdb\ufffdc"),
        ("a\r\nb", "a\nb"),
        ("a\u202eb\u2066c", "abc"),
        ("नमस्ते 👩‍🔬 é", "नमस्ते 👩‍🔬 é"),
        ("x" * 700, "x" * 599 + "…"),
    ],
)
def test_plain_text(given: str, kept: str):
    assert sanitise.plain(given) == kept


# --- the terminal -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 132])
def test_the_table_fits_the_terminal(grades, width: int):
    wide = replace(grades[0], student="田中 " * 10)
    result = ClassResult.of([*grades, wide], Policy(), INFO)
    lines = terminal.class_text(result, width).split("\n\n")[0].splitlines()
    assert len(lines) == 2 + 41
    assert max(map(terminal.columns, lines)) <= max(width, 60)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("Zoe\u0308", 3),
        ("田中", 4),
        ("한글", 4),
        (unicodedata.normalize("NFD", "한글"), 4),
        ("नमस्ते", 4),
        ("👩\u200d🔬", 2),
        ("❤\ufe0f", 2),
        ("a\u200bb", 2),
    ],
)
def test_a_name_is_as_wide_as_a_terminal_shows_it(name: str, columns: int):
    assert terminal.columns(name) == columns
    assert terminal.fitted(name, 9) == name + " " * (9 - columns)
    for width in range(1, 9):
        assert terminal.columns(terminal.fitted(name * 5, width)) == width


def test_every_cleaned_character_has_a_width():
    shown = (sanitise.one_line(f"a{character}b") for character in map(chr, range(0x30000)))
    assert all(terminal.columns(text) > 0 for text in shown)


def test_with_many_chapters_their_heads_are_shortened_or_left_out():
    everything = a_grade("a", [outcome for exercise in EXERCISES.values() for outcome in right(exercise)])
    result = ClassResult.of([everything], Policy(), INFO)
    heads = {width: terminal.class_text(result, width).splitlines()[0].split() for width in (60, 80, 200)}
    assert heads[200] == ["student", *CHAPTERS, "points", "%", "final"]
    assert heads[80] == ["student", *(chapter[:2] for chapter in CHAPTERS), "points", "%", "final"]
    assert terminal.class_text(result, 30).splitlines()[0].split() == ["student", "points", "%", "final"]


def test_the_table_shows_points_and_reasons(grades):
    shown = reports.class_table(grades, Policy(), INFO)
    assert re.search(r"^Åse Øst +11 +11/11 +100 +11$", shown, re.MULTILINE)
    assert "Not graded: Unreadable Ümit (unreadable): 01-task.ipynb is empty" in shown
    assert "Grading broke off for Failed Fay" in shown
    assert "40 submissions, 38 graded; median" in shown


def test_nobody_is_a_class_too(tmp_path):
    contents = written(tmp_path, [])
    assert "There are no submissions: nobody was graded." in contents["report.html"]
    assert rows_of(contents["grades.csv"]) == []
    assert ElementTree.fromstring(contents["junit.xml"]).get("tests") == "0"
    assert reports.class_table([], Policy(), INFO) == "Nobody was graded: there are no submissions."


def test_a_class_without_a_single_mark(tmp_path):
    grades = [a_grade("a", status="unreadable", reason="empty"), a_grade("b", status="failed", reason="gone")]
    contents = written(tmp_path, grades)
    assert "Distribution" not in contents["report.html"]
    assert "there are no marks" in reports.class_table(grades, Policy(), INFO)


def test_a_policy_under_which_nothing_counts_is_remarked():
    made = policy.parse('drop = ["01-task"]')
    shown = reports.class_table([full("a")], made, INFO)
    assert "No exercise counts, so that there is nothing to get: look at the policy." in shown


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    first = written(tmp_path, [full("a")])

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ReportError, match=r"grades\.csv cannot be written: the disk is full$"):
        reports.write_all(tmp_path, [full("b")], Policy(), INFO)
    kept = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == first


def test_a_write_that_breaks_off_at_the_last_moment_leaves_what_was_there(tmp_path, monkeypatch):
    first = written(tmp_path, [full("a")])

    def broken(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(ReportError, match=r"grades\.csv cannot be written: Input/output error$"):
        reports.write_all(tmp_path, [full("b")], Policy(), INFO)
    kept = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == first


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_may_not_be_written_to_is_said(tmp_path, monkeypatch, number: int):
    def closed(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(ReportError, match=r"grades\.csv cannot be written: its folder may not be written to$"):
        reports.write_all(tmp_path, [full("a")], Policy(), INFO)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that not even root can write to")
def test_a_folder_that_not_even_root_can_write_to():
    with pytest.raises(ReportError, match=r"^/proc/grades/grades\.csv cannot be written: "):
        reports.write_all(Path("/proc/grades"), [full("a")], Policy(), INFO)


def test_a_file_where_a_folder_should_be_is_said(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(ReportError, match="there is a file where its folder should be"):
        reports.write_all(tmp_path / "out", [full("a")], Policy(), INFO)
    with pytest.raises(ReportError, match="there is a file where its folder should be"):
        reports.write_all(tmp_path / "out" / "deeper", [full("a")], Policy(), INFO)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_where_a_file_should_be_is_said(tmp_path):
    (tmp_path / "grades.csv").mkdir()
    with pytest.raises(ReportError, match=r"grades\.csv cannot be written: there is a folder of that name"):
        reports.write_all(tmp_path, [full("a")], Policy(), INFO)
    assert [path.name for path in tmp_path.iterdir()] == ["grades.csv"]


def test_writing_again_replaces_everything(tmp_path, grades):
    first = written(tmp_path, grades)
    assert written(tmp_path, list(reversed(grades))) == first  # whatever the order in which they came
