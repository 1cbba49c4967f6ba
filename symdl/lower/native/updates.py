"""Update rules in C, by the names of ``symdl.train.methods``: a new one is an entry here (without one, training runs on NumPy)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: Name -> function of C expressions: the pointers by name, the constants by name, and the vector's length.
Rule = Callable[[Mapping[str, str], Mapping[str, str], int], list[str]]


def _over(size: int, body: list[str]) -> list[str]:
    return [f"for (long i = 0; i < {size}; i += 8) {{", *body, "}"]  # the vectors of parameters are whole cache lines


def _gd(p: Mapping[str, str], c: Mapping[str, str], size: int) -> list[str]:
    return _over(size, [f"store({p['x']} + i, load({p['x']} + i) - {c['lr']} * load({p['g']} + i));"])


def _momentum(p: Mapping[str, str], c: Mapping[str, str], size: int) -> list[str]:
    body = [
        f"V v = load({p['v']} + i) * {c['mu']} + load({p['g']} + i);",
        f"store({p['v']} + i, v);",
        f"store({p['x']} + i, load({p['x']} + i) - {c['lr']} * v);",
    ]
    return _over(size, body)


def _adam(p: Mapping[str, str], c: Mapping[str, str], size: int) -> list[str]:
    head = [
        f"{p['t']}[0] += 1.0;",
        f"const double left = 1.0 - __builtin_pow({c['beta2']}, {p['t']}[0]), rate = {c['lr']} / (1.0 - __builtin_pow({c['beta1']}, {p['t']}[0]));",
        f"const double b1 = {c['beta1']}, b2 = {c['beta2']}, eps = {c['eps']};",
    ]
    body = [
        f"V g = load({p['g']} + i), m = load({p['m']} + i) * b1 + g * (1.0 - b1), s = load({p['s']} + i) * b2 + g * g * (1.0 - b2);",
        f"store({p['m']} + i, m); store({p['s']} + i, s);",
        f"store({p['x']} + i, load({p['x']} + i) - m / (f_sqrt(s / left) + eps) * rate);",
    ]
    return [*head, *_over(size, body)]


UPDATES: dict[str, Rule] = {"gd": _gd, "momentum": _momentum, "adam": _adam}
