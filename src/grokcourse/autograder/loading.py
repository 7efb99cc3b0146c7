"""A submission's code, loaded without running the whole of it. This module is imported where the student's code runs.

What is run is what the answers need: going back from an exercise's name, each statement that binds or changes a name
that is used, in order, with the names as they stood when the exercise's own cell had run. So what stands further down
overrides nothing, and a statement that fails, or that no answer needs, costs nothing else. This choice is a convenience
and no protection: protection is the worker's business. A statement that ends the process, or does not end itself, is
found by the steps that ``Code`` tells, and left out when the worker loads anew.
"""

import __future__

import ast
import bisect
import contextlib
import difflib
import functools
import importlib.abc
import importlib.util
import itertools
import linecache
import re
import symtable
import sys
import types
import unicodedata
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .data_values import NotDataError, Values, checked, sendable
from .notebook_syntax import python_of, written_module

BEGINNING = re.compile(r"@|(?:async|class|def|from|import|print)\b|[^\W\d][\w.]*[ \t]*[=(]|`{3}|[<=>]{7}")
DEFINITION = re.compile(
    r"^([ \t]*+)(?:(?:async[ \t]+)?def[ \t]+(\w+)|class[ \t]+(\w+)"
    r"|((?:\w+[ \t]*,[ \t]*)*+\w+)[ \t]*(?::[^=\n]+)?=(?!=)|(?=[^\s#)\]}\"']))",
    re.MULTILINE,
)
"""A line that defines or binds something, or at least is code at some margin."""
COMMENTED = re.compile(
    r"^[ \t]*#[ \t#]*(?:def|class)[ \t]+(\w+)[ \t]*[(:\[]|^[ \t]*#[ \t#]*(\w+)[ \t]*=(?!=)", re.MULTILINE
)
NEW_CELL = re.compile(r"#[ \t]*(?:%%|In\[[\d ]*\]:|\+[ \t]*(?:\{|$))")
"""Where a notebook that was exported to a .py file has a new cell."""
LONG = 2_000
"""Characters of a cell whose reading alone might fail."""
MAX_PARTS = 1_000
"""A cell that is no Python is looked at in no more parts than these."""
MAX_NAME = 100
POSTPONED = __future__.annotations.compiler_flag
"""Annotations are not evaluated: one that is wrong, or of a library that is not installed here, costs no marks."""
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
GUARDS = (ast.If, ast.Try, ast.TryStar, ast.With)
"""Statements of which only those parts are run that are needed."""
MUTATORS = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
SHOWING = {"assert_close", "check", "display", "help", "len", "plots", "plt", "print", "repr", "type"}
"""Calls of these change none of their arguments."""
NOT_DATA = "what answers a question is read as it stands, and nothing is run for it: write the value itself"
ALIKE = 0.88
DYNAMIC = {"eval", "exec", "globals", "locals", "vars"}
"""Who uses one of these may mean any name."""
NEWER = (
    ((3, 12), re.compile(r"type[ \t]+\w+[ \t]*[\[=]|(?:async[ \t]+def|def|class)[ \t]+\w+[ \t]*\["), "such generics"),
    ((3, 12), re.compile(r"f-string"), "such an f-string"),
    ((3, 14), re.compile(r"[tT][rR]?[\"']|.*[ (=,\[]t[rR]?[\"']"), "such a t-string"),
    ((3, 14), re.compile(r"except[ \t]+\w+[ \t]*,"), "such an except"),
)
"""Syntax by the Python that brought it, as it begins a line or the message about it."""

Place = tuple[int, int]
"""Where in a submission: the cell's number, from 0, and its statement's, from 1; 0 stands for reading the cell."""


@dataclass(frozen=True)
class Cell:
    """One cell, or a whole .py file."""

    name: str
    """How messages call it: ``cell 3``, or the file's name."""
    source: str
    kind: str = "code"
    """code, markdown or raw. What is not code is only looked through for answers that are not where they should be."""


@dataclass
class Loaded:
    """The names that a submission defines, and what went wrong on the way."""

    names: dict[str, Any]
    problems: list[str]
    """One sentence each, with cell and line."""
    failed: dict[str, str]
    """Why a name is not there: the problem with the statement that would have defined it."""


