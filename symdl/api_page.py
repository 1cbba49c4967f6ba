"""The public names as a page: ``python -m symdl.api_page`` writes docs/api.md from the first lines of their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from types import ModuleType
from typing import Any

import symdl

#: Title -> the packages, modules and single names that stand under it; the innermost counts.
GROUPS: dict[str, tuple[str, ...]] = {
    "Tensors, sizes, index letters": ("symdl.expr.tensor", "symdl.expr.dims", "symdl.expr.language", "symdl.expr.tex"),
    "Sums, vectors, matrices": ("symdl.expr.ops", "symdl.expr.matrices"),
    "Positions, windows, recurrences": ("symdl.expr.windows", "symdl.expr.recur"),
    "Functions of every element, and over an axis": ("symdl.functions", "symdl.expr.wrapped", "symdl.expr.activations"),
    "Layers": ("symdl.model",),
    "Losses": ("symdl.model.losses",),
    "Deriving": ("symdl.pipeline", "symdl.higher", "symdl.differentials", "symdl.computational_graph"),
    "Proving and checking": ("symdl.prove", "symdl.mend", "symdl.steps", "symdl.pipeline.verify_page", "symdl.pipeline.run_page"),
    "Numbers and training": ("symdl.lower", "symdl.pipeline.value_and_grad", "symdl.pipeline.train", "symdl.train"),
    "Files": ("symdl.saved",),
    "Errors": ("symdl.errors",),
}

_HEAD = """# The public names of symdl

Generated from the docstrings' first lines by `python -m symdl.api_page`; a test holds this page to them. `help(sd.name)` says the rest: parameters and
their shapes, errors, sources, examples. The examples there take this for granted:

```python
import numpy as np
import symdl as sd
```

Classes in brackets are what functions give back; they have no name in `sd`. The functions of the table, with derivatives and kinks:
[functions.md](functions.md).
"""


def names() -> list[str]:
    """What a user's ``sd.`` offers, modules aside."""
    return [n for n in sorted(symdl.__all__, key=str.lower) if not isinstance(getattr(symdl, n), ModuleType)]


def given() -> dict[str, type]:
    """The classes that functions give back and that are no public names themselves, by name."""
    from symdl.higher import Blocks
    from symdl.model.layers import Network
    from symdl.pipeline import Derived
    from symdl.steps.verdict import Check
    from symdl.train.loop import TrainResult

    return {made.__name__: made for made in (Blocks, Check, Derived, Network, TrainResult)}


def markdown() -> str:
    """The page."""
    rows: dict[str, list[str]] = {title: [] for title in GROUPS}
    for name in names():
        rows[group_of(getattr(symdl, name))] += _rows(name, getattr(symdl, name))
    for name, made in given().items():
        head, *inside = _rows(name, made)
        rows[group_of(made)] += [head.replace(name, f"({name})", 1), *inside]
    return _HEAD + "".join(f"\n## {title}\n\n| | |\n|---|---|\n{''.join(lines)}" for title, lines in rows.items() if lines)


def group_of(made: Any) -> str:
    """The title that a public name stands under."""
    place = f"{type(made).__module__ if made.__module__ == 'symdl' else made.__module__}.{made.__name__}."
    found = [(len(around), title) for title, places in GROUPS.items() for around in places if place.startswith(f"{around}.")]
    return max(found)[1]


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties that symdl wrote, of a class or of what it is made from."""
    for base in cls.__mro__:
        for name, made in vars(base).items() if base.__module__.startswith("symdl") else ():
            # A lambda is the default of an attribute.
            called = inspect.isroutine(made) and getattr(inspect.unwrap(made), "__name__", "") != "<lambda>"
            if not name.startswith("_") and (called or isinstance(made, (property, cached_property))):
                yield name, made


def plain(made: Any) -> Any:
    """A method as it is called, of a class method too."""
    return made.__func__ if isinstance(made, (staticmethod, classmethod)) else made


def _rows(name: str, made: Any) -> list[str]:
    if not inspect.isclass(made) or made.__module__ == "symdl.functions":
        return [_row(f"{name}{_arguments(made)}", made)]
    if issubclass(made, Exception):
        return [_row(name, made)]
    inside = [(f"{name}.{n}" + ("" if isinstance(m, (property, cached_property)) else _arguments(plain(m))), m) for n, m in members(made)]
    return [_row(name, made), *(_row(shown, plain(m)) for shown, m in inside)]


def _row(shown: str, made: Any) -> str:
    first = inspect.cleandoc(made.__doc__).partition("\n")[0]
    return f"| `{_cell(shown)}` | {_cell(_literal(first))} |\n"


def _arguments(made: Any) -> str:
    """The signature without types."""
    signature = inspect.signature(made)
    kept = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values() if p.name not in ("self", "cls")]
    return str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty))


def _literal(text: str) -> str:
    """A docstring's line as Markdown: asterisks and underscores are meant, outside of code."""
    parts = text.replace("``", "`").split("`")
    return "`".join(p if k % 2 else _linked(p).replace("*", r"\*").replace("_", r"\_").replace("<", "&lt;") for k, p in enumerate(parts))


def _linked(text: str) -> str:
    """Sphinx's words for links, without them: ``:func:`` stands before code."""
    for word in (":func:", ":class:", ":meth:"):
        text = text.replace(word, "")
    return text


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    print(markdown(), end="")
