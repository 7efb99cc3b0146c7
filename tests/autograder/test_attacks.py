"""Attacks on the wall: each with the mark that it deserves. What they attack is described in book/own-tests-and-protection.md.

Every attack is a notebook with an honest exercise in it, ``all_questions``, and one under which something else is
hidden, ``add_modulo``. After each: the right marks, nothing outside touched or read, nobody reached, no process left.
"""

# ruff: noqa: E501  (an attack is easier to read on one line)

import contextlib
import json
import marshal
import os
import socket
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from grokcourse.autograder import records, reports
from grokcourse.autograder.batch.work import grade
from grokcourse.autograder.exercises.select import EXERCISES
from grokcourse.autograder.exercises.spec import Exercise
from grokcourse.autograder.exercises.student import Student
from grokcourse.autograder.feedback import run_checks
from grokcourse.autograder.policy import Policy
from grokcourse.autograder.records import Grade, Limits, Settings, Work
from grokcourse.autograder.sandbox.trusted import bundle
from grokcourse.autograder.sandbox.trusted.fork_server import ForkServer
from grokcourse.autograder.sandbox.trusted.probes import protections
from grokcourse.autograder.sandbox.trusted.session import SandboxSession
from grokcourse.autograder.sandbox.untrusted.cells import Cell
from grokcourse.autograder.scoring import marks_of

pytestmark = pytest.mark.sandbox

HONEST = """
import torch

def all_questions(p):
    numbers = torch.arange(p)
    return torch.cat([torch.cartesian_prod(numbers, numbers), torch.full((p * p, 1), p)], 1)
"""
RIGHT = """
def add_modulo(a, b, p):
    return (a + b) % p
"""
NEEDING = """
def add_modulo(a, b, p):
    if p < 0:
        return A, f, x
    return (a + b) % p
"""
"""Right, and with names in it for which the statements before it are run."""
TOOLS = """
import ctypes, gc, json, os, struct, sys, time, types

def wall():
    "The descriptor that leads to the trusted side."
    frame = sys._getframe()
    while "writer" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["writer"]

def send(content):
    "A message of our own."
    everything = len(content).to_bytes(8, "big") + content
    while everything:
        everything = everything[os.write(wall(), everything):]

def message(text, arrays=b"", entries=None):
    "A safetensors file by hand, whose value is this text."
    header = json.dumps({"__metadata__": {"value": text}, **(entries or {})}).encode()
    return struct.pack("<Q", len(header)) + header + arrays
"""
LIMITS = Limits(seconds=20, load_seconds=30, total_seconds=200, memory=2**28)
SHORT = replace(LIMITS, seconds=1.5, load_seconds=3)
"""For what never ends."""


@dataclass(frozen=True)
class Attack:
    """A notebook that means harm, and what it deserves."""

    name: str
    cells: tuple[str, ...]
    status: str
    """Of the attacked exercise: "ok" has all its points, everything else none; "" is anything but ok."""
    whole: bool = False
    """Whether the attack costs its notebook every exercise: it forges what the worker says of the loading."""
    needs: str = ""
    """The protection without which it must not be tried here."""
    endless: bool = False


def body(name: str, source: str, status: str = "", **more) -> Attack:
    """The attack is what the exercise does when it is called."""
    function = "def add_modulo(a, b, p):\n" + textwrap.indent(textwrap.dedent(source).strip(), "    ")
    return Attack(name, (TOOLS, function), status, **more)


def cell(name: str, source: str, status: str = "", **more) -> Attack:
    """The attack is a cell."""
    return Attack(name, (TOOLS, textwrap.dedent(source)), status, **more)


def harmless(name: str, source: str, needs: str = "") -> Attack:
    """It tries, and then answers as it should: it gets its mark if the attempt had no effect."""
    tried = textwrap.indent(textwrap.dedent(source).strip(), "    ")
    return body(name, f"try:\n{tried}\nexcept Exception:\n    pass\nreturn (a + b) % p", needs=needs, status="ok")


LEAVING = [
    body("os._exit(0)", "os._exit(0)", "error"),
    body("os._exit(1)", "os._exit(1)", "error"),
    body("sys.exit(0)", "sys.exit(0)", "error"),
    body("sys.exit of all tests", "sys.exit('100 points')", "error"),
    body("quit", "quit()", "error"),
    body("SystemExit", "raise SystemExit", "error"),
    body("KeyboardInterrupt", "raise KeyboardInterrupt", "error"),
    body("GeneratorExit", "raise GeneratorExit", "error"),
    body("StopIteration", "raise StopIteration", "error"),
    body("an exception of one's own kind", "raise type('Passed', (BaseException,), {})('all tests passed')", "error"),
    body("an exception that cannot be told", """
        class Passed(Exception):
            def __str__(self):
                raise SystemExit(0)
        raise Passed
    """, "error"),
    body("an exception group", "raise BaseExceptionGroup('passed', [SystemExit(0)])", "error"),
    body("abort", "os.abort()", "error"),
    body("a segmentation fault", "ctypes.string_at(0)", "error"),
    body("a stack overflow", """
        sys.setrecursionlimit(10**9)
        class A:
            def __repr__(self):
                return repr([self])
        return repr(A())
    """),
    body("SIGKILL", "os.kill(os.getpid(), 9)", ""),
    body("SIGTERM", "os.kill(os.getpid(), 15)", "error"),
    body("SIGINT", "os.kill(os.getpid(), 2); time.sleep(0.1)", "error"),
    body("an alarm", "__import__('signal').setitimer(0, 0.01); time.sleep(5)", "error"),
    body("at exit", "__import__('atexit').register(send, message('{\"value\": true}')); sys.exit(0)", "error"),
    body("_thread.interrupt_main", "__import__('_thread').interrupt_main(); time.sleep(0.1)", "error"),
    body("a thread that leaves", """
        import threading
        threading.Thread(target=os._exit, args=(0,)).start()
        time.sleep(5)
    """, "error", needs="processes"),
    body("another program", "os.execv(sys.executable, [sys.executable, '-c', ''])", "error", needs="processes"),
    body("the connection shut", "os.close(wall())", "error"),
    body("all descriptors closed", "os.closerange(0, 64)", "error"),
    body("only at the second call", """
        global calls
        calls = globals().get('calls', 0) + 1
        if calls > 1:
            os._exit(0)
        return (a + b) % p
    """, "error"),
    body("SIGSTOP", "os.kill(os.getpid(), 19)", "time-out", endless=True),
    body("an endless loop", "while True: pass", "time-out", endless=True),
    body("an endless sleep", "time.sleep(10**6)", "time-out", endless=True),
    body("an endless loop deaf to signals", """
        import signal
        for number in range(1, 32):
            if number not in (9, 19):
                signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                while True: pass
            except BaseException:
                pass
    """, "time-out", endless=True),
    body("a long computation in C", "return 9 ** 9 ** 9 ** 9", "", endless=True),
]  # fmt: skip

