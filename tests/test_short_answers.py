"""Answers as short as a person's: the operations written in each gradient are counted and held against the form that a textbook prints."""

import ast

import numpy as np
import pytest

import symdl as sd
from symdl.expr.tensor import Expr
from symdl.prove.samples import samples

n, p, h, m, k = sd.dims("n p h m k")
NAMES = {
    "X": (n, p), "w": (p,), "y": (n,), "d": (n,), "lam": (), "mu_": (), "A": (n, n), "K": (n, n), "S": (n, n), "x": (n,), "a": (n,), "mu": (n,),
    "q": (k,), "t": (k,), "u": (k,), "v": (k,), "W": (p, k), "V": (p, k), "T": (n, k), "U": (n, k), "R": (n, p), "M": (n, p), "N": (m, k),
    "W1": (p, h), "b1": (h,), "W2": (h, k), "b2": (k,), "B": (p, p), "r": (p,), "G": (m, p),
}  # fmt: skip
TENSORS = {name: sd.tensor(name, *shape) for name, shape in NAMES.items()}
FACTS = {
    "to": sd.tensor("to", k, facts="onehot"),
    "ts": sd.tensor("ts", k, facts="simplex"),
    "To": sd.tensor("To", n, k, facts="onehot"),
    "As": sd.tensor("As", n, n, facts="symmetric"),
    "Ap": sd.tensor("Ap", n, n, facts="posdef"),
    "Q": sd.tensor("Q", n, n, facts="orthogonal"),
    "D": sd.tensor("D", n, n, facts="diagonal"),
    "xp": sd.tensor("xp", n, facts="positive"),
    "xu": sd.tensor("xu", n, facts="unit"),
}


def read(text):
    return sd.parse(text, **{name: e for name, e in (TENSORS | FACTS).items() if name in names(text)})


def names(text):
    return {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}


FREE = {"eye", "ones", "zeros"}


def operations(text):
    """Signs and functions written; transposes, indices and numbers like 1/2 cost nothing beyond their signs."""
    count = 0
    for node in ast.walk(ast.parse(text, mode="eval")):
        count += isinstance(node, ast.BinOp | ast.UnaryOp)
        count += isinstance(node, ast.Call) and node.func.id not in FREE
    return count


