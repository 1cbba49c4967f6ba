"""Reading the text language: what texts mean, and in what order operators bind."""

import ast
from fractions import Fraction

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.expr.language.grammar import PRECEDENCE, to_postfix
from symdl.expr.language.parse import parse, parse_with
from symdl.expr.matrices import kron
from symdl.functions import TABLE

n, p, m = sd.dims("n p m")
X, w, y, A, B = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("A", n, n), sd.tensor("B", n, n)
v, a, b, c = sd.tensor("v", n), sd.tensor("a"), sd.tensor("b"), sd.tensor("c")
SHAPES = {"X": "n,p", "w": "p", "y": "n", "A": "n,n", "B": "n,n", "v": "n"}

MEANINGS = [
    ("sum((sigmoid(X @ w) - y)**2)/2", sd.sum((sd.sigmoid(X @ w) - y) ** 2) / 2),
    ("a + b * c", a + b * c),
    ("a - b - c", (a - b) - c),
    ("a / b / c", (a / b) / c),
    ("a / b * c", (a / b) * c),
    ("-a**2", -(a**2)),
    ("a**-2", a**-2),
    ("a**-b**2", a ** (-(b**2))),
    ("a**2**3", a**8),
    ("--a", a),
    ("+a - -b", a + b),
    ("a*-b", -(a * b)),
    ("-A @ v", (-A) @ v),
    ("2*A @ v", 2 * (A @ v)),
    ("A @ B @ v", (A @ B) @ v),
    ("v * A @ v", (v * A) @ v),
    ("A.T.T", A),
    ("(A @ B).T", B.T @ A.T),
    ("-A.T", -(A.T)),
    ("A.T**2", A.T**2),
    ("A[0]", A[0]),
    ("A[:, 0]", A[:, 0]),
    ("A[0, 1]", A[0, 1]),
    ("A[..., 0]", A[:, 0]),
    ("v[:, None] * v", sd.outer(v, v)),
    ("sum(A)", sd.sum(A)),
    ("sum(A, axis=0)", sd.sum(A, axis=0)),
    ("sum(A, axis=-1)", sd.sum(A, axis=1)),
    ("sum(A, 1)", sd.sum(A, axis=1)),
    ("sum(A, axis=(0, 1))", sd.sum(A)),
    ("sum(A, axis=None)", sd.sum(A)),
    ("A / sum(A, axis=1, keepdims=True)", A / sd.sum(A, axis=1, keepdims=True)),
    ("mean(X, axis=0)", sd.mean(X, axis=0)),
    ("mean(X)", sd.sum(X) / (n * p)),
    ("max(X, axis=1)", sd.max(X, axis=1)),
    ("logsumexp(X, axis=1)", sd.logsumexp(X, axis=1)),
    ("softmax(X, axis=0)", sd.softmax(X, axis=0)),
    ("softmax(v)", sd.softmax(v)),
    ("trace(A @ B)", sd.trace(A @ B)),
    ("det(A) + logdet(A)", sd.det(A) + sd.logdet(A)),
    ("inv(A).T", sd.inv(A.T)),
    ("transpose(X)", X.T),
    ("diag(v)", sd.diag(v)),
    ("outer(v, y)", sd.outer(v, y)),
    ("dot(v, y)", v @ y),
    ("kron(a, A)", a * A),
    ("norm(v)", sd.norm(v)),
    ("sqrt(a)", sd.sqrt(a)),
    ("cross_entropy(sigmoid(v), y)", sd.cross_entropy(sd.sigmoid(v), y)),
    ("least_squares(X @ w, y)", sd.least_squares(X @ w, y)),
    ("eye(n) + A", sd.eye(n) + A),
    ("ones(n)*a", sd.ones(n) * a),
    ("zeros(n, p)", sd.zeros(n, p)),
    ("eye(n + 2)", sd.eye(n + 2)),
    ("sum(v)/n", sd.sum(v) / n),
    ("2*pi*a", 2 * sp.pi * a),
    ("0.1*a", sp.Rational(1, 10) * a),
    ("1e-3*a", sp.Rational(1, 1000) * a),
    (".5*a + 3.*b", a / 2 + 3 * b),
    ("  a\n + b\t", a + b),
    ("θ + α", sd.tensor("θ") + sd.tensor("α")),
    ("sum(v,)", sd.sum(v)),
]


@pytest.mark.parametrize(("text", "meant"), MEANINGS, ids=[t for t, _ in MEANINGS])
def test_meaning(text, meant):
    read = parse(text, **{k: s for k, s in SHAPES.items() if k in to_names(text)})
    assert read == meant
    assert read.shape == meant.shape


def to_names(text):
    return {d.value for d in to_postfix(text) if d.what == "name"}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_elementwise_function_is_read(name):
    args = ["a", "b", "c"][: TABLE[name].nargs]
    assert parse(f"{name}({', '.join(args)})").inputs == tuple(args)


