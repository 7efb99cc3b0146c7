"""Files that a page's cells made (``numbers.download``), written beside the page when the site is built."""

import ast
import json
from pathlib import Path
from typing import cast

from sphinx.application import Sphinx

from grokcourse.storage import write_whole

from .execution import Environment
from .numbers import DOWNLOAD


def setup(app: Sphinx) -> None:
    """Write them at the end of each build, as whole files."""
    app.connect("build-finished", write_downloads)


def write_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Write the files of every page, unless the build has failed."""
    if exception or app.builder.format != "html":
        return
    env = cast(Environment, app.env)
    kept = Path(env.mystnb_config.output_folder)
    for docname in sorted(env.found_docs):
        for name, content in made_by(kept / f"{docname}.glue.json").items():
            data = content.encode() if isinstance(content, str) else content
            write_whole(Path(app.outdir, docname).with_name(name), data)


def made_by(glued: Path) -> dict[str, str | bytes]:
    """The files, by name, among what a page's cells have glued; none if they glued nothing.

    Args:
        glued: the file in which myst-nb keeps it.
    """
    if not glued.is_file():
        return {}
    outputs = json.loads(glued.read_text(encoding="utf-8"))
    return {
        key.removeprefix(DOWNLOAD): ast.literal_eval(output["data"]["text/plain"])
        for key, output in outputs.items()
        if key.startswith(DOWNLOAD)
    }
