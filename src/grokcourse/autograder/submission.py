"""A student's notebook or .py file, read without running what takes long.

Only imports, definitions, and the simple constants that the definitions need are ever loaded, statement by statement
and in order, so that the last definition of a name wins and a statement that fails costs only what it defines. This
choice is a convenience and no protection: protection is the worker's business.
"""

import ast
import builtins
import json
import re
import sys
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .registry import CHAPTERS, EXERCISES

MAX_BYTES = 20 * 2**20
"""A larger file is refused."""
CELL_MAGICS_WITH_PYTHON = {"time", "timeit", "capture", "prun"}
SAFE_BUILTINS = {"abs", "bool", "dict", "float", "frozenset", "int", "len", "list", "max", "min", "pow", "range"}
SAFE_BUILTINS |= {"round", "set", "sorted", "str", "sum", "tuple", "zip"}


class SubmissionError(ValueError):
    """A file cannot be graded; the message says why in one sentence."""


@dataclass(frozen=True)
class Cell:
    """One code cell, or a whole .py file."""

    name: str
    """How messages call it: ``cell 3``, or the file's name."""
    source: str


@dataclass(frozen=True)
class Submission:
    """What a student handed in."""

    name: str
    cells: tuple[Cell, ...]
    chapters: tuple[str, ...]
    """The chapters that it says it is of, by its metadata."""

    @property
    def exercises(self) -> list[str]:
        """The exercises to grade: all of its chapters, and any others that it defines."""
        wanted = {exercise.name for chapter in self.chapters for exercise in CHAPTERS[chapter]}
        defined = {name for cell in self.cells for name in _mentioned(cell.source)}
        return [name for name in EXERCISES if name in wanted | defined]