WRONG = "\nreturn a * 0 - 1"
PATCHING = [
    body(name, source + WRONG, endless=name in ("os.write", "os.read", "small numbers"))
    for name, source in {
        "torch": "import torch; torch.equal = torch.allclose = lambda *a, **k: True",
        "tensors": "import torch; torch.Tensor.__eq__ = torch.Tensor.equal = lambda *a: True",
        "tensors' methods": "import torch; torch.Tensor.tolist = lambda x: [0]; torch.Tensor.item = lambda x: 0",
        "numpy": "import numpy; numpy.allclose = numpy.array_equal = lambda *a, **k: True",
        "math": "import math; math.isclose = lambda *a, **k: True",
        "builtins": "import builtins; builtins.all = builtins.any = builtins.isinstance = lambda *a: True",
        "len and range": "import builtins; builtins.len = lambda x: 1; builtins.range = lambda *a: []",
        "import itself": "import builtins; builtins.__import__ = lambda *a, **k: sys",
        "an import hook": "sys.meta_path.insert(0, type('Hook', (), {'find_spec': lambda *a: None})())",
        "path hooks": "sys.path_hooks.clear(); sys.path_importer_cache.clear(); sys.path[:] = ['/tmp']",
        "pytest": "sys.modules['pytest'] = types.SimpleNamespace(fail=print, exit=print)",
        "the tests": "sys.modules['grokcourse.autograder.exercises.testing'] = types.SimpleNamespace(expect=print)",
        "the hidden tests": "sys.modules['grokcourse.autograder.exercises.task.checks'] = types.ModuleType('t')",
        "the comparison": "import grokcourse.autograder.exercises.student as s; s.Student._wrap = lambda *a: None",
        "the host": "from grokcourse.autograder.sandbox.untrusted.host import Host; Host._answer = lambda *a: True",
        "the host's names": "from grokcourse.autograder.sandbox.untrusted.host import Host; Host._defined = lambda *a: print",
        "wire.encode": "import grokcourse.autograder.sandbox.protocol as w; w.encode = lambda *a: message('true')",
        "wire.decode": "import grokcourse.autograder.sandbox.protocol as w; w.decode = lambda *a: {'value': True}",
        "the length limit": "import grokcourse.autograder.sandbox.protocol as w; w.MAX_BYTES = 2**60",
        "the limits": "import grokcourse.autograder.sandbox.untrusted.confinement as i; i.limit = i.forbid_calls = lambda *a: ''",
        "json": "json.dumps = lambda *a, **k: 'true'; json.loads = lambda *a, **k: True",
        "struct and marshal": "import marshal; struct.pack = marshal.loads = lambda *a: b''",
        "safetensors": "import safetensors.torch as s; s.save = lambda *a, **k: b''; s.load = lambda *a: {}",
        "os.write": "os.write = lambda *a: 2**60",
        "os.read": "os.read = lambda *a: b''",
        "the clock": "time.monotonic = time.time = time.perf_counter = lambda: 0",
        "gc": "for thing in gc.get_objects()[::7]:\n    if isinstance(thing, list): thing.clear()",
        "code": "f = sys._getframe().f_back.f_code; sys._getframe().f_back.f_globals.clear()",
        "frames": "f = sys._getframe()\nwhile f:\n    f.f_locals.update(passed=True, status='passed'); f = f.f_back",
        "tracing": "sys.settrace(lambda *a: None); sys.setprofile(lambda *a: None)",
        "audit hooks": "sys.addaudithook(lambda *a: None)",
        "small numbers": "ctypes.memset(id(1) + 24, 0, 4)",
        "sitecustomize": "open('sitecustomize.py', 'w').write('raise SystemExit(0)')",
        "usercustomize": "open(os.path.expanduser('~/usercustomize.py'), 'w').write('raise SystemExit(0)')",
        "conftest": "open('@FOLDER@/conftest.py', 'w').write('import os; os._exit(0)')",
        "a .pth file": "open(os.path.join(os.path.dirname(os.path.dirname(json.__file__)), 'x.pth'), 'w').write('import os')",
        "the standard library": "open(json.__file__, 'a').write('#')",
        "PYTHONSTARTUP": "os.environ['PYTHONSTARTUP'] = os.environ['LD_PRELOAD'] = '@FOLDER@/canary'",
        "the course's helpers": "import grokcourse.autograder.sandbox.untrusted.fixtures as t; t.call_on_views = lambda *a: {'value': 1}",
        "Redacted": "import grokcourse.autograder.sandbox.untrusted.redaction as l; l.Redacted.__call__ = lambda *a: True",
    }.items()
]

FORGED = [
    body("a forged verdict", "send(message('{\"dict\": [[\"passed\", true]]}'))\nreturn None"),
    body("a forged value", "send(message('{\"dict\": [[\"value\", true]]}'))\nreturn None"),
    body("a forged outcome", """
        send(message(json.dumps({"dict": [["exercise", "add_modulo"], ["status", "passed"], ["points", {"int": "100"}]]})))
        return None
    """),
    body("two answers", """
        send(message('{"dict": [["value", null]]}')); send(message('{"dict": [["value", null]]}'))
        return (a + b) % p
    """),
    body("answers in advance", "for _ in range(50): send(message('{\"dict\": [[\"value\", null]]}'))\nos._exit(0)"),
    body("no message", "send(b'passed')\nreturn None"),
    body("an empty message", "send(b'')\nreturn None"),
    body("a pickle", "import pickle; send(pickle.dumps(print))\nreturn None"),
    body("an endless header", "os.write(wall(), b'\\xff' * 8)\nreturn None"),
    body("a length over the limit", "os.write(wall(), (2**40).to_bytes(8, 'big'))\nreturn None"),
    body("half an answer", "os.write(wall(), (1000).to_bytes(8, 'big') + b'x'); os._exit(0)", "error"),
    body("half a length", "os.write(wall(), b'\\0\\0'); os._exit(0)", "error"),
    body("half an answer, and silence", "os.write(wall(), (1000).to_bytes(8, 'big')); time.sleep(10**6)", "time-out",
         endless=True),
    body("an answer by drops", """
        os.write(wall(), (10**6).to_bytes(8, 'big'))
        while True:
            os.write(wall(), b'x'); time.sleep(0.01)
    """, "time-out", endless=True),
    body("the request swallowed", "os.read(wall(), 8); time.sleep(10**6)", "time-out", endless=True),
    body("a flood", "while True: os.write(wall(), b'\\0' * 65536)"),
    body("a message deeper than the stack", "send(message('[' * 10**6))\nreturn None"),
    body("values deeper than the stack", "send(message('{\"list\": [' * 900 + ']}' * 900))\nreturn None"),
    body("a header that lies", "send(struct.pack('<Q', 2**63) + b'{}')\nreturn None"),
    body("a number with a million digits", "send(message('{\"int\": \"' + '9' * 10**6 + '\"}'))\nreturn None"),
    body("a number too large", "send(message('{\"dict\": [[\"value\", {\"float\": \"0x1p99999\"}]]}'))\nreturn None"),
    body("a handle to nothing", "send(message('{\"dict\": [[\"value\", {\"handle\": []}]]}'))\nreturn None"),
    body("a handle from the end", "send(message('{\"dict\": [[\"value\", {\"handle\": [-1, \"x\"]}]]}'))\nreturn None"),
    body("a missing array", "send(message('{\"dict\": [[\"value\", {\"array\": \"7\"}]]}'))\nreturn None"),
    body("a bare number", "send(message('5'))\nreturn None"),
    body("not a number", "send(message('NaN'))\nreturn None"),
    body("an unknown kind", "send(message('{\"__reduce__\": [\"os.system\", [\"true\"]]}'))\nreturn None"),
    body("keys that cannot be keys", "send(message('{\"dict\": [[{\"list\": []}, null]]}'))\nreturn None"),
    *(body(f"an array of {dtype}", f"""
        entry = {{"0": {{"dtype": "{dtype}", "shape": [3], "data_offsets": [0, {3 * size}]}}}}
        send(message('{{"dict": [["value", {{"array": "0"}}]]}}', b'\\1' * {3 * size}, entry))
        return None
    """) for dtype, size in {"C64": 8, "F8_E8M0": 1, "F8_E5M2": 1, "U64": 8, "BOOL": 1, "WHAT": 1}.items()),
    body("an array beyond its end", """
        entry = {"0": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
        send(message('{"dict": [["value", {"array": "0"}]]}', b'', entry))
        return None
    """),
    body("very many arrays", """
        entries = {str(i): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(3 * 10**4)}
        send(message('{"dict": [["value", {"array": "0"}]]}', b'', entries))
        return None
    """),
    body("lines that look like results", """
        for line in ("passed 100/100", '{"points": 100}', "##teamcity[testFinished]", "::set-output name=points::100"):
            print(line, flush=True); os.write(1, line.encode()); os.write(2, line.encode())
        return None
    """),
    body("files of results", """
        for name in ("results.json", "grades.csv", "junit.xml", "grades/s.json", "canary"):
            try:
                open("@FOLDER@/" + name, "w").write("100")
            except OSError:
                pass
        return None
    """),
]  # fmt: skip

