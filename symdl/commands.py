"""What each subcommand of the command line does: arguments in, calls of the package, text out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from symdl.arguments import expression, names, pairs, shapes
from symdl.errors import DataError, SymdlError

OK, FAILED, UNDECIDED = 0, 1, 2
#: Characters of a claim that are read from a file; more are refused by the reader.
_LONGEST_CLAIM = 50_000
#: What some editors put in front of a text in UTF-8.
_MARK = "\ufeff"


def tour(args: argparse.Namespace) -> int:
    from symdl import tour

    return tour.run(args.output, args.lang, say=lambda line: print(line, flush=True))


def derive(args: argparse.Namespace) -> int:
    import symdl as sd

    derived = sd.derive(expression(args.expr, args), names(args.wrt))
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

    loss = expression(args.expr, args)
    wrt: list[str] = [name for text in args.wrt for name in text.split(",") if name]
    text = _claim(args)
    if looks_like_latex(text):
        return _said(sd.check(loss, wrt, text))
    try:
        claim = expression(text, args)
    except SymdlError:  # sd.check says it better: it knows what is claimed, and reads formulas without any LaTeX command
        return _said(sd.check(loss, wrt, text))
    strange = sorted(set(claim.inputs) - set(loss.inputs) - set(shapes(args.shape)))
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
            if sys.stdin is None:
                raise DataError("check: --claim-file - reads the standard input, and that is closed")
            return sys.stdin.read(_LONGEST_CLAIM).removeprefix(_MARK)
        with open(args.claim_file, encoding="utf-8-sig") as file:
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
    numbers = [path.stem for path, report in zip(paths, reports, strict=True) if report.ok and report.verdict != "PROVED"]
    by_numbers = f"; by numbers only, not proved: {', '.join(numbers)}" if numbers else ""
    print(f"FAILED: {', '.join(failed)}" if failed else f"{len(paths)} of {len(paths)} derivations hold{by_numbers}")
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

    values = {name: read_value(name, text) for name, text in pairs(args.at, "--at").items()}
    if not values and not args.output:
        raise DataError("graph: give values with --at NAME=NUMBER, a drawing with -o FILE.svg, or both")
    expr = expression(args.expr, args)
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
    from symdl.train_command import train

    return train(args)


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
    if not path:
        raise DataError("-o needs the name of a file")
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text if text.endswith("\n") else text + "\n")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from None
    print(path)
