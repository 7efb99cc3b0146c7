"""The hint of a planted mistake that answers as the student does."""

import contextlib
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..sandbox import protocol
from ..sandbox.untrusted.host import Host, usual_settings
from .spec import Exercise
from .student import Exchange, Student
from .testing import MAX_MESSAGE, HiddenTest, Mistake, all_tests, as_choice, planted_mistakes
from .trial import Trial, try_test

MAX_LOGGED = 2**26
"""Bytes of messages in one exercise's tests, beyond which no hint is looked for; and of all that is remembered."""


@dataclass
class _Replayed:
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
                self.replies.append(protocol.decode(answer))
                _replays.size += len(exchange.request) + len(answer)
            elif self.requests[number] != exchange.request:
                return None
            if not _same(self.replies[number], exchange.reply, exactly):
                return False
        return True


class _Replays(dict[tuple[Any, ...], _Replayed]):
    """The answers asked last, until they have replied too much."""

    size = 0

    def of(self, exercise: Exercise, answer: Callable[..., Any], test: HiddenTest, seed: str) -> _Replayed:
        key = (exercise.name, answer, test, seed)
        if self.size > MAX_LOGGED:
            self.clear()
            self.size = 0
        if key not in self:
            self[key] = _Replayed(host_of(exercise, answer))
        return self[key]


_replays = _Replays()


def find_hint(exercise: Exercise, student: Student, trials: Sequence[Trial], seed: str, until: float) -> str:
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
        for test in all_tests(exercise):
            if time.monotonic() > until:
                return ""
            more.append(try_test(exercise, test, student, again))
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
        return _alike(exercise, other, [try_test(exercise, test, student, seed) for test in all_tests(exercise)], seed)


def _alike(
    exercise: Exercise, answer: Callable[..., Any], trials: Sequence[Trial], seed: str, *, exactly: bool = False
) -> bool:
    """Whether an answer does in every one of these tests as the student's code did."""
    for trial in sorted(trials, key=lambda trial: trial.outcome.passed):
        replayed = _replays.of(exercise, answer, trial.test, seed)
        alike = replayed.replies_like(trial.log, exactly)
        if alike is None:
            alike = _Replayed(host_of(exercise, answer)).replies_like(trial.log, exactly)
        if not alike:
            return False
    for trial in trials:
        mine, theirs = trial.outcome, try_test(exercise, trial.test, Student(host_of(exercise, answer)), seed).outcome
        if theirs.status != mine.status:
            return False
        if mine.status == "wrong" and _skeleton(theirs.message) != _skeleton(mine.message):
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
        case protocol.Handle(), protocol.Handle():
            return one.number == other.number
        case _:
            return type(one) is type(other) and one == other


def _skeleton(text: str) -> str:
    """A message without its numbers."""
    return re.sub(r"\d+", "0", text[:MAX_MESSAGE])


def _without_addresses(text: str) -> str:
    """An error's text; its numbers stay, for they are the shapes and places by which two mistakes differ."""
    return re.sub(r"0x[0-9a-f]+", "", text[:MAX_MESSAGE])
