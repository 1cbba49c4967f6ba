"""Saving and loading: expressions, several of them by name, derivations, networks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sympy as sp

from symdl.errors import DataError, SymdlError
from symdl.expr.dims import check_name, indices
from symdl.expr.pending import current
from symdl.expr.tensor import Expr, as_expr
from symdl.graph.build import Term
from symdl.graph.rebuild import placed
from symdl.model.layers import Network
from symdl.saved.graph import read_table, table
from symdl.saved.numbers import read_size, written
from symdl.steps.step import Derivation

FORMAT = 1

#: Fixed positions lie before this one.
MOST_POSITIONS = 2**31


def to_json(what: Any) -> str:
    """An expression, a mapping or list of expressions, a derivation or a network as JSON text.

    Parameters
    ----------
    what : Expr, SymPy expression, mapping or list of these, Derived, or Network

    Returns
    -------
    str
        JSON; what a node shares with others is written once.

    Raises
    ------
    DataError
        For anything else.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> sd.from_json(sd.to_json({"y": sd.sum(x**2)}))
    {'y': sum(x**2)}
    """
    kind, named, more = _parts(what)
    records, place = table([e.node for e in named.values()])
    shown = {name: _looked(e, place) for name, e in named.items()}
    return json.dumps({"symdl": FORMAT, "kind": kind, **more, "nodes": records, "expressions": shown}, separators=(",", ":"), ensure_ascii=False)


def _parts(what: Any) -> tuple[str, dict[str, Expr], dict[str, Any]]:
    """Kind, the expressions by name, and what else is kept."""
    if isinstance(what, Derivation):
        wrt = {f"wrt {name}": e for name, e in what.wrt.items()}
        gradients = {f"gradient {name}": e for name, e in what.gradients.items()}
        return "derivation", {"loss": what.loss, **wrt, **gradients}, {"wrt": list(what.wrt)}
    if isinstance(what, Network):
        params = {f"param {name}": e for name, e in what.params.items()}
        layers = {f"activation {k}": e for k, e in enumerate(what.activations)}
        return "network", {"output": what.output, "input": what.input, **params, **layers}, {"params": list(what.params)}
    if isinstance(what, Mapping):
        return "expressions", {str(name): current(as_expr(e)) for name, e in what.items()}, {}
    if isinstance(what, (list, tuple)):
        return "list", {str(k): current(as_expr(e)) for k, e in enumerate(what)}, {}
    if isinstance(what, (Expr, sp.Expr)):
        return "expression", {"": current(as_expr(what))}, {}
    raise DataError(f"{type(what).__name__} cannot be saved as JSON: expressions, mappings and lists of them, derivations and networks can")


def _looked(expr: Expr, place: dict[Any, int]) -> dict[str, Any]:
    """How an expression looks at its node."""
    return {
        "node": place[expr.node],
        "map": [e if type(e) is int else {"letter": str(e)} for e in expr.map],
        "shape": [written(s) for s in expr.shape],
        "open": [[str(letter), written(size)] for letter, size in sorted(expr.open.items(), key=lambda item: str(item[0]))],
    }


def from_json(text: str) -> Any:
    """What :func:`to_json` wrote: an expression, a dict or list of them, a derivation (derived anew and compared), a network.

    Parameters
    ----------
    text : str

    Returns
    -------
    Expr, dict, list, Derived or Network

    Raises
    ------
    DataError
        When the text is not of that kind, or damaged: nothing in it is evaluated.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> sd.from_json(sd.to_json(sd.exp(x))) == sd.exp(x)
    True
    """
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError, TypeError):
        raise DataError("this is not JSON") from None
    if not isinstance(stored, dict) or stored.get("symdl") != FORMAT:
        raise DataError(f"this JSON was not written by symdl, or by a version with another format than {FORMAT}")
    terms = read_table(stored.get("nodes"))
    try:
        found = {name: _seen(look, terms) for name, look in stored["expressions"].items()}
        return _whole(stored, found)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise DataError("the stored expressions are damaged") from None


def _seen(look: dict[str, Any], terms: list[Term]) -> Expr:
    shape = [read_size(s) for s in look["shape"]]
    letters = {indices(check_name(name, "index")): read_size(size) for name, size in look["open"]}
    entries = [indices(check_name(e["letter"], "index")) if isinstance(e, dict) else e for e in look["map"]]
    place = look["node"]
    if type(place) is not int or not 0 <= place < len(terms):
        raise DataError("a stored expression looks at a node that is not there")
    # A text here would be read by SymPy, which evaluates: nothing but axes, fixed positions and the letters above gets past.
    if any(e not in letters if isinstance(e, sp.Symbol) else type(e) is not int or not -MOST_POSITIONS <= e < len(shape) for e in entries):
        raise DataError("an index of a stored expression is neither one of its axes nor one of its letters")
    term = placed(terms[place], entries)
    for entry, size in zip(term.map, term.node.shape, strict=True):
        wanted = shape[entry] if type(entry) is int and entry >= 0 else letters.get(entry, size)
        if wanted != size:
            raise DataError("a stored expression has other sizes than its node")
    return Expr(term, shape, letters)


def _whole(stored: dict[str, Any], found: dict[str, Expr]) -> Any:
    kind = stored["kind"]
    if kind == "expression":
        return found[""]
    if kind == "expressions":
        return found
    if kind == "list":
        return [found[str(k)] for k in range(len(found))]
    if kind == "network":
        params = {name: found[f"param {name}"] for name in stored["params"]}
        count = sum(name.startswith("activation ") for name in found)
        return Network(found["output"], found["input"], params, tuple(found[f"activation {k}"] for k in range(count)))
    if kind == "derivation":
        from symdl.pipeline import derive

        derived = derive(found["loss"], [found[f"wrt {name}"] for name in stored["wrt"]])
        for name in stored["wrt"]:
            if derived[name] != found[f"gradient {name}"]:
                raise DataError(f"the stored gradient by {name} is not what deriving gives now: derive again, and check it with sd.check")
        return derived
    raise DataError(f"{str(kind)[:40]!r} is not a kind of what symdl saves")


def save(what: Any, path: str | Path) -> Path:
    """Write an expression, a mapping or list of expressions, a derivation or a network to a JSON file.

    Parameters
    ----------
    what : Expr, SymPy expression, mapping or list of these, Derived, or Network
    path : path
        Ends in .json.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        For anything else, another ending, or a file that cannot be written.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> path = sd.save(sd.exp(x), "exp.json")
    >>> sd.load(path)
    exp(x)
    """
    target = Path(path)
    if target.suffix != ".json":
        raise DataError(f"{target}: sd.save writes .json files; derivations save themselves as pages with d.save(...)")
    text = to_json(what)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{target} cannot be written: {error.strerror}") from None
    return target


def load(path: str | Path) -> Any:
    """Read what :func:`save` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    Expr, dict, list, Derived or Network

    Raises
    ------
    DataError
        When the file is missing, or is not such a file.

    Examples
    --------
    >>> path = sd.save([sd.tensor("x", 3)], "list.json")
    >>> sd.load(path)
    [x]
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not a text file") from None
    try:
        return from_json(text)
    except SymdlError as error:
        raise DataError(f"{path}: {error}") from None
