"""A formula that cannot be formed, with one thing changed: a transpose set or taken away, a name taken for another, products exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from symdl.expr.tex.tree import Tex

_TURNED = frozenset(["symbol", "group", "index", "layer", "power", "call", "transpose", "quotient"])
#: Variants of one formula that are made.
MOST = 120


def variants(tree: Tex, names: Sequence[str]) -> Iterator[tuple[str, Tex]]:
    """What would have to be said of the formula if the variant were right, and the variant.

    Parameters
    ----------
    names : sequence of str
        What may stand for a name.
    """
    places = list(_places(tree, ()))
    for path, node, _ in places:
        if node.what == "index" and len(pair := [t for t in node.parts[1] if t.kind != ","]) == 2:
            name = node.parts[0].parts[0] if node.parts[0].what == "symbol" else "a part"
            yield f"the indices of {name} should be exchanged", _put(tree, path, replace(node, parts=(node.parts[0], tuple(pair[::-1]))))
    letters = sorted({t.text for _, node, _ in places if node.what == "index" for t in node.parts[1] if t.kind == "letter"})
    for path, node, _ in places:
        for k, token in enumerate(node.parts[1] if node.what == "index" else ()):
            for letter in letters if token.kind == "letter" else ():
                if letter != token.text:
                    tokens = (*node.parts[1][:k], token._replace(text=letter), *node.parts[1][k + 1 :])
                    yield f"the index {token.text} should be {letter}", _put(tree, path, replace(node, parts=(node.parts[0], tokens)))
    for path, node, inner in places:
        if node.what in _TURNED and not inner:
            yield _turned(node), _put(tree, path, node.parts[0] if node.what == "transpose" else Tex("transpose", (node,), node.position))
    for path, node, _ in places:
        if node.what == "product":
            for k in range(len(node.parts) - 1):
                left, right = Tex("product", node.parts[: k + 1], node.position), Tex("product", node.parts[k + 1 :], node.position)
                sides = tuple(p.parts[0] if len(p.parts) == 1 and p.parts[0].what != "dotted" else p for p in (left, right))
                if node.parts[k + 1].what != "dotted":
                    yield r"an elementwise product, \odot, is missing", _put(tree, path, Tex("hadamard", sides, node.position))
            if len(node.parts) == 2:
                yield "the factors should be exchanged", _put(tree, path, replace(node, parts=node.parts[::-1]))
        if node.what == "hadamard":
            yield r"the elementwise product \odot should be a matrix product", _put(tree, path, replace(node, what="product"))
    for path, node, _ in places:
        if node.what == "symbol" and node.parts[0] in names:
            for name in names:
                if name != node.parts[0]:
                    yield f"{node.parts[0]} should be {name}", _put(tree, path, replace(node, parts=(name,)))


def _turned(node: Tex) -> str:
    inner = node.parts[0] if node.what == "transpose" else node
    name = inner.parts[0] if inner.what == "symbol" else ""
    if node.what == "transpose":
        return f"{name or 'a part'} should not be transposed"
    return f"{name or 'a part in brackets'} should be transposed"


def _places(tree: Tex, path: tuple[int, ...], inner: bool = False) -> Iterator[tuple[tuple[int, ...], Tex, bool]]:
    """The parts of a tree, outermost first; ``inner``: the part is the base of a script or of a transpose, which is turned as a whole."""
    yield path, tree, inner
    script = tree.what in ("index", "layer", "power", "transpose", "prime")
    for k, part in enumerate(tree.parts):
        if isinstance(part, Tex):
            yield from _places(part, (*path, k), script and k == 0)


def _put(tree: Tex, path: tuple[int, ...], new: Any) -> Tex:
    if not path:
        return new  # type: ignore[no-any-return]
    at, *rest = path
    parts = [_put(p, tuple(rest), new) if k == at else p for k, p in enumerate(tree.parts)]
    return replace(tree, parts=tuple(parts))
