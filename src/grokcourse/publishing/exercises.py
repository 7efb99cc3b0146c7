"""The directives for exercises: ``{exercise} NAME`` (a box with the task and its hints) and ``{solution} NAME``.

On a page the box, the cell under it and the solution become one thing, closed until it is opened (``gather``). Of a
long class that is given but for one method, it shows this method, and the rest on demand (``excerpt``). A
question whose answer is published has choices to open in place of its cell. All of it works without scripts; what
those in ``book/assets/reader`` add is said there.

What a box says of an exercise, its hints and its solution come from its entry. The solution is shown by its
directive only: with ``grokcourse_solutions: false`` no builder ever gets to see one, and a ``literalinclude`` that
would show the lines of one is refused.
"""

import ast
import inspect
import os
import re
import symtable
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.directives.code import LiteralInclude
from sphinx.errors import ConfigError
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxTranslator

from grokcourse.autograder.exercises.select import EXERCISES, find_exercise
from grokcourse.autograder.exercises.spec import Exercise

from .stubs import fenced_blocks, is_exercise_cell

VARIABLE = "GROKCOURSE_SOLUTIONS"
SWITCH = """<fieldset class="gc-mode">
<legend>You are here to</legend>
<label><input type="radio" name="gc-mode" value="reading"> read: an exercise is one line</label>
<label><input type="radio" name="gc-mode" value="doing"> do the exercises: they are open</label>
</fieldset>
"""
DONE = """<label class="gc-done"><input type="checkbox"> I have done this exercise</label>
"""
LONG = 60
"""A stub of more lines is shown in an excerpt."""
DIFFICULTY = ("warm-up", "easy", "medium", "hard", "very hard")

logger = logging.getLogger(__name__)


class ExerciseBox(nodes.General, nodes.Element):
    """The box of the exercise that its attribute ``exercise`` names: a title, facts, the task, hints."""


class Disclosure(nodes.General, nodes.Element):
    """Something closed, with its attribute ``summary`` to open it by, or else a ``Summary`` as its first child."""


class Summary(nodes.General, nodes.TextElement):
    """What a closed thing is opened by."""


def setup(app: Sphinx) -> None:
    """Add the directives, their nodes and the switch for solutions to Sphinx."""
    app.add_config_value("grokcourse_solutions", True, "env", [bool])
    app.connect("config-inited", choose_solutions)
    app.connect("doctree-resolved", gather, priority=950)  # the notebooks are written at 900
    app.add_node(ExerciseBox, html=(_visit_box, _depart_box))
    app.add_node(Disclosure, html=(_visit_disclosure, _depart_disclosure))
    app.add_node(Summary, html=(_visit_summary, _depart_summary))
    app.add_directive("exercise", ExerciseDirective, override=True)
    app.add_directive("solution", SolutionDirective, override=True)
    app.add_directive("literalinclude", GuardedLiteralInclude, override=True)


def choose_solutions(app: Sphinx, config: Config) -> None:
    """Let the environment variable, if it is set, decide about solutions instead of the configuration."""
    setting = os.environ.get(VARIABLE, "").lower()
    if setting not in ("", "true", "false"):
        raise ConfigError(f"{VARIABLE} is {setting!r}; it may be true or false")
    if setting:
        config.grokcourse_solutions = setting == "true"


def label(exercise: Exercise) -> str:
    """The target of links to an exercise: ``{ref}`exercise-NAME```."""
    return f"exercise-{exercise.name}"


def heading(exercise: Exercise) -> str:
    """Number and kind, such as ``Exercise 1.2``; all exercises of a chapter are numbered together."""
    chapter = [other for other in EXERCISES.values() if other.chapter == exercise.chapter]
    kind = "Question" if exercise.question else "Exercise"
    return f"{kind} {int(exercise.chapter[:2])}.{chapter.index(exercise) + 1}"


def dots(exercise: Exercise) -> str:
    """How hard an exercise is, as a picture for the eye: ``●●○○○``."""
    return "●" * exercise.difficulty + "○" * (len(DIFFICULTY) - exercise.difficulty)


def facts(exercise: Exercise) -> list[str]:
    """What a student may want to know beforehand: how hard, how long, how many points, and what for.

    What a question teaches is its answer, so a question's box does not say it.
    """
    told = [
        f"{DIFFICULTY[exercise.difficulty - 1]} ({exercise.difficulty} of {len(DIFFICULTY)})",
        f"about {exercise.minutes} minutes",
        "1 point" if exercise.points == 1 else f"{exercise.points} points",
    ]
    return told if exercise.question else [*told, f"teaches {exercise.teaches}"]


