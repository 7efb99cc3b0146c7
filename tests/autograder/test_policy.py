"""Policies: what they make of points, and what they say of what cannot be followed."""

import itertools
import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest

from grokcourse.autograder import policy
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.policy import Policy, PolicyError, parse

FIRST = CHAPTERS["01-task"]
SPLIT = EXERCISES["split"]


def test_without_a_policy_every_point_counts_once():
    plain = Policy()
    assert all(plain.weight(exercise) == 1 for exercise in EXERCISES.values())
    assert plain.counted(EXERCISES) == list(EXERCISES.values())
    assert plain.final(Fraction(7, 3), Fraction(4), Fraction(30)) == Fraction(233, 100)
    assert plain.out_of(Fraction(4)) == 4


def test_the_example_in_the_documentation_is_a_policy():
    example = re.search(r"::\n\n(.*)", policy.__doc__, re.DOTALL).group(1)
    made = parse(example)
    assert [exercise.chapter for exercise in made.counted(())] == ["01-task"] * 6 + ["02-transformer"] * 8
    assert made.weight(SPLIT) == Fraction(3, 2)
    assert made.weight(EXERCISES["embed"]) == 2
    assert made.weight(EXERCISES["twin_share"]) == 0
    assert made.maximum == 100
    assert made.lateness("Anna Müller", 0.0).days == 2
    assert made.rounding.direction == "up"


def test_an_exercises_weight_comes_before_its_chapters():
    made = parse('[weights]\n"01-task" = 2\nsplit = 0.1\nadd_modulo = 0')
    assert made.weight(SPLIT) == Fraction(1, 10)  # exactly: no float comes between
    assert made.weight(EXERCISES["all_questions"]) == 2
    assert made.weight(EXERCISES["embed"]) == 1
    assert EXERCISES["add_modulo"] not in made.counted(EXERCISES)


def test_what_counts_is_in_the_order_of_the_course_and_does_not_depend_on_what_was_handed_in():
    made = parse('count = ["embed", "01-task"]\ndrop = ["split"]')
    expected = [*(exercise for exercise in FIRST if exercise.name != "split"), EXERCISES["embed"]]
    assert made.counted([]) == made.counted(EXERCISES) == expected


@pytest.mark.parametrize(
    ("late", "days", "percent"),
    [
        ("per_day = 10", "0", 0),
        ("per_day = 10", "0.001", 10),
        ("per_day = 10", "1", 10),
        ("per_day = 10", "1.0001", 20),
        ("per_day = 10", "40", 100),
        ("per_day = 10\ncap = 35", "9", 35),
        ("per_day = 10\ngrace = 0.25", "0.25", 0),
        ("per_day = 10\ngrace = 0.25", "0.26", 10),
        ("per_day = 10\ngrace = 0.25", "1.25", 10),
        ("per_day = 2.5\ngrace = 1", "4", 7.5),
        ("cap = 10", "9", 0),
    ],
)
def test_lateness_costs_by_the_day_begun(late: str, days: str, percent: float):
    assert parse(f"[late]\n{late}").late.percent(Fraction(days)) == Fraction(str(percent))


def test_percent_of_the_points_or_of_the_maximum():
    points, most, days = Fraction(6), Fraction(8), Fraction(2)
    assert parse("[late]\nper_day = 10").final(points, most, days) == Fraction("4.8")
    assert parse('[late]\nper_day = 10\nof = "maximum"').final(points, most, days) == Fraction("4.4")
    assert parse('[late]\nper_day = 50\nof = "maximum"').final(points, most, days) == 0
    assert parse("[late]\nper_day = 10").final(points, most, None) == 6


