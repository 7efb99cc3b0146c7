"""IPython's syntax, taken out of cells: the same statements are left as where IPython itself takes it out."""

import ast
import re

import pytest

from grokcourse.autograder.sandbox.untrusted.notebook_syntax import python_of, written_module

CELLS = [
    "x = 1",
    "%matplotlib inline\nx = 1",
    "%matplotlib inline\n(a + b)\\\n  % p",
    "(a + b\n % p)",
    "x = (a + b\n% p\n)",
    "%pip install x\nx = (a + b\n  % p)",
    "x = a \\\n% p",
    "!pip install -q \\\n  einops\ndef f():\n    return 1",
    "!pip install -q \\\neinops \\\ntorch\nx = 1",
    "def f():\n    return 1\n!pip install -q \\\n  einops\nx = 1",
    "x = !ls",
    "x = !ls -l \\\n  *.py\ny = 2",
    "x = %who",
    "x = %time f(3)",
    "x = %sql select \\\n  everything\ny = 2",
    "x: int = %time 3",
    "a.b[0] = !ls",
    "a = b = 3",
    "a == 3\n%time f()",
    "f(x=3)\n%time f()",
    "f(\n  x=3)\n%time f()",
    "%time y = f()",
    "%time\nx = 1",
    "?name",
    "name?",
    "name??",
    "module.name?",
    "items[0]?",
    "%time?",
    "%%time?",
    "x = 1\nname?\ny = 2",
    "if x:\n    name?\n    y = 1",
    "if x:\n    !ls\n    y = 2",
    "if x:\n    %time f()\nelse:\n    z = 3",
    "def f():\n    !ls\n    %time g()\n    return 3",
    "for i in range(3):\n    x = !ls\n    y = i",
    "%%bash\nls\nx = 1",
    "%%html\n<b>x</b>",
    "%%foo bar\nx = 1",
    "\n\n%%bash\nls",
    "# a comment\nx = 1\n# 100 %\n%matplotlib inline",
    "    x = 1\n    y = 2",
    "    %matplotlib inline\n    y = 2",
    "\n\n  x = 1\n  if x:\n    y = 2",
    ">>> x = 1\n>>> y = 2",
    ">>> def f():\n...     return 1\n...\n>>> f()",
    "In [1]: x = 1\n\nIn [2]: y = 2",
    "In [1]: def f():\n   ...:     return 1\n   ...:\n",
    's = """\n%time\n!ls\nname?\n"""\nx = 1',
    'def f():\n    """Such as\n\n    >>> f()\n    1\n    """\n    return 1\n!ls',
    "# pasted\n>>> x = 1\n>>> y = 2",
    "In [1]: %matplotlib inline\n\nIn [2]: x = 2",
    "s = '''it's\n%time x\n'''\n%time x",
    's = "# no comment"\n%time x',
    "x = 'it''s' # don't\n!ls\ny = 1",
    "!echo it's\nx = 1",
    '!echo "unbalanced\nx = 1',
    "!echo (\nx = 1",
    "x = {\n'a': 1,\n}\n%time x\ny = [\n1]",
    "x = [1,\n    2]\n%time",
    "s = 'a\\\nb'\n%time s",
    "x = 10 % 3\ny = 10 %3\nz = 10%3",
    "x %= 3\ny = 4",
    "x != 3\ny = 4",
    "print(f'{x!r:>10}')\ny = 4",
    "/f 1 2\nx = 1",
    ",f a b\nx = 1",
    ";f a b\nx = 1",
    "x = 1; y = 2\n%time x",
    "%load_ext autoreload\n%autoreload 2\nimport math",
    "@decorator\ndef f(x):\n    return x % 3\n%time f(1)",
    "class A:\n    '''%time'''\n    x = 1\n!ls",
    "try:\n    import x\nexcept ImportError:\n    !pip install x\n    import x",
    'if "google.colab" in sys.modules:\n    !pip install -q x || pip install -q y',
    "%cd ..\n%env A=1\n%%time\nx = 1",
    "x = 1\r\n%matplotlib inline\r\ny = 2",
    "x = 1\n\n\n",
    "lambda x: x % 3\n%time",
    "assert x % 2 == 0, 'odd?'\ny = 1",
    "y = 1  # right?\nz = 2",
    "r'\\\\'\n%time x",
    "x = b'%d' % 3\n%time x",
    "x = 3 if y else \\\n    4\n%time",
]
EMPTY = ["", "\n\n", "   \n\t\n", "%%bash", "?", "%", "!"]
CALL = re.compile(r"\.(run_line_magic|run_cell_magic|system|getoutput|getsystem)$")


