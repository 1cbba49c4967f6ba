"""A compiler on the path that cannot be run: the next one is taken; where none works, NumPy is, and native code is refused in one line."""

import os
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.errors import MissingExtraError
from symdl.lower.native import toolchain

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
p = sd.dims("p")
TASK = {"params": {"w": np.ones(3)}, "data": {}, "lr": 0.01, "progress": False}


def stub(folder, name, status):
    path = folder / name
    path.write_text(f"#!/bin/sh\nexit {status}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """A folder that is the whole path, with compilers that exit 1; no ziglang."""
    for name in ("cc", "gcc"):
        stub(tmp_path, name, 1)
    for name in ("CC", "SYMDL_CC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(toolchain, "find_spec", lambda name: None)
    toolchain.compiler.cache_clear()
    yield tmp_path
    toolchain.compiler.cache_clear()


def loss():
    w = sd.tensor("w", p)
    return sd.sum(w**2)


def test_the_next_compiler_is_taken(broken):
    stub(broken, "clang", 0)
    assert toolchain.compiler().name == "clang"


def test_the_wheel_is_taken(broken, monkeypatch):
    place = type("Spec", (), {"origin": os.path.join(str(broken), "__init__.py")})
    monkeypatch.setattr(toolchain, "find_spec", lambda name: place)
    assert toolchain.compiler().name == "zig cc"


def test_a_compiler_that_was_asked_for_is_not_replaced(broken, monkeypatch):
    stub(broken, "clang", 0)
    monkeypatch.setenv("SYMDL_CC", str(broken / "gcc"))
    assert toolchain.compiler() is None


def test_numpy_where_none_works(broken):
    found = sd.train(loss(), epochs=400_000, backend="auto", **TASK)
    assert found.backend.startswith("numpy, for ") and "\n" not in found.backend
    assert np.allclose(found.params["w"], 0)


def test_native_is_refused_in_one_line(broken):
    for call in (
        lambda: sd.train(loss(), epochs=3, backend="native", **TASK),
        lambda: sd.lambdify(["w"], loss(), backend="native")(np.ones(3)),
    ):
        with pytest.raises(MissingExtraError, match="symdl\\[fast\\]") as caught:
            call()
        assert "\n" not in str(caught.value)
