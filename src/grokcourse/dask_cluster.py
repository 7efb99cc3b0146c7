"""A connection to a Dask cluster whose workers have this version of the package (extra ``cluster``)."""

import contextlib
from asyncio import CancelledError
from collections.abc import Iterator

from distributed import Client

from . import __version__

CONNECT_SECONDS = 30
"""How long to wait for the scheduler, and for a first worker."""
GONE = "the connection to the Dask scheduler is lost, or it has cancelled the tasks"


class ClusterError(RuntimeError):
    """There is no cluster to work with, or it is gone; the message says why in one sentence."""


def connect(address: str, seconds: float = CONNECT_SECONDS) -> Client:
    """A client of the scheduler at an address, ``tcp://HOST:8786``; whoever gets it closes it.

    Raises:
        ClusterError: if the scheduler does not answer, has no workers, or they have another version of grokcourse.
    """
    try:
        client = Client(address, timeout=seconds, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"there is no Dask scheduler at {address}: {error}") from error
    try:
        client.wait_for_workers(1, timeout=seconds)
        for worker, version in client.run(_version).items():
            if version != __version__:
                raise ClusterError(f"worker {worker} has grokcourse {version}, but here it is {__version__}")
    except TimeoutError:
        client.close()
        raise ClusterError(f"the Dask scheduler at {address} has no workers") from None
    except ClusterError:
        client.close()
        raise
    except Exception as error:  # whatever a worker without grokcourse raises
        client.close()
        raise ClusterError(f"the workers cannot be used: {type(error).__name__}: {error}") from error
    return client


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """Whatever is raised when the scheduler is gone becomes a ``ClusterError``."""
    try:
        yield
    except (OSError, CancelledError, TimeoutError) as error:
        raise ClusterError(GONE) from error


def _version() -> str:
    return __version__
