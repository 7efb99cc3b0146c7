"""The value of an assignment as it stands there: literals, arithmetic on them, and names that stand for such values.

Answers to questions are read so, on the student's side, before any statement of theirs has run, and nothing of theirs
is run for it: no code can give one answer to ``check`` and another to the grader. Whatever is computed here is bounded.
"""

import ast
import builtins
import math
import operator
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

MAX_BITS = 4_096
"""Of a whole number."""
MAX_LENGTH = 1_000
"""Of a text or a list."""
MAX_DEPTH = 60
"""Of an expression."""
BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
BUILTINS = {"abs", "bool", "float", "int", "len", "max", "min", "pow", "round", "str", "sum"}
UNBOUNDED = {"factorial", "comb", "perm"}
NUMBERS = {"math", "numpy", "torch"}
"""Modules whose functions of numbers are read as those of ``math``."""
AS_IT_IS = {"float32", "float64", "int64", "array", "asarray", "tensor", "as_tensor"}
SYNONYMS = {"arccos": "acos", "arcsin": "asin", "arctan": "atan", "absolute": "fabs", "abs": "fabs", "power": "pow"}
TEXT_METHODS = {"lower", "upper", "strip"}
Number = (bool, int, float)


@dataclass(frozen=True)
class _Module:
    name: str


@dataclass(frozen=True)
class _Run:
    """What ``runs.load("main")`` returns, as far as its config goes."""

    config: Any


class NotDataError(Exception):
    """It cannot be read without running something."""


