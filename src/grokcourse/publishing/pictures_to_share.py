"""Pictures of the recorded main run that stand outside the site.

``python -m grokcourse.publishing.pictures_to_share`` draws those of the README anew; with ``--film FILE.gif``, a film
of the addition table filling in, for those who share it.
"""

import argparse
import io
from pathlib import Path

import torch
from PIL import Image

from grokcourse import plots, runs, tasks, training
from grokcourse.runs import Run
from grokcourse.storage import write_whole

CURVES = Path("book/assets/grokking-curve.png")
TABLES = Path("book/assets/grokking-tables.png")
FRAME = 250
"""Milliseconds for which a frame of the film stands; the last stands twelve times as long."""


def main(arguments: list[str] | None = None) -> None:
    """Write the pictures that are asked for, whole or not at all."""
    parser = argparse.ArgumentParser(prog="python -m grokcourse.publishing.pictures_to_share", description=__doc__)
    parser.add_argument("--run", default="main", help="the run, by name or folder (default: %(default)s)")
    parser.add_argument("--film", type=Path, metavar="FILE.gif", help="write the film, and not the README's pictures")
    options = parser.parse_args(arguments)
    run = runs.load(options.run)
    if options.film:
        write_whole(options.film, film(run))
    else:
        write_whole(CURVES, drawn(curves(run)))
        write_whole(TABLES, drawn(tables(run)))


def curves(run: Run) -> plots.Picture:
    """The losses of a run, with its phases."""
    history = run.history
    return plots.loss_curves(
        history["step"],
        history["train_loss"],
        history["test_loss"],
        chance=run.config.chance_loss,
        phases=training.phases(run).bands(),
        log_steps=True,
    )


def tables(run: Run) -> plots.Picture:
    """Which questions the model has right, at the first checkpoint after each of a run's turning points."""
    found = training.phases(run)
    moments = [step for step in (found.memorised, found.onset, found.grokked, run.steps[-1]) if step is not None]
    steps = sorted({min(kept for kept in run.steps if kept >= step) for step in moments})
    trained = tasks.dataset(run.config).train_mask()
    return plots.question_maps({f"step {step:,}": is_right(run, step) for step in steps}, trained=trained)


def film(run: Run) -> bytes:
    """The table at each checkpoint, one after the other, as an animated GIF that begins again."""
    trained = tasks.dataset(run.config).train_mask()
    frames = []
    for step in run.steps:
        right = is_right(run, step)
        title = f"step {step:,}: {right[~trained].mean():.0%} of the unseen sums right"
        figure = plots.question_maps({title: right}, trained=trained, width=plots.NARROW)
        frames.append(Image.open(io.BytesIO(drawn(figure))).convert("RGB"))
    colours = frames[-1].quantize(64)  # the same for all, so that nothing flickers
    frames = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    durations = [FRAME] * (len(frames) - 1) + [12 * FRAME]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)
    return content.getvalue()


def is_right(run: Run, step: int) -> torch.Tensor:
    """For each question, (p, p), 1 where the model of a checkpoint is right."""
    data = tasks.dataset(run.config)
    with torch.no_grad():
        answers = run.model(step).fast_logits(*data.tokens[:, :2].T).argmax(dim=-1)
    return (answers == data.labels).view(run.config.p, run.config.p).float()


def drawn(figure: plots.Picture) -> bytes:
    """A figure as a PNG on the paper of light pages."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, facecolor=plots.LIGHT["paper"], metadata={"Software": None})
    return content.getvalue()


if __name__ == "__main__":
    main()
