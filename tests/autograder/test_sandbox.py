"""The wall's own parts: what is lent to a student's code, the channel to a worker, and what is said to be in force."""

import contextlib
import functools
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import safetensors.torch
import torch

from grokcourse.autograder import records
from grokcourse.autograder.batch.work import grade
from grokcourse.autograder.exercises.select import CHAPTERS, EXERCISES
from grokcourse.autograder.exercises.student import Student, StudentError
from grokcourse.autograder.records import Limits, LostError, Settings, TimeLimitError, Work
from grokcourse.autograder.sandbox import frames, protocol
from grokcourse.autograder.sandbox.trusted import fork_server
from grokcourse.autograder.sandbox.trusted.channel import Channel
from grokcourse.autograder.sandbox.trusted.fork_server import ForkServer
from grokcourse.autograder.sandbox.trusted.probes import protections
from grokcourse.autograder.sandbox.trusted.session import SandboxSession
from grokcourse.autograder.sandbox.untrusted import confinement
from grokcourse.autograder.sandbox.untrusted.cells import Cell
from grokcourse.autograder.scoring import marks_of

pytestmark = pytest.mark.sandbox

# --- a worker ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as opened:
        yield opened


def session(
    server: ForkServer, source: str, exercise: str = "add_modulo", limits: Limits | None = None
) -> SandboxSession:
    return SandboxSession(server, (Cell("cell 1", source),), EXERCISES[exercise], limits or Limits())


@pytest.mark.parametrize(
    "module",
    [
        "testing", "feedback", "grade", "exercises.testing", "exercises.select", "exercises.task",
        "exercises.task.answers", "exercises.task.checks", "batch.work", "sandbox.trusted.bundle",
    ],
)  # fmt: skip
def test_no_grader_can_be_imported_where_students_code_runs(server, module):
    assert importlib.util.find_spec(f"grokcourse.autograder.{module}")  # there is something to import
    opened = session(server, f"def add_modulo():\n    import grokcourse.autograder.{module}\n    return 1")
    try:
        with pytest.raises(StudentError, match="cannot be imported by code that is being graded"):
            Student(opened.send).add_modulo()
    finally:
        opened.close()


@pytest.mark.parametrize(
    "body",
    [
        "weight = torch.ones(1, requires_grad=True)\n    weight.grad = torch.ones(1)\n"
        "    torch.optim.SGD([weight], lr=0.25).step()\n    return weight.detach()",
        "weight = torch.ones(1, requires_grad=True)\n    optimizer = torch.optim.AdamW([weight], lr=0.25)\n"
        "    (weight * 3).backward()\n    optimizer.step()\n    return (weight * 4).detach().round() / 4",
        "return torch.func.grad(lambda x: 0.375 * (x**2).sum())(torch.ones(1))",
        "return torch.compile(lambda x: 0.75 * x)(torch.ones(1))",
        "return torch.compiler.disable(lambda x: 0.75 * x)(torch.ones(1))",
    ],
)
def test_what_asks_torchs_compiler_works_though_there_is_none(server, body):
    opened = session(server, f"import torch\ndef add_modulo():\n    {body}")
    try:
        assert Student(opened.send).add_modulo().tolist() == [0.75]
    finally:
        opened.close()


def test_a_worker_that_is_gone_is_replaced_and_knows_nothing(server):
    source = "import os\nseen = []\ndef add_modulo(leave):\n    seen.append(1)\n"
    source += "    leave and os._exit(3)\n    return len(seen)"
    opened = session(server, source)
    student = Student(opened.send)
    try:
        assert [student.add_modulo(False), student.add_modulo(False)] == [1, 2]
        with pytest.raises(LostError, match="exit code 3"):
            student.add_modulo(True)
        assert student.add_modulo(False) == 1
    finally:
        opened.close()


def test_a_call_ends_with_the_submissions_deadline(server):
    opened = session(server, "import time\ndef add_modulo():\n    time.sleep(1000)")
    opened.deadline = time.monotonic() + 2
    try:
        with pytest.raises(TimeLimitError):
            Student(opened.send).add_modulo()
        with pytest.raises(TimeLimitError):
            Student(opened.send).add_modulo()
    finally:
        opened.close()


