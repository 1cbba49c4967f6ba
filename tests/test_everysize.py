"""Equality for every size: what is right is proved, what is wrong never; and every normal form has the value of what it is a form of."""

import random

import numpy as np
import pytest
import sympy as sp
from index_values import Values
from mutants import mutant

import symdl as sd
from symdl.expr.tensor import of_node
from symdl.pipeline import jacobian
from symdl.prove.claims import check
from symdl.prove.equal import prove
from symdl.prove.everysize.read import Reader
from symdl.prove.everysize.same import is_derivative, same
from symdl.prove.everysize.slope import Slope
from symdl.prove.everysize.special import Special
from symdl.prove.numeric import tape_gradient
from symdl.prove.problem import Gradient
from symdl.prove.stop import Clock, Stop
from symdl.prove.verify import verify_steps

n, p, h, m, d = sd.dims("n p h m d")
i, j, k = sd.indices("i j k")
X, Y, G = sd.tensor("X", n, p), sd.tensor("Y", n, m), sd.tensor("G", n, p)
w, u, y = sd.tensor("w", p), sd.tensor("u", p), sd.tensor("y", n)
A, B, S = sd.tensor("A", d, d), sd.tensor("B", d, d), sd.tensor("S", d, d, facts="posdef")
a, b, t = sd.tensor("a", d), sd.tensor("b", d), sd.tensor("t")
z, q = sd.tensor("z", m), sd.tensor("q", m)
s = sd.sigmoid
eps = sp.Rational(1, 10**5)
P = sd.softmax(z)
N = sd.standardize(X, axis=1, eps=eps)
R = 1 / sd.sqrt(sd.mean((X - sd.mean(X, axis=1)[:, None]) ** 2, axis=1) + eps)

