"""Softmaxes in logarithms: z - logsumexp(z) by the largest logit, at whatever indices z is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.number import times
from symdl.lower.behind import addends, inside, named, rest_of, sum_of

#: The name of z - m: what has it is neither opened nor taken for anything else.
SHIFTED = "less the maximum"


def log_softmax(term: Term) -> Term | None:
    """c*z - c*logsumexp(z) = c*(z - m) - c*log(1 + R), z read at any indices."""
    parts = addends(term)
    for k, (c, part) in enumerate(parts):
        whole = inside(part)
        if whole.node.op != kinds.REDUCE or whole.node.attr.kind != "logsumexp":
            continue
        scale = times(-1, c)
        z, summed = reduced(whole)
        found = read_at(z, summed, [p for n, p in enumerate(parts) if n != k], scale)
        if found is None:
            continue
        labels, left = found
        here = build.rename(z, labels)
        top = build.reduce_("max", z, summed)
        shifted = named(SHIFTED, build.add([1, -1], [atom(here), top]))
        rest = build.fn("log1p", [rest_of(z, summed)])
        return sum_of([*left, (scale, shifted), (c, rest)])
    return None


def reduced(whole: Term) -> tuple[Term, dict[Label, Any]]:
    """The argument of a reduction, and its summed labels with their sizes."""
    node = whole.node
    names = [("reduced", k) for k in range(len(node.attr.summed))]
    labels: dict[int, Any] = dict(enumerate(whole.map)) | dict(enumerate(names, start=node.rank))
    return build.rename(Term(node.args[0], node.maps[0]), labels), dict(zip(names, node.attr.summed, strict=True))


def read_at(z: Term, summed: Mapping[Any, Any], parts: list[tuple[Any, Term]], scale: Any) -> tuple[dict[Any, Any], list[tuple[Any, Term]]] | None:
    """Where a reduction's argument, times a scale, stands among the terms: the places of its summed indices, and the terms that are left."""
    labels: dict[Any, Any] = {}
    left = list(parts)
    for c, piece in sorted(addends(z), key=lambda p: -len(p[1].map)):
        for n, (d, candidate) in enumerate(left):
            match = _match(piece, candidate, labels, summed) if d == times(c, scale) else None
            if match is not None:
                labels = match
                del left[n]
                break
        else:
            return None
    return (labels, left) if set(labels) == set(summed) else None


def _match(piece: Term, candidate: Term, labels: dict[Any, Any], summed: Mapping[Any, Any]) -> dict[Any, Any] | None:
    """The labels that make the piece the candidate."""
    if piece.node is not candidate.node:
        return None
    made = dict(labels)
    for mine, theirs in zip(piece.map, candidate.map, strict=True):
        wanted = made.setdefault(mine, theirs) if mine in summed else mine
        if wanted != theirs:
            return None
    return made


def atom(term: Term) -> Term:
    """The term as one that a sum around it does not open."""
    return named("logits", term) if term.node.op in (kinds.ADD, kinds.MUL) else term


def is_shifted(term: Term) -> bool:
    return term.node.op == kinds.LET and term.node.attr.name == SHIFTED


def total_of(rest: Term) -> Term:
    """Sum of exp(z - m) for the rest of z."""
    z, summed = reduced(rest)
    shifted = named(SHIFTED, build.add([1, -1], [atom(z), build.reduce_("max", z, summed)]))
    return build.mul(1, [build.fn("exp", [shifted])], (), summed)
