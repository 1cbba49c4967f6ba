"""Every elementwise function of the table under its own name: ``functions.mish``. All take expressions of symdl and of SymPy alike."""

from __future__ import annotations

from typing import Any

from symdl.functions import TABLE


def __getattr__(name: str) -> Any:
    if name in TABLE:
        return TABLE[name].sympy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
