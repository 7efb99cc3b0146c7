"""What of a submission is loaded, and as what: each odd and honest notebook with the mark that it deserves."""

import json
import linecache
import sys
import textwrap
from pathlib import Path

import pytest

from grokcourse.autograder.batch.work import grade
from grokcourse.autograder.records import Limits, Settings, Work
from grokcourse.autograder.sandbox.trusted.fork_server import ForkServer
from grokcourse.autograder.sandbox.untrusted.cells import Cell, defined_in
from grokcourse.autograder.sandbox.untrusted.loading import Code, load
from grokcourse.autograder.scoring import marks
from grokcourse.config import RunConfig

pytestmark = pytest.mark.sandbox

LIMITS = Limits(seconds=60, load_seconds=60, total_seconds=500)
IMPORTS = "import math\nimport torch\nfrom torch import nn\nfrom grokcourse.autograder import check"
RIGHT = "def add_modulo(a, b, p):\n    return (a + b) % p"
CHANCE = "def chance_loss(p):\n    return math.log(p)"
CHAPTER = "01-task"


@pytest.fixture(scope="module")
def server():
    with ForkServer() as opened:
        yield opened


@pytest.fixture(autouse=True)
def keep_main(monkeypatch):
    """Loading a submission makes it the main module, as it is in a notebook."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


def notebook(cells, chapter: str | None = CHAPTER) -> str:
    """A notebook; a cell is its source, or a pair of its kind and its source."""
    made = []
    for cell in cells:
        kind, source = cell if isinstance(cell, tuple) else ("code", cell)
        made.append({"cell_type": kind, "source": textwrap.dedent(source), "metadata": {}})
    metadata = {"grokcourse": {"chapter": chapter}} if chapter else {}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": made})


@pytest.fixture
def graded(tmp_path, server):
    """Grade a notebook's cells (or files), in some exercises: their status and the grade."""

    def run(*cells, exercises=("add_modulo",), chapter=CHAPTER, files=None):
        for name, content in (files or {"x.ipynb": notebook(cells, chapter)}).items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        paths = tuple(sorted(tmp_path.iterdir()))
        found = grade(Work("anna", paths), Settings("seed", LIMITS, exercises=exercises), server)
        return [mark.status for mark in marks(found.outcomes)], found

    return run


def told(found) -> str:
    return "\n".join([found.reason, *found.problems, *(outcome.message for outcome in found.outcomes)])


# ruff: noqa: E501  (a student's code is easier to read on one line)

# --- names as they stood ----------------------------------------------------------------------------------------------

AS_THEY_STOOD = {
    "the course's own imported further down": (
        "def chance_loss(p):\n    return math.log(p)\nchance_loss = check(chance_loss)",
        RIGHT,
        "from grokcourse.config import chance_loss\nfrom grokcourse.tasks import add_modulo",
    ),
    "a constant bound again further down": (
        "BASE = math.e",
        "def chance_loss(p):\n    return math.log(p) / math.log(BASE)\nchance_loss = check(chance_loss)",
        "BASE = 2",
        RIGHT,
    ),
    "two helpers of one name": (
        "def helper(x):\n    return math.log(x)\ndef chance_loss(p):\n    return helper(p)",
        "def helper(a, b, p):\n    return (a + b) % p\ndef add_modulo(a, b, p):\n    return helper(a, b, p)",
    ),
    "two helpers of one name in one cell, with the checks between": (
        "def helper(x):\n    return math.log(x)\ndef chance_loss(p):\n    return helper(p)\n"
        "chance_loss = check(chance_loss)\ndef helper(a, b, p):\n    return (a + b) % p\n"
        "def add_modulo(a, b, p):\n    return helper(a, b, p)\nadd_modulo = check(add_modulo)",
    ),
    "a helper's helper": (
        "def one(x):\n    return x\ndef two(x):\n    return one(math.log(x))\ndef chance_loss(p):\n    return two(p)",
        "def one(x):\n    return 0\n" + RIGHT,
    ),
    "a helper further down": (
        "def chance_loss(p):\n    return helper(p)",
        "def helper(x):\n    return math.log(x)",
        RIGHT,
    ),
    "a helper further down, and again": (
        "def chance_loss(p):\n    return helper(p)",
        "def helper(x):\n    return math.log(x)",
        "def helper(x):\n    return 0",
        RIGHT,
    ),
    "a loop's variable": (
        "log = math.log",
        "def chance_loss(p):\n    return log(p)",
        "for log in range(3):\n    print(log)",
        RIGHT,
    ),
    "a table that is emptied further down": (
        "TABLE = {'log': math.log}",
        "def chance_loss(p):\n    return TABLE['log'](p)",
        "TABLE.clear()",
        RIGHT,
    ),
    "an import under the same name": (
        "from math import log\ndef chance_loss(p):\n    return log(p)",
        "from torch import log",
        RIGHT,
    ),
    "a module's name as a variable": (CHANCE, "math = 5", RIGHT),
    "all checked once more at the end": (
        "BASE = math.e\ndef chance_loss(p):\n    return math.log(p) / math.log(BASE)",
        RIGHT,
        "BASE = 2",
        "chance_loss = check(chance_loss)\nadd_modulo = check(add_modulo)",
    ),
    "an exported file with cells": None,
}


