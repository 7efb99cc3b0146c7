"""A notebook cell's source as Python: without magics, shell lines, help, and the prompts of a pasted session.

The rules are IPython's (its ``core/inputtransformer2.py``); ``tests/test_notebook_syntax.py`` compares the two on odd
cells. IPython itself is not used: it need not be installed where a class is graded, tokenises a cell anew for each
magic, and moves lines. Here one pass over the lines is enough, and every line keeps its number.
"""

import ast
import re
import warnings

PYTHON_MAGICS = {"time", "timeit", "capture", "prun"}
"""Cell magics whose cell is Python."""
FILE_MAGICS = {"writefile", "file"}
"""Cell magics that write the rest of the cell to a file."""
ESCAPES = tuple("%!?,;/")
"""No Python statement begins with one of these."""
TOKEN = re.compile(r"'''|\"\"\"|'|\"|\#|[()\[\]{}]|(?:[-+*/%&|^@<>=!:]|//|\*\*|<<|>>)=|=")
END = {quote: re.compile(rf"\\.|{quote}", re.DOTALL) for quote in ("'''", '"""', "'", '"')}
PROMPTS = (
    (re.compile(r"[ \t]*>>>(?: |$)"), re.compile(r"[ \t]*(?:>>>|\.\.\.)(?: |$)")),
    (
        re.compile(r"(?:\[(?:nav|ins)\] |[ \t]*)In \[\d+\]: "),
        re.compile(r"(?:(?:\[(?:nav|ins)\])?[ \t]*In \[\d+\]: |\s*\.{3,}: ?)"),
    ),
)
"""Python's and IPython's: what begins a statement, and what goes on with one as well."""
TIMED = re.compile(r"%{1,2}(?:time|prun)\s+(?=\S)")
HELP = re.compile(r"%{0,2}(?!\d)[\w*]+(?:\.\w+|\[-?\d+\])*\?\??$")
RUN = re.compile(r"%run[ \t]+(?:-i[ \t]+)?(?:\./)?([^\W\d]\w*)(?:\.py)?[ \t]*$")
WRITTEN = re.compile(r"%%(?:writefile|file)[ \t]+['\"]?([^\s'\"]+)['\"]?[ \t]*$")


def python_of(source: str) -> str:
    """The Python in a cell; what is not Python becomes ``pass`` or nothing, and every line keeps its number."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return ""
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip(" \t"))]
    if indent:
        lines = [line.removeprefix(indent) for line in lines]
    for beginning, prompt in PROMPTS:
        if any(map(beginning.match, lines)):
            lines = _without_prompts(lines, first, beginning, prompt)
    if lines[first].startswith("%%") and not re.match(r"%%\w+\?", lines[first]):
        magic = lines[first][2:].split(maxsplit=1)[:1]
        if magic == [] or magic[0] not in PYTHON_MAGICS:
            return ""
        lines[first] = ""
    _take_out_escapes(lines)
    return "\n".join(lines)


def written_module(source: str) -> tuple[str, str] | None:
    """The name and the text of the module that a cell ``%%writefile NAME.py`` writes, if it is one."""
    beginning, _, text = source.lstrip().partition("\n")
    found = WRITTEN.match(beginning)
    name = found[1].rpartition("/")[2] if found else ""
    return (name.removesuffix(".py"), text) if name.endswith(".py") else None


def is_python(source: str) -> bool:
    """Whether it can be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_prompts(lines: list[str], first: int, beginning: re.Pattern[str], prompt: re.Pattern[str]) -> list[str]:
    """A pasted session: its prompts are taken out and, if that is no Python yet, its results (which have none), too.

    A prompt in a docstring is none: where the cell is Python with it, it stays. (``In [1]: x = 1`` is Python as well.)
    """
    stripped = [prompt.sub("", line, count=1) if prompt.match(line) else line for line in lines]
    without_results = [line if prompt.match(before) else "" for before, line in zip(lines, stripped, strict=True)]
    for candidate in (*([] if beginning.match(lines[first]) else [lines]), stripped, without_results):
        trial = list(candidate)
        _take_out_escapes(trial)
        if is_python("\n".join(trial)):
            return candidate
    return without_results if beginning.match(lines[first]) else lines


def _take_out_escapes(lines: list[str]) -> None:
    """Replace, in place, each statement that is IPython's and not Python's."""
    i = 0
    while i < len(lines):
        line = lines[i]
        code = line.lstrip(" \t\f")
        margin = line[: len(line) - len(code)]
        if code.startswith(ESCAPES):
            command = _joined(lines, i)[len(margin) :]
            i = _replace(lines, i, margin, _timed(command) or _run(command) or "pass")
            continue
        start, i, assigned, asks = i, *_statement(lines, i)
        if assigned:
            place, column = assigned
            before, value = lines[place][:column], _joined(lines, place)[column:].strip()
            timed = _timed(value)
            i = _replace(lines, place, before, f" ({timed})" if timed and is_python(f"({timed})") else " None")
        elif asks and HELP.search("\n".join(lines[start:i]).strip()):
            lines[start:i] = [margin + "pass", *[""] * (i - start - 1)]


def _statement(lines: list[str], start: int) -> tuple[int, tuple[int, int] | None, bool]:
    """The line after a statement; where a magic or shell command is assigned in it, and whether it ends in ``?``."""
    depth, quote, seen_equals = 0, "", False
    for i in range(start, len(lines)):
        line, at, end = lines[i], 0, len(lines[i])
        while at < len(line):
            if quote:
                found = END[quote].search(line, at)
                if not found:
                    break
                at = found.end()
                quote = "" if found[0] == quote else quote
                continue
            found = TOKEN.search(line, at)
            if not found:
                break
            at, token = found.end(), found[0]
            if token == "#":
                end = found.start()
                break
            if token in END:
                quote = token
            elif token in "([{":
                depth += 1
            elif token in ")]}":
                depth = max(0, depth - 1)
            elif token == "=" and not depth and not seen_equals:
                seen_equals = True
                if re.match(r"[ \t]*(?:%\w|!)", line[at:]) and line[: found.start()].strip():
                    return i, (i, at), False
        if len(quote) == 1 and not line.endswith("\\"):
            quote = ""  # an error of theirs, in this line
        goes_on = depth or quote or line[:end].endswith("\\")
        if not goes_on:
            return i + 1, None, end == len(line) and line.rstrip().endswith("?")
    return len(lines), None, False


def _joined(lines: list[str], start: int) -> str:
    """A command with the lines that it goes on in."""
    parts = []
    for i in range(start, len(lines)):
        parts.append(lines[i].removesuffix("\\"))
        if not lines[i].endswith("\\"):
            break
    return " ".join(parts)


def _replace(lines: list[str], start: int, before: str, value: str) -> int:
    """Put something in the place of a command that may go on over several lines; returns the line after it."""
    end = start
    while lines[end].endswith("\\") and end + 1 < len(lines):
        lines[end], end = "", end + 1
    lines[end] = ""
    lines[start] = before + value
    return end + 1


def _run(command: str) -> str:
    """The import that does what ``%run`` does with a module that lies beside, or that a cell has written."""
    found = RUN.match(command)
    return f"from {found[1]} import *" if found else ""


def _timed(command: str) -> str:
    """The statement that ``%time`` runs in the notebook's own names, if it is one."""
    found = TIMED.match(command)
    statement = command[found.end() :] if found else ""
    return statement if statement and is_python(statement) else ""
