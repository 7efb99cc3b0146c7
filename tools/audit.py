"""Lighthouse over the built site: ``make audit``, or ``make audit ARGS="book/index book/06-circuit --form phone"``.

It builds nothing: it serves ``_build/html`` on this machine, gzipped, and loads every page several times as a phone and
as a desktop would. The median of each score is held against the goals: phone 90 and desktop 98 in performance, and 100
in accessibility, best practices and SEO. The exit code is 1 if a page falls below, and 2 if nothing could be measured.

It needs node 18.20 or newer, with npx, which fetches Lighthouse once into its own cache, and Chromium or Chrome. A page
takes about 15 s a load and a form, and the whole site the better part of an hour; a busy machine lowers the scores.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from grokcourse.publishing.pdf import PROGRAMS, pages_of

ROOT = Path(__file__).parents[1]
LIGHTHOUSE = "lighthouse@12.8.2"
REST = {"accessibility": 100, "best-practices": 100, "seo": 100}
GOALS: dict[str, dict[str, int]] = {"phone": {"performance": 90, **REST}, "desktop": {"performance": 98, **REST}}
"""For each form the lowest score of each of Lighthouse's categories, in percent."""
OPTIONS = {"phone": [], "desktop": ["--preset=desktop"]}
MEASURED = {
    "first paint": "first-contentful-paint",
    "largest": "largest-contentful-paint",
    "blocked": "total-blocking-time",
}
"""What the table shows besides scores, in milliseconds, by its name in a report."""
TEXTS = {".html", ".css", ".js", ".svg", ".json", ".xml", ".csv", ".txt"}


class AuditError(Exception):
    """Nothing can be measured; the message says what is missing."""


class Gzipped(SimpleHTTPRequestHandler):
    """Files as a web server sends them: texts gzipped, and to be kept for ten minutes, as GitHub Pages has it."""

    def do_GET(self) -> None:
        """Send one file."""
        path = Path(self.translate_path(urlsplit(self.path).path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        is_text = path.suffix in TEXTS and "gzip" in self.headers.get("Accept-Encoding", "")
        content = gzip.compress(content, mtime=0) if is_text else content
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if is_text:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing of each request."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address at which a folder is served while the context lasts."""
    with ThreadingHTTPServer(("localhost", 0), lambda *given: Gzipped(*given, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def report(address: str, form: str, browser: str) -> dict:
    """What Lighthouse says of one load of a page.

    Raises:
        AuditError: if it does not run, or could not load the page.
    """
    command = ["npx", "--yes", LIGHTHOUSE, address, "--quiet", "--output=json", *OPTIONS[form]]
    command += [f"--only-categories={','.join(GOALS[form])}", "--chrome-flags=--headless=new --no-sandbox"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CHROME_PATH": browser})
    try:
        told = json.loads(done.stdout)
    except ValueError:
        raise AuditError(f"{LIGHTHOUSE} did not run:\n{done.stderr.strip()[-2000:]}") from None
    if problem := told.get("runtimeError"):
        raise AuditError(f"{address} could not be measured: {problem.get('message', problem)}")
    return told


def medians(reports: Sequence[Mapping]) -> dict[str, int]:
    """The median of each score, in percent, and of each time, in milliseconds, over several reports of a page.

    Raises:
        AuditError: if a report has no score for a category: Lighthouse gives none where one of its audits failed.
    """
    found = {}
    for name in GOALS["phone"]:
        scores = [report["categories"][name]["score"] for report in reports]
        if None in scores:
            raise AuditError(f"{reports[0].get('finalDisplayedUrl', 'a page')}: no score for {name}")
        found[name] = round(100 * statistics.median(scores))
    for name, audit in MEASURED.items():
        found[name] = round(statistics.median(report["audits"][audit]["numericValue"] for report in reports))
    return found


def shortfalls(form: str, found: Mapping[str, int]) -> list[str]:
    """Each score below its goal, in words."""
    return [f"{name} {found[name]} < {goal}" for name, goal in GOALS[form].items() if found[name] < goal]


def complaints(reports: Sequence[Mapping]) -> list[str]:
    """The audits, those of performance aside, that one report or more does not give full marks, by their titles."""
    titles = {}
    for told in reports:
        for name in REST:
            for reference in told["categories"][name].get("auditRefs", ()):
                audit = told["audits"][reference["id"]]
                if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
                    titles[reference["id"]] = audit["title"]
    return [f"{name}: {title}" for name, title in titles.items()]


def row(page: str, form: str, found: Mapping[str, int]) -> str:
    """One line of the table."""
    cells = [page, form, *(found[name] for name in (*GOALS[form], *MEASURED))]
    return "| " + " | ".join(map(str, cells)) + " |"


def audit(
    site: Path, pages: Sequence[str], forms: Sequence[str], runs: int, browser: str
) -> Iterator[tuple[str, list]]:
    """Measure pages, one after another: for each and each form a line of the table, and what falls short."""
    with served(site) as address:
        for page in pages:
            for form in forms:
                reports = [report(f"{address}/{page}.html", form, browser) for _ in range(runs)]
                found = medians(reports)
                short = shortfalls(form, found)
                yield (
                    row(page, form, found),
                    [f"{page}, {form}: {'; '.join([*short, *complaints(reports)])}"] if short else [],
                )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the built site; the exit code."""
    parser = argparse.ArgumentParser(description="Measure the built site with Lighthouse.")
    parser.add_argument("pages", nargs="*", help="such as book/01-task; all, if none is named")
    parser.add_argument("--form", choices=GOALS, action="append", help="phone or desktop; both, if none is named")
    parser.add_argument("--runs", type=int, default=3, help="loads of a page, of which the median counts (3)")
    parser.add_argument("--site", type=Path, default=ROOT / "_build" / "html")
    options = parser.parse_args(arguments)
    pages = options.pages or pages_of(ROOT / "_toc.yml")
    try:
        if missing := [page for page in pages if not (options.site / f"{page}.html").is_file()]:
            raise AuditError(f"not in {options.site}: {', '.join(missing)}; build the site first (make site)")
        if not shutil.which("npx"):
            raise AuditError("Lighthouse needs node and npx, which are not here (on Debian: apt-get install npm)")
        browser = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if browser is None:
            raise AuditError("Lighthouse needs Chromium or Chrome (on Debian: apt-get install chromium)")
        heads = ["page", "form", *GOALS["phone"], *(f"{name} (ms)" for name in MEASURED)]
        print("| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads), sep="\n", flush=True)
        below = []
        for line, short in audit(options.site, pages, options.form or list(GOALS), options.runs, browser):
            print(line, flush=True)
            below += short
    except AuditError as error:
        print(f"No audit: {error}", file=sys.stderr)
        return 2
    for short in below:
        print(f"Below the goals: {short}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
