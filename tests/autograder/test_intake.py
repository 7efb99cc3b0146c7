"""Finding what students handed in: the layouts, and names and files that mean harm."""

import functools
import io
import json
import os
import stat
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from grokcourse.autograder.intake import archive, entries, gradescope_metadata, submission
from grokcourse.autograder.intake.files import ClassroomError, Found
from grokcourse.autograder.intake.find import find_works
from grokcourse.autograder.intake.gradescope_metadata import Submitted, read_gradescope
from grokcourse.autograder.records import MAX_FILE, Work


def notebook(chapter: str = "01-task", source: str = "") -> bytes:
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {"grokcourse": {"chapter": chapter}}, "nbformat": 4}).encode()


def lay(folder: Path, files: dict[str, bytes | str]) -> Path:
    """A folder with these files; a name that ends with a slash is an empty folder."""
    for name, content in files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zipped(files: dict[str, bytes | str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.fixture
def subs(tmp_path: Path) -> Path:
    (tmp_path / "subs").mkdir()
    return tmp_path / "subs"


def find(folder: Path) -> Found:
    unpacked = folder.parent / "unpacked"
    unpacked.mkdir(exist_ok=True)
    return find_works(folder, unpacked)


def names(found: Found) -> dict[str, list[str]]:
    """The files' names by student."""
    return {work.student: [path.name for path in work.files] for work in found.works}


def problems(found: Found) -> dict[str, str]:
    return {work.student: work.problem for work in found.works if work.problem}


# --- Layouts ---


def test_a_file_per_student(subs: Path):
    found = find(lay(subs, {"ann.ipynb": notebook(), "bob.py": "x = 1", "roster.csv": "ann,bob"}))
    assert found.layout == "a file per student"
    assert names(found) == {"ann": ["ann.ipynb"], "bob": ["bob.py"]}
    assert problems(found) == {}


def test_a_folder_per_student_however_deep(subs: Path):
    files = {
        "Ann Lee/01.ipynb": notebook(),
        "Bob/work/week 1/01.ipynb": notebook(),
        "Bob/work/week 2/05.ipynb": notebook("05-fourier"),
        "Bob/notes.txt": "",
        "Cy/report.pdf": "",
        "Dee/": "",
    }
    found = find(lay(subs, files))
    assert found.layout == "a folder per student"
    assert names(found) == {"Ann Lee": ["01.ipynb"], "Bob": ["01.ipynb", "05.ipynb"], "Cy": [], "Dee": []}
    assert problems(found) == {
        "Cy": "no notebook (.ipynb) was handed in, but: report.pdf",
        "Dee": "nothing was handed in",
    }


def test_what_systems_and_jupyter_leave_behind_is_not_seen(subs: Path):
    files = {
        "ann/01.ipynb": notebook(),
        "ann/.ipynb_checkpoints/01-checkpoint.ipynb": notebook(),
        "ann/__pycache__/x.py": "",
        "__MACOSX/ann/._01.ipynb": b"\0",
        ".git/x.ipynb": notebook(),
        "ann/._01.ipynb": b"\0",
    }
    assert names(find(lay(subs, files))) == {"ann": ["01.ipynb"]}


def test_results_of_an_earlier_run_are_no_submission(subs: Path):
    files = {"ann.ipynb": notebook(), "grades/run.json": "{}", "grades/grades/ann.json": "{}", "grades/x.py": ""}
    assert names(find(lay(subs, files))) == {"ann": ["ann.ipynb"]}


CANVAS = {
    "leeann_1001_50001_01-task.ipynb": notebook(),
    "leeann_1001_50002_05-fourier.ipynb": notebook("05-fourier"),
    "obrienbob_LATE_1002_50003_homework_2_final.ipynb": notebook(),
    "müllerzoë_1003_50004_01-task-1.ipynb": notebook(),
    "textcy_1004_text.html": "<p>",
    "linkdee_LATE_1005_link.html": "<p>",
    "pdfeve_1006_50009_homework.pdf": "",
}


def test_canvas(subs: Path):
    found = find(lay(subs, CANVAS))
    assert found.layout == "a Canvas export"
    assert names(found) == {
        "leeann (1001)": ["leeann_1001_50001_01-task.ipynb", "leeann_1001_50002_05-fourier.ipynb"],
        "obrienbob (1002)": ["obrienbob_LATE_1002_50003_homework_2_final.ipynb"],
        "müllerzoë (1003)": ["müllerzoë_1003_50004_01-task-1.ipynb"],
        "textcy (1004)": [],
        "linkdee (1005)": [],
        "pdfeve (1006)": [],
    }
    assert set(problems(found)) == {"textcy (1004)", "linkdee (1005)", "pdfeve (1006)"}
    assert found.notes == (
        "the platform marks as late, without saying by how much: linkdee (1005), obrienbob (1002) ([late.days] in a "
        "policy file can)",
    )


def test_canvas_without_names(subs: Path):
    files = {
        "anon_1aB3x_50001_2_x.ipynb": notebook(),
        "LATE_anon_Q7rst_50002_my_LATE_work.ipynb": notebook(),
        "anon_zz9Zz_text.html": "<p>",
    }
    found = find(lay(subs, files))
    assert found.layout == "a Canvas export"
    assert list(names(found)) == ["anon (1aB3x)", "anon (Q7rst)", "anon (zz9Zz)"]
    assert len(found.notes) == 1
    assert ": anon (Q7rst) (" in found.notes[0]


@pytest.mark.parametrize("says_utf8", [True, False])
def test_names_in_a_zip_file_that_does_not_say_that_it_is_utf8(subs: Path, says_utf8: bool):
    """Canvas' and macOS' zip files do not."""
    content = zipped({"mu\u0308llerzoe\u0308_1003_50004_01-task.ipynb": notebook()})
    if not says_utf8:
        content = bytearray(content)
        for place in (7, content.index(b"PK\x01\x02") + 9):
            content[place] &= ~0x08  # the flag that says UTF-8
    (subs / "submissions.zip").write_bytes(bytes(content))
    assert list(names(find(subs / "submissions.zip"))) == ["müllerzoë (1003)"]  # and in the composed form


@pytest.mark.parametrize("number", [1, 2, 12])
def test_of_canvas_versions_the_last_counts(subs: Path, number: int):
    files = {
        "leeann_1001_50009_01-task.ipynb": notebook(),
        f"leeann_1001_50110_01-task-{number}.ipynb": notebook(source="x = 2"),
    }
    found = find(lay(subs, files))
    assert names(found) == {"leeann (1001)": [f"leeann_1001_50110_01-task-{number}.ipynb"]}
    assert problems(found) == {}


def test_canvas_files_of_different_names_are_no_versions(subs: Path):
    files = {
        "leeann_1001_50001_01-task.ipynb": notebook(),
        "leeann_1001_50002_copy.ipynb": notebook(source="x = 2"),
        "bob_1002_50003_01-task.ipynb": notebook(),
    }
    assert problems(find(lay(subs, files))) == {
        "leeann (1001)": "leeann_1001_50001_01-task.ipynb and leeann_1001_50002_copy.ipynb both hold chapter 01-task: "
        "which one counts?"
    }


def test_names_that_only_look_like_canvas(subs: Path):
    """An upload's number is there once; the year in everybody's file name is not one."""
    found = find(lay(subs, {"homework_1_2026_ann.ipynb": notebook(), "homework_1_2026_bob.ipynb": notebook()}))
    assert found.layout == "a file per student"
    assert list(names(found)) == ["homework_1_2026_ann", "homework_1_2026_bob"]


@pytest.mark.parametrize("end", ["_assignsubmission_file_/", "_assignsubmission_file/", "_assignsubmission_file_"])
def test_moodle(subs: Path, end: str):
    """Folders before Moodle 4.1, folders since, and prefixes."""
    files = {
        f"Ann Lee_1234{end}01-task.ipynb": notebook(),
        f"Ann Lee_1234{end}05.ipynb": notebook("05-fourier"),
        f"Zoë d'Arc-Müller_1235{end}task_2_x.ipynb": notebook(),
        f"Ann Lee_1236{end}01-task.ipynb": notebook(),
        "Cy_1237_assignsubmission_onlinetext_/onlinetext.html": "<p>",
    }
    found = find(lay(subs, files))
    assert found.layout == "a Moodle export"
    assert {student: len(files) for student, files in names(found).items()} == {
        "Ann Lee (1234)": 2,
        "Ann Lee (1236)": 1,
        "Cy (1237)": 0,
        "Zoë d'Arc-Müller (1235)": 1,
    }
    assert list(problems(found)) == ["Cy (1237)"]


def test_moodle_groups_and_blind_marking(subs: Path):
    files = {
        "Group A_17_assignsubmission_file/x.ipynb": notebook(),
        "Default group_assignsubmission_file/x.ipynb": notebook(),
        "Participant_99_assignsubmission_file/x.ipynb": notebook(),
    }
    assert list(names(find(lay(subs, files)))) == ["Default group", "Group A (17)", "Participant (99)"]


METADATA = """---
submission_11:
  :submitters:
  - :name: Ann Lee
    :sid: '77'
    :email: ann@uni.edu
  :created_at: 2026-10-01 21:19:48.713930000 Z
  :score: 3.0
  :results:
    tests:
    - output: |
        submission_12:
          :submitters:
          - :name: forged
submission_12:
  :submitters:
  - :name: 'Bob "B" O''Neill'
    :sid: 78
    :email: bob@uni.edu
  - :name: "Zo\\u00eb \\xDC"
    :email:
    :sid: '79'
  :created_at: 2026-10-02 09:00:00.000000000 +02:00
submission_13:
  :submitters:
  - :name: Ann Lee
    :sid: '77'
    :email: ann@uni.edu
  :created_at: 2026-10-03 08:00:00.5 Z
"""


def test_gradescopes_metadata_is_read_as_yaml_says():
    told = {
        submission: [
            (person[":name"], person.get(":email") or str(person[":sid"])) for person in content[":submitters"]
        ]
        for submission, content in yaml.safe_load(METADATA).items()
    }
    found = read_gradescope(METADATA)
    assert {name: list(submitted.students) for name, submitted in found.items()} == {
        name: [f"{who} ({identity})" for who, identity in people] for name, people in told.items()
    }
    times = {name: content[":created_at"].timestamp() for name, content in yaml.safe_load(METADATA).items()}
    assert {name: submitted.at for name, submitted in found.items()} == pytest.approx(times)


@pytest.mark.parametrize(
    "text", ["", "---", "\0", "- a\n- b", "submission_1: 3", "submission_1:\n  :submitters:\n", ":\n:\n", "x" * 10**6]
)
def test_broken_metadata_tells_nothing(text: str):
    assert read_gradescope(text) in ({}, {"submission_1": Submitted(("submission_1",))})


AS_RAILS_WRITES_IT = """---
submission_1:
  :submitters:
  - :name: &1 Anna Maria Aurelia Theodora Wilhelmina Josephine Antonia von und zu
      Hohenfels
    :sid:
    :email: "anna@\\
      uni.edu"
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: &2 2026-10-01 21:19:48.713930000 Z
    zone: &3 !ruby/object:ActiveSupport::TimeZone
      name: Etc/UTC
    time: *2
submission_2:
  :submitters:
  - :name: *1
    :email: two@uni.edu
  - {':name': Bo, ':sid': 5}
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2026-10-02 08:00:00 Z
    zone: *3
    time: *2
"""


def test_metadata_with_rubys_objects_folded_lines_and_aliases_is_read():
    long = "Anna Maria Aurelia Theodora Wilhelmina Josephine Antonia von und zu Hohenfels"
    first, second = datetime(2026, 10, 1, 21, 19, 48, 713930, UTC), datetime(2026, 10, 2, 8, tzinfo=UTC)
    assert read_gradescope(AS_RAILS_WRITES_IT) == {
        "submission_1": Submitted((f"{long} (anna@uni.edu)",), first.timestamp()),
        "submission_2": Submitted((f"{long} (two@uni.edu)", "Bo (5)"), second.timestamp()),
    }


def test_aliases_of_aliases_and_tags_build_nothing():
    levels = "".join(f"  l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 40))
    bomb = f"submission_1:\n  l0: &l0 [x, x]\n{levels}  :submitters: *l39\n"
    tags = "submission_2:\n  :x: !!python/object/apply:os._exit [3]\n  :submitters:\n  - !!python/name:os.system\n"
    tags += "    :name: !!python/object/apply:os._exit Bo\n"
    assert read_gradescope(bomb + tags) == {
        "submission_1": Submitted(("submission_1",)),
        "submission_2": Submitted(("Bo",)),
    }


def test_of_metadata_that_are_too_deep_or_too_long_or_cut_off_the_beginning_counts(monkeypatch):
    first = "submission_1:\n  :submitters:\n  - :name: Ann\n:x: y\n"
    known = {"submission_1": Submitted(("Ann",))}
    for rest in ("[" * 10**6, "x:\n  " + "- " * 10**6, '"', "submission_2:\n  :submitters:\n  - :name: 'B", "}"):
        assert read_gradescope(first + rest) == known, rest[:20]
    after = "x: [" + "a, " * 2000 + "]\nsubmission_2:\n  :submitters:\n  - :name: Bo\n"
    assert read_gradescope(first + after) == known | {"submission_2": Submitted(("Bo",))}
    monkeypatch.setattr(gradescope_metadata, "MAX_EVENTS", 1000)
    assert read_gradescope(first + after) == known


def test_blackboard(subs: Path):
    files = {
        "Home_work 1_ann_lee_attempt_2026-11-20-10-00-00_01-task.ipynb": notebook(),
        "Home_work 1_ann_lee_attempt_2026-11-20-10-00-00.txt": "Name: Ann Lee",
        "Home_work 1_bob_lee_attempt_2026-11-19-10-00-00_01-task.ipynb": notebook(),
        "Home_work 1_bob_lee_attempt_2026-11-19-10-00-00_05.ipynb": notebook("05-fourier"),
        "Home_work 1_bob_lee_attempt_2026-11-21-23-30-00_work_attempt.ipynb": notebook(source="later = 1"),
        "Home_work 1_cy_attempt_2026-11-20-10-00-00.txt": "Name: Cy",
        "Home_work 1_eve_attempt_2026-11-20-10-00-00_x_attempt_2026-11-01-10-00-00_y.ipynb": notebook(source="eve = 1"),
        "Home_work 1_fay_attempt_2026-11-31-10-00-00_01.ipynb": notebook(source="fay = 1"),
    }
    found = find(lay(subs, files))
    assert found.layout == "a Blackboard export"
    assert {work.student: [path.name[-12:] for path in work.files] for work in found.works} == {
        "ann_lee": ["1-task.ipynb"],
        "bob_lee": ["-00_05.ipynb", "ttempt.ipynb"],
        "cy": [],
        "eve": ["0-00_y.ipynb"],
        "fay": ["-00_01.ipynb"],
    }
    assert {work.student: work.handed_in for work in found.works} == {
        "ann_lee": "2026-11-20T10:00:00",
        "bob_lee": "2026-11-21T23:30:00",
        "cy": "2026-11-20T10:00:00",
        "eve": "2026-11-20T10:00:00",
        "fay": "",  # there is no such day
    }
    alone = find_again(lay(subs / "alone", {"hw_1_ann_attempt_2026-11-20-10-00-00_x.ipynb": notebook()}))
    assert list(names(alone)) == ["ann"]


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("wrapped", ["", "assignment_42_export/"])
def test_gradescope(subs: Path, wrapped: str, group: bool):
    files = {
        "submission_metadata.yml": METADATA,
        "submission_11/01.ipynb": notebook(),
        **({"submission_12/01.ipynb": notebook()} if group else {}),
        "submission_13/01.ipynb": notebook(source="later = 1"),
        "submission_14/01.ipynb": notebook(),
    }
    found = find(lay(subs, {wrapped + name: content for name, content in files.items()}))
    assert found.layout == "a Gradescope export"
    assert list(names(found)) == [
        "Ann Lee (ann@uni.edu)",
        'Bob "B" O\'Neill (bob@uni.edu)',
        "submission_14",
        "Zoë Ü (79)",
    ]
    (ann, *_) = found.works
    assert [path.parent.name for path in ann.files] == ["submission_13"]  # handed in later than submission_11
    assert ann.handed_in == "2026-10-03T08:00:00+00:00"
    empty = "nothing was handed in"
    assert problems(found) == ({} if group else {'Bob "B" O\'Neill (bob@uni.edu)': empty, "Zoë Ü (79)": empty})


def test_gradescope_without_metadata_goes_by_its_folders(subs: Path):
    found = find(lay(subs, {"submission_1/a.ipynb": notebook(), "submission_2/a.ipynb": notebook()}))
    assert list(names(found)) == ["submission_1", "submission_2"]


@pytest.mark.parametrize("course_folder", [False, True])
def test_nbgrader(subs: Path, course_folder: bool):
    files = {
        "ann/ps1/01-task.ipynb": notebook(),
        "ann/ps1/timestamp.txt": "2026-10-01 09:00:00.000000 UTC",
        "ann/ps1-again/01-task.ipynb": notebook(source="later = 1"),
        "ann/ps1-again/timestamp.txt": "2026-10-02 09:00:00.000000 UTC",
        "bob/ps1/01-task.ipynb": notebook(),
        "bob/ps5/05-fourier.ipynb": notebook("05-fourier"),
    }
    if course_folder:
        files = {f"submitted/{name}": content for name, content in files.items()}
        files |= {"release/ps1/01-task.ipynb": notebook(), "nbgrader_config.py": ""}
    found = find(lay(subs, files))
    assert found.layout == "nbgrader's submitted folder"
    ann, bob = found.works
    assert [path.parent.name for path in ann.files] == ["ps1-again"]
    assert [work.handed_in for work in (ann, bob)] == ["2026-10-02T09:00:00+00:00", ""]
    assert [path.parent.name for path in bob.files] == ["ps1", "ps5"]


@pytest.mark.parametrize(
    ("stamp", "handed_in"),
    [
        ("2026-10-01 09:00:00.5 UTC\n", "2026-10-01T09:00:00+00:00"),
        ("2026-10-01 09:00:00 +0200", "2026-10-01T07:00:00+00:00"),
        ("2026-10-01 09:00:00", "2026-10-01T09:00:00+00:00"),  # as nbgrader reads it
        ("2026-10-01 09:00:00 CEST", ""),  # nobody knows how far from UTC
        ("yesterday", ""),
        ("0001-01-01 00:00:00 UTC", ""),  # students can write this file, too
        ("9999-12-31 23:59:59 UTC", ""),
        ("2026-13-01 09:00:00 UTC", ""),
        ("", ""),
    ],
)
def test_nbgraders_times(subs: Path, stamp: str, handed_in: str):
    (work,) = find(lay(subs, {"ann/ps1/01.ipynb": notebook(), "ann/ps1/timestamp.txt": stamp})).works
    assert work.handed_in == handed_in


# --- Names of files ---


@pytest.mark.parametrize(
    "name", ["01.IPYNB", "Untitled (1).ipynb", "01.ipynb.txt", "01.Ipynb.TXT", "01.ipynb.json", "1.PY"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_notebooks_by_other_names(subs: Path, name: str, packed: bool):
    content = b"def split(): 1" if name == "1.PY" else notebook()
    files = {"ann.zip": zipped({name: content})} if packed else {f"ann/{name}": content}
    found = find(lay(subs, files | {"bob.ipynb.txt": notebook()}))
    assert list(names(found)) == ["ann", "bob"]
    assert problems(found) == {}
    for work in found.works:
        assert "split" in submission.read(work.files[0]).exercises


def test_what_is_left_out_is_said_by_name(subs: Path):
    files = {
        "ann/01.ipynb": notebook(),
        "bob/run.json": "{}",
        "bob/grades/bob.json": "{}",
        "carl.pdf": "",
        "dee.rar": "",
        "policy.toml": "",
    }
    found = find(lay(subs, files))
    assert names(found) == {"ann": ["01.ipynb"]}
    assert found.layout == "a folder per student"
    assert found.notes == (
        "left out, as results of an earlier run: bob",
        "left out, as no student's: carl.pdf, dee.rar, policy.toml",
    )


@pytest.mark.parametrize("layout", ["folders", "files", "zip"])
def test_one_folder_around_a_class(subs: Path, layout: str):
    """As Google Drive has it: the assignment's folder is no student's, whose notebooks would clash."""
    end = ".ipynb" if layout != "folders" else "/01.ipynb"
    files = {f"HW 1/{who}{end}": notebook(source=f"x = '{who}'") for who in ("Ann - 01", "Bob - 01")}
    if layout == "zip":
        (subs / "HW 1-20261120T100000Z-001.zip").write_bytes(zipped(files))
        found = find(subs / "HW 1-20261120T100000Z-001.zip")
    else:
        found = find(lay(subs, files))
    if layout == "files":  # one student's two tries, for all we know
        assert list(problems(found)) == ["HW 1"]
    else:
        assert list(names(found)) == ["Ann - 01", "Bob - 01"]
        assert problems(found) == {}
        assert found.notes == ("all files lie in one folder, HW 1: it is taken for the class, not for a student",)


def test_a_file_beside_two_exports_does_not_hide_them(subs: Path):
    files = {
        "policy.toml": "",
        "week1/leeann_1001_50001_01-task.ipynb": notebook(),
        "week5/leeann_1001_60001_05.ipynb": notebook("05-fourier"),
    }
    found = find(lay(subs, files))
    assert found.layout == "a Canvas export"
    assert {student: len(files) for student, files in names(found).items()} == {"leeann (1001)": 2}
    assert found.notes == ("left out, as no student's: policy.toml",)


# --- Two files ---


def test_two_files_for_one_chapter_are_asked_about(subs: Path):
    found = find(
        lay(subs, {"ann/a.ipynb": notebook(), "ann/b.ipynb": notebook(source="x = 2"), "bob/a.ipynb": notebook()})
    )
    assert problems(found) == {"ann": "a.ipynb and b.ipynb both hold chapter 01-task: which one counts?"}


def test_two_files_for_one_exercise_are_asked_about(subs: Path):
    found = find(lay(subs, {"ann/a.py": "def split(): 1", "ann/b.py": "def split(): 2"}))
    assert problems(found) == {"ann": "a.py and b.py both hold exercise split: which one counts?"}


def test_the_same_file_twice_is_one_file(subs: Path):
    found = find(lay(subs, {"ann/a.ipynb": notebook(), "ann/copy/a.ipynb": notebook()}))
    assert [len(work.files) for work in found.works] == [1]
    assert problems(found) == {}


def test_a_helper_copied_into_another_chapter_is_no_second_answer(subs: Path):
    copied = notebook("05-fourier", "def split(): 1")
    found = find(lay(subs, {"ann/01.ipynb": notebook(source="def split(): 1"), "ann/05.ipynb": copied}))
    assert names(found) == {"ann": ["01.ipynb", "05.ipynb"]}
    assert problems(found) == {}


def test_python_files_beside_the_notebook_do_not_count_against_it(subs: Path):
    found = find(lay(subs, {"ann/01.ipynb": notebook(), "ann/setup.py": "", "ann/lib/tool.py": "import os"}))
    assert names(found) == {"ann": ["01.ipynb"]}


def test_a_broken_notebook_beside_a_sound_one_is_kept_and_told_later(subs: Path):
    assert names(find(lay(subs, {"ann/01.ipynb": notebook(), "ann/05.ipynb": b"{"}))) == {
        "ann": ["01.ipynb", "05.ipynb"]
    }


# --- Zip files ---


@pytest.mark.parametrize("wrapped", ["", "class/", "submissions/"])
def test_a_platforms_zip_file_is_read_as_its_folder(subs: Path, wrapped: str):
    (subs / "class.zip").write_bytes(zipped({wrapped + name: content for name, content in CANVAS.items()}))
    found = find(subs / "class.zip")
    lay(subs / "folder", CANVAS)
    in_folder = find(subs / "folder")
    assert found.layout == in_folder.layout
    assert {work.student: len(work.files) for work in found.works} == {
        work.student: len(work.files) for work in in_folder.works
    }
    unpacked = subs / "unpacked"
    assert all(path.is_relative_to(unpacked) for work in found.works for path in work.files)


def test_exports_in_a_folder_one_for_each_chapter(subs: Path):
    lay(subs, {"week1.zip": zipped({"Ann_7_assignsubmission_file/01.ipynb": notebook()})})
    lay(subs, {"week5.zip": zipped({"Ann_7_assignsubmission_file/05.ipynb": notebook("05-fourier")})})
    assert names(find(subs)) == {"Ann (7)": ["01.ipynb", "05.ipynb"]}


def test_a_zip_file_per_student(subs: Path):
    files = {"01.ipynb": notebook(), "__MACOSX/._01.ipynb": b"\0", "deep/inner.zip": zipped({"05.py": "def dft(): 1"})}
    lay(subs, {"ann.zip": zipped(files), "bob.ipynb": notebook(), "eve.zip": b"PK no zip file"})
    found = find(subs)
    assert names(found) == {"ann": ["01.ipynb"], "bob": ["bob.ipynb"], "eve": []}
    assert problems(found) == {"eve": "eve.zip cannot be unpacked: File is not a zip file"}


@pytest.mark.parametrize(
    "name", ["../../evil.ipynb", "/etc/evil.ipynb", "a/../../evil.ipynb", "C:\\evil.ipynb", "..\\e.ipynb"]
)
def test_names_in_a_zip_file_lead_nowhere(subs: Path, name: str):
    (subs / "class.zip").write_bytes(zipped({"ann.ipynb": notebook(), name: notebook()}))
    before = set(subs.parent.rglob("*"))
    found = find(subs / "class.zip")
    assert names(found) == {"ann": ["ann.ipynb"]}
    assert len(found.notes) == 1
    assert found.notes[0].startswith("left out, as a zip file gives them names that lead out")
    new = set(subs.parent.rglob("*")) - before
    assert all(path.is_relative_to(subs / "unpacked") for path in new)


def test_a_symbolic_link_in_a_zip_file_is_left_out(subs: Path):
    link = zipfile.ZipInfo("eve.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(subs / "class.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("ann.ipynb", notebook())
    found = find(subs / "class.zip")
    assert names(found) == {"ann": ["ann.ipynb"]}
    assert len(found.notes) == 1


def test_a_notebook_that_is_too_large_is_not_unpacked_whole(subs: Path):
    large = b" " * (MAX_FILE + 1000)
    (subs / "class.zip").write_bytes(zipped({"ann.ipynb": large, "bob.ipynb": notebook()}))
    ann, _ = find(subs / "class.zip").works
    assert ann.files[0].stat().st_size == MAX_FILE + 1  # enough to see that it is too large


@pytest.mark.parametrize("deep", [False, True])
def test_a_students_zip_bomb_is_that_students_problem(subs: Path, monkeypatch: pytest.MonkeyPatch, deep: bool):
    monkeypatch.setattr(archive, "MAX_ZIP_FILES", 20)
    monkeypatch.setattr(archive, "MAX_ZIP", 100_000)
    bomb = zipped({f"{n}.ipynb": b" " * 30_000 + b"%d" % n for n in range(10)})
    many = zipped({f"{n}.txt": b"" for n in range(30)})
    if deep:
        bomb, many = zipped({"in.zip": bomb}), zipped({"in.zip": many})
    students = {"ann.ipynb": notebook(), "bomb.zip": bomb, "many.zip": many, "zoe.zip": zipped({"1.ipynb": notebook()})}
    (subs / "class.zip").write_bytes(zipped(students))
    for found in (find(subs / "class.zip"), find_again(lay(subs / "folder", students))):
        works = {work.student: work for work in found.works}
        assert [path.name for name in ("ann", "zoe") for path in works[name].files] == ["ann.ipynb", "1.ipynb"]
        assert "too many files" in works["many"].problem
        assert len(works["bomb"].files) == 3
        assert any(note.startswith("bomb: ") and "it unpacks to too much" in note for note in found.notes)
    assert sum(path.stat().st_size for path in subs.rglob("*") if path.is_file()) < 500_000


def find_again(folder: Path) -> Found:
    (folder.parent / "again").mkdir()
    return find_works(folder, folder.parent / "again")


@pytest.mark.parametrize("prefix", ["leeann_1001_50001_work.zip", "Ann Lee_7_assignsubmission_file/work.zip"])
def test_a_zip_file_that_a_student_uploaded(subs: Path, prefix: str):
    files = {prefix: zipped({"my work/01.ipynb": notebook(), "my work/05.ipynb": notebook("05-fourier")})}
    found = find(lay(subs, files | {prefix.replace("01_", "02_").replace("_7_", "_8_"): b"PK broken"}))
    whole, broken = found.works
    assert [path.name for path in whole.files] == ["01.ipynb", "05.ipynb"]
    assert broken.problem.endswith("work.zip cannot be unpacked: File is not a zip file")


def test_a_zip_file_with_a_password_is_a_problem_and_no_crash(subs: Path):
    content = bytearray(zipped({"01.ipynb": notebook()}))
    for place in (6, content.index(b"PK\x01\x02") + 8):
        content[place] |= 1  # the flag that says encrypted
    found = find(lay(subs, {"ann.zip": bytes(content), "bob.ipynb": notebook()}))
    assert "password" in problems(found)["ann"]


@pytest.mark.parametrize("at", [30, 60, -30])
def test_a_damaged_zip_file_is_a_problem_and_no_crash(subs: Path, at: int):
    content = bytearray(zipped({"01.ipynb": notebook(), "b.txt": "x" * 100}))
    content[at : at + 12] = b"\xff" * 12
    found = find(lay(subs, {"ann.zip": bytes(content), "bob.ipynb": notebook()}))
    assert list(names(found))[-1] == "bob"


# --- Harm ---


@pytest.mark.skipif(os.name == "nt", reason="Windows gives symbolic links to administrators only")
def test_symbolic_links_never_lead_outside(subs: Path):
    secret = lay(subs.parent / "secret", {"01.ipynb": notebook(), "05.ipynb": notebook("05-fourier")})
    lay(subs, {"ann/01.ipynb": notebook(), "eve/05.ipynb": notebook("05-fourier")})
    (subs / "eve" / "01.ipynb").symlink_to(secret / "01.ipynb")
    (subs / "eve" / "all").symlink_to(secret, target_is_directory=True)
    (subs / "mal").symlink_to(subs / "ann", target_is_directory=True)
    (subs / "loop").symlink_to(subs, target_is_directory=True)
    found = find(subs)
    assert names(found) == {"ann": ["01.ipynb"], "eve": ["05.ipynb"]}
    assert found.notes == ("left out, as symbolic links could lead anywhere: loop, mal, eve/01.ipynb, eve/all",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_are_not_opened(subs: Path):
    lay(subs, {"ann/01.ipynb": notebook()})
    os.mkfifo(subs / "ann" / "05.ipynb")
    assert names(find(subs)) == {"ann": ["01.ipynb"]}


@pytest.mark.parametrize(
    "forged",
    [
        "eve/Bob Ray_7_assignsubmission_file_/01.ipynb",
        "eve/bobray_1_2_01.ipynb",
        "eve/submission_metadata.yml",
        "eve/submitted/bob/01.ipynb",
        "eve/../bob/01.ipynb",
    ],
)
def test_nobody_can_hand_in_for_another(subs: Path, forged: str):
    content = zipped({"ann/01.ipynb": notebook(), "bob/01.ipynb": notebook(), forged: notebook(source="forged = 1")})
    (subs / "class.zip").write_bytes(content)
    for work in find(subs / "class.zip").works:
        assert work.student in ("ann", "bob", "eve")
        assert work.student == "eve" or all(b"forged" not in path.read_bytes() for path in work.files)


def test_a_student_cannot_add_a_timestamp_to_win(subs: Path):
    """What decides between two files stands where nbgrader writes it, two levels down, and not in deeper folders."""
    files = {
        "ann/ps/01.ipynb": notebook(),
        "ann/ps/x/01.ipynb": notebook(source="x = 1"),
        "ann/ps/x/timestamp.txt": "2030",
    }
    assert list(problems(find(lay(subs, files)))) == ["ann"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mred", "red"),
        ("gpj.\u202eexe", "gpj.exe"),
        ("a\nb", "a b"),
        ("<script>", "<script>"),  # reports escape it
        ("=1+1", "=1+1"),
    ],
)
def test_names_are_fit_to_be_shown(subs: Path, name: str, shown: str):
    found = find(lay(subs, {f"{name}/01.ipynb": notebook(), "bob/01.ipynb": notebook()}))
    assert shown in names(found)


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="file names are Unicode there")
def test_names_that_are_no_text(subs: Path):
    (subs / os.fsdecode(b"caf\xe9.ipynb")).write_bytes(notebook())
    (work,) = find(subs).works
    assert work.student == "caf\ufffd"
    assert work.files[0].read_bytes() == notebook()


# --- Nothing to grade ---


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "is empty: there is nothing to grade"),
        ({"a.txt": "", "b.csv": ""}, "holds no notebooks"),
        ({"ann/a.pdf": "", "bob/": ""}, "holds no notebooks"),
        ({".hidden.ipynb": ""}, "is empty"),
    ],
)
def test_nothing_to_grade_is_one_sentence(subs: Path, files: dict[str, str], says: str):
    with pytest.raises(ClassroomError, match=says):
        find(lay(subs, files))


def test_what_is_no_folder_is_one_sentence(subs: Path):
    with pytest.raises(ClassroomError, match="does not exist"):
        find(subs / "nowhere")
    lay(subs, {"a.txt": "text", "b.zip": "text"})
    for name in ("a.txt", "b.zip"):
        with pytest.raises(ClassroomError, match="is neither a folder nor a zip file"):
            find(subs / name)


def test_an_unreadable_folder_is_one_sentence(subs: Path, monkeypatch: pytest.MonkeyPatch):
    lay(subs, {"ann/01.ipynb": notebook()})

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    with pytest.raises(ClassroomError, match="cannot be read or unpacked: Permission denied"):
        find(subs)


def test_a_folder_that_one_student_closed_is_that_students_problem(subs: Path, monkeypatch: pytest.MonkeyPatch):
    lay(
        subs, {"ann/01.ipynb": notebook(), "eve/01.ipynb": notebook(), "zoe/01.ipynb": notebook(), "zoe/x/05.ipynb": ""}
    )
    scan = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith(("eve", "x")):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    found = find(subs)
    assert names(found) == {"ann": ["01.ipynb"], "eve": [], "zoe": ["01.ipynb"]}
    assert problems(found) == {"eve": "eve cannot be read: Permission denied"}
    assert "zoe: x cannot be read: Permission denied" in found.notes


def test_far_too_many_files_are_no_class(subs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entries, "MAX_FILES", 5)
    with pytest.raises(ClassroomError, match="more than 5 files: is it the right one"):
        find(lay(subs, {f"{n}.ipynb": notebook() for n in range(6)}))


def test_far_too_many_files_of_one_student_are_a_problem(subs: Path):
    found = find(lay(subs, {f"eve/{n}.py": f"split = {n}" for n in range(51)} | {"ann/01.ipynb": notebook()}))
    assert problems(found) == {"eve": "51 notebooks and Python files were handed in: which ones count?"}


def test_works_are_in_the_order_of_names(subs: Path):
    found = find(lay(subs, {f"{name}.ipynb": notebook() for name in ("b", "A", "c")}))
    assert found.works == tuple(Work(name, (subs / f"{name}.ipynb",)) for name in ("A", "b", "c"))


# --- One student's files decide about that student only ---


HONEST = {"anna": "a = 1", "ben": "b = 2", "cleo": "c = 3"}
"""Students of a class, and what tells their work apart."""


def stamped(student: str) -> bytes:
    return notebook(source=HONEST[student])


def packed(layout: str, theirs: dict[str, bytes | str], anna: str = "01-task.ipynb") -> dict[str, bytes | str]:
    """A class in which ``eve`` hands in these files; the others one notebook each."""
    files: dict[str, bytes | str] = {}
    for who in (*HONEST, "eve"):
        own = theirs if who == "eve" else {anna if who == "anna" else "01-task.ipynb": stamped(who)}
        number = 1001 + len(files)
        match layout:
            case "folders":
                files |= {f"{who}/{name}": content for name, content in own.items()}
            case "folders, each file by name":
                own = own if who == "eve" else {f"{who}.ipynb": stamped(who)}
                files |= {f"{who}/{name}": content for name, content in own.items()}
            case "zips":
                files[f"{who}.zip"] = zipped(own)
            case "Moodle folders":
                files |= {f"{who}_{number}_assignsubmission_file/{name}": content for name, content in own.items()}
            case "Moodle zips":
                files[f"{who}_{number}_assignsubmission_file/work.zip"] = zipped(own)
            case "Canvas zips":
                files[f"{who}_{number}_{number + 900}_work.zip"] = zipped(own)
            case "Gradescope":
                files |= {f"submission_{number}/{name}": content for name, content in own.items()}
                people = f"submission_{number}:\n  :submitters:\n  - :name: {who}\n    :email: {who}@uni.edu\n"
                files["submission_metadata.yml"] = str(files.get("submission_metadata.yml", "---\n")) + people
            case "nbgrader":
                files |= {f"{who}/ps1/{name}": content for name, content in own.items()}
                files[f"{who}/ps1/timestamp.txt"] = "2026-10-01 09:00:00 UTC"
            case "Brightspace":
                files |= {f"{number}-77 - {who} - Sep 24, 2026 926 PM/{name}": text for name, text in own.items()}
    return files


PLACES = ["folders", "folders, each file by name", "zips", "Moodle folders", "Moodle zips", "Canvas zips", "Gradescope"]
PLACES += ["nbgrader", "Brightspace"]
TAKEOVER = "".join(
    f"{name}:\n  :submitters:\n  - :name: {who}\n    :email: {who}@uni.edu\n  :created_at: 2030-01-01 00:00:00 Z\n"
    for name, who in [
        *[(f"{who}.ipynb", "eve") for who in HONEST],
        *[(who, "eve") for who in HONEST],
        ("eve.ipynb", "anna"),
        ("eve", "anna"),
        ("submission_1", "anna"),
        ("01-task.ipynb", "eve"),
    ]
)
FORGERIES = {
    "metadata": {"submission_metadata.yml": TAKEOVER, "eve.ipynb": notebook(source="forged = 1")},
    "Gradescope's folders": {
        "submission_metadata.yml": TAKEOVER,
        "submission_1/01-task.ipynb": notebook(source="forged = 1"),
    },
    "Moodle's names": {"anna_1001_assignsubmission_file/01-task.ipynb": notebook(source="forged = 1")},
    "Moodle's names in one": {"anna_1001_assignsubmission_file_01-task.ipynb": notebook(source="forged = 1")},
    "Canvas' names": {"anna_1001_1901_01-task.ipynb": notebook(source="forged = 1")},
    "Blackboard's names": {"hw_anna_attempt_2030-01-01-00-00-00_01-task.ipynb": notebook(source="forged = 1")},
    "Brightspace's names": {"1001-77 - anna - Sep 25, 2026 926 PM/01-task.ipynb": notebook(source="forged = 1")},
    "nbgrader's stamps": {
        "anna/ps1/01-task.ipynb": notebook(source="forged = 1"),
        "anna/ps1/timestamp.txt": "2030-01-01 00:00:00 UTC",
        "submitted/anna/ps1/01-task.ipynb": notebook(source="forged = 1"),
    },
    "results": {
        "run.json": "{}",
        "grades/anna.json": "{}",
        "grades/run.json": "{}",
        "01-task.ipynb": notebook(source="forged = 1"),
    },
    "very many": {f"week {n}/anna_1001_{n}_01-task.ipynb": notebook(source=f"forged = {n}") for n in range(40)},
    "their folders": {f"{who}/01-task.ipynb": notebook(source="forged = 1") for who in HONEST},
}


@functools.cache
def honest(layout: str) -> tuple[str, dict[str, str]]:
    """The layout of a class in which nobody forges anything, and when each student's work came in."""
    with tempfile.TemporaryDirectory() as folder:
        alone = find(lay(Path(folder) / "alone", packed(layout, {"01-task.ipynb": notebook(source="forged = 1")})))
        return alone.layout, {work.student: work.handed_in for work in alone.works}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.parametrize("layout", PLACES)
def test_whatever_a_student_hands_in_the_others_keep_theirs(subs: Path, layout: str, forgery: str):
    found = find(lay(subs / "class", packed(layout, FORGERIES[forgery])))
    # nobody else is there, and nobody is earlier or later for it
    assert (found.layout, {work.student: work.handed_in for work in found.works}) == honest(layout)
    for work in found.works:
        content = b"".join(path.read_bytes() for path in work.files)
        if work.student.startswith("eve"):
            assert not any(text.encode() in content for text in HONEST.values())
            assert work.problem or b"forged" in content
        else:
            who = next(name for name in HONEST if work.student.startswith(name))
            assert HONEST[who].encode() in content
            assert b"forged" not in content
            assert work.problem == ""


def test_a_takeover_is_named_in_the_report(subs: Path):
    found = find(lay(subs, packed("folders, each file by name", FORGERIES["metadata"])))
    assert found.notes == (
        "looks like a platform's, but lies where students write, and is ignored: eve/submission_metadata.yml",
    )


@pytest.mark.parametrize("name", ["submitted", "submission_metadata.yml", "index.html", "run.json", "timestamp.txt"])
def test_a_loose_file_changes_nothing_for_the_others(subs: Path, name: str):
    """Of a folder that students upload into themselves."""
    found = find(lay(subs, {f"{who}.ipynb": stamped(who) for who in HONEST} | {name: TAKEOVER}))
    assert found.layout == "a file per student"
    assert list(names(found)) == list(HONEST)
    assert found.notes == (f"left out, as no student's: {name}",)


def test_a_folder_called_submitted_does_not_hide_the_others(subs: Path):
    files = {f"{who}/01.ipynb": stamped(who) for who in HONEST} | {"submitted/eve/01.ipynb": notebook()}
    found = find(lay(subs, files))
    assert list(names(found)) == [*HONEST, "submitted"]
    assert "there is a folder submitted, but work lies beside it" in found.notes[0]


def test_names_of_a_course_are_no_canvas_export(subs: Path):
    """Everybody keeps the names in which the notebooks were handed out, and these have numbers in them."""
    files = {f"{who}/week_1_01_task.ipynb": stamped(who) for who in HONEST}
    files |= {f"{who}/week_5_05_fourier.ipynb": notebook("05-fourier") for who in HONEST}
    found = find(lay(subs, files))
    assert found.layout == "a folder per student"
    assert {student: len(files) for student, files in names(found).items()} == dict.fromkeys(HONEST, 2)


def test_results_that_hold_work_are_work(subs: Path):
    files = {"ann/01.ipynb": notebook(), "bob/run.json": "{}", "bob/grades/x.json": "{}", "bob/01.ipynb": notebook()}
    found = find(lay(subs, files))
    assert names(found) == {"ann": ["01.ipynb"], "bob": ["01.ipynb"]}
    assert found.notes == ("looks like results of an earlier run, but holds work, and is taken for a student's: bob",)


def test_canvas_in_groups(subs: Path):
    """One upload, and a file of it for each member."""
    files = {
        "mullersanna_4711_900_01-task.ipynb": notebook(source="group = 1"),
        "schmidtben_4712_900_01-task.ipynb": notebook(source="group = 1"),
        "leecleo_4713_901_01-task.ipynb": notebook(),
    }
    found = find(lay(subs, files))
    assert found.layout == "a Canvas export"
    assert list(names(found)) == ["leecleo (4713)", "mullersanna (4711)", "schmidtben (4712)"]
    assert problems(found) == {}


BRIGHTSPACE = {
    "397063-2557369 - Mary-Ann O'Smith - Sep 24, 2026 926 PM/01-task.ipynb": notebook(),
    "397063-2557369 - Mary-Ann O'Smith - Sep 25, 2026 1201 AM/01-task.ipynb": notebook(source="later = 1"),
    "397064-2557369 - Zoë - d'Arc - Sep 4, 2026 1210 PM/work/01-task.ipynb": notebook(),
    "397065-2557369 - Zoë - d'Arc - Sep 4, 2026 9:05 AM/05.ipynb": notebook("05-fourier"),
    "index.html": "<p>",
}


@pytest.mark.parametrize("wrapped", ["", "HW 1 Download Sep 26, 2026 100 PM/"])
@pytest.mark.parametrize("as_zip", [False, True])
def test_brightspace(subs: Path, wrapped: str, as_zip: bool):
    files = {wrapped + name: content for name, content in BRIGHTSPACE.items()}
    if as_zip:
        files = {"download.zip": zipped(files)}
    found = find(lay(subs, files) / "download.zip" if as_zip else lay(subs, files))
    assert found.layout == "a Brightspace export"
    mary, zoe, other = found.works
    assert [work.student for work in found.works] == [
        "Mary-Ann O'Smith (397063)",
        "Zoë - d'Arc (397064)",
        "Zoë - d'Arc (397065)",
    ]
    assert [work.handed_in for work in found.works] == [
        "2026-09-25T00:01:00",
        "2026-09-04T12:10:00",
        "2026-09-04T09:05:00",
    ]
    assert b"later" in mary.files[0].read_bytes()
    assert len(mary.files) == len(zoe.files) == len(other.files) == 1


def test_brightspaces_prefixes(subs: Path):
    files = {
        "12-77 - Ann Lee- Oct 2, 2026 910 PM - 01 - task.ipynb": notebook(),
        "13-77 - Bob - Oct 2, 2026 911 PM - 05.ipynb": notebook("05-fourier"),
    }
    assert names(find(lay(subs, files))) == {"Ann Lee (12)": [next(iter(files))], "Bob (13)": [list(files)[1]]}


# --- Zip files that mean harm, or are damaged ---


def compressed(files: dict[str, bytes], method: int) -> bytearray:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return bytearray(content.getvalue())


def bz2_bomb(inside: int = 3) -> bytes:
    """A small file whose members unpack to gigabytes each, if one lets them."""
    import bz2
    import zlib

    data = bz2.compress(b"\0" * (200 * 2**20)) * 1
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for number in range(inside):
            archive.writestr(f"{number}.ipynb", data)
    raw = bytearray(content.getvalue())
    for start in [place for place in range(len(raw)) if raw[place : place + 4] == b"PK\x03\x04"]:
        raw[start + 8 : start + 10] = (12).to_bytes(2, "little")
        raw[start + 22 : start + 26] = (200 * 2**20).to_bytes(4, "little")
    for start in [place for place in range(len(raw)) if raw[place : place + 4] == b"PK\x01\x02"]:
        raw[start + 10 : start + 12] = (12).to_bytes(2, "little")
        raw[start + 24 : start + 28] = (200 * 2**20).to_bytes(4, "little")
    assert zlib
    return bytes(raw)


def damaged(method: int) -> bytes:
    """The compressed data are not what they should be."""
    content = compressed({"01.ipynb": os.urandom(4000) + notebook()}, method)
    start = 30 + len("01.ipynb")
    content[start + 20 : start + 900] = os.urandom(880)
    return bytes(content)


def overlapping(count: int) -> bytes:
    """Many members that are all the same bytes of the file."""
    content = compressed({"00000.ipynb": b" " * 2**20}, zipfile.ZIP_DEFLATED)
    start = content.index(b"PK\x01\x02")
    end = content.index(b"PK\x05\x06")
    central = b"".join(
        bytes(content[start:end]).replace(b"00000.ipynb", f"{n:05}.ipynb".encode()) for n in range(count)
    )
    tail = bytearray(content[end:])
    tail[8:12] = count.to_bytes(2, "little") * 2
    tail[12:16] = len(central).to_bytes(4, "little")
    return bytes(content[:start]) + central + bytes(tail)


def with_field(content: bytearray, signature: bytes, at: int, value: bytes) -> bytes:
    start = content.index(signature) + at
    content[start : start + len(value)] = value
    return bytes(content)


def sound() -> bytearray:
    return compressed({"01.ipynb": notebook()}, zipfile.ZIP_DEFLATED)


CENTRAL, END = b"PK\x01\x02", b"PK\x05\x06"
HARMFUL = {
    "bz2 damaged": lambda: damaged(zipfile.ZIP_BZIP2),
    "lzma damaged": lambda: damaged(zipfile.ZIP_LZMA),
    "deflate damaged": lambda: damaged(zipfile.ZIP_DEFLATED),
    "bz2 bomb": bz2_bomb,
    "overlapping": lambda: overlapping(500),
    "lzma with a huge dictionary": lambda: with_field(
        compressed({"01.ipynb": notebook()}, zipfile.ZIP_LZMA), b"]\x00\x00", 1, b"\xff\xff\xff\xff"
    ),
    "a method that there is not": lambda: with_field(sound(), CENTRAL, 10, b"\x63\x00"),
    "an offset beyond the end": lambda: with_field(sound(), CENTRAL, 42, b"\xff\xff\xff\x7f"),
    "a size that is not true": lambda: with_field(sound(), CENTRAL, 24, b"\xff\xff\xff\x7f"),
    "a compressed size that is not true": lambda: with_field(sound(), CENTRAL, 20, b"\xff\xff\xff\x7f"),
    "a wrong checksum": lambda: with_field(sound(), CENTRAL, 16, b"\1\2\3\4"),
    "a newer version": lambda: with_field(sound(), CENTRAL, 6, b"\xff\x00"),
    "zip64 that is none": lambda: with_field(sound(), CENTRAL, 24, b"\xff\xff\xff\xff"),
    "a central directory elsewhere": lambda: with_field(sound(), END, 16, b"\xff\xff\xff\x7f"),
    "a central directory that is too long": lambda: with_field(sound(), END, 12, b"\xff\xff\xff\x7f"),
    "no date": lambda: with_field(sound(), CENTRAL, 12, b"\xff\xff\xff\xff"),
    "UTF-8 that is none": lambda: with_field(with_bytes(sound(), CENTRAL, 8, b"\0\x08"), CENTRAL, 46, b"\xff\xfe"),
    "a name like another's file": lambda: zipped({"../anna.zip": b"", "/anna.zip": b"", "anna.zip": notebook()}),
    "a name of combining marks": lambda: zipped({"\u0301" * 15_000 + "\u0316" * 15_000 + ".ipynb": notebook()}),
    "folders in folders": lambda: zipped({"a/" * 30_000 + "01.ipynb": notebook()}),
    "very many files": lambda: zipped({f"{n}.txt": "" for n in range(20_000)}),
    "very many notebooks": lambda: zipped({f"{n}.ipynb": notebook(source=f"x = {n}") for n in range(2_000)}),
    "zip in zip in zip": lambda: zipped({"1.zip": zipped({"2.zip": zipped({"3.zip": zipped({"4.ipynb": b"{"})})})}),
    "empty": lambda: b"",
    "no members": lambda: zipped({}),
    "nothing but zeros": lambda: b"\0" * 1000,
}


def with_bytes(content: bytearray, signature: bytes, at: int, value: bytes) -> bytearray:
    return bytearray(with_field(content, signature, at, value))


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARMFUL)
def test_a_harmful_zip_file_costs_only_whose_it_is(subs: Path, harm: str):
    content = HARMFUL[harm]()
    students = {f"{who}.zip": zipped({"01-task.ipynb": stamped(who)}) for who in HONEST}
    students["ed.zip"] = content  # in between, by name
    (subs / "class.zip").write_bytes(zipped(students))
    for found in (find(lay(subs / "folder", students)), find_again(subs / "class.zip")):
        works = {work.student: work for work in found.works}
        assert set(works) == {*HONEST, "ed"}
        for who, told in HONEST.items():
            assert works[who].problem == ""
            assert told.encode() in b"".join(path.read_bytes() for path in works[who].files)
        assert works["ed"].files or works["ed"].problem
    assert sum(path.stat().st_size for path in subs.rglob("*") if path.is_file()) < 2**30


@pytest.mark.parametrize(
    "content", [b"[" * 10_000_000, b"[" + b"{}," * 6_900_000 + b"{}]", b'{"a":' * 3_000_000, b"\0" * 2**20]
)
def test_a_notebook_that_is_hard_to_read_costs_only_whose_it_is(subs: Path, content: bytes):
    files = {f"{who}/{n}.ipynb": notebook(c) for who in HONEST for n, c in enumerate(("01-task", "05-fourier"))}
    files |= {"ed/1.ipynb": content, "ed/2.ipynb": content + b" ", "ed/3.ipynb": notebook()}
    works = {work.student: work for work in find(lay(subs, files)).works}
    assert all(len(works[who].files) == 2 and not works[who].problem for who in HONEST)
    assert len(works["ed"].files) == 3  # what cannot be read is told when it is graded


def test_a_reader_that_dies_is_replaced(subs: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever kills it: here every look at a file called die.py."""
    start = archive.Opener._ask

    def ask(self: archive.Opener, accounts: archive.Accounts, *question: object) -> object:
        if question[0] == "look" and str(question[1]).endswith("die.py"):
            (self._process or self._start()).kill()
        return start(self, accounts, *question)

    monkeypatch.setattr(archive.Opener, "_ask", ask)
    files = {f"{who}/{n}.ipynb": notebook(c) for who in HONEST for n, c in enumerate(("01-task", "05-fourier"))}
    files |= {"bea/die.py": "def split(): 1", "bea/1.py": "def split(): 2"}
    works = {work.student: work for work in find(lay(subs, files)).works}
    assert all(len(works[who].files) == 2 for who in HONEST)
    assert [path.name for path in works["bea"].files] == ["1.py"]


def test_a_reader_that_takes_too_long_is_replaced(subs: Path, monkeypatch: pytest.MonkeyPatch):
    """A question that is never answered costs its own student's seconds, and nobody else's."""
    from grokcourse.autograder.intake.archive import Account, Opener, OpenError

    lay(subs, {"a.py": "def split(): 1"})
    mine, yours = Account(seconds=0.2), Account()
    with Opener() as opener:
        opener.look(subs / "a.py", (yours,))
        assert opener._process
        os.kill(opener._process.pid, 19)  # it stands still
        with pytest.raises(OpenError, match="takes longer to read"):
            opener.look(subs / "a.py", (mine,))
        assert opener.look(subs / "a.py", (yours,))[2] == ["split"]
        with pytest.raises(OpenError, match="takes longer to read"):
            opener.look(subs / "a.py", (mine,))


def test_one_students_files_do_not_use_up_the_others_room(subs: Path, monkeypatch: pytest.MonkeyPatch):
    """In a zip file of all: uploads of one student's that unpack to much more than anybody may."""
    monkeypatch.setattr(archive, "MAX_ZIP", 2**20)
    files = {f"aeve_1001_{2000 + n}_{n}.ipynb": b" " * 2**19 + b"%d" % n for n in range(30)}
    files |= {f"{who}_{n}_{n + 5000}_01-task.ipynb": stamped(who) for n, who in enumerate(HONEST, start=1002)}
    (subs / "class.zip").write_bytes(zipped(files))
    works = {work.student.split()[0]: work for work in find(subs / "class.zip").works}
    assert all(works[who].problem == "" for who in HONEST)
    assert len(works["aeve"].files) < 5


def test_very_many_files_of_one_student_are_that_students_problem(subs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entries, "MAX_FILES", 100)
    files = {f"{who}/01.ipynb": stamped(who) for who in HONEST}
    files |= {f"eve/{n % 7}/{n}.{end}": f"x = {n}" for n in range(300) for end in ("py", "txt")}
    found = find(lay(subs, files))
    assert set(problems(found)) == {"eve"}
    assert list(names(found)) == [*HONEST, "eve"]


def test_folders_that_lie_very_deep_are_that_students_problem(subs: Path):
    files = {f"{who}/01.ipynb": stamped(who) for who in HONEST}
    files["eve/" + "d/" * 300 + "01.ipynb"] = notebook()
    found = find(lay(subs, files))
    assert problems(found) == {"eve": "d lies too deep in folders"}


# --- Names ---


def test_long_names_are_cut_and_stay_different(subs: Path):
    marks = "\u0301" * 15_000 + "\u0316" * 15_000
    files = {f"a{marks}{n}.ipynb": notebook(source=f"x = {n}") for n in range(3)}
    (subs / "class.zip").write_bytes(zipped(files | {"bob.ipynb": notebook()}))
    found = find(subs / "class.zip")
    assert len(found.works) == 4
    assert len({work.student for work in found.works}) == 4
    assert all(len(work.student) <= 100 and not work.problem for work in found.works)


TWINS = ["anna", "anna\u200b", "an\u00adna", "anna\u2060", "anna\ufe0f", "anna\u200e", "anna\u3164", "\u202eanna\u202c"]
TWINS += ["anna\x01", "anna\x02", "anna\ufeff", "anna\U000e0101", "anna\u034f"]


@pytest.mark.parametrize("layout", ["folders", "files", "zip"])
def test_names_that_look_the_same_stay_two_students(subs: Path, layout: str):
    names_of = {f"{name}/01.ipynb" if layout == "folders" else f"{name}.ipynb": name for name in TWINS}
    files = {file: notebook(source=f"whose = {TWINS.index(name)}") for file, name in names_of.items()}
    if layout == "zip":
        (subs / "class.zip").write_bytes(zipped(files))
        found = find(subs / "class.zip")
    else:
        found = find(lay(subs, files))
    assert problems(found) == {}
    assert len(found.works) == len(TWINS)
    assert len({"".join(c for c in work.student if c.isprintable()) for work in found.works}) == len(TWINS)
    assert "anna" in names(found)  # hers is as she writes it
    assert "anna⟨U+200B⟩" in names(found)


@pytest.mark.skipif(os.uname().sysname == "Darwin", reason="file names are normalised there")
def test_names_in_two_normal_forms_are_two_students_side_by_side_and_one_in_two_exports(subs: Path):
    one, two = "Zo\u00eb", "Zoe\u0308"
    found = find(lay(subs / "beside", {f"{one}/01.ipynb": notebook(), f"{two}/01.ipynb": notebook(source="x = 1")}))
    assert (len(found.works), problems(found)) == (2, {})
    files = {
        f"week1/{one}_7_assignsubmission_file/01.ipynb": notebook(),
        f"week5/{two}_7_assignsubmission_file/05.ipynb": notebook("05-fourier"),
    }
    assert names(find_again(lay(subs / "weeks", files))) == {f"{one} (7)": ["01.ipynb", "05.ipynb"]}


def test_a_helper_module_is_kept_beside(subs: Path):
    files = {"ann/01.ipynb": notebook(), "ann/my_helpers.py": "def double(x): return 2 * x", "bob/01.ipynb": notebook()}
    ann, bob = find(lay(subs, files)).works
    assert [path.name for path in ann.helpers] == ["my_helpers.py"]
    assert bob.helpers == ()
