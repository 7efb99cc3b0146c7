"""A submission's code, loaded without running the whole of it.

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
import linecache
import re
import sys
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cells import MAX_NAME, NEW_CELL, Cell, defined_in, parse
from .data_values import NotDataError, Values, checked, sendable
from .notebook_syntax import python_of, written_module
from .statements import DEFINITIONS, DYNAMIC, Context, Place, Statement, definitions_in

COMMENTED = re.compile(
    r"^[ \t]*#[ \t#]*(?:def|class)[ \t]+(\w+)[ \t]*[(:\[]|^[ \t]*#[ \t#]*(\w+)[ \t]*=(?!=)", re.MULTILINE
)
LONG = 2_000
"""Characters of a cell whose reading alone might fail."""
POSTPONED = __future__.annotations.compiler_flag
"""Annotations are not evaluated: one that is wrong, or of a library that is not installed here, costs no marks."""
NOT_DATA = "what answers a question is read as it stands, and nothing is run for it: write the value itself"
ALIKE = 0.88


@dataclass
class Loaded:
    """The names that a submission defines, and what went wrong on the way."""

    names: dict[str, Any]
    problems: list[str]
    """One sentence each, with cell and line."""
    failed: dict[str, str]
    """Why a name is not there: the problem with the statement that would have defined it."""


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
        skipped: Mapping[Place, str] | None = None,
        step: Callable[[Place], None] = lambda place: None,
        modules: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Read the cells.

        Args:
            cells: the code.
            skipped: what not to read or run again, and why.
            step: is told each place before anything is done there that might fail.
            modules: names and text of Python files handed in beside, which the code may import.
        """
        self.cells, self.step, self.skipped = cells, step, skipped or {}
        self.problems: list[str] = []
        self.failed: dict[str, str] = {}
        self.statements: list[Statement] = []
        self._context = Context()
        self._spaces: dict[str, dict[str, Any]] = {}
        self._modules = dict(modules)
        for number, cell in enumerate(cells):
            if cell.kind != "code":
                continue
            if why := self.skipped.get((number, 0)):
                self._fail(defined_in(cell.source), f"{cell.name}: {why}")
                continue
            if len(cell.source) > LONG:
                step((number, 0))
            if written := written_module(cell.source):
                self._modules[written[0]] = written[1]
            else:
                self._read(number, cell)
        for name, text in self._modules.items():
            self._context.modules[name] = {one for one in defined_in(text) if not one.startswith("_")}
        for statement in self.statements:
            if isinstance(statement.node, (ast.Import, ast.ImportFrom)):
                self._context.imported |= statement.binds
        for statement in self.statements:
            for node in definitions_in(statement.node):
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
        for n, (node, own) in enumerate(parse(cell, source, self._fail), start=1):
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
        provided: Collection[str] = (),
        provide: Callable[[dict[str, Any], Collection[str]], None] = lambda names, used: None,
    ) -> Loaded:
        """Run what the answers need of the code. To be called on the student's side only.

        Args:
            answers: the names of exercises; without any, all that is imported or defined.
            provided: names that stand for the course's own, whatever the submission binds them to.
            provide: puts those of them that are used into a module.
        """
        if self._modules:
            sys.meta_path.insert(0, _Beside(self._modules))  # as in the folder where a notebook stands
        if answers is None:
            context = self._context
            groups: list[tuple[list[str], list[View]]] = [
                (
                    [],
                    [self._view(sorted(context.imported | context.defined.keys()), len(self.statements) - 1, provided)],
                )
            ]
        else:
            groups = []
            for name in answers:
                if view := self._view_of(name, provided):
                    group = next((group for group in groups if self._agree([*group[1], view])), ([], []))
                    groups.append(group) if not group[0] else None
                    group[0].append(name)
                    group[1].append(view)
        names: dict[str, Any] = {}
        for own, views in groups:
            module = types.ModuleType("__main__")
            self._spaces |= dict.fromkeys(own, module.__dict__)
            self._run(module, views, provide)
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
        self,
        module: types.ModuleType,
        views: Sequence[View],
        provide: Callable[[dict[str, Any], Collection[str]], None],
    ) -> None:
        sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
        # What a notebook has without an import:
        vars(module).update(display=lambda *_, **__: None, get_ipython=lambda: None)
        vars(module).update(check=lambda answer, name=None: answer)
        needed = set().union(*(view.histories for view in views))
        provide(vars(module), needed)
        for i in sorted(set().union(*(view.statements for view in views))):
            statement = self.statements[i]
            if why := self.skipped.get(statement.place):
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
        provide(vars(module), needed)  # once more: a statement may have bound one of them beside another name

    def _view_of(self, name: str, provided: Collection[str]) -> View | None:
        """What an exercise needs, if the submission has it; what is odd about it is told."""
        binders = [i for i, s in enumerate(self.statements) if name in s.touches and not s.only_checks]
        binders = [i for i in binders if not self.statements[i].imports_the_course] or binders
        binders = [i for i in binders if not isinstance(self.statements[i].node, ast.Delete)] or binders
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
        view = self._view([name], cut, provided)
        for other, history in view.histories.items():
            again = [s for s in self.statements[binders[-1] + 1 :] if other in s.binds and not s.only_checks]
            before = [i for i in history if i < binders[-1]]
            if other != name and again and before and not isinstance(again[0].node, (ast.Import, ast.ImportFrom)):
                self.problems.append(
                    f"{again[0].where} binds {other} again, which {name} uses ({anchor.where}): graded is {name} with "
                    f"the {other} of {self.statements[history[-1]].where}"
                )
        return view

    def _view(self, names: Sequence[str], cut: int, provided: Collection[str]) -> View:
        """What some names need, directly or through others, when the statements up to ``cut`` have been run.

        What is not bound there by then may stand in a later cell: the first that binds it.
        """
        view = View({}, cut)
        left = [*names, *(f"*{i}" for i, s in enumerate(self.statements[: cut + 1]) if s.is_open)]
        while left:
            name = left.pop()
            if name in view.histories:
                continue
            if name in provided:
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


class _Unchecked(ast.NodeTransformer):
    """Puts the answer in the place of ``check(answer, …)``; not in functions, which are not ours to change."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
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


def _overridden(name: str, last: Statement, written: Statement) -> str:
    return f"{last.where} has {name} once more, unwritten, and counts; yours stands before it, in {written.where}"


def _spelling(name: str) -> str:
    return name.casefold().replace("_", "").rstrip("0123456789")
