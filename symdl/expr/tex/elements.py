"""Elements, rows and samples: W_{ij}, x_i of a matrix X, x^{(i)}, W^{(2)}, delta_{ij}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.expr import ops
from symdl.expr.tensor import Expr
from symdl.expr.tex import oriented
from symdl.expr.tex.letters import grouped, index_keys
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.scope import Scope
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import Tex, relation_of


class Elements(Scope):
    # --- what a name with scripts is called ------------------------------------------------------------------

    def base_name(self, tree: Tex) -> str | None:
        """The name that a symbol with layers, numbers and transposes around it may have been declared by: W^{(2)}, w^2, W_1."""
        if tree.what == "symbol":
            return tree.parts[0]
        if tree.what == "layer" and (inner := self.base_name(tree.parts[0])) is not None:
            return self._joined(inner, tree.parts[1])
        if tree.what == "power" and tree.parts[0].what == "symbol" and (raised := _plain(tree.parts[1])):
            return self._joined(tree.parts[0].parts[0], raised)
        return None

    def _joined(self, base: str, words: str) -> str | None:
        return next((s for s in (f"{base}{words}", f"{base}_{words}") if self.is_known(s)), None)

    def _layer(self, tree: Tex) -> Value:
        """W^{(1)}: the tensor W1; x^{(i)}: the sample i, a row of X."""
        base, layer = tree.parts
        name = self.base_name(tree)
        if name is not None and (found := self.named(name)) is not None:
            return found
        if base.what == "index":  # \delta_j^{(2)}
            inner, tokens = base.parts
            return self._index(Tex("index", (Tex("layer", (inner, layer), tree.position), tokens), tree.position))
        whole, _ = self._whole(base)
        if whole is None or whole.loose:
            raise self.undeclared(base, self._written(base)) if whole is None else self.fail(tree, f"the superscript ({layer}) names no tensor")
        if whole.expr.ndim == 0 or len(layer) > 6:
            if layer.isdigit():
                return oriented.power(whole, self.value(Tex("number", (int(layer),), tree.position)).expr)
            raise self.fail(tree, f"the superscript ({layer}) names no tensor")
        token = Token("number" if layer.isdigit() else "letter", layer, tree.position)
        (key,) = index_keys([token], 1, self.start, self._size_letters(), lambda m: self.fail(tree, m), self.fixed)
        return Value(whole.expr[(key, *[slice(None)] * (whole.expr.ndim - 1))])

    # --- indices ---------------------------------------------------------------------------------------------

    def _index(self, tree: Tex) -> Value:
        """W_1 where that is a tensor's name, else an element, a row or a sample."""
        base, tokens = tree.parts
        words = "".join(t.text for t in tokens)
        if base.what == "norm":
            return self._norm_of(base, words, tree)
        if base.what == "ones" or (base.what == "symbol" and base.parts[0] == "I" and not self.is_known("I")):
            return self._ones_or_eye(base, tokens, tree)
        flipped = base.what == "transpose"
        stem = base.parts[0] if flipped else base
        name = self.base_name(stem)
        if name is None and stem.what == "symbol":
            name = stem.parts[0]
        if name is not None and (name, words) in self.lettered:
            return self._at(self._defined(self.lettered[name, words]), tokens, tree, exact=True)
        if name is not None:
            for size in range(len(tokens), 0, -1):
                rest = tokens[size:]
                if rest and rest[0].kind == ",":
                    rest = rest[1:]
                joined = self._joined(name, "".join(t.text for t in tokens[:size]))
                found = None if joined is None else self.named(joined)
                if found is not None:
                    made = self._at(found, rest, tree, exact=True) if rest else found
                    return oriented.transposed(made) if flipped else made
        if stem.what == "symbol" and not self.is_known(stem.parts[0]) and stem.parts[0] == "delta" and len(grouped(tokens, 2)) == 2:
            return self._kronecker(tokens, tree)
        whole, exact = self._whole(base)
        if whole is None:
            raise self.undeclared(base, self._written(base))
        named = all(self.is_known(t.text) and t.text not in "ijk" for t in tokens if t.kind in ("letter", "command", "word"))
        if named and not _all_positions(tokens) and not any(self.is_letter(t) and t.text in (*self.bound, *self.free) for t in tokens):
            return whole  # h_\theta is h
        if any(relation_of(t) for t in tokens):
            raise self.fail(tree, "a relation cannot stand in an index")
        return self._at(whole, tokens, tree, exact)

    def _whole(self, base: Tex) -> tuple[Value | None, bool]:
        """What elements are taken of, and whether it is called by its own name."""
        if base.what == "group" and base.parts[0].what in ("symbol", "layer", "group"):
            return self._whole(base.parts[0])
        name = self.base_name(base)
        if base.what not in ("symbol", "layer") and name is None:
            return self.value(base), True
        if name is not None and (found := self.named(name)) is not None:
            return found, True
        if base.what == "symbol":
            return self.element_of(base.parts[0]), False
        if base.what == "layer":
            inner = base.parts[0]
            if inner.what == "symbol":
                other = self._joined(inner.parts[0][0].swapcase() + inner.parts[0][1:], base.parts[1])
                if other is not None:
                    return self.named(other), False
            return self.value(base), True
        return self.value(base), True

    def _written(self, tree: Tex) -> str:
        while tree.what in ("index", "layer", "power", "group", "transpose", "prime", "product"):
            tree = tree.parts[0]
        return str(tree.parts[0]) if tree.what == "symbol" else tree.what

    def _at(self, whole: Value, tokens: Sequence[Token], tree: Tex, exact: bool) -> Value:
        expr = oriented.sized(whole).expr
        groups = grouped(tokens, expr.ndim)
        if len(groups) == 1 and expr.ndim == 2:
            return self._row(expr, tokens, tree, exact)
        return Value(expr[tuple(self._keys(tokens, expr.ndim, tree))])

    def _row(self, expr: Expr, tokens: Sequence[Token], tree: Tex, exact: bool) -> Value:
        """x_i of the matrix X: its row i, as a column; where only a column fits (w_k of W), that."""
        name = self._written(tree.parts[0])
        if exact and name[:1].isupper():
            raise self.fail(tree, f"2 indices belong here, and 1 is written: {name}_{{i,:}} is a row, {name}_{{:,i}} a column")
        (key,) = self._keys(tokens, 1, tree)
        return Value(expr[:, key] if self.columns else expr[key, :])

    def _size_letters(self) -> set[str]:
        return self.sizes - set(self.bound) - set(self.free)

    def _keys(self, tokens: Sequence[Token], count: int, tree: Tex) -> list[Any]:
        return index_keys(tokens, count, self.start, self._size_letters(), lambda message: self.fail(tree, message), self.fixed)

    # --- what has no name of its own ------------------------------------------------------------------------

    def _ones_or_eye(self, base: Tex, tokens: Sequence[Token], tree: Tex) -> Value:
        """1_n and I_n with their sizes; 1_{z > 0} is an indicator."""
        if any(relation_of(t) for t in tokens):
            return self.indicator(tokens, tree)
        words = "".join(t.text for t in tokens)
        size: Any = int(words) if words.isdigit() and len(words) < 9 else self._size_of(words)
        if size is None:
            if base.what == "ones":
                raise self.fail(tree, f"{words} is no size that is known here")
            whole = self.element_of("I")
            if whole is None:
                raise self.fail(tree, f"the identity matrix with the index {words}: {words} is no size that is known here")
            return self._at(whole, tokens, tree, exact=False)
        return Value(ops.ones(size) if base.what == "ones" else ops.eye(size))

    def _size_of(self, words: str) -> Any:
        found = self.size_named(words)
        return None if found is None else found.node.attr

    def _kronecker(self, tokens: Sequence[Token], tree: Tex) -> Value:
        left, right = grouped(tokens, 2)
        return Value(self.equal_indices(left, right, tree))

    def equal_indices(self, left: Sequence[Token], right: Sequence[Token], tree: Tex) -> Expr:
        raise NotImplementedError

    def indicator(self, tokens: Sequence[Token], tree: Tex) -> Value:
        raise NotImplementedError

    def _norm_of(self, tree: Tex, which: str, at: Tex) -> Value:
        raise NotImplementedError


def _plain(tree: Tex) -> str:
    """A superscript that may belong to a name: a number, or a letter."""
    if tree.what == "number" and tree.parts[0].denominator == 1 and tree.parts[0] > 0:
        return str(tree.parts[0])
    return str(tree.parts[0]) if tree.what == "symbol" else ""


def _all_positions(tokens: Sequence[Token]) -> bool:
    return all(t.kind in ("number", ",", ":") for t in tokens)
