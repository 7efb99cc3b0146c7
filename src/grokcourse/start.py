"""The student notebooks that come with the package, and how they get into a student's folder.

They are made from the chapters by the site's build (``publishing.notebooks``) and copied here by ``grokcourse
notebooks``; nobody edits them. Each carries a digest of itself, by which a notebook that its student changed is told
from one that can be replaced.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).with_name("notebooks")
"""The folder of notebooks in the package."""


class StartError(Exception):
    """The notebooks cannot be written."""


def write_notebooks(folder: str | Path, source: Path = NOTEBOOKS) -> Iterator[tuple[str, str]]:
    """Write the notebooks into a folder, and leave alone what a student has changed there.

    Args:
        folder: where to; it is made if it does not exist.
        source: where from.

    Yields:
        For each notebook its name, and what was done: ``written``, ``updated`` (there was an older one, as we had
        written it), ``up to date`` or ``kept`` (there is a file of that name that is not as we had written it).

    Raises:
        StartError: if the folder cannot be written to, or there are no notebooks.
    """
    folder = Path(folder)
    ours = sorted(source.glob("*.ipynb"))
    if not ours:
        raise StartError(f"there are no notebooks in {source}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in ours:
            yield path.name, _write(path.read_bytes(), folder / path.name)
    except (FileExistsError, NotADirectoryError) as error:
        raise StartError(f"{folder} cannot be written to: {error.filename} is a file, not a folder") from None
    except OSError as error:
        raise StartError(f"{folder} cannot be written to: {error.strerror or error} ({error.filename})") from None


def renew(built: Path, package: Path = NOTEBOOKS) -> Iterator[tuple[str, str]]:
    """Make the package's notebooks those of a built site, whatever they were.

    Yields:
        For each notebook its name, and what was done: ``written``, ``up to date`` or ``removed``.

    Raises:
        StartError: if the site has none.
    """
    new = {path.name: path.read_bytes() for path in sorted(built.glob("*.ipynb"))}
    if not new:
        raise StartError(f"there are no notebooks in {built}")
    package.mkdir(exist_ok=True)
    for name, content in new.items():
        is_new = not (package / name).exists() or (package / name).read_bytes() != content
        if is_new:
            (package / name).write_bytes(content)
        yield name, "written" if is_new else "up to date"
    for path in sorted(package.glob("*.ipynb")):
        if path.name not in new:
            path.unlink()
            yield path.name, "removed"


def _write(new: bytes, path: Path) -> str:
    if not path.exists():
        path.write_bytes(new)
        return "written"
    old = path.read_bytes()
    if old == new:
        return "up to date"
    if not is_sealed(old):
        return "kept"
    path.write_bytes(new)
    return "updated"


def sealed(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with a digest of itself in its metadata, under ``grokcourse``."""
    made = json.loads(json.dumps(notebook))
    ours = made["metadata"].setdefault("grokcourse", {})
    ours["digest"] = _digest(made)
    return made


def is_sealed(content: bytes) -> bool:
    """Whether a file is a notebook of ours, just as we wrote it: not edited, not run and saved, not cut off."""
    try:
        notebook = json.loads(content)
        return notebook["metadata"]["grokcourse"]["digest"] == _digest(notebook)
    except (ValueError, LookupError, TypeError, AttributeError):
        return False


def to_json(notebook: Mapping[str, Any]) -> str:
    """A notebook as the text of its file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _digest(notebook: Mapping[str, Any]) -> str:
    metadata = dict(notebook["metadata"])
    metadata["grokcourse"] = {key: value for key, value in metadata["grokcourse"].items() if key != "digest"}
    content = json.dumps({**notebook, "metadata": metadata}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
