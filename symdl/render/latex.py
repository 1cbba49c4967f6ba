"""Expressions as LaTeX, in matrix notation or in index notation, from the same layout tree as the text."""

from __future__ import annotations

from collections.abc import Mapping

from symdl.errors import UnsupportedError
from symdl.expr.notation.elements import Elements, Letters
from symdl.expr.notation.layout import Call, Index, Product, Tree, bounded, fold
from symdl.expr.notation.parts import parts, with_bodies
from symdl.expr.notation.text import layout
from symdl.expr.tensor import Expr
from symdl.graph.labels import Term
from symdl.graph.node import Node
from symdl.render import latex_functions, latex_matrices, latex_names, latex_products  # noqa: F401 (they fill the table)
from symdl.render.latex_names import letter
from symdl.render.latex_pieces import Piece, write_part
from symdl.render.letters import scripted, subscripts, written


def latex(expr: Expr, names: Mapping[Node, str] | None = None, style: str = "auto", letters: Letters | None = None) -> str:
    """LaTeX of an expression.

    Parameters
    ----------
    expr : Expr
    names : mapping, optional
        Node -> name, for nodes that are written by name.
    style : {"auto", "matrix", "index"}
        "matrix": X^T(a - t), for what has such a form; what has none is written in index notation. "index": sums over letters, from 1
        to the size, positions counted from 1. "auto": matrix notation for whole arrays, index notation where letters are open.
    letters : callable or mapping, optional
        The index letters of sizes: size -> letters, or a callable like ``Reading.letters``.

    Raises
    ------
    UnsupportedError
        For another style.
    """
    if style not in ("auto", "matrix", "index"):
        raise UnsupportedError(f"style={style!r:.30}: choose 'auto', 'matrix' or 'index'")
    if names is not None:
        return _one(expr, with_bodies(names), style, letters)
    named = parts(expr.node)
    if not named:
        return _one(expr, {}, style, letters)
    lines = [f"& {_one(expr, named, style, letters)}", r"& \text{where}"]
    lines += [f"& {left} = {right}" for left, right in (_definition(n, named, style, letters) for n in named)]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _one(expr: Expr, names: Mapping[Node, str], style: str, letters: Letters | None) -> str:
    tree = None if style == "index" else layout(expr, names)
    if tree is None or not fold(tree, _is_matrix_notation):
        reader = Elements(expr, names, letters)
        element, _ = reader.open(expr)
        tree = reader.tree(element.node, element.map)
    return write(tree)


def _definition(node: Node, names: Mapping[Node, str], style: str, letters: Letters | None) -> tuple[str, str]:
    """A named part: its name and what it stands for, in index notation."""
    whole = Expr(Term(node, tuple(range(node.rank))), node.shape)
    reader = Elements(whole, names, letters)
    element, chosen = reader.open(whole)
    name = scripted(written(names[node], node.rank), subscripts([letter(s) for s in chosen]))
    return name, write(reader.tree(element.node, element.map, inside=True))


def _is_matrix_notation(tree: Tree, inside: list[bool]) -> bool:
    """False where an array has more than two axes, or an axis is put in that no mathematics has a sign for."""
    if isinstance(tree, Index) and None in tree.keys and (len(tree.keys) != 2 or tree.arg.rank != 1):
        return False
    if isinstance(tree, Call) and tree.name in ("logsumexp", "max", "softmax") and tree.args[0].rank == 2 and tree.axis is not None:
        return False
    if isinstance(tree, Product) and tree.rank == 2 and any(t.rank == 1 for t in tree.over):
        return False
    return tree.rank <= 2 and all(inside)


def write(tree: Tree) -> str:
    """A layout tree as LaTeX."""
    return fold(tree, bounded(write_part, Piece(r"\ldots"))).text
