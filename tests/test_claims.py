"""Claims as authors type them: right ones are proved, wrong ones refuted with the mistake named; derivations are checked line by line."""

from __future__ import annotations

import io
import re
import time

import pytest
import sympy as sp
from claims_corpus import Problem, problems

import symdl as sd
from symdl.cli import main

CORPUS = problems()


@pytest.mark.parametrize("problem", CORPUS, ids=lambda p: p.name)
def test_right_claims_are_proved_and_wrong_ones_located(problem: Problem):
    for claim in problem.right:
        verdict = sd.check(problem.loss, problem.wrt, claim)
        assert verdict.verdict == "PROVED", (claim, verdict.detail)
    for claim, said in problem.wrong:
        try:
            verdict = sd.check(problem.loss, problem.wrt, claim)
        except sd.ShapeError as error:  # an index that runs over two sizes
            assert re.search(said, str(error)), (claim, str(error))
            continue
        assert verdict.verdict == "REFUTED", (claim, str(verdict))
        assert re.search(said, verdict.detail), (claim, verdict.detail)
        assert "\n" not in verdict.detail


def test_the_corpus_is_large():
    assert sum(len(p.right) for p in CORPUS) >= 250 and sum(len(p.wrong) for p in CORPUS) >= 170


# --- derivations of several lines ---------------------------------------------------------------------------------------

n, p, h, k = sd.dims("n p h k")
X, w, y, W, T = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("W", p, h), sd.tensor("T", n, h)
LINEAR = sd.sum((X @ w - y) ** 2) / 2
u, b, x, t = (sd.tensor(name) for name in "ubxt")
NEURON = (sd.sigmoid(u * x + b) - t) ** 2 / 2
V, xs, bs, ys = sd.tensor("W", h, p), sd.tensor("x", p), sd.tensor("b", h), sd.tensor("y", h)
LAYER = sd.sum((sd.sigmoid(V @ xs + bs) - ys) ** 2) / 2
z = sd.tensor("z", n)
ENTROPY = -sd.sum(sd.tensor("t", n, facts="onehot") * sd.log(sd.softmax(z)))

NORMAL = r"""
\begin{align}
\nabla_w J &= \nabla_w \frac12 (Xw-y)^\top (Xw-y) \\
&= \frac12 \nabla_w \left( w^\top X^\top X w - w^\top X^\top y - y^\top X w + y^\top y \right) \nonumber \\
&= \frac12 \nabla_w \left( w^\top X^\top X w - 2 w^\top X^\top y \right) \label{eq:drop} \\
&= \frac12 \left( 2 X^\top X w - 2 X^\top y \right) \\
&= X^\top X w - X^\top y
\end{align}"""
CHAIN = r"""
Let $z = ux + b$ and $a = \sigma(z)$. Then
\begin{align*}
\frac{\partial C}{\partial a} &= a - t \\
\frac{\partial a}{\partial z} &= \sigma'(z) = a(1-a) && \text{(the slope of the sigmoid)} \\
\frac{\partial z}{\partial u} &= x \\
\Rightarrow \frac{\partial C}{\partial u} &= \frac{\partial C}{\partial a}\cdot\frac{\partial a}{\partial z}\cdot\frac{\partial z}{\partial u} \\
&= (a-t)\,a(1-a)\,x .
\end{align*}"""
NETWORK = r"""\begin{align}
z &= Wx + b \\
a &= \sigma(z) \\
\delta &= \frac{\partial L}{\partial z} = (a-y)\odot\sigma'(z)\\
\frac{\partial L}{\partial W} &= \delta x^\top \\
\frac{\partial L}{\partial b} &= \delta
\end{align}"""
ELEMENTS = r"""\begin{align}
z_j &= \sum_k W_{jk} x_k + b_j, \quad a_j = \sigma(z_j) \\
\frac{\partial L}{\partial W_{jk}} &= \sum_i \frac{\partial L}{\partial a_i}\frac{\partial a_i}{\partial W_{jk}} \\
&= \frac{\partial L}{\partial a_j}\frac{\partial a_j}{\partial z_j}\frac{\partial z_j}{\partial W_{jk}} \\
&= (a_j - y_j)\, a_j (1-a_j)\, x_k
\end{align}"""
SOFTMAX = r"""p_k = \frac{e^{z_k}}{\sum_j e^{z_j}} \\
\frac{\partial p_k}{\partial z_i} = p_k(\delta_{ki} - p_i) \\
\frac{\partial L}{\partial z_i} = -\sum_k \frac{t_k}{p_k}\frac{\partial p_k}{\partial z_i}
= -\sum_k t_k(\delta_{ki} - p_i) = -t_i + p_i\sum_k t_k = p_i - t_i"""

