"""A chapter → its student notebook: prose from the finished page, code from the chapter's own cells.

The prose is taken after Sphinx has resolved it: links, numbers, citations and terms are plain text and links to the
published site. Cells with the tag ``remove-cell`` are not in a page and so not in a notebook, and neither are outputs,
nor solutions (``exercises.Disclosure``, but for hints).
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urljoin

import nbformat
from docutils import nodes
from docutils.parsers.rst.states import Inliner
from myst_nb.core.read import create_nb_reader
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ConfigError, SphinxError
from sphinx.util.math import get_node_equation_number
from sphinx.util.nodes import split_explicit_title
from sphinx_design.dropdown import dropdown_main

from grokcourse import __version__, start
from grokcourse.autograder.exercises.select import EXERCISES, find_exercise
from grokcourse.autograder.exercises.spec import Exercise

from .execution import Environment
from .exercises import Disclosure, ExerciseBox, dots, facts
from .interactive import Interactive

CHAPTER = re.compile(r"(?:.*/)?(\d\d-[^/]+)")
"""The pages that become notebooks."""
MEASURED = "\ue000{}\ue001"
"""What a cell measured (``glue``), marked in the prose until its cell has its id."""
IS_MEASURED = re.compile(r"\ue000([^\ue001]*)\ue001")
IN_REPOSITORY = "src/grokcourse/notebooks"
"""Where the notebooks are kept in the repository; Colab opens them there."""
ON_SITE = "notebooks"
"""Where the built site has them for download."""
INSTALL = """\
# On Colab, this installs the course in a few seconds and changes nothing else there. Elsewhere, it does nothing.
import sys

if "google.colab" in sys.modules:
    !pip install -q --no-deps {url}/archive/v{version}.zip || pip install -q --no-deps {url}/archive/{branch}.zip
"""
INTRODUCTION = (
    "*This is a chapter of [{course}]({site}/), to work through. You can also [read it on the site]({page}). "
    "Run the cells from top to bottom (Shift+Enter). Where a cell says `raise NotImplementedError`, or `...`, "
    "it is your turn; where you do not get on, leave it and go on: the course's own then stands in for yours.*"
)


class NotebookError(SphinxError):
    """A page has something that a notebook cannot show."""

    category = "Notebook"


@dataclass(frozen=True)
class Repository:
    """Where the course is published, as far as pages and notebooks name it; it all follows from the first two."""

    url: str
    branch: str
    site: str
    """The published site's address, without a slash at its end."""

    @classmethod
    def from_config(cls, config: Config) -> "Repository":
        """From ``repository`` (and ``html.baseurl``) in ``_config.yml``.

        Raises:
            ConfigError: if the repository is not on GitHub, which is where Colab can open notebooks.
        """
        options = config.html_theme_options
        url, branch = options.get("repository_url", ""), options.get("repository_branch") or "main"
        found = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+?)/?", url)
        if not found:
            raise ConfigError(f"repository.url is {url!r}; it should be https://github.com/OWNER/NAME")
        site = config.html_baseurl or f"https://{found[1].lower()}.github.io/{found[2]}"
        return cls(url.rstrip("/"), branch, site.rstrip("/"))

    def on_colab(self, chapter: str) -> str:
        """The address that opens a chapter's notebook in Colab."""
        slug = self.url.removeprefix("https://github.com/")
        return f"https://colab.research.google.com/github/{slug}/blob/{self.branch}/{IN_REPOSITORY}/{chapter}.ipynb"


def setup(app: Sphinx) -> None:
    """Write the notebooks during a build, and give each chapter its buttons."""
    app.add_role("colab", colab_button)
    app.connect("doctree-resolved", write_notebook, priority=900)
    app.connect("html-page-context", add_buttons, priority=502)  # the theme makes its buttons at 501


def chapter_of(docname: str) -> str | None:
    """The chapter that a page is (``01-task``), if it is one."""
    found = CHAPTER.fullmatch(docname)
    return found[1] if found else None


