"""The command line where files, streams and terminals are not as one would wish: one line, the right status, never a traceback."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from symdl.cli import main

DERIVE = ["derive", "sum((X @ w - y)**2)/2", "--wrt", "w", "--shape", "X:n,p", "--shape", "w:p", "--shape", "y:n"]
LOSS = "sum((X @ w - y)**2)/2"


def symdl(*args, **options):
    return subprocess.run([sys.executable, "-m", "symdl", *args], stderr=subprocess.PIPE, timeout=120, check=False, **options)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("X.npy", rng.normal(size=(50, 3)))
    np.save("y.npy", rng.normal(size=50))
    np.save("complex.npy", rng.normal(size=(50, 3)) + 0j)
    return tmp_path


def train(*more):
    return ["train", LOSS, "--data", "X=X.npy", "--data", "y=y.npy", "--param", "w:3", "--lr", "1e-3", "--epochs", "5", "--quiet", *more]


def refused(capsys, args, words):
    assert main(args) == 64
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1


def test_the_mark_that_editors_put_in_front(files, capsys):
    claim = files / "claim.txt"
    claim.write_bytes(b"\xef\xbb\xbf2*x")
    assert main(["check", "sum(x**2)", "--wrt", "x", "--shape", "x:n", "--claim-file", str(claim)]) == 0


@pytest.mark.parametrize("option", [["--data", "X=X.npy"], ["--param", "w:3"]])
def test_what_is_given_twice(files, capsys, option):
    refused(capsys, train(*option), f"{option[0]} {option[1][0]} is given twice")


def test_a_value_given_twice(capsys):
    refused(capsys, ["graph", "a*b", "--at", "a=1", "--at", "a=2", "--at", "b=1"], "--at a is given twice")


def test_complex_numbers_are_not_cut_to_their_real_parts(files, capsys):
    args = train()
    args[args.index("X=X.npy")] = "X=complex.npy"
    refused(capsys, args, "complex.npy holds complex numbers")


def test_where_the_parameters_go(files, capsys):
    assert main(train("-o", "found")) == 0 and capsys.readouterr().out.splitlines()[-1] == "found.npz"
    with np.load("found.npz") as found:
        assert found["w"].shape == (3,)
    (files / "folder.npz").mkdir()
    for name, words in (("folder.npz", "it is a folder"), ("none/x.npz", "there is no folder"), ("", "needs the name of a file")):
        refused(capsys, train("-o", name), words)
    refused(capsys, [*DERIVE, "-o", ""], "needs the name of a file")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_disk_that_is_full():
    with open("/dev/full", "wb") as full:
        found = symdl(*DERIVE, stdout=full)
    assert found.returncode == 64 and found.stderr == b"symdl: error: the output cannot be written: No space left on device\n"


def test_a_reader_that_has_seen_enough():
    read, write = os.pipe()
    os.close(read)
    try:
        found = symdl(*DERIVE, stdout=write)
    finally:
        os.close(write)
    assert found.returncode == 141 and found.stderr == b""


@pytest.mark.skipif(os.name != "posix", reason="streams are closed by a shell of POSIX")
@pytest.mark.parametrize(("redirect", "status", "said"), [(">&-", 0, b""), ("<&-", 64, b"the standard input, and that is closed")])
def test_closed_streams(redirect, status, said):
    args = DERIVE if status == 0 else ["check", "sum(x**2)", "--wrt", "x", "--shape", "x:n", "--claim-file", "-"]
    line = 'exec "$@" ' + redirect
    found = subprocess.run(["sh", "-c", line, "sh", sys.executable, "-m", "symdl", *args], stderr=subprocess.PIPE, timeout=120, check=False)
    assert found.returncode == status and said in found.stderr and found.stderr.count(b"\n") <= 1


def test_a_terminal_without_the_letters():
    found = symdl(*DERIVE, "--lang", "zh", stdout=subprocess.PIPE, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert found.returncode == 0 and found.stderr == b"" and b"\\u" in found.stdout


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("seconds", [0.0, 0.4, 2.0])
def test_ctrl_c(seconds):
    code = "import sys; from symdl.cli import main; print('ready', flush=True); sys.exit(main(['verify']))"
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None and running.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and said == b"symdl: interrupted\n"