RIGHT = [(LINEAR, "w", NORMAL), (NEURON, "u", CHAIN), (LAYER, "W", NETWORK), (LAYER, "W", ELEMENTS), (ENTROPY, "z", SOFTMAX)]
#: (loss, wrt, derivation, what is replaced by what, the line that is wrong, what is said of it).
WRONG = [
    (LINEAR, "w", NORMAL, (r"\frac12 \left( 2 X^\top X w", r"\frac12 \left( X^\top X w"), 4, "factor 2 is missing at the term X.T @ X @ w"),
    (LINEAR, "w", NORMAL, (r"- 2 w^\top X^\top y", r"- w^\top X^\top y"), 3, "factor 2 is missing at the term"),
    (LINEAR, "w", NORMAL, (r"- y^\top X w", r"+ y^\top X w"), 2, "sign|missing|belong|mends"),
    (LINEAR, "w", NORMAL, (r"&= X^\top X w - X^\top y", r"&= X^\top X w + X^\top y"), 5, "sign of the term X.T @ y"),
    (NEURON, "u", CHAIN, ("a - t", "t - a"), 1, "sign is wrong"),
    (NEURON, "u", CHAIN, ("= a(1-a)", "= a(1+a)"), 2, "sign of the term a"),
    (NEURON, "u", CHAIN, ("&= x", "&= b"), 3, "b should be x"),
    (NEURON, "u", CHAIN, (r"a(1-a)\,x", r"a\,x"), 5, "is missing at"),
    (LAYER, "W", NETWORK, (r"\sigma'(z)\\", r"\sigma(z)\\"), 3, "is missing at"),
    (LAYER, "W", NETWORK, (r"\delta x^\top", r"x\delta^\top"), 4, "transpose"),
    (LAYER, "W", NETWORK, (r"b} &= \delta", r"b} &= 2\delta"), 5, "factor 2 too many"),
    (LAYER, "W", ELEMENTS, (r"\, a_j (1-a_j)\, x_k", r"\, a_j (1-a_j)"), 4, "factor x is missing"),
    (ENTROPY, "z", SOFTMAX, (r"= p_k(\delta_{ki} - p_i)", r"= p_k(\delta_{ki} - p_k)"), 2, "element"),
    (ENTROPY, "z", SOFTMAX, ("= p_i - t_i", "= t_i - p_i"), 3, "sign is wrong"),
]


@pytest.mark.parametrize("case", range(len(RIGHT)))
def test_right_derivations_are_proved(case):
    loss, wrt, text = RIGHT[case]
    verdict = sd.check(loss, wrt, text)
    assert verdict.verdict == "PROVED" and "each follows" in verdict.detail, str(verdict)


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_the_first_wrong_line_is_named(case):
    loss, wrt, text, (old, new), line, said = WRONG[case]
    assert text.count(old) >= 1
    verdict = sd.check(loss, wrt, text.replace(old, new, 1))
    assert verdict.verdict == "REFUTED", str(verdict)
    assert verdict.detail.startswith(f"line {line} is the first that is wrong ("), verdict.detail
    assert re.search(said, verdict.detail), verdict.detail


def test_right_lines_after_a_wrong_one_are_not_blamed():
    text = r"\begin{aligned} \nabla J &= X^\top(Xw - y) \\ &= X^\top X w + X^\top y \\ &= X^\top(Xw + y) \\ &= X^\top(y + Xw)\end{aligned}"
    detail = sd.check(LINEAR, "w", text).detail
    assert detail.startswith("line 2") and "line 3" not in detail and "line 4" not in detail
    again = sd.check(LINEAR, "w", text.replace(r"(y + Xw)", r"(y - Xw)")).detail
    assert again.startswith("line 2") and "line 4" in again and "line 3" not in again


def test_a_line_that_cannot_be_read_is_named_and_the_rest_checked():
    text = r"\begin{align} \nabla_w J &= \int_0^1 \ldots \\ &= X^\top(Xw-y) \\ &= X^\top X w - X^\top y \end{align}"
    verdict = sd.check(LINEAR, "w", text)
    assert verdict.verdict == "UNKNOWN" and "line 1" in verdict.detail and "not read" in verdict.detail
    wrong = sd.check(LINEAR, "w", text.replace("- X^", "+ X^"))
    assert wrong.verdict == "REFUTED" and wrong.detail.startswith("line 3") and "line 1" in wrong.detail


def test_a_derivation_about_another_function_is_noticed():
    with pytest.raises(sd.SymdlError, match="not what is asked about"):
        sd.check(LINEAR, "w", r"J = \|Xw - y\|^2 \\ \nabla J = 2X^\top(Xw - y)")
    assert sd.check(LINEAR, "w", r"J = \frac12\|Xw - y\|^2 \\ \nabla J = X^\top(Xw - y)").proved


# --- Python, SymPy, shapes ------------------------------------------------------------------------------------------------

