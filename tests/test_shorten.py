"""The rewrites: random expressions of inputs with facts keep their values, and single rewrites do what their names say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import evaluate, numeric_gradient

import symdl as sd
from symdl.diff.shorten import Shortener
from symdl.diff.shorten.facts import is_positive
from symdl.diff.shorten.length import length
from symdl.diff.shorten.table import AT_ADJOINTS, RECOGNISED
from symdl.expr.tensor import Expr
from symdl.graph.symmetry import is_symmetric
from symdl.prove.problem import Variable
from symdl.prove.samples import draw

n, p = sd.dims("n p")
Y, x, s = sd.tensor("Y", n, n), sd.tensor("x", n), sd.tensor("s")
S, P, Q = sd.tensor("S", n, n, facts="symmetric"), sd.tensor("P", n, n, facts="posdef"), sd.tensor("Q", n, n, facts="orthogonal")
D, T, R = sd.tensor("D", n, n, facts="diagonal"), sd.tensor("T", n, n, facts="onehot"), sd.tensor("R", n, n, facts="simplex")
u, v = sd.tensor("u", n, facts="positive"), sd.tensor("v", n, facts="unit")
X, w = sd.tensor("X", n, p), sd.tensor("w", p)
MATRICES, VECTORS = [Y, Y.T, S, P, Q, Q.T, D, T, R, sd.inv(Q), sd.inv(P), sd.diag(u)], [x, u, v, sd.sum(R, axis=1)]
INPUTS = [Y, x, s, S, P, Q, D, T, R, u, v]
VECTOR_MADE = [
    lambda a, b, M: M @ a,
    lambda a, b, M: M.T @ a - b,
    lambda a, b, M: a * b + a,
    lambda a, b, M: a * b - (1 - a) * b,
    lambda a, b, M: sd.sigmoid(-a) * b,
    lambda a, b, M: sd.softmax(a) * b,
    lambda a, b, M: sd.exp(a / 4) / sd.sum(sd.exp(a / 4)),
    lambda a, b, M: a - sd.sum(a) / n,
    lambda a, b, M: abs(u * v) * a,
    lambda a, b, M: sd.sqrt(v**2) * b,
    lambda a, b, M: (a @ b) * a + (a @ M @ b) * a,
    lambda a, b, M: sd.inv(P) @ (P @ a + b),
    lambda a, b, M: Q.T @ (Q @ a - b) / (1 + b @ b),
    lambda a, b, M: T @ a + (T**2) @ b,
    lambda a, b, M: sd.sum(R * a[:, None], axis=1) + b,
    lambda a, b, M: (M @ M.T) @ a + M @ b,
    lambda a, b, M: sd.tanh(a) - sd.sinh(b / 9) / sd.cosh(b / 9),
]


def data(seed):
    rng = np.random.default_rng(seed)
    return {e.name: draw(Variable(e.name, e.node.shape, e.node.attr.facts), {n: 3}, "normal", 1.0, rng) for e in INPUTS}


@st.composite
def vectors(draw_one):
    pool = list(VECTORS)
    for _ in range(draw_one(st.integers(1, 4))):
        a, b = (pool[draw_one(st.integers(0, len(pool) - 1))] for _ in range(2))
        pool.append(draw_one(st.sampled_from(VECTOR_MADE))(a, b, draw_one(st.sampled_from(MATRICES))))
    return pool[-1]


@settings(max_examples=60, deadline=None)
@given(vectors(), st.integers(0, 10**6))
def test_a_shortened_expression_has_the_same_values(expr, seed):
    values = data(seed)
    for table in (AT_ADJOINTS, RECOGNISED):
        for rule, (after,) in Shortener(table).steps([expr.term]):
            shortened = Expr(after, expr.shape)
            with np.errstate(all="ignore"):
                one, other = evaluate(expr, values, {n: 3}), evaluate(shortened, values, {n: 3})
            if np.all(np.isfinite(one)):
                scale = 1e-8 * (1 + np.abs(one).max())
                assert np.allclose(np.broadcast_to(other, one.shape), one, rtol=1e-7, atol=scale), rule


@settings(max_examples=40, deadline=None)
@given(vectors(), st.integers(0, 10**6))
def test_gradients_with_facts_against_differences(expr, seed):
    loss = sd.sum(sd.sin(expr + x))
    values = data(seed)
    with np.errstate(all="ignore"):
        expected = numeric_gradient(loss, "x", values, {n: 3})
        got = evaluate(sd.grad(loss, "x"), values, {n: 3})
    if np.all(np.isfinite(expected)) and np.max(np.abs(expected)) < 1e3:
        assert np.allclose(got, expected, rtol=2e-4, atol=2e-4)


def shortest(expr):
    steps = Shortener((*RECOGNISED, *AT_ADJOINTS)).steps([expr.term])
    return Expr(steps[-1][1][0], expr.shape) if steps else expr


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (X.T @ (X @ w) - X.T @ x, X.T @ (X @ w - x)),
        (s * x - s * u, s * (x - u)),
        (x / s + u / s, (x + u) / s),
        (Y @ x + Y.T @ x, (Y + Y.T) @ x),
        (x * (1 - u) - (1 - x) * u, x - u),
        (sd.sum(x - sd.sum(x) / n), sd.zeros()),
        (Q.T @ Q @ x, x),
        (Q @ Q.T @ x, x),
        (sd.inv(Q), Q.T),
        (sd.inv(Y) @ Y @ x, x),
        (Y @ sd.inv(Y) @ x, x),
        (sd.inv(sd.inv(Y)), Y),
        (sd.det(sd.inv(Y)), 1 / sd.det(Y)),
        (sd.logdet(sd.inv(Y)), -sd.logdet(Y)),
        (S.T @ x, S @ x),
        (sd.inv(S).T @ x, sd.inv(S) @ x),
        (sd.sum(T, axis=1), sd.ones(n)),
        (sd.sum(sd.softmax(Y), axis=1) * x, x),
        (sd.sum(sd.softmax(Y, axis=0), axis=0) * x, x),
        (abs(u), u),
        (sd.sign(v) * x, x),
        (sd.sqrt(u**2), u),
        (sd.exp(x) / sd.sum(sd.exp(x)), sd.softmax(x)),
        (sd.log(sd.sum(sd.exp(Y), axis=1)), sd.logsumexp(Y, axis=1)),
        (sd.sinh(x) / sd.cosh(x), sd.tanh(x)),
        (1 - sd.sigmoid(-x), sd.sigmoid(x)),
        ((sd.exp(x) @ u) / sd.sum(sd.exp(x)), sd.softmax(x) @ u),
        (sd.sign(x) / abs(x), 1 / x),
        (x * sd.sign(x), abs(x)),
        (1 - x * (1 + sd.exp(x)) / (x + sd.exp(x)), (1 - x) * sd.exp(x) / (x + sd.exp(x))),
        (1 - x**2 / (x**2 + 1), 1 / (x**2 + 1)),
        (1 / sd.sqrt(x**2 + 1) - x**2 / sd.sqrt(x**2 + 1) ** 3, 1 / sd.sqrt(x**2 + 1) ** 3),
        (sd.inv(sd.diag(x)) @ v, v / x),
        (sd.inv(s * Y) @ x, sd.inv(Y) @ x / s),
        (sd.trace(Y @ sd.inv(2 * Y)), sd.trace(sd.eye(n)) / 2),
        (sd.trace(Y @ sd.inv(sd.exp(s) * Y)) * sd.exp(s), sd.trace(sd.eye(n))),
        (sd.eye(n) - sd.diag(x), sd.diag(1 - x)),
        (Y.T @ (Y - Y * x[:, None]), Y.T @ sd.diag(1 - x) @ Y),
    ],
)
def test_single_rewrites(given_, expected):
    assert shortest(given_) == expected


@pytest.mark.parametrize(
    "expr",
    [
        sd.sum(T, axis=0),
        sd.sum(sd.softmax(Y), axis=0),
        Q @ Q @ x,
        Y.T @ Y @ x,
        abs(x),
        sd.sqrt(x**2),
        sd.inv(Y).T @ Y @ x,
        sd.exp(x) / sd.sum(sd.exp(u)),
        (sd.exp(x) @ v) / sd.sum(sd.exp(v)),
        sd.sign(x) / abs(s),
        sd.inv(x * Y) @ x,
        1 - u / (x**2 + 1),
        sd.diag(sd.diag(S)),
        Y.T @ (Y - Y * x + Q),
        (x @ Y @ x) * x - (x @ u) * u,
        X @ w + x,
    ],
)
def test_what_is_no_identity_or_no_shorter_stays(expr):
    assert shortest(expr) == expr


def test_a_diagonal_matrix_is_its_own_diagonal():
    assert str(sd.grad(sd.logdet(D), D)) == "inv(D)"
    assert str(sd.grad(sd.trace(D @ D), D)) == "2*D"
    assert str(sd.grad(sd.trace(S @ D), D)) == "S*eye(n)"


def test_the_jacobian_of_softmax_stays():
    expr = sd.diag(sd.softmax(x)) - sd.outer(sd.softmax(x), sd.softmax(x))
    assert str(shortest(expr)) == str(expr)


def test_facts_are_found_in_what_is_made_of_them():
    assert all(is_symmetric(e.node) for e in (S, P, D, sd.inv(S), Y + Y.T, Y @ Y.T, Y.T @ S @ Y, S + 2 * P, sd.inv(Y @ Y.T)))
    assert not any(is_symmetric(e.node) for e in (sd.diag(S)[:, None] + P, Y, Q, Y @ S, Y.T @ Q @ Y, S @ P, X.T @ Y @ X + Y[0, 0]))
    assert all(is_positive(e.node) for e in (u, v, u * v + 1, sd.exp(x), u**2 / v))
    assert not any(is_positive(e.node) for e in (x, u - v, D, T, x**2))


def test_lengths_are_what_a_person_counts():
    lengths = {e: length(e.node) // 4 for e in (x + u, Y @ x, X.T @ (X @ w - x), sd.sum(x * u * v), sd.softmax(x), 2 * x / n, sd.sum(Y**2), Y.T, -x)}
    assert list(lengths.values()) == [1, 1, 3, 2, 1, 2, 2, 0, 0]


def test_large_graphs_stay_cheap():
    import time

    value = x
    for k in range(150):
        value = sd.tanh(sd.tensor(f"W{k}", n, n) @ value + x)
    start = time.process_time()
    sd.grad(sd.sum(value**2), "W0")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: sd.tensor("A", n, p, facts="symmetric"), sd.ShapeError, "square"),
        (lambda: sd.tensor("A", n, facts=("positive", "orthogonal")), sd.ShapeError, "orthogonal"),
        (lambda: sd.tensor("y", facts="onehot"), sd.ShapeError, "axis"),
        (lambda: sd.tensor("y", n, facts="small"), sd.NameError_, "simplex"),
    ],
)
def test_facts_that_cannot_be(make, kind, says):
    with pytest.raises(kind, match=says):
        make()


def test_sympy_is_told_what_is_positive():
    assert sd.sqrt(sd.tensor("c", facts="positive") ** 2).sympy.is_Symbol
    assert sd.sqrt(u**2).sympy == u.sympy
    assert sd.sqrt(x**2).sympy != x.sympy
