"""Hostile text at every door: the two languages, claims, the command line, names, sizes, facts, JSON. Nothing is run, and each is answered at once in one line.

``test_parse_attacks.py`` has the strings for ``sd.parse``; here they go through all other readers too, with those that aim at these.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
from test_parse_attacks import BOMBS, CODE, SLIPS

import symdl as sd
from symdl.cli import main
from symdl.lower.source import python_source

#: 50 ms and 50 MB are promised. Of time ten times as much is allowed here, as the machine is shared; memory is the same everywhere.
SECONDS, BYTES = 0.5, 50e6

n, p = sd.dims("n p")
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
LOSS = sd.sum((sd.sigmoid(X @ w) - y) ** 2) / 2

LATEX = [
    r"\input{/etc/passwd}",
    r"\include{secrets}",
    r"\write18{touch /tmp/owned}",
    r"\immediate\write18{rm -rf /}",
    r"\openin\file=/etc/passwd",
    r"\def\x{\x\x}\x",
    r"\newcommand{\x}{\x\x}\x",
    r"\let\x=\y \x",
    r"\loop\iftrue\repeat",
    r"\csname input\endcsname{/etc/passwd}",
    r"\catcode`\%=12",
    r"\directlua{os.execute('true')}",
    r"\expandafter\x\y",
    r"\the\year",
    r"\href{javascript:alert(1)}{x}",
    r"\url{file:///etc/passwd}",
    r"\includegraphics{x}",
    r"\verb|x|",
    r"\begin{verbatim}x\end{verbatim}",
    r"\begin{align} w",
    r"w \end{align}",
    r"\begin{x}\end{y}",
    r"\begin{align}\begin{align} w \end{align}\end{align}",
    r"\operatorname{__import__}(w)",
    r"\operatorname{eval}(w)",
    r"\operatorname{exec}(w)",
    r"\operatorname{os.system}(w)",
    r"\operatorname{__class__}",
    r"\mathrm{__builtins__}",
    r"\text{import os}",
    r"w.__class__",
    r"w_{__class__}",
    r"w_{\input{x}}",
    r"w_{i_{j_{k}}}",
    r"w^{w^{w^{w^{w^{w}}}}}",
    r"9^{9^{9^{9}}}",
    r"2^{99999999999}",
    r"2^{-99999999999}",
    r"\sum_{i=1}^{10^{10^{10}}} w_i",
    r"\sum_{i=1}^{999999999999} w_i",
    r"\sum_{i=-999}^{n} w_i",
    r"\sum_{i} ",
    r"\prod_{i=1}^{10^{100}} 2",
    r"\int_0^\infty w",
    r"\lim_{x \to 0} w",
    r"\frac{w}{0}",
    r"\frac{}{}",
    r"\frac{w}",
    r"\frac",
    r"\sqrt[99999999]{w}",
    r"\sqrt{-1}",
    r"\exp(\exp(\exp(\exp(9))))",
    r"\exp(9^{9^{2}})",
    r"\infty",
    r"\nan",
    r"w \cdot \infty",
    r"1/0",
    r"\left( w",
    r"w \right)",
    r"\left( w \right]",
    r"\left\langle w",
    r"{{{{w",
    r"w}}}}",
    r"w^",
    r"w_",
    r"^w",
    r"_w",
    r"w^^2",
    r"w__i",
    r"w_i_j",
    r"w^2^3",
    "\\",
    "w\\",
    "\\\\",
    "&&&&",
    "=",
    "= w",
    "w = ",
    "w == y",
    "w := y",
    "%",
    "% comment",
    "#1",
    "~",
    "$",
    "$$",
    "$w",
    "w$w$w",
    "w \x00 y",
    "w\u200by",
    "\ufeffw",
    "\u202ew",
    "ｗ",
    "𝐰",
    "ω̂",
    "х",
    r"\mathbf{х}",
    "w²",
    "√w",
    "∑w",
    "🙂",
    "\ud800",
    r"\'",
    r"\u0041",
    r"\x41",
    r"\unknowncommand{w}",
    r"\symdl",
    r"\self",
    r"\__class__",
    "1e999999999",
    "9" * 100_000,
    "0." + "1" * 100_000,
    r"\frac{1}{" * 20_000 + "w" + "}" * 20_000,
    "{" * 100_000,
    "{" * 100_000 + "w" + "}" * 100_000,
    "(" * 100_000 + "w" + ")" * 100_000,
    r"\left(" * 100_000,
    r"\left(" * 20_000 + "w" + r"\right)" * 20_000,
    r"\sqrt{" * 20_000 + "w" + "}" * 20_000,
    r"\exp(" * 300 + "w" + ")" * 300,
    "w^{" * 20_000 + "2" + "}" * 20_000,
    "w_{" * 20_000 + "i" + "}" * 20_000,
    "w+" * 100_000 + "w",
    "-" * 100_000 + "w",
    "w" * 100_000,
    r"w^\top" * 20_000,
    r"\sum_i" * 20_000 + "w_i",
    r"\nabla" * 20_000 + "w",
    r"w \\ " * 20_000,
    "w = " * 20_000 + "w",
    r"\mathbf{" * 20_000 + "w" + "}" * 20_000,
    " " * 1_000_000,
    "\n" * 1_000_000,
    "\\" * 100_000,
    "|" * 100_000,
    r"\|" * 100_000,
    "'" * 100_000,
    "w" + "'" * 100_000,
    "," * 100_000,
]

NAMES = [
    "",
    " ",
    "x y",
    "x;import os",
    "x\nimport os",
    "__import__('os')",
    "x)",
    "x=1",
    "x, y",
    "x#",
    "x'; drop",
    'x"',
    "1x",
    "-x",
    "x-y",
    "x.",
    ".x",
    "x..y",
    "x[0]",
    "x[0].__class__",
    "{x}",
    "$x",
    "\\x",
    "<script>",
    "x</title>",
    "&lt;",
    "x\x00",
    "x\u200b",
    "x\u202e",
    "²",
    "x\ud800",
    "🙂",
    "../x",
    "x/y",
    "C:\\x",
    "x:1000000000",
    "x(1:1000000000)",
    "a:z",
    "x:y:z",
    "(" * 10_000,
]
#: Names that tensors may have, and that would break a program that used them as its own.
KEYWORDS = ["lambda", "class", "None", "True", "import", "def", "return", "yield", "async", "print", "exec", "eval", "np", "numpy", "len", "range", "self"]
INSIDE = ["__class__", "__builtins__", "__name__", "__import__", "_", "__", "out", "result", "loss", "value", "grad", "sigmoid", "exp", "sum", "float"]
UNICODE = ["θ", "x.y", "w'", "π", "Δ", "名", "e", "i", "n", "a" * 60]

JSON = [
    "",
    "null",
    "[]",
    "{}",
    "1e999",
    "NaN",
    "Infinity",
    '"x"',
    "{" * 100_000,
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"symdl": 1}',
    '{"symdl": 1, "kind": "expression", "nodes": [], "expressions": {}}',
    '{"symdl": 1, "kind": "expression", "nodes": null, "expressions": null}',
    '{"symdl": 1, "kind": "__import__", "nodes": [], "expressions": {"": {"node": 0, "map": [], "shape": [], "open": []}}}',
    '{"__class__": "os.system", "args": ["true"]}',
    '{"py/object": "os.system"}',
    '{"symdl": "9**9**9"}',
    "!!python/object/apply:os.system ['true']",
    "cos\nsystem\n(S'true'\ntR.",
    "9" * 100_000,
    " " * 1_000_000,
]


def _stored() -> dict:
    return json.loads(sd.to_json(LOSS))


def damaged() -> list[str]:
    """What symdl wrote, with something hostile in the place of every number and text in it."""
    found: list[str] = []
    poison = ["__import__('os').system('true')", "9**9**9**9", -1, 10**9, 10**400, 1e308, None, True, [], {}, [[[]]], {"letter": "x;import os"}]
    for count, place in enumerate(_places(_stored())):
        stored = _stored()
        inner = stored
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = poison[count % len(poison)]
        found.append(json.dumps(stored))
    return found


def _places(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _places(inner, (*path, key))


@pytest.fixture
def nothing_runs(monkeypatch):
    """Everything by which a text could be run, or a process or file opened, raises instead; what Python itself compiles is let through."""
    kept = {name: getattr(builtins, name) for name in ("eval", "exec", "compile", "open", "__import__")}

    def trap(name):
        def run(*args, **kwargs):
            asked = sys._getframe(1).f_code.co_filename
            harmless = name == "__import__" and not (args and str(args[0]).split(".")[0] in ("os", "subprocess", "sys", "pickle", "marshal", "ctypes"))
            if "symdl" in asked and "tests" not in asked and not harmless:
                raise AssertionError(f"{name}{args[:1]!r:.80} was called")
            return kept[name](*args, **kwargs)

        return run

    for name in kept:
        monkeypatch.setattr(builtins, name, trap(name))
    for module, names in ((os, ("system", "popen", "execv", "fork", "remove")), (subprocess, ("Popen", "run"))):
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("a process was started, or a file removed"))


def answered(read, *args):
    """What came: an error of symdl in one line, or a value; the seconds; the largest memory."""
    best, error = float("inf"), None
    for _ in range(2):
        start = time.process_time()
        try:
            read(*args)
        except sd.SymdlError as raised:
            error = raised
        best = min(best, time.process_time() - start)
        if best < SECONDS / 10:
            break
    if error is not None:
        message = str(error)
        assert message and "\n" not in message and message.isprintable() and len(message) < 600, message[:300]
    assert best < SECONDS, best
    return error


def claimed(text):
    return sd.check(LOSS, "w", text, time_budget=0.2)


EVERYTHING = [*CODE, *SLIPS, *BOMBS, *LATEX]


def short(text):
    return ascii(text[:24])


def test_how_many():
    assert len(set(EVERYTHING)) >= 350 and len(LATEX) >= 100


@pytest.mark.parametrize("text", EVERYTHING, ids=short)
def test_latex(text, nothing_runs):
    answered(lambda: sd.parse_latex(text, w="p", y="n", X="n,p"))


@pytest.mark.parametrize("text", LATEX, ids=short)
def test_the_python_notation_refuses_latex(text, nothing_runs):
    answered(lambda: sd.parse(text, w="p", y="n", X="n,p"))


@pytest.mark.parametrize("text", EVERYTHING, ids=short)
def test_claims(text, nothing_runs):
    answered(claimed, text)


@pytest.mark.parametrize("text", [t for t in EVERYTHING if len(t) < 2_000 and "\x00" not in t], ids=short)
def test_the_command_line(text, nothing_runs, capsys):
    for argv in (["derive", text, "--wrt", "x"], ["check", "sum(x**2)", "--wrt", "x", "--shape", "x:n", "--claim", text], ["derive", "x", "--wrt", text]):
        status = main(argv)
        said = capsys.readouterr()
        assert status in (0, 1, 2, 64), (status, said.err)
        assert "Traceback" not in said.err and said.err.count("\n") <= 1
        if status == 64:
            assert said.err.startswith("symdl: error: ")


@pytest.mark.parametrize("text", EVERYTHING, ids=short)
def test_memory(text):
    for read in (lambda: sd.parse_latex(text, w="p"), lambda: sd.parse(text, w="p")):
        tracemalloc.start()
        try:
            read()
        except sd.SymdlError:
            pass
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < BYTES


@pytest.mark.parametrize("name", NAMES, ids=short)
def test_names_that_are_none(name, nothing_runs):
    makers = [lambda: sd.tensor(name), lambda: sd.let(name, w), lambda: sd.parse("x", **{name: "n"}), lambda: sd.parse_latex("x", **{name: "n"})]
    makers += [lambda: sd.recur(name, w, lambda prev, t: prev, n), lambda: sd.tensor("x", name), lambda: sd.parse("x", x=name + ";")]
    for make in makers:
        assert answered(make) is not None
    for make in (lambda: sd.tensor("x", n, facts=name), lambda: sd.dims(name), lambda: sd.indices(name), lambda: sd.grad(LOSS, name)):
        answered(make)


@pytest.mark.parametrize("name", [*KEYWORDS, *INSIDE, *UNICODE])
def test_names_never_reach_programs_as_code(name):
    x = sd.tensor(name, n)
    loss = sd.sum(sd.exp(-(x**2)) * sd.sigmoid(x))
    values = np.array([0.5, -1.0, 2.0])
    source = python_source(loss, {name: sd.grad(loss, name)})
    tree = ast.parse(source)
    assert {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names} <= {"numpy", "math"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")]
    right = sd.evaluate(sd.grad(loss, name), **{name: values})
    value, gradients = sd.value_and_grad(loss, name)(**{name: values})
    assert np.allclose(gradients[name], right) and np.isfinite(value)
    f = sd.lambdify([x], [loss])
    assert np.allclose(f(values), value)
    for shown in (sd.derive(loss, name).latex(), sd.derive(loss, name).html()):
        assert "<script" not in shown.lower()


@pytest.mark.parametrize("text", JSON, ids=short)
def test_json(text, nothing_runs):
    assert answered(sd.from_json, text) is not None


def test_damaged_json(nothing_runs):
    texts = damaged()
    assert len(texts) > 100
    for text in texts:
        answered(sd.from_json, text)


def test_values_that_are_no_numbers():
    for value in (float("nan"), float("inf"), -float("inf"), "9**9**9", None, object(), [[1.0], [2.0, 3.0]], 10**400, 1j):
        answered(lambda value=value: sd.tensor("x") + value)
        answered(lambda value=value: sd.evaluate(sd.tensor("x") * 2, x=value))
        answered(lambda value=value: sd.tensor("x", n) ** value)
