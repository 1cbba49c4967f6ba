"""The text language: a text is refused in one line, or read; what is read prints, and its print never means something else."""

from __future__ import annotations

import symdl as sd
from fuzz.targets.refusals import said_well

SHAPES = {"x": "n", "y": "n", "X": "n,p", "w": "p", "A": "n,n", "s": ""}


def one(data: bytes) -> None:
    text = data.decode("utf-8", errors="surrogateescape")
    try:
        found = sd.parse(text, **SHAPES)
    except sd.SymdlError as error:
        said_well(error)
        return
    shown = str(found)
    try:
        again = sd.parse(shown, **SHAPES)
    except sd.SymdlError as error:  # not all that is shown is of the language
        said_well(error)
        return
    assert again == found or again.shape != found.shape or sd.prove(again, found, time_budget=1.0).verdict != "REFUTED", shown
