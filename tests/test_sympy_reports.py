"""Questions from SymPy's tracker on derivatives by matrices, indexed symbols and sums: SymPy 1.14 answers 0, the wrong shape, or with an error.

Each is asked in SymPy's words. symdl's answer is compared with central differences of the question itself, and proved. The number is that of the
report at github.com/sympy/sympy/issues; a pull request's is not used.
"""

import numpy as np
import pytest
import sympy as sp
from reference import evaluate
from sympy.matrices.expressions import HadamardProduct, OneMatrix

import symdl as sd
from symdl.expr.in_kind import asked
from symdl.expr.tensor import as_expr

n, p, m = sd.dims("n p m")
SIZES = {n: 3, p: 2, m: 4}
A, B, C = (sp.MatrixSymbol(q, n, n) for q in "ABC")
X, Y = sp.MatrixSymbol("X", n, p), sp.MatrixSymbol("Y", n, p)
U, V, D = sp.MatrixSymbol("U", n, m), sp.MatrixSymbol("V", m, p), sp.MatrixSymbol("D", n, p)
x, u, c = (sp.MatrixSymbol(q, n, 1) for q in "xuc")
w, t = sp.MatrixSymbol("w", p, 1), sp.MatrixSymbol("t", n, 1)
M3, F = sp.MatrixSymbol("M", 3, 3), sp.MatrixSymbol("F", 3, 3)
k, b, l, s = sp.symbols("k b l s")
i, j, q = sp.symbols("i j q", integer=True)
h, e = sp.IndexedBase("h"), sp.IndexedBase("e")
I = sp.Identity(n)


def square(z):
    return sp.Trace(z.T * z)


def softmax_cross_entropy():
    z = X * w
    return sp.log(sp.Trace(OneMatrix(1, n) * z.applyfunc(sp.exp))) * sp.Trace(OneMatrix(1, n) * t) - sp.Trace(t.T * z)


#: (report, question, by what, the right answer where it is short)
SCALARS = [
    ("26585", square(D - U * V) / 2 + square(D) / 2, U, -(D - U * V) * V.T),
    ("26585, second", square(D - U * V) / 2 + square(U) / 2, U, U - (D - U * V) * V.T),
    ("27406", square(A) + square(B), A, 2 * A),
    ("30527", sp.Trace(I - A) ** 2, A, -2 * sp.Trace(I - A) * I),
    ("30527, expanded", (sp.Trace(sp.Identity(3) - M3) ** 2).expand(), M3, (2 * sp.Trace(M3) - 6) * sp.Identity(3)),
    ("25118", square(F) - 3, F, 2 * F),
    ("24725", square(x - s * OneMatrix(n, 1)), s, -2 * sp.Trace(OneMatrix(1, n) * (x - s * OneMatrix(n, 1)))),
    ("24725, comment", sp.Trace(x.T * u) + b, u, x),
    ("23492", sp.Trace(A) + sp.Trace(A**2), A, I + 2 * A.T),
    ("28618", sp.log(sp.Determinant(A)), A, A.T.inv()),
    ("15649", sp.Determinant(A), A, sp.Determinant(A) * A.T.inv()),
    ("28838", k * sp.Determinant(A), A, k * sp.Determinant(A) * A.T.inv()),
    ("28838, reciprocal", 1 / sp.Determinant(A), A, -A.T.inv() / sp.Determinant(A)),
    ("28838, sum", k + sp.Determinant(A), A, sp.Determinant(A) * A.T.inv()),
    ("28615", sp.sqrt(square(A)), A, A / sp.sqrt(square(A))),
    ("15136", sp.Trace(A**2 * B), A, (A * B + B * A).T),
    ("15614", sp.Trace(A * B), A, B.T),
    ("15614, second", sp.Trace(A.T * B * A), A, (B + B.T) * A),
    ("21960", sp.Trace(HadamardProduct(A, B)), A, None),
    ("21960, second", sp.Trace(C * HadamardProduct(A, B)), A, HadamardProduct(B, C.T)),
    ("17972", square((U * V).applyfunc(sp.exp)), U, None),
    ("9840", x.T * A * x / 2 + c.T * x, x, (A + A.T) * x / 2 + c),
    ("17229", M3[1, 1], M3, None),
    ("28622, whole", sp.Determinant(A**3), A, None),
    ("12751", sp.Sum(h[i], (i, 1, n)), h[1], sp.Integer(1)),
    ("21891", sp.Sum(e[i] * h[i], (i, 1, n)), h[i], e[i]),
    ("14803", sp.Sum(e[i] * b**i, (i, 0, n)), b, None),
    ("30029", sp.Sum(e[i] * b**i, (i, 1, n)), b, None),
    ("13994", sp.Product(h[j], (j, 1, 3)), h[2], h[1] * h[3]),
    ("the brief: softmax and cross-entropy", softmax_cross_entropy(), w, None),
    ("the brief: logsumexp", sp.log(sp.Trace(OneMatrix(1, n) * x.applyfunc(sp.exp))), x, None),
    ("the brief: trace and a number", sp.Trace(A) + 1, A, I),
    ("the brief: log det of a product", sp.log(sp.Determinant(X.T * X)), X, None),
    ("the brief: least squares of sigma(Xw)", square((X * w).applyfunc(sd.sigmoid) - t) / 2, w, None),
]


