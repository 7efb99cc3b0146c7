"""One exercise of a submission in a worker, as the trusted side sees it: sends the cells, then calls.

The worker gets the submission's cells and the package without that exercise (see ``bundle``), loads the cells, and
answers calls until it is ended. So a wrong or hostile exercise costs no other, and no solution is where the code under
test could find it. What comes back is data in messages with a length limit and a deadline (see ``protocol``). Nothing
else is believed: neither exit codes nor anything printed.
"""

import contextlib
import json
import marshal
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...records import Limits, LostError, TimeLimitError
from ..frames import STEP
from .channel import Channel
from .fork_server import ForkServer

if TYPE_CHECKING:
    from ...exercises.spec import Exercise
    from ..untrusted.cells import Cell
    from ..untrusted.statements import Place


MAX_PROBLEMS = 2**20
"""Bytes that a worker may say about what went wrong while it loaded a submission."""
MAX_SKIPPED = 8
"""So many statements of a submission may fail the worker before it is given up."""


@dataclass
class SkippedStatements:
    """What of a submission is not loaded any more: it ended the process, or did not end itself, when it was."""

    reasons: "dict[Place, str]" = field(default_factory=dict)
    """Why, as the end of a sentence."""
    seconds: float = 0.0
    """What it has cost. The next loading may take half of that less: all that fail, twice what one may."""
    gave_up: TimeLimitError | LostError | None = None
    """Why it is not loaded at all any more."""
    answers: dict[str, tuple[Any, str]] | None = None
    """What stands in the submission for each question, and if it is not known, why: read before any of it was run."""


