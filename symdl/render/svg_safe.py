"""SVG that is safe to put into a page beside others: no scripts, no foreign content, ids of its own."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from symdl.errors import UnsupportedError

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_TAGS = frozenset(
    [
        "svg",
        "g",
        "defs",
        "title",
        "desc",
        "path",
        "rect",
        "circle",
        "ellipse",
        "line",
        "polyline",
        "polygon",
        "text",
        "tspan",
        "textPath",
        "use",
        "symbol",
        "marker",
        "clipPath",
        "mask",
        "pattern",
        "image",
        "linearGradient",
        "radialGradient",
        "stop",
        "style",
        "filter",
        "feGaussianBlur",
        "feOffset",
        "feBlend",
        "feMerge",
        "feMergeNode",
        "feColorMatrix",
    ]
)
_REFERENCE = re.compile(r"url\(#([^)]+)\)")

ElementTree.register_namespace("", _SVG)
ElementTree.register_namespace("xlink", _XLINK)


def inline_svg(svg: str, prefix: str) -> str:
    """The drawing for inside of an HTML page.

    Parameters
    ----------
    svg : str
        A whole SVG document.
    prefix : str
        Put before every id, so that drawings in one page do not mix.

    Raises
    ------
    UnsupportedError
        When the text is no SVG.
    """
    if "<!ENTITY" in svg:
        raise UnsupportedError("figure: the SVG defines entities, which symdl does not put into a page")
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise UnsupportedError(f"figure: the text is not SVG ({error})") from None
    if _name(root.tag) != "svg":
        raise UnsupportedError(f"figure: the text is <{_name(root.tag):.30}>, not <svg>")
    _prune(root)
    for element in root.iter():
        _clean(element, prefix)
    return ElementTree.tostring(root, encoding="unicode")


def _name(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _prune(root: ElementTree.Element) -> None:
    """Drop what does not draw."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or _name(child.tag) not in _TAGS:
                parent.remove(child)


def _clean(element: ElementTree.Element, prefix: str) -> None:
    for key in list(element.attrib):
        name, value = _name(key), element.attrib[key]
        if name.lower().startswith("on"):
            del element.attrib[key]
        elif name == "id":
            element.attrib[key] = prefix + value
        elif name == "href":
            _clean_reference(element, key, prefix)
        else:
            element.attrib[key] = _REFERENCE.sub(rf"url(#{prefix}\1)", value)
    if _name(element.tag) == "style" and element.text and re.search(r"@import|url\(\s*['\"]?\s*(?!#)", element.text):
        element.text = ""


def _clean_reference(element: ElementTree.Element, key: str, prefix: str) -> None:
    """References stay inside the drawing; pictures come with it."""
    value = element.attrib[key]
    if value.startswith("#"):
        element.attrib[key] = f"#{prefix}{value[1:]}"
    elif not value.startswith("data:image/png;base64,"):
        del element.attrib[key]
