"""A derivation as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symdl.errors import SymdlError
from symdl.render.formula import formula_latex, formula_text
from symdl.render.outline import Block, Outline, outline
from symdl.render.words import rule_names, word
from symdl.steps.step import Derivation


def derivation_latex(d: Derivation, lang: str = "en", detail: str = "named") -> str:
    """The derivation as LaTeX, for a document that uses amsmath.

    Parameters
    ----------
    d : Derivation
    lang : {"en", "zh"}
    detail : {"named", "all"}
        What is told of nameless intermediate results: the rules only, or every step.
    """
    return outline_latex(outline(d, detail), lang)


def outline_latex(made: Outline, lang: str) -> str:
    """An outline as LaTeX."""
    parts = [rf"\paragraph{{{heading(made, lang, math=True)}}}"]
    for title, blocks in sections(made, lang):
        parts += [rf"\paragraph{{{title}}}", *(aligned(block, lang) for block in blocks)]
    return "\n\n".join(parts) + "\n"


def heading(made: Outline, lang: str, math: bool) -> str:
    """What is derived by what."""
    show: Callable = (lambda e: f"${formula_latex(e, 'matrix')}$") if math else (lambda e: str(e.name or formula_text(e)))
    name = made.given[-1].lhs[0] if made.given else made.loss
    return word("of", lang, loss=show(name), wrt=", ".join(show(e) for e in made.wrt))


def sections(made: Outline, lang: str) -> list[tuple[str, list[Block]]]:
    """The parts of an outline that hold anything, with their titles."""
    parts = [("given", made.given), ("backward", made.backward), ("gradients", made.gradients)]
    return [(word(key, lang), blocks) for key, blocks in parts if blocks]


def aligned(block: Block, lang: str) -> str:
    """One block as aligned equations, the rules on the right."""
    lines = []
    left = " = ".join(formula_latex(e) for e in block.lhs)
    for row in block.rows:
        reason = rf" && \text{{{latex_text(rule_names(row.rules, lang))}}}" if row.rules else ""
        lines.append(f"{left} &= {formula_latex(row.rhs)}{reason}")
        left = ""
    shown = matrix_latex(block)
    if shown and lines:
        lines.append(rf"{shown[0]} &= {shown[1]} && \text{{{latex_text(word('matrix', lang))}}}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def matrix_latex(block: Block) -> tuple[str, str] | None:
    """The block's result in matrix notation; None where that has no such form or says nothing new."""
    if block.matrix is None or not block.matrix[0].shape or len(block.matrix[0].shape) > 2:
        return None
    try:
        left, right = (formula_latex(e, "matrix") for e in block.matrix)
    except SymdlError:
        return None
    # Without a matrix form the printer answers with elements.
    if right == formula_latex(block.rows[-1].rhs):
        return None
    return left, right


def latex_text(text: str) -> str:
    r"""Plain text for inside of ``\text{...}`` or a paragraph."""
    return "".join(_SPECIAL.get(c, c) for c in text)


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "δ": r"$\delta$",
    "σ": r"$\sigma$",
}


def derivation_text(d: Derivation, lang: str = "en", detail: str = "named") -> str:
    """The derivation as plain text; see :func:`derivation_latex`."""
    made = outline(d, detail)
    lines = [heading(made, lang, math=False)]
    for title, blocks in sections(made, lang):
        lines += ["", title]
        lines += _columns([row for block in blocks for row in text_rows(block, lang)])
    return "\n".join(lines) + "\n"


def text_rows(block: Block, lang: str) -> list[tuple[str, str]]:
    """The lines of a block, each with its reason."""
    left = " = ".join(formula_text(e) for e in block.lhs)
    rows = []
    for row in block.rows:
        rows.append((f"  {left} = {formula_text(row.rhs)}", rule_names(row.rules, lang)))
        left = " " * min(len(left), 8)
    return rows


def _columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Formulas, and the reasons in a column beside them where there is room."""
    pairs = list(rows)
    width = max((len(left) for left, reason in pairs if reason and len(left) <= 72), default=0)
    return [f"{left.ljust(width)}   [{reason}]" if reason else left for left, reason in pairs]
