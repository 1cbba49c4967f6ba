"""SymPy both ways: what goes in comes out in kind, and the index notation means what the node means."""

import itertools

import numpy as np
import pytest
import sympy as sp
from reference import evaluate

import symdl as sd

n, p = sd.dims("n p")
i, j, k = sd.indices("i j k")
z, a, b, t = sp.symbols("z a b t")


def substitute(expr, values, sizes):
    """The value of a plain SymPy expression in index notation."""
    concrete = expr.subs(sizes).doit()
    points = {e: float(values[str(e.base)][tuple(int(q) for q in e.indices)]) for e in concrete.atoms(sp.Indexed)}
    scalars = {s: float(values[s.name]) for s in concrete.free_symbols if np.ndim(values.get(s.name, [])) == 0}
    return float(concrete.subs(points).subs(scalars).rewrite(sp.exp).evalf())


def test_sigmoid_is_an_ordinary_sympy_function():
    s = sd.sigmoid(z)
    assert isinstance(s, sp.Function)
    assert isinstance(s, sd.sigmoid)
    assert (z + s).has(sd.sigmoid)
    assert s.diff(z) == sd.sigmoid(z) * (1 - sd.sigmoid(z))
    assert s.rewrite(sp.exp) == 1 / (1 + sp.exp(-z))
    assert sp.latex(s) == r"\sigma\left(z\right)"
    assert s.subs(z, 0) == sp.Rational(1, 2)
    assert abs(s.subs(z, -750).evalf(30) / sp.exp(-750).evalf(30) - 1) < 1e-25
    assert sp.lambdify(z, s)(1.5) == pytest.approx(1 / (1 + np.exp(-1.5)), rel=1e-15)
    assert np.allclose(sp.lambdify(z, s)(np.array([-1000.0, 0.0, 1000.0])), [0, 0.5, 1])


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "silu", "gelu", "tanh", "arctan", "tan", "sinh", "cosh", "erf", "exp", "sin", "cos"])
def test_table_derivatives_are_sympys(name):
    """The table's closed form against SymPy's derivative of the definition, at 40 digits."""
    from symdl.functions import TABLE

    entry = TABLE[name]
    definition = entry.definition(z) if entry.definition else entry.sympy(z)
    for at in ("-3/2", "-1/7", "2/5", "21/10"):
        ours = entry.derivatives[0](z).rewrite(sp.exp).subs(z, sp.Rational(at)).evalf(40)
        theirs = definition.diff(z).subs(z, sp.Rational(at)).evalf(40)
        assert abs(ours - theirs) < sp.Float("1e-35")


def test_step_is_undefined_at_zero():
    assert sd.step(sp.S(0)) is sp.nan
    assert sd.step(sp.S(-2)) == 0
    assert sd.step(sp.S(3)) == 1
    assert sd.step(z).diff(z) == 0
    with pytest.raises(sd.DomainError, match="undefined at 0"):
        sp.lambdify(z, sd.step(z))(0.0)


def test_plain_questions_get_plain_answers():
    w0, x0 = sp.symbols("w0 x0")
    loss = (sd.sigmoid(w0 * x0 + b) - t) ** 2 / 2
    got = sd.grad(loss, w0)
    assert isinstance(got, sp.Expr)
    assert sp.simplify(got.rewrite(sp.exp) - loss.rewrite(sp.exp).diff(w0)) == 0


def test_sums_of_indexed_with_their_own_limits():
    x, w = sp.IndexedBase("x"), sp.IndexedBase("w")
    loss = (sp.Sum(w[i] * x[i], (i, 1, n)) - t) ** 2
    assert sd.grad(loss, w[k]) == 2 * x[k] * (sp.Sum(w[i] * x[i], (i, 1, n)) - t)
    assert sd.grad(sp.Sum(w[i] ** 3, (i, 1, n)), w[2]) == 3 * w[2] ** 2
    assert sd.grad(loss, t) == -2 * (sp.Sum(w[i] * x[i], (i, 1, n)) - t)


