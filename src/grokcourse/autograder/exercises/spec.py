"""What an exercise is: something that students are asked to write or, if it is a question, to answer."""

import ast
import importlib
import inspect
import textwrap
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One of the answers that a question's page offers."""

    text: str
    """In Markdown. For a question about a number a format string, such as ``about {value:.0%}``."""
    why: str
    """What it would mean, or why it is not so: a sentence, in Markdown, for those who have chosen."""
    value: float | None = None
    """Which number it stands for; None: the one that is right. Where letters are asked for, its place says which."""


@dataclass(frozen=True)
class Exercise:
    """Something that students are asked to write or, if it is a question, to answer."""

    name: str
    """The name that students define."""
    chapter: str
    """The chapter it belongs to: a key of ``CHAPTERS``."""
    reference: str
    """Where the package has it, ``module:name``; for a question, the function without arguments that answers it."""
    points: int
    difficulty: int
    """1 (a line) to 5 (an evening)."""
    minutes: int
    """What to expect."""
    teaches: str
    """What one has learnt by doing it, in a few words."""
    hints: tuple[str, ...]
    """Each a little more than the one before, in Markdown."""
    question: bool = False
    """A value to predict, ``name = …``, and not a function to write."""
    choices: tuple[Choice, ...] = ()
    """A question's answers to choose from, in their order on the page."""
    offers: tuple[str, ...] = ()
    """What the package offers while it is graded, ``module:name``, beside what the reference itself uses.

    What an answer may well build on: helpers that its page, or a chapter before, has shown, and earlier exercises.
    """
    blank: str = ""
    """For a class: the method that students write; the rest of the class is given."""
    omits: tuple[str, ...] = ()
    """For a class: other methods that would do what is asked. The stub leaves them out, and they do not count."""

    @cached_property
    def target(self) -> Any:
        """The package's own function or class."""
        module, _, name = self.reference.partition(":")
        return getattr(importlib.import_module(f"grokcourse.{module}"), name)

    @property
    def solution(self) -> Any:
        """What a student's name should stand for: the package's function or class; for a question, the right value."""
        return self.target() if self.question else self.target

    @property
    def offered(self) -> dict[str, tuple[Choice, object]]:
        """A question's choices by their letters, each with what a student who thinks so would write."""
        right = self.solution
        return {
            letter: (choice, letter if isinstance(right, str) else right if choice.value is None else choice.value)
            for letter, choice in zip("abcd", self.choices, strict=False)
        }

    @property
    def source(self) -> str:
        """The package's own source of it, as pages show it."""
        return textwrap.dedent(inspect.getsource(self.target))

    @property
    def stub(self) -> str:
        """What students start from: signature and docstring, and ``raise NotImplementedError``; or ``name = ...``."""
        if self.question:
            return f"{self.name} = ..."
        source = self.source
        node: Any = ast.parse(source).body[0]
        omitted = [part for part in getattr(node, "body", ()) if getattr(part, "name", "") in self.omits]
        if self.blank:
            node = next(part for part in node.body if getattr(part, "name", "") == self.blank)
        docstring = node.body[0]
        lines: list[str | None] = [*source.splitlines()]
        for part in omitted:
            first = min([part.lineno, *(decorator.lineno for decorator in part.decorator_list)])
            lines[first - 2 : part.end_lineno] = [None] * (part.end_lineno - first + 2)  # with the blank line before
        raises = " " * docstring.col_offset + "raise NotImplementedError"
        lines = [*lines[: docstring.end_lineno], raises, *lines[node.end_lineno :]]
        return "\n".join(line for line in lines if line is not None)
