"""Recurrences: values and gradients against the unrolled graph and numeric differences, parts, shapes, printing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import evaluate, numeric_gradient

import symdl as sd
from symdl.graph.walk import topological

L, T, h, p, n = sd.dims("L T h p n")
W, b = sd.tensor("W", L, h, h), sd.tensor("b", L, h)
x, y = sd.tensor("x", h), sd.tensor("y", h)
U, V, X, Y = sd.tensor("U", h, h), sd.tensor("V", p, h), sd.tensor("X", T, p), sd.tensor("Y", T, h)
h0, c0 = sd.tensor("h0", h), sd.tensor("c0", h)
RNG = np.random.default_rng(3)


def network() -> sd.Expr:
    return sd.recur("a", x, lambda prev, l: sd.sigmoid(W[l] @ prev + b[l]), L)


def rnn(reverse: bool = False) -> sd.Expr:
    return sd.recur("s", h0, lambda prev, t: sd.tanh(sd.let("z", U @ prev + X[t] @ V)), T, reverse=reverse)


def lstm(reverse: bool = False) -> tuple[sd.Expr, sd.Expr]:
    def step(state: Any, t: Any) -> Any:
        out, cell = state
        z = sd.let("z", U @ out + X[t] @ V)
        cell = sd.sigmoid(z) * cell + sd.tanh(z) * sd.sigmoid(U @ out)
        return sd.sigmoid(z + 1) * sd.tanh(cell), cell

    return sd.recur("s c", (h0, c0), step, T, reverse=reverse)


def values(steps: int, width: int = 2, inputs: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(steps)
    shapes = {"W": (steps, width, width), "b": (steps, width), "x": (width,), "y": (width,), "U": (width, width), "V": (inputs, width)}
    shapes |= {"X": (steps, inputs), "Y": (steps, width), "h0": (width,), "c0": (width,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def given(expr: sd.Expr, found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in expr.inputs}


def value(expr: sd.Expr, found: dict[str, Any], steps: int) -> Any:
    """By name; sizes that no input tells are given."""
    mine = given(expr, found)
    told = {s for k in mine for node in topological([expr.node]) if node.name == k for s in node.shape}
    extra = {str(s): v for s, v in ((L, steps), (T, steps)) if s not in told and any(s in node.sizes() for node in topological([expr.node]))}
    return sd.evaluate(expr, **mine, **extra)


# --- values -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_states_are_those_of_a_loop(steps: int) -> None:
    v = values(steps)
    states = [v["x"]]
    for k in range(steps):
        states.append(1 / (1 + np.exp(-(v["W"][k] @ states[-1] + v["b"][k]))))
    a = network()
    assert a.shape == (L + 1, h)
    np.testing.assert_allclose(sd.evaluate(a, **given(a, v)), states, rtol=1e-13)
    for part, expected in ((a[-1], states[-1]), (a[L], states[-1]), (a[1:], states[1:]), (a[:-1], states[:-1]), (a[0], states[0]), (sd.last(a), states[-1])):
        np.testing.assert_allclose(sd.evaluate(part, **given(a, v)), expected, rtol=1e-13)


@pytest.mark.parametrize("steps", [1, 4])
def test_down_is_up_on_reversed_arguments(steps: int) -> None:
    v = values(steps)
    down, up = rnn(reverse=True), rnn()
    turned = v | {"X": v["X"][::-1].copy()}
    np.testing.assert_allclose(sd.evaluate(down, **given(down, v)), sd.evaluate(up, **given(up, turned))[::-1], rtol=1e-13)
    np.testing.assert_allclose(sd.evaluate(down[0], **given(down, v)), sd.evaluate(up[-1], **given(up, turned)), rtol=1e-13)


def test_two_states_go_together() -> None:
    v = values(4)
    s, c = v["h0"], v["c0"]
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    for k in range(4):
        z, gate = v["U"] @ s + v["X"][k] @ v["V"], sigmoid(v["U"] @ s)
        c = sigmoid(z) * c + np.tanh(z) * gate
        s = sigmoid(z + 1) * np.tanh(c)
    states, cells = lstm()
    np.testing.assert_allclose(sd.evaluate(states[-1], **given(states, v)), s, rtol=1e-13)
    np.testing.assert_allclose(sd.evaluate(cells[-1], **given(cells, v)), c, rtol=1e-13)


def test_no_step_at_all() -> None:
    none = sd.recur("a", x, lambda prev, l: sd.exp(prev), 0)
    assert none.shape == (1, h)
    np.testing.assert_allclose(sd.evaluate(none[-1], x=[1.0, 2.0]), [1.0, 2.0])
    np.testing.assert_allclose(sd.evaluate(sd.grad(sd.sum(none[-1] ** 2), x), x=[1.0, 2.0]), [2.0, 4.0])
    # One step fewer than samples, at one sample.
    fewer = sd.recur("a", x, lambda prev, l: sd.exp(prev), T - 1)
    total = sd.sum(fewer[-1]) + sd.sum(fewer * sd.tensor("Y", T, h)) + sd.sum(fewer[1:])
    np.testing.assert_allclose(sd.evaluate(total, x=[1.0, 2.0], Y=[[1.0, 1.0]]), 6.0)
    np.testing.assert_allclose(sd.evaluate(sd.grad(total, x), x=[1.0, 2.0], Y=[[1.0, 1.0]]), [2.0, 2.0])


def test_scalar_states() -> None:
    start, rate = sd.tensor("start"), sd.tensor("rate", T)
    s = sd.recur("s", start, lambda prev, t: prev + rate[t] * sd.sin(prev), T)
    found = {"start": 0.3, "rate": RNG.normal(size=5)}
    state = 0.3
    for r in found["rate"]:
        state += r * np.sin(state)
    assert sd.evaluate(s[-1], **found) == pytest.approx(state, rel=1e-14)
    np.testing.assert_allclose(sd.evaluate(sd.grad(s[-1], rate), **found), numeric_gradient(s[-1], "rate", found, {T: 5}), rtol=1e-7)


# --- gradients --------------------------------------------------------------------------------------------------


def losses() -> dict[str, tuple[sd.Expr, str]]:
    a, s, (o, c), (d, e) = network(), rnn(), lstm(), lstm(reverse=True)
    return {
        "final": (sd.sum((a[-1] - y) ** 2) / 2, "W b x"),
        "after": (sd.sum((s[1:] - Y) ** 2), "U V X h0"),
        "before": (sd.sum(s[:-1] ** 3), "U V X h0"),
        "all": (sd.sum(sd.sin(a)), "W b x"),
        "everything": (sd.sum(a**2) + a[-1] @ y + sd.sum(a[1:] * a[:-1]), "W b x"),
        "two states": (sd.sum(o**2) + c[-1] @ h0 + sd.sum(c[1:] * Y), "U X c0"),
        "down": (sd.sum(d**2) + e[0] @ h0 + sd.sum(e[:-1] * Y), "U X c0"),
        "weights elsewhere too": (sd.sum(s[-1] ** 2) + sd.sum(U**2) + sd.sum((U @ h0) * s[-1]), "U h0"),
    }


@pytest.mark.parametrize("name", losses())
@pytest.mark.parametrize("steps", [1, 3])
def test_gradients_against_differences(name: str, steps: int) -> None:
    loss, wrt = losses()[name]
    v, sizes = values(steps), {L: steps, T: steps, h: 2, p: 3}
    for w in wrt.split():
        gradient = sd.grad(loss, w)
        expected = numeric_gradient(loss, w, v, sizes)
        np.testing.assert_allclose(evaluate(gradient, v, sizes), expected, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(value(gradient, v, steps), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradients_are_those_of_the_unrolled_graph(steps: int) -> None:
    """Written out for a given number of steps, the same loss has the same gradients, to the last digits."""
    v = values(steps)
    weights, biases = sd.tensor("W", steps, h, h), sd.tensor("b", steps, h)
    state = x
    for k in range(steps):
        state = sd.sigmoid(weights[k] @ state + biases[k])
    unrolled, rolled = sd.sum((state - y) ** 2), sd.sum((network()[-1] - y) ** 2)
    for w in "Wbx":
        a, c = (sd.evaluate(g, **given(g, v)) for g in (sd.grad(rolled, w), sd.grad(unrolled, w)))
        np.testing.assert_allclose(a, c, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_gradients_against_torch(steps: int) -> None:
    torch = pytest.importorskip("torch")
    v = values(steps)
    states, cells = lstm()
    loss = sd.sum(states[1:] ** 2) + cells[-1] @ h0
    leaves = {k: torch.tensor(v[k], dtype=torch.float64, requires_grad=True) for k in ("U", "V", "X", "h0", "c0")}
    s, c, total = leaves["h0"], leaves["c0"], 0.0
    for k in range(steps):
        z = leaves["U"] @ s + leaves["X"][k] @ leaves["V"]
        c = torch.sigmoid(z) * c + torch.tanh(z) * torch.sigmoid(leaves["U"] @ s)
        s = torch.sigmoid(z + 1) * torch.tanh(c)
        total = total + (s**2).sum()
    (total + c @ leaves["h0"]).backward()
    got = sd.value_and_grad(loss, list(leaves))(**given(loss, v))[1]
    for name, leaf in leaves.items():
        np.testing.assert_allclose(got[name], leaf.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("part", [slice(None), slice(1, None), -1])
@pytest.mark.parametrize("wrt", ["W", "x"])
def test_jacobians(part: Any, wrt: str) -> None:
    a, v, sizes = network()[part], values(3), {L: 3, h: 2}
    got = evaluate(sd.jacobian(a, wrt), v, sizes)
    moved = _differences(a, wrt, v, sizes)
    assert got.shape == moved.shape
    np.testing.assert_allclose(got, moved, rtol=1e-6, atol=1e-8)


def test_second_derivatives_and_that_they_commute() -> None:
    v, sizes = values(2), {L: 2, h: 2}
    loss = sd.sum((network()[-1] - y) ** 2)
    for first, second in (("W", "x"), ("b", "W"), ("x", "x")):
        mixed = evaluate(sd.jacobian(sd.grad(loss, first), second), v, sizes)
        np.testing.assert_allclose(mixed, _differences(sd.grad(loss, first), second, v, sizes), rtol=1e-5, atol=1e-7)
        other = evaluate(sd.jacobian(sd.grad(loss, second), first), v, sizes)
        np.testing.assert_allclose(mixed, np.moveaxis(other, range(v[second].ndim), range(-v[second].ndim, 0)), rtol=1e-10, atol=1e-14)


def test_third_derivative() -> None:
    start, rate = sd.tensor("start"), sd.tensor("rate")
    s = sd.recur("s", start, lambda prev, t: prev - rate * prev**2, T)[-1]
    third = sd.grad(sd.grad(sd.grad(s, rate), start), rate)
    second = sd.grad(sd.grad(s, rate), start)
    found = {"start": 0.4, "rate": 0.2}
    ends = [float(evaluate(second, found | {"rate": 0.2 + e}, {T: 4})) for e in (1e-5, -1e-5)]
    assert float(evaluate(third, found, {T: 4})) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


def test_a_recurrence_inside_a_recurrence() -> None:
    def outer(state: Any, t: Any) -> Any:
        return sd.recur("q", state, lambda prev, k: sd.tanh(W[k] @ prev + b[t]), L)[-1]

    o = sd.recur("o", x, outer, L)
    v, sizes = values(2), {L: 2, h: 2}
    state = v["x"]
    for t in range(2):
        for k in range(2):
            state = np.tanh(v["W"][k] @ state + v["b"][t])
    np.testing.assert_allclose(evaluate(o[-1], v, sizes), state, rtol=1e-13)
    loss = sd.sum(o**2)
    for w in "Wbx":
        gradient = sd.grad(loss, w)
        np.testing.assert_allclose(value(gradient, v, 2), numeric_gradient(loss, w, v, sizes), rtol=1e-6, atol=1e-8)


def test_open_letters_go_along() -> None:
    k = sd.indices("k")
    S = sd.tensor("S", n, h)
    rows = sd.recur("r", S[k], lambda prev, l: sd.tanh(W[l] @ prev), L)
    assert rows.shape == (L + 1, h) and rows.open == {k: n}
    loss = sd.sum(sd.sum(rows[-1]) ** 2, k)
    v = values(3) | {"S": RNG.normal(size=(4, 2))}
    sizes = {L: 3, h: 2, n: 4}
    states = v["S"]
    for step in v["W"]:
        states = np.tanh(states @ step.T)
    assert evaluate(loss, v, sizes) == pytest.approx((states.sum(axis=1) ** 2).sum(), rel=1e-13)
    for w in ("W", "S"):
        np.testing.assert_allclose(evaluate(sd.grad(loss, w), v, sizes), numeric_gradient(loss, w, v, sizes), rtol=1e-6, atol=1e-8)


def test_the_step_letter_on_a_state_axis() -> None:
    """prev[l]: the step picks an element of the state."""
    state = sd.tensor("state", L)
    r = sd.recur("r", state, lambda prev, l: prev * 2 + prev[l], L)
    found = {"state": RNG.normal(size=3)}
    s = found["state"]
    for k in range(3):
        s = 2 * s + s[k]
    np.testing.assert_allclose(evaluate(r[-1], found, {L: 3}), s, rtol=1e-13)
    loss = sd.sum(r[-1] ** 2)
    np.testing.assert_allclose(evaluate(sd.grad(loss, state), found, {L: 3}), numeric_gradient(loss, "state", found, {L: 3}), rtol=1e-6)


def test_shared_matrices_and_their_inverses() -> None:
    A = sd.tensor("A", h, h)
    s = sd.recur("s", x, lambda prev, t: sd.inv(A) @ prev + sd.logdet(A), T)[-1]
    v = {"A": np.array([[2.0, 0.3], [0.1, 1.5]]), "x": np.array([0.2, -0.4])}
    loss = sd.sum(s**2)
    np.testing.assert_allclose(evaluate(sd.grad(loss, A), v, {T: 3, h: 2}), numeric_gradient(loss, "A", v, {T: 3, h: 2}), rtol=1e-6)


def _differences(expr: sd.Expr, name: str, v: dict[str, Any], sizes: dict[Any, int], step: float = 1e-6) -> Any:
    rows = []
    for at in np.ndindex(*v[name].shape):
        ends = []
        for sign in (1, -1):
            moved = v[name].copy()
            moved[at] += sign * step
            ends.append(evaluate(expr, {**v, name: moved}, sizes))
        rows.append((ends[0] - ends[1]) / (2 * step))
    stacked = np.moveaxis(np.array(rows), 0, -1)
    return stacked.reshape((*stacked.shape[:-1], *v[name].shape))


# --- one node, errors, printing ---------------------------------------------------------------------------------------


def test_equal_recurrences_are_one_node() -> None:
    assert network().node is network().node
    assert network() == network() and network() != rnn()
    assert network()[-1] != network()[0]


def test_a_step_must_keep_the_shape() -> None:
    with pytest.raises(sd.ShapeError, match=r"recur a: the state has the shape \(h,\), and a step gives .* of shape \(p,\)"):
        sd.recur("a", x, lambda prev, l: V @ prev, L)
    with pytest.raises(sd.ShapeError, match="its letter runs over T steps and, in the body, over an axis of size L"):
        sd.recur("a", x, lambda prev, l: W[l] @ prev, T)
    with pytest.raises(sd.ShapeError, match="a step must give a tuple of 2 expressions, for s, c"):
        sd.recur("s c", (h0, c0), lambda state, t: state[0], T)
    with pytest.raises(sd.NameError_, match="2 different names are needed"):
        sd.recur("s", (h0, c0), lambda state, t: state, T)
    with pytest.raises(sd.ShapeError):
        sd.recur("a", x, lambda prev, l: prev, -1)
    with pytest.raises(sd.UnsupportedError, match="only of the states"):
        sd.last(x)


def test_printed_as_definitions() -> None:
    shown = str(network()[-1])
    assert shown.splitlines() == ["a[-1] with", "  a[0] = x", "  a[l + 1] = sigmoid(W[l] @ a[l] + b[l]),  l = 0..L - 1"]
    gradient = str(sd.derive(sd.sum((rnn()[1:] - Y) ** 2) / 2, [U, V])["U"])
    assert gradient.startswith("delta_s.T @ s[:-1] with")
    assert "z[t] = U @ s[t] + V.T @ X[t],  t = 0..T - 1" in gradient
    assert "t = T - 1..0" in gradient
    jacobian = str(sd.jacobian(network()[-1], x))
    assert "delta_a[l] = delta_a[l + 1] @ diag(a[l + 1] * (1 - a[l + 1])) @ W[l],  l = L - 1..0" in jacobian


def test_in_index_notation_and_sympy() -> None:
    i = sd.indices("i")
    assert str(network()[1:].sympy) == "a[i + 1, j]"
    assert str(network()[-1].sympy) == "a[L, i]"
    assert str(network()[-1][i].sympy) == "a[L, i]"


def test_a_derivation_tells_the_recurrence_backwards() -> None:
    d = sd.derive(sd.sum((network()[-1] - y) ** 2) / 2, [W, b, x])
    told = str(d)
    assert "a[i + 1, j] = sigmoid(" in told and "recurrence, from the last step to the first" in told
    assert "dC_da[L, j] = " in told
    assert r"\delta" in d.latex() and "递推" in d.latex(lang="zh")
    assert "<html" in d.html().lower()


def test_printed_python_has_a_loop() -> None:
    from symdl.lower.source import python_source

    loss = losses()["two states"][0]
    gradients = {w: sd.grad(loss, w) for w in ("U", "X", "c0")}
    source = python_source(loss, gradients)
    assert source.count("for v") >= 2 and "reversed(range(s" in source
    space: dict[str, Any] = {}
    exec(source, space)
    v = values(4)
    got, found = space["loss_and_gradients"](**given(loss, v))
    expected = sd.value_and_grad(loss, list(gradients))(**given(loss, v))
    assert got == pytest.approx(expected[0], rel=1e-12)
    for w in gradients:
        np.testing.assert_allclose(found[w], expected[1][w], rtol=1e-11, atol=1e-13)


def test_operations_count_every_step() -> None:
    from symdl.graph.count import operations

    s = sd.recur("s", x, lambda prev, t: prev * prev + 1, T)
    assert operations([s.node, s[-1].node], {"T": 5, "h": 3}) == 5 * 3 * 2


def test_sizes_that_stand_inside_a_step_only() -> None:
    s = sd.recur("s", x, lambda prev, t: prev / sd.dims("m"), T)
    assert sd.evaluate(sd.sum(s[-1]), x=[8.0, 8.0], T=3, m=2) == 2.0
    assert sd.prove(s[-1], s[-1] * 1).verdict == "PROVED"
    assert sd.check(sd.sum(s[-1]), x, sd.grad(sd.sum(s[-1]), x)).verdict == "PROVED"


def test_letters_that_run_as_far_as_fits():
    """Their sizes are settled when the recurrence is made, which holds the shapes of its states (found by fuzzing)."""
    n, m = sd.dims("n m")
    j, l = sd.indices("j l")
    z, x, b = sd.tensor("z", n), sd.tensor("x", 2), sd.tensor("b")
    window = sd.sum(x[l] * z[l + j], l)
    zs, xs = np.array([1.0, 2, 3, 4]), np.array([0.5, -1.0])
    seen = np.correlate(zs, xs, "valid")
    for init, state in ((window, seen), (b * 1, np.full(3, 0.25))):
        states = sd.recur("r", init, lambda s, t: sd.sin(s) + window, m)
        for _ in range(2):
            state = np.sin(state) + seen
        assert states.open == {j: n - 1}
        assert sd.evaluate(sd.sum(states[-1], j), **({"b": 0.25} if init is not window else {}), x=xs, z=zs, m=2) == pytest.approx(state.sum(), rel=1e-14)
