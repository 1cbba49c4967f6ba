"""The compiler, its flags, the cache on disk, and loading what it made."""

from __future__ import annotations

import atexit
import ctypes
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

from symdl.errors import UnsupportedError, missing_extra

#: Never -ffast-math: exp rounds by adding and subtracting a large number.
FLAGS = ("-O2", "-std=gnu11", "-fPIC", "-shared", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-w")

#: Seconds after which a compiler is given up.
PATIENCE = 60.0

#: Libraries kept on disk; when there are more, the oldest half goes.
_KEPT = 400


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


def _candidates() -> Iterator[Compiler]:
    asked = os.environ.get("SYMDL_CC")
    for name in [asked] if asked else [os.environ.get("CC"), "cc", "gcc", "clang"]:
        path = shutil.which(name) if name else None
        if path:
            yield Compiler((path, "-march=native"), os.path.basename(path), _identity(Path(path).resolve()))
    spec = find_spec("ziglang") if asked is None else None
    if spec is not None and spec.origin:
        command = (sys.executable, "-m", "ziglang", "cc", "-march=native")
        # What the library needs of libm and libc stands in Python already; without -nostdlib the first call would build these, for 20 s.
        libraries = ("-nostdlib",) if sys.platform == "linux" else ()
        yield Compiler(command, "zig cc", _identity(Path(spec.origin).parent / "zig"), libraries)


def _works(tool: Compiler) -> bool:
    """Whether it can be run at all (a broken link, a stub that asks for a licence cannot); the wheel's is the last resort, and slow to be asked."""
    if tool.name == "zig cc":
        return True
    try:
        done = subprocess.run([tool.command[0], "--version"], capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def require_compiler() -> Compiler:
    """The compiler; MissingExtraError in one line when there is none."""
    found = compiler()
    if found is None:
        raise missing_extra("a C compiler that works (cc, gcc or clang), or ziglang", "fast", 'backend="native"')
    return found


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


def cache_directory() -> Path:
    """Where libraries are kept: by the platform's convention, or a private temporary folder when that cannot be written."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    try:
        folder = base / "symdl" / "native"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK) and _is_ours(folder):
            return folder
    except OSError:
        pass
    return _temporary()


def _is_ours(place: Path) -> bool:
    """What others may write into, or own, is not loaded."""
    if not hasattr(os, "getuid"):
        return True
    stat = place.stat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o022


@cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="symdl-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def library(source: str) -> ctypes.CDLL:
    """The source, compiled or from the cache, loaded.

    Raises
    ------
    MissingExtraError
        When there is no compiler.
    UnsupportedError
        When the compiler does not take the source, or takes too long.
    """
    tool = require_compiler()
    machine = f"{platform.machine()} {' '.join(sorted(cpu_features()))}"
    key = hashlib.sha256("\0".join([source, *FLAGS, *tool.command[1:], tool.identity, machine]).encode()).hexdigest()[:32]
    folder = cache_directory()
    suffix = ".dll" if sys.platform == "win32" else ".so"
    for path in folder.glob(f"{key}-*{suffix}"):
        found = _loaded(path)
        if found is not None:
            return found
        path.unlink(missing_ok=True)  # cut short, altered, or of somebody else: made anew
    said = ""
    for place in (folder, None):  # the second, should libraries not be executable in the first
        path = _made(tool, source, place or _temporary(), key, suffix)
        try:
            return ctypes.CDLL(str(path))
        except OSError as error:
            said = str(error)
            path.unlink(missing_ok=True)
    raise UnsupportedError(f"the compiled program cannot be loaded: {said[:200]}")


def _loaded(path: Path) -> ctypes.CDLL | None:
    """A library of the cache; None unless it is ours, and the bytes are those its name was made from (loading half a file can end the process)."""
    try:
        if not path.is_symlink() and _is_ours(path) and path.stem.endswith(_digest(path.read_bytes())):
            return ctypes.CDLL(str(path))
    except OSError:
        pass
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _made(tool: Compiler, source: str, folder: Path, key: str, suffix: str) -> Path:
    """The library, compiled beside its place and put there at once: others may be compiling the same."""
    try:
        handle, name = tempfile.mkstemp(prefix="new-", suffix=suffix, dir=folder)
        os.close(handle)
    except OSError as error:
        raise UnsupportedError(f"the cache {folder} cannot be written: {error.strerror}") from None
    beside = Path(name)
    try:
        _compile(tool, source, beside)
        path = folder / f"{key}-{_digest(beside.read_bytes())}{suffix}"
        os.replace(beside, path)
    except OSError as error:
        raise UnsupportedError(f"the cache {folder} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)
    return path


def _compile(tool: Compiler, source: str, path: Path) -> None:
    _prune(path.parent)
    with tempfile.TemporaryDirectory(prefix="symdl-") as work:
        written, made = Path(work) / "program.c", Path(work) / path.name
        written.write_text(source, encoding="ascii")
        command = [*tool.command, *FLAGS, "-o", str(made), str(written), *tool.libraries]
        zig = {f"ZIG_{kind}_CACHE_DIR": str(path.parent / "zig") for kind in ("GLOBAL", "LOCAL")} if tool.name == "zig cc" else {}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False, env=os.environ | zig
            )
        except subprocess.TimeoutExpired:
            raise UnsupportedError(f"{tool.name} took more than {PATIENCE:g} s over the program: use backend='numpy'") from None
        except OSError as error:
            raise UnsupportedError(f"{tool.name} cannot be run: {error.strerror}") from None
        if done.returncode or not made.exists():
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            said = next((line for line in lines if "error" in line), lines[-1] if lines else f"it gave no reason, and the status {done.returncode}")
            raise UnsupportedError(f"{tool.name} does not take the program: {said[:200]}")
        shutil.copyfile(made, path)


def _prune(folder: Path) -> None:
    try:
        files = sorted((f for f in folder.iterdir() if f.is_file()), key=lambda f: f.stat().st_mtime)
        if len(files) > _KEPT:
            for file in files[: len(files) // 2]:
                file.unlink(missing_ok=True)
    except OSError:
        pass
