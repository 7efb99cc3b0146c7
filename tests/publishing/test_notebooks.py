"""The student notebooks: what is in them, that they run, and that buttons, files and package agree on them."""

import ast
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import ROOT, Site, toc_pages
from helpers import filled
from IPython.core.inputtransformer2 import TransformerManager
from packaging.requirements import Requirement

import grokcourse
from grokcourse import start
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.spec import Exercise
from grokcourse.cli import main
from grokcourse.publishing import notebooks
from grokcourse.publishing.stubs import stub_source

PAGES = {chapter: page for page in toc_pages() if (chapter := notebooks.chapter_of(page))}
WITH_EXERCISES = [chapter for chapter, inside in CHAPTERS.items() if inside]
QUICKLY = """
def _shorten():
    from grokcourse import training

    train = training.train

    def train_a_little(config, *arguments, **options):
        return train(config.replace(steps=min(config.steps, 100)), *arguments, **options)

    training.train = train_a_little


_shorten()
"""
"""Run before a notebook in these tests: long training is cut short, and the notebook does not know."""
UNDRAWN = """
from grokcourse import plots

plots.show = lambda figure, alt: None
"""
"""Run before a notebook whose figures the site's build has drawn."""
DRAWN = "06-circuit"
"""The chapter whose notebook draws its figures in these tests, too."""
COLAB = {
    "torch": "2.11.0",
    "numpy": "2.1.3",
    "matplotlib": "3.10.0",
    "safetensors": "0.8.0",
    "tqdm": "4.67.3",
    "filelock": "3.32.3",
    "jinja2": "3.1.2",
    "wcwidth": "0.2.8",
    "pyyaml": "6.0.1",
}
"""What a Colab GPU runtime has of our dependencies (googlecolab/backend-info, 19 August 2026: Python 3.13.15).

The last three are from an older list there (October 2023), the newest at hand: today's cannot be older.
"""


@pytest.fixture(scope="module")
def built(site: Site) -> dict[str, nbformat.NotebookNode]:
    """The notebooks of the built site, by chapter."""
    paths = sorted((site.html / notebooks.ON_SITE).iterdir())
    return {path.stem: nbformat.read(path, as_version=nbformat.NO_CONVERT) for path in paths}


# --- What is in them ---


def test_every_chapter_has_one(built: dict[str, nbformat.NotebookNode]):
    assert set(built) == set(PAGES)
    assert set(CHAPTERS) <= set(PAGES)


@pytest.mark.parametrize("chapter", PAGES)
def test_it_is_a_valid_notebook_without_outputs(built: dict[str, nbformat.NotebookNode], chapter: str):
    notebook = built[chapter]
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.accelerator == "GPU"
    assert notebook.metadata.grokcourse.chapter == chapter
    assert notebook.metadata.grokcourse.version == grokcourse.__version__
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "google.colab" in code[0].source
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert all(cell.source.strip() for cell in notebook.cells)


@pytest.mark.parametrize("chapter", PAGES)
def test_prose_is_resolved_and_code_is_for_students(built: dict[str, nbformat.NotebookNode], chapter: str):
    prose = "\n".join(cell.source for cell in built[chapter].cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in built[chapter].cells if cell.cell_type == "code")
    outside_code = re.sub(r"```.*?```", "", prose, flags=re.DOTALL)
    assert re.findall(r"\{[a-z:]+\}`|\{[a-z-]+\}\n|np\.float|\bglue\b", outside_code) == []
    links = re.findall(r"\]\(([^)\s]*)\)", outside_code)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert [word for word in ("myst_nb", "glue(", "verify_chapter", ".checks", "# Solution") if word in code] == []


@pytest.mark.parametrize("chapter", PAGES)
def test_exercises_stand_as_stubs_with_their_hints(built: dict[str, nbformat.NotebookNode], chapter: str):
    cells = built[chapter].cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    stubs = {cell.id.removeprefix("exercise-"): cell.source for cell in cells if cell.id.startswith("exercise-")}
    assert stubs == {exercise.name: stub_source(exercise) for exercise in CHAPTERS.get(chapter, ())}
    for exercise in CHAPTERS.get(chapter, ()):
        assert prose.count(f": `{exercise.name}`") == 1
        assert exercise.question or exercise.source not in prose
    assert prose.count("<summary>Hint") == sum(len(exercise.hints) for exercise in CHAPTERS.get(chapter, ()))
    assert "<summary>Solution" not in prose


