"""The Sphinx extension, on small books of its own: what is run, when again, and what is said when it fails."""

import configparser
import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pydata_sphinx_theme
import pytest
from conftest import ROOT
from docutils.core import publish_doctree
from jupyter_cache import get_cache
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode
from pygments.styles import get_style_by_name
from pygments.token import STANDARD_TYPES

import grokcourse
from grokcourse import runs
from grokcourse.autograder.exercises.select import CHAPTERS, checks_module
from grokcourse.config import RunConfig
from grokcourse.publishing import execution, live, page
from grokcourse.publishing.dependencies import Dependencies

pytestmark = pytest.mark.slow

CONF = """
extensions = ["myst_nb", "grokcourse.publishing.sphinx_ext"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_output_stderr = "error"
nb_execution_timeout = 900
html_theme = "basic"
"""
PAGE = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# {title}\n\nWords.\n\n{cells}\n"
TINY = {"p": 7, "d_model": 8, "n_heads": 2, "d_mlp": 8, "steps": 20, "eval_every": 10, "checkpoint_every": 10}


def cell(source: str) -> str:
    return f"```{{code-cell}} ipython3\n{source}\n```\n"


LOGGING_CELL = cell("""import grokcourse
with open("executions.txt", "a") as log:
    print("run", file=log)
print("the mark is", grokcourse.MARK)""")


@dataclass
class Book:
    """A small book, built with a copy of the package that a test may edit."""

    folder: Path
    environment: dict[str, str]

    @property
    def init(self) -> Path:
        return self.folder / "src" / "grokcourse" / "__init__.py"

    def write(self, **pages: str) -> None:
        names = "\n".join(pages)
        texts = {name: PAGE.format(title=name, cells=cells) for name, cells in pages.items()}
        texts["index"] = f"# Index\n\n```{{toctree}}\n{names}\n```\n"
        for name, text in texts.items():
            path = self.folder / f"{name}.md"
            if not path.exists() or path.read_text() != text:
                path.write_text(text)

    def build(self) -> tuple[int, str]:
        """The exit code and all that was printed."""
        command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-b", "html"]
        command += ["-d", "_build/.doctrees", ".", "_build/html"]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def html(self, name: str) -> str:
        return (self.folder / "_build" / "html" / f"{name}.html").read_text()

    def ran(self) -> list[str]:
        """What the pages have logged since this was asked last."""
        log = self.folder / "executions.txt"
        names = log.read_text().split() if log.exists() else []
        log.write_text("")
        return names

    @property
    def executions(self) -> int:
        log = self.folder / "executions.txt"
        return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.fixture
def book(tmp_path: Path) -> Book:
    ignored = shutil.ignore_patterns("recorded", "__pycache__")
    shutil.copytree(Path(grokcourse.__file__).parent, tmp_path / "src" / "grokcourse", ignore=ignored)
    (tmp_path / "conf.py").write_text(CONF + 'exclude_patterns = ["src", "_build"]\n')
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src"), live.VARIABLE: "never"}
    return Book(tmp_path, environment)


def test_results_are_kept_renewed_and_found_again(book: Book):
    original = book.init.read_text()
    book.init.write_text(original + '\nMARK = "one"\n')
    book.write(page=LOGGING_CELL)
    code, log = book.build()
    assert code == 0, log
    assert "ran page.md in" in log
    assert book.executions == 1
    assert "the mark is one" in book.html("page")

    code, log = book.build()
    assert code == 0, log
    assert book.executions == 1
    assert "0 added, 0 changed, 0 removed" in log

    book.init.write_text(original + '\nMARK = "two"\n')  # the page's own text is unchanged
    code, log = book.build()
    assert code == 0, log
    assert book.executions == 2
    assert "the mark is two" in book.html("page")

    book.init.write_text(original + '\nMARK = "one"\n')
    code, log = book.build()
    assert code == 0, log
    assert book.executions == 2
    assert "the mark is one" in book.html("page")


def test_a_failing_cell_fails_every_build_and_says_where(book: Book):
    book.write(good=cell("print('fine')"), bad=cell("x = 1") + "\n" + cell("y = 0\nx / y"))
    for _ in range(2):
        code, log = book.build()
        assert code != 0
        assert "bad.md, line 16 (code cell 2 of 2): ZeroDivisionError: division by zero" in log
        assert "    x / y" in log
    book.write(good=cell("print('fine')"), bad=cell("x = 1"))
    code, log = book.build()
    assert code == 0, log
    assert "ran good.md" not in log  # its result was kept although the other page failed