def read(path: Path) -> Submission:
    """Read a submission.

    Args:
        path: a notebook (.ipynb, nbformat 3 or later) or a Python file.

    Raises:
        SubmissionError: if it cannot be read, or has no exercise in it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise SubmissionError(
            f"{path.name} is larger than {MAX_BYTES // 2**20} MB: clear its outputs and hand it in again"
        )
    if not content.strip():
        raise SubmissionError(f"{path.name} is empty")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubmissionError(f"{path.name} is not a text file in UTF-8") from None
    if path.suffix == ".ipynb":
        cells, chapters = _notebook(path.name, text)
    else:
        cells, chapters = (Cell(path.name, text),), ()
    submission = Submission(path.name, cells, chapters)
    if not submission.exercises:
        raise SubmissionError(f"{path.name} has none of this course's exercises in it")
    return submission


def _notebook(name: str, text: str) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise SubmissionError(f"{name} is not a notebook: its content is not JSON") from None
    if not isinstance(notebook, dict):
        raise SubmissionError(f"{name} is not a notebook: its JSON is no object")
    parts = notebook.get("cells")
    if parts is None and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        parts = [cell for sheet in notebook["worksheets"] if isinstance(sheet, dict) for cell in sheet.get("cells", [])]
    if not isinstance(parts, list):
        raise SubmissionError(f"{name} is not a notebook: it has no list of cells")
    cells = []
    for number, part in enumerate(parts, start=1):
        if isinstance(part, dict) and part.get("cell_type") == "code":
            source = part.get("source", part.get("input", ""))
            source = "".join(map(str, source)) if isinstance(source, list) else str(source)
            cells.append(Cell(f"cell {number}", source))
    metadata = notebook.get("metadata")
    ours = metadata.get("grokcourse") if isinstance(metadata, dict) else None
    chapter = ours.get("chapter") if isinstance(ours, dict) else None
    return tuple(cells), (chapter,) if isinstance(chapter, str) and chapter in CHAPTERS else ()


def _mentioned(source: str) -> Iterator[str]:
    """The exercises that a source seems to define, be it valid Python or not."""
    pattern = re.compile(
        r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE
    )
    for definition, assignment in pattern.findall(source):
        name = definition or assignment
        if name in EXERCISES and (definition or EXERCISES[name].question):
            yield name


def without_magics(source: str) -> str:
    """A cell's source with IPython's magics and shell lines taken out; every other line keeps its number."""
    first = source.lstrip().split("\n", 1)[0]
    if first.startswith("%%"):
        magic = first[2:].split(maxsplit=1)[0] if first[2:].strip() else ""
        if magic not in CELL_MAGICS_WITH_PYTHON:
            return ""
        source = source.replace(first, "", 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        magic_line = re.compile(r"^([ \t]*)(?:[%!?].*|[\w., \t]+=[ \t]*[%!].*|[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)
        return magic_line.sub(r"\1pass", source)
    return source


@dataclass
class Loaded:
    """The names that a submission defines, and what went wrong on the way."""

    names: dict[str, Any]
    problems: list[str]
    """One sentence each, with cell and line."""


def load(cells: Sequence[Cell]) -> Loaded:
    """Run the imports, definitions and needed constants of a submission. To be called on the student's side only."""
    module = types.ModuleType("submission")
    sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
    problems: list[str] = []
    parsed: list[tuple[Cell, ast.stmt]] = []
    for cell in cells:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(without_magics(cell.source), filename=f"<{cell.name}>")
        except SyntaxError as error:
            line = (error.text or "").strip()[:80]
            problems.append(f"{cell.name}, line {error.lineno}: {error.msg}" + (f": {line}" if line else ""))
        except (ValueError, RecursionError, MemoryError) as error:
            problems.append(f"{cell.name}: cannot be parsed ({type(error).__name__})")
        else:
            parsed += [(cell, statement) for statement in tree.body]
    imported = _imported(statement for _, statement in parsed)
    needed = _needed(statement for _, statement in parsed)
    for cell, statement in parsed:
        if not _is_loadable(statement, imported, needed):
            continue
        code = ast.Module([statement], type_ignores=[])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(code, f"<{cell.name}>", "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            problems.append(f"{cell.name}, line {statement.lineno}: {type(error).__name__}: {str(error)[:200]}")
    return Loaded(module.__dict__, problems)


def _imported(statements: Iterator[ast.stmt]) -> set[str]:
    """The names that imports bind, less those that may run long."""
    found: set[str] = set()
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("grokcourse"):
                found |= {alias.asname or alias.name for alias in node.names}
    return (found | {"RunConfig"}) - {"grokcourse"}


def _needed(statements: Iterator[ast.stmt]) -> set[str]:
    """The names that definitions use, and those that the constants so needed use in turn; and the questions' names."""
    statements = list(statements)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    needed = {name for name, exercise in EXERCISES.items() if exercise.question}
    for statement in statements:
        if any(isinstance(node, definitions) for node in ast.walk(statement)):
            needed |= _used(statement)
    while True:
        more = {
            name
            for statement in statements
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _bound(statement) & needed
            for name in _used(statement)
        }
        if more <= needed:
            return needed
        needed |= more


def _used(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _bound(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _is_loadable(statement: ast.stmt, imported: set[str], needed: set[str]) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Pass():
            return True
        case ast.Assign() | ast.AnnAssign():
            value = statement.value
            return value is not None and bool(_bound(statement) & needed) and _is_simple(value, imported)
        case ast.If(test=test, body=body, orelse=orelse):
            inner = [*body, *orelse]
            return _is_simple(test, imported) and all(_is_loadable(part, imported, needed) for part in inner)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
            inner = [*body, *orelse, *finalbody, *(part for handler in handlers for part in handler.body)]
            return all(_is_loadable(part, imported, needed) for part in inner)
        case _:
            return False


def _is_simple(expression: ast.expr, imported: set[str]) -> bool:
    """Whether a value is quick to compute: no call but of a library's function or a harmless built-in one."""
    safe_builtins = {name for name in SAFE_BUILTINS if hasattr(builtins, name)}
    for node in ast.walk(expression):
        if isinstance(node, ast.Call):
            function = node.func
            while isinstance(function, ast.Attribute):
                function = function.value
            if isinstance(function, ast.Constant):
                continue  # "text".join(…)
            if not isinstance(function, ast.Name) or function.id not in imported | safe_builtins:
                return False
        elif isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
    return True