# loss, by what, the form a person writes
GRADIENTS = [
    # logistic regression
    ("-sum(y*log(sigmoid(X@w)) + (1-y)*log(1-sigmoid(X@w)))", "w", "X.T @ (sigmoid(X @ w) - y)"),
    ("sum(softplus(X@w) - y*(X@w))", "w", "X.T @ (sigmoid(X @ w) - y)"),
    ("sum(softplus(X@w)) - y@X@w", "w", "X.T @ (sigmoid(X @ w) - y)"),
    ("sum(log(1+exp(X@w))) - y@(X@w)", "w", "X.T @ (sigmoid(X @ w) - y)"),
    ("-sum(y*log(1/(1+exp(-X@w))) + (1-y)*log(1-1/(1+exp(-X@w))))", "w", "X.T @ (sigmoid(X @ w) - y)"),
    ("mean(softplus(X@w) - y*(X@w))", "w", "X.T @ (sigmoid(X @ w) - y) / n"),
    ("sum(log(1+exp(-y*(X@w))))", "w", "-X.T @ (y * sigmoid(-y * (X @ w)))"),
    ("sum(softplus(-y*(X@w)))", "w", "-X.T @ (y * sigmoid(-y * (X @ w)))"),
    ("-sum(log(sigmoid(y*(X@w))))", "w", "-X.T @ (y * sigmoid(-y * (X @ w)))"),
    ("sum(softplus(X@w) - y*(X@w)) + lam*sum(w**2)/2", "w", "X.T @ (sigmoid(X @ w) - y) + lam*w"),
    # softmax and cross-entropy
    ("-sum(t*log(softmax(q)))", "q", "softmax(q)*sum(t) - t"),
    ("sum(t)*logsumexp(q) - t@q", "q", "softmax(q)*sum(t) - t"),
    ("logsumexp(q) - t@q", "q", "softmax(q) - t"),
    ("log(sum(exp(q))) - t@q", "q", "softmax(q) - t"),
    ("-sum(t*log(exp(q)/sum(exp(q))))", "q", "softmax(q)*sum(t) - t"),
    ("sum(logsumexp(X@W, axis=1)) - sum(T*(X@W))", "W", "X.T @ (softmax(X @ W, axis=1) - T)"),
    ("(sum(logsumexp(X@W, axis=1)) - sum(T*(X@W)))/n", "W", "X.T @ (softmax(X @ W, axis=1) - T) / n"),
    ("cross_entropy(softmax(q), to)", "q", "softmax(q) - to"),
    ("cross_entropy(softmax(q), ts)", "q", "softmax(q) - ts"),
    ("-sum(to*log(exp(q)/sum(exp(q))))", "q", "softmax(q) - to"),
    ("-sum(To*log(softmax(X@W, axis=1)))/n", "W", "X.T @ (softmax(X @ W, axis=1) - To) / n"),
    ("-sum(To*log(softmax(U, axis=1)))/n", "U", "(softmax(U, axis=1) - To) / n"),
    ("sum(softmax(q)*log(softmax(q)))", "q", "softmax(q) * (q - softmax(q) @ q)"),
    # least squares
    ("sum((X@w-y)**2)/2", "w", "X.T @ (X @ w - y)"),
    ("norm(X@w-y)**2/2", "w", "X.T @ (X @ w - y)"),
    ("(X@w-y)@(X@w-y)/2", "w", "X.T @ (X @ w - y)"),
    ("w@X.T@X@w/2 - y@X@w", "w", "X.T @ (X @ w - y)"),
    ("(X@w-y)@diag(d)@(X@w-y)/2", "w", "X.T @ (d * (X @ w - y))"),
    ("sum(d*(X@w-y)**2)/2", "w", "X.T @ (d * (X @ w - y))"),
    ("mean((X@w-y)**2)", "w", "2 * X.T @ (X @ w - y) / n"),
    ("norm(X@W-T)**2/2", "W", "X.T @ (X @ W - T)"),
    ("sum((X@w-y)**2)/2 + lam*sum(w**2)/2", "w", "X.T @ (X @ w - y) + lam*w"),
    ("norm(X@w-y)**2/2 + lam*(w@w)/2", "w", "X.T @ (X @ w - y) + lam*w"),
    ("norm(X@w-y)**2/2 + norm(G@w)**2/2", "w", "X.T @ (X @ w - y) + G.T @ G @ w"),
    ("sum((X@w-y)**2)/2 + lam*sum(abs(w))", "w", "X.T @ (X @ w - y) + lam*sign(w)"),
    ("sum((X@w-y)**2)/2 + lam*sum(abs(w)) + mu_*sum(w**2)/2", "w", "X.T @ (X @ w - y) + lam*sign(w) + mu_*w"),
    ("norm(K@a-x)**2/2 + lam*(a@K@a)/2", "a", "K.T @ (K @ a - x) + lam*((K + K.T) @ a)/2"),
    # determinants and Gaussians
    ("logdet(A)", "A", "inv(A).T"),
    ("log(det(A))", "A", "inv(A).T"),
    ("logdet(X.T@X)", "X", "2*X @ inv(X.T @ X)"),
    ("det(A)", "A", "det(A)*inv(A).T"),
    ("a@inv(A)@x", "A", "-outer(inv(A).T @ a, inv(A) @ x)"),
    ("(logdet(Ap) + (x-mu)@inv(Ap)@(x-mu))/2", "mu", "inv(Ap) @ (mu - x)"),
    ("(logdet(S) + (x-mu)@inv(S)@(x-mu))/2", "S", "(inv(S).T - outer(inv(S).T @ (x - mu), inv(S) @ (x - mu)))/2"),
    ("((x-mu)@S@(x-mu) - logdet(S))/2", "S", "(outer(x - mu, x - mu) - inv(S).T)/2"),
    ("((x-mu)@Ap@(x-mu) - logdet(Ap))/2", "mu", "Ap @ (mu - x)"),
    ("(logdet(S) + (x-mu)@inv(S)@(x-mu))/2", "mu", "(inv(S) + inv(S).T) @ (mu - x)/2"),
    # matrix factorisation, principal components, autoencoders
    ("sum((M*(R-U@V.T))**2)/2", "U", "(M**2 * (U @ V.T - R)) @ V"),
    ("sum((M*(R-U@V.T))**2)/2", "V", "(M**2 * (U @ V.T - R)).T @ U"),
    ("norm(R-U@V.T)**2/2", "U", "(U @ V.T - R) @ V"),
    ("norm(R-U@V.T)**2/2 + lam*sum(U**2)/2", "U", "(U @ V.T - R) @ V + lam*U"),
    ("sum((X-X@W@W.T)**2)", "W", "2*(X.T @ (X @ W @ W.T - X) + (X @ W @ W.T - X).T @ X) @ W"),
    ("norm(X-X@W@V.T)**2/2", "W", "X.T @ (X @ W @ V.T - X) @ V"),
    ("norm(X-X@W@V.T)**2/2", "V", "(X @ W @ V.T - X).T @ X @ W"),
    # quadratic forms
    ("x@A@x", "x", "(A + A.T) @ x"),
    ("x@As@x", "x", "2*As @ x"),
    ("x@As.T@x/2", "x", "As @ x"),
    ("x@D@x/2", "x", "D @ x"),
    ("x@Q.T@Q@x/2", "x", "x"),
    ("norm(Q@x-a)**2/2", "x", "x - Q.T @ a"),
    ("x@inv(Q)@x", "x", "(Q + Q.T) @ x"),
    ("x@A@x/(x@x)", "x", "((A + A.T) @ x - 2*(x @ A @ x)/sum(x**2) * x)/sum(x**2)"),
    ("trace(U.T@A@U)", "U", "(A + A.T) @ U"),
    ("trace(U.T@As@U)", "U", "2*As @ U"),
    ("norm(A@x-a)**2", "A", "2*outer(A @ x - a, x)"),
    ("norm(x)", "x", "x/norm(x)"),
    ("(x@A@x)**2", "x", "2*(x @ A @ x) * ((A + A.T) @ x)"),
    # generalised linear models, robust losses, embeddings
    ("sum(exp(X@w) - y*(X@w))", "w", "X.T @ (exp(X @ w) - y)"),
    ("sum(sqrt(1+(X@w-y)**2))", "w", "X.T @ ((X @ w - y)/sqrt(1 + (X @ w - y)**2))"),
    ("sum(log(cosh(X@w-y)))", "w", "X.T @ tanh(X @ w - y)"),
    ("sum(relu(1-y*(X@w)))", "w", "-X.T @ (y*positive(1 - y*(X @ w)))"),
    ("sum(abs(X@w-y))", "w", "X.T @ sign(X @ w - y)"),
    ("-log(sigmoid(u@v))", "u", "(sigmoid(u @ v) - 1)*v"),
    ("-log(sigmoid(u@v)) - sum(log(sigmoid(-(N@v))))", "v", "(sigmoid(u @ v) - 1)*u + N.T @ sigmoid(N @ v)"),
    ("sum((x-mean(x))**2)/n", "x", "2*(x - sum(x)/n)/n"),
    # positive inputs
    ("sum(abs(xp)*x)", "x", "xp"),
    ("sum(sqrt(xp**2)*x)", "x", "xp"),
    ("sum(abs(xu)*x)", "x", "xu"),
    ("log(abs(det(A)))", "A", "inv(A).T"),
    ("trace(inv(diag(x)))", "x", "-1/x**2"),
    ("logdet(diag(exp(x)))", "x", "ones(n)"),
    ("sum(exp(x)/sum(exp(x))*y)", "x", "softmax(x) * (y - softmax(x) @ y)"),
    ("-log(sum(to*softmax(q)))", "q", "softmax(q) - to"),
    ("-sum(log(sum(To*softmax(X@W, axis=1), axis=1)))", "W", "X.T @ (softmax(X @ W, axis=1) - To)"),
    ("-log(sum(to*q))", "q", "-to/(to @ q)"),
    # networks
    ("sum((sigmoid(X@W1+b1)@W2+b2-T)**2)/2", "W2", "sigmoid(X @ W1 + b1).T @ (sigmoid(X @ W1 + b1) @ W2 + b2 - T)"),
    ("sum((sigmoid(X@W1+b1)@W2+b2-T)**2)/2", "b2", "sum(sigmoid(X @ W1 + b1) @ W2 + b2 - T, axis=0)"),
    ("sum((tanh(X@W1+b1)@W2+b2-T)**2)/2", "W1", "X.T @ ((tanh(X @ W1 + b1) @ W2 + b2 - T) @ W2.T * (1 - tanh(X @ W1 + b1)**2))"),
    ("-sum(To*log(softmax(relu(X@W1+b1)@W2+b2, axis=1)))", "W2", "relu(X @ W1 + b1).T @ (softmax(relu(X @ W1 + b1) @ W2 + b2, axis=1) - To)"),
    (
        "-sum(To*log(softmax(relu(X@W1+b1)@W2+b2, axis=1)))",
        "W1",
        "X.T @ ((softmax(relu(X @ W1 + b1) @ W2 + b2, axis=1) - To) @ W2.T * positive(X @ W1 + b1))",
    ),
]

