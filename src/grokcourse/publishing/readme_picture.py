"""Draw the README's picture from the recorded main run: ``python -m grokcourse.publishing.readme_picture``."""

import sys
from pathlib import Path

from grokcourse import plots, runs, training

PLACE = Path("book/assets/grokking-curve.png")


def main(run: str = "main", place: Path | str = PLACE) -> None:
    """Write the loss curves of a run, with its phases, as a PNG."""
    loaded = runs.load(run)
    history = loaded.history
    figure = plots.loss_curves(
        history["step"],
        history["train_loss"],
        history["test_loss"],
        chance=loaded.config.chance_loss,
        phases=training.phases(loaded).bands(),
        log_steps=True,
    )
    figure.savefig(place, dpi=200, facecolor=plots.PALETTE["paper"][0], metadata={"Software": None})


if __name__ == "__main__":
    main(*sys.argv[1:])