LIES = [
    body(name, source, "")
    for name, source in {
        "equal to everything": "return type('Liar', (), {'__eq__': lambda *a: True, '__len__': lambda x: 1})()",
        "a class for everything": "return type('Liar', (), {'__class__': property(lambda x: type(a))})()",
        "everything asked of it": "from unittest.mock import MagicMock; return MagicMock()",
        "a tensor that intercepts": """
            import torch
            class Liar(torch.Tensor):
                @classmethod
                def __torch_function__(cls, *a, **k):
                    return True
            return torch.zeros(3).as_subclass(Liar)
        """,
        "a tensor with a false list": """
            import torch
            class Liar(torch.Tensor):
                def tolist(self): return [0]
                shape = (1,)
            return (-1 - a).as_subclass(Liar)
        """,
        "a number that lies": "return type('Int', (int,), {'__eq__': lambda *a: True, '__int__': lambda x: 1})()",
        "a float that lies": "return type('F', (float,), {'hex': lambda x: '0x1', '__float__': lambda x: 1})()",
        "a text that lies": "return type('Str', (str,), {'__eq__': lambda *a: True})('x')",
        "a list that changes": "return type('L', (list,), {'__iter__': lambda s: iter([time.time()])})([1])",
        "lists in a list": "return [1, [2]] * 10**4",
        "a dict that lies": "return type('D', (dict,), {'items': lambda s: [(1, 2, 3)]})()",
        "a dict with odd keys": "return {None: 1, (1, 2): 2, 1.5: 3, b'x': 4, a: 5}",
        "itself in a list": "x = []; x.append(x); return x",
        "too deep a list": "x = []\nfor _ in range(10**5): x = [x]\nreturn x",
        "too wide a list": "return [0] * 10**5",
        "a giant number": "return 10 ** 10**5",
        "a giant text": "return 'x' * (80 * 2**20)",
        "a text of surrogates": "return '\\ud800' * 10",
        "a tensor too large": "import torch; return torch.zeros(2**25)",
        "a tensor larger than the limit": "import torch; return torch.zeros(2**34)",
        "a tensor without an end": "import torch; return torch.zeros(1).expand(2**50)",
        "a tensor of no numbers and a giant shape": "import torch; return torch.zeros(2**40, 0)",
        "not a number": "return a.double() * float('nan')",
        "infinity": "return a.double() + float('inf')",
        "floats": "return ((a + b) % p).double() + 0.5",
        "no tensor at all": "return None",
        "ellipsis": "return ...",
        "not implemented": "return NotImplemented",
        "NotImplementedError": "raise NotImplementedError",
        "a generator": "return (x for x in iter(int, 1))",
        "a coroutine": "async def f(): return True\nx = f(); x.close(); return x",
        "a function": "return lambda *a: True",
        "a class": "return type(a)",
        "a module": "return os",
        "bytes": "return bytes(10)",
        "meta": "return a.to('meta')",
        "sparse": "return ((a + b) % p).to_sparse()",
        "complex": "import torch; return ((a + b) % p).to(torch.complex64)",
        "quantised": "import torch; return torch.quantize_per_tensor(a.float(), 1.0, 0, torch.qint8)",
        "nested": "import torch; return torch.nested.nested_tensor([a, b])",
        "objects": "import numpy; return numpy.array([(a + b) % p, os], dtype=object)",
        "fields": "import numpy; return numpy.zeros(3, dtype=[('x', 'i8'), ('y', 'O')])",
        "dates": "import numpy; return numpy.zeros(3, dtype='M8[D]')",
        "texts in an array": "import numpy; return numpy.array(['1', '2'])",
        "a lying array": "import numpy; return numpy.zeros(3).view(type('A', (numpy.ndarray,), {'__eq__': lambda *x: True}))",
        "a dataclass that leaves": """
            import dataclasses
            return dataclasses.make_dataclass('D', ['x'], namespace={'x': property(lambda s: os._exit(0))}, init=False)()
        """,
        "an undead object": "return type('U', (), {'__del__': lambda s: os._exit(0)})()",
        "a name that lies": "return type('Tensor', (), {'__module__': 'torch'})()",
        "all answers at once": "import torch; return torch.cartesian_prod((a + b) % p, torch.arange(p))",
    }.items()
] + [
    body("the inputs themselves", "return a", "wrong"),
    body("a subclass with the right numbers", """
        import torch
        return ((a + b) % p).as_subclass(type('Mine', (torch.Tensor,), {}))
    """, "ok"),
    body("a view with the right numbers", "import torch; return torch.stack([(a + b) % p] * 2, 1)[:, 0]", "ok"),
    body("an overlapping view with the right numbers", "return ((a + b) % p).expand(3, -1)[1]", "ok"),
    body("a view that changes later", """
        global kept
        kept = globals().get('kept', [])
        for old in kept: old.fill_(-1)
        answer = (a + b) % p
        kept.append(answer)
        return answer
    """, "ok"),
]  # fmt: skip

