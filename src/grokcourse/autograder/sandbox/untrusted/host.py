"""The student's side of a hidden test: answers messages with the student's functions.

This module is imported where the student's code runs. It knows nothing of exercises, tests or solutions.
"""

import contextlib
import dis
import inspect
import io
import linecache
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import protocol
from ..protocol import MAX_TEXT, Handle, WireError
from .redaction import Redacted

MAX_TESTS = 50
"""Of so many tests it is kept what was printed."""
MAX_PRINTED = 800
"""Characters that are kept of what the code prints in one test."""


class Host:
    """The student's side: answers messages with the names that the student defined."""

    def __init__(
        self,
        names: dict[str, Any],
        failed: Mapping[str, str] | None = None,
        settings: Callable[[], contextlib.AbstractContextManager[None]] | None = None,
    ) -> None:
        self.names = names
        self.settings = settings or usual_settings
        """Under which the code runs."""
        self.failed = failed or {}
        """Why names are not there that the student meant to define."""
        self.kept: list[object] = []
        self.exercise = ""
        """Which one is being tested."""
        self.printed: list[Printed] = []
        """What the code printed, test by test."""

    def __call__(self, request: bytes) -> bytes:
        """Answer one message."""
        operation, name, args, kwargs = protocol.decode(request, self._fetch)
        if operation == "begin":
            self.exercise = name
            self.printed = [*self.printed[-MAX_TESTS:], Printed()]
        printed = self.printed[-1] if self.printed else Printed()
        try:
            with self.settings(), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                return protocol.encode({"value": self._answer(operation, name, args, kwargs)}, self._keep)
        except _Missing:
            return protocol.encode({"missing": self.failed.get(name, "")})
        except WireError as error:
            return protocol.encode({"unsendable": str(error)[:MAX_TEXT]})
        except (Exception, SystemExit) as error:  # whatever the student's code raises is an answer
            if self._is_stub(error):
                return protocol.encode({"missing": self.failed.get(name, "")})
            text, where, line = _told(error)
            if isinstance(error, NameError) and error.name is not None and error.name in self.failed:
                text = f"{text}; {self.failed[error.name]}"
            return protocol.encode({"error": [type(error).__name__, text, where, line]})

    def _answer(self, operation: str, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        match operation:
            case "call":
                return self._defined(name)(*args, **kwargs)
            case "begin":
                return self.kept.clear()
            case "value":
                return self._defined(name)
            case "make":
                from . import fixtures  # in a worker, that of the bundle

                return getattr(fixtures, name)(*args, **kwargs)
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
        if isinstance(found, Redacted):
            raise ImportError(f"{name} is the course's own: only what you write yourself counts")
        return found

    def _is_stub(self, error: BaseException) -> bool:
        """Whether it is the stub's own ``raise NotImplementedError``.

        torch raises that, too, of what it cannot do with a dtype, but with a text, or not in a frame of the exercise.
        """
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        if type(error) is not NotImplementedError or error.args or trace is None:
            return False
        code = trace.tb_frame.f_code
        raised_here = dis.opname[code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"
        return raised_here and code in _codes(self.names.get(self.exercise))

    def _keep(self, thing: object) -> Handle:
        self.kept.append(thing)
        return Handle(len(self.kept) - 1, type(thing).__name__)

    def _fetch(self, handle: Handle) -> object:
        return self.kept[handle.number]


class _Missing(Exception):  # noqa: N818
    pass


class Printed(io.TextIOBase):
    """What is printed, up to a limit."""

    def __init__(self) -> None:
        self.text = ""
        self.left_out = 0
        """How many characters were too many."""

    def write(self, text: str) -> int:
        """Keep what there is room for."""
        kept = text[: MAX_PRINTED - len(self.text)]
        self.text += kept
        self.left_out += len(text) - len(kept)
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True


@contextlib.contextmanager
def usual_settings() -> Iterator[None]:
    """Settings as they are in a fresh Python, put back to what they were at the end; and no warning is shown.

    A notebook may have switched gradients off, or made float64 or another device the default: whether an answer is
    right must not depend on it.
    """
    with warnings.catch_warnings(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
        warnings.simplefilter("ignore")  # a warning never costs marks
        before = _torch_settings()
        with contextlib.ExitStack() as stack:  # what is usual already costs no time
            if before != USUAL:
                stack.enter_context(torch.inference_mode(False))
                stack.enter_context(torch.enable_grad())
                stack.callback(torch.set_default_dtype, before[2])
                torch.set_default_dtype(torch.float32)
                if before[3] != CPU:
                    stack.enter_context(CPU)
            stack.callback(_set_back, _torch_settings())
            yield


CPU = torch.device("cpu")
USUAL = (True, False, torch.float32, CPU)


def _torch_settings() -> tuple[bool, bool, torch.dtype, torch.device]:
    inference = torch.is_inference_mode_enabled()
    return torch.is_grad_enabled(), inference, torch.get_default_dtype(), torch.get_default_device()


def _set_back(before: tuple[bool, bool, torch.dtype, torch.device]) -> None:
    """Undo what the code itself has set."""
    if _torch_settings() != before:
        torch.set_grad_enabled(before[0])
        torch.set_default_dtype(before[2])
        torch.set_default_device(None if before[3] == CPU else before[3])


def _codes(answer: Any) -> set[types.CodeType]:
    """The code of a function, or of the methods of a class."""
    found = [*vars(answer).values()] if isinstance(answer, type) else [answer]
    found = [inspect.unwrap(one) if callable(one) else one for one in found]
    return {one.__code__ for one in found if isinstance(one, types.FunctionType)}


def _told(error: BaseException) -> tuple[str, str, str]:
    """The error's text, where the student's own line stands that raised it, and that line."""
    try:
        text = str(error)[:MAX_TEXT]
    except Exception as another:  # an exception of their own
        text = f"its text cannot be told ({type(another).__name__})"
    theirs = [(frame, number) for frame, number in traceback.walk_tb(error.__traceback__) if _is_theirs(frame)]
    if not theirs:
        return text, "", ""
    frame, number = theirs[-1]
    file = frame.f_code.co_filename
    line = linecache.getline(file, number, frame.f_globals).strip()[:MAX_TEXT]
    return text, f"{_place(file)}, line {number}", line


def _is_theirs(frame: types.FrameType) -> bool:
    """Whether a frame is of the student's code, and not of a library or the course."""
    room = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    file = frame.f_code.co_filename
    return not (
        room == "grokcourse"
        or room in sys.stdlib_module_names
        or file.startswith(("<frozen", "<__array", "<string>"))
        or "site-packages" in file
        or "dist-packages" in file
    )


def _place(file: str) -> str:
    """What students call a file: a notebook's cell by its number."""
    if file.startswith("<"):
        return file.strip("<>")
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        name = shell.compile.format_code_name(file) if shell else None
        if name:
            return " ".join(name).replace("Cell In", "cell ")
    return Path(file).name
