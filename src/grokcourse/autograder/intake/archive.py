"""What students handed in, opened in a process of its own: zip files listed and unpacked, files looked at.

That process runs nothing of a student's, but it reads what a student could have made to harm a reader. So it may take
only so much memory, each student only so much of its time, and whatever ends it costs the file that it was asked about.
"""

import contextlib
import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_ZIP = 300 * 2**20
"""Bytes that one student's zip files may unpack to, all together."""
MAX_ZIP_FILES = 10_000
"""Members that they may have."""
MAX_PATH = 255
"""Characters of a member's name, folders included; longer ones are cut."""
MAX_NAME = 100
"""Characters that then stay of each of its parts."""
SECONDS = 120
"""What reading one student's files may take."""
MEMORY = 2 * 2**30
"""Bytes of address space of the process that reads."""
START_SECONDS = 120
"""How long it may take to start."""
PIECE = 4096
"""Compressed bytes at a time, where Python unpacks all that it reads: of bzip2, these can hold some 90 MB."""


class OpenError(ValueError):
    """A file cannot be opened; the message says why, as the end of a sentence."""


class ReaderError(RuntimeError):
    """Nothing can be read, whoever's it is; the message says why in one sentence."""


@dataclass
class Account:
    """What may still be spent on one student's files."""

    files: int = field(default_factory=lambda: MAX_ZIP_FILES)
    size: int = field(default_factory=lambda: MAX_ZIP)
    seconds: float = field(default_factory=lambda: SECONDS)


Accounts = Sequence[Account]
"""All those that pay for it: a student's, and those of several students together."""


class Opener:
    """Asks the process that reads, and replaces it when it ends. A context manager: no process is left."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Opener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def members(self, path: Path, most: int, accounts: Accounts) -> list[tuple[str, str, int]]:
        """A zip file's members: name (with slashes, and cut), ``file``, ``folder`` or ``link``, and bytes it takes up.

        Raises:
            OpenError: if it cannot be listed, or has more of them than ``most`` or than an account allows.
        """
        found = self._ask(accounts, "members", str(path), min([most, *(account.files for account in accounts)]))
        for account in accounts:
            account.files -= len(found)
        return [(name, kind, size) for name, kind, size in found]

    def extract(self, path: Path, number: int, to: Path, most: int, accounts: Accounts) -> None:
        """Unpack one member; of one that is larger than ``most`` bytes, one byte more, so that it shows.

        Raises:
            OpenError: if it cannot be unpacked, or unpacks to more than an account allows.
            ReaderError: if it cannot be written.
        """
        most = max(min([most, *(account.size for account in accounts)]), 0)
        try:
            size = self._ask(accounts, "extract", str(path), number, str(to), most + 1)
            for account in accounts:
                account.size -= size
            if any(account.size < 0 for account in accounts):
                raise OpenError("it unpacks to too much")
        except OpenError:
            to.unlink(missing_ok=True)
            raise

    def look(self, path: Path, accounts: Accounts) -> tuple[str, list[str], list[str]]:
        """A submission's digest, the chapters that it says it is of, and the exercises in it.

        Raises:
            OpenError: if it cannot be read.
        """
        digest, chapters, exercises = self._ask(accounts, "look", str(path))
        return digest, chapters, exercises

    def submitters(self, path: Path) -> dict[str, Any]:
        """What Gradescope's metadata tell: ``read_gradescope``, as JSON types.

        Raises:
            OpenError: if they cannot be read.
        """
        return self._ask((Account(),), "submitters", str(path))

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()  # type: ignore[union-attr]

    def _ask(self, accounts: Accounts, *question: Any) -> Any:
        seconds = min((account.seconds for account in accounts), default=SECONDS)
        too_long = OpenError(f"it takes longer to read than {SECONDS} seconds")
        if seconds <= 0:
            raise too_long
        process = self._process or self._start()
        began = time.monotonic()
        line, overran = _exchange(process, json.dumps(question).encode() + b"\n", min(seconds, SECONDS))
        for account in accounts:
            account.seconds -= time.monotonic() - began
        if not line.endswith(b"\n"):
            self.close()
            code = process.returncode
            if overran:
                raise too_long
            how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
            raise OpenError(f"the process that read it ended ({how})")
        kind, answer = json.loads(line)
        if kind == "problem":
            raise OpenError(answer)
        if kind == "disk":
            raise ReaderError(answer)
        return answer

    def _start(self) -> "subprocess.Popen[bytes]":
        path = [place for place in sys.path if place]  # never whatever folder we happen to stand in
        code = f"import sys; sys.path[:] = {path!r}; from {__name__} import serve; serve()"
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        except OSError as error:
            raise ReaderError(
                f"a process for reading submissions cannot be started: {error.strerror or error}"
            ) from error
        line, _ = _exchange(self._process, b"", START_SECONDS)
        if not line:
            self.close()
            raise ReaderError("the process for reading submissions does not start")
        return self._process


def _exchange(process: "subprocess.Popen[bytes]", question: bytes, seconds: float) -> tuple[bytes, bool]:
    """Send a line and wait for one; a process that takes too long is killed, and the second value is then true."""
    assert process.stdin
    assert process.stdout
    overran = threading.Event()

    def end() -> None:
        overran.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    line = b""
    try:
        with contextlib.suppress(OSError, ValueError):  # it has ended: there is no answer
            process.stdin.write(question)
            process.stdin.flush()
            line = process.stdout.readline()
    finally:
        timer.cancel()
    if not line.endswith(b"\n"):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # it is ending by itself, and how is of interest
    return line, overran.is_set()


# --- In the process that reads ---


class _DiskError(Exception):
    """What was unpacked cannot be written."""


def serve() -> None:
    """Answer questions, a line of JSON each, until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions: dict[str, Callable[..., Any]] = {
        "members": _members,
        "extract": _extract,
        "look": _look,
        "submitters": _submitters,
    }
    from . import gradescope_metadata, submission  # noqa: F401 (before memory is counted)

    _limit_memory()
    answers.write(b"ready\n")
    answers.flush()
    for line in sys.stdin.buffer:
        what, *arguments = json.loads(line)
        try:
            reply = json.dumps(["answer", questions[what](*arguments)])
        except _DiskError as error:
            reply = json.dumps(["disk", str(error)])
        except OpenError as error:
            reply = json.dumps(["problem", str(error)])
        except MemoryError:
            reply = json.dumps(["problem", "it takes too much memory to read"])
        except Exception as error:  # whatever a damaged or hostile file makes a library raise
            reply = json.dumps(["problem", _words(error)])
        answers.write(reply.encode() + b"\n")
        answers.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, MEMORY)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