class _WithoutIPython(ast.NodeTransformer):
    """Puts None where IPython calls itself."""

    def visit_Call(self, node):
        if CALL.search(ast.unparse(node.func)) and "get_ipython()" in ast.unparse(node.func):
            return ast.Constant(None)
        return self.generic_visit(node)


def essence(source: str) -> str:
    """A source's statements, without those that do nothing."""
    tree = _WithoutIPython().visit(ast.parse(source))
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list):
                kept = [part for part in body if not _is_nothing(part)]
                setattr(node, name, kept)
    return ast.dump(tree)


def _is_nothing(node: ast.stmt) -> bool:
    nothing = (ast.Constant, ast.Call, ast.Name)
    is_result = isinstance(node, ast.AnnAssign) and ast.unparse(node.target).startswith("Out[")
    return isinstance(node, ast.Pass) or is_result or (isinstance(node, ast.Expr) and isinstance(node.value, nothing))


# What %time runs in the notebook's names is kept by us, and is a call to IPython there; so are calls by / , and ;
TIMED = {"x = %time f(3)": "x = f(3)", "%time y = f()": "y = f()", "x: int = %time 3": "x: int = 3"}


@pytest.mark.parametrize("cell", [*CELLS, *EMPTY])
def test_the_same_statements_are_left_as_in_ipython(cell):
    transformer = pytest.importorskip("IPython.core.inputtransformer2")
    theirs = TIMED.get(cell) or transformer.TransformerManager().transform_cell(cell)
    assert essence(python_of(cell)) == essence(theirs)


@pytest.mark.parametrize("cell", [*CELLS, *EMPTY])
def test_every_line_keeps_its_number(cell):
    lines = re.split(r"\r?\n", cell)
    for number, line in enumerate(python_of(cell).split("\n")):
        assert line.strip() in ("", "pass", "y = f()") or line.strip().split()[0] in lines[number], (number, line)


def test_cells_that_are_timed_or_captured_are_python():
    for magic in ("%%time", "%%capture out", "%%timeit -n 1", "%%prun"):
        assert essence(python_of(f"{magic}\n\ndef f():\n    return 1")) == essence("def f():\n    return 1")


def test_what_was_pasted_with_its_results():
    classic = (
        ">>> def f(x):\n...     return x\n...\n>>> f(2)\n2\n>>> f('a b')\nTraceback (most recent call last):\n  no"
    )
    assert essence(python_of(classic)) == essence("def f(x):\n    return x")
    numbered = "In [1]: def f(x):\n   ...:     return x\n   ...:\nIn [2]: f(2)\nOut[2]: 2\n\nIn [3]: x = 3"
    assert essence(python_of(numbered)) == essence("def f(x):\n    return x\nx = 3")


def test_a_module_that_is_run():
    for line in ("%run helpers.py", "%run helpers", "%run -i ./helpers.py  "):
        assert python_of(line) == "from helpers import *"
    for line in ("%run ../helpers.py", "%run helpers.ipynb", "%run helpers.py --steps 3", "%run"):
        assert python_of(line) == "pass"


def test_a_file_that_a_cell_writes():
    assert written_module("%%writefile my_helpers.py\ndef f(): return 1\n") == ("my_helpers", "def f(): return 1\n")
    assert written_module('%%file "lib/other.py"\nx = 1') == ("other", "x = 1")
    assert written_module("%%writefile notes.txt\nx") is None
    assert written_module("%%time\nx = 1") is None


@pytest.mark.parametrize(
    "piece", ["[", "(\n", "'", '"""', "%time x\n", "!ls \\\n", "x = !ls\n", "a?\n", ">>> ", "\\\n"]
)
def test_long_and_odd_sources_take_one_pass(piece):
    """A quadratic pass over it would take minutes; the tests' own time limit is far below."""
    assert len(python_of(piece * (2**17 // len(piece)))) <= 2**18
