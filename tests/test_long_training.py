"""Trainings that take long: interrupted, killed, diverging, and data that fill the memory once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import symdl as sd
from symdl.cli import main
from symdl.train import run
from symdl.train.course import Course
from symdl.train.divergence import GROWN, RISES, risen
from symdl.train.loop import fit_loop

n, p = sd.dims("n p")
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
SQUARES = sd.sum((X @ w - y) ** 2) / 2
RNG = np.random.default_rng(0)
XS = RNG.normal(size=(500, 3))
DATA = {"X": XS, "y": XS @ [1.0, 2.0, 3.0]}
START = {"w": np.zeros(3)}

#: A training of minutes that says where its checkpoint is.
LONG = textwrap.dedent(
    """
    import sys, numpy as np, symdl as sd
    n, p = sd.dims("n p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    xs = np.random.default_rng(0).normal(size=(5000, 3))
    print("ready", flush=True)
    sd.train(sd.sum(sd.sigmoid(X @ w) * (X @ w) - y), {"w": np.zeros(3)}, {"X": xs, "y": xs @ [1.0, 2.0, 3.0]}, lr=1e-5, batch=7, epochs=10**6,
             method="adam", seed=3, backend=sys.argv[2], checkpoint=sys.argv[1], resume=True)
    """
)


def _train(**options):
    given = {"lr": 1e-3, "epochs": 20, "seed": 1} | options
    return sd.train(SQUARES, START, DATA, **given)


def _position(path):
    with np.load(path, allow_pickle=False) as file:
        return int(file["epoch"]), int(file["step"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_a_checkpoint_that_goes_on(tmp_path, number):
    path, script = tmp_path / "state.npz", tmp_path / "long.py"
    script.write_text(LONG)
    running = subprocess.Popen([sys.executable, str(script), str(path), "numpy"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None and running.stdout.readline() == b"ready\n"
    for _ in range(600):  # until it has saved in the middle
        time.sleep(0.05)
        if path.exists() and _position(path) > (0, 0):
            break
    running.send_signal(number)
    running.communicate(timeout=60)
    assert running.returncode in (1, -number)
    epoch, step = _position(path)
    assert (epoch, step) > (0, 0)
    xs = np.random.default_rng(0).normal(size=(5000, 3))
    loss, data = sd.sum(sd.sigmoid(X @ w) * (X @ w) - y), {"X": xs, "y": xs @ [1.0, 2.0, 3.0]}
    options = {"lr": 1e-5, "batch": 7, "method": "adam", "seed": 3, "backend": "numpy", "epochs": epoch + 1}
    resumed = sd.train(loss, START, data, checkpoint=path, resume=True, **options)
    whole = sd.train(loss, START, data, **options)
    assert resumed.history == whole.history and resumed.params["w"].tobytes() == whole.params["w"].tobytes()


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_ctrl_c_finishes_the_step(tmp_path, backend, monkeypatch):
    """The signal comes while an engine works; what is saved is the state after whole steps, and the handler is the old one again."""
    if backend == "native":
        pytest.importorskip("symdl.lower.native.toolchain").compiler()
    path = tmp_path / "state.npz"
    advance, calls = Course.advance, []

    def hit(self, most, epochs):
        calls.append(most)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return advance(self, most, epochs)

    monkeypatch.setattr(Course, "advance", hit)
    with pytest.raises(KeyboardInterrupt):
        _train(batch=16, epochs=10**6, checkpoint=path, backend=backend)
    assert len(calls) == 5 and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.undo()
    epoch, _ = _position(path)
    rest = _train(batch=16, epochs=epoch + 2, checkpoint=path, resume=True, backend=backend)
    assert rest.params["w"].tobytes() == _train(batch=16, epochs=epoch + 2, backend=backend).params["w"].tobytes()


def test_stretches_do_not_change_a_bit(monkeypatch):
    whole = _train(batch=16, method="adam")
    monkeypatch.setattr(sys.modules["symdl.train.run"], "_next_count", lambda count, seconds: 3)
    assert _train(batch=16, method="adam").history == whole.history


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("batch", [None, 32])
def test_divergence_keeps_what_was_good(backend, batch):
    with pytest.raises(sd.DivergenceError, match=r"training diverged; use a learning rate below 0\.5") as caught:
        _train(lr=0.5, epochs=5000, backend=backend, batch=batch)
    kept = caught.value.params["w"]
    assert np.isfinite(kept).all() and sd.evaluate(SQUARES, w=kept, **DATA) <= sd.evaluate(SQUARES, w=START["w"], **DATA)
    assert "epoch" in str(caught.value) and isinstance(caught.value, sd.DomainError)


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_step_and_the_quantity_are_named(backend):
    """The gradient is 1 at 3 and at 2, and infinite at 1, where the loss is still finite."""
    v = sd.tensor("v")
    loss, gradient = v**2, {"v": 1 + (v - 3) * (v - 2) / (v - 1)}
    with pytest.raises(sd.DivergenceError, match=r"in epoch 4: the gradient by v is -?inf") as caught, np.errstate(all="ignore"):
        fit_loop(loss, gradient, {"v": 3.0}, {}, lr=1.0, epochs=9, backend=backend)
    assert caught.value.params == {"v": 1.0} and caught.value.epoch == 2


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("options", [{}, {"epochs": 5}, {"callback": lambda *_: None}, {"checkpoint": "state.npz"}])
def test_a_gradient_that_does_not_exist_is_no_silent_nan(tmp_path, monkeypatch, backend, options):
    """The last step too, after which nobody asks for a loss."""
    monkeypatch.chdir(tmp_path)
    norm = sd.sqrt(sd.sum(w**2))
    with pytest.raises(sd.DivergenceError, match=r"at the first parameters the loss is 0, but the gradient by w\[0\] is nan.*begin with other") as caught:
        sd.train(norm, {"w": np.zeros(3)}, {}, backend=backend, **({"lr": 0.1, "epochs": 1} | options))
    assert not caught.value.params["w"].any()


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_last_step_of_a_batched_training_is_looked_at(backend):
    """The norm has no derivative at the last sample, whose inputs are zeros."""
    loss = sd.sum(sd.sqrt((X @ w) ** 2))
    rows = np.r_[np.ones((9, 3)), np.zeros((1, 3))]
    with pytest.raises(sd.DivergenceError, match=r"after epoch 1: the gradient by w\[0\] is nan") as caught:
        sd.train(loss, {"w": np.ones(3)}, {"X": rows}, lr=0.01, batch=1, epochs=1, order="given", backend=backend)
    assert caught.value.params["w"] == pytest.approx(1 - 0.09) and (caught.value.epoch, caught.value.step) == (0, 9)


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_method_that_overflows_is_named(tmp_path, backend):
    with pytest.raises(sd.DivergenceError, match="so large that s of adam overflows"):
        sd.train(1e200 * sd.sum(w), START, {}, lr=0.1, epochs=4, method="adam", backend=backend, checkpoint=tmp_path / "c.npz")


def test_a_loss_without_a_lower_bound_is_said_to_be():
    with pytest.raises(sd.DivergenceError, match=r"falls without bound.*add a term"):
        sd.train(-sd.sum(w**2), {"w": np.ones(3)}, {}, lr=1.0, epochs=5000)


def test_bad_first_values_are_said_to_be():
    with pytest.raises(sd.DivergenceError, match="at the first parameters"):
        sd.train(sd.sum(sd.exp(X @ w)), {"w": np.full(3, 1e4)}, {"X": XS}, lr=0.1, epochs=3)


def test_growth_is_seen_and_noise_is_not():
    assert risen([float(10**k) for k in range(RISES + 4)], 0) == RISES
    assert risen([1.0] + [float(k) for k in range(1, 50)], 0) is None  # slow
    assert risen([1.0, 5.0, 2.0] * 20, 0) is None
    late = [1.0] * 30 + [GROWN**k for k in range(1, RISES + 2)]
    assert risen(late, 0) == risen(late, 35) == 30 + RISES - 1
    assert risen(late, len(late)) is None


def test_command_line_keeps_the_last_good_parameters(tmp_path, capsys):
    np.savez(tmp_path / "d.npz", **DATA)
    target = tmp_path / "out.npz"
    data = [f"--data={name}={tmp_path / 'd.npz'}:{name}" for name in DATA]
    status = main(["train", "sum((X @ w - y)**2)/2", *data, "--param", "w:3", "--init", "zeros", "--lr", "0.5", "--epochs", "99", "-o", str(target), "--quiet"])
    said = capsys.readouterr().err
    assert status == 64 and "training diverged" in said and f"are kept, in {tmp_path / 'out.good.npz'}" in said and said.count("\n") == 1
    assert not target.exists()
    with np.load(tmp_path / "out.good.npz") as file:
        assert np.isfinite(file["w"]).all()


def test_bar_counts_steps_and_says_what_is_left(capsys):
    pytest.importorskip("tqdm")
    _train(batch=50, epochs=3, progress=True)
    shown = capsys.readouterr().err
    assert "30/30" in shown and "step/s" in shown and "loss=" in shown


def test_memory_mapped_data_are_not_copied(tmp_path):
    """What the training holds beside the data is small, whatever the data's size."""
    import tracemalloc

    rows = 200_000
    mapped = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=float, shape=(rows, 20))
    mapped[:] = np.random.default_rng(1).normal(size=(1000, 20)).repeat(rows // 1000, axis=0)
    target = np.lib.format.open_memmap(tmp_path / "y.npy", mode="w+", dtype=float, shape=(rows,))
    target[:] = mapped @ np.arange(20.0)
    data = {"X": np.load(tmp_path / "X.npy", mmap_mode="r"), "y": np.load(tmp_path / "y.npy", mmap_mode="r")}
    start = {"w": np.zeros(20)}
    sd.train(SQUARES, start, {"X": XS[:, [0] * 20], "y": DATA["y"]}, lr=1e-9, epochs=1, batch=100)  # what is loaded and cached once
    tracemalloc.start()
    sd.train(SQUARES, start, data, lr=1e-4, epochs=1, batch=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < mapped.nbytes / 4


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_thousands_of_short_epochs(backend):
    """Stretches end with the epoch: their length must not grow beyond all bounds."""
    options = {"lr": 1e-5, "epochs": 1500, "batch": 100, "backend": backend}
    data = {"X": XS[:200], "y": DATA["y"][:200]}
    assert len(sd.train(SQUARES, START, data, **options).history) == 1500


@pytest.mark.parametrize("seconds", [0.0, 1e-12, 0.01, 10.0])
def test_the_next_stretch_is_at_most_twice_the_last(seconds):
    assert all(1 <= run._next_count(taken, seconds) <= max(1, 2 * taken) for taken in (0, 1, 7, 10**9))


def test_where_all_parameters_are_finite_the_largest_is_named():
    with pytest.raises(sd.DivergenceError, match=r"the largest of them is w\[\d\] = -?\d"):
        _train(lr=1e3, epochs=300, batch=7)


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals of POSIX")
@pytest.mark.parametrize(("terminal", "shown"), [(True, True), (False, False)])
def test_a_bar_in_a_terminal_and_silence_in_a_pipe(tmp_path, terminal, shown):
    pytest.importorskip("tqdm")
    script = tmp_path / "short.py"
    script.write_text(LONG.replace("10**6", "3").replace(", checkpoint=sys.argv[1], resume=True", ""))
    ours, theirs = os.openpty() if terminal else os.pipe()
    running = subprocess.Popen([sys.executable, str(script), "", "numpy"], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # a terminal whose other end is closed
            break
        if not more:
            break
        said += more
    os.close(ours)
    assert running.wait(timeout=60) == 0
    assert bool(said.strip()) == shown, said
    if shown:  # the rate, and the time that is left
        assert b"step/s" in said and b"<" in said and b"100%" in said and b"loss=" in said
