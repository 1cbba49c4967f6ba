"""A page as LaTeX and as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from symdl.render.derivation import derivation_latex, derivation_text, latex_text
from symdl.render.formula import formula_latex, formula_text
from symdl.render.words import pick, rule_name, word
from symdl.steps.page import Claim, Derived, Fact, Figure, Formula, Heading, Page, Text
from symdl.steps.step import Rule

_MATH = re.compile(r"(\$[^$]+\$)")


def chains(blocks: list[Any]) -> Iterator[Any]:
    """The blocks, with claims that continue each other (a = b, b = c) gathered in a list."""
    run: list[Claim] = []
    for block in blocks:
        if isinstance(block, Claim) and (not run or _continues(run[-1], block)):
            run.append(block)
            continue
        if run:
            yield run
        run = [block] if isinstance(block, Claim) else []
        if not run:
            yield block
    if run:
        yield run


def _continues(before: Claim, after: Claim) -> bool:
    return after.lhs is before.rhs and not after.lhs_latex


def claim_parts(run: list[Claim]) -> tuple[str, list[tuple[str, Rule]]]:
    """LaTeX of the left side of a chain of claims, and of every right side with its rule."""
    left = run[0].lhs_latex or formula_latex(run[0].lhs)
    return left, [(c.rhs_latex or formula_latex(c.rhs), c.rule) for c in run]


def split_math(text: str) -> Iterator[tuple[bool, str]]:
    """The pieces of a paragraph: (is LaTeX, piece)."""
    for piece in _MATH.split(text):
        if piece:
            math = bool(_MATH.fullmatch(piece))
            yield math, piece[1:-1] if math else piece


def show_number(value: Any) -> str:
    """A number of a fact, short enough to read."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if hasattr(value, "tolist"):
        return show_number(value.tolist())
    if isinstance(value, (list, tuple)):
        inside = ", ".join(show_number(v) for v in value[:8])
        return f"[{inside}{', ...' if len(value) > 8 else ''}]"
    shown = str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def page_latex(page: Page, lang: str = "en") -> str:
    """The page as LaTeX, for a document that uses amsmath.

    Parameters
    ----------
    page : Page
    lang : {"en", "zh"}
    """
    parts = [rf"\section*{{{_paragraph(pick(page.title, page.title_zh, lang))}}}"]
    parts += [_latex_block(block, lang) for block in chains(page.blocks)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _paragraph(text: str) -> str:
    return "".join(f"${piece}$" if math else latex_text(piece) for math, piece in split_math(text))


def _latex_block(block: Any, lang: str) -> str:
    if isinstance(block, list):
        return _latex_claims(block, lang)
    if isinstance(block, Heading):
        return rf"\subsection*{{{_paragraph(pick(block.en, block.zh, lang))}}}"
    if isinstance(block, Text):
        return _paragraph(pick(block.en, block.zh, lang))
    if isinstance(block, Formula):
        return f"\\[\n{block.latex}\n\\]"
    if isinstance(block, Derived):
        return derivation_latex(block.derivation, lang)
    if isinstance(block, Fact):
        return _paragraph(fact_text(block, lang)) + "."
    if isinstance(block, Figure):
        caption = pick(block.caption, block.caption_zh, lang)
        return rf"\emph{{{_paragraph(caption)}}}" if caption else ""
    return _paragraph(str(block))


def _latex_claims(run: list[Claim], lang: str) -> str:
    left, rights = claim_parts(run)
    lines = []
    for right, rule in rights:
        lines.append(rf"{left} &= {right} && \text{{{_paragraph(rule_name(rule, lang))}}}")
        left = ""
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def fact_text(fact: Fact, lang: str) -> str:
    """What came out, and what should."""
    got, expected = show_number(fact.got), show_number(fact.expected)
    if got == expected:
        return f"{fact.what}: {got}"
    return f"{fact.what}: {got} ({word('expected', lang)} {expected})"


def page_text(page: Page, lang: str = "en") -> str:
    """The page as plain text; see :func:`page_latex`."""
    title = pick(page.title, page.title_zh, lang)
    parts = [f"{title}\n{'=' * len(title)}"]
    parts += [_text_block(block, lang) for block in chains(page.blocks)]
    return "\n\n".join(p for p in parts if p) + "\n"


def _text_block(block: Any, lang: str) -> str:
    if isinstance(block, list):
        return _text_claims(block, lang)
    if isinstance(block, Heading):
        shown = pick(block.en, block.zh, lang)
        return f"{shown}\n{'-' * len(shown)}"
    if isinstance(block, Text):
        return pick(block.en, block.zh, lang).replace("$", "")
    if isinstance(block, Formula):
        return f"  {block.latex}"
    if isinstance(block, Derived):
        return derivation_text(block.derivation, lang).rstrip()
    if isinstance(block, Fact):
        return fact_text(block, lang)
    if isinstance(block, Figure):
        caption = pick(block.caption, block.caption_zh, lang)
        return f"[{caption}]" if caption else ""
    return str(block)


def _text_claims(run: list[Claim], lang: str) -> str:
    left = run[0].lhs_latex or formula_text(run[0].lhs)
    lines = []
    for claim in run:
        right = claim.rhs_latex or formula_text(claim.rhs)
        lines.append(f"  {left} = {right}   [{rule_name(claim.rule, lang)}]")
        left = " " * min(len(left), 8)
    return "\n".join(lines)
