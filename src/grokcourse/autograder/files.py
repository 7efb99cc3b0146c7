"""Writing a file whole or not at all, or saying why that cannot be."""

import errno
from pathlib import Path

from .. import storage
from .records import ReportError


def write_whole(path: Path, content: str) -> None:
    """Write a text file in UTF-8, and its folder if need be.

    Raises:
        ReportError: if it cannot be written; what stood there before stands there still.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.write_whole(path, content.encode())
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {_why(error)}") from error


def _why(error: OSError) -> str:
    full = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "your disk quota is used up"}
    closed = dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "its folder may not be written to")
    blocked = dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "there is a file where its folder should be")
    blocked[errno.EISDIR] = "there is a folder of that name"
    return (full | closed | blocked).get(error.errno or 0, error.strerror or str(error))
