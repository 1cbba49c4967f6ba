"""All benchmarks, one after the other, each a process of its own; every one checks before it times.

Run: python benchmarks/run.py [--quick] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

#: Name -> the script, and what it is told when there is little time.
SCRIPTS: dict[str, tuple[str, list[str]]] = {
    "deriving": ("derive.py", ["--rounds", "3"]),
    "steps": ("native_step.py", ["--rounds", "5"]),
    "digits": ("digits_step.py", ["20"]),
    "adbench": ("adbench/run.py", ["--quick"]),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    options = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    failed = []
    for name in options.only:
        script, little = SCRIPTS[name]
        print(f"\n=== {name}: {script}", flush=True)
        if subprocess.run([sys.executable, str(HERE / script), *(little if options.quick else [])], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