@dataclass
class Values:
    """What names stand for, statement by statement."""

    make_config: Callable[..., Any]
    """``RunConfig``: its numbers may be used."""
    names: dict[str, Any] = field(default_factory=dict)
    """Those that stand for data, and modules."""
    checked: dict[str, Any] = field(default_factory=dict)
    """What ``check(value, "name")`` named, and ``NotDataError`` where it is no data."""

    def read(self, statement: ast.stmt, bound: Collection[str]) -> None:
        """Go on to the next statement, which binds or changes these names."""
        self.checked.clear()
        try:
            self._read(statement)
        except Exception:  # it is no data, or its arithmetic fails
            for name in bound:
                self.names.pop(name, None)

    def _read(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Assign(targets=targets, value=value):
                found = self.value(value)
                for target in targets:
                    self._bind(target, found)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self.value(value))
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                self._bind(target, _binary(op, self._named(name), self.value(value)))
            case ast.Import(names=aliases):
                for alias in aliases:
                    self.names[alias.asname or alias.name.partition(".")[0]] = _Module(
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            case ast.ImportFrom(module=str(module), names=aliases):
                for alias in aliases:
                    self.names[alias.asname or alias.name] = self._imported(module, alias.name)
            case ast.Expr(value=value):
                self.value(value)
            case _:
                raise NotDataError

    def _bind(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(id=name):
                self.names[name] = value
            case ast.Tuple(elts=parts) | ast.List(elts=parts) if isinstance(value, tuple) and len(parts) == len(value):
                for part, item in zip(parts, value, strict=True):
                    self._bind(part, item)
            case _:
                raise NotDataError

    def _named(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if name in BUILTINS:
            return getattr(builtins, name)
        raise NotDataError

    def value(self, node: ast.expr, depth: int = 0) -> Any:
        """What an expression stands for.

        Raises:
            NotDataError: if it is more than data; and what the arithmetic raises.
        """
        if depth > MAX_DEPTH:
            raise NotDataError

        def inner(child: ast.expr) -> Any:
            return self.value(child, depth + 1)

        match node:
            case ast.Constant(value=value):
                return _bounded(value)
            case ast.Name(id=name):
                return self._named(name)
            case ast.NamedExpr(target=ast.Name() as target, value=value):
                self._bind(target, found := inner(value))
                return found
            case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
                return UNARY[type(op)](_number(inner(operand)))
            case ast.BinOp(left=left, op=op, right=right):
                return _binary(op, inner(left), inner(right))
            case ast.BoolOp(op=op, values=values):
                found = inner(values[0])
                for value in values[1:]:
                    if bool(found) is isinstance(op, ast.Or):
                        break
                    found = inner(value)
                return found
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
                return COMPARISONS[type(op)](_plain(inner(left)), _plain(inner(right)))
            case ast.IfExp(test=test, body=body, orelse=other):
                return inner(body) if _plain(inner(test)) else inner(other)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) if len(parts) <= MAX_LENGTH:
                return tuple(inner(part) for part in parts)
            case ast.Subscript(value=value, slice=ast.Constant() | ast.UnaryOp() as place):
                found = inner(value)
                if isinstance(found, (tuple, str)):
                    return found[inner(place)]
            case ast.Attribute(value=value, attr=name):
                return self._attribute(inner(value), name)
            case ast.Call():
                return self._called(node, inner)
        raise NotDataError

    def _called(self, node: ast.Call, inner: Callable[[ast.expr], Any]) -> Any:
        if (seen := checked(node)) is not None:
            answer, name = seen
            try:
                value = inner(answer)
            except Exception:
                if name:
                    self.checked[name] = NotDataError
                raise
            if name:
                self.checked[name] = value
            return value
        function, arguments = node.func, node.args
        named = {keyword.arg or "": keyword.value for keyword in node.keywords}
        if isinstance(function, ast.Attribute):
            owner = inner(function.value)
            if isinstance(owner, str) and function.attr in TEXT_METHODS and not arguments:
                return getattr(owner, function.attr)()
            if isinstance(owner, Number) and function.attr in ("item", "log", "sqrt", "exp") and not arguments:
                return owner if function.attr == "item" else getattr(math, function.attr)(owner)
            if owner == _Module("grokcourse.runs") and function.attr == "load":
                if len(arguments) == 1 and inner(arguments[0]) == "main":
                    return _Run(self.make_config())
                raise NotDataError
            found = self._attribute(owner, function.attr)
        else:
            found = inner(function)
        if found is self.make_config:
            if arguments:
                raise NotDataError
            return found(**{name: _plain(inner(value)) for name, value in named.items()})
        values = [_plain(inner(argument)) for argument in arguments]
        if found is _identity:
            return _number(values[0])
        if not callable(found) or named.keys() - {"ndigits", "base"} or getattr(found, "__name__", "") == "":
            raise NotDataError
        if found is pow or found is math.pow:
            return _binary(ast.Pow(), *map(_number, values)) if found is pow else math.pow(*map(_number, values))
        if found.__name__ in UNBOUNDED and not all(isinstance(n, int) and n <= MAX_LENGTH for n in values):
            raise NotDataError
        return _bounded(found(*values, **{name: inner(value) for name, value in named.items()}))

    def _attribute(self, owner: Any, name: str) -> Any:
        if isinstance(owner, _Module):
            return self._imported(owner.name, name)
        if isinstance(owner, _Run) and name == "config":
            return owner.config
        if isinstance(owner, type(self.make_config())) and not name.startswith("_"):
            return _number(getattr(owner, name))
        raise NotDataError

    def _imported(self, module: str, name: str) -> Any:
        """Something of a module, if it is one whose values are known."""
        if module in NUMBERS:
            if module != "math" and name in AS_IT_IS:
                return _identity
            found = getattr(math, SYNONYMS.get(name, name) if module != "math" else name, None)
            if name.startswith("_") or found is None:
                return _Module(f"{module}.{name}")
            return found
        if module == "grokcourse.config" and name == "RunConfig":
            return self.make_config
        return _Module(f"{module}.{name}")


def checked(node: ast.AST) -> tuple[ast.expr, str] | None:
    """The answer and the name in a call of ``check``: the name is empty where it is not given as text."""
    match node:
        case ast.Call(func=ast.Name(id="check") | ast.Attribute(attr="check"), args=arguments, keywords=keywords):
            given = dict(zip(("answer", "name"), arguments, strict=False))
            given |= {keyword.arg: keyword.value for keyword in keywords if keyword.arg}
            if "answer" in given and not given.keys() - {"answer", "name"}:
                name = given.get("name")
                text = name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
                return given["answer"], text
    return None


def _identity(value: Any) -> Any:
    return value


def _bounded(value: Any) -> Any:
    if isinstance(value, int):
        fits = value.bit_length() <= MAX_BITS
    elif isinstance(value, str):
        fits = len(value) <= MAX_LENGTH
    else:
        fits = value is None or value is Ellipsis or isinstance(value, float)
    if not fits:
        raise NotDataError
    return value


def _plain(value: Any) -> Any:
    """A value that may be passed on: a number, a text, or a list of such."""
    if isinstance(value, (*Number, str)) or (isinstance(value, tuple) and all(_is_flat(item) for item in value)):
        return value
    raise NotDataError


def _is_flat(item: Any) -> bool:
    return isinstance(item, (*Number, str))


def _number(value: Any) -> Any:
    if not isinstance(value, Number):
        raise NotDataError
    return value


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str) and isinstance(op, ast.Add):
        return _bounded(left + right)
    if type(op) not in BINARY:
        raise NotDataError
    _number(left), _number(right)
    whole = isinstance(left, int) and isinstance(right, int)
    if whole and isinstance(op, ast.Pow) and abs(right) * left.bit_length() > MAX_BITS:
        raise NotDataError
    found = BINARY[type(op)](left, right)
    if isinstance(found, complex):
        raise NotDataError
    return _bounded(found)


def sendable(values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Of named values those that are numbers or texts, as can be told to the trusted side."""
    return {name: value for name, value in values if isinstance(value, (*Number, str))}
