"""Reading LaTeX: what people write means what they mean; claims in LaTeX are checked line by line; nothing is ever run."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.expr.tex.reading import looks_like_latex, parse_latex
from symdl.render.latex import latex

n, p, h = sd.dims("n p h")
i, j, k = sd.indices("i j k")
X, w, y, b, A, B = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("b"), sd.tensor("A", p, p), sd.tensor("B", p, p)
W1, b1, theta, v = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("theta"), sd.tensor("v", p)
KNOWN = {"X": X, "w": w, "y": y, "b": b, "A": A, "B": B, "W1": W1, "b1": b1, "theta": theta, "v": v}
s = sd.sigmoid(X @ w)

FORMULAS = {
    r"X^\top(\sigma(Xw) - y)": X.T @ (s - y),
    r"\mathbf{X}^{T}\left(\sigma(\mathbf{X}\mathbf{w}) - \mathbf{y}\right)": X.T @ (s - y),
    r"$X^\top (\sigma(X w) - y)$": X.T @ (s - y),
    r"X^\intercal \bigl(\sigma(Xw) - y\bigr)": X.T @ (s - y),
    r"\nabla_w C = X^\top(\sigma(Xw) - y)": X.T @ (s - y),
    r"X^\top\big((\sigma(Xw)-y) \odot \sigma(Xw) \odot (1-\sigma(Xw))\big)": X.T @ ((s - y) * s * (1 - s)),
    r"X^\top\left((\sigma(Xw)-y) \odot \sigma'(Xw)\right)": X.T @ ((s - y) * s * (1 - s)),
    r"\sum_{i=1}^{n} (\sigma(\sum_{j=1}^{p} X_{ij} w_j) - y_i) X_{ik}": sd.sum((sd.sigmoid(sd.sum(X[i, j] * w[j], j)) - y[i]) * X[i, k], i),
    r"\sum_{i=0}^{n-1} X_{i,0} y_i": sd.sum(X[i, 0] * y[i], i),
    r"\sum_i y_i^2": sd.sum(y**2),
    r"\sum_{i,j} X_{ij}^2": sd.sum(X**2),
    r"\frac{1}{2}\|Xw-y\|^2": sd.norm(X @ w - y) ** 2 / 2,
    r"\frac12 \lVert Xw - y \rVert_2^2": sd.norm(X @ w - y) ** 2 / 2,
    r"\tfrac{1}{n}\sum_{i=1}^n \left(y_i - b\right)^2": sd.sum((y - b) ** 2) / n,
    r"\|w\|_1": sd.sum(sd.abs(w)),
    r"w^\top A w": w @ A @ w,
    r"(A + A^\top) w": (A + A.T) @ w,
    r"2Aw": 2 * (A @ w),
    r"A^{-1} w": sd.inv(A) @ w,
    r"A^{-\top}": sd.inv(A).T,
    r"\left(A^{-1}\right)^\top": sd.inv(A).T,
    r"A^2": A @ A,
    r"(X^\top X)^{-1} X^\top y": sd.inv(X.T @ X) @ X.T @ y,
    r"\operatorname{tr}(AB)": sd.trace(A @ B),
    r"\mathrm{tr}(A^\top B)": sd.trace(A.T @ B),
    r"\log\det A": sd.log(sd.det(A)),
    r"|A|": sd.det(A),
    r"|w_1|": sd.abs(w[0]),
    r"w v^\top": sd.outer(w, v),
    r"w \odot v": w * v,
    r"w \circ v": w * v,
    r"\operatorname{diag}(w)": sd.diag(w),
    r"\mathbf{1}^\top y": sd.sum(y),
    r"X \mathbf{1}": sd.sum(X, axis=1),
    r"X W_1 + b_1": X @ W1 + b1,
    r"X W^{(1)} + \mathbf{1} b^{(1)\top}": X @ W1 + b1,
    r"e^{-\theta}": sd.exp(-theta),
    r"\exp(-\theta b)": sd.exp(-theta * b),
    r"\frac{1}{1 + e^{-\theta}}": 1 / (1 + sd.exp(-theta)),
    r"\log(1 + \exp(\theta))": sd.log(1 + sd.exp(theta)),
    r"\sqrt{\theta^2 + b^2}": sd.sqrt(theta**2 + b**2),
    r"\tanh^2 \theta": sd.tanh(theta) ** 2,
    r"\operatorname{softmax}(w)_1": sd.softmax(w)[0],
    r"\mathrm{ReLU}(Xw)": sd.relu(X @ w),
    r"w_{1} + w_2": w[0] + w[1],
    r"X_{12}": X[0, 1],
    r"X_{1,2}": X[0, 1],
    r"\sum_i v_i w_{i}": sd.sum(v * w),
    r"-\theta": -theta,
    r"3 \cdot \theta \times b / 2": 3 * theta * b / 2,
    r"0.5\,\theta": theta / 2,
    r"\pi \theta": sd.parse("pi*theta"),
    "θ·b": theta * b,
}


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_mean_what_people_mean(text):
    found, wanted = parse_latex(text, **KNOWN), FORMULAS[text]
    assert found.shape == wanted.shape and found.open == wanted.open
    assert found == wanted or sd.prove(found, wanted).verdict == "PROVED", (str(found), str(wanted))


ERRORS = {
    r"X^\top(\sigma(Xw) - y": "missing",
    r"X q": "q is not declared",
    r"w v": r"\\odot",
    r"X X": "@",
    r"w^\top + v": "transpose one",
    r"\sum_{i=1}^{p} y_i": "its axis has n elements",
    r"\sum_{l} y_i": "does not occur",
    r"\int x": "not read here",
    r"w_0": "too small",
    r"X_{ijk}": "2 indices belong here, and 3",
    r"\frac{1}": "missing",
    r"": "empty",
    r"w + ": "a value is missing",
    r"\frac{\partial C}{\partial w} = ": "nothing on its right",
    r"(" * 300 + "b" + ")" * 300: "too deeply",
    r"9^{9^{9^{9}}}": "too",
    r"b^{100000000}^{100000000}": ".",
    "w; import os": "not part of a formula",
    r"\input{/etc/passwd}": ".",
    r"\write18{ls}": ".",
    r"\def\x{\x}\x": ".",
    "x" * 20_000: "characters",
    r"\operatorname{__import__}(w)": ".",
    r"w.__class__": ".",
    r"{\rm lambda}": ".",
    "\x00": "not part",
    "𝒘": ".",
}


@pytest.mark.parametrize("text", ERRORS, ids=lambda t: t[:30])
def test_what_is_no_formula_is_said_in_one_line(text):
    begin = time.process_time()
    with pytest.raises(sd.SymdlError, match=ERRORS[text]) as caught:
        parse_latex(text, **KNOWN)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
    assert time.process_time() - begin < 5


def test_what_is_latex():
    assert looks_like_latex(r"X^\top y") and looks_like_latex("x_{1}") and not looks_like_latex("X.T @ (sigmoid(X@w) - y)")


LOSS = sd.sum((s - y) ** 2) / 2
RIGHT = r"X^\top((\sigma(Xw) - y) \odot \sigma(Xw) \odot (1 - \sigma(Xw)))"


def test_claims_in_latex():
    assert sd.check(LOSS, w, RIGHT).verdict == "PROVED"
    assert sd.check(LOSS, w, RIGHT.replace("- y", "+ y")).verdict == "REFUTED"
    element = r"\frac{\partial C}{\partial w_k} = \sum_{i=1}^{n} (a_i - y_i) a_i (1 - a_i) X_{ik}"
    a = sd.let("a", s)
    loss = sd.sum((a - y) ** 2) / 2
    assert sd.check(loss, w, element).verdict == "PROVED"
    turned = sd.check(loss, w, element.replace("X_{ik}", "X_{ki}"))
    assert turned.verdict == "REFUTED" and "index" in turned.detail
    with pytest.raises(sd.ShapeError, match="index"):
        sd.check(loss, w, element.replace("X_{ik}", "X_{ki} X_{ii}"))
    assert sd.check(loss, w, element.replace("(1 - a_i)", "")).verdict == "REFUTED"


def test_a_derivation_is_checked_line_by_line():
    lines = [
        r"\frac{\partial C}{\partial w} &= " + RIGHT,
        r"&= X^\top((\sigma(Xw) - y) \odot \sigma'(Xw))",
        r"&= X^\top(\sigma(Xw) \odot \sigma'(Xw)) - X^\top (y \odot \sigma'(Xw))",
    ]
    text = r"\begin{align*}" + r" \\ ".join(lines) + r"\end{align*}"
    verdict = sd.check(LOSS, w, text)
    assert verdict.verdict == "PROVED" and "3 lines" in verdict.detail
    wrong = sd.check(LOSS, w, text.replace(r"- X^\top (y", r"+ X^\top (y"))
    assert wrong.verdict == "REFUTED" and "line 3" in wrong.detail
    first = sd.check(LOSS, w, text.replace("(1 - ", "(1 + "))
    assert first.verdict == "REFUTED" and "line 1" in first.detail


def test_a_formula_for_another_tensor_is_noticed():
    with pytest.raises(sd.SymdlError, match="derivative by X"):
        sd.check(LOSS, w, r"\frac{\partial C}{\partial X} = " + RIGHT)


ARRAYS = [X.T @ (s - y), sd.sum((X @ w - y) ** 2) / 2, X @ W1 + b1, sd.diag(w) - sd.outer(w, w), sd.outer(y, w), y @ X @ w, sd.mean(X, axis=0)]
SCALARS = [sd.logdet(A), sd.trace(A @ A.T), sd.norm(w), sd.max(w), sd.sum(sd.log(1 + sd.exp(-y * (X @ w)))), X[0, 1] + w[2]]
ELEMENTWISE = [sd.softmax(w), sd.exp(w) * sd.tanh(w), w / (1 + sd.abs(w)), sd.sqrt(w), -w * theta / 3, (w - 1) ** 3, 1 / w, w**-2]
OTHERS = [sd.inv(A).T, sd.sum(X[i, j] * w[j], j) - y[i], X[:, 0], sd.sum(X, axis=0), sd.relu(X @ w) * theta**2]
EXPRESSIONS = [*ARRAYS, *SCALARS, *ELEMENTWISE, *OTHERS]


@pytest.mark.parametrize("expr", EXPRESSIONS, ids=str)
def test_what_symdl_prints_is_read_back(expr):
    found = parse_latex(latex(expr), **KNOWN)
    assert found == expr or sd.prove(found, expr).verdict == "PROVED"


COMMANDS = [r"\frac", r"\sum", r"\sigma", r"\top", r"\left(", r"\right)", r"\\", r"\|", r"\operatorname{tr}", r"\partial", r"\odot", r"\mathbf{1}"]
PIECES = [*"wvyXAbθ()[]{}^_+-*/=&|'.,!0123 ", *COMMANDS, "_{i}", "^{-1}", "_{i=1}^{n}"]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_text_is_read_or_refused(pieces):
    text = "".join(pieces)
    try:
        parse_latex(text, **KNOWN)
    except sd.SymdlError as error:
        assert "\n" not in str(error)
