"""The grader: what crosses the wall, what is read of a submission, and what pytest says of it."""

import json
import os
import re
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from grokcourse.autograder import check
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.student import MissingError, Student, StudentError
from grokcourse.autograder.intake import submission
from grokcourse.autograder.intake.submission import SubmissionError
from grokcourse.autograder.sandbox import protocol
from grokcourse.autograder.sandbox.untrusted import cells, loading
from grokcourse.autograder.sandbox.untrusted.cells import Cell
from grokcourse.autograder.sandbox.untrusted.host import Host

pytestmark = pytest.mark.sandbox

RIGHT = """
def all_questions(p):
    numbers = torch.arange(p)
    return torch.cat([torch.cartesian_prod(numbers, numbers), torch.full((p * p, 1), p)], 1)
"""


def notebook(*sources, chapter=None, **extra):
    cells = [
        {"cell_type": "code", "source": source.splitlines(True), "metadata": {}, "outputs": [], "execution_count": None}
        for source in sources
    ]
    metadata = {"grokcourse": {"chapter": chapter}} if chapter else {}
    return json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": metadata, "cells": cells} | extra)


# --- the wire ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(10**30),
        1.5,
        float("inf"),
        "text ✓",
        [1, [2.0, "x"]],
        {"a": 1, 2: [None]},
        protocol.Handle(3, "MLP"),
    ],
)
def test_plain_values_cross_unchanged(value):
    back = protocol.decode(protocol.encode(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("dtype", protocol.DTYPES, ids=str)
def test_tensors_cross_with_shape_dtype_and_every_bit(dtype):
    turned = torch.complex(torch.zeros(2), torch.ones(2)).conj().imag  # a view that only says "the negative of"
    tensors = [torch.arange(6).reshape(2, 3).T, torch.tensor(1), torch.zeros(0, 3), torch.arange(3).expand(2, 3)]
    for tensor in [*tensors, torch.arange(6)[5::6], *([turned] if dtype.is_signed else [])]:
        back = protocol.decode(protocol.encode(tensor.to(dtype)))
        assert back.dtype == dtype
        assert back.shape == tensor.shape
        assert back.double().equal(tensor.to(dtype).double())


def test_what_crossed_does_not_change_any_more():
    tensor = torch.zeros(3)
    message = protocol.encode(tensor)
    tensor += 1
    assert protocol.decode(message).tolist() == [0, 0, 0]


def test_a_subclass_of_tensor_crosses_as_its_numbers():
    class Liar(torch.Tensor):
        def __eq__(self, other):
            return True

        def allclose(self, *_):
            return True

    back = protocol.decode(protocol.encode(torch.ones(2).as_subclass(Liar)))
    assert type(back) is torch.Tensor
    assert back.tolist() == [1, 1]


@pytest.mark.parametrize(
    "value",
    [
        object(),
        torch.zeros(2, dtype=torch.complex64),
        torch.eye(2).to_sparse(),
        np.array(["a"]),
        torch.zeros(2, device="meta"),
    ],
)
def test_other_things_do_not_cross(value):
    with pytest.raises(protocol.WireError):
        protocol.encode(value)


def test_a_list_in_itself_does_not_cross():
    endless = []
    endless.append(endless)
    with pytest.raises(protocol.WireError, match="nested"):
        protocol.encode(endless)


@pytest.mark.parametrize(
    "message", [b"", b"\x00" * 8, b"\xff" * 40, protocol.encode([1])[:-3], b"cos\nsystem\n(S'true'\ntR."]
)
def test_bytes_that_are_no_message_are_refused(message):
    with pytest.raises(protocol.WireError):
        protocol.decode(message)


# --- the student's proxy ----------------------------------------------------------------------------------------------


def test_calls_values_objects_and_errors_through_the_proxy():
    class Doubler(torch.nn.Module):
        def __init__(self, n):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.empty(n))

        def forward(self, x):
            return 2 * x * self.weight

    def fails(x):
        raise ValueError("no " + "x" * 10_000)

    student = Student(Host({"add": lambda a, b=1: a + b, "Doubler": Doubler, "fails": fails, "n": 7}))
    assert student.add(2, b=3) == 5
    assert student.add(torch.tensor([1.0])).tolist() == [2.0]
    assert student.value("n") == 7
    thing = student.Doubler(2)
    thing.load({"weight": torch.tensor([1.0, 10.0])})
    assert thing(torch.tensor([1.0, 1.0])).tolist() == [2.0, 20.0]
    assert thing.get("weight").tolist() == [1.0, 10.0]
    with pytest.raises(StudentError, match="ValueError: no xxx") as error:
        student.fails(1)
    assert len(str(error.value)) < 500
    with pytest.raises(MissingError):
        student.absent()


def test_a_students_warning_or_print_costs_nothing(capsys):
    def noisy():
        import warnings

        warnings.warn("careful", stacklevel=1)
        print("hello")
        return 1

    assert Student(Host({"noisy": noisy})).noisy() == 1
    assert capsys.readouterr().out == ""


# --- check, in a notebook ---------------------------------------------------------------------------------------------


def test_check_returns_the_students_function_when_it_passes(capsys):
    names = {"torch": torch}
    exec(RIGHT, names)
    assert check(names["all_questions"]) is names["all_questions"]
    assert "all 4 tests pass" in capsys.readouterr().out


def test_check_returns_the_reference_otherwise_and_says_why(capsys):
    def all_questions(p):
        return torch.zeros(p * p, 3, dtype=torch.int64)

    assert check(all_questions) is EXERCISES["all_questions"].solution
    out = capsys.readouterr().out
    assert "do not pass yet. Until then, the course's own is used" in out
    assert "✗ every pair of numbers stands there exactly once" in out
    assert "(on p = 2)" in out


def test_check_says_what_is_not_written_yet(capsys):
    def all_questions(p):
        raise NotImplementedError

    assert check(all_questions) is EXERCISES["all_questions"].solution
    assert capsys.readouterr().out.strip() == "all_questions is not written yet. Until then, the course's own is used."


def test_check_refuses_an_unknown_name():
    with pytest.raises(KeyError, match="there is no exercise 'nonsense'; there are: all_questions"):
        check(lambda: 0, "nonsense")


def test_feedback_is_html_that_a_students_text_cannot_break():
    from grokcourse.autograder.feedback import Feedback, run_checks

    def all_questions(p):
        raise ValueError("<script>alert(1)</script>")

    shown = Feedback(EXERCISES["all_questions"], run_checks(EXERCISES["all_questions"], all_questions))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


@pytest.fixture(autouse=True)
def keep_main(monkeypatch):
    """Loading a submission makes it the main module, as it is in a notebook."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))


# --- reading submissions ----------------------------------------------------------------------------------------------


F = "def f(x):\n    return math.pi"


def names_of(*sources):
    return loading.load([Cell(f"cell {n}", textwrap.dedent(source)) for n, source in enumerate(sources, start=1)])


def test_definitions_and_the_constants_they_need_are_loaded_and_nothing_else():
    loaded = names_of(
        "import math\nimport torch\n%matplotlib inline\n!ls\nx = !ls\ntorch?",
        "P = 113\nLAST = P - 1\nUNUSED = 5\nweights = torch.ones(3)",
        "def f(x):\n    return x * LAST * math.pi * weights.sum()",
        "result = f(2)\nfor i in range(10**12):\n    pass\nwhile True: pass",
        "def g(n=P):\n    return result",
        "f = check(f)\nall_questions = check(all_questions)\nraise SystemExit",
        "%%bash\nrm -rf /",
        "%%time\nHALF = 0.5\ndef h():\n    return HALF",
        "if P > 2:\n    def k():\n        return 1\nelse:\n    def k():\n        return 2",
        "try:\n    import missing_module\nexcept ImportError:\n    missing_module = None",
    )
    assert loaded.problems == []
    names = loaded.names
    assert names["f"](1) == pytest.approx(112 * np.pi * 3)
    assert names["g"].__defaults__ == (113,)
    assert names["h"]() == 0.5
    assert names["k"]() == 1
    assert "UNUSED" not in names
    assert names["g"]() == names["result"] == pytest.approx(112 * np.pi * 6)  # run, since g uses it
    assert "i" not in names


@pytest.mark.parametrize(
    ("value", "is_run"),
    [
        ("lambda x: helper(x).real + math.pi", True),
        ("lambda x=helper(1): x", True),
        ("Doubler()", True),
        ("functools.partial(helper, x=2)", True),
        ("functools.lru_cache(maxsize=3)(helper)", True),
        ("helper(2)", True),
        ("(lambda: helper(1))()", True),
        ("check(helper)", True),
        ("unknown(helper)", False),
    ],
)
def test_an_answer_may_be_made_by_the_submissions_own_code(value, is_run):
    source = f"""
        import functools, math
        from grokcourse.autograder import check
        class Doubler:
            def __call__(self, x):
                return 2 * x
        def helper(x=1):
            return 2 * x
        answer = {value}
        other = {value}
        def uses():
            return other
    """
    names = loading.load([Cell("cell 1", textwrap.dedent(source))], ["answer"]).names
    assert ("answer" in names) is is_run
    assert "other" not in names  # no answer needs it


@pytest.mark.parametrize(
    "sources",
    [
        ("try:\n    import math\nexcept ImportError:\n    !pip install math\n    print('again')\n    import math", F),
        (
            "import sys\nif 'google.colab' in sys.modules:\n    !pip install x\nelse:\n    import math\n    print(0)",
            F,
        ),
        ("COLAB = False\nif COLAB:\n    from google.colab import drive\n    drive.mount('/x')\nimport math", F),
        ("import no_such_module, math", F),
        ("import math", "def f(x: Float[Tensor, 'n']) -> Undefined | None:\n    return math.pi"),
        ("import math", "    # indented, as IPython allows\n    def f(x=0):\n        return math.pi"),
        ("import math", "```python\n" + F + "\n```"),
        ("import math", "<<<<<<< HEAD\n" + F + "\n=======\n" + F + "\n>>>>>>> mine"),
        ("import math", F + "\nprint 'done'\nf(0"),
        ("import math", "def f(x):\n    display(x)\n    print(get_ipython())\n    return math.pi"),
        ("import math", "N = 0\ndef f(x):\n    global N\n    N += 1\n    return math.pi"),
        ("import math", "P = 2\nP += 1", "def f(x):\n    return math.pi + P - 3"),
        ("import math\r\n%matplotlib inline\r\n!ls", "%%time\r\n" + F.replace("\n", "\r\n")),
        ("import math", "if 1 < 2:\n    print('deep')\n    if True:\n        " + F.replace("\n", "\n        ")),
        ("import math", "if 0: pass\n" + "elif 0: pass\n" * 700, F),
    ],
)
def test_what_works_in_a_notebook_works_here(sources):
    loaded = names_of(*sources)
    assert loaded.names["f"](0) == np.pi, (loaded.problems, loaded.failed)


def test_what_was_not_run_is_said_where_it_is_missed():
    host = Host(*_names_and_failed("def k(): return 5 / 0\nK = k()", "def f(): return K", "def g(x=1/0): pass"))
    assert protocol.decode(host(protocol.encode(["call", "f", [], {}]))) == {
        "error": [
            "NameError",
            "name 'K' is not defined; cell 1, line 2: ZeroDivisionError: division by zero",
            "cell 2, line 1",
            "def f(): return K",
        ]
    }
    assert protocol.decode(host(protocol.encode(["call", "g", [], {}]))) == {
        "missing": "cell 3, line 1: ZeroDivisionError: division by zero"
    }
    assert protocol.decode(host(protocol.encode(["call", "h", [], {}]))) == {"missing": ""}


def _names_and_failed(*sources):
    loaded = names_of(*sources)
    return loaded.names, loaded.failed


def test_an_array_of_one_number_turned_round_can_be_sent():
    assert protocol.decode(protocol.encode(np.ones(1)[::-1])).tolist() == [1]


def test_a_name_is_what_python_takes_it_for():
    assert cells.defined_in("def \uff46oo\uff3fbar(x): pass") == ["foo_bar"]


def test_the_last_definition_wins():
    assert names_of("def f(): return 1", "def f(): return 2", "f = check(f)").names["f"]() == 2


def test_a_cell_that_does_not_parse_costs_only_itself():
    loaded = names_of("def f(): return 1", "def g(:\n    return 2", "def h(): return 3")
    assert {"f", "h"} <= loaded.names.keys()
    assert loaded.problems == ["cell 2, line 1: invalid syntax: def g(:"]


def test_a_definition_that_does_not_parse_costs_only_itself():
    source = "import math\n@staticmethod\ndef f(x):\n    return (x\n\nP = 3\n\n\ndef g():\n    return P\n\ndef h(:\n"
    loaded = names_of(source + "\n@functools.cache\ndef k(): return 1", "import functools")
    assert loaded.names["g"]() == 3
    assert {"math", "g"} <= loaded.names.keys()
    assert not {"f", "h"} & loaded.names.keys()
    assert loaded.problems[:2] == [
        "cell 1, line 4: '(' was never closed: return (x",
        "cell 1, line 12: invalid syntax: def h(:",
    ]


def test_a_failing_import_costs_only_what_it_defines():
    loaded = names_of("import nonexistent\nimport math", "def f(): return math.pi", "def g(): return nonexistent.x")
    assert loaded.names["f"]() == np.pi
    assert loaded.problems == ["cell 1, line 1: ModuleNotFoundError: No module named 'nonexistent'"]


def test_a_text_that_looks_like_a_magic_is_left_alone():
    assert names_of('def f():\n    return """\n%time\n!ls\n"""').names["f"]() == "\n%time\n!ls\n"


def test_dataclasses_can_be_defined():
    loaded = names_of("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\ndef f(): return A(1).x")
    assert loaded.names["f"]() == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "x.ipynb is empty"),
        ("   \n", "x.ipynb is empty"),
        ("{", "not a notebook: its content is not JSON"),
        ("[" * 100_000, "not a notebook: its content is not JSON"),
        ("[]", "not a notebook: its JSON is no object"),
        ("{}", "not a notebook: it has no list of cells"),
        ('{"cells": 3}', "not a notebook: it has no list of cells"),
        (notebook("x = 1"), "has none of this course's exercises in it"),
        (b"\xff\xfe\x00", "not a text file in UTF-16 (line 1): save it as UTF-8"),
    ],
)
def test_what_cannot_be_read_gets_one_clear_sentence(tmp_path, content, says):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SubmissionError, match=re.escape(says)):
        submission.read(path)


def test_a_python_file_in_no_encoding_that_it_names_is_said_to_be_no_utf8(tmp_path):
    path = tmp_path / "x.py"
    path.write_bytes(f"# Für alle\n{RIGHT}".encode("latin-1"))
    with pytest.raises(SubmissionError, match=re.escape("not a text file in UTF-8 (line 1): save it as UTF-8")):
        submission.read(path)


def test_odd_notebooks_are_read(tmp_path):
    path = tmp_path / "x.ipynb"
    cell = {"cell_type": "code", "input": ["def all_questions(p):\n", "    return p"], "language": "python"}
    path.write_text(json.dumps({"nbformat": 3, "worksheets": [{"cells": [cell]}], "metadata": {"name": ""}}))
    assert submission.read(path).exercises == ["all_questions"]
    colab = {"colab": {"provenance": []}, "kernelspec": {"name": "unheard-of"}, "accelerator": "GPU"}
    path.write_text(notebook(RIGHT, 3 * "🎲" + " = 1", metadata=colab))
    assert submission.read(path).exercises == ["all_questions"]
    path.write_text("\ufeff" + notebook(RIGHT))
    assert submission.read(path).exercises == ["all_questions"]
    path.write_text(json.dumps({"cells": [None, 3, {"cell_type": "code", "source": RIGHT}, {"cell_type": "markdown"}]}))
    assert submission.read(path).exercises == ["all_questions"]


def test_a_chapters_notebook_is_graded_in_all_its_exercises(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text(notebook("x = 1", chapter="01-task"))
    assert submission.read(path).exercises == [exercise.name for exercise in CHAPTERS["01-task"]]


# --- pytest -----------------------------------------------------------------------------------------------------------


@dataclass
class Graded:
    code: int
    out: str
    cases: dict[str, str]
    """Outcome by 'class::name' as in the JUnit file."""


@pytest.fixture
def grade(tmp_path):
    def run(*arguments):
        junit = tmp_path / "junit.xml"
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={junit}", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
        cases = {}
        if junit.exists():
            for case in ET.parse(junit).getroot().iter("testcase"):
                failed = any(part.tag in ("failure", "error") for part in case)
                cases[case.get("name")] = "failed" if failed else "passed"
        return Graded(done.returncode, done.stdout + done.stderr, cases)

    return run


def points(out, exercise):
    return float(re.search(rf"^  {exercise} +([\d.e+]+) /", out, re.MULTILINE).group(1))


def test_pytest_grades_notebooks_and_py_files(tmp_path, grade):
    folder = tmp_path / "handed-in"
    folder.mkdir()
    (folder / "right.ipynb").write_text(notebook("%pip install grokcourse", "import torch", RIGHT))
    (tmp_path / "right.py").write_text("import torch\n" + RIGHT)
    (folder / "wrong.ipynb").write_text(notebook("import torch", RIGHT.replace("1), p)", "1), p - 1)")))
    (folder / "notes.ipynb").write_text(notebook("x = 1"))  # nothing of ours in it: left alone
    done = grade("handed-in", "right.py")
    assert done.code == 1, done.out
    assert re.search(r"right\.ipynb .*\n01-task +2 / +2 points\n  all_questions +2 / +2 points  ok", done.out)
    assert re.search(r"right\.py .*\n01-task +2 / +2 points", done.out)
    assert re.search(r"wrong\.ipynb .*\n01-task +1.5 / +2 points\n  all_questions +1.5 / +2 points  wrong", done.out)
    assert "notes.ipynb" not in done.out
    assert "Hint: The token `=` has an index of its own; this index belongs to a number." in done.out
    for secret in ("def test_", "equals_is_the_last_number", "expect(", "hidden/test_"):
        assert secret not in done.out


HOSTILE = {
    "    import os; os._exit(0)": "error",
    "    import sys; sys.exit(0)": "error",
    "    import os, signal; os.kill(os.getpid(), signal.SIGKILL)": "memory",
    "    return torch.zeros(2**36)": "memory",
    "    return [0] * 2**36": "memory",
    "    return chance_loss(p)": "error",
    "    return object()": "wrong",
    "    return 'x' * 2**20": "wrong",
    "    return float('nan')": "wrong",
    "    while True:\n        pass": "time-out",
}
"""What a function does, and the status that it gets for it."""


def test_whatever_one_function_does_costs_its_own_exercise_and_no_other(tmp_path, grade):
    for number, body in enumerate(HOSTILE):
        source = notebook("import torch", f"def chance_loss(p):\n{body}", RIGHT)
        (tmp_path / f"hostile-{number}.ipynb").write_text(source)
    done = grade(".", "--grokcourse-timeout", "2")
    tables = re.split(r"^hostile-\d+\.ipynb \(seed", done.out, flags=re.MULTILINE)[1:]
    assert len(tables) == len(HOSTILE), done.out
    for (body, status), table in zip(HOSTILE.items(), tables, strict=True):
        assert points(table, "chance_loss") == 0, (body, table)
        assert points(table, "all_questions") == 2, (body, table)
        assert re.search(rf"^  chance_loss .* points? +{status}$", table, re.MULTILINE), (body, table)
    assert "took longer than 2 seconds" in done.out


def test_a_wrong_exercise_costs_no_other(tmp_path, grade):
    """Attention calls attention_scores: with a wrong one of the student's beside it, it still gets its marks."""
    wrong = "def attention_scores(q, k):\n    return 0 * q @ k.transpose(-1, -2)"
    (tmp_path / "x.ipynb").write_text(notebook(IMPORTS, wrong, EXERCISES["Attention"].source))
    done = grade("x.ipynb")
    assert points(done.out, "attention_scores") < EXERCISES["attention_scores"].points
    assert points(done.out, "Attention") == EXERCISES["Attention"].points, done.out


IMPORTS = """
import math
import torch
from torch import Tensor, nn
from grokcourse.model import Tap, no_tap
"""


def test_a_syntax_error_is_quoted_with_cell_and_line(tmp_path, grade):
    broken = "def chance_loss(p):\n    return math.log(p"
    (tmp_path / "x.ipynb").write_text(notebook("import torch", broken, RIGHT))
    done = grade("x.ipynb")
    assert points(done.out, "all_questions") == 2
    assert "cell 2, line 2: '(' was never closed" in done.out


def test_an_unreadable_file_is_one_failed_item_and_the_others_are_graded(tmp_path, grade):
    (tmp_path / "a.ipynb").write_text("{")
    (tmp_path / "b.ipynb").write_text(notebook("import torch", RIGHT))
    done = grade("a.ipynb", "b.ipynb")
    assert "a.ipynb is not a notebook: its content is not JSON" in done.out
    assert points(done.out, "all_questions") == 2


def test_ordinary_options_work(tmp_path, grade):
    (tmp_path / "x.ipynb").write_text(notebook("import torch", RIGHT, chapter="01-task"))
    done = grade("x.ipynb", "-k", "all_questions and third", "-q")
    assert list(done.cases) == ["all_questions::the third token is always ="] or len(done.cases) == 1
    stopped = grade("x.ipynb", "-x", "-k", "not all_questions")
    assert sum(outcome == "failed" for outcome in stopped.cases.values()) == 1


def test_the_same_seed_asks_the_same(tmp_path, grade):
    (tmp_path / "x.ipynb").write_text(notebook("import torch", RIGHT))
    assert "(seed abc)" in grade("x.ipynb", "--grokcourse-seed", "abc").out


def test_in_a_folder_of_ordinary_tests_nothing_changes(tmp_path, grade):
    (tmp_path / "test_ordinary.py").write_text("import sys\ndef test_one(): assert 'torch' not in sys.modules\n")
    (tmp_path / "all_questions.ipynb").write_text(notebook("def other(): pass"))
    done = grade()
    assert done.code == 0, done.out
    assert "1 passed" in done.out
    assert "points" not in done.out