def test_output_on_stderr_fails_every_build(book: Book):
    book.write(noisy=cell("import sys\nprint('mumble', file=sys.stderr)"))
    for _ in range(2):
        code, log = book.build()
        assert code != 0
        assert "noisy.md, line 12 (code cell 1 of 1): wrote to stderr:\n    mumble" in log


def test_a_dying_kernel_fails_the_build(book: Book):
    book.write(dying=cell("import os\nos._exit(3)"))
    code, log = book.build()
    assert code != 0
    assert "dying.md: the kernel failed: DeadKernelError" in log


def test_warnings_come_again_until_they_are_mended(book: Book):
    book.write(page=cell("print(1)") + "\nSee {ref}`nowhere`.\n")
    for _ in range(2):
        code, log = book.build()
        assert code != 0
        assert "nowhere" in log


def test_a_renamed_page_leaves_nothing_behind(book: Book):
    book.write(old="No cells.")
    assert book.build()[0] == 0
    (book.folder / "old.md").rename(book.folder / "new.md")
    book.write(new="No cells.")
    code, log = book.build()
    assert code == 0, log
    names = {path.name for path in (book.folder / "_build" / "html").glob("*.html")}
    assert names == {"index.html", "new.html", "search.html", "genindex.html"}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_pages_run_side_by_side_and_share_the_cores(book: Book):
    waiting = """import os, pathlib, time
pathlib.Path("{mine}.sign").touch()
limit = time.monotonic() + 600  # a busy machine is slow to start a kernel
while not pathlib.Path("{other}.sign").exists():
    assert time.monotonic() < limit, "the other page never started"
    time.sleep(0.05)
print("threads:", os.environ["OMP_NUM_THREADS"])"""
    for name in execution.THREADS:
        book.environment.pop(name, None)
    book.write(a=cell(waiting.format(mine="a", other="b")), b=cell(waiting.format(mine="b", other="a")))
    code, log = book.build()
    assert code == 0, log
    assert f"threads: {len(os.sched_getaffinity(0)) // 2}" in book.html("a")


def test_an_unknown_setting_is_refused_with_what_there_is(book: Book):
    book.write(page=cell("print(1)"))
    book.environment[live.VARIABLE] = "sometimes"
    code, log = book.build()
    assert code != 0
    assert "GROKCOURSE_LIVE_TRAINING is 'sometimes'" in log
    assert "auto" in log
    assert "always" in log
    assert "never" in log


def test_a_live_run_reaches_the_page(book: Book):
    with (book.folder / "conf.py").open("a") as conf:
        conf.write(f"""
from functools import partial
import grokcourse.publishing.sphinx_ext as extension
extension.RunConfig = partial(extension.RunConfig, **{TINY!r})
""")
    book.write(page=cell('from grokcourse import runs\nprint("modulus", runs.load("main").config.p)'))
    book.environment[live.VARIABLE] = "always"
    code, log = book.build()
    assert code == 0, log
    assert "trained the main run live" in log
    assert "modulus 7" in book.html("page")
    code, log = book.build()
    assert code == 0, log
    assert "was trained live for an earlier build" in log
    assert "0 added, 0 changed, 0 removed" in log


@pytest.fixture
def always_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(live.VARIABLE, "always")
    monkeypatch.setenv(runs.RUNS_VARIABLE, "somewhere else")


@pytest.mark.usefixtures("always_live")
def test_a_live_run_is_kept_while_it_is_sound_and_wanted(tmp_path: Path):
    said: list[str] = []
    tiny, other = RunConfig(**TINY), RunConfig(**TINY, seed=1)
    place = live.choose_runs(tmp_path, tiny, said.append)
    assert place == tmp_path
    assert os.environ[runs.RUNS_VARIABLE] == str(tmp_path)
    made = (tmp_path / "main" / "run.json").read_bytes()

    live.choose_runs(tmp_path, tiny, said.append)
    assert (tmp_path / "main" / "run.json").read_bytes() == made

    history = tmp_path / "main" / "history.safetensors"
    history.write_bytes(history.read_bytes()[:-1])
    live.choose_runs(tmp_path, tiny, said.append)
    assert any("not sound" in line for line in said)
    assert runs.load("main").config == tiny

    live.choose_runs(tmp_path, other, said.append)
    assert runs.load("main").config == other


