"""Derivations, pages and reports as HTML that needs nothing else: no network, no scripts, formulas as MathML."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from symdl.render.derivation import heading, in_matrices, sections
from symdl.render.formula import Printer
from symdl.render.mathml import mathml, require_converter
from symdl.render.outline import Block, Outline, outline
from symdl.render.page import chains, claim_parts, show_number, split_math
from symdl.render.style import CSS
from symdl.render.svg_safe import inline_svg
from symdl.render.words import pick, rule_name, rule_names, tally, word
from symdl.steps.page import Derived, Fact, Figure, Formula, Heading, Page, Text
from symdl.steps.step import Derivation
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Check, Report

#: Reports of more lines than this are folded.
FOLD = 10

#: Punctuation that stays with the formula before it.
_CLOSING = ",.;:!?)]，。；：、！？）"

_COLOURS = {PROVED: "good", "ok": "good", REFUTED: "bad", "FAILED": "bad", UNKNOWN: "open", "skipped": "open"}


def derivation_html(d: Derivation, lang: str = "en", report: Report | None = None) -> str:
    """The derivation as one HTML page; its steps without names are in a part that unfolds.

    Parameters
    ----------
    d : Derivation
    lang : {"en", "zh"}
    report : Report or None
        The verification, shown below when given.

    Raises
    ------
    MissingExtraError
        When latex2mathml is not installed.
    """
    require_converter()
    made = outline(d)
    body = f"<h1>{_paragraph(heading(made, lang, math=True))}</h1>\n{outline_html(made, lang)}"
    every = outline_html(outline(d, "all"), lang)
    body += f"<details><summary>{word('steps', lang)}</summary>\n{every}</details>\n"
    return document(word("derivation", lang), body + report_table(report, lang), lang)


def page_html(page: Page, report: Report | None = None, lang: str = "en") -> str:
    """A page with its verification as one HTML page; see :func:`derivation_html`."""
    require_converter()
    title = pick(page.title, page.title_zh, lang)
    return document(title, f"<h1>{_paragraph(title)}</h1>\n{page_body(page, report, lang)}", lang)


def report_html(
    parts: Sequence[tuple[Page, Report | None]],
    title: str = "symdl",
    lang: str = "en",
    summary: Sequence[tuple[str, Any]] = (),
) -> str:
    """Several pages, each with its verification, as one HTML page with a table of contents.

    Parameters
    ----------
    parts : sequence of (Page, Report or None)
    title : str
    lang : {"en", "zh"}
    summary : sequence of (what, value)
        Facts that stand at the top.
    """
    require_converter()
    entries, bodies = [], []
    for k, (page, report) in enumerate(parts, start=1):
        name = _paragraph(pick(page.title, page.title_zh, lang))
        badge = f" {_badge(report.verdict, lang)}" if report else ""
        entries.append(f'<li><a href="#part{k}">{name}</a>{badge}</li>')
        bodies.append(f'<section id="part{k}">\n<h2>{name}</h2>\n{page_body(page, report, lang, f"p{k}-")}</section>\n')
    facts = "".join(f'<p class="summary">{escape(what)}: <b>{escape(show_number(value))}</b></p>\n' for what, value in summary)
    contents = f"<nav><h3>{word('contents', lang)}</h3><ol>\n" + "\n".join(entries) + "\n</ol></nav>\n"
    return document(title, f"<h1>{_paragraph(title)}</h1>\n{facts}{contents}{''.join(bodies)}", lang)


def document(title: str, body: str, lang: str) -> str:
    """A whole HTML file around a body that is HTML already."""
    code = "zh-CN" if lang == "zh" else "en"
    return (
        f'<!DOCTYPE html>\n<html lang="{code}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n"
        f"<title>{escape(title.replace('$', ''))}</title>\n<style>{CSS}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )


# --- parts of a page --------------------------------------------------------------------------------------


def page_body(page: Page, report: Report | None, lang: str, prefix: str = "") -> str:
    """The blocks of a page and its verification, without a title."""
    figures = (f"{prefix}f{k}-" for k in itertools.count(1))
    parts = [_block(block, lang, figures) for block in chains(page.blocks)]
    return "\n".join(p for p in parts if p) + "\n" + report_table(report, lang)


def _block(block: Any, lang: str, figures: Iterator[str]) -> str:
    if isinstance(block, list):
        left, rights = claim_parts(block)
        return _grid([(left if k == 0 else "", right, rule_name(rule, lang)) for k, (right, rule) in enumerate(rights)])
    if isinstance(block, Heading):
        return f"<h3>{_paragraph(pick(block.en, block.zh, lang))}</h3>"
    if isinstance(block, Text):
        return f"<p>{_paragraph(pick(block.en, block.zh, lang))}</p>"
    if isinstance(block, Formula):
        return f'<div class="formula">{mathml(block.latex)}</div>'
    if isinstance(block, Derived):
        made = outline(block.derivation)
        return f"<h3>{_paragraph(heading(made, lang, math=True))}</h3>\n{outline_html(made, lang)}"
    if isinstance(block, Fact):
        return _fact(block, lang)
    if isinstance(block, Figure):
        caption = _paragraph(pick(block.caption, block.caption_zh, lang))
        drawing = f'<div class="drawing">{inline_svg(block.svg, next(figures))}</div>'
        return f"<figure>{drawing}{f'<figcaption>{caption}</figcaption>' if caption else ''}</figure>"
    return f"<p>{escape(str(block))}</p>"


def _fact(fact: Fact, lang: str) -> str:
    got, expected = show_number(fact.got), show_number(fact.expected)
    note = "" if got == expected else f' <span class="summary">({word("expected", lang)} {escape(expected)})</span>'
    return f'<p class="fact">{_paragraph(fact.what)}: <b>{escape(got)}</b>{note}</p>'


def _paragraph(text: str) -> str:
    """Text with LaTeX between dollar signs; no line begins with the comma behind a formula."""
    parts: list[str] = []
    for math, piece in split_math(text):
        mark = len(piece) - len(piece.lstrip(_CLOSING))
        if math:
            parts.append(mathml(piece, display=False))
        elif parts and mark:
            parts[-1] = f'<span class="nb">{parts[-1]}{escape(piece[:mark])}</span>'
            parts.append(escape(piece[mark:]))
        else:
            parts.append(escape(piece))
    return "".join(parts)


def outline_html(made: Outline, lang: str) -> str:
    """An outline, without a title."""
    parts = []
    for title, blocks in sections(made, lang):
        parts.append(f"<h4>{escape(title)}</h4>")
        parts += [_derivation_block(block, made.printer, lang) for block in blocks]
    return "\n".join(parts) + "\n"


def _derivation_block(block: Block, printer: Printer, lang: str) -> str:
    left = " = ".join(map(printer.latex, block.lhs))
    rows = []
    for row in block.rows:
        rows.append((left, printer.latex(row.rhs), rule_names(row.rules, lang)))
        left = ""
    shown = in_matrices(block, printer.matrix_latex)
    if shown:
        rows.append((*shown, word("matrix", lang)))
    return _grid(rows)


def _grid(rows: Sequence[tuple[str, str, str]]) -> str:
    """Equations under each other: left side, right side, reason."""
    cells = []
    for left, right, reason in rows:
        shown = mathml(left) if left else ""
        cells.append(f'<div class="l">{shown}</div><div class="r">{mathml("= " + right)}</div><div class="why">{_paragraph(reason)}</div>')
    return '<div class="eq">\n' + "\n".join(cells) + "\n</div>"


# --- verification -----------------------------------------------------------------------------------------


def report_table(report: Report | None, lang: str) -> str:
    """The verification as a table; folded when it is long, with its verdict in sight."""
    if report is None:
        return ""
    total = tally(report, lang)
    head = "".join(f"<th>{word(key, lang)}</th>" for key in ("what", "how", "points", "error", "verdict"))
    rows = "\n".join(_check_row(c, lang) for c in report.checks)
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table></div>'
    title = f"<h4>{word('verification', lang)}: {escape(total)} {_badge(report.verdict, lang)}</h4>"
    if len(report.checks) > FOLD and report.ok:
        table = f"<details><summary>{word('all_checks', lang)}</summary>{table}</details>"
    return f"{title}\n{table}\n"


def _check_row(check: Check, lang: str) -> str:
    error = "" if check.error is None else f"{check.error:.1e}"
    points = str(check.points) if check.points else ""
    note = f' <span class="summary">{escape(check.note)}</span>' if check.note else ""
    return (
        f'<tr><td>{_paragraph(check.what)}</td><td>{escape(check.how)}</td><td class="num">{points}</td>'
        f'<td class="num">{error}</td><td>{_badge(check.verdict, lang)}{note}</td></tr>'
    )


def _badge(verdict: str, lang: str) -> str:
    shown = word(verdict, lang) if verdict in _COLOURS else verdict
    return f'<span class="badge {_COLOURS.get(verdict, "open")}">{escape(shown)}</span>'