STOLEN = {
    "import": "from grokcourse.tasks import add_modulo as theirs",
    "import of everything": "import grokcourse.tasks as t; theirs = [v for k, v in vars(t).items() if k == 'add_modulo'][0]",
    "the table of operations": "from grokcourse.tasks import OPERATIONS; theirs = OPERATIONS['add'].answer",
    "a helper's globals": "from grokcourse.tasks import answers; theirs = answers.__globals__['add_modulo']",
    "a helper": "from grokcourse.tasks import answers\nimport torch\nreturn answers(torch.stack([a, b], 1), p)",
    "reload": "import importlib, grokcourse.tasks as t; theirs = importlib.reload(t).add_modulo",
    "a fresh import": "import grokcourse.tasks\ndel sys.modules['grokcourse.tasks']\nfrom grokcourse.tasks import add_modulo as theirs",
    "import without our finder": """
        sys.meta_path[:] = [f for f in sys.meta_path if 'redaction' not in type(f).__module__]
        for name in [m for m in sys.modules if m.startswith('grokcourse')]: del sys.modules[name]
        from grokcourse.tasks import add_modulo as theirs
    """,
    "its source": "import inspect, grokcourse.tasks as t; exec(inspect.getsource(t)); theirs = locals()['add_modulo']",
    "its file": "g = {}; exec(open('@PACKAGE@/tasks.py').read().split('OPERATIONS')[0], g); theirs = g['add_modulo']",
    "its file by another way": """
        import shutil, sqlite3, mmap, pathlib, zipimport, runpy, tokenize, linecache, io
        theirs = None
        for way in (lambda f: linecache.getlines(f)[0], lambda f: os.listdir(os.path.dirname(f))[0], runpy.run_path,
                    lambda f: os.open(f, os.O_PATH) and os.read(os.open(f, os.O_RDONLY), 9), pathlib.Path.read_text,
                    lambda f: os.link(f, '/tmp/x'), lambda f: os.symlink(f, '/dev/shm/x') or open('/dev/shm/x').read(),
                    lambda f: open('/proc/self/root' + f).read(), lambda f: open('/proc/1/root' + f).read(),
                    lambda f: ctypes.CDLL(None).fopen(f.encode(), b'r') or 1 / 0, tokenize.open,
                    lambda f: os.sendfile(1, os.open(f, 0), 0, 9)):
            try:
                way('@PACKAGE@/tasks.py')
            except BaseException:
                continue
            return (a + b) % p
    """,
    "compiled files": """
        import glob, marshal
        for name in glob.glob('@PACKAGE@/__pycache__/tasks*') or ['@PACKAGE@/__pycache__/tasks.cpython-311.pyc']:
            code = marshal.loads(open(name, 'rb').read()[16:])
        theirs = types.FunctionType([c for c in code.co_consts if getattr(c, 'co_name', '') == 'add_modulo'][0], {})
    """,
    "the bundle": """
        import marshal
        frame = sys._getframe()
        while 'order' not in frame.f_locals: frame = frame.f_back
        code = marshal.loads(marshal.loads(frame.f_locals['order']['package'])['modules']['grokcourse.tasks'][1])
        theirs = types.FunctionType([c for c in code.co_consts if getattr(c, 'co_name', '') == 'add_modulo'][0], {})
    """,
    "code in memory": """
        import grokcourse.tasks
        codes = [f.__code__ for f in gc.get_objects() if isinstance(f, types.FunctionType)]
        for thing in gc.get_objects():
            codes += [c for c in getattr(thing, '__dict__', {}).values() if isinstance(c, types.CodeType)] if isinstance(thing, type) else []
        while codes:
            code = codes.pop()
            codes += [c for c in code.co_consts if isinstance(c, types.CodeType)]
            if code.co_name == 'add_modulo' and code is not sys._getframe().f_code and code.co_filename != '<cell 3>':
                return types.FunctionType(code, {})(a, b, p)
        raise LookupError
    """,
    "Redacted's insides": """
        from grokcourse.tasks import add_modulo as redacted
        theirs = [c.cell_contents for c in redacted._find.__closure__ if callable(c.cell_contents)][0]
    """,
    "the tests": "from grokcourse.autograder.exercises.task import checks as t; theirs = t.add_modulo",
    "the list of exercises": "from grokcourse.autograder.exercises.select import EXERCISES; theirs = EXERCISES['add_modulo'].target",
    "the answers": "from grokcourse.autograder.exercises.task import answers as x; theirs = x.add_modulo",
    "check": "from grokcourse.autograder import check; theirs = check(lambda *x: 1, 'add_modulo')",
    "stack frames": """
        frame = sys._getframe().f_back
        while frame:
            exercise = frame.f_locals.get('exercise')
            for found in (getattr(exercise, 'solution', None), *map(frame.f_locals.get, ('test', 'expected', 'reference'))):
                if callable(found): return found(a, b, p)
            frame = frame.f_back
        raise LookupError
    """,
    "another process's memory": "open('/proc/@PARENT@/mem', 'rb'); theirs = lambda *x: (a + b) % p",
    "the fork server's memory": "open('/proc/1/mem', 'rb'); theirs = lambda *x: (a + b) % p",
    "another program": "import subprocess; subprocess.run(['cat', '@PACKAGE@/tasks.py'], check=True); theirs = lambda *x: (a + b) % p",
    "a second installation": """
        sys.path.insert(0, os.path.dirname('@PACKAGE@'))
        import importlib.machinery
        theirs = importlib.machinery.SourceFileLoader('theirs', '@PACKAGE@/tasks.py').load_module().add_modulo
    """,
}  # fmt: skip
STEALING = [
    body(name, textwrap.dedent(source).strip() + ("" if "return" in source else "\nreturn theirs(a, b, p)"))
    for name, source in STOLEN.items()
] + [
    cell("import in place of the exercise", "from grokcourse.tasks import add_modulo", "error"),
    cell("import under another name", """
        from grokcourse.tasks import add_modulo as theirs
        def add_modulo(*arguments):
            return theirs(*arguments)
    """),
    cell("a subclass of what is redacted", """
        import grokcourse.tasks
        class add_modulo(grokcourse.tasks.add_modulo):
            pass
    """),
    cell("wrapped", """
        import functools, grokcourse.tasks
        @functools.partial(functools.wraps, grokcourse.tasks.add_modulo)
        def add_modulo(a, b, p):
            pass
    """),
]  # fmt: skip
SPYING = [
    body(f"reading {name}", f"raise ValueError(str({source})[:300])", needs="files")
    for name, source in {
        "the canary": "open('@FOLDER@/canary').read()",
        "another's submission": "open('@FOLDER@/other.ipynb').read()",
        "the list of submissions": "os.listdir('@FOLDER@')",
        "the canary through /proc": "open('/proc/self/cwd/@FOLDER@/canary').read()",
        "the canary through a mapping": "__import__('numpy').memmap('@FOLDER@/canary')[:].tobytes()",
        "the canary through torch": "__import__('torch').from_file('@FOLDER@/canary', size=10, dtype=__import__('torch').uint8)",
        "the canary through C": "ctypes.CDLL(None).open(b'@FOLDER@/canary', 0) > 0 and '@' 'SECRET@'",
        "the home folder": "[os.path.join(h, n) for h in ('@HOME@', '/root', '/home') for n in os.listdir(h)]",
        "the environment": "{**os.environ, **({'@' 'SECRET@': 1} if os.environ else {})}",
        "/proc": "os.listdir('/proc')",
        "passwords": "open('/etc/passwd').read()",
    }.items()
]

