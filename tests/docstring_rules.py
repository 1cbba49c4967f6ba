"""What a public docstring must have, read by a small parser of NumPy's style."""

from __future__ import annotations

import builtins
import doctest
import inspect
import re
from collections.abc import Iterator
from typing import Any

from symdl import errors

SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "References", "Examples")

#: A line of a list of parameters: "x : Expr", "a, b : int", "*over : index letters", "mask, keep".
_NAMES = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : \S.*)?\Z")


def sections(doc: str) -> dict[str, list[str]]:
    """Title -> lines; what stands before the first title under ""."""
    lines = inspect.cleandoc(doc).splitlines()
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if below and set(below) == {"-"} and len(below) == len(line.strip()):
            title = line.strip()
            found[title] = []
        elif not (line and set(line) == {"-"}):
            found[title].append(line)
    return found


def listed(lines: list[str]) -> list[str]:
    """The names that a section of parameters lists, each as in the signature."""
    heads = [line for line in lines if line and not line[0].isspace()]
    return [name for head in heads for name in (_NAMES.match(head).group(1).split(", ") if _NAMES.match(head) else [f"?{head}"])]


def expected(signature: inspect.Signature) -> list[str]:
    """The names of a signature, as a section of parameters lists them."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(p.kind, "") + n for n, p in signature.parameters.items() if n not in ("self", "cls")]


def faults(name: str, doc: Any, signature: inspect.Signature | None, example: bool) -> Iterator[str]:
    """What is wrong with a docstring; ``signature`` None for what is not called, ``example`` whether one is needed."""
    if not isinstance(doc, str) or not doc.strip():
        yield f"{name} has no docstring"
        return
    found = sections(doc)
    first = found[""][0]
    if len(first) > 160 or not first.rstrip().endswith((".", ":")) or not first.strip():
        yield f"{name}: the first line is no sentence: {first!r}"
    yield from (f"{name}: unknown section {title}" for title in found if title and title not in SECTIONS)
    if [t for t in SECTIONS if t in found] != [t for t in found if t]:
        yield f"{name}: sections in another order: {', '.join(filter(None, found))}"
    if signature is not None:
        yield from _call_faults(name, found, signature)
    if example and not doctest.DocTestParser().get_examples(doc):
        yield f"{name}: no example"


def _call_faults(name: str, found: dict[str, list[str]], signature: inspect.Signature) -> Iterator[str]:
    wanted, told = expected(signature), listed(found.get("Parameters", []))
    if told != wanted:
        yield f"{name}: the docstring lists {told}, the signature {wanted}"
    if signature.return_annotation not in (None, "None") and not any(found.get("Returns", [])):
        yield f"{name}: no Returns"
    for line in found.get("Raises", []):
        if line and not line[0].isspace():
            kinds = re.sub(r" \(.*\)\Z", "", line).split(", ")
            yield from (f"{name}: {kind} is no error" for kind in kinds if not hasattr(errors, kind) and not hasattr(builtins, kind))
