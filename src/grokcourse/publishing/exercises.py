"""The directives for exercises: ``{exercise} NAME`` (a box with the task and its hints) and ``{solution} NAME``.

What a box says of an exercise, its hints and its solution come from the registry. The solution is shown by its
directive only: with ``grokcourse_solutions: false`` no builder ever gets to see one, and a ``literalinclude`` that
would show the lines of one is refused.
"""

import ast
import inspect
import os
import re
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

from grokcourse.autograder.registry import EXERCISES, Exercise

VARIABLE = "GROKCOURSE_SOLUTIONS"
DIFFICULTY = ("warm-up", "easy", "medium", "hard", "very hard")

logger = logging.getLogger(__name__)


class ExerciseBox(nodes.General, nodes.Element):
    """The box of the exercise that its attribute ``exercise`` names: a title, facts, the task, hints."""


class Disclosure(nodes.General, nodes.Element):
    """Something closed, with its attribute ``summary`` to open it by."""


def setup(app: Sphinx) -> None:
    """Add the directives, their nodes and the switch for solutions to Sphinx."""
    app.add_config_value("grokcourse_solutions", True, "env", [bool])
    app.connect("config-inited", choose_solutions)
    app.add_node(ExerciseBox, html=(_visit_box, _depart_box))
    app.add_node(Disclosure, html=(_visit_disclosure, _depart_disclosure))
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


def helpers(exercise: Exercise) -> dict[str, Any]:
    """The functions and classes, by name, that the solution uses of its own module and that are no exercises."""
    module = inspect.getmodule(exercise.target)
    words = set(re.findall(r"(?<!\.)\b[A-Za-z_]\w*", exercise.source)) - set(EXERCISES)
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {name: value for name, value in own.items() if name in words and value is not exercise.target}


class _ExerciseDirective(SphinxDirective):
    """A directive whose argument is an exercise's name."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes; a warning, and nothing, if there is no such exercise."""
        exercise = EXERCISES.get(self.arguments[0])
        if exercise is None:
            logger.warning("there is no exercise %r in the registry", self.arguments[0], location=self.get_location())
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
            content = self.parsed(f"**{exercise.name} = {_written(exercise.solution)}**\n\n{docstring}")
        else:
            module, _, name = exercise.reference.partition(":")
            where = "grokcourse/" + module.replace(".", "/") + ".py"
            content = self.parsed(f"The course's own `{name}`, from `{where}`:")
            private = [helper for name, helper in helpers(exercise).items() if name.startswith("_")]
            source = "\n\n".join([exercise.source, *map(inspect.getsource, private)]).rstrip()
            content.append(nodes.literal_block(source, source, language="python"))
        return [Disclosure("", *content, summary=f"Solution of {heading(exercise)}", classes=["gc-solution"])]


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


def _visit_box(self: SphinxTranslator, node: ExerciseBox) -> None:
    self.body.append(self.starttag(node, "div", role="group", **{"aria-label": node[0].astext()}))


def _depart_box(self: SphinxTranslator, node: ExerciseBox) -> None:
    self.body.append("</div>\n")


def _visit_disclosure(self: SphinxTranslator, node: Disclosure) -> None:
    self.body.append(self.starttag(node, "details"))
    self.body.append(f"<summary>{self.encode(node['summary'])}</summary>\n")


def _depart_disclosure(self: SphinxTranslator, node: Disclosure) -> None:
    self.body.append("</details>\n")
