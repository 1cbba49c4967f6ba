"""Character LSTM of ADBench: weights elementwise, L layers of b units, one after the other; the loss of predicting each next character.

g = [x, h, x, h]*W + B,    f, i, o = sigmoid(g_0), sigmoid(g_1), sigmoid(g_2),    a = tanh(g_3),    c' = f*c + i*a,    h' = x' = o*tanh(c')
y = x'*e_1 + e_2,    loss = -1/(n b) Sum_t Sum gold_t*(y_t - log(2 + Sum exp y_t))     (the 2 is ADBench's)
"""

from __future__ import annotations

from typing import Any

import symdl as sd

#: What the gradient is taken by, in ADBench's order.
BY = ("main", "extra")


def cell(x: Any, h: Any, c: Any, W: Any, B: Any) -> tuple[Any, Any]:
    """h' and c' of one layer; W and B hold the four gates (4, b)."""
    f, i, o = (sd.sigmoid(side * W[k] + B[k]) for k, side in enumerate((x, h, x)))
    after = f * c + i * sd.tanh(h * W[3] + B[3])
    return o * sd.tanh(after), after


def objective(layers: int = 2) -> Any:
    """The loss, a scalar expression of main (L, 2, 4, b), extra (3, b), state (L, 2, b) and sequence (n, b); b and n symbolic.

    ``main`` and ``state`` are ADBench's (2L, 4b) and (2L, b), element by element.
    """
    n, b = sd.dims("n b")
    main, extra, state = sd.tensor("main", layers, 2, 4, b), sd.tensor("extra", 3, b), sd.tensor("state", layers, 2, b)
    sequence = sd.tensor("sequence", n, b)
    given, gold = sequence[: n - 1], sequence[1:]

    def step(before: Any, t: Any) -> Any:
        after: list[Any] = []
        x = given[t] * extra[0]
        for k in range(layers):
            h, c = before[2 * k : 2 * k + 2]
            x, c = cell(x, h, c, main[k, 0], main[k, 1])
            after += [x, c]
        return tuple(after)

    names = " ".join(f"h{k} c{k}" for k in range(layers))
    states = sd.recur(names, tuple(state[k, part] for k in range(layers) for part in range(2)), step, n - 1)
    y = states[-2][1:] * extra[1] + extra[2]
    return -sd.sum(gold * (y - sd.log(2 + sd.sum(sd.exp(y), axis=1))[:, None])) / ((n - 1) * b)
