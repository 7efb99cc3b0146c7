"""What a hidden test sees of a student's code.

``Student`` is the fixture that tests speak to. It turns every call into a message, and never sees an object of the
student's, only data and handles. A ``Host`` (in ``sandbox.untrusted.host``) answers the messages with the student's
functions. Whether it stands in this process (a notebook's ``check``) or in another (``pytest``, ``grokcourse grade``),
no test can tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..records import LostError, TimeLimitError  # noqa: F401  (what sending may raise)
from ..sandbox import protocol
from ..sandbox.protocol import MAX_TEXT, Handle, WireError

MAX_LINE = 160
"""Characters of a line of a student's code that is quoted."""


class StudentError(Exception):
    """The student's code raised an exception; the text is theirs, in one line and cut."""

    def __init__(self, kind: str, text: str, where: str = "", line: str = "") -> None:
        said = f"{kind}: {text}" if text else kind
        super().__init__(f"{said} ({where})" if where else said)
        self.kind = kind
        self.text = text
        self.where = where
        """The cell and the line's number."""
        self.line = line
        """Their line of code."""


class MissingError(Exception):
    """The student has not written it (yet); the text says what went wrong, if they have and it cannot be loaded."""


@dataclass(repr=False)
class Exchange:
    """One message and its answer, kept so that a planted mistake can be asked the same, and for the evidence."""

    request: bytes
    reply: Any
    operation: str = ""
    name: str = ""
    args: tuple = ()
    """What the test passed, the very objects."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0
    """Bytes of the answer."""
    value: Any = None
    """What the test got, the very object; None if the code raised."""


@dataclass(repr=False)
class Student:
    """A student's code, as tests see it: ``student.NAME(arguments)`` calls the student's NAME.

    Arguments and results are numbers, strings, tensors, lists and dicts of those, and handles. A class's instance
    comes back as a ``RemoteObject``, which can be called and asked for attributes.
    """

    send: Callable[[bytes], bytes]
    log: list[Exchange] = field(default_factory=list)
    received: int = 0
    """Bytes of answers in the present test."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: self.ask("call", name, args, kwargs)

    def value(self, name: str) -> Any:
        """The value that the student gave to a name."""
        return self.ask("value", name)

    def make(self, kind: str, *args: Any, **kwargs: Any) -> Any:
        """Make one of the things in ``fixtures`` on the student's side, to pass it to the student's functions."""
        return self.ask("make", kind, args, kwargs)

    def ask(self, operation: str, name: str, args: tuple = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        """Send one message and return the answer; raises what the answer says went wrong."""
        request = protocol.encode(
            [operation, name, [_unwrap(a) for a in args], {k: _unwrap(v) for k, v in (kwargs or {}).items()}]
        )
        answer = self.send(request)
        self.received = len(answer) + (0 if operation == "begin" else self.received)
        if self.received > protocol.MAX_BYTES:
            raise WireError(f"the answers of one test hold more than {protocol.MAX_BYTES // 2**20} MB together")
        reply = protocol.decode(answer)
        exchange = Exchange(request, reply, operation, name, args, kwargs or {}, len(answer))
        self.log.append(exchange)
        match reply:
            case {"value": value}:
                exchange.value = self._wrap(value)
                return exchange.value
            case {"missing": str(problem)}:
                raise MissingError(_line(problem, MAX_TEXT))
            case {"unsendable": str(problem)}:
                raise WireError(_line(problem, MAX_TEXT))
            case {"error": [str(kind), str(text), str(where), str(line)]}:
                raise StudentError(_line(kind, 80), _line(text, MAX_TEXT), _line(where, 80), _line(line, MAX_LINE))
            case _:
                raise WireError("the student's side answered something else than it may")

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, Handle):
            return RemoteObject(self, value)
        return [self._wrap(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, repr=False)
class RemoteObject:
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


def _line(text: str, most: int) -> str:
    """A text of the student's side in one line, cut and fit to be written down."""
    return " ".join(protocol.sendable(text[:most]).split())


def _unwrap(value: Any) -> Any:
    return value.handle if isinstance(value, RemoteObject) else value