def test_the_table_of_days_comes_before_what_the_platform_tells():
    made = parse('[late]\nper_day = 10\n[late.days]\n"Zoe\\u0308" = 0\nBob = 1.5', "p.toml")
    assert made.lateness("Zoë", 3.0).days == 0  # written with one character or with two
    assert made.lateness("Bob", None).days == Fraction(3, 2)
    assert made.lateness("Ann", 0.1).days == Fraction(1, 10)
    assert made.lateness("Ann", -2.0).days == 0
    assert made.lateness("Ann", None).days is None
    assert made.lateness("Ann", float("nan")).days is None
    assert made.lateness("Ann", float("inf")).days is None
    (sentence,) = made.unknown_students(["Zoë", "Bobb"])
    assert sentence == "p.toml: late.days names 'Bob', but nobody in this class is called so (did you mean 'Bobb'?)"


DUE = "due = 2026-11-20T23:59:00+01:00"


@pytest.mark.parametrize(
    ("handed_in", "days"),
    [
        ("2026-11-20T22:59:00+00:00", 0),
        ("2026-11-20T22:59:00.9+00:00", 0),  # whole seconds count
        ("2026-11-20T22:59:01+00:00", Fraction(1, 86_400)),
        ("2026-11-22T04:59:00+06:00", 1),
        ("2026-11-21T23:59:00", 1),  # without a zone: that of the deadline
        ("2026-11-01T12:00:00Z", 0),
        ("", None),
    ],
)
def test_days_late_follow_from_the_deadline(handed_in: str, days: Fraction | None):
    assert parse(f"[late]\n{DUE}").lateness("Ann", None, handed_in).days == days


def test_who_says_how_late_work_is():
    made = parse(f"[late]\nper_day = 10\n{DUE}\n[late.days]\nBob = 0", "p.toml")
    late = "2026-11-21T23:30:00+00:00"
    assert made.lateness("Bob", 3.0, late).days == 0
    assert made.lateness("Ann", 3.0, late).days == 3
    assert made.lateness("Ann", None, late).source == "handed in 2026-11-22 00:30:00, due 2026-11-20 23:59:00 UTC+01:00"
    assert "Work is due 2026-11-20 23:59:00 UTC+01:00." in made.describe()
    assert made.to_dict()["late"]["due"] == "2026-11-20T23:59:00+01:00"


@pytest.mark.parametrize(
    ("text", "times", "said"),
    [
        ("per_day = 10", ["", ""], "costs marks, but nothing says who is late: [late.days] can"),
        ("per_day = 10", ["2026-11-21T10:00:00Z", ""], "nothing says who is late: late.due, the deadline, can"),
        (f"per_day = 10\n{DUE}", ["", ""], "nothing says when the work of anybody came in"),
        (f"per_day = 10\n{DUE}", ["2026-11-21T10:00:00Z", ""], "nothing says when the work of B came in"),
        (f"per_day = 10\n{DUE}", ["2026-11-21T10:00:00"] * 2, "were taken in that of late.due, UTC+01:00"),
        (f"per_day = 10\n{DUE}", ["2026-11-21T10:00:00Z"] * 2, ""),
        ("per_day = 10\n[late.days]\nA = 1", ["", ""], ""),
        (DUE, ["", ""], ""),
    ],
)
def test_lateness_that_nobody_knows_is_said(text: str, times: list[str], said: str):
    made = parse(f"[late]\n{text}", "p.toml")
    found = made.lateness_warnings(
        [(name, came, made.lateness(name, None, came)) for name, came in zip("AB", times, strict=True)]
    )
    assert [said in sentence for sentence in found] == [True] * bool(said)


@pytest.mark.parametrize("step", ["0.01", "0.1", "0.25", "0.5", "1", "5"])
@pytest.mark.parametrize(
    ("direction", "decimals"), [("nearest", ROUND_HALF_UP), ("up", ROUND_CEILING), ("down", ROUND_FLOOR)]
)
def test_rounding_agrees_with_the_decimal_module(step: str, direction: str, decimals: str):
    rounding = parse(f'[rounding]\nstep = {step}\ndirection = "{direction}"').rounding
    for numerator in range(0, 400):
        value = Decimal(numerator) / 80
        expected = (value / Decimal(step)).quantize(Decimal(1), decimals) * Decimal(step)
        assert rounding(Fraction(value)) == Fraction(expected), value


