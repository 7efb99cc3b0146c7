"""What a chapter measures, by name, for its prose."""

from typing import Any

from myst_nb import glue


def numbers(prefix: str = "", /, **values: Any) -> None:
    """Keep values for ``{glue:text}`` in the prose, and show nothing.

    Args:
        prefix: what their keys begin with: ``numbers("c", n_key=5)`` keeps 5 as ``c-n-key``.
        values: by name, with ``_`` for the ``-`` of the key: numbers, or text.
    """
    for name, value in values.items():
        glue("-".join(filter(None, [prefix, name.replace("_", "-")])), value, display=False)