TRUE = {
    "X'(Xw - y)": (X.T @ (X @ w - y), X.T @ X @ w - X.T @ y),
    "softmax adds up": (sd.sum(sd.softmax(X), axis=1), sd.ones(n)),
    "softmax shifted": (sd.softmax(X + y[:, None], axis=1), sd.softmax(X, axis=1)),
    "softmax by logsumexp": (sd.softmax(z), sd.exp(z - sd.logsumexp(z))),
    "expected deviation": (sd.sum(P * (q - sd.sum(P * q))), sd.zeros()),
    "variance of a softmax": (sd.sum(P * (q - sd.sum(P * q)) ** 2), sd.sum(P * q**2) - sd.sum(P * q) ** 2),
    "variance": (sd.sum((y - sd.mean(y)) ** 2), sd.sum(y**2) - sd.sum(y) ** 2 / n),
    "Lagrange": (sd.sum(w**2) * sd.sum(u**2) - sd.sum(w * u) ** 2, sd.sum(sd.sum((w[i] * u[j] - w[j] * u[i]) ** 2, i), j) / 2),
    "sum of nothing": (sd.sum(sd.ones(n) * 3) + sd.sum(sd.zeros(n)), 3 * n),
    "trace of a product": (sd.trace(A @ B), sd.trace(B @ A)),
    "trace of a cycle": (sd.trace(A @ B @ A.T @ A), sd.trace(A.T @ A @ A @ B)),
    "trace of ones": (sd.trace(sd.eye(d)), d * sd.ones()),
    "cube of a sum": (sd.sum(y) ** 3, sd.sum(sd.sum(sd.sum(y[i] * y[j] * y[k], i), j), k)),
    "inverse": (sd.inv(A) @ A, sd.eye(d)),
    "inverse on the right": (A @ sd.inv(A) @ B, B),
    "inverse of a transpose": (sd.inv(A.T), sd.inv(A).T),
    "inverse of a multiple": (sd.inv(3 * A), sd.inv(A) / 3),
    "ridge": (sd.inv(X.T @ X + t * sd.eye(p)) @ (X.T @ X @ w + t * w), w),
    "resolvent": (sd.inv(A + t * sd.eye(d)) @ A, sd.eye(d) - t * sd.inv(A + t * sd.eye(d))),
    "quadratic form of an inverse": (a @ sd.inv(S) @ b, b @ sd.inv(S) @ a),
    "exp of logdet": (sd.exp(2 * sd.logdet(A)), sd.det(A) ** 2),
    "norm": (sd.norm(w) ** 2, sd.sum(w**2)),
    "unit vector": (sd.sum((w / sd.norm(w)) ** 2), sd.ones()),
    "standardized": (sd.sum(N, axis=1), sd.zeros(n)),
    "standardized has variance 1": (sd.mean(N**2, axis=1), 1 - eps * R**2),
    "symmetry of the sigmoid": (sd.sum(s(-X @ w) * y), sd.sum((1 - s(X @ w)) * y)),
    "tanh by the sigmoid": (sd.tanh(X @ w), 2 * s(2 * (X @ w)) - 1),
    "softplus": (sd.softplus(X @ w) - sd.softplus(-X @ w), X @ w),
    "mish": (sd.tanh(sd.softplus(w)), ((1 + sd.exp(w)) ** 2 - 1) / ((1 + sd.exp(w)) ** 2 + 1)),
    "relu": (sd.relu(X @ w + y) - sd.relu(-X @ w - y), X @ w + y),
    "abs": (sd.sum(sd.abs(w)), sd.sum(w * sd.sign(w))),
    "many kinks": (sd.sum(sd.relu(X) ** 2), sd.sum(X * sd.relu(X))),
    "where": (sd.where(w, sd.exp(w), 1), sd.exp(sd.relu(w))),
    "max shifted": (sd.max(2 * X + 2 * y[:, None], axis=1), 2 * sd.max(X, axis=1) + 2 * y),
    "softmax by max": (sd.softmax(z), sd.exp(z - sd.max(z)) / sd.sum(sd.exp(z - sd.max(z)))),
    "square roots of squares": (sd.sqrt(y**2), sd.abs(y)),
    "inverse of a product": (sd.inv(A @ B.T), sd.inv(B).T @ sd.inv(A)),
    "determinant of a product": (sd.det(A @ B), sd.det(A) * sd.det(B)),
    "log of the sigmoid": (sd.log(s(X @ w)), -sd.softplus(-X @ w)),
    "abs of a product": (sd.abs(y * sd.tensor("c", n)), sd.abs(y) * sd.abs(sd.tensor("c", n))),
    "orthogonal": (sd.sum((sd.tensor("O", d, d, facts="orthogonal") @ a) ** 2), sd.sum(a**2)),
    "one-hot": (sd.sum(sd.tensor("H", n, m, facts="onehot") * sd.logsumexp(Y, axis=1)[:, None]), sd.sum(sd.logsumexp(Y, axis=1))),
    "simplex": (sd.sum(sd.tensor("s", n, m, facts="simplex") * y[:, None]), sd.sum(y)),
    "erf": (sd.sum(sd.erf(-w)), -sd.sum(sd.erf(w))),
    "circle": (sd.sum(sd.sin(y) ** 2 + sd.cos(y) ** 2), n * sd.ones()),
    "symbolic power": (sd.exp(sd.log(sd.exp(t)) * n), sd.exp(n * t)),
    "delta": (sd.sum(sd.eye(n) @ y), sd.sum(y)),
    "diagonal": (sd.diag(sd.diag(y) @ X @ X.T), y * sd.sum(X**2, axis=1)),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_right_for_every_size(name):
    lhs, rhs = TRUE[name]
    verdict = prove(lhs, rhs)
    assert verdict.proved and "every size" in verdict.method, str(verdict)


FALSE_AT_SOME_SIZE = {
    "true for n = 1": (sd.sum(y) ** 2, n * sd.sum(y**2)),
    "true for n = 2 and all entries equal": (sd.sum(sd.ones(n)), 2 * sd.ones()),
    "true for n = 1, 2": (sd.sum(y * 0 + 1) ** 2 + 2, 3 * sd.sum(y * 0 + 1)),
    "true for d = 1": (A @ B, B @ A),
    "true for n < 4": ((n - 1) * (n - 2) * (n - 3) * sd.sum(y), sd.zeros()),
    "variance with n - 1": (sd.sum((y - sd.mean(y)) ** 2) / n, sd.sum((y - sd.mean(y)) ** 2) / (n - 1)),
    "det of a multiple": (sd.det(2 * A), 2 * sd.det(A)),
    "a kink at the diagonal": (sd.sum(sd.positive(y[i] - y[j]) + sd.positive(y[j] - y[i]), i, j), n**2 * sd.ones()),
    "a kink at n = 1": (sd.sum(sd.positive(y - sd.mean(y)) + sd.positive(sd.mean(y) - y)), n * sd.ones()),
    "root of a square": (sd.sum(sd.sqrt(y**2)), sd.sum(y)),
    "log of a square": (sd.sum(sd.exp(sd.log(y**2) / 2)), sd.sum(y)),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE_AT_SOME_SIZE)
def test_what_fails_at_some_size_or_place_is_not_proved(name):
    lhs, rhs = FALSE_AT_SOME_SIZE[name]
    assert not same(sd.expr.tensor.as_expr(lhs), sd.expr.tensor.as_expr(rhs), Clock(5))
    assert "every size" not in prove(lhs, rhs, time_budget=3).method


W1, b1, W2, b2 = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m), sd.tensor("b2", m)
Q, K, V, bk = sd.tensor("Q", n, d), sd.tensor("K", m, d), sd.tensor("V", m, p), sd.tensor("bk", d)
mu, L, Z = sd.tensor("mu", d), sd.tensor("L", d, d), sd.tensor("Z", n, d)


