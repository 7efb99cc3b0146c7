"""One exercise, from the first line to the page: ``make exercise NAME=gini``.

For an exercise that exists it writes the stub into the chapter, runs the exercise's gate, and builds the site, of which
only what depends on the change is run again. For a new one it writes the skeletons of the entry and of the hidden
tests, and says what is left to do: ``make exercise NAME=halve CHAPTER=03-weight-decay REFERENCE=training:halve``.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES, checks_module
from grokcourse.publishing import stubs

ROOT = Path(__file__).parents[1]
ENTRY = """\
    Exercise(
        name="{name}",
        chapter="{chapter}",
        reference="{reference}",
        points=2,
        difficulty=2,  # 1 (a line) to 5 (an evening)
        minutes=10,
        teaches="TODO: what one has learnt by doing it",
        hints=("TODO: each a little more than the one before",),
    ),
)
"""
CHECKS = """

# --- {name} {rule}


@checks("{name}", "TODO: what is tested, in words")
def test_{name}(student, draw):
    expect(False, "this hidden test is not written yet: compare with an oracle that is not the reference")


@mistake("{name}", "TODO: one sentence that names the misconception")
def {name}_wrong(*args):
    raise NotImplementedError("TODO: a wrong answer that people give; six or more of them")
"""
LEFT = """\
Written: the entry, at the end of {entry}, and a hidden test that fails, at the end of {checks}. Left to do:
1. fill in what says TODO; move the entry to where the page has the exercise;
2. two other right answers, or more, in ALTERNATIVES of tests/autograder/test_exercises_{number}.py;
3. in book/{chapter}.md, where the reader has just learnt what it takes:

```{{exercise}} {name}
The task in words.
```

```{{solution}} {name}
```

4. make exercise NAME={name}, until it passes."""


class ScaffoldError(ValueError):
    """The exercise cannot be begun so; the message says why."""


def scaffold(package: Path, name: str, chapter: str, reference: str) -> str:
    """Write the skeletons of a new exercise into the package's folder; returns what is left to do.

    Raises:
        ScaffoldError: if the name is taken or none, or there is no such chapter.
    """
    if not name.isidentifier() or name in EXERCISES:
        raise ScaffoldError(f"{name!r} cannot be the name of a new exercise: it is taken, or no name of Python's")
    if chapter not in CHAPTERS:
        raise ScaffoldError(f"CHAPTER has to be one of {', '.join(CHAPTERS)}, not {chapter!r}")
    if reference.count(":") != 1:
        raise ScaffoldError(
            f"REFERENCE is the package's own function, MODULE:NAME, such as training:split, not {reference!r}"
        )
    checks = package / f"{checks_module(chapter).replace('.', '/')}.py"
    entry = checks.with_name("__init__.py")
    rule = "-" * (120 - len(f"# --- {name} "))
    listed, tested = entry.read_text(encoding="utf-8"), checks.read_text(encoding="utf-8")
    if not listed.endswith("),\n)\n"):
        raise ScaffoldError(f"{entry}: the list of exercises does not end the file")
    listed = listed.removesuffix(")\n") + ENTRY.format(name=name, chapter=chapter, reference=reference)
    entry.write_text(listed, encoding="utf-8")
    checks.write_text(tested + CHECKS.format(name=name, rule=rule), encoding="utf-8")
    return LEFT.format(entry=entry, checks=checks, number=chapter[:2], chapter=chapter, name=name)


def verify(name: str) -> int:
    """Write the stub, run the gate, build the site; returns the first exit code that is not 0."""
    chapter = ROOT / "book" / f"{EXERCISES[name].chapter}.md"
    gate = [sys.executable, "-m", "pytest", "-q", "tests/autograder/test_exercises.py", "-k", name]
    site = [Path(sys.executable).with_name("jupyter-book"), "build", ".", "-n", "-W", "--keep-going", "-q"]
    return stubs.main([str(chapter)]) or next(
        (code for command in (gate, site) if (code := subprocess.run(command, cwd=ROOT).returncode)), 0
    )


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("chapter", nargs="?", default="")
    parser.add_argument("reference", nargs="?", default="")
    given = parser.parse_args()
    if given.name in EXERCISES:
        return verify(given.name)
    try:
        print(scaffold(ROOT / "src" / "grokcourse", given.name, given.chapter, given.reference))
    except ScaffoldError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
