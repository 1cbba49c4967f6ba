"""Every public name says what it gives, what it takes, and what it raises; its examples run."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import pydoc
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from docstring_rules import faults, listed, sections

import symdl as sd
from symdl import api_page, extend
from symdl.api_page import members, plain
from symdl.functions import BY_CLASS, TABLE
from symdl.functions.described import docstring

NAMES = api_page.names()

#: What public functions give back, beside the classes that have a name in symdl.
GIVEN = api_page.given()

CLASSES = {n: getattr(sd, n) for n in NAMES if inspect.isclass(getattr(sd, n)) and getattr(sd, n).__module__ != "symdl.functions"} | GIVEN


def signature_of(made: Any) -> inspect.Signature | None:
    """None for what is read and not called."""
    return None if isinstance(made, (property, cached_property)) else inspect.signature(plain(made))


def all_faults() -> list[str]:
    found: list[str] = []
    for name in NAMES:
        made = getattr(sd, name)
        if name not in CLASSES:
            found += faults(name, made.__doc__, inspect.signature(made), example=True)
    for name, cls in CLASSES.items():
        error = issubclass(cls, Exception)
        found += faults(name, cls.__doc__, None, example=name in NAMES and not error)
        for method, made in members(cls) if not error else []:
            found += faults(f"{name}.{method}", plain(made).__doc__, signature_of(made), example=False)
    return found


def test_every_public_name_has_parameters_returns_and_an_example():
    assert not all_faults()


@pytest.mark.parametrize("name", [*CLASSES])
def test_classes_say_what_they_hold(name):
    cls = CLASSES[name]
    if "__dataclass_fields__" in vars(cls):
        found = sections(cls.__doc__)
        assert listed(found.get("Attributes") or found.get("Parameters", [])) == list(cls.__dataclass_fields__), name


def examples() -> Iterator[Any]:
    """Docstrings that have examples, of all public names and methods."""
    known = {name: getattr(sd, name).__doc__ for name in NAMES} | {name: cls.__doc__ for name, cls in GIVEN.items()}
    known |= {f"{name}.{method}": plain(made).__doc__ for name, cls in CLASSES.items() for method, made in members(cls)}
    parser = doctest.DocTestParser()
    for name, doc in known.items():
        if isinstance(doc, str) and parser.get_examples(doc):
            yield pytest.param(doc, id=name)


def run(doc: str, name: str) -> tuple[int, str]:
    """How many examples of a docstring fail, and what doctest says of them."""
    made = doctest.DocTestParser().get_doctest(inspect.cleandoc(doc), {"sd": sd, "np": np}, name, None, None)
    said = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    return runner.run(made, out=said.write).failed, said.getvalue()


@pytest.mark.parametrize("doc", [*examples()])
def test_examples_give_what_they_show(doc, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, said = run(doc, request.node.callspec.id)
    assert not failed, said


def planted(x: Any, weight: Any = None, *over: Any) -> Any:
    """x, weighted.

    Parameters
    ----------
    x : Expr
    *over : index letters

    Returns
    -------
    Expr

    Examples
    --------
    >>> 1 + 1
    3
    """


def test_the_checker_sees_a_missing_parameter_and_a_wrong_example():
    (fault,) = faults("planted", planted.__doc__, inspect.signature(planted), example=True)
    assert "weight" in fault
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(planted.__doc__, "planted")[0] == 1


@pytest.mark.parametrize(
    "old, new",
    [
        ("    *over : index letters\n", "    *over : index letters\n    more : int\n"),
        ("*over", "over"),
        ("    Returns\n    -------\n    Expr\n", ""),
        (">>> 1 + 1\n    3", "none"),
        ("x, weighted.", "x, weighted"),
        ("    Returns\n    -------", "    Raises\n    ------\n    NoError\n\n    Returns\n    -------"),
    ],
)
def test_the_checker_sees_other_faults(old, new):
    whole = planted.__doc__.replace("    *over", "    weight : Expr, optional\n    *over")
    assert not list(faults("planted", whole, inspect.signature(planted), example=True))
    assert old in whole
    assert list(faults("planted", whole.replace(old, new), inspect.signature(planted), example=True))


#: What stands in a docstring for something of another package.
FOREIGN = re.compile(r"\b(numpy|scipy|torch|jax|sympy)((?:\.[A-Za-z_]\w*)+)")


def mentioned() -> set[tuple[str, str]]:
    docs = [getattr(sd, name).__doc__ for name in NAMES] + [plain(m).__doc__ for cls in CLASSES.values() for _, m in members(cls)]
    return {found for doc in docs if doc for found in FOREIGN.findall(doc)}


@pytest.mark.parametrize("package", ["numpy", "scipy", "torch", "jax", "sympy"])
def test_names_of_other_packages_are_names_of_theirs(package):
    pytest.importorskip(package)
    for home, path in sorted(mentioned()):
        if home != package:
            continue
        made: Any = importlib.import_module(home)
        for part in path.strip(".").split("."):
            if not hasattr(made, part):
                made = importlib.import_module(f"{made.__name__}.{part}")  # an error names it
            made = getattr(made, part, made)


# --- functions of the table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in TABLE if n not in sd.__all__ and TABLE[n].sympy.__module__ == "symdl.functions"])
def test_functions_of_the_table_that_have_no_public_name(name):
    made = TABLE[name].sympy
    if name == "where":  # public as a function of its own
        return
    assert not list(faults(name, made.__doc__, inspect.signature(made), example=True))
    failed, said = run(made.__doc__, name)
    assert not failed, said


@pytest.fixture
def registered():
    """A function that came in from outside, taken back afterwards."""
    name = "described_by_its_entry"
    made = extend.function(
        name,
        definition=lambda z: z / (1 + sp.exp(-z)),
        derivative=lambda z: sd.sigmoid(z) * (1 + z * (1 - sd.sigmoid(z))),
        numpy=TABLE["silu"].numpy,
        source="A paper.",
    )
    yield name, made
    del TABLE[name], BY_CLASS[made]


def test_a_registered_function_has_a_docstring_of_the_same_kind(registered):
    name, made = registered
    assert not list(faults(name, made.__doc__, inspect.signature(made), example=True))
    assert made.__doc__.startswith(f"{name}(z) = z/(1 + exp(-z))")
    assert "Derivative: " in made.__doc__ and sections(made.__doc__)["References"][0] == "A paper."
    failed, said = run(made.__doc__, name)
    assert not failed, said


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_the_docstring_and_the_signature(name):
    made = getattr(sd, name)
    shown = pydoc.plain(pydoc.render_doc(made))
    assert inspect.cleandoc(made.__doc__).splitlines()[0] in shown
    assert name in CLASSES or str(inspect.signature(made)) in shown
    assert made.__name__ == name or name == "logsigmoid"  # PyTorch's name of log_sigmoid


def test_docstrings_of_functions_are_written_when_asked_for():
    assert sd.sigmoid.__doc__ == docstring(TABLE["sigmoid"]) == sd.sigmoid(sd.tensor("x").sympy).__doc__
    assert sd.exp.__doc__ == docstring(TABLE["exp"])
    assert str(inspect.signature(sd.elu)) == "(z, /, alpha=1)"
    assert str(inspect.signature(sd.maximum)) == "(a, b, /)"


def test_a_docstring_says_kinks_domain_parameters_and_source():
    assert "At z = 0: value 0; derivative alpha (from below)." in sd.elu.__doc__
    assert "Clevert et al. 2016" in sd.elu.__doc__
    assert "z > 0" in sections(sd.log.__doc__)["Parameters"][1]
    assert listed(sections(sd.hardtanh.__doc__)["Parameters"]) == ["z", "min_val", "max_val"]


def test_the_page_of_public_names_is_that_of_the_docstrings():
    page = (Path(__file__).parent.parent / "docs" / "api.md").read_text("utf-8")
    assert api_page.markdown() == page, "python -m symdl.api_page > docs/api.md"
    assert all(f"`{name}" in page for name in NAMES)


def test_every_public_name_stands_in_one_group_and_no_group_is_empty():
    titles = {api_page.group_of(getattr(sd, name)) for name in NAMES}
    assert titles == set(api_page.GROUPS)