HESSIANS = [
    ("sum(softplus(X@w) - y*(X@w))", "w", "X.T @ diag(sigmoid(X @ w) * (1 - sigmoid(X @ w))) @ X"),
    ("-sum(y*log(sigmoid(X@w)) + (1-y)*log(1-sigmoid(X@w)))", "w", "X.T @ diag(sigmoid(X @ w) * (1 - sigmoid(X @ w))) @ X"),
    ("sum((X@w-y)**2)/2", "w", "X.T @ X"),
    ("sum(d*(X@w-y)**2)/2", "w", "X.T @ diag(d) @ X"),
    ("sum((X@w-y)**2)/2 + lam*sum(w**2)/2", "w", "X.T @ X + lam*eye(p)"),
    ("sum(exp(X@w) - y*(X@w))", "w", "X.T @ diag(exp(X @ w)) @ X"),
    ("x@A@x", "x", "A + A.T"),
    ("x@As@x/2", "x", "As"),
    ("sum(sigmoid(X@w))", "w", "X.T @ diag(sigmoid(X @ w) * (1 - sigmoid(X @ w)) * (1 - 2*sigmoid(X @ w))) @ X"),
    ("(x@A@x)**2", "x", "2*((x @ A @ x)*(A + A.T) + outer((A + A.T) @ x, (A + A.T) @ x))"),
    ("det(A+lam*K)", "lam", "det(A + lam*K)*(trace(inv(A + lam*K) @ K)**2 - trace(inv(A + lam*K) @ K @ inv(A + lam*K) @ K))"),
    ("x@inv(A+lam*eye(n))@x", "lam", "2*x @ inv(A + lam*eye(n)) @ inv(A + lam*eye(n)) @ inv(A + lam*eye(n)) @ x"),
    ("sum(sqrt(1+x**2))", "x", "diag((1 + x**2)**(-3/2))"),
    ("logsumexp(X@w+y)", "w", "X.T @ (diag(softmax(X @ w + y)) - outer(softmax(X @ w + y), softmax(X @ w + y))) @ X"),
    ("logsumexp(q)", "q", "diag(softmax(q)) - outer(softmax(q), softmax(q))"),
    ("log(sum(exp(q)))", "q", "diag(softmax(q)) - outer(softmax(q), softmax(q))"),
]


