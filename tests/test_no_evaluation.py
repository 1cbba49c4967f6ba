"""No text is ever run: the places where Python runs what it is given are listed here, and SymPy's reader of text, which evaluates, is never reached.

The first half looks at the syntax trees of the package, the second hands texts to every public name in every place.
"""

from __future__ import annotations

import ast
import inspect
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdl as sd

PACKAGE = Path(sd.__file__).parent

#: What runs text or restores objects -> the files that may call it, and why it is harmless there.
ALLOWED = {
    "exec": {"lower/numpy_backend.py"},  # programs written by symdl: internal names and numbers only (test_names_never_reach_programs_as_code)
    "compile": {"lower/numpy_backend.py"},
    "eval": set(),
    "__import__": set(),
    "parse_expr": set(),
    "import_module": {"later.py", "shipped.py", "scripts.py", "prove/sources.py"},  # names that stand in symdl's own source
    "literal_eval": {"lower/native/functions.py"},  # of symdl's own source
    "exec_module": {"scripts.py"},  # derivation scripts, which are the user's programs
    "loads": {"saved/files.py", "train/files.py", "train/checkpoint.py", "data/__init__.py"},  # json's
    "CDLL": {"lower/native/toolchain.py", "lower/native/blas.py"},  # what symdl has compiled itself, and NumPy's own library
    "Popen": set(),
    "system": set(),
}
MODULES = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "yaml", "code", "codeop"}


def calls():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield path.relative_to(PACKAGE).as_posix(), node


def called(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Call):
        return None
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute):
        # re.compile and expr.eval are something else
        outer = function.value.id if isinstance(function.value, ast.Name) else ""
        return None if function.attr in ("compile", "eval", "lambdify", "exec") and outer not in ("builtins", "sp", "sympy") else function.attr
    return None


def test_what_runs_text_stands_in_known_places_only():
    found = [(where, called(node), node.lineno) for where, node in calls() if called(node) in ALLOWED]
    strange = [f for f in found if f[0] not in ALLOWED[f[1]]]
    assert not strange, strange
    assert any(f[1] == "exec" for f in found)  # the search sees what it looks for


def test_nothing_is_pickled():
    for where, node in calls():
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {n.split(".")[0] for n in names} & MODULES, where
        if called(node) == "load" and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id == "np":
            assert any(k.arg == "allow_pickle" and k.value.value is False for k in node.keywords), where
        assert not any(isinstance(k, ast.keyword) and k.arg == "allow_pickle" and k.value.value is not False for k in getattr(node, "keywords", [])), where


def test_sympy_is_never_handed_a_literal_text_to_read():
    for where, node in calls():
        if called(node) in ("sympify", "S", "N", "nsimplify") and node.args:
            assert not (isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)), where


# --- texts in every place ---------------------------------------------------------------------------------------------

n = sd.dims("n")
x, A, s = sd.tensor("x", n), sd.tensor("A", n, n), sd.tensor("s")
q, M = sp.Symbol("q"), sp.MatrixSymbol("M", 3, 3)
GOOD = [x, A, s, q, q**2, M, sd.tensor("B", 2, 4, 6, 6), sd.tensor("b", 2, 4, 6), 2]
TEXT = "__import__('os')"
#: A text alone, and within everything that may hold it.
TEXTS = [TEXT, (TEXT,), [TEXT, 1], {"x": TEXT}, {TEXT: 1}, (TEXT, 0, 1), np.array(TEXT), np.array([TEXT], dtype=object), slice(TEXT, None)]
#: These read files or run scripts, as they are there for.
FILES = {"save", "load"}


@pytest.fixture
def reached(monkeypatch):
    """Calls of SymPy's reader of text."""
    import sympy.parsing.sympy_parser as reader

    seen: list[str] = []

    def trap(*args, **_):
        seen.append(str(args[:1]))
        raise ValueError("text was handed to SymPy's reader")

    monkeypatch.setattr(reader, "parse_expr", trap)
    monkeypatch.setattr(reader, "eval_expr", trap)
    return seen


def quietly(function, *args, **options):
    """Called; whatever it says is looked at elsewhere (test_wrong_arguments.py)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = function(*args, **options)
            if isinstance(made, sd.Expr):
                str(made)
        except Exception:
            return


def parameters(function):
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None


PUBLIC = [name for name in sd.__all__ if callable(getattr(sd, name)) and name not in FILES and not name.endswith(("Error", "Error_"))]


def test_the_trap_works(reached):
    quietly(sp.sympify, "q")
    assert reached


@pytest.mark.parametrize("name", PUBLIC)
def test_texts_in_every_place_of_every_function(name, reached):
    function = getattr(sd, name)
    known = parameters(function)
    if known is None:
        return
    rng = random.Random(name)
    plain = [p for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in plain if p.default is p.empty] or plain[:1]
    for text in TEXTS:
        others = [rng.choice(GOOD) for _ in needed]
        for k in range(len(needed)):
            quietly(function, *others[:k], text, *others[k + 1 :])
        for p in known:
            if p.default is not p.empty or p.kind == p.KEYWORD_ONLY:
                quietly(function, *[o for o, r in zip(others, needed, strict=True) if r.name != p.name], **{p.name: text})
            elif p.kind == p.VAR_POSITIONAL:
                quietly(function, *others, text)
                quietly(function, *others, text, text)
            elif p.kind == p.VAR_KEYWORD:
                quietly(function, *others, **{"x": text})
    assert not reached, reached[0]


def test_texts_in_operators_and_methods(reached):
    import operator

    made = [operator.add, operator.mul, operator.sub, operator.truediv, operator.pow, operator.matmul, operator.getitem, operator.eq, operator.lt]
    for expr in (x, A, s, x[sd.indices("i")]):
        for text in TEXTS:
            for operation in made:
                quietly(operation, expr, text)
                quietly(operation, text, expr)
            for name in dir(sd.Expr):
                if not name.startswith("_") and callable(getattr(sd.Expr, name)):
                    quietly(getattr(expr, name), text)
                    quietly(getattr(expr, name), text, text)
    assert not reached, reached[0]


def test_texts_given_to_a_derivation(reached):
    derived = sd.derive(sd.sum(x**2), x)
    for text in TEXTS:
        quietly(lambda text=text: derived[text])
        for name in dir(type(derived)):
            if not name.startswith("_") and name != "save" and callable(getattr(type(derived), name)):
                quietly(getattr(derived, name), text)
    assert not reached, reached[0]


@pytest.mark.parametrize("function", [sd.exp, sd.sigmoid, sd.sqrt, sd.abs, sd.elu, sd.log])
@pytest.mark.parametrize("value", [TEXT, "1", "", [TEXT], (TEXT,), np.array([TEXT], dtype=object), {"a": TEXT}])
def test_functions_refuse_texts_in_one_line(function, value):
    with pytest.raises(sd.SymdlError) as caught:
        function(value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_an_index_of_a_stored_expression_is_no_text():
    import json

    stored = json.loads(sd.to_json(x * 2))
    for entry in (TEXT, "1", [1], None, 0.5, True, {"letter": "j"}, -(2**40), 7):
        stored["expressions"][""]["map"] = [entry]
        with pytest.raises(sd.SymdlError):
            sd.from_json(json.dumps(stored))
