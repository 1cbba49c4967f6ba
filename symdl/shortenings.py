"""Every shortening rewrite (``diff/shorten``), proved on formulas at which it begins: a part of what ``symdl verify --rules`` prints.

A rewrite is a piece of Python that looks at a node; what can be proved is what it does. So each is let loose alone on a list of formulas, for every size, and
every change that it makes is proved. One that changes none of them is UNKNOWN: it has no example here.
"""

from __future__ import annotations

from collections.abc import Iterator

from symdl.diff.shorten import Rewrite, Shortener
from symdl.diff.shorten.table import AT_ADJOINTS, RECOGNISED
from symdl.errors import SymdlError
from symdl.expr import ops
from symdl.expr.dims import dims
from symdl.expr.functions import positive as indicator
from symdl.expr.matrices import kron
from symdl.expr.tensor import Expr, let, tensor
from symdl.prove.equal import prove
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Check

#: Changes of one rewrite that are proved.
MOST = 6


def shortenings(time_budget: float = 10.0) -> Iterator[Check]:
    """One line a rewrite, by name."""
    formulas = examples()
    by_name: dict[str, list[Rewrite]] = {}
    for rewrite in dict.fromkeys((*AT_ADJOINTS, *RECOGNISED)):
        by_name.setdefault(rewrite.rule.name, []).append(rewrite)
    for name, rewrites in by_name.items():
        yield _line(name, [pair for rewrite in rewrites for pair in changes(rewrite, formulas)], time_budget)


def changes(rewrite: Rewrite, formulas: list[Expr]) -> list[tuple[Expr, Expr]]:
    """What the rewrite alone makes of the formulas that it changes."""
    found = []
    for before in formulas:
        steps = Shortener([rewrite]).steps([before.term])
        if steps:
            found.append((before, Expr(steps[-1][1][0], before.shape)))
    return found[:MOST]


def _line(name: str, pairs: list[tuple[Expr, Expr]], time_budget: float) -> Check:
    what = f"shortening: {name}"
    if not pairs:
        return Check(what, "proof", UNKNOWN, note="no formula here is changed by it")
    methods: dict[str, None] = {}
    for before, after in pairs:
        try:
            verdict = prove(before, after, time_budget)
        except SymdlError as error:
            return Check(what, "proof", UNKNOWN, note=str(error))
        if not verdict.proved:
            return Check(what, "proof", REFUTED if verdict.verdict == REFUTED else UNKNOWN, note=f"{before} to {after}: {verdict}")
        methods[verdict.method] = None
    return Check(what, f"proof: {next(iter(methods))}", PROVED)