J = sd.sigmoid(X @ w)
MATRIX = sd.sum((X @ W - T) ** 2) / 2


@pytest.mark.parametrize("claim", [r"(XW-T)^\top X", "(X@W-T).T @ X", (X @ W - T).T @ X])
def test_a_claim_in_the_other_layout_is_said_to_be_the_transpose(claim):
    verdict = sd.check(MATRIX, "W", claim)
    assert verdict.verdict == "REFUTED" and "the claim is the transpose of the derivative" in verdict.detail
    with pytest.raises(sd.ShapeError, match=r"\(h, p\)"):
        sd.check(MATRIX, "W", 2 * ((X @ W - T).T @ X))


def test_a_row_is_said_to_be_one():
    verdict = sd.check(LINEAR, "w", r"\frac{\partial J}{\partial w} = (Xw - y)^\top X")
    assert verdict.proved and "numerator layout" in verdict.detail


@pytest.mark.parametrize(
    ("loss", "wrt", "claim", "said"),
    [
        (LINEAR, "w", r"X\,(Xw-y)", "X should be transposed"),
        (LINEAR, "w", "X(Xw-y)", "X should be transposed"),
        (LINEAR, "w", "X @ (X@w-y)", "X should be transposed"),
        (LINEAR, "w", "X.T * (X@w-y)", r"\* should be @"),
        (MATRIX, "W", r"X^\top T(XW - T)", "mends|transposed|exchanged|@ of"),
        (MATRIX, "W", r"(XW-T)X^\top", "should be exchanged"),
    ],
)
def test_claims_whose_parts_do_not_fit_name_the_mend(loss, wrt, claim, said):
    try:
        verdict = sd.check(loss, wrt, claim)
    except sd.ShapeError as error:
        assert re.search(said, str(error))
    else:
        assert verdict.verdict == "REFUTED" and re.search(said, verdict.detail)


def test_jacobians_and_second_derivatives():
    assert sd.check(J, "w", r"\operatorname{diag}(\sigma'(Xw)) X").proved
    assert sd.check(J, "w", r"\frac{\partial f_i}{\partial w_j} = \sigma(x_i^\top w)(1-\sigma(x_i^\top w)) x_{ij}").proved
    assert "transpose" in sd.check(J, "w", r"X^\top\operatorname{diag}(\sigma'(Xw))").detail
    with pytest.raises(sd.ShapeError, match="no scalar"):
        sd.check(J, "w", r"X^\top \sigma'(Xw)")
    assert sd.check(LINEAR, ["w", "w"], X.T @ X).proved and sd.check(LINEAR, [w, y], -X.T).proved
    wrong = sd.check(LINEAR, [w, w], 2 * X.T @ X)
    assert wrong.verdict == "REFUTED" and "factor 2 too many" in wrong.detail
    assert sd.check(sd.sum(w**3), ["w", "w"], r"6\operatorname{diag}(w)").proved
    assert sd.check(u**4, ["u", "u", "u"], 24 * u).proved


def test_claims_about_sympy_expressions():
    x0, w0 = sp.symbols("x0 w0")
    assert sd.check(sp.sin(w0 * x0), w0, r"x_0\cos(w_0 x_0)").proved
    assert "should be cos" in sd.check(sp.sin(w0 * x0), w0, x0 * sp.sin(w0 * x0)).detail
    A, v, c = sp.MatrixSymbol("A", n, p), sp.MatrixSymbol("v", p, 1), sp.MatrixSymbol("c", n, 1)
    square = (A * v - c).T * (A * v - c)
    assert sd.check(square, v, r"2A^\top(Av-c)").proved and sd.check(square, v, 2 * A.T * (A * v - c)).proved
    assert "factor 2 is missing" in sd.check(square, v, A.T * (A * v - c)).detail
    e, i, j = sp.IndexedBase("e", shape=(n,)), sp.Symbol("i", integer=True), sp.Symbol("j", integer=True)
    assert sd.check(sp.Sum(e[i] ** 2, (i, 0, n - 1)), e[j], "2e_j").proved


def test_windows_and_labels():
    s, phi, Z, c = sd.tensor("s", k), sd.tensor("phi"), sd.tensor("Z", n, k), sd.tensor("c", n)
    series = sd.sum((s[1:] - phi * s[:-1]) ** 2) / 2
    assert sd.check(series, "phi", r"-\sum_{t=2}^{k}(s_t - \phi s_{t-1})s_{t-1}").proved
    assert sd.check(series, "phi", r"-\sum_{t=1}^{k-1}(s_{t+1} - \phi s_t)s_t").proved
    assert "sign" in sd.check(series, "phi", r"\sum_{t=2}^{k}(s_t - \phi s_{t-1})s_{t-1}").detail
    i, j = sd.indices("i j")
    loss = sd.sum(Z * sd.tanh(Z)) + sd.sum(c * sd.sum(Z, axis=1))
    assert sd.check(loss, "Z", r"\frac{\partial L}{\partial Z_{ij}} = \tanh Z_{ij} + Z_{ij}(1-\tanh^2 Z_{ij}) + \sum_{l} \mathbb{1}[l = i]\,c_l").proved
    assert sd.check(sd.sum(Z[i, j] * Z[i, j], i, j), "Z", r"\sum_{k} 2 Z_{ik}\delta_{kj}").proved


