"""The derivation scripts as modules, for tests. Every page is built once a test run."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import symdl as sd

FOLDER = Path(__file__).resolve().parent.parent / "derivations"


@cache
def script(name: str) -> ModuleType:
    """derivations/<name>.py as a module."""
    spec = importlib.util.spec_from_file_location(f"derivations_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def page(name: str) -> sd.Page:
    """The page that the script builds."""
    return script(name).page()
