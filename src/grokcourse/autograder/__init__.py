"""Exercises and their grading: the list of exercises, their hidden tests, and the sandbox for students' code."""

from typing import Any

__all__ = ["check"]


def __getattr__(name: str) -> Any:
    """``check``, imported when it is first asked for: the pytest plugin must not cost an ordinary test run anything."""
    if name == "check":
        from .feedback import check

        return check
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
