"""sd.prove(..., exact=True): a certificate over the rational numbers, by python-flint."""

import sys

import pytest
import sympy as sp

import symdl as sd
from symdl.prove.equal import prove
from symdl.prove.exact import certified
from symdl.prove.problem import Equality
from symdl.prove.stop import Clock, Stop

n = sd.dims("n")
z, v, pos = sd.tensor("z"), sd.tensor("v"), sd.tensor("pos", facts="positive")
x, A = sd.tensor("x", n), sd.tensor("A", 3, 3)
s = sd.sigmoid

TRUE = {
    "symmetry of the sigmoid": (s(-z), 1 - s(z)),
    "tower of exponentials": (sd.exp(v * s(z)) * sd.exp(v * s(-z)), sd.exp(v)),
    "halves": (sd.exp(z), sd.exp(z / 2) ** 2),
    "log of a number": (sd.log(12 * sd.exp(z)), z + 2 * sp.log(2) + sp.log(3)),
    "double angle": (sd.sin(2 * z), 2 * sd.sin(z) * sd.cos(z)),
    "erf is odd": (sd.erf(-z * v), -sd.erf(v * z)),
    "abs by relu": (sd.abs(z), sd.relu(z) + sd.relu(-z)),
    "a root of a positive": (sd.sqrt(4 * pos), 2 * sd.sqrt(pos)),
    "inverse": (sd.inv(A) @ A, sd.eye(3)),
    "sums": (sd.sum(sd.cos(x) ** 2), sd.sum(1 + sd.cos(2 * x)) / 2),
}
FALSE = {
    "a tiny number": (s(-z), 1 - s(z) + sp.Rational(1, 10**40)),
    "a multiple of many primes": (z * sp.prod(list(sp.primerange(2**30, 2**30 + 600))), 0 * z),
    "a case": (sd.abs(z), z),
    "determinant": (sd.det(A), sd.det(2 * A) / 2),
    "an angle": (sd.sin(2 * z), 2 * sd.sin(z)),
}


@pytest.mark.parametrize("name", TRUE)
def test_right_is_certified(name):
    pytest.importorskip("flint")
    problem = Equality(*map(sd.expr.tensor.as_expr, TRUE[name]))
    assert certified(problem, dict.fromkeys(problem.dims, 3), Clock(5))


@pytest.mark.parametrize("name", FALSE)
def test_wrong_is_not(name):
    pytest.importorskip("flint")
    problem = Equality(*map(sd.expr.tensor.as_expr, FALSE[name]))
    assert not certified(problem, dict.fromkeys(problem.dims, 3), Clock(5))
    assert prove(*FALSE[name], exact=True).verdict == "REFUTED"


def test_the_verdict_says_which_test_it_was():
    pytest.importorskip("flint")
    question = sd.sin(z + v) + sd.log(1 + sd.exp(z)), sd.sin(z) * sd.cos(v) + sd.cos(z) * sd.sin(v) + z + sd.log(1 + sd.exp(-z))
    assert "error < 1e-30" in sd.prove(*question).method
    assert "over the rational numbers, by python-flint" in sd.prove(*question, exact=True).method


def test_a_root_of_a_square_has_no_certificate():
    """h or -h: which of them, is not a question of rational functions."""
    pytest.importorskip("flint")
    with pytest.raises(Stop):
        certified(Equality(sd.sqrt((z + 1) ** 2), z + 1), {}, Clock(5))
    assert prove(sd.sqrt((z + 1) ** 2), z + 1, exact=True).verdict == "REFUTED"


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(sd.SymdlError, match=r"python-flint: pip install 'symdl\[prove\]'"):
        sd.prove(s(-z), 1 - s(z), exact=True)
    assert sd.prove(s(-z), 1 - s(z)).proved