def self_contained(exercise: Exercise, bound: Collection[str] = ()) -> str:
    """The solution's source as it can be pasted: with the imports that it needs, and its module's private helpers.

    Args:
        exercise: no question.
        bound: names that stand before it where it will be pasted, and need no import.
    """
    module = sys.modules[exercise.target.__module__]
    tree = ast.parse(inspect.getsource(module))
    imports = _imports(tree, module.__name__)
    defined = {name: ast.unparse(node) for node in tree.body for name in _bound(node)}
    sources, needed = {exercise.target.__name__: exercise.source.rstrip()}, {}
    waiting = _global_names(exercise.source)
    while waiting:
        name = waiting.pop()
        if name in sources or name in needed or not (name in imports or name in defined):
            continue  # seen already, or a builtin
        if name.startswith("_") and name not in imports:
            value = getattr(module, name)
            is_code = inspect.isfunction(value) or inspect.isclass(value)
            sources[name] = inspect.getsource(value).rstrip() if is_code else defined[name]
            waiting |= _global_names(sources[name])
        elif name not in bound:
            needed[name] = imports.get(name) or ("from", module.__name__, name)
    lines = _import_lines(needed)
    return "\n\n\n".join([*(["\n".join(lines)] if lines else []), *sources.values()])


def _global_names(source: str) -> set[str]:
    """The names that some code expects in its module or among the builtins, annotations and defaults included."""
    top = symtable.symtable(source, "solution", "exec")
    inner, names = [top], set()
    while inner:
        table = inner.pop()
        inner += table.get_children()
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())}
    return names - {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned()}


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement of a module's own level defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _imports(tree: ast.AST, module: str) -> dict[str, tuple[str, str, str]]:
    """What some code imports, by the name it gets there: ``("import", "", "math")``, ``("from", "torch", "nn")``.

    Args:
        tree: parsed code.
        module: the full name of the module that it is, from which ``from . import x`` counts.
    """
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            what = alias.name + (f" as {alias.asname}" if alias.asname else "")
            if isinstance(node, ast.Import):
                found[name] = ("import", "", what)
            else:
                package = ".".join(module.split(".")[: -node.level]) if node.level else ""
                found[name] = ("from", ".".join(filter(None, [package, node.module])), what)
    return found


def _import_lines(needed: Mapping[str, tuple[str, str, str]]) -> list[str]:
    plain = sorted(f"import {what}" for kind, _, what in needed.values() if kind == "import")
    places = sorted({place for kind, place, _ in needed.values() if kind == "from"})
    whats = {place: sorted(what for _, other, what in needed.values() if other == place) for place in places}
    return [*plain, *(f"from {place} import {', '.join(whats[place])}" for place in places)]


def bound_before(text: str, name: str) -> set[str]:
    """What stands in a chapter's notebook before the cell of an exercise: what cells import, and earlier exercises."""
    lines = text.split("\n")
    names: set[str] = set()
    for block in fenced_blocks(lines):
        if block.head.split() == ["{exercise}", name]:
            break
        if not block.head.startswith("{code-cell}"):
            continue
        if is_exercise_cell(lines, block):
            names |= set(re.findall(r"^(\w+) = check\(", "\n".join(lines[block.start : block.end]), re.MULTILINE))
        elif not any("remove-cell" in line for line in lines[block.start : block.end]):
            code = [line for line in lines[block.start : block.end] if re.match(r"(from|import) ", line)]
            names |= set(_imports(ast.parse("\n".join(code)), ""))
    return names


class _ExerciseDirective(SphinxDirective):
    """A directive whose argument is an exercise's name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes; a warning, and nothing, if there is no such exercise."""
        exercise = EXERCISES.get(self.arguments[0])
        if exercise is None:
            logger.warning("there is no exercise %r", self.arguments[0], location=self.get_location())
            return []
        return self.render(exercise)

    def render(self, exercise: Exercise) -> list[nodes.Node]:
        raise NotImplementedError

    def parsed(self, text: str) -> list[nodes.Node]:
        """The nodes of some Markdown."""
        parent = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines(), source=self.arguments[0]), self.content_offset, parent)
        return parent.children


