"""A submission's code, loaded without running what takes long. This module is imported where the student's code runs.

Only imports, definitions, and the simple constants that the definitions need are ever loaded, statement by statement
and in order, so that the last definition of a name wins and a statement that fails costs only what it defines. This
choice is a convenience and no protection: protection is the worker's business. A statement that ends the process, or
does not end itself, is found by the steps that ``load`` tells, and left out when the worker loads anew.
"""

import __future__

import ast
import builtins
import functools
import itertools
import re
import sys
import types
import unicodedata
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CELL_MAGICS_WITH_PYTHON = {"time", "timeit", "capture", "prun"}
MAGIC_SIGNS = set("%!?")
MAGIC_LINE = re.compile(r"^([ \t]*+)(?:[%!?].*|[\w., \t]++=[ \t]*+[%!].*|[\w.]++\?{1,2}[ \t]*)$", re.MULTILINE)
BEGINNING = re.compile(r"@|(?:async|class|def|from|import|print)\b|[^\W\d][\w.]*[ \t]*[=(]|`{3}|[<=>]{7}")
INDENTED = re.compile(r"(?:[ \t]*\n)*([ \t]+)\S")
DEFINITION = re.compile(
    r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]+)?=(?!=)(?![ \t]*check\()", re.MULTILINE
)
LONG = 2_000
"""Characters of a cell whose reading alone might fail."""
MAX_PARTS = 1_000
"""A cell that is no Python is looked at in no more parts than these."""
SAFE_BUILTINS = {"abs", "bool", "dict", "float", "frozenset", "int", "len", "list", "max", "min", "pow", "range"}
SAFE_BUILTINS |= {"round", "set", "sorted", "str", "sum", "tuple", "zip"}
ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
POSTPONED = __future__.annotations.compiler_flag
"""Annotations are not evaluated: one that is wrong, or of a library that is not installed here, costs no marks."""
NOT_RUN = "is not run: only imports, definitions and simple constants are; compute it where you need it"

Place = tuple[int, int]
"""Where in a submission: the cell's number, from 0, and its statement's, from 1; 0 stands for reading the cell."""


@dataclass(frozen=True)
class Cell:
    """One code cell, or a whole .py file."""

    name: str
    """How messages call it: ``cell 3``, or the file's name."""
    source: str


def without_magics(source: str) -> str:
    """A cell's source with IPython's magics and shell lines taken out; every other line keeps its number.

    As IPython does, it takes out what the whole cell is indented by.
    """
    if indented := INDENTED.match(source):
        source = re.sub(f"^{indented[1]}", "", source, flags=re.MULTILINE)
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
    failed: dict[str, str]
    """Why a name is not there: the problem with the statement that would have defined it."""


def load(
    cells: Sequence[Cell],
    answers: Collection[str] = (),
    left_out: Mapping[Place, str] | None = None,
    step: Callable[[Place], None] = lambda place: None,
) -> Loaded:
    """Run the imports, definitions and needed constants of a submission. To be called on the student's side only.

    Args:
        cells: the code.
        answers: names whose values are wanted, however they are bound: the exercise.
        left_out: what not to run again, and why.
        step: is told each place before anything is done there that might fail.
    """
    module = types.ModuleType("submission")
    sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
    left_out = left_out or {}
    problems: list[str] = []
    failed: dict[str, str] = {}

    def failing(names: Collection[str], problem: str) -> None:
        problems.append(problem)
        failed.update(dict.fromkeys(names, problem))

    parsed: list[tuple[Place, ast.stmt]] = []
    for number, cell in enumerate(cells):
        if why := left_out.get((number, 0)):
            failing(defined_in(cell.source), f"{cell.name}: {why}")
            continue
        if len(cell.source) > LONG:
            step((number, 0))
        parsed += [((number, n), statement) for n, statement in enumerate(_parse(cell, failing), start=1)]
    imported = _imported(statement for _, statement in parsed)
    needed = _needed((statement for _, statement in parsed), answers)
    own = {name for _, statement in parsed for name in _defined(statement) - _bound(statement)}
    known = set(dir(builtins))
    vars(module).update(
        display=lambda *_, **__: None, get_ipython=lambda: None
    )  # a notebook has them without an import
    for place, statement in parsed:
        cell = cells[place[0]]
        where = f"{cell.name}, line {statement.lineno}"
        try:
            loadable = _loadable(statement, imported, needed, answers, own)
        except RecursionError:
            loadable = None
        if loadable is None:
            failed.update(dict.fromkeys(_defined(statement) - _used(statement), f"{where} {NOT_RUN}"))
            continue
        if why := left_out.get(place):
            failing(_defined(statement), f"{where}: {why}")
            continue
        step(place)
        code = ast.Module([loadable], type_ignores=[])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(code, f"<{cell.name}>", "exec", POSTPONED, dont_inherit=True), module.__dict__)
        except (Exception, SystemExit) as error:
            problem = f"{where}: {type(error).__name__}: {str(error)[:200]}"
            if isinstance(statement, (*ASSIGNMENTS, ast.If)) and not _used(statement) <= known | imported:
                # it may build on what was left out on purpose, so that its failing says nothing
                failed.update(dict.fromkeys(_defined(statement), problem))
                continue
            failing(_defined(statement), problem)
    used = {name for _, statement in parsed for name in _used(statement)}
    return Loaded(module.__dict__, problems, used, failed)


