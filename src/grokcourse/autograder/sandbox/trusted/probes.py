"""What students' code is kept from on this machine, tried out and not read off a version."""

import contextlib
import json
import marshal
import os
import secrets
import socket
import tempfile
from pathlib import Path

from ...records import Limits, LostError, Protection, TimeLimitError
from .fork_server import START_SECONDS, ForkServer, SandboxError

ENDLESS_SECONDS = 0.1
"""Seconds until a worker that never ends is ended, when that is tried out."""


def protections(server: ForkServer | None = None) -> list[Protection]:
    """What students' code is kept from on this machine: tried out in a worker, not read off a version.

    Raises:
        SandboxError: if students' code cannot be run here at all.
    """
    if server is None:
        with ForkServer() as own:
            return protections(own)
    limits = Limits(memory=2**28)
    with tempfile.TemporaryDirectory(prefix="grokcourse-") as folder, socket.socket() as listener:
        secret = Path(folder) / "secret"
        secret.write_text(secrets.token_hex())
        secret.with_name("spare").touch()
        with contextlib.suppress(OSError):  # Windows lets few make one
            secret.with_name("link").symlink_to(secret)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        targets = [str(secret), listener.getsockname()[1], os.getpid(), 8 * limits.memory]
        order = marshal.dumps({"limits": limits.to_dict(), "attempts": targets})
        with contextlib.closing(server.open(limits)) as channel:
            try:
                tried, missing = json.loads(channel.exchange(order, START_SECONDS, "trying"))
            except (LostError, TimeLimitError) as error:
                raise SandboxError(f"the protections could not be tried out: {error}") from error
            try:  # it neither answers nor ends by itself
                channel.exchange(b"", ENDLESS_SECONDS, "trying")
                tried["time"] = ["go on for ever"]
            except (LostError, TimeLimitError) as error:
                tried["time"] = [] if isinstance(error, TimeLimitError) else ["end by itself"]
    missing = {**server.report, **missing}

    def protection(name: str, what: str, *reasons: str) -> Protection:
        succeeded = tried[name]
        why = "; ".join(dict.fromkeys(missing[reason] for reason in reasons if missing.get(reason)))
        could = f"it could {', '.join(succeeded)}" + (f" ({why})" if why else "")
        return Protection(name, what, not succeeded, could if succeeded else "")

    return [
        Protection("wall", "Tests, solutions' values and marks are in another process than students' code.", True),
        protection("time", "Code that takes too long is ended."),
        protection(
            "files", "It can read no file but Python's and its libraries', and change none.", "files", "mounts", "calls"
        ),
        protection("paths", "It cannot even see which other files and processes there are.", "mounts", "namespaces"),
        protection("network", "It can reach no network, nor see the machine's addresses.", "calls", "namespaces"),
        protection("processes", "It can start no other program or process.", "calls", "user"),
        protection("signals", "It can signal no other process, nor change one.", "calls", "namespaces"),
        protection("memory", "It cannot take more memory than it may.", "limits", "calls"),
        protection("traces", "It finds and leaves no descriptors, locks or marks on files.", "calls", "mounts"),
    ]
