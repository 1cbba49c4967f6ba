"""The source of a function of the table, without annotations, for programs that stand alone."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any


def is_plain(function: Any) -> bool:
    """True for a function written in ``symdl/functions/``, which uses NumPy and its neighbours only."""
    return isinstance(function, FunctionType) and function.__module__.startswith("symdl.functions") and function.__name__ != "<lambda>"


def source_of(function: Any, name: str, use: Callable[[Any], str]) -> str:
    """The text of a function under another name.

    Parameters
    ----------
    function : callable
        One for which ``is_plain`` holds.
    use : callable
        Another such function, called by this one -> its name in the printed program.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.name, definition.returns = name, None
    arguments = {a.arg for a in definition.args.args}
    for argument in definition.args.args:
        argument.annotation = None
    for part in ast.walk(definition):
        if isinstance(part, ast.Name) and part.id not in arguments and is_plain(function.__globals__.get(part.id)):
            part.id = use(function.__globals__[part.id])
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
