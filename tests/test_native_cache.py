"""The cache of compiled programs: many processes at once, files cut short or altered, folders that cannot be written or trusted."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.errors import SymdlError
from symdl.lower.native import driver, toolchain

pytestmark = [
    pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler"),
    pytest.mark.skipif(sys.platform == "win32", reason="folders of Linux and macOS"),
]
SOURCE = "int three(void) { return 3; }"


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "symdl" / "native"


def libraries(folder):
    return [f for f in folder.iterdir() if f.is_file()]


@pytest.fixture
def compilations(monkeypatch):
    """The folders into which something was compiled."""
    real, made = toolchain._compile, []

    def counted(tool, text, path):
        made.append(path.parent)
        real(tool, text, path)

    monkeypatch.setattr(toolchain, "_compile", counted)
    return made


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b[:-9] + b"x" + b[-8:], lambda b: b""])
def test_what_was_cut_short_or_altered_is_made_anew(folder, compilations, spoil):
    assert toolchain.library(SOURCE).three() == 3
    (made,) = libraries(folder)
    content = made.read_bytes()
    made.unlink()  # a new file: the old one is in use
    made.write_bytes(spoil(content))
    assert toolchain.library(SOURCE).three() == 3
    assert len(compilations) == 2 and len(libraries(folder)) == 1


def test_files_that_others_may_write_are_not_loaded(folder, compilations):
    toolchain.library(SOURCE)
    (made,) = libraries(folder)
    made.chmod(0o666)
    toolchain.library(SOURCE)
    assert len(compilations) == 2


def test_links_are_not_followed(folder, compilations, tmp_path):
    toolchain.library(SOURCE)
    (made,) = libraries(folder)
    shutil.move(made, tmp_path / "elsewhere.so")
    made.symlink_to(tmp_path / "elsewhere.so")
    toolchain.library(SOURCE)
    assert len(compilations) == 2


def test_a_folder_that_others_may_write_is_not_used(folder, compilations):
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    assert toolchain.library(SOURCE).three() == 3
    assert compilations and folder not in compilations and not libraries(folder)


def test_no_folder_can_be_made(monkeypatch, tmp_path, compilations):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    toolchain._temporary.cache_clear()
    assert toolchain.library(SOURCE).three() == 3
    assert not compilations[0].is_relative_to(tmp_path)
    assert compilations[0].stat().st_mode & 0o077 == 0


def test_without_a_home(tmp_path):
    env = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")} | {"HOME": "/nonexistent/home"}
    code = f"from symdl.lower.native.toolchain import library; assert library({SOURCE!r}).three() == 3; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=env)
    assert done.stdout.strip() == "fine", done.stderr


def test_many_processes_at_once(folder):
    code = f"from symdl.lower.native.toolchain import library; assert library({SOURCE!r}).three() == 3; print('fine')"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in running:
        out, said = process.communicate(timeout=100)
        assert out.strip() == "fine", said
    assert all(not f.name.startswith("new-") for f in libraries(folder))
    assert toolchain.library(SOURCE).three() == 3


def test_another_compiler_or_processor_is_another_library(folder, monkeypatch):
    toolchain.library(SOURCE)
    found = toolchain.compiler()
    monkeypatch.setattr(toolchain, "compiler", lambda: toolchain.Compiler(found.command, found.name, found.identity + "2", found.libraries))
    toolchain.library(SOURCE)
    monkeypatch.setattr(toolchain, "cpu_features", lambda: frozenset({"other"}))
    toolchain.library(SOURCE)
    assert len(libraries(folder)) == 3


def test_by_the_compiler_of_the_wheel_alone(tmp_path):
    """No compiler on the path: the extra ``fast`` is enough."""
    pytest.importorskip("ziglang")
    code = "from symdl.lower.native import toolchain as t; from symdl.lower.native.kernels import PRELUDE\n"
    code += f"assert t.compiler().name == 'zig cc'; assert t.library(PRELUDE + {SOURCE!r}).three() == 3; print('fine')"
    env = {k: v for k, v in os.environ.items() if k not in ("CC", "SYMDL_CC")} | {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, env=env)
    assert done.stdout.strip() == "fine", done.stderr


def test_as_many_threads_as_there_are_processors(monkeypatch):
    for name in ("SYMDL_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    files = {f"/sys/devices/system/cpu/cpu{k}/topology/thread_siblings_list": f"{k % 4},{k % 4 + 4}" for k in range(8)}
    monkeypatch.setattr(driver, "_read", lambda path: files.get(path, ""))
    assert driver.threads_allowed() == 4  # two threads a core
    files["/sys/fs/cgroup/cpu.max"] = "250000 100000"
    assert driver.threads_allowed() == 2
    files["/sys/fs/cgroup/cpu.max"] = "max 100000"
    assert driver.threads_allowed() == 4
    monkeypatch.setenv("SYMDL_THREADS", "3")
    assert driver.threads_allowed() == 3


@pytest.fixture
def two_cores(monkeypatch):
    for name in ("SYMDL_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(driver, "_read", lambda path: "")
    return monkeypatch


@pytest.mark.parametrize("text", ["²", "abc", "-1", "0", "00", "1.5", "٣", "1 2", "2,1", "0x2", "1_0", "auto", "+"])
def test_threads_that_are_no_number_are_refused(two_cores, text):
    two_cores.setenv("SYMDL_THREADS", text)
    with pytest.raises(SymdlError, match="unset it") as caught:
        driver.threads_allowed()
    assert f"SYMDL_THREADS={text} " in str(caught.value) and "\n" not in str(caught.value)


def test_threads_as_they_may_be_written(two_cores):
    for text, count in (("", 2), ("  ", 2), (" 3 ", 3), ("+3", 3), ("03", 3), ("99", 16), ("9" * 5000, 16)):
        two_cores.setenv("SYMDL_THREADS", text)
        assert driver.threads_allowed() == count


def test_the_threads_of_other_programs(two_cores):
    """OMP_NUM_THREADS is a list; what is wrong in it is OpenMP's to say."""
    for text, count in (("3", 3), ("4,3,2", 4), (" 4 , 3 ", 4), ("", 2), ("0", 2), ("-1", 2), ("²", 2), ("abc", 2), ("1.5", 2), ("4,0", 2), (",", 2)):
        two_cores.setenv("OMP_NUM_THREADS", text)
        assert driver.threads_allowed() == count
    two_cores.setenv("SYMDL_THREADS", "1")
    assert driver.threads_allowed() == 1


def test_a_training_says_that_the_threads_are_no_number(two_cores):
    two_cores.setenv("SYMDL_THREADS", "two")
    w = sd.tensor("w", 3)
    for backend, epochs in (("native", 2), ("auto", 400_000)):
        with pytest.raises(SymdlError, match="SYMDL_THREADS=two"):
            sd.train(sd.sum(w**2), params={"w": np.ones(3)}, data={}, lr=0.01, epochs=epochs, backend=backend, progress=False)
