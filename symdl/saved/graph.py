"""The node table as JSON: one record a node, arguments by their place in the table. Read back through the builders, so that what is
loaded is in the canonical form of this session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import DataError
from symdl.expr.dims import check_name
from symdl.expr.facts import FACTS
from symdl.functions import TABLE
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.node import InputInfo, Node, Recurrence, intern
from symdl.graph.rebuild import placed
from symdl.graph.recurrence import PARTS, is_hole, with_arguments
from symdl.graph.walk import topological
from symdl.saved.numbers import read_number, read_size, written

#: What is kept of what SymPy knows of a symbol.
_ASSUMPTIONS = ("real", "positive", "integer", "nonnegative", "negative", "nonzero", "nonpositive", "complex", "finite", "rational", "even", "odd")

#: Nodes and axes of what is loaded.
MAX_NODES, MAX_RANK = 5_000_000, 32


def table(roots: Sequence[Node]) -> tuple[list[dict[str, Any]], dict[Node, int]]:
    """The records of all nodes under the roots, and the place of each node."""
    order = topological(_with_bodies(roots))
    place = {node: k for k, node in enumerate(order)}
    return [_record(node, place) for node in order], place


def _with_bodies(roots: Sequence[Node]) -> list[Node]:
    """The roots, and before them the bodies of the recurrences under them."""
    found: list[Node] = []
    waiting = list(roots)
    while waiting:
        for node in topological([waiting.pop()]):
            if node.op == kinds.RECUR:
                bodies = [body for body, _ in node.attr.bodies if body not in found]
                found += bodies
                waiting += bodies
    return [*reversed(found), *roots]


def _record(node: Node, place: dict[Node, int]) -> dict[str, Any]:
    record: dict[str, Any] = {"op": node.op, "shape": [written(s) for s in node.shape]}
    if node.args:
        record["args"] = [[place[a], *m] for a, m in node.terms()]
    if node.op in _WRITE:
        record.update(_WRITE[node.op](node, place))
    return record


def _write_input(node: Node, place: dict[Node, int]) -> dict[str, Any]:
    info: InputInfo = node.attr
    kind = "hole" if is_hole(node) else "tensor"
    bare = {"bare": True} if isinstance(info.atom, sp.IndexedBase) and info.atom.shape is None else {}
    return {"name": info.name, "facts": sorted(info.facts), "kind": kind, "assumed": _assumptions(info.atom), **bare}


def _assumptions(atom: sp.Basic) -> dict[str, bool]:
    """What SymPy was told of a symbol that the user brought, or by the facts of a tensor."""
    told = atom._assumptions_orig if isinstance(atom, sp.Symbol) else atom.assumptions0 if isinstance(atom, sp.IndexedBase) else {}
    return {k: v for k, v in sorted(told.items()) if k in _ASSUMPTIONS}


def _write_mul(node: Node, place: dict[Node, int]) -> dict[str, Any]:
    product = node.attr
    return {"coef": written(product.coef), "summed": [written(s) for s in product.summed], "deltas": [list(d) for d in product.deltas]}


def _write_recur(node: Node, place: dict[Node, int]) -> dict[str, Any]:
    r: Recurrence = node.attr
    return {
        "names": list(r.names),
        "length": written(r.length),
        "down": r.down,
        "batch": r.batch,
        "shapes": [[written(s) for s in shape] for shape in r.shapes],
        "bodies": [[place[body], *m] for body, m in r.bodies],
        "summed": [written(s) for s in r.summed],
        "state": r.state,
        "part": r.part,
    }


_WRITE: dict[str, Callable[[Node, dict[Node, int]], dict[str, Any]]] = {
    kinds.INPUT: _write_input,
    kinds.CONST: lambda node, _: {"value": written(node.attr)},
    kinds.ADD: lambda node, _: {"coefs": [written(c) for c in node.attr]},
    kinds.MUL: _write_mul,
    kinds.POW: lambda node, _: {"exponent": written(node.attr)},
    kinds.FN: lambda node, _: {"function": node.attr},
    kinds.REDUCE: lambda node, _: {"kind": node.attr.kind, "summed": [written(s) for s in node.attr.summed]},
    kinds.MATRIX: lambda node, _: {"function": node.attr},
    kinds.LET: lambda node, _: {"name": node.attr.name, "role": node.attr.role},
    kinds.RECUR: _write_recur,
}


# --- reading ------------------------------------------------------------------------------------------------------------


def read_table(records: Any) -> list[Term]:
    """The nodes of a table, each as a term in the record's own axes.

    Raises
    ------
    DataError
        When the table is none.
    """
    if not isinstance(records, list) or len(records) > MAX_NODES:
        raise DataError("the stored graph is not a list of nodes")
    done: list[Term] = []
    for number, record in enumerate(records):
        try:
            done.append(_node(record, done))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise DataError(f"node {number} of the stored graph is damaged") from None
    return done


def _node(record: dict[str, Any], done: list[Term]) -> Term:
    read = _READ.get(record["op"])
    if read is None:
        raise DataError(f"{str(record['op'])[:40]!r} is not a kind of node")
    shape = tuple(read_size(s) for s in record["shape"])
    summed = [read_size(s) for s in record.get("summed", [])]
    if len(shape) + len(summed) > MAX_RANK + (MAX_RANK if record["op"] == kinds.RECUR else 0):
        raise DataError("a stored node has too many axes")
    alls = [*shape, *summed]
    terms = []
    for place, *entries in record.get("args", []):
        if not 0 <= place < len(done):
            raise DataError("a stored node is an argument of one that stands before it")
        if record["op"] == kinds.MATRIX:  # its argument's two axes are rows and columns, and no indices of the node
            alls = list(done[place].node.shape) if done[place].map == (0, 1) else list(done[place].node.shape)[::-1]
        terms.append(_placed(done[place], entries, alls))
    alls = [*shape, *summed]
    made = _recurrence(record, terms, done, shape, summed) if record["op"] == kinds.RECUR else read(record, terms, shape, summed)
    if any(type(e) is not int or e >= len(shape) for e in made.map):
        raise DataError("a stored node has an axis too many")
    for entry, size in zip(made.map, made.node.shape, strict=True):
        if entry >= 0 and shape[entry] != size:
            raise DataError("the axes of a stored node have other sizes than it says")
    return made


def _placed(term: Term, entries: list[int], alls: list[Any]) -> Term:
    """A term of the table with a record's entries on its axes."""
    highest = max([e for e in term.map if e >= 0], default=-1)
    if any(type(e) is not int or not -(2**31) < e < len(alls) for e in entries) or highest >= len(entries):
        raise DataError("an index of a stored node is out of range")
    made = placed(term, entries)
    for entry, size in zip(made.map, made.node.shape, strict=True):
        if (entry >= 0 and alls[entry] != size) or (entry < 0 and isinstance(size, int) and ~entry >= size):
            raise DataError("an index of a stored node runs over two sizes")
    return made


