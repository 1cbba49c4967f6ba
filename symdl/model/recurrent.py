"""Recurrent layers: cells with the parameter layout of torch.nn, and sequences of them.

Weights of the gates stand below one another: W_ih (gates*h, p), W_hh (gates*h, h), biases (gates*h,).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr.ops import sigmoid, tanh
from symdl.expr.recur import last, recur
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.expr.windows import stack
from symdl.functions.given import flag
from symdl.model.layers import Activation, activate
from symdl.model.linear import linear
from symdl.model.shapes import need, need_shape, plain


def rnn_cell(x: Any, h: Any, W_ih: Any, W_hh: Any, b_ih: Any = None, b_hh: Any = None, activation: Activation = "tanh") -> Expr:
    """activation(W_ih x + b_ih + W_hh h + b_hh): one step of a simple recurrent network.

    Parameters
    ----------
    x : Expr, shape (..., p)
    h : Expr, shape (..., h)
        The state before.
    W_ih : Expr, shape (h, p)
    W_hh : Expr, shape (h, h)
    b_ih, b_hh : Expr, shape (h,), optional
    activation : str, callable or None
        "tanh" or "relu" in torch.

    Returns
    -------
    Expr, shape (..., h)
        The state after.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    NameError_
        When the activation is unknown.

    Notes
    -----
    torch.nn.RNNCell.

    References
    ----------
    Elman 1990; Goodfellow et al., Deep Learning, section 10.2.

    Examples
    --------
    >>> x, h, W, U = sd.tensor("x", 3), sd.tensor("h", 2), sd.tensor("W", 2, 3), sd.tensor("U", 2, 2)
    >>> sd.rnn_cell(x, h, W, U)
    tanh(U @ h + W @ x)
    """
    (from_input,), (from_state,) = _gates("rnn_cell", 1, x, h, W_ih, W_hh, b_ih, b_hh)
    return activate(from_input + from_state, activation)


def gru_cell(x: Any, h: Any, W_ih: Any, W_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Expr:
    """One step of a gated recurrent unit, the reset gate after the product with the state.

    r = sigmoid(W_ir x + W_hr h), z = sigmoid(W_iz x + W_hz h), n = tanh(W_in x + r*(W_hn h)), and the new state is (1 - z)*n + z*h, biases understood.
    The gates' weights stand in the order r, z, n.

    Parameters
    ----------
    x : Expr, shape (..., p)
    h : Expr, shape (..., h)
        The state before.
    W_ih : Expr, shape (3*h, p)
    W_hh : Expr, shape (3*h, h)
    b_ih, b_hh : Expr, shape (3*h,), optional

    Returns
    -------
    Expr, shape (..., h)
        The state after.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.GRUCell.

    References
    ----------
    Cho et al. 2014, in the form of torch.

    Examples
    --------
    >>> x, h, W, U = sd.tensor("x", 3), sd.tensor("h", 2), sd.tensor("W", 6, 3), sd.tensor("U", 6, 2)
    >>> sd.gru_cell(x, h, W, U).shape
    (2,)
    """
    (ri, zi, ni), (rh, zh, nh) = _gates("gru_cell", 3, x, h, W_ih, W_hh, b_ih, b_hh)
    r, z = sigmoid(ri + rh), sigmoid(zi + zh)
    return (1 - z) * tanh(ni + r * nh) + z * as_expr(h)


def lstm_cell(x: Any, state: tuple[Any, Any], W_ih: Any, W_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Expr, Expr]:
    """One step of long short-term memory.

    i, f, o = sigmoid and g = tanh of their W_i x + W_h h (biases understood), c' = f*c + i*g, h' = o*tanh(c').
    The gates' weights stand in the order i, f, g, o.

    Parameters
    ----------
    x : Expr, shape (..., p)
    state : pair of Expr, shape (..., h)
        The hidden state h and the cell c before.
    W_ih : Expr, shape (4*h, p)
    W_hh : Expr, shape (4*h, h)
    b_ih, b_hh : Expr, shape (4*h,), optional

    Returns
    -------
    pair of Expr, shape (..., h)
        h' and c'.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.LSTMCell.

    References
    ----------
    Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000.

    Examples
    --------
    >>> x, h, c, W, U = (sd.tensor(s, *n) for s, n in zip("xhcWU", [(3,), (2,), (2,), (8, 3), (8, 2)]))
    >>> [e.shape for e in sd.lstm_cell(x, (h, c), W, U)]
    [(2,), (2,)]
    """
    if not isinstance(state, (tuple, list)) or len(state) != 2:
        raise ShapeError("lstm_cell: the state is a pair (h, c)")
    h, c = state
    inputs, states = _gates("lstm_cell", 4, x, h, W_ih, W_hh, b_ih, b_hh)
    i, f, g, o = (a + b for a, b in zip(inputs, states, strict=True))
    cell = sigmoid(f) * as_expr(c) + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(cell), cell


def _gates(layer: str, count: int, x: Any, h: Any, W_ih: Any, W_hh: Any, b_ih: Any, b_hh: Any) -> tuple[list[Expr], list[Expr]]:
    """Of every gate the part by the input and the part by the state."""
    value, state, by_input, by_state = (as_expr(v) for v in (x, h, W_ih, W_hh))
    need(value.ndim >= 1 and state.ndim >= 1, layer, [value, state], "x must have the shape (..., p) and the state the shape (..., h)")
    p, size = value.shape[-1], state.shape[-1]
    rows = plain(count * size)
    need_shape(layer, by_input, (rows, p), "W_ih")
    need_shape(layer, by_state, (rows, size), "W_hh")
    biases = [None if b is None else as_expr(b) for b in (b_ih, b_hh)]
    for bias, what in zip(biases, ("b_ih", "b_hh"), strict=True):
        if bias is not None:
            need_shape(layer, bias, (rows,), what)
    parts = []
    for inner, weight, bias in ((value, by_input, biases[0]), (state, by_state, biases[1])):
        cuts = [slice(k * size, (k + 1) * size) if count > 1 else slice(None) for k in range(count)]
        parts.append([linear(inner, weight[cut], None if bias is None else bias[cut]) for cut in cuts])
    return parts[0], parts[1]


def rnn(
    x: Any, h: Any, W_ih: Any, W_hh: Any, b_ih: Any = None, b_hh: Any = None, activation: Activation = "tanh", name: str = "h", unroll: bool = False
) -> tuple[Expr, Expr]:
    """A simple recurrent layer over a sequence: the states after every step, and the last one.

    Parameters
    ----------
    x : Expr, shape (T, ..., p)
        Time first; T may be a symbol.
    h : Expr, shape (..., h)
        The state before the first step.
    W_ih : Expr, shape (h, p)
    W_hh : Expr, shape (h, h)
    b_ih, b_hh : Expr, shape (h,), optional
    activation : str, callable or None
        "tanh" or "relu" in torch.
    name : str
        What the states are called.
    unroll : bool
        Write every step out instead of one recurrence; T must be a whole number then.

    Returns
    -------
    pair of Expr, shapes (T, ..., h) and (..., h)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        For unroll with a symbolic T.
    NameError_
        When the activation is unknown.

    Notes
    -----
    torch.nn.RNN with one layer; each step is :func:`rnn_cell`.

    References
    ----------
    Elman 1990.

    Examples
    --------
    >>> x, h, W, U = sd.tensor("x", "T", 3), sd.tensor("h", 2), sd.tensor("W", 2, 3), sd.tensor("U", 2, 2)
    >>> states, last = sd.rnn(x, h, W, U)
    >>> states.shape, last.shape
    ((T, 2), (2,))
    """
    (states,), (last,) = _sequence("rnn", x, (h,), lambda x_t, s: (rnn_cell(x_t, s[0], W_ih, W_hh, b_ih, b_hh, activation),), (name,), unroll)
    return states, last


def gru(x: Any, h: Any, W_ih: Any, W_hh: Any, b_ih: Any = None, b_hh: Any = None, name: str = "h", unroll: bool = False) -> tuple[Expr, Expr]:
    """Gated recurrent units over a sequence: the states after every step, and the last one.

    Parameters
    ----------
    x : Expr, shape (T, ..., p)
        Time first; T may be a symbol.
    h : Expr, shape (..., h)
        The state before the first step.
    W_ih : Expr, shape (3*h, p)
    W_hh : Expr, shape (3*h, h)
    b_ih, b_hh : Expr, shape (3*h,), optional
    name : str
        What the states are called.
    unroll : bool
        Write every step out instead of one recurrence; T must be a whole number then.

    Returns
    -------
    pair of Expr, shapes (T, ..., h) and (..., h)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        For unroll with a symbolic T.

    Notes
    -----
    torch.nn.GRU with one layer; each step is :func:`gru_cell`.

    References
    ----------
    Cho et al. 2014.

    Examples
    --------
    >>> x, h, W, U = sd.tensor("x", "T", 3), sd.tensor("h", 2), sd.tensor("W", 6, 3), sd.tensor("U", 6, 2)
    >>> states, last = sd.gru(x, h, W, U)
    >>> states.shape, last.shape
    ((T, 2), (2,))
    """
    (states,), (last,) = _sequence("gru", x, (h,), lambda x_t, s: (gru_cell(x_t, s[0], W_ih, W_hh, b_ih, b_hh),), (name,), unroll)
    return states, last


def lstm(
    x: Any,
    state: tuple[Any, Any],
    W_ih: Any,
    W_hh: Any,
    b_ih: Any = None,
    b_hh: Any = None,
    names: tuple[str, str] = ("h", "c"),
    unroll: bool = False,
) -> tuple[Expr, tuple[Expr, Expr]]:
    """Long short-term memory over a sequence: the hidden states after every step, and the last pair (h, c).

    Parameters
    ----------
    x : Expr, shape (T, ..., p)
        Time first; T may be a symbol.
    state : pair of Expr, shape (..., h)
        The hidden state h and the cell c before the first step.
    W_ih : Expr, shape (4*h, p)
    W_hh : Expr, shape (4*h, h)
    b_ih, b_hh : Expr, shape (4*h,), optional
    names : pair of str
        What hidden states and cells are called.
    unroll : bool
        Write every step out instead of one recurrence; T must be a whole number then.

    Returns
    -------
    Expr, shape (T, ..., h), and a pair of Expr, shape (..., h)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        For unroll with a symbolic T.

    Notes
    -----
    torch.nn.LSTM with one layer; each step is :func:`lstm_cell`.

    References
    ----------
    Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000.

    Examples
    --------
    >>> x, h, c, W, U = (sd.tensor(s, *n) for s, n in zip("xhcWU", [("T", 3), (2,), (2,), (8, 3), (8, 2)]))
    >>> states, (h_last, c_last) = sd.lstm(x, (h, c), W, U)
    >>> states.shape, c_last.shape
    ((T, 2), (2,))
    """
    states, last = _sequence("lstm", x, tuple(state), lambda x_t, s: lstm_cell(x_t, (s[0], s[1]), W_ih, W_hh, b_ih, b_hh), names, unroll)
    return states[0], (last[0], last[1])


Step = Callable[[Expr, tuple[Any, ...]], tuple[Expr, ...]]


def _sequence(layer: str, x: Any, state: tuple[Any, ...], step: Step, names: tuple[str, ...], unroll: bool) -> tuple[list[Expr], list[Expr]]:
    """The states after every step, and the last ones."""
    value = as_expr(x)
    need(value.ndim >= 2, layer, [value], "x must have the shape (T, ..., p), time first")
    length = value.shape[0]
    if not flag(layer, "unroll", unroll):
        found = recur(names, state, lambda s, t: step(value[t], s), length)
        return [s[1:] for s in found], [last(s) for s in found]
    if not isinstance(length, int):
        raise UnsupportedError(f"{layer} of {describe(value)}: {length} steps cannot be written out; leave out unroll, or give a whole number of them")
    states = [tuple(map(as_expr, state))]
    for t in range(length):
        states.append(step(value[t], states[-1]))
    return [stack([s[k] for s in states[1:]]) for k in range(len(state))], list(states[-1])
