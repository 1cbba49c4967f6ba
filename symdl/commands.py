"""What each subcommand of the command line does: arguments in, calls of the package, text out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symdl.errors import DataError, NameError_, SymdlError

OK, FAILED, UNDECIDED = 0, 1, 2
#: Characters of a claim that are read from a file; more are refused by the reader.
_LONGEST_CLAIM = 50_000


def tour(args: argparse.Namespace) -> int:
    from symdl import tour

    return tour.run(args.output, args.lang, say=lambda line: print(line, flush=True))


def derive(args: argparse.Namespace) -> int:
    import symdl as sd

    derived = sd.derive(_expression(args.expr, args), _names(args.wrt))
    form = args.format or (_ending(args.output) if args.output else "text")
    if args.dtype and form != "python":
        raise DataError(f"--dtype is for --format python, and the format is {form}")
    if form in ("text", "latex", "html", "python"):
        _write(_rendered(derived, form, args.lang, args.dtype), args.output)
        return OK
    if not args.output:
        raise DataError(f"{form} is no text for the terminal: give a file, -o FILE.{form}")
    print(derived.save(args.output, lang=args.lang))
    return OK


def _rendered(derived: Any, form: str, lang: str, dtype: str | None) -> str:
    if form == "python":
        from symdl.lower.source import python_source

        return python_source(derived.loss, derived.gradients, dtype=dtype)
    if form == "text":
        from symdl.render.derivation import derivation_text

        return derivation_text(derived, lang)
    return derived.latex(lang) if form == "latex" else derived.html(lang)


def check(args: argparse.Namespace) -> int:
    import symdl as sd
    from symdl.expr.tex.reading import looks_like_latex

    loss = _expression(args.expr, args)
    wrt: list[str] = [name for text in args.wrt for name in text.split(",") if name]
    text = _claim(args)
    if looks_like_latex(text):
        return _said(sd.check(loss, wrt, text))
    try:
        claim = _expression(text, args)
    except SymdlError:  # sd.check says it better: it knows what is claimed, and reads formulas without any LaTeX command
        return _said(sd.check(loss, wrt, text))
    strange = sorted(set(claim.inputs) - set(loss.inputs) - set(_shapes(args.shape)))
    if strange:  # an undeclared name is a scalar to the parser; in a claim it is a slip of the pen
        return _said(sd.check(loss, wrt, text))
    return _said(sd.check(loss, wrt, claim))


def _claim(args: argparse.Namespace) -> str:
    """The claim: as it is typed, or from a file, or from the standard input."""
    if (args.claim is None) == (args.claim_file is None):
        raise DataError("check: give the claim with --claim TEXT or with --claim-file FILE (- for the standard input)")
    if args.claim is not None:
        return str(args.claim)
    try:
        if args.claim_file == "-":
            return sys.stdin.read(_LONGEST_CLAIM)
        with open(args.claim_file, encoding="utf-8") as file:
            return file.read(_LONGEST_CLAIM)
    except UnicodeDecodeError:
        raise DataError(f"{args.claim_file} is not a text in UTF-8") from None
    except OSError as error:
        raise DataError(f"{args.claim_file} cannot be read: {error.strerror}") from None


def _said(verdict: Any) -> int:
    print(verdict)
    return {"PROVED": OK, "REFUTED": FAILED}.get(verdict.verdict, UNDECIDED)


def verify(args: argparse.Namespace) -> int:
    import symdl as sd
    from symdl import scripts
    from symdl.prove.oracles import chosen

    if args.rules:
        from symdl import shipped

        rules = shipped.report()
        print(rules)
        return _status([rules])
    reports = []
    oracles = chosen(args.oracles)
    paths = scripts.find(args.files)
    for path in paths:
        report = sd.verify_page(scripts.load_page(path), oracles)
        print(f"{report}\n", flush=True)
        reports.append(report)
    failed = [path.stem for path, report in zip(paths, reports, strict=True) if not report.ok]
    print(f"FAILED: {', '.join(failed)}" if failed else f"{len(paths)} of {len(paths)} derivations hold")
    return _status(reports)


def _status(reports: Sequence[Any]) -> int:
    """Undecided is neither right nor wrong."""
    if all(report.ok for report in reports):
        return OK
    return FAILED if any(report.verdict == "REFUTED" for report in reports) else UNDECIDED


def mutants(args: argparse.Namespace) -> int:
    from symdl.mutants import score

    def say(row: Any) -> None:
        print(f"{row.name}: {row.count(score.CAUGHT)} of {row.different} caught", file=sys.stderr, flush=True)

    found = score.run(args.quick, args.names or None, args.seed, say=say)
    print(found)
    return FAILED if not found.ok else OK if found.decided else UNDECIDED


def graph(args: argparse.Namespace) -> int:
    import symdl as sd
    from symdl.train.files import read_value

    values = {name: read_value(name, text) for name, text in (_pair(text, "--at") for text in args.at)}
    if not values and not args.output:
        raise DataError("graph: give values with --at NAME=NUMBER, a drawing with -o FILE.svg, or both")
    expr = _expression(args.expr, args)
    made = sd.Graph.of(sd.let(args.name, expr) if args.name and expr.name is None else expr)
    if values:
        forward = made.forward(**values)
        backward = {} if expr.shape else made.backward(made.output, **values)
        rows = [(name, _show(forward.get(name, values.get(name))), _show(backward.get(name))) for name in made.nodes]
        print(_table([("", "forward", "backward"), *rows]))
    if args.output:
        print(made.draw(args.output, values or None))
    return OK


def train(args: argparse.Namespace) -> int:
    import numpy as np

    import symdl as sd
    from symdl.train.files import read_array

    data = {name: read_array(name, source) for name, source in (_pair(text, "--data") for text in args.data)}
    specs = [_param(text) for text in args.param]
    shapes = _data_shapes(data) | {name: sizes for name, sizes, _ in specs} | _shapes(args.shape)
    loss = _expression(args.expr, args, shapes)
    start = _start(specs, _sizes(shapes, data), args.seed, args.init)
    target = Path(args.output)
    if not target.parent.is_dir():
        raise DataError(f"{target} cannot be written: there is no folder {target.parent}")
    try:
        result = sd.train(loss, start, data, lr=args.lr, epochs=args.epochs, batch=args.batch, method=args.method, backend=args.backend,
                          seed=args.seed, dtype=args.dtype,
                          progress=False if args.quiet else None, **_checkpoint(args))  # fmt: skip
    except sd.DivergenceError as error:
        kept = target.with_name(f"{target.stem}.good.npz")  # never taken for what was asked for
        np.savez(kept, **error.params)
        raise sd.DivergenceError(f"{error}, in {kept}") from None
    np.savez(target, **result.params)
    if len(result.history):
        print(f"loss {result.history[0]:.6g} -> {result.history[-1]:.6g} in {len(result.history)} epochs, {result.seconds:.2f} s")
    print(target)
    return OK


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


def _sizes(shapes: Mapping[str, str], data: Mapping[str, Any]) -> dict[str, int]:
    """Numbers for the symbolic sizes, from the data."""
    known: dict[str, int] = {}
    for name, value in data.items():
        for size, number in zip(_names([shapes[name]]), value.shape, strict=False):
            known.setdefault(size, number)
    return known


def _start(specs: Sequence[tuple[str, str, str]], known: Mapping[str, int], seed: int, scheme: str) -> dict[str, Any]:
    """The parameters' first values: from files, or drawn."""
    from symdl.train.files import read_value
    from symdl.train.init import initial

    shapes = {name: tuple(int(size) if size.isdigit() else size for size in _names([sizes])) for name, sizes, source in specs if not source}
    drawn = initial(shapes, seed, scheme, known)
    return {name: read_value(name, source) if source else drawn[name] for name, _, source in specs}


