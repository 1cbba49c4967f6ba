"""The command line: reads arguments, calls the package, prints. Every subcommand is one short function.

Exit status: 0 done; 1 refuted or failed; 2 undecided; 64 bad input, with one line on stderr; 70 a fault of symdl; 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from symdl import commands
from symdl.errors import SymdlError

BAD_INPUT, FAULT, INTERRUPTED, PIPE_CLOSED = 64, 70, 130, 141


class Parser(argparse.ArgumentParser):
    """argparse with symdl's one-line errors and exit status."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"symdl: error: {' '.join(message.split())} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    try:
        return _run(argv)
    except KeyboardInterrupt:
        print("symdl: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(argv: Sequence[str] | None) -> int:
    _show_what_can_be_shown()
    try:
        args = _parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    debug = args.debug or os.environ.get("SYMDL_DEBUG", "0") not in ("", "0")
    try:
        status = args.run(args)
        if sys.stdout is not None:  # closed by who called
            sys.stdout.flush()
        return int(status)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _write_no_more()
        return PIPE_CLOSED
    except SymdlError as error:
        return _complain(f"error: {error}", BAD_INPUT, debug)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG):
            return _complain(_internal(error), FAULT, debug)
        _write_no_more()
        return _complain(f"error: the output cannot be written: {error.strerror}", BAD_INPUT, debug)
    except Exception as error:
        return _complain(_internal(error), FAULT, debug)


def _show_what_can_be_shown() -> None:
    """Where the terminal has no letter for a formula's or a language's sign, its number is shown, and nothing ends in the middle."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in (stream.encoding or "").lower():
            stream.reconfigure(errors="backslashreplace")


def _write_no_more() -> None:
    """What is still in the buffer would be tried again at the end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}: {error} (--debug shows where)"


def _complain(message: str, status: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"symdl: {' '.join(message.split())}", file=sys.stderr)
    return status


# --- the arguments ------------------------------------------------------------------------------------------


def _parser() -> Parser:
    common = Parser(add_help=False)
    common.add_argument("--debug", action="store_true", help="on an error, show where it happened")
    parser = Parser(prog="symdl", description="Derives, proves and runs the calculus of deep learning.")
    parser.add_argument("--version", action="version", version=f"symdl {_version()}")
    sub = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)

    def command(name: str, summary: str, **options: Any) -> Parser:
        made = sub.add_parser(name, help=summary, description=summary, parents=[common], **options)
        made.set_defaults(run=getattr(commands, name))
        return made

    _tour(command("tour", "Run all derivations with their proofs and checks, train on real digits, write one HTML report."))
    _derive(command("derive", "Derive the gradient of a scalar, step by step."))
    _check(command("check", "Decide whether a claimed gradient is right: exit 0 PROVED, 1 REFUTED, 2 UNKNOWN."))
    _verify(command("verify", "Prove and check derivation scripts; all that come with symdl when none is named."))
    _mutants(command("mutants", "Make right gradients wrong in small ways and count how many of the wrong ones the prover catches."))
    _graph(command("graph", "Values forward and derivatives backward through an expression's graph, and its drawing."))
    _train(command("train", "Fit parameters by gradient descent to data from files."))
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("symdl")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"


def _tour(p: Parser) -> None:
    p.add_argument("-o", "--output", metavar="FILE", help="the report, or a folder for it (symdl-report.html)")
    _language(p)


def _derive(p: Parser) -> None:
    _expression(p)
    p.add_argument("--wrt", action="append", required=True, metavar="NAME,NAME", help="what to differentiate by")
    p.add_argument("--format", choices=["text", "latex", "html", "pdf", "python"], help="text, unless the ending of FILE says otherwise")
    p.add_argument("--dtype", choices=["float64", "float32"], help="of the printed Python (float64)")
    p.add_argument("-o", "--output", metavar="FILE")
    _language(p)


def _check(p: Parser) -> None:
    _expression(p)
    p.add_argument("--wrt", action="append", required=True, metavar="NAME", help="what is differentiated by; given twice, or as NAME,NAME: second derivatives")
    p.add_argument("--claim", metavar="EXPR", help="the gradient that is claimed, in the text language or in LaTeX; several lines are checked line by line")
    p.add_argument("--claim-file", metavar="FILE", help="the claim from a file; - is the standard input")


def _verify(p: Parser) -> None:
    p.add_argument("files", nargs="*", metavar="FILE", help="a script with a function page(), or the name of one that comes with symdl")
    p.add_argument("--oracles", default="", metavar="NAME,NAME", help="numeric derivatives to compare with: tape, torch, jax, complex, differences, or all")
    p.add_argument("--rules", action="store_true", help="prove the function table, the rewrites, the layers and the losses instead")


def _mutants(p: Parser) -> None:
    p.add_argument("names", nargs="*", metavar="GRADIENT", help="all of them when none is named")
    p.add_argument("--quick", action="store_true", help="a few mutants of every gradient")
    p.add_argument("--seed", type=int, default=0, help="which mutants")


def _graph(p: Parser) -> None:
    _expression(p)
    p.add_argument("--at", action="append", default=[], metavar="NAME=VALUE", help="a number, a list [1, 2], or a file")
    p.add_argument("--name", metavar="NAME", help="what the result is called (output)")
    p.add_argument("-o", "--output", metavar="FILE.svg")


def _train(p: Parser) -> None:
    _expression(p)
    p.add_argument("--data", action="append", required=True, metavar="NAME=FILE", help="FILE.npy, FILE.npz[:key] or FILE.csv[:column,column]")
    p.add_argument("--param", action="append", required=True, metavar="NAME:SIZES[=FILE]", help="a parameter; drawn at random, or read from a file or number")
    p.add_argument("--init", default="xavier", choices=["xavier", "he", "normal", "zeros"], help="how parameters without a file are drawn")
    p.add_argument("--lr", type=float, required=True, help="learning rate")
    p.add_argument("--epochs", type=int, required=True)
    p.add_argument("--batch", type=int, help="samples in a minibatch; all when not given")
    p.add_argument("--method", default="gd", help="gd (when not given), momentum or adam")
    p.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", help="a setting of the method: mu of momentum; beta1, beta2, eps of adam")
    p.add_argument("--backend", default="auto", help="auto (when not given: native where it pays), native or numpy")
    p.add_argument("--dtype", choices=["float64", "float32"], help="of parameters and steps (float64)")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--checkpoint", metavar="FILE", help="save the state of the training here as it goes")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    p.add_argument("--quiet", action="store_true", help="no progress bar")
    p.add_argument("--plan", action="store_true", help="print what a step does, what was hoisted, and what it costs")
    p.add_argument("-o", "--output", default="params.npz", metavar="FILE.npz", help="the trained parameters (params.npz)")


def _expression(p: Parser) -> None:
    p.add_argument("expr", metavar="EXPR", help="in Python's notation on arrays, e.g. 'sum((sigmoid(X @ w) - y)**2)/2'")
    p.add_argument("--shape", action="append", default=[], metavar="NAME:n,p", help="sizes of a tensor: names or numbers; none for a scalar")
    p.add_argument("--let", action="append", default=[], metavar="NAME=EXPR", help="name an intermediate result that EXPR then mentions")


def _language(p: Parser) -> None:
    p.add_argument("--lang", choices=["en", "zh"], default="en")
