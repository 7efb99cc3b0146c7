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

import contextlib
import hashlib
import importlib
import math
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from . import evidence, wire
from .evidence import kind_of
from .grades import Outcome, OwnTestsError
from .host import Host, usual_settings
from .registry import EXERCISES, Exercise, find_exercise
from .student import Exchange, LostError, MissingError, Student, StudentError, TimeLimitError

MAX_MESSAGE = 400
"""Characters of a message, and of the input that it names."""
MAX_EVIDENCE = 2000
MAX_LOGGED = 2**26
"""Bytes of messages in one exercise's tests, beyond which no hint is looked for; and of all that is remembered."""
MAX_HINT_SECONDS = 60
"""If the tests take longer, no further inputs are drawn for the sake of a hint, and none is given."""
NO_TIME = "not tried: all the time that this submission has is used up"

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


def _all_tests(exercise: Exercise) -> list[HiddenTest]:
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


# --- running them -----------------------------------------------------------------------------------------------------


def outcome_of(exercise: Exercise, test: HiddenTest, status: str, message: str = "", evidence: str = "") -> Outcome:
    """The outcome of a test."""
    return Outcome(
        exercise.name, test.title, status, message[:MAX_MESSAGE], "", test.side, test.weight, evidence[:MAX_EVIDENCE]
    )


@dataclass
class _Trial:
    """One test that was run."""

    test: HiddenTest
    outcome: Outcome
    log: list[Exchange]


def run_tests(
    exercise: Exercise,
    student: Student,
    seed: str,
    *,
    until: float = math.inf,
    whole: bool = True,
    hints: bool = True,
    failing: dict[str, Exchange] | None = None,
) -> list[Outcome]:
    """Run an exercise's hidden tests on a student's code: the one loop of ``check``, ``pytest`` and grading.

    Args:
        exercise: whose tests.
        student: the student's code.
        seed: which random inputs; the same seed gives every student the same.
        until: when all has to be done, on the clock of ``time.monotonic``; what comes later is not tried.
        whole: whether to go on after a test that is not passed. If not, nothing is said of why it failed.
        hints: whether to look for a planted mistake that answers as the student does.
        failing: filled with the call that a failing test was looking at, by the test's title.

    Returns:
        One outcome for each test (not ``whole``: up to the first that is not passed). Where a planted mistake explains
        the failures, they have its hint, and otherwise evidence.
    """
    trials: list[_Trial] = []
    began = time.monotonic()
    with usual_settings():
        for test in hidden_tests(exercise):
            if time.monotonic() > until:
                trials.append(_Trial(test, outcome_of(exercise, test, "time-out", NO_TIME), []))
            elif trials and trials[-1].outcome.status == "time-out":
                message = "not tried: an earlier test of this exercise took too long"
                trials.append(_Trial(test, outcome_of(exercise, test, "time-out", message), []))
            else:
                trials.append(_run(exercise, test, student, seed, failing))
            if not whole and not trials[-1].outcome.passed:
                break
        if whole and hints:
            now = time.monotonic()
            is_slow = now - began > MAX_HINT_SECONDS
            hint = "" if is_slow else _hint(exercise, student, trials, seed, now + (until - now) / 4)
            for trial in trials if hint else ():
                if trial.log and not trial.outcome.passed:
                    trial.outcome = replace(trial.outcome, hint=hint, evidence="")
    return [trial.outcome for trial in trials]


def run_test(exercise: Exercise, test: HiddenTest, student: Student, seed: str) -> Outcome:
    """Run one hidden test by itself; whatever the student's code does, there is an outcome (without a hint)."""
    return _run(exercise, test, student, seed).outcome