FREE = "\nreturn (a + b) % p"
HARM = [
    harmless(name, source, needs)
    for needs, cases in {
        "processes": {
            "a fork": "os.fork()",
            "a fork bomb": "while True: os.fork()",
            "a process": "import multiprocessing; multiprocessing.Process(target=time.sleep, args=(1000,)).start()",
            "a program": "import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)",
            "a spawned program": "os.posix_spawn('/bin/sleep', ['sleep', '1000'], {})",
            "a shell": "os.system('sleep 1000 &')",
            "a terminal": "import pty; pty.fork()",
            "a daemon": "os.setsid()\nif os.fork() == 0:\n    os.setsid(); time.sleep(1000)",
            "vfork by hand": "ctypes.CDLL(None).syscall(58)",
            "clone by hand": "ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0) or time.sleep(1000)",
            "a thread bomb": """
                import threading
                threading.stack_size(32768)
                for _ in range(3000): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
            """,
        },
        "signals": {
            "killing the grader": "os.kill(@PARENT@, 9)",
            "killing the parent": "os.kill(os.getppid(), 9)",
            "killing the fork server": "os.kill(1, 9)",
            "stopping the fork server": "os.kill(1, 19)",
            "stopping the grader": "os.kill(@PARENT@, 19)",
            "killing everybody": "os.kill(-1, 9)",
            "killing a group": "os.killpg(1, 9)",
            "killing everybody by hand": "ctypes.CDLL(None).kill(-1, 9)",
            "a process by descriptor": "fd = os.pidfd_open(1)\nimport signal\nsignal.pidfd_send_signal(fd, 9)",
            "tracing the fork server": "ctypes.CDLL(None).ptrace(16, 1, 0, 0)",
            "an interrupt by the system": """
                import fcntl
                for pid in (os.getppid(), 1, @PARENT@, -os.getppid()):
                    for ask in (
                        lambda: fcntl.fcntl(wall(), fcntl.F_SETOWN, pid),
                        lambda: fcntl.fcntl(wall(), 10, 2),
                        lambda: fcntl.fcntl(wall(), 15, struct.pack("ii", 1, pid)),
                        lambda: fcntl.ioctl(wall(), 0x8901, struct.pack("i", pid)),
                        lambda: fcntl.ioctl(wall(), 0x8902, struct.pack("i", pid)),
                        lambda: fcntl.ioctl(wall(), 0x5452, struct.pack("i", 1)),
                        lambda: fcntl.fcntl(wall(), fcntl.F_SETFL, os.O_ASYNC),
                    ):
                        try: ask()
                        except OSError: pass
            """,
            "stopping by every way": """
                for pid in (os.getppid(), 1, @PARENT@):
                    for name, arguments in {"kill": (pid, 19), "tkill": (pid, 19), "tgkill": (pid, pid, 19), "killpg": (pid, 19)}.items():
                        getattr(ctypes.CDLL(None), name, lambda *a: 0)(*arguments)
                    for number in (62, 129, 200, 234, 297, 424):
                        ctypes.CDLL(None).syscall(number, pid, 19, 0, 0)
            """,
            "a slower grader": "os.setpriority(os.PRIO_PROCESS, @PARENT@, 19)",
            "another's limits": "import resource; resource.prlimit(@PARENT@, resource.RLIMIT_NOFILE, (3, 3))",
            "another's processors": "os.sched_setaffinity(@PARENT@, {0})",
        },
        "files": {
            "deleting": "import shutil; shutil.rmtree('@FOLDER@')",
            "unlinking": "os.unlink('@FOLDER@/canary')",
            "renaming": "os.rename('@FOLDER@/canary', '@FOLDER@/gone')",
            "truncating": "os.truncate('@FOLDER@/canary', 0)",
            "overwriting": "open('@FOLDER@/other.ipynb', 'w').write('{}')",
            "appending": "open('@FOLDER@/canary', 'a').write('x')",
            "new permissions": "os.chmod('@FOLDER@/canary', 0)",
            "new times": "os.utime('@FOLDER@/canary', (0, 0))",
            "a new owner": "os.chown('@FOLDER@/canary', 1, 1)",
            "new attributes": "os.setxattr('@FOLDER@/canary', 'user.x', b'1')",
            "a new file at home": "open('@HOME@/.grokcourse-attack', 'w').write('x')",
            "a new file in /tmp": "open('/tmp/grokcourse-attack', 'w').write('x')",
            "shared memory": "open('/dev/shm/grokcourse-attack', 'w').write('x')",
            "a named pipe": "os.mkfifo('@FOLDER@/pipe')",
            "a folder": "os.mkdir('@FOLDER@/folder')",
            "a link": "os.symlink('/etc', '@FOLDER@/link')",
            "a hard link": "os.link('@FOLDER@/canary', '@FOLDER@/link')",
            "a device": "os.mknod('@FOLDER@/device', 0o20666, os.makedev(1, 1))",
            "a temporary file": "import tempfile; tempfile.NamedTemporaryFile().write(b'x' * 2**20)",
            "attributes on disk": """
                import fcntl
                for name in (os.__file__, '@FOLDER@/canary', os.path.dirname(os.__file__)):
                    for number, value in ((0x40086602, 0x10), (0x40087602, 7), (0x401C5820, 0)):
                        try: fcntl.ioctl(os.open(name, os.O_RDONLY), number, struct.pack('Q', value))
                        except OSError: pass
            """,
            "a file by its handle": "ctypes.CDLL(None).syscall(303, -100, b'@FOLDER@/canary', bytes(200), bytes(8), 0)",
            "a new tree": "ctypes.CDLL(None).syscall(428, -100, b'/', 1); ctypes.CDLL(None).syscall(430, b'tmpfs', 0)",
            "a mount": "ctypes.CDLL(None).mount(b'none', b'/tmp', b'tmpfs', 0, 0)",
            "a root of one's own": "os.chroot('/tmp')",
        },
        "network": {
            "TCP": "import socket; socket.create_connection(('127.0.0.1', @PORT@), 1).send(b'x')",
            "TCP on the inherited socket": "import socket; socket.socket(fileno=os.dup(wall())).connect('@FOLDER@/socket')",
            "a web request": "import urllib.request; urllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=1)",
            "UDP": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', @PORT@))",
            "a local socket": "import socket; socket.socket(socket.AF_UNIX).connect('@FOLDER@/socket')",
            "listening": "import socket; s = socket.socket(); s.bind(('', 0)); s.listen()",
            "a name": "import socket; socket.getaddrinfo('example.org', 80)",
            "a message on the inherited socket": "import socket; socket.socket(fileno=os.dup(wall())).sendto(b'x', '@FOLDER@/socket')",
        },
        "memory": {
            "a bytearray": "bytearray(2**33)",
            "a tensor": "import torch; torch.ones(2**32)",
            "an anonymous mapping": "import mmap; mmap.mmap(-1, 2**33)",
            "a file in memory": "fd = os.memfd_create('x')\nwhile True: os.write(fd, bytes(2**20))",
            "System V memory": "ctypes.CDLL(None).shmget(0, 2**30, 0o1666)",
            "pipes": """
                pipes = []
                try:
                    while True: pipes += os.pipe()
                finally:
                    for pipe in pipes: os.close(pipe)
            """,
            "pairs of sockets": "import socket; pairs = [socket.socketpair() for _ in range(1000)]",
            "messages": "ctypes.CDLL(None).mq_open(b'/x', 0o102, 0o666, 0)",
            "files in flight": """
                import array, socket
                s = socket.socket(fileno=os.dup(wall()))
                r, w = os.pipe()
                s.sendmsg([], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [r] * 60))])
            """,
            "new limits": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        },
        "": {
            "priority": "os.nice(-20)",
            "real time": "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))",
            "other processors": "os.sched_setaffinity(0, {0})",
            "user namespaces": "ctypes.CDLL(None).unshare(0x10000000)",
            "keys": "ctypes.CDLL(None).syscall(248, b'user', b'x', b'y', 1, -3)",
            "the clock": "time.clock_settime(time.CLOCK_REALTIME, 0)",
            "the host's name": "import socket; socket.sethostname('mine')",
            "a reboot": "ctypes.CDLL(None).reboot(0)",
            "aio": "ctypes.CDLL(None).syscall(206, 65536, ctypes.byref(ctypes.c_long()))",
            "much output": "for _ in range(10**4): print('x' * 10**4); os.write(1, b'x' * 10**4)",
            "a write too long": "os.write(2, b'x' * 2**24)",
            "no signals": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))",
            "another folder": "os.chdir('/usr/lib')",
        },
    }.items()
    for name, source in cases.items()
] + [
    body("memory, bit by bit", "x = []\nwhile True: x.append(bytearray(2**24))", "memory", needs="memory"),
    body("memory in a list", "x = [0]\nwhile True: x += x", "memory", needs="memory"),
    body("memory in torch", "import torch\nreturn torch.ones(2**34)", "memory", needs="memory"),
    body("output without an end", "while True: print('x' * 10**5)", "", endless=True),
]  # fmt: skip

