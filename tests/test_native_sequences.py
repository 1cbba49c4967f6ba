"""Training of sequence models by native loops: recurrent nets, attention, transformer blocks take the steps that NumPy takes."""

import re

import numpy as np
import pytest

import symdl as sd
from symdl.lower.native import toolchain

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")
CLASSES = 5
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def cross_entropy(logits, y):
    return -sd.sum(y * sd.log_softmax(logits, axis=1)) / y.shape[0]


def recurrent(kind, n, steps, p, h, unroll=False):
    rows = GATES[kind] * h
    shapes = {"W": (rows, p), "U": (rows, h), "b": (rows,), "c": (rows,), "V": (h, CLASSES), "d": (CLASSES,)}
    W, U, b, c, V, d = (sd.tensor(name, *shape) for name, shape in shapes.items())
    X, Y, start = sd.tensor("X", steps, n, p), sd.tensor("Y", n, CLASSES), sd.zeros(n, h)
    _, last = getattr(sd, kind)(X, (start, start) if kind == "lstm" else start, W, U, b, c, unroll=unroll)
    return cross_entropy((last[0] if kind == "lstm" else last) @ V + d, Y), shapes, (steps, n, p)


def attention(n, length, p, h, causal=False):
    shapes = {"Q": (p, h), "K": (p, h), "V": (p, h), "O": (h, CLASSES), "d": (CLASSES,)}
    Q, K, V, O, d = (sd.tensor(name, *shape) for name, shape in shapes.items())
    X, Y = sd.tensor("X", n, length, p), sd.tensor("Y", n, CLASSES)
    mixed = sd.scaled_dot_product_attention(X @ Q, X @ K, X @ V, is_causal=causal)
    return cross_entropy(sd.mean(mixed, axis=1) @ O + d, Y), shapes, (n, length, p)


def transformer(n, length, width, hidden, heads=2, blocks=1, **options):
    X, Y = sd.tensor("X", n, length, width), sd.tensor("Y", n, CLASSES)
    value, shapes = X, {}
    for k in range(blocks):
        params = sd.encoder_parameters(width, hidden, f"b{k}.")
        shapes |= {str(v): v.shape for v in params.values()}
        value = sd.transformer_encoder_layer(value, params, heads, **options)
    shapes |= {"O": (width, CLASSES), "d": (CLASSES,)}
    O, d = (sd.tensor(name, *shapes[name]) for name in ("O", "d"))
    return cross_entropy(sd.mean(value, axis=1) @ O + d, Y), shapes, (n, length, width)


CASES = {
    "rnn": lambda: recurrent("rnn", 12, 7, 3, 6),
    "gru": lambda: recurrent("gru", 12, 7, 3, 6),
    "lstm": lambda: recurrent("lstm", 12, 7, 3, 6),
    "lstm, large": lambda: recurrent("lstm", 64, 20, 16, 24),
    "gru, unrolled": lambda: recurrent("gru", 5, 4, 3, 2, unroll=True),
    "attention": lambda: attention(9, 11, 5, 7),
    "attention, causal": lambda: attention(9, 11, 5, 7, causal=True),
    "attention, large": lambda: attention(64, 32, 16, 16),
    "transformer": lambda: transformer(16, 20, 16, 32),
    "transformer, large": lambda: transformer(64, 20, 16, 32),
    "transformer, many samples": lambda: transformer(100, 12, 8, 16),
    "transformer, norm first, causal": lambda: transformer(6, 9, 8, 12, 4, norm_first=True, is_causal=True),
    "transformer, two blocks": lambda: transformer(7, 5, 6, 10, 3, blocks=2, activation="gelu"),
}


def values(shapes, rng):
    """As PyTorch begins, about: weights by their inputs, norms at 1."""
    return {k: 1 + 0.1 * rng.normal(size=s) if "norm" in k else rng.normal(size=s) / np.sqrt(s[-1]) for k, s in shapes.items()}


@pytest.mark.parametrize(("name", "threads"), [(n, t) for n in CASES for t in ("1", "2") if t == "1" or "large" in n or "many" in n])
def test_native_steps_are_those_of_numpy(name, threads, monkeypatch):
    monkeypatch.setenv("SYMDL_THREADS", threads)
    loss, shapes, x = CASES[name]()
    rng = np.random.default_rng(3)
    count = x[1] if name.split(",")[0] in GATES else x[0]
    data = {"X": rng.normal(size=x), "Y": np.eye(CLASSES)[rng.integers(CLASSES, size=count)]}
    start = values(shapes, rng)
    found = {b: sd.train(loss, start, data, lr=0.05, epochs=3, backend=b, progress=False) for b in ("native", "numpy")}
    assert found["native"].backend == "native"
    np.testing.assert_allclose(found["native"].history, found["numpy"].history, rtol=1e-12)
    for k, after in found["numpy"].params.items():
        np.testing.assert_allclose(found["native"].params[k], after, rtol=1e-12, atol=1e-12 * max(1.0, float(np.abs(after).max())), err_msg=k)
        assert not np.array_equal(after, start[k]) or k.endswith("in_proj_bias"), k


def test_every_function_that_is_called_says_that_it_does_something(monkeypatch):
    """GCC 12 drops calls of functions that only copy, in some orders of axes, unless they have an effect of which it cannot think otherwise."""
    from symdl.lower.native.training import NativeLoop

    monkeypatch.setenv("SYMDL_THREADS", "2")
    sources, real = [], NativeLoop.__init__

    def kept(self, *args):
        real(self, *args)
        sources.append(self.source)

    monkeypatch.setattr(NativeLoop, "__init__", kept)
    loss, shapes, x = CASES["transformer, large"]()
    rng = np.random.default_rng(3)
    data = {"X": rng.normal(size=x), "Y": np.eye(CLASSES)[rng.integers(CLASSES, size=x[0])]}
    sd.train(loss, values(shapes, rng), data, lr=0.05, epochs=1, backend="native", progress=False)
    heads = [line for line in sources[0].splitlines() if line.startswith("static ") and re.search(r"(?<!const )\bdouble \*", line.split("{")[0])]
    assert any("forth0" in line for line in heads) and any("transposed" in line for line in heads)
    assert [line for line in heads if "{ EFFECT" not in line] == []
