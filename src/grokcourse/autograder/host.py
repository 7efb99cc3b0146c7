"""The student's side of a hidden test: answers messages with the student's functions.

This module is imported where the student's code runs. It knows nothing of exercises, tests or solutions.
"""

import contextlib
import io
import traceback
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from . import wire
from .lending import Withheld
from .wire import MAX_TEXT, Handle, WireError


class Host:
    """The student's side: answers messages with the names that the student defined."""

    def __init__(self, names: dict[str, Any], failed: Mapping[str, str] | None = None) -> None:
        self.names = names
        self.failed = failed or {}
        """Why names are not there that the student meant to define."""
        self.kept: list[object] = []

    def __call__(self, request: bytes) -> bytes:
        """Answer one message."""
        operation, name, args, kwargs = wire.decode(request, self._fetch)
        quiet = io.StringIO()
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                warnings.simplefilter("ignore")  # a warning never costs marks
                return wire.encode({"value": self._answer(operation, name, args, kwargs)}, self._keep)
        except (_Missing, NotImplementedError):
            return wire.encode({"missing": self.failed.get(name, "")})
        except (Exception, SystemExit) as error:  # whatever the student's code raises is an answer
            said = _where(error)
            if isinstance(error, NameError) and error.name in self.failed:
                said = f"{said}; {self.failed[error.name]}"
            return wire.encode({"error": [type(error).__name__, said]})

    def _answer(self, operation: str, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        match operation:
            case "call":
                return self._defined(name)(*args, **kwargs)
            case "begin":
                return self.kept.clear()
            case "value":
                return self._defined(name)
            case "make":
                from . import toys

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
        if isinstance(found, Withheld):
            raise ImportError(f"{name} is the course's own: only what you write yourself counts")
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