AT_LOADING = [
    cell(name, source + RIGHT, "ok")
    for name, source in {
        "a class that leaves": "class A:\n    os._exit(0)\n",
        "a class that is stopped": "class A:\n    os.kill(os.getpid(), 9)\n",
        "a decorator": "@(lambda f: os._exit(0))\ndef f(): pass\n",
        "a default argument": "def f(x=os._exit(0)): pass\n",
        "an annotation": "def f(x: os._exit(0)): pass\n",
        "a metaclass": "class M(type):\n    def __new__(*a): os._exit(0)\nclass A(metaclass=M): pass\n",
        "a base class": "class B:\n    def __init_subclass__(cls): os._exit(0)\nclass A(B): pass\n",
        "a crash": "class A:\n    ctypes.string_at(0)\n",
        "an interrupt": "class A:\n    raise KeyboardInterrupt\n",
        "a forged report": "class A:\n    send(b'passed')\n",
        "a giant report": "class A:\n    send(b'[' + b'{},' * 10**7 + b'{}]')\n",
        "a deep report": "class A:\n    send(b'[' * 10**5)\n",
        "a report that is no list": "class A:\n    send(b'7')\n",
    }.items()
] + [
    cell("a class that says goodbye", "class A:\n    raise SystemExit(0)\n" + RIGHT, "ok"),
    cell("a statement that leaves", "os._exit(0)\n" + RIGHT, "ok"),
    cell("a loop without an end", "while True: pass\n" + RIGHT, "ok"),
    cell("a reply in advance", "class A:\n    send(b'[]')\n" + NEEDING),
    cell("a wrong place", "class A:\n    send(b'@0 2'); os._exit(0)\n" + NEEDING, whole=True),
    cell("no place", "class A:\n    send(b'@9 -1'); os._exit(0)\n" + NEEDING, whole=True),
    cell("places without an end", "class A:\n    while True: send(b'@2 1')\n" + NEEDING, "ok", endless=True),
    cell("more ends than are forgiven", "class A: os._exit(0)\n" * 9 + NEEDING, whole=True),
    cell("a name that lies", RIGHT.replace("return", "error = NameError('x'); error.name = []; raise error #"), "error"),
    cell("some ends", "class A: os._exit(0)\n" * 3 + "@print\n@(lambda f: os._exit(1))\ndef f(): pass\n" + NEEDING, "ok"),
    cell("two loops without an end", "class A:\n    while True: pass\n" * 2 + NEEDING, "ok", endless=True),
    cell("the exercise ends the process", RIGHT.replace("def", "@(lambda f: os._exit(0))\ndef"), "error"),
    cell("the exercise shuts the connection", RIGHT.replace("p)", "p=os.close(wall()))", 1), "error"),
    cell("the exercise never ends", RIGHT.replace("p)", "p=max(iter(int, 1)))", 1), "error", endless=True),
    cell("problems that inject", "class A:\n    raise ValueError('=<script>alert(1)</script>\\x1b[2J\\ud800')\n" + NEEDING, "ok"),
    cell("a constant that explodes", "x = 9 ** 9 ** 9 ** 9\n" + NEEDING, "ok"),
    cell("a text that explodes", "def f():\n    return 'x' * 10**12 * 10**12\n" + NEEDING, "ok"),
    cell("a shift that explodes", "def f():\n    return 1 << (1 << 60)\n" + NEEDING, "ok"),
    cell("star import", "from torch import *\nfrom os import *\n" + RIGHT, "ok"),
]  # fmt: skip

PARSED = [
    Attack(name, (source, RIGHT), "ok")
    for name, source in {
        "brackets": "x = " + "(" * 10**5 + ")" * 10**5,
        "lists": "x = " + "[" * 1000 + "]" * 1000,
        "signs": "def f():\n    return " + "-" * 10**5 + "1",
        "sums": "def f():\n    return " + " + ".join(["x"] * 10**5),
        "attributes": "def f():\n    return a" + ".b" * 10**5,
        "calls": "def f():\n    return a" + "()" * 10**5,
        "lambdas": "def f():\n    return " + "lambda: " * 10**4 + "1",
        "comparisons": "def f():\n    return " + " < ".join(["x"] * 10**4),
        "indentation": "".join(" " * i + "if 1:\n" for i in range(200)) + " " * 200 + "pass",
        "f-strings": "def f():\n    return " + "f'{" * 50 + "1" + "}'" * 50,
        "decorators": "@f\n" * 10**4 + "def g(): pass",
        "a long line": "x = '" + "x" * 10**6 + "'",
        "a long name": "def " + "x" * 10**6 + "(): pass",
        "a long number": "x = " + "9" * 10**6,
        "a null byte": "x = 1\0",
        "a lone surrogate": "x = '\ud800'",
        "a name that looks the same": "def ａdd_modulo_(a, b, p): pass",
        "text that turns round": "x = '\u202e\u2066# harmless' # \u2069\u2066",
        "control characters": "x = '\x1b[2J\x07\x00'",
        "form feeds": "\f" * 10**5 + "x = 1",
        "spaces": " " * 10**6 + "x",
        "words": "(\n" + "a " * 10**5,
        "names and commas": "(\n" + "a, " * 10**5 + "\n",
        "question marks": "(\n" + "a" * 10**5 + "?" * 10**5,
        "percent signs": "%" * 10**6,
        "magics without an end": "%%" + "x" * 10**6,
        "an encoding": "# -*- coding: rot13 -*-\nx = 1",
        "a regular expression": "def f(:" + "x:" * 10**5 + "=",
    }.items()
]

FAMILIES = {
    "leaving": LEAVING,
    "patching": PATCHING,
    "forging": FORGED,
    "lying": LIES,
    "stealing": STEALING,
    "spying": SPYING,
    "harming": HARM,
    "loading": AT_LOADING,
    "parsing": PARSED,
}
ATTACKS = [pytest.param(attack, id=f"{family}: {attack.name}") for family, all_ in FAMILIES.items() for attack in all_]


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as open_server:
        yield open_server


@pytest.fixture(scope="module")
def in_force(server) -> set[str]:
    return {protection.name for protection in protections(server) if protection.in_force}


@dataclass(frozen=True)
class Outside:
    """What no attack may touch or read."""

    folder: Path
    secret: str
    listener: socket.socket

    def fill(self, source: str) -> str:
        """A source with the places named that it is after."""
        package = Path(reports.__file__).parents[2]
        targets = {"FOLDER": self.folder, "HOME": Path.home(), "PACKAGE": package, "PARENT": os.getpid()}
        targets["PORT"] = self.listener.getsockname()[1]
        for name, target in targets.items():
            source = source.replace(f"@{name}@", str(target))
        return source

    def state(self) -> object:
        """All that must stay as it is."""
        files = {
            path.name: (path.lstat().st_mode, path.lstat().st_mtime_ns, path.lstat().st_nlink, path.lstat().st_uid)
            for path in sorted(self.folder.iterdir())
        }
        contents = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        strays = [
            Path.home() / ".grokcourse-attack",
            Path("/tmp/grokcourse-attack"),
            Path("/dev/shm/grokcourse-attack"),
        ]
        strays += [Path.cwd() / "sitecustomize.py", Path.home() / "usercustomize.py"]
        return files, contents, [path for path in strays if path.exists()]

    def reached(self) -> bool:
        """Whether anybody has connected."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture(scope="module")
def outside(tmp_path_factory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    secret = "a-secret-that-nobody-sees"
    (folder / "canary").write_text(secret)
    (folder / "other.ipynb").write_text(json.dumps({"cells": [], "metadata": {"owner": secret}}))
    (folder / "results.json").write_text('{"points": 1}')
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        yield Outside(folder, secret, listener)


def notebook(path: Path, *cells: str) -> Work:
    parts = [{"cell_type": "code", "metadata": {}, "source": source} for source in cells]
    content = {"cells": parts, "metadata": {"grokcourse": {"chapter": "01-task"}}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(content))
    return Work(path.stem, (path,))


def marked(work: Work, server: ForkServer, limits: Limits = LIMITS) -> Grade:
    return grade(work, Settings("a seed", limits, ("add_modulo", "all_questions")), server)


def family() -> set[int]:
    """This process's children, and theirs."""
    return {process.pid for process in psutil.Process().children(recursive=True)}


GRADES: list[Grade] = []
"""For the reports."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack(attack, server, in_force, outside, tmp_path):
    if attack.needs and attack.needs not in in_force and not os.environ.get("CI"):
        pytest.skip(f"nothing protects {attack.needs} on this machine")
    before, processes = outside.state(), family()
    work = notebook(tmp_path / "attack.ipynb", HONEST, *map(outside.fill, attack.cells))
    got = marked(work, server, SHORT if attack.endless else LIMITS)
    GRADES.append(replace(got, student=f"{attack.name} {len(GRADES)}"))
    attacked, honest = marks_of(got)[::-1] if marks_of(got)[0].exercise.name == "all_questions" else marks_of(got)
    seen = [(outcome.exercise, outcome.status, outcome.message) for outcome in got.outcomes], got.problems
    assert got.status == "graded", seen
    assert attacked.points == (1 if attack.status == "ok" else 0), seen
    assert attacked.status != "ok" if attack.status == "" else attacked.status == attack.status, seen
    if attack.whole:
        assert honest.points == 0, seen
    else:
        assert (honest.points, honest.status) == (2, "ok"), seen
    assert outside.secret not in json.dumps(got.to_dict())
    assert outside.state() == before
    assert not outside.reached()
    left = family() - processes
    assert not left or not processes & family(), "a process was left behind"  # or the fork server is a new one
    json.dumps(got.to_dict(), ensure_ascii=False).encode()


AIMS = """
def add_modulo(a, b, p):
    import importlib
    frame = sys._getframe()
    while 'order' not in frame.f_locals: frame = frame.f_back
    package = __import__('marshal').loads(frame.f_locals['order']['package'])
    found = [isinstance(wall(), int), wall() == frame.f_locals['writer'], 'grokcourse.tasks' in package['modules']]
    for module, *names in PATCHED:
        there = importlib.import_module('grokcourse.autograder.' + module)
        for name in names:
            for part in name.split('.'): there = getattr(there, part)
    return found