@dataclass
class Context:
    """What is known of a submission's names before anything is run."""

    imported: set[str] = field(default_factory=set)
    defined: "dict[str, list[Statement]]" = field(default_factory=dict)
    """By name, the functions and classes."""


@dataclass(eq=False)
class Statement:
    """A statement at a cell's top level (or a part of one that is), and what it does to the names there."""

    node: ast.stmt
    lines: Sequence[str] | None
    """The cell's; None for a statement that stands in no cell so."""
    place: Place
    where: str
    """As messages call it: ``cell 3, line 2``."""
    segment: tuple[int, int]
    """Which cell it stands in; a .py file may hold several (see ``NEW_CELL``)."""
    context: Context

    @functools.cached_property
    def _doings(self) -> tuple[set[str], list[tuple[str, bool]], set[str]]:
        """The names that it binds (or deletes); those that it changes (see ``_changed_by``); the functions it calls."""
        bound, changed, called = set(), [], set()
        for part in _outside_functions(self.node):
            match part:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    bound.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    bound.add(name)
                case ast.alias(name=name, asname=other):
                    bound.add(other or name.partition(".")[0])
                case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                    bound.add(name)
                case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
                    called.add(name)
            changed += _changed_by(part)
        return bound, changed, called

    @functools.cached_property
    def _tables(self) -> tuple[set[str], set[str]]:
        """The names that it uses, and those that its functions bind when they are called, as Python's compiler sees it.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: if it is none that can be compiled.
        """
        text = ast.unparse(self.node) if self.lines is None else _text(self.lines, self.node)
        top = symtable.symtable(text, "<cell>", "exec")
        used = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
        shared = set()
        left = list(top.get_children())
        while left:
            table = left.pop()
            for symbol in table.get_symbols():
                if symbol.is_declared_global() and symbol.is_assigned():
                    shared.add(symbol.get_name())
                elif symbol.is_referenced() and (symbol.is_global() or table.get_type() == "class"):
                    used.add(symbol.get_name())
            left += table.get_children()
        return used | shared, shared

    @property
    def imports_the_course(self) -> bool:
        """Whether it takes names from this package: a later cell may need the course's own of an exercise."""
        return isinstance(self.node, ast.ImportFrom) and (self.node.module or "").partition(".")[0] == "grokcourse"

    @property
    def binds(self) -> set[str]:
        """The names that it binds (or deletes)."""
        return self._doings[0]

    @property
    def uses(self) -> set[str]:
        """The names that it uses, at once or in functions that it defines."""
        try:
            return self._tables[0]
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # it will be said when it is run
            return set()

    @functools.cached_property
    def effects(self) -> set[str]:
        """The names that the functions that it defines bind or change when they are called."""
        inside = {name for part in ast.walk(self.node) for name, _ in _changed_by(part)}
        return (self._tables[1] if self.uses else set()) | (inside & self.uses)

    @functools.cached_property
    def touches(self) -> set[str]:
        """The names that it binds, or whose values it changes, as far as can be seen."""
        context, (bound, changed, called) = self.context, self._doings
        found = set(bound)
        for name, directly in changed:
            if name not in context.imported and (directly or name not in context.defined):
                found.add(name)
        return found.union(*(function.effects for name in called for function in context.defined.get(name, ())))

    @functools.cached_property
    def parts(self) -> "list[Statement]":
        """The statements in an ``if``, ``try`` or ``with``."""
        bodies = [getattr(self.node, name, []) for name in ("body", "orelse", "finalbody")]
        bodies += [handler.body for handler in getattr(self.node, "handlers", [])]
        return [self.part(node) for body in bodies for node in body]

    def part(self, node: ast.stmt) -> "Statement":
        """A statement inside this one, as one of its own."""
        return Statement(node, None, self.place, self.where, self.segment, self.context)

    def uses_for(self, name: str) -> set[str]:
        """The names that have to be there for it to bind or change a name."""
        if not isinstance(self.node, GUARDS):
            return self.uses
        heads: list[ast.AST] = [item.context_expr for item in getattr(self.node, "items", [])]
        heads += [self.node.test] if isinstance(self.node, ast.If) else []
        heads += [handler.type for handler in getattr(self.node, "handlers", []) if handler.type]
        found = {part.id for head in heads for part in ast.walk(head) if isinstance(part, ast.Name)}
        return found.union(*(part.uses_for(name) for part in self.parts if name in part.touches))

    def only(self, needed: Collection[str]) -> ast.stmt:
        """The statement to run where only these names are needed: of an ``if``, ``try`` or ``with``, parts may go."""
        if not isinstance(self.node, GUARDS):
            return self.node
        kept = {
            id(part.node): part.only(needed)
            for part in self.parts
            if part.is_open or not part.touches.isdisjoint(needed)
        }

        def body(nodes: list[ast.stmt], or_pass: bool = True) -> list[ast.stmt]:
            left = [kept[id(node)] for node in nodes if id(node) in kept]
            return left or ([ast.copy_location(ast.Pass(), self.node)] if or_pass else [])

        made = {"body": body(self.node.body)}
        if isinstance(self.node, (ast.Try, ast.TryStar)):
            made["handlers"] = [
                ast.copy_location(ast.ExceptHandler(one.type, one.name, body(one.body)), one)
                for one in self.node.handlers
            ]
            made["finalbody"] = body(self.node.finalbody, bool(not self.node.handlers))
        if not isinstance(self.node, ast.With):
            made["orelse"] = body(self.node.orelse, False)
        fields = {name: getattr(self.node, name) for name in self.node._fields}
        return ast.copy_location(type(self.node)(**(fields | made)), self.node)

    @property
    def is_open(self) -> bool:
        """Whether it may bind any name: ``from … import *``, ``exec(…)``, ``globals()["f"] = …``."""
        return "*" in self.binds or "exec" in self._doings[2] or not DYNAMIC.isdisjoint(self.touches)

    @property
    def is_stub(self) -> bool:
        """Whether it is an exercise as it came: a function or method that is not written, or ``… = ...``."""
        if isinstance(self.node, (ast.Assign, ast.AnnAssign)):
            return isinstance(self.node.value, ast.Constant) and self.node.value.value is Ellipsis
        return any(map(_is_unwritten, self.node.body if isinstance(self.node, ast.ClassDef) else [self.node]))

    def checks(self, name: str) -> bool:
        """Whether it passes what stands under a name to ``check``."""
        calls = [found for part in _outside_functions(self.node) if (found := checked(part))]
        return any(name in (called, getattr(answer, "id", "")) for answer, called in calls)

    @property
    def only_checks(self) -> bool:
        """Whether it does nothing but pass a name to ``check`` and bind it anew: ``split = check(split)``."""
        match self.node:
            case ast.Expr(value=value):
                return checked(value) is not None
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if found := checked(value):
                return getattr(found[0], "id", "") == name and found[1] in ("", name)
        return False


