"""Names that are imported when they are first used: ``import symdl`` and ``symdl --help`` load no room that nobody enters."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any


def names_of(package: str) -> dict[str, tuple[str, str]]:
    """Name -> (module, its name there), of the imports that the package's own source lists under ``if TYPE_CHECKING``."""
    spec = sys.modules[package].__spec__
    source = spec.loader.get_source(package) if spec and spec.loader else ""  # type: ignore[attr-defined]
    blocks = [s for s in ast.parse(source).body if isinstance(s, ast.If) and isinstance(s.test, ast.Name) and s.test.id == "TYPE_CHECKING"]
    listed = [s for block in blocks for s in block.body if isinstance(s, ast.ImportFrom) and s.module]
    return {a.asname or a.name: (str(s.module), a.name) for s in listed for a in s.names}


def imported_later(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """A package's ``__getattr__``, ``__dir__`` and ``__all__`` (PEP 562)."""
    names = names_of(package)

    def get(name: str) -> Any:
        if name in names:
            module, inside = names[name]
            value = getattr(importlib.import_module(module), inside)
            setattr(sys.modules[package], name, value)
            return value
        if not name.startswith("_") and importlib.util.find_spec(f"{package}.{name}") is not None:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted({*vars(sys.modules[package]), *names}), sorted(names)