def defined_in(source: str) -> list[str]:
    """The names that a source seems to define, be it valid Python or not."""
    source = unicodedata.normalize("NFKC", source)  # as Python does with names
    return [one or other for one, other in DEFINITION.findall(source)]


def _parse(cell: Cell, failing: Callable[[Collection[str], str], None]) -> list[ast.stmt]:
    """A cell's statements; ``failing`` is told of one that is no Python, which costs only itself."""
    source = without_magics(cell.source)
    try:
        return _statements(source, cell.name)
    except SyntaxError:
        pass
    except (ValueError, RecursionError, MemoryError) as error:
        failing(defined_in(source), f"{cell.name}: cannot be parsed ({type(error).__name__})")
        return []
    found: list[ast.stmt] = []
    for part in _parts(source):
        try:
            found += _statements(part, cell.name)
        except SyntaxError as error:
            line = (error.text or "").strip()[:80]
            problem = f"{cell.name}, line {error.lineno}: {error.msg}" + (f": {line}" if line else "")
            failing(defined_in(part), problem)
        except (ValueError, RecursionError, MemoryError) as error:
            failing(defined_in(part), f"{cell.name}: cannot be parsed ({type(error).__name__})")
    return found


def _statements(source: str, name: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = ast.parse(source, filename=f"<{name}>").body
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.Import):  # one by one, so that one that fails costs no other
            found += [ast.copy_location(ast.Import([alias]), statement) for alias in statement.names]
        else:
            found.append(statement)
    return found


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
        elif isinstance(statement, ast.If):  # what it depends on whether something is imported
            needed |= _used(statement.test)
    while True:
        more = {
            name
            for statement in statements
            if isinstance(statement, ASSIGNMENTS) and _bound(statement) & needed
            for name in _used(statement)
        }
        if more <= needed:
            return needed
        needed |= more


@functools.cache
def _used(node: ast.AST) -> set[str]:
    parts = list(ast.walk(node))
    shared = {name for part in parts if isinstance(part, ast.Global) for name in part.names}
    return shared | {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


@functools.cache
def _bound(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _defined(statement: ast.stmt) -> set[str]:
    """The names that a statement defines or assigns."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return _bound(statement) | {node.name for node in ast.walk(statement) if isinstance(node, definitions)}


def _loadable(
    statement: ast.stmt, imported: set[str], needed: set[str], answers: Collection[str], own: set[str]
) -> ast.stmt | None:
    """What of a statement is loaded: all of it, nothing, or of an ``if`` or ``try`` what is loadable in it.

    An answer may be made by the submission's own functions and classes (``own``); any other constant may not.
    """

    def inner(body: list[ast.stmt]) -> list[ast.stmt]:
        parts = [part for child in body if (part := _loadable(child, imported, needed, answers, own))]
        return parts or [ast.copy_location(ast.Pass(), statement)]

    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Import() | ast.ImportFrom():
            return statement
        case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.AugAssign(value=value):
            bound = _bound(statement)
            known = imported | own if bound.intersection(answers) else imported
            return statement if value is not None and bound & needed and _is_simple(value, known) else None
        case ast.If(test=test, body=body, orelse=orelse) if _is_simple(test, imported):
            return ast.copy_location(ast.If(test, inner(body), inner(orelse)), statement)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            caught = [
                ast.copy_location(ast.ExceptHandler(handler.type, handler.name, inner(handler.body)), handler)
                for handler in handlers
            ]
            return ast.copy_location(
                ast.Try(inner(body), caught, inner(orelse) if caught else [], inner(final)), statement
            )
        case _:
            return None


def _is_simple(expression: ast.expr, callable_names: set[str]) -> bool:
    """Whether a value is quick to compute: it calls nothing but these, what these return, and harmless built-ins."""
    callable_names = callable_names | {name for name in SAFE_BUILTINS if hasattr(builtins, name)}
    left: list[ast.AST] = [expression]
    while left:
        node = left.pop()
        if isinstance(node, ast.Lambda):
            left.append(node.args)  # the defaults are computed now, the body is not
            continue
        if isinstance(node, ast.Call):
            function: ast.expr = node
            while isinstance(function, (ast.Attribute, ast.Call, ast.Subscript)):
                function = function.func if isinstance(function, ast.Call) else function.value
            if isinstance(function, ast.Name) and function.id not in callable_names:
                return False
            if not isinstance(function, (ast.Name, ast.Constant)):  # "text".join(…) is fine
                return False
        elif isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)):
            return False
        left += ast.iter_child_nodes(node)
    return True
