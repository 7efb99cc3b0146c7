"""What an instructor's own hidden tests are written with: ``from grokcourse.autograder.testing import checks, expect``.

A public face of ``exercises.testing`` and ``exercises.student``, whose docstrings say how.
"""

from .exercises.student import MissingError, Student, StudentError
from .exercises.testing import (
    Draw,
    WrongAnswerError,
    checks,
    expect,
    expect_close,
    expect_number,
    expect_tensor,
    mistake,
)

__all__ = [
    "Draw",
    "MissingError",
    "Student",
    "StudentError",
    "WrongAnswerError",
    "checks",
    "expect",
    "expect_close",
    "expect_number",
    "expect_tensor",
    "mistake",
]