@pytest.mark.parametrize("make", [sp.Symbol, sp.Idx, lambda s: sp.Symbol(s, integer=True)])
@pytest.mark.parametrize("size", [sp.Symbol("N"), sp.Symbol("N", integer=True), sp.Symbol("N", positive=True), sp.Integer(4)])
def test_any_letters_and_sizes_that_sympy_users_take(make, size):
    q, r = make("q"), make("r")
    x, w = sp.IndexedBase("x"), sp.IndexedBase("w", shape=(size,))
    loss = sp.Sum(w[q] * x[q] / size, (q, 0, size - 1)) ** 2
    got = sd.grad(loss, w[r])
    assert got.has(x[r])
    expected = 2 * x[r] / size**2 * sp.Sum(w[q] * x[q], (q, 0, size - 1))
    assert sp.expand((got - expected).subs(size, 4).doit()) == 0


def test_cases_are_read():
    assert sd.grad(sp.Piecewise((z**2, z > 0), (0, True)), z).subs(z, 3) == 6
    assert sd.grad(sp.Max(z, t), z).subs({z: 2, t: 1}) == 1
    assert sd.evaluate(sp.Heaviside(z), z=0.0) == 0.5
    assert sd.grad(sp.Heaviside(z) * z, z).subs(z, 2) == 1


def test_mixed_lower_limits_are_refused():
    x = sp.IndexedBase("x")
    with pytest.raises(sd.UnsupportedError, match="same index"):
        sd.grad(sp.Sum(x[i], (i, 0, n)) * sp.Sum(x[j], (j, 1, n)), x[k])


@pytest.mark.parametrize("expr", [sp.Function("f")(z), sp.gamma(z), sp.Piecewise((z, z > 0)), sp.DiracDelta(z)])
def test_what_has_no_rule_is_named(expr):
    with pytest.raises(sd.UnsupportedError):
        sd.grad(expr, z)


X, W, v = sd.tensor("X", n, p), sd.tensor("W", p, 2), sd.tensor("v", n)


@pytest.mark.parametrize(
    "expr",
    [
        sd.sum(sd.sigmoid(X @ W) ** 2),
        v @ X @ W @ sd.ones(2),
        sd.sum(v) * sd.sum(v**2) - sd.sum(sd.sum(X) * v),
        sd.sum(sd.softmax(X)[:, 0] * v),
        sd.trace(X @ X.T) / n,
        v[0] * sd.logsumexp(v),
        sd.sum(X[i, j] * X[i, k], i, j, k),
        sd.sum(sd.delta(i, j, n) * v[i] * v[j] ** 2, i, j),
    ],
)
def test_index_notation_means_what_the_node_means(expr):
    r = np.random.default_rng(3)
    values = {"X": r.normal(size=(3, 2)), "W": r.normal(size=(2, 2)), "v": r.normal(size=3)}
    sizes = {n: 3, p: 2}
    got = substitute(expr.sympy, values, sizes)
    assert got == pytest.approx(float(evaluate(expr, values, sizes)), rel=1e-12)
    again = sd.tensor("q") * 0 + expr.sympy  # back from SymPy
    assert float(evaluate(again, values, sizes)) == pytest.approx(got, rel=1e-12)


def test_letters_do_not_collide_with_names():
    i_tensor, n_tensor = sd.tensor("i", n), sd.tensor("j", n)
    shown = str(sd.sum(i_tensor * n_tensor).sympy)
    assert shown == "Sum(i[k]*j[k], (k, 0, n - 1))"


def test_long_and_deep_expressions_are_read():
    """As deep as SymPy itself bears to build; its own walks recurse."""
    x = sp.symbols("x0:1201")
    wide = sp.Add(*[sp.sin(u) * v for u, v in itertools.pairwise(x)])
    assert sd.grad(wide, x[5]) == x[6] * sp.cos(x[5]) + sp.sin(x[4])
    deep = x[0]
    for k in range(400):
        deep = sp.Add(sp.Mul(sp.exp(deep, evaluate=False), x[k + 1], evaluate=False), 1, evaluate=False)
    assert len((sd.tensor("q") + deep).inputs) == 402