def test_a_fork_server_that_was_killed_is_started_anew():
    with ForkServer() as own:
        opened = session(own, "def add_modulo():\n    return 1")
        try:
            assert Student(opened.send).add_modulo() == 1
            servers = [process for process in psutil.Process().children(recursive=True) if _belongs(process, own)]
            for process in servers:
                process.kill()
            psutil.wait_procs(servers, timeout=30)
            with pytest.raises(LostError):
                Student(opened.send).add_modulo()
            assert Student(opened.send).add_modulo() == 1
        finally:
            opened.close()


def _belongs(process: psutil.Process, server: ForkServer) -> bool:
    server = server._server
    assert server
    return server.pid in {process.pid, *(parent.pid for parent in process.parents())}


def test_a_closed_fork_server_leaves_no_process():
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with ForkServer() as own:
        opened = session(own, "def add_modulo():\n    while True: pass", limits=Limits(seconds=0.2))
        with pytest.raises(TimeLimitError):
            Student(opened.send).add_modulo()
        left_open = session(own, "def add_modulo():\n    return 1")
        assert Student(left_open.send).add_modulo() == 1
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


def test_two_fork_servers_at_once_do_not_disturb_each_other():
    answers: dict[int, object] = {}

    def work(number: int) -> None:
        with ForkServer() as own:
            opened = session(own, f"def add_modulo():\n    return {number}")
            answers[number] = Student(opened.send).add_modulo()
            opened.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {1: 1, 2: 2}


@pytest.mark.parametrize(("exercise", "shape"), [("train_mask", [9, 3]), ("add_modulo", [1])])
def test_an_exercise_that_is_offered_is_the_courses_own_and_another_the_students(server, exercise, shape):
    source = "import torch\ndef all_questions(p):\n    return torch.zeros(1)\n"
    source += f"def {exercise}(p):\n    return list(all_questions(p).shape)"
    opened = session(server, source, exercise)
    try:
        assert Student(opened.send).ask("call", exercise, (3,)) == shape
    finally:
        opened.close()


# --- the channel ------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["poll", "thread"])
def channel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Channel, socket.socket]]:
    monkeypatch.setattr("grokcourse.autograder.sandbox.trusted.channel.CAN_POLL", request.param)
    ours, theirs = socket.socketpair()

    def end(patience: float) -> str:
        theirs.shutdown(socket.SHUT_RDWR)
        return ""

    descriptor = ours.detach()
    made = Channel(descriptor, descriptor, end)
    yield made, theirs
    made.close()
    theirs.close()


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(8, "big") + content


def test_a_message_and_its_answer(channel):
    ours, theirs = channel
    theirs.sendall(frame(b"answer"))
    assert ours.exchange(b"request", 5, "it") == b"answer"
    assert theirs.recv(100) == frame(b"request")


@pytest.mark.parametrize("said", [b"", b"\0", (100).to_bytes(8, "big"), (100).to_bytes(8, "big") + b"x" * 99])
def test_silence_ends_with_the_deadline(channel, said):
    ours, theirs = channel
    theirs.sendall(said)
    with pytest.raises(TimeLimitError, match=r"it took longer than 0\.1 seconds"):
        ours.exchange(b"request", 0.1, "it")


@pytest.mark.parametrize("said", [b"", b"\0\0", (100).to_bytes(8, "big") + b"x" * 99])
def test_an_end_in_the_middle_is_an_end(channel, said):
    ours, theirs = channel
    theirs.sendall(said)
    theirs.shutdown(socket.SHUT_WR)
    with pytest.raises(LostError, match="ended its own process"):
        ours.exchange(b"request", 5, "it")


def test_who_never_stops_talking_has_a_deadline(channel):
    ours, theirs = channel

    def talk() -> None:
        with contextlib.suppress(OSError):
            while True:
                theirs.sendall(frame(frames.STEP))

    threading.Thread(target=talk).start()
    with pytest.raises(TimeLimitError):
        ours.exchange(b"request", 0.1, "it", [])


