"""prove(lhs, rhs): true identities are proved, false ones are refuted with a witness, the rest is UNKNOWN and says why."""

import mpmath
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.prove.equal import prove

n, p, h = sd.dims("n p h")
i, j = sd.indices("i j")
z, v, t, k = (sd.tensor(c) for c in "zvtk")
pos = sd.tensor("pos", facts="positive")
x, g = sd.tensor("x", n), sd.tensor("g", n)
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
A, B = sd.tensor("A", 3, 3), sd.tensor("B", 3, 3)
s = sd.sigmoid
Z, C = sp.Symbol("Z", real=True), sp.Symbol("C", positive=True)
a_, l_, N_ = sp.IndexedBase("a"), sp.Symbol("l", integer=True), sp.Symbol("N", integer=True, positive=True)

TRUE = {
    "symmetry of the sigmoid": (s(-z), 1 - s(z)),
    "tanh by the sigmoid": (sd.tanh(z), 2 * s(2 * z) - 1),
    "tower of exponentials": (sd.exp(v * s(z)) * sd.exp(v * s(-z)), sd.exp(v)),
    "nested tower": (sd.exp(sd.exp(z + v)) ** 2, sd.exp(2 * sd.exp(z) * sd.exp(v))),
    "exponents that must be multiplied out": (sd.exp(z * (v + 1)), sd.exp(z * v) * sd.exp(z)),
    "halves": (sd.exp(z), sd.exp(z / 2) ** 2),
    "thirds after wholes": (sd.exp(z) * sd.exp(v), (sd.exp(z / 3) * sd.exp(v / 6) ** 2) ** 3),
    "softplus and the identity": (sd.softplus(z) - sd.softplus(-z), z),
    "log of the sigmoid": (sd.log(s(z)), -sd.softplus(-z)),
    "log of a likelihood": (sd.log(s(z) ** t * (1 - s(z)) ** (1 - t)), t * sd.log(s(z)) + (1 - t) * sd.log(1 - s(z))),
    "log of a number": (sd.log(12 * sd.exp(z)), z + 2 * sp.log(2) + sp.log(3)),
    "logsumexp shifted": (sd.logsumexp(x + z), sd.logsumexp(x) + z),
    "softmax adds up": (sd.sum(sd.softmax(x)), 1),
    "softmax of rows": (sd.sum(sd.softmax(X), axis=1), sd.ones(n)),
    "softmax shifted": (sd.softmax(x + z), sd.softmax(x)),
    "double angle": (sd.sin(2 * z), 2 * sd.sin(z) * sd.cos(z)),
    "angle sum": (sd.cos(z - v), sd.cos(z) * sd.cos(v) + sd.sin(z) * sd.sin(v)),
    "half turn": (sd.sin(z + sp.pi), -sd.sin(z)),
    "quarter turn": (sd.sin(z + sp.pi / 2), sd.cos(z)),
    "tangent": (1 + sd.tan(z) ** 2, sd.cos(z) ** -2),
    "hyperbolic Pythagoras": (sd.cosh(z) ** 2 - sd.sinh(z) ** 2, 1),
    "erf is odd": (sd.erf(-z * v), -sd.erf(v * z)),
    "arctan is odd": (sd.arctan(-z), -sd.arctan(z)),
    "gelu by erf": (sd.gelu(z), z * (1 + sd.erf(z / sp.sqrt(2))) / 2),
    "relu and its mirror": (sd.relu(z) - sd.relu(-z), z),
    "abs by relu": (sd.abs(z), sd.relu(z) + sd.relu(-z)),
    "abs by sign": (z * sd.sign(z), sd.abs(z)),
    "abs of a product": (sd.abs(z * v), sd.abs(z) * sd.abs(v)),
    "sign of a quotient": (sd.sign(z / v), sd.sign(z) * sd.sign(v)),
    "relu scaled": (sd.relu(3 * z), 3 * sd.relu(z)),
    "relu of what is positive": (sd.relu(sd.exp(z) + pos), sd.exp(z) + pos),
    "max shifted": (sd.max(x) + z, sd.max(x + z)),
    "norm": (sd.sum(g * (-g / sd.norm(g))), -sd.norm(g)),
    "unit direction": (sd.sum((g / sd.norm(g)) ** 2), 1),
    "root of a square of a positive": (sd.sqrt(pos**2), pos),
    "roots multiply": (sd.sqrt(2) * sd.sqrt(3) * z, sd.sqrt(6) * z),
    "variance": (sd.sum((x - sd.mean(x)) ** 2), sd.sum(x**2) - sd.sum(x) ** 2 / n),
    "Lagrange": (sd.sum(g**2) * sd.sum(x**2) - sd.sum(g * x) ** 2, sd.sum(sd.sum((g[i] * x[j] - g[j] * x[i]) ** 2, i), j) / 2),
    "normal equations": (X.T @ (X @ w - y), X.T @ X @ w - X.T @ y),
    "element": ((X.T @ X)[i, j], (X.T @ X)[j, i]),
    "inverse": (sd.inv(A) @ A, sd.eye(3)),
    "inverse of a product": (sd.inv(A @ B), sd.inv(B) @ sd.inv(A)),
    "determinant of a product": (sd.det(A @ B), sd.det(A) * sd.det(B)),
    "SymPy: sigmoid from its definition": (sd.sigmoid(Z).diff(Z), sp.exp(-Z) / (1 + sp.exp(-Z)) ** 2),
    "SymPy: a derivative not carried out": (sp.Derivative(sd.sigmoid(Z), Z), sd.sigmoid(Z) * (1 - sd.sigmoid(Z))),
    "SymPy: Piecewise": (sp.Piecewise((Z, Z > 0), (0, True)), sd.relu(Z)),
    "SymPy: Max": (sp.Max(Z, 0) + sp.Min(Z, 0), Z),
    "SymPy: step at a positive symbol": (sd.step(C), sp.S.One),
    "SymPy: sums of any length": (sp.Sum(2 * a_[l_], (l_, 0, N_ - 1)), 2 * sp.Sum(a_[l_], (l_, 0, N_ - 1))),
    "numbers": (sp.sin(sp.Rational(1, 2)) ** 2 + sp.cos(sp.Rational(1, 2)) ** 2, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_true_identities_are_proved(name):
    lhs, rhs = TRUE[name]
    verdict = prove(lhs, rhs)
    assert verdict.verdict == "PROVED", str(verdict)
    assert verdict.method


FALSE = {
    "a last digit": (s(-z), (1 - s(z)) * (1 + 1e-15)),
    "a tiny offset": (sd.tanh(z), 2 * s(2 * z) - 1 + sp.Rational(1, 10**40)),
    "a tiny slope": (sd.exp(z) * sd.exp(v), sd.exp(z + v * (1 + sp.Rational(1, 10**25)))),
    "a sign": (s(z), 1 + s(-z)),
    "root of a square": (sd.sqrt(z**2), z),
    "abs": (sd.abs(z), z),
    "relu of a sum": (sd.relu(z + v), sd.relu(z) + sd.relu(v)),
    "log of a sum": (sd.log(pos + 1), sd.log(pos)),
    "erf is not even": (sd.erf(z), sd.erf(-z)),
    "arctan": (sd.arctan(z), z / (1 + z**2)),
    "softmax adds up to less": (sd.sum(sd.softmax(x)) * (1 - 1e-13), 1),
    "one element of a tensor": (X * X, X * X + sp.Rational(1, 10**20) * X[0, 0]),
    "a sum of squares": (sd.sum(x**2), sd.sum(x) ** 2),
    "transpose": (X.T @ X @ w, X.T @ (X @ w) * 2),
    "matrix products do not commute": (A @ B, B @ A),
    "determinant": (sd.det(A), sd.det(2 * A) / 2),
    "logsumexp is not max": (sd.logsumexp(x), sd.max(x)),
    "saturated": (s(z * 50), sd.step(z)),
    "pi": (z * sp.pi, z * sp.Rational(355, 113)),
    "SymPy: quotient rule": (sp.Derivative(1 / (1 + sp.exp(-Z)), Z), sp.exp(-Z) / (1 + sp.exp(-Z))),
    "numbers": (sp.exp(sp.Rational(1, 2)), sp.Rational(16487, 10000)),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
def test_false_identities_are_refuted_with_a_witness(name):
    lhs, rhs = FALSE[name]
    verdict = prove(lhs, rhs)
    assert verdict.verdict == "REFUTED", str(verdict)
    assert verdict.witness is not None
    assert verdict.sides[0] != verdict.sides[1]


def test_the_witness_is_one():
    verdict = prove(s(z) ** 2, s(z) * s(v))
    at = verdict.witness

    def sigma(u):
        return 1 / (1 + mpmath.exp(-mpmath.mpf(u)))

    assert verdict.sides == pytest.approx((float(sigma(at["z"]) ** 2), float(sigma(at["z"]) * sigma(at["v"]))), rel=1e-14)


def test_a_root_is_positive_in_every_one_of_many_disguises():
    """A zero test that met only points where the root happens to be h would prove sqrt(h**2) = h."""
    for q in range(1, 60):
        assert prove(sd.sqrt((z + q) ** 2), z + q).verdict == "REFUTED"
        assert not prove(sd.exp(sd.log((z - q) ** 2) / 2) * s(v), (z - q) * s(v)).proved
    assert prove(sd.sqrt(z**2) * sd.sqrt(z), z * sd.sqrt(z)).proved  # sqrt(z) says that z >= 0
    assert prove(sd.sqrt(z * v), sd.sqrt(z) * sd.sqrt(v)).proved
    assert prove(sd.log(z**2), 2 * sd.log(z)).proved
    assert not prove(sd.log(z * v), sd.log(z) - sd.log(v)).proved


def test_sizes_are_named():
    verdict = prove(sd.sum(sd.sin(2 * x)), sd.sum(2 * sd.sin(x) * sd.cos(x)))
    assert "n = 1" in verdict.method and "n = 2" in verdict.method
    assert "every size" in prove(sd.sum(sd.softmax(x)), 1).method
    assert "every size" in prove(X.T @ (X @ w - y), X.T @ X @ w - X.T @ y).method


def test_shapes_must_agree():
    with pytest.raises(sd.ShapeError, match=r"\(n, p\).*\(p,\)|\(p,\).*\(n, p\)"):
        prove(X, w)
    with pytest.raises(sd.ShapeError):
        prove(X, 0)


UNKNOWNS = {
    "a function nobody knows": (sp.Function("f")(Z), sp.Function("f")(Z) + 0 * Z - 1 + sp.cos(0)),
    "undefined everywhere": (sd.log(-sd.exp(z)), sd.log(-sd.exp(z) * 2) - sp.log(2)),
    "an integral": (sp.Integral(sp.exp(-(Z**2)), Z), Z),
    "a value of erf": (sd.erf(z) * sp.erf(1), sd.erf(z) * sp.erf(1) * sp.besselj(0, 1)),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWNS)
def test_what_cannot_be_decided_is_unknown(name):
    lhs, rhs = UNKNOWNS[name]
    verdict = prove(lhs, rhs)
    assert verdict.verdict in ("UNKNOWN", "PROVED") if lhs == rhs else verdict.verdict == "UNKNOWN"
    assert verdict.method or verdict.detail


def test_consistent_signs_that_are_not_noticed_do_not_refute():
    # relu(z) > 0 implies relu(z + 1) > 0, which the cases do not know; the truth is not REFUTED for it.
    assert prove(sd.positive(z) * sd.positive(z + 1), sd.positive(z)).verdict != "REFUTED"
    assert prove(sd.relu(sd.relu(z) + 1), sd.relu(z) + 1).verdict != "REFUTED"


def test_singular_points_and_huge_powers_are_no_crash():
    assert prove(z / z, 1).verdict == "PROVED"
    assert prove(1 / (z - z + v - v + pos - pos + 1), 1).verdict == "PROVED"
    assert prove((z + 1) ** 300, (z + 1) ** 299 * (z + 1)).verdict == "PROVED"
    assert prove((z + 1) ** 300, (z + 1) ** 299 * (z + 2)).verdict == "REFUTED"
    assert prove(sd.exp(sd.exp(sd.exp(sd.exp(z * 9)))), 1).verdict in ("REFUTED", "UNKNOWN")


def test_the_time_budget_is_kept():
    big = sd.tensor("big", 40, 40)
    wide = sd.sum(sd.softmax(big @ big @ big) ** 3)
    verdict = prove(wide, wide * 2 - sd.sum(sd.softmax(big @ big @ big, axis=0) ** 3), time_budget=0.5)
    assert verdict.verdict == "UNKNOWN" and verdict.method


def test_facts_are_used():
    q = sd.tensor("q", 3, 3, facts="orthogonal")
    onehot = sd.tensor("o", 2, 3, facts="onehot")
    unit = sd.tensor("u", 3, facts="unit")
    sym = sd.tensor("m", 3, 3, facts="symmetric")
    diagonal = sd.tensor("d", 2, 2, facts="diagonal")
    assert prove(q.T @ q, sd.eye(3)).proved
    assert prove(sd.det(q) ** 2, 1).proved
    assert prove(sd.det(q), 1).verdict == "REFUTED"
    assert prove(sd.sum(onehot, axis=1), sd.ones(2)).proved
    assert prove(onehot**2, onehot).proved
    assert prove(abs(unit), unit).proved and prove(sd.sqrt(unit**2), unit).proved
    assert prove(unit, sd.ones(3)).verdict == "REFUTED"
    share = sd.tensor("p", 2, 3, facts="simplex")
    assert prove(sd.sum(share, axis=1), sd.ones(2)).proved
    assert prove(share**2, share).verdict == "REFUTED"
    positive = sd.tensor("P", 2, 2, facts=("symmetric", "positive"))
    assert prove(abs(positive), positive.T).proved
    assert prove(sym, sym.T).proved
    assert prove(sd.det(diagonal), diagonal[0, 0] * diagonal[1, 1]).proved
    assert prove(A, A.T).verdict == "REFUTED"


def test_an_identity_at_one_size_only_is_refuted():
    assert prove(sd.sum(x) ** 2, sd.sum(x**2) * n).verdict == "REFUTED"  # true for n = 1
    assert prove(sd.mean(x), sd.sum(x) / n).proved


def test_deep_chains():
    deep = z
    for _ in range(3000):
        deep = sd.let("a", sd.sigmoid(deep + 1))
    assert prove(deep, deep + 0).proved
    again = z
    for _ in range(300):
        again = 1 - sd.sigmoid(-again - 1)
    straight = z
    for _ in range(300):
        straight = sd.sigmoid(straight + 1)
    assert prove(again, straight).proved


# --- random expressions -------------------------------------------------------------------------------------------

LEAVES = [z, v, pos, sd.as_expr(2) if hasattr(sd, "as_expr") else z * 0 + 2, z * 0 + sp.Rational(1, 3)]


def grow(children):
    unary = [sd.sigmoid, sd.tanh, sd.sin, sd.cos, sd.relu, sd.exp, sd.softplus, lambda e: e**2, lambda e: -e]
    pairs = st.tuples(children, children)
    return st.one_of(
        st.tuples(st.sampled_from(unary), children).map(lambda fe: fe[0](fe[1])),
        pairs.map(lambda ab: ab[0] + ab[1]),
        pairs.map(lambda ab: ab[0] * ab[1]),
        pairs.map(lambda ab: ab[0] - 2 * ab[1]),
    )


EXPRESSIONS = st.recursive(st.sampled_from(LEAVES), grow, max_leaves=6)


def rewritten(e: sd.Expr) -> sd.Expr:
    """The same by other formulas: definitions, with every product opened by hand."""
    one = sd.sin(v) ** 2 + sd.cos(v) ** 2
    half = sd.sigmoid(e) + sd.sigmoid(-e)
    return e * one * half + sd.tanh(z) - 2 * sd.sigmoid(2 * z) + 1


@settings(deadline=None, max_examples=25, derandomize=True)
@given(EXPRESSIONS)
def test_a_random_expression_is_its_rewritten_self(e):
    assert prove(e, rewritten(e), time_budget=4.0).verdict != "REFUTED"


@settings(deadline=None, max_examples=25, derandomize=True)
@given(EXPRESSIONS, st.sampled_from([sp.Rational(1, 10**15), sp.Rational(-1, 7), sp.Integer(3)]))
def test_a_random_expression_is_not_its_disturbed_self(e, wrong):
    assert prove(e, rewritten(e) + wrong * s(v), time_budget=4.0).verdict != "PROVED"
