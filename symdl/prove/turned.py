"""Claims that are the other way round: transposed as a whole, or with a factor that should be transposed and so does not fit."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.steps.verdict import PROVED, Verdict

#: What is said of a claim in the other layout.
TURNED = (
    "the claim is the transpose of the derivative (shape {0}, and the derivative has {1}): transpose it; a gradient has the shape of what is differentiated by,"
    " a Jacobian that of the function, then that"
)
_NAME = re.compile(r"(?<![\w.])(?P<name>[A-Za-z_]\w*)(?P<turned>\.T\b)?(?!\w*\s*[(=\w])")
#: Seconds for the search.
SECONDS = 1.5


def turned(claim: Expr, wanted: tuple[Any, ...]) -> bool:
    """Whether a claim has the wanted shape the other way round."""
    return claim.ndim == len(wanted) == 2 and claim.shape == wanted[::-1]


def mending_turn(text: str, decide: Callable[[str], Verdict]) -> str:
    """What would mend a claim in the text language that cannot be formed: a transpose set or taken away, one product for the other; else nothing."""
    end = time.monotonic() + SECONDS
    for words, variant in _variants(text):
        if time.monotonic() > end:
            break
        try:
            if decide(variant).verdict == PROVED:
                return words
        except SymdlError:
            continue
    return ""


def _variants(text: str) -> Iterator[tuple[str, str]]:
    for match in _NAME.finditer(text):
        name = match.group("name")
        if match.group("turned"):
            yield f"{name} should not be transposed", text[: match.start()] + name + text[match.end() :]
        else:
            yield f"{name} should be transposed", f"{text[: match.end()]}.T{text[match.end() :]}"
    for match in re.finditer(r"@|(?<!\*)\*(?!\*)", text):
        other = "*" if match.group() == "@" else "@"
        yield f"{match.group()} should be {other}", text[: match.start()] + other + text[match.end() :]