def check(answer: Expr, text: str) -> None:
    shown, expected = str(answer), read(text)
    assert "with\n" not in shown
    assert operations(shown) <= operations(text), shown
    assert equal(answer, expected), shown
    assert equal(read(shown), expected), "what is printed is something else"


def equal(one: Expr, other: Expr) -> bool:
    if one == other:
        return True
    verdict = sd.prove(one, other, time_budget=2.0).verdict
    return verdict == "PROVED" or (verdict == "UNKNOWN" and near(one, other))


def near(one: Expr, other: Expr) -> bool:
    from symdl.prove.problem import dims_of
    from symdl.prove.tape import evaluate

    nodes = [one.node, other.node]
    from symdl.graph.walk import topological

    found = samples(topological(nodes), dims_of([one, other]), 6, lambda values: True)
    return all(np.allclose(evaluate(one, s.values), evaluate(other, s.values), rtol=1e-8, equal_nan=True) for s in found)


@pytest.mark.parametrize(("loss", "by", "text"), GRADIENTS, ids=[f"{loss} by {by}" for loss, by, _ in GRADIENTS])
def test_gradients_are_as_short_as_a_persons(loss, by, text):
    check(sd.grad(read(loss), by), text)


@pytest.mark.parametrize(("loss", "by", "text"), HESSIANS, ids=[f"{loss} by {by}" for loss, by, _ in HESSIANS])
def test_hessians_are_as_short_as_a_persons(loss, by, text):
    check(sd.hessian(read(loss), by), text)


