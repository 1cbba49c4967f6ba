"""Building nodes in canonical form: the algebra that holds for every size.

Every builder takes *terms*, a node with a map into the caller's labels, and answers with a term. A label is anything hashable that
is not a negative int; ``~c`` is the fixed position c. Labels of the result that the answer's map does not mention are
broadcast. Canonical form (like terms collected, factors merged and ordered, deltas summed out, indices renumbered by
first appearance) makes ``X @ W`` and ``sum(X[k,i]*W[i,j], i)`` the same node, and makes equality of two gradients ``is`` in the usual cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symdl.functions import TABLE
from symdl.graph import node as kinds
from symdl.graph import scalars, windows
from symdl.graph.canonical import Renumber, canonical, finish, pair
from symdl.graph.digits import moves_only
from symdl.graph.labels import Delta, Label, Term, axis_sizes, fresh, inner_deltas, inner_terms, is_fixed, rename, rename_delta
from symdl.graph.node import Definition, InputInfo, Node, Product, Reduction, Size, intern
from symdl.graph.number import Number, number, plus, power, times, to_sympy
from symdl.graph.scalars import FLATTEN_LIMIT, INDICATORS, INVERSE, nested


def constant(value: Any) -> Term:
    """A number; it broadcasts to any shape."""
    return Term(intern(kinds.CONST, attr=number(value)), ())


def position(size: Size, label: Label = 0) -> Term:
    """The positions 0, 1, ..., size - 1 of an axis, as numbers."""
    return constant(0) if size == 1 else Term(intern(kinds.POSITION, shape=(size,)), (label,))


def _all_scalar(terms: Sequence[Term]) -> bool:
    for term in terms:  # noqa: SIM110  (asked at every step of every calculation)
        if term.map:
            return False
    return True


def _opened(term: Term) -> Term:
    """A position at a fixed place is a number."""
    return constant(~term.map[0]) if term.node.op == kinds.POSITION and is_fixed(term.map[0]) else term


def input_node(info: InputInfo, shape: tuple[Size, ...]) -> Node:
    """A tensor that the user names and gives values to."""
    return intern(kinds.INPUT, shape=shape, attr=info)


def add(coefs: Sequence[Number], terms: Sequence[Term]) -> Term:
    """Sum of coefficient x term, broadcast over labels."""
    quick = scalars.add(coefs, [t.node for t in terms]) if _all_scalar(terms) else None
    if quick is not None:
        return Term(quick, ())
    collected: dict[Term, Number] = {}
    offset: Number = 0
    for coef, term in zip(coefs, terms, strict=True):
        for c, t in _addends(coef, term):
            if t.node.op == kinds.CONST:
                offset = plus(offset, times(c, t.node.attr))
            else:
                collected[t] = plus(collected[t], c) if t in collected else c
    pairs = [(c, t) for t, c in collected.items() if c != 0]
    if not pairs:
        return constant(offset)
    if len(pairs) == 1 and offset == 0:
        return mul(pairs[0][0], [pairs[0][1]])
    ordered, renumber = canonical([(t, c) for c, t in pairs], (), (), by_rank=True)
    if offset != 0:
        ordered.append((constant(offset), 1))
    return finish(kinds.ADD, [t for t, _ in ordered], renumber, tuple(c for _, c in ordered))


def _addends(coef: Number, term: Term) -> Iterable[tuple[Number, Term]]:
    """The term as a short linear combination: nested sums and coefficients of products are opened."""
    term = _opened(term)
    node = term.node
    if node.op == kinds.ADD and len(node.args) <= FLATTEN_LIMIT:
        for c, inner in zip(node.attr, inner_terms(term), strict=True):
            yield times(coef, c), inner
    elif node.op == kinds.MUL and node.attr.coef != 1:
        labels = dict(enumerate(term.map))
        summed = [fresh() for _ in node.attr.summed]
        labels.update(zip(range(node.rank, node.rank + len(summed)), summed, strict=True))
        bare = mul(
            1,
            [rename(Term(a, m), labels) for a, m in node.terms()],
            inner_deltas(node, labels),
            dict(zip(summed, node.attr.summed, strict=True)),
        )
        yield times(coef, node.attr.coef), bare
    else:
        yield coef, term


def mul(
    coef: Number,
    terms: Sequence[Term],
    deltas: Iterable[Delta] = (),
    summed: Mapping[Label, Size] | None = None,
) -> Term:
    """coef * Sum over the summed labels of the product of the terms and the Kronecker deltas.

    Parameters
    ----------
    coef : Number
    terms : sequence of Term
    deltas : iterable of pairs of labels
    summed : mapping
        Label -> its size, for every label that is summed over.
    """
    quick = scalars.mul(coef, [t.node for t in terms]) if not (deltas or summed) and _all_scalar(terms) else None
    if quick is not None:
        return Term(quick, ())
    sums = dict(summed or {})
    coef, factors, pending = _open_products(coef, terms, list(deltas), sums)
    reduced = sum_out_deltas(factors, pending, sums)
    if reduced is None:
        return constant(0)
    factors, kept = reduced
    coef, factors = _merge_powers(coef, factors)
    if any(map(windows.is_equation, factors)):
        return _with_equations(coef, factors, kept, sums)
    return _product_of(coef, factors, kept, sums)


def _with_equations(coef: Number, factors: list[Term], kept: list[Delta], sums: dict[Label, Size]) -> Term:
    """The same with the algebra of index equations, which may give deltas that collapse, and those other equations."""
    found = windows.settled(factors, sums)
    if found is None:
        return constant(0)
    equations = [_equation(e) for e in found.equations]
    if not found.deltas:
        return _flattened(coef, [*found.factors, *equations], kept, sums)
    # A delta of a free label is stated, and not used up: only a new one can bring anything.
    reduced = sum_out_deltas([*found.factors, *equations], [*kept, *found.deltas], sums)
    if reduced is None:
        return constant(0)
    factors, kept = reduced
    coef, factors = _merge_powers(coef, [_opened(t) for t in factors])
    again = any(windows.is_equation(t) and t not in equations for t in factors)
    return _with_equations(coef, factors, kept, sums) if again else _flattened(coef, factors, kept, sums)


def _flattened(coef: Number, factors: list[Term], kept: list[Delta], sums: dict[Label, Size]) -> Term:
    """The product; where the equations have gone and a sum of products is left alone, it is opened as it would have been without them."""
    if len(factors) == 1 and not kept and sums and factors[0].node.op == kinds.MUL and _opens(factors[0].node, 1):
        return mul(coef, factors, kept, sums)
    return _product_of(coef, factors, kept, sums)


def _equation(equation: windows.Affine) -> Term:
    """iszero of an affine function of positions, the sign chosen."""
    terms = {k: position(equation.sizes[k], k) for k in equation.coefs}
    whole = add([*equation.coefs.values(), equation.offset], [*terms.values(), constant(1)])
    order = sorted(terms, key=lambda k: terms[k].node.serial)
    turned = windows.leads_with_minus([(terms[k].node, equation.coefs[k]) for k in order], equation.offset)
    return _unary(kinds.FN, add([-1], [whole]) if turned else whole, "iszero")


def _product_of(coef: Number, factors: list[Term], kept: list[Delta], sums: dict[Label, Size]) -> Term:
    """The product when all algebra is done."""
    if coef == 0:
        return constant(0)
    used = {e for t in factors for e in t.map} | {e for delta in kept for e in (delta.a, delta.b)}
    for label in [s for s in sums if s not in used]:
        coef = times(coef, number(sums.pop(label)))
    if not factors and not kept:
        return constant(coef)
    if len(factors) == 1 and not kept and not sums:
        only = factors[0]
        if coef == 1:
            return only
        if only.node.op == kinds.ADD and coef == -1 and len(only.node.args) <= FLATTEN_LIMIT:
            return add([-1], [only])
    return product(coef, factors, kept, sums)


def product(coef: Number, factors: Sequence[Term], deltas: Sequence[Delta], summed: Mapping[Label, Size]) -> Term:
    """The MUL node with these contents, ordered and renumbered but not simplified (a derivation's "before")."""
    ordered, renumber = canonical([(t, None) for t in factors], deltas, summed)
    sizes = [summed[label] for label in renumber.summed]
    pairs = tuple(sorted(pair(renumber.index(d.a), renumber.index(d.b)) for d in deltas))
    return finish(kinds.MUL, [t for t, _ in ordered], renumber, Product(coef, tuple(sizes), pairs), deltas)


def formal_product(coef: Number, factors: Sequence[Term], deltas: Sequence[Delta], summed: Mapping[Label, Size]) -> Term:
    """coef * Sum of factors * deltas as it stands: only numbers are multiplied, and sums over nothing counted."""
    for term in factors:
        if term.node.op == kinds.CONST:
            coef = times(coef, term.node.attr)
    rest = [t for t in factors if t.node.op != kinds.CONST]
    used = {e for t in rest for e in t.map} | {e for d in deltas for e in (d.a, d.b)}
    for label, size in summed.items():
        if label not in used:
            coef = times(coef, number(size))
    if not rest and not deltas:
        return constant(coef)
    if coef == 1 and len(rest) == 1 and not deltas and not any(s in used for s in summed):
        return rest[0]
    return product(coef, rest, deltas, {s: n for s, n in summed.items() if s in used})


def formal_sum(terms: Sequence[Term], coefs: Sequence[Number] | None = None) -> Term:
    """The terms, times coefficients, added as they stand."""
    if len(terms) == 1 and coefs is None:
        return terms[0]
    ordered, renumber = canonical(list(zip(terms, coefs or (1,) * len(terms), strict=True)), (), (), by_rank=True)
    ordered.sort(key=lambda pair: pair[0].node.op == kinds.CONST)  # a number stands last
    return finish(kinds.ADD, [t for t, _ in ordered], renumber, tuple(c for _, c in ordered))


def _open_products(coef: Number, terms: Sequence[Term], deltas: list[Delta], sums: dict[Label, Size]) -> tuple[Number, list[Term], list[Delta]]:
    """Pull coefficients out, and open products inside the product where that repeats no sum."""
    factors: list[Term] = []
    siblings = sum(term.node.op != kinds.CONST for term in terms)
    for given in terms:
        term = _opened(given)
        node = term.node
        if node.op == kinds.CONST:
            coef = times(coef, node.attr)
        elif node.op == kinds.MUL and _opens(node, siblings):
            labels = dict(enumerate(term.map))
            for position, size in enumerate(node.attr.summed, start=node.rank):
                labels[position] = label = fresh()
                sums[label] = size
            coef = times(coef, node.attr.coef)
            factors.extend(rename(Term(a, m), labels) for a, m in node.terms())
            deltas.extend(inner_deltas(node, labels))
        elif node.op == kinds.MUL and node.attr.deltas:
            # (Sum_k a_k b_k) delta_ij: the sum stays, the delta joins the others.
            labels = dict(enumerate(term.map))
            inside = {node.rank + k: fresh() for k in range(len(node.attr.summed))}
            coef = times(coef, node.attr.coef)
            apart = [rename(Term(a, m), labels | inside) for a, m in node.terms()]
            factors.append(mul(1, apart, (), dict(zip(inside.values(), node.attr.summed, strict=True))))
            deltas.extend(inner_deltas(node, labels))
        elif node.op == kinds.MUL and node.attr.coef != 1:
            (c, bare), *_ = _addends(1, term)
            coef = times(coef, c)
            factors.append(bare)
        else:
            factors.append(term)
    return coef, factors, deltas


def _opens(node: Node, siblings: int) -> bool:
    if node.attr.summed:
        return siblings == 1 or _moves_only(node)
    return siblings == 1 or len(node.args) + siblings <= FLATTEN_LIMIT


def _moves_only(node: Node) -> bool:
    """A tensor in other places: a window, a slice, a reshape. Opened, it joins what moves it on."""
    others = sum(not (a.op == kinds.FN and a.attr == "iszero") for a in node.args)
    return others <= 1 < len(node.args) + (others == 0) or (others < len(node.args) and moves_only(node))


def sum_out_deltas(factors: list[Term], deltas: list[Delta], sums: dict[Label, Size]) -> tuple[list[Term], list[Delta]] | None:
    """Sum(f[i]*delta(i, j), i) = f[j]; None when the product is zero. Takes what it sums out from ``sums``."""
    kept: list[Delta] = []
    queue = list(deltas)
    while queue:
        a, b, size = queue.pop()
        if a == b:
            continue
        if is_fixed(a) and is_fixed(b):
            return None
        if b in sums and not is_fixed(b):
            old, new = b, a
        elif a in sums and not is_fixed(a):
            old, new = a, b
        else:
            # Neither is summed: the delta stays, and the factors speak of one of the two.
            old, new = (b, a) if is_fixed(a) else (a, b)
            if size == 1:  # one position: nothing to choose
                continue
            kept.append(Delta(old, new, size))
            factors = [rename(t, {old: new}) for t in factors]
            queue = [rename_delta(d, {old: new}) for d in queue]
            continue
        sums.pop(old)
        factors = [rename(t, {old: new}) for t in factors]
        queue = [rename_delta(d, {old: new}) for d in queue]
        kept = [rename_delta(d, {old: new}) for d in kept]
    return factors, kept


def _merge_powers(coef: Number, factors: list[Term]) -> tuple[Number, list[Term]]:
    """x**a * x**b = x**(a + b)."""
    exponents: dict[Term, Number] = {}
    for term in factors:
        node = term.node
        if node.op == kinds.POW:
            base = inner_terms(term)[0]
            exponents[base] = plus(exponents.get(base, 0), node.attr)
        else:
            exponents[term] = plus(exponents.get(term, 0), 1)
    merged: list[Term] = []
    for base, exponent in exponents.items():
        term = pow_(base, exponent)
        if term.node.op == kinds.CONST:
            coef = times(coef, term.node.attr)
        else:
            merged.append(term)
    return coef, merged


def pow_(base: Term, exponent: Number) -> Term:
    """base**exponent for a constant exponent."""
    exponent = number(exponent)
    quick = None if base.map else scalars.pow_(base.node, exponent)
    if quick is not None:
        return Term(quick, ())
    base = _opened(base)
    node = base.node
    if exponent == 1:
        return base
    if exponent == 0:
        return constant(1)
    if node.op == kinds.CONST:
        return constant(power(node.attr, exponent))
    if type(exponent) is int:
        if node.op == kinds.POW:
            return pow_(inner_terms(base)[0], times(node.attr, exponent))
        if node.op == kinds.FN and node.attr in INDICATORS and exponent > 0:
            return base
        if node.op == kinds.MUL and not node.attr.summed and not nested(node) and (exponent > 0 or not node.attr.deltas):
            labels = dict(enumerate(base.map))
            return mul(
                power(node.attr.coef, exponent),
                [pow_(t, exponent) for t in inner_terms(base)],
                inner_deltas(node, labels),
            )
    return _unary(kinds.POW, base, exponent)


def _unary(op: str, term: Term, attr: Any) -> Term:
    _, renumber = canonical([(term, None)], (), ())
    return finish(op, [term], renumber, attr)


def fn(name: str, terms: Sequence[Term]) -> Term:
    """An elementwise function of the table applied to terms that broadcast."""
    quick = scalars.fn(name, [t.node for t in terms]) if _all_scalar(terms) else None
    if quick is not None:
        return Term(quick, ())
    terms = [_opened(t) for t in terms]
    if all(t.node.op == kinds.CONST for t in terms):
        folded = _fold(name, [t.node.attr for t in terms])
        if folded is not None:
            return constant(folded)
    inverse = INVERSE.get(name)
    if inverse is not None and terms[0].node.op == kinds.FN and terms[0].node.attr == inverse:
        return inner_terms(terms[0])[0]
    renumber = Renumber()
    for term in terms:
        renumber.see(term.map)
    made = finish(kinds.FN, list(terms), renumber, name)
    return mul(1, [made]) if name == "iszero" else made


def _fold(name: str, values: list[Number]) -> Any:
    """The exact value of a function at constants, where SymPy knows a real number; None where it does not."""
    value = TABLE[name].sympy(*[to_sympy(v) for v in values])
    return value if value.is_number and value.is_finite and value.is_real else None


def reduce_(kind: str, term: Term, summed: Mapping[Label, Size]) -> Term:
    """logsumexp or max over labels."""
    absent = [label for label in summed if label not in term.map]
    if absent:
        # The same value again and again: it is the maximum, and logsumexp counts it.
        inner = reduce_(kind, term, {label: size for label, size in summed.items() if label not in absent})
        counted = mul(1, [], (), {label: summed[label] for label in absent})
        return inner if kind == "max" else add([1, 1], [inner, fn("log", [counted])])
    if not summed:
        return term
    renumber = Renumber(summed)
    renumber.see(term.map)
    sizes = tuple(summed[label] for label in renumber.summed)
    return finish(kinds.REDUCE, [term], renumber, Reduction(kind, sizes))


def matrix(kind: str, term: Term) -> Term:
    """inverse, det or logdet of a square matrix; the node's first axis is the row."""
    size = term.node.shape[0]
    free = term.map if kind == "inv" else ()
    shape = (size, size) if kind == "inv" else ()
    return Term(intern(kinds.MATRIX, (term.node,), ((0, 1),), shape, kind), free)


def let(name: str, term: Term, labels: Sequence[Label], sizes: Sequence[Size], role: str = "let") -> Term:
    """Name a term. The axes of the new node are the labels given, in that order."""
    position = {label: k for k, label in enumerate(labels)}
    inner = tuple(e if is_fixed(e) else position[e] for e in term.map)
    return Term(intern(kinds.LET, (term.node,), (inner,), tuple(sizes), Definition(name, role)), tuple(labels))


def partial(of: Node, by: Node) -> Node:
    """The local partial d of / d by, not carried out: axes of ``of`` first, then those of ``by``."""
    n, m = of.rank, by.rank
    return intern(kinds.PARTIAL, (of, by), (tuple(range(n)), tuple(range(n, n + m))), of.shape + by.shape)


def settle(term: Term) -> Term:
    """The same term with the map that building it anew would give: a symmetric node has several."""
    node = term.node
    if node.rank < 2 or node.op not in (kinds.ADD, kinds.MUL):
        return term
    labels: dict[Any, Any] = dict(enumerate(term.map))
    if node.op == kinds.ADD:
        return add(node.attr, inner_terms(term))
    summed = {fresh(): size for size in node.attr.summed}
    labels.update(zip(range(node.rank, node.rank + len(summed)), summed, strict=True))
    terms = [rename(Term(a, m), labels) for a, m in node.terms()]
    return _either_way(product(node.attr.coef, terms, inner_deltas(node, labels), summed))


def _either_way(term: Term) -> Term:
    """v[i]*delta(i, j) is v[j]*delta(i, j): of two indices that a delta makes equal the smaller label first."""
    entries = list(term.map)
    for a, b in term.node.attr.deltas if term.node.op == kinds.MUL else ():
        if 0 <= b < term.node.rank and a < term.node.rank:
            entries[b], entries[a] = sorted((entries[a], entries[b]), key=str)
    return Term(term.node, tuple(entries))


__all__ = [
    "Delta",
    "Label",
    "Term",
    "add",
    "axis_sizes",
    "constant",
    "fn",
    "formal_product",
    "formal_sum",
    "fresh",
    "input_node",
    "is_fixed",
    "let",
    "matrix",
    "mul",
    "partial",
    "position",
    "pow_",
    "product",
    "reduce_",
    "rename",
    "settle",
    "sum_out_deltas",
]