# --- arguments ----------------------------------------------------------------------------------------------


def _expression(text: str, args: argparse.Namespace, shapes: Mapping[str, str] | None = None) -> Any:
    """Read an expression; --let names stand for what they were said to be."""
    import symdl as sd

    known: dict[str, Any] = dict(_shapes(args.shape) if shapes is None else shapes)
    for name, body in (_pair(text, "--let") for text in args.let):
        if name in known:
            raise NameError_(f"--let {name}: the name is taken; choose another one")
        known[name] = sd.let(name, sd.parse(body, **known))
    return sd.parse(text, **known)


def _shapes(texts: Sequence[str]) -> dict[str, str]:
    """--shape X:n,p -> {"X": "n,p"}; a scalar has nothing after the colon."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, sizes = text.partition(":")
        if not name.strip():
            raise NameError_(f"--shape {text!r:.60}: write NAME:size,size, e.g. X:n,p")
        if found.setdefault(name.strip(), sizes.strip()) != sizes.strip():
            raise NameError_(f"--shape {name.strip()} is given twice: {found[name.strip()]} and {sizes.strip()}")
    return found


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise NameError_(f"{option} {text!r:.60}: write NAME=VALUE")
    return name.strip(), value.strip()


def _names(texts: Sequence[str]) -> list[str]:
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _ending(path: str) -> str:
    """The format that a file's ending means; the ending itself where only ``save`` knows it."""
    ending = os.path.splitext(path)[1].lower().lstrip(".")
    return {"tex": "latex", "txt": "text", "py": "python"}.get(ending, ending or "text")


def _is_scalar(value: Any) -> bool:
    return getattr(value, "shape", ()) == ()


def _show(value: Any) -> str:
    if value is None:
        return ""
    return f"{float(value):.10g}" if _is_scalar(value) else " ".join(str(value).split())


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def _write(text: str, path: str | None) -> None:
    if path is None:
        print(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text if text.endswith("\n") else text + "\n")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None
    print(path)
