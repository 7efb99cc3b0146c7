"""What one statement of a submission binds, uses and changes, read off its source."""

import ast
import functools
import symtable
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from .data_values import checked

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
GUARDS = (ast.If, ast.Try, ast.TryStar, ast.With)
"""Statements of which only those parts are run that are needed."""
MUTATORS = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}
SHOWING = {"assert_close", "check", "display", "help", "len", "plots", "plt", "print", "repr", "type"}
"""Calls of these change none of their arguments."""
DYNAMIC = {"eval", "exec", "globals", "locals", "vars"}
"""Who uses one of these may mean any name."""
Place = tuple[int, int]
"""Where in a submission: the cell's number, from 0, and its statement's, from 1; 0 stands for reading the cell."""


@dataclass
class Context:
    """What is known of a submission's names before anything is run."""

    imported: set[str] = field(default_factory=set)
    defined: "dict[str, list[Statement]]" = field(default_factory=dict)
    """By name, the functions and classes."""
    modules: dict[str, set[str]] = field(default_factory=dict)
    """What ``from … import *`` binds, by the names of the Python files that lie beside or that a cell writes."""


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
        """The names that it binds (or deletes); those that it changes (see ``changed_by``); the functions it calls."""
        bound: set[str] = set()
        changed: list[tuple[str, bool]] = []
        called: set[str] = set()
        for part in outside_functions(self.node):
            match part:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                    bound.add(name)
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    bound.add(name)
                case ast.ImportFrom(module=str(module), names=[ast.alias(name="*")]):
                    bound |= self.context.modules.get(module, set())
                case ast.alias(name=name, asname=other):
                    bound.add(other or name.partition(".")[0])
                case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                    bound.add(name)
                case ast.Expr(value=ast.Call(func=ast.Name(id=name))):
                    called.add(name)
            changed += changed_by(part)
        return bound, changed, called

    @functools.cached_property
    def _tables(self) -> tuple[set[str], set[str]]:
        """The names that it uses, and those that its functions bind when they are called, as Python's compiler sees it.

        Raises:
            SyntaxError, ValueError, RecursionError, MemoryError: if it is none that can be compiled.
        """
        text = ast.unparse(self.node) if self.lines is None else text_of(self.lines, self.node)
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
        inside = {name for part in ast.walk(self.node) for name, _ in changed_by(part)}
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

        made: dict[str, Sequence[ast.AST]] = {"body": body(self.node.body)}
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
        """Whether any name may depend on it: ``from … import *``, ``exec(…)``, ``globals()["f"] = …``.

        And ``torch.Tensor.f = f``: a method of a class that is not theirs is used without that class's name.
        """
        if "*" in self.binds or "exec" in self._doings[2] or not DYNAMIC.isdisjoint(self.touches):
            return True
        patched = {_root(owner) for part in outside_functions(self.node) if (owner := _patched(part)) is not None}
        return not patched.isdisjoint(self.context.imported)

    @property
    def is_stub(self) -> bool:
        """Whether it is an exercise as it came: a function or method that is not written, or ``… = ...``."""
        if isinstance(self.node, (ast.Assign, ast.AnnAssign)):
            return isinstance(self.node.value, ast.Constant) and self.node.value.value is Ellipsis
        return any(map(is_unwritten, self.node.body if isinstance(self.node, ast.ClassDef) else [self.node]))

    def checks(self, name: str) -> bool:
        """Whether it passes what stands under a name to ``check``."""
        calls = [found for part in outside_functions(self.node) if (found := checked(part))]
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


def text_of(lines: Sequence[str], node: ast.stmt) -> str:
    """A statement's own text; where others share its lines, without these."""
    start = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))])
    assert node.end_lineno is not None
    text = list(lines[start - 1 : node.end_lineno])
    text[-1] = text[-1].encode()[: node.end_col_offset].decode()
    text[0] = text[0].encode()[node.col_offset :].decode()
    return "\n".join(text)


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
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


def definitions_in(statement: ast.stmt) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """The functions and classes that a statement defines, itself or somewhere in its ``if`` or ``for``."""
    left: list[ast.AST] = [statement]
    while left:
        node = left.pop()
        if isinstance(node, DEFINITIONS):
            yield node
        elif not isinstance(node, ast.expr):
            left += ast.iter_child_nodes(node)


def changed_by(part: ast.AST) -> Iterator[tuple[str, bool]]:
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


def _patched(part: ast.AST) -> ast.expr | None:
    """The class that gets an attribute here; known, where it is not theirs, by its capital letter."""
    match part:
        case ast.Attribute(value=owner, ctx=ast.Store()):
            pass
        case ast.Call(func=ast.Name(id="setattr"), args=[owner, *_]):
            pass
        case _:
            return None
    name = getattr(owner, "attr", "") or getattr(owner, "id", "")
    return owner if name[:1].isupper() else None


def _root(node: ast.AST) -> str:
    """The name that a chain of attributes, subscripts and calls begins with, or nothing."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call, ast.Starred)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def is_unwritten(node: ast.AST) -> bool:
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
