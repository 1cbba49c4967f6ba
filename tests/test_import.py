"""What an import costs: rooms are loaded when they are entered, and every name is found."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import symdl as sd


def _loaded(code: str) -> set[str]:
    """The modules that are there when some code has run in a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')"], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n"))


def test_an_import_loads_no_room():
    loaded = _loaded("import symdl")
    assert "symdl" in loaded
    assert not {"sympy", "numpy", "symdl.prove.equal", "symdl.lower.api"} & loaded


def test_help_needs_no_sympy():
    code = "from symdl.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert "sympy" not in _loaded(code)


def test_a_tensor_needs_no_prover():
    loaded = _loaded("import symdl as sd\nx = sd.tensor('x')\ny = sd.sigmoid(x)**2")
    assert "symdl.graph.build" in loaded and "symdl.expr.tensor" in loaded
    assert not [name for name in loaded if name.startswith(("symdl.prove.", "symdl.lower.", "symdl.train."))]


def test_every_name_is_found_and_listed():
    assert len(sd.__all__) > 150 and set(sd.__all__) <= set(dir(sd))
    assert all(getattr(sd, name) is not None for name in sd.__all__)
    with pytest.raises(AttributeError, match="no attribute 'no_such_thing'"):
        _ = sd.no_such_thing


def test_rooms_are_found_without_importing_them():
    assert _loaded("import symdl\nassert symdl.errors.SymdlError and symdl.extend.function") >= {"symdl.errors", "symdl.extend"}


def test_no_module_takes_the_place_of_a_name():
    """A module that is imported later becomes an attribute of the package: it may not be called like a function. (prove and train are imported first.)"""
    modules = {m.name for m in pkgutil.iter_modules(sd.__path__)}
    assert modules & set(sd.__all__) == {"prove", "train"}
    code = "import symdl as sd, symdl.prove.equal, symdl.train.loop\nassert sd.prove.__module__ == 'symdl.prove.equal' and callable(sd.train)"
    assert "symdl.prove.equal" in _loaded(code)
