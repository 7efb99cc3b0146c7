"""Files that a page's cells made for download."""

import json
from types import SimpleNamespace

import pytest

from grokcourse.publishing import downloads, numbers


def glued(text: str | bytes) -> dict:
    return {"output_type": "display_data", "data": {"text/plain": repr(text)}, "metadata": {}}


def app_of(tmp_path, builder="html"):
    env = SimpleNamespace(
        found_docs={"book/claims", "book/index"}, mystnb_config=SimpleNamespace(output_folder=tmp_path)
    )
    return SimpleNamespace(builder=SimpleNamespace(format=builder), env=env, outdir=tmp_path / "html")


def test_files_stand_beside_their_page_as_the_cell_made_them(tmp_path):
    text = 'a,"b\'s",≈ 2 · 10⁻⁸\nx\\n,,\n'
    (tmp_path / "book").mkdir()
    (tmp_path / "html" / "book").mkdir(parents=True)
    content = {"download:claims.csv": glued(text), "download:card.png": glued(b"\x89PNG\xff"), "cl-n": glued("51")}
    (tmp_path / "book" / "claims.glue.json").write_text(json.dumps(content), encoding="utf-8")
    downloads.write_downloads(app_of(tmp_path), None)
    assert {path.name for path in (tmp_path / "html" / "book").iterdir()} == {"claims.csv", "card.png"}
    assert (tmp_path / "html" / "book" / "card.png").read_bytes() == b"\x89PNG\xff"
    assert (tmp_path / "html" / "book" / "claims.csv").read_bytes() == text.encode()


@pytest.mark.parametrize(("builder", "exception"), [("latex", None), ("html", ValueError())])
def test_nothing_is_written_for_another_format_or_by_a_build_that_failed(tmp_path, builder, exception):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "claims.glue.json").write_text(json.dumps({"download:a.csv": glued("x")}), encoding="utf-8")
    downloads.write_downloads(app_of(tmp_path, builder), exception)
    assert not (tmp_path / "html").exists()


@pytest.mark.parametrize("name", ["../a.csv", "book/a.csv", ".hidden", "index.html", ""])
def test_a_name_that_would_land_elsewhere_is_refused(name):
    with pytest.raises(ValueError, match="cannot be a download"):
        numbers.download(name, "x")
