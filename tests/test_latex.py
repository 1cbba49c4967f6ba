"""LaTeX in matrix and in index notation, and that HTML's converter takes all of it."""

import contextlib
import operator
import random
import re

import pytest
import sympy as sp

import symdl as sd
from symdl.expr.language.grammar import to_postfix
from symdl.expr.language.parse import parse
from symdl.render.equation import align, equation
from symdl.render.latex import latex
from symdl.render.letters import scripted, subscripts, written

n, p, h, m = sd.dims("n p h m")
i, j, k = sd.indices("i j k")
SHAPES = {
    "X": "n,p", "Z": "n,p", "W1": "p,h", "W2": "h,m", "b1": "h", "b2": "m", "T": "n,m", "A": "n,n", "B": "n,n",
    "w": "p", "u": "n", "v": "n", "y": "n", "delta2": "n,m", "s": "", "t": "",
}  # fmt: skip
MATRIX = [
    ("X.T @ (sigmoid(X @ w) - y)", r"X^{\top} \left(\sigma\left(X w\right) - y\right)"),
    ("sum((sigmoid(X @ w) - y)**2)/2", r"\frac{1}{2} \left\lVert \sigma\left(X w\right) - y \right\rVert^{2}"),
    ("v @ A @ v", r"v^{\top} A v"),
    ("v @ inv(A) @ u", r"v^{\top} A^{-1} u"),
    ("u*v", r"u \odot v"),
    ("u/v", r"u \oslash v"),
    ("v**2", r"v^{\odot 2}"),
    ("outer(u, v)", r"u v^{\top}"),
    ("diag(v)", r"\operatorname{diag}\left(v\right)"),
    ("X.T @ diag(v) @ X", r"X^{\top} \operatorname{diag}\left(v\right) X"),
    ("v[:, None]*X", r"\operatorname{diag}\left(v\right) X"),
    ("X*w", r"X \operatorname{diag}\left(w\right)"),
    ("X @ W1 + b1", r"X W^{(1)} + \mathbf{1} b^{(1)\top}"),
    ("A + v[:, None]", r"A + v \mathbf{1}^{\top}"),
    ("trace(A @ B)", r"\operatorname{tr}\left(A B\right)"),
    ("logdet(A)", r"\log \det\left(A\right)"),
    ("inv(A).T", r"\left(A^{-1}\right)^{\top}"),
    ("(A + B).T", r"\left(A + B\right)^{\top}"),
    ("sum(v)", r"\mathbf{1}^{\top} v"),
    ("sum(X)", r"\mathbf{1}^{\top} X \mathbf{1}"),
    ("sum(X, axis=0)", r"X^{\top} \mathbf{1}"),
    ("sum(X, axis=1)", r"X \mathbf{1}"),
    ("sum(X**2)", r"\left\lVert X \right\rVert_{F}^{2}"),
    ("norm(v)", r"\left\lVert v \right\rVert"),
    ("eye(n) + A", r"A + I_{n}"),
    ("2*X.T @ y", r"2 X^{\top} y"),
    ("s*A @ v", r"s A v"),
    ("exp(v)", r"\exp\left(v\right)"),
    ("abs(v)", r"\left|v\right|"),
    ("ones(n) - v", r"1 - v"),
]
INDEX = [
    ("X.T @ (X @ w - y)", r"\sum_{j=1}^{n} X_{ji} \left(\sum_{k=1}^{p} X_{jk} w_k - y_j\right)"),
    ("sum((v - y)**2)/2", r"\frac{1}{2} \sum_{i=1}^{n} \left(v_i - y_i\right)^{2}"),
    ("X @ W1 + b1", r"\sum_{k=1}^{p} X_{ik} W^{(1)}_{kj} + b^{(1)}_j"),
    ("eye(n)", r"\delta_{ji}"),
    ("softmax(v)", r"\frac{e^{v_i}}{\sum_{j=1}^{n} e^{v_j}}"),
    ("logsumexp(v)", r"\log \sum_{i=1}^{n} e^{v_i}"),
    ("max(X, axis=1)", r"\max_{j} X_{ij}"),
    ("X[0, 1] + v[0]", r"X_{12} + v_1"),
    ("delta2 @ W2.T", r"\sum_{k=1}^{m} W^{(2)}_{jk} \delta^{(2)}_{ik}"),
    ("inv(A)", r"\left(A^{-1}\right)_{ij}"),
    ("v*(1 - v)", r"v_i \left(1 - v_i\right)"),
    ("v/sum(v)", r"\frac{v_i}{\sum_{j=1}^{n} v_j}"),
    ("mean(v)", r"\frac{1}{n} \sum_{i=1}^{n} v_i"),
    ("sum(v)**2", r"\left(\sum_{i=1}^{n} v_i\right)^{2}"),
]
SCALARS = [
    ("1 - s", "1 - s"),
    ("-s*t", "-s t"),
    ("2*s/3", r"\frac{2 s}{3}"),
    ("s/t", r"\frac{s}{t}"),
    ("1/s**2", r"\frac{1}{s^{2}}"),
    ("(s + t)**2/2", r"\frac{1}{2} \left(s + t\right)^{2}"),
    ("s**(1/3)", r"s^{\frac{1}{3}}"),
    ("s**t", "s^{t}"),
    ("sqrt(s + t)", r"\sqrt{s + t}"),
    ("exp(-s)", "e^{-s}"),
    ("exp(s)**2", r"\left(e^{s}\right)^{2}"),
    ("1/(1 + exp(-s))", r"\frac{1}{1 + e^{-s}}"),
    ("sin(s)**2", r"\sin^{2}\left(s\right)"),
    ("sigmoid(s)*(1 - sigmoid(s))", r"\sigma\left(s\right) \left(1 - \sigma\left(s\right)\right)"),
    ("pi*s", r"\pi s"),
    ("theta - x0", r"\theta - x_0"),
    ("price*count", r"\mathrm{count} \, \mathrm{price}"),
    ("2*3**s", r"2 \cdot 3^{s}"),
    ("lambda2*s", r"\lambda_2 s"),
    ("w_out + s", r"s + w_{\mathrm{out}}"),
    ("s - (t - s*2)", "3 s - t"),
    ("-(s + t)", "-s - t"),
    ("s*(-2)", "-2 s"),
    ("(-2)**3*s", "-8 s"),
]


