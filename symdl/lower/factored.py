"""Hessians and other square derivatives kept as factors: of every term the matrices that the formula multiplies, and blocks where it has deltas.

``delta_ij * B_kl`` keeps B; ``Sum(X_ki * d_k * X_kj, k)`` keeps X and d. What a product with a vector needs is then a few small contractions
(Pearlmutter 1994 for the product; McCullagh and Nelder 1989, section 2.5, for the form of generalised linear models).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import ShapeError
from symdl.expr.tensor import Expr, describe
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.lower.compiled import Compiled
from symdl.lower.factors import Factored, Piece
from symdl.lower.listing import Shown
from symdl.lower.plan import input_nodes
from symdl.lower.sizes import bind_sizes
from symdl.lower.values import as_array


class _Factor(NamedTuple):
    expr: Expr
    labels: tuple[Any, ...]


class _Form(NamedTuple):
    axes: tuple[Any, ...]
    factors: tuple[_Factor, ...]


def factored_function(names: list[str], declared: Mapping[str, tuple[Any, ...]], expr: Expr, backend: str, dtype: Any) -> Shown:
    """f(values by name) -> Factored, for a square expression (its first half of axes are rows, the others columns)."""
    half = expr.ndim // 2
    if not expr.ndim or expr.ndim % 2 or expr.shape[:half] != expr.shape[half:] or expr.open:
        raise ShapeError(f"factored: {describe(expr)} of shape {expr.shape} is not square: it must have the same axes twice, as a Hessian has")
    forms = _forms(expr)
    exprs = [f.expr for form in forms for f in form.factors]
    kept = [_is_input(e) for e in exprs]
    compiled = Compiled([e for e, k in zip(exprs, kept, strict=True) if not k], backend, declared, dtype=dtype)
    # The whole formula tells which tensors there are and what their shapes have to do with each other.
    inputs = {str(n.name): n.shape for n in _inputs_of(expr)} | dict(declared)
    told = {s for n in compiled.names for size in inputs[n] for s in getattr(size, "free_symbols", ())}
    enough = set(compiled.dims.values()) <= told
    seen: dict[Any, tuple[int, ...]] = {}
    own, kind, none, words = frozenset(compiled.names), np.dtype(compiled.dtype), all(kept), [_shown(f) for f in forms]

    def function(values: Mapping[str, Any]) -> Factored:
        # What the compiled function takes it looks through itself, once.
        arrays = {
            name: v
            if name in own and type(v := values[name]) is np.ndarray and v.dtype is kind and v.flags.c_contiguous
            else as_array(name, values[name], compiled.dtype)
            for name in inputs
        }
        key = tuple([a.shape if type(a) is np.ndarray else () for a in arrays.values()])
        shape = seen.get(key)
        if shape is None:
            bound = bind_sizes(list(inputs.items()), dict(zip(arrays, key, strict=True)))
            shape = seen[key] = tuple(int(n) if isinstance(n, int) else int(n.subs(bound)) for n in expr.shape)
        computed = iter(() if none else compiled.of([arrays[name] for name in compiled.names]) if enough else compiled(arrays))
        found = iter([np.asarray(arrays[str(e.name)] if k else next(computed)) for e, k in zip(exprs, kept, strict=True)])
        return Factored(shape, [Piece(f.axes, tuple((next(found), g.labels) for g in f.factors)) for f in forms], words)

    called = f"f({', '.join(names)}), kept as the factors {' + '.join(words)}"
    return Shown(function, f"{called}, all of them given: nothing is computed" if none else called, lambda: compiled.made)


def _inputs_of(expr: Expr) -> list[Any]:
    return list(input_nodes([expr.node]))


def _is_input(expr: Expr) -> bool:
    return expr.node.op == kinds.INPUT and expr.map == tuple(range(expr.ndim)) and expr.ndim > 0


def _shown(form: _Form) -> str:
    return " * ".join(f.expr.name or "d" for f in form.factors)


def _forms(expr: Expr) -> list[_Form]:
    """The terms of the sum, each as factors."""
    axes = tuple(f"a{k}" for k in range(expr.ndim))
    sizes: dict[Any, Any] = dict(zip(axes, expr.shape, strict=True))
    todo: list[tuple[Any, Term]] = [(1, Term(expr.node, tuple(e if is_fixed(e) else axes[e] for e in expr.map)))]
    forms: list[_Form] = []
    while todo:
        coef, term = todo.pop()
        node, labels = term.node, term.map
        if node.op == kinds.LET:
            todo.append((coef, _inside(Term(node.args[0], node.maps[0]), labels)))
        elif node.op == kinds.ADD:
            todo += [(coef * c, _inside(t, labels)) for c, t in zip(node.attr, (Term(a, m) for a, m in node.terms()), strict=True)]
        else:
            forms.append(_form(coef, term, axes, sizes))
    return forms[::-1]


def _inside(term: Term, labels: tuple[Any, ...]) -> Term:
    return Term(term.node, tuple(e if is_fixed(e) else labels[e] for e in term.map))


def _form(coef: Any, term: Term, axes: tuple[Any, ...], sizes: dict[Any, Any]) -> _Form:
    node = term.node
    if node.op != kinds.MUL or any(is_fixed(e) for d in node.attr.deltas for e in d) or any(map(is_fixed, term.map)):
        return _Form(axes, _one(coef, [term], axes, sizes))
    summed = {f"s{k}": n for k, n in enumerate(node.attr.summed)}
    known = {**sizes, **summed}
    labels = [*term.map, *summed]
    same = {a: a for a in known}
    for a, b in node.attr.deltas:
        old, new = sorted((same[labels[a]], same[labels[b]]), reverse=True)
        same = {k: new if v == old else v for k, v in same.items()}
    own = tuple(same[a] for a in axes)
    terms = [Term(a, tuple(e if is_fixed(e) else same[labels[e]] for e in m)) for a, m in node.terms()]
    inner = {same[s]: n for s, n in summed.items() if same[s] not in own}
    coef = coef * node.attr.coef
    if len(set(own)) < len(own):  # deltas: what is not zero is a smaller tensor
        return _Form(own, _one(coef, terms, tuple(dict.fromkeys(own)), known, inner))
    sides = [t for t in terms if set(t.map) & set(own)]
    weights = [t for t in terms if t not in sides]
    over = tuple(dict.fromkeys(e for t in weights for e in t.map if not is_fixed(e)))
    if any({e for e in t.map if not is_fixed(e)} >= set(over) for t in weights) or not weights:
        factors = [f for t in sides for f in _one(1, [t], tuple(dict.fromkeys(e for e in t.map if not is_fixed(e))), known)]
        if weights or coef != 1:
            factors += _one(coef, weights, over, known)
        covered = {e for f in factors for e in f.labels}
        if {*own, *inner} <= covered:
            return _Form(own, tuple(factors))
    return _Form(own, _one(coef, terms, own, known, inner))


def _one(coef: Any, terms: list[Term], labels: tuple[Any, ...], sizes: Mapping[Any, Any], summed: Mapping[Any, Any] | None = None) -> tuple[_Factor, ...]:
    """A product as one tensor over these labels."""
    made = terms[0] if coef == 1 and len(terms) == 1 and not summed else build.mul(coef, terms, (), dict(summed or {}))
    place = {label: k for k, label in enumerate(labels)}
    term = Term(made.node, tuple(e if is_fixed(e) else place[e] for e in made.map))
    return (_Factor(Expr(term, [sizes[e] for e in labels]), labels),)
