"""Run the chapters' cells before Sphinx reads them: on all cores, and only where no earlier result fits.

jupyter-cache, which keeps the results, knows a page by its cells alone. So the results are kept in one folder per
``fingerprint`` of everything else that shapes them; ``fill`` puts the missing ones there, and myst-nb then finds every
page's results ready.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from sys import version_info

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.config import NbParserConfig
from myst_nb.core.read import create_nb_reader
from myst_parser.config.main import MdParserConfig
from nbformat import NotebookNode

KEPT = 6
"""Folders of results that are kept, the latest used first: enough for a few branches and reverts."""
NOT_IN_OUTPUTS = ("publishing", "notebooks", "__pycache__")
"""Folders of the package whose content no cell's output depends on."""
NUMERICS = ("torch", "numpy", "matplotlib")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def fingerprint(package: Path, runs: Path | None = None) -> str:
    """Sixteen hexadecimal digits of everything outside a page that can change what its cells give.

    That is the package's files (code and recorded runs), the versions of Python and of the numerical packages, and
    the runs that were trained for this build.

    Args:
        package: the folder of ``grokcourse``.
        runs: a further folder of runs that the cells will load, if there is one.
    """
    digest = hashlib.sha256(f"python {version_info.major}.{version_info.minor}".encode())
    for name in NUMERICS:
        digest.update(f"\n{name} {version(name)}".encode())
    for root in [package] if runs is None else [package, runs]:
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            if path.is_file() and not set(parts) & set(NOT_IN_OUTPUTS):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"\n{root.name} {'/'.join(parts)} {content}".encode())
    return digest.hexdigest()[:16]


def results_folder(place: Path, name: str) -> Path:
    """The folder of results of a fingerprint, made if need be; those not used for longest are removed."""
    folder = place / name
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    by_use = sorted((path for path in place.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for old in by_use[:-KEPT]:
        shutil.rmtree(old)
    return folder


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


def fill(pages: Iterable[Path], md_config: MdParserConfig, nb_config: NbParserConfig) -> Iterator[str | Failure]:
    """Run the pages that have no result in the cache, several at once, and keep the results that are clean.

    Args:
        pages: source files; those without cells, and those with a result, cost nothing.
        md_config: the reader's configuration.
        nb_config: the execution's configuration, with the cache's folder.

    Yields:
        For each page that was run, as it ends: one line about it, or the ``Failure``.
    """
    cache = get_cache(nb_config.execution_cache_path)
    waiting = [page for path in pages if (page := _read(path, md_config, nb_config)) and not _is_cached(cache, page)]
    if not waiting:
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
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


def _read(path: Path, md_config: MdParserConfig, nb_config: NbParserConfig) -> _Page | None:
    """The page's notebook, exactly as myst-nb will read it and look for it; None if it has no cells to run."""
    text = path.read_text(encoding="utf-8")
    reader = create_nb_reader(str(path), md_config, nb_config, text)
    if reader is None:
        return None
    notebook = reader.read(text)
    if "kernelspec" in notebook.metadata:
        notebook.metadata["kernelspec"]["name"] = "python3"
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return None
    return _Page(path, notebook, nb_config.execution_timeout)


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
    return page, result.time, _trouble(page, result.err)


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