def test_the_packages_notebooks_are_those_of_the_site(built: dict[str, nbformat.NotebookNode]):
    """Only measured numbers may differ, by a little: another machine rounds differently, and takes another time."""
    kept = {path.stem: nbformat.read(path, as_version=nbformat.NO_CONVERT) for path in start.NOTEBOOKS.glob("*.ipynb")}
    assert set(kept) == set(built), RENEW
    for chapter, notebook in built.items():
        assert [cell.id for cell in kept[chapter].cells] == [cell.id for cell in notebook.cells], f"{chapter}: {RENEW}"
        for old, new in zip(kept[chapter].cells, notebook.cells, strict=True):
            assert same_but_for_noise(old.source, new.source), f"{chapter}, cell {new.id}: {RENEW}"
            assert (old.cell_type, old.metadata) == (new.cell_type, new.metadata), f"{chapter}, {new.id}: {RENEW}"


RENEW = "the package's notebook is stale: run `grokcourse notebooks` after building the site, and commit the result"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+|·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?")
AS_TYPED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789", ",")
ABOUT_THE_MACHINE = re.compile(
    r"The live run took .*?\.\s.*?\.(?=\s|$)"
    r"|The package's own run of these settings, on this machine, .*?\.\s.*?\.(?=\s|$)"
    r"|within the first \d+ steps the losses of the two differ .*?\.(?=\s|$)"
)
"""What a page says of trainings that the build does: on another processor they go otherwise."""


def same_but_for_noise(old: str, new: str) -> bool:
    """Whether two texts agree, except that numbers may differ by 5 %, by a unit of their last decimal, or be tiny."""
    old, new = ABOUT_THE_MACHINE.sub("", old), ABOUT_THE_MACHINE.sub("", new)
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        return False
    pairs = [tuple(map(shown, pair)) for pair in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)]
    return all(abs(one - other) <= max(1e-5, 0.05 * one, 1.01 * unit) for (one, unit), (other, _) in pairs)


def shown(number: str) -> tuple[float, float]:
    """A number as it is written, and what a unit of its last decimal is worth: 0 if it has none."""
    digits, _, exponent = number.replace("·10", "e").translate(AS_TYPED).partition("e")
    scale = 10.0 ** int(exponent or 0)
    decimals = len(digits.partition(".")[2])
    return float(digits) * scale, scale * 10.0**-decimals if decimals else 0


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("a loss of 4.70 at step 5,000", "a loss of 4.73 at step 5,100", True),
        ("a loss of 4.70 at step 5,000", "a loss of 4.70 at step 6,000", False),
        ("off by 3e-07.", "off by 8e-07.", True),
        ("a loss of 3·10⁻⁶.", "a loss of 4·10⁻⁶.", True),
        ("a loss of 3·10⁻³.", "a loss of 4·10⁻³.", False),
        ("a loss of 3·10⁻⁶.", "a loss of 3·10⁻⁴.", False),
        ("off by 0.012", "off by 0.013", True),
        ("off by 0.012", "off by 0.014", False),
        ("7 of 9 neurons", "8 of 9 neurons", False),
        ("a loss of 4.70", "a gain of 4.70", False),
        (
            "The live run took 60 seconds (device: cpu). Its losses are those of the recorded run. Yes.",
            "The live run took 3 seconds (device: cuda). Its losses differ by at most 0.036 of their value. Yes.",
            True,
        ),
        (
            "The package's own run of these settings, on this machine, has memorised by step 110. Then 57%. A end.",
            "The package's own run of these settings, on this machine, has memorised by step 250. Then 27%. A end.",
            True,
        ),
        (
            "The package's own run of these settings, on this machine, has memorised by step 110. Then 57%. A end.",
            "The package's own run of these settings, on this machine, has memorised by step 110. Then 57%. No end.",
            False,
        ),
    ],
)
def test_what_counts_as_noise(old: str, new: str, same: bool):
    assert same_but_for_noise(old, new) is same


# --- Where they are ---


