"""lambdify, evaluate: arguments in SymPy's order and nesting, and one clear line for bad input."""

import threading

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.lower.api import evaluate, lambdify

n, p = sd.dims("n p")
X, w, y, c = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("c")


def test_nesting_of_arguments_and_results():
    f = lambdify([c, [X, w]], [X @ w * c, [c, (c**2,)]])
    first, [second, third] = f(2, [[[1, 2]], [3, 4]])
    assert first.tolist() == [22.0] and second == 2.0 and third == (4.0,)
    assert lambdify(c, c + 1)(1) == 2.0
    assert lambdify("c", c + 1)(1) == 2.0
    assert lambdify([], 3)() == 3.0


def test_plain_sympy():
    a, b = sp.symbols("a b")
    f = lambdify([a, b], [a * b + sp.exp(a), sp.sqrt(b)])
    assert f(1, 4) == [pytest.approx(4 + np.e, rel=1e-15), 2.0]
    v, i, N = sp.IndexedBase("v"), sp.Symbol("i", integer=True), sp.Symbol("N", integer=True, positive=True)
    total = sp.Sum(v[i] ** 2, (i, 1, N))
    assert lambdify([v], total)([1, 2, 3]) == 14.0
    assert evaluate(total, v=[3, 4]) == 25.0
    matrix = lambdify([a, b], sp.Matrix([[a, b], [1, a * b]]))(2, 3)
    assert matrix.tolist() == [[2.0, 3.0], [1.0, 6.0]]
    assert lambdify([a, b], a / b)(1.0, 3.0) == 1.0 / 3.0