def read(source):
    used = {d.value for d in to_postfix(source) if d.what == "name"}
    return parse(source, **{name: shape for name, shape in SHAPES.items() if name in used})


def convert(source):
    converter = pytest.importorskip("latex2mathml.converter")
    return converter.convert(source)


@pytest.mark.parametrize(("source", "shown"), MATRIX, ids=[s for s, _ in MATRIX])
def test_matrix_notation(source, shown):
    assert latex(read(source), style="matrix") == shown
    assert latex(read(source)) == shown
    convert(shown)


@pytest.mark.parametrize(("source", "shown"), INDEX, ids=[s for s, _ in INDEX])
def test_index_notation(source, shown):
    assert latex(read(source), style="index") == shown
    convert(shown)


@pytest.mark.parametrize(("source", "shown"), SCALARS, ids=[s for s, _ in SCALARS])
def test_scalars_read_the_same_in_both(source, shown):
    expr = read(source)
    ordered = {latex(expr, style=style) for style in ("matrix", "index", "auto")}
    assert ordered == {shown}
    convert(shown)


def test_open_letters():
    W, x, b = sd.tensor("W", h, p), sd.tensor("x", n, p), sd.tensor("b", h)
    z = sd.sum(W[j, i] * x[k, i], i) + b[j]
    assert latex(z) == r"\sum_{i=1}^{p} W_{ji} x_{ki} + b_j"
    assert latex(sd.sigmoid(z)) == r"\sigma\left(\sum_{i=1}^{p} W_{ji} x_{ki} + b_j\right)"