class ExerciseDirective(_ExerciseDirective):
    """The box of an exercise; the content is the task, in words."""

    has_content = True

    def render(self, exercise: Exercise) -> list[nodes.Node]:
        """The box, with its label made known to Sphinx."""
        title, name = heading(exercise), label(exercise)
        box = ExerciseBox(exercise=exercise.name, ids=[name.replace("_", "-").lower()], classes=["gc-exercise"])
        link = f"{title}: {exercise.name}"
        self.env.domains["std"].note_hyperlink_target(name, self.env.docname, box["ids"][0], link)
        box += nodes.paragraph(
            "", "", nodes.Text(f"{title}: "), nodes.literal("", exercise.name), classes=["gc-exercise-title"]
        )
        items = [nodes.list_item("", nodes.paragraph("", fact)) for fact in facts(exercise)]
        items[0][0].insert(0, nodes.raw("", f'<span aria-hidden="true">{dots(exercise)}</span> ', format="html"))
        box += nodes.bullet_list("", *items, classes=["gc-exercise-facts"])
        body = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, body)
        box += body.children
        if exercise.choices and isinstance(exercise.solution, str):
            listed = [f"({letter}) {choice.text}" for letter, (choice, _) in exercise.offered.items()]
            typed = f'Write the letter, for instance `{exercise.name} = "a"`.'
            box += nodes.container("", *self.parsed("\n\n".join([*listed, typed])), classes=["gc-typed-choices"])
        for number, hint in enumerate(exercise.hints, 1):
            summary = f"Hint {number} of {len(exercise.hints)}" if len(exercise.hints) > 1 else "Hint"
            box += Disclosure("", *self.parsed(hint), summary=summary, classes=["gc-hint"])
        return [box]


class SolutionDirective(_ExerciseDirective):
    """An exercise's solution, closed; nothing at all if solutions are not to be published."""

    def render(self, exercise: Exercise) -> list[nodes.Node]:
        """The package's own source; for a question, the right value and why."""
        if not self.config.grokcourse_solutions:
            return []
        if exercise.question:
            docstring = inspect.getdoc(exercise.target) or ""
            content = self.parsed(f"{docstring}\n\nIn a notebook: `{exercise.name} = {_written(exercise.solution)}`")
        else:
            module, _, name = exercise.reference.partition(":")
            where = "grokcourse/" + module.replace(".", "/") + ".py"
            content = self.parsed(f"The course's own `{name}`, from `{where}`:")
            chapter = Path(self.env.doc2path(self.env.docname)).read_text(encoding="utf-8")
            source = self_contained(exercise, bound_before(chapter, exercise.name))
            content.append(nodes.literal_block(source, source, language="python"))
        summary = "What is so, and why" if exercise.choices else f"Solution of {heading(exercise)}"
        return [*self.choices(exercise), Disclosure("", *content, summary=summary, classes=["gc-solution"])]

    def choices(self, exercise: Exercise) -> list[nodes.Node]:
        """A question's choices, each to be opened: whether it is so, and why or why not."""
        made = []
        for letter, (choice, value) in exercise.offered.items() if exercise.choices else ():
            is_right = value == exercise.solution
            text = choice.text if isinstance(value, str) else choice.text.format(value=value)
            summary = Summary("", "", nodes.inline("", letter, classes=["gc-letter"]), nodes.Text(" "))
            summary += nodes.inline("", "", *self.parsed(text)[0].children)  # one item beside the letter
            verdict = self.parsed(f"**{'So it is.' if is_right else 'Not so.'}** {choice.why}")
            classes = ["gc-choice", "gc-right"] if is_right else ["gc-choice"]
            made.append(Disclosure("", summary, *verdict, letter=letter, classes=classes))
        return made


