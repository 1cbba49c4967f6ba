"""What symdl writes: HTML and drawings hold no script whatever the texts in them say, files are what they are said to be, data files hold numbers only."""

from __future__ import annotations

import html.parser
import json
import pickle
import re
import time
import tracemalloc

import numpy as np
import pytest

import symdl as sd
from symdl.cli import main
from symdl.render.html import page_html

HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "</title></style><svg onload=alert(1)>",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\input{/etc/passwd}$",
    "$<script>alert(1)</script>$",
    "&lt;script&gt;",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "]]><script>alert(1)</script>",
]
#: What a page may do and refer to: nothing outside itself.
ATTRIBUTES_THAT_LOAD = ("src", "href", "action", "formaction", "xlink:href", "data")


class Look(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in ATTRIBUTES_THAT_LOAD:
                assert value.startswith(("#", "data:image/")), (tag, name, value)
            assert "javascript:" not in (value or ""), (tag, name)

    handle_startendtag = handle_starttag


def looked(page: str) -> set[str]:
    look = Look()
    look.feed(page)
    assert not look.tags & {"script", "iframe", "object", "embed", "link", "base", "form"}
    return look.tags


n, p = sd.dims("n p")
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
LOSS = sd.sum((sd.sigmoid(X @ w) - y) ** 2) / 2


@pytest.mark.parametrize("text", HOSTILE)
def test_pages(text):
    page = sd.Page(text, text).heading(text, text).text(text, text).formula(text).fact(text, text, text).claim(text, X, X)
    page.derivation(sd.derive(LOSS, w))
    for lang in ("en", "zh"):
        assert "main" in looked(page_html(page, None, lang))


@pytest.mark.parametrize("svg", ['<svg xmlns="SVG"><script>alert(1)</script></svg>', '<svg xmlns="SVG" onload="alert(1)"/>',
                                 '<svg xmlns="SVG"><image href="http://example.org/x.png"/></svg>', "<svg", "no drawing",
                                 '<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg xmlns="SVG"><text>&b;</text></svg>',
                                 '<svg xmlns="SVG"><style>@import url(http://example.org/x.css);</style></svg>',
                                 '<svg xmlns="SVG"><foreignObject><body>x</body></foreignObject></svg>'])  # fmt: skip
def test_drawings_in_pages(svg):
    svg = svg.replace("SVG", "http://www.w3.org/2000/svg")
    try:
        text = page_html(sd.Page("t").figure(svg, "caption"))
    except sd.SymdlError as error:
        assert "\n" not in str(error)
        return
    looked(text)
    assert "@import" not in text and "example.org" not in text


@pytest.mark.parametrize("name", ["lambda", "__class__", "θ", "名", "x.y", "w''"])
def test_drawings_of_graphs(name, tmp_path):
    loss = sd.let("out", sd.sin(sd.tensor(name)) ** 2)
    path = sd.Graph.of(loss).draw(tmp_path / "g.svg", {name: 1.0})
    looked(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", HOSTILE)
def test_results_are_named_by_names_only(text, capsys):
    for argv in (
        ["graph", "x**2", "--at", "x=1", "--name", text],
        ["graph", "x**2", "--at", f"{text}=1"],
        ["derive", "x**2", "--wrt", "x", "--let", f"{text}=x"],
    ):
        assert main(argv) == 64
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "Traceback" not in said


SHAPES = [
    "X:n,__import__('os')",
    "X:9**9**9",
    "X:1e9",
    "X:-1",
    "X:n;p",
    "X:n,,p",
    "X:(n",
    "X:n p",
    "X:lambda",
    ":n",
    "X:n=2",
    "__class__.x:n",
    "X:0",
    "X:" + "n," * 10_000,
    "X" * 10_000 + ":n",
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: s[:20])
def test_shapes_on_the_command_line(shape, capsys):
    status = main(["derive", "sum(X)", "--wrt", "X", "--shape", shape])
    said = capsys.readouterr()
    assert status in (0, 64) and "Traceback" not in said.err
    assert status == 0 or (said.err.startswith("symdl: error: ") and said.err.count("\n") == 1 and len(said.err) < 900)


VALUES = [
    "x=__import__('os')",
    "x=[1,2",
    "x=1e999",
    "x=NaN",
    "x=[[1],[2,3]]",
    "x={}",
    "x=null",
    'x="1"',
    "x=/etc/passwd",
    "x=no.npz",
    "x=" + "[" * 5000,
    "=1",
    "x=",
    "x=True",
    "x=1_000_000**9",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda s: s[:20])
def test_values_on_the_command_line(value, capsys):
    status = main(["graph", "x**2", "--at", value])
    said = capsys.readouterr()
    assert status in (0, 64) and "Traceback" not in said.err and said.err.count("\n") <= 1


PARAMS = ["w:__import__('os')", "w:9**9", "w:n=", ":3", "w:3=/etc/passwd", "w:-3", "w:1e3", "w:lambda", "w;import os:3", "w:100000000000000"]


@pytest.mark.parametrize("param", PARAMS)
def test_parameters_on_the_command_line(param, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text("1,2,3\n4,5,6\n")
    status = main(["train", "sum((X @ w)**2)", "--data", "X=x.csv", "--param", param, "--shape", "X:n,3", "--lr", "0.1", "--epochs", "1", "--quiet"])
    said = capsys.readouterr()
    assert status == 64 and said.err.startswith("symdl: error: ") and said.err.count("\n") == 1


# --- files -------------------------------------------------------------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickled object was restored",))


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_pickled_objects_are_refused(ending, tmp_path):
    from symdl.train.files import read_array

    array = np.array([Bomb()], dtype=object)
    path = tmp_path / f"x.{ending}"
    np.save(path, array, allow_pickle=True) if ending == "npy" else np.savez(path, x=array)
    with pytest.raises(sd.DataError):
        read_array("x", str(path))
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(sd.DataError):
        read_array("x", str(path))
    with pytest.raises(sd.DataError):
        sd.load(path)


@pytest.mark.parametrize(
    "cells", ["=cmd|' /C calc'!A0,1", "nan,1", "inf,1", "1,-Infinity", "1e999,1", "__import__('os'),1", "1;2", "1,", "\x00,1", "0x10,1", "²,1", "1,2\n3"]
)
def test_tables_hold_numbers_only(cells, tmp_path):
    from symdl.train.files import read_array

    path = tmp_path / "x.csv"
    path.write_text(f"a,b\n1,2\n{cells}\n", encoding="utf-8")
    with pytest.raises(sd.DataError) as caught:
        read_array("x", str(path))
    assert "\n" not in str(caught.value)


# --- JSON, wide and deep ---------------------------------------------------------------------------------------------------


def _stored(nodes, root):
    return json.dumps({"symdl": 1, "kind": "expression", "nodes": nodes, "expressions": {"": {"node": root, "map": [], "shape": [], "open": []}}})


def _scalar(name):
    return {"op": "input", "shape": [], "name": name, "facts": [], "kind": "tensor", "assumed": {}}


def test_deep_and_wide_graphs_load():
    deep = [_scalar("x"), *[{"op": "fn", "shape": [], "function": "sin", "args": [[k]]} for k in range(20_000)]]
    found = sd.from_json(_stored(deep, len(deep) - 1))
    assert found.inputs == ("x",)
    wide = [_scalar(f"x{k}") for k in range(5_000)]
    wide.append({"op": "add", "shape": [], "args": [[k] for k in range(5_000)], "coefs": [1] * 5_000})
    assert len(sd.from_json(_stored(wide, 5_000)).inputs) == 5_000


SWOLLEN = {
    "products of themselves": [_scalar("x"), *[{"op": "mul", "shape": [], "args": [[k], [k]], "coef": 1, "summed": [], "deltas": []} for k in range(60)]],
    "powers of powers": [_scalar("x"), *[{"op": "pow", "shape": [], "args": [[k]], "exponent": 1000} for k in range(60)]],
    "sums of themselves": [_scalar("x"), *[{"op": "add", "shape": [], "args": [[k], [k]], "coefs": [10**300, 1]} for k in range(60)]],
    "numbers": [{"op": "const", "shape": [], "value": {"do": "exp", "of": [{"do": "exp", "of": [{"do": "exp", "of": [9]}]}]}}],
    "more numbers": [{"op": "const", "shape": [], "value": {"do": "function erf", "of": [{"do": "^", "of": [10**100, 4000]}]}}],
}


@pytest.mark.parametrize("nodes", SWOLLEN.values(), ids=SWOLLEN)
def test_files_that_would_swell(nodes):
    """Few characters that mean very much: refused, or kept small. Ten times the 50 ms and the 50 MB at most."""
    text = _stored(nodes, len(nodes) - 1)
    start = time.process_time()
    tracemalloc.start()
    try:
        sd.from_json(text)
    except sd.SymdlError as error:
        assert "\n" not in str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert time.process_time() - start < 5.0 and peak < 50e6


def test_names_in_printed_python_are_its_own():
    from symdl.lower.source import python_source

    for name in ("lambda", "__import__", "os", "f", "np", "numpy", "X.T", "w'", "名"):
        x = sd.tensor(name, n)
        source = python_source(sd.sum(sd.sin(x)), {name: sd.grad(sd.sum(sd.sin(x)), name)})
        compile(source, "<printed>", "exec")
        assert not re.search(r"\b(eval|exec|open|getattr|globals|subprocess)\b", source)
