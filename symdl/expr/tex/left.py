"""What stands on the left of an equation: a derivative, however it is written, or a name that is being defined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symdl.errors import SymdlError
from symdl.expr.dims import indices
from symdl.expr.tensor import Expr
from symdl.expr.tex.derived import loss_name
from symdl.expr.tex.letters import grouped
from symdl.expr.tex.meaning import Meaning
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import Tex


@dataclass
class Left:
    """A derivative of ``of`` (None: whatever is asked about) by the trees ``by`` (empty: by what is asked about), of an ``order``; or a new ``name``.

    ``applied``: the name in \\gamma(z_{nk}), which means no more than \\gamma_{nk}.

    ``function`` and ``targets``: what the trees mean; ``problem``: why they mean nothing.
    """

    name: str = ""
    letters: Sequence[Token] = ()
    params: tuple[str, ...] = ()
    applied: str = ""
    of: Tex | None = None
    by: tuple[Tex, ...] | None = None
    order: int = 1
    derivative: Tex | None = None
    function: Expr | None = None
    targets: tuple[Expr, ...] = ()
    problem: SymdlError | None = None

    def resolve(self, scope: Meaning) -> None:
        """What is differentiated, by what."""
        try:
            if self.of is not None:
                self.function = _function(self.of, scope)
            self.targets = tuple(scope.target(tree) for tree in self.by or ())
        except SymdlError as error:
            self.problem = error

    def of_letters(self) -> list[Any]:
        """The letters of the element that is differentiated, where its name is nowhere declared: f_i."""
        if self.of is None or self.of.what != "index":
            return []
        return [indices(t.text) for t in self.of.parts[1] if t.kind == "letter"]

    def index_names(self) -> tuple[str, ...]:
        """The letters of the element that is spoken of."""
        found = [s for e in (self.function, *self.targets) if e is not None for s in e.open]
        return tuple(dict.fromkeys([*(str(s) for s in found), *(t.text for t in self.letters)]))


def _function(tree: Tex, scope: Meaning) -> Expr | None:
    """What is differentiated; None when its name is nowhere declared, and so the loss's, or it cannot be read, as \\ln p(X | \\mu)."""
    if (loss_name(tree) or _bare(tree) in scope.strangers) and (name := _bare(tree)) is not None and name[:1].isupper() and not _known(tree, scope):
        return None
    try:
        return scope.value(tree).expr
    except SymdlError:
        if loss_name(tree) or tree.what not in ("symbol", "index", "layer") or scope.strangers <= {_bare(tree)}:
            return None
        raise


def left_of(tree: Tex, scope: Meaning, right: Sequence[Tex]) -> Left | None:
    """What an equation's first side says; None when it is a formula like every other."""
    if tree.what == "partial":
        of, by, order = tree.parts
        return Left(of=of, by=by, order=order, derivative=tree)
    return _operator(tree, scope) or _primed(tree, scope) or _differential(tree, scope) or _subscripted(tree, scope) or _defined(tree, scope, right)


def _operator(tree: Tex, scope: Meaning) -> Left | None:
    """Df(x), D^2 f, grad f."""
    if tree.what != "product" or not 2 <= len(tree.parts) <= 3:
        return None
    first, order = tree.parts[0], 1
    if first.what == "power" and first.parts[1].what == "number" and first.parts[1].parts[0] == 2:
        first, order = first.parts[0], 2
    named = first.what == "symbol" and first.parts[0] in ("D", "grad", "Hess", "hess") and not scope.is_known(first.parts[0])
    if not named or not loss_name(tree.parts[1]) or (len(tree.parts) == 3 and tree.parts[2].what != "group"):
        return None
    return Left(by=(), order=2 if "ess" in first.parts[0] else order)


def _primed(tree: Tex, scope: Meaning) -> Left | None:
    """f'(x), f''."""
    inner = tree.parts[0] if tree.what == "product" and len(tree.parts) == 2 and tree.parts[1].what == "group" else tree
    order = 0
    while inner.what == "prime":
        inner, order = inner.parts[0], order + 1
    if not order or inner.what != "symbol" or scope.is_known(inner.parts[0]) or inner.parts[0] == "sigma":
        return None
    return Left(by=(), order=order)


def _differential(tree: Tex, scope: Meaning) -> Left | None:
    """dW: the derivative of the loss by W."""
    if tree.what != "product" or len(tree.parts) != 2 or tree.parts[0] != Tex("symbol", ("d",), tree.parts[0].position) or scope.is_known("d"):
        return None
    second = tree.parts[1]
    base = second
    while base.what in ("index", "layer", "power"):
        base = base.parts[0]
    if base.what != "symbol":
        return None
    return Left(by=(second,), derivative=Tex("partial", (None, (second,), 1), tree.position))