def network(f):
    return sd.sum((s(f(X @ W1 + b1) @ W2 + b2) - Y) ** 2) / 2


def gaussian(C):
    return sd.sum((Z - mu) @ sd.inv(C) * (Z - mu)) / 2 + n * sd.logdet(C) / 2


ATTENTION = sd.sum(G * (sd.softmax(Q @ (K + bk).T / sp.sqrt(d)) @ V))
LOSSES = {
    "layer": (sd.sum((s(X @ w) - y) ** 2) / 2, ["w", "X"]),
    "logistic": (sd.sum(sd.softplus(X @ w) - y * (X @ w)), ["w"]),
    "logistic of +-1": (sd.sum(sd.log(1 + sd.exp(-y * (X @ w)))), ["w"]),
    "network": (network(s), ["W1", "b1", "W2", "b2"]),
    "network of relu": (network(sd.relu), ["W1"]),
    "network of gelu": (network(sd.gelu), ["W1"]),
    "network of elu": (network(sd.elu), ["b1"]),
    "cross-entropy": (-sd.sum(Y * sd.log(sd.softmax(X @ sd.tensor("W", p, m) + b2))), ["W", "b2"]),
    "layer norm": (sd.sum(G * sd.layer_norm(X, w, u, eps=eps)), ["X", "w", "u"]),
    "batch norm": (sd.sum(G * sd.batch_norm(X, w, u, eps=eps)), ["X", "w"]),
    "attention": (ATTENTION, ["Q", "K", "V", "bk"]),
    "Gaussian": (gaussian(sd.tensor("C", d, d)), ["C", "mu"]),
    "Gaussian, positive definite": (gaussian(S), ["S"]),
    "Gaussian, Cholesky": (gaussian(L @ L.T), ["L"]),
    "max": (sd.sum(sd.max(X * sd.tanh(X), axis=1) ** 2), ["X"]),
    "logdet": (sd.logdet(A @ A.T + sd.eye(d)), ["A"]),
    "cosine": (sd.sum(w * u) / sd.norm(w) / sd.norm(u), ["w"]),
    "lasso": (sd.sum((X @ w - y) ** 2) + t * sd.sum(sd.abs(w)), ["w"]),
    "trace": (sd.trace(A @ A @ B @ A), ["A"]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_and_every_step_for_every_size(name):
    loss, wrt = LOSSES[name]
    derived = sd.derive(loss, wrt)
    for v in wrt:
        verdict = check(loss, v, derived.gradients[v])
        assert verdict.proved and "every size" in verdict.method, f"{v}: {verdict}"
    for line in verify_steps(derived.steps):
        assert "every size" in line.how, f"{line.what}: {line.how} {line.note}"


HESSIANS = {"layer": "w", "logistic": "w", "network": "W2", "cross-entropy": "W", "layer norm": "X", "attention": "Q", "Gaussian": "mu", "cosine": "w"}


@pytest.mark.parametrize("name", HESSIANS)
def test_hessians_for_every_size(name):
    first = sd.grad(LOSSES[name][0], HESSIANS[name])
    verdict = check(first, HESSIANS[name], jacobian(first, HESSIANS[name]))
    assert verdict.proved and "every size" in verdict.method, str(verdict)


def test_forms_of_the_books():
    assert prove(jacobian(P, "z"), sd.diag(P) - sd.outer(P, P)).method.endswith("every size")
    o = s(X @ w)
    assert "every size" in prove(sd.hessian(LOSSES["logistic"][0], "w"), X.T @ sd.diag(o * (1 - o)) @ X).method
    three = R[:, None] * (G - sd.mean(G, axis=1)[:, None] - N * sd.mean(G * N, axis=1)[:, None])
    assert "every size" in prove(sd.grad(sd.sum(G * N), "X"), three).method
    assert "every size" in check(ATTENTION, "bk", sd.zeros(d)).method


def deep_network(depth, f):
    a = X
    for layer in range(depth):
        a = f(a @ sd.tensor(f"W{layer}", p, p) + sd.tensor(f"b{layer}", p))
    return sd.sum((a - G) ** 2) / 2


@pytest.mark.parametrize("f", [s, sd.relu, sd.tanh])
def test_a_deep_network_is_compared_product_by_product(f):
    loss = deep_network(8, f)
    right = sd.grad(loss, "W0")
    assert "every size" in check(loss, "W0", right).method
    for wrong in (right * (1 + sp.Rational(1, 10**9)), right + X.T @ X, -right):
        problem = Gradient(loss, sd.derive(loss, ["W0"]).wrt["W0"], wrong)
        assert not is_derivative(loss, problem.wrt, wrong, problem.targets, Clock(2))


# --- wrong ones -------------------------------------------------------------------------------------------------------

MUTATED = ["layer", "logistic of +-1", "network", "cross-entropy", "layer norm", "attention", "Gaussian", "logdet", "cosine", "trace"]


def numbers(expr, seed):
    """Values at two choices of sizes, by the tape."""
    from symdl.prove.numeric import evaluate

    found = []
    for shift in (2, 3):
        sizes = {dim: 2 + (shift + at) % 3 for at, dim in enumerate((n, p, h, m, d))}
        rng = np.random.default_rng([seed, shift])
        inputs = {name: rng.normal(size=shape) * 0.7 for name, shape in shapes(sizes).items()}
        with np.errstate(all="ignore"):
            # Sizes that stand on no input are told by name.
            found.append(np.asarray(evaluate(expr, {**{k: inputs[k] for k in expr.inputs}, **told(expr, sizes)})))
    return found


def shapes(sizes):
    everything = [X, Y, G, w, u, y, A, B, a, b, t, z, q, W1, b1, W2, b2, Q, K, V, bk, mu, L, Z, sd.tensor("W", p, m), sd.tensor("C", d, d)]
    return {e.name: tuple(sizes[dim] for dim in e.shape) for e in everything}


def told(expr, sizes):
    known = {dim for e in (X, Y, G, w, u, y, A, W1, W2, Q, K, V) if e.name in expr.inputs for dim in e.shape}
    return {dim: size for dim, size in sizes.items() if dim not in known}


@pytest.mark.parametrize("name", MUTATED)
def test_no_mutant_is_proved(name):
    loss, wrt = LOSSES[name]
    target = sd.derive(loss, wrt).wrt[wrt[0]]
    right = sd.grad(loss, wrt[0])
    truth = numbers(right, 1)
    wrong = 0
    for seed in range(400):
        made = mutant(right, seed)
        if made is None or made[1].shape != right.shape:
            continue
        what, claim = made
        try:
            values = numbers(claim, 1)
        except (sd.SymdlError, np.linalg.LinAlgError):
            continue
        if all(np.isfinite(v).all() and np.abs(v - r).max() <= 1e-17 * np.abs(r).max() for v, r in zip(values, truth, strict=True)):
            continue  # the same after all: a factor of a symmetric product, say
        if "tiny" not in what and all(np.isfinite(v).all() and np.abs(v - r).max() <= 1e-9 * np.abs(r).max() for v, r in zip(values, truth, strict=True)):
            continue
        problem = Gradient(loss, target, claim)
        assert not is_derivative(loss, target, claim, problem.targets, Clock(5)), f"{what}: {claim}"
        assert not same(right, claim, Clock(5)), f"{what}: {claim}"
        wrong += 1
        if wrong == 15:
            break
    assert wrong >= 12


# --- values ------------------------------------------------------------------------------------------------------------

x, v = sd.tensor("x", n), sd.tensor("v", n, facts="positive")
M, M2, T = sd.tensor("M", n, n), sd.tensor("M2", n, n), sd.tensor("T", n, n, facts="symmetric")
g = sd.tensor("g", facts="positive")
LEAVES = {e.name: e for e in (x, y, v, w, X, M, M2, T, t, g)}
FUNCTIONS = [
    s, sd.tanh, sd.exp, sd.softplus, sd.relu, sd.abs, sd.sin, sd.cos, sd.silu, sd.gelu, sd.elu, sd.sign, sd.step, sd.mish, sd.hardtanh, sd.softsign,
    lambda e: e**2, lambda e: e**3, lambda e: 1 / (1 + e**2), lambda e: sd.sqrt(e**2 + 1), lambda e: sd.log(1 + e**2), lambda e: -e, lambda e: e / n,
    lambda e: (1 + sd.exp(e)) ** sp.Rational(-1, 2), lambda e: sd.where(e, e, e**2), lambda e: sd.sqrt(e**2), lambda e: (e**2 + sd.exp(e)) ** sp.Rational(3, 2),
]  # fmt: skip


def vector(r, depth):
    if depth <= 0:
        return r.choice([x, y, v, x, sd.diag(M)])
    return r.choice([
        lambda: matrix(r, depth - 1) @ vector(r, depth - 1), lambda: vector(r, depth - 1) + vector(r, depth - 1),
        lambda: vector(r, depth - 1) * vector(r, depth - 1), lambda: r.choice(FUNCTIONS)(vector(r, depth - 1)), lambda: sd.softmax(vector(r, depth - 1)),
        lambda: vector(r, depth - 1) * scalar(r, depth - 1), lambda: sd.sum(matrix(r, depth - 1), axis=r.randrange(2)),
        lambda: sd.diag(matrix(r, depth - 1)), lambda: (lambda e: e - sd.mean(e))(vector(r, depth - 1)),
        lambda: sd.max(matrix(r, depth - 1), axis=r.randrange(2)),
    ])()  # fmt: skip


def matrix(r, depth):
    if depth <= 0:
        return r.choice([M, M2, M.T, T, sd.outer(x, y), X @ X.T, sd.eye(n)])
    return r.choice([
        lambda: matrix(r, depth - 1) @ matrix(r, depth - 1), lambda: matrix(r, depth - 1) + matrix(r, depth - 1),
        lambda: matrix(r, depth - 1) * matrix(r, depth - 1), lambda: r.choice(FUNCTIONS)(matrix(r, depth - 1)),
        lambda: sd.outer(vector(r, depth - 1), vector(r, depth - 1)), lambda: matrix(r, depth - 1).T,
        lambda: sd.softmax(matrix(r, depth - 1), axis=r.randrange(2)), lambda: sd.diag(vector(r, depth - 1)),
        lambda: matrix(r, depth - 1) * vector(r, depth - 1), lambda: (lambda e: sd.inv(e @ e.T + sd.eye(n)))(matrix(r, depth - 1)), lambda: sd.inv(M),
    ])()  # fmt: skip


def scalar(r, depth):
    if depth <= 0:
        return r.choice([t, g, sd.sum(x), sd.sum(x * y)])
    return r.choice([
        lambda: sd.sum(vector(r, depth - 1)), lambda: sd.sum(matrix(r, depth - 1)), lambda: r.choice(FUNCTIONS)(scalar(r, depth - 1)),
        lambda: scalar(r, depth - 1) * scalar(r, depth - 1), lambda: scalar(r, depth - 1) + scalar(r, depth - 1), lambda: sd.logsumexp(vector(r, depth - 1)),
        lambda: sd.norm(vector(r, depth - 1)), lambda: sd.trace(matrix(r, depth - 1)), lambda: sd.mean(vector(r, depth - 1)),
        lambda: sd.max(vector(r, depth - 1)), lambda: sd.max(X * t + sd.outer(vector(r, depth - 1), w)),
    ])()  # fmt: skip


def drawn(seed):
    """Sizes and arrays for the leaves."""
    r, rng = random.Random(seed), np.random.default_rng(seed)
    sizes = {n: r.choice([1, 2, 3]), p: r.choice([1, 2, 3])}
    arrays = {name: np.asarray(rng.normal(size=tuple(sizes[dim] for dim in e.shape)) * 0.7) for name, e in LEAVES.items()}
    for name in ("v", "g"):
        arrays[name] = np.abs(arrays[name]) + 0.1
    arrays["T"] = arrays["T"] + arrays["T"].T
    return sizes, arrays


def agrees(ring, poly, sizes, arrays, want, labels):
    values = Values(ring, sizes, arrays)
    scale = 1 + np.abs(want).max()
    return all(abs(values.poly(poly, dict(zip(labels, at, strict=True))) - want[at]) < 1e-6 * scale for at in np.ndindex(*want.shape))


@pytest.mark.parametrize("kind", [vector, matrix, scalar])
def test_a_normal_form_has_the_value_of_what_it_is_of(kind):
    compared = 0
    for seed in range(120):
        e = kind(random.Random(seed), 3)
        sizes, arrays = drawn(seed)
        with np.errstate(all="ignore"):
            try:
                want = np.broadcast_to(sd.evaluate(e, **{name: arrays[name] for name in e.inputs}), tuple(sizes[dim] for dim in e.shape))
            except sd.errors.DataError:  # a size that stands on no input left
                continue
        if not np.isfinite(want).all():
            continue
        ring = Special(Clock(3))
        try:
            poly = ring.reduced(Reader(ring).expr(e, {}))
        except Stop:
            continue
        assert agrees(ring, poly, sizes, arrays, want, range(want.ndim)), f"seed {seed}, {sizes}: {e}"
        compared += 1
    assert compared > 100


def test_a_slope_has_the_value_of_the_gradient():
    compared = 0
    for seed in range(150):
        r = random.Random(seed)
        e = scalar(r, 3)
        names = [name for name in e.inputs if name != "T"]
        if not names:
            continue
        target = LEAVES[r.choice(names)]
        sizes, arrays = drawn(seed)
        with np.errstate(all="ignore"):
            want = np.asarray(tape_gradient(e, [of_node(target.node)], {name: arrays[name] for name in e.inputs})[1][target.name])
        if not np.isfinite(want).all():
            continue
        ring = Special(Clock(3))
        try:
            reader = Reader(ring, (), target.name)
            labels = [ring.fresh() for _ in target.shape]
            poly = Slope(ring, reader.atom_of(target.node), labels).of(reader.expr(e, {}))
        except Stop:
            continue
        assert agrees(ring, poly, sizes, arrays, want, labels), f"seed {seed}, {sizes}, d/d{target.name}: {e}"
        compared += 1
    assert compared > 100