@dataclass
class View:
    """What an exercise needs of a submission, as it stood when the exercise's own cell had run."""

    histories: dict[str, tuple[int, ...]]
    """By name, the statements that bind or change it, in order."""
    cut: int
    """The last statement that had run then."""

    @property
    def statements(self) -> set[int]:
        """All that have to be run."""
        return {i for history in self.histories.values() for i in history}


class Code:
    """What a submission's cells hold, read and not run."""

    def __init__(
        self,
        cells: Sequence[Cell],
        left_out: Mapping[Place, str] | None = None,
        step: Callable[[Place], None] = lambda place: None,
        modules: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Read the cells.

        Args:
            cells: the code.
            left_out: what not to read or run again, and why.
            step: is told each place before anything is done there that might fail.
            modules: names and text of Python files handed in beside, which the code may import.
        """
        self.cells, self.step, self.left_out = cells, step, left_out or {}
        self.problems: list[str] = []
        self.failed: dict[str, str] = {}
        self.statements: list[Statement] = []
        self._context = Context()
        self._spaces: dict[str, dict[str, Any]] = {}
        self._modules = dict(modules)
        for number, cell in enumerate(cells):
            if cell.kind != "code":
                continue
            if why := self.left_out.get((number, 0)):
                self._fail(defined_in(cell.source), f"{cell.name}: {why}")
                continue
            if len(cell.source) > LONG:
                step((number, 0))
            if written := written_module(cell.source):
                self._modules[written[0]] = written[1]
            else:
                self._read(number, cell)
        for statement in self.statements:
            if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
                self._context.imported |= statement.binds
        for statement in self.statements:
            for node in _definitions(statement.node):
                part = statement if node is statement.node else statement.part(node)
                self._context.defined.setdefault(node.name, []).append(part)

    def _fail(self, names: Iterable[str], problem: str) -> None:
        self.problems.append(problem)
        self.failed.update(dict.fromkeys(names, problem))

    def _read(self, number: int, cell: Cell) -> None:
        source = python_of(cell.source)
        lines = source.split("\n")
        linecache.cache[f"<{cell.name}>"] = (len(source), None, [f"{line}\n" for line in lines], f"<{cell.name}>")
        breaks = [i for i, line in enumerate(lines, start=1) if NEW_CELL.match(line)]
        for n, (node, own) in enumerate(_parse(cell, source, self._fail), start=1):
            segment = (number, bisect.bisect(breaks, node.lineno))
            where = f"{cell.name}, line {node.lineno}"
            self.statements.append(Statement(node, own, (number, n), where, segment, self._context))

    # --- answers to questions -----------------------------------------------------------------------------------------

    def answers(self, questions: Collection[str], make_config: Callable[..., Any]) -> dict[str, Any]:
        """The values that stand there for questions, read as data, without running anything.

        Args:
            questions: their names.
            make_config: ``RunConfig``.

        Returns:
            By name, a list: the value, or why there is none and how it might be mended. No entry without an answer.
        """
        values = Values(make_config)
        given: dict[str, list[tuple[Statement, Any]]] = {}

        def read(statement: Statement) -> None:
            node = statement.node
            inner: list[ast.stmt] | None = None
            if isinstance(node, (ast.With, ast.Try)):
                inner = node.body
            elif isinstance(node, ast.If):
                with contextlib.suppress(Exception):
                    inner = node.body if values.value(node.test) else node.orelse
            for child in inner or ():
                read(statement.part(child))
            if isinstance(node, ast.Try):  # what is run of the rest depends on what fails
                rest = {name for part in statement.parts if part.node not in node.body for name in part.binds}
                for name in rest:
                    values.names.pop(name, None)
                for name in rest & wanted:
                    given.setdefault(name, []).append((statement, NotDataError))
            if inner is None:
                values.read(node, statement.touches)
                for name in (statement.binds | values.checked.keys()) & wanted:
                    if not (statement.only_checks and name in statement.uses):
                        value = values.checked.get(name, values.names.get(name, NotDataError))
                        given.setdefault(name, []).append((statement, value))

        wanted = set(questions)
        for statement in self.statements:
            try:
                read(statement)
            except RecursionError:
                values.names.clear()
        found = {}
        for name in questions:
            written = [(statement, value) for statement, value in given.get(name, []) if value is not Ellipsis]
            if name not in given or not written:
                if problem := self.failed.get(name) or self._elsewhere(name):
                    found[name] = [None, problem]
            elif given[name][-1][1] is Ellipsis:
                found[name] = [None, _overridden(name, given[name][-1][0], written[-1][0])]
            elif found_value := sendable([(name, given[name][-1][1])]):
                found[name] = [found_value[name], ""]
            else:
                found[name] = [None, f"{given[name][-1][0].where}: {NOT_DATA} ({name} = …)"]
        return found

    # --- everything else ----------------------------------------------------------------------------------------------

    def load(
        self,
        answers: Collection[str] | None = None,
        lent: Collection[str] = (),
        lend: Callable[[dict[str, Any], Collection[str]], None] = lambda names, used: None,
    ) -> Loaded:
        """Run what the answers need of the code. To be called on the student's side only.

        Args:
            answers: the names of exercises; without any, all that is imported or defined.
            lent: names that stand for the course's own, whatever the submission binds them to.
            lend: puts those of them that are used into a module.
        """
        if self._modules:
            sys.meta_path.insert(0, _Beside(self._modules))  # as in the folder where a notebook stands
        if answers is None:
            context = self._context
            groups = [
                ([], [self._view(sorted(context.imported | context.defined.keys()), len(self.statements) - 1, lent)])
            ]
        else:
            groups = []
            for name in answers:
                if view := self._view_of(name, lent):
                    group = next((group for group in groups if self._agree([*group[1], view])), ([], []))
                    groups.append(group) if not group[0] else None
                    group[0].append(name)
                    group[1].append(view)
        names: dict[str, Any] = {}
        for own, views in groups:
            module = types.ModuleType("__main__")
            self._spaces |= dict.fromkeys(own, module.__dict__)
            self._run(module, views, lend)
            names = names or dict(module.__dict__)
            names.update({name: module.__dict__[name] for name in own if name in module.__dict__})
        return Loaded(names, self.problems, self.failed)

    def binds(self, name: str) -> bool:
        """Whether the code binds a name, whether or not that is run."""
        return name in self._touching

    @property
    def spaces(self) -> list[dict[str, Any]]:
        """The modules in which the answers stand; one, unless their names clash."""
        return list({id(space): space for space in self._spaces.values()}.values())

    def find(self, name: str) -> Any:
        """What the submission has under an exercise's name by now, or None."""
        return self._spaces.get(name, {}).get(name)

    def _run(
        self, module: types.ModuleType, views: Sequence[View], lend: Callable[[dict[str, Any], Collection[str]], None]
    ) -> None:
        sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
        # What a notebook has without an import:
        vars(module).update(display=lambda *_, **__: None, get_ipython=lambda: None)
        vars(module).update(check=lambda answer, name=None: answer)
        needed = set().union(*(view.histories for view in views))
        lend(vars(module), needed)
        for i in sorted(set().union(*(view.statements for view in views))):
            statement = self.statements[i]
            if why := self.left_out.get(statement.place):
                self._fail(statement.touches, f"{statement.where}: {why}")
                continue
            self.step(statement.place)
            try:
                node = _Unchecked().visit(statement.only(needed))
                code = ast.fix_missing_locations(ast.Module([node], type_ignores=[]))
                name = self.cells[statement.place[0]].name
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exec(compile(code, f"<{name}>", "exec", POSTPONED, dont_inherit=True), module.__dict__)
            except (Exception, SystemExit) as error:
                problem = f"{statement.where}: {type(error).__name__}: {str(error)[:200]}"
                if isinstance(error, NameError) and error.name in self.failed:
                    problem = f"{problem}; {self.failed[error.name]}"[:400]
                self._fail(statement.binds, problem)
        lend(vars(module), needed)  # once more: a statement may have bound one of them beside another name

    def _view_of(self, name: str, lent: Collection[str]) -> View | None:
        """What an exercise needs, if the submission has it; what is odd about it is told."""
        binders = [i for i, s in enumerate(self.statements) if name in s.touches and not s.only_checks]
        binders = [i for i in binders if not self.statements[i].imports_the_course] or binders
        if not binders:
            if name not in self.failed and (problem := self._elsewhere(name)):
                self.failed[name] = problem
            return None
        anchor = self.statements[binders[-1]]
        if anchor.is_stub:
            written = [self.statements[i] for i in binders if not self.statements[i].is_stub]
            problem = _overridden(name, anchor, written[-1]) if written else self._elsewhere(name)
            if problem:
                self.failed[name] = problem
        cut = binders[-1]
        for i in range(binders[-1], len(self.statements)):
            if self.statements[i].segment != anchor.segment:
                break
            cut = i
            if self.statements[i].checks(name):
                break
        view = self._view([name], cut, lent)
        for other, history in view.histories.items():
            again = [s for s in self.statements[binders[-1] + 1 :] if other in s.binds and not s.only_checks]
            before = [i for i in history if i < binders[-1]]
            if other != name and again and before and not isinstance(again[0].node, (ast.Import, ast.ImportFrom)):
                self.problems.append(
                    f"{again[0].where} binds {other} again, which {name} uses ({anchor.where}): graded is {name} with "
                    f"the {other} of {self.statements[history[-1]].where}"
                )
        return view

    def _view(self, names: Sequence[str], cut: int, lent: Collection[str]) -> View:
        """What some names need, directly or through others, when the statements up to ``cut`` have been run.

        What is not bound there by then may stand in a later cell: the first that binds it.
        """
        view = View({}, cut)
        left = [*names, *(f"*{i}" for i, s in enumerate(self.statements[: cut + 1]) if s.is_open)]
        while left:
            name = left.pop()
            if name in view.histories:
                continue
            if name in lent:
                view.histories[name] = ()
                continue
            if name.startswith("*"):
                view.histories[name] = (int(name[1:]),)
                left += self.statements[int(name[1:])].uses - DYNAMIC
                continue
            history = view.histories[name] = self._history(name, cut)
            for i in history:
                left += self.statements[i].uses_for(name)
            if name in DYNAMIC:
                left += [
                    other for s in self.statements[: cut + 1] if isinstance(s.node, DEFINITIONS) for other in s.binds
                ]
        return view

    def _history(self, name: str, cut: int) -> tuple[int, ...]:
        touching = self._touching.get(name, [])
        visible = [i for i in touching if i <= cut]
        if not any(name in self.statements[i].binds for i in visible):
            later = [i for i in touching if i > cut and name in self.statements[i].binds]
            segment = self.statements[later[0]].segment if later else None
            visible += [i for i in touching if i > cut and self.statements[i].segment == segment]
        return tuple(visible)

    @functools.cached_property
    def _touching(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for i, statement in enumerate(self.statements):
            for name in statement.touches if not statement.only_checks else ():
                found.setdefault(name, []).append(i)
        return found

    def _agree(self, views: Sequence[View]) -> bool:
        """Whether the names stand for the same in all views when what they need is run together."""
        run = set().union(*(view.statements for view in views))
        return all(
            name.startswith("*") or not history or tuple(i for i in self._touching.get(name, ()) if i in run) == history
            for view in views
            for name, history in view.histories.items()
        )

    def _elsewhere(self, name: str) -> str:
        """Where an answer seems to stand that is not where it would count, as a sentence, or nothing."""
        for cell in self.cells:
            if cell.kind != "code":
                if name in defined_in(cell.source):
                    return f"{cell.name} defines {name}, but is no code cell ({cell.kind}): make it one"
            elif (
                cell.source.lstrip().startswith("%%") and not python_of(cell.source) and name in defined_in(cell.source)
            ):
                magic = cell.source.split(maxsplit=1)[0]
                return f"{cell.name} defines {name}, but begins with {magic[:40]}, so that it is no Python"
            for found in COMMENTED.finditer(cell.source) if cell.kind == "code" else ():
                if name in found.groups():
                    line = cell.source.count("\n", 0, found.start()) + 1
                    return f"{cell.name}, line {line}: {name} is commented out there"
        for statement in self.statements:
            for part in ast.walk(statement.node):
                if part is not statement.node and isinstance(part, DEFINITIONS) and part.name == name:
                    outer = getattr(statement.node, "name", "")
                    if outer and outer != name:
                        return f"{statement.where}: {name} is defined inside of {outer}, where nothing else sees it"
        for statement in self.statements:
            for other in sorted(statement.binds - {name}):
                if _spelling(other) == _spelling(name) or (
                    other in self._context.defined and difflib.SequenceMatcher(None, other, name).ratio() > ALIKE
                ):
                    return f"{statement.where} defines {other[:MAX_NAME]}, but the exercise is called {name}"
        return ""


def load(cells: Sequence[Cell], answers: Collection[str] | None = None, **more: Any) -> Loaded:
    """Read and run a submission's code: see ``Code``."""
    return Code(cells, **more).load(answers)


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
    for margin, function, class_, assigned in DEFINITION.findall(source):
        if len(margin) > inside >= 0:
            continue
        inside = len(margin) if function or class_ else -1
        if found := function or class_ or assigned:
            names += [name.strip()[:MAX_NAME] for name in found.split(",")]
    return names


class _Unchecked(ast.NodeTransformer):
    """Puts the answer in the place of ``check(answer, …)``; not in functions, which are not ours to change."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        seen = checked(node)
        return self.visit(seen[0]) if seen else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.AST) -> ast.AST:
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef  # noqa: N815


class _Beside(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the Python files that were handed in beside."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self.sources or name == __name__.partition(".")[0]:
            return None
        return importlib.util.spec_from_loader(name, self, origin=f"<{name}.py>")

    def exec_module(self, module: types.ModuleType) -> None:
        source, file = self.sources[module.__name__], f"<{module.__name__}.py>"
        module.__file__ = file
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        exec(compile(source, file, "exec", POSTPONED, dont_inherit=True), module.__dict__)


def _parse(
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
            problem = f"{cell.name}, line {error.lineno}: {error.msg}" + (f": {line}" if line else "")
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
    parts = list(_outside_functions(statement))
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


def _text(lines: Sequence[str], node: ast.stmt) -> str:
    """A statement's own text; where others share its lines, without these."""
    start = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))])
    assert node.end_lineno is not None
    text = list(lines[start - 1 : node.end_lineno])
    text[-1] = text[-1].encode()[: node.end_col_offset].decode()
    text[0] = text[0].encode()[node.col_offset :].decode()
    return "\n".join(text)