def test_letters_of_sizes():
    X, W = sd.tensor("X", n, p), sd.tensor("W1", p, h)
    shown = r"\sum_{i=1}^{p} X_{ki} W^{(1)}_{ij}"
    assert latex(X @ W, style="index", letters={n: "k", p: "i", h: "j"}) == shown
    by_callable = {n: k, p: i, h: j}
    assert latex(X @ W, style="index", letters=lambda sizes: tuple(by_callable[s] for s in sizes)) == shown


def test_no_dummy_takes_a_letter_that_is_in_use():
    A, x = sd.tensor("A", n, n), sd.tensor("x", n)
    nested = latex(sd.sum(x * (A @ (A @ x))), style="index")
    bound = re.findall(r"\\sum_\{(\w)=1\}", nested)
    assert len(bound) == len(set(bound)) == 3
    element = latex((A @ x)[i] * sd.sum(x))
    assert re.findall(r"\\sum_\{(\w)=1\}", element).count("i") == 0


def test_names_of_parts():
    X, W, t = sd.tensor("X", n, p), sd.tensor("W", p, h), sd.tensor("t", n, h)
    a = sd.let("a", sd.sigmoid(X @ W))
    gradient = sd.grad(sd.sum((a - t) ** 2) / 2, W)
    assert latex(gradient, {a.node: "a"}) == r"X^{\top} \left(\left(a - t\right) \odot a \odot \left(1 - a\right)\right)"
    shown = latex(gradient, {a.node: "a"}, style="index", letters={n: "k", p: "i", h: "j"})
    assert shown == r"\sum_{k=1}^{n} X_{ki} \left(a_{kj} - t_{kj}\right) a_{kj} \left(1 - a_{kj}\right)"


@pytest.mark.parametrize(
    ("name", "rank", "shown"),
    [
        ("x", 0, "x"),
        ("W1", 2, "W^{(1)}"),
        ("w1", 0, "w_1"),
        ("w12", 0, "w_{12}"),
        ("theta", 0, r"\theta"),
        ("delta2", 2, r"\delta^{(2)}"),
        ("x'", 1, "x'"),
        ("price", 0, r"\mathrm{price}"),
        ("w_out", 1, r"w_{\mathrm{out}}"),
        ("W_ih1", 2, r"W_{\mathrm{ih1}}"),
        ("a_b_c", 0, r"a_{\mathrm{b\_c}}"),
        ("dC_dz", 2, r"\frac{\partial C}{\partial z}"),
        ("dC_dtheta", 0, r"\frac{\partial C}{\partial \theta}"),
        ("θ", 0, "θ"),
        ("价格", 0, r"\text{价格}"),
        ("fc1.weight", 2, r"\mathrm{fc1.weight}"),
        ("_", 0, r"\_"),
        ("_x", 0, r"\mathrm{\_x}"),
    ],
)
def test_names(name, rank, shown):
    made = scripted(written(name, rank))
    assert made == shown
    convert(made)


def test_indices_of_derivatives_stand_on_the_variable():
    assert scripted(written("dC_dz", 2), "kj") == r"\frac{\partial C}{\partial z_{kj}}"
    assert scripted(written("dC_dz1", 2), "kj") == r"\frac{\partial C}{\partial z^{(1)}_{kj}}"
    assert subscripts(["k", "j"]) == "kj" and subscripts(["k'", "j"]) == "k'j" and subscripts(["i1", "j"]) == "i1, j"


