"""Writing a file whole or not at all."""

import errno
import os
import uuid
from pathlib import Path

from ..records import ReportError


def write_whole(path: Path, content: str) -> None:
    """Write a text file in UTF-8 under another name, and give it its own when it is on the disk.

    Raises:
        ReportError: if it cannot be written; what stood there before stands there still.
    """
    fresh = path.with_name(f".{uuid.uuid4().hex[:12]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with fresh.open("wb") as file:
                file.write(content.encode())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {_why(error)}") from error


def _why(error: OSError) -> str:
    full = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your disk quota is used up"}
    closed = dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "its folder may not be written to")
    blocked = dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "there is a file where its folder should be")
    blocked[errno.EISDIR] = "there is a folder of that name"
    return (full | closed | blocked).get(error.errno or 0, error.strerror or str(error))
