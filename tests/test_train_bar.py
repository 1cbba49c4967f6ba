"""The progress bar: in terminals wide and narrow, and where there is nobody to show it to."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import symdl as sd

pytest.importorskip("tqdm")

n, p = sd.dims("n p")
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
LOSS = sd.sum((sd.tanh(X @ w) - y) ** 2) / n
XS = np.random.default_rng(0).normal(size=(60, 3))


def _train(epochs=30, **options):
    return sd.train(LOSS, {"w": np.zeros(3)}, {"X": XS, "y": XS[:, 0]}, lr=0.05, batch=2, epochs=epochs, seed=0, backend="numpy", **options)


#: Shows bars of several widths, without a new process for each.
IN_A_TERMINAL = textwrap.dedent(
    """
    import fcntl, struct, sys, termios, numpy as np, symdl as sd
    v = sd.tensor("v", 3)
    for columns in map(int, sys.argv[1:]):
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        sd.train(sd.sum((v - 1)**2), {"v": np.zeros(3)}, {}, lr=1e-4, epochs=12_000, backend="numpy", hoist=False)
        print("next", flush=True)
    """
)


def _in_terminal(*columns: int) -> list[str]:
    """The last state of the bar in terminals so wide."""
    pty, fcntl, termios = pytest.importorskip("pty"), pytest.importorskip("fcntl"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = os.environ | {"PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen([sys.executable, "-c", IN_A_TERMINAL, *map(str, columns)], stdin=theirs, stdout=theirs, stderr=theirs, env=env) as running:
        os.close(theirs)
        said = b""
        while True:
            try:
                more = os.read(ours, 1 << 16)
            except OSError:  # nobody writes any more
                break
            if not more:
                break
            said += more
    os.close(ours)
    assert running.returncode == 0, said
    return [re.split(r"[\r\n]+", part.rstrip("\r\n"))[-1] for part in said.decode().split("next")[:-1]]


def test_rate_time_and_loss_fit_into_every_terminal():
    wide, usual, narrow, tiny = _in_terminal(160, 80, 50, 20)
    for shown, columns in ((wide, 160), (usual, 80), (narrow, 50), (tiny, 20)):
        assert len(shown) <= columns and "100%" in shown
    for shown in (wide, usual):
        assert re.search(r"12\.0k/12\.0k \[\d\d:\d\d<00:00, .*step/s, epoch=12000, loss=[\d.e-]+\]$", shown), shown
    assert re.fullmatch(r"100% .*step/s, 00:00 left", narrow.strip()), narrow
    assert re.fullmatch(r"100% 00:00", tiny.strip()), tiny


class _Gone(io.StringIO):
    """A stream whose reader has left after so many writes."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left

    def write(self, text: str) -> int:
        self._left -= 1
        if self._left < 0:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)


@pytest.mark.parametrize("left", [0, 1, 2, 5])
def test_a_stream_that_breaks_ends_no_training(monkeypatch, left):
    plain = _train()
    monkeypatch.setattr(sys, "stderr", _Gone(left))
    shown = _train(progress=True)
    monkeypatch.undo()
    assert shown.history == plain.history


@pytest.mark.parametrize("progress", [None, True, False])
def test_a_program_without_a_console_trains(monkeypatch, progress):
    plain = _train()
    monkeypatch.setattr(sys, "stderr", None)
    quiet = _train(progress=progress)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    silent = _train(progress=progress)
    monkeypatch.undo()
    assert quiet.history == silent.history == plain.history
