"""A derivation as Markdown with mathematics, as GitHub shows it."""

from __future__ import annotations

from symdl.render.derivation import aligned, heading, sections
from symdl.render.outline import outline
from symdl.steps.step import Derivation


def derivation_markdown(d: Derivation, lang: str = "en", detail: str = "named") -> str:
    """The derivation as Markdown; see :func:`symdl.render.derivation.derivation_latex`."""
    made = outline(d, detail)
    parts = [f"# {heading(made, lang, math=True)}"]
    for title, blocks in sections(made, lang):
        parts += [f"## {title}", *(f"```math\n{aligned(block, made.printer, lang)}\n```" for block in blocks)]
    return "\n\n".join(parts) + "\n"