def test_who_never_listens_has_a_deadline(channel):
    ours, _ = channel
    with pytest.raises(TimeLimitError):
        ours.exchange(b"x" * 2**22, 0.1, "it")


def test_a_long_message_arrives_whole(channel):
    ours, theirs = channel
    long = os.urandom(2**21)

    def echo() -> None:
        with theirs.makefile("rb") as source:
            theirs.sendall(source.read(8 + len(long)))

    threading.Thread(target=echo).start()
    assert ours.exchange(long, 30, "it") == long


@pytest.mark.parametrize("length", [protocol.MAX_BYTES + 1, 2**63, 2**64 - 1])
def test_a_longer_answer_is_refused_at_its_head(channel, length):
    ours, theirs = channel
    theirs.sendall(length.to_bytes(8, "big"))
    with pytest.raises(LostError, match="answered with more than"):
        ours.exchange(b"request", 5, "it")


def test_answers_of_one_test_are_limited_together(monkeypatch):
    monkeypatch.setattr(protocol, "MAX_BYTES", 2000)
    answer = protocol.encode({"value": "x" * 500})
    student = Student(lambda request: answer)
    student.ask("begin", "x")
    assert student.something()
    with pytest.raises(protocol.WireError, match="hold more than"):
        [student.something() for _ in range(10)]
    student.ask("begin", "x")
    assert student.something()


# --- protections ------------------------------------------------------------------------------------------------------


def in_force(found: list[records.Protection]) -> dict[str, bool]:
    return {protection.name: protection.in_force for protection in found}


def test_this_machine_has_all_protections(server):
    found = protections(server)
    if not os.environ.get("CI") and not all(protection.in_force for protection in found):
        pytest.skip("; ".join(protection.missing for protection in found if not protection.in_force))
    assert all(protection.in_force and not protection.missing for protection in found), found


LAYERS = {"sandlock": "Landlock", "pyseccomp": "seccomp"}


def without(monkeypatch: pytest.MonkeyPatch, folder: Path, *layers: str) -> dict[str, records.Protection]:
    """What is in force where some of the layers are missing: by name."""
    for module, layer in LAYERS.items():
        if layer in layers:
            (folder / f"{module}.py").write_text(f"raise ImportError('there is no {module}')")
    monkeypatch.syspath_prepend(folder)
    if "namespaces" in layers:
        monkeypatch.setattr(fork_server, "namespaces", tuple)
    return {protection.name: protection for protection in protections()}


def missing_in(found: dict[str, records.Protection]) -> set[str]:
    return {name for name, protection in found.items() if not protection.in_force}


def test_without_namespaces_the_other_layers_stand_and_paths_are_said_to_be_seen(monkeypatch, tmp_path):
    found = without(monkeypatch, tmp_path, "namespaces")
    assert "paths" in missing_in(found) <= {"paths", "traces"}
    assert "see where a link leads" in found["paths"].missing
    assert "unshare" in found["paths"].missing


def test_without_landlock_the_other_layers_keep_files_away(monkeypatch, tmp_path):
    assert not missing_in(without(monkeypatch, tmp_path, "Landlock"))


def test_without_landlock_and_namespaces_files_can_be_read_and_not_written(monkeypatch, tmp_path):
    found = without(monkeypatch, tmp_path, "Landlock", "namespaces")
    files = found["files"]
    assert not files.in_force
    assert files.missing.startswith("it could read a file (")
    assert "there is no sandlock" in files.missing
    assert "pip install" in files.missing


def test_without_seccomp_each_line_says_what_it_leaves_open(monkeypatch, tmp_path):
    found = without(monkeypatch, tmp_path, "seccomp")
    assert missing_in(found) >= {"processes", "signals", "memory", "traces", "network"}
    assert not missing_in(found) & {"files", "paths", "time"}
    assert "there is no pyseccomp" in found["processes"].missing
    assert "have the system signal the grader" in found["signals"].missing
    assert "see the machine's addresses" in found["network"].missing
    assert "see which pages are in memory" in found["traces"].missing
    assert "make pipes" in found["memory"].missing


