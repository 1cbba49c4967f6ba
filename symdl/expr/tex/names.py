"""Which declared name is meant by a name as it is written: W^{(2)}, \\mathbf{W}_2 and W2 are one, \\lambda is lambda_, \\hat y is yhat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from symdl.expr.tensor import Expr

_ALIASES = {
    "lambda": ("lambda_", "lam", "lmbda", "lamda", "lambd"),
    "varepsilon": ("epsilon", "eps"),
    "epsilon": ("varepsilon", "eps"),
    "varphi": ("phi",),
    "phi": ("varphi",),
    "vartheta": ("theta",),
    "varsigma": ("sigma",),
    "varrho": ("rho",),
    "ell": ("l",),
}
_ACCENTS = ("hat", "bar", "tilde", "dot", "check", "breve")


def spellings(name: str) -> Iterator[str]:
    """The ways in which a name may have been declared."""
    yield name
    yield from _ALIASES.get(name, ())
    base, _, rest = name.partition("_")
    if rest:
        yield name.replace("_", "")
        yield from (f"{other}_{rest}" for other in _ALIASES.get(base, ()))
        yield from (f"{other}{rest}" for other in _ALIASES.get(base, ()))
        if rest in _ACCENTS:
            yield from (f"{rest}_{base}", f"{rest}{base}")
        for accent in _ACCENTS:  # \hat{y}_1, \hat{W}^{(2)}
            if rest.startswith(accent) and rest != accent:
                yield from (f"{base}{rest[len(accent) :]}_{accent}", f"{base}{rest[len(accent) :]}{accent}", f"{base}{accent}_{rest[len(accent) :]}")


def declared(name: str, tensors: Mapping[str, Expr]) -> str | None:
    """The declared name that is meant; None when there is none."""
    return next((s for s in spellings(name) if s in tensors), None)


def other_case(name: str, tensors: Mapping[str, Expr]) -> str | None:
    """The name with its first letter large instead of small, or small instead of large: x_i of the matrix X."""
    if not name:
        return None
    changed = name[0].swapcase() + name[1:]
    return declared(changed, tensors)


def unknown(name: str, tensors: Mapping[str, Expr]) -> str:
    """What is said of a name that is not declared."""
    shown = ", ".join(tensors) or "no names"
    near = get_close_matches(name, list(tensors), 1, 0.5) or [k for k in tensors if k.lower() == name.lower()]
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"{name} is not declared{hint}; known are {shown}"
