"""A submission's cells, and the statements in them as text: nothing is run here."""

import ast
import itertools
import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .data_values import checked
from .notebook_syntax import python_of
from .statements import outside_functions

BEGINNING = re.compile(r"@|(?:async|class|def|from|import|print)\b|[^\W\d][\w.]*[ \t]*[=(]|`{3}|[<=>]{7}")
DEFINITION = re.compile(
    r"^([ \t]*+)(?:(?:async[ \t]+)?def[ \t]+(\w+)|class[ \t]+(\w+)"
    r"|((?:\w+[ \t]*,[ \t]*)*+\w+)[ \t]*(?::[^=\n]+)?=(?!=)|(?=[^\s#)\]}\"']))",
    re.MULTILINE,
)
"""A line that defines or binds something, or at least is code at some margin."""
AGAIN = re.compile(r"[ \t]*+(\w++)[ \t]*+=(?!=)")
NEW_CELL = re.compile(r"#[ \t]*(?:%%|In\[[\d ]*\]:|\+[ \t]*(?:\{|$))")
"""Where a notebook that was exported to a .py file has a new cell."""
MAX_PARTS = 1_000
"""A cell that is no Python is looked at in no more parts than these."""
MAX_NAME = 100
NEWER = (
    ((3, 12), re.compile(r"type[ \t]+\w+[ \t]*[\[=]|(?:async[ \t]+def|def|class)[ \t]+\w+[ \t]*\["), "such generics"),
    ((3, 12), re.compile(r"f-string"), "such an f-string"),
    ((3, 14), re.compile(r"[tT][rR]?[\"']|.*[ (=,\[]t[rR]?[\"']"), "such a t-string"),
    ((3, 14), re.compile(r"except[ \t]+\w+[ \t]*,"), "such an except"),
)
"""Syntax by the Python that brought it, as it begins a line or the message about it."""


@dataclass(frozen=True)
class Cell:
    """One cell, or a whole .py file."""

    name: str
    """How messages call it: ``cell 3``, or the file's name."""
    source: str
    kind: str = "code"
    """code, markdown or raw. What is not code is only looked through for answers that are not where they should be."""


def defined_in(source: str) -> list[str]:
    """The names that a source seems to define, be it valid Python or not; not what stands inside of a definition.

    One pass, whatever the source is: it is also called on the trusted side.
    """
    odd = {character for character in set(source) if character > "\x7f"}
    source = source.translate(
        {ord(one): unicodedata.normalize("NFKC", one) for one in odd}
    )  # as Python does with names
    names: list[str] = []
    inside = -1
    for one in DEFINITION.finditer(source):
        margin, function, class_, assigned = one.groups(default="")
        if len(margin) > inside >= 0:
            continue
        inside = len(margin) if function or class_ else -1
        if found := function or class_ or assigned:
            names += [name.strip()[:MAX_NAME] for name in found.split(",")]
        at = one.end() if assigned else None
        while at is not None and (again := AGAIN.match(source, at)):  # f = g = …
            names.append(again[1][:MAX_NAME])
            at = again.end()
    return names


def parse(
    cell: Cell, source: str, fail: Callable[[Iterable[str], str], None]
) -> Iterator[tuple[ast.stmt, Sequence[str] | None]]:
    """A cell's statements and their text; ``fail`` is told of one that is no Python, which costs only itself."""
    try:
        yield from _statements(source, cell.name)
    except SyntaxError:
        pass
    except (ValueError, RecursionError, MemoryError) as error:
        fail(defined_in(source), f"{cell.name}: cannot be parsed ({type(error).__name__})")
        return
    else:
        return
    for part in _parts(source):
        try:
            part = python_of(part)
            yield from _statements(part, cell.name)
        except SyntaxError as error:
            line = (error.text or "").strip()[:80]
            where = f"{cell.name}, line {error.lineno}" if error.lineno else cell.name
            problem = f"{where}: {error.msg}" + (f": {line}" if line else "")
            fail(defined_in(part), problem + _newer(line, str(error.msg)))
        except (ValueError, RecursionError, MemoryError) as error:
            fail(defined_in(part), f"{cell.name}: cannot be parsed ({type(error).__name__})")


def _newer(line: str, message: str) -> str:
    """Which Python a line needs, if it is a newer one than this."""
    for version, pattern, what in NEWER:
        if sys.version_info < version and (pattern.match(line) or pattern.match(message)):
            needed, own = (".".join(map(str, numbers[:2])) for numbers in (version, sys.version_info))
            return f" (if it runs in your notebook: {what} needs Python {needed}, and this is graded with Python {own})"
    return ""


def _statements(source: str, name: str) -> list[tuple[ast.stmt, Sequence[str] | None]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = ast.parse(source, filename=f"<{name}>").body
    lines = source.split("\n")
    found: list[tuple[ast.stmt, Sequence[str] | None]] = []
    for statement in body:
        single: list[ast.stmt] = []
        if isinstance(statement, ast.Import):  # one by one, so that one that fails costs no other
            single = [ast.Import([alias]) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
            single = [ast.ImportFrom(statement.module, [alias], statement.level) for alias in statement.names]
        else:
            found.append((statement, lines))
            if any("check" in line for line in lines[statement.lineno - 1 : statement.end_lineno]):
                single = _checked_under_another_name(statement)
        found += [(ast.copy_location(node, statement), None) for node in single]
    return found


def _checked_under_another_name(statement: ast.stmt) -> list[ast.stmt]:
    """``add_modulo = my_add`` for ``check(my_add, "add_modulo")``, whose result is bound to another name or to none."""
    if not isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
        return []
    parts = list(outside_functions(statement))
    targets = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    found: list[ast.stmt] = []
    for part in parts:
        answer, name = checked(part) or (None, "")
        if answer is None or not name.isidentifier() or name in targets or getattr(answer, "id", "") == name:
            continue
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if value is part:
                answer = ast.Name(target, ast.Load())
        made = ast.Assign([ast.Name(name, ast.Store())], answer)
        found.append(ast.fix_missing_locations(ast.copy_location(made, statement)))
    return found


def _parts(source: str) -> list[str]:
    """A source cut before each definition, import or assignment that begins a line; every line keeps its number."""
    lines = source.split("\n")
    cuts = [i for i, line in enumerate(lines) if BEGINNING.match(line) and not (i and lines[i - 1].startswith("@"))]
    ends = [*cuts, len(lines)] if cuts[:1] == [0] else [0, *cuts, len(lines)]
    return ["\n" * start + "\n".join(lines[start:end]) for start, end in itertools.pairwise(ends)][:MAX_PARTS]
