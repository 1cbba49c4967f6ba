"""Layers with symbolic sizes: derivations print, formulas read as in a book, second derivatives and proofs hold."""

import numpy as np
import pytest
import torch
from layer_check import arrays, close

import symdl as sd

F = torch.nn.functional
t = sd.tensor
N, C, O, n, m, k, l, L, S, E, V, h, p, d, g = sd.dims("N C O n m k l L S E V h p d g")


def _layers():
    """Name -> a layer and what it is differentiated by."""
    x, X, I = t("x", N, p), t("X", N, C, n), t("I", N, C, n, m)
    w, ww, gamma = t("w", O, C, k), t("ww", O, C, k, l), t("gamma", C)
    Q, K, Vs = t("Q", L, E), t("K", S, E), t("V", S, V)
    D = 2 * d
    Y, Wi, bi, Wo = t("Y", N, L, D), t("Wi", 3 * D, D), t("bi", 3 * D), t("Wo", D, D)
    s, c = t("s", N, h), t("c", N, h)
    return {
        "linear": (sd.linear(x, t("W", h, p), t("b", h)), "x W b"),
        "bilinear": (sd.bilinear(x, t("z", N, E), t("B", h, p, E)), "x z B"),
        "embedding": (sd.embedding(t("words", N, L), t("table", V, E)), "table"),
        "dropout": (sd.dropout(x, t("mask", N, p), t("rate")), "x rate"),
        "conv1d": (sd.conv1d(X, w, t("b", O)), "X w b"),
        "conv1d with options": (sd.conv1d(X, w, None, 2, 1, 2), "X w"),
        "conv1d same": (sd.conv1d(X, w, padding="same"), "X w"),
        "conv2d": (sd.conv2d(I, ww), "I ww"),
        "conv2d with stride": (sd.conv2d(I, ww, stride=2, padding=(1, 0)), "I ww"),
        "conv2d in groups": (sd.conv2d(t("I", N, 2 * g, n, m), t("ww", 2 * O, g, k, l), groups=2), "I ww"),
        "conv_transpose1d": (sd.conv_transpose1d(X, t("w", C, O, k), stride=2, padding=1), "X w"),
        "avg_pool1d": (sd.avg_pool1d(X, 2), "X"),
        "max_pool1d": (sd.max_pool1d(X, 2), "X"),
        "max_pool1d with padding": (sd.max_pool1d(X, 3, 2, 1), "X"),
        "adaptive_avg_pool1d": (sd.adaptive_avg_pool1d(X, 3), "X"),
        "global_avg_pool": (sd.global_avg_pool(I), "I"),
        "batch_norm": (sd.batch_norm(X, gamma), "X gamma"),
        "batch_norm of given statistics": (sd.batch_norm(X, gamma, None, t("mu", C), t("var", C)), "X gamma"),
        "layer_norm": (sd.layer_norm(x, t("weight", p), t("b", p), t("eps")), "x weight b eps"),
        "rms_norm": (sd.rms_norm(x, t("weight", p)), "x weight"),
        "group_norm": (sd.group_norm(t("X", N, 2 * d, n), 2), "X"),
        "instance_norm": (sd.instance_norm(X), "X"),
        "attention": (sd.scaled_dot_product_attention(Q, K, Vs), "Q K V"),
        "causal attention": (sd.scaled_dot_product_attention(Q, K, Vs, is_causal=True), "Q K V"),
        "multi_head_attention": (sd.multi_head_attention(Y, Y, Y, 2, Wi, bi, Wo), "Y Wi bi Wo"),
        "rnn_cell": (sd.rnn_cell(x, s, t("W", h, p), t("U", h, h)), "x s W U"),
        "gru_cell": (sd.gru_cell(x, s, t("W", 3 * h, p), t("U", 3 * h, h)), "x s W U"),
        "lstm_cell": (sd.lstm_cell(x, (s, c), t("W", 4 * h, p), t("U", 4 * h, h))[0], "x s c W U"),
        "rnn": (sd.rnn(t("x", "T", N, p), s, t("W", h, p), t("U", h, h))[1], "x s W U"),
        "lstm": (sd.lstm(t("x", "T", N, p), (s, c), t("W", 4 * h, p), t("U", 4 * h, h))[0], "x W"),
        "encoder": (sd.transformer_encoder_layer(Y, sd.encoder_parameters(D, V), 2, norm_first=True), "Y"),
    }


LAYERS = _layers()


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_derives_and_prints(name):
    y, wrt = LAYERS[name]
    done = sd.derive(sd.sum(y * t("cotangent", *y.shape)), wrt.split())
    assert all(str(done[by]) for by in wrt.split())
    for shown in (str(done), done.latex()):
        assert len(shown) > 100
        for leak in ("iszero", "fresh", "#0", "Term("):
            assert leak not in shown


def _gradients(y, wrt):
    return {key: str(v) for key, v in sd.grad(sd.sum(y * t("G", *y.shape)), wrt.split()).items()}


def test_gradients_read_as_in_a_book():
    assert _gradients(*LAYERS["linear"]) == {"x": "G @ W", "W": "G.T @ x", "b": "sum(G, axis=0)"}
    conv = _gradients(*LAYERS["conv1d"])
    assert str(LAYERS["conv1d"][0]) == "sum(X[i, m, l + p]*w[j, m, p], m, p) + b[j]"
    assert conv["w"] == "sum(G[m, i, p]*X[m, j, l + p], m, p)"
    assert conv["X"] == "sum(G[i, m, l - p]*w[m, j, p], m, p)"
    assert conv["b"] == "sum(G, axis=(0, 2))"
    assert _gradients(*LAYERS["embedding"])["table"] == "sum(G[k, l, j]*delta(i, words[k, l]), k, l)"
    attention = _gradients(*LAYERS["attention"])
    assert str(LAYERS["attention"][0]) == "softmax((Q @ K.T)/sqrt(E), axis=1) @ V"
    assert attention["V"] == "softmax((K @ Q.T)/sqrt(E), axis=0) @ G"