def points(expr, seed=1):
    """Positive values, and square matrices that are far from singular."""
    r = np.random.default_rng(seed)
    found = {}
    for name, whole in named(expr).items():
        shape = tuple(int(sp.sympify(d).subs(SIZES)) for d in whole.shape)
        found[name] = r.uniform(0.4, 1.3, shape) + (2 * np.eye(shape[0]) if len(shape) == 2 and shape[0] == shape[1] else 0)
    return found


def named(expr):
    from symdl.prove.claims import named_parts

    return named_parts(expr)


def differences(expr, name, at, step=1e-5):
    """d expr / d name by central differences; axes of the value first."""
    base = np.array(at[name], float)
    letters = tuple(expr.open)
    columns = []
    for place in np.ndindex(*base.shape):
        ends = []
        for sign in (1, -1):
            moved = base.copy()
            moved[place] += sign * step
            ends.append(np.array(evaluate(expr, {**at, name: moved}, SIZES, letters)))
        columns.append((ends[0] - ends[1]) / (2 * step))
    value = columns[0].shape
    return np.stack(columns, -1).reshape(value + base.shape)


def close(got, expected, tolerance=1e-7):
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    return np.allclose(got.reshape(expected.shape), expected, rtol=tolerance, atol=tolerance * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(("report", "question", "wrt", "answer"), SCALARS, ids=[r[0] for r in SCALARS])
def test_gradients(report, question, wrt, answer):
    got = sd.grad(question, wrt)
    assert not isinstance(got, sd.Expr)
    if isinstance(wrt, sp.MatrixSymbol):
        assert got.shape == wrt.shape
    expr = asked(question, scalar=True)
    at = points(expr)
    name = str(wrt.base) if isinstance(wrt, sp.Indexed) else wrt.name
    whole = sd.grad(expr, name)
    assert close(evaluate(whole, at, SIZES), differences(expr, name, at))
    verdict = sd.check(question, wrt, got).verdict
    # X.T @ X is singular at some of the small sizes that the prover draws.
    assert verdict == "PROVED" or (verdict == "UNKNOWN" and "product" in report)
    if not isinstance(wrt, sp.Indexed):
        assert close(evaluate(as_expr(got), at, SIZES), differences(expr, name, at))
    if answer is not None:
        assert got == answer or sd.prove(got, answer).verdict == "PROVED"


#: Tensors by tensors: the Jacobian has the axes of both; those of size 1 are dropped where it is a matrix.
TENSORS = [
    ("15667", sp.Trace(A) * A, A),
    ("17229, whole", M3, M3),
    ("23492, identity", M3 + sp.eye(3), M3),
    ("21062", (X * w).applyfunc(sp.exp), w),
    ("23931", x / sp.Trace(x.T * x), x),
    ("23364", (l * A) * (l * A), l),
    ("21597", (u - A * u.applyfunc(sp.tanh)).T, u),
    ("21597, not transposed", u - A * u.applyfunc(sp.tanh), u),
    ("16398", x, x),
    ("10989", u * s + x, s),
    ("10989, second", u * s + x, u),
    ("the brief: sigma(Xw)", (X * w).applyfunc(sd.sigmoid), w),
    ("a product by its second factor", X * V.T * U.T, U),
    ("an inverse by its matrix", A.inv(), A),
]


@pytest.mark.parametrize(("report", "question", "wrt"), TENSORS, ids=[r[0] for r in TENSORS])
def test_jacobians(report, question, wrt):
    expr = as_expr(question)
    name = wrt.name
    whole = sd.jacobian(expr, name)
    at = points(expr)
    expected = differences(expr, name, at)
    assert close(evaluate(whole, at, SIZES), expected)
    assert sd.check(expr, name, whole).verdict == "PROVED"
    shown = sd.jacobian(question, wrt)
    long = [d for d in whole.shape if d != 1]
    if len(long) <= 2:
        assert isinstance(shown, sp.MatrixExpr) and close(evaluate(as_expr(shown), at, SIZES), expected)
    else:
        letters = sorted((a for a in shown.free_symbols if a.is_integer and not a.is_positive), key=str)
        assert len(letters) == len(long)  # an element, with a letter on each axis
        for place in [(0,) * len(long), (1,) * len(long), (0, 1, 0, 1)[: len(long)], (0, 1, 1, 0)[: len(long)]]:
            element = as_expr(shown.subs(dict(zip(letters, place, strict=True))).doit() + 0 * sp.Symbol("zero"))
            assert close(evaluate(element, at, SIZES), np.reshape(expected, [d for d in expected.shape if d != 1])[place])


def test_the_hessian_of_a_quadratic_form():
    """9840."""
    assert sd.hessian(x.T * A * x / 2 + c.T * x, x) == A / 2 + A.T / 2 or sd.prove(sd.hessian(x.T * A * x / 2 + c.T * x, x), (A + A.T) / 2).verdict == "PROVED"


def test_second_derivatives_by_elements():
    """8207: a.b by an element of a twice is 0."""
    dot = sd.grad(x.T * u, x[0, 0])
    assert dot == u[0, 0]
    assert sd.grad(sd.grad(x.T * A * x, x[0, 0]), x[1, 0]) == A[0, 1] + A[1, 0]


def test_indexed_by_indexed():
    """9185, 11568: an element by another is Kronecker's delta."""
    shaped = sp.IndexedBase("g", shape=(n,))
    assert (
        sd.jacobian(shaped[j] ** 2 / 2, shaped[i]) == sp.KroneckerDelta(i, j) * shaped[j]
        or sd.jacobian(shaped[j] ** 2 / 2, shaped[i]).subs({i: 1, j: 1}) == shaped[1]
    )


def test_a_gradient_by_what_does_not_occur_is_zero():
    """28617."""
    assert sd.grad(sp.sqrt(x.T * x), A) == sp.ZeroMatrix(n, n)


@pytest.mark.parametrize(
    ("report", "question", "says"),
    [
        ("17972", sp.exp(A * B), "applyfunc"),
        ("28622, 15650", sp.Determinant(A**k), "whole numbers"),
        ("28799", sp.Function("L")(A), "no rule|elementwise"),
        ("20848", sp.Product(b + i, (i, 1, n)), "exp"),
    ],
)
def test_what_has_no_answer_is_said(report, question, says):
    with pytest.raises(sd.SymdlError, match=says):
        sd.jacobian(question, A if question.has(A) else b)


def test_a_wrong_answer_is_caught():
    """SymPy's own answers to 26585 and 23931, refuted."""
    assert sd.check(square(D - U * V) / 2 + square(D) / 2, U, sp.ZeroMatrix(n, m)).verdict == "REFUTED"
    assert sd.check(sp.Trace(A) + sp.Trace(A**2), A, sp.ZeroMatrix(n, n)).verdict == "REFUTED"