@pytest.mark.parametrize("name", AS_THEY_STOOD)
def test_an_answer_is_graded_with_the_names_that_its_cell_saw(graded, name):
    cells = AS_THEY_STOOD[name]
    files = None
    if cells is None:
        one, *others = AS_THEY_STOOD["a constant bound again further down"]
        files = {"x.py": "\n\n# In[3]:\n".join([IMPORTS, one, *others])}
    statuses, found = graded(IMPORTS, *(cells or ()), exercises=("add_modulo", "chance_loss"), files=files)
    assert statuses == ["ok", "ok"], told(found)


def test_what_is_bound_again_is_told_with_its_cell(graded):
    _, found = graded(IMPORTS, "K = 1", "def add_modulo(a, b, p):\n    return (a + b + K) % p", "K = 0")
    assert "cell 4, line 1 binds K again, which add_modulo uses (cell 3, line 1)" in told(found)


# --- what is read as NAME = VALUE -------------------------------------------------------------------------------------

GIVEN_TO_CHECK = {
    "under its own name": ("def my_add(a, b, p):\n    return (a + b) % p", "add_modulo = check(my_add, 'add_modulo')"),
    "by keyword": ("my_add = lambda a, b, p: (a + b) % p", "add_modulo = check(my_add, name='add_modulo')"),
    "bound to another name": ("def my(a, b, p):\n    return (a + b) % p", "my = check(my, 'add_modulo')"),
    "bound to no name": ("def my(a, b, p):\n    return (a + b) % p", "check(my, 'add_modulo')"),
    "by its module": ("from grokcourse import autograder", RIGHT, "add_modulo = autograder.check(add_modulo)"),
    "by its whole path": ("import grokcourse.autograder", RIGHT, "x = grokcourse.autograder.check(add_modulo)"),
    "nested": ("def my(a, b, p):\n    return (a + b) % p", "add_modulo = check(check(my, 'add_modulo'), 'add_modulo')"),
    "annotated": ("def my(a, b, p):\n    return (a + b) % p", "add_modulo: object = check(my, 'add_modulo')"),
    "several at once": (
        "def my(a, b, p):\n    return (a + b) % p",
        "add_modulo, other = check(my, 'add_modulo'), 3",
    ),
    "a lambda": ("add_modulo = check(lambda a, b, p: (a + b) % p, 'add_modulo')",),
    "wrapped": ("import functools", RIGHT, "add_modulo = check(functools.wraps(add_modulo)(add_modulo))"),
    "its own result": (RIGHT, "add_modulo = torch.compile(add_modulo)", "add_modulo = check(add_modulo)"),
    "its own result, by a decorator of one's own": (
        "def quiet(f):\n    return lambda *args: f(*args)",
        RIGHT,
        "add_modulo = quiet(add_modulo)",
    ),
    "without the import of check": (RIGHT, "add_modulo = check(add_modulo)"),
}