def _parts(source: str) -> list[str]:
    """A source cut before each definition, import or assignment that begins a line; every line keeps its number."""
    lines = source.split("\n")
    cuts = [i for i, line in enumerate(lines) if BEGINNING.match(line) and not (i and lines[i - 1].startswith("@"))]
    ends = [*cuts, len(lines)] if cuts[:1] == [0] else [0, *cuts, len(lines)]
    return ["\n" * start + "\n".join(lines[start:end]) for start, end in itertools.pairwise(ends)][:MAX_PARTS]


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """A node and the nodes in it that do something to the names where it stands: not those in functions and classes."""
    left = [node]
    while left:
        part = left.pop()
        yield part
        if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
            left += part.decorator_list
        elif isinstance(part, ast.ClassDef):
            left += [*part.decorator_list, *part.bases]
        elif isinstance(part, ast.comprehension):
            left += [part.iter, *part.ifs]
        elif not isinstance(part, ast.Lambda):
            left += ast.iter_child_nodes(part)


def _definitions(statement: ast.stmt) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes that a statement defines, itself or somewhere in its ``if`` or ``for``."""
    left: list[ast.AST] = [statement]
    while left:
        node = left.pop()
        if isinstance(node, DEFINITIONS):
            yield node
        elif not isinstance(node, ast.expr):
            left += ast.iter_child_nodes(node)


def _changed_by(part: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names whose values a node changes in place, and whether it says so itself or passes them to a function."""
    match part:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield _root(part), True
        case ast.FunctionDef(decorator_list=decorators) | ast.ClassDef(decorator_list=decorators):
            for decorator in decorators:  # @energy.register
                owner = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(owner, ast.Attribute):
                    yield _root(owner), True
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, *_]):
            yield _root(owner), True
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in MUTATORS or method.endswith("_"):
            yield _root(owner), True
        case ast.Expr(value=ast.Call(func=function, args=arguments)):
            if isinstance(function, ast.Attribute):
                yield _root(function), True
            if _root(function) not in SHOWING and getattr(function, "attr", "") not in SHOWING:
                yield from ((_root(argument), False) for argument in arguments)


def _root(node: ast.AST) -> str:
    """The name that a chain of attributes, subscripts and calls begins with, or nothing."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_unwritten(node: ast.AST) -> bool:
    """Whether a function has nothing in it but, after its docstring, ``raise NotImplementedError``."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    match body:
        case [ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError")))]:
            return True
        case [ast.Pass() | ast.Expr(value=ast.Constant())] | []:
            return True
    return False


def _overridden(name: str, last: Statement, written: Statement) -> str:
    return f"{last.where} has {name} once more, unwritten, and counts; yours stands before it, in {written.where}"


def _spelling(name: str) -> str:
    return name.casefold().replace("_", "").rstrip("0123456789")
