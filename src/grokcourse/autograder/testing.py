"""What hidden tests are written with: how they register, how they complain, and how one is run.

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

import torch
from torch import Tensor

from . import wire
from .grades import Outcome, OwnTestsError
from .host import Host
from .registry import EXERCISES, Exercise, find_exercise
from .student import Exchange, LostError, MissingError, Student, StudentError, Thing, TimeLimitError

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
    importlib.import_module(f"{__package__}.hidden.test_{exercise.chapter.replace('-', '_')}")


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
        raise WrongAnswerError(f"{message} (on {on})" if on else message)


def expect_tensor(got: Any, shape: Sequence[int], dtype: torch.dtype | None = None, on: str = "") -> Tensor:
    """Fail unless it is a tensor of that shape (and dtype); returns it."""
    expect(isinstance(got, Tensor), f"should return a tensor, but returned {_kind(got)}", on)
    expect(tuple(got.shape) == tuple(shape), f"should have shape {tuple(shape)}, but has shape {tuple(got.shape)}", on)
    if dtype is not None:
        expect(got.dtype == dtype, f"should have dtype {_name(dtype)}, but has {_name(got.dtype)}", on)
    return got


def expect_number(got: Any, on: str = "") -> float:
    """Fail unless it is one number (a float, an int or a tensor with one element); returns it."""
    if isinstance(got, Tensor) and got.numel() == 1:
        got = got.item()
    is_number = isinstance(got, (int, float)) and not isinstance(got, bool)
    expect(is_number, f"should return one number, but returned {_kind(got)}", on)
    return float(got)


def expect_close(
    got: Any, expected: Any, message: str, on: str = "", *, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """Fail with the message unless all numbers agree within the tolerance; NaN agrees with nothing."""
    got = torch.as_tensor(got, dtype=torch.float64)
    expected = torch.as_tensor(expected, dtype=torch.float64)
    expect(got.shape == expected.shape, f"should have shape {tuple(expected.shape)}, not {tuple(got.shape)}", on)
    expect(
        bool(got.isfinite().all() or not expected.isfinite().all()), f"{message}: there are infinite values or NaN", on
    )
    expect(torch.allclose(got, expected, rtol=rtol, atol=atol), message, on)


def outcome_of(exercise: Exercise, test: HiddenTest, status: str, message: str = "", hint: str = "") -> Outcome:
    """The outcome of a test."""
    return Outcome(exercise.name, test.title, status, message, hint, test.side, test.weight)


def run_test(exercise: Exercise, test: HiddenTest, student: Student, seed: str, *, with_hint: bool = True) -> Outcome:
    """Run one hidden test on a student's code; whatever the code does, there is an outcome.

    Args:
        exercise: whose test it is.
        test: the test.
        student: the student's code.
        seed: which random inputs; the same seed gives every student the same.
        with_hint: whether to look for the planted mistake that a wrong answer shows.
    """
    draw = Draw(f"{seed}/{exercise.name}/{test.title}")

    def outcome(status: str, message: str = "", hint: str = "") -> Outcome:
        return outcome_of(exercise, test, status, message, hint)

    try:
        student.ask("begin", exercise.name)
        student.log.clear()
        test.function(student, draw)
    except WrongAnswerError as error:
        return outcome("wrong", str(error), known_mistake(exercise, student.log) if with_hint else "")
    except MissingError as error:
        problem = str(error)
        return outcome("error", f"could not be loaded: {problem}") if problem else outcome("missing", "not written yet")
    except StudentError as error:
        is_memory = "allocate memory" in str(error) or error.kind == "MemoryError"
        hint = known_mistake(exercise, student.log) if with_hint and not is_memory else ""
        return outcome("memory" if is_memory else "error", f"raised {error}", hint)
    except TimeLimitError as error:
        return outcome("time-out", str(error))
    except LostError as error:
        return outcome("memory" if error.memory else "error", str(error))
    except wire.WireError as error:
        return outcome("wrong", f"returned something that is neither numbers nor text: {error}")
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # the test stumbled over what the student's code returned
        return outcome("wrong", f"returned something that the test cannot use ({type(error).__name__})")
    return outcome("passed")


def known_mistake(exercise: Exercise, log: Sequence[Exchange]) -> str:
    """The hint of the planted mistake that answers all these messages as the student's code did, or nothing."""
    for planted in planted_mistakes(exercise):
        twin = Student(host_of(exercise, planted.answer))
        if all(_same(_ask_again(twin, exchange), exchange.reply) for exchange in log):
            return planted.hint
    return ""


def host_of(exercise: Exercise, answer: Callable[..., Any]) -> Host:
    """A host whose only name is the exercise's (for a question: the value that the function returns)."""
    return Host({exercise.name: answer() if exercise.question else answer})


def _ask_again(student: Student, exchange: Exchange) -> Any:
    try:
        return wire.decode(student.send(exchange.request))
    except (wire.WireError, LookupError, AttributeError, TypeError):
        return None


def _same(one: Any, other: Any) -> bool:
    match one, other:
        case Tensor(), Tensor():
            if one.shape != other.shape or one.dtype != other.dtype:
                return False
            return torch.allclose(one.double(), other.double(), rtol=1e-4, atol=1e-6, equal_nan=True)
        case list(), list():
            return len(one) == len(other) and all(map(_same, one, other))
        case {"error": [kind, _]}, {"error": [other_kind, _]}:
            return kind == other_kind
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
        case float(), float():
            return (
                one == other or math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6) or (one != one and other != other)
            )
        case wire.Handle(), wire.Handle():
            return one.number == other.number
        case _:
            return type(one) is type(other) and one == other


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _kind(value: Any) -> str:
    """What it is, with an article."""
    kind = value.kind if isinstance(value, wire.Handle) else type(value).__name__
    kind = value.handle.kind if isinstance(value, Thing) else kind
    return "None" if value is None else f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