def test_never_means_the_recorded_run_whatever_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(live.VARIABLE, "never")
    monkeypatch.setenv(runs.RUNS_VARIABLE, str(tmp_path))
    monkeypatch.setattr(live, "has_cuda", lambda: True)
    assert live.choose_runs(tmp_path / "runs", RunConfig(), print) is None
    assert runs.RUNS_VARIABLE not in os.environ


def test_a_folder_of_runs_that_the_caller_names_is_used_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert live.RUNS_VARIABLE == runs.RUNS_VARIABLE
    monkeypatch.delenv(live.VARIABLE, raising=False)
    monkeypatch.setattr(live, "has_cuda", lambda: False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(runs.RUNS_VARIABLE, "mine")
    with pytest.raises(live.SettingError, match="mine, which is not a folder"):
        live.choose_runs(tmp_path / "runs", RunConfig(), print)
    (tmp_path / "mine").mkdir()
    assert live.choose_runs(tmp_path / "runs", RunConfig(), print) == Path("mine")
    assert os.environ[runs.RUNS_VARIABLE] == str(tmp_path / "mine")


@pytest.mark.parametrize("setting", [None, "", "auto"])
@pytest.mark.parametrize("cuda", [True, False])
def test_by_default_training_is_live_where_there_is_cuda(monkeypatch: pytest.MonkeyPatch, setting, cuda: bool):
    monkeypatch.setattr(live, "has_cuda", lambda: cuda)
    assert live.is_wanted(setting) is cuda


SIDE_BY_SIDE = {
    "sums": "from grokcourse import fourier\nprint('sums')",
    "loads": "from grokcourse import runs\nprint('loads')",
    "grades": "def later():\n    from grokcourse.autograder import policy\nprint('grades')",
    "reads": "print(open('assets/note.txt').read())",
    "commands": "import subprocess\nprint('commands')",
    "plain": "print('plain')",
}
"""Pages that depend on different things."""


def logged(name: str, source: str) -> str:
    return cell(f"{source}\nwith open('executions.txt', 'a') as log:\n    print({name!r}, file=log)")


@pytest.mark.parametrize(
    ("edited", "run_again"),
    [
        ("src/grokcourse/fourier.py", {"sums", "commands"}),
        ("src/grokcourse/config.py", {"loads", "grades", "commands"}),  # runs and policy import it, policy indirectly
        ("src/grokcourse/autograder/policy.py", {"grades", "commands"}),
        ("src/grokcourse/autograder/reports/words.py", {"commands"}),
        ("src/grokcourse/recorded/main/run.json", {"loads", "commands"}),
        ("src/grokcourse/recorded/new/run.json", {"loads", "commands"}),
        ("src/grokcourse/publishing/page.py", set()),
        ("src/grokcourse/__pycache__/fourier.cpython-311.pyc", set()),
        ("src/grokcourse/__init__.py", {"sums", "loads", "grades", "commands"}),
        ("assets/note.txt", {"reads"}),
        ("assets/shown.py", {"shows"}),
        ("plain.md", {"plain"}),
    ],
)
def test_what_a_page_depends_on(tmp_path: Path, edited: str, run_again: set[str]):
    """A fingerprint changes with what the page reads, and with nothing else."""
    package = tmp_path / "src" / "grokcourse"
    ignored = shutil.ignore_patterns("recorded", "__pycache__")
    shutil.copytree(Path(grokcourse.__file__).parent, package, ignore=ignored)
    (package / "recorded" / "main").mkdir(parents=True)
    (package / "recorded" / "main" / "run.json").write_text("{}")
    (tmp_path / "assets").mkdir()
    for name in ("note.txt", "shown.py"):
        (tmp_path / "assets" / name).write_text("# before")
    shown = "```{literalinclude} assets/shown.py\n```\n\n" + cell("print('shows')")
    pages = {name: cell(source) for name, source in SIDE_BY_SIDE.items()} | {"shows": shown}
    for name, cells in pages.items():
        (tmp_path / f"{name}.md").write_text(PAGE.format(title=name, cells=cells))

    before = fingerprints(tmp_path, pages)
    assert fingerprints(tmp_path, pages) == before
    path = tmp_path / edited
    path.parent.mkdir(exist_ok=True)
    if edited == "plain.md":
        (tmp_path / "plain.txt").write_text("read now")
        path.write_text(path.read_text().replace("print('plain')", "print(open('plain.txt'))"))
    else:
        path.write_text((path.read_text() if path.exists() else "") + "\n# edited\n")
    after = fingerprints(tmp_path, pages)
    assert {name for name in pages if after[name] != before[name]} == run_again


def fingerprints(folder: Path, pages: Iterable[str]) -> dict[str, str | None]:
    found = Dependencies(folder / "src" / "grokcourse")
    configs = MdParserConfig(), NbParserConfig()
    return {name: execution.fingerprint(folder / f"{name}.md", *configs, found) for name in pages}


def test_a_run_trained_for_the_build_counts_where_runs_are_loaded(tmp_path: Path):
    (tmp_path / "main").mkdir()
    package = Path(grokcourse.__file__).parent
    loads, adds = ["from grokcourse import runs"], ["from grokcourse import fourier"]
    seen = []
    for content in ("first", "second"):
        (tmp_path / "main" / "run.json").write_text(content)
        found = Dependencies(package, tmp_path)
        seen.append([found.fingerprint(tmp_path / "page.md", cells) for cells in (loads, adds)])
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] == seen[1][1]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_depends_on_its_own_exercises_and_not_on_the_reports(chapter: str):
    package = Path(grokcourse.__file__).parent
    notebook = read_notebook(ROOT / "book" / f"{chapter}.md")
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    files = Dependencies(package).files(ROOT / "book" / f"{chapter}.md", cells)
    names = {path.relative_to(package).as_posix() for path in files if package in path.parents}
    assert {"autograder/feedback.py", "autograder/exercises/select.py"} <= names
    assert ("recorded/main/run.json" in names) == ("runs.py" in names)
    assert {name for name in names if name.startswith(("autograder/reports/", "autograder/batch/", "cli"))} == set()
    hidden = {name for name in names if name.endswith("/checks.py")}
    assert hidden == ({f"{checks_module(chapter).replace('.', '/')}.py"} if CHAPTERS[chapter] else set())
    for exercise in CHAPTERS[chapter]:
        assert Path(inspect.getsourcefile(inspect.unwrap(exercise.target))) in files