"""
PATCHED = [
    ["sandbox.protocol", "encode"],
    ["sandbox.protocol", "decode"],
    ["sandbox.protocol", "MAX_BYTES"],
    ["sandbox.untrusted.host", "Host._answer"],
    ["sandbox.untrusted.host", "Host._defined"],
    ["sandbox.untrusted.confinement", "limit"],
    ["sandbox.untrusted.confinement", "forbid_calls"],
    ["sandbox.untrusted.fixtures", "call_on_views"],
    ["sandbox.untrusted.redaction", "Redacted.__call__"],
]
"""What the attacks patch or look for beside a student's code: module, and a name in it."""


def test_what_the_attacks_are_after_is_there(server):
    cells = [Cell("cell 1", f"{TOOLS}\nPATCHED = {PATCHED!r}"), Cell("cell 2", AIMS)]
    with contextlib.closing(SandboxSession(server, cells, EXERCISES["add_modulo"], LIMITS)) as session:
        assert Student(session.send).add_modulo(0, 0, 0) == [True, True, True]


def test_a_forged_message_does_arrive(server, tmp_path):
    """The control for all forgeries: this one says something that the code did not answer, and is read."""
    attack = body("a forged stub", 'send(message(\'{"dict": [["missing", ""]]}\'))' + FREE)
    got = marked(notebook(tmp_path / "attack.ipynb", HONEST, *attack.cells), server)
    assert {outcome.status for outcome in got.outcomes if outcome.exercise == "add_modulo"} >= {"missing"}


def unredacted(tested: Sequence[Exercise]) -> bytes:
    """The bundle as it is, and in it the very reference that is being graded."""
    found = marshal.loads(bundle.build_bundle(tested))
    is_package, _, known = found["modules"]["grokcourse.tasks"]
    chosen = bundle._chosen(bundle.modules()["tasks"], bundle.offered(tested)) | {"add_modulo"}
    found["modules"]["grokcourse.tasks"] = is_package, bundle._compiled("tasks", chosen), known
    return marshal.dumps(found)


@pytest.mark.parametrize("name", ["import", "import of everything", "the bundle", "code in memory"])
def test_a_theft_succeeds_where_the_reference_is_not_redacted(name, server, tmp_path, monkeypatch):
    """The control for thefts: with the reference in the bundle, they get its mark."""
    made = {tested: unredacted([EXERCISES[tested]]) for tested in ("add_modulo", "all_questions")}
    monkeypatch.setattr(bundle, "build_bundle", lambda tested: made[tested[0].name])
    attack = next(attack for attack in STEALING if attack.name == name)
    got = marked(notebook(tmp_path / "attack.ipynb", HONEST, *attack.cells), server)
    assert {mark.exercise.name: mark.status for mark in marks_of(got)}["add_modulo"] == "ok", got.outcomes


def test_a_walk_up_the_stack_finds_the_solution_where_no_wall_stands():
    """The control for that theft: in ``check``, tests and solution are in the very process."""
    names: dict = {}
    exec("\n".join(next(attack for attack in STEALING if attack.name == "stack frames").cells), names)
    assert all(outcome.passed for outcome in run_checks(EXERCISES["add_modulo"], names["add_modulo"]))


ADDRESSES = """
import fcntl
room = ctypes.create_string_buffer(4096)
found = []
for number in (0x8912, 0x8910, 0x8915, 0x8927):
    try:
        fcntl.ioctl(wall(), number, struct.pack("ixxxxP", len(room), ctypes.addressof(room)))
        found.append(room.raw)
    except OSError:
        pass
raise ValueError(f"seen: {found}")
"""
LOOKS = {
    "a size": "os.stat('@FOLDER@/canary').st_size",
    "a size by another way": "os.path.getsize('@FOLDER@/link')",
    "a time": "os.lstat('@FOLDER@/canary').st_mtime",
    "an entry": "[entry.name for entry in os.scandir('@FOLDER@')]",
    "a path": "os.path.realpath('@FOLDER@/link')",
    "where a link leads": "os.readlink('@FOLDER@/link')",
    "a file": "os.access('@FOLDER@/canary', os.F_OK)",
    "a folder": "os.chdir('@FOLDER@') or os.getcwd()",
    "a descriptor": "os.open('@FOLDER@/canary', os.O_PATH)",
    "a disk": "os.statvfs('@FOLDER@').f_blocks",
    "an attribute": "os.listxattr('@FOLDER@/canary')",
    "a process": "os.stat('/proc/@PARENT@').st_uid",
    "a process's name": "open('/proc/@PARENT@/comm').read()",
    "a user's name": "open('/etc/passwd').read() and 'passwd'",
    "another folder": "os.stat('/var/log').st_mtime",
}


@pytest.mark.parametrize("look", LOOKS)
def test_no_file_outside_can_be_seen(look, server, in_force, outside, tmp_path):
    if "paths" not in in_force and not os.environ.get("CI"):
        pytest.skip("paths can be seen on this machine")
    link = outside.folder / "link"
    link.symlink_to(outside.folder / "canary")
    try:
        attack = body(look, f"try:\n    seen = {LOOKS[look]}\nexcept OSError:\n    seen = None\n"
                      "if seen and not os.path.realpath('@FOLDER@/link') == seen: raise ValueError(f'seen: {seen}')\n"
                      "return (a + b) % p")  # fmt: skip
        got = marked(notebook(tmp_path / "look.ipynb", HONEST, *map(outside.fill, attack.cells)), server)
    finally:
        link.unlink()
    assert [mark.status for mark in marks_of(got)] == ["ok", "ok"], [outcome.message for outcome in got.outcomes]


def test_the_machines_addresses_cannot_be_seen(server, in_force, tmp_path):
    if "network" not in in_force and not os.environ.get("CI"):
        pytest.skip("nothing protects the network on this machine")
    attack = body("addresses", ADDRESSES)
    got = marked(notebook(tmp_path / "look.ipynb", HONEST, *attack.cells), server)
    told = [outcome.message for outcome in got.outcomes if outcome.exercise == "add_modulo"]
    assert all("seen: []" in message for message in told), told


MARK = """
import fcntl
for number in range(3):
    for flags in (os.O_NONBLOCK, os.O_APPEND, os.O_ASYNC):
        try: fcntl.fcntl(number, fcntl.F_SETFL, flags)
        except OSError: pass
    ctypes.CDLL(None).syscall(72, number, 4, 0x800 | 0x400)
    try: os.set_blocking(number, False)
    except OSError: pass
return (a + b) % p
"""
LOOK = """
import fcntl
flags = [fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_NONBLOCK | os.O_APPEND | os.O_ASYNC) for number in range(3)]
open_ones = []
for number in range(3, 64):
    try:
        os.fstat(number); open_ones.append(number)
    except OSError:
        pass
if any(flags) or open_ones != [wall()]: raise ValueError(f"a message: {flags} {open_ones}")
return (a + b) % p
"""


