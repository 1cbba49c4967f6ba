"""All benchmarks, one after the other, each a process of its own; every one checks before it times.

Run: python benchmarks/run.py [--quick] [--only NAME ...] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent

#: Name -> the script, and what it is told when there is little time.
SCRIPTS: dict[str, tuple[str, list[str]]] = {
    "startup": ("startup.py", ["--rounds", "5"]),
    "deriving": ("derive.py", ["--quick"]),
    "steps": ("native_step.py", ["--rounds", "5"]),
    "nets": ("nets_step.py", ["--rounds", "5"]),
    "digits": ("digits_step.py", ["20"]),
    "hoisting": ("hoisting.py", ["--steps", "5000"]),
    "hessians": ("hessians.py", ["--quick"]),
    "adbench": ("adbench/run.py", ["--quick"]),
}
PEERS = ("numpy", "sympy", "torch", "jax", "numba", "casadi", "symengine", "ziglang")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="the results as a page, with the machine and the versions of the peers")
    options = parser.parse_args(argv)
    described = machine()
    print("\n".join(described), flush=True)
    results, failed = {}, []
    for name in options.only:
        script, little = SCRIPTS[name]
        print(f"\n=== {name}: {script}", flush=True)
        status, results[name] = told(script, little if options.quick else [])
        if status:
            failed.append(name)
    if options.write:
        options.write.write_text(page(described, results, failed, options.quick), encoding="utf-8")
        print(f"\n{options.write}")
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


def told(script: str, arguments: list[str]) -> tuple[int, str]:
    """Exit status and output of a benchmark, which is shown as it comes."""
    said = []
    with subprocess.Popen([sys.executable, "-u", str(HERE / script), *arguments], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            said.append(line)
    return running.returncode, "".join(said)


def machine() -> list[str]:
    """What it runs on, a line each."""
    return [
        f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in PEERS),
    ]


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor() or "unknown processor")


def version(package: str) -> str:
    """Of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def page(described: Sequence[str], results: dict[str, str], failed: Sequence[str], quick: bool) -> str:
    """The results as Markdown."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    head = [
        "# Benchmarks",
        "",
        "The last run of `python benchmarks/run.py"
        + (" --quick" if quick else "")
        + " --write docs/benchmarks.md`, as it printed itself. Correctness is checked before",
        "anything is timed; peers run in the same process or in turn, and figures are medians. Each script's docstring says what exactly is timed.",
        "",
        f"{today}",
        "",
        *(f"- {line}" for line in described),
    ]
    parts = [
        f"\n## {name}{' (FAILED)' if name in failed else ''}: `benchmarks/{SCRIPTS[name][0]}`\n\n```text\n{text.strip(chr(10))}\n```"
        for name, text in results.items()
    ]
    return "\n".join([*head, *parts]) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