def _read_input(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    name, facts = record["name"], frozenset(record["facts"])
    if record["kind"] == "hole":
        if not (name.startswith("#") and name[1:].isdigit()):
            raise DataError(f"{name!r:.40} is not the name of a placeholder")
    else:
        check_name(name)
    if facts - set(FACTS):
        raise DataError(f"{sorted(facts - set(FACTS))[0]!r:.40} is not a known fact")
    assumed = {k: bool(v) for k, v in record["assumed"].items() if k in _ASSUMPTIONS}
    try:
        atom = sp.IndexedBase(name, shape=None if record.get("bare") else shape, **assumed) if shape else sp.Symbol(name, **assumed)
    except sp.core.facts.InconsistentAssumptions:
        raise DataError(f"what is assumed of {name} contradicts itself") from None
    return Term(build.input_node(InputInfo(name, atom, facts), shape), tuple(range(len(shape))))


def _read_add(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    """As it was: building a sum anew would open sums inside that were kept closed."""
    if not terms:
        raise DataError("a stored sum has no terms")
    return build.formal_sum(terms, [read_number(c) for c in record["coefs"]])


def _read_mul(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    alls = [*shape, *summed]
    deltas = []
    for a, b in record["deltas"]:
        if not (0 <= a < len(alls) and b < len(alls)) or (b >= 0 and alls[a] != alls[b]):
            raise DataError("a stored delta is out of range")
        deltas.append(Delta(a, b, alls[a]))
    sums: dict[Any, Any] = dict(enumerate(summed, start=len(shape)))
    make = build.product if terms else build.mul  # as it was: building a product anew might open what was kept closed
    return make(read_number(record["coef"]), terms, deltas, sums)


def _read_fn(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    name = record["function"]
    if name not in TABLE or TABLE[name].nargs != len(terms):
        raise DataError(f"{str(name)[:40]!r} is not a function of the table with {len(terms)} arguments")
    return build.fn(name, terms)


def _read_reduce(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    if record["kind"] not in ("logsumexp", "max"):
        raise DataError(f"{str(record['kind'])[:40]!r} is not a reduction")
    return build.reduce_(record["kind"], terms[0], dict(enumerate(summed, start=len(shape))))


def _read_matrix(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    (inner,) = terms
    if record["function"] not in ("inv", "det", "logdet") or inner.node.rank != 2 or inner.node.shape[0] != inner.node.shape[1]:
        raise DataError("a stored matrix function has no square matrix")
    return build.matrix(record["function"], inner)


def _read_let(record: dict[str, Any], terms: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    if record["role"] not in ("let", "adjoint"):
        raise DataError("a stored name has no role")
    return build.let(check_name(record["name"], "result"), terms[0], tuple(range(len(shape))), shape, record["role"])


def _recurrence(record: dict[str, Any], args: list[Term], done: list[Term], shape: tuple[Any, ...], summed: list[Any]) -> Term:
    """A recurrence: put together as it was, then opened and closed again, which gives the form of this session."""
    bodies = []
    for place, *entries in record["bodies"]:
        body = placed(done[place], entries)
        if any(type(e) is not int for e in body.map) or any(n.op == kinds.INPUT and not is_hole(n) for n in topological([body.node])):
            raise DataError("the step of a stored recurrence is not closed")
        bodies.append((body.node, body.map))
    if record["part"] not in PARTS or not 0 <= record["state"] < len(bodies) or not isinstance(record["down"], bool):
        raise DataError("a stored recurrence is damaged")
    attr = Recurrence(
        tuple(check_name(n, "result") for n in record["names"]),
        read_size(record["length"]),
        record["down"],
        record["batch"],
        tuple(tuple(read_size(s) for s in one) for one in record["shapes"]),
        tuple(bodies),
        tuple(summed),
        record["state"],
        record["part"],
    )
    if type(attr.batch) is not int or not 0 <= attr.batch <= min(map(len, attr.shapes), default=0):
        raise DataError("a stored recurrence has more leading axes in common than its states have axes")
    if not len(attr.names) == len(attr.shapes) == len(bodies) <= len(args):
        raise DataError("a stored recurrence has not one name, one shape and one step for every state")
    node = intern(kinds.RECUR, tuple(t.node for t in args), tuple(t.map for t in args), shape, attr)
    return with_arguments(node, [Term(a, m) for a, m in node.terms()])


_READ: dict[str, Callable[..., Term]] = {
    kinds.INPUT: _read_input,
    kinds.CONST: lambda record, terms, shape, summed: build.constant(read_number(record["value"])),
    kinds.POSITION: lambda record, terms, shape, summed: build.position(shape[0]),
    kinds.ADD: _read_add,
    kinds.MUL: _read_mul,
    kinds.POW: lambda record, terms, shape, summed: build.pow_(terms[0], read_number(record["exponent"])),
    kinds.FN: _read_fn,
    kinds.REDUCE: _read_reduce,
    kinds.MATRIX: _read_matrix,
    kinds.LET: _read_let,
    kinds.RECUR: lambda *_: build.constant(0),  # see _recurrence, which needs the nodes before it
}
