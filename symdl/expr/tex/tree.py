"""The tree of a formula: what is written, before anybody asks what the names mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tex:
    """A part of a formula.

    ``what``: number, symbol, ones, group, list, sum, product, dotted (a factor behind a product sign), hadamard, quotient, hadamard-quotient, outer,
    negative, power, elementwise-power, index, layer, prime, transpose, call, norm, abs, inner, total, partial, relation, cases, matrix.
    """

    what: str
    parts: tuple[Any, ...]
    position: int


#: Functions that are called by their own names.
_SAME = (
    "exp log sin cos tan arctan sinh cosh tanh det diag softmax sigmoid sign relu softplus logsumexp erf mean max min gelu silu logdet step trace sqrt "
    "log_softmax vec elu selu mish hinge"
)
_ALSO = {"ln": "log", "tr": "trace", "Tr": "trace", "sgn": "sign", "ReLU": "relu", "lse": "logsumexp", "LSE": "logsumexp", "GELU": "gelu", "SiLU": "silu"}
_MORE = {"Diag": "diag", "softMax": "softmax", "Softmax": "softmax", "sigm": "sigmoid", "logit": "logit", "arctanh": "arctanh", "Relu": "relu", "abs": "abs"}
_SOFT = {
    "swish": "silu",
    "Swish": "silu",
    "erfc": "erfc",
    "trigamma": "trigamma",
    "arcsin": "arcsin",
    "arccos": "arccos",
    "logistic": "sigmoid",
    "arsinh": "arcsinh",
}
#: Functions that are quotients of others.
QUOTIENTS = {"sech": ("1", "cosh"), "csch": ("1", "sinh"), "sec": ("1", "cos"), "csc": ("1", "sin"), "cot": ("cos", "sin"), "coth": ("cosh", "sinh")}
#: Names that are functions, and what they are called in the language of symdl.
FUNCTIONS = {**{name: name for name in _SAME.split()}, **_ALSO, **_MORE, **_SOFT, **{name: name for name in QUOTIENTS}}

ACCENTS = frozenset(["hat", "bar", "tilde", "dot", "widehat", "widetilde", "overline", "check", "breve", "ddot", "widebar", "underbar"])
TIMES = frozenset(["cdot", "times", "ast", "centerdot", "bullet"])
HADAMARD = frozenset(["odot", "circ", "circledcirc"])
QUOTIENT = frozenset(["oslash", "div"])
OUTER = frozenset(["otimes"])
#: Relations: how they are typed -> what they mean.
RELATIONS = {"=": "=", "<": "<", ">": ">", "lt": "<", "gt": ">", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">="}
RELATIONS |= {"ne": "!=", "neq": "!=", "in": "in", "equiv": "="}
#: What leads from one equation to the next.
_ARROWS_NAMES = "Rightarrow implies to Longrightarrow longrightarrow iff Leftrightarrow Longleftrightarrow therefore because rightarrow leadsto"
ARROWS = frozenset(_ARROWS_NAMES.split())
EQUALS = frozenset(["equiv", "triangleq", "coloneqq", "eqqcolon", "doteq", "colon"])
#: Relations that are no equations.
OTHERS = frozenset(["approx", "sim", "simeq", "propto", "le", "leq", "ge", "geq", "ne", "neq", "ll", "gg", "lesssim", "gtrsim", "leqslant", "geqslant", "cong"])


def relation_of(token: Any) -> str | None:
    """What a token relates by; None when it is no relation."""
    if token.kind in ("=", "<", ">"):
        return RELATIONS[token.kind]
    return RELATIONS.get(token.text) if token.kind == "command" else None
