"""Temml in V8, as a process of its own: a line of JSON in, a line of JSON out, until the input ends.

It is run by its path, so that it starts without the course and without Sphinx.
"""

import sys
from pathlib import Path

from py_mini_racer import MiniRacer

SET = """
((tex, display) => {
  try {
    const options = {displayMode: display, throwOnError: true, wrap: "none"};
    return JSON.stringify({mathml: temml.renderToString(tex, options)});
  } catch (error) {
    return JSON.stringify({error: error.message});
  }
})
"""


def main() -> None:
    """Answer ``[tex, is_display]`` with ``{"mathml": …}``, or with ``{"error": …}`` if Temml cannot read it."""
    with MiniRacer() as engine:
        engine.eval(Path(__file__).with_name("temml.min.js").read_text(encoding="utf-8"))
        for line in sys.stdin:
            print(engine.eval(f"{SET}(...{line.strip()})"), flush=True)


if __name__ == "__main__":
    main()