def _run(
    exercise: Exercise, test: HiddenTest, student: Student, seed: str, failing: dict[str, Exchange] | None = None
) -> _Trial:
    draw = Draw(f"{seed}/{exercise.name}/{test.title}")
    log: list[Exchange] = []

    def trial(status: str, message: str = "", evidence: str = "") -> _Trial:
        return _Trial(test, outcome_of(exercise, test, status, message, evidence), log)

    def wrong(error: BaseException, message: str) -> _Trial:
        trace = error.__traceback__.tb_next if error.__traceback__ else None  # without this function's own frame
        looked = evidence.looked_at(log, trace)
        if looked and failing is not None:
            failing[test.title] = looked[0]
        return trial("wrong", message, _told(evidence.of_calls, looked, log, evidence.parameters(exercise)))

    try:
        student.ask("begin", exercise.name)
        student.log = log
        test.function(student, draw)
    except AssertionError as error:  # ours, or a bare ``assert`` of an instructor's
        return wrong(error, str(error)[:MAX_MESSAGE] or "this does not hold")
    except MissingError as error:
        problem = str(error)
        return trial("error", f"could not be loaded: {problem}") if problem else trial("missing", "not written yet")
    except StudentError as error:
        if "allocate memory" in error.text or error.kind == "MemoryError":
            return trial("memory", f"raised {error}")
        if failing is not None and log:
            failing[test.title] = log[-1]
        told = _told(evidence.of_an_error, log, evidence.parameters(exercise), error)
        return trial("error", f"raised {error}", told)
    except TimeLimitError as error:
        return trial("time-out", str(error))
    except LostError as error:
        return trial("memory" if error.memory else "error", str(error))
    except wire.WireError as error:
        return trial("wrong", f"returned what no test can look at: {error}")
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:  # the test stumbled over what the student's code returned
        return wrong(error, f"returned something that the test cannot use ({type(error).__name__})")
    return trial("passed")


def _told(tell: Callable[..., str], *args: Any) -> str:
    """Evidence, or none: what came back may be odder than those foresee who tell of it, and the verdict stands."""
    try:
        return tell(*args)
    except Exception:
        return ""


# --- hints ------------------------------------------------------------------------------------------------------------


@dataclass
class _Twin:
    """What a planted answer replies to the messages of one test: asked once, whoever the students are."""

    host: Host
    requests: list[bytes] = field(default_factory=list)
    replies: list[Any] = field(default_factory=list)

    def replies_like(self, log: Sequence[Exchange], exactly: bool) -> bool | None:
        """Whether it replies as in this log; None if it has been asked something else before."""
        for number, exchange in enumerate(log):
            if number == len(self.requests):
                answer = self.host(exchange.request)
                self.requests.append(exchange.request)
                self.replies.append(wire.decode(answer))
                _twins.size += len(exchange.request) + len(answer)
            elif self.requests[number] != exchange.request:
                return None
            if not _same(self.replies[number], exchange.reply, exactly):
                return False
        return True


class _Twins(dict[tuple[Any, ...], _Twin]):
    """The twins asked last, until they have replied too much."""

    size = 0

    def of(self, exercise: Exercise, answer: Callable[..., Any], test: HiddenTest, seed: str) -> _Twin:
        key = (exercise.name, answer, test, seed)
        if self.size > MAX_LOGGED:
            self.clear()
            self.size = 0
        if key not in self:
            self[key] = _Twin(host_of(exercise, answer))
        return self[key]


_twins = _Twins()


def _hint(exercise: Exercise, student: Student, trials: Sequence[_Trial], seed: str, until: float) -> str:
    """The hint of the planted mistake that does in every test as the student's code does, on several draws; or nothing.

    Most mistakes differ at the first answer, so that this costs little; the student's code is asked again only if one
    does not.
    """
    failed = [trial for trial in trials if not trial.outcome.passed]
    is_answer = all(trial.outcome.status in ("wrong", "error") for trial in failed)
    if not is_answer or not any(trial.log for trial in failed):
        return ""
    if sum(len(one.request) + one.size for trial in trials for one in trial.log) > MAX_LOGGED:
        return ""
    draws = [(seed, list(trials))]
    found: dict[str, list[Mistake]] = {}
    for planted in planted_mistakes(exercise):
        found.setdefault(planted.hint, []).append(planted)
    compared: Counter[int] = Counter()  # on how many of the draws a planted mistake was alike

    def still_alike(planted: Mistake) -> bool:
        fresh = draws[compared[id(planted)] :]
        compared[id(planted)] = len(draws)
        return all(_alike(exercise, planted.answer, run, drawn) for drawn, run in fresh)

    def narrow() -> None:
        for hint, ones in list(found.items()):  # of those that share a hint, the first that is alike will do
            while ones and not still_alike(ones[0]):
                ones.pop(0)
            if not ones:
                del found[hint]

    narrow()
    if not found or (not exercise.question and _alike(exercise, exercise.solution, trials, seed)):
        return ""  # of an instructor's own tests, say, that the course's own answer fails as well
    while found and (len(draws) < 3 or (len(found) > 1 and len(draws) < 5)):
        again = f"{seed}/{len(draws)}"
        more = []
        for test in _all_tests(exercise):
            if time.monotonic() > until:
                return ""
            more.append(_run(exercise, test, student, again))
            if more[-1].outcome.status not in ("passed", "wrong", "error"):
                return ""
        draws.append((again, more))
        narrow()
    if len(found) > 1:
        for hint, ones in list(found.items()):
            if not any(
                all(_alike(exercise, one.answer, run, drawn, exactly=True) for drawn, run in draws) for one in ones
            ):
                del found[hint]
    return next(iter(found)) if len(found) == 1 else ""