def test_numbers_are_exact():
    assert parse("0.1").node.attr == Fraction(1, 10)
    assert parse("1e-3").node.attr == Fraction(1, 1000)
    assert parse("0.1 + 0.2 - 0.3").node.attr == 0
    assert parse("12345678901234567890123456789").node.attr == 12345678901234567890123456789


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("", ()),
        (None, ()),
        ((), ()),
        ("n", (n,)),
        ("n,p", (n, p)),
        ("n, p", (n, p)),
        ("(n, 3)", (n, 3)),
        ("(n,)", (n,)),
        (3, (3,)),
        (n, (n,)),
        ((n, 4), (n, 4)),
        (("n", "p"), (n, p)),
        (["n", 2], (n, 2)),
        ("4*n", (4 * n,)),
        ("n + 1, p", (n + 1, p)),
    ],
)
def test_shapes(shape, expected):
    assert parse("x*2", x=shape).shape == expected


BAD_SHAPES = ["n,,p", "0", "-1", "n p", "n;p", "1.5", "import os", "n,p,q)", "__n", 0, -3, 2.5, True, ("n", None), object(), "n.real", "sin(n)"]


@pytest.mark.parametrize("shape", BAD_SHAPES)
def test_bad_shapes(shape):
    with pytest.raises(sd.SymdlError) as error:
        parse("x*2", x=shape)
    assert "\n" not in str(error.value)


def test_existing_expressions_go_by_their_name():
    z = sd.let("z", X @ w)
    facts = sd.tensor("S", n, n, facts="symmetric")
    assert parse("sum(sigmoid(q))", q=z) == sd.sum(sd.sigmoid(z))
    assert parse("trace(S)", S=facts) == sd.trace(facts)
    assert parse_with("sum(z)/n", {"z": z}) == sd.sum(z) / n


def test_a_parameter_called_text():
    assert parse("text*2", text="n") == 2 * sd.tensor("text", n)


def test_python_words_are_names_when_declared():
    assert parse("lambda*v", **{"lambda": "", "v": "n"}) == sd.tensor("lambda") * v
    with pytest.raises(sd.ParseError, match="declare it"):
        parse("lambda*v", v="n")


def test_a_function_name_can_be_declared():
    assert parse("step*step(a)", step="") == sd.tensor("step") * sd.step(a)


def test_dotted_and_primed_names_when_declared():
    weight = sd.tensor("fc1.weight", n, p)
    assert parse_with("fc1.weight.T @ y", {"fc1.weight": weight, "y": y}) == weight.T @ y
    assert parse_with("x' + x", {"x'": sd.tensor("x'")}) == sd.tensor("x'") + sd.tensor("x")


def test_undeclared_names_are_scalars():
    assert parse("price*count*tax").inputs == ("price", "count", "tax")


def test_sizes_are_numbers():
    assert parse("sum(x)/n", x="n") == sd.mean(sd.tensor("x", n))
    assert parse("n*eye(n)") == n * sd.eye(n)
    with pytest.raises(sd.ParseError, match="n is declared as a tensor"):
        parse("x + n", x="n", n="")


def test_a_slip_in_a_name_is_seen():
    with pytest.raises(sd.ParseError, match="did you mean 'y'"):
        parse("sum((X @ w - Y)**2)", X="n,p", w="p", y="n")
    with pytest.raises(sd.ParseError, match="did you mean 'weights'"):
        parse("X @ weigths", X="n,p", weights="p")


def test_kron_of_tensors_is_read():
    assert parse("kron(A, B)", A="n,n", B="m,p").shape == kron(sd.tensor("A", *sd.dims("n n")), sd.tensor("B", *sd.dims("m p"))).shape
    assert parse("kron(s, B)", B="m,p") == sd.tensor("s") * sd.tensor("B", *sd.dims("m p"))


def test_shape_errors_name_both():
    with pytest.raises(sd.ShapeError, match=r"X of shape \(n, p\) and y of shape \(n,\)"):
        parse("X @ y", X="n,p", y="n")


def test_precedence_is_frozen():
    with pytest.raises(TypeError):
        PRECEDENCE["+"] = 9  # type: ignore[index]


# --- against Python's own grammar -----------------------------------------------------------------------------


def fold(code):
    stack = []
    for do in code:
        if do.what in ("name", "number"):
            stack.append(do.value)
        elif do.what == "neg":
            stack.append(("neg", stack.pop()))
        else:
            right = stack.pop()
            stack.append((do.what, stack.pop(), right))
    return stack[0]


_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@", ast.Pow: "**"}


def fold_python(node):
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)], fold_python(node.left), fold_python(node.right)
    if isinstance(node, ast.UnaryOp):
        inner = fold_python(node.operand)
        return ("neg", inner) if isinstance(node.op, ast.USub) else inner
    return node.id if isinstance(node, ast.Name) else str(node.value)


_TEXTS = st.recursive(
    st.sampled_from(["a", "b", "x1", "2", "3"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "@", "**", " - ", " ** -", "*-", "@+"]), inner).map("".join),
        inner.map("({})".format),
        inner.map("-{}".format),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(_TEXTS)
def test_operators_bind_as_in_python(text):
    assert fold(to_postfix(text)) == fold_python(ast.parse(text, mode="eval").body)
