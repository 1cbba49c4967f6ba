"""Arguments of the command line that several subcommands take, as the package wants them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from typing import Any

from symdl.errors import NameError_, ShapeError

#: A name that is no function, no attribute, no keyword, and no part of a number.
_A_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?![\w])(?!\s*\()(?!\s*=[^=])")


def expression(text: str, args: argparse.Namespace, known_shapes: Mapping[str, str] | None = None) -> Any:
    """Read an expression; --let names stand for what they were said to be."""
    import symdl as sd

    known: dict[str, Any] = dict(shapes(args.shape) if known_shapes is None else known_shapes)
    for name, body in (pair(text, "--let") for text in args.let):
        if name in known:
            raise NameError_(f"--let {name}: the name is taken; choose another one")
        known[name] = sd.let(name, _parsed(body, known))
    return _parsed(text, known)


def _parsed(text: str, known: Mapping[str, Any]) -> Any:
    """The expression; where shapes do not go together, the names that were given none are said, for they are scalars then."""
    import symdl as sd

    try:
        return sd.parse(text, **known)
    except ShapeError as error:
        sizes = names([shape for shape in known.values() if isinstance(shape, str)])
        loose = [name for name in dict.fromkeys(_A_NAME.findall(text)) if name not in known and name not in sizes and name != "pi"]
        raise ShapeError(f"{error} (no shape was given for {', '.join(loose)})" if loose else str(error)) from None


def shapes(texts: Sequence[str]) -> dict[str, str]:
    """--shape X:n,p -> {"X": "n,p"}; a scalar has nothing after the colon."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, sizes = text.partition(":")
        if not name.strip():
            raise NameError_(f"--shape {text!r:.60}: write NAME:size,size, e.g. X:n,p")
        if found.setdefault(name.strip(), sizes.strip()) != sizes.strip():
            raise NameError_(f"--shape {name.strip()} is given twice: {found[name.strip()]} and {sizes.strip()}")
    return found


def pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise NameError_(f"{option} {text!r:.60}: write NAME=VALUE")
    return name.strip(), value.strip()


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """NAME=VALUE, each name once."""
    pairs = [pair(text, option) for text in texts]
    once([name for name, _ in pairs], option)
    return dict(pairs)


def once(names: Sequence[str], option: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise NameError_(f"{option} {name} is given twice")


def names(texts: Sequence[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]
