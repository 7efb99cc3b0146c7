"""The pictures that stand outside the site: they can be drawn again, and show what the model has right."""

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from conftest import ROOT
from PIL import Image, ImageSequence

from grokcourse import plots, runs
from grokcourse.publishing import pictures_to_share


def test_the_readme_shows_pictures_that_we_can_draw_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "book" / "assets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    pictures_to_share.main([])
    for place in (pictures_to_share.CURVES, pictures_to_share.TABLES):
        assert f"]({place})" in (ROOT / "README.md").read_text(encoding="utf-8")
        assert matplotlib.image.imread(place).shape == matplotlib.image.imread(ROOT / place).shape


def test_the_film_goes_through_the_checkpoints_and_fills_the_table(tmp_path: Path):
    run = runs.load("main")
    short = runs.thin(run, [run.steps[0], run.steps[1], run.steps[-1]])
    runs.save(short, tmp_path / "run", half=True)
    pictures_to_share.main(["--run", str(tmp_path / "run"), "--film", str(tmp_path / "film.gif")])
    with Image.open(tmp_path / "film.gif") as film:
        assert film.info["loop"] == 0
        frames = [np.asarray(frame.convert("RGB"), dtype=int) for frame in ImageSequence.Iterator(film)]
    assert len(frames) == 3

    def share(frame: np.ndarray, hue: str) -> float:
        """Of the frame, how much has about this colour."""
        wanted = np.array([int(plots.LIGHT[hue][at : at + 2], 16) for at in (1, 3, 5)])
        return float((np.abs(frame - wanted).max(axis=2) < 24).mean())

    blue, orange = ([share(frame, hue) for frame in frames] for hue in ("blue", "orange"))
    assert blue[0] < 0.1 * blue[2]
    assert blue[1] == pytest.approx(blue[2], rel=0.05)  # the training set is known by heart
    assert orange[1] < 0.1 * orange[2]
    assert orange[2] / blue[2] == pytest.approx(0.7 / 0.3, rel=0.1)
