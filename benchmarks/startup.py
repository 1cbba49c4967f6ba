"""Start-up: what ``import symdl`` adds to ``import sympy``, ``symdl --help``, and the first line of ``symdl tour``; whole processes in turn, medians.

Run: python benchmarks/startup.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

#: What is typed, and what the project promises of it, in seconds.
PROMISED = {"import symdl beyond sympy": 0.1, "symdl --help": 0.15, "symdl tour, first line": 1.0}


def whole(*argv: str) -> float:
    """Seconds of a process from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def first_line(*argv: str) -> float:
    """Seconds until a process says its first line; then it is stopped."""
    started = time.perf_counter()
    with subprocess.Popen([sys.executable, *argv], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        seconds = time.perf_counter() - started
        running.kill()
    if not line:
        raise SystemExit(f"{' '.join(argv)} said nothing")
    return seconds


def measured(rounds: int) -> dict[str, list[float]]:
    """Every command once a round."""
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, Callable[[], float]] = {
            "import sympy": lambda: whole("-c", "import sympy"),
            "import sympy, symdl": lambda: whole("-c", "import sympy, symdl"),
            "import sympy, symdl; symdl.derive": lambda: whole("-c", "import sympy, symdl; symdl.derive"),
            "symdl --help": lambda: whole("-m", "symdl", "--help"),
            "symdl tour, first line": lambda: first_line("-m", "symdl", "tour", "-o", f"{folder}/report.html"),
        }
        found: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                found[name].append(command())
    pairs = zip(found["import sympy, symdl"], found["import sympy"], strict=True)
    found["import symdl beyond sympy"] = [both - alone for both, alone in pairs]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(argv)
    whole("-c", "import symdl.cli")  # byte code
    print(f"{'':36}{'median':>9}{'least':>9}{'promised':>10}")
    for name, seconds in measured(options.rounds).items():
        promised = f"{PROMISED[name] * 1e3:.0f} ms" if name in PROMISED else ""
        print(f"{name:36}{statistics.median(seconds) * 1e3:6.0f} ms{min(seconds) * 1e3:6.0f} ms{promised:>10}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
