"""The Sphinx extension, on small books of its own: what is run, when again, and what is said when it fails."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from conftest import ROOT
from docutils.core import publish_doctree

import grokcourse
from grokcourse import runs
from grokcourse.config import RunConfig
from grokcourse.publishing import execution, live, page, readme_picture

CONF = """
extensions = ["myst_nb", "grokcourse.publishing.sphinx_ext"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_output_stderr = "error"
nb_execution_timeout = 60
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
        (self.folder / "index.md").write_text(f"# Index\n\n```{{toctree}}\n{names}\n```\n")
        for name, cells in pages.items():
            (self.folder / f"{name}.md").write_text(PAGE.format(title=name, cells=cells))

    def build(self) -> tuple[int, str]:
        """The exit code and all that was printed."""
        command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-b", "html"]
        command += ["-d", "_build/.doctrees", ".", "_build/html"]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def html(self, name: str) -> str:
        return (self.folder / "_build" / "html" / f"{name}.html").read_text()

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
limit = time.monotonic() + 30
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


def test_the_fingerprint_covers_what_shapes_the_outputs_and_nothing_else(tmp_path: Path):
    package, trained = tmp_path / "grokcourse", tmp_path / "runs"
    for path in ("model.py", "recorded/main/run.json", "publishing/page.py", "__pycache__/model.pyc"):
        (package / path).parent.mkdir(parents=True, exist_ok=True)
        (package / path).write_text("before")
    (trained / "main").mkdir(parents=True)
    first = execution.fingerprint(package)

    (package / "publishing/page.py").write_text("after")
    (package / "__pycache__/model.pyc").write_text("after")
    assert execution.fingerprint(package) == first

    seen = {first}
    (package / "recorded/main/run.json").write_text("after")
    seen.add(execution.fingerprint(package))
    (package / "model.py").rename(package / "models.py")
    seen.add(execution.fingerprint(package))
    (trained / "main" / "run.json").write_text("live")
    seen.add(execution.fingerprint(package, trained))
    assert len(seen) == 4


def test_the_results_not_used_for_longest_are_removed(tmp_path: Path):
    for age in range(execution.KEPT + 2):
        folder = execution.results_folder(tmp_path, f"results{age}")
        os.utime(folder, (1_000_000 + age, 1_000_000 + age))
    execution.results_folder(tmp_path, "results2")  # used again: now the latest
    execution.results_folder(tmp_path, "new")
    kept = {path.name for path in tmp_path.iterdir()}
    assert len(kept) == execution.KEPT
    assert {"new", "results2"} <= kept


def test_the_readme_shows_a_picture_that_we_can_draw_again(tmp_path: Path):
    readme_picture.main(place=tmp_path / "curve.png")
    drawn, shown = plt.imread(tmp_path / "curve.png"), plt.imread(ROOT / readme_picture.PLACE)
    assert f"]({readme_picture.PLACE})" in (ROOT / "README.md").read_text()
    assert drawn.shape == shown.shape


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