def test_a_derivation_is_written_and_converted():
    X, W1, b1 = sd.tensor("X", n, p), sd.tensor("W1", p, h), sd.tensor("b1", h)
    W2, b2, T = sd.tensor("W2", h, m), sd.tensor("b2", m), sd.tensor("T", n, m)
    loss = sd.sum((sd.sigmoid(sd.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2
    d = sd.derive(loss, [W1, b1])
    assert latex(d["W1"], d.names) == r"X^{\top} \delta^{(1)}"
    for step in d.steps:
        for side in (step.before, step.after):
            for style in ("index", "matrix"):
                convert(latex(side, d.names, style))


def test_large_expressions_are_written_in_parts():
    e = sd.tensor("s")
    for _ in range(150):
        e = e * sd.sin(e) + e
    shown = latex(e)
    assert r"\text{where}" in shown and len(shown) < 60_000
    convert(shown.replace("aligned", "align*"))


def test_style_is_checked():
    with pytest.raises(sd.UnsupportedError, match="choose"):
        latex(sd.tensor("x"), style="fancy")


def test_equations():
    assert equation("a", "b") == "\\[\na = b\n\\]"
    assert align([("a", "b"), ("", "c")]) == "\\begin{align*}\na &= b \\\\\n&= c\n\\end{align*}"
    convert(align([("a", "b"), "x &< y"]))


@pytest.mark.parametrize("value", [sp.pi / 2, sp.sqrt(2), -sp.E, sp.Rational(-3, 4), 1 + sp.sqrt(3), 1 / sp.sqrt(2)])
def test_numbers(value):
    s = sd.tensor("s")
    for expr in (s * value, s + value, s**value, value - s):
        convert(latex(expr))


# --- what else was made in the session --------------------------------------------------------------------------------


def held(names):
    """Tensors made in this order, which decides how nodes are stored as long as somebody holds them."""
    return [read(name) for name in names]


@pytest.mark.parametrize("seed", range(6))
def test_formulas_do_not_depend_on_what_was_made_before(seed):
    rng = random.Random(seed)
    parts = held(rng.sample(sorted(SHAPES), len(SHAPES)))
    combine = [operator.matmul, operator.mul, operator.add, lambda a, b: a.T @ b, lambda a, b: sd.sigmoid(a @ b), lambda a, b: sd.sum(a * b)]
    for _ in range(200):
        with contextlib.suppress(sd.SymdlError, TypeError):
            parts.append(rng.choice(combine)(*rng.choices(parts, k=2)))
    for group, style in ((MATRIX, "matrix"), (MATRIX, "auto"), (INDEX, "index"), (SCALARS, "auto")):
        for source, shown in group:
            assert latex(read(source), style=style) == shown
    test_names_of_parts()


def network():
    X, T = sd.tensor("X", n, p), sd.tensor("T", n, m)
    W1, b1, W2, b2 = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m), sd.tensor("b2", m)
    d = sd.derive(sd.sum((sd.sigmoid(sd.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2, [W1, b1, W2, b2])
    return [str(d), d.latex(), *(latex(d[name], d.names, style) for name in ("W1", "b1", "W2", "b2") for style in ("matrix", "index"))]


@pytest.mark.parametrize("order", ["W1 X W2", "b2 T W2 b1 W1 X", "T X", "W2 X W1"])
def test_derivations_do_not_depend_on_what_was_made_before(order):
    shown = network()
    before = [sd.tensor(name, *{"X": (n, p), "T": (n, m), "W1": (p, h), "b1": (h,), "W2": (h, m), "b2": (m,)}[name]) for name in order.split()]
    assert before and network() == shown
    assert r"X^{\top} \delta^{(1)}" in shown


def test_columns_stay_columns():
    """Samples side by side: the error term has the axes of W1 X, in whatever order these were made."""
    d = sd.dims("d")
    for first in ("W1", "X"):
        made = {"W1": lambda: sd.tensor("W1", h, p), "X": lambda: sd.tensor("X", p, d)}
        kept = made[first]()
        W1, X, W2, b1 = made["W1"](), made["X"](), sd.tensor("W2", m, h), sd.tensor("b1", h)
        found = sd.derive(sd.sum(sd.tanh(W2 @ sd.tanh(W1 @ X + b1[:, None])) ** 2), [W1, b1])
        assert kept is not None and latex(found["W1"], found.names) == r"\delta^{(1)} X^{\top}"
