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
    """A page under construction: text, formulas, claims, derivations and facts in order; every method adds a block and returns the page.

    ``sd.verify_page`` proves what it claims, ``sd.run_page`` prints it too.

    Attributes
    ----------
    title, title_zh : str
        In English and in Chinese.
    name : str
        Short name, as of the file.
    blocks : list

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> page = sd.Page("Squares").text("A formula of school.").claim("binomial formula", (x - 1) * (x + 1), x**2 - 1)
    >>> print(sd.verify_page(page))
    Squares
    what              how          points  largest error  verdict
    ----------------  -----------  ------  -------------  -------
    binomial formula  normal form                         PROVED
    1 of 1 hold: PROVED
    """

    title: str
    title_zh: str = ""
    name: str = ""
    blocks: list[Any] = field(default_factory=list)

    def _add(self, block: Any) -> Page:
        self.blocks.append(block)
        return self

    def heading(self, en: str, zh: str = "") -> Page:
        """Add a heading.

        Parameters
        ----------
        en, zh : str
            In English and in Chinese.

        Returns
        -------
        Page
        """
        return self._add(Heading(en, zh))

    def text(self, en: str, zh: str = "") -> Page:
        """Add a paragraph; ``$...$`` holds LaTeX.

        Parameters
        ----------
        en, zh : str
            In English and in Chinese.

        Returns
        -------
        Page
        """
        return self._add(Text(en, zh))

    def formula(self, latex: str) -> Page:
        """Add a displayed formula that claims nothing.

        Parameters
        ----------
        latex : str

        Returns
        -------
        Page
        """
        return self._add(Formula(latex))

    def claim(self, rule: str | Rule, lhs: Any, rhs: Any, lhs_latex: str = "", rhs_latex: str = "", zh: str = "") -> Page:
        """Add a claim: by ``rule``, lhs equals rhs. It is proved when the page is verified.

        Parameters
        ----------
        rule : str or Rule
            The name of the rule.
        lhs, rhs : Expr or SymPy expression
        lhs_latex, rhs_latex : str
            How to print them, where the expression's own LaTeX would not do.
        zh : str
            The rule's name in Chinese.

        Returns
        -------
        Page
        """
        named = rule if isinstance(rule, Rule) else Rule(rule, zh=zh)
        return self._add(Claim(named, lhs, rhs, lhs_latex, rhs_latex))

    def chain(self, start: Any, *steps: tuple[Any, ...], start_latex: str = "") -> Page:
        """Add a chain of claims: start = e1 (by rule 1) = e2 (by rule 2) ...

        Parameters
        ----------
        start : Expr or SymPy expression
        *steps : (rule, expression) or (rule, expression, rule in Chinese)
        start_latex : str
            How to print the start, where its own LaTeX would not do.

        Returns
        -------
        Page
        """
        before, shown = start, start_latex
        for rule, after, *zh in steps:
            self.claim(rule, before, after, lhs_latex=shown, zh=zh[0] if zh else "")
            before, shown = after, ""
        return self

    def derivation(self, derivation: Derivation) -> Page:
        """Add a derivation, printed and verified with all its steps.

        Parameters
        ----------
        derivation : Derived
            What ``sd.derive`` gives.

        Returns
        -------
        Page
        """
        return self._add(Derived(derivation))

    def fact(self, what: str, got: Any, expected: Any, tol: float = 1e-12) -> Page:
        """Add a number that must come out: ``got`` within ``tol`` of ``expected`` when the page is verified.

        Parameters
        ----------
        what : str
            What it is.
        got, expected : number, array, bool or str
            Booleans and strings must be equal.
        tol : float
            Relative to the largest of the expected numbers, or absolute where that is 0.

        Returns
        -------
        Page
        """
        return self._add(Fact(what, got, expected, tol))

    def figure(self, svg: str, caption: str = "", caption_zh: str = "") -> Page:
        """Add a drawing.

        Parameters
        ----------
        svg : str
            SVG, as ``Graph.svg`` gives it.
        caption, caption_zh : str
            In English and in Chinese.

        Returns
        -------
        Page
        """
        return self._add(Figure(svg, caption, caption_zh))
