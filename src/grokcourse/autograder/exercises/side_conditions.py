"""What the tests of side conditions have in common: the dtype that is kept, the type, the arguments left alone.

Values are compared by ``expect_values``, whatever dtype they came in. The dtype has a test of its own.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .select import find_exercise
from .student import RemoteObject, Student
from .testing import expect, expect_close, expect_tensor, mistake, planted_mistakes

DIGITS = {"rtol": 1e-11, "atol": 1e-11}
"""float64 keeps some 16 digits; of float32's 7 nothing comes near this."""
TYPES = "numbers keep the dtype they come in: float32 in, float32 out; float64 in, float64 out"
UNCHANGED = "what was passed in stays as it was"


def expect_values(got: Any, shape: Sequence[int], on: str = "") -> Tensor:
    """Fail unless it is numbers in that shape, a tensor or nested lists; returns them in float64."""
    if isinstance(got, list) and 0 < len(got) == (shape[0] if shape else 0):
        rows = [expect_values(row, shape[1:], on) for row in got]
        return torch.stack(rows)
    if not shape and isinstance(got, (int, float)) and not isinstance(got, bool):
        return torch.tensor(float(got), dtype=torch.float64)
    return expect_tensor(got, shape, on=on).double()


def expect_dtypes(student: Student, name: str, cases: Sequence[tuple], expected: Callable[..., Any]) -> None:
    """Fail unless a function returns tensors of the dtype that its tensors have, in float64 with all its digits.

    Args:
        student: whose function it is.
        name: the function.
        cases: its arguments, floats in float64.
        expected: for these arguments, the right answer (or a list of them) in float64.
    """
    function, asked = student.value(name), []
    for case in cases:
        for dtype in (torch.float32, torch.float64):
            given = [_as(arg, dtype) for arg in case]
            asked.append((case, dtype, given, student.make("call_with_copies", function, *given)))
    for case, dtype, given, got in asked:
        on = ", ".join(_described(arg) for arg in given)
        right = expected(*case)
        parts, rights = (got["value"], right) if isinstance(right, (list, tuple)) else ([got["value"]], [right])
        expect(not got["is_numpy"], "should return a tensor, but returned a numpy array", on)
        expect(isinstance(parts, (list, Tensor)) and len(parts) == len(rights), "should return two tensors", on)
        for part, one in zip(parts, rights, strict=True):
            one = torch.as_tensor(one)
            expect_tensor(part, one.shape, on=on)
            kinds = str(dtype).removeprefix("torch."), str(part.dtype).removeprefix("torch.")
            expect(part.dtype == dtype, "given {0}, should return {0}, but returned {1}".format(*kinds), on)
            expect_digits(part, one, on, dtype)


def expect_digits(got: Any, expected: Any, on: str, dtype: torch.dtype = torch.float64, **tolerance: float) -> None:
    """Fail unless the numbers are right, and in float64 right to the last digits."""
    expect_close(got, expected, "should have the right values as well", on, rtol=1e-3, atol=1e-4)
    if dtype == torch.float64:
        lost = "the values are right, but not to float64's digits: somewhere on the way they were float32"
        expect_close(got, expected, lost, on, **(tolerance or DIGITS))


def expect_unchanged(student: Student, name: str, cases: Sequence[tuple], what: str) -> None:
    """Fail if a function changes one of its arguments."""
    function = student.value(name)
    for case, got in [(case, student.make("call_with_copies", function, *case)) for case in cases]:
        on = ", ".join(_described(arg) for arg in case)
        expect(got["changed"] is False, f"{what} should not be changed in place", on)


def also_in_float32(name: str) -> None:
    """Plant every mistake of an exercise once more, as those make it who put what they find into float32."""
    for planted in planted_mistakes(find_exercise(name)):

        @functools.wraps(planted.answer)
        def answer(*args: Any, planted: Callable[..., Any] = planted.answer, **kwargs: Any) -> Any:
            value = planted(*args, **kwargs)
            return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value

        answer.__name__ += "_in_float32"
        mistake(name, planted.hint)(answer)


def _as(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def _described(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} of shape {tuple(value.shape)}"
    return value.handle.kind if isinstance(value, RemoteObject) else str(value)
