"""What Lighthouse's reports come to: medians, the verdict, the table; and the server that it loads pages from."""

import gzip
import importlib.util
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(performance: float | None, seo: float = 1.0, paint: float = 1000.0) -> dict:
    scores = {"performance": performance, "accessibility": 1.0, "best-practices": 1.0, "seo": seo}
    times = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time")
    audits = {name: {"numericValue": paint, "score": 1.0, "title": name} for name in times}
    audits["meta-description"] = {"score": seo, "title": "Document does not have a meta description"}
    categories = {name: {"score": score, "auditRefs": []} for name, score in scores.items()}
    categories["seo"]["auditRefs"] = [{"id": "meta-description", "weight": 1}]
    return {"categories": categories, "audits": audits}


def test_the_median_counts_and_not_the_mean_or_the_best(audit: ModuleType):
    found = audit.medians([report(0.2, paint=900.4), report(0.97, paint=5000.0), report(0.91, paint=1000.2)])
    assert (found["performance"], found["first paint"]) == (91, 1000)
    assert found["accessibility"] == found["best-practices"] == found["seo"] == 100


def test_hundredths_become_the_same_whole_numbers(audit: ModuleType):
    assert audit.medians([report(0.57), report(0.58), report(0.58)])["performance"] == 58
    assert audit.medians([report(0.29)])["performance"] == 29


def test_a_report_without_a_score_is_no_zero_and_no_pass(audit: ModuleType):
    with pytest.raises(audit.AuditError, match="performance"):
        audit.medians([report(0.99), report(None), report(0.99)])


@pytest.mark.parametrize(
    ("form", "performance", "seo", "below"),
    [
        ("phone", 0.90, 1.0, []),
        ("phone", 0.89, 1.0, ["performance 89 < 90"]),
        ("desktop", 0.98, 1.0, []),
        ("desktop", 0.97, 1.0, ["performance 97 < 98"]),
        ("phone", 1.0, 0.99, ["seo 99 < 100"]),
        ("desktop", 0.5, 0.5, ["performance 50 < 98", "seo 50 < 100"]),
    ],
)
def test_each_score_is_held_against_its_goal(audit: ModuleType, form: str, performance: float, seo: float, below: list):
    assert audit.shortfalls(form, audit.medians([report(performance, seo)] * 3)) == below


def test_what_is_amiss_is_named(audit: ModuleType):
    [told] = audit.complaints([report(0.1), report(0.1, seo=0.9)])
    assert "does not have a meta description" in told
    assert audit.complaints([report(0.1)]) == []


def test_a_page_that_falls_short_fails_the_audit_and_the_table_has_all(
    audit: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("fast", "slow"):
        (tmp_path / f"{name}.html").write_text("<p>")
    monkeypatch.setattr(audit.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(audit, "report", lambda address, form, browser: report(0.99 if "fast" in address else 0.6))
    assert audit.main(["fast", "--site", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    assert audit.main(["fast", "slow", "--site", str(tmp_path), "--form", "phone"]) == 1
    told = capsys.readouterr()
    assert [line.split(" | ")[:3] for line in told.out.splitlines()[2:]] == [
        ["| fast", "phone", "99"],
        ["| slow", "phone", "60"],
    ]
    assert told.err == "Below the goals: slow, phone: performance 60 < 90\n"


def test_a_page_that_is_not_built_is_named(audit: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert audit.main(["book/none", "--site", str(tmp_path)]) == 2
    assert "book/none" in capsys.readouterr().err


def test_texts_are_sent_gzipped_and_pictures_as_they_are(audit: ModuleType, tmp_path: Path):
    content = {"page.html": b"<p>" + b"words " * 500, "picture.png": bytes(range(256))}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with audit.served(tmp_path) as address:
        for name, data in content.items():
            request = urllib.request.Request(f"{address}/{name}?v=1", headers={"Accept-Encoding": "gzip"})
            with urllib.request.urlopen(request) as answer:
                sent = answer.read()
                is_gzipped = answer.headers.get("Content-Encoding") == "gzip"
            assert is_gzipped is name.endswith(".html")
            assert int(answer.headers["Content-Length"]) == len(sent) <= len(data)
            assert (gzip.decompress(sent) if is_gzipped else sent) == data
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(f"{address}/none.html")
        missing.value.close()
