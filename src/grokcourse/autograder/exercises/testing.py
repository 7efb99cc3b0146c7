"""What hidden tests are written with: how they register, how they complain, and what they draw.

A hidden test is an ordinary function of two fixtures::

    @checks("all_questions", "every pair stands there exactly once")
    def test_every_pair(student, draw):
        for p in (2, 3, draw.integer(5, 20)):
            got = student.all_questions(p)
            ...

``student`` calls the student's code (see ``student.Student``); ``draw`` makes random inputs. A failing test says which
*property* was expected, on which input, and never what the answer would have been.
"""

import hashlib
import importlib
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..records import OwnTestsError
from .evidence import kind_of
from .select import EXERCISES, checks_module, find_exercise
from .spec import Exercise
from .student import Student

MAX_MESSAGE = 400
"""Characters of a message, and of the input that it names."""
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and what to tell them."""

    answer: Callable[..., Any]
    """The wrong function or class, called as the reference is; for a question, it returns the wrong value."""
    hint: str
    """One sentence that names the misconception without giving the answer."""


@dataclass(frozen=True)
class HiddenTest:
    """One test of one exercise."""

    function: Callable[[Student, "Draw"], None]
    title: str
    """What is tested, in words that a student may read."""
    side: bool = False
    """Whether it is a side condition, which an answer that does nothing may meet as well (see ``checks``)."""
    weight: int = 1
    """How many times an ordinary test's share of the points it gives."""


class WrongAnswerError(AssertionError):
    """The student's answer lacks a property; the message is for the student."""


_TESTS: dict[str, list[HiddenTest]] = {}
_MISTAKES: dict[str, list[Mistake]] = {}


@dataclass
class _Own:
    """An instructor's tests, and whether they replace ours."""

    files: tuple[tuple[str, str], ...] = ()
    only: bool = False
    tests: dict[str, list[HiddenTest]] = field(default_factory=dict)
    mistakes: dict[str, list[Mistake]] = field(default_factory=dict)
    loading: bool = False


_own = _Own()


def checks(exercise: str, title: str, *, side: bool = False, weight: int = 1) -> Callable[[Function], Function]:
    """Register a hidden test of an exercise.

    Args:
        exercise: its name.
        title: what is tested, in words.
        side: whether it is a side condition: what an answer that does nothing of what was asked may meet as well (the
            arguments stay as they were, the dtype is kept, the same call gives the same). It gives points only to an
            answer that passes another test, too.
        weight: how many times an ordinary test's share of the points it gives: more for what the exercise is there to
            teach.

    Raises:
        KeyError: if there is no such exercise.
        ValueError: if the weight is no whole number from 1 on.
    """
    if type(weight) is not int or weight < 1:
        raise ValueError(f"a test's weight has to be a whole number, 1 or more, not {weight!r}")

    def register(function: Function) -> Function:
        find_exercise(exercise)
        tests = _own.tests if _own.loading else _TESTS
        tests.setdefault(exercise, []).append(HiddenTest(function, title, side, weight))
        return function

    return register


def mistake(exercise: str, hint: str) -> Callable[[Function], Function]:
    """Register a planted wrong answer to an exercise; the hint names the misconception."""

    def register(answer: Function) -> Function:
        find_exercise(exercise)
        mistakes = _own.mistakes if _own.loading else _MISTAKES
        mistakes.setdefault(exercise, []).append(Mistake(answer, hint))
        return answer

    return register


def hidden_tests(exercise: Exercise) -> list[HiddenTest]:
    """The hidden tests of an exercise, in order: ours, then the instructor's (see ``use_tests``)."""
    _load(exercise)
    return [*([] if _own.only else _TESTS[exercise.name]), *_own.tests.get(exercise.name, [])]


def all_tests(exercise: Exercise) -> list[HiddenTest]:
    """Ours and the instructor's: what a hint has to hold in, even where only the instructor's count."""
    return [*_TESTS.get(exercise.name, []), *_own.tests.get(exercise.name, [])]


def planted_mistakes(exercise: Exercise) -> list[Mistake]:
    """The planted wrong answers to an exercise."""
    _load(exercise)
    return [*_MISTAKES.get(exercise.name, []), *_own.mistakes.get(exercise.name, [])]


def read_tests(folder: Path) -> tuple[tuple[str, str], ...]:
    """The instructor's tests in a folder, its files ``test_*.py``: their names and their text, for ``use_tests``.

    Raises:
        OwnTestsError: if there are none, or one cannot be read.
    """
    found = []
    for path in sorted(folder.glob("test_*.py")):
        try:
            found.append((path.name, path.read_text(encoding="utf-8-sig")))
        except OSError as error:
            raise OwnTestsError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise OwnTestsError(f"{path} is not a text file in UTF-8") from None
    if not found:
        raise OwnTestsError(f"{folder} has no files test_*.py" if folder.is_dir() else f"there is no folder {folder}")
    return tuple(found)