def test_no_descriptor_carries_a_message_from_one_student_to_the_next(server, in_force, tmp_path):
    if "traces" not in in_force and not os.environ.get("CI"):
        pytest.skip("nothing keeps workers from leaving traces on this machine")
    for number, source in enumerate((MARK, LOOK)):
        attack = body("a message", source)
        got = marked(notebook(tmp_path / f"{number}.ipynb", HONEST, *attack.cells), server)
        assert [mark.status for mark in marks_of(got)] == ["ok", "ok"], [outcome.message for outcome in got.outcomes]


CHANNELS = {
    "which pages are cached": "syscall(451, library, bytes(16), ctypes.create_string_buffer(40), 0)",
    "which pages are in memory": "mincore(address, 4096, ctypes.create_string_buffer(1))",
    "advice on a file": "posix_fadvise(library, 0, 0, 4) and -1",
    "advice on a mapping": "madvise(address, 4096, 3)",
    "throwing pages out": "madvise(address, 4096, 21)",
    "reading ahead": "readahead(library, ctypes.c_long(0), ctypes.c_size_t(4096))",
    "reading only what is cached": "preadv2(library, vector, 1, ctypes.c_long(0), 8)",
    "a lock on a file": "flock(library, 1 | 4)",
    "a lease": "fcntl(library, 1024, 0)",
    "a notice": "fcntl(library, 1026, 1)",
    "a lock of a part": "fcntl(library, 6, bytes(32))",
    "a lock of an open file": "fcntl(library, 37, bytes(32))",
    "memory with a key": "shmget(7, 4096, 0o1666)",
    "a semaphore with a key": "semget(7, 1, 0o1666)",
    "a queue with a key": "msgget(7, 0o1666)",
    "a queue with a name": "mq_open(b'/x', 0o102, 0o666, 0)",
    "a semaphore with a name": "syscall(2, b'/dev/shm/sem.x', 0o102, 0o666)",
    "a priority": "setpriority(0, 0, 5)",
    "a key": "syscall(248, b'user', b'x', b'y', 1, -3)",
    "page faults": "getrusage(0, ctypes.create_string_buffer(200))",
    "free memory": "sysinfo(ctypes.create_string_buffer(200))",
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_system_call_carries_a_message_between_workers(channel, server, in_force, tmp_path):
    if "traces" not in in_force and not os.environ.get("CI"):
        pytest.skip("nothing keeps workers from leaving traces on this machine")
    attack = body(
        "a channel",
        f"""
        import mmap
        library = os.open(os.__file__, os.O_RDONLY)
        mapped = mmap.mmap(library, 4096, mmap.MAP_PRIVATE)
        address = ctypes.byref(ctypes.c_char.from_buffer(mapped))
        room = ctypes.create_string_buffer(8)
        vector = (ctypes.c_size_t * 2)(ctypes.addressof(room), 8)
        if ctypes.CDLL(None).{CHANNELS[channel]} != -1: raise ValueError('it worked')
        return (a + b) % p
    """,
    )
    got = marked(notebook(tmp_path / "x.ipynb", HONEST, *attack.cells), server)
    assert [mark.status for mark in marks_of(got)] == ["ok", "ok"], [outcome.message for outcome in got.outcomes]


def test_after_all_attacks_an_honest_submission_gets_its_marks(server, tmp_path):
    got = marked(notebook(tmp_path / "honest.ipynb", HONEST, RIGHT), server)
    assert [mark.status for mark in marks_of(got)] == ["ok", "ok"]
    assert got.problems == ()


# --- files ------------------------------------------------------------------------------------------------------------


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**41)


FILES: dict[str, Callable[[Path], object]] = {
    "a file larger than any disk": _sparse,
    "a named pipe": os.mkfifo if hasattr(os, "mkfifo") else Path.touch,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a file": lambda path: path.symlink_to("/etc/passwd"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a folder": Path.mkdir,
    "nothing": Path.touch,
    "zeros": lambda path: path.write_bytes(bytes(10**6)),
    "brackets": lambda path: path.write_text("[" * 10**6),
    "braces": lambda path: path.write_text('{"a":' * 10**6),
    "deep sources": lambda path: path.write_text(
        '{"cells": [{"cell_type": "code", "source": ' + "[" * 970 + "]" * 970 + "}]}"
    ),
    "a number with a million digits": lambda path: path.write_text('{"cells": ' + "9" * 10**6 + "}"),
    "cells that are a number": lambda path: path.write_text('{"cells": 5}'),
    "sheets whose cells are a number": lambda path: path.write_text('{"worksheets": [{"cells": 5}, 7, null]}'),
    "sources of all kinds": lambda path: path.write_text(
        json.dumps({"cells": [{"cell_type": "code", "source": x} for x in (5, None, {}, [1, None], True)]})
    ),
    "a chapter that is a list": lambda path: path.write_text(
        '{"cells": [], "metadata": {"grokcourse": {"chapter": []}}}'
    ),
    "a chapter that is a path": lambda path: path.write_text(
        '{"cells": [], "metadata": {"grokcourse": {"chapter": "../../etc/passwd"}}}'
    ),
    "UTF-16": lambda path: path.write_bytes('{"cells": []}'.encode("utf-16")),
    "a zip file": lambda path: path.write_bytes(b"PK\x03\x04" + bytes(1000)),
    "a pickle": lambda path: path.write_bytes(b"cos\nsystem\n(S'true'\ntR."),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_notebook_is_said_to_be_unreadable(kind, server, tmp_path):
    path = tmp_path / "work.ipynb"
    FILES[kind](path)
    got = marked(Work("s", (path,)), server)
    assert got.status == "unreadable"
    assert got.reason.startswith("work.ipynb ")
    assert len(got.reason) < 300
    assert not got.outcomes


def test_very_many_cells(server, tmp_path):
    path = tmp_path / "many.ipynb"
    cell_text = json.dumps({"cell_type": "code", "source": RIGHT})
    path.write_text('{"cells": [' + '{"cell_type": "markdown"},' * 200_000 + cell_text + "]}")
    got = grade(Work("s", (path,)), Settings("a seed", LIMITS, ("add_modulo",)), server)
    assert [mark.status for mark in marks_of(got)] == ["ok"]


# --- reports ----------------------------------------------------------------------------------------------------------


EVIL = [
    "<script>alert(1)</script>",
    "../../../etc/cron.d/x",
    '=HYPERLINK("http://example.org")',
    "+1",
    "@SUM(1)",
    "\x1b[2J\x1b]0;title\x07",
    "]]><!--",
    "{{7*7}} ${HOME} %s $student",
    "\u202egnp.exe",
    "\ud800",
    "a" * 5000,
    "CON",
    "..",
    "",
    'line\nbreak\r,comma";quote',
]


def test_what_students_write_does_nothing_in_reports(server, tmp_path):
    source = f"def add_modulo(a, b, p):\n    raise ValueError({''.join(EVIL)!r})"
    base = marked(notebook(tmp_path / "evil.ipynb", HONEST, source, f"def f(:\n    {EVIL[0]}"), server)
    evil = [replace(base, student=name, files=(name,), problems=(*base.problems, name)) for name in EVIL]
    info = records.RunInfo("a seed", "0", "2026-01-01T00:00:00", 1.0)
    folder = tmp_path / "grades"
    written = reports.write_all(folder, [*evil, *GRADES[:50]], Policy(), info)
    assert {path.resolve() for path in written} <= {path.resolve() for path in folder.rglob("*")}
    assert len(list((folder / "feedback").iterdir())) == len(EVIL) + len(GRADES[:50])
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert "\x1b" not in text, path
        assert "\u202e" not in text, path
        if path.suffix == ".html":
            assert "<script>alert" not in text, path
    for line in (folder / "grades.csv").read_text(encoding="utf-8").splitlines():
        assert not line.lstrip('"').startswith(("=", "+", "-", "@", "\t")), line
    table = reports.class_table(evil, Policy(), info)
    assert "\x1b" not in table
    assert "\u202e" not in table
