"""``python -m fuzz TARGET [--minutes 5]``: fuzz a target with atheris; ``python -m fuzz TARGET FILE ...`` runs it on inputs that were found."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from pathlib import Path

from fuzz.limits import within
from fuzz.targets import NAMES

HERE = Path(__file__).parent
#: The fuzzer's counting makes Python slower by this factor, about.
SLOWER = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("inputs", nargs="*", type=Path, help="files to run the target on, without fuzzing")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="folder for the corpus that grows, and for inputs that fail")
    args = parser.parse_args()
    if args.inputs:
        one = importlib.import_module(f"fuzz.targets.{args.target}").one
        for path in args.inputs:
            with within():
                one(path.read_bytes())
            print(f"{path}: nothing wrong")
        return 0
    return _fuzz(args.target, args.minutes, args.found)


def _import_all() -> None:
    """symdl imports its parts when they are first used, which would be too late for the counting."""
    import symdl

    for found in pkgutil.walk_packages(symdl.__path__, "symdl."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def _fuzz(target: str, minutes: float, found: Path) -> int:
    try:
        import atheris
    except ImportError:
        print("fuzzing needs atheris: pip install atheris (Linux)", file=sys.stderr)
        return 64
    with atheris.instrument_imports(include=["symdl"]):
        _import_all()
        one = importlib.import_module(f"fuzz.targets.{target}").one

    def guarded(data: bytes) -> None:
        with within(10.0 * SLOWER):
            one(data)

    corpus = found / target
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = HERE / "seeds" / target
    options = [f"-max_total_time={int(60 * minutes)}", f"-artifact_prefix={found}/{target}-", "-rss_limit_mb=4000", "-timeout=120", "-print_final_stats=1"]
    atheris.Setup([f"fuzz {target}", *options, str(corpus), *([str(seeds)] if seeds.is_dir() else [])], guarded)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
