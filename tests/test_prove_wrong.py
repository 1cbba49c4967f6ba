"""What is nearly right is never proved: wrong from some size on, for some class numbers, in a tiny region, by a tiny number."""

import pytest
import sympy as sp

import symdl as sd
from symdl.prove.equal import prove

n, p, h = sd.dims("n p h")
i = sd.indices("i")
z, v, c, d = (sd.tensor(s) for s in "zvcd")
x, A = sd.tensor("x", n), sd.tensor("A", n, n)
s, at = sd.sigmoid, sd.position(n)
tiny = sp.Rational(1, 10**30)
doubled = sd.sum(sd.sin(2 * x)), 2 * sd.sum(sd.sin(x) * sd.cos(x))

WRONG = {
    "from n = 4": ((n - 1) * (n - 2) * (n - 3) * sd.sum(x), sd.zeros()),
    "from n = 4, with angles": (doubled[0] + (n - 1) * (n - 2) * (n - 3) * sd.sum(x), doubled[1]),
    "from n = 8, with angles": (doubled[0] * (1 + sp.prod([n - k for k in range(1, 8)])), doubled[1]),
    "from n = 8": (sd.sum(sd.where(at - 6, x, 0)), sd.zeros()),
    "from n = 52": (sd.sum(sd.where(at - 50, x, 0)), sd.zeros()),
    "from n = 52, with angles": (sd.sum(sd.sin(2 * x) * (1 + sd.positive(at - 50))), doubled[1]),
    "a window of six": (sd.sum(x[i] * x[i + 5], i), sd.zeros()),
    "the sixth": (sd.sum(sd.sin(2 * x) * (1 + sd.iszero(at - 5))), doubled[1]),
    "where p = h only": (sd.sum(sd.ones(p, h)), p**2 * sd.ones()),
    "a determinant at n = 3": (sd.det(2 * A), 8 * sd.det(A)),
    "a determinant up to n = 3": (sd.det(-A), (-1) ** n * sd.det(A) * (1 + (n - 1) * (n - 2) * (n - 3))),
    "an even root": ((z**2) ** (n / 2), z**n),
    "from class 3": (c * (c - 1) * (c - 2) * sd.sum(x * sd.iszero(at - c)), sd.zeros()),
    "classes that are far apart": (sd.iszero(c - d) + sd.iszero(c - d - 1) + sd.iszero(c - d + 1), 1 + 0 * c),
    "classes five apart": (sd.iszero(c - d - 5), 0 * c),
    "classes of a weighted sum": (sd.iszero(2 * c + d - 6), 0 * c),
    "roots of a polynomial": (sd.iszero(c * c - 9), 0 * c),
    "one half": (z + sd.iszero(z - sp.Rational(1, 2)), z),
    "three": (z + sd.iszero(z - 3), z),
    "beyond 10**6": (s(z) + sd.relu(z - 10**6), s(z)),
    "beyond 10**40": (s(z) + sd.relu(z - 10**40), s(z)),
    "a narrow bell": (s(z) + sd.exp(-(z**2) * 10**8), s(z)),
    "a narrow bell far away": (s(z) + sd.exp(-((z - 1000) ** 2) * 10**8), s(z)),
    "between 1 and 1 + 10**-30": (s(z) + sd.positive(z - 1) * sd.positive(1 + tiny - z), s(z)),
    "between 5 and 5 + 10**-9": (s(z) + sd.relu(z - 5) * sd.relu(5 + sp.Rational(1, 10**9) - z), s(z)),
    "10**-300": (s(z) + sp.Rational(1, 10**300), s(z)),
    "10**-15": (s(z) * (1 + sp.Rational(1, 10**15)), s(z)),
    "under a root": (sd.sqrt(z**2 + tiny**2), sd.abs(z)),
    "a product of primes": (z * sp.prod(list(sp.primerange(2**30, 2**30 + 600))), 0 * z),
    "digits of pi": (sd.sin(z + sp.pi), sd.sin(z + sp.Rational(314159265358979323846264338327950288, 10**35))),
    "inverse angles below zero": (sd.arctan(z) + sd.arctan(1 / z), sp.pi / 2 + 0 * z),
    "a steep step": (sd.tanh(10**9 * z), sd.sign(z)),
    "a sharp maximum": (sd.logsumexp(10**12 * x) / 10**12, sd.max(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_refuted_with_a_witness(name):
    verdict = prove(*WRONG[name])
    assert verdict.verdict == "REFUTED", str(verdict)
    assert verdict.sides[0] != verdict.sides[1]


def test_what_was_looked_at_beyond_the_sizes_of_the_proof_is_told():
    verdict = prove(*[sd.sum(sd.cos(x) ** 4), sd.sum(3 + 4 * sd.cos(2 * x) + sd.cos(4 * x)) / 8])
    assert verdict.proved
    assert "every size" in verdict.method or "agreement in floats at n = 4" in verdict.method