def read_notebook(path: Path) -> NotebookNode:
    text = path.read_text(encoding="utf-8")
    return create_nb_reader(str(path), MdParserConfig(), NbParserConfig(), text).read(text)


@pytest.mark.parametrize(
    "cell", ["!ls", "%run other.py", "import importlib\nimportlib.import_module('x')", "import subprocess", "x = ("]
)
def test_a_cell_whose_text_does_not_tell_depends_on_the_whole_package(cell: str):
    package = Path(grokcourse.__file__).parent
    files = Dependencies(package).files(ROOT / "book" / "x.md", [cell])
    assert {package / "cli.py", package / "autograder" / "reports" / "words.py"} <= files
    assert not any("publishing" in path.parts for path in files)


def test_an_edit_runs_the_pages_that_depend_on_it_and_no_others(book: Book):
    (book.folder / "assets").mkdir()
    (book.folder / "assets" / "note.txt").write_text("first")
    pages = {name: logged(name, source) for name, source in SIDE_BY_SIDE.items() if name in ("sums", "reads", "plain")}
    book.write(**pages)
    code, log = book.build()
    assert code == 0, log
    assert sorted(book.ran()) == ["plain", "reads", "sums"]

    (book.folder / "assets" / "note.txt").write_text("second")
    code, log = book.build()
    assert code == 0, log
    assert book.ran() == ["reads"]
    assert "second" in book.html("reads")

    fourier = book.init.with_name("fourier.py")
    original = fourier.read_text()
    fourier.write_text(original + "\n# edited\n")
    code, log = book.build()
    assert code == 0, log
    assert book.ran() == ["sums"]

    fourier.write_text(original)
    (book.folder / "assets" / "note.txt").write_text("first")
    code, log = book.build()
    assert code == 0, log
    assert book.ran() == []  # found again
    assert "first" in book.html("reads")


def test_the_stamp_moves_no_line():
    text = PAGE.format(title="One", cells=cell("x = 1"))
    stamped = execution.stamped(text, "0123456789abcdef")
    assert len(stamped.splitlines()) == len(text.splitlines())
    assert stamped.splitlines()[5:] == text.splitlines()[5:]
    assert "fingerprint: 0123456789abcdef" in stamped
    assert execution.stamped("# Words\n", "0123456789abcdef") == "# Words\n"


