"""The compiler, its flags, and loading what it made, from the cache on disk where it is there."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from symdl.errors import MissingExtraError, UnsupportedError, missing_extra
from symdl.lower.native.folders import cache_directory, is_ours, prune, remove
from symdl.lower.native.folders import temporary as _temporary

#: Never -ffast-math: exp rounds by adding and subtracting a large number.
FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-w")

#: Seconds after which a compiler is given up.
PATIENCE = 60.0

#: What a library's name ends in.
SUFFIX = ".dll" if sys.platform == "win32" else ".so"


#: What a compiler says in a folder without room.
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Compiler:
    """How to call it, and what tells one compiler on one machine from another."""

    command: tuple[str, ...]
    name: str
    identity: str
    libraries: tuple[str, ...] = () if sys.platform == "win32" else ("-lm", "-lpthread")


@cache
def compiler() -> Compiler | None:
    """The first of $CC, cc, gcc, clang, and the one that the extra ``fast`` brings; None when none of them works."""
    return next(filter(_works, _candidates()), None)


def _asked() -> str:
    """The compiler that the user asks for: no other is taken then."""
    return os.environ.get("SYMDL_CC", "").strip()


def _candidates() -> Iterator[Compiler]:
    asked = _asked()
    for name in [asked] if asked else [os.environ.get("CC"), "cc", "gcc", "clang"]:
        path = shutil.which(name) if name else None
        if path:
            called = f"SYMDL_CC={asked}" if asked else os.path.basename(path)
            yield Compiler((path, "-march=native"), called, _identity(Path(path).resolve()))
    spec = None if asked else find_spec("ziglang")
    if spec is not None and spec.origin:
        command = (sys.executable, "-m", "ziglang", "cc", "-march=native")
        # What the library needs of libm and libc stands in Python already; without -nostdlib the first call would build these, for 20 s.
        libraries = ("-nostdlib",) if sys.platform == "linux" else ()
        yield Compiler(command, "zig cc", _identity(Path(spec.origin).parent / "zig"), libraries)


def _works(tool: Compiler) -> bool:
    """Whether it can be run at all (a broken link, a stub that asks for a licence cannot); the wheel's is the last resort, and slow to be asked."""
    return tool.name == "zig cc" or not _hindrance(tool.command[0])


def _hindrance(path: str) -> str:
    """Why a program that is there cannot be run; nothing when it can."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return f"it does not answer to --version in {PATIENCE:g} s"
    except OSError as error:
        return error.strerror or str(error)
    return f"it ends with status {done.returncode} when asked for its --version" if done.returncode else ""


def require_compiler() -> Compiler:
    """The compiler; MissingExtraError in one line when there is none."""
    found = compiler()
    if found is not None:
        return found
    asked = _asked()
    if asked:
        raise MissingExtraError(f"SYMDL_CC={asked} {_unusable(asked)}: set it to a C compiler (a name on the path, or a file), or unset it")
    raise missing_extra("a C compiler that works (cc, gcc or clang), or ziglang", "fast", 'backend="native"')


def _unusable(asked: str) -> str:
    path = shutil.which(asked)
    if path:
        return f"cannot be run ({_hindrance(path) or 'it could not when it was first asked'})"
    if os.path.isdir(asked):
        return "is a folder"
    if os.path.exists(asked):
        return "cannot be run (it is not executable)"
    if shutil.which(asked.split()[0]):
        return "is more than the name of a program, and must be one word"
    return "is no program that can be found"


def _identity(path: Path) -> str:
    try:
        stat = path.stat()
        return f"{path}:{stat.st_size}:{stat.st_mtime_ns}"
    except OSError:
        return str(path)


@cache
def cpu_features() -> frozenset[str]:
    """The words by which Linux describes the processor; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return frozenset(line.split(":", 1)[1].split())
    except OSError:
        pass
    return frozenset()