def test_jacobian_of_softmax_and_products_with_hessians():
    check(sd.jacobian(sd.softmax(TENSORS["q"]), "q"), "diag(softmax(q)) - outer(softmax(q), softmax(q))")
    check(sd.jacobian(sd.softmax(TENSORS["X"] @ TENSORS["w"]), "w"), "(diag(softmax(X @ w)) - outer(softmax(X @ w), softmax(X @ w))) @ X")
    vector = TENSORS["r"]
    check(sd.hvp(read("sum(softplus(X@w) - y*(X@w))"), "w", vector), "X.T @ (sigmoid(X @ w) * (1 - sigmoid(X @ w)) * (X @ r))")
    check(sd.hvp(read("sum((X@w-y)**2)/2"), "w", vector), "X.T @ (X @ r)")
    check(sd.hvp(read("x@A@x"), "x", TENSORS["a"]), "(A + A.T) @ a")


def test_without_the_facts_the_answer_is_the_longer_one():
    assert "sum(t)" in str(sd.grad(read("cross_entropy(softmax(q), t)"), "q"))
    assert "A.T" in str(sd.grad(read("x@A@x"), "x"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sum(To, axis=1)", "ones(n)"),
        ("As", "As.T"),
        ("Q.T@Q", "eye(n)"),
        ("inv(Q)", "Q.T"),
        ("abs(xp)", "xp"),
        ("abs(xu)", "xu"),
        ("To**2", "To"),
        ("D", "D.T"),
    ],
)
def test_what_holds_with_the_fact_does_not_hold_without(one, other):
    bare = {name: sd.tensor(name, *e.shape) for name, e in FACTS.items()}
    assert sd.prove(read(one), read(other)).verdict == "PROVED"
    without = [sd.parse(text, **{name: e for name, e in bare.items() if name in names(text)}) for text in (one, other)]
    assert sd.prove(*without).verdict == "REFUTED"


STEPS = ["-sum(To*log(softmax(X@W, axis=1)))/n", "x@As.T@x", "x@A@x/(x@x)", "x@inv(Q)@x", "norm(Q@x-a)**2/2", "sum((X-X@W@W.T)**2)", "sum((x-mean(x))**2)/n"]


@pytest.mark.parametrize("loss", STEPS)
def test_rewrites_are_steps_and_every_step_is_proved(loss):
    by = "W" if "W" in names(loss) else "x"
    derived = sd.derive(read(loss), by)
    rules = {step.rule.name for step in derived.steps}
    assert any("factor" in r or "symmetric" in r or "sum" in r or "orthogonal" in r for r in rules)
    assert derived.steps[-1].after == derived[by]
    report = derived.verify()
    assert report.ok, str(report)


def test_a_planted_wrong_rewrite_shows(monkeypatch):
    """A rewrite is checked like every other step."""
    from symdl.diff import reverse
    from symdl.diff.shorten import Rewrite
    from symdl.graph.build import Term
    from symdl.graph.node import MUL
    from symdl.steps.step import Rule

    def wrong(node):
        return Term(node.args[0], node.maps[0]) if node.op == MUL and not node.attr.summed and node.maps[0] == (0,) and len(node.args) == 2 else None

    monkeypatch.setattr(reverse, "AT_ADJOINTS", (Rewrite(Rule("wrong"), frozenset({MUL}), wrong),))
    derived = sd.derive(read("sum(x**3)"), "x")
    broken = sd.derive(read("sum(x*sin(x)*a)"), "x")
    assert not broken.verify().ok or not derived.verify().ok


def test_the_softmax_of_a_named_sum_reads_as_a_softmax():
    samples, inputs, hidden, classes = sd.dims("N p h K")
    data, first, offset = sd.tensor("X", samples, inputs), sd.tensor("W1", inputs, hidden), sd.tensor("b1", hidden)
    second, last, target = sd.tensor("W2", hidden, classes), sd.tensor("b2", classes), sd.tensor("T", samples, classes, facts="onehot")
    scores = sd.sigmoid(data @ first + offset) @ second + last
    derived = sd.derive(-sd.sum(target * sd.log(sd.softmax(scores, axis=1))) / samples, [first, offset, second, last])
    assert "dC/db2 = sum(softmax(u1 + b2, axis=1) - T, axis=0)/N" in str(derived)