# --- what cannot be read, and how it is said ---------------------------------------------------------------------------------

REFUSED = {
    r"X^\top(Xw - z)": "z is not declared",
    r"X^\top(Xw - \hat y)": "y_hat is not declared",
    r"X^\top(Xw-y)/2n": "two ways",
    r"\sum_{i \in S} x_i": "set",
    r"\sum_i X_i y_i": r"X_\{i,:\} is a row",
    r"\sin^{-1} w": "inverse function",
    r"\begin{cases} w & \\ 0": "missing",
    r"\nabla_w J \approx X^\top(Xw-y)": "no equality",
    r"\nabla_w J = g \\ g = w + g": "defined by itself",
    r"\lambda I": "size is not known|not declared",
    r"\sum_{i=1}^{p} y_i x_i": "its axis has n elements",
    "X.T @ (X@w - yy)": "did you mean 'y'",
}


@pytest.mark.parametrize("claim", REFUSED)
def test_what_is_not_read_is_said_in_one_line(claim):
    with pytest.raises(sd.SymdlError, match=REFUSED[claim]) as caught:
        sd.check(LINEAR, "w", claim)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 520


HOSTILE = [
    "{" * 2000,
    r"\frac" * 800,
    "x^" * 3000,
    r"\left(" * 400 + "w" + r"\right)" * 400,
    r"\begin{cases}" * 300,
    r"\nabla" * 1000 + " J = w",
    "d" * 3000 + "/" + "d" * 3000,
    r"\sum_{i}" * 400 + "w_i",
    "a_1 = a_2 \\\\ " * 400,
    "".join(rf"c_{{{i}}} = c_{{{i + 1}}} + w_1 \\ " for i in range(300)),
    r"\mathbf{" * 900 + "w" + "}" * 900,
    "$" * 3001 + "w",
    r"\text{" * 600,
    "w'" * 2000,
    r"\partial" * 2000,
    "ᵀ" * 4000,
    r"\hat" * 2000 + "w",
    r"f(x) = f(x) \\ f(w)",
]


@pytest.mark.parametrize("claim", HOSTILE, ids=lambda text: text[:12])
def test_hostile_claims_end_at_once(claim):
    begin = time.process_time()
    try:
        sd.check(LINEAR, "w", claim)
    except sd.SymdlError as error:
        assert "\n" not in str(error)
    assert time.process_time() - begin < 5


# --- the command line -----------------------------------------------------------------------------------------------------------

COMMAND = ["check", "sum((X @ w - y)**2)/2", "--shape", "X:n,p", "--shape", "w:p", "--shape", "y:n"]
LINES = "\\begin{align}\n\\nabla J &= X^\\top(Xw-y) \\\\\n &= X^\\top X w + X^\\top y\n\\end{align}\n"


def test_claims_on_the_command_line(capsys, tmp_path, monkeypatch):
    assert main([*COMMAND, "--wrt", "w", "--claim", r"\nabla_{\mathbf{w}} J = \mathbf{X}'(\mathbf{Xw} - \mathbf{y})"]) == 0
    assert main([*COMMAND, "--wrt", "w", "--claim", r"\nabla J = X^\top(Xw+y)"]) == 1
    assert "sign of the term y" in capsys.readouterr().out
    file = tmp_path / "claim.tex"
    file.write_text(LINES, encoding="utf-8")
    assert main([*COMMAND, "--wrt", "w", "--claim-file", str(file)]) == 1
    assert "line 2" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO(LINES.replace("+", "-")))
    assert main([*COMMAND, "--wrt", "w", "--claim-file", "-"]) == 0
    assert main([*COMMAND, "--wrt", "w,w", "--claim", r"X^\top X"]) == 0
    assert main([*COMMAND, "--wrt", "w", "--claim", r"\nabla J = \int x \\ = X^\top(Xw-y)"]) == 2


@pytest.mark.parametrize(
    "more",
    [["--claim", r"\int w"], [], ["--claim-file", "no such file"], ["--claim", "w", "--claim-file", "-"], ["--claim", "X.T @ (X@w - q)"], ["--claim", ""]],
)
def test_bad_claims_on_the_command_line(more, capsys):
    assert main([*COMMAND, "--wrt", "w", *more]) == 64
    error = capsys.readouterr().err
    assert error.startswith("symdl: error") and error.count("\n") == 1