@pytest.mark.parametrize("page", sorted((ROOT / "book").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_with_cells_can_be_stamped(page: Path):
    text = page.read_text(encoding="utf-8")
    assert (execution.stamped(text, "0123456789abcdef") != text) is ("file_format: mystnb" in text)


def test_the_results_not_used_for_longest_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(execution, "KEPT", 2)
    page = tmp_path / "page.md"
    page.write_text(PAGE.format(title="page", cells=cell("print(1)")))
    config = NbParserConfig(execution_mode="cache", execution_cache_path=str(tmp_path / "cache"))
    assert [len(list(execution.fill({page: mark}, MdParserConfig(), config))) for mark in "abcba"] == [1, 1, 1, 0, 1]
    cache = get_cache(tmp_path / "cache")
    try:
        assert len(cache.list_cache_records()) == 2
    finally:
        cache.db.dispose()


def test_a_page_is_described_by_its_first_plain_words():
    doctree = publish_doctree(
        f"Title\n=====\n\nSection\n-------\n\n.. note:: Aside.\n\nPlain {'words ' * 50}\n\nMore.",
        settings_overrides={"doctitle_xform": False},
    )
    described = page.with_description("<meta>", doctree)
    content = described.split('content="')[1].split('"')[0]
    assert content.startswith("Plain words")
    assert content.endswith("words…")
    assert len(content) <= page.LONGEST_DESCRIPTION
    own = '<meta name="description" content="Mine">'
    assert page.with_description(own, doctree) == own


def test_words_that_look_alike_are_one_element_and_no_character_is_lost():
    code = (
        '<pre><span></span><span class="k">if</span> x <span class="ow">not</span> <span class="ow">in</span> '
        '<span class="sa">f</span><span class="s2">&quot;</span><span class="si">{</span>y<span class="si">}</span>'
        '<span class="s2">.&quot;</span>:\n    <span class="sd">a</span>\n<span class="sd">    b</span></pre>'
    )
    assert page.with_few_elements(code) == (
        '<pre><span class="k">if</span> x <span class="k">not in</span> f<span class="s">&quot;{</span>y'
        '<span class="s">}.&quot;</span>:\n    <span class="s">a\n    b</span></pre>'
    )


def test_boxes_that_change_nothing_go_and_those_that_do_stay():
    loose = "<ul>\n<li><p>one</p></li>\n<li><p>two</p>\n<p>three</p></li>\n</ul>"
    nested = '<ul class="simple">\n<li><p>outer</p>\n<ul class="simple">\n<li>inner</li>\n</ul>\n</li>\n</ul>'
    two = "<td><p>one</p>\n<p>two</p></td>"
    assert page.with_few_elements(loose + two) == loose + two
    assert page.with_few_elements(nested.replace("inner", "<p>inner</p>")) == nested
    assert page.with_few_elements('<td class="right"><p>a <b>b</b></p>\n</td><th><p>c</p></th>') == (
        '<td class="right">a <b>b</b></td><th>c</th>'
    )
    assert page.with_few_elements('<a href="#a"><span class="std std-ref">See <i>a</i></span></a>') == (
        '<a href="#a"><span class="std std-ref">See <i>a</i></span></a>'
    )
    assert page.with_few_elements('<a href="#a"><span class="std std-ref">See a</span></a>') == '<a href="#a">See a</a>'
    code = '<div class="highlight-python notranslate"><div class="highlight"><pre>a\n</pre></div>\n</div>'
    assert page.with_few_elements(2 * code) == 2 * (
        '<div class="highlight-python notranslate highlight"><pre>a\n</pre></div>'
    )


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_kinds_of_words_that_become_one_look_the_same(mode: str):
    options = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "theme.conf"
    theme = configparser.ConfigParser(interpolation=None)
    theme.read(options)
    style = get_style_by_name(theme["options"][f"pygments_{mode}_style"])
    tokens = {name: token for token, name in STANDARD_TYPES.items()}
    for kind, names in page.ALIKE.items():
        looks = [style.style_for_token(tokens[name]) for name in (kind, *names)]
        assert all(look == looks[0] for look in looks), kind
    assert style.style_for_token(tokens["s"]) != style.style_for_token(tokens["k"])
