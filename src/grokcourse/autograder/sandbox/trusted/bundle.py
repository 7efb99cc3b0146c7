"""What the course offers to a student's code while an exercise is graded: a few names, and nothing else.

Students' code may import the course's modules and use what the exercise's page gives them to build on. By default that
is what the reference's own source uses; an exercise's entry may name more (``Exercise.offers``). Everything else of the
course stays here: a worker gets a *bundle* of modules that hold only what is offered and what that needs in turn. In
them the exercise itself is what the student wrote; any other name can be imported, and raises an ``ImportError`` when
it is used (``redaction.Redacted``). So no list of what gives an exercise away is needed, and none can be incomplete;
``tools/search_giveaways.py`` tries what is offered as an answer.

An exercise is offered only to exercises that come after it in the course, which is the order in which a submission is
graded: when a worker holds a reference, that exercise's own mark stands already.
"""

import ast
import functools
import marshal
import re
import symtable
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...exercises.select import CHAPTERS, EXERCISES, checks_module
from ...exercises.spec import Exercise
from ..untrusted.redaction import fingerprint

PACKAGE = Path(__file__).parents[3]
NAME = __package__.partition(".")[0]
NOT_OFFERED = {"__main__", "autograder", "cli", "publishing", "start"}
"""Rooms of which nothing is there, and nothing can be imported."""
FIXTURES = "autograder.sandbox.untrusted.fixtures"
"""What hidden tests make on the student's side."""
BASE = frozenset({("config", "RunConfig"), ("config", "ConfigError"), ("config", "N_CTX")})
"""Offered always; but what these need of an exercise is not."""

Place = tuple[str, str]
"""A module, from the package on (``plots.layout``), and a name in it."""


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a module; an import of several names is one statement for each."""

    node: ast.stmt
    binds: frozenset[str]
    needs: frozenset[Place]
    """What it uses of the course, its own module included."""


@dataclass
class Module:
    """A module of the course, read but never run."""

    name: str
    path: Path
    statements: list[tuple[ast.stmt, frozenset[str]]] = field(default_factory=list)
    names: dict[str, list[int]] = field(default_factory=dict)
    """Where each name is bound."""

    @property
    def is_package(self) -> bool:
        """Whether it has modules inside."""
        return self.path.name == "__init__.py"

    @property
    def full_name(self) -> str:
        """As it is imported."""
        return f"{NAME}.{self.name}"

    def resolved(self, node: ast.ImportFrom) -> str | None:
        """The module of the course that an import is from ("" is the package itself); None if it is another's."""
        if not node.level:
            inside = node.module == NAME or (node.module or "").startswith(f"{NAME}.")
            return (node.module or "").removeprefix(NAME).removeprefix(".") if inside else None
        parts = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, *([node.module] if node.module else [])])


def build_bundle(tested: Sequence[Exercise]) -> bytes:
    """The course as the code sees it in which these exercises are tested, for ``redaction.install_bundle``.

    Args:
        tested: one exercise, or several of one chapter, of which then none is there.

    Raises:
        ValueError: if they are of several chapters: what one is offered may give another's away.
        LookupError: if an entry names what the package does not have.
    """
    return _built(_key(tested))


def exercises_in(tested: Sequence[Exercise]) -> dict[str, str]:
    """The exercises whose references are in the bundle of these, by name, and the module that has each."""
    places = {place: exercise.name for exercise in _written() if (place := _place(exercise.reference))}
    return {places[place]: place[0] for place in sorted(offered(tested)) if place in places}


def offered(tested: Sequence[Exercise]) -> frozenset[Place]:
    """All that the bundle of these exercises holds: what is offered and what that needs, helpers included."""
    return _offered(_key(tested))


def closed(tested: Sequence[Exercise]) -> dict[str, str]:
    """Methods that a class to be written comes with and that do what is asked for: names by ``fingerprint``."""
    found = {}
    for exercise in tested:
        for name in exercise.omits:
            function = getattr(exercise.target, name)
            found[fingerprint(function.__code__)] = name
    return found


def _key(tested: Sequence[Exercise]) -> tuple[str, bool]:
    """A chapter and whether all of it is tested; or an exercise's name and False."""
    if len(tested) == 1:
        return tested[0].name, False
    chapters = {exercise.chapter for exercise in tested}
    if len(chapters) != 1:
        raise ValueError(f"exercises of one chapter can be tested together, not of {len(chapters)}")
    return chapters.pop(), True


def _redacted(key: tuple[str, bool]) -> list[Exercise]:
    """The exercises that are tested: of a chapter all, whichever a submission has."""
    name, together = key
    return [exercise for exercise in (CHAPTERS[name] if together else [EXERCISES[name]]) if not exercise.question]