def _written(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


class GuardedLiteralInclude(LiteralInclude):
    """Sphinx's ``literalinclude``, except that it does not show what students are asked to write."""

    def run(self) -> list[nodes.Node]:
        """The included lines; a warning, and nothing, if an exercise's solution is among them."""
        path = Path(self.env.relfn2path(self.arguments[0])[1])
        exercise = shows_solution(path, self.options.get("pyobject", ""))
        if exercise is None:
            return super().run()
        logger.warning(
            "this literalinclude shows the solution of the exercise %s: use {solution} instead",
            exercise.name,
            location=self.get_location(),
        )
        return []


def shows_solution(path: Path, name: str = "") -> Exercise | None:
    """The first exercise whose solution overlaps a definition, or a whole file; None if there is none.

    Args:
        path: a Python file.
        name: a function, class or method in it, dots allowed; nothing for the whole file.
    """
    module = ".".join(path.with_suffix("").parts).partition("grokcourse.")[2]
    exercises = [exercise for exercise in EXERCISES.values() if exercise.reference.partition(":")[0] == module]
    if not exercises or not path.is_file():
        return None
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    shown = _lines(tree, name) if name else range(len(source.splitlines()) + 1)
    for exercise in exercises:
        reference = exercise.reference.partition(":")[2]
        solution = _lines(tree, f"{reference}.{exercise.blank}" if exercise.blank else reference)
        if set(solution) & set(shown):
            return exercise
    return None


def _lines(tree: ast.AST, name: str) -> range:
    """The lines of a definition; none if it is not there."""
    node: Any = tree
    for part in name.split("."):
        node = next((child for child in getattr(node, "body", []) if getattr(child, "name", "") == part), None)
    return range(node.lineno, node.end_lineno + 1) if node else range(0)


def gather(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put each exercise's cell and solution into its box, and the switch of how much is open before the first box."""
    first = True
    for box in list(doctree.findall(ExerciseBox)):
        siblings = box.parent.children
        following = siblings[siblings.index(box) + 1 :]
        cells = [node for node in following[:1] if "tag_exercise" in node.get("classes", ())]
        rest = following[len(cells) :]
        is_answer = [isinstance(node, Disclosure) and "gc-hint" not in node["classes"] for node in rest]
        answer = rest[: [*is_answer, False].index(False)]
        for node in (*cells, *answer):
            node.parent.remove(node)
        choices = [node for node in answer if "gc-choice" in node["classes"]]
        hints = [node for node in box if "gc-hint" in node.get("classes", ())]
        title, facts, *task = [node for node in box if node not in hints]
        asked = nodes.container("", *hints, classes=["gc-hints"])
        box.children = []
        if choices:
            task = [node for node in task if "gc-typed-choices" not in node.get("classes", ())]
            posed = nodes.container("", *choices, classes=["gc-choices"])
            box["classes"].append("gc-prediction")
            box += [title, facts, *task, posed, asked, *answer[len(choices) :]]
        else:
            if first:
                box.parent.insert(box.parent.index(box), nodes.raw("", SWITCH, format="html"))
            first = False
            exercise = find_exercise(box["exercise"])
            if cells and exercise.blank and len(exercise.stub.splitlines()) > LONG:
                source = f"{excerpt(exercise)}\n\n\n{exercise.name} = check({exercise.name})"
                whole = Disclosure("", *cells, summary="All of the cell, as the notebook has it", classes=["gc-given"])
                cells = [nodes.literal_block(source, source, language="ipython3"), whole]
            box += [_summary(title, exercise), facts, *task, asked, *cells, *answer]
            box += nodes.raw("", DONE, format="html")


def excerpt(exercise: Exercise) -> str:
    """Of a class with one method to write its head, that method's stub, and the names of the methods that are given."""
    stub = exercise.stub
    lines, tree = stub.splitlines(), ast.parse(stub)
    (made,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    methods = {node.name: node for node in made.body if isinstance(node, ast.FunctionDef)}
    asked = methods.pop(exercise.blank)
    first = min([asked.lineno, *(decorator.lineno for decorator in asked.decorator_list)])
    given = f"    # Given: {', '.join(methods)}."
    return "\n".join([*lines[: made.body[0].end_lineno], "", given, "", *lines[first - 1 : asked.end_lineno]])


def _summary(title: nodes.Element, exercise: Exercise) -> Summary:
    """What one sees of a closed exercise: its title, and for a glance how hard and how long it is."""
    picture = nodes.raw("", f'<span aria-hidden="true">{dots(exercise)}</span> ', format="html")
    glance = nodes.inline("", "", picture, nodes.Text(f"{exercise.minutes} min"), classes=["gc-exercise-glance"])
    return Summary(
        "", "", nodes.inline("", "", *title.children, classes=["gc-exercise-title"]), nodes.Text(" "), glance
    )


def _visit_box(self: SphinxTranslator, node: ExerciseBox) -> None:
    tag, more = ("details", {}) if _is_closed(node) else ("div", {"role": "group", "aria-label": node[0].astext()})
    self.body.append(self.starttag(node, tag, **more, **{"data-exercise": node["exercise"]}))


def _depart_box(self: SphinxTranslator, node: ExerciseBox) -> None:
    self.body.append("</details>\n" if _is_closed(node) else "</div>\n")


def _is_closed(box: ExerciseBox) -> bool:
    return isinstance(box[0], Summary)


def _visit_summary(self: SphinxTranslator, node: Summary) -> None:
    self.body.append(self.starttag(node, "summary", ""))


def _depart_summary(self: SphinxTranslator, node: Summary) -> None:
    self.body.append("</summary>\n")


def _visit_disclosure(self: SphinxTranslator, node: Disclosure) -> None:
    more = {"data-letter": node["letter"]} if "letter" in node else {}
    self.body.append(self.starttag(node, "details", **more))
    if "summary" in node:
        self.body.append(f"<summary>{self.encode(node['summary'])}</summary>\n")


def _depart_disclosure(self: SphinxTranslator, node: Disclosure) -> None:
    self.body.append("</details>\n")
