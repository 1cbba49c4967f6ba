"""No room on a disk, folders that cannot be written, a SYMDL_CC that is no compiler: compiled code goes elsewhere, or one line says what to do."""

import errno
import os
import shutil
import sys
import tempfile

import numpy as np
import pytest

import symdl as sd
from symdl.errors import MissingExtraError, UnsupportedError
from symdl.lower.native import toolchain

pytestmark = [
    pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler"),
    pytest.mark.skipif(sys.platform == "win32", reason="folders of Linux and macOS"),
]
SOURCE = "int three(void) { return 3; }"


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "symdl" / "native"


@pytest.fixture
def full_below(monkeypatch):
    """Makes everything below these folders a disk without room for a library."""
    real, places = shutil.copyfile, []

    def copy(source, target, **options):
        if any(os.path.realpath(target).startswith(os.path.realpath(place)) for place in places):
            full()
        return real(source, target, **options)

    monkeypatch.setattr(shutil, "copyfile", copy)
    return places


def one_line(error):
    text = str(error.value)
    assert "\n" not in text and len(text) < 500
    return text


# --- room ------------------------------------------------------------------------------------------------------------


def test_a_full_cache(folder, full_below):
    full_below.append(folder)
    assert toolchain.library(SOURCE + "/* full */").three() == 3
    assert not list(folder.iterdir())  # nothing half done is left


def test_what_is_in_the_temporary_folder_is_not_compiled_again(folder, full_below, monkeypatch):
    full_below.append(folder)
    toolchain.library(SOURCE + "/* again */")
    real, places = toolchain._translate, []
    monkeypatch.setattr(toolchain, "_translate", lambda *args: (places.append(args), real(*args)))
    toolchain.library(SOURCE + "/* again */")
    assert all(str(args[2]).startswith(str(folder)) for args in places)


def test_no_room_anywhere(folder, full_below):
    full_below += [folder, tempfile.gettempdir()]
    with pytest.raises(UnsupportedError, match="numpy") as caught:
        toolchain.library(SOURCE + "/* nowhere */")
    text = one_line(caught)
    assert str(folder) in text and "No space left" in text and "make room" in text
    w = sd.tensor("w", 3)
    given = {"params": {"w": np.ones(3)}, "data": {}, "lr": 0.01, "progress": False}
    found = sd.train(sd.sum(w**2 + 0.0 * w), epochs=400_000, backend="auto", **given)
    assert found.backend.startswith("numpy, for compiled code cannot be written")


def test_a_compiler_without_room_for_its_own_files(folder, monkeypatch, tmp_path):
    """It says so in its own words; there may be room beside the library."""
    real = toolchain.compiler()
    script = tmp_path / "short-of-room"
    says = "echo '/tmp/cc.s: error: No space left on device' >&2; exit 1"
    script.write_text(f'#!/bin/sh\ncase "$*" in *{folder}*) exec {" ".join(real.command)} "$@";; *) {says};; esac\n')
    script.chmod(0o755)
    tool = toolchain.Compiler((str(script),), "short", "short", real.libraries)
    monkeypatch.setattr(toolchain, "compiler", lambda: tool)
    assert toolchain.library(SOURCE + "/* short */").three() == 3


def test_no_folder_for_temporary_files(folder, monkeypatch):
    """The library is compiled beside its place."""

    def none(*_, **__):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    toolchain._temporary.cache_clear()
    assert toolchain.library(SOURCE + "/* beside */").three() == 3
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    with pytest.raises(UnsupportedError, match="No usable temporary directory") as caught:
        toolchain.library(SOURCE + "/* neither */")
    one_line(caught)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_only_be_read(folder):
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    try:
        assert toolchain.library(SOURCE + "/* closed */").three() == 3
    finally:
        folder.chmod(0o700)


def test_a_cache_that_may_only_be_read_is_read(folder, monkeypatch):
    toolchain.library(SOURCE)

    def closed(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "mkstemp", closed)
    assert toolchain.library(SOURCE).three() == 3


# --- SYMDL_CC --------------------------------------------------------------------------------------------------------


def program(path, text, mode=0o755):
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.fixture
def asked(monkeypatch, folder):
    def ask(value):
        monkeypatch.setenv("SYMDL_CC", value)
        toolchain.compiler.cache_clear()

    yield ask
    monkeypatch.undo()
    toolchain.compiler.cache_clear()


def test_a_compiler_that_is_not_there(asked):
    for value, why in (("/nonexistent/cc", "no program"), ("no-such-cc", "no program"), ("cc -O3", "one word"), ("/", "a folder")):
        asked(value)
        with pytest.raises(MissingExtraError, match="unset it") as caught:
            toolchain.library(SOURCE)
        text = one_line(caught)
        assert f"SYMDL_CC={value} " in text and why in text


def test_a_compiler_that_cannot_be_run(asked, tmp_path):
    for name, text, mode, why in (
        ("plain", "text", 0o644, "not executable"),
        ("garbage", "\x7fELF, not", 0o755, "cannot be run"),
        ("interpreter", "#!/nonexistent/shell\n", 0o755, "cannot be run (No such file"),
        ("fails", "#!/bin/sh\nexit 3\n", 0o755, "status 3"),
    ):
        path = program(tmp_path / name, text, mode)
        asked(path)
        with pytest.raises(MissingExtraError) as caught:
            toolchain.library(SOURCE)
        assert f"SYMDL_CC={path} " in one_line(caught) and why in str(caught.value)


def test_a_program_that_is_no_compiler(asked, tmp_path):
    path = program(tmp_path / "polite", "#!/bin/sh\nexit 0\n")
    asked(path)
    with pytest.raises(UnsupportedError, match="does not take the program") as caught:
        toolchain.library(SOURCE)
    assert f"SYMDL_CC={path} " in one_line(caught)


def test_who_calls_sees_the_variable_too(asked):
    asked("/nonexistent/cc")
    w = sd.tensor("w", 3)
    given = {"params": {"w": np.ones(3)}, "data": {}, "lr": 0.01, "progress": False}
    with pytest.raises(MissingExtraError, match="SYMDL_CC=/nonexistent/cc "):
        sd.train(sd.sum(w**2), epochs=2, backend="native", **given)
    with pytest.raises(MissingExtraError, match="SYMDL_CC=/nonexistent/cc "):
        sd.lambdify([w], sd.sum(w**2), backend="native")(np.ones(3))
    assert "SYMDL_CC=/nonexistent/cc" in sd.train(sd.sum(w**2), epochs=400_000, backend="auto", **given).backend


def test_an_empty_name_is_none(asked):
    found = toolchain.compiler()
    for value in ("", "  "):
        asked(value)
        assert toolchain.compiler() == found and toolchain.library(SOURCE).three() == 3