def _subscripted(tree: Tex, scope: Meaning) -> Left | None:
    """C_w: the derivative of C by w."""
    if tree.what == "product" and len(tree.parts) == 2 and tree.parts[1].what == "group":
        tree = tree.parts[0]
    if tree.what != "index" or tree.parts[0].what != "symbol" or scope.is_known(tree.parts[0].parts[0]) or not loss_name(tree.parts[0]):
        return None
    tokens = tree.parts[1]
    names = [t.text for t in tokens if t.kind in ("letter", "command", "word")]
    if not names or len(names) != len(tokens) or len(names) > 2 or not all(n in scope.tensors for n in names) or set(names) & set("ijk"):
        return None
    by = tuple(Tex("symbol", (n,), tree.position) for n in names)
    return Left(by=by, order=len(by))


def _defined(tree: Tex, scope: Meaning, right: Sequence[Tex]) -> Left | None:
    """A name that is nowhere declared: z, \\delta^{(2)}_j, h_\\theta(x)."""
    params: tuple[str, ...] = ()
    if tree.what == "product" and len(tree.parts) == 2 and tree.parts[1].what == "group":
        inside = tree.parts[1].parts[0]
        arguments = inside.parts if inside.what == "list" else (inside,)
        names = [_bare(a) for a in arguments]
        if any(n is None for n in names):
            return None
        tree = tree.parts[0]
        inner = arguments[0]
        if len(arguments) == 1 and inner.what == "index" and inner.parts[0].what == "symbol" and not scope.is_known(inner.parts[0].parts[0]) and _key(tree):
            return Left(name=_key(tree), letters=inner.parts[1], applied=inner.parts[0].parts[0])
        unknown = tuple(str(n) for n in names if not scope.is_known(str(n)) and scope.element_of(str(n)) is None)
        if unknown and len(unknown) != len(names):
            return None
        params = unknown
    tokens: Sequence[Token] = ()
    if tree.what == "index":
        tree, tokens = tree.parts
    if tree.what == "power" and tree.parts[0].what == "index":
        (inner, tokens), raised = tree.parts[0].parts, tree.parts[1]
        tree = Tex("power", (inner, raised), tree.position)
    name = _key(tree)
    if not name:
        return None
    letters, words = _split(tokens, right)
    name += words
    if (scope.is_known(name) and name not in scope.definitions) or (name in scope.definitions and not letters):
        return None
    if (name in ("e", "pi", "d") and not letters) or (name in scope.sizes and not letters):
        return None
    return Left(name=name, letters=() if params else letters, params=params)


def _known(tree: Tex, scope: Meaning) -> bool:
    """Whether a name is declared, with or without the scripts behind it."""
    while tree.what in ("index", "layer", "power", "transpose"):
        if scope.base_name(tree) is not None or scope.is_known(_key(tree)):
            return True
        tree = tree.parts[0]
    return tree.what == "symbol" and scope.is_known(tree.parts[0])


def _bare(tree: Tex) -> str | None:
    while tree.what in ("index", "layer", "transpose"):
        tree = tree.parts[0]
    return str(tree.parts[0]) if tree.what == "symbol" else None


def _key(tree: Tex) -> str:
    """The name of a definition."""
    if tree.what == "symbol":
        return str(tree.parts[0])
    if tree.what == "layer":
        return _joined(tree.parts[0], str(tree.parts[1]))
    if tree.what == "power" and tree.parts[1].what in ("number", "symbol"):
        return _joined(tree.parts[0], str(tree.parts[1].parts[0]))
    return ""


def _joined(base: Tex, words: str) -> str:
    name = _key(base)
    return f"{name}{words}" if name and words.isalnum() else ""


def _split(tokens: Sequence[Token], right: Sequence[Tex]) -> tuple[list[Token], str]:
    """Subscripts that are indices, since they are indices on the right too; the others belong to the name."""
    used = _indices(right)
    plain = [t for t in tokens if t.kind != ","]
    letters = [t for t in plain if t.kind == "letter" and t.text in used]
    if len(letters) == len(plain) and len({t.text for t in letters}) == len(letters):
        return letters, ""
    first = [t for group in grouped(tokens, 1) for t in group]
    rest = [t for t in first if t not in letters]
    return letters, "".join(t.text for t in rest if t.text.isalnum())


def _indices(trees: Sequence[Any]) -> set[str]:
    """The letters that stand in indices, or in samples, anywhere in some trees."""
    found: set[str] = set()
    waiting: list[Any] = list(trees)
    while waiting:
        one = waiting.pop()
        if isinstance(one, Tex):
            if one.what == "layer":
                found.add(str(one.parts[1]))
            waiting += one.parts
        elif isinstance(one, Token):
            found.add(one.text)
        elif isinstance(one, (tuple, list)):
            waiting += one
    return found