def _written() -> list[Exercise]:
    return [exercise for exercise in EXERCISES.values() if not exercise.question]


@functools.cache
def _offered(key: tuple[str, bool]) -> frozenset[Place]:
    tested = _redacted(key)
    blocked = {_place(exercise.reference) for exercise in tested}
    references = {_place(exercise.reference) for exercise in _written()}
    roots: set[Place] = set()
    for exercise in tested:
        roots |= _derived(_place(exercise.reference)) | {_place(place) for place in exercise.offers}
        roots |= {(FIXTURES, name) for name in _fixtures_made(exercise.chapter)}
    for module, name in roots:
        if module not in modules() or name not in modules()[module].names:
            raise LookupError(f"{module} has no definition of {name}")
    found = _needed(roots, blocked)
    base = BASE | {(FIXTURES, name) for name in modules()[FIXTURES].names} | _constants()
    return found | _needed(base, blocked | (references - found))


@functools.cache
def _built(key: tuple[str, bool]) -> bytes:
    tested = _redacted(key)
    inside = _offered(key)
    offered_modules = {
        module.full_name: (module.is_package, _compiled(module.name, _chosen(module, inside)), _known(module))
        for module in modules().values()
    }
    places = [(f"{NAME}.{module}", name) for module, name in (_place(exercise.reference) for exercise in _written())]
    names = [exercise.name for exercise in tested]
    graded = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} graded" if names else "a question is graded"
    return marshal.dumps({"modules": offered_modules, "exercises": places, "tested": names, "graded": graded})


def _chosen(module: Module, inside: frozenset[Place]) -> frozenset[str]:
    return frozenset(name for other, name in inside if other == module.name)


@functools.cache
def _compiled(name: str, chosen: frozenset[str]) -> bytes:
    """The code of a module with nothing but these names; what else they use of it is a ``Redacted``."""
    module = modules()[name]
    numbers = sorted({number for one in chosen for number in module.names[one]})
    statements = [_statement(name, number) for number in numbers]
    missing = {need for made in statements for where, need in made.needs if where == name} - chosen
    bound = [ast.parse(f"{one} = __redacted__({one!r})").body[0] for one in sorted(missing)]
    tree = ast.Module([*bound, *(made.node for made in statements)], type_ignores=[])
    code = compile(ast.fix_missing_locations(tree), f"<{module.full_name}>", "exec", dont_inherit=True, optimize=2)
    return marshal.dumps(code)  # (optimize=2: without docstrings)


# --- the package, read ------------------------------------------------------------------------------------------------


@functools.cache
def modules() -> dict[str, Module]:
    """The modules that can be imported where students' code runs, by name from the package on."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name and (parts[0] not in NOT_OFFERED or name == FIXTURES):
            found[name] = _read(Module(name, path))
    return found


def _read(module: Module) -> Module:
    tree = _Bare().visit(ast.parse(module.path.read_text(encoding="utf-8")))
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            nodes: list[ast.stmt] = []
            for alias in node.names:
                alone = type(node)(**{**vars(node), "names": [alias]})
                nodes.append(ast.copy_location(alone, node))
        else:
            nodes = [node]
        for one in nodes:
            binds = frozenset(_bound(one))
            for name in binds:
                module.names.setdefault(name, []).append(len(module.statements))
            module.statements.append((one, binds))
    return module


class _Bare(ast.NodeTransformer):
    """Takes out the annotations that only people read: all but those of a class's own attributes."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        node.body = [_unannotated(part) for part in node.body]
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)  # type: ignore[arg-type]

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        node.body = [_unannotated(part) for part in node.body]
        return node


def _unannotated(node: ast.stmt) -> ast.stmt:
    if not isinstance(node, ast.AnnAssign):
        return node
    bare = ast.Assign([node.target], node.value) if node.value else ast.Pass()
    return ast.copy_location(bare, node)


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module binds, or whose things it changes."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.Expr():
            pass
        case ast.Assign() | ast.AugAssign():
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        yield part.id
        case _:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield part.id
                elif isinstance(part, (ast.FunctionDef, ast.ClassDef)):
                    yield part.name
                elif isinstance(part, (ast.Import, ast.ImportFrom)):
                    yield from _bound(part)


@functools.cache
def _statement(name: str, number: int) -> Statement:
    node, binds = modules()[name].statements[number]
    return Statement(node, binds, frozenset(_needs(modules()[name], node)))


def _needs(module: Module, node: ast.stmt) -> Iterator[Place]:
    for part in ast.walk(node):  # a function may import, too
        if isinstance(part, ast.ImportFrom) and (source := module.resolved(part)) in modules():
            yield from ((source, alias.name) for alias in part.names if alias.name in modules()[source].names)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return
    used = _globals(symtable.symtable(ast.unparse(node), module.full_name, "exec"))
    for name in used & module.names.keys():
        yield module.name, name
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and (place := _attribute(module, part)):
            yield place