def use_tests(files: tuple[tuple[str, str], ...], *, only: bool = False) -> None:
    """Grade with an instructor's tests, written like ours, beside ours or instead of them; until the next such call.

    Args:
        files: their names and text, as from ``read_tests``.
        only: without our own tests.

    Raises:
        OwnTestsError: if a file fails, or names an exercise that there is not; then nothing has changed.
    """
    global _own
    if (_own.files, _own.only) == (files, only):
        return
    for exercise in EXERCISES.values() if files else ():
        _load(exercise)  # before theirs are told apart from ours
    before, _own = _own, _Own(files, only, loading=True)
    for name, text in files:
        try:
            exec(compile(text, name, "exec", dont_inherit=True), {"__name__": name.removesuffix(".py")})
        except (Exception, SystemExit) as error:
            _own = before
            lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
            line = lines[-1] if lines else getattr(error, "lineno", None)
            where = f"{name}, line {line}" if line else name
            raise OwnTestsError(f"{where}: {type(error).__name__}: {str(error).strip(chr(39))}") from error
    if files and not _own.tests:
        _own = before
        raise OwnTestsError("none of your own files has a test (a function under @checks)")
    worthless = [name for name, tests in _own.tests.items() if only and all(test.side for test in tests)]
    if worthless:
        _own = before
        raise OwnTestsError(f"nobody could get points for {worthless[0]}: all your tests of it are side conditions")
    _own.loading = False


def _load(exercise: Exercise) -> None:
    importlib.import_module(f"grokcourse.{checks_module(exercise.chapter)}")


@dataclass
class Draw:
    """Random inputs, the same ones for the same seed."""

    seed: str
    generator: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.seed.encode()).digest()
        self.generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def prime(self, low: int, high: int) -> int:
        """A prime number from low to high, both included."""
        primes = [n for n in range(low, high + 1) if n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))]
        return primes[self.integer(0, len(primes) - 1)]

    def number(self, low: float, high: float) -> float:
        """A number between low and high."""
        return low + (high - low) * float(torch.rand((), generator=self.generator, dtype=torch.float64))

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A tensor of standard normal numbers."""
        return torch.randn(shape, generator=self.generator, dtype=dtype)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """An int64 tensor of whole numbers from low to high, both included."""
        return torch.randint(low, high + 1, shape, generator=self.generator)

    def order(self, n: int) -> Tensor:
        """The numbers 0 … n − 1 in random order."""
        return torch.randperm(n, generator=self.generator)


def expect(holds: bool, message: str, on: str = "") -> None:
    """Fail with a message for the student, and the input on which it went wrong, unless the condition holds."""
    if not holds:
        message, on = message[:MAX_MESSAGE], on[:MAX_MESSAGE]
        raise WrongAnswerError(f"{message} (on {on})" if on else message)


def expect_tensor(got: Any, shape: Sequence[int], dtype: torch.dtype | None = None, on: str = "") -> Tensor:
    """Fail unless it is a tensor of that shape (and dtype); returns it."""
    expect(isinstance(got, Tensor), f"should return a tensor, but returned {kind_of(got)}", on)
    expect(tuple(got.shape) == tuple(shape), f"should have shape {tuple(shape)}, but has shape {_shape(got)}", on)
    if dtype is not None:
        expect(got.dtype == dtype, f"should have dtype {_name(dtype)}, but has {_name(got.dtype)}", on)
    return got


def expect_number(got: Any, on: str = "", *, finite: bool = True) -> float:
    """Fail unless it is one number (a float, an int or a tensor with one element); returns it.

    Args:
        got: what the student's code returned.
        on: the input.
        finite: whether infinity and NaN are refused.
    """
    if isinstance(got, Tensor) and got.numel() == 1 and got.dtype != torch.bool:
        got = got.item()
    is_number = isinstance(got, (int, float)) and not isinstance(got, bool)
    expect(is_number, f"should return one number, but returned {_kind_of_numbers(got)}", on)
    expect(isinstance(got, float) or abs(got) < 10**300, "should return a number, not one of hundreds of digits", on)
    expect(math.isfinite(got) or not finite, "should return a finite number, not infinity or NaN", on)
    return float(got)


def expect_close(
    got: Any, expected: Any, message: str, on: str = "", *, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Fail with the message unless all numbers agree within the tolerance; NaN agrees with nothing."""
    expected = torch.as_tensor(expected)
    if isinstance(got, np.ndarray | np.generic):  # what a test has computed from what came back
        got = torch.as_tensor(got)
    if not isinstance(got, Tensor):
        expect(_are_numbers(got), f"should return numbers, but returned {kind_of(got)}", on)
        try:
            got = torch.as_tensor(got, dtype=torch.float64)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            expect(False, "should return numbers, in rows of equal length", on)
    expect(got.shape == expected.shape, f"should have shape {tuple(expected.shape)}, not {_shape(got)}", on)
    is_mask = got.dtype == torch.bool and expected.dtype != torch.bool
    expect(not is_mask, "should return numbers, but returned booleans", on)
    got, expected = got.double(), expected.double()
    expect(
        bool(got.isfinite().all() or not expected.isfinite().all()), f"{message}: there are infinite values or NaN", on
    )
    expect(torch.allclose(got, expected, rtol=rtol, atol=atol), message, on)


def as_choice(text: str) -> str:
    """A letter as it was meant, whether it was written b, B, (b) or 'b'."""
    return text.strip(" ().:`'\"\n").lower()


def _are_numbers(got: Any, depth: int = 0) -> bool:
    """Whether it is a number, or a list of lists of numbers."""
    if isinstance(got, list) and depth < 5:
        return all(_are_numbers(part, depth + 1) for part in got)
    return isinstance(got, (int, float)) and not isinstance(got, bool)


def _kind_of_numbers(got: Any) -> str:
    return f"a tensor of {got.numel()}" if isinstance(got, Tensor) and got.numel() != 1 else kind_of(got)


def _shape(got: Tensor) -> str:
    return str(tuple(got.shape)) if got.ndim <= 8 else f"of {got.ndim} dimensions"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