def test_sizes_from_shapes_and_by_name():
    assert evaluate(sd.mean(X @ w), X=[[1, 2], [3, 4]], w=[1, 1]) == 5.0
    assert evaluate(sd.sum(sd.ones(n)), n=7) == 7.0
    assert evaluate(sd.ones(n, 2), n=3).shape == (3, 2)
    assert lambdify([y, n], sd.sum(y) / n)([1, 2, 3], 3) == 2.0
    assert lambdify([y, c], c / sp.Symbol("n", integer=True, positive=True))([1, 2, 3, 4], 1) == 0.25
    Z = sd.tensor("Z", 2 * n)
    assert evaluate(sd.sum(Z) / n, Z=[1, 2, 3, 4]) == 5.0


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: evaluate(X @ w, X=[[1, 2]]), sd.errors.DataError, "no value given for w"),
        (lambda: evaluate(X @ w, X=[[1, 2]], w=[1, 2], q=3), sd.errors.NameError_, "q does not occur"),
        (lambda: evaluate(X @ w, X=[[1, 2]], w=[1, 2, 3]), sd.errors.DataError, "w has shape (3,), but (p,) is expected, and p is 2 by the shape of X"),
        (lambda: evaluate(X @ w, X=[1, 2], w=[1, 2]), sd.errors.DataError, "X has shape (2,), but (n, p) is expected"),
        (lambda: evaluate(c, c=[1]), sd.errors.DataError, "c has shape (1,), but a scalar is expected"),
        (lambda: evaluate(X @ w, X=[[1, float("nan")]], w=[1, 2]), sd.errors.DataError, "X[0, 1] is nan"),
        (lambda: evaluate(sd.exp(-c), c=float("inf")), sd.errors.DataError, "c is inf"),
        (lambda: evaluate(X @ w, X=np.zeros((0, 2)), w=[1, 2]), sd.errors.DataError, "X is empty"),
        (lambda: evaluate(c, c="1"), sd.errors.DataError, "not an array of real numbers"),
        (lambda: evaluate(c, c=1j), sd.errors.DataError, "not an array of real numbers"),
        (lambda: evaluate(c, c=None), sd.errors.DataError, "not an array of real numbers"),
        (lambda: evaluate(w, w=[[1], [1, 2]]), sd.errors.DataError, "not an array of real numbers"),
        (lambda: evaluate(w, w=["a", "b"]), sd.errors.DataError, "not an array of real numbers"),
        (lambda: evaluate(w, w=np.array(["1.5", "b"])), sd.errors.DataError, "w: an array of texts, of which the first is '1.5', is not an array of real"),
        (lambda: evaluate(w, w=np.array([1.0, None])), sd.errors.DataError, "w: an array of objects, of which None at [1], is not an array of real"),
        (lambda: evaluate(c, c=np.array([1j])), sd.errors.DataError, "c: an array of complex numbers, of which the first is 1j, is not an array of real"),
        (lambda: evaluate(sd.log(c), c=-1), sd.errors.DomainError, "not a number"),
        (lambda: evaluate(1 / c, c=0), sd.errors.DomainError, "infinite"),
        (lambda: evaluate(sd.exp(w), w=[1000.0]), sd.errors.DomainError, "infinite"),
        (lambda: evaluate(sd.sqrt(w), w=[-1.0]), sd.errors.DomainError, "not a number"),
        (lambda: evaluate(sd.step(c), c=0), sd.errors.DomainError, "undefined at 0"),
        (lambda: evaluate(sd.step(w), w=[1, 0]), sd.errors.DomainError, "undefined at 0"),
        (lambda: evaluate(sd.inv(sd.tensor("M", n, n)), M=[[1, 1], [1, 1]]), sd.errors.DomainError, "singular"),
        (lambda: evaluate(sd.logdet(sd.tensor("M", n, n)), M=[[-1, 0], [0, 1]]), sd.errors.DomainError, "determinant is not positive"),
        (lambda: evaluate(X[sd.indices("i"), 0], X=[[1]]), sd.errors.ShapeError, "open index i"),
        (lambda: evaluate(sd.sum(sd.ones(n))), sd.errors.DataError, "the size n has no value"),
        (lambda: evaluate(sd.sum(sd.ones(n)), n=1.5), sd.errors.DataError, "size n must be a whole number"),
        (lambda: lambdify([X], X @ w), sd.errors.NameError_, "mentions w"),
        (lambda: lambdify([X, X], X), sd.errors.NameError_, "twice"),
        (lambda: lambdify([X @ w], X), sd.errors.UnsupportedError, "cannot be an argument"),
        (lambda: lambdify([X, w], X @ w)([[1]]), sd.errors.DataError, "1 values given"),
        (lambda: lambdify([X], X, backend="abacus"), sd.errors.NameError_, "'abacus' is not a backend; there are auto, numpy"),
        (lambda: lambdify([c], [c, sd.log(c)])(-1), sd.errors.DomainError, "result 1 is not a number"),
        (lambda: evaluate(sd.tensor("a", n) @ sd.tensor("b", n) + sd.sum(sd.tensor("a", n, n))), sd.errors.NameError_, "a stands for two tensors"),
    ],
)
def test_bad_input_is_one_clear_line(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_huge_values_are_not_mistaken_for_infinite_ones():
    assert evaluate(w / 2, w=[1e200, -1e300]).tolist() == [5e199, -5e299]


def test_names_never_reach_generated_code():
    evil = sd.tensor("__import__", n)
    assert evaluate(sd.sum(evil), __import__=[1, 2]) == 3.0
    from symdl.lower.compiled import Compiled

    run = Compiled([sd.sum(evil * evil)]).compile({"__import__": (2,)})
    assert "__import__" not in "".join(run.source)


def test_threads_do_not_mix_their_buffers():
    f = lambdify([X], sd.sum(sd.exp(sd.sigmoid(X) * X), axis=1))
    wrong = []

    def work(value):
        a = np.full((50, 40), value)
        expected = 40 * np.exp(value / (1 + np.exp(-value)))
        for _ in range(200):
            if not np.allclose(f(a), expected, rtol=1e-12):
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(x,)) for x in (0.1, 0.5, -1.0)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
