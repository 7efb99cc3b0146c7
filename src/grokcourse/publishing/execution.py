"""Run the chapters' cells before Sphinx reads them: on all cores, and only where no earlier result fits.

jupyter-cache, which keeps the results, knows a page by its cells and by the kernel that its head names. So each page is
stamped there with the fingerprint of everything else that shapes its outputs (``dependencies``). ``fill`` runs the
pages that have no result yet, and myst-nb then finds every page's results ready.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode
from sphinx.environment import BuildEnvironment

from ..machine import usable_cores
from .dependencies import Dependencies


class Environment(BuildEnvironment):
    """Sphinx's environment, with what extensions keep in it."""

    myst_config: MdParserConfig
    mystnb_config: NbParserConfig
    grokcourse_fingerprints: dict[str, str]
    """By page, what it depended on when it was read."""
    grokcourse_marks: dict[str, str]
    """By page, what is written for it depends on (``writing``)."""


KEPT = 100
"""Results that are kept, the latest used first: enough for the pages of a few branches and reverts."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
KERNEL = re.compile(r"\A(---\n(?:.*\n)*?)kernelspec:\n +name: python3\n")


def stamped(text: str, fingerprint: str) -> str:
    """A page's text with the fingerprint beside its kernel's name; every line keeps its number."""
    return KERNEL.sub(rf"\1kernelspec: {{name: python3, fingerprint: {fingerprint}}}\n\n", text)


def fingerprint(path: Path, md_config: MdParserConfig, nb_config: NbParserConfig, found: Dependencies) -> str | None:
    """What, apart from its cells, shapes a page's outputs, as a few digits; None if it has no cells to run."""
    text = path.read_text(encoding="utf-8")
    notebook = _notebook(path, text, md_config, nb_config)
    if notebook is None:
        return None
    return found.fingerprint(path, [cell.source for cell in notebook.cells if cell.cell_type == "code"], text)


@dataclass(frozen=True)
class Failure:
    """A page whose cells could not all be run cleanly."""

    page: Path
    message: str


@dataclass(frozen=True)
class _Page:
    path: Path
    notebook: NotebookNode
    timeout: int | None


def fill(pages: Mapping[Path, str], md_config: MdParserConfig, nb_config: NbParserConfig) -> Iterator[str | Failure]:
    """Run the pages that have no result in the cache, several at once, and keep the results that are clean.

    Args:
        pages: source files and their fingerprints; those that have a result cost nothing.
        md_config: the reader's configuration.
        nb_config: the execution's configuration, with the cache's folder.

    Yields:
        For each page that was run, as it ends: one line about it, or the ``Failure``.
    """
    cache = get_cache(nb_config.execution_cache_path)
    cache.change_cache_limit(KEPT)
    read = [_read(path, mark, md_config, nb_config) for path, mark in pages.items()]
    waiting = [page for page in read if not _is_cached(cache, page)]
    if not waiting:
        return
    cores = usable_cores()
    at_once = min(cores, len(waiting))
    # Kernels that run side by side must not fight for the cores: spinning threads slow each other tenfold.
    with _environment({name: str(cores // at_once) for name in THREADS}), ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(_run, page) for page in waiting]
        for ended in as_completed(running):
            page, seconds, error = ended.result()
            if error:
                yield Failure(page.path, error)
                continue
            cache.cache_notebook_bundle(
                CacheBundleIn(page.notebook, str(page.path), data={"execution_seconds": seconds}),
                check_validity=False,
                overwrite=True,
            )
            yield f"ran {page.path.name} in {seconds:.1f} s"


def _read(path: Path, fingerprint: str, md_config: MdParserConfig, nb_config: NbParserConfig) -> _Page:
    """The page's notebook, exactly as myst-nb will read it and look for it."""
    text = stamped(path.read_text(encoding="utf-8"), fingerprint)
    notebook = _notebook(path, text, md_config, nb_config)
    if notebook is None:
        raise ValueError(f"{path} has no cells to run")
    return _Page(path, notebook, nb_config.execution_timeout)


def _notebook(path: Path, text: str, md_config: MdParserConfig, nb_config: NbParserConfig) -> NotebookNode | None:
    reader = create_nb_reader(str(path), md_config, nb_config, text)
    if reader is None:
        return None
    notebook = reader.read(text)
    if "kernelspec" in notebook.metadata:
        notebook.metadata["kernelspec"]["name"] = "python3"
    return notebook if any(cell.cell_type == "code" for cell in notebook.cells) else None


def _is_cached(cache: JupyterCacheAbstract, page: _Page) -> bool:
    try:
        cache.match_cache_notebook(page.notebook)
    except KeyError:
        return False
    return True


def _run(page: _Page) -> tuple[_Page, float, str | None]:
    """Run every cell in a kernel of its own: the page, the seconds, and what went wrong, if anything did."""
    try:
        result = single_nb_execution(
            page.notebook,
            cwd=str(page.path.parent),
            timeout=page.timeout,
            allow_errors=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # each start else warns that it listens on localhost
        )
    except Exception as error:  # the kernel did not start, or died: nbclient has no common class for these
        return page, 0.0, f"{page.path.name}: the kernel failed: {type(error).__name__}: {error}"
    finally:
        _close_event_loop()
    return page, result.time, _trouble(page, result.err)


def _close_event_loop() -> None:
    """Close the event loop that nbclient opens in each thread that it is called in, and leaves open."""
    with suppress(RuntimeError):  # this thread has none
        asyncio.get_event_loop().close()


def _trouble(page: _Page, error: Exception | None) -> str | None:
    """Which cell failed or wrote to stderr, and with what; None if none did."""
    code = [(index, cell) for index, cell in enumerate(page.notebook.cells) if cell.cell_type == "code"]
    lines = page.notebook.metadata.get("source_map", [])
    for number, (index, cell) in enumerate(code, 1):
        where = f"{page.path.name}, line {lines[index] + 1}" if lines else page.path.name
        where += f" (code cell {number} of {len(code)})"
        for output in cell.outputs:
            if output.output_type == "error":
                traceback = "\n".join(_last_frames(output.traceback))
                return f"{where}: {output.ename}: {output.evalue}\n{_indented(cell.source)}\n{traceback}"
            if output.output_type == "stream" and output.name == "stderr":
                return f"{where}: wrote to stderr:\n{_indented(output.text)}\nthe cell:\n{_indented(cell.source)}"
    return f"{page.path.name}: {type(error).__name__}: {error}" if error else None


def _last_frames(traceback: list[str], most: int = 30) -> list[str]:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(traceback)).splitlines()
    return plain if len(plain) <= most else ["…", *plain[-most:]]


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.rstrip().splitlines())


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables that the kernels started meanwhile inherit; one that is set already is left alone."""
    fresh = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(fresh)
    try:
        yield
    finally:
        for name in fresh:
            del os.environ[name]