def _globals(table: symtable.SymbolTable) -> set[str]:
    """The names that some code takes from its module."""
    outermost = table.get_type() == "module"
    found = {one.get_name() for one in table.get_symbols() if one.is_referenced() and (outermost or one.is_global())}
    return found.union(*map(_globals, table.get_children())) if table.get_children() else found


def _attribute(module: Module, node: ast.Attribute) -> Place | None:
    """What ``fourier.transform`` means, where ``fourier`` is a module of the course that is imported at the top."""
    names = [node.attr]
    inner: ast.expr = node.value
    while isinstance(inner, ast.Attribute):
        names.insert(0, inner.attr)
        inner = inner.value
    if not isinstance(inner, ast.Name):
        return None
    found = _imported(module, inner.id)
    while found is not None and names:
        name = names.pop(0)
        if f"{found}.{name}".lstrip(".") in modules():
            found = f"{found}.{name}".lstrip(".")
        elif not names and found in modules() and name in modules()[found].names:
            return found, name
        else:
            return None
    return None


def _imported(module: Module, name: str) -> str | None:
    """The module of the course that a name stands for in another, or None."""
    for number in module.names.get(name, ()):
        node, _ = module.statements[number]
        if isinstance(node, ast.ImportFrom) and (source := module.resolved(node)) is not None:
            inside = f"{source}.{node.names[0].name}".lstrip(".")
            if inside in modules():
                return inside
        elif isinstance(node, ast.Import) and (alias := node.names[0]).name.partition(".")[0] == NAME:
            return alias.name.removeprefix(NAME).removeprefix(".") if alias.asname else ""
    return None


def _needed(roots: Iterable[Place], blocked: set[Place]) -> frozenset[Place]:
    """The roots and all that they need of the course, except for what is blocked."""
    found: set[Place] = set()
    left = [place for place in roots if place not in blocked]
    while left:
        place = left.pop()
        if place in found:
            continue
        found.add(place)
        for number in modules()[place[0]].names[place[1]]:
            made = _statement(place[0], number)
            binds = {(place[0], name) for name in made.binds}  # the others that the same statement binds
            left += (binds | made.needs) - blocked - found
    return frozenset(found)


def _derived(place: Place) -> set[Place]:
    """What a reference's own source uses of the course by public names; its private helpers are shown with it."""
    found: set[Place] = set()
    seen: set[Place] = set()
    left = [place]
    while left:
        one = left.pop()
        seen.add(one)
        for number in modules()[one[0]].names[one[1]]:
            for need in _statement(one[0], number).needs - seen:
                node, _ = modules()[need[0]].statements[modules()[need[0]].names[need[1]][0]]
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    left += [need] if _leads_to_the_course(modules()[need[0]], node) else []
                elif need[1].startswith("_"):
                    left.append(need)
                else:
                    found.add(need)
    return found - {place}


def _leads_to_the_course(module: Module, node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and module.resolved(node) is not None


@functools.cache
def _constants() -> frozenset[Place]:
    """Numbers, texts and tables of such that a module names: no code, and so no answers."""
    found = set()
    for module in modules().values():
        for node, binds in module.statements:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                try:
                    ast.literal_eval(node.value)
                except (ValueError, TypeError, SyntaxError):
                    continue
                found |= {(module.name, name) for name in binds}
    return frozenset(found)


def _known(module: Module) -> dict[str, str]:
    """The names of a module that are the course's: "" for its own, or where it has them from."""
    known = {}
    for node, binds in module.statements:
        if isinstance(node, ast.ImportFrom) and (source := module.resolved(node)) is not None:
            (name,), target = binds, f"{source}.{node.names[0].name}".lstrip(".")
            if target in modules():
                known[name] = f"{NAME}.{target}"
            elif source in modules():
                known[name] = f"{NAME}.{source}:{node.names[0].name}"
        elif not isinstance(node, (ast.Import, ast.ImportFrom)):
            known |= dict.fromkeys(binds, "")
    return known


@functools.cache
def _fixtures_made(chapter: str) -> frozenset[str]:
    """Which of ``fixtures`` the hidden tests of a chapter make."""
    source = PACKAGE.joinpath(*checks_module(chapter).split(".")).with_suffix(".py").read_text(encoding="utf-8")
    made = set(re.findall(r"""\.make\(\s*["'](\w+)["']""", source))
    return frozenset(made & modules()[FIXTURES].names.keys())


def _place(reference: str) -> Place:
    module, _, name = reference.partition(":")
    return module, name
