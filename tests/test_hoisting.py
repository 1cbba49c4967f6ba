"""Loop invariants of a descent by algebra: the same numbers from fewer operations, the rewrites proved for every size."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DataError
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import INPUT
from symdl.graph.walk import inputs
from symdl.lower.compress import compressed
from symdl.lower.rotation import NotLinearError, rotated

n, p, q, k, h = sd.dims("n p q k h")
X, Y, y, s, x = sd.tensor("X", n, p), sd.tensor("Y", n, k), sd.tensor("y", n), sd.tensor("s", n), sd.tensor("x", n)
w, W, b, c, lam = sd.tensor("w", p), sd.tensor("W", p, k), sd.tensor("b"), sd.tensor("c", k), sd.tensor("lam")
W1, W2, mu, S = sd.tensor("W1", p, h), sd.tensor("W2", h, k), sd.tensor("mu", p), sd.tensor("S", p, p)
B, v = sd.tensor("B", p, q), sd.tensor("v", q)
a0, a1, a2 = sd.tensor("a0"), sd.tensor("a1"), sd.tensor("a2")
M, U, V = sd.tensor("M", n, n), sd.tensor("U", n, h), sd.tensor("V", p, h)

#: Name -> loss, its parameters, a learning rate at which 60 steps go well.
ROTATED: dict[str, tuple[Any, list[str], float]] = {
    "least squares": (sd.sum((X @ w - y) ** 2) / 2, ["w"], 1e-4),
    "with a bias": (sd.mean((X @ w + b - y) ** 2), ["w", "b"], 1e-2),
    "ridge": (sd.sum((X @ w - y) ** 2) / n + lam * sd.sum(w**2), ["w"], 1e-2),
    "weighted": (sd.sum(s * (X @ w + b - y) ** 2), ["w", "b"], 1e-4),
    "several outputs": (sd.mean((X @ W + c - Y) ** 2), ["W", "c"], 1e-2),
    "a deep linear network": (sd.sum((X @ W1 @ W2 + c - Y) ** 2) / n, ["W1", "W2", "c"], 1e-3),
    "polynomial features": (sd.sum((a0 + a1 * x + a2 * x**2 - y) ** 2) / n, ["a0", "a1", "a2"], 1e-2),
    "a Gaussian's likelihood": (sd.sum(((X - mu) @ S) * (X - mu)) / 2 - n * sd.logdet(S) / 2, ["mu", "S"], 1e-6),
    "one factor of two": (sd.sum((X - U @ V.T) ** 2) + sd.sum(V**2), ["V"], 1e-4),
    "a chain": (sd.sum((X @ B @ v - y) ** 2), ["v"], 1e-5),
    "a quadratic form": (w @ (X.T @ (X @ w)) / n - y @ X @ w, ["w"], 1e-3),
    "centred data": (sd.sum(((X - sd.mean(X, axis=0)) @ w - y) ** 2), ["w"], 1e-4),
    "by cases of a name": (sd.sum(sd.let("r", X @ w - y) ** 2) + sd.sum(sd.let("r", X @ w - y) * s), ["w"], 1e-4),
}


def numbers(count: int = 400, width: int = 5, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    sizes = {n: count, p: width, q: 3, k: 2, h: 3}
    found = {}
    for t in (X, Y, y, s, x, w, W, b, c, lam, W1, W2, mu, S, B, v, a0, a1, a2, U, V):
        found[t.name] = rng.standard_normal([sizes[d] for d in t.shape]) if t.shape else 0.3
    found["s"] = rng.random(count)
    found["S"] = np.eye(width) * 2 + 0.1
    return found


def trained(name: str, **options: Any) -> Any:
    loss, names, lr = ROTATED[name]
    given = numbers()
    params = {m: given[m] for m in names}
    data = {m: given[m] for m in loss.inputs if m not in names}
    return sd.train(loss, params=params, data=data, lr=lr, epochs=60, backend="numpy", **options)


def off(a: Any, b: Any) -> float:
    return float(np.max(np.abs(np.asarray(a) - b)) / np.max(np.abs(b)))


@pytest.mark.parametrize("name", list(ROTATED))
def test_the_same_descent(name: str) -> None:
    few, plain = trained(name, hoist=True), trained(name, hoist=False)
    assert few.plan.taken
    assert not plain.plan.taken
    assert few.plan.after < few.plan.before / 5
    assert off(few.history, plain.history) < 1e-11
    for key in plain.params:
        assert off(few.params[key], plain.params[key]) < 1e-11


@pytest.mark.parametrize("method", ["momentum", "adam"])
def test_other_rules(method: str) -> None:
    assert off(trained("with a bias", hoist=True, method=method).history, trained("with a bias", hoist=False, method=method).history) < 1e-10


def columns_turned(size: Any, matrix: Any) -> Any:
    """Every column of data as Q times itself, as a graph."""

    def turned(column: Any) -> Any:
        node, axis = column
        new = build.fresh()
        entries = tuple(new if m == axis else m for m in range(node.rank)) if node is not None else ()
        factors = [Term(matrix.node, (axis, new)), *([Term(node, entries)] if node is not None else [])]
        made = build.mul(1, factors, (), {new: size})
        rank = node.rank if node is not None else 1
        return build.let("turned", made, tuple(range(rank)), node.shape if node is not None else (size,)).node

    return turned


def rewritten(loss: Any, names: list[str], matrix: Any) -> Any:
    parameters = [m for m in inputs([loss.node]) if m.op == INPUT and str(m.name) in names]
    (term,) = rotated([loss.term], n, parameters, columns_turned(n, matrix), n)
    return type(loss)(term, loss.shape)


@pytest.mark.parametrize("name", list(ROTATED))
def test_every_rewrite_is_proved_for_every_size(name: str) -> None:
    loss, names, _ = ROTATED[name]
    orthogonal = sd.tensor("Q", n, n, facts="orthogonal")
    other = rewritten(loss, names, orthogonal)
    assert "Q" in other.inputs
    verdict = sd.prove(loss, other)
    assert verdict.verdict == "PROVED", str(verdict)


def test_a_rotation_that_is_none_is_refuted() -> None:
    loss, names, _ = ROTATED["least squares"]
    assert sd.prove(loss, rewritten(loss, names, sd.tensor("Q", n, n))).verdict == "REFUTED"


NOT_ROTATED = {
    "logistic": (sd.sum(sd.softplus(X @ w) - y * (X @ w)), ["w"]),
    "quartic": (sd.sum((X @ w - y) ** 4), ["w"]),
    "absolute": (sd.sum(sd.abs(X @ w - y)), ["w"]),
    "a fixed sample": ((X @ w - y)[0] ** 2 + sd.sum((X @ w - y) ** 2), ["w"]),
    "samples by samples": (sd.sum((M @ X @ w - y) ** 2), ["w"]),
    "a diagonal": (sd.sum(sd.diag(M) * (X @ w - y) ** 2), ["w"]),
    "a maximum": (sd.max(X @ w - y) + sd.sum((X @ w - y) ** 2), ["w"]),
    "largest residual": (sd.logsumexp(X @ w - y), ["w"]),
}


@pytest.mark.parametrize("name", ["logistic", "quartic", "absolute", "a fixed sample", "a maximum", "largest residual"])
def test_what_is_no_quadratic_form_of_the_samples_is_left(name: str) -> None:
    loss, names = NOT_ROTATED[name]
    with pytest.raises(NotLinearError):
        rewritten(loss, names, sd.tensor("Q", n, n, facts="orthogonal"))


def test_data_with_two_sample_axes_are_folded_first_or_left() -> None:
    for name in ("samples by samples", "a diagonal"):
        loss, names = NOT_ROTATED[name]
        try:
            other = rewritten(loss, names, sd.tensor("Q", n, n, facts="orthogonal"))
        except NotLinearError:
            continue
        assert sd.prove(loss, other).verdict == "PROVED"


@pytest.mark.parametrize("condition", [1e4, 1e8])
def test_ill_conditioned_data(condition: float) -> None:
    rng = np.random.default_rng(3)
    left, _ = np.linalg.qr(rng.standard_normal((3000, 8)))
    right, _ = np.linalg.qr(rng.standard_normal((8, 8)))
    data = {"X": left @ np.diag(np.geomspace(1, 1 / condition, 8)) @ right, "y": rng.standard_normal(3000)}
    loss = ROTATED["least squares"][0]
    few, plain = (sd.train(loss, params={"w": np.ones(8)}, data=data, lr=1.0, epochs=4000, hoist=m, backend="numpy") for m in (True, False))
    assert few.plan.taken
    assert off(few.history, plain.history) < 1e-10
    assert off(few.params["w"], plain.params["w"]) < 1e-10


def test_a_loss_that_goes_to_zero_keeps_its_digits() -> None:
    # w'X'Xw - 2w'X'y + y'y would be off by 1e-16*y'y, which is 1e-8 of the norm of y in the norm of the residuals; these are off by units in its last place.
    rng = np.random.default_rng(4)
    data = {"X": rng.standard_normal((2000, 4))}
    data["y"] = data["X"] @ [1.0, 2.0, -1.0, 0.5] * 1000
    few, plain = (sd.train(ROTATED["least squares"][0], params={"w": np.zeros(4)}, data=data, lr=4e-4, epochs=25, hoist=m) for m in (True, False))
    assert plain.history[-1] < 1e-9 * plain.history[0]
    assert np.max(np.abs(np.sqrt(few.history) - np.sqrt(plain.history))) < 1e-13 * np.sqrt(plain.history[0])


def test_a_step_costs_no_samples_any_more() -> None:
    given = numbers(20_000, 20)
    loss, _, _ = ROTATED["least squares"]
    seconds = []
    for mode in (False, True):
        begun = time.process_time()
        result = sd.train(loss, params={"w": given["w"]}, data={"X": given["X"], "y": given["y"]}, lr=1e-5, epochs=1500, hoist=mode, backend="numpy")
        seconds.append(time.process_time() - begun)
    assert result.plan.before > 100 * result.plan.after
    assert seconds[0] > 5 * seconds[1]


def test_auto_counts() -> None:
    given = numbers(20_000, 20)
    loss, _, _ = ROTATED["least squares"]
    options = {"params": {"w": given["w"]}, "data": {"X": given["X"], "y": given["y"]}, "lr": 1e-5, "backend": "numpy"}
    assert not sd.train(loss, epochs=2, **options).plan.taken
    result = sd.train(loss, epochs=400, **options)
    assert result.plan.taken
    shown = str(result.plan)
    assert "20,000 samples" in shown
    assert f"{result.plan.before:,} operations a step x 400 steps" in shown
    assert result.plan.once + 400 * result.plan.after < 400 * result.plan.before
    assert not sd.train(loss, epochs=3, batch=500, **options).plan.taken


def test_only_what_does_not_change_is_taken_out() -> None:
    z = sd.tensor("z", p)
    loss = sd.sum(sd.sigmoid(X @ w) * sd.exp(x)) + sd.sum(sd.sum(sd.tanh(X), axis=0) * w * z)
    given = numbers(3000, 6)
    data = {m: given[m] for m in ("X", "x")} | {"z": np.ones(6)}
    few, plain = (sd.train(loss, params={"w": given["w"]}, data=data, lr=1e-5, epochs=20, hoist=m, backend="numpy") for m in (True, False))
    assert few.plan.taken
    assert few.plan.after < few.plan.before
    assert off(few.history, plain.history) < 1e-12


def test_convolutions_that_are_linear() -> None:
    m = sd.dims("m")
    image, target, kernel = sd.tensor("I", n, m), sd.tensor("T", n, m - 2), sd.tensor("K", 3)
    loss = sd.mean((sd.sum(sd.window(image, 3) * kernel, axis=-1) - target) ** 2) if _windows_last(image) else None
    if loss is None:
        pytest.skip("windows stand elsewhere")
    rng = np.random.default_rng(5)
    data = {"I": rng.standard_normal((500, 12)), "T": rng.standard_normal((500, 10))}
    few, plain = (sd.train(loss, params={"K": np.ones(3)}, data=data, lr=1e-2, epochs=30, hoist=f, backend="numpy") for f in (True, False))
    assert few.plan.taken
    assert off(few.history, plain.history) < 1e-12
    assert off(few.params["K"], plain.params["K"]) < 1e-12


def _windows_last(image: Any) -> bool:
    try:
        return sd.window(image, 3).shape[-1] == 3
    except sd.SymdlError:
        return False


def test_factors_a_stretch_at_a_time() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.standard_normal((5000, 3)), rng.standard_normal((2, 5000))
    for one in ([(a, 0), (b, 1), (None, 0)], [(a[:2], 0), (b[:, :2], 1), (None, 0)]):
        count = one[0][0].shape[0]
        few = compressed(one, count)
        flat = [np.moveaxis(m, axis, 0).reshape(len(np.moveaxis(m, axis, 0)), -1) for m, (_, axis) in zip(few, one, strict=True)]
        whole = [np.ones((count, 1)) if m is None else np.moveaxis(m, axis, 0).reshape(count, -1) for m, axis in one]
        small, large = np.hstack(flat), np.hstack(whole)
        np.testing.assert_allclose(small.T @ small, large.T @ large, rtol=1e-12, atol=1e-11)


def test_what_hoist_may_be() -> None:
    with pytest.raises(DataError, match="hoist"):
        trained("ridge", hoist="sometimes")


def test_divergence_is_told_all_the_same() -> None:
    given = numbers(20_000, 5)
    with pytest.raises(sd.DivergenceError, match="learning rate"):
        data = {"X": given["X"], "y": given["y"]}
        sd.train(ROTATED["least squares"][0], params={"w": given["w"]}, data=data, lr=1.0, epochs=3000, hoist=True, backend="numpy")
