"""A derivation as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symdl.expr.tensor import Expr
from symdl.render.formula import Printer
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
        parts += [rf"\paragraph{{{title}}}", *(aligned(block, made.printer, lang) for block in blocks)]
    return "\n\n".join(parts) + "\n"


def heading(made: Outline, lang: str, math: bool) -> str:
    """What is derived by what."""
    loss, *wrt = [f"${_symbol(made, e)}$" if math else str(e.name) for e in (made.loss, *made.wrt)]
    return word("of", lang, loss=loss, wrt=", ".join(wrt))


def _symbol(made: Outline, whole: Expr) -> str:
    return made.printer.matrix_latex(whole) or made.printer.latex(whole)


def sections(made: Outline, lang: str) -> list[tuple[str, list[Block]]]:
    """The parts of an outline that hold anything, with their titles."""
    parts = [("given", made.given), ("backward", made.backward), ("gradients", made.gradients)]
    return [(word(key, lang), blocks) for key, blocks in parts if blocks]


def aligned(block: Block, printer: Printer, lang: str) -> str:
    """One block as aligned equations, the rules on the right."""
    lines = []
    left = " = ".join(map(printer.latex, block.lhs))
    for row in block.rows:
        reason = rf" && \text{{{latex_text(rule_names(row.rules, lang))}}}" if row.rules else ""
        lines.append(f"{left} &= {printer.latex(row.rhs)}{reason}")
        left = ""
    shown = in_matrices(block, printer.matrix_latex)
    if shown:
        lines.append(rf"{shown[0]} &= {shown[1]} && \text{{{latex_text(word('matrix', lang))}}}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def in_matrices(block: Block, show: Callable[[Expr], str | None]) -> tuple[str, str] | None:
    """The block's result in matrix notation; None where that has no such form."""
    if block.matrix is None or not 0 < len(block.matrix[0].shape) <= 2:
        return None
    left, right = (show(e) for e in block.matrix)
    return None if left is None or right is None else (left, right)


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
        lines += _columns([row for block in blocks for row in text_rows(block, made.printer, lang)])
    return "\n".join(lines) + "\n"


def text_rows(block: Block, printer: Printer, lang: str) -> list[tuple[str, str]]:
    """The lines of a block, each with its reason."""
    left = " = ".join(map(printer.text, block.lhs))
    rows = []
    for row in block.rows:
        rows.append((f"  {left} = {printer.text(row.rhs)}", rule_names(row.rules, lang)))
        left = " " * min(len(left), 8)
    shown = in_matrices(block, printer.matrix_text)
    if shown:
        rows.append((f"  {shown[0]} = {shown[1]}", word("matrix", lang)))
    return rows


def _columns(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Formulas, and the reasons in a column beside them where there is room."""
    pairs = list(rows)
    width = max((len(left) for left, reason in pairs if reason and len(left) <= 72), default=0)
    return [f"{left.ljust(width)}   [{reason}]" if reason else left for left, reason in pairs]
