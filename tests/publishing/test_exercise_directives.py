"""Exercises on pages: the chapters' stubs, the boxes, and solutions that are published only if they are meant to be."""

import ast
import codecs
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, Site

import grokcourse
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.spec import Exercise
from grokcourse.publishing import exercises, stubs

pytestmark = pytest.mark.slow

PACKAGE = Path(grokcourse.__file__).parent
WITH_EXERCISES = [chapter for chapter, inside in CHAPTERS.items() if inside]
FUNCTION = EXERCISES["all_questions"]
QUESTION = next(exercise for exercise in EXERCISES.values() if exercise.question)


def chapter_text(chapter: str) -> str:
    return (ROOT / "book" / f"{chapter}.md").read_text(encoding="utf-8")


def body(exercise: Exercise) -> list[str]:
    """The lines that a student is to write, as the package has them."""
    given = exercise.stub.splitlines()
    return [line.strip() for line in exercise.source.splitlines() if line not in given]


# --- The chapters' text ---


@pytest.mark.parametrize("chapter", WITH_EXERCISES)
def test_a_chapter_has_its_exercises_once_and_in_order(chapter: str):
    text = chapter_text(chapter)
    names = [exercise.name for exercise in CHAPTERS[chapter]]
    assert re.findall(r"^```+\{exercise\} (\w+)", text, re.MULTILINE) == names
    assert re.findall(r"^```+\{solution\} (\w+)", text, re.MULTILINE) == names


@pytest.mark.parametrize("chapter", WITH_EXERCISES)
def test_a_chapters_stubs_are_those_of_their_exercises(chapter: str):
    text = chapter_text(chapter)
    assert stubs.with_stubs(text) == text, f"run: python -m grokcourse.publishing.stubs book/{chapter}.md"


@pytest.mark.parametrize("chapter", WITH_EXERCISES)
def test_a_chapter_puts_the_reference_through_its_hidden_tests(chapter: str):
    lines = chapter_text(chapter).splitlines()
    cells = [lines[b.start : b.end] for b in stubs.fenced_blocks(lines) if b.head.startswith("{code-cell}")]
    assert f'verify_chapter("{chapter}")' in cells[-1]
    assert ":tags: [remove-cell]" in cells[-1]


def test_pages_without_exercises_have_none():
    others = [path for path in (ROOT / "book").glob("*.md") if path.stem not in WITH_EXERCISES]
    assert others
    assert [path.name for path in others if "{exercise}" in path.read_text(encoding="utf-8")] == []


# --- The writer of stubs ---

TASK = "Words.\n\n```{exercise} all_questions\nBuild it.\n```\n\nMore.\n"


def test_a_missing_cell_is_made_and_a_stale_one_renewed():
    made = stubs.with_stubs(TASK)
    assert made == TASK.replace("```\n\nMore", "```\n\n" + "\n".join(stubs.stub_cell(FUNCTION)) + "\n\nMore")
    assert "    raise NotImplementedError\n\n\nall_questions = check(all_questions)\n```" in made
    assert stubs.with_stubs(made) == made
    assert stubs.with_stubs(made.replace("raise NotImplementedError", "return 1\n    return 2")) == made


def test_a_questions_cell_has_a_blank_to_fill_in():
    assert (
        stubs.stub_source(QUESTION)
        == f'{QUESTION.name} = ...\n{QUESTION.name} = check({QUESTION.name}, "{QUESTION.name}")'
    )


