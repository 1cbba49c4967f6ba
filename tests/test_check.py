"""check(loss, wrt, claim): right gradients are proved, wrong ones refuted, never the other way round."""

import pytest
import sympy as sp

import symdl as sd
from symdl.prove.claims import check

n, p, h, m = sd.dims("n p h m")
i, j, k = sd.indices("i j k")
X, w, y, b = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("b")
W1, b1, W2 = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m)
T = sd.tensor("T", n, m)
z, t = sd.tensor("z", n), sd.tensor("t", n)
A = sd.tensor("A", 3, 3)
a = sd.sigmoid(X @ w + b)
H = sd.sigmoid(X @ W1 + b1)
O = sd.sigmoid(H @ W2)
one = sd.tensor("u")

#: loss, wrt, the right gradient
CASES = {
    "linear": (sd.sum((X @ w - y) ** 2) / 2, w, X.T @ (X @ w - y)),
    "by the data": (sd.sum((X @ w - y) ** 2) / 2, X, sd.outer(X @ w - y, w)),
    "logistic": (sd.sum((a - y) ** 2) / 2, w, X.T @ ((a - y) * a * (1 - a))),
    "bias": (sd.sum((a - y) ** 2) / 2, b, sd.sum((a - y) * a * (1 - a))),
    "cross-entropy": (-sd.sum(y * sd.log(a) + (1 - y) * sd.log(1 - a)), w, X.T @ (a - y)),
    "output layer": (sd.sum((O - T) ** 2) / 2, W2, H.T @ ((O - T) * O * (1 - O))),
    "hidden layer": (sd.sum((O - T) ** 2) / 2, W1, X.T @ ((((O - T) * O * (1 - O)) @ W2.T) * H * (1 - H))),
    "softmax": (sd.cross_entropy(sd.softmax(z), t), z, sd.softmax(z) * sd.sum(t) - t),
    "logsumexp": (sd.logsumexp(z), z, sd.softmax(z)),
    "tanh": (sd.sum(sd.tanh(z) * t), z, t * (1 - sd.tanh(z) ** 2)),
    "sine": (sd.sum(sd.sin(z * t)), z, t * sd.cos(z * t)),
    "relu": (sd.sum(sd.relu(z) * t), z, t * (1 + sd.sign(z)) / 2),
    "gelu": (sd.gelu(one), one, (1 + sd.erf(one / sp.sqrt(2))) / 2 + one * sd.exp(-(one**2) / 2) / sd.sqrt(2 * sp.pi)),
    "arctan": (sd.arctan(one**2), one, 2 * one / (1 + one**4)),
    "power": ((one**2 + 1) ** b, one, 2 * one * b * (one**2 + 1) ** (b - 1)),
    "norm": (sd.norm(z), z, z / sd.norm(z)),
    "quotient": (1 / (1 + sd.exp(-one)), one, sd.exp(-one) / (1 + sd.exp(-one)) ** 2),
    "trace": (sd.trace(A @ A), A, 2 * A.T),
    "determinant": (sd.det(A), A, sd.det(A) * sd.inv(A).T),
    "logdet": (sd.logdet(A), A, sd.inv(A).T),
    "inverse": (sd.sum(sd.inv(A)), A, -sd.inv(A).T @ sd.ones(3, 3) @ sd.inv(A).T),
    "mean square": (sd.mean((z - sd.mean(z)) ** 2), z, 2 * (z - sd.mean(z)) / n),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_right_gradients_are_proved(name):
    loss, wrt, claim = CASES[name]
    verdict = check(loss, wrt, claim)
    assert verdict.verdict == "PROVED", str(verdict)


def mutants(name):
    """Wrong gradients: a factor, a sign, a last digit, one entry, an added term."""
    _, wrt, right = CASES[name]
    entry = sd.ones(*right.shape) if right.shape else 1
    return {
        "twice": right * 2,
        "sign": -right,
        "last digit": right * (1 + sp.Rational(1, 10**15)),
        "offset": right + sp.Rational(1, 10**14) * entry,
        "itself added": right + wrt * sp.Rational(1, 1000),
    }


@pytest.mark.parametrize("name", CASES)
def test_mutated_gradients_are_refuted(name):
    loss, wrt, _ = CASES[name]
    for kind, claim in mutants(name).items():
        verdict = check(loss, wrt, claim)
        assert verdict.verdict == "REFUTED", f"{kind}: {verdict}"
        assert verdict.witness and verdict.sides[0] != verdict.sides[1]


SPECIAL = {
    "forgotten derivative of the sigmoid": ("hidden layer", X.T @ ((((O - T) * O * (1 - O)) @ W2.T) * H)),
    "wrong layer's activation": ("hidden layer", X.T @ ((((O - T) * O * (1 - O)) @ W2.T) * H * (1 + H))),
    "least squares for cross-entropy": ("cross-entropy", X.T @ ((a - y) * a * (1 - a))),
    "sum of targets forgotten": ("softmax", sd.softmax(z) - t),
    "no transpose": ("determinant", sd.det(A) * sd.inv(A)),
    "trace without transpose": ("trace", 2 * A),
    "erf without the density": ("gelu", (1 + sd.erf(one / sp.sqrt(2))) / 2),
    "cosh for sech": ("tanh", t / sd.cosh(z)),
    "relu's other side": ("relu", t * (1 - sd.sign(z)) / 2),
    "inverse without sign": ("inverse", sd.inv(A).T @ sd.ones(3, 3) @ sd.inv(A).T),
}  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_typical_mistakes_are_refuted(name):
    case, claim = SPECIAL[name]
    loss, wrt, _ = CASES[case]
    assert check(loss, wrt, claim).verdict == "REFUTED"


def test_text_names_and_elements():
    loss = sd.sum((a - y) ** 2) / 2
    assert check(loss, "w", "X.T @ ((sigmoid(X@w + b)-y)*sigmoid(X@w + b)*(1-sigmoid(X@w + b)))").proved
    assert check(loss, w[j], sd.sum(X[k, j] * ((a - y) * a * (1 - a))[k], k)).proved
    assert check(loss, w[0], sd.sum(X[:, 0] * (a - y) * a * (1 - a))).proved
    assert check(loss, w[0], sd.sum(X[:, 1] * (a - y) * a * (1 - a))).verdict == "REFUTED"
    assert check(loss, X.T, sd.outer(w, (a - y) * a * (1 - a))).proved


def test_by_a_named_result():
    hidden = sd.let("hidden", H)
    out = sd.sigmoid(hidden @ W2)
    loss = sd.sum((out - T) ** 2) / 2
    right = ((out - T) * out * (1 - out)) @ W2.T
    assert check(loss, hidden, right).proved
    assert check(loss, "hidden", right * 2).verdict == "REFUTED"


def test_jacobians():
    right = sd.diag(sd.softmax(z)) - sd.outer(sd.softmax(z), sd.softmax(z))
    assert check(sd.softmax(z), z, right).proved
    assert check(sd.softmax(z), z, right * (1 + 1e-12)).verdict == "REFUTED"
    assert check(X @ w, w, X).proved


def test_plain_sympy():
    u, c = sp.symbols("u c")
    loss = (sd.sigmoid(u * c) - 1) ** 2
    assert check(loss, u, sp.diff(loss, u)).proved
    assert check(loss, u, sp.diff(loss, c)).verdict == "REFUTED"


def test_what_cannot_be_stated_is_an_error():
    loss = sd.sum((a - y) ** 2) / 2
    with pytest.raises(sd.ShapeError, match=r"\(n,\).*\(p,\)"):
        check(loss, w, y)
    with pytest.raises(sd.NameError_, match="nobody"):
        check(loss, "nobody", w)
    with pytest.raises(sd.NameError_):
        check(loss, sd.tensor("other", p), w)
    with pytest.raises(sd.SymdlError):
        check(loss, w, "__import__('os')")


def test_the_differentiator_has_no_part_in_it(monkeypatch):
    """Wrong derivatives in the function table change no verdict."""
    import dataclasses

    from symdl.functions import TABLE

    loss, wrt, right = CASES["logistic"]
    monkeypatch.setitem(TABLE, "sigmoid", dataclasses.replace(TABLE["sigmoid"], derivatives=(lambda z: z,)))
    assert check(loss, wrt, right).proved


def test_a_network_of_wakuis_size():
    images, hidden, output = 64, 3, 2
    pixels, target = sd.tensor("x", images, 12), sd.tensor("t", images, output)
    V, c, U, d = sd.tensor("V", hidden, 12), sd.tensor("c", hidden), sd.tensor("U", output, hidden), sd.tensor("d", output)
    a2 = sd.sigmoid(pixels @ V.T + c)
    a3 = sd.sigmoid(a2 @ U.T + d)
    loss = sd.sum((target - a3) ** 2) / 2
    delta = (a3 - target) * a3 * (1 - a3)
    right = ((delta @ U) * a2 * (1 - a2)).T @ pixels
    assert check(loss, V, right, time_budget=30).proved
    assert check(loss, V, right * (1 + 1e-15), time_budget=30).verdict == "REFUTED"