@pytest.mark.parametrize("chapter", PAGES)
def test_buttons_paths_and_files_agree(site: Site, chapter: str):
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    page = site.html / f"{PAGES[chapter]}.html"
    html = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")

    (button,) = html.select("a.btn-colab-button")
    slug = config["url"].removeprefix("https://github.com/")
    opened = f"https://colab.research.google.com/github/{slug}/blob/{config['branch']}/"
    assert button["href"].startswith(opened)
    in_repository = ROOT / button["href"].removeprefix(opened)
    assert in_repository == ROOT / "src" / "grokcourse" / "notebooks" / f"{chapter}.ipynb"
    assert in_repository == start.NOTEBOOKS / f"{chapter}.ipynb"
    assert in_repository.is_file()
    ignored = subprocess.run(["git", "check-ignore", in_repository], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout == ""

    (button,) = html.select("a.btn-notebook-button")
    downloaded = (page.parent / button["href"]).resolve()
    assert downloaded == site.html / notebooks.ON_SITE / f"{chapter}.ipynb"
    assert json.loads(downloaded.read_bytes())["metadata"]["grokcourse"]["chapter"] == chapter


def test_one_place_names_the_repository():
    options = {"repository_url": "https://github.com/Fork/course/", "repository_branch": "2027"}
    fork = notebooks.Repository.from_config(SimpleNamespace(html_theme_options=options, html_baseurl=""))
    assert fork.on_colab("01-task") == (
        "https://colab.research.google.com/github/Fork/course/blob/2027/src/grokcourse/notebooks/01-task.ipynb"
    )
    assert fork.site == "https://fork.github.io/course"
    moved = notebooks.Repository.from_config(
        SimpleNamespace(html_theme_options=options, html_baseurl="https://x.org/c/")
    )
    assert moved.site == "https://x.org/c"
    with pytest.raises(notebooks.ConfigError, match=r"'https://gitlab\.com/a/b'"):
        notebooks.Repository.from_config(
            SimpleNamespace(html_theme_options={"repository_url": "https://gitlab.com/a/b"}, html_baseurl="")
        )


# --- That they run ---


RUN = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.stdin, as_version=4)
NotebookClient(notebook, timeout=None, kernel_name="python3", resources={"metadata": {"path": sys.argv[1]}}).execute()
nbformat.write(notebook, sys.stdout)
"""


def run(notebook: nbformat.NotebookNode, folder: Path, first: str = QUICKLY) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom in a kernel of its own; if a cell fails, an AssertionError says so."""
    notebook = deepcopy(notebook)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
    command = [sys.executable, "-c", RUN, folder]  # in a process of its own, as nbclient leaves sockets open
    ended = subprocess.run(command, input=nbformat.writes(notebook), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-5000:]
    return nbformat.reads(ended.stdout, as_version=4)


def solution_on_page(site: Site, exercise: Exercise) -> str:
    """An exercise's solution, as a reader of the built page copies it."""
    page = _parsed(site.html / f"{PAGES[exercise.chapter]}.html")
    (box,) = page.select(f'.gc-exercise[data-exercise="{exercise.name}"] details.gc-solution')
    found = box.select("code" if exercise.question else "pre")[-1]
    return found.get_text().strip()


@cache
def _parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def solved(notebook: nbformat.NotebookNode, site: Site) -> nbformat.NotebookNode:
    """The notebook with each stub replaced by the solution that the page shows."""
    ids = {cell.id for cell in notebook.cells}
    asked = [exercise for name, exercise in EXERCISES.items() if f"exercise-{name}" in ids]
    return filled(notebook, {exercise.name: solution_on_page(site, exercise) for exercise in asked})


def said(notebook: nbformat.NotebookNode, cells: str = "exercise-") -> dict[str, str]:
    """What ``check`` said of each exercise in the cells whose ids begin so."""
    return {
        cell.id.removeprefix(cells): "\n".join(
            output.get("text") or output.data["text/plain"] for output in cell.outputs
        )
        for cell in notebook.cells
        if cell.id.startswith(cells)
    }


Runs = dict[str, nbformat.NotebookNode | AssertionError]


def tried_and_emptied(notebook: nbformat.NotebookNode, site: Site) -> nbformat.NotebookNode:
    """The notebook with the page's solution before each stub: it is checked where a student writes it.

    Then comes the stub, so that all that follows runs as it does for those who have written nothing.
    """
    answered = {cell.id: cell for cell in solved(notebook, site).cells}
    notebook = deepcopy(notebook)
    for place in reversed(range(len(notebook.cells))):
        cell = notebook.cells[place]
        if cell.id.startswith("exercise-"):
            answer = answered[cell.id]
            answer.id = f"solution-{cell.id.removeprefix('exercise-')}"
            notebook.cells.insert(place, answer)
    return notebook


