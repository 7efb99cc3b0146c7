"""What ``run_autograder`` calls with Gradescope's folder, and ``setup.sh`` to see that it would work."""

import sys
from pathlib import Path

from . import describe, grade_submission


def main(arguments: list[str]) -> int:
    """Grade the submission, or with ``--try`` say what is in force; returns the exit code."""
    if arguments == ["--try"]:
        from ..sandbox.trusted.probes import protections

        print(describe(protections()))
        return 0
    try:
        results = grade_submission(Path(arguments[0]))
    except Exception as error:
        print(f"Nothing was graded: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"Score {results['score']:g}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