def test_a_bias_of_the_keys_has_no_gradient():
    Q, K, Vs, b = t("Q", L, E), t("K", S, E), t("V", S, V), t("b", E)
    loss = sd.sum(sd.scaled_dot_product_attention(Q, K + b, Vs) * t("G", L, V))
    assert sd.check(loss, b, sd.zeros(E)).verdict == "PROVED"


SECOND = {
    "conv1d": (
        lambda x, w: sd.conv1d(x, w, stride=2, padding=1),
        lambda x, w: F.conv1d(x, w, stride=2, padding=1),
        {"x": (2, 3, 7), "w": (4, 3, 3)},
        {"x": (N, C, n), "w": (O, C, k)},
    ),
    "layer_norm": (
        lambda x, w: sd.layer_norm(x, w),
        lambda x, w: F.layer_norm(x, (4,), w),
        {"x": (3, 4), "w": (4,)},
        {"x": (N, p), "w": (p,)},
    ),
    "attention": (
        lambda Q, K, V: sd.scaled_dot_product_attention(Q, K, V),
        lambda Q, K, V: F.softmax(Q @ K.T / 2, -1) @ V,
        {"Q": (3, 4), "K": (5, 4), "V": (5, 2)},
        {"Q": (L, E), "K": (S, E), "V": (S, V)},
    ),
    "causal attention": (
        lambda Q, K, V: sd.scaled_dot_product_attention(Q, K, V, is_causal=True),
        lambda Q, K, V: F.softmax((Q @ K.T / 2).masked_fill(torch.ones(3, 3).triu(1) > 0, -torch.inf), -1) @ V,
        {"Q": (3, 4), "K": (3, 4), "V": (3, 2)},
        {"Q": (L, E), "K": (L, E), "V": (L, V)},
    ),
    "lstm_cell": (
        lambda x, s, W, U: sd.lstm_cell(x, (s, s), W, U)[0],
        lambda x, s, W, U: torch.lstm_cell(x, (s, s), W, U)[0],
        {"x": (2, 3), "s": (2, 2), "W": (8, 3), "U": (8, 2)},
        {"x": (N, p), "s": (N, h), "W": (4 * h, p), "U": (4 * h, h)},
    ),
}


@pytest.mark.parametrize("name", SECOND)
def test_gradients_of_gradients(name):
    """Hessian-vector products by every input, of a function that is not linear in the layer."""
    ours, theirs, shapes, symbolic = SECOND[name]
    rng = np.random.default_rng(1)
    values = arrays(rng, **shapes)
    made = {key: t(key, *symbolic[key]) for key in shapes}
    loss = sd.sum(sd.sin(ours(**made)))
    first = sd.grad(loss, list(made.values()))
    directions = {f"d{key}": rng.normal(size=shape) for key, shape in shapes.items()}
    along = sum(sd.sum(first[key] * t(f"d{key}", *symbolic[key])) for key in made)
    second = sd.grad(along, list(made.values()))
    given = {key: torch.tensor(v, requires_grad=True) for key, v in values.items()}
    slopes = torch.autograd.grad(theirs(**given).sin().sum(), list(given.values()), create_graph=True)
    sum((s * torch.tensor(v)).sum() for s, v in zip(slopes, directions.values(), strict=True)).backward()
    found = sd.lambdify([*made.values(), *(t(f"d{key}", *symbolic[key]) for key in made)], list(second.values()))(*values.values(), *directions.values())
    for key, value in zip(second, found, strict=True):
        assert close(value, given[key].grad.numpy()), key


@pytest.mark.parametrize("name", ["linear", "layer_norm", "attention", "conv1d"])
def test_proofs(name):
    y, wrt = LAYERS[name]
    report = sd.derive(sd.sum(y * t("cotangent", *y.shape)), wrt.split()).verify()
    assert report.ok, str(report)


def test_a_wrong_gradient_of_a_convolution_is_refuted():
    X, w, G = t("X", 2, 2, 5), t("w", 3, 2, 2), t("G", 2, 3, 4)
    loss = sd.sum(sd.conv1d(X, w) * G)
    good = sd.grad(loss, X)
    assert sd.check(loss, X, good).verdict == "PROVED"
    flipped = sd.conv_transpose1d(G, w[:, :, ::-1])
    assert sd.check(loss, X, sd.conv_transpose1d(G, w)).verdict == "PROVED"
    assert sd.check(loss, X, flipped).verdict == "REFUTED"


def test_the_oracles_see_a_wrong_window():
    """Index equations stay exact where rounding is simulated: else anything would pass."""
    from symdl.prove.numeric import tape_gradient
    from symdl.prove.tape import Tape

    x, w = t("x", 1, 2, 5), t("w", 3, 2, 2)
    loss = sd.sum(sd.conv1d(x, w, stride=2, padding=1) ** 2)
    values = arrays(np.random.default_rng(0), x=(1, 2, 5), w=(3, 2, 2))
    exact, disturbed = (tape_gradient(loss, [x], values, Tape(seed))[1]["x"] for seed in (None, 3))
    assert np.allclose(exact, disturbed, rtol=1e-12, atol=1e-14)
    assert not np.array_equal(exact, disturbed)


def test_padded_maxima_verify():
    y = sd.max_pool1d(t("x", 1, 4), 3, stride=2, padding=1)
    assert sd.derive(sd.sum(y * t("cotangent", *y.shape)), "x").verify().ok