def colab_button(
    name: str, rawtext: str, text: str, lineno: int, inliner: Inliner, options: Any = None, content: Any = None
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """The role ``colab``: a button with some words on it that opens a chapter in Colab, ``Open <01-task>``."""
    _, words, chapter = split_explicit_title(text)
    config = inliner.document.settings.env.config
    classes = ["sd-sphinx-override", "sd-btn", "sd-btn-outline-primary"]
    address = Repository.from_config(config).on_colab(chapter)
    return [nodes.reference(rawtext, words, refuri=address, classes=classes)], []


def write_notebook(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Write a chapter's student notebook into the site."""
    chapter = chapter_of(docname)
    if chapter is None or app.builder.format != "html":
        return
    number = app.env.toc_secnumbers.get(docname, {}).get("")
    page = Page(
        docname,
        Repository.from_config(app.config),
        {uri: name for uri, (_, name) in app.env.images.items()},
        partial(get_node_equation_number, _writer(app, docname)),
        ".".join(map(str, number)) + ". " if number else "",
        app.config.html_title or app.config.project,
    )
    notebook = make_notebook(chapter, page, doctree, _sources(app, docname))
    folder = Path(app.outdir, ON_SITE)
    folder.mkdir(exist_ok=True)
    (folder / f"{chapter}.ipynb").write_text(start.to_json(notebook), encoding="utf-8")


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Add the buttons that open a chapter in Colab and that download its notebook."""
    chapter = chapter_of(pagename)
    if chapter is None or doctree is None or "header_buttons" not in context:
        return
    context["header_buttons"] += [
        {
            "type": "link",
            "url": Repository.from_config(app.config).on_colab(chapter),
            "icon": "fas fa-rocket",
            "text": "Colab",
            "tooltip": "Open this chapter in Colab, to run it and do its exercises",
            "label": "colab-button",
        },
        {
            "type": "link",
            "url": context["pathto"](f"{ON_SITE}/{chapter}.ipynb", 1),
            "icon": "fas fa-download",
            "text": "Notebook",
            "tooltip": "Download this chapter as a notebook",
            "label": "notebook-button",
        },
    ]


def _writer(app: Sphinx, docname: str) -> Any:
    """What Sphinx asks for an equation's number while it writes the page."""
    numbers = app.env.toc_fignumbers.get(docname, {})
    return SimpleNamespace(builder=SimpleNamespace(config=app.config, name=app.builder.name, fignumbers=numbers))


def _sources(app: Sphinx, docname: str) -> list[nbformat.NotebookNode]:
    """The chapter's cells, as its file has them."""
    path = app.env.doc2path(docname)
    text = Path(path).read_text(encoding="utf-8")
    env = cast(Environment, app.env)
    reader = create_nb_reader(path, env.myst_config, env.mystnb_config, text)
    return reader.read(text).cells if reader else []


@dataclass(frozen=True)
class Page:
    """What a page's prose needs to stand on its own."""

    docname: str
    repository: Repository
    images: dict[str, str]
    """Image files by the names that they have on the site."""
    numbers: Callable[[nodes.math_block], str]
    """The number that the page gives a labelled equation."""
    number: str
    """Of the chapter: ``"1. "``, or nothing."""
    course: str
    """The course's title."""

    @property
    def url(self) -> str:
        """The published page's address."""
        return f"{self.repository.site}/{self.docname}.html"


def make_notebook(chapter: str, page: Page, doctree: nodes.document, cells: list[nbformat.NotebookNode]) -> dict:
    """A chapter's student notebook.

    Args:
        chapter: its name, such as ``01-task``.
        page: where it is published.
        doctree: the page, resolved.
        cells: the chapter's own cells; the page refers to them by their index.

    Raises:
        NotebookError: if there is something in the page that has no form in a notebook.
    """
    made: list[nbformat.NotebookNode] = []
    repository = page.repository
    install = INSTALL.format(url=repository.url, branch=repository.branch, version=__version__).rstrip()
    introduction = INTRODUCTION.format(course=page.course, site=repository.site, page=page.url)
    for kind, content in _pieces(doctree, Prose(page)):
        if kind == "markdown":
            text = str(content)
            if not made:  # the title
                title, _, rest = text.partition("\n\n")
                made.append(new_markdown_cell(f"{title.replace('# ', '# ' + page.number, 1)}\n\n{introduction}"))
                made.append(new_code_cell(install))
                text = rest
            made += [new_markdown_cell(text)] if text else []
        else:
            made.append(_code_cell(cells[int(content)]))
            if exercise := _exercise(made[-1]):
                made.append(_points_cell(exercise))
    _name(made)
    notebook = new_notebook(
        cells=made,
        metadata={
            "accelerator": "GPU",
            "colab": {"gpuType": "T4", "provenance": []},
            "grokcourse": {"chapter": chapter, "version": __version__},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    nbformat.validate(notebook)
    return start.sealed(notebook)


def _code_cell(source: nbformat.NotebookNode) -> nbformat.NotebookNode:
    cell = new_code_cell(source.source)
    if {"hide-input", "hide-cell", "remove-input"} & set(source.metadata.get("tags", [])):
        cell.metadata = {"cellView": "form", "jupyter": {"source_hidden": True}}
    return cell


def _exercise(cell: nbformat.NotebookNode) -> Exercise | None:
    """The exercise whose stub and check a cell holds, if it does."""
    found = re.search(r"^(\w+) = check\(\1\b", cell.source, re.MULTILINE) if cell.cell_type == "code" else None
    return EXERCISES.get(found[1]) if found else None


def _points_cell(exercise: Exercise) -> nbformat.NotebookNode:
    """What follows an exercise's cell: its points, as a number, in what nbgrader calls an autograded test cell.

    The exercise's own cell is no solution cell of nbgrader's: ``nbgrader generate_assignment`` would put a comment and
    a ``raise NotImplementedError`` in place of its whole content, the head of the function included.
    """
    nbgrader = {
        "cell_type": "code",
        "grade": True,
        "grade_id": exercise.name,
        "locked": True,
        "points": exercise.points,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }
    return new_code_cell(f'check.points("{exercise.name}")', metadata={"nbgrader": nbgrader})


def _name(cells: list[nbformat.NotebookNode]) -> None:
    """Give each cell an id that follows from what it says alone; what was measured does not matter."""
    seen: dict[str, int] = {}
    for cell in cells:
        exercise = _exercise(cell)
        text = cell.source
        if cell.cell_type == "markdown":
            text = re.sub(r"\d+", "0", IS_MEASURED.sub("0", text))
            cell.source = IS_MEASURED.sub(r"\1", cell.source)
        digest = hashlib.sha256(f"{cell.cell_type} {text}".encode()).hexdigest()
        if exercise:
            name = f"exercise-{exercise.name}"
        elif "nbgrader" in cell.metadata:
            name = f"points-{cell.metadata.nbgrader.grade_id}"
        else:
            name = digest[:12]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"


def _pieces(node: nodes.Element, prose: "Prose", depth: int = 0) -> Iterator[tuple[str, str | int]]:
    """The notebook's cells in order: ``("markdown", text)``, a new one at each heading, and ``("code", index)``."""
    waiting: list[str] = []
    for child in node.children:
        if isinstance(child, nodes.section) or _is_cell(child):
            if waiting:
                yield "markdown", "\n\n".join(waiting)
                waiting = []
            if isinstance(child, nodes.section):
                yield from _pieces(child, prose, depth + 1)
            else:
                yield "code", child["cell_index"]
        elif isinstance(child, nodes.title):
            waiting.append(f"{'#' * depth} {prose.inline(child)}")
        elif isinstance(child, ExerciseBox):
            if waiting:
                yield "markdown", "\n\n".join(waiting)
            waiting = [prose.exercise(child, depth + 1)]
        else:
            waiting += prose.blocks(child)
    if waiting:
        yield "markdown", "\n\n".join(waiting)


def _is_cell(node: nodes.Node) -> bool:
    return isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"


class Prose:
    """Resolved docutils nodes → Markdown that Jupyter and Colab show well."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.in_table = False

    def inline(self, node: nodes.Element) -> str:
        """The running text in a node, on one line."""
        return re.sub(r"[ \n]+", " ", "".join(map(self._inline, node.children))).strip()

    def blocks(self, node: nodes.Node) -> list[str]:
        """The paragraphs, lists, tables and so on that a node stands for."""
        match node:
            case nodes.Invisible() | nodes.system_message() | addnodes.toctree() | addnodes.index() | nodes.meta():
                return []
            case nodes.paragraph() | nodes.rubric() | nodes.caption() | nodes.title() | nodes.legend():
                text = _at_line_start(self.inline(node))
                return [f"**{text}**" if isinstance(node, nodes.rubric) else text] if text else []
            case nodes.bullet_list():
                return [_list(["- "] * len(node), [self._inside(item) for item in node])]
            case nodes.enumerated_list():
                first = node.get("start", 1)
                marks = [f"{number}. " for number in range(first, first + len(node))]
                return [_list(marks, [self._inside(item) for item in node])]
            case nodes.definition_list():
                return [block for item in node for block in self._definition(item)]
            case nodes.literal_block():
                return [f"```{_language(node)}\n{node.astext().rstrip()}\n```"]
            case nodes.math_block():
                return [self._equation(node)]
            case nodes.block_quote():
                return [_quoted(self._inside(node))]
            case nodes.Admonition():
                return [self._admonition(node)]
            case Disclosure():
                is_hint = "gc-hint" in node["classes"]
                return [_details(node["summary"], self._inside(node))] if is_hint else []
            case dropdown_main():
                title, *rest = node.children
                return [_details(self.inline(title), "\n\n".join(text for part in rest for text in self.blocks(part)))]
            case nodes.table():
                return [self._table(node)]
            case nodes.image():
                return [self._image(node)]
            case nodes.transition():
                return ["---"]
            case Interactive():
                return [f"*On [the course's page]({self.page.url}) this picture moves.*"]
            case nodes.raw():
                return []
            case nodes.container() | nodes.figure() | nodes.compound() | nodes.topic() | addnodes.glossary():
                return [block for child in node.children for block in self.blocks(child)]
        raise NotebookError(f"{self.page.docname}: a notebook cannot show <{node.tagname}>: {node.astext()[:80]!r}")

    def exercise(self, box: ExerciseBox, depth: int) -> str:
        """An exercise's box: a heading (so that it is in the table of contents), a line of facts, task and hints."""
        title, _, *rest = box.children
        exercise = find_exercise(box["exercise"])
        line = " · ".join([f"{dots(exercise)} {facts(exercise)[0]}", *facts(exercise)[1:]])
        body = [block for child in rest for block in self.blocks(child)]
        return "\n\n".join([f"{'#' * depth} {self.inline(title)}", f"> {line}", *body])

    def _inside(self, node: nodes.Element) -> str:
        return "\n\n".join(block for child in node.children for block in self.blocks(child))

    def _inline(self, node: nodes.Node) -> str:
        match node:
            case nodes.Text():
                return _escaped(node.astext(), self.in_table)
            case nodes.math():
                return f"${self._formula(node.astext())}$"
            case nodes.literal():
                return _code(node.astext(), self.in_table)
            case nodes.emphasis() | nodes.title_reference():
                return f"*{self.inline(node)}*"
            case nodes.strong():
                return f"**{self.inline(node)}**"
            case nodes.superscript():
                return f"<sup>{self.inline(node)}</sup>"
            case nodes.subscript():
                return f"<sub>{self.inline(node)}</sub>"
            case nodes.reference() if self._is_term(node) or not self._url(node):
                return "".join(map(self._inline, node.children))
            case nodes.reference():
                return f"[{self.inline(node)}]({self._url(node)})"
            case nodes.image():
                return self._image(node)
            case nodes.raw():
                return "<br>" if "<br" in node.astext() else ""
            case nodes.target() | nodes.comment() | addnodes.index():
                return ""
            case nodes.inline() if "pasted-text" in node["classes"]:
                return MEASURED.format("".join(map(self._inline, node.children)))
            case nodes.inline() | nodes.generated() | nodes.abbreviation():
                return "".join(map(self._inline, node.children))
        raise NotebookError(f"{self.page.docname}: a notebook cannot show <{node.tagname}>: {node.astext()[:80]!r}")

    def _is_term(self, node: nodes.reference) -> bool:
        return any("std-term" in child["classes"] for child in node.children if isinstance(child, nodes.Element))

    def _url(self, node: nodes.reference) -> str:
        if "refid" in node:
            return f"{self.page.url}#{node['refid']}"
        return urljoin(self.page.url, node.get("refuri", ""))

    def _formula(self, tex: str) -> str:
        tex = " ".join(tex.split())
        if self.in_table:  # where a bar would end the cell
            tex = tex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")
        return tex

    def _equation(self, node: nodes.math_block) -> str:
        """On one line, so that it survives in quotes and lists; with its number if it has one."""
        tex = self._formula(node.astext())
        if node.get("nowrap"):
            return tex
        if r"\\" in tex and not tex.startswith(r"\begin"):
            tex = rf"\begin{{aligned}} {tex} \end{{aligned}}"  # as Sphinx does on the page
        tag = rf" \tag{{{self.page.numbers(node)}}}" if node.get("number") else ""
        return f"$${tex}{tag}$$"

    def _admonition(self, node: nodes.Element) -> str:
        title, *rest = node.children
        if isinstance(title, nodes.title):
            name = self.inline(title)
        else:
            name, rest = node.tagname.capitalize(), node.children
        body = "\n\n".join(block for child in rest for block in self.blocks(child))
        if {"dropdown", "toggle"} & set(node["classes"]):
            return _details(name, body)
        return _quoted(f"**{name}**\n\n{body}")

    def _definition(self, item: nodes.Element) -> list[str]:
        blocks = []
        for child in item:
            if isinstance(child, nodes.term):
                blocks.append(f"**{self.inline(child)}**")
            else:
                blocks += [block for part in child.children for block in self.blocks(part)]
        return blocks

    def _image(self, node: nodes.image) -> str:
        uri = node["uri"]
        address = uri if "://" in uri else f"{self.page.repository.site}/_images/{self.page.images[uri]}"
        return f"![{_escaped(node.get('alt', ''))}]({address})"

    def _table(self, node: nodes.table) -> str:
        self.in_table = True
        rows = [[self._entry(entry) for entry in row] for row in node.findall(nodes.row)]
        self.in_table = False
        caption = [f"**{self.inline(child)}**" for child in node.children if isinstance(child, nodes.title)]
        head, *body = rows if any(node.findall(nodes.thead)) else [[" "] * len(rows[0]), *rows]
        lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body]]
        return "\n\n".join([*caption, "\n".join(lines)])

    def _entry(self, entry: nodes.entry) -> str:
        return "<br>".join(" ".join(block.split()) for child in entry for block in self.blocks(child))


def _escaped(text: str, in_table: bool = False) -> str:
    """Plain text, changed where Markdown would take it as more; brackets stay: with a backslash they would be maths."""
    text = re.sub(r"([\\`*$])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)
    text = text.replace("<", "&lt;").replace("](", "]&#40;")
    return text.replace("|", r"\|") if in_table else text


def _at_line_start(text: str) -> str:
    """A paragraph that Markdown does not take for a list or a heading."""
    text = re.sub(r"^([-+#>])(?=\s|#)", r"\\\1", text)
    return re.sub(r"^(\d+)([.)])(?=\s)", r"\1\\\2", text)


def _code(text: str, in_table: bool = False) -> str:
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    inner = f" {text} " if text.startswith("`") or text.endswith("`") else text
    inner = inner.replace("|", r"\|") if in_table else inner
    return f"{fence}{inner}{fence}"


def _list(marks: list[str], items: list[str]) -> str:
    made = []
    for mark, item in zip(marks, items, strict=True):
        lines = item.split("\n")
        made.append("\n".join([mark + lines[0], *(" " * len(mark) + line if line else "" for line in lines[1:])]))
    return "\n".join(made)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _details(summary: str, body: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _language(node: nodes.literal_block) -> str:
    language = node.get("language", "")
    return "python" if language.startswith("ipython") else "" if language in ("default", "none") else language
