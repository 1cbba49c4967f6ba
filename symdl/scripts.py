"""Finding and running derivation scripts: files with a function ``page()`` that gives a Page.

In a checkout, editable installs included, they are in ``derivations/`` beside the package; a built wheel carries them as
``symdl/_derivations`` (see pyproject.toml), so that an installed ``symdl verify`` finds them too.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from symdl.errors import DataError, SymdlError, UnsupportedError
from symdl.steps.page import Page


def folder() -> Path:
    """Where the derivation scripts that come with symdl are.

    Raises
    ------
    DataError
        When they are not installed.
    """
    package = Path(__file__).resolve().parent
    installed, checkout = package / "_derivations", package.parent / "derivations"
    if installed.is_dir():
        return installed
    if checkout.is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    raise DataError("the derivation scripts are not installed: name a file, or run from a checkout of symdl")


#: The order of the article, from one neuron to a trained network; scripts that are not named here come last.
ORDER = (
    "unit_step",
    "sigmoid",
    "neuron",
    "least_squares",
    "receipt",
    "network",
    "cat",
    "gradient_descent",
    "textbooks",
    "sigmoid_powers",
    "sigmoid_regression",
    "softmax",
    "logistic_regression",
    "normalization",
    "attention",
    "backprop_any_depth",
    "rnn_through_time",
    "descent_differentiated",
    "gaussian",
)


def _place(path: Path) -> tuple[int, str]:
    return (ORDER.index(path.stem) if path.stem in ORDER else len(ORDER)), path.name


def find(names: Sequence[str] = ()) -> list[Path]:
    """The scripts meant: paths, or bare names of those that come with symdl; all of these when none is named."""
    if not names:
        return sorted((path for path in folder().glob("*.py") if not path.name.startswith("_")), key=_place)
    return [_find_one(name) for name in names]


def _find_one(name: str) -> Path:
    path = Path(name)
    if path.is_file():
        return path
    if path.name == name and name.removesuffix(".py").isidentifier():
        own = folder() / f"{name.removesuffix('.py')}.py"
        if own.is_file():
            return own
        known = ", ".join(p.stem for p in find())
        raise DataError(f"there is no derivation {name}; there are {known}")
    raise DataError(f"there is no file {path}")


def load_page(path: Path) -> Page:
    """Import a script by its path and ask it for its page.

    Raises
    ------
    UnsupportedError, DataError
        When the file is no derivation script, or fails.
    """
    if path.suffix != ".py":
        raise UnsupportedError(f"{path} is no derivation script: a Python file with a function page() is needed")
    spec = importlib.util.spec_from_file_location(f"symdl_derivation_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.path.insert(0, str(path.parent.resolve()))  # a script may have helpers beside it
    try:
        spec.loader.exec_module(module)
        make = getattr(module, "page", None)
        if not callable(make):
            raise UnsupportedError(f"{path} is no derivation script: it has no function page()")
        made = make()
    except SymdlError:
        raise
    except (Exception, SystemExit) as error:
        line = (str(error).splitlines() or [""])[0][:200]
        raise DataError(f"{path} failed: {type(error).__name__}: {line}") from error
    finally:
        sys.path.remove(str(path.parent.resolve()))
    if not isinstance(made, Page):
        raise UnsupportedError(f"{path}: page() gave {type(made).__name__}, not a symdl Page")
    return made
