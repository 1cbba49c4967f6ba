"""Recurrent cells and sequences against PyTorch."""

import numpy as np
import pytest
import torch
from layer_check import agree, arrays, close

import symdl as sd

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
SIZES = [((4,), 3, 2), ((), 2, 3), ((1,), 1, 1)]


def _values(kind, lead, p, h, seed=0, **more):
    g = GATES[kind] * h
    return arrays(np.random.default_rng(seed), x=(*lead, p), h=(*lead, h), c=(*lead, h), Wi=(g, p), Wh=(g, h), bi=(g,), bh=(g,), **more)


def _without_cell(values):
    return {k: v for k, v in values.items() if k != "c"}


@pytest.mark.parametrize(("lead", "p", "h"), SIZES)
def test_rnn_cell(lead, p, h):
    values = _renamed(_without_cell(_values("rnn", lead, p, h)))
    agree(sd.rnn_cell, lambda **v: _batched(torch.rnn_tanh_cell, v), values)
    agree(lambda **v: sd.rnn_cell(*v.values(), activation="relu"), lambda **v: _batched(torch.rnn_relu_cell, v), values)


def _renamed(values):
    names = {"Wi": "W_ih", "Wh": "W_hh", "bi": "b_ih", "bh": "b_hh"}
    return {names.get(k, k): v for k, v in values.items()}


def _batched(cell, values):
    """PyTorch's functions take batches only."""
    if values["x"].ndim > 1:
        return cell(*values.values())
    return cell(*(v[None] if k in "xh" else v for k, v in values.items()))[0]


@pytest.mark.parametrize(("lead", "p", "h"), SIZES)
def test_gru_cell(lead, p, h):
    values = _renamed(_without_cell(_values("gru", lead, p, h)))
    agree(sd.gru_cell, lambda **v: _batched(torch.gru_cell, v), values)


@pytest.mark.parametrize(("lead", "p", "h"), SIZES)
@pytest.mark.parametrize("which", [0, 1])
def test_lstm_cell(lead, p, h, which):
    values = _renamed(_values("lstm", lead, p, h))
    rest = ("W_ih", "W_hh", "b_ih", "b_hh")

    def theirs(**v):
        x, h0, c0 = (v[k] if v[k].ndim > 1 else v[k][None] for k in "xhc")
        out = torch.lstm_cell(x, (h0, c0), *(v[k] for k in rest))[which]
        return out if lead else out[0]

    agree(lambda **v: sd.lstm_cell(v["x"], (v["h"], v["c"]), *(v[k] for k in rest))[which], theirs, values)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_cells_without_biases_and_with_symbolic_sizes(kind):
    values = _renamed(_values(kind, (4,), 3, 2))
    g = GATES[kind]
    h = sd.dims("h")
    symbolic = {"x": ("N", "p"), "h": ("N", h), "c": ("N", h), "W_ih": (g * h, "p"), "W_hh": (g * h, h)}
    values = {k: v for k, v in values.items() if k in symbolic and (k != "c" or kind == "lstm")}
    cell = {"rnn": torch.rnn_tanh_cell, "gru": torch.gru_cell, "lstm": torch.lstm_cell}[kind]
    ours = {"rnn": sd.rnn_cell, "gru": sd.gru_cell, "lstm": sd.lstm_cell}[kind]

    def call(f):
        def run(**v):
            state = (v["h"], v["c"]) if kind == "lstm" else v["h"]
            out = f(v["x"], state, v["W_ih"], v["W_hh"])
            return out[0] if kind == "lstm" else out

        return run

    agree(call(ours), call(cell), values, symbolic={k: v for k, v in symbolic.items() if k in values})


@pytest.mark.parametrize("how", ["recurrence", "symbolic", "unrolled"])
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("steps", [1, 4])
def test_sequences(kind, how, steps):
    rng = np.random.default_rng(1)
    p, h, N = 3, 2, 2
    module = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind](p, h, dtype=torch.float64)
    names = {"W_ih": "weight_ih_l0", "W_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
    values = arrays(rng, x=(steps, N, p), h0=(N, h), **({"c0": (N, h)} if kind == "lstm" else {}))
    values |= {k: getattr(module, name).detach().numpy() for k, name in names.items()}
    symbolic = {"x": ("T", N, p)} if how == "symbolic" else None
    layer = {"rnn": sd.rnn, "gru": sd.gru, "lstm": sd.lstm}[kind]

    def ours(which):
        def run(**v):
            state = (v["h0"], v["c0"]) if kind == "lstm" else v["h0"]
            states, last = layer(v["x"], state, *(v[k] for k in names), unroll=how == "unrolled")
            return states if which == "states" else last[1] if kind == "lstm" else last

        return run

    def theirs(which):
        def run(**v):
            state = (v["h0"][None], v["c0"][None]) if kind == "lstm" else v["h0"][None]
            params = {name: v[k] for k, name in names.items()}
            states, last = torch.func.functional_call(module, params, (v["x"], state))
            return states if which == "states" else (last[1] if kind == "lstm" else last)[0]

        return run

    for which in ("states", "last"):
        agree(ours(which), theirs(which), values, symbolic=symbolic)


def test_unrolled_is_the_recurrence():
    values = _renamed(_without_cell(_values("rnn", (2,), 3, 2)))
    values["x"] = np.random.default_rng(5).normal(size=(3, 2, 3))
    made = {k: sd.tensor(k, *v.shape) for k, v in values.items()}
    one, other = (sd.rnn(*made.values(), unroll=u)[1] for u in (False, True))
    assert close(sd.evaluate(one, **values), sd.evaluate(other, **values))


def test_wrong_cells_are_named_with_the_mend():
    x, h = sd.tensor("x", 4, 3), sd.tensor("h", 4, 2)
    with pytest.raises(sd.ShapeError, match=r"gru_cell: W_ih must have the shape \(6, 3\), and is W of shape \(2, 3\)"):
        sd.gru_cell(x, h, sd.tensor("W", 2, 3), sd.tensor("U", 6, 2))
    with pytest.raises(sd.ShapeError, match=r"lstm_cell: b_hh must have the shape \(8,\)"):
        sd.lstm_cell(x, (h, h), sd.tensor("W", 8, 3), sd.tensor("U", 8, 2), None, sd.tensor("b", 2))
    with pytest.raises(sd.UnsupportedError, match="T steps cannot be written out"):
        sd.rnn(sd.tensor("x", "T", 4, 3), h, sd.tensor("W", 2, 3), sd.tensor("U", 2, 2), unroll=True)
    with pytest.raises(sd.ShapeError, match="time first"):
        sd.rnn(sd.tensor("x", 3), h, sd.tensor("W", 2, 3), sd.tensor("U", 2, 2))
