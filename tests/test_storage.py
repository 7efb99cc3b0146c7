"""Files that are there whole or not at all."""

import errno
import hashlib
import os

import numpy as np
import pytest
from safetensors.numpy import load, save

from grokcourse import storage


@pytest.fixture
def full_disk(monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


def test_a_file_takes_the_place_of_the_one_before(tmp_path):
    for content in (b"one", b"another", b""):
        storage.write_whole(tmp_path / "file", content)
        assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", content)]


def test_the_longest_name_that_a_file_can_have_is_possible(tmp_path):
    storage.write_whole(tmp_path / ("x" * 255), b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["x" * 255]


@pytest.mark.usefixtures("full_disk")
def test_on_a_full_disk_all_stays_as_it_is(tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(OSError, match="No space"):
        storage.write_whole(tmp_path / "file", b"after")
    with pytest.raises(OSError, match="No space"):
        storage.write_folder(tmp_path / "folder", {"a": b"1"})
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"before")]


def test_a_folder_is_there_with_all_its_files_and_never_in_the_place_of_another(tmp_path):
    storage.write_folder(tmp_path / "deep" / "folder", {"a": b"1", "b": b"2"})
    with pytest.raises(OSError, match="not empty"):
        storage.write_folder(tmp_path / "deep" / "folder", {"c": b"3"})
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"deep/folder/a": b"1", "deep/folder/b": b"2"}


def test_what_a_safetensors_file_says_of_itself():
    arrays = {"a": np.arange(3)}
    assert storage.metadata(save(arrays, {"format": "x", "é": "1"})) == {"format": "x", "é": "1"}
    assert storage.metadata(save(arrays)) == {}
    for content in (b"", b"\x05", b"{}", save(arrays)[:20]):
        with pytest.raises(ValueError, match=r"."):
            storage.metadata(content)


def test_digests_tell_names_dtypes_shapes_and_values_apart():
    assert storage.sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()
    arrays = {"a": np.arange(6.0), "b": np.ones((2, 3))}
    same = storage.arrays_digest(arrays, "text")
    assert storage.arrays_digest(load(save(dict(reversed(arrays.items())))), "text") == same
    others = [
        storage.arrays_digest(arrays, "other"),
        storage.arrays_digest({"a": arrays["b"], "b": arrays["a"]}, "text"),
        storage.arrays_digest(arrays | {"a": np.arange(6)}, "text"),
        storage.arrays_digest(arrays | {"b": np.ones((3, 2))}, "text"),
        storage.arrays_digest(arrays | {"b": np.zeros((2, 3))}, "text"),
    ]
    assert len({same, *others}) == 6
