"""The tests of native code once more, all C compiled with the address and undefined-behaviour sanitizers: reads and writes beyond arrays, bad shifts.

Run: python benchmarks/sanitized.py [arguments of pytest ...]     (GCC on Linux; some minutes. Not a benchmark: it lies here as it is run by hand.)
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")
TESTS = ["tests/test_native.py", "tests/test_native_more.py", "tests/test_native_kernels.py"]

#: Tests of what has nothing to do with the C, or of processes of their own, into which the sanitizer is not brought.
NOT = "not interrupted and not cache and not compiler and not spoilt and not refused"


def main() -> int:
    if os.environ.get("SYMDL_SANITIZED") != "1":
        found = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = os.environ | {"SYMDL_SANITIZED": "1", "LD_PRELOAD": found, "SYMDL_CC": "gcc", "PYTHONPATH": path}
        env |= {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
        return subprocess.run([sys.executable, __file__, *sys.argv[1:]], env=env, check=False, cwd=ROOT).returncode
    del os.environ["LD_PRELOAD"]  # the compiler itself is not looked at
    import pytest

    from symdl.lower.native import toolchain

    toolchain.FLAGS = (*toolchain.FLAGS, *FLAGS)  # type: ignore[assignment]
    toolchain.PATIENCE = 600.0
    return int(pytest.main(["-q", "-x", "-p", "no:xdist", "-p", "no:cacheprovider", "-k", NOT, *(sys.argv[1:] or TESTS)]))


if __name__ == "__main__":
    raise SystemExit(main())
