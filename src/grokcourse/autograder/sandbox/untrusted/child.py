"""What runs in the processes with students' code: the fork server's loop, and a worker's life."""

import contextlib
import gc
import json
import marshal
import os
import signal
import socket
import sys
import time
import types
from typing import Any

from ..frames import STEP, STILL_THERE, read_frame, receive, write_frame
from . import confinement


def serve(descriptor: int) -> None:
    """The fork server: fork a worker for each order, end one for each other order, and end with the orders."""
    control = socket.socket(fileno=descriptor)
    gc.disable()  # what is imported stays: looking it through while it comes takes a tenth of the time
    _import_libraries()
    report = confinement.prepare()
    os.environ.clear()
    gc.collect()
    gc.freeze()
    gc.enable()
    content = json.dumps(report).encode()
    control.sendall(len(content).to_bytes(4, "big") + content)
    workers = set()
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not order:
            return
        if order == b"+":
            pid = os.fork()
            if pid == 0:
                control.close()
                try:
                    work(descriptors[0], descriptors[0], forked=True)
                except BaseException:  # not through the end of the interpreter, which takes a second
                    os._exit(1)
                os._exit(0)
            os.close(descriptors[0])
            workers.add(pid)
            control.sendall(pid.to_bytes(8, "big"))
        else:
            pid, patience = (int.from_bytes(receive(control, 8), "big") for _ in range(2))
            workers.discard(pid)
            control.sendall(_end(pid, patience / 1000, last=not workers).to_bytes(8, "big", signed=True))


def _end(pid: int, patience: float, *, last: bool) -> int:
    """End a worker and what it started; returns its exit status, or ``STILL_THERE`` if it had not ended by itself."""
    until = time.monotonic() + patience
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT  # its number stays its own until it is reaped
    while not (ended := os.waitid(os.P_PID, pid, look)) and time.monotonic() < until:
        time.sleep(0.001)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if last and os.getpid() == 1:  # alone in a namespace: whoever else is there was started by the worker
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(-1, signal.SIGKILL)
            while True:
                os.waitpid(-1, 0)
    return status if ended else STILL_THERE


def take_nothing_along(channel: int) -> None:
    """Close every descriptor but the channel: no two workers share one. The three that all have lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.closerange(3, channel)
    os.closerange(channel + 1, 2**16)


def take_pipes() -> tuple[int, int]:
    """The pipes to the trusted side, taken from standard input and output before a student's code can."""
    pipes = os.dup(0), os.dup(1)
    if os.name == "nt":
        import msvcrt

        for descriptor in pipes:
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return pipes


def work(reader: int, writer: int, *, forked: bool) -> None:
    """A worker: load one submission and answer calls about it.

    Args:
        reader: the descriptor that orders and requests come from.
        writer: the descriptor that answers go to.
        forked: whether the fork server has imported and confined already.
    """
    report: dict[str, str] = {}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is born with it ignored
    if forked:
        os.setsid()
        take_nothing_along(reader)
    else:
        _import_libraries()
        report = confinement.prepare()
        for name in os.environ.keys() - {"SYSTEMROOT"}:
            del os.environ[name]
    from .. import protocol
    from . import attempts, loading, redaction
    from .cells import Cell
    from .host import Host

    order = marshal.loads(read_frame(reader))
    missing = {**report, "limits": confinement.limit(order["limits"])}
    if "attempts" in order:
        confinement.forbid_calls()
        secret, port, parent, memory = order["attempts"]
        targets = attempts.Targets(secret, port, parent, memory, {reader, writer})
        tried = attempts.attempts(targets)
        write_frame(writer, json.dumps([tried, missing]).encode())
        attempts.stay()
    cells = [Cell(*cell) for cell in order["cells"]]
    code = loading.Code(
        cells, order["skipped"], lambda place: write_frame(writer, STEP + b"%d %d" % place), order["modules"]
    )
    redaction.install_bundle(order["package"], code.find)
    from ....config import RunConfig

    write_frame(writer, protocol.encode(code.answers(order["questions"], RunConfig)))
    read_frame(reader)  # from here on, something of theirs runs
    confinement.forbid_calls()
    others = {name: place for name, place in order["others"].items() if name in order["own"] or not code.binds(name)}
    loaded = code.load(order["exercises"], others, lambda names, used: redaction.provide(others, names, used))
    names = loaded.names
    for space in code.spaces:
        redaction.close(order["closed"], space)
    write_frame(writer, json.dumps(loaded.problems).encode())
    host = Host(names, loaded.failed)
    while True:
        try:
            request = read_frame(reader)
        except EOFError:
            return
        write_frame(writer, host(request))


def _left_alone(model: Any = None, *_: Any, **__: Any) -> Any:
    """In the place of ``torch.compile``, as a function or a decorator."""
    return _left_alone if model is None else model


def _no_compiler() -> types.ModuleType:
    """In the place of torch's compiler, of which ``torch.optim`` and ``torch.func`` want only that it keeps away.

    To import the real one takes seconds, and a folder to write to.
    """
    module: Any = types.ModuleType("torch._dynamo")
    module.disable, module.graph_break = _left_alone, lambda **_: None
    module.compiled_autograd = types.SimpleNamespace(_disable=contextlib.nullcontext)
    return module


def _no_notebook(tqdm: Any) -> types.ModuleType:
    """In the place of tqdm's bar for notebooks, which needs one around it: its bar for terminals."""
    module: Any = types.ModuleType("tqdm.notebook")
    module.tqdm = module.tqdm_notebook = tqdm.tqdm
    module.trange = module.tnrange = tqdm.trange
    return module


def _import_libraries() -> None:
    """Import what students' code and its loading use, and start what torch starts at first use, for all workers."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot  # noqa: F401
    import torch
    import tqdm

    from . import attempts, cells, host, loading, redaction  # noqa: F401

    torch.set_num_threads(1)
    torch.compile = _left_alone  # without a compiler it fails, and the answers are the same
    torch._dynamo = sys.modules["torch._dynamo"] = _no_compiler()
    tqdm.notebook = sys.modules["tqdm.notebook"] = _no_notebook(tqdm)
    x = torch.eye(3, requires_grad=True)
    (x @ x).softmax(-1).sum().backward()  # starts what torch starts at first use
    torch.linalg.eigvalsh(x.detach())
    torch.fft.fft(x.detach())