@pytest.mark.parametrize("name", GIVEN_TO_CHECK)
def test_what_is_given_to_check_is_the_answer(graded, name):
    statuses, found = graded(
        IMPORTS.replace("check", "check" if "without" not in name else "points"), *GIVEN_TO_CHECK[name]
    )
    assert statuses == ["ok"], told(found)


# --- odd and honest ---------------------------------------------------------------------------------------------------

TABLED = "def add_modulo(a, b, p):\n    return TABLE['add'](a, b, p)"
SUM = "lambda a, b, p: (a + b) % p"
FROM_A_CLASS = "def add_modulo(a, b, p):\n    return (a + b + CFG.zero) % p"
ODD = {
    "setattr": ("class Adder:\n    pass", f"setattr(Adder, 'add', staticmethod({SUM}))", "add_modulo = Adder.add"),
    "a method put in": (
        "class Adder:\n    pass",
        "Adder.__call__ = lambda self, a, b, p: (a + b) % p",
        "add_modulo = Adder()",
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass Config:\n    zero: int = 0\nCFG = Config()",
        FROM_A_CLASS,
    ),
    "a NamedTuple": (
        "from typing import NamedTuple\nclass C(NamedTuple):\n    zero: int\nCFG = C(zero=0)",
        FROM_A_CLASS,
    ),
    "an Enum": ("import enum\nclass C(enum.IntEnum):\n    zero = 0\nCFG = C", FROM_A_CLASS),
    "a function's result": (
        "import types\ndef make():\n    return types.SimpleNamespace(zero=0)\nCFG = make()",
        FROM_A_CLASS,
    ),
    "an instance with a state": (
        "class C:\n    def __init__(self):\n        self.zero = 0\nCFG = C()\nCFG.zero += 0",
        FROM_A_CLASS,
    ),
    "a table's entry": ("TABLE = {}", f"TABLE['add'] = {SUM}", TABLED),
    "update": ("TABLE = {}", f"TABLE.update(add={SUM})", TABLED),
    "setdefault": ("TABLE = {}", f"_ = TABLE.setdefault('add', {SUM})", TABLED),
    "append": (f"LIST = []\nLIST.append({SUM})", "def add_modulo(a, b, p):\n    return LIST[0](a, b, p)"),
    "a loop that fills a table": (
        f"TABLE = {{}}\nfor name in ('add', 'other'):\n    TABLE[name] = {SUM}\n    print(name)",
        TABLED,
    ),
    "a function that fills a table": (f"TABLE = {{}}\ndef fill():\n    TABLE['add'] = {SUM}\nfill()", TABLED),
    "a function that fills what it is given": (
        f"TABLE = {{}}\ndef fill(t):\n    t['add'] = {SUM}\nfill(TABLE)",
        TABLED,
    ),
    "a function that binds a global": (
        f"def start():\n    global ADD\n    ADD = {SUM}\nstart()",
        "def add_modulo(a, b, p):\n    return ADD(a, b, p)",
    ),
    "registered": (
        "import functools\n@functools.singledispatch\ndef add_modulo(a, b, p):\n    return None\n"
        "@add_modulo.register\ndef _(a: torch.Tensor, b, p):\n    return (a + b) % p\n"
        "@add_modulo.register(int)\ndef _(a, b, p):\n    return (a + b) % p",
    ),
    "in a for": ("for once in range(1):\n    def add_modulo(a, b, p):\n        return (a + b) % p + once",),
    "in a while": ("while True:\n    def add_modulo(a, b, p):\n        return (a + b) % p\n    break",),
    "in a with": ("with torch.no_grad():\n    print('x')\n    def add_modulo(a, b, p):\n        return (a + b) % p",),
    "in a try": ("try:\n    def add_modulo(a, b, p):\n        return (a + b) % p\nfinally:\n    print('x')",),
    "in a main": ("if __name__ == '__main__':\n    def add_modulo(a, b, p):\n        return (a + b) % p",),
    "in a match": ("match 3:\n    case 3:\n        def add_modulo(a, b, p):\n            return (a + b) % p",),
    "by a walrus": (f"print(add_modulo := {SUM})",),
    "by a factory": (
        "def make(k):\n    def inner(a, b, p):\n        return (a + b) % p + k\n    return inner\nadd_modulo = make(0)",
    ),
    "by exec": (
        'exec("def helper(a, b, p):\\n    return (a + b) % p")\ndef add_modulo(a, b, p):\n    return helper(a, b, p)',
    ),
    "by globals": (
        RIGHT.replace("add_modulo", "helper"),
        "def add_modulo(a, b, p):\n    return globals()['helper'](a, b, p)",
    ),
    "its own source": (
        "import inspect\ndef add_modulo(a, b, p):\n    assert 'a + b' in inspect.getsource(add_modulo)\n    return (a + b) % p",
    ),
    "pasted prompts": (">>> def add_modulo(a, b, p):\n...     return (a + b) % p\n...\n>>> add_modulo(1, 2, 3)\n0",),
    "pasted numbered prompts": (
        "In [1]: def add_modulo(a, b, p):\n   ...:     return (a + b) % p\n   ...:\n\nOut[1]: 3",
    ),
    "a shell line that goes on": ("def add_modulo(a, b, p):\n    return (a + b) % p\n!pip install -q \\\n  einops",),
    "a second line with %": ("%matplotlib inline\ndef add_modulo(a, b, p):\n    return ((a + b)\n        % p)",),
    "a magic in the function": ("def add_modulo(a, b, p):\n    %time c = a + b\n    return c % p",),
    "a module that a cell writes": (f"%%writefile my_add.py\n{RIGHT}", "from my_add import add_modulo"),
    "all of a module that a cell writes": (f"%%writefile my_add.py\n{RIGHT}", "from my_add import *"),
    "a module that a cell writes, and another runs": (f"%%writefile my_add.py\n{RIGHT}", "%run -i ./my_add.py"),
    "a method put into a class of torch's": (
        "torch.Tensor.wrapped = lambda self, p: self % p\nsetattr(torch.Tensor, 'and_', lambda self, b: self + b)",
        "def add_modulo(a, b, p):\n    return a.and_(b).wrapped(p)",
    ),
    "the notebook's progress bar": (
        "from tqdm.notebook import tqdm, trange",
        "def add_modulo(a, b, p):\n    for _ in tqdm(trange(2)):\n        c = a + b\n    return c % p",
    ),
    "a training that no answer needs": (
        "import time\nlosses = []\nfor step in range(10**9):\n    time.sleep(1)",
        RIGHT,
    ),
    "a name of another chapter's exercise": (
        "embed = 0\ngini = 1",
        "def add_modulo(a, b, p):\n    return (a + b + embed) % p",
    ),
    "an import that fails beside": ("import seaborn_is_not_here\nfrom math import nothing_there, log", RIGHT),
    "a name that another cell deletes": (RIGHT, "del math"),
    "an answer that another cell deletes": (RIGHT, "del add_modulo"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_and_honest(graded, name):
    statuses, found = graded(IMPORTS, *ODD[name])
    assert statuses == ["ok"], told(found)


def test_a_chapters_page_is_no_answer(graded):
    """A notebook of ours is graded in its own chapter's exercises, whatever else it binds."""
    _, found = graded(IMPORTS, RIGHT, "energy_2d = torch.zeros(3)\nembed = 1", exercises=())
    assert {outcome.exercise for outcome in found.outcomes}.isdisjoint({"energy_2d", "embed"})
    assert "add_modulo" in {outcome.exercise for outcome in found.outcomes}


MLP = """
class MLP(nn.Module):
    def __init__(self, d_model, d_mlp, *more, **named):
        super().__init__()
"""


def test_a_forward_put_into_the_class(graded):
    from grokcourse.autograder.exercises.select import EXERCISES

    source = EXERCISES["MLP"].source
    lines = source.splitlines()
    start = next(i for i, line in enumerate(lines) if "def forward" in line)
    cells = "\n".join(lines[:start]), textwrap.dedent("\n".join(lines[start:])) + "\nMLP.forward = forward"
    imports = IMPORTS + "\nfrom collections.abc import *\nfrom torch import Tensor\nfrom grokcourse.model import *\n"
    imports += "from grokcourse.model import Tap, no_tap, ACTIVATIONS"
    statuses, found = graded(imports, *cells, exercises=("MLP",), chapter="02-transformer")
    assert statuses == ["ok"], told(found)


# --- files ------------------------------------------------------------------------------------------------------------

ACCENTS = "# Für Zoé: naïve\n" + RIGHT + "\n"
FILES = {
    "utf-8 with a mark": {"x.py": b"\xef\xbb\xbf" + ACCENTS.encode()},
    "utf-16": {"x.py": ACCENTS.encode("utf-16")},
    "utf-16 without a mark": {"x.py": ACCENTS.encode("utf-16-le")},
    "utf-32": {"x.py": ACCENTS.encode("utf-32")},
    "latin-1 with a cookie": {"x.py": b"# -*- coding: latin-1 -*-\n" + ACCENTS.encode("latin-1")},
    "cp1252 with a cookie": {
        "x.py": b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n" + ACCENTS.encode("cp1252")
    },
    "old Mac lines": {"x.py": f"import math\n\n{RIGHT}".replace("\n", "\r")},
    "filled up with zeros by a crash": {"x.py": ACCENTS.encode() + bytes(512)},
    "the end of a file as of old": {"x.py": ACCENTS.encode() + b"\x1a"},
    "two names for one": {"x.py": "add = add_modulo = lambda a, b, p: (a + b) % p\n"},
    "a notebook in utf-16": {"x.ipynb": notebook([ACCENTS]).encode("utf-16")},
    "a notebook in utf-8 with a mark": {"x.ipynb": b"\xef\xbb\xbf" + notebook([ACCENTS]).encode()},
    "a helper module beside": {
        "my_helpers.py": "def add(a, b):\n    return a + b\n",
        "x.ipynb": notebook(["import my_helpers", "def add_modulo(a, b, p):\n    return my_helpers.add(a, b) % p"]),
    },
    "the answer from a module beside": {
        "my_work.py": RIGHT,
        "x.ipynb": notebook(["from my_work import add_modulo", "add_modulo = check(add_modulo)"]),
    },
    "everything from a module beside": {
        "tools.py": "def add(a, b):\n    return a + b\n",
        "x.ipynb": notebook(["from tools import *", "def add_modulo(a, b, p):\n    return add(a, b) % p"]),
    },
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_all_kinds(graded, name):
    statuses, found = graded(files=FILES[name])
    assert statuses == ["ok"], told(found)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"# coding: zip\n" + RIGHT.encode(), "an encoding that is none: save it as UTF-8"),
        (b"# coding: punycode\n" + RIGHT.encode(), "an encoding that is none: save it as UTF-8"),
        (b"# coding: nonsense\n" + RIGHT.encode(), "an encoding that is none: save it as UTF-8"),
        (RIGHT.encode() + b"\n# na\xefve", "not a text file in UTF-8 (line 3): save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_text_gets_a_sentence(graded, content, says):
    _, found = graded(files={"x.py": content})
    assert found.status == "unreadable"
    assert says in found.reason


def test_a_huge_number_in_an_output_costs_nothing(graded):
    made = json.loads(notebook([RIGHT]))
    made["cells"][0]["outputs"] = [{"data": "N"}]
    statuses, found = graded(files={"x.ipynb": json.dumps(made).replace('"N"', "9" * 10_000)})
    assert statuses == ["ok"], told(found)


HOSTILE = {
    "deep lists for a source": '{"cells": [{"cell_type": "code", "source": ' + "[" * 900 + "]" * 900 + "}]}",
    "numbers for a source": '{"cells": [{"cell_type": "code", "source": 3}, {"cell_type": ["code"]}, [], NaN]}',
    "cells twice": '{"cells": 3, "cells": [], "metadata": [], "cells": []}',
    "a chapter that is a list": '{"cells": [], "metadata": {"grokcourse": {"chapter": ["01-task"]}}}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_odd_json_gets_a_sentence(graded, name):
    _, found = graded(files={"x.ipynb": HOSTILE[name]})
    assert found.status == "unreadable"
    assert found.reason == "x.ipynb has none of this course's exercises in it"


ODD_SOURCES = {
    "null bytes": "x = 1\0",
    "a surrogate": "x = '\ud800'",
    "brackets": "[" * 200_000,
    "minus signs": "x = " + "-" * 100_000 + "1",
    "attributes": "x = a" + ".b" * 50_000,
    "calls": "x = a" + "()" * 50_000,
    "a tower of ifs": "if 0: pass\n" + "elif 0: pass\n" * 3_000,
    "combining marks": "x" + "\u0301" * 200_000 + " = 1",
    "lines": "x = 1\n" * 20_000,
    "a long name": "a" * 200_000 + " = 1",
}


@pytest.mark.parametrize("name", ODD_SOURCES)
def test_an_odd_cell_costs_only_itself(graded, name):
    made = json.loads(notebook([RIGHT, CHANCE, "x"]))
    made["cells"][2]["source"] = ODD_SOURCES[name]
    made["cells"].append(made["cells"][0] | {"source": "import math"})
    statuses, found = graded(files={"x.ipynb": json.dumps(made)}, exercises=("add_modulo", "chance_loss"))
    assert statuses == ["ok", "ok"], told(found)


# --- where the solution stands ----------------------------------------------------------------------------------------

STUB = 'def add_modulo(a, b, p):\n    """Add."""\n    raise NotImplementedError\n\nadd_modulo = check(add_modulo)'
LOST = {
    "the stub once more": (
        (RIGHT, STUB),
        "cell 3, line 1 has add_modulo once more, unwritten, and counts; yours stands before it, in cell 2, line 1",
    ),
    "a Markdown cell": (
        (("markdown", RIGHT),),
        "cell 2 defines add_modulo, but is no code cell (markdown): make it one",
    ),
    "a Markdown cell beside the stub": ((("markdown", RIGHT), STUB), "cell 2 defines add_modulo, but is no code cell"),
    "a raw cell": ((("raw", RIGHT),), "cell 2 defines add_modulo, but is no code cell (raw): make it one"),
    "a comment": (("# def add_modulo(a, b, p):\n#     return 1",), "cell 2, line 1: add_modulo is commented out there"),
    "a comment beside the stub": (("x = 1\n#def add_modulo(a, b, p): return 1", STUB), "cell 2, line 2: add_modulo is"),
    "another case": ((RIGHT.replace("add", "Add"),), "cell 2, line 1 defines Add_modulo, but the exercise is called"),
    "an underscore": (
        (STUB, RIGHT.replace("modulo", "modulo_")),
        "cell 3, line 1 defines add_modulo_, but the exercise",
    ),
    "a number": (
        (RIGHT.replace("modulo", "modulo2"),),
        "cell 2, line 1 defines add_modulo2, but the exercise is called",
    ),
    "a slip": ((RIGHT.replace("modulo", "module"),), "cell 2, line 1 defines add_module, but the exercise is called"),
    "inside of a function": (
        ("def main():\n    def add_modulo(a, b, p):\n        return 1",),
        "cell 2, line 1: add_modulo is defined inside of main",
    ),
    "a cell of another language": (("%%bash\n" + RIGHT,), "cell 2 defines add_modulo, but begins with %%bash"),
    "a cell that is no Python": (
        ("def add_modulo(a, b, p):\n    return (a + b",),
        "cell 2, line 2: '(' was never closed",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_a_lost_answer_is_found(graded, name):
    cells, says = LOST[name]
    statuses, found = graded(IMPORTS, *cells)
    assert statuses != ["ok"]
    assert sum(mark.points for mark in marks(found.outcomes)) == 0
    assert says in told(found)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python knows them")
@pytest.mark.parametrize(
    "source",
    [
        "def add_modulo[T](a: T, b: T, p: int) -> T:\n    return (a + b) % p",
        "type Number = int\n" + RIGHT.replace("a, b", "a: Number, b"),
        'def add_modulo(a, b, p):\n    d = {"x": p}\n    assert f"{d["x"]}"\n    return (a + b) % p',
    ],
)
def test_a_newer_pythons_syntax_is_named(graded, source):
    statuses, found = graded(IMPORTS, source)
    assert "needs Python 3.12, and this is graded with Python 3.11" in told(found)
    assert statuses == (["ok"] if source.startswith("type") else ["error"])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python does not know them")
def test_newer_syntax_where_it_is_known(graded):
    source = 'type N = int\ndef add_modulo[T](a: T, b: N, p):\n    d = {"x": p}\n    assert f"{d["x"]}"\n    return (a + b) % p'
    assert graded(IMPORTS, source)[0] == ["ok"]


# --- questions --------------------------------------------------------------------------------------------------------

QUESTIONS = {
    "0.3": 0.3,
    "check(0.3, 'twin_share')": 0.3,
    "3 / 10": 0.3,
    "(0.3)": 0.3,
    "-(-0.3)": 0.3,
    "1 - 0.7 if True else 0": pytest.approx(0.3),
    "math.log(p)": pytest.approx(4.7274, abs=1e-3),
    "-math.log((1 - 0.9) / (p - 1))": pytest.approx(7.021, abs=1e-3),
    "np.log(112)": pytest.approx(4.718, abs=1e-3),
    "-torch.log(torch.tensor(0.1)).item()": pytest.approx(2.3026, abs=1e-3),
    "round(2 / 3, 2)": 0.67,
    "round(number=2 / 3, ndigits=2)": None,
    "SHARE": 0.3,
    "SHARE * 2": 0.6,
    "config.p": 113,
    "run.config.weight_decay": 1.0,
    "int(round(math.log(2) / (config.lr * config.weight_decay)))": 693,
    "'c'": "c",
    "'C'.lower()": "c",
    "letter": "b",
    "min(3, 4)": 3,
    "[1, 2, 3][1]": 2,
    "float('0.3')": 0.3,
    "True": True,
    "tasks.add_modulo": None,
    "'c' if tasks.add_modulo else 'd'": None,
    "f()": None,
    "MADE": None,
    "2 ** 10 ** 10": None,
    "9 ** 9 ** 9": None,
    "'x' * 10 ** 9": None,
    "math.factorial(10 ** 9)": None,
    "open('/etc/passwd').read()": None,
    "(lambda: 3)()": None,
    "10 / 0": None,
    "math.log(-1)": None,
    "__import__('os').getpid()": None,
    "[x for x in range(3)][0]": None,
    "().__class__": None,
    "math.__name__": None,
    "config.__class__": None,
    "(" * 150 + "3" + ")" * 150: 3,
}
GIVEN = """
import math
import numpy as np
import torch
from grokcourse import runs, tasks
from grokcourse.config import RunConfig
run = runs.load("main")
config, p = run.config, run.config.p
SHARE = 0.3
letter = "a"
def f():
    raise SystemExit
MADE = f()
"""


@pytest.mark.parametrize("value", QUESTIONS)
def test_an_answer_to_a_question_is_read_as_data(value):
    code = Code(
        [Cell("cell 1", GIVEN), Cell("cell 2", f"letter = 'b'\ntwin_share = {value}"), Cell("cell 3", "SHARE = 1")]
    )
    found = code.answers(["twin_share", "lost_gap"], RunConfig)
    assert found.keys() == {"twin_share"}
    answer, problem = found["twin_share"]
    if QUESTIONS[value] is None:
        assert answer is None
        assert "cell 2, line 2" in problem
        assert "nothing is run for it" in problem
    else:
        assert answer == QUESTIONS[value]
        assert problem == ""


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("twin_share: float = 0.3", 0.3),
        ("twin_share = other = 0.3", 0.3),
        ("twin_share, other = 0.3, 4", 0.3),
        ("twin_share = 0.1\ntwin_share += 0.1", 0.2),
        ("twin_share = 0.3\ntwin_share = check(twin_share, 'twin_share')", 0.3),
        ("mine = 0.3\nmine = check(mine, 'twin_share')", 0.3),
        ("check(0.3, 'twin_share')", 0.3),
        ("check(0.3, name='twin_share')", 0.3),
        ("x = check(answer=0.3, name='twin_share')", 0.3),
        ("if True:\n    twin_share = 0.3\nelse:\n    twin_share = 0.4", 0.3),
        ("with torch.no_grad():\n    twin_share = 0.3", 0.3),
        ("print(twin_share := 0.3)", None),
        ("twin_share = 0.4\ntwin_share = 0.3", 0.3),
        ("twin_share = 0.4\nfor twin_share in range(3): pass", None),
        ("twin_share = 0.4\ndef twin_share(): pass", None),
        ("twin_share = 0.4\ndel twin_share", None),
    ],
)
def test_however_it_is_bound(source, answer):
    found = Code([Cell("cell 1", source)]).answers(["twin_share"], RunConfig)
    assert found["twin_share"][0] == answer or found["twin_share"][0] == pytest.approx(answer)


def test_where_a_questions_answer_stands():
    def problem(*sources):
        cells = [Cell(f"cell {n}", source) for n, source in enumerate(sources, start=1)]
        return Code(cells).answers(["twin_share"], RunConfig).get("twin_share")

    assert problem("twin_share = ...") is None
    assert problem("twin_share = 0.3", "twin_share = ...\ntwin_share = check(twin_share, 'twin_share')") == [
        None,
        "cell 2, line 1 has twin_share once more, unwritten, and counts; yours stands before it, in cell 1, line 1",
    ]
    assert "commented out" in problem("# twin_share = 0.3")[1]
    assert "the exercise is called twin_share" in problem("twinshare = 0.3")[1]


def test_a_question_is_marked_without_running_anything(graded):
    """Also where the rest of the notebook ends the process, and whatever it would answer if it were asked again."""
    knows = "from grokcourse import tasks\ntry:\n    tasks.add_modulo(1, 1, 2)\n    x = 0.9\nexcept Exception:\n    x = 0.3\n"
    for cells, status in [
        (("twin_share = 0.3", "import os\nos._exit(0)"), "ok"),
        (("def add_modulo(a, b, p):\n    import os\n    os._exit(0)", "twin_share = 0.3"), "ok"),
        ((knows + "twin_share = x",), "error"),
        ((f"twin_share = 0.9\n{RIGHT}\nglobals()['twin_share'] = 0.3",), "wrong"),
    ]:
        statuses, found = graded(IMPORTS, *cells, exercises=("add_modulo", "twin_share"))
        assert statuses[1] == status, (cells, told(found))


# --- in one process ---------------------------------------------------------------------------------------------------


def test_sources_can_be_looked_up():
    load([Cell("cell 7", "x = 1\n%time\ndef f():\n    return 1")], ["f"])
    assert linecache.getline("<cell 7>", 4) == "    return 1\n"


def test_names_that_a_source_defines():
    source = "async def a(): pass\nclass b:\n    def c(self): pass\n    d = 3\nif 1:\n    def e(): pass\nf = g = 1\nh, i = 1, 2\nj = k == 3"
    assert {"a", "b", "e", "f", "g", "h", "i", "j"} <= set(defined_in(source))
    assert {"c", "d", "k"}.isdisjoint(defined_in(source))


def test_what_is_defined_is_found_in_one_pass():
    for piece in ("x\u0301", "\u0301", "a:b", "a ", "\t", "def ", "a, ", "a = ", "\n", "class A:\n x"):
        defined_in(piece * (2**19 // len(piece)))


def test_only_what_is_needed_is_run():
    cells = [Cell("cell 1", "ran = []\ndef f():\n    return len(ran)\nother = 1 / 0"), Cell("cell 2", "ran.append(1)")]
    loaded = load(cells, ["f"])
    assert loaded.names["f"]() == 0  # the second cell had not run when f's own had
    assert loaded.problems == []


def test_helpers_are_nobody_elses(tmp_path, server):
    """A file in the same folder that was not handed in with it is not there."""
    (tmp_path / "other.py").write_text(RIGHT)
    path = tmp_path / "x.ipynb"
    path.write_text(notebook(["from other import add_modulo"]))
    found = grade(Work("anna", (Path(path),)), Settings("seed", LIMITS, exercises=("add_modulo",)), server)
    assert "No module named 'other'" in told(found)
