"""A page: text, claims, derivations, facts and figures in order. What a derivation script builds, and what is proved and printed.

Pure data. ``symdl.pipeline.verify_page`` proves and checks it, ``symdl.render`` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symdl.steps.step import Derivation, Rule


@dataclass(frozen=True)
class Text:
    """A paragraph, in English and Chinese; ``$...$`` holds LaTeX."""

    en: str
    zh: str = ""


@dataclass(frozen=True)
class Heading:
    en: str
    zh: str = ""


@dataclass(frozen=True)
class Formula:
    """A displayed formula that claims nothing."""

    latex: str


@dataclass(frozen=True)
class Claim:
    """By ``rule``, lhs equals rhs; proved when the page is verified.

    ``lhs`` and ``rhs`` are Expr or SymPy expressions; ``lhs_latex`` and ``rhs_latex`` say how to print them where
    the expression's own LaTeX would not do.
    """

    rule: Rule
    lhs: Any
    rhs: Any
    lhs_latex: str = ""
    rhs_latex: str = ""


@dataclass(frozen=True)
class Fact:
    """A number that must come out: ``got`` within ``tol`` (relative, or absolute where ``expected`` is 0) of ``expected``.

    Booleans and strings must be equal.
    """

    what: str
    got: Any
    expected: Any
    tol: float = 1e-12


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG text."""

    svg: str
    caption: str = ""
    caption_zh: str = ""


@dataclass(frozen=True)
class Derived:
    """A derivation, printed and verified with all its steps."""

    derivation: Derivation


@dataclass
class Page:
    """A page under construction; every method adds a block and returns the page.

    Attributes
    ----------
    title, title_zh : str
    name : str
        Short name, as of the file.
    blocks : list
    """

    title: str
    title_zh: str = ""
    name: str = ""
    blocks: list[Any] = field(default_factory=list)

    def _add(self, block: Any) -> Page:
        self.blocks.append(block)
        return self

    def heading(self, en: str, zh: str = "") -> Page:
        return self._add(Heading(en, zh))

    def text(self, en: str, zh: str = "") -> Page:
        return self._add(Text(en, zh))

    def formula(self, latex: str) -> Page:
        return self._add(Formula(latex))

    def claim(self, rule: str | Rule, lhs: Any, rhs: Any, lhs_latex: str = "", rhs_latex: str = "", zh: str = "") -> Page:
        """lhs equals rhs, by ``rule``."""
        named = rule if isinstance(rule, Rule) else Rule(rule, zh=zh)
        return self._add(Claim(named, lhs, rhs, lhs_latex, rhs_latex))

    def chain(self, start: Any, *steps: tuple[Any, ...], start_latex: str = "") -> Page:
        """start = e1 (by rule 1) = e2 (by rule 2) ...: a claim for every step, given as (rule, expr) or (rule, expr, rule in Chinese)."""
        before, shown = start, start_latex
        for rule, after, *zh in steps:
            self.claim(rule, before, after, lhs_latex=shown, zh=zh[0] if zh else "")
            before, shown = after, ""
        return self

    def derivation(self, derivation: Derivation) -> Page:
        return self._add(Derived(derivation))

    def fact(self, what: str, got: Any, expected: Any, tol: float = 1e-12) -> Page:
        return self._add(Fact(what, got, expected, tol))

    def figure(self, svg: str, caption: str = "", caption_zh: str = "") -> Page:
        return self._add(Figure(svg, caption, caption_zh))