OLD_LANDLOCK = """
import functools, importlib, sys
here = sys.path.pop(0)
del sys.modules["sandlock"]
real = importlib.import_module("sandlock")
sys.modules["sandlock"] = real
real.Sandbox = functools.partial(real.Sandbox, disable=[*real.Protection][1:])
"""


def test_an_older_landlock_is_enough(monkeypatch, tmp_path):
    """Of its first version: files can be kept away; truncation, devices, signals and sockets are seccomp's."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "sandlock.py").write_text(OLD_LANDLOCK)
    monkeypatch.syspath_prepend(old)
    assert missing_in(without(monkeypatch, tmp_path, "namespaces")) <= {"paths", "traces"}


def test_with_nothing_at_all_it_still_grades_and_says_so(monkeypatch, tmp_path):
    found = without(monkeypatch, tmp_path, "Landlock", "seccomp", "namespaces")
    assert missing_in(found) == {"files", "paths", "network", "processes", "signals", "memory", "traces"}
    assert all(found[name].missing for name in missing_in(found))
    with ForkServer() as own, contextlib.closing(session(own, "def add_modulo():\n    return 1")) as opened:
        assert Student(opened.send).add_modulo() == 1


AS_ANOTHER_USER = """
if [ -n "$3" ]; then  # a folder on the way to Python that only root may enter
    mount --bind "$1" "$2" && mount -t tmpfs -o mode=755 none "$3" && mkdir -p "$1" && mount --bind "$2" "$1" || exit
fi
exec setpriv --reuid "$4" --regid "$4" --clear-groups "$5" -c "$6"
"""
TELL = """
import json, sys
sys.path[:] = {path!r}
from grokcourse.autograder.sandbox.trusted import fork_server, probes
if {alone}:
    fork_server.namespaces = tuple
print(json.dumps([protection.name for protection in probes.protections() if not protection.in_force]))
"""


@pytest.mark.parametrize("alone", [False, True], ids=["with namespaces", "without namespaces"])
@pytest.mark.parametrize("user", [0, 4242], ids=["root", "no root"])
def test_who_may_do_nothing_has_the_same_protections(user, alone, tmp_path):
    """Root and an ordinary user, each with and without namespaces: what is missing is what namespaces would give."""
    tools = [shutil.which(tool) for tool in ("unshare", "setpriv", "bash")]
    if not all(tools) or os.geteuid() != 0:
        pytest.skip("only root can become another user, with util-linux's unshare and setpriv")
    closed = [folder for folder in Path(sys.base_prefix).parents if not folder.stat().st_mode & 1]
    code = TELL.format(path=sys.path, alone=alone)
    targets = [sys.base_prefix, str(tmp_path), str(closed[-1]) if closed else "", str(user), sys.executable, code]
    tmp_path.chmod(0o755)
    done = subprocess.run([tools[0], "--mount", tools[2], "-c", AS_ANOTHER_USER, "-", *targets], capture_output=True)
    if b"unshare" in done.stderr or b"mount:" in done.stderr:
        pytest.skip(done.stderr.decode())
    assert done.returncode == 0, done.stderr.decode()[-1000:]
    assert set(json.loads(done.stdout)) <= ({"paths", "traces"} if alone else set())


def test_a_worker_shares_no_memory_that_it_can_write(server):
    """What is mapped shared in the fork server would be shared by all workers."""
    opened = session(server, "def add_modulo():\n    return 1")
    with contextlib.closing(opened):
        assert Student(opened.send).add_modulo() == 1
        servers = [process for process in psutil.Process().children(recursive=True) if _belongs(process, server)]
        maps = [line for process in servers for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines()]
        assert len(servers) >= 2
    assert not [line for line in maps if line.split()[1][1] == "w" and line.split()[1][3] == "s"]


@pytest.mark.skipif(not fork_server.namespaces(), reason="there are no namespaces here")
@pytest.mark.parametrize("place", ["/etc", "/home", "/proc", "/sys", "/tmp", "/root", "/var", "/dev/shm"])
def test_what_is_not_pythons_is_not_there(server, place):
    source = """
