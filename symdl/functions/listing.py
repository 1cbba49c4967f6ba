"""The function table as a page: ``python -m symdl.functions.listing`` writes docs/functions.md."""

from __future__ import annotations

import sympy as sp

from symdl.functions import TABLE
from symdl.functions.described import described
from symdl.functions.entry import Elementwise

_HEAD = """# The functions of symdl

Every elementwise function, generated from the one table (`symdl/functions/`) by `python -m symdl.functions.listing`; a test holds this page to it.
Derivatives are by the first argument, then by each parameter. A parameter's value behind its name is taken when none is given.

| function | is | derivative | at kinks: value; derivative |
|---|---|---|---|
"""


def markdown() -> str:
    """The page."""
    return _HEAD + "".join(_row(entry) for entry in TABLE.values())


def _row(entry: Elementwise) -> str:
    said = described(entry)
    definition = _math(said.definition) if said.definition is not None else f"${entry.latex}$"
    if entry.domain:
        definition += f" for ${entry.domain.replace('>=', chr(92) + 'ge')}$"
    slopes = "; ".join(map(_math, said.slopes))
    kinks = "<br>".join(f"{_plain(k.at)}: {_plain(k.value)}; {_plain(k.derivative)}" for k in said.kinks)
    return f"| `{entry.name}({', '.join(said.arguments)})` | {definition} | {slopes} | {kinks} |\n"


def _math(value: sp.Expr) -> str:
    text = sp.latex(sp.sympify(value))
    return "$" + text.replace(r"\left|", r"\left\lvert ").replace(r"\right|", r"\right\rvert ").replace("|", r"\vert ") + "$"


def _plain(value: float | str) -> str:
    return (f"{value:g}" if isinstance(value, float) else value).replace("|", "\\|")


if __name__ == "__main__":
    print(markdown(), end="")
