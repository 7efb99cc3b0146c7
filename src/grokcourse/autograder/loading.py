"""A submission's code, loaded without running what takes long. This module is imported where the student's code runs.

Only imports, definitions, and the simple constants that the definitions need are ever loaded, statement by statement
and in order, so that the last definition of a name wins and a statement that fails costs only what it defines. This
choice is a convenience and no protection: protection is the worker's business.
"""

import ast
import builtins
import functools
import itertools
import re
import sys
import types
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

CELL_MAGICS_WITH_PYTHON = {"time", "timeit", "capture", "prun"}
MAGIC_SIGNS = set("%!?")
MAGIC_LINE = re.compile(r"^([ \t]*+)(?:[%!?].*|[\w., \t]++=[ \t]*+[%!].*|[\w.]++\?{1,2}[ \t]*)$", re.MULTILINE)
BEGINNING = re.compile(r"(?:@|(?:async|class|def|from|import)\b|[^\W\d]\w*[ \t]*=)")
MAX_PARTS = 1_000
"""A cell that is no Python is looked at in no more parts than these."""
SAFE_BUILTINS = {"abs", "bool", "dict", "float", "frozenset", "int", "len", "list", "max", "min", "pow", "range"}
SAFE_BUILTINS |= {"round", "set", "sorted", "str", "sum", "tuple", "zip"}


@dataclass(frozen=True)
class Cell:
    """One code cell, or a whole .py file."""

    name: str
    """How messages call it: ``cell 3``, or the file's name."""
    source: str


def without_magics(source: str) -> str:
    """A cell's source with IPython's magics and shell lines taken out; every other line keeps its number."""
    first = source.lstrip().split("\n", 1)[0]
    if first.startswith("%%"):
        magic = first[2:].split(maxsplit=1)[0] if first[2:].strip() else ""
        if magic not in CELL_MAGICS_WITH_PYTHON:
            return ""
        source = source.replace(first, "", 1)
    if not MAGIC_SIGNS & set(source):
        return source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return MAGIC_LINE.sub(r"\1pass", source)
    return source


@dataclass
class Loaded:
    """The names that a submission defines, and what went wrong on the way."""

    names: dict[str, Any]
    problems: list[str]
    """One sentence each, with cell and line."""
    used: set[str]
    """The names that its code uses, wherever they come from."""


def load(cells: Sequence[Cell], answers: Collection[str] = ()) -> Loaded:
    """Run the imports, definitions and needed constants of a submission. To be called on the student's side only.

    Args:
        cells: the code.
        answers: names whose values are wanted, however they are bound: the exercise.
    """
    module = types.ModuleType("submission")
    sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
    problems: list[str] = []
    parsed: list[tuple[Cell, ast.stmt]] = []
    for cell in cells:
        parsed += [(cell, statement) for statement in _parse(cell, problems)]
    imported = _imported(statement for _, statement in parsed)
    needed = _needed((statement for _, statement in parsed), answers)
    known = set(dir(builtins))
    for cell, statement in parsed:
        if not _is_loadable(statement, imported, needed):
            continue
        code = ast.Module([statement], type_ignores=[])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(code, f"<{cell.name}>", "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            is_constant = isinstance(statement, (ast.Assign, ast.AnnAssign))
            if is_constant and not _used(statement) <= known | imported:
                continue  # it may build on what was left out on purpose, so that its failing says nothing
            problems.append(f"{cell.name}, line {statement.lineno}: {type(error).__name__}: {str(error)[:200]}")
    used = {name for _, statement in parsed for name in _used(statement)}
    return Loaded(module.__dict__, problems, used)


def _parse(cell: Cell, problems: list[str]) -> list[ast.stmt]:
    """A cell's statements; one that is no Python is told among the problems, and costs only itself."""
    source = without_magics(cell.source)
    try:
        return _statements(source, cell.name)
    except SyntaxError:
        pass
    except (ValueError, RecursionError, MemoryError) as error:
        problems.append(f"{cell.name}: cannot be parsed ({type(error).__name__})")
        return []
    found: list[ast.stmt] = []
    for part in _parts(source):
        try:
            found += _statements(part, cell.name)
        except SyntaxError as error:
            line = (error.text or "").strip()[:80]
            problems.append(f"{cell.name}, line {error.lineno}: {error.msg}" + (f": {line}" if line else ""))
        except (ValueError, RecursionError, MemoryError) as error:
            problems.append(f"{cell.name}: cannot be parsed ({type(error).__name__})")
    return found


def _statements(source: str, name: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, filename=f"<{name}>").body


def _parts(source: str) -> list[str]:
    """A source cut before each definition, import or assignment that begins a line; every line keeps its number."""
    lines = source.split("\n")
    cuts = [i for i, line in enumerate(lines) if BEGINNING.match(line) and not (i and lines[i - 1].startswith("@"))]
    ends = [*cuts, len(lines)] if cuts[:1] == [0] else [0, *cuts, len(lines)]
    return ["\n" * start + "\n".join(lines[start:end]) for start, end in itertools.pairwise(ends)][:MAX_PARTS]


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


def _needed(statements: Iterator[ast.stmt], answers: Collection[str]) -> set[str]:
    """The names that definitions use, and those that the constants so needed use in turn; and the wanted answers."""
    statements = list(statements)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    needed = set(answers)
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


@functools.cache
def _used(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


@functools.cache
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