import os
def add_modulo(place, shown):
    files = (os.path.join(folder, file) for folder, _, files in os.walk(place) for file in files)
    return [file for file in files if not any((file + "/").startswith(root + "/") for root in shown)][:100]
"""
    with contextlib.closing(session(server, source, limits=Limits(seconds=120))) as opened:
        assert Student(opened.send).add_modulo(place, confinement._readable()) == []


def test_threads_work(server):
    source = """
import threading
from concurrent.futures import ThreadPoolExecutor
def add_modulo():
    found = []
    threads = [threading.Thread(target=found.append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ThreadPoolExecutor(4) as pool:
        return sorted(found) + list(pool.map(abs, [-8, -9]))
"""
    opened = session(server, source)
    with contextlib.closing(opened):
        assert Student(opened.send).add_modulo() == [*range(10)]


@pytest.mark.skipif(not fork_server.namespaces(), reason="all that this user runs is counted here")
def test_threads_are_as_many_as_a_pool_has_and_not_many_more(server):
    """Hundreds that compute without a pause would leave those who are graded beside no time to answer in."""
    source = """
import threading
def add_modulo():
    over, started = threading.Event(), 0
    threading.stack_size(2**18)
    try:
        for started in range(1000):
            threading.Thread(target=over.wait).start()
    except RuntimeError:
        pass
    over.set()
    return started
"""
    opened = session(server, source)
    with contextlib.closing(opened):
        assert 32 <= Student(opened.send).add_modulo() < confinement.MAX_THREADS


def test_where_nothing_can_be_forked_each_worker_is_its_own_process(monkeypatch):
    monkeypatch.setattr(fork_server, "CAN_FORK", False)
    monkeypatch.setenv("SECRET_OF_MINE", "42")
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    source = """
import os
def add_modulo(what):
    if what == "leave":
        os._exit(5)
    if what == "loop":
        while True:
            pass
    print("passed", flush=True)
    os.write(1, b"passed")
    return sorted(os.environ)
"""
    with ForkServer() as own:
        opened = session(own, source, limits=Limits(seconds=1))
        student = Student(opened.send)
        assert student.add_modulo("environment") == []
        with pytest.raises(LostError, match="exit code 5"):
            student.add_modulo("leave")
        with pytest.raises(TimeLimitError):
            student.add_modulo("loop")
        opened.close()
        found = protections(own)
    assert in_force(found)["wall"]
    assert all(protection.missing for protection in found if not protection.in_force)
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


def test_limits_of_threads_are_tried_and_not_assumed():
    counted = confinement._are_threads_counted()
    is_root = hasattr(os, "getuid") and os.getuid() == 0
    assert not (counted and is_root)  # Linux does not count root's: the fork server becomes somebody else


def test_a_status_is_told_in_words(server):
    def told(source: str) -> LostError:
        opened = session(server, f"import os, ctypes\ndef add_modulo():\n    {source}")
        try:
            with pytest.raises(LostError) as caught:
                Student(opened.send).add_modulo()
        finally:
            opened.close()
        return caught.value

    assert "exit code 7" in str(told("os._exit(7)"))
    assert signal.strsignal(signal.SIGSEGV) in str(told("ctypes.string_at(0)"))
    assert told("os.kill(os.getpid(), 9)").memory
    assert not told("os.closerange(0, 64)").memory
    json.dumps(str(told("os.abort()")))


def test_what_fails_for_anothers_fault_is_tried_by_itself(server: ForkServer, tmp_path: Path):
    """Attention calls attention_scores: tried together with a wrong one it fails, and by itself it passes."""
    wrong = "def attention_scores(q, k):\n    return 0 * q @ k.transpose(-1, -2)"
    imports = "import math\nimport torch\nfrom torch import Tensor, nn\nfrom grokcourse.model import Tap, no_tap"
    path = tmp_path / "x.py"
    path.write_text("\n\n\n".join([imports, wrong, EXERCISES["Attention"].source]))
    got = {mark.exercise.name: mark for mark in marks_of(grade(Work("s", (path,)), Settings("seed"), server))}
    assert got["Attention"].status == "ok"
    assert got["attention_scores"].status == "wrong"


def test_no_exercise_of_a_file_is_there_while_they_are_tried_together(server: ForkServer, tmp_path: Path):
    names = [exercise.name for exercise in CHAPTERS["01-task"] if exercise.reference.startswith("tasks:")]
    assert len(names) > 2
    stolen = [
        f"from grokcourse import tasks\n\ndef {name}(*args, **kwargs):\n    return tasks.{name}(*args, **kwargs)"
        for name in names
    ]
    path = tmp_path / "x.py"
    path.write_text("\n\n\n".join(stolen))
    got = grade(Work("s", (path,)), Settings("seed"), server)
    assert {mark.exercise.name: mark.points for mark in marks_of(got)} == dict.fromkeys(names, 0)


# --- what a message may hold ------------------------------------------------------------------------------------------


def message(value: object, arrays: dict[str, torch.Tensor] | None = None) -> bytes:
    """A message by hand, whose value is this JSON."""
    return safetensors.torch.save(arrays or {}, {"value": json.dumps(value)})


TOO_MUCH = {
    "too many parts": {"list": [None] * (protocol.MAX_PARTS + 1)},
    "too many levels": functools.reduce(lambda inner, _: {"list": [inner]}, range(protocol.MAX_DEPTH + 2), None),
    "too many levels of dicts": functools.reduce(
        lambda inner, _: {"dict": [["x", inner]]}, range(protocol.MAX_DEPTH + 2)
    ),
    "too long a number": {"int": "9" * (protocol.MAX_DIGITS + 1)},
    "too long a fraction": {"float": "0x1." + "0" * protocol.MAX_DIGITS + "p0"},
    "too many objects": {"list": [{"handle": [0, "Student"]}] * (protocol.MAX_HANDLES + 1)},
    "an array twice": {"list": [{"array": "0"}] * 2},
    "a list as a key": {"dict": [[{"list": []}, None]]},
    "an array as a key": {"dict": [[{"array": "0"}, None]]},
    "two kinds at once": {"int": "1", "float": "0x1p0"},
    "a number that is no text": {"int": 5},
    "a list that is a text": {"list": "abc"},
    "a handle with a list for a name": {"handle": [0, ["x"]]},
    "a handle with a text for a number": {"handle": ["0", "x"]},
    "a kind as long as a book": {"x" * 10**5: None},
    "an array with a name as long as a book": {"array": "x" * 10**5},
}


@pytest.mark.parametrize("value", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_message_holds_no_more_than_it_may(value):
    with pytest.raises(protocol.WireError) as caught:
        protocol.decode(message(value, {"0": torch.zeros(1)}))
    assert len(str(caught.value)) < 300


def test_a_tensor_has_no_more_dimensions_than_lists_have_levels():
    deep = torch.zeros((1,) * 1_000)
    with pytest.raises(protocol.WireError, match="dimensions"):
        protocol.encode([deep])
    with pytest.raises(protocol.WireError, match="dimensions"):
        protocol.decode(message({"array": "0"}, {"0": deep}))
    few = torch.zeros((1,) * 8)
    assert protocol.decode(protocol.encode(few)).shape == few.shape


def test_a_message_may_hold_what_a_test_needs():
    value = [1, -(10**300), 0.1, float("inf"), "x" * 10**5, None, True, {"a": [torch.arange(3)], 1: 2}, [0] * 40_000]
    back = protocol.decode(protocol.encode(value))
    assert back[:7] == value[:7]
    assert back[7]["a"][0].tolist() == [0, 1, 2]
    assert len(back[8]) == 40_000
    assert protocol.decode(message({"handle": [3, "x" * 10**5]})) == protocol.Handle(3, "x" * 80)
