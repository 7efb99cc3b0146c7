"""What the tests of questions ("predict before you run") have in common."""

from torch import Tensor

from .evidence import kind_of
from .student import Student
from .testing import as_choice, expect, expect_number, mistake


def expect_prediction(student: Student, name: str) -> float:
    """Fail unless the student gave the name a number; returns it."""
    got = student.value(name)
    expect(not isinstance(got, str), "the answer should be a number, without quotation marks")
    expect(isinstance(got, (int, float, Tensor)), f"the answer should be one number, not {kind_of(got)}")
    return expect_number(got)


def expect_choice(student: Student, name: str, letters: str) -> str:
    """Fail unless the student gave the name one of these letters, as in b, B, (b) or 'b'; returns it as a small one."""
    got = student.value(name)
    letter = as_choice(got) if isinstance(got, str) else ""
    is_choice = len(letter) == 1 and letter in letters
    expect(is_choice, f"the answer should be one of the letters {', '.join(letters)}, in quotation marks")
    return letter


def wrong_values(name: str, hint: str, *values: object) -> None:
    """Register wrong answers that come from one misconception."""
    for value in values:

        def answer(value: object = value) -> object:
            return value

        answer.__name__ = f"{name}_{value!r}"
        mistake(name, hint)(answer)


def wrong_number(name: str, hint: str, value: float) -> None:
    """Register a wrong prediction: the number as it is, and as people would round it."""
    forms = [value, *(round(value, digits) for digits in (4, 3, 2, 1))]
    forms = [form for form in dict.fromkeys(forms) if abs(form - value) < abs(value) / 10]
    wrong_values(name, hint, *forms, *(int(form) for form in forms if form == int(form)))
