"""What a hidden test sees of a student's code, and the code's own side of it.

``Student`` is the fixture that tests speak to. It turns every call into a message, and never sees an object of the
student's, only data and handles. ``Host`` answers the messages with the student's functions. Whether the host stands in
this process (a notebook's ``check``) or in another (``pytest``), no test can tell.
"""

import contextlib
import io
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from . import toys, wire
from .registry import EXERCISES
from .wire import Handle, WireError

MAX_TEXT = 400
"""A student's own error text is cut there."""


class StudentError(Exception):
    """The student's code raised an exception; the text is theirs."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}" if text else kind)
        self.kind = kind


class MissingError(Exception):
    """The student has not written it (yet)."""


class TimeLimitError(Exception):
    """The student's code took longer than it may."""


class LostError(Exception):
    """The process with the student's code is gone: out of memory, or it left."""


@dataclass
class Exchange:
    """One message and its answer, kept so that a planted mistake can be asked the same."""

    request: bytes
    reply: Any


@dataclass
class Student:
    """A student's code, as tests see it: ``student.NAME(arguments)`` calls the student's NAME.

    Arguments and results are numbers, strings, tensors, lists and dicts of those, and handles. A class's instance
    comes back as a ``Thing``, which can be called and asked for attributes.
    """

    send: Callable[[bytes], bytes]
    log: list[Exchange] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.ask("call", name, args, kwargs)

    def value(self, name: str) -> Any:
        """The value that the student gave to a name."""
        return self.ask("value", name)

    def make(self, kind: str, *args: Any, **kwargs: Any) -> Any:
        """Make one of the things in ``toys`` on the student's side, to pass it to the student's functions."""
        return self.ask("make", kind, args, kwargs)

    def ask(self, operation: str, name: str, args: tuple = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        """Send one message and return the answer; raises what the answer says went wrong."""
        request = wire.encode(
            [operation, name, [_bare(a) for a in args], {k: _bare(v) for k, v in (kwargs or {}).items()}]
        )
        reply = wire.decode(self.send(request))
        self.log.append(Exchange(request, reply))
        match reply:
            case {"value": value}:
                return self._dressed(value)
            case {"missing": str(what)}:
                raise MissingError(what)
            case {"error": [str(kind), str(text)]}:
                raise StudentError(kind[:80], text[:MAX_TEXT])
            case _:
                raise WireError("the student's side answered something else than it may")

    def _dressed(self, value: Any) -> Any:
        if isinstance(value, Handle):
            return Thing(self, value)
        return [self._dressed(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Thing:
    """An object on the student's side."""

    student: Student
    handle: Handle

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the object."""
        return self.student.ask("method", "__call__", (self.handle, *args), kwargs)

    def method(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call one of its methods."""
        return self.student.ask("method", name, (self.handle, *args), kwargs)

    def get(self, name: str) -> Any:
        """One of its attributes, dots allowed (``"mlp.W_in"``)."""
        return self.student.ask("get", name, (self.handle,))

    def load(self, weights: Mapping[str, Any]) -> None:
        """Set the weights of a module by name."""
        self.student.ask("load", "", (self.handle, dict(weights)))


def _bare(value: Any) -> Any:
    return value.handle if isinstance(value, Thing) else value


class Host:
    """The student's side: answers messages with the names that the student defined."""

    def __init__(self, names: dict[str, Any], *, alone: bool = False) -> None:
        self.names = names
        self.kept: list[object] = []
        self.own = dict(names) if alone else None  # alone: each exercise is tested with the others solved

    def _focus(self, name: str) -> None:
        """Begin a test of one exercise: forget what was made for the last, and put the others' solutions in place."""
        self.kept.clear()
        if self.own is not None:
            solved = {other: exercise.solution for other, exercise in EXERCISES.items() if not exercise.question}
            self.names.update(solved | ({name: self.own[name]} if name in self.own else {name: None}))

    def __call__(self, request: bytes) -> bytes:
        """Answer one message."""
        operation, name, args, kwargs = wire.decode(request, self._fetch)
        quiet = io.StringIO()
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                warnings.simplefilter("ignore")  # a warning never costs marks
                return wire.encode({"value": self._answer(operation, name, args, kwargs)}, self._keep)
        except _Missing:
            return wire.encode({"missing": name})
        except NotImplementedError:
            return wire.encode({"missing": name})
        except (Exception, SystemExit) as error:  # whatever the student's code raises is an answer
            return wire.encode({"error": [type(error).__name__, _where(error)]})

    def _answer(self, operation: str, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        match operation:
            case "call":
                return self._defined(name)(*args, **kwargs)
            case "focus":
                return self._focus(name)
            case "value":
                return self._defined(name)
            case "make":
                return getattr(toys, name)(*args, **kwargs)
            case "method":
                return getattr(args[0], name)(*args[1:], **kwargs)
            case "get":
                found = args[0]
                for part in name.split("."):
                    found = getattr(found, part)
                return found
            case "load":
                module, weights = args
                with torch.no_grad():
                    for key, parameter in module.named_parameters():
                        parameter.data = weights[key].clone()
                return None
            case _:
                raise WireError(f"there is no operation {operation!r}")

    def _defined(self, name: str) -> Any:
        found = self.names.get(name)
        if found is None or found is Ellipsis:
            raise _Missing
        return found

    def _keep(self, thing: object) -> Handle:
        self.kept.append(thing)
        return Handle(len(self.kept) - 1, type(thing).__name__)

    def _fetch(self, handle: Handle) -> object:
        return self.kept[handle.number]


class _Missing(Exception):  # noqa: N818
    pass


def _where(error: BaseException) -> str:
    """The error's text, and the student's own line that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<")]
    text = str(error)[:MAX_TEXT]
    if frames and frames[-1].lineno:
        where = f"{frames[-1].filename.strip('<>')}, line {frames[-1].lineno}"
        return f"{text} ({where})" if text else where
    return text