def are_alike(exercise: Exercise, one: Callable[..., Any], other: Callable[..., Any], seed: str) -> bool:
    """Whether two answers do the same in every test with a seed's inputs, so that no hint can tell which one it is."""
    with usual_settings():
        student = Student(host_of(exercise, one))
        return _alike(exercise, other, [_run(exercise, test, student, seed) for test in _all_tests(exercise)], seed)


def _alike(
    exercise: Exercise, answer: Callable[..., Any], trials: Sequence[_Trial], seed: str, *, exactly: bool = False
) -> bool:
    """Whether an answer does in every one of these tests as the student's code did."""
    for trial in sorted(trials, key=lambda trial: trial.outcome.passed):
        twin = _twins.of(exercise, answer, trial.test, seed)
        alike = twin.replies_like(trial.log, exactly)
        if alike is None:
            alike = _Twin(host_of(exercise, answer)).replies_like(trial.log, exactly)
        if not alike:
            return False
    for trial in trials:
        mine, twins = trial.outcome, _run(exercise, trial.test, Student(host_of(exercise, answer)), seed).outcome
        if twins.status != mine.status:
            return False
        if mine.status == "wrong" and _skeleton(twins.message) != _skeleton(mine.message):
            return False
    return True


def host_of(exercise: Exercise, answer: Callable[..., Any]) -> Host:
    """A host whose only name is the exercise's (for a question: the value that the function returns)."""
    return Host({exercise.name: answer() if exercise.question else answer}, settings=contextlib.nullcontext)


def _same(one: Any, other: Any, exactly: bool = False) -> bool:
    """Whether two replies are the same, as close as float32 computes; errors, if they are of one kind and text."""
    match one, other:
        case Tensor(), Tensor():
            if one.shape != other.shape or one.is_floating_point() != other.is_floating_point():
                return False
            if exactly or not one.is_floating_point():
                return one.dtype == other.dtype and bool(((one == other) | ((one != one) & (other != other))).all())
            size = float(other.double().nan_to_num(0, 0, 0).abs().max()) if other.numel() else 0.0
            near = 1e-6 + 1e-5 * size  # a zero among large entries is what rounding leaves of them
            return torch.allclose(one.double(), other.double(), rtol=1e-4, atol=near, equal_nan=True)
        case list(), list():
            return len(one) == len(other) and all(_same(*pair, exactly) for pair in zip(one, other, strict=True))
        case {"error": [str(kind), str(text), *_]}, {"error": [str(other_kind), str(other_text), *_]}:
            return kind == other_kind and _without_addresses(text) == _without_addresses(other_text)
        case dict(), dict():
            return one.keys() == other.keys() and all(_same(one[key], other[key], exactly) for key in one)
        case float(), float():
            near = not exactly and math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
            return one == other or near or (one != one and other != other)
        case str(), str():
            return one == other if exactly else as_choice(one) == as_choice(other)
        case wire.Handle(), wire.Handle():
            return one.number == other.number
        case _:
            return type(one) is type(other) and one == other


def _skeleton(text: str) -> str:
    """A message without its numbers."""
    return re.sub(r"\d+", "0", text[:MAX_MESSAGE])


def _without_addresses(text: str) -> str:
    """An error's text; its numbers stay, for they are the shapes and places by which two mistakes differ."""
    return re.sub(r"0x[0-9a-f]+", "", text[:MAX_MESSAGE])
