"""Checkpoints that are damaged, of another training, or cannot be written: one line, nothing lost, and never the wrong state taken for the right one."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.lower.fingerprint import fingerprint
from symdl.train import checkpoint, run

n, p = sd.dims("n p")
X, w, b, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("b"), sd.tensor("y", n)
LOSS = sd.mean((sd.sigmoid(X @ w + b) - y) ** 2)
RNG = np.random.default_rng(0)
DATA = {"X": RNG.normal(size=(20, 3)), "y": (RNG.random(20) > 0.5) * 1.0}
START = {"w": np.zeros(3), "b": 0.0}


def fit(path, **options):
    given = dict(lr=0.1, epochs=6, batch=6, seed=3, checkpoint=path, resume=True, backend="numpy") | options
    return sd.train(given.pop("loss", LOSS), START, given.pop("data", DATA), **given)


@pytest.fixture
def written(tmp_path):
    """A checkpoint in the middle of a training, and its bytes."""
    path = tmp_path / "state.npz"
    fit(path, epochs=3)
    return path, path.read_bytes()


def changed(path, good, **values):
    with np.load(io.BytesIO(good)) as file:
        np.savez(path, **(dict(file) | values))


def test_cut_short_anywhere(written):
    path, good = written
    for cut in (0, 1, 10, 100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        with pytest.raises(sd.DataError, match="not a checkpoint that can be read"):
            fit(path)
        assert path.read_bytes() == good[:cut]


def test_every_flipped_byte_is_refused_or_harmless(written):
    path, good = written
    wanted = fit(None, resume=False)
    path.write_bytes(good)
    for k in range(0, len(good), 61):
        path.write_bytes(good[:k] + bytes([good[k] ^ 0xFF]) + good[k + 1 :])
        try:
            assert fit(path).history == wanted.history
        except sd.DataError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    "values",
    [
        {"epoch": np.array(-3)},
        {"epoch": np.array(2)},
        {"epoch": np.array([1, 2])},
        {"step": np.array(-1)},
        {"history": np.full(3, np.nan)},
        {"history": np.array(3.0)},
        {"total": np.array(np.inf)},
        {"total": np.array("x")},
        {"rng": np.array("{}")},
        {"rng": np.array("[")},
        {"layout": np.array("gd")},
    ],
    ids=str,
)
def test_parts_that_do_not_fit(written, values):
    path, good = written
    changed(path, good, **values)
    with pytest.raises(sd.DataError):
        fit(path)


def test_parameters_that_are_not_numbers(written):
    path, good = written
    with np.load(io.BytesIO(good)) as file:
        flat = file["flat"]
    for bad in (np.full(flat.shape, np.nan), flat[:-1], flat.astype(complex) + 1j, flat.astype(str)):
        changed(path, good, flat=bad)
        with pytest.raises(sd.DataError, match="not a checkpoint that can be read"):
            fit(path)


def test_a_step_beyond_the_epoch(written):
    path, good = written
    changed(path, good, step=np.array(400))
    with pytest.raises(sd.DataError, match="behind step 400 of an epoch that has 4"):
        fit(path)


def test_nothing_is_unpickled(written):
    path, good = written
    changed(path, good, epoch=np.array([{"a": 1}], dtype=object))
    with pytest.raises(sd.DataError, match="not a checkpoint"):
        fit(path)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": sd.mean((sd.tanh(X @ w + b) - y) ** 2)},
        {"loss": sd.mean((sd.sigmoid(X @ w * b) - y) ** 2)},
        {"loss": LOSS * 2},
        {"method": "momentum"},
        {"dtype": "float32"},
        {"batch": 5},
        {"batch": None},
        {"data": {k: v[:10] for k, v in DATA.items()}},
    ],
    ids=["function", "place", "factor", "method", "dtype", "batch", "whole", "samples"],
)
def test_of_another_training(written, options):
    path, good = written
    with pytest.raises(sd.DataError, match="of another training"):
        fit(path, **options)
    assert path.read_bytes() == good


def test_the_same_formula_has_the_same_mark_in_another_process():
    named = "n, p = sd.dims('n p'); X, w, b, y = sd.tensor('X', n, p), sd.tensor('w', p), sd.tensor('b'), sd.tensor('y', n)"
    code = "import symdl as sd; from symdl.lower.fingerprint import fingerprint; {}; " + named + "; {}; print(fingerprint(loss.node))"
    loss = "loss = sd.mean((sd.sigmoid(X @ w + b) - y) ** 2) + sd.last(sd.recur('a', b, lambda a, l: sd.sin(a) * b, 3))"
    other = "loss = sd.last(sd.recur('a', b, lambda a, l: b * sd.sin(a), 3)) + sd.mean((sd.sigmoid(b + X @ w) - y) ** 2)"
    before = "q = sd.tensor('y', 3) @ sd.tensor('w', 3)"
    lines = [code.format("0", loss), code.format(before, other)]
    marks = {subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout for line in lines}
    assert len(marks) == 1 and len(marks.pop().strip()) == 16
    assert fingerprint(sd.let("loss", LOSS).node) == fingerprint(LOSS.node)


def test_where_it_cannot_be_written(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "none" / "x.npz", tmp_path / "folder", tmp_path / ("x" * 300), "/dev/null"):
        with pytest.raises(sd.DataError, match=r"cannot be written|not a checkpoint"):
            fit(path, resume=False)
    assert sorted(os.listdir(tmp_path)) == ["folder"] and not os.path.isfile("/dev/null")


def test_a_disk_that_fills_up_takes_nothing_away(tmp_path, monkeypatch):
    path, calls, real = tmp_path / "state.npz", [], np.savez

    def full(file, **arrays):
        calls.append(int(arrays["epoch"]))
        if len(calls) == 1:
            return real(file, **arrays)
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    monkeypatch.setattr(run, "SAVE", 0.0)
    with pytest.warns(RuntimeWarning, match="No space left on device; the training goes on") as said:
        found = fit(path, resume=False)
    monkeypatch.undo()
    assert len(said) == 1 and len(calls) > 2 and found.history == fit(None, resume=False).history
    assert os.listdir(tmp_path) == ["state.npz"] and fit(path).history == found.history
