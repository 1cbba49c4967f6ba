"""LaTeX as people write it: refused in one line, or read; never run."""

from __future__ import annotations

import symdl as sd
from fuzz.targets.refusals import said_well

SHAPES = {"x": "n", "y": "n", "X": "n,p", "w": "p", "A": "n,n", "s": ""}


def one(data: bytes) -> None:
    text = data.decode("utf-8", errors="surrogateescape")
    try:
        found = sd.parse_latex(text, **SHAPES)
    except sd.SymdlError as error:
        said_well(error)
        return
    for each in found if isinstance(found, (list, tuple)) else [found]:
        str(each)
