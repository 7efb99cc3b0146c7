"""The API page: the package's docstrings, as Sphinx's autodoc reads them, turned into what the page shows."""

import dataclasses
import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

LITERAL_OR_BAR = re.compile(r"(``.*?``)|\|", re.DOTALL)


class Docstring(GoogleDocstring):
    """A docstring as ours are: in Google's style, with types in the signature alone.

    Napoleon would take what stands before the first colon of a return value for its type.
    """

    def _consume_returns_section(self, preprocess_types: bool = False) -> list[tuple[str, str, list[str]]]:
        return [("", "", self._dedent(self._consume_to_next_section()))]


def setup(app: Sphinx) -> None:
    """Connect the page to autodoc."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", convert)


def convert(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring's sections into fields, in place, and add what each hyperparameter means.

    A bar in a docstring is a bar, and begins no substitution.
    """
    if what == "class" and dataclasses.is_dataclass(thing):
        meanings = {field.name: field.metadata.get("meaning") for field in dataclasses.fields(thing)}
        told = [f"    {field}: {meaning}" for field, meaning in meanings.items() if meaning]
        lines += ["", "Args:", *told] if told else []
    text = LITERAL_OR_BAR.sub(lambda found: found[1] or r"\|", "\n".join(lines))
    kind = "function" if what in ("attribute", "data", "property") else what  # of an attribute it would keep less
    config: Any = Config(napoleon_use_rtype=False)
    lines[:] = Docstring(text, config, app, kind, name, thing, options).lines()
