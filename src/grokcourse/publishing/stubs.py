"""Write the exercises' stubs into the chapters: ``python -m grokcourse.publishing.stubs book/*.md``.

Under each ``{exercise} NAME`` of a chapter stands a code cell with the tag ``exercise``. Its content comes from the
entry in the list of exercises; the cell is made if it is missing, and written anew if it differs.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grokcourse.autograder.exercises.select import EXERCISES
from grokcourse.autograder.exercises.spec import Exercise

TAGS = ":tags: [exercise, remove-output]"
"""The page shows the stub, and not what ``check`` says of it."""


class ChapterError(ValueError):
    """A chapter's text is not what it should be."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a chapter: ``lines[start:end]``, both fences included."""

    start: int
    end: int
    head: str
    """What stands on the opening fence's line, such as ``{exercise} all_questions``."""


def main(arguments: Sequence[str]) -> int:
    """Write the stubs into these files; says which changed."""
    for argument in arguments:
        path = Path(argument)
        old = path.read_text(encoding="utf-8")
        try:
            new = with_stubs(old)
        except ChapterError as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 1
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"{path}: stubs written")
    return 0


def with_stubs(text: str) -> str:
    """A chapter's text with the right cell under each exercise.

    Raises:
        ChapterError: if a fence is not closed, there is no such exercise, or a cell belongs to none.
    """
    lines = text.split("\n")
    blocks = fenced_blocks(lines)
    for i, block in reversed(list(enumerate(blocks))):
        following = blocks[i + 1] if i + 1 < len(blocks) else None
        stub = following if following is not None and is_exercise_cell(lines, following) else None
        if not block.head.startswith("{exercise}"):
            if stub:
                raise ChapterError(f"line {stub.start + 1}: a cell with the tag exercise follows no {{exercise}}")
            continue
        exercise = EXERCISES.get(block.head.removeprefix("{exercise}").strip())
        if exercise is None:
            raise ChapterError(f"line {block.start + 1}: {block.head}: there is no such exercise")
        if stub and "".join(lines[block.end : stub.start]).strip():
            raise ChapterError(f"line {stub.start + 1}: something stands between an exercise and its cell")
        lines[block.end : stub.end if stub else block.end] = ["", *stub_cell(exercise)]
    return "\n".join(lines)


def stub_cell(exercise: Exercise) -> list[str]:
    """The lines of an exercise's cell, as a chapter has it."""
    return ["```{code-cell} ipython3", TAGS, "", *stub_source(exercise).split("\n"), "```"]


def stub_source(exercise: Exercise) -> str:
    """What stands in an exercise's cell: the stub, and its check."""
    if exercise.question:
        return f'{exercise.stub}\n{exercise.name} = check({exercise.name}, "{exercise.name}")'
    return f"{exercise.stub}\n\n\n{exercise.name} = check({exercise.name})"


def fenced_blocks(lines: Sequence[str]) -> list[Block]:
    """The fenced blocks of a text that stand in no other, in order.

    Raises:
        ChapterError: if one is not closed.
    """
    blocks = []
    fence, start = "", 0
    for number, line in enumerate(lines):
        if not fence and (found := re.match(r"(`{3,}|~{3,}|:{3,})(.*)", line)):
            fence, start = found[1], number
        elif fence and line.rstrip() and not line.rstrip().replace(fence[0], "") and len(line.rstrip()) >= len(fence):
            blocks.append(Block(start, number + 1, lines[start][len(fence) :].strip()))
            fence = ""
    if fence:
        raise ChapterError(f"line {start + 1}: the block is not closed")
    return blocks


def is_exercise_cell(lines: Sequence[str], block: Block) -> bool:
    """Whether the block is a code cell with the tag ``exercise``."""
    if not block.head.startswith("{code-cell}"):
        return False
    options = [line for line in lines[block.start + 1 : block.end] if line.startswith(":tags:")]
    return any("exercise" in re.findall(r"[\w-]+", line) for line in options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
