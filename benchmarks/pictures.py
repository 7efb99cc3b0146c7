"""How many frames a second the moving pictures reach while a slider is moved: ``python benchmarks/pictures.py``.

Each slider of each picture on the built site is moved by one place in every frame, there and back, as fast as the
browser asks for frames (60 a second at most, 16.7 ms each). Run it when nothing else does. The page's own work, in
milliseconds of processor time a frame, depends less on what else runs: scripts, styles and layout, and painting.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import CDPSession, sync_playwright

PAGES = ("02-transformer", "03-weight-decay", "04-training", "05-fourier", "06-circuit", "07-progress-measures")
MOVE = """async ([input, frames]) => {
    const last = Number(input.max);
    const intervals = [];
    let before = await new Promise(requestAnimationFrame);
    for (let i = 1; i <= frames; i++) {
        const place = i % (2 * last);
        input.value = place <= last ? place : 2 * last - place;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        const now = await new Promise(requestAnimationFrame);
        intervals.push(now - before);
        before = now;
    }
    return intervals;
}"""


def work(session: CDPSession) -> list[float]:
    """Seconds of processor time that the page's main thread has spent: in all, on scripts, and on styles and layout."""
    told = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return [told["TaskDuration"], told["ScriptDuration"], told["LayoutDuration"] + told["RecalcStyleDuration"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=Path("_build/html"))
    parser.add_argument("--frames", type=int, default=240)
    options = parser.parse_args()
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        parser.error("no Chromium on this machine (on Debian: apt-get install chromium)")
    print(f"{'picture':10} {'slider':16} {'frames/s':>8} {'slowest 5 %':>12} {'work':>8} {'script':>8} {'layout':>8}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for name in PAGES:
            page = browser.new_page(viewport={"width": 1300, "height": 844}, reduced_motion="reduce")
            page.goto((options.site / "book" / f"{name}.html").resolve().as_uri())
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            for box in page.locator(".gc-interactive").all():
                box.scroll_into_view_if_needed()
                box.locator(".gc-moving :is(input, button)").first.wait_for()
                for slider in box.locator("input[type=range]").all():
                    before = work(session)
                    intervals = sorted(page.evaluate(MOVE, [slider.element_handle(), options.frames]))
                    spent = [
                        1000 * (now - then) / len(intervals) for now, then in zip(work(session), before, strict=True)
                    ]
                    label = slider.evaluate("input => input.closest('label').innerText.replace(/\\s+/g, ' ').trim()")
                    rate = 1000 * len(intervals) / sum(intervals)
                    slow = intervals[int(0.95 * len(intervals))]
                    times = " ".join(f"{time:5.1f} ms" for time in spent)
                    print(f"{box.get_attribute('data-picture'):10} {label[:16]:16} {rate:8.0f} {slow:9.1f} ms {times}")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