def examples() -> list[Expr]:
    """Formulas that people get by the chain rule before they tidy up."""
    n, m, p = dims("n m p")
    matrix, other, wide = tensor("A", n, n), tensor("B", n, n), tensor("X", n, p)
    symmetric, posdef, orthogonal = (tensor(name, n, n, facts=fact) for name, fact in (("S", "symmetric"), ("P", "posdef"), ("Q", "orthogonal")))
    diagonal, onehot, shares = (tensor(name, n, n, facts=fact) for name, fact in (("D", "diagonal"), ("T", "onehot"), ("R", "simplex")))
    a, b, w, s, r = tensor("a", n), tensor("b", n), tensor("w", p), tensor("s"), tensor("r")
    positive, unit = tensor("u", n, facts="positive"), tensor("v", n, facts="unit")
    small = tensor("C", m, m)
    inv, outer, total, exp = ops.inv, ops.outer, ops.sum_, ops.exp
    sigma, bent = ops.sigmoid(a), ops.relu(a)
    named = let("g", a * b)
    rows = ops.logsumexp(wide, axis=1)
    return [
        symmetric @ a + symmetric.T @ a, symmetric.T @ matrix.T, (matrix @ matrix.T).T @ a, inv(symmetric).T @ a, a * total(shares, axis=1),
        total(shares * b[:, None], axis=1), total(shares * total(shares, axis=1)[:, None], axis=1), total(shares), onehot**2 @ a, onehot * onehot,
        total(onehot * a[:, None], axis=1), onehot * (1 - onehot), total(onehot * matrix, axis=1) * total(onehot, axis=1),
        total(onehot * total(onehot * matrix, axis=1)[:, None]), total(onehot * (matrix * b), axis=1), exp(onehot * matrix), matrix**onehot,
        orthogonal @ orthogonal.T @ a, orthogonal.T @ (orthogonal @ a), inv(orthogonal) @ a, ops.det(orthogonal) ** 2 * a, orthogonal.T @ orthogonal,
        ops.abs_(positive) * a, ops.sqrt(positive**2) * b, ops.sign(positive) * a, ops.relu(positive) * b, ops.relu(unit), ops.sqrt(unit**2),
        (unit**2) ** s, ops.log(positive**2), ops.abs_(unit * positive), indicator(positive), (a @ b) * a + (a @ matrix @ b) * a, (matrix @ other) @ a,
        matrix @ (other @ a) - (matrix @ other) @ b, ops.trace(matrix @ other @ posdef), ops.trace(other @ matrix) + ops.trace(matrix @ other),
        (matrix @ other) @ posdef @ a, ops.trace(matrix @ other) * a, kron(matrix, small) @ kron(other, small), inv(kron(matrix, small)),
        inv(kron(posdef, small)), kron(matrix, small).T @ kron(other, small), inv(posdef) @ posdef @ a, posdef @ inv(posdef),
        inv(posdef) @ (posdef @ a + b), inv(matrix @ other), inv(matrix @ other) @ a, inv(diagonal), inv(diagonal) @ a, inv(ops.diag(positive)),
        inv(ops.diag(positive)) @ a, inv(2 * matrix), inv(s * matrix), inv(-posdef) @ a, inv(inv(matrix)), inv(inv(posdef)) @ a, inv(inv(matrix).T),
        bent * indicator(a), ops.sign(a) * ops.abs_(a), ops.sign(a) * a, ops.abs_(a) * ops.sign(a) * b, sigma * b - (1 - sigma) * b, a * b - (1 - a) * b,
        (a + b) * s - a * s, (a + b) ** 2 - a**2 - 2 * a * b, (1 - sigma) * b + sigma * b, (a - b) * (a + b) + b**2,
        (sigma - b) * (1 - sigma) + b * (1 - sigma), a * (b + 1) - a * b, (a + 1) * b + (a - 1) * b, (1 - unit) * a + unit * a, total(s * a * b),
        total(outer(a, b), axis=1), total(total(outer(a, b), axis=1)), total(wide * a[:, None] * s, axis=1), total(total(wide * w, axis=1) * a),
        total(total(wide * wide, axis=1)), total(a * total(b * positive)), a * b + a * positive, a * s + b * s, matrix @ a + matrix @ b,
        wide.T @ a + wide.T @ b, wide @ w * s + a * s, matrix * s + other * s, 2 * a + 2 * b, 4 * a - 6 * b, a / 2 + b / 2, -a - b, -(a - b) * s,
        -(s - 1) * a, (b - a) * -s, -a * (s - r), (1 - s) * -a, a / s + b / s, a / s + b / s**2, a / (1 + s) - b / (1 + s), 1 / s + 1 / r,
        a / positive + b / positive**2, s / (1 + s) + 1 / (1 + s) ** 2, ops.diag(a) + ops.diag(b), ops.diag(a) - s * ops.diag(b),
        ops.diag(a * b) @ matrix + ops.diag(a) @ matrix, ops.diag(a) @ ops.diag(b), total(a) + total(b), total(a * b) + total(a * positive),
        total(a) - total(b * s), exp(a) / total(exp(a)), exp(a - ops.logsumexp(a)), ops.log(total(exp(a))), exp(wide - rows[:, None]),
        exp(wide) / total(exp(wide), axis=1, keepdims=True), ops.sinh(a) / ops.cosh(a), ops.sin(a) / ops.cos(a), (exp(a) - exp(-a)) / (exp(a) + exp(-a)),
        (exp(2 * a) - 1) / (exp(2 * a) + 1), 1 - sigma, b * (1 - sigma), 1 / (1 + exp(-a)), 1 / (1 + exp(a)), exp(a) / (1 + exp(a)),
        exp(-a) / (1 + exp(-a)), ops.sigmoid(-a) * b, exp(-a) * sigma, exp(-a) * sigma**2, sigma * ops.sigmoid(-a), (a * b) ** 2 / b, (a * b) ** 2,
        (s * a) ** 3 * b, (positive * unit) ** s, ops.sqrt(positive * unit), a**2 * b**2, inv(matrix @ other) @ matrix, other @ inv(matrix @ other),
        a * (b / a + 1), s * (a / s + b), (a * b + a * s) / a, (a + a * b) / (a * s), (-a - b) * s, (-a - b) * b, 1 - ops.sigmoid(-a),
        1 - ops.sigmoid(-a) + b, b * ops.sigmoid(-a) + 1, s - ops.sigmoid(-a), (2 * total(a)) ** 2, (3 * (a @ b)) ** 3 * a, ops.det(inv(matrix)) * a,
        ops.logdet(inv(posdef)) + s, ops.logdet(posdef.T) + s, ops.det(matrix.T) * s, named + named * s, named * s - a * b * s, 1 - ops.tanh(a) ** 2,
        1 / ops.cosh(a) ** 2, ops.diag(ops.diag(diagonal)), inv(diagonal) * ops.eye(n) * s, matrix * a[:, None] - outer(a, matrix.T @ a),
        matrix.T @ (matrix - matrix * a[:, None]), 1 - a**2 / (a**2 + 1), (exp(a) @ b) / total(exp(a)), ops.sign(a) / ops.abs_(a),
    ]  # fmt: skip
