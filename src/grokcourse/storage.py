"""Files that are on the disk whole or not at all, and what safetensors files say of themselves."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, and move it there when it is on the disk.

    Raises:
        OSError: if it cannot be written; what stood there before stands there still.
    """
    fresh = _beside(path)
    try:
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files beside its place, and move it there when all of them are on the disk.

    Raises:
        OSError: if it cannot be written, or a folder with something in it stands there; that stays as it is.
    """
    fresh = _beside(folder)
    try:
        fresh.mkdir(parents=True)
        for name, content in files.items():
            write_whole(fresh / name, content)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def sha256(content: bytes) -> str:
    """A content's digest, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def arrays_digest(arrays: Mapping[str, np.ndarray], text: str) -> str:
    """The SHA-256 of a text and of arrays: their names, dtypes, shapes and values, in whatever order they come."""
    digest = hashlib.sha256(text.encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def metadata(content: bytes) -> dict[str, str]:
    """What a safetensors file says of itself, which the library does not give of bytes.

    Raises:
        ValueError: if it is no such file.
    """
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return dict(header.get("__metadata__", {}))


def _beside(path: Path) -> Path:
    """A name that nobody else uses, and that is not longer than a file's name may be."""
    return path.with_name(f".{uuid.uuid4().hex[:12]}.part")