@contextlib.contextmanager
def little_memory(extra: int = MEMORY) -> Iterator[None]:
    """While it lasts, this process gets so many bytes of address space more, and ``MemoryError`` beyond.

    Only Linux limits the memory of a process; elsewhere nothing happens.
    """
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        known = [limit for limit in (taken + extra, soft, hard) if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(known), hard))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _words(error: Exception) -> str:
    """An exception as the end of a sentence; some of a zip file's have no text."""
    return (str(error)[:200] or type(error).__name__).strip("'")


_opened: dict[str, zipfile.ZipFile] = {}
"""The zip files that were asked about last, by their paths: a class's, a student's in it, and one in that."""


def _archive(path: str) -> zipfile.ZipFile:
    found = _opened.pop(path, None) or zipfile.ZipFile(path)
    if len(_opened) > 3:
        _opened.pop(next(iter(_opened))).close()
    _opened[path] = found
    return found


def _members(path: str, most: int) -> list[tuple[str, str, int]]:
    found = _archive(path).infolist()
    if len(found) > most:
        raise OpenError("it holds too many files")
    return [(_cut(_member_name(member)), _kind(member), max(member.compress_size, 0)) for member in found]


def _kind(member: zipfile.ZipInfo) -> str:
    return "link" if stat.S_ISLNK(member.external_attr >> 16) else "folder" if member.is_dir() else "file"


def _member_name(member: zipfile.ZipInfo) -> str:
    """Its name; many programs, Canvas' and macOS' among them, write UTF-8 without saying so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _cut(name: str) -> str:
    """A member's name, so short that nothing that is done with it can take long; no two names become the same."""
    parts = name.replace("\\", "/").split("/")
    if len(name) > MAX_PATH:
        parts = [
            part if len(part) <= MAX_NAME else f"{part[:MAX_NAME]}…{_digest(part)}{_ending(part)}" for part in parts
        ]
        if len("/".join(parts)) > MAX_PATH:
            parts = [*parts[:2], _digest(name), parts[-1]]
    return "/".join(parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]


def _ending(name: str) -> str:
    from .submission import ENDING

    found = ENDING.search(name[-20:])
    return found[0] if found else ".zip" if name.lower().endswith(".zip") else ""


def _extract(path: str, number: int, to: str, most: int) -> int:
    archive = _archive(path)
    member = archive.infolist()[number]
    if member.flag_bits & 1:
        raise OpenError("it has a password")
    at_once = 2**20 if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) else PIECE
    left = most
    with archive.open(member) as source, _written(to) as target:
        while left > 0 and (content := source.read(min(at_once, left))):
            left -= len(content)
            while content:
                with _disk(to):
                    content = content[target.write(content) :]
    return most - left


@contextlib.contextmanager
def _written(to: str) -> Iterator[io.FileIO]:
    with _disk(to):
        file = io.FileIO(to, "w")
    with file:
        yield file


@contextlib.contextmanager
def _disk(to: str) -> Iterator[None]:
    """What goes wrong with what is written is not the zip file's fault."""
    try:
        yield
    except OSError as error:
        raise _DiskError(f"{to} cannot be written: {error.strerror or error}") from error


def _look(path: str) -> tuple[str, list[str], list[str]]:
    from ..records import MAX_FILE
    from .submission import SubmissionError, read

    file = Path(path)
    if file.stat().st_size > MAX_FILE:
        raise OpenError("it is too large")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    try:
        submission = read(file)
        return digest, list(submission.chapters), list(submission.exercises)
    except SubmissionError:
        return digest, [], []  # grading says what is wrong with it


def _submitters(path: str) -> dict[str, Any]:
    from .gradescope_metadata import MAX_METADATA, read_gradescope

    with Path(path).open("rb") as file:
        text = file.read(MAX_METADATA).decode("utf-8", "replace")
    return {name: [submitted.students, submitted.at] for name, submitted in read_gradescope(text).items()}
