"""Where compiled libraries are kept, and who may write there."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

#: Libraries kept on disk; when there are more, the oldest half goes.
_KEPT = 400


def cache_directory() -> Path:
    """By the platform's convention, or a private temporary folder when there can be none, or others may write into it. It need not be writable:
    what lies there already is of use even so."""
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
        if is_ours(folder):
            return folder
    except OSError:
        pass
    return temporary()


def is_ours(place: Path) -> bool:
    """What others may write into, or own, is not loaded."""
    if not hasattr(os, "getuid"):
        return True
    stat = place.stat()
    return stat.st_uid == os.getuid() and not stat.st_mode & 0o022


@cache
def temporary() -> Path:
    """A folder of this process, which goes with it; OSError when there can be none."""
    folder = Path(tempfile.mkdtemp(prefix="symdl-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def remove(path: Path) -> None:
    """Away with it, where that is allowed."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def prune(folder: Path) -> None:
    """The oldest half of what lies there, when it is too much."""
    try:
        files = sorted((f for f in folder.iterdir() if f.is_file()), key=lambda f: f.stat().st_mtime)
        if len(files) > _KEPT:
            for file in files[: len(files) // 2]:
                file.unlink(missing_ok=True)
    except OSError:
        pass
