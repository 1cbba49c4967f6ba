"""Printing: whatever can be built prints as text, LaTeX, HTML and a drawing, and HTML and drawings hold no script."""

from __future__ import annotations

import html.parser

import symdl as sd
from fuzz import graphs
from fuzz.draws import Draws
from fuzz.targets.refusals import said_well


class _Tags(html.parser.HTMLParser):
    def handle_starttag(self, tag: str, attrs: list) -> None:
        assert not any(name.startswith("on") for name, _ in attrs), (tag, attrs)


def one(data: bytes) -> None:
    expr = graphs.scalar(Draws(data), 8)
    str(expr)
    try:
        derived = sd.derive(expr, [graphs.INPUTS[k] for k in expr.inputs] or [graphs.INPUTS["x"]])
        str(derived)
        for lang in ("en", "zh"):
            tex = derived.latex(lang)
            assert tex.count("{") == tex.count("}"), tex
        _Tags().feed(derived.html())
    except sd.SymdlError as error:
        said_well(error)
