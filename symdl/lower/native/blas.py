"""The BLAS that NumPy or SciPy ships: its dgemm as a pointer for generated code."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Names of row-by-row dgemm, and the C type of its sizes.
_NAMES = (("scipy_cblas_dgemm64_", "long long"), ("cblas_dgemm64_", "long long"), ("scipy_cblas_dgemm", "int"), ("cblas_dgemm", "int"))


@dataclass(frozen=True)
class Blas:
    """The address of cblas_dgemm, and the type of its sizes."""

    address: int
    integer: str
    library: ctypes.CDLL


@cache
def blas() -> Blas | None:
    """None when none is found: then own kernels do it."""
    for path in _libraries():
        with contextlib.suppress(OSError):
            library = ctypes.CDLL(str(path))
            for name, integer in _NAMES:
                function = getattr(library, name, None)
                if function is not None:
                    address = ctypes.cast(function, ctypes.c_void_p).value
                    if address:
                        return Blas(address, integer, library)
    return None


def _libraries() -> list[Path]:
    found: list[Path] = []
    for package in ("numpy", "scipy"):
        with contextlib.suppress(ImportError, TypeError):
            module = importlib.import_module(package)
            root = Path(str(module.__file__)).parent
            for folder in (root.parent / f"{package}.libs", root / ".dylibs", root / ".libs"):
                if folder.is_dir():
                    found += sorted(f for f in folder.iterdir() if "openblas" in f.name)
    return found