@pytest.fixture(scope="module")
def ran(
    built: dict[str, nbformat.NotebookNode], site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """Every notebook, run from top to bottom, two at a time; the site's build has drawn its figures."""
    folder = tmp_path_factory.mktemp("notebooks")

    def attempt(chapter: str) -> nbformat.NotebookNode | AssertionError:
        try:
            first = QUICKLY + (UNDRAWN if chapter != DRAWN else "")
            return run(tried_and_emptied(built[chapter], site), folder, first)
        except AssertionError as error:  # told by the test of that notebook
            return error

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("GROKCOURSE_RUNS", raising=False)
        yield dict(zip(built, pool.map(attempt, built), strict=True))


@pytest.mark.parametrize("chapter", PAGES)
def test_it_runs_as_it_is(ran: Runs, chapter: str):
    notebook = ran[chapter]
    assert not isinstance(notebook, AssertionError), notebook
    for name, text in said(notebook).items():
        assert "not answered yet" in text or "not written yet" in text, f"{name}: {text}"
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    drawn = [output for output in outputs if "image/png" in output.get("data", {}) or "gc-figure" in str(output)]
    assert bool(drawn) == (chapter == DRAWN)


@pytest.mark.parametrize("chapter", WITH_EXERCISES)
def test_what_the_page_shows_as_solutions_passes_where_it_is_asked_for(ran: Runs, chapter: str):
    notebook = ran[chapter]
    assert not isinstance(notebook, AssertionError), notebook
    told = said(notebook, "solution-")
    assert list(told) == [exercise.name for exercise in CHAPTERS[chapter]]
    assert {name: text for name, text in told.items() if not re.search(r"tests? pass(es)? \(", text)} == {}


@pytest.fixture(scope="module")
def handed_in(built: dict[str, nbformat.NotebookNode], site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of one, who has pasted every solution from the pages into the notebooks."""
    folder = tmp_path_factory.mktemp("class")
    (folder / "ann").mkdir()
    for chapter in WITH_EXERCISES:
        nbformat.write(solved(built[chapter], site), folder / "ann" / f"{chapter}.ipynb")
    return folder


def test_what_the_pages_show_as_solutions_gets_full_points_from_pytest(handed_in: Path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "ann"]
    ended = subprocess.run(command, cwd=handed_in, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-5000:]
    points = sum(exercise.points for exercise in EXERCISES.values())
    totals = re.findall(r"^all +(\d+) / *(\d+) points", ended.stdout, re.MULTILINE)  # one for each file
    assert [sum(map(int, column)) for column in zip(*totals, strict=True)] == [points, points], ended.stdout[-3000:]


def test_what_the_pages_show_as_solutions_gets_full_points_in_a_class(handed_in: Path, tmp_path: Path):
    assert main(["grade", str(handed_in), "--output", str(tmp_path / "grades"), "--jobs", "1"]) == 0
    (student,) = json.loads((tmp_path / "grades" / "results.json").read_text(encoding="utf-8"))["students"]
    marks = {exercise["name"]: (exercise["points"], exercise["maximum"]) for exercise in student["exercises"]}
    assert marks == {name: (exercise.points, exercise.points) for name, exercise in EXERCISES.items()}


# --- What is given is no answer ---


def bindings(source: str) -> Iterator[tuple[str, ast.AST]]:
    """The names that a cell binds anywhere in it, each with the node that does so."""
    for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, node
            case ast.Name(ctx=ast.Store() | ast.Del()):
                yield node.id, node
            case ast.arg():
                yield node.arg, node
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name.partition(".")[0], node) for alias in node.names)
            case ast.MatchAs(name=str()) | ast.MatchStar(name=str()) | ast.ExceptHandler(name=str()):
                yield node.name, node


@pytest.mark.parametrize("chapter", PAGES)
def test_no_given_cell_binds_the_name_of_an_exercise(built: dict[str, nbformat.NotebookNode], chapter: str):
    """Whoever copies cells between chapters, or exports them, hands in no answer that is not theirs.

    The course's own may be imported under its own name, where a signature needs it: that is no answer.
    """
    given = [
        cell
        for cell in built[chapter].cells
        if cell.cell_type == "code" and not cell.id.startswith(("exercise-", "points-"))
    ]
    assert given
    own = {(f"grokcourse.{place}", name) for name, e in EXERCISES.items() for place in [e.reference.partition(":")[0]]}
    taken = [
        f"{name} in the cell {cell.source[:60]!r}"
        for cell in given
        for name, node in bindings(cell.source)
        if name in EXERCISES and not (isinstance(node, ast.ImportFrom) and (node.module, name) in own)
    ]
    assert taken == []


# --- On Colab ---


@pytest.mark.parametrize("on_colab", [False, True])
@pytest.mark.parametrize("is_tagged", [False, True])
def test_the_first_cell_installs_this_version_on_colab_and_does_nothing_elsewhere(
    on_colab: bool, is_tagged: bool, tmp_path: Path
):
    path = start.NOTEBOOKS / "01-task.ipynb"
    cell = next(cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    pip = tmp_path / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\ncase "$@" in *zip) exit {0 if is_tagged else 1};; esac\n')
    pip.chmod(0o755)
    (tmp_path / "log").touch()
    script = "from IPython.core.interactiveshell import InteractiveShell as Shell\nimport sys\n"
    script += 'sys.modules["google.colab"] = sys\n' if on_colab else ""
    script += f"shell = Shell.instance()\nshell.run_cell({cell.source!r}).raise_error()\n"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "IPYTHONDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True)
    tag, branch = (
        f"install -q --no-deps https://github.com/grokcourse/grokcourse/archive/{ref}.zip"
        for ref in (f"v{grokcourse.__version__}", "main")
    )
    expected = [] if not on_colab else [tag] if is_tagged else [tag, branch]
    assert (tmp_path / "log").read_text().splitlines() == expected


def test_colab_has_all_that_the_course_needs():
    """So ``--no-deps`` lacks nothing, and without it a resolver would still find nothing to change."""
    needed = [Requirement(line) for line in importlib.metadata.requires("grokcourse")]
    needed = [requirement for requirement in needed if not requirement.marker]
    assert needed
    assert [
        str(requirement) for requirement in needed if COLAB.get(requirement.name) not in requirement.specifier
    ] == []


# --- Their making ---


def make(markdown: str, tmp_path: Path) -> dict:
    """The notebook of a chapter with that text, through Sphinx; its cells are not run."""
    (tmp_path / "conf.py").write_text(
        'extensions = ["myst_nb", "grokcourse.publishing.sphinx_ext"]\nnb_execution_mode = "off"\n'
        'html_theme = "sphinx_book_theme"\nproject = "Course"\nexclude_patterns = ["_build"]\n'
        'html_theme_options = {"repository_url": "https://github.com/a/b"}\n'
        'myst_enable_extensions = ["dollarmath", "deflist", "smartquotes", "colon_fence"]\n'
        'suppress_warnings = ["config.cache", "myst-nb.lexer"]\n'
    )
    (tmp_path / "index.md").write_text("# Index\n\n```{toctree}\n01-one\n```\n\n(there)=\n## Elsewhere\n\nText.\n")
    front = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n"
    (tmp_path / "01-one.md").write_text(front + markdown)
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-b", "html", ".", "_build/html"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((tmp_path / "_build" / "html" / "notebooks" / "01-one.ipynb").read_text())


SAMPLE = """# One & only

```{glossary}
loss
  What it *costs*.
```

A {term}`loss` of 5 \\$ and *two* **words**,
`co|de`, $a_1 * b$, a_b, &lt;tag>, [a link](https://x.org/y_z), {ref}`there`.

$$
a &= 1 \\\\
b &= 2
$$ (eq-one)

See {eq}`eq-one`.

(here)=
## A table

| a | b |
|---|---|
| `x|y` | $|z|$ |

```{warning}
Do not.

- one
- two

      code
```

```{admonition} Think first
:class: dropdown
An answer.
```

1. first
   - inner
2. second

> A quotation.

```{code-cell} ipython3
:tags: [hide-input]
x = 1
```

```{code-cell} ipython3
:tags: [remove-cell]
secret = 2
```

\\- not a list

```{code-cell} ipython3
x = 1
```

```{code-cell} ipython3
x = 1
```
"""


def test_markdown_of_everything_that_chapters_use(tmp_path: Path):
    cells = make(SAMPLE.replace("`x|y`", "`x\\|y`").replace("$|z|$", "$\\|z\\|$"), tmp_path)["cells"]
    text = "\n\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    for expected in (
        "# One & only\n",
        "A loss of 5 \\$ and *two* **words**, `co|de`, $a_1 * b$, a_b, &lt;tag>, [a link](https://x.org/y_z), "
        "[Elsewhere](https://a.github.io/b/index.html#there).",
        "$$\\begin{aligned} a &= 1 \\\\ b &= 2 \\end{aligned} \\tag{1}$$",
        "**loss**\n\nWhat it *costs*.",
        "| `x\\|y` | $\\vert z\\vert $ |",
        "> **Warning**\n>\n> Do not.\n>\n> - one\n> - two",
        "<details>\n<summary>Think first</summary>\n\nAn answer.\n\n</details>",
        "1. first\n\n   - inner\n2. second",
        "> A quotation.",
        "\\- not a list",
    ):
        assert expected in text
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["source"] for cell in code[1:]] == ["x = 1"] * 3
    assert code[1]["metadata"]["jupyter"] == {"source_hidden": True}
    assert len({cell["id"] for cell in cells}) == len(cells)


def test_an_edit_changes_no_other_cells_id(tmp_path: Path):
    before = make("# One\n\nText.\n\n## Two\n\nMore.\n\n```{code-cell} ipython3\nx = 1\n```\n\nEnd.\n", tmp_path)
    after = make("# One\n\nText.\n\nNew.\n\n## Two\n\nMore.\n\n```{code-cell} ipython3\nx = 1\n```\n\nEnd.\n", tmp_path)
    changed = {cell["id"] for cell in before["cells"]} ^ {cell["id"] for cell in after["cells"]}
    assert len(changed) == 2  # the cell with the edit, before and after


# --- A student's folder ---


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A folder of two notebooks as the package has them."""
    folder = tmp_path / "ours"
    folder.mkdir()
    for name in ("01-a", "02-b"):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", id="one")])
        (folder / f"{name}.ipynb").write_text(start.to_json(start.sealed(notebook)), encoding="utf-8")
    return folder


def renew(path: Path) -> None:
    notebook = json.loads(path.read_text())
    notebook["cells"][0]["source"] = "x = 2"
    path.write_text(start.to_json(start.sealed(notebook)), encoding="utf-8")


def test_start_writes_updates_and_never_overwrites(ours: Path, tmp_path: Path):
    mine = tmp_path / "deep" / "mine"
    assert dict(start.write_notebooks(mine, ours)) == {"01-a.ipynb": "written", "02-b.ipynb": "written"}
    assert dict(start.write_notebooks(mine, ours)) == {"01-a.ipynb": "up to date", "02-b.ipynb": "up to date"}
    edited = json.loads((mine / "01-a.ipynb").read_text())
    edited["cells"][0]["outputs"] = [nbformat.v4.new_output("stream", text="run")]
    (mine / "01-a.ipynb").write_text(json.dumps(edited))
    for path in ours.iterdir():
        renew(path)
    assert dict(start.write_notebooks(mine, ours)) == {"01-a.ipynb": "kept", "02-b.ipynb": "updated"}
    assert json.loads((mine / "01-a.ipynb").read_text()) == edited
    assert (mine / "02-b.ipynb").read_bytes() == (ours / "02-b.ipynb").read_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"mine", b"[]", b'{"metadata": {}}', b'{"metadata": {"grokcourse": 3}}', b"\xff"]
)
def test_start_keeps_what_is_not_ours(content: bytes, ours: Path, tmp_path: Path):
    (tmp_path / "01-a.ipynb").write_bytes(content)
    assert dict(start.write_notebooks(tmp_path, ours))["01-a.ipynb"] == "kept"
    assert (tmp_path / "01-a.ipynb").read_bytes() == content


def test_the_command_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["start", str(tmp_path / "mine")]) == 0
    names = {path.name for path in start.NOTEBOOKS.glob("*.ipynb")}
    assert {path.name for path in (tmp_path / "mine").iterdir()} == names
    assert capsys.readouterr().out.count(": written\n") == len(names)
    (tmp_path / "mine" / "01-task.ipynb").write_text("mine")
    assert main(["start", str(tmp_path / "mine")]) == 0
    assert "01-task.ipynb: kept as it is" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert main(["start", str(tmp_path / "file")]) == 1
    assert "cannot be written to" in capsys.readouterr().err


def test_the_command_notebooks_needs_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["notebooks", "--site", str(tmp_path)]) == 1
    assert "build the site first" in capsys.readouterr().err


def test_the_package_takes_over_what_a_site_has(ours: Path, tmp_path: Path):
    package = tmp_path / "package"
    assert dict(start.renew(ours, package)) == {"01-a.ipynb": "written", "02-b.ipynb": "written"}
    (package / "01-a.ipynb").write_text("edited by hand")
    (ours / "02-b.ipynb").unlink()
    assert dict(start.renew(ours, package)) == {"01-a.ipynb": "written", "02-b.ipynb": "removed"}
    assert dict(start.renew(ours, package)) == {"01-a.ipynb": "up to date"}