def test_other_blocks_are_left_alone():
    text = "````{note}\n```{exercise} nothing\n```\n````\n\n:::{tip}\n```\n:::\n\n~~~python\n```\n~~~\n"
    assert stubs.with_stubs(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```{exercise} all_questions\nBuild it.\n", "line 1: the block is not closed"),
        ("\n```{exercise} fly\n```\n", "line 2: {exercise} fly: there is no such exercise"),
        (stubs.with_stubs(TASK).replace("Build it.\n```", "Build it.\n```\nText."), "something stands between"),
        ("```{note}\n```\n\n" + "\n".join(stubs.stub_cell(FUNCTION)) + "\n", "follows no {exercise}"),
    ],
)
def test_malformed_chapters_are_refused(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(stubs.ChapterError, match=re.escape(message)):
        stubs.with_stubs(text)
    path = tmp_path / "chapter.md"
    path.write_text(text)
    assert stubs.main([str(path)]) == 1
    assert message in capsys.readouterr().err
    assert path.read_text() == text


# --- What may be included ---


def test_an_exercises_source_is_recognised_however_it_is_included():
    tasks = PACKAGE / "tasks.py"
    assert exercises.shows_solution(tasks, "all_questions") is FUNCTION
    assert exercises.shows_solution(tasks) is FUNCTION
    assert exercises.shows_solution(tasks, "Task") is None
    assert exercises.shows_solution(tasks, "nothing") is None
    assert exercises.shows_solution(PACKAGE / "runs.py") is None
    assert exercises.shows_solution(Path("tasks.py"), "all_questions") is None


def test_of_a_class_only_the_blank_method_is_the_exercise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "grokcourse" / "toy.py"
    path.parent.mkdir()
    path.write_text("class A:\n    def given(self):\n        pass\n\n    def asked(self):\n        pass\n")
    exercise = Exercise("A", "01-task", "toy:A", 1, 1, 1, "nothing", (), blank="asked")
    monkeypatch.setattr(exercises, "EXERCISES", {"A": exercise})
    assert exercises.shows_solution(path, "A.given") is None
    assert exercises.shows_solution(path, "A.asked") is exercise
    assert exercises.shows_solution(path, "A") is exercise


# --- Pages ---

CONF = """
extensions = ["myst_nb", "grokcourse.publishing.sphinx_ext"]
html_theme = "basic"
html_copy_source = False
nb_execution_mode = "off"
suppress_warnings = ["config.cache", "myst-nb.lexer"]
exclude_patterns = ["_build"]
"""
PAGE = """---
file_format: mystnb
kernelspec:
  name: python3
---

# Page

See {{ref}}`exercise-all_questions`.

```{{exercise}} all_questions
For any $p$, **build** it.
```

{stub}

```{{solution}} all_questions
```

```{{exercise}} {question}
Predict it.
```

```{{solution}} {question}
```
"""


def build(folder: Path, page: str, **environment: str) -> tuple[str, Path]:
    """Build a book of one page: what was printed, and where the site is."""
    folder.mkdir(exist_ok=True)
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(page)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-n",
        "-W",
        "--keep-going",
        "-b",
        "html",
        "-d",
        "_build/.doctrees",
        ".",
        "_build/html",
    ]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}", folder / "_build" / "html"


def test_boxes_hints_and_solutions_and_their_absence(tmp_path: Path):
    stub = "\n".join(stubs.stub_cell(FUNCTION))
    page = PAGE.format(question=QUESTION.name, stub=stub)
    log, site = build(tmp_path, page)
    assert log.startswith("exit 0"), log
    html = BeautifulSoup((site / "index.html").read_text(), "html.parser")
    box = html.select_one("#exercise-all-questions")
    assert box.select_one(".gc-exercise-title").get_text() == "Exercise 1.1: all_questions"
    assert html.select_one("a.internal[href='#exercise-all-questions']").get_text() == "Exercise 1.1: all_questions"
    told = box.select_one(".gc-exercise-facts").get_text(" ", strip=True)
    assert [fact for fact in exercises.facts(FUNCTION) if fact.replace("'", "’") not in told] == []
    assert f"({FUNCTION.difficulty} of 5)" in told
    assert box.select_one("strong").get_text() == "build"
    assert [hint.summary.get_text() for hint in box.select(".gc-hint")] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3"]
    assert html.select("details[open]") == []
    solution, answer = html.select("details.gc-solution")
    assert FUNCTION.source.strip() in solution.get_text()
    assert str(QUESTION.solution)[:4] in answer.get_text()

    assert box.name == "details"
    assert "raise NotImplementedError" in box.select_one(".tag_exercise").get_text()
    assert solution in box.select("details")
    assert html.select_one(".gc-mode").find_next(class_="gc-exercise") is box

    question = html.select_one(f"[data-exercise={QUESTION.name}]")
    assert question.name == "div"
    assert question.select(".tag_exercise") == []
    choices = question.select("details.gc-choice")
    assert [choice["data-letter"] for choice in choices] == [*QUESTION.offered]
    assert {len(choice.summary.find_all(recursive=False)) for choice in choices} == {2}  # the letter, and all the rest
    right = [letter for letter, (_, value) in QUESTION.offered.items() if value == QUESTION.solution]
    assert [choice["data-letter"] for choice in choices if "gc-right" in choice["class"]] == right
    assert [f"{QUESTION.solution:.0%}" in choice.summary.get_text() for choice in choices].count(True) == 1

    assert all(line in html.get_text() for line in body(FUNCTION))

    log, site = build(tmp_path / "off", page, GROKCOURSE_SOLUTIONS="false")
    assert log.startswith("exit 0"), log
    log, never_had_any = build(tmp_path / "none", re.sub(r"```\{solution\}.*?```\n", "", page, flags=re.DOTALL))
    assert log.startswith("exit 0"), log
    assert contents(site) == contents(never_had_any)


def test_letters_to_choose_are_listed_where_they_are_typed(tmp_path: Path):
    letters = EXERCISES["plateau_test_loss"]
    log, site = build(tmp_path, f"# Page\n\n```{{exercise}} {letters.name}\nPredict it.\n```\n")
    assert log.startswith("exit 0"), log
    box = BeautifulSoup((site / "index.html").read_text(), "html.parser").select_one("details.gc-exercise")
    listed = [paragraph.get_text() for paragraph in box.select(".gc-typed-choices p")]
    assert listed[:-1] == [f"({letter}) {choice.text}" for letter, (choice, _) in letters.offered.items()]
    assert f'{letters.name} = "a"' in listed[-1]
    assert not any(choice.why in box.get_text() for choice in letters.choices)


def contents(site: Path) -> dict[str, bytes]:
    """Every published file."""
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("page", "environment", "message"),
    [
        ("# Page\n\n```{exercise} fly\nUp.\n```\n", {}, "there is no exercise 'fly'"),
        (
            f"# Page\n\n```{{literalinclude}} {PACKAGE / 'tasks.py'}\n:pyobject: all_questions\n```\n",
            {},
            "use {solution}",
        ),
        ("# Page\n", {"GROKCOURSE_SOLUTIONS": "perhaps"}, "GROKCOURSE_SOLUTIONS is 'perhaps'"),
    ],
)
def test_what_is_wrong_fails_the_build(page: str, environment: dict[str, str], message: str, tmp_path: Path):
    if "literalinclude" in page:
        page = page.replace(str(PACKAGE), "/" + os.path.relpath(PACKAGE, tmp_path))
    log, _ = build(tmp_path, page, **environment)
    assert not log.startswith("exit 0")
    assert message in log


# --- The whole site without solutions ---


def included_lines() -> set[str]:
    """What the pages show in any case: their own text, and the source of things that are no exercises."""
    lines = set()
    for page in (ROOT / "book").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        lines |= {line.strip() for line in text.splitlines()}
        for block in re.findall(r"```\{literalinclude\} (.*?)```", text, re.DOTALL):
            source = (page.parent / block.split()[0]).read_text(encoding="utf-8")
            part = re.search(r":pyobject: (\S+)", block)
            if part is None:  # a whole file
                lines |= {line.strip() for line in source.splitlines()}
                continue
            shown = exercises._lines(ast.parse(source), part[1])
            lines |= {source.splitlines()[number - 1].strip() for number in shown}
    return lines


def text_of(path: Path) -> str:
    """What stands in a file of the site: in UTF-8, or in UTF-16 where it begins with that one's mark."""
    data = path.read_bytes()
    return data.decode("utf-16" if data.startswith(codecs.BOM_UTF16_LE) else "utf-8")


def test_a_site_without_solutions_has_no_trace_of_any(site: Site, tmp_path: Path):
    for kept in (".jupyter_cache", "runs"):  # the cells' outputs do not depend on it
        if (site.html.parent / kept).exists():
            shutil.copytree(site.html.parent / kept, tmp_path / "_build" / kept)
    command = [Path(sys.executable).with_name("jupyter-book"), "build", ROOT, "--path-output", tmp_path]
    environment = os.environ | {"GROKCOURSE_SOLUTIONS": "false"}
    done = subprocess.run([*command, "-n", "-W", "--keep-going"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^ran ", done.stdout, re.MULTILINE)

    html = tmp_path / "_build" / "html"
    ours = {
        "course.js",
        *(path.name for path in (ROOT / "book" / "assets").rglob("*.js")),
    }  # they name the class of what they open
    written = [path for path in [*html.rglob("*.html"), *html.rglob("*.js")] if path.name not in ours]
    pages = {path: text_of(path) for path in written}
    assert [path.name for path, content in pages.items() if "gc-solution" in content or "Solution of" in content] == []
    texts = [
        BeautifulSoup(content, "html.parser").get_text() for path, content in pages.items() if path.suffix == ".html"
    ]
    words = [" ".join(text.replace("’", "'").split()) for text in texts]
    shown = included_lines()
    for exercise in EXERCISES.values():
        if exercise.question:
            reason = " ".join((inspect.getdoc(exercise.target) or "").replace("`", "").replace("$", "").split())[:60]
            assert [text for text in words if reason in text] == [], exercise.name
        else:
            secret = [line for line in body(exercise) if len(line) > 20 and line not in shown]
            assert [line for line in secret if any(line in text for text in texts)] == [], exercise.name
    for path in (html / "notebooks").iterdir():
        assert path.read_bytes() == (site.html / "notebooks" / path.name).read_bytes()


def test_of_a_long_class_a_page_shows_the_method_to_write_and_the_rest_on_demand(site: Site):
    exercise = EXERCISES["Transformer"]
    page = BeautifulSoup((site.html / "book" / "02-transformer.html").read_text(encoding="utf-8"), "html.parser")
    box = page.select_one("details.gc-exercise[data-exercise=Transformer]")
    (given,) = box.select("details.gc-given")
    whole = given.select_one("pre").get_text()
    assert exercise.stub in whole
    assert not given.has_attr("open")
    shown = given.find_previous("pre").get_text()
    assert exercises.excerpt(exercise) in shown
    assert "def forward(" in shown
    assert "raise NotImplementedError" in shown
    assert shown.rstrip().endswith("Transformer = check(Transformer)")
    assert "def " not in shown.replace("def forward(", "")
    assert len(shown.splitlines()) < len(whole.splitlines()) / 3
    named = re.search(r"# Given: (.*)\.", shown)[1].split(", ")
    assert named == [name for name in re.findall(r"^    def (\w+)", whole, re.MULTILINE) if name != "forward"]
    assert page.select("details.gc-exercise[data-exercise=MLP] details.gc-given") == []  # short, and shown whole
