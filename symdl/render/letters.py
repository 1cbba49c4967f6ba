"""Names as a textbook writes them: W1 is a layer's W, theta a Greek letter, dC_dz a derivative."""

from __future__ import annotations

import re
from typing import NamedTuple

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)

_DERIVATIVE = re.compile(r"d([^\W_]+)_d(\w+?)_*\Z")
_LAYER = re.compile(r"(.*?[^\W\d_])(\d+)\Z")


class Written(NamedTuple):
    """A name in LaTeX: what stands on the line, above it (with its parentheses), and below it."""

    base: str
    above: str = ""
    below: str = ""
    #: The variable below the line of a derivative, which takes the indices.
    by: str = ""


def written(name: str, rank: int) -> Written:
    """A name in LaTeX.

    Parameters
    ----------
    name : str
    rank : int
        Digits behind an array's name are the number of a layer, W^{(1)}; behind a scalar's, an index, w_{0}.
    """
    derivative = _DERIVATIVE.match(name)
    if derivative:
        return Written(derivative.group(1), by=derivative.group(2))
    primes = len(name) - len(name.rstrip("'"))
    stem, below = name.rstrip("'"), ""
    if "_" in stem.strip("_"):
        stem, _, rest = stem.strip("_").partition("_")
        below = _word(rest)
    above = ""
    layer = _LAYER.match(stem)
    if layer:
        stem = layer.group(1)
        if rank:
            above = f"({layer.group(2)})"
        else:
            below = f"{layer.group(2)}, {below}" if below else layer.group(2)
    return Written(_word(stem) + "'" * primes, above, below)


def _word(name: str) -> str:
    if name in GREEK:
        return "\\" + name
    if name.isdigit() or (len(name) == 1 and name != "_"):
        return name
    if not name.isascii():
        return rf"\text{{{name}}}"
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}" if len(name) > 1 else escaped


def scripted(name: Written, indices: str = "") -> str:
    """The name with index letters below it."""
    if name.by:
        # The derivative by a layer's variable: its letters stand on the variable.
        return rf"\frac{{\partial {scripted(written(name.base, 0))}}}{{\partial {scripted(written(name.by, 1 if indices else 0), indices)}}}"
    below = f"{name.below}, {indices}" if name.below and indices else name.below or indices
    return name.base + (f"^{{{name.above}}}" if name.above else "") + below_line(below)


def below_line(text: str) -> str:
    """A subscript; a single letter needs no braces."""
    if not text:
        return ""
    return f"_{text}" if len(text) == 1 else f"_{{{text}}}"


def subscripts(indices: list[str]) -> str:
    """Index letters side by side, with commas when one of them is longer than a letter."""
    return "".join(indices) if all(len(i.rstrip("'")) == 1 for i in indices) else ", ".join(indices)
