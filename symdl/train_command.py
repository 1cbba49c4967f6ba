"""``symdl train``: data and first values from files, parameters to a file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symdl.arguments import expression, names, once, pairs, shapes
from symdl.errors import DataError, NameError_


def train(args: argparse.Namespace) -> int:
    import symdl as sd
    from symdl.train.files import read_array

    target = _npz(args.output)
    data = {name: read_array(name, source) for name, source in pairs(args.data, "--data").items()}
    specs = [_param(text) for text in args.param]
    once([name for name, _, _ in specs], "--param")
    sizes = _data_shapes(data) | {name: size for name, size, _ in specs} | shapes(args.shape)
    loss = expression(args.expr, args, sizes)
    settings: dict[str, Any] = {name: _number(name, value) for name, value in pairs(args.set, "--set").items()}
    start = _start(specs, _sizes(sizes, data), args.seed, args.init)
    try:
        result = sd.train(loss, start, data, lr=args.lr, epochs=args.epochs, batch=args.batch, method=args.method, backend=args.backend,
                          seed=args.seed, dtype=args.dtype,
                          progress=False if args.quiet else None, **_checkpoint(args), **settings)  # fmt: skip
    except sd.DivergenceError as error:
        kept = target.with_name(f"{target.stem}.good.npz")  # never taken for what was asked for
        _save_arrays(kept, error.params)
        raise sd.DivergenceError(f"{error}, in {kept}") from None
    except KeyboardInterrupt:
        if args.checkpoint and sys.stderr is not None:
            print(f"symdl: the training stands in {args.checkpoint}; the same command with --resume goes on", file=sys.stderr)
        raise
    _save_arrays(target, result.params)
    if len(result.history):
        print(f"loss {result.history[0]:.6g} -> {result.history[-1]:.6g} in {len(result.history)} epochs, {result.seconds:.2f} s")
    if args.plan:
        print(result.plan)
    print(target)
    return 0


def _number(name: str, text: str) -> float:
    """The value of a setting; which ones there are, the training knows."""
    from symdl.train.methods import METHODS

    there = [setting for method in METHODS.values() for setting in method.settings]
    if name not in there:
        raise NameError_(f"--set {name}: not a setting of a method; there are {', '.join(there)}")
    try:
        return float(text)
    except ValueError:
        raise DataError(f"--set {name}={text!r:.40}: it must be a number") from None


def _npz(name: str) -> Path:
    """The file for the parameters, looked at before any work is done for it."""
    target = Path(name if name.lower().endswith(".npz") else f"{name}.npz")
    if not name:
        raise DataError("train: -o needs the name of a file")
    if not target.parent.is_dir():
        raise DataError(f"{target} cannot be written: there is no folder {target.parent}")
    if target.is_dir() or not os.access(target if target.exists() else target.parent, os.W_OK):
        raise DataError(f"{target} cannot be written: {'it is a folder' if target.is_dir() else 'that is not permitted'}")
    return target


def _save_arrays(target: Path, arrays: Mapping[str, Any]) -> None:
    import numpy as np

    try:
        with open(target, "wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror or error}") from None


def _checkpoint(args: argparse.Namespace) -> dict[str, Any]:
    if args.resume and not args.checkpoint:
        raise DataError("--resume needs --checkpoint FILE, the file to go on from")
    return {"checkpoint": args.checkpoint, "resume": args.resume} if args.checkpoint else {}


def _param(text: str) -> tuple[str, str, str]:
    """W:64,30 or W:64,30=start.npz -> name, sizes, file."""
    described, _, source = text.partition("=")
    name, _, sizes = described.partition(":")
    if not name.strip():
        raise NameError_(f"--param {text!r:.60}: write NAME:size,size or NAME:size,size=FILE")
    return name.strip(), sizes.strip(), source.strip()


def _data_shapes(data: Mapping[str, Any]) -> dict[str, str]:
    """Samples along the first axis, N of them; the other sizes as in the file."""
    return {name: ",".join(["N", *map(str, value.shape[1:])][: value.ndim]) for name, value in data.items()}


def _sizes(shapes_of: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, int]:
    """Numbers for the symbolic sizes, from the data."""
    known: dict[str, int] = {}
    for name, value in data.items():
        for size, number in zip(names([shapes_of[name]]), value.shape, strict=False):
            known.setdefault(size, number)
    return known


def _start(specs: Sequence[tuple[str, str, str]], known: Mapping[str, int], seed: int, scheme: str) -> dict[str, Any]:
    """The parameters' first values: from files, or drawn."""
    from symdl.train.files import read_value
    from symdl.train.init import initial

    wanted = {name: tuple(int(size) if size.isdigit() else size for size in names([sizes])) for name, sizes, source in specs if not source}
    drawn = initial(wanted, seed, scheme, known)
    return {name: read_value(name, source) if source else drawn[name] for name, _, source in specs}
