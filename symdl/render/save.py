"""Derivations as files: the ending says how."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from symdl.errors import DataError, UnsupportedError
from symdl.render.words import check_language
from symdl.steps.step import Derivation


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all; its path.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True) if path.parent.is_dir() else None
        raise DataError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def save_derivation(d: Derivation, path: str | Path, lang: str = "en") -> Path:
    """Write a derivation to a file.

    Parameters
    ----------
    d : Derivation
    path : path
        Ends in .html, .tex (a document to compile), .md (as GitHub shows mathematics), .txt or .svg (the computational graph).
    lang : {"en", "zh"}

    Returns
    -------
    Path

    Raises
    ------
    UnsupportedError
        For any other ending.
    """
    check_language(lang)
    target = Path(path)
    ending = target.suffix.lower()
    if ending == ".pdf":
        raise UnsupportedError(f"{target.name}: PDF is not written yet; save {target.stem}.html and print it, or compile {target.stem}.tex")
    if ending not in _WRITERS:
        raise UnsupportedError(f"{target.name}: the ending {ending or '(none)'} is not known; use {', '.join(_WRITERS)}")
    return write_text(target, _WRITERS[ending](d, lang))


def _html(d: Derivation, lang: str) -> str:
    from symdl.render.html import derivation_html

    return derivation_html(d, lang)


def _tex(d: Derivation, lang: str) -> str:
    from symdl.render.derivation import derivation_latex

    return tex_document(derivation_latex(d, lang), lang)


def tex_document(body: str, lang: str = "en") -> str:
    """A complete LaTeX document; Chinese needs xelatex or lualatex."""
    head = "\\documentclass{ctexart}" if lang == "zh" else "\\documentclass{article}\n\\usepackage[T1]{fontenc}"
    return f"{head}\n\\usepackage{{amsmath,amssymb}}\n\\usepackage[margin=2.2cm]{{geometry}}\n\\begin{{document}}\n\n{body}\n\\end{{document}}\n"


def _markdown(d: Derivation, lang: str) -> str:
    from symdl.render.markdown import derivation_markdown

    return derivation_markdown(d, lang)


def _text(d: Derivation, lang: str) -> str:
    from symdl.render.derivation import derivation_text

    return derivation_text(d, lang)


def _svg(d: Derivation, lang: str) -> str:
    from symdl.expr.tensor import let
    from symdl.render.graph_drawing import graph_picture

    root: Any = d.loss if d.loss.name else let(d.loss_name, d.loss)
    return graph_picture(root.node)


_WRITERS: dict[str, Callable[[Derivation, str], str]] = {".html": _html, ".tex": _tex, ".md": _markdown, ".txt": _text, ".svg": _svg}
