"""Equations and aligned lines."""

from __future__ import annotations

from collections.abc import Iterable


def equation(lhs: str, rhs: str) -> str:
    """``lhs = rhs`` as a displayed equation."""
    return f"\\[\n{lhs} = {rhs}\n\\]"


def align(lines: Iterable[tuple[str, str]] | Iterable[str]) -> str:
    """Lines under one another, aligned at the equals sign.

    Parameters
    ----------
    lines : iterable
        Pairs (left side, right side), an empty left side continuing the line above; or ready lines that hold their own ``&``.
    """
    rows = [line if isinstance(line, str) else f"{line[0]} &= {line[1]}".lstrip() for line in lines]
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"
