"""LaTeX to MathML that is safe to put into a page: what comes out is parsed again, and only MathML leaves this file."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

from symdl.errors import missing_extra

_TAGS = frozenset(
    [
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mspace",
        "mfrac",
        "msqrt",
        "mroot",
        "msub",
        "msup",
        "msubsup",
        "munder",
        "mover",
        "munderover",
        "mtable",
        "mtr",
        "mtd",
        "mstyle",
        "mpadded",
        "mphantom",
        "menclose",
        "mmultiscripts",
        "mprescripts",
        "none",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "mathvariant",
        "stretchy",
        "fence",
        "form",
        "separator",
        "accent",
        "accentunder",
        "movablelimits",
        "largeop",
        "symmetric",
        "minsize",
        "maxsize",
        "lspace",
        "rspace",
        "width",
        "height",
        "depth",
        "linethickness",
        "scriptlevel",
        "displaystyle",
        "columnalign",
        "rowalign",
        "columnspacing",
        "rowspacing",
        "columnlines",
        "rowlines",
        "notation",
        "voffset",
    ]
)

#: Characters of user text that would be markup: the converter passes them on as they are.
_LESS, _GREATER = "\ue000", "\ue001"
_LOOSE_AMPERSAND = re.compile(r"&(?!#x?[0-9A-Fa-f]{1,6};)")


def require_converter() -> Any:
    """The converter's module.

    Raises
    ------
    MissingExtraError
        When latex2mathml is not installed.
    """
    try:
        import latex2mathml.converter as converter
    except ImportError:
        raise missing_extra("latex2mathml", "html", "writing formulas in HTML") from None
    return converter


@lru_cache(maxsize=4096)
def mathml(latex: str, display: bool = True) -> str:
    """MathML of a formula; the formula's source where it cannot be read.

    Parameters
    ----------
    latex : str
    display : bool
        Limits of sums above and below, fractions at full size. The element itself is inline in either case.
    """
    root = parsed(latex)
    if root is None:
        return f"<code>{html.escape(latex)}</code>"
    inside = "".join(_clean(child) for child in root)
    style = ' displaystyle="true"' if display else ""
    return f"<math{style}>{inside}</math>"


def parsed(latex: str) -> ElementTree.Element | None:
    """The MathML tree of a formula, namespaces removed; None where the LaTeX cannot be read."""
    converter = require_converter()
    masked = latex.replace("<", _LESS).replace(">", _GREATER)
    try:
        made = converter.convert(masked, display="block")
        root = ElementTree.fromstring(_LOOSE_AMPERSAND.sub("&amp;", made))
    except Exception:  # the converter raises many kinds, also plain IndexError
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.text and element.text in (_LESS, _GREATER):
            element.tag = "mo"
        if element.tag in ("mi", "mo") and element.text and len(element.text) > 1 and element.text.isalpha():
            element.tag = "mo"  # log, ReLU: browsers put no space before a function's name
            element.attrib = {"form": "prefix", "lspace": "0.167em", "rspace": "0.1em"}
        if element.text:
            element.text = element.text.replace(_LESS, "<").replace(_GREATER, ">")
        _level_prime(element)
    return root if all(e.tag in _TAGS for e in root.iter()) else None


def _level_prime(element: ElementTree.Element) -> None:
    """A prime is a raised sign already: as a superscript in an index it would be too small to see."""
    if element.tag == "msup" and len(element) == 2 and element[1].text == "\u2032":
        element.tag = "mrow"
        element[1].tag, element[1].attrib = "mo", {"lspace": "0", "rspace": "0"}


def _clean(element: ElementTree.Element) -> str:
    """The element written out, with the attributes that only format mathematics. Formulas nest a few dozen deep at most."""
    attributes = "".join(f' {k}="{html.escape(v)}"' for k, v in element.attrib.items() if k in _ATTRIBUTES)
    inside = html.escape(element.text or "") + "".join(_clean(child) for child in element)
    return f"<{element.tag}{attributes}>{inside}</{element.tag}>"
