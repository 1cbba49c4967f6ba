"""The command line: every string of arguments ends with one of the statuses that are promised, bad ones with one line on stderr."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile

from fuzz.draws import Draws
from symdl.cli import main

COMMANDS = [
    ["derive"],
    ["derive", "--format", "latex"],
    ["derive", "--format", "python"],
    ["derive", "--format", "html"],
    ["check"],
    ["graph"],
    ["train", "--epochs", "2", "--lr", "0.1", "--quiet", "--backend", "numpy"],
    [],
]
#: What comes before the parts of the text.
OPTIONS = ["", "--wrt", "--shape", "--claim", "--let", "--at", "--name", "--param", "--data", "--init", "--method", "--batch", "--lang", "--seed", "--dtype"]
PROMISED = {0, 1, 2, 64}


def one(data: bytes) -> None:
    draws = Draws(data)
    argv = [*draws.one_of(COMMANDS)]
    flags = [draws.one_of(OPTIONS) for _ in range(1 + draws.below(6))]
    parts = draws.text().split("|")
    for flag, part in zip([*flags, *[""] * len(parts)], parts, strict=False):
        argv += [flag, part] if flag else [part]
    if any(a in ("verify", "mutants", "tour") for a in argv[:1]) or any(a.startswith(("-o", "--out", "--check", "--ep", "--ba")) for a in argv[1:]):
        return  # scripts are run because they are the user's own; files are written where the user says
    if any(a.startswith("--") and "=" in a for a in argv):
        return
    out, err = io.StringIO(), io.StringIO()
    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        os.chdir(folder)
        try:
            status = main(argv)
        finally:
            os.chdir(here)
    said = err.getvalue()
    assert status in PROMISED, (argv, status, said)
    assert "Traceback" not in said
    if status == 64:
        assert said.startswith("symdl: error: ") and said.count("\n") == 1, (argv, said)