def library(source: str) -> ctypes.CDLL:
    """The source, compiled or from the cache, loaded.

    Raises
    ------
    MissingExtraError
        When there is no compiler.
    UnsupportedError
        When the compiler does not take the source, or takes too long, or there is no room for what it makes.
    """
    tool = require_compiler()
    machine = f"{platform.machine()} {' '.join(sorted(cpu_features()))}"
    key = hashlib.sha256("\0".join([source, *FLAGS, *tool.command[1:], tool.identity, machine]).encode()).hexdigest()[:32]
    failed: dict[str, None] = {}
    for place in (cache_directory, _temporary):  # the second, should the first be full, closed to us, or not for libraries to be loaded from
        try:
            return _from(place(), tool, source, key)
        except OSError as error:
            failed[str(error)] = None
    raise UnsupportedError(f"{'; '.join(failed)}: make room there, or use backend='numpy'")


def _from(folder: Path, tool: Compiler, source: str, key: str) -> ctypes.CDLL:
    """The library of a folder, made there if need be; OSError when it cannot be."""
    for path in folder.glob(f"{key}-*{SUFFIX}"):
        found = _loaded(path)
        if found is not None:
            return found
        remove(path)  # cut short, altered, or of somebody else: made anew
    try:
        path = _made(tool, source, folder, key)
    except OSError as error:
        raise OSError(f"compiled code cannot be written to {folder} ({error.strerror or error})") from None
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        remove(path)
        raise OSError(f"the compiled program cannot be loaded: {str(error)[:200]}") from None


def _loaded(path: Path) -> ctypes.CDLL | None:
    """A library of the cache; None unless it is ours, and the bytes are those its name was made from (loading half a file can end the process)."""
    try:
        if not path.is_symlink() and is_ours(path) and path.stem.endswith(_digest(path.read_bytes())):
            return ctypes.CDLL(str(path))
    except OSError:
        pass
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _made(tool: Compiler, source: str, folder: Path, key: str) -> Path:
    """The library, compiled beside its place and put there at once: others may be compiling the same."""
    handle, name = tempfile.mkstemp(prefix="new-", suffix=SUFFIX, dir=folder)
    os.close(handle)
    beside = Path(name)
    try:
        _compile(tool, source, beside)
        path = folder / f"{key}-{_digest(beside.read_bytes())}{SUFFIX}"
        os.replace(beside, path)
    finally:
        remove(beside)
    return path


def _compile(tool: Compiler, source: str, path: Path) -> None:
    prune(path.parent)
    try:
        _translate(tool, source, path, None)
    except OSError:  # the system's folder for temporary files is full or closed; there may be room beside the library
        _translate(tool, source, path, path.parent)


def _translate(tool: Compiler, source: str, path: Path, where: Path | None) -> None:
    """The compiler at work in a folder of its own, its temporary files too."""
    with tempfile.TemporaryDirectory(prefix="symdl-", dir=where, ignore_cleanup_errors=True) as work:
        written, made = Path(work) / "program.c", Path(work) / path.name
        written.write_text(source, encoding="ascii")
        command = [*tool.command, *FLAGS, "-o", str(made), str(written), *tool.libraries]
        env = os.environ | {"TMPDIR": work, "LC_ALL": "C"}
        if tool.name == "zig cc":
            env |= {f"ZIG_{kind}_CACHE_DIR": str(path.parent / "zig") for kind in ("GLOBAL", "LOCAL")}
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False, env=env)
        except subprocess.TimeoutExpired:
            raise UnsupportedError(f"{tool.name} took more than {PATIENCE:g} s over the program: use backend='numpy'") from None
        except OSError as error:
            raise UnsupportedError(f"{tool.name} cannot be run: {error.strerror}") from None
        if done.returncode or not made.exists():
            if any(os.strerror(full) in done.stderr for full in _FULL):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            said = next((line for line in lines if "error" in line), lines[-1] if lines else f"it gave no reason, and the status {done.returncode}")
            raise UnsupportedError(f"{tool.name} does not take the program: {said[:200]}")
        shutil.copyfile(made, path)