@dataclass
class SandboxSession:
    """A worker's session with one exercise of a submission (or several); its ``send`` is what ``Student`` needs.

    A worker that is gone is replaced at the next call. When a statement ends the worker that loads it, or takes too
    long, the submission is loaded anew without it, a few times; after that it is given up.
    """

    server: ForkServer
    cells: "Sequence[Cell]"
    exercise: "Exercise"
    limits: Limits = field(default_factory=Limits)
    modules: Sequence[tuple[str, str]] = ()
    """Names and text of the Python files that were handed in beside, to be imported."""
    own: Collection[str] | None = None
    """The exercises that are graded in the submission, by name: a name of another exercise may be anything there."""
    together: "Sequence[Exercise]" = ()
    """Other exercises of its chapter, tested in the same session: of these, too, only the student's is there."""
    deadline: float = math.inf
    """When the whole submission has to be done, on the clock of ``time.monotonic``: no call goes on after it."""
    problems: list[str] = field(default_factory=list)
    """What went wrong when the submission was loaded, one sentence each."""
    skipped: SkippedStatements = field(default_factory=SkippedStatements)
    """The same for all sessions of a submission, so that no statement fails two workers."""
    _channel: Channel | None = None

    def send(self, request: bytes) -> bytes:
        """Send a message, and return the answer.

        Raises:
            TimeLimitError: if none comes in time.
            LostError: if the worker is gone.
            SandboxError: if there can be no worker.
        """
        if self.skipped.gave_up:
            raise self.skipped.gave_up
        channel = self._channel or self._load()
        try:
            return channel.exchange(request, self._at_most(self.limits.seconds), "the call")
        except (TimeLimitError, LostError):
            self._channel = None
            raise

    def sender(self, exercise: "Exercise") -> Callable[[bytes], bytes]:
        """What a ``Student`` needs to be tested in one of the exercises.

        The answer to a question was read before anything of theirs was run, and is told from here.
        """
        return self._tell if exercise.question else self.send

    def _tell(self, request: bytes) -> bytes:
        from ..untrusted.host import Host

        if self.skipped.answers is None:
            if self.skipped.gave_up:
                raise self.skipped.gave_up
            with contextlib.suppress(TimeLimitError, LostError):  # what was read before counts
                self._channel = self._channel or self._load()
        answers = self.skipped.answers
        if answers is None:
            raise self.skipped.gave_up or LostError("the code could not be read")
        known = {name: value for name, (value, problem) in answers.items() if not problem}
        return Host(known, {name: problem for name, (_, problem) in answers.items() if problem})(request)

    @property
    def is_closed(self) -> bool:
        """Whether there is no worker (yet, or any more)."""
        return self._channel is None

    def close(self) -> None:
        """End the worker and whatever it started."""
        if self._channel:
            self._channel.close()
            self._channel = None

    def _at_most(self, seconds: float) -> float:
        return min(seconds, max(0.0, self.deadline - time.monotonic()))

    def _load(self) -> Channel:
        from ...exercises.select import EXERCISES
        from ..protocol import sendable
        from . import bundle

        tested = [self.exercise, *(other for other in self.together if other is not self.exercise)]
        own = list(EXERCISES if self.own is None else self.own)
        content = {
            "limits": self.limits.to_dict(),
            "package": bundle.build_bundle(tested),
            "cells": [(cell.name, cell.source, cell.kind) for cell in self.cells],
            "modules": list(self.modules),
            "exercises": [exercise.name for exercise in tested if not exercise.question],
            "questions": [name for name in own if EXERCISES[name].question],
            "others": bundle.exercises_in(tested),
            "own": own,
            "closed": bundle.closed(tested),
            "skipped": self.skipped.reasons,
        }
        while True:
            channel, steps, began = self.server.open(self.limits), [b""], time.monotonic()
            try:
                seconds = self._at_most(self.limits.load_seconds - self.skipped.seconds / 2)
                answers = channel.exchange(marshal.dumps(content), seconds, "reading the cells", steps)
                if self.skipped.answers is None or self.skipped.reasons:
                    self.skipped.answers = _answers(answers)
                steps[:] = [b""]
                reply = channel.exchange(b"", seconds, "loading the definitions", steps)
                problems = json.loads(reply[:MAX_PROBLEMS])  # whatever is longer is no JSON then
                self.problems[:] = [sendable(str(problem)[:400]) for problem in [*problems][:50]]
                self._channel = channel
                return channel
            except (TimeLimitError, LostError) as error:
                failure: TimeLimitError | LostError = error
            except (ValueError, TypeError, RecursionError):
                channel.close()
                failure = LostError("the code answered with no message while it was loaded")
            self.skipped.seconds += time.monotonic() - began
            if not self._skip(steps[0], failure):
                self.problems[:] = [
                    f"{self.cells[cell].name}: {why}" for (cell, _), why in self.skipped.reasons.items()
                ]
                if isinstance(failure, TimeLimitError) and self.skipped.reasons:
                    failure = TimeLimitError("loading takes too long, even without the statements that were left out")
                self.skipped.gave_up = failure
                raise failure

    def _skip(self, step: bytes, failure: Exception) -> bool:
        """Load without the place that a worker named last; returns whether that is worth a try."""
        try:
            cell, statement = map(int, step[len(STEP) :].split())
        except ValueError:
            return False
        reasons = self.skipped.reasons
        tried = (cell, statement) in reasons or not 0 <= cell < len(self.cells)
        if tried or len(reasons) == MAX_SKIPPED or time.monotonic() > self.deadline:
            return False
        reasons[cell, statement] = f"left out, since {failure}"
        return True


def _answers(reply: bytes) -> dict[str, tuple[Any, str]]:
    """What a worker read for the questions, of the kinds that an answer may have.

    Raises:
        ValueError: if it is no such message.
    """
    from ...exercises.select import EXERCISES
    from ..protocol import MAX_TEXT, WireError, decode, sendable

    try:
        found = decode(reply) if len(reply) <= MAX_PROBLEMS else None
    except WireError as error:
        raise ValueError from error
    if not isinstance(found, dict):
        raise ValueError
    answers: dict[str, tuple[Any, str]] = {}
    for name, entry in found.items():
        match entry:
            case [bool() | int() | float() | None as value, str(problem)] if name in EXERCISES:
                answers[name] = value, sendable(problem[:MAX_TEXT])
            case [str(value), str(problem)] if name in EXERCISES:
                answers[name] = sendable(value[:MAX_TEXT]), sendable(problem[:MAX_TEXT])
    return answers