def test_thirds_are_kept_until_the_end():
    made = parse("maximum = 3\n[rounding]\nstep = 0.01")
    third = Fraction(1, 3)
    assert made.final(third + third + third, Fraction(1), None) == 3
    assert made.final(third, Fraction(1), None) == 1


def test_a_mark_is_never_below_nothing_or_above_the_maximum_and_lateness_never_helps():
    texts = itertools.product(("points", "maximum"), (0, 7, 100), (0, 33, 100), ("nearest", "up", "down"), (0.3, 7))
    for of, per_day, cap, direction, step in texts:
        made = parse(
            f'maximum = 20\n[late]\nof = "{of}"\nper_day = {per_day}\ncap = {cap}\n'
            f'[rounding]\ndirection = "{direction}"\nstep = {step}'
        )
        for points in (Fraction(0), Fraction(1, 3), Fraction(9, 2), Fraction(5)):
            finals = [made.final(points, Fraction(5), Fraction(days)) for days in (0, 1, 2, 30)]
            assert finals == sorted(finals, reverse=True)
            assert 0 <= finals[-1] <= finals[0] <= 20


def test_where_nothing_can_be_got_the_mark_is_nothing():
    assert Policy().final(Fraction(0), Fraction(0), None) == 0


WRONG = {
    "lates = 1": "p.toml: there is no key 'lates' (did you mean 'late'?); allowed are count, drop, maximum, "
    "unreadable, weights, late, rounding",
    "[late]\nperday = 1": "p.toml: there is no key 'perday' in [late] (did you mean 'per_day'?); allowed are per_day, "
    "of, cap, grace, due, days",
    "[rounding]\nto = 1": "p.toml: there is no key 'to' in [rounding]; allowed are step, direction",
    "late = 5": "p.toml: late has to be a table ([late]), not 5",
    "late = [5]": "p.toml: late has to be a table ([late]), not a list",
    "[late]\ndays = 3": "p.toml: late.days has to be a table ([late.days]), not 3",
    "[late]\nper_day = -1": "p.toml: late.per_day has to be a number, 0 or more and at most 100, not -1",
    "[late]\nper_day = 101": "p.toml: late.per_day has to be a number, 0 or more and at most 100, not 101",
    "[late]\nper_day = true": "p.toml: late.per_day has to be a number, 0 or more and at most 100, not true",
    '[late]\nper_day = "10"': "p.toml: late.per_day has to be a number, 0 or more and at most 100, not '10'",
    "[late]\ncap = nan": "p.toml: late.cap has to be a number, 0 or more and at most 100, not nan",
    "[late]\ngrace = inf": "p.toml: late.grace has to be a number, 0 or more and at most 1,000,000, not inf",
    "[late]\ngrace = 2026-11-22": "p.toml: late.grace has to be a number, 0 or more and at most 1,000,000, "
    "not 2026-11-22",
    "[late]\ndue = 2026-11-20T23:59:00": "p.toml: late.due has to be a date and time with its time zone, as "
    "2026-11-20T23:59:59+01:00, not 2026-11-20 23:59:00",
    '[late]\ndue = "2026-11-20T23:59:00Z"': "p.toml: late.due has to be a date and time with its time zone, as "
    "2026-11-20T23:59:59+01:00, not '2026-11-20T23:59:00Z'",
    '[late]\nof = "all"': "p.toml: late.of has to be 'points' or 'maximum', not 'all'",
    "[late]\nof = []": "p.toml: late.of has to be 'points' or 'maximum', not a list",
    "[late.days]\nAnn = -1": "p.toml: late.days.'Ann' has to be a number, 0 or more and at most 1,000,000, not -1",
    '[late.days]\n"\\u00eb" = 1\n"e\\u0308" = 2': "p.toml: late.days names 'ë' twice",
    "[weights]\nsplit = -0.5": "p.toml: weights.split has to be a number, 0 or more and at most 1,000,000, not -0.5",
    "[weights]\nsplit = 1e-30": "p.toml: weights.split is 1E-30, which is too small to mean anything",
    "[weights]\nspilt = 1": "p.toml: weights names 'spilt', which is no exercise and no chapter (did you mean "
    f"'split'?); chapters are {', '.join(CHAPTERS)}, and their exercises",
    'drop = ["01-tasks"]': "p.toml: drop names '01-tasks', which is no exercise and no chapter (did you mean "
    f"'01-task'?); chapters are {', '.join(CHAPTERS)}, and their exercises",
    'drop = "split"': "p.toml: drop has to be a list of exercises and chapters, such as [\"01-task\"], not 'split'",
    "drop = [1]": 'p.toml: drop has to be a list of exercises and chapters, such as ["01-task"], not a list',
    "count = []": "p.toml: count is empty, so that nothing would count; leave it out if everything shall",
    'count = ["split"]\ndrop = ["01-task"]': "p.toml: drop and weights leave no exercise that counts",
    "maximum = 0": "p.toml: maximum has to be a number, more than 0 and at most 1,000,000, not 0",
    "maximum = 1e9": "p.toml: maximum has to be a number, more than 0 and at most 1,000,000, not 1E+9",
    "[rounding]\nstep = 0": "p.toml: rounding.step has to be a number, more than 0 and at most 1,000,000, not 0",
    '[rounding]\ndirection = "even"': "p.toml: rounding.direction has to be 'nearest' or 'up' or 'down', not 'even'",
    'unreadable = "none"': "p.toml: unreadable has to be 'blank' or 'zero', not 'none'",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_followed_is_said_in_one_sentence(text: str):
    with pytest.raises(PolicyError) as caught:
        parse(text, "p.toml")
    assert str(caught.value) == WRONG[text]


@pytest.mark.parametrize("text", ["late = ", "a = 1\na = 2", "[" * 5000, f"maximum = 1{'0' * 5000}", "\x00"])
def test_what_is_no_toml_is_said(text: str):
    with pytest.raises(PolicyError, match=r"^p\.toml .*TOML"):
        parse(text, "p.toml")


def test_a_file_is_read(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_bytes(b"\xef\xbb\xbf[late]\r\nper_day = 5\r\n")  # as Windows' editors write it
    made = policy.load(path)
    assert made.late.per_day == 5
    assert made.source == "policy.toml"


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    missing, binary, large = tmp_path / "none.toml", tmp_path / "binary.toml", tmp_path / "large.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    large.write_bytes(b"#" * (policy.MAX_BYTES + 1))
    for path, why in [
        (missing, "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        (binary, "is not a text file in UTF-8"),
        (large, "is larger than 1 MB, and hardly a policy"),
    ]:
        with pytest.raises(PolicyError, match=f"^{re.escape(f'{path} {why}')}$"):
            policy.load(path)


def test_a_policy_says_in_words_what_it_does():
    assert Policy().describe() == [
        "Lateness costs nothing.",
        "Final marks are rounded to the nearest multiple of 0.01.",
        "A submission that cannot be read gets no marks, for a person to decide.",
    ]
    made = parse(
        'maximum = 20\ndrop = ["twin_share"]\nunreadable = "zero"\n[weights]\nsplit = 1.5\n'
        "[late]\nper_day = 10\ncap = 50\ngrace = 1\n[rounding]\nstep = 0.5"
    )
    assert made.describe() == [
        "Dropped: twin_share.",
        "Weights: split × 1.5.",
        "Late work loses 10 % of the points got for every day begun after 1 day of grace, at most 50 %.",
        "Full marks are 20.",
        "Final marks are rounded to the nearest multiple of 0.5.",
        "A submission that cannot be read gets 0.",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (Fraction(2, 3), 4, "0.6667"),
        (Fraction(5, 2), 0, "3"),
        (Fraction(100), 2, "100"),
        (Fraction(0), 2, "0"),
        (Fraction(1999, 1000), 2, "2"),
        (Fraction(1, 20), 2, "0.05"),
    ],
)
def test_numbers_are_written_as_people_write_them(value: Fraction, digits: int, text: str):
    assert policy.decimal(value, digits) == text
